//! The one next step of an incident, what it needs to know before it is taken, and
//! whether it is still allowed.

use crate::model::action::Action;
use crate::model::incident::{FailedCall, FailureKind, Incident, Rung, Stage};
use crate::model::policy::OptIn;
use crate::model::reason::Reason;
use crate::observe::facts::{Fact, Facts};
use crate::observe::probe::Probe;
use crate::plan::availability::busy;
use crate::plan::availability::lifecycle;
use crate::plan::availability::still_movable;
use crate::ports::look::{Instance, InstanceState};
use jiff::{SignedDuration, Timestamp};

/// What is to be done about an incident now.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing yet: write the incident down as it stands and look again.
    Wait(Incident),
    /// The incident moves on by itself: write it down.
    Move(Incident, Reason),
    /// The rung it is on needs another call.
    Call(Action, Incident, Reason),
    /// The rung did not help: try the next.
    Climb(Incident, Reason),
    /// It goes on, and a person must hear of it.
    Tell(Incident, Vec<Reason>),
    /// It is over.
    End(Incident, Vec<Reason>),
}

/// What must be read before a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing more.
    Nothing,
    /// The facts of the instance, and its group's if the call moves it: what its
    /// owner has said since.
    Facts {
        /// Whether the group is needed.
        group: bool,
        /// Whether it is needed who has a session open.
        sessions: bool,
    },
    /// Whether the instance is still there.
    Instance,
}

impl Step {
    /// What the step of `incident`, seen in `probe`, needs to know before it is taken.
    pub fn needs(&self, incident: &Incident, probe: &Probe) -> Need {
        match self {
            Self::Call(action, ..) => match action {
                // We took it out of service, so we bring it back, whatever anybody says.
                Action::ComeBack => Need::Nothing,
                Action::LeaveService(_) | Action::Replace => {
                    Need::Facts { group: true, sessions: false }
                }
                // While a member drains somebody may have come to look at it.
                Action::Reboot => Need::Facts { group: false, sessions: true },
                Action::Clean
                | Action::Survey
                | Action::Snapshot
                | Action::Grow
                | Action::Extend
                | Action::Gather => Need::Facts { group: false, sessions: false },
            },
            // Who was replaced is gone by our own doing.
            _ if incident.rung() == Some(Rung::Replace) => Need::Nothing,
            Self::Wait(_)
                if matches!(incident.stage, Stage::Waiting | Stage::Watching)
                    && probe.shows_nothing() =>
            {
                Need::Instance
            }
            // Nobody is asked to look at an instance that is gone.
            Self::End(ended, _) if ended.stage.is_taken_over() => Need::Instance,
            Self::Wait(_) | Self::Move(..) | Self::Climb(..) | Self::Tell(..) | Self::End(..) => {
                Need::Nothing
            }
        }
    }

    /// The step, if it is still allowed. It is not if the owner has removed the tag since
    /// the rung was begun, or if the group may no longer be changed. Coming back into
    /// service is always allowed, because it ends what we began.
    #[must_use]
    pub fn while_allowed(self, facts: &Facts, now: Timestamp) -> Self {
        let Self::Call(action, incident, reason) = self else { return self };
        if action == Action::ComeBack {
            return Step::Call(action, incident, reason);
        }
        let tag = match &facts.instance {
            Fact::Known(Some(instance)) => OptIn::of(&instance.tags),
            Fact::Known(None) => OptIn::No(None),
            Fact::Unknown(_) => return wait(&incident, now),
        };
        let because = match tag {
            OptIn::Enabled => None,
            OptIn::Observe => Some(Reason::Observing { asked_by: "the instance's tag" }),
            OptIn::No(found) => Some(Reason::NotOptedIn { found }),
        };
        if because.is_none()
            && action == Action::Reboot
            && let Some(at_work) = in_session(facts).or_else(|| busy(facts))
        {
            return out_for_somebody(incident, at_work, now);
        }
        let lifecycle = lifecycle(facts);
        let in_service = matches!(lifecycle, Fact::Known(Some("InService")));
        // A member that is already leaving is not stopped half-way.
        let may_be_in_service = in_service || matches!(lifecycle, Fact::Unknown(_));
        let again = match action {
            Action::LeaveService(_) if may_be_in_service => still_movable(Rung::Reboot, facts),
            Action::Replace if may_be_in_service => still_movable(Rung::Replace, facts),
            Action::LeaveService(_)
            | Action::Replace
            | Action::Clean
            | Action::Survey
            | Action::Snapshot
            | Action::Grow
            | Action::Extend
            | Action::Gather
            | Action::Reboot
            | Action::ComeBack => Ok(None),
        };
        match (because, again) {
            (None, Ok(None)) => Step::Call(action, incident, reason),
            (None, Ok(Some(_))) => wait(&incident, now),
            (None, Err(because)) => Step::Climb(Incident { standby: None, ..incident }, because),
            (Some(because), _) if incident.standby.is_some() && !in_service => {
                let failed =
                    FailedCall { kind: FailureKind::NotPermitted, why: because.to_string() };
                Step::Call(Action::ComeBack, failing(incident, failed), because)
            }
            (Some(because), _) => {
                let incident = Incident { standby: None, ..incident };
                end(&incident, Stage::HandedOver, now, vec![because])
            }
        }
    }

    /// Whether it takes an instance out of service that serves: what was decided minutes ago
    /// is asked for again, since the call never arrived.
    pub fn begins_disruption(&self) -> bool {
        let Self::Call(action, incident, _) = self else { return false };
        match action {
            Action::LeaveService(_) | Action::Replace => true,
            Action::Reboot => incident.standby.is_none(),
            Action::ComeBack
            | Action::Clean
            | Action::Survey
            | Action::Snapshot
            | Action::Grow
            | Action::Extend
            | Action::Gather => false,
        }
    }

    /// The step, unless it is to wait for an instance that is gone, or to give it to a
    /// person: no datapoint will ever tell that its symptom is over, another incident about
    /// it may be in the queue, and there is nothing left to look at.
    #[must_use]
    pub fn while_there(self, instance: Option<&Instance>, now: Timestamp) -> Self {
        let incident = match &self {
            Self::Wait(incident) | Self::End(incident, _) => incident,
            Self::Move(..) | Self::Call(..) | Self::Climb(..) | Self::Tell(..) => return self,
        };
        match gone(instance) {
            None => self,
            Some(state) => {
                let ended =
                    Incident { stage: Stage::Withdrawn, stage_since: now, ..incident.clone() };
                Step::End(Incident { standby: None, ..ended }, vec![Reason::Gone { state }])
            }
        }
    }
}

/// What has become of an instance that does not run any more.
pub(crate) fn gone(instance: Option<&Instance>) -> Option<String> {
    match instance.map(|instance| &instance.state) {
        Some(InstanceState::Running) => None,
        Some(InstanceState::Not(state)) => Some(state.clone()),
        None => Some("no longer there".to_owned()),
    }
}

/// Who has a session open on the instance, or that this is not known.
fn in_session(facts: &Facts) -> Option<Reason> {
    match &facts.sessions {
        Fact::Known(0) => None,
        Fact::Known(count) => Some(Reason::PersonPresent { count: *count as u64 }),
        Fact::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
    }
}

/// What is out of service for a reboot is not rebooted under somebody's hands: the end of their
/// work is waited for, and after the stage's time it comes back as it is.
fn out_for_somebody(incident: Incident, at_work: Reason, now: Timestamp) -> Step {
    if !overdue(&incident, now) || incident.standby.is_none() {
        return wait(&incident, now);
    }
    let why = at_work.to_string();
    let failed = FailedCall { kind: FailureKind::InstanceState, why };
    Step::Call(Action::ComeBack, failing(incident, failed), at_work)
}

/// How long after the last look the next one comes.
pub(crate) const BEAT: SignedDuration = SignedDuration::from_secs(60);

pub(crate) fn wait(incident: &Incident, now: Timestamp) -> Step {
    Step::Wait(incident.waiting_until(now + BEAT))
}

pub(crate) fn end(incident: &Incident, stage: Stage, now: Timestamp, because: Vec<Reason>) -> Step {
    Step::End(incident.moved_to(stage, now), because)
}

pub(crate) fn overdue(incident: &Incident, now: Timestamp) -> bool {
    incident.in_stage_for(now) >= incident.stage.deadline()
}

/// The incident, with its rung known to have failed.
pub(crate) fn failing(mut incident: Incident, failed: FailedCall) -> Incident {
    if let Some(attempt) = incident.attempts.last_mut() {
        attempt.failed = Some(failed);
    }
    incident
}

/// A call whose effect does not show after this long was never made: describe
/// calls lag by seconds, and whoever wrote the intent is dead after the
/// function's 60 seconds.
pub(crate) const EFFECT_SHOWS: SignedDuration = SignedDuration::from_mins(3);
