//! A line to stand in: so many at once are served, in the order in which they joined.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The line.
#[derive(Debug)]
pub(super) struct Line {
    at_once: usize,
    tickets: RefCell<VecDeque<Rc<Ticket>>>,
}

/// Who stands in it, and how to wake whoever waits.
#[derive(Debug, Default)]
struct Ticket {
    waker: RefCell<Option<Waker>>,
}

/// A place in a line, until it is dropped.
#[derive(Debug)]
pub struct Place {
    line: Rc<Line>,
    ticket: Rc<Ticket>,
}

impl Line {
    /// A line that serves so many at once.
    pub(super) fn serving(at_once: usize) -> Rc<Self> {
        Rc::new(Self { at_once, tickets: RefCell::default() })
    }

    /// Joins it at its end.
    pub(super) fn join(self: &Rc<Self>) -> Place {
        let ticket = Rc::new(Ticket::default());
        self.tickets.borrow_mut().push_back(Rc::clone(&ticket));
        Place { line: Rc::clone(self), ticket }
    }
}

impl Place {
    /// Waits for its turn, which lasts until the place is given up.
    pub async fn turn(&self) {
        poll_fn(|context| {
            let tickets = self.line.tickets.borrow();
            let mut served = tickets.iter().take(self.line.at_once);
            if served.any(|ticket| Rc::ptr_eq(ticket, &self.ticket)) {
                return Poll::Ready(());
            }
            *self.ticket.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tickets = self.line.tickets.borrow_mut();
        tickets.retain(|ticket| !Rc::ptr_eq(ticket, &self.ticket));
        // Whoever has moved up to be served. The others were woken before.
        let next = tickets.get(self.line.at_once.saturating_sub(1));
        let waker = next.and_then(|ticket| ticket.waker.borrow_mut().take());
        drop(tickets);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
