//! What a subcommand answers, for people and for programs.

use serde_json::Value;

/// An answer.
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
    /// Whether it has found something that somebody should look at.
    pub(crate) found: bool,
}

/// Rows in columns that are as wide as what is in them; the last one is as wide as it likes.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|name| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(head.to_vec())).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let rows = [["group:web", "a"], ["all", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["scope", "why"], &rows), "scope      why\ngroup:web  a\nall\n");
    }
}
