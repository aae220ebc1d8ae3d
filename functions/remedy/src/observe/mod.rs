//! Reads, and says what was seen and what is not known. Decides nothing.

pub mod facts;

pub mod probe;

pub mod host_report;
