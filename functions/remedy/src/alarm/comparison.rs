//! How an alarm compares what it measures with its threshold.

use super::Bad;

/// What an alarm compares its metric for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// Above a threshold, or at it.
    Above,
    /// Below a threshold, or at it.
    Below,
    /// On either side of an anomaly detection band.
    Outside,
}

impl Operator {
    /// Reads SNS's `ComparisonOperator`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "GreaterThanThreshold"
            | "GreaterThanOrEqualToThreshold"
            | "GreaterThanUpperThreshold" => Some(Self::Above),
            "LessThanThreshold" | "LessThanOrEqualToThreshold" | "LessThanLowerThreshold" => {
                Some(Self::Below)
            }
            "LessThanLowerOrGreaterThanUpperThreshold" => Some(Self::Outside),
            _ => None,
        }
    }

    /// Whether SNS's `ComparisonOperator` is one of an anomaly detection band.
    pub(super) fn is_of_band(name: &str) -> bool {
        name.contains("UpperThreshold") || name.contains("LowerThreshold")
    }

    pub(super) fn seeks(self, bad: Bad) -> bool {
        matches!(
            (self, bad),
            (Self::Above, Bad::Up) | (Self::Below, Bad::Down) | (Self::Outside, _)
        )
    }
}
