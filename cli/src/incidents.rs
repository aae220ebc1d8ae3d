//! `incidents`: what is open, and one's whole story.

use std::fmt::Write as _;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::{Attempt, Entry, Incident};
use remedy::model::question::Question;
use remedy::report::quote::quote;
use remedy_aws::person::NotAsked;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, table};
use crate::desk::Desk;

/// Lists the open incidents, or tells one's whole story
#[derive(Debug, Args)]
pub(crate) struct IncidentsCommand {
    /// An instance, for its newest incident, open or ended; or the id of an open incident
    id: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Listed {
    pub(crate) incidents: Vec<Incident>,
    unreadable: Vec<String>,
}

impl IncidentsCommand {
    pub(crate) async fn run(self, desk: &Desk, now: Timestamp) -> Result<Answer, NotAsked> {
        let Some(id) = self.id else {
            let (json, listed) = desk.ask::<Listed>(&json!({"incidents": "open"})).await?;
            let found = !listed.unreadable.is_empty();
            return Ok(Answer { text: open(&listed, now), json, found });
        };
        let incident = match InstanceId::new(id.as_str()) {
            Ok(instance) => newest(desk, &instance).await?,
            Err(_) => named(desk, &id).await?,
        };
        let json = serde_json::to_value(&incident).unwrap_or(Value::Null);
        Ok(Answer { text: story(&incident), json, found: false })
    }
}

/// The newest incident of the instance.
pub(crate) async fn newest(desk: &Desk, instance: &InstanceId) -> Result<Incident, NotAsked> {
    let (_, listed) = desk.ask::<Listed>(&json!({"incidents": instance.as_str()})).await?;
    listed
        .incidents
        .into_iter()
        .next()
        .ok_or_else(|| NotAsked::Unclear(format!("{instance} has had no incident within 90 days")))
}

/// The open incident with that id.
async fn named(desk: &Desk, id: &str) -> Result<Incident, NotAsked> {
    let wanted = IncidentId::new(id)
        .map_err(|_| NotAsked::Unclear(format!("{id:?} is no instance and no incident")))?;
    let (_, listed) = desk.ask::<Listed>(&json!({"incidents": "open"})).await?;
    listed.incidents.into_iter().find(|incident| incident.id == wanted).ok_or_else(|| {
        NotAsked::Unclear(format!("no incident {id} is open; of one that ended name the instance"))
    })
}

/// The open incidents, the oldest first.
fn open(listed: &Listed, now: Timestamp) -> String {
    let mut text = String::new();
    for why in &listed.unreadable {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "unreadable: {}", quote(why));
    }
    if listed.incidents.is_empty() {
        return text + "No incident is open.\n";
    }
    let mut incidents: Vec<&Incident> = listed.incidents.iter().collect();
    incidents.sort_by_key(|incident| incident.opened_at);
    let row = |incident: &&Incident| {
        [
            incident.instance_id.to_string(),
            incident.symptom.to_string(),
            age(now.duration_since(incident.opened_at)),
            doing(incident),
            incident.id.to_string(),
        ]
    };
    let rows: Vec<[String; 5]> = incidents.iter().map(row).collect();
    text + &table(["instance", "symptom", "for", "now", "incident"], &rows)
}

/// What it waits for.
fn doing(incident: &Incident) -> String {
    if let Some(question) = unanswered(incident) {
        return format!("asks: may it be done? ({})", question.rung);
    }
    match incident.held_back.as_ref().and_then(|held| held.by.as_ref()) {
        Some(by) => format!("held back: {}", by.code),
        None => incident.stage.doing().to_owned(),
    }
}

/// The question that waits for an answer.
pub(crate) fn unanswered(incident: &Incident) -> Option<&Question> {
    let open = incident.open_question().filter(|question| question.answer.is_none());
    open.filter(|_| incident.stage.is_open())
}

/// Such as `1 h 40 min`.
pub(crate) fn age(duration: SignedDuration) -> String {
    let minutes = duration.as_mins() + i64::from(duration.as_secs() % 60 > 0);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A time, to the second.
fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Everything that its row has kept.
fn story(incident: &Incident) -> String {
    let seen = &incident.seen;
    let mut text =
        format!("{} of {}: {}\n", incident.symptom, incident.instance_id, doing(incident));
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:10}  {}", quote(&value));
    };
    line("incident", incident.id.to_string());
    if let Some(group) = &incident.group {
        line("group", group.to_string());
    }
    let value = seen.value.map(|value| format!(" was {}", seen.measure(value)));
    line("alarm", format!("{}: {}{}", seen.alarm, seen.metric, value.unwrap_or_default()));
    if let Some(mount) = &seen.mount {
        line("disk", mount.clone());
    }
    line("opened", at(incident.opened_at));
    for Entry { at: when, outcome, because, .. } in &incident.timeline {
        line(&at(*when), format!("{outcome}: {}", because.join(", ")));
    }
    for attempt in &incident.attempts {
        line(&at(attempt.claimed_at), tried(attempt));
    }
    if let Some(by) = incident.held_back.as_ref().and_then(|held| held.by.as_ref()) {
        line("held back", by.text.clone());
    }
    if let Some(evidence) = &incident.evidence {
        let kept = serde_json::to_value(&evidence.kept).unwrap_or_default();
        let word = |name: &str| kept.get(name).and_then(Value::as_str).map(str::to_owned);
        let place = word("uri").or_else(|| word("command_id")).or_else(|| word("why"));
        line("evidence", place.unwrap_or_else(|| "in the log".to_owned()));
    }
    if let Some(question) = &incident.question {
        line("question", asked(question));
    }
    if let Some(question) = unanswered(incident) {
        let (instance, mark) = (&incident.instance_id, &question.nonce);
        line("answer", format!("remedy answer {instance} yes --question {mark}"));
    }
    for past in &incident.past {
        let rung = past.rung.map_or_else(|| "nothing".to_owned(), |rung| rung.to_string());
        line("before", format!("{} from {}: {rung}", past.symptom, at(past.opened_at)));
    }
    text
}

fn tried(attempt: &Attempt) -> String {
    let refused = attempt.refused.as_ref().map(|call| format!(", refused: {}", call.why));
    let said = attempt.said.as_ref().map(|said| format!(", the host said: {said}"));
    let command = attempt.command_id.as_ref().map(|id| format!(", command {id}"));
    let parts = [command, said, refused].into_iter().flatten().collect::<String>();
    format!("tried {}{parts}", attempt.rung)
}

fn asked(question: &Question) -> String {
    let answered = question
        .answer
        .as_ref()
        .map(|answer| format!("{} said {}", answer.by, if answer.yes { "yes" } else { "no" }));
    let answered = answered.unwrap_or_else(|| format!("open until {}", at(question.until)));
    format!("{}, attempt {}: {answered}", question.rung, question.attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row that the first release wrote.
    fn incident() -> Incident {
        let rows = include_str!("../../functions/remedy/tests/rows/0.1.0.jsonl");
        let read = |row| serde_json::from_str::<Incident>(row).unwrap();
        rows.lines()
            .map(read)
            .find(|incident| !incident.attempts.is_empty() && !incident.timeline.is_empty())
            .unwrap()
    }

    #[test]
    fn the_open_ones_are_a_table_with_the_oldest_first() {
        let first = incident();
        let later =
            Incident { opened_at: first.opened_at + SignedDuration::from_mins(9), ..incident() };
        let now = first.opened_at + SignedDuration::from_mins(61);
        let listed = Listed { incidents: vec![later, first], unreadable: vec!["row \u{7}".into()] };
        let told = open(&listed, now);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], "unreadable: row ?");
        assert!(lines[1].starts_with("instance "), "{told}");
        assert!(lines[2].contains("1 h 1 min") && lines[3].contains("52 min"), "{told}");
        let none = Listed { incidents: Vec::new(), unreadable: Vec::new() };
        assert_eq!(open(&none, now), "No incident is open.\n");
    }

    #[test]
    fn a_story_has_what_was_tried_and_no_character_that_moves_the_screen() {
        let mut incident = incident();
        incident.seen.alarm = "web \u{1b}[2J".to_owned();
        let told = story(&incident);
        assert!(!told.contains('\u{1b}'), "{told}");
        for part in ["tried cleanup", "incident ", incident.id.as_str(), "opened"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
