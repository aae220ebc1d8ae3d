//! An alarm's own tags, which `CloudWatch` sends along when the alarm says so
//! (`AlarmTagsPropagation` in botocore's model of `cloudwatch`; `CloudWatch` user guide,
//! "Alarm tags in action payloads").
//!
//! `EventBridge` has an object of keys and values, and all have a status that is
//! `SUCCESS` if the tags could be read. How SNS and Lambda write the tags is shown in no
//! page we found: an object and a list of keys and values are read, in either case.

use serde_json::Value;

use super::field::Field;
use crate::model::policy::{OPT_IN_ENABLED, OPT_IN_TAG};

/// Whether the tags in `container` ask for observation. The tag of an alarm works as
/// that of an instance does, but that an alarm without one is as good as enabled. Tags
/// that could not be read may be just the ones that ask for it.
pub(super) fn observe(container: &Field<'_>) -> bool {
    let either = |keys: [&str; 2]| keys.iter().find_map(|key| container.get(key));
    let status = either(["alarmTagsStatus", "AlarmTagsStatus"]);
    let unread = status.is_some_and(|status| status.value().as_str() != Some("SUCCESS"));
    let tags = either(["alarmTags", "AlarmTags"]);
    unread || tags.is_some_and(|tags| !enabled(tags.value()))
}

fn enabled(tags: &Value) -> bool {
    match tags {
        Value::Object(tags) => {
            tags.get(OPT_IN_TAG).is_none_or(|value| value.as_str() == Some(OPT_IN_ENABLED))
        }
        Value::Array(tags) => tags.iter().all(|tag| {
            let of = |keys: [&str; 2]| keys.iter().find_map(|key| tag.get(key)?.as_str());
            match of(["key", "Key"]) {
                Some(OPT_IN_TAG) => of(["value", "Value"]) == Some(OPT_IN_ENABLED),
                Some(_) => true,
                None => false,
            }
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            assert_eq!(observe(&Field::at("", &tags)), expected, "{tags}");
        }
    }
}
