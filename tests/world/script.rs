//! A cleanup script on a host: what it does to the host's trouble, and what it
//! says in the end.

use remedy::alarm::Symptom;
use remedy::facts;
use remedy::ids::CommandId;
use remedy::result::MARKER;
use serde_json::json;

use crate::host::Host;

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
}

/// What an ended command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) status: &'static str,
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
}

impl Ending {
    fn silent(status: &'static str, exit_code: i32) -> Self {
        Self { status, exit_code: Some(exit_code), stdout: String::new() }
    }

    /// No agent fetched the command in time, so it never runs.
    pub(crate) fn not_delivered() -> Self {
        Self::silent("DeliveryTimedOut", -1)
    }

    /// How SSM shows the command.
    pub(crate) fn described(&self) -> facts::Command {
        facts::Command {
            ended: true,
            status: self.status.to_owned(),
            exit_code: self.exit_code,
            stdout: self.stdout.clone(),
            stderr: String::new(),
        }
    }
}

/// Runs the script of `symptom` on `host`. Gives whether it cures the trouble,
/// and what is left of the run.
pub(crate) fn run(host: &Host, symptom: Symptom, id: &CommandId) -> (bool, Ending) {
    let trouble = host.trouble.filter(|trouble| trouble.symptom == symptom);
    let relieved = trouble.is_none_or(|trouble| trouble.cleanup_helps);
    let (status, reason, code) = match host.script {
        Script::CannotStart => return (false, Ending::silent("Failed", 1)),
        Script::RunsTooLong => return (false, Ending::silent("ExecutionTimedOut", -1)),
        Script::IsCancelled => return (false, Ending::silent("Cancelled", -1)),
        Script::Crashes => ("error", "line 210 failed", 5),
        Script::Skips => ("skipped", "another run holds the lock", 0),
        Script::Boasts => ("ok", "relieved", 0),
        Script::Honest if trouble.is_none() => ("ok", "nothing to relieve", 0),
        Script::Honest if relieved => ("ok", "relieved", 0),
        Script::Honest => ("insufficient", "did what it may", 0),
    };
    let action = match symptom {
        Symptom::DiskFull => "disk-clean",
        Symptom::MemoryPressure => "memory-relief",
        Symptom::HighCpu => "cpu-relief",
    };
    let line = json!({
        "v": 1,
        "action": action,
        "status": status,
        "reason": reason,
        "mode": "apply",
        "preflight": {
            "boot_id": format!("boot-{}", host.boots),
            "persons": host.persons,
            "packages_busy": false,
            "fstab_ok": true,
        },
        "seconds": 3,
    });
    let cured = relieved && host.script == Script::Honest;
    let status = if code == 0 { "Success" } else { "Failed" };
    let stdout = format!("command {id}\n{MARKER}{line}\n");
    (cured, Ending { status, exit_code: Some(code), stdout })
}
