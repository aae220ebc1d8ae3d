//! Alarms from a queue, many at once. Each goes through the pipeline as if it were alone; what
//! they ask at the same time is asked together, and who of them is sick is noted before anything
//! is done about one of them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use jiff::Timestamp;

use crate::alarm::{self, Unreadable};
use crate::consider::read_first;
use crate::execute::claim;
use crate::model::alarm::{Alarm, AlarmState, Symptom};
use crate::model::policy::Policy;
use crate::model::pool::{Pool, Sighting};
use crate::model::unknown::{CallFailed, LedgerError};
use crate::observe::facts::Facts;
use crate::plan::guard;
use crate::ports::context::Context;
use crate::ports::ledger::Ledger;
use crate::ports::look_at_many::LookAtMany;
use crate::ports::tell::Tell;
use crate::ports::touch::Touch;
use crate::report::outcome::Report;
use crate::respond::{Answer, Ignored, Sick, handle, note_ok, teller};
use crate::together::Together;

/// What a batch of messages came to.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many messages there were.
    pub messages: usize,
    /// What was answered.
    pub answer: Answer,
    /// The messages that have no answer, and come again.
    pub again: Vec<Again>,
}

/// A message that has no answer.
#[derive(Debug)]
pub struct Again {
    /// By which the queue knows it.
    pub message: String,
    /// Why not.
    pub why: NotAnswered,
}

/// Why a message has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotAnswered {
    /// It cannot be read; nothing was changed.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Nothing was written of at least one of its alarms, so nothing was done about it.
    #[error("no claim: {0}")]
    NoClaim(#[from] LedgerError),
    /// What AWS grants was used up by the others of its batch before anything was written.
    #[error("no time: what AWS grants was used up by the others of its batch")]
    NoTime,
}

/// An alarm, and the message that told of it.
struct Told {
    message: String,
    /// Who tells people of it: of two tries of one message both are one.
    by: String,
    alarm: Alarm,
}

/// Who is noted as sick in each pool, with the word of the ledger about it.
type Noted = BTreeMap<(Pool, Symptom), Result<Vec<Sighting>, CallFailed>>;

/// Takes the messages of `event` through the pipeline. What is wrong with one of them is no word
/// about the others.
pub async fn take_in<W>(
    event: &str,
    now: Timestamp,
    policy: &Policy,
    world: &W,
) -> Result<Taken, Unreadable>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    let mut taken = Taken::default();
    let mut told = Vec::new();
    for message in alarm::read_queue(event)? {
        taken.messages += 1;
        match message.held {
            Ok(held) => {
                taken.answer.ignored.extend(held.ignored.iter().map(Ignored::of));
                told.extend(held.alarms.into_iter().map(|alarm| Told {
                    message: message.id.clone(),
                    by: teller(&alarm, &message.id),
                    alarm,
                }));
            }
            Err(why) => taken.again.push(Again { message: message.id, why: why.into() }),
        }
    }
    let together = Together::new(world);
    let cx = Context { world: &together, policy, now };
    together.begins_part();
    let facts = together.all(told.iter().enumerate().map(|(place, told)| async move {
        let rings = told.alarm.state == AlarmState::Alarm;
        let facts = if rings { Some(read_first(cx.world, &told.alarm, now).await) } else { None };
        (place, facts)
    }));
    let facts: BTreeMap<usize, Option<Facts>> = facts.await.into_iter().collect();
    let of_told = |(place, facts)| told.get(place).map(|told| (told, facts));
    let noted = note(cx, facts.iter().map(|(place, facts)| (*place, facts)).filter_map(of_told));
    let noted = noted.await;
    together.begins_part();
    let answers = facts.into_iter().filter_map(|(place, facts)| {
        let (told, noted) = (told.get(place)?, &noted);
        Some(async move { (place, answer(cx, told, facts, noted).await) })
    });
    let mut answers: BTreeMap<usize, _> = together.all(answers).await.into_iter().collect();
    let mut failed = BTreeSet::new();
    for (place, told) in told.iter().enumerate() {
        let why = match answers.remove(&place) {
            Some(Ok(report)) => {
                taken.answer.reports.push(report);
                continue;
            }
            Some(Err(why)) => why.into(),
            None => NotAnswered::NoTime,
        };
        // One of its alarms is enough for a message to come again.
        if failed.insert(&told.message) {
            taken.again.push(Again { message: told.message.clone(), why });
        }
    }
    Ok(taken)
}

/// Notes who is sick, in one write for each pool and symptom: so a guard that asks who else is
/// has the whole batch before it.
async fn note<W: LookAtMany + Ledger>(
    cx: Context<'_, Together<'_, W>>,
    told: impl Iterator<Item = (&Told, &Option<Facts>)>,
) -> Noted {
    let mut sick: BTreeMap<(Pool, Symptom), BTreeMap<_, Sighting>> = BTreeMap::new();
    for (told, facts) in told {
        let Some(facts) = facts else { continue };
        let symptom = told.alarm.symptom;
        let Some(sighting) = facts.sighting() else { continue };
        if guard::is_ours(&told.alarm, facts, cx.policy) {
            for pool in claim::noted_in(symptom, facts) {
                let of_pool = sick.entry((pool, symptom)).or_default();
                of_pool.insert(sighting.instance.clone(), sighting.clone());
            }
        }
    }
    let writes = sick.into_iter().map(|((pool, symptom), of_pool)| async move {
        let sightings: Vec<Sighting> = of_pool.into_values().collect();
        let noted = cx.world.note_sick(&pool, symptom, &sightings).await;
        ((pool, symptom), noted)
    });
    future::join_all(writes).await.into_iter().collect()
}

/// What noting an alarm's instance has told of others, if it was noted.
fn of(
    noted: &Noted,
    alarm: &Alarm,
    facts: &Facts,
    policy: &Policy,
) -> Option<Result<Vec<Sighting>, CallFailed>> {
    // What another alarm of its pool has noted says nothing of this one.
    if !guard::is_ours(alarm, facts, policy) {
        return None;
    }
    let pools = claim::noted_in(alarm.symptom, facts).into_iter();
    let told: Vec<_> =
        pools.filter_map(|pool| noted.get(&(pool, alarm.symptom)).cloned()).collect();
    (!told.is_empty()).then(|| Ok(told.into_iter().collect::<Result<Vec<_>, _>>()?.concat()))
}

async fn answer<W>(
    cx: Context<'_, Together<'_, W>>,
    told: &Told,
    facts: Option<Facts>,
    noted: &Noted,
) -> Result<Report, LedgerError>
where
    W: LookAtMany + Ledger + Touch + Tell,
{
    let Some(facts) = facts else { return note_ok(cx, &told.alarm).await };
    let noted = of(noted, &told.alarm, &facts, cx.policy);
    let sick = noted.as_ref().map_or(Sick::NotNoted, Sick::Noted);
    // One after the other takes a slot of a pool's budget, so that the next sees what the one
    // before has taken.
    let turn = async |facts: &Facts| {
        let place = cx.world.line_for(&facts.pool()?);
        place.turn().await;
        Some(place)
    };
    let joins = async |order| cx.world.joins(order).await;
    handle(cx, (&told.alarm, &told.by), facts, sick, turn, joins).await
}
