//! What would be done about an instance, and what was recorded of an incident.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use remedy::explain::now::explain;
use remedy::explain::recorded::recorded;
use remedy::explain::said::{Asked, Explanation, Said, Word, Would};
use remedy::explain::text;
use remedy::model::alarm::Symptom;
use remedy::model::ids::{IncidentId, InstanceId};
use remedy::model::pause::{Pause, Scope};
use remedy::model::rung::Rung;
use world::Region;
use world::drill::explained::explained;
use world::drive::{FollowUp, Function, finish, finish_in};
use world::fleet::{self, Names};
use world::host::{AgentIs, Trouble};
use world::watch::Watch;

fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn asked(instance: &InstanceId, symptom: Option<Symptom>) -> Asked {
    Asked { instance: instance.clone(), symptom, mount: None }
}

fn told(region: &Region, asked: &Asked) -> Explanation {
    let policy = Function::new(Symptom::HighCpu).policy;
    finish_in(region, explain(region, &policy, asked, region.now()))
}

/// What is said of `check` for `rung`, of the first symptom.
fn said<'a>(told: &'a Explanation, rung: Rung, check: &str) -> &'a Said {
    let of = told.symptoms[0].rungs.iter().find(|of| of.rung == rung).unwrap();
    of.checks.iter().find(|said| said.check == check).unwrap()
}

#[test]
fn what_is_foretold_is_what_is_then_done_and_asking_changes_nothing() {
    let explained = explained(20_261_128, 60);
    let wrong = explained.wrong.len();
    let some: Vec<&String> = explained.wrong.iter().take(5).collect();
    assert_eq!(wrong, 0, "{some:#?}\n{:?}", explained.foretold);
    let foretold: BTreeSet<&str> = explained.foretold.keys().copied().collect();
    for would in ["act", "wait", "queue", "covered", "refuse", "hand-over"] {
        assert!(foretold.contains(would), "never foretold: {would} ({foretold:?})");
    }
    assert!(explained.agreed > 150, "{explained:?}");
    assert!(explained.by_the_alarm * 2 < explained.agreed, "{explained:?}");
}

#[test]
fn every_symptom_every_rung_and_every_guard_is_told_once() {
    let names = Names::default();
    let region = fleet::grouped(&names, noon());
    let told = told(&region, &asked(&names.web, None));
    let symptoms: Vec<Symptom> = told.symptoms.iter().map(|of| of.symptom).collect();
    assert_eq!(symptoms, Symptom::ALL);
    for rungs in told.symptoms.iter().map(|of| &of.rungs) {
        for of in rungs {
            let names: BTreeSet<&str> = of.checks.iter().map(|said| said.check).collect();
            assert_eq!(names.len(), of.checks.len(), "{:?}", of.checks);
            assert_eq!(names.len(), 29, "26 guards, and whether it is possible, {names:?}");
        }
    }
}

#[test]
fn a_no_says_until_when_it_lasts() {
    let names = Names::default();
    let region = fleet::grouped(&names, noon());
    region.with_host(&names.web, |host| {
        host.agent = AgentIs::SilentSince(noon() - SignedDuration::from_hours(1));
        host.instance.launched_at = Some(noon() - SignedDuration::from_mins(4));
    });
    let pause = Pause {
        scope: Scope::Instance(names.web.clone()),
        reason: "a release".to_owned(),
        owner: "Anna".to_owned(),
        since: noon(),
        until: noon() + SignedDuration::from_mins(90),
        harm: false,
    };
    region.with_book(|book| {
        book.pause(&pause);
    });
    let told = told(&region, &asked(&names.web, Some(Symptom::HighCpu)));
    assert_eq!(told.symptoms[0].would, Would::Wait);
    let paused = said(&told, Rung::Reboot, "not-paused");
    assert_eq!((paused.answer, paused.until), (Word::No, Some(pause.until)));
    let young = said(&told, Rung::Reboot, "old-enough");
    let boots_until = noon() + SignedDuration::from_mins(6);
    assert_eq!((young.answer, young.until), (Word::No, Some(boots_until)));
    assert_eq!(said(&told, Rung::Cleanup, "old-enough").answer, Word::Yes);
    assert_eq!(said(&told, Rung::Reboot, "not-muted").answer, Word::Unknown);
    let possible = said(&told, Rung::Cleanup, "possible");
    assert_eq!((possible.code, possible.until), (Some("too-young"), Some(boots_until)));
    insta::with_settings!({ snapshot_path => "explain", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("a-paused-host", text::explanation(&told));
    });
}

#[test]
fn what_was_recorded_is_told_again_by_its_incident() {
    let names = Names::default();
    let region = fleet::grouped(&names, noon());
    region
        .with_host(&names.web, |host| host.trouble = Some(Trouble::slight(Symptom::HighCpu, 97.0)));
    region.add_watch(Watch::new(Symptom::HighCpu, names.web.clone(), noon()));
    region.pass(SignedDuration::from_mins(2));
    for event in region.transitions() {
        Function::new(Symptom::HighCpu).run(&region, &event).unwrap();
    }
    let incident = region.incident(&names.web).unwrap();
    let by = |id: &IncidentId, of: Option<&InstanceId>| finish(recorded(&region, id, of)).unwrap();
    let open = by(&incident.id, None).unwrap();
    assert_eq!(open.timeline, incident.timeline);
    assert!(!open.timeline.is_empty() && open.ended_at.is_none());
    for _ in 0..30 {
        region.pass(SignedDuration::from_mins(1));
        region.transitions();
        FollowUp::default().run(&region).unwrap();
    }
    let ended = by(&incident.id, Some(&names.web)).unwrap();
    assert_eq!(by(&incident.id, None), Some(ended.clone()), "its id is enough");
    assert!(ended.ended_at.is_some() && ended.timeline.len() > open.timeline.len());
    let text = text::recorded(&ended);
    assert!(text.contains("lowest-rung") && text.contains("stayed-gone"), "{text}");
    assert_eq!(by(&IncidentId::new("high-cpu-1").unwrap(), Some(&names.web)), None);
}
