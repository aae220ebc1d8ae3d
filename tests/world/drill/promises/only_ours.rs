//! 1. No action on an instance that has not opted in, is not ours to touch, or
//!    is muted, paused, stale.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::AlarmState;
use remedy::model::busy::BUSY_TAG;
use remedy::model::calendar::CALENDAR_TAG;
use remedy::model::managed_node::MANAGED_TAG;
use remedy::model::pause::Scope;
use remedy::model::policy::OptIn;
use remedy::model::policy::Policy;
use remedy::model::pool::Pool;

use super::{Cause, Invoked, KNOWN_AFTER, Moment, disrupts};
use crate::calls::{Before, Effect, Nature, Verb};
use crate::drill::cast::{CALENDAR, NODE_TAG};
use crate::group::Group;

/// The functions' clocks and the alarm's may differ by so much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// Every call that was carried out on an instance had a right to be made.
pub(super) fn watch(moment: &Moment<'_>) -> Option<String> {
    let touches = moment.effects().filter(|(_, effect)| is_action(effect));
    touches.into_iter().find_map(|(invoked, effect)| {
        let before = effect.before.as_ref()?;
        let why = not_opted_in(moment, before)
            .or_else(|| not_ours(moment, effect, before))
            .or_else(|| paused(moment, effect, before))
            .or_else(|| at_work(moment, effect, before))
            .or_else(|| a_node(effect, before))
            .or_else(|| closed(moment, effect, before))
            .or_else(|| rests(moment, effect, before))
            .or_else(|| zone_unwell(moment, effect, before))
            .or_else(|| no_reason(invoked, effect))?;
        Some(format!("{} of {}, {why}", effect.verb.name(), before.id))
    })
}

/// Whoever has left service through us is brought back whatever has become of
/// it: that ends an action and begins none.
fn is_action(effect: &Effect) -> bool {
    effect.done && effect.verb.nature() == Nature::Touch && effect.verb != Verb::ComeBack
}

/// The tags, as they were at that instant, of the instance and, for what only
/// a group can do, of the group.
fn not_opted_in(moment: &Moment<'_>, before: &Before) -> Option<String> {
    let host = before.host.as_ref()?;
    let tag = OptIn::of(&host.instance.tags);
    if tag != OptIn::Enabled && !moment.is_news(before.id.as_str()) {
        return Some(format!("whose tag says {tag:?}"));
    }
    None
}

/// What runs, and is not in the hands of its group or its owner.
fn not_ours(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    let runs = before.host.as_ref().is_some_and(crate::host::Host::runs);
    if !runs && !moment.is_news(before.id.as_str()) {
        return Some("which does not run".to_owned());
    }
    if !matches!(effect.verb, Verb::LeaveService | Verb::Replace) {
        return None;
    }
    let (name, group) = before.group.as_ref()?;
    if moment.is_news(name.as_str()) {
        return None;
    }
    if OptIn::of(&group.tags) != OptIn::Enabled {
        return Some(format!("whose group {name} has not opted in"));
    }
    if group.refresh.is_some() {
        return Some(format!("while an instance refresh moves the members of {name}"));
    }
    let needed: &[&str] = match effect.verb {
        Verb::Replace => &["Launch", "Terminate", "ReplaceUnhealthy"],
        _ => &["Launch"],
    };
    let suspended = needed.iter().find(|process| group.suspended.contains(**process))?;
    Some(format!("while {suspended} of {name} is suspended"))
}

/// What a person has paused, and what a person works on: nothing new is begun
/// there. What was begun before is finished.
fn paused(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    let incident = before.incident.as_ref()?;
    let attempt = incident.attempts.last()?;
    let leaves_standby = effect.verb == Verb::Reboot && incident.standby.is_some();
    // What a volume has got already is not withheld from its file system.
    let extends = effect.verb == Verb::Extend;
    if leaves_standby || extends || attempt.asked_again > 0 {
        return None;
    }
    let group = before.group.as_ref().map(|(name, _)| name);
    let pauses = moment.state.book.pauses();
    let pause = pauses.iter().find(|pause| {
        let known = effect.at.duration_since(pause.since) > KNOWN_AFTER;
        let holds = effect.at + CLOCKS_DIFFER < pause.until;
        let zone = before.host.as_ref().map(|host| host.instance.zone.as_str());
        known && holds && pause.scope.covers(&before.id, zone, group, incident.symptom)
    });
    if let Some(pause) = pause {
        return Some(format!("though {} is paused", pause.scope));
    }
    let sessions = before.host.as_ref().map_or(0, |host| host.sessions);
    (disturbs(effect) && sessions > 0 && !moment.is_news(before.id.as_str()))
        .then(|| "while somebody works on it".to_owned())
}

/// Whether a call takes the instance out of service, or ends what it runs.
fn disturbs(effect: &Effect) -> bool {
    matches!(effect.verb, Verb::LeaveService | Verb::Reboot | Verb::Replace)
}

/// What a pipeline or a long task has, by the words of its owner: a time to come, or words that
/// nobody can read; and a member that is protected by itself.
fn at_work(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    if !disturbs(effect) || moment.is_news(before.id.as_str()) {
        return None;
    }
    let said = |tags: &BTreeMap<String, String>| match tags.get(BUSY_TAG)?.parse::<Timestamp>() {
        Ok(until) => (effect.at + CLOCKS_DIFFER < until).then(|| format!("busy until {until}")),
        Err(_) => Some("busy until nobody knows when".to_owned()),
    };
    let by_itself = before.host.as_ref().and_then(|host| said(&host.instance.tags));
    // Once a member is out, its group's word is not asked for again.
    let begins = before.incident.as_ref().is_none_or(|incident| incident.standby.is_none());
    let group = before.group.as_ref().filter(|(name, _)| !moment.is_news(name.as_str()));
    let by_its_group = group.filter(|_| begins).and_then(|(_, group)| said(&group.tags));
    let member = group.filter(|_| begins).and_then(|(_, group)| {
        let member = group.members.get(&before.id).filter(|member| member.protected)?;
        (!group.protects_new).then_some(member)
    });
    let at_work = member.map(|_| "at work by its protection".to_owned());
    by_itself.or(by_its_group).or(at_work).map(|how| format!("which is {how}"))
}

/// A cluster's node whose owner does not let it be disrupted.
fn a_node(effect: &Effect, before: &Before) -> Option<String> {
    let tags = &before.host.as_ref()?.instance.tags;
    let let_be = |(_, group): &(_, Group)| group.tags.contains_key(MANAGED_TAG);
    let lets = before.group.as_ref().is_some_and(let_be);
    (disturbs(effect) && tags.contains_key(NODE_TAG) && !lets)
        .then(|| "which is a node of a cluster".to_owned())
}

/// A disruption begins outside of closed windows.
fn closed(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    let (name, group) = before.group.as_ref()?;
    let under = group.tags.contains_key(CALENDAR_TAG) && !moment.is_news(name.as_str());
    let (since, until) = moment.state.closed.get(CALENDAR)?;
    let known = effect.at.duration_since(*since) > KNOWN_AFTER;
    let holds = effect.at + CLOCKS_DIFFER < *until;
    (under && disrupts(effect) && known && holds)
        .then(|| format!("while its change calendar is closed until {until}"))
}

/// A rung that rests is not begun.
fn rests(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    let incident = before.incident.as_ref().filter(|_| disrupts(effect))?;
    let attempt = incident.attempts.last().filter(|attempt| attempt.asked_again == 0)?;
    let (host, group) = (before.host.as_ref()?, before.group.as_ref().map(|(name, _)| name));
    let own = Pool::of(group, &host.instance.tags);
    let pauses = moment.state.book.pauses();
    let pause = pauses.iter().find(|pause| {
        let known = effect.at.duration_since(pause.since) > KNOWN_AFTER;
        let holds = effect.at + CLOCKS_DIFFER < pause.until;
        let its = |pool: &Option<Pool>| pool.is_none() || pool.as_ref() == Some(&own);
        matches!(&pause.scope, Scope::Rung { rung, symptom, pool }
            if *rung == attempt.rung && *symptom == incident.symptom && its(pool))
            && known
            && holds
    })?;
    Some(format!("though {} rests", pause.scope))
}

/// A disruption begins in zones that are well by EC2's own word.
fn zone_unwell(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    let own = before.host.as_ref()?.instance.zone.as_str();
    let zone = moment.state.zones.iter().find(|zone| zone.name == own)?;
    (disrupts(effect) && !zone.is_well() && !moment.is_news(own))
        .then(|| format!("in zone {own}, which EC2 calls {}", zone.state))
}

/// An alarm that calls for action: in ALARM, measured, not muted, and not too
/// long ago.
fn no_reason(invoked: &Invoked, effect: &Effect) -> Option<String> {
    let change = match &invoked.cause {
        Cause::Alarm(change) => change,
        Cause::Beat | Cause::Answer(_) => return None,
        Cause::Broken(_) => return Some("because of an event nobody can read".to_owned()),
    };
    let age = effect.at.duration_since(change.at);
    if change.muted {
        Some("because of a muted alarm".to_owned())
    } else if age > Policy::default().stale_after + CLOCKS_DIFFER {
        Some(format!("because of an alarm that is {} s old", age.as_secs()))
    } else if change.state != Some(AlarmState::Alarm) || change.percent.is_none() {
        Some("because of an alarm that is not in ALARM".to_owned())
    } else {
        None
    }
}
