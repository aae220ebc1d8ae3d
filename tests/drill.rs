//! A short drill, as in every `make test`: the promises hold in a hostile
//! world, and the same seed gives the same drill.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Where the report of a test goes.
fn report(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("drill-{name}.html"))
}

/// What the drill said, and with which exit code. Its report goes to `name`.
fn drill(name: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("drill")
        .args(arguments)
        .arg("--report")
        .arg(report(name))
        .output()
        .expect("the demo runs");
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn every_promise_holds_in_a_hostile_world() {
    let (said, code) = drill("held", &["--incidents", "2000", "--seed", "20261120"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("Every promise held.\n"), "{said}");
    let page = fs::read_to_string(report("held")).unwrap();
    assert!(page.contains("Every promise held") && page.matches("<svg").count() > 5);
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(outside), "the report needs {outside} from elsewhere");
    }
}

#[test]
fn the_same_seed_gives_the_same_drill_on_any_number_of_threads() {
    let run = |seed, threads| {
        drill(threads, &["--incidents", "200", "--seed", seed, "--threads", threads])
    };
    let alone = run("7", "1");
    assert_eq!(alone, run("7", "3"));
    let page = |threads| fs::read_to_string(report(threads)).unwrap();
    assert_eq!(page("1"), page("3"));
    assert_ne!(alone.0, run("8", "1").0, "chance plays no part");
}

#[test]
fn one_episode_is_told_in_full() {
    let (said, code) = drill("one", &["--seed", "7", "--episode", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("there is a ") && said.contains("dynamodb:Query"), "{said}");
}
