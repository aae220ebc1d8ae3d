//! What invokes the follow-up: AWS, a person, and whoever may do either.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use remedy::model::ids::InstanceId;
use remedy::model::pause::Scope;
use remedy::trigger::{Trigger, read};
use serde_json::{Value, json};

use crate::change::{change, changed};
use crate::{at_once, config};

/// One of each kind, as `trigger::read` documents them.
static TRIGGERS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let command = json!({
        "source": "aws.ssm",
        "detail-type": "EC2 Command Invocation Status-change Notification",
        "detail": {"instance-id": "i-0a1b2c3d4e5f60718", "status": "Success"},
    });
    let launch = json!({
        "source": "aws.autoscaling",
        "detail-type": "EC2 Instance Launch Successful",
        "detail": {"EC2InstanceId": "i-0a1b2c3d4e5f60718", "AutoScalingGroupName": "web"},
    });
    let kinds = json!([
        {"source": "aws.scheduler", "detail-type": "Scheduled Event"},
        {"Records": [
            {"messageId": "1", "body": command.to_string()},
            {"messageId": "2", "body": launch.to_string()},
        ]},
        {"instance_id": "i-0a1b2c3d4e5f60718"},
        {"pause": "group:web", "minutes": 120, "owner": "ada", "reason": "release"},
        {"pause": "instance:i-0a1b2c3d4e5f60718", "minutes": 1, "owner": "ada", "reason": "x"},
        {"lift": "symptom:high-cpu"},
        {"pauses": "list"},
        {"doctor": {}},
        {"incidents": "open"},
        {"incidents": "i-0a1b2c3d4e5f60718"},
        {"answer": "yes", "instance_id": "i-0a1b2c3d4e5f60718", "attempt": 1, "nonce": "7c1f",
         "incident": "high-cpu-20261120t031245z-cc80970a", "by": "ada"},
        {"explain": "i-0a1b2c3d4e5f60718", "symptom": "disk-full", "mount": "/"},
        {"explain": "high-cpu-20261120t031245z-cc80970a", "instance_id": "i-0a1b2c3d4e5f60718"},
        {},
    ]);
    let Value::Array(kinds) = kinds else { unreachable!() };
    [command, launch].into_iter().chain(kinds).map(|kind| kind.to_string()).collect()
});

/// Whom a trigger names.
fn named(trigger: &Trigger) -> Vec<&str> {
    match trigger {
        Trigger::LookAt(instance)
        | Trigger::Incidents(Some(instance))
        | Trigger::Recorded(_, Some(instance))
        | Trigger::Lift(Scope::Instance(instance)) => vec![instance.as_str()],
        Trigger::Hints(hints) => {
            hints.iter().flat_map(|hint| &hint.instance).map(InstanceId::as_str).collect()
        }
        Trigger::Answer(said) => vec![said.instance.as_str(), said.incident.as_str()],
        Trigger::Explain(asked) => vec![asked.instance.as_str()],
        Trigger::Pause(pause) => match &pause.scope {
            Scope::Instance(instance) => vec![instance.as_str()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Holds the reading of one trigger to what must be true of any.
fn hold(event: &str) -> Result<(), TestCaseError> {
    let now = "2026-11-20T03:14:00Z".parse().unwrap();
    match at_once(event, |event| read(event, now)) {
        Err(error) => prop_assert!(error.to_string().len() < 800, "{error}"),
        Ok(trigger) => {
            for name in named(&trigger) {
                prop_assert!(event.contains(name), "{trigger:?}");
            }
            if let Trigger::Pause(pause) = &trigger {
                let written = serde_json::to_string(pause).unwrap();
                let again = serde_json::from_str(&written).map_err(|error| error.to_string());
                prop_assert_eq!(again.as_ref(), Ok(pause));
                prop_assert!(pause.until > now);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_changed_trigger_is_read_without_panic_and_names_no_stranger(
        at in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..5),
    ) {
        let event = at.get(&TRIGGERS);
        hold(&changes.iter().fold(event.clone(), |event, change| changed(&event, change)))?;
    }

    #[test]
    fn any_text_at_all_is_read_without_panic(bytes in any::<Vec<u8>>()) {
        hold(&String::from_utf8_lossy(&bytes))?;
    }
}

#[test]
fn a_trigger_that_nobody_has_changed_is_read() {
    for event in TRIGGERS.iter() {
        assert!(read(event, "2026-11-20T03:14:00Z".parse().unwrap()).is_ok(), "{event}");
    }
}
