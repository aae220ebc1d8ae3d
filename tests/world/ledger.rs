//! The ledger's table: one item for each instance, changed only by conditional
//! writes, and only under the conditions that [`remedy::ledger::Ledger`]
//! documents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use remedy::ids::InstanceId;
use remedy::incident::Incident;
use remedy::ledger::Recorded;

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    latest: BTreeMap<InstanceId, Incident>,
    rival: Option<Incident>,
}

impl Book {
    /// The newest incident of `instance`.
    pub fn latest(&self, instance: &InstanceId) -> Option<&Incident> {
        self.latest.get(instance)
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

    /// Writes `incident` over the version before it, and over nothing else.
    pub(crate) fn record(&mut self, incident: &Incident) -> bool {
        let before = self.latest(&incident.instance_id);
        let won =
            before.is_some_and(|old| old.id == incident.id && old.version + 1 == incident.version);
        if won {
            self.put(incident.clone());
        }
        won
    }
}
