//! Reading the world: one verb for each call, beside the types of its answer.

use crate::model::alarm::{AlarmState, Symptom};
use crate::model::calendar::{CalendarState, Calendars};
use crate::model::growth::GrowthBook;
use crate::model::ids::{CommandId, GroupName, InstanceId, SnapshotId, VolumeId};
use crate::model::incident::Incident;
use crate::model::pause::Pause;
use crate::model::platform::Platform;
use crate::model::pool::{Pool, PoolBook};
use crate::model::series::Series;

use crate::model::unknown::CallFailed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An EC2 instance, from `ec2:DescribeInstances`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its state.
    pub state: InstanceState,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its Availability Zone.
    pub zone: String,
    /// When it was started last, if that is told.
    pub launched_at: Option<Timestamp>,
    /// The image it was started from.
    pub image: String,
    /// Its type, such as `m7g.large`.
    pub instance_type: String,
    /// Whether its root device is an EBS volume. An instance-store root is
    /// lost with the instance.
    pub root_is_ebs: bool,
    /// Whether EC2 moves it by itself when the host under it fails ("simplified automatic
    /// recovery").
    pub auto_recovers: bool,
    /// The family of its operating system.
    pub platform: Platform,
}

/// The states of an instance (EC2 API reference, `InstanceState`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceState {
    /// `running`
    Running,
    /// Any other state, as EC2 names it.
    Not(String),
}

/// Status checks, from `ec2:DescribeInstanceStatus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a check of its own")]
pub struct StatusChecks {
    /// The host under the instance is impaired: a reboot stays on that host.
    pub system_impaired: bool,
    /// The instance itself does not answer the check.
    pub instance_impaired: bool,
    /// An EBS volume of its own does not answer: a reboot mends none.
    pub volume_impaired: bool,
    /// A check of the host or the instance has no verdict yet: it boots.
    pub initializing: bool,
    /// Whether the application on it fails the check its owner has set up;
    /// `None` where no such check counts (EC2 user guide, "Application status
    /// checks").
    pub application_impaired: Option<bool>,
    /// What AWS says of its performance, if that is impaired: a fault of AWS's that its own
    /// recommendation mends, where such checks are enabled.
    pub performance: Option<Performance>,
    /// What AWS is going to do to the instance, if it is not done.
    pub scheduled: Option<ScheduledEvent>,
}

/// An impaired performance, as AWS tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performance {
    /// What AWS recommends, if it does.
    pub remediation: Option<String>,
}

impl StatusChecks {
    /// Whether the instance serves again, as far as any check knows: its host, itself, and the
    /// application on it, where its owner has it checked.
    pub fn serves(&self) -> bool {
        self.pass() && self.application_impaired != Some(true)
    }

    /// Whether the instance and its host pass.
    pub fn pass(&self) -> bool {
        !self.system_impaired && !self.instance_impaired
    }
}

/// Something AWS is going to do to an instance: reboot, stop or retire it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEvent {
    /// What, in EC2's words, such as `instance-retirement`.
    pub code: String,
    /// The earliest time, if it is told.
    pub not_before: Option<Timestamp>,
}

/// An SSM agent, from `ssm:DescribeInstanceInformation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The service takes the agent for connected (`PingStatus` is `Online`).
    pub online: bool,
    /// When it last pinged. `Online` outlives the agent by minutes.
    pub last_ping: Option<Timestamp>,
    /// The platform the agent reports.
    pub platform: Option<Platform>,
}

/// A place in a group, from `autoscaling:DescribeAutoScalingInstances`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The group.
    pub group: GroupName,
    /// The lifecycle state, as Auto Scaling names it, such as `InService`.
    pub lifecycle: String,
    /// Whether the group takes the instance for healthy.
    pub healthy: bool,
    /// Whether its owner protects it from scale-in.
    pub protected: bool,
    /// The launch template version the instance was started from.
    pub launch_template_version: Option<String>,
}

/// A group, from `autoscaling:DescribeAutoScalingGroups`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The least capacity it may have.
    pub min: u32,
    /// The most capacity it may have.
    pub max: u32,
    /// The capacity it wants.
    pub desired: u32,
    /// What these three count.
    pub unit: CapacityUnit,
    /// Its members, but for those of its warm pool.
    pub members: Vec<Member>,
    /// Whether anything sends traffic to its members: a target group, a Classic Load
    /// Balancer, or VPC Lattice. The kind of health check does not tell.
    pub receives_traffic: bool,
    /// Kinds of health check, such as `EC2`, `ELB`, in upper case.
    pub health_checks: BTreeSet<String>,
    /// Processes that are suspended, such as `Launch`.
    pub suspended: BTreeSet<String>,
    /// The instance maintenance policy: least and most healthy capacity during
    /// a replacement, in percent of desired.
    pub maintenance: Option<(u32, u32)>,
    /// Whether it protects each new member from scale-in.
    pub protects_new: bool,
}

/// What a group's capacity counts (Auto Scaling user guide, "Specify instance types by
/// attributes" and "instance weights").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CapacityUnit {
    /// Members, or their weights where they have some.
    Units,
    /// Virtual processors or memory, of which a member tells nothing but its weight.
    Other,
}

/// A member of a group, as the group sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which instance.
    pub instance: InstanceId,
    /// Its lifecycle state, as Auto Scaling names it.
    pub lifecycle: String,
    /// Whether the group takes it for healthy.
    pub healthy: bool,
    /// How much of the group's capacity it is, if it has a weight.
    pub weight: Option<u32>,
    /// Its Availability Zone.
    pub zone: String,
}

/// An Availability Zone, from `ec2:DescribeAvailabilityZones`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name, such as `eu-central-1a`.
    pub name: String,
    /// Its state, as EC2 names it; `available` if it is well.
    pub state: String,
    /// What EC2 says of it.
    pub says: Vec<String>,
}

impl Zone {
    /// Whether EC2 calls it well. A word that we do not know is no yes.
    pub fn is_well(&self) -> bool {
        self.state == "available"
    }
}

/// What the owner of an alarm has set, from `cloudwatch:DescribeAlarms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSettings {
    /// Its state, if it knows one.
    pub state: Option<AlarmState>,
    /// Whether it acts at all.
    pub actions_enabled: bool,
    /// What it does when it goes into ALARM: ARNs.
    pub actions: Vec<String>,
}

/// What the ledger holds about an instance.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct History {
    /// The newest incident, open or closed.
    pub latest: Option<Incident>,
    /// Every pause there is, those that have ended too.
    pub pauses: Vec<Pause>,
}

/// An SSM command on one instance, from `ssm:GetCommandInvocation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whether it has ended, well or badly.
    pub ended: bool,
    /// The fine status, such as `ExecutionTimedOut`, without spaces.
    pub status: String,
    /// The script's exit code, once there is one.
    pub exit_code: Option<i32>,
    /// The first 24,000 characters of its output.
    pub stdout: String,
    /// The first 8,000 characters of its errors.
    pub stderr: String,
}

impl Command {
    /// Whether it was accepted and then canceled before it ran anywhere, because too many
    /// commands of the account had not ended (SSM API reference, `Command`, `StatusDetails`).
    pub fn was_never_run(&self) -> bool {
        self.ended && self.status == "RateExceeded"
    }
}

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datapoint {
    /// The beginning of its period.
    pub at: Timestamp,
    /// Its value, in the metric's own unit.
    pub value: f64,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Not(state) => state,
        })
    }
}

/// A volume that is attached to an instance, from `ec2:DescribeVolumes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Which volume.
    pub id: VolumeId,
    /// Its size in GiB.
    pub size_gib: u32,
    /// Its type, such as `gp3`.
    pub kind: String,
    /// The device name that the attachment to the instance has, such as `/dev/sdf`.
    pub device: Option<String>,
    /// To how many instances it is attached.
    pub attachments: usize,
    /// Whether it may be attached to several.
    pub multi_attach: bool,
    /// The service of AWS that manages it, if one does.
    pub managed_by: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The last modification of a volume, from `ec2:DescribeVolumesModifications`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modification {
    /// How far it has come.
    pub state: ModificationState,
    /// The size that was asked for.
    pub target_gib: Option<u32>,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
}

/// How far the modification of a volume has come (EC2 API reference,
/// `VolumeModification`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModificationState {
    /// Under way: the new size cannot be used yet.
    Modifying,
    /// The new size can be used; its performance follows.
    Optimizing,
    /// Over.
    Completed,
    /// It did not happen.
    Failed,
    /// What EC2 calls otherwise.
    Other(String),
}

impl fmt::Display for ModificationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Modifying => "modifying",
            Self::Optimizing => "optimizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Other(state) => state,
        })
    }
}

/// A snapshot of a volume, from `ec2:DescribeSnapshots`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which snapshot.
    pub id: SnapshotId,
    /// Whether it holds the volume. It does from the moment at which it was asked for: "it is
    /// created immediately, but it remains in the pending state until all of data has been
    /// transferred" (EBS user guide, "Create Amazon EBS snapshots").
    pub holds: bool,
    /// What EC2 calls its state.
    pub state: String,
}

/// Reads the world. Every verb is one call.
pub trait Look {
    /// `ec2:DescribeInstances`; `None` if there is no such instance.
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, CallFailed>;
    /// `ec2:DescribeInstanceStatus`; `None` while the instance does not run.
    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, CallFailed>;
    /// `ssm:DescribeInstanceInformation`; `None` if no agent registered.
    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, CallFailed>;
    /// `autoscaling:DescribeAutoScalingInstances`; `None` outside a group.
    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, CallFailed>;
    /// `autoscaling:DescribeAutoScalingGroups`; `None` if the group is gone.
    async fn group(&self, name: &GroupName) -> Result<Option<Group>, CallFailed>;
    /// `autoscaling:DescribeInstanceRefreshes`: the status of one that is not
    /// finished.
    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, CallFailed>;
    /// `dynamodb:BatchGetItem`: what the ledger holds about the instance.
    async fn history(&self, id: &InstanceId) -> Result<History, CallFailed>;
    /// `dynamodb:BatchGetItem`: what the ledger holds about `pool` and
    /// `symptom` at `now`. However many members the pool has, it answers a
    /// bounded number of rows of bounded size.
    async fn pool(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed>;
    /// `ssm:DescribeSessions`: how many sessions are open on the instance.
    async fn sessions(&self, id: &InstanceId) -> Result<usize, CallFailed>;
    /// `ec2:DescribeInstanceTypes`: whether instances of the type have disks of
    /// their own, which are lost with them.
    async fn instance_store(&self, instance_type: &str) -> Result<bool, CallFailed>;
    /// `ec2:DescribeVolumes`: the volumes that are attached to the instance.
    async fn volumes(&self, id: &InstanceId) -> Result<Vec<Volume>, CallFailed>;
    /// `ec2:DescribeVolumesModifications`: the last modification of the volume; `None`
    /// if it was never modified.
    async fn modification(&self, volume: &VolumeId) -> Result<Option<Modification>, CallFailed>;
    /// `ec2:DescribeSnapshots`: the snapshot of the volume with that description, of those that
    /// are the account's own; `None` if there is none.
    async fn snapshot(
        &self,
        volume: &VolumeId,
        description: &str,
    ) -> Result<Option<Snapshot>, CallFailed>;
    /// `dynamodb:BatchGetItem`: what the ledger holds about the growth of the volume,
    /// and of the region's on the day of `now`.
    async fn growths(&self, volume: &VolumeId, now: Timestamp) -> Result<GrowthBook, CallFailed>;
    /// `ec2:DescribeAvailabilityZones`: the zones of the region that the account uses.
    async fn zones(&self) -> Result<Vec<Zone>, CallFailed>;
    /// `ssm:GetCalendarState`: what `calendars` say at `now`, open only if all of them are.
    async fn calendar(
        &self,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<CalendarState, CallFailed>;
    /// `ssm:GetCommandInvocation`; `None` while the service does not show it.
    async fn command(
        &self,
        id: &CommandId,
        instance: &InstanceId,
    ) -> Result<Option<Command>, CallFailed>;
    /// `ssm:ListCommandInvocations`: the newest command on `instance` with that
    /// comment, of those sent after `since`.
    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, CallFailed>;
    /// `ec2:GetConsoleOutput`: what the instance's serial console showed last, at
    /// most 64 KB; `None` if nothing. Of instances that have no live console it
    /// is what was kept of the last boot, by a second call.
    async fn console_output(&self, id: &InstanceId) -> Result<Option<String>, CallFailed>;
    /// `cloudwatch:GetMetricData`: the values of `series` from `since` until
    /// `until`, one a minute or as often as there are any, oldest first.
    async fn datapoints(
        &self,
        series: &Series,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Datapoint>, CallFailed>;
    /// `cloudwatch:DescribeAlarms`: the alarm by that name; `None` if there is none.
    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed>;
}
