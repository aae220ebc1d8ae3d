//! From Remedy to people: who hears it, and whether it reaches them.

use serde_json::{Value, json};

use super::code::Code;
use super::finding::Diagnosis;
use super::fleet::{Fleet, Subscription};
use crate::model::reason::Severity;
use crate::observe::facts::Fact;

/// What e-mail takes, a minute and subscription (SNS quotas: 10 messages a second).
const EMAILS_A_MINUTE_MAX: f64 = 600.0;

/// A filter that lets everything of weight through, as docs/operations.md has it.
const FILTER: &str = r#"{"severity": ["warning", "critical"]}"#;

/// Looks at the notification topic.
pub(super) fn check(fleet: &Fleet, diagnosis: &mut Diagnosis) {
    let topic = fleet.own.topic_arn.as_str();
    if let Some(failed) = diagnosis.known("deliveries", &fleet.failed_deliveries)
        && *failed > 0.0
    {
        let seen = format!("{failed:.0} failed within a day");
        diagnosis.find(Code::NotificationsFailed, topic, seen, &[("topic", topic)]);
    }
    let subscriptions = &fleet.account.subscriptions;
    let Some(subscriptions) = diagnosis.known("subscriptions", subscriptions) else { return };
    if !subscriptions.iter().any(|subscription| subscription.arn.is_some()) {
        let seen = format!("{} subscriptions, none confirmed", subscriptions.len());
        diagnosis.find(Code::NobodySubscribed, topic, seen, &[("topic", topic)]);
    }
    for subscription in subscriptions {
        each(subscription, diagnosis);
    }
    let mut confirmed = subscriptions.iter().filter(|it| it.arn.is_some()).peekable();
    if confirmed.peek().is_some() && confirmed.all(|it| it.filter.is_some()) {
        let seen = "CloudWatch's own messages have no attributes, and no filter lets them in";
        diagnosis.find(Code::SubscriptionsAllFiltered, topic, seen, &[("topic", topic)]);
    }
    let by_mail = subscriptions.iter().any(|it| it.protocol.starts_with("email"));
    if let Fact::Known(busiest) = fleet.busiest_minute
        && by_mail
        && busiest > EMAILS_A_MINUTE_MAX
    {
        let seen = format!("{busiest:.0} messages in one minute of the last day");
        diagnosis.find(Code::EmailRate, topic, seen, &[("topic", topic)]);
    }
}

fn each(subscription: &Subscription, diagnosis: &mut Diagnosis) {
    let endpoint = subscription.endpoint.as_str();
    let Some(arn) = subscription.arn.as_deref() else {
        let seen = format!("{} by {} is pending", endpoint, subscription.protocol);
        return diagnosis.find(
            Code::SubscriptionPending,
            endpoint,
            seen,
            &[("endpoint", endpoint)],
        );
    };
    let swallows = |policy: &&String| !lets_critical_through(policy);
    if let Some(policy) = subscription.filter.as_ref().filter(swallows) {
        let names = [("subscription", arn), ("policy", FILTER)];
        let seen = format!("its filter policy is {policy}");
        diagnosis.find(Code::SubscriptionFiltersCritical, endpoint, seen, &names);
    }
}

/// Whether a filter policy on attributes lets a critical message about some instance through,
/// as far as it asks for the severity (SNS developer guide, "Amazon SNS subscription filter
/// policies"): of what else it asks for, some message has it.
fn lets_critical_through(policy: &str) -> bool {
    let Ok(Value::Object(asked)) = serde_json::from_str::<Value>(policy) else { return true };
    let critical = Severity::Critical.name();
    let matches = |wanted: &Value| match wanted {
        Value::String(text) => text == critical,
        Value::Object(rule) => rule.iter().all(|(word, value)| match word.as_str() {
            "prefix" => value.as_str().is_some_and(|start| critical.starts_with(start)),
            "suffix" => value.as_str().is_some_and(|end| critical.ends_with(end)),
            "equals-ignore-case" => {
                value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(critical))
            }
            "anything-but" => match value {
                Value::Array(list) => !list.contains(&json!(critical)),
                other => *other != json!(critical),
            },
            "exists" => *value == json!(true),
            // A rule that we do not know may let it through.
            _ => true,
        }),
        _ => false,
    };
    asked.get("severity").is_none_or(|wanted| match wanted {
        Value::Array(list) => list.iter().any(matches),
        other => matches(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_asks_for_less_than_critical_swallows_it() {
        for (policy, through) in [
            (FILTER, true),
            (r#"{"severity": ["warning"]}"#, false),
            (r#"{"severity": ["info", {"prefix": "crit"}]}"#, true),
            (r#"{"severity": [{"anything-but": ["critical"]}]}"#, false),
            (r#"{"severity": [{"anything-but": "info"}]}"#, true),
            (r#"{"severity": [{"exists": false}]}"#, false),
            (r#"{"symptom": ["disk-full"]}"#, true),
            ("{}", true),
            ("no JSON", true),
        ] {
            assert_eq!(lets_critical_through(policy), through, "{policy}");
        }
    }
}
