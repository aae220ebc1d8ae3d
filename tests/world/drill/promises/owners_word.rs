//! 9. Nothing is done on an answer to another question; a rung that does not help is tried 4
//!    times in a pool at most, and one that harms once; who waits hears until when, and who
//!    waits longest goes on first.
//!
//! What people said is what they were drawn to say; what became of a try is read from the
//! incident's own end, and never from what the brake has noted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::{GroupName, IncidentId};
use remedy::model::incident::{Attempt, Incident, Rung, Stage};
use remedy::model::pool::Pool;
use remedy::model::question::{ASK_TAG, Answered, Question, Silence};
use remedy::model::reason::Reason;
use remedy::report::outcome::Report;

use super::{Cause, Invoked, KNOWN_AFTER, Moment, disrupts};
use crate::calls::{Before, Effect, Verb};

/// The functions' clocks and the world's may differ by so much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// So many in a row that did not help are the last for a while.
const IN_A_ROW_MAX: usize = 4;

/// Harm in two pools so soon is the region's.
const REGION_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A group of fewer members has one place in its budget.
const ONE_PLACE_BELOW: u32 = 20;

/// Reasons that say how long they last, and in whose text that has to stand.
const LASTING: [&str; 9] = [
    "busy",
    "busy-unclear",
    "at-work",
    "calendar-closed",
    "zone-unwell",
    "paused",
    "cooling-down",
    "asked",
    "resting",
];

/// A rung, for one symptom in one pool.
type Key = (Pool, Symptom, Rung);

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    Helped,
    NoHelp,
    Harm,
    Unknown,
}

/// An incident that waits for a place, as it was before the moment.
#[derive(Clone, Debug)]
struct Waits {
    group: GroupName,
    since: Timestamp,
}

/// What is remembered to watch the promise.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnersWord {
    /// What people have said so far, and when.
    said: Vec<(Timestamp, Answered)>,
    /// The tries whose incidents have ended, by when they were begun.
    tries: BTreeMap<Key, BTreeMap<(Timestamp, IncidentId), Became>>,
    /// Since when a rung has to rest.
    rests: BTreeMap<Key, (Timestamp, &'static str)>,
    /// When a rung did harm, and in which pool.
    harmed: Vec<(Timestamp, Key)>,
    /// Rows of ended incidents that were looked at.
    ended: usize,
    /// Notifications that were looked at.
    heard: usize,
    waits: BTreeMap<IncidentId, Waits>,
}

impl OwnersWord {
    pub(super) fn watch(&mut self, moment: &Moment<'_>) -> Option<String> {
        for invoked in moment.invoked {
            if let Cause::Answer(said) = &invoked.cause {
                self.said.push((moment.now, said.clone()));
            }
        }
        let broken = self
            .without_consent(moment)
            .or_else(|| self.though_it_rests(moment))
            .or_else(|| self.overtaken(moment))
            .or_else(|| self.without_an_end(moment));
        self.learn(moment);
        self.waits = moment.state.book.all_latest().filter_map(waits).collect();
        broken
    }

    /// Where people want to be asked, somebody has allowed this very attempt in time, or silence
    /// is consent.
    fn without_consent(&self, moment: &Moment<'_>) -> Option<String> {
        moment.effects().find_map(|(_, effect)| {
            let before = begins(effect)?;
            let (name, group) = before.group.as_ref()?;
            if !group.tags.contains_key(ASK_TAG) || moment.is_news(name.as_str()) {
                return None;
            }
            let incident = before.incident.as_ref()?;
            let rung = incident.attempts.last()?.rung;
            let question = incident.question.as_ref();
            let its =
                question.filter(|it| (it.attempt, it.rung) == (incident.attempts.len(), rung));
            let why = match its {
                None => "and nobody was asked about it",
                Some(question) if self.is_allowed(incident, question, effect.at) => return None,
                Some(_) => "though nobody has allowed it",
            };
            Some(format!("{} of {}, {why}", effect.verb.name(), before.id))
        })
    }

    fn is_allowed(&self, incident: &Incident, question: &Question, at: Timestamp) -> bool {
        let silent = question.silence == Silence::Act && at + CLOCKS_DIFFER >= question.until;
        let said = self.said.iter().any(|(when, said)| {
            let this = said.incident == incident.id
                && (said.attempt, &said.nonce) == (question.attempt, &question.nonce);
            this && said.yes && *when < question.until + CLOCKS_DIFFER
        });
        said || (silent && question.answer.is_none())
    }

    /// What has not helped for the last time, or did harm, is not begun again.
    fn though_it_rests(&self, moment: &Moment<'_>) -> Option<String> {
        moment.effects().find_map(|(_, effect)| {
            let before = begins(effect)?;
            let incident = before.incident.as_ref()?;
            let rung = incident.attempts.last().filter(|last| last.asked_again == 0)?.rung;
            let host = before.host.as_ref()?;
            let group = before.group.as_ref().map(|(name, _)| name);
            let key = (Pool::of(group, &host.instance.tags), incident.symptom, rung);
            let known = |since: &Timestamp| effect.at.duration_since(*since) > KNOWN_AFTER;
            let everywhere = || {
                let alike = |(_, (_, symptom, rung)): &&(Timestamp, Key)| {
                    (*symptom, *rung) == (key.1, key.2)
                };
                let harmed: Vec<_> = self.harmed.iter().filter(alike).collect();
                harmed.iter().find_map(|(at, (pool, ..))| {
                    let other = harmed.iter().find(|(other, (elsewhere, ..))| {
                        elsewhere != pool && other.duration_since(*at).abs() < REGION_WITHIN
                    })?;
                    Some((*at.max(&other.0), "it did harm in two pools within a day"))
                })
            };
            let rests = self.rests.get(&key).copied().or_else(everywhere);
            let (_, why) = rests.filter(|(since, _)| known(since))?;
            Some(format!("{} of {}, though {why}", effect.verb.name(), before.id))
        })
    }

    /// Of the members of one group that a beat looks at, who has waited longest takes the place.
    fn overtaken(&self, moment: &Moment<'_>) -> Option<String> {
        let [Invoked { beat: Some(beat), effects, .. }] = moment.invoked else { return None };
        // A trigger looks at one; a place that becomes free meanwhile is the next one's.
        let whole = beat.lag_seconds == Some(0) && beat.left.is_empty();
        let calm = moment.state.faults.is_empty() && moment.state.hiccups.is_empty();
        let frees = effects.iter().any(|effect| effect.verb == Verb::Release);
        if !whole || !calm || frees {
            return None;
        }
        effects.iter().find_map(|effect| {
            let incident = begins(effect)?.incident.as_ref()?;
            let took = self.waits.get(&incident.id)?;
            let group = moment.state.groups.get(&took.group)?;
            if group.desired / group.own() >= ONE_PLACE_BELOW {
                return None;
            }
            let for_a_place = |report: &&Report| {
                let first = report.because.first().map(Reason::code);
                matches!(first, Some("budget-spent" | "place-taken"))
            };
            let still = beat.reports.iter().filter(for_a_place).find(|other| {
                let waited = self.waits.get(&other.incident_id);
                waited.is_some_and(|it| it.group == took.group && it.since < took.since)
            })?;
            Some(format!(
                "{} goes first, though {} has waited longer",
                incident.id, still.incident_id
            ))
        })
    }

    /// Whoever hears that something waits hears until when.
    fn without_an_end(&mut self, moment: &Moment<'_>) -> Option<String> {
        let heard = std::mem::replace(&mut self.heard, moment.state.topic.len());
        moment.state.topic.iter().skip(heard).find_map(|told| {
            let lasts = |line: &&str| {
                LASTING.iter().any(|code| line.trim_end().ends_with(&format!("({code})")))
            };
            let silent = told.text.lines().filter(lasts).find(|line| !line.contains("until"));
            let waits = told.subject.contains(": waits, ");
            let endless = waits && !told.text.contains("The incident ends by ");
            match silent {
                Some(line) => Some(format!("people hear {:?}, and not until when", line.trim())),
                None => endless.then(|| format!("{} says no end", told.subject)),
            }
        })
    }

    /// What became of the tries of those that have ended.
    fn learn(&mut self, moment: &Moment<'_>) {
        let ended = moment.state.book.ended();
        for incident in ended.get(self.ended..).unwrap_or_default() {
            let pool = incident.group.clone().map(Pool::Group);
            let pool = pool.unwrap_or_else(Pool::of_the_untagged);
            let carried_out =
                |attempt: &&Attempt| attempt.rung.is_disruptive() && attempt.refused.is_none();
            for attempt in incident.attempts.iter().filter(carried_out) {
                let key = (pool.clone(), incident.symptom, attempt.rung);
                let became = became(incident, attempt);
                let tries = self.tries.entry(key.clone()).or_default();
                tries.insert((attempt.claimed_at, incident.id.clone()), became);
                let in_a_row = tries.values().rev().take_while(|it| **it != Became::Helped);
                let failed = in_a_row.filter(|it| **it != Became::Unknown).count();
                if became == Became::Harm {
                    self.harmed.push((moment.now, key.clone()));
                    self.rests.entry(key).or_insert((moment.now, "it did harm"));
                } else if became == Became::NoHelp && failed >= IN_A_ROW_MAX {
                    let why = "it did not help four times in a row";
                    self.rests.entry(key).or_insert((moment.now, why));
                }
            }
        }
        self.ended = ended.len();
    }
}

/// What a call finds that begins a disruption and was carried out.
fn begins(effect: &Effect) -> Option<&Before> {
    effect.before.as_deref().filter(|_| effect.done && disrupts(effect))
}

/// An incident of a group that waits and holds no place.
fn waits(incident: &Incident) -> Option<(IncidentId, Waits)> {
    let group = incident.group.clone()?;
    let held = incident.held_back.is_some() && incident.lease.is_none();
    let waits = Waits { group, since: incident.opened_at };
    (held && incident.stage.is_open()).then(|| (incident.id.clone(), waits))
}

fn became(ended: &Incident, attempt: &Attempt) -> Became {
    let said = |codes: &[&str]| {
        let last = ended.timeline.last();
        last.is_some_and(|last| last.because.iter().any(|code| codes.contains(&code.as_str())))
    };
    let is_last = ended.attempts.last() == Some(attempt);
    if attempt.not_back || (is_last && said(&["not-substituted", "stays-in-standby"])) {
        return Became::Harm;
    }
    match ended.stage {
        Stage::Resolved if is_last => Became::Helped,
        Stage::Withdrawn => Became::Unknown,
        _ if is_last && said(&["unverified"]) => Became::Unknown,
        _ => Became::NoHelp,
    }
}
