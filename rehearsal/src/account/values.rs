//! What was measured around each alarm, in as few calls as spans of time allow: all series of a
//! span are asked for together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use remedy::model::series::Series;
use remedy::ports::look::Datapoint;
use remedy::ports::look_at_all::Window;

use super::rings::Asked;
use crate::history::Values;

/// How far before an alarm its metric is read: as far as anything that decides looks back.
const BEFORE: SignedDuration = SignedDuration::from_hours(3);

/// How far after it: an incident takes three hours at most, and its metric is watched for a while.
const AFTER: SignedDuration = SignedDuration::from_hours(4);

/// All series are asked for together in spans of so many seconds, which begin with the hour.
const SLOT: i64 = 3 * 60 * 60;

/// So many spans a day has.
pub(super) const SLOTS_A_DAY: usize = 8;

/// An alarm touches so many spans at most.
pub(super) const SLOTS_A_RING: usize = 4;

/// Values of one series in one span, one a minute.
pub(super) const POINTS_A_SLOT: usize = 180;

/// Values that one call answers with at most (`CloudWatch` API reference, `GetMetricData`).
pub(super) const POINTS_A_CALL: usize = 100_800;

/// `CloudWatch` keeps values of one minute for so long, and of five minutes for longer than
/// anybody rehearses (its API reference, `GetMetricData`: "retains metric data as follows").
pub(super) const FINE_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);

const FINE: u32 = 60;
const COARSE: u32 = 300;

/// The spans of time that alarms at these times touch.
fn slots_of(at: Timestamp, now: Timestamp) -> std::ops::RangeInclusive<i64> {
    let slot = |at: Timestamp| at.as_second().div_euclid(SLOT);
    slot(at - BEFORE)..=slot((at + AFTER).min(now))
}

/// How many spans of time alarms at these times touch together.
pub(super) fn slots(rang: impl Iterator<Item = Timestamp>, now: Timestamp) -> usize {
    rang.flat_map(|at| slots_of(at, now)).collect::<BTreeSet<_>>().len()
}

/// The spans of time in which something is asked for, and what.
pub(super) fn spans(asked: &Asked, now: Timestamp) -> Vec<(Window, Vec<&Series>)> {
    let mut slots: BTreeMap<i64, BTreeMap<&str, &Series>> = BTreeMap::new();
    for (key, (series, rang)) in asked {
        for at in rang {
            for slot in slots_of(*at, now) {
                slots.entry(slot).or_default().insert(key, series);
            }
        }
    }
    let spans = slots.into_iter().filter_map(|(slot, series)| {
        let since = Timestamp::from_second(slot * SLOT).ok()?;
        let until = Timestamp::from_second((slot + 1) * SLOT).ok()?.min(now);
        let period = if since < now - FINE_FOR { COARSE } else { FINE };
        let window = Window { since, until, period };
        (since < until).then(|| (window, series.into_values().collect()))
    });
    spans.collect()
}

/// What was measured of each series, the values of each period by themselves.
#[derive(Debug, Default)]
pub(super) struct Measured(BTreeMap<(String, u32), (Series, BTreeMap<Timestamp, f64>)>);

impl Measured {
    pub(super) fn take(
        &mut self,
        key: String,
        series: &Series,
        period: u32,
        values: Vec<Datapoint>,
    ) {
        let entry = self.0.entry((key, period));
        let (_, kept) = entry.or_insert_with(|| (series.clone(), BTreeMap::new()));
        kept.extend(values.into_iter().map(|value| (value.at, value.value)));
    }

    /// The values of one series, in order.
    pub(super) fn of(&self, key: &str) -> BTreeMap<Timestamp, f64> {
        let own = self.0.iter().filter(|((of, _), _)| of == key);
        own.flat_map(|(_, (_, values))| values.clone()).collect()
    }

    /// Whether some of the values are those of five minutes.
    pub(super) fn has_coarse(&self) -> bool {
        self.0.iter().any(|((_, period), (_, values))| *period == COARSE && !values.is_empty())
    }

    pub(super) fn into_values(self) -> Vec<Values> {
        let told = self.0.into_iter().filter(|(_, (_, values))| !values.is_empty());
        let values = told.map(|((_, period), (series, values))| Values {
            namespace: series.namespace,
            name: series.name,
            dimensions: series.dimensions,
            every: every(values.keys(), period),
            values: values.into_iter().collect(),
        });
        values.collect()
    }
}

/// How often values come, in seconds: a metric of five minutes has none in between.
fn every<'a>(times: impl Iterator<Item = &'a Timestamp> + Clone, period: u32) -> u32 {
    let gaps = times.clone().zip(times.skip(1));
    let gaps: BTreeSet<i64> = gaps.map(|(one, next)| next.duration_since(*one).as_secs()).collect();
    let smallest = gaps.first().and_then(|gap| u32::try_from(*gap).ok());
    smallest.unwrap_or(period).max(period)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::account::rings::{key, series_of};
    use remedy::model::ids::InstanceId;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn asked(times: &[&str]) -> Asked {
        let series = series_of("StatusCheckFailed_System", &InstanceId::new("i-0123abcd").unwrap());
        let rang: BTreeSet<Timestamp> = times.iter().map(|time| at(time)).collect();
        Asked::from([(key(&series), (series, rang))])
    }

    fn told(times: &[&str], now: &str) -> Vec<String> {
        let asked = asked(times);
        let spans = spans(&asked, at(now));
        let told = spans.iter().map(|(window, series)| {
            let Window { since, until, period } = window;
            format!("{since} {until} every {period} s: {}", series.len())
        });
        told.collect()
    }

    #[test]
    fn an_alarm_is_read_in_the_spans_around_it_and_two_alarms_share_them() {
        let one = told(&["2026-11-20T03:12:45Z"], "2026-11-21T00:00:00Z");
        assert_eq!(
            one,
            [
                "2026-11-20T00:00:00Z 2026-11-20T03:00:00Z every 60 s: 1",
                "2026-11-20T03:00:00Z 2026-11-20T06:00:00Z every 60 s: 1",
                "2026-11-20T06:00:00Z 2026-11-20T09:00:00Z every 60 s: 1",
            ]
        );
        let both = told(&["2026-11-20T03:12:45Z", "2026-11-20T04:50:00Z"], "2026-11-21T00:00:00Z");
        assert_eq!(both, one);
    }

    #[test]
    fn nothing_is_asked_of_the_future_and_old_values_come_every_five_minutes() {
        assert_eq!(
            told(&["2026-11-20T03:12:45Z"], "2026-11-20T04:30:00Z"),
            [
                "2026-11-20T00:00:00Z 2026-11-20T03:00:00Z every 60 s: 1",
                "2026-11-20T03:00:00Z 2026-11-20T04:30:00Z every 60 s: 1",
            ]
        );
        let old = told(&["2026-11-01T04:00:00Z"], "2026-11-16T04:00:00Z");
        let periods: Vec<bool> = old.iter().map(|span| span.contains("every 300 s")).collect();
        assert_eq!(periods, [true, true, false], "{old:?}");
    }

    #[test]
    fn a_metric_tells_by_its_values_how_often_it_comes() {
        let times = |minutes: &[i64]| -> Vec<Timestamp> {
            minutes.iter().map(|it| Timestamp::from_second(it * 60).unwrap()).collect()
        };
        assert_eq!(every(times(&[0, 5, 10, 20]).iter(), FINE), 300);
        assert_eq!(every(times(&[0, 7, 8]).iter(), FINE), 60);
        assert_eq!(every(times(&[3]).iter(), COARSE), 300);
        assert_eq!(every(times(&[0, 5]).iter(), COARSE), 300);
    }
}
