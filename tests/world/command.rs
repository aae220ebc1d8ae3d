//! An SSM command on one instance.

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::CommandId;
use remedy::observe::host_report::Mode;
use remedy::ports::look;
use remedy::ports::touch::{CleanupOrder, DiskOrder};

use crate::script::Ending;

/// From the call until the service shows the command: it is not told at once
/// what it has itself just accepted (SSM API reference, `GetCommandInvocation`:
/// `InvocationDoesNotExist`; recorded). How long that takes is ours.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// How a command stands, as SSM names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandIs {
    /// Waiting for the agent, or running.
    Pending,
    /// Carried out, and the script left with 0.
    Success,
    /// Carried out, or not even that, and it went wrong.
    Failed,
    /// Nobody answered for it in time.
    DeliveryTimedOut,
}

/// One SSM command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// What it asked for.
    pub order: CleanupOrder,
    /// What it asked for of the disk, if it is about that.
    pub disk: Option<DiskOrder>,
    /// Whether it may change anything.
    pub mode: Mode,
    /// Whether evidence that goes nowhere is printed, cut short.
    pub(crate) prints: bool,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What is left of the run.
    pub(crate) ending: Option<Ending>,
}

impl Command {
    /// How it stands.
    pub fn status(&self) -> CommandIs {
        match self.ending.as_ref().map(|ending| ending.status) {
            None => CommandIs::Pending,
            Some("Success") => CommandIs::Success,
            Some("DeliveryTimedOut") => CommandIs::DeliveryTimedOut,
            Some(_) => CommandIs::Failed,
        }
    }

    /// Whether SSM shows it at `now`.
    pub(crate) fn is_shown(&self, now: Timestamp) -> bool {
        now.duration_since(self.sent_at) >= SHOWN_AFTER
    }

    /// How SSM shows it.
    pub(crate) fn described(&self) -> look::Command {
        match &self.ending {
            Some(ending) => ending.described(),
            None => look::Command {
                ended: false,
                status: "InProgress".to_owned(),
                exit_code: None,
                stdout: String::new(),
                stderr: String::new(),
            },
        }
    }
}
