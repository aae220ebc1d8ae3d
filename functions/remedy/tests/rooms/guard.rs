//! What is refused: every guard, and that it alone refuses.

use remedy::alarm::Symptom::{DiskFull, HighCpu, MemoryPressure};
use remedy::alarm::{Alarm, Evidence, Muted};
use remedy::decide::decide;
use remedy::facts::{Fact, Facts, InstanceState};
use remedy::guard::{Refusal, clear};
use remedy::incident::Stage;
use remedy::policy::{Mode, Policy};
use remedy::reason::Reason;

use crate::given::{
    ago, alarm, alone, facts, gap, incident, instance, its_own, membership, now, policy, silence,
    tags,
};

/// A rule, what is changed, and the reasons that alone refuse.
type Row = (&'static str, fn(&mut Alarm, &mut Facts, &mut Policy), &'static [&'static str]);

fn judge(
    change: fn(&mut Alarm, &mut Facts, &mut Policy),
) -> Result<remedy::guard::Cleared, Refusal> {
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
                facts.instance = Fact::Unknown(gap("ec2:DescribeInstances"));
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
            &["not-in-service"],
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
                facts.membership = Fact::Unknown(gap("autoscaling:DescribeAutoScalingInstances"));
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

fn remember(facts: &mut Facts, incident: remedy::incident::Incident) {
    facts.history = Fact::Known(remedy::facts::History { latest: Some(incident) });
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
                remember(facts, remedy::incident::Incident { stage: Stage::Watching, ..incident });
            },
            &["duplicate-delivery"],
        ),
        (
            "an unknown history is refused",
            |_, facts, _| {
                facts.history = Fact::Unknown(gap("dynamodb:GetItem"));
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
            "an expired incident holds nothing",
            |_, facts, _| {
                let expired =
                    remedy::incident::Incident { expires_at: now(), ..incident(DiskFull) };
                remember(facts, expired);
            },
            &[],
        ),
        (
            "a resolved incident holds nothing",
            |_, facts, _| {
                let stage = Stage::Resolved;
                remember(facts, remedy::incident::Incident { stage, ..incident(DiskFull) });
            },
            &[],
        ),
        (
            "an incident that a person has holds nothing",
            |_, facts, _| {
                let stage = Stage::HandedOver;
                remember(facts, remedy::incident::Incident { stage, ..incident(DiskFull) });
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
        judge(|_, facts, _| facts.agent = Fact::Unknown(gap("ssm:Describe"))).unwrap_err();
    assert_eq!(refusal.because, [Reason::FactUnknown(gap("ssm:Describe"))]);
    assert!(!refusal.handed_over, "the next delivery may know more");
}

#[test]
fn what_is_cleared_is_exactly_what_was_decided() {
    let cleared = judge(|_, facts, _| silence(facts)).unwrap();
    assert_eq!(cleared.rung(), remedy::incident::Rung::Replace);
    assert_eq!(cleared.group().map(remedy::ids::GroupName::as_str), Some("web-asg"));
}
