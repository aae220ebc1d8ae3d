//! Alarms as people out there define them, over a host that is well and over one that is
//! really in trouble. A well host is never disrupted, whether it can speak or not; what is not
//! ours is named for what it is; what is ours and in trouble is helped by the gentlest rung.
//!
//! `alarms.json` has one definition a line, in the words of `PutMetricAlarm`, with where it
//! is from, what it has measured and how full or busy its well host is then.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod envelope;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::incident::Stage;
use remedy::model::platform::Platform;
use remedy::respond::Answer;
use serde_json::Value;
use world::Region;
use world::calls::{Nature, Verb};
use world::drive::{FollowUp, Function};
use world::fleet::{self, ACCOUNT, Names, REGION};
use world::host::{AgentIs, Host, Trouble};
use world::watch::Watch;

/// One alarm, and what is to come of it.
pub(crate) struct Input {
    /// What is special about it.
    pub(crate) what: String,
    /// Its definition, in the words of `PutMetricAlarm`.
    pub(crate) alarm: Value,
    /// What it has measured, oldest first; nothing where a datapoint is missing.
    pub(crate) shows: Vec<Option<f64>>,
    /// The edges of the band that it compares with.
    pub(crate) band: Option<[f64; 2]>,
    symptom: Symptom,
    /// How full or busy a well host is under it, in percent.
    well: f64,
    windows: bool,
    region: Option<String>,
    partition: Option<String>,
    /// The mount that it names, if that is not the root.
    mount: Option<String>,
    /// `ours`, the code of the reason that holds it, or the name under which it is ignored.
    is: String,
}

/// How a well host is, where its alarm measures something else.
const AT_REST: f64 = 41.0;

/// Longer than an incident may take, with its last telling.
const MINUTES: usize = 200;

impl Input {
    fn of(line: &Value) -> Self {
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        assert!(text("source").is_some_and(|source| source.len() > 10), "{line} has no source");
        let named = |symptom: &Symptom| line["symptom"] == symptom.name();
        let edge = |at: usize| line["band"][at].as_f64();
        Self {
            what: text("what").unwrap(),
            alarm: line["alarm"].clone(),
            shows: line["shows"].as_array().unwrap().iter().map(Value::as_f64).collect(),
            band: edge(0).zip(edge(1)).map(|(low, high)| [low, high]),
            symptom: Symptom::ALL.into_iter().find(named).unwrap(),
            well: line["well"].as_f64().unwrap_or(AT_REST),
            windows: line["windows"] == true,
            region: text("region"),
            partition: text("partition"),
            mount: text("mount"),
            is: text("is").unwrap(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.alarm["AlarmName"].as_str().unwrap()
    }

    pub(crate) fn measured(&self) -> Vec<f64> {
        self.shows.iter().copied().flatten().collect()
    }

    pub(crate) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(REGION)
    }

    pub(crate) fn arn(&self) -> String {
        let partition = self.partition.as_deref().unwrap_or("aws");
        let (region, name) = (self.region(), self.name());
        format!("arn:{partition}:cloudwatch:{region}:{ACCOUNT}:alarm:{name}")
    }

    fn is_ours(&self) -> bool {
        self.is == "ours"
    }

    /// The host under the ringing alarm, which is not in trouble.
    fn well_host(&self, host: &mut Host) {
        if !matches!(self.symptom, Symptom::Unreachable | Symptom::ServiceDown) {
            let (symptom, percent) = (self.symptom, self.well);
            host.trouble = Some(Trouble { percent, ..Trouble::hopeless(symptom, percent) });
        }
        if self.windows {
            host.instance.platform = Platform::Windows;
        }
    }

    fn sick_host(&self, host: &mut Host) {
        self.well_host(host);
        host.trouble = Some(Trouble::slight(self.symptom, 97.0));
    }
}

fn inputs() -> Vec<Input> {
    let list: Vec<Value> = serde_json::from_str(include_str!("alarms.json")).unwrap();
    list.iter().map(Input::of).collect()
}

/// When everything begins.
fn start() -> Timestamp {
    "2026-11-20T03:00:00Z".parse().unwrap()
}

/// A fleet in which the alarm stands as long as its host is beyond `threshold`.
fn fleet(
    input: &Input,
    of: fn(&Names, Timestamp) -> Region,
    threshold: f64,
    change: impl FnOnce(&mut Host),
) -> (Region, Names) {
    let names = Names::default();
    let region = of(&names, start());
    let mut watch = Watch::new(input.symptom, names.web.clone(), start());
    input.name().clone_into(&mut watch.name);
    if !matches!(input.symptom, Symptom::Unreachable | Symptom::ServiceDown) {
        watch.threshold = threshold;
    }
    let actions = input.alarm["AlarmActions"].as_array().into_iter().flatten();
    watch.actions = actions.map(|action| action.as_str().unwrap().to_owned()).collect();
    region.add_watch(watch);
    region.with_host(&names.web, change);
    // The metric has some minutes behind it, and the alarm has just gone off.
    region.pass(SignedDuration::from_mins(6));
    let _its_own_words = region.changes();
    (region, names)
}

/// The event arrives, and minutes pass until the incident has ended.
fn play(input: &Input, region: &Region, names: &Names) -> Answer {
    let event = envelope::event(input, region.now()).to_string();
    let answer = Function::new(input.symptom).run(region, &event).unwrap();
    for _ in 0..MINUTES {
        if region.incident(&names.web).is_none_or(|incident| !incident.stage.is_open()) {
            break;
        }
        region.pass(SignedDuration::from_mins(1));
        let _its_own_words = region.changes();
        FollowUp::default().run(region).unwrap();
    }
    answer
}

fn touches(region: &Region) -> Vec<Verb> {
    let calls = region.calls().into_iter().map(|call| call.verb);
    calls.filter(|verb| verb.nature() == Nature::Touch).collect()
}

fn disruptions(region: &Region) -> Vec<Verb> {
    let gentle = |verb: &Verb| !matches!(verb, Verb::Clean | Verb::Gather);
    touches(region).into_iter().filter(gentle).collect()
}

/// The codes under which an answer says that something was ignored or held.
fn named(answer: &Answer) -> BTreeSet<String> {
    let ignored = answer.ignored.iter().map(|ignored| ignored.code.to_owned());
    let reports = answer.reports.iter().flat_map(|report| &report.because);
    ignored.chain(reports.map(|reason| format!("held:{}", reason.code()))).collect()
}

const FLEETS: [fn(&Names, Timestamp) -> Region; 2] = [fleet::grouped, fleet::standalone];

#[test]
fn a_well_host_is_never_disrupted_whether_it_can_speak_or_not() {
    let (mut silent, mut dumb) = (0, 0);
    for input in inputs() {
        for of in FLEETS {
            for agent in [AgentIs::Answering, AgentIs::SilentSince(start()), AgentIs::Absent] {
                let (region, names) = fleet(&input, of, input.well - 1.0, |host| {
                    input.well_host(host);
                    host.agent = match agent {
                        AgentIs::SilentSince(since) => {
                            AgentIs::SilentSince(since - SignedDuration::from_hours(1))
                        }
                        other => other,
                    };
                });
                let answer = play(&input, &region, &names);
                let (what, is) = (&input.what, &input.is);
                // Of one that cannot speak the measurement is the only witness.
                let alone = agent != AgentIs::Answering && input.well >= 90.0 && input.is_ours();
                if !alone {
                    let seen = disruptions(&region);
                    assert_eq!(seen, [], "{what}, {agent:?}: {:?}", named(&answer));
                }
                if !input.is_ours() {
                    let expected = if is == "held:platform-unsupported" && agent == AgentIs::Absent
                    {
                        "held:agent-absent"
                    } else {
                        is
                    };
                    let codes = named(&answer);
                    assert!(codes.contains(expected), "{what}: {codes:?}");
                    assert_eq!(touches(&region), [], "{what}: {codes:?}");
                }
                silent += usize::from(matches!(agent, AgentIs::SilentSince(_)));
                dumb += usize::from(agent == AgentIs::Absent);
            }
        }
    }
    assert!(silent > 100 && dumb > 100, "{silent} {dumb}");
}

#[test]
fn what_is_ours_and_in_trouble_is_helped_by_the_gentlest_rung() {
    for input in inputs().into_iter().filter(Input::is_ours) {
        // A member whose group has found it out is its group's.
        let unreachable = input.symptom == Symptom::Unreachable;
        for of in FLEETS.into_iter().skip(usize::from(unreachable)) {
            let (region, names) = fleet(&input, of, 90.0, |host| input.sick_host(host));
            play(&input, &region, &names);
            let (what, touches) = (&input.what, touches(&region));
            let first = touches.first().copied();
            let end = region.incident(&names.web).map(|incident| incident.stage);
            if unreachable {
                let left_to_its_alarm = input.alarm["AlarmActions"].is_array();
                let reboots = touches.contains(&Verb::Reboot);
                assert_eq!(reboots, !left_to_its_alarm, "{what}: {touches:?}, {end:?}");
                continue;
            }
            assert_eq!(first, Some(Verb::Clean), "{what}: {touches:?}, {end:?}");
            // Of another file system than the root the simulated host says that it is well.
            let expected = if input.mount.is_some() { Stage::HandedOver } else { Stage::Resolved };
            assert_eq!(end, Some(expected), "{what}: {touches:?}");
            assert_eq!(disruptions(&region), [], "{what}");
        }
    }
}

#[test]
fn an_alarm_means_the_same_in_whatever_shape_it_arrives() {
    for input in inputs() {
        let answer = |shape: fn(&Input, Timestamp) -> Value| {
            let change = |host: &mut Host| input.sick_host(host);
            let (region, _) = fleet(&input, fleet::standalone, 90.0, change);
            let event = shape(&input, region.now()).to_string();
            let answer = Function::new(input.symptom).run(&region, &event).unwrap();
            (named(&answer), touches(&region))
        };
        let expected = answer(envelope::event);
        for (shape, name) in [
            (envelope::action as fn(&Input, Timestamp) -> Value, "a Lambda action"),
            (envelope::sns, "SNS"),
            (envelope::sqs_of_sns, "SNS inside SQS"),
            (envelope::sqs_of_event, "EventBridge inside SNS inside SQS"),
        ] {
            assert_eq!(answer(shape), expected, "{} by {name}", input.what);
        }
    }
}
