//! A cleanup script on a host: what it does to the host's trouble, and what it
//! says in the end.

use remedy::model::alarm::Symptom;
use remedy::model::ids::MountPoint;
use remedy::observe::host_report::{Code, MARKER, Mode};
use remedy::ports::look;
use remedy::ports::touch::{CleanupOrder, Relief};
use serde_json::json;

use crate::command::Command;
use crate::host::{FileSystem, Host};

/// A host with no more of its processors in use is not busy: `BusyPercent` of the
/// script, which is the same for memory that is in use (ours).
const BUSY_PERCENT: f64 = 80.0;

/// How full a disk is that nothing fills, in percent.
const AT_REST: f64 = 41.0;

/// From here on a disk is full where no alarm says when it is.
const FULL: u8 = 90;

/// How a cleanup script fares on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// It does its duty and says how the host is.
    Honest,
    /// It says that it relieved the host and did not.
    Boasts,
    /// The host cannot even start it.
    CannotStart,
    /// It stops where it should not.
    Crashes,
    /// It finds another run at work.
    Skips,
    /// The agent kills it at the document's time-out.
    RunsTooLong,
    /// Somebody cancels the command.
    IsCancelled,
    /// It ends in this way, and changes nothing.
    Says(Code),
    /// It does its duty, but no final answer comes back, and so the command is
    /// listed as not delivered (Systems Manager user guide, "Understanding
    /// command statuses": `DeliveryTimedOut`).
    Unheard,
}

/// What an ended command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) uploaded: bool,
    pub(crate) status: &'static str,
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    /// What the script said, if anybody got to read it.
    pub(crate) said: Option<Said>,
}

/// What a script said of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// In which way it ended.
    pub(crate) code: Code,
    /// Whether that speaks against a disruption: there is no trouble, or it is not the
    /// host's own, or what causes it must not be touched.
    pub(crate) objects: bool,
    /// Why nobody may disrupt the host just now, by its preflight.
    pub(crate) unfit: Option<&'static str>,
    /// Whether its next boot would end in emergency mode, by its preflight.
    pub(crate) boots: bool,
}

impl Ending {
    pub(crate) fn silent(status: &'static str, exit_code: i32) -> Self {
        let (exit_code, stdout) = (Some(exit_code), String::new());
        Self { uploaded: false, status, exit_code, stdout, said: None }
    }

    /// No agent fetched the command in time, so it never runs.
    pub(crate) fn not_delivered() -> Self {
        Self::silent("DeliveryTimedOut", -1)
    }

    /// How SSM shows the command.
    pub(crate) fn described(&self) -> look::Command {
        look::Command {
            ended: true,
            status: self.status.to_owned(),
            exit_code: self.exit_code,
            stdout: self.stdout.clone(),
            stderr: String::new(),
        }
    }
}

/// How far a script came that ends in this way, and its exit code: the table in
/// docs/host-scripts.md.
pub(crate) fn ends(code: Code) -> (&'static str, i32) {
    match code {
        Code::Relieved | Code::NotInTrouble | Code::BelowAlarm => ("ok", 0),
        Code::Calmed | Code::Insufficient => ("insufficient", 0),
        Code::Looked => ("report", 0),
        Code::OutOfTime | Code::Failed | Code::Stopped => ("failed", 0),
        Code::LockHeld => ("skipped", 0),
        Code::BadParameter => ("error", 2),
        Code::CannotWork => ("error", 3),
        Code::Crashed => ("error", 5),
        _ => ("refused", 0),
    }
}

/// What is below this is no trouble to the script.
fn enough(order: &Relief) -> f64 {
    match order {
        Relief::Disk { target_percent, .. } => f64::from(*target_percent),
        Relief::Memory { .. } | Relief::Cpu { .. } | Relief::Service { .. } => BUSY_PERCENT,
    }
}

/// Whether a script that ends in this way speaks against a disruption.
fn objects(code: Code) -> bool {
    matches!(
        code,
        Code::Relieved
            | Code::NotInTrouble
            | Code::BelowAlarm
            | Code::Calmed
            | Code::NotItsFault
            | Code::WaitsForDisk
            | Code::Shared
            | Code::Protected
            | Code::NeedsAPerson
    )
}

/// How a script ends that may only look. Those for memory and processors judge the host
/// first; the one for disks tells the level, whatever that is.
fn looks_only(symptom: Symptom, code: Code) -> Code {
    let judged = matches!(
        code,
        Code::NotInTrouble
            | Code::NotItsFault
            | Code::WaitsForDisk
            | Code::Shared
            | Code::Protected
            | Code::NeedsAPerson
            | Code::Incomplete
    );
    if symptom != Symptom::DiskFull && judged { code } else { Code::Looked }
}

/// How full the file system is that the order is about, as the script tells it: one that
/// says it is well shows so.
fn level(host: &Host, order: &CleanupOrder) -> f64 {
    let well = |code| matches!(code, Code::NotInTrouble | Code::BelowAlarm);
    match (host.script, &order.relief) {
        (Script::Says(code), _) if well(code) => AT_REST,
        (_, Relief::Disk { mount, .. }) => level_of(host, mount.as_ref().map(MountPoint::as_str)),
        _ => AT_REST,
    }
}

/// A percentage as `df` gives it: rounded up.
fn whole(percent: f64) -> u8 {
    (0..=100).find(|whole| f64::from(*whole) >= percent).unwrap_or(100)
}

/// How full the file system at `mount` is, or the fullest of those that can fill up.
fn level_of(host: &Host, mount: Option<&str>) -> f64 {
    let (which, disk) = (host.file_system.mount(), host.file_system.disk());
    let is_it = mount.map_or(disk.is_some(), |mount| mount == which || Some(mount) == disk);
    let trouble = host.trouble.filter(|trouble| trouble.symptom == Symptom::DiskFull);
    trouble.filter(|_| is_it).map_or(AT_REST, |trouble| trouble.percent)
}

/// Where the fullest of those that can fill up is mounted: the root, if none of them is full.
fn fullest(host: &Host) -> &'static str {
    host.file_system.disk().unwrap_or(FileSystem::Root.mount())
}

/// In which way an honest script ends, and whether it was a cure.
fn does_its_duty(host: &Host, command: &Command) -> (Code, bool) {
    let order = &command.order;
    if let Relief::Disk { mount, .. } = &order.relief {
        // Asked for the fullest, it looks at those that can fill up.
        match (mount, host.file_system.disk()) {
            (None, Some(_)) => {}
            (Some(mount), Some(disk)) if mount.as_str() == disk => {}
            (Some(mount), None) if mount.as_str() == host.file_system.mount() => {
                return (Code::CannotWork, false);
            }
            _ => return (Code::NotInTrouble, false),
        }
    }
    let trouble = host.trouble.filter(|trouble| trouble.symptom == order.symptom);
    match trouble.filter(|trouble| trouble.percent > enough(&order.relief)) {
        None => (Code::NotInTrouble, false),
        Some(trouble) if trouble.cleanup_helps => (Code::Relieved, true),
        Some(_) => (Code::Insufficient, false),
    }
}

/// Runs the command's script on `host`. Gives whether it cures the trouble, and
/// what is left of the run.
pub(crate) fn run(host: &Host, command: &Command) -> (bool, Ending) {
    let Command { order, mode, id, .. } = command;
    let (honest, helps) = does_its_duty(host, command);
    let cured = helps && *mode == Mode::Apply;
    let code = match host.script {
        Script::CannotStart => return (false, Ending::silent("Failed", 1)),
        Script::RunsTooLong => return (false, Ending::silent("ExecutionTimedOut", -1)),
        Script::IsCancelled => return (false, Ending::silent("Cancelled", -1)),
        Script::Unheard => return (cured, Ending::not_delivered()),
        Script::Crashes => Code::Crashed,
        Script::Skips => Code::LockHeld,
        Script::Says(code @ (Code::BadParameter | Code::CannotWork)) => code,
        Script::Says(code) if *mode == Mode::Report => looks_only(order.symptom, code),
        Script::Boasts | Script::Honest if *mode == Mode::Report => {
            looks_only(order.symptom, honest)
        }
        Script::Says(code) => code,
        Script::Boasts => Code::Relieved,
        Script::Honest => honest,
    };
    let (status, exit_code) = ends(code);
    // Who skips or stops with an error has not come so far as to keep anything.
    let kept = exit_code == 0 && code != Code::LockHeld;
    let uploaded = kept && host.reaches_bucket && order.evidence.is_some();
    let used = level(host, order);
    let mut line = json!({
        "v": 1,
        "action": action(order.symptom),
        "status": status,
        "code": code,
        "reason": reason(code),
        "mode": mode,
        "preflight": {
            "boot_id": format!("boot-{}", host.boots),
            "persons": host.persons,
            "packages_busy": host.installations > 0,
            "fstab_ok": host.fstab_ok,
        },
        "evidence": if kept { json!({
            "file": "/var/lib/remedy/evidence/1.txt",
            "bytes": 4711,
            "sha256": "0f",
            "where": "disk",
            "uploaded": order.evidence.as_ref().map(|_| uploaded),
            "printed": command.prints && !uploaded,
        }) } else { json!(null) },
        "seconds": 3,
    });
    if let (Relief::Disk { mount, target_percent, alarm_percent, .. }, Some(line)) =
        (&order.relief, line.as_object_mut())
    {
        let mount = mount.as_ref().map_or(fullest(host), MountPoint::as_str);
        line.insert("mount".to_owned(), json!(mount));
        line.insert("target_percent".to_owned(), json!(target_percent));
        line.insert("alarm_percent".to_owned(), json!(alarm_percent));
        line.insert("used_percent_before".to_owned(), json!(whole(used)));
    }
    let stdout = format!("command {id}\n{MARKER}{line}\n");
    let status = if exit_code == 0 { "Success" } else { "Failed" };
    let said = Some(Said::of(host, command, code));
    let cured = cured && host.script == Script::Honest;
    (cured, Ending { uploaded, status, exit_code: Some(exit_code), stdout, said })
}

impl Said {
    fn of(host: &Host, command: &Command, code: Code) -> Self {
        let order = &command.order;
        let alarm = match order.relief {
            Relief::Disk { alarm_percent, .. } => alarm_percent,
            Relief::Memory { .. } | Relief::Cpu { .. } | Relief::Service { .. } => None,
        };
        // Of a disk that it only looked at the script says how full it is.
        let of_a_disk = order.symptom == Symptom::DiskFull && code == Code::Looked;
        let well = of_a_disk && whole(level(host, order)) < alarm.unwrap_or(FULL);
        let unfit = match (host.persons, host.installations) {
            (0, 0) => None,
            (0, _) => Some("packages are being installed"),
            _ => Some("somebody is logged in"),
        };
        Self { code, objects: objects(code) || well, unfit, boots: host.fstab_ok }
    }
}

fn action(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::DiskFull => "disk-clean",
        Symptom::MemoryPressure => "memory-relief",
        Symptom::HighCpu => "cpu-relief",
        Symptom::ServiceDown => "service-restart",
        Symptom::Unreachable => "none",
    }
}

/// The script's words for people.
fn reason(code: Code) -> &'static str {
    match code {
        Code::Crashed => "line 210 failed",
        Code::LockHeld => "another run holds the lock",
        Code::Looked => "looked only",
        Code::Relieved => "relieved",
        Code::NotInTrouble => "nothing to relieve",
        Code::Insufficient => "did what it may",
        Code::NotItsFault => "time is stolen from this host",
        Code::Protected => "what causes it is protected",
        _ => "as the code says",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_goes_with_the_status_that_the_guide_says() {
        let guide = include_str!("../../docs/host-scripts.md");
        let rows = guide.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split("` | `");
            Some((cells.next()?, cells.next()?.split('`').next()?))
        });
        let mut found = 0;
        for (name, expected) in rows {
            let code: Code = serde_json::from_value(json!(name)).unwrap_or_default();
            if code != Code::Unknown {
                found += 1;
                assert_eq!(ends(code).0, expected, "{name}");
            }
        }
        assert!(found >= 20, "only {found} codes stand in the guide");
    }
}
