//! The small fleet that lives in the region: the instances the recorded events
//! in `events/` are about.

use jiff::Timestamp;
use remedy::model::ids::{GroupName, InstanceId};

use crate::Region;
use crate::group::Group;
use crate::host::Host;

/// The account of every simulated thing.
pub const ACCOUNT: &str = "111122223333";

/// The region of every simulated thing.
pub const REGION: &str = "eu-central-1";

/// The group of the web servers.
pub const WEB_GROUP: &str = "web-asg";

/// The names of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// A web server, in [`WEB_GROUP`] unless it stands alone.
    pub web: InstanceId,
    /// Two more web servers in [`WEB_GROUP`].
    pub others: [InstanceId; 2],
    /// A server from the days of short ids, in no group.
    pub old: InstanceId,
    /// The group of the web servers.
    pub group: GroupName,
}

impl Default for Names {
    /// The names, which are the same in every run.
    #[expect(clippy::expect_used, reason = "constants, which every test reads")]
    fn default() -> Self {
        let id = |text| InstanceId::new(text).expect("a constant instance id");
        Self {
            web: id("i-0a1b2c3d4e5f60718"),
            others: [id("i-0b2c3d4e5f6071829"), id("i-0c3d4e5f607182930")],
            old: id("i-1a2b3c4d"),
            group: GroupName::new(WEB_GROUP).expect("a constant group name"),
        }
    }
}

/// A region at `start` in which every web server is in [`WEB_GROUP`], healthy
/// and opted in.
pub fn grouped(names: &Names, start: Timestamp) -> Region {
    let region = Region::new(start);
    let mut group = Group::behind_load_balancer(3);
    let [second, third] = &names.others;
    for (id, zone) in
        [(&names.web, "eu-central-1a"), (second, "eu-central-1b"), (third, "eu-central-1c")]
    {
        region.add_host(id.clone(), Host::healthy(zone));
        group.admit(id.clone());
    }
    region.add_host(names.old.clone(), Host::healthy("eu-central-1a"));
    region.add_group(names.group.clone(), group);
    region
}

/// The same region without the group: every server stands alone.
pub fn standalone(names: &Names, start: Timestamp) -> Region {
    let region = Region::new(start);
    let [second, third] = &names.others;
    for id in [&names.web, second, third, &names.old] {
        region.add_host(id.clone(), Host::healthy("eu-central-1a"));
    }
    region
}
