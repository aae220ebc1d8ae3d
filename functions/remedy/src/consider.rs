//! What is to be done about an alarm, before anything is written: facts -> decide -> guard.
//! Whoever acts on an alarm and whoever explains what would be done about one asks here.

use futures_util::future;
use jiff::Timestamp;

use crate::model::action::Action;
use crate::model::alarm::{Alarm, Symptom};
use crate::model::pool::Sighting;
use crate::model::reason::Reason;
use crate::model::seen::Seen;
use crate::model::unknown::CallFailed;
use crate::observe::facts::{DiskFact, Facts};
use crate::observe::probe::{self, SymptomState};
use crate::plan::ask_host;
use crate::plan::consent;
use crate::plan::decide;
use crate::plan::guard::{self, Cleared, Refusal};
use crate::plan::rung::cleanup;
use crate::plan::witnesses::{self, Others};
use crate::ports::context::Context;
use crate::ports::look::Look;

/// What an alarm leads to, and what is known by then.
#[derive(Debug)]
pub struct Considered {
    /// What was read.
    pub facts: Facts,
    /// Whether more than a cleanup was thought of.
    pub beyond: bool,
    /// What is done, or why nothing is.
    pub answer: Result<Intent, Refusal>,
}

/// What is done.
#[derive(Debug)]
pub struct Intent {
    /// What was cleared.
    pub cleared: Cleared,
    /// What comes first.
    pub first: First,
}

impl Intent {
    /// The same, as a part of a command for several hosts, if it is one.
    pub(crate) fn shared(self, comment: Option<String>) -> Self {
        Self { cleared: self.cleared.shared(comment), ..self }
    }
}

/// What comes first of a rung that was cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// The host is asked which disk is full.
    Survey,
    /// The host is asked what it knows.
    AskTheHost,
    /// The rung itself.
    TheRung,
}

/// Reads what every alarm asks about.
pub async fn read_first(look: &impl Look, alarm: &Alarm, now: Timestamp) -> Facts {
    about(alarm, Facts::read(look, &alarm.instance_id, now).await)
}

/// What is known of an instance, with what the alarm itself tells.
pub fn about(alarm: &Alarm, facts: Facts) -> Facts {
    Facts {
        mount: alarm.mount.clone(),
        alarm_limit: alarm.limit.clone(),
        ask: alarm.ask.clone(),
        ..facts
    }
}

/// What `alarm` leads to. What only a rung above a cleanup asks about is read by `beyond`, if
/// it comes to that.
pub async fn consider<W: Look>(
    cx: Context<'_, W>,
    alarm: &Alarm,
    mut facts: Facts,
    beyond: impl AsyncFnOnce(&mut Facts) -> SymptomState,
) -> Considered {
    let looks_beyond = decide::looks_beyond_cleanup(alarm.symptom, &[], &facts, cx.policy);
    if looks_beyond && !guard::is_ours(alarm, &facts, cx.policy) {
        // Nothing more is asked about what is refused whatever the answers.
        let objections = guard::objections(alarm, &facts, cx.policy);
        let answer = Err(Refusal::by_guards(None, objections));
        return Considered { facts, beyond: looks_beyond, answer };
    }
    let symptom_state = if looks_beyond { Some(beyond(&mut facts).await) } else { None };
    let decision = decide::decide(alarm.symptom, &[], &facts, cx.policy);
    facts.read_owners_word(cx.world, (decision.rung(), alarm.symptom), cx.policy).await;
    let cleared = guard::clear(decision, alarm, &facts, cx.policy).and_then(|cleared| {
        // The alarm is minutes old and the metric may have come back since: nothing is
        // disrupted for what is over. A new alarm comes if it is not.
        let others = Others {
            host_speaks: cleanup::host_answers(alarm.symptom, &facts, cx.policy),
            lacking: witnesses::lacking(alarm.symptom, &facts, cx.policy),
        };
        let seen = Seen::of(alarm);
        witnesses::confirmed(cleared, symptom_state.as_ref(), &seen, others, cx.policy)
    });
    let answer = cleared.and_then(|cleared| first(cleared, alarm.symptom, cx, &facts));
    Considered { facts, beyond: looks_beyond, answer }
}

/// What comes first of what was cleared, unless people want to be asked before it.
fn first<W>(
    cleared: Cleared,
    symptom: Symptom,
    cx: Context<'_, W>,
    facts: &Facts,
) -> Result<Intent, Refusal> {
    let (rung, policy) = (cleared.rung(), cx.policy);
    let asks_the_host = ask_host::comes_first(symptom, &cleared, None, facts, policy);
    if !asks_the_host && consent::is_needed(rung, facts) {
        return Err(Refusal::for_now(rung, Reason::AsksFirst { rung }));
    }
    let first = if cleared.first_action() == Action::Survey {
        First::Survey
    } else if asks_the_host {
        First::AskTheHost
    } else {
        First::TheRung
    };
    Ok(Intent { cleared, first })
}

/// Asks what only a rung above a cleanup needs to know, all at once. `sick` tells who else
/// shows the symptom.
pub async fn read_beyond<W: Look>(
    cx: Context<'_, W>,
    alarm: &Alarm,
    facts: &mut Facts,
    sick: impl AsyncFnOnce(&Facts) -> Result<Vec<Sighting>, CallFailed>,
) -> SymptomState {
    let seen = Seen::of(alarm);
    let before = facts.clone();
    let volumes = volumes(cx, alarm.symptom, &seen, &before);
    let (sick, ((), disk), observed) = future::join3(
        sick(&before),
        future::join(facts.read_for_disruption(cx.world, alarm.symptom), volumes),
        probe::symptom_state_since(probe::period_begins(&seen), &seen, cx.world, cx.now),
    )
    .await;
    facts.learn_who_is_sick(sick);
    facts.disk = disk;
    facts.alarm = observed.alarm;
    observed.state
}

/// Asks about the volumes of a full disk, where the host can say which of them it is.
pub(crate) async fn volumes<W: Look>(
    cx: Context<'_, W>,
    symptom: Symptom,
    seen: &Seen,
    facts: &Facts,
) -> DiskFact {
    if symptom == Symptom::DiskFull && cleanup::host_answers(symptom, facts, cx.policy) {
        facts.volumes(cx.world, seen).await
    } else {
        DiskFact::NotRead
    }
}
