//! The copy that describe calls are answered from. EC2 and Auto Scaling are
//! eventually consistent: what was changed a moment ago may not show yet.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{GroupName, InstanceId};

use crate::group::Group;
use crate::host::Host;
use crate::region::{self, State};

/// A copy of what there is, which lags.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    every: SignedDuration,
    since: Timestamp,
    hosts: BTreeMap<InstanceId, Host>,
    groups: BTreeMap<GroupName, Group>,
}

/// What describe calls see.
#[derive(Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) hosts: &'a BTreeMap<InstanceId, Host>,
    pub(crate) groups: &'a BTreeMap<GroupName, Group>,
}

impl<'a> Described<'a> {
    /// The group whose member `id` is.
    pub(crate) fn group_of(self, id: &InstanceId) -> Option<(&'a GroupName, &'a Group)> {
        region::group_of(self.groups, id)
    }
}

impl Replica {
    /// A copy of how things are, to be renewed once it is `every` old.
    pub(crate) fn new(state: &State, every: SignedDuration) -> Self {
        let (hosts, groups) = (state.hosts.clone(), state.groups.clone());
        Self { every, since: state.now, hosts, groups }
    }
}

impl State {
    /// What describe calls see now: the copy, if there is one, and otherwise
    /// how things are (EC2 developer guide, "Ensuring idempotency", and EC2 API reference,
    /// "Eventual consistency").
    pub(crate) fn described(&mut self) -> Described<'_> {
        let old = self.replica.take_if(|copy| self.now.duration_since(copy.since) >= copy.every);
        if let Some(old) = old {
            self.replica = Some(Replica::new(self, old.every));
        }
        match &self.replica {
            Some(replica) => Described { hosts: &replica.hosts, groups: &replica.groups },
            None => Described { hosts: &self.hosts, groups: &self.groups },
        }
    }
}
