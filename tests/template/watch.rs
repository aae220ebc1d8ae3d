//! Who watches Remedy itself: the dashboard and the alarms, against what the
//! functions really count.

use std::collections::BTreeSet;

use remedy::metrics::Metric;
use serde_json::{Value, json};

use crate::yaml::Template;

/// The namespace of our own metrics, as the template writes it.
const OURS: &str = "Remedy/${AWS::StackName}";

/// The dashboard, as `CloudWatch` reads it.
fn dashboard(template: &Template) -> Value {
    let dashboards = template.of_type("AWS::CloudWatch::Dashboard");
    let [dashboard] = dashboards.values().collect::<Vec<_>>()[..] else {
        panic!("{} dashboards", dashboards.len());
    };
    let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("the dashboard is no JSON: {error}"))
}

/// Metric and dimension of each line of the dashboard that is about our metrics,
/// be it a metric or a search.
fn shown(template: &Template) -> BTreeSet<(String, String)> {
    let dashboard = dashboard(template);
    let widgets = dashboard["widgets"].as_array().unwrap();
    let lines = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array());
    let ours = lines.flatten().filter_map(|line| match &line[0] {
        Value::String(namespace) if namespace == OURS => {
            let text = |i: usize| line[i].as_str().unwrap().to_owned();
            Some((text(1), text(2)))
        }
        search @ Value::Object(_) => searched(search["expression"].as_str().unwrap()),
        _ => None,
    });
    ours.collect()
}

/// `SEARCH('{"namespace",dimension} MetricName="name"', ...)`.
fn searched(expression: &str) -> Option<(String, String)> {
    let search = expression.strip_prefix("SEARCH('{\"")?;
    let (namespace, rest) = search.split_once("\",")?;
    let (dimension, rest) = rest.split_once("} MetricName=\"")?;
    let (name, _) = rest.split_once("\"'")?;
    (namespace == OURS).then(|| (name.to_owned(), dimension.to_owned()))
}

#[test]
fn the_dashboard_shows_what_the_functions_count_and_nothing_else() {
    let counted: BTreeSet<(String, String)> =
        Metric::ALL.iter().map(|m| (m.name().to_owned(), m.dimension().to_owned())).collect();
    assert_eq!(shown(&Template::deployed()), counted);
}

#[test]
fn a_search_is_read_as_the_metric_it_finds() {
    let search = r#"SEARCH('{"Remedy/${AWS::StackName}",rung} MetricName="Actions"', 'Sum', 300)"#;
    assert_eq!(searched(search), Some(("Actions".to_owned(), "rung".to_owned())));
    assert_eq!(searched(r#"SEARCH('{"Else",rung} MetricName="Actions"', 'Sum', 300)"#), None);
}

/// What an alarm watches: namespace, metric, and the value of its dimension.
fn watched(alarm: &Value) -> Vec<(Value, String, Value)> {
    let one = |metric: &Value| {
        let name = metric["MetricName"].as_str().unwrap().to_owned();
        (metric["Namespace"].clone(), name, metric["Dimensions"][0]["Value"].clone())
    };
    match alarm["Metrics"].as_array() {
        None => vec![one(alarm)],
        Some(queries) => {
            let stats = queries.iter().filter(|query| query.get("MetricStat").is_some());
            stats.map(|query| one(&query["MetricStat"]["Metric"])).collect()
        }
    }
}

/// Every alarm about Remedy itself, by what it watches: those that tell people
/// through our topic.
fn alarms(template: &Template) -> Vec<(&str, &Value)> {
    let tells = |alarm: &&Value| {
        alarm["AlarmActions"].as_array().is_some_and(|actions| actions.contains(&topic()))
    };
    let all = template.of_type("AWS::CloudWatch::Alarm").into_iter();
    all.filter(|(_, alarm)| tells(alarm)).collect()
}

fn topic() -> Value {
    json!({"Ref": "Notifications"})
}

#[test]
fn people_hear_when_remedy_itself_fails() {
    let template = Template::deployed();
    let alarms = alarms(&template);
    let functions = template.functions();
    let all_functions: BTreeSet<String> = functions.keys().map(|id| (*id).to_owned()).collect();
    let of_all = |name: &str| {
        let of = alarms.iter().flat_map(|(_, alarm)| watched(alarm));
        let of = of.filter(|(_, metric, _)| metric == name);
        of.filter_map(|(_, _, function)| Some(function["Ref"].as_str()?.to_owned())).collect()
    };
    for metric in ["Errors", "Throttles"] {
        let watched: BTreeSet<String> = of_all(metric);
        assert_eq!(watched, all_functions, "{metric} of every function");
    }
    let dead = json!({"Fn::GetAtt": "DeadLetters.QueueName"});
    let watches = |name: &str, of: &Value| {
        let by =
            |alarm: &Value| watched(alarm).iter().any(|(_, n, value)| n == name && value == of);
        alarms.iter().any(|(_, alarm)| by(alarm))
    };
    assert!(watches("ApproximateNumberOfMessagesVisible", &dead), "dead letters");
    assert!(watches("Heartbeats", &json!("follow-up")), "the heartbeat");
    for (id, alarm) in alarms {
        assert!(alarm["AlarmDescription"].is_string(), "{id} says what to do");
        assert_eq!(alarm["OKActions"], alarm["AlarmActions"], "{id}: who heard hears the end");
        // Only the heartbeat may fall silent: everything else is quiet by nature.
        let silence = if id == "HeartbeatAlarm" { "breaching" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], silence, "{id}");
    }
}

#[test]
fn an_alarm_about_our_own_metrics_is_about_one_that_is_counted() {
    let template = Template::deployed();
    let namespace = json!({"Fn::Sub": OURS});
    let functions: Vec<Value> = {
        let all = template.functions();
        let own = all.values().map(|function| &function["Environment"]["Variables"]);
        // The functions are told where their metrics are looked for.
        own.map(|variables| variables["REMEDY_NAMESPACE"].clone()).collect()
    };
    assert!(functions.iter().all(|told| *told == namespace), "{functions:?}");
    let ours: Vec<_> = alarms(&template)
        .into_iter()
        .flat_map(|(_, alarm)| watched(alarm))
        .filter(|(of, _, _)| *of == namespace)
        .collect();
    assert!(ours.len() >= 5, "{ours:?}");
    for (_, name, function) in ours {
        let counted = Metric::ALL.iter().find(|metric| metric.name() == name);
        assert_eq!(counted.map(|metric| metric.dimension()), Some("function"), "{name}");
        let crates = crate::yaml::root().join("functions").join(function.as_str().unwrap());
        assert!(crates.is_dir(), "{name}: there is no function {function}");
    }
}

#[test]
fn the_dashboard_shows_every_alarm_on_ourselves() {
    let template = Template::deployed();
    let dashboard = dashboard(&template);
    let widgets = dashboard["widgets"].as_array().unwrap();
    let alarm_widget = widgets.iter().find(|widget| widget["type"] == "alarm").unwrap();
    let shown: BTreeSet<&str> = alarm_widget["properties"]["alarms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arn| arn.as_str().unwrap())
        .collect();
    let all: BTreeSet<String> =
        alarms(&template).iter().map(|(id, _)| format!("${{{id}.Arn}}")).collect();
    assert_eq!(shown, all.iter().map(String::as_str).collect());
}

#[test]
fn an_operator_can_look_every_metric_and_alarm_up() {
    let template = Template::deployed();
    let guide = crate::yaml::read("docs/operations.md");
    let chapter = guide.split("## Watching Remedy itself").nth(1).unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    for metric in Metric::ALL {
        assert!(
            chapter.contains(&format!("`{}`", metric.name())),
            "{} is not explained",
            metric.name()
        );
    }
    for (id, _) in alarms(&template) {
        assert!(chapter.contains(&format!("| `{id}` |")), "{id} is not explained");
    }
}
