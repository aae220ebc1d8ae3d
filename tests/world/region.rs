//! The region itself: everything in it, the time, and what is due when.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::AlarmState;
use remedy::model::calendar::{CalendarState, Calendars};
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::incident::Incident;
use remedy::model::links::Deployment;
use remedy::observe::host_report::Mode;
use remedy::ports::look::Zone;
use remedy::ports::tell::Notification;

use crate::calls::{Before, Call, Death, Effect, Fault, Nature, Verb};
use crate::command::{Command, CommandIs};
use crate::explore::script::Choices;
use crate::group::Group;
use crate::happen::Due;
use crate::host::{Host, Trouble};
use crate::ledger::Book;
use crate::metrics::Metrics;
use crate::otherwise::{Otherwise, Otherwises};
use crate::quota::{Caller, Quotas};
use crate::replica::Replica;
use crate::watch::{Change, Watch};

/// The time between two values of a metric is a multiple of this (`CloudWatch` user guide,
/// "Metrics concepts": one minute and more).
pub(crate) const TICK: SignedDuration = SignedDuration::from_secs(60);

/// From a change of a group until it looks at itself (ours: AWS names no time).
pub(crate) const GROUP_LOOKS_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// A small honest AWS region. See the [crate].
#[derive(Clone, Debug)]
pub struct Region {
    pub(crate) deployment: Deployment,
    pub(crate) state: RefCell<State>,
}

/// Everything in the region.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) now: Timestamp,
    pub(crate) hosts: BTreeMap<InstanceId, Host>,
    pub(crate) groups: BTreeMap<GroupName, Group>,
    pub(crate) book: Book,
    pub(crate) topic: Vec<Notification>,
    /// What hosts have put into the evidence bucket, by its address.
    pub(crate) bucket: Vec<String>,
    pub(crate) calls: Vec<Call>,
    /// Whether calls are written down for people, which takes most of the time.
    pub(crate) transcribes: bool,
    pub(crate) called: usize,
    /// How often each call was made.
    pub(crate) counted: BTreeMap<Verb, usize>,
    pub(crate) effects: Vec<Effect>,
    /// Which of the invocations that run at once is at work.
    pub(crate) at_work: usize,
    pub(crate) triggers: Vec<InstanceId>,
    pub(crate) faults: BTreeMap<Verb, Fault>,
    pub(crate) hiccups: BTreeMap<Verb, Fault>,
    /// Of whom a call about many says nothing, by id or name.
    pub(crate) untold: BTreeSet<String>,
    pub(crate) replica: Option<Replica>,
    pub(crate) commands: Vec<Command>,
    pub(crate) watches: Vec<Watch>,
    pub(crate) metrics: Metrics,
    /// Where AWS does otherwise than we assume.
    pub(crate) otherwise: Otherwises,
    /// The zones, as EC2 describes them.
    pub(crate) zones: Vec<Zone>,
    /// Until when each change calendar is closed, and since when, by its name.
    pub(crate) closed: BTreeMap<String, (Timestamp, Timestamp)>,
    /// What is wrong with every instance that is launched from now on.
    pub(crate) launched_with: Option<Trouble>,
    pub(crate) launched: u64,
    pub(crate) death: Option<Death>,
    pub(crate) dead: bool,
    /// What an exploration chooses, while it plays a round.
    pub(crate) choices: Option<Choices>,
    /// What is due: by time, then in the order it was arranged.
    pub(crate) agenda: BTreeMap<(Timestamp, u64), Due>,
    pub(crate) arranged: u64,
    pub(crate) invoked: u64,
    /// What is granted, if that counts: then calls take time.
    pub(crate) quotas: Option<Quotas>,
    /// Who waits until when.
    pub(crate) sleepers: BTreeMap<(Timestamp, u64), Waker>,
    pub(crate) slept: u64,
    /// How long was waited for a turn where calls take no time.
    pub(crate) waited: SignedDuration,
    /// In whose name calls are made.
    pub(crate) caller: Caller,
}

impl Region {
    /// An empty region at `start`.
    pub fn new(start: Timestamp) -> Self {
        let mut state = State {
            now: start,
            hosts: BTreeMap::new(),
            groups: BTreeMap::new(),
            book: Book::default(),
            topic: Vec::new(),
            bucket: Vec::new(),
            calls: Vec::new(),
            transcribes: true,
            called: 0,
            counted: BTreeMap::new(),
            effects: Vec::new(),
            at_work: 0,
            triggers: Vec::new(),
            faults: BTreeMap::new(),
            hiccups: BTreeMap::new(),
            untold: BTreeSet::new(),
            replica: None,
            commands: Vec::new(),
            watches: Vec::new(),
            metrics: Metrics::default(),
            otherwise: Otherwises::default(),
            zones: ZONES.map(|name| zone(name, "available")).into(),
            closed: BTreeMap::new(),
            launched_with: None,
            launched: 0,
            death: None,
            dead: false,
            choices: None,
            agenda: BTreeMap::new(),
            arranged: 0,
            invoked: 0,
            quotas: None,
            sleepers: BTreeMap::new(),
            slept: 0,
            waited: SignedDuration::ZERO,
            caller: Caller::Intake,
        };
        state.arrange(TICK, Due::Measured);
        Self { deployment: deployment(), state: RefCell::new(state) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    /// From now on calls take time, and AWS grants so much.
    pub fn grant(&self, quotas: Quotas) {
        self.state.borrow_mut().quotas = Some(quotas);
    }

    /// What is granted and was drawn, if that counts.
    pub fn quotas(&self) -> Option<Quotas> {
        self.state.borrow().quotas.clone()
    }

    /// Lets `time` pass. What falls due meanwhile happens at its time and in
    /// the order it was arranged.
    pub fn pass(&self, time: SignedDuration) {
        self.pass_until(self.now() + time);
    }

    /// Lets time pass until then, unless that is over.
    pub fn pass_until(&self, until: Timestamp) {
        let mut state = self.state.borrow_mut();
        if until < state.now {
            return;
        }
        while let Some(entry) = state.agenda.first_entry()
            && entry.key().0 <= until
        {
            let ((at, _), due) = entry.remove_entry();
            state.now = at;
            state.happen(due);
        }
        state.now = until;
    }

    /// Waits until `time` has passed.
    pub(crate) fn sleep(&self, time: SignedDuration) -> Sleep<'_> {
        let mut state = self.state.borrow_mut();
        state.slept += 1;
        Sleep { region: self, key: (state.waited_until() + time, state.slept) }
    }

    /// When the next of those who wait has waited long enough.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        Some(self.state.borrow().sleepers.first_key_value()?.0.0)
    }

    /// Lets time pass until the next of those who wait has waited long enough, and wakes them.
    /// Gives whether there was anybody.
    pub(crate) fn wakes(&self) -> bool {
        let Some(until) = self.next_wake() else { return false };
        if self.state.borrow().quotas.is_some() {
            self.pass_until(until);
        }
        let mut state = self.state.borrow_mut();
        state.waited = state.waited.max(until.duration_since(state.now));
        let now = state.waited_until();
        let later = state.sleepers.split_off(&(now, u64::MAX));
        let awake = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        awake.into_values().for_each(Waker::wake);
        true
    }

    /// Whoever calls from now on does so in this name.
    pub(crate) fn is_called_by(&self, caller: Caller) {
        self.state.borrow_mut().caller = caller;
    }

    /// Puts a host into the region.
    pub fn add_host(&self, id: InstanceId, host: Host) {
        self.state.borrow_mut().hosts.insert(id, host);
    }

    /// Puts a group into the region.
    pub fn add_group(&self, name: GroupName, group: Group) {
        self.state.borrow_mut().groups.insert(name, group);
    }

    /// Puts an alarm into the region.
    pub fn add_watch(&self, watch: Watch) {
        self.state.borrow_mut().watches.push(watch);
    }

    /// Changes a host, if it is there.
    pub fn with_host(&self, id: &InstanceId, change: impl FnOnce(&mut Host)) {
        self.state.borrow_mut().hosts.get_mut(id).map(change).unwrap_or_default();
    }

    /// A host was there, and measured, before the region's first minute.
    pub fn measured_before(&self, id: &InstanceId) {
        let mut state = self.state.borrow_mut();
        let State { metrics, hosts, now, .. } = &mut *state;
        if let Some(host) = hosts.get(id) {
            metrics.publish_past(id, host, *now);
        }
    }

    /// Changes a group, if it is there, and has it look at itself.
    pub fn with_group(&self, name: &GroupName, change: impl FnOnce(&mut Group)) {
        let mut state = self.state.borrow_mut();
        state.groups.get_mut(name).map(change).unwrap_or_default();
        state.arrange(GROUP_LOOKS_AFTER, Due::GroupLooks(name.clone()));
    }

    /// Changes the ledger's table behind everybody's back.
    pub fn with_book(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.state.borrow_mut().book);
    }

    /// From now on every instance is launched with this trouble, or with none.
    pub fn launch_with(&self, trouble: Option<Trouble>) {
        self.state.borrow_mut().launched_with = trouble;
    }

    /// From now on the region answers a question otherwise than we assume.
    pub fn answers_otherwise(&self, answer: Otherwise) {
        self.state.borrow_mut().otherwise.insert(answer);
    }

    /// From now on EC2 calls a zone so.
    pub fn call_zone(&self, name: &str, state: &str) {
        let mut state_of = self.state.borrow_mut();
        let zones = state_of.zones.iter_mut().filter(|zone| zone.name == name);
        zones.for_each(|other| *other = zone(name, state));
    }

    /// A change calendar is closed from now on, for so long at least.
    pub fn close_calendar(&self, name: &str, lasts: SignedDuration) {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        let before = state.closed.get(name).filter(|(_, until)| now < *until).copied();
        let (since, until) = before.unwrap_or((now, now));
        state.closed.insert(name.to_owned(), (since, until.max(now + lasts)));
    }

    /// Has the function that makes this call die at it.
    pub fn dies_at(&self, death: Death) {
        self.state.borrow_mut().death = Some(death);
    }

    /// Has the function die that makes the `calls`th call from now.
    pub fn dies_after(&self, calls: usize, takes_effect: bool) {
        let mut state = self.state.borrow_mut();
        state.death = Some(Death { at_call: state.called + calls, takes_effect });
    }

    /// The world comes to rest: all trouble ends, and none comes back.
    pub fn come_to_rest(&self) {
        let mut state = self.state.borrow_mut();
        state.agenda.retain(|_, due| !matches!(due, Due::ComesBack(..)));
        state.launched_with = None;
        state.hosts.values_mut().for_each(|host| host.trouble = None);
    }

    /// Whether a function has died. Nothing it asks for happens any more.
    pub fn is_dead(&self) -> bool {
        self.state.borrow().dead
    }

    /// The dead function is gone; whoever is invoked next lives.
    pub(crate) fn bury(&self) {
        let mut state = self.state.borrow_mut();
        (state.death, state.dead) = (None, false);
    }

    /// From now on `fault` happens to every call of `verb`.
    pub fn break_call(&self, verb: Verb, fault: Fault) {
        self.state.borrow_mut().faults.insert(verb, fault);
    }

    /// From now on calls of `verb` work again.
    pub fn mend_call(&self, verb: Verb) {
        self.state.borrow_mut().faults.remove(&verb);
    }

    /// The next call of `verb`, and only that one, goes wrong.
    pub fn trip_call(&self, verb: Verb, fault: Fault) {
        self.state.borrow_mut().hiccups.insert(verb, fault);
    }

    /// From now on calls about many say nothing of this one, by its id or name.
    pub fn leave_untold(&self, name: &str) {
        self.state.borrow_mut().untold.insert(name.to_owned());
    }

    /// From now on instances and groups are described by a copy that is brought
    /// up to date only every `every`; with `None`, as they are.
    pub fn describe_late(&self, every: Option<SignedDuration>) {
        let mut state = self.state.borrow_mut();
        state.replica = every.map(|every| Replica::new(&state, every));
    }

    /// From now on calls are written down for people, or are not.
    pub fn transcribe(&self, transcribes: bool) {
        self.state.borrow_mut().transcribes = transcribes;
    }

    /// Evaluates every alarm. Gives the events of those that changed their
    /// state, in the order the alarms were added.
    pub fn transitions(&self) -> Vec<String> {
        self.changes().into_iter().map(|change| change.event).collect()
    }

    /// Evaluates every alarm. Gives the changes of state, in the order the
    /// alarms were added.
    pub fn changes(&self) -> Vec<Change> {
        let mut state = self.state.borrow_mut();
        let State { watches, hosts, metrics, now, .. } = &mut *state;
        let mut acts = Vec::new();
        let changes = watches
            .iter_mut()
            .filter(|watch| watch.period_ends(*now))
            .filter_map(|watch| {
                let percent =
                    hosts.get(&watch.instance).and_then(|host| host.percent(watch.symptom));
                let mean = || metrics.mean(&watch.instance, watch.symptom, (*now, watch.period));
                let percent = if watch.is_slow() { mean() } else { percent };
                let change = watch.evaluate(percent, *now)?;
                let rings = change.state == Some(AlarmState::Alarm) && watch.actions_enabled;
                let action = watch.acts_itself().filter(|_| rings && !watch.muted);
                acts.extend(action.map(|action| (watch.instance.clone(), action.to_owned())));
                Some(change)
            })
            .collect();
        for (instance, action) in acts {
            state.alarm_acts(&instance, &action);
        }
        changes
    }

    /// Changes every alarm about an instance.
    pub fn with_watches(&self, id: &InstanceId, change: impl Fn(&mut Watch)) {
        let mut state = self.state.borrow_mut();
        state.watches.iter_mut().filter(|watch| watch.instance == *id).for_each(change);
    }

    /// The calls since this was asked last, oldest first, which are forgotten.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.borrow_mut().calls)
    }

    /// What calls have changed since this was asked last, oldest first.
    pub fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut self.state.borrow_mut().effects)
    }

    /// The instances about which AWS had something to say since this was asked
    /// last: a command ended, a member was launched or is gone.
    pub fn take_triggers(&self) -> Vec<InstanceId> {
        std::mem::take(&mut self.state.borrow_mut().triggers)
    }

    /// Stops an instance, as its owner may at any time.
    pub fn stop(&self, id: &InstanceId) {
        self.state.borrow_mut().stop(id, "stopped");
    }

    /// Starts a stopped instance.
    pub fn start(&self, id: &InstanceId) {
        self.state.borrow_mut().start(id);
    }

    /// Takes a member out of its group for good, which wants one less from now on,
    /// as a scaling policy does or an owner. Nothing happens to who is not in
    /// service, or where the group is at its minimum.
    pub fn scale_in(&self, id: &InstanceId) {
        self.state.borrow_mut().scale_in(id);
    }

    /// The owner of a member protects it from scale-in by itself, or no longer does.
    pub fn protect(&self, id: &InstanceId, protected: bool) {
        let mut state = self.state.borrow_mut();
        let members = state.groups.values_mut().filter_map(|group| group.members.get_mut(id));
        members.for_each(|member| member.protected = protected);
    }

    /// An instance has just been launched, and still boots.
    pub fn is_launched(&self, id: &InstanceId) {
        self.state.borrow_mut().is_launched(id);
    }

    /// A group grows to its maximum, as a scaling policy has it do.
    pub fn grow(&self, name: &GroupName) {
        self.state.borrow_mut().grow(name);
    }

    /// Terminates an instance, as its owner may at any time.
    pub fn terminate(&self, id: &InstanceId) {
        self.state.borrow_mut().stop(id, "terminated");
    }

    /// A host, as it is.
    pub fn host(&self, id: &InstanceId) -> Option<Host> {
        self.state.borrow().hosts.get(id).cloned()
    }

    /// A group, as it is.
    pub fn group(&self, name: &GroupName) -> Option<Group> {
        self.state.borrow().groups.get(name).cloned()
    }

    /// The newest incident of an instance, as the ledger has it.
    pub fn incident(&self, id: &InstanceId) -> Option<Incident> {
        self.state.borrow().book.latest(id).cloned()
    }

    /// The ledger's table, as it is.
    pub fn book(&self) -> Book {
        self.state.borrow().book.clone()
    }

    /// Every host there is or was, as it is.
    pub fn hosts(&self) -> BTreeMap<InstanceId, Host> {
        self.state.borrow().hosts.clone()
    }

    /// Every command that was sent, oldest first.
    pub fn commands(&self) -> Vec<Command> {
        self.state.borrow().commands.clone()
    }

    /// Every notification that was published, oldest first.
    pub fn topic(&self) -> Vec<Notification> {
        self.state.borrow().topic.clone()
    }

    /// What hosts have put into the evidence bucket, by its address.
    pub fn bucket(&self) -> Vec<String> {
        self.state.borrow().bucket.clone()
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.state.borrow().calls.clone()
    }

    /// How often each call was made so far.
    pub fn counted(&self) -> BTreeMap<Verb, usize> {
        self.state.borrow().counted.clone()
    }

    /// Somebody else in the account sends so many commands.
    pub fn others_send(&self, count: usize) {
        self.state.borrow_mut().others_send(count);
    }

    /// How many calls so far tried to change an instance or a group.
    pub fn touches(&self) -> usize {
        let state = self.state.borrow();
        state.calls.iter().filter(|call| call.verb.nature() == Nature::Touch).count()
    }

    /// The invocation at that place is at work.
    pub(crate) fn works(&self, place: usize) {
        self.state.borrow_mut().at_work = place;
    }

    /// The next invocation's id.
    pub(crate) fn next_request_id(&self) -> String {
        let mut state = self.state.borrow_mut();
        state.invoked += 1;
        format!("00000000-0000-4000-8000-{:012x}", state.invoked)
    }
}

/// Somebody who waits until a time has come.
#[derive(Debug)]
pub(crate) struct Sleep<'a> {
    region: &'a Region,
    key: (Timestamp, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.region.state.borrow_mut();
        if state.waited_until() >= self.key.0 {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    /// Whoever has stopped waiting is not woken (ours: how the simulation waits).
    fn drop(&mut self) {
        self.region.state.borrow_mut().sleepers.remove(&self.key);
    }
}

/// The zones of the region, by their names (ours: three, as most regions have).
pub(crate) const ZONES: [&str; 3] = ["eu-central-1a", "eu-central-1b", "eu-central-1c"];

/// A zone as EC2 describes it (EC2 API reference, `AvailabilityZone`).
fn zone(name: &str, state: &str) -> Zone {
    let says = if state == "available" { Vec::new() } else { vec!["Increased errors".to_owned()] };
    Zone { name: name.to_owned(), state: state.to_owned(), says }
}

/// Where the deployment in the region runs: the place of the payloads in
/// `events/`.
#[expect(clippy::expect_used, reason = "a constant, which every test reads")]
fn deployment() -> Deployment {
    Deployment::of_topic("arn:aws:sns:eu-central-1:111122223333:remedy").expect("a constant topic")
}

/// The group whose member `id` is.
pub(crate) fn group_of<'a>(
    groups: &'a BTreeMap<GroupName, Group>,
    id: &InstanceId,
) -> Option<(&'a GroupName, &'a Group)> {
    groups.iter().find(|(_, group)| group.members.contains_key(id))
}

impl State {
    /// The time as whoever waits sees it. Where calls take no time it goes on alone.
    pub(crate) fn waited_until(&self) -> Timestamp {
        self.now + self.waited
    }

    /// What change calendars say now: several are open only if all are (SSM API reference,
    /// `GetCalendarState`). One that is not closed is open for good (ours).
    pub(crate) fn calendar(&self, calendars: &Calendars) -> CalendarState {
        let closed = calendars.names.iter().filter_map(|name| self.closed.get(name));
        let until = closed.map(|(_, until)| *until).filter(|until| self.now < *until).max();
        CalendarState { is_open: until.is_none(), until }
    }

    /// Writes a call down.
    pub(crate) fn note(&mut self, verb: Verb, about: &str, answer: impl FnOnce() -> String) {
        if self.transcribes {
            let (at, about) = (self.now, about.to_owned());
            self.calls.push(Call { at, verb, about, answer: answer() });
        }
    }

    /// What a call finds that is about to touch `about`.
    pub(crate) fn before(&self, about: &str) -> Option<Box<Before>> {
        let id = InstanceId::new(about).ok()?;
        let group = self.group_of(&id).map(|(name, group)| (name.clone(), group.clone()));
        let host = self.hosts.get(&id).cloned();
        let incident = self.book.latest(&id).cloned();
        let under_way = |it: &Command| {
            it.order.instance == id && it.mode == Mode::Apply && it.status() == CommandIs::Pending
        };
        let cleaning = self.commands.iter().any(under_way);
        let well = incident.as_ref().and_then(|incident| self.well(incident));
        Some(Box::new(Before { id, host, group, incident, cleaning, well }))
    }

    pub(crate) fn group_of(&self, id: &InstanceId) -> Option<(&GroupName, &Group)> {
        group_of(&self.groups, id)
    }

    pub(crate) fn arrange(&mut self, after: SignedDuration, due: Due) {
        self.arranged += 1;
        self.agenda.insert((self.now + after, self.arranged), due);
    }
}
