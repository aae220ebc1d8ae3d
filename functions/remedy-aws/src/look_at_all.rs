//! Reads all there is of a region: the verbs of looking without anybody's name, in pages as large
//! as each API has them.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types as autoscaling;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types as cloudwatch;
use aws_sdk_ec2::types as ec2;
use aws_sdk_ssm::types as ssm;
use jiff::Timestamp;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::series::Series;
use remedy::model::unknown::CallFailed;
use remedy::ports::look::{Datapoint, Instance, StatusChecks};
use remedy::ports::look_at_all::{
    AlarmDefinition, GroupDefinition, LookAtAll, RegisteredAgent, TagsSent, WatchedMetric, Window,
};

use crate::clients::Aws;
use crate::failure::{call_failed, incomplete};
use crate::look::{
    agent, alarm_settings, complete, group, instance, measured, pages, query_every, status_checks,
};
use crate::look_at_many::name;

/// Pages of one list. The smallest has 50 entries: ten thousand of whatever there is.
const PAGES_MAX: usize = 200;

impl LookAtAll for Aws {
    async fn all_alarms(&self) -> Result<Vec<AlarmDefinition>, CallFailed> {
        const CALL: &str = "cloudwatch:DescribeAlarms";
        let call = self.cloudwatch.describe_alarms();
        let call = call.alarm_types(cloudwatch::AlarmType::MetricAlarm).max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.metric_alarms.unwrap_or_default(), answer.next_token))
        };
        Ok(pages(CALL, PAGES_MAX, ask).await?.iter().map(definition).collect())
    }

    async fn all_instances(&self) -> Result<BTreeMap<InstanceId, Instance>, CallFailed> {
        const CALL: &str = "ec2:DescribeInstances";
        // Those that are gone are shown for an hour more.
        let there = ec2::Filter::builder().name("instance-state-name");
        let there = there.values("pending").values("running").values("stopping").values("stopped");
        let call = self.ec2.describe_instances().filters(there.build()).max_results(1000);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            let reservations = answer.reservations.unwrap_or_default().into_iter();
            let found = reservations.flat_map(|it| it.instances.unwrap_or_default()).collect();
            Ok((found, answer.next_token))
        };
        let found: Vec<ec2::Instance> = pages(CALL, PAGES_MAX, ask).await?;
        let named = found.iter().filter_map(|it| Some((id(it.instance_id())?, it)));
        named.map(|(id, found)| Ok((id, instance(found)?))).collect()
    }

    async fn all_statuses(&self) -> Result<BTreeMap<InstanceId, StatusChecks>, CallFailed> {
        const CALL: &str = "ec2:DescribeInstanceStatus";
        let running = ec2::Filter::builder().name("instance-state-name").values("running").build();
        let call = self.ec2.describe_instance_status().filters(running).max_results(1000);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.instance_statuses.unwrap_or_default(), answer.next_token))
        };
        let found = pages(CALL, PAGES_MAX, ask).await?;
        let named = found.iter().filter_map(|it| Some((id(it.instance_id())?, it)));
        Ok(named.map(|(id, status)| (id, status_checks(status))).collect())
    }

    async fn all_agents(&self) -> Result<BTreeMap<InstanceId, RegisteredAgent>, CallFailed> {
        const CALL: &str = "ssm:DescribeInstanceInformation";
        let call = self.ssm.describe_instance_information().max_results(50);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.instance_information_list.unwrap_or_default(), answer.next_token))
        };
        let found: Vec<ssm::InstanceInformation> = pages(CALL, PAGES_MAX, ask).await?;
        let named = found.iter().filter_map(|it| Some((id(it.instance_id())?, it)));
        let registered = |found: &ssm::InstanceInformation| RegisteredAgent {
            agent: agent(found),
            version: found.agent_version().map(str::to_owned),
        };
        Ok(named.map(|(id, found)| (id, registered(found))).collect())
    }

    async fn all_groups(&self) -> Result<BTreeMap<GroupName, GroupDefinition>, CallFailed> {
        const CALL: &str = "autoscaling:DescribeAutoScalingGroups";
        let call = self.autoscaling.describe_auto_scaling_groups().max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.auto_scaling_groups.unwrap_or_default(), answer.next_token))
        };
        let found: Vec<autoscaling::AutoScalingGroup> = pages(CALL, PAGES_MAX, ask).await?;
        let named = |it: &autoscaling::AutoScalingGroup| {
            let name = GroupName::new(it.auto_scaling_group_name()?).ok()?;
            let grace = it.health_check_grace_period().and_then(|it| u32::try_from(it).ok());
            let grace_seconds = grace.unwrap_or_default();
            Some((name, GroupDefinition { group: group(it), grace_seconds }))
        };
        Ok(found.iter().filter_map(named).collect())
    }

    async fn values(
        &self,
        series: &[Series],
        window: Window,
    ) -> Vec<Result<Vec<Datapoint>, CallFailed>> {
        const CALL: &str = "cloudwatch:GetMetricData";
        if series.is_empty() {
            return Vec::new();
        }
        let seconds = i32::try_from(window.period).unwrap_or(i32::MAX);
        let queries = series.iter().enumerate();
        let queries = queries.map(|(at, series)| query_every(series, &name(at), seconds));
        let call = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_secs(window.since.as_second()))
            .end_time(DateTime::from_secs(window.until.as_second()))
            .scan_by(cloudwatch::ScanBy::TimestampAscending);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.metric_data_results.unwrap_or_default(), answer.next_token))
        };
        let results = match pages(CALL, PAGES_MAX, ask).await {
            Ok(results) => results,
            Err(failed) => return series.iter().map(|_| Err(failed.clone())).collect(),
        };
        let mut by_id: BTreeMap<&str, Vec<&cloudwatch::MetricDataResult>> = BTreeMap::new();
        for result in &results {
            by_id.entry(result.id().unwrap_or_default()).or_default().push(result);
        }
        let answer = |at: usize| {
            let id = name(at);
            let mine = by_id.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let last = mine.last().ok_or_else(|| incomplete(CALL, "result"))?;
            complete(CALL, last.status_code())?;
            Ok(mine.iter().flat_map(|result| measured(result, Timestamp::MIN)).collect())
        };
        (0..series.len()).map(answer).collect()
    }
}

fn id(text: Option<&str>) -> Option<InstanceId> {
    InstanceId::new(text?).ok()
}

/// An alarm as its owner has defined it (`CloudWatch` API reference, `MetricAlarm`).
fn definition(alarm: &cloudwatch::MetricAlarm) -> AlarmDefinition {
    let changed = alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp());
    AlarmDefinition {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        arn: alarm.alarm_arn().map(str::to_owned),
        settings: alarm_settings(alarm),
        since: changed.and_then(|at| Timestamp::from_second(at.secs()).ok()),
        comparison: alarm.comparison_operator().map_or("", |it| it.as_str()).to_owned(),
        threshold: alarm.threshold(),
        missing: alarm.treat_missing_data().map(str::to_owned),
        metrics: match alarm.metrics() {
            [] => of_one_metric(alarm).into_iter().collect(),
            queries => queries.iter().filter_map(watched).collect(),
        },
        by_the_clock: alarm
            .evaluation_window()
            .is_some_and(cloudwatch::EvaluationWindow::is_wall_clock_window),
        tags_sent: alarm
            .action_configuration()
            .and_then(cloudwatch::ActionConfiguration::alarm_tags_propagation)
            .filter(|sent| sent.enabled() == Some(true))
            .map(|sent| TagsSent {
                only: sent.included_tag_keys().iter().cloned().collect(),
                but: sent.excluded_tag_keys().iter().cloned().collect(),
            }),
    }
}

fn of_one_metric(alarm: &cloudwatch::MetricAlarm) -> Option<WatchedMetric> {
    let stat = alarm.statistic().map(cloudwatch::Statistic::as_str).or(alarm.extended_statistic());
    Some(WatchedMetric::Metric {
        account: None,
        namespace: alarm.namespace()?.to_owned(),
        name: alarm.metric_name()?.to_owned(),
        stat: stat.unwrap_or_default().to_owned(),
        period: seconds(alarm.period()),
        dimensions: dimensions(alarm.dimensions()),
    })
}

fn watched(query: &cloudwatch::MetricDataQuery) -> Option<WatchedMetric> {
    let account = query.account_id().map(str::to_owned);
    if let Some(text) = query.expression() {
        let period = query.period().map(|period| seconds(Some(period)));
        return Some(WatchedMetric::Expression { account, text: text.to_owned(), period });
    }
    let stat = query.metric_stat()?;
    let metric = stat.metric()?;
    Some(WatchedMetric::Metric {
        account,
        namespace: metric.namespace()?.to_owned(),
        name: metric.metric_name()?.to_owned(),
        stat: stat.stat().unwrap_or_default().to_owned(),
        period: seconds(stat.period()),
        dimensions: dimensions(metric.dimensions()),
    })
}

fn seconds(period: Option<i32>) -> u32 {
    period.and_then(|period| u32::try_from(period).ok()).filter(|it| *it > 0).unwrap_or(60)
}

fn dimensions(of: &[cloudwatch::Dimension]) -> BTreeMap<String, String> {
    let pair = |it: &cloudwatch::Dimension| Some((it.name()?.to_owned(), it.value()?.to_owned()));
    of.iter().filter_map(pair).collect()
}
