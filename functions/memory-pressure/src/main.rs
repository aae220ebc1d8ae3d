//! The Lambda function that answers memory-pressure alarms.

use std::process::ExitCode;

use remedy::model::alarm::Symptom;

fn main() -> ExitCode {
    remedy_aws::serve(Symptom::MemoryPressure)
}
