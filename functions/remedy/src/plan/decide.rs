//! The third room: which rung, if any. Pure: the same alarm, facts and policy
//! always give the same decision, and the decision leaves nothing to choose.
//!
//! A rung is available, unavailable for a reason, or in doubt because a fact
//! could not be read. Doubt stops the climb: a throttled API call must never
//! turn a cleanup into a reboot.

use jiff::{SignedDuration, Timestamp};

use crate::model::alarm::Symptom;
use crate::model::incident::{Past, Rung, Stage, Standby};
use crate::model::policy::OptIn;
use crate::model::policy::{INSTANCE_STORE_DISPOSABLE, INSTANCE_STORE_TAG, Policy};
use crate::model::reason::Reason;
use crate::model::unknown::Gap;
use crate::observe::facts::{DisruptionFact, Fact, Facts, GroupFact};
use crate::ports::look::{
    Group, InstanceState, Membership, Platform, ScheduledEvent, StatusChecks,
};

/// What is to be done about one alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Carry out `rung`.
    Act {
        /// The lowest rung that can be carried out.
        rung: Rung,
        /// How the instance leaves service first, if it has to.
        standby: Option<Standby>,
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
/// A full disk prefers replacement, because a reboot mostly leaves the disk as
/// it is; it comes last, where the host says that it frees what fills it.
/// The others prefer a reboot, because it loses less than a new instance.
pub fn ladder(symptom: Symptom) -> [Rung; 3] {
    match symptom {
        Symptom::DiskFull => [Rung::Cleanup, Rung::Replace, Rung::Reboot],
        Symptom::HighCpu | Symptom::MemoryPressure => [Rung::Cleanup, Rung::Reboot, Rung::Replace],
    }
}

/// Chooses the lowest available rung that is not among those `tried`.
pub fn decide(symptom: Symptom, tried: &[Rung], facts: &Facts, policy: &Policy) -> Decision {
    let mut because = Vec::new();
    let count = 1 + repeats(symptom, facts, policy).count();
    if count >= policy.repeats {
        because.push(Reason::RootCauseNeeded { symptom, count });
    }
    for rung in ladder(symptom) {
        match availability(rung, symptom, tried, facts, policy) {
            Available(standby) => {
                because.insert(0, Reason::LowestRung { rung, symptom });
                return Decision::Act { rung, standby, because };
            }
            Unavailable(reason) => because.push(reason),
            NotNow(reason) => {
                because.insert(0, reason);
                return Decision::Wait { because };
            }
            InDoubt(gap) => {
                because.insert(0, Reason::FactUnknown(gap));
                return Decision::Wait { because };
            }
        }
    }
    because.dedup();
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
    matches!(availability(Rung::Cleanup, symptom, tried, facts, policy), Unavailable(_))
}

/// The earlier incidents of `symptom` that count as repeats.
fn repeats(symptom: Symptom, facts: &Facts, policy: &Policy) -> impl Iterator<Item = Past> + use<> {
    let since = facts.observed_at - policy.repeats_within;
    let counts = move |past: &Past| past.symptom == symptom && past.opened_at >= since;
    facts.past().into_iter().filter(counts)
}

/// How many repeats `rung` ended, if there are so many that it does not last.
fn did_not_last(rung: Rung, symptom: Symptom, facts: &Facts, policy: &Policy) -> Option<usize> {
    let repeats: Vec<Past> = repeats(symptom, facts, policy).collect();
    let ended = |past: &&Past| past.rung == Some(rung) && past.stage == Stage::Resolved;
    let count = repeats.iter().filter(ended).count();
    (1 + repeats.len() >= policy.repeats && count > 0).then_some(count)
}

/// Whether the host itself can be asked something: its agent answers, on a
/// platform that our scripts are written for.
pub fn host_answers(facts: &Facts, policy: &Policy) -> bool {
    matches!(cleanup(facts, policy), Available(_))
}

enum Availability {
    Available(Option<Standby>),
    Unavailable(Reason),
    /// Unavailable for a while. Waiting is right, a higher rung is not.
    NotNow(Reason),
    InDoubt(Gap),
}

use Availability::{Available, InDoubt, NotNow, Unavailable};

fn availability(
    rung: Rung,
    symptom: Symptom,
    tried: &[Rung],
    facts: &Facts,
    policy: &Policy,
) -> Availability {
    if tried.contains(&rung) {
        return Unavailable(Reason::RungTried { rung });
    }
    if let Some(count) = did_not_last(rung, symptom, facts, policy) {
        return Unavailable(Reason::DidNotLast { rung, count });
    }
    match rung {
        Rung::Cleanup => cleanup(facts, policy),
        Rung::Reboot => reboot(symptom, facts),
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
    Available(None)
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
        Fact::Unknown(gap) => InDoubt(gap.clone()),
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
fn standby(group: &Group, membership: &Membership, facts: &Facts) -> Availability {
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
        (Fact::Unknown(gap), _) | (_, Fact::Unknown(gap)) => InDoubt(gap.clone()),
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
fn instance_store_is_disposable(facts: &Facts) -> bool {
    let Fact::Known(Some(instance)) = &facts.instance else { return false };
    instance.tags.get(INSTANCE_STORE_TAG).map(String::as_str) == Some(INSTANCE_STORE_DISPOSABLE)
}

fn cannot_replace(group: &Group) -> Option<Availability> {
    let suspended =
        REPLACEMENT_PROCESSES.into_iter().find(|process| group.suspended.contains(*process));
    suspended.map(|process| Unavailable(Reason::ProcessSuspended { process }))
}

/// Why a member that was to leave service, or to be replaced, may not be asked
/// for again: what its owner and its group's owner did since counts. `Ok` with
/// what is in the way for a while, or not known; `Err` with what stays so.
pub fn still_movable(rung: Rung, facts: &Facts) -> Result<Option<Reason>, Reason> {
    let stop = match (&facts.membership, group(facts)) {
        (Fact::Unknown(gap), _) => Some(InDoubt(gap.clone())),
        (Fact::Known(None), _) => Some(Unavailable(Reason::NotInGroup)),
        (_, Err(stop)) => Some(stop),
        (Fact::Known(Some(membership)), Ok(group)) => not_ours_to_move(group, membership, facts)
            .or_else(|| match rung {
                Rung::Replace => cannot_replace(group),
                _ => cannot_come_back(group),
            }),
    };
    match stop {
        None | Some(Available(_)) => Ok(None),
        Some(NotNow(reason)) => Ok(Some(reason)),
        Some(InDoubt(gap)) => Ok(Some(Reason::FactUnknown(gap))),
        Some(Unavailable(reason)) => Err(reason),
    }
}

fn cannot_come_back(group: &Group) -> Option<Availability> {
    let why = "the group's Launch process is suspended, and it could not come back";
    let suspended = group.suspended.contains("Launch");
    suspended.then_some(Unavailable(Reason::StandbyImpossible { why }))
}

/// After so many replacements for one symptom a group gets no more: what the
/// substitutes share (image, launch template, load) is to blame, and replacing
/// good hosts for it is how one bug takes a fleet down.
const SUBSTITUTES_MAX: usize = 2;

/// How far back replacements count towards [`SUBSTITUTES_MAX`]. 6 hours: an
/// image that fills its disk does so within a shift.
const LATELY: SignedDuration = SignedDuration::from_hours(6);

/// Why a member may not be moved out of its group's service: it is not in it,
/// the group's owner has not opted in, or a refresh is moving members already.
fn not_ours_to_move(group: &Group, membership: &Membership, facts: &Facts) -> Option<Availability> {
    if membership.lifecycle != "InService" {
        let lifecycle = membership.lifecycle.clone();
        return Some(Unavailable(Reason::NotInService { lifecycle }));
    }
    let name = membership.group.clone();
    match OptIn::of(&group.tags) {
        OptIn::Enabled => {}
        OptIn::Observe => return Some(Unavailable(Reason::GroupObserved { group: name })),
        OptIn::No(found) => {
            return Some(Unavailable(Reason::GroupNotOptedIn { group: name, found }));
        }
    }
    match &facts.group {
        GroupFact::Read { refresh: Fact::Unknown(gap), .. } => Some(InDoubt(gap.clone())),
        GroupFact::Read { refresh: Fact::Known(Some(status)), .. } => {
            Some(NotNow(Reason::RefreshRunning { status: status.clone() }))
        }
        _ => None,
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
        _ => Err(InDoubt(group_not_read())),
    }
}

fn group_not_read() -> Gap {
    Gap {
        call: "autoscaling:DescribeAutoScalingGroups",
        why: "the group was not asked about".to_owned(),
    }
}

fn pool_not_read() -> Gap {
    Gap { call: "dynamodb:BatchGetItem", why: "the pool was not asked about".to_owned() }
}
