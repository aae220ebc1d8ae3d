//! What would be done about an instance now, as if an alarm came. The code that decides about an
//! alarm decides here too, and every guard is asked besides. The world is only looked at: what
//! writes is no part of [`LookAtMany`].

use jiff::Timestamp;

use crate::consider::{Considered, First, Intent, about, consider, read_beyond};
use crate::explain::said::{Asked, Explanation, OfRung, OfSymptom, Open, Said, VERSION, Would};
use crate::model::alarm::{Alarm, Symptom};
use crate::model::policy::Policy;
use crate::model::pool::{Pool, Sighting, sick_window};
use crate::model::reason::Reason;
use crate::model::rung::Rung;
use crate::model::unknown::CallFailed;
use crate::observe::facts::{Fact, Facts};
use crate::plan::availability::Availability;
use crate::plan::availability::resting;
use crate::plan::consent;
use crate::plan::decide;
use crate::plan::guard::{self, Refusal, Told};
use crate::plan::witnesses;
use crate::ports::context::Context;
use crate::ports::look::Look;
use crate::ports::look_at_many::LookAtMany;
use crate::together::Together;

/// What would be done about what was asked, at `now`.
pub async fn explain<W: LookAtMany>(
    world: &W,
    policy: &Policy,
    asked: &Asked,
    now: Timestamp,
) -> Explanation {
    let together = Together::new(world);
    let cx = Context { world: &together, policy, now };
    let read = together.reads([Facts::read(&together, &asked.instance, now)]).await;
    let mut symptoms = Vec::new();
    let mut open = None;
    for facts in &read {
        open = facts.latest().filter(|latest| latest.holds(now)).map(Open::of);
        let wanted = Symptom::ALL.into_iter();
        let wanted = wanted.filter(|it| asked.symptom.is_none_or(|symptom| symptom == *it));
        let each = wanted.map(|symptom| of_symptom(cx, asked, symptom, facts));
        symptoms = together.reads(each).await;
    }
    symptoms.sort_by_key(|of| of.symptom);
    Explanation { version: VERSION, instance_id: asked.instance.clone(), at: now, open, symptoms }
}

async fn of_symptom<W: Look>(
    cx: Context<'_, W>,
    asked: &Asked,
    symptom: Symptom,
    facts: &Facts,
) -> OfSymptom {
    let mount = asked.mount.clone().filter(|_| symptom == Symptom::DiskFull);
    let alarm = Alarm::asked(asked.instance.clone(), symptom, mount, cx.now);
    let first = about(&alarm, facts.clone());
    let mut full = first.clone();
    let sick = async |facts: &Facts| who_is_sick(cx, symptom, facts).await;
    let state = read_beyond(cx, &alarm, &mut full, sick).await;
    let beyond = async |facts: &mut Facts| {
        facts.clone_from(&full);
        state.clone()
    };
    let considered = consider(cx, &alarm, first.clone(), beyond).await;
    let (would, rung, because) = what_would_be_done(considered, &alarm, cx.policy);
    let mut rungs = Vec::new();
    for rung in decide::ladder(symptom) {
        // About a cleanup no more is asked than about every alarm.
        let mut facts = if *rung == Rung::Cleanup { first.clone() } else { full.clone() };
        facts.read_owners_word(cx.world, (Some(*rung), symptom), cx.policy).await;
        rungs.push(of_rung(*rung, &alarm, &facts, cx.policy));
    }
    OfSymptom { symptom, would, rung, because, rungs }
}

/// Who else of the pool shows the symptom, and who else of the zone where one that fails shows
/// so: what noting the instance as sick would tell.
async fn who_is_sick<W: Look>(
    cx: Context<'_, W>,
    symptom: Symptom,
    facts: &Facts,
) -> Result<Vec<Sighting>, CallFailed> {
    let (Some(_), Some(own)) = (facts.pool(), facts.sighting()) else { return Ok(Vec::new()) };
    let mut sick = Vec::new();
    if symptom == Symptom::Unreachable && !own.zone.is_empty() {
        let zone = Pool::Zone(own.zone.clone());
        sick = cx.world.pool(&zone, symptom, cx.now).await?.sick;
        sick.retain(|other| sick_window(other.at) == sick_window(cx.now));
    }
    sick.push(own);
    Ok(sick)
}

/// What would be done, about which rung, and why.
fn what_would_be_done(
    considered: Considered,
    alarm: &Alarm,
    policy: &Policy,
) -> (Would, Option<Rung>, Vec<Reason>) {
    let Considered { facts, answer, .. } = considered;
    match answer {
        Ok(Intent { cleared, first }) => {
            let rung = cleared.rung();
            let mut because = cleared.because().to_vec();
            let would = match first {
                First::TheRung => Would::Act,
                First::Survey => Would::AskAboutTheDisk,
                First::AskTheHost => {
                    because.insert(0, Reason::EvidenceFirst { rung });
                    Would::AskTheHost
                }
            };
            (would, Some(rung), because)
        }
        Err(refusal) => {
            let would = refused(&refusal, alarm, &facts, policy);
            (would, refusal.rung, refusal.because)
        }
    }
}

fn refused(refusal: &Refusal, alarm: &Alarm, facts: &Facts, policy: &Policy) -> Would {
    let another = |reason: &Reason| matches!(reason, Reason::IncidentOpen { .. });
    let asks = |reason: &Reason| matches!(reason, Reason::AsksFirst { .. });
    if refusal.because.iter().any(another) && guard::waits_its_turn(alarm, facts, policy) {
        let is_about = facts.latest().is_some_and(|open| open.is_about(alarm));
        if is_about { Would::Covered } else { Would::Queue }
    } else if !refusal.passes {
        if refusal.handed_over { Would::HandOver } else { Would::Refuse }
    } else if matches!(facts.history, Fact::Unknown(_)) {
        Would::TryAgain
    } else if refusal.because.iter().any(asks) {
        Would::AskPeople
    } else {
        Would::Wait
    }
}

/// Whether `rung` is possible, what every guard says of it, and who is asked before it.
fn of_rung(rung: Rung, alarm: &Alarm, facts: &Facts, policy: &Policy) -> OfRung {
    let mut checks = vec![possible(rung, alarm.symptom, facts, policy)];
    for (guard, reason) in guard::each(alarm, rung, facts, policy) {
        checks.push(match (reason, guard.told) {
            (Some(reason), _) => Said::of(guard.name, &reason),
            (None, _) if !guard.counts_for(Some(rung)) => {
                Said::yes(guard.name, "it counts for a disruption only")
            }
            (None, Told::Now) => Said::yes(guard.name, guard.holds),
            (None, Told::ByTheAlarm) => {
                Said::unknown(guard.name, format!("an alarm has to tell: {}", guard.holds))
            }
            (None, Told::ByTheHost) => {
                Said::unknown(guard.name, format!("the host has to tell: {}", guard.holds))
            }
        });
    }
    checks.push(witnessed(rung, alarm.symptom, facts, policy));
    checks.push(if consent::is_needed(rung, facts) {
        Said::of("people", &Reason::AsksFirst { rung })
    } else {
        Said::yes("people", "nobody wants to be asked before it")
    });
    OfRung { rung, checks }
}

fn possible(rung: Rung, symptom: Symptom, facts: &Facts, policy: &Policy) -> Said {
    const CHECK: &str = "possible";
    if let Some(reason) = resting(rung, symptom, facts) {
        return Said::of(CHECK, &reason);
    }
    match decide::availability(rung, symptom, &[], facts, policy) {
        Availability::Available(None) => Said::yes(CHECK, "it can be carried out"),
        Availability::Available(Some(_)) => Said::yes(CHECK, "it can be carried out, in Standby"),
        Availability::Grows(_) => Said::yes(CHECK, "a volume of it may grow"),
        Availability::Unavailable(reason) => {
            Said { passes: Some(false), ..Said::of(CHECK, &reason) }
        }
        Availability::NotNow(reason) => Said { passes: Some(true), ..Said::of(CHECK, &reason) },
        Availability::InDoubt(unknown) => Said::of(CHECK, &Reason::FactUnknown(unknown)),
    }
}

/// What the two witnesses of a disruption say, as far as they can be heard without an alarm.
fn witnessed(rung: Rung, symptom: Symptom, facts: &Facts, policy: &Policy) -> Said {
    const CHECK: &str = "witnesses";
    if !rung.is_disruptive() {
        return Said::yes(CHECK, "it takes nothing out of service, so one witness is enough");
    }
    if let Some(reason) = witnesses::lacking(symptom, facts, policy) {
        return Said::of(CHECK, &reason);
    }
    let heard = "the measurement is read when an alarm comes, and the host is asked first if it \
                 can answer";
    Said::unknown(CHECK, heard.to_owned())
}
