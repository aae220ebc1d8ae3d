//! Remedy's four ports, answered by the region. Every call gives way once
//! before it takes effect, so that other invocations may be first; its effect
//! is one instant.

use std::slice;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::brake::Tries;
use remedy::model::calendar::{CalendarState, Calendars};
use remedy::model::diagnostics::Destination;
use remedy::model::growth::{Growth, GrowthBook};
use remedy::model::ids::{CommandId, GroupName, IncidentId, InstanceId, VolumeId};
use remedy::model::incident::{Incident, Standby};
use remedy::model::links::Deployment;
use remedy::model::pause::{Pause, Scope};
use remedy::model::pool::{Lease, Pool, PoolBook, Sighting};
use remedy::model::repeats::{Occurrence, Occurrences};
use remedy::model::rung::Rung;
use remedy::model::series::Series;
use remedy::model::unknown::CallFailed;
use remedy::observe::host_report::Mode;
use remedy::ports::clock::Clock;
use remedy::ports::ledger::{Counted, Due, DueOne, Leased, Ledger, Recorded};
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Look, Membership,
    Modification, Snapshot, StatusChecks, Volume, Zone,
};
use remedy::ports::tell::Told;
use remedy::ports::tell::{Notification, Tell};
use remedy::ports::touch::{CallError, CleanupOrder, DiskOrder, Touch};

use crate::Region;
use crate::calls::{self, Effect, Fault, Nature, Verb};
use crate::disk;
use crate::drive::give_way;
use crate::explore::script::Fate;
use crate::host::Host;
use crate::ledger::Flaw;
use crate::quota::{self, Draw};
use crate::region::State;
use crate::words::{self, Words};

impl Region {
    /// One call: `effect` happens to the region unless a fault prevents it,
    /// and what the caller gets to see is written down.
    async fn call<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        effect: impl FnOnce(&mut State) -> Result<T, &'static str>,
    ) -> Result<T, CallError> {
        self.call_drawing(verb, about, |_| quota::of_api(verb, false), effect).await
    }

    /// One call that draws tokens, where quotas count.
    async fn call_drawing<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        draws: impl Fn(&State) -> Vec<Draw>,
        effect: impl FnOnce(&mut State) -> Result<T, &'static str>,
    ) -> Result<T, CallError> {
        give_way().await;
        let refused = self.granted(verb, draws).await.err();
        match self.answer(verb, about, refused, effect) {
            Some(answer) => answer,
            // Whoever asked is dead, and nobody waits for the answer.
            None => std::future::pending().await,
        }
    }

    /// Waits for as long as a call takes, and draws what it takes of what is granted. What is
    /// turned away is tried again, as the adapter does.
    async fn granted(
        &self,
        verb: Verb,
        draws: impl Fn(&State) -> Vec<Draw>,
    ) -> Result<(), &'static str> {
        if self.state.borrow().quotas.is_none() {
            return Ok(());
        }
        let mut tries = 1;
        loop {
            self.sleep(quota::takes(verb)).await;
            match self.state.borrow_mut().draw(verb, &draws) {
                Err(_) if tries < quota::TRIES_MAX => {}
                answer => return answer,
            }
            let backs_off = self.state.borrow_mut().backs_off(tries);
            self.sleep(backs_off).await;
            tries += 1;
        }
    }

    fn answer<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        refused: Option<&'static str>,
        effect: impl FnOnce(&mut State) -> Result<T, &'static str>,
    ) -> Option<Result<T, CallError>> {
        let mut state = self.state.borrow_mut();
        if state.dead {
            return None;
        }
        state.called += 1;
        let fate = state.choices.as_mut().map_or(Fate::Answered, |choices| choices.fate(verb));
        *state.counted.entry(verb).or_default() += 1;
        let death = state.death.filter(|death| death.at_call == state.called);
        let takes_effect = match fate {
            Fate::Dies { takes_effect } => Some(takes_effect),
            Fate::Answered | Fate::AnswerLost => death.map(|death| death.takes_effect),
        };
        if let Some(takes_effect) = takes_effect {
            state.dead = true;
            if takes_effect {
                let _lost = happen(&mut state, verb, about, effect);
            }
            state.note(verb, about, || "the function died".to_owned());
            return None;
        }
        let fault = state.hiccups.remove(&verb).or_else(|| state.faults.get(&verb).cloned());
        let fault = fault.or((fate == Fate::AnswerLost).then_some(Fault::AnswerLost));
        let fault = refused.map(Fault::Refused).or(fault);
        let answer = match &fault {
            Some(Fault::Refused(_) | Fault::RequestLost) => None,
            Some(Fault::AnswerLost) | None => Some(happen(&mut state, verb, about, effect)),
        };
        let answer = match (answer, fault) {
            (_, Some(fault)) => Err((fault.says(), fault.kind())),
            (Some(Err(why)), None) => Err((why, Some(calls::failure_kind(why)))),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(("the call had no effect", None)),
        };
        let answer = answer.map_err(|(why, kind)| CallError {
            call: verb.name(),
            why: why.to_owned(),
            kind,
        });
        state.note(verb, about, || match &answer {
            Ok(value) => value.words(),
            Err(refused) => format!("FAILED: {}", refused.why),
        });
        Some(answer)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.state.borrow().book.has(flaw)
    }

    pub(crate) async fn look<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        answer: impl FnOnce(&mut State) -> T,
    ) -> Result<T, CallFailed> {
        self.look_drawing(verb, about, |_| quota::of_api(verb, false), answer).await
    }

    /// A look that draws tokens, where quotas count.
    pub(crate) async fn look_drawing<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        draws: impl Fn(&State) -> Vec<Draw>,
        answer: impl FnOnce(&mut State) -> T,
    ) -> Result<T, CallFailed> {
        self.call_drawing(verb, about, draws, |state| Ok(answer(state)))
            .await
            .map_err(|refused| CallFailed { call: refused.call, why: refused.why })
    }
}

/// Bytes of a row of a pool or a count, at most.
const ROW: usize = 1024;

/// Bytes of one sighting in the row of a pool's sick.
const SIGHTING: usize = 160;

impl State {
    /// How many incidents are open.
    fn open_incidents(&self) -> usize {
        self.book.all_latest().filter(|incident| incident.stage.is_open()).count()
    }

    /// Draws what one try of a call takes, or says why it is turned away.
    fn draw(
        &mut self,
        verb: Verb,
        draws: &impl Fn(&Self) -> Vec<Draw>,
    ) -> Result<(), &'static str> {
        let draws = draws(self);
        let (now, by) = (self.now, self.caller);
        self.quotas.as_mut().map_or(Ok(()), |quotas| quotas.draw(now, (verb, by), &draws))
    }

    /// How long the adapter waits after a try that was turned away.
    fn backs_off(&mut self, tries: u32) -> SignedDuration {
        self.quotas.as_mut().map(|quotas| quotas.backs_off(tries)).unwrap_or_default()
    }

    /// What the ledger is charged for `incident` in the place of what it holds: by the larger
    /// of both, and for the index. A transaction costs so many times as much.
    fn writes(&self, incident: &Incident, times: f64) -> Vec<Draw> {
        let before = self.book.latest(&incident.instance_id);
        let size = quota::bytes(incident).max(before.map_or(0, quota::bytes));
        let row = quota::write(incident.instance_id.to_string(), size, times);
        row.into_iter().chain(quota::index(before, incident)).collect()
    }

    /// What it is charged when these are looked up, with what is paused.
    pub(crate) fn reads_histories(&self, ids: &[InstanceId]) -> Vec<Draw> {
        let of = |id: &InstanceId| {
            let size = self.book.latest(id).map_or(0, quota::bytes);
            quota::read(id.to_string(), size)
        };
        let pauses = quota::read("pauses".to_owned(), ROW);
        ids.iter().flat_map(of).chain(pauses).collect()
    }
}

/// `effect` happens. If it changed anything, that is remembered.
fn happen<T>(
    state: &mut State,
    verb: Verb,
    about: &str,
    effect: impl FnOnce(&mut State) -> Result<T, &'static str>,
) -> Result<T, &'static str> {
    let nature = verb.nature();
    if nature == Nature::Look {
        return effect(state);
    }
    let before = if nature == Nature::Touch { state.before(about) } else { None };
    let answer = effect(state);
    // A reboot of what does not run may be taken, and does nothing (question reboot-stopped).
    let runs = |before: &calls::Before| before.host.as_ref().is_none_or(Host::runs);
    let idle = verb == Verb::Reboot && !before.as_deref().is_none_or(runs);
    let (at, about, done) = (state.now, about.to_owned(), answer.is_ok() && !idle);
    let by = state.at_work;
    state.effects.push(Effect { at, verb, about, done, by, before });
    answer
}

impl Look for Region {
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, CallFailed> {
        self.look(Verb::Instance, id.as_str(), |state| state.instance(id)).await
    }

    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, CallFailed> {
        self.look(Verb::Status, id.as_str(), |state| state.status(id)).await
    }

    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, CallFailed> {
        self.look(Verb::Agent, id.as_str(), |state| state.agent(id)).await
    }

    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, CallFailed> {
        self.look(Verb::Membership, id.as_str(), |state| state.membership(id)).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>, CallFailed> {
        self.look(Verb::Group, name.as_str(), |state| state.group_told(name)).await
    }

    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, CallFailed> {
        self.look(Verb::Refresh, name.as_str(), |state| {
            let groups = state.described().groups;
            words::Refresh(groups.get(name).and_then(|group| group.refresh.clone()))
        })
        .await
        .map(|refresh| refresh.0)
    }

    async fn history(&self, id: &InstanceId) -> Result<History, CallFailed> {
        let draws = |state: &State| state.reads_histories(slice::from_ref(id));
        self.look_drawing(Verb::History, id.as_str(), draws, |state| state.history(id)).await
    }

    async fn pool(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed> {
        let about = pool.to_string();
        let draws = |_: &State| quota::read(about.clone(), 4096).to_vec();
        let pool = |state: &mut State| state.book.pool(pool, symptom, now);
        self.look_drawing(Verb::Pool, &about, draws, pool).await
    }

    async fn sessions(&self, id: &InstanceId) -> Result<usize, CallFailed> {
        self.look(Verb::Sessions, id.as_str(), |state| state.sessions(id)).await
    }

    async fn instance_store(&self, instance_type: &str) -> Result<bool, CallFailed> {
        self.look(Verb::InstanceStore, instance_type, |_| has_instance_store(instance_type)).await
    }

    async fn volumes(&self, id: &InstanceId) -> Result<Vec<Volume>, CallFailed> {
        self.look(Verb::Volumes, id.as_str(), |state| {
            let host = state.described().hosts.get(id);
            host.and_then(|host| host.disk.described(id)).into_iter().collect()
        })
        .await
    }

    async fn modification(&self, volume: &VolumeId) -> Result<Option<Modification>, CallFailed> {
        self.look(Verb::Modification, volume.as_str(), |state| {
            let id = disk::host_of(volume)?;
            state.described().hosts.get(&id)?.disk.last_modification()
        })
        .await
    }

    async fn snapshot(
        &self,
        volume: &VolumeId,
        description: &str,
    ) -> Result<Option<Snapshot>, CallFailed> {
        self.look(Verb::SnapshotOf, volume.as_str(), |state| {
            let id = disk::host_of(volume)?;
            state.described().hosts.get(&id)?.disk.snapshot(description)
        })
        .await
    }

    async fn growths(&self, volume: &VolumeId, now: Timestamp) -> Result<GrowthBook, CallFailed> {
        self.look(Verb::Growths, volume.as_str(), |state| state.book.growths(volume, now)).await
    }

    async fn zones(&self) -> Result<Vec<Zone>, CallFailed> {
        self.look(Verb::Zones, "", |state| state.zones.clone()).await
    }

    async fn calendar(
        &self,
        calendars: &Calendars,
        _now: Timestamp,
    ) -> Result<CalendarState, CallFailed> {
        self.look(Verb::Calendar, &calendars.named(), |state| state.calendar(calendars)).await
    }

    async fn command(
        &self,
        id: &CommandId,
        instance: &InstanceId,
    ) -> Result<Option<Command>, CallFailed> {
        self.look(Verb::Command, id.as_str(), |state| state.command(id, instance)).await
    }

    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, CallFailed> {
        self.look(Verb::CommandOf, comment, |state| {
            let order =
                |order: &CleanupOrder| order.comment == comment && order.instance == *instance;
            let mut newest_first = state.commands.iter().rev();
            let newest = newest_first
                .find(|it| order(&it.order) && it.sent_at >= since && it.is_shown(state.now));
            newest.map(|command| command.id.clone())
        })
        .await
    }

    async fn console_output(&self, id: &InstanceId) -> Result<Option<String>, CallFailed> {
        self.look(Verb::ConsoleOutput, id.as_str(), |state| {
            state.hosts.get(id).and_then(|host| host.console.clone())
        })
        .await
    }

    async fn datapoints(
        &self,
        series: &Series,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Datapoint>, CallFailed> {
        let draws = |_: &State| quota::of_api(Verb::Datapoints, !series.exact);
        self.look_drawing(Verb::Datapoints, &series.name, draws, |state| {
            state.metrics.read(series, (since, until), state.now)
        })
        .await
    }

    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed> {
        self.look(Verb::Alarm, name, |state| state.alarm(&name.to_owned())).await
    }
}

/// Where quotas do not count calls take no time, and nobody waits for their turn: only whoever
/// waits sees that time has passed.
impl Clock for Region {
    fn time(&self) -> Timestamp {
        self.state.borrow().waited_until()
    }

    async fn wait(&self, time: SignedDuration) {
        self.sleep(time).await;
    }
}

impl Ledger for Region {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed> {
        let about = incident.id.to_string();
        let draws = |state: &State| state.writes(incident, 1.0);
        self.look_drawing(Verb::Open, &about, draws, |state| state.book.open(incident, now)).await
    }

    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed> {
        let about = incident.id.to_string();
        let written = words::Written { stage: incident.stage, version: incident.version };
        let draws = |state: &State| state.writes(incident, 1.0);
        let record = |state: &mut State| written.over(state.book.record(incident));
        let written = self.look_drawing(Verb::Record, &about, draws, record).await;
        written.map(|written| written.is_some())
    }

    async fn end(
        &self,
        ended: &Incident,
        successor: Option<&Incident>,
    ) -> Result<bool, CallFailed> {
        let about = ended.id.to_string();
        let written = words::Written { stage: ended.stage, version: ended.version };
        let draws = |state: &State| {
            // A transaction costs twice, and keeps a copy.
            let kept = quota::write(about.clone(), quota::bytes(ended), 2.0);
            [state.writes(successor.unwrap_or(ended), 2.0), kept.to_vec()].concat()
        };
        let end = |state: &mut State| written.over(state.book.end(ended, successor));
        let written = self.look_drawing(Verb::Record, &about, draws, end).await;
        written.map(|written| written.is_some())
    }

    async fn record_with_lease(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Leased, CallFailed> {
        let about = incident.id.to_string();
        let draws = |state: &State| {
            let slot = incident.lease.as_ref().map(|lease| lease.pool.to_string());
            let slot = slot.map(|slot| quota::write(slot, ROW, 2.0)).into_iter().flatten();
            state.writes(incident, 2.0).into_iter().chain(slot).collect()
        };
        let record = |state: &mut State| state.book.record_with_lease(incident, now);
        self.look_drawing(Verb::RecordWithLease, &about, draws, record).await
    }

    async fn record_with_growth(
        &self,
        incident: &Incident,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Counted, CallFailed> {
        let about = incident.id.to_string();
        self.look(Verb::RecordWithGrowth, &about, |state| {
            state.book.record_with_growth(incident, book, a_day_gib, now)
        })
        .await
    }

    async fn forget_growth(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        counted_at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.look(Verb::ForgetGrowth, growth.volume.as_str(), |state| {
            state.book.forget_growth(growth, incident, counted_at);
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), CallFailed> {
        let pool = lease.pool.to_string();
        let draws = |_: &State| quota::write(pool.clone(), ROW, 1.0).to_vec();
        self.look_drawing(Verb::Release, &pool, draws, |state| state.book.release(lease)).await
    }

    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Result<Vec<Sighting>, CallFailed> {
        let about = pool.to_string();
        let draws = |state: &State| {
            let noted = state.book.pool(pool, symptom, state.now).sick.len();
            quota::write(about.clone(), SIGHTING * (noted + sightings.len()), 1.0).to_vec()
        };
        let note = |state: &mut State| state.book.note_sick(pool, symptom, sightings);
        self.look_drawing(Verb::NoteSick, &about, draws, note).await
    }

    async fn pause(&self, pause: &Pause) -> Result<Vec<Pause>, CallFailed> {
        self.look(Verb::Pause, &pause.scope.to_string(), |state| state.book.pause(pause)).await
    }

    async fn lift(&self, scope: &Scope) -> Result<Vec<Pause>, CallFailed> {
        self.look(Verb::Lift, &scope.to_string(), |state| state.book.lift(scope)).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, CallFailed> {
        self.look(Verb::Pauses, "", |state| state.book.pauses()).await
    }

    async fn count(&self, occurrence: &Occurrence) -> Result<Occurrences, CallFailed> {
        let group = occurrence.group.as_ref().map_or("none", GroupName::as_str);
        let draws = |_: &State| quota::write(format!("repeats of {group}"), ROW, 1.0).to_vec();
        let count = |state: &mut State| state.book.count(occurrence);
        self.look_drawing(Verb::Count, &occurrence.cause, draws, count).await
    }

    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.look(Verb::NoteReplacement, group.as_str(), |state| {
            state.book.note_replacement(group, symptom, instance, at);
        })
        .await
    }

    async fn keep_tries(
        &self,
        pool: &Pool,
        symptom: Symptom,
        rung: Rung,
        tries: &Tries,
    ) -> Result<bool, CallFailed> {
        let about = pool.to_string();
        let draws = |_: &State| quota::write(about.clone(), ROW, 1.0).to_vec();
        let keep = |state: &mut State| state.book.keep_tries((pool, symptom, rung), tries);
        self.look_drawing(Verb::KeepTries, &about, draws, keep).await
    }

    async fn kept(
        &self,
        instance: Option<&InstanceId>,
        incident: &IncidentId,
    ) -> Result<Option<Incident>, CallFailed> {
        self.look(Verb::Kept, incident.as_str(), |state| state.book.kept(instance, incident)).await
    }

    async fn who_is_due(&self, now: Timestamp) -> Result<Vec<DueOne>, CallFailed> {
        let draws = |state: &State| quota::look_at_index(state.open_incidents()).to_vec();
        self.look_drawing(Verb::Due, "", draws, |state| state.book.who_is_due(now)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, CallFailed> {
        self.look(Verb::Due, "", |state| state.book.due(now, limit)).await
    }
}

impl Touch for Region {
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, CallError> {
        self.call(Verb::Clean, order.instance.as_str(), |state| state.send(order, Mode::Apply))
            .await
    }

    async fn clean_many(&self, orders: &[CleanupOrder]) -> Result<CommandId, CallError> {
        let about = orders.first().map_or("", |order| order.instance.as_str());
        self.call(Verb::Clean, about, |state| state.send_to_many(orders)).await
    }

    async fn gather(
        &self,
        order: &CleanupOrder,
        _within: SignedDuration,
    ) -> Result<CommandId, CallError> {
        self.call(Verb::Gather, order.instance.as_str(), |state| state.send(order, Mode::Report))
            .await
    }

    async fn survey(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        self.call(Verb::Survey, order.instance.as_str(), |state| {
            state.send_about_disk(order, Mode::Report)
        })
        .await
    }

    async fn snapshot(&self, volume: &VolumeId, description: &str) -> Result<(), CallError> {
        let about = disk::host_of(volume).map(|id| id.to_string()).unwrap_or_default();
        self.call(Verb::Snapshot, &about, |state| state.take_snapshot(volume, description)).await
    }

    async fn grow(&self, growth: &Growth) -> Result<(), CallError> {
        let about = disk::host_of(&growth.volume).map(|id| id.to_string()).unwrap_or_default();
        self.call(Verb::Grow, &about, |state| state.modify_volume(growth)).await
    }

    async fn extend(&self, order: &DiskOrder) -> Result<CommandId, CallError> {
        self.call(Verb::Extend, order.instance.as_str(), |state| {
            state.send_about_disk(order, Mode::Apply)
        })
        .await
    }

    async fn keep(&self, destination: &Destination, _text: &str) -> Result<(), CallError> {
        let uri = destination.to_string();
        self.call(Verb::Keep, &uri, |state| {
            state.bucket.push(uri.clone());
            Ok(())
        })
        .await
    }

    async fn reboot(&self, instance: &InstanceId) -> Result<(), CallError> {
        let call = || self.call(Verb::Reboot, instance.as_str(), |state| state.reboot(instance));
        match call().await {
            Err(lost) if lost.kind.is_none() && self.has(Flaw::RepeatsLostCalls) => call().await,
            answer => answer,
        }
    }

    async fn replace(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.call(Verb::Replace, instance.as_str(), |state| state.replace(instance)).await
    }

    async fn leave_service(
        &self,
        instance: &InstanceId,
        group: &GroupName,
        standby: Standby,
    ) -> Result<(), CallError> {
        self.call(Verb::LeaveService, instance.as_str(), |state| {
            state.leave_service(instance, group, standby.decremented)
        })
        .await
    }

    async fn come_back(&self, instance: &InstanceId, group: &GroupName) -> Result<(), CallError> {
        self.call(Verb::ComeBack, instance.as_str(), |state| state.come_back(instance, group)).await
    }
}

impl Tell for Region {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    async fn tell(&self, notification: &Notification) -> Told {
        let people = self.look(Verb::Tell, &notification.subject, |state| {
            if !state.book.has(Flaw::TellsNobody) {
                state.topic.push(notification.clone());
            }
            let now = state.now;
            state.quotas.iter_mut().for_each(|quotas| quotas.mail(now));
        });
        Told { people: people.await, chat: Ok(()) }
    }
}

/// The types that the region knows to have disks of their own: those with a
/// `d` behind their generation (EC2 user guide, "Instance type naming").
pub(crate) fn has_instance_store(instance_type: &str) -> bool {
    let family = instance_type.split('.').next().unwrap_or_default();
    let behind = family.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    behind.contains('d')
}
