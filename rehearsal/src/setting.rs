//! The settings of a deployment, by the names they have in the code: `budget_percent=20`.

use jiff::SignedDuration;
use remedy::model::policy::{Mode, Policy};

/// How a setting is read and written.
type Set = fn(&mut Policy, &str) -> Option<()>;

macro_rules! number {
    ($field:ident) => {
        (stringify!($field), |policy: &mut Policy, value: &str| {
            policy.$field = value.parse().ok()?;
            Some(())
        })
    };
}

macro_rules! minutes {
    ($field:ident) => {
        (stringify!($field), |policy: &mut Policy, value: &str| {
            policy.$field = SignedDuration::from_mins(value.parse().ok()?);
            Some(())
        })
    };
}

/// Every setting that a number or a word tells, times in minutes.
const SETTINGS: [(&str, Set); 18] = [
    ("mode", |policy, value| {
        policy.mode = match value {
            "act" => Mode::Act,
            "observe" => Mode::Observe,
            _ => return None,
        };
        Some(())
    }),
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
];

/// The policy with `setting`, such as `budget_percent=20`.
pub fn with(policy: &Policy, setting: &str) -> Result<Policy, String> {
    let names = || SETTINGS.map(|(name, _)| name).join(", ");
    let (name, value) = setting.split_once('=').ok_or("a setting is written NAME=VALUE")?;
    let found = SETTINGS.iter().find(|(one, _)| *one == name.trim());
    let (_, set) = found.ok_or_else(|| format!("{name} is no setting; there are {}", names()))?;
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
        for (name, _) in SETTINGS {
            let value = if name == "mode" { "observe" } else { "7" };
            let changed = with(&usual, &format!("{name}={value}"));
            let is_as_before = name == "mode" && usual.mode == Mode::Observe;
            assert!(changed.is_ok_and(|it| is_as_before || it != usual), "{name}");
        }
    }
}
