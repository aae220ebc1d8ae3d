//! The ledger's table, as a rehearsal keeps it too.

pub(crate) use rehearsal::ledger::Move;
pub use rehearsal::ledger::{Book, Flaw};
