//! What is counted about ourselves, in `CloudWatch`'s embedded metric format: a
//! line of the log that `CloudWatch` turns into metrics, without a call.
//!
//! Dimensions are few and their values come from our own lists: never an
//! instance, whose number has no bound. What a line is about stands beside the
//! metrics, where a query finds it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::execute::close::Stuck;
use crate::follow_up::Beat;
use crate::intake::{NotAnswered, Taken};
use crate::model::incident::Stage;
use crate::model::reason::Reason;
use crate::model::unknown::LedgerError;
use crate::report::outcome::{Outcome, Report};
use crate::respond::{Answer, RespondError};

/// Everything that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Incidents that were opened.
    Incidents,
    /// Rungs that were begun.
    Actions,
    /// Alarms that nothing was done about, and calls that AWS refused.
    Refusals,
    /// Incidents that ended, and alarms that went to a person at once.
    IncidentsEnded,
    /// Seconds from the alarm to the end of a resolved incident.
    TimeToRecover,
    /// Incidents that were opened within an hour of the end of one with the same
    /// symptom: by the rung tried there, so that beside [`Self::Actions`] they
    /// tell how often it did not last.
    CameBackWithin1h,
    /// The same, within a day.
    CameBackWithin24h,
    /// Messages that did not reach people, or did not reach the chat.
    NotificationsFailed,
    /// Events that could not be read.
    UnreadableEvents,
    /// Invocations that the ledger did not answer.
    LedgerUnreachable,
    /// Invocations that lost every race for the ledger; Lambda repeats them.
    LedgerContended,
    /// Heartbeats that were lived through.
    Heartbeats,
    /// Seconds by which the longest due incident was due at a heartbeat.
    FollowUpLag,
    /// Incidents that are held back, at a heartbeat.
    IncidentsHeld,
    /// Incidents that could not be looked at, and stay due.
    IncidentsStuck,
}

impl Metric {
    /// Every metric there is.
    pub const ALL: [Self; 15] = [
        Self::Incidents,
        Self::Actions,
        Self::Refusals,
        Self::IncidentsEnded,
        Self::TimeToRecover,
        Self::CameBackWithin1h,
        Self::CameBackWithin24h,
        Self::NotificationsFailed,
        Self::UnreadableEvents,
        Self::LedgerUnreachable,
        Self::LedgerContended,
        Self::Heartbeats,
        Self::FollowUpLag,
        Self::IncidentsHeld,
        Self::IncidentsStuck,
    ];

    /// Its name in `CloudWatch`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Incidents => "Incidents",
            Self::Actions => "Actions",
            Self::Refusals => "Refusals",
            Self::IncidentsEnded => "IncidentsEnded",
            Self::TimeToRecover => "TimeToRecover",
            Self::CameBackWithin1h => "CameBackWithin1h",
            Self::CameBackWithin24h => "CameBackWithin24h",
            Self::NotificationsFailed => "NotificationsFailed",
            Self::UnreadableEvents => "UnreadableEvents",
            Self::LedgerUnreachable => "LedgerUnreachable",
            Self::LedgerContended => "LedgerContended",
            Self::Heartbeats => "Heartbeats",
            Self::FollowUpLag => "FollowUpLag",
            Self::IncidentsHeld => "IncidentsHeld",
            Self::IncidentsStuck => "IncidentsStuck",
        }
    }

    /// Its one dimension.
    pub fn dimension(self) -> &'static str {
        match self {
            Self::Incidents | Self::TimeToRecover => "symptom",
            Self::Actions | Self::CameBackWithin1h | Self::CameBackWithin24h => "rung",
            Self::Refusals => "reason",
            Self::IncidentsEnded => "end",
            Self::NotificationsFailed
            | Self::UnreadableEvents
            | Self::LedgerUnreachable
            | Self::LedgerContended
            | Self::Heartbeats
            | Self::FollowUpLag
            | Self::IncidentsHeld
            | Self::IncidentsStuck => "function",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::TimeToRecover | Self::FollowUpLag => "Seconds",
            _ => "Count",
        }
    }
}

/// What one line of metrics says.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    at: Timestamp,
    values: BTreeMap<Metric, f64>,
    dimensions: BTreeMap<&'static str, &'static str>,
    about: BTreeMap<&'static str, String>,
}

impl Line {
    fn new(at: Timestamp) -> Self {
        Self { at, values: BTreeMap::new(), dimensions: BTreeMap::new(), about: BTreeMap::new() }
    }

    fn measure(&mut self, metric: Metric, value: f64) {
        self.values.insert(metric, value);
    }

    fn count(&mut self, metric: Metric, dimension: &'static str) {
        self.measure(metric, 1.0);
        self.dimensions.insert(metric.dimension(), dimension);
    }

    fn about(mut self, report: &Report) -> Self {
        self.about.insert("incident_id", report.incident_id.to_string());
        self.about.insert("instance_id", report.instance_id.to_string());
        self
    }

    /// The line as `function` writes it, for the metrics of `namespace`
    /// (`CloudWatch` user guide, "Specification: Embedded metric format").
    pub fn json(&self, namespace: &str, function: &str) -> String {
        let directive = |metric: &Metric| {
            json!({
                "Namespace": namespace,
                "Dimensions": [[metric.dimension()]],
                "Metrics": [{"Name": metric.name(), "Unit": metric.unit()}],
            })
        };
        let directives: Vec<Value> = self.values.keys().map(directive).collect();
        let meta = json!({
            "Timestamp": self.at.as_millisecond(),
            "CloudWatchMetrics": directives,
        });
        let mut line =
            Map::from_iter([("_aws".to_owned(), meta), ("function".to_owned(), json!(function))]);
        line.extend(
            self.values.iter().map(|(metric, value)| (metric.name().to_owned(), json!(value))),
        );
        line.extend(self.dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(self.about.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        Value::Object(line).to_string()
    }
}

/// What an answer to an event counts.
pub fn of_answer(answer: &Result<Answer, RespondError>, at: Timestamp) -> Vec<Line> {
    let reports = |answer: &Answer| answer.reports.iter().flat_map(of_report).collect();
    match answer {
        Ok(answer) => reports(answer),
        Err(RespondError::Unreadable(_)) => vec![unreadable(at)],
        Err(RespondError::LedgerUnreachable { answered, .. }) => {
            [reports(answered), vec![ledger_unreachable(at)]].concat()
        }
        Err(RespondError::LedgerContended { answered, .. }) => {
            [reports(answered), vec![ledger_contended(at)]].concat()
        }
    }
}

/// What a batch of a queue's messages counts. A message counts each time that it comes.
pub fn of_batch(taken: &Taken, at: Timestamp) -> Vec<Line> {
    let reports = taken.answer.reports.iter().flat_map(of_report);
    let failed = taken.again.iter().filter_map(|again| match again.why {
        NotAnswered::Unreadable(_) => Some(unreadable(at)),
        NotAnswered::NoClaim(LedgerError::Unreachable(_)) => Some(ledger_unreachable(at)),
        NotAnswered::NoClaim(LedgerError::Contended(_)) => Some(ledger_contended(at)),
        // Nothing is wrong with it: it comes again.
        NotAnswered::NoTime => None,
    });
    reports.chain(failed).collect()
}

/// What a beat counts. A look that a trigger asked for is no heartbeat.
pub fn of_beat(beat: &Beat, at: Timestamp) -> Vec<Line> {
    let mut lines: Vec<Line> = beat.reports.iter().flat_map(of_report).collect();
    if let Some(lag) = beat.lag_seconds {
        let mut line = Line::new(at);
        line.measure(Metric::Heartbeats, 1.0);
        line.measure(Metric::FollowUpLag, SignedDuration::from_secs(lag).as_secs_f64());
        line.measure(
            Metric::IncidentsHeld,
            count(beat.reports.iter().filter(|r| waits(r)).count()),
        );
        line.measure(Metric::IncidentsStuck, count(beat.left.len() + beat.unreadable.len()));
        let unheard =
            beat.left.iter().filter(|left| matches!(left.why, Stuck::EndNotTold(_))).count();
        if unheard > 0 {
            // An end that nobody could be told of stays due until they hear.
            line.measure(Metric::NotificationsFailed, count(unheard));
        }
        lines.push(line);
    }
    lines
}

/// An event that could not be read.
pub fn unreadable(at: Timestamp) -> Line {
    let mut line = Line::new(at);
    line.measure(Metric::UnreadableEvents, 1.0);
    line
}

/// An invocation that the ledger did not answer.
pub fn ledger_unreachable(at: Timestamp) -> Line {
    let mut line = Line::new(at);
    line.measure(Metric::LedgerUnreachable, 1.0);
    line
}

/// An invocation that found other writers at the ledger first, each time it tried.
fn ledger_contended(at: Timestamp) -> Line {
    let mut line = Line::new(at);
    line.measure(Metric::LedgerContended, 1.0);
    line
}

/// What a report counts, if it counts anything. What came back stands on a line
/// of its own, because its rung is another one.
fn of_report(report: &Report) -> Vec<Line> {
    let mut line = Line::new(report.at);
    if report.opened.is_some() {
        line.count(Metric::Incidents, report.symptom.name());
    }
    if let Some(rung) = report.begun {
        line.count(Metric::Actions, rung.name());
    }
    if let Some(end) = end(report) {
        line.count(Metric::IncidentsEnded, end);
    }
    if report.outcome == Outcome::Resolved {
        let took = report.at.duration_since(report.seen.changed_at);
        line.count(Metric::TimeToRecover, report.symptom.name());
        line.measure(Metric::TimeToRecover, took.max(SignedDuration::ZERO).as_secs_f64());
    }
    if let Some(reason) = refusal(report) {
        line.count(Metric::Refusals, reason.code());
    }
    if report.delivery_error.is_some() {
        line.measure(Metric::NotificationsFailed, 1.0);
    }
    let lines = [Some(line), came_back(report)].into_iter().flatten();
    let counts = lines.filter(|line| !line.values.is_empty());
    counts.map(|line| line.about(report)).collect()
}

/// Whether an action of the last day did not last.
fn came_back(report: &Report) -> Option<Line> {
    let came_back = report.opened?.came_back?;
    let mut line = Line::new(report.at);
    for (metric, hours) in [(Metric::CameBackWithin1h, 1), (Metric::CameBackWithin24h, 24)] {
        if came_back.after <= SignedDuration::from_hours(hours) {
            line.count(metric, came_back.rung.name());
        }
    }
    Some(line)
}

/// How it ended, if it did.
fn end(report: &Report) -> Option<&'static str> {
    match (report.outcome, report.stage) {
        (Outcome::Resolved, _) => Some("resolved"),
        (Outcome::Held, Some(Stage::Expired)) => Some("expired"),
        (Outcome::Held, Some(Stage::Withdrawn)) => Some("withdrawn"),
        (Outcome::Held, stage) if report.handed_over && !stage.is_some_and(Stage::is_open) => {
            Some("handed-over")
        }
        _ => None,
    }
}

/// Why nothing was done, where that is news: not where an open incident goes on
/// waiting, and not for an alarm that went OK.
fn refusal(report: &Report) -> Option<&Reason> {
    let first = report.because.first()?;
    let asked_of_aws = matches!(first, Reason::ActionFailed { .. });
    let of_an_alarm = report.stage.is_none() || report.opened.is_some() || asked_of_aws;
    let refused = report.outcome == Outcome::Held && end(report).is_none() && of_an_alarm;
    (refused && *first != Reason::NothingOpen).then_some(first)
}

fn waits(report: &Report) -> bool {
    report.outcome == Outcome::Held && end(report).is_none() && refusal(report).is_none()
}

#[expect(clippy::cast_precision_loss, reason = "some dozens, at most")]
fn count(of: usize) -> f64 {
    of as f64
}
