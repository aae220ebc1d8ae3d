//! What the follow-up looks at: for each stage of an incident, the one thing
//! that tells how it goes.

use futures_util::future;
use jiff::{SignedDuration, Timestamp};

use crate::alarm::{AlarmState, Seen};
use crate::facts::{Command, Datapoint, Fact, Facts, Gap, Look};
use crate::ids::CommandId;
use crate::incident::{Incident, Rung, Stage};
use crate::reason::Reason;

/// What there is to see about an incident in its stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Scene {
    /// How the command to the host goes.
    Command {
        /// The command, if one is known.
        command_id: Option<CommandId>,
        /// Its state; `None` while there is none to see.
        command: Fact<Option<Command>>,
    },
    /// Whether the symptom is still there.
    Symptom(Presence),
    /// How the instance and its group are.
    Instance(Box<Facts>),
}

/// Whether the symptom is still there, by the instance's own metric and the
/// alarm's state together.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// The newest datapoint is within bounds, and the alarm does not object.
    Gone,
    /// It is not.
    There {
        /// What shows it.
        what: String,
    },
    /// Nobody could be asked.
    Unknown(Gap),
    /// Nothing shows it either way.
    Unseen {
        /// Why not.
        why: String,
        /// Whether the alarm at least is still in ALARM, or cannot be asked about
        /// this instance alone.
        alarm_stands: bool,
    },
    /// The metric is beyond its threshold and the alarm, which may ask for more
    /// than one datapoint or for their average, is OK.
    Disputed {
        /// What shows it.
        what: String,
    },
}

impl Presence {
    /// What keeps a disruption from being based on it, if anything does.
    pub fn doubt(&self) -> Option<Reason> {
        match self {
            Self::Unknown(gap) => Some(Reason::FactUnknown(gap.clone())),
            Self::Unseen { why, alarm_stands: false } => {
                Some(Reason::Unverified { why: format!("{why}, and the alarm is OK") })
            }
            Self::Disputed { what } => Some(Reason::Unverified { why: what.clone() }),
            Self::Gone | Self::There { .. } | Self::Unseen { alarm_stands: true, .. } => None,
        }
    }
}

/// A datapoint older than this says nothing about now. The slowest metric
/// comes every 5 minutes and may be some minutes late.
const NEWS_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Looks at what tells how `incident` goes.
pub async fn look(incident: &Incident, look: &impl Look, now: Timestamp) -> Scene {
    let replacing = incident.rung() == Some(Rung::Replace);
    match incident.stage {
        Stage::Waiting => Scene::Symptom(presence(incident, look, now).await),
        // What was answered is not read twice, however long a guard holds the
        // next rung back.
        Stage::Gathering if incident.is_answered() => {
            Scene::Symptom(presence(incident, look, now).await)
        }
        Stage::Cleaning | Stage::Gathering => command(incident, look).await,
        Stage::Watching if !replacing => Scene::Symptom(presence(incident, look, now).await),
        _ => {
            let mut facts = Facts::read(look, &incident.instance_id, now).await;
            if replacing {
                facts.read_group_named(look, incident.group.as_ref()).await;
            }
            Scene::Instance(Box::new(facts))
        }
    }
}

async fn command(incident: &Incident, look: &impl Look) -> Scene {
    let instance = &incident.instance_id;
    let known = match incident.asks() {
        Some(gathering) => gathering.command_id.clone(),
        None => incident.attempts.last().and_then(|attempt| attempt.command_id.clone()),
    };
    // Between the call and its record the function may have died: then the
    // command is found by its comment.
    let command_id = match known {
        Some(id) => Some(id),
        None => match look.command_of(&incident.comment(), instance).await {
            Ok(found) => found,
            Err(gap) => return Scene::Command { command_id: None, command: Fact::Unknown(gap) },
        },
    };
    let command = match &command_id {
        Some(id) => look.command(id, instance).await.into(),
        None => Fact::Known(None),
    };
    Scene::Command { command_id, command }
}

/// Whether the symptom of `incident` is still there.
pub async fn presence(incident: &Incident, look: &impl Look, now: Timestamp) -> Presence {
    // Only what came after the last attempt can show what it did: in Standby a
    // host has no load. And that it stays so takes more than one datapoint.
    let since = match (incident.quiet_since, incident.stage, incident.attempts.last()) {
        (Some(quiet_since), ..) => quiet_since,
        (None, Stage::Watching, _) => incident.stage_since,
        (None, _, Some(last)) => last.claimed_at,
        (None, _, None) => incident.opened_at,
    };
    presence_since(since, &incident.seen, look, now).await
}

/// Whether what an alarm has seen is still there, by datapoints after `since`:
/// reads the instance's own metric and the alarm's state, at once.
pub async fn presence_since(
    since: Timestamp,
    seen: &Seen,
    look: &impl Look,
    now: Timestamp,
) -> Presence {
    let Some(series) = &seen.series else {
        let why = "a request names no metric".to_owned();
        return Presence::Unseen { why, alarm_stands: true };
    };
    let since = since.max(now - NEWS_MAX);
    let (datapoints, alarm) =
        future::join(look.datapoints(series, since, now), look.alarm_state(&seen.alarm)).await;
    // A fleet's alarm is in ALARM for any of its instances.
    let alarm = if series.exact { alarm } else { Ok(None) };
    judge(seen, datapoints, alarm)
}

fn judge(
    seen: &Seen,
    datapoints: Result<Vec<Datapoint>, Gap>,
    alarm: Result<Option<AlarmState>, Gap>,
) -> Presence {
    let (newest, alarm) = match (datapoints, alarm) {
        (Err(gap), _) | (_, Err(gap)) => return Presence::Unknown(gap),
        (Ok(datapoints), Ok(alarm)) => (datapoints.last().copied(), alarm),
    };
    let Some(newest) = newest else {
        let why = format!("{} has no new datapoint", seen.metric);
        return Presence::Unseen { why, alarm_stands: alarm != Some(AlarmState::Ok) };
    };
    let beyond = match (&seen.series, seen.threshold) {
        (Some(series), Some(threshold)) => Some(series.bad.beyond(newest.value, threshold)),
        _ => None,
    };
    match (beyond, alarm) {
        (Some(true), _) => {
            let value = seen.measure(newest.value);
            let threshold = seen.measure(seen.threshold.unwrap_or_default());
            let what = format!("{} is {value}, the threshold {threshold}", seen.metric);
            match alarm {
                Some(AlarmState::Ok) => {
                    Presence::Disputed { what: format!("{what}, but the alarm is OK") }
                }
                _ => Presence::There { what },
            }
        }
        (_, Some(AlarmState::Alarm)) => {
            Presence::There { what: "the alarm is still in ALARM".to_owned() }
        }
        (Some(false), _) | (None, Some(AlarmState::Ok)) => Presence::Gone,
        (None, None) => {
            let why = "the alarm told no threshold".to_owned();
            Presence::Unseen { why, alarm_stands: true }
        }
    }
}
