//! What it takes to read an account's past: told before it is read.

use remedy::doctor::event::{Reading, read};
use remedy::ports::look_at_all::AlarmDefinition;
use remedy::ports::look_at_many::{
    AGENTS_MAX, GROUPS_MAX, INSTANCES_MAX, MEMBERSHIPS_MAX, SERIES_MAX, STATUSES_MAX,
};
use serde::Serialize;

use super::values::{POINTS_A_CALL, POINTS_A_SLOT, SLOTS_A_DAY, SLOTS_A_RING, slots};
use super::{ITEMS_A_PAGE, Wish, trail};
use crate::history::Item;
use crate::look_back::Page;

/// A thousand metrics of `GetMetricData`, and a thousand other requests to `CloudWatch` beyond
/// the first million of a month (Amazon `CloudWatch` pricing, N. Virginia, 2026-11). The other
/// calls cost nothing.
const DOLLARS_A_THOUSAND: f64 = 0.01;

/// A call to AWS takes some 200 ms.
const CALLS_A_SECOND: usize = 5;

/// `CloudTrail` answers two lookups a second (its API reference, `LookupEvents`).
const LOOKUPS_A_SECOND: usize = 2;

/// What reading will take, about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Changes of state.
    pub transitions: usize,
    /// Whether these are all; otherwise they are judged by how often the newest came.
    pub counted: bool,
    /// The alarms that there are.
    pub alarms: usize,
    /// Those of them that watch a whole fleet. Their contributors' changes come on top.
    pub fleets: usize,
    /// Calls, by what they are for.
    pub calls: Vec<(&'static str, usize)>,
    /// Metrics that are asked for, each in each span of time, which is what is paid for.
    pub metrics: usize,
    /// What that costs at most, in US dollars.
    pub dollars: f64,
    /// How long it takes.
    pub seconds: usize,
}

impl Estimate {
    pub(super) fn of(wish: &Wish, alarms: &[AlarmDefinition], newest: &Page<Item>) -> Self {
        let fleets = alarms.iter().filter(|it| is_fleet(it, wish)).count();
        let transitions = transitions(wish, newest);
        // Every second change is the end of what the one before it began.
        let rings = transitions.div_ceil(2);
        let days = usize::try_from(wish.days).unwrap_or_default();
        let metrics = rings * SLOTS_A_RING;
        let spans = slots(newest.found.iter().map(|item| item.timestamp), wish.now);
        let spans = scaled(spans, transitions, newest.found.len()).min(days * SLOTS_A_DAY);
        let named = rings.min(alarms.len()) + fleets * SERIES_MAX.min(rings);
        let groups = named.div_ceil(10);
        let calls = vec![
            ("the history of alarms", transitions.div_ceil(ITEMS_A_PAGE) + fleets),
            ("what was measured", spans + metrics * POINTS_A_SLOT / POINTS_A_CALL + fleets),
            (
                "instances, agents and groups as of today",
                named.div_ceil(INSTANCES_MAX)
                    + named.div_ceil(STATUSES_MAX)
                    + named.div_ceil(AGENTS_MAX)
                    + named.div_ceil(MEMBERSHIPS_MAX)
                    + groups.div_ceil(GROUPS_MAX)
                    + 5,
            ),
            ("what the groups did", groups * 2),
            ("what people did, from CloudTrail, two a second", trail::NAMES.len() * 3),
        ];
        let all: usize = calls.iter().map(|(_, calls)| calls).sum();
        let lookups = trail::NAMES.len() * 3;
        Self {
            transitions,
            counted: newest.next.is_none(),
            alarms: alarms.len(),
            fleets,
            calls,
            metrics,
            dollars: dollars(metrics + all),
            seconds: (all - lookups) / CALLS_A_SECOND + lookups / LOOKUPS_A_SECOND + 1,
        }
    }

    /// For people: a few lines.
    pub fn told(&self, wish: &Wish) -> String {
        let between = wish.between();
        let stamp = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let some = if self.counted { "" } else { "some " };
        let judged = if self.counted { "" } else { ", judged by the newest" };
        let fleets = match self.fleets {
            0 => String::new(),
            fleets => format!("; {fleets} of them watch fleets, whose members come on top"),
        };
        let calls = self.calls.iter().map(|(what, calls)| format!("{calls:>8}  {what}\n"));
        let all: usize = self.calls.iter().map(|(_, calls)| calls).sum();
        format!(
            "{} to {}, account {} in {}:\n{some}{} changes of state{judged}, of {} \
             alarms{fleets}.\nAbout {all} calls, none of which changes anything:\n{}They take \
             about {} and cost at most ${:.2} ({} metrics are read).\n",
            stamp(between.from),
            stamp(between.until),
            wish.account,
            wish.region,
            self.transitions,
            self.alarms,
            calls.collect::<String>(),
            match self.seconds {
                seconds @ 0..=90 => format!("{seconds} seconds"),
                seconds => format!("{} minutes", seconds.div_ceil(60)),
            },
            self.dollars,
            self.metrics,
        )
    }
}

/// In whole cents, and never less than it may be.
#[expect(clippy::cast_precision_loss, reason = "nobody reads as many metrics")]
pub(crate) fn dollars(priced: usize) -> f64 {
    (priced as f64 / 1_000.0 * DOLLARS_A_THOUSAND * 100.0).ceil() / 100.0
}

/// Whether the alarm rings for each of its series by itself.
pub(super) fn is_fleet(alarm: &AlarmDefinition, wish: &Wish) -> bool {
    matches!(read(alarm, wish.now), Reading::Fleet { .. })
}

/// All changes of the time, as far as the newest tell how often they come.
fn transitions(wish: &Wish, newest: &Page<Item>) -> usize {
    let oldest = newest.found.iter().map(|item| item.timestamp).min();
    let (Some(oldest), true) = (oldest, newest.next.is_some()) else {
        return newest.found.len();
    };
    let between = wish.between();
    let all = between.until.duration_since(between.from).as_secs().max(1);
    let seen = between.until.duration_since(oldest).as_secs().clamp(1, all);
    let whole = |seconds: i64| usize::try_from(seconds).unwrap_or(1);
    scaled(newest.found.len(), whole(all), whole(seen))
}

/// As many as `found` of `seen` are of `all`.
fn scaled(found: usize, all: usize, seen: usize) -> usize {
    found.saturating_mul(all).div_ceil(seen.max(1))
}
