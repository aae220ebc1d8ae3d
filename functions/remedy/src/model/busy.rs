//! Work in progress: until when somebody's pipeline or backup asks to be left alone, by a tag
//! of the instance or of its group.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// The tag that holds the time, such as `2026-11-20T05:00:00Z`.
pub const BUSY_TAG: &str = "auto-remediation-busy-until";

/// The furthest that time may lie ahead: a pipeline that died must not keep an instance from
/// help for good.
pub const BUSY_MAX: SignedDuration = SignedDuration::from_hours(12);

/// What the tag says at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Busy {
    /// Somebody is at work until then.
    Until(Timestamp),
    /// It holds this, which is no time, or one that lies too far ahead. Somebody meant
    /// something by it.
    Unclear(String),
}

impl Busy {
    /// What `tags` say at `now`; `None` without the tag, and once its time has come.
    pub fn of(tags: &BTreeMap<String, String>, now: Timestamp) -> Option<Self> {
        let text = tags.get(BUSY_TAG)?;
        match text.trim().parse::<Timestamp>() {
            Ok(until) if until <= now => None,
            Ok(until) if until <= now + BUSY_MAX => Some(Self::Until(until)),
            Ok(_) | Err(_) => Some(Self::Unclear(text.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ends_by_itself_and_whatever_else_it_holds_counts() {
        let now: Timestamp = "2026-11-20T03:14:00Z".parse().unwrap();
        let said =
            |text: &str| Busy::of(&BTreeMap::from([(BUSY_TAG.to_owned(), text.to_owned())]), now);
        let until = |text: &str| Some(Busy::Until(text.parse().unwrap()));
        for text in ["2026-11-20T03:14:01Z", "2026-11-20T15:14:00Z", "2026-11-20T04:30:00+01:00"] {
            assert_eq!(said(text), until(text), "{text}");
        }
        assert_eq!(said(" 2026-11-20T05:00Z "), until("2026-11-20T05:00:00Z"));
        for over in ["2026-11-20T03:14:00Z", "2026-11-19T23:00:00Z", "2026-11-20T04:13:00+01:00"] {
            assert_eq!(said(over), None, "{over}");
        }
        for unclear in ["", "yes", "tomorrow", "05:00", "2026-11-20T15:14:01Z", "2026-11-21"] {
            assert_eq!(said(unclear), Some(Busy::Unclear(unclear.to_owned())), "{unclear}");
        }
        assert_eq!(Busy::of(&BTreeMap::new(), now), None);
    }
}
