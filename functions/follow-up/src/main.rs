//! The Lambda function that asks whether it worked, and takes the next step.

use std::process::ExitCode;

fn main() -> ExitCode {
    remedy_aws::serve_follow_up()
}
