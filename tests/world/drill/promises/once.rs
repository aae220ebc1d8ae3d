//! 3. Never two actions in flight on one instance; a reboot or replacement at
//!    most once per attempt, through any crash.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::{Incident, Stage};

use super::Moment;
use crate::calls::{Before, Effect, Nature, Verb};

/// A host that is not back after so long will not come, and what is done next
/// is done to a host on which nothing is under way.
const BOOTS_WITHIN: SignedDuration = SignedDuration::from_mins(14);

/// What we did to each instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Once {
    /// When we rebooted an instance last, and in which attempt.
    reboots: BTreeMap<InstanceId, (Timestamp, AttemptId)>,
    /// In which attempt we had it replaced last.
    replacements: BTreeMap<InstanceId, AttemptId>,
}

/// An attempt: its incident, and the how manieth of it.
type AttemptId = (IncidentId, usize);

impl Once {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        let touches = moment
            .effects()
            .map(|(_, effect)| effect)
            .filter(|effect| effect.done && effect.verb.nature() == Nature::Touch);
        for effect in touches {
            let Some(before) = &effect.before else { continue };
            let broken = unclaimed(effect, before)
                .or_else(|| self.in_flight(effect, before))
                .or_else(|| self.again(effect, before));
            if let Some(how) = broken {
                return Some(format!("{} of {}, {how}", effect.verb.name(), before.id));
            }
        }
        None
    }

    /// What is under way on the instance is over before the next begins.
    fn in_flight(&self, effect: &Effect, before: &Before) -> Option<String> {
        if before.cleaning {
            return Some("while a cleanup is under way on it".to_owned());
        }
        let down = before.host.as_ref().is_some_and(crate::host::Host::is_down);
        let since = self.reboots.get(&before.id).map(|(at, _)| effect.at.duration_since(*at))?;
        (down && since < BOOTS_WITHIN)
            .then(|| format!("{} s after we rebooted it, which is not over", since.as_secs()))
    }

    /// A reboot is never asked for twice in one attempt. The unhealthy mark is
    /// safe to set twice, so only another attempt's mark is too many: the first
    /// one's replacement is under way.
    fn again(&mut self, effect: &Effect, before: &Before) -> Option<String> {
        let incident = before.incident.as_ref()?;
        let attempt = (incident.id.clone(), incident.attempts.len());
        match effect.verb {
            Verb::Reboot => {
                let now = (effect.at, attempt.clone());
                let earlier = self.reboots.insert(before.id.clone(), now);
                earlier
                    .is_some_and(|(_, earlier)| earlier == attempt)
                    .then(|| format!("a second time in attempt {} of {}", attempt.1, attempt.0))
            }
            Verb::Replace => {
                let earlier = self.replacements.insert(before.id.clone(), attempt.clone());
                earlier.is_some_and(|earlier| earlier != attempt).then(|| {
                    format!("again in attempt {} of {}, though it was marked", attempt.1, attempt.0)
                })
            }
            _ => None,
        }
    }
}

/// The intent stands in the ledger before the call is made.
fn unclaimed(effect: &Effect, before: &Before) -> Option<String> {
    let stage = match effect.verb {
        Verb::Clean => Stage::Cleaning,
        Verb::Survey => Stage::Surveying,
        Verb::Snapshot => Stage::Snapshotting,
        Verb::Grow => Stage::Growing,
        Verb::Extend => Stage::Extending,
        Verb::Gather => Stage::Gathering,
        Verb::LeaveService => Stage::Draining,
        Verb::Reboot => Stage::Rebooting,
        Verb::ComeBack => Stage::Returning,
        _ => Stage::Replacing,
    };
    let found = before.incident.as_ref().map(|incident: &Incident| incident.stage);
    (found != Some(stage)).then(|| format!("and the ledger says {found:?}"))
}
