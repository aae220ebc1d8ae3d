//! An Auto Scaling group: what it wants, who is in it, and what it does about
//! a member that is marked unhealthy.

use std::collections::{BTreeMap, BTreeSet};

use remedy::model::ids::InstanceId;
use remedy::model::policy::{OPT_IN_ENABLED, OPT_IN_TAG};
use remedy::ports::look;

/// Where a member stands, as Auto Scaling names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Starting.
    Pending,
    /// Serving.
    InService,
    /// On its way out for a while: its connections are drained.
    EnteringStandby,
    /// Taken out for a while.
    Standby,
    /// On its way out.
    Terminating,
}

impl Lifecycle {
    /// The state's name in Auto Scaling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InService => "InService",
            Self::EnteringStandby => "EnteringStandby",
            Self::Standby => "Standby",
            Self::Terminating => "Terminating",
        }
    }
}

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it stands.
    pub lifecycle: Lifecycle,
    /// Whether the group takes it for healthy.
    pub healthy: bool,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// Whether its group got another one for it when it left service.
    pub(crate) stood_in_for: bool,
}

impl Member {
    /// A healthy member that stands there.
    pub fn new(lifecycle: Lifecycle) -> Self {
        Self { lifecycle, healthy: true, protected: false, stood_in_for: false }
    }
}

/// An Auto Scaling group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The least capacity it may have.
    pub min: u32,
    /// The most capacity it may have.
    pub max: u32,
    /// The capacity it wants.
    pub desired: u32,
    /// How much of its capacity each member is, if it counts in weights.
    pub weight: Option<u32>,
    /// Whether anything sends traffic to its members.
    pub receives_traffic: bool,
    /// Its health checks, in upper case.
    pub health_checks: BTreeSet<String>,
    /// Its suspended processes.
    pub suspended: BTreeSet<String>,
    /// Its instance maintenance policy: least and most healthy capacity during
    /// a replacement, in percent of desired.
    pub maintenance: Option<(u32, u32)>,
    /// Whether it protects each new member from scale-in.
    pub protects_new: bool,
    /// The status of an instance refresh that is not finished.
    pub refresh: Option<String>,
    /// Its members.
    pub members: BTreeMap<InstanceId, Member>,
}

/// One thing a group does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Terminate a member.
    Terminate(InstanceId),
    /// Launch a new one.
    Launch,
}

impl Group {
    /// A healthy, opted-in group behind a load balancer, with room for one
    /// more than it wants.
    pub fn behind_load_balancer(desired: u32) -> Self {
        Self {
            tags: BTreeMap::from([(OPT_IN_TAG.to_owned(), OPT_IN_ENABLED.to_owned())]),
            min: 1,
            max: desired + 1,
            desired,
            weight: None,
            receives_traffic: true,
            health_checks: ["EC2", "ELB"].map(str::to_owned).into(),
            suspended: BTreeSet::new(),
            maintenance: None,
            protects_new: false,
            refresh: None,
            members: BTreeMap::new(),
        }
    }

    /// Takes `id` in as a healthy member in service (ours: that is how a play begins).
    pub fn admit(&mut self, id: InstanceId) {
        self.members.insert(id, Member::new(Lifecycle::InService));
    }

    /// Whether a rebooting member fails a health check that does not wait.
    pub(crate) fn replaces_who_reboots(&self) -> bool {
        self.health_checks.iter().any(|check| check != "EC2" && check != "EBS")
    }

    /// Takes `id` out of service, as `EnterStandby` does: only from `InService`, and with a
    /// decrement not below the minimum (Auto Scaling API reference, `EnterStandby`; Auto Scaling
    /// user guide, "Temporarily remove instances").
    pub(crate) fn enter_standby(
        &mut self,
        id: &InstanceId,
        decrement: bool,
    ) -> Result<(), &'static str> {
        let own = self.own();
        if decrement && self.desired.saturating_sub(own) < self.min {
            return Err("ValidationError: the group's size would fall below its minimum");
        }
        let Some(member) =
            self.members.get_mut(id).filter(|member| member.lifecycle == Lifecycle::InService)
        else {
            return Err("ValidationError: the instance is not in InService");
        };
        member.lifecycle = Lifecycle::EnteringStandby;
        member.stood_in_for = !decrement;
        if decrement {
            self.desired -= own;
        }
        Ok(())
    }

    /// Brings `id` back, as `ExitStandby` does: not above the maximum, and not while `Launch` is
    /// suspended (Auto Scaling user guide, "Temporarily remove instances"). The capacity that
    /// is wanted rises (Auto Scaling API reference, `ExitStandby`), or, where another one
    /// stands in for it, `stays` (question standby-return).
    pub(crate) fn exit_standby(
        &mut self,
        id: &InstanceId,
        stays: bool,
    ) -> Result<(), &'static str> {
        if self.suspended.contains("Launch") {
            return Err("ValidationError: the Launch process is suspended");
        }
        let own = self.own();
        if self.desired + own > self.max {
            return Err("ValidationError: the group's size would exceed its maximum");
        }
        let Some(member) =
            self.members.get_mut(id).filter(|member| member.lifecycle == Lifecycle::Standby)
        else {
            return Err("ValidationError: the instance is not in Standby");
        };
        member.lifecycle = Lifecycle::Pending;
        let stood_in_for = std::mem::take(&mut member.stood_in_for);
        if !(stays && stood_in_for) {
            self.desired += own;
        }
        Ok(())
    }

    /// How much of its capacity a member is.
    pub fn own(&self) -> u32 {
        self.weight.unwrap_or(1)
    }

    /// How much of its capacity those members are.
    pub fn capacity(&self, which: impl Fn(&Member) -> bool) -> u32 {
        self.members.values().filter(|member| which(member)).map(|_| self.own()).sum()
    }

    /// Who of its members is in Standby or on the way there.
    pub fn out_of_service(&self) -> Vec<&InstanceId> {
        let out = |member: &Member| {
            matches!(member.lifecycle, Lifecycle::EnteringStandby | Lifecycle::Standby)
        };
        self.members.iter().filter(|(_, member)| out(member)).map(|(id, _)| id).collect()
    }

    /// The next thing to do, if the group may do anything. Called until it
    /// says `None`: every step changes what the next one finds. Who is unhealthy is replaced,
    /// unless a process that this takes is suspended (Auto Scaling user guide, "Suspend and
    /// resume Amazon EC2 Auto Scaling processes"); who is too many is ended, and which one that
    /// is the termination policy says (Auto Scaling user guide, "Configure termination policies").
    pub(crate) fn next_step(&self) -> Option<Step> {
        let launches = !self.suspended.contains("Launch");
        let terminates = !self.suspended.contains("Terminate");
        let replaces = terminates && !self.suspended.contains("ReplaceUnhealthy");
        // Who is in Standby does not count towards the desired capacity.
        let present =
            self.capacity(|it| matches!(it.lifecycle, Lifecycle::Pending | Lifecycle::InService));
        let able = self.capacity(|member| {
            member.healthy && matches!(member.lifecycle, Lifecycle::Pending | Lifecycle::InService)
        });
        let serving =
            self.capacity(|member| member.healthy && member.lifecycle == Lifecycle::InService);
        let sick = self.members.iter().find_map(|(id, member)| {
            (!member.healthy && member.lifecycle == Lifecycle::InService).then(|| id.clone())
        });
        // The default is to terminate and then launch; a policy with a floor
        // of 100 % and room above launches first.
        let launch_first = self.maintenance.is_some_and(|(least, most)| least >= 100 && most > 100);
        match sick {
            Some(sick) if replaces && (!launch_first || serving >= self.desired) => {
                Some(Step::Terminate(sick))
            }
            Some(_) if replaces && launches && able < self.desired => Some(Step::Launch),
            _ if launches && present < self.desired.min(self.max) => Some(Step::Launch),
            _ if terminates && serving >= self.desired + self.own() => {
                self.last_to_serve().map(Step::Terminate)
            }
            _ => None,
        }
    }

    /// Who is ended when there are too many: of all that may be, the one with the last id.
    fn last_to_serve(&self) -> Option<InstanceId> {
        let may_end = |member: &Member| {
            member.healthy && member.lifecycle == Lifecycle::InService && !member.protected
        };
        let mut last_first = self.members.iter().rev();
        last_first.find(|(_, member)| may_end(member)).map(|(id, _)| id.clone())
    }

    /// What Auto Scaling says about the group.
    pub(crate) fn described(&self, zone: impl Fn(&InstanceId) -> String) -> look::Group {
        look::Group {
            tags: self.tags.clone(),
            min: self.min,
            max: self.max,
            desired: self.desired,
            unit: look::CapacityUnit::Units,
            members: self
                .members
                .iter()
                .map(|(id, member)| look::Member {
                    instance: id.clone(),
                    lifecycle: member.lifecycle.name().to_owned(),
                    healthy: member.healthy,
                    weight: self.weight,
                    zone: zone(id),
                })
                .collect(),
            receives_traffic: self.receives_traffic,
            health_checks: self.health_checks.clone(),
            suspended: self.suspended.clone(),
            maintenance: self.maintenance,
            protects_new: self.protects_new,
        }
    }
}
