//! The fifth room: the claim. *Guards look at what was seen; the claim settles
//! what is.* One conditional write decides which of many deliveries acts, and
//! the intent stands in the ledger before the call is made.

use jiff::Timestamp;

use crate::alarm::Alarm;
use crate::facts::{Facts, Gap};
use crate::guard::{Cleared, Refusal};
use crate::ids::{ActionId, InstanceId};
use crate::incident::{Attempt, Incident, Stage};
use crate::policy::Policy;
use crate::reason::Reason;

/// Keeps incidents.
pub trait Ledger {
    /// Writes a new incident in one conditional write, which succeeds only if
    /// the ledger holds no incident of the instance, or one that neither has
    /// the same action id nor still [holds](Incident::holds) the instance.
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, Gap>;

    /// Writes a later state of an incident in one conditional write, which
    /// succeeds only over the version before it. `false` if another writer won.
    async fn record(&self, incident: &Incident) -> Result<bool, Gap>;
}

/// What became of a claim's write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is written, and ours.
    New,
    /// Another incident stands in its place.
    Already(Box<Incident>),
}

/// The ledger's proof that this attempt is ours: the only key to
/// [`act`](crate::act::act). Only [`claim`] makes one, so acting without a
/// ledger entry does not compile:
///
/// ```compile_fail,E0451
/// fn forge(cleared: remedy::guard::Cleared, incident: remedy::incident::Incident) {
///     let _forged = remedy::ledger::Claim { cleared, incident };
/// }
/// ```
///
/// and acting consumes it, so acting twice does not compile either:
///
/// ```compile_fail,E0382
/// # use remedy::{act, ledger};
/// async fn twice(claim: ledger::Claim, relief: act::Relief, touch: &impl act::Touch) {
///     let _first = act::act(claim, relief.clone(), touch).await;
///     let _second = act::act(claim, relief, touch).await;
/// }
/// ```
#[derive(Debug)]
#[must_use = "a claim that is not acted on holds the instance for nothing"]
pub struct Claim {
    cleared: Cleared,
    incident: Incident,
}

impl Claim {
    /// What was cleared.
    pub fn cleared(&self) -> &Cleared {
        &self.cleared
    }

    /// The incident as it stands in the ledger.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// Gives up the key and keeps the incident.
    pub(crate) fn spend(self) -> (Cleared, Incident) {
        (self.cleared, self.incident)
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

/// Writes the intent to carry out what was cleared.
pub async fn claim(
    ledger: &impl Ledger,
    cleared: Cleared,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Claim, NoClaim> {
    let now = facts.observed_at;
    let incident = Incident {
        id: alarm.incident_id(),
        action_id: alarm.action_id(),
        instance_id: alarm.instance_id.clone(),
        symptom: alarm.symptom,
        group: cleared.group().cloned(),
        alarm: alarm.name.clone(),
        stage: Stage::Claimed,
        attempts: vec![Attempt {
            rung: cleared.rung(),
            claimed_at: now,
            command_id: None,
            failure: None,
        }],
        opened_at: now,
        expires_at: now + policy.claim_lasts,
        version: 1,
    };
    match ledger.open(&incident, now).await {
        Ok(Recorded::New) => Ok(Claim { cleared, incident }),
        Ok(Recorded::Already(other)) => Err(NoClaim::Refused(Refusal {
            rung: Some(cleared.rung()),
            because: vec![already(&other, &incident.action_id)],
            handed_over: false,
        })),
        Err(gap) => Err(NoClaim::Unreachable(gap)),
    }
}

fn already(other: &Incident, ours: &ActionId) -> Reason {
    if other.action_id == *ours {
        Reason::DuplicateDelivery { incident: other.id.clone() }
    } else {
        Reason::IncidentOpen { incident: other.id.clone(), symptom: other.symptom }
    }
}

/// The incident of `instance_id` an OK of `alarm` may close, if one is open.
pub fn closed_by<'a>(alarm: &Alarm, latest: Option<&'a Incident>) -> Option<&'a Incident> {
    let same = |id: &InstanceId| *id == alarm.instance_id;
    latest.filter(|incident| {
        incident.stage.is_open()
            && incident.symptom == alarm.symptom
            && same(&incident.instance_id)
            && incident.opened_at <= alarm.changed_at
    })
}
