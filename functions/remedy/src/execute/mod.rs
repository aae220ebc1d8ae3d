//! Acts: claims first, then makes the call.

pub mod claim;

pub mod act;

pub mod console_capture;

pub mod carry_out;

pub mod hold;

pub mod ask_people;

pub mod settle;

pub mod close;
