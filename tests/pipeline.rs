//! The pipeline from end to end, in the simulated region: what is done once, what
//! is not done at all, and what is said when something fails on the way.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom::{self, DiskFull, HighCpu, MemoryPressure};
use remedy::model::cleanup_opt_in::{CLEANUP_TAG, CleanupOptIn};
use remedy::model::ids::{MountPoint, TransitionId, UnitName};
use remedy::model::incident::{Incident, Queued, Stage};
use remedy::model::platform::Platform;
use remedy::model::policy::{Mode, OPT_IN_TAG};
use remedy::model::reason::Reason;
use remedy::model::unknown::Unknown;
use remedy::ports::look::InstanceState;
use remedy::ports::touch::Relief;
use remedy::report::outcome::{Outcome, Report};
use remedy::respond::{Answer, RespondError};
use world::Region;
use world::calls::{Fault, Verb};
use world::drive::{Function, interleave};
use world::fleet::{self, Names};
use world::host::{AgentIs, Trouble};
use world::watch::Watch;

const DISK_FULL: &str = include_str!("../events/disk-full.state-change.json");
const HIGH_CPU: &str = include_str!("../events/high-cpu.state-change.json");

const REFUSED: Fault = Fault::Refused("ThrottlingException: Rate exceeded");
const FAULTS: [Fault; 3] = [REFUSED, Fault::RequestLost, Fault::AnswerLost];

/// When the recorded events arrive.
fn arrival() -> Timestamp {
    "2026-11-20T03:14:00Z".parse().unwrap()
}

/// A region in which a cleanup is possible.
fn answering() -> (Region, Names) {
    let names = Names::default();
    (fleet::grouped(&names, arrival()), names)
}

/// A region in which only a replacement is possible: every fact is needed.
fn silent() -> (Region, Names) {
    let (region, names) = answering();
    let since = AgentIs::SilentSince(arrival() - SignedDuration::from_hours(1));
    region.with_host(&names.web, |host| host.agent = since);
    (region, names)
}

fn run(region: &Region, symptom: Symptom, event: &str) -> Answer {
    Function::new(symptom).run(region, event).unwrap()
}

/// The one report of an answer.
fn only(answer: &Answer) -> &Report {
    match answer.reports.as_slice() {
        [report] => report,
        others => panic!("{} reports", others.len()),
    }
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.because.iter().map(Reason::code).collect()
}

fn asked(region: &Region, verb: Verb) -> usize {
    region.calls().iter().filter(|call| call.verb == verb).count()
}

#[test]
fn a_fact_that_cannot_be_read_is_a_refusal_that_names_the_call() {
    for verb in Verb::LOOKS.into_iter().filter(|verb| *verb != Verb::History) {
        for fault in FAULTS {
            let (region, names) = silent();
            region.break_call(verb, fault.clone());
            let answer = run(&region, HighCpu, HIGH_CPU);
            let report = only(&answer);
            let context = format!("{verb:?} {fault:?}: {report:?}");
            assert_eq!(report.outcome, Outcome::Held, "{context}");
            let says_so = report.because.iter().any(|reason| {
                matches!(reason, Reason::FactUnknown(Unknown::Call(failed))
                    if failed.call == verb.name() && failed.why == fault.says())
            });
            assert!(says_so, "{context}");
            assert_eq!(region.touches(), 0, "{context}");
            let waits = region.incident(&names.web).map(|incident| incident.stage);
            assert_eq!(waits, Some(Stage::Waiting), "{context}");
            assert!(!report.told, "once is no news: {context}");
        }
    }
}

#[test]
fn without_its_history_nothing_is_begun_for_an_instance() {
    for fault in FAULTS {
        let (region, names) = silent();
        region.break_call(Verb::History, fault.clone());
        let error = Function::new(HighCpu).run(&region, HIGH_CPU).unwrap_err();
        assert!(error.to_string().contains("dynamodb:BatchGetItem"), "{error}");
        assert_eq!(region.touches(), 0, "{fault:?}");
        assert_eq!(region.incident(&names.web), None, "{fault:?}");
    }
}

#[test]
fn what_cannot_be_read_for_long_is_told_once_and_done_when_it_can() {
    let (region, names) = silent();
    region.with_host(&names.web, |host| host.trouble = Some(Trouble::hopeless(HighCpu, 99.0)));
    region.break_call(Verb::Sessions, REFUSED);
    run(&region, HighCpu, HIGH_CPU);
    for _ in 0..20 {
        region.pass(SignedDuration::from_mins(1));
        world::drive::FollowUp::default().run(&region).unwrap();
    }
    assert_eq!(region.touches(), 0);
    assert_eq!(region.topic().len(), 1, "{:?}", region.topic());
    assert!(region.topic()[0].text.contains("ssm:DescribeSessions"), "{}", region.topic()[0].text);
    region.mend_call(Verb::Sessions);
    region.pass(SignedDuration::from_mins(1));
    world::drive::FollowUp::default().run(&region).unwrap();
    assert_eq!(region.touches(), 1, "it goes on by itself");
}

#[test]
fn a_cleanup_asks_no_more_than_it_needs() {
    for verb in Verb::LOOKS {
        let (region, _) = answering();
        region.break_call(verb, REFUSED);
        let answer = Function::new(DiskFull).run(&region, DISK_FULL);
        let needed =
            matches!(verb, Verb::Instance | Verb::Agent | Verb::Membership | Verb::History);
        let acted = answer.is_ok_and(|answer| only(&answer).outcome == Outcome::Acted);
        assert_eq!(acted, !needed, "{verb:?}");
        assert_eq!(region.touches(), usize::from(acted), "{verb:?}");
        assert_eq!(asked(&region, Verb::Group) + asked(&region, Verb::Refresh), 0);
    }
}

#[test]
fn nothing_is_done_without_the_ledger() {
    for fault in FAULTS {
        let (region, _) = answering();
        region.break_call(Verb::Open, fault.clone());
        let error = Function::new(DiskFull).run(&region, DISK_FULL).unwrap_err();
        assert!(matches!(&error, RespondError::LedgerUnreachable { .. }), "{fault:?}: {error}");
        assert!(error.to_string().contains("dynamodb:PutItem"), "{error}");
        assert_eq!(region.touches(), 0, "{fault:?}");
        assert!(region.topic().is_empty(), "{fault:?}: Lambda tries again first");

        // Lambda tries again, and by then the ledger answers. A claim whose
        // answer was lost may have acted, and is not acted on again.
        region.mend_call(Verb::Open);
        let answer = run(&region, DiskFull, DISK_FULL);
        let acts = usize::from(fault != Fault::AnswerLost);
        assert_eq!(region.touches(), acts, "{fault:?}: {answer:?}");
    }
}

#[test]
fn each_symptom_is_relieved_by_its_own_means() {
    let units = vec![UnitName::new("app.service").unwrap()];
    let memory = include_str!("../events/memory-pressure.state-change.json");
    for (symptom, event, relief) in [
        (
            DiskFull,
            DISK_FULL,
            Relief::Disk {
                mount: MountPoint::new("/").ok(),
                target_percent: 75,
                alarm_percent: Some(90),
                opt_ins: BTreeSet::from([CleanupOptIn::Docker, CleanupOptIn::TruncateLogs]),
            },
        ),
        (
            MemoryPressure,
            memory,
            Relief::Memory {
                units: units.clone(),
                opt_ins: BTreeSet::from([CleanupOptIn::MemoryReclaim]),
            },
        ),
        (HighCpu, HIGH_CPU, Relief::Cpu { units: units.clone() }),
    ] {
        let (region, names) = answering();
        let mut function = Function::new(symptom);
        // The owner's words on the instance, and those for all.
        region.with_host(&names.web, |host| {
            let words = "truncate-logs memory-reclaim, sudo".to_owned();
            host.instance.tags.insert(CLEANUP_TAG.to_owned(), words);
        });
        function.policy.opt_ins = BTreeSet::from([CleanupOptIn::Docker]);
        function.policy.disk_target_percent = 75;
        function.policy.units.clone_from(&units);
        function.run(&region, event).unwrap();
        let [command] = region.commands().try_into().unwrap();
        let incident = region.incident(&names.web).unwrap();
        assert_eq!(command.order.relief, relief);
        assert_eq!((command.order.symptom, command.order.comment), (symptom, incident.comment()));
        assert_eq!(incident.attempts[0].command_id, Some(command.id), "it can be found again");
    }
}

#[test]
fn an_alarms_own_tag_limits_the_rungs_to_the_end() {
    let tagged = "\"detail\": {\"alarmTags\": {\"auto-remediation-max\": \"cleanup\"},";
    let event = HIGH_CPU.replacen("\"detail\": {", tagged, 1);
    let (region, _) = silent();
    let answer = run(&region, HighCpu, &event);
    assert!(codes(only(&answer)).contains(&"rung-limited"), "{answer:?}");
    assert_eq!(region.touches(), 0);

    let (region, names) = answering();
    region.with_host(&names.web, |host| host.trouble = Some(Trouble::stubborn(HighCpu, 99.0)));
    run(&region, HighCpu, &event);
    for _ in 0..60 {
        region.pass(SignedDuration::from_mins(1));
        world::drive::FollowUp::default().run(&region).unwrap();
    }
    let incident = region.incident(&names.web).unwrap();
    assert_eq!((incident.stage, region.touches()), (Stage::HandedOver, 1), "a cleanup, no more");
}

#[test]
fn an_event_delivered_twice_acts_once() {
    let (region, _) = answering();
    let first = run(&region, DiskFull, DISK_FULL);
    assert_eq!(only(&first).outcome, Outcome::Acted);
    region.pass(SignedDuration::from_secs(20));
    let second = run(&region, DiskFull, DISK_FULL);
    assert_eq!(only(&second).outcome, Outcome::Held);
    assert!(codes(only(&second)).contains(&"duplicate-delivery"));
    assert_eq!(only(&second).incident_id, only(&first).incident_id);
    assert_eq!((region.touches(), region.topic().len()), (1, 1));
}

#[test]
fn a_transition_in_two_envelopes_acts_once() {
    let envelopes = [
        DISK_FULL,
        include_str!("../events/disk-full.lambda-action.json"),
        include_str!("../events/disk-full.sns.json"),
    ];
    for first in envelopes {
        for second in envelopes {
            let (region, _) = answering();
            run(&region, DiskFull, first);
            let answer = run(&region, DiskFull, second);
            assert!(codes(only(&answer)).contains(&"duplicate-delivery"), "{answer:?}");
            assert_eq!(region.touches(), 1);
        }
    }
}

/// Every order in which `left` and `right` polls of two futures can follow one
/// another.
fn orders(left: usize, right: usize) -> Vec<Vec<bool>> {
    if left == 0 || right == 0 {
        return vec![[vec![true; left], vec![false; right]].concat()];
    }
    let mut all = Vec::new();
    for (next, rest) in [(true, orders(left - 1, right)), (false, orders(left, right - 1))] {
        all.extend(rest.into_iter().map(|order| [vec![next], order].concat()));
    }
    all
}

/// Reads, claim, action, and record with notification: each gives way once.
const POLLS: usize = 5;

#[test]
fn concurrent_duplicates_act_once_however_they_interleave() {
    let orders = orders(POLLS, POLLS);
    assert_eq!(orders.len(), 252);
    for order in orders {
        let (region, names) = answering();
        let function = Function::new(DiskFull);
        let (first, second) = interleave(
            function.invoke(&region, DISK_FULL),
            function.invoke(&region, DISK_FULL),
            order.clone(),
        );
        let outcomes = [first.unwrap(), second.unwrap()].map(|answer| only(&answer).outcome);
        let acted = outcomes.iter().filter(|outcome| **outcome == Outcome::Acted).count();
        assert_eq!((acted, region.touches()), (1, 1), "{order:?}: {outcomes:?}");
        assert_eq!(region.topic().len(), 1, "{order:?}");
        assert_eq!(region.incident(&names.web).unwrap().stage, Stage::Cleaning, "{order:?}");
    }
}

#[test]
fn concurrent_alarms_of_two_symptoms_act_once_however_they_interleave() {
    for order in orders(POLLS, POLLS) {
        let (region, _) = answering();
        let (disk, cpu) = (Function::new(DiskFull), Function::new(HighCpu));
        let answers = interleave(
            disk.invoke(&region, DISK_FULL),
            cpu.invoke(&region, HIGH_CPU),
            order.clone(),
        );
        assert_eq!(region.touches(), 1, "{order:?}: {answers:?}");
    }
}

#[test]
fn a_claim_that_loses_to_another_incident_acts_on_nothing() {
    let (region, names) = answering();
    run(&region, HighCpu, HIGH_CPU);
    let rival = region.incident(&names.web).unwrap();

    let (region, _) = answering();
    region.with_book(|book| book.rival(rival.clone()));
    let answer = run(&region, DiskFull, DISK_FULL);
    assert_eq!(codes(only(&answer)), ["queued"]);
    let open = region.incident(&names.web).unwrap();
    assert_eq!((open.id, open.queued.len()), (rival.id, 1));
    assert_eq!(open.queued[0].id, only(&answer).incident_id);
    assert_eq!(region.touches(), 0);
}

/// An alarm about other trouble of the same instance.
fn queued(open: &Incident) -> Queued {
    Queued {
        id: open.id.clone(),
        transition_id: TransitionId::derive(&["another"]),
        symptom: MemoryPressure,
        seen: open.seen.clone(),
        mount: None,
    }
}

#[test]
fn an_incident_that_expired_holds_nothing() {
    let (region, names) = answering();
    run(&region, HighCpu, HIGH_CPU);
    let left_open = region.incident(&names.web).unwrap();

    let (region, _) = answering();
    let expires_at = arrival() - SignedDuration::from_hours(1);
    let waits = queued(&left_open);
    let expired = Incident { expires_at, queued: vec![waits.clone()], ..left_open };
    region.with_book(|book| book.put(expired));
    assert_eq!(only(&run(&region, DiskFull, DISK_FULL)).outcome, Outcome::Acted);
    let next = region.incident(&names.web).unwrap();
    assert_eq!(next.queued, [waits], "what waited behind it waits on");
}

#[test]
fn an_action_that_was_refused_is_told_and_followed_up() {
    let (region, names) = answering();
    region.break_call(Verb::Clean, Fault::Refused("AccessDeniedException"));
    let answer = run(&region, DiskFull, DISK_FULL);
    let report = only(&answer);
    assert_eq!((report.outcome, report.handed_over), (Outcome::Held, false));
    assert_eq!(codes(report), ["action-failed", "lowest-rung"]);
    assert!(report.told);
    assert_eq!(region.incident(&names.web).unwrap().stage, Stage::Cleaning);
}

#[test]
fn an_action_whose_answer_was_lost_is_never_repeated() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        let (region, names) = silent();
        region.break_call(Verb::Replace, fault);
        let answer = run(&region, DiskFull, DISK_FULL);
        assert_eq!(only(&answer).outcome, Outcome::Acted, "it may have happened");
        assert_eq!(codes(only(&answer)).first(), Some(&"action-uncertain"));
        assert_eq!(region.incident(&names.web).unwrap().stage, Stage::Replacing);

        region.mend_call(Verb::Replace);
        run(&region, DiskFull, DISK_FULL);
        assert_eq!(region.touches(), 1);
    }
}

#[test]
fn a_replacement_asks_how_often_there_was_one() {
    for fault in FAULTS {
        let (region, _) = silent();
        region.break_call(Verb::Pool, fault);
        let answer = run(&region, DiskFull, DISK_FULL);
        assert!(codes(only(&answer)).contains(&"fact-unknown"), "{answer:?}");
        assert_eq!(region.touches(), 0);
    }
}

#[test]
fn a_late_alarm_disrupts_nothing_that_has_recovered_since() {
    for (recovers, touches) in [(true, 0), (false, 1)] {
        let names = Names::default();
        let region = fleet::standalone(&names, arrival());
        let since = AgentIs::SilentSince(arrival() - SignedDuration::from_hours(1));
        region.with_host(&names.web, |host| {
            host.agent = since;
            host.trouble = Some(Trouble::hopeless(MemoryPressure, 99.1));
        });
        region.add_watch(Watch::new(MemoryPressure, names.web.clone(), region.now()));
        region.pass(SignedDuration::from_mins(3));
        let late = region.transitions();
        assert_eq!(late.len(), 1);
        if recovers {
            region.with_host(&names.web, |host| host.trouble = None);
        }
        region.pass(SignedDuration::from_mins(9));
        let _ok = region.transitions();
        let answer = run(&region, MemoryPressure, &late[0]);
        assert_eq!(region.touches(), touches, "{:?}", codes(only(&answer)));
        let expected = if recovers { "symptom-over" } else { "lowest-rung" };
        assert!(codes(only(&answer)).contains(&expected), "{:?}", codes(only(&answer)));
    }
}

#[test]
fn people_who_cannot_be_told_undo_nothing() {
    for fault in FAULTS {
        let (region, names) = answering();
        region.break_call(Verb::Tell, fault.clone());
        let answer = run(&region, DiskFull, DISK_FULL);
        let report = only(&answer);
        assert_eq!((report.outcome, report.told), (Outcome::Acted, false), "{fault:?}");
        assert_eq!(region.touches(), 1);
        assert_eq!(region.incident(&names.web).unwrap().stage, Stage::Cleaning);
    }
}

#[test]
fn what_could_not_be_written_down_is_told_in_the_answer() {
    for fault in FAULTS {
        let (region, _) = answering();
        region.break_call(Verb::Record, fault.clone());
        let answer = run(&region, DiskFull, DISK_FULL);
        let report = only(&answer);
        assert_eq!((report.outcome, report.told), (Outcome::Acted, true), "{fault:?}");
        assert_eq!(codes(report), ["lowest-rung", "not-recorded"], "{fault:?}");
    }
}

#[test]
fn whoever_observes_touches_nothing_and_writes_nothing() {
    let (tagged, names) = answering();
    tagged.with_host(&names.web, |host| {
        host.instance.tags.insert(OPT_IN_TAG.to_owned(), "observe".to_owned());
    });
    let mut observing = Function::new(DiskFull);
    observing.policy.mode = Mode::Observe;
    let acting = Function::new(DiskFull);
    let request = include_str!("../events/disk-full.request.json");
    for (asked_by, region, function, event) in [
        ("the tag", tagged, &acting, DISK_FULL),
        ("the deployment", answering().0, &observing, DISK_FULL),
        ("the request", answering().0, &acting, request),
    ] {
        let answer = function.run(&region, event).unwrap();
        let report = only(&answer);
        assert_eq!((report.outcome, report.observe), (Outcome::Held, true), "{asked_by}");
        assert_eq!(codes(report), ["observing", "lowest-rung"], "{asked_by}");
        assert_eq!((region.touches(), asked(&region, Verb::Open)), (0, 0), "{asked_by}");
        assert!(report.told, "{asked_by}");
    }
}

#[test]
fn a_strangers_instance_is_left_alone_and_nobody_is_bothered() {
    let (region, names) = silent();
    region.with_host(&names.web, |host| {
        host.instance.tags.remove(OPT_IN_TAG);
    });
    let answer = run(&region, HighCpu, HIGH_CPU);
    assert_eq!(codes(only(&answer)).first(), Some(&"not-opted-in"));
    assert_eq!((region.touches(), asked(&region, Verb::Open)), (0, 0));
    assert_eq!(asked(&region, Verb::Tell), 0);
}

#[test]
fn what_somebody_silenced_is_only_logged() {
    let (region, _) = answering();
    let answer = run(&region, HighCpu, include_str!("../events/high-cpu.muted.json"));
    assert_eq!(codes(only(&answer)).first(), Some(&"muted"));
    assert_eq!((region.touches(), asked(&region, Verb::Tell)), (0, 0));
}

#[test]
fn an_alarm_about_other_trouble_waits_for_the_end_of_the_incident() {
    let (region, names) = answering();
    let first = run(&region, DiskFull, DISK_FULL);
    let before = region.incident(&names.web).unwrap();
    let asked_before = asked(&region, Verb::History);
    let second = run(&region, HighCpu, HIGH_CPU);
    assert_eq!(codes(only(&second)), ["queued"]);
    assert_eq!(asked(&region, Verb::History), asked_before + 1, "what is known is not read twice");
    let open = region.incident(&names.web).unwrap();
    assert_eq!(open.id, only(&first).incident_id);
    assert_eq!((open.stage, open.due_at), (before.stage, before.due_at));
    assert_eq!((region.touches(), region.topic().len()), (1, 1));

    let again = run(&region, HighCpu, HIGH_CPU);
    assert_eq!(codes(only(&again)).first(), Some(&"duplicate-delivery"));
    assert_eq!(region.incident(&names.web).unwrap(), open);
}

/// The recorded alarm as a later one about the same trouble.
fn later(event: &str, by: &str) -> String {
    event.replace("web-disk-used-high", by)
}

#[test]
fn an_alarm_about_the_same_trouble_is_the_incidents() {
    let (region, names) = answering();
    run(&region, DiskFull, DISK_FULL);
    let open = region.incident(&names.web).unwrap();
    let other = later(DISK_FULL, "another-alarm");
    assert_ne!(other, DISK_FULL);
    let answer = run(&region, DiskFull, &other);
    assert_eq!(codes(only(&answer)).first(), Some(&"incident-open"));
    assert_eq!(region.incident(&names.web).unwrap(), open);
}

/// Whoever is just being stopped, or replaced, may be the incident's own doing.
#[test]
fn an_alarm_about_other_trouble_waits_though_its_instance_does_not_run() {
    let (region, names) = answering();
    run(&region, DiskFull, DISK_FULL);
    let stopping = || InstanceState::Not("stopping".to_owned());
    region.with_host(&names.web, |host| host.instance.state = stopping());
    let answer = run(&region, HighCpu, HIGH_CPU);
    assert_eq!(codes(only(&answer)), ["queued"]);
    assert_eq!(region.incident(&names.web).unwrap().queued.len(), 1);
}

#[test]
fn what_is_not_ours_is_not_queued() {
    let (region, names) = answering();
    run(&region, DiskFull, DISK_FULL);
    let open = region.incident(&names.web).unwrap();
    let answer = run(&region, HighCpu, include_str!("../events/high-cpu.muted.json"));
    assert!(codes(only(&answer)).contains(&"muted"), "{answer:?}");
    region.with_host(&names.web, |host| host.instance.tags.clear());
    let answer = run(&region, HighCpu, HIGH_CPU);
    assert!(codes(only(&answer)).contains(&"not-opted-in"), "{answer:?}");
    assert_eq!(region.incident(&names.web).unwrap(), open);
}

#[test]
fn an_alarm_in_the_moment_an_incident_ends_is_tried_again() {
    let (region, names) = answering();
    run(&region, DiskFull, DISK_FULL);
    let until = region.now() + SignedDuration::from_mins(1);
    region.with_book(|book| {
        let open = book.latest(&names.web).unwrap().clone();
        book.put(Incident { closing_until: Some(until), ..open });
    });
    let error = Function::new(HighCpu).run(&region, HIGH_CPU).unwrap_err();
    assert!(error.to_string().contains("just ending"), "{error}");
    assert_eq!(region.touches(), 1);
}

/// A region whose web server has an open disk-full incident.
fn open_incident() -> (Region, Names) {
    let names = Names::default();
    let (before, _) = answering();
    run(&before, DiskFull, DISK_FULL);
    let open = before.incident(&names.web).unwrap();
    let (region, names) = answering();
    // The recorded OK happened when the recorded alarm did.
    let opened_at = open.opened_at - SignedDuration::from_mins(30);
    region.with_book(|book| book.put(Incident { opened_at, ..open }));
    (region, names)
}

#[test]
fn an_ok_closes_nothing_and_has_the_follow_up_look_at_once() {
    for (ok, code) in [
        (include_str!("../events/disk-full.ok.json"), "follow-up-verifies"),
        (include_str!("../events/disk-full.ok-vanished.json"), "unmeasured"),
    ] {
        let (region, names) = open_incident();
        region.pass(SignedDuration::from_secs(10));
        assert!(region.incident(&names.web).unwrap().due_at > region.now());
        let answer = run(&region, DiskFull, ok);
        assert_eq!(codes(only(&answer)), [code]);
        let incident = region.incident(&names.web).unwrap();
        assert_eq!((incident.stage, incident.due_at), (Stage::Cleaning, region.now()));

        let version = incident.version;
        let again = run(&region, DiskFull, ok);
        assert_eq!(codes(only(&again)), [code], "however often it is delivered");
        assert_eq!(region.incident(&names.web).unwrap().version, version + 1);
        assert_eq!((region.topic().len(), region.touches()), (0, 0));
    }
}

#[test]
fn an_ok_disturbs_no_beat_that_is_about_to_end_it() {
    let (region, names) = open_incident();
    let until = Some(region.now() + SignedDuration::from_mins(1));
    region.with_book(|book| {
        let open = book.latest(&names.web).unwrap().clone();
        book.put(Incident { closing_until: until, ..open });
    });
    let before = region.incident(&names.web).unwrap();
    run(&region, DiskFull, include_str!("../events/disk-full.ok.json"));
    assert_eq!(region.incident(&names.web).unwrap(), before);
}

#[test]
fn an_ok_without_an_incident_is_about_nothing() {
    let (region, names) = open_incident();
    let ended = region.incident(&names.web).unwrap().moved_to(Stage::Resolved, region.now());
    region.with_book(|book| book.put(ended));
    let answer = run(&region, DiskFull, include_str!("../events/disk-full.ok.json"));
    assert_eq!(codes(only(&answer)), ["nothing-open"]);
    assert_eq!(region.topic().len(), 0);
}

#[test]
fn an_ok_of_another_symptom_closes_nothing() {
    let (region, names) = open_incident();
    let answer = run(&region, HighCpu, include_str!("../events/high-cpu.ok.json"));
    assert_eq!(codes(only(&answer)), ["nothing-open"]);
    assert_eq!(region.incident(&names.web).unwrap().stage, Stage::Cleaning);
}

#[test]
fn an_ok_is_tried_again_while_the_ledger_does_not_answer() {
    let (region, _) = open_incident();
    region.break_call(Verb::History, REFUSED);
    let ok = include_str!("../events/disk-full.ok.json");
    assert!(Function::new(DiskFull).run(&region, ok).is_err());
}

#[test]
fn an_event_that_cannot_be_read_reaches_nothing() {
    let (region, _) = answering();
    let nested = "[".repeat(10_000);
    let rubbish = "x".repeat(200_000);
    let broken = include_str!("../events/malformed.timestamp.json");
    for event in ["", "{}", "[]", "null", &nested, &rubbish, broken] {
        let error = Function::new(DiskFull).run(&region, event).unwrap_err();
        assert!(matches!(error, RespondError::Unreadable(_)), "{error}");
    }
    assert_eq!(region.calls(), []);
}

/// Every recorded event, and what its function makes of it in a healthy,
/// opted-in fleet.
#[test]
fn every_recorded_event_ends_as_it_should() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    let mut table = String::new();
    for file in files {
        let event_name = file.file_stem().unwrap().to_str().unwrap();
        let addressed = |symptom: &Symptom| event_name.starts_with(symptom.name());
        let symptom = Symptom::ALL.into_iter().find(addressed).unwrap_or(HighCpu);
        let (region, names) = answering();
        if event_name.ends_with("windows") || event_name.contains(".windows-") {
            region.with_host(&names.web, |host| host.instance.platform = Platform::Windows);
        }
        let event = fs::read_to_string(&file).unwrap();
        let ended = match Function::new(symptom).run(&region, &event) {
            Ok(answer) => ended(&answer),
            Err(error) => vec![format!("error: {error}")],
        };
        writeln!(table, "{event_name}").unwrap();
        for line in ended {
            writeln!(table, "  {line}").unwrap();
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("stories");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("events", table));
}

fn ended(answer: &Answer) -> Vec<String> {
    let report = |report: &Report| {
        let rung = report.rung.map_or("-", remedy::model::incident::Rung::name);
        let (outcome, codes) = (report.outcome.name(), codes(report).join(" "));
        format!("{} {outcome} {rung}: {codes}", report.instance_id)
    };
    let reports = answer.reports.iter().map(report);
    reports.chain(answer.ignored.iter().map(|it| format!("ignored: {}", it.code))).collect()
}
