//! Alarms of now, about any instance: the payloads in `events/`, moved in time.

use std::path::Path;

use hyper::body::Bytes;
use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::Error;

/// The id of the n-th instance.
pub fn instance(n: usize) -> String {
    format!("i-{n:017x}")
}

/// The payloads of the symptoms.
#[derive(Clone, Debug)]
pub struct Alarms {
    text: String,
    about: String,
    happened: DateTime,
}

/// As `2026-11-20T03:12:45` is long.
const SECONDS: usize = 19;

impl Alarms {
    /// Reads `<symptom>.state-change.json`.
    pub fn read(events: &Path, symptom: &str) -> Result<Self, Error> {
        let file = events.join(format!("{symptom}.state-change.json"));
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let event: serde_json::Value = serde_json::from_str(&text)?;
        let time = event["time"].as_str().ok_or("the event has no time")?;
        let happened = time.trim_end_matches('Z').parse()?;
        let id = text.split('"').find(|word| word.starts_with("i-") && word.len() == SECONDS);
        let about = id.ok_or("the event names no instance")?.to_owned();
        Ok(Self { text, about, happened })
    }

    /// The alarm about the n-th instance, as if its state had just changed.
    pub fn about(&self, n: usize) -> Result<Bytes, Error> {
        let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let passed = now - self.happened;
        let text = self.text.replace(&self.about, &instance(n));
        let mut moved = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            match rest.get(..SECONDS).and_then(|word| word.parse::<DateTime>().ok()) {
                Some(time) if rest.as_bytes().get(10) == Some(&b'T') => {
                    let time = (time + passed).strftime("%Y-%m-%dT%H:%M:%S");
                    moved.push_str(&time.to_string());
                    rest = rest.get(SECONDS..).unwrap_or_default();
                }
                _ => {
                    moved.push(first);
                    rest = rest.get(first.len_utf8()..).unwrap_or_default();
                }
            }
        }
        Ok(Bytes::from(moved))
    }
}
