//! Turns the SDK's errors into the ports' words.

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use remedy::model::incident::FailureKind;
use remedy::model::unknown::CallFailed;
use remedy::ports::touch::CallError;

/// What AWS says of a failure is cut to this many characters.
const WHY_CHARS_MAX: usize = 300;

/// Why `call` has no answer.
pub(crate) fn call_failed<E>(call: &'static str, error: &SdkError<E>) -> CallFailed
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
    CallFailed { call, why: why.chars().take(WHY_CHARS_MAX).collect() }
}

/// An answer of `call` without the part that was asked for.
pub(crate) fn incomplete(call: &'static str, missing: &str) -> CallFailed {
    CallFailed { call, why: format!("the answer has no {missing}") }
}

/// What AWS says when an instance, as it is, stands in the way: the agent does
/// not answer (SSM), the state or the group's sizes do not allow it (EC2, Auto
/// Scaling).
///
/// Of a volume: its last modification is not completed, or there were too many (seen by the
/// EBS CSI driver and Terraform: github.com/kubernetes/kubernetes/issues/69434,
/// github.com/hashicorp/terraform-provider-aws/issues/44612).
const INSTANCE_STATE: [&str; 9] = [
    "IncorrectModificationState",
    "VolumeModificationRateExceeded",
    "InvalidVolume.NotFound",
    "InvalidInstanceId",
    "UnsupportedPlatformType",
    "InvalidInstanceID.NotFound",
    "IncorrectState",
    "IncorrectInstanceState",
    "ValidationError",
];

/// Why an action has no success, and how AWS said no, if it did: an error of
/// ours or of the instance is AWS's own word that nothing happened; one of the
/// service, or a lost connection, is not.
pub(crate) fn refused<E>(call: &'static str, error: &SdkError<E>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let kind = match error {
        SdkError::ConstructionFailure(_) => Some(FailureKind::NotPermitted),
        _ if is_throttle(error) || is_contention(error) => Some(FailureKind::Throttled),
        SdkError::ServiceError(service) if service.raw().status().is_client_error() => {
            match service.err().code() {
                Some(code) if INSTANCE_STATE.contains(&code) => Some(FailureKind::InstanceState),
                _ => Some(FailureKind::NotPermitted),
            }
        }
        _ => None,
    };
    let CallFailed { call, why } = call_failed(call, error);
    CallError { call, why, kind }
}

/// Another change of the same group is under way, so that this one was not begun. It comes
/// with a status of the service's own (500) and is none of its failures (Auto Scaling API
/// reference, `ResourceContention`).
fn is_contention<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code == Some("ResourceContention")
}

/// AWS turned the call away unread, so that asking again is not asking twice.
pub(crate) fn is_throttle<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .is_some_and(|code| THROTTLING_ERRORS.contains(&code))
}
