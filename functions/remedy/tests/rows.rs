//! Rows that earlier versions wrote are still read: an incident that is open while
//! Remedy is upgraded goes on. `tests/rows` holds, by version, rows as that version
//! wrote them: one for each stage, and one for each thing that is rarely there.

use remedy::model::incident::{Incident, Stage};
use serde_json::Value;

const ROWS: &str = include_str!("rows/0.1.0.jsonl");

/// What version 0.1.0 called otherwise, in leases, in rows, in refused calls, and their kinds.
const RENAMED: [(&str, &str); 8] = [
    ("place", "slot"),
    ("course", "timeline"),
    ("taken_until", "closing_until"),
    ("found", "preflight"),
    ("no", "kind"),
    ("not-now", "throttled"),
    ("not-this-instance", "instance-state"),
    ("not-for-us", "not-permitted"),
];

/// The stages that came after it.
const SINCE: [Stage; 4] = [Stage::Surveying, Stage::Snapshotting, Stage::Growing, Stage::Extending];

fn renamed(name: &str) -> String {
    let new = RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new);
    new.unwrap_or(name).to_owned()
}

/// The row as this version would have written it.
fn translated(row: Value) -> Value {
    match row {
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(name, value)| (renamed(&name), translated(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(translated).collect(),
        Value::String(text) => Value::String(renamed(&text)),
        other => other,
    }
}

#[test]
fn a_row_of_an_earlier_version_is_read_whole() {
    let mut stages = Vec::new();
    for line in ROWS.lines() {
        let written: Value = serde_json::from_str(line).unwrap();
        let incident: Incident = serde_json::from_str(line).unwrap();
        stages.push(incident.stage);
        let read: Value = serde_json::from_str(&serde_json::to_string(&incident).unwrap()).unwrap();
        assert_eq!(read, translated(written), "{line}");
    }
    let missing =
        Stage::ALL.into_iter().filter(|stage| !stages.contains(stage) && !SINCE.contains(stage));
    let missing: Vec<Stage> = missing.collect();
    assert!(missing.is_empty(), "no row in {missing:?}");
}

/// A lost answer is told from another writer's row by comparing what was written with what is
/// read, so a number must not change by its last digit (`float_roundtrip` of `serde_json`).
#[test]
fn an_incident_is_the_same_after_it_was_written_and_read() {
    let row: Incident = serde_json::from_str(ROWS.lines().next().unwrap()).unwrap();
    for n in 1..=1_000 {
        let mut incident = row.clone();
        incident.seen.value = Some(90.0 + 10.0 / f64::from(n) / 3.0);
        incident.seen.threshold = Some(100.0 / f64::from(n));
        let written = serde_json::to_string(&incident).unwrap();
        let read: Incident = serde_json::from_str(&written).unwrap();
        assert_eq!(read, incident, "{:?}", incident.seen.value);
    }
}
