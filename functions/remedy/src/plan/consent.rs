//! Whether people have to be asked before a rung, and what they have said. Pure.

use jiff::Timestamp;

use crate::model::incident::{Incident, Rung};
use crate::model::question::{CONSENT_LASTS, Question, Silence};
use crate::model::reason::Reason;
use crate::observe::facts::Facts;

/// What is to be done about the people.
#[derive(Clone, Debug, PartialEq)]
pub enum Consent {
    /// Nobody wants to be asked.
    NotNeeded,
    /// They have allowed it; why, if somebody said so.
    Given(Option<Reason>),
    /// They are to be asked this, for the first or the second time.
    Ask(Question),
    /// They were asked, and may still answer.
    Awaited(Question),
    /// It is not allowed.
    Denied(Reason),
}

/// Whether people want to be asked before `rung`.
pub fn is_needed(rung: Rung, facts: &Facts) -> bool {
    facts.asks().rungs.contains(&rung)
}

/// How it stands with the people about the next attempt of `incident`. An answer to another
/// attempt, or about another rung, counts for nothing.
pub fn stands(incident: &Incident, rung: Rung, facts: &Facts, now: Timestamp) -> Consent {
    let ask = facts.asks();
    if !ask.rungs.contains(&rung) {
        return Consent::NotNeeded;
    }
    let next = || {
        let attempt = incident.attempts.len() + 1;
        Consent::Ask(Question::new(&incident.id, rung, attempt, &ask, now))
    };
    let Some(question) = incident.open_question().filter(|it| it.rung == rung) else {
        return next();
    };
    match &question.answer {
        Some(answer) if !answer.yes => {
            Consent::Denied(Reason::RefusedBy { by: answer.by.clone(), rung })
        }
        // What was agreed to a while ago is asked again.
        Some(answer) if now.duration_since(answer.at) >= CONSENT_LASTS => next(),
        Some(answer) => Consent::Given(Some(Reason::AllowedBy { by: answer.by.clone(), rung })),
        None if now < question.until || question.silence == Silence::Wait => {
            if !question.reminded && now >= question.reminds_at() {
                return Consent::Ask(Question { reminded: true, ..question.clone() });
            }
            Consent::Awaited(question.clone())
        }
        None => silence(question, now),
    }
}

/// Nobody answered in time.
fn silence(question: &Question, now: Timestamp) -> Consent {
    let after = question.until.duration_since(question.asked_at);
    let nobody = Reason::NobodyAnswered { rung: question.rung, after };
    match question.silence {
        // An old silence is no consent, as an old yes is none.
        Silence::Act if now.duration_since(question.until) < CONSENT_LASTS => {
            Consent::Given(Some(nobody))
        }
        Silence::Act | Silence::HandOver | Silence::Wait => Consent::Denied(nobody),
    }
}
