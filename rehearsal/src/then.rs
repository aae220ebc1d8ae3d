//! The world as it was: Remedy's ports, answered from history. Its ledger is a table in memory,
//! and nothing that is asked for here happens anywhere.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::{AlarmState, Symptom};
use remedy::model::brake::Tries;
use remedy::model::calendar::{CalendarState, Calendars};
use remedy::model::diagnostics::Destination;
use remedy::model::growth::{Growth, GrowthBook};
use remedy::model::ids::{CommandId, GroupName, IncidentId, InstanceId, VolumeId};
use remedy::model::incident::{FailureKind, Incident, Standby};
use remedy::model::links::Deployment;
use remedy::model::pause::{Pause, Scope};
use remedy::model::pool::{Lease, Pool, PoolBook, Sighting};
use remedy::model::repeats::{Occurrence, Occurrences};
use remedy::model::rung::Rung;
use remedy::model::series::{Bad, Series, Unit};
use remedy::model::unknown::CallFailed;
use remedy::observe::host_report::Mode;
use remedy::ports::clock::Clock;
use remedy::ports::ledger::{Counted, Due, DueOne, Leased, Ledger, Recorded};
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History as OfLedger, Instance, Look,
    Membership, Modification, Snapshot, StatusChecks, Volume, Zone,
};
use remedy::ports::look_at_many::{Commands, Listed, LookAtMany, Sent, Span};
use remedy::ports::tell::{Notification, Tell, Told};
use remedy::ports::touch::{CallError, CleanupOrder, DiskOrder, Touch};
use serde_json::Value;

pub use crate::course::Assume;
use crate::course::Course;
use crate::history::{CommandThen, History, InstanceThen, Known, Timeline, Values};
use crate::host_says;
use crate::ledger::Book;

/// A value can be read so long after its period's end (no source names a time; a drill's region
/// takes the same).
const VALUE_TAKES: SignedDuration = SignedDuration::from_secs(30);

/// A command shows so long after it was sent, and ends so long after that where nobody sent it.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(2);
const COMMAND_TAKES: SignedDuration = SignedDuration::from_secs(30);

/// What was done within so much of the time at which it is done here was this.
const THE_SAME_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// An alarm is OK again so long after its trouble is over.
const ALARM_FOLLOWS: SignedDuration = SignedDuration::from_mins(2);

/// An agent that answers has pinged so long ago.
const PINGED: SignedDuration = SignedDuration::from_mins(1);

/// An agent that does not answer pinged so long ago: longer than any deployment waits for one.
const SILENT: SignedDuration = SignedDuration::from_hours(3);

/// Facts that were used, by whom they are about, and how they are known.
pub type Noted = BTreeMap<(String, &'static str), Known>;

/// The world as it was.
#[derive(Debug)]
pub struct World<'h> {
    history: &'h History,
    assume: Assume,
    deployment: Deployment,
    /// The values of each metric, by its name.
    values: BTreeMap<(&'h str, &'h str), Vec<&'h Values>>,
    /// The states of each alarm, since when.
    states: BTreeMap<&'h str, Vec<(Timestamp, Option<AlarmState>)>>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    book: Book,
    noted: Noted,
    courses: BTreeMap<InstanceId, Course>,
    /// The commands that were sent here and not then.
    sent: Vec<CommandThen>,
    /// Since when alarms are OK that were not then.
    ok_since: BTreeMap<String, Timestamp>,
    calls: u64,
}

impl<'h> World<'h> {
    /// The world of `history`, in which what nobody knows is taken as `assume` says.
    pub fn new(history: &'h History, assume: Assume) -> Self {
        let mut values: BTreeMap<(&str, &str), Vec<&Values>> = BTreeMap::new();
        for of in &history.values {
            values.entry((of.namespace.as_str(), of.name.as_str())).or_default().push(of);
        }
        let state = State {
            now: history.from,
            book: Book::default(),
            noted: Noted::new(),
            courses: BTreeMap::new(),
            sent: Vec::new(),
            ok_since: BTreeMap::new(),
            calls: 0,
        };
        let arn = format!("arn:aws:sns:{}:{}:rehearsal", history.region, history.account);
        let elsewhere = "arn:aws:sns:us-east-1:000000000000:rehearsal";
        let deployment = Deployment::of_topic(&arn).or_else(|| Deployment::of_topic(elsewhere));
        let Some(deployment) = deployment else { unreachable!("a constant topic is one") };
        let states = states(history);
        Self { history, assume, deployment, values, states, state: RefCell::new(state) }
    }

    /// It is `now`.
    pub fn is(&self, now: Timestamp) {
        self.state.borrow_mut().now = now;
    }

    /// The ledger's table, as it is.
    pub fn with_book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.state.borrow().book)
    }

    /// The facts that were used since this was asked last.
    pub fn take_noted(&self) -> Noted {
        std::mem::take(&mut self.state.borrow_mut().noted)
    }

    /// How often the world was asked.
    pub fn calls(&self) -> u64 {
        self.state.borrow().calls
    }

    fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    fn helps(&self) -> bool {
        self.assume == Assume::Helps
    }

    /// Notes that a fact was used. Of several the one that is known least counts.
    fn note(&self, about: &str, what: &'static str, known: Known) {
        let mut state = self.state.borrow_mut();
        state.calls += 1;
        let noted = state.noted.entry((about.to_owned(), what)).or_insert(known);
        *noted = (*noted).max(known);
    }

    fn course(&self, id: &InstanceId) -> Course {
        self.state.borrow().courses.get(id).cloned().unwrap_or_default()
    }

    fn change(&self, id: &InstanceId, change: impl FnOnce(&mut Course)) {
        change(self.state.borrow_mut().courses.entry(id.clone()).or_default());
    }

    /// What a history says of an instance at this time.
    fn of<'a, T>(
        &'a self,
        id: &InstanceId,
        what: &'static str,
        timeline: impl Fn(&'a InstanceThen) -> &'a Timeline<T>,
    ) -> Option<(&'a T, Known)> {
        let now = self.now();
        let found = self.history.instances.get(id).and_then(|then| timeline(then).at(now));
        self.note(id.as_str(), what, found.map_or(Known::Unknowable, |(_, known)| known));
        found
    }

    /// Whether it is known of then that EC2's checks of the instance failed.
    fn failed_its_checks(&self, id: &InstanceId) -> bool {
        let then = self.history.instances.get(id).and_then(|then| then.status.at(self.now()));
        then.is_some_and(|(status, known)| {
            known == Known::Then && status.as_ref().is_some_and(|status| !status.pass())
        })
    }

    /// Whether the same was done to the instance then: what AWS answered.
    fn was_done(&self, call: &'static str, id: &InstanceId) -> Option<Result<(), CallError>> {
        let now = self.now();
        let is_it = |act: &&crate::history::Act| {
            act.call == call
                && act.instances.contains(id)
                && act.at.duration_since(now).abs() <= THE_SAME_WITHIN
        };
        let near = |act: &&crate::history::Act| act.at.duration_since(now).abs();
        let act = self.history.acts.iter().filter(is_it).min_by_key(near)?;
        self.note(id.as_str(), "what was done then", Known::Then);
        Some(match &act.refused {
            None => Ok(()),
            Some(why) => {
                let kind = Some(FailureKind::InstanceState);
                Err(CallError { call, why: why.clone(), kind })
            }
        })
    }

    /// Its trouble is over from `since` on, if what is done helps.
    fn would_be_well(&self, id: &InstanceId, since: Timestamp) {
        self.note(id.as_str(), "whether it would help", Known::Unknowable);
        if !self.helps() {
            return;
        }
        self.change(id, |course| course.is_well(since));
        let mut state = self.state.borrow_mut();
        let alarm = state.book.latest(id).map(|incident| incident.seen.alarm.clone());
        state.ok_since.extend(alarm.map(|alarm| (alarm, since + ALARM_FOLLOWS)));
    }

    /// Sends a command: the one that was sent then, or one whose host nobody asked.
    fn send(&self, order: &CleanupOrder, mode: Mode) -> CommandId {
        let id = &order.instance;
        let mut same = self
            .history
            .commands
            .iter()
            .filter(|command| command.comment == order.comment && command.instance == *id);
        if let Some(command) = same.next() {
            self.note(id.as_str(), "what the host said", Known::Then);
            return command.id.clone();
        }
        self.note(id.as_str(), "what the host would say", Known::Unknowable);
        let level = self.level(id);
        let ended_at = self.now() + COMMAND_TAKES;
        let stdout = host_says::printed(order, mode, self.helps(), level);
        let status = ("Success", Some(0));
        let sent = self.sends(id, &order.comment, ended_at, status, stdout);
        if mode == Mode::Apply {
            self.would_be_well(id, ended_at);
        }
        sent
    }

    fn sends(
        &self,
        id: &InstanceId,
        comment: &str,
        ended_at: Timestamp,
        (status, exit_code): (&str, Option<i32>),
        stdout: String,
    ) -> CommandId {
        let mut state = self.state.borrow_mut();
        let number = state.sent.len();
        let command = CommandId::new(format!("{number:08x}-0000-4000-b000-000000000000"));
        let Ok(command) = command else { unreachable!("36 hexadecimal digits are an id") };
        let sent_at = state.now;
        state.sent.push(CommandThen {
            id: command.clone(),
            instance: id.clone(),
            comment: comment.to_owned(),
            sent_at,
            ended_at: Some(ended_at),
            status: status.to_owned(),
            exit_code,
            stdout,
            stderr: String::new(),
        });
        command
    }

    /// The newest level of the symptom of the instance's incident, if it is a percentage.
    fn level(&self, id: &InstanceId) -> Option<f64> {
        let seen = self.with_book(|book| book.latest(id).map(|incident| incident.seen.clone()))?;
        let series = seen.series.as_ref()?;
        let now = self.now();
        let values = self.read(series, now - SignedDuration::from_mins(15), now);
        let newest = values.last().map_or(seen.value?, |datapoint| datapoint.value);
        seen.level(newest)
    }

    /// The commands of then and of here that show by now.
    fn shown(&self) -> Vec<CommandThen> {
        let state = self.state.borrow();
        let all = self.history.commands.iter().chain(&state.sent);
        let shown = |command: &&CommandThen| state.now >= command.sent_at + SHOWN_AFTER;
        all.filter(shown).cloned().collect()
    }

    /// The values of a series, as far as they can be read by now.
    fn read(&self, series: &Series, since: Timestamp, until: Timestamp) -> Vec<Datapoint> {
        let now = self.now();
        let named = self.values.get(&(series.namespace.as_str(), series.name.as_str()));
        let is_it = |of: &&&Values| {
            let labels = series.dimensions.iter();
            let mut has = labels.map(|(name, value)| of.dimensions.get(name) == Some(value));
            has.all(|has| has) && (!series.exact || of.dimensions.len() == series.dimensions.len())
        };
        let mut values: Vec<Datapoint> = Vec::new();
        for of in named.into_iter().flatten().filter(is_it) {
            let takes = SignedDuration::from_secs(of.every.into()) + VALUE_TAKES;
            let first = of.values.partition_point(|(at, _)| *at < since);
            let those = of.values.get(first..).unwrap_or_default().iter();
            let those = those.take_while(|(at, _)| *at < until);
            let readable = those.filter(|(at, _)| *at + takes <= now);
            values.extend(readable.map(|(at, value)| Datapoint { at: *at, value: *value }));
        }
        values.sort_by_key(|datapoint| datapoint.at);
        // A query makes one value of those of several series.
        values.dedup_by(|next, kept| {
            let same = next.at == kept.at;
            if same {
                kept.value = match series.bad {
                    Bad::Up => kept.value.max(next.value),
                    Bad::Down => kept.value.min(next.value),
                };
            }
            same
        });
        values
    }
}

/// The agent, if it had not pinged for long.
fn silent_at(now: Timestamp) -> impl Fn(Agent) -> Agent {
    move |agent| Agent { online: false, last_ping: Some(now - SILENT), ..agent }
}

/// What is measured where nothing is wrong.
fn good(series: &Series) -> f64 {
    match (series.bad, series.unit) {
        (Bad::Up, _) => 0.0,
        (Bad::Down, None | Some(Unit::Percent)) => 100.0,
        (Bad::Down, Some(_)) => 1e15,
    }
}

/// The states that alarms had, by what their histories tell.
fn states(history: &History) -> BTreeMap<&str, Vec<(Timestamp, Option<AlarmState>)>> {
    let mut states: BTreeMap<&str, Vec<(Timestamp, Option<AlarmState>)>> = BTreeMap::new();
    for item in history.items.iter().filter(|item| item.history_item_type == "StateUpdate") {
        let Ok(data) = serde_json::from_str::<Value>(&item.history_data) else { continue };
        let named = |name: &str| match data.pointer(name).and_then(Value::as_str) {
            Some("ALARM") => Some(AlarmState::Alarm),
            Some("OK") => Some(AlarmState::Ok),
            _ => None,
        };
        let of = states.entry(item.alarm_name.as_str()).or_default();
        if of.is_empty() {
            of.push((Timestamp::MIN, named("/oldState/stateValue")));
        }
        of.push((item.timestamp, named("/newState/stateValue")));
    }
    states
}

fn nobody_knows(call: &'static str) -> CallFailed {
    CallFailed { call, why: "no history holds it".to_owned() }
}

impl Look for World<'_> {
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, CallFailed> {
        let found = self.of(id, "the instance and its tags", |then| &then.instance);
        let Some((instance, known)) = found else {
            return Err(nobody_knows("ec2:DescribeInstances"));
        };
        let now = self.now();
        let mut instance = instance.clone();
        // What runs today was launched again since, and ran before.
        if let Some(instance) = instance.as_mut().filter(|_| known == Known::Today)
            && instance.launched_at.is_some_and(|at| at > now)
        {
            instance.launched_at = None;
            self.note(id.as_str(), "when it was launched", Known::Unknowable);
        }
        Ok(self.course(id).instance(instance, now))
    }

    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, CallFailed> {
        let found = self.of(id, "its status checks", |then| &then.status);
        let (status, _) = found.ok_or_else(|| nobody_knows("ec2:DescribeInstanceStatus"))?;
        Ok(self.course(id).status(status.clone(), self.now()))
    }

    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, CallFailed> {
        let found = self.of(id, "its SSM agent", |then| &then.agent);
        let Some((agent, known)) = found else {
            return Err(nobody_knows("ssm:DescribeInstanceInformation"));
        };
        let (mut agent, now) = (agent.clone(), self.now());
        // Whether it answered while the instance failed its checks, its word of today does not
        // tell.
        if known == Known::Today && self.failed_its_checks(id) {
            self.note(id.as_str(), "its SSM agent", Known::Unknowable);
            if self.helps() {
                return Ok(self.course(id).agent(agent.map(silent_at(now)), now));
            }
        }
        // One that answers today is taken for one that answered then.
        if let Some(agent) = agent.as_mut().filter(|_| known == Known::Today)
            && (agent.online || agent.last_ping.is_some_and(|ping| ping > now))
        {
            agent.online = true;
            agent.last_ping = Some(now - PINGED);
        }
        Ok(self.course(id).agent(agent, now))
    }

    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, CallFailed> {
        let found = self.of(id, "its place in a group", |then| &then.membership);
        let call = "autoscaling:DescribeAutoScalingInstances";
        let (membership, _) = found.ok_or_else(|| nobody_knows(call))?;
        Ok(self.course(id).membership(membership.clone(), self.now()))
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>, CallFailed> {
        let now = self.now();
        let found = self.history.groups.get(name).and_then(|then| then.group.at(now));
        let known = found.map_or(Known::Unknowable, |(_, known)| known);
        self.note(name.as_str(), "the group", known);
        let call = "autoscaling:DescribeAutoScalingGroups";
        let (group, _) = found.ok_or_else(|| nobody_knows(call))?;
        let mut group = group.clone();
        if let Some(group) = &mut group {
            let state = self.state.borrow();
            let members: Vec<InstanceId> =
                group.members.iter().map(|member| member.instance.clone()).collect();
            for (id, course) in state.courses.iter().filter(|(id, _)| members.contains(id)) {
                course.of_group(id, group, now);
            }
        }
        Ok(group)
    }

    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, CallFailed> {
        let now = self.now();
        let found = self.history.groups.get(name).and_then(|then| then.refresh.at(now));
        let known = found.map_or(Known::Unknowable, |(_, known)| known);
        self.note(name.as_str(), "whether the group was refreshed", known);
        Ok(found.and_then(|(refresh, _)| refresh.clone()))
    }

    async fn history(&self, id: &InstanceId) -> Result<OfLedger, CallFailed> {
        let now = self.now();
        let of_people = self.history.pauses.at(now);
        if let Some((_, known)) = of_people {
            self.note(id.as_str(), "what people had paused", known);
        }
        let people = of_people.map(|(pauses, _)| pauses.as_slice()).unwrap_or_default();
        let state = self.state.borrow();
        let pauses = state.book.pauses().into_iter().chain(people.iter().cloned());
        Ok(OfLedger { latest: state.book.latest(id).cloned(), pauses: pauses.collect() })
    }

    async fn pool(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed> {
        Ok(self.state.borrow().book.pool(pool, symptom, now))
    }

    async fn sessions(&self, id: &InstanceId) -> Result<usize, CallFailed> {
        let found = self.of(id, "sessions that were open", |then| &then.sessions);
        Ok(found.map_or(usize::from(!self.helps()), |(sessions, _)| *sessions))
    }

    async fn instance_store(&self, instance_type: &str) -> Result<bool, CallFailed> {
        let known = self.history.instance_store.get(instance_type).copied();
        known.ok_or_else(|| nobody_knows("ec2:DescribeInstanceTypes"))
    }

    async fn volumes(&self, id: &InstanceId) -> Result<Vec<Volume>, CallFailed> {
        let found = self.of(id, "its volumes", |then| &then.volumes);
        Ok(found.map(|(volumes, _)| volumes.clone()).unwrap_or_default())
    }

    async fn modification(&self, volume: &VolumeId) -> Result<Option<Modification>, CallFailed> {
        let now = self.now();
        let has = |then: &&InstanceThen| {
            let volumes = then.volumes.at(now).map(|(volumes, _)| volumes);
            volumes.is_some_and(|volumes| volumes.iter().any(|other| other.id == *volume))
        };
        let of = self.history.instances.values().find(has);
        let found = of.and_then(|then| then.modification.at(now));
        let known = found.map_or(Known::Unknowable, |(_, known)| known);
        self.note(volume.as_str(), "its volume's last modification", known);
        Ok(found.and_then(|(modification, _)| modification.clone()))
    }

    async fn snapshot(
        &self,
        volume: &VolumeId,
        _description: &str,
    ) -> Result<Option<Snapshot>, CallFailed> {
        self.note(volume.as_str(), "whether it would have had its snapshot", Known::Unknowable);
        Ok(None)
    }

    async fn growths(&self, volume: &VolumeId, now: Timestamp) -> Result<GrowthBook, CallFailed> {
        Ok(self.state.borrow().book.growths(volume, now))
    }

    async fn zones(&self) -> Result<Vec<Zone>, CallFailed> {
        let found = self.history.zones.at(self.now());
        let known = found.map_or(Known::Unknowable, |(_, known)| known);
        self.note("", "the zones", known);
        let call = "ec2:DescribeAvailabilityZones";
        found.map(|(zones, _)| zones.clone()).ok_or_else(|| nobody_knows(call))
    }

    async fn calendar(
        &self,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<CalendarState, CallFailed> {
        let Some(closed) = &self.history.closed else {
            self.note("", "the change calendars", Known::Unknowable);
            return Ok(CalendarState { is_open: self.helps(), until: None });
        };
        self.note("", "the change calendars", Known::Then);
        let closed = closed.iter().filter(|closed| {
            calendars.names.contains(&closed.calendar) && (closed.from..closed.until).contains(&now)
        });
        let until = closed.map(|closed| closed.until).max();
        Ok(CalendarState { is_open: until.is_none(), until })
    }

    async fn command(
        &self,
        id: &CommandId,
        instance: &InstanceId,
    ) -> Result<Option<Command>, CallFailed> {
        let shown = self.shown().into_iter();
        let mut found = shown.filter(|command| command.id == *id && command.instance == *instance);
        Ok(found.next().map(|command| described(&command, self.now())))
    }

    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, CallFailed> {
        let shown = self.shown().into_iter().filter(|command| {
            command.comment == comment && command.instance == *instance && command.sent_at >= since
        });
        Ok(shown.max_by_key(|command| command.sent_at).map(|command| command.id))
    }

    async fn console_output(&self, _id: &InstanceId) -> Result<Option<String>, CallFailed> {
        Ok(None)
    }

    async fn datapoints(
        &self,
        series: &Series,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Datapoint>, CallFailed> {
        let id = series.dimensions.get("InstanceId").and_then(|id| InstanceId::new(id).ok());
        let about = id.as_ref().map_or("", InstanceId::as_str).to_owned();
        let named = (series.namespace.as_str(), series.name.as_str());
        let known = if self.values.contains_key(&named) { Known::Then } else { Known::Unknowable };
        self.note(&about, "what was measured", known);
        let mut values = self.read(series, since, until);
        let now = self.now();
        let well = id.and_then(|id| self.course(&id).well_since).filter(|well| *well < now);
        let Some(well) = well else { return Ok(values) };
        values.retain(|datapoint| datapoint.at < well);
        let minute = SignedDuration::from_mins(1);
        let mut at = well.max(since);
        while at + minute + VALUE_TAKES <= now && at < until {
            values.push(Datapoint { at, value: good(series) });
            at += minute;
        }
        Ok(values)
    }

    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed> {
        let now = self.now();
        let Some(alarm) = self.history.alarm(name) else {
            self.note(name, "what the alarm's owner had set", Known::Unknowable);
            return Err(nobody_knows("cloudwatch:DescribeAlarms"));
        };
        let (settings, known) = alarm.settings.at(now).map_or_else(
            || (crate::history::Settings::default(), Known::Unknowable),
            |(settings, known)| (settings.clone(), known),
        );
        self.note(name, "what the alarm's owner had set", known);
        let all = self.states.get(name).map(Vec::as_slice).unwrap_or_default();
        let then = all.iter().take_while(|(at, _)| *at <= now).last();
        let ok_since = self.state.borrow().ok_since.get(name).copied();
        let is_ok = ok_since.is_some_and(|since| since <= now);
        let state = if is_ok { Some(AlarmState::Ok) } else { then.and_then(|(_, state)| *state) };
        let (actions_enabled, actions) = (settings.actions_enabled, settings.actions);
        Ok(Some(AlarmSettings { state, actions_enabled, actions }))
    }
}

fn described(command: &CommandThen, now: Timestamp) -> Command {
    if command.ended_at.is_some_and(|ended_at| ended_at <= now) {
        return Command {
            ended: true,
            status: command.status.clone(),
            exit_code: command.exit_code,
            stdout: command.stdout.clone(),
            stderr: command.stderr.clone(),
        };
    }
    Command {
        ended: false,
        status: "InProgress".to_owned(),
        exit_code: None,
        stdout: String::new(),
        stderr: String::new(),
    }
}

/// An answer for each question, as the call for one would have it.
macro_rules! each {
    ($many:expr, |$one:ident| $answer:expr) => {{
        let mut answers = Vec::with_capacity($many.len());
        for $one in $many {
            answers.push($answer.await);
        }
        answers
    }};
}

impl LookAtMany for World<'_> {
    async fn instances(&self, ids: &[InstanceId]) -> Vec<Result<Option<Instance>, CallFailed>> {
        each!(ids, |id| self.instance(id))
    }

    async fn statuses(&self, ids: &[InstanceId]) -> Vec<Result<Option<StatusChecks>, CallFailed>> {
        each!(ids, |id| self.status(id))
    }

    async fn agents(&self, ids: &[InstanceId]) -> Vec<Result<Option<Agent>, CallFailed>> {
        each!(ids, |id| self.agent(id))
    }

    async fn memberships(&self, ids: &[InstanceId]) -> Vec<Result<Option<Membership>, CallFailed>> {
        each!(ids, |id| self.membership(id))
    }

    async fn groups(&self, names: &[GroupName]) -> Vec<Result<Option<Group>, CallFailed>> {
        each!(names, |name| self.group(name))
    }

    async fn histories(&self, ids: &[InstanceId]) -> Vec<Result<OfLedger, CallFailed>> {
        each!(ids, |id| self.history(id))
    }

    async fn commands(
        &self,
        which: &Commands,
        _page: Option<String>,
    ) -> Result<Listed, CallFailed> {
        let now = self.now();
        let listed = |command: &CommandThen| match which {
            Commands::During(sent) => (sent.since..sent.until).contains(&command.sent_at),
            Commands::One(id) => command.id == *id,
        };
        let told = self.shown().into_iter().filter(listed).map(|command| {
            let described = described(&command, now);
            (Sent { command: command.id, instance: command.instance }, described)
        });
        Ok(Listed { commands: told.collect(), next: None })
    }

    async fn sessions_of(&self, ids: &[InstanceId]) -> Vec<Result<usize, CallFailed>> {
        each!(ids, |id| self.sessions(id))
    }

    async fn spans(&self, spans: &[Span]) -> Vec<Result<Vec<Datapoint>, CallFailed>> {
        each!(spans, |span| self.datapoints(&span.series, span.since, span.until))
    }

    async fn alarms(&self, names: &[String]) -> Vec<Result<Option<AlarmSettings>, CallFailed>> {
        each!(names, |name| self.alarm(name))
    }
}

/// Whatever is waited for has come: what was done then waited for nobody.
impl Clock for World<'_> {
    fn time(&self) -> Timestamp {
        self.now()
    }

    async fn wait(&self, _time: SignedDuration) {}
}

impl Ledger for World<'_> {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed> {
        Ok(self.state.borrow_mut().book.open(incident, now))
    }

    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed> {
        Ok(self.state.borrow_mut().book.record(incident))
    }

    async fn end(
        &self,
        ended: &Incident,
        successor: Option<&Incident>,
    ) -> Result<bool, CallFailed> {
        Ok(self.state.borrow_mut().book.end(ended, successor))
    }

    async fn record_with_lease(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Leased, CallFailed> {
        Ok(self.state.borrow_mut().book.record_with_lease(incident, now))
    }

    async fn record_with_growth(
        &self,
        incident: &Incident,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Counted, CallFailed> {
        Ok(self.state.borrow_mut().book.record_with_growth(incident, book, a_day_gib, now))
    }

    async fn forget_growth(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        counted_at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.state.borrow_mut().book.forget_growth(growth, incident, counted_at);
        Ok(())
    }

    async fn release(&self, lease: &Lease) -> Result<(), CallFailed> {
        self.state.borrow_mut().book.release(lease);
        Ok(())
    }

    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Result<Vec<Sighting>, CallFailed> {
        Ok(self.state.borrow_mut().book.note_sick(pool, symptom, sightings))
    }

    async fn pause(&self, pause: &Pause) -> Result<Vec<Pause>, CallFailed> {
        Ok(self.state.borrow_mut().book.pause(pause))
    }

    async fn lift(&self, scope: &Scope) -> Result<Vec<Pause>, CallFailed> {
        Ok(self.state.borrow_mut().book.lift(scope))
    }

    async fn pauses(&self) -> Result<Vec<Pause>, CallFailed> {
        Ok(self.state.borrow().book.pauses())
    }

    async fn count(&self, occurrence: &Occurrence) -> Result<Occurrences, CallFailed> {
        Ok(self.state.borrow_mut().book.count(occurrence))
    }

    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.state.borrow_mut().book.note_replacement(group, symptom, instance, at);
        Ok(())
    }

    async fn keep_tries(
        &self,
        pool: &Pool,
        symptom: Symptom,
        rung: Rung,
        tries: &Tries,
    ) -> Result<bool, CallFailed> {
        Ok(self.state.borrow_mut().book.keep_tries((pool, symptom, rung), tries))
    }

    async fn kept(
        &self,
        instance: Option<&InstanceId>,
        incident: &IncidentId,
    ) -> Result<Option<Incident>, CallFailed> {
        Ok(self.state.borrow().book.kept(instance, incident))
    }

    async fn who_is_due(&self, now: Timestamp) -> Result<Vec<DueOne>, CallFailed> {
        Ok(self.state.borrow().book.who_is_due(now))
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, CallFailed> {
        Ok(self.state.borrow().book.due(now, limit))
    }
}

impl Touch for World<'_> {
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, CallError> {
        Ok(self.send(order, Mode::Apply))
    }

    async fn clean_many(&self, _orders: &[CleanupOrder]) -> Result<CommandId, CallError> {
        // The past is played one alarm after the other.
        let why = "nothing is ordered together here".to_owned();
        Err(CallError { call: "ssm:SendCommand", why, kind: Some(FailureKind::NotPermitted) })
    }

    async fn gather(
        &self,
        order: &CleanupOrder,
        _within: SignedDuration,
    ) -> Result<CommandId, CallError> {
        Ok(self.send(order, Mode::Report))
    }

    async fn survey(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        Ok(self.ask_about_the_disk(order))
    }

    async fn snapshot(&self, volume: &VolumeId, _description: &str) -> Result<(), CallError> {
        let call = "ec2:CreateSnapshot";
        self.note(volume.as_str(), "whether it would have grown", Known::Unknowable);
        let kind = Some(FailureKind::InstanceState);
        let why = "what would have become of it no history holds".to_owned();
        Err(CallError { call, why, kind })
    }

    async fn grow(&self, growth: &Growth) -> Result<(), CallError> {
        let has = |volumes: &Vec<Volume>| volumes.iter().any(|it| it.id == growth.volume);
        let now = self.now();
        let of = self
            .history
            .instances
            .iter()
            .find(|(_, then)| then.volumes.at(now).is_some_and(|(volumes, _)| has(volumes)));
        let call = "ec2:ModifyVolume";
        let done = of.and_then(|(id, _)| self.was_done(call, id));
        self.note(growth.volume.as_str(), "whether it would have grown", Known::Unknowable);
        let kind = Some(FailureKind::InstanceState);
        let why = "what would have become of it no history holds".to_owned();
        done.unwrap_or(Err(CallError { call, why, kind }))
    }

    async fn extend(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        Ok(self.ask_about_the_disk(order))
    }

    async fn keep(&self, _destination: &Destination, _text: &str) -> Result<(), CallError> {
        Ok(())
    }

    async fn reboot(&self, instance: &InstanceId) -> Result<(), CallError> {
        if let Some(done) = self.was_done("ec2:RebootInstances", instance) {
            return done;
        }
        let (now, helps) = (self.now(), self.helps());
        self.change(instance, |course| course.reboots(now, helps));
        self.would_be_well(instance, now + SignedDuration::from_mins(3));
        Ok(())
    }

    async fn replace(&self, instance: &InstanceId) -> Result<(), CallError> {
        if let Some(done) = self.was_done("autoscaling:SetInstanceHealth", instance) {
            return done;
        }
        self.note(instance.as_str(), "whether its group would replace it", Known::Unknowable);
        if self.helps() {
            let now = self.now();
            let group = self.with_book(|book| book.latest(instance)?.group.clone());
            self.change(instance, |course| course.is_replaced(now, group));
        }
        Ok(())
    }

    async fn leave_service(
        &self,
        instance: &InstanceId,
        _group: &GroupName,
        standby: Standby,
    ) -> Result<(), CallError> {
        if let Some(done) = self.was_done("autoscaling:EnterStandby", instance) {
            return done;
        }
        let now = self.now();
        self.change(instance, |course| course.leaves(now, standby.decremented));
        Ok(())
    }

    async fn come_back(&self, instance: &InstanceId, _group: &GroupName) -> Result<(), CallError> {
        if let Some(done) = self.was_done("autoscaling:ExitStandby", instance) {
            return done;
        }
        let now = self.now();
        self.change(instance, |course| course.comes_back(now));
        Ok(())
    }
}

impl World<'_> {
    /// Asks a host about its disk: the command of then, or one that nobody could answer.
    fn ask_about_the_disk(&self, order: &DiskOrder) -> CommandId {
        let id = &order.instance;
        let is_it =
            |command: &&CommandThen| command.comment == order.comment && command.instance == *id;
        if let Some(command) = self.history.commands.iter().find(is_it) {
            self.note(id.as_str(), "what the host said", Known::Then);
            return command.id.clone();
        }
        self.note(id.as_str(), "what the host would say of its disk", Known::Unknowable);
        let ended_at = self.now() + COMMAND_TAKES;
        self.sends(id, &order.comment, ended_at, ("Failed", Some(1)), String::new())
    }
}

impl Tell for World<'_> {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    async fn tell(&self, _notification: &Notification) -> Told {
        Told { people: Ok(()), chat: Ok(()) }
    }
}
