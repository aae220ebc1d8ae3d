//! The road itself: each event of the past goes through `respond`, and each incident through
//! `follow_up`, at the times at which that would have been.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use remedy::alarm::{self, Invocation};
use remedy::execute::ask_people;
use remedy::follow_up;
use remedy::model::alarm::Symptom;
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::Incident;
use remedy::model::policy::Policy;
use remedy::model::question::Answered as Said;
use remedy::report::outcome::Report;
use remedy::respond::{RespondError, respond};

use crate::event::{self, Before};
use crate::history::{History, Known};
use crate::then::{Assume, Noted, World};

/// From an alarm's change until its event is delivered (the drill takes the same).
const DELIVERY_TAKES: SignedDuration = SignedDuration::from_secs(5);

/// The heartbeat comes so long after each minute's beginning.
const BEATS_AT: i64 = 40;

/// So often an event is tried, with a minute before the second time and two before the third
/// (Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation").
const TRIES_MAX: u32 = 3;

/// So long after the last alarm incidents are still followed.
const ENDS_AFTER: SignedDuration = SignedDuration::from_hours(8);

/// No invocation is polled more often: nothing here waits for anybody else.
const POLLS_MAX: usize = 1_000_000;

/// What came of a history.
#[derive(Debug, Default)]
pub struct Played {
    /// What each alarm came to, in the order of their events.
    pub answered: Vec<Answered>,
    /// What became of each incident, at the times at which that was reported.
    pub reported: BTreeMap<IncidentId, Vec<Report>>,
    /// The facts that the follow-up used about each instance.
    pub noted: BTreeMap<InstanceId, BTreeMap<&'static str, Known>>,
    /// The incidents, as they were in the end.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// How often the world was asked.
    pub calls: u64,
}

/// What one item of a history came to.
#[derive(Debug)]
pub struct Answered {
    /// Which item.
    pub item: usize,
    /// When its event was delivered.
    pub at: Timestamp,
    /// What it came to.
    pub came_to: CameTo,
    /// The facts that were used.
    pub noted: BTreeMap<&'static str, Known>,
}

/// What an item came to.
#[derive(Debug)]
pub enum CameTo {
    /// One report for each alarm in it.
    Reports(Vec<Report>),
    /// It is not for us, and why.
    NotOurs(String),
    /// Its invocation failed each time.
    Failed(String),
    /// It is no event at all, and why.
    NoEvent(&'static str),
}

/// Something that is to be done.
enum Due {
    Deliver { item: usize, tries: u32 },
    Look(Option<InstanceId>),
    Answer(usize),
}

struct Play<'h> {
    history: &'h History,
    policy: &'h Policy,
    world: World<'h>,
    agenda: BTreeMap<(Timestamp, u64), Due>,
    arranged: u64,
    before: Before<'h>,
    played: Played,
}

/// Plays a history. `progress` is told how many of its items are done.
pub fn play(
    history: &History,
    policy: &Policy,
    assume: Assume,
    mut progress: impl FnMut(usize),
) -> Played {
    let world = World::new(history, assume);
    let mut play = Play {
        history,
        policy,
        world,
        agenda: BTreeMap::new(),
        arranged: 0,
        before: Before::new(),
        played: Played::default(),
    };
    play.fill();
    let mut done = 0;
    let mut beat_at = history.from;
    loop {
        let next = play.agenda.first_key_value().map(|((at, _), _)| *at);
        if history.looks.is_none()
            && let Some(at) = play.next_beat(beat_at, next)
        {
            beat_at = at;
            play.take(at, Due::Look(None));
            continue;
        }
        let Some(((at, _), due)) = play.agenda.pop_first() else { break };
        done += usize::from(matches!(due, Due::Deliver { tries: 1, .. }));
        play.take(at, due);
        progress(done);
    }
    play.end()
}

impl Play<'_> {
    fn arrange(&mut self, at: Timestamp, due: Due) {
        self.arranged += 1;
        self.agenda.insert((at, self.arranged), due);
    }

    fn fill(&mut self) {
        for (item, of) in self.history.items.iter().enumerate() {
            self.arrange(of.timestamp + DELIVERY_TAKES, Due::Deliver { item, tries: 1 });
        }
        for look in self.history.looks.iter().flatten() {
            self.arrange(look.at, Due::Look(look.instance.clone()));
        }
        for (number, answer) in self.history.answers.iter().enumerate() {
            self.arrange(answer.at, Due::Answer(number));
        }
    }

    /// When the heartbeat finds something due before `next`, if it does.
    fn next_beat(&self, after: Timestamp, next: Option<Timestamp>) -> Option<Timestamp> {
        let due = self.world.with_book(|book| {
            let open = book.all_latest().filter(|incident| incident.stage.is_open());
            open.map(|incident| incident.due_at).min()
        })?;
        let last = self.history.items.last()?.timestamp + ENDS_AFTER;
        let from = due.max(after + SignedDuration::from_secs(1)).as_second();
        let second = (from - BEATS_AT).div_euclid(60) * 60 + BEATS_AT;
        let second = if second < from { second + 60 } else { second };
        let at = Timestamp::from_second(second).ok()?;
        (at <= next.unwrap_or(last)).then_some(at)
    }

    fn take(&mut self, at: Timestamp, due: Due) {
        self.world.is(at);
        match due {
            Due::Deliver { item, tries } => self.deliver(item, tries, at),
            Due::Look(instance) => self.look(instance.as_ref(), at),
            Due::Answer(number) => {
                let Some(said) = self.history.answers.get(number) else { return };
                let said = Said {
                    instance: said.instance.clone(),
                    incident: said.incident.clone(),
                    attempt: said.attempt,
                    nonce: said.nonce.clone(),
                    yes: said.yes,
                    by: said.by.clone(),
                };
                // Whether it counts shows in what follows.
                let _taken = finish(ask_people::answer(&self.world, &said, at));
            }
        }
    }

    fn look(&mut self, instance: Option<&InstanceId>, at: Timestamp) {
        let beat = finish(follow_up::beat(instance, at, self.policy, &self.world, &|| true));
        for report in beat.into_iter().flat_map(|beat| beat.reports) {
            self.played.reported.entry(report.incident_id.clone()).or_default().push(report);
        }
        for ((about, what), known) in self.world.take_noted() {
            let Ok(id) = InstanceId::new(about) else { continue };
            keep(self.played.noted.entry(id).or_default(), what, known);
        }
    }

    fn deliver(&mut self, item: usize, tries: u32, at: Timestamp) {
        let Some(of) = self.history.items.get(item) else { return };
        let read = event::of(self.history, of, &self.before);
        if tries == 1 && of.history_item_type == "StateUpdate" {
            self.before.insert(&of.alarm_name, of.timestamp);
        }
        let read = match read {
            Ok(read) => read,
            Err(no_event) => {
                let came_to = CameTo::NoEvent(no_event.reason());
                let noted = BTreeMap::new();
                self.played.answered.push(Answered { item, at, came_to, noted });
                return;
            }
        };
        let request_id = format!("{item}-{tries}");
        let invocation = addressed(&read.text, &request_id, at);
        let answer = finish(Box::pin(respond(&read.text, &invocation, self.policy, &self.world)));
        let mut noted = BTreeMap::new();
        of_one(&mut noted, self.world.take_noted());
        for (what, known) in read.facts {
            keep(&mut noted, what, known);
        }
        let came_to = match answer {
            Ok(answer) if answer.reports.is_empty() => {
                let reasons = answer.ignored.iter().map(|it| it.reason.as_str());
                CameTo::NotOurs(reasons.collect::<Vec<_>>().join("; "))
            }
            Ok(answer) => CameTo::Reports(answer.reports),
            Err(RespondError::Unreadable(error)) => CameTo::NotOurs(error.to_string()),
            Err(error) if tries >= TRIES_MAX => CameTo::Failed(error.to_string()),
            Err(_) => {
                let again = at + SignedDuration::from_mins(i64::from(tries));
                self.arrange(again, Due::Deliver { item, tries: tries + 1 });
                return;
            }
        };
        self.played.answered.push(Answered { item, at, came_to, noted });
    }

    fn end(mut self) -> Played {
        self.played.calls = self.world.calls();
        self.world.with_book(|book| {
            let all = book.all_latest().chain(book.ended());
            for incident in all {
                self.played.incidents.insert(incident.id.clone(), incident.clone());
            }
        });
        self.played.answered.sort_by_key(|answered| answered.item);
        self.played
    }
}

/// The invocation of the function that the event's metric belongs to.
fn addressed(event: &str, request_id: &str, at: Timestamp) -> Invocation {
    let of = |symptom| Invocation { symptom, request_id: request_id.to_owned(), at };
    let ours = |invocation: &Invocation| {
        alarm::read(event, invocation).is_ok_and(|received| !received.alarms.is_empty())
    };
    Symptom::ALL.map(of).into_iter().find(ours).unwrap_or_else(|| of(Symptom::HighCpu))
}

fn of_one(noted: &mut BTreeMap<&'static str, Known>, all: Noted) {
    for ((_, what), known) in all {
        keep(noted, what, known);
    }
}

/// Of several facts of one name the one that is known least counts.
fn keep(noted: &mut BTreeMap<&'static str, Known>, what: &'static str, known: Known) {
    let kept = noted.entry(what).or_insert(known);
    *kept = (*kept).max(known);
}

/// Polls `future` until it is ready: whatever it asks is answered at once.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    unreachable!("an invocation waits for something that nobody does")
}
