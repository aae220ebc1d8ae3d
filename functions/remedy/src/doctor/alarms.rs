//! From an alarm to the metric that it watches, and to the instance that it names.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;
use super::event::{Reading, read};
use super::finding::Diagnosis;
use super::fleet::{Fleet, is_asked_about, key};
use crate::alarm::{NotOurs, is_known_name};
use crate::model::alarm::{Alarm, AlarmState, Evidence, Symptom};
use crate::model::ids::InstanceId;
use crate::model::policy::{OptIn, Policy};
use crate::model::reason::Reason;
use crate::model::seen::Seen;
use crate::model::series::Bad;
use crate::observe::facts::Fact;
use crate::plan::guard::left_to_the_alarm;
use crate::ports::look::{Instance, InstanceState};
use crate::ports::look_at_all::{AlarmDefinition, WatchedMetric};

/// Who is watched by whom.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// The instances that alarms name.
    pub(super) instances: BTreeSet<InstanceId>,
    /// The symptoms that fleet alarms tell of, and the alarms' names.
    pub(super) fleets: BTreeMap<Symptom, String>,
    /// The symptoms that alarms tell of.
    pub(super) symptoms: BTreeSet<Symptom>,
}

/// Looks at every alarm.
pub(super) fn check(fleet: &Fleet, policy: &Policy, diagnosis: &mut Diagnosis) -> Watched {
    let mut watched = Watched::default();
    let Some(alarms) = diagnosis.known("alarms", &fleet.alarms) else { return watched };
    for definition in alarms.iter().filter(|alarm| !scales(alarm)) {
        match read(definition, fleet.at) {
            Reading::Ours(alarms) => {
                for alarm in &alarms {
                    watched.instances.insert(alarm.instance_id.clone());
                    watched.symptoms.insert(alarm.symptom);
                    ours(alarm, definition, fleet, policy, diagnosis);
                }
                of_its_owner(definition, diagnosis);
            }
            Reading::Fleet { symptom } => {
                watched.symptoms.insert(symptom);
                watched.fleets.insert(symptom, definition.name.clone());
                of_its_owner(definition, diagnosis);
            }
            Reading::Ignored(reason) => ignored(definition, &reason, diagnosis),
            Reading::Unreadable(why) => diagnosis.garbled("alarms", &definition.name, &why),
        }
    }
    watched
}

/// Whether an alarm has a group grow and shrink, and means no trouble (Auto Scaling user guide,
/// "Target tracking scaling policies").
fn scales(alarm: &AlarmDefinition) -> bool {
    let scaling = |action: &String| action.contains(":scalingPolicy:");
    alarm.settings.actions.iter().any(scaling)
}

/// What the alarm's owner has set, whomever it names.
fn of_its_owner(definition: &AlarmDefinition, diagnosis: &mut Diagnosis) {
    let name = definition.name.as_str();
    match left_to_the_alarm(&definition.settings) {
        Some(Reason::AlarmActsItself { action }) => {
            let names = [("alarm", name), ("action", action.as_str())];
            diagnosis.find(Code::AlarmActsItself, name, format!("its action is {action}"), &names);
        }
        Some(reason) => {
            let names = [("alarm", name)];
            diagnosis.find(Code::AlarmActionsDisabled, name, reason.to_string(), &names);
        }
        None => {}
    }
    if definition.missing.as_deref() == Some("breaching") {
        let seen = "TreatMissingData is breaching";
        diagnosis.find(Code::AlarmMissingBreaches, name, seen, &[("alarm", name)]);
    }
}

/// An alarm that would be answered.
fn ours(
    alarm: &Alarm,
    definition: &AlarmDefinition,
    fleet: &Fleet,
    policy: &Policy,
    diagnosis: &mut Diagnosis,
) {
    let name = definition.name.as_str();
    if let Evidence::Unclear { why } = &alarm.evidence {
        diagnosis.find(Code::AlarmUnclear, name, why, &[("alarm", name)]);
    }
    if let Some(hint) = alarm.hint {
        diagnosis.find(Code::AlarmOnlyAHint, name, hint.to_string(), &[("alarm", name)]);
    }
    if alarm.watched > 1 {
        let seen = format!("it watches {} instances", alarm.watched);
        diagnosis.find(Code::AlarmSeveralInstances, name, seen, &[("alarm", name)]);
    }
    below_floor(alarm, definition, policy, diagnosis);
    let Some(instances) = diagnosis.known("instances", &fleet.instances) else { return };
    let id = &alarm.instance_id;
    match instances.get(id) {
        None => {
            let seen = format!("EC2 shows no {id}");
            diagnosis.find(Code::AlarmInstanceGone, name, seen, &[("alarm", name)]);
        }
        Some(instance) if instance.state == InstanceState::Running => {
            let published = published(alarm, name, fleet, diagnosis);
            if published && definition.settings.state.is_none() {
                let seen = "its metric was published in the last three hours";
                diagnosis.find(Code::AlarmInsufficientData, name, seen, &[("alarm", name)]);
            }
            rings_unanswered(alarm, definition, instance, fleet, policy, diagnosis);
        }
        Some(instance) => {
            if OptIn::of(&instance.tags) != OptIn::No(None) {
                let seen = format!("it is {}", instance.state);
                let names = [("instance", id.as_str())];
                diagnosis.find(Code::InstanceNotRunning, id.as_str(), seen, &names);
            }
        }
    }
}

/// The level at which it rings, by the rule that later weighs what was measured.
fn below_floor(
    alarm: &Alarm,
    definition: &AlarmDefinition,
    policy: &Policy,
    diagnosis: &mut Diagnosis,
) {
    let Some(threshold) = definition.threshold else { return };
    let floor = f64::from(policy.floor_percent);
    let level = Seen::of(alarm).level(threshold).filter(|level| *level < floor);
    // A check or a process passes or fails: it has no level between.
    let Some(level) = level.filter(|level| *level > 0.0) else { return };
    let name = definition.name.as_str();
    let rises = alarm.series.as_ref().is_none_or(|series| series.bad == Bad::Up);
    let at_floor = if rises { floor } else { 100.0 - floor };
    let seen = format!("it rings at {level:.0} %, and the floor is {floor:.0} %");
    let names = [("alarm", name), ("floor", &format!("{at_floor:.0}"))];
    diagnosis.find(Code::AlarmBelowFloor, name, seen, &names);
}

/// Whether the alarm's metric is known to have been published lately.
fn published(alarm: &Alarm, name: &str, fleet: &Fleet, diagnosis: &mut Diagnosis) -> bool {
    let Some(series) = alarm.series.as_ref().filter(|series| is_asked_about(series)) else {
        return false;
    };
    let key = key(series);
    match fleet.lately.get(&key) {
        Some(Fact::Known(true)) => return true,
        Some(Fact::Known(false)) => {}
        Some(Fact::Unknown(unknown)) => {
            diagnosis.doubt("what metrics show", unknown);
            return false;
        }
        None => return false,
    }
    let (code, seen) = match fleet.ever.get(&key) {
        Some(Fact::Known(false)) => (Code::AlarmMetricUnknown, "it has no value in 15 days"),
        Some(Fact::Unknown(unknown)) => {
            diagnosis.doubt("what metrics show", unknown);
            (Code::AlarmMetricSilent, "it has no value in three hours")
        }
        Some(Fact::Known(true)) | None => {
            (Code::AlarmMetricSilent, "it has no value in three hours")
        }
    };
    let names = [
        ("namespace", series.namespace.as_str()),
        ("metric", series.name.as_str()),
        ("instance", alarm.instance_id.as_str()),
    ];
    let dimensions: Vec<String> =
        series.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let seen = format!("{} with {}: {seen}", alarm.metric, dimensions.join(", "));
    diagnosis.find(code, name, seen, &names);
    false
}

/// An alarm that was ringing before anybody listened: its change of state is told once.
fn rings_unanswered(
    alarm: &Alarm,
    definition: &AlarmDefinition,
    instance: &Instance,
    fleet: &Fleet,
    policy: &Policy,
    diagnosis: &mut Diagnosis,
) {
    let Some(since) = definition.since else { return };
    let old = fleet.at.duration_since(since) > policy.stale_after;
    let rings = definition.settings.state == Some(AlarmState::Alarm);
    let meant = matches!(OptIn::of(&instance.tags), OptIn::Enabled | OptIn::Observe);
    if !(old && rings && meant) {
        return;
    }
    let Some(open) = diagnosis.known("open incidents", &fleet.open) else { return };
    let answered = open.incidents.iter().any(|open| open.instance_id == alarm.instance_id);
    if !answered {
        let name = definition.name.as_str();
        let seen = format!("since {since:.0}, and no incident of {} is open", alarm.instance_id);
        diagnosis.find(Code::AlarmRingsUnanswered, name, seen, &[("alarm", name)]);
    }
}

/// An alarm that would be left alone, though its metric is one that Remedy knows.
fn ignored(definition: &AlarmDefinition, reason: &NotOurs, diagnosis: &mut Diagnosis) {
    let name = definition.name.as_str();
    let mut names = vec![("alarm", name)];
    let code = match reason {
        NotOurs::OtherMetric { .. } if has_a_known_name(definition) => Code::AlarmOtherNamespace,
        NotOurs::HarmlessDirection { .. } => {
            names.push(("comparison", the_other(&definition.comparison)));
            Code::AlarmHarmlessDirection
        }
        NotOurs::Aggregate => Code::AlarmAggregate,
        NotOurs::OtherAccount { account } => {
            names.push(("account", account));
            Code::AlarmOtherAccount
        }
        NotOurs::GroupOnly { .. } => Code::AlarmGroupOnly,
        NotOurs::NoInstance | NotOurs::NotAnInstance { .. } => Code::AlarmNamesNoInstance,
        NotOurs::CannotFillUp { .. } | NotOurs::InMemory { .. } | NotOurs::OnNetwork { .. } => {
            Code::AlarmNoDisk
        }
        NotOurs::OneCore { .. } => Code::AlarmOneCore,
        // About something else, and nobody expects Remedy to answer it.
        _ => return,
    };
    diagnosis.find(code, name, reason.to_string(), &names);
}

/// Whether it watches what an agent publishes, under a namespace of its owner's own.
fn has_a_known_name(definition: &AlarmDefinition) -> bool {
    definition.metrics.iter().any(|metric| match metric {
        WatchedMetric::Metric { namespace, name, .. } => {
            !namespace.starts_with("AWS/") && is_known_name(name)
        }
        WatchedMetric::Expression { .. } => false,
    })
}

/// The comparison that looks the other way.
fn the_other(comparison: &str) -> &'static str {
    if comparison.starts_with("Greater") { "LessThanThreshold" } else { "GreaterThanThreshold" }
}
