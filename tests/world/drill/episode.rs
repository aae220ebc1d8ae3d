//! Plays one plot: a region of its own, some hours of its time, and every
//! function in it. The same plot is played the same way each time.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use remedy::alarm::Unreadable;
use remedy::execute::ask_people;
use remedy::follow_up::Beat;
use remedy::intake::{NotAnswered, Taken};
use remedy::model::alarm::{AlarmState, Symptom};
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::incident::Stage;
use remedy::model::question::Answered as Said;
use remedy::model::unknown::CallFailed;
use remedy::report::outcome::{Outcome, Report};
use remedy::respond::{Answer, RespondError};

use super::cast::Cast;
use super::chronicle::{Chronicle, Entry, Mood};
use super::explained::Explained;
use super::pages::Pages;
use super::past::Past;
use super::plot::{Damage, Habit, Line, Manner, Plot, What};
use super::promises::{Broken, Cause, Invoked, Moment, Promises, disrupts};
use super::rehearsed::Recorder;
use super::tally::{self, Tally};
use crate::Region;
use crate::calls::Nature;
use crate::drive::{FollowUp, Function, Intake, together};
use crate::storm::{BATCH_MAX, COMES_AGAIN_AFTER, TAKEN_MAX};
use crate::watch::{Change, Watch};

/// When every episode begins, in seconds since 1970: 2026-11-20T03:00:00Z.
pub(crate) const BEGINS: i64 = 1_795_143_600;

/// From an alarm's change until its event is delivered.
const DELIVERY_TAKES: SignedDuration = SignedDuration::from_secs(5);

/// From something that happened until a trigger of it arrives.
const TRIGGER_TAKES: SignedDuration = SignedDuration::from_secs(3);

/// The heartbeat comes so long after each minute's beginning.
const BEATS_AT: SignedDuration = SignedDuration::from_secs(40);

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Lambda tries an event so often, the first time included, and waits a minute
/// before the second and two before the third (Lambda developer guide, "How
/// Lambda handles errors and retries with asynchronous invocation").
pub(crate) const TRIES_MAX: u32 = 3;

/// For so long after its last line and its last incident an episode goes on:
/// nothing more may happen.
const CALM_AT_THE_END: SignedDuration = SignedDuration::from_mins(12);

/// So long after the last line the world comes to rest, so that trouble that
/// comes back for ever does not keep the episode from ending.
const RESTS_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// No episode lasts longer after its last line: an incident takes 3 hours, and
/// those about an instance's two other troubles may wait behind it.
const ENDS_AFTER: SignedDuration = SignedDuration::from_hours(5);

/// What became of an episode.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// What was counted.
    pub(crate) tally: Tally,
    /// The first promise that did not hold.
    pub(crate) broken: Option<Broken>,
    /// The incidents that ended, in the order they did.
    pub(crate) past: Vec<Past>,
}

/// Something the episode has to do.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A line's event begins.
    Begin(usize),
    /// A line's event is over.
    End(usize),
    /// All trouble ends.
    Rest,
    /// Every alarm is evaluated.
    Evaluate,
    /// The heartbeat.
    Beat,
    /// AWS has something to say about an instance.
    Trigger(InstanceId),
    /// An alarm's event is delivered, for the how manieth time.
    Deliver(Change, u32),
    /// Alarms' events that come through the queue are taken together, for the how manieth time.
    Batch(Vec<Change>, u32),
    /// A broken event is delivered.
    Break(Symptom, Damage),
    /// A person answers a question.
    Answer(Said),
}

/// What an invocation answers.
pub(crate) enum Answered {
    Event(Result<Answer, RespondError>),
    Batch(Result<Taken, Unreadable>),
    Beat(Result<Beat, CallFailed>),
    Said,
}

/// An episode under way.
pub(crate) struct Episode<'a> {
    plot: &'a Plot,
    begin: Timestamp,
    pub(crate) region: Region,
    pub(crate) cast: Cast,
    agenda: BTreeMap<(Timestamp, u64), Act>,
    /// When the world comes to rest.
    rests: Timestamp,
    arranged: u64,
    /// The lines whose event lasts.
    under_way: BTreeSet<usize>,
    meddled: BTreeMap<String, Timestamp>,
    order: Option<Rng>,
    delivered: u64,
    promises: Promises,
    pages: Pages,
    played: Played,
    chronicle: Option<Chronicle>,
    ended: usize,
    opened: BTreeSet<IncidentId>,
    /// The questions that people have heard, by their nonce.
    heard: BTreeSet<String>,
    /// What they would have said to the question before, by its incident.
    before: BTreeMap<IncidentId, Said>,
    /// What is asked before each alarm arrives: what would be done about it.
    pub(super) explained: Option<Explained>,
    /// Who writes down what a history would hold.
    pub(super) recorder: Option<Recorder>,
}

/// Plays `plot` to its end, or until a promise does not hold.
pub(crate) fn play(plot: &Plot) -> Played {
    let mut episode = Episode::new(plot);
    episode.region.transcribe(false);
    episode.run();
    episode.played
}

/// Plays `plot` like [`play`], and tells what happens.
pub(crate) fn tell(plot: &Plot) -> (Played, Chronicle) {
    let mut episode = Episode::new(plot);
    episode.chronicle = Some(Chronicle::default());
    episode.run();
    let mut chronicle = episode.chronicle.unwrap_or_default();
    chronicle.names = episode.cast.names();
    (episode.played, chronicle)
}

impl<'a> Episode<'a> {
    /// An episode at its beginning.
    pub(crate) fn new(plot: &'a Plot) -> Self {
        let begin = Timestamp::from_second(BEGINS).unwrap_or_default();
        let region = Region::new(begin);
        let cast = Cast::enters(plot, &region);
        let mut episode = Self {
            plot,
            begin,
            region,
            cast,
            agenda: BTreeMap::new(),
            rests: begin,
            arranged: 0,
            under_way: BTreeSet::new(),
            meddled: BTreeMap::new(),
            order: None,
            delivered: 0,
            promises: Promises::default(),
            pages: Pages::default(),
            played: Played::default(),
            chronicle: None,
            ended: 0,
            opened: BTreeSet::new(),
            heard: BTreeSet::new(),
            before: BTreeMap::new(),
            explained: None,
            recorder: None,
        };
        for (number, line) in plot.lines.iter().enumerate() {
            if let Line::Happens(after, what) = line {
                episode.arrange(begin + *after, Act::Begin(number));
                if let Some(lasts) = what.lasts() {
                    episode.arrange(begin + *after + lasts, Act::End(number));
                }
            }
        }
        let last = episode.agenda.keys().map(|(at, _)| *at).max().unwrap_or(begin);
        episode.rests = last + RESTS_AFTER;
        episode.arrange(episode.rests, Act::Rest);
        episode.arrange(begin + MINUTE, Act::Evaluate);
        episode.arrange(begin + BEATS_AT, Act::Beat);
        episode
    }

    fn arrange(&mut self, at: Timestamp, act: Act) {
        self.arranged += 1;
        self.agenda.insert((at, self.arranged), act);
    }

    pub(super) fn run(&mut self) {
        let (mut quiet_since, last) = (self.begin, self.rests + ENDS_AFTER);
        while let Some((at, act)) = self.next() {
            self.region.pass_until(at);
            let batch = self.batch(act);
            if self.take(batch, false) {
                return;
            }
            if at < self.rests - RESTS_AFTER || self.is_something_open() {
                quiet_since = at;
            }
            if at.duration_since(quiet_since) > CALM_AT_THE_END || at > last {
                break;
            }
        }
        self.take(Vec::new(), true);
        let state = self.region.state.borrow();
        self.played.tally.episodes = 1;
        self.played.tally.calls = state.called as u64;
        self.played.tally.moves.clone_from(state.book.moves());
        self.played.tally.notifications = state.topic.len() as u64;
        self.played.tally.seconds = state.now.duration_since(self.begin).as_secs().unsigned_abs();
    }

    fn is_something_open(&self) -> bool {
        self.region.state.borrow().book.all_latest().any(|incident| incident.stage.is_open())
    }

    /// `act`, with everything else of the same minute that is invoked at the
    /// same time, if a line says so.
    fn batch(&mut self, act: Act) -> Vec<Act> {
        let mut batch = vec![act];
        if self.order.is_none() || !batch.iter().all(Act::invokes) {
            return batch;
        }
        let until = self.region.now() + BEATS_AT;
        let soon: Vec<_> = self.agenda.range(..(until, 0)).map(|(key, _)| *key).collect();
        for key in soon {
            if self.agenda.get(&key).is_some_and(Act::invokes) {
                batch.extend(self.remove(key));
            }
        }
        batch
    }

    fn next(&mut self) -> Option<(Timestamp, Act)> {
        let key = *self.agenda.first_key_value()?.0;
        Some((key.0, self.remove(key)?))
    }

    /// Takes an act from the agenda; the heartbeat goes on.
    fn remove(&mut self, key: (Timestamp, u64)) -> Option<Act> {
        let act = self.agenda.remove(&key)?;
        if matches!(act, Act::Beat) {
            self.arrange(key.0 + MINUTE, Act::Beat);
        }
        Some(act)
    }

    /// Does what is to be done now. Gives whether a promise does not hold.
    fn take(&mut self, acts: Vec<Act>, over: bool) -> bool {
        let mut invoked = Vec::new();
        for act in acts {
            match act {
                Act::Begin(number) => self.begins(number),
                Act::End(number) => self.ends(number),
                Act::Rest => self.region.come_to_rest(),
                Act::Evaluate => self.evaluate(),
                act => invoked.push(act),
            }
        }
        let invoked = self.invoke(invoked);
        self.write_down(&invoked);
        self.look_around();
        let triggers = self.region.take_triggers();
        if !self.is(|what| matches!(what, What::Delivery(Habit::TriggersLost, _))) {
            for trigger in triggers {
                self.arrange(self.region.now() + TRIGGER_TAKES, Act::Trigger(trigger));
            }
        }
        self.count(&invoked);
        let state = self.region.state.borrow();
        let moment = Moment {
            now: state.now,
            state: &state,
            invoked: &invoked,
            meddled: &self.meddled,
            over,
        };
        self.played.broken = self.promises.watch(&moment);
        self.played.broken.is_some()
    }

    /// Whether a line is under way that is so.
    fn is(&self, so: impl Fn(&What) -> bool) -> bool {
        self.lasting().any(so)
    }

    fn lasting(&self) -> impl Iterator<Item = &What> {
        self.under_way.iter().filter_map(|number| match self.plot.lines.get(*number) {
            Some(Line::Happens(_, what)) => Some(what),
            _ => None,
        })
    }

    fn what(&self, number: usize) -> Option<&'a What> {
        match self.plot.lines.get(number) {
            Some(Line::Happens(_, what)) => Some(what),
            _ => None,
        }
    }

    fn begins(&mut self, number: usize) {
        let Some(what) = self.what(number) else { return };
        self.under_way.insert(number);
        self.note(|_| Entry::World(what.to_string()));
        *self.played.tally.faults.entry(what.kind()).or_default() += 1;
        match what {
            What::AtOnce(seed, _) => self.order = Some(Rng::with_seed(*seed)),
            What::Broken(symptom, damage) => {
                self.arrange(self.region.now(), Act::Break(*symptom, *damage));
            }
            _ => {}
        }
        for name in self.cast.begins(&self.region, what) {
            self.meddled.insert(name, self.region.now());
        }
    }

    fn ends(&mut self, number: usize) {
        let Some(what) = self.what(number) else { return };
        self.under_way.remove(&number);
        self.note(|_| Entry::World(format!("over: {what}")));
        if matches!(what, What::AtOnce(..)) {
            self.order = None;
        }
        for name in self.cast.ends(&self.region, what) {
            self.meddled.insert(name, self.region.now());
        }
    }

    /// Every alarm is evaluated, and what changed is sent on its way.
    fn evaluate(&mut self) {
        let now = self.region.now();
        self.arrange(now + MINUTE, Act::Evaluate);
        self.people_answer();
        let habits: Vec<Habit> = self
            .lasting()
            .filter_map(|what| match what {
                What::Delivery(habit, _) => Some(*habit),
                _ => None,
            })
            .collect();
        let mut arrivals = Vec::new();
        for change in self.region.changes() {
            self.delivered += 1;
            if let Some(recorder) = &mut self.recorder {
                recorder.changed(&change);
            }
            self.note(|episode| {
                let state = change.state.map_or("INSUFFICIENT_DATA", |state| match state {
                    AlarmState::Alarm => "ALARM",
                    AlarmState::Ok => "OK",
                });
                let name = episode.cast.name(&change.instance).unwrap_or("a new instance");
                let (alarm, id) = (&change.alarm, &change.instance);
                Entry::World(format!("alarm {alarm} goes to {state} for {name} ({id})"))
            });
            let mut arrives = now + DELIVERY_TAKES;
            for habit in &habits {
                match habit {
                    Habit::Late(by) => arrives += *by,
                    Habit::Reordered if self.delivered.is_multiple_of(2) => arrives += MINUTE * 2,
                    Habit::Twice(after) => arrivals.push((arrives + *after, change.clone())),
                    Habit::Reordered | Habit::TriggersLost | Habit::Queued => {}
                }
            }
            arrivals.push((arrives, change));
        }
        if habits.contains(&Habit::Queued) {
            self.queue(arrivals);
            return;
        }
        for (at, change) in arrivals {
            self.arrange(at, Act::Deliver(change, 1));
        }
    }

    /// What arrives together is taken together.
    fn queue(&mut self, arrivals: Vec<(Timestamp, Change)>) {
        let mut batches: BTreeMap<Timestamp, Vec<Change>> = BTreeMap::new();
        for (at, change) in arrivals {
            match in_the_queue(&change.event) {
                Some(event) => batches.entry(at).or_default().push(Change { event, ..change }),
                None => self.arrange(at, Act::Deliver(change, 1)),
            }
        }
        for (at, changes) in batches {
            for batch in changes.chunks(BATCH_MAX) {
                self.arrange(at, Act::Batch(batch.to_vec(), 1));
            }
        }
    }

    /// People who were asked, and hear of it now, make up their minds.
    fn people_answer(&mut self) {
        let manner = self.lasting().find_map(|what| match what {
            What::Answers(manner, _) => Some(*manner),
            _ => None,
        });
        let Some(manner) = manner else { return };
        let mut answers = Vec::new();
        let state = self.region.state.borrow();
        for incident in state.book.all_latest().filter(|it| it.stage.is_open()) {
            let Some(question) = incident.open_question() else { continue };
            if !self.heard.insert(question.nonce.clone()) {
                continue;
            }
            let said = |yes, attempt| Said {
                instance: incident.instance_id.clone(),
                incident: incident.id.clone(),
                attempt,
                nonce: question.nonce.clone(),
                yes,
                by: "Anna".to_owned(),
            };
            let (soon, right) = (state.now + MINUTE, question.attempt);
            match manner {
                Manner::Yes => answers.push((soon, said(true, right))),
                Manner::No => answers.push((soon, said(false, right))),
                Manner::Both => {
                    answers.push((soon, said(true, right)));
                    answers.push((soon + MINUTE, said(false, right)));
                }
                Manner::Late => answers.push((question.until + MINUTE * 2, said(true, right))),
                Manner::Wrong => {
                    answers.push((soon, said(true, right + 1)));
                    let nonce = "00000000".to_owned();
                    answers.push((soon, Said { nonce, ..said(true, right) }));
                    let before = self.before.get(&incident.id).cloned();
                    answers.extend(before.map(|before| (soon + MINUTE, before)));
                }
            }
            self.before.insert(incident.id.clone(), said(true, right));
        }
        drop(state);
        for (at, said) in answers {
            self.arrange(at, Act::Answer(said));
        }
    }

    /// Invokes what is to be invoked, at once if it is more than one.
    fn invoke(&mut self, mut acts: Vec<Act>) -> Vec<Invoked> {
        acts.retain(|act| {
            let comes = !self.is(|what| matches!(what, What::NoBeat(_)));
            comes || !matches!(act, Act::Beat)
        });
        if acts.iter().any(|act| matches!(act, Act::Beat))
            && self.is(|what| matches!(what, What::TwoBeats(_)))
        {
            acts.push(Act::Beat);
        }
        if acts.is_empty() {
            return Vec::new();
        }
        self.played.tally.invocations += acts.len() as u64;
        let ahead = self.lasting().fold(SignedDuration::ZERO, |ahead, what| match what {
            What::Clock { ahead, .. } => *ahead,
            _ => ahead,
        });
        if let (Some(explained), [Act::Deliver(change, _)]) = (&mut self.explained, &*acts) {
            explained.before(&self.region, change, ahead);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.look_around(&self.region);
            recorder.invoked(&acts, self.region.now());
        }
        let region = &self.region;
        let mut futures: Vec<std::pin::Pin<Box<dyn Future<Output = Answered> + '_>>> = Vec::new();
        for act in &acts {
            futures.push(invocation(region, act, ahead));
        }
        let mut order = self.order.take();
        let answers = together(region, futures, |can, _| match &mut order {
            Some(order) => Some(order.usize(..can.len())),
            None => Some(0),
        });
        self.order = order;
        let mut effects = self.region.take_effects();
        if let Some(recorder) = &mut self.recorder {
            recorder.done(&effects);
        }
        let mut invoked = Vec::new();
        for (place, (act, answer)) in acts.into_iter().zip(answers).enumerate() {
            let mine = effects.extract_if(.., |effect| effect.by == place).collect();
            if let (Some(recorder), Act::Deliver(change, _), Some(Answered::Event(answer))) =
                (&mut self.recorder, &act, &answer)
            {
                recorder.answered(change, answer);
            }
            if let (Some(explained), Some(Answered::Event(answer))) = (&mut self.explained, &answer)
            {
                explained.after(answer);
            }
            match act {
                Act::Batch(changes, tries) => {
                    invoked.extend(self.batch_answered((changes, tries), answer, mine));
                }
                act => invoked.push(self.answered(act, answer, mine)),
            }
        }
        invoked
    }

    /// What a batch came to, as one invocation for each of its alarms. Those without an answer
    /// come again by themselves.
    fn batch_answered(
        &mut self,
        (changes, tries): (Vec<Change>, u32),
        answer: Option<Answered>,
        mut effects: Vec<crate::calls::Effect>,
    ) -> Vec<Invoked> {
        let taken = match answer {
            Some(Answered::Batch(taken)) => taken.ok(),
            _ => None,
        };
        self.played.tally.deliveries += changes.len() as u64;
        let (mut invoked, mut again) = (Vec::new(), Vec::new());
        for (place, change) in changes.into_iter().enumerate() {
            let answer = taken.as_ref().map(|taken| answer_in(taken, place, &change));
            if !matches!(answer, Some(Ok(_))) {
                again.push(change.clone());
            }
            let about = |effect: &mut crate::calls::Effect| {
                // By the intent, which stands in the ledger before the call.
                let intent = effect.before.as_ref().and_then(|it| it.incident.as_ref());
                change.state == Some(AlarmState::Alarm)
                    && intent.is_some_and(|intent| {
                        intent.instance_id == change.instance && intent.seen.alarm == change.alarm
                    })
            };
            let effects = effects.extract_if(.., about).collect();
            invoked.push(Invoked { cause: Cause::Alarm(change), answer, beat: None, effects });
        }
        if tries >= TAKEN_MAX {
            self.played.tally.dead_letters += again.len() as u64;
        } else if !again.is_empty() {
            let at = self.region.now() + COMES_AGAIN_AFTER;
            self.arrange(at, Act::Batch(again, tries + 1));
        }
        if let Some(first) = invoked.first_mut() {
            first.effects.append(&mut effects);
        }
        invoked
    }

    /// What an invocation came to. Lambda tries again what failed or died.
    fn answered(
        &mut self,
        act: Act,
        answer: Option<Answered>,
        effects: Vec<crate::calls::Effect>,
    ) -> Invoked {
        let (answer, beat) = match answer {
            Some(Answered::Event(answer)) => (Some(answer), None),
            Some(Answered::Beat(beat)) => (None, beat.ok()),
            Some(Answered::Batch(_) | Answered::Said) | None => (None, None),
        };
        let failed = !matches!(answer, Some(Ok(_)));
        let cause = match act {
            Act::Deliver(change, tries) => {
                if failed && tries < TRIES_MAX {
                    let again = self.region.now() + MINUTE * i32::try_from(tries).unwrap_or(1);
                    self.arrange(again, Act::Deliver(change.clone(), tries + 1));
                } else if failed {
                    self.played.tally.dead_letters += 1;
                }
                self.played.tally.deliveries += 1;
                Cause::Alarm(change)
            }
            Act::Break(_, damage) => Cause::Broken(damage),
            Act::Answer(said) => Cause::Answer(said),
            _ => Cause::Beat,
        };
        Invoked { cause, answer, beat, effects }
    }

    /// A word for the chronicle, if there is one.
    fn note(&mut self, entry: impl FnOnce(&Self) -> Entry) {
        if self.chronicle.is_some() {
            let entry = (self.region.now(), entry(self));
            self.chronicle.iter_mut().for_each(|chronicle| chronicle.entries.push(entry.clone()));
        }
    }

    /// Writes down what was invoked and what it called, unless that was the
    /// heartbeat with nothing to do.
    fn write_down(&mut self, invoked: &[Invoked]) {
        if self.chronicle.is_none() {
            return;
        }
        let calls = self.region.take_calls();
        let idle = |one: &Invoked| matches!(one.cause, Cause::Beat) && one.reports().is_empty();
        if calls.len() < 2 && invoked.iter().all(idle) {
            return;
        }
        for one in invoked {
            self.note(|_| Entry::Function(one.cause.to_string()));
        }
        for call in calls {
            self.note(|_| Entry::Call(call));
        }
        for one in invoked {
            for report in one.reports() {
                self.note(|_| Entry::Report(Box::new(report.clone())));
            }
            if let Some(Err(error)) = &one.answer {
                self.note(|_| Entry::Function(format!("error: {error}")));
            }
        }
    }

    /// Notes how every host is, and where every incident stands.
    fn look_around(&mut self) {
        let Some(chronicle) = &mut self.chronicle else { return };
        let state = self.region.state.borrow();
        for (id, host) in &state.hosts {
            let member = state.group_of(id).and_then(|(_, group)| group.members.get(id));
            chronicle.is(id, state.now, Mood::of(host, member));
        }
        for incident in state.book.all_latest() {
            chronicle.stands(&incident.id, state.now, incident.stage);
        }
    }

    fn count(&mut self, invoked: &[Invoked]) {
        let tally = &mut self.played.tally;
        for one in invoked {
            if let Some(Ok(answer)) = &one.answer {
                for report in answer.reports.iter().filter(|it| it.outcome == Outcome::Held) {
                    if let Some(reason) = report.because.first() {
                        *tally.refusals.entry(reason.code()).or_default() += 1;
                    }
                }
            }
            let touches = one.effects.iter().filter(|it| it.verb.nature() == Nature::Touch);
            for effect in touches.filter(|effect| effect.done) {
                *tally.actions.entry(tally::action(effect.verb)).or_default() += 1;
                if disrupts(effect) {
                    let well = effect.before.as_ref().and_then(|before| before.well.as_ref());
                    *tally.disruptions.entry(tally::disruption(well)).or_default() += 1;
                }
            }
        }
        let state = self.region.state.borrow();
        self.pages.count(&state, &mut tally.told, &mut tally.pages);
        if !invoked.is_empty() {
            for incident in state.book.all_latest() {
                if !self.opened.contains(&incident.id) {
                    self.opened.insert(incident.id.clone());
                    tally.incidents += 1;
                }
            }
        }
        let ended = state.book.ended();
        for incident in ended.iter().skip(self.ended) {
            *tally.ended.entry(tally::outcome(incident.stage)).or_default() += 1;
            let since = incident.opened_at.duration_since(self.begin);
            let until = state.now.duration_since(self.begin);
            let lines = self.plot.under_way(since, until).count();
            self.played.past.push(Past::of(incident, state.now, lines));
            if incident.stage == Stage::Resolved {
                tally.recovered_after(state.now.duration_since(incident.opened_at));
            }
        }
        self.ended = ended.len();
    }
}

impl Act {
    /// Whether it invokes a function.
    fn invokes(&self) -> bool {
        !matches!(self, Self::Begin(_) | Self::End(_) | Self::Rest | Self::Evaluate)
    }
}

/// One invocation, yet to be made.
pub(crate) fn invocation<'a>(
    region: &'a Region,
    act: &Act,
    ahead: SignedDuration,
) -> std::pin::Pin<Box<dyn Future<Output = Answered> + 'a>> {
    let act = act.clone();
    Box::pin(async move {
        let event = |symptom, event: String| async move {
            let function = Function { ahead, ..Function::new(symptom) };
            Answered::Event(Box::pin(function.invoke(region, &event)).await)
        };
        match act {
            Act::Deliver(change, _) => Box::pin(event(change.symptom, change.event)).await,
            Act::Batch(changes, _) => {
                let told = changes.into_iter().enumerate();
                let messages: Vec<(String, String)> =
                    told.map(|(place, change)| (message(place), change.event)).collect();
                let intake = Intake { ahead, ..Intake::default() };
                Answered::Batch(Box::pin(intake.invoke(region, &messages)).await)
            }
            Act::Break(symptom, damage) => {
                Box::pin(event(symptom, broken(region, symptom, damage))).await
            }
            Act::Answer(said) => {
                // Whether it counts is told in the answer; what follows is what matters here.
                let _taken = ask_people::answer(region, &said, region.now() + ahead).await;
                Answered::Said
            }
            Act::Trigger(instance) => {
                let follow_up = FollowUp { ahead, ..FollowUp::default() };
                Answered::Beat(follow_up.invoke(region, Some(&instance)).await)
            }
            _ => {
                let follow_up = FollowUp { ahead, ..FollowUp::default() };
                Answered::Beat(follow_up.invoke(region, None).await)
            }
        }
    })
}

/// An alarm's event as the queue gets it: from a rule as it is, and from a topic in SNS's envelope
/// (`AlarmTopicSubscription` in the template). What comes by another queue invokes its function.
fn in_the_queue(event: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(event).ok()?;
    match value.pointer("/Records/0") {
        None => Some(event.to_owned()),
        Some(record) => record.get("Sns").map(ToString::to_string),
    }
}

/// By which the queue knows an alarm's message in its batch.
fn message(place: usize) -> String {
    format!("m{place}")
}

/// What a batch's answer says of one of its alarms. If it says less than there were alarms, it
/// says nothing of any.
fn answer_in(taken: &Taken, place: usize, change: &Change) -> Result<Answer, RespondError> {
    let Taken { messages, answer, again } = taken;
    if let Some(again) = again.iter().find(|again| again.message == message(place)) {
        let why = "it comes again";
        return match &again.why {
            NotAnswered::Unreadable(error) => Err(RespondError::Unreadable(error.clone())),
            NotAnswered::NoClaim(_) | NotAnswered::NoTime => {
                Err(RespondError::LedgerContended { why, answered: Answer::default() })
            }
        };
    }
    if answer.reports.len() + answer.ignored.len() + again.len() < *messages {
        return Ok(Answer::default());
    }
    let about = |report: &&Report| report.instance_id == change.instance;
    let reports = answer.reports.iter().filter(about).cloned().collect();
    Ok(Answer { reports, ignored: answer.ignored.clone() })
}

/// An alarm's event, broken.
fn broken(region: &Region, symptom: Symptom, damage: Damage) -> String {
    let state = region.state.borrow();
    let Some(id) = state.hosts.keys().next() else { return String::new() };
    let mut watch = Watch::new(symptom, id.clone(), state.now);
    let bad = if symptom == Symptom::ServiceDown { 0.0 } else { 99.0 };
    let whole = watch.evaluate(Some(bad), state.now).map(|change| change.event);
    let whole = whole.unwrap_or_default();
    let mut value: serde_json::Value = serde_json::from_str(&whole).unwrap_or_default();
    match damage {
        Damage::CutOff => return whole.chars().take(whole.len() / 2).collect(),
        Damage::Number(path) => {
            if let Some(field) = value.pointer_mut(path) {
                *field = 17.into();
            }
        }
        Damage::Missing(path) => {
            let (parent, name) = path.rsplit_once('/').unwrap_or_default();
            if let Some(parent) = value.pointer_mut(parent).and_then(|it| it.as_object_mut()) {
                parent.remove(name);
            }
        }
    }
    value.to_string()
}
