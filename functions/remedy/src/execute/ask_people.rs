//! Asking people whether something may be done, and taking their answer.

use jiff::{SignedDuration, Timestamp};

use crate::execute::carry_out::not_recorded;
use crate::model::incident::{HeldBack, Incident};
use crate::model::question::{Answer, Answered, NoAnswer, Question};
use crate::model::reason::Reason;
use crate::model::unknown::CallFailed;
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::look::Look;
use crate::ports::tell::Tell;
use crate::report::notify;
use crate::report::outcome::{Outcome, Report};

/// How long after a question the incident is looked at again.
const LOOKS_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// How often an answer is tried to be written, where each time another writer changes the
/// incident first.
const TRIES_MAX: usize = 3;

/// Asks people, or reminds them. The question stands in the ledger before they hear of it, so
/// that no answer comes to a question that is not there.
pub async fn ask_people<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    question: Question,
    because: Vec<Reason>,
) -> Result<Option<Report>, CallFailed>
where
    W: Ledger + Tell,
{
    let asked = Reason::Asked {
        incident: incident.id.clone(),
        instance: incident.instance_id.clone(),
        question: Box::new(question.clone()),
    };
    let mut waits = incident.waiting_until(cx.now + LOOKS_AFTER);
    let since = incident.held_back.as_ref().map_or(cx.now, |held| held.since);
    waits.held_back = Some(HeldBack { since, told: true, by: Some(asked.held_by()) });
    waits.question = Some(question.clone());
    let because = [vec![asked], because].concat();
    let mut report = Report::of(&waits, Outcome::Held, because, cx.now);
    report.rung = Some(question.rung);
    waits.note(report.entry());
    if !cx.world.record(&waits).await? {
        return Ok(None);
    }
    notify::tell(&mut report, cx.world).await;
    if report.told {
        return Ok(Some(report));
    }
    // Nobody heard of it: the next beat asks anew, or reminds them.
    let first = Question { reminded: false, ..question.clone() };
    let heard_before = Some(first).filter(|_| question.reminded);
    let unheard = Incident { question: heard_before, ..waits.waiting_until(waits.due_at) };
    let problem = not_recorded(cx.world.record(&unheard).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    Ok(Some(report))
}

/// Takes a person's answer in one conditional write. Everything is decided again afterwards, by
/// the next beat.
pub async fn answer<W>(
    world: &W,
    said: &Answered,
    now: Timestamp,
) -> Result<Result<(), NoAnswer>, CallFailed>
where
    W: Look + Ledger,
{
    for _ in 0..TRIES_MAX {
        let latest = world.history(&said.instance).await?.latest;
        let open = latest.filter(|it| it.id == said.incident && it.holds(now));
        let Some(incident) = open else { return Ok(Err(NoAnswer::NotAsked)) };
        let question = match its_question(&incident, said, now) {
            Ok(question) => question,
            Err(no) => return Ok(Err(no)),
        };
        let answer = Answer { yes: said.yes, by: said.by.clone(), at: now };
        let answered = Incident {
            question: Some(Question { answer: Some(answer), ..question.clone() }),
            ..incident.waiting_until(now)
        };
        if world.record(&answered).await? {
            return Ok(Ok(()));
        }
    }
    let why = "the incident was changed by others each time".to_owned();
    Err(CallFailed { call: "dynamodb:PutItem", why })
}

/// The question that was answered, or why it is none.
fn its_question<'a>(
    incident: &'a Incident,
    said: &Answered,
    now: Timestamp,
) -> Result<&'a Question, NoAnswer> {
    let question = incident.open_question().ok_or(NoAnswer::NotAsked)?;
    if (question.attempt, question.nonce.as_str()) != (said.attempt, said.nonce.as_str()) {
        return Err(NoAnswer::AnotherAttempt(question.attempt));
    }
    match &question.answer {
        Some(answer) => Err(NoAnswer::Answered(answer.clone())),
        None if question.is_over(now) => Err(NoAnswer::TooLate(question.until)),
        None => Ok(question),
    }
}
