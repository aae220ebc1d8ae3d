//! From an item of an alarm's history to the event that `EventBridge` delivered.
//!
//! Shapes as recorded: `StateUpdate` in the AWS CLI's reference for `describe-alarm-history`, and
//! in radkawar/stackd, `testdata/aws/cloudwatch/metric_insights_alarm_contributors.json`, which
//! has `AlarmContributorStateUpdate` too: there `HistoryData` has a new state and no old one, and
//! the labels stand beside it. The event is that of the `CloudWatch` user guide, "Alarm events
//! and `EventBridge`".

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::history::{AlarmThen, History, Item, Known};

/// An event, and how what it tells besides the change of state is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event, as a function gets it.
    pub text: String,
    /// What the alarm's owner has set in it, and how that is known.
    pub facts: Vec<(&'static str, Known)>,
}

/// Why an item is no event for a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEvent {
    /// It tells of no change of state.
    NotAChange,
    /// It is about alarms of another kind.
    NotAMetric,
    /// Its data cannot be read.
    Unreadable,
    /// Nothing is known of its alarm, which may be gone.
    NoConfiguration,
}

impl NoEvent {
    /// Why, for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotAChange => "no change of state",
            Self::NotAMetric => "no alarm on a metric",
            Self::Unreadable => "its data cannot be read",
            Self::NoConfiguration => "what the alarm watched is not known: it is gone",
        }
    }
}

/// When each alarm changed its state last, by its name.
pub type Before<'h> = BTreeMap<&'h str, Timestamp>;

/// The event of `item`. `before` has when its alarm changed its state before.
pub fn of(history: &History, item: &Item, before: &Before<'_>) -> Result<Event, NoEvent> {
    let of_a_contributor = match item.history_item_type.as_str() {
        "StateUpdate" => false,
        "AlarmContributorStateUpdate" => true,
        _ => return Err(NoEvent::NotAChange),
    };
    if item.alarm_type.as_deref().is_some_and(|kind| kind != "MetricAlarm") {
        return Err(NoEvent::NotAMetric);
    }
    let data: Value = serde_json::from_str(&item.history_data).map_err(|_| NoEvent::Unreadable)?;
    let new = data.get("newState").and_then(state).ok_or(NoEvent::Unreadable)?;
    let alarm = history.alarm(&item.alarm_name).ok_or(NoEvent::NoConfiguration)?;
    let (configuration, known) =
        alarm.configuration.at(item.timestamp).ok_or(NoEvent::NoConfiguration)?;
    let mut facts = vec![("what the alarm watches", known)];
    let mut detail = Map::new();
    detail.insert("alarmName".to_owned(), json!(item.alarm_name));
    if of_a_contributor {
        let contributor = json!({
            "id": item.alarm_contributor_id,
            "attributes": item.alarm_contributor_attributes,
        });
        detail.insert("alarmContributor".to_owned(), contributor);
    } else {
        let since = before.get(item.alarm_name.as_str()).copied();
        let old = data.get("oldState").and_then(state).ok_or(NoEvent::Unreadable)?;
        detail.insert("previousState".to_owned(), stamped(old, since));
    }
    detail.insert("state".to_owned(), stamped(new, Some(item.timestamp)));
    detail.insert("configuration".to_owned(), configuration.clone());
    of_its_owner(&mut detail, alarm, item.timestamp, &mut facts);
    let kind = if of_a_contributor {
        "CloudWatch Alarm Contributor State Change"
    } else {
        "CloudWatch Alarm State Change"
    };
    let event = json!({
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": kind,
        "source": "aws.cloudwatch",
        "account": history.account,
        "time": item.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": history.region,
        "resources": [alarm.arn],
        "detail": detail,
    });
    Ok(Event { text: event.to_string(), facts })
}

/// What its owner has set, and its events tell: its tags, and a mute rule.
fn of_its_owner(
    detail: &mut Map<String, Value>,
    alarm: &AlarmThen,
    at: Timestamp,
    facts: &mut Vec<(&'static str, Known)>,
) {
    if let Some((tags, known)) = alarm.tags.at(at) {
        facts.push(("the alarm's tags", known));
        if !tags.is_empty() {
            detail.insert("alarmTags".to_owned(), json!(tags));
            detail.insert("alarmTagsStatus".to_owned(), json!("SUCCESS"));
        }
    }
    match alarm.muted.at(at) {
        Some((muted, known)) => {
            facts.push(("whether the alarm is muted", known));
            if let Some(muted) = muted {
                detail.insert("muteDetail".to_owned(), muted.clone());
            }
        }
        None => facts.push(("whether the alarm was muted", Known::Unknowable)),
    }
}

/// A state, from the names in a history to those in an event.
fn state(data: &Value) -> Option<Map<String, Value>> {
    let mut state = Map::new();
    state.insert("value".to_owned(), data.get("stateValue")?.clone());
    if let Some(reason) = data.get("stateReason") {
        state.insert("reason".to_owned(), reason.clone());
    }
    match data.get("stateReasonData") {
        None | Some(Value::Null) => {}
        // An event has it as a text.
        Some(Value::String(text)) => {
            state.insert("reasonData".to_owned(), json!(text));
        }
        Some(data) => {
            state.insert("reasonData".to_owned(), json!(data.to_string()));
        }
    }
    if let Some(by) = data.get("actionsSuppressedBy") {
        state.insert("actionsSuppressedBy".to_owned(), by.clone());
    }
    Some(state)
}

fn stamped(mut state: Map<String, Value>, at: Option<Timestamp>) -> Value {
    if let Some(at) = at {
        let stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
        state.insert("timestamp".to_owned(), json!(stamp));
    }
    Value::Object(state)
}
