//! The pauses in the ledger: one row, an attribute for each scope. Pauses are
//! written by people, so they are few, and one read gives them all.

use aws_sdk_dynamodb::types::ReturnValue;
use remedy::model::pause::{Pause, Scope};
use remedy::model::unknown::CallFailed;

use crate::clients::Aws;
use crate::failure::call_failed;
use crate::ledger::{Row, text};

const UPDATE: &str = "dynamodb:UpdateItem";

/// Partition and sort key of the row.
const PAUSES: &str = "pauses";

/// The row's key.
pub(crate) fn key() -> (String, String) {
    (PAUSES.to_owned(), PAUSES.to_owned())
}

/// Every pause in the row. One that cannot be read is an error: a garbled pause must not
/// let anything begin.
pub(crate) fn all(call: &'static str, row: &Row) -> Result<Vec<Pause>, CallFailed> {
    let written = row.iter().filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk"));
    let read = |(scope, value): (&String, &aws_sdk_dynamodb::types::AttributeValue)| {
        let json = value.as_s().map(String::as_str).unwrap_or_default();
        serde_json::from_str(json).map_err(|error| CallFailed {
            call,
            why: format!("the pause of {scope} is garbled: {error}"),
        })
    };
    written.map(read).collect()
}

impl Aws {
    /// Every pause there is.
    pub(crate) async fn read_pauses(&self) -> Result<Vec<Pause>, CallFailed> {
        let rows = self.rows([key()]).await?;
        rows.first().map_or(Ok(Vec::new()), |row| all("dynamodb:BatchGetItem", row))
    }

    /// Writes `pause`, and forgets those that had ended by then.
    pub(crate) async fn write_pause(&self, pause: &Pause) -> Result<Vec<Pause>, CallFailed> {
        let json = serde_json::to_string(pause)
            .map_err(|error| CallFailed { call: UPDATE, why: error.to_string() })?;
        let mut write = self
            .dynamodb
            .update_item()
            .expression_attribute_names("#scope", pause.scope.to_string())
            .expression_attribute_values(":pause", text(&json));
        let ended = |old: &Pause| !old.is_in_force(pause.since) && old.scope != pause.scope;
        let mut forgotten = Vec::new();
        for old in self.read_pauses().await?.into_iter().filter(ended) {
            let name = format!("#ended{}", forgotten.len());
            write = write.expression_attribute_names(&name, old.scope.to_string());
            forgotten.push(name);
        }
        let remove = if forgotten.is_empty() { "" } else { " REMOVE " };
        let expression = format!("SET #scope = :pause{remove}{}", forgotten.join(", "));
        let (partition, sort) = key();
        let written = write
            .table_name(&self.table)
            .key("pk", text(&partition))
            .key("sk", text(&sort))
            .update_expression(expression)
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| call_failed(UPDATE, &error))?;
        written.attributes().map_or(Ok(Vec::new()), |row| all(UPDATE, row))
    }

    /// Removes the pause of `scope`.
    pub(crate) async fn remove_pause(&self, scope: &Scope) -> Result<Vec<Pause>, CallFailed> {
        let (partition, sort) = key();
        let written = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&partition))
            .key("sk", text(&sort))
            .update_expression("REMOVE #scope")
            .expression_attribute_names("#scope", scope.to_string())
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| call_failed(UPDATE, &error))?;
        written.attributes().map_or(Ok(Vec::new()), |row| all(UPDATE, row))
    }
}
