//! `EventBridge`: `CloudWatch Alarm State Change` and `CloudWatch Alarm
//! Contributor State Change`, source `aws.cloudwatch`.
//!
//! Documented in the `CloudWatch` user guide, "Alarm events and `EventBridge`"
//! (cloudwatch-and-eventbridge.html). A contributor is one series of an alarm
//! whose query groups by a label; its event has no `previousState` and no
//! `reasonData`, and the instance is in `alarmContributor.attributes`. A mute
//! rule (`muteDetail`) does not keep an event from being sent.

use super::direction::{Told, reason_data};
use super::field::{Field, quoted};
use super::metric::Dimension;
use super::transition::{Transition, Watched, state};
use super::{Alarm, Envelope, Muted, NoAlarm, NotOurs, Symptom, Unreadable};

/// The source of every event that `CloudWatch` sends.
pub(super) const SOURCE: &str = "aws.cloudwatch";

/// Whether `event` is in `EventBridge`'s envelope.
pub(super) fn recognises(event: &Field<'_>) -> bool {
    event.get("detail-type").is_some() || event.get("detail").is_some()
}

/// Reads an event of `EventBridge`.
pub(super) fn read(event: &Field<'_>, symptom: Symptom) -> Result<Vec<Alarm>, NoAlarm> {
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
    let mut transition = of_detail(&detail, envelope)?;
    let resources = event.get("resources").map(|field| field.list());
    let resources = resources.transpose()?.unwrap_or_default();
    transition.arn = resources.first().map(Field::text).transpose()?;
    transition.account = event.text_of("account")?;
    transition.region = event.text_of("region")?;
    transition.alarms(symptom)
}

/// Reads what `EventBridge` calls `detail` and the Lambda action `alarmData`.
pub(super) fn of_detail<'a>(
    detail: &Field<'a>,
    envelope: Envelope,
) -> Result<Transition<'a>, NoAlarm> {
    let name = detail.needed_text("alarmName")?;
    let now = detail.object("state")?;
    let value = state(&now.need("value", "ALARM, OK or INSUFFICIENT_DATA")?)?;
    let configuration = detail.object("configuration")?;
    if configuration.get("alarmRule").is_some() {
        return Err(NotOurs::Composite.into());
    }
    let Some(metrics) = configuration.get("metrics") else {
        return Err(NotOurs::NoMetric.into());
    };
    let contributor = detail.get("alarmContributor");
    let labels = |field: Field<'a>| Dimension::of_object(&field.object("attributes")?);
    Ok(Transition {
        envelope,
        name,
        arn: None,
        account: None,
        region: None,
        changed_at: now.needed_time("timestamp")?,
        told: Told {
            state: value,
            reason: now.text_of("reason")?.unwrap_or_default(),
            data: now.get("reasonData").map(|data| reason_data(&data)).transpose()?,
            operator: None,
            threshold: None,
        },
        watched: metrics.list()?.iter().map(watched).collect::<Result<_, _>>()?,
        contributor: contributor.map(labels).transpose()?,
        muted: detail.get("muteDetail").map(|mute| muted(&mute)),
        suppressed_by: now.get("actionsSuppressedBy").map(|by| open_text(&by)),
    })
}

/// A number of seconds, if there is one. Nothing hangs on it but how a metric is
/// read again.
pub(super) fn period(field: &Field<'_>, name: &str) -> Option<u32> {
    field.get(name).and_then(|field| field.value().as_u64()?.try_into().ok())
}

fn watched<'a>(item: &Field<'a>) -> Result<Watched<'a>, Unreadable> {
    if let Some(expression) = item.text_of("expression")? {
        return Ok(Watched::Expression { text: expression, period: period(item, "period") });
    }
    let stat = item.need("metricStat", "a metricStat or an expression")?;
    let metric = stat.object("metric")?;
    let dimensions = metric.get("dimensions");
    let dimensions = dimensions.map(|field| Dimension::of_object(&field));
    Ok(Watched::Metric {
        namespace: metric.needed_text("namespace")?,
        name: metric.needed_text("name")?,
        stat: stat.text_of("stat")?,
        period: period(&stat, "period"),
        dimensions: dimensions.transpose()?.unwrap_or_default(),
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
            (at("/detail/configuration", json!({"queryString": "fields @x"})), "no-metric"),
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
                "detail.state.reasonData: expected a JSON object, or one in a text, found \"{\"",
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
            (
                labelled(json!({"InstanceId": "web-1"})),
                "detail.alarmContributor.attributes.InstanceId: expected an instance id (i- and 8 \
                 or 17 hexadecimal digits), found \"web-1\"",
            ),
            (fleet.clone(), "detail.alarmContributor: expected an object, found nothing"),
            (
                with(&labelled(labels.clone()), metrics, json!([{"expression": counting}])),
                "i-0123abce /srv unclear: the alarm counts datapoints instead of weighing them",
            ),
            (
                with(
                    &labelled(labels),
                    metrics,
                    json!([{"expression": query}, {"expression": "100 - q1"}]),
                ),
                "i-0123abce /srv unclear: the alarm's expression may turn the direction round",
            ),
        ] {
            assert_eq!(told(Symptom::DiskFull, &event), expected, "{event}");
        }
    }
}
