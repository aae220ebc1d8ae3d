//! Remedy's thinking, as one road:
//!
//! ```text
//! event -> alarm -> facts -> decide -> guard -> claim -> act -> record -> notify
//! ```
//!
//! and back again for as long as the incident is open:
//!
//! ```text
//! beat -> scene -> next -> (decide -> guard ->) claim -> act -> record -> notify
//! ```
//!
//! Each room is a module and imports only rooms above it (and the words they
//! share). Nothing here knows an AWS client, an async runtime, a clock or the
//! process environment: what the world says comes in through the ports (`Look`,
//! `Ledger`, `Touch`, `Tell`), time included.

pub mod model;

pub mod alarm;

pub mod ports;

pub mod observe;

pub mod plan;

pub mod report;

pub mod execute;

pub mod respond;

pub mod follow_up;

pub mod trigger;

pub mod metrics;
