//! Remedy itself: whether it may act, beats, reads its ledger and is watched.

use jiff::SignedDuration;

use super::alarms::Watched;
use super::code::Code;
use super::finding::Diagnosis;
use super::fleet::Fleet;
use crate::model::alarm::{AlarmState, Symptom};
use crate::model::diagnostics::Location;
use crate::model::incident::Incident;
use crate::model::pause::Scope;
use crate::model::policy::{Mode, OptIn, Policy};
use crate::observe::facts::Fact;
use crate::ports::look::InstanceState;
use crate::ports::look_at_all::{AlarmDefinition, WatchedMetric};

/// A heartbeat comes every minute, and its metric a minute or two later.
const HEARTBEAT_LATE: SignedDuration = SignedDuration::from_mins(10);

/// The next beat takes what is due; a call that fails is made again by the one after.
const DUE_LATE: SignedDuration = SignedDuration::from_mins(15);

/// Whoever pauses for longer looks after it again.
const PAUSE_LONG: SignedDuration = SignedDuration::from_hours(24);

/// Systems Manager's quota of managed nodes (AWS General Reference, "Systems Manager endpoints
/// and quotas").
const MANAGED_NODES_MAX: usize = 2_400;

/// What a query that groups sees, and how many in trouble its alarm names (`CloudWatch` user
/// guide, "`CloudWatch` Metrics Insights service quotas" and "Alarms on Metrics Insights
/// queries").
const SERIES_MAX: usize = 500;
const CONTRIBUTORS_MAX: usize = 100;

/// Looks at the deployment.
pub(super) fn check(fleet: &Fleet, policy: &Policy, watched: &Watched, diagnosis: &mut Diagnosis) {
    if policy.mode == Mode::Observe {
        diagnosis.find(Code::ModeObserve, "Mode", "REMEDY_MODE is observe", &[]);
    }
    if policy.evidence_bucket.is_none() {
        diagnosis.find(Code::NoEvidenceBucket, "EvidenceBucket", "none is set", &[]);
    }
    if policy.units.is_empty()
        && watched.symptoms.contains(&Symptom::ServiceDown)
        && names_one(fleet)
    {
        diagnosis.find(Code::NoUnits, "Units", "REMEDY_UNITS is empty", &[]);
    }
    its_role(fleet, diagnosis);
    beats(fleet, diagnosis);
    incidents(fleet, policy, diagnosis);
    pauses(fleet, diagnosis);
    its_alarms(fleet, diagnosis);
    limits(fleet, watched, diagnosis);
    if let Some(ahead) = diagnosis.known("the clock", &fleet.account.clock_ahead)
        && ahead.abs() > policy.clock_skew
    {
        let seen = format!("AWS's clock is {} seconds ahead", ahead.as_secs());
        diagnosis.find(Code::ClockOff, "this machine", seen, &[]);
    }
}

/// Whether an alarm of somebody's own is about a service: the fleet alarm is there anyway.
fn names_one(fleet: &Fleet) -> bool {
    let Fact::Known(alarms) = &fleet.alarms else { return false };
    let counts = |metric: &WatchedMetric| match metric {
        WatchedMetric::Metric { name, .. } => name.starts_with("procstat_lookup"),
        WatchedMetric::Expression { .. } => false,
    };
    alarms.iter().any(|alarm| alarm.metrics.iter().any(counts))
}

fn its_role(fleet: &Fleet, diagnosis: &mut Diagnosis) {
    if let Some(missing) = diagnosis.known("SSM documents", &fleet.account.missing_documents) {
        for document in missing {
            let names = [("document", document.as_str())];
            let seen = "Systems Manager shows no such document";
            diagnosis.find(Code::DocumentMissing, document, seen, &names);
        }
    }
    let account = &fleet.account;
    for (what, denied) in [
        ("the role's permissions", &account.denied),
        ("what the role may do to instances", &account.dry_runs),
    ] {
        for (action, role) in diagnosis.known(what, denied).into_iter().flatten() {
            let seen = format!("IAM says that {role} may not do it");
            diagnosis.find(Code::PermissionMissing, action, seen, &[("role", role)]);
        }
    }
}

fn beats(fleet: &Fleet, diagnosis: &mut Diagnosis) {
    let Some(last) = diagnosis.known("heartbeats", &fleet.heartbeat) else { return };
    let late = last.is_none_or(|last| fleet.at.duration_since(last) > HEARTBEAT_LATE);
    if late {
        let seen = last.map_or_else(
            || "none within a day".to_owned(),
            |last| format!("the last one was counted at {last:.0}"),
        );
        let function = fleet.own.function.as_deref().unwrap_or("FOLLOW_UP");
        diagnosis.find(Code::HeartbeatMissing, "follow-up", seen, &[("function", function)]);
    }
}

fn incidents(fleet: &Fleet, policy: &Policy, diagnosis: &mut Diagnosis) {
    let Some(open) = diagnosis.known("open incidents", &fleet.open) else { return };
    for failed in &open.unreadable {
        diagnosis.find(Code::IncidentUnreadable, "the ledger", failed.to_string(), &[]);
    }
    for incident in &open.incidents {
        let about = incident.id.as_str();
        let names = [("instance", incident.instance_id.as_str())];
        if fleet.at.duration_since(incident.due_at) > DUE_LATE {
            let seen = format!("due since {:.0}, and {}", incident.due_at, incident.stage.doing());
            diagnosis.find(Code::IncidentStuck, about, seen, &names);
        }
        asks(incident, fleet, diagnosis);
        evidence(incident, fleet, policy, diagnosis);
    }
}

fn asks(incident: &Incident, fleet: &Fleet, diagnosis: &mut Diagnosis) {
    let open = incident.open_question().filter(|question| question.answer.is_none());
    if let Some(question) = open.filter(|question| fleet.at < question.until) {
        let about = incident.id.as_str();
        let seen = format!(
            "may a {} of {} be done? Until {:.0}",
            question.rung, incident.instance_id, question.until
        );
        let names =
            [("instance", incident.instance_id.as_str()), ("question", question.nonce.as_str())];
        diagnosis.find(Code::QuestionOpen, about, seen, &names);
    }
}

/// A host that printed its evidence, where it could have sent it, found no way to the bucket.
fn evidence(incident: &Incident, fleet: &Fleet, policy: &Policy, diagnosis: &mut Diagnosis) {
    let kept = incident.evidence.as_ref().map(|diagnostics| &diagnostics.kept);
    if policy.evidence_bucket.is_some() && matches!(kept, Some(Location::InOutput { .. })) {
        let region = fleet.own.topic_arn.split(':').nth(3).unwrap_or("REGION");
        let about = incident.instance_id.as_str();
        let seen = format!("the evidence of {} is in a command's output", incident.id);
        diagnosis.find(Code::EvidenceNotKept, about, seen, &[("region", region)]);
    }
}

fn pauses(fleet: &Fleet, diagnosis: &mut Diagnosis) {
    let Some(pauses) = diagnosis.known("pauses", &fleet.pauses) else { return };
    for pause in pauses.iter().filter(|pause| pause.is_in_force(fleet.at)) {
        let scope = pause.scope.to_string();
        let names = [("scope", scope.as_str())];
        let seen = format!("until {:.0}, by {}: {}", pause.until, pause.owner, pause.reason);
        if matches!(pause.scope, Scope::Rung { .. }) {
            diagnosis.find(Code::RungRests, &scope, seen, &names);
        } else if fleet.at.duration_since(pause.since) > PAUSE_LONG {
            diagnosis.find(Code::PauseForgotten, &scope, seen, &names);
        }
    }
}

/// The alarms on Remedy itself: those that tell its topic of what is no instance's.
fn its_alarms(fleet: &Fleet, diagnosis: &mut Diagnosis) {
    let Fact::Known(alarms) = &fleet.alarms else { return };
    let ours = |alarm: &&AlarmDefinition| alarm.settings.actions.contains(&fleet.own.topic_arn);
    let own: Vec<&AlarmDefinition> = alarms.iter().filter(ours).collect();
    if own.is_empty() {
        let topic = fleet.own.topic_arn.as_str();
        diagnosis.find(Code::RemedyUnwatched, "alarms", format!("none tells {topic}"), &[]);
    }
    for alarm in own.into_iter().filter(|alarm| alarm.settings.state == Some(AlarmState::Alarm)) {
        let letters = |metric: &WatchedMetric| match metric {
            WatchedMetric::Metric { namespace, dimensions, .. } if namespace == "AWS/SQS" => {
                Some(dimensions.get("QueueName").cloned().unwrap_or_default())
            }
            _ => None,
        };
        let queue = alarm.metrics.iter().find_map(letters);
        let code = if queue.is_some() { Code::DeadLetters } else { Code::RemedyAlarmRings };
        let name = alarm.name.as_str();
        let since = alarm.since.map_or_else(String::new, |since| format!(" since {since:.0}"));
        let queue = queue.unwrap_or_default();
        let names = [("alarm", name), ("queue", queue.as_str())];
        diagnosis.find(code, name, format!("it rings{since}"), &names);
    }
}

fn limits(fleet: &Fleet, watched: &Watched, diagnosis: &mut Diagnosis) {
    if let Fact::Known(agents) = &fleet.agents
        && agents.len() > MANAGED_NODES_MAX
    {
        let seen = format!("{} nodes", agents.len());
        diagnosis.find(Code::ManagedNodesMany, "Systems Manager", seen, &[]);
    }
    let Fact::Known(instances) = &fleet.instances else { return };
    let running = instances.values().filter(|it| it.state == InstanceState::Running);
    let (mut running_count, mut opted_in) = (0, 0);
    for instance in running {
        running_count += 1;
        opted_in += usize::from(!matches!(OptIn::of(&instance.tags), OptIn::No(_)));
    }
    for name in watched.fleets.values() {
        let names = [("alarm", name.as_str())];
        if running_count > SERIES_MAX {
            let seen = format!("{running_count} instances run");
            diagnosis.find(Code::FleetAlarmSeries, name, seen, &names);
        } else if opted_in > CONTRIBUTORS_MAX {
            let seen = format!("{opted_in} instances are opted in");
            diagnosis.find(Code::FleetAlarmContributors, name, seen, &names);
        }
    }
}
