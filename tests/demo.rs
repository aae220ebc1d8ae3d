//! The demo: Remedy in a small simulated AWS region, told as an operator would
//! have seen it. Without arguments it plays every story; with an event file it
//! takes that event through the same pipeline. No account, no network, no AWS SDK.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use remedy::model::alarm::Symptom;

use stories::Story;
use world::drill::command::{Drill, Play};
use world::explore::command::Explore;
use world::rehearse::Rehearse;
use world::storm::command::Storm;

mod stories;

/// Plays Remedy in a simulated AWS region: needs no account and changes nothing.
///
/// Without arguments it plays every story. With an event file, such as those
/// in events/, it takes that event through the same pipeline and prints the function's
/// answer too.
#[derive(Debug, Parser)]
#[command(name = "demo", verbatim_doc_comment, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// A file with the JSON event a function is invoked with
    event: Option<PathBuf>,

    /// The function that gets the event [default: the one whose alarm it is]
    #[arg(long, requires = "event", value_parser = symptom_names())]
    function: Option<Symptom>,

    /// When the event arrives [default: 2026-11-20T03:14:00Z, minutes after the
    /// events in events/; 2 minutes after the event, if it is of another day]
    #[arg(long, requires = "event", value_name = "TIME", verbatim_doc_comment)]
    at: Option<Timestamp>,

    /// The only story to play
    #[arg(long, conflicts_with = "event")]
    story: Option<Story>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Drill(Drill),
    Play(Play),
    Explore(Explore),
    Rehearse(Rehearse),
    Storm(Storm),
}

fn symptom_names() -> impl TypedValueParser<Value = Symptom> {
    PossibleValuesParser::new(Symptom::ALL.map(Symptom::name)).map(|name| {
        let named = Symptom::ALL.into_iter().find(|symptom| symptom.name() == name);
        named.unwrap_or(Symptom::HighCpu) // The parser has let no other name through.
    })
}

/// For arguments that cannot be used, as for those clap refuses.
const BAD_USAGE: u8 = 2;

/// For an event the function answers with an error.
const NO_ANSWER: u8 = 1;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Drill(drill)) => return drill.run(),
        Some(Command::Play(play)) => return play.run(),
        Some(Command::Explore(explore)) => return explore.run(),
        Some(Command::Rehearse(rehearse)) => return rehearse.run(),
        Some(Command::Storm(storm)) => return storm.run(),
        None => {}
    }
    let (told, code) = match arguments.event {
        None => (play(arguments.story), ExitCode::SUCCESS),
        Some(file) => match fs::read_to_string(&file) {
            Ok(event) => {
                let telling = stories::event(&event, arguments.function, arguments.at);
                let code = if telling.answered { 0 } else { NO_ANSWER };
                (telling.text, ExitCode::from(code))
            }
            Err(error) => {
                let file = file.display();
                let _ = writeln!(
                    io::stderr(),
                    "error: cannot read the event file '{file}': {error}\n\n\
                     For more information, try '--help'."
                );
                return ExitCode::from(BAD_USAGE);
            }
        },
    };
    // Whoever closed the pipe has read enough.
    let _ = io::stdout().lock().write_all(told.as_bytes());
    code
}

fn play(story: Option<Story>) -> String {
    let stories = match story {
        Some(story) => vec![story],
        None => Story::value_variants().to_vec(),
    };
    let told: Vec<String> = stories.into_iter().map(Story::play).collect();
    told.join("\n\n")
}
