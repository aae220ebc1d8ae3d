//! What one alarm came to. One value, several renderings: the function's
//! answer, the log line, the entry in the incident's row and the notification
//! all show this.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::alarm::{Alarm, Symptom};
use crate::model::diagnostics::Diagnostics;
use crate::model::growth::Growth;
use crate::model::ids::{CommandId, GroupName, IncidentId, InstanceId};
use crate::model::incident::{Attempt, Entry, HeldBy, Incident, Past, Rung, Stage};
use crate::model::preflight::Preflight;
use crate::model::reason::{Reason, Severity};
use crate::model::repeats::{Occurrence, Repeats};
use crate::model::seen::Seen;
use crate::model::unknown::CallFailed;
use crate::observe::facts::Facts;
use crate::ports::tell::Told;

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
    /// When a person was last asked to look at the instance for the same symptom, where this
    /// asks for nothing new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_before: Option<Timestamp>,
    /// How the volume grows, or grew, if that is the rung.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// After when a person was called for the instance, or for another member of its group, with
    /// the same trouble, where this asks for nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called_after: Option<Timestamp>,
    /// What was done in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    /// What a cleanup has set on the host and nobody has lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub still_set: Option<String>,
    /// How many older alarms about other trouble were dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u32>,
    /// What a person must know of the host, which is or may be disrupted: its own script
    /// found it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_the_host: Vec<String>,
    /// What the host knew, and where that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Diagnostics>,
    /// The end of what the console showed, where no bucket has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// What the alarm said.
    pub seen: Seen,
    /// When the facts were read.
    pub at: Timestamp,
    /// The incident's stage after this, if there is an incident.
    pub stage: Option<Stage>,
    /// What comes when, while the incident is open.
    pub times: Option<Times>,
    /// What is new, if this opened the incident.
    pub opened: Option<Opened>,
    /// The rung that was begun with this.
    pub begun: Option<Rung>,
    /// What is said about its repeats, where they are counted.
    pub repeats: Option<Repeats>,
    /// Whether people were told: `false` if that failed, and if there was
    /// nothing worth telling.
    pub told: bool,
    /// Why telling people, or their chat, failed, if it did.
    pub delivery_error: Option<CallFailed>,
}

/// What comes when, for an open incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The follow-up looks again.
    pub looks_at: Timestamp,
    /// The stage is over, and the next step is taken whatever is seen.
    pub stage_ends_by: Timestamp,
    /// The incident is over, whatever has become of it.
    pub ends_by: Timestamp,
}

impl Times {
    fn of(incident: &Incident) -> Option<Self> {
        incident.stage.is_open().then(|| Self {
            looks_at: incident.due_at,
            stage_ends_by: (incident.stage_since + incident.stage.deadline())
                .min(incident.expires_at),
            ends_by: incident.expires_at,
        })
    }
}

/// What is new about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// The last time something was done about the same symptom: it did not last.
    pub came_back: Option<CameBack>,
}

/// A symptom that came back after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CameBack {
    /// The action's rung.
    pub rung: Rung,
    /// The time since that incident ended.
    pub after: SignedDuration,
}

impl Opened {
    fn of(incident: &Incident) -> Self {
        let mut newest_first = incident.past.iter().rev();
        let came_back = newest_first.find_map(|past| {
            let rung = past.rung.filter(|_| past.symptom == incident.symptom)?;
            Some(CameBack { rung, after: incident.opened_at.duration_since(past.ended_at) })
        });
        Self { came_back }
    }
}

/// A report as one line of the log: what a query filters by as fields of their
/// own, and the whole report beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The incident.
    pub incident_id: String,
    /// The instance.
    pub instance_id: String,
    /// The symptom's name.
    pub symptom: &'static str,
    /// The outcome's name.
    pub outcome: &'static str,
    /// The severity's name.
    pub severity: &'static str,
    /// The rung's name, or nothing.
    pub rung: &'static str,
    /// The group's name, or nothing.
    pub group: String,
    /// The reasons' codes, separated by spaces.
    pub because: String,
    /// The report as JSON.
    pub report: String,
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
            asked_before: None,
            growth: None,
            called_after: None,
            done: Vec::new(),
            still_set: None,
            dropped: None,
            on_the_host: Vec::new(),
            evidence: None,
            console: None,
            seen: Seen::of(alarm),
            at,
            stage: None,
            times: None,
            opened: None,
            begun: None,
            repeats: None,
            told: false,
            delivery_error: None,
        }
    }

    /// The same, with the group that the facts name.
    pub fn about_with(alarm: &Alarm, facts: &Facts) -> Self {
        Self { group: facts.group_name().cloned(), ..Self::about(alarm, facts.observed_at) }
    }

    /// A report about an incident as it now stands.
    pub fn of(incident: &Incident, outcome: Outcome, because: Vec<Reason>, at: Timestamp) -> Self {
        let last = incident.attempts.last();
        let asked_before = asked_before(incident, &because, at);
        Self {
            incident_id: incident.id.clone(),
            instance_id: incident.instance_id.clone(),
            symptom: incident.symptom,
            outcome,
            rung: incident.rung(),
            observe: false,
            because,
            handed_over: incident.stage.is_taken_over(),
            group: incident.group.clone(),
            command_id: last.and_then(|attempt| attempt.command_id.clone()),
            asked_before,
            growth: last.and_then(|attempt| attempt.growth.clone()),
            called_after: None,
            done: done(incident),
            still_set: still_set(incident).filter(|_| !incident.stage.is_open()),
            dropped: Some(incident.dropped).filter(|count| *count > 0),
            on_the_host: on_the_host(incident),
            evidence: incident.evidence.clone(),
            console: None,
            seen: incident.seen.clone(),
            at,
            stage: Some(incident.stage),
            times: Times::of(incident),
            opened: (incident.opened_at == at).then(|| Opened::of(incident)),
            begun: last
                .filter(|last| outcome == Outcome::Acted && last.claimed_at == at)
                .map(|last| last.rung),
            repeats: None,
            told: false,
            delivery_error: None,
        }
    }

    /// What it asks of people: what is theirs asks for them, and of what is held the
    /// first reason says it, which stands before those that only say why the rung was
    /// chosen.
    pub fn severity(&self) -> Severity {
        match self.outcome {
            // Who was called for it a while ago has it.
            Outcome::Held if self.asked_before.or(self.called_after).is_some() => Severity::Warning,
            Outcome::Held if self.handed_over => Severity::Critical,
            Outcome::Held if !self.observe => {
                self.because.first().map_or(Severity::Info, |reason| reason.row().severity)
            }
            Outcome::Acted | Outcome::Held | Outcome::Resolved => Severity::Info,
        }
    }

    /// What people can do about what held it: about everything once it is
    /// theirs, and until then about the first reason, which stands before those
    /// that only say why the rung was chosen.
    pub fn advice(&self) -> Vec<&'static str> {
        let reasons = if self.handed_over { self.because.len() } else { 1 };
        self.because.iter().take(reasons).filter_map(Reason::advice).collect()
    }

    /// The reasons' codes, in their order.
    pub fn codes(&self) -> Vec<&'static str> {
        self.because.iter().map(Reason::code).collect()
    }

    /// What this repeats, if it is refused: told `by_whom`. What asks a person
    /// to look at one instance is never folded.
    pub fn occurrence(&self, by_whom: String) -> Option<Occurrence> {
        let first = self.because.first()?;
        let group = self.group.as_ref();
        if let Some(by) = self.shared_cause() {
            let cause = format!("{} for all its time", by.code);
            return Some(Occurrence::refused(group, self.symptom, &cause, self.at, by_whom));
        }
        let asks = self.handed_over || matches!(first, Reason::ActionFailed { .. });
        let refused = self.outcome == Outcome::Held && !asks;
        refused.then(|| Occurrence::refused(group, self.symptom, first.code(), self.at, by_whom))
    }

    /// The calls for a person that this repeats, if it is one that is told `by` somebody: for the
    /// instance, where it opened no incident that would remember it, and for its group, unless it
    /// asks for what only this member needs.
    pub fn calls(&self, by: &str) -> Vec<Occurrence> {
        if self.severity() != Severity::Critical {
            return Vec::new();
        }
        let (instance, symptom, at) = (&self.instance_id, self.symptom, self.at);
        let itself = self.because.iter().any(needs_somebody_itself);
        let of_instance = self
            .stage
            .is_none()
            .then(|| Occurrence::asked_for(instance, symptom, at, by.to_owned()));
        let group = self.group.as_ref().filter(|_| !itself);
        let of_group = group.map(|group| Occurrence::asked(group, symptom, at, by));
        of_instance.into_iter().chain(of_group.into_iter().flatten()).collect()
    }

    /// What ended it together with others, if one cause held them all back until their time
    /// was over.
    pub fn shared_cause(&self) -> Option<&HeldBy> {
        match self.because.first() {
            Some(Reason::OutOfTime { held_by: Some(by), .. }) if by.shared_cause => Some(by),
            _ => None,
        }
    }

    /// Whether people were told of the same a moment ago.
    pub fn is_counted_only(&self) -> bool {
        self.repeats.is_some_and(|repeats| repeats.counted_only)
    }

    /// Notes what became of telling people.
    pub fn note_telling(&mut self, told: Told) {
        self.told = told.people.is_ok();
        self.delivery_error = told.people.err().or(told.chat.err());
    }

    /// The report as a line of the log.
    pub fn log_line(&self) -> LogLine {
        LogLine {
            incident_id: self.incident_id.to_string(),
            instance_id: self.instance_id.to_string(),
            symptom: self.symptom.name(),
            outcome: self.outcome.name(),
            severity: self.severity().name(),
            rung: self.rung.map_or("", Rung::name),
            group: self.group.as_ref().map(GroupName::to_string).unwrap_or_default(),
            because: self.codes().join(" "),
            report: serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// The report as an entry in the row of its incident.
    pub fn entry(&self) -> Entry {
        Entry {
            at: self.at,
            outcome: self.outcome.name().to_owned(),
            stage: self.stage,
            because: self.codes().into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether people should hear of it. What was answered before, what is not
    /// ours to touch and what somebody silenced on purpose is only logged.
    pub fn is_news(&self) -> bool {
        self.because.iter().all(|reason| reason.row().is_news)
    }
}

/// For so long a person is not called again for what comes back: about a shift.
const ASKED_LASTS: SignedDuration = SignedDuration::from_hours(6);

/// When a person was last asked for the symptom that is handed over again. That the instance
/// is down, in Standby or not substituted, or that a call is refused, is something new.
fn asked_before(incident: &Incident, because: &[Reason], at: Timestamp) -> Option<Timestamp> {
    if because.iter().any(needs_somebody_itself) || !incident.stage.is_taken_over() {
        return None;
    }
    if let Some(Reason::OutOfTime { .. }) = because.first()
        && let Some(heard) = incident.timeline.iter().rev().find(|entry| is_out(entry))
    {
        return Some(heard.at);
    }
    let asked = |past: &&Past| past.symptom == incident.symptom && past.stage.is_taken_over();
    let last = incident.past.iter().rev().find(asked)?.ended_at;
    (at.duration_since(last) < ASKED_LASTS).then_some(last)
}

/// Whether the reason asks for something that only this instance needs: it is down, in Standby
/// or not substituted, or a call is refused.
fn needs_somebody_itself(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::NotBack { .. }
            | Reason::StaysInStandby { .. }
            | Reason::NotSubstituted { .. }
            | Reason::Refused { .. }
            | Reason::TakenAway { .. }
    )
}

/// Whether a person was told with this that the instance did not come back.
fn is_out(entry: &Entry) -> bool {
    let out = |code: &String| code == "not-back" || code == "stays-in-standby";
    entry.outcome == Outcome::Held.name() && entry.because.first().is_some_and(out)
}

/// What the host found is for whoever is hurt by it: before and after a disruption,
/// and for a person who takes over.
fn on_the_host(incident: &Incident) -> Vec<String> {
    let disrupted = incident.rung().is_some_and(Rung::is_disruptive);
    let taken_over = incident.stage.is_taken_over();
    let waits = incident.held_back.is_some();
    let preflight = incident.preflight.as_ref().filter(|_| disrupted || taken_over || waits);
    preflight.map(Preflight::told).unwrap_or_default()
}

/// What was done, one sentence each, in its order.
fn done(incident: &Incident) -> Vec<String> {
    let carried_out = |attempt: &&Attempt| attempt.refused.is_none();
    let over = incident.stage == Stage::Resolved;
    let sentence = |attempt: &Attempt| match (attempt.rung, &attempt.said) {
        (Rung::Cleanup, Some(said)) => format!("A cleanup ran on the host, which says: {said}."),
        (Rung::Cleanup, None) => "A cleanup was sent to the host.".to_owned(),
        (Rung::Grow, _) => attempt
            .growth
            .as_ref()
            .map(|growth| grown(growth, attempt, incident))
            .unwrap_or_default(),
        (Rung::Reboot, _) if over => "The instance was rebooted.".to_owned(),
        (Rung::Reboot, _) => "A reboot was asked for.".to_owned(),
        (Rung::Replace, _) if over => "The Auto Scaling group replaced the instance.".to_owned(),
        (Rung::Replace, _) => "The Auto Scaling group was asked to replace it.".to_owned(),
    };
    incident.attempts.iter().filter(carried_out).map(sentence).collect()
}

fn grown(growth: &Growth, attempt: &Attempt, incident: &Incident) -> String {
    let (told, left) = (growth.told(), left_small(growth, incident.group.is_some()));
    match (growth.grows_volume(), attempt.changed_host) {
        (true, Some(true)) => format!("Grew {told}. {left}"),
        (true, _) => format!("Asked to grow {told}. {left}"),
        (false, Some(true)) => format!("Extended {told}."),
        (false, _) => format!("Asked to extend {told}."),
    }
}

/// What does not know that a volume has grown.
pub(crate) fn left_small(growth: &Growth, is_member: bool) -> String {
    let from = growth.from_gib;
    if is_member {
        format!("The group's template still says {from} GiB: a substitute will be small again.")
    } else {
        format!("Your template, if one made it, still says {from} GiB.")
    }
}

/// What a cleanup has set on the host: a boot since has lifted it.
fn still_set(incident: &Incident) -> Option<String> {
    incident.attempts.last().filter(|last| last.rung == Rung::Cleanup)?.still_set.clone()
}
