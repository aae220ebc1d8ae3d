//! Tests of the room as a whole, and the line in which its tests tell what an
//! event was read as.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

pub(super) fn invocation(symptom: Symptom) -> Invocation {
    Invocation {
        symptom,
        request_id: "5b6d7f1a-6f0b-4a52-9d2c-0a1b2c3d4e5f".to_owned(),
        at: "2026-11-20T03:14:00Z".parse().unwrap(),
    }
}

/// What `event` is read as by the function for `symptom`: instances, with their
/// mount and evidence, or the reason's code, or the error.
pub(super) fn told(symptom: Symptom, event: &Value) -> String {
    match read(&event.to_string(), &invocation(symptom)) {
        Err(error) => error.to_string(),
        Ok(received) => {
            let alarms = received.alarms.iter().map(alarm);
            let ignored = received.ignored.iter().map(|reason| reason.code().to_owned());
            alarms.chain(ignored).collect::<Vec<_>>().join(", ")
        }
    }
}

fn alarm(alarm: &Alarm) -> String {
    let evidence = match &alarm.evidence {
        Evidence::Measured { value, .. } => value.map_or("?".to_owned(), |v| v.to_string()),
        Evidence::Nothing { .. } => "nothing".to_owned(),
        Evidence::Unclear { why } => format!("unclear: {why}"),
        Evidence::Asked => "asked".to_owned(),
    };
    let mount = alarm.mount.as_ref().map(|mount| format!(" {mount}"));
    let of = if alarm.watched > 1 { format!(" of {}", alarm.watched) } else { String::new() };
    let muted = if alarm.muted.is_some() { " muted" } else { "" };
    let suppressed = if alarm.suppressed_by.is_some() { " suppressed" } else { "" };
    let observe = if alarm.observe { " observe" } else { "" };
    let state = if alarm.state == AlarmState::Ok { " ok" } else { "" };
    let id = &alarm.instance_id;
    let mount = mount.unwrap_or_default();
    format!("{id}{of}{mount}{state} {evidence}{muted}{suppressed}{observe}")
}

/// `base` with the value at the JSON pointer `at` replaced, or put there.
pub(super) fn with(base: &Value, at: &str, value: Value) -> Value {
    let mut event = base.clone();
    let (parent, key) = at.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        object => object[key] = value,
    }
    event
}

/// `base` without the member at the JSON pointer `at`.
pub(super) fn without(base: &Value, at: &str) -> Value {
    let mut event = base.clone();
    let (parent, key) = at.rsplit_once('/').unwrap();
    let object = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(object.remove(key).is_some(), "{at}");
    event
}

fn error(event: &str) -> String {
    read(event, &invocation(Symptom::HighCpu)).unwrap_err().to_string()
}

#[test]
fn what_is_no_event_is_an_error_that_says_what_was_expected() {
    for event in ["{}", "[]", "null", "5", "\"text\"", "[{}]", "{\"AlarmName\": \"x\"}"] {
        let error = error(event);
        let expected = "event: expected an alarm event (EventBridge, a Lambda action or SNS) or a \
                        request with instance_id, found ";
        assert!(error.starts_with(expected), "{event}: {error}");
    }
    for event in ["", " ", "not json", "{", "{\"detail\": ", "\u{0}", "{'a': 1}"] {
        let error = error(event);
        assert!(error.starts_with("event: expected JSON, found "), "{event}: {error}");
    }
}

#[test]
fn huge_and_deep_input_is_an_error_of_ordinary_length() {
    let rubbish: String = ('a'..='z').cycle().take(200_000).collect();
    let deep = "[".repeat(10_000);
    let deep_and_closed = format!("{deep}{}", "]".repeat(10_000));
    let deep_inside = format!("{{\"detail\": {deep_and_closed}}}");
    let object = format!("{{\"{rubbish}\": \"{rubbish}\"}}");
    let request = format!("{{\"instance_id\": \"{rubbish}\"}}");
    let misspelt = format!("{{\"instance_id\": \"i-0123abcd\", \"{rubbish}\": 1}}");
    let quoted = format!("\"{rubbish}\"");
    for event in
        [&rubbish, &deep, &deep_and_closed, &deep_inside, &object, &request, &misspelt, &quoted]
    {
        assert!(error(event).len() < 500, "{}", error(event));
    }
}

#[test]
fn an_event_names_a_bounded_number_of_instances() {
    let record = |i: usize| {
        let message = json!({
            "AlarmName": "a",
            "NewStateValue": "ALARM",
            "NewStateReason": "1 datapoint [95.0 (20/11/26 03:07:00)] was greater",
            "StateChangeTime": "2026-11-20T03:12:45.989+0000",
            "Trigger": {
                "MetricName": "CPUUtilization",
                "Namespace": "AWS/EC2",
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 90.0,
                "Dimensions": [{"name": "InstanceId", "value": format!("i-{i:08x}")}],
            },
        });
        json!({"Sns": {"Message": message.to_string()}})
    };
    let event = |count| json!({"Records": (0..count).map(record).collect::<Vec<_>>()}).to_string();
    let read = |count| read(&event(count), &invocation(Symptom::HighCpu));
    assert_eq!(read(INSTANCES_PER_EVENT_MAX).unwrap().alarms.len(), INSTANCES_PER_EVENT_MAX);
    assert_eq!(
        read(INSTANCES_PER_EVENT_MAX + 1).unwrap_err().to_string(),
        "event: expected at most 100 instances, found 101 instances"
    );
}

#[test]
fn every_reason_has_a_code_of_its_own_and_a_plain_text() {
    let text = || "x\ny".to_owned();
    let reasons = [
        NotOurs::ForeignEvent { source: text(), kind: text() },
        NotOurs::ForeignRecord { source: text() },
        NotOurs::NotAnAlarm,
        NotOurs::ConfigurationChange,
        NotOurs::InsufficientData,
        NotOurs::Composite,
        NotOurs::NoMetric,
        NotOurs::OtherMetric { metric: text() },
        NotOurs::OtherSymptom { symptom: Symptom::DiskFull },
        NotOurs::HarmlessDirection { metric: text() },
        NotOurs::Fleet,
        NotOurs::GroupOnly { group: text() },
        NotOurs::NoInstance,
        NotOurs::UnlabelledContributor,
    ];
    let codes: BTreeSet<&str> = reasons.iter().map(NotOurs::code).collect();
    assert_eq!(codes.len(), reasons.len());
    for reason in &reasons {
        let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(reason.code().chars().all(kebab), "{reason:?}");
        let text = reason.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
    }
}

#[test]
fn every_delivery_of_one_transition_is_one_occasion_to_act() {
    let reason = "1 datapoint [95.0 (20/11/26 03:07:00)] was greater than the threshold (90.0)";
    let arn = "arn:aws:cloudwatch:eu-south-1:111122223333:alarm:busy";
    let time = "2026-11-20T03:12:45.989+0000";
    let data = json!({
        "alarmName": "busy",
        "state": {"value": "ALARM", "reason": reason, "timestamp": time},
        "configuration": {"metrics": [{"metricStat": {"metric": {
            "namespace": "AWS/EC2",
            "name": "CPUUtilization",
            "dimensions": {"InstanceId": "i-0123456789abcdef0"},
        }}}]},
    });
    let message = json!({
        "AlarmName": "busy",
        "AlarmArn": arn,
        "NewStateValue": "ALARM",
        "NewStateReason": reason,
        "StateChangeTime": time,
        "Region": "EU (Milan)",
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "Dimensions": [{"name": "InstanceId", "value": "i-0123456789abcdef0"}],
        },
    });
    let events = [
        json!({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
               "region": "eu-south-1", "resources": [arn], "detail": data}),
        json!({"source": "aws.cloudwatch", "alarmArn": arn, "region": "eu-south-1",
               "alarmData": data}),
        json!({"Records": [{"Sns": {"Message": message.to_string()}}]}),
    ];
    let alarms: Vec<Alarm> = events
        .iter()
        .flat_map(|event| {
            let received = read(&event.to_string(), &invocation(Symptom::HighCpu));
            received.unwrap().alarms
        })
        .collect();
    assert_eq!(alarms.len(), 3);
    for alarm in &alarms {
        assert_eq!(alarm.transition_id(), alarms[0].transition_id(), "{:?}", alarm.envelope);
        assert_eq!(alarm.region.as_deref(), Some("eu-south-1"), "{:?}", alarm.envelope);
    }
}
