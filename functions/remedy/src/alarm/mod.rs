//! The first room: an event's JSON comes in, alarms go out.
//!
//! Many shapes arrive (`EventBridge` in two detail-types, `CloudWatch`'s direct
//! Lambda action, an alarm inside SNS, a short request a person typed) and one
//! noun goes on. What is valid but not for us is [`NotOurs`]; what cannot be
//! read is [`Unreadable`] and names the field. Nothing here decides anything.

pub(crate) mod field;

mod comparison;

mod reason_text;

mod direction;

mod expression;

mod metric;

mod transition;

mod state_change;

mod lambda_action;

mod sns;

mod request;

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use self::field::{Field, quoted};
use crate::model::alarm::{Alarm, AlarmState, Envelope, Evidence, Muted, Symptom};
use crate::model::series::{Bad, Scope, Series, Statistic, Unit};

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
