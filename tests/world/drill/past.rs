//! Incidents that are over, and which of them are worth a look.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::{Incident, Rung, Stage};

use super::tally;

/// Incidents kept of each kind.
const KEPT_OF_A_KIND: usize = 2;

/// Kinds kept.
const KINDS_MAX: usize = 40;

/// An incident that is over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Past {
    /// Its episode.
    pub(crate) episode: u64,
    /// Its id.
    pub(crate) id: IncidentId,
    /// The instance it was about.
    pub(crate) instance: InstanceId,
    /// When it was opened.
    pub(crate) opened_at: Timestamp,
    /// When its end was written down.
    pub(crate) ended_at: Timestamp,
    /// How it ended.
    pub(crate) stage: Stage,
    /// What was tried.
    pub(crate) rungs: Vec<Rung>,
    /// How many lines of the plot were under way meanwhile.
    pub(crate) lines: usize,
}

impl Past {
    /// The incident, which has ended now.
    pub(crate) fn of(incident: &Incident, now: Timestamp, lines: usize) -> Self {
        Self {
            episode: 0,
            id: incident.id.clone(),
            instance: incident.instance_id.clone(),
            opened_at: incident.opened_at,
            ended_at: now,
            stage: incident.stage,
            rungs: incident.tried(),
            lines,
        }
    }

    /// What kind of story it is.
    pub(crate) fn kind(&self) -> String {
        let rungs: Vec<&str> = self.rungs.iter().map(|rung| rung.name()).collect();
        let rungs = if rungs.is_empty() { "nothing".to_owned() } else { rungs.join(", ") };
        format!("{}: {rungs}", tally::outcome(self.stage))
    }
}

/// The incidents worth a look: of each kind those in the worst weather.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Highlights {
    kinds: BTreeMap<String, Vec<Past>>,
}

impl Highlights {
    /// Keeps an incident if it is worth a look. The same are kept in whatever
    /// order they come, as long as there are not too many kinds.
    pub(crate) fn consider(&mut self, past: Past) {
        let kind = past.kind();
        if !self.kinds.contains_key(&kind) && self.kinds.len() >= KINDS_MAX {
            return;
        }
        let kept = self.kinds.entry(kind).or_default();
        kept.push(past);
        kept.sort_by_key(|past| (Reverse(past.lines), past.episode, past.id.clone()));
        kept.truncate(KEPT_OF_A_KIND);
    }

    /// What is kept, by kind.
    pub(crate) fn kinds(&self) -> &BTreeMap<String, Vec<Past>> {
        &self.kinds
    }
}
