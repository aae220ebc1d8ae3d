//! What invokes the follow-up: the heartbeat, or an event that says something
//! may have happened to an instance. Hints only: what did happen is read from
//! the world.

use serde_json::Value;

use crate::alarm::Unreadable;
use crate::alarm::field::Field;
use crate::ids::InstanceId;

/// The instance to look at now, or `None` for all that is due.
///
/// - the heartbeat: an `EventBridge` schedule's `Scheduled Event`, or `{}` by hand
/// - `EC2 Command Invocation Status-change Notification` (Systems Manager user
///   guide, "Systems Manager event examples"): `detail.instance-id`
/// - `EC2 Instance Launch Successful` and its like (Auto Scaling user guide,
///   "Auto Scaling event reference"): `detail.EC2InstanceId`
/// - a request a person typed: `{"instance_id": "i-..."}`
pub fn read(event: &str) -> Result<Option<InstanceId>, Unreadable> {
    let value: Value = serde_json::from_str(event).map_err(|error| Unreadable {
        field: "event".to_owned(),
        expected: "JSON".to_owned(),
        found: error.to_string(),
    })?;
    let root = Field::at("", &value);
    if value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(None);
    }
    if root.get("instance_id").is_some() {
        if let Some((_, other)) =
            root.members()?.into_iter().find(|(name, _)| *name != "instance_id")
        {
            return Err(other.unlike("no other field than instance_id"));
        }
        return instance(&root, "instance_id").map(Some);
    }
    let known = "an event of aws.events, aws.ssm or aws.autoscaling, {} or instance_id";
    match root.text_of("source")? {
        Some("aws.events" | "aws.scheduler") => Ok(None),
        Some("aws.ssm") => instance(&root.object("detail")?, "instance-id").map(Some),
        Some("aws.autoscaling") => instance(&root.object("detail")?, "EC2InstanceId").map(Some),
        _ => Err(root.unlike(known)),
    }
}

fn instance(field: &Field<'_>, key: &str) -> Result<InstanceId, Unreadable> {
    let id = field.need(key, "an instance id")?;
    InstanceId::new(id.text()?).map_err(|error| id.unlike(error.expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event: &str) -> String {
        match read(event) {
            Ok(None) => "beat".to_owned(),
            Ok(Some(instance)) => instance.to_string(),
            Err(error) => error.field,
        }
    }

    #[test]
    fn an_event_names_an_instance_or_is_a_beat() {
        for (event, expected) in [
            ("{}", "beat"),
            (r#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#, "beat"),
            (
                r#"{"source":"aws.ssm","detail-type":
                    "EC2 Command Invocation Status-change Notification",
                    "detail":{"instance-id":"i-0123abcd","status":"Success"}}"#,
                "i-0123abcd",
            ),
            (
                r#"{"source":"aws.autoscaling","detail":{"EC2InstanceId":"i-0123abcd"}}"#,
                "i-0123abcd",
            ),
            (r#"{"instance_id":"i-0123abcd"}"#, "i-0123abcd"),
            (r#"{"instance_id":"i-0123abcd","observe":true}"#, "observe"),
            (r#"{"instance_id":"web-1"}"#, "instance_id"),
            (r#"{"source":"aws.ssm","detail":{"instance-id":7}}"#, "detail.instance-id"),
            (r#"{"source":"aws.autoscaling","detail":{}}"#, "detail.EC2InstanceId"),
            (r#"{"source":"aws.s3"}"#, "event"),
            ("[]", "event"),
            ("", "event"),
        ] {
            assert_eq!(told(event), expected, "{event}");
        }
    }
}
