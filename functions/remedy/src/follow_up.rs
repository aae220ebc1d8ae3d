//! The second spine: did it work? On every beat the due incidents are looked
//! at, and each takes its one next step. Events that something happened are
//! only hints to look sooner: lost, late, doubled or reordered they change the
//! delay and nothing else.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, future, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::execute::act;
use crate::execute::carry_out::{not_recorded, note_replacement, record_and_tell};
use crate::execute::claim::{self, Claim, Climbed};
use crate::execute::console_capture::{self, Captured, KeptCapture};
use crate::model::action::Action;
use crate::model::ids::{GroupName, IncidentId, InstanceId};
use crate::model::incident::{HeldBack, Incident, Rung, Stage};
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::model::unknown::Gap;
use crate::observe::facts::{Fact, Facts, GroupFact};
use crate::observe::probe::{self, Probe, SymptomState};
use crate::plan::ask_host;
use crate::plan::decide;
use crate::plan::guard::{self, Cleared, Refusal};
use crate::plan::next::{Step, next, while_allowed, while_there};
use crate::ports::ledger::{Due, Ledger};
use crate::ports::look::Look;
use crate::ports::tell::Tell;
use crate::ports::touch::Touch;
use crate::report::notify;
use crate::report::outcome::{Outcome, Report};

/// Incidents taken up in one beat. Each costs at most some 15 calls; the rest
/// stays due, longest due first.
const INCIDENTS_PER_BEAT_MAX: usize = 50;

/// Incidents looked at together: enough that one slow answer does not hold up
/// the beat, few enough to stay below EC2's request quotas.
const TOGETHER_MAX: usize = 8;

/// The beat that ends an incident has at least this long to tell so before
/// another one does: the function's 60 seconds.
const TURN_LASTS: SignedDuration = SignedDuration::from_secs(60);

/// Over this time those that a shared cause holds back are spread.
const SPREAD: SignedDuration = SignedDuration::from_mins(3);

/// The longest pause between two tries to tell of an end.
const TELLS_AGAIN_MAX: SignedDuration = SignedDuration::from_mins(10);

/// For so long after its last moment an incident whose end nobody could be told
/// of stays open, so that one beat's failure to tell does not silence it.
const TOLD_LATE_MAX: SignedDuration = SignedDuration::from_mins(15);

/// A rung that is held back this long is told to people, once.
const HELD_BACK_IS_TOLD_AFTER: SignedDuration = SignedDuration::from_mins(15);

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
    pub unreadable: Vec<Gap>,
    /// For how many seconds what was due longest has been due; unknown where a
    /// hint named the incident.
    pub lag_seconds: Option<i64>,
}

/// An incident that stays due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its id.
    pub incident_id: IncidentId,
    /// What stood in the way.
    pub why: Gap,
}

/// Looks at what is due; with a hint, at that instance's incident instead,
/// whether it is due or not.
pub async fn beat<W>(
    hint: Option<&InstanceId>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Beat, Gap>
where
    W: Look + Ledger + Touch + Tell,
{
    let Due { incidents: mut due, unreadable } = match hint {
        Some(instance) => {
            let incidents = world.history(instance).await?.latest.into_iter().collect();
            Due { incidents, ..Due::default() }
        }
        None => world.due(now, INCIDENTS_PER_BEAT_MAX).await?,
    };
    let lags = due.iter().map(|incident| now.duration_since(incident.due_at).as_secs());
    let lag_seconds = hint.is_none().then(|| lags.max().unwrap_or_default());
    due.retain(|incident| incident.stage.is_open() && !incident.is_closing(now));
    let mut beat = Beat { looked_at: due.len(), lag_seconds, unreadable, ..Beat::default() };
    let mut steps = stream::iter(queues(&due))
        .map(|queue| async move {
            let mut followed = Vec::new();
            for incident in queue {
                followed.push((&incident.id, follow(incident, now, policy, world).await));
            }
            followed
        })
        .buffer_unordered(TOGETHER_MAX);
    while let Some(followed) = steps.next().await {
        for (id, followed) in followed {
            match followed {
                Ok(report) => beat.reports.extend(report),
                Err(gap) => {
                    beat.left.push(Left { incident_id: id.clone(), why: gap });
                }
            }
        }
    }
    Ok(beat)
}

/// Who is held back stands in a queue with the others of its group, oldest
/// first, so that the next free place goes to who waits longest; the others
/// need not wait for each other.
fn queues(due: &[Incident]) -> Vec<Vec<&Incident>> {
    let (mut waiting, others): (Vec<&Incident>, Vec<&Incident>) =
        due.iter().partition(|incident| incident.held_back.is_some());
    waiting.sort_by_key(|incident| incident.opened_at);
    let mut by_group: BTreeMap<Option<&GroupName>, Vec<&Incident>> = BTreeMap::new();
    for incident in waiting {
        by_group.entry(incident.group.as_ref()).or_default().push(incident);
    }
    others.into_iter().map(|incident| vec![incident]).chain(by_group.into_values()).collect()
}

/// Takes one incident one step on.
async fn follow<W>(
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Look + Ledger + Touch + Tell,
{
    let scene = probe::look(incident, world, now).await;
    let mut step = next(incident, &scene, now, policy);
    if let Step::Call(action, ..) = step
        && action != Action::ComeBack
    {
        let mut facts = match &scene {
            Probe::Instance(facts) => Facts::clone(facts),
            _ => Facts::read(world, &incident.instance_id, now).await,
        };
        let moves = matches!(action, Action::LeaveService(_) | Action::Replace);
        if moves && facts.group == GroupFact::NotRead {
            let name = facts.group_name().cloned();
            facts.read_group_named(world, name.as_ref()).await;
        }
        step = while_allowed(step, &facts, now);
    }
    if incident.stage == Stage::Waiting
        && matches!(
            scene,
            Probe::Symptom(SymptomState::Unobserved { .. } | SymptomState::Unknown(_))
        )
        && matches!(step, Step::Wait(_))
        // Who cannot be asked about is waited for.
        && let Ok(instance) = world.instance(&incident.instance_id).await
    {
        step = while_there(step, instance.as_ref(), now);
    }
    match step {
        Step::Wait(waiting) => {
            world.record(&waiting).await?;
            Ok(None)
        }
        Step::Move(mut moved, reason) => {
            if reason == Reason::Substituted {
                // Whoever asked for it may have died before it was noted.
                note_replacement(&moved, world).await?;
            }
            let report = Report::of(&moved, Outcome::Acted, vec![reason], now);
            moved.note(report.entry());
            Ok(world.record(&moved).await?.then_some(report))
        }
        Step::Call(action, incident, reason) => {
            let claim = claim::renew(world, action, &incident, now, policy).await?;
            match claim {
                Some(claim) if action == Action::Gather => {
                    Ok(Some(asked(claim, None, vec![reason], now, policy, world).await))
                }
                Some(claim) => {
                    Ok(Some(carry_out(claim, None, vec![reason], now, policy, world).await))
                }
                None => Ok(None),
            }
        }
        Step::Climb(incident, reason) => climb(&incident, reason, &scene, now, policy, world).await,
        Step::End(ended, because) => ending(incident, ended, because, now, policy, world).await,
    }
}

/// Tries the next rung, unless the symptom is over after all.
async fn climb<W>(
    incident: &Incident,
    reason: Reason,
    scene: &Probe,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Look + Ledger + Touch + Tell,
{
    let symptom_state = async {
        match scene {
            Probe::Symptom(symptom_state) => symptom_state.clone(),
            _ => probe::symptom_state(incident, world, now).await,
        }
    };
    let facts = Facts::read(world, &incident.instance_id, now);
    let (symptom_state, mut facts) = future::join(symptom_state, facts).await;
    let is_down = is_down(incident, &reason, &facts);
    // A host that hangs in its boot is quiet too.
    if symptom_state == SymptomState::Cleared && incident.stage != Stage::Watching && !is_down {
        let mut moved = incident.moved_to(Stage::Watching, now);
        let because = vec![reason, Reason::SymptomOver];
        let report = Report::of(&moved, Outcome::Acted, because, now);
        moved.note(report.entry());
        return Ok(world.record(&moved).await?.then_some(report));
    }
    facts.found.clone_from(&incident.found);
    let tried = incident.tried();
    if decide::looks_beyond_cleanup(incident.symptom, &tried, &facts, policy) {
        look_beyond(incident, &symptom_state, &mut facts, world).await;
    }
    let decision = decide::decide(incident.symptom, &tried, &facts, policy);
    let rung = decision.rung();
    let cleared = match guard::clear_climb(decision, incident, &facts, policy) {
        Ok(cleared) => cleared,
        Err(refusal) if refusal.handed_over => {
            let mut because = vec![reason];
            because.extend(refusal.because);
            if is_down {
                return stay_out(incident, because, now, world).await;
            }
            let ended = incident.moved_to(Stage::HandedOver, now);
            return ending(incident, ended, because, now, policy, world).await;
        }
        Err(refusal) if ask_host::may_say_otherwise(&refusal, incident, &facts, policy) => {
            return ask_host(incident, rung, refusal.because, now, policy, world).await;
        }
        Err(refusal) if !refusal.passes && incident.attempts.is_empty() => {
            let ended = incident.moved_to(Stage::Withdrawn, now);
            return ending(incident, ended, refusal.because, now, policy, world).await;
        }
        Err(refusal) => return hold_back(incident, reason, refusal, now, world).await,
    };
    if let Some(doubt) = symptom_state.doubt()
        && cleared.rung().is_disruptive()
    {
        let refusal = Refusal::for_now(cleared.rung(), doubt);
        return hold_back(incident, reason, refusal, now, world).await;
    }
    if ask_host::comes_first(&cleared, Some(incident), &facts, policy) {
        let first = Reason::EvidenceFirst { rung: cleared.rung() };
        return ask_host(incident, rung, vec![reason, first], now, policy, world).await;
    }
    let because = [&led_here(&reason, &symptom_state), cleared.because()].concat();
    take(&cleared, incident, because, reason, now, policy, world).await
}

/// Asks what only a rung above a cleanup needs to know. Who is still sick counts
/// for the others of the pool, however long it lasts.
async fn look_beyond<W>(
    incident: &Incident,
    symptom_state: &SymptomState,
    facts: &mut Facts,
    world: &W,
) where
    W: Look + Ledger,
{
    let (id, symptom, before) = (&incident.instance_id, incident.symptom, facts.clone());
    let note = async {
        match symptom_state {
            SymptomState::Present { .. } => claim::note_sick(world, symptom, id, &before).await,
            _ => Ok(Vec::new()),
        }
    };
    let (sick, ()) = future::join(note, facts.read_for_disruption(world, id, symptom)).await;
    facts.learn_who_is_sick(sick);
}

/// Claims what was cleared, and carries it out; what a host that cannot answer
/// showed last is read meanwhile.
async fn take<W>(
    cleared: &Cleared,
    incident: &Incident,
    because: Vec<Reason>,
    reason: Reason,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Look + Ledger + Touch + Tell,
{
    let evidence = incident.evidence.as_ref();
    let (climbed, words) = future::join(
        claim::climb(world, cleared, incident, now, policy),
        console_capture::hear(world, cleared, &incident.instance_id, evidence, now),
    )
    .await;
    match climbed? {
        Climbed::Claimed(claim) => {
            Ok(Some(carry_out(*claim, words, because, now, policy, world).await))
        }
        Climbed::Outrun => Ok(None),
        Climbed::SlotTaken => {
            let refusal = Refusal::for_now(cleared.rung(), Reason::SlotTaken);
            hold_back(incident, reason, refusal, now, world).await
        }
    }
}

/// Why a rung is tried now. Where the evidence is says nothing about the
/// symptom, so that is said again.
fn led_here(reason: &Reason, symptom_state: &SymptomState) -> Vec<Reason> {
    let evidence = matches!(
        reason,
        Reason::EvidenceKept { .. }
            | Reason::EvidenceInOutput { .. }
            | Reason::EvidenceMissing { .. }
    );
    match symptom_state {
        SymptomState::Present { what } if evidence => {
            vec![Reason::StillThere { what: what.clone() }, reason.clone()]
        }
        _ => vec![reason.clone()],
    }
}

/// Asks the host what it knows. The log hears of it; people hear of what comes
/// after it.
async fn ask_host<W>(
    incident: &Incident,
    rung: Option<Rung>,
    because: Vec<Reason>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Look + Ledger + Touch,
{
    let Some(claim) = claim::gather(world, incident, now, policy).await? else {
        return Ok(None);
    };
    Ok(Some(asked(claim, rung, because, now, policy, world).await))
}

/// act -> record, for a question to the host.
async fn asked<W>(
    claim: Claim,
    rung: Option<Rung>,
    because: Vec<Reason>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Report
where
    W: Look + Ledger + Touch,
{
    let mut incident = act::act(claim, policy, world).await.incident;
    if incident.gathering.as_ref().is_some_and(|asked| asked.refused.is_some()) {
        incident.due_at = now; // The next beat goes on without it.
    }
    let mut report = Report::of(&incident, Outcome::Acted, because, now);
    report.rung = rung;
    incident.note(report.entry());
    let problem = not_recorded(claim::record_outcome(world, &incident).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    report
}

/// A rung waits for its guards; a wait that lasts is told once.
async fn hold_back<W>(
    incident: &Incident,
    reason: Reason,
    refusal: Refusal,
    now: Timestamp,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Ledger + Tell,
{
    let before = incident.held_back.unwrap_or(HeldBack { since: now, told: false });
    let lasts = now.duration_since(before.since) >= HELD_BACK_IS_TOLD_AFTER;
    let tell_now = lasts && !before.told;
    let mut held = incident.waiting_until(now + asks_again_after(incident, &refusal));
    held.held_back = Some(HeldBack { told: before.told || tell_now, ..before });
    let mut because = refusal.because;
    because.push(reason);
    let mut report = Report::of(&held, Outcome::Held, because, now);
    report.rung = refusal.rung;
    if tell_now {
        held.note(report.entry());
    }
    if !world.record(&held).await? {
        return Ok(None);
    }
    if tell_now {
        notify::tell_once(&mut report, held.id.to_string(), world).await;
    }
    Ok(Some(report))
}

/// Whether it did not come back from its reboot and is no part of a group, which
/// would count it as out. One whose agent alone is silent is up.
fn is_down(incident: &Incident, reason: &Reason, facts: &Facts) -> bool {
    let passes = matches!(&facts.status, Fact::Known(Some(status)) if status.pass());
    matches!(reason, Reason::NotBack { .. }) && incident.group.is_none() && !passes
}

/// A standalone instance that did not come back from its reboot is a person's. No
/// group counts it as out, so its incident goes on while it is, within its time,
/// and keeps its place: what did this to one would do it to the next.
async fn stay_out<W>(
    incident: &Incident,
    because: Vec<Reason>,
    now: Timestamp,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Ledger + Tell,
{
    let until = tells_again(incident, now);
    let Some(turn) = take_turn(incident, until, world).await? else {
        return Ok(None);
    };
    let mut out = Incident { closing_until: None, ..turn.waiting_until(until) };
    let mut report = Report::of(&out, Outcome::Held, because, now);
    report.handed_over = true;
    notify::tell(&mut report, world).await;
    if report.told {
        out.stays_out = true;
        out.note(report.entry());
        out.due_at = now + TURN_LASTS;
    }
    let problem = not_recorded(world.record(&out).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    Ok(Some(report))
}

/// When what nobody could be told of is tried again: ever more rarely.
fn tells_again(incident: &Incident, now: Timestamp) -> Timestamp {
    now + (incident.in_stage_for(now) / 2).clamp(TURN_LASTS, TELLS_AGAIN_MAX)
}

/// Writes that this beat is about to tell of the incident, so that of two beats one
/// tells. `None` if another was first.
async fn take_turn(
    incident: &Incident,
    until: Timestamp,
    world: &impl Ledger,
) -> Result<Option<Incident>, Gap> {
    let turn = Incident { closing_until: Some(until), ..incident.waiting_until(until) };
    Ok(world.record(&turn).await?.then_some(turn))
}

/// When a rung that is held back is tried again. Those that a shared cause holds
/// back would all be free in one moment, so they ask at different times.
fn asks_again_after(incident: &Incident, refusal: &Refusal) -> SignedDuration {
    let shared = |reason: &Reason| {
        matches!(reason, Reason::CorrelatedFailure { .. } | Reason::LoadNotFault { .. })
    };
    let beat = SignedDuration::from_mins(1);
    if refusal.because.iter().any(shared) {
        beat + incident.transition_id.spread_over(SPREAD)
    } else {
        beat
    }
}

/// act -> record -> notify, for a step of an open incident.
async fn carry_out<W>(
    claim: Claim,
    words: Option<Captured>,
    mut because: Vec<Reason>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Report
where
    W: Look + Ledger + Touch + Tell,
{
    let action = claim.action();
    let claimed = claim.incident().clone();
    let (acted, heard) = future::join(
        act::act(claim, policy, world),
        console_capture::keep(words, &claimed, now, policy, world),
    )
    .await;
    let mut incident = acted.incident;
    let console = KeptCapture::noted(heard, &mut incident);
    let refused = matches!(acted.failure, Some(Reason::ActionFailed { .. }));
    if refused {
        incident.due_at = now; // The next beat takes the next step.
    }
    because.splice(0..0, acted.failure);
    let outcome = if refused { Outcome::Held } else { Outcome::Acted };
    let mut report = Report { console, ..Report::of(&incident, outcome, because, now) };
    record_and_tell(&mut report, &incident, Some(action), world).await;
    report
}

/// Ends an incident and tells people. The turn to do so is written first, so
/// that of two beats one tells; the end is written last, so that whoever dies
/// in between has told twice rather than never.
async fn ending<W>(
    incident: &Incident,
    ended: Incident,
    because: Vec<Reason>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Ledger + Tell,
{
    let until = tells_again(incident, now);
    let Some(turn) = take_turn(incident, until, world).await? else {
        return Ok(None);
    };
    let mut ended = Incident { version: turn.version + 1, lease: None, ..ended };
    let outcome = if ended.stage == Stage::Resolved { Outcome::Resolved } else { Outcome::Held };
    let mut report = Report::of(&ended, outcome, because, now);
    ended.note(report.entry());
    // Whoever heard that something was done, or is to take over, hears of the end,
    // whyever it ends.
    if report.is_news() || ended.stage != Stage::Withdrawn {
        notify::tell(&mut report, world).await;
        if !report.told && now < incident.expires_at + TOLD_LATE_MAX {
            // A later beat tells, and ends it then.
            return Err(Gap { call: "sns:Publish", why: "nobody heard of the end".to_owned() });
        }
    }
    // Not before it is told: until then it may go on, and holds its place.
    if let Some(lease) = &turn.lease {
        world.release(lease).await?;
    }
    let successor = claim::successor(&ended, now, policy);
    let problem = not_recorded(world.end(&ended, successor.as_ref()).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    Ok(Some(report))
}
