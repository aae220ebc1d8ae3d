//! What is asked of the region, and what then happens by itself once its time
//! has come.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use remedy::model::alarm::Symptom;
use remedy::model::ids::{CommandId, GroupName, InstanceId};
use remedy::model::incident::Rung;
use remedy::observe::host_report::Mode;
use remedy::ports::look::{InstanceState, ModificationState};
use remedy::ports::touch::{CleanupOrder, DiskOrder, HOSTS_MAX, Relief};

use crate::calls::{Effect, Verb};
use crate::command::Command;
use crate::disk;
use crate::group::{Group, Lifecycle, Member, Step};
use crate::host::{AgentIs, Host, Trouble};
use crate::otherwise::Otherwise;
use crate::quota::Quotas;
use crate::region::{GROUP_LOOKS_AFTER, State, TICK};
use crate::script::{self, Ending};
use crate::watch::Watch;

/// From the command's delivery until the document has run (ours: our scripts take less).
const CLEANUP_TAKES: SignedDuration = SignedDuration::from_secs(45);

/// For so long a command is waited for that no agent answers for: until it is delivered, and
/// then for all of its document's own time (Systems Manager user guide, "Understanding command
/// statuses"; question command-lifetime). Both are what the functions send.
const UNHEARD_AFTER: SignedDuration = SignedDuration::from_secs(60 + 180);

/// The same of a command that is for many (SSM API reference, `SendCommand`, `TimeoutSeconds`).
const UNHEARD_AFTER_BY_MANY: SignedDuration = SignedDuration::from_secs(120 + 180);

/// From a launch until the new instance is in service (ours: AWS names no time).
const LAUNCH_TAKES: SignedDuration = SignedDuration::from_secs(90);

/// From a launch until the checks have a verdict and the agent is registered (ours: AWS names no
/// time).
const REGISTERS_AFTER: SignedDuration = SignedDuration::from_mins(4);

/// From the end of a launch until what is wrong with the image shows (ours).
const SICKENS_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// From a termination until the old instance is terminated and out of its
/// group (ours: AWS names no time).
const TERMINATION_TAKES: SignedDuration = SignedDuration::from_secs(60);

/// A target group drains for 5 minutes unless told otherwise (Elastic Load Balancing user
/// guide for Application Load Balancers, "Deregistration delay").
const DRAINING_TAKES: SignedDuration = SignedDuration::from_mins(5);

/// So long a group waits for a member whose checks fail: "a few minutes" (Auto Scaling user
/// guide, "Health checks for instances in an Auto Scaling group").
const GROUP_WAITS: SignedDuration = SignedDuration::from_mins(5);

/// From the end of Standby until the load balancer takes the member for
/// healthy (ours: what its health check takes, which its owner sets).
const RETURN_TAKES: SignedDuration = SignedDuration::from_secs(60);

/// Something that happens by itself once its time has come.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    Measured,
    CommandEnds(usize),
    Booted(InstanceId),
    Modified(InstanceId, ModificationState),
    ComesBack(InstanceId, Trouble),
    GroupLooks(GroupName),
    Drained(GroupName, InstanceId),
    InService(GroupName, InstanceId),
    Registers(InstanceId),
    Terminated(GroupName, InstanceId),
}

/// What is asked of it.
impl State {
    /// Has the agent of the order's host carry it out, some time from now. Without an agent
    /// that ever registered it is refused at once (recorded: ssm.SendCommand.InvalidInstanceId;
    /// question unknown-agent); a silent one is waited for.
    pub(crate) fn send(
        &mut self,
        order: &CleanupOrder,
        mode: Mode,
    ) -> Result<CommandId, &'static str> {
        self.send_within(order, mode, UNHEARD_AFTER)
    }

    /// The same, of a command that is waited for so long if no agent answers for it (SSM API
    /// reference, `SendCommand`, `TimeoutSeconds`).
    fn send_within(
        &mut self,
        order: &CleanupOrder,
        mode: Mode,
        unheard_after: SignedDuration,
    ) -> Result<CommandId, &'static str> {
        let host = self.hosts.get(&order.instance);
        if host.is_none_or(|host| host.agent_at(self.now, false).is_none()) {
            return Err("InvalidInstanceId: no managed instance by that id");
        }
        let takes = if host.is_some_and(Host::obeys) { CLEANUP_TAKES } else { unheard_after };
        let number = self.commands.len();
        let id = CommandId::new(format!("00000000-0000-4000-a000-{number:012x}"))
            .map_err(|_| "InternalServerError")?;
        self.commands.push(Command {
            id: id.clone(),
            order: order.clone(),
            disk: None,
            mode,
            prints: mode == Mode::Report,
            sent_at: self.now,
            ending: None,
        });
        // Accepted and then not run: "the system has canceled the command before executing it
        // on any instance" (SSM API reference, `Command`).
        if self.quotas.as_ref().is_some_and(Quotas::is_rate_exceeded) {
            let canceled = Ending::silent("RateExceeded", -1);
            self.commands.last_mut().map(|it| it.ending = Some(canceled)).unwrap_or_default();
            return Ok(id);
        }
        self.quotas.iter_mut().for_each(|quotas| quotas.pending += 1);
        self.arrange(takes, Due::CommandEnds(number));
        Ok(id)
    }

    /// Somebody else sends so many commands like the last one, to instances that are none of ours
    /// (ours: how a play is set up).
    pub(crate) fn others_send(&mut self, count: usize) {
        let Some(last) = self.commands.last().cloned() else { return };
        let theirs = (0..count).filter_map(|number| {
            let id = CommandId::new(format!("00000000-0000-4000-b000-{number:012x}")).ok()?;
            let instance = InstanceId::new(format!("i-1{number:016x}")).ok()?;
            let order = CleanupOrder { instance, ..last.order.clone() };
            let ending = Some(Ending::silent("Success", 0));
            Some(Command { id, order, ending, sent_at: self.now, ..last.clone() })
        });
        let theirs: Vec<Command> = theirs.collect();
        self.commands.extend(theirs);
    }

    /// Has the agents of several hosts carry out one command, or refuses it for all of them (SSM
    /// API reference, `SendCommand`, `InvalidInstanceId`): of which it is that cannot be sent it
    /// AWS says nothing that we rely on.
    pub(crate) fn send_to_many(
        &mut self,
        orders: &[CleanupOrder],
    ) -> Result<CommandId, &'static str> {
        assert!((2..=HOSTS_MAX).contains(&orders.len()), "one command for {}", orders.len());
        let is_known = |order: &CleanupOrder| {
            let host = self.hosts.get(&order.instance);
            host.is_some_and(|host| host.agent_at(self.now, false).is_some())
        };
        if !orders.iter().all(is_known) {
            return Err("InvalidInstanceId: one of them is no managed instance");
        }
        let mut shared = None;
        for (place, order) in orders.iter().enumerate() {
            let before = self.before(order.instance.as_str());
            let printed = CleanupOrder { evidence: None, ..order.clone() };
            let id = self.send_within(&printed, Mode::Apply, UNHEARD_AFTER_BY_MANY)?;
            let id = shared.get_or_insert(id).clone();
            if let Some(command) = self.commands.last_mut() {
                (command.id, command.prints) = (id, true);
            }
            // What the call is named for is noted by whoever makes it.
            if place > 0 {
                let (at, about, by) = (self.now, order.instance.to_string(), self.at_work);
                let effect = Effect { at, verb: Verb::Clean, about, done: true, by, before };
                self.effects.push(effect);
            }
        }
        shared.ok_or("InvalidInstanceId: it is for nobody")
    }

    /// Sends the document about disks: a command like the others (SSM API reference,
    /// `SendCommand`).
    pub(crate) fn send_about_disk(
        &mut self,
        order: &DiskOrder,
        mode: Mode,
    ) -> Result<CommandId, &'static str> {
        let (mount, opt_ins) = (order.mount.clone(), BTreeSet::new());
        let relief = Relief::Disk { mount, target_percent: 99, alarm_percent: None, opt_ins };
        let id = self.send(
            &CleanupOrder {
                instance: order.instance.clone(),
                comment: order.comment.clone(),
                symptom: Symptom::DiskFull,
                relief,
                evidence: None,
            },
            mode,
        )?;
        if let Some(command) = self.commands.last_mut() {
            command.disk = Some(order.clone());
        }
        Ok(id)
    }

    /// Reboots a host. EC2 calls it `running` throughout (EC2 user guide, "Reboot your
    /// instance"), and its group takes it for dead if it checks more than EC2's word. What is
    /// stopped is refused, or the call is taken and does nothing (question reboot-stopped); what
    /// is gone is unknown (recorded: ec2.RebootInstances).
    pub(crate) fn reboot(&mut self, id: &InstanceId) -> Result<(), &'static str> {
        let now = self.now;
        let accepted = self.otherwise.contains(&Otherwise::RebootStopped);
        let stops = |host: &&mut Host| match &host.instance.state {
            InstanceState::Running => false,
            InstanceState::Not(state) => state.starts_with("stop"),
        };
        if self.hosts.get_mut(id).as_ref().is_some_and(stops) {
            return if accepted { Ok(()) } else { Err("IncorrectState: it does not run") };
        }
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.runs()) else {
            return Err("InvalidInstanceID.NotFound: there is no running instance by that id");
        };
        let takes = host.boot_takes;
        host.go_down(now);
        if let Some(takes) = takes {
            self.arrange(takes, Due::Booted(id.clone()));
        }
        self.check_health(id);
        Ok(())
    }

    /// Stops or terminates an instance, as its owner may. Its group takes any
    /// state but `running` for a death (Auto Scaling user guide, "Health checks for instances
    /// in an Auto Scaling group").
    pub(crate) fn stop(&mut self, id: &InstanceId, becomes: &str) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.runs()) else { return };
        host.go_down(now);
        host.instance.state = InstanceState::Not(becomes.to_owned());
        let member =
            self.group_of(id).and_then(|(name, group)| Some((name, group.members.get(id)?)));
        if let Some((name, member)) = member {
            let (name, in_service) = (name.clone(), member.lifecycle == Lifecycle::InService);
            if in_service {
                self.mark_unhealthy(&name, id);
            }
        }
    }

    /// `TerminateInstanceInAutoScalingGroup` with a decrement, which the group's
    /// minimum limits (Auto Scaling API reference).
    pub(crate) fn scale_in(&mut self, id: &InstanceId) {
        let Some((name, _)) = self.group_of(id) else { return };
        let name = name.clone();
        let Some(group) = self.groups.get_mut(&name) else { return };
        let serves = |member: &Member| member.lifecycle == Lifecycle::InService;
        let own = group.own();
        if group.desired >= group.min + own && group.members.get(id).is_some_and(serves) {
            group.desired -= own;
            self.terminate(&name, id.clone());
        }
    }

    /// An instance has just been launched: its checks have no verdict yet (EC2 user guide,
    /// "Types of status checks"), and its agent registers some minutes later.
    pub(crate) fn is_launched(&mut self, id: &InstanceId) {
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.runs()) else { return };
        host.instance.launched_at = Some(self.now);
        host.status.initializing = true;
        host.agent = AgentIs::Absent;
        self.arrange(REGISTERS_AFTER, Due::Registers(id.clone()));
    }

    /// The group wants all that it may have, as a scaling policy may (ours).
    pub(crate) fn grow(&mut self, name: &GroupName) {
        let Some(group) = self.groups.get_mut(name) else { return };
        group.desired = group.max.max(group.desired);
        self.arrange(GROUP_LOOKS_AFTER, Due::GroupLooks(name.clone()));
    }

    /// An alarm that has gone into ALARM does what it is set to do (`CloudWatch` user guide,
    /// "Create alarms to stop, terminate, reboot, or recover an EC2 instance").
    pub(crate) fn alarm_acts(&mut self, id: &InstanceId, action: &str) {
        match action {
            "reboot" | "recover" => drop(self.reboot(id)),
            "stop" => self.stop(id, "stopped"),
            "terminate" => self.stop(id, "terminated"),
            _ => {}
        }
    }

    /// Starts a stopped instance, which is a boot, and a new launch time (EC2 user guide,
    /// "Stop and start Amazon EC2 instances").
    pub(crate) fn start(&mut self, id: &InstanceId) {
        let stopped = InstanceState::Not("stopped".to_owned());
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.instance.state == stopped)
        else {
            return;
        };
        host.instance.state = InstanceState::Running;
        host.instance.launched_at = Some(self.now);
        if let Some(takes) = host.boot_takes {
            self.arrange(takes, Due::Booted(id.clone()));
        }
    }

    /// Marks a member unhealthy, so that its group replaces it (Auto Scaling API reference,
    /// `SetInstanceHealth`). Who is in no group is refused (question unknown-member).
    pub(crate) fn replace(&mut self, id: &InstanceId) -> Result<(), &'static str> {
        let Some((name, _)) = self.group_of(id) else {
            return Err(if self.otherwise.contains(&Otherwise::UnknownMember) {
                "InvalidParameterValue: it is in no group"
            } else {
                "ValidationError: the instance is not part of Auto Scaling group"
            });
        };
        let name = name.clone();
        self.mark_unhealthy(&name, id);
        Ok(())
    }

    /// Takes a member out of service, into Standby, after its connections have drained (Auto
    /// Scaling user guide, "Temporarily remove instances").
    pub(crate) fn leave_service(
        &mut self,
        id: &InstanceId,
        name: &GroupName,
        decrement: bool,
    ) -> Result<(), &'static str> {
        let Some(group) = self.groups.get_mut(name) else {
            return Err("ValidationError: no group by that name");
        };
        group.enter_standby(id, decrement)?;
        let takes = if group.receives_traffic { DRAINING_TAKES } else { TICK };
        self.arrange(takes, Due::Drained(name.clone(), id.clone()));
        self.arrange(GROUP_LOOKS_AFTER, Due::GroupLooks(name.clone()));
        Ok(())
    }

    /// Brings a member back from Standby, by way of `Pending` (Auto Scaling user guide, "Amazon
    /// EC2 Auto Scaling instance lifecycle").
    pub(crate) fn come_back(
        &mut self,
        id: &InstanceId,
        name: &GroupName,
    ) -> Result<(), &'static str> {
        let Some(group) = self.groups.get_mut(name) else {
            return Err("ValidationError: no group by that name");
        };
        group.exit_standby(id, self.otherwise.contains(&Otherwise::StandbyReturn))?;
        self.arrange(RETURN_TAKES, Due::InService(name.clone(), id.clone()));
        Ok(())
    }
}

/// What happens by itself.
impl State {
    /// What was arranged comes to pass (ours: each arm names its own rule).
    pub(crate) fn happen(&mut self, due: Due) {
        match due {
            Due::Measured => {
                self.hosts.values_mut().for_each(|host| host.show(self.now));
                self.check_who_hangs();
                for (id, host) in &self.hosts {
                    self.metrics.publish(id, host, self.now);
                }
                self.arrange(TICK, Due::Measured);
            }
            Due::CommandEnds(number) => self.command_ends(number),
            Due::Booted(id) => self.booted(&id),
            Due::Modified(id, to) => self.modified(&id, to),
            Due::ComesBack(id, trouble) => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.trouble = Some(trouble);
                }
            }
            Due::GroupLooks(name) => self.group_looks(&name),
            Due::Drained(name, id) => {
                self.turn(&name, &id, Lifecycle::EnteringStandby, Lifecycle::Standby);
            }
            Due::InService(name, id) => {
                self.turn(&name, &id, Lifecycle::Pending, Lifecycle::InService);
                self.triggers.push(id.clone());
                self.check_health(&id);
                self.group_looks(&name);
            }
            Due::Registers(id) => {
                if let Some(host) = self.hosts.get_mut(&id).filter(|host| host.runs()) {
                    host.status.initializing = false;
                    host.agent = AgentIs::Answering;
                }
            }
            Due::Terminated(name, id) => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.instance.state = InstanceState::Not("terminated".to_owned());
                }
                if let Some(group) = self.groups.get_mut(&name) {
                    group.members.remove(&id);
                }
                self.triggers.push(id);
            }
        }
    }

    /// A member goes on to its next state, unless it has left that way meanwhile (Auto Scaling
    /// user guide, "Amazon EC2 Auto Scaling instance lifecycle").
    fn turn(&mut self, name: &GroupName, id: &InstanceId, from: Lifecycle, to: Lifecycle) {
        let member = self.groups.get_mut(name).and_then(|group| group.members.get_mut(id));
        if let Some(member) = member.filter(|member| member.lifecycle == from) {
            member.lifecycle = to;
        }
    }

    /// Unhealthy stays unhealthy until the member is replaced (Auto Scaling user guide, "Health
    /// checks for instances in an Auto Scaling group").
    fn mark_unhealthy(&mut self, name: &GroupName, id: &InstanceId) {
        let member = self.groups.get_mut(name).and_then(|group| group.members.get_mut(id));
        if let Some(member) = member {
            member.healthy = false;
            self.arrange(GROUP_LOOKS_AFTER, Due::GroupLooks(name.clone()));
        }
    }

    /// The health checks, which nobody makes in Standby: every group's that the
    /// instance runs, and the load balancer's that it answers (Auto Scaling user guide, "Health
    /// checks for instances in an Auto Scaling group", "Temporarily remove instances").
    fn check_health(&mut self, id: &InstanceId) {
        let host = self.hosts.get(id);
        let (down, gone) = (host.is_some_and(|host| host.down), host.is_some_and(|h| !h.runs()));
        let judged = self.group_of(id).filter(|(_, group)| {
            let lifecycle = group.members.get(id).map(|member| member.lifecycle);
            let judges = gone || (down && group.replaces_who_reboots());
            judges && lifecycle == Some(Lifecycle::InService)
        });
        if let Some((name, _)) = judged {
            let name = name.clone();
            self.mark_unhealthy(&name, id);
        }
    }

    /// A group waits a few minutes for a member whose checks fail, and then replaces it (Auto
    /// Scaling user guide, "Health checks for instances in an Auto Scaling group").
    fn check_who_hangs(&mut self) {
        let now = self.now;
        let long = |host: &Host| {
            host.hung.is_some_and(|(since, _)| now.duration_since(since) >= GROUP_WAITS)
        };
        let hung = self.hosts.iter().filter(|(_, host)| long(host)).map(|(id, _)| id);
        let judged: Vec<(GroupName, InstanceId)> = hung
            .filter_map(|id| {
                let (name, group) = self.group_of(id)?;
                let member = group.members.get(id)?;
                let in_service = member.healthy && member.lifecycle == Lifecycle::InService;
                let checks = !group.suspended.contains("HealthCheck");
                (in_service && checks).then(|| (name.clone(), id.clone()))
            })
            .collect();
        for (name, id) in judged {
            self.mark_unhealthy(&name, &id);
        }
    }

    /// The command has a final status, and an event tells of it (Systems Manager user guide,
    /// "Systems Manager event examples").
    fn command_ends(&mut self, number: usize) {
        let Some(command) = self.commands.get_mut(number) else { return };
        self.quotas.iter_mut().for_each(|quotas| quotas.pending -= 1);
        let id = command.order.instance.clone();
        let host = self.hosts.get_mut(&id).filter(|host| host.obeys());
        let (cured, ending) = match host {
            Some(host) if command.disk.is_some() => {
                let order = command.disk.clone();
                (
                    false,
                    order.map_or_else(Ending::not_delivered, |it| disk::run(host, command, &it)),
                )
            }
            Some(host) => script::run(host, command),
            None => (false, Ending::not_delivered()),
        };
        if let Some(destination) = command.order.evidence.as_ref().filter(|_| ending.uploaded) {
            self.bucket.push(destination.to_string());
        }
        command.ending = Some(ending);
        self.triggers.push(id.clone());
        if cured {
            self.cure(&id, Rung::Cleanup);
        }
    }

    /// Status checks pass again and the agent pings when it starts (EC2 user guide, "Reboot
    /// your instance"; amazon-ssm-agent).
    fn booted(&mut self, id: &InstanceId) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.runs()) else { return };
        host.fails_checks(false);
        host.down = false;
        host.hung = None;
        host.boots += 1;
        host.booted_at = Some(now);
        if host.agent != AgentIs::Absent {
            host.agent = AgentIs::Answering;
        }
        self.cure(id, Rung::Reboot);
    }

    /// Ends the host's trouble, for good or for a while, if `rung` is what
    /// helps against it (ours).
    fn cure(&mut self, id: &InstanceId, rung: Rung) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        let helps = |trouble: &Trouble| match rung {
            Rung::Cleanup => trouble.cleanup_helps,
            Rung::Reboot => trouble.reboot_helps,
            Rung::Grow | Rung::Replace => false,
        };
        let Some(trouble) = host.trouble.filter(helps) else { return };
        host.trouble = None;
        if let Some(after) = trouble.comes_back_after {
            self.arrange(after, Due::ComesBack(id.clone(), trouble));
        }
    }

    /// Takes every step the group may take now. Each one changes what the next
    /// one finds, so this ends (ours: `Group::next_step` has what AWS says).
    fn group_looks(&mut self, name: &GroupName) {
        while let Some(step) = self.groups.get(name).and_then(Group::next_step) {
            match step {
                Step::Terminate(id) => self.terminate(name, id),
                Step::Launch => self.launch(name),
            }
        }
    }

    /// `Terminating`, then gone (Auto Scaling user guide, "Amazon EC2 Auto Scaling instance
    /// lifecycle").
    fn terminate(&mut self, name: &GroupName, id: InstanceId) {
        let member = self.groups.get_mut(name).and_then(|group| group.members.get_mut(&id));
        if let Some(member) = member {
            member.lifecycle = Lifecycle::Terminating;
        }
        if let Some(host) = self.hosts.get_mut(&id) {
            host.instance.state = InstanceState::Not("shutting-down".to_owned());
        }
        self.arrange(TERMINATION_TAKES, Due::Terminated(name.clone(), id));
    }

    /// `Pending`, then in service, and EC2 has a new id for it (Auto Scaling user guide, "Amazon
    /// EC2 Auto Scaling instance lifecycle").
    fn launch(&mut self, name: &GroupName) {
        self.launched += 1;
        let digits = format!("i-0e{:015x}", self.launched);
        let (Ok(id), Some(group)) = (InstanceId::new(digits), self.groups.get_mut(name)) else {
            return;
        };
        group.members.insert(id.clone(), Member::new(Lifecycle::Pending));
        // A fleet's alarm watches whoever is there.
        let watching = self.watches.iter().filter(|watch| watch.fleet);
        let watching = watching.filter(|watch| group.members.contains_key(&watch.instance));
        let names: BTreeSet<_> =
            watching.map(|watch| (watch.name.clone(), watch.symptom)).collect();
        for (name, symptom) in names {
            let mut watch = Watch::new(symptom, id.clone(), self.now);
            (watch.name, watch.fleet) = (name, true);
            self.watches.push(watch);
        }
        self.hosts.insert(id.clone(), Host::healthy("eu-central-1b"));
        self.is_launched(&id);
        if let Some(trouble) = self.launched_with {
            self.arrange(LAUNCH_TAKES + SICKENS_AFTER, Due::ComesBack(id.clone(), trouble));
        }
        self.arrange(LAUNCH_TAKES, Due::InService(name.clone(), id));
    }
}
