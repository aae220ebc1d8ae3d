//! An alarm's notification, as `CloudWatch` publishes it to SNS.
//!
//! Its form is shown in no AWS guide in full; it is read as `CloudWatch` sends it:
//! keys in Pascal case, dimensions as a list of `{"name", "value"}`, math in
//! `Trigger.Metrics`, and for a contributor `AlarmContributorAttributes` (`CloudWatch`
//! user guide, "Alarm actions"). `Region` is a name for people ("EU (Milan)"): the code
//! is in the ARN.

use super::comparison::Operator;
use super::direction::Told;
use super::field::{Doubts, Field};
use super::metric::Dimension;
use super::state_change::{period, watched};
use super::tags::AlarmTags;
use super::transition::{Transition, Watched, state};
use super::{Envelope, NoAlarm, NotOurs, Received, Symptom, Unreadable};

/// Whether `message` is an alarm's notification.
pub(super) fn recognises(message: &Field<'_>) -> bool {
    message.get("AlarmName").is_some() || message.get("NewStateValue").is_some()
}

/// Reads an alarm's notification.
pub(super) fn read(message: &Field<'_>, symptom: Symptom) -> Result<Received, NoAlarm> {
    transition(message)?.alarms(symptom)
}

fn transition<'a>(message: &Field<'a>) -> Result<Transition<'a>, NoAlarm> {
    let name = message.needed_text("AlarmName")?;
    let value = state(&message.need("NewStateValue", "ALARM, OK or INSUFFICIENT_DATA")?)?;
    if message.get("AlarmRule").is_some() {
        return Err(NotOurs::Composite.into());
    }
    if message.get("Trigger").is_none() {
        return Err(no_metrics(message).into());
    }
    let trigger = message.object("Trigger")?;
    let mut doubts = Doubts::default();
    let arn = message.optional("AlarmArn", &mut doubts, Field::text);
    let labels = message.get("AlarmContributorAttributes");
    let labels = labels.map(|field| Dimension::read(&field, &mut doubts)).transpose()?;
    let operator = trigger.optional("ComparisonOperator", &mut doubts, Field::text);
    let banded = operator.is_some_and(Operator::is_of_band);
    let watched = all_watched(&trigger, &mut doubts)?;
    if watched.is_empty() {
        return Err(no_metrics(&trigger).into());
    }
    let window = trigger.get("EvaluationWindow");
    Ok(Transition {
        envelope: Envelope::Sns,
        name,
        arn,
        account: message.optional("AWSAccountId", &mut doubts, Field::text),
        region: arn.and_then(|arn| arn.split(':').nth(3)),
        changed_at: message.needed_time("StateChangeTime")?,
        told: Told {
            state: value,
            reason: message
                .optional("NewStateReason", &mut doubts, Field::text)
                .unwrap_or_default(),
            data: None,
            operator: operator.and_then(Operator::named),
            banded: banded || trigger.get("ThresholdMetricId").is_some(),
            threshold: trigger.optional("Threshold", &mut doubts, |field| {
                field.value().as_f64().ok_or_else(|| field.unlike("a number"))
            }),
        },
        watched,
        contributor: labels,
        muted: None,
        suppressed_by: None,
        by_the_clock: window.is_some_and(|window| window.get("WallClockWindow").is_some()),
        tags: AlarmTags::of(message),
        doubt: doubts.first(),
    })
}

/// What an alarm is that watches no metric (`PutLogAlarm` and `EvaluationCriteria` in
/// botocore's model of `cloudwatch`; no page shows their notifications).
fn no_metrics(field: &Field<'_>) -> NotOurs {
    let has = |names: &[&str]| names.iter().any(|name| field.get(name).is_some());
    if has(&["QueryString", "ScheduledQueryConfiguration", "AggregationExpression"]) {
        NotOurs::LogAlarm
    } else if has(&["EvaluationCriteria", "PromQLCriteria"]) {
        NotOurs::PromQl
    } else {
        NotOurs::NoMetric
    }
}

/// `Trigger` is one metric, or carries a list of metrics and expressions.
fn all_watched<'a>(
    trigger: &Field<'a>,
    doubts: &mut Doubts,
) -> Result<Vec<Watched<'a>>, Unreadable> {
    if let Some(metrics) = trigger.get("Metrics") {
        return watched(&metrics, doubts, item);
    }
    if trigger.get("MetricName").is_none() {
        return Ok(Vec::new());
    }
    let stat = trigger.optional("Statistic", doubts, Field::text);
    let stat = stat.or_else(|| trigger.optional("ExtendedStatistic", doubts, Field::text));
    let period = period(trigger, "Period", doubts);
    Ok(vec![metric(trigger, None, (stat, period), doubts)?])
}

fn item<'a>(item: &Field<'a>, doubts: &mut Doubts) -> Result<Watched<'a>, Unreadable> {
    let account = item.optional("AccountId", doubts, Field::text);
    if let Some(expression) = item.text_of("Expression")? {
        return Ok(Watched::Expression {
            account,
            text: expression,
            period: period(item, "Period", doubts),
        });
    }
    let stat = item.need("MetricStat", "a MetricStat or an Expression")?;
    let name = stat.optional("Stat", doubts, Field::text);
    let period = period(&stat, "Period", doubts);
    metric(&stat.object("Metric")?, account, (name, period), doubts)
}

fn metric<'a>(
    field: &Field<'a>,
    account: Option<&'a str>,
    (stat, period): (Option<&'a str>, Option<u32>),
    doubts: &mut Doubts,
) -> Result<Watched<'a>, Unreadable> {
    let dimensions = field.get("Dimensions");
    let dimensions = dimensions.map(|field| Dimension::read(&field, doubts)).transpose()?;
    Ok(Watched::Metric {
        account,
        namespace: field.needed_text("Namespace")?,
        name: field.needed_text("MetricName")?,
        stat,
        period,
        dimensions: dimensions.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::alarm::tests::{told, with, without};

    fn message() -> Value {
        json!({
            "AlarmName": "disk",
            "AlarmDescription": null,
            "AWSAccountId": "111122223333",
            "NewStateValue": "ALARM",
            "NewStateReason": "1 datapoint [3.5 (20/11/26 03:07:00)] was less than the threshold \
                               (10.0)",
            "StateChangeTime": "2026-11-20T03:12:45.989+0000",
            "Region": "EU (Milan)",
            "AlarmArn": "arn:aws:cloudwatch:eu-south-1:111122223333:alarm:disk",
            "OldStateValue": "OK",
            "Trigger": {
                "MetricName": "disk_free",
                "Namespace": "CWAgent",
                "StatisticType": "Statistic",
                "Statistic": "AVERAGE",
                "Unit": null,
                "Dimensions": [
                    {"value": "/var", "name": "path"},
                    {"value": "i-0123abcd", "name": "InstanceId"},
                ],
                "Period": 300,
                "ComparisonOperator": "LessThanThreshold",
                "Threshold": 10.0,
                "TreatMissingData": "missing",
            },
        })
    }

    fn record(message: &Value) -> Value {
        json!({"EventSource": "aws:sns", "Sns": {"Message": message.to_string()}})
    }

    #[test]
    fn a_notification_is_read_with_its_operator() {
        let math = json!([
            {"Id": "e1", "Expression": "MIN([m1, m2])", "ReturnData": true},
            {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "CWAgent",
                "MetricName": "disk_free",
                "Dimensions": [{"name": "InstanceId", "value": "i-0123abcd"},
                    {"name": "path", "value": "/srv"}]},
                "Period": 60, "Stat": "Average"}, "ReturnData": false},
            {"Id": "m2", "MetricStat": {"Metric": {"Namespace": "CWAgent",
                "MetricName": "disk_free",
                "Dimensions": [{"name": "InstanceId", "value": "i-0123abce"},
                    {"name": "path", "value": "/srv"}]},
                "Period": 60, "Stat": "Average"}, "ReturnData": false},
        ]);
        let query = json!([{"Id": "q1", "ReturnData": true,
            "Expression": "SELECT MIN(disk_free) FROM CWAgent GROUP BY InstanceId, path"}]);
        let fleet = with(&message(), "/Trigger/Metrics", query);
        let labels = json!({"InstanceId": "i-0123abce", "path": "/srv"});
        let above = json!("GreaterThanThreshold");
        let high = "1 datapoint [300.5 (20/11/26 03:07:00)] was greater than the threshold (10.0)";
        let bad_id = json!([{"name": "InstanceId", "value": "web"}]);
        for (message, expected) in [
            (message(), "i-0123abcd /var 3.5"),
            (
                with(&message(), "/Trigger/Metrics", math),
                "i-0123abcd of 2 /srv 3.5, i-0123abce of 2 /srv 3.5",
            ),
            (fleet.clone(), "fleet-alarm"),
            (with(&fleet, "/AlarmContributorAttributes", labels), "i-0123abce /srv 3.5"),
            (
                with(
                    &with(&message(), "/Trigger/ComparisonOperator", above),
                    "/NewStateReason",
                    json!(high),
                ),
                "harmless-direction",
            ),
            (without(&message(), "/AlarmArn"), "i-0123abcd /var 3.5"),
            (without(&message(), "/Trigger/Threshold"), "i-0123abcd /var 3.5"),
            (with(&message(), "/NewStateValue", json!("INSUFFICIENT_DATA")), "insufficient-data"),
            (with(&message(), "/AlarmRule", json!("ALARM(a)")), "composite-alarm"),
            (without(&message(), "/Trigger"), "no-metric"),
            (
                with(&message(), "/Trigger", json!("CPU")),
                "Records[0].Sns.Message.Trigger: expected an object, found \"CPU\"",
            ),
            (without(&message(), "/Trigger/MetricName"), "no-metric"),
            (without(&message(), "/Trigger/Dimensions"), "no-instance"),
            (json!({"AutoScalingGroupName": "web"}), "not-an-alarm"),
            (json!("x"), "not-an-alarm"),
            (with(&message(), "/Trigger/Dimensions", bad_id), "not-an-instance"),
            (
                with(&message(), "/Trigger/Dimensions", json!("x")),
                "Records[0].Sns.Message.Trigger.Dimensions: expected an object, found \"x\"",
            ),
            (
                without(&message(), "/StateChangeTime"),
                "Records[0].Sns.Message.StateChangeTime: expected a time such as \
                 2026-11-20T03:14:00.000+0000, found nothing",
            ),
        ] {
            let event = json!({"Records": [record(&message)]});
            assert_eq!(told(Symptom::DiskFull, &event), expected, "{message}");
        }
    }

    #[test]
    fn what_an_alarm_need_not_say_makes_it_unclear_if_it_cannot_be_read() {
        for at in [
            "/AlarmArn",
            "/AWSAccountId",
            "/NewStateReason",
            "/Trigger/ComparisonOperator",
            "/Trigger/Threshold",
            "/Trigger/Statistic",
            "/Trigger/Period",
            "/Trigger/Dimensions/0",
        ] {
            let event = json!({"Records": [record(&with(&message(), at, json!([])))]});
            let told = told(Symptom::DiskFull, &event);
            let at = at.replace("/0", "[0]").replace('/', ".");
            let expected = format!("cannot be read: Records[0].Sns.Message{at}");
            assert!(told.starts_with("i-0123abcd"), "{told}");
            assert!(told.contains("unclear: ") && told.contains(&expected), "{told}");
        }
    }

    #[test]
    fn an_alarm_on_no_metric_is_named_for_what_it_is() {
        for (trigger, expected) in [
            (json!({"ScheduledQueryConfiguration": {"QueryString": "fields @x"}}), "log-alarm"),
            (json!({"EvaluationCriteria": {"PromQLCriteria": {}}}), "promql-alarm"),
            (json!({}), "no-metric"),
        ] {
            let event = json!({"Records": [record(&with(&message(), "/Trigger", trigger))]});
            assert_eq!(told(Symptom::DiskFull, &event), expected);
        }
    }
}
