//! 5. No instance stays in Standby, no lease outlives its owner, no claim is
//!    stuck.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::InstanceId;
use remedy::model::pool::Lease;

use super::Moment;
use crate::calls::Verb;
use crate::group::Lifecycle;

/// After its last moment an incident may still be on its way back from Standby
/// (15 minutes), or wait for a heartbeat that was missed (8).
const ENDS_WITHIN: SignedDuration = SignedDuration::from_mins(25);

/// Who is in Standby through us.
#[derive(Clone, Debug, Default)]
pub(super) struct NothingIsStuck {
    /// Since when.
    out: BTreeMap<InstanceId, Timestamp>,
    /// When its group last refused to take it back: its owner has made that
    /// impossible, and people are told.
    refused: BTreeMap<InstanceId, Timestamp>,
}

impl NothingIsStuck {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        for (_, effect) in moment.effects() {
            let Some(before) = &effect.before else { continue };
            match (effect.verb, effect.done) {
                (Verb::LeaveService, true) => {
                    self.out.insert(before.id.clone(), effect.at);
                }
                (Verb::ComeBack, false) => {
                    self.refused.insert(before.id.clone(), effect.at);
                }
                _ => {}
            }
        }
        self.stays_in_standby(moment)
            .or_else(|| stuck_claim(moment))
            .or_else(|| stuck_lease(moment))
    }

    /// Whoever is in Standby through us has an open incident that brings it
    /// back, or its group would not have it. What its owner has stopped
    /// meanwhile is the owner's.
    fn stays_in_standby(&mut self, moment: &Moment<'_>) -> Option<String> {
        let is_out = |id: &InstanceId| {
            let member = moment.state.group_of(id).and_then(|(_, group)| group.members.get(id));
            let runs = moment.state.hosts.get(id).is_some_and(crate::host::Host::runs);
            runs && member.is_some_and(|member| {
                matches!(member.lifecycle, Lifecycle::EnteringStandby | Lifecycle::Standby)
            })
        };
        self.out.retain(|id, _| is_out(id));
        let left = |id: &&InstanceId| {
            let latest = moment.state.book.latest(id);
            !latest.is_some_and(|incident| incident.stage.is_open())
        };
        let id = self.out.keys().filter(|id| !self.refused.contains_key(*id)).find(left)?;
        Some(format!("{id} is in Standby through us, and nobody will bring it back"))
    }
}

/// No claim holds its instance for longer than an incident may take.
fn stuck_claim(moment: &Moment<'_>) -> Option<String> {
    let stuck = moment.state.book.all_latest().find(|incident| {
        incident.stage.is_open() && moment.now.duration_since(incident.expires_at) > ENDS_WITHIN
    })?;
    Some(format!(
        "incident {} is {:?} though it was to end at {}",
        stuck.id, stuck.stage, stuck.expires_at
    ))
}

/// Whoever holds a place in a budget has an open incident.
fn stuck_lease(moment: &Moment<'_>) -> Option<String> {
    let book = &moment.state.book;
    let held = book.all_leases().filter(|lease| moment.now < lease.until);
    let owned =
        |lease: &&Lease| book.all_latest().any(|it| it.id == lease.incident && it.stage.is_open());
    let stuck = held.into_iter().find(|lease| !owned(lease))?;
    Some(format!(
        "place {} of {} is held by {}, which has ended",
        stuck.slot, stuck.pool, stuck.incident
    ))
}
