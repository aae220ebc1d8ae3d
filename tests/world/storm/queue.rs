//! The queue that alarms come through, and how Lambda takes from it for the intake.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use jiff::SignedDuration;

/// The most that one batch has, what a batch is gathered for, and how many are taken at once: what
/// the template sets (`BatchSize`, `MaximumBatchingWindowInSeconds`, `MaximumConcurrency`).
pub(crate) const BATCH_MAX: usize = 100;
pub(super) const WINDOW: SignedDuration = SignedDuration::from_secs(1);
const AT_ONCE_MAX: usize = 2;

/// So long after it was taken a message without an answer comes again, and so often it is taken:
/// what the template sets (`VisibilityTimeout`, `maxReceiveCount`).
pub(crate) const COMES_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(361);
pub(crate) const TAKEN_MAX: u32 = 5;

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// By which the queue knows it.
    pub(super) id: String,
    /// An alarm's event.
    pub(super) body: Rc<str>,
    /// How often it was taken before.
    taken: u32,
}

/// The messages that nobody has taken, and how many batches are under way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Message>,
    under_way: usize,
    is_gathered: bool,
    arrived: usize,
}

impl Queue {
    /// An alarm's event arrives.
    pub(super) fn arrives(&mut self, body: Rc<str>) {
        self.arrived += 1;
        self.waiting.push_back(Message { id: format!("m{}", self.arrived), body, taken: 0 });
    }

    /// A message is to be seen again.
    pub(super) fn returns(&mut self, message: Message) {
        self.waiting.push_back(message);
    }

    /// Whether a batch is to be gathered from now on.
    pub(super) fn begins_window(&mut self) -> bool {
        let begins = !self.waiting.is_empty() && !self.is_gathered;
        self.is_gathered |= begins;
        begins
    }

    /// The window is over.
    pub(super) fn ends_window(&mut self) {
        self.is_gathered = false;
    }

    /// A batch, if a place is free for it: a full one, or after a window whatever there is.
    pub(super) fn batch(&mut self, window_is_over: bool) -> Option<Vec<Message>> {
        let is_due = self.waiting.len() >= BATCH_MAX || window_is_over;
        if !is_due || self.waiting.is_empty() || self.under_way >= AT_ONCE_MAX {
            return None;
        }
        self.under_way += 1;
        let many = self.waiting.len().min(BATCH_MAX);
        let taken = self.waiting.drain(..many);
        Some(taken.map(|message| Message { taken: message.taken + 1, ..message }).collect())
    }

    /// A batch has an answer, which names those that come `again`; without one it is all of it.
    /// Gives those that come again, and how many are lost.
    pub(super) fn answered(
        &mut self,
        batch: Vec<Message>,
        again: Option<&BTreeSet<String>>,
    ) -> (Vec<Message>, usize) {
        self.under_way -= 1;
        let comes = |message: &Message| again.is_none_or(|again| again.contains(&message.id));
        let again: Vec<Message> = batch.into_iter().filter(comes).collect();
        let (again, lost): (Vec<_>, Vec<_>) =
            again.into_iter().partition(|message| message.taken < TAKEN_MAX);
        (again, lost.len())
    }
}
