//! Tells people what was seen, what was done and why, what happens next and what
//! to do. Rendering is pure; every text that came from
//! outside is made harmless first, because alarm names, tags and reasons can
//! hold anything.

pub use super::chat::{DESCRIPTION_UNITS_MAX, KEYWORD_UNITS_MAX, STEP_UNITS_MAX, TITLE_UNITS_MAX};
use super::wording::{self, Wording};
use super::{chat, json, mail};
use crate::model::links::Deployment;
use crate::ports::ledger::Ledger;
use crate::ports::tell::{Notification, Tell};
use crate::report::outcome::Report;

/// The longest subject SNS accepts is 99 characters (SNS API reference,
/// `Publish`: "must be less than 100 characters long").
pub const SUBJECT_CHARS_MAX: usize = 99;

/// The longest message SNS accepts, all its renderings together, in bytes (SNS
/// API reference, `Publish`).
pub const MESSAGE_BYTES_MAX: usize = 262_144;

/// Tells people what became of an alarm, and notes in the report whether that
/// worked.
pub async fn tell(report: &mut Report, tell: &impl Tell) {
    let notification = render(report, tell.deployment());
    report.note_telling(tell.tell(&notification).await);
}

/// Tells people of an end, or that a person has to take over. Of several members of a group
/// with the same trouble a person is called for the first, and for an instance without an
/// incident once; the others are told as warnings. Who is first and tells again, because nobody
/// heard, calls again. A ledger that does not answer calls for each.
pub async fn tell_or_call<W: Ledger + Tell>(report: &mut Report, by: &str, world: &W) {
    for call in report.calls(by) {
        if let Ok(count) = world.count(&call).await
            && !count.is_first
        {
            report.called_after = Some(call.window);
            break;
        }
    }
    tell(report, world).await;
}

/// Tells people of something refused, once for its group and cause; repeats are
/// only counted. A ledger that does not answer silences nobody.
pub async fn tell_once<W: Ledger + Tell>(report: &mut Report, by: &str, world: &W) {
    if let Some(occurrence) = report.occurrence(by.to_owned()) {
        report.repeats = world.count(&occurrence).await.ok().map(|count| occurrence.repeats(count));
    }
    if !report.is_counted_only() {
        tell_or_call(report, by, world).await;
    }
}

/// Renders what people get for `report`.
pub fn render(report: &Report, deployment: &Deployment) -> Notification {
    let wording = Wording::of(report, deployment);
    Notification {
        subject: subject(report),
        text: mail::render(report, &wording),
        data: json::render(report, &wording, deployment),
        chat: chat::render(report, &wording, deployment),
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
