//! Evidence before a disruption: whether the host is asked first what it knows,
//! and whether it is asked again while its own word is in the way. Pure: what is
//! asked is sent like any other action.

use jiff::{SignedDuration, Timestamp};

use crate::model::diagnostics::Diagnostics;
use crate::model::incident::{Found, Incident};
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::observe::facts::Facts;
use crate::plan::decide;
use crate::plan::guard::{Cleared, Refusal};

/// What a host said longer ago is old news: what it then waited for may be over.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// While what the host said holds a rung back, it is asked again this often.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// So often in one incident at most: every 5 minutes for 2 hours. After that
/// the last word counts.
const TIMES_MAX: u32 = 24;

/// Whether the host is asked what it knows before what was cleared is done. It
/// never is a condition: a host that cannot answer is not asked, and one that
/// gave no answer is not asked again for a while.
pub fn comes_first(
    cleared: &Cleared,
    incident: Option<&Incident>,
    facts: &Facts,
    policy: &Policy,
) -> bool {
    let asked_lately = incident.is_some_and(|incident| {
        is_recent(incident.evidence.as_ref(), FRESH, facts.observed_at) || !may_ask(incident)
    });
    cleared.rung().is_disruptive() && decide::host_answers(facts, policy) && !asked_lately
}

/// Whether the host may say something else by now, where what it said before is
/// what holds the rung back.
pub fn may_say_otherwise(
    refusal: &Refusal,
    incident: &Incident,
    facts: &Facts,
    policy: &Policy,
) -> bool {
    let of_the_host = |reason: &Reason| {
        matches!(reason, Reason::PersonPresent { .. } | Reason::UnfitForReboot { .. })
    };
    let in_the_way = || refusal.because.iter().filter(|reason| reason.passes());
    incident.found.as_ref().is_some_and(objects)
        // Of whatever else forbids it the host knows nothing.
        && refusal.passes
        && in_the_way().count() > 0
        && in_the_way().all(of_the_host)
        && decide::host_answers(facts, policy)
        && !is_recent(incident.evidence.as_ref(), AGAIN_AFTER, facts.observed_at)
        && may_ask(incident)
}

/// Whether the host's own word speaks against a disruption. Sessions that AWS
/// knows of are no word of the host's.
fn objects(found: &Found) -> bool {
    found.persons.is_some_and(|persons| persons > 0)
        || found.packages_busy == Some(true)
        || found.fstab_ok == Some(false)
}

fn may_ask(incident: &Incident) -> bool {
    incident.gathering.as_ref().is_none_or(|gathering| gathering.count < TIMES_MAX)
}

fn is_recent(evidence: Option<&Diagnostics>, within: SignedDuration, now: Timestamp) -> bool {
    evidence.is_some_and(|diagnostics| now.duration_since(diagnostics.at) < within)
}
