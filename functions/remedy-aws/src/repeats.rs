//! Repeats in the ledger: for each group, cause and day one row, with two
//! attributes for each window that had any: `n<time>` counts, and `by<time>`
//! says who was first. One write counts and reads.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::{SignedDuration, Timestamp};
use remedy::model::repeats::{Occurrence, Occurrences};
use remedy::model::unknown::CallFailed;

use crate::clients::Aws;
use crate::failure::{call_failed, incomplete};
use crate::ledger::TTL;

const UPDATE: &str = "dynamodb:UpdateItem";

/// Nobody asks for the repeats of the day before yesterday.
const KEPT: SignedDuration = SignedDuration::from_hours(48);

impl Aws {
    pub(crate) async fn count_repeat(
        &self,
        occurrence: &Occurrence,
    ) -> Result<Occurrences, CallFailed> {
        let group = occurrence.group.as_ref().map(|group| format!("group#{group}"));
        let whose = group.unwrap_or_else(|| "standalone".to_owned());
        let time = time(occurrence.window);
        let (counts, first) = (format!("n{time}"), format!("by{time}"));
        let text = |value: String| AttributeValue::S(value);
        let ttl = (occurrence.window + KEPT).as_second().to_string();
        let answer = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(format!("repeats#{whose}")))
            .key(
                "sk",
                text(format!("{}#{}", occurrence.cause, occurrence.window.strftime("%Y-%m-%d"))),
            )
            .update_expression("SET #by = if_not_exists(#by, :by), #ttl = :ttl ADD #n :one")
            .expression_attribute_names("#n", &counts)
            .expression_attribute_names("#by", &first)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":by", text(occurrence.by.clone()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":ttl", AttributeValue::N(ttl))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| call_failed(UPDATE, &error))?;
        let row = answer.attributes().ok_or_else(|| incomplete(UPDATE, "attributes"))?;
        let number = |value: &AttributeValue| value.as_n().ok()?.parse::<u64>().ok();
        let windows = row.iter().filter_map(|(name, value)| Some((name.strip_prefix('n')?, value)));
        let before = windows.filter(|(other, _)| *other < time.as_str()).max_by_key(|(at, _)| *at);
        Ok(Occurrences {
            is_first: row.get(&first).and_then(|by| by.as_s().ok()) == Some(&occurrence.by),
            here: row.get(&counts).and_then(number).ok_or_else(|| incomplete(UPDATE, "count"))?,
            before: before.and_then(|(_, value)| number(value)).unwrap_or_default(),
        })
    }
}

/// A window's time of day, in the order of time.
fn time(window: Timestamp) -> String {
    window.strftime("%H%M").to_string()
}
