//! `rehearse`: what would have been done about the alarms of the past.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use rehearsal::account::{Account, DAYS_MAX, Wish};
use rehearsal::history::History;
use rehearsal::page::page;
use rehearsal::report::{Changed, Rehearsal, differences, rehearse};
use rehearsal::setting;
use remedy::model::policy::{Mode, Policy};
use remedy_aws::person::NotAsked;
use serde_json::{Value, json};

use crate::Reach;
use crate::answer::Answer;
use crate::desk::Desk;

/// How often the sign of life moves.
const TICK: Duration = Duration::from_millis(120);

/// Says what would have been done about the alarms of the past
///
/// What the account keeps of its alarms is read, or a file that has it, and taken down the same
/// road as every alarm, over a ledger in memory. Nothing is written to the account. Calls and cost
/// are told before they are made.
#[derive(Debug, Args)]
pub(crate) struct RehearseCommand {
    /// A history in a file; no account is asked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["days", "save", "yes"])]
    history: Option<PathBuf>,

    /// How many days of the account's history; it keeps 30
    #[arg(long, value_name = "DAYS", default_value_t = DAYS_MAX,
        value_parser = clap::value_parser!(i64).range(1..=DAYS_MAX))]
    days: i64,

    /// Where the history goes that was read, to be rehearsed again
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Read it without asking whether its calls and cost are welcome
    #[arg(long)]
    yes: bool,

    /// A setting to try besides, such as `budget_percent=20`
    #[arg(long, value_name = "NAME=VALUE")]
    with: Vec<String>,

    /// Where the page goes, for a browser
    #[arg(long, value_name = "FILE", default_value = "rehearsal.html")]
    report: PathBuf,
}

impl RehearseCommand {
    pub(crate) async fn run(self, reach: &Reach, now: Timestamp) -> Result<Answer, NotAsked> {
        // What cannot be tried is said before anything is read.
        for one in &self.with {
            setting::with(&Policy::default(), one).map_err(NotAsked::Unclear)?;
        }
        let history = match &self.history {
            Some(file) => kept(file).map_err(NotAsked::Unclear)?,
            None => self.read(&Desk::open(reach).await?, now).await?,
        };
        self.rehearse(&history).map_err(NotAsked::Unclear)
    }

    /// The account's own history, if whoever asks for it wants what that takes.
    async fn read(&self, desk: &Desk, now: Timestamp) -> Result<History, NotAsked> {
        let deployed = desk.person.deployed(&desk.follow_up).await?;
        let place = &deployed.settings.deployment;
        let wish = Wish {
            account: place.account.clone(),
            region: place.region.clone(),
            days: self.days,
            now,
        };
        let past = desk.person.past(&deployed);
        let account = Account { all: &deployed.aws, named: &deployed.aws, back: &past };
        let begun = account.begin(&wish).await?;
        self.ask(&begun.estimate.told(&wish)).map_err(NotAsked::Unclear)?;
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} reading {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        let tell = |what: &str| bar.set_message(what.to_owned());
        let read = Box::pin(account.read(&wish, begun, &tell)).await;
        bar.finish_and_clear();
        let mut history = read?;
        history.settings = setting::told(&deployed.settings.policy);
        if let Some(file) = &self.save {
            let text = history.write().map_err(NotAsked::Unclear)?;
            fs::write(file, text).map_err(|error| {
                let file = file.display();
                NotAsked::Unclear(format!("cannot write the history '{file}': {error}"))
            })?;
        }
        Ok(history)
    }

    /// Tells what reading takes, and goes on where that was wanted beforehand or is wanted now.
    fn ask(&self, told: &str) -> Result<(), String> {
        let mut errors = io::stderr();
        // Whoever closed this has read enough.
        let _ = write!(errors, "{told}");
        if self.yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && errors.is_terminal()) {
            return Err("nothing more was read: say --yes to read it".to_owned());
        }
        let _ = write!(errors, "Read it? [y/N] ");
        let _ = errors.flush();
        let mut said = String::new();
        let heard = io::stdin().lock().read_line(&mut said);
        if heard.is_ok() && is_yes(&said) {
            return Ok(());
        }
        Err("nothing more was read".to_owned())
    }

    fn rehearse(&self, history: &History) -> Result<Answer, String> {
        let policy = policy(history)?;
        let changed: Result<Vec<Policy>, String> =
            self.with.iter().map(|one| setting::with(&policy, one)).collect();
        let as_it_is = rehearse(history, &policy, progress);
        let tried = self.with.iter().zip(changed?).map(|(one, with)| {
            let with_it = rehearse(history, &with, progress);
            (one.clone(), differences(&as_it_is, &with_it))
        });
        let tried: Vec<(String, Vec<Changed>)> = tried.collect();
        fs::write(&self.report, page(&as_it_is, &tried)).map_err(|error| {
            format!("cannot write the page '{}': {error}", self.report.display())
        })?;
        let mut text =
            format!("{}The page is {}\n", told(&as_it_is, &tried), self.report.display());
        if let Some(file) = &self.save {
            let _ = writeln!(text, "The history is {}", file.display());
        }
        let with: Vec<Value> = tried
            .iter()
            .map(|(one, changed)| json!({ "setting": one, "changed": changed }))
            .collect();
        Ok(Answer { text, json: json!({ "rehearsal": as_it_is, "with": with }), found: false })
    }
}

/// The history in a file.
fn kept(file: &Path) -> Result<History, String> {
    let unread = |why: String| format!("cannot read the history '{}': {why}", file.display());
    let text = fs::read_to_string(file).map_err(|error| unread(error.to_string()))?;
    History::read(&text).map_err(unread)
}

/// The settings of the deployment that the history is of, were it to act.
fn policy(history: &History) -> Result<Policy, String> {
    let mut policy = Policy::default();
    for (name, value) in &history.settings {
        policy = setting::with(&policy, &format!("{name}={value}"))?;
    }
    Ok(Policy { mode: Mode::Act, ..policy })
}

/// Whether that is a yes. Anything else is none.
fn is_yes(said: &str) -> bool {
    matches!(said.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// What came of it, in a few lines.
fn told(rehearsal: &Rehearsal, tried: &[(String, Vec<Changed>)]) -> String {
    let Rehearsal { transitions, lines, counts, missing, .. } = rehearsal;
    let mut told = format!("{transitions} changes of state, {} alarms about us\n", lines.len());
    for (what, count) in counts {
        // Writing to a String cannot fail.
        let _ = writeln!(told, "{count:>6}  {what}");
    }
    for one in missing {
        let _ = writeln!(told, "not read: {} ({})", one.what, one.why);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_history_is_rehearsed_with_the_settings_of_its_deployment_as_if_it_acted() {
        let deployed = Policy { budget_percent: 25, mode: Mode::Observe, ..Policy::default() };
        let history = History { settings: setting::told(&deployed), ..History::default() };
        assert_eq!(policy(&history), Ok(Policy { mode: Mode::Act, ..deployed }));
        let settings = BTreeMap::from([("nonsense".to_owned(), "1".to_owned())]);
        assert!(policy(&History { settings, ..History::default() }).is_err());
    }

    #[test]
    fn only_a_yes_is_one() {
        for (said, expected) in
            [("y\n", true), ("Yes\n", true), ("\n", false), ("n\n", false), ("yess", false)]
        {
            assert_eq!(is_yes(said), expected, "{said:?}");
        }
    }
}
