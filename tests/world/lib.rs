//! A small honest simulated AWS region.
//!
//! It implements Remedy's four ports and keeps the promises AWS keeps, and no
//! others: an agent stays `Online` after it died, a group replaces a member
//! marked unhealthy some time later and with a new id, or a member that reboots
//! in service behind a load balancer; a metric comes late or not at all; a
//! conditional write is won by one writer; an answer can be lost after the call
//! took effect, and a function can die at any call.
//!
//! Nothing here happens by itself. Time moves when [`Region::pass`] says so, and in a region
//! whose [`quotas`](Region::grant) count while calls are answered;
//! then everything due happens in one fixed order, so a run can always be
//! repeated. No runtime drives it: [`drive`] polls by hand, which also lets a
//! test choose how concurrent invocations interleave.

pub mod calls;
pub mod command;
pub mod disk;
pub mod drill;
pub mod drive;
pub mod explore;
pub mod fleet;
pub mod group;
pub mod host;
pub mod ledger;
pub mod otherwise;
pub mod quota;
pub mod region;
pub mod rehearse;
pub mod script;
pub mod storm;
pub mod watch;

mod answers;
mod happen;
mod metrics;
mod ports;
mod ports_at_many;
mod replica;
mod well;
mod words;

pub use region::Region;
pub use words::stage;
