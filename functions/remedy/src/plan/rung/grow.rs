//! Growing the volume of a full file system: the host says which disk it is, EC2 whose it
//! is, its owner's tag how far it may go, and the ledger how often it went before.

use crate::model::action::Action;
use crate::model::growth::{GROW_TO_TAG, Growth, GrowthBook, SNAPSHOT_FIRST_TAG, SnapshotFirst};
use crate::model::host_disk::{HostDisk, Shape, percent};
use crate::model::ids::{CommandId, MountPoint};
use crate::model::incident::{Incident, Stage, Survey, Surveyed};
use crate::model::obstacle::Obstacle;
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::model::unknown::Unknown;
use crate::observe::facts::{DiskFact, Fact, Facts, NamedVolume, named};
use crate::observe::host_report::{self, Code, Verdict};
use crate::observe::probe::Probe;
use crate::plan::availability::Availability::{self, Available, Grows, InDoubt, Unavailable};
use crate::plan::host_said::late;
use crate::plan::host_said::testimony;
use crate::plan::rung::cleanup;
use crate::plan::step::BEAT;
use crate::plan::step::EFFECT_SHOWS;
use crate::plan::step::Step;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::ports::look::{Command, Datapoint, Modification, ModificationState, Volume};
use jiff::{SignedDuration, Timestamp};

/// A growth aims at this share of the file system in use: there is room for weeks then.
const USED_AFTER_PERCENT: u64 = 70;

/// No growth is smaller: each is one of few.
const STEP_MIN_GIB: u32 = 5;

const GIB: u64 = 1 << 30;

/// An MBR counts its sectors of 512 bytes with 32 bits (EBS user guide, "Amazon EBS volume
/// constraints"). The last GiB is left, so that no partition ends behind them.
const MBR_MAX_GIB: u32 = 2 * 1024 - 1;

/// What the host said of its disk counts for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// A host is asked so often about its disk in one incident at most.
const TIMES_MAX: u32 = 12;

/// What more of a disk than this is not used by its file system is used before anything is
/// bought: a growth that was begun, and nobody extended the file system into it.
const UNUSED_BYTES: u64 = GIB;

/// Our own limits, tighter than the 4 modifications in 24 hours that EBS allows (EC2 API
/// reference, `ModifyVolume`): so often within that time, and so told.
const OFTEN: [(usize, SignedDuration, &str); 3] = [
    (2, SignedDuration::from_hours(24), "within a day"),
    (3, SignedDuration::from_hours(7 * 24), "within a week"),
    (5, SignedDuration::MAX, "in its life"),
];

/// New space that lasts for less time than this is not bought.
const LASTS_MIN: SignedDuration = SignedDuration::from_hours(24);

/// Whether, and how, the volume of the full file system can be grown.
pub(crate) fn availability(facts: &Facts, policy: &Policy) -> Availability {
    match cleanup::availability(facts, policy) {
        Available(_) => {}
        other => return other,
    }
    let DiskFact::Read { volumes, named } = &facts.disk else {
        let (call, what) = ("ec2:DescribeVolumes", "the instance's volumes");
        return InDoubt(Unknown::NotAsked { call, what });
    };
    let volumes = match volumes {
        Fact::Known(volumes) => volumes,
        Fact::Unknown(unknown) => return InDoubt(unknown.clone()),
    };
    if !volumes.iter().any(|volume| volume.tags.contains_key(GROW_TO_TAG)) {
        return obstacle(Obstacle::NotAllowed);
    }
    if matches!(&facts.status, Fact::Known(Some(status)) if status.volume_impaired) {
        return obstacle(Obstacle::Impaired);
    }
    let disk = match surveyed(facts) {
        Ok(disk) => disk,
        Err(stop) => return stop,
    };
    match judged(disk, volumes, named.as_deref(), facts, policy) {
        Ok(growth) => Grows(Some(Box::new(growth))),
        Err(stop) => stop,
    }
}

fn obstacle(obstacle: Obstacle) -> Availability {
    Unavailable(Reason::NotGrown(obstacle))
}

/// What the host said lately of its disk, or that it has to be asked, or cannot be.
fn surveyed(facts: &Facts) -> Result<&HostDisk, Availability> {
    let Some(Survey { question, said: Some(said) }) = &facts.survey else {
        return Err(Grows(None));
    };
    match said {
        _ if facts.observed_at.duration_since(question.asked_at) >= FRESH => {
            let why = format!("the host was asked {} times", question.count);
            let asked_enough = question.count >= TIMES_MAX;
            Err(if asked_enough { obstacle(Obstacle::HostSilent { why }) } else { Grows(None) })
        }
        Surveyed::Nothing { why } => Err(obstacle(Obstacle::HostSilent { why: why.clone() })),
        Surveyed::Disk(disk) if disk.shape != Shape::Fit => {
            let (shape, why) = (disk.shape, disk.why.to_string());
            Err(obstacle(Obstacle::Shape { shape, why }))
        }
        Surveyed::Disk(disk) => Ok(disk),
    }
}

/// The growth, after everything that may stand against it.
fn judged(
    disk: &HostDisk,
    volumes: &[Volume],
    known: Option<&NamedVolume>,
    facts: &Facts,
    policy: &Policy,
) -> Result<Growth, Availability> {
    let name = disk.disk.as_ref().map(ToString::to_string).unwrap_or_default();
    let (Some(volume), Some(known)) = (named(volumes, &name), known) else {
        let disk = if name.is_empty() { disk.device.to_string() } else { name };
        return Err(obstacle(Obstacle::NotAttached { disk }));
    };
    let (modification, book) = match (&known.modification, &known.book) {
        (Fact::Known(modification), Fact::Known(book)) => (modification.as_ref(), book),
        (Fact::Unknown(unknown), _) | (_, Fact::Unknown(unknown)) => {
            return Err(InDoubt(unknown.clone()));
        }
    };
    let cap = cap(volume).map_err(obstacle)?;
    let Ok(mount) = MountPoint::new(disk.mount.as_str()) else {
        let why = format!("its mount point is {:?}", disk.mount.as_str());
        return Err(obstacle(Obstacle::HostSilent { why }));
    };
    let percent = disk.used_percent();
    if u64::from(percent) <= USED_AFTER_PERCENT {
        return Err(obstacle(Obstacle::NotFull { percent }));
    }
    let mut growth = Growth {
        volume: volume.id.clone(),
        disk: name,
        mount,
        from_gib: volume.size_gib,
        to_gib: volume.size_gib,
        cap_gib: cap,
        used_before: percent,
        used_after: percent,
        cost: None,
        snapshot: snapshot_first(volume, policy).map_err(obstacle)?,
    };
    if disk.unused_bytes >= UNUSED_BYTES {
        growth.used_after = after(disk, disk.unused_bytes);
        return Ok(growth);
    }
    completed(volume, modification).map_err(obstacle)?;
    growth.to_gib = size(disk, volume, cap).map_err(obstacle)?;
    let added = u64::from(growth.added_gib()) * GIB;
    growth.used_after = after(disk, added);
    growth.cost = policy.prices.of(&volume.kind, growth.added_gib());
    useful(&growth, known.rings_at, policy).map_err(obstacle)?;
    within_limits(&growth, book, facts.observed_at, policy).map_err(obstacle)?;
    lasts(disk, added, known, facts.observed_at)?;
    Ok(growth)
}

/// What is in use once so much came on top, in percent.
fn after(disk: &HostDisk, added: u64) -> u8 {
    percent(disk.used_bytes, disk.size_bytes.saturating_add(added))
}

/// The volume's cap, or why it is not grown whatever its size.
fn cap(volume: &Volume) -> Result<u32, Obstacle> {
    let id = volume.id.clone();
    let Some(found) = volume.tags.get(GROW_TO_TAG) else { return Err(Obstacle::NotAllowed) };
    if let Some(by) = &volume.managed_by {
        return Err(Obstacle::Managed { volume: id, by: by.clone() });
    }
    if volume.multi_attach || volume.attachments > 1 {
        return Err(Obstacle::MultiAttach { volume: id });
    }
    let found = found.trim();
    found.parse().map_err(|_| Obstacle::CapUnreadable { volume: id, found: found.to_owned() })
}

/// The snapshot that the volume's owner wants first, if there is to be one. Whoever wrote
/// something else than yes or no may have wanted one.
fn snapshot_first(volume: &Volume, policy: &Policy) -> Result<Option<SnapshotFirst>, Obstacle> {
    let Some(found) = volume.tags.get(SNAPSHOT_FIRST_TAG) else { return Ok(None) };
    match found.trim() {
        "no" => Ok(None),
        "yes" => {
            let cost = policy.prices.of_snapshot(volume.size_gib);
            Ok(Some(SnapshotFirst { id: None, cost }))
        }
        _ => {
            let (volume, found) = (volume.id.clone(), found.trim().to_owned());
            Err(Obstacle::SnapshotUnreadable { volume, found })
        }
    }
}

/// A volume is modified again only after its last modification is completed. The space that
/// it has brought can be used before.
fn completed(volume: &Volume, modification: Option<&Modification>) -> Result<(), Obstacle> {
    match modification.map(|last| &last.state) {
        None | Some(ModificationState::Completed | ModificationState::Failed) => Ok(()),
        Some(state) => {
            Err(Obstacle::BeingModified { volume: volume.id.clone(), state: state.to_string() })
        }
    }
}

/// The most that a volume of the type may have, in GiB (EC2 API reference, `ModifyVolume`).
/// What is of another type, such as `standard`, is not grown.
fn type_maximum(kind: &str) -> Option<u32> {
    match kind {
        "gp3" | "io2" => Some(65_536),
        "gp2" | "io1" | "st1" | "sc1" => Some(16_384),
        _ => None,
    }
}

/// The size that the volume is to have: so that its use falls to 70 %, at least 5 GiB more,
/// at most double, at most what its owner, its type and its partition table allow.
fn size(disk: &HostDisk, volume: &Volume, cap: u32) -> Result<u32, Obstacle> {
    let (from, id) = (volume.size_gib, || volume.id.clone());
    let kind = volume.kind.clone();
    let Some(maximum) = type_maximum(&kind) else {
        return Err(Obstacle::OtherType { volume: id(), kind });
    };
    if from >= cap {
        return Err(Obstacle::CapReached { volume: id(), cap_gib: cap });
    }
    if from >= maximum {
        return Err(Obstacle::TypeMaximum { volume: id(), kind, maximum_gib: maximum });
    }
    if disk.mbr && from >= MBR_MAX_GIB {
        return Err(Obstacle::MbrEnds { volume: id() });
    }
    let wanted = disk.used_bytes.saturating_mul(100) / USED_AFTER_PERCENT;
    let more = wanted.saturating_sub(disk.size_bytes).div_ceil(GIB);
    let more = u32::try_from(more).unwrap_or(u32::MAX).max(STEP_MIN_GIB);
    let to = from.saturating_add(more).min(from.saturating_mul(2)).min(cap).min(maximum);
    Ok(if disk.mbr { to.min(MBR_MAX_GIB) } else { to })
}

/// Whether the growth ends the trouble: below what the alarm rings at.
fn useful(growth: &Growth, rings_at: Option<f64>, policy: &Policy) -> Result<(), Obstacle> {
    let rings_at = rings_at.unwrap_or_else(|| f64::from(policy.floor_percent));
    if f64::from(growth.used_after) < rings_at {
        return Ok(());
    }
    let (volume, to_gib) = (growth.volume.clone(), growth.to_gib);
    Err(Obstacle::TooLittle { volume, to_gib, percent: growth.used_after })
}

/// What the ledger says of earlier growths.
fn within_limits(
    growth: &Growth,
    book: &GrowthBook,
    now: Timestamp,
    policy: &Policy,
) -> Result<(), Obstacle> {
    for (most, time, within) in OFTEN {
        let count = book.within(time, now);
        if count >= most {
            return Err(Obstacle::Often { volume: growth.volume.clone(), count, within });
        }
    }
    let (today_gib, maximum_gib) = (book.region_today_gib, policy.grow_gib_a_day);
    if today_gib.saturating_add(growth.added_gib()) > maximum_gib {
        return Err(Obstacle::RegionSpent { today_gib, maximum_gib });
    }
    Ok(())
}

/// Whether the new space lasts for a day at the speed at which the disk fills.
fn lasts(
    disk: &HostDisk,
    added: u64,
    known: &NamedVolume,
    now: Timestamp,
) -> Result<(), Availability> {
    let levels = match &known.levels {
        None => return Err(obstacle(Obstacle::NotMeasured)),
        Some(Fact::Unknown(unknown)) => return Err(InDoubt(unknown.clone())),
        Some(Fact::Known(levels)) => levels,
    };
    let percent_an_hour = rate(levels).ok_or_else(|| obstacle(Obstacle::LeakUnknown))?;
    #[expect(clippy::cast_precision_loss, reason = "sizes of disks, to be compared")]
    let (size, free) = (
        disk.size_bytes as f64,
        disk.size_bytes.saturating_add(added).saturating_sub(disk.used_bytes) as f64,
    );
    let bytes_an_hour = size / 100.0 * percent_an_hour;
    if bytes_an_hour * LASTS_MIN.as_secs_f64() / 3600.0 < free {
        return Ok(());
    }
    let seconds = free / bytes_an_hour * 3600.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "less than a day, and no more than disks hold"
    )]
    let (seconds, gib_a_day) =
        (seconds as i64, (bytes_an_hour * 24.0 / 1_073_741_824.0).round() as u64);
    let full_at = now + SignedDuration::from_secs(seconds);
    Err(obstacle(Obstacle::Leak { gib_a_day, full_at }))
}

/// How fast the level rises, in percent an hour, by its values, oldest first. The median of
/// its steps: neither a file that came at once nor a cleanup says how fast a disk fills. The
/// last hours count and the last hour alone, whichever is faster. `None` if they are less
/// than an hour.
fn rate(levels: &[Datapoint]) -> Option<f64> {
    let hour = SignedDuration::from_hours(1);
    let (first, last) = (levels.first()?, levels.last()?);
    if last.at.duration_since(first.at) < hour - BEAT * 5 {
        return None;
    }
    let since = last.at - hour;
    let lately: Vec<Datapoint> = levels.iter().filter(|it| it.at >= since).copied().collect();
    let slow = median_step(levels, SignedDuration::from_mins(15));
    let fast = median_step(&lately, SignedDuration::from_mins(5));
    [slow, fast].into_iter().flatten().reduce(f64::max)
}

/// The median of the steps between values that are so far apart, in percent an hour.
fn median_step(levels: &[Datapoint], apart: SignedDuration) -> Option<f64> {
    let mut steps = Vec::new();
    let mut before: Option<Datapoint> = None;
    for level in levels {
        let Some(last) = before else {
            before = Some(*level);
            continue;
        };
        let took = level.at.duration_since(last.at);
        if took >= apart {
            steps.push((level.value - last.value) / took.as_secs_f64() * 3600.0);
            before = Some(*level);
        }
    }
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}

/// How the question about the disk goes. Whatever becomes of it, what is due is decided
/// again then.
pub(crate) fn surveying(
    incident: &Incident,
    command_id: Option<&CommandId>,
    command: &Fact<Option<Command>>,
    now: Timestamp,
) -> Step {
    let mut incident = incident.clone();
    let Some(survey) = &mut incident.survey else {
        let reason = Reason::SurveyFailed { why: "nobody asked".to_owned() };
        return Step::Climb(incident, reason);
    };
    survey.question.command_id = command_id.cloned();
    let (asked_at, asked_again) = (survey.question.asked_at, survey.question.asked_again);
    let said = match command {
        _ if survey.question.refused.is_some() => {
            Surveyed::Nothing { why: survey.question.refused.clone().unwrap_or_default() }
        }
        Fact::Known(Some(command)) if command.ended => described(command),
        _ if now.duration_since(asked_at) >= Stage::Surveying.deadline() => {
            Surveyed::Nothing { why: late("the host gave no answer in time", command) }
        }
        Fact::Known(None)
            if command_id.is_none()
                && !asked_again
                && now.duration_since(asked_at) >= SignedDuration::from_secs(60) =>
        {
            return Step::Call(Action::Survey, incident, Reason::NeverAsked);
        }
        _ => return wait(&incident, now),
    };
    survey.said = Some(said);
    let reason = told_of_disk(&incident);
    Step::Climb(incident, reason)
}

fn described(command: &Command) -> Surveyed {
    let Command { stdout, stderr, exit_code, status, .. } = command;
    match host_report::parse(stdout, stderr, *exit_code, status) {
        Verdict::Said(said) => match said.below {
            Some(disk) => Surveyed::Disk(disk),
            None => Surveyed::Nothing { why: format!("the host says: {}", said.reason) },
        },
        Verdict::Failed(host_report::Failure::CannotStart) => Surveyed::Nothing {
            why: "the host cannot even start a script, as where its root is full to the last \
                  block; whether the root would grow at its next boot was never tried"
                .to_owned(),
        },
        Verdict::Failed(failure) => {
            Surveyed::Nothing { why: format!("the host's script {failure}") }
        }
    }
}

/// What the host said of its disk, as a reason.
pub(crate) fn told_of_disk(incident: &Incident) -> Reason {
    match incident.survey.as_ref().and_then(|survey| survey.said.as_ref()) {
        Some(Surveyed::Disk(disk)) => {
            let disk = disk.disk.as_ref().unwrap_or(&disk.device).to_string();
            Reason::DiskNamed { disk }
        }
        Some(Surveyed::Nothing { why }) => Reason::SurveyFailed { why: why.clone() },
        None => Reason::SurveyFailed { why: "nobody asked".to_owned() },
    }
}

/// AWS's clock may differ from ours by so much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(2);

/// Whether the last modification is the one that the incident intends.
fn is_ours(growth: &Growth, since: Timestamp, modification: &Modification) -> bool {
    modification.target_gib == Some(growth.to_gib)
        && modification.started_at.is_none_or(|at| at + CLOCKS_DIFFER >= since)
}

/// Whether the modification that the incident intends shows.
pub(crate) fn shows(incident: &Incident, probe: &Probe) -> bool {
    let Some((attempt, growth)) =
        incident.attempts.last().and_then(|last| Some((last, last.growth.as_ref()?)))
    else {
        return false;
    };
    match probe {
        Probe::Volume { modification: Fact::Known(Some(modification)), .. } => {
            is_ours(growth, attempt.claimed_at, modification)
        }
        _ => false,
    }
}

/// Whether the snapshot that the incident intends shows.
pub(crate) fn is_taken(probe: &Probe) -> bool {
    matches!(probe, Probe::Snapshot { snapshot: Fact::Known(Some(_)), .. })
}

/// How the snapshot before the growth goes. What is not seen is not there, so the volume does
/// not grow.
pub(crate) fn snapshotting(incident: &Incident, probe: &Probe, now: Timestamp) -> Step {
    let Some(growth) = incident.growth() else { return wait(incident, now) };
    let Probe::Snapshot { volumes, snapshot } = probe else { return wait(incident, now) };
    let mut again = incident.clone();
    let failed = |why: &str| {
        let (volume, why) = (growth.volume.clone(), why.to_owned());
        Step::Climb(incident.clone(), Reason::SnapshotFailed { volume, why })
    };
    let (volumes, snapshot) = match (volumes, snapshot) {
        (Fact::Known(volumes), Fact::Known(snapshot)) => (volumes, snapshot),
        (Fact::Unknown(unknown), _) | (_, Fact::Unknown(unknown)) if overdue(incident, now) => {
            return failed(&unknown.to_string());
        }
        _ => return wait(incident, now),
    };
    let Some(volume) = volumes.iter().find(|volume| volume.id == growth.volume) else {
        let disk = growth.volume.to_string();
        return Step::Climb(again, Reason::NotGrown(Obstacle::NotAttached { disk }));
    };
    let grows = growth.grows_volume();
    let allowed = cap(volume).is_ok_and(|cap| !grows || cap >= growth.to_gib);
    if !allowed || volume.size_gib != growth.from_gib {
        return failed("its size or its tag was changed meanwhile");
    }
    match snapshot {
        Some(taken) if taken.holds => {
            let (volume, snapshot) = (growth.volume.clone(), taken.id.clone());
            let attempt = again.attempts.last_mut();
            let first = attempt.and_then(|it| it.growth.as_mut()?.snapshot.as_mut());
            if let Some(first) = first {
                first.id = Some(snapshot.clone());
            }
            let next = if grows { Action::Grow } else { Action::Extend };
            Step::Call(next, again, Reason::SnapshotTaken { volume, snapshot })
        }
        Some(other) => failed(&format!("EC2 calls its state {}", other.state)),
        None if overdue(incident, now) => failed("nothing shows that it was taken"),
        // The call was never made, for whoever wrote the intent is dead, and what it would have
        // made shows by now.
        None if incident.in_stage_for(now) >= EFFECT_SHOWS => {
            Step::Call(Action::Snapshot, again, Reason::NeverAsked)
        }
        None => wait(incident, now),
    }
}

/// How the growth of the volume goes.
pub(crate) fn growing(incident: &Incident, probe: &Probe, now: Timestamp) -> Step {
    let Some(growth) = incident.growth() else { return wait(incident, now) };
    let Probe::Volume { volumes, modification } = probe else { return wait(incident, now) };
    let again = incident.clone();
    let failed = |why: &str| {
        let (volume, why) = (growth.volume.clone(), why.to_owned());
        Step::Climb(again.clone(), Reason::GrowthFailed { volume, why })
    };
    let volume = match volumes {
        Fact::Known(volumes) => volumes.iter().find(|volume| volume.id == growth.volume),
        Fact::Unknown(unknown) if overdue(incident, now) => return failed(&unknown.to_string()),
        Fact::Unknown(_) => return wait(incident, now),
    };
    let Some(volume) = volume else {
        let disk = growth.volume.to_string();
        let reason = Reason::NotGrown(Obstacle::NotAttached { disk });
        return Step::Climb(incident.clone(), reason);
    };
    let shown = match modification {
        Fact::Known(Some(last)) if shows(incident, probe) => Some(&last.state),
        Fact::Unknown(unknown) if overdue(incident, now) => return failed(&unknown.to_string()),
        Fact::Unknown(_) => return wait(incident, now),
        Fact::Known(_) => None,
    };
    match shown {
        Some(ModificationState::Failed) => failed("its modification failed"),
        Some(ModificationState::Optimizing | ModificationState::Completed)
            if volume.size_gib >= growth.to_gib =>
        {
            let (volume, to_gib) = (growth.volume.clone(), volume.size_gib);
            Step::Call(Action::Extend, again, Reason::VolumeGrown { volume, to_gib })
        }
        Some(state) if overdue(incident, now) => failed(&format!("its modification is {state}")),
        None if overdue(incident, now) => failed("nothing shows that it grows"),
        // The call was never made, for whoever wrote the intent is dead. It names the size
        // and no difference, so that the second one cannot grow what the first one did.
        None if incident.in_stage_for(now) >= EFFECT_SHOWS => {
            let allowed = cap(volume).is_ok_and(|cap| cap >= growth.to_gib);
            if !allowed || volume.size_gib >= growth.to_gib {
                return failed("its size or its tag was changed meanwhile");
            }
            Step::Call(Action::Grow, again, Reason::NeverAsked)
        }
        _ => wait(incident, now),
    }
}

/// How the extension of the file system goes.
pub(crate) fn extending(
    incident: &Incident,
    command_id: Option<&CommandId>,
    command: &Fact<Option<Command>>,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let mut incident = incident.clone();
    if let Some(attempt) = incident.attempts.last_mut() {
        attempt.command_id = command_id.cloned();
    }
    match command {
        Fact::Known(Some(command)) if command.ended => extended(incident, command, now, policy),
        _ if overdue(&incident, now) => {
            not_extended(incident, late("the host gave no result in time", command))
        }
        Fact::Known(None) if command_id.is_none() && incident.in_stage_for(now) >= EFFECT_SHOWS => {
            Step::Call(Action::Extend, incident, Reason::NeverAsked)
        }
        _ => wait(&incident, now),
    }
}

fn not_extended(incident: Incident, why: String) -> Step {
    Step::Climb(incident, Reason::NotExtended { why })
}

/// Where the end of the extension leads.
fn extended(mut incident: Incident, command: &Command, now: Timestamp, policy: &Policy) -> Step {
    let Command { stdout, stderr, exit_code, status, .. } = command;
    let said = match host_report::parse(stdout, stderr, *exit_code, status) {
        Verdict::Said(said) => said,
        Verdict::Failed(failure) => {
            return not_extended(incident, format!("the host's script {failure}"));
        }
    };
    match said.code {
        Code::Relieved => {}
        // Another script is at work on the host: it ends within minutes.
        Code::LockHeld if !overdue(&incident, now) => {
            return Step::Call(Action::Extend, incident, Reason::NeverAsked);
        }
        _ => return not_extended(incident, said.reason.to_string()),
    }
    incident.testimony = Some(testimony(&said, &incident.seen, now, policy));
    if let Some(attempt) = incident.attempts.last_mut() {
        attempt.changed_host = Some(true);
        attempt.said = Some(said.reason.clone());
        if let (Some(growth), Some(disk)) = (&mut attempt.growth, &said.below) {
            growth.used_after = disk.used_percent();
        }
    }
    let moved = incident.moved_to(Stage::Watching, now);
    Step::Move(moved, Reason::Extended { why: said.reason.to_string() })
}
