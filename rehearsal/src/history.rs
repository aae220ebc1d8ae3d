//! What is known of the past: a file that can be kept, and rehearsed without an account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use remedy::model::ids::{CommandId, GroupName, IncidentId, InstanceId};
use remedy::model::pause::Pause;
use remedy::ports::look::{
    Agent, Group, Instance, Membership, Modification, StatusChecks, Volume, Zone,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the file.
pub const VERSION: u8 = 1;

/// What is known of the past of one account in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// The version of the file.
    pub version: u8,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// From when on alarms are rehearsed.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// When what is only known of today was read.
    pub taken_at: Timestamp,
    /// The alarms.
    pub alarms: Vec<AlarmThen>,
    /// What `cloudwatch:DescribeAlarmHistory` told, oldest first.
    pub items: Vec<Item>,
    /// What was measured.
    pub values: Vec<Values>,
    /// The instances.
    pub instances: BTreeMap<InstanceId, InstanceThen>,
    /// Their groups.
    pub groups: BTreeMap<GroupName, GroupThen>,
    /// Which instance types have disks of their own.
    pub instance_store: BTreeMap<String, bool>,
    /// The zones of the region.
    pub zones: Timeline<Vec<Zone>>,
    /// When change calendars were closed, where anybody has kept that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Vec<Closed>>,
    /// What people had paused.
    pub pauses: Timeline<Vec<Pause>>,
    /// The commands that Remedy itself had sent.
    pub commands: Vec<CommandThen>,
    /// What was done to instances, by people or by Remedy.
    pub acts: Vec<Act>,
    /// When the follow-up looked, where that is known; otherwise it looks each minute.
    pub looks: Option<Vec<Look>>,
    /// What people said who were asked.
    pub answers: Vec<Answer>,
    /// The settings of the deployment, as far as they are not as they come.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// What could not be read, and why.
    pub missing: Vec<Missing>,
}

/// Something that holds from a time on, until it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timeline<T>(pub Vec<Since<T>>);

/// What holds since a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Since<T> {
    /// Since when.
    pub at: Timestamp,
    /// What.
    pub value: T,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Timeline<T> {
    /// Notes what holds at a time, which is not before what was noted last.
    pub fn note(&mut self, at: Timestamp, value: T) {
        if self.0.last().is_none_or(|last| last.value != value) {
            self.0.push(Since { at, value });
        }
    }
}

impl<T> Timeline<T> {
    /// What held at a time, and how that is known: then, or by what was read later.
    pub fn at(&self, now: Timestamp) -> Option<(&T, Known)> {
        let then = self.0.partition_point(|since| since.at <= now).checked_sub(1);
        match then.and_then(|place| self.0.get(place)) {
            Some(since) => Some((&since.value, Known::Then)),
            None => self.0.first().map(|since| (&since.value, Known::Today)),
        }
    }

    /// What held last.
    pub fn last(&self) -> Option<&T> {
        self.0.last().map(|since| &since.value)
    }
}

/// How a fact of the past is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// It was so then.
    Then,
    /// It is so today, and taken for what it was then.
    Today,
    /// No history holds it: both ways are played.
    Unknowable,
}

/// An alarm, as it is configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmThen {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What its events call `configuration`: its description and its metrics.
    pub configuration: Timeline<Value>,
    /// What its owner has set.
    pub settings: Timeline<Settings>,
    /// Its tags.
    pub tags: Timeline<BTreeMap<String, String>>,
    /// The mute rule that was active, as its events tell it in `muteDetail`.
    pub muted: Timeline<Option<Value>>,
}

/// What the owner of an alarm has set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether it acts.
    pub actions_enabled: bool,
    /// What it does when it goes into ALARM.
    pub actions: Vec<String>,
}

/// One item of `cloudwatch:DescribeAlarmHistory`, by AWS's own names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Item {
    /// The alarm.
    pub alarm_name: String,
    /// `MetricAlarm`, or another type.
    #[serde(default)]
    pub alarm_type: Option<String>,
    /// Which contributor it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_contributor_id: Option<String>,
    /// The contributor's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_contributor_attributes: Option<BTreeMap<String, String>>,
    /// When.
    pub timestamp: Timestamp,
    /// `StateUpdate`, `AlarmContributorStateUpdate`, or another type.
    pub history_item_type: String,
    /// What happened, as JSON in a text.
    pub history_data: String,
}

/// The values of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// The metric's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// A value comes so often, in seconds.
    pub every: u32,
    /// The values, each with the beginning of its period, oldest first.
    pub values: Vec<(Timestamp, f64)>,
}

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceThen {
    /// What EC2 said of it; nothing if it was not there.
    pub instance: Timeline<Option<Instance>>,
    /// Its status checks.
    pub status: Timeline<Option<StatusChecks>>,
    /// Its SSM agent.
    pub agent: Timeline<Option<Agent>>,
    /// Its place in a group.
    pub membership: Timeline<Option<Membership>>,
    /// How many sessions were open on it.
    pub sessions: Timeline<usize>,
    /// Its volumes.
    pub volumes: Timeline<Vec<Volume>>,
    /// The last modification of the first of them.
    pub modification: Timeline<Option<Modification>>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupThen {
    /// What Auto Scaling said of it; nothing if it was not there.
    pub group: Timeline<Option<Group>>,
    /// The instance refresh that ran.
    pub refresh: Timeline<Option<String>>,
}

/// A change calendar was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The calendar's name or ARN.
    pub calendar: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A command that Remedy had sent, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandThen {
    /// Its id.
    pub id: CommandId,
    /// To whom.
    pub instance: InstanceId,
    /// Its comment, which begins with its incident.
    pub comment: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it had ended, if it had.
    pub ended_at: Option<Timestamp>,
    /// The fine status then.
    pub status: String,
    /// The script's exit code.
    pub exit_code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// Its errors.
    pub stderr: String,
}

/// What was done to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// The call, in IAM's spelling, such as `ec2:RebootInstances`.
    pub call: String,
    /// To which instances.
    pub instances: BTreeSet<InstanceId>,
    /// Who did it, as far as that is told.
    pub by: String,
    /// What AWS said where it did not do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The follow-up looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// At one instance alone, if something told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
}

/// A person answered a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// About which instance.
    pub instance: InstanceId,
    /// About which incident.
    pub incident: IncidentId,
    /// About which attempt.
    pub attempt: usize,
    /// The question's nonce.
    pub nonce: String,
    /// Whether it may be done.
    pub yes: bool,
    /// Who.
    pub by: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl History {
    /// Reads a file.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut history: Self =
            serde_json::from_str(text).map_err(|error| format!("it is no history: {error}"))?;
        if history.version != VERSION {
            return Err(format!("its version is {}, and {VERSION} is understood", history.version));
        }
        history.items.sort_by_key(|item| item.timestamp);
        history.acts.sort_by_key(|act| act.at);
        Ok(history)
    }

    /// The file.
    pub fn write(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }

    /// The alarm by that name.
    pub fn alarm(&self, name: &str) -> Option<&AlarmThen> {
        self.alarms.iter().find(|alarm| alarm.name == name)
    }

    /// As if nothing had been noted but at the end: what an account tells of itself, whose facts
    /// of then nobody has kept. What was measured, what was done and what changed its state stays,
    /// and so do the facts to `keep`.
    #[must_use]
    pub fn as_of_today(mut self, keep: &[Fact]) -> Self {
        fn last<T>(timeline: &mut Timeline<T>, at: Timestamp) {
            let last = timeline.0.pop().map(|since| Since { at, ..since });
            timeline.0 = last.into_iter().collect();
        }
        let at = self.taken_at;
        let goes = |fact| !keep.contains(&fact);
        for then in self.instances.values_mut() {
            if goes(Fact::Instances) {
                last(&mut then.instance, at);
            }
            if goes(Fact::Checks) {
                last(&mut then.status, at);
            }
            if goes(Fact::Agents) {
                last(&mut then.agent, at);
            }
            if goes(Fact::Places) {
                last(&mut then.membership, at);
            }
            if goes(Fact::Sessions) {
                last(&mut then.sessions, at);
            }
            if goes(Fact::Volumes) {
                last(&mut then.volumes, at);
                last(&mut then.modification, at);
            }
        }
        for then in self.groups.values_mut().filter(|_| goes(Fact::Groups)) {
            last(&mut then.group, at);
            last(&mut then.refresh, at);
        }
        for alarm in self.alarms.iter_mut().filter(|_| goes(Fact::Alarms)) {
            last(&mut alarm.configuration, at);
            last(&mut alarm.settings, at);
            last(&mut alarm.tags, at);
            last(&mut alarm.muted, at);
        }
        if goes(Fact::Zones) {
            last(&mut self.zones, at);
        }
        if goes(Fact::Pauses) {
            last(&mut self.pauses, at);
        }
        self
    }
}

/// What an account tells of today only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Instances, their tags and states.
    Instances,
    /// Their status checks.
    Checks,
    /// Their SSM agents.
    Agents,
    /// Their places in groups.
    Places,
    /// Open sessions.
    Sessions,
    /// Volumes, and how they were modified.
    Volumes,
    /// Groups, their settings and members.
    Groups,
    /// What the owners of alarms have set.
    Alarms,
    /// The zones.
    Zones,
    /// What people have paused.
    Pauses,
}

impl Fact {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Instances,
        Self::Checks,
        Self::Agents,
        Self::Places,
        Self::Sessions,
        Self::Volumes,
        Self::Groups,
        Self::Alarms,
        Self::Zones,
        Self::Pauses,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instances => "instances, their tags and states",
            Self::Checks => "status checks",
            Self::Agents => "SSM agents",
            Self::Places => "places in groups",
            Self::Sessions => "open sessions",
            Self::Volumes => "volumes",
            Self::Groups => "groups",
            Self::Alarms => "what the owners of alarms have set",
            Self::Zones => "zones",
            Self::Pauses => "pauses",
        }
    }
}
