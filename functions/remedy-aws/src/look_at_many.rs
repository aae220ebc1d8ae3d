//! Reads the world for many at once: as few calls for each verb as its API allows. What an
//! answer lacks is what the call for one would have found to be absent; what a call says of one
//! alone stays with that one.

use std::collections::HashMap;

use aws_sdk_autoscaling::types as autoscaling;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types as cloudwatch;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types as ec2;
use aws_sdk_ssm::types as ssm;
use remedy::model::ids::{CommandId, GroupName, InstanceId};
use remedy::model::unknown::CallFailed;
use remedy::observe::host_report::MARKER;
use remedy::ports::look::{
    Agent, AlarmSettings, Command, Datapoint, Group, History, Instance, Membership, StatusChecks,
};
use remedy::ports::look_at_many::{Commands, Listed, LookAtMany, Sent, Span};

use crate::clients::Aws;
use crate::failure::{call_failed, incomplete};
use crate::look::{
    agent, alarm_settings, complete, every_page, group, has_ended, instance, measured, membership,
    query, status_checks, whole_second,
};

type Answers<T> = Vec<Result<T, CallFailed>>;

impl LookAtMany for Aws {
    async fn instances(&self, ids: &[InstanceId]) -> Answers<Option<Instance>> {
        const CALL: &str = "ec2:DescribeInstances";
        let wanted = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let filter = ec2::Filter::builder().name("instance-id").set_values(Some(wanted)).build();
        let call = self.ec2.describe_instances().filters(filter).max_results(1000);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            let reservations = answer.reservations.unwrap_or_default().into_iter();
            let found = reservations.flat_map(|it| it.instances.unwrap_or_default()).collect();
            Ok((found, answer.next_token))
        };
        let found: Result<Vec<ec2::Instance>, CallFailed> = every_page(CALL, ask).await;
        each(ids, found, InstanceId::as_str, ec2::Instance::instance_id, instance)
    }

    async fn statuses(&self, ids: &[InstanceId]) -> Answers<Option<StatusChecks>> {
        const CALL: &str = "ec2:DescribeInstanceStatus";
        let mut found = HashMap::new();
        let mut parts = vec![ids];
        // One id that is not known fails the call for all (EC2 API reference, "Error codes"),
        // so that is halved until it stands alone.
        while let Some(part) = parts.pop() {
            let wanted = part.iter().map(|id| id.as_str().to_owned()).collect();
            let running =
                ec2::Filter::builder().name("instance-state-name").values("running").build();
            let call = self.ec2.describe_instance_status();
            let ask = call.set_instance_ids(Some(wanted)).filters(running).send();
            match ask.await {
                Ok(answer) => {
                    for status in answer.instance_statuses() {
                        let id = status.instance_id().unwrap_or_default().to_owned();
                        found.insert(id, Ok(Some(status_checks(status))));
                    }
                }
                Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => {
                    if part.len() > 1 {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([first, second]);
                    }
                }
                Err(error) => {
                    let failed = call_failed(CALL, &error);
                    let untold = |id: &InstanceId| (id.as_str().to_owned(), Err(failed.clone()));
                    found.extend(part.iter().map(untold));
                }
            }
        }
        ids.iter().map(|id| found.remove(id.as_str()).unwrap_or(Ok(None))).collect()
    }

    async fn agents(&self, ids: &[InstanceId]) -> Answers<Option<Agent>> {
        const CALL: &str = "ssm:DescribeInstanceInformation";
        let wanted = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let filter = ssm::InstanceInformationStringFilter::builder();
        let found = match filter.key("InstanceIds").set_values(Some(wanted)).build() {
            Ok(filter) => {
                let call = self.ssm.describe_instance_information();
                let call = call.filters(filter).max_results(50);
                let ask = async |token| {
                    let answer = call.clone().set_next_token(token).send().await;
                    let answer = answer.map_err(|error| call_failed(CALL, &error))?;
                    Ok((answer.instance_information_list.unwrap_or_default(), answer.next_token))
                };
                every_page(CALL, ask).await
            }
            Err(error) => Err(CallFailed { call: CALL, why: error.to_string() }),
        };
        let id = ssm::InstanceInformation::instance_id;
        each(ids, found, InstanceId::as_str, id, |found| Ok(agent(found)))
    }

    async fn memberships(&self, ids: &[InstanceId]) -> Answers<Option<Membership>> {
        const CALL: &str = "autoscaling:DescribeAutoScalingInstances";
        let wanted = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let call = self.autoscaling.describe_auto_scaling_instances();
        let call = call.set_instance_ids(Some(wanted)).max_records(50);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.auto_scaling_instances.unwrap_or_default(), answer.next_token))
        };
        let found = every_page(CALL, ask).await;
        let id = autoscaling::AutoScalingInstanceDetails::instance_id;
        each(ids, found, InstanceId::as_str, id, membership)
    }

    async fn groups(&self, names: &[GroupName]) -> Answers<Option<Group>> {
        const CALL: &str = "autoscaling:DescribeAutoScalingGroups";
        let wanted = names.iter().map(|name| name.as_str().to_owned()).collect();
        let call = self.autoscaling.describe_auto_scaling_groups();
        let call = call.set_auto_scaling_group_names(Some(wanted)).max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.auto_scaling_groups.unwrap_or_default(), answer.next_token))
        };
        let found = every_page(CALL, ask).await;
        let name = autoscaling::AutoScalingGroup::auto_scaling_group_name;
        each(names, found, GroupName::as_str, name, |found| Ok(group(found)))
    }

    async fn histories(&self, ids: &[InstanceId]) -> Answers<History> {
        self.histories_of(ids).await
    }

    async fn commands(&self, which: &Commands, page: Option<String>) -> Result<Listed, CallFailed> {
        const CALL: &str = "ssm:ListCommandInvocations";
        let filter = |key, at| {
            let filter = ssm::CommandFilter::builder().key(key).value(whole_second(at)).build();
            filter.map_err(|error| CallFailed { call: CALL, why: error.to_string() })
        };
        let call = self.ssm.list_command_invocations().details(true).max_results(50);
        let call = match which {
            Commands::During(sent) => call
                .filters(filter(ssm::CommandFilterKey::InvokedAfter, sent.since)?)
                .filters(filter(ssm::CommandFilterKey::InvokedBefore, sent.until)?),
            Commands::One(command) => call.command_id(command.as_str()),
        };
        let answer =
            call.set_next_token(page).send().await.map_err(|error| call_failed(CALL, &error))?;
        Ok(Listed {
            commands: answer.command_invocations().iter().filter_map(how_sent).collect(),
            next: answer.next_token.filter(|token| !token.is_empty()),
        })
    }

    async fn sessions_of(&self, ids: &[InstanceId]) -> Answers<usize> {
        const CALL: &str = "ssm:DescribeSessions";
        let call = self.ssm.describe_sessions().state(ssm::SessionState::Active).max_results(200);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.sessions.unwrap_or_default(), answer.next_token))
        };
        let found = every_page(CALL, ask).await;
        let on = |sessions: &[ssm::Session], id: &InstanceId| {
            sessions.iter().filter(|session| session.target() == Some(id.as_str())).count()
        };
        ids.iter().map(|id| found.clone().map(|sessions| on(&sessions, id))).collect()
    }

    async fn spans(&self, spans: &[Span]) -> Answers<Vec<Datapoint>> {
        const CALL: &str = "cloudwatch:GetMetricData";
        let since = spans.iter().map(|span| span.since).min().unwrap_or_default();
        let until = spans.iter().map(|span| span.until).max().unwrap_or_default();
        if until.as_second() <= since.as_second() {
            return spans.iter().map(|_| Ok(Vec::new())).collect();
        }
        let queries = spans.iter().enumerate().map(|(n, span)| query(&span.series, &name(n)));
        let call = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_secs(since.as_second()))
            .end_time(DateTime::from_secs(until.as_second()))
            .scan_by(cloudwatch::ScanBy::TimestampAscending);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.metric_data_results.unwrap_or_default(), answer.next_token))
        };
        let results = match every_page(CALL, ask).await {
            Ok(results) => results,
            Err(failed) => return spans.iter().map(|_| Err(failed.clone())).collect(),
        };
        let answers = spans.iter().enumerate().map(|(place, span)| {
            let id = name(place);
            // What has many values comes in several pages, the last of which is complete.
            let mine = || results.iter().filter(|result| result.id() == Some(&id));
            let last = mine().next_back().ok_or_else(|| incomplete(CALL, "result"))?;
            complete(CALL, last.status_code())?;
            let values = mine().flat_map(|result| measured(result, span.since));
            Ok(values.filter(|datapoint| datapoint.at < span.until).collect())
        });
        answers.collect()
    }

    async fn alarms(&self, names: &[String]) -> Answers<Option<AlarmSettings>> {
        const CALL: &str = "cloudwatch:DescribeAlarms";
        let call = self.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec()));
        let call = call.max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.metric_alarms.unwrap_or_default(), answer.next_token))
        };
        let found = every_page(CALL, ask).await;
        let name = cloudwatch::MetricAlarm::alarm_name;
        each(names, found, String::as_str, name, |found| Ok(alarm_settings(found)))
    }
}

/// How an invocation goes, unless it ended and its list lacks what it said: that shows 2,500
/// characters of both outputs together (SSM API reference, `CommandPlugin`), in which our
/// result line comes first. Of what ended in another way the call for one tells more.
fn how_sent(invocation: &ssm::CommandInvocation) -> Option<(Sent, Command)> {
    let status = invocation.status()?;
    let sent = Sent {
        command: CommandId::new(invocation.command_id()?).ok()?,
        instance: InstanceId::new(invocation.instance_id()?).ok()?,
    };
    let details = invocation.status_details().unwrap_or(status.as_str());
    let command = Command {
        ended: has_ended(status),
        status: details.chars().filter(|c| !c.is_whitespace()).collect(),
        exit_code: None,
        stdout: String::new(),
        stderr: String::new(),
    };
    if !command.ended {
        return Some((sent, command));
    }
    let [plugin] = invocation.command_plugins() else { return None };
    let stdout = plugin.output()?.to_owned();
    let is_whole = |line: &str| line.starts_with(MARKER) && line.ends_with('}');
    let exit_code = Some(plugin.response_code()).filter(|code| *code >= 0);
    let told = stdout.lines().any(is_whole).then_some(Command { exit_code, stdout, ..command })?;
    Some((sent, told))
}

/// The id of the query at that place: it begins with a lower-case letter (`CloudWatch` API
/// reference, `MetricDataQuery`).
pub(crate) fn name(place: usize) -> String {
    format!("q{place}")
}

/// For each of `asked` what was found under its name, read by `read`; nothing, if nothing was;
/// for all the same if the call failed.
fn each<Q, F, A>(
    asked: &[Q],
    found: Result<Vec<F>, CallFailed>,
    name: impl Fn(&Q) -> &str,
    found_name: impl Fn(&F) -> Option<&str>,
    read: impl Fn(&F) -> Result<A, CallFailed>,
) -> Answers<Option<A>> {
    let found = match found {
        Ok(found) => found,
        Err(failed) => return asked.iter().map(|_| Err(failed.clone())).collect(),
    };
    let by_name: HashMap<&str, &F> =
        found.iter().filter_map(|found| Some((found_name(found)?, found))).collect();
    let answer = |asked: &Q| by_name.get(name(asked)).map(|found| read(found)).transpose();
    asked.iter().map(answer).collect()
}
