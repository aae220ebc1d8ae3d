//! One state of a play, and the round that leads to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};

use crate::Region;
use crate::calls::Call;
use crate::drill::episode::{Act, Answered, TRIES_MAX, invocation};
use crate::drill::promises::{Broken, Cause, Invoked, Moment, Promises};
use crate::drive::together;
use crate::watch::Change;

use super::script::{Bounds, Choices, Script};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// So long after the last thing that happened a play is over: the agenda of the region may
/// still have something that shows by then.
const CALM_AT_THE_END: SignedDuration = SignedDuration::from_mins(20);

/// No play lasts longer: an incident takes 3 hours, and the one that waited behind it
/// another 3.
const LASTS_AT_MOST: SignedDuration = SignedDuration::from_hours(7);

/// More than are ever invoked in one minute, with room between their numbers.
const INVOKED_IN_A_MINUTE: u64 = 1_000;

/// An invocation asks for one number; between those of two is room.
const CALLERS_APART: usize = 10;

/// One state of a play: nothing runs, and everything is known.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) region: Region,
    pub(super) promises: Promises,
    pub(super) left: Bounds,
    /// Who is to be invoked at this instant and was not yet, each with a number of its own.
    pub(super) waiting: Vec<(u64, Act)>,
    /// Events that Lambda delivers again, and for the how manieth time.
    pub(super) late: Vec<(Timestamp, Change, u32)>,
    pub(super) began: Timestamp,
    /// When something was invoked last.
    pub(super) quiet_since: Timestamp,
    /// Whether nothing is left to happen.
    pub(super) over: bool,
}

/// A round that was played.
pub(super) struct Round {
    /// What it came to.
    pub(super) node: Node,
    /// The ways that it took.
    pub(super) script: Script,
    /// The promise that does not hold any more.
    pub(super) broken: Option<Broken>,
    /// What was invoked, for people.
    pub(super) invoked: Vec<String>,
    /// Its calls, for people, if the region writes them down.
    pub(super) calls: Vec<Call>,
}

impl Node {
    /// The beginning of a play in `region`.
    pub(super) fn new(region: Region, left: Bounds) -> Self {
        let now = region.now();
        Self {
            region,
            promises: Promises::default(),
            left,
            waiting: Vec::new(),
            late: Vec::new(),
            began: now,
            quiet_since: now,
            over: false,
        }
    }

    /// Plays one round by `script`: if nobody waits, time passes until somebody is invoked; then
    /// one of them runs to its end, and with it whoever takes turns with it.
    pub(super) fn round(&self, script: Script) -> Round {
        let mut node = self.clone();
        let choices = Choices { script, left: self.left };
        node.region.state.borrow_mut().choices = Some(choices);
        if node.waiting.is_empty() {
            let acts = node.wait();
            node.waiting = (node.first_number()..).step_by(CALLERS_APART).zip(acts).collect();
            node.over = node.waiting.is_empty();
        }
        let invoked = node.invoke();
        let choices = node.region.state.borrow_mut().choices.take();
        let (script, left) = choices.map(|it| (it.script, it.left)).unwrap_or_default();
        node.left = left;
        let broken = {
            let state = node.region.state.borrow();
            let (invoked, meddled) = (invoked.as_slice(), &BTreeMap::new());
            let over = node.over;
            node.promises.watch(&Moment { now: state.now, state: &state, invoked, meddled, over })
        };
        let invoked = invoked.iter().map(|one| one.cause.to_string()).collect();
        let calls = node.region.take_calls();
        Round { node, script, broken, invoked, calls }
    }

    /// The number of the first who is invoked in this minute. It depends on nothing that was
    /// done before, or the order in which others came would tell two states apart.
    fn first_number(&self) -> u64 {
        let minutes = self.region.now().duration_since(self.began).as_mins();
        u64::try_from(minutes).unwrap_or_default() * INVOKED_IN_A_MINUTE
    }

    /// Lets minutes pass until there is somebody to invoke. Nobody is if the play is over.
    fn wait(&mut self) -> Vec<Act> {
        loop {
            self.region.pass(MINUTE);
            let now = self.region.now();
            let mut acts = Vec::new();
            for change in self.region.changes() {
                let times = if self.chooses(Choices::doubles) { 2 } else { 1 };
                acts.extend((0..times).map(|_| Act::Deliver(change.clone(), 1)));
            }
            for (_, change, tries) in self.late.extract_if(.., |(at, ..)| *at <= now) {
                acts.push(Act::Deliver(change, tries));
            }
            for instance in self.region.take_triggers() {
                if !self.chooses(Choices::misses) {
                    acts.push(Act::Trigger(instance));
                }
            }
            if self.is_due(now) && !self.chooses(Choices::misses) {
                acts.push(Act::Beat);
            }
            if !acts.is_empty() || self.is_something_open() {
                self.quiet_since = now;
            }
            let calm = now.duration_since(self.quiet_since) > CALM_AT_THE_END;
            if !acts.is_empty() || calm || now.duration_since(self.began) > LASTS_AT_MOST {
                return acts;
            }
        }
    }

    fn chooses(&self, choice: impl FnOnce(&mut Choices) -> bool) -> bool {
        self.region.state.borrow_mut().choices.as_mut().is_some_and(choice)
    }

    /// A beat that finds nothing due changes nothing, so only the others are played.
    fn is_due(&self, now: Timestamp) -> bool {
        !self.region.state.borrow().book.who_is_due(now).is_empty()
    }

    fn is_something_open(&self) -> bool {
        self.region.state.borrow().book.all_latest().any(|incident| incident.stage.is_open())
    }

    /// Invokes one of those who wait, of choice, until nobody who has begun is half-way: others
    /// may take turns with it. Whoever has not begun waits on.
    fn invoke(&mut self) -> Vec<Invoked> {
        let acts = std::mem::take(&mut self.waiting);
        if acts.is_empty() {
            return Vec::new();
        }
        let region = &self.region;
        let mut futures: Vec<Pin<Box<dyn Future<Output = Answered> + '_>>> = Vec::new();
        for (_, act) in &acts {
            futures.push(invocation(region, act, SignedDuration::ZERO));
        }
        let (mut at_work, mut begun) = (None, BTreeSet::new());
        let answers = together(region, futures, |can, under_way| {
            let mut state = region.state.borrow_mut();
            let choices = state.choices.as_mut()?;
            let goes_on = can.iter().position(|place| at_work == Some(*place));
            let chosen = match goes_on {
                Some(at) => (at + choices.turn(can.len())) % can.len(),
                None if begun.is_empty() || under_way => choices.first_of(can.len()),
                None => return None,
            };
            at_work = can.get(chosen).copied();
            let place = at_work?;
            if begun.insert(place) {
                state.invoked = acts.get(place).map_or(0, |(number, _)| *number);
            }
            Some(chosen)
        });
        let mut effects = self.region.take_effects();
        let mut invoked = Vec::new();
        for (place, ((number, act), answer)) in acts.into_iter().zip(answers).enumerate() {
            if !begun.contains(&place) {
                self.waiting.push((number, act));
                continue;
            }
            let mine = effects.extract_if(.., |effect| effect.by == place).collect();
            let one = self.answered(act, answer);
            invoked.push(Invoked { effects: mine, ..one });
        }
        invoked
    }

    /// What an invocation came to. Lambda tries again what failed or died.
    fn answered(&mut self, act: Act, answer: Option<Answered>) -> Invoked {
        let (answer, beat) = match answer {
            Some(Answered::Event(answer)) => (Some(answer), None),
            Some(Answered::Beat(beat)) => (None, beat.ok()),
            Some(Answered::Batch(_) | Answered::Said) | None => (None, None),
        };
        let failed = !matches!(answer, Some(Ok(_)));
        let cause = match act {
            Act::Deliver(change, tries) => {
                if failed && tries < TRIES_MAX {
                    let again = self.region.now() + MINUTE * i32::try_from(tries).unwrap_or(1);
                    self.late.push((again, change.clone(), tries + 1));
                }
                Cause::Alarm(change)
            }
            _ => Cause::Beat,
        };
        Invoked { cause, answer, beat, effects: Vec::new() }
    }
}
