//! Hosts that answer nobody: two witnesses, a reboot or a replacement, and what is not theirs.

use remedy::model::alarm::Symptom::Unreachable;
use remedy::model::incident::{Rung, Stage};
use remedy::model::policy::Policy;
use remedy::ports::look::Look;
use world::calls::Verb;
use world::drive::finish;
use world::host::{AgentIs, Trouble};
use world::watch::Watch;

use crate::play::{Play, start};

/// A host that a reboot brings back.
fn hung() -> Trouble {
    Trouble::stubborn(Unreachable, 100.0)
}

/// Whose owner has set up an application status check, which passes.
fn checked(play: Play) -> Play {
    play.with_host(|host| host.status.application_impaired = Some(false))
}

#[test]
fn a_host_that_hangs_is_rebooted_within_two_beats_of_the_second_witness() {
    let mut play = Play::standalone(hung());
    let (mut beats, silent_after) = (0, Policy::default().agent_silent_after);
    while play.asked(Verb::Reboot) == 0 {
        play.minute();
        let agent = finish(play.region.agent(&play.names.web)).unwrap().unwrap();
        let heard = play.region.now().duration_since(agent.last_ping.unwrap());
        beats += i32::from(!agent.online || heard > silent_after);
    }
    assert!((1..=2).contains(&beats), "{beats} beats after both witnesses");
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.told(), ["waits, one-witness", "reboot asked for", "resolved"]);
    assert_eq!(play.touches(), [Verb::Reboot], "nothing can be asked of it");
    assert!(play.region.bucket().iter().any(|kept| kept.ends_with("-console.txt")));
}

#[test]
fn the_applications_own_check_is_a_second_witness_at_once() {
    let mut play = checked(Play::standalone(hung()));
    play.minutes(1);
    assert_eq!(play.touches(), [Verb::Reboot]);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let mut play = checked(Play::grouped(hung()));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::LeaveService, Verb::Reboot, Verb::ComeBack]);
    assert!(play.substitutes().is_empty(), "its group had nothing to replace");
}

#[test]
fn an_application_that_stays_down_after_the_reboot_is_a_persons() {
    let mut play = checked(Play::standalone(hung()));
    play.until(Stage::Rebooting);
    while play.region.host(&play.names.web).unwrap().boots < 2 {
        play.minute();
    }
    let mut play = play.with_host(|host| host.status.application_impaired = Some(true));
    play.until_it("is told of", |incident| incident.stays_out);
    assert_eq!(play.last_reasons().first(), Some(&"not-back"));
    assert_eq!(play.told().last().unwrap(), "needs a person, not-back");
    let mut play = play.with_host(|host| host.status.application_impaired = Some(false));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Reboot]);
}

#[test]
fn a_member_whose_group_has_found_it_out_is_left_to_it() {
    let mut play = Play::grouped(hung());
    play.until_the_end();
    assert_eq!(play.touches(), []);
    assert_eq!(play.substitutes().len(), 1, "its group has replaced it");
}

#[test]
fn a_member_that_its_group_may_not_judge_is_rebooted_in_standby_and_then_replaced() {
    let suspended = |play: Play| {
        play.with_group(|group| {
            group.suspended.insert("HealthCheck".to_owned());
        })
    };
    let mut play = suspended(Play::grouped(hung()));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::LeaveService, Verb::Reboot, Verb::ComeBack]);
    let mut play = suspended(Play::grouped(Trouble::hopeless(Unreachable, 100.0)));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.tried(), [Rung::Reboot, Rung::Replace]);
}

#[test]
fn a_reboot_that_does_not_help_a_lone_server_needs_a_person() {
    let mut play = Play::standalone(Trouble::hopeless(Unreachable, 100.0));
    play.until_it("is told of", |incident| incident.stays_out || !incident.stage.is_open());
    assert_eq!(play.touches(), [Verb::Reboot], "one reboot, and no second");
    assert_eq!(play.told().last().unwrap(), "needs a person, not-back");
}

#[test]
fn a_bad_host_is_never_rebooted_and_a_person_gets_the_command() {
    for (recovers, told) in
        [(true, "waits, ec2-recovers"), (false, "needs a person, system-impaired")]
    {
        let play = Play::standalone(hung()).with_host(|host| {
            host.status.system_impaired = true;
            host.instance.auto_recovers = recovers;
        });
        let mut play = play;
        play.minutes(30);
        assert_eq!(play.touches(), [], "recovers: {recovers}");
        assert_eq!(play.told().first().unwrap(), told);
        let text = play.region.topic().first().unwrap().text.clone();
        let stop = format!("Run: aws ec2 stop-instances --instance-ids {}", play.names.web);
        assert!(text.contains(&stop), "{text}");
    }
    let play = Play::standalone(hung()).with_host(|host| host.status.volume_impaired = true);
    let mut play = play;
    play.minutes(30);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["needs a person, volume-impaired"]);
    assert!(play.region.topic()[0].text.contains("aws ec2 start-instances"));
}

#[test]
fn a_member_on_a_bad_host_is_replaced_and_nobody_is_told_to_stop_it() {
    let play = checked(Play::grouped(hung()));
    let mut play = play.with_host(|host| host.status.system_impaired = true);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Replace]);
    assert!(!play.region.topic().iter().any(|told| told.text.contains("stop-instances")));
    let play = checked(Play::grouped(hung()));
    let mut play = play.with_host(|host| {
        host.status.volume_impaired = true;
        host.instance.tags.insert("auto-remediation-max".to_owned(), "reboot".to_owned());
    });
    play.minutes(2);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["needs a person, volume-impaired"]);
    let text = play.region.topic()[0].text.clone();
    assert!(!text.contains("stop-instances"), "its group would take that for its death: {text}");
}

#[test]
fn two_in_one_zone_are_the_zone() {
    let mut play = Play::standalone(hung());
    let other = play.names.old.clone();
    let mut watch = Watch::new(Unreachable, other.clone(), start());
    watch.name = "old-status-check-failed".to_owned();
    play.region.add_watch(watch);
    play.region.with_host(&other, |host| host.trouble = Some(hung()));
    play.minutes(60);
    assert_eq!(play.touches(), []);
    let told = play.region.topic();
    assert!(told.iter().any(|it| it.text.contains("2 instances in eu-central-1a")), "{told:?}");
    play.region.with_host(&other, |host| host.trouble = None);
    assert_eq!(play.until_the_end(), Stage::Resolved, "the one that is left");
    assert_eq!(play.touches(), [Verb::Reboot]);
}

#[test]
fn a_host_that_answers_others_is_a_persons_after_half_an_hour() {
    let play = Play::of(Unreachable, world::fleet::standalone);
    let mut play = play.with_host(|host| host.status.instance_impaired = true);
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.touches(), []);
    assert_eq!(play.last_reasons().first(), Some(&"witnesses-disagree"));
    let play = Play::of(Unreachable, world::fleet::standalone);
    let mut play = play.with_host(|host| {
        host.status.instance_impaired = true;
        host.agent = AgentIs::Absent;
    });
    assert_eq!(play.until_the_end(), Stage::HandedOver, "who never had an agent is not silent");
    assert_eq!(play.touches(), []);
}

#[test]
fn what_the_alarm_does_itself_is_left_to_it() {
    for action in ["recover", "reboot"] {
        let mut play = Play::standalone(hung());
        let web = play.names.web.clone();
        play.region.with_watches(&web, |watch| {
            watch.actions = vec![format!("arn:aws:automate:eu-central-1:ec2:{action}")];
        });
        play.minutes(60);
        assert_eq!(play.touches(), [], "{action}");
        assert_eq!(play.told(), ["waits, alarm-acts-itself", "resolved"], "{action}");
    }
}

#[test]
fn who_is_back_by_itself_is_left_alone() {
    let mut play = Play::standalone(hung());
    play.minutes(10);
    let mut play = play.with_host(|host| host.trouble = None);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), []);
}
