//! Ending an incident, and telling people that it has ended.

use jiff::{SignedDuration, Timestamp};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::execute::carry_out::not_recorded;
use crate::execute::claim;
use crate::execute::settle::settle;
use crate::model::incident::{Incident, Rung, Stage, UNENDED_MAX};
use crate::model::reason::Reason;
use crate::model::unknown::CallFailed;
use crate::plan::rung::reboot::IN_STANDBY_MAX;
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::look::Look;
use crate::ports::tell::Tell;
use crate::report::notify;
use crate::report::outcome::{Outcome, Report};

/// The beat that ends an incident has at least this long to tell so before
/// another one does: the function's 60 seconds.
const TURN_LASTS: SignedDuration = SignedDuration::from_secs(60);

/// The longest pause between two tries to tell of an end.
const TELLS_AGAIN_MAX: SignedDuration = SignedDuration::from_mins(10);

/// An incident stays open for so long after its last moment if nobody could be told of
/// its end, so that one failed message does not silence it; and for so long after its end,
/// if an alarm about other trouble waits for its instance.
const TOLD_LATE_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Until it is told or given up its place is not free.
const _: () = assert!(TOLD_LATE_MAX.as_secs() + TELLS_AGAIN_MAX.as_secs() < UNENDED_MAX.as_secs());

/// Why an incident stays due.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// A call has no answer.
    #[error(transparent)]
    Call(#[from] CallFailed),
    /// The incident is to end, and nobody could be told.
    #[error("nobody heard of the end: {0}")]
    EndNotTold(CallFailed),
}

impl Stuck {
    /// The name of the case, for filters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Call(_) => "call-failed",
            Self::EndNotTold(_) => "end-not-told",
        }
    }
}

impl Serialize for Stuck {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stuck = serializer.serialize_struct("Stuck", 2)?;
        stuck.serialize_field("code", self.code())?;
        stuck.serialize_field("text", &self.to_string())?;
        stuck.end()
    }
}

/// Ends an incident and tells people. First the ledger notes that this beat will tell, so
/// that a second beat does not. The end is written last: if this function dies before, the
/// next beat tells again, which is better than never. Its slot
/// is given back at once: others do not wait until people can be told.
pub async fn end<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    ended: Incident,
    because: Vec<Reason>,
) -> Result<Option<Report>, Stuck>
where
    W: Look + Ledger + Tell,
{
    let until = tells_again(incident, cx.now);
    let ended_since = incident.ended_since.unwrap_or(cx.now);
    let incident = &Incident { ended_since: Some(ended_since), ..incident.clone() };
    let Some(turn) = take_turn(incident, until, cx.world).await? else {
        return Ok(None);
    };
    let rests =
        settle(cx, &Incident { lease: turn.lease.clone(), ..ended.clone() }, &because).await?;
    let overtaken = overtaken(incident, &ended).map(|rung| Reason::Overtaken { rung });
    let because: Vec<Reason> = overtaken.into_iter().chain(because).chain(rests).collect();
    // If it goes on, because the symptom comes back before people are told, it takes a slot
    // like any other.
    if let Some(lease) = &turn.lease {
        cx.world.release(lease).await?;
    }
    let mut ended = Incident { version: turn.version + 1, lease: None, ..ended };
    let outcome = if ended.stage == Stage::Resolved { Outcome::Resolved } else { Outcome::Held };
    let mut report = Report::of(&ended, outcome, because, cx.now);
    ended.note(report.entry());
    // People who heard of an action, or who are to take over, hear of every end.
    let heard_of_it = !ended.attempts.is_empty() || ended.stage != Stage::Withdrawn;
    if report.is_news() || heard_of_it {
        tell(&mut report, cx.world).await;
        let mut told_by = incident.expires_at + TOLD_LATE_MAX;
        if !incident.queued.is_empty() {
            told_by = told_by.min(ended_since + TOLD_LATE_MAX);
        }
        if let Some(failed) = report.delivery_error.clone().filter(|_| !report.told)
            && cx.now < told_by
        {
            // A later beat tells, and ends it then.
            return Err(Stuck::EndNotTold(failed));
        }
    }
    let successor = claim::successor(&ended, cx.now, cx.policy);
    let problem = not_recorded(cx.world.end(&ended, successor.as_ref()).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    Ok(Some(report))
}

/// The rung about which people were asked, if the symptom was over before anybody answered.
fn overtaken(incident: &Incident, ended: &Incident) -> Option<Rung> {
    let question = incident.open_question().filter(|it| it.answer.is_none())?;
    (ended.stage == Stage::Resolved).then_some(question.rung)
}

/// Tells of an end. Of many that one cause held back until their time was over, people
/// hear once.
async fn tell<W: Ledger + Tell>(report: &mut Report, world: &W) {
    let by = report.incident_id.to_string();
    if report.shared_cause().is_some() {
        notify::tell_once(report, &by, world).await;
    } else {
        notify::tell_or_call(report, &by, world).await;
    }
}

/// An instance that did not come back from its reboot, or from Standby, is a person's. Its
/// incident goes on while it is out, within its time, and keeps its slot: what did this to
/// one would do it to the next. Only of instances without a pool's tag nothing says that they
/// share anything: there it gives its slot back.
pub async fn stay_out<W>(
    cx: Context<'_, W>,
    incident: &Incident,
    because: Vec<Reason>,
) -> Result<Option<Report>, CallFailed>
where
    W: Look + Ledger + Tell,
{
    let until = tells_again(incident, cx.now);
    let Some(turn) = take_turn(incident, until, cx.world).await? else {
        return Ok(None);
    };
    let rests = settle(cx, &turn, &because).await?;
    let because = [because, rests].concat();
    let mut out = Incident { closing_until: None, ..turn.waiting_until(until) };
    if let Some(lease) = out.lease.take_if(|lease| lease.pool.is_of_the_untagged()) {
        cx.world.release(&lease).await?;
    }
    // Whoever is in Standby must not be forgotten there, however long it takes.
    if out.standby.is_some() {
        out.expires_at = out.expires_at.max(out.opened_at + IN_STANDBY_MAX);
    }
    let mut report = Report::of(&out, Outcome::Held, because, cx.now);
    report.handed_over = true;
    notify::tell(&mut report, cx.world).await;
    if report.told {
        out.stays_out = true;
        out.note(report.entry());
        out.due_at = cx.now + TURN_LASTS;
    }
    let problem = not_recorded(cx.world.record(&out).await);
    report.because.extend(problem.map(Reason::NotRecorded));
    Ok(Some(report))
}

/// When the next try to tell comes: the longer it has failed, the later.
fn tells_again(incident: &Incident, now: Timestamp) -> Timestamp {
    now + (incident.in_stage_for(now) / 2).clamp(TURN_LASTS, TELLS_AGAIN_MAX)
}

/// Writes that this beat is about to tell of the incident, so that of two beats one
/// tells. `None` if another was first.
async fn take_turn(
    incident: &Incident,
    until: Timestamp,
    world: &impl Ledger,
) -> Result<Option<Incident>, CallFailed> {
    let turn = Incident { closing_until: Some(until), ..incident.waiting_until(until) };
    Ok(world.record(&turn).await?.then_some(turn))
}
