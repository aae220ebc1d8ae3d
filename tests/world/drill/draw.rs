//! Draws an episode's plot from a seed: mostly ordinary troubles, and always
//! some bad luck.

use fastrand::Rng;
use jiff::SignedDuration;
use remedy::model::alarm::Symptom;
use remedy::model::policy::{OPT_IN_ENABLED, OPT_IN_OBSERVE};

use super::plot::{
    CLEANUPS, Damage, FAULTS, GroupLine, Habit, Line, PROCESSES, PauseOf, Plot, Trait, What,
};
use crate::calls::{Fault, Verb};
use crate::host::Trouble;
use crate::script::Script as Cleanup;

/// Everything begins within this time.
const BEGINS_WITHIN: i64 = 90 * 60;

/// No call fails for longer: with a longer outage an incident cannot keep its
/// deadlines, and a person is asked.
const OUTAGE_SECONDS_MAX: i64 = 6 * 60;

/// The heartbeat never stays away for longer.
const BEATLESS_SECONDS_MAX: i64 = 8 * 60;

/// No function's clock differs by more: EC2 and Lambda keep theirs within
/// milliseconds, so this is far more than there will ever be.
const CLOCK_SECONDS_MAX: i64 = 45;

/// No describe call lags by more.
pub(crate) const LAG_SECONDS_MAX: i64 = 20;

/// Draws the plot of one episode.
pub(crate) fn draw(seed: u64) -> Plot {
    let mut pen = Pen {
        rng: Rng::with_seed(seed),
        plot: Plot::default(),
        hosts: Vec::new(),
        groups: Vec::new(),
    };
    pen.cast();
    for _ in 0..pen.rng.u32(2..=8) {
        pen.trouble();
    }
    for _ in 0..pen.rng.u32(0..=3) {
        pen.condition();
    }
    for _ in 0..pen.rng.u32(0..=3) {
        pen.operator();
    }
    for _ in 0..pen.rng.u32(0..=8) {
        pen.fault();
    }
    pen.plot
}

struct Pen {
    rng: Rng,
    plot: Plot,
    hosts: Vec<String>,
    groups: Vec<String>,
}

impl Pen {
    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { of.get(self.rng.usize(..of.len())).cloned() }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    fn seconds(&mut self, from: i64, to: i64) -> SignedDuration {
        SignedDuration::from_secs(self.rng.i64(from..=to))
    }

    fn minutes(&mut self, from: i64, to: i64) -> SignedDuration {
        SignedDuration::from_mins(self.rng.i64(from..=to))
    }

    fn host(&mut self) -> String {
        let hosts = std::mem::take(&mut self.hosts);
        let host = self.one(&hosts).unwrap_or_default();
        self.hosts = hosts;
        host
    }

    fn group(&mut self) -> Option<String> {
        let groups = std::mem::take(&mut self.groups);
        let group = self.one(&groups);
        self.groups = groups;
        group
    }

    fn happens(&mut self, what: What) {
        let at = self.seconds(0, BEGINS_WITHIN);
        self.plot.lines.push(Line::Happens(at, what));
    }

    fn cast(&mut self) {
        let groups = *[0, 1, 1, 1, 2].get(self.rng.usize(..5)).unwrap_or(&1);
        for name in ["web", "api"].into_iter().take(groups) {
            self.draw_group(name);
        }
        let servers = self.rng.usize(usize::from(groups == 0)..=2);
        for name in ["db", "mail"].into_iter().take(servers) {
            self.hosts.push(name.to_owned());
            self.plot.lines.push(Line::Server(name.to_owned()));
        }
    }

    fn draw_group(&mut self, name: &str) {
        let ordinary = self.rng.u32(1..=6);
        let size = if self.chance(3) { self.rng.u32(12..=30) } else { ordinary };
        let min = match self.rng.u32(..4) {
            0 => size,
            1 => size.saturating_sub(1),
            _ => size.min(1),
        };
        let max = size + self.one(&[0, 1, 1, 2]).unwrap_or(1);
        let traits = [
            (60, Trait::LoadBalancer),
            (25, Trait::LaunchesFirst),
            (35, Trait::FleetAlarm),
            (10, Trait::NotOptedIn),
        ];
        let traits = traits.into_iter().filter(|(percent, _)| self.chance(*percent));
        let traits = traits.map(|(_, one)| one).collect();
        let line = GroupLine { name: name.to_owned(), size, min, max, traits };
        self.hosts.extend((1..=size).map(|number| format!("{name}/{number}")));
        self.groups.push(name.to_owned());
        self.plot.lines.push(Line::Group(line));
    }

    fn drawn_trouble(&mut self) -> Trouble {
        let symptom = self.one(&Symptom::ALL).unwrap_or(Symptom::HighCpu);
        let percent = f64::from(self.rng.u32(920..=999)) / 10.0;
        let trouble = match self.rng.u32(..10) {
            0..4 => Trouble::slight(symptom, percent),
            4..8 => Trouble::stubborn(symptom, percent),
            _ => Trouble::hopeless(symptom, percent),
        };
        let comes_back_after = if self.chance(15) { Some(self.minutes(2, 40)) } else { None };
        Trouble { comes_back_after, ..trouble }
    }

    fn trouble(&mut self) {
        let (on, trouble) = (self.host(), self.drawn_trouble());
        self.happens(What::Trouble(on, trouble));
    }

    /// What makes a host's trouble harder.
    fn condition(&mut self) {
        let on = self.host();
        let what = match self.rng.u32(..22) {
            20 => What::Installs(on, self.minutes(5, 60)),
            21 => What::Scheduled(on, "instance-reboot".to_owned()),
            0..6 => What::AgentDies(on),
            6..11 => What::Cleanup(on, self.one(&CLEANUPS).unwrap_or(Cleanup::Crashes)),
            11..13 => What::Boot(on, Some(self.minutes(3, 12))),
            13 => What::Boot(on, None),
            14 => What::Impaired(on, self.minutes(5, 60)),
            15 => What::Unmeasured(on, self.minutes(2, 40)),
            16 => What::SickImage(self.drawn_trouble()),
            _ => What::Recovers(on),
        };
        self.happens(what);
    }

    fn operator(&mut self) {
        let it = self.host();
        let lasts = self.minutes(1, 45);
        let what = match (self.rng.u32(..20), self.group()) {
            (16..19, _) => What::Pauses(self.pause_of(), lasts),
            (0..3, _) => What::Tag(it, None),
            (3, _) => What::Tag(it, Some(OPT_IN_OBSERVE)),
            (4, _) => What::Tag(it, Some(OPT_IN_ENABLED)),
            (5, _) => What::Stops(it, lasts),
            (6, _) => What::Terminates(it),
            (7..9, _) => What::LogsIn(it, lasts),
            (9..11, Some(group)) => What::Refreshes(group, lasts),
            (11..13, Some(group)) => {
                What::Suspends(group, self.one(&PROCESSES).unwrap_or("Launch"), lasts)
            }
            (13, Some(group)) => What::GroupTag(group, None),
            _ => What::Mutes(it, lasts),
        };
        self.happens(what);
    }

    fn pause_of(&mut self) -> PauseOf {
        match (self.rng.u32(..6), self.group()) {
            (0, _) => PauseOf::All,
            (1, _) => PauseOf::Symptom(self.one(&Symptom::ALL).unwrap_or(Symptom::HighCpu)),
            (2..4, Some(group)) => PauseOf::Group(group),
            _ => PauseOf::Host(self.host()),
        }
    }

    fn fault(&mut self) {
        let outage = self.seconds(20, OUTAGE_SECONDS_MAX);
        let what = match self.rng.u32(..24) {
            0..4 => What::Death { calls: self.rng.usize(1..=40), takes_effect: self.rng.bool() },
            4..8 => What::Hiccup(self.verb(), self.fails()),
            8..11 => What::Outage(self.verb(), self.fails(), outage),
            11 => {
                let ahead = self.seconds(-CLOCK_SECONDS_MAX, CLOCK_SECONDS_MAX);
                What::Clock { ahead, lasts: self.minutes(5, 90) }
            }
            12 => What::NoBeat(self.seconds(60, BEATLESS_SECONDS_MAX)),
            13 => What::TwoBeats(self.minutes(5, 90)),
            14..16 => What::AtOnce(self.rng.u64(..), self.minutes(10, 120)),
            16 => {
                let behind = self.seconds(2, LAG_SECONDS_MAX);
                What::Lag { behind, lasts: self.minutes(2, 60) }
            }
            17..19 => What::Delivery(Habit::Twice(self.seconds(0, 1200)), self.minutes(5, 90)),
            19 => What::Delivery(Habit::Late(self.seconds(30, 3600)), self.minutes(5, 60)),
            20 => What::Delivery(Habit::Reordered, self.minutes(5, 90)),
            21 => What::Delivery(Habit::TriggersLost, self.minutes(10, 240)),
            _ => {
                let symptom = self.one(&Symptom::ALL).unwrap_or(Symptom::HighCpu);
                What::Broken(symptom, self.one(&Damage::ALL).unwrap_or(Damage::CutOff))
            }
        };
        self.happens(what);
    }

    fn verb(&mut self) -> Verb {
        self.one(&Verb::ALL).unwrap_or(Verb::Instance)
    }

    fn fails(&mut self) -> Fault {
        self.one(&FAULTS).unwrap_or(Fault::RequestLost)
    }
}
