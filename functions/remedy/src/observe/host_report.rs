//! Reading what a host script said: one line of JSON behind a marker, or a silence that means
//! something.
//!
//! The host is not trusted. Its users choose file and process names, so every text is cut and
//! escaped on the way in ([`HostText`]) and nothing here is ever used as markup or as a command.
//! Unknown fields are ignored, so a newer script may say more. Absent: any call, any decision.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::model::host_disk::HostDisk;
use crate::model::host_text::{HostText, bounded};
use crate::model::preflight::Preflight;

/// What the result line begins with.
pub const MARKER: &str = "REMEDIATION_RESULT ";

/// The version of the line that this parser reads.
const VERSION: u64 = 1;

/// The scripts keep the line below 2,000 bytes; anything much longer is not theirs.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// How a finished command is to be taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The script did its duty; its status says how it ended.
    Said(Box<HostResult>),
    /// The script did not do its duty, or never ran.
    Failed(Failure),
}

/// Why there is no result to go by. The texts are lower case and complete `the host script ...`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host cannot even start a script: full disk, no inodes, read-only root or no inotify
    /// watches left. Sending it again will not help.
    #[error("could not even start: the disk may be full or read-only")]
    CannotStart,
    /// Systems Manager could not hand the command to the agent.
    #[error("was not delivered: {why}")]
    NotDelivered {
        /// Systems Manager's own status detail.
        why: HostText,
    },
    /// No answer came, although Systems Manager waited for as long as the script could run. It
    /// says "Delivery Timed Out" whether the agent never took the command or never told how it
    /// ended (Systems Manager user guide, "Understanding command statuses").
    #[error("gave no answer in time; it may have run")]
    NoAnswer,
    /// Somebody cancelled the command.
    #[error("was cancelled")]
    Cancelled,
    /// The agent killed the script at the document's time-out.
    #[error("ran too long and was killed")]
    RanTooLong,
    /// The script refused a parameter: our mistake, and the same again the next time.
    #[error("refused a parameter: {reason}")]
    BadParameter {
        /// The script's words.
        reason: HostText,
    },
    /// The script ran, but the host gives it no ground to work on, such as a read-only disk.
    #[error("cannot work on this host: {reason}")]
    CannotWork {
        /// The script's words.
        reason: HostText,
    },
    /// The script stopped where it should not.
    #[error("crashed: {reason}")]
    Crashed {
        /// The script's words.
        reason: HostText,
    },
    /// Something answered, but not with a result line that can be read.
    #[error("gave no result that can be read: {excerpt}")]
    Unreadable {
        /// The beginning of what was said.
        excerpt: HostText,
    },
}

/// The result line of a host script.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct HostResult {
    /// Which script spoke.
    pub action: HostScript,
    /// How it ended.
    pub status: Status,
    /// Which of the known ways that was: what a decision goes by.
    #[serde(default)]
    pub code: Code,
    /// Why, in the script's words.
    pub reason: HostText,
    /// What it was asked to do; absent if it could not tell.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What somebody must know before a restart; absent if the script ended before it looked.
    #[serde(default)]
    pub preflight: Option<Preflight>,
    /// Where the evidence lies; absent if none could be kept.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// Short codes such as `credentials_conflict:/root/.aws/credentials`.
    #[serde(default, deserialize_with = "bounded")]
    pub warnings: Vec<HostText>,
    /// How long the script took, in seconds.
    #[serde(default)]
    pub seconds: u64,
    /// What was found about a file system, if the action is [`HostScript::DiskClean`].
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// What was found about memory, if the action is [`HostScript::MemoryRelief`].
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// What was found about processors, if the action is [`HostScript::CpuRelief`].
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// What was found about services, if the action is [`HostScript::ServiceRestart`].
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// What was found about the disk below a file system, if the action is
    /// [`HostScript::DiskGrow`].
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub below: Option<HostDisk>,
}

/// The scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostScript {
    /// Frees space on one file system.
    DiskClean,
    /// Restarts the listed unit that holds the memory.
    MemoryRelief,
    /// Calms the process that is busy all the time.
    CpuRelief,
    /// Starts the listed units that have failed.
    ServiceRestart,
    /// Extends one file system to what its disk has.
    DiskGrow,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The host is relieved, or did not need it.
    Ok,
    /// Mode report: looked, changed nothing.
    Report,
    /// Did what it may, and that was not enough.
    Insufficient,
    /// Did not act, for the reason it gives.
    Refused,
    /// Another run holds the lock.
    Skipped,
    /// Tried, and it did not work or took too long.
    Failed,
    /// Did not do its duty; seen as a [`Failure`].
    Error,
}

/// Each way in which a script can end, as the table in docs/host-scripts.md explains it.
///
/// "There is nothing to do here" is never the same as "tried, and it did not help".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Something was done, and the trouble is over.
    Relieved,
    /// There is no trouble to relieve.
    NotInTrouble,
    /// The target was missed, but the level is below the alarm.
    BelowAlarm,
    /// What uses the processors still does, but nobody else waits for it any more.
    Calmed,
    /// Mode report: looked, changed nothing.
    Looked,
    /// Did what it may, and the trouble is still there.
    Insufficient,
    /// The hypervisor gives the processors to others.
    NotItsFault,
    /// The processors wait for disks.
    WaitsForDisk,
    /// The trouble is everybody's: no unit stands out.
    Shared,
    /// What causes the trouble must not be touched by a script, such as a database.
    Protected,
    /// What causes the trouble is on no list of the owner's.
    NotListed,
    /// What causes the trouble is no unit's, so only a person can end it.
    NeedsAPerson,
    /// A person is logged in, or nobody can say.
    PersonPresent,
    /// Packages are being installed.
    PackagesBusy,
    /// The same was done a short while ago, and the trouble is back.
    DoneAlready,
    /// It could not find out what it must know before it may act.
    Incomplete,
    /// There is nothing here that it may do, so nothing was tried.
    NothingToDo,
    /// Its deadline came first.
    OutOfTime,
    /// Another run is at work on this host.
    LockHeld,
    /// What it did went wrong.
    Failed,
    /// A signal ended it.
    Stopped,
    /// A parameter is not acceptable.
    BadParameter,
    /// The host gives it no ground to work on.
    CannotWork,
    /// It stopped where it should not.
    Crashed,
    /// A way that this reader does not know, or none was given: a refusal that leads to nothing.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What a script is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Look only.
    Report,
    /// Look, relieve, look again.
    Apply,
}

/// Evidence kept on the host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Evidence {
    /// Its path on the host.
    pub file: HostText,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: HostText,
    /// Whether it survives a reboot.
    #[serde(rename = "where")]
    pub kept: Medium,
    /// Whether the upload worked; `None` if none was asked for.
    #[serde(default)]
    pub uploaded: Option<bool>,
    /// Whether it follows the result line in the output, cut short.
    #[serde(default)]
    pub printed: bool,
}

/// Where evidence lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// On disk: survives a reboot.
    Disk,
    /// In memory, since the disk had no room: a reboot loses it.
    Run,
}

/// One file system. Percentages are those of `df`, rounded up; sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Disk {
    /// The mount point that was looked at.
    pub mount: HostText,
    /// Whether it is mounted read-only.
    #[serde(default)]
    pub read_only: bool,
    /// Cleaning stops at this percentage of bytes and of inodes.
    #[serde(default)]
    pub target_percent: Option<u8>,
    /// Where the alarm rings; `None` if nobody said.
    #[serde(default)]
    pub alarm_percent: Option<u8>,
    /// Bytes in use at the first look.
    #[serde(default)]
    pub used_percent_before: Option<u8>,
    /// Bytes in use at the last look.
    #[serde(default)]
    pub used_percent_after: Option<u8>,
    /// Inodes in use at the first look; 0 where they are not limited.
    #[serde(default)]
    pub inode_percent_before: Option<u8>,
    /// Inodes in use at the last look; 0 where they are not limited.
    #[serde(default)]
    pub inode_percent_after: Option<u8>,
    /// Difference of free space; negative when others wrote more than was freed.
    #[serde(default)]
    pub bytes_freed: i64,
    /// Mode report: what the steps could free.
    #[serde(default)]
    pub reclaimable_bytes: u64,
    /// Mode apply: files deleted.
    #[serde(default)]
    pub files_removed: u64,
    /// By step: files and bytes, freed or to be freed.
    #[serde(default)]
    pub steps: BTreeMap<HostText, (u64, i64)>,
    /// The owner's own services for relief that were found; those that ran are steps too.
    #[serde(default, deserialize_with = "bounded")]
    pub owner_units: Vec<HostText>,
    /// Whether all of the file system was looked at. If not, what follows is the least there is.
    #[serde(default)]
    pub complete: bool,
    /// What holds most: bytes, files, directory, and whose it is: a unit, `user:NAME`,
    /// `hidden-by-a-mount`, or nothing if nobody can tell.
    #[serde(default, deserialize_with = "bounded")]
    pub dirs: Vec<(u64, u64, HostText, HostText)>,
    /// Bytes that lie below mount points, where nobody sees them.
    #[serde(default)]
    pub hidden_bytes: u64,
    /// Bytes in directories that the next boot empties.
    #[serde(default)]
    pub boot_bytes: u64,
    /// What would be in use after a reboot; `None` unless all that it depends on is known.
    #[serde(default)]
    pub used_percent_reboot: Option<u8>,
    /// Space that comes back when processes close files which are already deleted.
    #[serde(default)]
    pub deleted_open_bytes: u64,
    /// The largest of those: bytes, then unit and path.
    #[serde(default, deserialize_with = "bounded")]
    pub deleted_open: Vec<(u64, HostText)>,
    /// The largest files: bytes and path.
    #[serde(default, deserialize_with = "bounded")]
    pub top: Vec<(u64, HostText)>,
}

/// Memory. Sizes are KiB of anonymous and shared memory, in memory or in swap, which cannot simply
/// be dropped.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Memory {
    /// All memory.
    #[serde(default)]
    pub total_kb: u64,
    /// Available at the first look.
    #[serde(default)]
    pub available_percent_before: Option<u8>,
    /// Available at the last look.
    #[serde(default)]
    pub available_percent_after: Option<u8>,
    /// Percentage of ten seconds in which something waited for memory; `None` if not counted.
    #[serde(default)]
    pub psi_some10: Option<f64>,
    /// The same of sixty seconds.
    #[serde(default)]
    pub psi_some60: Option<f64>,
    /// Percentage of ten seconds in which everything waited for memory; `None` if not counted.
    #[serde(default)]
    pub psi_full10: Option<f64>,
    /// Percentage of the few seconds before the last look in which something waited for memory.
    #[serde(default)]
    pub psi_now: Option<u64>,
    /// Processes the kernel killed for memory since boot.
    #[serde(default)]
    pub oom_kills: Option<u64>,
    /// Those of them since the last look, if that was within 15 minutes.
    #[serde(default)]
    pub oom_kills_new: Option<i64>,
    /// All swap.
    #[serde(default)]
    pub swap_total_kb: Option<u64>,
    /// Unused swap.
    #[serde(default)]
    pub swap_free_kb: Option<u64>,
    /// Shared memory and files in memory.
    #[serde(default)]
    pub shmem_kb: Option<u64>,
    /// The kernel's own objects.
    #[serde(default)]
    pub slab_kb: Option<u64>,
    /// Reserved as huge pages, used or not.
    #[serde(default)]
    pub huge_kb: u64,
    /// What holds most.
    #[serde(default)]
    pub culprit: Option<Culprit>,
    /// The unit that was treated or looked at for treatment; empty if none.
    #[serde(default)]
    pub unit: HostText,
    /// What it held at the first look.
    #[serde(default)]
    pub unit_kb_before: Option<u64>,
    /// What it held at the last look.
    #[serde(default)]
    pub unit_kb_after: Option<u64>,
    /// The owner's own services for relief that were found.
    #[serde(default, deserialize_with = "bounded")]
    pub owner_units: Vec<HostText>,
    /// What was done: `owner:NAME`, `reclaim`, `memory-high`, `restart`.
    #[serde(default, deserialize_with = "bounded")]
    pub acted: Vec<HostText>,
    /// The `MemoryHigh=` set on the unit; lasts until a reboot.
    #[serde(default)]
    pub memory_high_kb: Option<u64>,
    /// Whether it was restarted and stayed up.
    #[serde(default)]
    pub restarted: bool,
    /// The units that hold most: KiB and name.
    #[serde(default, deserialize_with = "bounded")]
    pub top_kb: Vec<(u64, HostText)>,
    /// The units that wait most for memory: percentage of ten seconds and name.
    #[serde(default, deserialize_with = "bounded")]
    pub waiting: Vec<(u64, HostText)>,
}

/// What holds most of the memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Culprit {
    /// `unit`, `tmpfs`, `huge-pages`, `kernel`; empty if nothing could be found out.
    #[serde(default)]
    pub kind: HostText,
    /// The unit, or where the files in memory are mounted.
    #[serde(default)]
    pub name: HostText,
    /// What it holds, in memory or in swap.
    #[serde(default)]
    pub kb: u64,
    /// How much of that is in swap.
    #[serde(default)]
    pub swap_kb: u64,
    /// A unit's largest process.
    #[serde(default)]
    pub process: HostText,
    /// Its number.
    #[serde(default)]
    pub pid: Option<u64>,
    /// Processes of the unit that the kernel killed for memory; `None` if not counted.
    #[serde(default)]
    pub oom_kills: Option<u64>,
    /// What came on top since the look before; `None` if there was none.
    #[serde(default)]
    pub grown_kb: Option<i64>,
    /// How long ago that was.
    #[serde(default)]
    pub grown_seconds: Option<u64>,
}

/// Processors. Shares of units are percent of one core.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Cpu {
    /// Cores of the host.
    #[serde(default)]
    pub cores: u64,
    /// Load average of one minute.
    #[serde(default)]
    pub load1: Option<f64>,
    /// How much of all cores was in use.
    #[serde(default)]
    pub busy_percent: Option<u8>,
    /// How much of all cores' time the hypervisor gave to others.
    #[serde(default)]
    pub steal_percent: Option<u8>,
    /// How much of all cores' time passed with waiting for disks.
    #[serde(default)]
    pub iowait_percent: Option<u8>,
    /// Percentage of ten seconds in which something waited for a core; `None` if not counted.
    #[serde(default)]
    pub psi_some10: Option<f64>,
    /// How much of the time the unit that waits most, besides the busiest, waits for a core.
    #[serde(default)]
    pub others_wait_percent: Option<i64>,
    /// Whether the instance type lives on processor credits.
    #[serde(default)]
    pub burstable: bool,
    /// The busiest unit; empty if there is none.
    #[serde(default)]
    pub unit: HostText,
    /// Its busiest process.
    #[serde(default)]
    pub pid: Option<u64>,
    /// The unit's share before.
    #[serde(default)]
    pub cpu_before: Option<u64>,
    /// The unit's share after.
    #[serde(default)]
    pub cpu_after: Option<u64>,
    /// Its priority before it was lowered; to undo with `renice`.
    #[serde(default)]
    pub old_nice: Option<i8>,
    /// The quota set on its unit, in percent of one core; lasts until a reboot.
    #[serde(default)]
    pub quota_percent: Option<u64>,
    /// The owner's own services for relief that were found.
    #[serde(default, deserialize_with = "bounded")]
    pub owner_units: Vec<HostText>,
    /// What was done: `owner:NAME`, `renice`, `quota`, `restart`.
    #[serde(default, deserialize_with = "bounded")]
    pub acted: Vec<HostText>,
    /// What of it was taken back, since it did not help.
    #[serde(default, deserialize_with = "bounded")]
    pub undone: Vec<HostText>,
    /// The busiest units.
    #[serde(default, deserialize_with = "bounded")]
    pub top: Vec<Busy>,
}

/// A busy unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Busy {
    /// The number of its busiest process; 0 if none lives longer than a sample.
    pub pid: u64,
    /// That one's name, which its owner chose.
    pub comm: HostText,
    /// The systemd unit; `kernel` for the kernel's own threads, `other` for what is in no unit.
    pub unit: HostText,
    /// Its share of one core in percent, in the newest sample.
    pub cpu: u64,
    /// How many processes it has.
    #[serde(default)]
    pub processes: u64,
    /// Whether it was above the limit in every sample.
    pub sustained: bool,
}

/// The units on the owner's list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Service {
    /// How many are on the list.
    #[serde(default)]
    pub listed: u64,
    /// How many of them run.
    #[serde(default)]
    pub running: u64,
    /// Those that have failed.
    #[serde(default, deserialize_with = "bounded")]
    pub down: Vec<HostText>,
    /// Those that are meant to run, and that somebody stopped or that ended by themselves.
    #[serde(default, deserialize_with = "bounded")]
    pub stopped: Vec<HostText>,
    /// Those that systemd itself restarts again and again.
    #[serde(default, deserialize_with = "bounded")]
    pub looping: Vec<HostText>,
    /// The unit that was treated or looked at for treatment; empty if none.
    #[serde(default)]
    pub unit: HostText,
    /// How it ended, in systemd's words, such as `exit-code` or `oom-kill`.
    #[serde(default)]
    pub result: HostText,
    /// Its new main process, if it was started and stayed up.
    #[serde(default)]
    pub pid_after: Option<u64>,
    /// How often systemd itself had restarted it; `None` where systemd does not count.
    #[serde(default)]
    pub systemd_restarts: Option<u64>,
    /// Those that were started and stayed up.
    #[serde(default, deserialize_with = "bounded")]
    pub restarted: Vec<HostText>,
}

/// Reads the outcome of a finished command.
///
/// `exit_code` is the response code, if there is one; `status_details` is Systems Manager's, with
/// or without blanks. A result line is believed before anything else. Without one, what is known
/// about the ways a command dies decides.
pub fn parse(stdout: &str, stderr: &str, exit_code: Option<i32>, status_details: &str) -> Verdict {
    let Some(line) = stdout.lines().find_map(|line| line.strip_prefix(MARKER)) else {
        return Verdict::Failed(classify_silence(stdout, stderr, exit_code, status_details));
    };
    let Some(result) = read_line(line) else {
        return Verdict::Failed(Failure::Unreadable { excerpt: HostText::new(line) });
    };
    match (exit_code, result.status) {
        (Some(2), _) => Verdict::Failed(Failure::BadParameter { reason: result.reason }),
        (Some(3), _) => Verdict::Failed(Failure::CannotWork { reason: result.reason }),
        (_, Status::Error) => Verdict::Failed(Failure::Crashed { reason: result.reason }),
        _ => Verdict::Said(Box::new(result)),
    }
}

/// What a script found out before a restart, also if it failed after that.
pub fn preflight(stdout: &str) -> Option<Preflight> {
    let line = stdout.lines().find_map(|line| line.strip_prefix(MARKER))?;
    read_line(line)?.preflight
}

fn read_line(line: &str) -> Option<HostResult> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    if value.get("v").and_then(serde_json::Value::as_u64) != Some(VERSION) {
        return None;
    }
    let mut result = HostResult::deserialize(&value).ok()?;
    match result.action {
        HostScript::DiskClean => result.disk = Disk::deserialize(&value).ok(),
        HostScript::MemoryRelief => result.memory = Memory::deserialize(&value).ok(),
        HostScript::CpuRelief => result.cpu = Cpu::deserialize(&value).ok(),
        HostScript::ServiceRestart => result.service = Service::deserialize(&value).ok(),
        HostScript::DiskGrow => {
            let below = HostDisk::deserialize(&value).ok();
            result.below = below.map(|disk| HostDisk { why: result.reason.clone(), ..disk });
        }
    }
    Some(result)
}

fn classify_silence(
    stdout: &str,
    stderr: &str,
    exit_code: Option<i32>,
    status_details: &str,
) -> Failure {
    // The agent starts a script by writing it to disk. Where it cannot, it fails without a word, or
    // with one of these.
    const CANNOT_START: [&str; 4] =
        ["no space left on device", "read-only file system", "too many open files", "inotify"];
    let details: String = status_details
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    match details.as_str() {
        "deliverytimedout" => return Failure::NoAnswer,
        "undeliverable" | "accessdenied" | "invalidplatform" | "terminated" => {
            return Failure::NotDelivered { why: HostText::new(status_details) };
        }
        "cancelled" | "canceled" => return Failure::Cancelled,
        "executiontimedout" | "timedout" => return Failure::RanTooLong,
        _ => {}
    }
    if exit_code == Some(137) {
        return Failure::RanTooLong;
    }
    let said = format!("{} {}", stderr.trim(), stdout.trim());
    let said = said.trim();
    let lower = said.to_ascii_lowercase();
    let no_plugin = lower.contains("plugin with name") && lower.contains("not found");
    let silent = said.is_empty() && exit_code != Some(0);
    if silent || no_plugin || CANNOT_START.iter().any(|words| lower.contains(words)) {
        return Failure::CannotStart;
    }
    Failure::Unreadable { excerpt: HostText::new(said) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::host_text::LIST_ITEMS_MAX;

    const DISK: &str = r#"REMEDIATION_RESULT {"v":1,"action":"disk-clean","status":"insufficient",
"reason":"91 % of bytes","mode":"apply","mount":"/","used_percent_before":98,
"used_percent_after":91,"bytes_freed":-4096,"steps":{"tmp":[3,12288]},
"dirs":[[3100000000,400000,"/var/lib/php/sessions","php-fpm.service"]],"complete":true,
"top":[[9000,"/srv/a"]],"preflight":{"boot_id":"b","persons":null,"packages_busy":false},
"evidence":{"file":"/run/remedy/e","bytes":3,"sha256":"ab","where":"run","uploaded":null},
"warnings":["journal:timed_out"],"seconds":2,"unheard_of":{}}"#;

    fn said(line: &str) -> HostResult {
        match parse(&line.replace('\n', ""), "", Some(0), "Success") {
            Verdict::Said(result) => *result,
            Verdict::Failed(failure) => panic!("{failure}"),
        }
    }

    fn failed(stdout: &str, stderr: &str, code: Option<i32>, details: &str) -> Failure {
        match parse(stdout, stderr, code, details) {
            Verdict::Failed(failure) => failure,
            Verdict::Said(result) => panic!("{result:?}"),
        }
    }

    #[test]
    fn a_line_becomes_a_typed_result() {
        let result = said(DISK);
        assert_eq!(result.status, Status::Insufficient);
        let preflight = result.preflight.expect("a preflight");
        assert_eq!((preflight.persons, preflight.packages_busy), (None, Some(false)));
        assert_eq!(preflight.fstab_ok, None, "what was not said is not known");
        assert_eq!(result.evidence.expect("evidence").kept, Medium::Run);
        let disk = result.disk.expect("a disk");
        assert_eq!(disk.bytes_freed, -4096);
        let (bytes, files, path, owner) = disk.dirs.first().expect("a directory");
        assert_eq!((*bytes, *files), (3_100_000_000, 400_000));
        assert_eq!((path.as_str(), owner.as_str()), ("/var/lib/php/sessions", "php-fpm.service"));
        assert!(disk.complete);
        assert_eq!(disk.used_percent_reboot, None, "what was not said is not known");
        assert_eq!(disk.steps.get(&HostText::new("tmp")), Some(&(3, 12288)));
        assert_eq!(result.memory, None);
    }

    #[test]
    fn a_line_about_services_becomes_typed_too() {
        let line = r#"REMEDIATION_RESULT {"v":1,"action":"service-restart","status":"ok",
"code":"relieved","reason":"web.service runs again","mode":"apply","listed":2,"running":2,
"down":[],"stopped":[],"looping":[],"unit":"web.service","result":"signal","pid_before":null,
"pid_after":4711,"systemd_restarts":0,"restarted":["web.service"],"seconds":17}"#;
        let service = said(line).service.expect("services");
        assert_eq!((service.listed, service.running), (2, 2));
        assert_eq!(service.pid_after, Some(4711));
        assert_eq!(service.restarted, [HostText::new("web.service")]);
        assert_eq!(service.result.as_str(), "signal");
    }

    #[test]
    fn a_code_is_one_of_the_known_ones_or_unknown() {
        assert_eq!(said(DISK).code, Code::Unknown, "an older script gives none");
        for (code, expected) in
            [("not-in-trouble", Code::NotInTrouble), ("set-on-fire", Code::Unknown)]
        {
            let line = DISK.replace("\"reason\"", &format!("\"code\":\"{code}\",\"reason\""));
            assert_eq!(said(&line).code, expected);
        }
    }

    #[test]
    fn the_marker_counts_at_a_line_start_only() {
        let noise = format!("a login banner\n{}\nafterwards", DISK.replace('\n', ""));
        assert!(matches!(parse(&noise, "", Some(0), "Success"), Verdict::Said(_)));
        let inside = format!("said: {}", DISK.replace('\n', ""));
        assert!(matches!(failed(&inside, "", Some(0), "Success"), Failure::Unreadable { .. }));
    }

    #[test]
    fn hostile_text_is_escaped() {
        let hostile = DISK.replace("/srv/a", "/srv/\\u001b[31m\\u202e<b>");
        let top = said(&hostile).disk.expect("a disk").top;
        assert_eq!(
            top.first().map(|(_, path)| path.as_str()),
            Some("/srv/\\u{1b}[31m\\u{202e}<b>")
        );
    }

    #[test]
    fn lists_are_bounded() {
        let many = (0..500).map(|n| format!("\"w{n}\"")).collect::<Vec<_>>().join(",");
        let line = DISK.replace("\"journal:timed_out\"", &many);
        assert_eq!(said(&line).warnings.len(), LIST_ITEMS_MAX);
    }

    #[test]
    fn exit_codes_say_whose_fault_it_is() {
        let line = DISK.replace('\n', "").replace("insufficient", "error");
        assert!(matches!(failed(&line, "", Some(2), "Failed"), Failure::BadParameter { .. }));
        assert!(matches!(failed(&line, "", Some(3), "Failed"), Failure::CannotWork { .. }));
        assert!(matches!(failed(&line, "", Some(5), "Failed"), Failure::Crashed { .. }));
    }

    #[test]
    fn silence_is_classified() {
        for (stdout, stderr, code, details, expected) in [
            ("", "", Some(1), "Failed", Failure::CannotStart),
            ("", "\n", Some(-1), "Failed", Failure::CannotStart),
            (
                "",
                "Plugin with name aws:runShellScript not found. Step name: x",
                Some(1),
                "Failed",
                Failure::CannotStart,
            ),
            ("", "write: no space left on device", Some(1), "Failed", Failure::CannotStart),
            ("", "", Some(137), "Failed", Failure::RanTooLong),
            ("", "", Some(-1), "Execution Timed Out", Failure::RanTooLong),
            ("", "", Some(-1), "Delivery Timed Out", Failure::NoAnswer),
            (
                "",
                "",
                Some(-1),
                "Undeliverable",
                Failure::NotDelivered { why: HostText::new("Undeliverable") },
            ),
            ("", "", Some(-1), "Cancelled", Failure::Cancelled),
            (
                "",
                "bash: not found",
                Some(127),
                "Failed",
                Failure::Unreadable { excerpt: HostText::new("bash: not found") },
            ),
            ("", "", Some(0), "Success", Failure::Unreadable { excerpt: HostText::new("") }),
        ] {
            assert_eq!(failed(stdout, stderr, code, details), expected, "{stderr} {code:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_ours_is_unreadable() {
        for line in [
            "REMEDIATION_RESULT ",
            "REMEDIATION_RESULT {",
            "REMEDIATION_RESULT []",
            "REMEDIATION_RESULT {\"v\":2}",
            "REMEDIATION_RESULT {\"v\":1,\"action\":\"rm\",\"status\":\"ok\",\"reason\":\"\"}",
        ] {
            assert!(
                matches!(failed(line, "", Some(0), "Success"), Failure::Unreadable { .. }),
                "{line}"
            );
        }
    }
}
