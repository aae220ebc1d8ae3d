//! A storm as a command, for whoever wants to see one.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use remedy::model::alarm::Symptom::{DiskFull, MemoryPressure};

use super::{Road, Storm as Play};
use crate::host::Trouble;
use crate::quota::Quotas;

/// Follows many alarms at once to their end, in a region whose quotas count.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Storm {
    /// How many alarms ring at once
    #[arg(long, default_value_t = 500)]
    alarms: usize,

    /// Only a reboot helps
    #[arg(long)]
    reboots: bool,

    /// Each alarm invokes the function of its symptom, as its own action does
    #[arg(long)]
    actions: bool,
}

impl Storm {
    /// Runs the storm.
    pub fn run(self) -> ExitCode {
        let trouble = if self.reboots {
            Trouble::stubborn(MemoryPressure, 97.0)
        } else {
            Trouble::slight(DiskFull, 96.4)
        };
        let quotas = Quotas::default().with_pending(self.alarms);
        let road = if self.actions { Road::Action } else { Road::Queue };
        let came = Play::of(self.alarms, trouble).by(road).rage(quotas);
        // Whoever closed the pipe has read enough.
        let _ = write!(io::stdout().lock(), "{came}");
        ExitCode::SUCCESS
    }
}
