//! Every reason there is, in the report it is most at home in. A reason without
//! one fails `every_reason_is_shown`.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use remedy::model::alarm::{Hint, Symptom};
use remedy::model::growth::{Cost, Growth, SnapshotFirst};
use remedy::model::host_disk::Shape;
use remedy::model::ids::{
    CommandId, GroupName, IncidentId, InstanceId, MountPoint, SnapshotId, VolumeId,
};
use remedy::model::incident::{Incident, Rung, Stage};
use remedy::model::managed_node::ManagedBy;
use remedy::model::obstacle::Obstacle;
use remedy::model::pause::{Pause, Scope};
use remedy::model::platform::Platform;
use remedy::model::pool::Pool;
use remedy::model::question::{Ask, Question};
use remedy::model::reason::Reason;
use remedy::model::seen::Seen;
use remedy::report::outcome::{Outcome, Report};

use crate::given::{ago, alarm, attempt, call_failed, incident, now, unknown};
use crate::notify::out_of_time;

/// The codes that the table of reasons has.
pub(crate) fn codes() -> BTreeSet<String> {
    let table = include_str!("../../src/model/reason/table.rs");
    let obstacles = include_str!("../../src/model/obstacle.rs");
    let code = |rest: &str| rest.split('"').next().unwrap().to_owned();
    let obstacles = obstacles.split("=> \"grow-").skip(1).map(code);
    let obstacles = obstacles.map(|code| format!("grow-{code}"));
    table.split("row(\"").skip(1).map(code).chain(obstacles).collect()
}

/// The symptom is over, and stays so.
fn stayed_gone() -> Reason {
    let measured = Some("CWAgent cpu_usage_active is 41.0 %".to_owned());
    Reason::StayedGone { for_the_last: SignedDuration::from_mins(5), measured }
}

/// A report about an alarm that opened nothing.
pub(crate) fn held(reason: Reason) -> Report {
    let alarm = alarm(Symptom::MemoryPressure);
    Report { rung: Some(Rung::Cleanup), because: vec![reason], ..Report::about(&alarm, now()) }
}

/// An incident of a member of a group, on `rung` and in `stage`.
pub(crate) fn at(rung: Rung, stage: Stage) -> Incident {
    let command = CommandId::new("3f1c0d8e-5a41-4f7e-9f5a-0a1b2c3d4e5f").unwrap();
    let mut attempt = attempt(rung);
    attempt.command_id = Some(command).filter(|_| rung == Rung::Cleanup);
    Incident {
        group: Some(GroupName::new("web-asg").unwrap()),
        attempts: vec![attempt],
        seen: Seen::of(&alarm(Symptom::MemoryPressure)),
        stage,
        stage_since: ago(2),
        due_at: now() + SignedDuration::from_mins(1),
        ..incident(Symptom::MemoryPressure)
    }
}

/// A step of an incident.
pub(crate) fn step(rung: Rung, stage: Stage, because: Vec<Reason>) -> Report {
    let outcome = match stage {
        Stage::Resolved => Outcome::Resolved,
        Stage::HandedOver | Stage::Expired | Stage::Withdrawn => Outcome::Held,
        _ => Outcome::Acted,
    };
    Report::of(&at(rung, stage), outcome, because, now())
}

/// A report about an alarm for which a reboot was refused.
fn no_reboot(reason: Reason) -> Report {
    Report { rung: Some(Rung::Reboot), ..held(reason) }
}

/// A report about an incident that waits, with nothing done yet.
fn waits(reason: Reason) -> Report {
    let waiting = Incident { attempts: Vec::new(), ..at(Rung::Reboot, Stage::Waiting) };
    let report = Report::of(&waiting, Outcome::Held, vec![reason], now());
    Report { rung: Some(Rung::Reboot), ..report }
}

fn pause() -> Pause {
    Pause {
        scope: Scope::Group(group()),
        reason: "release 42".to_owned(),
        owner: "Anna".to_owned(),
        since: ago(20),
        until: ago(-100),
        harm: false,
    }
}

fn refused_by() -> Reason {
    Reason::RefusedBy { by: "Anna".to_owned(), rung: Rung::Reboot }
}

fn question() -> Question {
    Question::new(&other(), Rung::Reboot, 2, &Ask::of(["reboot"]), now())
}

fn rest() -> Pause {
    Pause {
        scope: "rung:reboot:memory-pressure:group:web-asg".parse().unwrap(),
        reason: "4 in a row did not help, the last on i-0a1b2c3d4e5f60718".to_owned(),
        owner: "Remedy".to_owned(),
        since: ago(20),
        until: ago(-7 * 24 * 60),
        harm: false,
    }
}

/// Every reason, in a report.
pub(crate) fn every_reason() -> Vec<Report> {
    [chosen(), refused(), owners_word(), not_grown(), grown(), timeline(), ends()].concat()
}

fn group() -> GroupName {
    GroupName::new("web-asg").unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn other() -> IncidentId {
    IncidentId::new("disk-full-20261120t024400z-0a1b2c3d").unwrap()
}

fn volume() -> VolumeId {
    VolumeId::new("vol-0a1b2c3d4e5f60718").unwrap()
}

/// What keeps a volume from being grown, each in a report that a person gets.
fn not_grown() -> Vec<Report> {
    let shape = |shape, why: &str| Obstacle::Shape { shape, why: why.to_owned() };
    let kind = || "standard".to_owned();
    let found = "lots".to_owned();
    let silent = "the host's script was not delivered: Undeliverable".to_owned();
    let by = "eks.amazonaws.com".to_owned();
    let state = "optimizing".to_owned();
    let (count, within) = (2, "within a day");
    [
        Obstacle::NotAllowed,
        Obstacle::CapUnreadable { volume: volume(), found },
        Obstacle::SnapshotUnreadable { volume: volume(), found: "maybe".to_owned() },
        Obstacle::NotMeasured,
        Obstacle::HostSilent { why: silent },
        Obstacle::NotFull { percent: 41 },
        shape(Shape::Raid, "md0 is a RAID"),
        shape(Shape::Luks, "data is encrypted with LUKS"),
        shape(Shape::SeveralPvs, "the volume group vg0 has 2 physical volumes"),
        shape(Shape::SeveralLvs, "the volume group vg0 has 2 logical volumes"),
        shape(Shape::GroupHasRoom, "the volume group vg0 has 40 GiB free"),
        shape(Shape::PartitionBehind, "partition 2 lies behind partition 1 of nvme1n1"),
        shape(Shape::InstanceStore, "nvme1n1 is an instance store"),
        shape(Shape::NoDisk, "tmpfs lies on no disk"),
        shape(Shape::OtherFileSystem, "zfs is not extended"),
        shape(Shape::ReadOnly, "/data is mounted read-only"),
        shape(Shape::ToolMissing, "there is neither growpart nor sfdisk"),
        shape(Shape::Unknown, "lsblk gave no answer"),
        Obstacle::NotAttached { disk: "nvme1n1".to_owned() },
        Obstacle::MultiAttach { volume: volume() },
        Obstacle::Managed { volume: volume(), by },
        Obstacle::Impaired,
        Obstacle::OtherType { volume: volume(), kind: kind() },
        Obstacle::BeingModified { volume: volume(), state },
        Obstacle::CapReached { volume: volume(), cap_gib: 200 },
        Obstacle::TypeMaximum { volume: volume(), kind: kind(), maximum_gib: 16_384 },
        Obstacle::MbrEnds { volume: volume() },
        Obstacle::TooLittle { volume: volume(), to_gib: 104, percent: 93 },
        Obstacle::Leak { gib_a_day: 48, full_at: ago(-600) },
        Obstacle::LeakUnknown,
        Obstacle::Often { volume: volume(), count, within },
        Obstacle::RegionSpent { today_gib: 980, maximum_gib: 1_000 },
    ]
    .map(|obstacle| step(Rung::Cleanup, Stage::HandedOver, vec![Reason::NotGrown(obstacle)]))
    .into()
}

/// How a volume grows, from the question to the host on.
fn grown() -> Vec<Report> {
    let grows = |stage, reason| {
        let mut incident = at(Rung::Grow, stage);
        incident.symptom = Symptom::DiskFull;
        let over = stage == Stage::Watching;
        let mut growth = growth();
        let taken = matches!(reason, Reason::SnapshotTaken { .. });
        if stage == Stage::Snapshotting || taken {
            let cents_a_month = 500;
            let cost = Some(Cost { cents_a_month, as_of: "2026-11-28".to_owned() });
            growth.snapshot = Some(SnapshotFirst { id: taken.then(snapshot), cost });
        }
        if let Some(last) = incident.attempts.last_mut() {
            last.growth = Some(growth);
            last.changed_host = over.then_some(true);
        }
        Report::of(&incident, Outcome::Acted, vec![reason], now())
    };
    let why = || "the file system takes 140 GiB".to_owned();
    let failed = || "its modification failed".to_owned();
    let lost = || "nothing shows that it was taken".to_owned();
    vec![
        grows(Stage::Surveying, Reason::StillThere { what: "96.4 %".to_owned() }),
        grows(Stage::Snapshotting, Reason::DiskNamed { disk: "vol0a1b2c3d4e5f60718".to_owned() }),
        grows(Stage::Growing, Reason::SnapshotTaken { volume: volume(), snapshot: snapshot() }),
        step(
            Rung::Grow,
            Stage::Replacing,
            vec![Reason::SnapshotFailed { volume: volume(), why: lost() }],
        ),
        grows(Stage::Growing, Reason::DiskNamed { disk: "vol0a1b2c3d4e5f60718".to_owned() }),
        grows(Stage::Extending, Reason::VolumeGrown { volume: volume(), to_gib: 140 }),
        grows(Stage::Watching, Reason::Extended { why: why() }),
        step(
            Rung::Grow,
            Stage::Replacing,
            vec![Reason::NotExtended { why: "resize2fs failed".to_owned() }],
        ),
        step(
            Rung::Grow,
            Stage::Replacing,
            vec![Reason::GrowthFailed { volume: volume(), why: failed() }],
        ),
        step(Rung::Cleanup, Stage::Replacing, vec![Reason::SurveyFailed { why: failed() }]),
        waits(Reason::GrowthContended),
    ]
}

fn snapshot() -> SnapshotId {
    SnapshotId::new("snap-0a1b2c3d4e5f60718").unwrap()
}

/// A growth from 100 to 140 GiB.
pub(crate) fn growth() -> Growth {
    Growth {
        volume: volume(),
        disk: "vol0a1b2c3d4e5f60718".to_owned(),
        mount: MountPoint::new("/data").unwrap(),
        from_gib: 100,
        to_gib: 140,
        cap_gib: 200,
        used_before: 78,
        used_after: 56,
        cost: Some(Cost { cents_a_month: 320, as_of: "2026-11-28".to_owned() }),
        snapshot: None,
    }
}

/// Why a rung was chosen or passed over.
fn chosen() -> Vec<Report> {
    let acted = |rung, reason| {
        let lowest = Reason::LowestRung { rung, symptom: Symptom::MemoryPressure };
        step(rung, Stage::Rebooting, vec![lowest, reason])
    };
    let handed_over = |reason| step(Rung::Reboot, Stage::HandedOver, vec![reason]);
    let lowest = Reason::LowestRung { rung: Rung::Cleanup, symptom: Symptom::MemoryPressure };
    vec![
        step(Rung::Cleanup, Stage::Cleaning, vec![lowest]),
        acted(Rung::Reboot, Reason::RungTried { rung: Rung::Cleanup }),
        acted(Rung::Reboot, Reason::AgentAbsent),
        acted(Rung::Reboot, Reason::AgentSilent { for_the_last: Some(minutes(33)) }),
        acted(Rung::Reboot, Reason::PlatformUnsupported { platform: Platform::Windows }),
        acted(Rung::Replace, Reason::SystemImpaired { movable: false }),
        handed_over(Reason::RebootFreesNothing),
        acted(
            Rung::Replace,
            Reason::StandbyImpossible { why: "the group is at its minimum and its maximum" },
        ),
        handed_over(Reason::NotInGroup),
        handed_over(Reason::GroupNotOptedIn { group: group(), found: None }),
        handed_over(Reason::GroupObserved { group: group() }),
        handed_over(Reason::GroupMissing { group: group() }),
        handed_over(Reason::ProcessSuspended { process: "Launch" }),
        Report {
            outcome: Outcome::Held,
            ..step(
                Rung::Replace,
                Stage::Watching,
                vec![Reason::RefreshRunning { status: "InProgress".to_owned() }],
            )
        },
        handed_over(Reason::SubstitutesSickToo { count: 2 }),
        acted(Rung::Reboot, Reason::DidNotLast { rung: Rung::Cleanup, count: 2 }),
        acted(Rung::Reboot, Reason::RootCauseNeeded { symptom: Symptom::MemoryPressure, count: 3 }),
        acted(
            Rung::Replace,
            Reason::ScheduledEvent {
                code: "instance-retirement".to_owned(),
                not_before: Some(ago(-24 * 60)),
            },
        ),
        handed_over(Reason::InstanceStoreLost),
        handed_over(Reason::PlatformNotAsked { platform: Platform::Windows }),
        handed_over(Reason::RungLimited {
            rung: Rung::Reboot,
            limit: "cleanup".to_owned(),
            of: "the instance",
        }),
        handed_over(Reason::ManagedNode { by: ManagedBy::Kubernetes }),
        no_reboot(Reason::RungLimited {
            rung: Rung::Reboot,
            limit: "cleanup".to_owned(),
            of: "the alarm",
        }),
        acted(Rung::Reboot, Reason::LeavesZoneBehind),
        handed_over(Reason::ScaleInProtected),
        handed_over(Reason::VolumeImpaired { movable: true }),
        handed_over(Reason::ServiceOnly),
        waits(Reason::Ec2Recovers { movable: true }),
        waits(Reason::GroupReplaces),
        waits(Reason::OneWitness { why: "its SSM agent answered 4 min ago".to_owned() }),
        waits(Reason::ZoneImpaired { zone: "eu-central-1a".to_owned(), count: 3 }),
        handed_over(Reason::PerformanceImpaired {
            remediation: Some("Stop and start the instance.".to_owned()),
        }),
        handed_over(Reason::DataLost { mount: MountPoint::new("/data").ok() }),
    ]
}

/// What guards refuse.
fn refused() -> Vec<Report> {
    let symptom = Symptom::DiskFull;
    let by = || "arn:aws:cloudwatch:eu-central-1:111122223333:alarm-mute-rule:night".to_owned();
    let observing = held(Reason::Observing { asked_by: "REMEDY_MODE" });
    vec![
        held(Reason::NotOptedIn { found: Some("no".to_owned()) }),
        Report { observe: true, ..observing },
        held(Reason::Stale { age: minutes(23) }),
        held(Reason::FromTheFuture { ahead: minutes(4) }),
        held(Reason::Muted { by: by() }),
        held(Reason::Suppressed { by: "WaitPeriod".to_owned() }),
        held(Reason::Unmeasured { why: "no datapoint was received".to_owned() }),
        held(Reason::Unclear {
            why: "the alarm's expression may turn the direction round".to_owned(),
        }),
        held(Reason::WhichInstance { watched: 3 }),
        held(Reason::InstanceMissing),
        held(Reason::NotRunning { state: "stopped".to_owned() }),
        held(Reason::NotInService { lifecycle: "Terminating:Wait".to_owned() }),
        waits(Reason::NotYetInService { lifecycle: "Pending:Wait".to_owned() }),
        waits(Reason::TooYoung { until: Some(ago(-7)) }),
        no_reboot(Reason::AlarmActionsDisabled),
        waits(Reason::AlarmActsItself {
            action: "arn:aws:automate:eu-central-1:ec2:reboot".to_owned(),
        }),
        waits(Reason::Paused { pause: Box::new(pause()) }),
        waits(Reason::CoolingDown { until: ago(-9) }),
        waits(Reason::BudgetSpent { pool: Pool::Group(group()), budget: 2 }),
        waits(Reason::SlotTaken),
        waits(Reason::TooFewHealthy { others: 7, needed: 9 }),
        waits(Reason::CorrelatedFailure {
            symptom,
            count: 4,
            of: Some(9),
            shared: "zone eu-central-1a, launch template version 7".to_owned(),
        }),
        waits(Reason::LoadNotFault { count: 6, of: Some(9) }),
        waits(Reason::HostObjects { why: "not in trouble: 9 % busy".to_owned() }),
        no_reboot(Reason::BelowFloor { level: "60.0 %".to_owned(), floor: 90 }),
        no_reboot(Reason::OnlyAHint { hint: Hint::Unusual }),
        no_reboot(Reason::OnlyAHint { hint: Hint::Amount }),
        no_reboot(Reason::DisruptedToday { count: 2 }),
        waits(Reason::PersonPresent { count: 2 }),
        waits(Reason::UnfitForReboot { why: "packages are being installed" }),
        waits(Reason::HostUnsure { what: "who is logged in" }),
        waits(Reason::FactUnknown(unknown("ec2:DescribeInstances"))),
        held(Reason::DuplicateDelivery { incident: other() }),
        held(Reason::IncidentOpen { incident: other(), symptom }),
        held(Reason::Queued { behind: other(), symptom }),
        held(Reason::NothingOpen),
        Report { stage: Some(Stage::Watching), ..held(Reason::FollowUpVerifies) },
    ]
}

/// What owners and people have said.
fn owners_word() -> Vec<Report> {
    vec![
        waits(Reason::Busy { of: "its group", until: ago(-106) }),
        waits(Reason::BusyUnclear { of: "the instance", value: "tomorrow".to_owned() }),
        waits(Reason::AtWork),
        waits(Reason::CalendarClosed { calendars: "freeze".to_owned(), until: Some(ago(-600)) }),
        waits(Reason::ZoneUnwell {
            zone: "eu-central-1a".to_owned(),
            state: "impaired".to_owned(),
            says: Some("Increased API error rates".to_owned()),
        }),
        waits(Reason::AsksFirst { rung: Rung::Reboot }),
        waits(Reason::Asked {
            incident: other(),
            instance: InstanceId::new("i-0a1b2c3d4e5f60718").unwrap(),
            question: Box::new(question()),
        }),
        Report { handed_over: true, ..no_reboot(refused_by()) },
        Report {
            handed_over: true,
            ..no_reboot(Reason::NobodyAnswered { rung: Rung::Reboot, after: minutes(15) })
        },
        held(Reason::Overtaken { rung: Rung::Reboot }),
        held(Reason::AllowedBy { by: "Anna".to_owned(), rung: Rung::Reboot }),
        Report { handed_over: true, ..no_reboot(Reason::Resting { pause: Box::new(rest()) }) },
    ]
}

/// How it goes with what was done.
fn timeline() -> Vec<Report> {
    let why = || "3 of 4 units answer".to_owned();
    let reboot = |reason| step(Rung::Reboot, Stage::Rebooting, vec![reason]);
    let watching = |rung, reason| step(rung, Stage::Watching, vec![reason]);
    let failed = Reason::ActionFailed {
        call: "ec2:RebootInstances",
        why: "UnauthorizedOperation: not allowed".to_owned(),
    };
    let asked = |reason| step(Rung::Reboot, Stage::Gathering, vec![reason]);
    let command_id = CommandId::new("3f1c0d8e-5a41-4f7e-9f5a-0a1b2c3d4e5f").unwrap();
    let uri = "s3://remedy-evidence/evidence/i-0a1b2c3d4e5f60718/an-incident/1-gathered.txt";
    vec![
        asked(Reason::EvidenceFirst { rung: Rung::Reboot }),
        reboot(Reason::EvidenceKept { uri: uri.to_owned() }),
        reboot(Reason::EvidenceInOutput { command_id }),
        reboot(Reason::EvidenceMissing {
            why: "the host gave no answer in time; its script may have run".to_owned(),
        }),
        watching(Rung::Cleanup, Reason::CleanupOk { why: why() }),
        reboot(Reason::CleanupInsufficient {
            why:
                "91 % in use, target 80 %; the largest file is /var/lib/app/heap.hprof with 7321 MB"
                    .to_owned(),
        }),
        reboot(Reason::CleanupFailed { why: "gave no answer in time; it may have run".to_owned() }),
        reboot(Reason::StillThere {
            what: "CWAgent mem_used_percent is 97.1 %, the threshold 90.0 %".to_owned(),
        }),
        reboot(Reason::NotQuiet { after: minutes(30) }),
        watching(Rung::Cleanup, Reason::SymptomOver),
        step(Rung::Reboot, Stage::Rebooting, vec![Reason::LeftService]),
        watching(Rung::Reboot, Reason::BackInService),
        step(Rung::Reboot, Stage::Returning, vec![Reason::UpAgain]),
        step(
            Rung::Reboot,
            Stage::Returning,
            vec![Reason::NotBack { after: minutes(15), why: "its SSM agent does not answer" }],
        ),
        watching(Rung::Replace, Reason::Substituted),
        step(Rung::Replace, Stage::Replacing, vec![Reason::RebootFailed { why: why() }]),
        reboot(Reason::NeverAsked),
        step(
            Rung::Cleanup,
            Stage::Cleaning,
            vec![Reason::NotReached { why: "was not delivered: Undeliverable".to_owned() }],
        ),
        Report { outcome: Outcome::Held, ..reboot(failed) },
        reboot(Reason::ActionUncertain {
            call: "ec2:RebootInstances",
            why: "the connection was closed".to_owned(),
        }),
        reboot(Reason::NotRecorded(call_failed("dynamodb:PutItem").into())),
    ]
}

/// How it ends.
fn ends() -> Vec<Report> {
    let handed_over = |rung, reason| step(rung, Stage::HandedOver, vec![reason]);
    let full = Reason::StaysInStandby { group: Some(group()), full: Some(4) };
    let in_standby = step(Rung::Reboot, Stage::Returning, vec![full]);
    vec![
        handed_over(
            Rung::Cleanup,
            Reason::WitnessesDisagree {
                host: "not in trouble: 9 % busy".to_owned(),
                measured: "CWAgent cpu_usage_active is 97.1 %, the threshold 90.0 %".to_owned(),
            },
        ),
        Report {
            outcome: Outcome::Resolved,
            ..step(
                Rung::Cleanup,
                Stage::Resolved,
                vec![Reason::AlarmDisagrees {
                    what: "CWAgent cpu_usage_active is 41.0 %, but the alarm is still in ALARM"
                        .to_owned(),
                }],
            )
        },
        step(Rung::Cleanup, Stage::Resolved, vec![stayed_gone()]),
        handed_over(
            Rung::Cleanup,
            Reason::Unverified { why: "CWAgent mem_used_percent has no new datapoint".to_owned() },
        ),
        handed_over(Rung::Replace, Reason::NotSubstituted { after: minutes(40) }),
        step(Rung::Reboot, Stage::Withdrawn, vec![Reason::Gone { state: "terminated".to_owned() }]),
        handed_over(Rung::Reboot, Reason::TakenAway { state: "Detached".to_owned() }),
        Report { handed_over: true, outcome: Outcome::Held, ..in_standby },
        handed_over(
            Rung::Cleanup,
            Reason::Refused { why: "ssm:SendCommand failed: AccessDeniedException".to_owned() },
        ),
        step(Rung::Reboot, Stage::Expired, vec![out_of_time(None)]),
        step(
            Rung::Cleanup,
            Stage::Expired,
            vec![out_of_time(Some(&Reason::LoadNotFault { count: 20, of: Some(20) }))],
        ),
    ]
}
