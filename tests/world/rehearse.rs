//! Rehearsals without an account: of a history that somebody has kept, or of the drill's own
//! episodes, to see how true they are.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rehearsal::history::History;
use rehearsal::page::page;
use rehearsal::report::{differences, rehearse};
use rehearsal::setting;
use remedy::model::alarm::Symptom;
use remedy::model::policy::Policy;

use crate::drill::rehearsed::{fidelity, recorded};
use crate::drive::Function;

/// For arguments that cannot be used, as for those clap refuses.
const BAD_USAGE: u8 = 2;

/// Rehearses what Remedy would have done about the alarms of the past.
///
/// With a file it rehearses the history in it. Without one it records episodes of the drill as
/// histories, rehearses them, and tells how many of the decisions are those that were taken.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Rehearse {
    /// A history that was kept
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,

    /// A setting to try besides, such as `budget_percent=20`
    #[arg(long, value_name = "NAME=VALUE")]
    with: Vec<String>,

    /// Where the page goes
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// How many episodes of the drill to record and rehearse
    #[arg(long, default_value_t = 100)]
    episodes: u64,

    /// What chance begins with
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// As if nobody had kept any fact: as an account tells of itself afterwards
    #[arg(long)]
    of_today: bool,

    /// Where the history of one episode goes, and nothing else is done
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

impl Rehearse {
    /// Rehearses.
    pub fn run(self) -> ExitCode {
        let told = match (&self.keep, &self.history) {
            (Some(file), _) => self.keep(file),
            (None, Some(file)) => self.of_file(file),
            (None, None) => Ok(self.of_the_drill()),
        };
        // Whoever closed the pipe has read enough.
        match told {
            Ok(told) => {
                let _ = io::stdout().lock().write_all(told.as_bytes());
                ExitCode::SUCCESS
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: {error}");
                ExitCode::from(BAD_USAGE)
            }
        }
    }

    fn keep(&self, file: &PathBuf) -> Result<String, String> {
        let history = recorded(self.seed, self.episodes).write()?;
        fs::write(file, history).map_err(|error| error.to_string())?;
        Ok(format!("The history is {}\n", file.display()))
    }

    fn of_file(&self, file: &PathBuf) -> Result<String, String> {
        let unread = |why: String| format!("cannot read the history '{}': {why}", file.display());
        let text = fs::read_to_string(file).map_err(|error| unread(error.to_string()))?;
        let history = History::read(&text).map_err(unread)?;
        let policy = acts();
        let as_it_is = rehearse(&history, &policy, |_, _| {});
        let mut tried = Vec::new();
        for one in &self.with {
            let with = setting::with(&policy, one)?;
            let with_it = rehearse(&history, &with, |_, _| {});
            tried.push((one.clone(), differences(&as_it_is, &with_it)));
        }
        if let Some(report) = &self.report {
            fs::write(report, page(&as_it_is, &tried)).map_err(|error| error.to_string())?;
        }
        let mut told = String::new();
        for (what, count) in &as_it_is.counts {
            // Writing to a String cannot fail.
            let _ = writeln!(told, "{count:>6}  {what}");
        }
        for (one, changed) in &tried {
            let _ = writeln!(told, "with {one}: {} alarms go otherwise", changed.len());
        }
        Ok(told)
    }

    fn of_the_drill(&self) -> String {
        let true_to = fidelity(self.seed, 0..self.episodes, self.of_today);
        let mut told = format!(
            "{} decisions of {} episodes, {} of them as they were taken: {:.3} %\n",
            true_to.decisions,
            self.episodes,
            true_to.same,
            true_to.percent(),
        );
        for (facts, count) in &true_to.explained {
            let _ = writeln!(told, "{count:>6}  for want of {facts}");
        }
        for other in &true_to.unexplained {
            let _ = writeln!(told, "unexplained: {other}");
        }
        told
    }
}

/// The settings of a deployment that acts, as the template has them.
fn acts() -> Policy {
    Function::new(Symptom::HighCpu).policy
}
