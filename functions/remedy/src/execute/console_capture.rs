//! A host that cannot answer: what its serial console showed is kept in place of
//! what it would have said. Asked for beside the write of the
//! intent and kept beside the act, it costs no time, and it fails nothing.

use jiff::{SignedDuration, Timestamp};

use crate::model::diagnostics::{Diagnostics, Location};
use crate::model::ids::InstanceId;
use crate::model::incident::Incident;
use crate::model::policy::Policy;
use crate::model::unknown::CallFailed;
use crate::plan::guard::Cleared;
use crate::ports::look::Look;
use crate::ports::touch::Touch;

/// What the host itself said longer ago does not count.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// So much stands in the report where there is no bucket: the end, where a
/// panic or the last unit that failed is.
const TAIL_CHARS: usize = 2_000;

/// What was read of the console.
#[derive(Clone, Debug, PartialEq)]
pub struct Captured(Result<Option<String>, CallFailed>);

/// Reads the console, if a disruption was cleared and nothing of the host is
/// kept that is fresh.
pub async fn read(
    look: &impl Look,
    cleared: &Cleared,
    instance: &InstanceId,
    evidence: Option<&Diagnostics>,
    now: Timestamp,
) -> Option<Captured> {
    let kept = evidence.is_some_and(|diagnostics| {
        let fresh = now.duration_since(diagnostics.at) < FRESH;
        fresh && !matches!(diagnostics.kept, Location::Missing { .. })
    });
    if kept || !cleared.rung().is_disruptive() {
        return None;
    }
    Some(Captured(look.console_output(instance).await))
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCapture {
    /// Where they are.
    pub diagnostics: Diagnostics,
    /// The end of them, where no bucket has them.
    pub tail: Option<String>,
}

/// Puts what was read into the bucket, or takes their end along.
pub async fn keep(
    captured: Option<Captured>,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
    touch: &impl Touch,
) -> Option<KeptCapture> {
    let (kept, tail) = match captured?.0 {
        Ok(Some(text)) => {
            let destination = incident.console_destination(policy.evidence_bucket.as_ref());
            match destination {
                Some(to) if touch.keep(&to, &text).await.is_ok() => {
                    (Location::Console { uri: to.to_string() }, None)
                }
                _ => (Location::InLog, Some(tail(&text))),
            }
        }
        Ok(None) => (missing(incident, "its console shows nothing"), None),
        Err(failed) => (missing(incident, &failed.to_string()), None),
    };
    Some(KeptCapture { diagnostics: Diagnostics { at: now, kept }, tail })
}

impl KeptCapture {
    /// Notes in `incident` where it is. Gives the end of them, where no
    /// bucket has them.
    pub fn noted(kept: Option<Self>, incident: &mut Incident) -> Option<String> {
        let Self { diagnostics, tail } = kept?;
        incident.evidence = Some(diagnostics);
        tail
    }
}

/// There is neither an answer nor a console.
fn missing(incident: &Incident, console: &str) -> Location {
    let host = match incident.evidence.as_ref().map(|diagnostics| &diagnostics.kept) {
        Some(Location::Missing { why }) => why,
        _ => "the host cannot answer",
    };
    Location::Missing { why: format!("{host}; {console}") }
}

/// The end of `text`, in printable ASCII and line ends: what a host shows on its
/// console can be anything.
fn tail(text: &str) -> String {
    let harmless = |c: char| if c == '\n' || c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let plain: Vec<char> = text.chars().filter(|c| *c != '\r').map(harmless).collect();
    plain.iter().skip(plain.len().saturating_sub(TAIL_CHARS)).collect()
}
