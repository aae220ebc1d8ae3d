//! Pauses: a person's word that nothing new is begun for a while. A pause is
//! data with a reason, an owner and an end, so that no redeployment can undo
//! it and nobody has to remember to lift it. What runs already is finished.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::alarm::Symptom;
use crate::model::ids::{GroupName, InstanceId, InvalidId};
use crate::model::pool::Pool;
use crate::model::rung::Rung;

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
    /// Everything in one Availability Zone, such as one that traffic was shifted away from.
    Zone(String),
    /// One rung for one symptom, in one pool or, without one, in the whole region. Remedy lets
    /// it rest by itself.
    Rung {
        /// The rung.
        rung: Rung,
        /// The symptom.
        symptom: Symptom,
        /// The pool.
        pool: Option<Pool>,
    },
}

impl Scope {
    /// Whether the scope holds `symptom` of `instance` in `zone`, a member of `group`.
    pub fn covers(
        &self,
        instance: &InstanceId,
        zone: Option<&str>,
        group: Option<&GroupName>,
        symptom: Symptom,
    ) -> bool {
        match self {
            Self::All => true,
            Self::Group(name) => group == Some(name),
            Self::Instance(id) => id == instance,
            Self::Symptom(which) => *which == symptom,
            Self::Zone(name) => zone == Some(name.as_str()),
            // The other rungs go on.
            Self::Rung { .. } => false,
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
            Self::Zone(name) => write!(f, "zone:{name}"),
            Self::Rung { rung, symptom, pool } => {
                write!(f, "rung:{rung}:{symptom}:")?;
                match pool {
                    Some(Pool::Group(name)) => write!(f, "group:{name}"),
                    Some(Pool::Standalone(name)) => write!(f, "standalone:{name}"),
                    Some(Pool::Zone(name)) => write!(f, "zone:{name}"),
                    None => f.write_str("region"),
                }
            }
        }
    }
}

/// How a person writes a scope.
const FORM: &str = "all, group:NAME, instance:ID, symptom:NAME or zone:NAME";

impl FromStr for Scope {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("group", name)) => GroupName::new(name).map(Self::Group),
            Some(("instance", id)) => InstanceId::new(id).map(Self::Instance),
            Some(("symptom", name)) => name.parse().map(Self::Symptom),
            Some(("rung", rest)) => {
                a_rung(rest).ok_or_else(|| InvalidId::new(text, FORM_OF_A_RUNG))
            }
            Some(("zone", name)) if is_zone(name) => Ok(Self::Zone(name.to_owned())),
            _ => Err(InvalidId::new(text, FORM)),
        }
    }
}

/// How a person writes the scope of a rung.
const FORM_OF_A_RUNG: &str = "rung:RUNG:SYMPTOM: and group:NAME, standalone:TAG or region";

fn a_rung(text: &str) -> Option<Scope> {
    let mut parts = text.splitn(3, ':');
    let (rung, symptom, pool) = (parts.next()?, parts.next()?, parts.next()?);
    let rungs = [Rung::Reboot, Rung::Replace];
    let rung = rungs.into_iter().find(|one| one.name() == rung)?;
    let symptom = symptom.parse().ok()?;
    let pool = match pool.split_once(':') {
        None if pool == "region" => None,
        Some(("group", name)) => Some(Pool::Group(GroupName::new(name).ok()?)),
        Some(("standalone", name)) => Some(Pool::Standalone(name.to_owned())),
        _ => return None,
    };
    Some(Scope::Rung { rung, symptom, pool })
}

/// A zone's name, such as `eu-central-1a`, and not its id, such as `euc1-az2`, which EC2 does
/// not say of an instance.
fn is_zone(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.ends_with(|c: char| c.is_ascii_lowercase())
        && name.contains('-')
        && name.chars().all(plain)
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
    /// Whether it lets a rung rest that did harm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub harm: bool,
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
        for text in [
            "all",
            "group:web",
            "group:a:b",
            "instance:i-0123abcd",
            "symptom:disk-full",
            "zone:eu-central-1a",
            "rung:reboot:high-cpu:group:a:b",
            "rung:replace:disk-full:standalone:db",
            "rung:reboot:high-cpu:region",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "ALL",
            "everything",
            "group:",
            "instance:web-1",
            "symptom:rain",
            "i-0123abcd",
            "zone:",
            "zone:euc1-az2",
            "rung:reboot:high-cpu",
            "rung:restart:high-cpu:region",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_covers_what_it_names_and_nothing_else() {
        let id = |text: &str| InstanceId::new(text).unwrap();
        let web = GroupName::new("web").unwrap();
        let covers = |text: &str| {
            let scope: Scope = text.parse().unwrap();
            let zone = Some("eu-central-1a");
            scope.covers(&id("i-0123abcd"), zone, Some(&web), Symptom::DiskFull)
        };
        for text in
            ["all", "group:web", "instance:i-0123abcd", "symptom:disk-full", "zone:eu-central-1a"]
        {
            assert!(covers(text), "{text}");
        }
        for text in ["group:we", "instance:i-0123abce", "symptom:high-cpu", "zone:eu-central-1b"] {
            assert!(!covers(text), "{text}");
        }
        assert!(!Scope::Group(web).covers(&id("i-0123abcd"), None, None, Symptom::DiskFull));
    }
}
