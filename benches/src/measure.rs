//! The table: our function, the floor and the Python peer, in turns, so that
//! whatever else the machine does meets all of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::Error;
use crate::alarm::Alarms;
use crate::function::{FOLLOW_UP, INTAKE, SERVICES, binary, symptoms, variables};
use crate::process::{Limit, Process, SHARE_OF_128_MB};
use crate::runtime_api::{Answered, RuntimeApi, TIMEOUT};
use crate::stub::{Address, Authority, Region, Throttle, round_trips, serve};

/// Events after the first, of which the median and the processor time count.
const WARM: usize = 30;

/// What every call takes while round trips are counted.
const DELAY: Duration = Duration::from_millis(40);

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The compiled functions.
    pub functions: PathBuf,
    /// The floor.
    pub floor: PathBuf,
    /// A Python with boto3.
    pub python: PathBuf,
    /// The repository.
    pub root: PathBuf,
}

/// How fast a process may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    /// A whole processor.
    Whole,
    /// 128 MB's share, from the first event on: Lambda starts functions at
    /// full speed.
    Shared,
    /// 128 MB's share from the first moment on.
    SharedFromStart,
}

/// Who is measured.
struct Subject {
    name: &'static str,
    program: Vec<PathBuf>,
    /// Of how many rounds one is taken part in.
    one_in: usize,
    /// What an answer to an alarm must hold, so that no failure is measured.
    answers: fn(&Value) -> bool,
}

/// One life of a process, in milliseconds and MB.
struct Life {
    init: f64,
    first: f64,
    cold: f64,
    warm: f64,
    processor: f64,
    memory: f64,
}

/// All lives of a subject.
#[derive(Default)]
struct Lives {
    whole: Vec<Life>,
    shared: Vec<f64>,
    shared_from_start: Vec<f64>,
}

struct Bench {
    region: Arc<Region>,
    endpoints: Vec<Address>,
    roots: PathBuf,
    alarms: Alarms,
    next: usize,
}

/// Measures for so many rounds and gives the table, as Markdown.
pub async fn measure(places: &Places, symptom: &str, rounds: usize) -> Result<String, Error> {
    let mut bench = Bench::new(places, symptom).await?;
    let ours = binary(&places.functions, symptom)?;
    let peer = places.root.join("benches/peer.py");
    let subjects = [
        Subject {
            name: "the floor: the runtime alone",
            program: vec![places.floor.clone()],
            one_in: 1,
            answers: |answer| answer.is_object(),
        },
        Subject {
            name: "ours",
            program: vec![ours.clone()],
            one_in: 1,
            answers: |answer| answer["reports"][0]["outcome"] == "acted",
        },
        Subject {
            name: "Python with boto3, the same calls",
            program: vec![places.python.clone(), peer],
            one_in: 5,
            answers: |answer| answer["outcome"] == "acted",
        },
    ];
    let mut lives: Vec<Lives> = subjects.iter().map(|_| Lives::default()).collect();
    for round in 0..rounds {
        for (subject, lives) in subjects.iter().zip(&mut lives) {
            if round % subject.one_in != 0 {
                continue;
            }
            lives.whole.push(bench.live(subject, Speed::Whole).await?);
            lives.shared.push(bench.live(subject, Speed::Shared).await?.cold);
            if round % (3 * subject.one_in) == 0 {
                let slow = bench.live(subject, Speed::SharedFromStart).await?;
                lives.shared_from_start.push(slow.cold);
            }
        }
    }
    let mut table = head();
    for (subject, lives) in subjects.iter().zip(&lives) {
        let (calls, trips) = bench.count(subject).await?;
        table += &row(subject, lives, calls, trips)?;
    }
    let (programs, largest) = programs(&places.functions)?;
    table += &programs;
    table += &targets(&lives, largest)?;
    Ok(table)
}

/// How large each function is, as a table, and the MB of the largest zip.
fn programs(functions: &std::path::Path) -> Result<(String, f64), Error> {
    let mut table = "\n| function | binary MB | zip MB |\n|---|---:|---:|\n".to_owned();
    let mut largest: f64 = 0.0;
    for name in symptoms()?.into_iter().chain([FOLLOW_UP, INTAKE].map(str::to_owned)) {
        let (binary, zip) = sizes(&binary(functions, &name)?)?;
        let row = format!("| {name} | {binary:.2} | {zip:.2} |\n");
        table.push_str(&row);
        largest = largest.max(zip);
    }
    Ok((table, largest))
}

impl Bench {
    async fn new(places: &Places, symptom: &str) -> Result<Self, Error> {
        let region = Arc::new(Region::new(Throttle::default()));
        let authority = Authority::new()?;
        let mut endpoints = Vec::new();
        for _ in SERVICES {
            endpoints.push(serve(Arc::clone(&region), Some(&authority)).await?);
        }
        let roots = std::env::temp_dir().join(format!("remedy-bench-{}.pem", std::process::id()));
        let amazon = places.root.join("functions/remedy-aws/src/amazon-roots.pem");
        authority.write_roots(&amazon, &roots)?;
        let alarms = Alarms::read(&places.root.join("events"), symptom)?;
        Ok(Self { region, endpoints, roots, alarms, next: 0 })
    }

    /// Starts a process, and has it answer its events.
    async fn live(&mut self, subject: &Subject, speed: Speed) -> Result<Life, Error> {
        let mut api = RuntimeApi::start().await?;
        let limit = match speed {
            Speed::Whole => None,
            _ => Some(Limit::new(SHARE_OF_128_MB)?),
        };
        let process = match &limit {
            Some(limit) if speed == Speed::SharedFromStart => {
                let variables = self.variables(&api);
                Process::start_within(limit, &subject.program, &variables)?
            }
            _ => self.start(subject, &api)?,
        };
        let ready = soon(api.asked.recv(), subject).await?;
        if let (Some(limit), Speed::Shared) = (&limit, speed) {
            process.limit(limit)?;
        }
        let first = self.event(subject, &mut api).await?;
        let cold = milliseconds(first.at - process.started);
        let init = milliseconds(ready - process.started);
        let mut life = Life {
            init,
            cold,
            first: milliseconds(first.took),
            warm: 0.0,
            processor: 0.0,
            memory: 0.0,
        };
        if speed == Speed::Whole {
            let before = process.processor_time()?;
            let mut took = Vec::new();
            for _ in 0..WARM {
                took.push(milliseconds(self.event(subject, &mut api).await?.took));
            }
            let spent = process.processor_time()?.saturating_sub(before);
            life.warm = median(took);
            life.processor = milliseconds(spent) / WARM as f64;
            life.memory = process.memory(true)? as f64 / 1024.0;
        }
        drop(process);
        self.region.take_calls();
        Ok(life)
    }

    /// The calls of one warm event, and how many of them waited for another.
    async fn count(&mut self, subject: &Subject) -> Result<(usize, usize), Error> {
        let mut api = RuntimeApi::start().await?;
        let _process = self.start(subject, &api)?;
        self.event(subject, &mut api).await?;
        self.region.take_calls();
        self.region.delay(DELAY);
        let counted = self.event(subject, &mut api).await;
        self.region.delay(Duration::ZERO);
        counted?;
        let calls = self.region.take_calls();
        Ok((calls.len(), round_trips(&calls)))
    }

    fn start(&self, subject: &Subject, api: &RuntimeApi) -> Result<Process, Error> {
        Process::start(&subject.program, &self.variables(api))
    }

    fn variables(&self, api: &RuntimeApi) -> Vec<(String, String)> {
        variables(&api.address, &self.endpoints, Some(&self.roots))
    }

    async fn event(&mut self, subject: &Subject, api: &mut RuntimeApi) -> Result<Answered, Error> {
        self.next += 1;
        api.events.send((self.next, self.alarms.about(self.next)?))?;
        let answered = soon(api.answers.recv(), subject).await?;
        let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        if answered.failed || !(subject.answers)(&answer) {
            return Err(format!("{} did not act: {answer}", subject.name).into());
        }
        Ok(answered)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _left = std::fs::remove_file(&self.roots);
    }
}

async fn soon<T>(
    something: impl Future<Output = Option<T>>,
    subject: &Subject,
) -> Result<T, Error> {
    let waited = tokio::time::timeout(TIMEOUT, something).await;
    waited.ok().flatten().ok_or_else(|| format!("{} said nothing", subject.name).into())
}

fn head() -> String {
    let titles = [
        "",
        "binary MB",
        "zip MB",
        "init ms",
        "first ms",
        "cold ms",
        "warm ms",
        "processor ms",
        "peak MiB",
        "cold at 128 MB, ms",
        "... from the start, ms",
        "calls",
        "round trips",
    ];
    format!("| {} |\n|---|{}\n", titles.join(" | "), "---:|".repeat(titles.len() - 1))
}

fn row(subject: &Subject, lives: &Lives, calls: usize, trips: usize) -> Result<String, Error> {
    let whole = |part: fn(&Life) -> f64| median(lives.whole.iter().map(part).collect());
    let (binary, zip) = match subject.program.as_slice() {
        [program] => {
            let (binary, zip) = sizes(program)?;
            (format!("{binary:.2}"), format!("{zip:.2}"))
        }
        _ => ("-".to_owned(), "-".to_owned()),
    };
    let numbers = [
        binary,
        zip,
        format!("{:.1}", whole(|life| life.init)),
        format!("{:.1}", whole(|life| life.first)),
        format!("{:.1}", whole(|life| life.cold)),
        format!("{:.2}", whole(|life| life.warm)),
        format!("{:.2}", whole(|life| life.processor)),
        format!("{:.1}", whole(|life| life.memory)),
        format!("{:.0}", median(lives.shared.clone())),
        format!("{:.0}", median(lives.shared_from_start.clone())),
        calls.to_string(),
        trips.to_string(),
    ];
    Ok(format!("| {} | {} |\n", subject.name, numbers.join(" | ")))
}

/// What was promised, and what came of it.
fn targets(lives: &[Lives], largest_zip: f64) -> Result<String, Error> {
    let [floor, own, python] = lives else {
        return Err("three subjects".into());
    };
    let whole =
        |lives: &Lives, part: fn(&Life) -> f64| median(lives.whole.iter().map(part).collect());
    let cold = whole(own, |life| life.cold) / whole(floor, |life| life.cold);
    let shared = median(python.shared.clone()) / median(own.shared.clone());
    let from_start =
        median(python.shared_from_start.clone()) / median(own.shared_from_start.clone());
    let rows = [
        ("cold, times the floor", cold, "<=", 8.0),
        ("first ms", whole(own, |life| life.first), "<=", 4.0),
        ("peak MiB", whole(own, |life| life.memory), "<=", 10.0),
        ("processor ms for a warm alarm", whole(own, |life| life.processor), "<=", 2.0),
        ("largest zip MB", largest_zip, "<=", 4.0),
        ("cold at 128 MB, Python's by ours", shared, ">=", 25.0),
        ("... from the start", from_start, ">=", 25.0),
    ];
    let mut text = "\n| target | measured | wanted | met |\n|---|---:|---:|---|\n".to_owned();
    for (what, found, order, wanted) in rows {
        let met = if order == "<=" { found <= wanted } else { found >= wanted };
        let met = if met { "yes" } else { "**no**" };
        let row = format!("| {what} | {found:.2} | {order} {wanted} | {met} |\n");
        text.push_str(&row);
    }
    Ok(text)
}

/// MB of a program, and of the zip it is deployed as.
fn sizes(program: &std::path::Path) -> Result<(f64, f64), Error> {
    let bytes = std::fs::read(program)?;
    let mut zip = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zip, &bytes)?;
    let mb = |length: usize| length as f64 / 1_000_000.0;
    Ok((mb(bytes.len()), mb(zip.finish()?.len())))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
