//! The last room: people are told what was seen, what was done and why, what
//! happens next and what to do. Rendering is pure; every text that came from
//! outside is made harmless first, because alarm names, tags and reasons can
//! hold anything.

mod chat;
mod data;
mod mail;
mod quote;
mod wording;

use std::collections::BTreeMap;

pub use self::chat::{DESCRIPTION_UNITS_MAX, KEYWORD_UNITS_MAX, STEP_UNITS_MAX, TITLE_UNITS_MAX};
use self::wording::Wording;
use crate::console::Place;
use crate::ledger::Ledger;
use crate::report::{Report, Told};

/// The longest subject SNS accepts is 99 characters (SNS API reference,
/// `Publish`: "must be less than 100 characters long").
pub const SUBJECT_CHARS_MAX: usize = 99;

/// The longest message SNS accepts, all its renderings together, in bytes (SNS
/// API reference, `Publish`).
pub const MESSAGE_BYTES_MAX: usize = 262_144;

/// Subscribers that are programs, by the names SNS has for their protocols.
const PROGRAMS: [&str; 5] = ["sqs", "lambda", "http", "https", "firehose"];

/// The message people get, in every rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// One line of at most [`SUBJECT_CHARS_MAX`] printable ASCII characters.
    pub subject: String,
    /// Plain text, for e-mail.
    pub text: String,
    /// JSON on one line, for programs.
    pub data: String,
    /// A custom notification of Amazon Q Developer in chat applications. The
    /// incident is its thread.
    pub chat: String,
    /// Names and values for subscription filter policies.
    pub attributes: Vec<(&'static str, String)>,
}

impl Notification {
    /// The message as SNS takes it with `MessageStructure=json`: a text for each
    /// protocol, and the plain one for those that are not named.
    pub fn message(&self) -> String {
        let people = [("default", &self.text), ("sms", &self.subject)];
        let programs = PROGRAMS.map(|program| (program, &self.data));
        let message: BTreeMap<&str, &String> = people.into_iter().chain(programs).collect();
        // Texts by texts cannot fail to be JSON.
        serde_json::to_string(&message).unwrap_or_default()
    }
}

/// Tells people.
pub trait Tell {
    /// Where this deployment runs.
    fn place(&self) -> &Place;

    /// `sns:Publish` to the notification topic and, if there is one, to the
    /// chat topic, at once.
    async fn tell(&self, notification: &Notification) -> Told;
}

/// Tells people what became of an alarm, and notes in the report whether that
/// worked.
pub async fn tell(report: &mut Report, tell: &impl Tell) {
    let notification = render(report, tell.place());
    report.note_telling(tell.tell(&notification).await);
}

/// Tells people of something refused, once for its group and cause; repeats are
/// only counted. A ledger that does not answer silences nobody.
pub async fn tell_once<W: Ledger + Tell>(report: &mut Report, by: String, world: &W) {
    if let Some(fold) = report.fold(by) {
        report.repeats = world.count(&fold).await.ok().map(|count| fold.repeats(count));
    }
    if !report.is_counted_only() {
        tell(report, world).await;
    }
}

/// Renders what people get for `report`.
pub fn render(report: &Report, place: &Place) -> Notification {
    let wording = Wording::of(report, place);
    Notification {
        subject: subject(report),
        text: mail::render(report, &wording),
        data: data::render(report, &wording, place),
        chat: chat::render(report, &wording, place),
        attributes: attributes(report),
    }
}

fn subject(report: &Report) -> String {
    let line = format!("Remedy: {}", wording::headline(report));
    line.chars()
        .map(|c| if c.is_ascii_graphic() { c } else { ' ' })
        .take(SUBJECT_CHARS_MAX)
        .collect()
}

fn attributes(report: &Report) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("symptom", report.symptom.name().to_owned()),
        ("outcome", report.outcome.name().to_owned()),
        ("severity", report.severity().name().to_owned()),
        ("instance_id", report.instance_id.to_string()),
    ];
    if let Some(rung) = report.rung {
        attributes.push(("rung", rung.name().to_owned()));
    }
    if let Some(group) = &report.group {
        attributes.push(("group", group.to_string()));
    }
    attributes
}
