//! A storm: many alarms at once in a region whose quotas count, each followed to its end. Alarms
//! come through the queue in batches, or are delivered one by one as Lambda delivers an alarm's
//! own action; the heartbeat comes each minute, and calls take time.

mod came;
pub mod command;
mod queue;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::InstanceId;
use remedy::model::incident::Incident;
use remedy::model::pool::POOL_TAG;

pub use self::came::{Came, TABLE};
pub(crate) use self::queue::{BATCH_MAX, COMES_AGAIN_AFTER, TAKEN_MAX};
use self::queue::{Message, Queue, WINDOW};
use crate::Region;
use crate::drive::{FollowUp, Function, Intake, TIMEOUT, Woken, within};
use crate::host::{Host, Trouble};
use crate::quota::Quotas;
use crate::watch::Watch;

/// When every storm begins, in seconds since 1970: 2026-11-20T03:00:00Z.
const BEGINS: i64 = 1_795_143_600;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The heartbeat comes so long after each minute's beginning.
const BEATS_AT: SignedDuration = SignedDuration::from_secs(40);

/// Functions that run at once: what an account has (Lambda developer guide, "Lambda quotas").
const AT_ONCE_MAX: usize = 1_000;

/// Lambda tries an event so often, and waits a minute before the second and two before the third
/// (Lambda developer guide, "How Lambda handles errors and retries with asynchronous
/// invocation").
const TRIES_MAX: u32 = 3;

/// No storm takes longer: an incident runs out of time after three hours.
const LASTS_MAX: SignedDuration = SignedDuration::from_hours(5);

/// A fleet whose hosts fall ill in the same minute.
#[derive(Debug)]
pub struct Storm {
    /// The region.
    pub region: Region,
    /// Its hosts.
    pub hosts: Vec<InstanceId>,
    /// The function that hears of them.
    pub function: Function,
    /// How it hears of them.
    pub road: Road,
}

/// How alarms reach a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Through the queue, to the intake.
    Queue,
    /// Each by itself, to the function of its symptom.
    Action,
}

/// Something to do at a time.
enum Act {
    Evaluate,
    Beat,
    Deliver(Rc<str>, u32),
    Gathered,
    Return(Message),
}

/// An invocation that has come to its end.
enum Landed {
    /// Of an event: whether it has an answer.
    Answered(Rc<str>, u32, bool),
    /// Of a batch: which of its messages come again, if it has an answer.
    Batch(Vec<Message>, Option<BTreeSet<String>>, Timestamp),
    /// Of the heartbeat.
    Beat,
}

type Flight<'a> = Pin<Box<dyn Future<Output = (Landed, SignedDuration)> + 'a>>;

impl Storm {
    /// So many hosts in this trouble, each in a pool of its own.
    pub fn of(count: usize, trouble: Trouble) -> Self {
        let start = Timestamp::from_second(BEGINS).unwrap_or_default();
        let region = Region::new(start);
        region.transcribe(false);
        let ids = (1..=count).filter_map(|n| InstanceId::new(format!("i-{n:017x}")).ok());
        let hosts: Vec<InstanceId> = ids.collect();
        for id in &hosts {
            let mut host = Host::healthy("eu-central-1a");
            host.instance.tags.insert(POOL_TAG.to_owned(), id.to_string());
            host.trouble = Some(trouble);
            region.add_host(id.clone(), host);
            let mut watch = Watch::new(trouble.symptom, id.clone(), start);
            watch.name = format!("{}-{id}", trouble.symptom);
            region.add_watch(watch);
        }
        let function = Function::new(trouble.symptom);
        Self { region, hosts, function, road: Road::Queue }
    }

    /// The same by another road.
    #[must_use]
    pub fn by(self, road: Road) -> Self {
        Self { road, ..self }
    }

    /// The newest incident of each host that had one.
    pub fn incidents(&self) -> Vec<Incident> {
        self.hosts.iter().filter_map(|id| self.region.incident(id)).collect()
    }

    /// Whether it is not over.
    pub fn rages(&self) -> bool {
        let state = self.region.state.borrow();
        let (mut had, mut open) = (0, false);
        for incident in state.book.all_latest() {
            had += 1;
            open |= incident.stage.is_open();
        }
        open || had < self.hosts.len()
    }

    /// It rages until its last incident has ended, with what AWS grants: nothing of it is known
    /// by hints.
    pub fn rage(&self, quotas: Quotas) -> Came {
        self.region.grant(quotas);
        let begins = self.region.now();
        Play {
            storm: self,
            beats: FollowUp::default(),
            agenda: RefCell::default(),
            arranged: Cell::new(0),
            flights: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            queue: Queue::default(),
            came: Came::new(self.hosts.len(), begins),
        }
        .run(begins)
    }
}

/// A storm under way.
struct Play<'a> {
    storm: &'a Storm,
    beats: FollowUp,
    agenda: RefCell<BTreeMap<(Timestamp, u64), Act>>,
    arranged: Cell<u64>,
    flights: FuturesUnordered<Flight<'a>>,
    waiting: VecDeque<(Rc<str>, u32)>,
    queue: Queue,
    came: Came,
}

impl Play<'_> {
    fn arrange(&self, at: Timestamp, act: Act) {
        self.arranged.set(self.arranged.get() + 1);
        self.agenda.borrow_mut().insert((at, self.arranged.get()), act);
    }

    fn run(mut self, begins: Timestamp) -> Came {
        let region = &self.storm.region;
        self.arrange(begins + MINUTE, Act::Evaluate);
        self.arrange(begins + MINUTE + BEATS_AT, Act::Beat);
        let woken = Woken::begins();
        let waker = Waker::from(Arc::clone(&woken));
        while self.land(&waker, &woken) {
            assert!(region.now().duration_since(begins) < LASTS_MAX, "it rages on");
            let next = self.agenda.borrow().first_key_value().map(|(key, _)| *key);
            let Some(key) = next else { break };
            if region.next_wake().is_some_and(|wake| wake <= key.0) {
                region.wakes();
                continue;
            }
            region.pass_until(key.0);
            let act = self.agenda.borrow_mut().remove(&key);
            if let Some(act) = act {
                self.act(act);
            }
        }
        let (counted, quotas) = (region.counted(), region.quotas().unwrap_or_default());
        let ends = self.storm.incidents().into_iter().map(|incident| incident.stage);
        self.came.ends_with(ends, &counted, &quotas);
        self.came
    }

    /// Lets everybody go on who can. Gives whether the storm goes on.
    fn land(&mut self, waker: &Waker, woken: &Woken) -> bool {
        let mut context = Context::from_waker(waker);
        let mut over = false;
        loop {
            woken.take();
            match self.flights.poll_next_unpin(&mut context) {
                Poll::Ready(Some((landed, took))) => over |= self.landed(landed, took),
                Poll::Pending if woken.is() => {}
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        !over
    }

    /// What follows from an invocation's end. Gives whether the storm is over.
    fn landed(&mut self, landed: Landed, took: SignedDuration) -> bool {
        let region = &self.storm.region;
        self.came.note(&region.take_effects());
        self.came.ran(took, matches!(landed, Landed::Batch(..)));
        let _lost = region.take_triggers();
        match landed {
            Landed::Batch(batch, again, taken_at) => {
                let (again, lost) = self.queue.answered(batch, again.as_ref());
                self.came.lost += lost;
                for message in again {
                    self.arrange(taken_at + COMES_AGAIN_AFTER, Act::Return(message));
                }
                self.poll(false);
            }
            Landed::Answered(_, _, true) => {}
            Landed::Answered(event, tries, false) if tries < TRIES_MAX => {
                let later = MINUTE * i32::try_from(tries).unwrap_or(1);
                self.arrange(region.now() + later, Act::Deliver(event, tries + 1));
            }
            Landed::Answered(_, _, false) => self.came.lost += 1,
            Landed::Beat => {
                self.came.ended_by(region.now());
                return !self.storm.rages();
            }
        }
        if let Some((event, tries)) = self.waiting.pop_front() {
            self.deliver(event, tries);
        }
        false
    }

    fn act(&mut self, act: Act) {
        let (region, now) = (&self.storm.region, self.storm.region.now());
        match act {
            Act::Evaluate => {
                let events = region.transitions();
                self.came.began(now, events.len());
                for event in events {
                    match self.storm.road {
                        Road::Queue => self.queue.arrives(event.into()),
                        Road::Action => self.arrange(now, Act::Deliver(event.into(), 1)),
                    }
                }
                self.poll(false);
                self.arrange(now + MINUTE, Act::Evaluate);
            }
            Act::Beat => {
                self.arrange(now + MINUTE, Act::Beat);
                let beats = self.beats.clone();
                self.flights.push(Box::pin(timed(region, async move {
                    let _beat = within(region, TIMEOUT, beats.invoke(region, None)).await;
                    Landed::Beat
                })));
            }
            Act::Gathered => {
                self.queue.ends_window();
                self.poll(true);
            }
            Act::Return(message) => {
                self.queue.returns(message);
                self.poll(false);
            }
            Act::Deliver(event, tries) if self.flights.len() < AT_ONCE_MAX => {
                self.deliver(event, tries);
            }
            Act::Deliver(event, tries) => self.waiting.push_back((event, tries)),
        }
        self.came.at_once = self.came.at_once.max(self.flights.len());
    }

    fn deliver(&self, event: Rc<str>, tries: u32) {
        let (region, function) = (&self.storm.region, &self.storm.function);
        self.flights.push(Box::pin(timed(region, async move {
            let answer = within(region, TIMEOUT, function.invoke(region, &event)).await;
            Landed::Answered(event, tries, matches!(answer, Some(Ok(_))))
        })));
    }

    /// Takes from the queue what there is to take.
    fn poll(&mut self, window_is_over: bool) {
        let (region, now) = (&self.storm.region, self.storm.region.now());
        while let Some(batch) = self.queue.batch(window_is_over) {
            self.flights.push(Box::pin(timed(region, async move {
                let told = |message: &Message| (message.id.clone(), message.body.to_string());
                let messages: Vec<(String, String)> = batch.iter().map(told).collect();
                let intake = Intake::default();
                let taken = within(region, TIMEOUT, intake.invoke(region, &messages)).await;
                let again = taken
                    .and_then(Result::ok)
                    .map(|taken| taken.again.into_iter().map(|again| again.message).collect());
                Landed::Batch(batch, again, now)
            })));
        }
        if self.queue.begins_window() {
            self.arrange(now + WINDOW, Act::Gathered);
        }
        self.came.at_once = self.came.at_once.max(self.flights.len());
    }
}

/// What an invocation comes to, and how long it took.
async fn timed(
    region: &Region,
    invocation: impl Future<Output = Landed>,
) -> (Landed, SignedDuration) {
    let begun = region.now();
    let landed = invocation.await;
    (landed, region.now().duration_since(begun))
}
