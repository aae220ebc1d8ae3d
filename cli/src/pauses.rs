//! `pause`, `lift` and `pauses`: a person's word that nothing new is begun for a while.

use std::env;

use clap::Args;
use jiff::Timestamp;
use remedy::model::pause::{LASTS_MAX, Pause, Scope};
use remedy::report::quote::quote;
use remedy_aws::person::NotAsked;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, table};
use crate::desk::Desk;
use crate::incidents::age;

/// Begins nothing new for a while
///
/// What runs already is finished. A pause ends by itself.
#[derive(Debug, Args)]
pub(crate) struct PauseCommand {
    /// all, group:NAME, instance:ID, symptom:NAME or zone:NAME
    scope: Scope,

    /// How many minutes it lasts, a week at most
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=LASTS_MAX.as_mins()))]
    minutes: i64,

    /// Why, in a few words
    #[arg(long)]
    reason: String,

    /// Who asks for it [default: the name you are logged in by]
    #[arg(long)]
    owner: Option<String>,
}

/// Ends a pause before its time
#[derive(Debug, Args)]
pub(crate) struct LiftCommand {
    /// As `remedy pauses` shows it, such as group:web
    scope: Scope,
}

/// Lists what is paused
#[derive(Debug, Args)]
pub(crate) struct PausesCommand {}

impl PauseCommand {
    pub(crate) async fn run(self, desk: &Desk, now: Timestamp) -> Result<Answer, NotAsked> {
        let owner = self.owner.or_else(|| env::var("USER").ok());
        let owner = owner.ok_or_else(|| {
            NotAsked::Unclear("nobody is named: say who asks for it with --owner".to_owned())
        })?;
        let scope = self.scope.to_string();
        let wish = json!({
            "pause": scope, "minutes": self.minutes, "owner": owner, "reason": self.reason,
        });
        listed(desk, &wish, now).await
    }
}

impl LiftCommand {
    pub(crate) async fn run(self, desk: &Desk, now: Timestamp) -> Result<Answer, NotAsked> {
        listed(desk, &json!({"lift": self.scope.to_string()}), now).await
    }
}

impl PausesCommand {
    pub(crate) async fn run(self, desk: &Desk, now: Timestamp) -> Result<Answer, NotAsked> {
        listed(desk, &json!({"pauses": "list"}), now).await
    }
}

#[derive(Deserialize)]
struct Listed {
    pauses: Vec<Pause>,
}

async fn listed(desk: &Desk, wish: &Value, now: Timestamp) -> Result<Answer, NotAsked> {
    let (json, Listed { pauses }) = desk.ask(wish).await?;
    Ok(Answer { text: told(&pauses, now), json, found: false })
}

/// The pauses in force, the one that ends first at the top.
fn told(pauses: &[Pause], now: Timestamp) -> String {
    let mut pauses: Vec<&Pause> = pauses.iter().filter(|pause| pause.is_in_force(now)).collect();
    if pauses.is_empty() {
        return "Nothing is paused.\n".to_owned();
    }
    pauses.sort_by_key(|pause| pause.until);
    let row = |pause: &&Pause| {
        let until = pause.until.strftime("%Y-%m-%d %H:%M UTC");
        let left = age(pause.until.duration_since(now));
        // What people have written can hold anything.
        let scope = quote(&pause.scope.to_string());
        [scope, until.to_string(), left, quote(&pause.owner), quote(&pause.reason)]
    };
    let rows: Vec<[String; 5]> = pauses.iter().map(row).collect();
    table(["paused", "until", "left", "by", "why"], &rows)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn pause(scope: &str, minutes: i64) -> Pause {
        let since = Timestamp::UNIX_EPOCH;
        Pause {
            scope: scope.parse().unwrap(),
            reason: "a release".to_owned(),
            owner: "Anna".to_owned(),
            since,
            until: since + SignedDuration::from_mins(minutes),
            harm: false,
        }
    }

    #[test]
    fn what_has_ended_is_not_listed_and_what_ends_first_comes_first() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(10);
        let pauses = [pause("all", 610), pause("group:web", 110), pause("instance:i-0123abcd", 9)];
        assert_eq!(
            told(&pauses, now),
            "paused     until                 left        by    why\n\
             group:web  1970-01-01 01:50 UTC  1 h 40 min  Anna  a release\n\
             all        1970-01-01 10:10 UTC  10 h        Anna  a release\n"
        );
        assert_eq!(told(&pauses, pauses[0].until), "Nothing is paused.\n");
    }
}
