//! `CloudWatch` invoking the function itself, as an alarm's action.
//!
//! Documented in the `CloudWatch` user guide, "Invoke a Lambda function from an
//! alarm" (alarms-and-actions-Lambda.html): what `EventBridge` calls `detail` is
//! `alarmData`. The page shows no contributor; where `alarmContributor` stands
//! is not documented, so both places are read.

use super::field::{Doubts, Field, quoted};
use super::state_change::{SOURCE, of_detail};
use super::tags::AlarmTags;
use super::{Envelope, NoAlarm, NotOurs, Received, Symptom};

/// Whether `event` is in the envelope of an alarm's Lambda action.
pub(super) fn recognises(event: &Field<'_>) -> bool {
    event.get("alarmData").is_some() || event.get("alarmArn").is_some()
}

/// Reads the event of an alarm's Lambda action.
pub(super) fn read(event: &Field<'_>, symptom: Symptom) -> Result<Received, NoAlarm> {
    let source = event.needed_text("source")?;
    if source != SOURCE {
        return Err(
            NotOurs::ForeignEvent { source: quoted(source), kind: "alarmData".to_owned() }.into()
        );
    }
    let data = event.object("alarmData")?;
    let mut doubts = Doubts::default();
    let arn = event.optional("alarmArn", &mut doubts, Field::text);
    let account = event.optional("accountId", &mut doubts, Field::text);
    let region = event.optional("region", &mut doubts, Field::text);
    let contributor = event.get("alarmContributor");
    let mut transition = of_detail(&data, Envelope::LambdaAction, contributor, doubts)?;
    (transition.arn, transition.account, transition.region) = (arn, account, region);
    // Where the tags stand is not documented either.
    transition.tags.add(AlarmTags::of(event));
    transition.alarms(symptom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::alarm::tests::{told, with, without};

    #[test]
    fn an_action_is_read_as_the_event_it_resembles() {
        let event = json!({
            "source": "aws.cloudwatch",
            "alarmArn": "arn:aws:cloudwatch:us-east-1:444455556666:alarm:lambda-demo",
            "accountId": "444455556666",
            "time": "2023-08-04T12:36:15.490+0000",
            "region": "us-east-1",
            "alarmData": {
                "alarmName": "lambda-demo",
                "state": {
                    "value": "ALARM",
                    "reason": "1 datapoint [95.0 (04/08/23 12:36:00)] was greater than the \
                               threshold (90.0)",
                    "timestamp": "2023-08-04T12:36:15.490+0000",
                },
                "previousState": {"value": "INSUFFICIENT_DATA"},
                "configuration": {"metrics": [{
                    "id": "m1",
                    "metricStat": {
                        "metric": {
                            "namespace": "AWS/EC2",
                            "name": "CPUUtilization",
                            "dimensions": {"InstanceId": "i-0123abcd"},
                        },
                        "stat": "Average",
                        "period": 60,
                        "unit": "Percent",
                    },
                    "returnData": true,
                }]},
            },
        });
        let query = json!([{
            "id": "q1",
            "expression": "SELECT MAX(CPUUtilization) FROM \"AWS/EC2\" GROUP BY InstanceId",
            "returnData": true,
        }]);
        let parent = with(&event, "/alarmData/configuration/metrics", query);
        let contributor = json!({"id": "6d44", "attributes": {"InstanceId": "i-0123abce"}});
        for (event, expected) in [
            (event.clone(), "i-0123abcd 95"),
            (parent.clone(), "fleet-alarm"),
            (with(&parent, "/alarmData/alarmContributor", contributor.clone()), "i-0123abce 95"),
            (with(&parent, "/alarmContributor", contributor), "i-0123abce 95"),
            (with(&event, "/source", json!("my.app")), "foreign-event"),
            (without(&event, "/source"), "source: expected a text, found nothing"),
            (without(&event, "/alarmData"), "alarmData: expected an object, found nothing"),
            (
                with(&event, "/alarmArn", json!(1)),
                "i-0123abcd unclear: a part of the event cannot be read: alarmArn: expected a \
                 text, found 1",
            ),
            (
                with(&event, "/alarmTags", json!({"auto-remediation-max": "cleanup"})),
                "i-0123abcd 95 at most cleanup",
            ),
            (
                with(&event, "/alarmData/alarmTags", json!({"auto-remediation": "observe"})),
                "i-0123abcd 95 observe",
            ),
            (
                without(&event, "/alarmData/alarmName"),
                "alarmData.alarmName: expected a text, found nothing",
            ),
        ] {
            assert_eq!(told(Symptom::HighCpu, &event), expected, "{event}");
        }
    }
}
