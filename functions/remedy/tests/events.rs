//! Every payload in `events/` and what it is read as: one snapshot, so that a
//! change of the reading shows as a change of this table.
//!
//! A file's name begins with the function it is sent to. What is foreign or
//! malformed goes to `high-cpu`, as it might to any.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use remedy::alarm::{Invocation, Received, Unreadable, read};
use remedy::model::alarm::{Alarm, Evidence, Symptom};
use serde_json::{Value, json};

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

/// A change to a payload such as no sender should make.
#[derive(Clone, Debug)]
enum Change {
    Cut(Index),
    Overwrite(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
    Replace(Index, Value),
    Remove(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        1 => index().prop_map(Change::Cut),
        2 => (index(), any::<u8>()).prop_map(|(at, byte)| Change::Overwrite(at, byte)),
        2 => (index(), any::<Vec<u8>>()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (index(), index()).prop_map(|(from, to)| Change::Repeat(from, to)),
        6 => (index(), odd_value()).prop_map(|(at, value)| Change::Replace(at, value)),
        3 => index().prop_map(Change::Remove),
    ]
}

/// Values that are of some other type, or odd, or almost right.
fn odd_value() -> impl Strategy<Value = Value> {
    let odd = json!([
        null, true, 0, -1, 1e308, "", "Other", "ALARM", "OK", "[", "{}", "i-0123456789ABCDEF0",
        "i-", "100 - m1", "SELECT MAX(", "FILL(m1, 0)", "\u{202e}", [], [[]], {}, {"InstanceId": 1},
        [{"name": "InstanceId"}], {"recentDatapoints": [1, "2", null]}, "was not not less than the",
    ]);
    let Value::Array(odd) = odd else { unreachable!() };
    prop_oneof![
        proptest::sample::select(odd),
        any::<String>().prop_map(Value::String),
        any::<f64>().prop_map(Value::from),
        (0..200_usize).prop_map(|depth| (0..depth).fold(json!("deep"), |inner, _| json!([inner]))),
    ]
}

fn changed(event: &str, change: &Change) -> String {
    let mut bytes = event.as_bytes().to_vec();
    if bytes.is_empty() {
        return String::new();
    }
    match change {
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Overwrite(at, byte) => *at.get_mut(&mut bytes) = *byte,
        Change::Insert(at, more) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Change::Repeat(from, to) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from..from, part);
        }
        Change::Replace(at, value) => return with_node(event, *at, Some(value)),
        Change::Remove(at) => return with_node(event, *at, None),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `event` with one of its values replaced or removed, in the JSON inside an
/// SNS message as well.
fn with_node(event: &str, at: Index, value: Option<&Value>) -> String {
    let Ok(mut event) = serde_json::from_str::<Value>(event) else {
        return event.to_owned();
    };
    let message = "/Records/0/Sns/Message";
    let inside = event.pointer(message).and_then(Value::as_str);
    let inside = inside.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(mut inside) = inside {
        replace(&mut inside, at, value);
        if let Some(text) = event.pointer_mut(message) {
            *text = json!(inside.to_string());
        }
    } else {
        replace(&mut event, at, value);
    }
    event.to_string()
}

fn replace(root: &mut Value, at: Index, value: Option<&Value>) {
    let mut pointers = Vec::new();
    pointers_of(root, "", &mut pointers);
    if pointers.is_empty() {
        return;
    }
    let pointer = at.get(&pointers);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match (root.pointer_mut(parent).unwrap(), value) {
        (Value::Array(list), Some(value)) => list[key.parse::<usize>().unwrap()] = value.clone(),
        (Value::Array(list), None) => drop(list.remove(key.parse().unwrap())),
        (object, Some(value)) => object[unescaped(key)] = value.clone(),
        (object, None) => drop(object.as_object_mut().unwrap().remove(&unescaped(key))),
    }
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

fn pointers_of(value: &Value, path: &str, pointers: &mut Vec<String>) {
    let mut enter = |key: String, value: &Value| {
        let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers_of(value, &path, pointers);
        pointers.push(path);
    };
    match value {
        Value::Array(list) => {
            for (i, value) in list.iter().enumerate() {
                enter(i.to_string(), value);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                enter(key.clone(), value);
            }
        }
        _ => {}
    }
}

/// Reads `event` as every function would, and holds the reading to what must be
/// true of any.
fn hold(event: &str) -> Result<(), TestCaseError> {
    for symptom in Symptom::ALL {
        match read(event, &invocation(symptom)) {
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
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn a_changed_payload_is_read_without_panic_and_names_no_stranger(
        at in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..5),
    ) {
        let (_, event) = at.get(&EVENTS);
        hold(&changes.iter().fold(event.clone(), |event, change| changed(&event, change)))?;
    }

    #[test]
    fn any_text_at_all_is_read_without_panic(bytes in any::<Vec<u8>>()) {
        hold(&String::from_utf8_lossy(&bytes))?;
    }
}
