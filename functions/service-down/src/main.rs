//! The Lambda function that answers service-down alarms.

use std::process::ExitCode;

use remedy::model::alarm::Symptom;

fn main() -> ExitCode {
    remedy_aws::serve(Symptom::ServiceDown)
}
