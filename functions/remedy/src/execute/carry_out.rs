//! The second half of the pipeline: what was done is written down, and people are told.

use futures_util::future;

use crate::execute::claim;
use crate::model::action::Action;
use crate::model::incident::{Incident, Rung};
use crate::model::reason::Reason;
use crate::model::unknown::Gap;
use crate::ports::ledger::Ledger;
use crate::ports::look::Look;
use crate::ports::tell::Tell;
use crate::report::notify;
use crate::report::outcome::Report;

/// Writes down what was done and tells people, all at once: none waits for the
/// other, and the failure of one does not silence the others.
pub(crate) async fn record_and_tell(
    report: &mut Report,
    incident: &Incident,
    action: Option<Action>,
    world: &(impl Look + Ledger + Tell),
) {
    let notification = notify::render(report, world.place());
    let mut incident = incident.clone();
    incident.note(report.entry());
    let incident = &incident;
    // Asked again once, the first asker may have died before it told anybody;
    // after that it is no news.
    let asked_again = incident.attempts.last().is_some_and(|last| last.asked_again > 1);
    let news = !asked_again && !report.is_counted_only();
    let (recorded, told, noted) = future::join3(
        claim::record_outcome(world, incident),
        async { if news { Some(world.tell(&notification).await) } else { None } },
        async {
            match action {
                Some(Action::Replace) => note_replacement(incident, world).await,
                _ => Ok(()),
            }
        },
    )
    .await;
    if let Some(told) = told {
        report.note_telling(told);
    }
    let problem = not_recorded(recorded).or(noted.err());
    report.because.extend(problem.map(Reason::NotRecorded));
}

pub(crate) fn not_recorded(recorded: Result<bool, Gap>) -> Option<Gap> {
    match recorded {
        Ok(true) => None,
        Ok(false) => {
            Some(Gap { call: "dynamodb:PutItem", why: "another writer was first".to_owned() })
        }
        Err(gap) => Some(gap),
    }
}

/// Notes the replacement that an incident asked for. Noted again it counts
/// once.
pub(crate) async fn note_replacement(incident: &Incident, world: &impl Ledger) -> Result<(), Gap> {
    let last = incident.attempts.last();
    let asked = last.filter(|last| last.rung == Rung::Replace && last.refused.is_none());
    match (&incident.group, asked) {
        (Some(group), Some(asked)) => {
            let (symptom, instance) = (incident.symptom, &incident.instance_id);
            world.note_replacement(group, symptom, instance, asked.claimed_at).await
        }
        _ => Ok(()),
    }
}
