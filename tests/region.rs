//! The simulated region keeps the promises AWS keeps, and no others.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use remedy::act::{CleanupOrder, Relief, Touch};
use remedy::alarm::Symptom;
use remedy::facts::Look;
use remedy::ids::{IncidentId, MountPoint};
use remedy::incident::{No, Standby};
use serde_json::Value;
use world::Region;
use world::calls::{Fault, Verb};
use world::command::CommandIs;
use world::drive::finish;
use world::fleet::{self, Names};
use world::group::{Group, Lifecycle};
use world::host::{AgentIs, Trouble};
use world::watch::Watch;

fn start() -> Timestamp {
    "2026-11-20T03:00:00Z".parse().unwrap()
}

fn region() -> (Region, Names) {
    let names = Names::default();
    (fleet::grouped(&names, start()), names)
}

fn pass(region: &Region, seconds: i64) {
    region.pass(SignedDuration::from_secs(seconds));
}

fn count(group: &Group, lifecycle: Lifecycle) -> usize {
    group.members.values().filter(|member| member.lifecycle == lifecycle).count()
}

fn order(names: &Names) -> CleanupOrder {
    CleanupOrder {
        instance: names.web.clone(),
        incident: IncidentId::new("an-incident").unwrap(),
        symptom: Symptom::DiskFull,
        relief: Relief::Disk { mount: MountPoint::root(), target_percent: 80 },
    }
}

#[test]
fn a_group_terminates_and_then_launches() {
    let (region, names) = region();
    finish(region.replace(&names.web)).unwrap();
    let group = region.group(&names.group).unwrap();
    assert_eq!(count(&group, Lifecycle::InService), 3, "a mark alone moves nothing");

    pass(&region, 30);
    let group = region.group(&names.group).unwrap();
    assert_eq!(group.members[&names.web].lifecycle, Lifecycle::Terminating);
    assert_eq!(count(&group, Lifecycle::Pending), 1);
    assert_eq!(region.host(&names.web).unwrap().instance.state.to_string(), "shutting-down");

    pass(&region, 90);
    let group = region.group(&names.group).unwrap();
    assert_eq!(count(&group, Lifecycle::InService), 3);
    assert!(!group.members.contains_key(&names.web), "the substitute has a new id");
    assert_eq!(region.host(&names.web).unwrap().instance.state.to_string(), "terminated");
    assert_eq!(finish(region.status(&names.web)), Ok(None));
    assert_eq!(finish(region.membership(&names.web)), Ok(None));
}

#[test]
fn a_maintenance_policy_with_a_floor_launches_first() {
    let (region, names) = region();
    region.with_group(&names.group, |group| group.maintenance = Some((100, 110)));
    finish(region.replace(&names.web)).unwrap();
    for _ in 0..30 {
        pass(&region, 10);
        let group = region.group(&names.group).unwrap();
        assert!(count(&group, Lifecycle::InService) >= 3, "at {}: {group:?}", region.now());
    }
    assert!(!region.group(&names.group).unwrap().members.contains_key(&names.web));
}

#[test]
fn a_suspended_process_delays_a_replacement_until_it_is_resumed() {
    for process in ["ReplaceUnhealthy", "Terminate"] {
        let (region, names) = region();
        region.with_group(&names.group, |group| {
            group.suspended.insert(process.to_owned());
        });
        finish(region.replace(&names.web)).unwrap();
        pass(&region, 3600);
        assert_eq!(region.group(&names.group).unwrap().members.len(), 3, "{process}");
        region.with_group(&names.group, |group| group.suspended = BTreeSet::new());
        pass(&region, 30);
        let group = region.group(&names.group).unwrap();
        assert_eq!(count(&group, Lifecycle::Terminating), 1, "{process} fires when resumed");
    }
}

#[test]
fn a_group_that_cannot_launch_only_terminates() {
    let (region, names) = region();
    region.with_group(&names.group, |group| {
        group.suspended.insert("Launch".to_owned());
    });
    finish(region.replace(&names.web)).unwrap();
    pass(&region, 600);
    assert_eq!(region.group(&names.group).unwrap().members.len(), 2);
}

#[test]
fn a_group_never_grows_beyond_its_maximum() {
    let (region, names) = region();
    region.with_group(&names.group, |group| (group.max, group.desired) = (3, 9));
    pass(&region, 600);
    assert_eq!(region.group(&names.group).unwrap().members.len(), 3);
}

#[test]
fn a_reboot_behind_a_load_balancer_is_taken_for_a_death() {
    let (region, names) = region();
    finish(region.reboot(&names.web)).unwrap();
    pass(&region, 30);
    let group = region.group(&names.group).unwrap();
    assert_eq!(group.members[&names.web].lifecycle, Lifecycle::Terminating);
}

#[test]
fn a_reboot_brings_the_agent_back_and_may_cure() {
    let names = Names::default();
    let region = fleet::standalone(&names, start());
    let symptom = Symptom::MemoryPressure;
    region.with_host(&names.web, |host| {
        host.agent = AgentIs::SilentSince(start());
        host.trouble = Some(Trouble::slight(symptom, 97.0));
    });
    finish(region.reboot(&names.web)).unwrap();
    assert!(finish(region.status(&names.web)).unwrap().unwrap().instance_impaired);
    pass(&region, 150);
    let host = region.host(&names.web).unwrap();
    assert_eq!((host.agent, host.trouble), (AgentIs::Answering, None));
    assert!(host.runs() && !host.status.instance_impaired);
}

#[test]
fn an_agent_is_online_for_a_while_after_it_died() {
    let (region, names) = region();
    region.with_host(&names.web, |host| host.agent = AgentIs::SilentSince(start()));
    let online = |region: &Region| finish(region.agent(&names.web)).unwrap().unwrap().online;
    pass(&region, 300);
    assert!(online(&region));
    pass(&region, 600);
    assert!(!online(&region));
}

#[test]
fn a_command_to_a_silent_agent_times_out_and_never_runs() {
    let (region, names) = region();
    let status = |region: &Region| region.commands().last().unwrap().status();
    finish(region.clean(&order(&names))).unwrap();
    assert_eq!(status(&region), CommandIs::Pending);
    pass(&region, 60);
    assert_eq!(status(&region), CommandIs::Success);

    let now = region.now();
    region.with_host(&names.web, |host| host.agent = AgentIs::SilentSince(now));
    finish(region.clean(&order(&names))).unwrap();
    pass(&region, 60);
    assert_eq!(status(&region), CommandIs::DeliveryTimedOut);

    region.with_host(&names.web, |host| host.agent = AgentIs::Absent);
    let refused = finish(region.clean(&order(&names))).unwrap_err();
    assert!(
        refused.no == Some(No::NotThisInstance) && refused.gap.why.starts_with("InvalidInstanceId"),
        "{refused}"
    );
}

#[test]
fn a_lost_answer_hides_an_effect_and_a_lost_request_has_none() {
    for (fault, commands, no) in [
        (Fault::Refused("ThrottlingException"), 0, Some(No::NotNow)),
        (Fault::Refused("AccessDeniedException"), 0, Some(No::NotForUs)),
        (Fault::RequestLost, 0, None),
        (Fault::AnswerLost, 1, None),
    ] {
        let (region, names) = region();
        region.break_call(Verb::Clean, fault.clone());
        let refused = finish(region.clean(&order(&names))).unwrap_err();
        assert_eq!(refused.no, no, "{fault:?}");
        assert_eq!(region.commands().len(), commands, "{fault:?}");
        assert_eq!(region.touches(), 1, "{fault:?}: the attempt counts");
    }
}

#[test]
fn time_that_passes_in_steps_is_the_same_time() {
    let told = |steps: &[i64]| {
        let (region, names) = region();
        finish(region.replace(&names.web)).unwrap();
        finish(region.reboot(&names.others[0])).unwrap();
        for step in steps {
            pass(&region, *step);
        }
        let hosts: Vec<_> = region.group(&names.group).unwrap().members.into_keys().collect();
        (region.now(), hosts, region.group(&names.group), region.host(&names.others[0]))
    };
    assert_eq!(told(&[600]), told(&[1, 29, 0, 31, 100, 439]));
}

/// The paths of everything in `value` that is no object, without the leaves.
fn shape(value: &Value, path: &str, shape: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                self::shape(field, &format!("{path}/{name}"), shape);
            }
        }
        Value::Array(items) => {
            for item in items {
                self::shape(item, &format!("{path}/*"), shape);
            }
        }
        _ => {
            shape.insert(path.to_owned());
        }
    }
}

#[test]
fn an_alarms_events_have_the_shape_of_the_recorded_ones() {
    for (symptom, recorded) in [
        (Symptom::DiskFull, include_str!("../events/disk-full.state-change.json")),
        (Symptom::HighCpu, include_str!("../events/high-cpu.state-change.json")),
        (Symptom::MemoryPressure, include_str!("../events/memory-pressure.state-change.json")),
    ] {
        let (region, names) = region();
        region.add_watch(Watch::new(symptom, names.web.clone(), start()));
        assert_eq!(region.transitions(), [""; 0], "at rest nothing changes");
        region.with_host(&names.web, |host| {
            host.trouble = Some(Trouble::slight(symptom, 97.0));
        });
        let events = region.transitions();
        let [event] = events.as_slice() else { unreachable!("{events:?}") };
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        shape(&serde_json::from_str(event).unwrap(), "", &mut ours);
        shape(&serde_json::from_str(recorded).unwrap(), "", &mut theirs);
        let made_up: Vec<&String> = ours.difference(&theirs).collect();
        assert!(made_up.is_empty(), "{symptom}: {made_up:?}");
        assert_eq!(region.transitions(), [""; 0], "an alarm changes its state once");
    }
}
