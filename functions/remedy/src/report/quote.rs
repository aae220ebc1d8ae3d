//! Text from outside, made harmless. Alarm names, tags and what calls and hosts
//! say can hold anything.

/// No text from outside takes more room in a notification than this.
const QUOTE_CHARS_MAX: usize = 300;

/// `text` as one line of visible characters (control characters and the marks
/// that turn the direction of writing become `?`), cut to 300 characters, in which nothing
/// is a link that mail or chat would make live.
pub fn quote(text: &str) -> String {
    let harmless = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || turns { '?' } else { c }
    };
    let mut quoted: String = text.chars().take(QUOTE_CHARS_MAX).map(harmless).collect();
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() {
        quoted.push_str("...");
    }
    without_links(&quoted)
}

/// What mail programs and chats take for the beginning of a link, wherever it stands.
const LINKS_BEGIN: [&str; 3] = ["://", "www.", "mailto:"];

/// `text` with a blank in whatever begins a link. An object in a bucket is no page, and
/// its address is copied whole.
fn without_links(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let begins = LINKS_BEGIN.into_iter().find_map(|link| {
            let start = rest.get(..link.len())?;
            start.eq_ignore_ascii_case(link).then_some(start)
        });
        match begins {
            Some(start) if start != "://" || !is_bucket(&broken) => {
                let (but_the_last, last) = start.split_at(start.len() - 1);
                broken.extend([but_the_last, " ", last]);
                rest = rest.get(start.len()..).unwrap_or_default();
            }
            _ => {
                broken.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    broken
}

fn is_bucket(before: &str) -> bool {
    let scheme = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
    scheme == Some("s3")
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
