//! What is counted over all episodes. Adding up is the same in any order, so
//! the sum does not depend on how the work was shared.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use remedy::model::incident::Stage;

use super::pages;
use crate::calls::{Verb, Well, WellBy};
use crate::ledger::Move;

/// Counts by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Episodes played.
    pub(crate) episodes: u64,
    /// Simulated seconds.
    pub(crate) seconds: u64,
    /// Changes of alarms' states that were delivered, doubles included.
    pub(crate) deliveries: u64,
    /// Invocations of any function.
    pub(crate) invocations: u64,
    /// Calls to the region.
    pub(crate) calls: u64,
    /// Notifications people got.
    pub(crate) notifications: u64,
    /// Notifications by their severity.
    pub(crate) told: Counts,
    /// What became of critical pages: how many there were, and what for.
    pub(crate) pages: Counts,
    /// Disruptions, and how many of them were of hosts that were well.
    pub(crate) disruptions: Counts,
    /// Events that Lambda gave up on.
    pub(crate) dead_letters: u64,
    /// Incidents opened.
    pub(crate) incidents: u64,
    /// Incidents by how they ended.
    pub(crate) ended: Counts,
    /// Incidents that were resolved, by the minutes that took.
    pub(crate) recovered: BTreeMap<i64, u64>,
    /// The steps that incidents took from stage to stage.
    pub(crate) moves: BTreeMap<Move, u64>,
    /// What was done to instances, by call.
    pub(crate) actions: Counts,
    /// Alarms that were held, by the first reason.
    pub(crate) refusals: Counts,
    /// What went wrong on purpose, by kind.
    pub(crate) faults: Counts,
}

/// The name of an incident's end.
pub(crate) fn outcome(stage: Stage) -> &'static str {
    match stage {
        Stage::HandedOver => "handed over to a person",
        Stage::Expired => "out of time, and handed over",
        Stage::Withdrawn => "withdrawn, nothing was done",
        _ => "resolved",
    }
}

/// What a call does, in the words of the ladder.
pub(crate) fn action(verb: Verb) -> &'static str {
    match verb {
        Verb::Clean => "cleanup",
        Verb::Gather => "question to the host",
        Verb::Survey => "question about the disk",
        Verb::Grow => "grow",
        Verb::Extend => "extension of a file system",
        Verb::Reboot => "reboot",
        Verb::Replace => "replace",
        Verb::LeaveService => "into Standby",
        _ => "back from Standby",
    }
}

/// What kind of host was disrupted, which was well by `well`, if it was.
pub(crate) fn disruption(well: Option<&Well>) -> &'static str {
    match well.map(|well| well.by) {
        None => "of a host in trouble",
        Some(WellBy::ItsWord) => "of a host that was well by its own word",
        Some(WellBy::ItsMetric) => "of a host that was well by its newest datapoint",
        Some(WellBy::NotItsDisk) => "of a host for what is no disk of its own",
        Some(WellBy::NoNews) => "of a host without news since an act",
    }
}

impl Tally {
    /// Counts an incident that took so long until it was resolved.
    pub(crate) fn recovered_after(&mut self, time: SignedDuration) {
        *self.recovered.entry(time.as_mins()).or_default() += 1;
    }

    /// Adds what another counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.episodes += other.episodes;
        self.seconds += other.seconds;
        self.deliveries += other.deliveries;
        self.invocations += other.invocations;
        self.calls += other.calls;
        self.notifications += other.notifications;
        self.dead_letters += other.dead_letters;
        self.incidents += other.incidents;
        for (mine, others) in [
            (&mut self.told, &other.told),
            (&mut self.pages, &other.pages),
            (&mut self.disruptions, &other.disruptions),
            (&mut self.ended, &other.ended),
            (&mut self.actions, &other.actions),
            (&mut self.refusals, &other.refusals),
            (&mut self.faults, &other.faults),
        ] {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
        for (step, count) in &other.moves {
            *self.moves.entry(*step).or_default() += count;
        }
        for (minutes, count) in &other.recovered {
            *self.recovered.entry(*minutes).or_default() += count;
        }
    }

    /// Within how many minutes so many percent of what was resolved was.
    pub(crate) fn percentile(&self, percent: u64) -> i64 {
        let all: u64 = self.recovered.values().sum();
        let mut left = (all * percent).div_ceil(100);
        for (minutes, count) in &self.recovered {
            left = left.saturating_sub(*count);
            if left == 0 {
                return *minutes;
            }
        }
        0
    }

    /// Critical pages, and how many there are for each thing that a person must do.
    fn pages_by_worth(&self) -> Vec<(String, String)> {
        let all: u64 = self.pages.values().sum();
        let asked = self.pages.get(pages::ASKED).copied().unwrap_or_default();
        let hundredths = (all * 100).checked_div(asked).unwrap_or_default();
        let mut rows: Vec<_> =
            self.pages.iter().map(|(name, count)| ((*name).to_owned(), grouped(*count))).collect();
        let each = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        rows.push(("for each thing a person must do".to_owned(), each));
        rows
    }

    /// The summary's chapters: a title, and rows of names and figures.
    pub(crate) fn chapters(&self) -> Vec<(&'static str, Vec<(String, String)>)> {
        let row = |name: &str, figure: u64| (name.to_owned(), grouped(figure));
        let table = |counts: &Counts| {
            let mut rows: Vec<_> = counts.iter().collect();
            rows.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
            rows.into_iter().map(|(name, count)| row(name, *count)).collect::<Vec<_>>()
        };
        let minutes = |percent| format!("{} min", self.percentile(percent));
        vec![
            (
                "Played",
                vec![
                    row("incidents", self.incidents),
                    row("episodes", self.episodes),
                    row("simulated hours", self.seconds / 3600),
                    row("alarm events delivered", self.deliveries),
                    row("invocations", self.invocations),
                    row("calls to AWS", self.calls),
                    row("notifications", self.notifications),
                    row("dead letters", self.dead_letters),
                ],
            ),
            ("Incidents by outcome", table(&self.ended)),
            (
                "Time to recover, where resolved",
                vec![("p50".to_owned(), minutes(50)), ("p99".to_owned(), minutes(99))],
            ),
            ("Steps from stage to stage", self.moves.iter().map(step).collect()),
            ("Notifications by severity", table(&self.told)),
            ("Critical pages", self.pages_by_worth()),
            ("Disruptions", table(&self.disruptions)),
            ("Actions", table(&self.actions)),
            ("Alarms held, by the first reason", table(&self.refusals)),
            ("Faults injected", table(&self.faults)),
        ]
    }
}

/// A row about one step, in the words of the ledger.
fn step(((before, next), count): (&Move, &u64)) -> (String, String) {
    let name = |stage: &Stage| match serde_json::to_value(stage) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{stage:?}"),
    };
    let before = before.as_ref().map_or("(new)".to_owned(), name);
    (format!("{before} --> {}", name(next)), grouped(*count))
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, rows) in self.chapters() {
            writeln!(f, "{title}")?;
            for (name, figure) in rows {
                writeln!(f, "  {name:<40} {figure:>15}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_least_time_that_covers_so_many() {
        let mut tally = Tally::default();
        assert_eq!(tally.percentile(50), 0);
        for minutes in 1..=100 {
            tally.recovered_after(SignedDuration::from_mins(minutes));
        }
        assert_eq!([50, 99, 100].map(|percent| tally.percentile(percent)), [50, 99, 100]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([7, 700, 7_000, 1_234_567].map(grouped), ["7", "700", "7,000", "1,234,567"]);
    }

    #[test]
    fn adding_up_is_the_same_in_any_order() {
        let one = Tally { incidents: 1, ended: [("a", 1)].into(), ..Tally::default() };
        let two = Tally { incidents: 2, ended: [("a", 1), ("b", 3)].into(), ..Tally::default() };
        let (mut there, mut back) = (one.clone(), two.clone());
        there.add(&two);
        back.add(&one);
        assert_eq!(there, back);
        assert_eq!(there.ended, [("a", 2), ("b", 3)].into());
    }
}
