//! What was found, for people: each check once, with whom it is about and what mends it.

use std::fmt::Write as _;

use super::code::Severity;
use super::finding::{Diagnosis, Finding};
use crate::report::quote::quote;

/// Of one check so many are shown. The JSON has all.
const SHOWN_MAX: usize = 10;

/// How a severity is told.
fn heading(severity: Severity) -> &'static str {
    match severity {
        Severity::Stops => "STOPS",
        Severity::Limits => "LIMITS",
        Severity::Note => "NOTE",
    }
}

/// The diagnosis as a text. `emphasise` makes a severity stand out, where the reader's screen
/// can.
pub fn text(diagnosis: &Diagnosis, emphasise: &impl Fn(Severity, &str) -> String) -> String {
    let mut text = String::new();
    let mut rest = diagnosis.findings.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|finding| finding.code == first.code).count();
        let (same, others) = rest.split_at(count);
        rest = others;
        text.push_str(&of_one_check(first, same, emphasise));
    }
    for unclear in &diagnosis.unknown {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "unknown: {}: {}", unclear.what, quote(&unclear.why));
    }
    if !diagnosis.unknown.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(diagnosis));
    text
}

fn of_one_check(
    first: &Finding,
    same: &[Finding],
    emphasise: &impl Fn(Severity, &str) -> String,
) -> String {
    let row = first.code.row();
    let mark = emphasise(row.severity, heading(row.severity));
    let mut text = format!("{mark} {}: {}\n", row.code, row.means);
    for finding in same.iter().take(SHOWN_MAX) {
        let (about, seen) = (quote(&finding.about), quote(&finding.seen));
        let _ = writeln!(text, "  {about}: {seen}");
        // A command is copied whole: only what no shell word holds is taken out of it.
        let mend: String = finding.mend.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(text, "    {mend}");
    }
    if let Some(more) = same.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more (--json has all)");
    }
    text.push('\n');
    text
}

fn summary(diagnosis: &Diagnosis) -> String {
    let count =
        |severity| diagnosis.findings.iter().filter(|finding| finding.severity == severity).count();
    let looked = diagnosis.looked_at;
    let looked = format!(
        "Looked at {} alarms, {} instances and {} groups: ",
        looked.alarms, looked.instances, looked.groups
    );
    if diagnosis.findings.is_empty() && diagnosis.unknown.is_empty() {
        return format!("{looked}all is well.\n");
    }
    let (stops, limits, notes) =
        (count(Severity::Stops), count(Severity::Limits), count(Severity::Note));
    let unknown = diagnosis.unknown.len();
    format!("{looked}{stops} stop it, {limits} limit it, {notes} to note, {unknown} unknown.\n")
}
