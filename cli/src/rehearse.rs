//! `rehearse`: what would have been done about the alarms of the past.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use rehearsal::history::History;
use rehearsal::page::page;
use rehearsal::report::{Changed, Rehearsal, differences, rehearse};
use rehearsal::setting;
use remedy::model::policy::{Mode, Policy};
use remedy_aws::person::NotAsked;
use serde_json::{Value, json};

use crate::answer::Answer;

/// Says what would have been done about the alarms of the past
///
/// The history in a file is taken down the same road as every alarm, over a ledger in memory.
/// Nothing is asked of an account, and nothing is written to one.
#[derive(Debug, Args)]
pub(crate) struct RehearseCommand {
    /// The history
    #[arg(long, value_name = "FILE")]
    history: PathBuf,

    /// A setting to try besides, such as `budget_percent=20`
    #[arg(long, value_name = "NAME=VALUE")]
    with: Vec<String>,

    /// Where the page goes, for a browser
    #[arg(long, value_name = "FILE", default_value = "rehearsal.html")]
    report: PathBuf,
}

impl RehearseCommand {
    pub(crate) fn run(&self) -> Result<Answer, NotAsked> {
        self.rehearse().map_err(NotAsked::Unclear)
    }

    fn rehearse(&self) -> Result<Answer, String> {
        let unread =
            |why: String| format!("cannot read the history '{}': {why}", self.history.display());
        let text = fs::read_to_string(&self.history).map_err(|error| unread(error.to_string()))?;
        let history = History::read(&text).map_err(unread)?;
        let policy = Policy { mode: Mode::Act, ..Policy::default() };
        let changed: Result<Vec<Policy>, String> =
            self.with.iter().map(|one| setting::with(&policy, one)).collect();
        let as_it_is = rehearse(&history, &policy, progress);
        let tried = self.with.iter().zip(changed?).map(|(one, with)| {
            let with_it = rehearse(&history, &with, progress);
            (one.clone(), differences(&as_it_is, &with_it))
        });
        let tried: Vec<(String, Vec<Changed>)> = tried.collect();
        fs::write(&self.report, page(&as_it_is, &tried)).map_err(|error| {
            format!("cannot write the page '{}': {error}", self.report.display())
        })?;
        let text = format!("{}The page is {}\n", told(&as_it_is, &tried), self.report.display());
        let with: Vec<Value> = tried
            .iter()
            .map(|(one, changed)| json!({ "setting": one, "changed": changed }))
            .collect();
        Ok(Answer { text, json: json!({ "rehearsal": as_it_is, "with": with }), found: false })
    }
}

/// What came of it, in a few lines.
fn told(rehearsal: &Rehearsal, tried: &[(String, Vec<Changed>)]) -> String {
    let Rehearsal { transitions, lines, counts, .. } = rehearsal;
    let mut told = format!("{transitions} changes of state, {} alarms about us\n", lines.len());
    for (what, count) in counts {
        // Writing to a String cannot fail.
        let _ = writeln!(told, "{count:>6}  {what}");
    }
    for (one, changed) in tried {
        let _ = writeln!(told, "with {one}: {} alarms go otherwise", changed.len());
    }
    told
}

/// Tells whoever watches how far it has come.
fn progress(done: usize, of: usize) {
    let mut errors = io::stderr();
    if errors.is_terminal() && (done.is_multiple_of(50) || done == of) {
        let _ = write!(errors, "\r{done} of {of}");
        if done == of {
            let _ = writeln!(errors);
        }
    }
}
