//! Text from outside, made harmless. Alarm names, tags and what calls and hosts
//! say can hold anything.

/// No text from outside takes more room in a notification than this.
const QUOTE_CHARS_MAX: usize = 300;

/// `text` as one line of visible characters (control characters and the marks
/// that turn the direction of writing become `?`), cut to 300 characters.
pub(super) fn quote(text: &str) -> String {
    let harmless = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || turns { '?' } else { c }
    };
    let mut quoted: String = text.chars().take(QUOTE_CHARS_MAX).map(harmless).collect();
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() {
        quoted.push_str("...");
    }
    quoted
}

/// `text` without the characters that mention somebody, make a link or change
/// the type in a chat client's markdown.
pub(super) fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '`' => '\'',
        '*' => '∗',
        '@' => '＠',
        c => c,
    };
    text.chars().map(plain).collect()
}

/// `text` cut to `units_max` UTF-16 code units, the widest way of counting
/// characters there is.
pub(super) fn cut(text: &str, units_max: usize) -> String {
    if text.encode_utf16().count() <= units_max {
        return text.to_owned();
    }
    let mut left = units_max.saturating_sub(3);
    let fits = |c: &char| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push_str("...");
    cut
}
