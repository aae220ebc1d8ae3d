//! The cleanup: an SSM document of our own looks at the host and relieves it.

use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::diagnostics::Location;
use crate::model::ids::CommandId;
use crate::model::incident::{Incident, Stage};
use crate::model::platform::Platform;
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::observe::facts::{Fact, Facts};
use crate::observe::host_report::{self, Failure, Verdict};
use crate::plan::availability::Availability::{self, Available, InDoubt, NotNow, Unavailable};
use crate::plan::availability::too_young;
use crate::plan::host_said::cleaned;
use crate::plan::host_said::late;
use crate::plan::host_said::note_diagnostics;
use crate::plan::step::EFFECT_SHOWS;
use crate::plan::step::Step;
use crate::plan::step::overdue;
use crate::plan::step::wait;
use crate::ports::look::Command;
use jiff::{SignedDuration, Timestamp};

pub(crate) fn cleaning(
    incident: &Incident,
    command_id: Option<&CommandId>,
    command: &Fact<Option<Command>>,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let mut incident = incident.clone();
    if let Some(attempt) = incident.attempts.last_mut() {
        attempt.command_id = command_id.cloned();
    }
    match command {
        Fact::Known(Some(command)) if command.was_never_run() && !overdue(&incident, now) => {
            Step::Call(Action::Clean, never_sent(incident), Reason::NeverAsked)
        }
        Fact::Known(Some(command)) if command.ended => {
            let said = host_report::parse(
                &command.stdout,
                &command.stderr,
                command.exit_code,
                &command.status,
            );
            if let Verdict::Failed(unreached @ (Failure::NoAnswer | Failure::NotDelivered { .. })) =
                &said
                && incident.shared_comment().is_some()
                && !overdue(&incident, now)
            {
                // It may not have reached this host because of another: that is no word about it.
                // What is sent now has the stage's whole time, or it would run beyond that.
                let reason = Reason::NotReached { why: unreached.to_string() };
                return Step::Call(
                    Action::Clean,
                    Incident { stage_since: now, ..incident },
                    reason,
                );
            }
            let found = host_report::preflight(&command.stdout);
            incident.preflight = found.or(incident.preflight);
            cleaned(incident, said, now, policy)
        }
        _ if overdue(&incident, now) => {
            let why = late("gave no answer in time; it may have run", command);
            note_diagnostics(
                &mut incident,
                Location::Missing { why: format!("the host's script {why}") },
            );
            Step::Climb(incident, Reason::CleanupFailed { why })
        }
        // The script looks before it acts and takes a lock, so sending it a
        // second time is safe; a reboot would not be.
        Fact::Known(None) if command_id.is_none() && incident.in_stage_for(now) >= EFFECT_SHOWS => {
            Step::Call(Action::Clean, never_sent(incident), Reason::NeverAsked)
        }
        _ => wait(&incident, now),
    }
}

/// The incident without the command that nobody has run.
fn never_sent(mut incident: Incident) -> Incident {
    if let Some(attempt) = incident.attempts.last_mut() {
        (attempt.command_id, attempt.shared_comment) = (None, None);
    }
    incident
}

/// Whether the cleanup that is to be sent may be a part of a command for several hosts: not if
/// such a command was taken and did not reach this one.
pub(crate) fn may_be_shared(incident: &Incident) -> bool {
    let refused = incident.attempts.last().is_some_and(|last| last.refused.is_some());
    incident.stage != Stage::Cleaning || refused || incident.shared_comment().is_none()
}

/// A cleanup needs an SSM agent that answers, on a platform we know.
pub(crate) fn availability(facts: &Facts, policy: &Policy) -> Availability {
    let agent = match &facts.agent {
        Fact::Unknown(unknown) => return InDoubt(unknown.clone()),
        // It registers some minutes after the boot.
        Fact::Known(None) => {
            return too_young(facts, policy).map_or(Unavailable(Reason::AgentAbsent), NotNow);
        }
        Fact::Known(Some(agent)) => agent,
    };
    if let Some(platform) = facts.platform().filter(|platform| *platform != Platform::Linux) {
        return Unavailable(Reason::PlatformUnsupported { platform });
    }
    let silence = agent
        .last_ping
        .map(|ping| facts.observed_at.duration_since(ping).max(SignedDuration::ZERO));
    if !agent.online || silence.is_none_or(|silence| silence > policy.agent_silent_after) {
        let silent = Reason::AgentSilent { for_the_last: silence };
        return too_young(facts, policy).map_or(Unavailable(silent), NotNow);
    }
    Available(None)
}

/// Whether the host itself can be asked about `symptom`: its agent answers, on a
/// platform that our scripts are written for, and there are scripts for it.
pub fn host_answers(symptom: Symptom, facts: &Facts, policy: &Policy) -> bool {
    symptom.has_scripts() && matches!(availability(facts, policy), Available(_))
}
