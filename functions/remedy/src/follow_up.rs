//! The second spine: did it work? On every beat the due incidents are looked
//! at, and each takes its one next step. Events that something happened are
//! only hints to look sooner: lost, late, doubled or reordered they change the
//! delay and nothing else.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, future, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::act::{self, Touch};
use crate::decide;
use crate::facts::{Fact, Facts, Gap, GroupFact, Look};
use crate::gather;
use crate::guard::{self, Cleared, Refusal};
use crate::ids::{GroupName, IncidentId, InstanceId};
use crate::incident::{HeldBack, Incident, Rung, Stage};
use crate::last_words::{self, Heard, LastWords};
use crate::ledger::{self, Claim, Climbed, Deed, Due, Ledger};
use crate::next::{Step, next, while_allowed, while_there};
use crate::notify::{self, Tell};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::report::{Outcome, Report};
use crate::scene::{self, Presence, Scene};

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
    due.retain(|incident| incident.stage.is_open() && !incident.is_taken(now));
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
    let scene = scene::look(incident, world, now).await;
    let mut step = next(incident, &scene, now, policy);
    if let Step::CarryOn(deed, ..) = step
        && deed != Deed::ComeBack
    {
        let mut facts = match &scene {
            Scene::Instance(facts) => Facts::clone(facts),
            _ => Facts::read(world, &incident.instance_id, now).await,
        };
        let moves = matches!(deed, Deed::LeaveService(_) | Deed::Replace);
        if moves && facts.group == GroupFact::NotRead {
            let name = facts.group_name().cloned();
            facts.read_group_named(world, name.as_ref()).await;
        }
        step = while_allowed(step, &facts, now);
    }
    if incident.stage == Stage::Waiting
        && matches!(scene, Scene::Symptom(Presence::Unseen { .. } | Presence::Unknown(_)))
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
        Step::CarryOn(deed, incident, reason) => {
            let claim = ledger::carry_on(world, deed, &incident, now, policy).await?;
            match claim {
                Some(claim) if deed == Deed::Gather => {
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
    scene: &Scene,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Option<Report>, Gap>
where
    W: Look + Ledger + Touch + Tell,
{
    let presence = async {
        match scene {
            Scene::Symptom(presence) => presence.clone(),
            _ => scene::presence(incident, world, now).await,
        }
    };
    let facts = Facts::read(world, &incident.instance_id, now);
    let (presence, mut facts) = future::join(presence, facts).await;
    let is_down = is_down(incident, &reason, &facts);
    // A host that hangs in its boot is quiet too.
    if presence == Presence::Gone && incident.stage != Stage::Watching && !is_down {
        let mut moved = incident.moved_to(Stage::Watching, now);
        let because = vec![reason, Reason::SymptomOver];
        let report = Report::of(&moved, Outcome::Acted, because, now);
        moved.note(report.entry());
        return Ok(world.record(&moved).await?.then_some(report));
    }
    facts.found.clone_from(&incident.found);
    let tried = incident.tried();
    if decide::looks_beyond_cleanup(incident.symptom, &tried, &facts, policy) {
        look_beyond(incident, &presence, &mut facts, world).await;
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
        Err(refusal) if gather::may_say_otherwise(&refusal, incident, &facts, policy) => {
            return ask_host(incident, rung, refusal.because, now, policy, world).await;
        }
        Err(refusal) if !refusal.passes && incident.attempts.is_empty() => {
            let ended = incident.moved_to(Stage::Withdrawn, now);
            return ending(incident, ended, refusal.because, now, policy, world).await;
        }
        Err(refusal) => return hold_back(incident, reason, refusal, now, world).await,
    };
    if let Some(doubt) = presence.doubt()
        && cleared.rung().is_disruptive()
    {
        let refusal = Refusal::for_now(cleared.rung(), doubt);
        return hold_back(incident, reason, refusal, now, world).await;
    }
    if gather::comes_first(&cleared, Some(incident), &facts, policy) {
        let first = Reason::EvidenceFirst { rung: cleared.rung() };
        return ask_host(incident, rung, vec![reason, first], now, policy, world).await;
    }
    let because = [&led_here(&reason, &presence), cleared.because()].concat();
    take(&cleared, incident, because, reason, now, policy, world).await
}

/// Asks what only a rung above a cleanup needs to know. Who is still sick counts
/// for the others of the pool, however long it lasts.
async fn look_beyond<W>(incident: &Incident, presence: &Presence, facts: &mut Facts, world: &W)
where
    W: Look + Ledger,
{
    let (id, symptom, before) = (&incident.instance_id, incident.symptom, facts.clone());
    let note = async {
        match presence {
            Presence::There { .. } => ledger::note_sick(world, symptom, id, &before).await,
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
        ledger::climb(world, cleared, incident, now, policy),
        last_words::hear(world, cleared, &incident.instance_id, evidence, now),
    )
    .await;
    match climbed? {
        Climbed::Claimed(claim) => {
            Ok(Some(carry_out(*claim, words, because, now, policy, world).await))
        }
        Climbed::Outrun => Ok(None),
        Climbed::PlaceTaken => {
            let refusal = Refusal::for_now(cleared.rung(), Reason::PlaceTaken);
            hold_back(incident, reason, refusal, now, world).await
        }
    }
}

/// Why a rung is tried now. Where the evidence is says nothing about the
/// symptom, so that is said again.
fn led_here(reason: &Reason, presence: &Presence) -> Vec<Reason> {
    let evidence = matches!(
        reason,
        Reason::EvidenceKept { .. }
            | Reason::EvidenceInOutput { .. }
            | Reason::EvidenceMissing { .. }
    );
    match presence {
        Presence::There { what } if evidence => {
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
    let Some(claim) = ledger::gather(world, incident, now, policy).await? else {
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
    let problem = not_recorded(ledger::record_outcome(world, &incident).await);
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
    let mut out = Incident { taken_until: None, ..turn.waiting_until(until) };
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
    let turn = Incident { taken_until: Some(until), ..incident.waiting_until(until) };
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
        beat + incident.action_id.spread_over(SPREAD)
    } else {
        beat
    }
}

/// act -> record -> notify, for a step of an open incident.
async fn carry_out<W>(
    claim: Claim,
    words: Option<LastWords>,
    mut because: Vec<Reason>,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Report
where
    W: Look + Ledger + Touch + Tell,
{
    let deed = claim.deed();
    let claimed = claim.incident().clone();
    let (acted, heard) = future::join(
        act::act(claim, policy, world),
        last_words::keep(words, &claimed, now, policy, world),
    )
    .await;
    let mut incident = acted.incident;
    let console = Heard::noted(heard, &mut incident);
    let refused = matches!(acted.failure, Some(Reason::ActionFailed { .. }));
    if refused {
        incident.due_at = now; // The next beat takes the next step.
    }
    because.splice(0..0, acted.failure);
    let outcome = if refused { Outcome::Held } else { Outcome::Acted };
    let mut report = Report { console, ..Report::of(&incident, outcome, because, now) };
    record_and_tell(&mut report, &incident, Some(deed), world).await;
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
    let successor = ledger::successor(&ended, now, policy);
    let problem = not_recorded(world.end(&ended, successor.as_ref()).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    Ok(Some(report))
}

/// Writes down what was done and tells people, all at once: none waits for the
/// other, and the failure of one does not silence the others.
pub(crate) async fn record_and_tell(
    report: &mut Report,
    incident: &Incident,
    deed: Option<Deed>,
    world: &(impl Look + Ledger + Tell),
) {
    let notification = notify::render(report, world.place());
    let mut incident = incident.clone();
    incident.note(report.entry());
    let incident = &incident;
    // Asked again once, the first asker may have died before it told anybody;
    // after that it is no news.
    let asked_again = incident.attempts.last().is_some_and(|last| last.asked_again > 1);
    let news = !asked_again && !report.is_counted_only();
    let (recorded, told, noted) = future::join3(
        ledger::record_outcome(world, incident),
        async { if news { Some(world.tell(&notification).await) } else { None } },
        async {
            match deed {
                Some(Deed::Replace) => note_replacement(incident, world).await,
                _ => Ok(()),
            }
        },
    )
    .await;
    if let Some(told) = told {
        report.note_telling(told);
    }
    let problem = not_recorded(recorded).or(noted.err());
    report.because.extend(problem.map(Reason::NotRecorded));
}

fn not_recorded(recorded: Result<bool, Gap>) -> Option<Gap> {
    match recorded {
        Ok(true) => None,
        Ok(false) => {
            Some(Gap { call: "dynamodb:PutItem", why: "another writer was first".to_owned() })
        }
        Err(gap) => Some(gap),
    }
}

/// Notes the replacement that an incident asked for. Noted again it counts
/// once.
async fn note_replacement(incident: &Incident, world: &impl Ledger) -> Result<(), Gap> {
    let last = incident.attempts.last();
    let asked = last.filter(|last| last.rung == Rung::Replace && last.refused.is_none());
    match (&incident.group, asked) {
        (Some(group), Some(asked)) => {
            let (symptom, instance) = (incident.symptom, &incident.instance_id);
            world.note_replacement(group, symptom, instance, asked.claimed_at).await
        }
        _ => Ok(()),
    }
}
