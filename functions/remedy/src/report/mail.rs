//! The rendering for e-mail, and for whoever reads plain text.

use std::fmt::Write as _;

use super::wording::Wording;
use crate::report::outcome::Report;

/// The text of an e-mail.
pub(super) fn render(report: &Report, wording: &Wording) -> String {
    let links: Vec<String> =
        wording.links.iter().map(|(what, page)| format!("{what:<9}{page}")).collect();
    let mut text = String::new();
    for (title, body) in [
        ("Seen", wording.seen.clone()),
        ("Done", wording.actions.clone()),
        ("Why", list(&wording.reasons)),
        ("On the host", list(&wording.on_the_host)),
        ("Next", wording.next.clone()),
        ("For you", list(&wording.next_steps)),
        ("Links", links.join("\n")),
    ] {
        if body.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{title}\n  {}\n", body.replace('\n', "\n  "));
    }
    let _ = write!(text, "Incident {}", report.incident_id);
    text
}

/// One thing stands alone, several in a list.
fn list(things: &[String]) -> String {
    match things {
        [one] => one.clone(),
        many => many.iter().map(|thing| format!("- {thing}")).collect::<Vec<_>>().join("\n"),
    }
}
