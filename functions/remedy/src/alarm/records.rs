//! Records in which SNS and SQS carry what others sent.
//!
//! Lambda developer guide, "Using Lambda with Amazon SNS" (`Records[].Sns.Message`) and
//! "Using Lambda with Amazon SQS" (`Records[].body`): a text each. It is an alarm's own
//! notification, or an event of `EventBridge`, which a rule may send to either (its user
//! guide, "Event bus targets"), or, in a queue that a topic writes to, SNS's envelope
//! around one of these, unless the subscription has raw message delivery (SNS developer
//! guide, "Fanout to Amazon SQS queues").

use serde_json::Value;

use super::field::{Field, quoted};
use super::{Message, NoAlarm, NotOurs, Received, Symptom, Unreadable};
use super::{lambda_action, sns, state_change};

/// Envelopes of SNS inside one another: one, in a queue.
const ENVELOPES_MAX: usize = 1;

/// Whether `event` holds records, as SNS and several other services send them.
pub(super) fn recognises(event: &Field<'_>) -> bool {
    event.get("Records").is_some()
}

/// Reads every record. One that cannot be read makes the whole event unreadable,
/// so that nothing is acted on by halves.
pub(super) fn read(event: &Field<'_>, symptom: Symptom) -> Result<Received, Unreadable> {
    let records = event.need("Records", "a list")?;
    let Some(list) = records.value().as_array() else {
        return Err(records.unlike("a list"));
    };
    if list.is_empty() {
        return Err(records.unlike("at least one record"));
    }
    let mut received = Received::default();
    for (i, record) in list.iter().enumerate() {
        let record = Field::at(format!("{}[{i}]", records.path()), record);
        received.take(alarms(&record, symptom))?;
    }
    Ok(received)
}

/// Reads what was taken from a queue. What is wrong with one message is no word about the
/// others.
pub(super) fn messages(event: &Field<'_>) -> Result<Vec<Message>, Unreadable> {
    let records = event.need("Records", "a list")?.list()?;
    let message = |record: &Field<'_>| {
        let id = record.needed_text("messageId")?.to_owned();
        Ok(Message { id, held: of_any_symptom(record) })
    };
    records.iter().map(message).collect()
}

/// Reads a record, whatever symptom it is about.
fn of_any_symptom(record: &Field<'_>) -> Result<Received, Unreadable> {
    let read = |symptom| {
        let mut received = Received::default();
        received.take(alarms(record, symptom))?;
        Ok(received)
    };
    let received: Received = read(Symptom::HighCpu)?;
    match received.ignored.as_slice() {
        [NotOurs::OtherSymptom { symptom }] => read(*symptom),
        _ => Ok(received),
    }
}

fn alarms(record: &Field<'_>, symptom: Symptom) -> Result<Received, NoAlarm> {
    // SNS writes `EventSource`, other services `eventSource`.
    let source = record.get("EventSource").or_else(|| record.get("eventSource"));
    let has = |key: &str| record.get(key).is_some();
    let field = match source.as_ref().and_then(|source| source.value().as_str()) {
        Some("aws:sns") => record.object("Sns")?.need("Message", "a text")?,
        Some("aws:sqs") => record.need("body", "a text")?,
        Some(source) => {
            let source = quoted(source);
            return Err(NotOurs::ForeignRecord { source }.into());
        }
        None if has("Sns") => record.object("Sns")?.need("Message", "a text")?,
        None if has("body") => record.need("body", "a text")?,
        None => return Err(record.unlike("a record of SNS or SQS").into()),
    };
    carried(&field, symptom, ENVELOPES_MAX)
}

/// Reads what is written in `field`.
fn carried(field: &Field<'_>, symptom: Symptom, envelopes: usize) -> Result<Received, NoAlarm> {
    let text = field.text()?;
    let message: Value = match serde_json::from_str(text) {
        Ok(message) => message,
        // People and other services publish prose to the same topic.
        Err(_) if !text.trim_start().starts_with('{') => return Err(NotOurs::NotAnAlarm.into()),
        Err(error) => {
            let found = format!("{error}, in {text}");
            return Err(Unreadable::new(field.path(), "JSON", &found).into());
        }
    };
    let message = Field::at(field.path(), &message);
    let has = |key: &str| message.get(key).is_some();
    if sns::recognises(&message) {
        sns::read(&message, symptom)
    } else if has("source") && has("detail-type") {
        state_change::read(&message, symptom)
    } else if has("source") && lambda_action::recognises(&message) {
        lambda_action::read(&message, symptom)
    } else if has("Type") && has("Message") && envelopes > 0 {
        carried(&message.need("Message", "a text")?, symptom, envelopes - 1)
    } else {
        Err(NotOurs::NotAnAlarm.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::alarm::tests::{state_change, told};

    fn sns(message: &str) -> Value {
        json!({"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": message}})
    }

    fn sqs(body: &str) -> Value {
        json!({"messageId": "19dd0b57", "eventSource": "aws:sqs", "body": body})
    }

    fn notification() -> Value {
        json!({
            "AlarmName": "disk",
            "NewStateValue": "ALARM",
            "NewStateReason": "1 datapoint [96.5 (20/11/26 03:07:00)] was greater than the \
                               threshold (90.0)",
            "StateChangeTime": "2026-11-20T03:12:45.989+0000",
            "Trigger": {
                "MetricName": "disk_used_percent",
                "Namespace": "CWAgent",
                "Dimensions": [
                    {"name": "path", "value": "/var"},
                    {"name": "InstanceId", "value": "i-0123abcd"},
                ],
            },
        })
    }

    #[test]
    fn an_alarm_is_read_through_whatever_carries_it() {
        let alarm = notification().to_string();
        let path = json!({"InstanceId": "i-0123abcd", "path": "/var"});
        let event = state_change("CWAgent", "disk_used_percent", &path);
        let bus = event.to_string();
        let action = json!({
            "source": "aws.cloudwatch",
            "alarmArn": "arn:aws:cloudwatch:us-east-1:444455556666:alarm:a",
            "alarmData": event["detail"],
        });
        let envelope = |message: &str| json!({"Type": "Notification", "Message": message});
        for record in [
            sns(&alarm),
            sns(&bus),
            sqs(&alarm),
            sqs(&bus),
            sqs(&action.to_string()),
            sqs(&envelope(&alarm).to_string()),
            sqs(&envelope(&bus).to_string()),
            json!({"body": bus}),
        ] {
            let told = told(Symptom::DiskFull, &json!({"Records": [record]}));
            assert!(told.starts_with("i-0123abcd /var 9"), "{record}: {told}");
        }
        let s3 = json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {}});
        let confirmation = json!({"Type": "SubscriptionConfirmation", "Token": "x"});
        let twice = envelope(&envelope(&alarm).to_string());
        for (record, expected) in [
            (sns(&s3.to_string()), "foreign-event"),
            (sqs(&s3.to_string()), "foreign-event"),
            (sqs("hello"), "not-an-alarm"),
            (sqs(&json!({"detail": "of a deployment"}).to_string()), "not-an-alarm"),
            (sqs(&confirmation.to_string()), "not-an-alarm"),
            (sqs(&twice.to_string()), "not-an-alarm"),
        ] {
            assert_eq!(told(Symptom::DiskFull, &json!({"Records": [record]})), expected);
        }
    }

    #[test]
    fn each_message_of_a_queue_is_read_by_itself() {
        let message = |id: &str, body: &str| json!({"messageId": id, "body": body});
        let path = json!({"InstanceId": "i-0123abcd", "path": "/var"});
        let full = state_change("CWAgent", "disk_used_percent", &path).to_string();
        let busy = state_change("AWS/EC2", "CPUUtilization", &json!({"InstanceId": "i-0123abcd"}));
        let records = json!([
            message("full", &full),
            message("cut", "{\"source\": "),
            message("busy", &busy.to_string()),
            message("words", "hello"),
            message("asked", r#"{"instance_id":"i-0123abcd"}"#),
        ]);
        let event = json!({"Records": records});
        let told = |held: &Result<Received, Unreadable>| match held {
            Ok(Received { alarms, ignored }) => {
                let alarms = alarms.iter().map(|alarm| alarm.symptom.name());
                alarms.chain(ignored.iter().map(NotOurs::code)).collect::<Vec<_>>().join(", ")
            }
            Err(unreadable) => unreadable.field.clone(),
        };
        let read = messages(&Field::at("", &event)).unwrap();
        let read: Vec<(&str, String)> =
            read.iter().map(|message| (message.id.as_str(), told(&message.held))).collect();
        let expected = [
            ("full", "disk-full"),
            ("cut", "Records[1].body"),
            ("busy", "high-cpu"),
            ("words", "not-an-alarm"),
            // Who may write to a queue is no person: what they type is invoked.
            ("asked", "not-an-alarm"),
        ];
        assert_eq!(read, expected.map(|(id, told)| (id, told.to_owned())));
        for (event, field) in [
            (json!({"Records": [{"body": full}]}), "Records[0].messageId"),
            (json!({"Records": {}}), "Records"),
            (json!({}), "Records"),
        ] {
            let unreadable = messages(&Field::at("", &event)).unwrap_err();
            assert_eq!(unreadable.field, field, "{event}");
        }
    }

    #[test]
    fn records_stand_or_fall_together() {
        let good = sns(&notification().to_string());
        let cut = sns("{\"AlarmName\": ");
        for (records, expected) in [
            (json!([good, sns("hello")]), "i-0123abcd /var 96.5, not-an-alarm"),
            (json!([{"eventSource": "aws:s3", "s3": {}}]), "foreign-record"),
            (json!([good, cut]), "Records[1].Sns.Message: expected JSON, found "),
            (json!([good, sqs("{")]), "Records[1].body: expected JSON, found "),
            (json!([good, {}]), "Records[1]: expected a record of SNS or SQS, found {}"),
            (json!([good, 5]), "Records[1]: expected a record of SNS or SQS, found 5"),
            (json!([{"EventSource": "aws:sns"}]), "Records[0].Sns: expected an object, found noth"),
            (json!([good, {"Sns": {}}]), "Records[1].Sns.Message: expected a text, found nothing"),
            (json!([{"Sns": {"Message": {}}}]), "Records[0].Sns.Message: expected a text, found"),
            (json!([]), "Records: expected at least one record, found []"),
            (json!({}), "Records: expected a list, found {}"),
        ] {
            let told = told(Symptom::DiskFull, &json!({"Records": records}));
            assert!(told.starts_with(expected), "{records}: {told}");
        }
    }
}
