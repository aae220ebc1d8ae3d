//! The fleet alarms, from the metric an agent publishes to the alarm a function reads: nothing
//! emulates that, and each link fails in silence.

use std::collections::BTreeSet;

use jiff::Timestamp;
use remedy::alarm::{Invocation, read as read_event};
use remedy::model::alarm::{Alarm, Symptom};
use serde_json::{Value, json};

use crate::yaml::{Template, all, logical, read};

/// The metrics queries of the alarms, by symptom.
fn queries() -> Vec<(Symptom, String)> {
    let template = Template::deployed();
    Symptom::ALL
        .into_iter()
        .map(|symptom| {
            let alarm = &template.root["Resources"][format!("{}FleetAlarm", logical(symptom))];
            assert_eq!(alarm["Condition"], "HasFleetAlarms", "{symptom}");
            let [metric] = all(&alarm["Properties"]["Metrics"])[..] else {
                panic!("{symptom}: one query for each alarm");
            };
            assert_eq!(metric["ReturnData"], true, "{symptom}");
            (symptom, metric["Expression"].as_str().unwrap().to_owned())
        })
        .collect()
}

/// What stands between two pieces of a query.
fn between<'a>(query: &'a str, before: &str, after: &str) -> &'a str {
    query.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// The labels a contributor of the query carries.
fn labels(query: &str) -> Vec<&str> {
    // `path` is one of the words that are to be quoted.
    let labels = between(query, "GROUP BY ", " ORDER BY").split(", ");
    labels.map(|label| label.trim_matches('"')).collect()
}

/// The event of an instance that crossed the alarm of a symptom, with the query of the template in
/// the payload AWS documents.
fn event(symptom: Symptom, query: &str) -> String {
    let mut event: Value =
        serde_json::from_str(&read(&format!("events/{symptom}.contributor.json"))).unwrap();
    let attributes = labels(query).into_iter().map(|label| {
        let value = if label == "InstanceId" { "i-0a1b2c3d4e5f60718" } else { "/data" };
        (label.to_owned(), json!(value))
    });
    event["detail"]["alarmContributor"]["attributes"] = attributes.collect();
    event["detail"]["configuration"]["metrics"][0]["expression"] = json!(query);
    event.to_string()
}

/// What a rule takes, at one of the alternatives of its pattern.
fn answered<'a>(template: &'a Template, rule: &str, path: &str) -> Vec<&'a Value> {
    let pattern = format!("/Resources/{rule}/Properties/EventPattern");
    all(template.root.pointer(&format!("{pattern}/detail/$or/{path}")).unwrap())
}

#[test]
fn a_symptoms_rule_takes_its_fleet_alarm_and_the_program_understands_it() {
    let template = Template::deployed();
    for (symptom, query) in queries() {
        let rule = format!("{}Rule", logical(symptom));
        let wildcards = answered(&template, &rule, "1/configuration/metrics/expression");
        let taken = wildcards.iter().any(|wildcard| {
            let word = wildcard["wildcard"].as_str().unwrap();
            query.contains(word.trim_matches('*'))
        });
        assert!(taken, "{rule} does not take {query}");

        let invocation =
            Invocation { symptom, request_id: "test".to_owned(), at: Timestamp::UNIX_EPOCH };
        let received = read_event(&event(symptom, &query), &invocation).unwrap();
        let [alarm] = received.alarms.as_slice() else {
            panic!("{symptom}: {received:?}");
        };
        assert_eq!(alarm.symptom, symptom);
        assert_eq!(alarm.instance_id.as_str(), "i-0a1b2c3d4e5f60718");
        let mount = alarm.mount.as_ref().map(ToString::to_string);
        assert_eq!(mount.as_deref(), (symptom == Symptom::DiskFull).then_some("/data"));
        let series = alarm.series.as_ref().unwrap();
        assert!(series.dimensions.contains_key("InstanceId"), "{symptom}: it cannot be verified");
    }
}

/// `EventBridge` counts the states in which a rule's wildcards can be at once, and
/// refuses the stack that has too many ("Rule is too complex"). By its own matcher
/// (github.com/aws/event-ruler, `MachineComplexityEvaluator`) two words are far below.
#[test]
fn a_symptoms_rule_is_simple_enough_for_the_bus() {
    let template = Template::deployed();
    for symptom in Symptom::ALL {
        let rule = format!("{}Rule", logical(symptom));
        let wildcards = answered(&template, &rule, "1/configuration/metrics/expression");
        assert!(wildcards.len() <= 2, "{rule}: {wildcards:?}");
        for wildcard in wildcards {
            let word = wildcard["wildcard"].as_str().unwrap();
            assert_eq!(word.matches('*').count(), 2, "{rule}: {word}");
        }
    }
}

/// Of the metrics that are understood, each name, and the symptom as it is written.
fn understood() -> Vec<(String, String)> {
    let source = read("functions/remedy/src/alarm/metric.rs");
    let rows = source.lines().filter_map(|line| {
        let (_, row) = line.trim().split_once(", \"")?;
        let (name, rest) = row.split_once("\", Symptom::")?;
        Some((name.to_owned(), rest.split_once(',')?.0.to_owned()))
    });
    rows.collect()
}

#[test]
fn a_symptoms_rule_takes_every_metric_that_is_understood() {
    let template = Template::deployed();
    let metrics = understood();
    assert!(metrics.len() > 20, "{metrics:?}");
    for (name, symptom) in metrics {
        let rule = format!("{symptom}Rule");
        let names = answered(&template, &rule, "0/configuration/metrics/metricStat/metric/name");
        assert!(names.iter().any(|it| **it == name), "{rule} does not take {name}");
        // Of Windows counters and of the old scripts' metrics an expression tells nothing:
        // a fleet alarm is about what the agent publishes on Linux.
        let wildcards = answered(&template, &rule, "1/configuration/metrics/expression");
        let mut words = wildcards.iter().map(|it| it["wildcard"].as_str().unwrap());
        let taken = words.any(|word| name.contains(word.trim_matches('*')));
        let other = name.contains(' ') || name.ends_with("Utilization");
        assert!(taken || other, "{rule} does not take a query of {name}");
    }
}

/// The agent's configuration: its namespace, its metrics, and the dimensions each has.
fn published() -> (String, BTreeSet<String>, impl Fn(&str) -> BTreeSet<String>) {
    let config: Value = serde_json::from_str(&read("docs/cloudwatch-agent.json")).unwrap();
    let metrics = config["metrics"].clone();
    let plugins = metrics["metrics_collected"].as_object().unwrap().iter();
    let names = plugins.flat_map(|(plugin, sections)| {
        // Of processes there is a section for each service.
        let measured = all(sections).into_iter().flat_map(|it| all(&it["measurement"]));
        let name = |name: &Value| match (plugin.as_str(), name.as_str().unwrap()) {
            // Its full name on Linux (CloudWatch user guide, "Collect process metrics with the
            // procstat plugin").
            ("procstat", "pid_count") => "procstat_lookup_pid_count".to_owned(),
            (_, name) => name.to_owned(),
        };
        measured.map(name).collect::<Vec<_>>()
    });
    let names = names.collect();
    let dimensions = move |metric: &str| {
        let appended = metrics["append_dimensions"].as_object().unwrap();
        // CloudWatch user guide, "Metrics collected by the CloudWatch agent".
        // Of a process lookup: how it is found, and by which pattern of it (telegraf, the
        // `procstat` input, whose tags they are).
        let own: &[&str] = if metric.starts_with("disk_") {
            &["path", "fstype"]
        } else if metric.starts_with("procstat_lookup") {
            &["exe", "pid_finder"]
        } else {
            &[]
        };
        let device = metric.starts_with("disk_")
            && metrics["metrics_collected"]["disk"]["drop_device"] != true;
        let own = own.iter().chain(device.then_some(&"device")).map(|name| (*name).to_owned());
        appended.keys().cloned().chain(own).collect()
    };
    (config["metrics"]["namespace"].as_str().unwrap().to_owned(), names, dimensions)
}

#[test]
fn the_agent_publishes_what_the_fleet_alarms_read_and_no_more() {
    let (namespace, published, dimensions) = published();
    let mut read = BTreeSet::new();
    for (symptom, query) in queries() {
        let metric = between(&query, "(", ")").to_owned();
        if matches!(symptom, Symptom::HighCpu | Symptom::Unreachable) {
            // EC2 publishes it itself, with these dimensions.
            assert!(query.contains("SCHEMA(\"AWS/EC2\", InstanceId)"), "{query}");
            continue;
        }
        assert_eq!(between(&query, "FROM ", " ").trim_matches('"'), namespace, "{query}");
        for label in labels(&query) {
            assert!(dimensions(&metric).contains(label), "{metric} has no dimension {label}");
        }
        read.insert(metric);
    }
    assert_eq!(read, published, "the alarms on the left, docs/cloudwatch-agent.json on the right");
}

/// What the query of the fleet alarm leaves out.
fn left_out(query: &str) -> BTreeSet<String> {
    let terms = query.split("\"fstype\" != '").skip(1);
    terms.map(|term| term.split('\'').next().unwrap().to_owned()).collect()
}

#[test]
fn neither_the_fleet_alarm_nor_the_agent_watches_what_cannot_fill_up() {
    let config: Value = serde_json::from_str(&read("docs/cloudwatch-agent.json")).unwrap();
    let disk = &config["metrics"]["metrics_collected"]["disk"];
    let ignored = all(&disk["ignore_file_system_types"]).into_iter();
    let ignored: BTreeSet<String> = ignored.map(|it| it.as_str().unwrap().to_owned()).collect();
    let (_, query) = queries().into_iter().find(|(s, _)| *s == Symptom::DiskFull).unwrap();
    let left_out = left_out(&query);
    assert!(left_out.is_subset(&ignored), "{left_out:?}");
    // The function agrees on each: none of them is a disk of the host that could be named.
    let told = |fstype: &str| {
        let event = read("events/disk-full.squashfs.json").replace("squashfs", fstype);
        let invocation = Invocation {
            symptom: Symptom::DiskFull,
            request_id: "test".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        read_event(&event, &invocation).unwrap()
    };
    for fstype in &ignored {
        let named = |alarm: &Alarm| alarm.mount.is_some();
        assert!(!told(fstype).alarms.iter().any(named), "{fstype} does fill up");
    }
    for fstype in ["ext4", "xfs", "btrfs", "zfs", "vfat"] {
        assert!(!ignored.contains(fstype), "{fstype}");
        assert!(told(fstype).alarms[0].mount.is_some(), "{fstype}");
    }
    for kind in ["squashfs", "tmpfs", "overlay", "nfs4"] {
        assert!(left_out.contains(kind), "{kind}");
    }
}

#[test]
fn the_alarms_of_one_instance_watch_series_that_exist() {
    let (namespace, published, dimensions) = published();
    let example = Template::load("docs/examples/instance-alarms.yaml");
    let alarms = example.of_type("AWS::CloudWatch::Alarm");
    assert_eq!(alarms.len(), Symptom::ALL.len());
    for (id, alarm) in alarms {
        let metric = alarm["MetricName"].as_str().unwrap();
        let named = alarm["Dimensions"].as_array().unwrap().iter();
        let named = named.map(|dimension| dimension["Name"].as_str().unwrap().to_owned());
        let named: BTreeSet<String> = named.collect();
        if alarm["Namespace"] == namespace.as_str() {
            assert!(published.contains(metric), "{id}");
            assert_eq!(named, dimensions(metric), "{id}: a series has all of its dimensions");
        } else {
            assert_eq!(alarm["Namespace"], "AWS/EC2", "{id}");
            assert_eq!(named, BTreeSet::from(["InstanceId".to_owned()]), "{id}");
        }
        let path = "0/configuration/metrics/metricStat/metric/name";
        let deployed = Template::deployed();
        let taken = answered(&deployed, &format!("{id}Rule"), path);
        assert!(taken.iter().any(|name| **name == metric), "{id}: nobody answers for {metric}");
    }
}

#[test]
fn a_cleanup_ends_the_alarm_it_answers() {
    let template = Template::deployed();
    let default = |name: &str| template.root["Parameters"][name]["Default"].as_i64().unwrap();
    assert!(default("DiskTargetPercent") < default("DiskFullPercent"));
}
