//! The region itself: everything in it, the time, and what is due when.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::act::CleanupOrder;
use remedy::facts::InstanceState;
use remedy::ids::{CommandId, GroupName, InstanceId};
use remedy::incident::{Incident, Rung};
use remedy::notify::Notification;

use crate::calls::{Call, Fault, Nature, Verb};
use crate::group::{Group, Lifecycle, Member, Step};
use crate::host::{AgentIs, Host};
use crate::ledger::Book;
use crate::watch::Watch;

/// From the command's delivery until the document has run.
const CLEANUP_TAKES: SignedDuration = SignedDuration::from_secs(45);

/// A command that no agent fetched in this time never runs: the delivery
/// timeout the functions ask for.
const DELIVERY_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// From the reboot's request until the status checks pass again.
const REBOOT_TAKES: SignedDuration = SignedDuration::from_secs(150);

/// From a mark as unhealthy until the group looks.
const GROUP_LOOKS_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// From a launch until the new instance is in service.
const LAUNCH_TAKES: SignedDuration = SignedDuration::from_secs(90);

/// From a termination until the old instance is terminated and out of its
/// group.
const TERMINATION_TAKES: SignedDuration = SignedDuration::from_secs(60);

/// How a command stands, as SSM names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandIs {
    /// Waiting for the agent, or running.
    Pending,
    /// Carried out.
    Success,
    /// No agent fetched it in time, so it never runs.
    DeliveryTimedOut,
}

/// One SSM command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// What it asked for.
    pub order: CleanupOrder,
    /// How it stands.
    pub status: CommandIs,
}

/// A small honest AWS region. See the [crate].
#[derive(Debug)]
pub struct Region {
    pub(crate) state: RefCell<State>,
}

/// Everything in the region.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Timestamp,
    pub(crate) hosts: BTreeMap<InstanceId, Host>,
    pub(crate) groups: BTreeMap<GroupName, Group>,
    pub(crate) book: Book,
    pub(crate) topic: Vec<Notification>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: BTreeMap<Verb, Fault>,
    commands: Vec<Command>,
    watches: Vec<Watch>,
    /// What is due: by time, then in the order it was arranged.
    agenda: BTreeMap<(Timestamp, u64), Due>,
    arranged: u64,
    launched: u64,
    invoked: u64,
}

/// Something that happens by itself once its time has come.
#[derive(Clone, Debug)]
enum Due {
    CommandEnds(usize),
    Booted(InstanceId),
    GroupLooks(GroupName),
    InService(GroupName, InstanceId),
    Terminated(GroupName, InstanceId),
}

impl Region {
    /// An empty region at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            state: RefCell::new(State {
                now: start,
                hosts: BTreeMap::new(),
                groups: BTreeMap::new(),
                book: Book::default(),
                topic: Vec::new(),
                calls: Vec::new(),
                faults: BTreeMap::new(),
                commands: Vec::new(),
                watches: Vec::new(),
                agenda: BTreeMap::new(),
                arranged: 0,
                launched: 0,
                invoked: 0,
            }),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    /// Lets `time` pass. What falls due meanwhile happens at its time and in
    /// the order it was arranged.
    pub fn pass(&self, time: SignedDuration) {
        let mut state = self.state.borrow_mut();
        let until = state.now + time;
        while let Some(entry) = state.agenda.first_entry()
            && entry.key().0 <= until
        {
            let ((at, _), due) = entry.remove_entry();
            state.now = at;
            state.happen(due);
        }
        state.now = until;
    }

    /// Puts a host into the region.
    pub fn add_host(&self, id: InstanceId, host: Host) {
        self.state.borrow_mut().hosts.insert(id, host);
    }

    /// Puts a group into the region.
    pub fn add_group(&self, name: GroupName, group: Group) {
        self.state.borrow_mut().groups.insert(name, group);
    }

    /// Puts an alarm into the region.
    pub fn add_watch(&self, watch: Watch) {
        self.state.borrow_mut().watches.push(watch);
    }

    /// Changes a host, if it is there.
    pub fn with_host(&self, id: &InstanceId, change: impl FnOnce(&mut Host)) {
        self.state.borrow_mut().hosts.get_mut(id).map(change).unwrap_or_default();
    }

    /// Changes a group, if it is there, and has it look at itself.
    pub fn with_group(&self, name: &GroupName, change: impl FnOnce(&mut Group)) {
        let mut state = self.state.borrow_mut();
        state.groups.get_mut(name).map(change).unwrap_or_default();
        state.arrange(GROUP_LOOKS_AFTER, Due::GroupLooks(name.clone()));
    }

    /// Changes the ledger's table behind everybody's back.
    pub fn with_book(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.state.borrow_mut().book);
    }

    /// From now on `fault` happens to every call of `verb`.
    pub fn break_call(&self, verb: Verb, fault: Fault) {
        self.state.borrow_mut().faults.insert(verb, fault);
    }

    /// From now on calls of `verb` work again.
    pub fn mend_call(&self, verb: Verb) {
        self.state.borrow_mut().faults.remove(&verb);
    }

    /// Evaluates every alarm. Gives the events of those that changed their
    /// state, in the order the alarms were added.
    pub fn transitions(&self) -> Vec<String> {
        let mut state = self.state.borrow_mut();
        let State { watches, hosts, now, .. } = &mut *state;
        watches
            .iter_mut()
            .filter_map(|watch| {
                let percent =
                    hosts.get(&watch.instance).and_then(|host| host.percent(watch.symptom));
                watch.evaluate(percent, *now)
            })
            .collect()
    }

    /// A host, as it is.
    pub fn host(&self, id: &InstanceId) -> Option<Host> {
        self.state.borrow().hosts.get(id).cloned()
    }

    /// A group, as it is.
    pub fn group(&self, name: &GroupName) -> Option<Group> {
        self.state.borrow().groups.get(name).cloned()
    }

    /// The newest incident of an instance, as the ledger has it.
    pub fn incident(&self, id: &InstanceId) -> Option<Incident> {
        self.state.borrow().book.latest(id).cloned()
    }

    /// Every command that was sent, oldest first.
    pub fn commands(&self) -> Vec<Command> {
        self.state.borrow().commands.clone()
    }

    /// Every notification that was published, oldest first.
    pub fn topic(&self) -> Vec<Notification> {
        self.state.borrow().topic.clone()
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.state.borrow().calls.clone()
    }

    /// How many calls so far tried to change an instance or a group.
    pub fn touches(&self) -> usize {
        let state = self.state.borrow();
        state.calls.iter().filter(|call| call.verb.nature() == Nature::Touch).count()
    }

    /// The next invocation's id.
    pub(crate) fn next_request_id(&self) -> String {
        let mut state = self.state.borrow_mut();
        state.invoked += 1;
        format!("00000000-0000-4000-8000-{:012x}", state.invoked)
    }
}

impl State {
    /// Writes a call down.
    pub(crate) fn note(&mut self, verb: Verb, about: String, answer: String) {
        self.calls.push(Call { at: self.now, verb, about, answer });
    }

    /// Has the agent of the order's host carry it out, some time from now.
    pub(crate) fn send(&mut self, order: &CleanupOrder) -> Result<CommandId, &'static str> {
        let reachable =
            self.hosts.get(&order.instance).is_some_and(|host| host.agent_at(self.now).is_some());
        if !reachable {
            return Err("InvalidInstanceId: no managed instance by that id");
        }
        let number = self.commands.len();
        let id = CommandId::new(format!("00000000-0000-4000-a000-{number:012x}"))
            .map_err(|_| "InternalServerError")?;
        self.commands.push(Command {
            id: id.clone(),
            order: order.clone(),
            status: CommandIs::Pending,
        });
        let answers =
            self.hosts.get(&order.instance).is_some_and(|h| h.agent == AgentIs::Answering);
        let takes = if answers { CLEANUP_TAKES } else { DELIVERY_TIMEOUT };
        self.arrange(takes, Due::CommandEnds(number));
        Ok(id)
    }

    /// Reboots a host. EC2 calls it `running` throughout.
    pub(crate) fn reboot(&mut self, id: &InstanceId) -> Result<(), &'static str> {
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.runs()) else {
            return Err("InvalidInstanceID.NotFound: there is no running instance by that id");
        };
        host.status.instance_impaired = true;
        self.arrange(REBOOT_TAKES, Due::Booted(id.clone()));
        let group = self.group_of(id).filter(|(_, group)| group.replaces_who_reboots());
        if let Some((name, _)) = group {
            let name = name.clone();
            self.mark_unhealthy(&name, id);
        }
        Ok(())
    }

    /// Marks a member unhealthy, so that its group replaces it.
    pub(crate) fn replace(&mut self, id: &InstanceId) -> Result<(), &'static str> {
        let Some((name, _)) = self.group_of(id) else {
            return Err("ValidationError: the instance is not part of Auto Scaling group");
        };
        let name = name.clone();
        self.mark_unhealthy(&name, id);
        Ok(())
    }

    /// The group an instance is in.
    pub(crate) fn group_of(&self, id: &InstanceId) -> Option<(&GroupName, &Group)> {
        self.groups.iter().find(|(_, group)| group.members.contains_key(id))
    }

    fn mark_unhealthy(&mut self, name: &GroupName, id: &InstanceId) {
        let member = self.groups.get_mut(name).and_then(|group| group.members.get_mut(id));
        if let Some(member) = member {
            member.healthy = false;
            self.arrange(GROUP_LOOKS_AFTER, Due::GroupLooks(name.clone()));
        }
    }

    fn arrange(&mut self, after: SignedDuration, due: Due) {
        self.arranged += 1;
        self.agenda.insert((self.now + after, self.arranged), due);
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::CommandEnds(number) => self.command_ends(number),
            Due::Booted(id) => self.booted(&id),
            Due::GroupLooks(name) => self.group_looks(&name),
            Due::InService(name, id) => {
                let member =
                    self.groups.get_mut(&name).and_then(|group| group.members.get_mut(&id));
                if let Some(member) = member {
                    member.lifecycle = Lifecycle::InService;
                }
                self.group_looks(&name);
            }
            Due::Terminated(name, id) => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.instance.state = InstanceState::Not("terminated".to_owned());
                }
                if let Some(group) = self.groups.get_mut(&name) {
                    group.members.remove(&id);
                }
            }
        }
    }

    fn command_ends(&mut self, number: usize) {
        let Some(command) = self.commands.get_mut(number) else { return };
        let host = self.hosts.get_mut(&command.order.instance);
        match host.filter(|host| host.runs() && host.agent == AgentIs::Answering) {
            Some(host) => {
                command.status = CommandIs::Success;
                cure(host, Rung::Cleanup);
            }
            None => command.status = CommandIs::DeliveryTimedOut,
        }
    }

    fn booted(&mut self, id: &InstanceId) {
        let Some(host) = self.hosts.get_mut(id).filter(|host| host.runs()) else { return };
        host.status.instance_impaired = false;
        if host.agent != AgentIs::Absent {
            host.agent = AgentIs::Answering;
        }
        cure(host, Rung::Reboot);
    }

    /// Takes every step the group may take now. Each one changes what the next
    /// one finds, so this ends.
    fn group_looks(&mut self, name: &GroupName) {
        while let Some(step) = self.groups.get(name).and_then(Group::next_step) {
            match step {
                Step::Terminate(id) => self.terminate(name, id),
                Step::Launch => self.launch(name),
            }
        }
    }

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

    fn launch(&mut self, name: &GroupName) {
        self.launched += 1;
        let digits = format!("i-0e{:015x}", self.launched);
        let (Ok(id), Some(group)) = (InstanceId::new(digits), self.groups.get_mut(name)) else {
            return;
        };
        group.members.insert(id.clone(), Member { lifecycle: Lifecycle::Pending, healthy: true });
        self.hosts.insert(id.clone(), Host::healthy("eu-central-1b"));
        self.arrange(LAUNCH_TAKES, Due::InService(name.clone(), id));
    }
}

/// Ends the host's trouble, if `rung` is what helps against it.
fn cure(host: &mut Host, rung: Rung) {
    let helps = host.trouble.is_some_and(|trouble| match rung {
        Rung::Cleanup => trouble.cleanup_helps,
        Rung::Reboot => trouble.reboot_helps,
        Rung::Replace => false,
    });
    if helps {
        host.trouble = None;
    }
}
