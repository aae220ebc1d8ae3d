//! The follow-up: did it work? On every beat the due incidents are looked at, and
//! each takes its one next step. An event only has it look sooner: where events are
//! lost, late, doubled or out of order, a step comes later and is the same step.

use std::collections::BTreeSet;

use futures_util::future;
use jiff::Timestamp;
use serde::Serialize;

use crate::consider::volumes;
use crate::execute::act;
use crate::execute::ask_people::ask_people;
use crate::execute::carry_out::{Order, carry_out, note_replacement};
use crate::execute::claim::{self, Claim, Climbed};
use crate::execute::close::{self, Stuck};
use crate::execute::console_capture;
use crate::execute::hold::hold_back;
use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::ids::{IncidentId, InstanceId};
use crate::model::incident::{Incident, Rung, Stage};
use crate::model::policy::Policy;
use crate::model::pool::Pool;
use crate::model::reason::Reason;
use crate::model::unknown::CallFailed;
use crate::observe::facts::{Fact, Facts, GroupFact};
use crate::observe::probe::{self, METRIC_LAGS, Observed, Probe, SymptomState, Witness};
use crate::plan::ask_host;
use crate::plan::consent::{self, Consent};
use crate::plan::decide::{self, Decision};
use crate::plan::guard::{self, Cleared, Refusal};
use crate::plan::next::next;
use crate::plan::rung::cleanup;
use crate::plan::step::{self, Need, Step};
use crate::plan::watching;
use crate::plan::witnesses::{self, Hearing};
use crate::ports::context::Context;
use crate::ports::ledger::{DueOne, Ledger};
use crate::ports::look::AlarmSettings;
use crate::ports::look::Look;
use crate::ports::look_at_many::LookAtMany;
use crate::ports::tell::Tell;
use crate::ports::touch::Touch;
use crate::report::outcome::{Outcome, Report};
use crate::together::Together;
use crate::together::line::Place;

/// Incidents that are taken up together: as many as one call asks about, of those that ask
/// about most.
const TOGETHER_MAX: usize = 500;

/// What one beat came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Beat {
    /// What happened to incidents that moved in a way people may ask about.
    pub reports: Vec<Report>,
    /// How many incidents were looked at.
    pub looked_at: usize,
    /// What could not be looked at or written down, and stays due.
    pub left: Vec<Left>,
    /// What is due and cannot be read.
    pub unreadable: Vec<CallFailed>,
    /// How far behind the beat is: for how many seconds the longest due of those that it had
    /// no time for has been due; 0 if it had time for all. Unknown where a trigger named the
    /// incident.
    pub lag_seconds: Option<i64>,
}

/// An incident that stays due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its id.
    pub incident_id: IncidentId,
    /// What stood in the way.
    pub why: Stuck,
}

/// Looks at everything that is due, as long as there is time; with a trigger, at that
/// instance's incident instead, whether it is due or not. Time is asked for before each part,
/// because a part that was begun is ended.
pub async fn beat<W>(
    trigger: Option<&InstanceId>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
    is_time_left: &impl Fn() -> bool,
) -> Result<Beat, CallFailed>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    let mut beat = Beat::default();
    let together = Together::new(world);
    let cx = Context { world: &together, policy, now };
    if let Some(instance) = trigger {
        return look_at(&BTreeSet::from([instance.clone()]), now, policy, world).await;
    }
    let mut due = world.who_is_due(now).await?;
    while !due.is_empty() && is_time_left() {
        let later = due.split_off(due.len().min(TOGETHER_MAX));
        together.begins_part();
        let incidents = beat.read(&due, cx).await;
        let left = beat.take(incidents, cx).await;
        let got_on = left.len() < due.len();
        // Whose time did not come goes on behind the others.
        due = [later, left].concat();
        if !got_on {
            break;
        }
    }
    let since = due.iter().map(|one| one.at).min();
    beat.lag_seconds = Some(since.map_or(0, |since| now.duration_since(since).as_secs()));
    Ok(beat)
}

/// Looks at the incidents of `instances`, whether they are due or not.
pub async fn look_at<W>(
    instances: &BTreeSet<InstanceId>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Beat, CallFailed>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    let mut beat = Beat::default();
    let together = Together::new(world);
    let read = together.all(instances.iter().map(|id| together.history(id))).await;
    let read: Result<Vec<_>, CallFailed> = read.into_iter().collect();
    let mut open: Vec<Incident> = read?.into_iter().filter_map(|history| history.latest).collect();
    open.retain(|incident| is_open(incident, now));
    while !open.is_empty() {
        let later = open.split_off(open.len().min(TOGETHER_MAX));
        together.begins_part();
        // Whose time does not come stays due.
        let _left = beat.take(open, Context { world: &together, policy, now }).await;
        open = later;
    }
    Ok(beat)
}

/// Whether a beat has anything to do with it.
fn is_open(incident: &Incident, now: Timestamp) -> bool {
    incident.stage.is_open() && !incident.is_closing(now)
}

impl Beat {
    /// The incidents that are due. What is due no more, because another beat was first, is left.
    async fn read<W>(&mut self, due: &[DueOne], cx: Context<'_, Together<'_, W>>) -> Vec<Incident>
    where
        W: LookAtMany,
    {
        let reads = due.iter().map(|one| cx.world.history(&one.instance));
        let mut incidents = Vec::new();
        for read in cx.world.reads(reads).await {
            match read {
                Ok(history) => incidents.extend(history.latest),
                Err(failed) => self.unreadable.push(failed),
            }
        }
        incidents.retain(|incident| incident.due_at <= cx.now && is_open(incident, cx.now));
        incidents
    }

    /// Each of `incidents` takes its next step, if its time comes in this part. Gives the others.
    async fn take<W>(
        &mut self,
        mut incidents: Vec<Incident>,
        cx: Context<'_, Together<'_, W>>,
    ) -> Vec<DueOne>
    where
        W: LookAtMany + Ledger + Touch + Tell,
    {
        // Held back incidents go first, the oldest of all before the others, so that the next
        // free slot goes to the one that has waited longest.
        incidents.sort_by_key(|incident| (incident.held_back.is_none(), incident.opened_at));
        cx.world.lists_commands_of(&incidents);
        let steps: Vec<_> = incidents
            .iter()
            .map(|incident| {
                let waits = incident.held_back.is_some().then_some(incident.group.as_ref());
                let pool = waits.flatten().map(|group| Pool::Group(group.clone()));
                let place = pool.map(|pool| InLine { place: cx.world.line_for(&pool), pool });
                async move { (&incident.id, follow(cx, incident, place).await) }
            })
            .collect();
        let mut taken = BTreeSet::new();
        for (id, followed) in cx.world.all(steps).await {
            taken.insert(id);
            match followed {
                Ok(report) => self.reports.extend(report),
                Err(why) => self.left.push(Left { incident_id: id.clone(), why }),
            }
        }
        self.looked_at += taken.len();
        let others = incidents.iter().filter(|incident| !taken.contains(&incident.id));
        let one = |it: &Incident| DueOne { instance: it.instance_id.clone(), at: it.due_at };
        others.map(one).collect()
    }
}

/// A place among those who wait for a slot of a pool's budget.
struct InLine {
    pool: Pool,
    place: Place,
}

impl InLine {
    /// The turn of an incident to take a slot of `pool`, if it wants one. Whoever stands in
    /// another pool's line leaves that first, so that no two wait for each other.
    async fn turn<W>(
        place: Option<Self>,
        pool: Option<Pool>,
        world: &Together<'_, W>,
    ) -> Option<Self> {
        let pool = pool?;
        let place = match place.filter(|place| place.pool == pool) {
            Some(place) => place,
            None => Self { place: world.line_for(&pool), pool },
        };
        place.place.turn().await;
        Some(place)
    }
}

/// Takes one incident one step on.
async fn follow<W>(
    cx: Context<'_, Together<'_, W>>,
    incident: &Incident,
    place: Option<InLine>,
) -> Result<Option<Report>, Stuck>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    let (probe, alarm) = probe::look(incident, cx.world, cx.now).await;
    let step = next(incident, &probe, cx.now, cx.policy);
    let step = checked(cx, step, incident, &probe).await;
    match step {
        // It stays due, and the next beat looks again.
        Step::Wait(waiting) if waiting.says_no_more_than(incident) => Ok(None),
        Step::Wait(waiting) => {
            cx.world.record(&waiting).await?;
            Ok(None)
        }
        Step::Move(mut moved, reason) => {
            if reason == Reason::Substituted {
                // Whoever asked for it may have died before it was noted.
                note_replacement(&moved, cx.world).await?;
            }
            if moved.stage == Stage::Watching {
                moved.due_at = watching::first_look(&moved, cx.now, cx.policy);
            }
            let report = Report::of(&moved, Outcome::Acted, vec![reason], cx.now);
            moved.note(report.entry());
            Ok(cx.world.record(&moved).await?.then_some(report))
        }
        Step::Call(action, incident, reason) => {
            let asked = (action, may_ask(cx, action, &incident).await);
            let claim = claim::renew(cx.world, asked, &incident, cx.now, cx.policy).await?;
            let Some(claim) = claim else { return Ok(None) };
            Ok(Some(carry_out(cx, order(claim, None, vec![reason])).await))
        }
        Step::Climb(incident, reason) => {
            climb(cx, &incident, reason, observed(probe, alarm), place).await
        }
        Step::Tell(incident, because) => Ok(close::stay_out(cx, &incident, because).await?),
        Step::End(ended, because) => close::end(cx, incident, ended, because).await,
    }
}

/// Waits until `action` may be asked for. Gives the comment of the command that it is a part of,
/// if it is sent together with others that are alike.
async fn may_ask<W>(
    cx: Context<'_, Together<'_, W>>,
    action: Action,
    incident: &Incident,
) -> Option<String>
where
    W: LookAtMany,
{
    match act::order(incident, cx.policy) {
        Ok(order) if action == Action::Clean && cleanup::may_be_shared(incident) => {
            cx.world.may_clean(order).await
        }
        _ => {
            cx.world.may_act(action).await;
            None
        }
    }
}

/// The step, after what it needs to know was read.
async fn checked<W: Look>(
    cx: Context<'_, W>,
    step: Step,
    incident: &Incident,
    probe: &Probe,
) -> Step {
    match step.needs(incident, probe) {
        Need::Nothing => step,
        Need::Facts { group, sessions } => {
            let mut facts = match probe {
                Probe::Instance(facts) => Facts::clone(facts),
                Probe::Command { .. }
                | Probe::Volume { .. }
                | Probe::Snapshot { .. }
                | Probe::Symptom(_) => Facts::read(cx.world, &incident.instance_id, cx.now).await,
            };
            if group && facts.group == GroupFact::NotRead {
                let name = facts.group_name().cloned();
                facts.read_group_named(cx.world, name.as_ref()).await;
            }
            if sessions {
                facts.read_sessions(cx.world).await;
            }
            still_in_trouble(cx, step.while_allowed(&facts, cx.now), incident, &facts).await
        }
        Need::Instance => match cx.world.instance(&incident.instance_id).await {
            Ok(instance) => step.while_there(instance.as_ref(), cx.now),
            Err(_) => step, // Who cannot be asked about is waited for.
        },
    }
}

/// The step, unless it begins a disruption for what is over by now, or in doubt. What was
/// never asked for is no try.
async fn still_in_trouble<W: Look>(
    cx: Context<'_, W>,
    step: Step,
    incident: &Incident,
    facts: &Facts,
) -> Step {
    if !step.begins_disruption() {
        return step;
    }
    let mut facts = facts.clone();
    facts.read_zones(cx.world).await;
    facts.read_owners_word(cx.world, (incident.rung(), incident.symptom), cx.policy).await;
    if guard::has_closed(incident, &facts, cx.policy) {
        return step::wait(incident, cx.now);
    }
    let mut untried = Incident { standby: None, ..incident.clone() };
    untried.attempts.pop();
    let state = probe::symptom_state(&untried, cx.world, cx.now).await.state;
    if matches!(state, SymptomState::Cleared { .. }) {
        return Step::Climb(untried, Reason::NeverAsked);
    }
    match heard(cx, &untried, &state, &facts) {
        Hearing::Agreed => step,
        Hearing::Withdraw(_) | Hearing::Hold(_) | Hearing::HandOver(_) => {
            step::wait(incident, cx.now)
        }
    }
}

fn order(claim: Claim, rung: Option<Rung>, because: Vec<Reason>) -> Order {
    Order { claim, rung, because, captured: None, started: None }
}

/// What the probe shows of the symptom and its alarm, if it is about them.
fn observed(probe: Probe, alarm: Option<Fact<Option<AlarmSettings>>>) -> Option<Observed> {
    match (probe, alarm) {
        (Probe::Symptom(state), Some(alarm)) => Some(Observed { state, alarm }),
        (
            Probe::Symptom(_)
            | Probe::Command { .. }
            | Probe::Volume { .. }
            | Probe::Snapshot { .. }
            | Probe::Instance(_),
            _,
        ) => None,
    }
}

/// Adds what the incident remembers of its alarm and its host.
fn recall(facts: &mut Facts, incident: &Incident) {
    facts.mount = incident.file_system();
    facts.alarm_limit.clone_from(&incident.seen.limit);
    facts.ask.clone_from(&incident.seen.ask);
    facts.preflight.clone_from(&incident.preflight);
    facts.survey.clone_from(&incident.survey);
}

/// Tries the next rung, unless the symptom is over after all.
async fn climb<W>(
    cx: Context<'_, Together<'_, W>>,
    incident: &Incident,
    reason: Reason,
    observed: Option<Observed>,
    place: Option<InLine>,
) -> Result<Option<Report>, Stuck>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    let observed = async {
        match observed {
            Some(observed) => observed,
            None => probe::symptom_state(incident, cx.world, cx.now).await,
        }
    };
    let facts = Facts::read(cx.world, &incident.instance_id, cx.now);
    let (Observed { state: symptom_state, alarm }, mut facts) = future::join(observed, facts).await;
    facts.alarm = alarm;
    recall(&mut facts, incident);
    if let Some(state) = gone(incident, &facts) {
        let incident = &Incident { standby: None, ..incident.clone() };
        return give_up(cx, incident, Stage::Withdrawn, vec![Reason::Gone { state }]).await;
    }
    let is_down = is_down(incident, &reason, &facts);
    // A host that hangs while it boots shows no symptom either.
    let over = matches!(symptom_state, SymptomState::Cleared { .. });
    if over && incident.stage != Stage::Watching && !is_down {
        return watch(cx, incident, vec![reason, Reason::SymptomOver]).await;
    }
    let tried = incident.tried();
    let beyond = decide::looks_beyond_cleanup(incident.symptom, &tried, &facts, cx.policy);
    let _in_turn = InLine::turn(place, facts.pool().filter(|_| beyond), cx.world).await;
    if beyond {
        look_beyond(cx, incident, &symptom_state, &mut facts).await;
    }
    let decision = decide::decide(incident.symptom, &tried, &facts, cx.policy);
    let rung = decision.rung();
    facts.read_owners_word(cx.world, (rung, incident.symptom), cx.policy).await;
    let hearing = hear(cx, incident, &decision, &symptom_state, &facts);
    if let Some((stage, objection)) = hearing.end() {
        return give_up(cx, incident, stage, vec![objection, reason]).await;
    }
    let cleared = match guard::clear_climb(decision, incident, &facts, cx.policy) {
        Ok(cleared) => cleared,
        Err(refusal) if refusal.handed_over => {
            return no_rung_left(cx, incident, reason, refusal, hearing, &facts).await;
        }
        Err(refusal) if is_left_alone(&refusal, incident) => {
            return give_up(cx, incident, Stage::Withdrawn, refusal.because).await;
        }
        Err(refusal) => return object(cx, incident, reason, refusal, &facts).await,
    };
    if let Hearing::Hold(objection) = hearing {
        let refusal = Refusal::for_now(cleared.rung(), objection);
        return object(cx, incident, reason, refusal, &facts).await;
    }
    if cleared.first_action() == Action::Survey {
        return survey(cx, incident, vec![reason]).await;
    }
    if ask_host::comes_first(incident.symptom, &cleared, Some(incident), &facts, cx.policy) {
        let first = Reason::EvidenceFirst { rung: cleared.rung() };
        return ask_host(cx, incident, rung, vec![reason, first]).await;
    }
    let shared = may_ask(cx, cleared.first_action(), incident).await;
    let cleared = cleared.shared(shared);
    let because = [&led_here(&reason, &symptom_state), cleared.because()].concat();
    take_if_allowed(cx, &cleared, incident, (because, reason), &facts).await
}

/// Whether nobody waits for what is in the way to pass: nothing was done yet, or what the owner
/// has said since ends it.
fn is_left_alone(refusal: &Refusal, incident: &Incident) -> bool {
    let by_the_owner = |reason: &Reason| reason.row().ends_it;
    !refusal.passes && (incident.attempts.is_empty() || refusal.because.iter().any(by_the_owner))
}

/// Carries out what was cleared, if those who want to be asked first have allowed it.
async fn take_if_allowed<W>(
    cx: Context<'_, W>,
    cleared: &Cleared,
    incident: &Incident,
    (because, reason): (Vec<Reason>, Reason),
    facts: &Facts,
) -> Result<Option<Report>, Stuck>
where
    W: Look + Ledger + Touch + Tell,
{
    let rung = cleared.rung();
    let because = match consent::stands(incident, rung, facts, cx.now) {
        Consent::NotNeeded => because,
        Consent::Given(why) => why.into_iter().chain(because).collect(),
        Consent::Ask(question) => return Ok(ask_people(cx, incident, question, because).await?),
        Consent::Awaited(question) => {
            let (id, instance) = (incident.id.clone(), incident.instance_id.clone());
            let question = Box::new(question);
            let asked = Reason::Asked { incident: id, instance, question };
            return Ok(hold_back(cx, incident, reason, Refusal::for_now(rung, asked)).await?);
        }
        Consent::Denied(why) => {
            let because = [vec![why], because].concat();
            return give_up(cx, incident, Stage::HandedOver, because).await;
        }
    };
    take(cx, cleared, incident, because, reason, facts).await
}

/// No rung is left: it is a person's, unless the host may still say something else, or nothing
/// newer than the last act has been measured yet: it may have helped.
async fn no_rung_left<W>(
    cx: Context<'_, Together<'_, W>>,
    incident: &Incident,
    reason: Reason,
    refusal: Refusal,
    hearing: Hearing,
    facts: &Facts,
) -> Result<Option<Report>, Stuck>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    if let Hearing::Hold(objection @ Reason::HostObjects { .. }) = &hearing
        && !guard::forbids(incident, facts, cx.policy)
    {
        let because = [vec![objection.clone()], refusal.because].concat();
        let refusal = Refusal { because, handed_over: false, passes: true, ..refusal };
        return object(cx, incident, reason, refusal, facts).await;
    }
    let is_down = is_down(incident, &reason, facts);
    if let Hearing::Hold(doubt) = hearing
        && !is_down
        && is_yet_to_show(cx, incident, &doubt)
    {
        let because = [vec![doubt], refusal.because].concat();
        let refusal = Refusal { because, handed_over: false, passes: true, ..refusal };
        return Ok(hold_back(cx, incident, reason, refusal).await?);
    }
    let because = [vec![reason], refusal.because].concat();
    if is_down {
        return Ok(close::stay_out(cx, incident, because).await?);
    }
    give_up(cx, incident, Stage::HandedOver, because).await
}

/// Whether the metric may still show that the last act has helped. A person is kept waiting for
/// it no longer than for most metrics' next datapoint.
fn is_yet_to_show<W>(cx: Context<'_, W>, incident: &Incident, doubt: &Reason) -> bool {
    let acted = incident.attempts.last().map(|last| cx.now.duration_since(last.acted_at()));
    let is_young = acted.is_some_and(|ago| ago < METRIC_LAGS);
    is_young && matches!(doubt, Reason::Unverified { .. })
}

/// The state of an instance that is gone, unless we have had it replaced.
fn gone(incident: &Incident, facts: &Facts) -> Option<String> {
    match &facts.instance {
        Fact::Known(instance) if incident.rung() != Some(Rung::Replace) => {
            step::gone(instance.as_ref())
        }
        Fact::Known(_) | Fact::Unknown(_) => None,
    }
}

/// The symptom is over before the next rung: it is watched whether that lasts.
async fn watch<W: Ledger>(
    cx: Context<'_, W>,
    incident: &Incident,
    because: Vec<Reason>,
) -> Result<Option<Report>, Stuck> {
    let mut moved = incident.moved_to(Stage::Watching, cx.now);
    moved.due_at = watching::first_look(&moved, cx.now, cx.policy);
    let report = Report::of(&moved, Outcome::Acted, because, cx.now);
    moved.note(report.entry());
    Ok(cx.world.record(&moved).await?.then_some(report))
}

/// Ends the incident in `stage`.
async fn give_up<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    stage: Stage,
    because: Vec<Reason>,
) -> Result<Option<Report>, Stuck>
where
    W: Look + Ledger + Tell,
{
    close::end(cx, incident, incident.moved_to(stage, cx.now), because).await
}

/// What is refused waits, and the host is asked again where its own word is in the way.
async fn object<W>(
    cx: Context<'_, Together<'_, W>>,
    incident: &Incident,
    reason: Reason,
    refusal: Refusal,
    facts: &Facts,
) -> Result<Option<Report>, Stuck>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    if ask_host::may_say_otherwise(&refusal, incident, facts, cx.policy) {
        return ask_host(cx, incident, refusal.rung, refusal.because).await;
    }
    Ok(hold_back(cx, incident, reason, refusal).await?)
}

/// What the witnesses say, if the next step disrupts the instance or gives it to a person
/// because nothing is left to try.
fn hear<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    decision: &Decision,
    symptom_state: &SymptomState,
    facts: &Facts,
) -> Hearing {
    match decision {
        Decision::Act { rung: Rung::Cleanup, .. }
        // A question to the host.
        | Decision::Act { rung: Rung::Grow, growth: None, .. } => return Hearing::Agreed,
        Decision::Act { .. } | Decision::Wait { .. } | Decision::HandOver { .. } => {}
    }
    if decision.rung() == Some(Rung::Grow) {
        return witnesses::hear_of_growth(symptom_state, witness(cx, incident, facts));
    }
    heard(cx, incident, symptom_state, facts)
}

fn witness<W>(cx: Context<'_, W>, incident: &Incident, facts: &Facts) -> Witness {
    let acted = incident.attempts.last().map(|last| cx.now.duration_since(last.acted_at()));
    let host_speaks = cleanup::host_answers(incident.symptom, facts, cx.policy);
    Witness { host_speaks, acted, lags: probe::lag(&incident.seen) }
}

/// What both witnesses say about a disruption.
fn heard<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    symptom_state: &SymptomState,
    facts: &Facts,
) -> Hearing {
    let witness = witness(cx, incident, facts);
    let lacking = witnesses::lacking(incident.symptom, facts, cx.policy);
    witnesses::hear(incident, symptom_state, witness, lacking, (cx.now, cx.policy))
}

/// Asks what only a rung above a cleanup needs to know. Who is still sick counts
/// for the others of the pool, however long it lasts.
async fn look_beyond<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    symptom_state: &SymptomState,
    facts: &mut Facts,
) where
    W: Look + Ledger,
{
    let before = facts.clone();
    let note = async {
        match symptom_state {
            SymptomState::Present { .. } => {
                claim::note_sick(cx.world, incident.symptom, &before).await
            }
            // Who else of its zone is unreachable is told by the noting alone.
            SymptomState::Unobserved { alarm_stands: true, .. }
                if incident.symptom == Symptom::Unreachable =>
            {
                claim::note_sick(cx.world, incident.symptom, &before).await
            }
            SymptomState::Cleared { .. }
            | SymptomState::Unknown(_)
            | SymptomState::Unobserved { .. }
            | SymptomState::Conflicting { .. } => Ok(Vec::new()),
        }
    };
    let read = facts.read_for_disruption(cx.world, incident.symptom);
    let volumes = volumes(cx, incident.symptom, &incident.seen, &before);
    let (sick, (), disk) = future::join3(note, read, volumes).await;
    facts.learn_who_is_sick(sick);
    facts.disk = disk;
}

/// Claims what was cleared, and carries it out. If the host cannot answer, what its
/// console showed last is read at the same time.
async fn take<W>(
    cx: Context<'_, W>,
    cleared: &Cleared,
    incident: &Incident,
    because: Vec<Reason>,
    reason: Reason,
    facts: &Facts,
) -> Result<Option<Report>, Stuck>
where
    W: Look + Ledger + Touch + Tell,
{
    let evidence = incident.evidence.as_ref();
    let (climbed, captured) = future::join(
        claim::climb(cx.world, cleared, incident, facts, cx.policy),
        console_capture::read(cx.world, cleared, &incident.instance_id, evidence, cx.now),
    )
    .await;
    match climbed? {
        Climbed::Claimed(claim) => {
            let order = Order { captured, ..order(*claim, None, because) };
            Ok(Some(carry_out(cx, order).await))
        }
        Climbed::Outrun => Ok(None),
        Climbed::SlotTaken => {
            let refusal = Refusal::for_now(cleared.rung(), Reason::SlotTaken);
            Ok(hold_back(cx, incident, reason, refusal).await?)
        }
        Climbed::GrowthContended => {
            let refusal = Refusal::for_now(cleared.rung(), Reason::GrowthContended);
            Ok(hold_back(cx, incident, reason, refusal).await?)
        }
    }
}

/// Why a rung is tried now. A reason that only names the place of the evidence does not
/// say that the symptom is there, so that is added.
fn led_here(reason: &Reason, symptom_state: &SymptomState) -> Vec<Reason> {
    match symptom_state {
        SymptomState::Present { what, .. } if reason.row().is_about_evidence => {
            vec![Reason::StillThere { what: what.clone() }, reason.clone()]
        }
        SymptomState::Present { .. }
        | SymptomState::Cleared { .. }
        | SymptomState::Unknown(_)
        | SymptomState::Unobserved { .. }
        | SymptomState::Conflicting { .. } => vec![reason.clone()],
    }
}

/// Asks the host what it knows. The log hears of it; people hear of what comes
/// after it.
async fn ask_host<W>(
    cx: Context<'_, Together<'_, W>>,
    incident: &Incident,
    rung: Option<Rung>,
    because: Vec<Reason>,
) -> Result<Option<Report>, Stuck>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    cx.world.may_act(Action::Gather).await;
    let Some(claim) = claim::gather(cx.world, incident, cx.now, cx.policy).await? else {
        return Ok(None);
    };
    Ok(Some(carry_out(cx, order(claim, rung, because)).await))
}

/// Asks the host which disk is full. The log hears of it; people hear of what comes after.
async fn survey<W>(
    cx: Context<'_, Together<'_, W>>,
    incident: &Incident,
    because: Vec<Reason>,
) -> Result<Option<Report>, Stuck>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    cx.world.may_act(Action::Survey).await;
    let Some(claim) = claim::survey(cx.world, incident, cx.now, cx.policy).await? else {
        return Ok(None);
    };
    Ok(Some(carry_out(cx, order(claim, Some(Rung::Grow), because)).await))
}

/// Whether a standalone instance did not come back from its reboot (a group counts its
/// own members). An instance whose agent alone is silent is up.
fn is_down(incident: &Incident, reason: &Reason, facts: &Facts) -> bool {
    let serves = matches!(&facts.status, Fact::Known(Some(status)) if status.serves());
    matches!(reason, Reason::NotBack { .. }) && incident.group.is_none() && !serves
}
