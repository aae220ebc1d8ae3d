//! The ledger in `DynamoDB`.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `instance#<id>` | `incident` | the newest incident of the instance |
//! | `instance#<id>` | `ended#<incident>` | an incident that has ended, kept for 90 days |
//! | `ended#<incident>` | `instance` | whose an incident was that has ended |
//! | `group#<name>`, `standalone#<name>` | | a pool: see [`pool`](crate::pool) |
//! | `repeats#<group>` | `<cause>#<day>` | repeats: see [`repeats`](crate::repeats) |
//! | `volume#<id>`, `growths` | | how volumes were grown: see [`growth`](crate::growth) |
//! | `pauses` | `pauses` | what people have paused: see [`pause`](crate::pause) |
//!
//! An incident stands in one attribute as JSON; beside it stand, as attributes
//! of their own, the few values that conditions and the index ask about. Open
//! incidents carry `due_at`, so that the index `open` holds them and nothing else:
//! by their instance, so that no partition has them all, and with nothing but keys.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::brake::Tries;
use remedy::model::growth::{Growth, GrowthBook};
use remedy::model::ids::{GroupName, IncidentId, InstanceId};
use remedy::model::incident::{Incident, UNENDED_MAX};
use remedy::model::pause::{Pause, Scope};
use remedy::model::pool::{Lease, Pool, Sighting};
use remedy::model::repeats::{Occurrence, Occurrences};
use remedy::model::rung::Rung;
use remedy::model::unknown::CallFailed;
use remedy::ports::ledger::{Counted, Due, DueOne, Leased, Ledger, Recorded};
use remedy::ports::look::History;
use remedy::ports::look_at_many::HISTORIES_MAX;

use crate::again::again_while;
use crate::clients::Aws;
use crate::failure::{call_failed, incomplete};
use crate::{pause, pool};

const PUT: &str = "dynamodb:PutItem";
const BATCH_GET: &str = "dynamodb:BatchGetItem";
const TRANSACT: &str = "dynamodb:TransactWriteItems";
const SCAN: &str = "dynamodb:Scan";

/// The index of open incidents, with the time they are due.
const OPEN: &str = "open";

/// Pages read of the index: of 1 MB each (`DynamoDB` API reference, `Scan`), which is some ten
/// thousand keys.
const PAGES_MAX: usize = 20;

/// The sort key of the row that says whose an incident was.
const WHOSE: &str = "instance";

const OVER_THE_VERSION_BEFORE: &str = "incident_id = :incident_id AND version = :before";

/// Rows stay this long after their incident no longer holds its instance, so
/// that people and later decisions can look back.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Time to live: when `DynamoDB` may delete a row. The name is one of its reserved
/// words, so expressions reach it as `#ttl`.
pub(crate) const TTL: &str = "ttl";

/// No incident holds the instance, and none answered the same action.
const NOTHING_HOLDS: &str = "attribute_not_exists(pk) OR \
    (action_id <> :action_id AND NOT contains(answered, :action_id) \
    AND (is_open = :no OR expires_at <= :ended_by))";

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// Why a part of a transaction was not carried out (`DynamoDB` API reference,
/// `CancellationReason`).
pub(crate) const CHECK_FAILED: &str = "ConditionalCheckFailed";
pub(crate) const CONFLICT: &str = "TransactionConflict";

pub(crate) type Row = HashMap<String, AttributeValue>;

/// What stood against a transaction.
enum Cancelled {
    /// The incident's row, as it is.
    Incident(Option<Row>),
    /// The slot is held.
    Slot,
}

impl Ledger for Aws {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, CallFailed> {
        // The expiry is in the condition: DynamoDB deletes expired rows only
        // within days.
        let ended_by = now - UNENDED_MAX;
        if let Some(lease) = &incident.lease {
            let put = Put::builder()
                .set_item(Some(row(incident, "incident")?))
                .condition_expression(NOTHING_HOLDS)
                .expression_attribute_values(":action_id", text(incident.transition_id.as_str()))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .expression_attribute_values(":ended_by", number(ended_by.as_second()))
                .return_values_on_condition_check_failure(ALL_OLD);
            return match self.put_with_lease(put, lease, now).await? {
                Ok(()) => Ok(Recorded::New),
                Err(Cancelled::Incident(row)) => met(TRANSACT, incident, row.as_ref()),
                Err(Cancelled::Slot) => Ok(Recorded::SlotTaken),
            };
        }
        let put = self
            .put(incident)?
            .condition_expression(NOTHING_HOLDS)
            .expression_attribute_values(":action_id", text(incident.transition_id.as_str()))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":ended_by", number(ended_by.as_second()))
            .return_values_on_condition_check_failure(ALL_OLD);
        let Err(error) = put.send().await else {
            return Ok(Recorded::New);
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                met(PUT, incident, failed.item())
            }
            _ => Err(call_failed(PUT, &error)),
        }
    }

    async fn record_with_lease(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Leased, CallFailed> {
        let Some(lease) = &incident.lease else {
            return Ok(if self.record(incident).await? { Leased::Won } else { Leased::Outrun });
        };
        let put = Put::builder()
            .set_item(Some(row(incident, "incident")?))
            .condition_expression(OVER_THE_VERSION_BEFORE)
            .expression_attribute_values(":incident_id", text(incident.id.as_str()))
            .expression_attribute_values(":before", number(version_before(incident)));
        Ok(match self.put_with_lease(put, lease, now).await? {
            Ok(()) => Leased::Won,
            Err(Cancelled::Incident(_)) => Leased::Outrun,
            Err(Cancelled::Slot) => Leased::SlotTaken,
        })
    }

    async fn record_with_growth(
        &self,
        incident: &Incident,
        book: &GrowthBook,
        a_day_gib: u32,
        now: Timestamp,
    ) -> Result<Counted, CallFailed> {
        let Some(growth) = incident.growth() else {
            let why = "the incident names no volume".to_owned();
            return Err(CallFailed { call: TRANSACT, why });
        };
        let put = Put::builder()
            .set_item(Some(row(incident, "incident")?))
            .condition_expression(OVER_THE_VERSION_BEFORE)
            .expression_attribute_values(":incident_id", text(incident.id.as_str()))
            .expression_attribute_values(":before", number(version_before(incident)));
        self.put_with_growth(put, growth, &incident.id, book, a_day_gib, now).await
    }

    async fn forget_growth(
        &self,
        growth: &Growth,
        incident: &IncidentId,
        counted_at: Timestamp,
    ) -> Result<(), CallFailed> {
        self.uncount_growth(growth, incident, counted_at).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), CallFailed> {
        self.give_back(lease).await
    }

    async fn note_sick(
        &self,
        pool: &Pool,
        symptom: Symptom,
        sightings: &[Sighting],
    ) -> Result<Vec<Sighting>, CallFailed> {
        self.note_sightings(pool, symptom, sightings).await
    }

    async fn pause(&self, pause: &Pause) -> Result<Vec<Pause>, CallFailed> {
        self.write_pause(pause).await
    }

    async fn lift(&self, scope: &Scope) -> Result<Vec<Pause>, CallFailed> {
        self.remove_pause(scope).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, CallFailed> {
        self.read_pauses().await
    }

    async fn record(&self, incident: &Incident) -> Result<bool, CallFailed> {
        let put = self
            .put(incident)?
            .condition_expression(OVER_THE_VERSION_BEFORE)
            .expression_attribute_values(":incident_id", text(incident.id.as_str()))
            .expression_attribute_values(":before", number(version_before(incident)))
            .return_values_on_condition_check_failure(ALL_OLD);
        let Err(error) = put.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            // A try whose answer was lost may have written this very row.
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let other = failed.item().map(|row| incident_of(PUT, row)).transpose()?;
                Ok(other.as_ref() == Some(incident))
            }
            _ => Err(call_failed(PUT, &error)),
        }
    }

    async fn end(
        &self,
        ended: &Incident,
        successor: Option<&Incident>,
    ) -> Result<bool, CallFailed> {
        const CALL: &str = "dynamodb:PutItem";
        let build = |error: BuildError| CallFailed { call: CALL, why: error.to_string() };
        let latest = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row(successor.unwrap_or(ended), "incident")?))
            .condition_expression(OVER_THE_VERSION_BEFORE)
            .expression_attribute_values(":incident_id", text(ended.id.as_str()))
            .expression_attribute_values(":before", number(version_before(ended)))
            .build()
            .map_err(build)?;
        let kept = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row(ended, &format!("ended#{}", ended.id))?))
            .build()
            .map_err(build)?;
        let whose = Put::builder()
            .table_name(&self.table)
            .set_item(Some(whose(ended)))
            .build()
            .map_err(build)?;
        let put = |put| TransactWriteItem::builder().put(put).build();
        let write = self
            .dynamodb
            .transact_write_items()
            .transact_items(put(latest))
            .transact_items(put(kept))
            .transact_items(put(whose));
        let conflicts = |error: &SdkError<_>| cancelled_by(error, CONFLICT);
        let Err(error) = again_while(conflicts, || write.clone().send()).await else {
            return Ok(true);
        };
        if cancelled_by(&error, CHECK_FAILED) { Ok(false) } else { Err(call_failed(CALL, &error)) }
    }

    async fn count(&self, occurrence: &Occurrence) -> Result<Occurrences, CallFailed> {
        self.count_repeat(occurrence).await
    }

    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        instance: &InstanceId,
        at: Timestamp,
    ) -> Result<(), CallFailed> {
        const CALL: &str = "dynamodb:UpdateItem";
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pool::partition(&Pool::Group(group.clone()))))
            .key("sk", text(&pool::replaced_row(symptom)))
            .update_expression("ADD replaced :at SET #ttl = :ttl")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(
                ":at",
                AttributeValue::Ss(vec![format!("{} {instance}", at.as_second())]),
            )
            .expression_attribute_values(":ttl", number((at + KEPT).as_second()))
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        Ok(())
    }

    async fn keep_tries(
        &self,
        pool: &Pool,
        symptom: Symptom,
        rung: Rung,
        tries: &Tries,
    ) -> Result<bool, CallFailed> {
        self.write_tries(pool, symptom, rung, tries).await
    }

    async fn kept(
        &self,
        instance: Option<&InstanceId>,
        incident: &IncidentId,
    ) -> Result<Option<Incident>, CallFailed> {
        let found;
        let instance = match instance {
            Some(instance) => instance,
            None => match self.whose(incident).await? {
                Some(instance) => {
                    found = instance;
                    &found
                }
                None => return Ok(None),
            },
        };
        let sorts = ["incident".to_owned(), format!("ended#{incident}")];
        let rows = self.rows(sorts.map(|sort| (partition(instance), sort))).await?;
        for row in &rows {
            let found = incident_of(BATCH_GET, row)?;
            if found.id == *incident {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn who_is_due(&self, now: Timestamp) -> Result<Vec<DueOne>, CallFailed> {
        // The index has no key to ask by, and holds nothing that is not open.
        let scan = self
            .dynamodb
            .scan()
            .table_name(&self.table)
            .index_name(OPEN)
            .filter_expression("due_at <= :now")
            .expression_attribute_values(":now", number(now.as_second()));
        let (mut due, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = scan.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| call_failed(SCAN, &error))?;
            due.extend(page.items().iter().filter_map(due_one));
            after = page.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        due.sort_by_key(|one| one.at);
        Ok(due)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, CallFailed> {
        let mut ids: Vec<InstanceId> =
            self.who_is_due(now).await?.into_iter().map(|one| one.instance).collect();
        ids.truncate(limit);
        let mut due = Due::default();
        for ids in ids.chunks(HISTORIES_MAX) {
            for history in self.histories_of(ids).await {
                match history {
                    Ok(history) => due.incidents.extend(history.latest),
                    Err(failed) => due.unreadable.push(failed),
                }
            }
        }
        due.incidents.retain(|incident| incident.stage.is_open());
        Ok(due)
    }
}

impl Aws {
    /// What the ledger holds about `id`, read consistently.
    pub(crate) async fn history_of(&self, id: &InstanceId) -> Result<History, CallFailed> {
        let pauses = pause::key();
        let rows = self.rows([(partition(id), "incident".to_owned()), pauses.clone()]).await?;
        let mut history = History::default();
        for row in &rows {
            if row.get("pk").and_then(|pk| pk.as_s().ok()) == Some(&pauses.0) {
                history.pauses = pause::all(BATCH_GET, row)?;
            } else {
                history.latest = Some(incident_of(BATCH_GET, row)?);
            }
        }
        Ok(history)
    }

    /// What the ledger holds about each of `ids`, read consistently. What a throttled table
    /// leaves out is not known.
    pub(crate) async fn histories_of(
        &self,
        ids: &[InstanceId],
    ) -> Vec<Result<History, CallFailed>> {
        let pauses = pause::key();
        let keys = ids.iter().map(|id| (partition(id), "incident".to_owned()));
        let (rows, left) = match self.rows_but(keys.chain([pauses.clone()])).await {
            Ok(answer) => answer,
            Err(failed) => return ids.iter().map(|_| Err(failed.clone())).collect(),
        };
        let by_partition = |row| Some((partition_of(row)?, row));
        let rows: HashMap<&str, &Row> = rows.iter().filter_map(by_partition).collect();
        let left: HashSet<&str> = left.iter().filter_map(partition_of).collect();
        let answer = |id: &InstanceId| {
            let own = partition(id);
            if [own.as_str(), pauses.0.as_str()].iter().any(|key| left.contains(key)) {
                return Err(incomplete(BATCH_GET, "answer for some of the keys"));
            }
            let noted = rows.get(pauses.0.as_str()).map(|row| pause::all(BATCH_GET, row));
            let latest = rows.get(own.as_str()).map(|row| incident_of(BATCH_GET, row));
            Ok(History {
                pauses: noted.transpose()?.unwrap_or_default(),
                latest: latest.transpose()?,
            })
        };
        ids.iter().map(answer).collect()
    }

    /// Whose the incident was, if it has ended and that was written down.
    async fn whose(&self, incident: &IncidentId) -> Result<Option<InstanceId>, CallFailed> {
        let rows = self.rows([(format!("ended#{incident}"), WHOSE.to_owned())]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let named = row.get("instance_id").and_then(|it| it.as_s().ok());
        let named = named.ok_or_else(|| incomplete(BATCH_GET, "attribute instance_id"))?;
        InstanceId::new(named.as_str())
            .map(Some)
            .map_err(|error| CallFailed { call: BATCH_GET, why: error.to_string() })
    }

    /// Those of the rows with these keys that there are, read consistently.
    pub(crate) async fn rows<const N: usize>(
        &self,
        keys: [(String, String); N],
    ) -> Result<Vec<Row>, CallFailed> {
        let (rows, left) = self.rows_but(keys).await?;
        // A throttled table answers a part: what is missing is not known.
        if !left.is_empty() {
            return Err(incomplete(BATCH_GET, "answer for some of the keys"));
        }
        Ok(rows)
    }

    /// Those of the rows with these keys that there are, read consistently, and the keys that
    /// were not looked up.
    async fn rows_but(
        &self,
        keys: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Vec<Row>, Vec<Row>), CallFailed> {
        let keys = keys.into_iter().map(|(partition, sort)| {
            Row::from([("pk".to_owned(), text(&partition)), ("sk".to_owned(), text(&sort))])
        });
        let asked = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(true)
            .build()
            .map_err(|error| CallFailed { call: BATCH_GET, why: error.to_string() })?;
        let mut answer = self
            .dynamodb
            .batch_get_item()
            .request_items(&self.table, asked)
            .send()
            .await
            .map_err(|error| call_failed(BATCH_GET, &error))?;
        let rows = answer.responses.as_mut().and_then(|tables| tables.remove(&self.table));
        let left = answer.unprocessed_keys.as_mut().and_then(|left| left.remove(&self.table));
        let left = left.map(|left| left.keys).unwrap_or_default();
        Ok((rows.unwrap_or_default(), left))
    }

    /// Writes an incident and takes the slot of its lease, both or neither.
    async fn put_with_lease(
        &self,
        put: PutBuilder,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Result<(), Cancelled>, CallFailed> {
        let build = |error: BuildError| CallFailed { call: TRANSACT, why: error.to_string() };
        let put = put.table_name(&self.table).build().map_err(build)?;
        let write = self
            .dynamodb
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(self.taking(lease, now)?).build());
        let Err(error) = write.send().await else {
            return Ok(Ok(()));
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Err(call_failed(TRANSACT, &error));
        };
        match canceled.cancellation_reasons() {
            [incident, _] if incident.code() == Some(CHECK_FAILED) => {
                Ok(Err(Cancelled::Incident(incident.item().cloned())))
            }
            // Another transaction on the pool's row at the same moment counts
            // as the slot being taken: the next beat asks again.
            [_, slot] if matches!(slot.code(), Some(CHECK_FAILED | CONFLICT)) => {
                Ok(Err(Cancelled::Slot))
            }
            _ => Err(call_failed(TRANSACT, &error)),
        }
    }

    fn put(&self, incident: &Incident) -> Result<PutItemFluentBuilder, CallFailed> {
        Ok(self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row(incident, "incident")?)))
    }
}

/// Whether a part of a transaction was not carried out for the reason `code`.
pub(crate) fn cancelled_by(error: &SdkError<TransactWriteItemsError>, code: &str) -> bool {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code))
        }
        _ => false,
    }
}

fn row(incident: &Incident, sort: &str) -> Result<Row, CallFailed> {
    let json = serde_json::to_string(incident)
        .map_err(|error| CallFailed { call: PUT, why: error.to_string() })?;
    let forgotten = incident.expires_at + KEPT;
    let answered = incident.answered.iter().map(|action| text(action.as_str())).collect();
    let mut row = Row::from(
        [
            ("pk", text(&partition(&incident.instance_id))),
            ("sk", text(sort)),
            ("incident_id", text(incident.id.as_str())),
            ("action_id", text(incident.transition_id.as_str())),
            ("answered", AttributeValue::L(answered)),
            ("is_open", AttributeValue::Bool(incident.stage.is_open())),
            ("expires_at", number(incident.expires_at.as_second())),
            ("version", number(i64::try_from(incident.version).unwrap_or(i64::MAX))),
            (TTL, number(forgotten.as_second())),
            ("incident", text(&json)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if incident.stage.is_open() {
        row.insert("due_at".to_owned(), number(incident.due_at.as_second()));
    }
    Ok(row)
}

/// The row that finds an incident which has ended by its id alone.
fn whose(ended: &Incident) -> Row {
    let forgotten = ended.expires_at + KEPT;
    Row::from(
        [
            ("pk", text(&format!("ended#{}", ended.id))),
            ("sk", text(WHOSE)),
            ("instance_id", text(ended.instance_id.as_str())),
            (TTL, number(forgotten.as_second())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// What already stood where `incident` was to be written. If it is the very same, an
/// earlier try has written it and only its answer was lost. The incident of another
/// delivery differs, if only in its time.
fn met(call: &'static str, incident: &Incident, row: Option<&Row>) -> Result<Recorded, CallFailed> {
    let row = row.ok_or_else(|| incomplete(call, "conflicting row"))?;
    let other = incident_of(call, row)?;
    Ok(if other == *incident { Recorded::New } else { Recorded::Already(Box::new(other)) })
}

fn version_before(incident: &Incident) -> i64 {
    i64::try_from(incident.version.saturating_sub(1)).unwrap_or(i64::MAX)
}

fn partition(id: &InstanceId) -> String {
    format!("instance#{id}")
}

/// What a row of the index says. One that names no instance is none of ours.
fn due_one(row: &Row) -> Option<DueOne> {
    let instance = partition_of(row)?.strip_prefix("instance#")?;
    let at = row.get("due_at")?.as_n().ok()?.parse().ok()?;
    Some(DueOne { instance: InstanceId::new(instance).ok()?, at: Timestamp::from_second(at).ok()? })
}

fn partition_of(row: &Row) -> Option<&str> {
    row.get("pk")?.as_s().ok().map(String::as_str)
}

fn incident_of(call: &'static str, row: &Row) -> Result<Incident, CallFailed> {
    let attribute = |name| row.get(name).and_then(|value| value.as_s().ok());
    let json = attribute("incident").ok_or_else(|| incomplete(call, "attribute incident"))?;
    serde_json::from_str(json).map_err(|error| {
        let of = attribute("pk").map_or("a row", String::as_str);
        CallFailed { call, why: format!("the incident of {of} cannot be read: {error}") }
    })
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
