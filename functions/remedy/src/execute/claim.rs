//! The claim. *Guards look at what was seen; the claim settles
//! what is.* One conditional write decides which of many deliveries acts, and
//! the intent stands in the ledger before the call is made.

use futures_util::future;
use jiff::{SignedDuration, Timestamp};

use crate::model::action::Action;
use crate::model::alarm::{Alarm, Symptom};
use crate::model::growth::{Growth, GrowthBook};
use crate::model::ids::TransitionId;
use crate::model::incident::{Attempt, Gathering, HeldBack, Incident, Queued, Rung, Stage, Survey};
use crate::model::policy::Policy;
use crate::model::pool::{Lease, Pool, Sighting};
use crate::model::reason::Reason;
use crate::model::seen::Seen;
use crate::model::unknown::CallFailed;
use crate::model::unknown::LedgerError;
use crate::observe::facts::{DiskFact, Fact, Facts};
use crate::plan::guard::{self, Cleared, Refusal, Slot};
use crate::ports::ledger::{Counted, Leased, Ledger, Recorded};
use crate::ports::look::Look;

/// The ledger's proof that this attempt is ours: the only key to
/// [`act`](crate::execute::act::act). Only this module makes one, so acting without a
/// ledger entry does not compile:
///
/// ```compile_fail,E0451
/// fn forge(action: remedy::model::action::Action, incident: remedy::model::incident::Incident) {
///     let _forged = remedy::execute::claim::Claim { action, incident };
/// }
/// ```
///
/// and acting consumes it, so acting twice does not compile either:
///
/// ```compile_fail,E0382
/// # use remedy::execute::{act, claim::Claim};
/// # use remedy::model::policy::Policy;
/// # use remedy::ports::touch::Touch;
/// async fn twice(claim: Claim, policy: &Policy, touch: &impl Touch) {
///     let _first = act::act(claim, policy, touch).await;
///     let _second = act::act(claim, policy, touch).await;
/// }
/// ```
#[derive(Debug)]
#[must_use = "a claim that is not acted on holds the instance for nothing"]
pub struct Claim {
    action: Action,
    incident: Incident,
}

impl Claim {
    /// What is claimed.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The incident as it stands in the ledger.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// Gives up the key and keeps the incident.
    pub(crate) fn spend(self) -> (Action, Incident) {
        (self.action, self.incident)
    }
}

/// Why there is no claim.
#[derive(Debug)]
pub enum NoClaim {
    /// Another delivery or another incident was first.
    Refused(Refusal),
    /// The ledger did not answer. Whether the claim is written is not known,
    /// and nothing may be done without it.
    Unreachable(CallFailed),
}

/// Opens an incident: writes the intent to carry out what was cleared, with the comment of the
/// command if that is for several hosts.
pub async fn claim(
    ledger: &impl Ledger,
    cleared: &Cleared,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Claim, NoClaim> {
    let now = facts.observed_at;
    let action = cleared.first_action();
    let mut incident = opened(action.stage(), alarm, facts, policy);
    let shared_comment = cleared.shared_comment().map(str::to_owned);
    incident.attempts.push(Attempt { shared_comment, ..attempt(cleared.rung(), now) });
    incident.standby = cleared.standby();
    incident.lease = cleared.slot().map(|slot| lease(slot, &incident));
    open(ledger, &incident, Some(cleared.rung()), now).await?;
    Ok(Claim { action, incident })
}

/// Opens an incident with the intent to ask the host what it knows. What was
/// cleared is not claimed by that: it is decided anew when the host has answered.
pub async fn ask_first(
    ledger: &impl Ledger,
    cleared: &Cleared,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Claim, NoClaim> {
    let now = facts.observed_at;
    let mut incident = opened(Stage::Gathering, alarm, facts, policy);
    incident.gathering = Some(question(None, now));
    open(ledger, &incident, Some(cleared.rung()), now).await?;
    Ok(Claim { action: Action::Gather, incident })
}

/// Opens an incident with the intent to ask the host which disk is full. What was cleared
/// is decided anew when it has answered.
pub async fn survey_first(
    ledger: &impl Ledger,
    cleared: &Cleared,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Claim, NoClaim> {
    let now = facts.observed_at;
    let mut incident = opened(Stage::Surveying, alarm, facts, policy);
    incident.survey = Some(Survey { question: question(None, now), said: None });
    open(ledger, &incident, Some(cleared.rung()), now).await?;
    Ok(Claim { action: Action::Survey, incident })
}

/// Opens an incident that waits until what holds it back has passed. Nothing
/// is claimed: the follow-up claims once the guards allow it.
pub async fn wait(
    ledger: &impl Ledger,
    refusal: &Refusal,
    told: bool,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Incident, NoClaim> {
    let now = facts.observed_at;
    let mut incident = opened(Stage::Waiting, alarm, facts, policy);
    let by = refusal.in_the_way().map(|reason| reason.held_by().after(None, now));
    incident.held_back = Some(HeldBack { since: now, told, by });
    open(ledger, &incident, refusal.rung, now).await?;
    Ok(incident)
}

/// The incident that `alarm` opens, before anything of it is tried.
pub(crate) fn opened(stage: Stage, alarm: &Alarm, facts: &Facts, policy: &Policy) -> Incident {
    let now = facts.observed_at;
    Incident {
        id: alarm.incident_id(),
        transition_id: alarm.transition_id(),
        answered: facts.latest().map(Incident::answered_so_far).unwrap_or_default(),
        instance_id: alarm.instance_id.clone(),
        symptom: alarm.symptom,
        seen: Seen::of(alarm),
        group: facts.group_name().cloned(),
        mount: alarm.mount.clone(),
        opt_ins: facts.opt_ins(),
        stage,
        stage_since: now,
        quiet_since: None,
        attempts: Vec::new(),
        preflight: None,
        testimony: None,
        conflicting_since: None,
        evidence: None,
        gathering: None,
        survey: None,
        question: None,
        standby: None,
        lease: None,
        rests_until: guard::rests_until(facts, policy),
        past: facts.past(),
        held_back: None,
        stays_out: false,
        queued: left_behind(alarm, facts),
        dropped: 0,
        ended_since: None,
        closing_until: None,
        timeline: Vec::new(),
        opened_at: now,
        due_at: now + policy.first_look_after,
        expires_at: now + policy.claim_lasts,
        version: 1,
    }
}

/// The alarms that waited behind an incident which ran out without being ended. The new
/// incident takes them over.
fn left_behind(alarm: &Alarm, facts: &Facts) -> Vec<Queued> {
    let unended = facts.latest().filter(|latest| latest.stage.is_open());
    let mut queued = unended.map(|latest| latest.queued.clone()).unwrap_or_default();
    queued.retain(|queued| queued.transition_id != alarm.transition_id());
    queued
}

/// How often an alarm is tried to be queued, where each time another writer changes the
/// incident first.
const QUEUE_TRIES_MAX: usize = 3;

/// Keeps an alarm until the incident that holds its instance has ended. `None` if
/// the incident is about it anyway.
pub async fn queue(
    world: &(impl Ledger + Look),
    alarm: &Alarm,
    facts: &Facts,
) -> Result<Option<Reason>, LedgerError> {
    let now = facts.observed_at;
    let mut seen = facts.latest().filter(|latest| latest.holds(now)).cloned();
    for _ in 0..QUEUE_TRIES_MAX {
        let latest = match seen.take() {
            Some(seen) => Some(seen),
            None => world.history(&alarm.instance_id).await?.latest,
        };
        let Some(open) = latest.filter(|latest| latest.holds(now)) else {
            return Err(in_between("the incident before it has ended meanwhile"));
        };
        if open.answers(&alarm.transition_id()) {
            return Ok(None);
        }
        if open.is_closing(now) {
            return Err(in_between("the incident before it is just ending"));
        }
        if open.is_about(alarm) {
            // It is not over, whatever a beat that is about to end it has seen: that beat wrote
            // nothing yet, and comes too late now.
            let again = Incident { quiet_since: None, ..open.waiting_until(open.due_at) };
            let may_end = matches!(open.stage, Stage::Waiting | Stage::Watching);
            if !may_end || world.record(&again).await? {
                return Ok(None);
            }
            continue;
        }
        if world.record(&open.with_queued(Queued::of(alarm))).await? {
            return Ok(Some(Reason::Queued { behind: open.id, symptom: open.symptom }));
        }
    }
    Err(in_between("another writer was first"))
}

/// Writes down what became of a call, over what others have added since the claim: an
/// alarm in the queue, or an earlier look. `false` if the incident has taken another step.
pub async fn record_outcome(
    world: &(impl Ledger + Look),
    outcome: &Incident,
) -> Result<bool, CallFailed> {
    let mut next = outcome.clone();
    for _ in 0..QUEUE_TRIES_MAX {
        if world.record(&next).await? {
            return Ok(true);
        }
        let latest = world.history(&outcome.instance_id).await?.latest;
        let Some(latest) = latest.filter(|latest| latest.is_at_the_step_of(outcome)) else {
            return Ok(false);
        };
        next = Incident {
            queued: latest.queued,
            due_at: outcome.due_at.min(latest.due_at),
            version: latest.version + 1,
            ..outcome.clone()
        };
    }
    Ok(false)
}

/// Notes that the instance shows `symptom`, and gives who else of its pool does, and who else of
/// its zone where one that fails shows so.
pub async fn note_sick(
    ledger: &impl Ledger,
    symptom: Symptom,
    facts: &Facts,
) -> Result<Vec<Sighting>, CallFailed> {
    let sighting: Vec<Sighting> = facts.sighting().into_iter().collect();
    let pools = noted_in(symptom, facts);
    let writes = pools.iter().map(|pool| ledger.note_sick(pool, symptom, &sighting));
    let noted: Result<Vec<_>, CallFailed> = future::join_all(writes).await.into_iter().collect();
    Ok(noted?.concat())
}

/// Where it is noted that an instance shows `symptom`: in its pool, and in its zone where one
/// that fails shows so. A zone fails for the members of many pools.
pub fn noted_in(symptom: Symptom, facts: &Facts) -> Vec<Pool> {
    let Some(pool) = facts.pool() else { return Vec::new() };
    let zone = facts.zone().filter(|zone| symptom == Symptom::Unreachable && !zone.is_empty());
    std::iter::once(pool).chain(zone.map(|zone| Pool::Zone(zone.to_owned()))).collect()
}

/// The alarm came between two states of the ledger. It is an error, so that Lambda
/// delivers it again.
fn in_between(why: &'static str) -> LedgerError {
    LedgerError::Contended(why)
}

/// The incident of the alarm that waits first for the end of `ended`. It waits
/// until the follow-up takes it up, like one that something holds back. An
/// instance that was replaced has taken its other troubles along.
pub fn successor(ended: &Incident, now: Timestamp, policy: &Policy) -> Option<Incident> {
    let replaced = ended.attempts.last().is_some_and(|last| {
        last.rung == Rung::Replace && last.refused.is_none() && last.failed.is_none()
    });
    if replaced && ended.stage == Stage::Resolved {
        return None;
    }
    let (first, others) = ended.queued.split_first()?;
    Some(Incident {
        id: first.id.clone(),
        transition_id: first.transition_id.clone(),
        answered: ended.answered_so_far(),
        instance_id: ended.instance_id.clone(),
        symptom: first.symptom,
        seen: first.seen.clone(),
        group: ended.group.clone(),
        mount: first.mount.clone(),
        opt_ins: ended.opt_ins.clone(),
        stage: Stage::Waiting,
        stage_since: now,
        quiet_since: None,
        attempts: Vec::new(),
        preflight: None,
        testimony: None,
        conflicting_since: None,
        evidence: None,
        gathering: None,
        survey: None,
        question: None,
        standby: None,
        lease: None,
        rests_until: match ended.attempts.as_slice() {
            [] => ended.rests_until,
            _ => Some(now + policy.cooldown),
        },
        past: ended.past_so_far(now),
        held_back: Some(HeldBack { since: now, told: false, by: None }),
        stays_out: false,
        queued: others.to_vec(),
        dropped: 0,
        ended_since: None,
        closing_until: None,
        timeline: Vec::new(),
        opened_at: now,
        due_at: now,
        expires_at: now + policy.claim_lasts,
        version: 1,
    })
}

async fn open(
    ledger: &impl Ledger,
    incident: &Incident,
    rung: Option<Rung>,
    now: Timestamp,
) -> Result<(), NoClaim> {
    let (reason, passes) = match ledger.open(incident, now).await {
        Ok(Recorded::New) => return Ok(()),
        Ok(Recorded::Already(other)) => (already(&other, &incident.transition_id), false),
        Ok(Recorded::SlotTaken) => (Reason::SlotTaken, true),
        Err(failed) => return Err(NoClaim::Unreachable(failed)),
    };
    Err(NoClaim::Refused(Refusal { rung, because: vec![reason], handed_over: false, passes }))
}

/// A slot is given back when its incident ends. A lease runs out so long after the
/// incident's last moment, for one that nobody ends: by then its instance is back from
/// Standby too.
const LEASE_OUTLASTS: SignedDuration = SignedDuration::from_mins(30);

fn lease(slot: &Slot, incident: &Incident) -> Lease {
    Lease {
        pool: slot.pool.clone(),
        slot: slot.number,
        incident: incident.id.clone(),
        until: incident.expires_at + LEASE_OUTLASTS,
    }
}

/// The deadlines of a reboot in Standby, and some slack: 65 minutes of draining, 15
/// until it is up, 15 until it is back. An incident that begins a reboot late is
/// prolonged by them, because it must not run out while its instance is in Standby.
const STANDBY_TAKES: SignedDuration = SignedDuration::from_mins(110);

/// Writes the intent to try the next rung of an open incident.
pub async fn climb(
    ledger: &impl Ledger,
    cleared: &Cleared,
    incident: &Incident,
    facts: &Facts,
    policy: &Policy,
) -> Result<Climbed, CallFailed> {
    let (action, now) = (cleared.first_action(), facts.observed_at);
    let mut next = incident.moved_to(action.stage(), now);
    let mut begun = attempt(cleared.rung(), now);
    begun.growth = cleared.growth().cloned();
    begun.shared_comment = cleared.shared_comment().map(str::to_owned);
    next.attempts.push(begun);
    next.standby = cleared.standby();
    if next.standby.is_some() {
        next.expires_at = next.expires_at.max(now + STANDBY_TAKES);
    }
    next.group = cleared.group().cloned().or(next.group);
    next.due_at = now + policy.first_look_after;
    // It is counted with the first intent that leads to it.
    if cleared.growth().is_some_and(Growth::grows_volume) {
        let counted =
            ledger.record_with_growth(&next, &book(facts), policy.grow_gib_a_day, now).await?;
        return Ok(match counted {
            Counted::Won => Climbed::Claimed(Box::new(Claim { action, incident: next })),
            Counted::Outrun => Climbed::Outrun,
            Counted::Contended => Climbed::GrowthContended,
        });
    }
    let leased = match cleared.slot() {
        Some(slot) => {
            next.lease = Some(lease(slot, &next));
            ledger.record_with_lease(&next, now).await?
        }
        None if ledger.record(&next).await? => Leased::Won,
        None => Leased::Outrun,
    };
    Ok(match leased {
        Leased::Won => Climbed::Claimed(Box::new(Claim { action, incident: next })),
        Leased::Outrun => Climbed::Outrun,
        Leased::SlotTaken => Climbed::SlotTaken,
    })
}

/// What became of the intent to climb.
#[derive(Debug)]
pub enum Climbed {
    /// It is ours to carry out.
    Claimed(Box<Claim>),
    /// Another writer was first: it is theirs.
    Outrun,
    /// The slot of the pool's budget went to another incident.
    SlotTaken,
    /// Another growth was counted first.
    GrowthContended,
}

/// What was known of the volume's growth when it was decided.
fn book(facts: &Facts) -> GrowthBook {
    match &facts.disk {
        DiskFact::Read { named: Some(named), .. } => match &named.book {
            Fact::Known(book) => book.clone(),
            Fact::Unknown(_) => GrowthBook::default(),
        },
        DiskFact::Read { named: None, .. } | DiskFact::NotRead => GrowthBook::default(),
    }
}

/// Writes the intent of the next step of the rung an incident is on: to reboot
/// what has left service, to bring it back, or to ask again for what the world
/// shows was never asked, with the comment of its command if that is for several hosts. `None`
/// if another writer was first.
pub async fn renew(
    ledger: &impl Ledger,
    (action, shared_comment): (Action, Option<String>),
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Option<Claim>, CallFailed> {
    let again = incident.stage == action.stage();
    let mut next = incident.moved_to(action.stage(), now);
    if again {
        // The stage's deadline counts from its first intent, and whoever has heard of it
        // has heard.
        next.stage_since = incident.stage_since;
        next.stays_out = incident.stays_out;
    }
    if let (Action::Gather, Some(gathering)) = (action, &mut next.gathering) {
        gathering.asked_again = true;
        next.held_back.clone_from(&incident.held_back);
    } else if let (Action::Survey, Some(survey)) = (action, &mut next.survey) {
        survey.question.asked_again = true;
        next.held_back.clone_from(&incident.held_back);
    } else if let Some(attempt) = next.attempts.last_mut() {
        attempt.refused = None;
        attempt.asked_again = if again { attempt.asked_again + 1 } else { 0 };
        attempt.asked_at = Some(now);
        attempt.shared_comment = shared_comment;
    }
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { action, incident: next }))
}

/// Writes the intent to ask the host what it knows. `None` if another writer
/// was first.
pub async fn gather(
    ledger: &impl Ledger,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Option<Claim>, CallFailed> {
    let mut next = incident.moved_to(Stage::Gathering, now);
    // A rung that was held back still is, while the host is asked.
    next.held_back.clone_from(&incident.held_back);
    next.gathering = Some(question(incident.gathering.as_ref(), now));
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { action: Action::Gather, incident: next }))
}

/// Writes the intent to ask the host which disk is full. `None` if another writer was first.
pub async fn survey(
    ledger: &impl Ledger,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Option<Claim>, CallFailed> {
    let mut next = incident.moved_to(Stage::Surveying, now);
    next.held_back.clone_from(&incident.held_back);
    let before = incident.survey.as_ref().map(|survey| &survey.question);
    next.survey = Some(Survey { question: question(before, now), said: None });
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { action: Action::Survey, incident: next }))
}

fn question(before: Option<&Gathering>, now: Timestamp) -> Gathering {
    Gathering {
        asked_at: now,
        command_id: None,
        refused: None,
        asked_again: false,
        count: before.map_or(1, |before| before.count + 1),
    }
}

fn attempt(rung: Rung, now: Timestamp) -> Attempt {
    Attempt {
        rung,
        claimed_at: now,
        command_id: None,
        refused: None,
        failed: None,
        changed_host: None,
        said: None,
        still_set: None,
        growth: None,
        asked_again: 0,
        asked_at: None,
        not_back: false,
        shared_comment: None,
    }
}

fn already(other: &Incident, ours: &TransitionId) -> Reason {
    if other.answers(ours) {
        Reason::DuplicateDelivery { incident: other.id.clone() }
    } else {
        Reason::IncidentOpen { incident: other.id.clone(), symptom: other.symptom }
    }
}
