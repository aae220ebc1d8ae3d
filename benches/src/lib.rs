//! What the functions cost, and what they do in a storm.
//!
//! | file | what |
//! |---|---|
//! | `stub/` | a little AWS that answers thousands of calls a second |
//! | `runtime_api` | Lambda's side of the functions |
//! | `process` | a running function: its time, memory and share of a processor |
//! | `function` | what Lambda would give a function of ours |
//! | `alarm` | alarms of now, from the payloads in `events/` |
//! | `measure` | the table: cold, init, first, warm, memory, size, calls |
//! | `storm` | thousands of alarms at once |
//!
//! Nothing here knows an AWS SDK or Remedy's own code: both are on the other
//! side of the wire.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value that is indexed gives null where there is nothing"
)]
#![expect(clippy::cast_precision_loss, reason = "no number here has sixteen digits that matter")]

pub mod alarm;
pub mod function;
pub mod measure;
pub mod process;
pub mod runtime_api;
pub mod storm;
pub mod stub;

/// What went wrong, for the person who measures.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
