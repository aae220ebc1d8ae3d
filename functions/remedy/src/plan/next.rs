//! The incident as a state machine: from what it is and what there is to see,
//! the one next step. Pure, so that a crash between any two calls is no special
//! case: the next beat sees the same incident and the same world.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::model::action::Action;
use crate::model::diagnostics::{Diagnostics, Location};
use crate::model::ids::CommandId;
use crate::model::incident::{FailedCall, FailureKind, Found, Incident, Rung, Stage};
use crate::model::policy::OptIn;
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::observe::facts::{Fact, Facts, GroupFact};
use crate::observe::host_report::{self, Disk, Failure, HostResult, Status, Verdict};
use crate::observe::probe::{Probe, SymptomState};
use crate::plan::decide;
use crate::ports::look::{Command, Group, Instance, InstanceState};

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
    /// It is over.
    End(Incident, Vec<Reason>),
}

/// How long after the last look the next one comes.
const BEAT: SignedDuration = SignedDuration::from_secs(60);

/// A call whose effect does not show after this long was never made: describe
/// calls lag by seconds, and whoever wrote the intent is dead after the
/// function's 60 seconds.
const EFFECT_SHOWS: SignedDuration = SignedDuration::from_mins(3);

/// EC2 forces a shutdown that is not done "within a few minutes"; 4, older AWS
/// documentation says. A ping later than this after the request comes from
/// after the boot.
const SHUTDOWN_MAX: SignedDuration = SignedDuration::from_mins(4);

/// After a rung the metric may lag this far behind: a 5-minute period, and the
/// delay of its datapoint.
const METRIC_LAGS: SignedDuration = SignedDuration::from_mins(10);

/// The next step of `incident`.
pub fn next(incident: &Incident, scene: &Probe, now: Timestamp, policy: &Policy) -> Step {
    if now >= incident.expires_at {
        let after = now.duration_since(incident.opened_at);
        // Whatever happens, nothing stays in Standby through us.
        if incident.standby.is_some() && incident.stage != Stage::Returning {
            let reason = Reason::OutOfTime { after };
            return Step::Call(Action::ComeBack, incident.clone(), reason);
        }
        // On its way back its own deadline holds, whose end tells of Standby.
        if incident.standby.is_none() {
            return end(incident, Stage::Expired, now, vec![Reason::OutOfTime { after }]);
        }
    }
    if let Some(step) = refused(incident, scene, now) {
        return step;
    }
    match (incident.stage, scene) {
        (Stage::Waiting, Probe::Symptom(symptom_state)) => {
            waiting(incident, symptom_state, now, policy)
        }
        (Stage::Cleaning, Probe::Command { command_id, command }) => {
            cleaning(incident, command_id.as_ref(), command, now, policy)
        }
        (Stage::Gathering, Probe::Command { command_id, command }) => {
            gathering(incident, command_id.as_ref(), command, now, policy)
        }
        (Stage::Gathering, Probe::Symptom(_)) => {
            Step::Climb(incident.clone(), told_by_host(incident))
        }
        (Stage::Draining, Probe::Instance(facts)) => draining(incident, facts, now),
        (Stage::Rebooting, Probe::Instance(facts)) => rebooting(incident, facts, now),
        (Stage::Returning, Probe::Instance(facts)) => returning(incident, facts, now),
        (Stage::Replacing, Probe::Instance(facts)) => replacing(incident, facts, now),
        (Stage::Watching, Probe::Symptom(symptom_state)) => {
            watching(incident, symptom_state, now, policy)
        }
        (Stage::Watching, Probe::Instance(facts)) => substitute(incident, facts, now, policy),
        _ => wait(incident, now),
    }
}

/// The step, as long as it is still allowed. A tag that was removed since the
/// rung was begun takes back what is not yet carried out, and a group that is
/// no longer free to be changed is not asked again; only coming back into
/// service is done all the same, for that ends what we began.
pub fn while_allowed(step: Step, facts: &Facts, now: Timestamp) -> Step {
    let Step::Call(action, incident, reason) = step else { return step };
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
    let lifecycle = lifecycle(facts);
    let in_service = matches!(lifecycle, Fact::Known(Some("InService")));
    // Who is known to be on the way out already is not held up half-way.
    let may_be_in_service = in_service || matches!(lifecycle, Fact::Unknown(_));
    let again = match action {
        Action::LeaveService(_) if may_be_in_service => decide::still_movable(Rung::Reboot, facts),
        Action::Replace if may_be_in_service => decide::still_movable(Rung::Replace, facts),
        _ => Ok(None),
    };
    match (because, again) {
        (None, Ok(None)) => Step::Call(action, incident, reason),
        (None, Ok(Some(_))) => wait(&incident, now),
        (None, Err(because)) => Step::Climb(Incident { standby: None, ..incident }, because),
        (Some(because), _) if incident.standby.is_some() && !in_service => {
            let failed = FailedCall { kind: FailureKind::NotPermitted, why: because.to_string() };
            Step::Call(Action::ComeBack, failing(incident, failed), because)
        }
        (Some(because), _) => {
            let incident = Incident { standby: None, ..incident };
            end(&incident, Stage::HandedOver, now, vec![because])
        }
    }
}

/// The step, unless it is to wait for an instance that is gone: no datapoint
/// will ever tell that its symptom is over, and another incident about it may be
/// in the queue.
pub fn while_there(step: Step, instance: Option<&Instance>, now: Timestamp) -> Step {
    let Step::Wait(incident) = step else { return step };
    let state = match instance.map(|instance| &instance.state) {
        Some(InstanceState::Running) => return Step::Wait(incident),
        Some(InstanceState::Not(state)) => state.clone(),
        None => "no longer there".to_owned(),
    };
    end(&incident, Stage::Withdrawn, now, vec![Reason::Gone { state }])
}

fn wait(incident: &Incident, now: Timestamp) -> Step {
    Step::Wait(incident.waiting_until(now + BEAT))
}

fn end(incident: &Incident, stage: Stage, now: Timestamp, because: Vec<Reason>) -> Step {
    Step::End(incident.moved_to(stage, now), because)
}

fn overdue(incident: &Incident, now: Timestamp) -> bool {
    incident.in_stage_for(now) >= incident.stage.deadline()
}

/// What waits is tried again each time, while something shows that the symptom
/// is there. Where nothing does, the alarm's own word counts while it is fresh.
fn waiting(
    incident: &Incident,
    symptom_state: &SymptomState,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    // Unless it was gone when it was last seen, or is an old story by now.
    let fresh = incident.quiet_since.is_none()
        && now.duration_since(incident.seen.changed_at) <= policy.stale_after;
    let reason = match symptom_state {
        SymptomState::Cleared => return watched(incident, symptom_state, now, policy),
        SymptomState::Present { what } => Reason::StillThere { what: what.clone() },
        SymptomState::Unknown(gap) if fresh => Reason::FactUnknown(gap.clone()),
        SymptomState::Unobserved { why, .. } | SymptomState::Conflicting { what: why } if fresh => {
            Reason::Unverified { why: why.clone() }
        }
        // A call that failed may answer the next time.
        SymptomState::Unknown(_) => return wait(incident, now),
        SymptomState::Conflicting { .. } => return still_present(incident, now),
        // After it was gone a slow metric has no newer datapoint for minutes.
        SymptomState::Unobserved { why, .. } => {
            let since = incident.quiet_since.unwrap_or(incident.stage_since);
            return unobserved(incident, since, why, now);
        }
    };
    Step::Climb(with_quiet_reset(incident), reason)
}

/// Nothing tells whether the symptom is there. It is waited for as long as
/// after a rung, and then a person's.
fn unobserved(incident: &Incident, since: Timestamp, why: &str, now: Timestamp) -> Step {
    if now.duration_since(since) < Stage::Watching.deadline() {
        return wait(incident, now);
    }
    end(incident, Stage::HandedOver, now, vec![Reason::Unverified { why: why.to_owned() }])
}

/// Where a call leads that AWS did not carry out.
fn refused(incident: &Incident, scene: &Probe, now: Timestamp) -> Option<Step> {
    let refused = incident.attempts.last()?.refused.as_ref()?;
    let action = match (incident.stage, incident.standby) {
        (Stage::Cleaning, _) => Action::Clean,
        (Stage::Draining, Some(standby)) => Action::LeaveService(standby),
        (Stage::Rebooting, _) => Action::Reboot,
        (Stage::Returning, _) => Action::ComeBack,
        (Stage::Replacing, _) => Action::Replace,
        _ => return None,
    };
    let reason = Reason::Refused { why: refused.why.clone() };
    let mut incident = incident.clone();
    match (action, refused.kind) {
        (_, FailureKind::Throttled) if !overdue(&incident, now) => {
            Some(Step::Call(action, incident, Reason::NeverAsked))
        }
        // What the world shows decides: it may be back already.
        (Action::ComeBack, _) => None,
        // Or leaving already, asked for by a call whose answer was lost.
        (Action::LeaveService(_), _) if may_be_leaving(scene) => None,
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

/// The incident, with its rung known to have failed.
fn failing(mut incident: Incident, failed: FailedCall) -> Incident {
    if let Some(attempt) = incident.attempts.last_mut() {
        attempt.failed = Some(failed);
    }
    incident
}

fn cleaning(
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
        Fact::Known(Some(command)) if command.ended => {
            let said = host_report::parse(
                &command.stdout,
                &command.stderr,
                command.exit_code,
                &command.status,
            );
            cleaned(incident, said, now, policy)
        }
        _ if overdue(&incident, now) => {
            let why = late("gave no result in time", command);
            diagnostics(
                &mut incident,
                Location::Missing { why: format!("the host's script {why}") },
            );
            Step::Climb(incident, Reason::CleanupFailed { why })
        }
        // The script looks before it acts and takes a lock, so sending it a
        // second time is safe; a reboot would not be.
        Fact::Known(None) if command_id.is_none() && incident.in_stage_for(now) >= EFFECT_SHOWS => {
            Step::Call(Action::Clean, incident, Reason::NeverAsked)
        }
        _ => wait(&incident, now),
    }
}

/// That a command's time is over; and why it is not known how it goes, if it is not.
fn late(what: &str, command: &Fact<Option<Command>>) -> String {
    match command {
        Fact::Unknown(gap) => format!("{what}: {gap}"),
        Fact::Known(_) => what.to_owned(),
    }
}

/// What the script's own words lead to.
fn cleaned(mut incident: Incident, verdict: Verdict, now: Timestamp, policy: &Policy) -> Step {
    let said = match verdict {
        Verdict::Said(said) => said,
        Verdict::Failed(failure) => {
            // A host whose script fails is not asked a second time.
            diagnostics(
                &mut incident,
                Location::Missing { why: format!("the host's script {failure}") },
            );
            let why = failure.to_string();
            let reason = Reason::CleanupFailed { why };
            return match failure {
                // A person is at it, or we are wrong in a way that repeats.
                Failure::Cancelled | Failure::BadParameter { .. } => {
                    end(&incident, Stage::HandedOver, now, vec![reason])
                }
                _ => Step::Climb(incident, reason),
            };
        }
    };
    incident.found = found(&said);
    let command_id = incident.attempts.last().and_then(|attempt| attempt.command_id.clone());
    if let Some(kept) = kept(&incident, command_id, &said, policy) {
        diagnostics(&mut incident, kept);
    }
    let why = said.reason.to_string();
    match said.status {
        // Another run holds the lock: what it does is watched all the same.
        Status::Ok | Status::Skipped => {
            let moved = incident.moved_to(Stage::Watching, now);
            Step::Move(moved, Reason::CleanupOk { why })
        }
        Status::Insufficient => {
            let why = insufficient(&said);
            Step::Climb(incident, Reason::CleanupInsufficient { why })
        }
        Status::Refused => Step::Climb(incident, Reason::CleanupInsufficient { why }),
        Status::Report | Status::Failed | Status::Error => {
            let why = format!("failed: {why}");
            Step::Climb(incident, Reason::CleanupFailed { why })
        }
    }
}

/// Where the evidence is that was asked for with the last attempt.
fn diagnostics(incident: &mut Incident, kept: Location) {
    let at = incident.attempts.last().map_or(incident.stage_since, |last| last.claimed_at);
    incident.evidence = Some(Diagnostics { at, kept });
}

/// What a person, or a guard, must know of the host before it is disrupted.
fn found(said: &HostResult) -> Option<Found> {
    said.preflight.as_ref().map(|preflight| Found {
        persons: preflight.persons,
        packages_busy: preflight.packages_busy,
        fstab_ok: preflight.fstab_ok,
        reboot_frees: said.disk.as_ref().map(reboot_frees),
        boot_id: Some(preflight.boot_id.to_string()).filter(|id| !id.is_empty()),
    })
}

/// Besides the script's own time: to be delivered, and to be seen.
const ON_THE_WAY: SignedDuration = SignedDuration::from_mins(2);

/// Who wrote the intent to ask is dead after the function's 60 seconds, and a
/// command is shown within seconds. To ask twice harms nobody: it only reads.
const ASKED_SHOWS: SignedDuration = SignedDuration::from_secs(60);

/// How the question to the host goes. Whatever becomes of it, the rung that is
/// due is tried then: evidence is never a condition.
fn gathering(
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
            Location::Missing { why: asked.refused.unwrap_or_default() }
        }
        Fact::Known(Some(command)) if command.ended => {
            let said = host_report::parse(
                &command.stdout,
                &command.stderr,
                command.exit_code,
                &command.status,
            );
            let booted = match &said {
                Verdict::Said(said) => found(said).and_then(|found| found.boot_id),
                Verdict::Failed(_) => None,
            };
            not_rebooted = booted.is_some() && booted == booted_before;
            gathered(&mut incident, said, policy)
        }
        _ if now.duration_since(asked.asked_at) >= policy.gathering_takes + ON_THE_WAY => {
            Location::Missing { why: late("the host gave no answer in time", command) }
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

/// The boot that the host spoke from before the reboot that was tried last.
fn boot_before_reboot(incident: &Incident) -> Option<String> {
    let last = incident.attempts.last().filter(|last| last.rung == Rung::Reboot)?;
    let spoke_at = incident.evidence.as_ref()?.at;
    let found = incident.found.as_ref().filter(|_| spoke_at < last.claimed_at)?;
    found.boot_id.clone()
}

/// What the host found goes into the incident; where its evidence is comes back.
fn gathered(incident: &mut Incident, verdict: Verdict, policy: &Policy) -> Location {
    let said = match verdict {
        Verdict::Said(said) => said,
        Verdict::Failed(failure) => {
            return Location::Missing { why: format!("the host's script {failure}") };
        }
    };
    incident.found = found(&said).or(incident.found.take());
    let command_id = incident.gathering.as_ref().and_then(|asked| asked.command_id.clone());
    kept(incident, command_id, &said, policy).unwrap_or_else(|| Location::Missing {
        why: format!("the host kept none: {}", said.reason),
    })
}

/// The reason that tells where the evidence is.
fn told_by_host(incident: &Incident) -> Reason {
    match incident.evidence.as_ref().map(|diagnostics| diagnostics.kept.clone()) {
        Some(Location::InBucket { uri } | Location::Console { uri }) => {
            Reason::EvidenceKept { uri }
        }
        Some(Location::InLog) => Reason::EvidenceKept { uri: "the log".to_owned() },
        Some(Location::InOutput { command_id }) => Reason::EvidenceInOutput { command_id },
        Some(Location::Missing { why }) => Reason::EvidenceMissing { why },
        None => Reason::EvidenceMissing { why: "nobody asked".to_owned() },
    }
}

/// Where the script's evidence is off the host, if it is.
fn kept(
    incident: &Incident,
    command_id: Option<CommandId>,
    said: &HostResult,
    policy: &Policy,
) -> Option<Location> {
    let evidence = said.evidence.as_ref()?;
    if evidence.uploaded == Some(true) {
        let destination = incident.destination(policy.evidence_bucket.as_ref())?;
        return Some(Location::InBucket { uri: destination.to_string() });
    }
    command_id.filter(|_| evidence.printed).map(|command_id| Location::InOutput { command_id })
}

/// Whether most of what fills the disk goes with a reboot: the largest file is
/// below `/tmp`, or deleted files that are still open hold more than it.
fn reboot_frees(disk: &Disk) -> bool {
    match disk.top.first() {
        Some((bytes, path)) => {
            path.as_str().starts_with("/tmp/") || disk.deleted_open_bytes > *bytes
        }
        None => disk.deleted_open_bytes > 0,
    }
}

/// The reason, and for a disk what fills it: what a person asks first.
fn insufficient(said: &HostResult) -> String {
    let mut why = said.reason.to_string();
    if let Some((bytes, path)) = said.disk.as_ref().and_then(|disk| disk.top.first()) {
        // Writing to a String cannot fail.
        let _ = write!(why, "; the largest file is {path} with {} MB", bytes / 1_000_000);
    }
    why
}

/// The member's lifecycle state, `None` outside a group, or that it is unknown.
fn lifecycle(facts: &Facts) -> Fact<Option<&str>> {
    match &facts.membership {
        Fact::Known(membership) => Fact::Known(membership.as_ref().map(|m| m.lifecycle.as_str())),
        Fact::Unknown(gap) => Fact::Unknown(gap.clone()),
    }
}

fn may_be_leaving(scene: &Probe) -> bool {
    let Probe::Instance(facts) = scene else { return false };
    matches!(lifecycle(facts), Fact::Known(Some("EnteringStandby" | "Standby")) | Fact::Unknown(_))
}

/// Its load balancer lets connections end first, for as long as the target
/// group's deregistration delay says: at most an hour (Elastic Load Balancing user
/// guides). A call to bring it back is refused until it is out.
const DRAINING_MAX: SignedDuration = SignedDuration::from_mins(65);

fn may_drain(incident: &Incident, now: Timestamp) -> bool {
    let asked_at = incident.attempts.last().map_or(incident.stage_since, |last| last.claimed_at);
    now.duration_since(asked_at) < DRAINING_MAX
}

fn draining(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let out = incident.clone();
    let after = incident.in_stage_for(now);
    match lifecycle(facts) {
        Fact::Known(Some("Standby")) => Step::Call(Action::Reboot, out, Reason::LeftService),
        // Whoever may still be draining is not given up for a call that failed.
        Fact::Unknown(_) | Fact::Known(Some("EnteringStandby")) if may_drain(incident, now) => {
            wait(incident, now)
        }
        _ if overdue(incident, now) => {
            let why = "it did not leave service";
            let failed = FailedCall { kind: FailureKind::InstanceState, why: why.to_owned() };
            let reason = Reason::NotBack { after, why };
            Step::Call(Action::ComeBack, failing(out, failed), reason)
        }
        Fact::Known(Some("InService")) if after >= EFFECT_SHOWS => match incident.standby {
            Some(standby) => Step::Call(Action::LeaveService(standby), out, Reason::NeverAsked),
            None => wait(incident, now),
        },
        Fact::Known(Some("InService" | "EnteringStandby")) | Fact::Unknown(_) => {
            wait(incident, now)
        }
        Fact::Known(other) => left_our_hands(out, other, now),
    }
}

/// The group took the instance out of our hands.
fn left_our_hands(mut incident: Incident, lifecycle: Option<&str>, now: Timestamp) -> Step {
    incident.standby = None;
    let state = lifecycle.unwrap_or("out of its group").to_owned();
    end(&incident, Stage::HandedOver, now, vec![Reason::Gone { state }])
}

fn rebooting(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let after = incident.in_stage_for(now);
    if let Fact::Known(Some(instance)) = &facts.instance
        && let InstanceState::Not(state) = &instance.state
    {
        return left_our_hands(incident.clone(), Some(state.as_str()), now);
    }
    match not_back(incident, facts) {
        None if incident.standby.is_some() => {
            Step::Call(Action::ComeBack, incident.clone(), Reason::UpAgain)
        }
        None => Step::Move(incident.moved_to(Stage::Watching, now), Reason::UpAgain),
        // A person has heard of it, and it keeps its place for as long as it is out. An
        // agent that stays silent does not keep it out.
        Some(_) if incident.stays_out => match &facts.status {
            Fact::Known(Some(status)) if status.pass() => {
                Step::Move(incident.moved_to(Stage::Watching, now), Reason::UpAgain)
            }
            _ => wait(incident, now),
        },
        Some(why) if overdue(incident, now) => {
            let reason = Reason::NotBack { after, why };
            if incident.standby.is_none() {
                return Step::Climb(incident.clone(), reason);
            }
            let failed = FailedCall { kind: FailureKind::InstanceState, why: reason.to_string() };
            Step::Call(Action::ComeBack, failing(incident.clone(), failed), reason)
        }
        Some(_) => wait(incident, now),
    }
}

/// Why the instance is not known to be up again after the reboot.
fn not_back(incident: &Incident, facts: &Facts) -> Option<&'static str> {
    let booted_by = incident.stage_since + SHUTDOWN_MAX;
    if facts.observed_at < booted_by {
        return Some("it may not have gone down yet");
    }
    match &facts.status {
        Fact::Known(Some(status)) if !status.pass() => return Some("its status checks fail"),
        // Its group would replace it the moment it is back in service.
        Fact::Known(Some(status))
            if status.application_impaired == Some(true) && incident.group.is_some() =>
        {
            return Some("its application status check fails");
        }
        Fact::Known(Some(_)) => {}
        Fact::Known(None) => return Some("its status checks fail"),
        Fact::Unknown(_) => return Some("its status is unknown"),
    }
    match &facts.agent {
        // An instance that never had an agent has nothing else to answer with.
        Fact::Known(None) => None,
        Fact::Known(Some(agent)) if agent.last_ping.is_some_and(|ping| ping >= booted_by) => None,
        Fact::Known(Some(_)) => Some("its SSM agent does not answer"),
        Fact::Unknown(_) => Some("whether its SSM agent answers is unknown"),
    }
}

fn returning(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    match lifecycle(facts) {
        Fact::Known(Some("InService")) => {
            let back = Incident { standby: None, ..incident.clone() };
            let failed = back.attempts.last().and_then(|attempt| attempt.failed.clone());
            match failed {
                None => Step::Move(back.moved_to(Stage::Watching, now), Reason::BackInService),
                Some(FailedCall { kind: FailureKind::NotPermitted, why }) => {
                    end(&back, Stage::HandedOver, now, vec![Reason::Refused { why }])
                }
                Some(FailedCall { why, .. }) => Step::Climb(back, Reason::RebootFailed { why }),
            }
        }
        // Its way back begins when it is out.
        Fact::Known(Some("EnteringStandby")) if may_drain(incident, now) => {
            let waiting = incident.waiting_until(now + BEAT);
            Step::Wait(Incident { stage_since: now, ..waiting })
        }
        _ if overdue(incident, now) => {
            let after = incident.in_stage_for(now);
            let why = "its group did not take it back; it may still be in Standby";
            let mut because = vec![Reason::NotBack { after, why }];
            let refused = incident.attempts.last().and_then(|attempt| attempt.refused.clone());
            because.extend(refused.map(|refused| Reason::Refused { why: refused.why }));
            end(incident, Stage::HandedOver, now, because)
        }
        // Asking again is safe: an instance that is back is refused.
        Fact::Known(Some("Standby")) | Fact::Unknown(_)
            if incident.in_stage_for(now) >= EFFECT_SHOWS =>
        {
            Step::Call(Action::ComeBack, incident.clone(), Reason::NeverAsked)
        }
        Fact::Known(Some("Standby" | "EnteringStandby")) | Fact::Unknown(_) => wait(incident, now),
        Fact::Known(Some(state)) if state.starts_with("Pending") => wait(incident, now),
        Fact::Known(other) => left_our_hands(incident.clone(), other, now),
    }
}

fn replacing(incident: &Incident, facts: &Facts, now: Timestamp) -> Step {
    let after = incident.in_stage_for(now);
    let left = match &facts.membership {
        Fact::Known(None) => true,
        Fact::Known(Some(member)) => member.lifecycle.starts_with("Terminat"),
        Fact::Unknown(_) => false,
    };
    if left && has_healthy_capacity(facts) {
        return Step::Move(incident.moved_to(Stage::Watching, now), Reason::Substituted);
    }
    if overdue(incident, now) {
        return end(incident, Stage::HandedOver, now, vec![Reason::NotSubstituted { after }]);
    }
    match &facts.membership {
        // The mark never arrived. Setting it twice replaces once.
        Fact::Known(Some(member))
            if member.lifecycle == "InService" && member.healthy && after >= EFFECT_SHOWS =>
        {
            Step::Call(Action::Replace, incident.clone(), Reason::NeverAsked)
        }
        _ => wait(incident, now),
    }
}

fn group(facts: &Facts) -> Option<&Group> {
    match &facts.group {
        GroupFact::Read { group: Fact::Known(group), .. } => group.as_ref(),
        _ => None,
    }
}

fn has_healthy_capacity(facts: &Facts) -> bool {
    group(facts).is_some_and(|group| group.healthy_in_service >= group.desired)
}

/// The substitute is watched through its group: it must stay healthy.
fn substitute(incident: &Incident, facts: &Facts, now: Timestamp, policy: &Policy) -> Step {
    let symptom_state = match group(facts) {
        Some(_) if has_healthy_capacity(facts) => SymptomState::Cleared,
        Some(group) => SymptomState::Present {
            what: format!("{} of {} are healthy", group.healthy_in_service, group.desired),
        },
        None => {
            let why = "the group cannot be read".to_owned();
            SymptomState::Unobserved { why, alarm_stands: true }
        }
    };
    watched(incident, &symptom_state, now, policy)
}

fn watching(
    incident: &Incident,
    symptom_state: &SymptomState,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let host_says_so = matches!(incident.rung(), Some(Rung::Cleanup));
    if incident.seen.series.is_none() && host_says_so {
        // A request names no metric. The script looked again after it acted,
        // and its word is the second source there is.
        return watched(incident, &SymptomState::Cleared, now, policy);
    }
    watched(incident, symptom_state, now, policy)
}

fn watched(
    incident: &Incident,
    symptom_state: &SymptomState,
    now: Timestamp,
    policy: &Policy,
) -> Step {
    let after = incident.in_stage_for(now);
    match symptom_state {
        SymptomState::Cleared => {
            let since = incident.quiet_since.unwrap_or(now);
            let for_the_last = now.duration_since(since);
            if for_the_last >= policy.quiet_for {
                let reason = Reason::StayedGone { for_the_last };
                return end(incident, Stage::Resolved, now, vec![reason]);
            }
            let mut quiet = incident.waiting_until(now + BEAT);
            quiet.quiet_since = Some(since);
            Step::Wait(quiet)
        }
        SymptomState::Present { what } if after >= METRIC_LAGS => {
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
        SymptomState::Conflicting { what } => {
            unobserved(&with_quiet_reset(incident), incident.stage_since, what, now)
        }
        SymptomState::Unobserved { why, .. } => {
            unobserved(incident, incident.stage_since, why, now)
        }
        SymptomState::Unknown(gap) => {
            unobserved(incident, incident.stage_since, &gap.to_string(), now)
        }
    }
}

fn with_quiet_reset(incident: &Incident) -> Incident {
    Incident { quiet_since: None, ..incident.clone() }
}

fn still_present(incident: &Incident, now: Timestamp) -> Step {
    Step::Wait(with_quiet_reset(incident).waiting_until(now + BEAT))
}
