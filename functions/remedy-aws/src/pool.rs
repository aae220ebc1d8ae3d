//! What the ledger holds about a pool: who may be out of service, who is sick,
//! who was replaced.
//!
//! | sk | attributes |
//! |---|---|
//! | `leases` | `holder_<n>` and `until_<n>` for each slot that is held |
//! | `sick#<symptom>#<window>` | one for each sick member, by its id, and `n`, their count |
//! | `tries#<symptom>#<rung>` | `tries`, what became of the last of them as JSON, and `version` |
//! | `replaced#<symptom>` | `replaced`, a set of seconds, each with the member's id |
//!
//! Every row is bounded: slots by the budget, sick members by their count in
//! one window of 10 minutes.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update,
};
use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::brake::Tries;
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::pool::{Lease, Pool, PoolBook, Sighting, sick_window};
use remedy::model::rung::Rung;
use remedy::model::unknown::CallFailed;

use crate::again::again_while;
use crate::clients::Aws;
use crate::failure::call_failed;
use crate::ledger::{Row, TTL, number, text};

const UPDATE: &str = "dynamodb:UpdateItem";

/// The row that says who holds which slot.
const LEASES: &str = "leases";

/// So many sick members are noted in one window: more than any decision asks
/// for, and a row of some 10 KB at most.
const SICK_MAX: usize = 64;

/// So often a note is tried, where each time others of the pool are noted first.
const NOTES_MAX: usize = 4;

/// Who is still sick after this long is noted again.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What became of tries is kept for so long after the newest.
const TRIES_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Rows about the sick stay this long, for people who look back.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn partition(pool: &Pool) -> String {
    match pool {
        Pool::Group(name) => format!("group#{name}"),
        Pool::Standalone(name) => format!("standalone#{name}"),
        Pool::Zone(name) => format!("zone#{name}"),
    }
}

pub(crate) fn replaced_row(symptom: Symptom) -> String {
    format!("replaced#{symptom}")
}

/// The rungs whose tries are kept: what disrupts.
const TRIED: [Rung; 2] = [Rung::Reboot, Rung::Replace];

fn tries_row(symptom: Symptom, rung: Rung) -> String {
    format!("tries#{symptom}#{rung}")
}

fn sick_row(symptom: Symptom, window: i64) -> String {
    format!("sick#{symptom}#{window}")
}

impl Aws {
    /// Everything about `pool` and `symptom` at `now`, read consistently.
    pub(crate) async fn pool_book(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed> {
        let (this, before) = (sick_window(now), sick_window(now) - 1);
        let sorts = [
            LEASES.to_owned(),
            replaced_row(symptom),
            sick_row(symptom, before),
            sick_row(symptom, this),
            tries_row(symptom, TRIED[0]),
            tries_row(symptom, TRIED[1]),
        ];
        let partition = partition(pool);
        let rows = self.rows(sorts.map(|sort| (partition.clone(), sort))).await?;
        let mut book = PoolBook::default();
        for row in &rows {
            book.leases.extend(leases(pool, row)?);
            book.sick.extend(sick(row)?);
            book.replaced.extend(replaced(row)?);
            let sort = row.get("sk").and_then(|sort| sort.as_s().ok());
            let its = |rung: &Rung| sort == Some(&tries_row(symptom, *rung));
            if let Some(rung) = TRIED.into_iter().find(its) {
                book.tries.insert(rung, tries(row)?);
            }
        }
        book.leases.sort_by_key(|lease| lease.slot);
        book.sick.sort_by_key(|sighting| sighting.at);
        book.replaced.sort();
        Ok(book)
    }

    /// Notes `sightings` of one time, each member once in its window with its newest, and gives
    /// all of that window.
    pub(crate) async fn note_sightings(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Result<Vec<Sighting>, CallFailed> {
        let mut known = Vec::new();
        for _ in 0..NOTES_MAX {
            let Some(write) = self.noting(pool, symptom, sightings, &known)? else {
                return Ok(known);
            };
            let (row, written) = self.note(write).await?;
            known = sick(&row)?;
            if written {
                return Ok(known);
            }
        }
        // Who looks on without it would take the others for well.
        let why = "others of the pool were noted first each time".to_owned();
        Err(CallFailed { call: UPDATE, why })
    }

    /// The write of those of `sightings` that the row lacks, which has those that are `known`,
    /// or has as older ones; `None` if there are none, or no room.
    fn noting(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
        known: &[Sighting],
    ) -> Result<Option<UpdateItemFluentBuilder>, CallFailed> {
        let before = |one: &Sighting| known.iter().find(|other| other.instance == one.instance);
        let lacks: Vec<&Sighting> = sightings.iter().filter(|one| before(one).is_none()).collect();
        let room = SICK_MAX.saturating_sub(known.len());
        let new = lacks.get(..room.min(lacks.len())).unwrap_or_default();
        let older = |one: &&Sighting| {
            before(one).is_some_and(|other| one.at.duration_since(other.at) >= RENEWED_AFTER)
        };
        let renewed: Vec<&Sighting> = sightings.iter().filter(older).collect();
        let Some(first) = new.first().or(renewed.first()) else { return Ok(None) };
        let mut write = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&partition(pool)))
            .key("sk", text(&sick_row(symptom, sick_window(first.at))))
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":ttl", number((first.at + KEPT).as_second()));
        let (mut sets, mut conditions) = (vec!["#ttl = :ttl".to_owned()], Vec::new());
        let is_new = [vec![true; new.len()], vec![false; renewed.len()]].concat();
        for (place, (one, is_new)) in new.iter().chain(&renewed).zip(is_new).enumerate() {
            let json = serde_json::to_string(one)
                .map_err(|error| CallFailed { call: UPDATE, why: error.to_string() })?;
            write = write
                .expression_attribute_names(format!("#i{place}"), one.instance.as_str())
                .expression_attribute_values(format!(":s{place}"), text(&json));
            sets.push(format!("#i{place} = :s{place}"));
            let there = if is_new { "attribute_not_exists" } else { "attribute_exists" };
            conditions.push(format!("{there}(#i{place})"));
        }
        let mut update = format!("SET {}", sets.join(", "));
        if !new.is_empty() {
            update.push_str(" ADD n :new");
            conditions.push("(attribute_not_exists(n) OR n <= :room)".to_owned());
            let count = |of: usize| number(i64::try_from(of).unwrap_or(i64::MAX));
            write = write
                .expression_attribute_values(":new", count(new.len()))
                .expression_attribute_values(":room", count(SICK_MAX - new.len()));
        }
        Ok(Some(write.update_expression(update).condition_expression(conditions.join(" AND "))))
    }

    /// A conditional write, which answers with the row as it then is, and whether it was written.
    async fn note(&self, write: UpdateItemFluentBuilder) -> Result<(Row, bool), CallFailed> {
        let write = write
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match write {
            Ok(mut written) => Ok((written.attributes.take().unwrap_or_default(), true)),
            Err(error) => match error.as_service_error() {
                // Some are noted already, or enough are: what stands there says who.
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok((failed.item().cloned().unwrap_or_default(), false))
                }
                _ => Err(call_failed(UPDATE, &error)),
            },
        }
    }

    /// The part of a transaction that takes the slot of `lease`, if nobody else
    /// holds it at `now`.
    pub(crate) fn taking(&self, lease: &Lease, now: Timestamp) -> Result<Update, CallFailed> {
        Update::builder()
            .table_name(&self.table)
            .key("pk", text(&partition(&lease.pool)))
            .key("sk", text(LEASES))
            .update_expression("SET #holder = :incident, #until = :until")
            // The expiry is in the condition, so that no holder that died
            // without giving it back keeps a slot for ever.
            .condition_expression(
                "attribute_not_exists(#holder) OR #until <= :now OR #holder = :incident",
            )
            .expression_attribute_names("#holder", format!("holder_{}", lease.slot))
            .expression_attribute_names("#until", format!("until_{}", lease.slot))
            .expression_attribute_values(":incident", text(lease.incident.as_str()))
            .expression_attribute_values(":until", number(lease.until.as_second()))
            .expression_attribute_values(":now", number(now.as_second()))
            .build()
            .map_err(|error| CallFailed { call: UPDATE, why: error.to_string() })
    }

    /// Writes `tries` over the version before it.
    pub(crate) async fn write_tries(
        &self,
        pool: &Pool,
        symptom: Symptom,
        rung: Rung,
        tries: &Tries,
    ) -> Result<bool, CallFailed> {
        const CALL: &str = "dynamodb:PutItem";
        let json = serde_json::to_string(&tries.tried)
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?;
        let version = |version: u64| number(i64::try_from(version).unwrap_or(i64::MAX));
        let newest = tries.tried.iter().map(|one| one.at).max().unwrap_or_default();
        let write = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .item("pk", text(&partition(pool)))
            .item("sk", text(&tries_row(symptom, rung)))
            .item("tries", text(&json))
            .item("version", version(tries.version))
            .item(TTL, number((newest + TRIES_KEPT).as_second()))
            .condition_expression("attribute_not_exists(pk) OR version = :before")
            .expression_attribute_values(":before", version(tries.version.saturating_sub(1)))
            .send()
            .await;
        match write {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(call_failed(CALL, &error)),
            },
        }
    }

    /// Gives the slot of `lease` back, if its incident still holds it.
    pub(crate) async fn give_back(&self, lease: &Lease) -> Result<(), CallFailed> {
        let write = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&partition(&lease.pool)))
            .key("sk", text(LEASES))
            .update_expression("REMOVE #holder, #until")
            .condition_expression("#holder = :incident")
            .expression_attribute_names("#holder", format!("holder_{}", lease.slot))
            .expression_attribute_names("#until", format!("until_{}", lease.slot))
            .expression_attribute_values(":incident", text(lease.incident.as_str()));
        // Another member takes a slot at the same moment.
        let conflicts = |error: &SdkError<UpdateItemError>| {
            matches!(
                error.as_service_error(),
                Some(UpdateItemError::TransactionConflictException(_))
            )
        };
        let Err(error) = again_while(conflicts, || write.clone().send()).await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(call_failed(UPDATE, &error)),
        }
    }
}

/// What stands in a row and cannot be read is not nothing: whoever dropped it would take
/// a member for well, or a slot for free.
fn garbled(what: &str, name: &str) -> CallFailed {
    let why = format!("{what} {name} in the ledger is garbled");
    CallFailed { call: "dynamodb:BatchGetItem", why }
}

fn leases(pool: &Pool, row: &Row) -> Result<Vec<Lease>, CallFailed> {
    let lease = |slot: &str, holder: &AttributeValue| {
        let until = row.get(&format!("until_{slot}"))?.as_n().ok()?;
        Some(Lease {
            pool: pool.clone(),
            slot: slot.parse().ok()?,
            incident: IncidentId::new(holder.as_s().ok()?.as_str()).ok()?,
            until: Timestamp::from_second(until.parse().ok()?).ok()?,
        })
    };
    let slots =
        row.iter().filter_map(|(name, holder)| Some((name.strip_prefix("holder_")?, holder)));
    let read = |(slot, holder)| lease(slot, holder).ok_or_else(|| garbled("slot", slot));
    slots.map(read).collect()
}

fn sick(row: &Row) -> Result<Vec<Sighting>, CallFailed> {
    let members = row.iter().filter(|(name, _)| InstanceId::new(name.as_str()).is_ok());
    let read = |(name, value): (&String, &AttributeValue)| {
        let json = value.as_s().map_err(|_| garbled("the sighting of", name))?;
        serde_json::from_str(json).map_err(|_| garbled("the sighting of", name))
    };
    members.map(read).collect()
}

fn tries(row: &Row) -> Result<Tries, CallFailed> {
    let garbled = || garbled("the list", "tries");
    let json = row.get("tries").and_then(|json| json.as_s().ok()).ok_or_else(garbled)?;
    let version = row.get("version").and_then(|version| version.as_n().ok());
    let version = version.and_then(|version| version.parse().ok()).ok_or_else(garbled)?;
    Ok(Tries { tried: serde_json::from_str(json).map_err(|_| garbled())?, version })
}

fn replaced(row: &Row) -> Result<Vec<Timestamp>, CallFailed> {
    let Some(value) = row.get("replaced") else { return Ok(Vec::new()) };
    let noted = value.as_ss().map_err(|_| garbled("the list", "replaced"))?;
    let second = |noted: &String| {
        let second = noted.split_once(' ')?.0.parse().ok()?;
        Timestamp::from_second(second).ok()
    };
    let read = |noted| second(noted).ok_or_else(|| garbled("the entry", noted));
    noted.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use remedy::model::ids::GroupName;

    use super::*;

    fn row(attributes: &[(&str, AttributeValue)]) -> Row {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn what_is_garbled_is_unknown_and_not_nothing() {
        let pool = Pool::Group(GroupName::new("web").unwrap());
        let seconds = number(1_795_144_440);
        let incident = text("high-cpu-20261120t031245z-0123abcd");
        let slot = [("holder_0", incident.clone()), ("until_0", seconds.clone())];
        assert_eq!(leases(&pool, &row(&slot)).unwrap().len(), 1);
        assert_eq!(leases(&pool, &row(&[("pk", text("x"))])), Ok(Vec::new()));
        for broken in [
            vec![("holder_0", incident.clone())],
            vec![("holder_0", incident.clone()), ("until_0", text("soon"))],
            vec![("holder_0", number(1)), ("until_0", seconds.clone())],
            vec![("holder_x", incident), ("until_x", seconds)],
        ] {
            assert!(leases(&pool, &row(&broken)).is_err(), "{broken:?}");
        }

        let sighting = Sighting {
            instance: InstanceId::new("i-0123abcd").unwrap(),
            at: Timestamp::UNIX_EPOCH,
            zone: "eu-central-1a".to_owned(),
            image: "ami-0123abcd".to_owned(),
            launch_template_version: None,
        };
        let json = serde_json::to_string(&sighting).unwrap();
        let seen = |value| sick(&row(&[("i-0123abcd", value), ("n", number(1))]));
        assert_eq!(seen(text(&json)), Ok(vec![sighting]));
        for broken in [text("{"), text("{}"), number(1)] {
            let why = seen(broken).unwrap_err().why;
            assert_eq!(why, "the sighting of i-0123abcd in the ledger is garbled");
        }

        let list = |entry: &str| AttributeValue::Ss(vec![entry.to_owned()]);
        let ended = |value| replaced(&row(&[("replaced", value)]));
        assert_eq!(ended(list("60 i-0123abcd")).unwrap().len(), 1);
        assert_eq!(replaced(&row(&[])), Ok(Vec::new()));
        for broken in [list("i-0123abcd"), list("x i-0123abcd"), text("60 i-0123abcd")] {
            assert!(ended(broken.clone()).is_err(), "{broken:?}");
        }
    }
}
