//! The second room: everything that is read about an instance before anything
//! is decided, and the time it was read. What could not be read is
//! [`Fact::Unknown`] and says why; no later room takes a gap for a "no".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::future;
use jiff::Timestamp;
use serde::Serialize;

use crate::alarm::{AlarmState, Series, Symptom};
use crate::ids::{CommandId, GroupName, InstanceId};
use crate::incident::{Found, Incident, Past};
use crate::pause::Pause;
use crate::policy::{OPT_IN_ENABLED, OPT_IN_OBSERVE, OPT_IN_TAG};
use crate::pool::{Pool, PoolBook, Sighting};

/// Something that was asked and either answered or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<T> {
    /// The answer.
    Known(T),
    /// No answer, and why.
    Unknown(Gap),
}

impl<T> From<Result<T, Gap>> for Fact<T> {
    fn from(answer: Result<T, Gap>) -> Self {
        match answer {
            Ok(value) => Self::Known(value),
            Err(gap) => Self::Unknown(gap),
        }
    }
}

/// A question that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{call} failed: {why}")]
pub struct Gap {
    /// The call that failed, in IAM's spelling, such as `ec2:DescribeInstances`.
    pub call: &'static str,
    /// What it said.
    pub why: String,
}

/// Everything known about the instance of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// When it was read. Every age is measured from here.
    pub observed_at: Timestamp,
    /// The instance; `None` if there is none by that id.
    pub instance: Fact<Option<Instance>>,
    /// Its status checks; `None` while it does not run.
    pub status: Fact<Option<StatusChecks>>,
    /// Its SSM agent; `None` if none ever registered.
    pub agent: Fact<Option<Agent>>,
    /// Its place in an Auto Scaling group; `None` if it has none.
    pub membership: Fact<Option<Membership>>,
    /// The group. Read only when a rung that asks about it is in question.
    pub group: GroupFact,
    /// What else a disruption asks about. Read only when one is in question.
    pub disruption: DisruptionFact,
    /// What the ledger holds about the instance.
    pub history: Fact<History>,
    /// What the host's own script found last, in the incident that is open.
    pub found: Option<Found>,
}

/// What is known about the group of the instance.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupFact {
    /// Nobody asked yet.
    NotRead,
    /// Asked: the group (`None` if it is gone), and the instance refresh that
    /// runs in it, by its status.
    Read {
        /// The group itself.
        group: Fact<Option<Group>>,
        /// The status of an unfinished instance refresh.
        refresh: Fact<Option<String>>,
    },
}

/// What is known beyond the instance and its group before it is disrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum DisruptionFact {
    /// Nobody asked yet.
    NotRead,
    /// Asked.
    Read {
        /// What the ledger holds about the instance's pool and the symptom.
        pool: Fact<PoolBook>,
        /// Session Manager sessions that are open on the instance.
        sessions: Fact<usize>,
        /// Whether the instance's type has disks that are lost with it.
        instance_store: Fact<bool>,
    },
}

/// An EC2 instance, from `ec2:DescribeInstances`.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its state.
    pub state: InstanceState,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its Availability Zone.
    pub zone: String,
    /// The image it was started from.
    pub image: String,
    /// Its type, such as `m7g.large`.
    pub instance_type: String,
    /// Whether its root device is an EBS volume. An instance-store root is
    /// lost with the instance.
    pub root_is_ebs: bool,
    /// The family of its operating system.
    pub platform: Platform,
}

/// The states of an instance (EC2 API reference, `InstanceState`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// `running`
    Running,
    /// Any other state, as EC2 names it.
    Not(String),
}

/// The family of an operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// What our cleanup scripts are written for.
    Linux,
    /// Windows, which they are not.
    Windows,
}

/// Status checks, from `ec2:DescribeInstanceStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChecks {
    /// The host under the instance is impaired: a reboot stays on that host.
    pub system_impaired: bool,
    /// The instance itself does not answer the check.
    pub instance_impaired: bool,
    /// Whether the application on it fails the check its owner has set up;
    /// `None` where no such check counts (EC2 user guide, "Application status
    /// checks").
    pub application_impaired: Option<bool>,
    /// What AWS is going to do to the instance, if it is not done.
    pub scheduled: Option<ScheduledEvent>,
}

impl StatusChecks {
    /// Whether the instance and its host pass.
    pub fn pass(&self) -> bool {
        !self.system_impaired && !self.instance_impaired
    }
}

/// Something AWS is going to do to an instance: reboot, stop or retire it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledEvent {
    /// What, in EC2's words, such as `instance-retirement`.
    pub code: String,
    /// The earliest time, if it is told.
    pub not_before: Option<Timestamp>,
}

/// An SSM agent, from `ssm:DescribeInstanceInformation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The service takes the agent for connected (`PingStatus` is `Online`).
    pub online: bool,
    /// When it last pinged. `Online` outlives the agent by minutes.
    pub last_ping: Option<Timestamp>,
    /// The platform the agent reports.
    pub platform: Option<Platform>,
}

/// A place in a group, from `autoscaling:DescribeAutoScalingInstances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: GroupName,
    /// The lifecycle state, as Auto Scaling names it, such as `InService`.
    pub lifecycle: String,
    /// Whether the group takes the instance for healthy.
    pub healthy: bool,
    /// The launch template version the instance was started from.
    pub launch_template_version: Option<String>,
}

/// A group, from `autoscaling:DescribeAutoScalingGroups`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The least capacity it may have.
    pub min: u32,
    /// The most capacity it may have.
    pub max: u32,
    /// The capacity it wants.
    pub desired: u32,
    /// Members that are `InService` and healthy.
    pub healthy_in_service: u32,
    /// Kinds of health check, such as `EC2`, `ELB`, in upper case.
    pub health_checks: BTreeSet<String>,
    /// Processes that are suspended, such as `Launch`.
    pub suspended: BTreeSet<String>,
    /// The instance maintenance policy: least and most healthy capacity during
    /// a replacement, in percent of desired.
    pub maintenance: Option<(u32, u32)>,
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

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datapoint {
    /// The beginning of its period.
    pub at: Timestamp,
    /// Its value, in the metric's own unit.
    pub value: f64,
}

/// What an owner's tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptIn {
    /// Actions are allowed.
    Enabled,
    /// Think and tell, do not touch.
    Observe,
    /// Not opted in: the tag's value, if there is one.
    No(Option<String>),
}

impl OptIn {
    /// Reads the opt-in tag among `tags`. Values are compared exactly: a value
    /// we do not know is not a yes.
    pub fn of(tags: &BTreeMap<String, String>) -> Self {
        match tags.get(OPT_IN_TAG).map(String::as_str) {
            Some(OPT_IN_ENABLED) => Self::Enabled,
            Some(OPT_IN_OBSERVE) => Self::Observe,
            other => Self::No(other.map(str::to_owned)),
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Not(state) => state,
        })
    }
}

/// Reads the world. Every verb is one call.
pub trait Look {
    /// `ec2:DescribeInstances`; `None` if there is no such instance.
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, Gap>;
    /// `ec2:DescribeInstanceStatus`; `None` while the instance does not run.
    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, Gap>;
    /// `ssm:DescribeInstanceInformation`; `None` if no agent registered.
    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, Gap>;
    /// `autoscaling:DescribeAutoScalingInstances`; `None` outside a group.
    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, Gap>;
    /// `autoscaling:DescribeAutoScalingGroups`; `None` if the group is gone.
    async fn group(&self, name: &GroupName) -> Result<Option<Group>, Gap>;
    /// `autoscaling:DescribeInstanceRefreshes`: the status of one that is not
    /// finished.
    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, Gap>;
    /// `dynamodb:BatchGetItem`: what the ledger holds about the instance.
    async fn history(&self, id: &InstanceId) -> Result<History, Gap>;
    /// `dynamodb:BatchGetItem`: what the ledger holds about `pool` and
    /// `symptom` at `now`. However many members the pool has, it answers a
    /// bounded number of rows of bounded size.
    async fn pool(&self, pool: &Pool, symptom: Symptom, now: Timestamp) -> Result<PoolBook, Gap>;
    /// `ssm:DescribeSessions`: how many sessions are open on the instance.
    async fn sessions(&self, id: &InstanceId) -> Result<usize, Gap>;
    /// `ec2:DescribeInstanceTypes`: whether instances of the type have disks of
    /// their own, which are lost with them.
    async fn instance_store(&self, instance_type: &str) -> Result<bool, Gap>;
    /// `ssm:GetCommandInvocation`; `None` while the service does not show it.
    async fn command(&self, id: &CommandId, instance: &InstanceId) -> Result<Option<Command>, Gap>;
    /// `ssm:ListCommandInvocations`: the newest command on `instance` with that
    /// comment, of those sent after `since`.
    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, Gap>;
    /// `ec2:GetConsoleOutput`: what the instance's serial console showed last, at
    /// most 64 KB; `None` if nothing. Of instances that have no live console it
    /// is what was kept of the last boot, by a second call.
    async fn console_output(&self, id: &InstanceId) -> Result<Option<String>, Gap>;
    /// `cloudwatch:GetMetricData`: the values of `series` from `since` until
    /// `until`, one a minute or as often as there are any, oldest first.
    async fn datapoints(
        &self,
        series: &Series,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Datapoint>, Gap>;
    /// `cloudwatch:DescribeAlarms`: the state of the alarm by that name; `None`
    /// if there is none, or if it does not know its state.
    async fn alarm_state(&self, name: &str) -> Result<Option<AlarmState>, Gap>;
}

impl Facts {
    /// Asks everything about `id` that can be asked at once.
    pub async fn read(look: &impl Look, id: &InstanceId, now: Timestamp) -> Self {
        let (instance, status, agent, (membership, history)) = future::join4(
            look.instance(id),
            look.status(id),
            look.agent(id),
            future::join(look.membership(id), look.history(id)),
        )
        .await;
        Self {
            observed_at: now,
            instance: instance.into(),
            status: status.into(),
            agent: agent.into(),
            membership: membership.into(),
            group: GroupFact::NotRead,
            disruption: DisruptionFact::NotRead,
            history: history.into(),
            found: None,
        }
    }

    /// Asks everything else that a disruption of the instance asks about. Asks
    /// nothing about an instance of which nothing is known.
    pub async fn read_for_disruption(
        &mut self,
        look: &impl Look,
        id: &InstanceId,
        symptom: Symptom,
    ) {
        let Fact::Known(Some(instance)) = &self.instance else { return };
        let name = self.group_name().cloned();
        let pool = Pool::of(name.as_ref(), &instance.tags);
        let (group, (pool, sessions, instance_store)) = future::join(
            group_named(look, name.as_ref()),
            future::join3(
                look.pool(&pool, symptom, self.observed_at),
                look.sessions(id),
                look.instance_store(&instance.instance_type),
            ),
        )
        .await;
        self.group = group;
        self.disruption = DisruptionFact::Read {
            pool: pool.into(),
            sessions: sessions.into(),
            instance_store: instance_store.into(),
        };
    }

    /// Asks about the group of that name, which the instance may have left.
    pub async fn read_group_named(&mut self, look: &impl Look, name: Option<&GroupName>) {
        self.group = group_named(look, name).await;
    }

    /// Adds what noting the instance as sick told about others. If it could not
    /// be noted, who is sick is not known.
    pub fn learn_who_is_sick(&mut self, noted: Result<Vec<Sighting>, Gap>) {
        let DisruptionFact::Read { pool, .. } = &mut self.disruption else { return };
        match (noted, &mut *pool) {
            (Ok(sick), Fact::Known(book)) => {
                for sighting in sick {
                    if !book.sick.contains(&sighting) {
                        book.sick.push(sighting);
                    }
                }
            }
            (Err(gap), Fact::Known(_)) => *pool = Fact::Unknown(gap),
            (_, Fact::Unknown(_)) => {}
        }
    }

    /// The instance's newest incident, where the ledger could be read.
    pub fn latest(&self) -> Option<&Incident> {
        match &self.history {
            Fact::Known(history) => history.latest.as_ref(),
            Fact::Unknown(_) => None,
        }
    }

    /// The instance's pool, where it is known which that is.
    pub fn pool(&self) -> Option<Pool> {
        match (&self.instance, &self.membership) {
            (Fact::Known(Some(instance)), Fact::Known(_)) => {
                Some(Pool::of(self.group_name(), &instance.tags))
            }
            _ => None,
        }
    }

    /// What others with the same symptom may share with the instance, where
    /// that is known.
    pub fn sighting(&self, id: &InstanceId) -> Option<Sighting> {
        let Fact::Known(Some(instance)) = &self.instance else { return None };
        let version = match &self.membership {
            Fact::Known(Some(membership)) => membership.launch_template_version.clone(),
            _ => None,
        };
        Some(Sighting {
            instance: id.clone(),
            at: self.observed_at,
            zone: instance.zone.clone(),
            image: instance.image.clone(),
            launch_template_version: version,
        })
    }

    /// The instance's earlier incidents, where the ledger could be read: without
    /// the one that is open.
    pub fn past(&self) -> Vec<Past> {
        match self.latest() {
            Some(open) if open.holds(self.observed_at) => open.past.clone(),
            Some(latest) => latest.past_so_far(self.observed_at),
            None => Vec::new(),
        }
    }

    /// The name of the instance's group, where that is known.
    pub fn group_name(&self) -> Option<&GroupName> {
        match &self.membership {
            Fact::Known(Some(membership)) => Some(&membership.group),
            _ => None,
        }
    }

    /// The platform: the agent's own word first, then EC2's.
    pub fn platform(&self) -> Option<Platform> {
        let by_agent = match &self.agent {
            Fact::Known(Some(agent)) => agent.platform,
            _ => None,
        };
        by_agent.or(match &self.instance {
            Fact::Known(Some(instance)) => Some(instance.platform),
            _ => None,
        })
    }
}

async fn group_named(look: &impl Look, name: Option<&GroupName>) -> GroupFact {
    let Some(name) = name else { return GroupFact::NotRead };
    let (group, refresh) = future::join(look.group(name), look.refresh(name)).await;
    GroupFact::Read { group: group.into(), refresh: refresh.into() }
}
