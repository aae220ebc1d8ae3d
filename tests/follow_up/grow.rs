//! Full disks whose volume may grow.

use jiff::SignedDuration;
use remedy::model::alarm::Symptom::DiskFull;
use remedy::model::ids::VolumeId;
use remedy::model::incident::{Rung, Stage};
use remedy::model::pause::Pause;
use remedy::ports::look::Look as _;
use world::calls::{Fault, Verb};
use world::drive::finish;
use world::host::{FileSystem, Trouble};
use world::script::Script;

use crate::play::Play;

/// A server that stands alone, whose disk is full of what it needs.
fn alone() -> Play {
    Play::standalone(Trouble::hopeless(DiskFull, 96.4)).with_a_cap(200)
}

fn size(play: &Play) -> (u32, u32) {
    let disk = play.region.host(&play.names.web).unwrap().disk;
    (disk.gib, disk.file_system_gib)
}

#[test]
fn a_full_disk_that_may_grow_is_grown_and_extended() {
    let mut play = alone();
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Survey, Verb::Grow, Verb::Extend]);
    assert_eq!(play.told(), ["cleanup asked for", "grow asked for", "resolved"]);
    assert_eq!(size(&play), (138, 138));
    let topic = play.region.topic();
    let said = |n: usize, part: &str| topic.get(n).is_some_and(|it| it.text.contains(part));
    let grows = "of / from 100 to 138 GiB (97 % -> 70 % used), cap 200 GiB";
    assert!(said(1, &format!("Grows vol-0a1b2c3d4e5f60718 {grows}. Your template")), "{topic:?}");
    assert!(said(2, &format!("Grew vol-0a1b2c3d4e5f60718 {grows}.")), "{topic:?}");
}

/// A server whose volume's owner wants a snapshot before it grows.
fn careful() -> Play {
    alone().with_host(|host| host.disk.snapshot_first = true)
}

fn snapshots(play: &Play) -> usize {
    play.region.host(&play.names.web).unwrap().disk.snapshots.len()
}

#[test]
fn a_volume_whose_owner_wants_that_has_a_snapshot_before_it_grows() {
    let mut play = careful();
    assert_eq!(play.until_the_end(), Stage::Resolved);
    let asked = [Verb::Clean, Verb::Survey, Verb::Snapshot, Verb::Grow, Verb::Extend];
    assert_eq!(play.touches(), asked);
    assert_eq!(play.told(), ["cleanup asked for", "grow asked for", "resolved"]);
    assert_eq!((size(&play), snapshots(&play)), ((138, 138), 1));
    let topic = play.region.topic();
    let first = "cap 200 GiB; a snapshot first, which costs until you delete it.";
    assert!(topic[1].text.contains(first), "{}", topic[1].text);
    let holds = "; snapshot snap-00000000000000000 holds it as it was,";
    assert!(topic[2].text.contains(holds), "{}", topic[2].text);
}

#[test]
fn a_snapshot_whose_answer_is_lost_is_found_and_not_taken_again() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let mut play = careful();
        play.region.trip_call(Verb::Snapshot, fault.clone());
        assert_eq!(play.until_the_end(), Stage::Resolved, "{fault:?}");
        assert_eq!((size(&play), snapshots(&play)), ((138, 138), 1), "{fault:?}");
    }
}

#[test]
fn without_the_snapshot_nothing_grows_and_nothing_is_counted() {
    let mut play = careful();
    play.region.break_call(Verb::Snapshot, Fault::Refused("UnauthorizedOperation: no"));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!((play.asked(Verb::Grow), size(&play)), (0, (100, 100)));
    let volume = VolumeId::new("vol-0a1b2c3d4e5f60718").unwrap();
    let book = finish(play.region.growths(&volume, play.region.now())).unwrap();
    assert_eq!((book.of_volume.len(), book.region_today_gib), (0, 0), "nor for the day");
    let mut play = careful();
    play.region.break_call(Verb::SnapshotOf, Fault::Refused("UnauthorizedOperation: no"));
    assert_eq!(play.until_the_end(), Stage::HandedOver, "what cannot be seen is not there");
    assert_eq!((play.asked(Verb::Grow), snapshots(&play)), (0, 1));
}

/// What nobody extended is extended by the next incident, which is no less of a change.
#[test]
fn a_file_system_is_extended_after_a_snapshot_too() {
    let mut play = careful().with_host(|host| host.disk.gib = 150);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Survey, Verb::Snapshot, Verb::Extend]);
    assert_eq!((size(&play), snapshots(&play)), ((150, 150), 1));
}

#[test]
fn there_is_usable_space_within_three_beats_of_the_cleanups_failure() {
    for triggers in [true, false] {
        let mut play = if triggers { alone() } else { alone().without_hints() };
        play.until(Stage::Surveying);
        let failed_at = play.incident().unwrap().stage_since;
        let minutes = play.until_it("has space", |incident| incident.stage == Stage::Watching);
        assert_eq!(size(&play), (138, 138));
        let took = play.incident().unwrap().stage_since.duration_since(failed_at);
        assert!(minutes <= 3 && took <= SignedDuration::from_mins(3), "{triggers}: {took:#}");
    }
}

#[test]
fn a_member_is_grown_before_it_is_replaced_and_told_that_its_successor_is_small() {
    let mut play = Play::grouped(Trouble::hopeless(DiskFull, 96.4)).with_a_cap(200);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Replace), 0);
    let last = play.region.topic().pop().unwrap();
    let small = "The group's template still says 100 GiB: a substitute will be small again.";
    assert!(last.text.contains(small), "{}", last.text);
}

#[test]
fn what_may_not_grow_goes_on_up_the_ladder() {
    for (cap, code) in [(100, "grow-cap-reached"), (104, "grow-too-little")] {
        let mut play = Play::standalone(Trouble::hopeless(DiskFull, 96.4)).with_a_cap(cap);
        assert_eq!(play.until_the_end(), Stage::HandedOver);
        assert!(play.last_reasons().contains(&code), "{:?}", play.last_reasons());
        assert_eq!(play.asked(Verb::Grow), 0);
    }
    let mut play = alone().with_host(|host| host.file_system = FileSystem::Memory);
    play.until_the_end();
    assert_eq!(play.asked(Verb::Grow), 0);
}

/// Of the instance's own volume nothing is taken for what the host says of another.
#[test]
fn a_disk_that_ec2_does_not_show_at_the_instance_is_not_grown() {
    for other in ["vol0ffffffffffffffff", "xvdz", ""] {
        let mut play = alone().with_host(|host| host.disk.said_to_be = Some(other.to_owned()));
        assert_eq!(play.until_the_end(), Stage::HandedOver, "{other:?}");
        assert!(play.last_reasons().contains(&"grow-not-attached"), "{:?}", play.last_reasons());
        assert_eq!((play.asked(Verb::Grow), size(&play)), (0, (100, 100)), "{other:?}");
    }
}

#[test]
fn without_an_hour_of_the_metric_nothing_is_bought() {
    let play = Play::standalone(Trouble::hopeless(DiskFull, 96.4));
    let mut play = play.with_host(|host| host.disk.cap_gib = Some(200));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert!(play.last_reasons().contains(&"grow-leak-unknown"), "{:?}", play.last_reasons());
}

#[test]
fn a_session_holds_no_growth_back() {
    let mut play = alone().with_host(|host| host.sessions = 1);
    assert_eq!(play.until_the_end(), Stage::Resolved, "it disrupts nobody");
    assert_eq!(play.asked(Verb::Grow), 1);
}

#[test]
fn a_pause_holds_a_growth_back() {
    let mut play = alone();
    play.until(Stage::Surveying);
    let (since, hour) = (play.region.now(), SignedDuration::from_hours(1));
    let (reason, owner) = ("a release".to_owned(), "Anna".to_owned());
    let pause = Pause {
        scope: "all".parse().unwrap(),
        reason,
        owner,
        since,
        until: since + hour,
        harm: false,
    };
    play.region.with_book(|book| {
        book.pause(&pause);
    });
    play.minutes(50);
    assert_eq!(play.asked(Verb::Grow), 0);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Grow), 1, "once it is over");
}

#[test]
fn an_owner_who_only_observes_has_no_volume_grown() {
    let mut play = alone();
    play.until(Stage::Surveying);
    let mut play = play.with_host(|host| {
        host.instance.tags.insert("auto-remediation".to_owned(), "observe".to_owned());
    });
    play.minutes(40);
    assert_eq!(play.asked(Verb::Grow), 0);
}

#[test]
fn a_growth_whose_answer_is_lost_is_found_and_not_repeated() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let mut play = alone();
        play.region.trip_call(Verb::Grow, fault.clone());
        assert_eq!(play.until_the_end(), Stage::Resolved, "{fault:?}");
        let disk = play.region.host(&play.names.web).unwrap().disk;
        assert_eq!((disk.modified_at.len(), disk.gib), (1, 138), "{fault:?}");
    }
}

#[test]
fn a_growth_that_aws_refuses_is_not_counted_and_leads_on() {
    let mut play = alone();
    let why = "VolumeModificationRateExceeded: You've reached the maximum modification rate";
    play.region.break_call(Verb::Grow, Fault::Refused(why));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.asked(Verb::ForgetGrowth), 1);
    let volume = VolumeId::new("vol-0a1b2c3d4e5f60718").unwrap();
    let book = finish(play.region.growths(&volume, play.region.now())).unwrap();
    assert_eq!((book.of_volume.len(), book.region_today_gib), (0, 0), "nor for the day");
    assert_eq!(play.tried(), [Rung::Cleanup, Rung::Grow]);
    assert_eq!(play.asked(Verb::Grow), 1);
}

/// What was bought and not extended is used before anything more is bought.
#[test]
fn a_growth_that_nobody_extended_is_extended_by_the_next_incident() {
    let mut play = alone();
    play.region.break_call(Verb::Extend, Fault::Refused("AccessDeniedException: no"));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(size(&play), (138, 100));
    play.region.mend_call(Verb::Extend);
    let first = play.incident().unwrap().id;
    let mut play = play.with_host(|host| host.trouble = None);
    play.minutes(20);
    let mut play = play.with_host(|host| host.trouble = Some(Trouble::hopeless(DiskFull, 96.4)));
    play.until_it("is another", |incident| incident.id != first);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!((size(&play), play.asked(Verb::Grow)), ((138, 138), 1));
}

#[test]
fn a_host_that_cannot_start_a_script_is_left_to_a_person() {
    let mut play = alone().with_host(|host| host.script = Script::CannotStart);
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert!(play.last_reasons().contains(&"grow-host-silent"), "{:?}", play.last_reasons());
    let told = play.region.topic().pop().unwrap().text;
    assert!(told.contains("was never tried"), "{told}");
    assert_eq!(play.asked(Verb::Grow), 0);
}
