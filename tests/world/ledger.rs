//! The ledger's table: one item for each instance, changed only by conditional
//! writes, and only under the conditions that [`remedy::ledger::Ledger`]
//! documents; a row for each incident that has ended; and for each group when
//! its members were replaced.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use remedy::alarm::Symptom;
use remedy::ids::{GroupName, InstanceId};
use remedy::incident::Incident;
use remedy::ledger::Recorded;

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    latest: BTreeMap<InstanceId, Incident>,
    ended: Vec<Incident>,
    replaced: BTreeMap<(GroupName, Symptom), BTreeSet<Timestamp>>,
    rival: Option<Incident>,
}

impl Book {
    /// The newest incident of `instance`.
    pub fn latest(&self, instance: &InstanceId) -> Option<&Incident> {
        self.latest.get(instance)
    }

    /// The newest incident of every instance that ever had one.
    pub fn all_latest(&self) -> impl Iterator<Item = &Incident> {
        self.latest.values()
    }

    /// The rows of incidents that have ended, in the order they did.
    pub fn ended(&self) -> &[Incident] {
        &self.ended
    }

    /// When members of `group` were replaced for `symptom`, oldest first.
    pub fn replaced(&self, group: &GroupName, symptom: Symptom) -> Vec<Timestamp> {
        let replaced = self.replaced.get(&(group.clone(), symptom));
        replaced.into_iter().flatten().copied().collect()
    }

    /// Puts an incident into the table, whatever stands there.
    pub fn put(&mut self, incident: Incident) {
        self.latest.insert(incident.instance_id.clone(), incident);
    }

    /// Has another writer be first the next time an incident is opened.
    pub fn rival(&mut self, incident: Incident) {
        self.rival = Some(incident);
    }

    /// Opens `incident` if the instance has no incident, or one that answers
    /// other actions and does not hold the instance at `now`.
    pub(crate) fn open(&mut self, incident: &Incident, now: Timestamp) -> Recorded {
        if let Some(rival) = self.rival.take() {
            self.put(rival);
        }
        match self.latest(&incident.instance_id) {
            Some(other) if other.answers(&incident.action_id) || other.holds(now) => {
                Recorded::Already(Box::new(other.clone()))
            }
            _ => {
                self.put(incident.clone());
                Recorded::New
            }
        }
    }

    /// Writes `incident` over the version before it, and over nothing else. If
    /// that ends it, it stays as a row of its own too.
    pub(crate) fn record(&mut self, incident: &Incident) -> bool {
        let before = self.latest(&incident.instance_id);
        let won =
            before.is_some_and(|old| old.id == incident.id && old.version + 1 == incident.version);
        if won {
            self.put(incident.clone());
            if !incident.stage.is_open() {
                self.ended.push(incident.clone());
            }
        }
        won
    }

    /// Notes that a member of `group` is being replaced. The same time twice
    /// is noted once.
    pub(crate) fn note_replacement(&mut self, group: &GroupName, symptom: Symptom, at: Timestamp) {
        self.replaced.entry((group.clone(), symptom)).or_default().insert(at);
    }

    /// The index of open incidents: those due at `now`, longest due first.
    pub(crate) fn due(&self, now: Timestamp, limit: usize) -> Vec<Incident> {
        let due = |incident: &&Incident| incident.stage.is_open() && incident.due_at <= now;
        let mut due: Vec<Incident> = self.latest.values().filter(due).cloned().collect();
        due.sort_by_key(|incident| incident.due_at);
        due.truncate(limit);
        due
    }
}
