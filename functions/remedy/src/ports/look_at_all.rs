//! Reading all there is of a region, in pages as large as each API has them: for whoever asks
//! whether everything is set up as it must be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::ids::{GroupName, InstanceId};
use crate::model::series::Series;
use crate::model::unknown::CallFailed;
use crate::ports::look::{Agent, AlarmSettings, Datapoint, Group, Instance, StatusChecks};

/// An alarm as its owner has defined it, from `cloudwatch:DescribeAlarms`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmDefinition {
    /// Its name.
    pub name: String,
    /// Its ARN, if it is told.
    pub arn: Option<String>,
    /// Its state, and what it does.
    pub settings: AlarmSettings,
    /// Since when it is in that state.
    pub since: Option<Timestamp>,
    /// How it compares, in `CloudWatch`'s words, such as `GreaterThanThreshold`.
    pub comparison: String,
    /// What it compares with, unless that is a band.
    pub threshold: Option<f64>,
    /// What it makes of missing data, if its owner said so.
    pub missing: Option<String>,
    /// What it watches.
    pub metrics: Vec<WatchedMetric>,
    /// Whether it judges whole hours or days by the clock.
    pub by_the_clock: bool,
    /// Which of its tags come along with its events, if any do.
    pub tags_sent: Option<TagsSent>,
}

/// Which tags of an alarm come along with its events (`AlarmTagsPropagation` in botocore's model
/// of `cloudwatch`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TagsSent {
    /// These alone, if it names any.
    pub only: BTreeSet<String>,
    /// Not these.
    pub but: BTreeSet<String>,
}

impl TagsSent {
    /// Whether the tag `key` comes along.
    pub fn has(&self, key: &str) -> bool {
        (self.only.is_empty() || self.only.contains(key)) && !self.but.contains(key)
    }
}

/// One of the things an alarm watches.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchedMetric {
    /// A metric.
    Metric {
        /// Whose it is, where the alarm says so.
        account: Option<String>,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The statistic, such as `Average` or `p99`.
        stat: String,
        /// In seconds.
        period: u32,
        /// The dimensions.
        dimensions: BTreeMap<String, String>,
    },
    /// Metric math over the others, or a query.
    Expression {
        /// Whose metrics it reads, where the alarm says so.
        account: Option<String>,
        /// The expression.
        text: String,
        /// In seconds, where the alarm says so.
        period: Option<u32>,
    },
}

/// An agent that has registered, from `ssm:DescribeInstanceInformation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredAgent {
    /// Whether it answers, and for which platform.
    pub agent: Agent,
    /// Its version, such as `3.3.2746.0`.
    pub version: Option<String>,
}

/// A group as its owner has defined it, from `autoscaling:DescribeAutoScalingGroups`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupDefinition {
    /// The group.
    pub group: Group,
    /// For how many seconds its health checks leave a new member alone.
    pub grace_seconds: u32,
}

/// Of when values are asked for, and how many seconds one of them is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Seconds.
    pub period: u32,
}

/// Reads all there is. A verb whose last page does not come has no answer.
pub trait LookAtAll {
    /// `cloudwatch:DescribeAlarms`: every metric alarm.
    async fn all_alarms(&self) -> Result<Vec<AlarmDefinition>, CallFailed>;
    /// `ec2:DescribeInstances`: every instance.
    async fn all_instances(&self) -> Result<BTreeMap<InstanceId, Instance>, CallFailed>;
    /// `ec2:DescribeInstanceStatus`: the checks of every instance that runs.
    async fn all_statuses(&self) -> Result<BTreeMap<InstanceId, StatusChecks>, CallFailed>;
    /// `ssm:DescribeInstanceInformation`: every agent on an instance of EC2's.
    async fn all_agents(&self) -> Result<BTreeMap<InstanceId, RegisteredAgent>, CallFailed>;
    /// `autoscaling:DescribeAutoScalingGroups`: every group.
    async fn all_groups(&self) -> Result<BTreeMap<GroupName, GroupDefinition>, CallFailed>;
    /// `cloudwatch:GetMetricData`: the values of [exact](Series::exact) series, at most
    /// [`SERIES_MAX`](crate::ports::look_at_many::SERIES_MAX), with an answer at the place of
    /// each.
    async fn values(
        &self,
        series: &[Series],
        window: Window,
    ) -> Vec<Result<Vec<Datapoint>, CallFailed>>;
}
