//! The ledger in `DynamoDB`.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `instance#<id>` | `incident` | the newest incident of the instance |
//! | `instance#<id>` | `ended#<incident>` | an incident that has ended, kept for 90 days |
//! | `group#<name>` | `replaced#<symptom>` | when members were replaced for it |
//!
//! An incident stands in one attribute as JSON; beside it stand, as attributes
//! of their own, the few values that conditions and the index ask about. Open
//! incidents carry `due_shard` and `due_at`, so that the index `due` holds them
//! and nothing else.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use jiff::{SignedDuration, Timestamp};
use remedy::alarm::Symptom;
use remedy::facts::Gap;
use remedy::ids::{GroupName, InstanceId};
use remedy::incident::Incident;
use remedy::ledger::{Ledger, Recorded};

use crate::clients::Aws;
use crate::failure::{gap, incomplete};

const PUT: &str = "dynamodb:PutItem";
const GET: &str = "dynamodb:GetItem";
const QUERY: &str = "dynamodb:Query";

/// The index of open incidents by the time they are due, and its one
/// partition: a fleet has few incidents at a time.
const DUE: &str = "due";

const OVER_THE_VERSION_BEFORE: &str = "incident_id = :incident_id AND version = :before";

/// Rows stay this long after their incident no longer holds its instance, so
/// that people and later decisions can look back.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

type Row = HashMap<String, AttributeValue>;

impl Ledger for Aws {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, Gap> {
        let put = self
            .put(incident)?
            // The expiry is in the condition: DynamoDB deletes expired rows
            // only within days.
            .condition_expression(
                "attribute_not_exists(pk) OR \
                 (action_id <> :action_id AND NOT contains(answered, :action_id) \
                 AND (is_open = :no OR expires_at <= :now))",
            )
            .expression_attribute_values(":action_id", text(incident.action_id.as_str()))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else {
            return Ok(Recorded::New);
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let row = failed.item().ok_or_else(|| incomplete(PUT, "conflicting row"))?;
                let other = incident_of(PUT, row)?;
                // The SDK tries again when an answer is lost, and then meets
                // itself. Another delivery differs, by its nanosecond at least.
                Ok(if other == *incident {
                    Recorded::New
                } else {
                    Recorded::Already(Box::new(other))
                })
            }
            _ => Err(gap(PUT, &error)),
        }
    }

    async fn record(&self, incident: &Incident) -> Result<bool, Gap> {
        if !incident.stage.is_open() {
            return self.end(incident).await;
        }
        let put = self
            .put(incident)?
            .condition_expression(OVER_THE_VERSION_BEFORE)
            .expression_attribute_values(":incident_id", text(incident.id.as_str()))
            .expression_attribute_values(":before", number(version_before(incident)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            // A try whose answer was lost may have written this very row.
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let other = failed.item().map(|row| incident_of(PUT, row)).transpose()?;
                Ok(other.as_ref() == Some(incident))
            }
            _ => Err(gap(PUT, &error)),
        }
    }

    async fn note_replacement(
        &self,
        group: &GroupName,
        symptom: Symptom,
        at: Timestamp,
    ) -> Result<(), Gap> {
        const CALL: &str = "dynamodb:UpdateItem";
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&format!("group#{group}")))
            .key("sk", text(&format!("replaced#{symptom}")))
            .update_expression("ADD replaced :at SET forgotten_at = :forgotten_at")
            .expression_attribute_values(
                ":at",
                AttributeValue::Ns(vec![at.as_second().to_string()]),
            )
            .expression_attribute_values(":forgotten_at", number((at + KEPT).as_second()))
            .send()
            .await
            .map_err(|error| gap(CALL, &error))?;
        Ok(())
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Incident>, Gap> {
        let answer = self
            .dynamodb
            .query()
            .table_name(&self.table)
            .index_name(DUE)
            .key_condition_expression("due_shard = :due AND due_at <= :now")
            .expression_attribute_values(":due", text(DUE))
            .expression_attribute_values(":now", number(now.as_second()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| gap(QUERY, &error))?;
        answer.items().iter().map(|row| incident_of(QUERY, row)).collect()
    }
}

impl Aws {
    /// The newest incident of `id`, read consistently.
    pub(crate) async fn latest_incident(&self, id: &InstanceId) -> Result<Option<Incident>, Gap> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", text(&partition(id)))
            .key("sk", text("incident"))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| gap(GET, &error))?;
        answer.item().map(|row| incident_of(GET, row)).transpose()
    }

    /// When members of `group` were replaced for `symptom`, oldest first.
    pub(crate) async fn replacements(
        &self,
        group: &GroupName,
        symptom: Symptom,
    ) -> Result<Vec<Timestamp>, Gap> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", text(&format!("group#{group}")))
            .key("sk", text(&format!("replaced#{symptom}")))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| gap(GET, &error))?;
        let Some(seconds) = answer.item().and_then(|row| row.get("replaced")?.as_ns().ok()) else {
            return Ok(Vec::new());
        };
        let mut at: Vec<Timestamp> = seconds
            .iter()
            .filter_map(|second| Timestamp::from_second(second.parse().ok()?).ok())
            .collect();
        at.sort();
        Ok(at)
    }

    /// Ends an incident: its row stops being open, and it stays as a row of
    /// its own, both or neither.
    async fn end(&self, incident: &Incident) -> Result<bool, Gap> {
        const CALL: &str = "dynamodb:PutItem";
        let build = |error: BuildError| Gap { call: CALL, why: error.to_string() };
        let latest = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row(incident, "incident")?))
            .condition_expression(OVER_THE_VERSION_BEFORE)
            .expression_attribute_values(":incident_id", text(incident.id.as_str()))
            .expression_attribute_values(":before", number(version_before(incident)))
            .build()
            .map_err(build)?;
        let kept = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row(incident, &format!("ended#{}", incident.id))?))
            .build()
            .map_err(build)?;
        let write = self
            .dynamodb
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(latest).build())
            .transact_items(TransactWriteItem::builder().put(kept).build());
        let Err(error) = write.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled))
                if canceled
                    .cancellation_reasons()
                    .iter()
                    .any(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
            {
                Ok(false)
            }
            _ => Err(gap(CALL, &error)),
        }
    }

    fn put(&self, incident: &Incident) -> Result<PutItemFluentBuilder, Gap> {
        Ok(self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row(incident, "incident")?)))
    }
}

fn row(incident: &Incident, sort: &str) -> Result<Row, Gap> {
    let json = serde_json::to_string(incident)
        .map_err(|error| Gap { call: PUT, why: error.to_string() })?;
    let forgotten = incident.expires_at + KEPT;
    let answered = incident.answered.iter().map(|action| text(action.as_str())).collect();
    let mut row = Row::from(
        [
            ("pk", text(&partition(&incident.instance_id))),
            ("sk", text(sort)),
            ("incident_id", text(incident.id.as_str())),
            ("action_id", text(incident.action_id.as_str())),
            ("answered", AttributeValue::L(answered)),
            ("is_open", AttributeValue::Bool(incident.stage.is_open())),
            ("expires_at", number(incident.expires_at.as_second())),
            ("version", number(i64::try_from(incident.version).unwrap_or(i64::MAX))),
            ("forgotten_at", number(forgotten.as_second())),
            ("incident", text(&json)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if incident.stage.is_open() {
        row.insert("due_shard".to_owned(), text(DUE));
        row.insert("due_at".to_owned(), number(incident.due_at.as_second()));
    }
    Ok(row)
}

fn version_before(incident: &Incident) -> i64 {
    i64::try_from(incident.version.saturating_sub(1)).unwrap_or(i64::MAX)
}

fn partition(id: &InstanceId) -> String {
    format!("instance#{id}")
}

fn incident_of(call: &'static str, row: &Row) -> Result<Incident, Gap> {
    let json = row
        .get("incident")
        .and_then(|value| value.as_s().ok())
        .ok_or_else(|| incomplete(call, "attribute incident"))?;
    serde_json::from_str(json)
        .map_err(|error| Gap { call, why: format!("the row's incident cannot be read: {error}") })
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
