//! The words of a notification, in the order people ask for them. Each
//! rendering shows the same words.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::quote::quote;
use crate::model::diagnostics::Location;
use crate::model::incident::{Rung, Stage};
use crate::model::links::Deployment;
use crate::model::reason::Reason;
use crate::report::outcome::{Outcome, Report, left_small};

/// No notification tells more reasons than this; the log has all of them.
pub(super) const REASONS_MAX: usize = 12;

/// No notification tells more of a host than this.
const HOST_MAX: usize = 24;

/// A longer address is left out: an address that is cut leads nowhere.
const LINK_BYTES_MAX: usize = 1_000;

/// What a notification says. Everything in it is harmless and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wording {
    /// What was seen, with numbers and units.
    pub(super) seen: String,
    /// What was done.
    pub(super) actions: String,
    /// Why, one reason each.
    pub(super) reasons: Vec<String>,
    /// What a person must know of the host, one thing each.
    pub(super) on_the_host: Vec<String>,
    /// What happens next, and when.
    pub(super) next: String,
    /// What a person should do, one thing each.
    pub(super) next_steps: Vec<String>,
    /// Pages that show more: what each shows, and its address.
    pub(super) links: Vec<(&'static str, String)>,
}

impl Wording {
    pub(super) fn of(report: &Report, deployment: &Deployment) -> Self {
        Self {
            seen: seen(report, deployment),
            actions: [Some(actions(report)), evidence(report)].into_iter().flatten().collect(),
            reasons: reasons(report),
            on_the_host: report.on_the_host.iter().take(HOST_MAX).map(|it| quote(it)).collect(),
            next: next(report),
            next_steps: next_steps(report),
            links: links(report, deployment),
        }
    }
}

/// In one line, what became of the alarm.
pub(super) fn headline(report: &Report) -> String {
    let what = match (report.outcome, report.rung) {
        (Outcome::Acted, Some(_)) if report.stage == Some(Stage::Draining) => {
            "leaving service for a reboot".to_owned()
        }
        (Outcome::Acted, Some(_)) if report.stage == Some(Stage::Returning) => {
            "coming back into service".to_owned()
        }
        (Outcome::Acted, Some(_)) if report.stage == Some(Stage::Surveying) => {
            "asking which disk is full".to_owned()
        }
        (Outcome::Acted, Some(rung)) if report.stage == Some(Stage::Gathering) => {
            format!("gathering evidence before a {rung}")
        }
        (Outcome::Acted, Some(rung)) => format!("{rung} asked for"),
        (Outcome::Resolved, _) => "resolved".to_owned(),
        _ if report.handed_over => match report.because.first() {
            Some(Reason::StaysInStandby { .. }) => "still in Standby, needs a person".to_owned(),
            _ => match report.shared_cause() {
                Some(by) => quote(by.text.split(": ").next().unwrap_or(&by.text)),
                None => with_code("needs a person", report),
            },
        },
        _ => match report.because.first() {
            Some(Reason::Gone { .. }) => "gone, nothing to do".to_owned(),
            Some(Reason::ActionFailed { call, .. }) => format!("AWS refused {call}"),
            _ if report.times.is_some() => with_code("waits", report),
            _ => with_code("held", report),
        },
    };
    format!("{} on {}: {what}", report.symptom, report.instance_id)
}

/// `what`, and the first reason for it.
fn with_code(what: &str, report: &Report) -> String {
    let codes = report.because.first().map(Reason::code);
    [Some(what), codes].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn seen(report: &Report, deployment: &Deployment) -> String {
    let seen = &report.seen;
    let mut said =
        format!("Alarm {} about {} on {}", quote(&seen.alarm), report.symptom, report.instance_id);
    if let Some(group) = &report.group {
        // Writing to a String cannot fail.
        let _ = write!(said, " in group {}", quote(group.as_str()));
    }
    let _ = write!(said, " ({}, account {})", deployment.region, deployment.account);
    let _ = write!(said, ", since {}.", day_and_time(seen.changed_at));
    let counted = report.repeats.map_or(0, |repeats| repeats.counted_before);
    if counted > 0 {
        let whose = whose(report);
        let _ = write!(said, "\n{counted} more alarms like this {whose} got no message.");
    }
    if let Some(value) = seen.value {
        let made_of = if seen.is_of_an_expression() { "What the alarm makes of " } else { "" };
        let _ = write!(said, "\n{made_of}{}", quote(&seen.metric));
        if let Some(mount) = &seen.mount {
            let _ = write!(said, " of {}", quote(mount));
        }
        let _ = write!(said, " is {}", seen.measure(value));
        if let Some(threshold) = seen.threshold {
            let _ = write!(said, ", the threshold {}", seen.measure(threshold));
        }
        said.push('.');
    } else if !seen.reason.is_empty() {
        let _ = write!(said, "\n{}", quote(&seen.reason));
    }
    said
}

/// Whose repeats are counted together.
fn whose(report: &Report) -> String {
    match &report.group {
        Some(group) => format!("in group {}", quote(group.as_str())),
        None => "on instances outside groups".to_owned(),
    }
}

fn actions(report: &Report) -> String {
    match (report.outcome, report.stage, report.rung) {
        (Outcome::Acted, Some(Stage::Draining), _) => {
            "The instance was asked to leave service (Standby), to be rebooted there.".to_owned()
        }
        (Outcome::Acted, Some(Stage::Returning), _) => {
            "The instance was asked to come back into service.".to_owned()
        }
        (Outcome::Acted, Some(Stage::Gathering), Some(rung)) => {
            format!("The host was asked what it knows, before a {rung} is tried.")
        }
        (Outcome::Acted, _, Some(Rung::Cleanup)) => match &report.command_id {
            Some(command) => format!("A cleanup was sent to the host: SSM command {command}."),
            None => "A cleanup was sent to the host.".to_owned(),
        },
        (Outcome::Acted, Some(Stage::Surveying), _) => {
            "The host was asked which disk is full.".to_owned()
        }
        (Outcome::Acted, stage, Some(Rung::Grow)) => grows(report, stage),
        (Outcome::Acted, _, Some(Rung::Reboot)) => "A reboot was asked for.".to_owned(),
        (Outcome::Acted, _, Some(Rung::Replace)) => {
            "The Auto Scaling group was asked to replace the instance.".to_owned()
        }
        (Outcome::Resolved, ..) => match so_far(report) {
            Some(done) => done,
            None => "Nothing: it passed by itself.".to_owned(),
        },
        (Outcome::Held, Some(Stage::Withdrawn), _) => {
            so_far(report).unwrap_or_else(|| "Nothing.".to_owned())
        }
        (Outcome::Held, ..) if report.handed_over => {
            so_far(report).unwrap_or_else(|| "Nothing.".to_owned())
        }
        (Outcome::Held, _, Some(rung)) => match report.because.first() {
            Some(Reason::ActionFailed { call, .. }) => format!("Nothing. AWS refused {call}."),
            _ => format!("Nothing. A {rung} was held back."),
        },
        _ => "Nothing.".to_owned(),
    }
}

/// What is done to grow the disk.
fn grows(report: &Report, stage: Option<Stage>) -> String {
    let Some(growth) = &report.growth else { return "The disk was asked to grow.".to_owned() };
    let told = quote(&growth.told());
    match (growth.grows_volume(), stage) {
        (true, Some(Stage::Snapshotting | Stage::Growing)) => {
            format!("Grows {told}. {}", left_small(growth, report.group.is_some()))
        }
        (true, _) => format!("Grew {told}."),
        (false, _) => format!("Extends {told}: the volume has the space already."),
    }
}

/// What was done until now, if anything was.
fn so_far(report: &Report) -> Option<String> {
    let done: Vec<String> = report.done.iter().map(|done| quote(done)).collect();
    (!done.is_empty()).then(|| done.join(" "))
}

/// What is left of what the host knew, as a line of its own.
fn evidence(report: &Report) -> Option<String> {
    let knew = "What the host knew before";
    let told = match &report.evidence.as_ref()?.kept {
        Location::InBucket { uri } => format!("{knew} is kept at {}.", quote(uri)),
        Location::InOutput { command_id } => {
            format!("{knew} is in the output of SSM command {command_id}, cut short.")
        }
        Location::Console { uri } => {
            format!("The host gave no answer; what its console showed is kept at {}.", quote(uri))
        }
        Location::InLog => {
            "The host gave no answer; the end of what its console showed is in the log.".to_owned()
        }
        Location::Missing { why } => format!("{knew} could not be kept: {}.", quote(why)),
    };
    Some(format!("\n{told}"))
}

fn reasons(report: &Report) -> Vec<String> {
    let because = report.because.iter();
    let mut reasons: Vec<String> = because
        .take(REASONS_MAX)
        .map(|reason| format!("{} ({})", quote(&reason.to_string()), reason.code()))
        .collect();
    let more = report.because.len().saturating_sub(REASONS_MAX);
    if more > 0 {
        reasons.push(format!("and {more} more, which the log has"));
    }
    reasons
}

/// Who was called for it before, if somebody was.
fn who_has_it(report: &Report) -> String {
    if let Some(asked) = report.asked_before {
        return format!(" A person was asked to look at it at {}.", time(asked));
    }
    let Some(after) = report.called_after.map(time) else { return String::new() };
    let or = if report.group.is_some() { ", or for another member of its group," } else { "" };
    format!(" A person was called for it{or} with the same trouble after {after}.")
}

fn next(report: &Report) -> String {
    let next = match report.outcome {
        Outcome::Acted => match report.stage {
            Some(Stage::Draining) => {
                "When it is out of service it is rebooted, then it comes back. You hear of each."
            }
            Some(Stage::Snapshotting) => {
                "Once the snapshot is taken the volume grows, and the host extends its file \
                 system; then it is watched whether the symptom stays gone."
            }
            Some(Stage::Growing) => {
                "When the volume has grown, the host extends its file system; then it is watched \
                 whether the symptom stays gone."
            }
            Some(Stage::Gathering | Stage::Surveying) => {
                "When the host has answered, or has had its time, everything is decided again."
            }
            Some(Stage::Returning) => {
                "When it is back in service, it is watched whether the symptom stays gone."
            }
            _ => {
                "Every minute the follow-up looks whether it helped. If the symptom stays gone, \
                 the incident ends. If not, the next rung is tried. You hear of either."
            }
        },
        Outcome::Resolved => "Nothing. The next alarm opens a new incident.",
        Outcome::Held if matches!(report.because.first(), Some(Reason::StaysInStandby { .. })) => {
            "The follow-up keeps asking the group to take it back, for a day."
        }
        Outcome::Held if report.handed_over && report.times.is_some() => {
            "Every minute the follow-up looks whether it is back, and goes on when it is. If it \
             has a pool's tag, its place in that budget stays taken until then."
        }
        Outcome::Held if report.handed_over => "Nothing more is done to this instance.",
        Outcome::Held if report.times.is_some() => {
            "The follow-up asks again every minute, until the incident runs out of time."
        }
        Outcome::Held if report.because.iter().any(|why| matches!(why, Reason::Queued { .. })) => {
            "When that incident has ended the follow-up takes this alarm up."
        }
        Outcome::Held => "Nothing, until the alarm changes its state again.",
    };
    let mut next = next.to_owned();
    next.push_str(&who_has_it(report));
    if let Some(repeats) = &report.repeats {
        let (whose, until) = (whose(report), time(repeats.until));
        // Writing to a String cannot fail.
        let _ = write!(
            next,
            "\nUntil {until} more alarms like this {whose} get no message; the next message says \
             how many there were."
        );
    }
    if let Some(dropped) = report.dropped {
        let _ = write!(
            next,
            "\n{dropped} older alarms about other trouble of it were dropped: no more are kept."
        );
    }
    let Some(times) = &report.times else {
        return next;
    };
    let _ = write!(next, "\nNext look: {}.", time(times.looks_at));
    if report.outcome == Outcome::Acted {
        let _ = write!(next, " Next step at the latest: {}.", time(times.stage_ends_by));
    }
    let _ = write!(next, " The incident ends by {}.", time(times.ends_by));
    next
}

fn next_steps(report: &Report) -> Vec<String> {
    if let Some(set) = &report.still_set {
        let mut orders = vec![sentence(&quote(set))];
        orders.extend(orders_of(report).into_iter().filter(|order| order != "Nothing."));
        return orders;
    }
    orders_of(report)
}

fn orders_of(report: &Report) -> Vec<String> {
    let one = |order: &str| vec![order.to_owned()];
    match report.outcome {
        Outcome::Resolved => one("Nothing. If it comes back, look for the root cause."),
        Outcome::Acted => one("Nothing yet."),
        Outcome::Held if report.observe => {
            one("Nothing, if this is what you want to see. To let Remedy act, set the tag \
             auto-remediation to enabled and REMEDY_MODE to act.")
        }
        Outcome::Held => {
            let mut orders = Vec::new();
            let commands = report.because.iter().flat_map(|why| why.commands(&report.instance_id));
            orders.extend(commands.map(|command| format!("Run: {}", quote(&command))));
            if report.handed_over && orders.is_empty() && report.shared_cause().is_none() {
                let whose = if report.times.is_some() { "" } else { " yourself: it is yours now" };
                orders.push(format!("Look at {}{whose}.", report.instance_id));
            }
            for order in report.advice().into_iter().take(REASONS_MAX).map(sentence) {
                if !orders.contains(&order) {
                    orders.push(order);
                }
            }
            if orders.is_empty() { one("Nothing.") } else { orders }
        }
    }
}

fn links(report: &Report, deployment: &Deployment) -> Vec<(&'static str, String)> {
    let instance = &report.instance_id;
    // A request that a person typed has no alarm, and so no region of one.
    let region = report.seen.region.as_deref();
    let alarm = region.map(|region| deployment.alarm(&report.seen.alarm, Some(region)));
    let group = report.group.as_ref().map(|group| deployment.group(group));
    let command = report.command_id.as_ref().map(|command| deployment.command(command, instance));
    let evidence = report.evidence.as_ref().and_then(|diagnostics| match &diagnostics.kept {
        Location::InBucket { uri } | Location::Console { uri } => deployment.object(uri),
        Location::InOutput { command_id } => Some(deployment.command(command_id, instance)),
        Location::InLog => deployment.log(&report.incident_id),
        Location::Missing { .. } => None,
    });
    [
        ("instance", Some(deployment.instance(instance))),
        ("alarm", alarm),
        ("group", group),
        ("command", command),
        ("evidence", evidence),
        ("log", deployment.log(&report.incident_id)),
    ]
    .into_iter()
    .filter_map(|(what, page)| Some((what, page.filter(|page| page.len() <= LINK_BYTES_MAX)?)))
    .collect()
}

fn sentence(advice: &str) -> String {
    let mut chars = advice.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}

fn day_and_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
