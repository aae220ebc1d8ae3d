//! Incidents from their alarm to their end.

use jiff::SignedDuration;
use remedy::model::alarm::Symptom::{DiskFull, HighCpu, MemoryPressure};
use remedy::model::incident::{Incident, Rung, Stage};
use remedy::model::policy::OPT_IN_TAG;
use remedy::model::reason::Reason;
use remedy::observe::host_report::Code;
use remedy::ports::look::InstanceState;
use remedy::report::outcome::Report;
use world::calls::{Fault, Verb};
use world::drive::{finish, interleave};
use world::group::Lifecycle;
use world::host::Trouble;
use world::script::Script;
use world::watch::Watch;

use crate::play::Play;

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[test]
fn a_cleanup_that_helps_is_resolved_after_five_quiet_minutes() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    let watching_since = play.incident().unwrap().stage_since;
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let ended = play.incident().unwrap();
    let quiet = ended.stage_since.duration_since(watching_since);
    assert!((minutes(5)..=minutes(8)).contains(&quiet), "after {quiet:#}");
    assert_eq!(play.told(), ["cleanup asked for", "resolved"]);
    assert_eq!(play.last_reasons(), ["stayed-gone"]);
    assert_eq!(play.touches(), [Verb::Clean]);
}

#[test]
fn a_metric_that_comes_every_five_minutes_is_waited_for() {
    let play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    let mut play = play.with_host(|host| host.period = minutes(5));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let incident = play.incident().unwrap();
    let took = incident.stage_since.duration_since(incident.opened_at);
    assert!(took > minutes(10), "two datapoints take longer than {took:#}");
    assert_eq!(play.touches(), [Verb::Clean]);
}

/// Nothing new is measured for most of an hour, and nobody is called for that.
#[test]
fn a_metric_that_comes_every_hour_is_waited_for() {
    for period in [15, 30, 60].map(minutes) {
        let play = Play::grouped(Trouble::slight(DiskFull, 96.4));
        let mut play = play.with_host(|host| host.period = period);
        play.region.with_watches(&play.names.web, |watch| watch.period = period);
        assert_eq!(play.until_the_end(), Stage::Resolved, "{period:#}: {:?}", play.told());
        assert_eq!(play.touches(), [Verb::Clean]);
    }
}

#[test]
fn a_cleanup_that_is_not_enough_is_followed_by_a_reboot() {
    let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.told(), ["cleanup asked for", "reboot asked for", "resolved"]);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Reboot]);
}

#[test]
fn whatever_keeps_a_cleanup_from_helping_leads_to_the_next_rung() {
    for (script, code) in [
        (Script::CannotStart, "cleanup-failed"),
        (Script::Crashes, "cleanup-failed"),
        (Script::RunsTooLong, "cleanup-failed"),
        (Script::Boasts, "still-there"),
    ] {
        let play = Play::standalone(Trouble::slight(MemoryPressure, 97.2));
        let mut play = play.with_host(|host| host.script = script);
        play.until(Stage::Rebooting);
        assert_eq!(play.last_reasons().first(), Some(&code), "{script:?}");
        assert_eq!(play.until_the_end(), Stage::Resolved, "{script:?}");
    }
}

#[test]
fn a_host_that_never_says_more_than_that_it_is_busy_with_it_is_a_persons() {
    let play = Play::standalone(Trouble::slight(MemoryPressure, 97.2));
    let mut play = play.with_host(|host| host.script = Script::Skips);
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.last_reasons().first(), Some(&"witnesses-disagree"));
    assert!(!play.touches().contains(&Verb::Reboot), "{:?}", play.touches());
}

#[test]
fn a_command_that_somebody_cancels_is_theirs() {
    let play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    let mut play = play.with_host(|host| host.script = Script::IsCancelled);
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.touches(), [Verb::Clean]);
}

#[test]
fn an_agent_that_dies_under_a_command_leads_to_the_next_rung() {
    let mut play = Play::standalone(Trouble::slight(HighCpu, 99.1));
    play.until(Stage::Cleaning);
    let now = play.region.now();
    play = play.with_host(|host| host.agent = world::host::AgentIs::SilentSince(now));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.tried(), [Rung::Cleanup, Rung::Reboot]);
}

#[test]
fn a_reboot_that_does_not_help_a_lone_server_needs_a_person() {
    let mut play = Play::standalone(Trouble::hopeless(HighCpu, 99.1));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    let all = ["still-there", "rung-tried", "rung-tried", "not-in-group"];
    assert_eq!(play.last_reasons(), all, "each rung has its reason");
    assert_eq!(play.told().last().unwrap(), "needs a person, still-there");
}

#[test]
fn a_full_disk_that_stands_alone_is_not_rebooted() {
    let mut play = Play::standalone(Trouble::hopeless(DiskFull, 99.1));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    let all = [
        "cleanup-insufficient",
        "rung-tried",
        "grow-not-allowed",
        "not-in-group",
        "reboot-frees-nothing",
    ];
    assert_eq!(play.last_reasons(), all);
}

#[test]
fn a_reboot_behind_a_load_balancer_goes_through_standby() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    let desired = |play: &Play| play.region.group(&play.names.group).unwrap().desired;
    play.until(Stage::Draining);
    assert_eq!(desired(&play), 2, "it is not missed meanwhile");
    play.until(Stage::Rebooting);
    let group = play.region.group(&play.names.group).unwrap();
    assert_eq!(group.members[&play.names.web].lifecycle, Lifecycle::Standby);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(desired(&play), 3);
    let expected = [
        "cleanup asked for",
        "leaving service for a reboot",
        "reboot asked for",
        "coming back into service",
        "resolved",
    ];
    assert_eq!(play.told(), expected);
    let touches = [Verb::Clean, Verb::LeaveService, Verb::Reboot, Verb::ComeBack];
    assert_eq!(play.touches(), touches);
    assert!(play.substitutes().is_empty(), "nobody was replaced");
}

#[test]
fn a_group_at_its_minimum_starts_one_more_for_the_time_of_a_standby() {
    let play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    let mut play = play.with_group(|group| group.min = group.desired);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.substitutes().len(), 1);
    assert_eq!(play.region.group(&play.names.group).unwrap().members.len(), 4);
}

#[test]
fn a_member_leaves_service_though_its_group_checks_no_more_than_ec2() {
    let play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    let mut play = play.with_group(|group| group.health_checks = ["EC2".to_owned()].into());
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean, Verb::LeaveService, Verb::Reboot, Verb::ComeBack]);
}

#[test]
fn a_session_that_is_opened_while_a_member_drains_keeps_it_from_the_reboot() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    let mut play = play.with_host(|host| host.sessions = 1);
    play.minutes(12);
    assert_eq!(play.asked(Verb::Reboot), 0, "somebody is on it");
    let mut play = play.with_host(|host| host.sessions = 0);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Reboot), 1);
}

#[test]
fn a_session_that_lasts_brings_the_member_back_as_it_is() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    let mut play = play.with_host(|host| host.sessions = 1);
    play.until(Stage::Returning);
    play.minutes(5);
    let group = play.region.group(&play.names.group).unwrap();
    assert_eq!(group.members[&play.names.web].lifecycle, Lifecycle::InService);
    assert_eq!((play.asked(Verb::Reboot), play.asked(Verb::Replace)), (0, 0));
}

#[test]
fn a_reboot_in_standby_that_begins_late_has_its_own_time() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1)).with_host(|it| it.persons = 1);
    play.minutes(110);
    let mut play = play.with_host(|host| host.persons = 0);
    play.until(Stage::Draining);
    let incident = play.incident().unwrap();
    let left = incident.expires_at.duration_since(play.region.now());
    assert!(left >= SignedDuration::from_mins(105), "an hour to drain, and back: {left}");
    assert!(incident.lease.unwrap().until > incident.expires_at, "its place outlasts it");
    assert_eq!(play.until_the_end(), Stage::Resolved);
}

#[test]
fn who_cannot_leave_service_is_replaced() {
    let play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.region.break_call(Verb::LeaveService, Fault::Refused("ValidationError: no"));
    let mut play = play;
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.tried(), [Rung::Cleanup, Rung::Reboot, Rung::Replace]);
    assert_eq!(play.asked(Verb::Reboot), 0);
}

#[test]
fn who_cannot_be_rebooted_in_standby_comes_back_first() {
    let mut play = Play::grouped(Trouble::hopeless(HighCpu, 99.1));
    play.region.break_call(Verb::Reboot, Fault::RequestLost);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let last = [Verb::Reboot, Verb::ComeBack, Verb::Gather, Verb::Replace];
    assert!(play.touches().ends_with(&last), "{:?}", play.touches());
    assert_eq!(play.asked(Verb::Reboot), 1);
}

#[test]
fn who_may_not_be_rebooted_by_us_comes_back_and_is_a_persons() {
    let mut play = Play::grouped(Trouble::hopeless(HighCpu, 99.1));
    play.region.break_call(Verb::Reboot, Fault::Refused("UnauthorizedOperation"));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.last_reasons(), ["refused"]);
    assert!(play.touches().ends_with(&[Verb::Reboot, Verb::ComeBack]), "{:?}", play.touches());
}

#[test]
fn who_cannot_come_back_is_asked_again_until_it_does() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Rebooting);
    play = play.with_group(|group| {
        group.suspended.insert("Launch".to_owned());
    });
    play.until(Stage::Returning);
    play.minutes(8);
    play = play.with_group(|group| group.suspended.clear());
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert!(play.asked(Verb::ComeBack) > 3, "{:?}", play.touches());
    let told =
        play.told().iter().filter(|what| **what == "AWS refused autoscaling:ExitStandby").count();
    assert!((1..=2).contains(&told), "asking on and on is no news: {:?}", play.told());
}

#[test]
fn who_never_comes_back_is_told_of() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Rebooting);
    play = play.with_group(|group| {
        group.suspended.insert("Launch".to_owned());
    });
    play.until_it("is told of", |incident| incident.stays_out);
    assert_eq!(play.last_reasons(), ["stays-in-standby", "refused"]);
    play.minutes(60);
    let told = play.told().iter().filter(|what| what.contains("still in Standby")).count();
    assert_eq!((play.incident().unwrap().stage, told), (Stage::Returning, 1), "it goes on");
}

#[test]
fn that_a_member_stays_out_is_told_until_somebody_hears_it() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Rebooting);
    play = play.with_group(|group| {
        group.suspended.insert("Launch".to_owned());
    });
    play.until(Stage::Returning);
    play.region.break_call(Verb::Tell, Fault::RequestLost);
    play.minutes(30);
    assert!(!play.incident().unwrap().stays_out, "nobody has heard of it");
    play.region.mend_call(Verb::Tell);
    play.until_it("is told of", |incident| incident.stays_out);
    let told = play.told().iter().filter(|what| what.contains("still in Standby")).count();
    assert_eq!(told, 1);
}

#[test]
fn a_group_that_grew_to_its_maximum_is_asked_until_it_has_room_again() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Rebooting);
    play = play.with_group(|group| group.max = group.desired);
    play.until_it("is told of", |incident| incident.stays_out);
    let text = play.region.topic().last().unwrap().text.clone();
    assert!(text.contains("is full, its maximum is"), "{text}");
    assert!(text.contains("aws autoscaling exit-standby"), "{text}");
    play.minutes(200);
    assert!(play.incident().unwrap().stage.is_open(), "longer than any incident, and asked for");
    play = play.with_group(|group| group.max += 1);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let group = play.region.group(&play.names.group).unwrap();
    assert_eq!(group.members[&play.names.web].lifecycle, Lifecycle::InService);
}

#[test]
fn a_replacement_is_watched_until_the_group_is_whole() {
    let mut play = Play::grouped(Trouble::hopeless(DiskFull, 96.4));
    play.until(Stage::Replacing);
    assert!(play.substitutes().is_empty());
    play.until(Stage::Watching);
    assert_eq!(play.substitutes().len(), 1);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.told(), ["cleanup asked for", "replace asked for", "resolved"]);
}

#[test]
fn a_group_that_does_not_replace_needs_a_person() {
    let mut play = Play::grouped(Trouble::hopeless(DiskFull, 96.4));
    play.until(Stage::Replacing);
    play = play.with_group(|group| {
        group.suspended.insert("Terminate".to_owned());
    });
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.last_reasons(), ["not-substituted", "resting"]);
}

#[test]
fn substitutes_that_are_sick_too_are_not_replaced_for_ever() {
    let mut play = Play::grouped(Trouble::hopeless(DiskFull, 96.4));
    play.region.launch_with(Some(Trouble::hopeless(DiskFull, 97.0)));
    let mut known = 0;
    for _ in 0..180 {
        play.minute();
        // Every new member is watched by an alarm of its own.
        for id in play.substitutes().into_iter().skip(known) {
            known += 1;
            let mut watch = Watch::new(DiskFull, id.clone(), play.region.now());
            watch.name = format!("disk-{known}");
            play.region.add_watch(watch);
        }
    }
    let mut rows = play.region.book().ended().to_vec();
    rows.sort_by_key(|row| row.opened_at);
    let ended: Vec<Stage> = rows.iter().map(|row| row.stage).collect();
    assert_eq!(play.asked(Verb::Replace), 2, "{ended:?}");
    assert_eq!(play.substitutes().len(), 2);
    assert_eq!(ended, [Stage::Resolved, Stage::Resolved, Stage::HandedOver]);
    let says_so =
        |report: &&Report| report.because.iter().any(|it| it.code() == "substitutes-sick-too");
    let told = play.reports.iter().filter(says_so).filter(|report| report.told);
    let told: Vec<_> = told.collect();
    assert!(told.len() == 1 && told[0].handed_over, "{told:?}");
}

#[test]
fn a_series_that_vanishes_proves_nothing() {
    let mut at_once = Play::grouped(Trouble::slight(DiskFull, 96.4));
    at_once.until(Stage::Cleaning);
    at_once = at_once.with_host(|host| host.measured = false);
    let mut later = Play::grouped(Trouble::slight(DiskFull, 96.4));
    later.until(Stage::Watching);
    later.minutes(4);
    later = later.with_host(|host| host.measured = false);
    for (when, mut play) in [("at once", at_once), ("after some good datapoints", later)] {
        assert_eq!(play.until_the_end(), Stage::HandedOver, "{when}");
        assert_eq!(play.last_reasons(), ["unverified"], "{when}");
        let incident = play.incident().unwrap();
        let took = incident.stage_since.duration_since(incident.opened_at);
        assert!((minutes(30)..minutes(40)).contains(&took), "{when}: {took:#}");
        assert_eq!(play.touches(), [Verb::Clean], "{when}");
    }
}

#[test]
fn a_symptom_that_comes_and_goes_is_not_over() {
    let fickle =
        Trouble { comes_back_after: Some(minutes(4)), ..Trouble::slight(MemoryPressure, 97.0) };
    let mut play = Play::standalone(fickle);
    let stage = play.until_the_end();
    assert_eq!((stage, play.tried()), (Stage::HandedOver, vec![Rung::Cleanup, Rung::Reboot]));
}

#[test]
fn a_symptom_that_is_over_before_the_next_rung_is_left_alone() {
    let mut play = Play::standalone(Trouble::slight(HighCpu, 99.1)).without_hints();
    play = play.with_host(|host| host.script = Script::RunsTooLong);
    play.region.break_call(Verb::Command, Fault::Refused("ThrottlingException"));
    play.until(Stage::Cleaning);
    play.minutes(3);
    // It ends by itself, and nobody can say how the command went.
    play = play.with_host(|host| host.trouble = None);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean]);
    let over = play
        .reports
        .iter()
        .any(|report| report.because.iter().any(|reason| reason.code() == "symptom-over"));
    assert!(over, "{:?}", play.reports);
}

#[test]
fn a_rung_that_is_held_back_is_told_once() {
    let person = Play::grouped(Trouble::stubborn(HighCpu, 99.1)).with_host(|host| host.persons = 1);
    let refresh = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    let refresh = refresh.with_group(|group| group.refresh = Some("InProgress".to_owned()));
    for (held_by, mut play, told) in [
        ("person-present", person, vec!["cleanup asked for", "waits, person-present"]),
        ("refresh-running", refresh, vec!["cleanup asked for", "waits, refresh-running"]),
    ] {
        play.minutes(40);
        assert_eq!(play.told(), told, "{held_by}");
        assert!(play.last_reasons().contains(&held_by), "{:?}", play.last_reasons());
        let acted: Vec<Verb> =
            play.touches().into_iter().filter(|verb| *verb != Verb::Gather).collect();
        assert_eq!(acted, [Verb::Clean], "{held_by}");
    }
}

#[test]
fn a_host_that_holds_back_a_rung_is_asked_again_and_lets_go_by_itself() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1)).with_host(|it| it.persons = 1);
    play.minutes(32);
    let asked = play.asked(Verb::Gather);
    assert!((5..=6).contains(&asked), "every 5 minutes, not every beat: {asked}");
    assert_eq!(play.asked(Verb::LeaveService), 0);
    let mut play = play.with_host(|host| host.persons = 0);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.tried(), [Rung::Cleanup, Rung::Reboot]);
}

#[test]
fn who_came_in_since_the_cleanup_is_found_before_the_reboot() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play = play.with_host(|host| host.script = Script::Boasts);
    play.until(Stage::Watching);
    let mut play = play.with_host(|host| {
        host.persons = 1;
        host.script = Script::Honest;
    });
    play.minutes(20);
    assert_eq!(play.asked(Verb::LeaveService) + play.asked(Verb::Reboot), 0);
    assert_eq!(play.incident().unwrap().preflight.unwrap().persons, Some(1));
}

#[test]
fn evidence_is_off_the_host_before_every_disruption() {
    let told = |play: &Play| {
        play.region.topic().last().map(|notification| notification.text.clone()).unwrap()
    };
    // A cleanup's own evidence is fresh enough for what follows at once.
    let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Rebooting);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Reboot]);
    let [uri] = play.region.bucket().try_into().unwrap();
    assert!(uri.ends_with("/1-cleanup.txt") && told(&play).contains(&uri), "{uri}");

    // When the metric has shown for a while that it did not help, there is news.
    let boasts = |play: Play| play.with_host(|host| host.script = Script::Boasts);
    let mut play = boasts(Play::standalone(Trouble::stubborn(HighCpu, 99.1)));
    play.until(Stage::Rebooting);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Gather, Verb::Reboot]);
    let uri = play.region.bucket().pop().unwrap();
    assert!(uri.ends_with("/1-gathered.txt") && told(&play).contains(&uri), "{uri}");

    // Without a way to the bucket the output of a command is the way.
    let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1));
    play = play.with_host(|host| host.reaches_bucket = false);
    play.until(Stage::Rebooting);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Gather, Verb::Reboot]);
    let output = format!("in the output of SSM command {}", play.region.commands()[1].id);
    assert!(told(&play).contains(&output), "{}", told(&play));

    // Who said that it is well, and cannot be asked again, is a person's.
    let mut play = boasts(Play::standalone(Trouble::stubborn(HighCpu, 99.1)));
    play.until(Stage::Watching);
    play.region.break_call(Verb::Gather, Fault::Refused("AccessDeniedException: no"));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert!(told(&play).contains("AccessDeniedException"), "{}", told(&play));
}

/// A question whose answer was lost may have been asked: it is looked for, and its answer
/// counts.
#[test]
fn a_question_whose_answer_was_lost_is_looked_for() {
    let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1))
        .with_host(|host| host.script = Script::Boasts);
    play.until(Stage::Watching);
    play.region.trip_call(Verb::Gather, Fault::AnswerLost);
    play.until(Stage::Rebooting);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Gather, Verb::Reboot]);
    assert!(play.region.bucket().pop().unwrap().ends_with("/1-gathered.txt"));
}

/// Whom a person has taken the tag from is not even asked, though its word is in the way.
#[test]
fn who_has_opted_out_is_asked_nothing() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1))
        .with_group(|group| {
            group.tags.remove(OPT_IN_TAG);
        })
        .with_host(|host| host.script = Script::Says(Code::NotItsFault));
    play.until(Stage::Gathering);
    play.minutes(2);
    let asked = play.asked(Verb::Gather);
    play = play.with_host(|host| {
        host.instance.tags.remove(OPT_IN_TAG);
    });
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.asked(Verb::Gather), asked);
}

#[test]
fn the_console_speaks_for_a_host_that_does_not_answer() {
    let told = |play: &Play| {
        play.region.topic().last().map(|notification| notification.text.clone()).unwrap()
    };
    let begun = |change: fn(&mut Play)| {
        let trouble = Trouble::slight(HighCpu, 99.1);
        let mut play = Play::standalone(trouble).with_a_silent_agent();
        change(&mut play);
        play.until(Stage::Rebooting);
        play
    };
    let play = begun(|_| {});
    let [uri] = play.region.bucket().try_into().unwrap();
    assert!(uri.ends_with("/1-console.txt") && told(&play).contains(&uri), "{uri}");

    // Without a bucket, or a way to it, the log has its end.
    for break_it in
        [(|play: &mut Play| play.function.policy.evidence_bucket = None) as fn(&mut Play), |play| {
            play.region.break_call(Verb::Keep, Fault::Refused("AccessDenied: no"));
        }]
    {
        let play = begun(break_it);
        assert!(told(&play).contains("the end of what its console showed is in the log"));
        let report = play.reports.iter().find(|report| report.console.is_some()).unwrap();
        assert!(report.console.as_ref().unwrap().contains("Killed process 4711"));
    }

    // No answer and no console is told too, and is no obstacle.
    let play = begun(|play| play.region.with_host(&play.names.web, |host| host.console = None));
    assert!(told(&play).contains("the host cannot answer; its console shows nothing"));
    let play = begun(|play| {
        play.region.break_call(Verb::ConsoleOutput, Fault::Refused("UnauthorizedOperation: no"));
    });
    assert!(told(&play).contains("ec2:GetConsoleOutput failed: UnauthorizedOperation"));

    // A host that was asked in vain has a console too.
    let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1));
    play = play.with_host(|host| host.script = Script::CannotStart);
    play.until(Stage::Rebooting);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Reboot]);
    assert!(play.region.bucket().pop().unwrap().ends_with("/2-console.txt"));
}

#[test]
fn a_host_that_said_it_is_well_and_cannot_be_asked_again_is_not_disrupted() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1));
        play = play.with_host(|host| host.script = Script::Boasts);
        play.until(Stage::Watching);
        play.region.break_call(Verb::Gather, fault.clone());
        play.region.break_call(Verb::CommandOf, Fault::Refused("ThrottlingException"));
        play.until(Stage::Gathering);
        assert_eq!(play.until_the_end(), Stage::HandedOver, "{fault:?}");
        assert_eq!(play.last_reasons().first(), Some(&"witnesses-disagree"), "{fault:?}");
        assert!(!play.touches().contains(&Verb::Reboot), "{fault:?}");
    }
}

/// What was decided is asked for again, because it never arrived: not if the trouble is over by
/// then.
#[test]
fn a_disruption_that_never_arrived_is_not_asked_for_again_when_the_trouble_is_over() {
    let full: fn() -> Play =
        || Play::grouped(Trouble::hopeless(DiskFull, 96.4)).with_a_silent_agent();
    let busy: fn() -> Play = || Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    for (begin, verb) in [(full, Verb::Replace), (busy, Verb::LeaveService)] {
        for recovers in [true, false] {
            let mut play = begin();
            play.region.trip_call(verb, Fault::RequestLost);
            while play.asked(verb) == 0 {
                play.minute();
            }
            if recovers {
                play = play.with_host(|host| host.trouble = None);
            }
            assert_eq!(play.until_the_end(), Stage::Resolved, "{verb:?}, {:?}", play.told());
            assert_eq!(play.asked(verb), if recovers { 1 } else { 2 }, "{:?}", play.told());
            assert_eq!(play.asked(Verb::Reboot) == 0, recovers || verb == Verb::Replace);
        }
    }
}

#[test]
fn a_rung_that_is_held_back_is_told_after_15_minutes_and_ends() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1)).with_host(|it| it.persons = 1);
    let held = |play: &Play| play.incident().and_then(|incident| incident.held_back);
    while held(&play).is_none() {
        play.minute();
    }
    let since = held(&play).unwrap().since;
    while play.told().len() < 2 {
        play.minute();
    }
    assert_eq!(play.region.now().duration_since(since), minutes(15));
    assert_eq!(play.until_the_end(), Stage::Expired);
    assert_eq!(play.told().last().unwrap(), "needs a person, out-of-time");
}

/// An OK proves nothing by itself. Before its time no look can tell that the symptom stayed gone.
#[test]
fn an_ok_has_the_follow_up_look_sooner_unless_it_watches() {
    for (stage, sooner) in [(Stage::Cleaning, true), (Stage::Watching, false)] {
        let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4)).without_hints();
        play.until(stage);
        let before = play.incident().unwrap();
        play.triggers = true;
        play.region.pass(SignedDuration::from_secs(10));
        play = play.with_host(|host| host.trouble = None);
        play.deliver();
        assert_eq!(play.reports.last().unwrap().because, [Reason::FollowUpVerifies], "{stage:?}");
        let incident = play.incident().unwrap();
        let due_at = if sooner { play.region.now() } else { before.due_at };
        assert_eq!((incident.stage, incident.due_at), (stage, due_at), "{stage:?}");
        assert_eq!(incident.version == before.version, !sooner, "{stage:?}");
        play.beat();
        assert!(play.incident().unwrap().stage.is_open(), "one look is not five minutes");
        assert_eq!(play.until_the_end(), Stage::Resolved);
    }
}

/// Nobody writes down that nothing happened.
#[test]
fn what_is_waited_for_is_looked_at_and_not_written() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1)).without_hints();
    play.until(Stage::Draining);
    play.minute();
    let (before, looked) = (play.incident(), play.asked(Verb::Membership));
    play.minutes(2);
    assert_eq!(play.incident(), before);
    assert_eq!(play.asked(Verb::Membership), looked + 2);
    assert_eq!(play.until_the_end(), Stage::Resolved);
}

/// What stayed gone is seen by one look, at the end of the time that it takes to see that.
#[test]
fn a_watched_symptom_is_looked_at_once() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    let watched = (play.asked(Verb::Datapoints), play.asked(Verb::Record));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    // The turn to tell, and the end.
    assert_eq!((play.asked(Verb::Datapoints), play.asked(Verb::Record)), (1, watched.1 + 2));
    assert_eq!(watched.0, 0);
}

#[test]
fn a_hint_looks_at_one_instance_and_at_nothing_that_has_ended() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Cleaning);
    let web = play.names.web.clone();
    let beat = finish(play.follow_up.invoke(&play.region, Some(&web))).unwrap();
    assert_eq!(beat.looked_at, 1, "it is not due and looked at all the same");
    let other = play.names.others[0].clone();
    for id in [&other, &web] {
        if *id == web {
            play.until_the_end();
        }
        let before = play.region.calls().len();
        let beat = finish(play.follow_up.invoke(&play.region, Some(id))).unwrap();
        assert_eq!((beat.looked_at, play.region.calls().len() - before), (0, 1));
    }
}

#[test]
fn nothing_due_costs_one_call() {
    let play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    let beat = play.follow_up.run(&play.region).unwrap();
    assert_eq!((beat.looked_at, beat.reports.len()), (0, 0));
    assert_eq!((play.region.calls().len(), play.asked(Verb::Due)), (1, 1));
}

#[test]
fn a_beat_leaves_what_it_cannot_finish() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    play.region.break_call(Verb::Record, Fault::RequestLost);
    play.region.pass(minutes(8));
    let before = play.incident();
    let beat = play.follow_up.run(&play.region).unwrap();
    assert_eq!((beat.looked_at, beat.left.len()), (1, 1));
    assert_eq!(play.incident(), before);
    play.region.mend_call(Verb::Record);
    assert_eq!(play.until_the_end(), Stage::Resolved);
}

/// The polls of one beat of one incident: some dozen calls, some together.
const POLLS: usize = 24;

#[test]
fn two_beats_at_once_act_once() {
    let turns: [fn(usize) -> bool; 5] =
        [|i| i % 2 == 0, |i| i % 3 == 0, |i| i % 3 != 0, |i| i < 6, |i| i / 2 % 2 == 0];
    let begin: [fn() -> Play; 4] = [
        || Play::standalone(Trouble::stubborn(HighCpu, 99.1)),
        || Play::grouped(Trouble::stubborn(HighCpu, 99.1)),
        || Play::grouped(Trouble::hopeless(DiskFull, 96.4)),
        || Play::grouped(Trouble::slight(DiskFull, 96.4)),
    ];
    for begin in begin {
        let mut alone = begin();
        let ended = alone.until_the_end();
        for turn in turns {
            let mut play = begin();
            while play.incident().is_none_or(|incident| incident.stage.is_open()) {
                play.region.pass(minutes(1));
                play.deliver();
                let (first, second) = interleave(
                    play.follow_up.invoke(&play.region, None),
                    play.follow_up.invoke(&play.region, Some(&play.names.web)),
                    (0..POLLS * 2).map(turn),
                );
                assert!(first.is_ok() && second.is_ok());
            }
            assert_eq!(play.incident().unwrap().stage, ended);
            assert_eq!(play.touches(), alone.touches());
            assert_eq!(play.told(), alone.told(), "each step is told once");
        }
    }
}

#[test]
fn a_throttled_call_is_asked_again_and_never_climbs() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.region.break_call(Verb::Clean, Fault::Refused("ThrottlingException: Rate exceeded"));
    play.until(Stage::Cleaning);
    play.minutes(4);
    assert_eq!(play.tried(), [Rung::Cleanup]);
    assert!(play.asked(Verb::Clean) >= 3);
    play.region.mend_call(Verb::Clean);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.tried(), [Rung::Cleanup]);
}

#[test]
fn facts_that_cannot_be_read_hold_the_next_rung_back() {
    for verb in [Verb::Instance, Verb::Membership, Verb::Group, Verb::Refresh, Verb::Status] {
        let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
        play.until(Stage::Cleaning);
        play.region.break_call(verb, Fault::RequestLost);
        play.minutes(10);
        assert_eq!(play.touches(), [Verb::Clean], "{verb:?}");
        play.region.mend_call(verb);
        assert_eq!(play.until_the_end(), Stage::Resolved, "{verb:?}");
    }
}

#[test]
fn an_instance_that_somebody_terminates_is_told_of() {
    let mut play = Play::standalone(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Cleaning);
    play = play.with_host(|host| host.instance.state = InstanceState::Not("terminated".to_owned()));
    assert_eq!(play.until_the_end(), Stage::Withdrawn);
    assert_eq!(play.last_reasons(), ["instance-gone"]);
    assert_eq!(play.told().last().unwrap(), "gone, nothing to do");
}

#[test]
fn a_tag_that_is_removed_while_a_member_drains_keeps_it_from_the_reboot() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    play = play.with_host(|host| host.instance.tags.clear());
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.touches(), [Verb::Clean, Verb::LeaveService, Verb::ComeBack]);
    let group = play.region.group(&play.names.group).unwrap();
    assert_eq!(group.members[&play.names.web].lifecycle, Lifecycle::InService);
}

#[test]
fn a_command_that_never_arrived_is_not_sent_again_without_the_tag() {
    let mut play = Play::standalone(Trouble::slight(DiskFull, 96.4));
    play.region.break_call(Verb::Clean, Fault::RequestLost);
    play.until(Stage::Cleaning);
    play.region.mend_call(Verb::Clean);
    play = play.with_host(|host| host.instance.tags.clear());
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.region.commands(), [], "the one that was sent is lost");
    assert_eq!(play.last_reasons(), ["not-opted-in"]);
}

/// The function that sent it first may have died before it told anybody.
#[test]
fn a_command_that_is_sent_again_is_told_again() {
    let mut play = Play::standalone(Trouble::slight(DiskFull, 96.4));
    play.region.break_call(Verb::Clean, Fault::RequestLost);
    play.until(Stage::Cleaning);
    play.region.mend_call(Verb::Clean);
    let told = play.told().len();
    play.until_it("is sent again", |incident| incident.attempts[0].asked_again == 1);
    assert_eq!(play.told().len(), told + 1, "{:?}", play.told());
}

#[test]
fn an_end_that_nobody_could_be_told_of_is_told_later() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    play.region.break_call(Verb::Tell, Fault::RequestLost);
    play.minutes(20);
    assert_eq!(play.incident().unwrap().stage, Stage::Watching);
    play.region.mend_call(Verb::Tell);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.told(), ["cleanup asked for", "resolved"]);
}

#[test]
fn a_slot_is_given_back_though_nobody_can_be_told() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    play.until(Stage::Watching);
    let leased = |play: &Play| play.region.book().all_leases().count();
    assert_eq!(leased(&play), 1, "it holds a slot");
    play.region.break_call(Verb::Tell, Fault::RequestLost);
    play.until_it("is to end", |incident| incident.ended_since.is_some());
    assert_eq!(leased(&play), 0, "others do not wait for the topic");
    assert!(play.incident().unwrap().stage.is_open(), "and it is told later");
    play.region.mend_call(Verb::Tell);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let told = play.told();
    assert_eq!(told.iter().filter(|what| *what == "resolved").count(), 1, "{told:?}");
}

#[test]
fn an_end_that_nobody_can_be_told_of_is_an_end_when_time_is_out() {
    let mut play = Play::grouped(Trouble::slight(DiskFull, 96.4));
    play.until(Stage::Watching);
    play.region.break_call(Verb::Tell, Fault::Refused("AuthorizationError: no"));
    assert_eq!(play.until_the_end(), Stage::Resolved, "it ends as it had ended in time");
    let incident = play.incident().unwrap();
    let late = incident.stage_since.duration_since(incident.expires_at);
    assert!((minutes(15)..minutes(27)).contains(&late), "{late:#}");
    assert_eq!(play.told(), ["cleanup asked for"]);
}

#[test]
fn an_incident_that_expires_in_standby_comes_back_first() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Rebooting);
    play.minutes(3);
    let incident = play.incident().unwrap();
    let expired = Incident { expires_at: play.region.now(), ..incident };
    play.region.with_book(|book| book.put(expired));
    assert_eq!(play.until_the_end(), Stage::Resolved, "the reboot helped, though its time is over");
    let group = play.region.group(&play.names.group).unwrap();
    assert_eq!(group.members[&play.names.web].lifecycle, Lifecycle::InService);
}
