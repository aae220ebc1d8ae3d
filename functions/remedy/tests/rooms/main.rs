//! What each part of the pipeline promises, as tables: one row for each rule, and the row's
//! name says the rule. Take a rule away and its row fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod alarm;
mod ask_host;
mod climb;
mod decide;
mod doctor;
mod given;
mod grow;
mod guard;
mod metrics;
mod next;
mod notify;
mod told;
mod witnesses;
