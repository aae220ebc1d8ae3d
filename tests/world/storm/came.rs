//! What came of a storm.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use remedy::model::incident::Stage;

use crate::calls::{Effect, Verb};
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
    /// Functions that ran at once, at most.
    pub at_once: usize,
    /// Calls of all kinds, by kind.
    pub calls: BTreeMap<Verb, usize>,
    /// Tries of calls that AWS turned away.
    pub turned_away: usize,
    /// What the ledger was charged.
    pub units: Units,
    /// The bucket that was used most, by everybody and by the follow-up.
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
        self.fullest = (quotas.fullest(), quotas.fullest_of_follow_up());
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
        let (first, last) = self.acts.unwrap_or_default();
        let resolved = self.ended(Stage::Resolved);
        let (all, own) = &self.fullest;
        let percent =
            |fullest: &Fullest| format!("{:.0} % of {}", fullest.share * 100.0, fullest.name);
        let rows = [
            ("alarms", self.alarms.to_string()),
            ("resolved", resolved.to_string()),
            ("ended otherwise", (self.ends.values().sum::<usize>() - resolved).to_string()),
            ("events that were lost", self.lost.to_string()),
            ("first cleanup sent after", Clock(first).to_string()),
            ("last cleanup sent after", Clock(last).to_string()),
            ("reboots", self.reboots.len().to_string()),
            ("last end after", Clock(self.took).to_string()),
            ("last mail delivered after", Clock(self.told).to_string()),
            ("calls for an alarm", format!("{:.1}", self.calls_each())),
            ("write units for an alarm", format!("{:.1}", self.write_units_each())),
            ("... of them for the index", format!("{:.1}", self.each(self.units.index))),
            ("tries that were turned away", self.turned_away.to_string()),
            ("functions at once", self.at_once.to_string()),
            ("fullest bucket over 10 s", percent(all)),
            ("... by the follow-up", percent(own)),
        ];
        rows.iter().try_for_each(|(name, figure)| writeln!(f, "{name:<30} {figure}"))
    }
}
