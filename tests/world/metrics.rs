//! What `CloudWatch` keeps: a value for each period, and some time later.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::alarm::{Series, Symptom};
use remedy::facts::Datapoint;
use remedy::ids::InstanceId;

use crate::host::Host;

/// From the end of a period until its value can be read.
const DELAY: SignedDuration = SignedDuration::from_secs(30);

/// Every value that was published.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    published: BTreeMap<(InstanceId, Symptom), Vec<(Timestamp, Datapoint)>>,
}

impl Metrics {
    /// Publishes what `host` measures at `now`, if one of its periods ends now.
    pub(crate) fn publish(&mut self, id: &InstanceId, host: &Host, now: Timestamp) {
        let period = host.period.as_secs().max(1);
        if now.as_second().rem_euclid(period) != 0 {
            return;
        }
        for symptom in Symptom::ALL {
            if let Some(value) = host.percent(symptom) {
                let datapoint = Datapoint { at: now - host.period, value };
                let series = self.published.entry((id.clone(), symptom)).or_default();
                series.push((now + DELAY, datapoint));
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
        let symptom = match (series.namespace.as_str(), series.name.as_str()) {
            ("AWS/EC2", "CPUUtilization") => Symptom::HighCpu,
            ("CWAgent", "mem_used_percent") => Symptom::MemoryPressure,
            ("CWAgent", "disk_used_percent") => Symptom::DiskFull,
            _ => return Vec::new(),
        };
        let Some(Ok(id)) = series.dimensions.get("InstanceId").map(InstanceId::new) else {
            return Vec::new();
        };
        let published = self.published.get(&(id, symptom));
        let within = |datapoint: &Datapoint| (since..until).contains(&datapoint.at);
        published
            .into_iter()
            .flatten()
            .filter(|(readable_at, datapoint)| *readable_at <= now && within(datapoint))
            .map(|(_, datapoint)| *datapoint)
            .collect()
    }
}
