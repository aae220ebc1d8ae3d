//! Pauses: a person's word that nothing new is begun for a while. A pause is
//! data with a reason, an owner and an end, so that no redeployment can undo
//! it and nobody has to remember to lift it. What runs already is finished.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::alarm::Symptom;
use crate::model::ids::{GroupName, InstanceId, InvalidId};

/// The longest pause: whoever needs more than a week removes the opt-in tag.
pub const LASTS_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a pause is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Everything this deployment does.
    All,
    /// One Auto Scaling group and its members.
    Group(GroupName),
    /// One instance.
    Instance(InstanceId),
    /// One symptom, wherever it shows.
    Symptom(Symptom),
}

impl Scope {
    /// Whether the scope holds `symptom` of `instance`, a member of `group`.
    pub fn covers(
        &self,
        instance: &InstanceId,
        group: Option<&GroupName>,
        symptom: Symptom,
    ) -> bool {
        match self {
            Self::All => true,
            Self::Group(name) => group == Some(name),
            Self::Instance(id) => id == instance,
            Self::Symptom(which) => *which == symptom,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Instance(id) => write!(f, "instance:{id}"),
            Self::Symptom(symptom) => write!(f, "symptom:{symptom}"),
        }
    }
}

/// How a person writes a scope.
const FORM: &str = "all, group:NAME, instance:ID or symptom:NAME";

impl FromStr for Scope {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("group", name)) => GroupName::new(name).map(Self::Group),
            Some(("instance", id)) => InstanceId::new(id).map(Self::Instance),
            Some(("symptom", name)) => {
                let known = Symptom::ALL.into_iter().find(|symptom| symptom.name() == name);
                known.map(Self::Symptom).ok_or_else(|| InvalidId::new(name, "a symptom's name"))
            }
            _ => Err(InvalidId::new(text, FORM)),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

/// One pause. Of each scope there is at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What it is about.
    pub scope: Scope,
    /// Why, for everybody who wonders.
    pub reason: String,
    /// Who asks for it.
    pub owner: String,
    /// When it was set.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

impl Pause {
    /// Whether it is in force at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for text in ["all", "group:web", "group:a:b", "instance:i-0123abcd", "symptom:disk-full"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in
            ["", "ALL", "everything", "group:", "instance:web-1", "symptom:rain", "i-0123abcd"]
        {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_covers_what_it_names_and_nothing_else() {
        let id = |text: &str| InstanceId::new(text).unwrap();
        let web = GroupName::new("web").unwrap();
        let covers = |text: &str| {
            let scope: Scope = text.parse().unwrap();
            scope.covers(&id("i-0123abcd"), Some(&web), Symptom::DiskFull)
        };
        for text in ["all", "group:web", "instance:i-0123abcd", "symptom:disk-full"] {
            assert!(covers(text), "{text}");
        }
        for text in ["group:we", "instance:i-0123abce", "symptom:high-cpu"] {
            assert!(!covers(text), "{text}");
        }
        assert!(!Scope::Group(web).covers(&id("i-0123abcd"), None, Symptom::DiskFull));
    }
}
