//! What a rehearsal says: a line for each alarm of the past, what would have been done, how each
//! fact is known, and what people did.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::{Rung, Stage};
use remedy::model::policy::Policy;
use remedy::model::reason::Reason;
use remedy::report::outcome::Report;
use serde::Serialize;
use serde_json::Value;

use crate::history::{Act, History, Item, Known, Missing};
use crate::play::{CameTo, Played, play};
use crate::then::Assume;

/// The version of this form.
const VERSION: u8 = 1;

/// What people did so long after an alarm ended was for it still.
const AFTER_THE_END: SignedDuration = SignedDuration::from_mins(5);

/// What people did so long after the begin of an alarm that never ended was for it.
const NEVER_ENDED: SignedDuration = SignedDuration::from_hours(3);

/// A rehearsal of a history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rehearsal {
    /// The version of this form.
    pub version: u8,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// When what is only known of today was read.
    pub taken_at: Timestamp,
    /// Changes of state in the history.
    pub transitions: usize,
    /// How often each came of an alarm, in the order of how often.
    pub counts: Vec<(String, usize)>,
    /// The alarms, oldest first.
    pub lines: Vec<Line>,
    /// What was no alarm for Remedy, and how often.
    pub not_ours: BTreeMap<String, usize>,
    /// What could not be read, and why.
    pub missing: Vec<Missing>,
    /// How often the world of then was asked.
    pub asked: u64,
    /// Writes to the account.
    pub writes: u64,
}

/// What would have been done about one alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// When it rang.
    pub at: Timestamp,
    /// The alarm.
    pub alarm: String,
    /// The instance.
    pub instance: InstanceId,
    /// The symptom.
    pub symptom: Symptom,
    /// What was measured.
    pub measured: String,
    /// What would have come of it: one way, or two if it hangs on what nobody can know.
    pub courses: Vec<Course>,
    /// The facts that are known of then.
    pub then: BTreeSet<&'static str>,
    /// The facts that are taken as of today.
    pub today: BTreeSet<&'static str>,
    /// The facts that no history holds.
    pub unknowable: BTreeSet<&'static str>,
    /// When the alarm ended.
    pub ended_at: Option<Timestamp>,
    /// What was done to the instance meanwhile.
    pub people: Vec<Act>,
}

/// A way in which it would have gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// What is assumed; nothing if it goes this way whatever is.
    pub assumes: Option<&'static str>,
    /// The incident it would have opened, met or been refused as.
    pub incident_id: IncidentId,
    /// Every step, the first being the answer to the alarm.
    pub steps: Vec<Step>,
    /// Where its incident stood in the end, if there was one.
    pub ended: Option<Stage>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Its outcome.
    pub outcome: &'static str,
    /// The rung.
    pub rung: Option<Rung>,
    /// The stage that the incident came to.
    pub stage: Option<Stage>,
    /// Whether a person has it then.
    pub handed_over: bool,
    /// The reasons' codes.
    pub because: Vec<&'static str>,
    /// The first reason, for people.
    pub text: String,
}

impl Step {
    fn of(report: &Report) -> Self {
        Self {
            at: report.at,
            outcome: report.outcome.name(),
            rung: report.rung,
            stage: report.stage,
            handed_over: report.handed_over,
            because: report.codes(),
            text: report.because.first().map(Reason::to_string).unwrap_or_default(),
        }
    }

    /// What it came to, in a few words.
    pub fn words(&self) -> String {
        let rung = self.rung.map_or("nothing", Rung::name);
        match (self.outcome, self.stage) {
            ("acted", Some(Stage::Gathering)) => format!("the host is asked before a {rung}"),
            ("acted", Some(Stage::Surveying)) => "the host is asked about its disk".to_owned(),
            ("acted", Some(Stage::Watching)) => "watched".to_owned(),
            ("acted", _) => rung.to_owned(),
            ("resolved", _) => "resolved".to_owned(),
            _ if self.handed_over => "handed over".to_owned(),
            (_, Some(Stage::Waiting)) => format!("waits before a {rung}"),
            _ => format!("held: {}", self.because.first().copied().unwrap_or("no reason")),
        }
    }
}

impl Course {
    /// The answer to the alarm.
    pub fn first(&self) -> Option<&Step> {
        self.steps.first()
    }

    /// What decides whether two courses are one: what is done and why, and not when.
    fn is_as(&self, other: &Self) -> bool {
        let same = |(one, other): (&Step, &Step)| {
            (one.outcome, one.rung, one.stage, one.handed_over, &one.because)
                == (other.outcome, other.rung, other.stage, other.handed_over, &other.because)
        };
        self.steps.len() == other.steps.len()
            && self.steps.iter().zip(&other.steps).all(same)
            && self.ended == other.ended
    }
}

/// Rehearses a history under a policy. `progress` is told how much is done, of how much.
pub fn rehearse(
    history: &History,
    policy: &Policy,
    mut progress: impl FnMut(usize, usize),
) -> Rehearsal {
    let all = history.items.len();
    let ways = Assume::BOTH.map(|assume| {
        let before = if assume == Assume::Helps { 0 } else { all };
        (assume, play(history, policy, assume, |done| progress(before + done, 2 * all)))
    });
    let [(_, helps), (_, helps_not)] = &ways;
    let mut lines = Vec::new();
    let mut not_ours: BTreeMap<String, usize> = BTreeMap::new();
    for (place, answered) in helps.answered.iter().enumerate() {
        let Some(item) = history.items.get(answered.item) else { continue };
        let reports = match &answered.came_to {
            CameTo::Reports(reports) => reports,
            CameTo::NotOurs(why) | CameTo::Failed(why) => {
                *not_ours.entry(why.clone()).or_default() += 1;
                continue;
            }
            CameTo::NoEvent(why) => {
                *not_ours.entry((*why).to_owned()).or_default() += 1;
                continue;
            }
        };
        if !rings(item) {
            continue;
        }
        for (number, report) in reports.iter().enumerate() {
            let other = helps_not.answered.get(place).and_then(|it| match &it.came_to {
                CameTo::Reports(reports) => reports.get(number),
                CameTo::NotOurs(_) | CameTo::Failed(_) | CameTo::NoEvent(_) => None,
            });
            let mut facts = answered.noted.clone();
            for played in [helps, helps_not] {
                for (what, known) in played.noted.get(&report.instance_id).into_iter().flatten() {
                    let kept = facts.entry(what).or_insert(*known);
                    *kept = (*kept).max(*known);
                }
            }
            let courses = courses((report, helps), other.map(|other| (other, helps_not)));
            lines.push(line(history, item, report, courses, &facts));
        }
    }
    Rehearsal {
        version: VERSION,
        account: history.account.clone(),
        region: history.region.clone(),
        from: history.from,
        until: history.until,
        taken_at: history.taken_at,
        transitions: history.items.len(),
        counts: counts(&lines),
        lines,
        not_ours,
        missing: history.missing.clone(),
        asked: helps.calls + helps_not.calls,
        writes: 0,
    }
}

/// Whether the item is about an alarm that begins to ring.
fn rings(item: &Item) -> bool {
    state(item).as_deref() == Some("ALARM")
}

fn state(item: &Item) -> Option<String> {
    let data: Value = serde_json::from_str(&item.history_data).ok()?;
    Some(data.pointer("/newState/stateValue")?.as_str()?.to_owned())
}

fn course(report: &Report, played: &Played) -> Course {
    let id = &report.incident_id;
    let mut steps = vec![Step::of(report)];
    // Whoever only met an incident of another alarm has no part in how it goes on.
    if report.opened.is_some() || report.stage.is_some() {
        steps.extend(played.reported.get(id).into_iter().flatten().map(Step::of));
    }
    let ended = played.incidents.get(id).map(|incident| incident.stage);
    Course { assumes: None, incident_id: id.clone(), steps, ended }
}

fn courses((report, played): (&Report, &Played), other: Option<(&Report, &Played)>) -> Vec<Course> {
    let one = course(report, played);
    let Some(other) = other.map(|(report, played)| course(report, played)) else {
        return vec![one];
    };
    if one.is_as(&other) {
        return vec![one];
    }
    vec![
        Course { assumes: Some(Assume::Helps.words()), ..one },
        Course { assumes: Some(Assume::HelpsNot.words()), ..other },
    ]
}

fn line(
    history: &History,
    item: &Item,
    report: &Report,
    courses: Vec<Course>,
    facts: &BTreeMap<&'static str, Known>,
) -> Line {
    let known = |how: Known| -> BTreeSet<&'static str> {
        facts.iter().filter(|(_, known)| **known == how).map(|(what, _)| *what).collect()
    };
    let ended_at = ended_at(history, item);
    let until = ended_at.map_or(item.timestamp + NEVER_ENDED, |at| at + AFTER_THE_END);
    let meanwhile = |act: &&Act| {
        act.instances.contains(&report.instance_id) && (item.timestamp..=until).contains(&act.at)
    };
    let seen = &report.seen;
    Line {
        at: item.timestamp,
        alarm: item.alarm_name.clone(),
        instance: report.instance_id.clone(),
        symptom: report.symptom,
        measured: match seen.value {
            Some(value) => format!("{} {}", seen.metric, seen.measure(value)),
            None => seen.metric.clone(),
        },
        courses,
        then: known(Known::Then),
        today: known(Known::Today),
        unknowable: known(Known::Unknowable),
        ended_at,
        people: history.acts.iter().filter(meanwhile).cloned().collect(),
    }
}

/// When the alarm, or its contributor, rang no more.
fn ended_at(history: &History, item: &Item) -> Option<Timestamp> {
    let later = history.items.iter().filter(|other| {
        other.timestamp > item.timestamp
            && other.alarm_name == item.alarm_name
            && other.history_item_type == item.history_item_type
            && other.alarm_contributor_id == item.alarm_contributor_id
    });
    later.into_iter().find(|other| !rings(other)).map(|other| other.timestamp)
}

fn counts(lines: &[Line]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for step in lines.iter().filter_map(|line| line.courses.first()?.first()) {
        *counts.entry(step.words()).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|(one, n), (other, m)| (m, one).cmp(&(n, other)));
    counts
}

/// What a setting changes about one alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    /// When it rang.
    pub at: Timestamp,
    /// The alarm.
    pub alarm: String,
    /// The instance.
    pub instance: InstanceId,
    /// What comes of it as it is.
    pub as_it_is: Vec<String>,
    /// What would come of it with the setting.
    pub with_it: Vec<String>,
}

/// What differs between a rehearsal and the same with another setting.
pub fn differences(as_it_is: &Rehearsal, with_it: &Rehearsal) -> Vec<Changed> {
    let words = |line: &Line| -> Vec<String> {
        let course = |course: &Course| {
            let steps: Vec<String> = course.steps.iter().map(Step::words).collect();
            let steps = steps.join(", ");
            course.assumes.map_or(steps.clone(), |assumes| format!("{assumes}: {steps}"))
        };
        line.courses.iter().map(course).collect()
    };
    let pairs = as_it_is.lines.iter().zip(&with_it.lines);
    let changed = pairs.filter_map(|(before, after)| {
        let (one, other) = (words(before), words(after));
        (one != other).then(|| Changed {
            at: before.at,
            alarm: before.alarm.clone(),
            instance: before.instance.clone(),
            as_it_is: one,
            with_it: other,
        })
    });
    changed.collect()
}

impl Rehearsal {
    /// As JSON, the same bytes for the same history.
    pub fn json(&self) -> String {
        // Its keys are texts: it cannot fail to be JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
