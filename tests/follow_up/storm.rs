//! Storms: many alarms at once, each followed to its end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;

use jiff::{SignedDuration, Timestamp};
use remedy::follow_up;
use remedy::model::alarm::Symptom::{DiskFull, MemoryPressure};
use remedy::model::incident::{Incident, Rung, Stage};
use world::calls::Verb;
use world::drive::{FollowUp, Intake, finish_in};
use world::host::Trouble;
use world::quota::Quotas;
use world::storm::{Came as Raged, Storm, TABLE};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Longer than any incident may take.
const MINUTES_MAX: usize = 200;

/// What came of a storm.
struct Came {
    /// The incidents, by how they ended.
    ends: BTreeMap<Stage, usize>,
    /// From the alarms to the last end.
    took: SignedDuration,
    /// Calls of all kinds.
    calls: usize,
    /// Writes to the ledger.
    writes: usize,
}

/// One minute passes; then the alarms' events arrive, and the heartbeat comes. Calls take no
/// time, and nothing is turned away.
fn minute(storm: &Storm) {
    storm.region.pass(MINUTE);
    for event in storm.region.transitions() {
        storm.function.run(&storm.region, &event).unwrap();
    }
    let beat = FollowUp::default().run(&storm.region).unwrap();
    assert_eq!((beat.left.as_slice(), beat.lag_seconds), ([].as_slice(), Some(0)));
}

/// Minutes pass until all of it is over.
fn to_its_end(storm: &Storm) -> Came {
    let mut minutes = 0;
    while storm.rages() {
        minutes += 1;
        assert!(minutes < MINUTES_MAX, "it rages on");
        minute(storm);
    }
    let (incidents, counted) = (storm.incidents(), storm.region.counted());
    let mut ends = BTreeMap::new();
    for incident in &incidents {
        *ends.entry(incident.stage).or_default() += 1;
    }
    let last = incidents.iter().filter_map(Incident::ended_at).max();
    let first = incidents.iter().map(|incident| incident.opened_at).min();
    let writes = [Verb::Open, Verb::Record, Verb::Count, Verb::NoteSick];
    Came {
        ends,
        took: last.unwrap().duration_since(first.unwrap()),
        calls: counted.values().sum(),
        writes: writes.iter().filter_map(|verb| counted.get(verb)).sum(),
    }
}

/// What a storm of this size comes to whose cleanups all help.
fn cleaned(count: usize) -> Came {
    let came = to_its_end(&Storm::of(count, Trouble::slight(DiskFull, 96.4)));
    assert_eq!(came.ends, BTreeMap::from([(Stage::Resolved, count)]), "of {count}");
    came
}

/// Where nothing is turned away many are as fast as one, and cost less each: no more calls than
/// so many, of which 12 take the alarm and its OK.
#[test]
fn five_hundred_cleanups_are_followed_to_their_end_as_fast_as_one() {
    let alone = cleaned(1);
    assert!(alone.took <= SignedDuration::from_mins(12), "{:#}", alone.took);
    assert!(alone.calls <= 32, "{}", alone.calls);
    for count in [50, 500] {
        let storm = cleaned(count);
        assert_eq!(storm.took, alone.took, "of {count}");
        assert_eq!(storm.writes, 8 * count, "{count}: each alarm's writes to the ledger");
        assert!(2 * storm.calls <= 33 * count, "{} of {count}", storm.calls);
    }
}

#[test]
fn five_hundred_reboots_in_pools_of_their_own_wait_for_nobody() {
    let storm = Storm::of(500, Trouble::stubborn(MemoryPressure, 97.0));
    let came = to_its_end(&storm);
    assert_eq!(came.ends, BTreeMap::from([(Stage::Resolved, 500)]));
    for incident in storm.incidents() {
        let at = |rung| {
            let mut tried = incident.attempts.iter().filter(|attempt| attempt.rung == rung);
            tried.next_back().map(|attempt| attempt.claimed_at)
        };
        let waited = at(Rung::Reboot).unwrap().duration_since(at(Rung::Cleanup).unwrap());
        assert!(waited <= SignedDuration::from_mins(15), "{waited:#}: {incident:?}");
        assert_eq!(storm.region.host(&incident.instance_id).unwrap().boots, 2);
    }
}

/// What one call tells of some of many is no word about the others: they are neither well nor
/// gone, and are asked about again.
#[test]
fn who_is_not_told_of_among_many_stays_open() {
    let storm = Storm::of(3, Trouble::slight(DiskFull, 96.4));
    let untold = &storm.hosts[1];
    storm.region.leave_untold(untold.as_str());
    let stages = || -> Vec<Stage> { storm.incidents().iter().map(|it| it.stage).collect() };
    for _ in 0..10 {
        minute(&storm);
        assert_eq!(stages()[0], stages()[2], "of the two others nothing differs");
        if stages()[0] == Stage::Resolved {
            break;
        }
    }
    assert_eq!(stages()[0], Stage::Resolved);
    assert!(stages()[1].is_open(), "{:?}", stages());
    // When it is the last one it is asked about by itself.
    assert_eq!(to_its_end(&storm).ends, BTreeMap::from([(Stage::Resolved, 3)]));
}

#[test]
fn what_a_beat_has_no_time_for_stays_due_and_is_told_of() {
    let storm = Storm::of(600, Trouble::slight(DiskFull, 96.4));
    minute(&storm);
    storm.region.pass(SignedDuration::from_secs(90));
    let beat = |parts: usize| {
        let begun = Cell::new(0);
        let is_time_left = || begun.replace(begun.get() + 1) < parts;
        let now = storm.region.now();
        let policy = FollowUp::default().policy;
        let beat = follow_up::beat(None, now, &policy, &storm.region, &is_time_left);
        finish_in(&storm.region, beat).unwrap()
    };
    let none = beat(0);
    assert_eq!((none.looked_at, none.lag_seconds), (0, Some(30)));
    let some = beat(1);
    assert_eq!((some.looked_at, some.lag_seconds), (500, Some(30)));
    let others = beat(1);
    assert_eq!((others.looked_at, others.lag_seconds), (100, Some(0)));
    assert!(storm.incidents().iter().all(|incident| incident.stage == Stage::Watching));
}

/// In an account that sends thousands of commands in one moment their list has no end: ours are
/// asked about all the same, each by itself or each one for all the hosts that share it.
#[test]
fn the_many_commands_of_others_hide_none_of_ours() {
    let storm = Storm::of(30, Trouble::slight(DiskFull, 96.4));
    minute(&storm);
    storm.region.others_send(4_000);
    storm.region.pass(MINUTE);
    storm.region.grant(Quotas::default());
    FollowUp::default().run(&storm.region).unwrap();
    let stages: Vec<Stage> = storm.incidents().iter().map(|it| it.stage).collect();
    assert_eq!(stages, [Stage::Watching; 30]);
}

/// One list for each command that several hosts share, whatever else was sent in its time.
#[test]
fn a_shared_command_is_listed_by_itself() {
    let storm = Storm::of(120, Trouble::slight(DiskFull, 96.4));
    storm.region.pass(MINUTE);
    let messages: Vec<(String, String)> = storm
        .region
        .transitions()
        .into_iter()
        .enumerate()
        .map(|(n, event)| (format!("m{n}"), event))
        .collect();
    for batch in messages.chunks(100) {
        let taken = Intake::default().run(&storm.region, batch).unwrap();
        assert_eq!(taken.answer.reports.len(), batch.len(), "{:?}", taken.again);
    }
    storm.region.others_send(4_000);
    storm.region.pass(MINUTE);
    let listed = || storm.region.counted().get(&Verb::CommandOf).copied().unwrap_or_default();
    let before = listed();
    FollowUp::default().run(&storm.region).unwrap();
    assert!(storm.incidents().iter().all(|it| it.stage == Stage::Watching));
    assert_eq!(listed() - before, 3, "50, 50 and 20 hosts");
}

/// A command that AWS accepts and then cancels, because too many have not ended, was no try.
#[test]
fn what_was_canceled_before_it_ran_is_sent_again() {
    let storm = Storm::of(3, Trouble::slight(MemoryPressure, 97.0));
    let came = storm.rage(Quotas::default().with_pending(1));
    assert_eq!((came.ended(Stage::Resolved), came.lost), (3, 0), "{came}");
    assert!(storm.region.commands().len() > 3, "each of them was run at once");
    assert_eq!(came.reboots, [], "a cleanup would have helped");
}

/// What a storm of this size comes to where quotas count. All of it ends, and the heartbeat
/// asks for no more than half of anything.
fn raged(count: usize, trouble: Trouble) -> Raged {
    let came = Storm::of(count, trouble).rage(Quotas::default().with_pending(count.max(2_400)));
    assert_eq!((came.ended(Stage::Resolved), came.lost), (count, 0), "{came}");
    let asked = &came.fullest.1;
    assert!(asked.share > 0.0 && asked.share < 0.5 + 1e-9, "{asked}: {came}");
    came
}

#[test]
fn reboots_come_one_by_one_and_all_of_them_come() {
    let came = raged(150, Trouble::stubborn(MemoryPressure, 97.0));
    assert_eq!(came.reboots.len(), 150, "{came}");
    // Each has its time 0.4 s after the one before; to write its intent takes more or less.
    let least = |many: usize| {
        let lasts = |some: &[Timestamp]| some[many - 1].duration_since(some[0]);
        came.reboots.windows(many).map(lasts).min().unwrap()
    };
    assert!(least(2) >= SignedDuration::from_millis(300), "{:#}", least(2));
    assert!(least(26) >= SignedDuration::from_millis(9_800), "{:#}: 2.5 a second", least(26));
    let lasts = came.reboots[149].duration_since(came.reboots[0]);
    assert!(lasts <= SignedDuration::from_mins(10), "{lasts:#}: {came}");
}

/// The page's table has a row of each size: those that take seconds are played here. The others
/// are written by hand from `cargo run --release -- storm --alarms 50000`.
#[test]
fn the_page_tells_what_storms_come_to() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
    let mut page = fs::read_to_string(file).unwrap();
    for count in [1, 50, 500, 5_000] {
        let row = raged(count, Trouble::slight(DiskFull, 96.4)).row();
        let (begins, _) = row.split_once(" | ").unwrap();
        let of_it = |line: &&str| line.starts_with(&format!("{begins} | "));
        let (_, table) = page.split_once(TABLE[0]).unwrap();
        let told = table.lines().find(of_it).unwrap().to_owned();
        if std::env::var_os("UPDATE").is_some() {
            page = page.replace(&told, &row);
            fs::write(file, &page).unwrap();
        } else {
            assert_eq!(told, row, "UPDATE=1 cargo test -p tests --test follow_up storm");
        }
    }
}
