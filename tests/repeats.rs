//! A storm of alarms does not become a storm of messages: each cause is told
//! once for each group and ten minutes, and the rest is counted. What asks a
//! person to look at an instance is always told, and calls somebody once for a group.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use jiff::{SignedDuration, Timestamp};
use remedy::alarm::Invocation;
use remedy::model::alarm::Symptom;
use remedy::model::ids::InstanceId;
use remedy::model::platform::Platform;
use remedy::model::policy::{Mode, OPT_IN_TAG, Policy};
use remedy::model::reason::Severity;
use remedy::model::repeats::Occurrence;
use remedy::report::outcome::{Outcome, Report};
use remedy::respond::respond;
use world::Region;
use world::calls::{Fault, Verb};
use world::drive::{Function, finish, interleave};
use world::fleet::{self, Names};
use world::host::AgentIs;

const DISK_FULL: &str = include_str!("../events/disk-full.state-change.json");

/// When the recorded event arrives.
fn arrival() -> Timestamp {
    "2026-11-20T03:14:00Z".parse().unwrap()
}

/// The recorded event, about `instance`.
fn event(names: &Names, instance: &InstanceId) -> String {
    DISK_FULL.replace(names.web.as_str(), instance.as_str())
}

fn members(names: &Names) -> [&InstanceId; 3] {
    [&names.web, &names.others[0], &names.others[1]]
}

fn observing() -> Function {
    let policy = Policy { mode: Mode::Observe, ..Policy::default() };
    Function { policy, ..Function::new(Symptom::DiskFull) }
}

/// What the function reports about `instance`.
fn report(region: &Region, function: &Function, names: &Names, instance: &InstanceId) -> Report {
    let mut answer = function.run(region, &event(names, instance)).unwrap();
    assert_eq!(answer.reports.len(), 1);
    answer.reports.remove(0)
}

fn storm(region: &Region, function: &Function, names: &Names) -> Vec<Report> {
    members(names).map(|instance| report(region, function, names, instance)).into()
}

#[test]
fn a_person_is_called_for_one_member_of_a_group_with_the_same_trouble() {
    use Severity::{Critical, Warning};
    let names = Names::default();
    let called = |of: fn(&Names, Timestamp) -> Region, counts: bool| {
        let region = of(&names, arrival());
        for id in members(&names) {
            region.with_host(id, |host| host.instance.platform = Platform::Windows);
        }
        if !counts {
            region.break_call(Verb::Count, Fault::RequestLost);
        }
        let reports = storm(&region, &Function::new(Symptom::DiskFull), &names);
        assert!(reports.iter().all(|report| report.told && report.handed_over), "{reports:?}");
        let severities: Vec<Severity> = reports.iter().map(Report::severity).collect();
        for (told, severity) in region.topic().iter().zip(&severities) {
            let says = told.text.contains("A person was called for it");
            assert_eq!(says, *severity == Warning, "{}", told.text);
        }
        severities
    };
    assert_eq!(called(fleet::grouped, true), [Critical, Warning, Warning]);
    assert_eq!(called(fleet::grouped, false), [Critical; 3], "nobody knows who was called");
    assert_eq!(called(fleet::standalone, true), [Critical; 3], "each is its own");
    // The same alarm again, of an instance that no incident remembers.
    for of in [fleet::grouped, fleet::standalone] {
        let region = of(&names, arrival());
        region.with_host(&names.web, |host| host.instance.platform = Platform::Windows);
        let told = |event: &str, request_id: &str| {
            let invocation = Invocation {
                symptom: Symptom::DiskFull,
                request_id: request_id.to_owned(),
                at: region.now(),
            };
            let policy = Function::new(Symptom::DiskFull).policy;
            finish(respond(event, &invocation, &policy, &region)).unwrap().reports[0].severity()
        };
        let first = event(&names, &names.web);
        assert_eq!(told(&first, "a"), Critical);
        assert_eq!(told(&first, "b"), Warning, "EventBridge delivers the same one twice");
        assert_eq!(told(&first, "a"), Critical, "Lambda tries the same one again");
        let later = first.replace("03:12:4", "03:13:4");
        assert_ne!(later, first);
        assert_eq!(told(&later, "c"), Warning);
    }
}

#[test]
fn calls_for_one_group_within_an_hour_share_a_window() {
    let group = Names::default().group;
    let share = |one: i64, other: i64| {
        let of = |minutes| {
            let at = arrival() + SignedDuration::from_mins(minutes);
            Occurrence::asked(&group, Symptom::DiskFull, at, "whoever")
        };
        of(one).iter().zip(of(other)).any(|(one, other)| *one == other)
    };
    for minute in 0..120 {
        assert!(share(minute, minute), "{minute}");
        assert!(share(minute, minute + 60), "{minute}");
        assert!(!share(minute, minute + 120), "{minute}: it may be something else by then");
    }
}

#[test]
fn what_is_refused_for_a_whole_group_is_told_once() {
    let names = Names::default();
    let region = fleet::grouped(&names, arrival());
    let reports = storm(&region, &observing(), &names);
    assert_eq!(reports.iter().map(|report| report.told).collect::<Vec<_>>(), [true, false, false]);
    assert!(
        reports
            .iter()
            .all(|report| report.outcome == Outcome::Held && report.delivery_error.is_none())
    );
    let [told] = &region.topic()[..] else { panic!("{} messages", region.topic().len()) };
    assert!(
        told.text
            .contains("Until 03:20:00 UTC more alarms like this in group web-asg get no message")
    );
}

#[test]
fn a_group_that_is_cleaned_is_told_of_once_and_cleaned_all_the_same() {
    let names = Names::default();
    let region = fleet::grouped(&names, arrival());
    let reports = storm(&region, &Function::new(Symptom::DiskFull), &names);
    assert!(reports.iter().all(|report| report.outcome == Outcome::Acted));
    assert_eq!((region.touches(), region.topic().len()), (3, 1));
}

#[test]
fn the_next_message_says_how_many_were_counted() {
    let names = Names::default();
    let region = fleet::grouped(&names, arrival());
    storm(&region, &observing(), &names);
    region.pass(SignedDuration::from_mins(7));
    let again = report(&region, &observing(), &names, &names.web);
    assert!(again.told, "another ten minutes");
    let told = region.topic().pop().unwrap().text;
    assert!(told.contains("2 more alarms like this in group web-asg got no message"), "{told}");
}

#[test]
fn another_group_or_another_cause_is_told_by_itself() {
    let names = Names::default();
    let region = fleet::grouped(&names, arrival());
    let mut told = vec![report(&region, &observing(), &names, &names.web).told];
    told.push(report(&region, &observing(), &names, &names.old).told);
    told.push(report(&region, &Function::new(Symptom::DiskFull), &names, &names.web).told);
    region.with_host(&names.others[0], |host| {
        host.instance.state = remedy::ports::look::InstanceState::Not("stopped".to_owned());
    });
    told.push(report(&region, &Function::new(Symptom::DiskFull), &names, &names.others[0]).told);
    assert_eq!(told, [true; 4]);
}

#[test]
fn an_instance_that_needs_a_person_is_always_told() {
    let names = Names::default();
    let region = fleet::grouped(&names, arrival());
    for instance in members(&names) {
        let since = AgentIs::SilentSince(arrival() - SignedDuration::from_hours(1));
        region.with_host(instance, |host| host.agent = since);
    }
    region.with_group(&names.group, |group| {
        group.tags.remove(OPT_IN_TAG);
    });
    let reports = storm(&region, &Function::new(Symptom::DiskFull), &names);
    assert!(reports.iter().all(|report| report.handed_over && report.told), "{reports:?}");
    assert_eq!(region.topic().len(), 3);
}

#[test]
fn a_count_that_fails_silences_nobody() {
    let names = Names::default();
    for fault in [Fault::Refused("ThrottlingException"), Fault::RequestLost, Fault::AnswerLost] {
        let region = fleet::grouped(&names, arrival());
        region.break_call(Verb::Count, fault.clone());
        let reports = storm(&region, &observing(), &names);
        assert!(reports.iter().all(|report| report.told), "{fault:?}");
        let reports = storm(&region, &Function::new(Symptom::DiskFull), &names);
        assert!(reports.iter().all(|report| report.told), "{fault:?}");
        assert_eq!(region.topic().len(), 6, "{fault:?}");
    }
}

/// Lambda gives an event that it tries again the same id (AWS re:Post, "How do I prevent my Lambda
/// function from being invoked more than once for one event"). `EventBridge` delivers the same
/// event under another.
#[test]
fn who_died_before_telling_tells_when_tried_again() {
    let names = Names::default();
    let region = fleet::grouped(&names, arrival());
    let invoke = |request_id: &str| {
        let invocation = Invocation {
            symptom: Symptom::DiskFull,
            request_id: request_id.to_owned(),
            at: region.now(),
        };
        let policy = Policy { mode: Mode::Observe, ..Policy::default() };
        finish(respond(DISK_FULL, &invocation, &policy, &region)).unwrap().reports.remove(0)
    };
    region.break_call(Verb::Tell, Fault::Refused("ThrottlingException"));
    let unheard = invoke("a");
    assert!(!unheard.told && unheard.delivery_error.is_some());
    region.mend_call(Verb::Tell);
    assert!(!invoke("b").told, "a doubled event was counted");
    assert!(invoke("a").told);
    assert_eq!(region.topic().len(), 1);
}

/// Whoever comes first in whatever order: one of them tells.
#[test]
fn of_two_at_once_one_tells() {
    let names = Names::default();
    for order in 0..1_u32 << 10 {
        let region = fleet::grouped(&names, arrival());
        let function = observing();
        let [first, second, _] = members(&names).map(|instance| event(&names, instance));
        let bits = (0..10).map(|bit| order >> bit & 1 == 1);
        let (one, other) =
            interleave(function.invoke(&region, &first), function.invoke(&region, &second), bits);
        let told = [one, other].map(|answer| answer.unwrap().reports[0].told);
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "{order:b}");
        assert_eq!(region.topic().len(), 1, "{order:b}");
    }
}
