//! Every payload in `events/` and what it is read as: one snapshot, so that a
//! change of the reading shows as a change of this table.
//!
//! A file's name begins with the function it is sent to. What is foreign or
//! malformed goes to `high-cpu`, as it might to any.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use remedy::alarm::{Invocation, Received, Unreadable, read};
use remedy::model::alarm::{Alarm, Evidence, Symptom};

fn invocation(symptom: Symptom) -> Invocation {
    Invocation {
        symptom,
        request_id: "5b6d7f1a-6f0b-4a52-9d2c-0a1b2c3d4e5f".to_owned(),
        at: "2026-11-20T03:14:00Z".parse().unwrap(),
    }
}

fn symptom_of(file: &str) -> Symptom {
    let named = |symptom: &Symptom| file.starts_with(&format!("{symptom}."));
    let other = file.starts_with("foreign.") || file.starts_with("malformed.");
    let symptom = Symptom::ALL.into_iter().find(named);
    symptom.unwrap_or_else(|| {
        assert!(other, "{file} begins with no function's name");
        Symptom::HighCpu
    })
}

/// The payloads with their names, sorted.
static EVENTS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
});

fn told(result: &Result<Received, Unreadable>) -> String {
    let received = match result {
        Ok(received) => received,
        Err(error) => return format!("  unreadable: {error}\n"),
    };
    let mut text = String::new();
    for alarm in &received.alarms {
        let state = format!("{:?}", alarm.state).to_uppercase();
        writeln!(text, "  {} {} {state}", alarm.instance_id, alarm.symptom).unwrap();
        writeln!(text, "    {}", details(alarm).join("\n    ")).unwrap();
    }
    for reason in &received.ignored {
        writeln!(text, "  not ours: {}: {reason}", reason.code()).unwrap();
    }
    text
}

fn details(alarm: &Alarm) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or("?".to_owned(), |value| value.to_string());
    let evidence = match &alarm.evidence {
        Evidence::Measured { value, threshold } => {
            let unit = alarm.unit.map_or(String::new(), |unit| format!(" {unit:?}").to_lowercase());
            format!("measured {} against {}{unit}", number(*value), number(*threshold))
        }
        Evidence::Nothing { why } => format!("nothing measured: {why}"),
        Evidence::Unclear { why } => format!("unclear: {why}"),
        Evidence::Asked => "asked".to_owned(),
    };
    let place = format!(
        "{} in {} of {}",
        alarm.name,
        alarm.region.as_deref().unwrap_or("?"),
        alarm.account.as_deref().unwrap_or("?"),
    );
    let read_again = alarm.series.as_ref().map_or(String::new(), |series| {
        format!("{:?} of {} s of ", series.statistic, series.period)
    });
    let mut details = vec![
        format!("{:?}: {place}", alarm.envelope),
        format!("{read_again}{} at {}", alarm.metric, alarm.changed_at),
        evidence,
    ];
    details.extend(alarm.mount.iter().map(|mount| format!("mount {mount}")));
    if alarm.watched > 1 {
        details.push(format!("one of {} watched", alarm.watched));
    }
    if let Some(muted) = &alarm.muted {
        let until = muted.until.as_deref().unwrap_or("?");
        details.push(format!("muted by {} until {until}", muted.by));
    }
    details.extend(alarm.suppressed_by.iter().map(|by| format!("suppressed by {by}")));
    details.extend(alarm.hint.map(|hint| format!("only a hint: {hint}")));
    if alarm.observe {
        details.push("observe".to_owned());
    }
    details
}

#[test]
fn every_payload_is_read_as_the_table_says() {
    let mut table = String::new();
    for (name, event) in EVENTS.iter() {
        let result = read(event, &invocation(symptom_of(name)));
        writeln!(table, "{name}\n{}", told(&result)).unwrap();
    }
    insta::assert_snapshot!(table);
}
