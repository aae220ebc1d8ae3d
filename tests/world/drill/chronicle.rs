//! What happened in an episode, line by line, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::Stage;
use remedy::model::reason::Reason;
use remedy::report::outcome::Report;

use crate::calls::{Call, Nature};
use crate::group::{Lifecycle, Member};
use crate::host::Host;

/// What happened, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    /// When, and what.
    pub(crate) entries: Vec<(Timestamp, Entry)>,
    /// What people call the instances.
    pub(crate) names: BTreeMap<InstanceId, String>,
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
    /// A function says what an alarm or an incident came to.
    Report(Box<Report>),
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
                Entry::Report(report) => writeln!(text, "{at}    {}", came_to(report)),
            };
        }
        text
    }

    /// The chronicle as an operator would have seen it: what happened, what was
    /// decided and why, what was done, and what people heard.
    pub(crate) fn in_short(&self) -> String {
        let mut text = String::new();
        let mut said: BTreeMap<IncidentId, String> = BTreeMap::new();
        for (at, entry) in &self.entries {
            let at = at.strftime("%H:%M:%S");
            // Writing to a String cannot fail.
            let _ = match entry {
                Entry::World(what) => writeln!(text, "{at}  {what}"),
                Entry::Report(report) => {
                    // What holds a rung back is said once, not every minute.
                    let said = said.entry(report.incident_id.clone()).or_default();
                    let news = came_to(report);
                    if *said == news {
                        continue;
                    }
                    said.clone_from(&news);
                    writeln!(text, "{at}    {news}")
                }
                Entry::Call(call) => match (call.verb.nature(), call.verb) {
                    (Nature::Touch, verb) => {
                        writeln!(text, "{at}      {} {}: {}", verb.name(), call.about, call.answer)
                    }
                    (Nature::Tell, _) => writeln!(text, "{at}      > {}", call.about),
                    _ => Ok(()),
                },
                Entry::Function(what) if what.starts_with("error") => {
                    writeln!(text, "{at}    {what}")
                }
                Entry::Function(_) => Ok(()),
            };
        }
        let _ = writeln!(text, "\nIn the end");
        for (id, moods) in &self.moods {
            if let Some((_, mood)) = moods.last() {
                let _ = writeln!(text, "  {id} is {}", mood.name());
            }
        }
        for (id, name) in &self.names {
            text = text.replace(&format!(" ({id})"), "").replace(id.as_str(), name);
        }
        text
    }
}

/// What a report says, in a line: about whom, what came of it, and why.
fn came_to(report: &Report) -> String {
    let codes: Vec<&str> = report.because.iter().map(Reason::code).collect();
    let (symptom, instance) = (report.symptom, &report.instance_id);
    let stage = report.stage.map(|stage| format!(", {}", crate::stage(stage)));
    let (outcome, stage) = (report.outcome.name(), stage.unwrap_or_default());
    format!("{symptom} on {instance}: {outcome}{stage}: {}", codes.join(", "))
}
