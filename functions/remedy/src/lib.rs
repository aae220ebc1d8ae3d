//! Remedy's thinking, as one pipeline:
//!
//! ```text
//! event -> alarm -> facts -> decide -> guard -> claim -> act -> record -> notify
//! ```
//!
//! and back again for as long as the incident is open:
//!
//! ```text
//! beat -> probe -> next -> (decide -> guard ->) claim -> act -> record -> notify
//! ```
//!
//! Each layer is a folder and imports only the layers before it. Nothing here
//! knows an AWS client, an async runtime, a clock or the process environment:
//! what the world says comes in through the ports (`Look`, `Ledger`, `Touch`,
//! `Tell`), time included.

pub mod model;

pub mod alarm;

pub mod ports;

pub mod observe;

pub mod plan;

pub mod report;

pub mod doctor;

pub mod execute;

pub mod together;

pub mod consider;

pub mod respond;

pub mod intake;

pub mod follow_up;

pub mod explain;

pub mod trigger;

pub mod metrics;
