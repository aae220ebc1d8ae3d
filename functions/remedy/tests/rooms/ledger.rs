//! Which incident an OK closes.

use remedy::alarm::Symptom::{DiskFull, HighCpu};
use remedy::alarm::{Alarm, AlarmState};
use remedy::ids::InstanceId;
use remedy::incident::{Incident, Stage};
use remedy::ledger::closed_by;

use crate::given::{ago, alarm, incident};

/// A rule, what is changed, and whether the OK closes the incident.
type Row = (&'static str, fn(&mut Incident), bool);

#[test]
fn an_ok_closes_the_open_incident_it_is_about() {
    let rows: [Row; 7] = [
        ("an incident that acted", |_| {}, true),
        ("an incident whose answer was lost", |open| open.stage = Stage::Claimed, true),
        ("not one that is resolved", |open| open.stage = Stage::Resolved, false),
        ("not one that a person has", |open| open.stage = Stage::HandedOver, false),
        ("not one of another symptom", |open| open.symptom = HighCpu, false),
        (
            "not one of another instance",
            |open| {
                open.instance_id = InstanceId::new("i-0b2c3d4e5f6071829").unwrap();
            },
            false,
        ),
        ("not one that was opened after the OK", |open| open.opened_at = ago(0), false),
    ];
    let ok = Alarm { state: AlarmState::Ok, ..alarm(DiskFull) };
    for (rule, change, closes) in rows {
        let mut open = incident(DiskFull);
        change(&mut open);
        assert_eq!(closed_by(&ok, Some(&open)).is_some(), closes, "{rule}");
    }
    assert_eq!(closed_by(&ok, None), None, "nothing, if there is no incident");
}
