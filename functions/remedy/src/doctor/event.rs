//! An alarm's definition as the event that would come if it rang now: so it is read by the code
//! that reads alarms, and there is no second opinion of what an alarm means.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::alarm::{self, Invocation, NotOurs, Received};
use crate::model::alarm::{Alarm, Symptom};
use crate::ports::look_at_all::{AlarmDefinition, WatchedMetric};

/// What the functions would make of an alarm that rings.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Alarms about instances.
    Ours(Vec<Alarm>),
    /// It would be left alone, for this reason.
    Ignored(NotOurs),
    /// It watches one series for each instance, and rings for each by itself.
    Fleet {
        /// What it is about.
        symptom: Symptom,
    },
    /// It is an event that nobody could read.
    Unreadable(String),
}

/// On which side of its threshold or band a value lies.
#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
}

/// Reads `definition` as if it rang at `at`.
pub fn read(definition: &AlarmDefinition, at: Timestamp) -> Reading {
    let outside = definition.comparison == "LessThanLowerOrGreaterThanUpperThreshold";
    let above = outside || definition.comparison.starts_with("Greater");
    let first = read_on(definition, if above { Side::Above } else { Side::Below }, at);
    match first {
        // Of a band the side counts on which it does harm.
        Reading::Ignored(NotOurs::HarmlessDirection { .. }) if outside => {
            read_on(definition, Side::Below, at)
        }
        other => other,
    }
}

fn read_on(definition: &AlarmDefinition, side: Side, at: Timestamp) -> Reading {
    let event = event(definition, side, at).to_string();
    let asked = |symptom| {
        let invocation = Invocation { symptom, request_id: String::new(), at };
        alarm::read(&event, &invocation)
    };
    let mut symptom = Symptom::HighCpu;
    let mut received = asked(symptom);
    if let Ok(Received { ignored, .. }) = &received
        && let [NotOurs::OtherSymptom { symptom: other }] = ignored.as_slice()
    {
        symptom = *other;
        received = asked(symptom);
    }
    match received {
        Err(error) => Reading::Unreadable(error.to_string()),
        Ok(Received { alarms, .. }) if !alarms.is_empty() => Reading::Ours(alarms),
        Ok(Received { mut ignored, .. }) => match ignored.pop() {
            Some(NotOurs::Fleet) => Reading::Fleet { symptom },
            Some(reason) => Reading::Ignored(reason),
            None => Reading::Unreadable("it names nobody".to_owned()),
        },
    }
}

/// The event, in the shape of `events/*.state-change.json`, which names its sources.
fn event(definition: &AlarmDefinition, side: Side, at: Timestamp) -> Value {
    let stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
    let arn: Vec<&str> = definition.arn.iter().map(String::as_str).collect();
    let part = |place: usize| {
        let parts = definition.arn.as_deref().map(|arn| arn.split(':').collect::<Vec<_>>());
        parts.and_then(|parts| parts.get(place).map(|part| (*part).to_owned()))
    };
    json!({
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": part(4),
        "region": part(3),
        "resources": arn,
        "detail": {
            "alarmName": definition.name,
            "configuration": configuration(definition),
            "state": {
                "value": "ALARM",
                "reason": reason(definition, side, at),
                "timestamp": stamp,
            },
        },
    })
}

/// What the alarm's events call its `configuration`, as far as anybody reads it.
pub fn configuration(definition: &AlarmDefinition) -> Value {
    let metrics: Vec<Value> = definition.metrics.iter().map(metric).collect();
    let mut configuration = json!({"metrics": metrics});
    if definition.by_the_clock
        && let Some(members) = configuration.as_object_mut()
    {
        members.insert("evaluationWindow".to_owned(), json!({"wallClockWindow": {}}));
    }
    configuration
}

fn metric(watched: &WatchedMetric) -> Value {
    let mut metric = match watched {
        WatchedMetric::Metric { namespace, name, stat, period, dimensions, .. } => json!({
            "metricStat": {
                "metric": {"namespace": namespace, "name": name, "dimensions": dimensions},
                "period": period,
                "stat": stat,
            },
        }),
        WatchedMetric::Expression { text, period: Some(period), .. } => {
            json!({"expression": text, "period": period})
        }
        WatchedMetric::Expression { text, period: None, .. } => json!({"expression": text}),
    };
    let (WatchedMetric::Metric { account, .. } | WatchedMetric::Expression { account, .. }) =
        watched;
    if let (Some(account), Some(members)) = (account, metric.as_object_mut()) {
        members.insert("accountId".to_owned(), json!(account));
    }
    metric
}

/// Why it would ring, in `CloudWatch`'s words, with a datapoint just beyond its threshold.
fn reason(definition: &AlarmDefinition, side: Side, at: Timestamp) -> String {
    let when = at.strftime("%d/%m/%y %H:%M:00");
    let or_equal = if definition.comparison.contains("OrEqual") { "or equal to " } else { "" };
    match (definition.threshold, side) {
        (Some(threshold), Side::Above) => {
            let value = if or_equal.is_empty() { threshold + 1.0 } else { threshold };
            format!(
                "Threshold Crossed: 1 out of the last 1 datapoints [{value:?} ({when})] was \
                 greater than {or_equal}the threshold ({threshold:?})."
            )
        }
        (Some(threshold), Side::Below) => {
            let value = if or_equal.is_empty() { threshold - 1.0 } else { threshold };
            format!(
                "Threshold Crossed: 1 out of the last 1 datapoints [{value:?} ({when})] was less \
                 than {or_equal}the threshold ({threshold:?})."
            )
        }
        // Any edges do: that there is a band is all that is read of them.
        (None, Side::Above) => format!(
            "Thresholds Crossed: 1 out of the last 1 datapoints [99.0 ({when})] was greater than \
             the upper thresholds [98.0]."
        ),
        (None, Side::Below) => format!(
            "Thresholds Crossed: 1 out of the last 1 datapoints [1.0 ({when})] was less than the \
             lower thresholds [2.0]."
        ),
    }
}
