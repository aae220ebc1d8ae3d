//! The Lambda function that answers disk-full alarms.

use std::process::ExitCode;

use remedy::model::alarm::Symptom;

fn main() -> ExitCode {
    remedy_aws::serve(Symptom::DiskFull)
}
