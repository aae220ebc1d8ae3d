//! What a host says: whoever is root there writes it, and every user of it names files.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use remedy::observe::host_report::{Code, Failure, MARKER, Verdict, parse};
use serde_json::Value;

use crate::change::{change, changed};
use crate::{at_once, config};

/// The longest text that is taken from a host (`HostText`).
const TEXT_CHARS_MAX: usize = 200;

/// The longest list that is taken from a host.
const LIST_ITEMS_MAX: usize = 16;

/// What the scripts printed when `tests/rig/run` tried them with `RIG_SAID`, by host and case, and
/// what a host prints that never ran them.
static SAID: LazyLock<Vec<String>> = LazyLock::new(|| {
    crate::texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/said"), "txt")
});

/// Holds the reading of one output to what must be true of any.
fn hold(stdout: &str, stderr: &str, code: Option<i32>) -> Result<(), TestCaseError> {
    let parsed =
        at_once(stdout, |stdout| at_once(stderr, |stderr| parse(stdout, stderr, code, "Failed")));
    match parsed {
        Verdict::Said(result) => {
            prop_assert!(stdout.contains(MARKER), "a result without a result line: {result:?}");
            harmless(&serde_json::to_value(&result).unwrap())?;
        }
        Verdict::Failed(failure) => {
            let said = failure.to_string();
            prop_assert!(said.len() <= TEXT_CHARS_MAX + 100 && printable(&said), "{said:?}");
        }
    }
    Ok(())
}

#[test]
fn whatever_the_scripts_said_is_understood() {
    let mut codes = BTreeSet::new();
    for said in SAID.iter().filter(|said| said.starts_with(MARKER)) {
        match parse(said, "", Some(0), "Success") {
            Verdict::Said(result) => {
                assert_ne!(result.code, Code::Unknown, "{said}");
                codes.insert(format!("{:?}", result.code));
            }
            Verdict::Failed(failure) => {
                assert!(!matches!(failure, Failure::Unreadable { .. }), "{failure}");
            }
        }
    }
    assert!(codes.len() > 10, "all say the same: {codes:?}");
}

fn printable(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

fn harmless(value: &Value) -> Result<(), TestCaseError> {
    match value {
        Value::String(text) => {
            prop_assert!(text.len() <= TEXT_CHARS_MAX && printable(text), "{text:?}");
        }
        Value::Array(items) => {
            prop_assert!(items.len() <= LIST_ITEMS_MAX, "{} items", items.len());
            items.iter().try_for_each(harmless)?;
        }
        Value::Object(members) => {
            for (name, value) in members {
                prop_assert!(name.len() <= TEXT_CHARS_MAX && printable(name), "{name:?}");
                harmless(value)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_changed_output_is_read_without_panic_and_does_no_harm(
        at in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..5),
        code in any::<Option<i32>>(),
    ) {
        let said = at.get(&SAID);
        let stdout = changes.iter().fold(said.clone(), |said, change| changed(&said, change));
        hold(&stdout, "", code)?;
        hold("", &stdout, code)?;
    }

    #[test]
    fn any_output_at_all_is_read_without_panic_and_does_no_harm(
        stdout in any::<Vec<u8>>(),
        stderr in any::<String>(),
        code in any::<Option<i32>>(),
    ) {
        let stdout = String::from_utf8_lossy(&stdout);
        hold(&stdout, &stderr, code)?;
        hold(&format!("{MARKER}{stdout}"), &stderr, code)?;
    }
}
