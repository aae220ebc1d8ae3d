//! The drill's report as a page: the summary, and timelines of incidents worth a
//! look. It needs nothing from anywhere else.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use rehearsal::timeline::{Bar, Lane, Mark, Timeline, escaped};
use remedy::model::incident::Stage;

use super::chronicle::{Chronicle, Entry, Mood};
use super::episode;
use super::past::Past;
use super::plot::Plot;
use super::run::{Plan, Ran};
use crate::calls::{Nature, Verb};

/// A timeline begins so long before its incident, and ends so long after it.
const AROUND: SignedDuration = SignedDuration::from_mins(4);

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --line: #d7d3ca;
  --soft: #6d7480;
  --well: #bcd9c4; --trouble: #e9a23b; --down: #8d96a5; --out: #9cb8dd; --gone: #4b515c;
  --act: #c2442d; --tell: #2f6db5; --bad: #b9b1d6; --stage: #dfe6ef; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --paper: #14171c; --line: #353b45;
  --soft: #9aa2ae; --well: #2e5a3c; --trouble: #b97a1c; --down: #59616e; --out: #365d8f;
  --gone: #0b0d10; --act: #e8694f; --tell: #6aa5e8; --bad: #584f7d; --stage: #29323f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { margin-top: 2.5rem; } h3 { margin-bottom: .2rem; }
.soft { color: var(--soft); } code, pre { font: 12px/1.45 ui-monospace, monospace; }
.summary { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr));
  gap: 0 2rem; }
table { border-collapse: collapse; width: 100%; } td { border-bottom: 1px solid var(--line);
  padding: .1rem 0; } td + td { text-align: right; font-variant-numeric: tabular-nums; }
article { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font-size: 11px; }
.Well { fill: var(--well); } .InTrouble { fill: var(--trouble); } .Down { fill: var(--down); }
.OutOfService { fill: var(--out); } .Gone { fill: var(--gone); } .stage { fill: var(--stage);
  stroke: var(--line); } .line { fill: var(--bad); } .act { stroke: var(--act); stroke-width: 3; }
.tell { stroke: var(--tell); stroke-width: 3; } .grid { stroke: var(--line); }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
pre { overflow: auto; max-height: 30rem; background: color-mix(in srgb, var(--ink) 5%, transparent);
  padding: .7rem; } .broken { color: var(--act); font-weight: 600; }
";

/// The page.
pub(super) fn page(plan: &Plan, ran: &Ran, story: Option<&str>) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Remedy: a drill with seed {seed}</title><style>{STYLE}</style></head><body>\n\
         <h1>Remedy: a drill</h1><p class=\"soft\">Seed {seed}. Again, to the same end: \
         <code>cargo run --release -- drill --incidents {incidents} --seed {seed}</code></p>\n",
        seed = plan.seed,
        incidents = plan.incidents,
    );
    match story {
        None => page.push_str("<p>Every promise held, after every step.</p>\n"),
        Some(story) => {
            let story = escaped(story);
            let _ = writeln!(
                page,
                "<p class=\"broken\">A promise does not hold.</p><pre>{story}</pre>"
            );
        }
    }
    summary(&mut page, ran);
    page.push_str(
        "<h2>Incidents worth a look</h2>\n<p class=\"soft\">Of each kind those with the \
         most going on around them. Point at anything to see what it is.</p>\n<p class=\"key\">",
    );
    for mood in [Mood::Well, Mood::InTrouble, Mood::Down, Mood::OutOfService, Mood::Gone] {
        let _ = write!(
            page,
            "<span style=\"background: var(--{})\"></span>{}",
            paint(mood),
            mood.name()
        );
    }
    page.push_str(
        "<span style=\"background: var(--act)\"></span>an instance is touched\
         <span style=\"background: var(--tell)\"></span>people are told\
         <span style=\"background: var(--bad)\"></span>what goes on around it</p>\n",
    );
    for (kind, all) in ran.highlights.kinds() {
        let _ = writeln!(page, "<h3>{}</h3>", escaped(kind));
        for past in all {
            article(&mut page, plan, past);
        }
    }
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, ran: &Ran) {
    page.push_str("<h2>Summary</h2>\n<div class=\"summary\">\n");
    for (title, rows) in ran.tally.chapters() {
        let _ = write!(page, "<section><h3>{title}</h3><table>");
        for (name, figure) in rows {
            let _ = write!(page, "<tr><td>{}</td><td>{figure}</td></tr>", escaped(&name));
        }
        page.push_str("</table></section>\n");
    }
    page.push_str("</div>\n");
}

fn paint(mood: Mood) -> &'static str {
    match mood {
        Mood::Well => "well",
        Mood::InTrouble => "trouble",
        Mood::Down => "down",
        Mood::OutOfService => "out",
        Mood::Gone => "gone",
    }
}

/// One incident, played again to be told.
fn article(page: &mut String, plan: &Plan, past: &Past) {
    let plot = plan.plot(past.episode);
    let (_, chronicle) = episode::tell(&plot);
    let took = past.ended_at.duration_since(past.opened_at).as_mins();
    let _ = writeln!(
        page,
        "<article><p><code>{}</code> on <code>{}</code>, {took} minutes, episode {}</p>",
        past.id, past.instance, past.episode
    );
    timeline(past, &plot, &chronicle).draw(page);
    let told: String = excerpt(past, chronicle).told();
    let _ = writeln!(
        page,
        "<details><summary>Every call about it</summary><pre>{}</pre></details></article>",
        escaped(&told)
    );
}

/// What happened in the incident, to its instance.
fn excerpt(past: &Past, mut chronicle: Chronicle) -> Chronicle {
    let within = past.opened_at - AROUND..past.ended_at + AROUND;
    chronicle.entries.retain(|(at, entry)| {
        let about = match entry {
            Entry::World(_) => true,
            Entry::Report(report) => report.instance_id == past.instance,
            Entry::Function(what) => what.contains(past.instance.as_str()),
            Entry::Call(call) => {
                call.about.contains(past.instance.as_str()) || call.about == past.id.as_str()
            }
        };
        about && within.contains(at)
    });
    chronicle
}

/// The incident: its host, its stages, and what goes on around it.
fn timeline(past: &Past, plot: &Plot, chronicle: &Chronicle) -> Timeline {
    let (from, until) = (past.opened_at - AROUND, past.ended_at + AROUND);
    let moods = chronicle.moods.get(&past.instance).map(Vec::as_slice).unwrap_or_default();
    let moods = spans(moods, until, |mood| (class(*mood), mood.name().to_owned()));
    let stages = chronicle.stages.get(&past.id).map(Vec::as_slice).unwrap_or_default();
    let stages: Vec<(Timestamp, Stage)> = stages.to_vec();
    let stages = spans(&stages, until, |stage| ("stage", crate::stage(*stage).to_owned()));
    let lane = |name: &str, bars, marks| Lane { name: name.to_owned(), bars, marks };
    let mut lanes = vec![
        lane("the host", moods, Vec::new()),
        lane("the incident", stages, marks(past, chronicle)),
    ];
    let zero = Timestamp::from_second(episode::BEGINS).unwrap_or_default();
    let around = plot.under_way(from.duration_since(zero), until.duration_since(zero));
    for (at, over, what) in around {
        let (from, until, told) = (zero + at, zero + over, what.to_string());
        let bar = Bar { from, until, paint: "line", what: told };
        lanes.push(lane(what.kind(), vec![bar], Vec::new()));
    }
    Timeline { from, until, lanes }
}

/// The class of a mood in the page's style.
fn class(mood: Mood) -> &'static str {
    match mood {
        Mood::Well => "Well",
        Mood::InTrouble => "InTrouble",
        Mood::Down => "Down",
        Mood::OutOfService => "OutOfService",
        Mood::Gone => "Gone",
    }
}

/// What lasts until the next: a bar for each.
fn spans<T>(
    changes: &[(Timestamp, T)],
    until: Timestamp,
    told: impl Fn(&T) -> (&'static str, String),
) -> Vec<Bar> {
    let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([until]);
    let bars = changes.iter().zip(ends).map(|((from, what), until)| {
        let (paint, what) = told(what);
        Bar { from: *from, until, paint, what }
    });
    bars.collect()
}

/// What was done to the instance, and what people heard of the incident.
fn marks(past: &Past, chronicle: &Chronicle) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (at, entry) in &chronicle.entries {
        let Entry::Call(call) = entry else { continue };
        let ours = call.about.contains(past.instance.as_str());
        let within = (past.opened_at..=past.ended_at).contains(at);
        if !ours || !within {
            continue;
        }
        let paint = match (call.verb.nature(), call.verb) {
            (Nature::Touch, _) => "act",
            (_, Verb::Tell) => "tell",
            _ => continue,
        };
        let what = if paint == "tell" { &call.about } else { call.verb.name() };
        marks.push(Mark { at: *at, paint, what: format!("{what}: {}", call.answer) });
    }
    marks
}
