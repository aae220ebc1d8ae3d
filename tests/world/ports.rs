//! Remedy's four ports, answered by the region. Every call gives way once
//! before it takes effect, so that other invocations may be first; its effect
//! is one instant.

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
use remedy::ports::ledger::{Counted, Due, Leased, Ledger, Recorded};
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Look, Membership,
    Modification, StatusChecks, Volume, Zone,
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
        give_way().await;
        match self.answer(verb, about, effect) {
            Some(answer) => answer,
            // Whoever asked is dead, and nobody waits for the answer.
            None => std::future::pending().await,
        }
    }

    fn answer<T: Words>(
        &self,
        verb: Verb,
        about: &str,
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
        self.call(verb, about, |state| Ok(answer(state)))
            .await
            .map_err(|refused| CallFailed { call: refused.call, why: refused.why })
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
        self.look(Verb::History, id.as_str(), |state| state.history(id)).await
    }

    async fn pool(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed> {
        self.look(Verb::Pool, &pool.to_string(), |state| state.book.pool(pool, symptom, now)).await
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
        self.look(Verb::Datapoints, &series.name, |state| {
            state.metrics.read(series, (since, until), state.now)
        })
        .await
    }

    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed> {
        self.look(Verb::Alarm, name, |state| state.alarm(&name.to_owned())).await
    }
}

impl Ledger for Region {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed> {
        let about = incident.id.to_string();
        self.look(Verb::Open, &about, |state| state.book.open(incident, now)).await
    }

    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed> {
        let about = incident.id.to_string();
        let written = words::Written { stage: incident.stage, version: incident.version };
        self.look(Verb::Record, &about, |state| written.over(state.book.record(incident)))
            .await
            .map(|written| written.is_some())
    }

    async fn end(
        &self,
        ended: &Incident,
        successor: Option<&Incident>,
    ) -> Result<bool, CallFailed> {
        let about = ended.id.to_string();
        let written = words::Written { stage: ended.stage, version: ended.version };
        self.look(Verb::Record, &about, |state| written.over(state.book.end(ended, successor)))
            .await
            .map(|written| written.is_some())
    }

    async fn record_with_lease(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Leased, CallFailed> {
        let about = incident.id.to_string();
        self.look(Verb::RecordWithLease, &about, |state| {
            state.book.record_with_lease(incident, now)
        })
        .await
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
        volume: &VolumeId,
        incident: &IncidentId,
    ) -> Result<(), CallFailed> {
        self.look(Verb::ForgetGrowth, volume.as_str(), |state| {
            state.book.forget_growth(volume, incident);
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), CallFailed> {
        self.look(Verb::Release, &lease.pool.to_string(), |state| state.book.release(lease)).await
    }

    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sighting: &Sighting,
    ) -> Result<Vec<Sighting>, CallFailed> {
        self.look(Verb::NoteSick, &pool.to_string(), |state| {
            state.book.note_sick(pool, symptom, sighting)
        })
        .await
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
        self.look(Verb::Count, &occurrence.cause, |state| state.book.count(occurrence)).await
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
        self.look(Verb::KeepTries, &pool.to_string(), |state| {
            state.book.keep_tries((pool, symptom, rung), tries)
        })
        .await
    }

    async fn kept(
        &self,
        instance: &InstanceId,
        incident: &IncidentId,
    ) -> Result<Option<Incident>, CallFailed> {
        self.look(Verb::Kept, incident.as_str(), |state| state.book.kept(instance, incident)).await
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
