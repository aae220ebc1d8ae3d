//! The kinds of remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of action, from gentle to drastic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// An SSM document of our own looks at the host and relieves it.
    Cleanup,
    /// The volume of a full file system grows, and the file system with it.
    Grow,
    /// The instance is rebooted in place.
    Reboot,
    /// The Auto Scaling group replaces the instance.
    Replace,
}

impl Rung {
    /// The one name this rung has in code, documents and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cleanup => "cleanup",
            Self::Grow => "grow",
            Self::Reboot => "reboot",
            Self::Replace => "replace",
        }
    }

    /// Whether the instance stops serving while this rung is carried out.
    pub fn is_disruptive(self) -> bool {
        match self {
            Self::Cleanup | Self::Grow => false,
            Self::Reboot | Self::Replace => true,
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
