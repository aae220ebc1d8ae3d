//! The drill as a command, for whoever wants to see it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::run::{Plan, Ran};
use super::{episode, page, read, shrink};

/// For arguments that cannot be used, as for those clap refuses.
const BAD_USAGE: u8 = 2;

/// Plays Remedy in a hostile world, and watches its promises.
///
/// Draws small regions from the seed, lets everything go wrong in them that can
/// (calls that fail, functions that die, events doubled, late or lost, operators
/// at work), and looks after every step whether the promises hold. If one
/// does not, it prints the shortest story it finds and fails.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Drill {
    /// How many incidents to play, at least
    #[arg(long, default_value_t = 10_000)]
    incidents: u64,

    /// What chance begins with: the same seed gives the same drill
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many threads to play on [default: one for each processor]
    #[arg(long)]
    threads: Option<usize>,

    /// Play this one episode only, and tell everything that happens in it
    #[arg(long)]
    episode: Option<u64>,

    /// Where the report goes, a page for a browser [default: drill-SEED.html in
    /// the directory for temporary files]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    report: Option<PathBuf>,
}

impl Drill {
    /// Runs the drill. Fails if a promise does not hold.
    pub fn run(self) -> ExitCode {
        let threads = self.threads.or_else(|| Some(thread::available_parallelism().ok()?.get()));
        let threads = threads.unwrap_or(1);
        let plan = Plan { incidents: self.incidents, seed: self.seed, threads };
        let (told, code) = match self.episode {
            Some(number) => (one(&plan, number), ExitCode::SUCCESS),
            None => self.many(&plan),
        };
        // Whoever closed the pipe has read enough.
        let _ = io::stdout().lock().write_all(told.as_bytes());
        code
    }
}

impl Drill {
    fn many(&self, plan: &Plan) -> (String, ExitCode) {
        let ran = played(plan);
        let mut told = format!("Seed {}\n\n{}\n", plan.seed, ran.tally);
        let broken = story(plan, &ran);
        let file = self
            .report
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("drill-{}.html", plan.seed)));
        let page = page::page(plan, &ran, broken.as_deref());
        let written = fs::write(&file, page);
        let (report, mut code) = match &written {
            Ok(()) => (format!("The report is {}\n", file.display()), ExitCode::SUCCESS),
            Err(error) => (
                format!("The report cannot be written to {}: {error}\n", file.display()),
                ExitCode::FAILURE,
            ),
        };
        let _ = io::stderr().lock().write_all(report.as_bytes());
        if broken.is_some() {
            code = ExitCode::FAILURE;
        }
        told.push_str(&broken.unwrap_or_else(|| "Every promise held.\n".to_owned()));
        (told, code)
    }
}

/// Plays a story: who is there, and what happens to them.
///
/// The file holds one line for each, in the words a drill prints; lines that
/// begin with # are for people. tests/accidents holds some.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Play {
    /// The file with the story
    story: PathBuf,
}

impl Play {
    /// Plays the story. Fails if a promise does not hold in it.
    pub fn run(self) -> ExitCode {
        let file = self.story.display();
        let told = match fs::read_to_string(&self.story) {
            Ok(text) => played_story(&text),
            Err(error) => Err(format!("cannot read the story '{file}': {error}")),
        };
        let (told, code) = match told {
            Ok(told) => told,
            Err(error) => {
                let _ =
                    writeln!(io::stderr(), "error: {error}\n\nFor more information, try '--help'.");
                return ExitCode::from(BAD_USAGE);
            }
        };
        // Whoever closed the pipe has read enough.
        let _ = io::stdout().lock().write_all(told.as_bytes());
        code
    }
}

fn played_story(text: &str) -> Result<(String, ExitCode), String> {
    let plot = read::plot(text).map_err(|unclear| {
        format!("line {} of the story says nothing known: {}", unclear.number, unclear.line)
    })?;
    let words = text.lines().filter_map(|line| line.strip_prefix('#')).map(str::trim);
    let mut told = words.collect::<Vec<_>>().join("\n");
    let (played, chronicle) = episode::tell(&plot);
    // Writing to a String cannot fail.
    let _ = write!(told, "\n\n{}\n", chronicle.in_short());
    Ok(match played.broken {
        None => (told + "Every promise held.\n", ExitCode::SUCCESS),
        Some(broken) => {
            let _ = writeln!(told, "A PROMISE DOES NOT HOLD\n{}\n{}", broken.promise, broken.how);
            (told, ExitCode::FAILURE)
        }
    })
}

/// One episode, told in full.
fn one(plan: &Plan, number: u64) -> String {
    let plot = plan.plot(number);
    let (played, chronicle) = episode::tell(&plot);
    let broken = played.broken.map(|broken| format!("{}\n{}\n", broken.promise, broken.how));
    format!("{plot}\n{}\n{}", chronicle.told(), broken.unwrap_or_default())
}

fn played(plan: &Plan) -> Ran {
    let bar = ProgressBar::new(plan.incidents);
    let style = "{wide_bar} {human_pos} of {human_len} incidents, {per_sec}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    let ran = plan.run(|incidents| bar.set_position(incidents));
    bar.finish_and_clear();
    ran
}

/// The shortest story of the promise that did not hold.
fn story(plan: &Plan, ran: &Ran) -> Option<String> {
    let (number, broken) = ran.broken.as_ref()?;
    let shortest = shrink::shortest(&plan.plot(*number), broken.promise);
    let (played, chronicle) = episode::tell(&shortest);
    let how = played.broken.as_ref().unwrap_or(broken);
    let mut told = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(told, "A PROMISE DOES NOT HOLD\n{}\n", broken.promise);
    let _ = writeln!(told, "What happened instead: {}", how.how);
    let _ = writeln!(told, "In full: drill --seed {} --episode {number}", plan.seed);
    let _ = writeln!(told, "\nThe shortest story found\n{shortest}");
    let _ = writeln!(told, "Every call in it\n{}", chronicle.told());
    Some(told)
}
