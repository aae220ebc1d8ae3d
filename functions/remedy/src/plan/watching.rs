//! Whether the symptom is gone, and stays gone.

use crate::model::incident::{Incident, Rung, Stage};
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::model::testimony::Word;
use crate::observe::probe::{self, METRIC_LAGS, Quiet, SymptomState};
use crate::plan::step::BEAT;
use crate::plan::step::Step;
use crate::plan::step::end;
use crate::plan::step::wait;
use jiff::{SignedDuration, Timestamp};

/// What waits is tried again each time, while something shows that the symptom
/// is there. Where nothing does, the alarm's own word counts while it is fresh.
pub(crate) fn waiting(
    incident: &Incident,
    symptom_state: &SymptomState,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    // Unless it was gone when it was last seen, or is an old story by now.
    let fresh = incident.quiet_since.is_none()
        && now.duration_since(incident.seen.changed_at) <= policy.stale_after;
    // Since when nothing certain shows, whatever held it back before.
    let since = incident.conflicting_since.unwrap_or(now);
    let reason = match symptom_state {
        SymptomState::Cleared { .. } => return watched(incident, symptom_state, now, policy),
        SymptomState::Present { what, .. } => {
            let reason = Reason::StillThere { what: what.clone() };
            return Step::Climb(with_quiet_reset(incident), reason);
        }
        SymptomState::Unknown(unknown) if fresh => Reason::FactUnknown(unknown.clone()),
        SymptomState::Unobserved { why, .. } | SymptomState::Conflicting { what: why } if fresh => {
            Reason::Unverified { why: why.clone() }
        }
        // A call that failed may answer the next time.
        SymptomState::Unknown(_) => return wait(incident, now),
        SymptomState::Conflicting { what } => return conflicting(incident, what, now),
        // After it was gone a slow metric has no newer datapoint for minutes.
        SymptomState::Unobserved { why, .. } => {
            let doubted = Incident { conflicting_since: Some(since), ..incident.clone() };
            return unobserved(&doubted, incident.quiet_since.unwrap_or(since), why, now);
        }
    };
    let doubted = Incident { conflicting_since: Some(since), ..with_quiet_reset(incident) };
    Step::Climb(doubted, reason)
}

/// From the end of a period until its value can be read, and the period itself.
const SHOWS_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// When an incident that is watched from now on is looked at first: not before its metric can
/// show that the symptom stayed gone, and not later than it can show that it did not go.
/// Whether a substitute stays healthy no metric tells, nor the symptom that a person has named.
pub fn first_look(incident: &Incident, now: Timestamp, policy: &Policy) -> Timestamp {
    let measured = incident.seen.series.is_some() && incident.rung() != Some(Rung::Replace);
    if measured { now + (policy.quiet_for + SHOWS_AFTER).min(METRIC_LAGS) } else { now }
}

/// Nothing tells whether the symptom is there. It is waited for as long as
/// after a rung, and then a person's.
pub(crate) fn unobserved(incident: &Incident, since: Timestamp, why: &str, now: Timestamp) -> Step {
    if now.duration_since(since) < Stage::Watching.deadline().max(probe::lag(&incident.seen)) {
        return wait(incident, now);
    }
    end(incident, Stage::HandedOver, now, vec![Reason::Unverified { why: why.to_owned() }])
}

pub(crate) fn watching(
    incident: &Incident,
    symptom_state: &SymptomState,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let host_says_so = matches!(incident.rung(), Some(Rung::Cleanup));
    if incident.seen.series.is_none() && host_says_so {
        // A request names no metric. The script looked again after it acted,
        // and its word is the second source there is.
        return watched(incident, &SymptomState::Cleared { now: None, quiet: None }, now, policy);
    }
    watched(incident, symptom_state, now, policy)
}

pub(crate) fn watched(
    incident: &Incident,
    symptom_state: &SymptomState,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let after = incident.in_stage_for(now);
    match symptom_state {
        SymptomState::Cleared { now: measured, quiet } => {
            let since = incident.quiet_since.unwrap_or(now);
            // What was measured tells of the time between two looks, too.
            let since = quiet.map_or(since, |quiet| quiet.since);
            let for_the_last = quiet.map_or(now.duration_since(since), Quiet::lasts);
            if for_the_last >= policy.quiet_for {
                let measured = measured.clone();
                let reason = Reason::StayedGone { for_the_last, measured };
                return end(incident, Stage::Resolved, now, vec![reason]);
            }
            let looks_again = match quiet {
                Some(_) => BEAT.max(policy.quiet_for - for_the_last),
                None => BEAT,
            };
            let waits = incident.waiting_until(now + looks_again);
            let quiet_since = Some(since);
            Step::Wait(Incident { quiet_since, conflicting_since: None, ..waits })
        }
        SymptomState::Present { what, .. } if after >= METRIC_LAGS => {
            let reason = match incident.quiet_since {
                Some(_) if after < Stage::Watching.deadline() => {
                    return still_present(incident, now);
                }
                Some(_) => Reason::NotQuiet { after },
                None => Reason::StillThere { what: what.clone() },
            };
            Step::Climb(with_quiet_reset(incident), reason)
        }
        SymptomState::Present { .. } => still_present(incident, now),
        SymptomState::Conflicting { what } => conflicting(incident, what, now),
        SymptomState::Unobserved { why, .. } => match relieved(incident) {
            Some(host) if after >= Stage::Watching.deadline() => {
                let what = format!("{why}, and its host says: {host}");
                end(incident, Stage::Resolved, now, vec![Reason::AlarmDisagrees { what }])
            }
            _ => unobserved(incident, incident.stage_since, why, now),
        },
        SymptomState::Unknown(unknown) => {
            unobserved(incident, incident.stage_since, &unknown.to_string(), now)
        }
    }
}

/// The words of a host that was relieved by its cleanup, where they have to do because its
/// metric comes too seldom to tell.
fn relieved(incident: &Incident) -> Option<&str> {
    let said = incident.testimony.as_ref().filter(|said| said.word == Word::Well)?;
    let cleaned = incident.rung() == Some(Rung::Cleanup) && probe::is_slow(&incident.seen);
    cleaned.then_some(said.why.as_str())
}

/// The metric and its alarm disagree. One follows the other within the alarm's window;
/// when it has not, neither of them shows trouble that lasts, and a new alarm comes if
/// there is.
fn conflicting(incident: &Incident, what: &str, now: Timestamp) -> Step {
    let since = incident.conflicting_since.unwrap_or(now);
    let is_time_left = now + BEAT < incident.expires_at;
    if is_time_left && now.duration_since(since) < conflict_lasts(incident) {
        let waits = with_quiet_reset(incident).waiting_until(now + BEAT);
        return Step::Wait(Incident { conflicting_since: Some(since), ..waits });
    }
    let stage = if incident.attempts.is_empty() { Stage::Withdrawn } else { Stage::Resolved };
    end(incident, stage, now, vec![Reason::AlarmDisagrees { what: what.to_owned() }])
}

/// An alarm may look at this many periods before it follows its metric: most look at one
/// to five.
const PERIODS_LOOKED_AT: u32 = 5;

/// How long the metric and its alarm may disagree: at least as long as trouble may show
/// after its end, and longer where the alarm's periods are long.
fn conflict_lasts(incident: &Incident) -> SignedDuration {
    let period = incident.seen.series.as_ref().map_or(0, |series| series.period);
    let window = SignedDuration::from_secs(i64::from(period) * i64::from(PERIODS_LOOKED_AT));
    window.max(Stage::Watching.deadline())
}

pub(crate) fn with_quiet_reset(incident: &Incident) -> Incident {
    Incident { quiet_since: None, conflicting_since: None, ..incident.clone() }
}

pub(crate) fn still_present(incident: &Incident, now: Timestamp) -> Step {
    Step::Wait(with_quiet_reset(incident).waiting_until(now + BEAT))
}
