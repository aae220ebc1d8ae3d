//! 2. Never more members of a group out through us than its budget, at any
//!    instant, whatever is retried, doubled or reordered.
//!
//! A member is out from the call that takes it out until it, or whoever is
//! launched in its place, is in service; or until people were told that it is
//! theirs. Standalone instances have a budget too.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{GroupName, IncidentId, InstanceId};
use remedy::model::policy::Policy;

use super::Moment;
use crate::calls::{Before, Effect, Verb};
use crate::group::{Group, Lifecycle};
use crate::region::State;

/// A server that is not back after so long is not expected back.
const BOOTS_WITHIN: SignedDuration = SignedDuration::from_mins(14);

/// Who is out through us.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    out: BTreeMap<InstanceId, Out>,
    /// Notifications that were looked at.
    heard: usize,
}

/// One who is out.
#[derive(Clone, Debug)]
struct Out {
    /// Since when.
    since: Timestamp,
    /// In which incident.
    incident: Option<IncidentId>,
    /// Its group, if it has one.
    group: Option<GroupName>,
    /// If it is being replaced, who was in service beside it.
    beside: Option<BTreeSet<InstanceId>>,
}

impl Budget {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        self.hand_over(moment.state);
        self.out.retain(|id, out| out.is_out(id, moment.state));
        for (_, effect) in moment.effects() {
            let takes_out =
                matches!(effect.verb, Verb::LeaveService | Verb::Reboot | Verb::Replace);
            let Some(before) = effect.before.as_ref().filter(|_| takes_out && effect.done) else {
                continue;
            };
            self.out.insert(before.id.clone(), Out::of(before, effect));
            let group = before.group.as_ref();
            let name = group.map(|(name, _)| name);
            let out = self.out.values().filter(|out| out.group.as_ref() == name).count();
            let budget = budget(group.map(|(_, group)| group), &self.out);
            if out > budget {
                let whose = name.map_or("no group", GroupName::as_str);
                let verb = effect.verb.name();
                return Some(format!(
                    "{verb} of {}: now {out} of {whose} are out through us, of {budget}",
                    before.id
                ));
            }
        }
        None
    }
}

impl Budget {
    /// Whoever people were told of as theirs is no longer out through us.
    fn hand_over(&mut self, state: &State) {
        for notification in state.topic.iter().skip(self.heard) {
            if notification.subject.contains("needs a person") {
                self.out.retain(|_, out| {
                    let id = out.incident.as_ref().map(IncidentId::as_str);
                    !id.is_some_and(|id| notification.text.contains(id))
                });
            }
        }
        self.heard = state.topic.len();
    }
}

/// How many may be out: a tenth of what the group wants, those in Standby
/// included, and at least one.
fn budget(group: Option<&Group>, out: &BTreeMap<InstanceId, Out>) -> usize {
    let policy = Policy::default();
    let Some(group) = group else { return policy.standalone_budget as usize };
    let standby = group.out_of_service().into_iter().filter(|id| out.contains_key(*id)).count();
    let wanted = (group.desired / group.own()) as usize + standby;
    (wanted * usize::from(policy.budget_percent) / 100).max(1)
}

impl Out {
    fn of(before: &Before, effect: &Effect) -> Self {
        let in_service = |group: &Group| {
            let members = group.members.iter();
            let serving = members.filter(|(_, it)| it.lifecycle == Lifecycle::InService);
            serving.map(|(id, _)| id.clone()).collect()
        };
        Self {
            since: effect.at,
            incident: before.incident.as_ref().map(|incident| incident.id.clone()),
            group: before.group.as_ref().map(|(name, _)| name.clone()),
            beside: before
                .group
                .as_ref()
                .filter(|_| effect.verb == Verb::Replace)
                .map(|(_, group)| in_service(group)),
        }
    }

    fn is_out(&self, id: &InstanceId, state: &State) -> bool {
        let theirs = |incident: &IncidentId| {
            state.book.latest(id).is_none_or(|it| it.id != *incident || !it.stage.is_open())
        };
        if self.incident.as_ref().is_some_and(theirs) {
            return false;
        }
        let host = state.hosts.get(id);
        let group = self.group.as_ref().and_then(|name| state.groups.get(name));
        match (&self.beside, group) {
            (Some(beside), Some(group)) => !group.members.iter().any(|(id, member)| {
                member.lifecycle == Lifecycle::InService && !beside.contains(id)
            }),
            (None, Some(group)) => group.members.get(id).is_some_and(|member| {
                member.lifecycle != Lifecycle::InService
                    || host.is_some_and(crate::host::Host::is_down)
            }),
            // Servers without a pool's tag share nothing: one that does not come back holds
            // nobody back.
            _ => {
                let boots = state.now.duration_since(self.since) < BOOTS_WITHIN;
                boots && host.is_some_and(crate::host::Host::is_down)
            }
        }
    }
}
