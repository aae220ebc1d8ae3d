//! What an explanation is made of.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::alarm::Symptom;
use crate::model::ids::{IncidentId, InstanceId, MountPoint};
use crate::model::incident::{HeldBy, Incident, Stage};
use crate::model::reason::Reason;
use crate::model::rung::Rung;

/// The version of this form. Fields are added to it and never taken away.
pub const VERSION: u8 = 1;

/// What a person wants to have explained: what would be done about an instance now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The instance.
    pub instance: InstanceId,
    /// The symptom; `None` for all of them.
    pub symptom: Option<Symptom>,
    /// The file system, if it is about a full disk and that is known.
    pub mount: Option<MountPoint>,
}

/// What would be done about an instance now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The version of this form.
    pub version: u8,
    /// The instance.
    pub instance_id: InstanceId,
    /// When everything was read.
    pub at: Timestamp,
    /// The incident that is open on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// For each symptom that was asked about.
    pub symptoms: Vec<OfSymptom>,
}

/// An incident that is open.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Open {
    /// Its id.
    pub incident_id: IncidentId,
    /// Its symptom.
    pub symptom: Symptom,
    /// How far it has come.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// What holds its next rung back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<HeldBy>,
    /// When it is looked at next.
    pub looks_at: Timestamp,
    /// When it is over, whatever has become of it.
    pub ends_by: Timestamp,
}

impl Open {
    /// What is told of `incident`.
    pub fn of(incident: &Incident) -> Self {
        Self {
            incident_id: incident.id.clone(),
            symptom: incident.symptom,
            stage: incident.stage,
            since: incident.stage_since,
            held_by: incident.held_back.as_ref().and_then(|held| held.by.clone()),
            looks_at: incident.due_at,
            ends_by: incident.expires_at,
        }
    }
}

/// What would be done if an alarm of one symptom came now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfSymptom {
    /// The symptom.
    pub symptom: Symptom,
    /// What would be done.
    pub would: Would,
    /// The rung that it is about, if it is about one.
    pub rung: Option<Rung>,
    /// Why.
    pub because: Vec<Reason>,
    /// Every rung, the gentlest first.
    pub rungs: Vec<OfRung>,
}

/// What would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Would {
    /// The rung would be carried out.
    Act,
    /// The host would be asked what it knows, before the rung.
    AskTheHost,
    /// The host would be asked which disk is full, before the rung.
    AskAboutTheDisk,
    /// People would be asked, before the rung.
    AskPeople,
    /// It would wait until what is in the way has passed.
    Wait,
    /// It would wait for the end of the incident that is open.
    Queue,
    /// The incident that is open is about it already.
    Covered,
    /// It would be refused.
    Refuse,
    /// A person would be asked to look.
    HandOver,
    /// Nothing could be said without the ledger: the alarm would be delivered again.
    TryAgain,
}

impl Would {
    /// What would be done, for people: `rung` by its name, where one is meant.
    pub fn sentence(self, rung: Option<Rung>) -> String {
        let rung = rung.map_or("the next rung", Rung::name);
        match self {
            Self::Act => format!("a {rung} would be done"),
            Self::AskTheHost => format!("the host would be asked what it knows before a {rung}"),
            Self::AskAboutTheDisk => {
                format!("the host would be asked which disk is full before it is a {rung}")
            }
            Self::AskPeople => format!("people would be asked before a {rung}"),
            Self::Wait => "it would wait until what is in the way has passed".to_owned(),
            Self::Queue => "it would wait for the end of the open incident".to_owned(),
            Self::Covered => "nothing would change: the open incident is about it".to_owned(),
            Self::Refuse => "nothing would be done".to_owned(),
            Self::HandOver => "a person would be asked to look: no rung is left".to_owned(),
            Self::TryAgain => {
                "the alarm would be delivered again: the ledger does not answer".to_owned()
            }
        }
    }
}

/// What stands for and against one rung.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfRung {
    /// The rung.
    pub rung: Rung,
    /// Whether it is possible, and every guard, in the order in which they are told.
    pub checks: Vec<Said>,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// The check's stable name.
    pub check: &'static str,
    /// Yes lets pass, no does not, and unknown is no yes.
    pub answer: Word,
    /// Why, for people.
    pub text: String,
    /// The reason's stable name, where it does not let pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Until when it does not, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether it may pass by itself. What does not stays until somebody acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes: Option<bool>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

/// A check's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// It lets pass.
    Yes,
    /// It does not.
    No,
    /// Nobody knows.
    Unknown,
}

impl Word {
    /// The answer's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

impl Said {
    /// It lets pass, because of what `holds`.
    pub fn yes(check: &'static str, holds: &str) -> Self {
        let (code, until, passes, advice) = (None, None, None, None);
        Self { check, answer: Word::Yes, text: holds.to_owned(), code, until, passes, advice }
    }

    /// Nobody can say it yet.
    pub fn unknown(check: &'static str, text: String) -> Self {
        Self { answer: Word::Unknown, text, ..Self::yes(check, "") }
    }

    /// It does not let pass.
    pub fn of(check: &'static str, reason: &Reason) -> Self {
        let answer =
            if matches!(reason, Reason::FactUnknown(_)) { Word::Unknown } else { Word::No };
        Self {
            check,
            answer,
            text: reason.to_string(),
            code: Some(reason.code()),
            until: reason.until(),
            passes: Some(reason.passes()),
            advice: reason.advice(),
        }
    }
}
