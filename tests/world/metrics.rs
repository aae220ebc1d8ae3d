//! What `CloudWatch` keeps: a value for each period, and some time later.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::InstanceId;
use remedy::model::series::{Series, Statistic};
use remedy::ports::look::Datapoint;

use crate::host::Host;

/// From the end of a period until its value can be read (ours: AWS names no time).
const DELAY: SignedDuration = SignedDuration::from_secs(30);

/// So long a host was measured before the first minute of a plot, where that matters (ours).
const PAST_MINUTES: i32 = 70;

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

    /// What the disk of `host` measured in the last hour and some, when nothing was wrong
    /// (ours: how a play begins).
    pub(crate) fn publish_past(&mut self, id: &InstanceId, host: &Host, now: Timestamp) {
        let minute = SignedDuration::from_mins(1);
        let values = self.published.entry(id.clone()).or_default();
        let values = values.entry(Symptom::DiskFull).or_default();
        for before in (1..=PAST_MINUTES).rev() {
            if let Some(value) = host.percent(Symptom::DiskFull) {
                let at = now - minute * before;
                values.push_back((at + DELAY, Datapoint { at: at - host.period, value }));
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

    /// The mean of what was measured of `symptom` in the `period` before `now`, if anything was.
    pub(crate) fn mean(
        &self,
        id: &InstanceId,
        symptom: Symptom,
        (now, period): (Timestamp, SignedDuration),
    ) -> Option<f64> {
        let published = self.published.get(id).and_then(|published| published.get(&symptom))?;
        let newest = published.iter().rev().map(|(_, datapoint)| datapoint);
        let within = newest.take_while(|datapoint| datapoint.at >= now - period);
        let values: Vec<f64> = within.map(|datapoint| datapoint.value).collect();
        Statistic::Average.over(&values)
    }

    /// Hashes every value, those that repeat themselves as one: most do.
    pub(crate) fn hash(&self, hasher: &mut impl Hasher) {
        for (id, published) in &self.published {
            id.as_str().hash(hasher);
            for (symptom, values) in published {
                symptom.hash(hasher);
                values.len().hash(hasher);
                let (mut before, mut step) = (None, None);
                for (readable_at, Datapoint { at, value }) in values {
                    let apart = before.map(|(before, _)| at.duration_since(before));
                    let repeats = before.is_some_and(|(_, same)| value.to_bits() == same);
                    if !repeats || apart != step {
                        (readable_at, at, value.to_bits()).hash(hasher);
                    }
                    (before, step) = (Some((*at, value.to_bits())), apart);
                }
            }
        }
    }

    /// The values of `series` between `since` and `until` that can be read at
    /// `now`, oldest first.
    pub(crate) fn read(
        &self,
        series: &Series,
        (since, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Vec<Datapoint> {
        let Some((symptom, of)) = told_by(&series.namespace, &series.name) else {
            return Vec::new();
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
            .map(|(_, datapoint)| Datapoint { value: of.value(datapoint.value), ..*datapoint })
            .collect()
    }
}

/// What a metric says where the share in use is `percent`, if it is one that is published here.
pub(crate) fn measure(namespace: &str, name: &str, percent: f64) -> Option<f64> {
    told_by(namespace, name).map(|(_, of)| of.value(percent))
}

/// What every host here has, in bytes or inodes: the memory (ours).
const MEMORY: f64 = 16.0 * 1024.0 * 1024.0 * 1024.0;
/// The disk (ours).
const DISK: f64 = 100.0 * 1024.0 * 1024.0 * 1024.0;
/// The inodes (ours).
const INODES: f64 = 6_553_600.0;

/// A mebibyte, in bytes (ours: a unit, and nobody's rule).
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What a metric makes of the share in use that is published here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    /// The share itself, or what is counted instead of one.
    Itself,
    /// The share that is left.
    Left,
    /// The part of this much that is in use.
    Used(f64),
    /// The part of this much that is left.
    Free(f64),
    /// Swap, which is in use to the last byte however much memory is free.
    Swapped,
}

impl Of {
    fn value(self, used: f64) -> f64 {
        match self {
            Self::Itself => used,
            Self::Left => 100.0 - used,
            Self::Used(all) => all * used / 100.0,
            Self::Free(all) => all * (100.0 - used) / 100.0,
            Self::Swapped => 100.0,
        }
    }
}

/// What a metric is about, and what it makes of that. Names are those of the EC2 and the
/// `CloudWatch` user guides, as in `alarm/metric.rs`.
fn told_by(namespace: &str, name: &str) -> Option<(Symptom, Of)> {
    let told = match (namespace, name) {
        ("AWS/EC2", "CPUUtilization")
        | ("CWAgent", "cpu_usage_active" | "Processor % Processor Time") => {
            (Symptom::HighCpu, Of::Itself)
        }
        ("CWAgent", "cpu_usage_idle" | "Processor % Idle Time") => (Symptom::HighCpu, Of::Left),
        ("AWS/EC2", name) if name.starts_with("StatusCheckFailed") => {
            (Symptom::Unreachable, Of::Itself)
        }
        ("CWAgent", "procstat_lookup_pid_count") => (Symptom::ServiceDown, Of::Itself),
        ("CWAgent", "mem_used_percent" | "Memory % Committed Bytes In Use")
        | ("System/Linux", "MemoryUtilization") => (Symptom::MemoryPressure, Of::Itself),
        ("CWAgent", "mem_available_percent") => (Symptom::MemoryPressure, Of::Left),
        ("CWAgent", "mem_used") => (Symptom::MemoryPressure, Of::Used(MEMORY)),
        ("CWAgent", "mem_available") => (Symptom::MemoryPressure, Of::Free(MEMORY)),
        ("CWAgent", "Memory Available MBytes") => {
            (Symptom::MemoryPressure, Of::Free(MEMORY / MEBIBYTE))
        }
        ("CWAgent", "swap_used_percent") | ("System/Linux", "SwapUtilization") => {
            (Symptom::MemoryPressure, Of::Swapped)
        }
        ("CWAgent", "disk_used_percent") | ("System/Linux", "DiskSpaceUtilization") => {
            (Symptom::DiskFull, Of::Itself)
        }
        ("CWAgent", "LogicalDisk % Free Space") => (Symptom::DiskFull, Of::Left),
        ("CWAgent", "disk_used") => (Symptom::DiskFull, Of::Used(DISK)),
        ("CWAgent", "disk_free") => (Symptom::DiskFull, Of::Free(DISK)),
        ("CWAgent", "disk_inodes_used") => (Symptom::DiskFull, Of::Used(INODES)),
        ("CWAgent", "disk_inodes_free") => (Symptom::DiskFull, Of::Free(INODES)),
        ("CWAgent", "LogicalDisk Free Megabytes") => (Symptom::DiskFull, Of::Free(DISK / MEBIBYTE)),
        _ => return None,
    };
    Some(told)
}
