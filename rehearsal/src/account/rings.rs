//! Whom the alarms of a history are about, and which of their metrics tell how it went on. The
//! events are read by the code that reads them when they come.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use remedy::alarm::{self, Invocation};
use remedy::model::alarm::{Alarm, AlarmState, Symptom};
use remedy::model::ids::InstanceId;
use remedy::model::series::{Bad, Series, Statistic, Unit};

use crate::event::{self, Before};
use crate::history::History;

/// A series, and when alarms on it rang.
pub(super) type Asked = BTreeMap<String, (Series, BTreeSet<Timestamp>)>;

/// Whom a history is about.
#[derive(Debug, Default)]
pub(super) struct Rings {
    /// Every instance that an alarm names.
    pub(super) instances: BTreeSet<InstanceId>,
    /// Those of them whose disk was full.
    pub(super) full: BTreeSet<InstanceId>,
    /// Those that nobody could reach.
    pub(super) unreachable: BTreeSet<InstanceId>,
    /// The alarms that are about any of them.
    pub(super) alarms: BTreeSet<String>,
    /// What they watch.
    pub(super) asked: Asked,
}

impl Rings {
    pub(super) fn of(history: &History) -> Self {
        let mut rings = Self::default();
        let mut before = Before::new();
        for item in &history.items {
            let read = event::of(history, item, &before);
            if item.history_item_type == "StateUpdate" {
                before.insert(&item.alarm_name, item.timestamp);
            }
            let Ok(event) = read else { continue };
            for symptom in Symptom::ALL {
                let at = item.timestamp;
                let invocation = Invocation { symptom, request_id: String::new(), at };
                let received = alarm::read(&event.text, &invocation);
                for alarm in received.into_iter().flat_map(|received| received.alarms) {
                    rings.note(alarm, at);
                }
            }
        }
        rings
    }

    fn note(&mut self, alarm: Alarm, at: Timestamp) {
        let id = alarm.instance_id;
        self.instances.insert(id.clone());
        self.alarms.insert(alarm.name);
        if alarm.state != AlarmState::Alarm {
            return;
        }
        match alarm.symptom {
            Symptom::DiskFull => {
                self.full.insert(id);
            }
            Symptom::Unreachable => {
                for check in CHECKS {
                    self.ask(series_of(check, &id), at);
                }
                self.unreachable.insert(id);
            }
            Symptom::HighCpu | Symptom::MemoryPressure | Symptom::ServiceDown => {}
        }
        if let Some(series) = alarm.series {
            self.ask(series, at);
        }
    }

    fn ask(&mut self, series: Series, at: Timestamp) {
        let key = key(&series);
        self.asked.entry(key).or_insert_with(|| (series, BTreeSet::new())).1.insert(at);
    }
}

/// What tells one series from another, and what is made of its values.
pub(super) fn key(series: &Series) -> String {
    let Series { namespace, name, dimensions, statistic, exact, .. } = series;
    format!("{namespace} {name} {dimensions:?} {statistic:?} {exact}")
}

/// EC2's status checks as metrics: 1 in a minute in which one fails (EC2 user guide, "Status check
/// metrics").
pub(super) const CHECKS: [&str; 3] =
    ["StatusCheckFailed_Instance", "StatusCheckFailed_System", "StatusCheckFailed_AttachedEBS"];

/// The series of a status check of one instance.
pub(super) fn series_of(check: &str, id: &InstanceId) -> Series {
    Series {
        namespace: "AWS/EC2".to_owned(),
        name: check.to_owned(),
        dimensions: [("InstanceId".to_owned(), id.to_string())].into(),
        exact: true,
        bad: Bad::Up,
        unit: Some(Unit::Check),
        statistic: Statistic::Maximum,
        period: 60,
        scope: None,
    }
}
