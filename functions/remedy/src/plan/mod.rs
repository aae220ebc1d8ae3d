//! Decides. Pure: the same facts always lead to the same step.

pub mod decide;

pub mod correlation;

pub mod guard;

pub mod ask_host;

pub mod next;
