//! The last answer of the change calendars, so that one serves all incidents of a beat.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use remedy::model::calendar::CalendarState;

/// For so long an answer counts: less than a function's 60 seconds.
const FRESH: SignedDuration = SignedDuration::from_secs(20);

/// Which calendars were asked, and when.
type Asked = (BTreeSet<String>, Timestamp);

/// The last answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct CalendarMemo(Arc<Mutex<Option<(Asked, CalendarState)>>>);

impl CalendarMemo {
    /// The answer to the same question, if it is fresh and nothing changed since.
    pub(crate) fn get(&self, (names, now): &Asked) -> Option<CalendarState> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ((asked, at), state) = kept.as_ref()?;
        let fresh = now.duration_since(*at).abs() < FRESH;
        let unchanged = state.until.is_none_or(|until| *now < until);
        (asked == names && fresh && unchanged).then_some(*state)
    }

    /// Keeps an answer, in place of the one before.
    pub(crate) fn keep(&self, asked: Asked, state: CalendarState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_serves_the_same_question_until_it_is_stale_or_changes() {
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        let at = |second: i64| Timestamp::from_second(1_795_143_600 + second).unwrap();
        let memo = CalendarMemo::default();
        assert_eq!(memo.get(&(names("freeze"), at(0))), None);
        let open = CalendarState { is_open: true, until: Some(at(10)) };
        memo.keep((names("freeze"), at(0)), open);
        assert_eq!(memo.get(&(names("freeze"), at(9))), Some(open));
        assert_eq!(memo.get(&(names("freeze"), at(10))), None, "it closes then");
        assert_eq!(memo.get(&(names("other"), at(1))), None);
        let closed = CalendarState { is_open: false, until: None };
        memo.keep((names("freeze"), at(10)), closed);
        assert_eq!(memo.get(&(names("freeze"), at(29))), Some(closed));
        assert_eq!(memo.get(&(names("freeze"), at(30))), None, "it is stale");
    }
}
