//! The last words of a host that cannot answer: what its serial console showed is
//! kept in place of what it would have said. Asked for beside the write of the
//! intent and kept beside the act, it costs no time, and it fails nothing.

use jiff::{SignedDuration, Timestamp};

use crate::act::Touch;
use crate::evidence::{Exhibit, Kept};
use crate::facts::{Gap, Look};
use crate::guard::Cleared;
use crate::ids::InstanceId;
use crate::incident::Incident;
use crate::policy::Policy;

/// What the host itself said longer ago does not count.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// So much stands in the report where there is no bucket: the end, where a
/// panic or the last unit that failed is.
const TAIL_CHARS: usize = 2_000;

/// What was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct LastWords(Result<Option<String>, Gap>);

/// Reads the console, if a disruption was cleared and nothing of the host is
/// kept that is fresh.
pub async fn hear(
    look: &impl Look,
    cleared: &Cleared,
    instance: &InstanceId,
    evidence: Option<&Exhibit>,
    now: Timestamp,
) -> Option<LastWords> {
    let kept = evidence.is_some_and(|exhibit| {
        let fresh = now.duration_since(exhibit.at) < FRESH;
        fresh && !matches!(exhibit.kept, Kept::Missing { .. })
    });
    if kept || !cleared.rung().is_disruptive() {
        return None;
    }
    Some(LastWords(look.console_output(instance).await))
}

/// What became of last words.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Where they are.
    pub exhibit: Exhibit,
    /// The end of them, where no bucket has them.
    pub tail: Option<String>,
}

/// Puts last words into the bucket, or takes their end along.
pub async fn keep(
    words: Option<LastWords>,
    incident: &Incident,
    now: Timestamp,
    policy: &Policy,
    touch: &impl Touch,
) -> Option<Heard> {
    let (kept, tail) = match words?.0 {
        Ok(Some(text)) => {
            let destination = incident.console_destination(policy.evidence_bucket.as_ref());
            match destination {
                Some(to) if touch.keep(&to, &text).await.is_ok() => {
                    (Kept::Console { uri: to.to_string() }, None)
                }
                _ => (Kept::InLog, Some(tail(&text))),
            }
        }
        Ok(None) => (missing(incident, "its console shows nothing"), None),
        Err(gap) => (missing(incident, &gap.to_string()), None),
    };
    Some(Heard { exhibit: Exhibit { at: now, kept }, tail })
}

impl Heard {
    /// Notes in `incident` where last words are. Gives the end of them, where no
    /// bucket has them.
    pub fn noted(heard: Option<Self>, incident: &mut Incident) -> Option<String> {
        let Self { exhibit, tail } = heard?;
        incident.evidence = Some(exhibit);
        tail
    }
}

/// There is neither an answer nor a console.
fn missing(incident: &Incident, console: &str) -> Kept {
    let host = match incident.evidence.as_ref().map(|exhibit| &exhibit.kept) {
        Some(Kept::Missing { why }) => why,
        _ => "the host cannot answer",
    };
    Kept::Missing { why: format!("{host}; {console}") }
}

/// The end of `text`, in printable ASCII and line ends: what a host shows on its
/// console can be anything.
fn tail(text: &str) -> String {
    let harmless = |c: char| if c == '\n' || c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let plain: Vec<char> = text.chars().filter(|c| *c != '\r').map(harmless).collect();
    plain.iter().skip(plain.len().saturating_sub(TAIL_CHARS)).collect()
}
