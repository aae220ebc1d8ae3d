//! One instance's trouble from first alarm to its end: the unit of the ledger.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alarm::Symptom;
use crate::ids::{ActionId, CommandId, GroupName, IncidentId, InstanceId};

/// One kind of action, from gentle to drastic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// An SSM document of our own looks at the host and relieves it.
    Cleanup,
    /// The instance is rebooted in place.
    Reboot,
    /// The Auto Scaling group replaces the instance.
    Replace,
}

impl Rung {
    /// The one name this rung has in code, documents and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cleanup => "cleanup",
            Self::Reboot => "reboot",
            Self::Replace => "replace",
        }
    }

    /// Whether the instance stops serving while this rung is carried out.
    pub fn is_disruptive(self) -> bool {
        match self {
            Self::Cleanup => false,
            Self::Reboot | Self::Replace => true,
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far an incident has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The intent is written. Whether the call was made is not known: after a
    /// crash the world must be asked, and the call is never simply repeated.
    Claimed,
    /// AWS accepted the call. Nobody is healed by that.
    Acted,
    /// The symptom is over.
    Resolved,
    /// A person has it now.
    HandedOver,
}

impl Stage {
    /// Whether the incident still holds its instance against other incidents.
    pub fn is_open(self) -> bool {
        match self {
            Self::Claimed | Self::Acted => true,
            Self::Resolved | Self::HandedOver => false,
        }
    }
}

/// One try at one rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The rung tried.
    pub rung: Rung,
    /// When the intent was written.
    pub claimed_at: Timestamp,
    /// The SSM command, once one was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// What went wrong, if the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One incident, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id, and the thread its notifications form.
    pub id: IncidentId,
    /// The occasion that opened it.
    pub action_id: ActionId,
    /// The instance in trouble.
    pub instance_id: InstanceId,
    /// The trouble.
    pub symptom: Symptom,
    /// The group the instance belonged to, where that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// The alarm's name.
    pub alarm: String,
    /// How far it has come.
    pub stage: Stage,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// When the first claim was written.
    pub opened_at: Timestamp,
    /// From then on the incident no longer holds its instance, whoever forgot
    /// to close it.
    pub expires_at: Timestamp,
    /// Counts the writes, so that two writers cannot both win.
    pub version: u64,
}

impl Incident {
    /// Whether the incident holds its instance at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.stage.is_open() && now < self.expires_at
    }

    /// The rung tried last.
    pub fn rung(&self) -> Option<Rung> {
        self.attempts.last().map(|attempt| attempt.rung)
    }
}
