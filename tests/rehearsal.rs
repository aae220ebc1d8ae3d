//! A rehearsal gives the decisions that were taken, says how each fact is known, and is the same
//! each time.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rehearsal::event::{self, Before, NoEvent};
use rehearsal::history::{AlarmThen, History, Item, Known, Since, Timeline};
use rehearsal::page::page;
use rehearsal::report::{Rehearsal, differences, rehearse};
use rehearsal::setting;
use remedy::alarm::{self, Invocation};
use remedy::model::alarm::Symptom;
use serde_json::{Value, json};
use world::drill::rehearsed::{fidelity, recorded};
use world::drive::Function;

const SEED: u64 = 20_261_128;

#[test]
fn what_was_recorded_whole_gives_the_decisions_that_were_taken() {
    let fidelity = fidelity(SEED, 0..24, false);
    let some: Vec<&String> = fidelity.unexplained.iter().take(5).collect();
    assert!(fidelity.unexplained.is_empty(), "{some:#?}");
    assert!(fidelity.percent() >= 99.9, "{fidelity:?}");
    assert!(fidelity.decisions > 120, "{fidelity:?}");
}

#[test]
fn where_nobody_kept_the_facts_each_difference_names_those_that_are_missing() {
    let fidelity = fidelity(SEED, 0..8, true);
    let some: Vec<&String> = fidelity.unexplained.iter().take(5).collect();
    assert!(fidelity.unexplained.is_empty(), "{some:#?}");
    assert!(fidelity.same < fidelity.decisions, "today is taken for then: {fidelity:?}");
    assert!(fidelity.explained.contains_key("SSM agents"), "{fidelity:?}");
    let explained: u64 = fidelity.explained.values().sum();
    assert_eq!(fidelity.same + explained, fidelity.decisions);
}

/// Some episodes' alarms, as an account tells of them.
fn of_an_account(number: u64) -> History {
    recorded(SEED, number).as_of_today(&[])
}

fn rehearsed(history: &History) -> Rehearsal {
    rehearse(history, &Function::new(Symptom::HighCpu).policy, |_, _| {})
}

#[test]
fn every_line_says_how_its_facts_are_known() {
    let lines: Vec<_> =
        (0..20).flat_map(|number| rehearsed(&of_an_account(number)).lines).collect();
    assert!(lines.len() > 20, "{}", lines.len());
    for line in &lines {
        let all = line.then.len() + line.today.len() + line.unknowable.len();
        let told: std::collections::BTreeSet<_> =
            line.then.iter().chain(&line.today).chain(&line.unknowable).collect();
        assert_eq!(told.len(), all, "each fact is of one kind: {line:?}");
        assert!(line.today.contains("the instance and its tags"), "{line:?}");
        assert!(matches!(line.courses.len(), 1 | 2), "{line:?}");
        if line.courses.len() == 2 {
            assert!(line.courses.iter().all(|course| course.assumes.is_some()), "{line:?}");
            assert!(!line.unknowable.is_empty(), "it goes two ways for nothing: {line:?}");
        }
    }
    assert!(lines.iter().any(|line| line.courses.len() == 2), "nothing is played both ways");
    assert!(lines.iter().any(|line| line.then.contains("what was measured")));
    assert!(lines.iter().any(|line| !line.people.is_empty()), "nobody did anything");
}

#[test]
fn the_same_history_gives_the_same_bytes_and_nothing_is_written() {
    let history = of_an_account(3);
    let kept = history.write().unwrap();
    let again = History::read(&kept).unwrap();
    assert_eq!(again, history, "a history is read as it was kept");
    let (one, other) = (rehearsed(&history), rehearsed(&again));
    assert_eq!(one.json(), other.json());
    assert_eq!(one.writes, 0);
    let with = [("mode=observe".to_owned(), Vec::new())];
    let drawn = page(&one, &with);
    assert_eq!(drawn, page(&other, &with));
    assert!(drawn.contains("<svg") && drawn.contains("Every alarm"));
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!drawn.contains(outside), "the page needs {outside} from elsewhere");
    }
}

#[test]
fn a_setting_shows_what_it_changes() {
    let usual = Function::new(Symptom::HighCpu).policy;
    let observes = setting::with(&usual, "mode=observe").unwrap();
    let mut changed = 0;
    for number in 0..4 {
        let history = of_an_account(number);
        let as_it_is = rehearse(&history, &usual, |_, _| {});
        assert_eq!(differences(&as_it_is, &as_it_is), [], "nothing changes by itself");
        let with_it = rehearse(&history, &observes, |_, _| {});
        changed += differences(&as_it_is, &with_it).len();
    }
    assert!(changed > 5, "{changed}");
}

/// The item of a history that an event of `events/` was.
fn item(event: &Value) -> Item {
    let detail = &event["detail"];
    let state = |state: &Value| {
        let mut told = json!({ "stateValue": state["value"] });
        if let Some(reason) = state.get("reason") {
            told["stateReason"] = reason.clone();
        }
        if let Some(data) = state.get("reasonData") {
            let text = data.as_str().unwrap_or_default();
            // One that is cut off is no object.
            told["stateReasonData"] = serde_json::from_str(text).unwrap_or(data.clone());
        }
        if let Some(by) = state.get("actionsSuppressedBy") {
            told["actionsSuppressedBy"] = by.clone();
        }
        told
    };
    let contributor = detail.get("alarmContributor");
    let kind = contributor.map_or("StateUpdate", |_| "AlarmContributorStateUpdate");
    let stamp = detail["state"]["timestamp"].as_str().unwrap().replace("+0000", "Z");
    Item {
        alarm_name: detail["alarmName"].as_str().unwrap().to_owned(),
        alarm_type: None,
        alarm_contributor_id: contributor.map(|it| it["id"].as_str().unwrap().to_owned()),
        alarm_contributor_attributes: contributor
            .map(|it| serde_json::from_value(it["attributes"].clone()).unwrap()),
        timestamp: stamp.parse().unwrap(),
        history_item_type: kind.to_owned(),
        history_data: json!({
            "version": "1.0",
            "oldState": state(&detail["previousState"]),
            "newState": state(&detail["state"]),
        })
        .to_string(),
    }
}

fn since<T>(value: T) -> Timeline<T> {
    Timeline(vec![Since { at: Timestamp::UNIX_EPOCH, value }])
}

/// What is known of an event's alarm.
fn history_of(event: &Value) -> History {
    let detail = &event["detail"];
    let tags = detail.get("alarmTags").cloned().unwrap_or_else(|| json!({}));
    let alarm = AlarmThen {
        name: detail["alarmName"].as_str().unwrap().to_owned(),
        arn: event["resources"][0].as_str().unwrap().to_owned(),
        configuration: since(detail["configuration"].clone()),
        tags: since(serde_json::from_value(tags).unwrap_or_default()),
        muted: since(detail.get("muteDetail").cloned()),
        ..AlarmThen::default()
    };
    History {
        account: event["account"].as_str().unwrap().to_owned(),
        region: event["region"].as_str().unwrap().to_owned(),
        alarms: vec![alarm],
        ..History::default()
    }
}

#[test]
fn an_item_becomes_the_event_that_a_function_got() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut compared = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let Ok(event) = serde_json::from_str::<Value>(&text) else { continue };
        let kind = event["detail-type"].as_str().unwrap_or_default();
        let is_whole = event["detail"]["state"]["timestamp"].is_string()
            && event["resources"][0].is_string()
            && !name.starts_with("malformed");
        if !kind.ends_with("State Change") || !is_whole {
            continue;
        }
        let item = item(&event);
        let rebuilt = event::of(&history_of(&event), &item, &Before::new()).unwrap();
        for symptom in Symptom::ALL {
            let request_id = String::new();
            let invocation = Invocation { symptom, request_id, at: item.timestamp };
            let read = |event: &str| format!("{:?}", alarm::read(event, &invocation));
            assert_eq!(read(&rebuilt.text), read(&text), "{name}");
        }
        compared += 1;
    }
    assert!(compared > 40, "only {compared} events were compared");
}

#[test]
fn what_aws_told_others_is_read() {
    let items = |text: &str| serde_json::from_str::<Vec<Item>>(text).unwrap();
    let plain = items(include_str!("../rehearsal/recorded/state-updates.json"));
    let fleet = items(include_str!("../rehearsal/recorded/contributors.json"));
    let configuration = json!({ "metrics": [] });
    let mut history = History::default();
    for name in [&plain[0].alarm_name, &fleet[0].alarm_name] {
        let configuration = Timeline(vec![Since {
            at: "2026-11-20T00:00:00Z".parse().unwrap(),
            value: configuration.clone(),
        }]);
        let alarm = AlarmThen { name: name.clone(), configuration, ..AlarmThen::default() };
        history.alarms.push(alarm);
    }
    let before = Before::from([("myalarm", plain[1].timestamp)]);
    let ok = event::of(&history, &plain[0], &before).unwrap();
    assert_eq!(ok.facts[0], ("what the alarm watches", Known::Today), "it was read later");
    let event: Value = serde_json::from_str(&ok.text).unwrap();
    let detail = &event["detail"];
    assert_eq!(detail["state"]["value"], "OK");
    assert_eq!(detail["state"]["timestamp"], "2014-04-09T18:59:06.442+0000");
    assert_eq!(detail["previousState"]["timestamp"], "2014-04-09T18:59:05.805+0000");
    let data: Value =
        serde_json::from_str(detail["state"]["reasonData"].as_str().unwrap()).unwrap();
    assert_eq!(data["recentDatapoints"], json!([38.958, 40.292]));

    let rings = event::of(&history, &fleet[1], &Before::new()).unwrap();
    let event: Value = serde_json::from_str(&rings.text).unwrap();
    assert_eq!(event["detail-type"], "CloudWatch Alarm Contributor State Change");
    assert_eq!(event["detail"]["alarmContributor"]["attributes"], json!({ "Team": "a" }));
    assert!(event["detail"].get("previousState").is_none());
    assert_eq!(event["detail"]["state"]["timestamp"], "2026-09-23T19:19:44.456+0000");

    let gone = Item { alarm_name: "gone".to_owned(), ..fleet[1].clone() };
    let no_event = |item: &Item| event::of(&history, item, &Before::new()).unwrap_err();
    assert_eq!(no_event(&gone), NoEvent::NoConfiguration);
    let action = Item { history_item_type: "Action".to_owned(), ..plain[0].clone() };
    assert_eq!(no_event(&action), NoEvent::NotAChange);
    let composite = Item { alarm_type: Some("CompositeAlarm".to_owned()), ..plain[0].clone() };
    assert_eq!(no_event(&composite), NoEvent::NotAMetric);
    let cut = Item { history_data: "{".to_owned(), ..plain[0].clone() };
    assert_eq!(no_event(&cut), NoEvent::Unreadable);
}

#[test]
fn a_fact_of_today_is_never_told_as_one_of_then() {
    let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
    let mut timeline = Timeline::default();
    timeline.note(at(10), "one");
    timeline.note(at(11), "one");
    timeline.note(at(20), "other");
    assert_eq!(timeline.0.len(), 2, "what stays as it is is noted once");
    for (minute, expected) in [
        (0, ("one", Known::Today)),
        (10, ("one", Known::Then)),
        (19, ("one", Known::Then)),
        (20, ("other", Known::Then)),
    ] {
        let found = timeline.at(at(minute)).map(|(value, known)| (*value, known));
        assert_eq!(found, Some(expected), "{minute}");
    }
    assert_eq!(Timeline::<u8>::default().at(at(1)), None);
}
