//! A rehearsal: the alarms of the past, turned into the very events that the functions read, and
//! run down the same road over a world that answers from history.
//!
//! Nothing here is decided. What no history holds is of three kinds, and every line says which:
//! known then, taken as of today, or unknowable. What is unknowable is played both ways.

pub mod account;
pub mod event;
pub mod history;
pub mod ledger;
pub mod look_back;
pub mod page;
pub mod play;
pub mod report;
pub mod setting;
pub mod then;
pub mod timeline;

mod course;
mod host_says;
