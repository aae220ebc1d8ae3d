//! From an instance to its owner's word, and to the agent on it.

use super::alarms::Watched;
use super::code::Code;
use super::finding::Diagnosis;
use super::fleet::Fleet;
use crate::model::cleanup_opt_in::{CLEANUP_TAG, CleanupOptIn};
use crate::model::ids::InstanceId;
use crate::model::policy::{MAX_RUNG_TAG, OptIn, Policy};
use crate::model::reason::Reason;
use crate::model::rung::Rung;
use crate::observe::facts::{Fact, Facts};
use crate::plan::availability::Availability::{InDoubt, NotNow, Unavailable};
use crate::plan::availability::{beyond_limit, busy, managed};
use crate::plan::rung::cleanup;
use crate::ports::look::{Instance, InstanceState};

/// The agent takes parameters as environment variables from this version on
/// (docs/host-scripts.md).
const AGENT_WITH_ENVIRONMENT: [u32; 3] = [3, 3, 2746];

/// Looks at every instance that runs.
pub(super) fn check(fleet: &Fleet, policy: &Policy, watched: &Watched, diagnosis: &mut Diagnosis) {
    let Some(instances) = diagnosis.known("instances", &fleet.instances) else { return };
    let mut opted_in = false;
    for (id, instance) in instances {
        if instance.state != InstanceState::Running {
            continue;
        }
        let names = [("instance", id.as_str())];
        match OptIn::of(&instance.tags) {
            OptIn::No(Some(found)) => {
                let seen = format!("auto-remediation = {found}");
                diagnosis.find(Code::OptInUnreadable, id.as_str(), seen, &names);
            }
            OptIn::No(None) if watched.instances.contains(id) => {
                let seen = "it has no tag auto-remediation";
                diagnosis.find(Code::InstanceNotOptedIn, id.as_str(), seen, &names);
            }
            OptIn::No(None) => {}
            OptIn::Enabled | OptIn::Observe => {
                opted_in = true;
                is_watched(id, fleet, watched, diagnosis);
                let facts = fleet.facts(id, instance);
                of_its_owner(id, instance, &facts, diagnosis);
                host(id, &facts, fleet, policy, diagnosis);
            }
        }
    }
    // What hangs on them is unknown only if somebody is meant.
    if opted_in {
        diagnosis.known("SSM agents", &fleet.agents);
        diagnosis.known("status checks", &fleet.statuses);
    }
}

fn is_watched(id: &InstanceId, fleet: &Fleet, watched: &Watched, diagnosis: &mut Diagnosis) {
    let known = matches!(fleet.alarms, Fact::Known(_));
    if known && watched.fleets.is_empty() && !watched.instances.contains(id) {
        let seen = "no alarm names it, and there is no fleet alarm";
        let names = [("instance", id.as_str())];
        diagnosis.find(Code::InstanceUnwatched, id.as_str(), seen, &names);
    }
}

/// What its owner's tags say, by the code that obeys them.
fn of_its_owner(id: &InstanceId, instance: &Instance, facts: &Facts, diagnosis: &mut Diagnosis) {
    let about = id.as_str();
    if let Some(Reason::ManagedNode { by }) = managed(facts) {
        let names = [("instance", about), ("by", by.name())];
        diagnosis.find(Code::ManagedNode, about, format!("it is a node of {by}"), &names);
    }
    let names = [("instance", about)];
    if let Some(reason @ Reason::BusyUnclear { .. }) = busy(facts) {
        diagnosis.find(Code::BusyUnreadable, about, reason.to_string(), &names);
    }
    let limit = instance.tags.get(MAX_RUNG_TAG);
    let rungs = [Rung::Cleanup, Rung::Grow, Rung::Reboot, Rung::Replace];
    let is_rung = |text: &String| rungs.iter().any(|rung| rung.name() == text);
    if let Some(reason) = beyond_limit(Rung::Reboot, facts)
        && limit.is_some_and(|text| !is_rung(text))
    {
        diagnosis.find(Code::LimitUnreadable, about, reason.to_string(), &names);
    }
    if let Some(Err(word)) = instance.tags.get(CLEANUP_TAG).map(|text| CleanupOptIn::list(text)) {
        let seen = format!("{word:?} is no word of it");
        diagnosis.find(Code::CleanupWordsUnreadable, about, seen, &names);
    }
    if let Fact::Known(Some(status)) = &facts.status
        && let Some(event) = &status.scheduled
    {
        let seen = match event.not_before {
            Some(at) => format!("{}, not before {at:.0}", event.code),
            None => event.code.clone(),
        };
        diagnosis.find(Code::ScheduledEvent, about, seen, &names);
    }
}

/// Whether the host can be asked and cleaned, by the code that decides it.
fn host(id: &InstanceId, facts: &Facts, fleet: &Fleet, policy: &Policy, diagnosis: &mut Diagnosis) {
    let about = id.as_str();
    let names = [("instance", about)];
    let reason = match cleanup::availability(facts, policy) {
        // Without an agent nobody says what it is, and our scripts may not be for it.
        Unavailable(Reason::AgentAbsent) => {
            let platform = facts.platform();
            let seen = platform.map_or_else(String::new, |it| format!(" (EC2 says {it})"));
            let seen = format!("{}{seen}", Reason::AgentAbsent);
            return diagnosis.find(Code::AgentAbsent, about, seen, &names);
        }
        // Who still boots has time.
        InDoubt(_) | NotNow(_) => return,
        Unavailable(reason) => Some(reason),
        _ => None,
    };
    match reason {
        Some(reason @ Reason::PlatformUnsupported { .. }) => {
            return diagnosis.find(Code::PlatformUnsupported, about, reason.to_string(), &names);
        }
        Some(reason) => {
            return diagnosis.find(Code::AgentSilent, about, reason.to_string(), &names);
        }
        None => {}
    }
    let Fact::Known(agents) = &fleet.agents else { return };
    let version = agents.get(id).and_then(|agent| agent.version.as_deref());
    if let Some(version) = version.filter(|version| is_older(version)) {
        diagnosis.find(Code::AgentOld, about, format!("its agent is {version}"), &names);
    }
}

/// Whether a version is older than the one that knows environment variables. What is no version
/// is not older.
fn is_older(version: &str) -> bool {
    let numbers: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
    numbers.is_ok_and(|numbers| numbers.as_slice() < AGENT_WITH_ENVIRONMENT.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        for (version, older) in [
            ("3.3.2746.0", false),
            ("3.3.2745.9", true),
            ("3.10.0.0", false),
            ("3.3.987.0", true),
            ("2.9", true),
            ("4", false),
            ("unknown", false),
        ] {
            assert_eq!(is_older(version), older, "{version}");
        }
    }
}
