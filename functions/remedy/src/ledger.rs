//! The fifth room: the claim. *Guards look at what was seen; the claim settles
//! what is.* One conditional write decides which of many deliveries acts, and
//! the intent stands in the ledger before the call is made.

use jiff::Timestamp;

use crate::alarm::{Alarm, Seen, Symptom};
use crate::facts::{Facts, Gap};
use crate::guard::{Cleared, Refusal};
use crate::ids::{ActionId, GroupName};
use crate::incident::{Attempt, Incident, Rung, Stage, Standby};
use crate::policy::Policy;
use crate::reason::Reason;

/// Keeps incidents.
pub trait Ledger {
    /// Writes a new incident in one conditional write, which succeeds only if
    /// the ledger holds no incident of the instance, or one that neither
    /// [answers](Incident::answers) the same action nor still
    /// [holds](Incident::holds) the instance. A write that finds itself, since
    /// the answer of an earlier try was lost, has succeeded.
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, Gap>;

    /// Writes a later state of an incident in one conditional write, which
    /// succeeds only over the version before it. `false` if another writer won.
    /// An incident that has ended also stays as a row of its own for 90 days.
    async fn record(&self, incident: &Incident) -> Result<bool, Gap>;

    /// Notes that a member of `group` is being replaced for `symptom`.
    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        at: Timestamp,
    ) -> Result<(), Gap>;

    /// The open incidents that are due at `now`, longest due first, at most
    /// `limit`: one query, which reads nothing that is not due.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Incident>, Gap>;
}

/// What became of a claim's write.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// It is written, and ours.
    New,
    /// Another incident stands in its place.
    Already(Box<Incident>),
}

/// One call that changes the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Send the cleanup document.
    Clean,
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
    let incident = Incident {
        id: alarm.incident_id(),
        action_id: alarm.action_id(),
        answered: facts.latest().map(Incident::answered_so_far).unwrap_or_default(),
        instance_id: alarm.instance_id.clone(),
        symptom: alarm.symptom,
        seen: Seen::of(alarm),
        group: cleared.group().cloned(),
        mount: alarm.mount.clone(),
        stage: deed.stage(),
        stage_since: now,
        quiet_since: None,
        attempts: vec![attempt(cleared.rung(), now)],
        found: None,
        evidence: None,
        standby: cleared.standby(),
        held_back: None,
        taken_until: None,
        course: Vec::new(),
        opened_at: now,
        due_at: now + policy.first_look_after,
        expires_at: now + policy.claim_lasts,
        version: 1,
    };
    match ledger.open(&incident, now).await {
        Ok(Recorded::New) => Ok(Claim { deed, incident }),
        Ok(Recorded::Already(other)) => Err(NoClaim::Refused(Refusal {
            rung: Some(cleared.rung()),
            because: vec![already(&other, &incident.action_id)],
            handed_over: false,
        })),
        Err(gap) => Err(NoClaim::Unreachable(gap)),
    }
}

/// Writes the intent to try the next rung of an open incident. `None` if
/// another writer was first: then it is theirs to carry out.
pub async fn climb(
    ledger: &impl Ledger,
    cleared: &Cleared,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
) -> Result<Option<Claim>, Gap> {
    let deed = Deed::first(cleared);
    let mut next = incident.moved_to(deed.stage(), now);
    next.attempts.push(attempt(cleared.rung(), now));
    next.standby = cleared.standby();
    next.group = cleared.group().cloned().or(next.group);
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { deed, incident: next }))
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
    if let Some(attempt) = next.attempts.last_mut() {
        attempt.refused = None;
        attempt.asked_again = if again { attempt.asked_again + 1 } else { 0 };
    }
    next.due_at = now + policy.first_look_after;
    Ok(ledger.record(&next).await?.then_some(Claim { deed, incident: next }))
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
