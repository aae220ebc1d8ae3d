//! Whether a rung can be carried out, for all that is known.

use crate::model::alarm::Symptom;
use crate::model::incident::{Past, Rung, Stage, Standby};
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
    /// It cannot, and that stays so.
    Unavailable(Reason),
    /// Unavailable for a while. Waiting is right, a higher rung is not.
    NotNow(Reason),
    /// A fact that it hangs on is not known.
    InDoubt(Unknown),
}

use Availability::{Available, InDoubt, NotNow, Unavailable};

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
                Rung::Replace => cannot_replace(group),
                Rung::Cleanup | Rung::Reboot => cannot_come_back(group),
            }),
    };
    match stop {
        None | Some(Available(_)) => Ok(None),
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
    if membership.lifecycle != "InService" {
        let lifecycle = membership.lifecycle.clone();
        return Some(Unavailable(Reason::NotInService { lifecycle }));
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

pub(crate) fn cannot_replace(group: &Group) -> Option<Availability> {
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
