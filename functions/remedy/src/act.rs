//! The sixth room: the hands are told what to do, and only with a [`Claim`].

use crate::alarm::{Alarm, Symptom};
use crate::facts::Gap;
use crate::ids::{CommandId, IncidentId, InstanceId, MountPoint, UnitName};
use crate::incident::{Incident, Rung, Stage};
use crate::ledger::Claim;
use crate::policy::Policy;
use crate::reason::Reason;

/// Changes the world. Every verb is one call.
pub trait Touch {
    /// `ssm:SendCommand` with the function's own document to one instance.
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, Refused>;
    /// `ec2:RebootInstances` of one instance. Never repeated on doubt.
    async fn reboot(&self, instance: &InstanceId) -> Result<(), Refused>;
    /// `autoscaling:SetInstanceHealth`: the group replaces the instance the
    /// way its maintenance policy says. Never repeated on doubt.
    async fn replace(&self, instance: &InstanceId) -> Result<(), Refused>;
}

/// What a cleanup document is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanupOrder {
    /// The host to clean.
    pub instance: InstanceId,
    /// Stands in the command's comment, so that the command can be found.
    pub incident: IncidentId,
    /// What the document of the symptom needs to know.
    pub relief: Relief,
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
    /// AWS said no, so nothing happened. `false` if the answer was lost.
    pub certain: bool,
}

impl Relief {
    /// What the document of `alarm`'s symptom is told.
    pub fn of(alarm: &Alarm, policy: &Policy) -> Self {
        match alarm.symptom {
            Symptom::DiskFull => Self::Disk {
                mount: alarm.mount.clone().unwrap_or_else(MountPoint::root),
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
pub async fn act(claim: Claim, relief: Relief, touch: &impl Touch) -> Acted {
    let (cleared, mut incident) = claim.spend();
    let instance = cleared.instance_id();
    let answer = match cleared.rung() {
        Rung::Cleanup => {
            let order =
                CleanupOrder { instance: instance.clone(), incident: incident.id.clone(), relief };
            touch.clean(&order).await.map(Some)
        }
        Rung::Reboot => touch.reboot(instance).await.map(|()| None),
        Rung::Replace => touch.replace(instance).await.map(|()| None),
    };
    incident.version += 1;
    let attempt = incident.attempts.last_mut();
    match answer {
        Ok(command_id) => {
            incident.stage = Stage::Acted;
            if let Some(attempt) = attempt {
                attempt.command_id = command_id;
            }
            Acted { incident, failure: None }
        }
        Err(Refused { gap, certain }) => {
            if let Some(attempt) = attempt {
                attempt.failure = Some(gap.to_string());
            }
            let Gap { call, why } = gap;
            let failure = if certain {
                incident.stage = Stage::HandedOver;
                Reason::ActionFailed { call, why }
            } else {
                Reason::ActionUncertain { call, why }
            };
            Acted { incident, failure: Some(failure) }
        }
    }
}
