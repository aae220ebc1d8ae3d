//! Reads events: JSON comes in, alarms go out.
//!
//! Many shapes arrive (`EventBridge` in two detail-types, `CloudWatch`'s direct
//! Lambda action, an alarm inside SNS, any of these inside SNS or SQS, a short
//! request a person typed) and one noun goes on. What is valid but not
//! for us is [`NotOurs`]; what cannot be read is [`Unreadable`] and names the field:
//! only what says which alarm, which instance, which state and when. Anything else that
//! cannot be read makes the alarm unclear. Nothing here decides anything.

pub(crate) mod field;

mod comparison;

mod reason_text;

mod direction;

mod expression;

mod file_system;

mod metric;

mod subject;

mod tags;

mod transition;

mod state_change;

mod lambda_action;

mod sns;

mod records;

mod request;

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use self::field::{Field, quoted};
pub use self::metric::is_known_name;
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

/// One message of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// By which the queue knows it.
    pub id: String,
    /// What it held, if it can be read.
    pub held: Result<Received, Unreadable>,
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

/// How many instances one event may name. An alarm watches at most 10 metrics,
/// SNS delivers one record at a time and SQS 10 unless told otherwise:
/// more than this is no alarm's doing, and each instance costs a look at the account.
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
    /// A record of another service than SNS and SQS.
    ForeignRecord {
        /// Who sent it, such as `aws:s3`.
        source: String,
    },
    /// A message in SNS or SQS that no alarm sent.
    NotAnAlarm,
    /// An alarm was created, changed or deleted; nothing is in trouble.
    ConfigurationChange,
    /// The alarm does not know its own state.
    InsufficientData,
    /// An alarm about other alarms. It names no instance; its children do.
    Composite,
    /// An alarm that tells of no metric.
    NoMetric,
    /// An alarm on the results of a log query.
    LogAlarm,
    /// An alarm on a `PromQL` query.
    PromQl,
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
    /// A query that makes one series of all instances it reads.
    Aggregate,
    /// A metric of another account's, which this one watches.
    OtherAccount {
        /// Whose.
        account: String,
    },
    /// A metric of a whole Auto Scaling group.
    GroupOnly {
        /// The group's name, as the dimension says it.
        group: String,
    },
    /// A metric without an instance, as an agent publishes by host name.
    NoInstance,
    /// An `InstanceId` that is none, such as a host name.
    NotAnInstance {
        /// What it is instead.
        found: String,
    },
    /// An image, or a file system of the kernel's own.
    CannotFillUp {
        /// Which.
        what: String,
    },
    /// A file system in the host's memory.
    InMemory {
        /// Which.
        what: String,
    },
    /// A file system on another machine.
    OnNetwork {
        /// Which.
        what: String,
    },
    /// One processor of many.
    OneCore {
        /// Its name, such as `cpu0`.
        core: String,
    },
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
            Self::LogAlarm => "log-alarm",
            Self::PromQl => "promql-alarm",
            Self::OtherMetric { .. } => "other-metric",
            Self::OtherSymptom { .. } => "other-symptom",
            Self::HarmlessDirection { .. } => "harmless-direction",
            Self::Fleet => "fleet-alarm",
            Self::OtherAccount { .. } => "other-account",
            Self::GroupOnly { .. } => "group-alarm",
            Self::Aggregate => "aggregate-alarm",
            Self::NoInstance => "no-instance",
            Self::NotAnInstance { .. } => "not-an-instance",
            Self::CannotFillUp { .. } => "cannot-fill-up",
            Self::InMemory { .. } => "memory-file-system",
            Self::OnNetwork { .. } => "network-file-system",
            Self::OneCore { .. } => "one-core",
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
            Self::NoMetric => f.write_str("the alarm tells of no metric that it watches"),
            Self::LogAlarm => f.write_str("the alarm watches a log query, and no metric"),
            Self::PromQl => f.write_str("the alarm watches a PromQL query"),
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
            Self::OtherAccount { account } => {
                write!(f, "the alarm watches a metric of account {}", quoted(account))
            }
            Self::GroupOnly { group } => {
                write!(f, "the alarm is about the whole group {}", quoted(group))
            }
            Self::Aggregate => {
                f.write_str("the alarm's query makes one series of all instances, and names none")
            }
            Self::NoInstance => f.write_str("the alarm names no instance"),
            Self::NotAnInstance { found } => {
                write!(f, "the alarm's InstanceId is no instance's id: {}", quoted(found))
            }
            Self::CannotFillUp { what } => {
                write!(f, "{} is an image or the kernel's own, and cannot fill up", quoted(what))
            }
            Self::InMemory { what } => {
                write!(f, "{} lies in memory, and on no disk", quoted(what))
            }
            Self::OnNetwork { what } => {
                write!(f, "{} lies on another machine", quoted(what))
            }
            Self::OneCore { core } => {
                write!(f, "the metric is about one processor, {}, and not the host", quoted(core))
            }
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

    /// The event names more instances than any alarm does.
    fn too_many() -> Self {
        let expected = format!("at most {INSTANCES_PER_EVENT_MAX} instances");
        Self::new("event", &expected, "more")
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
    /// Adds what one notification held. The limit is asked at once, so that an event
    /// costs no more than what it may hold.
    fn take(&mut self, held: Result<Received, NoAlarm>) -> Result<(), Unreadable> {
        match held {
            Ok(held) => {
                self.alarms.extend(held.alarms);
                self.ignored.extend(held.ignored);
            }
            Err(NoAlarm::NotOurs(reason)) => self.ignored.push(reason),
            Err(NoAlarm::Unreadable(error)) => return Err(error),
        }
        if self.alarms.len() > INSTANCES_PER_EVENT_MAX {
            return Err(Unreadable::too_many());
        }
        Ok(())
    }
}

fn json(event: &str) -> Result<Value, Unreadable> {
    serde_json::from_str(event)
        .map_err(|error| Unreadable::new("event", "JSON", &format!("{error}, in {event}")))
}

/// Reads what Lambda has taken from a queue: the messages, each by itself, whatever symptom it
/// is about.
pub fn read_queue(event: &str) -> Result<Vec<Message>, Unreadable> {
    records::messages(&Field::at("", &json(event)?))
}

/// Reads the JSON text `event`, in whichever envelope it came.
pub fn read(event: &str, invocation: &Invocation) -> Result<Received, Unreadable> {
    let value = json(event)?;
    let root = Field::at("", &value);
    let symptom = invocation.symptom;
    let mut received = Received::default();
    // The request comes first: whatever else an event with an `instance_id`
    // holds, a person wrote it.
    if request::recognises(&root) {
        received.take(request::read(event, &root, invocation))?;
    } else if records::recognises(&root) {
        received = records::read(&root, symptom)?;
    } else if state_change::recognises(&root) {
        received.take(state_change::read(&root, symptom))?;
    } else if lambda_action::recognises(&root) {
        received.take(lambda_action::read(&root, symptom))?;
    } else {
        return Err(root.unlike(
            "an alarm event (EventBridge, a Lambda action, SNS or SQS) or a request with \
             instance_id",
        ));
    }
    Ok(received)
}

#[cfg(test)]
mod tests;
