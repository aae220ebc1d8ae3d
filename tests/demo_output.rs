//! The demo, run as a person would run it: its stories are regression tests,
//! and its mistakes are explained.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What the demo said: to whom, and with which exit code.
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

fn demo(arguments: &[&str]) -> Said {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("the demo runs");
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

fn golden(folder: &str, name: &str, told: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, told));
}

const STORIES: [&str; 8] = [
    "disk-full",
    "memory-pressure",
    "high-cpu",
    "unreachable",
    "service-down",
    "replaced",
    "not-opted-in",
    "delivered-twice",
];

/// A story longer than this is not read to its end.
const STORY_LINES_MAX: usize = 100;

const COLUMNS_MAX: usize = 100;

#[test]
fn every_story_is_told_as_before() {
    let mut all = Vec::new();
    for story in STORIES {
        let said = demo(&["--story", story]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{story}");
        assert!(said.out.lines().count() <= STORY_LINES_MAX, "{story} is too long");
        // An address cannot be broken.
        let mut breakable = said.out.lines().filter(|line| !line.contains("s3://"));
        let wide = breakable.find(|line| line.chars().count() > COLUMNS_MAX);
        assert_eq!(wide, None, "{story}");
        golden("stories", story, &said.out);
        all.push(said.out);
    }
    assert_eq!(demo(&[]).out, all.join("\n\n"), "without arguments all of them are told");
}

/// The accidents of others, each as a plot with what comes of it beside it.
#[test]
fn every_accident_ends_as_it_did_before() {
    every_plot_ends_as_it_did_before("accidents", 19);
}

/// Ways in which a remediator wrongs a fleet, each with what comes of it here.
#[test]
fn nobody_is_wronged() {
    every_plot_ends_as_it_did_before("no_harm", 39);
}

fn every_plot_ends_as_it_did_before(name: &str, count: usize) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut stories: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "txt")).collect();
    stories.sort();
    assert_eq!(stories.len(), count, "{name}");
    for story in stories {
        let said = demo(&["play", story.to_str().unwrap()]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", story.display());
        assert!(said.out.ends_with("Every promise held.\n"), "{}", said.out);
        golden(name, story.file_stem().unwrap().to_str().unwrap(), &said.out);
    }
}

#[test]
fn an_event_file_is_told_with_the_functions_answer() {
    let said = demo(&["events/disk-full.state-change.json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    golden("stories", "event-file", &said.out);
}

#[test]
fn an_event_goes_to_the_function_whose_alarm_it_is() {
    for (event, function) in [
        ("events/memory-pressure.sns.json", "memory-pressure"),
        ("events/disk-full.request.json", "disk-full"),
        ("events/high-cpu.contributor.json", "high-cpu"),
        ("events/foreign.s3.json", "high-cpu"),
    ] {
        let said = demo(&[event]);
        let invoked = format!("the {function} function is invoked");
        assert!(said.out.contains(&invoked), "{event}: {}", said.out);
    }
    let said = demo(&["events/high-cpu.state-change.json", "--function", "disk-full"]);
    assert!(said.out.contains("the disk-full function is invoked"), "{}", said.out);
}

#[test]
fn an_event_arrives_minutes_after_it_happened_unless_told_otherwise() {
    let stale = demo(&["events/high-cpu.stale.json"]);
    assert!(stale.out.starts_with("03:14:00") && stale.out.contains("(stale)"), "{}", stale.out);
    let event = "events/high-cpu.state-change.json";
    let late = demo(&[event, "--at", "2026-11-20T04:00:00Z"]);
    assert!(late.out.starts_with("04:00:00") && late.out.contains("(stale)"), "{}", late.out);
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_that_names_the_field() {
    let said = demo(&["events/malformed.timestamp.json"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("detail.state.timestamp"), "{}", said.out);
}

#[test]
fn what_cannot_be_used_is_explained() {
    let event = "events/high-cpu.state-change.json";
    let rows: [(&[&str], &str); 7] = [
        (&["--bogus"], "unexpected argument '--bogus'"),
        (&["play", "nowhere.txt"], "cannot read the story 'nowhere.txt'"),
        (&["nowhere.json"], "cannot read the event file 'nowhere.json'"),
        (&["--story", "none"], "disk-full"),
        (&[event, "--function", "none"], "memory-pressure"),
        (&[event, "--at", "yesterday"], "invalid value 'yesterday' for '--at <TIME>'"),
        (&["--at", "2026-11-20T04:00:00Z"], "EVENT"),
    ];
    for (arguments, explanation) in rows {
        let said = demo(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert_eq!(said.out, "", "{arguments:?}");
        assert!(said.err.starts_with("error: "), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(explanation), "{arguments:?}: {}", said.err);
        assert!(said.err.contains("try '--help'"), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn help_is_there() {
    let said = demo(&["--help"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("Usage: demo [OPTIONS] [EVENT]"), "{}", said.out);
}
