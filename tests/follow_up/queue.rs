//! Alarms about other trouble, which wait for the end of the open incident.

use jiff::SignedDuration;
use remedy::alarm::{self, Invocation};
use remedy::execute::claim;
use remedy::model::alarm::Alarm;
use remedy::model::alarm::Symptom::{DiskFull, HighCpu};
use remedy::model::incident::{FailedCall, FailureKind, Incident, Queued, Rung, Stage};
use remedy::model::reason::Reason;
use remedy::ports::ledger::Ledger as _;
use remedy::report::outcome::Report;
use world::calls::Verb;
use world::drive::{Function, finish};
use world::host::Trouble;
use world::watch::Watch;

use crate::play::Play;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A host whose disk was full, and whose processor burns before that is over.
fn two_troubles() -> (Play, Function) {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    let play = play.with_host(|host| host.trouble = Some(Trouble::slight(HighCpu, 99.1)));
    play.region.add_watch(Watch::new(HighCpu, play.names.web.clone(), play.region.now()));
    (play, Function::new(HighCpu))
}

/// The alarms about the other trouble go to their own function.
fn deliver(play: &Play, function: &Function) -> Vec<Report> {
    let events = play.region.transitions();
    let events = events.iter().filter(|event| event.contains("web-cpu-high"));
    events.flat_map(|event| function.run(&play.region, event).unwrap().reports).collect()
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.because.iter().map(Reason::code).collect()
}

#[test]
fn an_alarm_about_other_trouble_is_taken_up_when_the_incident_has_ended() {
    let (mut play, function) = two_troubles();
    let first = play.incident().unwrap();
    play.region.pass(MINUTE);
    let report = deliver(&play, &function).pop().unwrap();
    assert_eq!((codes(&report), report.told), (vec!["queued"], false));
    let open = play.incident().unwrap();
    assert_eq!((open.id.clone(), open.queued.len()), (first.id, 1));
    assert_eq!(open.due_at, first.due_at, "it is looked at as if nothing had come");

    play.until(Stage::Waiting);
    let second = play.incident().unwrap();
    assert_eq!((second.symptom, second.opened_at), (HighCpu, play.region.now()));
    assert_eq!(second.id, report.incident_id);
    assert!(second.queued.is_empty() && second.answers(&open.transition_id));
    assert_eq!(play.last_reasons(), ["stayed-gone"], "the first is told like any other");
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Clean]);
    let mut ended = Vec::new();
    play.region.with_book(|book| {
        ended.extend(book.ended().iter().map(|ended| (ended.symptom, ended.stage)));
    });
    assert_eq!(ended, [(DiskFull, Stage::Resolved), (HighCpu, Stage::Resolved)]);
}

#[test]
fn a_replaced_instance_takes_its_other_troubles_along() {
    let (play, function) = two_troubles();
    play.region.pass(MINUTE);
    assert_eq!(codes(&deliver(&play, &function).pop().unwrap()), ["queued"]);
    let now = play.region.now();
    let policy = remedy::model::policy::Policy::default();
    let mut ended = play.incident().unwrap().moved_to(Stage::Resolved, now);
    assert!(claim::successor(&ended, now, &policy).is_some());
    ended.attempts.last_mut().unwrap().rung = Rung::Replace;
    assert_eq!(claim::successor(&ended, now, &policy), None);
}

#[test]
fn who_waits_for_an_instance_that_is_gone_does_not_wait_for_its_time_to_end() {
    let (mut play, function) = two_troubles();
    play.region.pass(MINUTE);
    assert_eq!(codes(&deliver(&play, &function).pop().unwrap()), ["queued"]);
    play.region.terminate(&play.names.web);
    play.until(Stage::Waiting);
    assert_eq!(play.until_the_end(), Stage::Withdrawn);
    assert_eq!(play.last_reasons(), ["instance-gone"]);
    let waited = play.incident().unwrap().in_stage_for(play.region.now());
    assert!(waited <= MINUTE, "{waited:#}");
    assert_eq!(play.touches(), [Verb::Clean]);
}

#[test]
fn what_became_of_a_call_is_kept_though_an_alarm_was_queued_meanwhile() {
    let (play, function) = two_troubles();
    let claimed = play.incident().unwrap();
    play.region.pass(MINUTE);
    assert_eq!(codes(&deliver(&play, &function).pop().unwrap()), ["queued"]);
    let mut outcome = claimed.waiting_until(claimed.due_at);
    outcome.attempts[0].refused =
        Some(FailedCall { kind: FailureKind::NotPermitted, why: "AccessDenied".to_owned() });
    assert!(finish(claim::record_outcome(&play.region, &outcome)).unwrap());
    let kept = play.incident().unwrap();
    assert_eq!((&kept.attempts, kept.queued.len()), (&outcome.attempts, 1));

    let moved = kept.moved_to(Stage::Rebooting, play.region.now());
    assert!(finish(play.region.record(&moved)).unwrap());
    let late = finish(claim::record_outcome(&play.region, &outcome));
    assert!(!late.unwrap(), "it went on, and that stands");
    assert_eq!(play.incident().unwrap(), moved);
}

/// An OK, or an event of AWS, may come between a call and its record: the next look is then at
/// once.
#[test]
fn a_hint_during_a_call_is_not_lost() {
    let play = two_troubles().0;
    let claimed = play.incident().unwrap();
    let hinted = claimed.waiting_until(play.region.now());
    assert!(finish(play.region.record(&hinted)).unwrap());
    let outcome = claimed.waiting_until(play.region.now() + MINUTE);
    assert!(finish(claim::record_outcome(&play.region, &outcome)).unwrap());
    assert_eq!(play.incident().unwrap().due_at, play.region.now());
}

/// An alarm tells of a trouble again after it was gone for a while.
#[test]
fn the_same_trouble_waits_once() {
    let (play, _) = two_troubles();
    let open = play.incident().unwrap();
    let events = play.region.transitions();
    let event = events.iter().find(|event| event.contains("web-cpu-high"));
    let queued = |second| {
        let at = play.region.now() + SignedDuration::from_secs(second);
        let invocation = Invocation { symptom: HighCpu, request_id: String::new(), at };
        let alarms = alarm::read(event.unwrap(), &invocation).unwrap().alarms;
        Queued::of(&Alarm { changed_at: at, ..alarms[0].clone() })
    };
    let waits = open.with_queued(queued(1)).with_queued(queued(2));
    assert_eq!(waits.queued, [queued(2)], "the newer one tells more");
}

#[test]
fn the_same_trouble_again_keeps_an_incident_from_ending() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    play.minutes(6);
    let quiet = play.incident().unwrap();
    play.region.pass(MINUTE);
    let id = play.names.web.clone();
    play.region.with_host(&id, |host| host.trouble = Some(Trouble::slight(DiskFull, 97.0)));
    play.region.add_watch(Watch::new(DiskFull, id, play.region.now()));
    play.deliver();
    let shown = play.incident().unwrap();
    assert_eq!((shown.id.clone(), shown.quiet_since), (quiet.id.clone(), None));
    let ends = quiet.moved_to(Stage::Resolved, play.region.now());
    assert!(!finish(play.region.record(&ends)).unwrap(), "who saw it quiet is late");
}

#[test]
fn whoever_waited_untouched_hands_on_the_rest_that_was_due() {
    let (play, function) = two_troubles();
    play.region.pass(MINUTE);
    assert_eq!(codes(&deliver(&play, &function).pop().unwrap()), ["queued"]);
    let (now, policy) = (play.region.now(), remedy::model::policy::Policy::default());
    let mut ended = play.incident().unwrap().moved_to(Stage::Resolved, now);
    let rests = |ended: &Incident| claim::successor(ended, now, &policy).unwrap().rests_until;
    assert_eq!(rests(&ended), Some(now + policy.cooldown));
    ended.attempts.clear();
    ended.rests_until = Some(now + MINUTE);
    assert_eq!(rests(&ended), Some(now + MINUTE));
}
