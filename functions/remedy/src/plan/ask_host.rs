//! Evidence before a disruption: whether the host is asked first what it knows,
//! and whether it is asked again while its own word is in the way. Pure: what is
//! asked is sent like any other action.

use jiff::{SignedDuration, Timestamp};

use crate::model::action::Action;
use crate::model::alarm::Symptom;
use crate::model::diagnostics::Diagnostics;
use crate::model::diagnostics::Location;
use crate::model::host_text::HostText;
use crate::model::ids::CommandId;
use crate::model::incident::Attempt;
use crate::model::incident::FailedCall;
use crate::model::incident::FailureKind;
use crate::model::incident::Incident;
use crate::model::policy::Policy;
use crate::model::preflight::Preflight;
use crate::model::reason::Reason;
use crate::model::testimony::{Testimony, Word};
use crate::observe::facts::Fact;
use crate::observe::facts::Facts;
use crate::observe::host_report;
use crate::observe::host_report::{Failure, Verdict};
use crate::plan::guard::{Cleared, Refusal};
use crate::plan::host_said::boot_before_reboot;
use crate::plan::host_said::gathered;
use crate::plan::host_said::late;
use crate::plan::host_said::told_by_host;
use crate::plan::rung::cleanup;
use crate::plan::step::Step;
use crate::plan::step::failing;
use crate::plan::step::wait;
use crate::ports::look::Command;

/// A host's answer counts for so long: after that, what stood in the way then may be gone.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// How often a host is asked again while its own answer holds a rung back.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// A host is asked so often in one incident at most: every 5 minutes for 2 hours. After
/// that its last answer counts.
const TIMES_MAX: u32 = 24;

/// Whether the host is asked what it knows, before the cleared rung is begun. A rung never
/// depends on the answer: a host that cannot answer is not asked, and one that did not
/// answer is left alone for a while.
pub fn comes_first(
    symptom: Symptom,
    cleared: &Cleared,
    incident: Option<&Incident>,
    facts: &Facts,
    policy: &Policy,
) -> bool {
    let asked_lately = incident.is_some_and(|incident| {
        let is_kept = !is_only_printed(incident, policy);
        let is_recent = is_recent(incident.evidence.as_ref(), FRESH, facts.observed_at);
        (is_recent && is_kept) || !may_ask(incident)
    });
    let answers = cleanup::host_answers(symptom, facts, policy);
    cleared.rung().is_disruptive() && answers && !asked_lately
}

/// Whether the host had nowhere to send its evidence, because its command was for others too:
/// before it is disrupted it is asked for all of it.
fn is_only_printed(incident: &Incident, policy: &Policy) -> bool {
    let kept = incident.evidence.as_ref().map(|diagnostics| &diagnostics.kept);
    let shared = |attempt: &Attempt| attempt.shared_comment.is_some();
    matches!(kept, Some(Location::InOutput { .. }))
        && policy.evidence_bucket.is_some()
        && incident.gathering.is_none()
        && incident.attempts.iter().any(shared)
}

/// Whether the host may say something else by now, where what it said before is
/// what holds the rung back.
pub fn may_say_otherwise(
    refusal: &Refusal,
    incident: &Incident,
    facts: &Facts,
    policy: &Policy,
) -> bool {
    let of_the_host = |reason: &Reason| reason.row().of_the_host;
    let in_the_way = || refusal.because.iter().filter(|reason| reason.passes());
    (incident.preflight.as_ref().is_some_and(objects) || host_objects(incident))
        // Of whatever else forbids it the host knows nothing.
        && refusal.passes
        && in_the_way().count() > 0
        && in_the_way().all(of_the_host)
        && cleanup::host_answers(incident.symptom, facts, policy)
        && !is_recent(incident.evidence.as_ref(), AGAIN_AFTER, facts.observed_at)
        && may_ask(incident)
}

/// Whether the host's own word speaks against a disruption, or leaves open what would.
/// Sessions that AWS knows of are no word of the host's.
fn objects(preflight: &Preflight) -> bool {
    preflight.persons != Some(0)
        || preflight.packages_busy != Some(false)
        || preflight.fstab_ok != Some(true)
}

/// Whether the host spoke against a disruption when it was asked last.
fn host_objects(incident: &Incident) -> bool {
    incident.testimony.as_ref().is_some_and(|testimony| testimony.objection().is_some())
}

fn may_ask(incident: &Incident) -> bool {
    incident.gathering.as_ref().is_none_or(|gathering| gathering.count < TIMES_MAX)
}

fn is_recent(evidence: Option<&Diagnostics>, within: SignedDuration, now: Timestamp) -> bool {
    evidence.is_some_and(|diagnostics| now.duration_since(diagnostics.at) < within)
}

/// Besides the script's own time: to be delivered, and to be seen.
pub(crate) const ON_THE_WAY: SignedDuration = SignedDuration::from_mins(2);

/// After this a question that does not show was never sent: a function lives for 60
/// seconds, and a command shows within seconds. To ask twice does no harm: it only reads.
pub(crate) const ASKED_SHOWS: SignedDuration = SignedDuration::from_secs(60);

/// What is known of a host that can speak and was not heard, because a call of ours failed:
/// that is doubt, and not a host that cannot speak.
fn unheard(why: &str, now: Timestamp) -> Testimony {
    let why = format!("what it says is not known: {why}");
    Testimony { at: now, since: None, word: Word::Unsure, why }
}

/// What is known of a host whose question came to nothing by a person's doing or by ours: it has
/// not spoken. A script that cannot run there tells of the host.
fn no_word(said: &Verdict, now: Timestamp) -> Option<Testimony> {
    let Verdict::Failed(failure) = said else { return None };
    let no_word = match failure {
        Failure::Cancelled | Failure::BadParameter { .. } => true,
        Failure::CannotStart
        | Failure::NotDelivered { .. }
        | Failure::NoAnswer
        | Failure::RanTooLong
        | Failure::CannotWork { .. }
        | Failure::Crashed { .. }
        | Failure::Unreadable { .. } => false,
    };
    no_word.then(|| unheard(&failure.to_string(), now))
}

/// The boot that the host runs, if it told.
fn boot(said: &Verdict) -> Option<HostText> {
    match said {
        Verdict::Said(said) => said.preflight.as_ref()?.boot_id.clone(),
        Verdict::Failed(_) => None,
    }
}

/// How the question to the host goes. Whatever becomes of it, the rung that is
/// due is decided anew then: evidence is never a condition, and what the host says is.
pub(crate) fn gathering(
    incident: &Incident,
    command_id: Option<&CommandId>,
    command: &Fact<Option<Command>>,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let mut incident = incident.clone();
    let Some(asked) = &mut incident.gathering else {
        return Step::Climb(incident, Reason::EvidenceMissing { why: "nobody asked".to_owned() });
    };
    asked.command_id = command_id.cloned();
    let asked = asked.clone();
    let booted_before = boot_before_reboot(&incident);
    let mut not_rebooted = false;
    let kept = match command {
        _ if asked.refused.is_some() => {
            let why = asked.refused.unwrap_or_default();
            // What it said before stands. Of one that was never heard nothing is known.
            incident.testimony.get_or_insert_with(|| unheard(&why, now).after(None));
            Location::Missing { why }
        }
        Fact::Known(Some(command)) if command.ended => {
            let said = host_report::parse(
                &command.stdout,
                &command.stderr,
                command.exit_code,
                &command.status,
            );
            let booted = boot(&said);
            not_rebooted = booted.is_some() && booted == booted_before;
            let unheard = no_word(&said, now).map(|word| word.after(incident.testimony.as_ref()));
            incident.testimony = unheard.or(incident.testimony);
            let found = host_report::preflight(&command.stdout);
            incident.preflight = found.or(incident.preflight);
            gathered(&mut incident, said, now, policy)
        }
        _ if now.duration_since(asked.asked_at) >= policy.gathering_takes + ON_THE_WAY => {
            let what = "the host gave no answer in time; its script may have run";
            let why = late(what, command);
            if let Fact::Unknown(_) = command {
                // It may have answered, and nobody could read that.
                let unheard = unheard(&why, now).after(incident.testimony.as_ref());
                incident.testimony = Some(unheard);
            }
            Location::Missing { why }
        }
        Fact::Known(None)
            if command_id.is_none()
                && !asked.asked_again
                && now.duration_since(asked.asked_at) >= ASKED_SHOWS =>
        {
            return Step::Call(Action::Gather, incident, Reason::NeverAsked);
        }
        _ => return wait(&incident, now),
    };
    incident.evidence = Some(Diagnostics { at: asked.asked_at, kept });
    if not_rebooted {
        // The call was lost: nothing else could tell that from a reboot.
        let why = "the host still runs the boot it ran before".to_owned();
        let failed = FailedCall { kind: FailureKind::InstanceState, why: why.clone() };
        return Step::Climb(failing(incident, failed), Reason::RebootFailed { why });
    }
    let reason = told_by_host(&incident);
    Step::Climb(incident, reason)
}
