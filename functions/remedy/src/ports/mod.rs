//! What an adapter needs to know: each trait beside the types of its answers.

pub mod look;

pub mod ledger;

pub mod touch;

pub mod tell;

pub mod context;
