//! `CloudWatch` alarms that watch the region's hosts, and the `EventBridge`
//! events their transitions send. The events have the shape of the recorded
//! ones in `events/`, which a test compares.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::{AlarmState, Symptom};
use remedy::model::ids::InstanceId;
use remedy::ports::look::AlarmSettings;
use serde_json::{Value, json};

use crate::fleet::{ACCOUNT, REGION};
use crate::host::FileSystem;
use crate::metrics;

/// An alarm's metric is evaluated over datapoints of this length (ours: its owner's choice).
const PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// A mute rule's window begins so long before now and ends so long after (ours).
const MUTED_AROUND: SignedDuration = SignedDuration::from_hours(1);

/// A time as alarms write it.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// An alarm on one metric of one instance.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Watch {
    /// Its name.
    pub name: String,
    /// The instance it watches.
    pub instance: InstanceId,
    /// What its metric is about.
    pub symptom: Symptom,
    /// Above this it is in ALARM, in percent; for a check, above 0; for a service, below 1.
    pub threshold: f64,
    /// Below this it is in ALARM too, and the threshold is a model's: an alarm on
    /// what is unusual. `None` for an ordinary alarm.
    pub unusual_below: Option<f64>,
    /// The file system that it watches, if it is about a disk.
    pub file_system: FileSystem,
    /// Whether it says which file system that is.
    pub names_path: bool,
    /// How long each of its periods is.
    pub period: SignedDuration,
    /// Whether its metric counts an amount that is in use, of which nobody says how much there is.
    pub counts: bool,
    /// Whether an alarm mute rule is active.
    pub muted: bool,
    /// Whether it is one alarm for a whole fleet, which tells of this instance
    /// as a contributor.
    pub fleet: bool,
    /// Whether its actions are enabled.
    pub actions_enabled: bool,
    /// What it does when it goes into ALARM.
    pub actions: Vec<String>,
    /// Its own tags, which it sends along.
    pub tags: BTreeMap<String, String>,
    /// On which way its events come.
    pub comes: Comes,
    state: Light,
    since: Timestamp,
}

/// On which way an alarm's event comes, and what about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// From `EventBridge`, about a metric.
    AsAnEvent,
    /// From `EventBridge`, about a query that names this one instance.
    AsAQuery,
    /// The event inside a message of SNS.
    BySns,
    /// The event inside a message of SQS.
    BySqs,
}

/// A change of an alarm's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The alarm's name.
    pub alarm: String,
    /// The instance it is about.
    pub instance: InstanceId,
    /// What its metric is about.
    pub symptom: Symptom,
    /// The new state; `None` if the alarm has too little data to know it.
    pub state: Option<AlarmState>,
    /// What was measured, in percent, if anything was.
    pub percent: Option<f64>,
    /// When it changed.
    pub at: Timestamp,
    /// Whether an alarm mute rule was active.
    pub muted: bool,
    /// The event it sends.
    pub event: String,
}

/// An alarm's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Light {
    Alarm,
    Ok,
    InsufficientData,
}

impl Light {
    fn name(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::Ok => "OK",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl Watch {
    /// An alarm on `symptom` of `instance` that has been OK since `since`.
    pub fn new(symptom: Symptom, instance: InstanceId, since: Timestamp) -> Self {
        let name = match symptom {
            Symptom::HighCpu => "web-cpu-high",
            Symptom::MemoryPressure => "web-mem-used-high",
            Symptom::DiskFull => "web-disk-used-high",
            Symptom::Unreachable => "web-status-check-failed",
            Symptom::ServiceDown => "web-service-down",
        };
        let name = name.to_owned();
        let (muted, fleet, state) = (false, false, Light::Ok);
        Self {
            name,
            instance,
            symptom,
            threshold: match symptom {
                Symptom::Unreachable => 0.0,
                Symptom::ServiceDown => 1.0,
                Symptom::HighCpu | Symptom::MemoryPressure | Symptom::DiskFull => 90.0,
            },
            unusual_below: None,
            file_system: FileSystem::Root,
            names_path: true,
            period: PERIOD,
            counts: false,
            muted,
            fleet,
            actions_enabled: true,
            actions: Vec::new(),
            tags: BTreeMap::new(),
            comes: Comes::AsAnEvent,
            state,
            since,
        }
    }

    /// The alarm, as `DescribeAlarms` gives it.
    pub(crate) fn settings(&self) -> AlarmSettings {
        AlarmSettings {
            state: match self.state {
                Light::Alarm => Some(AlarmState::Alarm),
                Light::Ok => Some(AlarmState::Ok),
                Light::InsufficientData => None,
            },
            actions_enabled: self.actions_enabled,
            actions: self.actions.clone(),
        }
    }

    /// Whether each of its periods is longer than that of what it watches, whose mean it takes
    /// (`CloudWatch` user guide, "Evaluating an alarm").
    pub(crate) fn is_slow(&self) -> bool {
        self.period > PERIOD
    }

    /// Whether one of its periods ends at `now`, so that it is evaluated. AWS evaluates each
    /// minute, and aligns what it reads to the period (ours: once in each).
    pub(crate) fn period_ends(&self, now: Timestamp) -> bool {
        !self.is_slow() || now.as_second().rem_euclid(self.period.as_secs()) == 0
    }

    /// Evaluates the alarm with what its metric says at `now`. Gives the change
    /// of its state, if there was one: one event for each (`CloudWatch` user guide, "Alarm events
    /// and `EventBridge`"). A contributor that vanishes is OK (`CloudWatch` user guide, "Create a
    /// Metrics Insights alarm").
    pub(crate) fn evaluate(&mut self, percent: Option<f64>, now: Timestamp) -> Option<Change> {
        let state = match percent {
            None if self.fleet => Light::Ok,
            None => Light::InsufficientData,
            Some(percent) if self.rings_at(percent) => Light::Alarm,
            Some(_) => Light::Ok,
        };
        if state == self.state {
            return None;
        }
        let event = if self.fleet {
            self.contributor_event(state, percent, now)
        } else {
            self.event(state, percent, now)
        };
        let event = self.carried(&event);
        (self.state, self.since) = (state, now);
        Some(Change {
            alarm: self.name.clone(),
            instance: self.instance.clone(),
            symptom: self.symptom,
            state: self.settings().state,
            percent,
            at: now,
            muted: self.muted,
            event,
        })
    }

    /// The event as a function gets it (Lambda developer guide, "Using Lambda with Amazon SNS"
    /// and "with Amazon SQS").
    fn carried(&self, event: &Value) -> String {
        let text = event.to_string();
        match self.comes {
            Comes::AsAnEvent | Comes::AsAQuery => text,
            Comes::BySns => json!({ "Records": [{
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "Sns": { "Type": "Notification", "Message": text },
            }] })
            .to_string(),
            Comes::BySqs => json!({ "Records": [{
                "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
                "eventSource": "aws:sqs",
                "body": text,
            }] })
            .to_string(),
        }
    }

    /// Which of EC2's own actions it carries out on its instance, if it does:
    /// `arn:aws:automate:REGION:ec2:ACTION` (`CloudWatch` API reference, `PutMetricAlarm`).
    pub fn acts_itself(&self) -> Option<&str> {
        self.actions.iter().find_map(|action| {
            let (_, action) = action.strip_prefix("arn:aws:automate:")?.split_once(":ec2:")?;
            Some(action)
        })
    }

    fn rings_at(&self, percent: f64) -> bool {
        if self.symptom == Symptom::ServiceDown {
            return percent < self.threshold;
        }
        percent > self.threshold || self.unusual_below.is_some_and(|lower| percent < lower)
    }

    /// The event of one contributor to a fleet's alarm: no state before, and
    /// the instance only among the attributes.
    fn contributor_event(&self, state: Light, percent: Option<f64>, now: Timestamp) -> Value {
        let reason = match percent.map(|percent| self.measure(percent)) {
            None => "No data was returned for this contributor".to_owned(),
            Some(value) => {
                let was = if state == Light::Alarm { "was" } else { "was not" };
                format!(
                    "Threshold Crossed: 1 datapoint {was} {} than the threshold ({:?}). The \
                     most recent datapoint which crossed the threshold: [{value:?} ({})].",
                    self.side(),
                    self.measure(self.threshold),
                    (now - self.period).strftime("%d/%m/%y %H:%M:00"),
                )
            }
        };
        let (namespace, name) = self.metric_name();
        let (all, order) = match self.symptom {
            Symptom::ServiceDown => ("MIN", "MIN() ASC"),
            _ => ("MAX", "MAX() DESC"),
        };
        let labels = match self.symptom {
            Symptom::DiskFull if self.names_path && self.file_system == FileSystem::Root => {
                "InstanceId, path"
            }
            Symptom::DiskFull if self.names_path => "InstanceId, path, fstype",
            _ => "InstanceId",
        };
        let detail = json!({
            "alarmName": self.name,
            "alarmContributor": {
                "id": "a4f1c07be2d39658",
                "attributes": self.attributes(),
            },
            "state": { "value": state.name(), "reason": reason, "timestamp": stamp(now) },
            "configuration": {
                "metrics": [{
                    "id": "q1",
                    "expression": format!(
                        "SELECT {all}({name}) FROM \"{namespace}\" GROUP BY {labels} \
                         ORDER BY {order}"
                    ),
                    "returnData": true,
                    "period": self.period.as_secs(),
                }],
                "description": "An instance of the fleet is in trouble",
            },
        });
        self.envelope("CloudWatch Alarm Contributor State Change", detail, now)
    }

    fn attributes(&self) -> Value {
        let instance = self.instance.as_str();
        let (path, fstype, _) = self.file_system.labels();
        match self.symptom {
            Symptom::DiskFull if self.names_path && self.file_system == FileSystem::Root => {
                json!({ "InstanceId": instance, "path": path })
            }
            Symptom::DiskFull if self.names_path => {
                json!({ "InstanceId": instance, "path": path, "fstype": fstype })
            }
            _ => json!({ "InstanceId": instance }),
        }
    }

    /// An event of `EventBridge`, which says too whether a mute rule is active, and how the
    /// alarm is tagged (`CloudWatch` user guide, "Alarm tags in action payloads").
    fn envelope(&self, detail_type: &str, mut detail: Value, now: Timestamp) -> Value {
        if let Some(detail) = detail.as_object_mut().filter(|_| !self.tags.is_empty()) {
            detail.insert("alarmTags".to_owned(), json!(self.tags));
            detail.insert("alarmTagsStatus".to_owned(), json!("SUCCESS"));
        }
        if let Some(detail) = detail.as_object_mut().filter(|_| self.muted) {
            let rule = "alarm-mute-rule:nightly-batch";
            let mute = json!({
                "mutedByArn": format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:{rule}"),
                "muteWindowStart": stamp(now - MUTED_AROUND),
                "muteWindowEnd": stamp(now + MUTED_AROUND),
            });
            detail.insert("muteDetail".to_owned(), mute);
        }
        json!({
            "version": "0",
            "id": "7c0f6e14-52a5-4f0e-8f2e-2b6d1c0a9e35",
            "detail-type": detail_type,
            "source": "aws.cloudwatch",
            "account": ACCOUNT,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": [format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{}", self.name)],
            "detail": detail,
        })
    }

    fn event(&self, state: Light, percent: Option<f64>, now: Timestamp) -> Value {
        let detail = json!({
            "alarmName": self.name,
            "configuration": {
                "description": "A web server is in trouble",
                "metrics": self.metrics(),
            },
            "previousState": self.state_at(self.state, None, self.since),
            "state": self.state_at(state, percent, now),
        });
        self.envelope("CloudWatch Alarm State Change", detail, now)
    }

    /// What the alarm looks at. One on what is unusual compares with a band that a
    /// model gives (events/high-cpu.anomaly-above.json).
    fn metrics(&self) -> Value {
        let stat =
            json!({ "metric": self.metric(), "period": self.period.as_secs(), "stat": "Average" });
        if self.comes == Comes::AsAQuery && self.symptom != Symptom::DiskFull {
            let ((namespace, name), id) = (self.metric_name(), &self.instance);
            let query = format!(
                "SELECT MAX({name}) FROM SCHEMA(\"{namespace}\", InstanceId) \
                 WHERE InstanceId = '{id}'"
            );
            let period = self.period.as_secs();
            return json!([
                { "id": "q1", "expression": query, "period": period, "returnData": true },
            ]);
        }
        if self.unusual_below.is_none() {
            let id = "5d38a31c-1547-53e7-9b00-b1bfaca7e964";
            return json!([{ "id": id, "metricStat": stat, "returnData": true }]);
        }
        let (_, name) = self.metric_name();
        json!([
            { "id": "m1", "metricStat": stat, "returnData": true },
            {
                "id": "ad1",
                "expression": "ANOMALY_DETECTION_BAND(m1, 2)",
                "label": format!("{name} (expected)"),
                "returnData": true,
            },
        ])
    }

    fn metric_name(&self) -> (&'static str, &'static str) {
        match self.symptom {
            Symptom::MemoryPressure if self.counts => ("CWAgent", "mem_used"),
            Symptom::DiskFull if self.counts => ("CWAgent", "disk_used"),
            Symptom::HighCpu => ("AWS/EC2", "CPUUtilization"),
            Symptom::MemoryPressure => ("CWAgent", "mem_used_percent"),
            Symptom::DiskFull => ("CWAgent", "disk_used_percent"),
            Symptom::Unreachable => ("AWS/EC2", "StatusCheckFailed"),
            Symptom::ServiceDown => ("CWAgent", "procstat_lookup_pid_count"),
        }
    }

    /// What its metric says where the share in use is `percent`.
    fn measure(&self, percent: f64) -> f64 {
        if !self.counts {
            return percent;
        }
        let (namespace, name) = self.metric_name();
        metrics::measure(namespace, name, percent).unwrap_or(percent)
    }

    /// On which side of its threshold it rings.
    fn side(&self) -> &'static str {
        if self.symptom == Symptom::ServiceDown { "less" } else { "greater" }
    }

    fn metric(&self) -> Value {
        let instance = self.instance.as_str();
        let (namespace, name) = self.metric_name();
        let (path, fstype, device) = self.file_system.labels();
        let dimensions = match self.symptom {
            Symptom::DiskFull if self.names_path => json!({
                "path": path, "InstanceId": instance, "device": device, "fstype": fstype,
            }),
            Symptom::ServiceDown => json!({
                "InstanceId": instance, "exe": "nginx", "pid_finder": "native",
            }),
            _ => json!({ "InstanceId": instance }),
        };
        json!({ "dimensions": dimensions, "name": name, "namespace": namespace })
    }

    fn state_at(&self, state: Light, percent: Option<f64>, at: Timestamp) -> Value {
        let timestamp = stamp(at);
        let Some(percent) = percent else {
            return json!({
                "value": state.name(),
                "reason": "Unchecked: Initial alarm creation",
                "timestamp": timestamp,
            });
        };
        let newest = at - self.period;
        let value = self.measure(percent);
        let change = if state == Light::Alarm { "OK -> ALARM" } else { "ALARM -> OK" };
        let crossing = self.crossing(state, value, newest);
        let mut data = json!({
            "version": "1.0",
            "queryDate": timestamp,
            "startDate": newest.strftime("%Y-%m-%dT%H:%M:00.000+0000").to_string(),
            "period": self.period.as_secs(),
            "recentDatapoints": [value],
        });
        if let Some(data) = data.as_object_mut() {
            match self.unusual_below {
                None => {
                    data.insert("statistic".to_owned(), json!("Average"));
                    data.insert("threshold".to_owned(), json!(self.measure(self.threshold)));
                }
                Some(lower) => {
                    data.insert("recentLowerThresholds".to_owned(), json!([lower]));
                    data.insert("recentUpperThresholds".to_owned(), json!([self.threshold]));
                }
            }
        }
        json!({
            "value": state.name(),
            "reason": format!("{crossing} (minimum 1 datapoint for {change} transition)."),
            "reasonData": data.to_string(),
            "timestamp": timestamp,
        })
    }

    /// What was compared with what, in the words of an event.
    fn crossing(&self, state: Light, value: f64, newest: Timestamp) -> String {
        let was = if state == Light::Alarm { "was" } else { "was not" };
        let at = newest.strftime("%d/%m/%y %H:%M:00");
        let (threshold, seen) = (self.measure(self.threshold), "1 out of the last 1 datapoints");
        match self.unusual_below {
            None => format!(
                "Threshold Crossed: {seen} [{value:?} ({at})] {was} {} than the threshold \
                 ({threshold:?})",
                self.side()
            ),
            Some(lower) => format!(
                "Thresholds Crossed: {seen} [{value:?} ({at})] {was} less than the lower \
                 thresholds [{lower:?}] or {was} greater than the upper thresholds [{threshold:?}]"
            ),
        }
    }
}
