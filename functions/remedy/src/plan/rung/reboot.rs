//! The reboot: in Standby where the instance has a group, which could take it for a
//! death.

use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::ids::InstanceId;
use crate::model::incident::Standby;
use crate::model::incident::{FailedCall, FailureKind, Incident, Stage};
use crate::model::policy::{SERVICE_REBOOT, SERVICE_TAG};
use crate::model::reason::Reason;
use crate::model::unknown::Unknown;
use crate::observe::facts::{Fact, Facts};
use crate::observe::probe::Probe;
use crate::plan::availability::Availability::{self, Available, InDoubt, NotNow, Unavailable};
use crate::plan::availability::cannot_be_asked;
use crate::plan::availability::cannot_come_back;
use crate::plan::availability::group;
use crate::plan::availability::group_replaces;
use crate::plan::availability::lifecycle;
use crate::plan::availability::not_ours_to_move;
use crate::plan::capacity::own_units;
use crate::plan::rung::replace;
use crate::plan::step::BEAT;
use crate::plan::step::EFFECT_SHOWS;
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::plan::step::failing;
use crate::plan::step::gone;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::ports::look::Membership;
use crate::ports::look::ScheduledEvent;
use crate::ports::look::{Group, InstanceState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// EC2 forces a shutdown that is not done "within a few minutes"; 4, older AWS
/// documentation says. A ping later than this after the request comes from
/// after the boot.
pub(crate) const SHUTDOWN_MAX: SignedDuration = SignedDuration::from_mins(4);

/// Its load balancer lets connections end first, for as long as the target
/// group's deregistration delay says: at most an hour (Elastic Load Balancing user
/// guides). A call to bring it back is refused until it is out.
pub(crate) const DRAINING_MAX: SignedDuration = SignedDuration::from_mins(65);

pub(crate) fn may_drain(incident: &Incident, now: Timestamp) -> bool {
    let asked_at = incident.attempts.last().map_or(incident.stage_since, |last| last.claimed_at);
    now.duration_since(asked_at) < DRAINING_MAX
}

pub(crate) fn draining(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let out = incident.clone();
    let after = incident.in_stage_for(now);
    match lifecycle(facts) {
        Fact::Known(Some("Standby")) => Step::Call(Action::Reboot, out, Reason::LeftService),
        // A member that may still be draining is not given up because one call failed.
        Fact::Unknown(_) | Fact::Known(Some("EnteringStandby")) if may_drain(incident, now) => {
            wait(incident, now)
        }
        _ if overdue(incident, now) => {
            let why = "it did not leave service";
            let failed = FailedCall { kind: FailureKind::InstanceState, why: why.to_owned() };
            let reason = Reason::NotBack { after, why };
            Step::Call(Action::ComeBack, failing(out, failed), reason)
        }
        Fact::Known(Some("InService")) if after >= EFFECT_SHOWS => match incident.standby {
            Some(standby) => Step::Call(Action::LeaveService(standby), out, Reason::NeverAsked),
            None => wait(incident, now),
        },
        Fact::Known(Some("InService" | "EnteringStandby")) | Fact::Unknown(_) => {
            wait(incident, now)
        }
        Fact::Known(other) => left_our_hands(out, other, facts, now),
    }
}

/// Somebody took the instance out of our hands. With one that is gone nothing is left to
/// do; one that runs on elsewhere may still be in trouble, and one that was stopped in
/// Standby would stay there.
pub(crate) fn left_our_hands(
    mut incident: Incident,
    lifecycle: Option<&str>,
    facts: &Facts,
    now: Timestamp,
) -> Step {
    let ended = match &facts.instance {
        Fact::Known(instance) => gone(instance.as_ref()),
        Fact::Unknown(_) => None,
    };
    let stopped = ended.as_ref().is_some_and(|state| state.starts_with("stop"));
    let in_standby = stopped && incident.standby.is_some();
    let ends = lifecycle.filter(|state| state.starts_with("Terminat")).map(str::to_owned);
    let state = lifecycle.unwrap_or("out of its group").to_owned();
    incident.standby = None;
    match ended.or(ends).filter(|_| !in_standby) {
        Some(state) => end(&incident, Stage::Withdrawn, now, vec![Reason::Gone { state }]),
        None => end(&incident, Stage::HandedOver, now, vec![Reason::TakenAway { state }]),
    }
}

pub(crate) fn rebooting(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let after = incident.in_stage_for(now);
    if let Fact::Known(instance) = &facts.instance
        && let Some(state) = gone(instance.as_ref())
    {
        return left_our_hands(incident.clone(), Some(&state), facts, now);
    }
    match not_back(incident, facts) {
        None if incident.standby.is_some() => {
            Step::Call(Action::ComeBack, incident.clone(), Reason::UpAgain)
        }
        None => Step::Move(incident.moved_to(Stage::Watching, now), Reason::UpAgain),
        // A person has heard of it, and it keeps its slot for as long as it is out. An
        // agent that stays silent does not keep it out.
        Some(_) if incident.stays_out => match &facts.status {
            Fact::Known(Some(status)) if status.serves() => {
                Step::Move(incident.moved_to(Stage::Watching, now), Reason::UpAgain)
            }
            _ => wait(incident, now),
        },
        Some(why) if overdue(incident, now) => {
            let reason = Reason::NotBack { after, why };
            let mut late = incident.clone();
            if let Some(attempt) = late.attempts.last_mut() {
                attempt.not_back = true;
            }
            if incident.standby.is_none() {
                return Step::Climb(late, reason);
            }
            let failed = FailedCall { kind: FailureKind::InstanceState, why: reason.to_string() };
            Step::Call(Action::ComeBack, failing(late, failed), reason)
        }
        Some(_) => wait(incident, now),
    }
}

/// Why the instance is not known to be up again after the reboot.
pub(crate) fn not_back(incident: &Incident, facts: &Facts) -> Option<&'static str> {
    let booted_by = incident.stage_since + SHUTDOWN_MAX;
    if facts.observed_at < booted_by {
        return Some("it may not have gone down yet");
    }
    match &facts.status {
        Fact::Known(Some(status)) if !status.pass() => return Some("its status checks fail"),
        // What its owner set up to be asked knows better than EC2 whether it serves. Its group
        // would replace it for that the moment it is back in service.
        Fact::Known(Some(status)) if status.application_impaired == Some(true) => {
            return Some("its application status check fails");
        }
        Fact::Known(Some(_)) => {}
        Fact::Known(None) => return Some("its status checks fail"),
        Fact::Unknown(_) => return Some("its status is unknown"),
    }
    match &facts.agent {
        // An instance that never had an agent has nothing else to answer with.
        Fact::Known(None) => None,
        Fact::Known(Some(agent)) if agent.last_ping.is_some_and(|ping| ping >= booted_by) => None,
        Fact::Known(Some(_)) => Some("its SSM agent does not answer"),
        Fact::Unknown(_) => Some("whether its SSM agent answers is unknown"),
    }
}

pub(crate) fn returning(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    match lifecycle(facts) {
        Fact::Known(Some("InService")) => {
            let back = Incident { standby: None, ..incident.clone() };
            let failed = back.attempts.last().and_then(|attempt| attempt.failed.clone());
            match failed {
                None => Step::Move(back.moved_to(Stage::Watching, now), Reason::BackInService),
                Some(FailedCall { kind: FailureKind::NotPermitted, why }) => {
                    end(&back, Stage::HandedOver, now, vec![Reason::Refused { why }])
                }
                Some(FailedCall { why, .. }) => Step::Climb(back, Reason::RebootFailed { why }),
            }
        }
        // Its way back begins when it is out.
        Fact::Known(Some("EnteringStandby")) if may_drain(incident, now) => {
            let waiting = incident.waiting_until(now + BEAT);
            Step::Wait(Incident { stage_since: now, ..waiting })
        }
        Fact::Known(Some("Standby" | "EnteringStandby")) | Fact::Unknown(_)
            if overdue(incident, now) && !incident.stays_out =>
        {
            Step::Tell(incident.clone(), stays_in_standby(incident, facts))
        }
        // Nothing stays in Standby through us: it is asked for until it is back.
        Fact::Known(Some("Standby" | "EnteringStandby")) | Fact::Unknown(_)
            if now.duration_since(incident.opened_at) >= IN_STANDBY_MAX =>
        {
            end(incident, Stage::HandedOver, now, stays_in_standby(incident, facts))
        }
        // Asking again is safe: an instance that is back is refused.
        Fact::Known(Some("Standby")) | Fact::Unknown(_)
            if incident.in_stage_for(now) >= EFFECT_SHOWS =>
        {
            Step::Call(Action::ComeBack, incident.clone(), Reason::NeverAsked)
        }
        Fact::Known(Some("Standby" | "EnteringStandby")) | Fact::Unknown(_) => wait(incident, now),
        Fact::Known(Some(state)) if state.starts_with("Pending") => {
            let after = incident.in_stage_for(now);
            let late = overdue(incident, now) && !incident.stays_out;
            if !late && now.duration_since(incident.opened_at) < IN_STANDBY_MAX {
                return wait(incident, now);
            }
            let why = "its group has not put it into service";
            end(incident, Stage::HandedOver, now, vec![Reason::NotBack { after, why }])
        }
        Fact::Known(other) => left_our_hands(incident.clone(), other, facts, now),
    }
}

/// For so long it is asked to come back. A person has heard of it on the first day.
pub(crate) const IN_STANDBY_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What keeps it in Standby: a group that has grown to its maximum meanwhile has no room,
/// or AWS's own words.
fn stays_in_standby(incident: &Incident, facts: &Facts) -> Vec<Reason> {
    let full = group(facts).ok().filter(|group| group.desired >= group.max).map(|group| group.max);
    let mut because = vec![Reason::StaysInStandby { group: incident.group.clone(), full }];
    let refused = incident.attempts.last().and_then(|attempt| attempt.refused.clone());
    because.extend(refused.map(|refused| Reason::Refused { why: refused.why }));
    because
}

pub(crate) fn may_be_leaving(probe: &Probe) -> bool {
    let Probe::Instance(facts) = probe else { return false };
    matches!(lifecycle(facts), Fact::Known(Some("EnteringStandby" | "Standby")) | Fact::Unknown(_))
}

/// Events that AWS has scheduled later than this do not keep an instance from a reboot today.
const SCHEDULED_SOON: SignedDuration = SignedDuration::from_hours(24);

/// Whether a stop and a start would move the instance to another host: not a member, whose group
/// would take the stop for its death, and not one whose root is lost when it stops.
fn movable(facts: &Facts) -> bool {
    let on_ebs = matches!(&facts.instance, Fact::Known(Some(instance)) if instance.root_is_ebs);
    on_ebs && facts.membership == Fact::Known(None)
}

/// The host below is to blame. EC2 may move an unreachable instance away from it itself
/// ("simplified automatic recovery", EC2 user guide), and is left to that.
fn system_impaired(symptom: Symptom, facts: &Facts) -> Availability {
    let recovers = matches!(&facts.instance, Fact::Known(Some(it)) if it.auto_recovers);
    let movable = movable(facts);
    if symptom == Symptom::Unreachable && recovers && facts.membership == Fact::Known(None) {
        return NotNow(Reason::Ec2Recovers { movable });
    }
    Unavailable(Reason::SystemImpaired { movable })
}

/// Why the checks of the instance and of its host speak against a reboot, if they do.
fn by_status(symptom: Symptom, facts: &Facts) -> Option<Availability> {
    let status = match &facts.status {
        Fact::Unknown(unknown) => return Some(InDoubt(unknown.clone())),
        Fact::Known(None) => {
            return Some(InDoubt(Unknown::NotTold {
                call: "ec2:DescribeInstanceStatus",
                what: "the status of an instance that runs",
            }));
        }
        Fact::Known(Some(status)) => status,
    };
    if status.system_impaired {
        return Some(system_impaired(symptom, facts));
    }
    if status.volume_impaired {
        return Some(Unavailable(Reason::VolumeImpaired { movable: movable(facts) }));
    }
    if let Some(performance) = &status.performance {
        let remediation = performance.remediation.clone();
        return Some(Unavailable(Reason::PerformanceImpaired { remediation }));
    }
    // AWS moves or ends it itself: a reboot now would only add downtime.
    let event = status.scheduled.clone().filter(|event| {
        event.not_before.is_none_or(|at| at < facts.observed_at + SCHEDULED_SOON)
    })?;
    let ScheduledEvent { code, not_before } = event;
    Some(Unavailable(Reason::ScheduledEvent { code, not_before }))
}

/// Whether the instance's owner says by its tag that a reboot may be tried for a service.
fn may_reboot_for_a_service(facts: &Facts) -> bool {
    let Fact::Known(Some(instance)) = &facts.instance else { return false };
    instance.tags.get(SERVICE_TAG).map(String::as_str) == Some(SERVICE_REBOOT)
}

/// A reboot needs a running instance on a sound host, out of service in any group that could
/// take the reboot for a death.
pub(crate) fn availability(symptom: Symptom, facts: &Facts) -> Availability {
    match &facts.instance {
        Fact::Unknown(unknown) => return InDoubt(unknown.clone()),
        Fact::Known(None) => return Unavailable(Reason::InstanceMissing),
        Fact::Known(Some(instance)) => {
            if let InstanceState::Not(state) = &instance.state {
                return Unavailable(Reason::NotRunning { state: state.clone() });
            }
        }
    }
    if symptom == Symptom::ServiceDown && !may_reboot_for_a_service(facts) {
        return Unavailable(Reason::ServiceOnly);
    }
    if let Some(stop) = by_status(symptom, facts) {
        return stop;
    }
    if let Some(reason) = cannot_be_asked(facts) {
        return Unavailable(reason);
    }
    let preflight = facts.preflight.as_ref();
    let frees = preflight.and_then(|preflight| preflight.reboot_frees) == Some(true);
    if symptom == Symptom::DiskFull && !frees {
        return Unavailable(Reason::RebootFreesNothing);
    }
    match &facts.membership {
        Fact::Unknown(unknown) => InDoubt(unknown.clone()),
        Fact::Known(None) => Available(None),
        Fact::Known(Some(membership)) => match group(facts) {
            Err(stop) => stop,
            Ok(group) => in_group(symptom, group, membership, facts),
        },
    }
}

/// A member leaves service first, whatever its group checks: instances that are rebooted "are
/// replaced", so they are to be "put on standby first" (Auto Scaling user guide, "Health checks
/// for instances in an Auto Scaling group"). Where that is impossible it is rebooted in service
/// only if nothing sends traffic to it and its group may replace it as well.
fn in_group(
    symptom: Symptom,
    group: &Group,
    membership: &Membership,
    facts: &Facts,
) -> Availability {
    if let Some(reason) = group_replaces(symptom, group, membership) {
        return NotNow(reason);
    }
    match standby(group, membership, facts) {
        Unavailable(Reason::StandbyImpossible { .. })
            if !group.receives_traffic && waits_for_reboots(group, facts) =>
        {
            replace::availability(symptom, facts)
        }
        other => other,
    }
}

/// Whether the group's own checks leave a rebooting member some minutes. EC2's and EBS's do; the
/// other kinds do not, and neither does an application status check, which needs no setting of
/// the group (Auto Scaling user guide, "Use application status checks with an Auto Scaling
/// group").
fn waits_for_reboots(group: &Group, facts: &Facts) -> bool {
    let application = match &facts.status {
        Fact::Known(Some(status)) => status.application_impaired.is_some(),
        _ => false,
    };
    !application && group.health_checks.iter().all(|check| matches!(check.as_str(), "EC2" | "EBS"))
}

/// The way out of service and back, so that the group does not take a reboot
/// for a death. Leaving lowers desired capacity if the minimum allows it; else
/// the group starts one more, and coming back needs room below its maximum
/// (Auto Scaling user guide, "Temporarily remove instances").
pub(crate) fn standby(group: &Group, membership: &Membership, facts: &Facts) -> Availability {
    if let Some(stop) = not_ours_to_move(group, membership, facts) {
        return stop;
    }
    if let Some(stop) = cannot_come_back(group) {
        return stop;
    }
    let own = own_units(group, &facts.instance_id);
    let room_below = group.desired.saturating_sub(own) >= group.min;
    let room_above = group.desired.saturating_add(own) <= group.max;
    match (room_below, room_above) {
        // One more is started in the zone that this one leaves behind.
        (true, true) if unbalances(group, &facts.instance_id) => {
            Available(Some(Standby { decremented: false }))
        }
        (true, _) => Available(Some(Standby { decremented: true })),
        (false, true) => Available(Some(Standby { decremented: false })),
        (false, false) => {
            let why = "the group's minimum, desired and maximum capacity leave no room";
            Unavailable(Reason::StandbyImpossible { why })
        }
    }
}

/// Whether this Standby leaves a zone behind, which nobody could avoid and people have to hear.
pub(crate) fn leaves_zone_behind(standby: Standby, facts: &Facts) -> bool {
    standby.decremented && group(facts).is_ok_and(|it| unbalances(it, &facts.instance_id))
}

/// Whether the group without the instance would have two members fewer in its zone than in
/// another: then its `AZRebalance` process may end a healthy one elsewhere (Auto Scaling user
/// guide, "Availability Zone distribution").
fn unbalances(group: &Group, instance: &InstanceId) -> bool {
    let mut zones: BTreeMap<&str, i64> = BTreeMap::new();
    for member in group.members.iter().filter(|member| member.lifecycle == "InService") {
        *zones.entry(&member.zone).or_default() += i64::from(member.instance != *instance);
    }
    let own = group.members.iter().find(|member| member.instance == *instance);
    let left = own.and_then(|member| zones.get(member.zone.as_str()));
    let most = zones.values().max();
    !group.suspended.contains("AZRebalance")
        && left.zip(most).is_some_and(|(left, most)| most - left >= 2)
}
