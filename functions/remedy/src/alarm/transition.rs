//! One alarm's change of state as every envelope of `CloudWatch` tells it, and
//! the alarms that follow from it: one for each instance it names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::direction::{Told, is_banded, unclear, weigh};
use super::expression::{self, Sense};
use super::field::Field;
use super::metric::{self, Dimension, Whose};
use super::subject::{Found, Part};
use super::tags::AlarmTags;
use super::{
    Alarm, AlarmState, Bad, Envelope, Evidence, INSTANCES_PER_EVENT_MAX, Muted, NoAlarm, NotOurs,
    Received, Scope, Series, Statistic, Symptom, Unit, Unreadable,
};
use crate::model::alarm::Hint;
use crate::model::ids::InstanceId;

/// `CloudWatch` allows an alarm's name 255 characters. What is longer is no name
/// of an alarm, and not worth keeping.
const NAME_CHARS_MAX: usize = 255;
/// How much of a reason is kept. `CloudWatch` itself allows 1,023 characters.
const REASON_CHARS_MAX: usize = 1_000;

/// The label by which a query tells accounts apart (`CloudWatch` user guide, "Metrics Insights
/// query components and syntax").
const ACCOUNT_LABEL: &str = "AWS.AccountId";

/// What an alarm watches: a metric, or an expression over the others.
#[derive(Clone, Debug)]
pub(super) enum Watched<'a> {
    Metric {
        /// Whose it is, where the alarm says so: an account may watch another's metrics.
        account: Option<&'a str>,
        namespace: &'a str,
        name: &'a str,
        stat: Option<&'a str>,
        /// In seconds.
        period: Option<u32>,
        dimensions: Vec<Dimension<'a>>,
    },
    Expression {
        account: Option<&'a str>,
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
    /// Whether it judges whole hours or days by the clock.
    pub(super) by_the_clock: bool,
    /// What its own tags ask for.
    pub(super) tags: AlarmTags,
    /// What of the event could not be read, if anything.
    pub(super) doubt: Option<String>,
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
    /// Whether it is a query that yields many series.
    grouped: bool,
    /// Its dimensions, or what a query's condition says of those.
    dimensions: Cow<'t, [Dimension<'t>]>,
}

/// The one thing an alarm is about, as far as this function answers for it.
struct Subject {
    metric: String,
    unit: Option<Unit>,
    /// The direction in which what the alarm compares is bad.
    bad: Bad,
    /// The direction in which the metric is.
    metric_bad: Bad,
    /// Why the direction cannot be trusted, if it cannot.
    doubt: Option<&'static str>,
}

/// Whom an alarm names.
#[derive(Default)]
struct Named<'t> {
    /// The instances, in its order.
    instances: Vec<Instance<'t>>,
    /// Ids that are none.
    refused: Vec<NotOurs>,
    /// Whether it watches something of nobody, or of a group, too.
    others: Option<NotOurs>,
}

/// An instance that an alarm names.
struct Instance<'t> {
    id: InstanceId,
    /// What the alarm watches of it: places among the sources, and the dimensions.
    parts: Vec<(usize, Cow<'t, [Dimension<'t>]>)>,
}

impl Named<'_> {
    fn watched(&self) -> usize {
        self.instances.len() + self.refused.len()
    }
}

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
    pub(super) fn alarms(&self, symptom: Symptom) -> Result<Received, NoAlarm> {
        let sources = self.sources();
        let subject = self.subject(&sources, symptom)?;
        self.of_its_own_account()?;
        let named = self.named(&sources)?;
        let evidence = self.evidence(&subject, &named)?;
        let watched = named.watched();
        let mut received = Received { ignored: named.refused, ..Received::default() };
        for instance in named.instances {
            let parts = instance.parts.iter().filter_map(|(at, dimensions)| {
                let source = sources.get(*at)?;
                let (namespace, name) = (source.namespace, source.name);
                Some(Part { namespace, name, statistic: &source.statistic, dimensions })
            });
            let found = match Found::of(symptom, &parts.collect::<Vec<_>>()) {
                Ok(found) => found,
                Err(reason) => {
                    received.ignored.push(reason);
                    continue;
                }
            };
            let series = self.series(&sources, &subject, &instance);
            received.alarms.push(Alarm {
                envelope: self.envelope,
                name: self.name.chars().take(NAME_CHARS_MAX).collect(),
                arn: self.arn.map(str::to_owned),
                account: self.account.map(str::to_owned),
                region: self.region.map(str::to_owned),
                instance_id: instance.id,
                watched,
                symptom,
                state: self.told.state,
                changed_at: self.changed_at,
                metric: subject.metric.clone(),
                unit: subject.unit,
                series,
                mount: found.mount,
                evidence: match (&evidence, found.doubt) {
                    (Evidence::Measured { .. }, Some(why)) => unclear(&why),
                    _ => evidence.clone(),
                },
                hint: self.hint().or(found.hint),
                reason: self.told.reason.chars().take(REASON_CHARS_MAX).collect(),
                muted: self.muted.clone(),
                suppressed_by: self.suppressed_by.clone(),
                observe: self.tags.observe,
                limit: self.tags.limit.clone(),
                ask: self.tags.ask.clone(),
                request_id: None,
            });
        }
        Ok(received)
    }

    /// Nothing about another account's instances can be asked or done here
    /// (`MetricDataQuery.AccountId` in botocore's model of `cloudwatch`: "the ID of the account
    /// where the metrics are located").
    fn of_its_own_account(&self) -> Result<(), NotOurs> {
        let is_other = |account: &&str| self.account.is_some_and(|own| own != *account);
        let labels = self.contributor.as_deref().unwrap_or_default();
        let of_contributor = metric::value_of(labels, &[ACCOUNT_LABEL]);
        let of_query = |text| {
            let query = expression::query(text)?;
            let named = query.facts.iter().find(|(name, _)| *name == ACCOUNT_LABEL);
            named.map(|(_, account)| *account)
        };
        let mut watched = self.watched.iter().filter_map(|watched| match *watched {
            Watched::Metric { account, .. } => account,
            Watched::Expression { account, text, .. } => account.or_else(|| of_query(text)),
        });
        match of_contributor.filter(is_other).or_else(|| watched.find(is_other)) {
            Some(account) => Err(NotOurs::OtherAccount { account: account.to_owned() }),
            None => Ok(()),
        }
    }

    /// What was measured, as far as it is the same for all whom the alarm names.
    fn evidence(&self, subject: &Subject, named: &Named<'_>) -> Result<Evidence, NotOurs> {
        let mixed = named.others.as_ref();
        let mixed = mixed.map(|_| "the alarm mixes an instance's metric with another's");
        let doubt = subject.doubt.or(mixed).map(str::to_owned).or_else(|| self.doubt.clone());
        match (doubt, weigh(&self.told, subject.bad)) {
            // Fewer processes than somebody wants are not a service that is down.
            (_, Some(Evidence::Measured { value: Some(value), .. }))
                if self.told.state == AlarmState::Alarm
                    && subject.unit.is_some_and(|unit| unit.is_well_at(value)) =>
            {
                Ok(unclear("what it measured last is what a healthy host shows"))
            }
            (_, Some(evidence @ Evidence::Nothing { .. })) | (None, Some(evidence)) => Ok(evidence),
            (Some(why), _) => Ok(unclear(&why)),
            (None, None) => Err(NotOurs::HarmlessDirection { metric: subject.metric.clone() }),
        }
    }

    /// Why the alarm proves no trouble, whatever it watches.
    fn hint(&self) -> Option<Hint> {
        let band = |watched: &Watched<'_>| match watched {
            Watched::Expression { text, .. } => expression::is_band(text),
            Watched::Metric { .. } => false,
        };
        if is_banded(&self.told) || self.watched.iter().any(band) {
            Some(Hint::Unusual)
        } else {
            self.by_the_clock.then_some(Hint::WallClock)
        }
    }

    /// The metrics among what the alarm watches, those inside queries included.
    fn sources(&self) -> Vec<Source<'_>> {
        let source = |watched| match watched {
            &Watched::Metric { namespace, name, stat, period, ref dimensions, .. } => {
                Some(Source {
                    label: format!("{namespace} {name}"),
                    namespace,
                    name,
                    meaning: metric::meaning(namespace, name),
                    counts: stat.is_some_and(metric::counts_datapoints),
                    statistic: stat.map(Statistic::named).unwrap_or_default(),
                    period,
                    scope: None,
                    grouped: false,
                    dimensions: Cow::Borrowed(dimensions.as_slice()),
                })
            }
            &Watched::Expression { text, period, .. } if expression::is_query(text) => {
                let query = expression::query(text)?;
                let asked = query.facts.iter().filter(|(name, _)| metric::ASKED.contains(name));
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
                    grouped: query.grouped,
                    dimensions: asked.map(|&(name, value)| Dimension { name, value }).collect(),
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
        let turns = self.turns_round();
        let bad = if turns { meaning.bad.opposite() } else { meaning.bad };
        let doubt = if !sources.iter().all(same) {
            Some("the alarm combines metrics of different meaning")
        } else if sources.iter().any(|source| source.counts) {
            Some("the alarm counts datapoints instead of weighing them")
        } else if turns {
            None
        } else {
            self.doubted_expression(meaning.bad)
        };
        // What an expression makes of its metrics may have another unit.
        let plain = self.watched.iter().all(|watched| match watched {
            Watched::Expression { text, .. } => expression::is_query(text),
            Watched::Metric { .. } => true,
        });
        let unit = plain.then_some(meaning.unit);
        Ok(Subject { metric: metric.clone(), unit, bad, metric_bad: meaning.bad, doubt })
    }

    /// Whether its one expression falls as its metric rises, such as what is in use of what
    /// is free.
    fn turns_round(&self) -> bool {
        let mut math = self.watched.iter().filter_map(|watched| match watched {
            Watched::Expression { text, .. } => (!expression::is_query(text)).then_some(*text),
            Watched::Metric { .. } => None,
        });
        math.next().is_some_and(|text| expression::sense(text) == Sense::Falls)
            && math.next().is_none()
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
            Sense::Falls | Sense::Unknown => {
                Some("the alarm's expression may turn the direction round")
            }
        })
    }

    /// The series of the subject's metric that belongs to `instance`.
    fn series(
        &self,
        sources: &[Source<'_>],
        subject: &Subject,
        instance: &Instance<'_>,
    ) -> Option<Series> {
        let about = |(at, dimensions)| Some((sources.get(at)?, dimensions));
        let parts = instance.parts.iter().map(|(at, dimensions)| (*at, dimensions));
        let (source, dimensions) =
            parts.filter_map(about).find(|(source, _)| source.label == subject.metric)?;
        Some(Series {
            namespace: source.namespace.to_owned(),
            name: source.name.to_owned(),
            // What a query's condition says is in its scope, too.
            dimensions: metric::names_and_values(self.contributor.as_deref().unwrap_or(dimensions)),
            exact: self.contributor.is_none() && source.scope.is_none(),
            bad: subject.metric_bad,
            unit: source.meaning.filter(|_| !source.counts).map(|meaning| meaning.unit),
            statistic: source.statistic.clone(),
            period: source.period.unwrap_or(60),
            scope: source.scope.clone(),
        })
    }

    /// Whom the alarm names.
    fn named<'t>(&'t self, sources: &[Source<'t>]) -> Result<Named<'t>, NoAlarm> {
        let mut named = Named::default();
        let mut places: BTreeMap<InstanceId, usize> = BTreeMap::new();
        // Only what is understood is asked for an instance: other services have an
        // `InstanceId` of another kind.
        let understood = sources.iter().enumerate().filter(|(_, s)| s.meaning.is_some());
        // The labels of a contributor are those of whatever it is made of.
        let parts = if self.contributor.is_some() { 1 } else { usize::MAX };
        for (at, source) in understood.take(parts) {
            let dimensions = match &self.contributor {
                Some(labels) => Cow::Owned([labels.as_slice(), &source.dimensions].concat()),
                None => source.dimensions.clone(),
            };
            match metric::whose(&dimensions) {
                _ if source.grouped && self.contributor.is_none() => {
                    named.others = Some(NotOurs::Fleet);
                }
                Whose::Instance(id) => {
                    let place = *places.entry(id.clone()).or_insert(named.instances.len());
                    if place == named.instances.len() {
                        named.instances.push(Instance { id, parts: Vec::new() });
                    }
                    let instance = named.instances.get_mut(place);
                    if let Some(instance) = instance {
                        instance.parts.push((at, dimensions));
                    }
                }
                Whose::NoId(found) => named.refused.push(NotOurs::NotAnInstance { found }),
                Whose::Group(group) => named.others = Some(NotOurs::GroupOnly { group }),
                Whose::Unlabelled if self.contributor.is_some() => {
                    named.others = Some(NotOurs::UnlabelledContributor);
                }
                Whose::Nobody if source.scope.is_some() && self.contributor.is_none() => {
                    named.others = Some(NotOurs::Aggregate);
                }
                Whose::Unlabelled | Whose::Nobody => named.others = Some(NotOurs::NoInstance),
            }
            if named.watched() > INSTANCES_PER_EVENT_MAX {
                return Err(Unreadable::too_many().into());
            }
        }
        if named.watched() == 0 {
            return Err(named.others.unwrap_or(NotOurs::NoInstance).into());
        }
        Ok(named)
    }
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
        let idle = of("cpu_usage_idle", "i-0123abcd");
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
            (
                vec![math("ANOMALY_DETECTION_BAND(m1, 2)"), a.clone()],
                "i-0123abcd 95 Unusual".to_owned(),
            ),
            (vec![math("100 / m1"), a.clone()], format!("i-0123abcd {turned}")),
            (vec![math("100 - m1"), a.clone()], "harmless-direction".to_owned()),
            (vec![math("100 - m1"), idle], "i-0123abcd 95".to_owned()),
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
        let unnamed = "i-0123abcd 95";
        for (metrics, expected) in [
            (vec![disk("/var")], "i-0123abcd /var 95"),
            (vec![math.clone(), disk("/var"), disk("/var")], "i-0123abcd /var 95"),
            (vec![math.clone(), disk("/var"), disk("/")], unnamed),
            (vec![math.clone(), disk("/var"), of("disk_used_percent", "i-0123abcd")], unnamed),
            (
                vec![math, disk("/"), disk("/snap/x/1")],
                "i-0123abcd unclear: the alarm mixes file systems of different kinds",
            ),
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
