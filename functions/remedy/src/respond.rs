//! The pipeline of an alarm: from an event to an answer.

use futures_util::future;
use serde::Serialize;

use crate::alarm::{self, Invocation, NotOurs, Unreadable};
use crate::consider::{Considered, First, Intent, consider, read_beyond, read_first};
use crate::execute::act;
use crate::execute::carry_out::{Order, carry_out};
use crate::execute::claim::{self, Claim, NoClaim};
use crate::execute::console_capture::{self, Captured};
use crate::model::action::Action;
use crate::model::alarm::{Alarm, AlarmState, Evidence};
use crate::model::incident::{HeldBack, Rung, Stage};
use crate::model::policy::{Mode, Policy};
use crate::model::pool::Sighting;
use crate::model::reason::Reason;
use crate::model::repeats::Occurrence;
use crate::model::unknown::{CallFailed, LedgerError, Unknown};
use crate::observe::facts::{Fact, Facts};
use crate::plan::guard::{self, Refusal};
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::look::Look;
use crate::ports::tell::Tell;
use crate::ports::touch::{CleanupOrder, Touch};
use crate::report::notify;
use crate::report::outcome::{Outcome, Report};

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

impl Ignored {
    pub(crate) fn of(not_ours: &NotOurs) -> Self {
        Self { code: not_ours.code(), reason: not_ours.to_string() }
    }
}

/// Why an event has no answer. An error means "try me again, or keep me".
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// The event cannot be read; nothing was changed.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The ledger did not answer, so nothing was done about at least one alarm.
    #[error("no claim without the ledger: {why}")]
    LedgerUnreachable {
        /// What is not known of it.
        why: Unknown,
        /// What was answered for the event's other alarms.
        answered: Answer,
    },
    /// Other writers were first each time, so nothing was done about at least one
    /// alarm.
    #[error("no claim, another writer was first: {why}")]
    LedgerContended {
        /// What they did.
        why: &'static str,
        /// What was answered for the event's other alarms.
        answered: Answer,
    },
}

/// Takes one event through the pipeline.
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
    let cx = Context { world, policy, now: invocation.at };
    let mut answered = Answer::default();
    answered.ignored.extend(received.ignored.iter().map(Ignored::of));
    let mut failed = None;
    for alarm in received.alarms {
        let report = match alarm.state {
            AlarmState::Alarm => {
                let by = teller(&alarm, &invocation.request_id);
                let facts = read_first(cx.world, &alarm, cx.now).await;
                let alone = async |_: CleanupOrder| None;
                handle(cx, (&alarm, &by), facts, Sick::NotNoted, async |_| (), alone).await
            }
            AlarmState::Ok => note_ok(cx, &alarm).await,
        };
        match report {
            Ok(report) => answered.reports.push(report),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        None => Ok(answered),
        Some(LedgerError::Unreachable(why)) => {
            Err(RespondError::LedgerUnreachable { why, answered })
        }
        Some(LedgerError::Contended(why)) => Err(RespondError::LedgerContended { why, answered }),
    }
}

/// Whether it is noted that the instance of an alarm is sick, and what that told of others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sick<'a> {
    /// It is noted as soon as it matters.
    NotNoted,
    /// It was noted together with others.
    Noted(&'a Result<Vec<Sighting>, CallFailed>),
}

/// (facts ->) decide -> guard -> claim -> act -> record -> notify, for one alarm that is told
/// `by` somebody. Before more than a cleanup is thought of, its `turn` is waited for; what that
/// gives is kept until the alarm is answered. A cleanup `joins` others that are alike.
pub(crate) async fn handle<W, T>(
    cx: Context<'_, W>,
    (alarm, by): (&Alarm, &str),
    facts: Facts,
    sick: Sick<'_>,
    turn: impl AsyncFnOnce(&Facts) -> T,
    joins: impl AsyncFnOnce(CleanupOrder) -> Option<String>,
) -> Result<Report, LedgerError>
where
    W: Look + Ledger + Touch + Tell,
{
    let mut in_turn = None;
    let noted = async |facts: &Facts| match sick {
        Sick::NotNoted => claim::note_sick(cx.world, alarm.symptom, facts).await,
        Sick::Noted(told) => told.clone(),
    };
    let beyond = async |facts: &mut Facts| {
        in_turn = Some(turn(facts).await);
        read_beyond(cx, alarm, facts, noted).await
    };
    let Considered { facts, beyond, answer } = consider(cx, alarm, facts, beyond).await;
    let intent = match answer {
        Ok(intent) => match cleanup(cx, &intent, alarm, &facts) {
            Some(order) => intent.shared(joins(order).await),
            None => intent,
        },
        Err(refusal) => return refuse(cx, (alarm, by), &facts, refusal).await,
    };
    let (claim, captured) = match claim(cx, &intent, alarm, &facts).await {
        Ok(claimed) => claimed,
        Err(NoClaim::Refused(refusal)) => {
            return refuse(cx, (alarm, by), &facts, refusal).await;
        }
        Err(NoClaim::Unreachable(failed)) => return Err(failed.into()),
    };
    let cleared = &intent.cleared;
    let mut because = cleared.because().to_vec();
    if claim.action() == Action::Gather {
        because.insert(0, Reason::EvidenceFirst { rung: cleared.rung() });
    }
    let rung = cleared.rung();
    let started = Occurrence::started(cleared.group(), alarm.symptom, rung, cx.now, by.to_owned());
    let started = Some(started);
    let order = Order { claim, rung: Some(rung), because, captured, started };
    let counted = beyond || matches!(sick, Sick::Noted(_));
    let (report, ()) =
        future::join(carry_out(cx, order), note_late(cx, counted, alarm, &facts)).await;
    Ok(report)
}

/// The cleanup that is to be sent, as it would be to this host alone.
fn cleanup<W>(
    cx: Context<'_, W>,
    intent: &Intent,
    alarm: &Alarm,
    facts: &Facts,
) -> Option<CleanupOrder> {
    let is_sent = intent.first == First::TheRung && intent.cleared.first_action() == Action::Clean;
    is_sent.then(|| claim::opened(Stage::Cleaning, alarm, facts, cx.policy)).and_then(|opened| {
        // Whatever is wrong with it is told by whoever carries it out.
        act::order(&opened, cx.policy).ok()
    })
}

/// Claims what was cleared, or first a question to the host that is about to be
/// disrupted; what a host that cannot answer showed last is read meanwhile.
async fn claim<W>(
    cx: Context<'_, W>,
    intent: &Intent,
    alarm: &Alarm,
    facts: &Facts,
) -> Result<(Claim, Option<Captured>), NoClaim>
where
    W: Look + Ledger,
{
    let Intent { cleared, first } = intent;
    match first {
        First::Survey => {
            let claim = claim::survey_first(cx.world, cleared, alarm, facts, cx.policy).await?;
            Ok((claim, None))
        }
        First::AskTheHost => {
            let claim = claim::ask_first(cx.world, cleared, alarm, facts, cx.policy).await?;
            Ok((claim, None))
        }
        First::TheRung => {
            let (claim, captured) = future::join(
                claim::claim(cx.world, cleared, alarm, facts, cx.policy),
                console_capture::read(cx.world, cleared, &alarm.instance_id, None, cx.now),
            )
            .await;
            Ok((claim?, captured))
        }
    }
}

/// Whether this one is counted matters to others only: a cleanup does not wait
/// for it.
async fn note_late<W: Ledger>(cx: Context<'_, W>, counted: bool, alarm: &Alarm, facts: &Facts) {
    if !counted {
        let _uncounted = claim::note_sick(cx.world, alarm.symptom, facts).await;
    }
}

/// Held: for good, or until what is in the way has passed or ended.
async fn refuse<W>(
    cx: Context<'_, W>,
    (alarm, by): (&Alarm, &str),
    facts: &Facts,
    refusal: Refusal,
) -> Result<Report, LedgerError>
where
    W: Look + Ledger + Tell,
{
    let another = |reason: &Reason| matches!(reason, Reason::IncidentOpen { .. });
    if refusal.because.iter().any(another) && guard::waits_its_turn(alarm, facts, cx.policy) {
        let queued = claim::queue(cx.world, alarm, facts).await?;
        let because = queued.map_or(refusal.because, |reason| vec![reason]);
        let refusal = Refusal { because, passes: false, ..refusal };
        return Ok(held(cx, (alarm, by), facts, refusal).await);
    }
    if !refusal.passes {
        return Ok(held(cx, (alarm, by), facts, refusal).await);
    }
    // An incident opened without its history would forget what was answered.
    if let Fact::Unknown(unknown) = &facts.history {
        return Err(unknown.clone().into());
    }
    // A call that failed once is no news; the follow-up tells if it lasts.
    let in_the_way = refusal.because.iter().filter(|reason| reason.passes());
    // That they are asked they hear with the question.
    let is_told =
        |reason: &Reason| !matches!(reason, Reason::FactUnknown(_) | Reason::AsksFirst { .. });
    let told = in_the_way.into_iter().any(is_told);
    let incident = match claim::wait(cx.world, &refusal, told, alarm, facts, cx.policy).await {
        Ok(incident) => incident,
        // Another delivery of the alarm, or another incident: that one is asked.
        Err(NoClaim::Refused(refusal)) => {
            let met = Box::pin(refuse(cx, (alarm, by), facts, refusal));
            return met.await;
        }
        Err(NoClaim::Unreachable(failed)) => return Err(failed.into()),
    };
    let mut report = Report::of(&incident, Outcome::Held, refusal.because, facts.observed_at);
    report.rung = refusal.rung;
    if told {
        notify::tell_once(&mut report, by, cx.world).await;
        if report.delivery_error.is_some() && !report.told {
            let mut unheard = incident.waiting_until(incident.due_at);
            unheard.held_back = unheard.held_back.map(|held| HeldBack { told: false, ..held });
            report.because.extend(
                cx.world
                    .record(&unheard)
                    .await
                    .err()
                    .map(|failed| Reason::NotRecorded(failed.into())),
            );
        }
    }
    Ok(report)
}

/// An OK closes nothing by itself: a series that vanishes goes OK too, and a
/// symptom that is gone may come back. It has the follow-up look at once, unless it is
/// watched already: that it stayed gone no look can tell before its time.
pub(crate) async fn note_ok<W>(cx: Context<'_, W>, alarm: &Alarm) -> Result<Report, LedgerError>
where
    W: Look + Ledger,
{
    let mut report = Report::about(alarm, cx.now);
    let latest = cx.world.history(&alarm.instance_id).await?.latest;
    let open = latest.filter(|i| i.stage.is_open() && i.symptom == alarm.symptom);
    let taken = open.as_ref().is_some_and(|open| open.is_closing(cx.now));
    let Some(open) = open else {
        report.because = vec![Reason::NothingOpen];
        return Ok(report);
    };
    report.incident_id = open.id.clone();
    report.rung = open.rung();
    report.group.clone_from(&open.group);
    report.stage = Some(open.stage);
    report.because = vec![match &alarm.evidence {
        Evidence::Measured { .. } | Evidence::Asked => Reason::FollowUpVerifies,
        Evidence::Nothing { why } => Reason::Unmeasured { why: why.clone() },
        Evidence::Unclear { why } => Reason::Unclear { why: why.clone() },
    }];
    let is_measured = open.seen.series.is_some() && open.rung() != Some(Rung::Replace);
    let has_its_time = open.stage == Stage::Watching && is_measured;
    if !taken && !has_its_time {
        // If another writer is first, it set the time of its next look itself.
        cx.world.record(&open.waiting_until(cx.now)).await?;
    }
    Ok(report)
}

async fn held<W: Ledger + Tell>(
    cx: Context<'_, W>,
    (alarm, by): (&Alarm, &str),
    facts: &Facts,
    refusal: Refusal,
) -> Report {
    let mut report = Report {
        rung: refusal.rung,
        because: refusal.because,
        handed_over: refusal.handed_over,
        observe: alarm.observe || cx.policy.mode == Mode::Observe,
        ..Report::about_with(alarm, facts)
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
    if report.is_news() {
        notify::tell_once(&mut report, by, cx.world).await;
    }
    report
}

/// Who tells of an alarm: an invocation or a message that is repeated keeps its id, and
/// one event can be about several instances.
pub(crate) fn teller(alarm: &Alarm, id: &str) -> String {
    format!("{id} {}", alarm.instance_id)
}
