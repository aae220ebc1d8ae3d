//! A desk where questions of one kind are collected, so that one call asks many.

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::model::unknown::CallFailed;

type Answer<A> = Result<A, CallFailed>;

/// Questions that wait to be asked.
#[derive(Debug)]
pub(super) struct Desk<Q, A> {
    asked: RefCell<Vec<Asked<Q, A>>>,
}

/// A question, and where its answer goes.
#[derive(Debug)]
pub(super) struct Asked<Q, A> {
    question: Q,
    slot: Rc<RefCell<Slot<A>>>,
}

#[derive(Debug)]
struct Slot<A> {
    answer: Option<Answer<A>>,
    waker: Option<Waker>,
}

impl<Q, A> Default for Desk<Q, A> {
    fn default() -> Self {
        Self { asked: RefCell::default() }
    }
}

impl<Q: Clone + PartialEq, A: Clone> Desk<Q, A> {
    /// Leaves a question here, and waits for its answer.
    pub(super) async fn ask(&self, question: Q) -> Answer<A> {
        let slot = Rc::new(RefCell::new(Slot { answer: None, waker: None }));
        self.asked.borrow_mut().push(Asked { question, slot: Rc::clone(&slot) });
        poll_fn(|context| {
            let mut slot = slot.borrow_mut();
            if let Some(answer) = slot.answer.take() {
                return Poll::Ready(answer);
            }
            slot.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Everything that was asked here, in parts of at most so many.
    pub(super) fn collect(&self, most: usize) -> Vec<Vec<Asked<Q, A>>> {
        let mut asked = mem::take(&mut *self.asked.borrow_mut());
        let mut parts = Vec::new();
        while asked.len() > most {
            let later = asked.split_off(most);
            parts.push(mem::replace(&mut asked, later));
        }
        if !asked.is_empty() {
            parts.push(asked);
        }
        parts
    }

    /// Everything that was asked here, in a part for each question.
    pub(super) fn collect_each(&self) -> Vec<Vec<Asked<Q, A>>> {
        let mut parts: Vec<Vec<Asked<Q, A>>> = Vec::new();
        for one in mem::take(&mut *self.asked.borrow_mut()) {
            let same = |part: &&mut Vec<Asked<Q, A>>| {
                part.first().is_some_and(|first| first.question == one.question)
            };
            match parts.iter_mut().find(same) {
                Some(part) => part.push(one),
                None => parts.push(vec![one]),
            }
        }
        parts
    }
}

/// What was asked, in parts of at most so many that are all alike.
pub(super) fn alike<Q, A>(
    asked: Vec<Asked<Q, A>>,
    most: usize,
    alike: impl Fn(&Q, &Q) -> bool,
) -> Vec<Vec<Asked<Q, A>>> {
    let mut parts: Vec<Vec<Asked<Q, A>>> = Vec::new();
    for one in asked {
        let takes = |part: &&mut Vec<Asked<Q, A>>| {
            part.len() < most && part.iter().all(|other| alike(&other.question, &one.question))
        };
        match parts.iter_mut().find(takes) {
            Some(part) => part.push(one),
            None => parts.push(vec![one]),
        }
    }
    parts
}

/// Asks what was collected: one question by itself as ever, and more of them at once. What is
/// asked twice is asked once.
pub(super) async fn answer<Q: Clone + PartialEq, A: Clone>(
    asked: Vec<Asked<Q, A>>,
    one: impl AsyncFnOnce(&Q) -> Answer<A>,
    many: impl AsyncFnOnce(&[Q]) -> Vec<Answer<A>>,
) {
    let mut questions: Vec<Q> = Vec::new();
    let mut places = Vec::new();
    for Asked { question, .. } in &asked {
        let place = questions.iter().position(|other| other == question);
        places.push(place.unwrap_or(questions.len()));
        if place.is_none() {
            questions.push(question.clone());
        }
    }
    let answers = match questions.as_slice() {
        [question] => vec![one(question).await],
        questions => many(questions).await,
    };
    for (Asked { slot, .. }, place) in asked.into_iter().zip(places) {
        let mut slot = slot.borrow_mut();
        // Fewer answers than questions would be a mistake of ours, and no word of the world's.
        slot.answer = Some(answers.get(place).cloned().unwrap_or_else(|| Err(unanswered())));
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }
}

fn unanswered() -> CallFailed {
    CallFailed { call: "remedy:LookAtMany", why: "the answer has no place for it".to_owned() }
}
