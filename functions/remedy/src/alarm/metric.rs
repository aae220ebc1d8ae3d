//! What a metric is about: namespace and name give the symptom and the
//! direction in which it is bad; dimensions give the instance and the mount.
//! Names of alarms lie, and are never asked.

use std::collections::BTreeMap;

use super::field::Field;
use super::{Bad, Symptom, Unit, Unreadable};
use crate::model::ids::{InstanceId, MountPoint};

/// What a metric says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) symptom: Symptom,
    pub(super) bad: Bad,
    pub(super) unit: Unit,
}

const EC2: &str = "AWS/EC2";
/// The agent's default namespace. A fleet that configured another one is not
/// understood.
const AGENT: &str = "CWAgent";

/// Every metric that is understood. Names are those of the EC2 and the
/// `CloudWatch` agent user guides ("metrics collected by the `CloudWatch`
/// agent"); on Windows they are the performance counter's object and name.
const METRICS: &[(&str, &str, Symptom, Bad, Unit)] = &[
    (EC2, "CPUUtilization", Symptom::HighCpu, Bad::Up, Unit::Percent),
    (AGENT, "cpu_usage_active", Symptom::HighCpu, Bad::Up, Unit::Percent),
    (AGENT, "cpu_usage_idle", Symptom::HighCpu, Bad::Down, Unit::Percent),
    (AGENT, "Processor % Processor Time", Symptom::HighCpu, Bad::Up, Unit::Percent),
    (AGENT, "Processor % Idle Time", Symptom::HighCpu, Bad::Down, Unit::Percent),
    (AGENT, "mem_used_percent", Symptom::MemoryPressure, Bad::Up, Unit::Percent),
    (AGENT, "mem_used", Symptom::MemoryPressure, Bad::Up, Unit::Bytes),
    (AGENT, "mem_available_percent", Symptom::MemoryPressure, Bad::Down, Unit::Percent),
    (AGENT, "mem_available", Symptom::MemoryPressure, Bad::Down, Unit::Bytes),
    (AGENT, "swap_used_percent", Symptom::MemoryPressure, Bad::Up, Unit::Percent),
    (AGENT, "Memory % Committed Bytes In Use", Symptom::MemoryPressure, Bad::Up, Unit::Percent),
    (AGENT, "Memory Available Bytes", Symptom::MemoryPressure, Bad::Down, Unit::Bytes),
    (AGENT, "Memory Available KBytes", Symptom::MemoryPressure, Bad::Down, Unit::Kibibytes),
    (AGENT, "Memory Available MBytes", Symptom::MemoryPressure, Bad::Down, Unit::Mebibytes),
    (AGENT, "Paging File % Usage", Symptom::MemoryPressure, Bad::Up, Unit::Percent),
    (AGENT, "disk_used_percent", Symptom::DiskFull, Bad::Up, Unit::Percent),
    (AGENT, "disk_used", Symptom::DiskFull, Bad::Up, Unit::Bytes),
    (AGENT, "disk_free", Symptom::DiskFull, Bad::Down, Unit::Bytes),
    (AGENT, "disk_inodes_used", Symptom::DiskFull, Bad::Up, Unit::Inodes),
    (AGENT, "disk_inodes_free", Symptom::DiskFull, Bad::Down, Unit::Inodes),
    (AGENT, "LogicalDisk % Free Space", Symptom::DiskFull, Bad::Down, Unit::Percent),
    (AGENT, "LogicalDisk Free Megabytes", Symptom::DiskFull, Bad::Down, Unit::Mebibytes),
];

/// What the metric `name` of `namespace` is about, if it is about anything here.
pub(super) fn meaning(namespace: &str, name: &str) -> Option<Meaning> {
    METRICS
        .iter()
        .find(|metric| (metric.0, metric.1) == (namespace, name))
        .map(|&(_, _, symptom, bad, unit)| Meaning { symptom, bad, unit })
}

/// Whether the statistic `stat` is about the number of datapoints (or the rank
/// of a value among them) rather than about the metric's own value. Its
/// direction then says nothing about the metric's.
pub(super) fn counts_datapoints(stat: &str) -> bool {
    // `SampleCount` in the API, upper-case in SNS; `PR(...)` and `TC(...)` are
    // percentile rank and trimmed count.
    let stat = stat.replace('_', "").to_ascii_uppercase();
    stat == "SAMPLECOUNT" || stat.starts_with("PR(") || stat.starts_with("TC(")
}

/// One dimension of a metric, or one label of a contributor.
#[derive(Clone, Debug)]
pub(super) struct Dimension<'a> {
    name: &'a str,
    value: &'a str,
    field: Field<'a>,
}

impl<'a> Dimension<'a> {
    /// The dimensions of an object `{"name": "value"}`, as `EventBridge` and the
    /// Lambda action write them, and contributors their labels.
    pub(super) fn of_object(field: &Field<'a>) -> Result<Vec<Self>, Unreadable> {
        let dimension = |(name, value): (&'a str, Field<'a>)| {
            Ok(Self { name, value: value.text()?, field: value })
        };
        field.members()?.into_iter().map(dimension).collect()
    }

    /// The dimensions of a list `[{"name": "...", "value": "..."}]`, as SNS
    /// writes them.
    pub(super) fn of_list(field: &Field<'a>) -> Result<Vec<Self>, Unreadable> {
        let dimension = |element: Field<'a>| {
            let value = element.need("value", "a text")?;
            Ok(Self { name: element.needed_text("name")?, value: value.text()?, field: value })
        };
        field.list()?.into_iter().map(dimension).collect()
    }
}

/// `dimensions` as a map, to name the series by.
pub(super) fn names_and_values(dimensions: &[Dimension<'_>]) -> BTreeMap<String, String> {
    dimensions.iter().map(|d| (d.name.to_owned(), d.value.to_owned())).collect()
}

fn value_of<'a, 'b>(dimensions: &'b [Dimension<'a>], name: &str) -> Option<&'b Dimension<'a>> {
    dimensions.iter().find(|dimension| dimension.name == name)
}

/// What `InstanceId` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// One instance.
    Instance(InstanceId),
    /// A contributor without this label: `CloudWatch` writes `Other`.
    Unlabelled,
    /// No instance, but an Auto Scaling group.
    Group(String),
    /// No instance at all, as for metrics that carry only `host`.
    Nobody,
}

/// The instance that `dimensions` name. An `InstanceId` that is no id, such as
/// a host name, is an error: acting on a guess is worse than not acting.
pub(super) fn whose(dimensions: &[Dimension<'_>]) -> Result<Whose, Unreadable> {
    let Some(dimension) = value_of(dimensions, "InstanceId") else {
        let group = value_of(dimensions, "AutoScalingGroupName");
        return Ok(group.map_or(Whose::Nobody, |group| Whose::Group(group.value.to_owned())));
    };
    if dimension.value == "Other" {
        return Ok(Whose::Unlabelled);
    }
    InstanceId::new(dimension.value)
        .map(Whose::Instance)
        .map_err(|error| dimension.field.unlike(error.expected))
}

/// What a disk metric's dimensions say about the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mount {
    /// Its mount point.
    At(MountPoint),
    /// Nothing, as for a Windows drive or a rolled-up series.
    Unnamed,
    /// A mount point whose name cannot be handed to a script.
    Unspeakable(String),
}

/// The file system that `dimensions` name.
pub(super) fn mount(dimensions: &[Dimension<'_>]) -> Mount {
    match value_of(dimensions, "path") {
        None => Mount::Unnamed,
        Some(path) => MountPoint::new(path.value)
            .map_or_else(|_| Mount::Unspeakable(path.value.to_owned()), Mount::At),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_metric_means_something_by_namespace_and_name_only() {
        for (namespace, name, expected) in [
            ("AWS/EC2", "CPUUtilization", Some((Symptom::HighCpu, Bad::Up))),
            ("CWAgent", "cpu_usage_idle", Some((Symptom::HighCpu, Bad::Down))),
            ("CWAgent", "swap_used_percent", Some((Symptom::MemoryPressure, Bad::Up))),
            ("CWAgent", "Memory Available MBytes", Some((Symptom::MemoryPressure, Bad::Down))),
            ("CWAgent", "LogicalDisk % Free Space", Some((Symptom::DiskFull, Bad::Down))),
            ("CWAgent", "disk_inodes_used", Some((Symptom::DiskFull, Bad::Up))),
            ("AWS/RDS", "CPUUtilization", None),
            ("CWAgent", "CPUUtilization", None),
            ("AWS/EC2", "StatusCheckFailed", None),
            ("", "HighCPU", None),
        ] {
            let meaning = meaning(namespace, name).map(|m| (m.symptom, m.bad));
            assert_eq!(meaning, expected, "{namespace} {name}");
        }
    }

    #[test]
    fn no_metric_is_listed_twice() {
        for (i, metric) in METRICS.iter().enumerate() {
            let same = |other: &&(&str, &str, _, _, _)| (other.0, other.1) == (metric.0, metric.1);
            assert_eq!(METRICS.iter().filter(same).count(), 1, "{i}: {}", metric.1);
        }
    }

    #[test]
    fn a_statistic_may_count_datapoints_instead_of_measuring() {
        for stat in ["SampleCount", "SAMPLE_COUNT", "PR(:300)", "TC(10%:90%)"] {
            assert!(counts_datapoints(stat), "{stat}");
        }
        for stat in ["Average", "MAXIMUM", "p99", "tm90", "Sum"] {
            assert!(!counts_datapoints(stat), "{stat}");
        }
    }

    fn told(dimensions: &Value) -> String {
        let field = Field::at("dims", dimensions);
        let dimensions = if dimensions.is_array() {
            Dimension::of_list(&field)
        } else {
            Dimension::of_object(&field)
        };
        match dimensions.and_then(|d| Ok((whose(&d)?, mount(&d)))) {
            Ok(told) => format!("{told:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn dimensions_name_the_instance_and_the_mount() {
        for (dimensions, expected) in [
            (
                json!({"path": "/var", "InstanceId": "i-0123456789abcdef0", "device": "xvda1"}),
                r#"(Instance(InstanceId("i-0123456789abcdef0")), At(MountPoint("/var")))"#,
            ),
            (
                json!([{"name": "InstanceId", "value": "i-0123abcd"},
                       {"name": "instance", "value": "C:"}]),
                r#"(Instance(InstanceId("i-0123abcd")), Unnamed)"#,
            ),
            (
                json!({"InstanceId": "i-0123abcd", "path": "/mnt/my disk"}),
                r#"(Instance(InstanceId("i-0123abcd")), Unspeakable("/mnt/my disk"))"#,
            ),
            (json!({"AutoScalingGroupName": "web"}), r#"(Group("web"), Unnamed)"#),
            (json!({"host": "ip-10-0-0-1"}), "(Nobody, Unnamed)"),
            (json!({}), "(Nobody, Unnamed)"),
            (json!({"InstanceId": "Other"}), "(Unlabelled, Unnamed)"),
            (
                json!({"InstanceId": "ip-10-0-0-1"}),
                "dims.InstanceId: expected an instance id (i- and 8 or 17 hexadecimal digits), \
                 found \"ip-10-0-0-1\"",
            ),
            (
                json!([{"name": "path", "value": "/"}, {"name": "InstanceId", "value": "mi-1"}]),
                "dims[1].value: expected an instance id (i- and 8 or 17 hexadecimal digits), \
                 found \"mi-1\"",
            ),
            (json!({"InstanceId": 5}), "dims.InstanceId: expected a text, found 5"),
            (json!([{"name": "path"}]), "dims[0].value: expected a text, found nothing"),
        ] {
            assert_eq!(told(&dimensions), expected, "{dimensions}");
        }
    }
}
