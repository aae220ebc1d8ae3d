//! The ledger in `DynamoDB`: one row for each instance, which holds its newest
//! incident. The whole incident stands in one attribute as JSON; beside it
//! stand, as attributes of their own, the few values that conditions ask about.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use remedy::facts::Gap;
use remedy::ids::InstanceId;
use remedy::incident::Incident;
use remedy::ledger::{Ledger, Recorded};

use crate::clients::Aws;
use crate::failure::{gap, incomplete};

const PUT: &str = "dynamodb:PutItem";
const GET: &str = "dynamodb:GetItem";

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
                 (action_id <> :action_id AND (is_open = :no OR expires_at <= :now))",
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
        let before = i64::try_from(incident.version.saturating_sub(1)).unwrap_or(i64::MAX);
        let put = self
            .put(incident)?
            .condition_expression("incident_id = :incident_id AND version = :before")
            .expression_attribute_values(":incident_id", text(incident.id.as_str()))
            .expression_attribute_values(":before", number(before))
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

    fn put(&self, incident: &Incident) -> Result<PutItemFluentBuilder, Gap> {
        let json = serde_json::to_string(incident)
            .map_err(|error| Gap { call: PUT, why: error.to_string() })?;
        let forgotten = incident.expires_at + KEPT;
        Ok(self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .item("pk", text(&partition(&incident.instance_id)))
            .item("sk", text("incident"))
            .item("incident_id", text(incident.id.as_str()))
            .item("action_id", text(incident.action_id.as_str()))
            .item("is_open", AttributeValue::Bool(incident.stage.is_open()))
            .item("expires_at", number(incident.expires_at.as_second()))
            .item("version", number(i64::try_from(incident.version).unwrap_or(i64::MAX)))
            .item("forgotten_at", number(forgotten.as_second()))
            .item("incident", text(&json)))
    }
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
