//! Remedy's four ports, answered by the region. Every call gives way once
//! before it takes effect, so that other invocations may be first; its effect
//! is one instant.

use remedy::act::{CleanupOrder, Refused, Touch};
use remedy::facts::{Agent, Gap, Group, History, Instance, Look, Membership, StatusChecks};
use remedy::ids::{CommandId, GroupName, InstanceId};
use remedy::incident::Incident;
use remedy::ledger::{Ledger, Recorded};
use remedy::notify::{Notification, Tell};

use crate::Region;
use crate::calls::{Fault, Verb};
use crate::drive::give_way;
use crate::host::Host;
use crate::region::State;
use crate::words::{self, Words};

use jiff::Timestamp;

impl Region {
    /// One call: `effect` happens to the region unless a fault prevents it,
    /// and what the caller gets to see is written down.
    async fn call<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        effect: impl FnOnce(&mut State) -> Result<T, &'static str>,
    ) -> Result<T, Refused> {
        give_way().await;
        let mut state = self.state.borrow_mut();
        let fault = state.faults.get(&verb).cloned();
        let answer = match &fault {
            Some(Fault::Refused(_) | Fault::RequestLost) => None,
            Some(Fault::AnswerLost) | None => Some(effect(&mut state)),
        };
        let answer = match (answer, fault) {
            (_, Some(fault)) => Err((fault.says(), fault.is_certain())),
            (Some(Err(why)), None) => Err((why, true)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(("the call had no effect", true)),
        };
        let answer = answer.map_err(|(why, certain)| {
            let gap = Gap { call: verb.name(), why: why.to_owned() };
            Refused { gap, certain }
        });
        let words = match &answer {
            Ok(value) => value.words(),
            Err(refused) => format!("FAILED: {}", refused.gap.why),
        };
        state.note(verb, about.to_owned(), words);
        answer
    }

    async fn look<T: Words>(
        &self,
        verb: Verb,
        about: &str,
        answer: impl FnOnce(&mut State) -> T,
    ) -> Result<T, Gap> {
        self.call(verb, about, |state| Ok(answer(state))).await.map_err(|refused| refused.gap)
    }
}

impl Look for Region {
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, Gap> {
        self.look(Verb::Instance, id.as_str(), |state| {
            state.hosts.get(id).map(|host| host.instance.clone())
        })
        .await
    }

    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, Gap> {
        self.look(Verb::Status, id.as_str(), |state| {
            state.hosts.get(id).filter(|host| host.runs()).map(|host| host.status.clone())
        })
        .await
    }

    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, Gap> {
        self.look(Verb::Agent, id.as_str(), |state| {
            state.hosts.get(id).and_then(|host: &Host| host.agent_at(state.now))
        })
        .await
    }

    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, Gap> {
        self.look(Verb::Membership, id.as_str(), |state| {
            let (name, group) = state.group_of(id)?;
            let member = group.members.get(id)?;
            Some(Membership {
                group: name.clone(),
                lifecycle: member.lifecycle.name().to_owned(),
                healthy: member.healthy,
                launch_template_version: Some("7".to_owned()),
            })
        })
        .await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>, Gap> {
        self.look(Verb::Group, name.as_str(), |state| {
            state.groups.get(name).map(crate::group::Group::described)
        })
        .await
    }

    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, Gap> {
        self.look(Verb::Refresh, name.as_str(), |state| {
            words::Refresh(state.groups.get(name).and_then(|group| group.refresh.clone()))
        })
        .await
        .map(|refresh| refresh.0)
    }

    async fn history(&self, id: &InstanceId) -> Result<History, Gap> {
        self.look(Verb::History, id.as_str(), |state| History {
            latest: state.book.latest(id).cloned(),
        })
        .await
    }
}

impl Ledger for Region {
    async fn open(&self, incident: &Incident, now: Timestamp) -> Result<Recorded, Gap> {
        let about = incident.id.to_string();
        self.look(Verb::Open, &about, |state| state.book.open(incident, now)).await
    }

    async fn record(&self, incident: &Incident) -> Result<bool, Gap> {
        let about = incident.id.to_string();
        let written = words::Written { stage: incident.stage, version: incident.version };
        self.look(Verb::Record, &about, |state| written.over(state.book.record(incident)))
            .await
            .map(|written| written.is_some())
    }
}

impl Touch for Region {
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, Refused> {
        self.call(Verb::Clean, order.instance.as_str(), |state| state.send(order)).await
    }

    async fn reboot(&self, instance: &InstanceId) -> Result<(), Refused> {
        self.call(Verb::Reboot, instance.as_str(), |state| state.reboot(instance)).await
    }

    async fn replace(&self, instance: &InstanceId) -> Result<(), Refused> {
        self.call(Verb::Replace, instance.as_str(), |state| state.replace(instance)).await
    }
}

impl Tell for Region {
    async fn tell(&self, notification: &Notification) -> Result<(), Gap> {
        self.look(Verb::Tell, &notification.subject, |state| {
            state.topic.push(notification.clone());
        })
        .await
    }
}
