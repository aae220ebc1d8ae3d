//! Everything that is read before the chain from an alarm to a person is judged: all there is of
//! a region, in as few calls as its APIs have pages.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::event::{Reading, read};
use crate::model::ids::{GroupName, InstanceId};
use crate::model::pause::Pause;
use crate::model::series::{Bad, Series, Statistic};
use crate::model::unknown::{CallFailed, Unknown};
use crate::observe::facts::{DiskFact, DisruptionFact, Fact, Facts, GroupFact};
use crate::ports::ledger::{Due, Ledger};
use crate::ports::look::{Datapoint, Group, History, Instance, Membership, StatusChecks};
use crate::ports::look_at_all::{
    AlarmDefinition, GroupDefinition, LookAtAll, RegisteredAgent, Window,
};
use crate::ports::look_at_many::SERIES_MAX;

/// A metric that was not published for so long is silent. Longer than the slowest of those that
/// are understood takes; and what is older is read at another price.
const LATELY: SignedDuration = SignedDuration::from_hours(3);

/// Metrics that come more seldom are not asked about.
const SLOWEST_SECONDS: u32 = 3600;

/// So far back it is asked whether a metric was ever there.
const EVER: SignedDuration = SignedDuration::from_hours(15 * 24);

/// The seconds of a value of the last hours, and of the last days.
const FINE: u32 = 300;
const COARSE: u32 = 86_400;

/// What is told of the last day: failed deliveries, and the busiest minute.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Open incidents that are read: as many as a region has in the worst hour.
const OPEN_MAX: usize = 5_000;

/// Every open incident is due within this.
const DUE_BY: SignedDuration = SignedDuration::from_hours(48);

/// What a deployment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The namespace of its own metrics.
    pub namespace: String,
    /// Its notification topic.
    pub topic_arn: String,
    /// The follow-up function's name, if it is known.
    pub function: Option<String>,
}

/// A subscription to the notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its ARN, if it is confirmed.
    pub arn: Option<String>,
    /// Such as `email` or `sqs`.
    pub protocol: String,
    /// The address.
    pub endpoint: String,
    /// What it filters for, if it does.
    pub filter: Option<String>,
}

/// What only a person's own credentials may ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Who subscribes to the notifications.
    pub subscriptions: Fact<Vec<Subscription>>,
    /// Which of the deployment's SSM documents are not there.
    pub missing_documents: Fact<Vec<String>>,
    /// What the follow-up's role may not do of what it needs, and the role.
    pub denied: Fact<Vec<(String, String)>>,
    /// The same of those of EC2's calls that can be tried without being made, where the role
    /// itself asks; and who may not make them.
    pub dry_runs: Fact<Vec<(String, String)>>,
    /// By how much AWS's clock is ahead of this machine's.
    pub clock_ahead: Fact<SignedDuration>,
}

impl Account {
    /// Nothing of it but dry runs, for the deployment itself: its role may ask none of the rest.
    pub fn of_the_deployment(dry_runs: Fact<Vec<(String, String)>>) -> Self {
        fn gap<T>(call: &'static str, what: &'static str) -> Fact<T> {
            Fact::Unknown(Unknown::NotAsked { call, what })
        }
        Self {
            subscriptions: gap("sns:ListSubscriptionsByTopic", "who subscribes"),
            missing_documents: gap("ssm:DescribeDocument", "the documents"),
            denied: gap("iam:SimulatePrincipalPolicy", "what the role may do"),
            dry_runs,
            // The clock of a function is AWS's own.
            clock_ahead: Fact::Known(SignedDuration::ZERO),
        }
    }
}

/// Everything that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// When.
    pub at: Timestamp,
    /// What the deployment says of itself.
    pub own: Own,
    /// Every metric alarm of the region.
    pub alarms: Fact<Vec<AlarmDefinition>>,
    /// Every instance.
    pub instances: Fact<BTreeMap<InstanceId, Instance>>,
    /// The checks of those that run.
    pub statuses: Fact<BTreeMap<InstanceId, StatusChecks>>,
    /// Every agent that registered.
    pub agents: Fact<BTreeMap<InstanceId, RegisteredAgent>>,
    /// Every group.
    pub groups: Fact<BTreeMap<GroupName, GroupDefinition>>,
    /// Which of the alarms' metrics were published [lately](LATELY), by [`key`].
    pub lately: BTreeMap<String, Fact<bool>>,
    /// Which of those that were not were published [ever](EVER).
    pub ever: BTreeMap<String, Fact<bool>>,
    /// When the follow-up last counted a heartbeat.
    pub heartbeat: Fact<Option<Timestamp>>,
    /// How many deliveries failed within a day.
    pub failed_deliveries: Fact<f64>,
    /// The most messages that were published in one minute of the last day.
    pub busiest_minute: Fact<f64>,
    /// Every pause.
    pub pauses: Fact<Vec<Pause>>,
    /// Every open incident.
    pub open: Fact<Due>,
    /// What only a person may ask.
    pub account: Account,
}

impl Fleet {
    /// Reads everything at `at`, and tells what is being read.
    pub async fn read(
        look: &(impl LookAtAll + Ledger),
        own: Own,
        account: Account,
        at: Timestamp,
        tell: &impl Fn(&str),
    ) -> Self {
        tell("alarms");
        let alarms: Fact<_> = look.all_alarms().await.into();
        tell("instances");
        let instances: Fact<_> = look.all_instances().await.into();
        let statuses = look.all_statuses().await.into();
        tell("SSM agents");
        let agents = look.all_agents().await.into();
        tell("Auto Scaling groups");
        let groups = look.all_groups().await.into();
        tell("what metrics show");
        let watched = series_of(&alarms, &instances, at);
        let lately = published(look, &watched, window(at, LATELY, FINE)).await;
        let silent = |key: &String| lately.get(key) == Some(&Fact::Known(false));
        let silent = watched.into_iter().filter(|(key, _)| silent(key)).collect();
        let ever = published(look, &silent, window(at, EVER, COARSE)).await;
        let [heartbeat, failed, busiest] = own_values(look, &own, at).await;
        tell("the ledger");
        let pauses = look.pauses().await.into();
        let open = look.due(at + DUE_BY, OPEN_MAX).await.into();
        Self {
            at,
            own,
            alarms,
            instances,
            statuses,
            agents,
            groups,
            lately,
            ever,
            heartbeat: known(heartbeat, |values| values.iter().map(|value| value.at).max()),
            failed_deliveries: known(failed, |values| values.iter().map(|it| it.value).sum()),
            busiest_minute: known(busiest, |values| {
                values.iter().map(|value| value.value).fold(0.0, f64::max)
            }),
            pauses,
            open,
            account,
        }
    }

    /// Everything that is known of an instance, as what decides about it would read it. Its
    /// group is there without its members: see [`of_member`](Self::of_member).
    pub(super) fn facts(&self, id: &InstanceId, instance: &Instance) -> Facts {
        let mut facts = self.of_member(id, instance, None);
        if let Some((name, definition)) = self.group_of(instance) {
            let members = Vec::new();
            let group = Group { members, ..definition.group.clone() };
            facts.membership = Fact::Known(Some(membership(&name, definition, id)));
            facts.group =
                GroupFact::Read { group: Fact::Known(Some(group)), refresh: Fact::Known(None) };
        }
        facts
    }

    /// The group of the instance, by the tag that Auto Scaling gives its members (Auto Scaling
    /// user guide, "Tag Auto Scaling groups and instances").
    pub(super) fn group_of(&self, instance: &Instance) -> Option<(GroupName, &GroupDefinition)> {
        let Fact::Known(groups) = &self.groups else { return None };
        let name = GroupName::new(instance.tags.get("aws:autoscaling:groupName")?).ok()?;
        let definition = groups.get(&name)?;
        Some((name, definition))
    }

    /// The same, with its group whole, where it is the member of one.
    pub(super) fn of_member(
        &self,
        id: &InstanceId,
        instance: &Instance,
        of: Option<(&GroupName, &GroupDefinition)>,
    ) -> Facts {
        let not_asked = |call, what| Unknown::NotAsked { call, what };
        let agent = match &self.agents {
            Fact::Known(agents) => Fact::Known(agents.get(id).map(|found| found.agent.clone())),
            Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
        };
        let status = match &self.statuses {
            Fact::Known(statuses) => Fact::Known(statuses.get(id).cloned()),
            Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
        };
        let history = match &self.pauses {
            Fact::Known(pauses) => Fact::Known(History { latest: None, pauses: pauses.clone() }),
            Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
        };
        Facts {
            instance_id: id.clone(),
            observed_at: self.at,
            instance: Fact::Known(Some(instance.clone())),
            status,
            agent,
            membership: Fact::Known(of.map(|(name, group)| membership(name, group, id))),
            group: of.map_or(GroupFact::NotRead, |(_, definition)| GroupFact::Read {
                group: Fact::Known(Some(definition.group.clone())),
                refresh: Fact::Known(None),
            }),
            disruption: DisruptionFact::NotRead,
            alarm: Fact::Unknown(not_asked("cloudwatch:DescribeAlarms", "the alarm")),
            alarm_limit: None,
            sessions: Fact::Unknown(not_asked("ssm:DescribeSessions", "open sessions")),
            zones: Fact::Unknown(not_asked("ec2:DescribeAvailabilityZones", "the zones")),
            calendar: Fact::Unknown(not_asked("ssm:GetCalendarState", "the change calendar")),
            mount: None,
            ask: None,
            history,
            preflight: None,
            disk: DiskFact::NotRead,
            survey: None,
        }
    }
}

fn membership(name: &GroupName, definition: &GroupDefinition, id: &InstanceId) -> Membership {
    let own = definition.group.members.iter().find(|member| member.instance == *id);
    Membership {
        group: name.clone(),
        lifecycle: own.map_or_else(|| "InService".to_owned(), |member| member.lifecycle.clone()),
        healthy: own.is_none_or(|member| member.healthy),
        protected: definition.group.protects_new,
        launch_template_version: None,
    }
}

fn known<T>(values: Result<Vec<Datapoint>, CallFailed>, of: impl Fn(&[Datapoint]) -> T) -> Fact<T> {
    values.map(|values| of(&values)).into()
}

fn window(at: Timestamp, back: SignedDuration, period: u32) -> Window {
    Window { since: at - back, until: at, period }
}

/// What tells one series from another.
pub fn key(series: &Series) -> String {
    let Series { namespace, name, dimensions, .. } = series;
    format!("{namespace} {name} {dimensions:?}")
}

/// The metrics of instances that run, which alarms watch: each once.
fn series_of(
    alarms: &Fact<Vec<AlarmDefinition>>,
    instances: &Fact<BTreeMap<InstanceId, Instance>>,
    at: Timestamp,
) -> BTreeMap<String, Series> {
    let (Fact::Known(alarms), Fact::Known(instances)) = (alarms, instances) else {
        return BTreeMap::new();
    };
    let ours = alarms.iter().filter_map(|alarm| match read(alarm, at) {
        Reading::Ours(alarms) => Some(alarms),
        Reading::Ignored(_) | Reading::Fleet { .. } | Reading::Unreadable(_) => None,
    });
    let of_a_running_one =
        ours.flatten().filter(|alarm| instances.contains_key(&alarm.instance_id));
    let series = of_a_running_one.filter_map(|alarm| alarm.series);
    series.filter(is_asked_about).map(|series| (key(&series), series)).collect()
}

/// Whether a series can be asked about as it stands, and comes often enough.
pub(super) fn is_asked_about(series: &Series) -> bool {
    series.exact && series.period <= SLOWEST_SECONDS
}

/// Which of these have any value in the window.
async fn published(
    look: &impl LookAtAll,
    series: &BTreeMap<String, Series>,
    window: Window,
) -> BTreeMap<String, Fact<bool>> {
    let (keys, series): (Vec<&String>, Vec<Series>) =
        series.iter().map(|(key, series)| (key, series.clone())).unzip();
    let mut found = BTreeMap::new();
    for (keys, series) in keys.chunks(SERIES_MAX).zip(series.chunks(SERIES_MAX)) {
        let values = look.values(series, window).await;
        let answers = keys.iter().zip(values);
        found.extend(answers.map(|(key, values)| {
            ((*key).clone(), Fact::from(values.map(|values| !values.is_empty())))
        }));
    }
    found
}

/// The deployment's own metrics of the last day: heartbeats, failed deliveries and messages.
async fn own_values(
    look: &impl LookAtAll,
    own: &Own,
    at: Timestamp,
) -> [Result<Vec<Datapoint>, CallFailed>; 3] {
    let series = |namespace: &str, name: &str, (label, value): (&str, &str)| Series {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        dimensions: [(label.to_owned(), value.to_owned())].into(),
        exact: true,
        bad: Bad::Up,
        unit: None,
        statistic: Statistic::Sum,
        period: 60,
        scope: None,
    };
    let topic = ("TopicName", own.topic_arn.rsplit(':').next().unwrap_or_default());
    // SNS developer guide, "Amazon SNS metrics".
    let asked = [
        series(&own.namespace, "Heartbeats", ("function", "follow-up")),
        series("AWS/SNS", "NumberOfNotificationsFailed", topic),
        series("AWS/SNS", "NumberOfMessagesPublished", topic),
    ];
    let mut values = look.values(&asked, window(at, DAY, 60)).await.into_iter();
    let none = || {
        let why = "the answer has no result".to_owned();
        Err(CallFailed { call: "cloudwatch:GetMetricData", why })
    };
    [(); 3].map(|()| values.next().unwrap_or_else(none))
}
