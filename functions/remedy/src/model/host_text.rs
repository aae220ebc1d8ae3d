//! Text that a host wrote, cut and escaped on the way in.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::fmt::Write as _;

/// Enough for a path or a reason, and little enough for a notification that quotes several.
const TEXT_CHARS_MAX: usize = 200;

/// Most elements kept of any list, though the scripts send five at most.
pub(crate) const LIST_ITEMS_MAX: usize = 16;

/// A text from the host: printable ASCII only, at most 200 characters.
///
/// What is neither (control characters, bidirectional marks, look-alike letters) is shown as an
/// escape. It may still hold markup of whichever renderer comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HostText(String);

impl HostText {
    /// Cuts and escapes `raw`.
    pub fn new(raw: &str) -> Self {
        let mut text = String::new();
        for character in raw.chars() {
            let start = text.len();
            if character == ' ' || character.is_ascii_graphic() {
                text.push(character);
            } else {
                // Writing to a String cannot fail.
                let _ = write!(text, "{}", character.escape_unicode());
            }
            if text.len() > TEXT_CHARS_MAX {
                text.truncate(start);
                break;
            }
        }
        Self(text)
    }

    /// The harmless text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the host said nothing here.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for HostText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|raw| Self::new(&raw))
    }
}

/// A list from the host, cut.
pub(crate) fn bounded<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut list = Vec::<T>::deserialize(deserializer)?;
    list.truncate(LIST_ITEMS_MAX);
    Ok(list)
}

/// A text from the host, where an empty one is none.
pub(crate) fn known<'de, D: Deserializer<'de>>(host: D) -> Result<Option<HostText>, D::Error> {
    Ok(Option::<HostText>::deserialize(host)?.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped_and_cut() {
        assert_eq!(HostText::new("a\nb\u{202e}c\u{7f}").as_str(), "a\\u{a}b\\u{202e}c\\u{7f}");
        assert_eq!(HostText::new(&"x".repeat(900)).as_str().len(), 200);
        assert!(HostText::new(&"\u{202e}".repeat(900)).as_str().len() <= 200);
    }
}
