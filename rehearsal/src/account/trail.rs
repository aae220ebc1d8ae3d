//! What people did: the calls that `CloudTrail` has recorded.
//!
//! Shapes: the `CloudTrail` user guide, "`CloudTrail` record contents" and its examples for EC2
//! (`requestParameters.instancesSet.items`); for Systems Manager the sample event of Stratus Red
//! Team's `aws.execution.ssm-send-command` (`requestParameters.instanceIds`) and Panther's tests
//! of the same; for Auto Scaling the members of the requests in its API reference, which the trail
//! writes with a small first letter.

use std::collections::BTreeSet;

use jiff::Timestamp;
use remedy::model::ids::InstanceId;
use serde_json::Value;

use crate::history::Act;

/// What people do to an instance that is in trouble, or to its place in a group. Logins by Session
/// Manager are among it.
pub const NAMES: [&str; 10] = [
    "RebootInstances",
    "StopInstances",
    "StartInstances",
    "TerminateInstances",
    "SendCommand",
    "StartSession",
    "SetInstanceHealth",
    "EnterStandby",
    "ExitStandby",
    "TerminateInstanceInAutoScalingGroup",
];

/// Whom Auto Scaling signs as. What it does is among the activities of its groups.
const AUTO_SCALING: &str = "autoscaling.amazonaws.com";

/// A call that only asked whether it would be allowed (EC2 API reference, "Error codes").
const DRY_RUN: &str = "Client.DryRunOperation";

/// The act that a recorded call is, if it is one on instances that are named.
pub fn act(recorded: &str) -> Option<Act> {
    let event: Value = serde_json::from_str(recorded).ok()?;
    let text = |at: &str| event.pointer(at).and_then(Value::as_str);
    let refused = text("/errorCode");
    let by_auto_scaling = text("/userIdentity/invokedBy") == Some(AUTO_SCALING);
    if by_auto_scaling || refused == Some(DRY_RUN) {
        return None;
    }
    let instances = instances(event.get("requestParameters")?);
    if instances.is_empty() {
        return None;
    }
    let service = text("/eventSource")?.split('.').next()?;
    let at: Timestamp = text("/eventTime")?.parse().ok()?;
    let call = format!("{service}:{}", text("/eventName")?);
    Some(Act { at, call, instances, by: by(&event), refused: refused.map(str::to_owned) })
}

/// The instances that a request names. One that only describes them, by a tag, names none.
fn instances(parameters: &Value) -> BTreeSet<InstanceId> {
    let all = |at: &str| parameters.pointer(at).and_then(Value::as_array).into_iter().flatten();
    let of_ec2 = all("/instancesSet/items").filter_map(|item| item.get("instanceId"));
    let of_lists = all("/instanceIds");
    let alone = ["/instanceId", "/target"].into_iter().filter_map(|at| parameters.pointer(at));
    let by_target = all("/targets")
        .filter(|target| {
            let key = target.get("key").and_then(Value::as_str).unwrap_or_default();
            key.eq_ignore_ascii_case("instanceids")
        })
        .filter_map(|target| target.get("values")?.as_array())
        .flatten();
    let named = of_ec2.chain(of_lists).chain(alone).chain(by_target);
    named.filter_map(|id| InstanceId::new(id.as_str()?).ok()).collect()
}

/// Who called: the user, or the role and the session's name, which is often a person's.
fn by(event: &Value) -> String {
    let text = |at: &str| event.pointer(at).and_then(Value::as_str);
    let named = text("/userIdentity/arn").and_then(|arn| arn.rsplit(':').next());
    let named = named.map(|name| {
        let kinds = ["assumed-role/", "user/"];
        kinds.iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name)
    });
    let who = named.or(text("/userIdentity/invokedBy")).or(text("/userIdentity/type"));
    who.unwrap_or("somebody").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(event: &Value) -> Option<String> {
        let act = act(&event.to_string())?;
        let ids: Vec<&str> = act.instances.iter().map(InstanceId::as_str).collect();
        let refused = act.refused.map(|why| format!(" ({why})")).unwrap_or_default();
        Some(format!("{} {} of {} by {}{refused}", act.at, act.call, ids.join(" "), act.by))
    }

    fn event(source: &str, name: &str, parameters: &Value) -> Value {
        json!({
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::111122223333:assumed-role/Admin/anna",
            },
            "eventTime": "2026-11-20T03:20:05Z",
            "eventSource": source,
            "eventName": name,
            "requestParameters": parameters,
        })
    }

    #[test]
    fn a_call_names_its_instances_in_the_words_of_its_service() {
        let (ec2, ssm, groups) =
            ("ec2.amazonaws.com", "ssm.amazonaws.com", "autoscaling.amazonaws.com");
        for (source, name, parameters, expected) in [
            (
                ec2,
                "RebootInstances",
                json!({"instancesSet": {"items": [{"instanceId": "i-0123abcd"}]}}),
                Some("ec2:RebootInstances of i-0123abcd"),
            ),
            (
                ssm,
                "SendCommand",
                json!({"instanceIds": ["i-0123abce", "i-0123abcd"]}),
                Some("ssm:SendCommand of i-0123abcd i-0123abce"),
            ),
            (
                ssm,
                "SendCommand",
                json!({"targets": [{"key": "InstanceIds", "values": ["i-0123abcd"]}]}),
                Some("ssm:SendCommand of i-0123abcd"),
            ),
            (
                ssm,
                "SendCommand",
                json!({"targets": [{"key": "tag:Name", "values": ["i-0123abcd"]}]}),
                None,
            ),
            (
                ssm,
                "StartSession",
                json!({"target": "i-0123abcd"}),
                Some("ssm:StartSession of i-0123abcd"),
            ),
            (
                groups,
                "SetInstanceHealth",
                json!({"instanceId": "i-0123abcd", "healthStatus": "Unhealthy"}),
                Some("autoscaling:SetInstanceHealth of i-0123abcd"),
            ),
            (ec2, "RebootInstances", Value::Null, None),
        ] {
            let expected = expected.map(|it| format!("2026-11-20T03:20:05Z {it} by Admin/anna"));
            assert_eq!(told(&event(source, name, &parameters)), expected, "{parameters}");
        }
        assert_eq!(act("{"), None);
        assert_eq!(act("[]"), None);
    }

    #[test]
    fn who_it_was_is_told_and_what_was_refused() {
        let parameters = json!({"instancesSet": {"items": [{"instanceId": "i-0123abcd"}]}});
        let mut reboot = event("ec2.amazonaws.com", "RebootInstances", &parameters);
        reboot["errorCode"] = json!("Client.UnauthorizedOperation");
        reboot["userIdentity"] = json!({
            "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/berta",
        });
        let call = "2026-11-20T03:20:05Z ec2:RebootInstances of i-0123abcd";
        let expected = format!("{call} by berta (Client.UnauthorizedOperation)");
        assert_eq!(told(&reboot), Some(expected));
        reboot["errorCode"] = json!("Client.DryRunOperation");
        assert_eq!(told(&reboot), None, "nobody did anything");
        let mut ended = event("ec2.amazonaws.com", "TerminateInstances", &parameters);
        ended["userIdentity"]["invokedBy"] = json!("autoscaling.amazonaws.com");
        assert_eq!(told(&ended), None, "the group's activities tell it");
    }
}
