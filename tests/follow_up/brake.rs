//! The brake that works by itself: a rung that does not help, or does harm, rests.

use jiff::SignedDuration;
use remedy::model::alarm::Symptom::HighCpu;
use remedy::model::brake::Became;
use remedy::model::ids::InstanceId;
use remedy::model::incident::{Incident, Rung, Stage};
use remedy::model::pool::{POOL_TAG, Pool};
use world::Region;
use world::calls::Verb;
use world::drive::{FollowUp, Function};
use world::host::{Host, Trouble};
use world::watch::Watch;

use crate::play::{MINUTES_MAX, start};

/// Servers that stand alone, which fall ill one after the other.
struct Servers {
    region: Region,
    function: Function,
    follow_up: FollowUp,
}

impl Servers {
    fn new() -> Self {
        let region = Region::new(start());
        Self { region, function: Function::new(HighCpu), follow_up: FollowUp::default() }
    }

    fn minute(&self) {
        self.region.pass(SignedDuration::from_mins(1));
        for event in self.region.transitions() {
            self.function.run(&self.region, &event).unwrap();
        }
        self.follow_up.run(&self.region).unwrap();
    }

    /// A server of `pool` falls ill, and its incident is played to its end.
    fn falls_ill(&self, number: u32, pool: &str, trouble: Trouble, boots: bool) -> Incident {
        let id = InstanceId::new(format!("i-0b{number:06x}")).unwrap();
        let mut host = Host::healthy("eu-central-1a");
        host.trouble = Some(trouble);
        host.instance.tags.insert(POOL_TAG.to_owned(), pool.to_owned());
        if !boots {
            host.boot_takes = None;
        }
        self.region.add_host(id.clone(), host);
        let mut watch = Watch::new(HighCpu, id.clone(), self.region.now());
        watch.name = format!("cpu-{number}");
        self.region.add_watch(watch);
        for _ in 0..MINUTES_MAX {
            self.minute();
            let ended = self.region.incident(&id).filter(|it| !it.stage.is_open());
            if let Some(ended) = ended {
                return ended;
            }
        }
        panic!("it never ended: {:#?}", self.region.incident(&id));
    }

    fn told(&self) -> String {
        self.region.topic().last().unwrap().text.clone()
    }

    fn reboots(&self) -> usize {
        self.region.calls().iter().filter(|call| call.verb == Verb::Reboot).count()
    }

    fn lift(&self, scope: &str) {
        self.region.with_book(|book| {
            book.lift(&scope.parse().unwrap());
        });
    }
}

fn hopeless() -> Trouble {
    Trouble::hopeless(HighCpu, 99.0)
}

#[test]
fn a_rung_that_never_helps_is_tried_four_times_in_a_pool() {
    let servers = Servers::new();
    for number in 0..4 {
        let ended = servers.falls_ill(number, "db", hopeless(), true);
        assert_eq!(
            (ended.tried(), ended.stage),
            (vec![Rung::Cleanup, Rung::Reboot], { Stage::HandedOver })
        );
    }
    assert!(servers.told().contains("4 in a row did not help"), "{}", servers.told());
    let ended = servers.falls_ill(4, "db", hopeless(), true);
    assert_eq!((ended.tried(), ended.stage), (vec![Rung::Cleanup], Stage::HandedOver));
    assert!(servers.told().contains("rests until 2026-11-27"), "{}", servers.told());
    // Another pool learns nothing from it.
    let ended = servers.falls_ill(5, "mail", Trouble::stubborn(HighCpu, 99.0), true);
    assert_eq!((ended.tried(), ended.stage), (vec![Rung::Cleanup, Rung::Reboot], Stage::Resolved));
    assert_eq!(servers.reboots(), 5);
}

#[test]
fn what_helps_begins_the_count_anew() {
    let servers = Servers::new();
    for number in 0..3 {
        servers.falls_ill(number, "db", hopeless(), true);
    }
    servers.falls_ill(3, "db", Trouble::stubborn(HighCpu, 99.0), true);
    for number in 4..7 {
        let ended = servers.falls_ill(number, "db", hopeless(), true);
        assert_eq!(ended.tried(), [Rung::Cleanup, Rung::Reboot]);
    }
    let pool = Pool::Standalone("db".to_owned());
    let tries = servers.region.book().tries(&pool, HighCpu, Rung::Reboot);
    assert_eq!((tries.tried.len(), tries.in_a_row()), (7, 3));
    assert_eq!(tries.tried[3].became, Became::Helped);
}

#[test]
fn a_rung_that_harms_once_rests_and_once_more_in_another_pool_everywhere() {
    let servers = Servers::new();
    let harmed = servers.falls_ill(0, "db", Trouble::stubborn(HighCpu, 99.0), false);
    assert!(harmed.attempts.last().unwrap().not_back);
    assert!(servers.told().contains("it did harm on i-0b000000"), "{}", servers.told());
    assert_eq!(servers.falls_ill(1, "db", hopeless(), true).tried(), [Rung::Cleanup]);
    servers.falls_ill(2, "mail", Trouble::stubborn(HighCpu, 99.0), false);
    assert!(servers.told().contains("it did harm in 2 pools within a day"), "{}", servers.told());
    assert_eq!(servers.falls_ill(3, "web", hopeless(), true).tried(), [Rung::Cleanup]);
    assert_eq!(servers.reboots(), 2);
}

#[test]
fn a_person_lifts_a_rest_for_one_try() {
    let servers = Servers::new();
    for number in 0..4 {
        servers.falls_ill(number, "db", hopeless(), true);
    }
    servers.lift("rung:reboot:high-cpu:standalone:db");
    let ended = servers.falls_ill(4, "db", hopeless(), true);
    assert_eq!(ended.tried(), [Rung::Cleanup, Rung::Reboot], "one try");
    assert!(servers.told().contains("it rested, and did not help"), "{}", servers.told());
    assert_eq!(servers.falls_ill(5, "db", hopeless(), true).tried(), [Rung::Cleanup]);
    servers.lift("rung:reboot:high-cpu:standalone:db");
    servers.falls_ill(6, "db", Trouble::stubborn(HighCpu, 99.0), true);
    for number in 7..9 {
        let ended = servers.falls_ill(number, "db", hopeless(), true);
        assert_eq!(ended.tried(), [Rung::Cleanup, Rung::Reboot], "it helped");
    }
}
