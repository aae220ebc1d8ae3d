//! Tests of the reader as a whole, and the line in which its tests tell what an
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
    let hint = alarm.hint.map(|hint| format!(" {hint:?}")).unwrap_or_default();
    let observe = if alarm.observe { " observe" } else { "" };
    let limit = alarm.limit.as_ref().map(|limit| format!(" at most {limit}")).unwrap_or_default();
    let state = if alarm.state == AlarmState::Ok { " ok" } else { "" };
    let id = &alarm.instance_id;
    let mount = mount.unwrap_or_default();
    format!("{id}{of}{mount}{state} {evidence}{hint}{muted}{suppressed}{observe}{limit}")
}

/// An event of `EventBridge`: a metric is above 90, at 95.
pub(super) fn state_change(namespace: &str, name: &str, dimensions: &Value) -> Value {
    let metric = json!({"namespace": namespace, "name": name, "dimensions": dimensions});
    let stat = json!({"metric": metric, "period": 60, "stat": "Average"});
    json!({
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {
            "alarmName": "a",
            "state": {
                "value": "ALARM",
                "reason": "1 datapoint [95.0 (20/11/26 03:07:00)] was greater than the threshold \
                           (90.0)",
                "timestamp": "2026-11-20T03:12:45.989+0000",
            },
            "configuration": {"metrics": [{"id": "m1", "metricStat": stat}]},
        },
    })
}

/// The same of a query, or of metric math.
pub(super) fn of_expression(text: &str) -> Value {
    let event = state_change("", "", &json!({}));
    with(&event, "/detail/configuration/metrics", json!([{"id": "q1", "expression": text}]))
}

/// The same of one of a query's contributors.
pub(super) fn of_contributor(text: &str, labels: &Value) -> Value {
    let kind = json!("CloudWatch Alarm Contributor State Change");
    let event = with(&of_expression(text), "/detail-type", kind);
    with(&event, "/detail/alarmContributor", json!({"id": "6d", "attributes": labels}))
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
        let expected = "event: expected an alarm event (EventBridge, a Lambda action, SNS or SQS) \
                        or a request with instance_id, found ";
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
        "event: expected at most 100 instances, found more"
    );
}

#[test]
fn an_event_costs_no_more_steps_than_its_size_and_its_limit_ends_it_at_once() {
    let metrics = |count: usize| {
        let metric = |i: usize| {
            let dimensions = json!({"InstanceId": format!("i-{i:08x}")});
            let metric = state_change("AWS/EC2", "CPUUtilization", &dimensions);
            metric["detail"]["configuration"]["metrics"][0].clone()
        };
        let metrics = (0..count).map(metric).collect();
        let event = state_change("", "", &json!({}));
        with(&event, "/detail/configuration/metrics", metrics).to_string()
    };
    let records = |count: usize| {
        let dimensions = json!({"InstanceId": "i-0123abcd"});
        let body = state_change("AWS/EC2", "CPUUtilization", &dimensions).to_string();
        let record = json!({"eventSource": "aws:sqs", "body": body});
        json!({"Records": vec![record; count]}).to_string()
    };
    let steps = |event: String, too_many: bool| {
        field::work::of(|| {
            let read = read(&event, &invocation(Symptom::HighCpu));
            assert_eq!(read.is_err(), too_many, "{:.200}", format!("{read:?}"));
        })
    };
    let one = steps(metrics(1), false);
    let hundred = steps(metrics(100), false);
    assert!(hundred < 100 * one, "{one} for one, {hundred} for a hundred");
    // What is beyond the limit is walked over once and then left alone.
    let thousands = steps(metrics(4_000), true);
    assert!(thousands < 4_000 * one, "{one} for one, {thousands} for 4,000");
    assert_eq!(steps(records(101), true), steps(records(4_000), true));
}

#[test]
fn a_file_system_that_is_no_disk_of_the_host_is_told_for_what_it_is() {
    let id = "i-0123abcd";
    for (dimensions, expected) in [
        (json!({"path": "/snap/x/1", "device": "loop0", "fstype": "squashfs"}), "cannot-fill-up"),
        (json!({"path": "/mnt/cd", "fstype": "iso9660"}), "cannot-fill-up"),
        (json!({"path": "/mnt/x", "device": "loop7"}), "cannot-fill-up"),
        (json!({"path": "/snap/core/1"}), "cannot-fill-up"),
        (json!({"path": "/dev/shm", "fstype": "tmpfs"}), "memory-file-system"),
        (json!({"path": "/run"}), "memory-file-system"),
        (json!({"path": "/mnt/efs", "fstype": "nfs4"}), "network-file-system"),
        (json!({"path": "/mnt/s3", "fstype": "fuse.mount-s3"}), "network-file-system"),
        (json!({"MountPath": "/mnt/x", "Filesystem": "10.0.0.5:/x"}), "network-file-system"),
        (
            json!({"path": "/var/lib/docker/overlay2/f0/merged", "fstype": "overlay"}),
            "i-0123abcd unclear: a container's overlay names no disk; the one below it is full",
        ),
        (
            json!({"path": "/var/lib/docker/overlay2/f0/merged"}),
            "i-0123abcd unclear: a container's overlay names no disk; the one below it is full",
        ),
        (json!({"path": "/data", "fstype": "xfs", "device": "nvme1n1"}), "i-0123abcd /data 95"),
        (json!({"path": "/", "fstype": "btrfs"}), "i-0123abcd / 95"),
    ] {
        let mut labels = dimensions.clone();
        labels["InstanceId"] = json!(id);
        let event = state_change("CWAgent", "disk_used_percent", &labels);
        assert_eq!(told(Symptom::DiskFull, &event), expected, "{dimensions}");
        let query = "SELECT MAX(disk_used_percent) FROM CWAgent GROUP BY InstanceId, path";
        let event = of_contributor(query, &labels);
        assert_eq!(told(Symptom::DiskFull, &event), expected, "a contributor with {dimensions}");
    }
}

#[test]
fn a_disk_alarm_that_names_no_file_system_leaves_it_to_the_host_which() {
    let unnamed = "i-0123abcd 95";
    let named = |path: &str| format!("i-0123abcd {path} 95");
    let rolled_up = json!({"InstanceId": "i-0123abcd"});
    let event = state_change("CWAgent", "disk_used_percent", &rolled_up);
    assert_eq!(told(Symptom::DiskFull, &event), unnamed);
    let select = "SELECT MAX(disk_used_percent) FROM CWAgent";
    for (rest, labels, expected) in [
        ("GROUP BY InstanceId", json!({}), unnamed.to_owned()),
        ("GROUP BY InstanceId, path", json!({"path": "Other"}), unnamed.to_owned()),
        ("WHERE path = '/data' GROUP BY InstanceId", json!({}), named("/data")),
        ("WHERE path != '/data' GROUP BY InstanceId", json!({}), unnamed.to_owned()),
        ("WHERE path = '/snap/x/1' GROUP BY InstanceId", json!({}), "cannot-fill-up".to_owned()),
        ("WHERE fstype = 'tmpfs' GROUP BY InstanceId", json!({}), "memory-file-system".to_owned()),
    ] {
        let mut attributes = labels;
        attributes["InstanceId"] = json!("i-0123abcd");
        let event = of_contributor(&format!("{select} {rest}"), &attributes);
        assert_eq!(told(Symptom::DiskFull, &event), expected, "{rest}");
    }
    let total = json!({"InstanceId": "i-0123abcd", "instance": "_Total"});
    let drive = json!({"InstanceId": "i-0123abcd", "instance": "C:"});
    for (dimensions, expected) in [(total, unnamed), (drive, "i-0123abcd 95")] {
        let event = state_change("CWAgent", "disk_used", &dimensions);
        assert_eq!(told(Symptom::DiskFull, &event), expected);
    }
}

#[test]
fn a_query_about_one_named_instance_is_that_instances() {
    let select = "SELECT MAX(CPUUtilization) FROM \"AWS/EC2\"";
    for (rest, expected) in [
        ("WHERE InstanceId = 'i-0123abcd'", "i-0123abcd 95"),
        ("WHERE Env = 'x' AND InstanceId = 'i-0123abcd' LIMIT 1", "i-0123abcd 95"),
        ("WHERE InstanceId = 'web-1'", "not-an-instance"),
        ("WHERE InstanceId != 'i-0123abcd'", "aggregate-alarm"),
        ("WHERE AutoScalingGroupName = 'web'", "group-alarm"),
        ("", "aggregate-alarm"),
        ("GROUP BY InstanceId", "fleet-alarm"),
        ("WHERE InstanceId = 'i-0123abcd' GROUP BY InstanceId", "fleet-alarm"),
    ] {
        let event = of_expression(&format!("{select} {rest}"));
        assert_eq!(told(Symptom::HighCpu, &event), expected, "{rest}");
    }
    let of = |event: &Value| {
        let received = read(&event.to_string(), &invocation(Symptom::HighCpu)).unwrap();
        received.alarms[0].series.clone().unwrap()
    };
    let series = of(&of_expression(&format!("{select} WHERE InstanceId = 'i-0123abcd'")));
    // It is read again by its query, which needs the instance.
    assert!(!series.exact && series.scope.is_some(), "{series:?}");
    assert_eq!(series.dimensions["InstanceId"], "i-0123abcd");
    let grouped = "SELECT MAX(CPUUtilization) FROM x WHERE InstanceId = 'i-0123abcd' GROUP BY cpu";
    let grouped = grouped.replace(" x ", " \"AWS/EC2\" ");
    let event = of_contributor(&grouped, &json!({"cpu": "cpu-total"}));
    assert_eq!(told(Symptom::HighCpu, &event), "i-0123abcd 95");
}

#[test]
fn one_processor_is_not_the_host() {
    let id = "i-0123abcd";
    for (name, label, value, expected) in [
        ("cpu_usage_active", "cpu", "cpu0", "one-core"),
        ("cpu_usage_active", "cpu", "cpu63", "one-core"),
        ("cpu_usage_active", "cpu", "cpu-total", "i-0123abcd 95"),
        ("Processor % Processor Time", "instance", "0", "one-core"),
        ("Processor % Processor Time", "instance", "_Total", "i-0123abcd 95"),
        ("cpu_usage_active", "host", "x", "i-0123abcd 95"),
        ("cpu_usage_iowait", "cpu", "cpu-total", "other-metric"),
        ("cpu_usage_steal", "cpu", "cpu-total", "other-metric"),
    ] {
        let event = state_change("CWAgent", name, &json!({"InstanceId": id, label: value}));
        assert_eq!(told(Symptom::HighCpu, &event), expected, "{name} of {value}");
    }
    // The largest of all processors is one of them.
    for (query, labels, expected) in [
        ("MAX(cpu_usage_active) FROM CWAgent GROUP BY InstanceId", "", "i-0123abcd 95 OneCore"),
        ("AVG(cpu_usage_active) FROM CWAgent GROUP BY InstanceId", "", "i-0123abcd 95"),
        ("MAX(cpu_usage_active) FROM CWAgent GROUP BY InstanceId, cpu", "cpu1", "one-core"),
        (
            "MAX(cpu_usage_active) FROM CWAgent WHERE cpu = 'cpu-total' GROUP BY InstanceId",
            "",
            "i-0123abcd 95",
        ),
        ("MAX(CPUUtilization) FROM \"AWS/EC2\" GROUP BY InstanceId", "", "i-0123abcd 95"),
    ] {
        let mut attributes = json!({"InstanceId": id});
        if !labels.is_empty() {
            attributes["cpu"] = json!(labels);
        }
        let event = of_contributor(&format!("SELECT {query}"), &attributes);
        assert_eq!(told(Symptom::HighCpu, &event), expected, "{query}");
    }
}

#[test]
fn what_proves_no_trouble_is_only_a_hint() {
    let dimensions = json!({"InstanceId": "i-0123abcd"});
    let of = |namespace: &str, name: &str| state_change(namespace, name, &dimensions);
    let clock = |configuration: &str| {
        let window = json!({"wallClockWindow": {"timezone": "UTC"}});
        with(&of("CWAgent", "mem_used_percent"), configuration, window)
    };
    let warm = json!({"warmUpPeriodDurationInMinutes": 30});
    let memory = of("CWAgent", "mem_used_percent");
    for (event, expected) in [
        (of("CWAgent", "swap_used_percent"), "i-0123abcd 95 Swap"),
        (of("System/Linux", "SwapUtilization"), "i-0123abcd 95 Swap"),
        (of("CWAgent", "Paging File % Usage"), "i-0123abcd 95 Swap"),
        (memory.clone(), "i-0123abcd 95"),
        (of("System/Linux", "MemoryUtilization"), "i-0123abcd 95"),
        (clock("/detail/configuration/evaluationWindow"), "i-0123abcd 95 WallClock"),
        (
            with(&memory, "/detail/configuration/evaluationWindow", json!({"slidingWindow": {}})),
            "i-0123abcd 95",
        ),
        (with(&memory, "/detail/configuration/warmUpConfiguration", warm), "i-0123abcd 95"),
        (
            with(
                &memory,
                "/detail/state/reasonData",
                json!({"recentDatapoints": [95.0], "recentUpperThresholds": [40.0]}),
            ),
            "i-0123abcd 95 Unusual",
        ),
        (
            with(
                &memory,
                "/detail/state/reason",
                json!(
                    "1 datapoint [95.0 (20/11/26 03:07:00)] was greater than the upper \
                       thresholds [40.0]"
                ),
            ),
            "i-0123abcd 95 Unusual",
        ),
    ] {
        assert_eq!(told(Symptom::MemoryPressure, &event), expected, "{event}");
    }
}

#[test]
fn one_junk_id_among_others_is_refused_alone() {
    let metrics = ["i-0123abcd", "ip-10-0-0-1", "i-0123abce", "mi-0123456789abcdef0"].map(|id| {
        let event = state_change("AWS/EC2", "CPUUtilization", &json!({"InstanceId": id}));
        event["detail"]["configuration"]["metrics"][0].clone()
    });
    let event = state_change("", "", &json!({}));
    let event = with(&event, "/detail/configuration/metrics", json!(metrics));
    assert_eq!(
        told(Symptom::HighCpu, &event),
        "i-0123abcd of 4 95, i-0123abce of 4 95, not-an-instance, not-an-instance"
    );
}

#[test]
fn an_item_that_cannot_be_read_makes_the_others_unclear() {
    let event = state_change("AWS/EC2", "CPUUtilization", &json!({"InstanceId": "i-0123abcd"}));
    let good = event["detail"]["configuration"]["metrics"][0].clone();
    for odd in [json!(5), json!({"metricStat": {}}), json!({"expression": 1})] {
        let event = with(&event, "/detail/configuration/metrics", json!([good, odd]));
        let told = told(Symptom::HighCpu, &event);
        let expected = "i-0123abcd unclear: a part of the event cannot be read: detail.conf";
        assert!(told.starts_with(expected), "{told}");
    }
    for at in ["/account", "/region", "/resources", "/detail/state/reason"] {
        let told = told(Symptom::HighCpu, &with(&event, at, json!({})));
        assert!(told.starts_with("i-0123abcd unclear: "), "{at}: {told}");
    }
    for (at, value) in [("period", json!("x")), ("period", json!(-60)), ("stat", json!(1))] {
        let at = format!("/detail/configuration/metrics/0/metricStat/{at}");
        let told = told(Symptom::HighCpu, &with(&event, &at, value));
        assert!(told.starts_with("i-0123abcd unclear: "), "{at}: {told}");
    }
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
        NotOurs::LogAlarm,
        NotOurs::PromQl,
        NotOurs::Aggregate,
        NotOurs::NotAnInstance { found: text() },
        NotOurs::CannotFillUp { what: text() },
        NotOurs::InMemory { what: text() },
        NotOurs::OnNetwork { what: text() },
        NotOurs::OneCore { core: text() },
        NotOurs::OtherMetric { metric: text() },
        NotOurs::OtherSymptom { symptom: Symptom::DiskFull },
        NotOurs::HarmlessDirection { metric: text() },
        NotOurs::Fleet,
        NotOurs::OtherAccount { account: text() },
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
fn the_highest_rung_of_an_alarms_tag_is_kept_whatever_brought_it() {
    let id = json!({"InstanceId": "i-0123abcd"});
    let event = state_change("AWS/EC2", "CPUUtilization", &id);
    let tags = json!({"auto-remediation-max": "reboot"});
    let action = json!({"source": "aws.cloudwatch", "alarmArn": "x", "alarmData": event["detail"]});
    let message = json!({
        "AlarmName": "a",
        "NewStateValue": "ALARM",
        "NewStateReason": event["detail"]["state"]["reason"],
        "StateChangeTime": "2026-11-20T03:12:45.989+0000",
        "AlarmTags": [{"Key": "auto-remediation-max", "Value": "reboot"}],
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "Dimensions": [{"name": "InstanceId", "value": "i-0123abcd"}],
        },
    });
    for (event, expected) in [
        (event.clone(), None),
        (with(&event, "/detail/alarmTags", tags.clone()), Some("reboot")),
        (with(&action, "/alarmData/alarmTags", tags.clone()), Some("reboot")),
        (with(&action, "/alarmTags", tags), Some("reboot")),
        (json!({"Records": [{"Sns": {"Message": message.to_string()}}]}), Some("reboot")),
    ] {
        let received = read(&event.to_string(), &invocation(Symptom::HighCpu)).unwrap();
        let kept = crate::model::seen::Seen::of(&received.alarms[0]).limit;
        assert_eq!(kept.as_deref(), expected, "{event}");
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
