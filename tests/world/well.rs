//! Whether a host is well under a ringing alarm: by its own word, by what was measured of
//! it last, or because nothing shows that it still is in trouble.

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::incident::Incident;
use remedy::observe::host_report::Mode;

use crate::calls::{Well, WellBy};
use crate::command::Command;
use crate::host::{FileSystem, Host};
use crate::region::State;
use crate::script::Said;

/// Below this no host is in trouble, whatever its owner chose to be warned of.
const FLOOR_PERCENT: f64 = 90.0;

/// What was just read may be this old when it is acted upon: an invocation lasts
/// 60 seconds at most, and clocks differ.
const READ_BEFORE: SignedDuration = SignedDuration::from_secs(80);

/// An older value says nothing about now.
const NEWS_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What a host said counts for so long after it was asked, even if it cannot speak any more.
const WORD_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// The functions' clocks differ from the region's by less.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// So long after an act a metric may have nothing new. It is 10 minutes; clocks that are set
/// right in between take up to two of them.
const METRIC_LAGS: SignedDuration = SignedDuration::from_mins(8);

impl State {
    /// By what the instance of `incident` is well now, if it is.
    pub(crate) fn well(&self, incident: &Incident) -> Option<Well> {
        let host = self.hosts.get(&incident.instance_id).filter(|host| host.passes_checks())?;
        self.well_by_its_word(incident, host)
            .or_else(|| self.well_by_measurement(incident))
            .or_else(|| not_its_disk(incident, host))
            .or_else(|| self.no_news(incident, host))
    }

    /// What the script said last in the course of the incident.
    pub(crate) fn last_word(&self, incident: &Incident) -> Option<(Timestamp, &Said)> {
        let said =
            |command: &'_ &Command| command.ending.as_ref().is_some_and(|it| it.said.is_some());
        let last = self.commands_of(incident).rev().find(said)?;
        Some((last.sent_at, last.ending.as_ref()?.said.as_ref()?))
    }

    fn commands_of(&self, incident: &Incident) -> impl DoubleEndedIterator<Item = &Command> {
        let shared = incident.attempts.iter().filter_map(|it| it.shared_comment.as_ref());
        let shared: Vec<&String> = shared.collect();
        self.commands.iter().filter(move |command| {
            let comment = &command.order.comment;
            let is_of_it = comment.starts_with(incident.id.as_str()) || shared.contains(&comment);
            command.order.instance == incident.instance_id && is_of_it
        })
    }

    fn well_by_its_word(&self, incident: &Incident, host: &Host) -> Option<Well> {
        let (asked_at, said) = self.last_word(incident)?;
        let counts = host.obeys() || self.now.duration_since(asked_at) < WORD_LASTS;
        let how = format!("though it said {:?}", said.code);
        (said.objects && counts).then_some(Well { by: WellBy::ItsWord, how })
    }

    /// What its metric said last: every value that may have been taken for the
    /// newest was within bounds.
    fn well_by_measurement(&self, incident: &Incident) -> Option<Well> {
        let (id, symptom) = (&incident.instance_id, incident.symptom);
        let watch = self
            .watches
            .iter()
            .find(|watch| watch.instance == *id && watch.name == incident.seen.alarm)?;
        let newest = self.metrics.newest(id, symptom, (self.now, READ_BEFORE));
        let recent = newest.last().is_some_and(|it| self.now.duration_since(it.at) <= NEWS_MAX);
        // What its alarm has measured may be newer than what can be read.
        let period = self.hosts.get(id).map(|host| host.period).unwrap_or_default();
        let is_newer = newest.iter().all(|it| it.at + period < incident.seen.changed_at);
        let values = newest.iter().map(|it| it.value);
        let values: Vec<f64> = values.chain(incident.seen.value.filter(|_| is_newer)).collect();
        let most = values.iter().copied().fold(f64::MIN, f64::max);
        let least = values.iter().copied().fold(f64::MAX, f64::min);
        let (within, worst) = match symptom {
            Symptom::Unreachable => (most <= 0.0, most),
            Symptom::ServiceDown => (least >= 1.0, least),
            _ => (most <= watch.threshold.max(FLOOR_PERCENT), most),
        };
        let how = format!("though its newest datapoint was {worst:.1}");
        (recent && within).then_some(Well { by: WellBy::ItsMetric, how })
    }

    /// Since something was done to the host nothing was measured, and it can speak or the
    /// metric may still lag.
    fn no_news(&self, incident: &Incident, host: &Host) -> Option<Well> {
        let mut cleanups = self.commands_of(incident).filter(|it| it.mode == Mode::Apply);
        let cleaned = cleanups.next_back().map(|command| command.sent_at);
        let booted = host.booted_at.filter(|at| *at > incident.opened_at);
        let acted = cleaned.into_iter().chain(booted).max()?;
        let (id, symptom) = (&incident.instance_id, incident.symptom);
        let newest = self.metrics.newest(id, symptom, (self.now, SignedDuration::ZERO));
        let news = newest.iter().any(|it| it.at >= acted - CLOCKS_DIFFER);
        let may_come = host.obeys() || self.now.duration_since(acted) < METRIC_LAGS;
        let how = "though nothing was measured since something was done to it".to_owned();
        (!news && may_come).then_some(Well { by: WellBy::NoNews, how })
    }
}

/// What is full is no disk of the host's own, so that nothing done to the host could help.
fn not_its_disk(incident: &Incident, host: &Host) -> Option<Well> {
    let named = incident.seen.mount.as_deref();
    let what = match host.file_system {
        FileSystem::Root | FileSystem::Data => return None,
        // The host has named the disk below it, which is as full.
        FileSystem::Overlay if named.is_some() && named == host.file_system.disk() => return None,
        FileSystem::Image => "an image, which is always full",
        FileSystem::Overlay => "a container's view of another file system",
        FileSystem::Memory => "in memory",
        FileSystem::Network => "on another machine",
    };
    let how = format!("though what is full is {what}");
    (incident.symptom == Symptom::DiskFull).then_some(Well { by: WellBy::NotItsDisk, how })
}
