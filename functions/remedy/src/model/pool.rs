//! Whose members may be out of service together: an Auto Scaling group, or the
//! standalone instances that share a tag. A pool has a disruption budget, and
//! its leases say who uses it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::brake::Tries;
use crate::model::ids::{GroupName, IncidentId, InstanceId};
use crate::model::policy::Policy;
use crate::model::rung::Rung;

/// Standalone instances with one value of this tag share a disruption budget;
/// those without it share another.
pub const POOL_TAG: &str = "auto-remediation-pool";

/// The pool of standalone instances that carry no [`POOL_TAG`].
const DEFAULT: &str = "default";

/// Instances that share a disruption budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The members of a group.
    Group(GroupName),
    /// Standalone instances, by the value of their [`POOL_TAG`].
    Standalone(String),
    /// Everybody in an Availability Zone. Nobody leases anything there: it only tells who is
    /// sick, where the zone itself may be to blame.
    Zone(String),
}

impl Pool {
    /// The pool of an instance with `tags`, which may be a member of `group`.
    pub fn of(group: Option<&GroupName>, tags: &BTreeMap<String, String>) -> Self {
        if let Some(group) = group {
            return Self::Group(group.clone());
        }
        let value = tags.get(POOL_TAG).filter(|value| !value.is_empty());
        Self::Standalone(value.cloned().unwrap_or_else(|| DEFAULT.to_owned()))
    }

    /// The pool of standalone instances of which nobody said what they share.
    pub fn of_the_untagged() -> Self {
        Self::Standalone(DEFAULT.to_owned())
    }

    /// Whether its members have nothing in common but that nobody said what they share: one
    /// that is dead tells nothing about the others.
    pub fn is_of_the_untagged(&self) -> bool {
        matches!(self, Self::Standalone(name) if name == DEFAULT)
    }

    /// How many members may be out of service through us at once, where a
    /// group wants `desired` of them: a share of the group and at least one,
    /// because a budget of none would freeze every small group for ever.
    pub fn budget(&self, desired: u32, policy: &Policy) -> u32 {
        match self {
            Self::Group(_) => {
                let share = u64::from(desired) * u64::from(policy.budget_percent) / 100;
                u32::try_from(share).unwrap_or(u32::MAX).max(1)
            }
            Self::Standalone(_) => policy.standalone_budget,
            Self::Zone(_) => 0,
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {name}"),
            Self::Standalone(name) => write!(f, "standalone instances ({name})"),
            Self::Zone(name) => write!(f, "zone {name}"),
        }
    }
}

/// One slot of a pool's budget, held by an incident. A slot is numbered, and
/// one conditional write takes it, so that two incidents never hold the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The pool.
    pub pool: Pool,
    /// The slot: 0 is the first.
    #[serde(alias = "place")]
    pub slot: u32,
    /// Who holds it.
    pub incident: IncidentId,
    /// When it is void, whatever has become of its holder.
    pub until: Timestamp,
}

/// One member that showed a symptom, and what it may share with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The member.
    pub instance: InstanceId,
    /// When the alarm was answered.
    pub at: Timestamp,
    /// Its Availability Zone.
    pub zone: String,
    /// The image it was started from.
    pub image: String,
    /// The launch template version it was started from.
    pub launch_template_version: Option<String>,
}

/// Sick members are noted by windows of this length. It is what counts as "within minutes", so
/// that a window and the one before it hold all that do.
const SICK_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// The number of the window in which a member is noted that is sick at `at`.
pub fn sick_window(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SICK_WINDOW.as_secs())
}

/// What the ledger holds about a pool and one symptom.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PoolBook {
    /// The leases, void ones too, by their slot.
    pub leases: Vec<Lease>,
    /// Who showed the symptom lately.
    pub sick: Vec<Sighting>,
    /// When we had members replaced for the symptom, oldest first.
    pub replaced: Vec<Timestamp>,
    /// What became of the tries of each rung for the symptom.
    pub tries: BTreeMap<Rung, Tries>,
}

impl PoolBook {
    /// What became of the tries of `rung`.
    pub fn tries(&self, rung: Rung) -> Tries {
        self.tries.get(&rung).cloned().unwrap_or_default()
    }

    /// The leases that hold at `now`.
    pub fn held(&self, now: Timestamp) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(move |lease| now < lease.until)
    }

    /// The lowest free slot of a budget; `None` if as many as the budget
    /// allows are held. That a slot below the budget is taken at all is
    /// decided by the write that takes it.
    pub fn free_slot(&self, budget: u32, now: Timestamp) -> Option<u32> {
        let held: Vec<u32> = self.held(now).map(|lease| lease.slot).collect();
        if u32::try_from(held.len()).unwrap_or(u32::MAX) >= budget {
            return None;
        }
        (0..budget).find(|slot| !held.contains(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Pool {
        Pool::Group(GroupName::new("web").unwrap())
    }

    fn lease(slot: u32, until: i64) -> Lease {
        Lease {
            pool: web(),
            slot,
            incident: IncidentId::new("disk-full-1").unwrap(),
            until: Timestamp::from_second(until).unwrap(),
        }
    }

    #[test]
    fn a_budget_is_a_tenth_and_at_least_one() {
        let policy = Policy::default();
        for (desired, budget) in [(0, 1), (1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (1000, 100)] {
            assert_eq!(web().budget(desired, &policy), budget, "of {desired}");
        }
        let standalone = Pool::Standalone("db".to_owned());
        assert_eq!(standalone.budget(1000, &policy), 1);
    }

    #[test]
    fn a_slot_is_free_when_nobody_holds_it_any_more() {
        let now = Timestamp::from_second(100).unwrap();
        let free = |leases: &[Lease], budget| {
            PoolBook { leases: leases.to_vec(), ..PoolBook::default() }.free_slot(budget, now)
        };
        assert_eq!(free(&[], 1), Some(0));
        assert_eq!(free(&[lease(0, 101)], 1), None);
        assert_eq!(free(&[lease(0, 100)], 1), Some(0), "a lease is void at its end");
        assert_eq!(free(&[lease(0, 101)], 2), Some(1));
        assert_eq!(free(&[lease(1, 101)], 2), Some(0));
        assert_eq!(free(&[lease(0, 101), lease(1, 101)], 2), None);
        // The group has shrunk: a slot beyond the budget still counts.
        assert_eq!(free(&[lease(1, 101)], 1), None);
    }

    #[test]
    fn standalone_instances_share_a_pool_by_tag() {
        let tags = |value: &str| BTreeMap::from([(POOL_TAG.to_owned(), value.to_owned())]);
        let pool = |value| Pool::of(None, &tags(value)).to_string();
        assert_eq!(pool("db"), "standalone instances (db)");
        assert_eq!(pool(""), "standalone instances (default)");
        for (value, untagged) in [("db", false), ("", true)] {
            let pool = Pool::of(None, &tags(value));
            assert_eq!(pool.is_of_the_untagged(), untagged, "{value}");
        }
        let group = GroupName::new("web").unwrap();
        assert_eq!(Pool::of(Some(&group), &tags("db")), Pool::Group(group));
    }
}
