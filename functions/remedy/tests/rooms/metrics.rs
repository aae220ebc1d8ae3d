//! What is counted, and that `CloudWatch` can read it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use remedy::alarm::Unreadable;
use remedy::execute::close::Stuck;
use remedy::follow_up::{Beat, Left};
use remedy::metrics::{Line, Metric, of_answer, of_beat};
use remedy::model::alarm::Symptom;
use remedy::model::incident::{Incident, Past, Rung, Stage};
use remedy::model::reason::Reason;
use remedy::ports::tell::Told;
use remedy::report::outcome::{Outcome, Report};
use remedy::respond::{Answer, RespondError};
use serde_json::Value;

use crate::given::{ago, call_failed, now};
use crate::told::{at, codes, every_reason, held, step};

fn answer(reports: Vec<Report>) -> Vec<Line> {
    of_answer(&Ok(Answer { reports, ignored: Vec::new() }), now())
}

/// An incident that the report opens, with what it began.
fn opening(rung: Rung, stage: Stage, outcome: Outcome) -> Report {
    let mut incident = Incident { opened_at: now(), ..at(rung, stage) };
    incident.attempts[0].claimed_at = now();
    Report::of(&incident, outcome, vec![Reason::AgentAbsent], now())
}

/// The metrics of lines: name, dimension's value, value.
fn counted(lines: &[Line]) -> Vec<String> {
    let mut counted = Vec::new();
    for line in lines {
        let line: Value = serde_json::from_str(&line.json("Remedy/prod", "high-cpu")).unwrap();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            let name = directive["Metrics"][0]["Name"].as_str().unwrap();
            let dimension = directive["Dimensions"][0][0].as_str().unwrap();
            let of = line[dimension].as_str().unwrap();
            counted.push(format!("{name} {of} {}", line[name]));
        }
    }
    counted
}

#[test]
fn a_rung_that_is_begun_counts_once() {
    let first = opening(Rung::Cleanup, Stage::Cleaning, Outcome::Acted);
    assert_eq!(
        counted(&answer(vec![first])),
        ["Incidents memory-pressure 1.0", "Actions cleanup 1.0"]
    );
    let later = step(Rung::Reboot, Stage::Rebooting, vec![Reason::LeftService]);
    assert_eq!(counted(&answer(vec![later])), [""; 0], "a step of a rung is no rung");
    let mut refused = opening(Rung::Cleanup, Stage::Cleaning, Outcome::Held);
    let failed = Reason::ActionFailed { call: "ssm:SendCommand", why: "denied".to_owned() };
    refused.because = vec![failed];
    let lines = answer(vec![refused]);
    assert_eq!(counted(&lines), ["Incidents memory-pressure 1.0", "Refusals action-failed 1.0"]);
}

#[test]
fn a_refusal_counts_by_its_first_reason() {
    let mut report = held(Reason::InstanceMissing);
    report.because.push(Reason::AgentAbsent);
    assert_eq!(counted(&answer(vec![report])), ["Refusals instance-missing 1.0"]);
    for silent in [
        held(Reason::NothingOpen),
        Report { stage: Some(Stage::Watching), ..held(Reason::FollowUpVerifies) },
    ] {
        assert_eq!(counted(&answer(vec![silent])), [""; 0], "an OK refuses nothing");
    }
}

#[test]
fn an_end_counts_by_its_kind_and_a_recovery_by_its_time() {
    let mut resolved = step(Rung::Cleanup, Stage::Resolved, vec![Reason::SymptomOver]);
    resolved.seen.changed_at = now() - SignedDuration::from_mins(12);
    let lines = answer(vec![resolved]);
    assert_eq!(
        counted(&lines),
        ["IncidentsEnded resolved 1.0", "TimeToRecover memory-pressure 720.0"]
    );
    let ends = [
        (Stage::HandedOver, "handed-over"),
        (Stage::Expired, "expired"),
        (Stage::Withdrawn, "withdrawn"),
    ];
    for (stage, end) in ends {
        let ended = step(Rung::Cleanup, stage, vec![Reason::NotInGroup]);
        assert_eq!(counted(&answer(vec![ended])), [format!("IncidentsEnded {end} 1.0")]);
    }
    let at_once = Report { handed_over: true, ..held(Reason::NotInGroup) };
    assert_eq!(counted(&answer(vec![at_once])), ["IncidentsEnded handed-over 1.0"]);
}

/// An incident before this one.
fn past(symptom: Symptom, rung: Option<Rung>, minutes: i64) -> Past {
    let (opened_at, ended_at) = (ago(minutes + 10), ago(minutes));
    Past { symptom, opened_at, ended_at, rung, disruptions: 0, stage: Stage::Resolved }
}

/// A report that opens an incident with this past.
fn after(past: Vec<Past>) -> Report {
    let incident = Incident { opened_at: now(), past, ..at(Rung::Reboot, Stage::Rebooting) };
    Report::of(&incident, Outcome::Acted, vec![Reason::AgentAbsent], now())
}

#[test]
fn a_symptom_that_came_back_counts_by_the_rung_that_did_not_last() {
    let counts = |past: Vec<Past>| {
        let counted = counted(&answer(vec![after(past)]));
        counted.into_iter().filter(|counted| counted.starts_with("CameBack")).collect::<Vec<_>>()
    };
    let cleaned = |minutes| past(Symptom::MemoryPressure, Some(Rung::Cleanup), minutes);
    let (hour, day) = ("CameBackWithin1h cleanup 1.0", "CameBackWithin24h cleanup 1.0");
    for (minutes, expected) in [
        (59, vec![hour, day]),
        (60, vec![hour, day]),
        (61, vec![day]),
        (24 * 60, vec![day]),
        (24 * 60 + 1, vec![]),
    ] {
        assert_eq!(counts(vec![cleaned(minutes)]), expected, "{minutes} minutes");
    }
    assert_eq!(counts(Vec::new()), [""; 0]);
    let other = past(Symptom::DiskFull, Some(Rung::Reboot), 5);
    assert_eq!(counts(vec![other.clone()]), [""; 0], "another symptom did not come back");
    let untouched = past(Symptom::MemoryPressure, None, 5);
    assert_eq!(counts(vec![untouched]), [""; 0], "nothing was done that could have lasted");
    assert_eq!(counts(vec![cleaned(61), other]), [day], "the last of the same symptom");
}

#[test]
fn a_message_that_reached_nobody_counts() {
    let mut report = step(Rung::Reboot, Stage::Rebooting, vec![Reason::LeftService]);
    report.note_telling(Told { people: Err(call_failed("sns:Publish")), chat: Ok(()) });
    assert_eq!(counted(&answer(vec![report])), ["NotificationsFailed high-cpu 1.0"]);
}

#[test]
fn an_event_without_an_answer_counts() {
    let unreadable = Unreadable {
        field: "detail".to_owned(),
        expected: "an object".to_owned(),
        found: "5".to_owned(),
    };
    let error = Err(RespondError::Unreadable(unreadable));
    assert_eq!(counted(&of_answer(&error, now())), ["UnreadableEvents high-cpu 1.0"]);
    let answered = Answer { reports: vec![held(Reason::InstanceMissing)], ignored: Vec::new() };
    let error = Err(RespondError::LedgerUnreachable {
        why: call_failed("dynamodb:PutItem").into(),
        answered,
    });
    let lines = of_answer(&error, now());
    assert_eq!(
        counted(&lines),
        ["Refusals instance-missing 1.0", "LedgerUnreachable high-cpu 1.0"]
    );
}

/// A heartbeat over three incidents: one waits, one could not be looked at, one
/// could not be read.
fn beat() -> Beat {
    let waiting = Report::of(
        &at(Rung::Cleanup, Stage::Watching),
        Outcome::Held,
        vec![Reason::PersonPresent { count: 1 }],
        now(),
    );
    let left = Left {
        incident_id: waiting.incident_id.clone(),
        why: call_failed("dynamodb:PutItem").into(),
    };
    let unreadable = vec![call_failed("dynamodb:Query")];
    Beat {
        reports: vec![waiting],
        looked_at: 2,
        left: vec![left],
        unreadable,
        lag_seconds: Some(75),
    }
}

#[test]
fn a_heartbeat_counts_itself_and_a_hint_does_not() {
    let lines = of_beat(&beat(), now());
    let expected = [
        "Heartbeats high-cpu 1.0",
        "FollowUpLag high-cpu 75.0",
        "IncidentsHeld high-cpu 1.0",
        "IncidentsStuck high-cpu 2.0",
    ];
    assert_eq!(counted(&lines), expected);
    assert_eq!(of_beat(&Beat { lag_seconds: None, ..beat() }, now()), []);
    let mut unheard = beat();
    unheard.left[0].why = Stuck::EndNotTold(call_failed("sns:Publish"));
    let counted = counted(&of_beat(&unheard, now()));
    assert!(
        counted.contains(&"NotificationsFailed high-cpu 1.0".to_owned()),
        "an end nobody heard of"
    );
}

/// Lines of every kind.
fn every_line() -> Vec<Line> {
    let mut reports = every_reason();
    reports.push(opening(Rung::Replace, Stage::Replacing, Outcome::Acted));
    reports.push(after(vec![past(Symptom::MemoryPressure, Some(Rung::Reboot), 5)]));
    reports[0].note_telling(Told { people: Ok(()), chat: Err(call_failed("sns:Publish")) });
    let unreadable = Unreadable {
        field: "event".to_owned(),
        expected: "JSON".to_owned(),
        found: "nothing".to_owned(),
    };
    let unreachable = RespondError::LedgerUnreachable {
        why: call_failed("dynamodb:PutItem").into(),
        answered: Answer::default(),
    };
    let contended = RespondError::LedgerContended { why: "x", answered: Answer::default() };
    [
        answer(reports),
        of_answer(&Err(RespondError::Unreadable(unreadable)), now()),
        of_answer(&Err(unreachable), now()),
        of_answer(&Err(contended), now()),
        of_beat(&beat(), now()),
    ]
    .concat()
}

#[test]
fn every_metric_is_counted_somewhere() {
    let names: BTreeSet<String> = counted(&every_line())
        .iter()
        .map(|counted| counted.split(' ').next().unwrap().to_owned())
        .collect();
    let all: BTreeSet<String> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    assert_eq!(names, all);
}

/// The limits of the embedded metric format, and of what we pay for: each value
/// of a dimension is a metric of its own.
#[test]
fn a_line_is_what_cloudwatch_reads_and_its_dimensions_are_bounded() {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in every_line() {
        let text = line.json("Remedy", "follow-up");
        assert!(text.len() < 2_000 && !text.contains('\n'), "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], now().as_millisecond());
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], "Remedy");
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{text}");
                assert!(["Count", "Seconds"].contains(&metric["Unit"].as_str().unwrap()));
            }
            for dimension in directive["Dimensions"][0].as_array().unwrap() {
                let name = dimension.as_str().unwrap();
                let value = line[name].as_str().unwrap().to_owned();
                values.entry(name.to_owned()).or_default().insert(value);
            }
        }
    }
    let symptoms = Symptom::ALL.map(|symptom| symptom.name().to_owned());
    for (dimension, values) in values {
        let known: BTreeSet<String> = match dimension.as_str() {
            "symptom" => symptoms.clone().into(),
            "rung" => ["cleanup", "reboot", "replace"].map(str::to_owned).into(),
            "end" => ["resolved", "handed-over", "expired", "withdrawn"].map(str::to_owned).into(),
            "reason" => codes(),
            "function" => ["follow-up".to_owned()].into(),
            other => panic!("{other} has no bound"),
        };
        assert!(values.is_subset(&known), "{dimension}: {values:?}");
    }
}
