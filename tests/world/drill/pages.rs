//! Whether critical pages were worth it: each asks a person to do something, so
//! each is held against the world's own truth.

use std::collections::BTreeSet;

use remedy::model::alarm::Symptom;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::ports::tell::Notification;

use super::tally::Counts;
use crate::group::Lifecycle;
use crate::region::State;

/// Somebody has to do something.
pub(super) const ASKED: &str = "a person must do something";

/// The host is in trouble no more, or it is gone.
const FOR_NOTHING: &str = "nothing is left to do";

/// The same was asked for before, and is not done yet.
const AGAIN: &str = "the same thing again";

/// What has been asked for and is not done yet.
#[derive(Default)]
pub(super) struct Pages {
    /// Notifications that were looked at.
    heard: usize,
    asked: BTreeSet<(InstanceId, Option<GroupName>, Symptom)>,
}

impl Pages {
    /// Counts what people were told since this was asked last.
    pub(super) fn count(&mut self, state: &State, told: &mut Counts, pages: &mut Counts) {
        self.asked.retain(|(id, _, symptom)| needs_somebody(id, *symptom, state));
        for notification in state.topic.iter().skip(self.heard) {
            let Some(severity) = attribute(notification, "severity") else { continue };
            let severity = ["critical", "warning", "info"].into_iter().find(|it| *it == severity);
            *told.entry(severity.unwrap_or("unheard of")).or_default() += 1;
            if severity == Some("critical") {
                *pages.entry(self.worth(notification, state)).or_default() += 1;
            }
        }
        self.heard = state.topic.len();
    }

    /// What a critical page was worth. Members of a group with the same trouble are
    /// one thing, since a person looks at the group.
    fn worth(&mut self, notification: &Notification, state: &State) -> &'static str {
        let id = attribute(notification, "instance_id").and_then(|id| InstanceId::new(id).ok());
        let symptom = attribute(notification, "symptom");
        let symptom = Symptom::ALL.into_iter().find(|it| Some(it.name()) == symptom);
        let (Some(id), Some(symptom)) = (id, symptom) else { return ASKED };
        if !needs_somebody(&id, symptom, state) {
            return FOR_NOTHING;
        }
        let group = state.group_of(&id).map(|(name, _)| name.clone());
        let same = |(other, of, about): &(InstanceId, Option<GroupName>, Symptom)| {
            *about == symptom && (*other == id || (group.is_some() && *of == group))
        };
        let again = self.asked.iter().any(same);
        self.asked.insert((id, group, symptom));
        if again { AGAIN } else { ASKED }
    }
}

/// Whether the instance is there, and in that trouble or out of service.
fn needs_somebody(id: &InstanceId, symptom: Symptom, state: &State) -> bool {
    let Some(host) = state.hosts.get(id).filter(|host| host.runs()) else { return false };
    let lifecycle = state.group_of(id).and_then(|(_, group)| group.members.get(id));
    match lifecycle.map(|member| member.lifecycle) {
        Some(Lifecycle::Terminating) => return false,
        Some(Lifecycle::EnteringStandby | Lifecycle::Standby) => return true,
        Some(Lifecycle::Pending | Lifecycle::InService) | None => {}
    }
    let troubled = host.trouble.is_some_and(|trouble| trouble.symptom == symptom);
    troubled || !host.passes_checks() || !host.measured
}

fn attribute<'a>(notification: &'a Notification, name: &str) -> Option<&'a str> {
    let found = notification.attributes.iter().find(|(other, _)| *other == name);
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::{Names, grouped};
    use crate::host::Trouble;

    fn page(id: &InstanceId) -> Notification {
        let attributes = [("severity", "critical"), ("symptom", "high-cpu")];
        let mut attributes: Vec<_> =
            attributes.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        attributes.push(("instance_id", id.to_string()));
        let [subject, text, data, chat] = [(); 4].map(|()| String::new());
        Notification { subject, text, data, chat, attributes }
    }

    #[test]
    fn a_page_asks_for_something_once_and_only_while_something_is_to_be_done() {
        let names = Names::default();
        let region = grouped(&names, Timestamp::UNIX_EPOCH);
        let (mut seen, mut told, mut pages) = (Pages::default(), Counts::new(), Counts::new());
        let mut tell = |id: &InstanceId| {
            region.state.borrow_mut().topic.push(page(id));
            seen.count(&region.state.borrow(), &mut told, &mut pages);
            pages.clone()
        };
        let sick = |host: &mut crate::host::Host| {
            host.trouble = Some(Trouble::hopeless(Symptom::HighCpu, 97.0));
        };
        assert_eq!(tell(&names.web), [(FOR_NOTHING, 1)].into(), "it is well");
        region.with_host(&names.web, sick);
        assert_eq!(tell(&names.web), [(FOR_NOTHING, 1), (ASKED, 1)].into());
        region.with_host(&names.others[0], sick);
        assert_eq!(tell(&names.others[0])[AGAIN], 1, "the group has it");
        region.terminate(&names.others[0]);
        assert_eq!(tell(&names.others[0])[FOR_NOTHING], 2, "it is gone");
        assert_eq!(told["critical"], 4);
    }
}
