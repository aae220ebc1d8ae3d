//! What Lambda is told about a batch of a queue's messages (Lambda developer guide,
//! "Implementing partial batch responses with Amazon SQS"): those that have no answer come again,
//! and the others are done with.

use lambda_runtime::tracing;
use serde::Serialize;

use crate::serve::InvocationError;

/// The messages of a batch that come again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch {
    batch_item_failures: Vec<Item>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: String,
}

impl Batch {
    /// The answer about a batch of so many messages, some of which come `again`. A batch that
    /// has no answer at all is a failed invocation, which Lambda counts and its alarm tells of;
    /// its messages come again, too.
    pub(crate) fn answer(
        count: usize,
        again: Vec<(String, InvocationError)>,
    ) -> Result<Self, InvocationError> {
        let is_all = again.len() >= count;
        let mut failures = Vec::new();
        for (message, error) in again {
            let (kind, why) = (error.kind, &error.message);
            tracing::error!(message_id = message, error_type = kind, "it comes again: {why}");
            if is_all {
                return Err(error);
            }
            failures.push(Item { item_identifier: message });
        }
        Ok(Self { batch_item_failures: failures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_comes_again_and_what_fails_as_a_whole_is_an_error() {
        let failed = |id: &str| {
            let error = InvocationError { kind: "UnreadableEvent", message: "body".to_owned() };
            (id.to_owned(), error)
        };
        let json = |batch: Batch| serde_json::to_string(&batch).unwrap();
        let none = Batch::answer(3, Vec::new()).map(json).map_err(|error| error.kind);
        assert_eq!(none, Ok(r#"{"batchItemFailures":[]}"#.to_owned()));
        let some = Batch::answer(3, vec![failed("a"), failed("c")]);
        assert_eq!(
            some.map(json).map_err(|error| error.kind),
            Ok(r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}"#.into())
        );
        let all = Batch::answer(2, vec![failed("a"), failed("b")]);
        assert_eq!(all.map(json).map_err(|error| error.kind), Err("UnreadableEvent"));
    }
}
