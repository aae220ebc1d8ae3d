//! The incident as a state machine: from what it is and what there is to see,
//! the one next step. Pure, so that a crash between any two calls is no special
//! case: the next beat sees the same incident and the same world.

use jiff::Timestamp;

use crate::model::action::Action;
use crate::model::ids::CommandId;
use crate::model::incident::{FailedCall, FailureKind, Incident, Stage};
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::observe::facts::{Fact, Facts};
use crate::observe::probe::{Probe, SymptomState};
use crate::plan::ask_host::gathering;
use crate::plan::host_said::told_by_host;
use crate::plan::rung::cleanup::cleaning;
use crate::plan::rung::grow;
use crate::plan::rung::reboot::draining;
use crate::plan::rung::reboot::may_be_leaving;
use crate::plan::rung::reboot::rebooting;
use crate::plan::rung::reboot::returning;
use crate::plan::rung::replace::replacing;
use crate::plan::rung::replace::substitute;
use crate::plan::step::BEAT;
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::plan::step::failing;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::plan::watching::waiting;
use crate::plan::watching::watching;
use crate::ports::look::Command;

/// The next step of `incident`.
pub fn next(incident: &Incident, probe: &Probe, now: Timestamp, policy: &Policy) -> Step {
    let step = within_its_time(incident, probe, now, policy);
    // What had ended in time, and could not be told, is told as it ended; and nobody is called
    // for what is over in the moment in which its time is.
    let ended = match &step {
        Step::End(ended, _) => incident.ended_since.is_some() || !ended.stage.is_taken_over(),
        _ => false,
    };
    if now >= incident.expires_at && !ended {
        let out_of_time = Reason::OutOfTime {
            after: now.duration_since(incident.opened_at),
            stage: incident.stage,
            held_by: incident.held_back.as_ref().and_then(|held| held.by.clone()),
        };
        // Whatever happens, nothing stays in Standby through us.
        if incident.standby.is_some() && incident.stage != Stage::Returning {
            return Step::Call(Action::ComeBack, incident.clone(), out_of_time);
        }
        // It is over by what was measured last, and nobody is called for that.
        if let Some(resolved) = over_by_then(incident, &step, probe, now) {
            return resolved;
        }
        // On its way back its own deadline holds, whose end tells of Standby.
        if incident.standby.is_none() {
            return end(incident, Stage::Expired, now, vec![out_of_time]);
        }
    }
    step
}

/// The end of an incident that was still watched when its time was over, if the symptom was gone
/// by then in two looks.
fn over_by_then(incident: &Incident, step: &Step, probe: &Probe, now: Timestamp) -> Option<Step> {
    let Step::Wait(waits) = step else { return None };
    let Probe::Symptom(SymptomState::Cleared { now: measured, .. }) = probe else { return None };
    let since = waits.quiet_since.filter(|_| incident.stage == Stage::Watching)?;
    let for_the_last = now.duration_since(since);
    if for_the_last < BEAT {
        return None;
    }
    let reason = Reason::StayedGone { for_the_last, measured: measured.clone() };
    Some(end(incident, Stage::Resolved, now, vec![reason]))
}

fn within_its_time(incident: &Incident, probe: &Probe, now: Timestamp, policy: &Policy) -> Step {
    if let Some(step) = refused(incident, probe, now) {
        return step;
    }
    let step = match incident.stage {
        Stage::Waiting => symptom(probe).map(|state| waiting(incident, state, now, policy)),
        Stage::Cleaning => {
            command(probe).map(|(id, command)| cleaning(incident, id, command, now, policy))
        }
        Stage::Surveying => match probe {
            Probe::Command { command_id, command } => {
                Some(grow::surveying(incident, command_id.as_ref(), command, now))
            }
            Probe::Symptom(_) => Some(Step::Climb(incident.clone(), grow::told_of_disk(incident))),
            Probe::Volume { .. } | Probe::Snapshot { .. } | Probe::Instance(_) => None,
        },
        Stage::Snapshotting => Some(grow::snapshotting(incident, probe, now)),
        Stage::Growing => Some(grow::growing(incident, probe, now)),
        Stage::Extending => {
            command(probe).map(|(id, command)| grow::extending(incident, id, command, now, policy))
        }
        Stage::Gathering => match probe {
            Probe::Command { command_id, command } => {
                Some(gathering(incident, command_id.as_ref(), command, now, policy))
            }
            Probe::Symptom(_) => Some(Step::Climb(incident.clone(), told_by_host(incident))),
            Probe::Volume { .. } | Probe::Snapshot { .. } | Probe::Instance(_) => None,
        },
        Stage::Draining => instance(probe).map(|facts| draining(incident, facts, now)),
        Stage::Rebooting => instance(probe).map(|facts| rebooting(incident, facts, now)),
        Stage::Returning => instance(probe).map(|facts| returning(incident, facts, now)),
        Stage::Replacing => instance(probe).map(|facts| replacing(incident, facts, now)),
        Stage::Watching => match probe {
            Probe::Symptom(state) => Some(watching(incident, state, now, policy)),
            Probe::Instance(facts) => Some(substitute(incident, facts, now, policy)),
            Probe::Command { .. } | Probe::Volume { .. } | Probe::Snapshot { .. } => None,
        },
        // It has ended: there is no next step.
        Stage::Resolved | Stage::HandedOver | Stage::Expired | Stage::Withdrawn => None,
    };
    step.unwrap_or_else(|| wait(incident, now))
}

fn symptom(probe: &Probe) -> Option<&SymptomState> {
    match probe {
        Probe::Symptom(state) => Some(state),
        Probe::Command { .. }
        | Probe::Volume { .. }
        | Probe::Snapshot { .. }
        | Probe::Instance(_) => None,
    }
}

fn command(probe: &Probe) -> Option<(Option<&CommandId>, &Fact<Option<Command>>)> {
    match probe {
        Probe::Command { command_id, command } => Some((command_id.as_ref(), command)),
        Probe::Symptom(_) | Probe::Volume { .. } | Probe::Snapshot { .. } | Probe::Instance(_) => {
            None
        }
    }
}

fn instance(probe: &Probe) -> Option<&Facts> {
    match probe {
        Probe::Instance(facts) => Some(facts),
        Probe::Command { .. }
        | Probe::Volume { .. }
        | Probe::Snapshot { .. }
        | Probe::Symptom(_) => None,
    }
}

/// Where a call leads that AWS did not carry out.
fn refused(incident: &Incident, probe: &Probe, now: Timestamp) -> Option<Step> {
    let refused = incident.attempts.last()?.refused.as_ref()?;
    let action = match incident.stage {
        Stage::Cleaning => Action::Clean,
        Stage::Snapshotting => Action::Snapshot,
        Stage::Growing => Action::Grow,
        Stage::Extending => Action::Extend,
        Stage::Draining => Action::LeaveService(incident.standby?),
        Stage::Rebooting => Action::Reboot,
        Stage::Returning => Action::ComeBack,
        Stage::Replacing => Action::Replace,
        // No call is awaited, or it is the question to the host, which refuses nothing.
        Stage::Waiting
        | Stage::Surveying
        | Stage::Gathering
        | Stage::Watching
        | Stage::Resolved
        | Stage::HandedOver
        | Stage::Expired
        | Stage::Withdrawn => return None,
    };
    let reason = Reason::Refused { why: refused.why.clone() };
    let mut incident = incident.clone();
    match (action, refused.kind) {
        (_, FailureKind::Throttled) if !overdue(&incident, now) => {
            Some(Step::Call(action, incident, Reason::NeverAsked))
        }
        // What the world shows decides: it may be back already.
        (Action::ComeBack, _) => None,
        // It may be taken already, asked for by a call whose answer was lost.
        (Action::Snapshot, _) if grow::is_taken(probe) => None,
        // It may grow already, asked for by a call whose answer was lost.
        (Action::Grow, _) if grow::shows(&incident, probe) => None,
        // Or leaving already, asked for by a call whose answer was lost.
        (Action::LeaveService(_), _) if may_be_leaving(probe) => None,
        // It is in Standby, and must not stay there.
        (Action::Reboot, kind) if incident.standby.is_some() => {
            let failed = FailedCall { kind, why: refused.why.clone() };
            Some(Step::Call(Action::ComeBack, failing(incident, failed), reason))
        }
        (_, FailureKind::NotPermitted) => {
            incident.standby = None;
            Some(end(&incident, Stage::HandedOver, now, vec![reason]))
        }
        (_, FailureKind::Throttled | FailureKind::InstanceState) => {
            incident.standby = None;
            Some(Step::Climb(incident, reason))
        }
    }
}
