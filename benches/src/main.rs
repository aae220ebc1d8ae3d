//! `bench measure` prints the table, `bench storm` sends a storm.

#![expect(clippy::print_stdout, reason = "a program for people prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use benches::Error;
use benches::measure::{Places, measure};
use benches::storm::{Plan, storm};
use clap::{Parser, Subcommand};

/// What the functions cost, and what they do in a storm.
#[derive(Parser)]
struct Arguments {
    /// The folder of the compiled functions, by default this program's own.
    #[arg(long)]
    functions: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Cold, init, first, warm, memory, size, calls and round trips.
    Measure {
        /// How often each program is started.
        #[arg(long, default_value_t = 31)]
        rounds: usize,
        /// The function.
        #[arg(long, default_value = "high-cpu")]
        function: String,
        /// A Python with boto3.
        #[arg(long, default_value = ".venv/bin/python")]
        python: PathBuf,
    },
    /// Many alarms at once.
    Storm {
        /// Alarms, each about an instance of its own.
        #[arg(long, default_value_t = 5000)]
        alarms: usize,
        /// Processes of each of the three functions.
        #[arg(long, default_value_t = 12)]
        processes: usize,
        /// Of a thousand calls so many are turned away.
        #[arg(long, default_value_t = 100)]
        throttled: u64,
        /// Chooses which.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    let arguments = Arguments::parse();
    let own = std::env::current_exe()?.parent().map(Path::to_owned).ok_or("no folder")?;
    let functions = arguments.functions.unwrap_or_else(|| own.clone());
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    match arguments.what {
        What::Measure { rounds, function, python } => {
            let places =
                Places { functions, floor: own.join("floor"), python: root.join(python), root };
            println!("{}", machine());
            println!("{}", measure(&places, &function, rounds).await?);
            Ok(ExitCode::SUCCESS)
        }
        What::Storm { alarms, processes, throttled, seed } => {
            let events = root.join("events");
            let plan = Plan { functions, events, alarms, processes, throttled, seed };
            let outcome = storm(&plan).await?;
            println!("{} alarms, {}\n\n{}", alarms, machine(), outcome.table());
            for wrong in outcome.wrong.iter().take(20) {
                println!("wrong: {wrong}");
            }
            Ok(if outcome.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The day and the machine.
fn machine() -> String {
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    format!("{day}, {count} processors: {}.", model.unwrap_or("unknown"))
}
