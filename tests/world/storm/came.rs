//! What came of a storm.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use remedy::model::incident::Stage;

use crate::calls::{Effect, Verb};
use crate::drill::tally;
use crate::quota::{Fullest, Quotas, Units};

/// What came of a storm.
#[derive(Clone, Debug)]
pub struct Came {
    /// The alarms.
    pub alarms: usize,
    /// When they rang.
    rang: Timestamp,
    /// The incidents, by how they ended.
    pub ends: BTreeMap<Stage, usize>,
    /// Events that Lambda gave up on.
    pub lost: usize,
    /// From the alarms to the first act and to the last.
    pub acts: Option<(SignedDuration, SignedDuration)>,
    /// When reboots were asked for, in their order.
    pub reboots: Vec<Timestamp>,
    /// From the alarms to the last end.
    pub took: SignedDuration,
    /// From the alarms to the delivery of the last mail.
    pub told: SignedDuration,
    /// For how long the intake ran in all, and the other functions.
    pub ran: (SignedDuration, SignedDuration),
    /// Functions that ran at once, at most.
    pub at_once: usize,
    /// Calls of all kinds, by kind.
    pub calls: BTreeMap<Verb, usize>,
    /// Tries of calls that AWS turned away.
    pub turned_away: usize,
    /// What the ledger was charged.
    pub units: Units,
    /// The bucket that was used most, by everybody and by the heartbeat.
    pub fullest: (Fullest, Fullest),
}

impl Came {
    pub(super) fn new(alarms: usize, begins: Timestamp) -> Self {
        Self {
            alarms,
            rang: begins,
            ends: BTreeMap::new(),
            lost: 0,
            acts: None,
            reboots: Vec::new(),
            took: SignedDuration::ZERO,
            told: SignedDuration::ZERO,
            ran: (SignedDuration::ZERO, SignedDuration::ZERO),
            at_once: 0,
            calls: BTreeMap::new(),
            turned_away: 0,
            units: Units::default(),
            fullest: (Fullest::default(), Fullest::default()),
        }
    }

    /// Alarms rang. A storm begins when most do.
    pub(super) fn began(&mut self, now: Timestamp, events: usize) {
        if self.acts.is_none() && events > self.alarms / 2 {
            self.rang = now;
        }
    }

    pub(super) fn note(&mut self, effects: &[Effect]) {
        for effect in effects.iter().filter(|effect| effect.done) {
            let after = effect.at.duration_since(self.rang);
            match effect.verb {
                Verb::Clean => {
                    let (first, last) = self.acts.unwrap_or((after, after));
                    self.acts = Some((first.min(after), last.max(after)));
                }
                Verb::Reboot => self.reboots.push(effect.at),
                _ => {}
            }
        }
    }

    pub(super) fn ran(&mut self, took: SignedDuration, is_intake: bool) {
        let ran = if is_intake { &mut self.ran.0 } else { &mut self.ran.1 };
        *ran += took;
    }

    pub(super) fn ended_by(&mut self, now: Timestamp) {
        self.took = now.duration_since(self.rang);
    }

    pub(super) fn ends_with(
        &mut self,
        ends: impl Iterator<Item = Stage>,
        counted: &BTreeMap<Verb, usize>,
        quotas: &Quotas,
    ) {
        ends.for_each(|stage| *self.ends.entry(stage).or_default() += 1);
        self.calls.clone_from(counted);
        self.turned_away = quotas.turned_away();
        self.units = quotas.units();
        self.fullest = (quotas.fullest(), quotas.fullest_of_beat());
        let told = quotas.mails_until().map(|until| until.duration_since(self.rang));
        self.told = told.unwrap_or_default();
    }

    /// How many ended so.
    pub fn ended(&self, stage: Stage) -> usize {
        self.ends.get(&stage).copied().unwrap_or_default()
    }

    /// Of so many things how many there are for each alarm.
    fn each(&self, things: f64) -> f64 {
        things / f64::from(u32::try_from(self.alarms.max(1)).unwrap_or(u32::MAX))
    }

    /// Calls for each alarm.
    pub fn calls_each(&self) -> f64 {
        let calls: usize = self.calls.values().sum();
        self.each(f64::from(u32::try_from(calls).unwrap_or(u32::MAX)))
    }

    /// Write units for each alarm, of table and index.
    pub fn write_units_each(&self) -> f64 {
        self.each(self.units.write + self.units.index)
    }
}

/// List prices of us-east-1 in US dollars: of a million write and read units of `DynamoDB`, and of
/// a GB-second of Lambda (docs/deploy.md, "What it costs").
const WRITES: f64 = 0.625;
const READS: f64 = 0.125;
const GB_SECOND: f64 = 0.000_016_666_7;

/// Memory of the intake and of the other functions, in GB (the template's `IntakeMegabytes` and
/// `MemoryMegabytes`).
const GB: (f64, f64) = (0.5, 0.125);

impl Came {
    /// What the ledger and the functions cost in US dollars.
    pub fn dollars(&self) -> f64 {
        let Units { write, index, read } = self.units;
        let units = (write + index) * WRITES + read * READS;
        let ran = self.ran.0.as_secs_f64() * GB.0 + self.ran.1.as_secs_f64() * GB.1;
        units / 1_000_000.0 + ran * GB_SECOND
    }
}

/// The head of the table that [`Came::row`] is a row of.
pub const TABLE: [&str; 2] = [
    "| alarms | first cleanup sent | last | last resolved | ended otherwise | calls for an alarm | \
     write units | tries turned away | functions at once | dollars for 1,000 | fullest bucket over \
     10 s | by the heartbeat |",
    "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|",
];

impl Came {
    /// What came of it, as a row of a table.
    pub fn row(&self) -> String {
        let (first, last) = self.acts.unwrap_or_default();
        let resolved = self.ended(Stage::Resolved);
        let otherwise = self.ends.values().sum::<usize>() - resolved + self.lost;
        let cells = [
            grouped(self.alarms),
            Clock(first).to_string(),
            Clock(last).to_string(),
            Clock(self.took).to_string(),
            grouped(otherwise),
            format!("{:.1}", self.calls_each()),
            format!("{:.1}", self.write_units_each()),
            grouped(self.turned_away),
            grouped(self.at_once),
            format!("{:.3}", self.each(self.dollars()) * 1_000.0),
            self.fullest.0.to_string(),
            self.fullest.1.to_string(),
        ];
        format!("| {} |", cells.join(" | "))
    }
}

fn grouped(number: usize) -> String {
    tally::grouped(u64::try_from(number).unwrap_or(u64::MAX))
}

/// A length of time as `m:ss`.
struct Clock(SignedDuration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(f, "{}:{:02}", seconds / 60, seconds % 60)
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TABLE.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "{}", self.row())?;
        let each = |units| self.each(units);
        writeln!(f, "\nThe last mail is delivered after {}.", Clock(self.told))?;
        let after = |at: Option<&Timestamp>| {
            Clock(at.map(|at| at.duration_since(self.rang)).unwrap_or_default())
        };
        let (first, last) = (after(self.reboots.first()), after(self.reboots.last()));
        writeln!(f, "{} reboots, from {first} to {last}.", self.reboots.len())?;
        writeln!(f, "{} events lost.", self.lost)?;
        let Units { write, index, read } = self.units;
        writeln!(
            f,
            "Units of the ledger for an alarm: {:.1} to write, {:.1} of the index, {:.1} to read.",
            each(write),
            each(index),
            each(read)
        )?;
        self.calls.iter().try_for_each(|(verb, count)| writeln!(f, "  {verb:?} {count}"))
    }
}
