//! What became of each disruption of an incident that ends, and the brake that follows from it.

use crate::model::brake::{Became, REGION_WITHIN, RESTS, Tried, Tries};
use crate::model::incident::{Attempt, Incident, Rung, Stage};
use crate::model::pause::{Pause, Scope};
use crate::model::pool::Pool;
use crate::model::reason::Reason;
use crate::model::unknown::CallFailed;
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::look::Look;

/// How often the list is written, where each time another incident of the pool is first.
const TRIES_MAX: usize = 3;

/// Notes what became of the disruptions of `ended`, and lets a rung rest that did not help for
/// the last time, or did harm. Gives the rests that begin by that. Noted again it is the same.
pub async fn settle<W>(
    cx: Context<'_, W>,
    ended: &Incident,
    because: &[Reason],
) -> Result<Vec<Reason>, CallFailed>
where
    W: Look + Ledger,
{
    let mut rests = Vec::new();
    let carried_out =
        |attempt: &&Attempt| attempt.rung.is_disruptive() && attempt.refused.is_none();
    for attempt in ended.attempts.iter().filter(carried_out) {
        rests.extend(note(cx, &pool(ended), ended, attempt, because).await?);
    }
    Ok(rests)
}

/// The pool whose slot the incident took, or would have.
fn pool(ended: &Incident) -> Pool {
    let leased = ended.lease.as_ref().map(|lease| lease.pool.clone());
    let of_group = || ended.group.clone().map(Pool::Group);
    leased.or_else(of_group).unwrap_or_else(Pool::of_the_untagged)
}

/// Adds a try to its list, and lets its rung rest where that follows. The rest is written first:
/// whoever dies in between begins it again.
async fn note<W>(
    cx: Context<'_, W>,
    pool: &Pool,
    ended: &Incident,
    attempt: &Attempt,
    because: &[Reason],
) -> Result<Vec<Reason>, CallFailed>
where
    W: Look + Ledger,
{
    for _ in 0..TRIES_MAX {
        let book = cx.world.pool(pool, ended.symptom, cx.now).await?;
        let before: Tries = book.tries(attempt.rung);
        if before.has_rested_for(&ended.id) {
            return standing(cx, pool, (attempt.rung, ended)).await;
        }
        let became = became(ended, attempt, because);
        let one = Tried {
            incident: ended.id.clone(),
            instance: ended.instance_id.clone(),
            at: attempt.claimed_at,
            became,
            rested: false,
        };
        let mut tries = before.with(one, cx.now);
        let mut begun = Vec::new();
        if let Some(why) = tries.rests_after(&ended.id) {
            tries.note_rest(&ended.id);
            let harm = became == Became::Harm;
            begun = rest(cx, pool.clone(), (attempt.rung, ended), (why, harm)).await?;
        }
        if cx.world.keep_tries(pool, ended.symptom, attempt.rung, &tries).await? {
            return Ok(begun);
        }
    }
    let why = "another incident of the pool was first each time".to_owned();
    Err(CallFailed { call: "dynamodb:PutItem", why })
}

/// What still rests of what was let rest for this incident before. What a person has lifted
/// since stays so.
async fn standing<W: Ledger>(
    cx: Context<'_, W>,
    pool: &Pool,
    (rung, ended): (Rung, &Incident),
) -> Result<Vec<Reason>, CallFailed> {
    let scope = |pool| Scope::Rung { rung, symptom: ended.symptom, pool };
    let (own, everywhere) = (scope(Some(pool.clone())), scope(None));
    let pauses = cx.world.pauses().await?.into_iter();
    let stand = pauses.filter(|pause| {
        (pause.scope == own || pause.scope == everywhere) && pause.is_in_force(cx.now)
    });
    Ok(stand.map(|pause| Reason::Resting { pause: Box::new(pause) }).collect())
}

/// What became of one try. What is not known is never taken for help.
fn became(ended: &Incident, attempt: &Attempt, because: &[Reason]) -> Became {
    let out = |reason: &Reason| {
        matches!(reason, Reason::NotSubstituted { .. } | Reason::StaysInStandby { .. })
    };
    let is_last = ended.attempts.last() == Some(attempt);
    if attempt.not_back || (is_last && because.iter().any(out)) {
        return Became::Harm;
    }
    let unclear = |reason: &Reason| matches!(reason, Reason::Unverified { .. });
    match ended.stage {
        Stage::Resolved if is_last => Became::Helped,
        Stage::Withdrawn => Became::Unknown,
        _ if is_last && because.iter().any(unclear) => Became::Unknown,
        _ => Became::NoHelp,
    }
}

/// Lets the rung rest in the pool and, after harm in two pools within a day, in the region.
async fn rest<W: Ledger>(
    cx: Context<'_, W>,
    pool: Pool,
    (rung, ended): (Rung, &Incident),
    (why, harm): (String, bool),
) -> Result<Vec<Reason>, CallFailed> {
    let symptom = ended.symptom;
    let rest = |pool: Option<Pool>, reason: String| Pause {
        scope: Scope::Rung { rung, symptom, pool },
        reason,
        owner: "Remedy".to_owned(),
        since: cx.now,
        until: cx.now + RESTS,
        harm,
    };
    let here = rest(Some(pool), why);
    let pauses = cx.world.pause(&here).await?;
    let mut begun = vec![Reason::Resting { pause: Box::new(here) }];
    let harmed = pauses.iter().filter(|pause| {
        let same = |scope: &Scope| {
            matches!(scope, Scope::Rung { rung: r, symptom: s, pool: Some(_) }
                if *r == rung && *s == symptom)
        };
        pause.harm && same(&pause.scope) && cx.now.duration_since(pause.since) < REGION_WITHIN
    });
    let count = harmed.count();
    if harm && count > 1 {
        let everywhere = rest(None, format!("it did harm in {count} pools within a day"));
        cx.world.pause(&everywhere).await?;
        begun.push(Reason::Resting { pause: Box::new(everywhere) });
    }
    Ok(begun)
}
