//! The rungs, one file each: whether it can be carried out, and its steps.

pub mod cleanup;

pub mod grow;

pub mod reboot;

pub mod replace;
