//! Correlated failure: when many members show one symptom at once, what they
//! share is to blame, and disrupting them one after another only spreads it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::alarm::Symptom;
use crate::model::ids::InstanceId;
use crate::model::policy::Policy;
use crate::model::pool::Sighting;
use crate::model::reason::Reason;

/// So many sick members share a cause, however large their group is: 30 hosts do not fall
/// ill within minutes by chance. A bound keeps the count from growing with the fleet.
pub const SICK_COUNTED_MAX: usize = 30;

/// What the `sick` members of a pool share, if it is more than chance; `None` if each has
/// trouble of its own. `size` is how many members the pool has, if that is known.
pub fn judge(
    symptom: Symptom,
    (sick, zone): (&[Sighting], Option<&str>),
    size: Option<u32>,
    now: Timestamp,
    policy: &Policy,
) -> Option<Reason> {
    let lately: Vec<&Sighting> = sick
        .iter()
        .filter(|sighting| now.duration_since(sighting.at) < policy.correlated_within)
        .collect();
    if let Some(zone) = zone.filter(|_| symptom == Symptom::Unreachable)
        && let Some(reason) = zone_of(&lately, zone)
    {
        return Some(reason);
    }
    let who: BTreeSet<&InstanceId> = lately.iter().map(|sighting| &sighting.instance).collect();
    let count = who.len();
    // All of two is as much as all of three.
    let all = count > 1 && size.is_some_and(|size| count as u64 >= u64::from(size));
    if count < policy.correlated_instances && !all {
        return None;
    }
    let share =
        |percent: u64| size.is_none_or(|size| count as u64 * 100 >= u64::from(size) * percent);
    if !share(u64::from(policy.correlated_percent)) && count < SICK_COUNTED_MAX {
        return None;
    }
    // High CPU on most of a group is work to do, not a fault of its members.
    if symptom == Symptom::HighCpu && size.is_some() && share(51) {
        return Some(Reason::LoadNotFault { count, of: size });
    }
    Some(Reason::CorrelatedFailure { symptom, count, of: size, shared: shared(&lately, size) })
}

/// Two that nothing answers from in one zone are the zone, whatever pools they are of: hosts do
/// not hang in pairs.
fn zone_of(sick: &[&Sighting], zone: &str) -> Option<Reason> {
    let there = sick.iter().filter(|sighting| !zone.is_empty() && sighting.zone == zone);
    let count = there.map(|sighting| &sighting.instance).collect::<BTreeSet<_>>().len();
    (count > 1).then(|| Reason::ZoneImpaired { zone: zone.to_owned(), count })
}

/// What all of them have in common, for people.
fn shared(sick: &[&Sighting], size: Option<u32>) -> String {
    let mut shared = Vec::new();
    let one = |name: &str, of: fn(&Sighting) -> Option<&str>| {
        let values: BTreeSet<Option<&str>> = sick.iter().map(|sighting| of(sighting)).collect();
        match values.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(value)] if !value.is_empty() => Some(format!("{name} {value}")),
            _ => None,
        }
    };
    shared.extend(one("zone", |sighting| Some(&sighting.zone)));
    shared.extend(one("image", |sighting| Some(&sighting.image)));
    shared.extend(one("launch template version", |sighting| {
        sighting.launch_template_version.as_deref()
    }));
    if size.is_some_and(|size| sick.len() >= size as usize) {
        shared.push("that they are all of the group".to_owned());
    }
    if shared.is_empty() {
        return "nothing that is known here".to_owned();
    }
    shared.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(10_000).unwrap()
    }

    /// One sighting a minute, the newest now, in zones a and b by turns.
    fn sick(count: i64) -> Vec<Sighting> {
        (0..count)
            .map(|n| Sighting {
                instance: InstanceId::new(format!("i-{n:08x}")).unwrap(),
                at: Timestamp::from_second(10_000 - n * 10).unwrap(),
                zone: if n % 2 == 0 { "a" } else { "b" }.to_owned(),
                image: "ami-1".to_owned(),
                launch_template_version: None,
            })
            .collect()
    }

    fn code(symptom: Symptom, sick: &[Sighting], size: Option<u32>) -> Option<&'static str> {
        judged(symptom, sick, None, size)
    }

    fn judged(
        symptom: Symptom,
        sick: &[Sighting],
        zone: Option<&str>,
        size: Option<u32>,
    ) -> Option<&'static str> {
        judge(symptom, (sick, zone), size, now(), &Policy::default()).map(|reason| reason.code())
    }

    #[test]
    fn two_unreachable_in_one_zone_are_the_zone() {
        let (zone, correlated) = (Some("zone-impaired"), Some("correlated-failure"));
        let of_a = |count: i64| -> Vec<Sighting> {
            sick(count * 2).into_iter().filter(|sighting| sighting.zone == "a").collect()
        };
        for (what, symptom, sick, of, expected) in [
            ("itself alone", Symptom::Unreachable, of_a(1), "a", None),
            ("another beside it", Symptom::Unreachable, of_a(2), "a", zone),
            ("two, in another zone", Symptom::Unreachable, of_a(2), "b", None),
            ("one here and one there", Symptom::Unreachable, sick(2), "a", None),
            ("three of ten, one of them here", Symptom::Unreachable, sick(3), "b", correlated),
            ("a zone that nobody knows", Symptom::Unreachable, of_a(2), "", None),
            ("another symptom", Symptom::DiskFull, of_a(2), "a", None),
        ] {
            assert_eq!(judged(symptom, &sick, Some(of), Some(10)), expected, "{what}");
        }
        let mut same = of_a(2);
        same[1].instance = same[0].instance.clone();
        assert_eq!(judged(Symptom::Unreachable, &same, Some("a"), Some(10)), None, "one twice");
    }

    #[test]
    fn three_and_a_third_of_the_group_or_all_of_two_are_correlated() {
        let correlated = Some("correlated-failure");
        for (count, size, expected) in [
            (1, Some(1), None),
            (2, Some(2), correlated),
            (2, Some(3), None),
            (3, Some(3), correlated),
            (3, Some(10), correlated),
            (3, Some(11), None),
            (4, Some(13), correlated),
            (29, Some(1_000), None),
            (30, Some(1_000), correlated),
            (2, None, None),
            (3, None, correlated),
        ] {
            assert_eq!(
                code(Symptom::DiskFull, &sick(count), size),
                expected,
                "{count} of {size:?}"
            );
        }
    }

    #[test]
    fn an_instance_counts_once_and_only_for_a_while() {
        let mut same = sick(3);
        same[2].instance = same[1].instance.clone();
        assert_eq!(code(Symptom::DiskFull, &same, Some(3)), None);
        let mut old = sick(3);
        old[2].at = Timestamp::from_second(10_000 - 600).unwrap();
        assert_eq!(code(Symptom::DiskFull, &old, Some(3)), None);
    }

    #[test]
    fn high_cpu_on_most_of_a_group_is_load() {
        let load = Some("load-not-fault");
        assert_eq!(code(Symptom::HighCpu, &sick(3), Some(5)), load);
        assert_eq!(code(Symptom::HighCpu, &sick(2), Some(2)), load);
        assert_eq!(code(Symptom::HighCpu, &sick(3), Some(6)), Some("correlated-failure"));
        assert_eq!(code(Symptom::MemoryPressure, &sick(3), Some(5)), Some("correlated-failure"));
    }

    #[test]
    fn what_they_share_is_named() {
        let shared = |sick: &[Sighting], size| {
            let sick: Vec<&Sighting> = sick.iter().collect();
            shared(&sick, size)
        };
        assert_eq!(shared(&sick(4), Some(10)), "image ami-1");
        assert_eq!(shared(&sick(4), Some(4)), "image ami-1, that they are all of the group");
        let mut alike = sick(4);
        for (n, sighting) in alike.iter_mut().enumerate() {
            sighting.image = n.to_string();
        }
        assert_eq!(shared(&alike, Some(10)), "nothing that is known here");
        for sighting in &mut alike {
            sighting.zone = "a".to_owned();
            sighting.launch_template_version = Some("7".to_owned());
        }
        assert_eq!(shared(&alike, None), "zone a, launch template version 7");
    }
}
