//! What one alarm came to. One value, several renderings: the function's
//! answer, the log line and the notification all show this.

use jiff::Timestamp;
use serde::Serialize;

use crate::alarm::{Alarm, Seen, Symptom};
use crate::facts::Facts;
use crate::ids::{CommandId, GroupName, IncidentId, InstanceId};
use crate::incident::{Incident, Rung, Stage};
use crate::reason::Reason;

/// How an alarm ended, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A rung was carried out: asked for, not yet known to have helped.
    Acted,
    /// Nothing was done, and `because` says why.
    Held,
    /// The trouble is over.
    Resolved,
}

impl Outcome {
    /// The outcome's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acted => "acted",
            Self::Held => "held",
            Self::Resolved => "resolved",
        }
    }
}

/// What one alarm came to, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The incident the alarm opened, met, or would have opened.
    pub incident_id: IncidentId,
    /// The instance.
    pub instance_id: InstanceId,
    /// The symptom.
    pub symptom: Symptom,
    /// How it ended.
    pub outcome: Outcome,
    /// The rung that was carried out, or would have been.
    pub rung: Option<Rung>,
    /// Whether only observation was asked for.
    pub observe: bool,
    /// Why. Never empty.
    pub because: Vec<Reason>,
    /// Whether a person has to take over: no rung is left, or the call failed.
    pub handed_over: bool,
    /// The instance's group, where that was read.
    pub group: Option<GroupName>,
    /// The SSM command that was sent.
    pub command_id: Option<CommandId>,
    /// What the alarm said.
    pub seen: Seen,
    /// When the facts were read.
    pub at: Timestamp,
    /// The incident's stage after this, if there is an incident.
    pub stage: Option<Stage>,
    /// Whether people were told: `false` if that failed, and if there was
    /// nothing worth telling.
    pub told: bool,
}

impl Report {
    /// A report about `alarm`, to be filled in: nothing was done.
    pub fn about(alarm: &Alarm, at: Timestamp) -> Self {
        Self {
            incident_id: alarm.incident_id(),
            instance_id: alarm.instance_id.clone(),
            symptom: alarm.symptom,
            outcome: Outcome::Held,
            rung: None,
            observe: alarm.observe,
            because: Vec::new(),
            handed_over: false,
            group: None,
            command_id: None,
            seen: Seen::of(alarm),
            at,
            stage: None,
            told: false,
        }
    }

    /// The same, with the group that the facts name.
    pub fn about_with(alarm: &Alarm, facts: &Facts) -> Self {
        Self { group: facts.group_name().cloned(), ..Self::about(alarm, facts.observed_at) }
    }

    /// A report about an incident as it now stands.
    pub fn of(incident: &Incident, outcome: Outcome, because: Vec<Reason>, at: Timestamp) -> Self {
        let last = incident.attempts.last();
        Self {
            incident_id: incident.id.clone(),
            instance_id: incident.instance_id.clone(),
            symptom: incident.symptom,
            outcome,
            rung: incident.rung(),
            observe: false,
            because,
            handed_over: matches!(incident.stage, Stage::HandedOver | Stage::Expired),
            group: incident.group.clone(),
            command_id: last.and_then(|attempt| attempt.command_id.clone()),
            seen: incident.seen.clone(),
            at,
            stage: Some(incident.stage),
            told: false,
        }
    }

    /// Whether people should hear of it. What was answered before, what is not
    /// ours to touch and what somebody silenced on purpose is only logged.
    pub fn is_news(&self) -> bool {
        !self.because.iter().any(|reason| {
            matches!(
                reason,
                Reason::NotOptedIn { .. }
                    | Reason::DuplicateDelivery { .. }
                    | Reason::IncidentOpen { .. }
                    | Reason::Muted { .. }
                    | Reason::Suppressed { .. }
                    | Reason::NothingOpen
            )
        })
    }
}
