//! One series of a metric: what an alarm makes of it, and the way in which it is bad.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// What the metric counts, where that is known: also where the alarm makes something
    /// else of it. Rows of 0.1.0 lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
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
    pub(crate) fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "AVERAGE" | "AVG" => Self::Average,
            "MAXIMUM" | "MAX" => Self::Maximum,
            "MINIMUM" | "MIN" => Self::Minimum,
            "SUM" => Self::Sum,
            _ => Self::Extended(name.to_owned()),
        }
    }

    /// Whether what it makes of values is a value like them, and no sum of them: that of a
    /// share of the whole is no share.
    pub(crate) fn is_a_value(&self) -> bool {
        match self {
            Self::Average | Self::Maximum | Self::Minimum => true,
            Self::Sum => false,
            // `TS` and `ts90` are trimmed sums (`CloudWatch` user guide, "Statistics
            // definitions").
            Self::Extended(name) => !name.to_ascii_uppercase().starts_with("TS"),
        }
    }

    /// Whether it shows the worst moment of a period, and nothing of the others.
    pub(crate) fn is_the_worst(&self, bad: Bad) -> bool {
        match bad {
            Bad::Up => *self == Self::Maximum,
            Bad::Down => *self == Self::Minimum,
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
    /// The other one.
    #[must_use]
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }

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
    /// A check of EC2's: 1 while it fails, 0 while it passes (EC2 user guide, "Status check
    /// metrics").
    Check,
    /// Processes of a service.
    Processes,
}

/// A check's value, or a mean of several.
fn checked(value: f64) -> String {
    if value >= 1.0 {
        format!("{value:.0} (failed)")
    } else if value <= 0.0 {
        "0 (passed)".to_owned()
    } else {
        format!("{value:.2}")
    }
}

impl Unit {
    /// Whether a healthy host shows `value`, whatever its alarm's threshold is: an alarm
    /// that rings above 0 is no reason to take a check that passes for one that fails, and one
    /// that rings below 1 none to take a service that runs for one that is down.
    pub fn is_well_at(self, value: f64) -> bool {
        match self {
            Self::Check => value <= 0.0,
            Self::Processes => value >= 1.0,
            Self::Percent | Self::Bytes | Self::Kibibytes | Self::Mebibytes | Self::Inodes => false,
        }
    }

    /// `value` as people read it: `96.4 %`, `1.5 GiB`, `1200 inodes`.
    pub fn write(self, value: f64) -> String {
        let bytes = match self {
            Self::Percent => return format!("{value:.1} %"),
            Self::Inodes => return format!("{value:.0} inodes"),
            Self::Check => return checked(value),
            Self::Processes if value.total_cmp(&1.0).is_eq() => return "1 process".to_owned(),
            Self::Processes => return format!("{value:.0} processes"),
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
