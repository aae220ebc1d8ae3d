//! The ledger's service. One lock holds all tables while a request is answered,
//! so a condition and the write that hangs on it are one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::expression::{Names, holds, update};
use super::wire::{Reply, Request, unknown};

/// An item, as `DynamoDB` writes it: each value in an object that names its type.
pub(crate) type Item = Map<String, Value>;

/// Rows by table, partition and sort key.
#[derive(Debug, Default)]
pub(crate) struct Tables(BTreeMap<(String, String, String), Item>);

impl Tables {
    /// The partition keys of all rows with this sort key.
    pub(crate) fn keys(&self, sort: &str) -> Vec<String> {
        let rows = self.0.keys().filter(|(_, _, sk)| sk == sort);
        rows.map(|(_, pk, _)| pk.clone()).collect()
    }
}

pub(crate) fn answer(tables: &mut Tables, request: &Request) -> Reply {
    let asked = request.json();
    match request.operation.as_str() {
        "GetItem" => found(tables.0.get(&key(&asked, &asked["Key"]))),
        "BatchGetItem" => batch(tables, &asked),
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            match write(tables, &request.operation, &asked) {
                Ok(change) => {
                    change.apply(tables);
                    Reply::json(&json!({}))
                }
                Err(old) => refused(&asked, old.as_ref()),
            }
        }
        "TransactWriteItems" => transact(tables, &asked),
        "Scan" => scan(tables, &asked),
        _ => unknown(request),
    }
}

/// Where an item stands, by its own keys or by the request's.
fn key(asked: &Value, item: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&asked["TableName"]), text(&item["pk"]["S"]), text(&item["sk"]["S"]))
}

fn found(item: Option<&Item>) -> Reply {
    Reply::json(&item.map_or_else(|| json!({}), |item| json!({ "Item": item })))
}

/// A write whose condition holds.
struct Change {
    key: (String, String, String),
    item: Option<Item>,
}

impl Change {
    fn apply(self, tables: &mut Tables) {
        match self.item {
            Some(item) => tables.0.insert(self.key, item),
            None => tables.0.remove(&self.key),
        };
    }
}

/// The change a write would make, or the item its condition fails on.
fn write(tables: &Tables, operation: &str, asked: &Value) -> Result<Change, Option<Item>> {
    let own = if operation == "PutItem" { &asked["Item"] } else { &asked["Key"] };
    let key = key(asked, own);
    let old = tables.0.get(&key);
    let names = Names::of(asked);
    if let Some(condition) = asked["ConditionExpression"].as_str()
        && !holds(condition, &names, old)
    {
        return Err(old.cloned());
    }
    let item = match operation {
        "PutItem" => own.as_object().cloned(),
        "UpdateItem" => {
            let fresh = || own.as_object().cloned().unwrap_or_default();
            let mut item = old.cloned().unwrap_or_else(fresh);
            update(asked["UpdateExpression"].as_str().unwrap_or_default(), &names, &mut item);
            Some(item)
        }
        _ => None,
    };
    Ok(Change { key, item })
}

fn refused(asked: &Value, old: Option<&Item>) -> Reply {
    let shown = asked["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
    let more = match old.filter(|_| shown) {
        Some(item) => json!({ "Item": item }),
        None => json!({}),
    };
    let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    Reply::error(code, "The conditional request failed", more)
}

/// All or none: first every condition, then every write.
fn transact(tables: &mut Tables, asked: &Value) -> Reply {
    let names = ["Put", "Update", "Delete", "ConditionCheck"];
    let operation = |name: &str| format!("{name}Item");
    let mut changes = Vec::new();
    let mut reasons = Vec::new();
    for part in asked["TransactItems"].as_array().into_iter().flatten() {
        let Some((name, part)) = names.iter().find_map(|name| Some((*name, part.get(name)?)))
        else {
            continue;
        };
        match write(tables, &operation(name), part) {
            Ok(change) => {
                changes.extend((name != "ConditionCheck").then_some(change));
                reasons.push(json!({ "Code": "None" }));
            }
            Err(old) => {
                let shown = part["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
                let mut reason = json!({ "Code": "ConditionalCheckFailed",
                    "Message": "The conditional request failed" });
                if let (true, Some(item), Some(fields)) = (shown, old, reason.as_object_mut()) {
                    fields.insert("Item".to_owned(), json!(item));
                }
                reasons.push(reason);
            }
        }
    }
    if reasons.iter().all(|reason| reason["Code"] == "None") {
        for change in changes {
            change.apply(tables);
        }
        return Reply::json(&json!({}));
    }
    let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    Reply::error(code, message, json!({ "CancellationReasons": reasons }))
}

fn batch(tables: &Tables, asked: &Value) -> Reply {
    let mut responses = Map::new();
    for (table, wanted) in asked["RequestItems"].as_object().into_iter().flatten() {
        let keys = wanted["Keys"].as_array().into_iter().flatten();
        let own = json!({ "TableName": table });
        let items = keys.filter_map(|item| tables.0.get(&key(&own, item)));
        responses.insert(table.clone(), items.cloned().map(Value::Object).collect());
    }
    Reply::json(&json!({ "Responses": responses, "UnprocessedKeys": {} }))
}

/// Rows that meet the filter, which only those with the keys of the index do.
fn scan(tables: &Tables, asked: &Value) -> Reply {
    let condition = asked["FilterExpression"].as_str().unwrap_or_default();
    let names = Names::of(asked);
    let table = asked["TableName"].as_str().unwrap_or_default();
    let limit = asked["Limit"].as_u64().and_then(|n| usize::try_from(n).ok());
    let rows = tables.0.iter().filter(|((name, _, _), _)| name == table);
    let met = rows.filter(|(_, item)| holds(condition, &names, Some(item)));
    let items: Vec<&Item> = met.map(|(_, item)| item).take(limit.unwrap_or(usize::MAX)).collect();
    Reply::json(&json!({ "Items": items, "Count": items.len(), "ScannedCount": items.len() }))
}
