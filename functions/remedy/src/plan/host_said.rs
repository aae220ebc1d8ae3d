//! What the host's own script said, and where that leads.

use crate::model::diagnostics::{Diagnostics, Location};
use crate::model::host_text::HostText;
use crate::model::ids::{CommandId, MountPoint};
use crate::model::incident::{Incident, Rung, Stage};
use crate::model::policy::Policy;
use crate::model::preflight::Preflight;
use crate::model::reason::Reason;
use crate::model::seen::Seen;
use crate::model::testimony::{Testimony, Word};
use crate::observe::facts::Fact;
use crate::observe::host_report::{Code, Disk, Failure, HostResult, HostScript, Status, Verdict};
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::ports::look::Command;
use jiff::Timestamp;

/// Says that a command's time is over, and which call failed if nobody can say how it went.
pub(crate) fn late(what: &str, command: &Fact<Option<Command>>) -> String {
    match command {
        Fact::Unknown(unknown) => format!("{what}: {unknown}"),
        Fact::Known(_) => what.to_owned(),
    }
}

/// What the script's own words lead to.
pub(crate) fn cleaned(
    mut incident: Incident,
    verdict: Verdict,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let said = match verdict {
        Verdict::Said(said) => said,
        Verdict::Failed(failure) => {
            // A host whose script fails is not asked a second time.
            note_diagnostics(
                &mut incident,
                Location::Missing { why: format!("the host's script {failure}") },
            );
            let why = failure.to_string();
            let reason = Reason::CleanupFailed { why };
            return match failure {
                // A person is at it, or we are wrong in a way that repeats.
                Failure::Cancelled | Failure::BadParameter { .. } => {
                    end(&incident, Stage::HandedOver, now, vec![reason])
                }
                Failure::CannotStart
                | Failure::NotDelivered { .. }
                | Failure::NoAnswer
                | Failure::RanTooLong
                | Failure::CannotWork { .. }
                | Failure::Crashed { .. }
                | Failure::Unreadable { .. } => Step::Climb(incident, reason),
            };
        }
    };
    incident.preflight = preflight(&said, &incident.seen, policy);
    let command_id = incident.attempts.last().and_then(|attempt| attempt.command_id.clone());
    if let Some(kept) = kept(&incident, command_id, &said, policy) {
        note_diagnostics(&mut incident, kept);
    }
    let said_now = testimony(&said, &incident.seen, now, policy);
    note_file_system(&mut incident, &said, policy);
    incident.testimony = Some(said_now.after(incident.testimony.as_ref()));
    if let Some(attempt) = incident.attempts.last_mut() {
        attempt.changed_host = changed(&said);
        attempt.said = Some(said.reason.clone());
        attempt.still_set = still_set(&said);
    }
    after(incident, &said, now)
}

/// Where the way in which the script ended leads.
fn after(incident: Incident, said: &HostResult, now: Timestamp) -> Step {
    let why = said.reason.to_string();
    match code(said) {
        // It is relieved, or needed no relief; and what another run does is watched all
        // the same. That it stays so the metric tells.
        Code::Relieved | Code::NotInTrouble | Code::BelowAlarm | Code::Calmed | Code::LockHeld => {
            let moved = incident.moved_to(Stage::Watching, now);
            Step::Move(moved, Reason::CleanupOk { why })
        }
        // The trouble is not its own, or must not be touched: watched, and told if it lasts.
        Code::NotItsFault
        | Code::WaitsForDisk
        | Code::Shared
        | Code::Protected
        | Code::NeedsAPerson
        | Code::Incomplete
        | Code::Looked
        | Code::Unknown => {
            let moved = incident.moved_to(Stage::Watching, now);
            Step::Move(moved, Reason::HostObjects { why })
        }
        Code::Insufficient
        | Code::NotListed
        | Code::DoneAlready
        | Code::NothingToDo
        | Code::PersonPresent
        | Code::PackagesBusy => {
            let why = insufficient(said);
            Step::Climb(incident, Reason::CleanupInsufficient { why })
        }
        Code::OutOfTime
        | Code::Failed
        | Code::Stopped
        | Code::CannotWork
        | Code::BadParameter
        | Code::Crashed => {
            let why = format!("failed: {why}");
            Step::Climb(incident, Reason::CleanupFailed { why })
        }
    }
}

/// How the script ended. One that gives no code, as those of an earlier version, is read
/// by its status.
fn code(said: &HostResult) -> Code {
    if said.code != Code::Unknown {
        return said.code;
    }
    match said.status {
        Status::Ok => Code::Relieved,
        Status::Report => Code::Looked,
        Status::Insufficient => Code::Insufficient,
        Status::Refused => Code::Unknown,
        Status::Skipped => Code::LockHeld,
        Status::Failed | Status::Error => Code::Failed,
    }
}

/// What the host's words come to, as a witness.
pub(crate) fn testimony(
    said: &HostResult,
    seen: &Seen,
    now: Timestamp,
    policy: &Policy,
) -> Testimony {
    let word = match code(said) {
        Code::Relieved | Code::NotInTrouble | Code::BelowAlarm | Code::Calmed => Word::Well,
        Code::NotItsFault | Code::WaitsForDisk | Code::Shared => Word::NotItsOwn,
        Code::Protected | Code::NeedsAPerson => Word::Protected,
        Code::Looked => looked(said, seen, policy),
        Code::Incomplete | Code::LockHeld | Code::Unknown => Word::Unsure,
        // An alarm may ring at any level, or at an amount: that nothing was to be relieved may
        // mean that there was no need.
        Code::Insufficient
        | Code::NotListed
        | Code::PersonPresent
        | Code::PackagesBusy
        | Code::DoneAlready
        | Code::NothingToDo => match level(said, seen, policy) {
            Some(Word::Well) => Word::Well,
            _ => Word::InTrouble,
        },
        // What went wrong on a host that answers says nothing for it, but its numbers may.
        Code::OutOfTime
        | Code::Failed
        | Code::Stopped
        | Code::BadParameter
        | Code::CannotWork
        | Code::Crashed => match looked(said, seen, policy) {
            Word::Well => Word::Well,
            Word::InTrouble | Word::NotItsOwn | Word::Protected | Word::Unsure => Word::InTrouble,
        },
    };
    Testimony { at: now, since: None, word, why: said.reason.to_string() }
}

/// What a host saw when it looked last. The script for memory looks whether there is trouble
/// before it looks for its cause; those for disks and processors tell the level, and the one
/// for services what has failed.
fn looked(said: &HostResult, seen: &Seen, policy: &Policy) -> Word {
    if let Some(service) = &said.service {
        let well = service.down.is_empty() && service.looping.is_empty();
        return if well { Word::Well } else { Word::InTrouble };
    }
    let tells = matches!(said.action, HostScript::DiskClean | HostScript::ServiceRestart);
    let without = if tells { Word::Unsure } else { Word::InTrouble };
    level(said, seen, policy).unwrap_or(without)
}

/// What the level comes to that the host told last, if it told one: how full its disk is, or how
/// busy its processors are. A host that is above a warning and below the floor does not say
/// that it is in trouble.
fn level(said: &HostResult, seen: &Seen, policy: &Policy) -> Option<Word> {
    let floor = f64::from(policy.floor_percent);
    let (level, bad) = match (&said.disk, &said.cpu) {
        (Some(disk), _) => {
            let used = disk.used_percent_after.or(disk.used_percent_before);
            let inodes = disk.inode_percent_after.or(disk.inode_percent_before);
            let alarm = seen.threshold.and_then(|threshold| seen.level(threshold));
            (used.max(inodes)?, floor.max(alarm.unwrap_or_default()))
        }
        (None, Some(cpu)) => (cpu.busy_percent?, floor),
        (None, None) => return None,
    };
    Some(if f64::from(level) >= bad { Word::InTrouble } else { Word::Well })
}

/// Whether the script changed anything on the host, as far as its end tells.
fn changed(said: &HostResult) -> Option<bool> {
    match code(said) {
        Code::Relieved | Code::Calmed | Code::BelowAlarm | Code::Insufficient => Some(true),
        Code::NotInTrouble
        | Code::Looked
        | Code::NotItsFault
        | Code::WaitsForDisk
        | Code::Shared
        | Code::Protected
        | Code::NotListed
        | Code::NeedsAPerson
        | Code::PersonPresent
        | Code::PackagesBusy
        | Code::DoneAlready
        | Code::NothingToDo
        | Code::Incomplete
        | Code::LockHeld => Some(false),
        Code::OutOfTime
        | Code::Failed
        | Code::Stopped
        | Code::BadParameter
        | Code::CannotWork
        | Code::Crashed
        | Code::Unknown => None,
    }
}

/// Where the alarm names no file system, the one that the host found full is meant from now
/// on. What the alarm is about stays as it is: another alarm without one is the same trouble.
fn note_file_system(incident: &mut Incident, said: &HostResult, policy: &Policy) {
    let told = said.disk.as_ref().and_then(|disk| MountPoint::new(disk.mount.as_str()).ok());
    let is_full = looked(said, &incident.seen, policy) == Word::InTrouble;
    let full = is_full || changed(said) == Some(true);
    if full && incident.seen.mount.is_none() {
        incident.seen.mount = told.map(|mount| mount.as_str().to_owned());
    }
}

/// Where the evidence is that was asked for with the last attempt.
pub(crate) fn note_diagnostics(incident: &mut Incident, kept: Location) {
    let at = incident.attempts.last().map_or(incident.stage_since, |last| last.claimed_at);
    incident.evidence = Some(Diagnostics { at, kept });
}

/// What a person, or a guard, must know of the host before it is disrupted.
pub(crate) fn preflight(said: &HostResult, seen: &Seen, policy: &Policy) -> Option<Preflight> {
    let preflight = said.preflight.clone()?;
    let reboot_frees = said.disk.as_ref().and_then(|disk| reboot_frees(disk, seen, policy));
    Some(Preflight { reboot_frees, ..preflight })
}

/// What the host found goes into the incident; where its evidence is comes back.
pub(crate) fn gathered(
    incident: &mut Incident,
    verdict: Verdict,
    now: Timestamp,
    policy: &Policy,
) -> Location {
    let said = match verdict {
        Verdict::Said(said) => said,
        Verdict::Failed(failure) => {
            return Location::Missing { why: format!("the host's script {failure}") };
        }
    };
    incident.preflight = preflight(&said, &incident.seen, policy).or(incident.preflight.take());
    let said_now = testimony(&said, &incident.seen, now, policy);
    note_file_system(incident, &said, policy);
    incident.testimony = Some(said_now.after(incident.testimony.as_ref()));
    let command_id = incident.gathering.as_ref().and_then(|asked| asked.command_id.clone());
    kept(incident, command_id, &said, policy).unwrap_or_else(|| Location::Missing {
        why: format!("the host kept none: {}", said.reason),
    })
}

/// The reason that tells where the evidence is.
pub(crate) fn told_by_host(incident: &Incident) -> Reason {
    match incident.evidence.as_ref().map(|diagnostics| diagnostics.kept.clone()) {
        Some(Location::InBucket { uri } | Location::Console { uri }) => {
            Reason::EvidenceKept { uri }
        }
        Some(Location::InLog) => Reason::EvidenceKept { uri: "the log".to_owned() },
        Some(Location::InOutput { command_id }) => Reason::EvidenceInOutput { command_id },
        Some(Location::Missing { why }) => Reason::EvidenceMissing { why },
        None => Reason::EvidenceMissing { why: "nobody asked".to_owned() },
    }
}

/// Where the script's evidence is off the host, if it is.
pub(crate) fn kept(
    incident: &Incident,
    command_id: Option<CommandId>,
    said: &HostResult,
    policy: &Policy,
) -> Option<Location> {
    let evidence = said.evidence.as_ref()?;
    if evidence.uploaded == Some(true) {
        let destination = incident.destination(policy.evidence_bucket.as_ref())?;
        return Some(Location::InBucket { uri: destination.to_string() });
    }
    command_id.filter(|_| evidence.printed).map(|command_id| Location::InOutput { command_id })
}

/// Whether a reboot brings the disk below its alarm: by what the host has reckoned, which
/// it tells only if it knows all of it.
pub(crate) fn reboot_frees(disk: &Disk, seen: &Seen, policy: &Policy) -> Option<bool> {
    let after = disk.used_percent_reboot.filter(|_| disk.complete)?;
    let now = disk.used_percent_after.or(disk.used_percent_before);
    let alarm = seen.threshold.and_then(|threshold| seen.level(threshold));
    let enough = f64::from(after) < alarm.unwrap_or_else(|| f64::from(policy.floor_percent));
    Some(enough && now.is_none_or(|now| after < now))
}

/// The reason, and for a disk what fills it: what a person asks first.
pub(crate) fn insufficient(said: &HostResult) -> String {
    let mut why = said.reason.to_string();
    if let Some(disk) = &said.disk {
        why.push_str(&culprit(disk));
    }
    why
}

/// What fills the disk, in a few words: the directory that holds most, or the largest file.
fn culprit(disk: &Disk) -> String {
    let gigabytes =
        |bytes: u64| format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10);
    match (disk.dirs.first(), disk.top.first()) {
        (Some((bytes, files, path, owner)), _) => {
            let owner = if owner.is_empty() { String::new() } else { format!(", {owner}") };
            format!("; {} in {path}, {files} files{owner}", gigabytes(*bytes))
        }
        (None, Some((bytes, path))) => {
            format!("; the largest file is {path} with {} MB", bytes / 1_000_000)
        }
        (None, None) => String::new(),
    }
}

/// The boot that the host spoke from before the reboot that was tried last.
pub(crate) fn boot_before_reboot(incident: &Incident) -> Option<HostText> {
    let last = incident.attempts.last().filter(|last| last.rung == Rung::Reboot)?;
    let spoke_at = incident.evidence.as_ref()?.at;
    let preflight = incident.preflight.as_ref().filter(|_| spoke_at < last.claimed_at)?;
    preflight.boot_id.clone()
}

/// The limit that a cleanup has set on a unit, and the command that lifts it. A name that
/// systemd does not allow goes into no command.
fn still_set(said: &HostResult) -> Option<String> {
    let cpu = said.cpu.as_ref().and_then(|cpu| Some((&cpu.unit, cpu.quota_percent?)));
    let memory = said.memory.as_ref().and_then(|it| Some((&it.unit, it.memory_high_kb?)));
    let (unit, what, lifts) = match (cpu, memory) {
        (Some((unit, percent)), _) => (unit, format!("CPU quota of {percent} %"), "CPUQuota="),
        (None, Some((unit, kb))) => {
            (unit, format!("memory limit of {} MB", kb / 1024), "MemoryHigh=infinity")
        }
        (None, None) => return None,
    };
    let unit = unit.as_str();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "@:._-".contains(c);
    let named = !unit.is_empty() && unit.chars().all(is_name);
    let unit = if named { unit } else { "the busiest unit" };
    let lift = format!("; to lift it: systemctl set-property --runtime -- {unit} {lifts}");
    let lift = if named { lift } else { String::new() };
    Some(format!("the {what} of {unit} stands until the next boot{lift}"))
}
