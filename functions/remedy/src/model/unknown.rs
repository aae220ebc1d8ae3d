//! What is not known or not done, and why: a call that failed, a question that
//! nobody asked, an answer that does not tell, and a race that was lost are
//! different things.

use serde::Serialize;

/// A call that has no answer. Only an adapter makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{call} failed: {why}")]
pub struct CallFailed {
    /// The call, in IAM's spelling, such as `ec2:DescribeInstances`.
    pub call: &'static str,
    /// What it said.
    pub why: String,
}

/// Why a fact is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// It was asked for, and the call failed.
    #[error(transparent)]
    Call(#[from] CallFailed),
    /// Nobody has asked for it.
    #[error("{call} was not asked about {what}")]
    NotAsked {
        /// The call that would tell.
        call: &'static str,
        /// What it was not asked about.
        what: &'static str,
    },
    /// It was asked for, and the answer does not tell it.
    #[error("{call} does not tell {what}")]
    NotTold {
        /// The call.
        call: &'static str,
        /// What it does not tell.
        what: &'static str,
    },
}

/// Why nothing was written to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The ledger did not answer.
    #[error(transparent)]
    Unreachable(#[from] Unknown),
    /// Another writer was first. Asked again, the ledger shows what it wrote.
    #[error("another writer was first: {0}")]
    Contended(&'static str),
}

impl From<CallFailed> for LedgerError {
    fn from(failed: CallFailed) -> Self {
        Self::Unreachable(failed.into())
    }
}
