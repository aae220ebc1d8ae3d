//! "Ask me first": for which rungs an owner wants to be asked, and the question of an incident.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::ids::{IncidentId, InstanceId};
use crate::model::rung::Rung;

/// The tag of an instance, of its group or of an alarm that names the rungs, such as
/// `reboot replace`, and, where it is not as usual, the minutes for an answer and what follows
/// if there is none: `reboot 30 wait`.
pub const ASK_TAG: &str = "auto-remediation-ask";

/// So long an answer is waited for unless the tag says otherwise.
const USUAL: SignedDuration = SignedDuration::from_mins(15);

/// The longest that a tag may ask for: an incident has no more time.
const LONGEST: i64 = 120;

/// A yes is good for so long. What was agreed to an hour ago may be wrong by now.
pub const CONSENT_LASTS: SignedDuration = SignedDuration::from_mins(30);

/// What follows if nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// A person has it, and nothing is done.
    HandOver,
    /// It is waited for until the incident runs out of time.
    Wait,
    /// It is done. Only an owner's tag can say so.
    Act,
}

fn gentler(before: Option<Silence>, other: Silence) -> Silence {
    before.map_or(other, |before| before.min(other))
}

/// For which rungs an owner wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The rungs.
    pub rungs: BTreeSet<Rung>,
    /// How long an answer is waited for.
    pub within: SignedDuration,
    /// What follows then.
    pub silence: Silence,
}

impl Ask {
    /// What the texts of tags ask for together: for each rung that one of them names, with the
    /// longest time and the gentlest end. A word that is none asks for every rung.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rungs = BTreeSet::new();
        let (mut within, mut silence) = (None, None);
        for word in texts.into_iter().flat_map(|text| text.split([',', ' '])) {
            match word {
                "" => {}
                "reboot" => drop(rungs.insert(Rung::Reboot)),
                "replace" => drop(rungs.insert(Rung::Replace)),
                "hand-over" => silence = Some(gentler(silence, Silence::HandOver)),
                "wait" => silence = Some(gentler(silence, Silence::Wait)),
                "act" => silence = Some(gentler(silence, Silence::Act)),
                other => match other.parse::<i64>() {
                    Ok(minutes) if (1..=LONGEST).contains(&minutes) => {
                        within = within.max(Some(SignedDuration::from_mins(minutes)));
                    }
                    _ => rungs.extend([Rung::Reboot, Rung::Replace]),
                },
            }
        }
        Self {
            rungs,
            within: within.unwrap_or(USUAL),
            silence: silence.unwrap_or(Silence::HandOver),
        }
    }
}

/// A question to people: may this be done?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What would be done.
    pub rung: Rung,
    /// Which attempt of the incident it would be: 1 is the first.
    pub attempt: usize,
    /// Tells this question from every other of the incident.
    pub nonce: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When an answer comes too late.
    pub until: Timestamp,
    /// What follows then.
    pub silence: Silence,
    /// Whether people were asked a second time.
    #[serde(default)]
    pub reminded: bool,
    /// The answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it may be done.
    pub yes: bool,
    /// Who says so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Question {
    /// A question of `incident`, asked at `now`.
    pub fn new(
        incident: &IncidentId,
        rung: Rung,
        attempt: usize,
        ask: &Ask,
        now: Timestamp,
    ) -> Self {
        let what = format!("{incident} {attempt} {rung} {}", now.as_nanosecond());
        let hash = Sha256::digest(what.as_bytes());
        let nonce = hash.iter().take(4).fold(String::new(), |all, byte| format!("{all}{byte:02x}"));
        Self {
            rung,
            attempt,
            nonce,
            asked_at: now,
            until: now + ask.within,
            silence: ask.silence,
            reminded: false,
            answer: None,
        }
    }

    /// Whether an answer comes too late at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.silence != Silence::Wait && now >= self.until
    }

    /// When people are asked a second time: half-way.
    pub fn reminds_at(&self) -> Timestamp {
        self.asked_at + self.until.duration_since(self.asked_at) / 2
    }
}

/// What a person answers, and to which question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The instance.
    pub instance: InstanceId,
    /// The incident.
    pub incident: IncidentId,
    /// The attempt.
    pub attempt: usize,
    /// The question's nonce.
    pub nonce: String,
    /// Whether it may be done.
    pub yes: bool,
    /// Who answers.
    pub by: String,
}

/// Why an answer counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// No such question is open: its incident has ended or gone on.
    NotAsked,
    /// Another question is open, about another attempt.
    AnotherAttempt(usize),
    /// It comes too late.
    TooLate(Timestamp),
    /// Somebody was first.
    Answered(Answer),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("no such question is open"),
            Self::AnotherAttempt(number) => {
                write!(f, "the open question is another one, about attempt {number}")
            }
            Self::TooLate(until) => {
                write!(f, "it comes too late: the question was open until {until}")
            }
            Self::Answered(answer) => {
                let said = if answer.yes { "yes" } else { "no" };
                write!(f, "{} has said {said} at {}", answer.by, answer.at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_rungs_a_time_and_what_follows() {
        let read = |texts: &[&str]| {
            let ask = Ask::of(texts.iter().copied());
            let rungs: Vec<&str> = ask.rungs.iter().map(|rung| rung.name()).collect();
            (rungs.join(" "), ask.within.as_mins(), ask.silence)
        };
        let hand_over = Silence::HandOver;
        for (texts, rungs, minutes, silence) in [
            (&[][..], "", 15, hand_over),
            (&["reboot"], "reboot", 15, hand_over),
            (&["reboot,replace"], "reboot replace", 15, hand_over),
            (&["replace 30 wait"], "replace", 30, Silence::Wait),
            (&["reboot 5 act"], "reboot", 5, Silence::Act),
            // Of several the longest time and the gentlest end.
            (&["reboot 5 act", "replace 20 wait"], "reboot replace", 20, Silence::Wait),
            (&["reboot act", "reboot hand-over"], "reboot", 15, hand_over),
            // What nobody understands is asked about.
            (&["rebot"], "reboot replace", 15, hand_over),
            (&["reboot 0"], "reboot replace", 15, hand_over),
            (&["reboot 121"], "reboot replace", 15, hand_over),
        ] {
            assert_eq!(read(texts), (rungs.to_owned(), minutes, silence), "{texts:?}");
        }
    }

    #[test]
    fn no_two_questions_have_one_nonce() {
        let now: Timestamp = "2026-11-20T03:14:00Z".parse().unwrap();
        let ask = Ask::of(["reboot"]);
        let one = |attempt, at| {
            let id = IncidentId::new("high-cpu-1").unwrap();
            Question::new(&id, Rung::Reboot, attempt, &ask, at).nonce
        };
        assert_eq!(one(1, now), one(1, now));
        assert_ne!(one(1, now), one(2, now));
        assert_ne!(one(1, now), one(1, now + SignedDuration::from_secs(1)));
        assert_eq!(one(1, now).len(), 8);
    }
}
