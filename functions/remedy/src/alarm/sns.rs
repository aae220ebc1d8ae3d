//! An alarm's notification inside an SNS record.
//!
//! Lambda developer guide, "Using Lambda with Amazon SNS", for `Records[].Sns`,
//! whose `Message` is a text. That text's form for alarms is shown in no AWS
//! guide in full; it is read as `CloudWatch` sends it: keys in Pascal case,
//! dimensions as a list of `{"name", "value"}`, math in `Trigger.Metrics`, and
//! for a contributor `AlarmContributorAttributes` (`CloudWatch` user guide, "Alarm
//! actions"). `Region` is a name for people ("EU (Milan)"): the code is in the
//! ARN.

use serde_json::Value;

use super::comparison::Operator;
use super::direction::Told;
use super::field::{Field, quoted};
use super::metric::Dimension;
use super::state_change::period;
use super::transition::{Transition, Watched, state};
use super::{Alarm, Envelope, NoAlarm, NotOurs, Received, Symptom, Unreadable};

/// Whether `event` holds records, as SNS and several other services send them.
pub(super) fn recognises(event: &Field<'_>) -> bool {
    event.get("Records").is_some()
}

/// Reads every record. One that cannot be read makes the whole event unreadable,
/// so that nothing is acted on by halves.
pub(super) fn read(event: &Field<'_>, symptom: Symptom) -> Result<Received, Unreadable> {
    let records = event.need("Records", "a list")?;
    let list = records.list()?;
    if list.is_empty() {
        return Err(records.unlike("at least one record"));
    }
    let mut received = Received::default();
    for record in &list {
        received.take(record_alarms(record, symptom))?;
    }
    Ok(received)
}

fn record_alarms(record: &Field<'_>, symptom: Symptom) -> Result<Vec<Alarm>, NoAlarm> {
    // SNS writes `EventSource`, other services `eventSource`.
    let source = record.text_of("EventSource")?;
    match source.or(record.text_of("eventSource")?) {
        Some("aws:sns") => {}
        Some(source) => {
            let source = quoted(source);
            return Err(NotOurs::ForeignRecord { source }.into());
        }
        None if record.get("Sns").is_none() => return Err(record.unlike("an SNS record").into()),
        None => {}
    }
    let field = record.object("Sns")?.need("Message", "a text")?;
    let text = field.text()?;
    let message: Value = match serde_json::from_str(text) {
        Ok(message) => message,
        // People and other services publish prose to the same topic.
        Err(_) if !text.trim_start().starts_with('{') => return Err(NotOurs::NotAnAlarm.into()),
        Err(error) => {
            let found = format!("{error}, in {text}");
            return Err(Unreadable::new(field.path(), "JSON", &found).into());
        }
    };
    let message = Field::at(field.path(), &message);
    if message.get("AlarmName").is_none() && message.get("NewStateValue").is_none() {
        return Err(NotOurs::NotAnAlarm.into());
    }
    transition(&message)?.alarms(symptom)
}

fn transition<'a>(message: &Field<'a>) -> Result<Transition<'a>, NoAlarm> {
    let name = message.needed_text("AlarmName")?;
    let value = state(&message.need("NewStateValue", "ALARM, OK or INSUFFICIENT_DATA")?)?;
    if message.get("AlarmRule").is_some() {
        return Err(NotOurs::Composite.into());
    }
    if message.get("Trigger").is_none() {
        return Err(NotOurs::NoMetric.into());
    }
    let trigger = message.object("Trigger")?;
    let arn = message.text_of("AlarmArn")?;
    let labels = message.get("AlarmContributorAttributes");
    let labels = labels.map(|field| Dimension::of_object(&field));
    Ok(Transition {
        envelope: Envelope::Sns,
        name,
        arn,
        account: message.text_of("AWSAccountId")?,
        region: arn.and_then(|arn| arn.split(':').nth(3)),
        changed_at: message.needed_time("StateChangeTime")?,
        told: Told {
            state: value,
            reason: message.text_of("NewStateReason")?.unwrap_or_default(),
            data: None,
            operator: trigger.text_of("ComparisonOperator")?.and_then(Operator::named),
            threshold: trigger.get("Threshold").and_then(|field| field.value().as_f64()),
        },
        watched: watched(&trigger)?,
        contributor: labels.transpose()?,
        muted: None,
        suppressed_by: None,
    })
}

/// `Trigger` is one metric, or carries a list of metrics and expressions.
fn watched<'a>(trigger: &Field<'a>) -> Result<Vec<Watched<'a>>, Unreadable> {
    let Some(metrics) = trigger.get("Metrics") else {
        let Some(_) = trigger.get("MetricName") else {
            return Ok(Vec::new());
        };
        let stat = trigger.text_of("Statistic")?;
        let extended = trigger.text_of("ExtendedStatistic")?;
        return Ok(vec![metric(trigger, stat.or(extended), period(trigger, "Period"))?]);
    };
    let item = |item: Field<'a>| {
        if let Some(expression) = item.text_of("Expression")? {
            return Ok(Watched::Expression { text: expression, period: period(&item, "Period") });
        }
        let stat = item.need("MetricStat", "a MetricStat or an Expression")?;
        metric(&stat.object("Metric")?, stat.text_of("Stat")?, period(&stat, "Period"))
    };
    metrics.list()?.into_iter().map(item).collect()
}

fn metric<'a>(
    field: &Field<'a>,
    stat: Option<&'a str>,
    period: Option<u32>,
) -> Result<Watched<'a>, Unreadable> {
    let dimensions = field.get("Dimensions");
    let dimensions = dimensions.map(|field| Dimension::of_list(&field));
    Ok(Watched::Metric {
        namespace: field.needed_text("Namespace")?,
        name: field.needed_text("MetricName")?,
        stat,
        period,
        dimensions: dimensions.transpose()?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
                "Dimensions": [{"name": "InstanceId", "value": "i-0123abcd"}]},
                "Period": 60, "Stat": "Average"}, "ReturnData": false},
            {"Id": "m2", "MetricStat": {"Metric": {"Namespace": "CWAgent",
                "MetricName": "disk_free",
                "Dimensions": [{"name": "InstanceId", "value": "i-0123abce"}]},
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
                "i-0123abcd of 2 3.5, i-0123abce of 2 3.5",
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
            (
                with(&message(), "/Trigger/Dimensions", bad_id),
                "Records[0].Sns.Message.Trigger.Dimensions[0].value: expected an instance id (i- \
                 and 8 or 17 hexadecimal digits), found \"web\"",
            ),
            (
                with(&message(), "/Trigger/Dimensions", json!({})),
                "Records[0].Sns.Message.Trigger.Dimensions: expected a list, found {}",
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
    fn records_stand_or_fall_together() {
        let good = record(&message());
        let prose = json!({"EventSource": "aws:sns", "Sns": {"Message": "hello"}});
        let cut = json!({"EventSource": "aws:sns", "Sns": {"Message": "{\"AlarmName\": "}});
        for (records, expected) in [
            (json!([good, prose]), "i-0123abcd /var 3.5, not-an-alarm"),
            (json!([{"eventSource": "aws:s3", "s3": {}}]), "foreign-record"),
            (json!([good, cut]), "Records[1].Sns.Message: expected JSON, found "),
            (json!([good, {}]), "Records[1]: expected an SNS record, found {}"),
            (json!([good, 5]), "Records[1]: expected an SNS record, found 5"),
            (json!([{"EventSource": "aws:sns"}]), "Records[0].Sns: expected an object, found noth"),
            (json!([good, {"Sns": {}}]), "Records[1].Sns.Message: expected a text, found nothing"),
            (json!([{"Sns": {"Message": {}}}]), "Records[0].Sns.Message: expected a text, found"),
            (json!([]), "Records: expected at least one record, found []"),
            (json!({}), "Records: expected a list, found {}"),
        ] {
            let told = told(Symptom::DiskFull, &json!({"Records": records}));
            assert!(told.starts_with(expected), "{records}: {told}");
        }
    }
}
