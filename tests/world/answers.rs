//! What the region says of one thing, whether it was asked about that alone or among others.

use remedy::model::ids::{CommandId, GroupName, InstanceId};
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Group, History, Instance, Membership, StatusChecks,
};
use remedy::ports::look_at_many::{Commands, Sent};

use crate::otherwise::Otherwise;
use crate::region::State;
use crate::watch::Watch;

impl State {
    pub(crate) fn instance(&mut self, id: &InstanceId) -> Option<Instance> {
        self.described().hosts.get(id).map(|host| host.instance.clone())
    }

    pub(crate) fn status(&mut self, id: &InstanceId) -> Option<StatusChecks> {
        let hosts = self.described().hosts;
        hosts.get(id).filter(|host| host.runs()).map(|host| host.status.clone())
    }

    pub(crate) fn agent(&mut self, id: &InstanceId) -> Option<Agent> {
        let stays_online = self.otherwise.contains(&Otherwise::SilentAgents);
        self.hosts.get(id).and_then(|host| host.agent_at(self.now, stays_online))
    }

    pub(crate) fn membership(&mut self, id: &InstanceId) -> Option<Membership> {
        let (name, group) = self.described().group_of(id)?;
        let member = group.members.get(id)?;
        Some(Membership {
            group: name.clone(),
            lifecycle: member.lifecycle.name().to_owned(),
            healthy: member.healthy,
            protected: member.protected,
            launch_template_version: Some("7".to_owned()),
        })
    }

    pub(crate) fn group_told(&mut self, name: &GroupName) -> Option<Group> {
        let described = self.described();
        let zone = |id: &InstanceId| {
            described.hosts.get(id).map(|host| host.instance.zone.clone()).unwrap_or_default()
        };
        described.groups.get(name).map(|group| group.described(zone))
    }

    pub(crate) fn history(&mut self, id: &InstanceId) -> History {
        History { latest: self.book.latest(id).cloned(), pauses: self.book.pauses() }
    }

    pub(crate) fn sessions(&mut self, id: &InstanceId) -> usize {
        self.hosts.get(id).map_or(0, |host| host.sessions)
    }

    pub(crate) fn command(&mut self, id: &CommandId, instance: &InstanceId) -> Option<Command> {
        let mine = |command: &&crate::command::Command| {
            command.id == *id && command.order.instance == *instance
        };
        let shown = |command: &&crate::command::Command| command.is_shown(self.now);
        let found = self.commands.iter().filter(shown).find(mine);
        found.map(crate::command::Command::described)
    }

    /// Which of these are told of, the newest first: so many of them, from one on.
    pub(crate) fn commands_listed(
        &mut self,
        which: &Commands,
        (from, most): (usize, usize),
    ) -> Vec<(Sent, Command)> {
        let newest_first = self.commands.iter().rev();
        let is_late = |command: &&crate::command::Command| match which {
            Commands::During(sent) => command.sent_at >= sent.since,
            Commands::One(_) => true,
        };
        let shown = newest_first.take_while(is_late).filter(|command| {
            let is_meant = match which {
                Commands::During(sent) => command.sent_at < sent.until,
                Commands::One(id) => command.id == *id,
            };
            is_meant
                && command.is_shown(self.now)
                && !self.untold.contains(command.order.instance.as_str())
        });
        let named = |command: &crate::command::Command| Sent {
            command: command.id.clone(),
            instance: command.order.instance.clone(),
        };
        let page = shown.skip(from).take(most);
        page.map(|command| (named(command), command.described())).collect()
    }

    pub(crate) fn alarm(&mut self, name: &String) -> Option<AlarmSettings> {
        self.watches.iter().find(|watch| watch.name == *name).map(Watch::settings)
    }
}
