//! A short drill, as in every `make test`: the promises hold in a hostile
//! world, and the same seed gives the same drill.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::process::Command;

/// What the drill said, and with which exit code.
fn drill(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("drill")
        .args(arguments)
        .output()
        .expect("the demo runs");
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn every_promise_holds_in_a_hostile_world() {
    let (said, code) = drill(&["--incidents", "2000", "--seed", "20261120"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("Every promise held.\n"), "{said}");
}

#[test]
fn the_same_seed_gives_the_same_drill_on_any_number_of_threads() {
    let run = |threads| drill(&["--incidents", "200", "--seed", "7", "--threads", threads]);
    let alone = run("1");
    assert_eq!(alone, run("3"));
    assert_ne!(alone.0, drill(&["--incidents", "200", "--seed", "8"]).0, "chance plays no part");
}

#[test]
fn one_episode_is_told_in_full() {
    let (said, code) = drill(&["--seed", "7", "--episode", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("there is a ") && said.contains("dynamodb:Query"), "{said}");
}
