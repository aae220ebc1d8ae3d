//! What a host says of its own trouble. It is the second witness beside the
//! measurement: who can speak and does not confirm the trouble is not disrupted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the host's own script said last about the trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// When it was read.
    pub at: Timestamp,
    /// Since when it has spoken against a disruption each time, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What it comes to.
    pub word: Word,
    /// The script's own words, with its numbers.
    pub why: String,
}

/// What a host's words come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// It is in trouble of its own.
    InTrouble,
    /// It is not in trouble, or no longer.
    Well,
    /// It is in trouble that is not its own: the hypervisor, a disk, the load of everybody.
    NotItsOwn,
    /// What causes the trouble must not be touched without a person.
    Protected,
    /// It was asked and could not tell.
    Unsure,
}

impl Word {
    /// Whether a disruption may follow from it.
    pub fn confirms(self) -> bool {
        match self {
            Self::InTrouble => true,
            Self::Well | Self::NotItsOwn | Self::Protected | Self::Unsure => false,
        }
    }
}

impl Testimony {
    /// This word, after what the host said `before`: who objects again has objected since then.
    #[must_use]
    pub fn after(self, before: Option<&Self>) -> Self {
        let objected = before.filter(|before| before.objection().is_some());
        let since = objected.and_then(|before| before.since).unwrap_or(self.at);
        Self { since: self.objection().is_some().then_some(since), ..self }
    }

    /// The objection to a disruption, if it is one.
    pub fn objection(&self) -> Option<&str> {
        (!self.word.confirms()).then_some(self.why.as_str())
    }
}
