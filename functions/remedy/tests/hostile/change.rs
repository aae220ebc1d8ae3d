//! What happens to a text on its way here when somebody means no good.

use proptest::prelude::*;
use proptest::sample::Index;
use remedy::observe::host_report::MARKER;
use serde_json::{Value, json};

/// A change to a text such as no sender should make.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Cut(Index),
    Overwrite(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
    Replace(Index, Value),
    Remove(Index),
    Stretch(Index),
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        1 => index().prop_map(Change::Cut),
        2 => (index(), any::<u8>()).prop_map(|(at, byte)| Change::Overwrite(at, byte)),
        2 => (index(), any::<Vec<u8>>()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (index(), index()).prop_map(|(from, to)| Change::Repeat(from, to)),
        6 => (index(), odd_value()).prop_map(|(at, value)| Change::Replace(at, value)),
        3 => index().prop_map(Change::Remove),
        3 => index().prop_map(Change::Stretch),
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

pub(crate) fn changed(event: &str, change: &Change) -> String {
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
        Change::Replace(at, value) => {
            return with_node(event, &|root| replace(root, *at, Some(value)));
        }
        Change::Remove(at) => return with_node(event, &|root| replace(root, *at, None)),
        Change::Stretch(at) => return with_node(event, &|root| stretch(root, *at)),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `event` with its JSON changed: that inside an SNS message or behind a host's marker, if there
/// is one.
fn with_node(event: &str, change: &dyn Fn(&mut Value)) -> String {
    if let Some(line) = event.strip_prefix(MARKER) {
        return format!("{MARKER}{}", with_node(line, change));
    }
    let Ok(mut event) = serde_json::from_str::<Value>(event) else {
        return event.to_owned();
    };
    let message = "/Records/0/Sns/Message";
    let inside = event.pointer(message).and_then(Value::as_str);
    let inside = inside.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(mut inside) = inside {
        change(&mut inside);
        if let Some(text) = event.pointer_mut(message) {
            *text = json!(inside.to_string());
        }
    } else {
        change(&mut event);
    }
    event.to_string()
}

/// Makes one of the lists or texts forty times as long.
fn stretch(root: &mut Value, at: Index) {
    let mut pointers = Vec::new();
    pointers_of(root, "", &mut pointers);
    let long =
        |pointer: &String| root.pointer(pointer).is_some_and(|it| it.is_array() || it.is_string());
    let pointers: Vec<String> = pointers.into_iter().filter(long).collect();
    if pointers.is_empty() {
        return;
    }
    match root.pointer_mut(at.get(&pointers).as_str()) {
        Some(Value::Array(list)) => *list = vec![list.clone(); 40].concat(),
        Some(Value::String(text)) => *text = text.repeat(40),
        _ => {}
    }
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
