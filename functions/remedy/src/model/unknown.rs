//! What is not known, and why.

use serde::Serialize;

/// A question that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{call} failed: {why}")]
pub struct Gap {
    /// The call that failed, in IAM's spelling, such as `ec2:DescribeInstances`.
    pub call: &'static str,
    /// What it said.
    pub why: String,
}
