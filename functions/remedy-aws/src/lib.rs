//! Remedy's adapters: the only crate that names an AWS client. It implements the
//! ports of the thinking crate, one file each, and runs the pipeline as a Lambda
//! function.

mod again;
mod batch;
mod bucket;
mod calendar_memo;
mod clients;
mod clock;
mod connections;
mod dry_run;
mod failure;
mod growth;
mod ledger;
mod look;
mod look_at_all;
mod look_at_many;
mod pause;
#[cfg(feature = "person")]
pub mod person;
mod pool;
mod repeats;
mod serve;
mod settings;
mod tell;
mod touch;

pub use clients::Aws;
pub use serve::{serve, serve_follow_up, serve_intake};
pub use settings::{Settings, SettingsError};
