//! Which rung, if any. Pure: the same alarm, facts and policy
//! always give the same decision, and the decision leaves nothing to choose.
//!
//! A rung is available, unavailable for a reason, or in doubt because a fact
//! could not be read. Doubt stops the climb: a throttled API call must never
//! turn a cleanup into a reboot.

use crate::model::alarm::Symptom;
use crate::model::growth::Growth;
use crate::model::incident::{Rung, Standby};
use crate::model::obstacle::Obstacle;
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::observe::facts::Facts;
use crate::plan::availability::Availability::{
    self, Available, Grows, InDoubt, NotNow, Unavailable,
};
use crate::plan::availability::beyond_limit;
use crate::plan::availability::did_not_last;
use crate::plan::availability::disrupted_today;
use crate::plan::availability::managed;
use crate::plan::availability::repeats;
use crate::plan::availability::resting;
use crate::plan::rung::{cleanup, grow, reboot, replace};

/// What is to be done about one alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Carry out `rung`.
    Act {
        /// The lowest rung that can be carried out.
        rung: Rung,
        /// How the instance leaves service first, if it has to.
        standby: Option<Standby>,
        /// How the volume grows, where that is the rung and the host has said which it is.
        growth: Option<Box<Growth>>,
        /// Why this one, and why none below it.
        because: Vec<Reason>,
    },
    /// Do nothing for now: something needed is not known, or in the way for a
    /// while.
    Wait {
        /// What is in the way, and why no rung below was available.
        because: Vec<Reason>,
    },
    /// No rung is available: a person has to look.
    HandOver {
        /// Why each rung was not available.
        because: Vec<Reason>,
    },
}

impl Decision {
    /// The rung to be carried out, if one is.
    pub fn rung(&self) -> Option<Rung> {
        match self {
            Self::Act { rung, .. } => Some(*rung),
            Self::Wait { .. } | Self::HandOver { .. } => None,
        }
    }
}

/// The rungs for each symptom, lowest first.
///
/// A full disk that may grow is grown before anything is disrupted. A replacement comes
/// before a reboot, because most reboots leave the disk as full as it was. The other symptoms
/// try a reboot first, because it loses less than a new instance does. A host that answers
/// nobody cannot be cleaned up. For a service no host is replaced, and none is rebooted unless
/// its owner says that this may help.
pub fn ladder(symptom: Symptom) -> &'static [Rung] {
    match symptom {
        Symptom::DiskFull => &[Rung::Cleanup, Rung::Grow, Rung::Replace, Rung::Reboot],
        Symptom::HighCpu | Symptom::MemoryPressure => &[Rung::Cleanup, Rung::Reboot, Rung::Replace],
        Symptom::Unreachable => &[Rung::Reboot, Rung::Replace],
        Symptom::ServiceDown => &[Rung::Cleanup, Rung::Reboot],
    }
}

/// Chooses the lowest available rung that is not among those `tried`.
pub fn decide(symptom: Symptom, tried: &[Rung], facts: &Facts, policy: &Policy) -> Decision {
    let mut because = Vec::new();
    let count = 1 + repeats(symptom, facts, policy).count();
    if count >= policy.repeats {
        because.push(Reason::RootCauseNeeded { symptom, count });
    }
    for &rung in ladder(symptom) {
        match availability(rung, symptom, tried, facts, policy) {
            Available(_) if resting(rung, symptom, facts).is_some() => {
                // Whatever comes after it would come sooner than its place is.
                because.splice(0..0, resting(rung, symptom, facts));
                because.dedup();
                return Decision::HandOver { because };
            }
            Available(standby) => {
                because.insert(0, Reason::LowestRung { rung, symptom });
                if standby.is_some_and(|standby| reboot::leaves_zone_behind(standby, facts)) {
                    because.push(Reason::LeavesZoneBehind);
                }
                return Decision::Act { rung, standby, growth: None, because };
            }
            Grows(growth) => {
                because.insert(0, Reason::LowestRung { rung, symptom });
                return Decision::Act { rung, standby: None, growth, because };
            }
            // Nothing that is disrupted mends what fills a disk within a day.
            Unavailable(reason @ Reason::NotGrown(Obstacle::Leak { .. })) => {
                because.insert(0, reason);
                return Decision::HandOver { because };
            }
            // One fact may stand in the way of several rungs.
            Unavailable(reason) if because.last() == Some(&reason) => {}
            Unavailable(reason) => because.push(reason),
            NotNow(reason) => {
                because.insert(0, reason);
                return Decision::Wait { because };
            }
            InDoubt(unknown) => {
                because.insert(0, Reason::FactUnknown(unknown));
                return Decision::Wait { because };
            }
        }
    }
    Decision::HandOver { because }
}

/// Whether more must be read before deciding: only the rungs above a cleanup
/// ask about the group and whether the symptom is still there, and most alarms
/// end with a cleanup.
pub fn looks_beyond_cleanup(
    symptom: Symptom,
    tried: &[Rung],
    facts: &Facts,
    policy: &Policy,
) -> bool {
    !ladder(symptom).contains(&Rung::Cleanup)
        || matches!(availability(Rung::Cleanup, symptom, tried, facts, policy), Unavailable(_))
}

pub(crate) fn availability(
    rung: Rung,
    symptom: Symptom,
    tried: &[Rung],
    facts: &Facts,
    policy: &Policy,
) -> Availability {
    if tried.contains(&rung) {
        return Unavailable(Reason::RungTried { rung });
    }
    if let Some(reason) = beyond_limit(rung, facts) {
        return Unavailable(reason);
    }
    if rung.is_disruptive()
        && let Some(reason) = managed(facts)
    {
        return Unavailable(reason);
    }
    if let Some(count) = did_not_last(rung, symptom, facts, policy) {
        return Unavailable(Reason::DidNotLast { rung, count });
    }
    if rung.is_disruptive()
        && let Some(count) = disrupted_today(tried, facts)
    {
        return Unavailable(Reason::DisruptedToday { count });
    }
    match rung {
        Rung::Cleanup => cleanup::availability(facts, policy),
        Rung::Grow => grow::availability(facts, policy),
        Rung::Reboot => reboot::availability(symptom, facts),
        Rung::Replace => replace::availability(symptom, facts),
    }
}
