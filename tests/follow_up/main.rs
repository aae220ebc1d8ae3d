//! The follow-up from end to end, in the simulated region.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod asking;
mod brake;
mod crash;
mod grow;
mod guards;
mod intake;
mod play;
mod queue;
mod service_down;
mod stories;
mod storm;
mod unreachable;
