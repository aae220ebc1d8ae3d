//! A short request that a person types, to the function of the symptom:
//!
//! ```json
//! {"instance_id": "i-0123456789abcdef0", "symptom": "disk-full", "mount": "/var", "observe": true}
//! ```
//!
//! Remedy's own shape, documented here. Only `instance_id` is needed: a host that is asked
//! about a disk without its mount point says itself which one is full. It is read
//! strictly where alarms are read tolerantly: a person waits for the answer, and
//! a misspelt `observe` must not act.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::field::{Field, quoted};
use super::{Alarm, Invocation, NoAlarm, NotOurs, Received, Symptom, Unreadable};
use crate::model::ids::{InstanceId, InvalidId, MountPoint};

const FIELDS: [&str; 4] = ["instance_id", "symptom", "mount", "observe"];

/// Whether `event` is a request. No envelope of AWS has any of these fields.
pub(super) fn recognises(event: &Field<'_>) -> bool {
    FIELDS.iter().any(|field| event.value().get(field).is_some())
}

/// Reads the request `text`, whose fields are in `event` too.
pub(super) fn read(
    text: &str,
    event: &Field<'_>,
    invocation: &Invocation,
) -> Result<Received, NoAlarm> {
    only_known_fields(text)?;
    let instance_id = checked(&event.need("instance_id", "an instance id")?, InstanceId::new)?;
    let symptom = present(event, "symptom").map(|field| symptom(&field)).transpose()?;
    let mount = present(event, "mount");
    let mount = mount.map(|field| checked(&field, MountPoint::new)).transpose()?;
    let observe = present(event, "observe").map(|field| {
        let observe = field.value().as_bool();
        observe.ok_or_else(|| field.unlike("true or false"))
    });
    let observe = observe.transpose()?.unwrap_or(false);
    let symptom = symptom.unwrap_or(invocation.symptom);
    if symptom != invocation.symptom {
        return Err(NotOurs::OtherSymptom { symptom }.into());
    }
    if let (Some(mount), true) = (&mount, symptom != Symptom::DiskFull) {
        let expected = "no mount in a request that is not about disk-full";
        return Err(Unreadable::new("mount", expected, mount.as_str()).into());
    }
    let alarm = Alarm {
        observe,
        request_id: Some(invocation.request_id.clone()),
        ..Alarm::asked(instance_id, symptom, mount, invocation.at)
    };
    Ok(Received { alarms: vec![alarm], ignored: Vec::new() })
}

/// The field `key`, null included: who writes `"observe": null` meant something.
fn present<'a>(event: &Field<'a>, key: &str) -> Option<Field<'a>> {
    let value = event.value().get(key)?;
    Some(Field::at(key, value))
}

fn symptom(field: &Field<'_>) -> Result<Symptom, Unreadable> {
    let name = field.text()?;
    let symptom = Symptom::ALL.into_iter().find(|symptom| symptom.name() == name);
    let all = Symptom::ALL.map(Symptom::name).join(", ");
    symptom.ok_or_else(|| field.unlike(&format!("one of {all}")))
}

fn checked<T>(
    field: &Field<'_>,
    new: impl FnOnce(String) -> Result<T, InvalidId>,
) -> Result<T, Unreadable> {
    new(field.text()?.to_owned()).map_err(|error| field.unlike(error.expected))
}

/// Refuses a field that is unknown or written twice: of two, JSON readers
/// silently take the last.
fn only_known_fields(text: &str) -> Result<(), Unreadable> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let names = reader.deserialize_map(Names);
    let names = names.map_err(|error| Unreadable::new("event", "JSON", &error.to_string()))?;
    for (i, name) in names.iter().enumerate() {
        let path = quoted(name);
        if !FIELDS.contains(&name.as_str()) {
            let expected = "no field but instance_id, symptom, mount and observe";
            return Err(Unreadable::new(path, expected, "this one"));
        }
        if names.iter().take(i).any(|earlier| earlier == name) {
            return Err(Unreadable::new(path, "one value", "two"));
        }
    }
    Ok(())
}

/// Collects the names of an object's fields, as often as they are written.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some((name, _)) = map.next_entry::<String, Value>()? {
            names.push(name);
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::tests::invocation;

    fn told(symptom: Symptom, event: &str) -> String {
        match crate::alarm::read(event, &invocation(symptom)) {
            Err(error) => error.to_string(),
            Ok(received) => {
                let ours = received.alarms.iter().map(|alarm| {
                    let mount = alarm.mount.as_ref().map_or("-", MountPoint::as_str);
                    format!("{} {mount} observe={}", alarm.instance_id, alarm.observe)
                });
                let not_ours = received.ignored.iter().map(ToString::to_string);
                ours.chain(not_ours).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn a_request_needs_only_an_instance() {
        for (event, expected) in [
            (r#"{"instance_id": "i-0123abcd"}"#, "i-0123abcd - observe=false"),
            (
                r#"{"instance_id": "i-0123abcd", "symptom": "disk-full", "mount": "/var",
                    "observe": true}"#,
                "i-0123abcd /var observe=true",
            ),
            (
                r#"{"instance_id": "i-0123abcd", "symptom": "high-cpu"}"#,
                "the function for high-cpu answers for this",
            ),
        ] {
            assert_eq!(told(Symptom::DiskFull, event), expected, "{event}");
        }
    }

    #[test]
    fn a_request_that_is_not_quite_right_does_not_act() {
        let id = r#""instance_id": "i-0123abcd""#;
        for (rest, expected) in [
            ("\"obsrve\": true", "obsrve: expected no field but instance_id, symptom, mount and"),
            ("\"Observe\": true", "Observe: expected no field but"),
            ("\"detail-type\": \"x\"", "detail-type: expected no field but"),
            ("\"observe\": true, \"observe\": false", "observe: expected one value, found two"),
            ("\"observe\": \"true\"", "observe: expected true or false, found \"true\""),
            ("\"observe\": 1", "observe: expected true or false, found 1"),
            ("\"observe\": null", "observe: expected true or false, found null"),
            (
                "\"symptom\": \"disk\"",
                "symptom: expected one of high-cpu, memory-pressure, disk-full",
            ),
            ("\"symptom\": [\"disk-full\"]", "symptom: expected a text, found [\"disk-full\"]"),
            ("\"symptom\": null", "symptom: expected a text, found null"),
            ("\"mount\": \"var\"", "mount: expected a mount point"),
            ("\"mount\": \"/$(id)\"", "mount: expected a mount point"),
            ("\"instance_id\": \"i-0123abce\"", "instance_id: expected one value, found two"),
        ] {
            let event = format!("{{{id}, {rest}}}");
            let told = told(Symptom::DiskFull, &event);
            assert!(told.starts_with(expected), "{event}: {told}");
        }
        for (event, expected) in [
            (r#"{"symptom": "disk-full"}"#, "instance_id: expected an instance id, found nothing"),
            (r#"{"instance_id": null}"#, "instance_id: expected an instance id, found nothing"),
            (r#"{"instance_id": 5}"#, "instance_id: expected a text, found 5"),
            (r#"{"instance_id": "web-1"}"#, "instance_id: expected an instance id (i-"),
            (r#"{"instance_id": ["i-0123abcd"]}"#, "instance_id: expected a text, found ["),
        ] {
            let told = told(Symptom::DiskFull, event);
            assert!(told.starts_with(expected), "{event}: {told}");
        }
    }

    #[test]
    fn a_mount_is_for_disks_only() {
        let event = r#"{"instance_id": "i-0123abcd", "mount": "/var"}"#;
        assert_eq!(
            told(Symptom::HighCpu, event),
            "mount: expected no mount in a request that is not about disk-full, found /var"
        );
    }

    #[test]
    fn a_retried_request_is_the_same_occasion_and_another_is_not() {
        let event = r#"{"instance_id": "i-0123abcd"}"#;
        let id = |invocation: &Invocation| {
            crate::alarm::read(event, invocation).unwrap().alarms[0].transition_id()
        };
        let first = invocation(Symptom::HighCpu);
        let mut later = first.clone();
        later.at = "2026-11-20T03:16:00Z".parse().unwrap();
        assert_eq!(id(&first), id(&later));
        later.request_id = "another".to_owned();
        assert_ne!(id(&first), id(&later));
    }
}
