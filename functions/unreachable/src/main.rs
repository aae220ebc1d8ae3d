//! The Lambda function that answers unreachable alarms.

use std::process::ExitCode;

use remedy::model::alarm::Symptom;

fn main() -> ExitCode {
    remedy_aws::serve(Symptom::Unreachable)
}
