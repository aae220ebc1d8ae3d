//! `CloudWatch` alarms that watch the region's hosts, and the `EventBridge`
//! events their transitions send. The events have the shape of the recorded
//! ones in `events/`, which a test compares.

use jiff::{SignedDuration, Timestamp};
use remedy::alarm::{AlarmState, Symptom};
use remedy::ids::InstanceId;
use serde_json::{Value, json};

use crate::fleet::{ACCOUNT, REGION};

/// An alarm's metric is evaluated over datapoints of this length.
const PERIOD: SignedDuration = SignedDuration::from_secs(60);

/// An alarm on one metric of one instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its name.
    pub name: String,
    /// The instance it watches.
    pub instance: InstanceId,
    /// What its metric is about.
    pub symptom: Symptom,
    /// Above this it is in ALARM, in percent.
    pub threshold: f64,
    state: Light,
    since: Timestamp,
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
        };
        Self { name: name.to_owned(), instance, symptom, threshold: 90.0, state: Light::Ok, since }
    }

    /// Its state, as `DescribeAlarms` gives it; `None` if it does not know.
    pub(crate) fn state(&self) -> Option<AlarmState> {
        match self.state {
            Light::Alarm => Some(AlarmState::Alarm),
            Light::Ok => Some(AlarmState::Ok),
            Light::InsufficientData => None,
        }
    }

    /// Evaluates the alarm with what its metric says at `now`. Gives the event
    /// of the transition, if there was one.
    pub(crate) fn evaluate(&mut self, percent: Option<f64>, now: Timestamp) -> Option<String> {
        let state = match percent {
            None => Light::InsufficientData,
            Some(percent) if percent > self.threshold => Light::Alarm,
            Some(_) => Light::Ok,
        };
        if state == self.state {
            return None;
        }
        let event = self.event(state, percent, now);
        (self.state, self.since) = (state, now);
        Some(event.to_string())
    }

    fn event(&self, state: Light, percent: Option<f64>, now: Timestamp) -> Value {
        let arn = format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{}", self.name);
        json!({
            "version": "0",
            "id": "7c0f6e14-52a5-4f0e-8f2e-2b6d1c0a9e35",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": ACCOUNT,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": [arn],
            "detail": {
                "alarmName": self.name,
                "configuration": {
                    "description": "A web server is in trouble",
                    "metrics": [{
                        "id": "5d38a31c-1547-53e7-9b00-b1bfaca7e964",
                        "metricStat": {
                            "metric": self.metric(),
                            "period": PERIOD.as_secs(),
                            "stat": "Average",
                        },
                        "returnData": true,
                    }],
                },
                "previousState": self.state_at(self.state, None, self.since),
                "state": self.state_at(state, percent, now),
            },
        })
    }

    fn metric(&self) -> Value {
        let instance = self.instance.as_str();
        let (namespace, name) = match self.symptom {
            Symptom::HighCpu => ("AWS/EC2", "CPUUtilization"),
            Symptom::MemoryPressure => ("CWAgent", "mem_used_percent"),
            Symptom::DiskFull => ("CWAgent", "disk_used_percent"),
        };
        let dimensions = match self.symptom {
            Symptom::DiskFull => json!({
                "path": "/", "InstanceId": instance, "device": "nvme0n1p1", "fstype": "xfs",
            }),
            Symptom::HighCpu | Symptom::MemoryPressure => json!({ "InstanceId": instance }),
        };
        json!({ "dimensions": dimensions, "name": name, "namespace": namespace })
    }

    fn state_at(&self, state: Light, percent: Option<f64>, at: Timestamp) -> Value {
        let timestamp = at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
        let Some(percent) = percent else {
            return json!({
                "value": state.name(),
                "reason": "Unchecked: Initial alarm creation",
                "timestamp": timestamp,
            });
        };
        let newest = at - PERIOD;
        let was = if state == Light::Alarm { "was" } else { "was not" };
        let reason = format!(
            "Threshold Crossed: 1 out of the last 1 datapoints [{percent:?} ({})] {was} greater \
             than the threshold ({:?}) (minimum 1 datapoint for {} transition).",
            newest.strftime("%d/%m/%y %H:%M:00"),
            self.threshold,
            if state == Light::Alarm { "OK -> ALARM" } else { "ALARM -> OK" },
        );
        let data = json!({
            "version": "1.0",
            "queryDate": timestamp,
            "startDate": newest.strftime("%Y-%m-%dT%H:%M:00.000+0000").to_string(),
            "statistic": "Average",
            "period": PERIOD.as_secs(),
            "recentDatapoints": [percent],
            "threshold": self.threshold,
        });
        json!({
            "value": state.name(),
            "reason": reason,
            "reasonData": data.to_string(),
            "timestamp": timestamp,
        })
    }
}
