//! Whether a volume is grown, and by how much.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom::DiskFull;
use remedy::model::growth::{
    GROW_TO_TAG, Grown, GrowthBook, Prices, SNAPSHOT_FIRST_TAG, SnapshotFirst,
};
use remedy::model::host_disk::{HostDisk, Shape};
use remedy::model::host_text::HostText;
use remedy::model::ids::{SnapshotId, VolumeId};
use remedy::model::incident::{
    FailedCall, FailureKind, Gathering, Incident, Rung, Stage, Survey, Surveyed,
};
use remedy::model::platform::Platform;
use remedy::model::policy::Policy;
use remedy::model::reason::Reason;
use remedy::observe::facts::{DiskFact, Fact, Facts, NamedVolume, named};
use remedy::observe::probe::Probe;
use remedy::plan::decide::{Decision, decide};
use remedy::plan::next::next;
use remedy::plan::step::Step;
use remedy::ports::look::{Command, Datapoint, Modification, ModificationState, Snapshot, Volume};

use crate::given::{
    agent, ago, alone, attempt, facts, incident, instance, now, policy, silence, unknown,
};
use crate::next::said;
use crate::told::growth;

const GIB: u64 = 1 << 30;

const MODIFICATIONS: &str = "ec2:DescribeVolumesModifications";

fn id() -> VolumeId {
    VolumeId::new("vol-0a1b2c3d4e5f60718").unwrap()
}

/// Everything that is known about the volume, to be changed.
struct Known {
    volume: Volume,
    disk: HostDisk,
    named: NamedVolume,
    facts: Facts,
    policy: Policy,
    count: u32,
    minutes: i64,
}

/// A gp3 volume of 100 GiB that may have 200, with an ext4 on it that takes all of it and of
/// which 96 GiB are in use, as for hours; on a server that stands alone.
fn known() -> Known {
    let mut facts = facts();
    alone(&mut facts);
    let tags = BTreeMap::from([(GROW_TO_TAG.to_owned(), "200".to_owned())]);
    let prices = Prices {
        by_type: BTreeMap::from([("gp3".to_owned(), 800), ("snapshot".to_owned(), 500)]),
        as_of: "2026-11-28".to_owned(),
    };
    Known {
        volume: Volume {
            id: id(),
            size_gib: 100,
            kind: "gp3".to_owned(),
            device: Some("/dev/sdf".to_owned()),
            attachments: 1,
            multi_attach: false,
            managed_by: None,
            tags,
        },
        disk: HostDisk {
            mount: HostText::new("/data"),
            file_system: HostText::new("ext4"),
            device: HostText::new("nvme1n1"),
            disk: Some(HostText::new("vol0a1b2c3d4e5f60718")),
            partition: Some(1),
            size_bytes: 100 * GIB,
            used_bytes: 96 * GIB,
            disk_bytes: 100 * GIB,
            shape: Shape::Fit,
            ..HostDisk::default()
        },
        named: NamedVolume {
            id: id(),
            modification: Fact::Known(None),
            book: Fact::Known(GrowthBook::default()),
            levels: Some(Fact::Known(levels(360, |_| 96.0))),
            rings_at: Some(90.0),
        },
        facts,
        policy: Policy { prices, ..policy() },
        count: 1,
        minutes: 1,
    }
}

/// A value each minute, as old as its number says.
fn levels(minutes: i64, value: fn(i64) -> f64) -> Vec<Datapoint> {
    (1..=minutes).rev().map(|old| Datapoint { at: ago(old), value: value(old) }).collect()
}

fn grown(hours: i64) -> Grown {
    Grown { at: now() - SignedDuration::from_hours(hours), to_gib: 100 }
}

fn book(it: &mut Known) -> &mut GrowthBook {
    match &mut it.named.book {
        Fact::Known(book) => book,
        Fact::Unknown(unknown) => panic!("no book: {unknown}"),
    }
}

/// What is decided after a cleanup that was not enough, in short.
fn decided(change: impl Fn(&mut Known)) -> String {
    let mut it = known();
    change(&mut it);
    let question = Gathering {
        asked_at: ago(it.minutes),
        command_id: None,
        refused: None,
        asked_again: false,
        count: it.count,
    };
    it.facts.survey = Some(Survey { question, said: Some(Surveyed::Disk(it.disk.clone())) });
    let disk = it.disk.disk.as_ref().map(HostText::as_str).unwrap_or_default();
    let volumes = vec![it.volume];
    let named = named(&volumes, disk).map(|_| Box::new(it.named));
    it.facts.disk = DiskFact::Read { volumes: Fact::Known(volumes), named };
    short(&decide(DiskFull, &[Rung::Cleanup], &it.facts, &it.policy))
}

fn short(decision: &Decision) -> String {
    let code = |because: &[Reason]| {
        let own = because.iter().map(Reason::code).find(|code| *code != "rung-tried");
        own.unwrap_or_default().to_owned()
    };
    match decision {
        Decision::Act { rung: Rung::Grow, growth: Some(growth), .. } => {
            let after = if growth.snapshot.is_some() { " after a snapshot" } else { "" };
            format!("{} to {}{after}", growth.from_gib, growth.to_gib)
        }
        Decision::Act { rung: Rung::Grow, growth: None, .. } => "ask the host".to_owned(),
        Decision::Act { rung, .. } => rung.name().to_owned(),
        Decision::Wait { because } => format!("wait: {}", code(because)),
        Decision::HandOver { because } => format!("not: {}", code(because)),
    }
}

type Row = (&'static str, fn(&mut Known), &'static str);

fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (rule, change, expected) in rows {
        let got = decided(change);
        if got != *expected {
            wrong.push(format!("{rule}: expected {expected}, got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn it_grows_until_seventy_percent_are_in_use_within_every_bound() {
    check(&[
        ("96 of 100 GiB are 70 % of 138", |_| {}, "100 to 138"),
        ("at most its cap", |it| cap(it, "120"), "100 to 120"),
        ("blanks do no harm", |it| cap(it, " 120 "), "100 to 120"),
        ("at least 5 GiB", |it| used(it, 71), "100 to 105"),
        ("at most double", |it| size(it, 4, 4), "4 to 8"),
        ("a gp3 may have 65,536 GiB", |it| huge(it, "gp3", 60_000), "60000 to 65536"),
        ("an io2 too", |it| huge(it, "io2", 60_000), "60000 to 65536"),
        ("a gp2 16,384", |it| huge(it, "gp2", 15_000), "15000 to 16384"),
        ("an MBR ends at 2 TiB", |it| mbr(it, 1_500), "1500 to 2047"),
        ("a GPT does not", |it| huge(it, "gp3", 1_900), "1900 to 2606"),
        (
            "space that the volume has already is used first",
            |it| it.disk.unused_bytes = 40 * GIB,
            "100 to 100",
        ),
        (
            "whatever was grown before",
            |it| {
                it.disk.unused_bytes = 40 * GIB;
                book(it).of_volume = vec![grown(1), grown(2)];
            },
            "100 to 100",
        ),
    ]);
}

fn cap(it: &mut Known, value: &str) {
    it.volume.tags.insert(GROW_TO_TAG.to_owned(), value.to_owned());
}

fn used(it: &mut Known, gib: u64) {
    it.disk.used_bytes = gib * GIB;
}

fn size(it: &mut Known, gib: u32, used: u64) {
    (it.volume.size_gib, it.disk.size_bytes) = (gib, u64::from(gib) * GIB);
    it.disk.used_bytes = used * GIB;
}

fn huge(it: &mut Known, kind: &str, gib: u32) {
    size(it, gib, u64::from(gib) * 96 / 100);
    kind.clone_into(&mut it.volume.kind);
    it.policy.grow_gib_a_day = 100_000;
    cap(it, "100000");
}

fn mbr(it: &mut Known, gib: u32) {
    huge(it, "gp3", gib);
    it.disk.mbr = true;
}

fn shape(it: &mut Known, shape: Shape) {
    it.disk.shape = shape;
}

fn modified(it: &mut Known, state: ModificationState) {
    let last = Modification { state, target_gib: Some(100), started_at: Some(ago(60)) };
    it.named.modification = Fact::Known(Some(last));
}

#[test]
fn whose_disk_it_is_the_host_says_and_ec2_shows() {
    check(&[
        (
            "a disk that is no volume of the instance",
            |it| disk(it, "vol0bad"),
            "not: grow-not-attached",
        ),
        ("a host that names none", |it| it.disk.disk = None, "not: grow-not-attached"),
        ("a Xen disk by the name of its attachment", |it| disk(it, "xvdf"), "100 to 138"),
        ("and not by another's", |it| disk(it, "xvdg"), "not: grow-not-attached"),
        ("a name is no part of another", |it| disk(it, "xvd"), "not: grow-not-attached"),
        ("no volume has the tag", |it| it.volume.tags.clear(), "not: grow-not-allowed"),
        ("the tag is no number", |it| cap(it, "lots"), "not: grow-cap-unreadable"),
        ("the tag is empty", |it| cap(it, ""), "not: grow-cap-unreadable"),
        (
            "several instances may write",
            |it| it.volume.multi_attach = true,
            "not: grow-multi-attach",
        ),
        ("several do", |it| it.volume.attachments = 2, "not: grow-multi-attach"),
        (
            "a service manages it",
            |it| it.volume.managed_by = Some("eks.amazonaws.com".to_owned()),
            "not: grow-managed",
        ),
        ("it does not answer", impaired, "not: grow-impaired"),
        ("its type is old", |it| it.volume.kind = "standard".to_owned(), "not: grow-other-type"),
        ("it is not full", |it| used(it, 70), "not: grow-not-full"),
    ]);
}

fn disk(it: &mut Known, name: &str) {
    it.disk.disk = Some(HostText::new(name));
}

fn impaired(it: &mut Known) {
    match &mut it.facts.status {
        Fact::Known(Some(status)) => status.volume_impaired = true,
        other => panic!("no status: {other:?}"),
    }
}

#[test]
fn a_layout_that_needs_a_person_is_refused_with_its_own_reason() {
    check(&[
        ("RAID", |it| shape(it, Shape::Raid), "not: grow-raid"),
        ("LUKS", |it| shape(it, Shape::Luks), "not: grow-luks"),
        ("several PVs", |it| shape(it, Shape::SeveralPvs), "not: grow-several-pvs"),
        ("several LVs", |it| shape(it, Shape::SeveralLvs), "not: grow-several-lvs"),
        ("room in the group", |it| shape(it, Shape::GroupHasRoom), "not: grow-group-has-room"),
        (
            "a partition behind",
            |it| shape(it, Shape::PartitionBehind),
            "not: grow-partition-behind",
        ),
        ("an instance store", |it| shape(it, Shape::InstanceStore), "not: grow-instance-store"),
        ("no disk", |it| shape(it, Shape::NoDisk), "not: grow-no-disk"),
        ("zfs", |it| shape(it, Shape::OtherFileSystem), "not: grow-other-file-system"),
        ("read-only", |it| shape(it, Shape::ReadOnly), "not: grow-read-only"),
        ("no tool", |it| shape(it, Shape::ToolMissing), "not: grow-tool-missing"),
        ("what nobody knows", |it| shape(it, Shape::Unknown), "not: grow-shape-unknown"),
    ]);
}

#[test]
fn what_is_reached_or_under_way_is_refused() {
    use ModificationState::{Completed, Failed, Modifying, Optimizing, Other};
    check(&[
        ("the cap", |it| cap(it, "100"), "not: grow-cap-reached"),
        ("less than what it has", |it| cap(it, "50"), "not: grow-cap-reached"),
        ("the type's maximum", |it| huge(it, "st1", 16_384), "not: grow-type-maximum"),
        ("an MBR's end", |it| mbr(it, 2_047), "not: grow-mbr-ends"),
        ("too little to help", |it| cap(it, "104"), "not: grow-too-little"),
        ("one that is modified", |it| modified(it, Modifying), "not: grow-being-modified"),
        ("one that is optimized", |it| modified(it, Optimizing), "not: grow-being-modified"),
        (
            "one of which nobody knows",
            |it| modified(it, Other("paused".to_owned())),
            "not: grow-being-modified",
        ),
        (
            "but what it has brought is used",
            |it| {
                modified(it, Optimizing);
                it.disk.unused_bytes = 40 * GIB;
            },
            "100 to 100",
        ),
        ("one that was modified", |it| modified(it, Completed), "100 to 138"),
        ("one that could not be", |it| modified(it, Failed), "100 to 138"),
        (
            "a gap is a doubt",
            |it| it.named.modification = Fact::Unknown(unknown(MODIFICATIONS)),
            "wait: fact-unknown",
        ),
    ]);
}

#[test]
fn our_own_limits_are_in_the_ledger() {
    check(&[
        ("once in a day", |it| book(it).of_volume = vec![grown(1)], "100 to 138"),
        ("twice in a day", |it| book(it).of_volume = vec![grown(23), grown(1)], "not: grow-often"),
        ("twice in two", |it| book(it).of_volume = vec![grown(25), grown(1)], "100 to 138"),
        (
            "three times in a week",
            |it| book(it).of_volume = vec![grown(160), grown(80), grown(30)],
            "not: grow-often",
        ),
        (
            "four times in two",
            |it| book(it).of_volume = vec![grown(400), grown(300), grown(80), grown(30)],
            "100 to 138",
        ),
        (
            "five times in its life",
            |it| book(it).of_volume = (1..=5).map(|n| grown(n * 1_000)).collect(),
            "not: grow-often",
        ),
        ("the region's day", |it| book(it).region_today_gib = 963, "not: grow-region-spent"),
        ("with room for it", |it| book(it).region_today_gib = 962, "100 to 138"),
        (
            "a gap is a doubt",
            |it| it.named.book = Fact::Unknown(unknown("dynamodb:BatchGetItem")),
            "wait: fact-unknown",
        ),
    ]);
}

fn fills(it: &mut Known, value: fn(i64) -> f64) {
    it.named.levels = Some(Fact::Known(levels(360, value)));
}

/// The new space is 42 GiB: full within a day at 1.75 GiB, or percent, an hour.
#[test]
fn a_leak_is_a_persons() {
    check(&[
        ("it does not fill", |_| {}, "100 to 138"),
        ("slowly", |it| fills(it, |old| 96.0 - 1.6 * hours(old)), "100 to 138"),
        ("within a day", |it| fills(it, |old| 96.0 - 1.9 * hours(old)), "not: grow-leak"),
        (
            "in the last hour only",
            |it| fills(it, |old| 96.0 - 30.0 * hours(old.min(60))),
            "not: grow-leak",
        ),
        (
            "a file that came at once is no leak",
            |it| fills(it, |old| if old < 20 { 96.0 } else { 60.0 }),
            "100 to 138",
        ),
        (
            "a cleanup in between hides none",
            |it| fills(it, |old| 80.0 + (8.0 * hours(360 - old)) % 16.0),
            "not: grow-leak",
        ),
        (
            "no hour of it",
            |it| it.named.levels = Some(Fact::Known(levels(50, |_| 96.0))),
            "not: grow-leak-unknown",
        ),
        (
            "none of it",
            |it| it.named.levels = Some(Fact::Known(Vec::new())),
            "not: grow-leak-unknown",
        ),
        ("nothing measures it", |it| it.named.levels = None, "not: grow-not-measured"),
        (
            "a gap is a doubt",
            |it| it.named.levels = Some(Fact::Unknown(unknown("cloudwatch:GetMetricData"))),
            "wait: fact-unknown",
        ),
        (
            "and where a member could be replaced",
            |it| {
                let grouped = facts();
                (it.facts.membership, it.facts.group) = (grouped.membership, grouped.group);
                fills(it, |old| 96.0 - 1.9 * hours(old));
            },
            "not: grow-leak",
        ),
    ]);
}

#[expect(clippy::cast_precision_loss, reason = "some hundred minutes")]
fn hours(minutes: i64) -> f64 {
    minutes as f64 / 60.0
}

#[test]
fn a_leak_is_told_with_its_rate_and_its_date() {
    let mut it = known();
    fills(&mut it, |old| 96.0 - 2.0 * hours(old));
    let (_, because) = because(it);
    let leak = because.iter().find(|reason| reason.code() == "grow-leak").unwrap();
    let expected = "it fills by 48 GiB a day, so that the new space would be full by \
                    2026-11-21 00:13 UTC";
    assert_eq!(leak.to_string(), expected);
}

fn because(mut it: Known) -> (Option<String>, Vec<Reason>) {
    let question = Gathering {
        asked_at: ago(1),
        command_id: None,
        refused: None,
        asked_again: false,
        count: 1,
    };
    it.facts.survey = Some(Survey { question, said: Some(Surveyed::Disk(it.disk)) });
    let volumes = Fact::Known(vec![it.volume]);
    it.facts.disk = DiskFact::Read { volumes, named: Some(Box::new(it.named)) };
    match decide(DiskFull, &[Rung::Cleanup], &it.facts, &it.policy) {
        Decision::Act { growth, because, .. } => (growth.map(|it| it.told()), because),
        Decision::Wait { because } | Decision::HandOver { because } => (None, because),
    }
}

#[test]
fn what_it_costs_comes_from_a_price_with_its_date() {
    let told = |it| because(it).0.unwrap();
    let expected = "vol-0a1b2c3d4e5f60718 of /data from 100 to 138 GiB (96 % -> 70 % used), \
                    about $3.04 a month more (prices of 2026-11-28), cap 200 GiB";
    assert_eq!(told(known()), expected);
    let mut unpriced = known();
    unpriced.volume.kind = "io2".to_owned();
    assert!(!told(unpriced).contains('$'), "a price that nobody wrote down is not told");
}

#[test]
fn whoever_wants_a_snapshot_first_says_yes() {
    let tagged = |value: &str| {
        let value = value.to_owned();
        move |it: &mut Known| {
            it.volume.tags.insert(SNAPSHOT_FIRST_TAG.to_owned(), value.clone());
        }
    };
    assert_eq!(decided(tagged("yes")), "100 to 138 after a snapshot");
    assert_eq!(decided(tagged(" yes ")), "100 to 138 after a snapshot");
    assert_eq!(decided(tagged("no")), "100 to 138");
    for unclear in ["", "maybe", "Yes please", "true", "weekly"] {
        assert_eq!(decided(tagged(unclear)), "not: grow-snapshot-unreadable", "{unclear:?}");
    }
    let unextended = |it: &mut Known| {
        (it.disk.unused_bytes, it.disk.disk_bytes) = (50 * GIB, 150 * GIB);
        it.volume.size_gib = 150;
    };
    let both = |it: &mut Known| (unextended(it), tagged("yes")(it)).1;
    assert_eq!(decided(unextended), "150 to 150", "only its file system is extended");
    assert_eq!(decided(both), "150 to 150 after a snapshot", "which is no less of a change");
}

#[test]
fn the_host_is_asked_before_anything_is_decided() {
    let asked = |change: fn(&mut Facts)| {
        let it = known();
        let (mut facts, volumes) = (it.facts, Fact::Known(vec![it.volume]));
        facts.disk = DiskFact::Read { volumes, named: None };
        change(&mut facts);
        short(&decide(DiskFull, &[Rung::Cleanup], &facts, &it.policy))
    };
    let nothing: fn(&mut Facts) = |_| {};
    let windows: fn(&mut Facts) = |facts| {
        agent(facts).platform = Some(Platform::Windows);
        instance(facts).platform = Platform::Windows;
    };
    let unread: fn(&mut Facts) = |facts| {
        let volumes = Fact::Unknown(unknown("ec2:DescribeVolumes"));
        facts.disk = DiskFact::Read { volumes, named: None };
    };
    assert_eq!(asked(nothing), "ask the host");
    assert_eq!(asked(silence), "not: agent-silent");
    assert_eq!(asked(windows), "not: platform-unsupported");
    assert_eq!(asked(unread), "wait: fact-unknown");
    assert_eq!(asked(|facts| facts.disk = DiskFact::NotRead), "wait: fact-unknown");
    let none: fn(&mut Facts) = |facts| {
        facts.disk = DiskFact::Read { volumes: Fact::Known(Vec::new()), named: None };
    };
    assert_eq!(asked(none), "not: grow-not-allowed");
    check(&[
        ("what it said 9 minutes ago counts", |it| it.minutes = 9, "100 to 138"),
        ("after that it is asked again", |it| it.minutes = 10, "ask the host"),
        ("and not for ever", |it| (it.minutes, it.count) = (10, 12), "not: grow-host-silent"),
    ]);
}

#[test]
fn owners_name_the_highest_rung() {
    let limited = |limit: &str| {
        let limit = limit.to_owned();
        decided(move |it| {
            instance(&mut it.facts).tags.insert("auto-remediation-max".to_owned(), limit.clone());
        })
    };
    assert_eq!(limited("cleanup"), "not: rung-limited");
    assert_eq!(limited("grow"), "100 to 138");
    assert_eq!(limited("reboot"), "100 to 138");
    assert_eq!(limited("set-on-fire"), "not: rung-limited");
}

// ---- the stages -------------------------------------------------------------------------------

/// An incident of a full disk that came to `stage` some minutes ago, to grow from 100 to 140.
fn on_its_way(stage: Stage, minutes: i64) -> Incident {
    let mut attempt = attempt(Rung::Grow);
    (attempt.claimed_at, attempt.growth) = (ago(minutes), Some(growth()));
    Incident { stage, stage_since: ago(minutes), attempts: vec![attempt], ..incident(DiskFull) }
}

/// What is seen of a volume of that size with that modification.
fn volume(size_gib: u32, modification: Option<(ModificationState, u32, Timestamp)>) -> Probe {
    let modification = modification.map(|(state, target, at)| Modification {
        state,
        target_gib: Some(target),
        started_at: Some(at),
    });
    let volumes = Fact::Known(vec![Volume { size_gib, ..known().volume }]);
    Probe::Volume { volumes, modification: Fact::Known(modification) }
}

/// An incident that waits for the snapshot before its growth from `from` to 140 GiB.
fn before_it_grows(from: u32, minutes: i64) -> Incident {
    let mut incident = on_its_way(Stage::Snapshotting, minutes);
    let growth = incident.attempts[0].growth.as_mut().unwrap();
    (growth.from_gib, growth.snapshot) = (from, Some(SnapshotFirst::default()));
    incident
}

/// What is seen of the snapshot of a volume of that size and cap.
fn snapshot(size_gib: u32, cap: &str, state: Option<&str>) -> Probe {
    let volume = Volume { size_gib, ..known().volume };
    let tags = BTreeMap::from([(GROW_TO_TAG.to_owned(), cap.to_owned())]);
    let snapshot = state.map(|state| Snapshot {
        id: SnapshotId::new("snap-0a1b2c3d4e5f60718").unwrap(),
        holds: matches!(state, "pending" | "completed"),
        state: state.to_owned(),
    });
    Probe::Snapshot {
        volumes: Fact::Known(vec![Volume { tags, ..volume }]),
        snapshot: Fact::Known(snapshot),
    }
}

#[test]
fn nothing_grows_before_its_snapshot_is_seen_and_none_is_taken_twice() {
    let seen = |minutes: i64, probe: &Probe| {
        said(&next(&before_it_grows(100, minutes), probe, now(), &policy()))
    };
    assert_eq!(seen(1, &snapshot(100, "200", Some("pending"))), "grow: snapshot-taken");
    assert_eq!(seen(1, &snapshot(100, "200", Some("completed"))), "grow: snapshot-taken");
    assert_eq!(seen(1, &snapshot(100, "200", Some("error"))), "climb: snapshot-failed");
    assert_eq!(seen(1, &snapshot(100, "200", Some("recoverable"))), "climb: snapshot-failed");
    assert_eq!(seen(2, &snapshot(100, "200", None)), "wait", "whoever made the call may live");
    assert_eq!(seen(3, &snapshot(100, "200", None)), "snapshot: never-asked");
    assert_eq!(seen(8, &snapshot(100, "200", None)), "climb: snapshot-failed");
    let taken = Some("pending");
    assert_eq!(seen(1, &snapshot(100, "139", taken)), "climb: snapshot-failed", "its cap");
    assert_eq!(seen(1, &snapshot(120, "200", taken)), "climb: snapshot-failed", "its size");
    let both = |volumes, snapshot| Probe::Snapshot { volumes, snapshot };
    let gone = both(Fact::Known(Vec::new()), Fact::Known(None));
    assert_eq!(seen(1, &gone), "climb: grow-not-attached");
    let dark = |call| Fact::Unknown(unknown(call));
    for probe in [
        both(dark("ec2:DescribeVolumes"), Fact::Known(None)),
        both(Fact::Known(vec![known().volume]), Fact::Unknown(unknown("ec2:DescribeSnapshots"))),
    ] {
        assert_eq!(seen(3, &probe), "wait", "what cannot be seen is never asked for again");
        assert_eq!(seen(8, &probe), "climb: snapshot-failed");
    }
    let extends = next(&before_it_grows(140, 1), &snapshot(140, "120", taken), now(), &policy());
    assert_eq!(said(&extends), "extend: snapshot-taken", "the volume has the space already");
    let Step::Call(_, incident, _) = extends else { panic!("{extends:?}") };
    let first = incident.growth().unwrap().snapshot.clone().unwrap();
    assert_eq!(first.id.unwrap().as_str(), "snap-0a1b2c3d4e5f60718");
}

/// AWS's no leads on, unless the snapshot shows all the same.
#[test]
fn a_snapshot_that_is_refused_is_none() {
    let seen = |kind, probe: &Probe| {
        let mut incident = before_it_grows(100, 1);
        incident.attempts[0].refused = Some(FailedCall { kind, why: "no".to_owned() });
        said(&next(&incident, probe, now(), &policy()))
    };
    let none = snapshot(100, "200", None);
    assert_eq!(seen(FailureKind::Throttled, &none), "snapshot: never-asked");
    assert_eq!(seen(FailureKind::InstanceState, &none), "climb: refused");
    assert_eq!(seen(FailureKind::NotPermitted, &none), "end HandedOver: refused");
    let taken = snapshot(100, "200", Some("pending"));
    assert_eq!(seen(FailureKind::NotPermitted, &taken), "grow: snapshot-taken");
}

#[test]
fn a_growth_is_looked_for_and_never_asked_for_twice() {
    use ModificationState::{Completed, Failed, Modifying, Optimizing};
    let seen = |minutes: i64, probe: &Probe| {
        said(&next(&on_its_way(Stage::Growing, minutes), probe, now(), &policy()))
    };
    let ours = |state| Some((state, 140, ago(1)));
    assert_eq!(seen(1, &volume(100, ours(Modifying))), "wait");
    assert_eq!(seen(1, &volume(140, ours(Optimizing))), "extend: volume-grown");
    assert_eq!(seen(1, &volume(140, ours(Completed))), "extend: volume-grown");
    assert_eq!(seen(1, &volume(100, ours(Optimizing))), "wait", "its size does not show it yet");
    assert_eq!(seen(1, &volume(100, ours(Failed))), "climb: growth-failed");
    assert_eq!(seen(15, &volume(100, ours(Modifying))), "climb: growth-failed");
    assert_eq!(seen(2, &volume(100, None)), "wait", "whoever made the call may live");
    assert_eq!(seen(3, &volume(100, None)), "grow: never-asked");
    let older = Some((Completed, 140, ago(60)));
    assert_eq!(seen(3, &volume(100, older)), "grow: never-asked", "that was another");
    let others = Some((Modifying, 160, ago(1)));
    assert_eq!(seen(3, &volume(160, others)), "climb: growth-failed", "somebody else grew it");
    assert_eq!(seen(15, &volume(100, None)), "climb: growth-failed");
    let gone = Probe::Volume { volumes: Fact::Known(Vec::new()), modification: Fact::Known(None) };
    assert_eq!(seen(3, &gone), "climb: grow-not-attached");
    let dark = Probe::Volume {
        volumes: Fact::Unknown(unknown("ec2:DescribeVolumes")),
        modification: Fact::Unknown(unknown(MODIFICATIONS)),
    };
    assert_eq!(seen(3, &dark), "wait", "what cannot be seen is never asked for again");
    assert_eq!(seen(15, &dark), "climb: growth-failed");
}

#[test]
fn a_growth_that_is_no_longer_allowed_is_not_asked_for_again() {
    let mut volume = known().volume;
    volume.tags.insert(GROW_TO_TAG.to_owned(), "139".to_owned());
    let probe =
        Probe::Volume { volumes: Fact::Known(vec![volume]), modification: Fact::Known(None) };
    let step = next(&on_its_way(Stage::Growing, 3), &probe, now(), &policy());
    assert_eq!(said(&step), "climb: growth-failed");
}

/// What a disk script said that ended so.
fn ended(code: &str, exit_code: i32) -> Probe {
    let line = format!(
        r#"REMEDIATION_RESULT {{"v":1,"action":"disk-grow","status":"ok","code":"{code}",
        "reason":"it ended so","mount":"/data","shape":"fit","disk":"vol0a1b2c3d4e5f60718",
        "size_bytes":140,"used_bytes":77}}"#
    );
    let command = Command {
        ended: true,
        status: "Success".to_owned(),
        exit_code: Some(exit_code),
        stdout: line.replace('\n', ""),
        stderr: String::new(),
    };
    Probe::Command { command_id: None, command: Fact::Known(Some(command)) }
}

#[test]
fn an_extension_may_be_asked_for_twice_and_ends_in_watching() {
    let seen = |minutes: i64, probe: &Probe| {
        said(&next(&on_its_way(Stage::Extending, minutes), probe, now(), &policy()))
    };
    let none = Probe::Command { command_id: None, command: Fact::Known(None) };
    assert_eq!(seen(1, &ended("relieved", 0)), "to Watching: extended");
    assert_eq!(seen(1, &ended("lock-held", 0)), "extend: never-asked");
    assert_eq!(seen(12, &ended("lock-held", 0)), "climb: not-extended");
    assert_eq!(seen(1, &ended("failed", 0)), "climb: not-extended");
    assert_eq!(seen(1, &ended("insufficient", 0)), "climb: not-extended");
    assert_eq!(seen(1, &ended("cannot-work", 3)), "climb: not-extended");
    assert_eq!(seen(2, &none), "wait");
    assert_eq!(seen(3, &none), "extend: never-asked");
    assert_eq!(seen(12, &none), "climb: not-extended");
    let step = next(&on_its_way(Stage::Extending, 1), &ended("relieved", 0), now(), &policy());
    let Step::Move(moved, _) = step else { panic!("{step:?}") };
    assert_eq!(moved.growth().unwrap().used_after, 55, "as the host measured it");
}

#[test]
fn whatever_the_host_says_of_its_disk_is_decided_upon() {
    let asked = |minutes: i64, refused: Option<&str>, probe: &Probe| {
        let question = Gathering {
            asked_at: ago(minutes),
            command_id: None,
            refused: refused.map(str::to_owned),
            asked_again: false,
            count: 1,
        };
        let mut incident = on_its_way(Stage::Surveying, minutes);
        incident.survey = Some(Survey { question, said: None });
        said(&next(&incident, probe, now(), &policy()))
    };
    let none = Probe::Command { command_id: None, command: Fact::Known(None) };
    assert_eq!(asked(1, None, &ended("looked", 0)), "climb: disk-named");
    assert_eq!(asked(1, None, &ended("crashed", 5)), "climb: disk-named");
    assert_eq!(asked(1, None, &ended("bad-parameter", 2)), "climb: survey-failed");
    assert_eq!(asked(0, None, &none), "wait");
    assert_eq!(asked(1, None, &none), "survey: never-asked");
    assert_eq!(asked(4, None, &none), "climb: survey-failed");
    assert_eq!(asked(0, Some("AccessDenied"), &none), "climb: survey-failed");
}
