//! An alarm as its owner defined it, in each of the shapes in which it then arrives. The
//! shapes are those of `events/`, which names their sources.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use world::fleet::ACCOUNT;

use crate::Input;

/// A time as alarms write it.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// The name of the comparison in the words of a reason.
fn comparison(operator: &str) -> &'static str {
    match operator {
        "GreaterThanThreshold" => "greater than",
        "GreaterThanOrEqualToThreshold" => "greater than or equal to",
        "LessThanThreshold" => "less than",
        "LessThanOrEqualToThreshold" => "less than or equal to",
        other => panic!("no words for {other}"),
    }
}

/// Why the alarm's state changed at `now`, in `CloudWatch`'s words.
fn reason(input: &Input, now: Timestamp) -> String {
    let alarm = &input.alarm;
    let (periods, values) = (input.shows.len(), input.measured());
    if values.is_empty() {
        return format!(
            "Threshold Crossed: no datapoints were received for {periods} periods and {periods} \
             missing datapoints were treated as [Breaching]."
        );
    }
    let newest_first = (1..).zip(values.iter().rev());
    let list: Vec<String> = newest_first
        .map(|(minutes, value)| {
            let at = now - SignedDuration::from_mins(minutes);
            format!("{value:?} ({})", at.strftime("%d/%m/%y %H:%M:00"))
        })
        .collect();
    let (list, were) = (list.join(", "), if values.len() == 1 { "was" } else { "were" });
    let begins = format!("{} out of the last {periods} datapoints [{list}] {were}", values.len());
    if let Some([low, high]) = input.band {
        return format!(
            "Thresholds Crossed: {begins} less than the lower thresholds [{low:?}] or {were} \
             greater than the upper thresholds [{high:?}] (minimum 1 datapoint for OK -> ALARM \
             transition)."
        );
    }
    let operator = comparison(alarm["ComparisonOperator"].as_str().unwrap());
    let threshold = alarm["Threshold"].as_f64().unwrap();
    format!(
        "Threshold Crossed: {begins} {operator} the threshold ({threshold:?}) (minimum {} \
         datapoints for OK -> ALARM transition).",
        alarm["DatapointsToAlarm"]
    )
}

/// What `EventBridge` and the Lambda action add to the reason for programs.
fn reason_data(input: &Input, now: Timestamp) -> String {
    let shows = input.measured();
    let mut data = json!({
        "version": "1.0",
        "queryDate": stamp(now),
        "startDate": stamp(now - SignedDuration::from_mins(5)),
        "recentDatapoints": shows,
    });
    match input.band {
        Some([low, high]) => {
            data["recentLowerThresholds"] = json!(vec![low; shows.len()]);
            data["recentUpperThresholds"] = json!(vec![high; shows.len()]);
        }
        None => data["threshold"] = input.alarm["Threshold"].clone(),
    }
    data.to_string()
}

/// `dimensions` as an object, as `EventBridge` writes them.
fn named(dimensions: &Value) -> Value {
    let of = |dimension: &Value| {
        (dimension["Name"].as_str().unwrap().to_owned(), dimension["Value"].clone())
    };
    Value::Object(dimensions.as_array().unwrap().iter().map(of).collect::<Map<_, _>>())
}

/// `dimensions` with their keys in small letters, as SNS writes them.
fn listed(dimensions: &Value) -> Value {
    let of = |dimension: &Value| json!({"name": dimension["Name"], "value": dimension["Value"]});
    dimensions.as_array().unwrap().iter().map(of).collect()
}

/// The metrics of a definition, each as a query of its own.
fn queries(alarm: &Value) -> Vec<Value> {
    if let Some(queries) = alarm["Metrics"].as_array() {
        return queries.clone();
    }
    let stat = if alarm["Statistic"].is_null() { "ExtendedStatistic" } else { "Statistic" };
    vec![json!({
        "Id": "5d38a31c-1547-53e7-9b00-b1bfaca7e964",
        "MetricStat": {
            "Metric": {
                "Namespace": alarm["Namespace"],
                "MetricName": alarm["MetricName"],
                "Dimensions": alarm["Dimensions"],
            },
            "Period": alarm["Period"],
            "Stat": alarm[stat],
        },
        "ReturnData": true,
    })]
}

/// A query as `EventBridge` writes it.
fn small(query: &Value) -> Value {
    let mut small = json!({"id": query["Id"], "returnData": query["ReturnData"]});
    if !query["AccountId"].is_null() {
        small["accountId"] = query["AccountId"].clone();
    }
    if query["Expression"].is_string() {
        small["expression"] = query["Expression"].clone();
        small["period"] = query["Period"].clone();
        return small;
    }
    let (stat, metric) = (&query["MetricStat"], &query["MetricStat"]["Metric"]);
    small["metricStat"] = json!({
        "metric": {
            "namespace": metric["Namespace"],
            "name": metric["MetricName"],
            "dimensions": named(&metric["Dimensions"]),
        },
        "period": stat["Period"],
        "stat": stat["Stat"],
    });
    small
}

/// What `EventBridge` calls `detail`, and the Lambda action `alarmData`.
fn detail(input: &Input, now: Timestamp) -> Value {
    let metrics: Vec<Value> = queries(&input.alarm).iter().map(small).collect();
    json!({
        "alarmName": input.name(),
        "configuration": {"description": input.what, "metrics": metrics},
        "previousState": {
            "value": "OK",
            "reason": "Threshold Crossed",
            "timestamp": stamp(now - SignedDuration::from_hours(3)),
        },
        "state": {
            "value": "ALARM",
            "reason": reason(input, now),
            "reasonData": reason_data(input, now),
            "timestamp": stamp(now),
        },
    })
}

/// The event that a rule of `EventBridge` gets.
pub(crate) fn event(input: &Input, now: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": "2b2b6a0b-2d3f-4a4b-8a67-2f1f7a0c4a55",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": input.region(),
        "resources": [input.arn()],
        "detail": detail(input, now),
    })
}

/// The alarm's own Lambda action.
pub(crate) fn action(input: &Input, now: Timestamp) -> Value {
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": input.arn(),
        "accountId": ACCOUNT,
        "time": stamp(now),
        "region": input.region(),
        "alarmData": detail(input, now),
    })
}

/// The alarm's own notification.
fn notification(input: &Input, now: Timestamp) -> Value {
    let alarm = &input.alarm;
    let mut trigger = alarm.clone();
    let keys = trigger.as_object_mut().unwrap();
    for key in ["AlarmName", "AlarmActions"] {
        keys.remove(key);
    }
    if let Some(queries) = alarm["Metrics"].as_array() {
        let mut queries = queries.clone();
        for query in queries.iter_mut().filter(|query| query["MetricStat"].is_object()) {
            let dimensions = listed(&query["MetricStat"]["Metric"]["Dimensions"]);
            query["MetricStat"]["Metric"]["Dimensions"] = dimensions;
        }
        trigger["Metrics"] = json!(queries);
    } else {
        trigger["Dimensions"] = listed(&alarm["Dimensions"]);
        if let Some(statistic) = alarm["Statistic"].as_str() {
            trigger["Statistic"] = json!(statistic.to_uppercase());
        }
    }
    json!({
        "AlarmName": input.name(),
        "AlarmDescription": null,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "NewStateReason": reason(input, now),
        "StateChangeTime": stamp(now),
        "Region": "EU (Frankfurt)",
        "AlarmArn": input.arn(),
        "OldStateValue": "OK",
        "OKActions": [],
        "AlarmActions": alarm.get("AlarmActions").cloned().unwrap_or_else(|| json!([])),
        "InsufficientDataActions": [],
        "Trigger": trigger,
    })
}

fn records(source: &str, key: &str, value: &Value) -> Value {
    let mut record = json!({});
    record[source] = json!(if key == "body" { "aws:sqs" } else { "aws:sns" });
    record[key] = value.clone();
    json!({"Records": [record]})
}

/// The notification as a topic hands it to a function.
pub(crate) fn sns(input: &Input, now: Timestamp) -> Value {
    let message = notification(input, now).to_string();
    records("EventSource", "Sns", &json!({"Type": "Notification", "Message": message}))
}

/// The notification in a queue that a topic writes to.
pub(crate) fn sqs_of_sns(input: &Input, now: Timestamp) -> Value {
    let message = notification(input, now).to_string();
    let envelope = json!({"Type": "Notification", "Message": message});
    records("eventSource", "body", &json!(envelope.to_string()))
}

/// The event that a rule sent to a topic, in a queue that the topic writes to.
pub(crate) fn sqs_of_event(input: &Input, now: Timestamp) -> Value {
    let message = event(input, now).to_string();
    let envelope = json!({"Type": "Notification", "Message": message});
    records("eventSource", "body", &json!(envelope.to_string()))
}
