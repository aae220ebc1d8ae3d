//! `remedy`: what people ask of a deployment, with credentials of their own.

mod answer;
mod desk;
mod doctor;
mod explain;
mod incidents;
mod pauses;
mod question;
mod rehearse;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use remedy_aws::person::NotAsked;

use crate::answer::Answer;
use crate::desk::Desk;

/// Asks a deployment of Remedy, with your own AWS credentials.
///
/// They come from the environment, from a profile or from this machine, as for the AWS CLI.
///
/// The exit code is 0 if all is well, 1 if something was found, and 2 if it could not be
/// asked.
#[derive(Debug, Parser)]
#[command(name = "remedy", version)]
struct Arguments {
    #[command(flatten)]
    reach: Reach,

    #[command(subcommand)]
    command: Command,
}

/// Which deployment is meant, and how it is reached.
#[derive(Debug, Args)]
struct Reach {
    /// The stack's name
    #[arg(long, global = true, default_value = "remedy")]
    stack: String,

    /// The follow-up function's name or ARN, if the stack must not be asked for it
    #[arg(long, global = true, value_name = "NAME")]
    function: Option<String>,

    /// A profile of your AWS configuration
    #[arg(long, global = true)]
    profile: Option<String>,

    /// The deployment's region
    #[arg(long, global = true)]
    region: Option<String>,

    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::DoctorCommand),
    Explain(explain::ExplainCommand),
    Incidents(incidents::IncidentsCommand),
    Answer(question::AnswerCommand),
    Pause(pauses::PauseCommand),
    Lift(pauses::LiftCommand),
    Pauses(pauses::PausesCommand),
    Rehearse(rehearse::RehearseCommand),
}

/// For a question that could not be asked, as for arguments that clap refuses.
const NOT_ASKED: u8 = 2;

/// For an answer that has found something.
const FOUND: u8 = 1;

fn main() -> ExitCode {
    let Arguments { reach, command } = Arguments::parse();
    let asked = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(Box::pin(ask(&reach, command))),
        Err(error) => Err(NotAsked::Unclear(error.to_string())),
    };
    // Whoever closed the pipe has read enough.
    match asked {
        Ok(answer) => {
            let told = if reach.json { format!("{:#}\n", answer.json) } else { answer.text };
            let _ = io::stdout().lock().write_all(told.as_bytes());
            ExitCode::from(if answer.found { FOUND } else { 0 })
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(NOT_ASKED)
        }
    }
}

async fn ask(reach: &Reach, command: Command) -> Result<Answer, NotAsked> {
    let now = Timestamp::now();
    let desk = || Desk::open(reach);
    match command {
        Command::Doctor(doctor) => doctor.run(&desk().await?, now).await,
        Command::Explain(explain) => explain.run(&desk().await?).await,
        Command::Incidents(incidents) => incidents.run(&desk().await?, now).await,
        Command::Answer(answer) => answer.run(&desk().await?).await,
        Command::Pause(pause) => pause.run(&desk().await?, now).await,
        Command::Lift(lift) => lift.run(&desk().await?, now).await,
        Command::Pauses(pauses) => pauses.run(&desk().await?, now).await,
        // A history in a file needs no account.
        Command::Rehearse(rehearse) => Box::pin(rehearse.run(reach, now)).await,
    }
}
