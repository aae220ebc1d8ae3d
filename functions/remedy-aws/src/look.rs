//! Reads the world: one call for each verb.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types as autoscaling;
use aws_sdk_cloudwatch::types as cloudwatch;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types as ec2;
use aws_sdk_ssm::operation::get_command_invocation::GetCommandInvocationError;
use aws_sdk_ssm::types as ssm;
use aws_smithy_types::{DateTime, base64};
use jiff::Timestamp;
use remedy::model::alarm::{AlarmState, Symptom};
use remedy::model::calendar::{CalendarState, Calendars};
use remedy::model::growth::GrowthBook;
use remedy::model::ids::{CommandId, GroupName, InstanceId, SnapshotId, VolumeId};
use remedy::model::platform::Platform;
use remedy::model::pool::{Pool, PoolBook};
use remedy::model::series::{Series, Statistic};
use remedy::model::unknown::CallFailed;
use remedy::ports::look::{
    Agent, AlarmSettings, CapacityUnit, Command, Datapoint, Group, History, Instance,
    InstanceState, Look, Member, Membership, Modification, ModificationState, Performance,
    ScheduledEvent, Snapshot, StatusChecks, Volume, Zone,
};

use crate::clients::Aws;
use crate::failure::{call_failed, incomplete};

impl Look for Aws {
    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, CallFailed> {
        const CALL: &str = "ec2:DescribeInstances";
        // A filter, not an id: an unknown id is an answer, not an error, and
        // filtered calls have the larger request quota.
        let answer = self
            .ec2
            .describe_instances()
            .filters(ec2::Filter::builder().name("instance-id").values(id.as_str()).build())
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        let found = answer
            .reservations()
            .iter()
            .flat_map(ec2::Reservation::instances)
            .find(|instance| instance.instance_id() == Some(id.as_str()));
        found.map(instance).transpose()
    }

    async fn status(&self, id: &InstanceId) -> Result<Option<StatusChecks>, CallFailed> {
        const CALL: &str = "ec2:DescribeInstanceStatus";
        // This call has no filter by instance. What it shows anyway is filtered for,
        // because filtered calls have the larger request quota.
        let running = ec2::Filter::builder().name("instance-state-name").values("running").build();
        let ask =
            self.ec2.describe_instance_status().instance_ids(id.as_str()).filters(running).send();
        let answer = match ask.await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => return Ok(None),
            Err(error) => return Err(call_failed(CALL, &error)),
        };
        let found = answer
            .instance_statuses()
            .iter()
            .find(|status| status.instance_id() == Some(id.as_str()));
        Ok(found.map(status_checks))
    }

    async fn agent(&self, id: &InstanceId) -> Result<Option<Agent>, CallFailed> {
        const CALL: &str = "ssm:DescribeInstanceInformation";
        let filter = ssm::InstanceInformationStringFilter::builder()
            .key("InstanceIds")
            .values(id.as_str())
            .build()
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?;
        let call = self.ssm.describe_instance_information().filters(filter).max_results(50);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.instance_information_list.unwrap_or_default(), answer.next_token))
        };
        let page = first_with_any(CALL, ask).await?;
        let found = page.iter().find(|information| information.instance_id() == Some(id.as_str()));
        Ok(found.map(agent))
    }

    async fn membership(&self, id: &InstanceId) -> Result<Option<Membership>, CallFailed> {
        const CALL: &str = "autoscaling:DescribeAutoScalingInstances";
        let answer = self
            .autoscaling
            .describe_auto_scaling_instances()
            .instance_ids(id.as_str())
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        let found = answer
            .auto_scaling_instances()
            .iter()
            .find(|instance| instance.instance_id() == Some(id.as_str()));
        found.map(membership).transpose()
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>, CallFailed> {
        const CALL: &str = "autoscaling:DescribeAutoScalingGroups";
        let answer = self
            .autoscaling
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(name.as_str())
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        let found = answer
            .auto_scaling_groups()
            .iter()
            .find(|group| group.auto_scaling_group_name() == Some(name.as_str()));
        Ok(found.map(group))
    }

    async fn refresh(&self, name: &GroupName) -> Result<Option<String>, CallFailed> {
        const CALL: &str = "autoscaling:DescribeInstanceRefreshes";
        let call = self
            .autoscaling
            .describe_instance_refreshes()
            .auto_scaling_group_name(name.as_str())
            .max_records(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.instance_refreshes.unwrap_or_default(), answer.next_token))
        };
        // It lists six weeks of them, and promises no order.
        let refreshes = every_page(CALL, ask).await?;
        let mut statuses = refreshes.iter().filter_map(|refresh| Some(refresh.status()?.as_str()));
        Ok(statuses.find(|status| !is_finished(status)).map(str::to_owned))
    }

    async fn history(&self, id: &InstanceId) -> Result<History, CallFailed> {
        self.history_of(id).await
    }

    async fn pool(
        &self,
        pool: &Pool,
        symptom: Symptom,
        now: Timestamp,
    ) -> Result<PoolBook, CallFailed> {
        self.pool_book(pool, symptom, now).await
    }

    async fn sessions(&self, id: &InstanceId) -> Result<usize, CallFailed> {
        const CALL: &str = "ssm:DescribeSessions";
        let target = ssm::SessionFilter::builder()
            .key(ssm::SessionFilterKey::TargetId)
            .value(id.as_str())
            .build()
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?;
        let call = self.ssm.describe_sessions().state(ssm::SessionState::Active).filters(target);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.sessions.unwrap_or_default(), answer.next_token))
        };
        // One page is enough to know that somebody is there.
        Ok(first_with_any(CALL, ask).await?.len())
    }

    async fn instance_store(&self, instance_type: &str) -> Result<bool, CallFailed> {
        const CALL: &str = "ec2:DescribeInstanceTypes";
        let answer = self
            .ec2
            .describe_instance_types()
            .instance_types(ec2::InstanceType::from(instance_type))
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        let found = answer.instance_types().first();
        let supported = found.and_then(ec2::InstanceTypeInfo::instance_storage_supported);
        supported.ok_or_else(|| incomplete(CALL, "word on instance storage"))
    }

    async fn volumes(&self, id: &InstanceId) -> Result<Vec<Volume>, CallFailed> {
        const CALL: &str = "ec2:DescribeVolumes";
        // A filter and pages: both have the larger request quota.
        let attached = ec2::Filter::builder().name("attachment.instance-id").values(id.as_str());
        let call = self.ec2.describe_volumes().filters(attached.build()).max_results(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.volumes.unwrap_or_default(), answer.next_token))
        };
        let volumes = every_page(CALL, ask).await?;
        volumes.iter().map(|found| volume(id, found)).collect()
    }

    async fn modification(&self, volume: &VolumeId) -> Result<Option<Modification>, CallFailed> {
        const CALL: &str = "ec2:DescribeVolumesModifications";
        // A filter, not an id: of one that was never modified an id is an error.
        let named = ec2::Filter::builder().name("volume-id").values(volume.as_str()).build();
        let call = self.ec2.describe_volumes_modifications().filters(named).max_results(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.volumes_modifications.unwrap_or_default(), answer.next_token))
        };
        let all = every_page(CALL, ask).await?;
        let own = all.iter().filter(|found| found.volume_id() == Some(volume.as_str()));
        // Of a volume that was never modified "some information will be null", said an older
        // API reference.
        let own = own.filter(|it| it.modification_state().is_some() || it.start_time().is_some());
        // "The most recent modification request" is one (EC2 API reference).
        let newest = own.max_by_key(|found| found.start_time().map(DateTime::as_nanos));
        newest.map(modification).transpose()
    }

    async fn snapshot(
        &self,
        volume: &VolumeId,
        description: &str,
    ) -> Result<Option<Snapshot>, CallFailed> {
        const CALL: &str = "ec2:DescribeSnapshots";
        let filter = |name, value| ec2::Filter::builder().name(name).values(value).build();
        let call = self.ec2.describe_snapshots().owner_ids("self");
        let call = call.filters(filter("volume-id", volume.as_str()));
        let call = call.filters(filter("description", description)).max_results(100);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.snapshots.unwrap_or_default(), answer.next_token))
        };
        let all = every_page(CALL, ask).await?;
        let own = |found: &&ec2::Snapshot| {
            found.volume_id() == Some(volume.as_str()) && found.description() == Some(description)
        };
        // One that holds the volume is enough, whatever became of another.
        let found = all.iter().filter(own).map(snapshot).collect::<Result<Vec<_>, _>>()?;
        let holds = found.iter().find(|snapshot| snapshot.holds).cloned();
        Ok(holds.or_else(|| found.into_iter().next()))
    }

    async fn growths(&self, volume: &VolumeId, now: Timestamp) -> Result<GrowthBook, CallFailed> {
        self.growth_book(volume, now).await
    }

    async fn zones(&self) -> Result<Vec<Zone>, CallFailed> {
        const CALL: &str = "ec2:DescribeAvailabilityZones";
        let ask = self.ec2.describe_availability_zones().send().await;
        let answer = ask.map_err(|error| call_failed(CALL, &error))?;
        let zone = |zone: &ec2::AvailabilityZone| {
            let state = zone.state().ok_or_else(|| incomplete(CALL, "state of a zone"))?;
            let says = zone.messages().iter().filter_map(|it| it.message().map(str::to_owned));
            Ok(Zone {
                name: zone.zone_name().unwrap_or_default().to_owned(),
                state: state.as_str().to_owned(),
                says: says.collect(),
            })
        };
        answer.availability_zones().iter().map(zone).collect()
    }

    async fn calendar(
        &self,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<CalendarState, CallFailed> {
        const CALL: &str = "ssm:GetCalendarState";
        // One answer serves all of a beat that ask after it, and whoever is invoked soon.
        let asked = (calendars.names.clone(), now);
        if let Some(state) = self.calendar_memo.get(&asked) {
            return Ok(state);
        }
        let ask = self
            .ssm
            .get_calendar_state()
            .set_calendar_names(Some(calendars.names.iter().cloned().collect()));
        let answer = ask.send().await.map_err(|error| call_failed(CALL, &error))?;
        let state = answer.state().ok_or_else(|| incomplete(CALL, "state"))?;
        let state = CalendarState {
            is_open: *state == ssm::CalendarState::Open,
            until: answer.next_transition_time().and_then(|at| at.parse().ok()),
        };
        self.calendar_memo.keep(asked, state);
        Ok(state)
    }

    async fn command(
        &self,
        id: &CommandId,
        instance: &InstanceId,
    ) -> Result<Option<Command>, CallFailed> {
        const CALL: &str = "ssm:GetCommandInvocation";
        let answer = self
            .ssm
            .get_command_invocation()
            .command_id(id.as_str())
            .instance_id(instance.as_str())
            .send()
            .await;
        let found = match answer {
            Ok(found) => found,
            // Right after SendCommand this is normal.
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(GetCommandInvocationError::InvocationDoesNotExist(_))
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(call_failed(CALL, &error)),
        };
        let status = found.status().ok_or_else(|| incomplete(CALL, "status"))?;
        let details = found.status_details().unwrap_or(status.as_str());
        Ok(Some(Command {
            ended: has_ended(status),
            status: details.chars().filter(|c| !c.is_whitespace()).collect(),
            // -1 means "not started".
            exit_code: Some(found.response_code()).filter(|code| *code >= 0),
            stdout: found.standard_output_content().unwrap_or_default().to_owned(),
            stderr: found.standard_error_content().unwrap_or_default().to_owned(),
        }))
    }

    async fn command_of(
        &self,
        comment: &str,
        instance: &InstanceId,
        since: Timestamp,
    ) -> Result<Option<CommandId>, CallFailed> {
        const CALL: &str = "ssm:ListCommandInvocations";
        let after = ssm::CommandFilter::builder()
            .key(ssm::CommandFilterKey::InvokedAfter)
            .value(whole_second(since))
            .build()
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?;
        let call = self
            .ssm
            .list_command_invocations()
            .instance_id(instance.as_str())
            .filters(after)
            .max_results(50);
        let ask = async |token| {
            let answer = call.clone().set_next_token(token).send().await;
            let answer = answer.map_err(|error| call_failed(CALL, &error))?;
            Ok((answer.command_invocations.unwrap_or_default(), answer.next_token))
        };
        // In an order that nobody promises.
        let page = every_page(CALL, ask).await?;
        let ours = page
            .iter()
            .filter(|invocation| invocation.comment() == Some(comment))
            .max_by_key(|invocation| invocation.requested_date_time().map(DateTime::as_nanos))
            .and_then(ssm::CommandInvocation::command_id);
        ours.map(|id| {
            CommandId::new(id).map_err(|error| CallFailed { call: CALL, why: error.to_string() })
        })
        .transpose()
    }

    async fn console_output(&self, id: &InstanceId) -> Result<Option<String>, CallFailed> {
        const CALL: &str = "ec2:GetConsoleOutput";
        let ask =
            |latest| self.ec2.get_console_output().instance_id(id.as_str()).latest(latest).send();
        let answer = match ask(true).await {
            // Only Nitro has a live console (EC2 API reference).
            Err(error) if error.code() == Some("UnsupportedOperation") => ask(false).await,
            answer => answer,
        };
        let answer = answer.map_err(|error| call_failed(CALL, &error))?;
        let text = console(answer.output().unwrap_or_default())
            .map_err(|why| CallFailed { call: CALL, why })?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    async fn datapoints(
        &self,
        series: &Series,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Datapoint>, CallFailed> {
        const CALL: &str = "cloudwatch:GetMetricData";
        // CloudWatch refuses a window of no seconds, in which nothing is to be seen.
        if until.as_second() <= since.as_second() {
            return Ok(Vec::new());
        }
        let at =
            |time: Timestamp| aws_sdk_cloudwatch::primitives::DateTime::from_secs(time.as_second());
        let answer = self
            .cloudwatch
            .get_metric_data()
            .metric_data_queries(query(series, "series"))
            .start_time(at(since))
            .end_time(at(until))
            .scan_by(cloudwatch::ScanBy::TimestampAscending)
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        let Some(found) = answer.metric_data_results().first() else {
            return no_result(CALL, series, answer.messages());
        };
        // A failure of one query is no failure of the call.
        complete(CALL, found.status_code())?;
        Ok(measured(found, since))
    }

    async fn alarm(&self, name: &str) -> Result<Option<AlarmSettings>, CallFailed> {
        const CALL: &str = "cloudwatch:DescribeAlarms";
        let answer = self
            .cloudwatch
            .describe_alarms()
            .alarm_names(name)
            .send()
            .await
            .map_err(|error| call_failed(CALL, &error))?;
        Ok(answer.metric_alarms().first().map(alarm_settings))
    }
}

/// Systems Manager may answer a filtered list with an empty page and a token: it cuts
/// the page first and filters then. After so many it counts as no answer.
const EMPTY_PAGES_MAX: usize = 20;

/// The first page that has anything, empty if the list is.
async fn first_with_any<T>(
    call: &'static str,
    ask: impl AsyncFn(Option<String>) -> Result<(Vec<T>, Option<String>), CallFailed>,
) -> Result<Vec<T>, CallFailed> {
    let mut token = None;
    for _ in 0..EMPTY_PAGES_MAX {
        let (page, next) = ask(token).await?;
        token = next.filter(|token| !token.is_empty());
        if !page.is_empty() || token.is_none() {
            return Ok(page);
        }
    }
    Err(incomplete(call, "end, only empty pages"))
}

/// An answer of more pages counts as none: these lists have a handful of entries.
const PAGES_MAX: usize = 20;

/// All pages of a list that is short, whatever its order.
pub(crate) async fn every_page<T>(
    call: &'static str,
    ask: impl AsyncFn(Option<String>) -> Result<(Vec<T>, Option<String>), CallFailed>,
) -> Result<Vec<T>, CallFailed> {
    pages(call, PAGES_MAX, ask).await
}

/// All pages of a list, if there are at most `max`.
pub(crate) async fn pages<T>(
    call: &'static str,
    max: usize,
    ask: impl AsyncFn(Option<String>) -> Result<(Vec<T>, Option<String>), CallFailed>,
) -> Result<Vec<T>, CallFailed> {
    let mut found = Vec::new();
    let mut token = None;
    for _ in 0..max {
        let (page, next) = ask(token).await?;
        found.extend(page);
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
    Err(incomplete(call, "end, only more pages"))
}

/// A time as Systems Manager's filters take it, such as `2024-07-07T00:00:00Z` (SSM API
/// reference, `CommandFilter`), cut to the second.
pub(crate) fn whole_second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether a command comes no further.
pub(crate) fn has_ended(status: &ssm::CommandInvocationStatus) -> bool {
    !matches!(
        status,
        ssm::CommandInvocationStatus::Pending
            | ssm::CommandInvocationStatus::InProgress
            | ssm::CommandInvocationStatus::Delayed
            | ssm::CommandInvocationStatus::Cancelling
    )
}

/// What a console showed. AWS wraps its base64 after 76 characters (EC2 API reference,
/// the sample of `GetConsoleOutput`), which a strict decoder refuses.
fn console(encoded: &str) -> Result<String, String> {
    let one_line: String = encoded.split_ascii_whitespace().collect();
    let bytes = base64::decode(one_line).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// An answer of `GetMetricData` without a result. A query that matches no series has none
/// (recorded by moto, `tests/test_cloudwatch/test_cloudwatch_expressions.py`, verified on
/// AWS): a host that hangs publishes nothing. A metric always has one, if without values.
fn no_result(
    call: &'static str,
    series: &Series,
    messages: &[cloudwatch::MessageData],
) -> Result<Vec<Datapoint>, CallFailed> {
    if let Some(message) = messages.first().and_then(cloudwatch::MessageData::value) {
        return Err(CallFailed { call, why: message.to_owned() });
    }
    if series.exact { Err(incomplete(call, "result")) } else { Ok(Vec::new()) }
}

/// Whether a query was answered whole.
pub(crate) fn complete(
    call: &'static str,
    status: Option<&cloudwatch::StatusCode>,
) -> Result<(), CallFailed> {
    match status {
        None | Some(cloudwatch::StatusCode::Complete) => Ok(()),
        Some(other) => {
            let why = format!("the result is {}", other.as_str());
            Err(CallFailed { call, why })
        }
    }
}

/// The values of a result. The start of its window is rounded down to its minute.
pub(crate) fn measured(found: &cloudwatch::MetricDataResult, since: Timestamp) -> Vec<Datapoint> {
    let values = found.timestamps().iter().zip(found.values());
    let values = values.filter_map(|(at, value)| {
        let at = Timestamp::from_second(at.secs()).ok()?;
        Some(Datapoint { at, value: *value })
    });
    values.filter(|datapoint| datapoint.at >= since).collect()
}

/// Values come every minute if the metric does, else as often as it does.
const PERIOD_SECONDS: i32 = 60;

/// Reads one series: by its dimensions if these are all, else by a query for
/// every series that has them (`CloudWatch` user guide, "Metrics Insights").
pub(crate) fn query(series: &Series, id: &str) -> cloudwatch::MetricDataQuery {
    query_every(series, id, PERIOD_SECONDS)
}

/// The same, with one value for so many seconds.
pub(crate) fn query_every(series: &Series, id: &str, period: i32) -> cloudwatch::MetricDataQuery {
    let query = cloudwatch::MetricDataQuery::builder().id(id).return_data(true);
    if !series.exact {
        return query.expression(insights(series)).period(period).build();
    }
    let dimensions = series
        .dimensions
        .iter()
        .map(|(name, value)| cloudwatch::Dimension::builder().name(name).value(value).build());
    let metric = cloudwatch::Metric::builder()
        .namespace(&series.namespace)
        .metric_name(&series.name)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let stat = cloudwatch::MetricStat::builder()
        .metric(metric)
        .period(period)
        .stat(named(&series.statistic).0)
        .build();
    query.metric_stat(stat).build()
}

/// The statistic's name, of a metric and as the function of a query.
fn named(statistic: &Statistic) -> (&str, &str) {
    match statistic {
        Statistic::Average => ("Average", "AVG"),
        Statistic::Maximum => ("Maximum", "MAX"),
        Statistic::Minimum => ("Minimum", "MIN"),
        Statistic::Sum => ("Sum", "SUM"),
        // A query knows no other functions.
        Statistic::Extended(name) => (name, "AVG"),
    }
}

/// The alarm's own query, for this instance's series alone (`CloudWatch` user guide,
/// "Metrics Insights query components and syntax").
fn insights(series: &Series) -> String {
    let (_, function) = named(&series.statistic);
    let quoted = |text: &str, mark: char| {
        let escaped = text.replace('\\', "\\\\").replace(mark, &format!("\\{mark}"));
        format!("{mark}{escaped}{mark}")
    };
    let label = |(name, value): (&String, &String)| {
        format!("{} = {}", quoted(name, '"'), quoted(value, '\''))
    };
    // What CloudWatch calls a label that the series does not have.
    let labels = series.dimensions.iter().filter(|(_, value)| *value != "Other");
    let mut conditions: Vec<String> = labels.map(label).collect();
    let scope = series.scope.as_ref();
    conditions.extend(scope.and_then(|scope| scope.condition.clone()));
    format!(
        "SELECT {function}({}) FROM {} WHERE {}",
        quoted(&series.name, '"'),
        scope.map_or_else(|| quoted(&series.namespace, '"'), |scope| scope.from.clone()),
        conditions.join(" AND ")
    )
}

pub(crate) fn instance(found: &ec2::Instance) -> Result<Instance, CallFailed> {
    const CALL: &str = "ec2:DescribeInstances";
    let state = found
        .state()
        .and_then(ec2::InstanceState::name)
        .ok_or_else(|| incomplete(CALL, "instance state"))?;
    let tags: BTreeMap<String, String> = found
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .collect();
    let zone = found.placement().and_then(ec2::Placement::availability_zone);
    Ok(Instance {
        state: match state {
            ec2::InstanceStateName::Running => InstanceState::Running,
            other => InstanceState::Not(other.as_str().to_owned()),
        },
        tags,
        zone: zone.unwrap_or_default().to_owned(),
        launched_at: found.launch_time().and_then(|at| Timestamp::from_second(at.secs()).ok()),
        image: found.image_id().unwrap_or_default().to_owned(),
        instance_type: found.instance_type().map_or("", |kind| kind.as_str()).to_owned(),
        root_is_ebs: found.root_device_type() == Some(&ec2::DeviceType::Ebs),
        // `default` where the type allows it, and `disabled` (EC2 API reference,
        // `InstanceMaintenanceOptions`).
        auto_recovers: found
            .maintenance_options()
            .and_then(ec2::InstanceMaintenanceOptions::auto_recovery)
            == Some(&ec2::InstanceAutoRecoveryState::Default),
        // `windows` or nothing; the SDK knows only `Windows` (EC2 API reference,
        // `Instance`).
        platform: match found.platform().map(ec2::PlatformValues::as_str) {
            Some(platform) if platform.eq_ignore_ascii_case("windows") => Platform::Windows,
            _ => Platform::Linux,
        },
    })
}

/// A volume that is attached to the instance `id`.
fn volume(id: &InstanceId, found: &ec2::Volume) -> Result<Volume, CallFailed> {
    const CALL: &str = "ec2:DescribeVolumes";
    let name = found.volume_id().unwrap_or_default();
    let own = found.attachments().iter().find(|it| it.instance_id() == Some(id.as_str()));
    let tags = found
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .collect();
    let managed = found.operator().filter(|operator| operator.managed() == Some(true));
    Ok(Volume {
        id: VolumeId::new(name)
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?,
        size_gib: found
            .size()
            .and_then(|gib| u32::try_from(gib).ok())
            .ok_or_else(|| incomplete(CALL, "size of a volume"))?,
        kind: found.volume_type().map_or("", ec2::VolumeType::as_str).to_owned(),
        device: own.and_then(ec2::VolumeAttachment::device).map(str::to_owned),
        attachments: found.attachments().len(),
        multi_attach: found.multi_attach_enabled() == Some(true),
        managed_by: managed
            .map(|operator| operator.principal().unwrap_or("a service of AWS").to_owned()),
        tags,
    })
}

fn snapshot(found: &ec2::Snapshot) -> Result<Snapshot, CallFailed> {
    const CALL: &str = "ec2:DescribeSnapshots";
    let name = found.snapshot_id().unwrap_or_default();
    let state = found.state().ok_or_else(|| incomplete(CALL, "state of a snapshot"))?;
    Ok(Snapshot {
        id: SnapshotId::new(name)
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?,
        holds: matches!(state, ec2::SnapshotState::Pending | ec2::SnapshotState::Completed),
        state: state.as_str().to_owned(),
    })
}

fn modification(found: &ec2::VolumeModification) -> Result<Modification, CallFailed> {
    let state = found
        .modification_state()
        .ok_or_else(|| incomplete("ec2:DescribeVolumesModifications", "state"))?;
    Ok(Modification {
        state: match state {
            ec2::VolumeModificationState::Modifying => ModificationState::Modifying,
            ec2::VolumeModificationState::Optimizing => ModificationState::Optimizing,
            ec2::VolumeModificationState::Completed => ModificationState::Completed,
            ec2::VolumeModificationState::Failed => ModificationState::Failed,
            other => ModificationState::Other(other.as_str().to_owned()),
        },
        target_gib: found.target_size().and_then(|gib| u32::try_from(gib).ok()),
        started_at: found.start_time().and_then(|at| Timestamp::from_second(at.secs()).ok()),
    })
}

pub(crate) fn status_checks(status: &ec2::InstanceStatus) -> StatusChecks {
    StatusChecks {
        system_impaired: is_impaired(status.system_status()),
        instance_impaired: is_impaired(status.instance_status()),
        volume_impaired: status.attached_ebs_status().and_then(ec2::EbsStatusSummary::status)
            == Some(&ec2::SummaryStatus::Impaired),
        initializing: [status.system_status(), status.instance_status()]
            .into_iter()
            .flatten()
            .any(|summary| summary.status() == Some(&ec2::SummaryStatus::Initializing)),
        application_impaired: status.application_status().and_then(application_impaired),
        performance: status.performance_status().and_then(performance),
        scheduled: status.events().iter().find_map(scheduled),
    }
}

pub(crate) fn alarm_settings(alarm: &cloudwatch::MetricAlarm) -> AlarmSettings {
    AlarmSettings {
        state: match alarm.state_value() {
            Some(cloudwatch::StateValue::Alarm) => Some(AlarmState::Alarm),
            Some(cloudwatch::StateValue::Ok) => Some(AlarmState::Ok),
            _ => None,
        },
        // Unless told otherwise an alarm acts (CloudWatch API reference, `PutMetricAlarm`).
        actions_enabled: alarm.actions_enabled() != Some(false),
        actions: alarm.alarm_actions().to_vec(),
    }
}

/// `impaired` is the only bad word; `initializing` and `insufficient-data` say
/// nothing yet (EC2 API reference, `InstanceStatusSummary`).
fn is_impaired(summary: Option<&ec2::InstanceStatusSummary>) -> bool {
    summary.and_then(ec2::InstanceStatusSummary::status) == Some(&ec2::SummaryStatus::Impaired)
}

/// The word of the application status checks that count, if any does (EC2 API
/// reference, `ApplicationStatusSummary`).
fn application_impaired(summary: &ec2::ApplicationStatusSummary) -> Option<bool> {
    match summary.status() {
        None | Some(ec2::SummaryStatus::NotApplicable) => None,
        Some(status) => Some(*status == ec2::SummaryStatus::Impaired),
    }
}

/// The performance status checks, where they are enabled and failed (EC2 API reference,
/// `PerformanceStatusSummary`).
fn performance(summary: &ec2::PerformanceStatusSummary) -> Option<Performance> {
    let impaired = summary.status() == Some(&ec2::SummaryStatus::Impaired);
    impaired.then(|| Performance { remediation: summary.remediation().map(str::to_owned) })
}

/// What is scheduled and not over: an event that is stays listed for up to a
/// week, with a word in brackets before its description (EC2 API reference,
/// `InstanceStatusEvent`).
fn scheduled(event: &ec2::InstanceStatusEvent) -> Option<ScheduledEvent> {
    let over = ["[Completed]", "[Canceled]"];
    let description = event.description().unwrap_or_default();
    if over.iter().any(|word| description.starts_with(word)) {
        return None;
    }
    Some(ScheduledEvent {
        code: event.code()?.as_str().to_owned(),
        not_before: event.not_before().and_then(|at| Timestamp::from_second(at.secs()).ok()),
    })
}

pub(crate) fn agent(found: &ssm::InstanceInformation) -> Agent {
    Agent {
        online: found.ping_status() == Some(&ssm::PingStatus::Online),
        last_ping: found
            .last_ping_date_time()
            .and_then(|at| Timestamp::from_millisecond(at.to_millis().ok()?).ok()),
        platform: match found.platform_type() {
            // Its agent runs in the control container (Bottlerocket's README, "Exploration").
            _ if found.platform_name().is_some_and(|name| name.starts_with("Bottlerocket")) => {
                Some(Platform::Bottlerocket)
            }
            Some(ssm::PlatformType::Linux) => Some(Platform::Linux),
            Some(ssm::PlatformType::Windows) => Some(Platform::Windows),
            // `MacOS` is the third today (Systems Manager API reference,
            // `InstanceInformation`), and none of them has our scripts.
            Some(_) => Some(Platform::Other),
            None => None,
        },
    }
}

pub(crate) fn membership(
    found: &autoscaling::AutoScalingInstanceDetails,
) -> Result<Membership, CallFailed> {
    const CALL: &str = "autoscaling:DescribeAutoScalingInstances";
    let group = found.auto_scaling_group_name().unwrap_or_default();
    Ok(Membership {
        group: GroupName::new(group)
            .map_err(|error| CallFailed { call: CALL, why: error.to_string() })?,
        lifecycle: found
            .lifecycle_state()
            .ok_or_else(|| incomplete(CALL, "lifecycle state"))?
            .to_owned(),
        // This call shouts (`HEALTHY`), DescribeAutoScalingGroups does not.
        healthy: found.health_status().is_some_and(|h| h.eq_ignore_ascii_case("healthy")),
        protected: found.protected_from_scale_in() == Some(true),
        launch_template_version: found
            .launch_template()
            .and_then(autoscaling::LaunchTemplateSpecification::version)
            .map(str::to_owned),
    })
}

/// A member as its group lists it. One without an id is nobody.
fn member(found: &autoscaling::Instance) -> Option<Member> {
    Some(Member {
        instance: InstanceId::new(found.instance_id()?).ok()?,
        lifecycle: found.lifecycle_state().map_or("", |state| state.as_str()).to_owned(),
        healthy: found.health_status().is_some_and(|h| h.eq_ignore_ascii_case("healthy")),
        weight: found.weighted_capacity().and_then(|weight| weight.parse().ok()),
        zone: found.availability_zone().unwrap_or_default().to_owned(),
    })
}

pub(crate) fn group(found: &autoscaling::AutoScalingGroup) -> Group {
    let size = |size: Option<i32>| size.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
    Group {
        tags: found
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
            .collect(),
        min: size(found.min_size()),
        max: size(found.max_size()),
        desired: size(found.desired_capacity()),
        // `units`, the default, or `vcpu` or `memory-mib` (Auto Scaling API reference,
        // `AutoScalingGroup`).
        unit: match found.desired_capacity_type() {
            None | Some("" | "units") => CapacityUnit::Units,
            Some(_) => CapacityUnit::Other,
        },
        members: found.instances().iter().filter_map(member).collect(),
        receives_traffic: !found.target_group_arns().is_empty()
            || !found.load_balancer_names().is_empty()
            || !found.traffic_sources().is_empty(),
        // Several kinds come in one text, separated by commas ("EC2,ELB").
        health_checks: found
            .health_check_type()
            .unwrap_or_default()
            .split(',')
            .map(|check| check.trim().to_ascii_uppercase())
            .filter(|check| !check.is_empty())
            .collect(),
        suspended: found
            .suspended_processes()
            .iter()
            .filter_map(|process| process.process_name().map(str::to_owned))
            .collect(),
        protects_new: found.new_instances_protected_from_scale_in() == Some(true),
        maintenance: found.instance_maintenance_policy().and_then(|policy| {
            let percent = |p: Option<i32>| u32::try_from(p?).ok();
            Some((
                percent(policy.min_healthy_percentage())?,
                percent(policy.max_healthy_percentage())?,
            ))
        }),
    }
}

/// The statuses of an instance refresh that is over (Auto Scaling API
/// reference, `InstanceRefresh`). A status we do not know counts as running.
fn is_finished(status: &str) -> bool {
    matches!(
        status,
        "Successful" | "Failed" | "Cancelled" | "RollbackFailed" | "RollbackSuccessful"
    )
}

#[cfg(test)]
mod tests {
    use remedy::model::series::{Bad, Scope};

    use super::*;

    #[test]
    fn a_console_is_read_in_the_lines_that_aws_wraps_it_in() {
        let lines = [
            "TGludXggdmVyc2lvbiAyLjYuMTYteGVuVSAoYnVpbGRlckBwYXRjaGJhdC5hbWF6b25zYSkgKGdj",
            "YyB2ZXJzaW9uIDQuMC4xIDIwMDUwNzI3IChSZWQgSGF0IDQuMC4xLTUpKSAjMSBTTVAgVGh1IE9j",
            "dCAyNiAwODo0MToyNiBTQVNUIDIwMDY=",
        ];
        for end in ["\n", "\r\n", ""] {
            let shown = console(&lines.join(end)).unwrap();
            assert!(shown.starts_with("Linux version 2.6.16-xenU (builder@patchbat.amazonsa)"));
            assert!(shown.ends_with("Thu Oct 26 08:41:26 SAST 2006"), "{shown}");
        }
        assert_eq!(console("").as_deref(), Ok(""));
        console("no base64!").unwrap_err();
    }

    #[test]
    fn a_filter_takes_whole_seconds() {
        let at: Timestamp = "2026-11-20T03:12:46.987654321Z".parse().unwrap();
        assert_eq!(whole_second(at), "2026-11-20T03:12:46Z");
    }

    #[test]
    fn a_query_for_one_instance_reads_what_the_alarms_own_query_reads() {
        let mut series = Series {
            namespace: "CWAgent".to_owned(),
            name: "disk_used_percent".to_owned(),
            dimensions: [("InstanceId".to_owned(), "i-0123abcd".to_owned())].into(),
            exact: false,
            bad: Bad::Up,
            unit: None,
            statistic: Statistic::Average,
            period: 300,
            scope: None,
        };
        assert_eq!(
            insights(&series),
            r#"SELECT AVG("disk_used_percent") FROM "CWAgent" WHERE "InstanceId" = 'i-0123abcd'"#
        );
        series.dimensions.insert("device".to_owned(), "Other".to_owned());
        series.dimensions.insert("path".to_owned(), r"/it's\here".to_owned());
        series.scope = Some(Scope {
            from: "SCHEMA(CWAgent, InstanceId, path)".to_owned(),
            condition: Some("fstype != 'tmpfs'".to_owned()),
        });
        assert_eq!(
            insights(&series),
            r#"SELECT AVG("disk_used_percent") FROM SCHEMA(CWAgent, InstanceId, path) WHERE "#
                .to_owned()
                + r#""InstanceId" = 'i-0123abcd' AND "path" = '/it\'s\\here' AND fstype != 'tmpfs'"#
        );
    }
}
