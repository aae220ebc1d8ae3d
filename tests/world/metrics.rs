//! What `CloudWatch` keeps: a value for each period, and some time later.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::InstanceId;
use remedy::model::series::Series;
use remedy::ports::look::Datapoint;

use crate::host::Host;

/// From the end of a period until its value can be read (ours: AWS names no time).
const DELAY: SignedDuration = SignedDuration::from_secs(30);

/// Values kept of each series. `CloudWatch` keeps them for weeks (`CloudWatch` user guide,
/// "Metrics concepts"); nobody here reads further back than these.
const KEPT: usize = 120;

/// The newest values that were published.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    published: BTreeMap<InstanceId, BTreeMap<Symptom, Values>>,
}

/// A series, oldest value first, with the time from which each can be read.
type Values = VecDeque<(Timestamp, Datapoint)>;

impl Metrics {
    /// Publishes what `host` measures at `now`, if one of its periods ends now (EC2 user guide,
    /// "Monitor your instances using `CloudWatch`": every five minutes, or every one).
    pub(crate) fn publish(&mut self, id: &InstanceId, host: &Host, now: Timestamp) {
        let period = host.period.as_secs().max(1);
        if now.as_second().rem_euclid(period) != 0 {
            return;
        }
        if !self.published.contains_key(id) {
            self.published.insert(id.clone(), BTreeMap::new());
        }
        let Some(published) = self.published.get_mut(id) else { return };
        for symptom in Symptom::ALL {
            if let Some(value) = host.percent(symptom) {
                let series = published.entry(symptom).or_default();
                if series.len() == KEPT {
                    series.pop_front();
                }
                series.push_back((now + DELAY, Datapoint { at: now - host.period, value }));
            }
        }
    }

    /// The values that every reader who looked in the last `slack` may have taken
    /// for the newest: the one that was readable before, and those that came since.
    pub(crate) fn newest(
        &self,
        id: &InstanceId,
        symptom: Symptom,
        (now, slack): (Timestamp, SignedDuration),
    ) -> Vec<Datapoint> {
        let published = self.published.get(id).and_then(|published| published.get(&symptom));
        let mut newest = Vec::new();
        for (readable_at, datapoint) in published.into_iter().flatten().rev() {
            if *readable_at <= now {
                newest.push(*datapoint);
            }
            if *readable_at <= now - slack {
                break;
            }
        }
        newest
    }

    /// The values of `series` between `since` and `until` that can be read at
    /// `now`, oldest first.
    pub(crate) fn read(
        &self,
        series: &Series,
        (since, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Vec<Datapoint> {
        let symptom = match (series.namespace.as_str(), series.name.as_str()) {
            ("AWS/EC2", "CPUUtilization") => Symptom::HighCpu,
            ("AWS/EC2", "StatusCheckFailed") => Symptom::Unreachable,
            ("CWAgent", "procstat_lookup_pid_count") => Symptom::ServiceDown,
            ("CWAgent", "mem_used_percent") => Symptom::MemoryPressure,
            ("CWAgent", "disk_used_percent") => Symptom::DiskFull,
            _ => return Vec::new(),
        };
        let Some(Ok(id)) = series.dimensions.get("InstanceId").map(InstanceId::new) else {
            return Vec::new();
        };
        let published = self.published.get(&id).and_then(|published| published.get(&symptom));
        let within = |datapoint: &Datapoint| (since..until).contains(&datapoint.at);
        published
            .into_iter()
            .flatten()
            .filter(|(readable_at, datapoint)| *readable_at <= now && within(datapoint))
            .map(|(_, datapoint)| *datapoint)
            .collect()
    }
}
