//! 4. Every alarm ends in a report; every incident ends, and its end is told;
//!    nothing is silently dropped (dead letters alarm).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::{Incident, Stage};
use remedy::model::repeats::WINDOW;
use remedy::respond::RespondError;

use super::{Cause, Invoked, Moment};
use crate::calls::Verb;

/// An incident's end is told before it is written down, by whoever has the
/// turn to do so: a minute, and another one if it died.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// An end is tried to be told for so long at least, before it is written down all the same.
const TRIED_FOR: SignedDuration = SignedDuration::from_mins(14);

/// What was told and what has ended so far.
#[derive(Clone, Debug, Default)]
pub(super) struct EveryEndIsTold {
    /// Notifications that were looked at.
    heard: usize,
    /// When people heard of an incident last that it was over, or theirs.
    told: BTreeMap<IncidentId, Timestamp>,
    /// Rows of ended incidents that were looked at.
    ended: usize,
    /// Ends that are counted with another's, which is yet to be told, and when they came.
    counted: Vec<(Incident, Timestamp)>,
    /// Since when nobody can be told anything.
    mute_since: Option<Timestamp>,
    /// Since when an incident's end is tried to be told, by the first row that says so.
    closing_since: BTreeMap<IncidentId, Timestamp>,
    /// The incidents that are open.
    open: BTreeMap<InstanceId, IncidentId>,
}

impl EveryEndIsTold {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        if let Some(how) = moment.invoked.iter().find_map(unanswered) {
            return Some(how);
        }
        self.hear(moment);
        let mute = moment.state.faults.contains_key(&Verb::Tell);
        self.mute_since = mute.then(|| self.mute_since.unwrap_or(moment.now));
        let mute_for = self.mute_since.map(|since| moment.now.duration_since(since));
        let cannot_be_told = mute_for.is_some_and(|lasts| lasts >= TRIED_FOR);
        self.note_who_closes(moment);
        let ended = moment.state.book.ended();
        let news = ended.get(self.ended..).unwrap_or_default();
        self.ended = ended.len();
        for incident in news {
            self.open.remove(&incident.instance_id);
            if incident.stage == Stage::Withdrawn {
                continue; // Nothing was done, and nothing is left to do.
            }
            let told = self.told.get(&incident.id);
            let late = |at: &Timestamp| moment.now.duration_since(*at) > TOLD_WITHIN;
            // The first tries may have died, and the topic failed after that.
            let tried_in_vain = mute && self.tried_long_enough(&incident.id, moment.now);
            if told.is_none_or(late)
                && !cannot_be_told
                && !tried_in_vain
                && !self.told_with_another(incident, ended, moment.now)
            {
                if tells_for(incident, moment) {
                    self.counted.push((incident.clone(), moment.now));
                    continue;
                }
                return Some(format!(
                    "incident {} ended as {:?}, and nobody was told",
                    incident.id, incident.stage
                ));
            }
        }
        self.never_told(moment, cannot_be_told)
            .or_else(|| self.vanished(moment))
            .or_else(|| never_ends(moment))
    }

    /// Notes since when incidents are tried to be told of, for as long as they are.
    fn note_who_closes(&mut self, moment: &Moment<'_>) {
        let closing = |incident: &&Incident| incident.closing_until.is_some();
        let rows = moment.state.book.all_latest().filter(closing);
        let ended = moment.state.book.ended().iter().skip(self.ended);
        let since = rows.chain(ended).map(|incident| {
            let since = self.closing_since.get(&incident.id).copied();
            (incident.id.clone(), since.unwrap_or(moment.now))
        });
        self.closing_since = since.collect();
    }

    /// Whether an incident's end was tried to be told for as long as one is.
    fn tried_long_enough(&self, incident: &IncidentId, now: Timestamp) -> bool {
        let since = self.closing_since.get(incident);
        since.is_some_and(|since| now.duration_since(*since) >= TRIED_FOR)
    }

    /// Whether people heard of the same cause by another incident: of many that one cause
    /// held back until their time was over they hear once.
    fn told_with_another(&self, incident: &Incident, ended: &[Incident], now: Timestamp) -> bool {
        let alike = |other: &&Incident| {
            other.group == incident.group
                && other.symptom == incident.symptom
                && other.stage == Stage::Expired
        };
        let told = |other: &Incident| {
            self.told.get(&other.id).is_some_and(|at| now.duration_since(*at) <= WINDOW)
        };
        incident.stage == Stage::Expired && ended.iter().filter(alike).any(told)
    }

    /// Whoever is counted with another is told with it in the time in which that one is tried
    /// to be told, unless nobody can be told anything.
    fn never_told(&mut self, moment: &Moment<'_>, cannot_be_told: bool) -> Option<String> {
        let mut counted = std::mem::take(&mut self.counted);
        let ended = moment.state.book.ended();
        counted.retain(|(incident, _)| {
            !cannot_be_told && !self.told_with_another(incident, ended, moment.now)
        });
        self.counted = counted;
        let late = |since: &Timestamp| {
            moment.over || moment.now.duration_since(*since) > TRIED_FOR + TOLD_WITHIN
        };
        let (incident, _) = self.counted.iter().find(|(_, since)| late(since))?;
        Some(format!("incident {} was counted with another, which nobody was told", incident.id))
    }

    /// Notes who heard what. A notification that does not say that something
    /// was asked for says that it is resolved, held, or needs a person.
    fn hear(&mut self, moment: &Moment<'_>) {
        let ended = moment.state.book.ended().iter().skip(self.ended);
        let latest = moment.state.book.all_latest();
        for notification in moment.state.topic.iter().skip(self.heard) {
            let acted = |(name, value): &(&str, String)| *name == "outcome" && value == "acted";
            if notification.attributes.iter().any(acted) {
                continue;
            }
            for incident in ended.clone().chain(latest.clone()) {
                if notification.text.contains(incident.id.as_str()) {
                    self.told.insert(incident.id.clone(), moment.now);
                }
            }
        }
        self.heard = moment.state.topic.len();
    }

    /// No incident is overwritten by the next one before it has ended.
    fn vanished(&mut self, moment: &Moment<'_>) -> Option<String> {
        for incident in moment.state.book.all_latest() {
            let before = self.open.get(&incident.instance_id);
            if let Some(before) = before.filter(|before| **before != incident.id) {
                return Some(format!("incident {before} never ended; {} did", incident.id));
            }
            if before.is_none() && incident.stage.is_open() {
                self.open.insert(incident.instance_id.clone(), incident.id.clone());
            }
        }
        None
    }
}

/// Whether another incident of the same cause is still open, and told again and again until it
/// is heard: of many that one cause held back until their time was over one is told for all.
fn tells_for(incident: &Incident, moment: &Moment<'_>) -> bool {
    let alike = |other: &Incident| {
        other.group == incident.group
            && other.symptom == incident.symptom
            && other.stage.is_open()
            && other.expires_at <= moment.now
    };
    incident.stage == Stage::Expired && moment.state.book.all_latest().any(alike)
}

/// When nothing is due any more, nothing is open but what its group does not take back, of
/// which people have been told: it is asked for until its own last moment.
fn never_ends(moment: &Moment<'_>) -> Option<String> {
    let asked_for = |incident: &Incident| incident.stays_out && moment.now < incident.expires_at;
    let open = |incident: &&Incident| incident.stage.is_open() && !asked_for(incident);
    let open = moment.state.book.all_latest().find(open).filter(|_| moment.over)?;
    Some(format!("incident {} is still {:?}", open.id, open.stage))
}

/// How alarms are answered that are about a file system which is none of the host's disks.
const NO_DISK_OF_ITS: [&str; 3] = ["cannot-fill-up", "memory-file-system", "network-file-system"];

/// An event has an answer, with something in it. What failed is tried again, and
/// then kept among the dead letters.
fn unanswered(invoked: &Invoked) -> Option<String> {
    let Cause::Alarm(change) = &invoked.cause else { return None };
    match invoked.answer.as_ref()? {
        Ok(answer) if answer.reports.is_empty() && answer.ignored.is_empty() => {
            Some(format!("alarm {} has no answer at all", change.alarm))
        }
        Ok(answer) => {
            let about = |report: &remedy::report::outcome::Report| {
                report.instance_id == change.instance
                    && report.symptom == change.symptom
                    && !report.because.is_empty()
            };
            let known = change.state.is_some();
            // What is no disk of the host's is named for what it is.
            let of_no_disk = answer.ignored.iter().any(|it| NO_DISK_OF_ITS.contains(&it.code));
            (known && !of_no_disk && !answer.reports.iter().any(about))
                .then(|| format!("alarm {} ended without a report", change.alarm))
        }
        Err(RespondError::LedgerUnreachable { .. } | RespondError::LedgerContended { .. }) => None,
        Err(RespondError::Unreadable(error)) => {
            Some(format!("alarm {} could not be read: {error}", change.alarm))
        }
    }
}
