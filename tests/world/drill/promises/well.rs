//! 7. No instance is disrupted that was well by its own word or by its newest datapoint,
//!    that its owner protects, or that traffic is sent to; and none is held because of others
//!    that are well.
//!
//! What a host said, what was measured, what an owner has set and where traffic goes is all
//! the region's own; of Remedy's records only which trouble it acts upon.

use std::collections::BTreeMap;

use jiff::Timestamp;
use remedy::model::alarm::Symptom;
use remedy::model::ids::GroupName;
use remedy::model::incident::Incident;
use remedy::model::pause::{Pause, Scope};
use remedy::model::policy::{DATA_TAG, DISPOSABLE, MAX_RUNG_TAG, Policy};
use remedy::model::reason::Reason;

use super::{KNOWN_AFTER, Moment, disrupts};
use crate::calls::{Before, Effect, Verb};
use crate::group::{Group, Lifecycle};
use crate::host::{FileSystem, Host};
use crate::watch::Watch;

/// What is remembered to watch the promise.
#[derive(Clone, Debug, Default)]
pub(super) struct WellAreLeftAlone {
    /// Since when each group has all that it wants, healthy and in service.
    whole: BTreeMap<GroupName, Timestamp>,
}

impl WellAreLeftAlone {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        self.look_at_groups(moment);
        let disruptions = moment.effects().map(|(_, effect)| effect);
        let mut disruptions = disruptions.filter(|effect| effect.done && takes_down(effect));
        disruptions
            .find_map(|effect| {
                let before = effect.before.as_ref()?;
                let why = wronged(moment, effect, before)?;
                Some(format!("{} of {}, {why}", effect.verb.name(), before.id))
            })
            .or_else(|| self.held_for_others(moment))
    }

    fn look_at_groups(&mut self, moment: &Moment<'_>) {
        for (name, group) in &moment.state.groups {
            if is_whole(group, moment) && !is_out(group, moment) {
                self.whole.entry(name.clone()).or_insert(moment.now);
            } else {
                self.whole.remove(name);
            }
        }
    }

    /// A group that has been whole for longer than describe calls lag holds nobody back.
    fn held_for_others(&self, moment: &Moment<'_>) -> Option<String> {
        let mut reports = moment.invoked.iter().flat_map(super::Invoked::reports);
        reports.find_map(|report| {
            let few = |reason: &&Reason| matches!(reason, Reason::TooFewHealthy { .. });
            let reason = report.because.iter().find(few)?;
            let group = report.group.as_ref()?;
            let since = self.whole.get(group)?;
            let known = moment.now.duration_since(*since) > KNOWN_AFTER;
            known.then(|| format!("{} is held though all are well: {reason}", report.instance_id))
        })
    }
}

/// Whether a call takes an instance down or out of service. In Standby too nobody may be
/// rebooted whose owner, or who itself, says no; only its load is no measure there.
fn takes_down(effect: &Effect) -> bool {
    disrupts(effect) || effect.verb == Verb::Reboot
}

/// Whether members of a group are in a zone that is not well or paused: they count as out.
fn is_out(group: &Group, moment: &Moment<'_>) -> bool {
    let pauses = moment.state.book.pauses();
    group.members.keys().filter_map(|id| moment.state.hosts.get(id)).any(|host| {
        let own = host.instance.zone.as_str();
        let unwell = moment.state.zones.iter().any(|zone| zone.name == own && !zone.is_well());
        let scope = Scope::Zone(own.to_owned());
        let by_a_person =
            |pause: &Pause| pause.scope == scope && moment.now < pause.until + KNOWN_AFTER;
        unwell || pauses.iter().any(by_a_person)
    })
}

fn is_whole(group: &Group, moment: &Moment<'_>) -> bool {
    let serves = |id| moment.state.hosts.get(id).is_some_and(|host: &Host| host.passes_checks());
    let members = group.members.iter();
    let well = |(id, it): (_, &crate::group::Member)| {
        it.healthy && it.lifecycle == Lifecycle::InService && serves(id)
    };
    members.clone().all(well) && group.capacity(|_| true) >= group.desired
}

/// By what the instance should have been left alone, if by anything.
fn wronged(moment: &Moment<'_>, effect: &Effect, before: &Before) -> Option<String> {
    let incident = before.incident.as_ref()?;
    let host = before.host.as_ref()?;
    let well = before.well.as_ref().filter(|_| disrupts(effect)).map(|well| well.how.clone());
    let set = || {
        let watch = moment
            .state
            .watches
            .iter()
            .find(|watch| watch.instance == before.id && watch.name == incident.seen.alarm);
        watch.and_then(by_its_alarm)
    };
    well.or_else(set)
        .or_else(|| by_its_preflight(moment, effect, incident, host))
        .or_else(|| by_its_tags(effect, before, incident, host))
        .or_else(|| still_boots(moment, effect, before, host))
        .or_else(|| serves(effect, before))
}

/// What the owner of the alarm has set: it acts on nothing, or it acts itself.
fn by_its_alarm(watch: &Watch) -> Option<String> {
    if !watch.actions_enabled {
        return Some("though its alarm's actions are disabled".to_owned());
    }
    watch.acts_itself().map(|action| format!("though its alarm does {action} itself"))
}

/// What the host said last of who works on it, and of its next boot.
fn by_its_preflight(
    moment: &Moment<'_>,
    effect: &Effect,
    incident: &Incident,
    host: &Host,
) -> Option<String> {
    let (_, said) = moment.state.last_word(incident).filter(|_| host.obeys())?;
    if effect.verb == Verb::Reboot && !said.boots {
        return Some("though it said that it would not boot".to_owned());
    }
    // Once it is out of service what was found before is finished.
    let begins = disrupts(effect);
    said.unfit.filter(|_| begins).map(|unfit| format!("though it said that {unfit}"))
}

/// What the owners of the instance and of its group allow.
fn by_its_tags(
    effect: &Effect,
    before: &Before,
    incident: &Incident,
    host: &Host,
) -> Option<String> {
    let tags = &host.instance.tags;
    let group = before.group.as_ref().map(|(_, group)| group);
    let limits = [tags.get(MAX_RUNG_TAG), group.and_then(|group| group.tags.get(MAX_RUNG_TAG))];
    let beyond = |limit: &String| match limit.as_str() {
        "replace" => false,
        "reboot" => effect.verb == Verb::Replace,
        _ => true,
    };
    if let Some(limit) = limits.into_iter().flatten().find(|limit| beyond(limit)) {
        return Some(format!("though a tag allows no more than {limit}"));
    }
    if effect.verb != Verb::Replace {
        return None;
    }
    let member = group.and_then(|group| group.members.get(&before.id));
    if member.is_some_and(|member| member.protected) {
        return Some("though it is protected from scale-in".to_owned());
    }
    let disposable = tags.get(DATA_TAG).is_some_and(|value| value == DISPOSABLE);
    let on_root = host.file_system.disk() == Some(FileSystem::Root.mount());
    let data = incident.symptom == Symptom::DiskFull && !on_root;
    (data && !disposable).then(|| "though what is full holds its data".to_owned())
}

/// Who still boots is left to it.
fn still_boots(
    moment: &Moment<'_>,
    effect: &Effect,
    before: &Before,
    host: &Host,
) -> Option<String> {
    if moment.is_news(before.id.as_str()) || !disrupts(effect) {
        return None;
    }
    let age = host.instance.launched_at.map(|at| moment.now.duration_since(at))?;
    let young = age + KNOWN_AFTER < Policy::default().young_for;
    (young || host.status.initializing)
        .then(|| format!("which was launched {} s before", age.as_secs()))
}

/// A member to which traffic is sent leaves service before it is rebooted.
fn serves(effect: &Effect, before: &Before) -> Option<String> {
    let (_, group) = before.group.as_ref().filter(|_| effect.verb == Verb::Reboot)?;
    let member = group.members.get(&before.id)?;
    (group.receives_traffic && member.lifecycle == Lifecycle::InService)
        .then(|| "while traffic is sent to it".to_owned())
}
