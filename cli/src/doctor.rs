//! `doctor`: would Remedy hear, act and tell? Everything is read with the person's own
//! credentials, which may ask more than the deployment's role.

use std::env;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use remedy::doctor::code::Severity;
use remedy::doctor::{diagnose, told};
use remedy_aws::person::NotAsked;
use serde_json::Value;

use crate::answer::Answer;
use crate::desk::Desk;

/// How often the sign of life moves.
const TICK: Duration = Duration::from_millis(120);

/// Says what keeps Remedy from hearing, acting or telling, and the command that mends it
///
/// It reads all alarms, instances, agents and groups of the region, and changes nothing.
#[derive(Debug, Args)]
pub(crate) struct DoctorCommand {}

impl DoctorCommand {
    pub(crate) async fn run(self, desk: &Desk, now: Timestamp) -> Result<Answer, NotAsked> {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} reading {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        bar.set_message("the deployment");
        let deployed = desk.person.deployed(&desk.follow_up).await?;
        let account = desk.person.account(&deployed).await;
        let tell = |what: &str| bar.set_message(what.to_owned());
        let fleet = deployed.settings.fleet(&deployed.aws, account, now, &tell).await;
        bar.finish_and_clear();
        let diagnosis = diagnose(&fleet, &deployed.settings.policy);
        let colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        let emphasise = |severity, mark: &str| emphasise(severity, mark, colours);
        Ok(Answer {
            text: told::text(&diagnosis, &emphasise),
            json: serde_json::to_value(&diagnosis).unwrap_or(Value::Null),
            found: !diagnosis.is_well(),
        })
    }
}

/// Red, yellow and plain, on a screen that has colours.
fn emphasise(severity: Severity, mark: &str, colours: bool) -> String {
    let colour = match severity {
        Severity::Stops => "31;1",
        Severity::Limits => "33",
        Severity::Note => "2",
    };
    if colours { format!("\u{1b}[{colour}m{mark}\u{1b}[0m") } else { mark.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_colour_only_where_a_screen_has_it() {
        assert_eq!(emphasise(Severity::Stops, "STOPS", false), "STOPS");
        assert_eq!(emphasise(Severity::Stops, "STOPS", true), "\u{1b}[31;1mSTOPS\u{1b}[0m");
    }
}
