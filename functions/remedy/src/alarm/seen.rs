//! What outlives an alarm: what it said, and the series to read again when
//! somebody asks whether it is over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alarm, Evidence};

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
    /// The file system, for disk alarms that name one.
    pub mount: Option<String>,
    /// The newest datapoint, in the metric's own unit.
    pub value: Option<f64>,
    /// The threshold it was compared with.
    pub threshold: Option<f64>,
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
}

/// One instance's series of one metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The metric's namespace.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// The dimensions the alarm named.
    pub dimensions: BTreeMap<String, String>,
    /// Whether these are all the dimensions the series has. A contributor names
    /// only the labels its query groups by.
    pub exact: bool,
    /// The direction in which the metric is bad.
    pub bad: Bad,
    /// What the alarm makes of the values of one period.
    #[serde(default)]
    pub statistic: Statistic,
    /// The alarm's period, in seconds.
    #[serde(default = "a_minute")]
    pub period: u32,
    /// Of a query's series: what else it says of those it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// Which series a Metrics Insights query reads, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The namespace or schema behind `FROM`.
    pub from: String,
    /// The condition behind `WHERE`, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

fn a_minute() -> u32 {
    60
}

/// What an alarm makes of the values of one period.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Their mean. Also where an alarm does not say.
    #[default]
    Average,
    /// The largest.
    Maximum,
    /// The smallest.
    Minimum,
    /// All together.
    Sum,
    /// Another one, as `CloudWatch` writes it, such as `p95` or `tm90`.
    Extended(String),
}

impl Statistic {
    /// The statistic that `name` names: of a metric, in SNS in capitals, or as the
    /// function of a Metrics Insights query.
    pub(super) fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "AVERAGE" | "AVG" => Self::Average,
            "MAXIMUM" | "MAX" => Self::Maximum,
            "MINIMUM" | "MIN" => Self::Minimum,
            "SUM" => Self::Sum,
            _ => Self::Extended(name.to_owned()),
        }
    }

    /// The statistic of a period, by that of its minutes. `None` of none.
    pub fn over(&self, minutes: &[f64]) -> Option<f64> {
        let sum = minutes.iter().sum::<f64>();
        match (self, minutes.len()) {
            (_, 0) => None,
            (Self::Maximum, _) => minutes.iter().copied().reduce(f64::max),
            (Self::Minimum, _) => minutes.iter().copied().reduce(f64::min),
            (Self::Sum, _) => Some(sum),
            (Self::Average | Self::Extended(_), count) => {
                Some(sum / f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
            }
        }
    }
}

/// The direction in which a metric is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bad {
    /// More is worse, as for a share in use.
    Up,
    /// Less is worse, as for a share that is free.
    Down,
}

impl Bad {
    /// Whether `value` is out of bounds. On the threshold itself it is: some
    /// alarms count that as breaching, and a value that rests there is no
    /// recovery.
    pub fn beyond(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Up => value >= threshold,
            Self::Down => value <= threshold,
        }
    }
}

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Hundredths of what there is.
    Percent,
    /// Bytes.
    Bytes,
    /// 1,024 bytes.
    Kibibytes,
    /// 1,048,576 bytes.
    Mebibytes,
    /// Inodes of a file system.
    Inodes,
}

impl Unit {
    /// `value` as people read it: `96.4 %`, `1.5 GiB`, `1200 inodes`.
    pub fn write(self, value: f64) -> String {
        let bytes = match self {
            Self::Percent => return format!("{value:.1} %"),
            Self::Inodes => return format!("{value:.0} inodes"),
            Self::Bytes => value,
            Self::Kibibytes => value * 1024.0,
            Self::Mebibytes => value * 1024.0 * 1024.0,
        };
        let mut scaled = bytes;
        for name in ["bytes", "KiB", "MiB", "GiB"] {
            if scaled.abs() < 1024.0 {
                return format!("{scaled:.1} {name}");
            }
            scaled /= 1024.0;
        }
        format!("{scaled:.1} TiB")
    }
}

impl Seen {
    /// A value of the metric, with its unit where that is known.
    pub fn measure(&self, value: f64) -> String {
        match self.unit {
            Some(unit) => unit.write(value),
            None => format!("{value:.1}"),
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
            changed_at: alarm.changed_at,
            reason: alarm.reason.clone(),
            region: alarm.region.clone(),
            watched: alarm.watched,
            series: alarm.series.clone(),
        }
    }
}
