//! The Lambda room: invocations come in, answers go out.

use std::process::ExitCode;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use remedy::alarm::{Invocation, Symptom, Unreadable};
use remedy::facts::Gap;
use remedy::follow_up::{Beat, beat};
use remedy::hint::{self, Errand};
use remedy::ledger::Ledger as _;
use remedy::pause::Pause;
use remedy::report::Report;
use remedy::respond::{RespondError, respond};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::clients::Aws;
use crate::settings::Settings;

/// Runs the function that answers for `symptom`, until Lambda ends it.
pub fn serve(symptom: Symptom) -> ExitCode {
    run(symptom.name(), Some(symptom), &async |event, settings, aws| {
        let request_id = event.context.request_id;
        let invocation = Invocation { symptom, request_id, at: Timestamp::now() };
        let event = event.payload.get()?;
        // Boxed, because the road's future is large and moves through every layer
        // of the runtime.
        let answer = Box::pin(respond(event, &invocation, &settings.policy, aws)).await;
        match &answer {
            Ok(answer) | Err(RespondError::LedgerUnreachable { answered: answer, .. }) => {
                log(&answer.reports);
                for ignored in &answer.ignored {
                    tracing::info!(code = ignored.code, "not ours: {}", ignored.reason);
                }
            }
            Err(RespondError::Unreadable(_)) => {}
        }
        answer.map_err(InvocationError::from)
    })
}

/// Runs the function that asks whether it worked, until Lambda ends it.
pub fn serve_follow_up() -> ExitCode {
    run("follow-up", None, &async |event, settings, aws| {
        let now = Timestamp::now();
        let instance = match hint::read(event.payload.get()?, now)? {
            Errand::Beat => None,
            Errand::LookAt(instance) => Some(instance),
            Errand::Pause(pause) => return Ok(paused(aws.pause(&pause).await?)),
            Errand::Lift(scope) => return Ok(paused(aws.lift(&scope).await?)),
            Errand::Pauses => return Ok(paused(aws.pauses().await?)),
        };
        let beat = beat(instance.as_ref(), now, &settings.policy, aws).await?;
        log(&beat.reports);
        for left in &beat.left {
            tracing::error!("an incident stays due: {left}");
        }
        Ok(FollowedUp::Beat(beat))
    })
}

/// The follow-up's answer.
#[derive(Serialize)]
#[serde(untagged)]
enum FollowedUp {
    /// To a heartbeat, or to a hint.
    Beat(Beat),
    /// To a person's errand: what is paused now.
    Pauses { pauses: Vec<Pause> },
}

fn paused(pauses: Vec<Pause>) -> FollowedUp {
    for pause in &pauses {
        tracing::info!(owner = pause.owner, until = %pause.until, "{} is paused", pause.scope);
    }
    FollowedUp::Pauses { pauses }
}

fn run<T: Serialize>(
    function: &'static str,
    symptom: Option<Symptom>,
    answer: &impl AsyncFn(Event, &Settings, &Aws) -> Result<T, InvocationError>,
) -> ExitCode {
    tracing::init_default_subscriber();
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
/// what cannot be read is for the alarm room to say, with the field's name.
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
        lambda_runtime::run(service_fn(|event: Event| {
            Box::pin(async {
                let answered = answer(event, &settings, &aws).await;
                answered.inspect_err(|error| tracing::error!("{}", error.message))
            })
        }))
        .await
    })
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
#[derive(Debug)]
struct InvocationError {
    kind: &'static str,
    message: String,
}

impl From<RespondError> for InvocationError {
    fn from(error: RespondError) -> Self {
        let kind = match &error {
            RespondError::Unreadable(_) => "UnreadableEvent",
            RespondError::LedgerUnreachable { .. } => "LedgerUnreachable",
        };
        Self { kind, message: error.to_string() }
    }
}

impl From<Unreadable> for InvocationError {
    fn from(error: Unreadable) -> Self {
        Self { kind: "UnreadableEvent", message: error.to_string() }
    }
}

impl From<Gap> for InvocationError {
    fn from(gap: Gap) -> Self {
        Self { kind: "LedgerUnreachable", message: gap.to_string() }
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self { error_type: error.kind.to_owned(), error_message: error.message }
    }
}
