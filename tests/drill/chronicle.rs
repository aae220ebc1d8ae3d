//! What happened in an episode, line by line, for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::calls::Call;

/// What happened, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    /// When, and what.
    pub(crate) entries: Vec<(Timestamp, Entry)>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// The world did something.
    World(String),
    /// A function was invoked, or answered.
    Function(String),
    /// A call reached the region.
    Call(Call),
}

impl Chronicle {
    /// The chronicle as text.
    pub(crate) fn told(&self) -> String {
        let mut text = String::new();
        for (at, entry) in &self.entries {
            let at = at.strftime("%H:%M:%S");
            // Writing to a String cannot fail.
            let _ = match entry {
                Entry::World(what) => writeln!(text, "{at}  {what}"),
                Entry::Function(what) => writeln!(text, "{at}    {what}"),
                Entry::Call(Call { verb, about, answer, .. }) => {
                    writeln!(text, "{at}      {:<41} {about}: {answer}", verb.name())
                }
            };
        }
        text
    }
}
