//! What people get, and that no text from outside can spoil it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use remedy::model::alarm::Symptom;
use remedy::model::diagnostics::{Diagnostics, Location};
use remedy::model::host_text::HostText;
use remedy::model::ids::{GroupName, InstanceId, MountPoint};
use remedy::model::incident::{HeldBack, Incident, Past, QUEUED_MAX, Queued, Rung, Stage};
use remedy::model::links::Deployment;
use remedy::model::reason::Reason;
use remedy::model::reason::Severity;
use remedy::model::repeats::Repeats;
use remedy::model::seen::Seen;
use remedy::model::unknown::{CallFailed, Unknown};
use remedy::ports::tell::Notification;
use remedy::report::notify::{
    DESCRIPTION_UNITS_MAX, KEYWORD_UNITS_MAX, MESSAGE_BYTES_MAX, STEP_UNITS_MAX, SUBJECT_CHARS_MAX,
    TITLE_UNITS_MAX, render,
};
use remedy::report::outcome::{Outcome, Report};
use serde_json::{Map, Value};

use crate::given::{alarm, now};
use crate::told::{at, codes, every_reason, held, step};

fn deployment() -> Deployment {
    let deployment = Deployment::of_topic("arn:aws:sns:eu-central-1:111122223333:remedy").unwrap();
    deployment.logging_to(Some("remedy-HighCpuLogs-0A1B2C".to_owned()))
}

fn told(report: &Report) -> Notification {
    render(report, &deployment())
}

/// JSON as people read it, with its keys in their order.
fn pretty(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// Every rendering of a report.
fn renderings(report: &Report) -> String {
    let told = told(report);
    let attributes: Vec<String> =
        told.attributes.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let line = serde_json::to_string(&report.log_line()).unwrap();
    let entry = serde_json::to_string(&report.entry()).unwrap();
    [
        ("subject", told.subject),
        ("attributes", attributes.join("\n")),
        ("e-mail", told.text),
        ("programs", pretty(&told.data)),
        ("chat", pretty(&told.chat)),
        ("log line", pretty(&line)),
        ("entry in the incident's row", pretty(&entry)),
    ]
    .map(|(name, text)| format!("=== {name}\n{text}\n"))
    .concat()
}

/// A standalone instance did not come back from its reboot.
fn stays_out() -> Report {
    let why = "its SSM agent does not answer";
    let because = vec![Reason::NotBack { after: jiff::SignedDuration::from_mins(15), why }];
    let out = Incident { group: None, ..at(Rung::Reboot, Stage::Rebooting) };
    Report { handed_over: true, ..Report::of(&out, Outcome::Held, because, now()) }
}

/// An incident that took too long.
pub(crate) fn out_of_time(by: Option<&Reason>) -> Reason {
    let after = jiff::SignedDuration::from_hours(3);
    let held_by = by.map(Reason::held_by);
    Reason::OutOfTime { after, stage: Stage::Rebooting, held_by }
}

/// A person is called once for what comes back, and again for what is new.
#[test]
fn nobody_is_called_twice_for_the_same() {
    let hours = jiff::SignedDuration::from_hours;
    let severity = |symptom, stage, ago, reason| {
        let ended_at = now() - hours(ago);
        let past =
            Past { symptom, opened_at: ended_at, ended_at, rung: None, disruptions: 0, stage };
        let incident = Incident { past: vec![past], ..at(Rung::Reboot, Stage::HandedOver) };
        let report = Report::of(&incident, Outcome::Held, vec![reason], now());
        let text = told(&report).text;
        let says = text.contains("A person was asked to look at it at ");
        assert_eq!(says, report.asked_before.is_some(), "{text}");
        report.severity()
    };
    let symptom = at(Rung::Reboot, Stage::HandedOver).symptom;
    let other = Symptom::ALL.into_iter().find(|other| *other != symptom).unwrap();
    let again = || Reason::NotInGroup;
    let down = Reason::NotBack { after: hours(1), why: "its status checks fail" };
    for (rule, severity, expected) in [
        ("again", severity(symptom, Stage::HandedOver, 5, again()), Severity::Warning),
        ("a shift later", severity(symptom, Stage::HandedOver, 6, again()), Severity::Critical),
        ("other trouble", severity(other, Stage::HandedOver, 1, again()), Severity::Critical),
        ("it was resolved", severity(symptom, Stage::Resolved, 1, again()), Severity::Critical),
        ("it is down now", severity(symptom, Stage::HandedOver, 1, down), Severity::Critical),
    ] {
        assert_eq!(severity, expected, "{rule}");
    }
}

#[test]
fn every_situation_is_told_in_every_rendering() {
    let lowest = |rung| Reason::LowestRung { rung, symptom: Symptom::MemoryPressure };
    let still = || Reason::StillThere { what: "CWAgent mem_used_percent is 97.1 %".to_owned() };
    let situations = [
        ("cleanup", step(Rung::Cleanup, Stage::Cleaning, vec![lowest(Rung::Cleanup)])),
        ("leaving", step(Rung::Reboot, Stage::Draining, vec![still(), lowest(Rung::Reboot)])),
        ("reboot", step(Rung::Reboot, Stage::Rebooting, vec![Reason::LeftService])),
        ("returning", step(Rung::Reboot, Stage::Returning, vec![Reason::UpAgain])),
        ("replace", step(Rung::Replace, Stage::Replacing, vec![still(), lowest(Rung::Replace)])),
        ("refused", held(Reason::InstanceMissing)),
        (
            "observed",
            Report { observe: true, ..held(Reason::Observing { asked_by: "the request" }) },
        ),
        (
            "waiting",
            Report {
                rung: Some(Rung::Reboot),
                ..Report::of(
                    &at(Rung::Cleanup, Stage::Watching),
                    Outcome::Held,
                    vec![Reason::PersonPresent { count: 1 }, still()],
                    now(),
                )
            },
        ),
        (
            "handed-over",
            step(
                Rung::Replace,
                Stage::HandedOver,
                vec![Reason::NotSubstituted { after: jiff::SignedDuration::from_mins(40) }],
            ),
        ),
        ("stays-out", stays_out()),
        ("expired", step(Rung::Reboot, Stage::Expired, vec![out_of_time(None)])),
        (
            "resolved",
            step(
                Rung::Cleanup,
                Stage::Resolved,
                vec![Reason::StayedGone {
                    for_the_last: jiff::SignedDuration::from_mins(5),
                    measured: Some("CWAgent mem_used_percent is 41.0 %".to_owned()),
                }],
            ),
        ),
    ];
    let repeats = Repeats { counted_only: false, counted_before: 17, until: now() };
    let storm = Report { repeats: Some(repeats), ..held(Reason::InstanceMissing) };
    let uri = "s3://remedy-evidence/evidence/i-0a1b2c3d4e5f60718/an-incident/1-cleanup.txt";
    let kept = Location::InBucket { uri: uri.to_owned() };
    let with_evidence = Report {
        evidence: Some(Diagnostics { at: now(), kept }),
        ..step(Rung::Reboot, Stage::Rebooting, vec![still(), lowest(Rung::Reboot)])
    };
    let on_the_host = vec![
        "/root/.aws/credentials on the host shadows the instance's role".to_owned(),
        "app.service logs below /tmp or /var/tmp, which a reboot may empty".to_owned(),
    ];
    let because = vec![still(), lowest(Rung::Reboot)];
    let with_host = Report { on_the_host, ..step(Rung::Reboot, Stage::Rebooting, because) };
    let more = [("evidence", with_evidence), ("storm", storm), ("on-the-host", with_host)];
    for (name, report) in situations.into_iter().chain(more) {
        insta::assert_snapshot!(name, renderings(&report));
    }
}

/// An incident whose host says that somebody's log would be lost.
fn with_preflight(rung: Rung, stage: Stage) -> Incident {
    let preflight = r#"{"tmp_logs":["app.service"],"credentials":["/root/.aws/<b>"]}"#;
    Incident { preflight: serde_json::from_str(preflight).ok(), ..at(rung, stage) }
}

#[test]
fn what_the_host_found_is_told_to_whoever_may_be_hurt_by_it() {
    let told_of = |incident: &Incident| {
        let outcome = if incident.stage.is_open() { Outcome::Acted } else { Outcome::Held };
        let report = Report::of(incident, outcome, vec![Reason::UpAgain], now());
        let Notification { text, data, chat, .. } = told(&report);
        let in_each = [text, data, chat.clone()].map(|it| it.contains("app.service logs below"));
        assert!(!chat.contains("<b>"), "{chat}");
        assert!(in_each.iter().all(|is| *is == in_each[0]), "{in_each:?}");
        in_each[0]
    };
    assert!(told_of(&with_preflight(Rung::Reboot, Stage::Rebooting)), "it is being disrupted");
    assert!(told_of(&with_preflight(Rung::Replace, Stage::Watching)), "it was disrupted");
    assert!(told_of(&with_preflight(Rung::Cleanup, Stage::HandedOver)), "a person takes over");
    let held_back = HeldBack { since: now(), told: false, by: None };
    let waits =
        Incident { held_back: Some(held_back), ..with_preflight(Rung::Cleanup, Stage::Cleaning) };
    assert!(told_of(&waits), "a disruption is held back");
    assert!(!told_of(&with_preflight(Rung::Cleanup, Stage::Watching)), "nobody is hurt");
}

#[test]
fn every_reason_is_shown() {
    let reports = every_reason();
    let shown: BTreeSet<String> =
        reports.iter().flat_map(Report::codes).map(str::to_owned).collect();
    assert_eq!(shown, codes(), "told.rs shows every reason that reason.rs knows, and no other");
    let mut all = String::new();
    for report in &reports {
        let (told, severity) = (told(report), report.severity().name());
        let news = if report.is_news() { "told" } else { "only logged" };
        let codes = report.codes().join(", ");
        let (text, _links) = told.text.split_once("\n\nLinks\n").unwrap();
        writeln!(all, "##### {codes}: {severity}, {news}\n{}\n\n{text}\n", told.subject).unwrap();
    }
    insta::assert_snapshot!("every-reason", all);
}

/// What must hold of every notification, whatever stands in it.
fn check(notification: &Notification) -> Result<(), TestCaseError> {
    let subject = &notification.subject;
    prop_assert!((1..=SUBJECT_CHARS_MAX).contains(&subject.len()), "{subject:?}");
    prop_assert!(subject.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{subject:?}");
    prop_assert!(subject.starts_with(|c: char| c.is_ascii_alphanumeric()), "{subject:?}");
    let unruly = |c: &char| (c.is_control() && *c != '\n') || turns(*c);
    prop_assert_eq!(notification.text.chars().find(unruly), None);

    let message = notification.message();
    prop_assert!(message.len() <= MESSAGE_BYTES_MAX, "{} bytes", message.len());
    let message: Map<String, Value> = serde_json::from_str(&message).unwrap();
    prop_assert_eq!(message["default"].as_str(), Some(notification.text.as_str()));
    prop_assert!(message.values().all(Value::is_string), "SNS takes texts only");
    prop_assert!(has_no_link_of_others(&notification.text), "{}", notification.text);
    for json in [&notification.data, &notification.chat] {
        let value: Value = serde_json::from_str(json).unwrap();
        let mut texts = Vec::new();
        collect(&value, &mut texts);
        prop_assert!(texts.iter().all(|text| has_no_link_of_others(text)), "{texts:?}");
    }
    check_data(&notification.data)?;
    check_chat(&notification.chat)?;
    let names: BTreeSet<&str> = notification.attributes.iter().map(|(name, _)| *name).collect();
    prop_assert_eq!(names.len(), notification.attributes.len(), "a name stands once");
    prop_assert!(notification.attributes.iter().all(|(_, value)| !value.is_empty()));
    Ok(())
}

fn check_data(data: &str) -> Result<(), TestCaseError> {
    prop_assert!(!data.contains('\n'), "one line");
    let data: Value = serde_json::from_str(data).unwrap();
    prop_assert_eq!(&data["version"], 1);
    let mut texts = Vec::new();
    collect(&data, &mut texts);
    // Sentences of ours may take several lines; what came from outside takes none.
    let unruly = |c: char| (c.is_control() && c != '\n') || turns(c);
    prop_assert!(!texts.iter().any(|text| text.contains(unruly)), "{texts:?}");
    Ok(())
}

/// The limits of the chat's schema, counted in UTF-16 code units.
fn check_chat(chat: &str) -> Result<(), TestCaseError> {
    let chat: Value = serde_json::from_str(chat).unwrap();
    let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
    let content = &chat["content"];
    prop_assert_eq!((&chat["version"], &chat["source"]), (&"1.0".into(), &"custom".into()));
    prop_assert_eq!(&content["textType"], "client-markdown");
    prop_assert!((1..=DESCRIPTION_UNITS_MAX).contains(&units(&content["description"])));
    prop_assert!((1..=TITLE_UNITS_MAX).contains(&units(&content["title"])));
    for step in content["nextSteps"].as_array().unwrap() {
        prop_assert!((1..=STEP_UNITS_MAX).contains(&units(step)));
    }
    for keyword in content["keywords"].as_array().unwrap() {
        prop_assert!((1..=KEYWORD_UNITS_MAX).contains(&units(keyword)));
    }
    let more = chat["metadata"]["additionalContext"].as_object().unwrap();
    prop_assert!(more.values().all(Value::is_string));
    let mut texts = Vec::new();
    collect(&chat, &mut texts);
    // Neither a mention, nor a link of one's own, nor a change of type.
    let unruly = |c: char| {
        (c.is_control() && c != '\n')
            || turns(c)
            || ['<', '>', '[', ']', '`', '@', '*'].contains(&c)
    };
    prop_assert!(!texts.iter().any(|text| text.contains(unruly)), "{texts:?}");
    Ok(())
}

/// Whether nothing in `text` is a live link but those that lead to AWS's console.
fn has_no_link_of_others(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split_whitespace();
    words.all(|word| {
        let scheme =
            |before: &str| before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next() == Some("s3");
        let bucket = |(at, _): (usize, &str)| scheme(word.split_at(at).0);
        word.starts_with("https://eu-central-1.console.aws.amazon.com/")
            || (word.match_indices("://").all(bucket)
                && !word.contains("www.")
                && !word.contains("mailto:"))
    })
}

/// Every text in a JSON value.
fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(list) => list.iter().for_each(|value| collect(value, texts)),
        Value::Object(map) => map.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
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
        '\u{2028}', '\u{2066}', '\u{feff}', '{', '"', '\\', '<', '!', '@', '>', '[', ']', '`', '*',
    ]);
    let c = prop_oneof![unruly, any::<char>(), proptest::char::range(' ', '~')];
    prop_oneof![
        prop::collection::vec(c, 0..200).prop_map(String::from_iter),
        any::<char>().prop_map(|c| c.to_string().repeat(10_000 / c.len_utf8())),
        Just("\\\"".repeat(5_000)),
        Just("<!channel> <@U0123> https://evil.example [x](https://evil.example)".to_owned()),
        Just("/srv/HTTPS://evil.example wwww.evil.example mailto:a@evil.example".to_owned()),
        Just("s3://a xs3://b :://c".to_owned()),
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
    (outcome, rung, texts, any::<(bool, bool, bool)>(), 1..30usize).prop_map(
        |(outcome, rung, (name, metric, reason, found), (handed_over, observe, valued), times)| {
            let because = vec![
                Reason::NotOptedIn { found: Some(found.clone()) },
                Reason::Muted { by: found.clone() },
                Reason::ActionFailed { call: "ssm:SendCommand", why: found.clone() },
                Reason::FactUnknown(Unknown::Call(CallFailed {
                    call: "ec2:DescribeInstances",
                    why: found.clone(),
                })),
            ];
            let mut report = step(Rung::Cleanup, Stage::Watching, vec![because; times].concat());
            let value = report.seen.value.filter(|_| valued);
            let mount = Some(reason.clone());
            report.seen = Seen { alarm: name, metric, reason, value, mount, ..report.seen };
            let kept = if valued {
                Location::InBucket { uri: format!("s3://{found}") }
            } else {
                Location::Missing { why: found.clone() }
            };
            report.evidence = Some(Diagnostics { at: now(), kept });
            report.group = GroupName::new(found).ok();
            report.instance_id = InstanceId::new("i-0a1b2c3d4e5f60718").unwrap();
            Report { outcome, rung, handed_over, observe, ..report }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_from_outside_spoils_a_notification(report in any_report()) {
        check(&told(&report))?;
    }
}

#[test]
fn the_fullest_notification_fits() {
    for text in ["\"".repeat(10_000), "\u{10ffff}".repeat(2_500), "\\".repeat(10_000)] {
        let reason = Reason::Muted { by: text.clone() };
        let mut report = step(Rung::Cleanup, Stage::Watching, vec![reason; 100]);
        report.group = GroupName::new(text.chars().take(255).collect::<String>()).ok();
        let Seen { series, region, .. } = report.seen.clone();
        report.seen.mount = Some(text.clone());
        report.seen =
            Seen { alarm: text.clone(), metric: text, series, region, ..report.seen.clone() };
        check(&told(&report)).unwrap();
    }
}

#[test]
fn every_program_gets_the_data_and_every_person_the_text() {
    let told = told(&held(Reason::InstanceMissing));
    let message: Map<String, Value> = serde_json::from_str(&told.message()).unwrap();
    for program in ["sqs", "lambda", "http", "https", "firehose"] {
        assert_eq!(message[program], told.data, "{program}");
    }
    assert_eq!((&message["default"], &message["sms"]), (&told.text.into(), &told.subject.into()));
    assert!(!message.contains_key("email"), "the default is the e-mail");
}

#[test]
fn an_incident_is_one_thread() {
    let thread = |report: &Report| {
        let chat: Value = serde_json::from_str(&told(report).chat).unwrap();
        chat["metadata"]["threadId"].clone()
    };
    let first = step(Rung::Cleanup, Stage::Cleaning, vec![Reason::AgentAbsent]);
    let last = step(Rung::Reboot, Stage::Resolved, vec![Reason::UpAgain]);
    assert_eq!(thread(&first), first.incident_id.as_str());
    assert_eq!(thread(&first), thread(&last));
    assert_ne!(thread(&first), thread(&held(Reason::AgentAbsent)), "another incident's");
}

#[test]
fn the_severity_says_what_is_asked_of_people() {
    let info = [
        step(Rung::Reboot, Stage::Rebooting, vec![Reason::AgentAbsent]),
        step(Rung::Reboot, Stage::Resolved, vec![Reason::UpAgain]),
        Report { observe: true, ..held(Reason::InstanceMissing) },
        held(Reason::SymptomOver),
    ];
    for report in &info {
        assert_eq!(report.severity(), Severity::Info, "{:?}", report.because);
    }
    assert_eq!(held(Reason::InstanceMissing).severity(), Severity::Warning);
    for stage in [Stage::HandedOver, Stage::Expired] {
        let report = step(Rung::Reboot, stage, vec![Reason::SymptomOver]);
        assert_eq!(report.severity(), Severity::Critical);
    }
}

#[test]
fn a_filter_policy_can_choose_by_six_names() {
    let report = step(Rung::Reboot, Stage::Rebooting, vec![Reason::AgentAbsent]);
    let all = [
        ("symptom", "memory-pressure"),
        ("outcome", "acted"),
        ("severity", "info"),
        ("instance_id", "i-0a1b2c3d4e5f60718"),
        ("rung", "reboot"),
        ("group", "web-asg"),
    ];
    let all: Vec<(&str, String)> = all.map(|(name, value)| (name, value.to_owned())).into();
    assert_eq!(told(&report).attributes, all);
    let without = Report { rung: None, group: None, ..report };
    assert_eq!(told(&without).attributes, all[..4]);
}

#[test]
fn only_what_is_refused_and_asks_nobody_is_folded() {
    let occurrence = |report: &Report| report.occurrence("me".to_owned());
    for reason in every_reason() {
        let refused = reason.outcome == Outcome::Held && !reason.handed_over;
        let failed = reason.codes().first() == Some(&"action-failed");
        let folded = (refused && !failed) || reason.shared_cause().is_some();
        assert_eq!(occurrence(&reason).is_some(), folded, "{:?}", reason.codes());
    }
    let occurrence = occurrence(&held(Reason::InstanceMissing)).unwrap();
    assert_eq!(occurrence.cause, "memory-pressure refused instance-missing");
    assert_eq!((occurrence.window, occurrence.group), (crate::given::ago(4), None));
}

#[test]
fn twenty_that_one_cause_held_are_one_page_which_names_the_cause() {
    let load = Reason::LoadNotFault { count: 20, of: Some(20) };
    let report = step(Rung::Cleanup, Stage::Expired, vec![out_of_time(Some(&load))]);
    let other = Report { instance_id: InstanceId::new("i-00000000").unwrap(), ..report.clone() };
    let [one, two] = [&report, &other].map(|report| report.occurrence("me".to_owned()));
    assert!(one.is_some() && one == two, "{one:?} {two:?}");
    let called: Vec<_> = report.calls("me").into_iter().map(|it| (it.cause, it.window)).collect();
    let [other] = [&other].map(|it| it.calls("me").into_iter().map(|it| (it.cause, it.window)));
    assert!(
        called.len() == 2 && other.eq(called),
        "whoever ends in the next minutes asks nobody new"
    );
    let text = told(&report).text;
    assert!(text.contains("20 of 20 members have high CPU: that is load. Add capacity"), "{text}");
    assert!(!text.contains("it is yours now"), "no single one is to blame: {text}");
    let person = Reason::PersonPresent { count: 1 };
    let alone = step(Rung::Reboot, Stage::Expired, vec![out_of_time(Some(&person))]);
    assert_eq!(alone.occurrence("me".to_owned()), None, "its cause is its own");
    assert!(told(&alone).text.contains("somebody works on the host"));
}

#[test]
fn an_end_tells_what_was_done_and_what_is_left_on_the_host() {
    let mut incident = at(Rung::Cleanup, Stage::Resolved);
    incident.attempts[0].said = Some(HostText::new("web.service is held at 75 % of a core"));
    incident.attempts[0].still_set = Some("the CPU quota of web.service stands".to_owned());
    let resolved = |incident: &Incident| {
        let for_the_last = jiff::SignedDuration::from_mins(5);
        let gone = Reason::StayedGone { for_the_last, measured: None };
        told(&Report::of(incident, Outcome::Resolved, vec![gone], now())).text
    };
    let text = resolved(&incident);
    assert!(text.contains("which says: web.service is held at 75 % of a core."), "{text}");
    assert!(text.contains("The CPU quota of web.service stands."), "{text}");
    incident.attempts.push(crate::given::attempt(Rung::Reboot));
    let text = resolved(&incident);
    assert!(text.contains("75 % of a core. The instance was rebooted."), "{text}");
    assert!(!text.contains("stands"), "the boot has lifted it: {text}");
    incident.attempts.clear();
    assert!(resolved(&incident).contains("it passed by itself"));
}

#[test]
fn gone_is_told_as_info_with_nothing_to_do() {
    let gone = Reason::Gone { state: "terminated".to_owned() };
    let report = step(Rung::Reboot, Stage::Withdrawn, vec![gone]);
    assert_eq!((report.severity(), report.is_news()), (Severity::Info, true));
    assert!(told(&report).subject.ends_with("gone, nothing to do"), "{}", told(&report).subject);
    assert_eq!(report.advice(), Vec::<&str>::new());
}

#[test]
fn of_many_alarms_that_wait_the_newest_stay_and_the_dropped_are_told() {
    let mut open = at(Rung::Cleanup, Stage::Watching);
    for n in 0..400 {
        let mut alarm = alarm(Symptom::DiskFull);
        alarm.name = format!("disk-{n}");
        alarm.mount = MountPoint::new(format!("/data/{n}")).ok();
        alarm.reason = "x".repeat(2_000);
        open = open.with_queued(Queued::of(&alarm));
    }
    assert_eq!((open.queued.len(), open.dropped), (QUEUED_MAX, 400 - 16));
    assert_eq!(open.queued.last().unwrap().seen.alarm, "disk-399", "the newest stays");
    assert!(serde_json::to_string(&open).unwrap().len() < 100_000, "far below 400 KB");
    let text = told(&Report::of(&open, Outcome::Acted, vec![Reason::UpAgain], now())).text;
    assert!(text.contains("384 older alarms"), "{text}");
}

#[test]
fn a_request_has_no_alarm_to_look_at() {
    let alarm =
        remedy::model::alarm::Alarm { region: None, series: None, ..alarm(Symptom::HighCpu) };
    let report = Report { because: vec![Reason::InstanceMissing], ..Report::about(&alarm, now()) };
    let text = told(&report).text;
    assert!(!text.contains("alarmsV2") && text.contains("InstanceDetails"), "{text}");
}

/// The operations guide's rows: code, what it means, what to do.
fn guide() -> Vec<(String, String)> {
    let guide = include_str!("../../../../docs/operations.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let &["", code, _meaning, todo, ""] = cells.as_slice() else { return None };
        Some((code.strip_prefix('`')?.strip_suffix('`')?.to_owned(), todo.to_owned()))
    };
    guide.lines().filter_map(row).collect()
}

#[test]
fn the_guide_advises_as_the_messages_do() {
    let guide = guide();
    for reason in every_reason().into_iter().flat_map(|report| report.because) {
        let code = reason.code();
        let rows: Vec<&String> =
            guide.iter().filter(|(row, _)| row == code).map(|(_, todo)| todo).collect();
        let [todo] = rows.as_slice() else { panic!("{code} has {} rows", rows.len()) };
        match reason.advice() {
            // What to do may depend on what the reason tells: the row has each of them.
            Some(advice) if todo.split(", or ").any(|one| one == advice) => {}
            Some(advice) => assert_eq!(*todo, advice, "{code}"),
            None => assert!(todo.starts_with("nothing"), "{code}: {todo}"),
        }
    }
}
