//! Rows of the ledger: whoever may write to the table writes them, and other versions of ours.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use remedy::model::incident::Incident;

use crate::change::{change, changed};
use crate::{at_once, config};

/// Rows as they were written, one for each stage and each thing that is rarely there.
static ROWS: LazyLock<Vec<String>> =
    LazyLock::new(|| include_str!("../rows/0.1.0.jsonl").lines().map(str::to_owned).collect());

fn read(row: &str) -> serde_json::Result<Incident> {
    serde_json::from_str(row)
}

/// Holds the reading of one row to what must be true of any: what was read is what is written,
/// or another writer's row would pass for one's own.
fn hold(row: &str) -> Result<(), TestCaseError> {
    let Ok(incident) = at_once(row, read) else { return Ok(()) };
    prop_assert!(row.contains(incident.instance_id.as_str()), "{incident:?}");
    let written = serde_json::to_string(&incident).unwrap();
    let again = at_once(&written, read);
    prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(incident));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_changed_row_is_read_without_panic_and_written_as_it_was_read(
        at in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..5),
    ) {
        let row = at.get(&ROWS);
        hold(&changes.iter().fold(row.clone(), |row, change| changed(&row, change)))?;
    }
}

#[test]
fn a_row_that_nobody_has_changed_is_read() {
    for row in ROWS.iter() {
        assert!(read(row).is_ok(), "{row}");
    }
}
