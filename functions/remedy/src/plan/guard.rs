//! What must be refused, whatever was decided. Each guard is
//! a pure function from what is known to a reason, or none. A fact that a
//! guard needs and cannot have is a refusal: guards fail closed.

use jiff::{SignedDuration, Timestamp};

use crate::model::action::Action;
use crate::model::alarm::{Alarm, Evidence, Symptom};
use crate::model::brake::IN_A_ROW_MAX;
use crate::model::growth::Growth;
use crate::model::ids::{GroupName, IncidentId, InstanceId};
use crate::model::incident::{Incident, Rung, Standby};
use crate::model::pause::{Pause, Scope};
use crate::model::policy::OptIn;
use crate::model::policy::{Mode, Policy};
use crate::model::pool::{Pool, PoolBook};
use crate::model::preflight::Preflight;
use crate::model::reason::Reason;
use crate::model::unknown::Unknown;
use crate::observe::facts::{DisruptionFact, Fact, Facts, GroupFact};
use crate::plan::availability::busy;
use crate::plan::availability::group_not_read;
use crate::plan::availability::not_in_service;
use crate::plan::availability::pool_not_read;
use crate::plan::availability::too_young;
use crate::plan::capacity::Capacity;
use crate::plan::correlation;
use crate::plan::decide::Decision;
use crate::plan::rung::cleanup;
use crate::ports::look::{AlarmSettings, Group, Instance, InstanceState};

/// What may be done, exactly: nothing is left to choose while acting. Only
/// [`clear`] and [`clear_climb`] make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleared {
    rung: Rung,
    standby: Option<Standby>,
    group: Option<GroupName>,
    slot: Option<Slot>,
    growth: Option<Box<Growth>>,
    because: Vec<Reason>,
    shared_comment: Option<String>,
}

/// A slot of a disruption budget that was free when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose budget.
    pub pool: Pool,
    /// Which slot: 0 is the first.
    pub number: u32,
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

    /// The slot of the pool's disruption budget that has to be taken with the
    /// claim; `None` for a rung that disrupts nobody.
    pub fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// How the volume grows, if that is the rung and the host has said which it is.
    pub fn growth(&self) -> Option<&Growth> {
        self.growth.as_deref()
    }

    /// The first call of what was cleared.
    pub fn first_action(&self) -> Action {
        match (self.rung, self.standby) {
            (Rung::Cleanup, _) => Action::Clean,
            (Rung::Grow, _) => match self.growth() {
                None => Action::Survey,
                Some(growth) if growth.snapshot.is_some() => Action::Snapshot,
                Some(growth) if growth.grows_volume() => Action::Grow,
                Some(_) => Action::Extend,
            },
            (Rung::Reboot, Some(standby)) => Action::LeaveService(standby),
            (Rung::Reboot, None) => Action::Reboot,
            (Rung::Replace, _) => Action::Replace,
        }
    }

    /// The same, as a part of a command for several hosts, if it is one: with its comment.
    #[must_use]
    pub fn shared(self, shared_comment: Option<String>) -> Self {
        Self { shared_comment, ..self }
    }

    /// The comment of the command that is for several hosts, if it is a part of one.
    pub fn shared_comment(&self) -> Option<&str> {
        self.shared_comment.as_deref()
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
    /// Whether everything in the way may pass by itself.
    pub passes: bool,
}

impl Refusal {
    /// What is in the way: first what may pass.
    pub fn in_the_way(&self) -> Option<&Reason> {
        self.because.iter().find(|reason| reason.passes()).or(self.because.first())
    }

    /// `rung` is held back by guards, for each of `reasons`.
    pub fn by_guards(rung: Option<Rung>, reasons: Vec<Reason>) -> Self {
        let passes = reasons.iter().all(Reason::passes);
        let mut because = Vec::new();
        for reason in reasons {
            if !because.contains(&reason) {
                because.push(reason);
            }
        }
        Self { rung, because, handed_over: false, passes }
    }

    /// `rung` is held back for `reason`, which may pass by itself.
    pub fn for_now(rung: Rung, reason: Reason) -> Self {
        Self { rung: Some(rung), because: vec![reason], handed_over: false, passes: true }
    }
}

/// What a guard may look at, whether an alarm asks or an open incident.
struct Case<'a> {
    instance: &'a InstanceId,
    symptom: Symptom,
    facts: &'a Facts,
    policy: &'a Policy,
    rung: Option<Rung>,
    watched: usize,
    observe: bool,
    preflight: Option<&'a Preflight>,
    rests_until: Option<Timestamp>,
    incident: Option<&'a IncidentId>,
}

impl Case<'_> {
    fn is_disruptive(&self) -> bool {
        self.rung.is_some_and(Rung::is_disruptive)
    }
}

/// A rule that refuses an action whatever was decided.
#[derive(Debug)]
pub struct Guard {
    /// Its stable name.
    pub name: &'static str,
    /// What holds where it lets pass, for people.
    pub holds: &'static str,
    /// Where what it asks about is told.
    pub told: Told,
    /// For which actions it counts.
    pub counts: Counts,
    asks: Asks,
}

/// Where it is told what a guard asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By the world, whenever it is asked.
    Now,
    /// By the alarm: without one nobody knows.
    ByTheAlarm,
    /// By the host, which is asked before it is disrupted.
    ByTheHost,
}

/// For which actions a guard counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// For all of them.
    Always,
    /// For those that disrupt.
    ForDisruptions,
}

/// What a guard asks.
#[derive(Clone, Copy, Debug)]
enum Asks {
    /// About a new alarm. Of an open incident it was asked when its alarm came.
    OfAlarm(fn(&Alarm, &Case<'_>) -> Option<Reason>),
    /// About an action.
    OfAction(fn(&Case<'_>) -> Option<Reason>),
    /// After all others, for the slot that a disruption takes.
    ForSlot(fn(&Case<'_>) -> Result<Option<Slot>, Reason>),
}

use Asks::{ForSlot, OfAction, OfAlarm};
use Counts::{Always, ForDisruptions};
use Told::{ByTheAlarm, ByTheHost, Now};

const fn guard(
    (name, holds): (&'static str, &'static str),
    (told, counts): (Told, Counts),
    asks: Asks,
) -> Guard {
    Guard { name, holds, told, counts, asks }
}

/// Every guard there is, in the order their reasons are told. There is no other list: whoever
/// decides and whoever explains walk this one.
#[rustfmt::skip]
static GUARDS: [Guard; 26] = [
    guard(("not-muted", "no mute rule of the alarm is active"),
        (ByTheAlarm, Always), OfAlarm(muted)),
    guard(("not-suppressed", "nothing suppresses the alarm's actions"),
        (ByTheAlarm, Always), OfAlarm(suppressed)),
    guard(("fresh", "the alarm has changed its state just now"),
        (ByTheAlarm, Always), OfAlarm(fresh)),
    guard(("measured", "the alarm rests on a measurement"),
        (ByTheAlarm, Always), OfAlarm(measured)),
    guard(("not-answered", "this change of state was not answered before"),
        (Now, Always), OfAlarm(not_a_duplicate)),
    guard(("no-incident", "no incident is open on the instance"),
        (Now, Always), OfAlarm(no_other_incident)),
    guard(("opted-in", "the instance is opted in"),
        (Now, Always), OfAction(opted_in)),
    guard(("running", "the instance runs"),
        (Now, Always), OfAction(running)),
    guard(("in-service", "the instance is in service, if it is in a group"),
        (Now, Always), OfAction(in_service)),
    guard(("one-instance", "the alarm means this instance alone"),
        (ByTheAlarm, ForDisruptions), OfAction(one_instance)),
    guard(("not-paused", "nobody has paused it"),
        (Now, Always), OfAction(not_paused)),
    guard(("not-busy", "no pipeline or backup is at work that it has to wait for"),
        (Now, Always), OfAction(not_busy)),
    guard(("not-at-work", "no protection of its own says that it is at work"),
        (Now, ForDisruptions), OfAction(not_at_work)),
    guard(("window-open", "no change calendar holds it back"),
        (Now, Always), OfAction(window_open)),
    guard(("zone-well", "EC2 calls its zone available"),
        (Now, ForDisruptions), OfAction(zone_well)),
    guard(("rested", "no incident of it ended a short while ago"),
        (Now, Always), OfAction(rested)),
    guard(("left-to-us", "the alarm's actions are enabled, and none acts on the instance itself"),
        (ByTheAlarm, ForDisruptions), OfAction(alarm_leaves_it_to_us)),
    guard(("old-enough", "it does not boot any more"),
        (Now, ForDisruptions), OfAction(old_enough)),
    guard(("host-may-speak", "whether its SSM agent answers is known"),
        (Now, ForDisruptions), OfAction(host_may_speak)),
    guard(("no-session", "nobody has a session open on it"),
        (Now, ForDisruptions), OfAction(nobody_in_session)),
    guard(("nobody-present", "nobody is logged in on it"),
        (ByTheHost, ForDisruptions), OfAction(nobody_present)),
    guard(("fit", "no packages are installed on it, and its fstab lets it boot"),
        (ByTheHost, ForDisruptions), OfAction(fit_for_disruption)),
    guard(("not-correlated", "not many of its group, pool or zone suffer at once"),
        (Now, ForDisruptions), OfAction(not_correlated)),
    guard(("others-healthy", "enough other members are healthy"),
        (Now, ForDisruptions), OfAction(enough_healthy)),
    guard(("not-observing", "it may act, and not only observe"),
        (Now, Always), OfAction(not_observing)),
    guard(("budget", "a slot of the disruption budget is free"),
        (Now, ForDisruptions), ForSlot(free_slot)),
];

impl Guard {
    /// Whether it counts for `rung`.
    pub fn counts_for(&self, rung: Option<Rung>) -> bool {
        match self.counts {
            Always => true,
            ForDisruptions => rung.is_some_and(Rung::is_disruptive),
        }
    }

    /// Why it refuses, if it does. One that gives a slot comes last and is asked by itself.
    fn refuses(&self, alarm: Option<&Alarm>, case: &Case<'_>) -> Option<Reason> {
        match (self.asks, alarm) {
            _ if !self.counts_for(case.rung) => None,
            (OfAlarm(asks), Some(alarm)) => asks(alarm, case),
            (OfAction(asks), _) => asks(case),
            (OfAlarm(_), None) | (ForSlot(_), _) => None,
        }
    }

    /// The slot that the action takes, where this gives one, or why there is none.
    fn slot(&self, case: &Case<'_>) -> Result<Option<Slot>, Reason> {
        match self.asks {
            ForSlot(asks) if self.counts_for(case.rung) => asks(case),
            ForSlot(_) | OfAlarm(_) | OfAction(_) => Ok(None),
        }
    }
}

/// Every guard with why it refuses `rung` for `alarm`, if it does: each is asked by itself,
/// whatever the others say.
pub fn each(
    alarm: &Alarm,
    rung: Rung,
    facts: &Facts,
    policy: &Policy,
) -> Vec<(&'static Guard, Option<Reason>)> {
    let case = case_of(alarm, Some(rung), facts, policy);
    let said = |guard: &'static Guard| {
        (guard, guard.refuses(Some(alarm), &case).or_else(|| guard.slot(&case).err()))
    };
    GUARDS.iter().map(said).collect()
}

/// Lets a decision about an alarm pass, or refuses it with every reason there is.
pub fn clear(
    decision: Decision,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Result<Cleared, Refusal> {
    let case = case_of(alarm, decision.rung(), facts, policy);
    pass(decision, refused(Some(alarm), &case), &case)
}

/// What stands in the way of doing anything about the alarm at all.
pub fn objections(alarm: &Alarm, facts: &Facts, policy: &Policy) -> Vec<Reason> {
    refused(Some(alarm), &case_of(alarm, None, facts, policy))
}

/// Why guards refuse what is to be done: about `alarm`, or about an incident that is open.
fn refused(alarm: Option<&Alarm>, case: &Case<'_>) -> Vec<Reason> {
    GUARDS.iter().filter_map(|guard| guard.refuses(alarm, case)).collect()
}

/// The slot that the action takes, if it takes one, or why there is none.
fn slot(case: &Case<'_>) -> Result<Option<Slot>, Reason> {
    let mut slot = None;
    for guard in &GUARDS {
        slot = guard.slot(case)?.or(slot);
    }
    Ok(slot)
}

/// Whether nothing stands in the way but what may pass by itself and the wish to
/// observe: the alarm is meant, and so is the instance.
pub fn is_ours(alarm: &Alarm, facts: &Facts, policy: &Policy) -> bool {
    let passes = |reason: &Reason| reason.passes() || matches!(reason, Reason::Observing { .. });
    objections(alarm, facts, policy).iter().all(passes)
}

/// Whether the alarm is meant, but for an incident that holds its instance, and
/// for where the instance is meanwhile.
pub fn waits_its_turn(alarm: &Alarm, facts: &Facts, policy: &Policy) -> bool {
    let by_the_other = |reason: &Reason| {
        matches!(
            reason,
            Reason::IncidentOpen { .. } | Reason::NotInService { .. } | Reason::NotRunning { .. }
        )
    };
    objections(alarm, facts, policy).iter().all(|reason| by_the_other(reason) || reason.passes())
}

fn case_of<'a>(
    alarm: &'a Alarm,
    rung: Option<Rung>,
    facts: &'a Facts,
    policy: &'a Policy,
) -> Case<'a> {
    Case {
        instance: &alarm.instance_id,
        symptom: alarm.symptom,
        facts,
        policy,
        rung,
        watched: alarm.watched,
        observe: alarm.observe,
        preflight: None,
        rests_until: rests_until(facts, policy),
        incident: None,
    }
}

fn case_of_open<'a>(
    incident: &'a Incident,
    rung: Option<Rung>,
    facts: &'a Facts,
    policy: &'a Policy,
) -> Case<'a> {
    Case {
        instance: &incident.instance_id,
        symptom: incident.symptom,
        facts,
        policy,
        rung,
        watched: incident.seen.watched,
        observe: false,
        preflight: incident.preflight.as_ref(),
        rests_until: incident.rests_until,
        incident: Some(&incident.id),
    }
}

/// Until when the instance is left alone after the last incident in which
/// anything was done.
pub(crate) fn rests_until(facts: &Facts, policy: &Policy) -> Option<Timestamp> {
    let latest = facts.latest()?;
    if latest.holds(facts.observed_at) {
        return None; // It has not ended.
    }
    if latest.attempts.is_empty() {
        return latest.rests_until;
    }
    Some(latest.ended_at().unwrap_or(latest.expires_at) + policy.cooldown)
}

/// Lets the next rung of an open incident pass, or refuses it.
pub fn clear_climb(
    decision: Decision,
    incident: &Incident,
    facts: &Facts,
    policy: &Policy,
) -> Result<Cleared, Refusal> {
    let case = case_of_open(incident, decision.rung(), facts, policy);
    // What we began is ours to hand over, whatever has become of the instance.
    let no_rung_left = matches!(decision, Decision::HandOver { .. });
    pass(decision, refused(None, &case), &case)
        .map_err(|refusal| Refusal { handed_over: no_rung_left, ..refusal })
}

/// Whether a guard forbids for good to go on with an open incident, a mere question to the
/// host included.
pub fn forbids(incident: &Incident, facts: &Facts, policy: &Policy) -> bool {
    let case = case_of_open(incident, None, facts, policy);
    refused(None, &case).iter().any(|reason| !reason.passes())
}

/// Whether a window has closed, or a zone become unwell, since the intent of the disruption that
/// `incident` is on was written.
pub fn has_closed(incident: &Incident, facts: &Facts, policy: &Policy) -> bool {
    let case = case_of_open(incident, incident.rung(), facts, policy);
    let closes = |guard: &&Guard| ["window-open", "zone-well"].contains(&guard.name);
    GUARDS.iter().filter(closes).any(|guard| guard.refuses(None, &case).is_some())
}

fn pass(decision: Decision, refused: Vec<Reason>, case: &Case<'_>) -> Result<Cleared, Refusal> {
    let (rung, (standby, growth), because, handed_over) = match decision {
        Decision::Act { rung, standby, growth, because } => {
            (Some(rung), (standby, growth), because, false)
        }
        Decision::Wait { because } => (None, (None, None), because, false),
        Decision::HandOver { because } => (None, (None, None), because, true),
    };
    if refused.is_empty() {
        let Some(rung) = rung else {
            let passes = !handed_over && because.first().is_some_and(Reason::passes);
            return Err(Refusal { rung, because, handed_over, passes });
        };
        let group = case.facts.group_name().cloned();
        return match slot(case) {
            Ok(slot) => {
                Ok(Cleared { rung, standby, group, slot, growth, because, shared_comment: None })
            }
            Err(reason) => {
                let passes = reason.passes();
                let because = std::iter::once(reason).chain(because).collect();
                Err(Refusal { rung: Some(rung), because, handed_over, passes })
            }
        };
    }
    // A guard's reason outranks "no rung is left": nobody needs to take over
    // what is not ours to touch.
    let mut refusal = Refusal::by_guards(rung, refused);
    for reason in because {
        if !refusal.because.contains(&reason) {
            refusal.because.push(reason);
        }
    }
    Err(refusal)
}

/// The instance, or the reason why nothing about it is known.
fn instance<'a>(case: &Case<'a>) -> Result<&'a Instance, Reason> {
    match &case.facts.instance {
        Fact::Known(Some(instance)) => Ok(instance),
        Fact::Known(None) => Err(Reason::InstanceMissing),
        Fact::Unknown(unknown) => Err(Reason::FactUnknown(unknown.clone())),
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
        Fact::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(membership) => membership.as_ref().and_then(not_in_service),
    }
}

/// Nothing disruptive on one of several suspects. A cleanup looks first and
/// leaves a healthy host alone.
fn one_instance(case: &Case<'_>) -> Option<Reason> {
    (case.watched > 1).then_some(Reason::WhichInstance { watched: case.watched })
}

/// One transition is answered once, however often it is delivered.
fn not_a_duplicate(alarm: &Alarm, case: &Case<'_>) -> Option<Reason> {
    match &case.facts.history {
        Fact::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(history) => {
            let latest = history.latest.as_ref()?;
            latest
                .answers(&alarm.transition_id())
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
    let another = !latest.answers(&alarm.transition_id());
    (another && latest.holds(case.facts.observed_at))
        .then(|| Reason::IncidentOpen { incident: latest.id.clone(), symptom: latest.symptom })
}

/// A person's word stops whatever is new.
fn not_paused(case: &Case<'_>) -> Option<Reason> {
    let history = match &case.facts.history {
        Fact::Unknown(unknown) => return Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(history) => history,
    };
    let group = case.facts.group_name();
    let in_force = history.pauses.iter().filter(|pause| pause.is_in_force(case.facts.observed_at));
    let covers =
        |pause: &&Pause| pause.scope.covers(case.instance, case.facts.zone(), group, case.symptom);
    // Of several pauses the last to end says when things go on.
    let pause = in_force.filter(covers).max_by_key(|pause| pause.until)?;
    Some(Reason::Paused { pause: Box::new(pause.clone()) })
}

/// What somebody's pipeline or backup works on is left to it. A cleanup looks first and may
/// pass, but for one that starts services: a pipeline has stopped them on purpose.
fn not_busy(case: &Case<'_>) -> Option<Reason> {
    let starts = case.rung == Some(Rung::Cleanup) && case.symptom.is_mended_by_a_start();
    if !starts && !case.is_disruptive() {
        return None;
    }
    // `not_correlated` refuses a disruption where the group's word is not known.
    busy(case.facts).or_else(|| group_says_nothing(case.facts).filter(|_| starts))
}

/// That a member's group could not be asked for its owner's word.
fn group_says_nothing(facts: &Facts) -> Option<Reason> {
    match (&facts.membership, &facts.group) {
        (Fact::Known(Some(_)), GroupFact::NotRead) => Some(Reason::FactUnknown(group_not_read())),
        (Fact::Known(Some(_)), GroupFact::Read { group: Fact::Unknown(unknown), .. }) => {
            Some(Reason::FactUnknown(unknown.clone()))
        }
        _ => None,
    }
}

/// A member that is protected from scale-in by itself, in a group that does not protect all of
/// them, has a long task of which only its owner knows the end (Auto Scaling user guide, "Use
/// instance scale-in protection").
fn not_at_work(case: &Case<'_>) -> Option<Reason> {
    let Fact::Known(Some(membership)) = &case.facts.membership else { return None };
    let GroupFact::Read { group: Fact::Known(Some(group)), .. } = &case.facts.group else {
        return None; // `not_correlated` refuses where it matters.
    };
    (membership.protected && !group.protects_new).then_some(Reason::AtWork)
}

/// What an owner's change calendar holds back: disruptions, and cleanups where their tag says
/// so.
fn window_open(case: &Case<'_>) -> Option<Reason> {
    let rung = case.rung?;
    let calendars = case.facts.calendars(case.policy);
    if calendars.names.is_empty() || !(rung.is_disruptive() || calendars.all) {
        return None;
    }
    match &case.facts.calendar {
        Fact::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(None) => None,
        Fact::Known(Some(state)) if state.is_open => None,
        Fact::Known(Some(state)) => {
            Some(Reason::CalendarClosed { calendars: calendars.named(), until: state.until })
        }
    }
}

/// Nothing is disrupted in a zone that EC2 itself does not call available.
fn zone_well(case: &Case<'_>) -> Option<Reason> {
    let zones = match &case.facts.zones {
        Fact::Unknown(unknown) => return Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(zones) => zones,
    };
    let own = case.facts.zone()?;
    let Some(zone) = zones.iter().find(|zone| zone.name == own) else {
        let call = "ec2:DescribeAvailabilityZones";
        return Some(Reason::FactUnknown(Unknown::NotTold { call, what: "the instance's zone" }));
    };
    let says = (!zone.says.is_empty()).then(|| zone.says.join("; "));
    let (zone, state) = (zone.name.clone(), zone.state.clone());
    (state != "available").then_some(Reason::ZoneUnwell { zone, state, says })
}

/// Whether members in this zone count as out of service: EC2 does not call it well, or a person
/// has paused it, because traffic is shifted away from it.
fn is_out(zone: &str, case: &Case<'_>) -> bool {
    let unwell = match &case.facts.zones {
        Fact::Known(zones) => zones.iter().any(|other| other.name == zone && !other.is_well()),
        Fact::Unknown(_) => false, // `zone_well` refuses.
    };
    let now = case.facts.observed_at;
    let paused = |pause: &Pause| pause.scope == Scope::Zone(zone.to_owned());
    let by_a_person = match &case.facts.history {
        Fact::Known(history) => {
            history.pauses.iter().any(|pause| pause.is_in_force(now) && paused(pause))
        }
        Fact::Unknown(_) => false, // `not_paused` refuses.
    };
    unwell || by_a_person
}

/// An action gets time to show its effect, so that no loop of repairs hides the cause.
fn rested(case: &Case<'_>) -> Option<Reason> {
    let until = case.rests_until?;
    (case.facts.observed_at < until).then_some(Reason::CoolingDown { until })
}

/// What the owner of the alarm has set: one that acts on nothing disrupts nobody through us
/// either, and an instance that the alarm itself reboots or stops is not rebooted twice.
fn alarm_leaves_it_to_us(case: &Case<'_>) -> Option<Reason> {
    let alarm = match &case.facts.alarm {
        Fact::Unknown(unknown) => return Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(alarm) => alarm.as_ref()?,
    };
    left_to_the_alarm(alarm)
}

/// Why an alarm that its owner has set so is left to that.
pub(crate) fn left_to_the_alarm(alarm: &AlarmSettings) -> Option<Reason> {
    if !alarm.actions_enabled {
        return Some(Reason::AlarmActionsDisabled);
    }
    let action = alarm.actions.iter().find(|action| acts_on_the_instance(action))?;
    Some(Reason::AlarmActsItself { action: action.clone() })
}

/// Whether an alarm's action reboots, stops, terminates or recovers its instance:
/// `arn:aws:automate:REGION:ec2:reboot`, or `arn:aws:swf:...AWS_EC2.InstanceId.Reboot...`
/// (`CloudWatch` API reference, `PutMetricAlarm`).
fn acts_on_the_instance(action: &str) -> bool {
    let parts: Vec<&str> = action.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "automate", _, "ec2", ..] => true,
        ["arn", _, "swf", ..] => action.contains("AWS_EC2.InstanceId"),
        _ => false,
    }
}

/// Who still boots is given the time.
fn old_enough(case: &Case<'_>) -> Option<Reason> {
    too_young(case.facts, case.policy)
}

/// Whether the host can speak must be known: only one that cannot is disrupted on the
/// measurement alone.
fn host_may_speak(case: &Case<'_>) -> Option<Reason> {
    match &case.facts.agent {
        Fact::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
        Fact::Known(_) => None,
    }
}

/// What the ledger holds about the pool, or why nothing is known.
fn pool_book<'a>(case: &'a Case<'_>) -> Result<&'a PoolBook, Reason> {
    match &case.facts.disruption {
        DisruptionFact::Read { pool: Fact::Known(pool), .. } => Ok(pool),
        DisruptionFact::Read { pool: Fact::Unknown(unknown), .. } => {
            Err(Reason::FactUnknown(unknown.clone()))
        }
        DisruptionFact::NotRead => Err(Reason::FactUnknown(pool_not_read())),
    }
}

/// How many members the instance's group has when all are there, `None` outside a group,
/// or the reason why that is not known.
fn members(case: &Case<'_>) -> Result<Option<u32>, Reason> {
    match (&case.facts.membership, &case.facts.group) {
        (Fact::Known(None), _) => Ok(None),
        (_, GroupFact::Read { group: Fact::Known(Some(group)), .. }) => {
            Ok(Some(Capacity::of(group, case.instance).members))
        }
        (Fact::Unknown(unknown), _)
        | (_, GroupFact::Read { group: Fact::Unknown(unknown), .. }) => {
            Err(Reason::FactUnknown(unknown.clone()))
        }
        (Fact::Known(Some(membership)), GroupFact::Read { group: Fact::Known(None), .. }) => {
            Err(Reason::GroupMissing { group: membership.group.clone() })
        }
        (_, GroupFact::NotRead) => Err(Reason::FactUnknown(Unknown::NotAsked {
            call: "autoscaling:DescribeAutoScalingGroups",
            what: "the group",
        })),
    }
}

/// The last guard: no more members are out of service through us than the pool's
/// budget. Gives the slot that a disruption has to take, the incident's own if
/// it holds one. The write that takes it has the last word.
fn free_slot(case: &Case<'_>) -> Result<Option<Slot>, Reason> {
    let book = pool_book(case)?;
    let members = members(case)?.unwrap_or(0);
    let Some(pool) = case.facts.pool() else { return Ok(None) };
    // With each try in a row that did not help fewer more are left before the rung rests.
    let tried = case.rung.map_or(0, |rung| book.tries(rung).in_a_row());
    let left = u32::try_from(IN_A_ROW_MAX.saturating_sub(tried)).unwrap_or(1).max(1);
    let budget = pool.budget(members, case.policy).min(left);
    let now = case.facts.observed_at;
    let own = book.held(now).find(|lease| Some(&lease.incident) == case.incident);
    match own.map(|lease| lease.slot).or_else(|| book.free_slot(budget, now)) {
        Some(number) => Ok(Some(Slot { pool, number })),
        None => Err(Reason::BudgetSpent { pool, budget }),
    }
}

/// So many members must be in service that this one can be spared. Who took the others
/// out does not matter.
fn enough_healthy(case: &Case<'_>) -> Option<Reason> {
    let GroupFact::Read { group: Fact::Known(Some(group)), .. } = &case.facts.group else {
        return None; // `not_correlated` refuses where it matters.
    };
    let Fact::Known(Some(membership)) = &case.facts.membership else { return None };
    let mut group = group.clone();
    for member in group.members.iter_mut().filter(|member| is_out(&member.zone, case)) {
        member.healthy = false;
    }
    let capacity = Capacity::of(&group, case.instance);
    let serves = membership.healthy && membership.lifecycle == "InService";
    let others = capacity.healthy.saturating_sub(if serves { capacity.own } else { 0 });
    let needed = healthy_needed(&group, capacity, &membership.group, case.policy);
    (others < needed).then_some(Reason::TooFewHealthy { others, needed })
}

/// How much of the other members must be healthy: what the budget leaves, or what the
/// group's own instance maintenance policy asks for, but never all of them. A
/// policy of 100 % means that the group launches before it terminates, and
/// says nothing against a reboot.
fn healthy_needed(group: &Group, capacity: Capacity, name: &GroupName, policy: &Policy) -> u32 {
    let Capacity { desired, own, .. } = capacity;
    let budget = Pool::Group(name.clone()).budget(desired, policy);
    let left = desired.saturating_sub(budget);
    let by_policy = group.maintenance.map_or(0, |(least, _)| {
        let needed = (u64::from(desired) * u64::from(least)).div_ceil(100);
        u32::try_from(needed).unwrap_or(u32::MAX)
    });
    left.max(by_policy).min(desired.saturating_sub(own))
}

/// What many members suffer from at once is not mended by disrupting them.
fn not_correlated(case: &Case<'_>) -> Option<Reason> {
    let (book, size) = match (pool_book(case), members(case)) {
        (Ok(book), Ok(size)) => (book, size),
        (Err(reason), _) | (_, Err(reason)) => return Some(reason),
    };
    let own = case.facts.sighting();
    let zone = own.as_ref().map(|sighting| sighting.zone.as_str());
    let now = case.facts.observed_at;
    correlation::judge(case.symptom, (&book.sick, zone), size, now, case.policy)
}

/// No disruption while a Session Manager session is open.
fn nobody_in_session(case: &Case<'_>) -> Option<Reason> {
    match &case.facts.sessions {
        Fact::Known(0) => None,
        Fact::Known(count) => Some(Reason::PersonPresent { count: *count as u64 }),
        Fact::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
    }
}

/// No disruption while somebody is logged in, or the host cannot tell. A host that does not
/// answer is not held to it.
fn nobody_present(case: &Case<'_>) -> Option<Reason> {
    let preflight = case.preflight?;
    match preflight.persons {
        Some(0) => None,
        Some(count) => Some(Reason::PersonPresent { count }),
        None => host_unsure("who is logged in", case),
    }
}

/// A host that installs packages or could not mount its disks again is not
/// disrupted, nor one that cannot tell.
fn fit_for_disruption(case: &Case<'_>) -> Option<Reason> {
    let preflight = case.preflight?;
    let boots = match preflight.fstab_ok {
        _ if case.rung != Some(Rung::Reboot) => None,
        Some(true) => None,
        Some(false) => {
            Some(Reason::UnfitForReboot { why: "fstab has a line that cannot be mounted" })
        }
        None => host_unsure("whether fstab lets it boot again", case),
    };
    match preflight.packages_busy {
        Some(false) => boots,
        Some(true) => Some(Reason::UnfitForReboot { why: "packages are being installed" }),
        None => boots.or_else(|| host_unsure("whether packages are being installed", case)),
    }
}

/// A host that answers and cannot tell `what` is asked again: it may be busy now.
fn host_unsure(what: &'static str, case: &Case<'_>) -> Option<Reason> {
    let answers = cleanup::host_answers(case.symptom, case.facts, case.policy);
    answers.then_some(Reason::HostUnsure { what })
}

/// Observation, asked for by the tag, the deployment or the request.
fn not_observing(case: &Case<'_>) -> Option<Reason> {
    let tag = instance(case).is_ok_and(|instance| OptIn::of(&instance.tags) == OptIn::Observe);
    let asked_by = if tag {
        "the instance's tag"
    } else if case.policy.mode == Mode::Observe {
        "REMEDY_MODE"
    } else if case.observe {
        "the request or the alarm's tag"
    } else {
        return None;
    };
    Some(Reason::Observing { asked_by })
}
