//! What an instance runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The family of an operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Platform {
    /// What our cleanup scripts are written for.
    Linux,
    /// Windows, which they are not.
    Windows,
    /// Bottlerocket, whose agent lives in a container and sees little of its host.
    Bottlerocket,
    /// Another, such as macOS.
    Other,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::Bottlerocket => "Bottlerocket",
            Self::Other => "another system",
        })
    }
}
