//! What would be done about an instance now, and why; and why something was done. It reads, and
//! writes nothing.

pub mod said;

pub mod now;

pub mod recorded;

pub mod text;
