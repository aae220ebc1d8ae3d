//! The fifth room: the claim. *Guards look at what was seen; the claim settles
//! what is.* One conditional write decides which of many deliveries acts, and
//! the intent stands in the ledger before the call is made.

use jiff::{SignedDuration, Timestamp};

use crate::alarm::{Alarm, Seen, Symptom};
use crate::facts::{Facts, Gap, Look};
use crate::fold::{Count, Fold};
use crate::guard::{self, Cleared, Place, Refusal};
use crate::ids::{ActionId, GroupName, InstanceId};
use crate::incident::{Attempt, Gathering, HeldBack, Incident, Queued, Rung, Stage, Standby};
use crate::pause::{Pause, Scope};
use crate::policy::Policy;
use crate::pool::{Lease, Pool, Sighting};
use crate::reason::Reason;

/// The call that writes an incident down.
const PUT: &str = "dynamodb:PutItem";

/// Keeps incidents.
pub trait Ledger {
    /// Writes a new incident in one conditional write, which succeeds only if
    /// the ledger holds no incident of the instance, or one that neither
    /// [answers](Incident::answers) the same action nor still
    /// [holds](Incident::holds) the instance. A write that finds itself, since
    /// the answer of an earlier try was lost, has succeeded.
    /// If the incident has a lease, its place in the pool's budget is taken in
    /// the same transaction: both, or neither.
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, Gap>;

    /// Writes a later state of an open incident in one conditional write, which
    /// succeeds only over the version before it. `false` if another writer won.
    async fn record(&self, incident: &Incident) -> Result<bool, Gap>;

    /// Ends an incident, under the same condition: it stays as a row of its own
    /// for 90 days, and its successor, if there is one, takes its place. All of
    /// it, or nothing.
    async fn end(&self, ended: &Incident, successor: Option<&Incident>) -> Result<bool, Gap>;

    /// Like [`record`](Self::record), and takes the place of the incident's
    /// lease in the same transaction, if nobody holds it at `now`.
    async fn record_with_lease(&self, incident: &Incident, now: Timestamp) -> Result<Leased, Gap>;

    /// Gives a place in a pool's budget back, if it is still held. Done twice
    /// it is done once.
    async fn release(&self, lease: &Lease) -> Result<(), Gap>;

    /// Notes that a member of `pool` shows `symptom`, once for each time window,
    /// and gives all that are noted in that window.
    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sighting: &Sighting,
    ) -> Result<Vec<Sighting>, Gap>;

    /// Sets a pause, over one of the same scope, and forgets those that ended
    /// before it was set. Gives all there are now.
    async fn pause(&self, pause: &Pause) -> Result<Vec<Pause>, Gap>;

    /// Lifts the pause of `scope`, if there is one. Gives all that are left.
    async fn lift(&self, scope: &Scope) -> Result<Vec<Pause>, Gap>;

    /// Every pause there is, those that have ended too.
    async fn pauses(&self) -> Result<Vec<Pause>, Gap>;

    /// Counts one more telling in its window, atomically, and gives how many
    /// there are. Counted again by the same it stays the window's first, if it
    /// was.
    async fn count(&self, fold: &Fold) -> Result<Count, Gap>;

    /// Notes that the member `instance` of `group` is being replaced for `symptom`.
    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) -> Result<(), Gap>;

    /// The open incidents that are due at `now`, longest due first, at most
    /// `limit`: one query, which reads nothing that is not due.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, Gap>;
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The incidents, longest due first.
    pub incidents: Vec<Incident>,
    /// What is due and cannot be read, such as what a newer version has written.
    /// It stays due, and is nobody else's trouble.
    pub unreadable: Vec<Gap>,
}

/// What became of a claim's write.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// It is written, and ours.
    New,
    /// Another incident stands in its place.
    Already(Box<Incident>),
    /// The place in the pool's budget went to another incident.
    PlaceTaken,
}

/// What became of a write that takes a place in a pool's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// Both are written.
    Won,
    /// Another writer had the incident first.
    Outrun,
    /// The place went to another incident.
    PlaceTaken,
}

/// One call that changes the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Send the cleanup document.
    Clean,
    /// Ask the host what it knows, before it is disrupted.
    Gather,
    /// Take the instance out of service, into Standby.
    LeaveService(Standby),
    /// Reboot the instance.
    Reboot,
    /// Bring the instance back from Standby.
    ComeBack,
    /// Have the group replace the instance.
    Replace,
}

impl Deed {
    /// The stage an incident is in while this is asked for and awaited.
    pub fn stage(self) -> Stage {
        match self {
            Self::Clean => Stage::Cleaning,
            Self::Gather => Stage::Gathering,
            Self::LeaveService(_) => Stage::Draining,
            Self::Reboot => Stage::Rebooting,
            Self::ComeBack => Stage::Returning,
            Self::Replace => Stage::Replacing,
        }
    }

    /// The first deed of what was cleared.
    fn first(cleared: &Cleared) -> Self {
        match (cleared.rung(), cleared.standby()) {
            (Rung::Cleanup, _) => Self::Clean,
            (Rung::Reboot, Some(standby)) => Self::LeaveService(standby),
            (Rung::Reboot, None) => Self::Reboot,
            (Rung::Replace, _) => Self::Replace,
        }
    }
}

/// The ledger's proof that this attempt is ours: the only key to
/// [`act`](crate::act::act). Only this room makes one, so acting without a
/// ledger entry does not compile:
///
/// ```compile_fail,E0451
/// fn forge(deed: remedy::ledger::Deed, incident: remedy::incident::Incident) {
///     let _forged = remedy::ledger::Claim { deed, incident };
/// }
/// ```
///
/// and acting consumes it, so acting twice does not compile either:
///
/// ```compile_fail,E0382
/// # use remedy::{act, ledger, policy::Policy};
/// async fn twice(claim: ledger::Claim, policy: &Policy, touch: &impl act::Touch) {
///     let _first = act::act(claim, policy, touch).await;
///     let _second = act::act(claim, policy, touch).await;
/// }
/// ```
#[derive(Debug)]
#[must_use = "a claim that is not acted on holds the instance for nothing"]
pub struct Claim {
    deed: Deed,
    incident: Incident,
}

impl Claim {
    /// What is claimed.
    pub fn deed(&self) -> Deed {
        self.deed
    }

    /// The incident as it stands in the ledger.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// Gives up the key and keeps the incident.
    pub(crate) fn spend(self) -> (Deed, Incident) {
        (self.deed, self.incident)
    }
}

/// Why there is no claim.
#[derive(Debug)]
pub enum NoClaim {
    /// Another delivery or another incident was first.
    Refused(Refusal),
    /// The ledger did not answer. Whether the claim is written is not known,
    /// and nothing may be done without it.
    Unreachable(Gap),
}

/// Opens an incident: writes the intent to carry out what was cleared.
pub async fn claim(
    ledger: &impl Ledger,
    cleared: &Cleared,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Claim, NoClaim> {
    let now = facts.observed_at;
    let deed = Deed::first(cleared);
    let mut incident = opened(deed.stage(), alarm, facts, policy);
    incident.attempts.push(attempt(cleared.rung(), now));
    incident.standby = cleared.standby();
    incident.lease = cleared.place().map(|place| lease(place, &incident));
    open(ledger, &incident, Some(cleared.rung()), now).await?;
    Ok(Claim { deed, incident })
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
    Ok(Claim { deed: Deed::Gather, incident })
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
    incident.held_back = Some(HeldBack { since: now, told });
    open(ledger, &incident, refusal.rung, now).await?;
    Ok(incident)
}

fn opened(stage: Stage, alarm: &Alarm, facts: &Facts, policy: &Policy) -> Incident {
    let now = facts.observed_at;
    Incident {
        id: alarm.incident_id(),
        action_id: alarm.action_id(),
        answered: facts.latest().map(Incident::answered_so_far).unwrap_or_default(),
        instance_id: alarm.instance_id.clone(),
        symptom: alarm.symptom,
        seen: Seen::of(alarm),
        group: facts.group_name().cloned(),
        mount: alarm.mount.clone(),
        stage,
        stage_since: now,
        quiet_since: None,
        attempts: Vec::new(),
        found: None,
        evidence: None,
        gathering: None,
        standby: None,
        lease: None,
        rests_until: guard::rests_until(facts, policy),
        past: facts.past(),
        held_back: None,
        stays_out: false,
        queued: left_behind(alarm, facts),
        taken_until: None,
        course: Vec::new(),
        opened_at: now,
        due_at: now + policy.first_look_after,
        expires_at: now + policy.claim_lasts,
        version: 1,
    }
}

/// What waits for the end of an incident that nobody ended and whose place this
/// one takes.
fn left_behind(alarm: &Alarm, facts: &Facts) -> Vec<Queued> {
    let unended = facts.latest().filter(|latest| latest.stage.is_open());
    let mut queued = unended.map(|latest| latest.queued.clone()).unwrap_or_default();
    queued.retain(|queued| queued.action_id != alarm.action_id());
    queued
}

/// How often it is tried to queue an alarm behind an incident that others write
/// down meanwhile.
const QUEUE_TRIES_MAX: usize = 3;

/// Keeps an alarm until the incident that holds its instance has ended. `None` if
/// the incident is about it anyway.
pub async fn queue(
    world: &(impl Ledger + Look),
    alarm: &Alarm,
    facts: &Facts,
) -> Result<Option<Reason>, Gap> {
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
        if open.answers(&alarm.action_id()) {
            return Ok(None);
        }
        if open.is_taken(now) {
            return Err(in_between("the incident before it is just ending"));
        }
        if open.is_about(alarm) {
            // It is not over, whatever a beat that is about to end it has seen.
            let again = Incident { quiet_since: None, ..open.waiting_until(open.due_at) };
            if open.quiet_since.is_none() || world.record(&again).await? {
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

/// Writes down what became of a call. An alarm that was queued since the claim, or
/// an OK that had the incident looked at sooner, does not undo what was done. `false`
/// if it went on meanwhile.
pub async fn record_outcome(world: &(impl Ledger + Look), outcome: &Incident) -> Result<bool, Gap> {
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

/// Notes that `instance` shows `symptom`, and gives who else of its pool does.
pub async fn note_sick(
    ledger: &impl Ledger,
    symptom: Symptom,
    instance: &InstanceId,
    facts: &Facts,
) -> Result<Vec<Sighting>, Gap> {
    match (facts.pool(), facts.sighting(instance)) {
        (Some(pool), Some(sighting)) => ledger.note_sick(&pool, symptom, &sighting).await,
        _ => Ok(Vec::new()),
    }
}

/// An alarm that comes in between is delivered again, to what is then.
fn in_between(why: &str) -> Gap {
    Gap { call: PUT, why: why.to_owned() }
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
        action_id: first.action_id.clone(),
        answered: ended.answered_so_far(),
        instance_id: ended.instance_id.clone(),
        symptom: first.symptom,
        seen: first.seen.clone(),
        group: ended.group.clone(),
        mount: first.mount.clone(),
        stage: Stage::Waiting,
        stage_since: now,
        quiet_since: None,
        attempts: Vec::new(),
        found: None,
        evidence: None,
        gathering: None,
        standby: None,
        lease: None,
        rests_until: match ended.attempts.as_slice() {
            [] => ended.rests_until,
            _ => Some(now + policy.cooldown),
        },
        past: ended.past_so_far(now),
        held_back: Some(HeldBack { since: now, told: false }),
        stays_out: false,
        queued: others.to_vec(),
        taken_until: None,
        course: Vec::new(),
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
        Ok(Recorded::Already(other)) => (already(&other, &incident.action_id), false),
        Ok(Recorded::PlaceTaken) => (Reason::PlaceTaken, true),
        Err(gap) => return Err(NoClaim::Unreachable(gap)),
    };
    Err(NoClaim::Refused(Refusal { rung, because: vec![reason], handed_over: false, passes }))
}

/// A place ends with its incident. This is for one that nobody ends: by then
/// it is brought back from Standby too.
const LEASE_OUTLASTS: SignedDuration = SignedDuration::from_mins(30);

fn lease(place: &Place, incident: &Incident) -> Lease {
    Lease {
        pool: place.pool.clone(),
        place: place.number,
        incident: incident.id.clone(),
        until: incident.expires_at + LEASE_OUTLASTS,
    }
}

/// The deadlines of a reboot in Standby, and some slack: 65 minutes of draining, 15
/// until it is up, 15 until it is back. One that begins late has them all the same:
/// while it is out its incident and its place must last.
const STANDBY_TAKES: SignedDuration = SignedDuration::from_mins(110);

/// Writes the intent to try the next rung of an open incident.
pub async fn climb(
    ledger: &impl Ledger,
    cleared: &Cleared,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Climbed, Gap> {
    let deed = Deed::first(cleared);
    let mut next = incident.moved_to(deed.stage(), now);
    next.attempts.push(attempt(cleared.rung(), now));
    next.standby = cleared.standby();
    if next.standby.is_some() {
        next.expires_at = next.expires_at.max(now + STANDBY_TAKES);
    }
    next.group = cleared.group().cloned().or(next.group);
    next.due_at = now + policy.first_look_after;
    let leased = match cleared.place() {
        Some(place) => {
            next.lease = Some(lease(place, &next));
            ledger.record_with_lease(&next, now).await?
        }
        None if ledger.record(&next).await? => Leased::Won,
        None => Leased::Outrun,
    };
    Ok(match leased {
        Leased::Won => Climbed::Claimed(Box::new(Claim { deed, incident: next })),
        Leased::Outrun => Climbed::Outrun,
        Leased::PlaceTaken => Climbed::PlaceTaken,
    })
}

/// What became of the intent to climb.
#[derive(Debug)]
pub enum Climbed {
    /// It is ours to carry out.
    Claimed(Box<Claim>),
    /// Another writer was first: it is theirs.
    Outrun,
    /// The place in the pool's budget went to another incident.
    PlaceTaken,
}

/// Writes the intent of the next step of the rung an incident is on: to reboot
/// what has left service, to bring it back, or to ask again for what the world
/// shows was never asked. `None` if another writer was first.
pub async fn carry_on(
    ledger: &impl Ledger,
    deed: Deed,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Option<Claim>, Gap> {
    let again = incident.stage == deed.stage();
    let mut next = incident.moved_to(deed.stage(), now);
    if again {
        // The stage's deadline counts from its first intent.
        next.stage_since = incident.stage_since;
    }
    if let (Deed::Gather, Some(gathering)) = (deed, &mut next.gathering) {
        gathering.asked_again = true;
        next.held_back = incident.held_back;
    } else if let Some(attempt) = next.attempts.last_mut() {
        attempt.refused = None;
        attempt.asked_again = if again { attempt.asked_again + 1 } else { 0 };
    }
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { deed, incident: next }))
}

/// Writes the intent to ask the host what it knows. `None` if another writer
/// was first.
pub async fn gather(
    ledger: &impl Ledger,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Option<Claim>, Gap> {
    let mut next = incident.moved_to(Stage::Gathering, now);
    // Who is asked while a rung is held back has not been let go.
    next.held_back = incident.held_back;
    next.gathering = Some(question(incident.gathering.as_ref(), now));
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { deed: Deed::Gather, incident: next }))
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
    Attempt { rung, claimed_at: now, command_id: None, refused: None, failed: None, asked_again: 0 }
}

fn already(other: &Incident, ours: &ActionId) -> Reason {
    if other.answers(ours) {
        Reason::DuplicateDelivery { incident: other.id.clone() }
    } else {
        Reason::IncidentOpen { incident: other.id.clone(), symptom: other.symptom }
    }
}
