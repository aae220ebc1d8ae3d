//! The template: what its linters do not know. Each function's role against the calls in the
//! source, and everything that an emulator would let pass.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod alarms;
mod functions;
mod permissions;
mod watch;
mod yaml;
