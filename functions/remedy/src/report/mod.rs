//! Speaks: what an alarm came to, in every rendering.

pub mod outcome;

pub mod quote;

mod wording;

mod json;

mod mail;

mod chat;

pub mod notify;
