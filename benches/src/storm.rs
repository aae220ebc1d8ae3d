//! Thousands of alarms at once, through the compiled functions.
//!
//! Every alarm is about an instance of its own, some are delivered twice, and
//! AWS turns some calls away. What an invocation could not answer is delivered
//! again, as Lambda does it. Afterwards the region, the ledger and the answers
//! must tell one story: none lost, none doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Error;
use crate::alarm::{Alarms, instance};
use crate::function::{binary, has_scripts, symptoms, variables};
use crate::process::Process;
use crate::runtime_api::{Answered, RuntimeApi, TIMEOUT};
use crate::stub::{Address, Region, Throttle, serve};

/// Lambda delivers an event so often at most (`MaximumRetryAttempts` is 2).
const DELIVERIES_MAX: usize = 3;

/// One alarm in so many is delivered twice from the start, which is what "at
/// least once" means.
const DOUBLED: usize = 10;

/// What a process may grow by over the whole storm, in KB.
const GROWTH_MAX: u64 = 2048;

/// Answers of a process's kind after which memory is read the first time.
const SETTLED: usize = 10;

/// How big a storm.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The compiled functions.
    pub functions: PathBuf,
    /// `events/`.
    pub events: PathBuf,
    /// Alarms, each about an instance of its own.
    pub alarms: usize,
    /// Processes of each function, as Lambda's concurrency.
    pub processes: usize,
    /// Of a thousand calls so many are turned away.
    pub throttled: u64,
    /// Chooses which.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From the first event to the last answer.
    pub took: Duration,
    /// The longest invocation.
    pub longest: Duration,
    /// Invocations, with those that were repeated.
    pub invocations: usize,
    /// Invocations that failed and were delivered again.
    pub failed: usize,
    /// Calls to AWS.
    pub calls: usize,
    /// Calls that were turned away.
    pub throttled: usize,
    /// Answers by outcome and first reason.
    pub answers: BTreeMap<String, usize>,
    /// Alarms that were acted on.
    pub acted: usize,
    /// Alarms that were not, and that people or the ledger know of.
    pub told: usize,
    /// The most memory any process ever had, in KB.
    pub memory: u64,
    /// The most any process grew by after its first events, in KB.
    pub growth: u64,
    /// What must not be. Empty if all is well.
    pub wrong: Vec<String>,
}

/// One function under the storm.
struct Front {
    api: RuntimeApi,
    alarms: Alarms,
    processes: Vec<Process>,
    settled: Vec<u64>,
    open: usize,
    deliveries: BTreeMap<usize, usize>,
}

/// What the answers said about each alarm.
#[derive(Default)]
struct Said {
    acted: BTreeMap<usize, usize>,
    told: BTreeSet<usize>,
    answered: BTreeSet<usize>,
    dead: BTreeSet<usize>,
}

/// Sends the storm and looks at what it left.
pub async fn storm(plan: &Plan) -> Result<Outcome, Error> {
    let region = Arc::new(Region::new(Throttle::new(plan.throttled, plan.seed)));
    let address = serve(Arc::clone(&region), None).await?;
    let mut fronts = Vec::new();
    // The stub answers what is asked before a cleanup, and no more.
    for symptom in symptoms()?.into_iter().filter(|symptom| has_scripts(symptom)) {
        fronts.push(Front::new(plan, &symptom, &address).await?);
    }
    let mut outcome = Outcome::default();
    let mut said = Said::default();
    let began = Instant::now();
    for n in 1..=plan.alarms {
        let turn = n.checked_rem(fronts.len()).ok_or("no function")?;
        let front = fronts.get_mut(turn).ok_or("no function")?;
        front.deliver(n)?;
        if n % DOUBLED == 0 {
            front.deliver(n)?;
        }
    }
    for front in &mut fronts {
        front.weather(&mut outcome, &mut said).await?;
    }
    outcome.took = began.elapsed();
    for front in &mut fronts {
        front.look_at_memory(&mut outcome)?;
    }
    for call in region.take_calls() {
        outcome.calls += 1;
        outcome.throttled += usize::from(call.throttled);
    }
    judge(plan, &region, &said, &mut outcome);
    Ok(outcome)
}

impl Front {
    async fn new(plan: &Plan, symptom: &str, address: &Address) -> Result<Self, Error> {
        let api = RuntimeApi::start().await?;
        let program = [binary(&plan.functions, symptom)?];
        let variables = variables(&api.address, std::slice::from_ref(address), None);
        let start = |_| Process::start(&program, &variables);
        let processes = (0..plan.processes).map(start).collect::<Result<_, _>>()?;
        let alarms = Alarms::read(&plan.events, symptom)?;
        let (settled, deliveries) = (Vec::new(), BTreeMap::new());
        Ok(Self { api, alarms, processes, settled, open: 0, deliveries })
    }

    fn deliver(&mut self, n: usize) -> Result<(), Error> {
        // Each delivery has an id of its own, and the alarm's number in it.
        let delivery = self.deliveries.entry(n).or_insert(0);
        *delivery += 1;
        self.open += 1;
        let id = n * 10 + *delivery;
        self.api.events.send((id, self.alarms.about(n)?))?;
        Ok(())
    }

    /// Takes answers until none is owed.
    async fn weather(&mut self, outcome: &mut Outcome, said: &mut Said) -> Result<(), Error> {
        let mut taken = 0;
        while self.open > 0 {
            let answered = tokio::time::timeout(2 * TIMEOUT, self.api.answers.recv()).await;
            let answered = answered.ok().flatten().ok_or("an event has no answer")?;
            self.open -= 1;
            taken += 1;
            if taken == SETTLED * self.processes.len() {
                self.settled = self.memory(false)?;
            }
            self.hear(&answered, outcome, said)?;
        }
        Ok(())
    }

    fn hear(
        &mut self,
        answered: &Answered,
        outcome: &mut Outcome,
        said: &mut Said,
    ) -> Result<(), Error> {
        let n = answered.event / 10;
        outcome.invocations += 1;
        outcome.longest = outcome.longest.max(answered.took);
        if answered.failed {
            outcome.failed += 1;
            if self.deliveries.get(&n).is_some_and(|tries| *tries >= DELIVERIES_MAX) {
                said.dead.insert(n);
                return Ok(());
            }
            return self.deliver(n);
        }
        let answer: Value = serde_json::from_slice(&answered.body)?;
        for report in answer["reports"].as_array().into_iter().flatten() {
            let what = report["outcome"].as_str().unwrap_or("?");
            let code = report["because"][0]["code"].as_str().unwrap_or("-");
            *outcome.answers.entry(format!("{what} ({code})")).or_default() += 1;
            said.answered.insert(n);
            if what == "acted" {
                *said.acted.entry(n).or_default() += 1;
            }
            if report["told"] == true {
                said.told.insert(n);
            }
        }
        Ok(())
    }

    fn memory(&self, peak: bool) -> Result<Vec<u64>, Error> {
        self.processes.iter().map(|process| process.memory(peak)).collect()
    }

    fn look_at_memory(&mut self, outcome: &mut Outcome) -> Result<(), Error> {
        if self.processes.iter_mut().any(Process::has_ended) {
            outcome.wrong.push("a process ended".to_owned());
            return Ok(());
        }
        let last = self.memory(true)?;
        for (i, memory) in last.into_iter().enumerate() {
            outcome.memory = outcome.memory.max(memory);
            if let Some(settled) = self.settled.get(i) {
                outcome.growth = outcome.growth.max(memory.saturating_sub(*settled));
            }
        }
        Ok(())
    }
}

fn judge(plan: &Plan, region: &Region, said: &Said, outcome: &mut Outcome) {
    let actions = region.actions();
    let incidents: BTreeSet<String> = region.incidents().into_iter().collect();
    let mut wrong = Vec::new();
    for n in 1..=plan.alarms {
        let id = instance(n);
        let commands = actions.commands.get(&id).copied().unwrap_or(0);
        let acted = said.acted.get(&n).copied().unwrap_or(0);
        let (known, told) = (incidents.contains(&id), said.told.contains(&n));
        outcome.acted += usize::from(acted > 0);
        outcome.told += usize::from(acted == 0 && (known || told));
        if commands > 1 || acted > 1 {
            wrong.push(format!("{id} was doubled: {commands} commands, {acted} answers"));
        }
        if acted > 0 && (commands == 0 || !known) {
            wrong.push(format!("{id} was said to be acted on, and was not"));
        }
        if commands > 0 && !known {
            wrong.push(format!("{id} was acted on without a claim"));
        }
        if said.dead.contains(&n) {
            wrong.push(format!("{id} came to the dead letters"));
        } else if !said.answered.contains(&n) || !(known || told) {
            wrong.push(format!("{id} was lost: answered, and nobody knows"));
        }
        if told && !actions.notifications.contains_key(&id) {
            wrong.push(format!("{id} was said to be told, and was not"));
        }
    }
    if outcome.growth > GROWTH_MAX {
        wrong.push(format!("a process grew by {} KB", outcome.growth));
    }
    if outcome.longest >= TIMEOUT {
        wrong.push(format!("an invocation took {:?}", outcome.longest));
    }
    if plan.throttled > 0 && outcome.throttled == 0 {
        wrong.push("no call was turned away".to_owned());
    }
    outcome.wrong.append(&mut wrong);
}

impl Outcome {
    /// The outcome, as a table in Markdown.
    pub fn table(&self) -> String {
        let mut rows = vec![
            ("all of it took".to_owned(), format!("{:.1} s", self.took.as_secs_f64())),
            ("longest invocation".to_owned(), format!("{:.1} s", self.longest.as_secs_f64())),
            ("invocations".to_owned(), self.invocations.to_string()),
            ("of them failed and were delivered again".to_owned(), self.failed.to_string()),
            ("calls to AWS".to_owned(), self.calls.to_string()),
            ("of them turned away".to_owned(), self.throttled.to_string()),
            ("alarms acted on".to_owned(), self.acted.to_string()),
            ("alarms told or left to the follow-up".to_owned(), self.told.to_string()),
            ("most memory of a process".to_owned(), format!("{:.1} MB", mb(self.memory))),
            ("most growth of a process".to_owned(), format!("{:.1} MB", mb(self.growth))),
            ("wrong".to_owned(), self.wrong.len().to_string()),
        ];
        let answers = self.answers.iter();
        rows.extend(answers.map(|(what, count)| (format!("answers: {what}"), count.to_string())));
        let lines = rows.iter().map(|(what, found)| format!("| {what} | {found} |\n"));
        format!("| | |\n|---|---:|\n{}", lines.collect::<String>())
    }
}

fn mb(kb: u64) -> f64 {
    kb as f64 / 1024.0
}
