//! An explanation as text, for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::explain::recorded::Recorded;
use crate::explain::said::{Explanation, OfRung, OfSymptom, Said, Word};
use crate::model::incident::Stage;
use crate::report::quote::quote;

/// What would be done about an instance now. Every line ends with the text's own end of line.
pub fn explanation(explanation: &Explanation) -> String {
    let mut text = format!("{} at {}\n", explanation.instance_id, time(explanation.at));
    if let Some(open) = &explanation.open {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "Incident {} ({}) is open: {} since {}; it is looked at again at {}",
            open.incident_id,
            open.symptom,
            open.stage.doing(),
            time(open.since),
            time(open.looks_at),
        );
        if let Some(by) = &open.held_by {
            let _ = writeln!(text, "  it is held back: {}", quote(&by.text));
        }
    }
    for of in &explanation.symptoms {
        of_symptom(&mut text, of);
    }
    text
}

fn of_symptom(text: &mut String, of: &OfSymptom) {
    let OfSymptom { symptom, would, rung, because, rungs } = of;
    let _ = writeln!(text, "\nIf an alarm of {symptom} came now, {}", would.sentence(*rung));
    for reason in because {
        let _ = writeln!(text, "  because {} ({})", quote(&reason.to_string()), reason.code());
    }
    for OfRung { rung, checks } in rungs {
        let _ = writeln!(text, "  {rung}");
        for said in checks {
            line(text, said);
        }
    }
}

fn line(text: &mut String, said: &Said) {
    let Said { check, answer, text: why, until, passes, advice, .. } = said;
    let _ = write!(text, "    {:<8} {check:<15} {}", answer.name(), quote(why));
    let _ = match (answer, until, passes) {
        (Word::Yes, ..) | (Word::Unknown, None, _) => Ok(()),
        (_, Some(until), _) => write!(text, " [until {}]", time(*until)),
        (Word::No, None, Some(true)) => text.write_str(" [may pass by itself]"),
        (Word::No, None, _) => text.write_str(" [until somebody changes that]"),
    };
    text.push('\n');
    if let Some(advice) = advice {
        let _ = writeln!(text, "             {:<15} -> {}", "", quote(advice));
    }
}

/// What was recorded of an incident.
pub fn recorded(recorded: &Recorded) -> String {
    let Recorded { incident_id, instance_id, symptom, seen, .. } = recorded;
    let mut text = format!(
        "{incident_id}: {symptom} on {instance_id}\n{}  alarm {}\n",
        time(seen.changed_at),
        quote(&seen.alarm),
    );
    for entry in &recorded.timeline {
        let stage = entry.stage.map_or(String::new(), |stage| format!(", {}", name(stage)));
        let codes = entry.because.join(", ");
        let _ = writeln!(text, "{}  {}{stage}: {codes}", time(entry.at), entry.outcome);
    }
    if let Some(by) = &recorded.held_by {
        let _ = writeln!(text, "held back now: {} ({})", quote(&by.text), by.code);
    }
    let ended = recorded.ended_at.map_or("open".to_owned(), |at| format!("ended {}", time(at)));
    let _ = writeln!(text, "{ended}, {}", name(recorded.stage));
    text
}

fn name(stage: Stage) -> String {
    // A stage is written as its name.
    let name = serde_json::to_value(stage).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
