//! The stories: one for each symptom, a replacement, and two refusals. Each is played by the
//! functions' own code in the simulated region, so none of its lines is made up.

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use remedy::alarm::{self, Invocation};
use remedy::model::alarm::Symptom;
use remedy::model::incident::Stage as Incident;
use remedy::model::policy::OPT_IN_TAG;
use serde_json::Value;
use world::Region;
use world::drive::{FollowUp, Function};
use world::fleet::{self, Names};
use world::host::{AgentIs, Trouble};
use world::watch::Watch;

use narrator::Narrator;

mod narrator;

/// When the evening of the stories begins, in seconds since 1970:
/// 2026-11-20T03:00:00Z.
const EVENING: i64 = 1_795_143_600;

/// When a recorded event arrives: 03:14:00 of that evening.
const ARRIVAL: SignedDuration = SignedDuration::from_mins(14);

/// From an alarm's transition until the function is invoked.
const DELIVERY_TAKES: SignedDuration = SignedDuration::from_secs(5);

/// No incident takes longer than this.
const MINUTES_MAX: usize = 240;

/// One story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Story {
    /// A full disk, relieved by a cleanup.
    DiskFull,
    /// A host out of memory whose agent is silent, healed by a reboot.
    MemoryPressure,
    /// A busy host in a group whose agent is silent, rebooted out of service.
    HighCpu,
    /// A host that answers nobody, rebooted on the word of two witnesses.
    Unreachable,
    /// A service that failed, started again on its host.
    ServiceDown,
    /// A full disk that no cleanup relieves, on a host that is replaced.
    Replaced,
    /// An instance whose owner has not opted in, left alone.
    NotOptedIn,
    /// One alarm delivered twice, answered once.
    DeliveredTwice,
}

impl Story {
    /// Plays the story and tells it.
    pub(crate) fn play(self) -> String {
        match self {
            Self::DiskFull => disk_full(),
            Self::MemoryPressure => memory_pressure(),
            Self::HighCpu => high_cpu(),
            Self::Unreachable => unreachable(),
            Self::ServiceDown => service_down(),
            Self::Replaced => replaced(),
            Self::NotOptedIn => not_opted_in(),
            Self::DeliveredTwice => delivered_twice(),
        }
    }
}

/// What came of an event from a file.
#[derive(Debug)]
pub(crate) struct Telling {
    /// What happened.
    pub(crate) text: String,
    /// Whether the function answered. Otherwise it failed, and said why.
    pub(crate) answered: bool,
}

/// Takes one event through the pipeline, in a region where every web server is in a
/// group, healthy and opted in.
pub(crate) fn event(event: &str, function: Option<Symptom>, at: Option<Timestamp>) -> Telling {
    let now = at.unwrap_or_else(|| arrival(event));
    let function = Function::new(function.unwrap_or_else(|| addressee(event, now)));
    let region = fleet::grouped(&Names::default(), now);
    let mut narrator = Narrator::default();
    let answer = narrator.invocation(&region, &function, event);
    if let Some(answer) = &answer {
        narrator.verbatim("The function's answer", answer);
    }
    Telling { text: narrator.told().trim_start().to_owned(), answered: answer.is_some() }
}

/// The function whose alarm `event` is.
fn addressee(event: &str, at: Timestamp) -> Symptom {
    let is_its_own = |symptom: &Symptom| {
        let invocation = Invocation { symptom: *symptom, request_id: String::new(), at };
        alarm::read(event, &invocation).is_ok_and(|received| !received.alarms.is_empty())
    };
    Symptom::ALL.into_iter().find(is_its_own).unwrap_or(Symptom::HighCpu)
}

/// When `event` arrives: on the evening of the stories, where the recorded
/// events are at home, or 2 minutes after its own time if it is of another day.
fn arrival(event: &str) -> Timestamp {
    let usual = evening() + ARRIVAL;
    let parsed: Option<Value> = serde_json::from_str(event).ok();
    let newest = parsed.as_ref().and_then(newest_time);
    match newest {
        Some(newest) if usual.duration_since(newest).abs() > SignedDuration::from_hours(12) => {
            newest + SignedDuration::from_mins(2)
        }
        _ => usual,
    }
}

/// The newest time an event carries of itself.
fn newest_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter_map(|(name, field)| match field {
                Value::String(text) if ["time", "timestamp", "Timestamp"].contains(&&**name) => {
                    text.parse().ok()
                }
                _ => newest_time(field),
            })
            .max(),
        Value::Array(items) => items.iter().filter_map(newest_time).max(),
        _ => None,
    }
}

fn evening() -> Timestamp {
    Timestamp::from_second(EVENING).unwrap_or_default()
}

/// A story's stage: a region, the alarm on `web`, and who tells it.
struct Stage {
    names: Names,
    region: Region,
    function: Function,
    follow_up: FollowUp,
    narrator: Narrator,
}

impl Stage {
    fn new(symptom: Symptom, region: fn(&Names, Timestamp) -> Region, narrator: Narrator) -> Self {
        let names = Names::default();
        let region = region(&names, evening());
        region.add_watch(Watch::new(symptom, names.web.clone(), evening()));
        let function = Function::new(symptom);
        Self { names, region, function, follow_up: FollowUp::default(), narrator }
    }

    fn pass(&self, seconds: i64) {
        self.region.pass(SignedDuration::from_secs(seconds));
    }

    fn happens(&mut self, what: &str) {
        self.narrator.happens(self.region.now(), what);
    }

    /// The agent dies; half an hour passes in which nobody notices.
    fn agent_dies(&mut self) {
        let now = self.region.now();
        self.region.with_host(&self.names.web, |host| host.agent = AgentIs::SilentSince(now));
        self.happens(&format!("the SSM agent on {} dies", self.names.web));
        self.pass(1800);
    }

    /// Trouble begins; three minutes later the alarm goes off. Gives its event.
    fn trouble(&mut self, trouble: Trouble) -> Vec<String> {
        self.region.with_host(&self.names.web, |host| host.trouble = Some(trouble));
        self.happens(&format!("{} begins on {}", trouble.symptom, self.names.web));
        self.pass(180);
        self.transitions()
    }

    /// Whether the alarm changes its state now. Gives its event.
    fn transitions(&mut self) -> Vec<String> {
        let events = self.region.transitions();
        for event in &events {
            let parsed: Value = serde_json::from_str(event).unwrap_or_default();
            let part = |path| parsed.pointer(path).and_then(Value::as_str).unwrap_or("?");
            let name = part("/detail/alarmName");
            let state = part("/detail/state/value");
            self.narrator.happens(self.region.now(), &format!("alarm {name} goes to {state}"));
        }
        events
    }

    /// The events arrive.
    fn deliver(&mut self, events: &[String]) {
        self.region.pass(DELIVERY_TAKES);
        for event in events {
            self.narrator.invocation(&self.region, &self.function, event);
        }
    }

    /// The heartbeat comes every minute until the incident has ended. Whenever
    /// it comes to one of `interesting`, the group is told of too.
    fn follow(&mut self, interesting: &[Incident]) {
        for _ in 0..MINUTES_MAX {
            self.pass(60 - self.region.now().as_second().rem_euclid(60));
            for event in self.transitions() {
                self.narrator.brief(&self.region, &self.function, &event);
            }
            let stages = self.narrator.beat(&self.region, &self.follow_up);
            if stages.iter().any(|stage| interesting.contains(stage)) {
                self.narrator.group(&self.region, &self.names.group);
            }
            let incident = self.region.incident(&self.names.web);
            if incident.is_none_or(|incident| !incident.stage.is_open()) {
                return;
            }
        }
    }

    fn told(self) -> String {
        self.narrator.told()
    }
}

fn disk_full() -> String {
    let mut stage = Stage::new(
        Symptom::DiskFull,
        fleet::grouped,
        Narrator::new(
            "disk-full: relieved by a cleanup",
            "The root volume of a web server fills up. Its SSM agent answers, so the lowest rung \
             is enough. The host says so, the metric says so, and five quiet minutes prove it.",
        ),
    );
    let events = stage.trouble(Trouble::slight(Symptom::DiskFull, 96.4));
    stage.deliver(&events);
    stage.follow(&[]);
    stage.told()
}

fn memory_pressure() -> String {
    let mut stage = Stage::new(
        Symptom::MemoryPressure,
        fleet::standalone,
        Narrator::new(
            "memory-pressure: a silent agent, and a reboot",
            "A server that stands alone runs out of memory, and its SSM agent was the first to \
             die of it. Nothing can be run on the host, so the next rung is a reboot.",
        ),
    );
    stage.agent_dies();
    let events = stage.trouble(Trouble::slight(Symptom::MemoryPressure, 97.2));
    stage.deliver(&events);
    stage.follow(&[]);
    stage.told()
}

fn high_cpu() -> String {
    let mut stage = Stage::new(
        Symptom::HighCpu,
        fleet::grouped,
        Narrator::new(
            "high-cpu: a silent agent, and a reboot out of service",
            "A web server behind a load balancer has no processor time left, not even for its SSM \
             agent. Its group would take a reboot for a death, so it leaves service first, and \
             comes back afterwards.",
        ),
    );
    stage.agent_dies();
    let events = stage.trouble(Trouble::slight(Symptom::HighCpu, 99.1));
    stage.deliver(&events);
    stage.follow(&[Incident::Rebooting]);
    stage.told()
}

fn unreachable() -> String {
    let mut stage = Stage::new(
        Symptom::Unreachable,
        fleet::standalone,
        Narrator::new(
            "unreachable: two witnesses, and a reboot",
            "A server's kernel hangs at three in the morning. EC2's check of it fails, and so does \
             the one that its owner has set up for the application: two witnesses. Nothing can be \
             asked of the host, so it is rebooted, and not hours later by a person.",
        ),
    );
    let web = stage.names.web.clone();
    stage.region.with_host(&web, |host| host.status.application_impaired = Some(false));
    let events = stage.trouble(Trouble::stubborn(Symptom::Unreachable, 100.0));
    stage.deliver(&events);
    stage.follow(&[]);
    stage.told()
}

fn service_down() -> String {
    let mut stage = Stage::new(
        Symptom::ServiceDown,
        fleet::grouped,
        Narrator::new(
            "service-down: started again, and watched",
            "No process of a web server's service is left. The host itself is well, so nothing is \
             done to it: the service is on its owner's list, it has failed and was not stopped, \
             and it is started once. That it stays up the host says, and then the metric.",
        ),
    );
    let events = stage.trouble(Trouble::slight(Symptom::ServiceDown, 100.0));
    stage.deliver(&events);
    stage.follow(&[]);
    stage.told()
}

fn replaced() -> String {
    let mut stage = Stage::new(
        Symptom::DiskFull,
        fleet::grouped,
        Narrator::new(
            "disk-full: a cleanup that is not enough, and a replacement",
            "What fills the disk is nothing a cleanup may touch, and a reboot would leave it where \
             it is. The group replaces the server, and the substitute is watched in its place.",
        ),
    );
    let events = stage.trouble(Trouble::hopeless(Symptom::DiskFull, 98.9));
    stage.deliver(&events);
    stage.follow(&[Incident::Replacing, Incident::Watching]);
    stage.told()
}

fn not_opted_in() -> String {
    let mut stage = Stage::new(
        Symptom::HighCpu,
        fleet::standalone,
        Narrator::new(
            "refused: nobody opted in",
            "A server without the opt-in tag is in the same trouble. It is not ours to touch, and \
             nobody asked to be told about it.",
        ),
    );
    let web = stage.names.web.clone();
    stage.region.with_host(&web, |host| {
        host.instance.tags.remove(OPT_IN_TAG);
    });
    let events = stage.trouble(Trouble::slight(Symptom::HighCpu, 98.5));
    stage.deliver(&events);
    stage.told()
}

fn delivered_twice() -> String {
    let mut stage = Stage::new(
        Symptom::DiskFull,
        fleet::grouped,
        Narrator::new(
            "refused: the same alarm, delivered twice",
            "EventBridge delivers at least once. The second delivery finds the claim of the first \
             in the ledger, and nothing happens twice.",
        ),
    );
    let events = stage.trouble(Trouble::slight(Symptom::DiskFull, 93.8));
    stage.deliver(&events);
    stage.pass(15);
    stage.happens("EventBridge delivers the same event again");
    stage.deliver(&events);
    let commands = stage.region.commands().len();
    stage.happens(&format!("commands sent: {commands}"));
    stage.told()
}
