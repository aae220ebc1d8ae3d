//! A sound fleet, and one fault for each check: the fault is found, and nothing beside it. A
//! check without a fault fails.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::doctor::code::{Code, Severity};
use remedy::doctor::diagnose;
use remedy::doctor::finding::Diagnosis;
use remedy::doctor::fleet::{Account, Fleet, Own, Subscription, key};
use remedy::doctor::told;
use remedy::model::alarm::{AlarmState, Symptom};
use remedy::model::diagnostics::{Diagnostics, Location};
use remedy::model::ids::{BucketName, CommandId, GroupName, InstanceId, UnitName};
use remedy::model::incident::{Incident, Stage};
use remedy::model::pause::Pause;
use remedy::model::platform::Platform;
use remedy::model::policy::{Mode, Policy};
use remedy::model::question::{Question, Silence};
use remedy::model::rung::Rung;
use remedy::model::series::{Bad, Series, Statistic};
use remedy::model::unknown::{CallFailed, Unknown};
use remedy::observe::facts::Fact;
use remedy::ports::ledger::Due;
use remedy::ports::look::{
    Agent, AlarmSettings, CapacityUnit, Group, Instance, InstanceState, Member, ScheduledEvent,
    StatusChecks,
};
use remedy::ports::look_at_all::{
    AlarmDefinition, GroupDefinition, RegisteredAgent, WatchedMetric,
};

use crate::given::{ago, incident, now, tags};

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:remedy";
/// What lets through all that asks something of people.
const OF_WEIGHT: &str = r#"{"severity": ["warning", "critical"]}"#;
const WEB: &str = "i-0a1b2c3d4e5f60718";
const REST: [&str; 2] = ["i-00000001", "i-00000002"];
const GROUP: &str = "web-asg";

/// A fleet and the policy of its deployment.
struct Ward {
    fleet: Fleet,
    policy: Policy,
}

fn id(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

fn known<T>(fact: &mut Fact<T>) -> &mut T {
    match fact {
        Fact::Known(value) => value,
        Fact::Unknown(unknown) => panic!("{unknown}"),
    }
}

fn dimensions(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// An alarm on a metric of the first instance, in order.
fn alarm(namespace: &str, name: &str, more: &[(&str, &str)]) -> AlarmDefinition {
    let mut named = dimensions(more);
    named.insert("InstanceId".to_owned(), WEB.to_owned());
    AlarmDefinition {
        name: format!("web {name}"),
        arn: Some(format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:web {name}")),
        settings: AlarmSettings {
            state: Some(AlarmState::Ok),
            actions_enabled: true,
            actions: Vec::new(),
        },
        since: Some(ago(90)),
        comparison: "GreaterThanThreshold".to_owned(),
        threshold: Some(90.0),
        missing: Some("missing".to_owned()),
        metrics: vec![WatchedMetric::Metric {
            account: None,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            stat: "Average".to_owned(),
            period: 300,
            dimensions: named,
        }],
        by_the_clock: false,
        tags_sent: None,
    }
}

fn query(text: &str) -> AlarmDefinition {
    let metrics =
        vec![WatchedMetric::Expression { account: None, text: text.to_owned(), period: Some(300) }];
    AlarmDefinition { name: "fleet".to_owned(), metrics, ..alarm("AWS/EC2", "fleet", &[]) }
}

const GROUPED: &str =
    r#"SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) GROUP BY InstanceId"#;
const ALL_TOGETHER: &str = r#"SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId)"#;

/// An alarm on Remedy itself.
fn own_alarm(namespace: &str, name: &str) -> AlarmDefinition {
    let mut own = alarm(namespace, name, &[]);
    own.settings.actions = vec![TOPIC.to_owned()];
    if let [WatchedMetric::Metric { dimensions, .. }] = own.metrics.as_mut_slice() {
        dimensions.clear();
    }
    own
}

fn instance() -> Instance {
    let mut tags = tags("enabled");
    tags.insert("aws:autoscaling:groupName".to_owned(), GROUP.to_owned());
    Instance {
        state: InstanceState::Running,
        tags,
        zone: "eu-central-1a".to_owned(),
        launched_at: Some(ago(600)),
        image: "ami-0d1e2f3a4b5c6d7e8".to_owned(),
        instance_type: "m7g.large".to_owned(),
        root_is_ebs: true,
        auto_recovers: false,
        platform: Platform::Linux,
    }
}

fn checks() -> StatusChecks {
    StatusChecks {
        system_impaired: false,
        instance_impaired: false,
        volume_impaired: false,
        performance: None,
        initializing: false,
        application_impaired: None,
        scheduled: None,
    }
}

fn agent() -> RegisteredAgent {
    RegisteredAgent {
        agent: Agent { online: true, last_ping: Some(ago(4)), platform: Some(Platform::Linux) },
        version: Some("3.3.2746.0".to_owned()),
    }
}

fn group() -> GroupDefinition {
    let member = |name: &str| Member {
        instance: id(name),
        lifecycle: "InService".to_owned(),
        healthy: true,
        weight: None,
        zone: "eu-central-1a".to_owned(),
    };
    GroupDefinition {
        group: Group {
            tags: tags("enabled"),
            min: 1,
            max: 4,
            desired: 3,
            unit: CapacityUnit::Units,
            members: [WEB, REST[0], REST[1]].map(member).into(),
            receives_traffic: true,
            health_checks: ["EC2", "ELB"].map(str::to_owned).into(),
            suspended: [].into(),
            maintenance: None,
            protects_new: false,
        },
        grace_seconds: 300,
    }
}

/// A fleet in which everything is as it must be.
fn sound() -> Ward {
    let all = [WEB, REST[0], REST[1]].map(id);
    let by_mail = Subscription {
        arn: Some(format!("{TOPIC}:0c1f3d58")),
        protocol: "email".to_owned(),
        endpoint: "ops@example.org".to_owned(),
        filter: None,
    };
    let of_weight = Subscription {
        protocol: "sqs".to_owned(),
        endpoint: "arn:aws:sqs:eu-central-1:111122223333:ops".to_owned(),
        filter: Some(OF_WEIGHT.to_owned()),
        ..by_mail.clone()
    };
    let mut ward = Ward {
        fleet: Fleet {
            at: now(),
            own: Own {
                namespace: "Remedy/remedy".to_owned(),
                topic_arn: TOPIC.to_owned(),
                function: Some("remedy-FollowUpFunction-1".to_owned()),
            },
            alarms: Fact::Known(vec![
                own_alarm("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
                own_alarm("Remedy/remedy", "IncidentsStuck"),
                query(GROUPED),
            ]),
            instances: Fact::Known(all.iter().map(|id| (id.clone(), instance())).collect()),
            statuses: Fact::Known(all.iter().map(|id| (id.clone(), checks())).collect()),
            agents: Fact::Known(all.iter().map(|id| (id.clone(), agent())).collect()),
            groups: Fact::Known([(GroupName::new(GROUP).unwrap(), group())].into()),
            lately: BTreeMap::new(),
            ever: BTreeMap::new(),
            heartbeat: Fact::Known(Some(ago(2))),
            failed_deliveries: Fact::Known(0.0),
            busiest_minute: Fact::Known(12.0),
            pauses: Fact::Known(Vec::new()),
            open: Fact::Known(Due::default()),
            account: Account {
                subscriptions: Fact::Known(vec![by_mail, of_weight]),
                missing_documents: Fact::Known(Vec::new()),
                denied: Fact::Known(Vec::new()),
                dry_runs: Fact::Known(Vec::new()),
                clock_ahead: Fact::Known(SignedDuration::from_secs(1)),
            },
        },
        policy: Policy {
            mode: Mode::Act,
            units: vec![UnitName::new("app.service").unwrap()],
            evidence_bucket: Some(BucketName::new("remedy-evidence").unwrap()),
            ..Policy::default()
        },
    };
    ward.watch(alarm("AWS/EC2", "CPUUtilization", &[]));
    ward.watch(alarm("CWAgent", "mem_used_percent", &[]));
    ward.watch(alarm("CWAgent", "disk_used_percent", &[("path", "/"), ("fstype", "xfs")]));
    ward
}

impl Ward {
    fn alarms(&mut self) -> &mut Vec<AlarmDefinition> {
        known(&mut self.fleet.alarms)
    }

    /// One more alarm, whose metric is published.
    fn watch(&mut self, alarm: AlarmDefinition) {
        for metric in &alarm.metrics {
            if let WatchedMetric::Metric { namespace, name, dimensions, .. } = metric {
                self.shows(namespace, name, dimensions.clone(), true);
            }
        }
        self.alarms().push(alarm);
    }

    fn shows(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: BTreeMap<String, String>,
        lately: bool,
    ) {
        let series = Series {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions,
            exact: true,
            bad: Bad::Up,
            unit: None,
            statistic: Statistic::Average,
            period: 300,
            scope: None,
        };
        self.fleet.lately.insert(key(&series), Fact::Known(lately));
        if !lately {
            self.fleet.ever.insert(key(&series), Fact::Known(true));
        }
    }

    /// The alarm on the first instance's processors.
    fn cpu(&mut self) -> &mut AlarmDefinition {
        self.alarms().iter_mut().find(|alarm| alarm.name == "web CPUUtilization").unwrap()
    }

    fn web(&mut self) -> &mut Instance {
        known(&mut self.fleet.instances).get_mut(&id(WEB)).unwrap()
    }

    fn tag(&mut self, name: &str, value: &str) {
        self.web().tags.insert(name.to_owned(), value.to_owned());
    }

    fn agent(&mut self) -> &mut RegisteredAgent {
        known(&mut self.fleet.agents).get_mut(&id(WEB)).unwrap()
    }

    fn group(&mut self) -> &mut GroupDefinition {
        known(&mut self.fleet.groups).get_mut(&GroupName::new(GROUP).unwrap()).unwrap()
    }

    /// The first is by mail, and the second has a filter.
    fn subscriptions(&mut self) -> &mut Vec<Subscription> {
        known(&mut self.fleet.account.subscriptions)
    }

    fn open(&mut self, change: impl FnOnce(&mut Incident)) {
        let mut open = incident(Symptom::HighCpu);
        open.stage = Stage::Watching;
        open.due_at = now() + SignedDuration::from_mins(1);
        change(&mut open);
        known(&mut self.fleet.open).incidents.push(open);
    }

    fn pause(&mut self, scope: &str, since: Timestamp) {
        known(&mut self.fleet.pauses).push(Pause {
            scope: scope.parse().unwrap(),
            reason: "release 42".to_owned(),
            owner: "Anna".to_owned(),
            since,
            until: now() + SignedDuration::from_hours(2),
            harm: false,
        });
    }

    /// So many more instances, whose owner says this.
    fn crowd(&mut self, count: u32, opted_in: bool) {
        for n in 0..count {
            let id = id(&format!("i-1{n:07x}"));
            let mut one = instance();
            one.tags = if opted_in { tags("enabled") } else { BTreeMap::new() };
            known(&mut self.fleet.instances).insert(id.clone(), one);
            known(&mut self.fleet.agents).insert(id.clone(), agent());
            known(&mut self.fleet.statuses).insert(id, checks());
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(&self.fleet, &self.policy)
    }
}

/// The fault that a check finds. A check that is in none of these has no fault, and is found out.
fn break_it(code: Code, ward: &mut Ward) {
    break_the_alarm(code, ward);
    watch_wrongly(code, ward);
    break_the_instance(code, ward);
    break_the_group(code, ward);
    break_the_account(code, ward);
    break_remedy(code, ward);
}

fn break_the_alarm(code: Code, ward: &mut Ward) {
    match code {
        Code::AlarmMetricSilent => {
            ward.shows("AWS/EC2", "CPUUtilization", dimensions(&[("InstanceId", WEB)]), false);
        }
        Code::AlarmMetricUnknown => {
            ward.shows("AWS/EC2", "CPUUtilization", dimensions(&[("InstanceId", WEB)]), false);
            for ever in ward.fleet.ever.values_mut() {
                *ever = Fact::Known(false);
            }
        }
        Code::AlarmInsufficientData => ward.cpu().settings.state = None,
        Code::AlarmInstanceGone => {
            let gone = [("InstanceId".to_owned(), "i-0dead000".to_owned())].into();
            let [WatchedMetric::Metric { dimensions, .. }] = ward.cpu().metrics.as_mut_slice()
            else {
                panic!("no metric")
            };
            *dimensions = gone;
        }
        Code::AlarmActionsDisabled => ward.cpu().settings.actions_enabled = false,
        Code::AlarmActsItself => {
            let reboot = "arn:aws:automate:eu-central-1:ec2:reboot".to_owned();
            ward.cpu().settings.actions.push(reboot);
        }
        Code::AlarmBelowFloor => ward.cpu().threshold = Some(70.0),
        Code::AlarmMissingBreaches => ward.cpu().missing = Some("breaching".to_owned()),
        Code::AlarmHarmlessDirection => {
            "LessThanThreshold".clone_into(&mut ward.cpu().comparison);
        }
        Code::AlarmRingsUnanswered => ward.cpu().settings.state = Some(AlarmState::Alarm),
        Code::FleetAlarmSeries => ward.crowd(500, false),
        Code::FleetAlarmContributors => ward.crowd(100, true),
        _ => {}
    }
}

/// One more alarm, on what Remedy makes nothing of, or less than its owner may expect.
fn watch_wrongly(code: Code, ward: &mut Ward) {
    let cpu = |more: &[(&str, &str)]| alarm("CWAgent", "cpu_usage_active", more);
    let disk =
        |fstype| alarm("CWAgent", "disk_used_percent", &[("fstype", fstype), ("path", "/d")]);
    let mut wrong = match code {
        Code::AlarmUnclear => disk("overlay"),
        Code::AlarmOnlyAHint => alarm("CWAgent", "swap_used_percent", &[]),
        Code::AlarmOtherNamespace => alarm("Shop", "mem_used_percent", &[]),
        Code::AlarmAggregate => query(ALL_TOGETHER),
        Code::AlarmNoDisk => disk("squashfs"),
        Code::AlarmOneCore => cpu(&[("cpu", "cpu3")]),
        Code::AlarmSeveralInstances
        | Code::AlarmOtherAccount
        | Code::AlarmGroupOnly
        | Code::AlarmNamesNoInstance => cpu(&[("cpu", "cpu-total")]),
        _ => return,
    };
    let other = |dimensions: &mut BTreeMap<String, String>| match code {
        Code::AlarmGroupOnly => {
            dimensions.remove("InstanceId");
            dimensions.insert("AutoScalingGroupName".to_owned(), GROUP.to_owned());
        }
        Code::AlarmNamesNoInstance => drop(dimensions.remove("InstanceId")),
        Code::AlarmSeveralInstances => {
            dimensions.insert("InstanceId".to_owned(), REST[0].to_owned());
        }
        _ => {}
    };
    if code == Code::AlarmSeveralInstances {
        wrong.metrics.push(wrong.metrics[0].clone());
    }
    if let Some(WatchedMetric::Metric { account, dimensions, .. }) = wrong.metrics.last_mut() {
        other(dimensions);
        if code == Code::AlarmOtherAccount {
            *account = Some("444455556666".to_owned());
        }
    }
    ward.watch(wrong);
}

fn break_the_instance(code: Code, ward: &mut Ward) {
    match code {
        Code::InstanceNotRunning => {
            ward.web().state = InstanceState::Not("stopped".to_owned());
        }
        Code::InstanceNotOptedIn => {
            ward.web().tags.remove("auto-remediation");
        }
        Code::OptInUnreadable => ward.tag("auto-remediation", "true"),
        Code::InstanceUnwatched => {
            ward.alarms().retain(|alarm| alarm.name != "fleet");
            ward.crowd(1, true);
            let rest = REST.map(id);
            known(&mut ward.fleet.instances).retain(|id, _| !rest.contains(id));
        }
        Code::AgentAbsent => drop(known(&mut ward.fleet.agents).remove(&id(WEB))),
        Code::AgentSilent => ward.agent().agent.last_ping = Some(ago(40)),
        Code::AgentOld => ward.agent().version = Some("3.2.2303.0".to_owned()),
        Code::PlatformUnsupported => ward.agent().agent.platform = Some(Platform::Windows),
        Code::ManagedNode => ward.tag("kubernetes.io/cluster/shop", "owned"),
        Code::BusyUnreadable => ward.tag("auto-remediation-busy-until", "tomorrow"),
        Code::LimitUnreadable => ward.tag("auto-remediation-max", "restart"),
        Code::CleanupWordsUnreadable => ward.tag("auto-remediation-cleanup", "everything"),
        Code::ScheduledEvent => {
            let event = ScheduledEvent { code: "instance-retirement".to_owned(), not_before: None };
            let status = known(&mut ward.fleet.statuses).get_mut(&id(WEB)).unwrap();
            status.scheduled = Some(event);
        }
        _ => {}
    }
}

fn break_the_group(code: Code, ward: &mut Ward) {
    let definition = ward.group();
    let group = &mut definition.group;
    match code {
        Code::GroupNotOptedIn => group.tags.clear(),
        Code::GroupObserved => group.tags = tags("observe"),
        Code::GroupLaunchSuspended => drop(group.suspended.insert("Launch".to_owned())),
        Code::GroupNoRoom => (group.min, group.max) = (3, 3),
        Code::GroupProcessSuspended => drop(group.suspended.insert("Terminate".to_owned())),
        Code::GroupProtectsMembers => group.protects_new = true,
        Code::GroupGraceShort => definition.grace_seconds = 0,
        _ => {}
    }
}

fn break_the_account(code: Code, ward: &mut Ward) {
    let account = &mut ward.fleet.account;
    match code {
        Code::NobodySubscribed => known(&mut account.subscriptions).clear(),
        Code::SubscriptionPending => {
            let pending = Subscription { arn: None, ..ward.subscriptions()[0].clone() };
            ward.subscriptions().push(pending);
        }
        Code::SubscriptionFiltersCritical => {
            ward.subscriptions()[1].filter = Some(r#"{"severity": ["info"]}"#.to_owned());
        }
        Code::SubscriptionsAllFiltered => {
            ward.subscriptions()[0].filter = Some(OF_WEIGHT.to_owned());
        }
        Code::EmailRate => ward.fleet.busiest_minute = Fact::Known(601.0),
        Code::NotificationsFailed => ward.fleet.failed_deliveries = Fact::Known(3.0),
        Code::DocumentMissing => {
            known(&mut account.missing_documents).push("remedy-DiskFullDocument-1".to_owned());
        }
        Code::PermissionMissing => {
            let role = "remedy-FollowUpFunctionRole-1".to_owned();
            known(&mut account.denied).push(("ssm:SendCommand".to_owned(), role));
        }
        Code::ClockOff => account.clock_ahead = Fact::Known(SignedDuration::from_mins(-3)),
        Code::ManagedNodesMany => {
            for n in 0..2_400 {
                known(&mut ward.fleet.agents).insert(id(&format!("i-2{n:07x}")), agent());
            }
        }
        _ => {}
    }
}

fn break_remedy(code: Code, ward: &mut Ward) {
    let rings = |alarms: &mut Vec<AlarmDefinition>, at: usize| {
        alarms[at].settings.state = Some(AlarmState::Alarm);
    };
    match code {
        Code::ModeObserve => ward.policy.mode = Mode::Observe,
        Code::NoEvidenceBucket => ward.policy.evidence_bucket = None,
        Code::NoUnits => {
            ward.policy.units.clear();
            let mut down = alarm("CWAgent", "procstat_lookup_pid_count", &[("exe", "nginx")]);
            (down.comparison, down.threshold) = ("LessThanThreshold".to_owned(), Some(1.0));
            ward.watch(down);
        }
        Code::EvidenceNotKept => ward.open(|open| {
            let command = "0c1f3d58-7a4e-4f0b-9a0e-6b1f6a1f4d11";
            let command_id = CommandId::new(command).unwrap();
            let kept = Location::InOutput { command_id };
            open.evidence = Some(Diagnostics { at: ago(5), kept });
        }),
        Code::QuestionOpen => ward.open(|open| {
            open.question = Some(Question {
                rung: Rung::Reboot,
                attempt: open.attempts.len() + 1,
                nonce: "5f3a90c1".to_owned(),
                asked_at: ago(5),
                until: now() + SignedDuration::from_mins(10),
                silence: Silence::HandOver,
                reminded: false,
                answer: None,
            });
        }),
        Code::PauseForgotten => ward.pause("group:web-asg", ago(25 * 60)),
        Code::RungRests => ward.pause("rung:reboot:high-cpu:group:web-asg", ago(60)),
        Code::HeartbeatMissing => ward.fleet.heartbeat = Fact::Known(Some(ago(11))),
        Code::IncidentStuck => ward.open(|open| open.due_at = ago(16)),
        Code::IncidentUnreadable => {
            let why = "the incident of instance#i-1 cannot be read".to_owned();
            let failed = CallFailed { call: "dynamodb:Query", why };
            known(&mut ward.fleet.open).unreadable.push(failed);
        }
        Code::DeadLetters => rings(ward.alarms(), 0),
        Code::RemedyAlarmRings => rings(ward.alarms(), 1),
        Code::RemedyUnwatched => drop(ward.alarms().drain(..2)),
        _ => {}
    }
}

#[test]
fn a_sound_fleet_has_nothing_to_mend() {
    let diagnosis = sound().diagnosis();
    assert_eq!((diagnosis.findings.as_slice(), diagnosis.unknown.as_slice()), (&[][..], &[][..]));
    assert!(diagnosis.is_well());
}

#[test]
fn each_check_finds_its_fault_and_nothing_else() {
    for code in Code::ALL {
        let mut ward = sound();
        break_it(code, &mut ward);
        let diagnosis = ward.diagnosis();
        let found: Vec<Code> = diagnosis.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, [code], "{code}: {diagnosis:#?}");
        assert_eq!(diagnosis.unknown, [], "{code}");
        let finding = &diagnosis.findings[0];
        assert!(!finding.mend.contains('{') || finding.mend.contains("{\""), "{}", finding.mend);
        assert!(!finding.about.is_empty() && !finding.seen.is_empty(), "{finding:?}");
        assert_eq!(diagnosis.is_well(), finding.severity == Severity::Note, "{code}");
    }
}

#[test]
fn the_table_has_each_check_once_and_names_what_mends_it() {
    assert!(Code::ALL.len() >= 35);
    let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.row().code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len());
    for code in Code::ALL {
        let row = code.row();
        assert!(row.means.len() > 20 && row.mend.len() > 10, "{code}");
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_never_well() {
    let denied = |call| Unknown::Call(CallFailed { call, why: "AccessDenied".to_owned() });
    let gaps: [fn(&mut Fleet, Unknown); 9] = [
        |fleet, why| fleet.alarms = Fact::Unknown(why),
        |fleet, why| fleet.instances = Fact::Unknown(why),
        |fleet, why| fleet.statuses = Fact::Unknown(why),
        |fleet, why| fleet.agents = Fact::Unknown(why),
        |fleet, why| fleet.groups = Fact::Unknown(why),
        |fleet, why| fleet.heartbeat = Fact::Unknown(why),
        |fleet, why| fleet.pauses = Fact::Unknown(why),
        |fleet, why| fleet.open = Fact::Unknown(why),
        |fleet, why| fleet.failed_deliveries = Fact::Unknown(why),
    ];
    for (number, gap) in gaps.into_iter().enumerate() {
        let mut ward = sound();
        gap(&mut ward.fleet, denied("ec2:Something"));
        let diagnosis = ward.diagnosis();
        assert_eq!(diagnosis.findings, [], "gap {number}");
        assert_eq!(diagnosis.unknown.len(), 1, "gap {number}: {:?}", diagnosis.unknown);
        assert!(!diagnosis.is_well(), "gap {number}");
    }
    let mut ward = sound();
    for lately in ward.fleet.lately.values_mut() {
        *lately = Fact::Unknown(denied("cloudwatch:GetMetricData"));
    }
    let diagnosis = ward.diagnosis();
    assert_eq!((diagnosis.findings.len(), diagnosis.unknown.len()), (0, 1), "{diagnosis:?}");
}

#[test]
fn the_deployment_says_what_only_a_person_may_ask() {
    let mut ward = sound();
    ward.fleet.account = Account::of_the_deployment(Fact::Known(Vec::new()));
    let told = told::text(&ward.diagnosis(), &|_, mark| mark.to_owned());
    insta::assert_snapshot!(told);
}

#[test]
fn what_a_dry_run_may_not_do_is_missing() {
    let mut ward = sound();
    let denied = vec![("ec2:RebootInstances".to_owned(), "remedy-FollowUpFunction-1".to_owned())];
    ward.fleet.account = Account::of_the_deployment(Fact::Known(denied));
    let diagnosis = ward.diagnosis();
    let [finding] = diagnosis.findings.as_slice() else { panic!("{diagnosis:?}") };
    assert_eq!(finding.code, Code::PermissionMissing);
    assert_eq!(finding.about, "ec2:RebootInstances");
    let undone = Fact::Unknown(Unknown::Call(CallFailed {
        call: "ec2:RebootInstances",
        why: "InternalError".to_owned(),
    }));
    ward.fleet.account = Account::of_the_deployment(undone);
    let diagnosis = ward.diagnosis();
    let what = "what the role may do to instances";
    assert!(diagnosis.unknown.iter().any(|unclear| unclear.what == what), "{diagnosis:?}");
}

#[test]
fn findings_are_told_once_for_each_check() {
    let mut ward = sound();
    ward.crowd(12, true);
    for n in 0..12 {
        known(&mut ward.fleet.agents).remove(&id(&format!("i-1{n:07x}")));
    }
    ward.cpu().settings.actions_enabled = false;
    ward.cpu().name = "it's \u{1b}[31mred".to_owned();
    ward.policy.mode = Mode::Observe;
    let told = told::text(&ward.diagnosis(), &|_, mark| format!("*{mark}*"));
    insta::assert_snapshot!(told);
}
