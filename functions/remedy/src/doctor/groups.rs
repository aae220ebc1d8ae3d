//! From an opted-in member to what its group lets be done to it.

use std::collections::BTreeMap;

use super::code::Code;
use super::finding::Diagnosis;
use super::fleet::Fleet;
use crate::model::ids::{GroupName, InstanceId};
use crate::model::policy::OptIn;
use crate::model::reason::Reason;
use crate::observe::facts::{Fact, GroupFact};
use crate::plan::availability::Availability::{self, Unavailable};
use crate::plan::availability::{cannot_come_back, cannot_replace, not_ours_to_move};
use crate::plan::capacity::own_units;
use crate::plan::rung::reboot::standby;
use crate::ports::look::Instance;
use crate::ports::look_at_all::GroupDefinition;

/// A load balancer asks a new member after this, at the soonest: a boot takes half a minute and
/// a service some more.
const GRACE_SECONDS_MIN: u32 = 60;

/// Looks at every group that has an opted-in member.
pub(super) fn check(fleet: &Fleet, diagnosis: &mut Diagnosis) {
    let Fact::Known(instances) = &fleet.instances else { return };
    let Some(groups) = diagnosis.known("Auto Scaling groups", &fleet.groups) else { return };
    for (name, definition) in groups {
        if let Some((id, instance)) = opted_in_member(definition, instances) {
            group(name, definition, (id, instance), fleet, diagnosis);
        }
    }
}

/// The first member in service whose owner lets it be touched.
fn opted_in_member<'a>(
    definition: &'a GroupDefinition,
    instances: &'a BTreeMap<InstanceId, Instance>,
) -> Option<(&'a InstanceId, &'a Instance)> {
    let in_service = definition.group.members.iter().filter(|it| it.lifecycle == "InService");
    let mut known = in_service.filter_map(|it| Some((&it.instance, instances.get(&it.instance)?)));
    known.find(|(_, instance)| OptIn::of(&instance.tags) == OptIn::Enabled)
}

fn group(
    name: &GroupName,
    definition: &GroupDefinition,
    (id, instance): (&InstanceId, &Instance),
    fleet: &Fleet,
    diagnosis: &mut Diagnosis,
) {
    let facts = fleet.of_member(id, instance, Some((name, definition)));
    let (Fact::Known(Some(membership)), GroupFact::Read { group: Fact::Known(Some(own)), .. }) =
        (&facts.membership, &facts.group)
    else {
        return;
    };
    let max = own.max.saturating_add(own_units(own, id)).to_string();
    let names = [("group", name.as_str()), ("max", max.as_str())];
    let mut found = |code, stop: Option<Availability>| {
        let Some(Unavailable(reason)) = stop else { return false };
        let mut names = names.to_vec();
        if let Reason::ProcessSuspended { process } = &reason {
            names.push(("process", process));
        }
        diagnosis.find(code, name.as_str(), reason.to_string(), &names);
        true
    };
    let observed = OptIn::of(&own.tags) == OptIn::Observe;
    let code = if observed { Code::GroupObserved } else { Code::GroupNotOptedIn };
    // Whose it is not has no need to be free to move.
    if found(code, not_ours_to_move(own, membership, &facts)) {
        return;
    }
    if !found(Code::GroupLaunchSuspended, cannot_come_back(own)) {
        found(Code::GroupNoRoom, Some(standby(own, membership, &facts)));
        let protects = membership.protected;
        let code = if protects { Code::GroupProtectsMembers } else { Code::GroupProcessSuspended };
        found(code, cannot_replace(own, membership));
    }
    let asks_elsewhere = |check: &String| !matches!(check.as_str(), "EC2" | "EBS");
    if own.health_checks.iter().any(asks_elsewhere) && definition.grace_seconds < GRACE_SECONDS_MIN
    {
        let seen = format!("HealthCheckGracePeriod is {}", definition.grace_seconds);
        diagnosis.find(Code::GroupGraceShort, name.as_str(), seen, &names);
    }
}
