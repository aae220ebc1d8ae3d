//! The two witnesses of a disruption: the measurement and the host. Doubt and
//! disagreement never disrupt; only a host that cannot speak is disrupted on the
//! measurement alone.

use jiff::{SignedDuration, Timestamp};

use crate::model::alarm::{Hint, Symptom};
use crate::model::incident::{Incident, Stage};
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::model::seen::Seen;
use crate::model::testimony::Testimony;
use crate::model::unknown::Unknown;
use crate::observe::facts::{Fact, Facts};
use crate::observe::probe::{self, SymptomState, Witness};
use crate::plan::guard::{Cleared, Refusal};

/// What a host said longer ago than this counts only while it can be asked again: it may
/// have fallen ill since.
const WORD_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// What the witnesses say about disrupting the instance of an open incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Hearing {
    /// Nothing against it.
    Agreed,
    /// Nothing is to be done, and nobody needs to know more: the alarm warns, no more.
    Withdraw(Reason),
    /// It waits: one of them objects, and may say something else later.
    Hold(Reason),
    /// They have disagreed for so long that a person has to look.
    HandOver(Reason),
}

impl Hearing {
    /// The stage in which they end the incident, and why, if they do.
    pub fn end(&self) -> Option<(Stage, Reason)> {
        match self {
            Self::Withdraw(reason) => Some((Stage::Withdrawn, reason.clone())),
            Self::HandOver(reason) => Some((Stage::HandedOver, reason.clone())),
            Self::Agreed | Self::Hold(_) => None,
        }
    }
}

/// What is lacking of the two witnesses of a host that answers nobody: EC2's own check
/// fails, and the SSM agent is silent or the application's check fails too. `None` if both
/// say so, and for the symptoms of hosts that can speak for themselves.
pub fn lacking(symptom: Symptom, facts: &Facts, policy: &Policy) -> Option<Reason> {
    if symptom != Symptom::Unreachable {
        return None;
    }
    let one = |why: String| Some(Reason::OneWitness { why });
    let status = match &facts.status {
        Fact::Unknown(unknown) => return Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(None) => {
            return Some(Reason::FactUnknown(Unknown::NotTold {
                call: "ec2:DescribeInstanceStatus",
                what: "the status of an instance that runs",
            }));
        }
        Fact::Known(Some(status)) => status,
    };
    if status.pass() && !status.volume_impaired {
        return one("EC2's status checks of it pass".to_owned());
    }
    if status.application_impaired == Some(true) {
        return None;
    }
    let agent = match &facts.agent {
        Fact::Unknown(unknown) => return Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(None) => return one("no SSM agent on it ever registered".to_owned()),
        Fact::Known(Some(agent)) => agent,
    };
    let silence = agent.last_ping.map(|ping| facts.observed_at.duration_since(ping));
    let answers = agent.online && silence.is_some_and(|it| it <= policy.agent_silent_after);
    let minutes = silence.map_or(0, |silence| silence.as_mins().max(0));
    if answers { one(format!("its SSM agent answered {minutes} min ago")) } else { None }
}

/// Hears both about an open incident.
pub fn hear(
    incident: &Incident,
    symptom_state: &SymptomState,
    witness: Witness,
    lacking: Option<Reason>,
    (now, policy): (Timestamp, &Policy),
) -> Hearing {
    if let Some(reason) = below_floor(symptom_state, &incident.seen, policy) {
        return Hearing::Withdraw(reason);
    }
    let testimony = incident.testimony.as_ref();
    let confirmed = testimony.is_some_and(|testimony| testimony.objection().is_none());
    let hint = hint(symptom_state, &incident.seen);
    if let Some(hint) = hint.filter(|_| !confirmed && !asks_first(incident, witness)) {
        return Hearing::Withdraw(Reason::OnlyAHint { hint });
    }
    let speaks = |testimony: &&Testimony| {
        witness.host_speaks || now.duration_since(testimony.at) < WORD_LASTS
    };
    if let Some(host) = testimony.filter(speaks).and_then(Testimony::objection) {
        // Whatever held it back before is no part of their dispute.
        let held = incident.held_back.as_ref().map_or(now, |held| held.since);
        let since = testimony.and_then(|testimony| testimony.since).map_or(held, |at| at.max(held));
        if now.duration_since(since) < Stage::Watching.deadline() {
            return Hearing::Hold(Reason::HostObjects { why: host.to_owned() });
        }
        let measured = measured(symptom_state, &incident.seen);
        return Hearing::HandOver(Reason::WitnessesDisagree { host: host.to_owned(), measured });
    }
    if let Some(doubt) = symptom_state.doubt(witness) {
        return Hearing::Hold(doubt);
    }
    let Some(lacking) = lacking else { return Hearing::Agreed };
    // Whatever held it back before is no part of it.
    let held = incident.held_back.as_ref();
    let since = held.map_or(now, |held| held.since_by(lacking.code(), now));
    match &lacking {
        Reason::OneWitness { why } if now.duration_since(since) >= disagree_max(policy) => {
            let measured = measured(symptom_state, &incident.seen);
            Hearing::HandOver(Reason::WitnessesDisagree { host: why.clone(), measured })
        }
        _ => Hearing::Hold(lacking),
    }
}

/// So long one witness may be alone: as long as others may disagree, and longer than an agent
/// takes to count as silent.
fn disagree_max(policy: &Policy) -> SignedDuration {
    Stage::Watching.deadline().max(policy.agent_silent_after + SignedDuration::from_mins(15))
}

/// Hears the measurement alone about a growth: it disrupts nobody, and the host has told the
/// level itself when it was asked about its disk. What is doubtful waits: a volume that has
/// grown never shrinks.
pub fn hear_of_growth(symptom_state: &SymptomState, witness: Witness) -> Hearing {
    symptom_state.doubt(witness).map_or(Hearing::Agreed, Hearing::Hold)
}

/// Whether the host can still confirm what is only a hint: it can speak, and has said
/// nothing yet.
fn asks_first(incident: &Incident, witness: Witness) -> bool {
    witness.host_speaks && incident.testimony.is_none()
}

/// Who else than the measurement has something to say about a new alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Others {
    /// Whether the host itself can be asked.
    pub host_speaks: bool,
    /// What is lacking of the two witnesses of a host that answers nobody.
    pub lacking: Option<Reason>,
}

/// Lets what was cleared about a new alarm pass if the measurement bears it. A host that
/// can speak is asked before it is disrupted, and heard then.
pub fn confirmed(
    cleared: Cleared,
    symptom_state: Option<&SymptomState>,
    seen: &Seen,
    others: Others,
    policy: &Policy,
) -> Result<Cleared, Refusal> {
    let rung = cleared.rung();
    let Some(symptom_state) = symptom_state.filter(|_| rung.is_disruptive()) else {
        return Ok(cleared);
    };
    let for_good = |reason| {
        Err(Refusal { rung: Some(rung), because: vec![reason], handed_over: false, passes: false })
    };
    if matches!(symptom_state, SymptomState::Cleared { .. }) {
        return for_good(Reason::SymptomOver);
    }
    if let Some(reason) = below_floor(symptom_state, seen, policy) {
        return for_good(reason);
    }
    if let Some(hint) = hint(symptom_state, seen).filter(|_| !others.host_speaks) {
        return for_good(Reason::OnlyAHint { hint });
    }
    let witness = Witness { host_speaks: false, acted: None, lags: probe::lag(seen) };
    match symptom_state.doubt(witness).or(others.lacking) {
        Some(doubt) => Err(Refusal::for_now(rung, doubt)),
        None => Ok(cleared),
    }
}

/// Why what was measured proves no trouble by itself, if it does not: the alarm's own hint, or
/// an amount of which nobody knows how much of the whole it is. A request names no metric: a
/// person says that there is trouble.
fn hint(symptom_state: &SymptomState, seen: &Seen) -> Option<Hint> {
    let tells = match symptom_state {
        SymptomState::Present { .. } | SymptomState::Unobserved { .. } => {
            seen.series.is_none() || level(symptom_state, seen).is_some()
        }
        SymptomState::Cleared { .. }
        | SymptomState::Unknown(_)
        | SymptomState::Conflicting { .. } => true,
    };
    seen.hint.or((!tells).then_some(Hint::Amount))
}

/// How bad it is: by the newest datapoint, or by the alarm's own where there is none.
fn level(symptom_state: &SymptomState, seen: &Seen) -> Option<f64> {
    match symptom_state {
        SymptomState::Present { level, .. } => *level,
        SymptomState::Unobserved { .. } => seen.value.and_then(|value| seen.level(value)),
        SymptomState::Cleared { .. }
        | SymptomState::Unknown(_)
        | SymptomState::Conflicting { .. } => None,
    }
}

/// A level that is not bad enough to disrupt anybody for it.
fn below_floor(symptom_state: &SymptomState, seen: &Seen, policy: &Policy) -> Option<Reason> {
    let level = level(symptom_state, seen);
    let level = level.filter(|level| *level < f64::from(policy.floor_percent))?;
    let floor = policy.floor_percent;
    Some(Reason::BelowFloor { level: format!("{level:.1} %"), floor })
}

/// What the measurement says, for people.
fn measured(symptom_state: &SymptomState, seen: &Seen) -> String {
    match symptom_state {
        SymptomState::Present { what, .. } | SymptomState::Conflicting { what } => what.clone(),
        SymptomState::Cleared { now, .. } => now.clone().unwrap_or_else(|| "it is over".to_owned()),
        SymptomState::Unknown(unknown) => unknown.to_string(),
        SymptomState::Unobserved { why, .. } => match seen.value {
            Some(value) => format!("{} was {}; {why}", seen.metric, seen.measure(value)),
            None => why.clone(),
        },
    }
}
