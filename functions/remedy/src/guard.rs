//! The fourth room: what must be refused, whatever was decided. Each guard is
//! a pure function from what is known to a reason, or none. A fact that a
//! guard needs and cannot have is a refusal: guards fail closed.

use jiff::SignedDuration;

use crate::alarm::{Alarm, Evidence};
use crate::decide::Decision;
use crate::facts::{Fact, Facts, Instance, InstanceState, OptIn};
use crate::ids::GroupName;
use crate::incident::{Found, Incident, Rung, Standby};
use crate::policy::{Mode, Policy};
use crate::reason::Reason;

/// What may be done, exactly: nothing is left to choose while acting. Only
/// [`clear`] and [`clear_climb`] make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleared {
    rung: Rung,
    standby: Option<Standby>,
    group: Option<GroupName>,
    because: Vec<Reason>,
}

impl Cleared {
    /// The rung to carry out.
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// How the instance leaves service first, if it has to.
    pub fn standby(&self) -> Option<Standby> {
        self.standby
    }

    /// The instance's group, if it has one.
    pub fn group(&self) -> Option<&GroupName> {
        self.group.as_ref()
    }

    /// Why this rung.
    pub fn because(&self) -> &[Reason] {
        &self.because
    }
}

/// "Held, because ...": a success with reasons, never an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The rung that would have been carried out.
    pub rung: Option<Rung>,
    /// Why it was not. Never empty.
    pub because: Vec<Reason>,
    /// Whether a person has to take over, because no rung was available.
    pub handed_over: bool,
}

/// What a guard may look at, whether an alarm asks or an open incident.
struct Case<'a> {
    facts: &'a Facts,
    policy: &'a Policy,
    rung: Option<Rung>,
    watched: usize,
    observe: bool,
    found: Option<&'a Found>,
}

/// The guards of a new alarm, in the order their reasons are told.
const ALARM_GUARDS: [fn(&Alarm, &Case<'_>) -> Option<Reason>; 6] =
    [muted, suppressed, fresh, measured, not_a_duplicate, no_other_incident];

/// The guards of every action, in the order their reasons are told.
const GUARDS: [fn(&Case<'_>) -> Option<Reason>; 7] = [
    opted_in,
    running,
    in_service,
    one_instance,
    nobody_present,
    fit_for_disruption,
    not_observing,
];

/// Lets what was decided about an alarm pass, or refuses it with every reason
/// there is.
pub fn clear(
    decision: Decision,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Cleared, Refusal> {
    let case = Case {
        facts,
        policy,
        rung: decision.rung(),
        watched: alarm.watched,
        observe: alarm.observe,
        found: None,
    };
    let refused = ALARM_GUARDS.iter().filter_map(|guard| guard(alarm, &case));
    let refused = refused.chain(GUARDS.iter().filter_map(|guard| guard(&case))).collect();
    pass(decision, refused, facts)
}

/// Lets the next rung of an open incident pass, or refuses it.
pub fn clear_climb(
    decision: Decision,
    incident: &Incident,
    facts: &Facts,
    policy: &Policy,
) -> Result<Cleared, Refusal> {
    let case = Case {
        facts,
        policy,
        rung: decision.rung(),
        watched: incident.seen.watched,
        observe: false,
        found: incident.found.as_ref(),
    };
    let refused = GUARDS.iter().filter_map(|guard| guard(&case)).collect();
    // What we began is ours to hand over, whatever has become of the instance.
    let no_rung_left = matches!(decision, Decision::HandOver { .. });
    pass(decision, refused, facts)
        .map_err(|refusal| Refusal { handed_over: no_rung_left, ..refusal })
}

fn pass(decision: Decision, refused: Vec<Reason>, facts: &Facts) -> Result<Cleared, Refusal> {
    let (rung, standby, because, handed_over) = match decision {
        Decision::Act { rung, standby, because } => (Some(rung), standby, because, false),
        Decision::Watch { because } => (None, None, because, false),
        Decision::HandOver { because } => (None, None, because, true),
    };
    if refused.is_empty() {
        return match rung {
            Some(rung) => {
                Ok(Cleared { rung, standby, group: facts.group_name().cloned(), because })
            }
            None => Err(Refusal { rung, because, handed_over }),
        };
    }
    // A guard's reason outranks "no rung is left": nobody needs to take over
    // what is not ours to touch.
    let mut all = refused;
    for reason in because {
        if !all.contains(&reason) {
            all.push(reason);
        }
    }
    Err(Refusal { rung, because: all, handed_over: false })
}

/// The instance, or the reason why nothing about it is known.
fn instance<'a>(case: &Case<'a>) -> Result<&'a Instance, Reason> {
    match &case.facts.instance {
        Fact::Known(Some(instance)) => Ok(instance),
        Fact::Known(None) => Err(Reason::InstanceMissing),
        Fact::Unknown(gap) => Err(Reason::FactUnknown(gap.clone())),
    }
}

/// Only an instance whose owner opted in is ever touched.
fn opted_in(case: &Case<'_>) -> Option<Reason> {
    match instance(case).map(|instance| OptIn::of(&instance.tags)) {
        Ok(OptIn::Enabled | OptIn::Observe) => None,
        Ok(OptIn::No(found)) => Some(Reason::NotOptedIn { found }),
        Err(reason) => Some(reason),
    }
}

/// Muting stops alarm actions but not `EventBridge`, so it is honoured here.
fn muted(alarm: &Alarm, _case: &Case<'_>) -> Option<Reason> {
    let muted = alarm.muted.as_ref()?;
    Some(Reason::Muted { by: muted.by.clone() })
}

/// Suppression, like muting, does not stop `EventBridge`.
fn suppressed(alarm: &Alarm, _case: &Case<'_>) -> Option<Reason> {
    let by = alarm.suppressed_by.clone()?;
    Some(Reason::Suppressed { by })
}

/// An old alarm says nothing about now: queues and mute windows release them
/// hours later.
fn fresh(alarm: &Alarm, case: &Case<'_>) -> Option<Reason> {
    let age = case.facts.observed_at.duration_since(alarm.changed_at);
    if age > case.policy.stale_after {
        Some(Reason::Stale { age })
    } else if age < SignedDuration::ZERO - case.policy.clock_skew {
        Some(Reason::FromTheFuture { ahead: SignedDuration::ZERO - age })
    } else {
        None
    }
}

/// An alarm without a datapoint, or one whose sense cannot be told, moves
/// nothing.
fn measured(alarm: &Alarm, _case: &Case<'_>) -> Option<Reason> {
    match &alarm.evidence {
        Evidence::Measured { .. } | Evidence::Asked => None,
        Evidence::Nothing { why } => Some(Reason::Unmeasured { why: why.clone() }),
        Evidence::Unclear { why } => Some(Reason::Unclear { why: why.clone() }),
    }
}

/// Whatever is stopped, stopping or gone is somebody else's doing.
fn running(case: &Case<'_>) -> Option<Reason> {
    match &instance(case).ok()?.state {
        InstanceState::Running => None,
        InstanceState::Not(state) => Some(Reason::NotRunning { state: state.clone() }),
    }
}

/// A member that its group is moving in or out is the group's to handle.
fn in_service(case: &Case<'_>) -> Option<Reason> {
    match &case.facts.membership {
        Fact::Unknown(gap) => Some(Reason::FactUnknown(gap.clone())),
        Fact::Known(Some(membership)) if membership.lifecycle != "InService" => {
            Some(Reason::NotInService { lifecycle: membership.lifecycle.clone() })
        }
        Fact::Known(_) => None,
    }
}

/// Nothing disruptive on one of several suspects. A cleanup looks first and
/// leaves a healthy host alone.
fn one_instance(case: &Case<'_>) -> Option<Reason> {
    let disruptive = case.rung.is_some_and(Rung::is_disruptive);
    (disruptive && case.watched > 1).then_some(Reason::WhichInstance { watched: case.watched })
}

/// One transition is answered once, however often it is delivered.
fn not_a_duplicate(alarm: &Alarm, case: &Case<'_>) -> Option<Reason> {
    match &case.facts.history {
        Fact::Unknown(gap) => Some(Reason::FactUnknown(gap.clone())),
        Fact::Known(history) => {
            let latest = history.latest.as_ref()?;
            latest
                .answers(&alarm.action_id())
                .then(|| Reason::DuplicateDelivery { incident: latest.id.clone() })
        }
    }
}

/// One incident per instance at a time, whatever the symptom.
fn no_other_incident(alarm: &Alarm, case: &Case<'_>) -> Option<Reason> {
    let Fact::Known(history) = &case.facts.history else {
        return None; // `not_a_duplicate` refuses already.
    };
    let latest = history.latest.as_ref()?;
    let another = !latest.answers(&alarm.action_id());
    (another && latest.holds(case.facts.observed_at))
        .then(|| Reason::IncidentOpen { incident: latest.id.clone(), symptom: latest.symptom })
}

/// Nobody's shell is torn from under them. What is not known here is not
/// asked of a host that cannot answer: the host's own report is the source.
fn nobody_present(case: &Case<'_>) -> Option<Reason> {
    let disruptive = case.rung.is_some_and(Rung::is_disruptive);
    let count = case.found?.persons?;
    (disruptive && count > 0).then_some(Reason::PersonPresent { count })
}

/// A host that installs packages or could not mount its disks again is not
/// disrupted.
fn fit_for_disruption(case: &Case<'_>) -> Option<Reason> {
    let found = case.found?;
    let rung = case.rung?;
    if rung.is_disruptive() && found.packages_busy == Some(true) {
        return Some(Reason::UnfitForReboot { why: "packages are being installed" });
    }
    (rung == Rung::Reboot && found.fstab_ok == Some(false))
        .then_some(Reason::UnfitForReboot { why: "fstab has a line that cannot be mounted" })
}

/// Observation, asked for by the tag, the deployment or the request.
fn not_observing(case: &Case<'_>) -> Option<Reason> {
    let tag = instance(case).is_ok_and(|instance| OptIn::of(&instance.tags) == OptIn::Observe);
    let asked_by = if tag {
        "the instance's tag"
    } else if case.policy.mode == Mode::Observe {
        "REMEDY_MODE"
    } else if case.observe {
        "the request"
    } else {
        return None;
    };
    Some(Reason::Observing { asked_by })
}
