//! Makes the one call that changes the world, and only with a [`Claim`].

use std::collections::BTreeSet;

use crate::execute::claim::Claim;
use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::cleanup_opt_in::CleanupOptIn;
use crate::model::growth::Growth;
use crate::model::ids::CommandId;
use crate::model::incident::{FailedCall, FailureKind, Gathering, Incident};
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::ports::touch::{CallError, CleanupOrder, DiskOrder, Relief, Touch};

/// What the owner of the instance allows, or of all: those that the symptom's document knows.
fn opt_ins(incident: &Incident, policy: &Policy) -> BTreeSet<CleanupOptIn> {
    let all = incident.opt_ins.union(&policy.opt_ins).copied();
    all.filter(|opt_in| opt_in.symptom() == incident.symptom).collect()
}

impl Relief {
    /// What the document of `incident`'s symptom is told, if it has one.
    fn of(incident: &Incident, policy: &Policy) -> Option<Self> {
        Some(match incident.symptom {
            Symptom::DiskFull => Self::Disk {
                mount: incident.file_system(),
                target_percent: target(incident, policy),
                alarm_percent: alarm(incident),
                opt_ins: opt_ins(incident, policy),
            },
            Symptom::MemoryPressure => {
                Self::Memory { units: policy.units.clone(), opt_ins: opt_ins(incident, policy) }
            }
            Symptom::HighCpu => Self::Cpu { units: policy.units.clone() },
            Symptom::ServiceDown => Self::Service { units: policy.units.clone() },
            Symptom::Unreachable => return None,
        })
    }
}

/// A cleanup that stops short of its alarm's threshold helps nobody.
const BELOW_THE_ALARM: f64 = 5.0;

/// Where the alarm rings, so that the script can tell a missed target from trouble.
fn alarm(incident: &Incident) -> Option<u8> {
    let seen = &incident.seen;
    let alarm = seen.threshold.and_then(|threshold| seen.level(threshold))?.clamp(1.0, 99.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 99")]
    let alarm = alarm as u8;
    Some(alarm)
}

/// Down to which level a disk is cleaned: the deployment's, or lower where the alarm asks
/// for it.
fn target(incident: &Incident, policy: &Policy) -> u8 {
    let seen = &incident.seen;
    let alarm = seen.threshold.and_then(|threshold| seen.level(threshold));
    let below = alarm.map(|alarm| (alarm - BELOW_THE_ALARM).clamp(1.0, 99.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 99")]
    let below = below.map(|below| below as u8);
    below.map_or(policy.disk_target_percent, |below| below.min(policy.disk_target_percent))
}

/// What acting came to.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an outcome that is not recorded is forgotten"]
pub struct Acted {
    /// The incident as it now stands, to be recorded.
    pub incident: Incident,
    /// What went wrong, if something did.
    pub failure: Option<Reason>,
}

/// Carries out the claim. A total match: there is nothing left to choose.
pub async fn act(claim: Claim, policy: &Policy, touch: &impl Touch) -> Acted {
    let (action, mut incident) = claim.spend();
    let answer = call(action, &incident, policy, touch).await;
    incident.version += 1;
    let question = match action {
        Action::Gather => incident.gathering.as_mut(),
        Action::Survey => incident.survey.as_mut().map(|survey| &mut survey.question),
        _ => None,
    };
    if let Some(question) = question {
        note_question(question, answer);
        return Acted { incident, failure: None };
    }
    let attempt = incident.attempts.last_mut();
    let failure = match answer {
        Ok(None) => None,
        Ok(command_id) => {
            if let Some(attempt) = attempt {
                attempt.command_id = command_id;
            }
            None
        }
        Err(CallError { call, why, kind: None }) => Some(Reason::ActionUncertain { call, why }),
        Err(CallError { call, why, kind: Some(kind) }) => {
            if let Some(attempt) = attempt {
                attempt.refused = Some(FailedCall { kind, why: format!("{call} failed: {why}") });
            }
            Some(Reason::ActionFailed { call, why })
        }
    };
    Acted { incident, failure }
}

/// Notes what became of a question to the host. That it could not be asked fails nothing:
/// what is missing is its answer.
fn note_question(question: &mut Gathering, answer: Result<Option<CommandId>, CallError>) {
    match answer {
        Ok(command_id) => question.command_id = command_id,
        Err(refused) if refused.kind.is_some() => question.refused = Some(refused.to_string()),
        Err(_) => {} // It may have been sent, and is looked for.
    }
}

async fn call(
    action: Action,
    incident: &Incident,
    policy: &Policy,
    touch: &impl Touch,
) -> Result<Option<CommandId>, CallError> {
    let instance = &incident.instance_id;
    match (action, &incident.group) {
        (Action::Clean, _) => touch.clean(&order(incident, policy)?).await.map(Some),
        (Action::Survey, _) => touch.survey(&disk_order(incident)).await.map(Some),
        (Action::Extend, _) => touch.extend(&disk_order(incident)).await.map(Some),
        (Action::Snapshot, _) => {
            let growth = growth(incident, "ec2:CreateSnapshot")?;
            let description = growth.description(&incident.id);
            touch.snapshot(&growth.volume, &description).await.map(|()| None)
        }
        (Action::Grow, _) => touch.grow(growth(incident, "ec2:ModifyVolume")?).await.map(|()| None),
        (Action::Gather, _) => {
            touch.gather(&order(incident, policy)?, policy.gathering_takes).await.map(Some)
        }
        (Action::Reboot, _) => touch.reboot(instance).await.map(|()| None),
        (Action::Replace, _) => touch.replace(instance).await.map(|()| None),
        (Action::LeaveService(standby), Some(group)) => {
            touch.leave_service(instance, group, standby).await.map(|()| None)
        }
        (Action::ComeBack, Some(group)) => touch.come_back(instance, group).await.map(|()| None),
        (Action::LeaveService(_) | Action::ComeBack, None) => Err(CallError {
            call: "autoscaling:EnterStandby",
            why: "the incident names no group".to_owned(),
            kind: Some(FailureKind::NotPermitted),
        }),
    }
}

fn growth<'a>(incident: &'a Incident, call: &'static str) -> Result<&'a Growth, CallError> {
    incident.growth().ok_or_else(|| CallError {
        call,
        why: "the incident names no volume".to_owned(),
        kind: Some(FailureKind::NotPermitted),
    })
}

fn disk_order(incident: &Incident) -> DiskOrder {
    let growth = incident.growth();
    DiskOrder {
        instance: incident.instance_id.clone(),
        comment: incident.comment(),
        mount: growth.map(|growth| growth.mount.clone()).or(incident.mount.clone()),
        disk: growth.map(|growth| growth.disk.clone()),
    }
}

/// What the document of the symptom is told, to this host alone.
pub(crate) fn order(incident: &Incident, policy: &Policy) -> Result<CleanupOrder, CallError> {
    let relief = Relief::of(incident, policy).ok_or_else(|| CallError {
        call: "ssm:SendCommand",
        why: format!("there is no document for {}", incident.symptom),
        kind: Some(FailureKind::NotPermitted),
    })?;
    Ok(CleanupOrder {
        instance: incident.instance_id.clone(),
        comment: incident.comment(),
        symptom: incident.symptom,
        relief,
        evidence: incident.destination(policy.evidence_bucket.as_ref()),
    })
}
