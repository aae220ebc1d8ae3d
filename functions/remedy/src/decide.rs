//! The third room: which rung, if any. Pure: the same alarm, facts and policy
//! always give the same decision, and the decision leaves nothing to choose.
//!
//! A rung is available, unavailable for a reason, or in doubt because a fact
//! could not be read. Doubt stops the climb: a throttled API call must never
//! turn a cleanup into a reboot.

use jiff::SignedDuration;

use crate::alarm::{Alarm, Symptom};
use crate::facts::{Fact, Facts, Gap, Group, GroupFact, InstanceState, OptIn, Platform};
use crate::incident::Rung;
use crate::policy::Policy;
use crate::reason::Reason;

/// What is to be done about one alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Carry out `rung`.
    Act {
        /// The lowest rung that can be carried out.
        rung: Rung,
        /// Why this one, and why none below it.
        because: Vec<Reason>,
    },
    /// Do nothing for now: something needed is not known.
    Watch {
        /// What is not known, and why no rung below was available.
        because: Vec<Reason>,
    },
    /// No rung is available: a person has to look.
    HandOver {
        /// Why each rung was not available.
        because: Vec<Reason>,
    },
}

/// The rungs for each symptom, lowest first.
///
/// A full disk prefers replacement, because a reboot leaves the disk as it is.
/// The others prefer a reboot, because it loses less than a new instance.
pub fn ladder(symptom: Symptom) -> [Rung; 3] {
    match symptom {
        Symptom::DiskFull => [Rung::Cleanup, Rung::Replace, Rung::Reboot],
        Symptom::HighCpu | Symptom::MemoryPressure => [Rung::Cleanup, Rung::Reboot, Rung::Replace],
    }
}

/// Chooses the lowest available rung.
pub fn decide(alarm: &Alarm, facts: &Facts, policy: &Policy) -> Decision {
    let mut because = Vec::new();
    for rung in ladder(alarm.symptom) {
        match availability(rung, alarm, facts, policy) {
            Availability::Available => {
                because.insert(0, Reason::LowestRung { rung, symptom: alarm.symptom });
                return Decision::Act { rung, because };
            }
            Availability::Unavailable(reason) => because.push(reason),
            Availability::InDoubt(gap) => {
                because.push(Reason::FactUnknown(gap));
                return Decision::Watch { because };
            }
        }
    }
    because.dedup();
    Decision::HandOver { because }
}

/// Whether the group must be read before deciding: only the rungs above a
/// cleanup ask about it, and most alarms end with a cleanup.
pub fn asks_for_group(alarm: &Alarm, facts: &Facts, policy: &Policy) -> bool {
    facts.group == GroupFact::NotRead
        && facts.group_name().is_some()
        && matches!(availability(Rung::Cleanup, alarm, facts, policy), Availability::Unavailable(_))
}

enum Availability {
    Available,
    Unavailable(Reason),
    InDoubt(Gap),
}

use Availability::{Available, InDoubt, Unavailable};

fn availability(rung: Rung, alarm: &Alarm, facts: &Facts, policy: &Policy) -> Availability {
    match rung {
        Rung::Cleanup => cleanup(facts, policy),
        Rung::Reboot => reboot(alarm.symptom, facts),
        Rung::Replace => replace(facts),
    }
}

/// A cleanup needs an SSM agent that answers, on a platform we know.
fn cleanup(facts: &Facts, policy: &Policy) -> Availability {
    let agent = match &facts.agent {
        Fact::Unknown(gap) => return InDoubt(gap.clone()),
        Fact::Known(None) => return Unavailable(Reason::AgentAbsent),
        Fact::Known(Some(agent)) => agent,
    };
    if facts.platform() == Some(Platform::Windows) {
        return Unavailable(Reason::PlatformUnsupported);
    }
    let silence = agent
        .last_ping
        .map(|ping| facts.observed_at.duration_since(ping).max(SignedDuration::ZERO));
    if !agent.online || silence.is_none_or(|silence| silence > policy.agent_silent_after) {
        return Unavailable(Reason::AgentSilent { for_the_last: silence });
    }
    Available
}

/// A reboot needs a running instance on a sound host, outside any group that
/// would take the reboot for a death.
fn reboot(symptom: Symptom, facts: &Facts) -> Availability {
    match &facts.instance {
        Fact::Unknown(gap) => return InDoubt(gap.clone()),
        Fact::Known(None) => return Unavailable(Reason::InstanceMissing),
        Fact::Known(Some(instance)) => {
            if let InstanceState::Not(state) = &instance.state {
                return Unavailable(Reason::NotRunning { state: state.clone() });
            }
        }
    }
    match &facts.status {
        Fact::Unknown(gap) => return InDoubt(gap.clone()),
        Fact::Known(None) => {
            return InDoubt(Gap {
                call: "ec2:DescribeInstanceStatus",
                why: "the instance runs and has no status".to_owned(),
            });
        }
        Fact::Known(Some(status)) if status.system_impaired => {
            return Unavailable(Reason::SystemImpaired);
        }
        Fact::Known(Some(_)) => {}
    }
    if symptom == Symptom::DiskFull {
        return Unavailable(Reason::RebootFreesNothing);
    }
    match &facts.membership {
        Fact::Unknown(gap) => InDoubt(gap.clone()),
        Fact::Known(None) => Available,
        Fact::Known(Some(_)) => match group(facts) {
            Err(stop) => stop,
            Ok(group) => match check_that_replaces(group) {
                Some(check) => Unavailable(Reason::RebootWouldReplace { check }),
                None => Available,
            },
        },
    }
}

/// The health check by which the group would replace a rebooting member. EC2's
/// own check waits some minutes for an impaired instance; the others do not
/// (Auto Scaling user guide, "Health checks for instances").
fn check_that_replaces(group: &Group) -> Option<String> {
    group.health_checks.iter().find(|check| !matches!(check.as_str(), "EC2" | "EBS")).cloned()
}

/// The processes without which a replacement terminates without launching, or
/// marks without replacing and fires whenever the process is resumed.
const REPLACEMENT_PROCESSES: [&str; 3] = ["Launch", "Terminate", "ReplaceUnhealthy"];

/// A replacement needs a group that has opted in and is free to replace.
fn replace(facts: &Facts) -> Availability {
    let membership = match &facts.membership {
        Fact::Unknown(gap) => return InDoubt(gap.clone()),
        Fact::Known(None) => return Unavailable(Reason::NotInGroup),
        Fact::Known(Some(membership)) => membership,
    };
    if membership.lifecycle != "InService" {
        return Unavailable(Reason::NotInService { lifecycle: membership.lifecycle.clone() });
    }
    let group = match group(facts) {
        Ok(group) => group,
        Err(stop) => return stop,
    };
    match OptIn::of(&group.tags) {
        OptIn::Enabled => {}
        OptIn::Observe => {
            return Unavailable(Reason::GroupObserved { group: membership.group.clone() });
        }
        OptIn::No(found) => {
            return Unavailable(Reason::GroupNotOptedIn { group: membership.group.clone(), found });
        }
    }
    let suspended =
        REPLACEMENT_PROCESSES.into_iter().find(|process| group.suspended.contains(*process));
    if let Some(process) = suspended {
        return Unavailable(Reason::ProcessSuspended { process });
    }
    match &facts.group {
        GroupFact::Read { refresh: Fact::Unknown(gap), .. } => InDoubt(gap.clone()),
        GroupFact::Read { refresh: Fact::Known(Some(status)), .. } => {
            Unavailable(Reason::RefreshRunning { status: status.clone() })
        }
        _ => Available,
    }
}

/// The group, or why the rung that asks for it stops here.
fn group(facts: &Facts) -> Result<&Group, Availability> {
    match (&facts.group, facts.group_name()) {
        (GroupFact::Read { group: Fact::Known(Some(group)), .. }, _) => Ok(group),
        (GroupFact::Read { group: Fact::Unknown(gap), .. }, _) => Err(InDoubt(gap.clone())),
        (GroupFact::Read { group: Fact::Known(None), .. }, Some(name)) => {
            Err(Unavailable(Reason::GroupMissing { group: name.clone() }))
        }
        _ => Err(InDoubt(Gap {
            call: "autoscaling:DescribeAutoScalingGroups",
            why: "the group was not asked about".to_owned(),
        })),
    }
}
