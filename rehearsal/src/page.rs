//! A rehearsal as one page that needs nothing from anywhere else: the summary, everything on one
//! timeline, and what is worth a look by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::InstanceId;
use remedy::model::incident::Rung;

use crate::report::{Changed, Course, Line, Rehearsal, Step};
use crate::timeline::{Bar, Lane, Mark, Timeline, escaped};

/// Instances with a lane of their own in the picture of all.
const LANES_MAX: usize = 60;

/// Alarms that are drawn by themselves. The others are in the table, and in the JSON.
const DRAWN_MAX: usize = 150;

/// A drawing goes on for so long after what it shows.
const AROUND: SignedDuration = SignedDuration::from_mins(5);

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --line: #d7d3ca;
  --soft: #6d7480; --trouble: #e9a23b; --act: #c2442d; --cleanup: #4a8f5f; --people: #2f6db5;
  --held: #8d96a5; --stage: #dfe6ef; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --paper: #14171c; --line: #353b45;
  --soft: #9aa2ae; --trouble: #b97a1c; --act: #e8694f; --cleanup: #5fae78; --people: #6aa5e8;
  --held: #59616e; --stage: #29323f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1120px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { margin-top: 2.5rem; } h3 { margin-bottom: .2rem; }
.soft { color: var(--soft); } code { font: 12px/1.45 ui-monospace, monospace; }
h2 code, h3 code { font-size: .8em; }
table { border-collapse: collapse; width: 100%; font-size: 13px; } td, th { text-align: left;
  border-bottom: 1px solid var(--line); padding: .15rem .6rem .15rem 0; vertical-align: top; }
article { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font-size: 11px; }
.trouble { fill: var(--trouble); } .stage { fill: var(--stage); stroke: var(--line); }
.act { stroke: var(--act); stroke-width: 3; } .cleanup { stroke: var(--cleanup); stroke-width: 3; }
.people { stroke: var(--people); stroke-width: 3; } .held { stroke: var(--held); stroke-width: 2; }
.grid { stroke: var(--line); }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
";

/// The page. `with` has a setting and what it changes, for each that was tried.
pub fn page(rehearsal: &Rehearsal, with: &[(String, Vec<Changed>)]) -> String {
    let Rehearsal { from, until, taken_at, transitions, asked, .. } = rehearsal;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Remedy: a rehearsal</title><style>{STYLE}</style></head><body>\n\
         <h1>Remedy: a rehearsal</h1><p class=\"soft\">What it would have done about the alarms \
         of account {} in {} from {} to {}. {transitions} changes of state; the past was asked \
         {asked} times, and nothing was written anywhere. Facts of today were read {}.</p>\n",
        escaped(&rehearsal.account),
        escaped(&rehearsal.region),
        stamp(*from),
        stamp(*until),
        stamp(*taken_at),
    );
    summary(&mut page, rehearsal);
    for (setting, changed) in with {
        differences(&mut page, setting, changed);
    }
    if !rehearsal.lines.is_empty() {
        page.push_str("<h2>All of it</h2>\n");
        key(&mut page);
        of_all(rehearsal).draw(&mut page);
    }
    worth_a_look(&mut page, &rehearsal.lines);
    every_alarm(&mut page, &rehearsal.lines);
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, rehearsal: &Rehearsal) {
    page.push_str("<h2>Summary</h2>\n<table><tr><th>the first answer</th><th>alarms</th></tr>");
    for (what, count) in &rehearsal.counts {
        let _ = write!(page, "<tr><td>{}</td><td>{count}</td></tr>", escaped(what));
    }
    for (why, count) in &rehearsal.not_ours {
        let why = escaped(why);
        let _ = write!(page, "<tr><td class=\"soft\">not ours: {why}</td><td>{count}</td></tr>");
    }
    page.push_str(
        "</table>\n<p class=\"soft\">Every fact is of one of three kinds: known of \
                   then, taken as of today, or unknowable. What hangs on an unknowable one is \
                   played both ways: as if what Remedy does had helped, and as if not.</p>\n",
    );
    if rehearsal.missing.is_empty() {
        return;
    }
    page.push_str("<h3>What could not be read</h3><ul>");
    for missing in &rehearsal.missing {
        let (what, why) = (escaped(&missing.what), escaped(&missing.why));
        let _ = write!(page, "<li>{what}: {why}</li>");
    }
    page.push_str("</ul>\n");
}

fn differences(page: &mut String, setting: &str, changed: &[Changed]) {
    let (setting, count) = (escaped(setting), changed.len());
    let _ = writeln!(page, "<h2>With <code>{setting}</code>: {count} alarms go otherwise</h2>");
    if changed.is_empty() {
        return;
    }
    page.push_str(
        "<table><tr><th>when</th><th>instance</th><th>as it is</th><th>with it</th></tr>",
    );
    for one in changed {
        let _ = write!(
            page,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            stamp(one.at),
            one.instance,
            escaped(&one.as_it_is.join(" | ")),
            escaped(&one.with_it.join(" | ")),
        );
    }
    page.push_str("</table>\n");
}

fn key(page: &mut String) {
    page.push_str("<p class=\"key\">");
    for (paint, what) in [
        ("trouble", "the alarm rings"),
        ("cleanup", "a cleanup or a growth"),
        ("act", "a reboot or a replacement"),
        ("held", "held, waiting or watching"),
        ("people", "what was done then"),
    ] {
        let _ = write!(page, "<span style=\"background: var(--{paint})\"></span>{what}");
    }
    page.push_str("</p>\n");
}

fn worth_a_look(page: &mut String, lines: &[Line]) {
    let disrupts =
        |step: &Step| step.outcome == "acted" && step.rung.is_some_and(Rung::is_disruptive);
    let worth = |line: &&Line| {
        let mut steps = line.courses.iter().flat_map(|course| &course.steps);
        line.courses.len() > 1 || !line.people.is_empty() || steps.any(disrupts)
    };
    let all: Vec<&Line> = lines.iter().filter(worth).collect();
    let _ = writeln!(
        page,
        "<h2>Worth a look</h2><p class=\"soft\">{} alarms for which more would have been done \
         than a cleanup, which go two ways, or about which people did something; the first {} of \
         them. Point at anything to see what it is.</p>",
        all.len(),
        all.len().min(DRAWN_MAX),
    );
    for line in all.into_iter().take(DRAWN_MAX) {
        article(page, line);
    }
}

fn article(page: &mut String, line: &Line) {
    let _ = writeln!(
        page,
        "<article><h3>{} <code>{}</code></h3><p>{} {}: {}. {}</p>",
        line.symptom,
        line.instance,
        stamp(line.at),
        escaped(&line.alarm),
        escaped(&line.measured),
        how_it_ended(line),
    );
    of_one(line).draw(page);
    for course in &line.courses {
        let assumes = course.assumes.unwrap_or("whatever is assumed");
        let _ = write!(page, "<details><summary>{assumes}: {}</summary><ul>", words(course));
        for step in &course.steps {
            let (at, text) = (step.at.strftime("%H:%M:%S"), escaped(&step.text));
            let codes = step.because.join(", ");
            let _ = write!(page, "<li>{at} {}: {text} <code>{codes}</code></li>", step.words());
        }
        page.push_str("</ul></details>\n");
    }
    let facts = [
        ("known of then", &line.then),
        ("as of today", &line.today),
        ("unknowable", &line.unknowable),
    ];
    page.push_str("<p class=\"soft\">");
    for (how, what) in facts.into_iter().filter(|(_, what)| !what.is_empty()) {
        let what: Vec<&str> = what.iter().copied().collect();
        let _ = write!(page, "<b>{how}</b>: {}. ", what.join(", "));
    }
    page.push_str("</p></article>\n");
}

/// What a course came to, step by step.
fn words(course: &Course) -> String {
    let mut words: Vec<String> = course.steps.iter().map(Step::words).collect();
    words.dedup();
    escaped(&words.join(", "))
}

/// That people did something, or that it ended by itself.
fn how_it_ended(line: &Line) -> String {
    let after = line.ended_at.map(|at| at.duration_since(line.at).as_mins());
    let done: Vec<String> = line
        .people
        .iter()
        .map(|act| {
            let after = act.at.duration_since(line.at).as_mins();
            let refused = if act.refused.is_some() { ", which AWS refused" } else { "" };
            format!("{} called {} after {after} min{refused}", escaped(&act.by), escaped(&act.call))
        })
        .collect();
    match (after, done.is_empty()) {
        (None, true) => "Nothing is known to have been done, and it did not end.".to_owned(),
        (Some(after), true) => format!("It ended by itself after {after} min."),
        (None, false) => format!("{}; it did not end.", done.join("; ")),
        (Some(after), false) => format!("{}; it ended after {after} min.", done.join("; ")),
    }
}

fn every_alarm(page: &mut String, lines: &[Line]) {
    page.push_str(
        "<h2>Every alarm</h2>\n<table><tr><th>when</th><th>alarm</th><th>instance</th>\
         <th>what would have been done</th><th>what was</th></tr>",
    );
    for line in lines {
        let courses: Vec<String> = line
            .courses
            .iter()
            .map(|course| match course.assumes {
                Some(assumes) => format!("<i>{assumes}</i>: {}", words(course)),
                None => words(course),
            })
            .collect();
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            stamp(line.at),
            escaped(&line.alarm),
            line.instance,
            courses.join("<br>"),
            how_it_ended(line),
        );
    }
    page.push_str("</table>\n");
}

/// Everything, a lane for each instance.
fn of_all(rehearsal: &Rehearsal) -> Timeline {
    let mut lanes: BTreeMap<&InstanceId, Lane> = BTreeMap::new();
    for line in &rehearsal.lines {
        let lane = lanes.entry(&line.instance).or_default();
        line.instance.as_str().clone_into(&mut lane.name);
        lane.bars.push(rings(line, line.ended_at.unwrap_or(rehearsal.until)));
        lane.marks.extend(line.courses.first().into_iter().flat_map(marks));
        lane.marks.extend(people(line));
    }
    let mut lanes: Vec<Lane> = lanes.into_values().collect();
    // Those with most going on come first; of as many their names decide.
    lanes.sort_by_key(|lane| (usize::MAX - lane.marks.len(), lane.name.clone()));
    lanes.truncate(LANES_MAX);
    Timeline { from: rehearsal.from, until: rehearsal.until, lanes }
}

/// One alarm: what was, and each way in which it would have gone.
fn of_one(line: &Line) -> Timeline {
    let last = line.courses.iter().filter_map(|course| Some(course.steps.last()?.at)).max();
    let ended = line.ended_at.unwrap_or(line.at);
    let until = last.unwrap_or(line.at).max(ended) + AROUND;
    let bars = vec![rings(line, line.ended_at.unwrap_or(until).min(until))];
    let mut lanes = vec![Lane { name: "then".to_owned(), bars, marks: people(line).collect() }];
    for course in &line.courses {
        let name = course.assumes.unwrap_or("with Remedy").to_owned();
        lanes.push(Lane { name, bars: stages(course, until), marks: marks(course).collect() });
    }
    Timeline { from: line.at - AROUND, until, lanes }
}

/// The alarm rings.
fn rings(line: &Line, until: Timestamp) -> Bar {
    Bar { from: line.at, until, paint: "trouble", what: line.alarm.clone() }
}

/// What would have been done, and when.
fn marks(course: &Course) -> impl Iterator<Item = Mark> {
    course.steps.iter().map(|step| {
        let disrupts = step.rung.is_some_and(Rung::is_disruptive);
        let acts = step.outcome == "acted" && step.words() != "watched";
        let paint = match (acts, disrupts) {
            (true, true) => "act",
            (true, false) => "cleanup",
            (false, _) => "held",
        };
        Mark { at: step.at, paint, what: format!("{}: {}", step.words(), step.text) }
    })
}

/// What was done then.
fn people(line: &Line) -> impl Iterator<Item = Mark> {
    line.people.iter().map(|act| {
        let what = format!("{} by {}", act.call, act.by);
        Mark { at: act.at, paint: "people", what }
    })
}

/// A bar from each step to the next.
fn stages(course: &Course, until: Timestamp) -> Vec<Bar> {
    let ends = course.steps.iter().skip(1).map(|step| step.at).chain([until]);
    let spans = course.steps.iter().zip(ends);
    let stage = |(step, until): (&Step, Timestamp)| Bar {
        from: step.at,
        until,
        paint: "stage",
        what: step.words(),
    };
    spans.map(stage).collect()
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
