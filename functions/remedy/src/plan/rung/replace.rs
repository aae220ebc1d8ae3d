//! The replacement, by the Auto Scaling group.

use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::incident::{Incident, Stage};
use crate::model::policy::Policy;
use crate::model::policy::{DATA_TAG, DISPOSABLE, INSTANCE_STORE_TAG};
use crate::model::reason::Reason;
use crate::observe::facts::DisruptionFact;
use crate::observe::facts::{Fact, Facts, GroupFact};
use crate::observe::probe::SymptomState;
use crate::plan::availability::Availability::{self, Available, InDoubt, NotNow, Unavailable};
use crate::plan::availability::cannot_be_asked;
use crate::plan::availability::cannot_replace;
use crate::plan::availability::group;
use crate::plan::availability::group_replaces;
use crate::plan::availability::not_ours_to_move;
use crate::plan::availability::pool_not_read;
use crate::plan::capacity::Capacity;
use crate::plan::step::EFFECT_SHOWS;
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::plan::watching::watched;
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
    capacity(facts).is_some_and(|capacity| capacity.healthy >= capacity.desired)
}

/// The substitute is watched through its group: it must stay healthy.
pub(crate) fn substitute(
    incident: &Incident,
    facts: &Facts,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let symptom_state = match capacity(facts) {
        Some(Capacity { healthy, desired, .. }) if has_healthy_capacity(facts) => {
            let now = Some(format!("{healthy} of {desired} are healthy"));
            SymptomState::Cleared { now, quiet: None }
        }
        Some(Capacity { healthy, desired, .. }) => {
            let what = format!("{healthy} of {desired} are healthy");
            SymptomState::Present { what, level: None }
        }
        None => {
            let why = "the group cannot be read".to_owned();
            SymptomState::Unobserved { why, alarm_stands: true }
        }
    };
    watched(incident, &symptom_state, now, policy)
}

fn capacity(facts: &Facts) -> Option<Capacity> {
    match &facts.group {
        GroupFact::Read { group: Fact::Known(Some(group)), .. } => {
            Some(Capacity::of(group, &facts.instance_id))
        }
        _ => None,
    }
}

/// A replacement needs a group that has opted in and is free to replace.
pub(crate) fn availability(symptom: Symptom, facts: &Facts) -> Availability {
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
    if let Some(reason) = group_replaces(symptom, group, membership) {
        return NotNow(reason);
    }
    if let Some(stop) = cannot_replace(group, membership) {
        return stop;
    }
    if let Some(reason) = cannot_be_asked(facts).or_else(|| data_lost(symptom, facts)) {
        return Unavailable(reason);
    }
    let DisruptionFact::Read { pool, instance_store, .. } = &facts.disruption else {
        return InDoubt(pool_not_read());
    };
    match (instance_store, pool) {
        (Fact::Unknown(unknown), _) | (_, Fact::Unknown(unknown)) => InDoubt(unknown.clone()),
        (Fact::Known(true), _) if !is_disposable(INSTANCE_STORE_TAG, facts) => {
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

/// A full disk is replaced with its instance only if it is the root's, which an image makes
/// anew, or if its owner says that nothing is lost with it. What nobody has named may be no
/// disk at all, such as an image that is always full.
fn data_lost(symptom: Symptom, facts: &Facts) -> Option<Reason> {
    let may_go = facts
        .mount
        .as_ref()
        .is_some_and(|mount| mount.as_str() == "/" || is_disposable(DATA_TAG, facts));
    let lost = symptom == Symptom::DiskFull && !may_go;
    lost.then(|| Reason::DataLost { mount: facts.mount.clone() })
}

/// Whether the instance's owner says by this tag that what it is about may be lost with it.
fn is_disposable(tag: &str, facts: &Facts) -> bool {
    let Fact::Known(Some(instance)) = &facts.instance else { return false };
    instance.tags.get(tag).map(String::as_str) == Some(DISPOSABLE)
}

/// After so many replacements for one symptom a group gets no more: what the
/// substitutes share (image, launch template, load) is to blame, and replacing
/// good hosts for it is how one bug takes a fleet down.
pub(crate) const SUBSTITUTES_MAX: usize = 2;

/// How far back replacements count towards [`SUBSTITUTES_MAX`]. 6 hours: an
/// image that fills its disk does so within a shift.
pub(crate) const LATELY: SignedDuration = SignedDuration::from_hours(6);
