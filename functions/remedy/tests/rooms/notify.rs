//! What people get, and that no text from outside can spoil it.

use proptest::prelude::*;
use remedy::alarm::{Seen, Symptom};
use remedy::facts::Gap;
use remedy::ids::{GroupName, InstanceId};
use remedy::incident::Rung;
use remedy::notify::{Notification, SUBJECT_CHARS_MAX, render};
use remedy::reason::Reason;
use remedy::report::{Outcome, Report};

use crate::given::{alarm, now};

fn report(outcome: Outcome, rung: Option<Rung>, because: Vec<Reason>) -> Report {
    let alarm = alarm(Symptom::MemoryPressure);
    Report {
        incident_id: alarm.incident_id(),
        instance_id: alarm.instance_id.clone(),
        symptom: alarm.symptom,
        outcome,
        rung,
        observe: false,
        because,
        handed_over: false,
        group: None,
        command_id: None,
        seen: Seen::of(&alarm),
        at: now(),
        stage: None,
        told: false,
    }
}

fn check(notification: &Notification) -> Result<(), TestCaseError> {
    let subject = &notification.subject;
    prop_assert!((1..=SUBJECT_CHARS_MAX).contains(&subject.len()), "{subject:?}");
    prop_assert!(subject.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{subject:?}");
    prop_assert!(!subject.starts_with(' '), "{subject:?}");
    let unruly = |c: &char| (c.is_control() && *c != '\n') || turns(*c);
    prop_assert_eq!(notification.text.chars().find(unruly), None);
    prop_assert!(notification.text.len() < 64 * 1024, "SNS takes 256 KB, people far less");
    Ok(())
}

/// The characters that turn the direction of writing (Unicode's `Bidi_Control`)
/// or break a line.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}')
}

/// Texts as an attacker would write an alarm name, a tag or an error.
fn hostile() -> impl Strategy<Value = String> {
    let unruly = prop::sample::select(vec![
        '\n', '\r', '\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{61c}', '\u{200f}', '\u{202e}',
        '\u{2028}', '\u{2066}', '\u{feff}', '{', '"', '\\',
    ]);
    let c = prop_oneof![unruly, any::<char>(), proptest::char::range(' ', '~')];
    prop_oneof![
        prop::collection::vec(c, 0..200).prop_map(String::from_iter),
        any::<char>().prop_map(|c| c.to_string().repeat(10_000 / c.len_utf8())),
    ]
}

fn any_report() -> impl Strategy<Value = Report> {
    let outcome = prop::sample::select(vec![Outcome::Acted, Outcome::Held, Outcome::Resolved]);
    let rung = prop::sample::select(vec![
        None,
        Some(Rung::Cleanup),
        Some(Rung::Reboot),
        Some(Rung::Replace),
    ]);
    let texts = (hostile(), hostile(), hostile(), hostile());
    (outcome, rung, texts, any::<(bool, bool, bool)>()).prop_map(
        |(outcome, rung, (name, metric, reason, found), (handed_over, observe, valued))| {
            let because = vec![
                Reason::NotOptedIn { found: Some(found.clone()) },
                Reason::Muted { by: found.clone() },
                Reason::ActionFailed { call: "ssm:SendCommand", why: found.clone() },
                Reason::FactUnknown(Gap { call: "ec2:DescribeInstances", why: found.clone() }),
            ];
            let mut report = report(outcome, rung, because);
            let value = report.seen.value.filter(|_| valued);
            report.seen = Seen { alarm: name, metric, reason, value, ..report.seen };
            report.group = GroupName::new(found).ok();
            report.instance_id = InstanceId::new("i-0a1b2c3d4e5f60718").unwrap();
            Report { handed_over, observe, ..report }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_from_outside_spoils_a_notification(report in any_report()) {
        check(&render(&report))?;
    }
}

#[test]
fn the_subject_says_what_about_whom_and_what_was_done() {
    let stale = Reason::NothingOpen;
    let rows = [
        (Outcome::Acted, Some(Rung::Reboot), "reboot asked for"),
        (Outcome::Held, Some(Rung::Reboot), "held, nothing-open"),
        (Outcome::Resolved, Some(Rung::Reboot), "resolved"),
    ];
    for (outcome, rung, what) in rows {
        let subject = render(&report(outcome, rung, vec![stale.clone()])).subject;
        let expected = format!("Remedy: memory-pressure on i-0a1b2c3d4e5f60718: {what}");
        assert_eq!(subject, expected);
    }
    let handed_over =
        Report { handed_over: true, ..report(Outcome::Held, None, vec![stale.clone()]) };
    assert!(render(&handed_over).subject.ends_with(": needs a person"));
}

#[test]
fn a_filter_policy_can_choose_by_symptom_outcome_instance_and_rung() {
    let attributes = |rung| render(&report(Outcome::Acted, rung, Vec::new())).attributes;
    let always = vec![
        ("symptom", "memory-pressure".to_owned()),
        ("outcome", "acted".to_owned()),
        ("instance_id", "i-0a1b2c3d4e5f60718".to_owned()),
    ];
    assert_eq!(attributes(None), always);
    let with_rung = [always, vec![("rung", "reboot".to_owned())]].concat();
    assert_eq!(attributes(Some(Rung::Reboot)), with_rung);
}
