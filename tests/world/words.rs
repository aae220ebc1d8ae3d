//! What a call answered, in a few words for people.

use remedy::model::calendar::CalendarState;
use remedy::model::growth::{GROW_TO_TAG, GrowthBook};
use remedy::model::ids::CommandId;
use remedy::model::incident::{Incident, Stage};
use remedy::model::pause::Pause;
use remedy::model::policy::OPT_IN_TAG;
use remedy::model::policy::OptIn;
use remedy::model::pool::{PoolBook, Sighting};
use remedy::model::repeats::Occurrences;
use remedy::ports::ledger::{Counted, Due, DueOne, Leased, Recorded};
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Member, Membership,
    Modification, Snapshot, StatusChecks, Volume, Zone,
};

/// An answer that can be put into words.
pub(crate) trait Words {
    /// The answer, in a few words on one line.
    fn words(&self) -> String;
}

/// The status of an unfinished instance refresh.
pub(crate) struct Refresh(pub(crate) Option<String>);

/// A later state of an incident.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) stage: Stage,
    pub(crate) version: u64,
}

impl Written {
    /// What was written, if the write won.
    pub(crate) fn over(self, won: bool) -> Option<Self> {
        won.then_some(self)
    }
}

fn or_none<T>(value: Option<&T>, none: &str, words: impl FnOnce(&T) -> String) -> String {
    value.map_or_else(|| none.to_owned(), words)
}

impl Words for Option<Incident> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "no such incident", |incident| stage(incident.stage).to_owned())
    }
}

impl Words for Option<Instance> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "no such instance", |instance| {
            let platform = instance.platform;
            let tag = match OptIn::of(&instance.tags) {
                OptIn::Enabled => format!("{OPT_IN_TAG} = enabled"),
                OptIn::Observe => format!("{OPT_IN_TAG} = observe"),
                OptIn::No(Some(value)) => format!("{OPT_IN_TAG} = {value:?}"),
                OptIn::No(None) => format!("no tag {OPT_IN_TAG}"),
            };
            let (state, kind, zone) = (&instance.state, &instance.instance_type, &instance.zone);
            format!("{state}, {platform}, {kind} in {zone}, {tag}")
        })
    }
}

impl Words for Option<StatusChecks> {
    fn words(&self) -> String {
        let check = |impaired| if impaired { "impaired" } else { "ok" };
        or_none(self.as_ref(), "no status, it does not run", |status| {
            let (system, instance) =
                (check(status.system_impaired), check(status.instance_impaired));
            let application = status
                .application_impaired
                .map_or(String::new(), |impaired| format!(", application {}", check(impaired)));
            let volume = if status.volume_impaired { ", attached EBS impaired" } else { "" };
            format!("system {system}, instance {instance}{volume}{application}")
        })
    }
}

/// What a console showed.
impl Words for Option<String> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "nothing", |text| format!("{} bytes", text.len()))
    }
}

impl Words for Option<Agent> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "no agent registered", |agent| {
            let online = if agent.online { "online" } else { "connection lost" };
            match agent.last_ping {
                Some(ping) => format!("{online}, last ping {}", ping.strftime("%H:%M:%S")),
                None => online.to_owned(),
            }
        })
    }
}

impl Words for Option<Membership> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "in no group", |membership| {
            let health = if membership.healthy { "healthy" } else { "unhealthy" };
            format!("{} and {health} in {}", membership.lifecycle, membership.group)
        })
    }
}

impl Words for Option<Group> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "no such group", |group| {
            let healthy = |member: &&Member| member.healthy && member.lifecycle == "InService";
            let healthy = group.members.iter().filter(healthy);
            let healthy: u32 = healthy.map(|member| member.weight.unwrap_or(1)).sum();
            let checks: Vec<&str> = group.health_checks.iter().map(String::as_str).collect();
            let mut words = format!(
                "{} of {} healthy in service (min {}, max {}), health by {}",
                healthy,
                group.desired,
                group.min,
                group.max,
                checks.join(" and "),
            );
            if !group.suspended.is_empty() {
                let suspended: Vec<&str> = group.suspended.iter().map(String::as_str).collect();
                words.push_str(", suspended: ");
                words.push_str(&suspended.join(", "));
            }
            words
        })
    }
}

impl Words for Refresh {
    fn words(&self) -> String {
        or_none(self.0.as_ref(), "none unfinished", Clone::clone)
    }
}

impl Words for History {
    fn words(&self) -> String {
        or_none(self.latest.as_ref(), "no incident", |incident| {
            format!("incident {} is {}", incident.id, stage(incident.stage))
        })
    }
}

impl Words for Recorded {
    fn words(&self) -> String {
        match self {
            Self::New => "written, the claim is ours".to_owned(),
            Self::Already(other) => format!("not written: incident {} stands there", other.id),
            Self::SlotTaken => "not written: the place in the budget is taken".to_owned(),
        }
    }
}

impl Words for Option<Written> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "not written: another writer was first", |written| {
            format!("written as {}, version {}", stage(written.stage), written.version)
        })
    }
}

impl Words for CommandId {
    fn words(&self) -> String {
        format!("command {self}")
    }
}

impl Words for Option<CommandId> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "none", |id| format!("command {id}"))
    }
}

impl Words for Option<Command> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "not shown yet", |command| command.status.clone())
    }
}

impl Words for Vec<Datapoint> {
    fn words(&self) -> String {
        or_none(self.last(), "no datapoint", |newest| {
            format!("{:.1} at {}", newest.value, newest.at.strftime("%H:%M:%S"))
        })
    }
}

impl Words for Option<AlarmSettings> {
    fn words(&self) -> String {
        let state = self.as_ref().and_then(|alarm| alarm.state);
        or_none(state.as_ref(), "not known", |state| format!("{state:?}").to_uppercase())
    }
}

impl Words for PoolBook {
    fn words(&self) -> String {
        let (leases, sick, replaced) = (self.leases.len(), self.sick.len(), self.replaced.len());
        format!("{leases} leases, {sick} sick, replaced {replaced} times")
    }
}

impl Words for Vec<Sighting> {
    fn words(&self) -> String {
        format!("{} sick", self.len())
    }
}

impl Words for Vec<Pause> {
    fn words(&self) -> String {
        format!("{} pauses", self.len())
    }
}

impl Words for Vec<Zone> {
    fn words(&self) -> String {
        let unwell = self.iter().filter(|zone| !zone.is_well());
        let unwell: Vec<String> = unwell.map(|it| format!("{} {}", it.name, it.state)).collect();
        if unwell.is_empty() { "all available".to_owned() } else { unwell.join(", ") }
    }
}

impl Words for CalendarState {
    fn words(&self) -> String {
        let state = if self.is_open { "open" } else { "closed" };
        self.until.map_or(state.to_owned(), |until| format!("{state} until {until}"))
    }
}

impl Words for usize {
    fn words(&self) -> String {
        self.to_string()
    }
}

impl Words for bool {
    fn words(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Words for Leased {
    fn words(&self) -> String {
        match self {
            Self::Won => "written, with a place in the budget".to_owned(),
            Self::Outrun => "not written: another writer was first".to_owned(),
            Self::SlotTaken => "not written: the place in the budget is taken".to_owned(),
        }
    }
}

impl Words for Counted {
    fn words(&self) -> String {
        match self {
            Self::Won => "written, and counted",
            Self::Outrun => "not written: another writer was first",
            Self::Contended => "not written: another growth was counted first",
        }
        .to_owned()
    }
}

impl Words for Vec<Volume> {
    fn words(&self) -> String {
        or_none(self.first(), "none", |volume| {
            let cap = volume.tags.get(GROW_TO_TAG);
            let cap = cap.map_or(String::new(), |cap| format!(", may grow to {cap}"));
            format!("{} of {} GiB{cap}", volume.id, volume.size_gib)
        })
    }
}

impl Words for Option<Modification> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "never modified", |last| {
            format!("{} to {} GiB", last.state, last.target_gib.unwrap_or_default())
        })
    }
}

impl Words for Option<Snapshot> {
    fn words(&self) -> String {
        or_none(self.as_ref(), "no snapshot", |it| format!("{}, {}", it.id.as_str(), it.state))
    }
}

impl Words for GrowthBook {
    fn words(&self) -> String {
        format!("grown {} times, {} GiB today", self.of_volume.len(), self.region_today_gib)
    }
}

impl Words for Vec<DueOne> {
    fn words(&self) -> String {
        format!("{} due", self.len())
    }
}

impl Words for Due {
    fn words(&self) -> String {
        format!("{} due", self.incidents.len())
    }
}

impl Words for Occurrences {
    fn words(&self) -> String {
        let what = if self.is_first { "the first" } else { "only counted" };
        format!("{what}, {} in 10 minutes", self.here)
    }
}

impl Words for () {
    fn words(&self) -> String {
        "accepted".to_owned()
    }
}

/// The stage, in words.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Cleaning => "cleaning",
        Stage::Surveying => "surveying",
        Stage::Snapshotting => "snapshotting",
        Stage::Growing => "growing",
        Stage::Extending => "extending",
        Stage::Gathering => "gathering",
        Stage::Draining => "draining",
        Stage::Rebooting => "rebooting",
        Stage::Returning => "returning",
        Stage::Replacing => "replacing",
        Stage::Watching => "watching",
        Stage::Resolved => "resolved",
        Stage::HandedOver => "handed over",
        Stage::Expired => "expired",
        Stage::Withdrawn => "withdrawn",
    }
}
