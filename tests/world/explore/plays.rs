//! What an exploration begins with: hosts in trouble, and alarms that are about to ring.

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::{GroupName, InstanceId};

use crate::Region;
use crate::drill::episode::BEGINS;
use crate::group::Group;
use crate::host::{Host, Trouble};
use crate::watch::Watch;

/// How large the group is: in a smaller one two in trouble are all of it, and then nobody is
/// disrupted. Its budget has one place.
const MEMBERS: u32 = 3;

/// Where the members are: two that nothing answers from in one zone would be the zone.
const ZONES: [&str; 3] = ["eu-central-1a", "eu-central-1b", "eu-central-1c"];

/// Who is in trouble. A cleanup does not help, a reboot does, and each is watched by an alarm
/// of its own and by the fleet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Beginning {
    /// A server that stands alone, without time left on its processors.
    Alone,
    /// Two such members of a group of three, whose budget has one place.
    TwoMembers,
    /// All three.
    TwoMembersAndOneAlone,
    /// Two members of the group that nothing answers from: a reboot is the first thing to do.
    TwoUnreachable,
}

impl Beginning {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Alone, Self::TwoMembers, Self::TwoMembersAndOneAlone, Self::TwoUnreachable];

    /// The region, a minute before the alarms ring.
    pub fn region(self) -> Region {
        let region = Region::new(Timestamp::from_second(BEGINS).unwrap_or_default());
        region.transcribe(false);
        let busy = Trouble::stubborn(Symptom::HighCpu, 99.1);
        match self {
            Self::Alone => {}
            Self::TwoMembers | Self::TwoMembersAndOneAlone => members_enter(&region, busy),
            Self::TwoUnreachable => {
                members_enter(&region, Trouble::stubborn(Symptom::Unreachable, 100.0));
            }
        }
        match self {
            Self::Alone | Self::TwoMembersAndOneAlone => {
                enters(&region, "i-0b00000000000000a", "eu-central-1a", Some(busy));
            }
            Self::TwoMembers | Self::TwoUnreachable => {}
        }
        region
    }
}

fn members_enter(region: &Region, trouble: Trouble) {
    let mut group = Group::behind_load_balancer(MEMBERS);
    for (number, zone) in (1..=MEMBERS).zip(ZONES) {
        let id = format!("i-0a0000000000000{number:02}");
        if let Some(id) = enters(region, &id, zone, (number <= 2).then_some(trouble)) {
            group.admit(id);
        }
    }
    if let Ok(name) = GroupName::new("web") {
        region.add_group(name, group);
    }
}

/// A host, and its alarms if it is in trouble. Its application's own check is the second
/// witness where nothing else answers.
fn enters(region: &Region, id: &str, zone: &str, trouble: Option<Trouble>) -> Option<InstanceId> {
    let id = InstanceId::new(id).ok()?;
    let mut host = Host { trouble, ..Host::healthy(zone) };
    host.status.application_impaired = Some(false);
    region.add_host(id.clone(), host);
    if let Some(trouble) = trouble {
        let quiet_since = region.now() - SignedDuration::from_hours(1);
        for fleet in [false, true] {
            let mut watch = Watch::new(trouble.symptom, id.clone(), quiet_since);
            watch.name = if fleet { "fleet".to_owned() } else { format!("of-{id}") };
            watch.fleet = fleet;
            region.add_watch(watch);
        }
    }
    Some(id)
}
