//! A walk through an event that remembers the way, so that an error can name
//! the field it stands on. Fields nobody asks for are never looked at: whatever
//! AWS adds to an event, or sends as null, breaks nothing.

use jiff::Timestamp;
use serde_json::Value;

use super::Unreadable;

/// How much of a found text an error or a reason repeats, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// What of an event could not be read although nothing but certainty hangs on it.
/// The first such thing is told.
#[derive(Debug, Default)]
pub(crate) struct Doubts(Option<String>);

impl Doubts {
    /// Notes that something could not be read.
    pub(crate) fn note(&mut self, error: &Unreadable) {
        self.0.get_or_insert_with(|| format!("a part of the event cannot be read: {error}"));
    }

    /// What was noted first.
    pub(crate) fn first(self) -> Option<String> {
        self.0
    }
}

/// One value of an event and the path that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    /// The value at `path`, from where a walk begins.
    pub(crate) fn at(path: impl Into<String>, value: &'a Value) -> Self {
        work::done();
        Self { path: path.into(), value }
    }

    /// The path that leads here.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// The member `key`, unless it is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key)?;
        (!value.is_null()).then(|| Self::at(self.path_of(key), value))
    }

    /// The member `key`, which must be there.
    pub(crate) fn need(&self, key: &str, expected: &str) -> Result<Self, Unreadable> {
        if !self.value.is_object() {
            return Err(self.unlike("an object"));
        }
        self.get(key).ok_or_else(|| Unreadable::new(self.path_of(key), expected, "nothing"))
    }

    /// The member `key`, which must be there and an object.
    pub(crate) fn object(&self, key: &str) -> Result<Self, Unreadable> {
        let field = self.need(key, "an object")?;
        if field.value.is_object() { Ok(field) } else { Err(field.unlike("an object")) }
    }

    /// What `read` makes of the member `key`, if it is there. One that cannot be read is
    /// as good as missing, and a doubt.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        doubts: &mut Doubts,
        read: impl FnOnce(&Self) -> Result<T, Unreadable>,
    ) -> Option<T> {
        match read(&self.get(key)?) {
            Ok(value) => Some(value),
            Err(error) => {
                doubts.note(&error);
                None
            }
        }
    }

    /// The text that must be here.
    pub(crate) fn text(&self) -> Result<&'a str, Unreadable> {
        self.value.as_str().ok_or_else(|| self.unlike("a text"))
    }

    /// The text of the member `key`, if it has one. A member that is there and
    /// no text is an error.
    pub(crate) fn text_of(&self, key: &str) -> Result<Option<&'a str>, Unreadable> {
        self.get(key).map(|field| field.text()).transpose()
    }

    /// The text of the member `key`, which must be there.
    pub(crate) fn needed_text(&self, key: &str) -> Result<&'a str, Unreadable> {
        self.need(key, "a text")?.text()
    }

    /// The point in time the member `key` must say: RFC 3339, or `CloudWatch`'s
    /// own writing of it with an offset `+0000` that has no colon.
    pub(crate) fn needed_time(&self, key: &str) -> Result<Timestamp, Unreadable> {
        let expected = "a time such as 2026-11-20T03:14:00.000+0000";
        let field = self.need(key, expected)?;
        let text = field.text()?;
        text.parse().map_err(|_| field.unlike(expected))
    }

    /// The elements that must be here.
    pub(crate) fn list(&self) -> Result<Vec<Self>, Unreadable> {
        let elements = self.value.as_array().ok_or_else(|| self.unlike("a list"))?;
        let element = |(i, value)| Self::at(format!("{}[{i}]", self.path), value);
        Ok(elements.iter().enumerate().map(element).collect())
    }

    /// The members that must be here, with their names.
    pub(crate) fn members(&self) -> Result<Vec<(&'a str, Self)>, Unreadable> {
        let members = self.value.as_object();
        let members = members.ok_or_else(|| self.unlike("an object"))?;
        let member = |(key, value)| Self::at(self.path_of(key), value);
        Ok(members.iter().map(|(key, value)| (key.as_str(), member((key, value)))).collect())
    }

    /// The error that something else was expected here.
    pub(crate) fn unlike(&self, expected: &str) -> Unreadable {
        let path = if self.path.is_empty() { "event" } else { &self.path };
        Unreadable::new(path, expected, &quoted(&self.value.to_string()))
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { quoted(key) } else { format!("{}.{}", self.path, quoted(key)) }
    }
}

/// `text` fit for one line of a message: short, and with everything escaped
/// that is not plain ASCII. What an event says is never trusted.
pub(crate) fn quoted(text: &str) -> String {
    quoted_up_to(QUOTED_CHARS_MAX, text)
}

/// The same, cut to `chars_max` characters.
pub(crate) fn quoted_up_to(chars_max: usize, text: &str) -> String {
    let mut quoted = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == chars_max {
            quoted.push_str("...");
            break;
        }
        if c == ' ' || c.is_ascii_graphic() {
            quoted.push(c);
        } else {
            quoted.extend(c.escape_default());
        }
    }
    quoted
}

/// Counts the steps of reading an event, for the test that holds their number to the
/// event's size.
pub(super) mod work {
    #[cfg(test)]
    thread_local! {
        static DONE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    /// Notes a step.
    pub(crate) fn done() {
        #[cfg(test)]
        DONE.set(DONE.get() + 1);
    }

    /// The steps that `read` takes.
    #[cfg(test)]
    pub(crate) fn of(read: impl FnOnce()) -> usize {
        DONE.set(0);
        read();
        DONE.get()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_names_the_way_to_the_field() {
        let event = json!({"detail": {"state": {"value": 5}, "metrics": [{}, {"id": null}]}});
        let root = Field::at("", &event);
        let detail = root.object("detail").unwrap();
        let value = detail.object("state").unwrap().needed_text("value");
        assert_eq!(value.unwrap_err().to_string(), "detail.state.value: expected a text, found 5");
        let metrics = detail.need("metrics", "a list").unwrap().list().unwrap();
        let id = metrics[1].needed_text("id");
        assert_eq!(
            id.unwrap_err().to_string(),
            "detail.metrics[1].id: expected a text, found nothing"
        );
    }

    #[test]
    fn times_are_read_as_cloudwatch_and_eventbridge_write_them() {
        let expected: Timestamp = "2019-10-02T17:04:40Z".parse().unwrap();
        for text in [
            "2019-10-02T17:04:40.000+0000",
            "2019-10-02T17:04:40+0000",
            "2019-10-02T17:04:40Z",
            "2019-10-02T17:04:40.000Z",
            "2019-10-02T19:04:40+02:00",
        ] {
            let event = json!({"time": text});
            let time = Field::at("", &event).needed_time("time");
            assert_eq!(time, Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "2019-10-02", "2019-10-02T17:04:40", "1570035880"] {
            let event = json!({"time": text});
            assert!(Field::at("", &event).needed_time("time").is_err(), "{text}");
        }
    }

    #[test]
    fn a_quoted_text_is_short_and_plain() {
        assert_eq!(quoted("a\n\u{202e}b"), "a\\n\\u{202e}b");
        assert_eq!(quoted(&"x".repeat(200)), format!("{}...", "x".repeat(80)));
    }
}
