//! The first room: an event's JSON comes in, alarms go out.
//!
//! Many shapes arrive (`EventBridge` in two detail-types, `CloudWatch`'s direct
//! Lambda action, an alarm inside SNS, a short request a person typed) and one
//! noun goes on. What is valid but not for us is [`NotOurs`]; what cannot be
//! read is [`Unreadable`] and names the field. Nothing here decides anything.

mod evidence;
mod expression;
pub(crate) mod field;
mod lambda_action;
mod metric;
mod reason;
mod request;
mod seen;
mod sns;
mod state_change;
mod transition;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::field::{Field, quoted};
pub use self::seen::{Bad, Scope, Seen, Series, Statistic, Unit};
use crate::ids::{ActionId, IncidentId, InstanceId, MountPoint};

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
}

impl Symptom {
    /// Every symptom there is.
    pub const ALL: [Self; 3] = [Self::HighCpu, Self::MemoryPressure, Self::DiskFull];

    /// The one name this symptom has in code, template, documents and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::HighCpu => "high-cpu",
            Self::MemoryPressure => "memory-pressure",
            Self::DiskFull => "disk-full",
        }
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
    /// Why the state changed, in `CloudWatch`'s words, cut to 1,000 characters.
    pub reason: String,
    /// An active mute rule. Muting stops actions but not `EventBridge`.
    pub muted: Option<Muted>,
    /// What suppresses the alarm's actions, such as `WaitPeriod`. An open set.
    pub suppressed_by: Option<String>,
    /// Asked to think and tell, and not to touch.
    pub observe: bool,
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

/// An alarm mute rule that was active when the state changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muted {
    /// The rule's ARN.
    pub by: String,
    /// When the window ends, as the event says it.
    pub until: Option<String>,
}

impl Alarm {
    /// The occasion to act this alarm is. Every delivery of one transition has
    /// the same id, whichever envelope brought it.
    pub fn action_id(&self) -> ActionId {
        let instance = self.instance_id.as_str();
        let symptom = self.symptom.name();
        if let Some(request_id) = &self.request_id {
            return ActionId::derive(&["request", request_id, instance, symptom]);
        }
        let whose = self.arn.as_deref().unwrap_or(&self.name);
        let changed_at = self.changed_at.as_millisecond().to_string();
        let mount = self.mount.as_ref().map_or("", MountPoint::as_str);
        ActionId::derive(&["alarm", whose, instance, symptom, mount, &changed_at])
    }

    /// The incident this alarm opens, if it opens one.
    pub fn incident_id(&self) -> IncidentId {
        IncidentId::derive(self.symptom.name(), self.changed_at, &self.action_id())
    }
}

/// What one event held.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Received {
    /// The alarms, in the event's order.
    pub alarms: Vec<Alarm>,
    /// What was valid but not for us, with the reason.
    pub ignored: Vec<NotOurs>,
}

/// What the invocation says about an event, beside the event itself.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The symptom the invoked function answers for.
    pub symptom: Symptom,
    /// The invocation's id. An event that is retried keeps it.
    pub request_id: String,
    /// When the invocation began.
    pub at: Timestamp,
}

/// How many instances one event may name. An alarm watches at most 10 metrics
/// and SNS delivers one record at a time: more than this is no alarm's doing,
/// and each instance costs a look at the account.
pub const INSTANCES_PER_EVENT_MAX: usize = 100;

/// Why something that arrived is valid, but not for this function to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOurs {
    /// An event that `EventBridge` delivered about something else.
    ForeignEvent {
        /// Who sent it, such as `aws.s3`.
        source: String,
        /// Its detail-type.
        kind: String,
    },
    /// A record of another service than SNS.
    ForeignRecord {
        /// Who sent it, such as `aws:s3`.
        source: String,
    },
    /// A message in SNS that no alarm sent.
    NotAnAlarm,
    /// An alarm was created, changed or deleted; nothing is in trouble.
    ConfigurationChange,
    /// The alarm does not know its own state.
    InsufficientData,
    /// An alarm about other alarms. It names no instance; its children do.
    Composite,
    /// An alarm on a log query or on `PromQL`.
    NoMetric,
    /// A metric that says nothing about any symptom.
    OtherMetric {
        /// Namespace and metric.
        metric: String,
    },
    /// Another function answers for this.
    OtherSymptom {
        /// What it is about.
        symptom: Symptom,
    },
    /// The metric left its bounds in the direction that does no harm: processors
    /// at rest, an empty disk.
    HarmlessDirection {
        /// Namespace and metric.
        metric: String,
    },
    /// The parent of a fleet's contributors, which arrive by themselves.
    Fleet,
    /// A metric of a whole Auto Scaling group.
    GroupOnly {
        /// The group's name, as the dimension says it.
        group: String,
    },
    /// A metric without an instance, as an agent publishes by host name.
    NoInstance,
    /// A contributor whose series carry no `InstanceId`.
    UnlabelledContributor,
}

impl NotOurs {
    /// The reason's name for filters and for the operations guide.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForeignEvent { .. } => "foreign-event",
            Self::ForeignRecord { .. } => "foreign-record",
            Self::NotAnAlarm => "not-an-alarm",
            Self::ConfigurationChange => "configuration-change",
            Self::InsufficientData => "insufficient-data",
            Self::Composite => "composite-alarm",
            Self::NoMetric => "no-metric",
            Self::OtherMetric { .. } => "other-metric",
            Self::OtherSymptom { .. } => "other-symptom",
            Self::HarmlessDirection { .. } => "harmless-direction",
            Self::Fleet => "fleet-alarm",
            Self::GroupOnly { .. } => "group-alarm",
            Self::NoInstance => "no-instance",
            Self::UnlabelledContributor => "unlabelled-contributor",
        }
    }
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignEvent { source, kind } => {
                write!(f, "{} from {} is no alarm's change of state", quoted(kind), quoted(source))
            }
            Self::ForeignRecord { source } => {
                write!(f, "a record from {} is no notification", quoted(source))
            }
            Self::NotAnAlarm => f.write_str("the message is no alarm's notification"),
            Self::ConfigurationChange => f.write_str("the alarm's configuration changed"),
            Self::InsufficientData => f.write_str("the alarm has too little data to judge by"),
            Self::Composite => f.write_str("a composite alarm names no instance"),
            Self::NoMetric => f.write_str("the alarm watches no metric"),
            Self::OtherMetric { metric } => {
                write!(f, "metric {} is of no symptom", quoted(metric))
            }
            Self::OtherSymptom { symptom } => {
                write!(f, "the function for {symptom} answers for this")
            }
            Self::HarmlessDirection { metric } => {
                write!(f, "metric {} moved in the harmless direction", quoted(metric))
            }
            Self::Fleet => f.write_str("a fleet alarm names no instance, its contributors do"),
            Self::GroupOnly { group } => {
                write!(f, "the alarm is about the whole group {}", quoted(group))
            }
            Self::NoInstance => f.write_str("the alarm names no instance"),
            Self::UnlabelledContributor => {
                f.write_str("the contributor gathers series without an instance")
            }
        }
    }
}

/// An event that cannot be read. Nothing was acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct Unreadable {
    /// The path to the field, such as `detail.state.value`.
    pub field: String,
    /// What would have been right.
    pub expected: String,
    /// What was found, cut to a length fit for a message and escaped.
    pub found: String,
}

impl Unreadable {
    fn new(field: impl Into<String>, expected: &str, found: &str) -> Self {
        Self { field: field.into(), expected: expected.to_owned(), found: quoted(found) }
    }
}

/// Why something yields no alarm.
#[derive(Clone, Debug, PartialEq)]
enum NoAlarm {
    NotOurs(NotOurs),
    Unreadable(Unreadable),
}

impl From<NotOurs> for NoAlarm {
    fn from(reason: NotOurs) -> Self {
        Self::NotOurs(reason)
    }
}

impl From<Unreadable> for NoAlarm {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl Received {
    /// Adds what one notification held.
    fn take(&mut self, held: Result<Vec<Alarm>, NoAlarm>) -> Result<(), Unreadable> {
        match held {
            Ok(alarms) => self.alarms.extend(alarms),
            Err(NoAlarm::NotOurs(reason)) => self.ignored.push(reason),
            Err(NoAlarm::Unreadable(error)) => return Err(error),
        }
        Ok(())
    }
}

/// Reads the JSON text `event`, in whichever envelope it came.
pub fn read(event: &str, invocation: &Invocation) -> Result<Received, Unreadable> {
    let value: Value = serde_json::from_str(event)
        .map_err(|error| Unreadable::new("event", "JSON", &format!("{error}, in {event}")))?;
    let root = Field::at("", &value);
    let symptom = invocation.symptom;
    let mut received = Received::default();
    // The request comes first: whatever else an event with an `instance_id`
    // holds, a person wrote it.
    if request::recognises(&root) {
        received.take(request::read(event, &root, invocation))?;
    } else if sns::recognises(&root) {
        received = sns::read(&root, symptom)?;
    } else if state_change::recognises(&root) {
        received.take(state_change::read(&root, symptom))?;
    } else if lambda_action::recognises(&root) {
        received.take(lambda_action::read(&root, symptom))?;
    } else {
        return Err(root.unlike(
            "an alarm event (EventBridge, a Lambda action or SNS) or a request with instance_id",
        ));
    }
    if received.alarms.len() > INSTANCES_PER_EVENT_MAX {
        let found = format!("{} instances", received.alarms.len());
        let expected = format!("at most {INSTANCES_PER_EVENT_MAX} instances");
        return Err(Unreadable::new("event", &expected, &found));
    }
    Ok(received)
}

#[cfg(test)]
mod tests;
