//! The simulated region keeps the promises AWS keeps, and no others.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::MountPoint;
use remedy::model::incident::{FailureKind, Incident, Stage, Standby};
use remedy::model::series::{Bad, Series, Statistic};
use remedy::ports::ledger::Ledger;
use remedy::ports::look::Look;
use remedy::ports::touch::{CleanupOrder, Relief, Touch};
use serde_json::Value;
use world::Region;
use world::calls::{Death, Fault, Verb};
use world::command::{Command, CommandIs};
use world::drive::{Function, finish, finish_in, finish_or_die};
use world::fleet::{self, Names};
use world::group::{Group, Lifecycle};
use world::host::{AgentIs, FileSystem, Trouble};
use world::quota::{Grant, Quotas};
use world::script::Script;
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
        comment: "an-incident".to_owned(),
        symptom: Symptom::DiskFull,
        relief: Relief::Disk {
            mount: MountPoint::new("/").ok(),
            target_percent: 80,
            alarm_percent: None,
            opt_ins: BTreeSet::new(),
        },
        evidence: None,
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
    pass(&region, 239);
    assert_eq!(status(&region), CommandIs::Pending, "the script could still be running");
    pass(&region, 1);
    assert_eq!(status(&region), CommandIs::DeliveryTimedOut);

    region.with_host(&names.web, |host| host.agent = AgentIs::Absent);
    let refused = finish(region.clean(&order(&names))).unwrap_err();
    assert!(
        refused.kind == Some(FailureKind::InstanceState)
            && refused.why.starts_with("InvalidInstanceId"),
        "{refused}"
    );
}

#[test]
fn a_lost_answer_hides_an_effect_and_a_lost_request_has_none() {
    for (fault, commands, no) in [
        (Fault::Refused("ThrottlingException"), 0, Some(FailureKind::Throttled)),
        (Fault::Refused("AccessDeniedException"), 0, Some(FailureKind::NotPermitted)),
        (Fault::RequestLost, 0, None),
        (Fault::AnswerLost, 1, None),
    ] {
        let (region, names) = region();
        region.break_call(Verb::Clean, fault.clone());
        let refused = finish(region.clean(&order(&names))).unwrap_err();
        assert_eq!(refused.kind, no, "{fault:?}");
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

#[test]
fn an_alarm_on_what_is_unusual_has_the_shape_of_the_recorded_one() {
    let (region, names) = region();
    let mut watch = Watch::new(Symptom::HighCpu, names.web.clone(), start());
    (watch.threshold, watch.unusual_below) = (50.0, Some(20.0));
    region.add_watch(watch);
    region.with_host(&names.web, |host| {
        host.trouble = Some(Trouble::slight(Symptom::HighCpu, 60.5));
    });
    let events = region.transitions();
    let [event] = events.as_slice() else { unreachable!("{events:?}") };
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    let recorded = include_str!("../events/high-cpu.anomaly-above.json");
    shape(&serde_json::from_str(event).unwrap(), "", &mut ours);
    shape(&serde_json::from_str(recorded).unwrap(), "", &mut theirs);
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(event.contains("ANOMALY_DETECTION_BAND") && event.contains("[60.5 ("), "{event}");
}

#[test]
fn a_command_that_nobody_heard_of_again_may_have_run() {
    let (region, names) = region();
    region.with_host(&names.web, |host| {
        host.script = Script::Unheard;
        host.trouble = Some(Trouble::slight(Symptom::DiskFull, 96.0));
    });
    finish(region.clean(&order(&names))).unwrap();
    pass(&region, 60);
    assert_eq!(region.commands().last().unwrap().status(), CommandIs::DeliveryTimedOut);
    assert_eq!(region.host(&names.web).unwrap().trouble, None, "it is cured all the same");
}

#[test]
fn a_cleanup_helps_on_the_file_system_it_is_told_and_only_above_its_target() {
    for (file_system, percent, cured) in [
        (FileSystem::Root, 96.0, true),
        (FileSystem::Root, 75.0, false),
        (FileSystem::Data, 96.0, false),
        (FileSystem::Image, 100.0, false),
    ] {
        let (region, names) = region();
        region.with_host(&names.web, |host| {
            host.file_system = file_system;
            host.trouble = Some(Trouble::slight(Symptom::DiskFull, percent));
        });
        finish(region.clean(&order(&names))).unwrap();
        pass(&region, 60);
        let trouble = region.host(&names.web).unwrap().trouble;
        assert_eq!(trouble.is_none(), cured, "{file_system:?} at {percent} %");
    }
}

#[test]
fn a_group_that_scales_in_wants_one_less_and_never_less_than_its_minimum() {
    let (region, names) = region();
    region.with_group(&names.group, |group| group.min = 2);
    region.scale_in(&names.web);
    region.scale_in(&names.others[0]);
    pass(&region, 300);
    let group = region.group(&names.group).unwrap();
    assert_eq!((group.desired, group.members.len()), (2, 2), "nobody is launched instead");
    assert!(!group.members.contains_key(&names.web));
}

const LOWERED: Standby = Standby { decremented: true };
const KEPT: Standby = Standby { decremented: false };

fn lifecycle(region: &Region, names: &Names) -> Lifecycle {
    region.group(&names.group).unwrap().members.get(&names.web).unwrap().lifecycle
}

#[test]
fn a_member_drains_into_standby_and_comes_back() {
    let (region, names) = region();
    let desired = |region: &Region| region.group(&names.group).unwrap().desired;
    finish(region.leave_service(&names.web, &names.group, LOWERED)).unwrap();
    assert_eq!((lifecycle(&region, &names), desired(&region)), (Lifecycle::EnteringStandby, 2));
    let early = finish(region.come_back(&names.web, &names.group)).unwrap_err();
    assert_eq!(early.kind, Some(FailureKind::InstanceState), "it is not in Standby yet");
    pass(&region, 299);
    assert_eq!(lifecycle(&region, &names), Lifecycle::EnteringStandby);
    pass(&region, 1);
    assert_eq!(lifecycle(&region, &names), Lifecycle::Standby);

    finish(region.reboot(&names.web)).unwrap();
    assert_eq!(finish(region.agent(&names.web)).unwrap().unwrap().last_ping, Some(region.now()));
    pass(&region, 600);
    let group = region.group(&names.group).unwrap();
    assert!(group.members[&names.web].healthy, "nobody checks health in Standby");
    assert_eq!(group.members.len(), 3, "and nobody takes its place");

    finish(region.come_back(&names.web, &names.group)).unwrap();
    assert_eq!((lifecycle(&region, &names), desired(&region)), (Lifecycle::Pending, 3));
    pass(&region, 60);
    assert_eq!(lifecycle(&region, &names), Lifecycle::InService);
}

#[test]
fn who_comes_back_from_standby_while_down_is_taken_for_dead() {
    let (region, names) = region();
    finish(region.leave_service(&names.web, &names.group, LOWERED)).unwrap();
    pass(&region, 300);
    finish(region.reboot(&names.web)).unwrap();
    finish(region.come_back(&names.web, &names.group)).unwrap();
    pass(&region, 90);
    assert_eq!(lifecycle(&region, &names), Lifecycle::Terminating);
}

#[test]
fn standby_has_its_limits() {
    let (region, names) = region();
    region.with_group(&names.group, |group| (group.min, group.max) = (3, 3));
    let leave = |standby| finish(region.leave_service(&names.web, &names.group, standby));
    assert!(leave(LOWERED).unwrap_err().why.contains("minimum"));
    leave(KEPT).unwrap();
    assert!(leave(KEPT).is_err(), "only who is in service can leave it");
    pass(&region, 600);
    assert_eq!(region.group(&names.group).unwrap().members.len(), 4, "a substitute serves");
    let back = || finish(region.come_back(&names.web, &names.group));
    assert!(back().unwrap_err().why.contains("maximum"));
    region.with_group(&names.group, |group| group.max = 4);
    region.with_group(&names.group, |group| group.suspended = ["Launch".to_owned()].into());
    assert!(back().unwrap_err().why.contains("Launch"));
    region.with_group(&names.group, |group| group.suspended.clear());
    back().unwrap();
    assert_eq!(region.group(&names.group).unwrap().desired, 4);
}

#[test]
fn a_metric_comes_late_and_stops_with_its_host() {
    let names = Names::default();
    let region = fleet::standalone(&names, start());
    let series = Series {
        namespace: "CWAgent".to_owned(),
        name: "disk_used_percent".to_owned(),
        dimensions: [("InstanceId".to_owned(), names.web.to_string())].into(),
        exact: true,
        bad: Bad::Up,
        unit: None,
        statistic: Statistic::Average,
        period: 60,
        scope: None,
    };
    let count = |seconds: i64| {
        pass(&region, seconds);
        finish(region.datapoints(&series, start(), region.now())).unwrap().len()
    };
    assert_eq!(count(60), 0, "a value is published after its period");
    assert_eq!(count(30), 1);
    region.with_host(&names.web, |host| host.measured = false);
    assert_eq!(count(600), 1);
    region.with_host(&names.web, |host| host.measured = true);
    finish(region.reboot(&names.web)).unwrap();
    assert_eq!(count(120), 1, "a host that is down measures nothing");
    assert_eq!(count(180), 4);
    let since = region.now() - SignedDuration::from_mins(3);
    assert_eq!(finish(region.datapoints(&series, since, region.now())).unwrap().len(), 2);
}

#[test]
fn a_command_is_not_shown_at_once_and_is_found_by_its_incident() {
    let (region, names) = region();
    let order = order(&names);
    let id = finish(region.clean(&order)).unwrap();
    let since = |at| finish(region.command_of(&order.comment, &names.web, at)).unwrap();
    let found = || since(start());
    assert_eq!(found(), None);
    pass(&region, 2);
    assert_eq!(found(), Some(id.clone()));
    assert_eq!(since(region.now()), None, "it was sent before");
    let command = || finish(region.command(&id, &names.web)).unwrap().unwrap();
    assert!(!command().ended);
    pass(&region, 60);
    assert!(command().ended && command().stdout.contains("REMEDIATION_RESULT {"));
    assert_eq!(finish(region.command(&id, &names.others[0])).unwrap(), None);
}

#[test]
fn what_is_due_comes_longest_due_first_and_no_more_than_asked_for() {
    let (region, names) = region();
    let event = include_str!("../events/disk-full.state-change.json");
    pass(&region, 14 * 60);
    Function::new(Symptom::DiskFull).run(&region, event).unwrap();
    let first = region.incident(&names.web).unwrap();
    for (n, id) in names.others.iter().enumerate() {
        let due_at = first.due_at - SignedDuration::from_secs(i64::try_from(n).unwrap() + 1);
        let other = Incident { instance_id: id.clone(), due_at, ..first.clone() };
        region.with_book(|book| book.put(other));
    }
    let due = |at, limit| {
        let due = finish(region.due(at, limit)).unwrap().incidents;
        due.into_iter().map(|incident| incident.instance_id).collect::<Vec<_>>()
    };
    let [second, third] = names.others.clone();
    assert_eq!(due(first.due_at, 9), [third.clone(), second.clone(), names.web.clone()]);
    assert_eq!(due(first.due_at, 1), *std::slice::from_ref(&third));
    assert_eq!(due(region.now(), 9), []);
    let ended = first.moved_to(Stage::Resolved, region.now());
    region.with_book(|book| book.put(ended));
    assert_eq!(due(first.due_at, 9), [third, second], "what has ended is not due");
}

#[test]
fn whoever_dies_at_a_call_gets_no_answer_and_asks_for_nothing_more() {
    for takes_effect in [false, true] {
        let (region, names) = region();
        region.dies_at(Death { at_call: 2, takes_effect });
        let twice = async {
            send_one(&region, &names).await;
            send_one(&region, &names).await;
            send_one(&region, &names).await;
        };
        assert_eq!(finish_or_die(&region, twice), None);
        assert_eq!(region.commands().len(), 1 + usize::from(takes_effect));
        finish(send_one(&region, &names));
        assert_eq!(region.commands().len(), 2 + usize::from(takes_effect), "the next one lives");
    }
}

async fn send_one(region: &Region, names: &Names) {
    region.clean(&order(names)).await.unwrap();
}

#[test]
fn whoever_asks_for_more_than_is_granted_waits_and_is_turned_away() {
    let (region, names) = region();
    let grant = Grant { bucket: 2.0, a_second: 0.2 };
    region.grant(Quotas::default().granting("ssm:SendCommand", grant));
    let order = order(&names);
    let sends: Vec<_> = (0..4).map(|_| region.clean(&order)).collect();
    let sent = finish_in(&region, join_all(sends));
    let refused: Vec<_> = sent.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(refused.len() > 1, "two are there, and one comes back in five seconds");
    assert!(refused.iter().all(|no| no.kind == Some(FailureKind::Throttled)), "{refused:?}");
    assert_eq!(region.commands().len(), 4 - refused.len(), "what is turned away does nothing");
    let took = region.now().duration_since(start());
    assert!(took > SignedDuration::from_millis(300) && took < SignedDuration::from_secs(4));
    pass(&region, 5);
    finish_in(&region, region.clean(&order)).unwrap();
}

#[test]
fn a_command_too_many_is_accepted_and_never_run() {
    let (region, names) = region();
    region.grant(Quotas::default().with_pending(1));
    let order = order(&names);
    for _ in 0..2 {
        finish_in(&region, region.clean(&order)).unwrap();
    }
    pass(&region, 100);
    let how: Vec<CommandIs> = region.commands().iter().map(Command::status).collect();
    assert_eq!(how, [CommandIs::Success, CommandIs::Failed]);
    finish_in(&region, region.clean(&order)).unwrap();
    pass(&region, 100);
    assert_eq!(region.commands()[2].status(), CommandIs::Success, "nothing is pending any more");
}
