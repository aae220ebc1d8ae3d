//! The rendering for programs: queues, functions and web hooks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::quote::quote;
use super::wording::{REASONS_MAX, Wording};
use crate::alarm::Unit;
use crate::console::Place;
use crate::evidence::{Exhibit, Kept};
use crate::fold::Repeats;
use crate::ids::CommandId;
use crate::incident::{Rung, Stage};
use crate::report::{Report, Times};

/// The version of this form. Fields are added to it and never taken away.
const VERSION: u8 = 1;

#[derive(Serialize)]
struct Data<'a> {
    version: u8,
    incident_id: &'a str,
    instance_id: &'a str,
    group: Option<String>,
    account: &'a str,
    region: &'a str,
    symptom: &'static str,
    outcome: &'static str,
    severity: &'static str,
    rung: Option<&'static str>,
    stage: Option<Stage>,
    observe: bool,
    at: Timestamp,
    times: Option<Times>,
    repeats: Option<Repeats>,
    seen: Measured,
    because: Vec<&'static str>,
    why: &'a [String],
    done: &'a str,
    next: &'a str,
    for_you: &'a [String],
    command_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Exhibit>,
    pages: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct Measured {
    alarm: String,
    metric: String,
    unit: Option<Unit>,
    value: Option<f64>,
    threshold: Option<f64>,
    mount: Option<String>,
    changed_at: Timestamp,
}

/// Compact JSON on one line.
pub(super) fn render(report: &Report, wording: &Wording, place: &Place) -> String {
    let seen = &report.seen;
    let data = Data {
        version: VERSION,
        incident_id: report.incident_id.as_str(),
        instance_id: report.instance_id.as_str(),
        group: report.group.as_ref().map(|group| quote(group.as_str())),
        account: &place.account,
        region: &place.region,
        symptom: report.symptom.name(),
        outcome: report.outcome.name(),
        severity: report.severity().name(),
        rung: report.rung.map(Rung::name),
        stage: report.stage,
        observe: report.observe,
        at: report.at,
        times: report.times,
        repeats: report.repeats,
        seen: Measured {
            alarm: quote(&seen.alarm),
            metric: quote(&seen.metric),
            unit: seen.unit,
            value: seen.value,
            threshold: seen.threshold,
            mount: seen.mount.as_deref().map(quote),
            changed_at: seen.changed_at,
        },
        because: report.codes().into_iter().take(REASONS_MAX).collect(),
        why: &wording.why,
        done: &wording.done,
        next: &wording.next,
        for_you: &wording.for_you,
        command_id: report.command_id.as_ref().map(CommandId::as_str),
        evidence: report.evidence.as_ref().map(exhibit),
        pages: wording.pages.iter().map(|(what, page)| (*what, page.as_str())).collect(),
    };
    // Nothing in it can fail to be JSON: its keys are texts, and a number that
    // is not finite becomes null.
    serde_json::to_string(&data).unwrap_or_default()
}

fn exhibit(exhibit: &Exhibit) -> Exhibit {
    let kept = match &exhibit.kept {
        Kept::InBucket { uri } => Kept::InBucket { uri: quote(uri) },
        Kept::Console { uri } => Kept::Console { uri: quote(uri) },
        Kept::InLog => Kept::InLog,
        Kept::InOutput { command_id } => Kept::InOutput { command_id: command_id.clone() },
        Kept::Missing { why } => Kept::Missing { why: quote(why) },
    };
    Exhibit { at: exhibit.at, kept }
}
