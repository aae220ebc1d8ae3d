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

// Blank lines keep the rooms in the order of the road; a room imports only
// what stands above it.

pub mod ids;
pub mod policy;

pub mod console;

pub mod result;

pub mod evidence;

pub mod alarm;

pub mod pause;

pub mod pool;

pub mod incident;

pub mod facts;

pub mod reason;

pub mod advice;

pub mod correlation;

pub mod decide;

pub mod guard;

pub mod fold;

pub mod ledger;

pub mod act;

pub mod gather;

pub mod last_words;

pub mod report;

pub mod notify;

pub mod scene;

pub mod next;

pub mod follow_up;

pub mod hint;

pub mod respond;

pub mod metrics;
