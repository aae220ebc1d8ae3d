//! The Lambda function that answers high-cpu alarms.

use std::process::ExitCode;

use remedy::model::alarm::Symptom;

fn main() -> ExitCode {
    remedy_aws::serve(Symptom::HighCpu)
}
