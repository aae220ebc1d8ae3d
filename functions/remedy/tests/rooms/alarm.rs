//! What makes two alarms one occasion to act.

use remedy::model::alarm::Symptom::{DiskFull, HighCpu};
use remedy::model::alarm::{Alarm, Envelope};
use remedy::model::ids::{InstanceId, MountPoint};

use crate::given::{ago, alarm};

/// A rule, what is changed, and whether it is another occasion.
type Row = (&'static str, fn(&mut Alarm), bool);

#[test]
fn one_transition_is_one_occasion_however_it_arrives() {
    let rows: [Row; 9] = [
        ("another envelope", |alarm| alarm.envelope = Envelope::Sns, false),
        ("another wording", |alarm| alarm.reason = "Threshold".to_owned(), false),
        ("another alarm", |alarm| alarm.arn = Some("arn:other".to_owned()), true),
        (
            "another instance",
            |alarm| alarm.instance_id = InstanceId::new("i-0b2c3d4e5f6071829").unwrap(),
            true,
        ),
        ("another symptom", |alarm| alarm.symptom = HighCpu, true),
        ("another file system", |alarm| alarm.mount = MountPoint::new("/srv").ok(), true),
        ("another transition", |alarm| alarm.changed_at = ago(2), true),
        ("a request", |alarm| alarm.request_id = Some("a".to_owned()), true),
        ("a name, where the ARN is told", |alarm| alarm.name = "renamed".to_owned(), false),
    ];
    for (rule, change, differs) in rows {
        let mut other = alarm(DiskFull);
        change(&mut other);
        assert_eq!(other.transition_id() != alarm(DiskFull).transition_id(), differs, "{rule}");
    }
}

#[test]
fn a_request_that_lambda_retries_is_one_occasion_and_a_new_request_another() {
    let request = |id: &str, minutes| Alarm {
        request_id: Some(id.to_owned()),
        changed_at: ago(minutes),
        ..alarm(DiskFull)
    };
    assert_eq!(request("a", 1).transition_id(), request("a", 2).transition_id());
    assert_ne!(request("a", 1).transition_id(), request("b", 1).transition_id());
}
