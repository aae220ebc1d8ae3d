//! The ten promises, each watched in a file of its own. What is compared is the
//! world's own truth: what the calls did and what stood there at that instant,
//! never what Remedy says about itself.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use remedy::alarm::Unreadable;
use remedy::follow_up::Beat;
use remedy::model::question::Answered;
use remedy::report::outcome::Report;
use remedy::respond::{Answer, RespondError};

use super::plot::Damage;
use crate::calls::{Effect, Verb};
use crate::region::State;
use crate::watch::Change;

mod budget;
mod every_end_is_told;
mod growth;
mod nothing_is_stuck;
mod once;
mod only_ours;
mod owners_word;
mod quotas;
mod unreadable;
mod well;

/// Whether a call takes an instance out of service. A reboot in Standby is the
/// second half of leaving service: nobody is served there, so there is no load
/// that could be measured.
pub(crate) fn disrupts(effect: &Effect) -> bool {
    let in_standby = || {
        let incident = effect.before.as_ref().and_then(|before| before.incident.as_ref());
        incident.is_some_and(|incident| incident.standby.is_some())
    };
    match effect.verb {
        Verb::LeaveService | Verb::Replace => true,
        Verb::Reboot => !in_standby(),
        _ => false,
    }
}

/// What was just found out may be this old when it is acted upon: an invocation
/// lasts 60 seconds at most, and describe calls lag by 20. What changed more
/// recently cannot be known, so nobody is blamed for acting on what was before.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_secs(80);

/// A promise that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which of the ten.
    pub(crate) promise: Promise,
    /// What happened instead, and when.
    pub(crate) how: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// The promises, by their number in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    OnlyOurs,
    Budget,
    Once,
    EveryEndIsTold,
    NothingIsStuck,
    Unreadable,
    WellAreLeftAlone,
    Growth,
    OwnersWord,
    Quotas,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnlyOurs => {
                "1: no action on an instance that has not opted in, is not ours to touch, or is \
                 muted, paused or stale"
            }
            Self::Budget => {
                "2: never more members of a group out through us than its budget, at any instant"
            }
            Self::Once => {
                "3: never two actions in flight on one instance; a reboot or replacement at most \
                 once per attempt"
            }
            Self::EveryEndIsTold => {
                "4: every alarm ends in a report; every incident ends, and its end is told"
            }
            Self::NothingIsStuck => {
                "5: no instance stays in Standby, no lease outlives its owner, no claim is stuck"
            }
            Self::Unreadable => {
                "6: an event we cannot read is an error that names the field, and changes nothing"
            }
            Self::WellAreLeftAlone => {
                "7: no instance is disrupted that was well by its own word or by its newest \
                 datapoint, that its owner protects, or that traffic is sent to"
            }
            Self::Growth => {
                "8: a volume grows at most once per attempt, within its cap, its owner's tag and \
                 its counts, and after the one snapshot that its owner wants"
            }
            Self::OwnersWord => {
                "9: nothing is done on an answer to another question; a rung that does not help is \
                 tried 4 times in a pool, one that harms once; who waits hears until when, and who \
                 waits longest goes on first"
            }
            Self::Quotas => {
                "10: over any 10 seconds the heartbeat uses at most half of any bucket that it \
                 shares with others"
            }
        })
    }
}

/// What invoked a function, as the world knows it.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// An alarm's change of state.
    Alarm(Change),
    /// An event that was broken on purpose.
    Broken(Damage),
    /// The heartbeat or a trigger.
    Beat,
    /// A person's answer to a question.
    Answer(Answered),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alarm(change) => {
                let (symptom, instance) = (change.symptom, &change.instance);
                write!(f, "the {symptom} function gets alarm {} of {instance}", change.alarm)
            }
            Self::Broken(damage) => write!(f, "a function gets an event {damage}"),
            Self::Beat => f.write_str("the follow-up is invoked"),
            Self::Answer(said) => {
                let word = if said.yes { "yes" } else { "no" };
                let Answered { by, attempt, nonce, incident, .. } = said;
                write!(
                    f,
                    "{by} says {word} to question {nonce} about attempt {attempt} of {incident}"
                )
            }
        }
    }
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// What caused it.
    pub(crate) cause: Cause,
    /// What a function that got an event answered; `None` if it died, and for
    /// the follow-up.
    pub(crate) answer: Option<Result<Answer, RespondError>>,
    /// What the follow-up answered; `None` if it died, and for the others.
    pub(crate) beat: Option<Beat>,
    /// What its calls did, oldest first.
    pub(crate) effects: Vec<Effect>,
}

impl Invoked {
    /// What it came to, if it lived to say so.
    pub(crate) fn reports(&self) -> &[Report] {
        match (&self.answer, &self.beat) {
            (Some(Ok(answer)), _) => &answer.reports,
            (_, Some(beat)) => &beat.reports,
            _ => &[],
        }
    }

    /// The error of an event that could not be read.
    fn unreadable(&self) -> Option<&Unreadable> {
        match &self.answer {
            Some(Err(RespondError::Unreadable(unreadable))) => Some(unreadable),
            _ => None,
        }
    }
}

/// One instant, right after something happened.
pub(crate) struct Moment<'a> {
    /// The time.
    pub(crate) now: Timestamp,
    /// Everything in the region.
    pub(crate) state: &'a State,
    /// What was invoked, if something was: several, if they ran at once.
    pub(crate) invoked: &'a [Invoked],
    /// When somebody else changed an instance or a group last, by its name.
    pub(crate) meddled: &'a BTreeMap<String, Timestamp>,
    /// Whether the episode is over: nothing is due any more.
    pub(crate) over: bool,
}

impl Moment<'_> {
    /// Whether somebody else changed `what` so recently that it may not be
    /// known yet.
    fn is_news(&self, what: &str) -> bool {
        self.meddled.get(what).is_some_and(|at| self.now.duration_since(*at) <= KNOWN_AFTER)
    }

    /// What calls did, with the invocation that made them, oldest first.
    fn effects(&self) -> impl Iterator<Item = (&Invoked, &Effect)> {
        self.invoked.iter().flat_map(|one| one.effects.iter().map(move |effect| (one, effect)))
    }
}

/// Everything that is remembered to watch the promises.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    budget: budget::Budget,
    once: once::Once,
    told: every_end_is_told::EveryEndIsTold,
    stuck: nothing_is_stuck::NothingIsStuck,
    well: well::WellAreLeftAlone,
    growth: growth::Growths,
    owners: owners_word::OwnersWord,
}

impl Promises {
    /// Looks whether every promise holds at this moment.
    pub(crate) fn watch(&mut self, moment: &Moment<'_>) -> Option<Broken> {
        let found = [
            (Promise::OnlyOurs, only_ours::watch(moment)),
            (Promise::Budget, self.budget.watch(moment)),
            (Promise::Once, self.once.watch(moment)),
            (Promise::EveryEndIsTold, self.told.watch(moment)),
            (Promise::NothingIsStuck, self.stuck.watch(moment)),
            (Promise::Unreadable, unreadable::watch(moment)),
            (Promise::WellAreLeftAlone, self.well.watch(moment)),
            (Promise::Growth, self.growth.watch(moment)),
            (Promise::OwnersWord, self.owners.watch(moment)),
            (Promise::Quotas, quotas::watch(moment)),
        ];
        let broken = found.into_iter().find_map(|(promise, how)| Some((promise, how?)));
        broken.map(|(promise, how)| Broken { promise, how, at: moment.now })
    }
}
