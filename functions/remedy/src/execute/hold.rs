//! Holding a rung back until what is in its way has passed.

use jiff::SignedDuration;

use crate::model::incident::{HeldBack, Incident};
use crate::model::reason::Reason;
use crate::model::unknown::CallFailed;
use crate::plan::guard::Refusal;
use crate::plan::step::BEAT;
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::tell::Tell;
use crate::report::notify;
use crate::report::outcome::{Outcome, Report};

/// Incidents that one cause holds back ask again at different times within this span.
const SPREAD: SignedDuration = SignedDuration::from_mins(3);

/// A rung that is held back this long is told to people, once.
const HELD_BACK_IS_TOLD_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Waits until the guards let a rung pass, and tells people once if that takes long.
pub async fn hold_back<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    reason: Reason,
    refusal: Refusal,
) -> Result<Option<Report>, CallFailed>
where
    W: Ledger + Tell,
{
    let before = incident.held_back.clone();
    let before = before.unwrap_or(HeldBack { since: cx.now, told: false, by: None });
    let lasts = cx.now.duration_since(before.since) >= HELD_BACK_IS_TOLD_AFTER;
    let tell_now = lasts && !before.told;
    let mut held = incident.waiting_until(cx.now + asks_again_after(incident, &refusal));
    held.held_back = Some(HeldBack {
        since: before.since,
        told: before.told || tell_now,
        by: refusal.in_the_way().map(|reason| reason.held_by().after(before.by.as_ref(), cx.now)),
    });
    let mut because = refusal.because;
    because.push(reason);
    let mut report = Report::of(&held, Outcome::Held, because, cx.now);
    report.rung = refusal.rung;
    if tell_now {
        held.note(report.entry());
    }
    if !cx.world.record(&held).await? {
        return Ok(None);
    }
    if tell_now {
        notify::tell_once(&mut report, held.id.as_str(), cx.world).await;
    }
    Ok(Some(report))
}

/// When a rung that is held back is tried again. What one cause
/// holds back would all be free in one moment, so it asks at different times.
fn asks_again_after(incident: &Incident, refusal: &Refusal) -> SignedDuration {
    if refusal.because.iter().any(|reason| reason.row().shared_cause) {
        BEAT + incident.transition_id.spread_over(SPREAD)
    } else {
        BEAT
    }
}
