//! What an account keeps of its past, asked with a person's credentials.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_autoscaling::types as autoscaling;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types as cloudwatch;
use jiff::Timestamp;
use rehearsal::history::Item;
use rehearsal::look_back::{Activity, Between, Changes, LookBack, Page, Refresh};
use remedy::model::ids::GroupName;
use remedy::model::unknown::CallFailed;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::Person;
use super::signed::Wanted;
use super::stack::Deployed;
use crate::clients::{Aws, TRIES_MAX};
use crate::failure::{call_failed, incomplete};
use crate::look::pages;

/// Pages of series, of 500 each (`CloudWatch` API reference, `ListMetrics`), and of what a group
/// did, of 100 each.
const PAGES_MAX: usize = 200;

/// "The rate of lookup requests is limited to two per second, per account, per Region"
/// (`CloudTrail` API reference, `LookupEvents`).
const LOOKUP_EVERY: Duration = Duration::from_millis(500);

/// Somebody else may look something up, too.
const AFTER_A_THROTTLE: Duration = Duration::from_secs(2);

/// Where `CloudTrail` takes a lookup (botocore's model of `cloudtrail`, `targetPrefix`).
const LOOKUP: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";

/// The past of an account.
#[derive(Debug)]
pub struct Past<'a> {
    person: &'a Person,
    aws: &'a Aws,
    next_lookup: Cell<Option<Instant>>,
}

impl Person {
    /// The past of the account that the deployment is in.
    pub fn past<'a>(&'a self, deployed: &'a Deployed) -> Past<'a> {
        Past { person: self, aws: &deployed.aws, next_lookup: Cell::new(None) }
    }
}

/// What `LookupEvents` tells that we read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookedUp {
    #[serde(default)]
    events: Vec<Event>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    cloud_trail_event: Option<String>,
}

impl LookBack for Past<'_> {
    async fn changes(
        &self,
        which: Changes<'_>,
        between: Between,
        next: Option<String>,
    ) -> Result<Page<Item>, CallFailed> {
        const CALL: &str = "cloudwatch:DescribeAlarmHistory";
        let call = self.aws.cloudwatch.describe_alarm_history();
        let call = match which {
            Changes::OfAlarms => call.history_item_type(cloudwatch::HistoryItemType::StateUpdate),
            Changes::OfContributors(alarm) => call
                .alarm_name(alarm)
                .history_item_type(cloudwatch::HistoryItemType::AlarmContributorStateUpdate),
        };
        let answer = call
            .start_date(DateTime::from_secs(between.from.as_second()))
            .end_date(DateTime::from_secs(between.until.as_second()))
            .scan_by(cloudwatch::ScanBy::TimestampDescending)
            .max_records(100)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        let found = answer.alarm_history_items().iter();
        let found: Option<Vec<Item>> = found.map(item).collect();
        let found = found.ok_or_else(|| incomplete(CALL, "time or name of an item"))?;
        Ok(Page { found, next: answer.next_token.filter(|token| !token.is_empty()) })
    }

    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallFailed> {
        const CALL: &str = "cloudwatch:ListTagsForResource";
        let answer = self.aws.cloudwatch.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(|error| call_failed(CALL, &error))?;
        let tag = |tag: &cloudwatch::Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
        Ok(answer.tags().iter().filter_map(tag).collect())
    }

    async fn series_named(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<BTreeMap<String, String>>, CallFailed> {
        const CALL: &str = "cloudwatch:ListMetrics";
        let call = self.aws.cloudwatch.list_metrics().namespace(namespace).metric_name(name);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.metrics.unwrap_or_default(), answer.next_token))
        };
        let found: Vec<cloudwatch::Metric> = pages(CALL, PAGES_MAX, ask).await?;
        let pair =
            |it: &cloudwatch::Dimension| Some((it.name()?.to_owned(), it.value()?.to_owned()));
        Ok(found.iter().map(|it| it.dimensions().iter().filter_map(pair).collect()).collect())
    }

    async fn activities(
        &self,
        group: &GroupName,
        since: Timestamp,
    ) -> Result<Vec<Activity>, CallFailed> {
        const CALL: &str = "autoscaling:DescribeScalingActivities";
        let begun = autoscaling::Filter::builder().name("StartTimeLowerBound");
        let begun = begun.values(since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).build();
        let call = self.aws.autoscaling.describe_scaling_activities();
        let call = call.auto_scaling_group_name(group.as_str()).filters(begun).max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.activities.unwrap_or_default(), answer.next_token))
        };
        let found: Vec<autoscaling::Activity> = pages(CALL, PAGES_MAX, ask).await?;
        let activity = |found: &autoscaling::Activity| {
            Some(Activity {
                at: time(found.start_time()?)?,
                description: found.description().unwrap_or_default().to_owned(),
                status: found.status_code()?.as_str().to_owned(),
                says: found.status_message().map(str::to_owned),
            })
        };
        Ok(found.iter().filter_map(activity).filter(|activity| activity.at >= since).collect())
    }

    async fn refreshes(&self, group: &GroupName) -> Result<Vec<Refresh>, CallFailed> {
        const CALL: &str = "autoscaling:DescribeInstanceRefreshes";
        let call = self.aws.autoscaling.describe_instance_refreshes();
        let call = call.auto_scaling_group_name(group.as_str()).max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.instance_refreshes.unwrap_or_default(), answer.next_token))
        };
        let found: Vec<autoscaling::InstanceRefresh> = pages(CALL, PAGES_MAX, ask).await?;
        let refresh = |found: &autoscaling::InstanceRefresh| {
            Some(Refresh {
                from: found.start_time().and_then(time),
                until: found.end_time().and_then(time),
                status: found.status()?.as_str().to_owned(),
            })
        };
        Ok(found.iter().filter_map(refresh).collect())
    }

    async fn calls(
        &self,
        name: &str,
        between: Between,
        next: Option<String>,
    ) -> Result<Page<String>, CallFailed> {
        const CALL: &str = "cloudtrail:LookupEvents";
        let body = json!({
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}],
            "StartTime": between.from.as_second(),
            "EndTime": between.until.as_second(),
            "MaxResults": 50,
            "NextToken": next,
        });
        let answer = self.look_up(CALL, without_nothing(body).to_string()).await?;
        let told: LookedUp = serde_json::from_str(&answer)
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?;
        let found = told.events.into_iter().filter_map(|event| event.cloud_trail_event).collect();
        Ok(Page { found, next: told.next_token.filter(|token| !token.is_empty()) })
    }
}

impl Past<'_> {
    /// A lookup when its turn comes, and again where that was too soon.
    async fn look_up(&self, call: &'static str, body: String) -> Result<String, CallFailed> {
        let mut tries = 1;
        loop {
            let now = Instant::now();
            let due = self.next_lookup.get().map_or(now, |due| due.max(now));
            self.next_lookup.set(Some(due + LOOKUP_EVERY));
            sleep_until(due).await;
            let wanted = Wanted {
                call,
                service: "cloudtrail",
                method: "POST",
                path: "/",
                content_type: "application/x-amz-json-1.1",
                target: Some(LOOKUP),
                body: body.clone(),
            };
            match self.person.send(wanted).await {
                Ok(answer) => return Ok(answer.body),
                Err(failed) if failed.why.starts_with("Throttling") && tries < TRIES_MAX => {
                    self.next_lookup.set(Some(due + AFTER_A_THROTTLE));
                    tries += 1;
                }
                Err(failed) => return Err(failed),
            }
        }
    }
}

/// An object without those of its members that are null, which no model knows.
fn without_nothing(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    value
}

fn time(at: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

fn item(found: &cloudwatch::AlarmHistoryItem) -> Option<Item> {
    let labels = found.alarm_contributor_attributes();
    Some(Item {
        alarm_name: found.alarm_name()?.to_owned(),
        alarm_type: found.alarm_type().map(|kind| kind.as_str().to_owned()),
        alarm_contributor_id: found.alarm_contributor_id().map(str::to_owned),
        alarm_contributor_attributes: labels.map(|labels| {
            labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        }),
        timestamp: time(found.timestamp()?)?,
        history_item_type: found.history_item_type()?.as_str().to_owned(),
        history_data: found.history_data().unwrap_or_default().to_owned(),
    })
}
