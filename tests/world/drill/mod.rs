//! The drill: Remedy in a world that means it no good, for as long as one
//! likes. Many small regions are drawn from one seed, some hours of each are
//! played with everything that can go wrong, and after every step the seven
//! promises are watched. The same seed gives the same drill, on any number of
//! threads.

mod cast;
mod chronicle;
pub mod command;
mod draw;
pub(crate) mod episode;
pub mod explained;
mod page;
mod pages;
mod past;
mod plot;
pub(crate) mod promises;
mod read;
pub mod rehearsed;
mod run;
mod shrink;
pub(crate) mod tally;
