//! The settings of a deployment, by the names they have in the code: `budget_percent=20`.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use remedy::model::ids::UnitName;
use remedy::model::policy::{Mode, Policy};

/// How a setting is read, and how it is written.
type Set = fn(&mut Policy, &str) -> Option<()>;
type Told = fn(&Policy) -> String;

macro_rules! number {
    ($field:ident) => {
        (
            stringify!($field),
            |policy: &mut Policy, value: &str| {
                policy.$field = value.parse().ok()?;
                Some(())
            },
            |policy: &Policy| policy.$field.to_string(),
        )
    };
}

macro_rules! minutes {
    ($field:ident) => {
        (
            stringify!($field),
            |policy: &mut Policy, value: &str| {
                policy.$field = SignedDuration::from_mins(value.parse().ok()?);
                Some(())
            },
            |policy: &Policy| policy.$field.as_mins().to_string(),
        )
    };
}

macro_rules! names {
    ($field:ident, $name:expr) => {
        (
            stringify!($field),
            |policy: &mut Policy, value: &str| {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                policy.$field = names.map($name).collect::<Option<_>>()?;
                Some(())
            },
            |policy: &Policy| {
                let names: Vec<String> = policy.$field.iter().map(ToString::to_string).collect();
                names.join(",")
            },
        )
    };
}

/// Every setting that numbers or words tell, times in minutes.
const SETTINGS: [(&str, Set, Told); 21] = [
    (
        "mode",
        |policy, value| {
            policy.mode = match value {
                "act" => Mode::Act,
                "observe" => Mode::Observe,
                _ => return None,
            };
            Some(())
        },
        |policy| if policy.mode == Mode::Act { "act" } else { "observe" }.to_owned(),
    ),
    minutes!(stale_after),
    minutes!(clock_skew),
    minutes!(agent_silent_after),
    minutes!(young_for),
    minutes!(claim_lasts),
    minutes!(first_look_after),
    minutes!(quiet_for),
    minutes!(cooldown),
    number!(repeats),
    minutes!(repeats_within),
    number!(budget_percent),
    number!(standalone_budget),
    number!(correlated_instances),
    number!(correlated_percent),
    minutes!(correlated_within),
    number!(disk_target_percent),
    number!(floor_percent),
    number!(grow_gib_a_day),
    names!(units, |name| UnitName::new(name).ok()),
    names!(calendars, |name| Some(name.to_owned())),
];

/// The settings in which `policy` is not as it comes.
pub fn told(policy: &Policy) -> BTreeMap<String, String> {
    let usual = Policy::default();
    let others = SETTINGS.iter().filter(|(_, _, told)| told(policy) != told(&usual));
    others.map(|(name, _, told)| ((*name).to_owned(), told(policy))).collect()
}

/// The policy with `setting`, such as `budget_percent=20`.
pub fn with(policy: &Policy, setting: &str) -> Result<Policy, String> {
    let names = || SETTINGS.map(|(name, ..)| name).join(", ");
    let (name, value) = setting.split_once('=').ok_or("a setting is written NAME=VALUE")?;
    let found = SETTINGS.iter().find(|(one, ..)| *one == name.trim());
    let (_, set, _) =
        found.ok_or_else(|| format!("{name} is no setting; there are {}", names()))?;
    let mut changed = policy.clone();
    set(&mut changed, value.trim()).ok_or_else(|| format!("{value} is no value of {name}"))?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_known_by_its_name() {
        let usual = Policy::default();
        assert_eq!(with(&usual, "budget_percent=20").map(|it| it.budget_percent), Ok(20));
        let young = with(&usual, "young_for = 30").map(|it| it.young_for);
        assert_eq!(young, Ok(SignedDuration::from_mins(30)));
        for wrong in ["budget_percent", "budget_percent=many", "budget=20", "mode=maybe"] {
            assert!(with(&usual, wrong).is_err(), "{wrong}");
        }
        for (name, ..) in SETTINGS {
            let value = match name {
                "mode" => "act",
                "units" => "app.service,web.service",
                _ => "7",
            };
            let changed = with(&usual, &format!("{name}={value}")).unwrap();
            assert_ne!(changed, usual, "{name}");
            // What is told of it makes it again.
            let told = told(&changed);
            assert_eq!(told, BTreeMap::from([(name.to_owned(), value.to_owned())]));
        }
        assert_eq!(told(&usual), BTreeMap::new());
    }
}
