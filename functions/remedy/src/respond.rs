//! The road, drawn once. The only place that knows every room.

use futures_util::future;
use serde::Serialize;

use crate::act::{self, Relief, Touch};
use crate::alarm::{self, Alarm, AlarmState, Evidence, Invocation, Unreadable};
use crate::decide;
use crate::facts::{Facts, Gap, Look};
use crate::guard::{self, Refusal};
use crate::incident::{Incident, Stage};
use crate::ledger::{self, Ledger, NoClaim};
use crate::notify::{self, Tell};
use crate::policy::{Mode, Policy};
use crate::reason::Reason;
use crate::report::{Outcome, Report, Seen};

/// What an event came to: the function's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// One report for each alarm, in the event's order.
    pub reports: Vec<Report>,
    /// What was valid but not for us.
    pub ignored: Vec<Ignored>,
}

/// Something that was valid but not for us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The reason's stable name.
    pub code: &'static str,
    /// The reason, for people.
    pub reason: String,
}

/// Why an event has no answer. An error means "try me again, or keep me".
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// The event cannot be read; nothing was changed.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The ledger did not answer, so nothing was done about at least one alarm.
    #[error("no claim without the ledger: {gap}")]
    LedgerUnreachable {
        /// The call that failed.
        gap: Gap,
        /// What was answered for the event's other alarms.
        answered: Answer,
    },
}

/// Takes one event down the road.
pub async fn respond<W>(
    event: &str,
    invocation: &Invocation,
    policy: &Policy,
    world: &W,
) -> Result<Answer, RespondError>
where
    W: Look + Ledger + Touch + Tell,
{
    let received = alarm::read(event, invocation)?;
    let mut answer = Answer::default();
    for not_ours in received.ignored {
        answer.ignored.push(Ignored { code: not_ours.code(), reason: not_ours.to_string() });
    }
    let mut unreachable = None;
    for alarm in received.alarms {
        let report = match alarm.state {
            AlarmState::Alarm => remedy(&alarm, invocation, policy, world).await,
            AlarmState::Ok => resolve(&alarm, invocation, world).await,
        };
        match report {
            Ok(report) => answer.reports.push(report),
            Err(gap) => unreachable = Some(gap),
        }
    }
    match unreachable {
        None => Ok(answer),
        Some(gap) => Err(RespondError::LedgerUnreachable { gap, answered: answer }),
    }
}

/// facts -> decide -> guard -> claim -> act -> record -> notify, for one alarm.
async fn remedy<W>(
    alarm: &Alarm,
    invocation: &Invocation,
    policy: &Policy,
    world: &W,
) -> Result<Report, Gap>
where
    W: Look + Ledger + Touch + Tell,
{
    let mut facts = Facts::read(world, &alarm.instance_id, invocation.at).await;
    if decide::asks_for_group(alarm, &facts, policy) {
        facts.read_group(world).await;
    }
    let decision = decide::decide(alarm, &facts, policy);
    let cleared = match guard::clear(decision, alarm, &facts, policy) {
        Ok(cleared) => cleared,
        Err(refusal) => return Ok(held(alarm, &facts, policy, refusal, world).await),
    };
    let mut because = cleared.because().to_vec();
    let claim = match ledger::claim(world, cleared, alarm, &facts, policy).await {
        Ok(claim) => claim,
        Err(NoClaim::Refused(refusal)) => {
            return Ok(held(alarm, &facts, policy, refusal, world).await);
        }
        Err(NoClaim::Unreachable(gap)) => return Err(gap),
    };
    let acted = act::act(claim, Relief::of(alarm, policy), world).await;

    let incident = &acted.incident;
    let refused = matches!(acted.failure, Some(Reason::ActionFailed { .. }));
    because.splice(0..0, acted.failure);
    let mut report = Report {
        outcome: if refused { Outcome::Held } else { Outcome::Acted },
        rung: incident.rung(),
        because,
        handed_over: refused,
        group: incident.group.clone(),
        command_id: incident.attempts.last().and_then(|attempt| attempt.command_id.clone()),
        holds_until: incident.stage.is_open().then_some(incident.expires_at),
        ..blank(alarm, &facts)
    };
    record_and_tell(&mut report, incident, world).await;
    Ok(report)
}

/// An OK closes the incident it is about, if a datapoint says so: a series
/// that vanishes goes OK too, and proves nothing.
async fn resolve<W>(alarm: &Alarm, invocation: &Invocation, world: &W) -> Result<Report, Gap>
where
    W: Look + Ledger + Tell,
{
    let mut report = Report {
        outcome: Outcome::Held,
        because: vec![Reason::NothingOpen],
        ..opened(alarm, invocation.at)
    };
    let latest = world.history(&alarm.instance_id).await?.latest;
    let Some(open) = ledger::closed_by(alarm, latest.as_ref()) else {
        return Ok(report);
    };
    report.incident_id = open.id.clone();
    report.rung = open.rung();
    report.group.clone_from(&open.group);
    match &alarm.evidence {
        Evidence::Measured { .. } | Evidence::Asked => {
            let closed =
                Incident { stage: Stage::Resolved, version: open.version + 1, ..open.clone() };
            report.outcome = Outcome::Resolved;
            report.because = vec![Reason::SymptomOver];
            record_and_tell(&mut report, &closed, world).await;
        }
        Evidence::Nothing { why } => {
            report.because = vec![Reason::Unmeasured { why: why.clone() }];
            tell(&mut report, world).await;
        }
        Evidence::Unclear { why } => {
            report.because = vec![Reason::Unclear { why: why.clone() }];
            tell(&mut report, world).await;
        }
    }
    Ok(report)
}

async fn held(
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
    refusal: Refusal,
    world: &impl Tell,
) -> Report {
    let mut report = Report {
        rung: refusal.rung,
        because: refusal.because,
        handed_over: refusal.handed_over,
        observe: alarm.observe || policy.mode == Mode::Observe,
        ..blank(alarm, facts)
    };
    for reason in &report.because {
        match reason {
            Reason::Observing { .. } => report.observe = true,
            Reason::DuplicateDelivery { incident } | Reason::IncidentOpen { incident, .. } => {
                report.incident_id = incident.clone();
            }
            _ => {}
        }
    }
    tell(&mut report, world).await;
    report
}

fn blank(alarm: &Alarm, facts: &Facts) -> Report {
    Report { group: facts.group_name().cloned(), ..opened(alarm, facts.observed_at) }
}

fn opened(alarm: &Alarm, at: jiff::Timestamp) -> Report {
    Report {
        incident_id: alarm.incident_id(),
        instance_id: alarm.instance_id.clone(),
        symptom: alarm.symptom,
        outcome: Outcome::Held,
        rung: None,
        observe: alarm.observe,
        because: Vec::new(),
        handed_over: false,
        group: None,
        command_id: None,
        seen: Seen::of(alarm),
        at,
        holds_until: None,
        told: false,
    }
}

/// Writes down what was done and tells people, both at once: neither waits
/// for the other, and the failure of one does not silence the other.
async fn record_and_tell(report: &mut Report, incident: &Incident, world: &(impl Ledger + Tell)) {
    let notification = notify::render(report);
    let (recorded, told) = future::join(world.record(incident), world.tell(&notification)).await;
    report.told = told.is_ok();
    match recorded {
        Ok(true) => {}
        Ok(false) => report.because.push(Reason::NotRecorded(Gap {
            call: "dynamodb:PutItem",
            why: "another writer was first".to_owned(),
        })),
        Err(gap) => report.because.push(Reason::NotRecorded(gap)),
    }
}

async fn tell(report: &mut Report, world: &impl Tell) {
    if report.is_news() {
        report.told = world.tell(&notify::render(report)).await.is_ok();
    }
}
