//! Turns the SDK's errors into the road's words.

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use remedy::act::Refused;
use remedy::facts::Gap;

/// What AWS says of a failure is cut to this many characters.
const WHY_CHARS_MAX: usize = 300;

/// Why `call` has no answer.
pub(crate) fn gap<E>(call: &'static str, error: &SdkError<E>) -> Gap
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let why = match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::ServiceError(service) => match (service.err().code(), service.err().message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => format!("HTTP status {}", service.raw().status().as_u16()),
        },
        other => DisplayErrorContext(other).to_string(),
    };
    Gap { call, why: why.chars().take(WHY_CHARS_MAX).collect() }
}

/// An answer of `call` without the part that was asked for.
pub(crate) fn incomplete(call: &'static str, missing: &str) -> Gap {
    Gap { call, why: format!("the answer has no {missing}") }
}

/// Why an action has no success, and whether it certainly did not happen: AWS
/// itself said no, or the request never left.
pub(crate) fn refused<E>(call: &'static str, error: &SdkError<E>) -> Refused
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let certain = match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(service) => {
            service.raw().status().is_client_error() || is_throttle(error)
        }
        _ => false,
    };
    Refused { gap: gap(call, error), certain }
}

/// AWS turned the call away unread, so that asking again is not asking twice.
pub(crate) fn is_throttle<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .is_some_and(|code| THROTTLING_ERRORS.contains(&code))
}
