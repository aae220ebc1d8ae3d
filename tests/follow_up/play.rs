//! Plays an incident from its alarm to its end: every simulated minute the
//! alarms are looked at, what they send is delivered, and the heartbeat comes.

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::ids::InstanceId;
use remedy::model::incident::{Incident, Rung, Stage};
use remedy::report::outcome::Report;
use world::Region;
use world::calls::{Call, Nature, Verb};
use world::drive::{FollowUp, Function, finish_or_die};
use world::fleet::{self, Names};
use world::host::{AgentIs, Host, Trouble};
use world::watch::Watch;

/// When the plays begin.
pub(crate) fn start() -> Timestamp {
    "2026-11-20T03:00:00Z".parse().unwrap()
}

/// Longer than any incident may take.
pub(crate) const MINUTES_MAX: usize = 260;

/// A region, the functions in it, and what became of their invocations.
pub(crate) struct Play {
    pub(crate) region: Region,
    pub(crate) names: Names,
    pub(crate) function: Function,
    pub(crate) follow_up: FollowUp,
    /// Whether OK events and other triggers arrive.
    pub(crate) triggers: bool,
    /// Invocations that died.
    pub(crate) deaths: usize,
    /// What the functions reported.
    pub(crate) reports: Vec<Report>,
    undelivered: Vec<String>,
}

impl Play {
    /// A play about `symptom` of the web server.
    pub(crate) fn of(symptom: Symptom, region: fn(&Names, Timestamp) -> Region) -> Self {
        let names = Names::default();
        let region = region(&names, start());
        region.add_watch(Watch::new(symptom, names.web.clone(), start()));
        Self {
            region,
            names,
            function: Function::new(symptom),
            follow_up: FollowUp::default(),
            triggers: true,
            deaths: 0,
            reports: Vec::new(),
            undelivered: Vec::new(),
        }
    }

    /// A web server in its group, in this trouble.
    pub(crate) fn grouped(trouble: Trouble) -> Self {
        Self::of(trouble.symptom, fleet::grouped).with_host(|host| host.trouble = Some(trouble))
    }

    /// A web server that stands alone, in this trouble.
    pub(crate) fn standalone(trouble: Trouble) -> Self {
        Self::of(trouble.symptom, fleet::standalone).with_host(|host| host.trouble = Some(trouble))
    }

    /// With something else about the host.
    pub(crate) fn with_host(self, change: impl FnOnce(&mut Host)) -> Self {
        self.region.with_host(&self.names.web, change);
        self
    }

    /// With something else about the group.
    pub(crate) fn with_group(self, change: impl FnOnce(&mut world::group::Group)) -> Self {
        self.region.with_group(&self.names.group, change);
        self
    }

    /// With a volume that may grow to so many GiB, and was measured for an hour.
    pub(crate) fn with_a_cap(self, gib: u32) -> Self {
        let play = self.with_host(|host| host.disk.cap_gib = Some(gib));
        play.region.measured_before(&play.names.web);
        play
    }

    /// With an agent that died an hour ago.
    pub(crate) fn with_a_silent_agent(self) -> Self {
        let since = start() - SignedDuration::from_hours(1);
        self.with_host(|host| host.agent = AgentIs::SilentSince(since))
    }

    /// Without OK events, or with late ones: only the heartbeat is there.
    pub(crate) fn without_hints(mut self) -> Self {
        self.triggers = false;
        self
    }

    /// One minute passes; then the events arrive, and the heartbeat comes.
    pub(crate) fn minute(&mut self) {
        self.region.pass(SignedDuration::from_mins(1));
        self.deliver();
        self.beat();
    }

    /// What the alarms send arrives. Lambda retries what died.
    pub(crate) fn deliver(&mut self) {
        let mut events = std::mem::take(&mut self.undelivered);
        events.extend(self.region.transitions());
        for event in events {
            if !self.triggers && self.incident().is_some() {
                self.undelivered.push(event); // Until triggers arrive again.
                continue;
            }
            let answer = finish_or_die(&self.region, self.function.invoke(&self.region, &event));
            if let Some(answer) = answer {
                self.reports.extend(answer.unwrap().reports);
            } else {
                self.deaths += 1;
                self.undelivered.push(event);
            }
        }
    }

    /// The heartbeat comes.
    pub(crate) fn beat(&mut self) {
        match finish_or_die(&self.region, self.follow_up.invoke(&self.region, None)) {
            Some(beat) => self.reports.extend(beat.unwrap().reports),
            None => self.deaths += 1,
        }
    }

    /// Minutes pass.
    pub(crate) fn minutes(&mut self, minutes: usize) {
        for _ in 0..minutes {
            self.minute();
        }
    }

    /// Minutes pass until the incident is in `stage`. Gives how many.
    pub(crate) fn until(&mut self, stage: Stage) -> usize {
        self.until_it(&format!("is {stage:?}"), |incident| incident.stage == stage)
    }

    /// Minutes pass until the incident has ended. Gives its last stage.
    pub(crate) fn until_the_end(&mut self) -> Stage {
        self.until_it("has ended", |incident| !incident.stage.is_open());
        self.incident().unwrap().stage
    }

    pub(crate) fn until_it(&mut self, what: &str, is: impl Fn(&Incident) -> bool) -> usize {
        for minutes in 0..MINUTES_MAX {
            if self.incident().is_some_and(|incident| is(&incident)) {
                return minutes;
            }
            self.minute();
        }
        panic!("it never {what}: {:#?}", self.incident());
    }

    /// The web server's newest incident.
    pub(crate) fn incident(&self) -> Option<Incident> {
        self.region.incident(&self.names.web)
    }

    /// The rungs tried so far.
    pub(crate) fn tried(&self) -> Vec<Rung> {
        self.incident().unwrap().tried()
    }

    /// The calls that changed an instance or a group, in short.
    pub(crate) fn touches(&self) -> Vec<Verb> {
        let calls = self.region.calls().into_iter().map(|call| call.verb);
        calls.filter(|verb| verb.nature() == Nature::Touch).collect()
    }

    /// How often `verb` was called.
    pub(crate) fn asked(&self, verb: Verb) -> usize {
        self.region.calls().iter().filter(|call| call.verb == verb).count()
    }

    /// The subjects people got, without what is the same in all.
    pub(crate) fn told(&self) -> Vec<String> {
        let short = |subject: &str| subject.rsplit(": ").next().unwrap_or_default().to_owned();
        self.region.topic().iter().map(|notification| short(&notification.subject)).collect()
    }

    /// The codes of the reasons people got last.
    pub(crate) fn last_reasons(&self) -> Vec<&'static str> {
        let last = self.reports.iter().rev().find(|report| report.told).unwrap();
        last.because.iter().map(remedy::model::reason::Reason::code).collect()
    }

    /// The instances that were launched in the course of the play.
    pub(crate) fn substitutes(&self) -> Vec<InstanceId> {
        self.region.hosts().into_keys().filter(|id| id.as_str().starts_with("i-0e")).collect()
    }

    /// The call at which a function died, if one did.
    pub(crate) fn fatal_call(&self) -> Option<Call> {
        self.region.calls().into_iter().find(|call| call.answer == "the function died")
    }
}
