//! Reading the world for many incidents with few calls.

use jiff::Timestamp;

use crate::model::ids::{CommandId, GroupName, InstanceId};
use crate::model::series::Series;
use crate::model::unknown::CallFailed;
use crate::ports::clock::Clock;
use crate::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Look, Membership,
    StatusChecks,
};

/// Values of one filter of `ec2:DescribeInstances` (EC2 user guide, "List and filter your
/// resources").
pub const INSTANCES_MAX: usize = 200;

/// Ids of one `ec2:DescribeInstanceStatus` (EC2 API reference).
pub const STATUSES_MAX: usize = 100;

/// Entries of one page of `ssm:DescribeInstanceInformation` (SSM API reference).
pub const AGENTS_MAX: usize = 50;

/// Ids of one `autoscaling:DescribeAutoScalingInstances` (Auto Scaling API reference).
pub const MEMBERSHIPS_MAX: usize = 50;

/// Names of one `autoscaling:DescribeAutoScalingGroups`: half of what it takes, because each
/// answers with all its members (Auto Scaling API reference).
pub const GROUPS_MAX: usize = 50;

/// Rows of one `dynamodb:BatchGetItem` (`DynamoDB` API reference), but for the row of pauses.
pub const HISTORIES_MAX: usize = 99;

/// Queries of one `cloudwatch:GetMetricData` (`CloudWatch` API reference).
pub const SERIES_MAX: usize = 500;

/// Names of one `cloudwatch:DescribeAlarms` (`CloudWatch` API reference).
pub const ALARMS_MAX: usize = 100;

/// Instances whose sessions are asked about together: they share one list.
pub const SESSIONS_MAX: usize = 500;

/// A command on one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// The command.
    pub command: CommandId,
    /// On which instance.
    pub instance: InstanceId,
}

/// A span of time in which commands were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct During {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Commands that are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commands {
    /// All that were sent then, whoever sent them.
    During(During),
    /// One, on each instance that it was sent to.
    One(CommandId),
}

/// One page of a list of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// How commands go, as far as their list tells all there is to know of them.
    pub commands: Vec<(Sent, Command)>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// The values of a series in a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The series.
    pub series: Series,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Reads the world for many at once. Each verb answers as the one of [`Look`] that it is named
/// for, with an answer at the place of each question. What one call does not tell of one of
/// them is a failure of that one alone, and what it does not list is told as not there. None
/// is asked about nothing: to most of these calls an empty list means all there are.
pub trait LookAtMany: Look + Clock {
    /// `ec2:DescribeInstances`, at most [`INSTANCES_MAX`].
    async fn instances(&self, ids: &[InstanceId]) -> Vec<Result<Option<Instance>, CallFailed>>;
    /// `ec2:DescribeInstanceStatus`, at most [`STATUSES_MAX`].
    async fn statuses(&self, ids: &[InstanceId]) -> Vec<Result<Option<StatusChecks>, CallFailed>>;
    /// `ssm:DescribeInstanceInformation`, at most [`AGENTS_MAX`].
    async fn agents(&self, ids: &[InstanceId]) -> Vec<Result<Option<Agent>, CallFailed>>;
    /// `autoscaling:DescribeAutoScalingInstances`, at most [`MEMBERSHIPS_MAX`].
    async fn memberships(&self, ids: &[InstanceId]) -> Vec<Result<Option<Membership>, CallFailed>>;
    /// `autoscaling:DescribeAutoScalingGroups`, at most [`GROUPS_MAX`].
    async fn groups(&self, names: &[GroupName]) -> Vec<Result<Option<Group>, CallFailed>>;
    /// `dynamodb:BatchGetItem`, at most [`HISTORIES_MAX`].
    async fn histories(&self, ids: &[InstanceId]) -> Vec<Result<History, CallFailed>>;
    /// `ssm:ListCommandInvocations`: one page of these commands.
    async fn commands(&self, which: &Commands, page: Option<String>) -> Result<Listed, CallFailed>;
    /// `ssm:DescribeSessions`, at most [`SESSIONS_MAX`]: one list for all of them.
    async fn sessions_of(&self, ids: &[InstanceId]) -> Vec<Result<usize, CallFailed>>;
    /// `cloudwatch:GetMetricData`, at most [`SERIES_MAX`] spans of [exact](Series::exact)
    /// series.
    async fn spans(&self, spans: &[Span]) -> Vec<Result<Vec<Datapoint>, CallFailed>>;
    /// `cloudwatch:DescribeAlarms`, at most [`ALARMS_MAX`].
    async fn alarms(&self, names: &[String]) -> Vec<Result<Option<AlarmSettings>, CallFailed>>;
}
