//! The exploration as a command.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use indicatif::ProgressBar;

use super::{Beginning, Bounds, Explored, Story, explore, shortest};

/// Tries everything that can happen to a few incidents, within bounds.
///
/// In which order the calls of functions that run at once reach AWS, where a function
/// dies, which answer is lost, which alarm comes twice and which beat never. If a
/// promise does not hold in one of the states, the shortest story of it is told and the
/// command fails.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Explore {
    /// Who is in trouble
    #[arg(value_enum, default_value = "two-members")]
    beginning: Beginning,

    /// Functions that die, in all of it
    #[arg(long, default_value_t = 1)]
    deaths: u8,

    /// Answers that are lost, though the call took effect
    #[arg(long, default_value_t = 0)]
    losses: u8,

    /// Turns that another function takes while the one at work could go on
    #[arg(long, default_value_t = 1)]
    turns: u8,

    /// Alarms that are delivered twice
    #[arg(long, default_value_t = 0)]
    doubles: u8,

    /// Beats and triggers that never come
    #[arg(long, default_value_t = 0)]
    gaps: u8,

    /// Rounds after which it gives up
    #[arg(long, default_value_t = 10_000_000)]
    rounds: u64,
}

impl Explore {
    /// Explores. Fails if a promise does not hold.
    pub fn run(self) -> ExitCode {
        let Self { beginning, deaths, losses, turns, doubles, gaps, rounds } = self;
        let bounds = Bounds { deaths, losses, turns, doubles, gaps };
        let bar = ProgressBar::new_spinner();
        let progress = |so_far: &Explored| {
            bar.set_message(format!("{} states, {} rounds", so_far.states, so_far.rounds));
            bar.tick();
        };
        let region = || beginning.region();
        let explored = explore(&region, bounds, rounds, progress);
        let explored = shortest(&region, bounds, rounds, explored, progress);
        bar.finish_and_clear();
        // Whoever closed the pipe has read enough.
        let _ = io::stdout().lock().write_all(told(&explored).as_bytes());
        if explored.broken.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn told(explored: &Explored) -> String {
    let Explored { states, rounds, ends, closed, broken } = explored;
    let counts = format!("{states} states in {rounds} rounds, {ends} ends");
    match broken {
        Some(Story { told, .. }) => format!("{told}\nFound after {counts}.\n"),
        None if *closed => format!("Every promise holds in all of {counts}.\n"),
        None => format!("Every promise holds so far, but not all was tried: {counts}.\n"),
    }
}
