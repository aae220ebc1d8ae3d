//! What each room promises, as tables: one row for each rule, and the row's
//! name says the rule. Take a rule away and its row fails.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod act;
mod alarm;
mod decide;
mod given;
mod guard;
mod ledger;
mod notify;
