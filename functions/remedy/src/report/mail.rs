//! The rendering for e-mail, and for whoever reads plain text.

use std::fmt::Write as _;

use super::wording::Wording;
use crate::report::outcome::Report;

/// The text of an e-mail.
pub(super) fn render(report: &Report, wording: &Wording) -> String {
    let pages: Vec<String> =
        wording.pages.iter().map(|(what, page)| format!("{what:<9}{page}")).collect();
    let mut text = String::new();
    for (title, body) in [
        ("Seen", wording.seen.clone()),
        ("Done", wording.done.clone()),
        ("Why", list(&wording.why)),
        ("Next", wording.next.clone()),
        ("For you", list(&wording.for_you)),
        ("Pages", pages.join("\n")),
    ] {
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
