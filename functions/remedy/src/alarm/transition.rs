//! One alarm's change of state as every envelope of `CloudWatch` tells it, and
//! the alarms that follow from it: one for each instance it names.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::direction::{Told, unclear, weigh};
use super::expression::{self, Sense};
use super::field::Field;
use super::metric::{self, Dimension, Mount, Whose};
use super::{
    Alarm, AlarmState, Bad, Envelope, Evidence, Muted, NoAlarm, NotOurs, Scope, Series, Statistic,
    Symptom, Unit,
};
use crate::model::ids::{InstanceId, MountPoint};

/// `CloudWatch` allows an alarm's name 255 characters. What is longer is no name
/// of an alarm, and not worth keeping.
const NAME_CHARS_MAX: usize = 255;
/// How much of a reason is kept. `CloudWatch` itself allows 1,023 characters.
const REASON_CHARS_MAX: usize = 1_000;

/// What an alarm watches: a metric, or an expression over the others.
#[derive(Clone, Debug)]
pub(super) enum Watched<'a> {
    Metric {
        namespace: &'a str,
        name: &'a str,
        stat: Option<&'a str>,
        /// In seconds.
        period: Option<u32>,
        dimensions: Vec<Dimension<'a>>,
    },
    Expression {
        text: &'a str,
        /// In seconds.
        period: Option<u32>,
    },
}

/// One alarm's change of state.
#[derive(Clone, Debug)]
pub(super) struct Transition<'a> {
    pub(super) envelope: Envelope,
    pub(super) name: &'a str,
    pub(super) arn: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) changed_at: Timestamp,
    pub(super) told: Told<'a>,
    pub(super) watched: Vec<Watched<'a>>,
    /// The labels of the series that changed, when one alarm watches many.
    pub(super) contributor: Option<Vec<Dimension<'a>>>,
    pub(super) muted: Option<Muted>,
    pub(super) suppressed_by: Option<String>,
}

/// One metric among those an alarm watches.
struct Source<'t> {
    label: String,
    namespace: &'t str,
    name: &'t str,
    meaning: Option<metric::Meaning>,
    /// Whether its values are not the metric's own.
    counts: bool,
    statistic: Statistic,
    period: Option<u32>,
    scope: Option<Scope>,
    dimensions: Option<&'t [Dimension<'t>]>,
}

/// The one thing an alarm is about, as far as this function answers for it.
struct Subject {
    metric: String,
    unit: Option<Unit>,
    bad: Bad,
    /// Why the direction cannot be trusted, if it cannot.
    doubt: Option<&'static str>,
}

/// An instance that an alarm names, with the mount of each series about it.
type Named = (InstanceId, Vec<Mount>);

/// Reads the value of an alarm's state.
pub(super) fn state(value: &Field<'_>) -> Result<AlarmState, NoAlarm> {
    match value.text()? {
        "ALARM" => Ok(AlarmState::Alarm),
        "OK" => Ok(AlarmState::Ok),
        "INSUFFICIENT_DATA" => Err(NotOurs::InsufficientData.into()),
        _ => Err(value.unlike("ALARM, OK or INSUFFICIENT_DATA").into()),
    }
}

impl Transition<'_> {
    /// The alarms about `symptom` that follow.
    pub(super) fn alarms(&self, symptom: Symptom) -> Result<Vec<Alarm>, NoAlarm> {
        let sources = self.sources();
        let subject = self.subject(&sources, symptom)?;
        let (named, all_named) = self.named(&sources)?;
        let doubt = subject.doubt.or_else(|| {
            (!all_named).then_some("the alarm mixes an instance's metric with another's")
        });
        let evidence = match weigh(&self.told, subject.bad) {
            Some(evidence @ Evidence::Nothing { .. }) => evidence,
            weighed => match (doubt, weighed) {
                (Some(why), _) => unclear(why),
                (None, Some(evidence)) => evidence,
                (None, None) => {
                    let metric = subject.metric;
                    return Err(NotOurs::HarmlessDirection { metric }.into());
                }
            },
        };
        let watched = named.len();
        let alarm = |(instance_id, mounts): Named| {
            let (mount, unspeakable) = mount_among(&mounts);
            let disk = symptom == Symptom::DiskFull;
            let series = self.series(&sources, &subject, &instance_id);
            Alarm {
                envelope: self.envelope,
                name: self.name.chars().take(NAME_CHARS_MAX).collect(),
                arn: self.arn.map(str::to_owned),
                account: self.account.map(str::to_owned),
                region: self.region.map(str::to_owned),
                instance_id,
                watched,
                symptom,
                state: self.told.state,
                changed_at: self.changed_at,
                metric: subject.metric.clone(),
                unit: subject.unit,
                series,
                mount: mount.filter(|_| disk),
                evidence: match unspeakable.filter(|_| disk) {
                    Some(why) => unclear(&why),
                    None => evidence.clone(),
                },
                reason: self.told.reason.chars().take(REASON_CHARS_MAX).collect(),
                muted: self.muted.clone(),
                suppressed_by: self.suppressed_by.clone(),
                observe: false,
                request_id: None,
            }
        };
        Ok(named.into_iter().map(alarm).collect())
    }

    /// The metrics among what the alarm watches, those inside queries included.
    fn sources(&self) -> Vec<Source<'_>> {
        let source = |watched| match watched {
            &Watched::Metric { namespace, name, stat, period, ref dimensions } => Some(Source {
                label: format!("{namespace} {name}"),
                namespace,
                name,
                meaning: metric::meaning(namespace, name),
                counts: stat.is_some_and(metric::counts_datapoints),
                statistic: stat.map(Statistic::named).unwrap_or_default(),
                period,
                scope: None,
                dimensions: Some(dimensions),
            }),
            &Watched::Expression { text, period } if expression::is_query(text) => {
                let query = expression::query(text)?;
                Some(Source {
                    label: format!("{} {}", query.namespace, query.metric),
                    namespace: query.namespace,
                    name: query.metric,
                    meaning: metric::meaning(query.namespace, query.metric),
                    counts: query.function.eq_ignore_ascii_case("COUNT"),
                    statistic: Statistic::named(query.function),
                    period,
                    scope: Some(Scope {
                        from: query.from.to_owned(),
                        condition: query.condition.map(str::to_owned),
                    }),
                    dimensions: None,
                })
            }
            Watched::Expression { .. } => None,
        };
        self.watched.iter().filter_map(source).collect()
    }

    /// What the alarm is about, if it is about `symptom`.
    fn subject(&self, sources: &[Source<'_>], symptom: Symptom) -> Result<Subject, NotOurs> {
        let Some(first) = sources.first() else {
            return Err(NotOurs::NoMetric);
        };
        let known = |source: &Source<'_>| source.meaning.map(|m| (source.label.clone(), m));
        let known: Vec<_> = sources.iter().filter_map(known).collect();
        let Some((_, other)) = known.first() else {
            let metric = first.label.clone();
            return Err(NotOurs::OtherMetric { metric });
        };
        let ours = known.iter().find(|(_, meaning)| meaning.symptom == symptom);
        let Some((metric, meaning)) = ours else {
            return Err(NotOurs::OtherSymptom { symptom: other.symptom });
        };
        let same = |source: &Source<'_>| {
            source.meaning.is_some_and(|m| (m.symptom, m.bad) == (meaning.symptom, meaning.bad))
        };
        let doubt = if !sources.iter().all(same) {
            Some("the alarm combines metrics of different meaning")
        } else if sources.iter().any(|source| source.counts) {
            Some("the alarm counts datapoints instead of weighing them")
        } else {
            self.doubted_expression(meaning.bad)
        };
        // What an expression makes of its metrics may have another unit.
        let plain = self.watched.iter().all(|watched| match watched {
            Watched::Expression { text, .. } => expression::is_query(text),
            Watched::Metric { .. } => true,
        });
        let unit = plain.then_some(meaning.unit);
        Ok(Subject { metric: metric.clone(), unit, bad: meaning.bad, doubt })
    }

    /// The series of the subject's metric that belongs to `id`.
    fn series(&self, sources: &[Source<'_>], subject: &Subject, id: &InstanceId) -> Option<Series> {
        let source = sources.iter().find(|source| {
            source.label == subject.metric
                && (self.contributor.is_some()
                    || source.dimensions.is_some_and(
                        |d| matches!(metric::whose(d), Ok(Whose::Instance(of)) if of == *id),
                    ))
        })?;
        let (dimensions, exact) = match (&self.contributor, source.dimensions) {
            (Some(labels), _) => (metric::names_and_values(labels), false),
            (None, Some(dimensions)) => (metric::names_and_values(dimensions), true),
            (None, None) => return None,
        };
        Some(Series {
            namespace: source.namespace.to_owned(),
            name: source.name.to_owned(),
            dimensions,
            exact,
            bad: subject.bad,
            statistic: source.statistic.clone(),
            period: source.period.unwrap_or(60),
            scope: source.scope.clone(),
        })
    }

    /// Why an expression's direction may not be its metrics' direction.
    fn doubted_expression(&self, bad: Bad) -> Option<&'static str> {
        let sense = |watched: &Watched<'_>| match watched {
            Watched::Expression { text, .. } if !expression::is_query(text) => {
                expression::sense(text)
            }
            _ => Sense::Rises,
        };
        // Nothing measured, taken for 0, looks like an empty disk, and like a
        // processor come to rest.
        let zero_misleads = bad == Bad::Down || self.told.state == AlarmState::Ok;
        self.watched.iter().map(sense).find_map(|sense| match sense {
            Sense::Rises => None,
            Sense::RisesFromZero => {
                zero_misleads.then_some("the alarm's expression fills in what was not measured")
            }
            Sense::Unknown => Some("the alarm's expression may turn the direction round"),
        })
    }

    /// The instances that the alarm names, in its order, and whether every
    /// metric names one.
    fn named(&self, sources: &[Source<'_>]) -> Result<(Vec<Named>, bool), NoAlarm> {
        if let Some(labels) = &self.contributor {
            return match metric::whose(labels)? {
                Whose::Instance(id) => Ok((vec![(id, vec![metric::mount(labels)])], true)),
                Whose::Unlabelled => Err(NotOurs::UnlabelledContributor.into()),
                Whose::Group(group) => Err(NotOurs::GroupOnly { group }.into()),
                Whose::Nobody => Err(NotOurs::NoInstance.into()),
            };
        }
        let mut named: Vec<Named> = Vec::new();
        let mut index: BTreeMap<InstanceId, usize> = BTreeMap::new();
        let mut nobody = None;
        for source in sources {
            let Some(dimensions) = source.dimensions else {
                nobody = Some(NotOurs::Fleet);
                continue;
            };
            // Only what is understood is asked for an instance: other services
            // have an `InstanceId` of another kind.
            if source.meaning.is_none() {
                continue;
            }
            match metric::whose(dimensions)? {
                Whose::Instance(id) => {
                    let at = *index.entry(id.clone()).or_insert(named.len());
                    let mount = metric::mount(dimensions);
                    match named.get_mut(at) {
                        Some((_, mounts)) => mounts.push(mount),
                        None => named.push((id, vec![mount])),
                    }
                }
                Whose::Group(group) => nobody = Some(NotOurs::GroupOnly { group }),
                Whose::Unlabelled | Whose::Nobody => nobody = Some(NotOurs::NoInstance),
            }
        }
        if named.is_empty() {
            return Err(nobody.unwrap_or(NotOurs::NoInstance).into());
        }
        Ok((named, nobody.is_none()))
    }
}

/// The one mount that all of `mounts` name, or none; and what is wrong if the
/// name of one cannot be passed on.
fn mount_among(mounts: &[Mount]) -> (Option<MountPoint>, Option<String>) {
    let unspeakable = mounts.iter().find_map(|mount| match mount {
        Mount::Unspeakable(path) => {
            let path = super::field::quoted(path);
            Some(format!("the mount point {path} has a name that cannot be passed on"))
        }
        Mount::At(_) | Mount::Unnamed => None,
    });
    let one = match mounts.split_first() {
        Some((Mount::At(first), rest)) => rest
            .iter()
            .all(|mount| matches!(mount, Mount::At(other) if other == first))
            .then(|| first.clone()),
        _ => None,
    };
    (one, unspeakable)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::alarm::tests::told;

    fn metric(name: &str, dimensions: &Value) -> Value {
        let namespace = if name == "CPUUtilization" { "AWS/EC2" } else { "CWAgent" };
        let metric = json!({"namespace": namespace, "name": name, "dimensions": dimensions});
        json!({"metricStat": {"metric": metric, "stat": "Average"}, "returnData": false})
    }

    fn of(name: &str, id: &str) -> Value {
        metric(name, &json!({"InstanceId": id}))
    }

    fn event(state: &str, metrics: &[Value]) -> Value {
        let reason = match state {
            "OK" => {
                "1 datapoint [5.0 (20/11/26 03:07:00)] was not greater than the threshold (9.0)"
            }
            _ => "1 datapoint [95.0 (20/11/26 03:07:00)] was greater than the threshold (9.0)",
        };
        json!({
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "detail": {
                "alarmName": "a",
                "state": {
                    "value": state,
                    "reason": reason,
                    "timestamp": "2026-11-20T03:12:45.989+0000",
                },
                "configuration": {"metrics": metrics},
            },
        })
    }

    #[test]
    fn an_expression_yields_every_instance_and_only_a_clear_direction() {
        let cpu = "CPUUtilization";
        let (a, b) = (of(cpu, "i-0123abcd"), of(cpu, "i-0123abce"));
        let math = |text: &str| json!({"expression": text, "returnData": true});
        let turned = "unclear: the alarm's expression may turn the direction round";
        let group = metric(cpu, &json!({"AutoScalingGroupName": "web"}));
        let counts = {
            let mut counts = a.clone();
            counts["metricStat"]["stat"] = json!("SampleCount");
            counts
        };
        for (metrics, expected) in [
            (
                vec![math("MAX([m1, m2])"), a.clone(), b.clone()],
                "i-0123abcd of 2 95, i-0123abce of 2 95".to_owned(),
            ),
            (vec![math("MAX([m1, m2])"), a.clone(), a.clone()], "i-0123abcd 95".to_owned()),
            (vec![math("ANOMALY_DETECTION_BAND(m1, 2)"), a.clone()], "i-0123abcd 95".to_owned()),
            (vec![math("100 - m1"), a.clone()], format!("i-0123abcd {turned}")),
            (vec![math("MAX([e1])"), math("100 - m1"), a.clone()], format!("i-0123abcd {turned}")),
            (
                vec![math("m1 + m2"), a.clone(), of("mem_used_percent", "i-0123abcd")],
                "i-0123abcd unclear: the alarm combines metrics of different meaning".to_owned(),
            ),
            (
                vec![math("m1 + m2"), a.clone(), of("cpu_usage_idle", "i-0123abcd")],
                "i-0123abcd unclear: the alarm combines metrics of different meaning".to_owned(),
            ),
            (
                vec![math("m1 + m2"), of("procstat_x", "i-0123abcd"), a.clone()],
                "i-0123abcd unclear: the alarm combines metrics of different meaning".to_owned(),
            ),
            (
                vec![math("m1 + m2"), group.clone(), a.clone()],
                "i-0123abcd unclear: the alarm mixes an instance's metric with another's"
                    .to_owned(),
            ),
            (vec![math("MAX([m1])"), group], "group-alarm".to_owned()),
            (
                vec![counts],
                "i-0123abcd unclear: the alarm counts datapoints instead of weighing them"
                    .to_owned(),
            ),
            (vec![math("SEARCH('x', 'Average')")], "no-metric".to_owned()),
            (vec![math("FILL(m1, 0)"), a.clone()], "i-0123abcd 95".to_owned()),
            (vec![math("FILL(m1, 100)"), a], format!("i-0123abcd {turned}")),
        ] {
            let event = event("ALARM", &metrics);
            assert_eq!(told(Symptom::HighCpu, &event), expected, "{metrics:?}");
        }
    }

    #[test]
    fn a_zero_that_was_filled_in_is_no_recovery() {
        let metrics = [json!({"expression": "FILL(m1, 0)"}), of("CPUUtilization", "i-0123abcd")];
        assert_eq!(
            told(Symptom::HighCpu, &event("OK", &metrics)),
            "i-0123abcd ok unclear: the alarm's expression fills in what was not measured"
        );
    }

    #[test]
    fn a_mount_is_told_where_one_is_meant_and_can_be_passed_on() {
        let disk = |path: &str| {
            let dimensions = json!({"InstanceId": "i-0123abcd", "path": path});
            metric("disk_used_percent", &dimensions)
        };
        let drive = json!({"InstanceId": "i-0123abcd", "instance": "C:"});
        let math = json!({"expression": "MAX(METRICS())"});
        for (metrics, expected) in [
            (vec![disk("/var")], "i-0123abcd /var 95"),
            (vec![math.clone(), disk("/var"), disk("/var")], "i-0123abcd /var 95"),
            (vec![math.clone(), disk("/var"), disk("/")], "i-0123abcd 95"),
            (vec![math, disk("/var"), of("disk_used_percent", "i-0123abcd")], "i-0123abcd 95"),
            (vec![metric("disk_used", &drive)], "i-0123abcd 95"),
            (
                vec![disk("/my disk")],
                "i-0123abcd unclear: the mount point /my disk has a name that cannot be passed on",
            ),
        ] {
            let event = event("ALARM", &metrics);
            assert_eq!(told(Symptom::DiskFull, &event), expected, "{metrics:?}");
        }
    }

    #[test]
    fn texts_from_outside_are_kept_short() {
        let mut event = event("ALARM", &[of("CPUUtilization", "i-0123abcd")]);
        event["detail"]["alarmName"] = json!("n".repeat(100_000));
        event["detail"]["state"]["reason"] = json!("r".repeat(100_000));
        let invocation = crate::alarm::tests::invocation(Symptom::HighCpu);
        let received = crate::alarm::read(&event.to_string(), &invocation).unwrap();
        assert_eq!(received.alarms[0].name.len(), NAME_CHARS_MAX);
        assert_eq!(received.alarms[0].reason.len(), REASON_CHARS_MAX);
    }
}
