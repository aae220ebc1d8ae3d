//! One state of a play, and the round that leads to the next.

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

/// One state of a play: nothing runs, and everything is known.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) region: Region,
    pub(super) promises: Promises,
    pub(super) left: Bounds,
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
            late: Vec::new(),
            began: now,
            quiet_since: now,
            over: false,
        }
    }

    /// Plays one round by `script`: time passes until somebody is invoked, and whoever is
    /// invoked runs to its end.
    pub(super) fn round(&self, script: Script) -> Round {
        let mut node = self.clone();
        let choices = Choices { script, left: self.left };
        node.region.state.borrow_mut().choices = Some(choices);
        let acts = node.wait();
        node.over = acts.is_empty();
        let invoked = node.invoke(acts);
        let choices = node.region.state.borrow_mut().choices.take();
        let (script, left) = choices.map(|it| (it.script, it.left)).unwrap_or_default();
        node.left = left;
        let broken = {
            let state = node.region.state.borrow();
            let (invoked, meddled) = (invoked.as_slice(), &std::collections::BTreeMap::new());
            let over = node.over;
            node.promises.watch(&Moment { now: state.now, state: &state, invoked, meddled, over })
        };
        let invoked = invoked.iter().map(|one| one.cause.to_string()).collect();
        let calls = node.region.take_calls();
        Round { node, script, broken, invoked, calls }
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
            acts.extend(self.region.take_triggers().into_iter().map(Act::Trigger));
            if self.is_due(now) && !self.chooses(Choices::misses_the_beat) {
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

    /// Invokes what is to be invoked, at once, in an order of choice.
    fn invoke(&mut self, acts: Vec<Act>) -> Vec<Invoked> {
        if acts.is_empty() {
            return Vec::new();
        }
        let region = &self.region;
        let mut futures: Vec<Pin<Box<dyn Future<Output = Answered> + '_>>> = Vec::new();
        for act in &acts {
            futures.push(invocation(region, act, SignedDuration::ZERO));
        }
        let (mut before, mut at_work) = (futures.len() + 1, 0);
        let answers = together(region, futures, |left| {
            let mut state = region.state.borrow_mut();
            if let Some(choices) = state.choices.as_mut() {
                // Somebody came to an end, or nobody has begun.
                let nobody = left < before;
                at_work = if nobody {
                    choices.first_of(left)
                } else {
                    (at_work + choices.turn(left)) % left
                };
            }
            before = left;
            at_work
        });
        let mut effects = self.region.take_effects();
        let mut invoked = Vec::new();
        for (place, (act, answer)) in acts.into_iter().zip(answers).enumerate() {
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
            Some(Answered::Said) | None => (None, None),
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
