//! A cleanup script on a host: what it does to the host's trouble, and what it
//! says in the end.

use remedy::model::alarm::Symptom;
use remedy::observe::host_report::{MARKER, Mode};
use remedy::ports::look;
use serde_json::json;

use crate::command::Command;
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
    pub(crate) uploaded: bool,
    pub(crate) status: &'static str,
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
}

impl Ending {
    fn silent(status: &'static str, exit_code: i32) -> Self {
        Self { uploaded: false, status, exit_code: Some(exit_code), stdout: String::new() }
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

/// Runs the command's script on `host`. Gives whether it cures the trouble, and
/// what is left of the run.
pub(crate) fn run(host: &Host, command: &Command) -> (bool, Ending) {
    let Command { order, mode, id, .. } = command;
    let symptom = order.symptom;
    let trouble = host.trouble.filter(|trouble| trouble.symptom == symptom);
    let relieved = trouble.is_none_or(|trouble| trouble.cleanup_helps);
    let (status, reason, code) = match host.script {
        Script::CannotStart => return (false, Ending::silent("Failed", 1)),
        Script::RunsTooLong => return (false, Ending::silent("ExecutionTimedOut", -1)),
        Script::IsCancelled => return (false, Ending::silent("Cancelled", -1)),
        Script::Crashes => ("error", "line 210 failed", 5),
        Script::Skips => ("skipped", "another run holds the lock", 0),
        _ if *mode == Mode::Report => ("report", "looked only", 0),
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
    // Who skips or crashes has not come so far as to keep anything.
    let kept = code == 0 && status != "skipped";
    let uploaded = kept && host.reaches_bucket && order.evidence.is_some();
    let line = json!({
        "v": 1,
        "action": action,
        "status": status,
        "reason": reason,
        "mode": mode,
        "preflight": {
            "boot_id": format!("boot-{}", host.boots),
            "persons": host.persons,
            "packages_busy": host.installations > 0,
            "fstab_ok": true,
        },
        "evidence": if kept { json!({
            "file": "/var/lib/remedy/evidence/1.txt",
            "bytes": 4711,
            "sha256": "0f",
            "where": "disk",
            "uploaded": order.evidence.as_ref().map(|_| uploaded),
            "printed": *mode == Mode::Report && !uploaded,
        }) } else { json!(null) },
        "seconds": 3,
    });
    let cured = relieved && host.script == Script::Honest && *mode == Mode::Apply;
    let status = if code == 0 { "Success" } else { "Failed" };
    let stdout = format!("command {id}\n{MARKER}{line}\n");
    (cured, Ending { uploaded, status, exit_code: Some(code), stdout })
}
