//! How an instance would have gone on after something was done to it that was not done then.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{GroupName, InstanceId};
use remedy::ports::look::{
    Agent, Group, Instance, InstanceState, Member, Membership, StatusChecks,
};

/// How what nobody can know is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assume {
    /// What is done helps, and whoever is asked says that it may be done.
    Helps,
    /// What is done changes nothing: the instance goes on as it went then.
    HelpsNot,
}

impl Assume {
    /// Both ways.
    pub const BOTH: [Self; 2] = [Self::Helps, Self::HelpsNot];

    /// In words: the beginning of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Helps => "if what it does had helped",
            Self::HelpsNot => "if it had not helped",
        }
    }
}

/// From a reboot until the status checks pass again.
const BOOT_TAKES: SignedDuration = SignedDuration::from_mins(3);

/// From a request to a group until it is carried out.
const GROUP_TAKES: SignedDuration = SignedDuration::from_mins(1);

/// From a replacement until the instance is terminated, and until its substitute serves.
const ENDS_AFTER: SignedDuration = SignedDuration::from_mins(2);
const SUBSTITUTE_TAKES: SignedDuration = SignedDuration::from_mins(6);

/// What was done to an instance here, and was not done then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// Since when its trouble is over, where what was done helped.
    pub(crate) well_since: Option<Timestamp>,
    down: Vec<(Timestamp, Timestamp)>,
    /// Its place in its group, since when.
    lifecycle: BTreeMap<Timestamp, &'static str>,
    /// From when on, and until when, its group wants one less.
    decremented: Option<(Timestamp, Option<Timestamp>)>,
    /// Since when its group replaces it.
    replaced: Option<(Timestamp, Option<GroupName>)>,
}

impl Course {
    /// It is rebooted.
    pub(crate) fn reboots(&mut self, now: Timestamp, helps: bool) {
        self.down.push((now, now + BOOT_TAKES));
        if helps {
            self.is_well(now + BOOT_TAKES);
        }
    }

    /// Its trouble is over.
    pub(crate) fn is_well(&mut self, since: Timestamp) {
        self.well_since = Some(self.well_since.map_or(since, |before| before.min(since)));
    }

    /// It leaves service.
    pub(crate) fn leaves(&mut self, now: Timestamp, decremented: bool) {
        self.lifecycle.insert(now, "EnteringStandby");
        self.lifecycle.insert(now + GROUP_TAKES, "Standby");
        if decremented {
            self.decremented = Some((now, None));
        }
    }

    /// It comes back into service.
    pub(crate) fn comes_back(&mut self, now: Timestamp) {
        self.lifecycle.insert(now, "Pending");
        self.lifecycle.insert(now + GROUP_TAKES, "InService");
        if let Some((_, until)) = &mut self.decremented {
            *until = Some(now);
        }
    }

    /// Its group replaces it.
    pub(crate) fn is_replaced(&mut self, now: Timestamp, group: Option<GroupName>) {
        self.replaced = Some((now, group));
    }

    fn is_gone(&self, now: Timestamp) -> bool {
        self.replaced.as_ref().is_some_and(|(at, _)| now >= *at + ENDS_AFTER)
    }

    fn is_down(&self, now: Timestamp) -> bool {
        self.down.iter().any(|(from, until)| (*from..*until).contains(&now))
    }

    fn place(&self, now: Timestamp) -> Option<&'static str> {
        self.lifecycle.range(..=now).next_back().map(|(_, lifecycle)| *lifecycle)
    }

    /// The instance, as EC2 would have told of it.
    pub(crate) fn instance(&self, instance: Option<Instance>, now: Timestamp) -> Option<Instance> {
        let instance = instance?;
        if !self.is_gone(now) {
            return Some(instance);
        }
        Some(Instance { state: InstanceState::Not("terminated".to_owned()), ..instance })
    }

    /// Its status checks.
    pub(crate) fn status(
        &self,
        status: Option<StatusChecks>,
        now: Timestamp,
    ) -> Option<StatusChecks> {
        let mut status = status.filter(|_| !self.is_gone(now))?;
        let booted = self.down.iter().any(|(_, until)| *until <= now);
        if self.is_down(now) {
            status.instance_impaired = true;
        } else if booted && self.well_since.is_some_and(|since| since <= now) {
            status.instance_impaired = false;
        }
        Some(status)
    }

    /// Its agent: silent while it boots, and back after that.
    pub(crate) fn agent(&self, agent: Option<Agent>, now: Timestamp) -> Option<Agent> {
        let mut agent = agent.filter(|_| !self.is_gone(now))?;
        let is_well = self.well_since.is_some_and(|since| since <= now);
        for (from, until) in &self.down {
            if (*from..*until).contains(&now) {
                agent.last_ping = agent.last_ping.map(|ping| ping.min(*from));
            } else if *until <= now && (is_well || agent.online) {
                agent.online = true;
                agent.last_ping = agent.last_ping.max(Some(*until));
            }
        }
        Some(agent)
    }

    /// Its place in its group.
    pub(crate) fn membership(
        &self,
        membership: Option<Membership>,
        now: Timestamp,
    ) -> Option<Membership> {
        let mut membership = membership.filter(|_| !self.is_gone(now))?;
        if let Some(lifecycle) = self.place(now) {
            lifecycle.clone_into(&mut membership.lifecycle);
        }
        Some(membership)
    }

    /// Its group, as far as this member changes it.
    pub(crate) fn of_group(&self, id: &InstanceId, group: &mut Group, now: Timestamp) {
        if let Some((from, until)) = self.decremented
            && now >= from
            && until.is_none_or(|until| now < until)
        {
            group.desired = group.desired.saturating_sub(1);
        }
        if let Some(lifecycle) = self.place(now) {
            let own = group.members.iter_mut().filter(|member| member.instance == *id);
            own.for_each(|member| lifecycle.clone_into(&mut member.lifecycle));
        }
        let Some((at, _)) = &self.replaced else { return };
        let own = group.members.iter().find(|member| member.instance == *id).cloned();
        let Some(own) = own else { return };
        if now >= *at + ENDS_AFTER {
            group.members.retain(|member| member.instance != *id);
        }
        if now >= *at + SUBSTITUTE_TAKES
            && let Ok(substitute) = substitute_of(id)
        {
            let lifecycle = "InService".to_owned();
            group.members.push(Member { instance: substitute, lifecycle, healthy: true, ..own });
        }
    }
}

/// The id of the instance that takes its place: one that is nobody's.
fn substitute_of(id: &InstanceId) -> Result<InstanceId, remedy::model::ids::InvalidId> {
    let digits: String = id.as_str().chars().skip(2).collect();
    let turned = digits.chars().map(|digit| if digit == 'f' { 'e' } else { 'f' }).take(1);
    InstanceId::new(format!("i-{}{}", turned.collect::<String>(), digits.get(1..).unwrap_or("")))
}
