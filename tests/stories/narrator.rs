//! Tells what happens in the region, in the order a person would want to know.

use std::fmt::Write;

use jiff::Timestamp;
use remedy::model::ids::GroupName;
use remedy::model::incident::Stage;
use remedy::ports::tell::Notification;
use remedy::report::outcome::Report;
use remedy::respond::{Answer, RespondError};
use world::calls::{Call, Nature, Verb};
use world::drive::{FollowUp, Function};
use world::{Region, stage};

/// No line of the telling is longer.
const COLUMNS_MAX: usize = 100;

/// Room for the longest call's name.
const CALL_COLUMNS: usize = 41;

/// Tells one story.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    text: String,
}

impl Narrator {
    /// A telling with a title and what it is about.
    pub(super) fn new(title: &str, about: &str) -> Self {
        let mut narrator = Self::default();
        narrator.line(0, title);
        narrator.line(0, &"=".repeat(title.chars().count()));
        narrator.wrapped(0, "", about);
        narrator
    }

    /// The telling.
    pub(super) fn told(self) -> String {
        self.text
    }

    /// Something happens in the world.
    pub(super) fn happens(&mut self, at: Timestamp, what: &str) {
        self.text.push('\n');
        let stamp = format!("{}  ", at.strftime("%H:%M:%S"));
        self.wrapped(0, &stamp, what);
    }

    /// Who is in a group now.
    pub(super) fn group(&mut self, region: &Region, name: &GroupName) {
        let Some(group) = region.group(name) else { return };
        self.happens(region.now(), &format!("group {name}, {} wanted:", group.desired));
        for (id, member) in &group.members {
            let health = if member.healthy { "healthy" } else { "unhealthy" };
            let state = region.host(id).map(|host| host.instance.state.to_string());
            let state = state.unwrap_or_else(|| "gone".to_owned());
            let lifecycle = member.lifecycle.name();
            self.line(10, &format!("{id:<20} {lifecycle:<16} {health:<10} {state}"));
        }
    }

    /// A function is invoked with `event`. Gives whether it answered, and the
    /// answer as JSON.
    pub(super) fn invocation(
        &mut self,
        region: &Region,
        function: &Function,
        event: &str,
    ) -> Option<String> {
        self.happens(region.now(), &format!("the {} function is invoked", function.symptom));
        let before = region.calls().len();
        let topic_before = region.topic().len();
        let answer = function.run(region, event);
        let calls = region.calls().split_off(before);
        let notifications = region.topic().split_off(topic_before);
        match answer {
            Ok(answer) => {
                self.answer(&answer, &calls, &notifications);
                serde_json::to_string_pretty(&answer).ok()
            }
            Err(error) => {
                self.facts_and_writes(&calls);
                self.error(&error);
                None
            }
        }
    }

    /// A function is invoked with `event`, told in short.
    pub(super) fn brief(&mut self, region: &Region, function: &Function, event: &str) {
        self.happens(region.now(), &format!("the {} function is invoked", function.symptom));
        match function.run(region, event) {
            Ok(answer) => {
                for report in &answer.reports {
                    self.reasons(report);
                }
                for ignored in &answer.ignored {
                    self.wrapped(10, "- ", &format!("{} ({})", ignored.reason, ignored.code));
                }
            }
            Err(error) => self.error(&error),
        }
    }

    /// The heartbeat comes. Tells what an operator would see of it: how an
    /// incident moves on, why, and what people are told. Gives the stages that
    /// incidents came to.
    pub(super) fn beat(&mut self, region: &Region, follow_up: &FollowUp) -> Vec<Stage> {
        let book = region.book();
        let told_before = region.topic().len();
        let Ok(beat) = follow_up.run(region) else { return Vec::new() };
        let mut stages = Vec::new();
        for report in &beat.reports {
            let was = book.latest(&report.instance_id).map(|incident| incident.stage);
            let (Some(was), Some(is)) = (was, report.stage) else { continue };
            let what = format!("the follow-up: from {} to {}", stage(was), stage(is));
            self.happens(region.now(), &what);
            self.reasons(report);
            stages.push(is);
        }
        for notification in region.topic().iter().skip(told_before) {
            self.line(10, &format!("> {}", notification.subject));
        }
        stages
    }

    fn reasons(&mut self, report: &Report) {
        for reason in &report.because {
            self.wrapped(10, "- ", &format!("{reason} ({})", reason.code()));
        }
    }

    /// Some text as it is, under a heading.
    pub(super) fn verbatim(&mut self, heading: &str, text: &str) {
        self.text.push('\n');
        self.line(0, heading);
        for line in text.lines() {
            self.line(0, line);
        }
    }

    fn error(&mut self, error: &RespondError) {
        self.heading("error");
        self.wrapped(12, "", &error.to_string());
        self.wrapped(12, "", "Lambda tries again, and then keeps the event for a person.");
    }

    fn answer(&mut self, answer: &Answer, calls: &[Call], notifications: &[Notification]) {
        let mut chapters = chapters(calls).into_iter();
        let mut notifications = notifications.iter();
        for (i, report) in answer.reports.iter().enumerate() {
            if i > 0 {
                self.text.push('\n');
            }
            let calls = chapters.next().unwrap_or_default();
            self.alarm(report);
            self.calls("facts", &calls, |verb| verb.nature() == Nature::Look);
            self.decision(report);
            self.calls("claim", &calls, |verb| verb == Verb::Open);
            self.calls("action", &calls, |verb| verb.nature() == Nature::Touch);
            self.calls("record", &calls, |verb| verb == Verb::Record);
            if report.told {
                if let Some(notification) = notifications.next() {
                    self.notification(notification);
                }
            } else {
                self.heading("notification");
                self.line(12, "none, this is only logged");
            }
        }
        for ignored in &answer.ignored {
            self.heading("ignored");
            self.wrapped(12, "", &format!("{} ({})", ignored.reason, ignored.code));
        }
        if answer.reports.is_empty() && answer.ignored.is_empty() {
            self.heading("ignored");
            self.line(12, "the event holds no alarm");
        }
    }

    fn alarm(&mut self, report: &Report) {
        let seen = &report.seen;
        self.heading("alarm");
        let mut what = format!(
            "{:?}: {} on {}, since {}",
            seen.alarm,
            report.symptom,
            report.instance_id,
            seen.changed_at.strftime("%Y-%m-%d %H:%M:%S")
        );
        if let Some(value) = seen.value {
            let _ = write!(what, ", {} is {value:.1}", seen.metric);
        }
        if let Some(threshold) = seen.threshold {
            let _ = write!(what, " (threshold {threshold:.1})");
        }
        self.wrapped(12, "", &what);
    }

    fn decision(&mut self, report: &Report) {
        self.heading("decision");
        let rung = report.rung.map_or("no rung", remedy::model::incident::Rung::name);
        self.line(12, &format!("{}: {rung}", report.outcome.name()));
        for reason in &report.because {
            self.wrapped(12, "- ", &format!("{reason} ({})", reason.code()));
        }
    }

    fn notification(&mut self, notification: &Notification) {
        self.heading("notification");
        self.line(12, &format!("Subject: {}", notification.subject));
        self.line(12, "|");
        for line in notification.text.lines().filter(|line| !line.is_empty()) {
            // A page's address is longer than a line.
            if let Some((page, _address)) = line.split_once("https://") {
                self.line(12, &format!("| {page}https://..."));
                continue;
            }
            // A list item hangs under its dash.
            let words = line.trim_start_matches([' ', '-']);
            let (indent, words) = line.split_at(line.len() - words.len());
            self.wrapped(12, &format!("| {indent}"), words);
        }
    }

    fn facts_and_writes(&mut self, calls: &[Call]) {
        self.calls("facts", calls, |verb| verb.nature() == Nature::Look);
        self.calls("claim", calls, |verb| verb == Verb::Open);
        self.calls("action", calls, |verb| verb.nature() == Nature::Touch);
    }

    fn calls(&mut self, heading: &str, calls: &[Call], which: impl Fn(Verb) -> bool) {
        let mut chosen = calls.iter().filter(|call| which(call.verb)).peekable();
        if chosen.peek().is_some() {
            self.heading(heading);
        }
        for call in chosen {
            let name = format!("{:<CALL_COLUMNS$}", call.verb.name());
            self.wrapped(12, &name, &call.answer);
        }
    }

    fn heading(&mut self, heading: &str) {
        self.line(10, heading);
    }

    fn line(&mut self, indent: usize, line: &str) {
        let line = format!("{}{line}", " ".repeat(indent));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Writes `text` word by word, `label` before its first line and as much
    /// room before the others. A label of a quotation is repeated.
    fn wrapped(&mut self, indent: usize, label: &str, text: &str) {
        let room = COLUMNS_MAX - indent - label.chars().count();
        let mut label = label.to_owned();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let full = line.chars().count() + 1 + word.chars().count() > room;
            if full && !line.is_empty() {
                self.line(indent, &format!("{label}{line}"));
                line.clear();
                label = label.chars().map(|c| if c == '|' { c } else { ' ' }).collect();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(indent, &format!("{label}{line}"));
    }
}

/// The calls, by the alarm they were made for: the history is read once for
/// every alarm, among the first calls made for it.
fn chapters(calls: &[Call]) -> Vec<Vec<Call>> {
    let mut chapters: Vec<Vec<Call>> = Vec::new();
    for call in calls {
        let remembers =
            |chapter: &&mut Vec<Call>| !chapter.iter().any(|earlier| earlier.verb == Verb::History);
        let opens = matches!(call.verb, Verb::Instance | Verb::History);
        match chapters.last_mut().filter(|chapter| !opens || remembers(chapter)) {
            Some(chapter) => chapter.push(call.clone()),
            None => chapters.push(vec![call.clone()]),
        }
    }
    chapters
}
