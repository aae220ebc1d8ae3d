//! What an account keeps of its past becomes the history that is rehearsed: in few calls, the same
//! each time, and with a word about everything that could not be read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use rehearsal::account::{Account, Begun, Wish};
use rehearsal::history::{History, InstanceThen, Item, Known, Since, Timeline};
use rehearsal::look_back::{Activity, Between, Changes, LookBack, Page, Refresh};
use rehearsal::report::rehearse;
use rehearsal::then::{Assume, World};
use remedy::model::alarm::AlarmState;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::platform::Platform;
use remedy::model::policy::{Mode, Policy};
use remedy::model::series::Series;
use remedy::model::unknown::CallFailed;
use remedy::ports::look::{
    Agent, AlarmSettings, Datapoint, Instance, InstanceState, StatusChecks, Zone,
};
use remedy::ports::look_at_all::{
    AlarmDefinition, GroupDefinition, LookAtAll, RegisteredAgent, WatchedMetric, Window,
};
use serde_json::json;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long a call to AWS takes, and how often `CloudTrail` lets itself be asked.
const A_CALL: f64 = 0.2;
const A_LOOKUP: f64 = 0.5;

fn now() -> Timestamp {
    "2026-11-29T01:00:00Z".parse().unwrap()
}

fn wish() -> Wish {
    let (account, region) = ("111122223333".to_owned(), "eu-central-1".to_owned());
    Wish { account, region, days: 30, now: now() }
}

fn id(number: usize) -> InstanceId {
    InstanceId::new(format!("i-{number:017x}")).unwrap()
}

/// An account that has kept everything, and counts what it is asked.
struct Kept {
    alarms: Vec<AlarmDefinition>,
    items: Vec<Item>,
    /// Which operations it does not allow.
    denied: BTreeSet<&'static str>,
    calls: RefCell<BTreeMap<&'static str, usize>>,
    points: Cell<usize>,
    trail: Vec<(&'static str, String)>,
    /// The instances as they are today.
    today: History,
}

impl Kept {
    fn new(alarms: Vec<AlarmDefinition>, mut items: Vec<Item>, instances: usize) -> Self {
        items.sort_by_key(|item| item.timestamp);
        let mut today = History { taken_at: now(), ..History::default() };
        for number in 0..instances {
            today.instances.insert(id(number), running());
        }
        today.instance_store.insert("m7g.large".to_owned(), false);
        today.zones = since(Vec::<Zone>::new());
        Self {
            alarms,
            items,
            denied: BTreeSet::new(),
            calls: RefCell::default(),
            points: Cell::default(),
            trail: Vec::new(),
            today,
        }
    }

    fn asked(&self, call: &'static str) -> Result<(), CallFailed> {
        *self.calls.borrow_mut().entry(call).or_default() += 1;
        if self.denied.contains(call) {
            return Err(CallFailed { call, why: "AccessDenied".to_owned() });
        }
        Ok(())
    }

    fn counted(&self, call: &str) -> usize {
        self.calls.borrow().get(call).copied().unwrap_or_default()
    }

    /// Begins and reads, and gives what was estimated before.
    fn read(&self) -> Result<(Begun, History), CallFailed> {
        let world = World::new(&self.today, Assume::HelpsNot);
        world.is(now());
        let account = Account { all: self, named: &world, back: self };
        let wish = wish();
        let begun = finish(account.begin(&wish))?;
        let history = finish(Box::pin(account.read(&wish, begun.clone(), &|_| ())))?;
        Ok((begun, history))
    }
}

/// Nothing here waits for anything.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("a fake waits"),
    }
}

fn since<T>(value: T) -> Timeline<T> {
    Timeline(vec![Since { at: now(), value }])
}

fn running() -> InstanceThen {
    let instance = Instance {
        state: InstanceState::Running,
        tags: [("auto-remediation".to_owned(), "enabled".to_owned())].into(),
        zone: "eu-central-1a".to_owned(),
        launched_at: Some(now() - SignedDuration::from_hours(90 * 24)),
        image: "ami-1".to_owned(),
        instance_type: "m7g.large".to_owned(),
        root_is_ebs: true,
        auto_recovers: false,
        platform: Platform::Linux,
    };
    let (last_ping, platform) = (Some(now()), Some(Platform::Linux));
    InstanceThen {
        instance: since(Some(instance)),
        status: since(Some(PASSES)),
        agent: since(Some(Agent { online: true, last_ping, platform })),
        membership: since(None),
        ..InstanceThen::default()
    }
}

const PASSES: StatusChecks = StatusChecks {
    system_impaired: false,
    instance_impaired: false,
    volume_impaired: false,
    initializing: false,
    application_impaired: None,
    performance: None,
    scheduled: None,
};

fn page<T: Clone>(all: &[T], size: usize, next: Option<&str>) -> Page<T> {
    let start: usize = next.map_or(0, |token| token.parse().unwrap());
    let end = (start + size).min(all.len());
    let next = (end < all.len()).then(|| end.to_string());
    Page { found: all[start..end].to_vec(), next }
}

impl LookBack for Kept {
    async fn changes(
        &self,
        which: Changes<'_>,
        between: Between,
        next: Option<String>,
    ) -> Result<Page<Item>, CallFailed> {
        self.asked("cloudwatch:DescribeAlarmHistory")?;
        let is_meant = |item: &&Item| {
            let is_meant = match which {
                Changes::OfAlarms => item.history_item_type == "StateUpdate",
                Changes::OfContributors(alarm) => {
                    item.history_item_type == "AlarmContributorStateUpdate"
                        && item.alarm_name == alarm
                }
            };
            is_meant && (between.from..=between.until).contains(&item.timestamp)
        };
        let newest_first: Vec<Item> = self.items.iter().rev().filter(is_meant).cloned().collect();
        Ok(page(&newest_first, 100, next.as_deref()))
    }

    async fn alarm_tags(&self, _arn: &str) -> Result<BTreeMap<String, String>, CallFailed> {
        self.asked("cloudwatch:ListTagsForResource")?;
        Ok(BTreeMap::new())
    }

    async fn series_named(
        &self,
        _namespace: &str,
        name: &str,
    ) -> Result<Vec<BTreeMap<String, String>>, CallFailed> {
        self.asked("cloudwatch:ListMetrics")?;
        assert_eq!(name, "disk_used_percent");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let of = |number: usize, path: &str| {
            [pair("InstanceId", id(number).as_str()), pair("path", path)].into()
        };
        Ok(vec![of(0, "/"), of(0, "/var"), of(1, "/")])
    }

    async fn activities(
        &self,
        _group: &GroupName,
        _since: Timestamp,
    ) -> Result<Vec<Activity>, CallFailed> {
        self.asked("autoscaling:DescribeScalingActivities")?;
        Ok(Vec::new())
    }

    async fn refreshes(&self, _group: &GroupName) -> Result<Vec<Refresh>, CallFailed> {
        self.asked("autoscaling:DescribeInstanceRefreshes")?;
        Ok(Vec::new())
    }

    async fn calls(
        &self,
        name: &str,
        _between: Between,
        next: Option<String>,
    ) -> Result<Page<String>, CallFailed> {
        self.asked("cloudtrail:LookupEvents")?;
        let named = self.trail.iter().filter(|(of, _)| *of == name);
        let named: Vec<String> = named.map(|(_, event)| event.clone()).collect();
        Ok(page(&named, 50, next.as_deref()))
    }
}

impl LookAtAll for Kept {
    async fn all_alarms(&self) -> Result<Vec<AlarmDefinition>, CallFailed> {
        self.asked("cloudwatch:DescribeAlarms")?;
        Ok(self.alarms.clone())
    }

    async fn all_instances(&self) -> Result<BTreeMap<InstanceId, Instance>, CallFailed> {
        unreachable!("nobody asks for every instance")
    }

    async fn all_statuses(&self) -> Result<BTreeMap<InstanceId, StatusChecks>, CallFailed> {
        unreachable!("nobody asks for every check")
    }

    async fn all_agents(&self) -> Result<BTreeMap<InstanceId, RegisteredAgent>, CallFailed> {
        unreachable!("nobody asks for every agent")
    }

    async fn all_groups(&self) -> Result<BTreeMap<GroupName, GroupDefinition>, CallFailed> {
        unreachable!("nobody asks for every group")
    }

    /// A value for each period, as AWS has them; what fails, fails throughout.
    async fn values(
        &self,
        series: &[Series],
        window: Window,
    ) -> Vec<Result<Vec<Datapoint>, CallFailed>> {
        assert!(series.len() <= 500 && series.iter().all(|series| series.exact), "{series:?}");
        let kept = if window.since < now() - DAY * 15 { 300 } else { 60 };
        assert!(window.period.is_multiple_of(kept), "nothing is kept that fine: {window:?}");
        let step = SignedDuration::from_secs(window.period.into());
        let mut times = vec![window.since];
        while let Some(at) = times.last().copied().filter(|at| *at + step < window.until) {
            times.push(at + step);
        }
        // What is more than one answer holds comes in several.
        let points = series.len() * times.len();
        self.points.set(self.points.get() + points);
        for _ in 0..points.div_ceil(100_800).max(1) {
            if let Err(failed) = self.asked("cloudwatch:GetMetricData") {
                return series.iter().map(|_| Err(failed.clone())).collect();
            }
        }
        let values = |series: &Series| {
            let value = match series.name.as_str() {
                "StatusCheckFailed_Instance" => 1.0,
                "StatusCheckFailed_System" | "StatusCheckFailed_AttachedEBS" => 0.0,
                _ => 96.5,
            };
            times.iter().map(|at| Datapoint { at: *at, value }).collect()
        };
        series.iter().map(|series| Ok(values(series))).collect()
    }
}

fn definition(name: &str, watched: WatchedMetric) -> AlarmDefinition {
    AlarmDefinition {
        name: name.to_owned(),
        arn: Some(format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{name}")),
        settings: AlarmSettings {
            state: Some(AlarmState::Ok),
            actions_enabled: true,
            actions: Vec::new(),
        },
        since: None,
        comparison: "GreaterThanThreshold".to_owned(),
        threshold: Some(90.0),
        missing: None,
        metrics: vec![watched],
        by_the_clock: false,
        tags_sent: None,
    }
}

fn alarm(number: usize, namespace: &str, metric: &str) -> AlarmDefinition {
    let watched = WatchedMetric::Metric {
        account: None,
        namespace: namespace.to_owned(),
        name: metric.to_owned(),
        stat: "Average".to_owned(),
        period: 60,
        dimensions: [("InstanceId".to_owned(), id(number).to_string())].into(),
    };
    definition(&format!("{metric} {number}"), watched)
}

/// A change of state, as `CloudWatch` writes it down.
fn change(alarm: &str, at: Timestamp, rings: bool) -> Item {
    let state = |rings: bool| {
        let (value, less) = if rings { ("ALARM", "") } else { ("OK", "not ") };
        let level = if rings { 96.5 } else { 10.0 };
        let when = at.strftime("%d/%m/%y %H:%M:00");
        json!({
            "stateValue": value,
            "stateReason": format!(
                "Threshold Crossed: 1 out of the last 1 datapoints [{level:?} ({when})] was \
                 {less}greater than the threshold (90.0) (minimum 1 datapoint)."
            ),
        })
    };
    let data = json!({"version": "1.0", "oldState": state(!rings), "newState": state(rings)});
    Item {
        alarm_name: alarm.to_owned(),
        alarm_type: Some("MetricAlarm".to_owned()),
        alarm_contributor_id: None,
        alarm_contributor_attributes: None,
        timestamp: at,
        history_item_type: "StateUpdate".to_owned(),
        history_data: data.to_string(),
    }
}

/// An alarm that rang so often, half an hour each time, spread over the days.
fn rang(alarm: &str, often: usize, offset: SignedDuration) -> Vec<Item> {
    let every = DAY * 30 / i32::try_from(often + 1).unwrap();
    let begins = (1..=often).map(|time| now() - every * i32::try_from(time).unwrap() + offset);
    let both = |at: Timestamp| {
        let ends = at + SignedDuration::from_mins(30);
        [change(alarm, at, true), change(alarm, ends, false)]
    };
    begins.flat_map(both).collect()
}

fn acts() -> Policy {
    Policy { mode: Mode::Act, ..Policy::default() }
}

#[test]
fn five_thousand_changes_are_five_minutes_and_cost_what_was_estimated() {
    const ALARMS: usize = 500;
    let alarms: Vec<AlarmDefinition> =
        (0..ALARMS).map(|number| alarm(number, "CWAgent", "mem_used_percent")).collect();
    let minute = |number: usize| SignedDuration::from_mins(i64::try_from(number).unwrap());
    let items = alarms.iter().enumerate();
    let items = items.flat_map(|(number, alarm)| rang(&alarm.name, 5, minute(number))).collect();
    let kept = Kept::new(alarms, items, ALARMS);
    let (begun, history) = kept.read().unwrap();
    assert_eq!(history.items.len(), 5_000);
    assert_eq!(history.instances.len(), ALARMS);
    let calls: usize = kept.calls.borrow().values().sum();
    let lookups = kept.counted("cloudtrail:LookupEvents");
    let took = f64::from(u32::try_from(calls - lookups).unwrap()) * A_CALL
        + f64::from(u32::try_from(lookups).unwrap()) * A_LOOKUP;
    assert!(took < 200.0, "{took} s: {:?}", kept.calls);
    let estimate = begun.estimate;
    assert!((2_500..=10_000).contains(&estimate.transitions) && !estimate.counted, "{estimate:?}");
    let told: usize = estimate.calls.iter().map(|(_, calls)| calls).sum();
    assert!(calls <= told && told <= 4 * calls, "{told} were told, {calls} were made");
    // What was asked for is what was said to be paid for.
    let asked = kept.points.get() / 180;
    assert!(asked <= estimate.metrics && estimate.metrics <= 4 * asked, "{estimate:?}: {asked}");
    assert!(estimate.dollars < 0.5, "{estimate:?}");
}

#[test]
fn what_was_read_is_the_same_bytes_each_time_and_says_how_it_is_known() {
    let watched = alarm(0, "CWAgent", "mem_used_percent");
    let items = rang(&watched.name, 3, SignedDuration::ZERO);
    let mut kept = Kept::new(vec![watched], items, 1);
    let reboot = json!({
        "userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/Admin/anna"},
        "eventTime": (kept.items[0].timestamp + SignedDuration::from_mins(12)).to_string(),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RebootInstances",
        "requestParameters": {"instancesSet": {"items": [{"instanceId": id(0).as_str()}]}},
    });
    kept.trail.push(("RebootInstances", reboot.to_string()));
    let (begun, history) = kept.read().unwrap();
    let (_, again) = kept.read().unwrap();
    assert_eq!(history.write().unwrap(), again.write().unwrap());
    assert!(begun.estimate.counted && begun.estimate.transitions == 6);
    let read_back = History::read(&history.write().unwrap()).unwrap();
    assert_eq!(read_back, history);
    let rehearsed = rehearse(&history, &acts(), |_, _| {});
    assert_eq!(rehearsed.lines.len(), 3);
    let oldest = &rehearsed.lines[0];
    assert_eq!(oldest.measured, "CWAgent mem_used_percent 96.5 %");
    assert_eq!(oldest.people[0].by, "Admin/anna");
    assert!(oldest.then.contains("what was measured"), "{oldest:?}");
    for what in ["the instance and its tags", "its SSM agent", "what the alarm watches"] {
        assert!(oldest.today.contains(what), "{what}: {oldest:?}");
    }
    assert!(oldest.unknowable.contains("whether the alarm was muted"), "{oldest:?}");
    // What is older than 15 days has no values of each minute, and that is said.
    let [coarse] = history.missing.as_slice() else { panic!("{:?}", history.missing) };
    assert!(coarse.what.starts_with("values of each minute before 2026-11-14"), "{coarse:?}");
    let every: BTreeSet<u32> = history.values.iter().map(|values| values.every).collect();
    assert_eq!(every, [60, 300].into());
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_read() {
    let watched = alarm(0, "CWAgent", "mem_used_percent");
    let items = rang(&watched.name, 1, DAY * 10);
    for (denied, lacks, needed) in [
        ("cloudtrail:LookupEvents", "what people did", false),
        ("cloudwatch:GetMetricData", "what was measured", false),
        ("cloudwatch:DescribeAlarms", "", true),
        ("cloudwatch:DescribeAlarmHistory", "", true),
    ] {
        let mut kept = Kept::new(vec![watched.clone()], items.clone(), 1);
        kept.denied.insert(denied);
        match kept.read() {
            Err(failed) => assert!(needed && failed.call == denied, "{failed}"),
            Ok((_, history)) => {
                assert!(!needed, "{denied} is not missed");
                let [missing] = history.missing.as_slice() else { panic!("{:?}", history.missing) };
                assert_eq!(missing.what, lacks);
                assert!(missing.why.contains(denied), "{missing:?}");
                let rehearsed = rehearse(&history, &acts(), |_, _| {});
                assert_eq!(rehearsed.lines.len(), 1);
                assert_eq!(rehearsed.missing, history.missing, "the report says it");
            }
        }
        // Nobody asks again for what is not allowed.
        assert!(kept.counted(denied) < 5, "{denied}: {:?}", kept.calls);
    }
}

#[test]
fn an_instance_that_is_gone_is_not_taken_for_one_that_was_never_there() {
    let watched = alarm(7, "CWAgent", "mem_used_percent");
    let items = rang(&watched.name, 1, DAY * 10);
    let (_, history) = Kept::new(vec![watched], items, 1).read().unwrap();
    assert!(history.instances.get(&id(7)).is_none_or(|then| then.instance.0.is_empty()));
    let rehearsed = rehearse(&history, &acts(), |_, _| {});
    let line = &rehearsed.lines[0];
    assert!(line.unknowable.contains("the instance and its tags"), "{line:?}");
    let step = line.courses[0].first().unwrap();
    assert_eq!(step.because[0], "fact-unknown", "{step:?}");
}

#[test]
fn the_checks_of_whoever_could_not_be_reached_are_known_of_then() {
    let watched = alarm(0, "AWS/EC2", "StatusCheckFailed_Instance");
    let watched = AlarmDefinition { threshold: Some(0.0), ..watched };
    let mut items = rang(&watched.name, 1, DAY * 10);
    for item in &mut items {
        item.history_data = item.history_data.replace("96.5", "1.0").replace("90.0", "0.0");
        item.history_data = item.history_data.replace("[10.0", "[0.0");
    }
    let at = items[0].timestamp;
    let (_, history) = Kept::new(vec![watched], items, 1).read().unwrap();
    let status = &history.instances[&id(0)].status;
    let (then, known) = status.at(at).unwrap();
    assert_eq!(known, Known::Then);
    assert!(then.as_ref().is_some_and(|then| then.instance_impaired), "{then:?}");
    assert_eq!(status.last().cloned().flatten(), Some(PASSES), "today it is well");
    let rehearsed = rehearse(&history, &acts(), |_, _| {});
    let line = &rehearsed.lines[0];
    // Whether its agent answered nobody has kept, so both are played.
    assert!(line.then.contains("its status checks"), "{line:?}");
    assert!(line.unknowable.contains("its SSM agent"), "{line:?}");
    assert_eq!(line.courses.len(), 2, "{line:?}");
}

#[test]
fn the_members_of_a_fleet_are_read_by_their_alarm_with_every_series_of_theirs() {
    let text = "SELECT MAX(disk_used_percent) FROM CWAgent GROUP BY InstanceId".to_owned();
    let watched = WatchedMetric::Expression { account: None, text, period: Some(60) };
    let fleet = definition("fleet", watched);
    let at = now() - DAY;
    let mut rings = change("fleet", at, true);
    let member = |item: &Item, labels| Item {
        history_item_type: "AlarmContributorStateUpdate".to_owned(),
        alarm_contributor_id: Some("a29eb44b20c4362e".to_owned()),
        alarm_contributor_attributes: labels,
        ..item.clone()
    };
    let labels: BTreeMap<String, String> = [("InstanceId".to_owned(), id(0).to_string())].into();
    let named = member(&rings, Some(labels));
    // Its end came without its labels, which are those of its begin.
    let mut ends = change("fleet", at + SignedDuration::from_mins(9), false);
    ends = member(&ends, None);
    rings.timestamp = at - SignedDuration::from_secs(1);
    let kept = Kept::new(vec![fleet], vec![rings, named, ends], 1);
    let (begun, history) = kept.read().unwrap();
    assert_eq!(begun.estimate.fleets, 1);
    assert_eq!(history.items.len(), 3);
    assert!(history.items[2].alarm_contributor_attributes.is_some(), "{:?}", history.items[2]);
    let paths: Vec<&str> =
        history.values.iter().filter_map(|it| Some(it.dimensions.get("path")?.as_str())).collect();
    assert_eq!(paths, ["/", "/var"], "both of its own, and none of another's");
    assert_eq!(kept.counted("cloudwatch:ListMetrics"), 1);
    let rehearsed = rehearse(&history, &acts(), |_, _| {});
    assert_eq!(rehearsed.lines.len(), 1);
    assert_eq!(rehearsed.lines[0].instance, id(0));
}
