//! Every check, by its code, and one row of all that it is: what it means and what mends it. The
//! operations guide shows the same words, and a test holds the two together.

use std::fmt;

use serde::{Serialize, Serializer};

use self::Severity::{Limits, Note, Stops};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Remedy hears nothing, does nothing or tells nobody.
    Stops,
    /// It does less than its owner may expect.
    Limits,
    /// It is as it may be meant, and worth knowing.
    Note,
}

impl Severity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stops => "stops",
            Self::Limits => "limits",
            Self::Note => "note",
        }
    }
}

/// What a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its stable name.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it means.
    pub means: &'static str,
    /// The command or the setting that mends it. Names in braces are those of what is found.
    pub mend: &'static str,
}

const fn row(
    severity: Severity,
    code: &'static str,
    means: &'static str,
    mend: &'static str,
) -> Row {
    Row { code, severity, means, mend }
}

/// Every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The alarm's metric has not been published for three hours.
    AlarmMetricSilent,
    /// No metric with exactly these dimensions was published in 15 days.
    AlarmMetricUnknown,
    /// The metric is published, and the alarm is in `INSUFFICIENT_DATA` all the same.
    AlarmInsufficientData,
    /// The alarm watches an instance that is no longer there.
    AlarmInstanceGone,
    /// The alarm's actions are disabled.
    AlarmActionsDisabled,
    /// The alarm reboots, stops, terminates or recovers its instance by its own action.
    AlarmActsItself,
    /// The alarm rings below `FloorPercent`.
    AlarmBelowFloor,
    /// The alarm takes missing data for trouble.
    AlarmMissingBreaches,
    /// When the alarm rings, it cannot be told whether that is bad.
    AlarmUnclear,
    /// The alarm by itself proves no trouble.
    AlarmOnlyAHint,
    /// The alarm does not say which of its instances is in trouble.
    AlarmSeveralInstances,
    /// The alarm rings when the metric is good.
    AlarmHarmlessDirection,
    /// The metric has a name that Remedy knows, in a namespace that it does not.
    AlarmOtherNamespace,
    /// The alarm watches another account's metric.
    AlarmOtherAccount,
    /// The alarm is about a whole group and names no instance.
    AlarmGroupOnly,
    /// The alarm's query makes one series of all instances, and names none.
    AlarmAggregate,
    /// The alarm's metric has no dimension `InstanceId`, or one that is no instance's id.
    AlarmNamesNoInstance,
    /// The alarm is about a file system that is an image, in memory or on another machine.
    AlarmNoDisk,
    /// The alarm is about one processor, and not about the host.
    AlarmOneCore,
    /// The alarm has been ringing since before Remedy could hear it.
    AlarmRingsUnanswered,
    /// A fleet alarm sees 500 series, and more instances run here.
    FleetAlarmSeries,
    /// A fleet alarm names 100 instances in trouble at a time, and more are opted in.
    FleetAlarmContributors,
    /// An opted-in instance with an alarm does not run.
    InstanceNotRunning,
    /// An instance has alarms that Remedy answers, and no tag auto-remediation.
    InstanceNotOptedIn,
    /// The tag auto-remediation has a value that is neither enabled nor observe, which is no
    /// yes.
    OptInUnreadable,
    /// An opted-in instance has no alarm that Remedy answers.
    InstanceUnwatched,
    /// No SSM agent has registered.
    AgentAbsent,
    /// The SSM agent does not answer.
    AgentSilent,
    /// The SSM agent is older than 3.3.2746 and pastes parameters into the script instead of
    /// its environment.
    AgentOld,
    /// The host scripts are not written for this platform.
    PlatformUnsupported,
    /// A scheduler fills and drains this instance.
    ManagedNode,
    /// The tag auto-remediation-busy-until holds no time within 12 hours.
    BusyUnreadable,
    /// The tag auto-remediation-max names no rung.
    LimitUnreadable,
    /// The tag auto-remediation-cleanup has a word that allows nothing.
    CleanupWordsUnreadable,
    /// AWS is going to reboot, stop or retire the instance.
    ScheduledEvent,
    /// Members are opted in and their group is not.
    GroupNotOptedIn,
    /// Members are opted in and their group is only observed.
    GroupObserved,
    /// The group's Launch process is suspended.
    GroupLaunchSuspended,
    /// The group's minimum, desired and maximum capacity leave no room for a Standby.
    GroupNoRoom,
    /// A process is suspended without which the group replaces nobody.
    GroupProcessSuspended,
    /// The group protects its members from scale-in, and a protected one is not replaced.
    GroupProtectsMembers,
    /// The group asks its load balancer for a new member's health at once, and may end one that
    /// only boots.
    GroupGraceShort,
    /// Nobody has confirmed a subscription to the notifications.
    NobodySubscribed,
    /// A subscription waits to be confirmed, and gets nothing.
    SubscriptionPending,
    /// A subscription's filter policy lets no critical message through.
    SubscriptionFiltersCritical,
    /// Every subscription has a filter policy, and the alarms on Remedy itself have no
    /// attributes.
    SubscriptionsAllFiltered,
    /// More messages a minute were published than e-mail takes.
    EmailRate,
    /// Messages of the last day did not reach a subscriber.
    NotificationsFailed,
    /// The deployment observes.
    ModeObserve,
    /// An SSM document of the deployment is not there.
    DocumentMissing,
    /// The follow-up's role may not do what it needs, by its policies or what bounds them.
    PermissionMissing,
    /// There is no evidence bucket.
    NoEvidenceBucket,
    /// A host could not send its evidence to the bucket.
    EvidenceNotKept,
    /// Alarms on services ring, and the list of services that may be started is empty.
    NoUnits,
    /// A pause has been in force for more than a day.
    PauseForgotten,
    /// A rung rests, because it did not help or did harm.
    RungRests,
    /// A question waits for an answer.
    QuestionOpen,
    /// The follow-up has not lived through a heartbeat for ten minutes.
    HeartbeatMissing,
    /// An incident has been due for more than 15 minutes.
    IncidentStuck,
    /// A row of the ledger cannot be read.
    IncidentUnreadable,
    /// Events that no function could answer lie in the dead letters.
    DeadLetters,
    /// An alarm on Remedy itself rings.
    RemedyAlarmRings,
    /// No alarm watches Remedy itself and tells its topic.
    RemedyUnwatched,
    /// This machine's clock and AWS's disagree by more than two minutes.
    ClockOff,
    /// More nodes are managed here than Systems Manager's quota of 2,400 a fleet.
    ManagedNodesMany,
}

impl Code {
    /// Every check, in the order they are told.
    pub const ALL: [Self; 65] = [
        Self::AlarmMetricSilent,
        Self::AlarmMetricUnknown,
        Self::AlarmInsufficientData,
        Self::AlarmInstanceGone,
        Self::AlarmActionsDisabled,
        Self::AlarmActsItself,
        Self::AlarmBelowFloor,
        Self::AlarmMissingBreaches,
        Self::AlarmUnclear,
        Self::AlarmOnlyAHint,
        Self::AlarmSeveralInstances,
        Self::AlarmHarmlessDirection,
        Self::AlarmOtherNamespace,
        Self::AlarmOtherAccount,
        Self::AlarmGroupOnly,
        Self::AlarmAggregate,
        Self::AlarmNamesNoInstance,
        Self::AlarmNoDisk,
        Self::AlarmOneCore,
        Self::AlarmRingsUnanswered,
        Self::FleetAlarmSeries,
        Self::FleetAlarmContributors,
        Self::InstanceNotRunning,
        Self::InstanceNotOptedIn,
        Self::OptInUnreadable,
        Self::InstanceUnwatched,
        Self::AgentAbsent,
        Self::AgentSilent,
        Self::AgentOld,
        Self::PlatformUnsupported,
        Self::ManagedNode,
        Self::BusyUnreadable,
        Self::LimitUnreadable,
        Self::CleanupWordsUnreadable,
        Self::ScheduledEvent,
        Self::GroupNotOptedIn,
        Self::GroupObserved,
        Self::GroupLaunchSuspended,
        Self::GroupNoRoom,
        Self::GroupProcessSuspended,
        Self::GroupProtectsMembers,
        Self::GroupGraceShort,
        Self::NobodySubscribed,
        Self::SubscriptionPending,
        Self::SubscriptionFiltersCritical,
        Self::SubscriptionsAllFiltered,
        Self::EmailRate,
        Self::NotificationsFailed,
        Self::ModeObserve,
        Self::DocumentMissing,
        Self::PermissionMissing,
        Self::NoEvidenceBucket,
        Self::EvidenceNotKept,
        Self::NoUnits,
        Self::PauseForgotten,
        Self::RungRests,
        Self::QuestionOpen,
        Self::HeartbeatMissing,
        Self::IncidentStuck,
        Self::IncidentUnreadable,
        Self::DeadLetters,
        Self::RemedyAlarmRings,
        Self::RemedyUnwatched,
        Self::ClockOff,
        Self::ManagedNodesMany,
    ];

    /// All that it is.
    #[expect(clippy::too_many_lines, reason = "a table has a row for each check")]
    pub fn row(self) -> Row {
        match self {
            Self::AlarmMetricSilent => row(
                Stops,
                "alarm-metric-silent",
                "the alarm's metric has not been published for three hours, so it cannot ring",
                "sudo systemctl restart amazon-cloudwatch-agent (on {instance})",
            ),
            Self::AlarmMetricUnknown => row(
                Stops,
                "alarm-metric-unknown",
                "no metric with exactly these dimensions was published in 15 days: the alarm \
                 watches nothing",
                "aws cloudwatch list-metrics --namespace {namespace} --metric-name {metric} \
                 --dimensions Name=InstanceId,Value={instance}",
            ),
            Self::AlarmInsufficientData => row(
                Stops,
                "alarm-insufficient-data",
                "the metric is published, and the alarm is in INSUFFICIENT_DATA all the same: its \
                 period is shorter than the metric's",
                "in the alarm {alarm}: Period as long as the metric's own, which is 300 with \
                 basic monitoring",
            ),
            Self::AlarmInstanceGone => row(
                Limits,
                "alarm-instance-gone",
                "the alarm watches an instance that is no longer there",
                "aws cloudwatch delete-alarms --alarm-names {alarm}",
            ),
            Self::AlarmActionsDisabled => row(
                Limits,
                "alarm-actions-disabled",
                "the alarm's actions are disabled: its owner silenced it, so nothing is rebooted \
                 or replaced for it",
                "aws cloudwatch enable-alarm-actions --alarm-names {alarm}",
            ),
            Self::AlarmActsItself => row(
                Limits,
                "alarm-acts-itself",
                "the alarm reboots, stops, terminates or recovers its instance by its own action, \
                 so Remedy does not",
                "in the alarm {alarm}: AlarmActions without {action}",
            ),
            Self::AlarmBelowFloor => row(
                Note,
                "alarm-below-floor",
                "the alarm rings below FloorPercent: until the floor is reached a host is \
                 cleaned, and not disrupted",
                "in the alarm {alarm}: Threshold {floor}",
            ),
            Self::AlarmMissingBreaches => row(
                Limits,
                "alarm-missing-breaches",
                "the alarm takes missing data for trouble: when it rings because nothing was \
                 measured, nothing is done",
                "in the alarm {alarm}: TreatMissingData missing",
            ),
            Self::AlarmUnclear => row(
                Stops,
                "alarm-unclear",
                "when the alarm rings, it cannot be told whether that is bad, so nothing is done",
                "in the alarm {alarm}: the instance's own metric and a threshold, without an \
                 expression",
            ),
            Self::AlarmOnlyAHint => row(
                Note,
                "alarm-only-a-hint",
                "the alarm by itself proves no trouble: nothing is disrupted unless the host \
                 itself agrees",
                "in the alarm {alarm}: a metric in percent, with a threshold",
            ),
            Self::AlarmSeveralInstances => row(
                Limits,
                "alarm-several-instances",
                "the alarm does not say which of its instances is in trouble, so none of them is \
                 disrupted",
                "one alarm for each instance instead of {alarm}",
            ),
            Self::AlarmHarmlessDirection => row(
                Note,
                "alarm-harmless-direction",
                "the alarm rings when the metric is good, so nothing is done",
                "in the alarm {alarm}: ComparisonOperator {comparison}",
            ),
            Self::AlarmOtherNamespace => row(
                Stops,
                "alarm-other-namespace",
                "the metric has a name that Remedy knows, in a namespace that it does not",
                "in the alarm {alarm}, and in the agent's configuration: the namespace CWAgent",
            ),
            Self::AlarmOtherAccount => row(
                Stops,
                "alarm-other-account",
                "the alarm watches another account's metric, and nothing can be asked or done \
                 there",
                "deploy Remedy in account {account}, with the alarm {alarm}",
            ),
            Self::AlarmGroupOnly => row(
                Stops,
                "alarm-group-only",
                "the alarm is about a whole group and names no instance",
                "one alarm for each instance instead of {alarm}, or the stack's parameter \
                 FleetAlarms yes",
            ),
            Self::AlarmAggregate => row(
                Stops,
                "alarm-aggregate",
                "the alarm's query makes one series of all instances, and names none",
                "in the alarm {alarm}: GROUP BY InstanceId at the end of its query",
            ),
            Self::AlarmNamesNoInstance => row(
                Stops,
                "alarm-names-no-instance",
                "the alarm's metric has no dimension InstanceId, or one that is no instance's id",
                "in the alarm {alarm}, and in the agent's append_dimensions: InstanceId",
            ),
            Self::AlarmNoDisk => row(
                Note,
                "alarm-no-disk",
                "the alarm is about a file system that is an image, in memory or on another \
                 machine, so nothing is done",
                "aws cloudwatch delete-alarms --alarm-names {alarm}",
            ),
            Self::AlarmOneCore => row(
                Stops,
                "alarm-one-core",
                "the alarm is about one processor, and not about the host",
                "in the alarm {alarm}: the dimension cpu = cpu-total",
            ),
            Self::AlarmRingsUnanswered => row(
                Limits,
                "alarm-rings-unanswered",
                "the alarm has been ringing since before Remedy could hear it: CloudWatch tells \
                 of a change once",
                "aws cloudwatch set-alarm-state --alarm-name {alarm} --state-value OK \
                 --state-reason again",
            ),
            Self::FleetAlarmSeries => row(
                Limits,
                "fleet-alarm-series",
                "a fleet alarm sees 500 series, and more instances run here (CloudWatch user \
                 guide, Metrics Insights quotas)",
                "give {alarm} a WHERE for a part of the fleet, and make one for each other part",
            ),
            Self::FleetAlarmContributors => row(
                Note,
                "fleet-alarm-contributors",
                "a fleet alarm names 100 instances in trouble at a time, and more are opted in \
                 (CloudWatch user guide, alarms on Metrics Insights)",
                "give {alarm} a WHERE for a part of the fleet, and make one for each other part",
            ),
            Self::InstanceNotRunning => row(
                Note,
                "instance-not-running",
                "an opted-in instance with an alarm does not run, so nothing is done to it",
                "aws ec2 start-instances --instance-ids {instance}",
            ),
            Self::InstanceNotOptedIn => row(
                Limits,
                "instance-not-opted-in",
                "an instance has alarms that Remedy answers, and no tag auto-remediation: its \
                 reports say so, and nothing is done",
                "aws ec2 create-tags --resources {instance} --tags \
                 Key=auto-remediation,Value=observe",
            ),
            Self::OptInUnreadable => row(
                Stops,
                "opt-in-unreadable",
                "the tag auto-remediation has a value that is neither enabled nor observe, which \
                 is no yes",
                "aws ec2 create-tags --resources {instance} --tags \
                 Key=auto-remediation,Value=enabled",
            ),
            Self::InstanceUnwatched => row(
                Stops,
                "instance-unwatched",
                "an opted-in instance has no alarm that Remedy answers, so nobody would ever say \
                 that it is in trouble",
                "the stack's parameter FleetAlarms yes, or docs/examples/instance-alarms.yaml for \
                 {instance}",
            ),
            Self::AgentAbsent => row(
                Limits,
                "agent-absent",
                "no SSM agent has registered: the host cannot be asked or cleaned",
                "attach AmazonSSMManagedInstanceCore to the instance profile of {instance}, and \
                 install amazon-ssm-agent",
            ),
            Self::AgentSilent => row(
                Limits,
                "agent-silent",
                "the SSM agent does not answer: the host cannot be asked or cleaned",
                "sudo systemctl restart amazon-ssm-agent (on {instance})",
            ),
            Self::AgentOld => row(
                Note,
                "agent-old",
                "the SSM agent is older than 3.3.2746 and pastes parameters into the script \
                 instead of its environment",
                "aws ssm send-command --document-name AWS-UpdateSSMAgent --instance-ids {instance}",
            ),
            Self::PlatformUnsupported => row(
                Limits,
                "platform-unsupported",
                "the host scripts are not written for this platform: it is neither cleaned nor \
                 asked, and so not disrupted",
                "leave {instance} to its group's own health checks",
            ),
            Self::ManagedNode => row(
                Limits,
                "managed-node",
                "a scheduler fills and drains this instance, so it is cleaned and not disrupted",
                "aws ec2 create-tags --resources {instance} --tags \
                 Key=auto-remediation-managed,Value={by}",
            ),
            Self::BusyUnreadable => row(
                Limits,
                "busy-unreadable",
                "the tag auto-remediation-busy-until holds no time within 12 hours, so nothing is \
                 disrupted",
                "aws ec2 delete-tags --resources {instance} --tags Key=auto-remediation-busy-until",
            ),
            Self::LimitUnreadable => row(
                Limits,
                "limit-unreadable",
                "the tag auto-remediation-max names no rung, so only a cleanup is allowed",
                "aws ec2 create-tags --resources {instance} --tags \
                 Key=auto-remediation-max,Value=reboot",
            ),
            Self::CleanupWordsUnreadable => row(
                Limits,
                "cleanup-words-unreadable",
                "the tag auto-remediation-cleanup has a word that allows nothing",
                "aws ec2 create-tags --resources {instance} --tags \
                 Key=auto-remediation-cleanup,Value=WORDS of docs/host-scripts.md",
            ),
            Self::ScheduledEvent => row(
                Note,
                "scheduled-event",
                "AWS is going to reboot, stop or retire the instance, so Remedy does not reboot it",
                "aws ec2 describe-instance-status --instance-ids {instance}",
            ),
            Self::GroupNotOptedIn => row(
                Limits,
                "group-not-opted-in",
                "members are opted in and their group is not: they are neither taken out for a \
                 reboot nor replaced",
                "aws autoscaling create-or-update-tags --tags \
                 ResourceId={group},ResourceType=auto-scaling-group,\
                 Key=auto-remediation,Value=enabled,PropagateAtLaunch=true",
            ),
            Self::GroupObserved => row(
                Limits,
                "group-observed",
                "members are opted in and their group is only observed: they are neither taken \
                 out for a reboot nor replaced",
                "aws autoscaling create-or-update-tags --tags \
                 ResourceId={group},ResourceType=auto-scaling-group,\
                 Key=auto-remediation,Value=enabled,PropagateAtLaunch=true",
            ),
            Self::GroupLaunchSuspended => row(
                Limits,
                "group-launch-suspended",
                "the group's Launch process is suspended: a member could not come back from \
                 Standby, and none is replaced",
                "aws autoscaling resume-processes --auto-scaling-group-name {group} \
                 --scaling-processes Launch",
            ),
            Self::GroupNoRoom => row(
                Limits,
                "group-no-room",
                "the group's minimum, desired and maximum capacity leave no room for a Standby",
                "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {group} \
                 --max-size {max}",
            ),
            Self::GroupProcessSuspended => row(
                Limits,
                "group-process-suspended",
                "a process is suspended without which the group replaces nobody",
                "aws autoscaling resume-processes --auto-scaling-group-name {group} \
                 --scaling-processes {process}",
            ),
            Self::GroupProtectsMembers => row(
                Limits,
                "group-protects-members",
                "the group protects its members from scale-in, and a protected one is not replaced",
                "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {group} \
                 --no-new-instances-protected-from-scale-in",
            ),
            Self::GroupGraceShort => row(
                Limits,
                "group-grace-short",
                "the group asks its load balancer for a new member's health at once, and may end \
                 one that only boots",
                "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {group} \
                 --health-check-grace-period 300",
            ),
            Self::NobodySubscribed => row(
                Stops,
                "nobody-subscribed",
                "nobody has confirmed a subscription to the notifications: what Remedy does is \
                 told to nobody",
                "aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint \
                 ADDRESS",
            ),
            Self::SubscriptionPending => row(
                Limits,
                "subscription-pending",
                "a subscription waits to be confirmed, and gets nothing",
                "open the mail of AWS Notifications to {endpoint}, and confirm",
            ),
            Self::SubscriptionFiltersCritical => row(
                Limits,
                "subscription-filters-critical",
                "a subscription's filter policy lets no critical message through: a person who \
                 has an instance now does not hear it",
                "aws sns set-subscription-attributes --subscription-arn {subscription} \
                 --attribute-name FilterPolicy --attribute-value {policy}",
            ),
            Self::SubscriptionsAllFiltered => row(
                Limits,
                "subscriptions-all-filtered",
                "every subscription has a filter policy, and the alarms on Remedy itself have no \
                 attributes: nobody hears them",
                "aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint \
                 ADDRESS",
            ),
            Self::EmailRate => row(
                Limits,
                "email-rate",
                "more messages a minute were published than e-mail takes: 10 a second for a \
                 subscription (SNS quotas)",
                "subscribe a queue or chat to {topic} beside e-mail",
            ),
            Self::NotificationsFailed => row(
                Limits,
                "notifications-failed",
                "messages of the last day did not reach a subscriber",
                "aws sns list-subscriptions-by-topic --topic-arn {topic}",
            ),
            Self::ModeObserve => row(
                Note,
                "mode-observe",
                "the deployment observes: it thinks and tells, and touches nothing",
                "the stack's parameter Mode act",
            ),
            Self::DocumentMissing => row(
                Stops,
                "document-missing",
                "an SSM document of the deployment is not there: nothing can be run on hosts",
                "sam deploy: the stack makes {document} again",
            ),
            Self::PermissionMissing => row(
                Stops,
                "permission-missing",
                "the follow-up's role may not do what it needs, by its policies or what bounds \
                 them",
                "sam deploy; if that changes nothing, whoever bounds the role {role} (a \
                 permissions boundary, an SCP)",
            ),
            Self::NoEvidenceBucket => row(
                Limits,
                "no-evidence-bucket",
                "there is no evidence bucket: what a host knew before a reboot is kept in the \
                 output of a command, cut short",
                "sam deploy: the stack makes the bucket and names it",
            ),
            Self::EvidenceNotKept => row(
                Limits,
                "evidence-not-kept",
                "a host could not send its evidence to the bucket: it has no way to S3",
                "aws ec2 create-vpc-endpoint --service-name com.amazonaws.{region}.s3 --vpc-id \
                 VPC --route-table-ids TABLES",
            ),
            Self::NoUnits => row(
                Limits,
                "no-units",
                "alarms on services ring, and the list of services that may be started is empty",
                "the stack's parameter Units, such as app.service",
            ),
            Self::PauseForgotten => row(
                Limits,
                "pause-forgotten",
                "a pause has been in force for more than a day",
                "remedy lift {scope}",
            ),
            Self::RungRests => row(
                Limits,
                "rung-rests",
                "a rung rests, because it did not help or did harm",
                "remedy lift {scope}",
            ),
            Self::QuestionOpen => row(
                Limits,
                "question-open",
                "a question waits for an answer",
                "remedy answer {instance} yes --question {question}",
            ),
            Self::HeartbeatMissing => row(
                Stops,
                "heartbeat-missing",
                "the follow-up has not lived through a heartbeat for ten minutes: open incidents \
                 are looked at by nobody",
                "aws lambda get-function-concurrency --function-name {function} (0 stops it), and \
                 the function's log",
            ),
            Self::IncidentStuck => row(
                Stops,
                "incident-stuck",
                "an incident has been due for more than 15 minutes: nobody takes its next step",
                "remedy incidents {instance}",
            ),
            Self::IncidentUnreadable => row(
                Stops,
                "incident-unreadable",
                "a row of the ledger cannot be read, so its incident is followed up by nobody",
                "deploy the version that wrote it: docs/deploy.md, Upgrade",
            ),
            Self::DeadLetters => row(
                Stops,
                "dead-letters",
                "events that no function could answer lie in the dead letters",
                "aws sqs receive-message --max-number-of-messages 10 --attribute-names All \
                 --queue-url \"$(aws sqs get-queue-url --queue-name {queue} --query QueueUrl \
                 --output text)\"",
            ),
            Self::RemedyAlarmRings => row(
                Limits,
                "remedy-alarm-rings",
                "an alarm on Remedy itself rings",
                "aws cloudwatch describe-alarms --alarm-names {alarm}",
            ),
            Self::RemedyUnwatched => row(
                Limits,
                "remedy-unwatched",
                "no alarm watches Remedy itself and tells its topic",
                "sam deploy: the stack makes the alarms on Remedy again",
            ),
            Self::ClockOff => row(
                Limits,
                "clock-off",
                "this machine's clock and AWS's disagree by more than two minutes",
                "sudo chronyc makestep",
            ),
            Self::ManagedNodesMany => row(
                Limits,
                "managed-nodes-many",
                "more nodes are managed here than Systems Manager's quota of 2,400 a fleet: some \
                 may stop answering",
                "in Service Quotas, for AWS Systems Manager: more managed nodes",
            ),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().code)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.row().code)
    }
}
