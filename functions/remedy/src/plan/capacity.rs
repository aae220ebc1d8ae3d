//! How much of a group there is, in one unit. A group with weights counts them and not its
//! members; one that counts processors or memory tells of its members nothing that could be
//! compared, so there the members themselves are counted, on both sides.

use crate::model::ids::InstanceId;
use crate::ports::look::{CapacityUnit, Group, Member};

/// What a group has and wants, in one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// What it wants.
    pub desired: u32,
    /// What is `InService` and healthy.
    pub healthy: u32,
    /// What the instance is of it.
    pub own: u32,
    /// How many members that is.
    pub members: u32,
}

impl Capacity {
    /// The capacity of `group`, of which `instance` is or was a part.
    pub fn of(group: &Group, instance: &InstanceId) -> Self {
        let counted = || group.members.iter().filter(|member| is_counted(member));
        let count = sum(counted().map(|_| 1));
        let weighted = counted().any(|member| member.weight.is_some());
        let all_weighted = counted().all(|member| member.weight.is_some());
        let in_members = !weighted && group.unit == CapacityUnit::Units;
        let in_weights = weighted && all_weighted;
        let weight = |member: &Member| if in_weights { member.weight.unwrap_or(1) } else { 1 };
        let healthy = |member: &&Member| member.healthy && member.lifecycle == "InService";
        let own = group.members.iter().find(|member| member.instance == *instance);
        Self {
            desired: if in_members || in_weights { group.desired } else { count },
            healthy: sum(group.members.iter().filter(healthy).map(weight)),
            own: own.map_or(1, weight),
            members: if in_members { group.desired } else { count },
        }
    }
}

/// How much of the group's own minimum, desired and maximum capacity the instance is. Where
/// the unit is processors or memory and it has no weight: its share.
pub(crate) fn own_units(group: &Group, instance: &InstanceId) -> u32 {
    let counted = sum(group.members.iter().filter(|member| is_counted(member)).map(|_| 1));
    let own = group.members.iter().find(|member| member.instance == *instance);
    match (own.and_then(|member| member.weight), group.unit) {
        (Some(weight), _) => weight,
        (None, CapacityUnit::Units) => 1,
        (None, CapacityUnit::Other) => group.desired.div_ceil(counted.max(1)),
    }
}

/// Whether a member counts towards what the group wants: who is in Standby, or on the way
/// there, does not.
fn is_counted(member: &Member) -> bool {
    ["Pending", "InService", "Terminat"].iter().any(|state| member.lifecycle.starts_with(state))
}

fn sum(weights: impl Iterator<Item = u32>) -> u32 {
    weights.fold(0, u32::saturating_add)
}
