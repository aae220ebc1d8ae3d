//! `EventBridge`: `CloudWatch Alarm State Change` and `CloudWatch Alarm
//! Contributor State Change`, source `aws.cloudwatch`.
//!
//! Documented in the `CloudWatch` user guide, "Alarm events and `EventBridge`"
//! (cloudwatch-and-eventbridge.html). A contributor is one series of an alarm
//! whose query groups by a label; its event has no `previousState` and no
//! `reasonData`, and the instance is in `alarmContributor.attributes`. A mute
//! rule (`muteDetail`) does not keep an event from being sent.

use super::direction::{Told, reason_data};
use super::field::{Doubts, Field, quoted};
use super::metric::Dimension;
use super::tags::AlarmTags;
use super::transition::{Transition, Watched, state};
use super::{Envelope, Muted, NoAlarm, NotOurs, Received, Symptom, Unreadable};

/// The source of every event that `CloudWatch` sends.
pub(super) const SOURCE: &str = "aws.cloudwatch";

/// Whether `event` is in `EventBridge`'s envelope.
pub(super) fn recognises(event: &Field<'_>) -> bool {
    event.get("detail-type").is_some() || event.get("detail").is_some()
}

/// Reads an event of `EventBridge`.
pub(super) fn read(event: &Field<'_>, symptom: Symptom) -> Result<Received, NoAlarm> {
    let source = event.needed_text("source")?;
    let kind = event.needed_text("detail-type")?;
    let envelope = match (source, kind) {
        (SOURCE, "CloudWatch Alarm State Change") => Envelope::StateChange,
        (SOURCE, "CloudWatch Alarm Contributor State Change") => Envelope::ContributorStateChange,
        (SOURCE, "CloudWatch Alarm Configuration Change") => {
            return Err(NotOurs::ConfigurationChange.into());
        }
        _ => {
            return Err(NotOurs::ForeignEvent { source: quoted(source), kind: quoted(kind) }.into());
        }
    };
    let detail = event.object("detail")?;
    if envelope == Envelope::ContributorStateChange {
        detail.object("alarmContributor")?;
    }
    let mut doubts = Doubts::default();
    let arn = event.optional("resources", &mut doubts, |resources| {
        resources.list()?.first().map(Field::text).transpose()
    });
    let account = event.optional("account", &mut doubts, Field::text);
    let region = event.optional("region", &mut doubts, Field::text);
    let mut transition = of_detail(&detail, envelope, None, doubts)?;
    (transition.arn, transition.account, transition.region) = (arn.flatten(), account, region);
    transition.alarms(symptom)
}

/// Reads what `EventBridge` calls `detail` and the Lambda action `alarmData`, with the
/// contributor that may stand beside it.
pub(super) fn of_detail<'a>(
    detail: &Field<'a>,
    envelope: Envelope,
    contributor: Option<Field<'a>>,
    mut doubts: Doubts,
) -> Result<Transition<'a>, NoAlarm> {
    let name = detail.needed_text("alarmName")?;
    let now = detail.object("state")?;
    let value = state(&now.need("value", "ALARM, OK or INSUFFICIENT_DATA")?)?;
    let configuration = detail.object("configuration")?;
    if configuration.get("alarmRule").is_some() {
        return Err(NotOurs::Composite.into());
    }
    let Some(metrics) = configuration.get("metrics") else {
        return Err(no_metrics(&configuration).into());
    };
    let contributor = match contributor.or_else(|| detail.get("alarmContributor")) {
        Some(field) => Some(Dimension::read(&field.object("attributes")?, &mut doubts)?),
        None => None,
    };
    let window = configuration.get("evaluationWindow");
    Ok(Transition {
        envelope,
        name,
        arn: None,
        account: None,
        region: None,
        changed_at: now.needed_time("timestamp")?,
        told: Told {
            state: value,
            reason: now.optional("reason", &mut doubts, Field::text).unwrap_or_default(),
            data: now.optional("reasonData", &mut doubts, reason_data),
            operator: None,
            banded: false,
            threshold: None,
        },
        watched: watched(&metrics, &mut doubts, item)?,
        contributor,
        muted: detail.get("muteDetail").map(|mute| muted(&mute)),
        suppressed_by: now.get("actionsSuppressedBy").map(|by| open_text(&by)),
        by_the_clock: window.is_some_and(|window| window.get("wallClockWindow").is_some()),
        tags: AlarmTags::of(detail),
        doubt: doubts.first(),
    })
}

/// What an alarm is that watches no metric. A log alarm has a query (`CloudWatch` user
/// guide, "Invoke a Lambda function from an alarm"; `LogAlarm` in botocore's model), one
/// on `PromQL` has criteria (`EvaluationCriteria` there).
fn no_metrics(configuration: &Field<'_>) -> NotOurs {
    let has = |names: &[&str]| names.iter().any(|name| configuration.get(name).is_some());
    if has(&["queryString", "scheduledQueryConfiguration", "aggregationExpression"]) {
        NotOurs::LogAlarm
    } else if has(&["evaluationCriteria", "promQLCriteria"]) {
        NotOurs::PromQl
    } else {
        NotOurs::NoMetric
    }
}

/// A number of seconds, if there is one. Nothing hangs on it but how a metric is
/// read again.
pub(super) fn period(field: &Field<'_>, name: &str, doubts: &mut Doubts) -> Option<u32> {
    field.optional(name, doubts, |field| {
        let period = field.value().as_u64().and_then(|period| u32::try_from(period).ok());
        period.filter(|period| *period > 0).ok_or_else(|| field.unlike("a number of seconds"))
    })
}

/// Reads what an alarm watches, each with `item`. One that cannot be read is a doubt as
/// long as there are others, which may tell the instance.
pub(super) fn watched<'a>(
    list: &Field<'a>,
    doubts: &mut Doubts,
    item: impl Fn(&Field<'a>, &mut Doubts) -> Result<Watched<'a>, Unreadable>,
) -> Result<Vec<Watched<'a>>, Unreadable> {
    let (mut read, mut unread) = (Vec::new(), None);
    for field in list.list()? {
        match item(&field, doubts) {
            Ok(watched) => read.push(watched),
            Err(error) => {
                doubts.note(&error);
                unread.get_or_insert(error);
            }
        }
    }
    match unread {
        Some(error) if read.is_empty() => Err(error),
        _ => Ok(read),
    }
}

fn item<'a>(item: &Field<'a>, doubts: &mut Doubts) -> Result<Watched<'a>, Unreadable> {
    let account = item.optional("accountId", doubts, Field::text);
    if let Some(expression) = item.text_of("expression")? {
        return Ok(Watched::Expression {
            account,
            text: expression,
            period: period(item, "period", doubts),
        });
    }
    let stat = item.need("metricStat", "a metricStat or an expression")?;
    let metric = stat.object("metric")?;
    let dimensions = metric.get("dimensions");
    let dimensions = dimensions.map(|field| Dimension::read(&field, doubts)).transpose()?;
    Ok(Watched::Metric {
        account,
        namespace: metric.needed_text("namespace")?,
        name: metric.needed_text("name")?,
        stat: stat.optional("stat", doubts, Field::text),
        period: period(&stat, "period", doubts),
        dimensions: dimensions.unwrap_or_default(),
    })
}

/// Whatever the mute detail looks like, it is there: the alarm is muted.
fn muted(mute: &Field<'_>) -> Muted {
    Muted {
        by: mute.get("mutedByArn").map_or_else(|| open_text(mute), |by| open_text(&by)),
        until: mute.get("muteWindowEnd").map(|until| open_text(&until)),
    }
}

/// The text of `field`, or how it is written if it is no text. For values whose
/// presence says more than their form.
fn open_text(field: &Field<'_>) -> String {
    match field.text() {
        Ok(text) => text.to_owned(),
        Err(_) => quoted(&field.value().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::alarm::tests::{told, with, without};

    const REASON: &str = "1 datapoint [95.0 (20/11/26 03:07:00)] was greater than the threshold \
                          (90.0)";

    fn event() -> Value {
        json!({
            "version": "0",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": "123456789012",
            "region": "us-east-1",
            "resources": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"],
            "detail": {
                "alarmName": "a",
                "configuration": {"metrics": [{
                    "id": "m1",
                    "metricStat": {
                        "metric": {
                            "dimensions": {"InstanceId": "i-0123abcd", "path": "/"},
                            "name": "disk_used_percent",
                            "namespace": "CWAgent",
                        },
                        "period": 86400,
                        "stat": "Average",
                    },
                    "returnData": true,
                }]},
                "previousState": {"value": "OK"},
                "state": {
                    "value": "ALARM",
                    "reason": REASON,
                    "timestamp": "2026-11-20T03:12:45.989+0000",
                },
            },
        })
    }

    #[test]
    fn what_may_be_missing_may_be_missing() {
        for at in [
            "/version",
            "/account",
            "/region",
            "/resources",
            "/detail/previousState",
            "/detail/configuration/metrics/0/id",
            "/detail/configuration/metrics/0/returnData",
            "/detail/configuration/metrics/0/metricStat/period",
            "/detail/configuration/metrics/0/metricStat/stat",
        ] {
            assert_eq!(told(Symptom::DiskFull, &without(&event(), at)), "i-0123abcd / 95", "{at}");
            let null = with(&event(), at, Value::Null);
            assert_eq!(told(Symptom::DiskFull, &null), "i-0123abcd / 95", "{at}");
        }
    }

    #[test]
    fn what_must_be_there_is_named_when_it_is_not() {
        for (at, path) in [
            ("/source", "source"),
            ("/detail-type", "detail-type"),
            ("/detail", "detail"),
            ("/detail/alarmName", "detail.alarmName"),
            ("/detail/state", "detail.state"),
            ("/detail/state/value", "detail.state.value"),
            ("/detail/state/timestamp", "detail.state.timestamp"),
            ("/detail/configuration", "detail.configuration"),
            (
                "/detail/configuration/metrics/0/metricStat",
                "detail.configuration.metrics[0].metricStat",
            ),
            (
                "/detail/configuration/metrics/0/metricStat/metric/name",
                "detail.configuration.metrics[0].metricStat.metric.name",
            ),
        ] {
            let gone = told(Symptom::DiskFull, &without(&event(), at));
            assert!(gone.starts_with(&format!("{path}: expected ")), "{gone}");
            let wrong = told(Symptom::DiskFull, &with(&event(), at, json!(false)));
            assert!(wrong.starts_with(&format!("{path}: expected ")), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_for_us_is_told_with_its_reason() {
        let metric = "/detail/configuration/metrics/0/metricStat/metric";
        let dimensions = format!("{metric}/dimensions");
        let at = |pointer: &str, value| with(&event(), pointer, value);
        let connect = json!({"namespace": "AWS/Connect", "name": "CallsPerInterval",
                             "dimensions": {"InstanceId": "6d226bbc-07f0-9a31"}});
        for (event, expected) in [
            (at("/source", json!("my.app")), "foreign-event"),
            (at("/detail-type", json!("CloudWatch Alarm Deleted")), "foreign-event"),
            (
                at("/detail-type", json!("CloudWatch Alarm Configuration Change")),
                "configuration-change",
            ),
            (at("/detail/state/value", json!("INSUFFICIENT_DATA")), "insufficient-data"),
            (at("/detail/configuration", json!({"alarmRule": "ALARM(a)"})), "composite-alarm"),
            (at("/detail/configuration", json!({"queryString": "fields @x"})), "log-alarm"),
            (at("/detail/configuration", json!({"evaluationCriteria": {}})), "promql-alarm"),
            (at("/detail/configuration", json!({})), "no-metric"),
            (at(&dimensions, json!({"InstanceId": "web-1"})), "not-an-instance"),
            (at(&dimensions, json!({"InstanceId": ["i-0123abcd"]})), "not-an-instance"),
            (at("/detail/configuration/metrics", json!([])), "no-metric"),
            (at(&format!("{metric}/namespace"), json!("Custom")), "other-metric"),
            (at(metric, connect), "other-metric"),
            (at(&format!("{metric}/name"), json!("mem_used_percent")), "other-symptom"),
            (at(&format!("{metric}/name"), json!("disk_free")), "harmless-direction"),
            (at(&dimensions, json!({"AutoScalingGroupName": "web"})), "group-alarm"),
            (at(&dimensions, json!({"host": "ip-10-0-0-1"})), "no-instance"),
            (without(&event(), &dimensions), "no-instance"),
        ] {
            assert_eq!(told(Symptom::DiskFull, &event), expected, "{event}");
        }
    }

    #[test]
    fn the_state_carries_the_evidence_and_what_holds_actions_back() {
        let at = |pointer: &str, value| with(&event(), pointer, value);
        let data = json!({"recentDatapoints": [91.0, 97.0], "threshold": 90.0});
        let mute = json!({"mutedByArn": "arn:aws:cloudwatch:x", "muteWindowEnd": "later"});
        let ok = "1 datapoint [50.0 (20/11/26 03:07:00)] was not greater than the threshold (90.0)";
        for (event, expected) in [
            (at("/detail/state/reasonData", data.clone()), "i-0123abcd / 97"),
            (at("/detail/state/reasonData", json!(data.to_string())), "i-0123abcd / 97"),
            (
                at("/detail/state/reasonData", json!("{")),
                "i-0123abcd / unclear: a part of the event cannot be read: \
                 detail.state.reasonData: expected a JSON object, or one in a text, found \"{\"",
            ),
            (
                without(&event(), "/detail/state/reason"),
                "i-0123abcd / unclear: the event does not say in which direction it is",
            ),
            (
                with(&at("/detail/state/value", json!("OK")), "/detail/state/reason", json!(ok)),
                "i-0123abcd / ok 50",
            ),
            (
                at("/detail/state/value", json!("alarm")),
                "detail.state.value: expected ALARM, OK or INSUFFICIENT_DATA, found \"alarm\"",
            ),
            (at("/detail/muteDetail", mute), "i-0123abcd / 95 muted"),
            (at("/detail/muteDetail", json!({})), "i-0123abcd / 95 muted"),
            (at("/detail/muteDetail", json!(true)), "i-0123abcd / 95 muted"),
            (at("/detail/muteDetail", Value::Null), "i-0123abcd / 95"),
            (
                at("/detail/state/actionsSuppressedBy", json!("WaitPeriod")),
                "i-0123abcd / 95 suppressed",
            ),
            (at("/detail/state/actionsSuppressedBy", json!(7)), "i-0123abcd / 95 suppressed"),
        ] {
            assert_eq!(told(Symptom::DiskFull, &event), expected, "{event}");
        }
    }

    #[test]
    fn a_contributor_names_its_instance_by_label() {
        let query = "SELECT MAX(disk_used_percent) FROM SCHEMA(\"CWAgent\", InstanceId, path) \
                     GROUP BY InstanceId, path ORDER BY MAX() DESC";
        let kind = json!("CloudWatch Alarm Contributor State Change");
        let fleet = with(
            &with(&event(), "/detail-type", kind),
            "/detail/configuration/metrics",
            json!([{"id": "q1", "expression": query, "returnData": true, "period": 60}]),
        );
        let contributor = "/detail/alarmContributor";
        let labelled =
            |labels| with(&fleet, contributor, json!({"id": "6d", "attributes": labels}));
        let counting = query.replace("MAX(disk", "COUNT(disk");
        let labels = json!({"InstanceId": "i-0123abce", "path": "/srv"});
        let metrics = "/detail/configuration/metrics";
        for (event, expected) in [
            (labelled(labels.clone()), "i-0123abce /srv 95"),
            (labelled(json!({"InstanceId": "Other", "path": "/"})), "unlabelled-contributor"),
            (labelled(json!({"path": "/"})), "no-instance"),
            (labelled(json!({"AutoScalingGroupName": "web"})), "group-alarm"),
            (labelled(json!({"InstanceId": "web-1"})), "not-an-instance"),
            (fleet.clone(), "detail.alarmContributor: expected an object, found nothing"),
            (
                with(&labelled(labels.clone()), metrics, json!([{"expression": counting}])),
                "i-0123abce /srv unclear: the alarm counts datapoints instead of weighing them",
            ),
            (
                with(
                    &labelled(labels),
                    metrics,
                    json!([{"expression": query}, {"expression": "100 / q1"}]),
                ),
                "i-0123abce /srv unclear: the alarm's expression may turn the direction round",
            ),
        ] {
            assert_eq!(told(Symptom::DiskFull, &event), expected, "{event}");
        }
    }
}
