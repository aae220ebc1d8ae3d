//! The reboot: in Standby where the instance has a group that would take it for a
//! death.

use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::incident::Standby;
use crate::model::incident::{FailedCall, FailureKind, Incident, Stage};
use crate::model::reason::Reason;
use crate::model::unknown::Unknown;
use crate::observe::facts::{Fact, Facts};
use crate::observe::probe::Probe;
use crate::plan::availability::Availability::{self, Available, InDoubt, Unavailable};
use crate::plan::availability::cannot_come_back;
use crate::plan::availability::group;
use crate::plan::availability::lifecycle;
use crate::plan::availability::not_ours_to_move;
use crate::plan::step::BEAT;
use crate::plan::step::EFFECT_SHOWS;
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::plan::step::failing;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::ports::look::Membership;
use crate::ports::look::ScheduledEvent;
use crate::ports::look::StatusChecks;
use crate::ports::look::{Group, InstanceState};
use jiff::{SignedDuration, Timestamp};

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
        Fact::Known(other) => left_our_hands(out, other, now),
    }
}

/// The group took the instance out of our hands.
pub(crate) fn left_our_hands(
    mut incident: Incident,
    lifecycle: Option<&str>,
    now: Timestamp,
) -> Step {
    incident.standby = None;
    let state = lifecycle.unwrap_or("out of its group").to_owned();
    end(&incident, Stage::HandedOver, now, vec![Reason::Gone { state }])
}

pub(crate) fn rebooting(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let after = incident.in_stage_for(now);
    if let Fact::Known(Some(instance)) = &facts.instance
        && let InstanceState::Not(state) = &instance.state
    {
        return left_our_hands(incident.clone(), Some(state.as_str()), now);
    }
    match not_back(incident, facts) {
        None if incident.standby.is_some() => {
            Step::Call(Action::ComeBack, incident.clone(), Reason::UpAgain)
        }
        None => Step::Move(incident.moved_to(Stage::Watching, now), Reason::UpAgain),
        // A person has heard of it, and it keeps its slot for as long as it is out. An
        // agent that stays silent does not keep it out.
        Some(_) if incident.stays_out => match &facts.status {
            Fact::Known(Some(status)) if status.pass() => {
                Step::Move(incident.moved_to(Stage::Watching, now), Reason::UpAgain)
            }
            _ => wait(incident, now),
        },
        Some(why) if overdue(incident, now) => {
            let reason = Reason::NotBack { after, why };
            if incident.standby.is_none() {
                return Step::Climb(incident.clone(), reason);
            }
            let failed = FailedCall { kind: FailureKind::InstanceState, why: reason.to_string() };
            Step::Call(Action::ComeBack, failing(incident.clone(), failed), reason)
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
        // Its group would replace it the moment it is back in service.
        Fact::Known(Some(status))
            if status.application_impaired == Some(true) && incident.group.is_some() =>
        {
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
        _ if overdue(incident, now) => {
            let after = incident.in_stage_for(now);
            let why = "its group did not take it back; it may still be in Standby";
            let mut because = vec![Reason::NotBack { after, why }];
            let refused = incident.attempts.last().and_then(|attempt| attempt.refused.clone());
            because.extend(refused.map(|refused| Reason::Refused { why: refused.why }));
            end(incident, Stage::HandedOver, now, because)
        }
        // Asking again is safe: an instance that is back is refused.
        Fact::Known(Some("Standby")) | Fact::Unknown(_)
            if incident.in_stage_for(now) >= EFFECT_SHOWS =>
        {
            Step::Call(Action::ComeBack, incident.clone(), Reason::NeverAsked)
        }
        Fact::Known(Some("Standby" | "EnteringStandby")) | Fact::Unknown(_) => wait(incident, now),
        Fact::Known(Some(state)) if state.starts_with("Pending") => wait(incident, now),
        Fact::Known(other) => left_our_hands(incident.clone(), other, now),
    }
}

pub(crate) fn may_be_leaving(probe: &Probe) -> bool {
    let Probe::Instance(facts) = probe else { return false };
    matches!(lifecycle(facts), Fact::Known(Some("EnteringStandby" | "Standby")) | Fact::Unknown(_))
}

/// A reboot needs a running instance on a sound host, outside any group that
/// would take the reboot for a death.
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
    match &facts.status {
        Fact::Unknown(unknown) => return InDoubt(unknown.clone()),
        Fact::Known(None) => {
            return InDoubt(Unknown::NotTold {
                call: "ec2:DescribeInstanceStatus",
                what: "the status of an instance that runs",
            });
        }
        Fact::Known(Some(status)) if status.system_impaired => {
            return Unavailable(Reason::SystemImpaired);
        }
        // AWS moves or ends it itself: a reboot now would only add downtime.
        Fact::Known(Some(StatusChecks { scheduled: Some(event), .. })) => {
            let ScheduledEvent { code, not_before } = event.clone();
            return Unavailable(Reason::ScheduledEvent { code, not_before });
        }
        Fact::Known(Some(_)) => {}
    }
    let frees = facts.found.as_ref().and_then(|found| found.reboot_frees) == Some(true);
    if symptom == Symptom::DiskFull && !frees {
        return Unavailable(Reason::RebootFreesNothing);
    }
    match &facts.membership {
        Fact::Unknown(unknown) => InDoubt(unknown.clone()),
        Fact::Known(None) => Available(None),
        Fact::Known(Some(membership)) => match group(facts) {
            Err(stop) => stop,
            Ok(group) if waits_for_reboots(group, facts) => Available(None),
            Ok(group) => standby(group, membership, facts),
        },
    }
}

/// Whether the group leaves a rebooting member alone. EC2's own check waits
/// some minutes for an impaired instance; the other kinds do not, and neither
/// does an application status check, which needs no setting of the group (Auto
/// Scaling user guide, "Health checks for instances" and "Use application status
/// checks with an Auto Scaling group").
pub(crate) fn waits_for_reboots(group: &Group, facts: &Facts) -> bool {
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
    if group.desired > group.min {
        Available(Some(Standby { decremented: true }))
    } else if group.desired < group.max {
        Available(Some(Standby { decremented: false }))
    } else {
        let why = "the group's minimum, desired and maximum capacity are the same";
        Unavailable(Reason::StandbyImpossible { why })
    }
}
