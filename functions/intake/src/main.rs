//! The Lambda function that takes alarms from a queue, many at once.

use std::process::ExitCode;

fn main() -> ExitCode {
    remedy_aws::serve_intake()
}
