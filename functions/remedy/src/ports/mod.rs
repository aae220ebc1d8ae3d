//! What an adapter needs to know: each trait beside the types of its answers.

pub mod clock;

pub mod look;

pub mod look_at_many;

pub mod look_at_all;

pub mod ledger;

pub mod touch;

pub mod tell;

pub mod context;
