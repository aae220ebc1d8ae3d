//! What was measured, and whether it is bad.
//!
//! `EventBridge` and the Lambda action carry no comparison operator: an alarm
//! may just as well say that CPU is low. The direction is in SNS's
//! `ComparisonOperator`, in the words of the reason, or in the datapoints beside
//! their thresholds; where these contradict one another or say too little,
//! nothing is claimed. Shapes: `CloudWatch` user guide, "Alarm events and
//! `EventBridge`", and the reasons quoted in the tests, as `CloudWatch` writes
//! them.

use serde_json::Value;

use super::Bad;
use super::comparison::Operator;
use super::field::{Field, quoted_up_to};
use super::reason_text::{Words, names_band, words};
use super::{AlarmState, Evidence, Unreadable};

/// How much of a reason an absence of evidence repeats, in characters. What
/// `CloudWatch` says about missing datapoints fits.
const WHY_CHARS_MAX: usize = 200;

/// One datapoint and the bounds it was compared with. An ordinary threshold is
/// both bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) value: f64,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
}

impl Point {
    fn bound(self, bad: Bad) -> Option<f64> {
        match bad {
            Bad::Up => self.high,
            Bad::Down => self.low,
        }
    }

    /// Beyond the bound in the direction `bad`.
    fn is_beyond(self, bad: Bad) -> bool {
        match bad {
            Bad::Up => self.high.is_some_and(|high| self.value > high),
            Bad::Down => self.low.is_some_and(|low| self.value < low),
        }
    }

    fn is_at(self, bad: Bad) -> bool {
        self.bound(bad).is_some_and(|bound| self.value.total_cmp(&bound).is_eq())
    }
}

/// Everything an event says about what was measured.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    pub(super) state: AlarmState,
    pub(super) reason: &'a str,
    /// `reasonData`, where the envelope has it.
    pub(super) data: Option<Value>,
    /// The operator, where the envelope has it.
    pub(super) operator: Option<Operator>,
    /// Whether that operator is one of an anomaly detection band.
    pub(super) banded: bool,
    /// The threshold, where the envelope has it beside the reason.
    pub(super) threshold: Option<f64>,
}

/// Reads `reasonData`: a JSON text, sometimes the object itself.
pub(super) fn reason_data(field: &Field<'_>) -> Result<Value, Unreadable> {
    let data = match field.value() {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => Some(other.clone()),
    };
    data.filter(Value::is_object).ok_or_else(|| field.unlike("a JSON object, or one in a text"))
}

/// Whether the alarm compares with an anomaly detection band: the one envelope says so
/// by its operator, the others by the band's edges.
pub(super) fn is_banded(told: &Told<'_>) -> bool {
    let edges = |data: &Value| {
        ["recentLowerThresholds", "recentUpperThresholds"].iter().any(|key| data.get(key).is_some())
    };
    told.banded || names_band(told.reason) || told.data.as_ref().is_some_and(edges)
}

/// What `told` proves about a metric that is bad in the direction `bad`, or
/// nothing when the alarm is about the harmless direction.
pub(super) fn weigh(told: &Told<'_>, bad: Bad) -> Option<Evidence> {
    let words = words(told.reason);
    let points = points(told, &words);
    let refuses = match told.state {
        AlarmState::Alarm => words.denied,
        AlarmState::Ok => words.operator.is_some() && !words.denied,
    };
    let contradicts = matches!(
        (told.operator, words.operator),
        (Some(named), Some(worded)) if named != worded
    );
    if refuses || contradicts {
        return Some(unclear("the reason contradicts the rest of the event"));
    }
    match told.operator.or(words.operator) {
        Some(operator) if !operator.seeks(bad) => None,
        Some(Operator::Above | Operator::Below) => Some(known(told, &words, &points, bad)),
        Some(Operator::Outside) | None => guessed(told, &words, &points, bad),
    }
}

/// The operator is known, and is the one that finds the bad direction.
fn known(told: &Told<'_>, words: &Words, points: &[Point], bad: Bad) -> Evidence {
    if words.nothing_measured {
        return nothing(told.reason);
    }
    // A datapoint at the threshold is out of bounds or not as the operator's
    // "or equal to" has it: the state has already decided that.
    let proof = match told.state {
        AlarmState::Alarm => {
            points.iter().rev().find(|point| point.is_beyond(bad) || point.is_at(bad))
        }
        AlarmState::Ok => points.last().filter(|point| !point.is_beyond(bad)),
    };
    match (proof, points.last()) {
        (Some(point), _) if point.bound(bad).is_some() => measured(point.value, point.bound(bad)),
        _ if words.missing_counted && (told.state == AlarmState::Alarm || points.is_empty()) => {
            nothing(told.reason)
        }
        (_, Some(point)) if point.bound(bad).is_some() => {
            unclear("the datapoints contradict the alarm's state")
        }
        (_, newest) if words.operator.is_some() => Evidence::Measured {
            value: newest.map(|point| point.value),
            threshold: words.threshold.or(told.threshold),
        },
        _ => unclear("the event carries no datapoint"),
    }
}

/// No operator, or one for both directions: only the datapoints can tell.
fn guessed(told: &Told<'_>, words: &Words, points: &[Point], bad: Bad) -> Option<Evidence> {
    let worse = points.iter().rev().find(|point| point.is_beyond(bad));
    let better = points.iter().rev().find(|point| point.is_beyond(bad.opposite()));
    let banded = told.operator.or(words.operator) == Some(Operator::Outside);
    if words.nothing_measured || (points.is_empty() && words.missing_counted) {
        return Some(nothing(told.reason));
    }
    // Missing datapoints may have tipped the balance instead of these.
    if words.missing_counted || (has_gaps(told) && !banded) {
        return Some(unclear("datapoints are missing, and the direction is not said"));
    }
    match (told.state, worse, better) {
        (AlarmState::Alarm, Some(point), None) => Some(measured(point.value, point.bound(bad))),
        (AlarmState::Alarm, None, Some(_)) => None,
        (AlarmState::Ok, None, _) if banded => {
            let newest = points.last().filter(|point| point.bound(bad).is_some());
            Some(newest.map_or_else(
                || unclear("the event carries no datapoint inside its band"),
                |point| measured(point.value, point.bound(bad)),
            ))
        }
        (AlarmState::Ok, None, Some(_)) => {
            let newest = points.last()?;
            Some(measured(newest.value, newest.bound(bad)))
        }
        (AlarmState::Ok, Some(_), None) if !banded => None,
        (_, Some(_), _) => Some(unclear("the datapoints lie on both sides of the threshold")),
        (_, None, _) => Some(unclear("the event does not say in which direction it is")),
    }
}

fn measured(value: f64, threshold: Option<f64>) -> Evidence {
    Evidence::Measured { value: Some(value), threshold }
}

fn nothing(reason: &str) -> Evidence {
    Evidence::Nothing { why: quoted_up_to(WHY_CHARS_MAX, reason) }
}

/// The evidence of something that cannot be told to be bad, and why.
pub(super) fn unclear(why: &str) -> Evidence {
    Evidence::Unclear { why: why.to_owned() }
}

/// The datapoints of `told`, oldest first: those of `reasonData`, or else those
/// quoted in the reason.
fn points(told: &Told<'_>, words: &Words) -> Vec<Point> {
    let data = told.data.as_ref();
    let points = data.map(data_points).unwrap_or_default();
    if !points.is_empty() {
        return points;
    }
    // The reason quotes them newest first.
    let threshold = words.threshold.or(told.threshold);
    let banded = !words.lows.is_empty() || !words.highs.is_empty();
    let point = |(i, value): (usize, &f64)| Point {
        value: *value,
        low: if banded { words.lows.get(i).copied() } else { threshold },
        high: if banded { words.highs.get(i).copied() } else { threshold },
    };
    words.values.iter().enumerate().map(point).rev().collect()
}

/// The datapoints of `reasonData`: `recentDatapoints` beside `threshold` or
/// beside the edges of an anomaly detection band, or `evaluatedDatapoints`.
fn data_points(data: &Value) -> Vec<Point> {
    let numbers = |key: &str| -> Vec<f64> {
        let list = data.get(key).and_then(Value::as_array);
        let numbers = list.map(|list| list.iter().filter_map(Value::as_f64).collect());
        numbers.unwrap_or_default()
    };
    let threshold = data.get("threshold").and_then(Value::as_f64);
    let lows = numbers("recentLowerThresholds");
    let highs = numbers("recentUpperThresholds");
    let recent = numbers("recentDatapoints");
    if recent.is_empty() {
        return evaluated_points(data, threshold);
    }
    let banded = !lows.is_empty() || !highs.is_empty();
    let point = |(i, value): (usize, &f64)| Point {
        value: *value,
        low: if banded { lows.get(i).copied() } else { threshold },
        high: if banded { highs.get(i).copied() } else { threshold },
    };
    recent.iter().enumerate().map(point).collect()
}

/// `evaluatedDatapoints` that have a value, oldest first. Each may carry its own
/// threshold.
fn evaluated_points(data: &Value, threshold: Option<f64>) -> Vec<Point> {
    let mut points: Vec<(&str, Point)> = evaluated(data)
        .iter()
        .filter_map(|element| {
            let value = element.get("value")?.as_f64()?;
            let own = element.get("threshold").and_then(Value::as_f64);
            let timestamp = element.get("timestamp").and_then(Value::as_str);
            let point = Point { value, low: own.or(threshold), high: own.or(threshold) };
            Some((timestamp.unwrap_or_default(), point))
        })
        .collect();
    // All written in one form, so that the texts order as the times do.
    points.sort_by_key(|(timestamp, _)| *timestamp);
    points.into_iter().map(|(_, point)| point).collect()
}

fn evaluated(data: &Value) -> &[Value] {
    let list = data.get("evaluatedDatapoints").and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// Whether a period was evaluated that had no datapoint.
fn has_gaps(told: &Told<'_>) -> bool {
    let Some(data) = &told.data else { return false };
    evaluated(data).iter().any(|element| element.get("value").is_none_or(Value::is_null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HIGH: &str = "Threshold Crossed: 1 datapoint was greater than the threshold (90.0).";
    const LOW: &str = "Threshold Crossed: 1 datapoint was less than the threshold (10.0).";
    const NOT_HIGH: &str =
        "Threshold Crossed: 1 datapoint was not greater than the threshold (90.0).";
    const NOT_LOW: &str = "Threshold Crossed: 1 datapoint was not less than the threshold (10.0).";
    const NONE: &str = "Threshold Crossed: no datapoints were received for 2 periods and 2 missing \
                        datapoints were treated as [Breaching].";
    const SOME: &str = "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing \
                        datapoints were treated as [Breaching].";

    /// Weighs what an event says as to a metric that is bad upwards and as to
    /// one that is bad downwards.
    fn check(state: AlarmState, reason: &str, data: Value, expected: [&str; 2]) {
        let told = Told {
            state,
            reason,
            data: Some(data),
            operator: None,
            banded: false,
            threshold: None,
        };
        check_told(&told, expected);
    }

    fn check_told(told: &Told<'_>, expected: [&str; 2]) {
        let short = |bad| match weigh(told, bad) {
            None => "harmless".to_owned(),
            Some(Evidence::Measured { value, threshold }) => {
                let number = |n: Option<f64>| n.map_or("?".to_owned(), |n| n.to_string());
                format!("{} / {}", number(value), number(threshold))
            }
            Some(Evidence::Nothing { .. }) => "nothing".to_owned(),
            Some(Evidence::Unclear { .. }) => "unclear".to_owned(),
            Some(Evidence::Asked) => "asked".to_owned(),
        };
        assert_eq!([short(Bad::Up), short(Bad::Down)], expected, "{told:?}");
    }

    fn plain(datapoints: &[f64], threshold: f64) -> Value {
        json!({"recentDatapoints": datapoints, "threshold": threshold})
    }

    fn band(datapoints: &[f64], low: f64, high: f64) -> Value {
        let edge = |edge: f64| vec![edge; datapoints.len()];
        json!({
            "recentDatapoints": datapoints,
            "recentLowerThresholds": edge(low),
            "recentUpperThresholds": edge(high),
        })
    }

    #[test]
    fn an_alarm_is_weighed_by_the_words_and_the_datapoints() {
        let check = |reason, data, expected| check(AlarmState::Alarm, reason, data, expected);
        // The words say the direction.
        check(HIGH, plain(&[95.0], 90.0), ["95 / 90", "harmless"]);
        check(LOW, plain(&[5.0], 10.0), ["harmless", "5 / 10"]);
        // The newest datapoint that is out of bounds counts, and one at the
        // threshold may be out of bounds.
        check(HIGH, plain(&[95.0, 97.0, 20.0], 90.0), ["97 / 90", "harmless"]);
        check(HIGH, plain(&[90.0], 90.0), ["90 / 90", "harmless"]);
        // A low alarm with one high datapoint among three is still a low alarm.
        check(LOW, plain(&[5.0, 50.0, 5.0], 10.0), ["harmless", "5 / 10"]);
        // The words alone.
        check(HIGH, json!({}), ["? / 90", "harmless"]);
        check("was greater than the threshold (x)", json!({}), ["? / ?", "harmless"]);
        // The datapoints alone, as long as they agree.
        check("", plain(&[95.0, 96.0], 90.0), ["96 / 90", "harmless"]);
        check("by hand", plain(&[5.0], 10.0), ["harmless", "5 / 10"]);
        check("", plain(&[95.0, 5.0], 90.0), ["unclear", "unclear"]);
        check("", plain(&[90.0], 90.0), ["unclear", "unclear"]);
        check("", json!({"recentDatapoints": [95.0]}), ["unclear", "unclear"]);
        // Neither.
        check("by hand", json!({}), ["unclear", "unclear"]);
        // Words and datapoints, or words and state, contradict one another.
        check(HIGH, plain(&[20.0], 90.0), ["unclear", "harmless"]);
        check(NOT_HIGH, plain(&[95.0], 90.0), ["unclear", "unclear"]);
    }

    #[test]
    fn an_alarm_without_datapoints_proves_nothing() {
        let check = |reason, data, expected| check(AlarmState::Alarm, reason, data, expected);
        check(NONE, plain(&[], 90.0), ["nothing", "nothing"]);
        check(NONE, json!({}), ["nothing", "nothing"]);
        check("No time series were returned by the query.", json!({}), ["nothing", "nothing"]);
        // The one that came did not decide.
        check(SOME, json!({}), ["nothing", "nothing"]);
        check(SOME, plain(&[95.0], 90.0), ["unclear", "unclear"]);
        let gap = json!({
            "recentDatapoints": [95.0],
            "threshold": 90.0,
            "evaluatedDatapoints": [{"timestamp": "b", "value": 95.0}, {"timestamp": "a"}],
        });
        check("", gap, ["unclear", "unclear"]);
        let some = format!("{HIGH} 2 missing datapoints were treated as [Breaching].");
        check(&some, plain(&[20.0], 90.0), ["nothing", "harmless"]);
        check(&some, plain(&[95.0], 90.0), ["95 / 90", "harmless"]);
    }

    #[test]
    fn a_band_is_left_upwards_or_downwards() {
        let both = "Thresholds Crossed: 1 datapoint was less than the lower thresholds or greater \
                    than the upper thresholds.";
        let check = |reason, data, expected| check(AlarmState::Alarm, reason, data, expected);
        check(both, band(&[97.0], 5.0, 40.0), ["97 / 40", "harmless"]);
        check(both, band(&[1.0], 5.0, 40.0), ["harmless", "1 / 5"]);
        check(both, band(&[97.0, 20.0], 5.0, 40.0), ["97 / 40", "harmless"]);
        check(both, band(&[97.0, 1.0], 5.0, 40.0), ["unclear", "unclear"]);
        check(both, band(&[20.0], 5.0, 40.0), ["unclear", "unclear"]);
        check(both, json!({}), ["unclear", "unclear"]);
        let upper = json!({"recentDatapoints": [97.0], "recentUpperThresholds": [40.0]});
        check("was greater than the upper thresholds [40.0]", upper, ["97 / 40", "harmless"]);
        let inside = "was not less than the lower thresholds [5.0] or not greater than the upper \
                      thresholds [40.0]";
        let data = band(&[20.0], 5.0, 40.0);
        super::tests::check(AlarmState::Ok, inside, data, ["20 / 40", "20 / 5"]);
        super::tests::check(AlarmState::Ok, inside, json!({}), ["unclear", "unclear"]);
    }

    #[test]
    fn ok_is_proved_by_a_datapoint_on_the_good_side() {
        let check = |reason, data, expected| check(AlarmState::Ok, reason, data, expected);
        check(NOT_HIGH, plain(&[20.0], 90.0), ["20 / 90", "harmless"]);
        check(NOT_HIGH, plain(&[90.0], 90.0), ["90 / 90", "harmless"]);
        // The end of an idle time is not the end of high CPU.
        check(NOT_LOW, plain(&[95.0], 10.0), ["harmless", "95 / 10"]);
        check("", plain(&[20.0], 90.0), ["20 / 90", "harmless"]);
        // One datapoint in bounds among several is no end yet.
        check(NOT_HIGH, plain(&[20.0, 95.0], 90.0), ["unclear", "harmless"]);
        check("", plain(&[20.0, 95.0], 90.0), ["unclear", "unclear"]);
        check(HIGH, plain(&[20.0], 90.0), ["unclear", "unclear"]);
        check(NOT_HIGH, json!({}), ["? / 90", "harmless"]);
        check("by hand", json!({}), ["unclear", "unclear"]);
        let vanished = NONE.replace("[Breaching]", "[NonBreaching]");
        check(&vanished, plain(&[], 90.0), ["nothing", "nothing"]);
        check("No data was returned for this contributor", json!({}), ["nothing", "nothing"]);
    }

    #[test]
    fn evaluated_datapoints_carry_their_own_thresholds_and_any_order() {
        let data = json!({"evaluatedDatapoints": [
            {"timestamp": "2024-07-25T07:21:00.000+0000", "value": 239.0, "threshold": 225.7},
            {"timestamp": "2024-07-25T07:22:00.000+0000", "value": 241.0, "threshold": 226.0},
        ]});
        check(AlarmState::Alarm, HIGH, data, ["241 / 226", "harmless"]);
    }

    #[test]
    fn the_named_operator_counts_unless_the_reason_contradicts() {
        let told = |name, reason| Told {
            state: AlarmState::Alarm,
            reason,
            data: None,
            operator: Operator::named(name),
            banded: false,
            threshold: Some(90.0),
        };
        let quoting = "1 out of the last 1 datapoints [99.5 (02/10/19 16:59:00)]";
        check_told(&told("GreaterThanThreshold", quoting), ["99.5 / 90", "harmless"]);
        check_told(&told("LessThanThreshold", quoting), ["harmless", "unclear"]);
        check_told(&told("GreaterThanThreshold", LOW), ["unclear", "unclear"]);
        check_told(&told("GreaterThanThreshold", "by hand"), ["unclear", "harmless"]);
        check_told(&told("GreaterThanThreshold", NONE), ["nothing", "harmless"]);
        check_told(&told("Whatever", "by hand"), ["unclear", "unclear"]);
    }
}
