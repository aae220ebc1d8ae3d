//! What the follow-up looks at: for each stage of an incident, the one thing
//! that tells how it goes.

use futures_util::future;
use jiff::{SignedDuration, Timestamp};

use crate::model::alarm::AlarmState;
use crate::model::ids::CommandId;
use crate::model::incident::{Incident, Rung, Stage};
use crate::model::reason::Reason;
use crate::model::seen::Seen;
use crate::model::series::{Series, Statistic};
use crate::model::unknown::{CallFailed, Unknown};
use crate::observe::facts::{Fact, Facts};
use crate::ports::look::{AlarmSettings, Command, Datapoint, Look, Modification, Snapshot, Volume};

/// What there is to see about an incident in its stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// How the command to the host goes.
    Command {
        /// The command, if one is known.
        command_id: Option<CommandId>,
        /// Its state; `None` while there is none to see.
        command: Fact<Option<Command>>,
    },
    /// Whether the symptom is still there.
    Symptom(SymptomState),
    /// How the volume that is to grow is.
    Volume {
        /// The volumes of the instance.
        volumes: Fact<Vec<Volume>>,
        /// The last modification of the one that is to grow.
        modification: Fact<Option<Modification>>,
    },
    /// Whether the volume that is to grow has its snapshot.
    Snapshot {
        /// The volumes of the instance.
        volumes: Fact<Vec<Volume>>,
        /// Its snapshot; `None` while there is none to see.
        snapshot: Fact<Option<Snapshot>>,
    },
    /// How the instance and its group are.
    Instance(Box<Facts>),
}

impl Probe {
    /// Whether nothing shows if the symptom is there.
    pub fn shows_nothing(&self) -> bool {
        match self {
            Self::Symptom(SymptomState::Unobserved { .. } | SymptomState::Unknown(_)) => true,
            Self::Symptom(
                SymptomState::Cleared { .. }
                | SymptomState::Present { .. }
                | SymptomState::Conflicting { .. },
            )
            | Self::Command { .. }
            | Self::Volume { .. }
            | Self::Snapshot { .. }
            | Self::Instance(_) => false,
        }
    }
}

/// Whether the symptom is still there, by the instance's own metric and the
/// alarm's state together.
#[derive(Clone, Debug, PartialEq)]
pub enum SymptomState {
    /// The newest period is within bounds, and the alarm does not object.
    Cleared {
        /// What is measured now, if anything is.
        now: Option<String>,
        /// Since when its metric has been within bounds, where that was measured.
        quiet: Option<Quiet>,
    },
    /// It is not.
    Present {
        /// What shows it.
        what: String,
        /// How bad it is, in percent, where the newest datapoint tells that.
        level: Option<f64>,
    },
    /// Nobody could be asked.
    Unknown(Unknown),
    /// Nothing shows it either way.
    Unobserved {
        /// Why not.
        why: String,
        /// Whether the alarm at least is still in ALARM, or cannot be asked about
        /// this instance alone.
        alarm_stands: bool,
    },
    /// The metric and the alarm disagree: an alarm may ask for several periods
    /// before it is in ALARM, or before it is OK again.
    Conflicting {
        /// What shows it.
        what: String,
    },
}

/// Datapoints that are all within bounds, without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The first of them.
    pub since: Timestamp,
    /// The newest.
    pub until: Timestamp,
}

impl Quiet {
    /// For how long they show it.
    pub fn lasts(self) -> SignedDuration {
        self.until.duration_since(self.since)
    }
}

/// Who else can say whether an instance is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Whether the host itself can be asked.
    pub host_speaks: bool,
    /// How long ago something was done last that only a newer datapoint can judge; `None`
    /// while nothing was done, and the alarm's own datapoint is the measurement.
    pub acted: Option<SignedDuration>,
    /// How far the metric may lag behind: see [`lag`].
    pub lags: SignedDuration,
}

impl SymptomState {
    /// What keeps a disruption from being based on it, if anything does.
    ///
    /// After an act, that no datapoint is newer is no news, and not bad news: where the
    /// host can speak it is doubt, and where it cannot, the alarm's own word counts only
    /// once the metric has had the time it may lag behind.
    pub fn doubt(&self, witness: Witness) -> Option<Reason> {
        match self {
            Self::Unobserved { why, alarm_stands: true }
                if witness.acted.is_some_and(|ago| witness.host_speaks || ago < witness.lags) =>
            {
                Some(Reason::Unverified { why: why.clone() })
            }
            Self::Unknown(unknown) => Some(Reason::FactUnknown(unknown.clone())),
            Self::Unobserved { why, alarm_stands: false } => {
                Some(Reason::Unverified { why: format!("{why}, and the alarm is OK") })
            }
            Self::Conflicting { what } => Some(Reason::Unverified { why: what.clone() }),
            Self::Cleared { .. }
            | Self::Present { .. }
            | Self::Unobserved { alarm_stands: true, .. } => None,
        }
    }
}

/// After a rung the metric may lag this far behind: a 5-minute period, and the
/// delay of its datapoint.
pub const METRIC_LAGS: SignedDuration = SignedDuration::from_mins(10);

/// After a rung the metric of an alarm may lag this far behind: its datapoints may come as
/// seldom as its period is long, and the next one only just have been missed.
pub fn lag(seen: &Seen) -> SignedDuration {
    METRIC_LAGS.max(period(seen) * 2)
}

/// Whether the metric of an alarm may come so seldom that for most of the time nothing is new.
pub fn is_slow(seen: &Seen) -> bool {
    period(seen) >= NEWS_MAX
}

fn period(seen: &Seen) -> SignedDuration {
    let seconds = seen.series.as_ref().map_or(0, |series| series.period);
    SignedDuration::from_secs(seconds.into())
}

/// A datapoint older than this says nothing about now. The slowest metric
/// comes every 5 minutes and may be some minutes late.
const NEWS_MAX: SignedDuration = SignedDuration::from_mins(15);

/// AWS's clock may be so far behind ours: what was sent at once may bear an earlier time.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// What was seen of a symptom, and what the owner of its alarm has set.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Whether the symptom is there.
    pub state: SymptomState,
    /// The alarm; `None` if there is none.
    pub alarm: Fact<Option<AlarmSettings>>,
}

/// Looks at what tells how `incident` goes, and at its alarm where that is a part of it.
pub async fn look(
    incident: &Incident,
    look: &impl Look,
    now: Timestamp,
) -> (Probe, Option<Fact<Option<AlarmSettings>>>) {
    if looks_at_symptom(incident) {
        let Observed { state, alarm } = symptom_state(incident, look, now).await;
        return (Probe::Symptom(state), Some(alarm));
    }
    (look_elsewhere(incident, look, now).await, None)
}

/// Whether the symptom itself tells how `incident` goes. What a host answered is not read
/// twice, however long a guard holds the next rung back.
fn looks_at_symptom(incident: &Incident) -> bool {
    match incident.stage {
        Stage::Waiting => true,
        Stage::Gathering => incident.is_answered(),
        Stage::Surveying => incident.is_surveyed(),
        Stage::Watching => incident.rung() != Some(Rung::Replace),
        Stage::Cleaning
        | Stage::Snapshotting
        | Stage::Growing
        | Stage::Extending
        | Stage::Draining
        | Stage::Rebooting
        | Stage::Returning
        | Stage::Replacing
        | Stage::Resolved
        | Stage::HandedOver
        | Stage::Expired
        | Stage::Withdrawn => false,
    }
}

async fn look_elsewhere(incident: &Incident, look: &impl Look, now: Timestamp) -> Probe {
    let replacing = incident.rung() == Some(Rung::Replace);
    match incident.stage {
        Stage::Cleaning | Stage::Surveying | Stage::Extending | Stage::Gathering => {
            command(incident, look).await
        }
        Stage::Snapshotting => snapshot(incident, look).await,
        Stage::Growing => volume(incident, look).await,
        Stage::Waiting
        | Stage::Watching
        | Stage::Draining
        | Stage::Rebooting
        | Stage::Returning
        | Stage::Replacing
        | Stage::Resolved
        | Stage::HandedOver
        | Stage::Expired
        | Stage::Withdrawn => {
            let mut facts = Facts::read(look, &incident.instance_id, now).await;
            // What keeps it in Standby, if it is late.
            let late = incident.in_stage_for(now) >= incident.stage.deadline();
            if replacing || (incident.stage == Stage::Returning && late) {
                facts.read_group_named(look, incident.group.as_ref()).await;
            }
            Probe::Instance(Box::new(facts))
        }
    }
}

async fn volume(incident: &Incident, look: &impl Look) -> Probe {
    let modification = async {
        match incident.growth() {
            Some(growth) => look.modification(&growth.volume).await.into(),
            None => Fact::Known(None),
        }
    };
    let (volumes, modification) =
        future::join(look.volumes(&incident.instance_id), modification).await;
    Probe::Volume { volumes: volumes.into(), modification }
}

async fn snapshot(incident: &Incident, look: &impl Look) -> Probe {
    let snapshot = async {
        match incident.growth() {
            Some(growth) => {
                look.snapshot(&growth.volume, &growth.description(&incident.id)).await.into()
            }
            None => Fact::Known(None),
        }
    };
    let (volumes, snapshot) = future::join(look.volumes(&incident.instance_id), snapshot).await;
    Probe::Snapshot { volumes: volumes.into(), snapshot }
}

async fn command(incident: &Incident, look: &impl Look) -> Probe {
    let instance = &incident.instance_id;
    let known = match (incident.stage, incident.asks(), &incident.survey) {
        (Stage::Surveying, _, Some(survey)) => survey.question.command_id.clone(),
        (_, Some(gathering), _) => gathering.command_id.clone(),
        _ => incident.attempts.last().and_then(|attempt| attempt.command_id.clone()),
    };
    // Between the call and its record the function may have died: then the
    // command is found by its comment, among those since the incident began.
    let since = incident.opened_at - CLOCKS_DIFFER;
    let command_id = match known {
        Some(id) => Some(id),
        None => match look.command_of(&incident.comment(), instance, since).await {
            Ok(found) => found,
            Err(failed) => {
                let command = Fact::Unknown(failed.into());
                return Probe::Command { command_id: None, command };
            }
        },
    };
    let command = match &command_id {
        Some(id) => look.command(id, instance).await.into(),
        None => Fact::Known(None),
    };
    Probe::Command { command_id, command }
}

/// Whether the symptom of `incident` is still there.
pub async fn symptom_state(incident: &Incident, look: &impl Look, now: Timestamp) -> Observed {
    // Only what came after the last attempt can show what it did: in Standby a
    // host has no load. And that it stays so takes more than one datapoint.
    let since = match (incident.quiet_since, incident.stage, incident.attempts.last()) {
        (Some(quiet_since), ..) => quiet_since,
        (None, Stage::Watching, _) => incident.stage_since,
        (None, _, Some(last)) => last.acted_at(),
        // Nothing was done yet: what showed when it was opened shows still.
        (None, _, None) => period_begins(&incident.seen).min(incident.opened_at),
    };
    symptom_state_since(since, &incident.seen, look, now).await
}

/// An alarm changes its state some minutes after the period it is about.
const EVALUATED_WITHIN: SignedDuration = SignedDuration::from_mins(3);

/// When the period began that the alarm is about. As long as nothing was done it counts whole.
pub fn period_begins(seen: &Seen) -> Timestamp {
    seen.changed_at.checked_sub(period(seen) + EVALUATED_WITHIN).unwrap_or(seen.changed_at)
}

/// Whether what an alarm has seen is still there, by datapoints after `since`:
/// reads the instance's own metric and the alarm's state, at once.
pub async fn symptom_state_since(
    since: Timestamp,
    seen: &Seen,
    look: &impl Look,
    now: Timestamp,
) -> Observed {
    let Some(series) = &seen.series else {
        let why = "a request names no metric".to_owned();
        let state = SymptomState::Unobserved { why, alarm_stands: true };
        return Observed { state, alarm: Fact::Known(None) };
    };
    let (datapoints, alarm) =
        future::join(look.datapoints(series, since, now), look.alarm(&seen.alarm)).await;
    let datapoints = datapoints.map(|datapoints| while_news(datapoints, now));
    // A fleet's alarm is in ALARM for any of its instances.
    let of_the_instance = match &alarm {
        Ok(Some(alarm)) if series.exact => Ok(alarm.state),
        Err(failed) if series.exact => Err(failed.clone()),
        Ok(_) | Err(_) => Ok(None),
    };
    Observed { state: judge(seen, datapoints, of_the_instance), alarm: alarm.into() }
}

/// The datapoints, if the newest is young enough to say something about now.
fn while_news(datapoints: Vec<Datapoint>, now: Timestamp) -> Vec<Datapoint> {
    let is_news = |newest: &Datapoint| newest.at >= now - NEWS_MAX;
    if datapoints.last().is_some_and(is_news) { datapoints } else { Vec::new() }
}

/// What the alarm would make of each of `minutes`, the newest first: of as many as its period
/// is long. A spike of one minute is not what an alarm on a mean waits for.
fn judged<'a>(
    series: &'a Series,
    minutes: &'a [Datapoint],
) -> impl Iterator<Item = (Timestamp, f64)> + 'a {
    let period = SignedDuration::from_secs(series.period.into());
    (1..=minutes.len()).rev().map_while(move |count| {
        let minutes = minutes.get(..count)?;
        let newest = minutes.last()?.at;
        let in_period = |minute: &&Datapoint| newest.duration_since(minute.at) < period;
        // A sum over less than the period is not the alarm's.
        let whole = minutes.first().is_some_and(|oldest| {
            newest.duration_since(oldest.at) + SignedDuration::from_mins(1) >= period
        });
        if series.statistic == Statistic::Sum && !whole {
            return None;
        }
        let of_period = minutes.iter().rev().take_while(in_period).map(|minute| minute.value);
        let of_period: Vec<f64> = of_period.collect();
        Some((newest, series.statistic.over(&of_period)?))
    })
}

/// What has been measured lately tells the level of now, however long the alarm's period is.
const LATELY: SignedDuration = SignedDuration::from_mins(5);

/// The mean of the newest of `minutes`: of as many as tell the level of now, and of no more
/// than the alarm's period.
fn lately(seen: &Seen, minutes: &[Datapoint]) -> Option<f64> {
    let newest = minutes.last()?.at;
    let span = period(seen).min(LATELY);
    let values = minutes.iter().rev();
    let values = values.take_while(|minute| newest.duration_since(minute.at) < span);
    Statistic::Average.over(&values.map(|minute| minute.value).collect::<Vec<_>>())
}

/// How long the newest of `minutes` have been within bounds without a break: nothing else was
/// measured, and not for long nothing at all: for no longer than the metric `lags`.
fn quiet(
    series: &Series,
    minutes: &[Datapoint],
    lags: SignedDuration,
    beyond: impl Fn(f64) -> bool,
) -> Option<Quiet> {
    let mut quiet: Option<Quiet> = None;
    for (at, value) in judged(series, minutes) {
        let until = quiet.map_or(at, |quiet| quiet.until);
        let gap = quiet.is_some_and(|quiet| quiet.since.duration_since(at) > lags);
        if beyond(value) || gap {
            break;
        }
        quiet = Some(Quiet { since: at, until });
    }
    quiet
}

fn judge(
    seen: &Seen,
    datapoints: Result<Vec<Datapoint>, CallFailed>,
    alarm: Result<Option<AlarmState>, CallFailed>,
) -> SymptomState {
    let (datapoints, alarm) = match (datapoints, alarm) {
        (Err(failed), _) | (_, Err(failed)) => return SymptomState::Unknown(failed.into()),
        (Ok(datapoints), Ok(alarm)) => (datapoints, alarm),
    };
    let series = seen.series.as_ref();
    let newest = series.and_then(|series| judged(series, &datapoints).next());
    let last = datapoints.last().map(|last| last.value);
    let last = last.zip(lately(seen, &datapoints));
    let (Some((_, newest)), Some((last, lately))) = (newest, last) else {
        let why = format!("{} has no new datapoint", seen.metric);
        return SymptomState::Unobserved { why, alarm_stands: alarm != Some(AlarmState::Ok) };
    };
    // Without a unit the threshold is an expression's, and not the metric's.
    let bounds = series.zip(seen.threshold).zip(seen.unit);
    let bounds = bounds.map(|((series, threshold), unit)| {
        let beyond = move |value| series.bad.beyond(value, threshold) && !unit.is_well_at(value);
        (beyond(newest), quiet(series, &datapoints, lag(seen), beyond))
    });
    let (beyond, quiet) = bounds.map_or((None, None), |(beyond, quiet)| (Some(beyond), quiet));
    match (beyond, alarm) {
        (Some(true), _) => {
            let value = seen.measure(newest);
            let threshold = seen.measure(seen.threshold.unwrap_or_default());
            let what = format!("{} is {value}, the threshold {threshold}", seen.metric);
            match alarm {
                Some(AlarmState::Ok) => {
                    SymptomState::Conflicting { what: format!("{what}, but the alarm is OK") }
                }
                _ => {
                    SymptomState::Present { what, level: seen.level_measured(newest, last, lately) }
                }
            }
        }
        (Some(false), Some(AlarmState::Alarm)) => {
            let value = seen.measure(newest);
            let threshold = seen.measure(seen.threshold.unwrap_or_default());
            let what = format!(
                "{} is back at {value}, the alarm (threshold {threshold}) is still in ALARM",
                seen.metric
            );
            SymptomState::Conflicting { what }
        }
        (None, Some(AlarmState::Alarm)) => SymptomState::Present {
            what: "the alarm is still in ALARM".to_owned(),
            level: seen.level_measured(newest, last, lately),
        },
        (Some(false), _) | (None, Some(AlarmState::Ok)) => SymptomState::Cleared {
            now: Some(format!("{} is {}", seen.metric, seen.measure(newest))),
            quiet,
        },
        (None, None) => {
            let why = "the alarm told no threshold of the metric".to_owned();
            SymptomState::Unobserved { why, alarm_stands: true }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::series::{Bad, Unit};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// An alarm above 90 %.
    fn seen(statistic: Statistic, period: u32) -> Seen {
        Seen {
            alarm: "cpu".to_owned(),
            metric: "AWS/EC2 CPUUtilization".to_owned(),
            unit: Some(Unit::Percent),
            mount: None,
            value: Some(97.0),
            threshold: Some(90.0),
            hint: None,
            limit: None,
            changed_at: NOW,
            reason: String::new(),
            region: None,
            watched: 1,
            ask: None,
            series: Some(Series {
                namespace: "AWS/EC2".to_owned(),
                name: "CPUUtilization".to_owned(),
                dimensions: [].into(),
                exact: true,
                bad: Bad::Up,
                unit: None,
                statistic,
                period,
                scope: None,
            }),
        }
    }

    /// One value a minute, the newest last.
    fn minutes(values: &[f64]) -> Vec<Datapoint> {
        let at = |minute| NOW + SignedDuration::from_mins(minute);
        (0..)
            .zip(values)
            .map(|(minute, value)| Datapoint { at: at(minute), value: *value })
            .collect()
    }

    fn call_failed() -> CallFailed {
        CallFailed { call: "cloudwatch:GetMetricData", why: "x".to_owned() }
    }

    #[test]
    fn what_was_measured_long_ago_tells_nothing_of_now() {
        let measured = |ago| vec![Datapoint { at: NOW - ago, value: 99.0 }];
        let second = SignedDuration::from_secs(1);
        assert_eq!(while_news(measured(NEWS_MAX), NOW), measured(NEWS_MAX));
        assert_eq!(while_news(measured(NEWS_MAX + second), NOW), []);
    }

    #[test]
    fn a_symptom_is_judged_by_what_the_alarm_makes_of_its_period() {
        use Statistic::{Average, Extended, Maximum, Minimum, Sum};
        let p95 = Extended("p95".to_owned());
        for (statistic, period, values, there) in [
            (Average, 60, &[10.0, 99.0][..], true),
            (Average, 300, &[60.0, 60.0, 60.0, 60.0, 99.0], false),
            (Average, 300, &[0.0, 95.0, 95.0, 95.0, 95.0, 95.0], true),
            (Average, 300, &[99.0], true),
            (Maximum, 300, &[99.0, 60.0, 60.0, 60.0, 60.0], true),
            (Maximum, 300, &[99.0, 60.0, 60.0, 60.0, 60.0, 60.0], false),
            (Minimum, 300, &[99.0, 99.0, 60.0, 99.0, 99.0], false),
            (Sum, 300, &[30.0, 30.0, 30.0, 30.0], false),
            (Sum, 300, &[30.0, 30.0, 30.0, 30.0, 0.0], true),
            (p95, 300, &[60.0, 60.0, 60.0, 60.0, 99.0], false),
        ] {
            let symptom_state =
                judge(&seen(statistic.clone(), period), Ok(minutes(values)), Ok(None));
            let found = matches!(symptom_state, SymptomState::Present { .. });
            assert_eq!(found, there, "{statistic:?} of {period} s: {values:?}: {symptom_state:?}");
        }
    }

    #[test]
    fn the_worst_minute_of_a_period_is_no_level_of_now_and_a_sum_is_none() {
        use Statistic::{Average, Extended, Maximum, Minimum, Sum};
        let level = |statistic, bad, values: &[f64]| {
            let mut seen = seen(statistic, 300);
            let series = seen.series.as_mut().unwrap();
            (series.bad, series.unit) = (bad, Some(Unit::Percent));
            seen.threshold = Some(if bad == Bad::Up { 1.0 } else { 99.0 });
            match judge(&seen, Ok(minutes(values)), Ok(None)) {
                SymptomState::Present { level, .. } => level,
                other => panic!("{other:?}"),
            }
        };
        let spike = [99.0, 40.0, 40.0, 40.0, 40.0];
        assert_eq!(level(Maximum, Bad::Up, &spike), Some(40.0), "it is over");
        assert_eq!(level(Average, Bad::Up, &spike), Some(51.8));
        assert_eq!(level(Minimum, Bad::Up, &spike), Some(40.0));
        let dip = [1.0, 60.0, 60.0, 60.0, 60.0];
        assert_eq!(level(Minimum, Bad::Down, &dip), Some(40.0), "it is over");
        assert_eq!(level(Maximum, Bad::Down, &dip), Some(40.0));
        for sum in [Sum, Extended("ts90".to_owned()), Extended("TS(80%:)".to_owned())] {
            assert_eq!(level(sum, Bad::Up, &spike), None);
        }
        assert_eq!(level(Extended("p95".to_owned()), Bad::Up, &[96.0; 5]), Some(96.0));
    }

    /// An hour that was bad for the most part is none if its end is not.
    #[test]
    fn a_mean_over_a_long_period_is_no_level_of_now() {
        use Statistic::{Average, Extended};
        for statistic in [Average, Extended("p95".to_owned())] {
            let mut hour = vec![99.0; 55];
            let level = |values: &[f64]| match judge(
                &seen(statistic.clone(), 3600),
                Ok(minutes(values)),
                Ok(None),
            ) {
                SymptomState::Present { level, .. } => level,
                other => panic!("{other:?}"),
            };
            assert_eq!(level(&hour), Some(99.0));
            hour.extend([20.0; 5]);
            assert_eq!(level(&hour), Some(20.0), "{statistic:?}: it is over");
        }
        // Nor is one that is bad at its end as bad as that.
        let mut hour = vec![92.0; 55];
        hour.extend([99.0; 5]);
        let state = judge(&seen(Average, 3600), Ok(minutes(&hour)), Ok(None));
        let SymptomState::Present { level: Some(level), .. } = state else { panic!("{state:?}") };
        assert!((92.0..93.0).contains(&level), "{level}");
    }

    #[test]
    fn a_metric_lags_behind_by_two_of_its_periods() {
        let lags = |period| lag(&seen(Statistic::Average, period)).as_mins();
        assert_eq!([60, 300, 900, 3600].map(lags), [10, 10, 30, 120]);
    }

    #[test]
    fn as_long_as_nothing_was_done_the_alarms_own_period_counts() {
        let begins = |period| NOW.duration_since(period_begins(&seen(Statistic::Average, period)));
        assert_eq!(begins(60), SignedDuration::from_mins(4));
        assert_eq!(begins(300), SignedDuration::from_mins(8));
    }

    #[test]
    fn the_metric_and_the_alarm_are_heard_together() {
        let seen = seen(Statistic::Average, 60);
        let judged = |values: &[f64], alarm| match judge(&seen, Ok(minutes(values)), Ok(alarm)) {
            SymptomState::Cleared { now, .. } => format!("gone: {}", now.unwrap_or_default()),
            SymptomState::Present { what, .. } => format!("there: {what}"),
            SymptomState::Unknown(unknown) => format!("unknown: {unknown}"),
            SymptomState::Unobserved { why, alarm_stands } => {
                format!("unobserved, {alarm_stands}: {why}")
            }
            SymptomState::Conflicting { what } => format!("disputed: {what}"),
        };
        let (alarm, ok) = (Some(AlarmState::Alarm), Some(AlarmState::Ok));
        let beyond = "AWS/EC2 CPUUtilization is 99.0 %, the threshold 90.0 %";
        assert_eq!(judged(&[99.0], alarm), format!("there: {beyond}"));
        assert_eq!(judged(&[99.0], None), format!("there: {beyond}"));
        assert_eq!(judged(&[99.0], ok), format!("disputed: {beyond}, but the alarm is OK"));
        let still = "AWS/EC2 CPUUtilization is back at 20.0 %, the alarm (threshold 90.0 %) is \
                     still in ALARM";
        assert_eq!(judged(&[20.0], alarm), format!("disputed: {still}"));
        let gone = "gone: AWS/EC2 CPUUtilization is 20.0 %";
        assert_eq!(judged(&[20.0], None), gone);
        assert_eq!(judged(&[20.0], ok), gone);
        let nothing = "AWS/EC2 CPUUtilization has no new datapoint";
        assert_eq!(judged(&[], alarm), format!("unobserved, true: {nothing}"));
        assert_eq!(judged(&[], ok), format!("unobserved, false: {nothing}"));
        let of_expression = Seen { unit: None, ..seen.clone() };
        let what = "the alarm is still in ALARM".to_owned();
        let still = SymptomState::Present { what, level: None };
        assert_eq!(judge(&of_expression, Ok(minutes(&[20.0])), Ok(alarm)), still);
        let mut of_band = of_expression.clone();
        of_band.series.as_mut().unwrap().unit = Some(Unit::Percent);
        let level = |state| match state {
            SymptomState::Present { level, .. } => level,
            _ => None,
        };
        let judged = judge(&of_band, Ok(minutes(&[88.0])), Ok(alarm));
        assert_eq!(level(judged), Some(88.0), "the metric has its level under a band, too");
        let now = Some("AWS/EC2 CPUUtilization is 99.0".to_owned());
        let judged = judge(&of_expression, Ok(minutes(&[99.0])), Ok(ok));
        assert_eq!(judged, SymptomState::Cleared { now, quiet: None });
        for (datapoints, alarm) in
            [(Err(call_failed()), Ok(ok)), (Ok(minutes(&[20.0])), Err(call_failed()))]
        {
            assert_eq!(
                judge(&seen, datapoints, alarm),
                SymptomState::Unknown(call_failed().into())
            );
        }
    }
}
