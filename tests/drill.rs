//! A short drill, as in every `make test`: the promises hold in a hostile
//! world, and the same seed gives the same drill.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use remedy::model::action::Action;
use remedy::model::incident::{Stage, Standby};

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

/// A step from one stage to another, by their names in the ledger.
type Step = (String, String);

/// The steps that a drill has counted.
fn taken(said: &str) -> BTreeSet<Step> {
    let steps = said.split("Steps from stage to stage\n").nth(1).unwrap();
    let steps = steps.lines().take_while(|line| line.starts_with(' ')).map(|line| {
        let (before, next) = line.split_once("-->").unwrap();
        let before = before.trim().replace("(new)", "new");
        (before, next.split_whitespace().next().unwrap().to_owned())
    });
    steps.collect()
}

/// The steps of the picture with this kind of arrow.
fn drawn(picture: &str, arrow: &str) -> BTreeSet<Step> {
    let name = |node: &str| node.trim().split(['[', '(']).next().unwrap().replace('_', "-");
    let mut steps = BTreeSet::new();
    for (before, next) in picture.lines().filter_map(|line| line.split_once(arrow)) {
        steps.extend(next.split('&').map(|next| (name(before), name(next))));
    }
    steps
}

/// The guide's picture of the stages shows each stage, with what it asks for, and each step that
/// incidents take.
fn compare_with_the_map(said: &str) {
    let map = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/architecture.md"));
    let map = map.unwrap();
    let picture = map.split("flowchart TD\n").nth(1).unwrap().split("```").next().unwrap();
    let (often, rarely) = (drawn(picture, " --> "), drawn(picture, " -.-> "));
    let taken = taken(said);
    let missing: Vec<&Step> =
        taken.iter().filter(|step| !often.contains(*step) && !rarely.contains(*step)).collect();
    assert!(missing.is_empty(), "incidents take steps that the picture lacks: {missing:?}");
    let never: Vec<&Step> = often.difference(&taken).collect();
    assert!(never.is_empty(), "the picture has steps that no incident takes: {never:?}");
    let name = |stage: Stage| serde_json::to_value(stage).unwrap().as_str().unwrap().to_owned();
    let actions = [
        Action::Clean,
        Action::Survey,
        Action::Snapshot,
        Action::Grow,
        Action::Extend,
        Action::Gather,
        Action::LeaveService(Standby { decremented: false }),
        Action::Reboot,
        Action::ComeBack,
        Action::Replace,
    ];
    let label = |stage: Stage| {
        let asks: Vec<String> = actions
            .iter()
            .filter(|action| action.stage() == stage)
            .map(|action| format!("{action:?}").split(['(', ' ']).next().unwrap().to_owned())
            .collect();
        if asks.is_empty() { name(stage) } else { format!("{}: {}", name(stage), asks.join(", ")) }
    };
    for stage in Stage::ALL {
        let id = name(stage).replace('-', "_");
        let label = label(stage);
        let node = if stage.is_open() {
            format!("    {id}[\"{label}\"] ")
        } else {
            format!("    {id}([\"{label}\"])\n")
        };
        assert!(picture.contains(&node), "the picture lacks {node:?}");
    }
}

#[test]
fn every_promise_holds_in_a_hostile_world() {
    let (said, code) = drill("held", &["--incidents", "2000", "--seed", "20261120"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("Every promise held.\n"), "{said}");
    compare_with_the_map(&said);
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
    let (said, code) = drill("one", &["--seed", "7", "--episode", "2"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("there is a ") && said.contains("dynamodb:Scan"), "{said}");
}
