//! Whether a rung can be carried out, for all that is known.

use crate::model::alarm::Symptom;
use crate::model::busy::Busy;
use crate::model::growth::Growth;
use crate::model::incident::{Past, Rung, Stage, Standby};
use crate::model::managed_node::ManagedBy;
use crate::model::pause::{Pause, Scope};
use crate::model::platform::Platform;
use crate::model::policy::MAX_RUNG_TAG;
use crate::model::policy::OptIn;
use crate::model::policy::Policy;
use crate::model::reason::Reason;
use crate::model::unknown::Unknown;
use crate::observe::facts::{Fact, Facts, GroupFact};
use crate::ports::look::{Group, Membership};
use jiff::SignedDuration;

/// Whether a rung can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Availability {
    /// It can, in this Standby, if it needs one.
    Available(Option<Standby>),
    /// The volume can grow so; `None` until the host has said which one it is.
    Grows(Option<Box<Growth>>),
    /// It cannot, and that stays so.
    Unavailable(Reason),
    /// Unavailable for a while. Waiting is right, a higher rung is not.
    NotNow(Reason),
    /// A fact that it hangs on is not known.
    InDoubt(Unknown),
}

use Availability::{Available, Grows, InDoubt, NotNow, Unavailable};

/// Whether a member may still leave service, or be replaced, after what its owner and its
/// group's owner have done since. `Ok(Some)` names what is in the way for a while or not
/// known, `Err` what will stay in the way.
pub fn still_movable(rung: Rung, facts: &Facts) -> Result<Option<Reason>, Reason> {
    let stop = match (&facts.membership, group(facts)) {
        (Fact::Unknown(unknown), _) => Some(InDoubt(unknown.clone())),
        (Fact::Known(None), _) => Some(Unavailable(Reason::NotInGroup)),
        (_, Err(stop)) => Some(stop),
        (Fact::Known(Some(membership)), Ok(group)) => not_ours_to_move(group, membership, facts)
            .or_else(|| match rung {
                Rung::Replace => cannot_replace(group, membership),
                Rung::Cleanup | Rung::Grow | Rung::Reboot => cannot_come_back(group),
            }),
    };
    match stop {
        None | Some(Available(_) | Grows(_)) => Ok(busy(facts)),
        Some(NotNow(reason)) => Ok(Some(reason)),
        Some(InDoubt(unknown)) => Ok(Some(Reason::FactUnknown(unknown))),
        Some(Unavailable(reason)) => Err(reason),
    }
}

pub(crate) fn cannot_come_back(group: &Group) -> Option<Availability> {
    let why = "the group's Launch process is suspended, and it could not come back";
    let suspended = group.suspended.contains("Launch");
    suspended.then_some(Unavailable(Reason::StandbyImpossible { why }))
}

/// Why a member may not be moved out of its group's service: it is not in it,
/// the group's owner has not opted in, or a refresh is moving members already.
pub(crate) fn not_ours_to_move(
    group: &Group,
    membership: &Membership,
    facts: &Facts,
) -> Option<Availability> {
    if let Some(reason) = not_in_service(membership) {
        return Some(if reason.passes() { NotNow(reason) } else { Unavailable(reason) });
    }
    let name = membership.group.clone();
    match OptIn::of(&group.tags) {
        OptIn::Enabled => {}
        OptIn::Observe => return Some(Unavailable(Reason::GroupObserved { group: name })),
        OptIn::No(found) => {
            return Some(Unavailable(Reason::GroupNotOptedIn { group: name, found }));
        }
    }
    match &facts.group {
        GroupFact::Read { refresh: Fact::Unknown(unknown), .. } => Some(InDoubt(unknown.clone())),
        GroupFact::Read { refresh: Fact::Known(Some(status)), .. } => {
            Some(NotNow(Reason::RefreshRunning { status: status.clone() }))
        }
        _ => None,
    }
}

/// Why the instance is left alone for now, if it still boots: it was launched a short while
/// ago, or its checks have no verdict yet.
pub(crate) fn too_young(facts: &Facts, policy: &Policy) -> Option<Reason> {
    let launched_at = match &facts.instance {
        Fact::Known(Some(instance)) => instance.launched_at,
        _ => None,
    };
    let until = launched_at.map(|launched_at| launched_at + policy.young_for);
    let until = until.filter(|until| facts.observed_at < *until);
    let initializing = matches!(&facts.status, Fact::Known(Some(status)) if status.initializing);
    (until.is_some() || initializing).then_some(Reason::TooYoung { until })
}

/// Why a member is not in service, if it is not. One that its group starts, or that somebody
/// has taken out for a while, may come in; one that leaves does not (Auto Scaling user guide,
/// "Amazon EC2 Auto Scaling instance lifecycle").
pub(crate) fn not_in_service(membership: &Membership) -> Option<Reason> {
    let lifecycle = membership.lifecycle.clone();
    let comes_in = ["Pending", "Standby", "EnteringStandby", "Warmed:", "ReplacingRootVolume"];
    if lifecycle == "InService" {
        None
    } else if comes_in.iter().any(|state| lifecycle.starts_with(state)) {
        Some(Reason::NotYetInService { lifecycle })
    } else {
        Some(Reason::NotInService { lifecycle })
    }
}

/// Why the owner of the instance, its group or the alarm does not want `rung`, if one of them
/// does not. A limit that we do not know allows a cleanup only.
pub(crate) fn beyond_limit(rung: Rung, facts: &Facts) -> Option<Reason> {
    let of_instance = match &facts.instance {
        Fact::Known(Some(instance)) => instance.tags.get(MAX_RUNG_TAG),
        _ => None,
    };
    let of_group = match &facts.group {
        GroupFact::Read { group: Fact::Known(Some(group)), .. } => group.tags.get(MAX_RUNG_TAG),
        _ => None,
    };
    let allows = |limit: &str| match limit {
        "replace" => true,
        "reboot" => rung != Rung::Replace,
        "grow" => matches!(rung, Rung::Cleanup | Rung::Grow),
        _ => rung == Rung::Cleanup,
    };
    let of_alarm = facts.alarm_limit.as_ref();
    let limits = [(of_alarm, "the alarm"), (of_instance, "the instance"), (of_group, "its group")];
    let (limit, of) = limits
        .into_iter()
        .filter_map(|(limit, of)| Some((limit?, of)))
        .find(|(limit, _)| !allows(limit))?;
    Some(Reason::RungLimited { rung, limit: limit.clone(), of })
}

/// Why somebody else's work keeps the instance from a disruption for a while, by the tag of the
/// instance or of its group. Of two times the later counts, and what cannot be read first.
pub(crate) fn busy(facts: &Facts) -> Option<Reason> {
    let mut latest = None;
    for (of, tags) in facts.owners_tags() {
        match Busy::of(tags, facts.observed_at) {
            Some(Busy::Unclear(value)) => return Some(Reason::BusyUnclear { of, value }),
            Some(Busy::Until(until)) => latest = latest.max(Some((until, of))),
            None => {}
        }
    }
    latest.map(|(until, of)| Reason::Busy { of, until })
}

/// Why a scheduler's node gets no more than a cleanup, unless its owner lets nodes of its kind
/// be disrupted: what runs there has to be moved first, and only its scheduler does that.
pub(crate) fn managed(facts: &Facts) -> Option<Reason> {
    let tags: Vec<_> = facts.owners_tags().into_iter().map(|(_, tags)| tags).collect();
    let by = ManagedBy::of_tags(&tags)?;
    Some(Reason::ManagedNode { by })
}

/// Why nobody can ask the host itself before it is disrupted, if our scripts are not written for
/// its platform: whether somebody works on it, or an installation is under way, is not known.
pub(crate) fn cannot_be_asked(facts: &Facts) -> Option<Reason> {
    let platform = facts.platform().filter(|platform| *platform != Platform::Linux)?;
    Some(Reason::PlatformNotAsked { platform })
}

/// The group, or why the rung that asks for it stops here.
pub(crate) fn group(facts: &Facts) -> Result<&Group, Availability> {
    match (&facts.group, facts.group_name()) {
        (GroupFact::Read { group: Fact::Known(Some(group)), .. }, _) => Ok(group),
        (GroupFact::Read { group: Fact::Unknown(unknown), .. }, _) => Err(InDoubt(unknown.clone())),
        (GroupFact::Read { group: Fact::Known(None), .. }, Some(name)) => {
            Err(Unavailable(Reason::GroupMissing { group: name.clone() }))
        }
        _ => Err(InDoubt(group_not_read())),
    }
}

pub(crate) fn group_not_read() -> Unknown {
    Unknown::NotAsked { call: "autoscaling:DescribeAutoScalingGroups", what: "the group" }
}

pub(crate) fn pool_not_read() -> Unknown {
    Unknown::NotAsked { call: "dynamodb:BatchGetItem", what: "the pool" }
}

/// In how many repeats `rung` was the last that did something, if there are so many that
/// it does not help. Of a disruption it does not matter how they ended: what a person had
/// to end it did not help either. A cleanup that a person went on from proves nothing, and
/// must not lead to a disruption.
pub(crate) fn did_not_last(
    rung: Rung,
    symptom: Symptom,
    facts: &Facts,
    policy: &Policy,
) -> Option<usize> {
    let repeats: Vec<Past> = repeats(symptom, facts, policy).collect();
    let counts = |stage: Stage| match stage {
        Stage::Resolved => true,
        Stage::HandedOver | Stage::Expired => rung.is_disruptive(),
        Stage::Waiting
        | Stage::Cleaning
        | Stage::Surveying
        | Stage::Snapshotting
        | Stage::Growing
        | Stage::Extending
        | Stage::Gathering
        | Stage::Draining
        | Stage::Rebooting
        | Stage::Returning
        | Stage::Replacing
        | Stage::Watching
        | Stage::Withdrawn => false,
    };
    let tried = |past: &&Past| past.rung == Some(rung) && counts(past.stage);
    let count = repeats.iter().filter(tried).count();
    (1 + repeats.len() >= policy.repeats && count > 0).then_some(count)
}

/// An instance is disrupted this often within a day at most, whatever the cause: what two
/// disruptions did not mend, a third does not.
const DISRUPTIONS_A_DAY_MAX: usize = 2;

/// How often the instance was disrupted within a day, if that was often enough.
pub(crate) fn disrupted_today(tried: &[Rung], facts: &Facts) -> Option<usize> {
    let since = facts.observed_at - SignedDuration::from_hours(24);
    let past = facts.past();
    let before: usize =
        past.iter().filter(|past| past.ended_at >= since).map(Past::disrupted).sum();
    let count = before + tried.iter().filter(|rung| rung.is_disruptive()).count();
    (count >= DISRUPTIONS_A_DAY_MAX).then_some(count)
}

/// Why `rung` rests for `symptom`, in the instance's pool or in the whole region, if it does.
pub(crate) fn resting(rung: Rung, symptom: Symptom, facts: &Facts) -> Option<Reason> {
    let Fact::Known(history) = &facts.history else { return None }; // `not_paused` refuses.
    let own = facts.pool();
    let is_its = |pause: &&Pause| match &pause.scope {
        Scope::Rung { rung: rests, symptom: of, pool } => {
            *rests == rung && *of == symptom && (pool.is_none() || *pool == own)
        }
        _ => false,
    };
    let in_force = history.pauses.iter().filter(|pause| pause.is_in_force(facts.observed_at));
    let pause = in_force.filter(is_its).max_by_key(|pause| pause.until)?;
    Some(Reason::Resting { pause: Box::new(pause.clone()) })
}

/// The earlier incidents of `symptom` that count as repeats.
pub(crate) fn repeats(
    symptom: Symptom,
    facts: &Facts,
    policy: &Policy,
) -> impl Iterator<Item = Past> + use<> {
    let since = facts.observed_at - policy.repeats_within;
    let counts = move |past: &Past| past.symptom == symptom && past.opened_at >= since;
    facts.past().into_iter().filter(counts)
}

/// The processes without which a replacement terminates without launching, or
/// marks without replacing and fires whenever the process is resumed.
const REPLACEMENT_PROCESSES: [&str; 3] = ["Launch", "Terminate", "ReplaceUnhealthy"];

/// A group whose own health checks have found an unreachable member out replaces it by itself
/// (Auto Scaling user guide, "Health checks for instances in an Auto Scaling group"), and is
/// left to that, unless its owner keeps it from it.
pub(crate) fn group_replaces(
    symptom: Symptom,
    group: &Group,
    membership: &Membership,
) -> Option<Reason> {
    let able = REPLACEMENT_PROCESSES.iter().all(|process| !group.suspended.contains(*process));
    (symptom == Symptom::Unreachable && !membership.healthy && able)
        .then_some(Reason::GroupReplaces)
}

pub(crate) fn cannot_replace(group: &Group, membership: &Membership) -> Option<Availability> {
    if membership.protected {
        return Some(Unavailable(Reason::ScaleInProtected));
    }
    let suspended =
        REPLACEMENT_PROCESSES.into_iter().find(|process| group.suspended.contains(*process));
    suspended.map(|process| Unavailable(Reason::ProcessSuspended { process }))
}

/// The member's lifecycle state, `None` outside a group, or that it is unknown.
pub(crate) fn lifecycle(facts: &Facts) -> Fact<Option<&str>> {
    match &facts.membership {
        Fact::Known(membership) => Fact::Known(membership.as_ref().map(|m| m.lifecycle.as_str())),
        Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
    }
}
