//! Events: whoever may publish to a topic or put events writes them.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use remedy::alarm::{Invocation, read, read_queue};
use remedy::model::alarm::Symptom;

use crate::change::{change, changed};
use crate::{at_once, config};

/// Every payload of `events/`, sorted.
static EVENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    crate::texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events"), "json")
});

fn invocation(symptom: Symptom) -> Invocation {
    Invocation {
        symptom,
        request_id: "5b6d7f1a-6f0b-4a52-9d2c-0a1b2c3d4e5f".to_owned(),
        at: "2026-11-20T03:14:00Z".parse().unwrap(),
    }
}

/// Reads `event` as every function would, and holds the reading to what must be
/// true of any.
fn hold(event: &str) -> Result<(), TestCaseError> {
    for symptom in Symptom::ALL {
        match at_once(event, |event| read(event, &invocation(symptom))) {
            Err(error) => prop_assert!(error.to_string().len() < 600, "{error}"),
            Ok(received) => {
                for alarm in received.alarms {
                    prop_assert!(event.contains(alarm.instance_id.as_str()), "{alarm:?}");
                    prop_assert_eq!(alarm.symptom, symptom);
                    prop_assert!(alarm.watched > 0);
                }
                for reason in received.ignored {
                    prop_assert!(reason.to_string().len() < 600, "{reason}");
                }
            }
        }
    }
    for message in at_once(event, read_queue).into_iter().flatten() {
        for alarm in message.held.into_iter().flat_map(|received| received.alarms) {
            prop_assert!(event.contains(alarm.instance_id.as_str()), "{alarm:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_changed_payload_is_read_without_panic_and_names_no_stranger(
        at in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..5),
    ) {
        let event = at.get(&EVENTS);
        hold(&changes.iter().fold(event.clone(), |event, change| changed(&event, change)))?;
    }

    #[test]
    fn any_text_at_all_is_read_without_panic(bytes in any::<Vec<u8>>()) {
        hold(&String::from_utf8_lossy(&bytes))?;
    }
}
