//! The second half of the pipeline, for an alarm and for a beat alike: act, write
//! down what became of it, and tell people.

use futures_util::future;
use jiff::Timestamp;

use crate::execute::act;
use crate::execute::claim::{self, Claim};
use crate::execute::console_capture::{self, Captured, KeptCapture};
use crate::model::action::Action;
use crate::model::incident::{FailureKind, Incident, Rung};
use crate::model::reason::Reason;
use crate::model::repeats::Occurrence;
use crate::model::unknown::{CallFailed, LedgerError};
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::look::Look;
use crate::ports::tell::Tell;
use crate::ports::touch::Touch;
use crate::report::notify;
use crate::report::outcome::{Outcome, Report};

/// What is to be carried out.
#[derive(Debug)]
pub struct Order {
    /// The ledger's proof that it is ours.
    pub claim: Claim,
    /// The rung that it is a part of, where the claim is not for the rung itself.
    pub rung: Option<Rung>,
    /// Why.
    pub because: Vec<Reason>,
    /// What the console of a host that cannot answer showed.
    pub captured: Option<Captured>,
    /// What it repeats, if it opens an incident.
    pub started: Option<Occurrence>,
}

/// act -> record -> notify.
pub async fn carry_out<W>(cx: Context<'_, W>, order: Order) -> Report
where
    W: Look + Ledger + Touch + Tell,
{
    let Order { claim, rung, mut because, captured, started } = order;
    let action = claim.action();
    let claimed = claim.incident().clone();
    let (acted, kept, count) = future::join3(
        act::act(claim, cx.policy, cx.world),
        console_capture::keep(captured, &claimed, cx.now, cx.policy, cx.world),
        async {
            match &started {
                Some(started) => cx.world.count(started).await.ok(),
                None => None,
            }
        },
    )
    .await;
    let mut incident = acted.incident;
    let console = KeptCapture::noted(kept, &mut incident);
    let went_well = acted.failure.is_none();
    let refused = matches!(acted.failure, Some(Reason::ActionFailed { .. }));
    let asked = match action {
        Action::Survey => incident.survey.as_ref().map(|survey| &survey.question),
        _ => incident.asks(),
    };
    if refused || asked.is_some_and(|asked| asked.refused.is_some()) {
        incident.due_at = cx.now; // The next beat takes the next step.
    }
    because.splice(0..0, acted.failure);
    let outcome = if refused { Outcome::Held } else { Outcome::Acted };
    let mut report = Report { console, ..Report::of(&incident, outcome, because, cx.now) };
    report.rung = rung.or(report.rung);
    if went_well {
        report.repeats =
            started.zip(count).map(|(started, occurrences)| started.repeats(occurrences));
    }
    record_and_tell(cx, &mut report, &incident, action).await;
    report
}

/// Writes down what was done and tells people at the same time, so that neither waits
/// for the other, and neither fails with the other.
async fn record_and_tell<W>(
    cx: Context<'_, W>,
    report: &mut Report,
    incident: &Incident,
    action: Action,
) where
    W: Look + Ledger + Tell,
{
    let notification = notify::render(report, cx.world.deployment());
    let mut incident = incident.clone();
    incident.note(report.entry());
    let incident = &incident;
    let news = is_news(report, incident, action);
    let (recorded, told, noted) = future::join3(
        claim::record_outcome(cx.world, incident),
        async { if news { Some(cx.world.tell(&notification).await) } else { None } },
        async {
            match action {
                Action::Replace => note_replacement(incident, cx.world).await,
                Action::Snapshot | Action::Grow => forget_refused(incident, cx.world).await,
                Action::Clean
                | Action::Survey
                | Action::Extend
                | Action::Gather
                | Action::LeaveService(_)
                | Action::Reboot
                | Action::ComeBack => Ok(()),
            }
        },
    )
    .await;
    if let Some(told) = told {
        report.note_telling(told);
    }
    let problem = not_recorded(recorded).or(noted.err().map(LedgerError::from));
    report.because.extend(problem.map(Reason::NotRecorded));
}

/// Whether people hear of it. A question to the host is news only if it opens the
/// incident; else its answer is. An action that is asked for a second time is told, because
/// the function that asked first may have died before it told anybody. A third is not.
fn is_news(report: &Report, incident: &Incident, action: Action) -> bool {
    let asked_again = incident.attempts.last().is_some_and(|last| last.asked_again > 1);
    let told_later = match action {
        Action::Gather | Action::Survey => report.opened.is_none(),
        // People have heard of the growth with its first call.
        Action::Extend => {
            incident.growth().is_some_and(|it| it.grows_volume() || it.snapshot.is_some())
        }
        Action::Grow => incident.growth().is_some_and(|it| it.snapshot.is_some()),
        Action::Clean
        | Action::Snapshot
        | Action::LeaveService(_)
        | Action::Reboot
        | Action::ComeBack
        | Action::Replace => false,
    };
    !asked_again && !told_later && !report.is_counted_only()
}

/// Why what became of a step is not in the ledger, if it is not.
pub(crate) fn not_recorded(recorded: Result<bool, CallFailed>) -> Option<LedgerError> {
    match recorded {
        Ok(true) => None,
        Ok(false) => Some(LedgerError::Contended("the incident went on meanwhile")),
        Err(failed) => Some(failed.into()),
    }
}

/// A growth that AWS has refused was none. One that it turned away unread is asked for again.
async fn forget_refused(incident: &Incident, world: &impl Ledger) -> Result<(), CallFailed> {
    let (Some(growth), Some(last)) = (incident.growth(), incident.attempts.last()) else {
        return Ok(());
    };
    match &last.refused {
        Some(refused) if refused.kind != FailureKind::Throttled => {
            world.forget_growth(growth, &incident.id, last.claimed_at).await
        }
        _ => Ok(()),
    }
}

/// Notes the replacement that an incident asked for. Noted again it counts
/// once.
pub(crate) async fn note_replacement(
    incident: &Incident,
    world: &impl Ledger,
) -> Result<(), CallFailed> {
    let last = incident.attempts.last();
    let asked = last.filter(|last| last.rung == Rung::Replace && last.refused.is_none());
    match (&incident.group, asked) {
        (Some(group), Some(asked)) => {
            let (symptom, instance) = (incident.symptom, &incident.instance_id);
            let at: Timestamp = asked.claimed_at;
            world.note_replacement(group, symptom, instance, at).await
        }
        _ => Ok(()),
    }
}
