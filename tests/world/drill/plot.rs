//! The plot of an episode: who is there, and what happens to them when.
//! Everything that chance decides stands in it, so an episode is played the
//! same way each time, and any line can be left out.

use std::fmt;

use jiff::SignedDuration;
use remedy::model::alarm::Symptom;
use remedy::observe::host_report::Code;

use crate::calls::{Fault, Verb};
use crate::host::{FileSystem, Trouble};
use crate::otherwise::Otherwise;
use crate::script::Script as Cleanup;
use crate::watch::Comes;

/// A whole plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plot {
    /// Its lines: who is there, and what happens. In no order.
    pub(crate) lines: Vec<Line>,
}

impl Plot {
    /// What is under way between two times since the beginning, and when it
    /// begins and ends.
    pub(crate) fn under_way(
        &self,
        since: SignedDuration,
        until: SignedDuration,
    ) -> impl Iterator<Item = (SignedDuration, SignedDuration, &What)> {
        self.lines.iter().filter_map(move |line| {
            let Line::Happens(at, what) = line else { return None };
            let over = *at + what.lasts().unwrap_or_default();
            (*at <= until && over >= since).then_some((*at, over, what))
        })
    }
}

/// One line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// A group is there.
    Group(GroupLine),
    /// A server is there that belongs to no group.
    Server(String),
    /// When the alarm for the host's trouble rings, if not above 90 %.
    Alarm(String, Symptom, Rings),
    /// What the owner of the alarm for the host's trouble has set.
    Setting(String, Symptom, Setting),
    /// Which file system of the host fills up, if not its root, and whether its
    /// alarm names it.
    Disk(String, FileSystem, bool),
    /// AWS does otherwise than we assume.
    Otherwise(Otherwise),
    /// The volume of the host may grow to so many GiB, and whether after a snapshot alone.
    Grows(String, u32, bool),
    /// What AWS grants counts, and calls take time.
    Quotas,
    /// Something happens, so long after the beginning.
    Happens(SignedDuration, What),
}

/// When an alarm rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rings {
    /// Above so many percent.
    Above(u32),
    /// Outside what is usual: below the first or above the second.
    Outside(u32, u32),
}

impl fmt::Display for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(threshold) => write!(f, "above {threshold} %"),
            Self::Outside(lower, upper) => write!(f, "outside {lower} to {upper} %"),
        }
    }
}

/// Something that an alarm's owner has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// It does nothing when it rings.
    Disabled,
    /// It does this to its instance when it rings, by EC2's own action.
    Acts(&'static str),
    /// Its events come in this way.
    Comes(Comes),
    /// It looks at the mean of so many minutes.
    Minutes(i64),
    /// It counts bytes, where its metric is about memory or a disk.
    Counts,
}

/// Every setting that a drill draws, in words.
pub(crate) const SETTINGS: [(Setting, &str); 11] = [
    (Setting::Disabled, "has its actions disabled"),
    (Setting::Acts("reboot"), "reboots it itself"),
    (Setting::Acts("recover"), "recovers it itself"),
    (Setting::Acts("stop"), "stops it itself"),
    (Setting::Acts("terminate"), "terminates it itself"),
    (Setting::Minutes(5), "looks at the mean of 5 min"),
    (Setting::Minutes(60), "looks at the mean of 60 min"),
    (Setting::Counts, "counts bytes"),
    (Setting::Comes(Comes::AsAQuery), "is a query about it alone"),
    (Setting::Comes(Comes::BySns), "comes by SNS"),
    (Setting::Comes(Comes::BySqs), "comes by SQS"),
];

/// Every file system but the root, in words.
pub(crate) const FILE_SYSTEMS: [(FileSystem, &str); 5] = [
    (FileSystem::Data, "a data volume"),
    (FileSystem::Image, "an image"),
    (FileSystem::Overlay, "an overlay"),
    (FileSystem::Memory, "in memory"),
    (FileSystem::Network, "on another machine"),
];

/// What stands before the name of a question of docs/aws-questions.md.
pub(crate) const SNAPSHOT_FIRST: &str = ", after a snapshot";
pub(crate) const OTHERWISE: &str = "AWS answers otherwise than we assume: ";

/// That quotas count, in words.
pub(crate) const QUOTAS: &str = "AWS grants no more than its quotas";

/// What stands behind the file system if the alarm does not name it.
pub(crate) const UNNAMED: &str = ", which its alarm does not say";

/// A group, as a plot describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupLine {
    /// Its name. Its members are called `name/1`, `name/2` and so on.
    pub(crate) name: String,
    /// How many members it has, and wants.
    pub(crate) size: u32,
    /// The least capacity it may have.
    pub(crate) min: u32,
    /// The most capacity it may have.
    pub(crate) max: u32,
    /// What else there is to say about it.
    pub(crate) traits: Vec<Trait>,
}

impl Trait {
    /// Everything there is to say about a group.
    pub(crate) const ALL: [Self; 16] = [
        Self::LoadBalancer,
        Self::Unasked,
        Self::Lattice,
        Self::ChecksDisks,
        Self::LaunchesFirst,
        Self::FleetAlarm,
        Self::Weighted,
        Self::Protected,
        Self::Disposable,
        Self::OnlyReboots,
        Self::NotOptedIn,
        Self::Nodes,
        Self::NodesLetBe,
        Self::Calendar,
        Self::Asks,
        Self::AsksOrActs,
    ];

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::LoadBalancer => "behind a load balancer",
            Self::Unasked => "behind a load balancer that it does not ask",
            Self::Lattice => "behind VPC Lattice",
            Self::ChecksDisks => "which checks its disks too",
            Self::Weighted => "whose members weigh 4 each",
            Self::Protected => "protected from scale-in",
            Self::Disposable => "whose data may be lost",
            Self::OnlyReboots => "where a reboot is the most that is allowed",
            Self::LaunchesFirst => "which launches before it terminates",
            Self::FleetAlarm => "watched by a fleet alarm",
            Self::NotOptedIn => "not opted in",
            Self::Nodes => "whose members are nodes of a cluster",
            Self::Asks => "whose owner is asked first",
            Self::AsksOrActs => "whose owner is asked first and whose silence is consent",
            Self::Calendar => "under a change calendar",
            Self::NodesLetBe => "whose owner lets nodes be disrupted",
        }
    }
}

impl GroupLine {
    /// Whether it is so.
    pub(crate) fn is(&self, so: Trait) -> bool {
        self.traits.contains(&so)
    }
}

/// Something about a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    /// A load balancer checks its members too.
    LoadBalancer,
    /// A load balancer sends traffic to its members, and it checks by EC2 alone.
    Unasked,
    /// VPC Lattice sends traffic to its members and checks them.
    Lattice,
    /// It checks its members' volumes too.
    ChecksDisks,
    /// It counts in weights.
    Weighted,
    /// Its members are protected from scale-in.
    Protected,
    /// Its owner's tag says that its members' data may be lost with them.
    Disposable,
    /// Its owner's tag allows no more than a reboot.
    OnlyReboots,
    /// Its maintenance policy launches before it terminates.
    LaunchesFirst,
    /// One alarm watches all its members, instead of one for each.
    FleetAlarm,
    /// Its owner has not opted in.
    NotOptedIn,
    /// Its members carry the tag of a cluster's nodes.
    Nodes,
    /// Its owner's tag allows more than a cleanup for nodes.
    NodesLetBe,
    /// Its owner's tag names a change calendar.
    Calendar,
    /// Its owner's tag has people asked before a disruption.
    Asks,
    /// The same, and it is done if nobody answers.
    AsksOrActs,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Trouble begins on a host.
    Trouble(String, Trouble),
    /// It ends by itself.
    Recovers(String),
    /// Whatever is launched from now on has this trouble too.
    SickImage(Trouble),
    /// The SSM agent dies, until the next boot.
    AgentDies(String),
    /// From now on a cleanup fares so on the host.
    Cleanup(String, Cleanup),
    /// From now on a boot takes so long; `None` if it never ends.
    Boot(String, Option<SignedDuration>),
    /// The host below fails its system status check.
    Impaired(String, SignedDuration),
    /// It has just been launched, and still boots.
    Launched(String),
    /// Its fstab has a line with which no boot ends.
    BadFstab(String),
    /// It runs Windows.
    Windows(String),
    /// Packages are being installed on it.
    Installs(String, SignedDuration),
    /// AWS is going to do this to it, such as `instance-retirement`.
    Scheduled(String, String),
    /// Its metrics stop coming.
    Unmeasured(String, SignedDuration),
    /// The owner changes the instance's tag; `None` removes it.
    Tag(String, Option<&'static str>),
    /// The owner removes the group's tag.
    GroupTag(String, Option<&'static str>),
    /// An operator stops the instance, and starts it again some time later.
    Stops(String, SignedDuration),
    /// An operator terminates the instance.
    Terminates(String),
    /// The group no longer wants the member.
    ScalesIn(String),
    /// A scaling policy has the group grow to its maximum.
    Grows(String),
    /// An operator works on the host.
    LogsIn(String, SignedDuration),
    /// A pipeline works on the host, and its tag says until when.
    Busy(String, SignedDuration),
    /// A pipeline works on a group, and its tag says until when.
    GroupBusy(String, SignedDuration),
    /// A pipeline works on the host, and nobody can read its tag.
    BusyUnclear(String, SignedDuration),
    /// The host has a long task, and is protected from scale-in meanwhile.
    AtWork(String, SignedDuration),
    /// Whoever is asked whether something may be done answers so.
    Answers(Manner, SignedDuration),
    /// The change calendar closes, for whoever is under it.
    Closes(SignedDuration),
    /// EC2 calls a zone so.
    ZoneUnwell(&'static str, &'static str, SignedDuration),
    /// An operator has the group's members refreshed.
    Refreshes(String, SignedDuration),
    /// An operator suspends one of the group's processes.
    Suspends(String, &'static str, SignedDuration),
    /// An operator pauses Remedy for a while: everything, or what is named.
    Pauses(PauseOf, SignedDuration),
    /// An alarm mute rule silences the host's alarms.
    Mutes(String, SignedDuration),
    /// What alarms send is delivered so.
    Delivery(Habit, SignedDuration),
    /// A call goes wrong whenever it is made.
    Outage(Verb, Fault, SignedDuration),
    /// The next call of its kind goes wrong.
    Hiccup(Verb, Fault),
    /// Describe calls show how things were up to so long ago.
    Lag { behind: SignedDuration, lasts: SignedDuration },
    /// The function that makes one of the next calls dies at it.
    Death { calls: usize, takes_effect: bool },
    /// The functions' clocks differ from the world's.
    Clock { ahead: SignedDuration, lasts: SignedDuration },
    /// The heartbeat does not come.
    NoBeat(SignedDuration),
    /// The heartbeat comes twice at once.
    TwoBeats(SignedDuration),
    /// What is invoked within the same minute runs at the same time, its calls
    /// in the order that this seed draws.
    AtOnce(u64, SignedDuration),
    /// Somebody sends an event that is broken so.
    Broken(Symptom, Damage),
}

/// How people answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Yes, and then no.
    Both,
    /// Yes, when it is too late.
    Late,
    /// Yes, to another attempt: as they answered before, or with a nonce of their own.
    Wrong,
}

impl Manner {
    /// Every manner there is.
    pub(crate) const ALL: [Self; 5] = [Self::Yes, Self::No, Self::Both, Self::Late, Self::Wrong];

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Yes => "says yes",
            Self::No => "says no",
            Self::Both => "says yes and then no",
            Self::Late => "answers too late",
            Self::Wrong => "answers about another attempt",
        }
    }
}

/// What an operator pauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PauseOf {
    /// Everything.
    All,
    /// A group, by its name.
    Group(String),
    /// A host, by its name.
    Host(String),
    /// A symptom.
    Symptom(Symptom),
    /// A zone, by its name.
    Zone(&'static str),
}

/// How an alarm's event is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Habit {
    /// A second time, so long after the first.
    Twice(SignedDuration),
    /// So much later.
    Late(SignedDuration),
    /// Each one later than the next, as far as `Late` by turns.
    Reordered,
    /// Triggers that are only best effort do not come at all.
    TriggersLost,
    /// Through the queue: those that arrive together are one batch.
    Queued,
}

/// How an event is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    /// It ends in the middle.
    CutOff,
    /// The field at this path, such as `/detail/state`, holds a number.
    Number(&'static str),
    /// The field at this path is missing.
    Missing(&'static str),
}

impl Damage {
    /// Every damage there is. What is missing or a number here is needed of
    /// every alarm's event.
    pub(crate) const ALL: [Self; 10] = [
        Self::CutOff,
        Self::Number("/source"),
        Self::Number("/detail"),
        Self::Number("/detail/alarmName"),
        Self::Number("/detail/state"),
        Self::Number("/detail/state/timestamp"),
        Self::Missing("/source"),
        Self::Missing("/detail/state"),
        Self::Missing("/detail/state/timestamp"),
        Self::Missing("/detail/configuration"),
    ];

    /// The field that an error has to name.
    pub(crate) fn field(self) -> String {
        match self {
            Self::CutOff => "event".to_owned(),
            Self::Number(path) | Self::Missing(path) => {
                path.trim_start_matches('/').replace('/', ".")
            }
        }
    }
}

impl What {
    /// How long it lasts, if it does.
    pub(crate) fn lasts(&self) -> Option<SignedDuration> {
        match self {
            Self::Impaired(_, lasts)
            | Self::Unmeasured(_, lasts)
            | Self::Installs(_, lasts)
            | Self::Stops(_, lasts)
            | Self::LogsIn(_, lasts)
            | Self::Busy(_, lasts)
            | Self::GroupBusy(_, lasts)
            | Self::BusyUnclear(_, lasts)
            | Self::AtWork(_, lasts)
            | Self::Answers(_, lasts)
            | Self::Closes(lasts)
            | Self::ZoneUnwell(_, _, lasts)
            | Self::Refreshes(_, lasts)
            | Self::Suspends(_, _, lasts)
            | Self::Mutes(_, lasts)
            | Self::Pauses(_, lasts)
            | Self::Delivery(_, lasts)
            | Self::Outage(_, _, lasts)
            | Self::Lag { lasts, .. }
            | Self::Clock { lasts, .. }
            | Self::NoBeat(lasts)
            | Self::TwoBeats(lasts)
            | Self::AtOnce(_, lasts) => Some(*lasts),
            _ => None,
        }
    }

    /// What kind of thing it is, for counting.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Trouble(..) => "trouble on a host",
            Self::Recovers(_) => "host recovers by itself",
            Self::SickImage(_) => "sick image",
            Self::AgentDies(_) => "agent dies",
            Self::Cleanup(_, Cleanup::Says(_)) => "host disagrees or refuses",
            Self::Cleanup(_, Cleanup::Unheard) => "command listed as not delivered",
            Self::Cleanup(..) => "cleanup goes wrong",
            Self::Boot(..) => "boot slow or without end",
            Self::Impaired(..) => "system impaired",
            Self::Unmeasured(..) => "metrics stop",
            Self::Windows(_) => "Windows",
            Self::Launched(_) => "host still boots",
            Self::BadFstab(_) => "fstab that stops a boot",
            Self::Grows(_) => "group grows to its maximum",
            Self::Outage(Verb::Tell, _, lasts) if lasts.as_hours() > 0 => "topic breaks for hours",
            Self::Installs(..) => "packages installed",
            Self::Scheduled(..) => "scheduled event",
            Self::Tag(..) | Self::GroupTag(..) => "owner changes the tag",
            Self::Stops(..) => "operator stops",
            Self::Terminates(_) => "operator terminates",
            Self::ScalesIn(_) => "group scales in",
            Self::LogsIn(..) => "operator logs in",
            Self::Busy(..) | Self::GroupBusy(..) => "pipeline at work",
            Self::BusyUnclear(..) => "pipeline's tag unclear",
            Self::AtWork(..) => "member protected by itself",
            Self::Answers(..) => "people answer",
            Self::Closes(_) => "change calendar closes",
            Self::ZoneUnwell(..) => "zone unwell",
            Self::Refreshes(..) => "operator refreshes a group",
            Self::Suspends(..) => "operator suspends a process",
            Self::Mutes(..) => "operator mutes alarms",
            Self::Pauses(..) => "operator pauses",
            Self::Delivery(Habit::Twice(_), _) => "alarms delivered twice",
            Self::Delivery(Habit::Late(_), _) => "alarms delivered late",
            Self::Delivery(Habit::Reordered, _) => "alarms out of order",
            Self::Delivery(Habit::TriggersLost, _) => "triggers lost",
            Self::Delivery(Habit::Queued, _) => "alarms through the queue",
            Self::Outage(..) => "call fails for minutes",
            Self::Hiccup(..) => "call fails once",
            Self::Lag { .. } => "describe calls lag",
            Self::Death { .. } => "function dies at a call",
            Self::Clock { .. } => "clocks differ",
            Self::NoBeat(_) => "heartbeats missed",
            Self::TwoBeats(_) => "heartbeats doubled",
            Self::AtOnce(..) => "invocations at once",
            Self::Broken(..) => "broken event",
        }
    }
}

/// A time since the beginning, as `1:02:03`.
pub(crate) struct Clock(pub(crate) SignedDuration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// A length of time, in the words of a person.
struct Length(SignedDuration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds >= 60 && seconds % 60 == 0 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{seconds} s"),
        }
    }
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| line.order());
        lines.into_iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Line {
    /// Where it stands in a plot: who is there first, and then by time.
    pub(crate) fn order(&self) -> SignedDuration {
        match self {
            Self::Group(_)
            | Self::Server(_)
            | Self::Alarm(..)
            | Self::Setting(..)
            | Self::Disk(..)
            | Self::Grows(..)
            | Self::Quotas
            | Self::Otherwise(_) => SignedDuration::MIN,
            Self::Happens(at, _) => *at,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::Server(name) => write!(f, "there is a server {name}"),
            Self::Alarm(of, symptom, rings) => {
                write!(f, "the alarm of {of} for {symptom} rings {rings}")
            }
            Self::Setting(of, symptom, setting) => {
                let words = SETTINGS.iter().find(|(one, _)| one == setting);
                let words = words.map_or("is set as none is", |(_, words)| words);
                write!(f, "the alarm of {of} for {symptom} {words}")
            }
            Self::Disk(of, which, named) => {
                let words = FILE_SYSTEMS.iter().find(|(one, _)| one == which);
                let words = words.map_or("its root", |(_, words)| words);
                let unnamed = if *named { "" } else { UNNAMED };
                write!(f, "the disk of {of} that fills up is {words}{unnamed}")
            }
            Self::Otherwise(answer) => write!(f, "{OTHERWISE}{}", answer.question()),
            Self::Grows(of, cap, snapshot) => {
                let first = if *snapshot { SNAPSHOT_FIRST } else { "" };
                write!(f, "the volume of {of} may grow to {cap} GiB{first}")
            }
            Self::Quotas => f.write_str(QUOTAS),
            Self::Happens(at, what) => write!(f, "{}  {what}", Clock(*at)),
        }
    }
}

impl fmt::Display for GroupLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, size, min, max, .. } = self;
        write!(f, "there is a group {name} of {size} (at least {min}, at most {max})")?;
        for other in &self.traits {
            write!(f, ", {}", other.words())?;
        }
        Ok(())
    }
}

/// A trouble, as a plot tells it.
struct Told<'a>(&'a Trouble);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trouble { symptom, percent, cleanup_helps, reboot_helps, comes_back_after } = self.0;
        let helps = match (cleanup_helps, reboot_helps) {
            (true, _) => "a cleanup helps",
            (false, true) => "only a reboot helps",
            (false, false) => "neither a cleanup nor a reboot helps",
        };
        write!(f, "{symptom} at {percent:.1} %, {helps}")?;
        match comes_back_after {
            Some(after) => write!(f, " for {}", Length(*after)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trouble(on, trouble) => write!(f, "{on} has {}", Told(trouble)),
            Self::Recovers(on) => write!(f, "{on} recovers by itself"),
            Self::SickImage(trouble) => {
                write!(f, "whatever is launched from now on has {}", Told(trouble))
            }
            Self::AgentDies(on) => write!(f, "the agent on {on} dies"),
            Self::Cleanup(on, script) => write!(f, "a cleanup on {on} {}", fares(*script)),
            Self::Windows(on) => write!(f, "{on} runs Windows"),
            Self::Launched(on) => write!(f, "{on} was launched just now"),
            Self::BadFstab(on) => write!(f, "with the fstab of {on} no boot ends"),
            Self::Grows(it) => write!(f, "group {it} grows to its maximum"),
            Self::Boot(on, Some(takes)) => write!(f, "a boot of {on} takes {}", Length(*takes)),
            Self::Boot(on, None) => write!(f, "a boot of {on} never ends"),
            Self::Impaired(on, lasts) => {
                write!(f, "the host below {on} is impaired for {}", Length(*lasts))
            }
            Self::Installs(on, lasts) => {
                write!(f, "packages are installed on {on} for {}", Length(*lasts))
            }
            Self::Scheduled(on, code) => write!(f, "AWS schedules {code} of {on}"),
            Self::Unmeasured(on, lasts) => {
                write!(f, "the metrics of {on} stop for {}", Length(*lasts))
            }
            Self::Tag(of, Some(value)) => write!(f, "the owner of {of} tags it {value}"),
            Self::Tag(of, None) => write!(f, "the owner of {of} removes the tag"),
            Self::GroupTag(of, Some(value)) => write!(f, "the owner of group {of} tags it {value}"),
            Self::GroupTag(of, None) => write!(f, "the owner of group {of} removes the tag"),
            Self::Stops(it, lasts) => write!(f, "an operator stops {it} for {}", Length(*lasts)),
            Self::Terminates(it) => write!(f, "an operator terminates {it}"),
            Self::ScalesIn(it) => write!(f, "the group of {it} scales it in"),
            Self::LogsIn(to, lasts) => {
                write!(f, "an operator works on {to} for {}", Length(*lasts))
            }
            Self::Busy(on, lasts) => write!(f, "a pipeline works on {on} for {}", Length(*lasts)),
            Self::GroupBusy(on, lasts) => {
                write!(f, "a pipeline works on group {on} for {}", Length(*lasts))
            }
            Self::BusyUnclear(on, lasts) => {
                write!(f, "a pipeline's tag on {on} is unclear for {}", Length(*lasts))
            }
            Self::Answers(manner, lasts) => {
                write!(f, "for {} whoever is asked {}", Length(*lasts), manner.words())
            }
            Self::Closes(lasts) => write!(f, "the change calendar closes for {}", Length(*lasts)),
            Self::ZoneUnwell(zone, state, lasts) => {
                write!(f, "EC2 calls zone {zone} {state} for {}", Length(*lasts))
            }
            Self::AtWork(on, lasts) => {
                write!(f, "{on} alone is protected from scale-in for {}", Length(*lasts))
            }
            Self::Refreshes(it, lasts) => {
                write!(f, "an operator refreshes group {it} for {}", Length(*lasts))
            }
            Self::Suspends(of, process, lasts) => {
                write!(f, "an operator suspends {process} of group {of} for {}", Length(*lasts))
            }
            Self::Pauses(of, lasts) => {
                write!(f, "an operator pauses {of} for {}", Length(*lasts))
            }
            Self::Mutes(of, lasts) => {
                write!(f, "an operator mutes the alarms of {of} for {}", Length(*lasts))
            }
            Self::Delivery(habit, lasts) => write!(f, "for {} {habit}", Length(*lasts)),
            Self::Outage(verb, fault, lasts) => {
                write!(f, "the call {verb:?} {} for {}", fails(fault), Length(*lasts))
            }
            Self::Hiccup(verb, fault) => write!(f, "the call {verb:?} {} once", fails(fault)),
            Self::Lag { behind, lasts } => {
                write!(f, "for {} describe calls lag by {}", Length(*lasts), Length(*behind))
            }
            Self::Death { calls, takes_effect } => {
                let when = if *takes_effect { "after" } else { "before" };
                write!(f, "a function dies {when} call number {calls} from now")
            }
            Self::Clock { ahead, lasts } => write!(
                f,
                "for {} the functions' clocks are off by {} s",
                Length(*lasts),
                ahead.as_secs()
            ),
            Self::NoBeat(lasts) => write!(f, "for {} no heartbeat comes", Length(*lasts)),
            Self::TwoBeats(lasts) => {
                write!(f, "for {} each heartbeat comes twice", Length(*lasts))
            }
            Self::AtOnce(order, lasts) => {
                write!(f, "for {} whatever is invoked runs at once (order {order})", Length(*lasts))
            }
            Self::Broken(symptom, damage) => {
                write!(f, "the {symptom} function gets an event {damage}")
            }
        }
    }
}

impl fmt::Display for PauseOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Host(name) => f.write_str(name),
            Self::Symptom(symptom) => write!(f, "{symptom}"),
            Self::Zone(name) => write!(f, "zone {name}"),
        }
    }
}

/// Every way a cleanup may fare.
pub(crate) const CLEANUPS: [Cleanup; 8] = [
    Cleanup::Honest,
    Cleanup::Boasts,
    Cleanup::CannotStart,
    Cleanup::Crashes,
    Cleanup::Skips,
    Cleanup::RunsTooLong,
    Cleanup::IsCancelled,
    Cleanup::Unheard,
];

/// Every way in which a script may end that changes nothing, in the words of its
/// result line. How it looks or relieves is its own affair.
pub(crate) const CODES: [(Code, &str); 20] = [
    (Code::NotInTrouble, "ends with not-in-trouble"),
    (Code::BelowAlarm, "ends with below-alarm"),
    (Code::Calmed, "ends with calmed"),
    (Code::Insufficient, "ends with insufficient"),
    (Code::NotItsFault, "ends with not-its-fault"),
    (Code::WaitsForDisk, "ends with waits-for-disk"),
    (Code::Shared, "ends with shared"),
    (Code::Protected, "ends with protected"),
    (Code::NotListed, "ends with not-listed"),
    (Code::NeedsAPerson, "ends with needs-a-person"),
    (Code::PersonPresent, "ends with person-present"),
    (Code::PackagesBusy, "ends with packages-busy"),
    (Code::DoneAlready, "ends with done-already"),
    (Code::Incomplete, "ends with incomplete"),
    (Code::OutOfTime, "ends with out-of-time"),
    (Code::Failed, "ends with failed"),
    (Code::Stopped, "ends with stopped"),
    (Code::BadParameter, "ends with bad-parameter"),
    (Code::CannotWork, "ends with cannot-work"),
    (Code::Unknown, "ends with a code that nobody knows"),
];

/// How a cleanup fares, if a script can say it.
pub(crate) fn fares(script: Cleanup) -> &'static str {
    match script {
        Cleanup::Says(code) => CODES
            .iter()
            .find(|(one, _)| *one == code)
            .map_or("ends as no script does", |(_, words)| words),
        Cleanup::Unheard => "does its duty, and is listed as not delivered",
        Cleanup::Honest => "does its duty",
        Cleanup::Boasts => "says that it helped and did not",
        Cleanup::CannotStart => "cannot start",
        Cleanup::Crashes => "crashes",
        Cleanup::Skips => "finds another at work",
        Cleanup::RunsTooLong => "runs too long",
        Cleanup::IsCancelled => "is cancelled",
    }
}

/// What EC2 may call a zone that is not well (EC2 API reference, `AvailabilityZone`).
pub(crate) const UNWELL: [&str; 3] = ["impaired", "constrained", "unavailable"];

/// Every way a call may go wrong.
pub(crate) const FAULTS: [Fault; 3] =
    [Fault::Refused("ThrottlingException: Rate exceeded"), Fault::RequestLost, Fault::AnswerLost];

/// The processes of a group that somebody may suspend.
pub(crate) const PROCESSES: [&str; 3] = ["Launch", "Terminate", "ReplaceUnhealthy"];

pub(crate) fn fails(fault: &Fault) -> &'static str {
    match fault {
        Fault::Refused(_) => "is throttled",
        Fault::RequestLost => "never arrives",
        Fault::AnswerLost => "gets no answer",
    }
}

impl fmt::Display for Habit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(after) => write!(f, "alarms are delivered again after {}", Length(*after)),
            Self::Late(by) => write!(f, "alarms are delivered {} late", Length(*by)),
            Self::Reordered => f.write_str("alarms are delivered in another order"),
            Self::TriggersLost => f.write_str("best-effort events are lost"),
            Self::Queued => f.write_str("alarms come through the queue"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("that is cut off"),
            Self::Number(path) => write!(f, "with a number in {path}"),
            Self::Missing(path) => write!(f, "without {path}"),
        }
    }
}
