//! The Lambda room: invocations come in, answers go out.

use std::process::ExitCode;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use remedy::alarm::{Invocation, Symptom};
use remedy::respond::{Answer, RespondError, respond};
use serde_json::value::RawValue;

use crate::clients::Aws;
use crate::settings::Settings;

/// Runs the function that answers for `symptom`, until Lambda ends it.
pub fn serve(symptom: Symptom) -> ExitCode {
    tracing::init_default_subscriber();
    match start(symptom) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function = symptom.name(), "cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(symptom: Symptom) -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    // One thread: a function answers one event at a time, and a second thread
    // only costs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let aws = Aws::new(&settings).await;
        // The event stays as it came: what cannot be read is for the alarm
        // room to say, with the field's name.
        // Boxed, because the road's future is large and moves through every
        // layer of the runtime.
        lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
            Box::pin(answer(event, symptom, &settings, &aws))
        }))
        .await
    })
}

async fn answer(
    event: LambdaEvent<Box<RawValue>>,
    symptom: Symptom,
    settings: &Settings,
    aws: &Aws,
) -> Result<Answer, InvocationError> {
    let invocation =
        Invocation { symptom, request_id: event.context.request_id, at: Timestamp::now() };
    match Box::pin(respond(event.payload.get(), &invocation, &settings.policy, aws)).await {
        Ok(answer) => {
            log(&answer);
            Ok(answer)
        }
        Err(error) => {
            if let RespondError::LedgerUnreachable { answered, .. } = &error {
                log(answered);
            }
            tracing::error!("{error}");
            Err(InvocationError(error))
        }
    }
}

/// One line for each report: what an operator searches for the next morning.
fn log(answer: &Answer) {
    for report in &answer.reports {
        let json = serde_json::to_string(report).unwrap_or_default();
        tracing::info!(
            incident_id = %report.incident_id,
            instance_id = %report.instance_id,
            outcome = report.outcome.name(),
            report = json,
            "report"
        );
    }
    for ignored in &answer.ignored {
        tracing::info!(code = ignored.code, "not ours: {}", ignored.reason);
    }
}

/// An invocation that failed, under the name Lambda's failure destination
/// keeps it by.
#[derive(Debug)]
struct InvocationError(RespondError);

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        let error_type = match &error.0 {
            RespondError::Unreadable(_) => "UnreadableEvent",
            RespondError::LedgerUnreachable { .. } => "LedgerUnreachable",
        };
        Self { error_type: error_type.to_owned(), error_message: error.0.to_string() }
    }
}
