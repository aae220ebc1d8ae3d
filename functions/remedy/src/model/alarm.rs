//! One alarm about one instance, and what it is about.

use crate::model::ids::{IncidentId, InstanceId, InvalidId, MountPoint, TransitionId};
use crate::model::series::Series;
use crate::model::series::Unit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// The processors have no time left.
    HighCpu,
    /// Memory is running out.
    MemoryPressure,
    /// A file system is running out of bytes or inodes.
    DiskFull,
    /// EC2's own checks fail, and nothing on the host answers.
    Unreachable,
    /// No process of a service is left.
    ServiceDown,
}

impl Symptom {
    /// Every symptom there is.
    pub const ALL: [Self; 5] =
        [Self::HighCpu, Self::MemoryPressure, Self::DiskFull, Self::Unreachable, Self::ServiceDown];

    /// The one name this symptom has in code, template, documents and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::HighCpu => "high-cpu",
            Self::MemoryPressure => "memory-pressure",
            Self::DiskFull => "disk-full",
            Self::Unreachable => "unreachable",
            Self::ServiceDown => "service-down",
        }
    }

    /// Whether a host in this trouble can be asked and relieved by scripts of ours. Of one
    /// that answers nobody there is nothing to ask.
    pub fn has_scripts(self) -> bool {
        match self {
            Self::HighCpu | Self::MemoryPressure | Self::DiskFull | Self::ServiceDown => true,
            Self::Unreachable => false,
        }
    }

    /// Whether its cleanup starts services, which somebody may have stopped on purpose.
    pub fn is_mended_by_a_start(self) -> bool {
        self == Self::ServiceDown
    }
}

impl FromStr for Symptom {
    type Err = InvalidId;

    fn from_str(name: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|symptom| symptom.name() == name);
        known.ok_or_else(|| InvalidId::new(name, "a symptom's name"))
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One `CloudWatch` alarm about one instance, from whichever envelope it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The shape it arrived in.
    pub envelope: Envelope,
    /// The alarm's name, as its owner wrote it: any characters, never trusted.
    pub name: String,
    /// The alarm's ARN, where the envelope carries it.
    pub arn: Option<String>,
    /// The account the alarm lives in.
    pub account: Option<String>,
    /// The region's code, such as `eu-south-1`.
    pub region: Option<String>,
    /// The instance in trouble.
    pub instance_id: InstanceId,
    /// How many instances the alarm watches without saying which of them is in
    /// trouble. 1 means it is this one.
    pub watched: usize,
    /// What the trouble is, by metric and namespace.
    pub symptom: Symptom,
    /// What the alarm's state became.
    pub state: AlarmState,
    /// When the state changed: the alarm's own time, not the delivery's.
    pub changed_at: Timestamp,
    /// Namespace and metric, such as `CWAgent disk_used_percent`.
    pub metric: String,
    /// The unit of what was measured, where the alarm watches the metric itself.
    pub unit: Option<Unit>,
    /// The instance's own series, to be read again when it is asked whether the
    /// symptom is over. `None` for a request.
    pub series: Option<Series>,
    /// The file system, for disk metrics that name one.
    pub mount: Option<MountPoint>,
    /// What was measured.
    pub evidence: Evidence,
    /// Why the alarm by itself proves no trouble of the host, if it does not.
    pub hint: Option<Hint>,
    /// Why the state changed, in `CloudWatch`'s words, cut to 1,000 characters.
    pub reason: String,
    /// An active mute rule. Muting stops actions but not `EventBridge`.
    pub muted: Option<Muted>,
    /// What suppresses the alarm's actions, such as `WaitPeriod`. An open set.
    pub suppressed_by: Option<String>,
    /// Asked to think and tell, and not to touch.
    pub observe: bool,
    /// The highest rung that the alarm's own tag allows, as its owner wrote it.
    pub limit: Option<String>,
    /// For which rungs its own tag asks people first, as its owner wrote it.
    pub ask: Option<String>,
    /// For a request a person typed, the invocation that carried it.
    pub request_id: Option<String>,
}

/// The shapes alarms arrive in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Envelope {
    /// `EventBridge`, detail-type `CloudWatch Alarm State Change`.
    StateChange,
    /// `EventBridge`, detail-type `CloudWatch Alarm Contributor State Change`.
    ContributorStateChange,
    /// `CloudWatch` invoked the function itself, as an alarm action.
    LambdaAction,
    /// An alarm's notification, inside an SNS record.
    Sns,
    /// A short request a person typed.
    Request,
}

/// The states of an alarm that mean something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmState {
    /// The metric is out of bounds.
    Alarm,
    /// The metric is within bounds, or has stopped coming.
    Ok,
}

/// What was measured when the alarm's state changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// A datapoint beyond the threshold in the symptom's bad direction (for
    /// [`AlarmState::Ok`]: one on the good side).
    Measured {
        /// The newest datapoint, in the metric's own unit.
        value: Option<f64>,
        /// The threshold it was compared with.
        threshold: Option<f64>,
    },
    /// No datapoint at all: a series vanished, or missing data counted as
    /// breaching. Nobody measured anything.
    Nothing {
        /// What the event said instead.
        why: String,
    },
    /// Something was measured, but whether it is bad cannot be told.
    Unclear {
        /// What stands in the way.
        why: String,
    },
    /// A person says so.
    Asked,
}

/// Why an alarm by itself proves no trouble of the host. Its word is enough to
/// look at the host and to relieve it; whoever disrupts needs the host's word too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// The metric left an anomaly detection band: it is unusual, and may be well.
    Unusual,
    /// Swap is in use. A host with memory to spare leaves there what nobody asks for.
    Swap,
    /// It may be one processor of many: nothing says that the metric is the host's.
    OneCore,
    /// The alarm judges whole hours or days by the clock, and not the last minutes.
    WallClock,
    /// It is an amount, in bytes or inodes, or what the alarm has made of several: nothing says
    /// how much of the whole that is.
    Amount,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unusual => "the alarm says that it is unusual, not that it is bad",
            Self::Swap => "swap in use is no want of memory",
            Self::OneCore => "it may be one processor of many",
            Self::WallClock => "the alarm judges by the clock, not by the last minutes",
            Self::Amount => "the alarm tells an amount, and not how much of the whole that is",
        })
    }
}

/// An alarm mute rule that was active when the state changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muted {
    /// The rule's ARN.
    pub by: String,
    /// When the window ends, as the event says it.
    pub until: Option<String>,
}

impl Alarm {
    /// As if a person said that `instance` has `symptom`: there is no alarm and no metric.
    pub fn asked(
        instance: InstanceId,
        symptom: Symptom,
        mount: Option<MountPoint>,
        at: Timestamp,
    ) -> Self {
        Self {
            envelope: Envelope::Request,
            name: "request".to_owned(),
            arn: None,
            account: None,
            region: None,
            instance_id: instance,
            watched: 1,
            symptom,
            state: AlarmState::Alarm,
            changed_at: at,
            metric: "no metric".to_owned(),
            unit: None,
            series: None,
            mount,
            evidence: Evidence::Asked,
            hint: None,
            reason: "a person asked".to_owned(),
            muted: None,
            suppressed_by: None,
            observe: false,
            limit: None,
            ask: None,
            request_id: None,
        }
    }

    /// The occasion to act this alarm is. Every delivery of one transition has
    /// the same id, whichever envelope brought it.
    pub fn transition_id(&self) -> TransitionId {
        let instance = self.instance_id.as_str();
        let symptom = self.symptom.name();
        if let Some(request_id) = &self.request_id {
            return TransitionId::derive(&["request", request_id, instance, symptom]);
        }
        let whose = self.arn.as_deref().unwrap_or(&self.name);
        let changed_at = self.changed_at.as_millisecond().to_string();
        let mount = self.mount.as_ref().map_or("", MountPoint::as_str);
        TransitionId::derive(&["alarm", whose, instance, symptom, mount, &changed_at])
    }

    /// The incident this alarm opens, if it opens one.
    pub fn incident_id(&self) -> IncidentId {
        IncidentId::derive(self.symptom.name(), self.changed_at, &self.transition_id())
    }
}
