//! What makes two alarms one occasion to act, or one trouble, and what is kept of them.

use proptest::prelude::*;
use remedy::model::alarm::Symptom::{DiskFull, HighCpu};
use remedy::model::alarm::{Alarm, Envelope, Hint};
use remedy::model::ids::{InstanceId, MountPoint};
use remedy::model::incident::{Incident, Queued};
use remedy::model::seen::Seen;

use crate::given::{ago, alarm, incident};

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

/// A disk alarm by its path and device.
fn disk(path: Option<&str>, device: Option<&str>) -> Alarm {
    let mut disk = alarm(DiskFull);
    disk.mount = path.map(|path| MountPoint::new(path).unwrap());
    let dimensions = &mut disk.series.as_mut().unwrap().dimensions;
    dimensions.extend(device.map(|device| ("device".to_owned(), device.to_owned())));
    disk
}

#[test]
fn alarms_are_of_one_trouble_if_they_are_of_one_file_system_or_of_one_disk() {
    let of = |alarm: &Alarm| Incident {
        seen: Seen::of(alarm),
        mount: alarm.mount.clone(),
        ..incident(DiskFull)
    };
    let (root, data) = (Some("/"), Some("/data"));
    let (a, b) = (Some("nvme0n1p1"), Some("nvme1n1"));
    for (rule, one, other, same) in [
        ("one path", disk(root, None), disk(root, a), true),
        ("two paths", disk(root, None), disk(data, None), false),
        ("two subvolumes of one disk", disk(root, a), disk(data, a), true),
        ("two disks", disk(root, a), disk(data, b), false),
        ("what is not known is not the root", disk(None, None), disk(root, None), false),
        ("nothing known of either", disk(None, None), disk(None, None), true),
        ("a hundred overlays", disk(None, Some("overlay")), disk(None, Some("overlay")), true),
        ("an overlay and a disk", disk(None, Some("overlay")), disk(root, a), false),
        ("another symptom", disk(root, a), alarm(HighCpu), false),
    ] {
        assert_eq!(of(&one).is_about(&other), same, "{rule}");
        let waiting = of(&disk(Some("/srv"), None)).with_queued(Queued::of(&one));
        let count = waiting.with_queued(Queued::of(&other)).queued.len();
        assert_eq!(count, if same { 1 } else { 2 }, "{rule}");
    }
}

#[test]
fn a_hint_outlives_its_alarm_and_an_old_row_has_none() {
    let unusual = Alarm { hint: Some(Hint::Unusual), ..alarm(HighCpu) };
    let json = serde_json::to_value(Seen::of(&unusual)).unwrap();
    assert_eq!(json["hint"], "unusual");
    assert_eq!(serde_json::from_value::<Seen>(json).unwrap().hint, Some(Hint::Unusual));
    let old = serde_json::to_value(Seen::of(&alarm(HighCpu))).unwrap();
    assert!(old.get("hint").is_none());
    assert_eq!(serde_json::from_value::<Seen>(old).unwrap().hint, None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A write whose answer was lost meets itself, and must know itself.
    #[test]
    fn an_incident_is_read_from_its_row_as_it_was_written(
        value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL,
        threshold in 0.0..100.0_f64,
        text in any::<String>(),
        nanoseconds in 0..1_000_000_000_i32,
    ) {
        let mut written = incident(DiskFull);
        let at = jiff::Timestamp::new(1_795_144_365, nanoseconds).unwrap();
        written.seen.value = Some(value);
        written.seen.threshold = Some(threshold);
        written.seen.alarm = text;
        (written.opened_at, written.seen.changed_at) = (at, at);
        let next = Queued { seen: written.seen.clone(), ..Queued::of(&alarm(HighCpu)) };
        let written = written.with_queued(next);
        let row = serde_json::to_string(&written).unwrap();
        prop_assert_eq!(serde_json::from_str::<Incident>(&row).unwrap(), written);
    }
}
