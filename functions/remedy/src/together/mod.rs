//! The world, asked for many incidents with few calls. Each incident goes its own way as if it
//! were alone; what they ask at the same time is collected and asked at once.

pub(crate) mod line;

pub(crate) mod desk;

pub(crate) mod pace;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, poll_fn};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};

use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::brake::Tries;
use crate::model::calendar::{CalendarState, Calendars};
use crate::model::diagnostics::Destination;
use crate::model::growth::{Growth, GrowthBook};
use crate::model::ids::{CommandId, GroupName, IncidentId, InstanceId, VolumeId};
use crate::model::incident::{FailureKind, Incident, Stage, Standby};
use crate::model::links::Deployment;
use crate::model::pause::{Pause, Scope};
use crate::model::pool::{Lease, Pool, PoolBook, Sighting};
use crate::model::repeats::{Occurrence, Occurrences};
use crate::model::rung::Rung;
use crate::model::series::Series;
use crate::model::unknown::CallFailed;
use crate::ports::clock::Clock;
use crate::ports::ledger::{Counted, Due, DueOne, Leased, Ledger, Recorded};
use crate::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Look, Membership,
    Modification, Snapshot, StatusChecks, Volume, Zone,
};
use crate::ports::look_at_many::{
    AGENTS_MAX, ALARMS_MAX, Commands, During, GROUPS_MAX, HISTORIES_MAX, INSTANCES_MAX, LookAtMany,
    MEMBERSHIPS_MAX, SERIES_MAX, SESSIONS_MAX, STATUSES_MAX, Sent, Span,
};
use crate::ports::tell::{Notification, Tell, Told};
use crate::ports::touch::{CallError, CleanupOrder, DiskOrder, HOSTS_MAX, Touch};
use crate::together::desk::{Desk, alike, answer};
use crate::together::line::{Line, Place};
use crate::together::pace::{Api, Pace};

/// Calls under way at the same time: enough that one slow answer holds up nobody else, few
/// enough that a small function need not open a connection for each incident.
const CALLS_MAX: usize = 16;

/// What is not asked within this time of a part's begin is not asked in it: what has to wait
/// longer stays due.
const WAITS_MAX: SignedDuration = SignedDuration::from_secs(15);

/// Our clock and that of Systems Manager may differ by this much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(2);

/// From the intent until the command was sent.
const SENT_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// Pages of one list: in an account that sends thousands of commands at once it is quicker to
/// ask about each of ours.
const PAGES_MAX: usize = 20;

/// Questions that share one list have no bound.
const ALL: usize = usize::MAX;

/// The world, asked for many incidents with few calls.
#[derive(Debug)]
pub struct Together<'w, W> {
    world: &'w W,
    calls: Rc<Line>,
    pools: RefCell<BTreeMap<Pool, Rc<Line>>>,
    instances: Desk<InstanceId, Option<Instance>>,
    statuses: Desk<InstanceId, Option<StatusChecks>>,
    agents: Desk<InstanceId, Option<Agent>>,
    memberships: Desk<InstanceId, Option<Membership>>,
    groups: Desk<GroupName, Option<Group>>,
    histories: Desk<InstanceId, History>,
    refreshes: Desk<GroupName, Option<String>>,
    types: Desk<String, bool>,
    zones: Desk<(), Vec<Zone>>,
    commands: Desk<Sent, Option<Command>>,
    list: RefCell<List>,
    sessions: Desk<InstanceId, usize>,
    spans: Desk<Span, Vec<Datapoint>>,
    alarms: Desk<String, Option<AlarmSettings>>,
    turns: Desk<CleanupOrder, Turn>,
    cleanups: Desk<CleanupOrder, Result<CommandId, CallError>>,
    pace: Pace,
    /// Until when the present part may ask. What belongs to no part may wait for ever.
    until: Cell<Timestamp>,
    /// Calls that one incident makes, and that are under way or wait for their time.
    alone: Cell<usize>,
    /// Incidents that are being written down: who intends something is about to order it.
    written: Cell<usize>,
    /// Questions of the present part whose time does not come.
    too_late: Cell<usize>,
}

/// When a cleanup may be ordered.
#[derive(Clone, Debug)]
enum Turn {
    /// After so long, as a part of the command with this comment if others are alike.
    Comes { wait: SignedDuration, shared: Option<String> },
    /// Not within this part.
    TooLate,
}

/// Commands as they were listed.
#[derive(Debug, Default)]
struct List {
    commands: BTreeMap<Sent, Command>,
    /// What was listed to its end.
    read: Option<During>,
    /// Which ones were listed by themselves.
    whole: BTreeSet<CommandId>,
    /// When those were sent who are asked about.
    sent: Option<During>,
}

type Flight<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Takes what was collected at a desk on its way: one call for one question, another for more.
/// What has no time any more is not asked.
macro_rules! depart {
    ($together:ident, $flights:ident, $desk:ident, $most:ident, $api:expr,
     |$q:ident: $question:ty| $one:expr, |$qs:ident| $many:expr) => {
        for asked in $together.$desk.collect($most) {
            let api: Option<Api> = $api(asked.len());
            let Some(wait) = $together.slot(api, asked.len()) else { continue };
            $flights.push(Box::pin(async move {
                $together.waits(wait).await;
                let place = $together.calls.join();
                place.turn().await;
                let one = async |$q: &$question| $one.await;
                answer(asked, one, async |$qs: &[$question]| $many.await).await;
            }));
        }
    };
    ($together:ident, $flights:ident, $desk:ident, $api:expr,
     |$q:ident: $question:ty| $one:expr) => {
        for asked in $together.$desk.collect_each() {
            let Some(wait) = $together.slot(Some($api), asked.len()) else { continue };
            $flights.push(Box::pin(async move {
                $together.waits(wait).await;
                let place = $together.calls.join();
                place.turn().await;
                let one = async |$q: &$question| $one.await;
                answer(asked, one, async |_: &[$question]| Vec::new()).await;
            }));
        }
    };
}

/// Something that one incident does, as long as it lasts.
struct Alone<'a>(&'a Cell<usize>);

impl<'a> Alone<'a> {
    fn begins(calls: &'a Cell<usize>) -> Self {
        calls.set(calls.get() + 1);
        Self(calls)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'w, W> Together<'w, W> {
    /// Nothing is asked yet.
    pub fn new(world: &'w W) -> Self {
        Self {
            world,
            calls: Line::serving(CALLS_MAX),
            pools: RefCell::default(),
            instances: Desk::default(),
            statuses: Desk::default(),
            agents: Desk::default(),
            memberships: Desk::default(),
            groups: Desk::default(),
            histories: Desk::default(),
            refreshes: Desk::default(),
            types: Desk::default(),
            zones: Desk::default(),
            commands: Desk::default(),
            list: RefCell::default(),
            sessions: Desk::default(),
            spans: Desk::default(),
            alarms: Desk::default(),
            turns: Desk::default(),
            cleanups: Desk::default(),
            pace: Pace::default(),
            until: Cell::new(Timestamp::MAX),
            alone: Cell::new(0),
            written: Cell::new(0),
            too_late: Cell::new(0),
        }
    }

    /// Joins those who wait for a place in the budget of `pool`. One after the other looks
    /// whether there is one and takes it, so that the next sees what the one before has taken.
    pub fn line_for(&self, pool: &Pool) -> Place {
        let mut pools = self.pools.borrow_mut();
        pools.entry(pool.clone()).or_insert_with(|| Line::serving(1)).join()
    }

    /// A call that only one incident makes.
    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let _alone = Alone::begins(&self.alone);
        let place = self.calls.join();
        place.turn().await;
        call.await
    }
}

impl<W: Clock> Together<'_, W> {
    /// A part of the work begins, which has its own time to ask in.
    pub fn begins_part(&self) {
        self.until.set(self.world.time() + WAITS_MAX);
        self.too_late.set(0);
    }

    /// How long a call of `api` for so many has to wait, if its time comes.
    fn slot(&self, api: Option<Api>, many: usize) -> Option<SignedDuration> {
        let Some(api) = api else { return Some(SignedDuration::ZERO) };
        let now = self.world.time();
        let slot = self.pace.slot(api, now, self.until.get());
        if slot.is_none() {
            self.too_late.set(self.too_late.get() + many);
        }
        slot.map(|at| at.duration_since(now))
    }

    async fn waits(&self, time: SignedDuration) {
        if time.is_positive() {
            self.world.wait(time).await;
        }
    }

    /// Waits for the time of one more call, if that comes within this part.
    async fn comes(&self, api: Api) -> bool {
        let now = self.world.time();
        let at = self.pace.slot(api, now, self.until.get());
        if let Some(at) = at {
            self.waits(at.duration_since(now)).await;
        }
        at.is_some()
    }

    /// Waits for the time of a call that one incident makes. If it does not come, the incident
    /// goes no further in this part.
    async fn in_pace(&self, api: Option<Api>) {
        match self.slot(api, 1) {
            Some(wait) => {
                let _alone = Alone::begins(&self.alone);
                self.waits(wait).await;
            }
            None => pending().await,
        }
    }

    /// Waits until `action` may be asked for. This comes before its intent is written: whoever
    /// waits in vain has written nothing, and stays due.
    pub async fn may_act(&self, action: Action) {
        self.in_pace(Api::of(action)).await;
    }

    /// A call that only one incident makes, in its time.
    async fn call_in_pace<T>(&self, api: Api, call: impl Future<Output = T>) -> T {
        self.in_pace(Some(api)).await;
        self.call(call).await
    }

    /// Waits until a cleanup may be ordered, before its intent is written, as [`Self::may_act`]
    /// does. Gives the comment of the command that it is a part of, if others are alike.
    pub async fn may_clean(&self, order: CleanupOrder) -> Option<String> {
        match self.turn(order).await {
            Turn::Comes { shared, .. } => shared,
            Turn::TooLate => {
                self.too_late.set(self.too_late.get() + 1);
                pending().await
            }
        }
    }

    /// The same of an alarm that came with others: if its time does not come, it is sent alone
    /// and at once, as far as AWS takes that.
    pub async fn joins(&self, order: CleanupOrder) -> Option<String> {
        match self.turn(order).await {
            Turn::Comes { shared, .. } => shared,
            Turn::TooLate => None,
        }
    }

    async fn turn(&self, order: CleanupOrder) -> Turn {
        let turn = self.turns.ask(order).await.unwrap_or(Turn::TooLate);
        if let Turn::Comes { wait, .. } = turn {
            let _alone = Alone::begins(&self.alone);
            self.waits(wait).await;
        }
        turn
    }

    /// The turns of cleanups that are to be ordered: one for all that are alike.
    fn turns(&self) -> Vec<Flight<'_>> {
        let asked = self.turns.collect(ALL).into_iter().flatten().collect();
        let mut turns: Vec<Flight<'_>> = Vec::new();
        for part in alike(asked, HOSTS_MAX, CleanupOrder::is_alike) {
            let now = self.world.time();
            let at = self.pace.slot(Api::SendCommand, now, self.until.get());
            let wait = at.map(|at| at.duration_since(now));
            let turn =
                move |shared| wait.map_or(Turn::TooLate, |wait| Turn::Comes { wait, shared });
            turns.push(Box::pin(async move {
                let alone = async |_: &CleanupOrder| Ok(turn(None));
                let shared = async |all: &[CleanupOrder]| {
                    // By one of them it is found out what it was about.
                    let comment = all.first().map(|first| format!("batch {}", first.comment));
                    all.iter().map(|_| Ok(turn(comment.clone()))).collect()
                };
                answer(part, alone, shared).await;
            }));
        }
        turns
    }
}

impl<W: LookAtMany> Together<'_, W> {
    /// Reads everything that `work` asks for at once. When nobody can go on without an answer,
    /// and none is on its way, what was asked meanwhile is asked together. What waits for a
    /// question whose time does not come is left as it is.
    pub async fn reads<T>(
        &self,
        work: impl IntoIterator<Item = impl Future<Output = T>>,
    ) -> Vec<T> {
        self.go(work, Vec::new).await
    }

    /// Goes on with `work` until all of it is done. What it orders departs after its questions.
    async fn go<'a, T>(
        &'a self,
        work: impl IntoIterator<Item = impl Future<Output = T>>,
        orders: impl Fn() -> Vec<Flight<'a>>,
    ) -> Vec<T> {
        let mut work: FuturesUnordered<_> = work.into_iter().map(Box::pin).collect();
        let mut flights: FuturesUnordered<Flight<'_>> = FuturesUnordered::new();
        let mut done = Vec::new();
        poll_fn(|context| {
            loop {
                match work.poll_next_unpin(context) {
                    Poll::Ready(Some(one)) => {
                        done.push(one);
                        continue;
                    }
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
                if flights.is_empty() {
                    flights.extend(self.departures());
                }
                if flights.is_empty() {
                    flights.extend(orders());
                }
                match flights.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) if self.too_late.get() > 0 && self.alone.get() == 0 => {
                        return Poll::Ready(());
                    }
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        done
    }

    /// One call for each kind of question, or as many as it takes.
    fn departures(&self) -> Vec<Flight<'_>> {
        let mut flights = self.departures_about_hosts();
        let world = self.world;
        depart!(
            self,
            flights,
            groups,
            GROUPS_MAX,
            |_| Some(Api::AutoScaling),
            |name: GroupName| world.group(name),
            |names| world.groups(names)
        );
        depart!(self, flights, refreshes, Api::AutoScaling, |name: GroupName| world.refresh(name));
        depart!(self, flights, types, Api::DescribeInstanceTypes, |of: String| {
            world.instance_store(of)
        });
        depart!(self, flights, zones, Api::DescribeAvailabilityZones, |_all: ()| world.zones());
        depart!(
            self,
            flights,
            commands,
            ALL,
            |many| Some(if many == 1 {
                Api::GetCommandInvocation
            } else {
                Api::ListCommandInvocations
            }),
            |sent: Sent| world.command(&sent.command, &sent.instance),
            |sent| self.listed(sent)
        );
        depart!(
            self,
            flights,
            spans,
            SERIES_MAX,
            |_| Some(Api::GetMetricData),
            |span: Span| world.datapoints(&span.series, span.since, span.until),
            |spans| world.spans(spans)
        );
        depart!(
            self,
            flights,
            alarms,
            ALARMS_MAX,
            |_| Some(Api::DescribeAlarms),
            |name: String| world.alarm(name),
            |names| world.alarms(names)
        );
        flights
    }

    fn departures_about_hosts(&self) -> Vec<Flight<'_>> {
        let mut flights: Vec<Flight<'_>> = Vec::new();
        let world = self.world;
        depart!(
            self,
            flights,
            instances,
            INSTANCES_MAX,
            |_| Some(Api::DescribeInstances),
            |id: InstanceId| world.instance(id),
            |ids| world.instances(ids)
        );
        depart!(
            self,
            flights,
            statuses,
            STATUSES_MAX,
            |_| Some(Api::DescribeInstanceStatus),
            |id: InstanceId| world.status(id),
            |ids| world.statuses(ids)
        );
        depart!(
            self,
            flights,
            agents,
            AGENTS_MAX,
            |_| Some(Api::DescribeInstanceInformation),
            |id: InstanceId| world.agent(id),
            |ids| world.agents(ids)
        );
        depart!(
            self,
            flights,
            memberships,
            MEMBERSHIPS_MAX,
            |_| Some(Api::AutoScaling),
            |id: InstanceId| world.membership(id),
            |ids| world.memberships(ids)
        );
        depart!(
            self,
            flights,
            histories,
            HISTORIES_MAX,
            |_| None,
            |id: InstanceId| world.history(id),
            |ids| world.histories(ids)
        );
        depart!(
            self,
            flights,
            sessions,
            SESSIONS_MAX,
            |_| Some(Api::DescribeSessions),
            |id: InstanceId| world.sessions(id),
            |ids| world.sessions_of(ids)
        );
        flights
    }
}

impl<W: LookAtMany + Touch> Together<'_, W> {
    /// Does everything of `work` at once, as [`Self::reads`] reads it. Cleanups that are alike are
    /// ordered together.
    pub async fn all<T>(&self, work: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
        self.go(work, || self.orders()).await
    }

    /// The cleanups that are ordered, or first their turns. As long as anybody writes down what it
    /// intends, more may come that belong to the same command.
    fn orders(&self) -> Vec<Flight<'_>> {
        let turns = self.turns();
        if !turns.is_empty() || self.written.get() > 0 {
            return turns;
        }
        let ordered = self.cleanups.collect(ALL).into_iter().flatten().collect();
        let is_one = |one: &CleanupOrder, other: &CleanupOrder| {
            one.comment == other.comment && one.is_alike(other) && one.instance != other.instance
        };
        let mut flights: Vec<Flight<'_>> = Vec::new();
        for part in alike(ordered, HOSTS_MAX, is_one) {
            flights.push(Box::pin(async move {
                let place = self.calls.join();
                place.turn().await;
                let one = async |order: &CleanupOrder| Ok(self.world.clean(order).await);
                answer(part, one, async |orders: &[CleanupOrder]| self.sent(orders).await).await;
            }));
        }
        flights
    }

    /// Sends one command to all of them. If AWS refuses it for all because of one, that one is
    /// found by halves: the others have nothing to do with it.
    async fn sent(
        &self,
        orders: &[CleanupOrder],
    ) -> Vec<Result<Result<CommandId, CallError>, CallFailed>> {
        let mut answers = Vec::new();
        let mut parts = vec![orders];
        while let Some(part) = parts.pop() {
            // The first one had its turn.
            let is_first = part.len() == orders.len();
            let comes = is_first || self.comes(Api::SendCommand).await;
            let answer = match part {
                _ if !comes => Err(too_many()),
                [order] => self.world.clean(order).await,
                orders => self.world.clean_many(orders).await,
            };
            let is_of_one = |refused: &CallError| {
                let of_one = [FailureKind::InstanceState, FailureKind::NotPermitted];
                refused.kind.is_some_and(|kind| of_one.contains(&kind))
            };
            if part.len() > 1 && answer.as_ref().is_err_and(is_of_one) {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            } else {
                answers.extend(part.iter().map(|_| Ok(answer.clone())));
            }
        }
        answers
    }
}

/// What was not sent is asked for again, as what AWS turns away is.
fn too_many() -> CallError {
    let why = "too many commands were sent just before".to_owned();
    CallError { call: "ssm:SendCommand", why, kind: Some(FailureKind::Throttled) }
}

impl<W: LookAtMany> Together<'_, W> {
    /// The commands of `incidents` are asked about next: when they were sent.
    pub fn lists_commands_of(&self, incidents: &[Incident]) {
        let asks = |incident: &&Incident| match incident.stage {
            Stage::Cleaning | Stage::Surveying | Stage::Gathering | Stage::Extending => true,
            Stage::Waiting
            | Stage::Snapshotting
            | Stage::Growing
            | Stage::Draining
            | Stage::Rebooting
            | Stage::Returning
            | Stage::Replacing
            | Stage::Watching
            | Stage::Resolved
            | Stage::HandedOver
            | Stage::Expired
            | Stage::Withdrawn => false,
        };
        let asked = || incidents.iter().filter(asks);
        let shared = shared(asked().filter_map(command_of_last));
        let is_single = |incident: &&Incident| {
            command_of_last(incident).is_none_or(|command| !shared.contains(command))
        };
        let intents = || asked().filter(is_single).map(|incident| incident.stage_since);
        let during = intents().min().zip(intents().max()).map(|(first, last)| During {
            since: first - CLOCKS_DIFFER,
            until: last + SENT_WITHIN,
        });
        self.list.borrow_mut().sent = during;
    }

    /// How these commands go, as far as their lists show that: a command that several share has
    /// one of its own, and the others have one together. What they do not show, because it was
    /// sent at another time or there was no time to read on, is asked about by itself. The time
    /// of the first page has come.
    async fn listed(&self, sent: &[Sent]) -> Vec<Result<Option<Command>, CallFailed>> {
        let shared = shared(sent.iter().map(|sent| &sent.command));
        let (mut is_paid, mut failed) = (true, BTreeMap::new());
        for command in &shared {
            if self.list.borrow().whole.contains(*command) {
                continue;
            }
            match self.read_pages(&Commands::One((*command).clone()), &mut is_paid).await {
                Ok(true) => drop(self.list.borrow_mut().whole.insert((*command).clone())),
                Ok(false) => {}
                Err(why) => drop(failed.insert((*command).clone(), why)),
            }
        }
        let is_single = |sent: &Sent| !shared.contains(&sent.command);
        let singles =
            if sent.iter().any(is_single) { self.read_list(&mut is_paid).await } else { Ok(()) };
        let list = self.list.borrow();
        let answer = |sent: &Sent| match (failed.get(&sent.command), &singles) {
            (Some(why), _) => Err(why.clone()),
            (None, Err(why)) if is_single(sent) => Err(why.clone()),
            (None, _) => Ok(list.commands.get(sent).cloned()),
        };
        sent.iter().map(answer).collect()
    }

    /// Reads on in the list of all commands, as far as it was not read for a part before: a beat
    /// that took long sees later what has ended meanwhile.
    async fn read_list(&self, is_paid: &mut bool) -> Result<(), CallFailed> {
        let (sent, read) = {
            let list = self.list.borrow();
            (list.sent, list.read)
        };
        let Some(mut during) = sent else { return Ok(()) };
        if let Some(read) = read.filter(|read| read.since <= during.since) {
            during.since = during.since.max(read.until - CLOCKS_DIFFER);
        }
        if during.since >= during.until {
            return Ok(());
        }
        if self.read_pages(&Commands::During(during), is_paid).await? {
            let since = read.unwrap_or(during).since;
            self.list.borrow_mut().read = Some(During { since, ..during });
        }
        Ok(())
    }

    /// Reads a list page by page while the time of the next one comes, or has come for the first
    /// if it `is_paid`. Gives whether that was all of it.
    async fn read_pages(&self, which: &Commands, is_paid: &mut bool) -> Result<bool, CallFailed> {
        let mut page = None;
        for _ in 0..PAGES_MAX {
            if !mem::take(is_paid) && !self.comes(Api::ListCommandInvocations).await {
                return Ok(false);
            }
            let listed = self.world.commands(which, page).await?;
            self.list.borrow_mut().commands.extend(listed.commands);
            page = listed.next;
            if page.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The command of the last attempt, if it is known.
fn command_of_last(incident: &Incident) -> Option<&CommandId> {
    incident.attempts.last().and_then(|attempt| attempt.command_id.as_ref())
}

/// Those that stand here more than once.
fn shared<'a>(commands: impl Iterator<Item = &'a CommandId>) -> BTreeSet<&'a CommandId> {
    let mut seen = BTreeSet::new();
    commands.filter(|command| !seen.insert(*command)).collect()
}

impl<W: LookAtMany> Look for Together<'_, W> {
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, CallFailed> {
        match self.instances.ask(id.clone()).await? {
            // A list does not say why it lacks one: before it counts as gone it is asked about
            // by itself.
            None => self.call_in_pace(Api::DescribeInstances, self.world.instance(id)).await,
            found => Ok(found),
        }
    }

    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, CallFailed> {
        self.statuses.ask(id.clone()).await
    }

    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, CallFailed> {
        self.agents.ask(id.clone()).await
    }

    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, CallFailed> {
        self.memberships.ask(id.clone()).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>, CallFailed> {
        self.groups.ask(name.clone()).await
    }

    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, CallFailed> {
        self.refreshes.ask(name.clone()).await
    }

    async fn history(&self, id: &InstanceId) -> Result<History, CallFailed> {
        self.histories.ask(id.clone()).await
    }

    async fn pool(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed> {
        self.call(self.world.pool(pool, symptom, now)).await
    }

    async fn sessions(&self, id: &InstanceId) -> Result<usize, CallFailed> {
        self.sessions.ask(id.clone()).await
    }

    async fn instance_store(&self, instance_type: &str) -> Result<bool, CallFailed> {
        self.types.ask(instance_type.to_owned()).await
    }

    async fn zones(&self) -> Result<Vec<Zone>, CallFailed> {
        self.zones.ask(()).await
    }

    async fn calendar(
        &self,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<CalendarState, CallFailed> {
        self.call_in_pace(Api::GetCalendarState, self.world.calendar(calendars, now)).await
    }

    async fn volumes(&self, id: &InstanceId) -> Result<Vec<Volume>, CallFailed> {
        self.call_in_pace(Api::DescribeVolumes, self.world.volumes(id)).await
    }

    async fn modification(&self, volume: &VolumeId) -> Result<Option<Modification>, CallFailed> {
        let modification = self.world.modification(volume);
        self.call_in_pace(Api::DescribeVolumesModifications, modification).await
    }

    async fn snapshot(
        &self,
        volume: &VolumeId,
        description: &str,
    ) -> Result<Option<Snapshot>, CallFailed> {
        let snapshot = self.world.snapshot(volume, description);
        self.call_in_pace(Api::DescribeSnapshots, snapshot).await
    }

    async fn growths(&self, volume: &VolumeId, now: Timestamp) -> Result<GrowthBook, CallFailed> {
        self.call(self.world.growths(volume, now)).await
    }

    async fn command(
        &self,
        id: &CommandId,
        instance: &InstanceId,
    ) -> Result<Option<Command>, CallFailed> {
        let sent = Sent { command: id.clone(), instance: instance.clone() };
        match self.commands.ask(sent).await? {
            None => {
                let command = self.world.command(id, instance);
                self.call_in_pace(Api::GetCommandInvocation, command).await
            }
            found => Ok(found),
        }
    }

    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, CallFailed> {
        let command = self.world.command_of(comment, instance, since);
        self.call_in_pace(Api::ListCommandInvocations, command).await
    }

    async fn console_output(&self, id: &InstanceId) -> Result<Option<String>, CallFailed> {
        // It is read while the intent is written, which nothing may hold up: without it what
        // the console showed is not known.
        let now = self.world.time();
        if self.pace.slot(Api::GetConsoleOutput, now, now).is_none() {
            let why = "too many consoles were read just before".to_owned();
            return Err(CallFailed { call: "ec2:GetConsoleOutput", why });
        }
        self.call(self.world.console_output(id)).await
    }

    async fn datapoints(
        &self,
        series: &Series,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Datapoint>, CallFailed> {
        // One call takes one query at most (`CloudWatch` user guide, "Metrics Insights
        // quotas"), and a query names one instance: it has no list of them.
        if !series.exact {
            let datapoints = self.world.datapoints(series, since, until);
            return self.call_in_pace(Api::MetricsInsights, datapoints).await;
        }
        self.spans.ask(Span { series: series.clone(), since, until }).await
    }

    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed> {
        self.alarms.ask(name.to_owned()).await
    }
}

impl<W: Ledger> Ledger for Together<'_, W> {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed> {
        let _written = Alone::begins(&self.written);
        self.call(self.world.open(incident, now)).await
    }

    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed> {
        let _written = Alone::begins(&self.written);
        self.call(self.world.record(incident)).await
    }

    async fn end(
        &self,
        ended: &Incident,
        successor: Option<&Incident>,
    ) -> Result<bool, CallFailed> {
        self.call(self.world.end(ended, successor)).await
    }

    async fn record_with_lease(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Leased, CallFailed> {
        self.call(self.world.record_with_lease(incident, now)).await
    }

    async fn record_with_growth(
        &self,
        incident: &Incident,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Counted, CallFailed> {
        self.call(self.world.record_with_growth(incident, book, a_day_gib, now)).await
    }

    async fn forget_growth(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        counted_at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.call(self.world.forget_growth(growth, incident, counted_at)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), CallFailed> {
        self.call(self.world.release(lease)).await
    }

    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Result<Vec<Sighting>, CallFailed> {
        self.call(self.world.note_sick(pool, symptom, sightings)).await
    }

    async fn pause(&self, pause: &Pause) -> Result<Vec<Pause>, CallFailed> {
        self.call(self.world.pause(pause)).await
    }

    async fn lift(&self, scope: &Scope) -> Result<Vec<Pause>, CallFailed> {
        self.call(self.world.lift(scope)).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, CallFailed> {
        self.call(self.world.pauses()).await
    }

    async fn count(&self, occurrence: &Occurrence) -> Result<Occurrences, CallFailed> {
        self.call(self.world.count(occurrence)).await
    }

    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.call(self.world.note_replacement(group, symptom, instance, at)).await
    }

    async fn keep_tries(
        &self,
        pool: &Pool,
        symptom: Symptom,
        rung: Rung,
        tries: &Tries,
    ) -> Result<bool, CallFailed> {
        self.call(self.world.keep_tries(pool, symptom, rung, tries)).await
    }

    async fn kept(
        &self,
        instance: Option<&InstanceId>,
        incident: &IncidentId,
    ) -> Result<Option<Incident>, CallFailed> {
        self.call(self.world.kept(instance, incident)).await
    }

    async fn who_is_due(&self, now: Timestamp) -> Result<Vec<DueOne>, CallFailed> {
        self.call(self.world.who_is_due(now)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, CallFailed> {
        self.call(self.world.due(now, limit)).await
    }
}

impl<W: Touch> Touch for Together<'_, W> {
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, CallError> {
        let lost = |CallFailed { call, why }| CallError { call, why, kind: None };
        self.cleanups.ask(order.clone()).await.map_err(lost)?
    }

    async fn clean_many(&self, orders: &[CleanupOrder]) -> Result<CommandId, CallError> {
        self.call(self.world.clean_many(orders)).await
    }

    async fn gather(
        &self,
        order: &CleanupOrder,
        within: SignedDuration,
    ) -> Result<CommandId, CallError> {
        self.call(self.world.gather(order, within)).await
    }

    async fn survey(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        self.call(self.world.survey(order)).await
    }

    async fn snapshot(&self, volume: &VolumeId, description: &str) -> Result<(), CallError> {
        self.call(self.world.snapshot(volume, description)).await
    }

    async fn grow(&self, growth: &Growth) -> Result<(), CallError> {
        self.call(self.world.grow(growth)).await
    }

    async fn extend(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        self.call(self.world.extend(order)).await
    }

    async fn keep(&self, destination: &Destination, text: &str) -> Result<(), CallError> {
        self.call(self.world.keep(destination, text)).await
    }

    async fn reboot(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.call(self.world.reboot(instance)).await
    }

    async fn replace(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.call(self.world.replace(instance)).await
    }

    async fn leave_service(
        &self,
        instance: &InstanceId,
        group: &GroupName,
        standby: Standby,
    ) -> Result<(), CallError> {
        self.call(self.world.leave_service(instance, group, standby)).await
    }

    async fn come_back(&self, instance: &InstanceId, group: &GroupName) -> Result<(), CallError> {
        self.call(self.world.come_back(instance, group)).await
    }
}

impl<W: Tell> Tell for Together<'_, W> {
    fn deployment(&self) -> &Deployment {
        self.world.deployment()
    }

    async fn tell(&self, notification: &Notification) -> Told {
        self.call(self.world.tell(notification)).await
    }
}
