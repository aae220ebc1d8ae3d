//! The rendering for programs: queues, functions and web hooks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::quote::quote;
use super::wording::{REASONS_MAX, Wording};
use crate::model::diagnostics::{Diagnostics, Location};
use crate::model::growth::Growth;
use crate::model::ids::CommandId;
use crate::model::incident::{Rung, Stage};
use crate::model::links::Deployment;
use crate::model::repeats::Repeats;
use crate::model::series::Unit;
use crate::report::outcome::{Report, Times};

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
    reasons: &'a [String],
    actions: &'a str,
    next: &'a str,
    next_steps: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    on_the_host: &'a [String],
    command_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<&'a Growth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Diagnostics>,
    links: BTreeMap<&'static str, &'a str>,
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
pub(super) fn render(report: &Report, wording: &Wording, deployment: &Deployment) -> String {
    let seen = &report.seen;
    let data = Data {
        version: VERSION,
        incident_id: report.incident_id.as_str(),
        instance_id: report.instance_id.as_str(),
        group: report.group.as_ref().map(|group| quote(group.as_str())),
        account: &deployment.account,
        region: &deployment.region,
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
        reasons: &wording.reasons,
        actions: &wording.actions,
        next: &wording.next,
        next_steps: &wording.next_steps,
        on_the_host: &wording.on_the_host,
        command_id: report.command_id.as_ref().map(CommandId::as_str),
        growth: report.growth.as_ref(),
        evidence: report.evidence.as_ref().map(diagnostics),
        links: wording.links.iter().map(|(what, page)| (*what, page.as_str())).collect(),
    };
    // Nothing in it can fail to be JSON: its keys are texts, and a number that
    // is not finite becomes null.
    serde_json::to_string(&data).unwrap_or_default()
}

fn diagnostics(diagnostics: &Diagnostics) -> Diagnostics {
    let kept = match &diagnostics.kept {
        Location::InBucket { uri } => Location::InBucket { uri: quote(uri) },
        Location::Console { uri } => Location::Console { uri: quote(uri) },
        Location::InLog => Location::InLog,
        Location::InOutput { command_id } => Location::InOutput { command_id: command_id.clone() },
        Location::Missing { why } => Location::Missing { why: quote(why) },
    };
    Diagnostics { at: diagnostics.at, kept }
}
