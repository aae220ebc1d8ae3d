//! Decides. Pure: the same facts always lead to the same step.

pub mod capacity;

pub mod availability;

pub mod step;

pub mod watching;

pub mod host_said;

pub mod rung;

pub mod decide;

pub mod correlation;

pub mod guard;

pub mod witnesses;

pub mod ask_host;

pub mod consent;

pub mod next;
