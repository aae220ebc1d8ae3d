//! Nouns only: what is talked about everywhere, and nothing that reads or decides.

pub mod ids;

pub mod platform;

pub mod series;

pub mod alarm;

pub mod cleanup_opt_in;

pub mod busy;

pub mod growth;

pub mod managed_node;

pub mod calendar;

pub mod policy;

pub mod links;

pub mod unknown;

pub mod seen;

pub mod diagnostics;

pub mod testimony;

pub mod host_text;

pub mod host_disk;

pub mod obstacle;

pub mod preflight;

pub mod rung;

pub mod brake;

pub mod question;

pub mod pool;

pub mod pause;

pub mod incident;

pub mod action;

pub mod repeats;

pub mod reason;
