//! Runs as a Lambda function: invocations come in, answers go out.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use remedy::alarm::{Invocation, Unreadable};
use remedy::doctor::diagnose;
use remedy::doctor::finding::Diagnosis;
use remedy::doctor::fleet::Account;
use remedy::execute::ask_people::answer;
use remedy::explain::now::explain;
use remedy::explain::recorded::{Recorded, nowhere, recorded};
use remedy::explain::said::Explanation;
use remedy::explain::text;
use remedy::follow_up::{Beat, beat, look_at};
use remedy::intake::{NotAnswered, take_in};
use remedy::metrics::{self, Line};
use remedy::model::alarm::Symptom;
use remedy::model::ids::InstanceId;
use remedy::model::incident::Incident;
use remedy::model::pause::Pause;
use remedy::model::question::{Answered, NoAnswer};
use remedy::model::unknown::{CallFailed, LedgerError};
use remedy::ports::ledger::{Due, Ledger as _};
use remedy::ports::look::Look as _;
use remedy::report::outcome::Report;
use remedy::respond::{Answer, RespondError, respond};
use remedy::trigger::{self, Hint, Trigger};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::batch::Batch;
use crate::clients::Aws;
use crate::settings::{Settings, log_level};

/// The name of the error for an event that cannot be read.
const UNREADABLE: &str = "UnreadableEvent";

/// The names of the follow-up and of the intake, beside the symptoms' names.
const FOLLOW_UP: &str = "follow-up";
const INTAKE: &str = "intake";

/// A part of what is due is begun only if so much time is left: it may wait 15 seconds for its
/// turn to ask, and what takes longest, a rung that is climbed, waits for some calls one after
/// the other.
const ENDS_WITHIN: SignedDuration = SignedDuration::from_secs(40);

/// Runs the function that answers for `symptom`, until Lambda ends it.
pub fn serve(symptom: Symptom) -> ExitCode {
    run(symptom.name(), Some(symptom), &async |event, settings, aws| {
        let request_id = event.context.request_id;
        let invocation = Invocation { symptom, request_id, at: Timestamp::now() };
        let answer = match event.payload.get() {
            // Boxed, because the pipeline's future is large and moves through every
            // layer of the runtime.
            Ok(event) => Box::pin(respond(event, &invocation, &settings.policy, aws)).await,
            Err(unreadable) => Err(unreadable.into()),
        };
        write(&metrics::of_answer(&answer, invocation.at), symptom.name(), settings);
        match &answer {
            Ok(answer)
            | Err(
                RespondError::LedgerUnreachable { answered: answer, .. }
                | RespondError::LedgerContended { answered: answer, .. },
            ) => log_answer(answer),
            Err(RespondError::Unreadable(_)) => {}
        }
        answer.map_err(InvocationError::from)
    })
}

/// Runs the function that takes alarms from a queue, whatever symptom they are about, until
/// Lambda ends it.
pub fn serve_intake() -> ExitCode {
    run(INTAKE, None, &async |event, settings, aws| {
        let now = Timestamp::now();
        let taken = match event.payload.get() {
            Ok(event) => Box::pin(take_in(event, now, &settings.policy, aws)).await,
            Err(unreadable) => Err(unreadable),
        };
        let taken = taken.inspect_err(|_| write(&[metrics::unreadable(now)], INTAKE, settings))?;
        write(&metrics::of_batch(&taken, now), INTAKE, settings);
        log_answer(&taken.answer);
        let again = taken.again.into_iter().map(|again| (again.message, again.why.into()));
        Batch::answer(taken.messages, again.collect())
    })
}

/// Runs the function that asks whether it worked, until Lambda ends it.
pub fn serve_follow_up() -> ExitCode {
    run(FOLLOW_UP, None, &async |event, settings, aws| {
        let now = Timestamp::now();
        let followed_up = follow_up(&event, now, settings, aws).await;
        if let Err(error) = &followed_up {
            let line = match error.kind {
                UNREADABLE => metrics::unreadable(now),
                _ => metrics::ledger_unreachable(now),
            };
            write(&[line], FOLLOW_UP, settings);
        }
        followed_up
    })
}

async fn follow_up(
    event: &Event,
    now: Timestamp,
    settings: &Settings,
    aws: &Aws,
) -> Result<FollowedUp, InvocationError> {
    let instance = match trigger::read(event.payload.get()?, now)? {
        Trigger::Beat => None,
        Trigger::LookAt(instance) => Some(instance),
        Trigger::Pause(pause) => return Ok(paused(aws.pause(&pause).await?)),
        Trigger::Lift(scope) => return Ok(paused(aws.lift(&scope).await?)),
        Trigger::Pauses => return Ok(paused(aws.pauses().await?)),
        Trigger::Doctor => {
            let dry_runs = Box::pin(aws.dry_runs(settings)).await.into();
            let account = Account::of_the_deployment(dry_runs);
            let fleet = Box::pin(settings.fleet(aws, account, now, &|_| {})).await;
            return Ok(FollowedUp::Diagnosis(diagnose(&fleet, &settings.policy)));
        }
        Trigger::Incidents(of) => return Ok(listed(aws, of.as_ref(), now).await?),
        Trigger::Explain(asked) => {
            let explained = Box::pin(explain(aws, &settings.policy, &asked, now)).await;
            let text = text::explanation(&explained);
            return Ok(FollowedUp::Explained { explained: Box::new(explained), text });
        }
        Trigger::Recorded(incident, of) => {
            return Ok(match recorded(aws, &incident, of.as_ref()).await? {
                Some(recorded) => {
                    let text = text::recorded(&recorded);
                    FollowedUp::Recorded { recorded: Box::new(recorded), text }
                }
                None => FollowedUp::NotRecorded { text: nowhere(of.as_ref()) },
            });
        }
        Trigger::Answer(said) => return Ok(answered(&answer(aws, &said, now).await?, &said)),
        Trigger::Hints(hints) => {
            return Ok(FollowedUp::Hints(hinted(hints, now, settings, aws).await?));
        }
    };
    let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(now);
    let is_time_left = || deadline.duration_since(Timestamp::now()) > ENDS_WITHIN;
    let beat = beat(instance.as_ref(), now, &settings.policy, aws, &is_time_left).await?;
    note_beat(&beat, now, settings);
    Ok(FollowedUp::Beat(beat))
}

fn note_beat(beat: &Beat, now: Timestamp, settings: &Settings) {
    write(&metrics::of_beat(beat, now), FOLLOW_UP, settings);
    log(&beat.reports);
    for left in &beat.left {
        tracing::error!(incident_id = %left.incident_id, "it stays due: {}", left.why);
    }
    for why in &beat.unreadable {
        tracing::error!("what is due stays so: {why}");
    }
}

/// Looks at those whom the messages of a queue name, however many name one.
async fn hinted(
    hints: Vec<Hint>,
    now: Timestamp,
    settings: &Settings,
    aws: &Aws,
) -> Result<Batch, InvocationError> {
    let (count, mut instances, mut again) = (hints.len(), BTreeSet::new(), Vec::new());
    for Hint { id, instance } in hints {
        match instance {
            Ok(instance) => {
                instances.insert(instance);
            }
            Err(unreadable) => again.push((id, unreadable.into())),
        }
    }
    if again.len() < count {
        note_beat(&look_at(&instances, now, &settings.policy, aws).await?, now, settings);
        write(&vec![metrics::unreadable(now); again.len()], FOLLOW_UP, settings);
    }
    Batch::answer(count, again)
}

/// So many open incidents are listed: an answer has 6 MB (Lambda quotas), and a row some
/// kilobytes.
const LISTED_MAX: usize = 500;

/// Every open incident is due within this.
const DUE_BY: SignedDuration = SignedDuration::from_hours(48);

/// The open incidents, or the newest of one instance.
async fn listed(
    aws: &Aws,
    of: Option<&InstanceId>,
    now: Timestamp,
) -> Result<FollowedUp, CallFailed> {
    let Some(id) = of else {
        let Due { mut incidents, unreadable } = aws.due(now + DUE_BY, LISTED_MAX).await?;
        incidents.truncate(LISTED_MAX);
        let unreadable = unreadable.iter().map(ToString::to_string).collect();
        return Ok(FollowedUp::Incidents { incidents, unreadable });
    };
    let latest = aws.history(id).await?.latest;
    Ok(FollowedUp::Incidents { incidents: latest.into_iter().collect(), unreadable: Vec::new() })
}

/// The follow-up's answer.
#[derive(Serialize)]
#[serde(untagged)]
enum FollowedUp {
    /// To a heartbeat, or to a trigger that names an instance.
    Beat(Beat),
    /// To a batch of a queue's messages.
    Hints(Batch),
    /// To a person who pauses, lifts or asks: what is paused now.
    Pauses { pauses: Vec<Pause> },
    /// To a person who asks whether all is set up as it must be.
    Diagnosis(Diagnosis),
    /// To a person who asks for incidents.
    Incidents {
        /// The open ones, or the newest of one instance.
        incidents: Vec<Incident>,
        /// What cannot be read of them.
        unreadable: Vec<String>,
    },
    /// To a person who asks what would be done.
    Explained {
        #[serde(flatten)]
        explained: Box<Explanation>,
        /// The same for people.
        text: String,
    },
    /// To a person who asks why something was done.
    Recorded {
        #[serde(flatten)]
        recorded: Box<Recorded>,
        /// The same for people.
        text: String,
    },
    /// To a person who asks about what was not recorded.
    NotRecorded { text: &'static str },
    /// To a person who answers a question.
    Answer {
        /// Whether it counts.
        taken: bool,
        /// Why not, or what follows.
        text: String,
    },
}

fn paused(pauses: Vec<Pause>) -> FollowedUp {
    for pause in &pauses {
        tracing::info!(owner = pause.owner, until = %pause.until, "{} is paused", pause.scope);
    }
    FollowedUp::Pauses { pauses }
}

fn answered(taken: &Result<(), NoAnswer>, said: &Answered) -> FollowedUp {
    let Answered { incident, by, yes, .. } = said;
    tracing::info!(incident_id = %incident, by, yes, taken = taken.is_ok(), "a person answered");
    let text = match taken {
        Ok(()) => "taken; everything is decided again within a minute".to_owned(),
        Err(no) => no.to_string(),
    };
    FollowedUp::Answer { taken: taken.is_ok(), text }
}

fn run<T: Serialize>(
    function: &'static str,
    symptom: Option<Symptom>,
    answer: &impl AsyncFn(Event, &Settings, &Aws) -> Result<T, InvocationError>,
) -> ExitCode {
    log_as_json();
    match start(symptom, answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function, "cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

type Event = LambdaEvent<EventText>;

/// An event's text as it came, or why it is no JSON. Taking it never fails:
/// what cannot be read is for the reader of alarms to say, with the field's name.
struct EventText(Result<Box<RawValue>, String>);

impl<'de> Deserialize<'de> for EventText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

impl EventText {
    fn get(&self) -> Result<&str, Unreadable> {
        match &self.0 {
            Ok(text) => Ok(text.get()),
            Err(found) => Err(Unreadable {
                field: "event".to_owned(),
                expected: "JSON".to_owned(),
                found: found.clone(),
            }),
        }
    }
}

fn start<T: Serialize>(
    symptom: Option<Symptom>,
    answer: &impl AsyncFn(Event, &Settings, &Aws) -> Result<T, InvocationError>,
) -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env(symptom)?;
    // One thread: a function answers one event at a time, and a second thread
    // only costs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let aws = Aws::new(&settings).await;
        aws.warm_up().await;
        lambda_runtime::run(service_fn(|event: Event| Box::pin(answer(event, &settings, &aws))))
            .await
    })
}

/// Every line is JSON with its time and its level: without them Lambda takes
/// each line for `INFO`, whatever it says (Lambda developer guide, "Log-level
/// filtering"). The span adds the request's id.
fn log_as_json() {
    tracing::subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(log_level())
        .init();
}

/// Metrics are lines of the log that are nothing but their JSON: `CloudWatch`
/// reads no metrics from inside another line, and Lambda passes on a line that
/// is JSON as it is. They have no level, which Lambda takes for `INFO`.
fn write(lines: &[Line], function: &str, settings: &Settings) {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json(&settings.namespace, function));
        text.push('\n');
    }
    if let Err(error) = io::stdout().lock().write_all(text.as_bytes()) {
        tracing::error!("metrics could not be written: {error}");
    }
}

fn log_answer(answer: &Answer) {
    log(&answer.reports);
    for ignored in &answer.ignored {
        tracing::info!(code = ignored.code, "not ours: {}", ignored.reason);
    }
}

/// One line for each report: what an operator searches for the next morning.
fn log(reports: &[Report]) {
    for report in reports {
        let line = report.log_line();
        tracing::info!(
            incident_id = line.incident_id,
            instance_id = line.instance_id,
            symptom = line.symptom,
            outcome = line.outcome,
            severity = line.severity,
            rung = line.rung,
            group = line.group,
            because = line.because,
            report = line.report,
            "report"
        );
    }
}

/// An invocation that failed, under the name Lambda's failure destination
/// keeps it by.
pub(crate) struct InvocationError {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// The runtime logs an error in this form.
impl fmt::Debug for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl From<RespondError> for InvocationError {
    fn from(error: RespondError) -> Self {
        let kind = match &error {
            RespondError::Unreadable(_) => UNREADABLE,
            RespondError::LedgerUnreachable { .. } => "LedgerUnreachable",
            RespondError::LedgerContended { .. } => "LedgerContended",
        };
        Self { kind, message: error.to_string() }
    }
}

impl From<Unreadable> for InvocationError {
    fn from(error: Unreadable) -> Self {
        Self { kind: UNREADABLE, message: error.to_string() }
    }
}

impl From<NotAnswered> for InvocationError {
    fn from(why: NotAnswered) -> Self {
        let kind = match &why {
            NotAnswered::Unreadable(_) => UNREADABLE,
            NotAnswered::NoClaim(LedgerError::Unreachable(_)) => "LedgerUnreachable",
            NotAnswered::NoClaim(LedgerError::Contended(_)) => "LedgerContended",
            NotAnswered::NoTime => "NoTime",
        };
        Self { kind, message: why.to_string() }
    }
}

impl From<CallFailed> for InvocationError {
    fn from(failed: CallFailed) -> Self {
        Self { kind: "LedgerUnreachable", message: failed.to_string() }
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self { error_type: error.kind.to_owned(), error_message: error.message }
    }
}
