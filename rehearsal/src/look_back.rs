//! What an account keeps of its past, behind a port: whoever knows how to ask it implements this.

use std::collections::BTreeMap;

use jiff::Timestamp;
use remedy::model::ids::GroupName;
use remedy::model::unknown::CallFailed;

use crate::history::Item;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub found: Vec<T>,
    /// What asks for the next one, if there is one.
    pub next: Option<String>,
}

/// Which changes of state are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes<'a> {
    /// Those of every metric alarm.
    OfAlarms,
    /// Those of the contributors to this alarm.
    OfContributors(&'a str),
}

/// A span of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What a group did, from `autoscaling:DescribeScalingActivities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// When it began.
    pub at: Timestamp,
    /// What it was, in Auto Scaling's words.
    pub description: String,
    /// How far it came, in Auto Scaling's words.
    pub status: String,
    /// Why it came no further.
    pub says: Option<String>,
}

/// An instance refresh, from `autoscaling:DescribeInstanceRefreshes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// When it began, if it has.
    pub from: Option<Timestamp>,
    /// When it was over, if it is.
    pub until: Option<Timestamp>,
    /// How far it has come.
    pub status: String,
}

/// Reads what an account keeps of its past.
pub trait LookBack {
    /// `cloudwatch:DescribeAlarmHistory`: a page of changes of state, the newest first.
    async fn changes(
        &self,
        which: Changes<'_>,
        between: Between,
        next: Option<String>,
    ) -> Result<Page<Item>, CallFailed>;
    /// `cloudwatch:ListTagsForResource`: the tags of the alarm with this ARN.
    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallFailed>;
    /// `cloudwatch:ListMetrics`: the dimensions of every series of that name which had values
    /// lately.
    async fn series_named(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<BTreeMap<String, String>>, CallFailed>;
    /// `autoscaling:DescribeScalingActivities`: what the group began to do since then.
    async fn activities(
        &self,
        group: &GroupName,
        since: Timestamp,
    ) -> Result<Vec<Activity>, CallFailed>;
    /// `autoscaling:DescribeInstanceRefreshes`: the group's refreshes of the last weeks.
    async fn refreshes(&self, group: &GroupName) -> Result<Vec<Refresh>, CallFailed>;
    /// `cloudtrail:LookupEvents`: a page of the calls with this name, the newest first, each as
    /// `CloudTrail` has recorded it, in JSON.
    async fn calls(
        &self,
        name: &str,
        between: Between,
        next: Option<String>,
    ) -> Result<Page<String>, CallFailed>;
}
