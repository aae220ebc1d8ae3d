//! What outlives an alarm: what it said, and the series to read again when
//! somebody asks whether it is over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::alarm::{Alarm, Evidence, Hint};
use crate::model::series::Bad;
use crate::model::series::Series;
use crate::model::series::Unit;

/// What an alarm said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The alarm's name.
    pub alarm: String,
    /// Namespace and metric.
    pub metric: String,
    /// The unit of `value` and `threshold`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The file system: the alarm's, or the one that the host found full where the alarm
    /// names none.
    pub mount: Option<String>,
    /// The newest datapoint, in the metric's own unit.
    pub value: Option<f64>,
    /// The threshold it was compared with.
    pub threshold: Option<f64>,
    /// Why the alarm by itself proves no trouble of the host, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// The highest rung that the alarm's own tag allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// When the alarm's state changed.
    pub changed_at: Timestamp,
    /// Why it changed, in `CloudWatch`'s words.
    pub reason: String,
    /// The region the alarm lives in.
    pub region: Option<String>,
    /// How many instances the alarm watches without saying which of them is in
    /// trouble. 1 means it is this one.
    pub watched: usize,
    /// The instance's own series, to be read again.
    pub series: Option<Series>,
    /// For which rungs the alarm's own tag asks people first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
}

impl Seen {
    /// A value of the metric, with its unit where that is known.
    pub fn measure(&self, value: f64) -> String {
        match self.unit {
            Some(unit) => unit.write(value),
            None => format!("{value:.1}"),
        }
    }

    /// The disk that the file system lies on, where the series names one. Several
    /// mounts may show one disk: subvolumes, for one.
    pub fn device(&self) -> Option<&str> {
        let dimensions = &self.series.as_ref()?.dimensions;
        let device = dimensions.get("device").or_else(|| dimensions.get("Filesystem"))?;
        // Every overlay is named so, whatever disk it lies on.
        Some(device.as_str()).filter(|device| !device.starts_with("overlay"))
    }

    /// How bad a value that the alarm told is, in percent of what there is; `None` if the
    /// metric does not tell.
    pub fn level(&self, value: f64) -> Option<f64> {
        self.percent(self.unit, value)
    }

    /// How bad the instance's own series is, which has a unit also where the alarm compares
    /// it with something else than a threshold, such as a band: by `value`, what the alarm
    /// makes of the newest period. Of an alarm on the worst moment of a period the `last`
    /// minute tells whether that is over, and of one on a long period the mean `lately`.
    pub fn level_measured(&self, value: f64, last: f64, lately: f64) -> Option<f64> {
        let series = self.series.as_ref()?;
        let unit = series.unit.or(self.unit);
        if unit == Some(Unit::Percent) && series.statistic.is_the_worst(series.bad) {
            return self.percent(unit, last);
        }
        Some(self.percent(unit, value)?.min(self.percent(unit, lately)?))
    }

    /// Whether the alarm compares what it makes of the metric, and not the metric itself.
    pub fn is_of_an_expression(&self) -> bool {
        self.unit.is_none() && self.series.is_some()
    }

    fn percent(&self, unit: Option<Unit>, value: f64) -> Option<f64> {
        let series = self.series.as_ref()?;
        match (unit?, series.bad) {
            (Unit::Percent, _) if !series.statistic.is_a_value() => None,
            (Unit::Percent, Bad::Up) => Some(value),
            (Unit::Percent, Bad::Down) => Some(100.0 - value),
            // It passes or it fails, runs or does not, and nothing between.
            (unit @ (Unit::Check | Unit::Processes), _) => {
                Some(if unit.is_well_at(value) { 0.0 } else { 100.0 })
            }
            (Unit::Bytes | Unit::Kibibytes | Unit::Mebibytes | Unit::Inodes, _) => None,
        }
    }

    /// What `alarm` said.
    pub fn of(alarm: &Alarm) -> Self {
        let (value, threshold) = match alarm.evidence {
            Evidence::Measured { value, threshold } => (value, threshold),
            _ => (None, None),
        };
        Self {
            alarm: alarm.name.clone(),
            metric: alarm.metric.clone(),
            unit: alarm.unit,
            mount: alarm.mount.as_ref().map(|mount| mount.as_str().to_owned()),
            value,
            threshold,
            hint: alarm.hint,
            limit: alarm.limit.clone(),
            changed_at: alarm.changed_at,
            reason: alarm.reason.clone(),
            region: alarm.region.clone(),
            watched: alarm.watched,
            series: alarm.series.clone(),
            ask: alarm.ask.clone(),
        }
    }
}
