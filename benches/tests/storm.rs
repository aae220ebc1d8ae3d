//! A small storm, the same each time. The large one is `make bench`.

#![expect(clippy::expect_used, reason = "helpers of tests are tests")]

use std::path::PathBuf;

use benches::storm::{Plan, storm};

fn plan(throttled: u64) -> Plan {
    let functions = std::env::var_os("REMEDY_BIN_DIR");
    let functions = functions.expect("REMEDY_BIN_DIR is not set: run `make storm`");
    Plan {
        functions: PathBuf::from(functions),
        events: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../events")),
        alarms: 200,
        processes: 8,
        throttled,
        seed: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_alarms_at_once_are_answered_once_each() {
    let outcome = storm(&plan(100)).await.unwrap();
    assert_eq!(outcome.wrong, [""; 0], "{}", outcome.table());
    assert!(outcome.throttled > 100, "{}", outcome.table());
    assert!(outcome.acted > 190, "retries absorb most throttles:\n{}", outcome.table());
}
