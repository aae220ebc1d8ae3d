//! The world, asked for many incidents with few calls. Each incident goes its own way as if it
//! were alone; what they ask at the same time is collected and asked at once.

pub(crate) mod line;

pub(crate) mod desk;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};

use crate::model::alarm::Symptom;
use crate::model::brake::Tries;
use crate::model::calendar::{CalendarState, Calendars};
use crate::model::diagnostics::Destination;
use crate::model::growth::{Growth, GrowthBook};
use crate::model::ids::{CommandId, GroupName, IncidentId, InstanceId, VolumeId};
use crate::model::incident::{Incident, Standby};
use crate::model::links::Deployment;
use crate::model::pause::{Pause, Scope};
use crate::model::pool::{Lease, Pool, PoolBook, Sighting};
use crate::model::repeats::{Occurrence, Occurrences};
use crate::model::rung::Rung;
use crate::model::series::Series;
use crate::model::unknown::CallFailed;
use crate::ports::ledger::{Counted, Due, Leased, Ledger, Recorded};
use crate::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Look, Membership,
    Modification, StatusChecks, Volume, Zone,
};
use crate::ports::look_at_many::{
    AGENTS_MAX, ALARMS_MAX, GROUPS_MAX, HISTORIES_MAX, INSTANCES_MAX, LookAtMany, MEMBERSHIPS_MAX,
    SERIES_MAX, SESSIONS_MAX, STATUSES_MAX, Sent, Span,
};
use crate::ports::tell::{Notification, Tell, Told};
use crate::ports::touch::{CallError, CleanupOrder, DiskOrder, Touch};
use crate::together::desk::{Desk, answer};
use crate::together::line::{Line, Place};

/// Calls under way at the same time: enough that one slow answer holds up nobody else, few
/// enough that a small function need not open a connection for each incident.
const CALLS_MAX: usize = 16;

/// Commands are looked for in a list of those of this long ago and later: a cleanup is waited
/// for during 10 minutes, and beats may be late.
const LISTED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// Questions that share one list have no bound.
const ALL: usize = usize::MAX;

/// The world, asked for many incidents with few calls.
#[derive(Debug)]
pub struct Together<'w, W> {
    world: &'w W,
    now: Timestamp,
    calls: Rc<Line>,
    pools: RefCell<BTreeMap<Pool, Rc<Line>>>,
    instances: Desk<InstanceId, Option<Instance>>,
    statuses: Desk<InstanceId, Option<StatusChecks>>,
    agents: Desk<InstanceId, Option<Agent>>,
    memberships: Desk<InstanceId, Option<Membership>>,
    groups: Desk<GroupName, Option<Group>>,
    histories: Desk<InstanceId, History>,
    commands: Desk<Sent, Option<Command>>,
    list: RefCell<Option<BTreeMap<Sent, Command>>>,
    sessions: Desk<InstanceId, usize>,
    spans: Desk<Span, Vec<Datapoint>>,
    alarms: Desk<String, Option<AlarmSettings>>,
}

type Flight<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Takes what was collected at a desk on its way: one call for one question, another for more.
macro_rules! depart {
    ($together:ident, $flights:ident, $desk:ident, $most:ident,
     |$q:ident: $question:ty| $one:expr, |$qs:ident| $many:expr) => {
        for asked in $together.$desk.collect($most) {
            $flights.push(Box::pin(async move {
                let place = $together.calls.join();
                place.turn().await;
                let one = async |$q: &$question| $one.await;
                answer(asked, one, async |$qs: &[$question]| $many.await).await;
            }));
        }
    };
}

impl<'w, W> Together<'w, W> {
    /// Nothing is asked yet.
    pub fn new(world: &'w W, now: Timestamp) -> Self {
        Self {
            world,
            now,
            calls: Line::serving(CALLS_MAX),
            pools: RefCell::default(),
            instances: Desk::default(),
            statuses: Desk::default(),
            agents: Desk::default(),
            memberships: Desk::default(),
            groups: Desk::default(),
            histories: Desk::default(),
            commands: Desk::default(),
            list: RefCell::default(),
            sessions: Desk::default(),
            spans: Desk::default(),
            alarms: Desk::default(),
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
        let place = self.calls.join();
        place.turn().await;
        call.await
    }
}

impl<W: LookAtMany> Together<'_, W> {
    /// Does everything of `work` at once. When nobody can go on without an answer, and none
    /// is on its way, what was asked meanwhile is asked together.
    pub async fn all<T>(&self, work: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
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
                match flights.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        done
    }

    /// One call for each kind of question, or as many as it takes.
    fn departures(&self) -> Vec<Flight<'_>> {
        let mut flights: Vec<Flight<'_>> = Vec::new();
        let world = self.world;
        depart!(
            self,
            flights,
            instances,
            INSTANCES_MAX,
            |id: InstanceId| world.instance(id),
            |ids| world.instances(ids)
        );
        depart!(self, flights, statuses, STATUSES_MAX, |id: InstanceId| world.status(id), |ids| {
            world.statuses(ids)
        });
        depart!(self, flights, agents, AGENTS_MAX, |id: InstanceId| world.agent(id), |ids| world
            .agents(ids));
        depart!(
            self,
            flights,
            memberships,
            MEMBERSHIPS_MAX,
            |id: InstanceId| world.membership(id),
            |ids| world.memberships(ids)
        );
        depart!(self, flights, groups, GROUPS_MAX, |name: GroupName| world.group(name), |names| {
            world.groups(names)
        });
        depart!(
            self,
            flights,
            histories,
            HISTORIES_MAX,
            |id: InstanceId| world.history(id),
            |ids| world.histories(ids)
        );
        depart!(
            self,
            flights,
            commands,
            ALL,
            |sent: Sent| world.command(&sent.command, &sent.instance),
            |sent| self.listed(sent)
        );
        depart!(
            self,
            flights,
            sessions,
            SESSIONS_MAX,
            |id: InstanceId| world.sessions(id),
            |ids| world.sessions_of(ids)
        );
        depart!(
            self,
            flights,
            spans,
            SERIES_MAX,
            |span: Span| world.datapoints(&span.series, span.since, span.until),
            |spans| world.spans(spans)
        );
        depart!(self, flights, alarms, ALARMS_MAX, |name: String| world.alarm(name), |names| world
            .alarms(names));
        flights
    }
}

impl<W: LookAtMany> Together<'_, W> {
    /// How these commands go, as far as the list shows that. It is read once: a beat that took
    /// long sees later what has ended meanwhile.
    async fn listed(&self, sent: &[Sent]) -> Vec<Result<Option<Command>, CallFailed>> {
        let known = self.list.borrow_mut().take();
        let list = match known {
            Some(list) => list,
            None => match self.world.commands(self.now - LISTED_FOR).await {
                Ok(list) => list.into_iter().collect(),
                Err(failed) => return sent.iter().map(|_| Err(failed.clone())).collect(),
            },
        };
        let answers = sent.iter().map(|sent| Ok(list.get(sent).cloned())).collect();
        *self.list.borrow_mut() = Some(list);
        answers
    }
}

impl<W: LookAtMany> Look for Together<'_, W> {
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, CallFailed> {
        match self.instances.ask(id.clone()).await? {
            // A list does not say why it lacks one: before it counts as gone it is asked about
            // by itself.
            None => self.call(self.world.instance(id)).await,
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
        self.call(self.world.refresh(name)).await
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
        self.call(self.world.instance_store(instance_type)).await
    }

    async fn zones(&self) -> Result<Vec<Zone>, CallFailed> {
        self.call(self.world.zones()).await
    }

    async fn calendar(
        &self,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<CalendarState, CallFailed> {
        self.call(self.world.calendar(calendars, now)).await
    }

    async fn volumes(&self, id: &InstanceId) -> Result<Vec<Volume>, CallFailed> {
        self.call(self.world.volumes(id)).await
    }

    async fn modification(&self, volume: &VolumeId) -> Result<Option<Modification>, CallFailed> {
        self.call(self.world.modification(volume)).await
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
            None => self.call(self.world.command(id, instance)).await,
            found => Ok(found),
        }
    }

    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, CallFailed> {
        self.call(self.world.command_of(comment, instance, since)).await
    }

    async fn console_output(&self, id: &InstanceId) -> Result<Option<String>, CallFailed> {
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
            return self.call(self.world.datapoints(series, since, until)).await;
        }
        self.spans.ask(Span { series: series.clone(), since, until }).await
    }

    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed> {
        self.alarms.ask(name.to_owned()).await
    }
}

impl<W: Ledger> Ledger for Together<'_, W> {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed> {
        self.call(self.world.open(incident, now)).await
    }

    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed> {
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
        sighting: &Sighting,
    ) -> Result<Vec<Sighting>, CallFailed> {
        self.call(self.world.note_sick(pool, symptom, sighting)).await
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

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, CallFailed> {
        self.call(self.world.due(now, limit)).await
    }
}

impl<W: Touch> Touch for Together<'_, W> {
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, CallError> {
        self.call(self.world.clean(order)).await
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
