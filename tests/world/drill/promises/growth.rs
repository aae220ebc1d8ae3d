//! 8. A volume grows at most once per attempt, whatever dies or is lost; never over its
//!    owner's cap or to more than double; and not more often, or by more GiB in one day of
//!    the region, than we allow ourselves. Where its owner wants a snapshot first there is one
//!    of this attempt, and no second one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::policy::Policy;

use super::Moment;
use crate::calls::{Before, Effect, Verb};

/// So often a volume grows within that time.
const OFTEN: [(usize, SignedDuration); 3] = [
    (2, SignedDuration::from_hours(24)),
    (3, SignedDuration::from_hours(7 * 24)),
    (5, SignedDuration::MAX),
];

/// What the ledger counts is counted by the functions' clocks.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(2);

/// How volumes have grown.
#[derive(Clone, Debug, Default)]
pub(super) struct Growths {
    attempts: BTreeSet<(IncidentId, usize)>,
    snapshots: BTreeSet<(IncidentId, usize)>,
    volumes: BTreeMap<InstanceId, Vec<Timestamp>>,
    /// By the day of the region.
    gib: BTreeMap<i64, u32>,
}

impl Growths {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        for (_, effect) in moment.effects() {
            let Some(before) = effect.before.as_ref() else { continue };
            if let Some(how) = self.snapshot(effect, before) {
                return Some(format!("the volume of {}, {how}", before.id));
            }
            if effect.verb != Verb::Grow || !effect.done {
                continue;
            }
            let now = moment.state.hosts.get(&before.id).map(|host| &host.disk);
            let target = now.and_then(|disk| disk.modification.as_ref()).map(|(_, gib)| *gib);
            let to = target.unwrap_or_default();
            if let Some(how) = self.grows(effect, before, to) {
                return Some(format!("the volume of {} to {to} GiB, {how}", before.id));
            }
        }
        None
    }

    /// What is wrong with the snapshot before the growth.
    fn snapshot(&mut self, effect: &Effect, before: &Before) -> Option<String> {
        let incident = before.incident.as_ref()?;
        let attempt = (incident.id.clone(), incident.attempts.len());
        match effect.verb {
            Verb::Snapshot if effect.done && !self.snapshots.insert(attempt.clone()) => {
                Some(format!("a second snapshot in one attempt of {}", incident.id))
            }
            Verb::Grow | Verb::Extend => {
                let wanted = before.host.as_ref().is_some_and(|host| host.disk.snapshot_first);
                (wanted && !self.snapshots.contains(&attempt))
                    .then(|| "without the snapshot that its owner wants first".to_owned())
            }
            _ => None,
        }
    }

    fn grows(&mut self, effect: &Effect, before: &Before, to: u32) -> Option<String> {
        let disk = &before.host.as_ref()?.disk;
        let incident = before.incident.as_ref()?;
        if !self.attempts.insert((incident.id.clone(), incident.attempts.len())) {
            return Some(format!("a second time in one attempt of {}", incident.id));
        }
        let cap = disk.cap_gib.unwrap_or_default();
        if to > cap || to > disk.gib * 2 || to <= disk.gib {
            return Some(format!("from {} of at most {cap}", disk.gib));
        }
        let grown = self.volumes.entry(before.id.clone()).or_default();
        grown.push(effect.at);
        for (most, time) in OFTEN {
            let recently = |at: &&Timestamp| effect.at.duration_since(**at) < time - CLOCKS_DIFFER;
            let count = grown.iter().filter(recently).count();
            if count > most {
                return Some(format!("the {count}th time"));
            }
        }
        let day = effect.at.as_second().div_euclid(24 * 60 * 60);
        let today = self.gib.entry(day).or_default();
        *today += to - disk.gib;
        let most = Policy::default().grow_gib_a_day;
        (*today > most).then(|| format!("the region by {today} GiB in a day"))
    }
}
