//! Draws an episode's plot from a seed: mostly ordinary troubles, and always
//! some bad luck.

use fastrand::Rng;
use jiff::SignedDuration;
use remedy::model::alarm::Symptom;
use remedy::model::policy::{OPT_IN_ENABLED, OPT_IN_OBSERVE};
use remedy::observe::host_report::Code;

use super::plot::{
    CLEANUPS, CODES, Damage, FAULTS, FILE_SYSTEMS, GroupLine, Habit, Line, Manner, PROCESSES,
    PauseOf, Plot, Rings, SETTINGS, Setting, Trait, UNWELL, What,
};
use crate::calls::{Fault, Verb};
use crate::host::{FileSystem, Trouble};
use crate::otherwise::Otherwise;
use crate::region::ZONES;
use crate::script::Script as Cleanup;

/// Everything begins within this time.
const BEGINS_WITHIN: i64 = 90 * 60;

/// No call fails for longer: with a longer outage an incident cannot keep its
/// deadlines, and a person is asked.
const OUTAGE_SECONDS_MAX: i64 = 6 * 60;

/// The topic is another thing: nothing is decided by what people have heard.
const TOPIC_BREAKS_MINUTES_MAX: i64 = 300;

/// The heartbeat never stays away for longer.
const BEATLESS_SECONDS_MAX: i64 = 8 * 60;

/// No function's clock differs by more: EC2 and Lambda keep theirs within
/// milliseconds, so this is far more than there will ever be.
const CLOCK_SECONDS_MAX: i64 = 45;

/// No describe call lags by more.
pub(crate) const LAG_SECONDS_MAX: i64 = 20;

/// So many of the hosts whose disk fills up may have a larger one.
const GROWABLE_PERCENT: u32 = 40;

/// So many of their owners want a snapshot first.
const SNAPSHOT_FIRST_PERCENT: u32 = 40;

/// What owners allow a volume of 100 GiB: nothing more, too little, and enough.
const CAPS_GIB: [u32; 5] = [100, 104, 120, 200, 1_000];

/// So many episodes of a hundred have a storm.
const STORMS_PERCENT: u32 = 2;

/// The most servers of a storm whose calls count.
const STORM_SERVERS_MAX: u32 = 150;

/// In so many of a hundred everything is closed for hours, and opens.
const CLOSED_PERCENT: u32 = 3;

/// In so many of a hundred servers fall ill one after the other of what no reboot mends.
const USELESS_PERCENT: u32 = 2;

/// For so long everything is closed then.
const CLOSED_FOR: SignedDuration = SignedDuration::from_hours(6);

/// A server falls ill so long after the one before: by then that one is a person's.
const ONE_AFTER_THE_OTHER: SignedDuration = SignedDuration::from_mins(70);

/// The codes by which a host says that it is well, or that no disruption helps.
const WELL: [Code; 4] = [Code::NotInTrouble, Code::NotItsFault, Code::Protected, Code::BelowAlarm];

/// What the servers of a storm are called, and then numbered.
const STORM_SERVER: &str = "batch";

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
    for _ in 0..pen.rng.u32(0..=2) {
        pen.at_work();
    }
    if pen.chance(70) {
        let manner = pen.one(&Manner::ALL).unwrap_or(Manner::Yes);
        let lasts = pen.minutes(60, 300);
        pen.happens(What::Answers(manner, lasts));
    }
    for _ in 0..pen.rng.u32(0..=8) {
        pen.fault();
    }
    for answer in Otherwise::ALL {
        if pen.chance(25) {
            pen.plot.lines.push(Line::Otherwise(answer));
        }
    }
    growable(&mut pen.plot, seed);
    if pen.chance(STORMS_PERCENT) {
        pen.storm();
    }
    if pen.chance(CLOSED_PERCENT) {
        pen.closed_for_hours();
    }
    if pen.chance(USELESS_PERCENT) {
        pen.what_never_helps();
    }
    queued(&mut pen.plot, seed);
    pen.plot
}

/// Most storms come through the queue, and some of what else happens.
fn queued(plot: &mut Plot, seed: u64) {
    let mut rng = Rng::with_seed(seed.rotate_left(16));
    let storms = plot.lines.contains(&Line::Server(format!("{STORM_SERVER}1")));
    if rng.u32(..100) < if storms { 70 } else { 20 } {
        let what = What::Delivery(Habit::Queued, SignedDuration::from_hours(5));
        plot.lines.push(Line::Happens(SignedDuration::ZERO, what));
    }
}

/// Some owners let the volumes of their hosts grow, a little or a lot.
fn growable(plot: &mut Plot, seed: u64) {
    let mut rng = Rng::with_seed(seed.rotate_left(32));
    let mut wishes = Rng::with_seed(seed.rotate_left(16));
    let mut full: Vec<String> = Vec::new();
    for line in &plot.lines {
        if let Line::Happens(_, What::Trouble(on, trouble)) = line
            && trouble.symptom == Symptom::DiskFull
            && !full.contains(on)
        {
            full.push(on.clone());
        }
    }
    for on in full {
        if rng.u32(..100) < GROWABLE_PERCENT {
            let cap = CAPS_GIB.get(rng.usize(..CAPS_GIB.len())).copied().unwrap_or(200);
            let snapshot = wishes.u32(..100) < SNAPSHOT_FIRST_PERCENT;
            plot.lines.push(Line::Grows(on, cap, snapshot));
        }
    }
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
        let traffic = match self.rng.u32(..100) {
            0..45 => Some(Trait::LoadBalancer),
            45..60 => Some(Trait::Unasked),
            60..68 => Some(Trait::Lattice),
            _ => None,
        };
        let traits = [
            (10, Trait::ChecksDisks),
            (25, Trait::LaunchesFirst),
            (35, Trait::FleetAlarm),
            (12, Trait::Weighted),
            (8, Trait::Protected),
            (20, Trait::Disposable),
            (5, Trait::OnlyReboots),
            (10, Trait::NotOptedIn),
            (8, Trait::Nodes),
            (8, Trait::NodesLetBe),
            (25, Trait::Calendar),
            (15, Trait::Asks),
            (5, Trait::AsksOrActs),
        ];
        let traits = traits.into_iter().filter(|(percent, _)| self.chance(*percent));
        let traits = traffic.into_iter().chain(traits.map(|(_, one)| one)).collect();
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

    /// A host in trouble: mostly real trouble under an alarm that rings rightly.
    fn trouble(&mut self) {
        let (on, mut trouble) = (self.host(), self.drawn_trouble());
        let at = self.seconds(0, BEGINS_WITHIN);
        let graded = !matches!(trouble.symptom, Symptom::Unreachable | Symptom::ServiceDown);
        match self.rng.u32(..100) {
            0..10 if graded => self.rings_early(&on, &mut trouble),
            10..14 if graded => self.rings_unusual(&on, &mut trouble),
            14..19 => return self.shared(trouble, at),
            19..21 => return self.flapping(&on, trouble, at),
            21 => return self.nightly(&on, trouble, at),
            _ => {}
        }
        if trouble.symptom == Symptom::DiskFull && self.chance(15) {
            self.file_system(&on, &mut trouble);
        }
        self.setting(&on, trouble.symptom);
        self.meanwhile(&on, at);
        if self.chance(20) {
            let says = Cleanup::Says(self.code());
            self.plot.lines.push(Line::Happens(at, What::Cleanup(on.clone(), says)));
        }
        self.plot.lines.push(Line::Happens(at, What::Trouble(on, trouble)));
    }

    /// What the owner of the alarm has set.
    fn setting(&mut self, of: &str, symptom: Symptom) {
        let setting = match self.rng.u32(..100) {
            0..5 => Setting::Disabled,
            5..18 => self.one(&SETTINGS).map_or(Setting::Disabled, |(setting, _)| setting),
            _ => return,
        };
        if !self.is_set(of, symptom) {
            self.plot.lines.push(Line::Setting(of.to_owned(), symptom, setting));
        }
    }

    /// Whether something is said of that alarm. One that rings without trouble and reboots its
    /// instance would do so for ever.
    fn is_set(&self, of: &str, symptom: Symptom) -> bool {
        self.plot.lines.iter().any(|line| match line {
            Line::Alarm(other, about, _) | Line::Setting(other, about, _) => {
                other == of && *about == symptom
            }
            _ => false,
        })
    }

    /// What happens to a host, or to its group, in the course of its trouble: at any stage of
    /// what is done about it.
    fn meanwhile(&mut self, on: &str, at: SignedDuration) {
        let (soon, later) = (self.seconds(0, 300), self.minutes(1, 25));
        let group = on.split_once('/').map(|(group, _)| group.to_owned());
        let (when, what) = match (self.rng.u32(..100), group) {
            (0..5, _) => ((at - soon).max(SignedDuration::ZERO), What::Launched(on.to_owned())),
            (5..9, Some(_)) => (at + later, What::ScalesIn(on.to_owned())),
            (9..12, Some(group)) => (at + later, What::Grows(group)),
            (12..14, _) => (at + later, What::LogsIn(on.to_owned(), self.minutes(1, 45))),
            (14..16, _) => (at, What::BadFstab(on.to_owned())),
            (16..18, _) => (at, What::Windows(on.to_owned())),
            _ => return,
        };
        self.plot.lines.push(Line::Happens(when, what));
    }

    /// How a script ends that changes nothing: half of the time the host is well.
    fn code(&mut self) -> Code {
        let codes = CODES.map(|(code, _)| code);
        let of = if self.rng.bool() { WELL.as_slice() } else { codes.as_slice() };
        self.one(of).unwrap_or_default()
    }

    /// A number of percent with one decimal, of the next `wide` above `least`.
    fn percent(&mut self, least: u32, wide: u32) -> f64 {
        f64::from(least) + f64::from(self.rng.u32(5..wide * 10)) / 10.0
    }

    /// An owner who wants to be warned early.
    fn rings_early(&mut self, on: &str, trouble: &mut Trouble) {
        let threshold = self.one(&[30, 60, 75]).unwrap_or(60);
        trouble.percent = self.percent(threshold, 89 - threshold);
        self.alarm(on, trouble.symptom, Rings::Above(threshold));
    }

    /// An alarm on what is unusual, which says nothing about what is bad.
    fn rings_unusual(&mut self, on: &str, trouble: &mut Trouble) {
        let upper = self.rng.u32(45..=60);
        trouble.percent = self.percent(upper, 89 - upper);
        self.alarm(on, trouble.symptom, Rings::Outside(20, upper));
    }

    fn alarm(&mut self, of: &str, symptom: Symptom, rings: Rings) {
        if !self.is_set(of, symptom) {
            self.plot.lines.push(Line::Alarm(of.to_owned(), symptom, rings));
        }
    }

    /// Another file system than the root fills up, or only seems to.
    fn file_system(&mut self, on: &str, trouble: &mut Trouble) {
        let known = |line: &Line| matches!(line, Line::Disk(other, ..) if other == on);
        if self.plot.lines.iter().any(known) {
            return;
        }
        let which = self.one(&FILE_SYSTEMS).map_or(FileSystem::Data, |(which, _)| which);
        if which == FileSystem::Image {
            *trouble = Trouble::hopeless(Symptom::DiskFull, 100.0);
        }
        let named = self.chance(80);
        self.plot.lines.push(Line::Disk(on.to_owned(), which, named));
    }

    /// One load that everybody of a group has, such as a group of two.
    fn shared(&mut self, trouble: Trouble, at: SignedDuration) {
        let group = self.group().unwrap_or_default();
        let prefix = format!("{group}/");
        let members = self.hosts.iter().filter(|host| host.starts_with(&prefix));
        let members: Vec<String> = members.take(6).cloned().collect();
        for member in members {
            let later = at + self.seconds(0, 180);
            self.plot.lines.push(Line::Happens(later, What::Trouble(member, trouble)));
        }
    }

    /// Many servers fall ill in the same minute, beside all else that happens. In half of the
    /// storms there are more of them, and quotas count. A heartbeat that comes twice asks for
    /// twice as much, and does not come then.
    fn storm(&mut self) {
        let (at, trouble) = (self.seconds(0, BEGINS_WITHIN), self.drawn_trouble());
        let mut servers = self.rng.u32(15..=40);
        if self.rng.bool() {
            servers = self.rng.u32(60..=STORM_SERVERS_MAX);
            let twice = |line: &Line| matches!(line, Line::Happens(_, What::TwoBeats(_)));
            self.plot.lines.retain(|line| !twice(line));
            self.plot.lines.push(Line::Quotas);
        }
        for number in 1..=servers {
            let server = format!("{STORM_SERVER}{number}");
            let begins = at + self.seconds(0, 60);
            self.plot.lines.push(Line::Server(server.clone()));
            self.plot.lines.push(Line::Happens(begins, What::Trouble(server, trouble)));
        }
    }

    /// The calendar of every group is closed for hours. Members fall ill meanwhile, most of them
    /// in the last of them, so that many wait when it opens.
    fn closed_for_hours(&mut self) {
        for line in &mut self.plot.lines {
            if let Line::Group(group) = line
                && !group.is(Trait::Calendar)
            {
                group.traits.push(Trait::Calendar);
            }
        }
        let at = self.seconds(0, 600);
        self.plot.lines.push(Line::Happens(at, What::Closes(CLOSED_FOR)));
        for _ in 0..self.rng.u32(4..=10) {
            let (on, trouble) = (self.host(), self.drawn_trouble());
            let lasts = CLOSED_FOR.as_secs();
            let from = if self.chance(70) { lasts * 2 / 3 } else { 0 };
            let begins = at + self.seconds(from, lasts);
            self.plot.lines.push(Line::Happens(begins, What::Trouble(on, trouble)));
        }
    }

    /// Servers of one pool fall ill one after the other, and no reboot helps; the boot of one of
    /// them may never end.
    fn what_never_helps(&mut self) {
        let symptom = self.one(&[Symptom::HighCpu, Symptom::MemoryPressure]);
        let trouble = Trouble::hopeless(symptom.unwrap_or(Symptom::HighCpu), 99.0);
        let hangs = if self.chance(30) { self.rng.i32(1..=3) } else { 0 };
        for number in 1..=7 {
            let server = format!("worker{number}");
            let begins = ONE_AFTER_THE_OTHER * (number - 1);
            self.plot.lines.push(Line::Server(server.clone()));
            if number == hangs {
                let never = What::Boot(server.clone(), None);
                self.plot.lines.push(Line::Happens(begins, never));
            }
            self.plot.lines.push(Line::Happens(begins, What::Trouble(server, trouble)));
        }
    }

    /// A load of 50 minutes, and 10 minutes of rest, again and again.
    fn flapping(&mut self, on: &str, trouble: Trouble, at: SignedDuration) {
        let times = self.rng.i32(3..=8);
        self.again(on, trouble, at, (times, 60), 50);
    }

    /// A job of 9 minutes in each of three nights.
    fn nightly(&mut self, on: &str, trouble: Trouble, at: SignedDuration) {
        self.again(on, trouble, at, (3, 24 * 60), 9);
    }

    /// A load that ends by itself and not before, and comes back.
    fn again(
        &mut self,
        on: &str,
        trouble: Trouble,
        at: SignedDuration,
        (times, every): (i32, i64),
        lasts: i64,
    ) {
        let load = Trouble::hopeless(trouble.symptom, trouble.percent);
        for time in 0..times {
            let begins = at + SignedDuration::from_mins(every) * time;
            let ends = begins + SignedDuration::from_mins(lasts);
            self.plot.lines.push(Line::Happens(begins, What::Trouble(on.to_owned(), load)));
            self.plot.lines.push(Line::Happens(ends, What::Recovers(on.to_owned())));
        }
    }

    /// What makes a host's trouble harder.
    fn condition(&mut self) {
        let on = self.host();
        let what = match self.rng.u32(..25) {
            22..24 => What::Cleanup(on, Cleanup::Unheard),
            24 => What::Windows(on),
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
        let what = match (self.rng.u32(..22), self.group()) {
            (19..21, _) => What::ScalesIn(it),
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

    /// Somebody's pipeline, backup or task has a host or a group, a calendar closes, or EC2 says
    /// that a zone is not well.
    fn at_work(&mut self) {
        let (on, lasts) = (self.host(), self.minutes(1, 90));
        let what = match (self.rng.u32(..9), self.group()) {
            (6..8, _) => What::Closes(self.minutes(1, 120)),
            (8, _) => {
                let zone = self.one(&ZONES).unwrap_or(ZONES[0]);
                What::ZoneUnwell(zone, self.one(&UNWELL).unwrap_or(UNWELL[0]), lasts)
            }
            (0, _) => What::BusyUnclear(on, lasts),
            (1, _) => What::AtWork(on, lasts),
            (2, Some(group)) => What::GroupBusy(group, lasts),
            _ => What::Busy(on, lasts),
        };
        self.happens(what);
    }

    fn pause_of(&mut self) -> PauseOf {
        match (self.rng.u32(..7), self.group()) {
            (6, _) => PauseOf::Zone(self.one(&ZONES).unwrap_or(ZONES[0])),
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
            22 if self.chance(30) => {
                let fails = self.one(&[Fault::RequestLost, FAULTS[0].clone()]);
                let fails = fails.unwrap_or(Fault::RequestLost);
                What::Outage(Verb::Tell, fails, self.minutes(60, TOPIC_BREAKS_MINUTES_MAX))
            }
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
