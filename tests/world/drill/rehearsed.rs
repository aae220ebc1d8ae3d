//! Episodes of the drill, recorded as a history and rehearsed: the decisions must be those that
//! were taken.

#![expect(clippy::indexing_slicing, reason = "what a JSON value lacks is null")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rehearsal::history::{
    Act as Done, AlarmThen, Answer as Said, Closed, CommandThen, Fact, History, Item, Look,
    Settings, Since, VERSION, Values,
};
use rehearsal::play::{CameTo, play};
use rehearsal::then::Assume;
use remedy::alarm::{self, Invocation};
use remedy::model::alarm::Symptom;
use remedy::model::ids::{CommandId, InstanceId};
use remedy::model::pause::Scope;
use remedy::model::series::Series;
use remedy::report::outcome::Report;
use remedy::respond::{Answer, RespondError};
use serde_json::{Value, json};

use super::episode::{Act, Episode};
use super::plot::{Line, Plot, Trait, What};
use super::run::Plan;
use crate::Region;
use crate::calls::{Effect, Nature, Verb};
use crate::command::Command;
use crate::drive::Function;
use crate::fleet::{ACCOUNT, REGION};
use crate::watch::Change;

/// The values of the last minutes are read each time: one may come late.
const READ_BACK: SignedDuration = SignedDuration::from_mins(15);

/// On first sight of a series, its values of so long ago are read.
const READ_FIRST: SignedDuration = SignedDuration::from_hours(3);

/// Which series: its namespace, name and dimensions.
type Name = (String, String, BTreeMap<String, String>);

/// Writes down what a history would hold.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    history: History,
    series: BTreeMap<Name, (Series, BTreeMap<Timestamp, f64>)>,
    ended: BTreeMap<CommandId, Timestamp>,
    /// Which item an alarm's change of state is.
    items: BTreeMap<(String, InstanceId, Timestamp), usize>,
    /// What each item came to.
    taken: BTreeMap<usize, Option<Decision>>,
}

/// A decision, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decision {
    outcome: &'static str,
    rung: Option<&'static str>,
    handed_over: bool,
    because: Vec<&'static str>,
}

impl Decision {
    fn of(report: &Report) -> Self {
        Self {
            outcome: report.outcome.name(),
            rung: report.rung.map(remedy::model::rung::Rung::name),
            handed_over: report.handed_over,
            because: report.codes(),
        }
    }
}

/// How true rehearsals are.
#[derive(Debug, Default)]
pub struct Fidelity {
    /// Decisions that were compared.
    pub decisions: u64,
    /// Those that were the same.
    pub same: u64,
    /// The others, by the facts that are missing: with them it is the one that was taken.
    pub explained: BTreeMap<String, u64>,
    /// The others that no fact explains.
    pub unexplained: Vec<String>,
}

impl Fidelity {
    /// How many of a hundred decisions were the same.
    #[expect(clippy::cast_precision_loss, reason = "no drill has as many decisions")]
    pub fn percent(&self) -> f64 {
        self.same as f64 * 100.0 / (self.decisions.max(1) as f64)
    }
}

/// Plays an episode, and gives its history.
fn record(plan: Plan, number: u64) -> Recorder {
    let mut plot = plan.plot(number);
    let fleets = fleets(&plot);
    plot.lines.retain(|line| !is_of_the_machinery(line) && !mutes_a_member(line, &fleets));
    let mut episode = Episode::new(&plot);
    episode.region.transcribe(false);
    let mut recorder = Recorder::default();
    recorder.begin(episode.region.now());
    episode.recorder = Some(recorder);
    episode.run();
    let region = episode.region.clone();
    let mut recorder = episode.recorder.unwrap_or_default();
    recorder.end(&region);
    recorder
}

/// The beginnings of the names of those that a fleet alarm watches.
fn fleets(plot: &Plot) -> Vec<String> {
    let groups = plot.lines.iter().filter_map(|line| match line {
        Line::Group(group) => group.is(Trait::FleetAlarm).then(|| format!("{}/", group.name)),
        _ => None,
    });
    groups.collect()
}

/// Whether a line mutes one member of a fleet. A mute rule names alarms (`PutAlarmMuteRule` in
/// botocore's model of `cloudwatch`, `MuteTargets`), so that AWS cannot do it, and no history has
/// a place for it.
fn mutes_a_member(line: &Line, fleets: &[String]) -> bool {
    let Line::Happens(_, What::Mutes(of, _)) = line else { return false };
    fleets.iter().any(|fleet| of.starts_with(fleet.as_str()))
}

/// Whether a line is about what no account suffers but what runs Remedy: calls that fail, events
/// that come late, functions that die.
fn is_of_the_machinery(line: &Line) -> bool {
    let Line::Happens(_, what) = line else { return *line == Line::Quotas };
    matches!(
        what,
        What::Delivery(..)
            | What::Outage(..)
            | What::Hiccup(..)
            | What::Lag { .. }
            | What::Death { .. }
            | What::Clock { .. }
            | What::NoBeat(_)
            | What::TwoBeats(_)
            | What::AtOnce(..)
            | What::Broken(..)
    )
}

/// The history of an episode, as a file has it.
pub fn recorded(seed: u64, number: u64) -> History {
    record(Plan { incidents: 0, seed, threads: 1 }, number).history
}

/// Records and rehearses episodes with that seed; `of_today` as an account tells of itself
/// afterwards, and otherwise with all that was so then.
pub fn fidelity(seed: u64, episodes: std::ops::Range<u64>, of_today: bool) -> Fidelity {
    let plan = Plan { incidents: 0, seed, threads: 1 };
    let mut fidelity = Fidelity::default();
    for number in episodes {
        let Recorder { history, taken, .. } = record(plan, number);
        let rehearsed = |keep: &[Fact]| {
            let history = history.clone();
            decided(&if of_today { history.as_of_today(keep) } else { history })
        };
        let decisions = rehearsed(&[]);
        let differ = |decisions: &BTreeMap<usize, Option<Decision>>| -> BTreeSet<usize> {
            let is_other =
                |(item, taken): &(&usize, &Option<Decision>)| decisions.get(item) != Some(*taken);
            taken.iter().filter(is_other).map(|(item, _)| *item).collect()
        };
        let others = differ(&decisions);
        fidelity.decisions += taken.len() as u64;
        fidelity.same += (taken.len() - others.len()) as u64;
        if !of_today {
            fidelity.unexplained.extend(others.iter().map(|item| {
                let (taken, rehearsed) = (taken.get(item), decisions.get(item));
                format!("episode {number}, item {item}: taken {taken:?}, but {rehearsed:?}")
            }));
            continue;
        }
        fidelity.explain(number, others, |keep| differ(&rehearsed(keep)));
    }
    fidelity
}

/// What each alarm comes to in a rehearsal.
fn decided(history: &History) -> BTreeMap<usize, Option<Decision>> {
    let policy = Function::new(Symptom::HighCpu).policy;
    let played = play(history, &policy, Assume::HelpsNot, |_| {});
    let decision = |came_to: &CameTo| match came_to {
        CameTo::Reports(reports) => reports.first().map(Decision::of),
        CameTo::NotOurs(_) | CameTo::Failed(_) | CameTo::NoEvent(_) => None,
    };
    played.answered.iter().map(|it| (it.item, decision(&it.came_to))).collect()
}

impl Fidelity {
    /// Finds for each decision that is another the facts that are missing: those with which it
    /// is the one that was taken. `differ` tells which are others if facts are kept.
    fn explain(
        &mut self,
        number: u64,
        mut others: BTreeSet<usize>,
        differ: impl Fn(&[Fact]) -> BTreeSet<usize>,
    ) {
        let mut count = |names: Vec<&str>, found: usize| {
            if found > 0 {
                *self.explained.entry(names.join(" and ")).or_default() += found as u64;
            }
        };
        for fact in Fact::ALL {
            if others.is_empty() {
                return;
            }
            let left = differ(&[fact]);
            let found = others.extract_if(.., |item| !left.contains(item)).count();
            count(vec![fact.name()], found);
        }
        // What no fact explains alone, several do: fewer and fewer are kept.
        while let Some(item) = others.pop_first() {
            let mut needed = Fact::ALL.to_vec();
            if differ(&needed).contains(&item) {
                self.unexplained.push(format!("episode {number}, item {item}, by no fact"));
                return;
            }
            for fact in Fact::ALL {
                let fewer: Vec<Fact> =
                    needed.iter().copied().filter(|other| *other != fact).collect();
                if !differ(&fewer).contains(&item) {
                    needed = fewer;
                }
            }
            count(needed.into_iter().map(Fact::name).collect(), 1);
        }
    }
}

impl Recorder {
    fn begin(&mut self, now: Timestamp) {
        self.history = History {
            version: VERSION,
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            from: now,
            looks: Some(Vec::new()),
            closed: Some(Vec::new()),
            ..History::default()
        };
    }

    /// An alarm has changed its state.
    pub(super) fn changed(&mut self, change: &Change) {
        let event: Value = serde_json::from_str(&change.event).unwrap_or_default();
        let event = carried(event);
        let detail = &event["detail"];
        let name = detail["alarmName"].as_str().unwrap_or_default().to_owned();
        let place = self.alarm(&name);
        if let Some(alarm) = self.history.alarms.get_mut(place) {
            event["resources"][0].as_str().unwrap_or_default().clone_into(&mut alarm.arn);
            alarm.configuration.note(change.at, detail["configuration"].clone());
            let tags = serde_json::from_value(detail["alarmTags"].clone()).unwrap_or_default();
            alarm.tags.note(change.at, tags);
            // Its window is told anew with each event.
            let muted = detail.get("muteDetail").cloned();
            alarm.muted.0.push(Since { at: change.at, value: muted });
        }
        let of_a_contributor = detail.get("alarmContributor").is_some();
        let contributor = &detail["alarmContributor"];
        let mut data = json!({ "version": "1.0", "newState": as_in_a_history(&detail["state"]) });
        if !of_a_contributor {
            data["oldState"] = as_in_a_history(&detail["previousState"]);
        }
        let key = (name.clone(), change.instance.clone(), change.at);
        self.items.insert(key, self.history.items.len());
        let kind = if of_a_contributor { "AlarmContributorStateUpdate" } else { "StateUpdate" };
        self.history.items.push(Item {
            alarm_name: name,
            alarm_type: Some("MetricAlarm".to_owned()),
            alarm_contributor_id: contributor["id"].as_str().map(str::to_owned),
            alarm_contributor_attributes: serde_json::from_value(contributor["attributes"].clone())
                .ok(),
            timestamp: change.at,
            history_item_type: kind.to_owned(),
            history_data: data.to_string(),
        });
        let invocation =
            Invocation { symptom: change.symptom, request_id: String::new(), at: change.at };
        let received = alarm::read(&change.event, &invocation).into_iter();
        for series in received.flat_map(|received| received.alarms).filter_map(|it| it.series) {
            let name = (series.namespace.clone(), series.name.clone(), series.dimensions.clone());
            self.series.entry(name).or_insert_with(|| (series, BTreeMap::new()));
        }
    }

    fn alarm(&mut self, name: &str) -> usize {
        let found = self.history.alarms.iter().position(|alarm| alarm.name == name);
        found.unwrap_or_else(|| {
            self.history.alarms.push(AlarmThen { name: name.to_owned(), ..AlarmThen::default() });
            self.history.alarms.len() - 1
        })
    }

    /// Something is about to be invoked.
    pub(super) fn invoked(&mut self, acts: &[Act], now: Timestamp) {
        let looks = self.history.looks.get_or_insert_default();
        for act in acts {
            match act {
                Act::Beat => looks.push(Look { at: now, instance: None }),
                Act::Trigger(id) => looks.push(Look { at: now, instance: Some(id.clone()) }),
                Act::Answer(said) => self.history.answers.push(Said {
                    at: now,
                    instance: said.instance.clone(),
                    incident: said.incident.clone(),
                    attempt: said.attempt,
                    nonce: said.nonce.clone(),
                    yes: said.yes,
                    by: said.by.clone(),
                }),
                Act::Begin(_)
                | Act::End(_)
                | Act::Rest
                | Act::Evaluate
                | Act::Deliver(..)
                | Act::Batch(..)
                | Act::Break(..) => {}
            }
        }
    }

    /// What an alarm came to.
    pub(super) fn answered(&mut self, change: &Change, answer: &Result<Answer, RespondError>) {
        let key = (change.alarm.clone(), change.instance.clone(), change.at);
        let Some(item) = self.items.get(&key) else { return };
        let decision = match answer {
            Ok(answer) => answer.reports.first().map(Decision::of),
            Err(_) => return,
        };
        self.taken.insert(*item, decision);
    }

    /// What was done to the region.
    pub(super) fn done(&mut self, effects: &[Effect]) {
        let touches = effects.iter().filter(|effect| effect.verb.nature() == Nature::Touch);
        for effect in touches {
            let about = effect.before.as_ref().map(|before| before.id.clone());
            let idle = effect.verb == Verb::Reboot;
            let refused = (!effect.done && !idle).then(|| "AWS refused it then".to_owned());
            self.history.acts.push(Done {
                at: effect.at,
                call: effect.verb.name().to_owned(),
                instances: about.into_iter().collect(),
                by: "Remedy".to_owned(),
                refused,
            });
        }
    }

    /// How everything is now.
    pub(super) fn look_around(&mut self, region: &Region) {
        let mut state = region.state.borrow_mut();
        let now = state.now;
        let ids: Vec<InstanceId> = state.hosts.keys().cloned().collect();
        for id in ids {
            let disk = state.hosts.get(&id).map(|host| host.disk.clone());
            let then = self.history.instances.entry(id.clone()).or_default();
            then.instance.note(now, state.instance(&id));
            then.status.note(now, state.status(&id));
            then.agent.note(now, state.agent(&id));
            then.membership.note(now, state.membership(&id));
            then.sessions.note(now, state.sessions(&id));
            let volume = disk.as_ref().and_then(|disk| disk.described(&id));
            then.volumes.note(now, volume.into_iter().collect());
            then.modification.note(now, disk.and_then(|disk| disk.last_modification()));
        }
        let names: Vec<_> = state.groups.keys().cloned().collect();
        for name in names {
            let refresh = state.groups.get(&name).and_then(|group| group.refresh.clone());
            let then = self.history.groups.entry(name.clone()).or_default();
            then.group.note(now, state.group_told(&name));
            then.refresh.note(now, refresh);
        }
        self.history.zones.note(now, state.zones.clone());
        let mut pauses = state.book.pauses();
        pauses.retain(|pause| !matches!(pause.scope, Scope::Rung { .. }));
        self.history.pauses.note(now, pauses);
        for (calendar, (from, until)) in &state.closed {
            let closed = Closed { calendar: calendar.clone(), from: *from, until: *until };
            let all = self.history.closed.get_or_insert_default();
            if !all.contains(&closed) {
                all.push(closed);
            }
        }
        for watch in &state.watches {
            let told = watch.settings();
            let (actions_enabled, actions) = (told.actions_enabled, told.actions);
            let found = self.history.alarms.iter_mut().find(|alarm| alarm.name == watch.name);
            if let Some(alarm) = found {
                alarm.settings.note(now, Settings { actions_enabled, actions });
            }
        }
        let ended = state.commands.iter().filter(|command| command.ending.is_some());
        for command in ended {
            self.ended.entry(command.id.clone()).or_insert(now);
        }
        for (series, values) in self.series.values_mut() {
            let back = if values.is_empty() { READ_FIRST } else { READ_BACK };
            let read = state.metrics.read(series, (now - back, now), now);
            values.extend(read.into_iter().map(|value| (value.at, value.value)));
        }
    }

    fn end(&mut self, region: &Region) {
        self.look_around(region);
        let state = region.state.borrow();
        (self.history.until, self.history.taken_at) = (state.now, state.now);
        for ((namespace, name, dimensions), (_, values)) in std::mem::take(&mut self.series) {
            let id = dimensions.get("InstanceId").and_then(|id| InstanceId::new(id).ok());
            let host = id.and_then(|id| state.hosts.get(&id));
            let every = host.map_or(60, |host| host.period.as_secs());
            self.history.values.push(Values {
                namespace,
                name,
                dimensions,
                every: u32::try_from(every).unwrap_or(60),
                values: values.into_iter().collect(),
            });
        }
        let types = state.hosts.values().map(|host| host.instance.instance_type.clone());
        let stores = types.map(|kind| (kind.clone(), crate::ports::has_instance_store(&kind)));
        self.history.instance_store = stores.collect();
        self.history.commands = state.commands.iter().map(|it| self.command(it)).collect();
    }

    fn command(&self, command: &Command) -> CommandThen {
        let told = command.described();
        CommandThen {
            id: command.id.clone(),
            instance: command.order.instance.clone(),
            comment: command.order.comment.clone(),
            sent_at: command.sent_at,
            ended_at: self.ended.get(&command.id).copied(),
            status: told.status,
            exit_code: told.exit_code,
            stdout: told.stdout,
            stderr: told.stderr,
        }
    }
}

/// An event of `EventBridge`, out of what carried it.
fn carried(event: Value) -> Value {
    let record = &event["Records"][0];
    let text = record["Sns"]["Message"].as_str().or(record["body"].as_str());
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(event)
}

/// A state of an event, by the names that a history has for it.
fn as_in_a_history(state: &Value) -> Value {
    let mut told = json!({ "stateValue": state["value"] });
    if let Some(reason) = state.get("reason") {
        told["stateReason"] = reason.clone();
    }
    if let Some(data) = state.get("reasonData").and_then(Value::as_str) {
        told["stateReasonData"] = serde_json::from_str(data).unwrap_or_default();
    }
    told
}
