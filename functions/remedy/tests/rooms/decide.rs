//! Which rung: every rule by which one is available, unavailable or in doubt.

use jiff::Timestamp;
use remedy::model::alarm::Symptom::{
    self, DiskFull, HighCpu, MemoryPressure, ServiceDown, Unreachable,
};
use remedy::model::ids::MountPoint;
use remedy::model::incident::{
    Attempt, FailedCall, FailureKind, Incident, Past, Rung, Stage, Standby,
};
use remedy::model::platform::Platform;
use remedy::model::pool::PoolBook;
use remedy::model::preflight::Preflight;
use remedy::model::reason::Reason;
use remedy::observe::facts::{DisruptionFact, Fact, Facts, GroupFact};
use remedy::plan::decide::{Decision, decide, ladder, looks_beyond_cleanup};
use remedy::ports::look::{Group, InstanceState, Performance, ScheduledEvent, StatusChecks};

use crate::given::{
    agent, ago, alone, attempt, facts, group, history, incident, instance, membership, now, policy,
    silence, tags, unknown,
};

/// A rule, the symptom it is shown with, what is changed, and what comes of it.
type Row = (&'static str, Symptom, fn(&mut Facts), &'static str);

fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (rule, symptom, change, expected) in rows {
        let mut facts = facts();
        change(&mut facts);
        let decision = said(&decide(*symptom, &[], &facts, &policy()));
        if decision != *expected {
            wrong.push(format!("{rule} ({symptom})\n  expected {expected}\n  but got  {decision}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn said(decision: &Decision) -> String {
    let codes = |because: &[Reason]| -> String {
        let codes: Vec<&str> = because.iter().map(Reason::code).collect();
        codes.join(" ")
    };
    match decision {
        Decision::Act { rung, standby: None, because, .. } => {
            format!("{rung}: {}", codes(because))
        }
        Decision::Act { rung, standby: Some(Standby { decremented }), because, .. } => {
            let room = if *decremented { "room below" } else { "room above" };
            format!("standby with {room}, {rung}: {}", codes(because))
        }
        Decision::Wait { because } => format!("watch: {}", codes(because)),
        Decision::HandOver { because } => format!("hand over: {}", codes(because)),
    }
}

fn nothing(_: &mut Facts) {}

#[test]
fn a_cleanup_needs_an_agent_that_answers_on_linux() {
    check(&[
        ("an agent that answers gets the cleanup", DiskFull, nothing, "cleanup: lowest-rung"),
        ("whatever the symptom", HighCpu, nothing, "cleanup: lowest-rung"),
        ("whatever the symptom", MemoryPressure, nothing, "cleanup: lowest-rung"),
        ("in no group too", HighCpu, alone, "cleanup: lowest-rung"),
        (
            "an agent that never registered gets none",
            DiskFull,
            |facts| facts.agent = Fact::Known(None),
            "replace: lowest-rung agent-absent",
        ),
        (
            "an agent that lost its connection gets none",
            DiskFull,
            |facts| agent(facts).online = false,
            "replace: lowest-rung agent-silent",
        ),
        (
            "an agent is online for a while after it died: the ping decides",
            DiskFull,
            |facts| agent(facts).last_ping = Some(ago(16)),
            "replace: lowest-rung agent-silent",
        ),
        (
            "15 minutes of silence are still an answer",
            DiskFull,
            |facts| agent(facts).last_ping = Some(ago(15)),
            "cleanup: lowest-rung",
        ),
    ]);
}

#[test]
fn an_agent_answers_by_its_newest_ping_and_for_its_platform() {
    check(&[
        (
            "an agent that never pinged does not answer",
            DiskFull,
            |facts| agent(facts).last_ping = None,
            "replace: lowest-rung agent-silent",
        ),
        (
            "a ping from a clock that is ahead is an answer",
            DiskFull,
            |facts| agent(facts).last_ping = Some(ago(-5)),
            "cleanup: lowest-rung",
        ),
        (
            "Windows by the agent's word gets none",
            DiskFull,
            |facts| agent(facts).platform = Some(Platform::Windows),
            "hand over: platform-unsupported platform-not-asked",
        ),
        (
            "Windows by EC2's word gets none, if the agent says nothing",
            DiskFull,
            |facts| {
                agent(facts).platform = None;
                instance(facts).platform = Platform::Windows;
            },
            "hand over: platform-unsupported platform-not-asked",
        ),
        (
            "the agent's word goes before EC2's",
            DiskFull,
            |facts| instance(facts).platform = Platform::Windows,
            "cleanup: lowest-rung",
        ),
        (
            "an unknown agent stops the climb",
            DiskFull,
            |facts| facts.agent = Fact::Unknown(unknown("ssm:DescribeInstanceInformation")),
            "watch: fact-unknown",
        ),
    ]);
}

#[test]
fn a_reboot_needs_a_running_instance_on_a_sound_host() {
    check(&[
        (
            "a silent agent alone gets a reboot",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
            },
            "reboot: lowest-rung agent-silent",
        ),
        (
            "whatever but a full disk",
            MemoryPressure,
            |facts| {
                silence(facts);
                alone(facts);
            },
            "reboot: lowest-rung agent-silent",
        ),
        (
            "a reboot frees no disk",
            DiskFull,
            |facts| {
                silence(facts);
                alone(facts);
            },
            "hand over: agent-silent not-in-group reboot-frees-nothing",
        ),
        (
            "a missing instance cannot reboot",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                facts.instance = Fact::Known(None);
            },
            "hand over: agent-silent instance-missing not-in-group",
        ),
        (
            "a stopped instance cannot reboot",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                instance(facts).state = InstanceState::Not("stopped".to_owned());
            },
            "hand over: agent-silent not-running not-in-group",
        ),
    ]);
}

#[test]
fn a_reboot_waits_for_status_checks_that_are_known() {
    check(&[
        (
            "an unknown instance stops the climb",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                facts.instance = Fact::Unknown(unknown("ec2:DescribeInstances"));
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "an impaired host keeps its instance through a reboot",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                status(facts, true, false);
            },
            "hand over: agent-silent system-impaired not-in-group",
        ),
        (
            "an impaired instance is what a reboot is for",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                status(facts, false, true);
            },
            "reboot: lowest-rung agent-silent",
        ),
        (
            "a running instance without status is in doubt",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                facts.status = Fact::Known(None);
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "an unknown status stops the climb",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                facts.status = Fact::Unknown(unknown("ec2:DescribeInstanceStatus"));
            },
            "watch: fact-unknown agent-silent",
        ),
    ]);
}

fn status(facts: &mut Facts, system_impaired: bool, instance_impaired: bool) {
    facts.status = Fact::Known(Some(remedy::ports::look::StatusChecks {
        system_impaired,
        instance_impaired,
        application_impaired: None,
        volume_impaired: false,
        performance: None,
        initializing: false,
        scheduled: None,
    }));
}

#[test]
fn a_check_of_the_applications_own_counts_whatever_the_group_says() {
    check(&[(
        "its group would take the reboot for a death",
        HighCpu,
        |facts| {
            silence(facts);
            group(facts).health_checks = ["EC2".to_owned()].into();
            let Fact::Known(Some(status)) = &mut facts.status else { panic!("no status") };
            status.application_impaired = Some(false);
        },
        "standby with room below, reboot: lowest-rung agent-silent",
    )]);
}

#[test]
fn a_reboot_in_standby_needs_a_way_out_and_back() {
    check(&[
        (
            "at its minimum a group starts one more, if its maximum allows",
            HighCpu,
            |facts| {
                silence(facts);
                group(facts).min = 3;
            },
            "standby with room above, reboot: lowest-rung agent-silent",
        ),
        (
            "a group of one size has no room, and replaces",
            HighCpu,
            |facts| {
                silence(facts);
                (group(facts).min, group(facts).max) = (3, 3);
            },
            "replace: lowest-rung agent-silent standby-impossible",
        ),
        (
            "without Launch nobody comes back, and nobody is replaced",
            HighCpu,
            |facts| {
                silence(facts);
                group(facts).suspended = ["Launch".to_owned()].into();
            },
            "hand over: agent-silent standby-impossible process-suspended",
        ),
        (
            "a group whose owner has not opted in keeps its members in service",
            HighCpu,
            |facts| {
                silence(facts);
                group(facts).tags.clear();
            },
            "hand over: agent-silent group-not-opted-in",
        ),
        (
            "a refresh would wait for who is in Standby",
            HighCpu,
            |facts| {
                silence(facts);
                refresh(facts, Fact::Known(Some("InProgress".to_owned())));
            },
            "watch: refresh-running agent-silent",
        ),
        (
            "an unknown refresh stops the climb",
            HighCpu,
            |facts| {
                silence(facts);
                refresh(facts, Fact::Unknown(unknown("autoscaling:DescribeInstanceRefreshes")));
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "a member that is not in service cannot leave it",
            HighCpu,
            |facts| {
                silence(facts);
                membership(facts).lifecycle = "Standby".to_owned();
            },
            "watch: not-yet-in-service agent-silent",
        ),
    ]);
}

#[test]
fn a_rung_that_was_tried_is_not_tried_again() {
    use Rung::{Cleanup, Grow, Reboot, Replace};
    let rows: [(Symptom, &[Rung], &str); 8] = [
        (DiskFull, &[Cleanup], "replace: lowest-rung rung-tried grow-not-allowed"),
        (DiskFull, &[Cleanup, Grow], "replace: lowest-rung rung-tried rung-tried"),
        (DiskFull, &[Replace], "cleanup: lowest-rung"),
        (
            DiskFull,
            &[Cleanup, Replace],
            "hand over: rung-tried grow-not-allowed rung-tried reboot-frees-nothing",
        ),
        (HighCpu, &[Cleanup], "standby with room below, reboot: lowest-rung rung-tried"),
        (HighCpu, &[Cleanup, Reboot], "replace: lowest-rung rung-tried rung-tried"),
        (MemoryPressure, &[Cleanup, Reboot], "replace: lowest-rung rung-tried rung-tried"),
        (HighCpu, &[Cleanup, Reboot, Replace], "hand over: rung-tried rung-tried rung-tried"),
    ];
    for (symptom, tried, expected) in rows {
        let decision = said(&decide(symptom, tried, &facts(), &policy()));
        assert_eq!(decision, expected, "{symptom} after {tried:?}");
    }
}

#[test]
fn a_full_disk_is_rebooted_only_if_the_host_says_that_frees_it() {
    for (reboot_frees, expected) in [
        (Some(true), "reboot: lowest-rung rung-tried grow-not-allowed not-in-group"),
        (Some(false), "hand over: rung-tried grow-not-allowed not-in-group reboot-frees-nothing"),
        (None, "hand over: rung-tried grow-not-allowed not-in-group reboot-frees-nothing"),
    ] {
        let mut facts = facts();
        alone(&mut facts);
        facts.preflight = Some(Preflight { reboot_frees, ..Preflight::default() });
        let decision = said(&decide(DiskFull, &[Rung::Cleanup], &facts, &policy()));
        assert_eq!(decision, expected, "{reboot_frees:?}");
    }
    let decision = said(&decide(DiskFull, &[Rung::Cleanup], &facts(), &policy()));
    assert_eq!(decision, "replace: lowest-rung rung-tried grow-not-allowed", "a group comes first");
}

#[test]
fn substitutes_that_are_sick_too_end_the_replacing() {
    let decision = |replaced: Fact<Vec<Timestamp>>| {
        let mut facts = facts();
        silence(&mut facts);
        disrupt(&mut facts, |pool, _| {
            *pool = match replaced {
                Fact::Known(replaced) => Fact::Known(PoolBook { replaced, ..PoolBook::default() }),
                Fact::Unknown(failed) => Fact::Unknown(failed),
            };
        });
        said(&decide(DiskFull, &[], &facts, &policy()))
    };
    let replaces = "replace: lowest-rung agent-silent";
    let stops = "hand over: agent-silent substitutes-sick-too reboot-frees-nothing";
    assert_eq!(decision(Fact::Known(vec![])), replaces);
    assert_eq!(decision(Fact::Known(vec![ago(30)])), replaces, "once may be chance");
    assert_eq!(decision(Fact::Known(vec![ago(50), ago(30)])), stops);
    let yesterday = ago(6 * 60);
    assert_eq!(decision(Fact::Known(vec![yesterday, ago(30)])), replaces, "6 hours are long ago");
    let unknown = Fact::Unknown(unknown("dynamodb:BatchGetItem"));
    assert_eq!(decision(unknown), "watch: fact-unknown agent-silent");
}

/// Takes away all room that a Standby needs.
fn no_room(facts: &mut Facts) {
    silence(facts);
    (group(facts).min, group(facts).max) = (3, 3);
}

/// What nothing sends traffic to, and what checks no more than EC2.
fn idle(facts: &mut Facts) {
    group(facts).receives_traffic = false;
    group(facts).health_checks = ["EC2", "EBS"].map(str::to_owned).into();
}

#[test]
fn a_member_leaves_service_before_its_reboot_whatever_its_group_checks() {
    check(&[
        (
            "behind a load balancer",
            HighCpu,
            silence,
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
        (
            "though the group checks no more than EC2",
            HighCpu,
            |facts| {
                silence(facts);
                group(facts).health_checks = ["EC2".to_owned()].into();
            },
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
        (
            "and though nothing sends traffic to it",
            HighCpu,
            |facts| {
                silence(facts);
                idle(facts);
            },
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
        (
            "without room it is replaced while anything sends traffic to it",
            HighCpu,
            |facts| {
                no_room(facts);
                group(facts).health_checks = ["EC2".to_owned()].into();
            },
            "replace: lowest-rung agent-silent standby-impossible",
        ),
        (
            "or while its checks do not wait",
            HighCpu,
            |facts| {
                no_room(facts);
                idle(facts);
                group(facts).health_checks = ["EC2", "VPC_LATTICE"].map(str::to_owned).into();
            },
            "replace: lowest-rung agent-silent standby-impossible",
        ),
        (
            "else it is rebooted in service, where it may be lost as well",
            HighCpu,
            |facts| {
                no_room(facts);
                idle(facts);
            },
            "reboot: lowest-rung agent-silent",
        ),
        (
            "but not where it may not",
            HighCpu,
            |facts| {
                no_room(facts);
                idle(facts);
                disrupt(facts, |_, instance_store| *instance_store = Fact::Known(true));
            },
            "hand over: agent-silent instance-store-lost",
        ),
    ]);
}

#[test]
fn standby_counts_in_the_unit_of_the_group_and_minds_the_zones() {
    check(&[
        (
            "its weight does not fit below",
            HighCpu,
            |facts| {
                silence(facts);
                group(facts).members.iter_mut().for_each(|member| member.weight = Some(4));
                (group(facts).min, group(facts).desired, group(facts).max) = (9, 12, 16);
            },
            "standby with room above, reboot: lowest-rung agent-silent",
        ),
        (
            "nor above",
            HighCpu,
            |facts| {
                silence(facts);
                group(facts).members.iter_mut().for_each(|member| member.weight = Some(4));
                (group(facts).min, group(facts).desired, group(facts).max) = (9, 12, 15);
            },
            "replace: lowest-rung agent-silent standby-impossible",
        ),
        (
            "a zone would be left two behind: one more is started",
            HighCpu,
            zones,
            "standby with room above, reboot: lowest-rung agent-silent",
        ),
        (
            "where there is no room for that it is told",
            HighCpu,
            |facts| {
                zones(facts);
                group(facts).max = group(facts).desired;
            },
            "standby with room below, reboot: lowest-rung agent-silent leaves-zone-behind",
        ),
        (
            "if the group minds its zones",
            HighCpu,
            |facts| {
                zones(facts);
                group(facts).suspended = ["AZRebalance".to_owned()].into();
            },
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
    ]);
}

/// One member in the instance's zone, and two in another.
fn zones(facts: &mut Facts) {
    silence(facts);
    for (member, zone) in group(facts).members.iter_mut().zip(["a", "b", "b"]) {
        zone.clone_into(&mut member.zone);
    }
}

#[test]
fn a_reboot_needs_to_know_its_group() {
    check(&[
        (
            "an unknown membership stops the climb",
            HighCpu,
            |facts| {
                silence(facts);
                facts.membership =
                    Fact::Unknown(unknown("autoscaling:DescribeAutoScalingInstances"));
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "an unknown group stops the climb",
            HighCpu,
            |facts| {
                silence(facts);
                facts.group = read(Fact::Unknown(unknown("autoscaling:DescribeAutoScalingGroups")));
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "a group that nobody asked about is in doubt",
            HighCpu,
            |facts| {
                silence(facts);
                facts.group = GroupFact::NotRead;
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "a group that is gone replaces nobody",
            HighCpu,
            |facts| {
                silence(facts);
                facts.group = read(Fact::Known(None));
            },
            "hand over: agent-silent group-missing",
        ),
    ]);
}

#[test]
fn a_replacement_needs_a_group_that_is_free_to_replace() {
    check(&[
        (
            "a silent agent in a group gets a replacement",
            DiskFull,
            silence,
            "replace: lowest-rung agent-silent",
        ),
        (
            "a group whose owner has not opted in keeps its members",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).tags.clear();
            },
            "hand over: agent-silent group-not-opted-in reboot-frees-nothing",
        ),
        (
            "a value we do not know is not a yes",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).tags = tags("Enabled");
            },
            "hand over: agent-silent group-not-opted-in reboot-frees-nothing",
        ),
        (
            "a group tagged for observation keeps its members",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).tags = tags("observe");
            },
            "hand over: agent-silent group-observed reboot-frees-nothing",
        ),
    ]);
}

#[test]
fn a_replacement_needs_the_processes_that_carry_it_out() {
    check(&[
        (
            "without Launch a replacement only terminates",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).suspended = ["Launch".to_owned()].into();
            },
            "hand over: agent-silent process-suspended reboot-frees-nothing",
        ),
        (
            "without Terminate it fires when that is resumed",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).suspended = ["Terminate".to_owned()].into();
            },
            "hand over: agent-silent process-suspended reboot-frees-nothing",
        ),
        (
            "without ReplaceUnhealthy too",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).suspended = ["ReplaceUnhealthy".to_owned()].into();
            },
            "hand over: agent-silent process-suspended reboot-frees-nothing",
        ),
        (
            "other processes do not matter",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).suspended = ["AZRebalance".to_owned()].into();
            },
            "replace: lowest-rung agent-silent",
        ),
    ]);
}

#[test]
fn a_replacement_needs_a_member_in_service_and_no_refresh() {
    check(&[
        (
            "a running refresh replaces instances itself",
            DiskFull,
            |facts| {
                silence(facts);
                refresh(facts, Fact::Known(Some("InProgress".to_owned())));
            },
            "watch: refresh-running agent-silent",
        ),
        (
            "an unknown refresh stops the climb",
            DiskFull,
            |facts| {
                silence(facts);
                refresh(facts, Fact::Unknown(unknown("autoscaling:DescribeInstanceRefreshes")));
            },
            "watch: fact-unknown agent-silent",
        ),
        (
            "a member that is not in service is the group's",
            DiskFull,
            |facts| {
                silence(facts);
                membership(facts).lifecycle = "Terminating".to_owned();
            },
            "hand over: agent-silent not-in-service reboot-frees-nothing",
        ),
        (
            "an unknown membership stops the climb",
            DiskFull,
            |facts| {
                silence(facts);
                facts.membership =
                    Fact::Unknown(unknown("autoscaling:DescribeAutoScalingInstances"));
            },
            "watch: fact-unknown agent-silent",
        ),
    ]);
}

fn read(group: Fact<Option<Group>>) -> GroupFact {
    GroupFact::Read { group, refresh: Fact::Known(None) }
}

fn refresh(facts: &mut Facts, status: Fact<Option<String>>) {
    match &mut facts.group {
        GroupFact::Read { refresh, .. } => *refresh = status,
        GroupFact::NotRead => panic!("the group is not read"),
    }
}

#[test]
fn a_full_disk_grows_first_then_prefers_replacement_and_the_others_a_reboot() {
    let between = [Rung::Replace, Rung::Reboot];
    assert_eq!(ladder(DiskFull), [Rung::Cleanup, Rung::Grow, between[0], between[1]]);
    for symptom in [HighCpu, MemoryPressure] {
        assert_eq!(ladder(symptom), [Rung::Cleanup, between[1], between[0]]);
    }
}

#[test]
fn more_is_read_only_if_no_cleanup_is_possible() {
    let looks = |tried: &[Rung], change: fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        looks_beyond_cleanup(HighCpu, tried, &facts, &policy())
    };
    assert!(looks(&[], silence), "a silent agent");
    assert!(!looks(&[], nothing), "an agent that answers");
    assert!(!looks(&[], |facts| facts.agent = Fact::Unknown(unknown("x"))), "an unknown agent");
    assert!(looks(&[Rung::Cleanup], nothing), "after a cleanup");
}

#[test]
fn a_decision_depends_on_nothing_but_its_inputs() {
    let decide = || decide(DiskFull, &[], &facts(), &policy());
    assert_eq!(decide(), decide());
    assert_eq!(facts().observed_at, now());
}

/// Changes what is known beyond the instance and its group.
fn disrupt(facts: &mut Facts, change: impl FnOnce(&mut Fact<PoolBook>, &mut Fact<bool>)) {
    match &mut facts.disruption {
        DisruptionFact::Read { pool, instance_store, .. } => change(pool, instance_store),
        DisruptionFact::NotRead => panic!("nothing was read"),
    }
}

#[test]
fn what_is_lost_with_the_instance_is_not_replaced() {
    let decision = |symptom, store: Fact<bool>, tag: Option<&str>| {
        let mut facts = facts();
        silence(&mut facts);
        disrupt(&mut facts, |_, instance_store| *instance_store = store);
        if let Some(tag) = tag {
            instance(&mut facts)
                .tags
                .insert("auto-remediation-instance-store".to_owned(), tag.to_owned());
        }
        said(&decide(symptom, &[], &facts, &policy()))
    };
    let stays = "hand over: agent-silent instance-store-lost reboot-frees-nothing";
    let replaces = "replace: lowest-rung agent-silent";
    assert_eq!(decision(DiskFull, Fact::Known(false), None), replaces);
    assert_eq!(decision(DiskFull, Fact::Known(true), None), stays);
    assert_eq!(decision(DiskFull, Fact::Known(true), Some("yes")), stays);
    assert_eq!(decision(DiskFull, Fact::Known(true), Some("disposable")), replaces);
    let unknown = Fact::Unknown(unknown("ec2:DescribeInstanceTypes"));
    assert_eq!(decision(DiskFull, unknown, None), "watch: fact-unknown agent-silent");
    assert_eq!(
        decision(HighCpu, Fact::Known(true), None),
        "standby with room below, reboot: lowest-rung agent-silent",
        "a reboot keeps it"
    );
}

#[test]
fn what_aws_is_going_to_move_is_not_rebooted() {
    let mut facts = facts();
    silence(&mut facts);
    facts.status = Fact::Known(Some(StatusChecks {
        system_impaired: false,
        instance_impaired: false,
        application_impaired: None,
        volume_impaired: false,
        performance: None,
        initializing: false,
        scheduled: Some(ScheduledEvent {
            code: "instance-retirement".to_owned(),
            not_before: None,
        }),
    }));
    let decision = said(&decide(HighCpu, &[], &facts, &policy()));
    assert_eq!(decision, "replace: lowest-rung agent-silent scheduled-event");
}

/// Facts about an instance whose last incidents of high CPU were ended by
/// these rungs, a day apart, the newest last.
fn repeated(rungs: &[(Symptom, Rung, Stage)]) -> Facts {
    let mut facts = facts();
    let day = |n: usize| ago(24 * 60 * i64::try_from(n).unwrap());
    let past = rungs.iter().enumerate().map(|(n, (symptom, rung, stage))| Past {
        disruptions: 0,
        symptom: *symptom,
        opened_at: day(rungs.len() - n),
        ended_at: day(rungs.len() - n),
        rung: Some(*rung),
        stage: *stage,
    });
    let mut past: Vec<Past> = past.collect();
    if let Some(last) = past.pop() {
        let mut incident = incident(last.symptom);
        incident.attempts = vec![attempt(last.rung.unwrap())];
        (incident.stage, incident.stage_since) = (last.stage, last.ended_at);
        (incident.opened_at, incident.past) = (last.opened_at, past);
        history(&mut facts).latest = Some(incident);
    }
    facts
}

#[test]
fn what_did_not_last_is_skipped_and_the_root_cause_asked_for() {
    let cleaned = (HighCpu, Rung::Cleanup, Stage::Resolved);
    let decision = |rungs: &[_]| said(&decide(HighCpu, &[], &repeated(rungs), &policy()));
    let cleans = "cleanup: lowest-rung";
    assert_eq!(decision(&[]), cleans);
    assert_eq!(decision(&[cleaned]), cleans, "twice may be chance");
    let skips = "standby with room below, reboot: lowest-rung root-cause-needed did-not-last";
    assert_eq!(decision(&[cleaned, cleaned]), skips);
    let other = (DiskFull, Rung::Cleanup, Stage::Resolved);
    assert_eq!(decision(&[cleaned, other]), cleans, "another symptom is another matter");
    let given_up = (HighCpu, Rung::Cleanup, Stage::HandedOver);
    assert_eq!(
        decision(&[given_up, given_up]),
        "cleanup: lowest-rung root-cause-needed",
        "what a person went on from leads to no disruption"
    );
    let rebooted_in_vain = (HighCpu, Rung::Reboot, Stage::HandedOver);
    assert_eq!(
        decision(&[given_up, rebooted_in_vain]),
        "cleanup: lowest-rung root-cause-needed",
        "a cleanup is tried again"
    );
    let decided =
        decide(HighCpu, &[Rung::Cleanup], &repeated(&[given_up, rebooted_in_vain]), &policy());
    assert!(said(&decided).contains("did-not-last"), "a reboot in vain is not: {decided:?}");
    let rebooted = (HighCpu, Rung::Reboot, Stage::Resolved);
    assert_eq!(
        decision(&[cleaned, rebooted]),
        "replace: lowest-rung root-cause-needed did-not-last did-not-last"
    );
    let week = [cleaned; 8];
    assert_eq!(decision(&week), skips);
    let mut old = repeated(&[cleaned, cleaned]);
    old.observed_at = now() + jiff::SignedDuration::from_hours(6 * 24);
    agent(&mut old).last_ping = Some(old.observed_at);
    assert_eq!(said(&decide(HighCpu, &[], &old, &policy())), cleans, "8 days ago is long ago");
    assert!(looks_beyond_cleanup(HighCpu, &[], &repeated(&[cleaned, cleaned]), &policy()));
}

/// Sets a tag of the instance.
fn tagged(facts: &mut Facts, name: &str, value: &str) {
    instance(facts).tags.insert(name.to_owned(), value.to_owned());
}

#[test]
fn what_lies_on_a_data_volume_is_not_lost_for_its_being_full() {
    check(&[
        (
            "a full data volume stays",
            DiskFull,
            |facts| {
                silence(facts);
                facts.mount = MountPoint::new("/data").ok();
            },
            "hand over: agent-silent data-lost reboot-frees-nothing",
        ),
        (
            "so does one that is not known, whatever its owner says of it",
            DiskFull,
            |facts| {
                silence(facts);
                facts.mount = None;
                tagged(facts, "auto-remediation-data", "disposable");
            },
            "hand over: agent-silent data-lost reboot-frees-nothing",
        ),
        (
            "unless its owner says that it holds nothing",
            DiskFull,
            |facts| {
                silence(facts);
                facts.mount = MountPoint::new("/data").ok();
                tagged(facts, "auto-remediation-data", "disposable");
            },
            "replace: lowest-rung agent-silent",
        ),
        (
            "in those words",
            DiskFull,
            |facts| {
                silence(facts);
                facts.mount = MountPoint::new("/data").ok();
                tagged(facts, "auto-remediation-data", "yes");
            },
            "hand over: agent-silent data-lost reboot-frees-nothing",
        ),
    ]);
}

#[test]
fn an_owner_may_limit_the_rungs() {
    check(&[
        (
            "to a cleanup",
            HighCpu,
            |facts| {
                silence(facts);
                tagged(facts, "auto-remediation-max", "cleanup");
            },
            "hand over: agent-silent rung-limited rung-limited",
        ),
        (
            "to a reboot",
            DiskFull,
            |facts| {
                silence(facts);
                tagged(facts, "auto-remediation-max", "reboot");
            },
            "hand over: agent-silent rung-limited reboot-frees-nothing",
        ),
        (
            "to nothing",
            DiskFull,
            |facts| {
                silence(facts);
                tagged(facts, "auto-remediation-max", "replace");
            },
            "replace: lowest-rung agent-silent",
        ),
        (
            "a limit that we do not know allows a cleanup only",
            HighCpu,
            |facts| {
                silence(facts);
                tagged(facts, "auto-remediation-max", "Reboot");
            },
            "hand over: agent-silent rung-limited rung-limited",
        ),
        (
            "a cleanup is never beyond it",
            HighCpu,
            |facts| tagged(facts, "auto-remediation-max", "none"),
            "cleanup: lowest-rung",
        ),
        (
            "the group's owner too",
            HighCpu,
            |facts| {
                silence(facts);
                let tags = &mut group(facts).tags;
                tags.insert("auto-remediation-max".to_owned(), "cleanup".to_owned());
            },
            "hand over: agent-silent rung-limited rung-limited",
        ),
        (
            "the alarm's owner too",
            HighCpu,
            |facts| {
                silence(facts);
                facts.alarm_limit = Some("cleanup".to_owned());
            },
            "hand over: agent-silent rung-limited rung-limited",
        ),
    ]);
}

fn rests(facts: &mut Facts, scope: &str) {
    crate::given::history(facts).pauses = vec![remedy::model::pause::Pause {
        scope: scope.parse().unwrap(),
        reason: "4 in a row did not help".to_owned(),
        owner: "Remedy".to_owned(),
        since: ago(60),
        until: ago(-60),
        harm: false,
    }];
}

#[test]
fn a_rung_that_rests_ends_the_ladder_and_brings_none_forward() {
    check(&[
        (
            "in the instance's pool",
            HighCpu,
            |facts| {
                silence(facts);
                rests(facts, "rung:reboot:high-cpu:group:web-asg");
            },
            "hand over: resting agent-silent",
        ),
        (
            "in the region",
            DiskFull,
            |facts| {
                silence(facts);
                rests(facts, "rung:replace:disk-full:region");
            },
            "hand over: resting agent-silent",
        ),
        (
            "in another pool it does not",
            HighCpu,
            |facts| {
                silence(facts);
                rests(facts, "rung:reboot:high-cpu:group:api-asg");
            },
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
        (
            "for another symptom it does not",
            HighCpu,
            |facts| {
                silence(facts);
                rests(facts, "rung:reboot:memory-pressure:region");
            },
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
        (
            "what comes before it is tried",
            HighCpu,
            |facts| rests(facts, "rung:reboot:high-cpu:region"),
            "cleanup: lowest-rung",
        ),
    ]);
}

#[test]
fn a_schedulers_node_is_its_schedulers_to_drain() {
    check(&[
        (
            "its own tag says whose it is",
            HighCpu,
            |facts| {
                silence(facts);
                tagged(facts, "kubernetes.io/cluster/shop", "owned");
            },
            "hand over: agent-silent managed-node",
        ),
        (
            "or its group's",
            DiskFull,
            |facts| {
                silence(facts);
                group(facts).tags.insert("AmazonECSManaged".to_owned(), String::new());
            },
            "hand over: agent-silent managed-node",
        ),
        (
            "a cleanup is for every host",
            HighCpu,
            |facts| tagged(facts, "aws:elasticmapreduce:job-flow-id", "j-1"),
            "cleanup: lowest-rung",
        ),
        (
            "its owner may let nodes of that kind be disrupted",
            DiskFull,
            |facts| {
                silence(facts);
                tagged(facts, "AWSBatchServiceTag", "batch");
                group(facts).tags.insert("auto-remediation-managed".to_owned(), "batch".to_owned());
            },
            "replace: lowest-rung agent-silent",
        ),
        (
            "of another kind says nothing of this one",
            DiskFull,
            |facts| {
                silence(facts);
                tagged(facts, "AWSBatchServiceTag", "batch");
                tagged(facts, "auto-remediation-managed", "kubernetes");
            },
            "hand over: agent-silent managed-node",
        ),
    ]);
}

#[test]
fn what_only_looked_or_was_refused_is_no_rung_that_others_count() {
    let cleanup = |changed_host| Attempt { changed_host, ..attempt(Rung::Cleanup) };
    let refused = FailedCall { kind: FailureKind::InstanceState, why: "no".to_owned() };
    let refused = Attempt { refused: Some(refused), ..attempt(Rung::Reboot) };
    for (rule, attempts, rung, disruptions) in [
        ("it relieved the host", vec![cleanup(Some(true))], Some(Rung::Cleanup), 0),
        ("nobody knows what it did", vec![cleanup(None)], Some(Rung::Cleanup), 0),
        ("it found nothing to relieve", vec![cleanup(Some(false))], None, 0),
        (
            "the one before it did something",
            vec![attempt(Rung::Reboot), cleanup(Some(false))],
            Some(Rung::Reboot),
            1,
        ),
        ("AWS refused it", vec![refused], None, 0),
    ] {
        let ended = Incident { attempts, stage: Stage::Resolved, ..incident(HighCpu) };
        let past = ended.past_so_far(now()).pop().unwrap();
        assert_eq!((past.rung, past.disruptions), (rung, disruptions), "{rule}");
    }
}

#[test]
fn an_alarms_owner_may_limit_the_rungs_as_well() {
    check(&[
        (
            "the alarm's owner too",
            HighCpu,
            |facts| {
                silence(facts);
                facts.alarm_limit = Some("cleanup".to_owned());
            },
            "hand over: agent-silent rung-limited rung-limited",
        ),
        (
            "the least of all counts",
            DiskFull,
            |facts| {
                silence(facts);
                facts.alarm_limit = Some("replace".to_owned());
                tagged(facts, "auto-remediation-max", "reboot");
            },
            "hand over: agent-silent rung-limited reboot-frees-nothing",
        ),
    ]);
}

#[test]
fn who_is_protected_from_scale_in_is_not_replaced() {
    check(&[(
        "its owner would not have it terminated",
        DiskFull,
        |facts| {
            silence(facts);
            membership(facts).protected = true;
        },
        "hand over: agent-silent scale-in-protected reboot-frees-nothing",
    )]);
}

#[test]
fn a_host_that_nothing_of_ours_can_ask_is_not_disrupted() {
    for platform in [Platform::Windows, Platform::Bottlerocket, Platform::Other] {
        let mut facts = facts();
        silence(&mut facts);
        agent(&mut facts).platform = Some(platform);
        let decision = said(&decide(HighCpu, &[], &facts, &policy()));
        assert_eq!(decision, "hand over: platform-unsupported platform-not-asked", "{platform}");
    }
}

#[test]
fn an_agent_that_has_not_registered_yet_is_waited_for() {
    let decision = |launched, agent: Fact<_>| {
        let mut facts = facts();
        instance(&mut facts).launched_at = Some(ago(launched));
        facts.agent = agent;
        said(&decide(HighCpu, &[], &facts, &policy()))
    };
    assert_eq!(decision(9, Fact::Known(None)), "watch: too-young");
    let reboots = "standby with room below, reboot: lowest-rung agent-absent";
    assert_eq!(decision(10, Fact::Known(None)), reboots);
    let mut silent = facts();
    silence(&mut silent);
    assert_eq!(decision(9, silent.agent), "watch: too-young", "started anew");
}

#[test]
fn only_what_aws_does_soon_keeps_an_instance_from_a_reboot() {
    let reboots = "standby with room below, reboot: lowest-rung agent-silent";
    for (hours, expected) in [
        (24 * 14, reboots),
        (24, reboots),
        (23, "replace: lowest-rung agent-silent scheduled-event"),
        (-1, "replace: lowest-rung agent-silent scheduled-event"),
    ] {
        let mut facts = facts();
        silence(&mut facts);
        let Fact::Known(Some(status)) = &mut facts.status else { panic!("no status") };
        let not_before = Some(ago(-60 * hours));
        status.scheduled =
            Some(ScheduledEvent { code: "system-maintenance".to_owned(), not_before });
        assert_eq!(said(&decide(HighCpu, &[], &facts, &policy())), expected, "in {hours} h");
    }
}

#[test]
fn a_reboot_does_not_mend_what_aws_has_another_remedy_for() {
    let mut facts = facts();
    silence(&mut facts);
    alone(&mut facts);
    let Fact::Known(Some(status)) = &mut facts.status else { panic!("no status") };
    status.performance = Some(Performance { remediation: None });
    let decision = said(&decide(HighCpu, &[], &facts, &policy()));
    assert_eq!(decision, "hand over: agent-silent performance-impaired not-in-group");
}

#[test]
fn a_reboot_mends_no_volume() {
    let mut facts = facts();
    silence(&mut facts);
    alone(&mut facts);
    let Fact::Known(Some(status)) = &mut facts.status else { panic!("no status") };
    status.volume_impaired = true;
    let decision = said(&decide(HighCpu, &[], &facts, &policy()));
    assert_eq!(decision, "hand over: agent-silent volume-impaired not-in-group");
}

fn impaired(facts: &mut Facts, change: fn(&mut StatusChecks)) {
    match &mut facts.status {
        Fact::Known(Some(status)) => change(status),
        other => panic!("no status: {other:?}"),
    }
}

#[test]
fn a_host_that_answers_nobody_begins_with_a_reboot() {
    check(&[
        ("whether its agent answers or not", Unreachable, alone, "reboot: lowest-rung"),
        (
            "a member leaves service first",
            Unreachable,
            nothing,
            "standby with room below, reboot: lowest-rung",
        ),
        (
            "one that its group replaces is left to it",
            Unreachable,
            |facts| membership(facts).healthy = false,
            "watch: group-replaces",
        ),
        (
            "unless somebody keeps the group from it",
            Unreachable,
            |facts| {
                membership(facts).healthy = false;
                group(facts).suspended.insert("ReplaceUnhealthy".to_owned());
            },
            "standby with room below, reboot: lowest-rung",
        ),
        (
            "of other trouble the group's word on its health says nothing",
            HighCpu,
            |facts| {
                silence(facts);
                membership(facts).healthy = false;
            },
            "standby with room below, reboot: lowest-rung agent-silent",
        ),
    ]);
}

#[test]
fn what_is_not_the_hosts_fault_is_never_rebooted() {
    check(&[
        (
            "an impaired host below a lone one is a person's",
            Unreachable,
            |facts| {
                alone(facts);
                impaired(facts, |status| status.system_impaired = true);
            },
            "hand over: system-impaired not-in-group",
        ),
        (
            "unless EC2 moves the instance itself",
            Unreachable,
            |facts| {
                alone(facts);
                instance(facts).auto_recovers = true;
                impaired(facts, |status| status.system_impaired = true);
            },
            "watch: ec2-recovers",
        ),
        (
            "which is no reason to leave other trouble alone",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
                instance(facts).auto_recovers = true;
                impaired(facts, |status| status.system_impaired = true);
            },
            "hand over: agent-silent system-impaired not-in-group",
        ),
        (
            "a member is replaced",
            Unreachable,
            |facts| {
                instance(facts).auto_recovers = true;
                impaired(facts, |status| status.system_impaired = true);
            },
            "replace: lowest-rung system-impaired",
        ),
        (
            "nor is a volume its fault",
            Unreachable,
            |facts| impaired(facts, |status| status.volume_impaired = true),
            "replace: lowest-rung volume-impaired",
        ),
    ]);
}

#[test]
fn a_move_is_offered_only_where_it_moves_the_instance() {
    let commands = |change: fn(&mut Facts)| {
        let mut facts = facts();
        impaired(&mut facts, |status| status.system_impaired = true);
        alone(&mut facts);
        change(&mut facts);
        let decided = decide(Unreachable, &[], &facts, &policy());
        let (Decision::HandOver { because } | Decision::Wait { because }) = decided else {
            panic!("{decided:?}");
        };
        because.iter().flat_map(|why| why.commands(&facts.instance_id)).count()
    };
    assert_eq!(commands(nothing), 1);
    assert_eq!(commands(|facts| instance(facts).auto_recovers = true), 1, "if EC2 does not");
    assert_eq!(commands(|facts| instance(facts).root_is_ebs = false), 0, "its root would be lost");
    let limited = |facts: &mut Facts| {
        facts.membership = Fact::Unknown(unknown("autoscaling:DescribeAutoScalingInstances"));
    };
    assert_eq!(commands(limited), 0, "its group would take that for its death");
}

#[test]
fn for_a_service_no_host_is_rebooted_unless_its_owner_says_so() {
    check(&[
        ("its agent answers", ServiceDown, nothing, "cleanup: lowest-rung"),
        ("nobody can be asked", ServiceDown, silence, "hand over: agent-silent service-only"),
        (
            "its owner allows it",
            ServiceDown,
            |facts| {
                silence(facts);
                alone(facts);
                let tags = &mut instance(facts).tags;
                tags.insert("auto-remediation-service".to_owned(), "reboot".to_owned());
            },
            "reboot: lowest-rung agent-silent",
        ),
        (
            "its owner says something else",
            ServiceDown,
            |facts| {
                silence(facts);
                let tags = &mut instance(facts).tags;
                tags.insert("auto-remediation-service".to_owned(), "Reboot".to_owned());
            },
            "hand over: agent-silent service-only",
        ),
        (
            "another symptom needs no such word",
            HighCpu,
            |facts| {
                silence(facts);
                alone(facts);
            },
            "reboot: lowest-rung agent-silent",
        ),
    ]);
}
