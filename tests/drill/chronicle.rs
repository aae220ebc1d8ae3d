//! What happened in an episode, line by line, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use remedy::ids::{IncidentId, InstanceId};
use remedy::incident::Stage;

use crate::calls::Call;
use crate::group::{Lifecycle, Member};
use crate::host::Host;

/// What happened, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    /// When, and what.
    pub(crate) entries: Vec<(Timestamp, Entry)>,
    /// How each host was, from when on.
    pub(crate) moods: BTreeMap<InstanceId, Vec<(Timestamp, Mood)>>,
    /// Where each incident stood, from when on.
    pub(crate) stages: BTreeMap<IncidentId, Vec<(Timestamp, Stage)>>,
}

/// How a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing is wrong with it.
    Well,
    /// It is in trouble.
    InTrouble,
    /// It shuts down, or boots.
    Down,
    /// It is out of service, in Standby or on the way.
    OutOfService,
    /// It is stopped or gone.
    Gone,
}

impl Mood {
    /// How `host` is, which may be a member of a group.
    pub(crate) fn of(host: &Host, member: Option<&Member>) -> Self {
        let lifecycle = member.map(|member| member.lifecycle);
        if !host.runs() {
            Self::Gone
        } else if host.is_down() {
            Self::Down
        } else if matches!(lifecycle, Some(Lifecycle::EnteringStandby | Lifecycle::Standby)) {
            Self::OutOfService
        } else if host.trouble.is_some() {
            Self::InTrouble
        } else {
            Self::Well
        }
    }

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::InTrouble => "in trouble",
            Self::Down => "down",
            Self::OutOfService => "out of service",
            Self::Gone => "stopped or gone",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// The world did something.
    World(String),
    /// A function was invoked, or answered.
    Function(String),
    /// A call reached the region.
    Call(Call),
}

impl Chronicle {
    /// A host is so now.
    pub(crate) fn is(&mut self, id: &InstanceId, now: Timestamp, mood: Mood) {
        let moods = self.moods.entry(id.clone()).or_default();
        if moods.last().is_none_or(|(_, last)| *last != mood) {
            moods.push((now, mood));
        }
    }

    /// An incident stands there now.
    pub(crate) fn stands(&mut self, id: &IncidentId, now: Timestamp, stage: Stage) {
        let stages = self.stages.entry(id.clone()).or_default();
        if stages.last().is_none_or(|(_, last)| *last != stage) {
            stages.push((now, stage));
        }
    }

    /// The chronicle as text.
    pub(crate) fn told(&self) -> String {
        let mut text = String::new();
        for (at, entry) in &self.entries {
            let at = at.strftime("%H:%M:%S");
            // Writing to a String cannot fail.
            let _ = match entry {
                Entry::World(what) => writeln!(text, "{at}  {what}"),
                Entry::Function(what) => writeln!(text, "{at}    {what}"),
                Entry::Call(Call { verb, about, answer, .. }) => {
                    writeln!(text, "{at}      {:<41} {about}: {answer}", verb.name())
                }
            };
        }
        text
    }
}
