//! The last room: people are told what was seen, what was done and why, what
//! happens next and what to do. Rendering is pure; every text that came from
//! outside is made harmless first, because alarm names, tags and reasons can
//! hold anything.

use std::fmt::Write as _;

use crate::facts::Gap;
use crate::incident::{Rung, Stage};
use crate::reason::Reason;
use crate::report::{Outcome, Report};

/// The longest subject SNS accepts is 99 characters (SNS API reference,
/// `Publish`: "must be less than 100 characters long").
pub const SUBJECT_CHARS_MAX: usize = 99;

/// No text from outside takes more room in a notification than this.
const QUOTE_CHARS_MAX: usize = 300;

/// The message people get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// One line of at most [`SUBJECT_CHARS_MAX`] printable ASCII characters.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// Names and values for subscription filter policies.
    pub attributes: Vec<(&'static str, String)>,
}

/// Tells people.
pub trait Tell {
    /// `sns:Publish` to the notification topic.
    async fn tell(&self, notification: &Notification) -> Result<(), Gap>;
}

/// Renders what people get for `report`.
pub fn render(report: &Report) -> Notification {
    let mut attributes = vec![
        ("symptom", report.symptom.name().to_owned()),
        ("outcome", report.outcome.name().to_owned()),
        ("instance_id", report.instance_id.to_string()),
    ];
    if let Some(rung) = report.rung {
        attributes.push(("rung", rung.name().to_owned()));
    }
    Notification { subject: subject(report), text: text(report), attributes }
}

fn subject(report: &Report) -> String {
    let what = match (report.outcome, report.rung) {
        (Outcome::Acted, Some(_)) if report.stage == Some(Stage::Draining) => {
            "leaving service for a reboot".to_owned()
        }
        (Outcome::Acted, Some(_)) if report.stage == Some(Stage::Returning) => {
            "coming back into service".to_owned()
        }
        (Outcome::Acted, Some(rung)) => format!("{rung} asked for"),
        (Outcome::Resolved, _) => "resolved".to_owned(),
        _ if report.handed_over => "needs a person".to_owned(),
        _ => match report.because.first() {
            Some(reason) => format!("held, {}", reason.code()),
            None => "held".to_owned(),
        },
    };
    let line = format!("Remedy: {} on {}: {what}", report.symptom, report.instance_id);
    line.chars()
        .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
        .take(SUBJECT_CHARS_MAX)
        .collect()
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for (title, body) in [
        ("Seen", seen(report)),
        ("Done", done(report)),
        ("Why", why(report)),
        ("Next", next(report).to_owned()),
        ("For you", for_you(report)),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{title}\n  {}\n", body.replace('\n', "\n  "));
    }
    let _ = write!(text, "Incident {}", report.incident_id);
    text
}

fn seen(report: &Report) -> String {
    let seen = &report.seen;
    let mut body =
        format!("Alarm {} about {} on {}", quote(&seen.alarm), report.symptom, report.instance_id);
    if let Some(group) = &report.group {
        let _ = write!(body, " in group {}", quote(group.as_str()));
    }
    let _ = write!(body, ", since {}.", seen.changed_at.strftime("%Y-%m-%d %H:%M:%S UTC"));
    if let Some(value) = seen.value {
        let _ = write!(body, "\n{}", quote(&seen.metric));
        if let Some(mount) = &seen.mount {
            let _ = write!(body, " of {mount}");
        }
        let _ = write!(body, " is {value:.1}");
        if let Some(threshold) = seen.threshold {
            let _ = write!(body, ", the threshold {threshold:.1}");
        }
        body.push('.');
    } else if !seen.reason.is_empty() {
        let _ = write!(body, "\n{}", quote(&seen.reason));
    }
    body
}

fn done(report: &Report) -> String {
    match (report.outcome, report.stage, report.rung) {
        (Outcome::Acted, Some(Stage::Draining), _) => {
            "The instance was asked to leave service (Standby), to be rebooted there.".to_owned()
        }
        (Outcome::Acted, Some(Stage::Returning), _) => {
            "The instance was asked to come back into service.".to_owned()
        }
        (Outcome::Acted, _, Some(Rung::Cleanup)) => match &report.command_id {
            Some(command) => format!("A cleanup was sent to the host: SSM command {command}."),
            None => "A cleanup was sent to the host.".to_owned(),
        },
        (Outcome::Acted, _, Some(Rung::Reboot)) => "A reboot was asked for.".to_owned(),
        (Outcome::Acted, _, Some(Rung::Replace)) => {
            "The Auto Scaling group was asked to replace the instance.".to_owned()
        }
        (Outcome::Resolved, ..) => "The incident was closed.".to_owned(),
        (Outcome::Held, ..) if report.handed_over => {
            "Nothing more; the incident was closed.".to_owned()
        }
        (Outcome::Held, _, Some(rung)) => format!("Nothing. A {rung} was held back."),
        _ => "Nothing.".to_owned(),
    }
}

fn why(report: &Report) -> String {
    let lines: Vec<String> = report
        .because
        .iter()
        .map(|reason| format!("- {} ({})", quote(&reason.to_string()), reason.code()))
        .collect();
    lines.join("\n")
}

fn next(report: &Report) -> &'static str {
    match report.outcome {
        Outcome::Acted => {
            "Every minute the follow-up looks whether it helped. If the symptom stays gone it \
             closes the incident, if not it takes the next rung, and you hear of either."
        }
        Outcome::Resolved => "Nothing. The next alarm opens a new incident.",
        Outcome::Held if report.handed_over => "Nothing more is done to this instance.",
        Outcome::Held if report.stage.is_some() => {
            "The follow-up asks again every minute, until the incident runs out of time."
        }
        Outcome::Held => "Nothing, until the alarm changes its state again.",
    }
}

fn for_you(report: &Report) -> String {
    let instance = &report.instance_id;
    match report.outcome {
        Outcome::Resolved => "Nothing. If it comes back, look for the root cause.".to_owned(),
        Outcome::Acted => "Nothing yet.".to_owned(),
        Outcome::Held if report.observe => {
            "Nothing, if this is what you want to see. To let Remedy act, set the tag \
             auto-remediation to enabled and REMEDY_MODE to act."
                .to_owned()
        }
        Outcome::Held => {
            let doubt =
                report.because.iter().any(|reason| matches!(reason, Reason::FactUnknown(_)));
            if doubt {
                format!("Mend what could not be read, and look at {instance} yourself.")
            } else {
                format!("Look at {instance} yourself; the reasons above say what stood in the way.")
            }
        }
    }
}

/// Text from outside, made harmless: one line of visible characters (control
/// characters and the marks that turn the direction of writing become `?`),
/// cut to [`QUOTE_CHARS_MAX`].
fn quote(text: &str) -> String {
    let harmless = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || turns { '?' } else { c }
    };
    let mut quoted: String = text.chars().take(QUOTE_CHARS_MAX).map(harmless).collect();
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() {
        quoted.push_str("...");
    }
    quoted
}
