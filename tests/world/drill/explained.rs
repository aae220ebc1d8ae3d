//! In a hostile world, before each alarm arrives, it is asked what would be done about it; then
//! it is compared with what is done.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use remedy::alarm::{self, Invocation};
use remedy::explain::now::explain;
use remedy::explain::said::{Asked, OfSymptom, Said, Word, Would};
use remedy::model::alarm::{Alarm, AlarmState};
use remedy::model::incident::Stage;
use remedy::model::reason::Reason;
use remedy::report::outcome::{Outcome, Report};
use remedy::respond::{Answer, RespondError};

use super::episode::Episode;
use super::plot::Line;
use super::run::Plan;
use crate::Region;
use crate::calls::Nature;
use crate::drive::{Function, finish};
use crate::watch::Change;

/// Reasons that only an alarm can give: what it measured and what its owner has set.
const TOLD_BY_AN_ALARM: [&str; 17] = [
    "muted",
    "suppressed",
    "stale",
    "from-the-future",
    "unmeasured",
    "unclear",
    "which-instance",
    "alarm-actions-disabled",
    "alarm-acts-itself",
    "rung-limited",
    "asks-first",
    "symptom-over",
    "below-floor",
    "only-a-hint",
    "unverified",
    "observing",
    "duplicate-delivery",
];

/// What came of it.
#[derive(Debug, Default)]
pub struct Explained {
    /// How often each was foretold.
    pub foretold: BTreeMap<&'static str, u64>,
    /// How often what an alarm came to was what had been foretold.
    pub agreed: u64,
    /// How often it was what only the alarm could tell.
    pub by_the_alarm: u64,
    /// What was done otherwise than foretold, and what was changed by asking.
    pub wrong: Vec<String>,
    awaited: Option<OfSymptom>,
}

/// Plays so many episodes of the drill with that seed.
pub fn explained(seed: u64, episodes: u64) -> Explained {
    let plan = Plan { incidents: 0, seed, threads: 1 };
    let mut explained = Explained::default();
    for number in 0..episodes {
        let mut plot = plan.plot(number);
        // What is asked beforehand asks for twice as much as is granted.
        plot.lines.retain(|line| *line != Line::Quotas);
        let mut episode = Episode::new(&plot);
        episode.region.transcribe(false);
        episode.explained = Some(explained);
        episode.run();
        explained = episode.explained.unwrap_or_default();
    }
    explained
}

impl Explained {
    /// An alarm is about to arrive.
    pub(super) fn before(&mut self, region: &Region, change: &Change, ahead: SignedDuration) {
        self.awaited = None;
        let function = Function { ahead, ..Function::new(change.symptom) };
        let Some(alarm) = read(region, &function, change) else { return };
        let fails = |nature: Nature| nature != Nature::Look;
        let state = region.state.borrow();
        // Nobody can foretell that a write will fail, or which call will.
        let unforeseeable = state.faults.keys().any(|verb| fails(verb.nature()))
            || !state.hiccups.is_empty()
            || state.death.is_some();
        drop(state);
        if unforeseeable {
            return;
        }
        let copy = region.clone();
        let asked = Asked {
            instance: alarm.instance_id.clone(),
            symptom: Some(alarm.symptom),
            mount: alarm.mount.clone(),
        };
        let now = region.now() + ahead;
        let told = finish(explain(&copy, &function.policy, &asked, now));
        self.is_as_before(region, &copy);
        for of in told.symptoms {
            *self.foretold.entry(word(of.would)).or_default() += 1;
            self.a_rung_that_is_taken_has_nothing_against_it(&of);
            self.is_what_a_person_gets(&copy, &function, &alarm, &of);
            self.awaited = Some(of);
        }
    }

    /// Asking has changed nothing.
    fn is_as_before(&mut self, region: &Region, copy: &Region) {
        let (before, after) = (region.state.borrow(), copy.state.borrow());
        let rows = |state: &crate::region::State| format!("{:?}", state.book.rows());
        let writes = |state: &crate::region::State| -> usize {
            let counted = state.counted.iter();
            let writes = counted.filter(|(verb, _)| verb.nature() != Nature::Look);
            writes.map(|(_, count)| count).sum()
        };
        let same = rows(&before) == rows(&after)
            && before.hosts == after.hosts
            && before.groups == after.groups
            && before.topic == after.topic
            && before.commands == after.commands
            && before.bucket == after.bucket
            && writes(&before) == writes(&after);
        if !same {
            self.wrong.push(format!("at {} asking has changed something", before.now));
        }
    }

    /// What a person gets who asks for it at that moment is exactly what was foretold.
    fn is_what_a_person_gets(
        &mut self,
        copy: &Region,
        function: &Function,
        alarm: &Alarm,
        foretold: &OfSymptom,
    ) {
        let mount = alarm.mount.as_ref().map(|mount| format!(", \"mount\": \"{mount}\""));
        let event =
            format!("{{\"instance_id\": \"{}\"{}}}", alarm.instance_id, mount.unwrap_or_default());
        let answer = function.run(&copy.clone(), &event);
        if let Some(otherwise) = differs(foretold, &answer) {
            let at = copy.now();
            self.wrong.push(format!("at {at} a request for {}: {otherwise}", alarm.instance_id));
        }
    }

    fn a_rung_that_is_taken_has_nothing_against_it(&mut self, of: &OfSymptom) {
        if !matches!(of.would, Would::Act | Would::AskTheHost | Would::AskAboutTheDisk) {
            return;
        }
        let checks =
            of.rungs.iter().filter(|it| Some(it.rung) == of.rung).flat_map(|it| &it.checks);
        // People are asked when the host has answered.
        let against = |said: &&Said| said.answer == Word::No && said.check != "people";
        self.wrong.extend(checks.filter(against).map(|said| format!("taken against {said:?}")));
    }

    /// The alarm has arrived, and came to this.
    pub(super) fn after(&mut self, answer: &Result<Answer, RespondError>) {
        let Some(foretold) = self.awaited.take() else { return };
        let Some(otherwise) = differs(&foretold, answer) else {
            self.agreed += 1;
            return;
        };
        let codes: Vec<&str> = reports(answer).flat_map(Report::codes).collect();
        let about_the_alarm = |reason: &Reason| match reason {
            Reason::FactUnknown(unknown) => {
                let what = unknown.to_string();
                what.contains("DescribeAlarms") || what.contains("GetMetricData")
            }
            reason => TOLD_BY_AN_ALARM.contains(&reason.code()),
        };
        if reports(answer).flat_map(|report| &report.because).any(about_the_alarm) {
            self.by_the_alarm += 1;
        } else {
            self.wrong.push(format!("an alarm: {otherwise}; its codes are {codes:?}"));
        }
    }
}

/// The alarm of the event, if it rings.
fn read(region: &Region, function: &Function, change: &Change) -> Option<Alarm> {
    let request_id = String::new();
    let invocation = Invocation { symptom: function.symptom, request_id, at: region.now() };
    let received = alarm::read(&change.event, &invocation).ok()?;
    received.alarms.into_iter().find(|alarm| alarm.state == AlarmState::Alarm)
}

fn reports(answer: &Result<Answer, RespondError>) -> impl Iterator<Item = &Report> {
    let answer = match answer {
        Ok(answer)
        | Err(
            RespondError::LedgerUnreachable { answered: answer, .. }
            | RespondError::LedgerContended { answered: answer, .. },
        ) => Some(answer),
        Err(RespondError::Unreadable(_)) => None,
    };
    answer.into_iter().flat_map(|answer| &answer.reports)
}

/// In which way what was done is not what was foretold, if it is not.
fn differs(foretold: &OfSymptom, answer: &Result<Answer, RespondError>) -> Option<String> {
    let (would, rung, codes) = match (answer, reports(answer).next()) {
        (Err(_), _) => (Would::TryAgain, foretold.rung, Vec::new()),
        (Ok(_), Some(report)) => (became(report, foretold.would), report.rung, report.codes()),
        (Ok(_), None) => return Some("nothing was answered".to_owned()),
    };
    let reasons = foretold.because.iter().map(Reason::code);
    let same = match would {
        // What would be done but for the open incident is not told then.
        Would::Queue | Would::Covered | Would::TryAgain => true,
        _ => rung == foretold.rung && reasons.eq(codes.iter().copied()),
    };
    (would != foretold.would || !same).then(|| {
        let foretold_codes: Vec<&str> = foretold.because.iter().map(Reason::code).collect();
        format!(
            "foretold {} {:?} {foretold_codes:?}, became {} {rung:?} {codes:?}",
            word(foretold.would),
            foretold.rung,
            word(would)
        )
    })
}

/// What was done, by what its report says.
fn became(report: &Report, foretold: Would) -> Would {
    let has = |code: &str| report.codes().contains(&code);
    match (report.outcome, report.stage) {
        (Outcome::Acted, Some(Stage::Gathering)) => Would::AskTheHost,
        (Outcome::Acted, Some(Stage::Surveying)) => Would::AskAboutTheDisk,
        (Outcome::Acted, _) => Would::Act,
        (_, Some(Stage::Waiting)) if has("asks-first") => Would::AskPeople,
        (_, Some(Stage::Waiting)) => Would::Wait,
        _ if has("queued") => Would::Queue,
        // Both tell that an incident is open, and write nothing new.
        _ if has("incident-open") && foretold == Would::Covered => Would::Covered,
        _ if report.handed_over => Would::HandOver,
        _ => Would::Refuse,
    }
}

fn word(would: Would) -> &'static str {
    match would {
        Would::Act => "act",
        Would::AskTheHost => "ask-the-host",
        Would::AskAboutTheDisk => "ask-about-the-disk",
        Would::AskPeople => "ask-people",
        Would::Wait => "wait",
        Would::Queue => "queue",
        Would::Covered => "covered",
        Would::Refuse => "refuse",
        Would::HandOver => "hand-over",
        Would::TryAgain => "try-again",
    }
}
