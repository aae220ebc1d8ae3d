//! The sixth room: the hands are told what to do, and only with a [`Claim`].

use jiff::SignedDuration;

use crate::alarm::Symptom;
use crate::evidence::Destination;
use crate::facts::Gap;
use crate::ids::{CommandId, GroupName, InstanceId, MountPoint, UnitName};
use crate::incident::{Incident, No, RefusedCall, Standby};
use crate::ledger::{Claim, Deed};
use crate::policy::Policy;
use crate::reason::Reason;

/// Changes the world. Every verb is one call.
pub trait Touch {
    /// `ssm:SendCommand` with the function's own document to one instance.
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, Refused>;
    /// The same document, told to look only and to give what it finds off the
    /// host, within so much time.
    async fn gather(
        &self,
        order: &CleanupOrder,
        within: SignedDuration,
    ) -> Result<CommandId, Refused>;
    /// `s3:PutObject`: keeps a text as evidence.
    async fn keep(&self, destination: &Destination, text: &str) -> Result<(), Refused>;
    /// `ec2:RebootInstances` of one instance. Never repeated on doubt.
    async fn reboot(&self, instance: &InstanceId) -> Result<(), Refused>;
    /// `autoscaling:SetInstanceHealth`: the group replaces the instance the
    /// way its maintenance policy says. Never repeated on doubt.
    async fn replace(&self, instance: &InstanceId) -> Result<(), Refused>;
    /// `autoscaling:EnterStandby`: the instance leaves service and its group
    /// stops judging its health.
    async fn leave_service(
        &self,
        instance: &InstanceId,
        group: &GroupName,
        standby: Standby,
    ) -> Result<(), Refused>;
    /// `autoscaling:ExitStandby`: the instance comes back into service.
    async fn come_back(&self, instance: &InstanceId, group: &GroupName) -> Result<(), Refused>;
}

/// What the document of a symptom is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanupOrder {
    /// The host.
    pub instance: InstanceId,
    /// The command's comment, by which it can be found.
    pub comment: String,
    /// Whose document to send.
    pub symptom: Symptom,
    /// What the document of the symptom needs to know.
    pub relief: Relief,
    /// Where the host sends its evidence, before it changes anything.
    pub evidence: Option<Destination>,
}

/// What each symptom's document needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relief {
    /// Free space on one file system.
    Disk {
        /// The file system of the alarm.
        mount: MountPoint,
        /// Stop at this share of used space.
        target_percent: u8,
    },
    /// Restart the unit that holds the memory, if it is one of these.
    Memory {
        /// Units that may be restarted.
        units: Vec<UnitName>,
    },
    /// Calm the process that burns the processor; restart it if it is one of
    /// these.
    Cpu {
        /// Units that may be restarted.
        units: Vec<UnitName>,
    },
}

/// A call that did not answer with success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{gap}")]
pub struct Refused {
    /// The call and what it said.
    pub gap: Gap,
    /// How AWS said no, so that nothing happened. `None` if the answer was lost
    /// and it may have happened.
    pub no: Option<No>,
}

impl Relief {
    /// What the document of `incident`'s symptom is told.
    fn of(incident: &Incident, policy: &Policy) -> Self {
        match incident.symptom {
            Symptom::DiskFull => Self::Disk {
                mount: incident.mount.clone().unwrap_or_else(MountPoint::root),
                target_percent: policy.disk_target_percent,
            },
            Symptom::MemoryPressure => Self::Memory { units: policy.units.clone() },
            Symptom::HighCpu => Self::Cpu { units: policy.units.clone() },
        }
    }
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
    let (deed, mut incident) = claim.spend();
    let answer = call(deed, &incident, policy, touch).await;
    incident.version += 1;
    if deed == Deed::Gather {
        return Acted { incident: asked(incident, answer), failure: None };
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
        Err(Refused { gap: Gap { call, why }, no: None }) => {
            Some(Reason::ActionUncertain { call, why })
        }
        Err(Refused { gap, no: Some(no) }) => {
            if let Some(attempt) = attempt {
                attempt.refused = Some(RefusedCall { no, why: gap.to_string() });
            }
            Some(Reason::ActionFailed { call: gap.call, why: gap.why })
        }
    };
    Acted { incident, failure }
}

/// Notes what became of the question to the host. That it could not be asked
/// fails nothing: it is evidence that is missing.
fn asked(mut incident: Incident, answer: Result<Option<CommandId>, Refused>) -> Incident {
    if let Some(gathering) = &mut incident.gathering {
        match answer {
            Ok(command_id) => gathering.command_id = command_id,
            Err(refused) if refused.no.is_some() => {
                gathering.refused = Some(refused.gap.to_string());
            }
            Err(_) => {} // It may have been sent, and is looked for.
        }
    }
    incident
}

async fn call(
    deed: Deed,
    incident: &Incident,
    policy: &Policy,
    touch: &impl Touch,
) -> Result<Option<CommandId>, Refused> {
    let instance = &incident.instance_id;
    match (deed, &incident.group) {
        (Deed::Clean, _) => touch.clean(&order(incident, policy)).await.map(Some),
        (Deed::Gather, _) => {
            touch.gather(&order(incident, policy), policy.gathering_takes).await.map(Some)
        }
        (Deed::Reboot, _) => touch.reboot(instance).await.map(|()| None),
        (Deed::Replace, _) => touch.replace(instance).await.map(|()| None),
        (Deed::LeaveService(standby), Some(group)) => {
            touch.leave_service(instance, group, standby).await.map(|()| None)
        }
        (Deed::ComeBack, Some(group)) => touch.come_back(instance, group).await.map(|()| None),
        (Deed::LeaveService(_) | Deed::ComeBack, None) => Err(Refused {
            gap: Gap {
                call: "autoscaling:EnterStandby",
                why: "the incident names no group".to_owned(),
            },
            no: Some(No::NotForUs),
        }),
    }
}

fn order(incident: &Incident, policy: &Policy) -> CleanupOrder {
    CleanupOrder {
        instance: incident.instance_id.clone(),
        comment: incident.comment(),
        symptom: incident.symptom,
        relief: Relief::of(incident, policy),
        evidence: incident.destination(policy.evidence_bucket.as_ref()),
    }
}
