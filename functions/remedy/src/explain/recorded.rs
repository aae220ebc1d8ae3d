//! What was recorded of an incident: what was done, and the reasons by their codes.

use jiff::Timestamp;
use serde::Serialize;

use crate::explain::said::VERSION;
use crate::model::ids::{IncidentId, InstanceId};
use crate::model::incident::{Attempt, Entry, HeldBy, Incident, Stage};
use crate::model::seen::Seen;
use crate::model::unknown::CallFailed;
use crate::ports::ledger::Ledger;

/// So many open incidents are looked through for one whose instance nobody has named.
const OPEN_MAX: usize = 2000;

/// What the ledger holds about one incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    /// The version of this form.
    pub version: u8,
    /// The incident.
    pub incident_id: IncidentId,
    /// Its instance.
    pub instance_id: InstanceId,
    /// Its symptom, by name.
    pub symptom: &'static str,
    /// What the alarm said.
    pub seen: Seen,
    /// How far it has come.
    pub stage: Stage,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What holds its next rung back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<HeldBy>,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// What was reported of it, oldest first, each with the codes of its reasons.
    pub timeline: Vec<Entry>,
}

impl Recorded {
    /// What is told of `incident`.
    pub fn of(incident: &Incident) -> Self {
        Self {
            version: VERSION,
            incident_id: incident.id.clone(),
            instance_id: incident.instance_id.clone(),
            symptom: incident.symptom.name(),
            seen: incident.seen.clone(),
            stage: incident.stage,
            opened_at: incident.opened_at,
            ended_at: incident.ended_at(),
            held_by: incident.held_back.as_ref().and_then(|held| held.by.clone()),
            attempts: incident.attempts.clone(),
            timeline: incident.timeline.clone(),
        }
    }
}

/// What was recorded of `incident`, if the ledger has it. Its id is enough; where its instance is
/// named, it is looked for there alone.
pub async fn recorded(
    ledger: &impl Ledger,
    incident: &IncidentId,
    instance: Option<&InstanceId>,
) -> Result<Option<Recorded>, CallFailed> {
    let kept = ledger.kept(instance, incident).await?;
    if kept.is_some() || instance.is_some() {
        return Ok(kept.as_ref().map(Recorded::of));
    }
    let open = ledger.due(Timestamp::MAX, OPEN_MAX).await?;
    Ok(open.incidents.iter().find(|open| open.id == *incident).map(Recorded::of))
}

/// What is said where there is no such incident.
pub fn nowhere(instance: Option<&InstanceId>) -> &'static str {
    match instance {
        Some(_) => {
            "the ledger has no such incident of the instance. An alarm that was refused for good \
             opens none: its reasons are in the log, by the incident's id"
        }
        None => {
            "the ledger has no such incident; one that ended under 0.1.0 is found if its \
             instance_id is named too. An alarm that was refused for good opens none: its reasons \
             are in the log, by the incident's id"
        }
    }
}
