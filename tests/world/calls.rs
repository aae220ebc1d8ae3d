//! Every call that reaches the region: which one, about what, and what was
//! answered. What can go wrong with a call is here too.

use jiff::Timestamp;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::incident::{FailureKind, Incident};

use crate::group::Group;
use crate::host::Host;

/// The calls the ports can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads an instance.
    Instance,
    /// Reads its status checks.
    Status,
    /// Reads its SSM agent.
    Agent,
    /// Reads its place in a group.
    Membership,
    /// Reads a group.
    Group,
    /// Reads whether an instance refresh runs.
    Refresh,
    /// Reads the ledger.
    History,
    /// Reads what the ledger holds about a pool.
    Pool,
    /// Reads how many sessions are open on an instance.
    Sessions,
    /// Reads whether an instance type has disks of its own.
    InstanceStore,
    /// Reads the zones of the region.
    Zones,
    /// Asks the change calendars.
    Calendar,
    /// Reads what is paused.
    Pauses,
    /// Reads the volumes of an instance.
    Volumes,
    /// Reads the last modification of a volume.
    Modification,
    /// Reads the snapshot of a volume.
    SnapshotOf,
    /// Reads how volumes were grown before.
    Growths,
    /// Finds an incident's command.
    CommandOf,
    /// Reads how a command goes.
    Command,
    /// Reads what a console showed.
    ConsoleOutput,
    /// Reads a series.
    Datapoints,
    /// Reads an alarm's state.
    Alarm,
    /// Reads one incident, open or ended.
    Kept,
    /// Asks the ledger what is due.
    Due,
    /// Opens an incident in the ledger.
    Open,
    /// Writes a later state of an incident.
    Record,
    /// Writes a later state of an incident and takes a place in a budget.
    RecordWithLease,
    /// Writes a later state of an incident and counts a growth.
    RecordWithGrowth,
    /// Takes back that a volume was to grow.
    ForgetGrowth,
    /// Gives a place in a budget back.
    Release,
    /// Notes that a member is sick.
    NoteSick,
    /// Sets a pause.
    Pause,
    /// Lifts a pause.
    Lift,
    /// Counts a repeat.
    Count,
    /// Notes that a member is being replaced.
    NoteReplacement,
    /// Writes what became of tries.
    KeepTries,
    /// Sends a cleanup command.
    Clean,
    /// Sends a command that only looks.
    Gather,
    /// Asks a host which disk is full.
    Survey,
    /// Takes a snapshot of a volume.
    Snapshot,
    /// Grows a volume.
    Grow,
    /// Has a host extend a file system.
    Extend,
    /// Puts a text into the evidence bucket.
    Keep,
    /// Reboots an instance.
    Reboot,
    /// Has a group replace an instance.
    Replace,
    /// Takes a member out of service, into Standby.
    LeaveService,
    /// Brings a member back from Standby.
    ComeBack,
    /// Publishes a notification.
    Tell,
}

/// What a call does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It reads.
    Look,
    /// It writes to the ledger.
    Write,
    /// It changes an instance or a group.
    Touch,
    /// It tells people.
    Tell,
}

impl Verb {
    /// The calls that read the facts an alarm asks about.
    pub const LOOKS: [Self; 12] = [
        Self::Instance,
        Self::Status,
        Self::Agent,
        Self::Membership,
        Self::Group,
        Self::Refresh,
        Self::Pool,
        Self::Sessions,
        Self::Zones,
        Self::Datapoints,
        Self::Alarm,
        Self::History,
    ];

    /// Every call that a function of Remedy's makes by itself.
    pub const ALL: [Self; 41] = [
        Self::Instance,
        Self::Status,
        Self::Agent,
        Self::Membership,
        Self::Group,
        Self::Refresh,
        Self::History,
        Self::Pool,
        Self::Sessions,
        Self::InstanceStore,
        Self::Zones,
        Self::Calendar,
        Self::CommandOf,
        Self::Command,
        Self::Datapoints,
        Self::Alarm,
        Self::Due,
        Self::Open,
        Self::Record,
        Self::RecordWithLease,
        Self::Release,
        Self::NoteSick,
        Self::NoteReplacement,
        Self::Volumes,
        Self::Modification,
        Self::SnapshotOf,
        Self::Growths,
        Self::RecordWithGrowth,
        Self::Survey,
        Self::Snapshot,
        Self::Grow,
        Self::Extend,
        Self::KeepTries,
        Self::Pauses,
        Self::Pause,
        Self::Clean,
        Self::Reboot,
        Self::Replace,
        Self::LeaveService,
        Self::ComeBack,
        Self::Tell,
    ];

    /// The call's name, in IAM's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "ec2:DescribeInstances",
            Self::Status => "ec2:DescribeInstanceStatus",
            Self::Agent => "ssm:DescribeInstanceInformation",
            Self::Membership => "autoscaling:DescribeAutoScalingInstances",
            Self::Group => "autoscaling:DescribeAutoScalingGroups",
            Self::Refresh => "autoscaling:DescribeInstanceRefreshes",
            Self::Volumes => "ec2:DescribeVolumes",
            Self::Modification => "ec2:DescribeVolumesModifications",
            Self::SnapshotOf => "ec2:DescribeSnapshots",
            Self::Snapshot => "ec2:CreateSnapshot",
            Self::Grow => "ec2:ModifyVolume",
            Self::History | Self::Pool | Self::Growths | Self::Pauses | Self::Kept => {
                "dynamodb:BatchGetItem"
            }
            Self::Sessions => "ssm:DescribeSessions",
            Self::InstanceStore => "ec2:DescribeInstanceTypes",
            Self::Zones => "ec2:DescribeAvailabilityZones",
            Self::Calendar => "ssm:GetCalendarState",
            Self::CommandOf => "ssm:ListCommandInvocations",
            Self::Command => "ssm:GetCommandInvocation",
            Self::ConsoleOutput => "ec2:GetConsoleOutput",
            Self::Keep => "s3:PutObject",
            Self::Datapoints => "cloudwatch:GetMetricData",
            Self::Alarm => "cloudwatch:DescribeAlarms",
            Self::Due => "dynamodb:Scan",
            Self::Open | Self::Record | Self::KeepTries => "dynamodb:PutItem",
            Self::RecordWithLease | Self::RecordWithGrowth => "dynamodb:TransactWriteItems",
            Self::NoteReplacement
            | Self::Count
            | Self::NoteSick
            | Self::ForgetGrowth
            | Self::Release
            | Self::Pause
            | Self::Lift => "dynamodb:UpdateItem",
            Self::Clean | Self::Gather | Self::Survey | Self::Extend => "ssm:SendCommand",
            Self::Reboot => "ec2:RebootInstances",
            Self::Replace => "autoscaling:SetInstanceHealth",
            Self::LeaveService => "autoscaling:EnterStandby",
            Self::ComeBack => "autoscaling:ExitStandby",
            Self::Tell => "sns:Publish",
        }
    }

    /// What the call does to the world.
    pub fn nature(self) -> Nature {
        match self {
            Self::Instance
            | Self::Status
            | Self::Agent
            | Self::Membership
            | Self::Group
            | Self::Refresh
            | Self::History
            | Self::Pool
            | Self::Sessions
            | Self::InstanceStore
            | Self::Volumes
            | Self::Modification
            | Self::SnapshotOf
            | Self::Growths
            | Self::Zones
            | Self::Calendar
            | Self::Pauses
            | Self::CommandOf
            | Self::Command
            | Self::ConsoleOutput
            | Self::Datapoints
            | Self::Alarm
            | Self::Kept
            | Self::Due => Nature::Look,
            Self::Open
            | Self::Record
            | Self::RecordWithLease
            | Self::RecordWithGrowth
            | Self::ForgetGrowth
            | Self::Release
            | Self::NoteSick
            | Self::Pause
            | Self::Lift
            | Self::Count
            | Self::Keep
            | Self::NoteReplacement
            | Self::KeepTries => Nature::Write,
            Self::Clean
            | Self::Survey
            | Self::Snapshot
            | Self::Grow
            | Self::Extend
            | Self::Gather
            | Self::Reboot
            | Self::Replace
            | Self::LeaveService
            | Self::ComeBack => Nature::Touch,
            Self::Tell => Nature::Tell,
        }
    }
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// AWS says no, in these words: nothing happens, and the caller knows.
    Refused(&'static str),
    /// The request never arrives: nothing happens, and the caller cannot know.
    RequestLost,
    /// The call takes effect and its answer is lost: the caller cannot know.
    AnswerLost,
}

impl Fault {
    /// What the caller gets to see.
    pub fn says(&self) -> &'static str {
        match self {
            Self::Refused(why) => why,
            Self::RequestLost | Self::AnswerLost => "no answer within 5 s",
        }
    }

    /// How AWS says no; `None` if the caller cannot know what happened.
    pub(crate) fn kind(&self) -> Option<FailureKind> {
        match self {
            Self::Refused(why) => Some(failure_kind(why)),
            Self::RequestLost | Self::AnswerLost => None,
        }
    }
}

/// What AWS means by `why`, which begins with an error code.
pub(crate) fn failure_kind(why: &str) -> FailureKind {
    match why.split(':').next() {
        Some("ThrottlingException" | "RequestLimitExceeded") => FailureKind::Throttled,
        Some(
            "InvalidInstanceId"
            | "InvalidInstanceID.NotFound"
            | "IncorrectState"
            | "ValidationError"
            | "IncorrectModificationState"
            | "VolumeModificationRateExceeded"
            | "InvalidVolume.NotFound",
        ) => FailureKind::InstanceState,
        _ => FailureKind::NotPermitted,
    }
}

/// Where a function dies: its process ends at one of the region's calls, and
/// whoever waits for it waits in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// The call, counted from 1 over everything that is called.
    pub at_call: usize,
    /// Whether that call still takes effect: then only its answer is lost.
    pub takes_effect: bool,
}

/// What a call did to the region, whatever its caller got to hear of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// When.
    pub at: Timestamp,
    /// Which call.
    pub verb: Verb,
    /// What it was about: an instance, a group, an incident or a subject.
    pub about: String,
    /// Whether it was carried out; `false` if the region said no.
    pub done: bool,
    /// Which of the invocations that run at once made it.
    pub by: usize,
    /// For a call that touches an instance, how everything stood just before.
    pub before: Option<Box<Before>>,
}

/// That a host was well, or was not known to be in trouble any more, and by what.
#[derive(Clone, Debug, PartialEq)]
pub struct Well {
    /// By what, for counting.
    pub by: WellBy,
    /// How it was, for people.
    pub how: String,
}

/// By what a host was well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WellBy {
    /// What it said itself.
    ItsWord,
    /// What was measured last.
    ItsMetric,
    /// What kind of file system is full: no disk of its own.
    NotItsDisk,
    /// Nothing that was measured or said since something was done to it.
    NoNews,
}

/// An instance and its group, just before a call that touches them.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// The instance.
    pub id: InstanceId,
    /// How it was, if it was there at all.
    pub host: Option<Host>,
    /// Its group, if it had one.
    pub group: Option<(GroupName, Group)>,
    /// Its newest incident in the ledger, if it had one.
    pub incident: Option<Incident>,
    /// Whether a cleanup was under way on it.
    pub cleaning: bool,
    /// By what it was well, if it was.
    pub well: Option<Well>,
}

/// One call, as the region saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// Which one.
    pub verb: Verb,
    /// What it was about: an instance, a group, an incident or a subject.
    pub about: String,
    /// What was answered, for people.
    pub answer: String,
}
