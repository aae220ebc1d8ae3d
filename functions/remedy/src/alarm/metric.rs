//! What a metric is about: namespace and name give the symptom and the
//! direction in which it is bad; dimensions give the instance and the mount.
//! Names of alarms lie, and are never asked.

use std::collections::BTreeMap;

use super::field::{Doubts, Field, work};
use super::file_system::FileSystem;
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

/// The namespace of the old monitoring scripts (EC2 user guide, "Amazon `CloudWatch`
/// monitoring scripts": `mon-put-instance-data.pl`). Of their metrics those in percent
/// are understood: the unit of the others hangs on the script's options.
const SCRIPTS: &str = "System/Linux";

/// Every metric that is understood. Names are those of the EC2 and the
/// `CloudWatch` agent user guides ("metrics collected by the `CloudWatch`
/// agent"); on Windows they are the performance counter's object and name. Absent on
/// purpose: what a processor does meanwhile, such as `cpu_usage_iowait` (it waits for
/// a disk) and `cpu_usage_steal` (others have it): neither is want of processor. And what
/// `procstat` tells of single processes: when they are gone it tells nothing, and that is no
/// measurement; only how many there are goes to 0.
const METRICS: &[(&str, &str, Symptom, Bad, Unit)] = &[
    (EC2, "CPUUtilization", Symptom::HighCpu, Bad::Up, Unit::Percent),
    (EC2, "StatusCheckFailed", Symptom::Unreachable, Bad::Up, Unit::Check),
    (EC2, "StatusCheckFailed_Instance", Symptom::Unreachable, Bad::Up, Unit::Check),
    (EC2, "StatusCheckFailed_System", Symptom::Unreachable, Bad::Up, Unit::Check),
    (EC2, "StatusCheckFailed_AttachedEBS", Symptom::Unreachable, Bad::Up, Unit::Check),
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
    (AGENT, "procstat_lookup_pid_count", Symptom::ServiceDown, Bad::Down, Unit::Processes),
    (AGENT, "procstat_lookup pid_count", Symptom::ServiceDown, Bad::Down, Unit::Processes),
    (SCRIPTS, "MemoryUtilization", Symptom::MemoryPressure, Bad::Up, Unit::Percent),
    (SCRIPTS, "SwapUtilization", Symptom::MemoryPressure, Bad::Up, Unit::Percent),
    (SCRIPTS, "DiskSpaceUtilization", Symptom::DiskFull, Bad::Up, Unit::Percent),
];

/// The metrics that tell how much of the swap is in use.
pub(super) const SWAP: [&str; 3] = ["swap_used_percent", "SwapUtilization", "Paging File % Usage"];

/// What the metric `name` of `namespace` is about, if it is about anything here.
pub(super) fn meaning(namespace: &str, name: &str) -> Option<Meaning> {
    METRICS
        .iter()
        .find(|metric| (metric.0, metric.1) == (namespace, name))
        .map(|&(_, _, symptom, bad, unit)| Meaning { symptom, bad, unit })
}

/// Whether a metric of that name means something in the namespace that it is known in.
pub fn is_known_name(name: &str) -> bool {
    METRICS.iter().any(|metric| metric.1 == name)
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

/// One dimension of a metric, one label of a contributor, or what a query's condition
/// says of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dimension<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

impl<'a> Dimension<'a> {
    /// The dimensions of an object `{"name": "value"}`, as `EventBridge` and the
    /// Lambda action write them, and contributors their labels; or of a list
    /// `[{"name": "...", "value": "..."}]`, as SNS writes them.
    pub(super) fn read(field: &Field<'a>, doubts: &mut Doubts) -> Result<Vec<Self>, Unreadable> {
        let listed = |element: &Field<'a>| {
            let name = element.needed_text("name")?;
            Ok((name, element.need("value", "a text")?))
        };
        let members: Vec<Result<_, Unreadable>> = if field.value().is_array() {
            field.list()?.iter().map(listed).collect()
        } else {
            field.members()?.into_iter().map(Ok).collect()
        };
        let mut dimensions = Vec::with_capacity(members.len());
        for member in members {
            let dimension = member.and_then(|(name, value)| match value.text() {
                Ok(value) => Ok(Self { name, value }),
                // Whatever it is, it is no instance's id.
                Err(_) if name == INSTANCE => Ok(Self { name, value: "" }),
                Err(error) => Err(error),
            });
            match dimension {
                Ok(dimension) => dimensions.push(dimension),
                Err(error) => doubts.note(&error),
            }
        }
        Ok(dimensions)
    }
}

/// `dimensions` as a map, to name the series by.
pub(super) fn names_and_values(dimensions: &[Dimension<'_>]) -> BTreeMap<String, String> {
    dimensions.iter().map(|d| (d.name.to_owned(), d.value.to_owned())).collect()
}

/// The value of the first of `names` that `dimensions` have.
pub(super) fn value_of<'a>(dimensions: &[Dimension<'a>], names: &[&str]) -> Option<&'a str> {
    work::done();
    let find = |name: &&str| dimensions.iter().find(|dimension| dimension.name == *name);
    names.iter().find_map(find).map(|dimension| dimension.value)
}

/// The dimension that names the instance.
const INSTANCE: &str = "InstanceId";

/// The dimensions of which a query's condition is asked what it says. What it says
/// of others, such as tags, is only repeated when its series is read again.
pub(super) const ASKED: [&str; 9] = [
    INSTANCE,
    "AutoScalingGroupName",
    "path",
    "MountPath",
    "device",
    "Filesystem",
    "fstype",
    "cpu",
    "instance",
];

/// What `InstanceId` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// One instance.
    Instance(InstanceId),
    /// Something that is no instance's id, such as a host name: acting on a guess
    /// is worse than not acting.
    NoId(String),
    /// A contributor without this label: `CloudWatch` writes `Other`.
    Unlabelled,
    /// No instance, but an Auto Scaling group.
    Group(String),
    /// No instance at all, as for metrics that carry only `host`.
    Nobody,
}

/// The instance that `dimensions` name.
pub(super) fn whose(dimensions: &[Dimension<'_>]) -> Whose {
    match value_of(dimensions, &[INSTANCE]) {
        None => match value_of(dimensions, &["AutoScalingGroupName"]) {
            Some(group) => Whose::Group(group.to_owned()),
            None => Whose::Nobody,
        },
        Some("Other") => Whose::Unlabelled,
        Some(id) => {
            InstanceId::new(id).map_or_else(|_| Whose::NoId(id.to_owned()), Whose::Instance)
        }
    }
}

/// What a disk metric's dimensions say about the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mount {
    /// Its mount point.
    At(MountPoint),
    /// A drive of Windows, which has no mount point.
    Drive,
    /// Nothing, as for a rolled-up series.
    Unnamed,
    /// A mount point whose name cannot be handed to a script.
    Unspeakable(String),
}

/// The file system that `dimensions` name: `path` in the agent's metrics, `MountPath`
/// in those of the old scripts, `instance` in those of Windows.
pub(super) fn mount(dimensions: &[Dimension<'_>]) -> Mount {
    match value_of(dimensions, &["path", "MountPath"]) {
        None => match value_of(dimensions, &["instance"]) {
            Some(drive) if drive != TOTAL => Mount::Drive,
            _ => Mount::Unnamed,
        },
        Some("Other") => Mount::Unnamed,
        Some(path) => {
            MountPoint::new(path).map_or_else(|_| Mount::Unspeakable(path.to_owned()), Mount::At)
        }
    }
}

/// The kind of file system that `dimensions` name.
pub(super) fn file_system(dimensions: &[Dimension<'_>]) -> FileSystem {
    FileSystem::of(
        value_of(dimensions, &["fstype"]),
        value_of(dimensions, &["device", "Filesystem"]),
        value_of(dimensions, &["path", "MountPath"]),
    )
}

/// All processors, or all drives, of a Windows counter.
const TOTAL: &str = "_Total";

/// Which processors a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cores<'a> {
    /// All of the host's.
    All,
    /// One of them.
    One(&'a str),
    /// Nothing says that it is all of them.
    Untold,
}

/// The processors that a metric with `dimensions` is about. EC2's own is about all.
pub(super) fn cores<'a>(namespace: &str, dimensions: &[Dimension<'a>]) -> Cores<'a> {
    match value_of(dimensions, &["cpu", "instance"]) {
        Some("cpu-total" | TOTAL) => Cores::All,
        None | Some("Other") if namespace == AGENT => Cores::Untold,
        None | Some("Other") => Cores::All,
        Some(core) => Cores::One(core),
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
            ("System/Linux", "DiskSpaceUtilization", Some((Symptom::DiskFull, Bad::Up))),
            ("System/Linux", "DiskSpaceUsed", None),
            ("CWAgent", "cpu_usage_iowait", None),
            ("CWAgent", "cpu_usage_steal", None),
            ("AWS/RDS", "CPUUtilization", None),
            ("CWAgent", "CPUUtilization", None),
            ("AWS/EC2", "StatusCheckFailed", Some((Symptom::Unreachable, Bad::Up))),
            ("AWS/EC2", "StatusCheckFailed_AttachedEBS", Some((Symptom::Unreachable, Bad::Up))),
            ("AWS/EC2", "NetworkIn", None),
            ("CWAgent", "procstat_lookup_pid_count", Some((Symptom::ServiceDown, Bad::Down))),
            ("CWAgent", "procstat_cpu_usage", None),
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
        let mut doubts = Doubts::default();
        match Dimension::read(&Field::at("dims", dimensions), &mut doubts) {
            Ok(read) => {
                let doubt = doubts.first().map(|doubt| format!(" {doubt}")).unwrap_or_default();
                format!("{:?} {:?}{doubt}", whose(&read), mount(&read))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn dimensions_name_the_instance_and_the_mount() {
        for (dimensions, expected) in [
            (
                json!({"path": "/var", "InstanceId": "i-0123456789abcdef0", "device": "xvda1"}),
                r#"Instance(InstanceId("i-0123456789abcdef0")) At(MountPoint("/var"))"#,
            ),
            (
                json!([{"name": "InstanceId", "value": "i-0123abcd"},
                       {"name": "instance", "value": "C:"}]),
                r#"Instance(InstanceId("i-0123abcd")) Drive"#,
            ),
            (
                json!({"InstanceId": "i-0123abcd", "instance": "_Total"}),
                r#"Instance(InstanceId("i-0123abcd")) Unnamed"#,
            ),
            (
                json!({"InstanceId": "i-0123abcd", "MountPath": "/srv", "Filesystem": "/dev/xvdb"}),
                r#"Instance(InstanceId("i-0123abcd")) At(MountPoint("/srv"))"#,
            ),
            (
                json!({"InstanceId": "i-0123abcd", "path": "/mnt/my disk"}),
                r#"Instance(InstanceId("i-0123abcd")) Unspeakable("/mnt/my disk")"#,
            ),
            (json!({"AutoScalingGroupName": "web"}), r#"Group("web") Unnamed"#),
            (json!({"host": "ip-10-0-0-1"}), "Nobody Unnamed"),
            (json!({}), "Nobody Unnamed"),
            (json!({"InstanceId": "Other", "path": "Other"}), "Unlabelled Unnamed"),
            (json!({"InstanceId": "ip-10-0-0-1"}), r#"NoId("ip-10-0-0-1") Unnamed"#),
            (json!([{"name": "InstanceId", "value": "mi-1"}]), r#"NoId("mi-1") Unnamed"#),
            (json!({"InstanceId": 5}), r#"NoId("") Unnamed"#),
            (
                json!({"path": 5}),
                "Nobody Unnamed a part of the event cannot be read: dims.path: expected a text, \
                 found 5",
            ),
            (
                json!([{"name": "path"}, {"name": "InstanceId", "value": "i-0123abcd"}]),
                "Instance(InstanceId(\"i-0123abcd\")) Unnamed a part of the event cannot be read: \
                 dims[0].value: expected a text, found nothing",
            ),
            (json!("x"), "dims: expected an object, found \"x\""),
        ] {
            assert_eq!(told(&dimensions), expected, "{dimensions}");
        }
    }
}
