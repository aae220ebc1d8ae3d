//! The replacement, by the Auto Scaling group.

use crate::model::action::Action;
use crate::model::incident::{Incident, Stage};
use crate::model::policy::INSTANCE_STORE_DISPOSABLE;
use crate::model::policy::INSTANCE_STORE_TAG;
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::observe::facts::DisruptionFact;
use crate::observe::facts::{Fact, Facts, GroupFact};
use crate::observe::probe::SymptomState;
use crate::plan::availability::Availability::{self, Available, InDoubt, Unavailable};
use crate::plan::availability::cannot_replace;
use crate::plan::availability::group;
use crate::plan::availability::not_ours_to_move;
use crate::plan::availability::pool_not_read;
use crate::plan::step::EFFECT_SHOWS;
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::plan::watching::watched;
use crate::ports::look::Group;
use jiff::{SignedDuration, Timestamp};

pub(crate) fn replacing(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let after = incident.in_stage_for(now);
    let left = match &facts.membership {
        Fact::Known(None) => true,
        Fact::Known(Some(member)) => member.lifecycle.starts_with("Terminat"),
        Fact::Unknown(_) => false,
    };
    if left && has_healthy_capacity(facts) {
        return Step::Move(incident.moved_to(Stage::Watching, now), Reason::Substituted);
    }
    if overdue(incident, now) {
        return end(incident, Stage::HandedOver, now, vec![Reason::NotSubstituted { after }]);
    }
    match &facts.membership {
        // The mark never arrived. Setting it twice replaces once.
        Fact::Known(Some(member))
            if member.lifecycle == "InService" && member.healthy && after >= EFFECT_SHOWS =>
        {
            Step::Call(Action::Replace, incident.clone(), Reason::NeverAsked)
        }
        _ => wait(incident, now),
    }
}

pub(crate) fn has_healthy_capacity(facts: &Facts) -> bool {
    group_read(facts).is_some_and(|group| group.healthy_in_service >= group.desired)
}

/// The substitute is watched through its group: it must stay healthy.
pub(crate) fn substitute(
    incident: &Incident,
    facts: &Facts,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let symptom_state = match group_read(facts) {
        Some(_) if has_healthy_capacity(facts) => SymptomState::Cleared,
        Some(group) => SymptomState::Present {
            what: format!("{} of {} are healthy", group.healthy_in_service, group.desired),
            level: None,
        },
        None => {
            let why = "the group cannot be read".to_owned();
            SymptomState::Unobserved { why, alarm_stands: true }
        }
    };
    watched(incident, &symptom_state, now, policy)
}

fn group_read(facts: &Facts) -> Option<&Group> {
    match &facts.group {
        GroupFact::Read { group: Fact::Known(group), .. } => group.as_ref(),
        _ => None,
    }
}

/// A replacement needs a group that has opted in and is free to replace.
pub(crate) fn availability(facts: &Facts) -> Availability {
    let membership = match &facts.membership {
        Fact::Unknown(unknown) => return InDoubt(unknown.clone()),
        Fact::Known(None) => return Unavailable(Reason::NotInGroup),
        Fact::Known(Some(membership)) => membership,
    };
    let group = match group(facts) {
        Ok(group) => group,
        Err(stop) => return stop,
    };
    if let Some(stop) = not_ours_to_move(group, membership, facts) {
        return stop;
    }
    if let Some(stop) = cannot_replace(group) {
        return stop;
    }
    let DisruptionFact::Read { pool, instance_store, .. } = &facts.disruption else {
        return InDoubt(pool_not_read());
    };
    match (instance_store, pool) {
        (Fact::Unknown(unknown), _) | (_, Fact::Unknown(unknown)) => InDoubt(unknown.clone()),
        (Fact::Known(true), _) if !instance_store_is_disposable(facts) => {
            Unavailable(Reason::InstanceStoreLost)
        }
        (_, Fact::Known(pool)) => {
            let lately = |at: &&Timestamp| facts.observed_at.duration_since(**at) < LATELY;
            let count = pool.replaced.iter().filter(lately).count();
            if count < SUBSTITUTES_MAX {
                Available(None)
            } else {
                Unavailable(Reason::SubstitutesSickToo { count })
            }
        }
    }
}

/// Whether the instance's owner says that its own disks may be lost with it.
pub(crate) fn instance_store_is_disposable(facts: &Facts) -> bool {
    let Fact::Known(Some(instance)) = &facts.instance else { return false };
    instance.tags.get(INSTANCE_STORE_TAG).map(String::as_str) == Some(INSTANCE_STORE_DISPOSABLE)
}

/// After so many replacements for one symptom a group gets no more: what the
/// substitutes share (image, launch template, load) is to blame, and replacing
/// good hosts for it is how one bug takes a fleet down.
pub(crate) const SUBSTITUTES_MAX: usize = 2;

/// How far back replacements count towards [`SUBSTITUTES_MAX`]. 6 hours: an
/// image that fills its disk does so within a shift.
pub(crate) const LATELY: SignedDuration = SignedDuration::from_hours(6);
