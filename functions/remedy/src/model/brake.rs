//! The brake: what became of the tries of one rung, for one symptom in one pool, and when that
//! is reason enough to let the rung rest. It only ever takes a rung away.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::ids::{IncidentId, InstanceId};

/// So many tries are kept: what became of older ones says little about the next.
pub const KEPT_MAX: usize = 20;

/// So many tries in a row that did not help let the rung rest.
pub const IN_A_ROW_MAX: usize = 4;

/// A rung rests for so long, unless a person lets it be tried again.
pub const RESTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Harm in two pools within this time is no matter of one pool.
pub const REGION_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What helped has lasted after this long.
const LASTS: SignedDuration = SignedDuration::from_hours(24);

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// The symptom was gone, and stayed gone until the incident ended.
    Helped,
    /// And its instance was not in the list again within a day.
    Lasted,
    /// The symptom was still there.
    NoHelp,
    /// The instance did not come back in time.
    Harm,
    /// Nobody knows. It never counts as helped.
    Unknown,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// In which incident.
    pub incident: IncidentId,
    /// On which instance.
    pub instance: InstanceId,
    /// When it was begun.
    pub at: Timestamp,
    /// What became of it.
    pub became: Became,
    /// Whether the rung was let rest because of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rested: bool,
}

/// The tries of one rung, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// The tries.
    pub tried: Vec<Tried>,
    /// Counts the writes, so that two writers cannot both win; 0 if nothing is written yet.
    pub version: u64,
}

impl Tries {
    /// The next state of the list: with what became of one more try, or of the same one again.
    #[must_use]
    pub fn with(&self, tried: Tried, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.tried.retain(|other| other.incident != tried.incident);
        next.tried.push(tried);
        next.tried.sort_by_key(|one| one.at);
        let again: Vec<(InstanceId, Timestamp)> =
            next.tried.iter().map(|one| (one.instance.clone(), one.at)).collect();
        for one in next.tried.iter_mut().filter(|one| one.became == Became::Helped) {
            let came_back = |(instance, at): &(InstanceId, Timestamp)| {
                *instance == one.instance && *at > one.at && at.duration_since(one.at) < LASTS
            };
            if now.duration_since(one.at) >= LASTS && !again.iter().any(came_back) {
                one.became = Became::Lasted;
            }
        }
        let forgotten = next.tried.len().saturating_sub(KEPT_MAX);
        next.tried.drain(..forgotten);
        next.version += 1;
        next
    }

    /// The tries since the last that helped, newest first.
    fn since_it_helped(&self) -> impl Iterator<Item = &Tried> {
        let helped = |one: &&Tried| matches!(one.became, Became::Helped | Became::Lasted);
        self.tried.iter().rev().take_while(move |one| !helped(one))
    }

    /// Those in a row that did not help. What nobody knows is neither here nor there.
    pub fn in_a_row(&self) -> usize {
        let failed = |one: &&Tried| matches!(one.became, Became::NoHelp | Became::Harm);
        self.since_it_helped().filter(failed).count()
    }

    /// Why the rung is to rest after what became of the try in `incident`, if it is: it did
    /// harm, or did not help for the last time. Tried again after a rest, one failure is enough.
    pub fn rests_after(&self, incident: &IncidentId) -> Option<String> {
        let last = self.tried.iter().find(|one| one.incident == *incident)?;
        let on = &last.instance;
        let rested = self.since_it_helped().any(|one| one.rested && one.incident != *incident);
        match last.became {
            Became::Harm => Some(format!("it did harm on {on}")),
            Became::NoHelp if rested => Some(format!("it rested, and did not help on {on} either")),
            Became::NoHelp if self.in_a_row() >= IN_A_ROW_MAX => {
                Some(format!("{} in a row did not help, the last on {on}", self.in_a_row()))
            }
            Became::Helped | Became::Lasted | Became::Unknown | Became::NoHelp => None,
        }
    }

    /// Whether the rung was let rest because of the try in `incident` already.
    pub fn has_rested_for(&self, incident: &IncidentId) -> bool {
        self.tried.iter().any(|one| one.incident == *incident && one.rested)
    }

    /// Notes that the rung was let rest because of the try in `incident`.
    pub fn note_rest(&mut self, incident: &IncidentId) {
        let its = self.tried.iter_mut().filter(|one| one.incident == *incident);
        its.for_each(|one| one.rested = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Became::{Harm, Helped, Lasted, NoHelp, Unknown};

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_795_143_600).unwrap() + SignedDuration::from_hours(hours)
    }

    fn tried(number: usize, became: Became) -> Tried {
        Tried {
            incident: IncidentId::new(format!("high-cpu-{number}")).unwrap(),
            instance: InstanceId::new(format!("i-0a{number:06x}")).unwrap(),
            at: at(i64::try_from(number).unwrap()),
            became,
            rested: false,
        }
    }

    /// The list, and after each try whether it lets the rung rest.
    fn after(became: &[Became]) -> (Tries, Vec<bool>) {
        let mut tries = Tries::default();
        let mut rests = Vec::new();
        for (number, became) in became.iter().enumerate() {
            let one = tried(number, *became);
            let incident = one.incident.clone();
            tries = tries.with(one, at(i64::try_from(number).unwrap()));
            rests.push(tries.rests_after(&incident).is_some());
            if rests.last() == Some(&true) {
                tries.note_rest(&incident);
            }
        }
        (tries, rests)
    }

    #[test]
    fn four_in_a_row_without_help_or_one_harm_let_it_rest() {
        for (became, rests) in [
            (vec![NoHelp, NoHelp, NoHelp, NoHelp], vec![false, false, false, true]),
            (vec![NoHelp, NoHelp, NoHelp, Helped, NoHelp], vec![false; 5]),
            (vec![Helped, Harm], vec![false, true]),
            (vec![NoHelp, Unknown, NoHelp, Unknown, NoHelp, NoHelp], {
                vec![false, false, false, false, false, true]
            }),
            (vec![Unknown; 6], vec![false; 6]),
            // Once it has rested one failure more is enough, until it helps.
            (vec![Harm, NoHelp], vec![true, true]),
            (vec![Harm, Helped, NoHelp], vec![true, false, false]),
            (vec![NoHelp, NoHelp, NoHelp, NoHelp, Unknown, NoHelp], {
                vec![false, false, false, true, false, true]
            }),
        ] {
            assert_eq!(after(&became).1, rests, "{became:?}");
        }
    }

    #[test]
    fn what_was_noted_twice_counts_once_and_old_tries_are_forgotten() {
        let (tries, _) = after(&[NoHelp; 3]);
        let again = tries.with(tried(2, NoHelp), at(3));
        assert_eq!((again.in_a_row(), again.version), (3, 4));
        let (many, _) = after(&[NoHelp; 30]);
        assert_eq!(many.tried.len(), KEPT_MAX);
        assert_eq!(many.tried[0].incident.as_str(), "high-cpu-10");
    }

    #[test]
    fn what_helped_has_lasted_after_a_day_unless_it_came_back() {
        let mut tries = Tries::default();
        tries = tries.with(tried(0, Helped), at(0));
        tries = tries.with(tried(1, Helped), at(1));
        let back = Tried { instance: tried(1, Helped).instance, ..tried(2, NoHelp) };
        tries = tries.with(back, at(2));
        tries = tries.with(tried(30, Helped), at(30));
        let became: Vec<Became> = tries.tried.iter().map(|one| one.became).collect();
        assert_eq!(became, [Lasted, Helped, NoHelp, Helped]);
    }
}
