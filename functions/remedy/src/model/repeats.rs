//! Repeats: what people are told once, and what is only counted after that. A
//! storm of alarms is one cause, and a hundred messages about it hide it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::alarm::Symptom;
use crate::model::ids::{GroupName, InstanceId};
use crate::model::incident::Rung;

/// The windows that repeats are counted in: 10 minutes, in which a fleet's
/// alarms about one cause go off, and after which people may ask how it goes.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Within such a window a person is called for one of a group's members with the same trouble.
/// Two hours, and others that begin in their middle: what has the same cause falls ill within
/// the hour, and who is called again later may be called for something else.
pub const ASKED_WINDOW: SignedDuration = SignedDuration::from_hours(2);

/// Within such a window a person is called once for one instance with the same trouble: as long
/// as its incidents remember that somebody was called.
pub const ASKED_FOR_WINDOW: SignedDuration = SignedDuration::from_hours(6);

/// When the window of `length` begins that `at` falls into.
fn begins(at: Timestamp, length: SignedDuration) -> Timestamp {
    let into_window = at.as_second().rem_euclid(length.as_secs());
    Timestamp::from_second(at.as_second() - into_window).unwrap_or(at)
}

/// One telling that may be a repeat of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The group, whose members are told of once. Instances outside groups are
    /// counted together.
    pub group: Option<GroupName>,
    /// What is told: the same words are the same cause.
    pub cause: String,
    /// When the window begins that it falls into.
    pub window: Timestamp,
    /// Who tells. A function that died before it told is invoked again under the
    /// same name, and both are one telling.
    pub by: String,
}

/// How often something was told or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrences {
    /// Whether this telling is the window's first.
    pub is_first: bool,
    /// How many there are in this window, this one included.
    pub here: u64,
    /// How many there were in the window before it that had any.
    pub before: u64,
}

/// What a report says about its repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Whether this one is only counted.
    pub counted_only: bool,
    /// How many were only counted since people were told last.
    pub counted_before: u64,
    /// Until when those that follow are only counted.
    pub until: Timestamp,
}

impl Occurrence {
    /// An incident that begins with `rung`.
    pub fn started(
        group: Option<&GroupName>,
        symptom: Symptom,
        rung: Rung,
        at: Timestamp,
        by: String,
    ) -> Self {
        Self::new(group, format!("{symptom} started {rung}"), at, by)
    }

    /// Something that is refused for `reason`.
    pub fn refused(
        group: Option<&GroupName>,
        symptom: Symptom,
        reason: &str,
        at: Timestamp,
        by: String,
    ) -> Self {
        Self::new(group, format!("{symptom} refused {reason}"), at, by)
    }

    /// A person is called for a member of `group`. Who looks at one of its members looks at
    /// the group. It falls into two windows, so that no other within an hour misses both.
    pub fn asked(group: &GroupName, symptom: Symptom, at: Timestamp, by: &str) -> [Self; 2] {
        let in_window = |cause: String, shift: SignedDuration| Self {
            group: Some(group.clone()),
            cause,
            window: begins(at - shift, ASKED_WINDOW) + shift,
            by: by.to_owned(),
        };
        let half = SignedDuration::from_secs(ASKED_WINDOW.as_secs() / 2);
        [
            in_window(format!("{symptom} asked"), SignedDuration::ZERO),
            in_window(format!("{symptom} asked between"), half),
        ]
    }

    /// A person is called for `instance`, and no incident of it remembers that.
    pub fn asked_for(instance: &InstanceId, symptom: Symptom, at: Timestamp, by: String) -> Self {
        let cause = format!("{symptom} asked for {instance}");
        Self { group: None, cause, window: begins(at, ASKED_FOR_WINDOW), by }
    }

    fn new(group: Option<&GroupName>, cause: String, at: Timestamp, by: String) -> Self {
        Self { group: group.cloned(), cause, window: begins(at, WINDOW), by }
    }

    /// What the report says when it was counted so.
    pub fn repeats(&self, count: Occurrences) -> Repeats {
        Repeats {
            counted_only: !count.is_first,
            counted_before: count.before.saturating_sub(1),
            until: self.window + WINDOW,
        }
    }
}
