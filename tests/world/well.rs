//! Whether a host is well under a ringing alarm: by its own word, or by what was
//! measured of it last.

use jiff::SignedDuration;
use remedy::model::alarm::Symptom;
use remedy::model::incident::Incident;
use remedy::observe::host_report::Code;

use crate::calls::{Well, WellBy};
use crate::host::FileSystem;
use crate::region::State;

/// Below this no host is in trouble, whatever its owner chose to be warned of.
const FLOOR_PERCENT: f64 = 90.0;

/// What was just read may be this old when it is acted upon: an invocation lasts
/// 60 seconds at most, and clocks differ.
const READ_BEFORE: SignedDuration = SignedDuration::from_secs(80);

/// An older value says nothing about now.
const NEWS_MAX: SignedDuration = SignedDuration::from_mins(15);

impl State {
    /// By what the instance of `incident` is well now, if it is.
    pub(crate) fn well(&self, incident: &Incident) -> Option<Well> {
        let host = self.hosts.get(&incident.instance_id).filter(|host| host.passes_checks())?;
        let full = incident.symptom == Symptom::DiskFull && host.file_system == FileSystem::Image;
        self.well_by_its_word(incident).or_else(|| self.well_by_measurement(incident)).or_else(
            || {
                full.then(|| Well {
                    by: WellBy::ItsImage,
                    how: "though an image is always full".to_owned(),
                })
            },
        )
    }

    /// What the host said last in the course of the incident. Who only looked has
    /// not judged.
    fn well_by_its_word(&self, incident: &Incident) -> Option<Well> {
        let of_incident = self.commands.iter().rev().filter(|command| {
            command.order.instance == incident.instance_id
                && command.order.comment.starts_with(incident.id.as_str())
        });
        let mut said = of_incident.filter_map(|command| command.ending.as_ref()?.said);
        let last = said.find(|code| *code != Code::Looked)?;
        let well = matches!(
            last,
            Code::NotInTrouble | Code::NotItsFault | Code::Protected | Code::BelowAlarm
        );
        well.then(|| Well { by: WellBy::ItsWord, how: format!("though it said {last:?}") })
    }

    /// What its metric said last: every value that may have been taken for the
    /// newest was within bounds.
    fn well_by_measurement(&self, incident: &Incident) -> Option<Well> {
        let (id, symptom) = (&incident.instance_id, incident.symptom);
        let watch = self
            .watches
            .iter()
            .find(|watch| watch.instance == *id && watch.name == incident.seen.alarm)?;
        let bad = watch.threshold.max(FLOOR_PERCENT);
        let newest = self.metrics.newest(id, symptom, (self.now, READ_BEFORE));
        let recent = newest.last().is_some_and(|it| self.now.duration_since(it.at) <= NEWS_MAX);
        let worst = newest.iter().map(|it| it.value).fold(f64::MIN, f64::max);
        let how = format!("though its newest datapoint was {worst:.1} %");
        (recent && worst <= bad).then_some(Well { by: WellBy::ItsMetric, how })
    }
}
