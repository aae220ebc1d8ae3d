//! An alarm's own tags, which `CloudWatch` sends along when the alarm says so
//! (`AlarmTagsPropagation` in botocore's model of `cloudwatch`; `CloudWatch` user guide,
//! "Alarm tags in action payloads").
//!
//! They only ever allow less: who may tag an alarm is not always who owns the instance.
//!
//! `EventBridge` has an object of keys and values, and all have a status that is
//! `SUCCESS` if the tags could be read. How SNS and Lambda write the tags is shown in no
//! page we found: an object and a list of keys and values are read, in either case.

use serde_json::Value;

use super::field::Field;
use crate::model::policy::{MAX_RUNG_TAG, OPT_IN_ENABLED, OPT_IN_TAG};
use crate::model::question::ASK_TAG;

/// The longest value of a tag (`TagValue` in botocore's model of `cloudwatch`).
const VALUE_CHARS_MAX: usize = 256;

/// What an alarm's tags ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AlarmTags {
    /// To think and tell only. The tag works as that of an instance does, but that an alarm
    /// without one is as good as enabled. Tags that could not be read may be just the ones
    /// that ask for it.
    pub(super) observe: bool,
    /// The highest rung, as the owner wrote it.
    pub(super) limit: Option<String>,
    /// For which rungs people are asked first, as the owner wrote it.
    pub(super) ask: Option<String>,
}

impl AlarmTags {
    /// What the tags in `container` ask for.
    pub(super) fn of(container: &Field<'_>) -> Self {
        let either = |keys: [&str; 2]| keys.iter().find_map(|key| container.get(key));
        let status = either(["alarmTagsStatus", "AlarmTagsStatus"]);
        let unread = status.is_some_and(|status| status.value().as_str() != Some("SUCCESS"));
        let mut asked = Self { observe: unread, limit: None, ask: None };
        let tags = either(["alarmTags", "AlarmTags"]);
        match tags.as_ref().map(Field::value) {
            None => {}
            Some(Value::Object(tags)) => {
                tags.iter().for_each(|(key, value)| asked.hear(Some(key), Some(value)));
            }
            Some(Value::Array(tags)) => {
                for tag in tags {
                    let of = |keys: [&str; 2]| keys.iter().find_map(|key| tag.get(key));
                    let key = of(["key", "Key"]).and_then(Value::as_str);
                    asked.hear(key, of(["value", "Value"]));
                }
            }
            Some(_) => asked.observe = true,
        }
        asked
    }

    fn hear(&mut self, key: Option<&str>, value: Option<&Value>) {
        let text = value.and_then(Value::as_str);
        match key {
            Some(OPT_IN_TAG) => self.observe |= text != Some(OPT_IN_ENABLED),
            Some(MAX_RUNG_TAG) => self.limit = Some(cut(text.unwrap_or_default())),
            // What is no text is no rung that is known, and asks about every one.
            Some(ASK_TAG) => self.ask = Some(cut(text.unwrap_or("?"))),
            Some(_) => {}
            None => self.observe = true,
        }
    }

    /// Asks for what `others` ask for, too.
    pub(super) fn add(&mut self, others: Self) {
        self.observe |= others.observe;
        self.limit = self.limit.take().or(others.limit);
        self.ask = self.ask.take().or(others.ask);
    }
}

fn cut(text: &str) -> String {
    text.chars().take(VALUE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alarms_tag_names_the_highest_rung() {
        for (tags, expected) in [
            (json!({}), None),
            (json!({"alarmTags": {"team": "web"}}), None),
            (json!({"alarmTags": {"auto-remediation-max": "reboot"}}), Some("reboot")),
            (json!({"alarmTags": {"auto-remediation-max": 1}}), Some("")),
            (
                json!({"AlarmTags": [{"Key": "auto-remediation-max", "Value": "cleanup"}]}),
                Some("cleanup"),
            ),
            (json!({"AlarmTags": [{"key": "x"}, {"key": "auto-remediation-max"}]}), Some("")),
            (
                json!({"alarmTags": {"auto-remediation-max": "x".repeat(300)}}),
                Some(&*"x".repeat(256)),
            ),
        ] {
            assert_eq!(AlarmTags::of(&Field::at("", &tags)).limit.as_deref(), expected, "{tags}");
        }
    }

    #[test]
    fn an_alarms_tag_asks_for_observation_unless_it_is_enabled_or_absent() {
        for (tags, expected) in [
            (json!({}), false),
            (json!({"alarmTags": {}, "alarmTagsStatus": "SUCCESS"}), false),
            (json!({"alarmTags": {"team": "web"}, "alarmTagsStatus": "SUCCESS"}), false),
            (json!({"alarmTags": {"auto-remediation": "enabled"}}), false),
            (json!({"alarmTags": {"auto-remediation": "observe"}}), true),
            (json!({"alarmTags": {"auto-remediation": "no"}}), true),
            (json!({"alarmTags": {"auto-remediation": 1}}), true),
            (json!({"AlarmTags": [{"Key": "auto-remediation", "Value": "observe"}]}), true),
            (json!({"AlarmTags": [{"key": "auto-remediation", "value": "enabled"}]}), false),
            (json!({"AlarmTags": [{"key": "team", "value": "web"}]}), false),
            (json!({"AlarmTags": [{}]}), true),
            (json!({"alarmTags": "auto-remediation=observe"}), true),
            (json!({"alarmTagsStatus": "ACCESS_DENIED"}), true),
            (json!({"AlarmTagsStatus": 1}), true),
            (json!({"alarmTags": null, "alarmTagsStatus": null}), false),
        ] {
            assert_eq!(AlarmTags::of(&Field::at("", &tags)).observe, expected, "{tags}");
        }
    }
}
