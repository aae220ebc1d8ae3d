//! Change calendars: the times at which an owner lets nothing be changed, kept in Systems
//! Manager, and which of them an instance is under.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// The tag of an instance or of its group that names calendars, by their names or ARNs.
pub const CALENDAR_TAG: &str = "auto-remediation-calendar";

/// The word in [`CALENDAR_TAG`] by which a closed calendar holds cleanups back, too.
const ALL: &str = "all";

/// The calendars that an instance is under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendars {
    /// Their names or ARNs.
    pub names: BTreeSet<String>,
    /// Whether they hold cleanups back, too.
    pub all: bool,
}

impl Calendars {
    /// Those of the deployment, and those that the owner's tags name.
    pub fn of<'a>(
        deployment: &BTreeSet<String>,
        tags: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
    ) -> Self {
        let mut calendars = Self { names: deployment.clone(), all: false };
        let tagged = tags.into_iter().filter_map(|tags| tags.get(CALENDAR_TAG));
        for name in tagged.flat_map(|text| names(text)) {
            if name == ALL {
                calendars.all = true;
            } else {
                calendars.names.insert(name.to_owned());
            }
        }
        calendars
    }

    /// Their names, for people.
    pub fn named(&self) -> String {
        self.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The names in a tag or a setting, which commas or blanks separate.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|name| !name.is_empty())
}

/// What calendars say at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarState {
    /// Whether all of them let changes be made.
    pub is_open: bool,
    /// When that changes next, if it does.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendars_are_named_by_the_deployment_and_by_tags() {
        let tags = |text: &str| BTreeMap::from([(CALENDAR_TAG.to_owned(), text.to_owned())]);
        let own = BTreeSet::from(["freeze".to_owned()]);
        let none = BTreeMap::new();
        let found = |deployment: &BTreeSet<String>, tags: [&BTreeMap<String, String>; 2]| {
            let calendars = Calendars::of(deployment, tags);
            (calendars.named(), calendars.all)
        };
        assert_eq!(found(&BTreeSet::new(), [&none, &none]), (String::new(), false));
        assert_eq!(found(&own, [&none, &none]), ("freeze".to_owned(), false));
        let (a, b) = (tags("release, freeze"), tags("all night"));
        assert_eq!(found(&own, [&a, &b]), ("freeze, night, release".to_owned(), true));
        assert_eq!(found(&own, [&tags("all"), &none]), ("freeze".to_owned(), true));
    }
}
