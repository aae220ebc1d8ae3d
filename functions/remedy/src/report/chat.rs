//! The rendering for chat: a custom notification of Amazon Q Developer in chat
//! applications (its administrator guide, "Custom notifications").

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::quote::{cut, plain, quote};
use super::wording::{Wording, headline};
use crate::model::incident::Rung;
use crate::model::links::Deployment;
use crate::model::reason::Severity;
use crate::report::outcome::Report;

/// The longest `content.description`.
pub const DESCRIPTION_UNITS_MAX: usize = 8_000;

/// The longest `content.title`.
pub const TITLE_UNITS_MAX: usize = 250;

/// The longest of `content.nextSteps`.
pub const STEP_UNITS_MAX: usize = 350;

/// The longest of `content.keywords`.
pub const KEYWORD_UNITS_MAX: usize = 75;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Custom {
    version: &'static str,
    source: &'static str,
    content: Content,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    text_type: &'static str,
    title: String,
    description: String,
    next_steps: Vec<String>,
    keywords: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    /// Messages of one thread: the incident.
    thread_id: String,
    /// What the thread's first message shows as the latest.
    summary: String,
    additional_context: BTreeMap<&'static str, String>,
}

/// A custom notification, as JSON.
pub(super) fn render(report: &Report, wording: &Wording, deployment: &Deployment) -> String {
    let headline = plain(&headline(report));
    let sign = match report.severity() {
        Severity::Info => ":information_source:",
        Severity::Warning => ":warning:",
        Severity::Critical => ":rotating_light:",
    };
    let words = [report.symptom.name(), report.outcome.name(), report.severity().name()];
    let words = words.into_iter().chain(report.rung.map(Rung::name));
    let mut context = BTreeMap::from([
        ("account", deployment.account.clone()),
        ("region", deployment.region.clone()),
        ("instance", report.instance_id.to_string()),
    ]);
    if let Some(group) = &report.group {
        context.insert("group", plain(&quote(group.as_str())));
    }
    let custom = Custom {
        version: "1.0",
        source: "custom",
        content: Content {
            text_type: "client-markdown",
            title: cut(&format!("{sign} {headline}"), TITLE_UNITS_MAX),
            description: cut(&description(wording), DESCRIPTION_UNITS_MAX),
            next_steps: wording
                .next_steps
                .iter()
                .map(|step| cut(&plain(step), STEP_UNITS_MAX))
                .collect(),
            keywords: words.map(|word| cut(word, KEYWORD_UNITS_MAX)).collect(),
        },
        metadata: Metadata {
            thread_id: report.incident_id.to_string(),
            summary: cut(&headline, TITLE_UNITS_MAX),
            additional_context: context,
        },
    };
    // Nothing in it can fail to be JSON: its keys are texts.
    serde_json::to_string(&custom).unwrap_or_default()
}

/// The reasons stand last, because a description that is too long is cut at its
/// end, and the log has the reasons too. The links must not be lost.
fn description(wording: &Wording) -> String {
    let mut text = format!("Seen: {}\nDone: {}\n", plain(&wording.seen), plain(&wording.actions));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Next: {}", wording.next);
    for (what, page) in &wording.links {
        let _ = writeln!(text, "{what}: {page}");
    }
    text.push_str("Why:");
    for why in &wording.reasons {
        let _ = write!(text, "\n- {}", plain(why));
    }
    for found in &wording.on_the_host {
        let _ = write!(text, "\n- on the host: {}", plain(found));
    }
    text
}
