//! The drill alone. See `world::drill`.

use std::process::ExitCode;

use clap::Parser;
use world::drill::command::Drill;

#[derive(Debug, Parser)]
#[command(name = "drill")]
struct Arguments {
    #[command(flatten)]
    drill: Drill,
}

fn main() -> ExitCode {
    Arguments::parse().drill.run()
}
