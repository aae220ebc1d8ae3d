//! What is refused: every guard, and that it alone refuses.

use jiff::Timestamp;
use remedy::model::alarm::Symptom::{DiskFull, HighCpu, MemoryPressure, ServiceDown};
use remedy::model::alarm::{Alarm, Evidence, Muted};
use remedy::model::calendar::CalendarState;
use remedy::model::incident::{Rung, Stage};
use remedy::model::pause::Pause;
use remedy::model::policy::{Mode, Policy};
use remedy::model::reason::Reason;
use remedy::model::unknown::Unknown;
use remedy::observe::facts::{DisruptionFact, Fact, Facts, GroupFact};
use remedy::plan::decide::decide;
use remedy::plan::guard::{Refusal, clear, clear_climb};
use remedy::ports::look::{Agent, AlarmSettings, CapacityUnit, InstanceState};

use crate::given::{
    ago, alarm, alone, attempt, before, facts, group, history, incident, instance, its_own, lease,
    membership, now, policy, pool, serving, sick, silence, tags, unknown, zones,
};

/// A rule, what is changed, and the reasons that alone refuse.
type Row = (&'static str, fn(&mut Alarm, &mut Facts, &mut Policy), &'static [&'static str]);

fn judge(
    change: fn(&mut Alarm, &mut Facts, &mut Policy),
) -> Result<remedy::plan::guard::Cleared, Refusal> {
    let (mut alarm, mut facts, mut policy) = (alarm(DiskFull), facts(), policy());
    change(&mut alarm, &mut facts, &mut policy);
    let decision = decide(alarm.symptom, &[], &facts, &policy);
    clear(decision, &alarm, &facts, &policy)
}

/// Reasons of the decision, which a refusal tells after its own.
const OF_THE_DECISION: [&str; 2] = ["lowest-rung", "agent-silent"];

fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (rule, change, expected) in rows {
        let found = match judge(*change) {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal
                .because
                .iter()
                .map(Reason::code)
                .filter(|code| !OF_THE_DECISION.contains(code))
                .collect(),
        };
        if found != *expected {
            wrong.push(format!("{rule}\n  expected {expected:?}\n  but got  {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_instance_must_be_opted_in() {
    check(&[
        ("an enabled instance passes", |_, _, _| {}, &[]),
        (
            "an untagged instance is not ours",
            |_, facts, _| {
                instance(facts).tags.clear();
            },
            &["not-opted-in"],
        ),
        (
            "a value we do not know is not a yes",
            |_, facts, _| {
                instance(facts).tags = tags("true");
            },
            &["not-opted-in"],
        ),
        (
            "values are compared exactly",
            |_, facts, _| {
                instance(facts).tags = tags("Enabled");
            },
            &["not-opted-in"],
        ),
        (
            "a missing instance is refused",
            |_, facts, _| {
                facts.instance = Fact::Known(None);
            },
            &["instance-missing"],
        ),
        (
            "an unknown instance is refused",
            |_, facts, _| {
                facts.instance = Fact::Unknown(unknown("ec2:DescribeInstances"));
            },
            &["fact-unknown"],
        ),
    ]);
}

#[test]
fn an_alarm_must_be_meant_measured_and_fresh() {
    check(&[
        (
            "a muted alarm is refused",
            |alarm, _, _| {
                alarm.muted = Some(Muted { by: "rule".to_owned(), until: None });
            },
            &["muted"],
        ),
        (
            "a suppressed alarm is refused",
            |alarm, _, _| {
                alarm.suppressed_by = Some("WaitPeriod".to_owned());
            },
            &["suppressed"],
        ),
        ("15 minutes are fresh", |alarm, _, _| alarm.changed_at = ago(15), &[]),
        ("16 minutes are stale", |alarm, _, _| alarm.changed_at = ago(16), &["stale"]),
        ("clocks may differ by 2 minutes", |alarm, _, _| alarm.changed_at = ago(-2), &[]),
        ("but not by 3", |alarm, _, _| alarm.changed_at = ago(-3), &["from-the-future"]),
        (
            "an alarm without a datapoint is refused",
            |alarm, _, _| {
                alarm.evidence = Evidence::Nothing { why: "missing data".to_owned() };
            },
            &["unmeasured"],
        ),
        (
            "an alarm without a sense is refused",
            |alarm, _, _| {
                alarm.evidence = Evidence::Unclear { why: "metric math".to_owned() };
            },
            &["unclear"],
        ),
        ("a person's word is evidence", |alarm, _, _| alarm.evidence = Evidence::Asked, &[]),
    ]);
}

#[test]
fn an_instance_must_be_where_it_serves() {
    check(&[
        (
            "a stopping instance is somebody else's doing",
            |_, facts, _| {
                instance(facts).state = InstanceState::Not("stopping".to_owned());
            },
            &["not-running"],
        ),
        (
            "a member in Standby is somebody's",
            |_, facts, _| {
                membership(facts).lifecycle = "Standby".to_owned();
            },
            &["not-yet-in-service"],
        ),
        (
            "a member on its way out is the group's",
            |_, facts, _| {
                membership(facts).lifecycle = "Terminating:Wait".to_owned();
            },
            &["not-in-service"],
        ),
        (
            "an unknown membership is refused, for a cleanup too",
            |_, facts, _| {
                facts.membership =
                    Fact::Unknown(unknown("autoscaling:DescribeAutoScalingInstances"));
            },
            &["fact-unknown"],
        ),
        ("an instance in no group serves", |_, facts, _| alone(facts), &[]),
    ]);
}

#[test]
fn one_of_several_suspects_is_not_disrupted() {
    check(&[
        (
            "a replacement needs the one instance",
            |alarm, facts, _| {
                alarm.watched = 2;
                silence(facts);
            },
            &["which-instance"],
        ),
        (
            "a reboot too",
            |alarm, facts, _| {
                alarm.symptom = HighCpu;
                alarm.watched = 2;
                silence(facts);
                alone(facts);
            },
            &["which-instance"],
        ),
        ("a cleanup looks first and may visit each", |alarm, _, _| alarm.watched = 2, &[]),
        ("one suspect may be disrupted", |_, facts, _| silence(facts), &[]),
    ]);
}

fn remember(facts: &mut Facts, incident: remedy::model::incident::Incident) {
    history(facts).latest = Some(incident);
}

#[test]
fn a_transition_is_answered_once_and_an_instance_has_one_incident() {
    check(&[
        (
            "a transition that was answered is a duplicate, though closed",
            |alarm, facts, _| {
                remember(facts, its_own(alarm));
            },
            &["duplicate-delivery"],
        ),
        (
            "and while it is open, only that",
            |alarm, facts, _| {
                let incident = its_own(alarm);
                remember(
                    facts,
                    remedy::model::incident::Incident { stage: Stage::Watching, ..incident },
                );
            },
            &["duplicate-delivery"],
        ),
        (
            "an unknown history is refused",
            |_, facts, _| {
                facts.history = Fact::Unknown(unknown("dynamodb:BatchGetItem"));
            },
            &["fact-unknown"],
        ),
        (
            "an open incident holds the instance",
            |_, facts, _| {
                remember(facts, incident(DiskFull));
            },
            &["incident-open"],
        ),
        (
            "whatever its symptom",
            |_, facts, _| {
                remember(facts, incident(MemoryPressure));
            },
            &["incident-open"],
        ),
        (
            "an incident that ran out of time is for the next beat to end",
            |_, facts, _| {
                let expires_at = ago(29);
                remember(
                    facts,
                    remedy::model::incident::Incident { expires_at, ..incident(DiskFull) },
                );
            },
            &["incident-open"],
        ),
        (
            "and if no beat comes it holds nothing",
            |_, facts, _| {
                let expires_at = ago(31);
                remember(
                    facts,
                    remedy::model::incident::Incident { expires_at, ..incident(DiskFull) },
                );
            },
            &[],
        ),
    ]);
}

#[test]
fn an_incident_that_has_ended_holds_nothing() {
    check(&[
        (
            "a resolved incident holds nothing",
            |_, facts, _| {
                let stage = Stage::Resolved;
                remember(facts, remedy::model::incident::Incident { stage, ..incident(DiskFull) });
            },
            &[],
        ),
        (
            "an incident that a person has holds nothing",
            |_, facts, _| {
                let stage = Stage::HandedOver;
                remember(facts, remedy::model::incident::Incident { stage, ..incident(DiskFull) });
            },
            &[],
        ),
    ]);
}

#[test]
fn whoever_asks_to_observe_is_heard() {
    check(&[
        ("the tag", |_, facts, _| instance(facts).tags = tags("observe"), &["observing"]),
        ("the deployment", |_, _, policy| policy.mode = Mode::Observe, &["observing"]),
        ("the request", |alarm, _, _| alarm.observe = true, &["observing"]),
    ]);
    assert_eq!(Policy::default().mode, Mode::Observe, "observing is the default");
}

#[test]
fn every_reason_is_told_and_the_guards_reasons_first() {
    let refusal = judge(|alarm, facts, _| {
        alarm.changed_at = ago(60);
        instance(facts).tags.clear();
        silence(facts);
    })
    .unwrap_err();
    let codes: Vec<&str> = refusal.because.iter().map(Reason::code).collect();
    assert_eq!(codes, ["stale", "not-opted-in", "lowest-rung", "agent-silent"]);
}

#[test]
fn only_what_is_ours_is_handed_over() {
    let no_rung_left: fn(&mut Alarm, &mut Facts, &mut Policy) = |_, facts, _| {
        silence(facts);
        alone(facts);
    };
    let refusal = judge(no_rung_left).unwrap_err();
    assert!(refusal.handed_over);
    assert_eq!(refusal.rung, None);

    let refusal = judge(|_, facts, _| {
        silence(facts);
        alone(facts);
        instance(facts).tags.clear();
    })
    .unwrap_err();
    assert!(!refusal.handed_over, "a stranger's instance is not handed to our people");
}

#[test]
fn doubt_is_a_refusal_that_names_the_call() {
    let refusal =
        judge(|_, facts, _| facts.agent = Fact::Unknown(unknown("ssm:Describe"))).unwrap_err();
    assert_eq!(refusal.because, [Reason::FactUnknown(unknown("ssm:Describe"))]);
    assert!(!refusal.handed_over, "the next delivery may know more");
}

#[test]
fn what_is_cleared_is_exactly_what_was_decided() {
    let cleared = judge(|_, facts, _| silence(facts)).unwrap();
    assert_eq!(cleared.rung(), remedy::model::incident::Rung::Replace);
    assert_eq!(cleared.group().map(remedy::model::ids::GroupName::as_str), Some("web-asg"));
}

fn pause(scope: &str, minutes: i64) -> Pause {
    Pause {
        scope: scope.parse().unwrap(),
        reason: "a release".to_owned(),
        owner: "Anna".to_owned(),
        since: ago(60),
        until: ago(-minutes),
        harm: false,
    }
}

#[test]
fn a_persons_pause_is_obeyed() {
    check(&[
        (
            "everything is paused",
            |_, facts, _| history(facts).pauses = vec![pause("all", 1)],
            &["paused"],
        ),
        (
            "the group is",
            |_, facts, _| history(facts).pauses = vec![pause("group:web-asg", 1)],
            &["paused"],
        ),
        (
            "the symptom is",
            |_, facts, _| history(facts).pauses = vec![pause("symptom:disk-full", 1)],
            &["paused"],
        ),
        (
            "the instance is",
            |alarm, facts, _| {
                let scope = format!("instance:{}", alarm.instance_id);
                history(facts).pauses = vec![pause(&scope, 1)];
            },
            &["paused"],
        ),
        (
            "others are",
            |_, facts, _| {
                history(facts).pauses = vec![pause("group:db", 1), pause("symptom:high-cpu", 1)];
            },
            &[],
        ),
        (
            "a pause ends by itself",
            |_, facts, _| history(facts).pauses = vec![pause("all", 0)],
            &[],
        ),
    ]);
}

fn busy(tags: &mut std::collections::BTreeMap<String, String>, until: &str) {
    tags.insert("auto-remediation-busy-until".to_owned(), until.to_owned());
}

#[test]
fn work_in_progress_is_left_alone() {
    check(&[
        (
            "a pipeline is at work on the instance",
            |_, facts, _| {
                silence(facts);
                busy(&mut instance(facts).tags, "2026-11-20T03:14:01Z");
            },
            &["busy"],
        ),
        (
            "or on its group",
            |_, facts, _| {
                silence(facts);
                busy(&mut group(facts).tags, "2026-11-20T15:14:00Z");
            },
            &["busy"],
        ),
        (
            "it ends by itself",
            |_, facts, _| {
                silence(facts);
                busy(&mut instance(facts).tags, "2026-11-20T03:14:00Z");
            },
            &[],
        ),
        (
            "what cannot be read is busy",
            |_, facts, _| {
                silence(facts);
                busy(&mut group(facts).tags, "soon");
            },
            &["busy-unclear"],
        ),
        (
            "so is what lies too far ahead",
            |_, facts, _| {
                silence(facts);
                busy(&mut instance(facts).tags, "2026-11-20T15:14:01Z");
            },
            &["busy-unclear"],
        ),
        (
            "a cleanup looks first",
            |_, facts, _| busy(&mut instance(facts).tags, "2026-11-20T04:00:00Z"),
            &[],
        ),
        (
            "one that starts services does not",
            |alarm, facts, _| {
                alarm.symptom = ServiceDown;
                busy(&mut instance(facts).tags, "2026-11-20T04:00:00Z");
            },
            &["busy"],
        ),
    ]);
}

#[test]
fn a_member_that_is_protected_by_itself_is_at_work() {
    check(&[
        (
            "its reboot waits",
            |alarm, facts, _| {
                alarm.symptom = HighCpu;
                silence(facts);
                membership(facts).protected = true;
            },
            &["at-work"],
        ),
        (
            "where all are protected that says nothing of this one",
            |alarm, facts, _| {
                alarm.symptom = HighCpu;
                silence(facts);
                membership(facts).protected = true;
                group(facts).protects_new = true;
            },
            &[],
        ),
        ("a cleanup disturbs nobody", |_, facts, _| membership(facts).protected = true, &[]),
    ]);
}

#[test]
fn the_later_of_two_times_is_told() {
    let refusal = judge(|_, facts, _| {
        silence(facts);
        busy(&mut instance(facts).tags, "2026-11-20T04:00:00Z");
        busy(&mut group(facts).tags, "2026-11-20T05:30:00Z");
    })
    .unwrap_err();
    assert!(refusal.passes);
    let told = refusal.because[0].to_string();
    assert!(told.starts_with("its group is busy until 2026-11-20 05:30:00 UTC"), "{told}");
}

fn closed(until: Option<Timestamp>) -> Fact<Option<CalendarState>> {
    Fact::Known(Some(CalendarState { is_open: false, until }))
}

fn under(tags: &mut std::collections::BTreeMap<String, String>, calendars: &str) {
    tags.insert("auto-remediation-calendar".to_owned(), calendars.to_owned());
}

#[test]
fn a_closed_calendar_holds_disruptions_back() {
    check(&[
        (
            "the deployment's",
            |_, facts, policy| {
                silence(facts);
                policy.calendars.insert("freeze".to_owned());
                facts.calendar = closed(Some(ago(-60)));
            },
            &["calendar-closed"],
        ),
        (
            "one that the instance's tag names",
            |_, facts, _| {
                silence(facts);
                under(&mut instance(facts).tags, "freeze");
                facts.calendar = closed(None);
            },
            &["calendar-closed"],
        ),
        (
            "or its group's",
            |_, facts, _| {
                silence(facts);
                under(&mut group(facts).tags, "freeze");
                facts.calendar = closed(None);
            },
            &["calendar-closed"],
        ),
        (
            "an open one does not",
            |_, facts, policy| {
                silence(facts);
                policy.calendars.insert("freeze".to_owned());
                let open = CalendarState { is_open: true, until: Some(ago(-1)) };
                facts.calendar = Fact::Known(Some(open));
            },
            &[],
        ),
    ]);
}

#[test]
fn what_a_calendar_says_must_be_known_and_cleanups_pass() {
    check(&[
        (
            "what it says must be known",
            |_, facts, policy| {
                silence(facts);
                policy.calendars.insert("freeze".to_owned());
                facts.calendar = Fact::Unknown(unknown("ssm:GetCalendarState"));
            },
            &["fact-unknown"],
        ),
        (
            "nobody asks where none is named",
            |_, facts, _| {
                silence(facts);
                facts.calendar = Fact::Unknown(unknown("ssm:GetCalendarState"));
            },
            &[],
        ),
        (
            "a cleanup passes",
            |_, facts, _| {
                under(&mut instance(facts).tags, "freeze");
                facts.calendar = closed(None);
            },
            &[],
        ),
        (
            "unless the tag says all",
            |_, facts, _| {
                under(&mut instance(facts).tags, "freeze all");
                facts.calendar = closed(None);
            },
            &["calendar-closed"],
        ),
    ]);
}

#[test]
fn nothing_is_disrupted_in_a_zone_that_is_not_well() {
    check(&[
        (
            "by EC2's own word",
            |alarm, facts, _| {
                silence(facts);
                alone(facts);
                alarm.symptom = HighCpu;
                instance(facts).zone = "eu-central-1b".to_owned();
                facts.zones = Fact::Known(zones("impaired"));
            },
            &["zone-unwell"],
        ),
        (
            "whatever that is",
            |alarm, facts, _| {
                silence(facts);
                alone(facts);
                alarm.symptom = HighCpu;
                instance(facts).zone = "eu-central-1b".to_owned();
                facts.zones = Fact::Known(zones("constrained"));
            },
            &["zone-unwell"],
        ),
        (
            "a cleanup is allowed there",
            |_, facts, _| {
                instance(facts).zone = "eu-central-1b".to_owned();
                facts.zones = Fact::Known(zones("impaired"));
            },
            &[],
        ),
        (
            "its members count as out elsewhere",
            |_, facts, _| {
                silence(facts);
                facts.zones = Fact::Known(zones("impaired"));
            },
            &["too-few-healthy"],
        ),
        (
            "so do those of a zone that a person has paused",
            |_, facts, _| {
                silence(facts);
                history(facts).pauses = vec![pause("zone:eu-central-1b", 1)];
            },
            &["too-few-healthy"],
        ),
        (
            "which pauses what is there",
            |_, facts, _| history(facts).pauses = vec![pause("zone:eu-central-1a", 1)],
            &["paused"],
        ),
    ]);
}

#[test]
fn what_ec2_says_of_the_zones_must_be_known() {
    check(&[
        (
            "what EC2 says must be known",
            |_, facts, _| {
                silence(facts);
                facts.zones = Fact::Unknown(unknown("ec2:DescribeAvailabilityZones"));
            },
            &["fact-unknown"],
        ),
        (
            "of the instance's own zone",
            |_, facts, _| {
                silence(facts);
                instance(facts).zone = "eu-central-1d".to_owned();
            },
            &["fact-unknown"],
        ),
    ]);
}

#[test]
fn an_instance_rests_after_an_incident() {
    check(&[
        (
            "whatever the symptom was",
            |_, facts, _| remember(facts, before(MemoryPressure, 14)),
            &["cooling-down"],
        ),
        ("for 15 minutes", |_, facts, _| remember(facts, before(DiskFull, 15)), &[]),
        (
            "but not after one in which nothing was done",
            |_, facts, _| {
                let attempts = Vec::new();
                remember(
                    facts,
                    remedy::model::incident::Incident { attempts, ..before(DiskFull, 1) },
                );
            },
            &[],
        ),
    ]);
}

#[test]
fn no_more_are_out_of_service_than_the_budget() {
    check(&[
        (
            "one of three is out already",
            |_, facts, _| {
                silence(facts);
                pool(facts).leases = vec![lease(0)];
            },
            &["budget-spent"],
        ),
        (
            "a void lease is nobody's",
            |_, facts, _| {
                silence(facts);
                pool(facts).leases = vec![remedy::model::pool::Lease { until: now(), ..lease(0) }];
            },
            &[],
        ),
        ("a cleanup disrupts nobody", |_, facts, _| pool(facts).leases = vec![lease(0)], &[]),
        (
            "of twenty two may be",
            |_, facts, _| {
                silence(facts);
                serving(facts, 20, 20);
                pool(facts).leases = vec![lease(0)];
            },
            &[],
        ),
        (
            "standalone instances have a budget too",
            |alarm, facts, _| {
                alarm.symptom = HighCpu;
                silence(facts);
                alone(facts);
                pool(facts).leases = vec![lease(0)];
            },
            &["budget-spent"],
        ),
    ]);
    let cleared = judge(|_, facts, _| {
        silence(facts);
        serving(facts, 20, 20);
        pool(facts).leases = vec![lease(0)];
    });
    assert_eq!(cleared.unwrap().slot().map(|slot| slot.number), Some(1));
    assert_eq!(judge(|_, _, _| {}).unwrap().slot(), None, "a cleanup takes no slot");
}

#[test]
fn so_many_others_must_be_healthy() {
    check(&[
        (
            "another member is down already",
            |_, facts, _| {
                silence(facts);
                serving(facts, 3, 2);
            },
            &["too-few-healthy"],
        ),
        (
            "the group itself takes this one for unhealthy",
            |_, facts, _| {
                silence(facts);
                serving(facts, 3, 3);
                membership(facts).healthy = false;
                group(facts).members[0].healthy = false;
            },
            &[],
        ),
        ("a cleanup spares nobody", |_, facts, _| serving(facts, 3, 1), &[]),
        (
            "the only member has no others",
            |_, facts, _| {
                silence(facts);
                serving(facts, 1, 1);
            },
            &[],
        ),
        (
            "a maintenance policy may ask for more than the budget leaves",
            |_, facts, _| {
                silence(facts);
                serving(facts, 20, 19);
                group(facts).maintenance = Some((95, 110));
            },
            &["too-few-healthy"],
        ),
        (
            "without one the budget decides",
            |_, facts, _| {
                silence(facts);
                serving(facts, 20, 19);
            },
            &[],
        ),
        (
            "one that launches first spares one",
            |_, facts, _| {
                silence(facts);
                group(facts).maintenance = Some((100, 110));
            },
            &[],
        ),
    ]);
}

#[test]
fn what_many_suffer_from_is_not_mended_one_by_one() {
    check(&[
        (
            "three of three",
            |_, facts, _| {
                silence(facts);
                pool(facts).sick = sick(3);
            },
            &["correlated-failure"],
        ),
        (
            "two of three are two incidents",
            |_, facts, _| {
                silence(facts);
                pool(facts).sick = sick(2);
            },
            &[],
        ),
        ("a cleanup is allowed", |_, facts, _| pool(facts).sick = sick(3), &[]),
        (
            "high CPU on most of the group is load",
            |alarm, facts, _| {
                alarm.symptom = HighCpu;
                silence(facts);
                pool(facts).sick = sick(3);
            },
            &["load-not-fault"],
        ),
    ]);
}

#[test]
fn nobodys_session_is_torn_down() {
    check(&[
        (
            "a session is open",
            |_, facts, _| {
                silence(facts);
                sessions(facts, Fact::Known(1));
            },
            &["person-present"],
        ),
        ("a cleanup tears nothing down", |_, facts, _| sessions(facts, Fact::Known(1)), &[]),
    ]);
}

fn sessions(facts: &mut Facts, value: Fact<usize>) {
    facts.sessions = value;
}

/// Every fact a guard of a disruption needs, made unreadable: refused, with the
/// call by name, and for as long as it lasts.
#[test]
fn what_cannot_be_read_is_never_a_pass() {
    type Hide = fn(&mut Facts);
    let rows: [(&str, Hide); 10] = [
        ("ec2:DescribeInstances", |f| f.instance = not_known("ec2:DescribeInstances")),
        ("ec2:DescribeInstanceStatus", |f| f.status = not_known("ec2:DescribeInstanceStatus")),
        ("ssm:DescribeInstanceInformation", |f| {
            f.agent = not_known("ssm:DescribeInstanceInformation");
        }),
        ("autoscaling:DescribeAutoScalingInstances", |f| {
            f.membership = not_known("autoscaling:DescribeAutoScalingInstances");
        }),
        ("autoscaling:DescribeAutoScalingGroups", |f| match &mut f.group {
            GroupFact::Read { group, .. } => {
                *group = not_known("autoscaling:DescribeAutoScalingGroups");
            }
            GroupFact::NotRead => panic!("the group is not read"),
        }),
        ("autoscaling:DescribeInstanceRefreshes", |f| match &mut f.group {
            GroupFact::Read { refresh, .. } => {
                *refresh = not_known("autoscaling:DescribeInstanceRefreshes");
            }
            GroupFact::NotRead => panic!("the group is not read"),
        }),
        ("dynamodb:BatchGetItem", |f| f.history = not_known("dynamodb:BatchGetItem")),
        ("cloudwatch:DescribeAlarms", |f| f.alarm = not_known("cloudwatch:DescribeAlarms")),
        ("ssm:DescribeSessions", |f| sessions(f, not_known("ssm:DescribeSessions"))),
        ("dynamodb:BatchGetItem", |f| match &mut f.disruption {
            DisruptionFact::Read { pool, .. } => *pool = not_known("dynamodb:BatchGetItem"),
            DisruptionFact::NotRead => panic!("nothing was read"),
        }),
    ];
    for (call, hide) in rows {
        let (mut alarm, mut facts) = (alarm(HighCpu), facts());
        alarm.changed_at = ago(1);
        silence(&mut facts);
        let before = decide(HighCpu, &[], &facts, &policy());
        assert!(clear(before, &alarm, &facts, &policy()).is_ok(), "{call} is the only doubt");
        hide(&mut facts);
        let decision = decide(HighCpu, &[], &facts, &policy());
        let refusal = clear(decision, &alarm, &facts, &policy()).unwrap_err();
        let named = |reason: &Reason| match reason {
            Reason::FactUnknown(Unknown::Call(failed)) => failed.call == call,
            _ => false,
        };
        assert!(refusal.because.iter().any(named), "{call}: {:?}", refusal.because);
        assert!(refusal.passes && !refusal.handed_over, "{call}: it is asked again");
    }
    let nothing_read = judge(|_, facts, _| {
        silence(facts);
        facts.disruption = DisruptionFact::NotRead;
    });
    assert!(nothing_read.is_err());
}

fn not_known<T>(call: &'static str) -> Fact<T> {
    Fact::Unknown(unknown(call))
}

#[test]
fn only_what_may_pass_by_itself_is_waited_for() {
    let passes = |change| judge(change).unwrap_err().passes;
    assert!(passes(|_, facts, _| history(facts).pauses = vec![pause("all", 1)]));
    assert!(!passes(|_, facts, _| {
        history(facts).pauses = vec![pause("all", 1)];
        instance(facts).tags.clear();
    }));
    assert!(!passes(|alarm, _, _| alarm.changed_at = ago(16)));
    assert!(!passes(|_, facts, _| {
        silence(facts);
        alone(facts);
    }));
}

/// One that nothing but a disruption is left for, alone, so that a reboot is.
fn to_be_rebooted(alarm: &mut Alarm, facts: &mut Facts) {
    alarm.symptom = HighCpu;
    silence(facts);
    alone(facts);
}

fn settings(facts: &mut Facts, change: impl FnOnce(&mut AlarmSettings)) {
    match &mut facts.alarm {
        Fact::Known(Some(alarm)) => change(alarm),
        other => panic!("no alarm: {other:?}"),
    }
}

#[test]
fn what_an_alarms_owner_has_set_is_honoured() {
    check(&[
        (
            "an alarm that acts on nothing",
            |_, facts, _| {
                silence(facts);
                settings(facts, |alarm| alarm.actions_enabled = false);
            },
            &["alarm-actions-disabled"],
        ),
        (
            "a cleanup disrupts nobody",
            |_, facts, _| settings(facts, |alarm| alarm.actions_enabled = false),
            &[],
        ),
        (
            "an alarm that reboots its instance itself",
            |_, facts, _| {
                silence(facts);
                let reboots = "arn:aws:automate:eu-central-1:ec2:reboot";
                settings(facts, |alarm| alarm.actions = vec![reboots.to_owned()]);
            },
            &["alarm-acts-itself"],
        ),
        (
            "or does so in another partition, by the older way",
            |_, facts, _| {
                silence(facts);
                let stops = "arn:aws-cn:swf:cn-north-1:111122223333:action/actions/\
                             AWS_EC2.InstanceId.Stop/1.0";
                settings(facts, |alarm| alarm.actions = vec![stops.to_owned()]);
            },
            &["alarm-acts-itself"],
        ),
        (
            "an alarm that tells people and scales",
            |_, facts, _| {
                silence(facts);
                settings(facts, |alarm| {
                    alarm.actions = vec![
                        "arn:aws:sns:eu-central-1:111122223333:ec2".to_owned(),
                        "arn:aws:autoscaling:eu-central-1:111122223333:scalingPolicy:1".to_owned(),
                    ];
                });
            },
            &[],
        ),
        (
            "a request has no alarm",
            |_, facts, _| {
                silence(facts);
                facts.alarm = Fact::Known(None);
            },
            &[],
        ),
    ]);
}

#[test]
fn who_still_boots_is_left_to_it() {
    check(&[
        (
            "launched 9 minutes ago",
            |alarm, facts, _| {
                to_be_rebooted(alarm, facts);
                instance(facts).launched_at = Some(ago(9));
            },
            &["too-young"],
        ),
        (
            "its checks have no verdict yet",
            |alarm, facts, _| {
                to_be_rebooted(alarm, facts);
                let Fact::Known(Some(status)) = &mut facts.status else { panic!("no status") };
                status.initializing = true;
            },
            &["too-young"],
        ),
        ("launched 10 minutes ago", |alarm, facts, _| to_be_rebooted(alarm, facts), &[]),
        ("a cleanup may look", |_, facts, _| instance(facts).launched_at = Some(ago(1)), &[]),
    ]);
}

/// Only a host that cannot speak is disrupted on the measurement alone, so that must be known.
#[test]
fn whether_a_host_can_speak_must_be_known() {
    let refused = |agent: Fact<Option<Agent>>| {
        let mut incident = incident(HighCpu);
        incident.attempts = vec![attempt(Rung::Cleanup)];
        let mut facts = facts();
        facts.agent = agent;
        let decision = decide(HighCpu, &incident.tried(), &facts, &policy());
        clear_climb(decision, &incident, &facts, &policy())
            .map_err(|refusal| (refusal.because[0].code(), refusal.passes))
            .map(|cleared| cleared.rung())
    };
    let agent = not_known("ssm:DescribeInstanceInformation");
    assert_eq!(refused(agent), Err(("fact-unknown", true)));
    assert_eq!(refused(Fact::Known(None)), Ok(Rung::Reboot));
}

#[test]
fn a_weighted_group_is_counted_in_weights() {
    fn weigh(facts: &mut Facts, weights: &[u32], healthy: u32) {
        let count = u32::try_from(weights.len()).unwrap();
        serving(facts, count, healthy);
        group(facts).desired = weights.iter().sum();
        for (member, weight) in group(facts).members.iter_mut().zip(weights) {
            member.weight = Some(*weight);
        }
    }
    check(&[
        (
            "all of it is healthy",
            |_, facts, _| {
                silence(facts);
                weigh(facts, &[8, 8, 8, 8], 4);
            },
            &[],
        ),
        (
            "the large one is not",
            |_, facts, _| {
                silence(facts);
                weigh(facts, &[1, 1, 1, 16], 3);
            },
            &["too-few-healthy"],
        ),
        (
            "its budget is of members: one of four, however much it weighs",
            |_, facts, _| {
                silence(facts);
                weigh(facts, &[25, 25, 25, 25], 4);
                pool(facts).leases = vec![lease(0)];
            },
            &["budget-spent"],
        ),
        (
            "so is what many suffer from",
            |_, facts, _| {
                silence(facts);
                weigh(facts, &[25, 25, 25, 25], 4);
                pool(facts).sick = sick(3);
            },
            &["correlated-failure"],
        ),
        (
            "processors tell nothing of members, which are counted then",
            |_, facts, _| {
                silence(facts);
                serving(facts, 4, 4);
                (group(facts).desired, group(facts).unit) = (64, CapacityUnit::Other);
            },
            &[],
        ),
        (
            "of which one is not healthy",
            |_, facts, _| {
                silence(facts);
                serving(facts, 4, 3);
                (group(facts).desired, group(facts).unit) = (64, CapacityUnit::Other);
            },
            &["too-few-healthy"],
        ),
    ]);
}

#[test]
fn who_may_come_into_service_is_waited_for() {
    for (lifecycle, waits) in [
        ("Pending", true),
        ("Pending:Wait", true),
        ("Standby", true),
        ("EnteringStandby", true),
        ("Warmed:Stopped", true),
        ("Warmed:Pending:Wait", true),
        ("Terminating:Wait", false),
        ("Detached", false),
    ] {
        for can_answer in [true, false] {
            let (mut alarm, mut facts) = (alarm(HighCpu), facts());
            alarm.changed_at = ago(1);
            if !can_answer {
                silence(&mut facts);
            }
            membership(&mut facts).lifecycle = lifecycle.to_owned();
            let decision = decide(HighCpu, &[], &facts, &policy());
            let refusal = clear(decision, &alarm, &facts, &policy()).unwrap_err();
            assert_eq!(refusal.passes, waits, "{lifecycle}: {:?}", refusal.because);
        }
    }
}
