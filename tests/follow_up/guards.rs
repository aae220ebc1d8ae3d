//! What guards hold back, and how it goes on.

use jiff::SignedDuration;
use remedy::model::alarm::Symptom::{self, DiskFull, HighCpu, MemoryPressure, ServiceDown};
use remedy::model::busy::BUSY_TAG;
use remedy::model::calendar::CALENDAR_TAG;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::incident::{Incident, Rung, Stage};
use remedy::model::pause::{Pause, Scope};
use remedy::model::policy::{MAX_RUNG_TAG, OPT_IN_OBSERVE, OPT_IN_TAG};
use remedy::model::pool::Pool;
use remedy::model::reason::{Reason, Severity};
use world::Region;
use world::calls::{Fault, Verb};
use world::drive::{FollowUp, Function};
use world::group::Group;
use world::host::{AgentIs, Host, Trouble};
use world::watch::Watch;

use crate::play::{Play, start};

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn pause(play: &Play, scope: &str, lasts: i64) -> Pause {
    Pause {
        scope: scope.parse().unwrap(),
        reason: "a release".to_owned(),
        owner: "Anna".to_owned(),
        since: play.region.now(),
        until: play.region.now() + minutes(lasts),
        harm: false,
    }
}

#[test]
fn a_paused_alarm_is_told_once_and_goes_on_when_the_pause_is_lifted() {
    let mut play = Play::grouped(Trouble::slight(HighCpu, 99.1));
    let all_day = pause(&play, "all", 24 * 60);
    play.region.with_book(|book| {
        book.pause(&all_day);
    });
    play.minutes(40);
    assert_eq!(play.incident().unwrap().stage, Stage::Waiting);
    assert_eq!(play.told(), ["waits, paused"]);
    assert_eq!(play.touches(), []);
    play.region.with_book(|book| {
        book.lift(&all_day.scope);
    });
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.told(), ["waits, paused", "cleanup asked for", "resolved"]);
}

#[test]
fn a_wait_that_nobody_heard_of_is_told_later() {
    let mut play = Play::grouped(Trouble::slight(HighCpu, 99.1));
    let all_day = pause(&play, "all", 24 * 60);
    play.region.with_book(|book| {
        book.pause(&all_day);
    });
    play.region.break_call(Verb::Tell, Fault::RequestLost);
    play.until(Stage::Waiting);
    play.region.mend_call(Verb::Tell);
    assert!(play.told().is_empty());
    play.minutes(30);
    assert_eq!(play.told(), ["waits, paused"]);
}

#[test]
fn a_pause_stops_what_is_new_and_lets_what_runs_end() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    let hour = pause(&play, "group:web-asg", 60);
    play.region.with_book(|book| {
        book.pause(&hour);
    });
    assert_eq!(play.until_the_end(), Stage::Resolved, "nobody is left in Standby");

    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Cleaning);
    let hour = pause(&play, "group:web-asg", 60);
    play.region.with_book(|book| {
        book.pause(&hour);
    });
    play.minutes(59);
    assert_eq!(play.touches(), [Verb::Clean], "the next rung is new");
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.tried(), [Rung::Cleanup, Rung::Reboot]);
}

#[test]
fn an_instance_rests_between_two_incidents_and_what_does_not_last_is_skipped() {
    let relapse =
        Trouble { comes_back_after: Some(minutes(15)), ..Trouble::slight(MemoryPressure, 97.0) };
    let mut play = Play::standalone(relapse);
    let mut waits = Vec::new();
    for tried in [Rung::Cleanup, Rung::Cleanup, Rung::Reboot] {
        let before = play.incident().map(|incident| incident.id);
        let ended_at = play.incident().and_then(|incident| incident.ended_at());
        while play.incident().map(|incident| incident.id) == before {
            play.minute();
        }
        assert_eq!(play.until_the_end(), Stage::Resolved);
        let incident = play.incident().unwrap();
        assert_eq!(incident.tried(), [tried], "{:?}", play.told());
        waits.extend(ended_at.map(|ended| incident.attempts[0].claimed_at.duration_since(ended)));
    }
    assert_eq!(waits.len(), 2);
    assert!(waits.iter().all(|wait| *wait >= minutes(15)), "{waits:?}");
    let causes = play.region.topic();
    let asks = |text: &str| text.contains("root cause");
    assert!(causes.iter().any(|told| asks(&told.text)), "{:?}", play.told());
}

#[test]
fn a_person_with_a_session_is_waited_for() {
    let mut play = Play::standalone(Trouble::slight(HighCpu, 99.1)).with_a_silent_agent();
    play = play.with_host(|host| host.sessions = 1);
    play.minutes(20);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["waits, person-present"]);
    let mut play = play.with_host(|host| host.sessions = 0);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Reboot]);
}

#[test]
fn a_pipeline_that_begins_while_a_member_drains_is_waited_for() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    let until = (play.region.now() + minutes(12)).to_string();
    let mut play = play.with_host(|host| {
        host.instance.tags.insert(BUSY_TAG.to_owned(), until);
    });
    play.minutes(11);
    assert_eq!(play.incident().unwrap().stage, Stage::Draining);
    assert_eq!(play.asked(Verb::Reboot), 0);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Reboot), 1);
}

#[test]
fn a_pipeline_that_never_ends_has_a_member_come_back_as_it_is() {
    let mut play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.until(Stage::Draining);
    let mut play = play.with_host(|host| {
        host.instance.tags.insert(BUSY_TAG.to_owned(), "for ever".to_owned());
    });
    play.until(Stage::Returning);
    play.until_the_end();
    assert_eq!(play.asked(Verb::Reboot), 0);
}

/// With a tag of the group.
fn group_says(play: Play, tag: &str, value: String) -> Play {
    play.with_group(|group| {
        group.tags.insert(tag.to_owned(), value);
    })
}

#[test]
fn a_service_that_a_pipeline_of_its_group_has_stopped_is_not_started() {
    let until = (start() + minutes(20)).to_string();
    let mut play =
        group_says(Play::grouped(Trouble::slight(ServiceDown, 100.0)), BUSY_TAG, until.clone());
    play.minutes(19);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["waits, busy"]);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean]);
    // Whether its group says so must be known.
    let mut play = group_says(Play::grouped(Trouble::slight(ServiceDown, 100.0)), BUSY_TAG, until);
    play.region.break_call(Verb::Group, Fault::RequestLost);
    play.minutes(10);
    assert_eq!(play.touches(), []);
}

#[test]
fn a_groups_calendar_holds_the_cleanups_of_a_host_that_says_all() {
    let mut play = group_says(
        Play::grouped(Trouble::slight(HighCpu, 99.1)),
        CALENDAR_TAG,
        "freeze".to_owned(),
    )
    .with_host(|host| {
        host.instance.tags.insert(CALENDAR_TAG.to_owned(), "all".to_owned());
    });
    play.region.close_calendar("freeze", minutes(20));
    play.minutes(19);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["waits, calendar-closed"]);
    assert_eq!(play.until_the_end(), Stage::Resolved);
}

/// A member whose reboot was intended, and the call for it lost.
fn lost_on_its_way_out() -> Play {
    let mut play = group_says(
        Play::grouped(Trouble::stubborn(HighCpu, 99.1)),
        CALENDAR_TAG,
        "freeze".to_owned(),
    );
    play.region.trip_call(Verb::LeaveService, Fault::RequestLost);
    play.until(Stage::Draining);
    play
}

#[test]
fn a_window_that_closes_before_a_lost_call_is_made_again_is_waited_for() {
    let mut play = lost_on_its_way_out();
    play.region.close_calendar("freeze", minutes(10));
    play.minutes(9);
    assert_eq!(play.asked(Verb::LeaveService), 1, "the lost one");
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::LeaveService), 2);

    let mut play = lost_on_its_way_out();
    play.region.call_zone("eu-central-1a", "impaired");
    play.minutes(9);
    assert_eq!(play.asked(Verb::LeaveService), 1, "the lost one");
    play.region.call_zone("eu-central-1a", "available");
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::LeaveService), 2);
}

#[test]
fn to_hear_the_owners_costs_two_calls_before_a_disruption_and_none_before_a_cleanup() {
    let heard = |trouble: Trouble| {
        let mut play = group_says(Play::grouped(trouble), CALENDAR_TAG, "freeze".to_owned());
        play.until_the_end();
        let at = |verb: Verb| {
            let calls = play.region.calls().into_iter().filter(move |call| call.verb == verb);
            calls.map(|call| call.at).collect::<Vec<_>>()
        };
        // What is asked before every disruption, and only then: who has a session open.
        let chosen = at(Verb::Sessions);
        for verb in [Verb::Zones, Verb::Calendar] {
            assert!(at(verb).iter().all(|at| chosen.contains(at)), "{verb:?}");
            assert!(at(verb).len() <= chosen.len(), "{verb:?}");
        }
        // And of the ledger: what became of the tries, once at the end of who was disrupted.
        (at(Verb::Zones).len(), at(Verb::Calendar).len(), at(Verb::KeepTries).len())
    };
    assert_eq!(heard(Trouble::slight(HighCpu, 99.1)), (0, 0, 0));
    assert_eq!(heard(Trouble::stubborn(HighCpu, 99.1)), (2, 2, 1), "it is asked, and rebooted");
}

#[test]
fn what_is_over_while_it_waits_is_closed_untouched() {
    let play = Play::standalone(Trouble::slight(HighCpu, 99.1)).with_a_silent_agent();
    let mut play = play.with_host(|host| host.sessions = 1);
    play.until(Stage::Waiting);
    let mut play = play.with_host(|host| host.trouble = None);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["waits, person-present", "resolved"]);
}

#[test]
fn whoever_opts_out_while_it_waits_is_not_bothered_again() {
    let play = Play::standalone(Trouble::slight(HighCpu, 99.1)).with_a_silent_agent();
    let mut play = play.with_host(|host| host.sessions = 1);
    play.until(Stage::Waiting);
    let mut play = play.with_host(|host| host.instance.tags.clear());
    assert_eq!(play.until_the_end(), Stage::Withdrawn);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["waits, person-present"]);
}

/// Whoever wants no more of it after a cleanup is not called at the end of its time.
#[test]
fn whoever_opts_out_after_a_cleanup_is_told_once_and_not_called() {
    type Say = fn(&Play);
    let says: [(Say, &str); 3] = [
        (
            |play| play.region.with_host(&play.names.web, |it| it.instance.tags.clear()),
            "not-opted-in",
        ),
        (
            |play| {
                let observe = (OPT_IN_TAG.to_owned(), OPT_IN_OBSERVE.to_owned());
                play.region.with_host(&play.names.web, |it| it.instance.tags.extend([observe]));
            },
            "observing",
        ),
        (
            |play| play.region.with_watches(&play.names.web, |it| it.actions_enabled = false),
            "alarm-actions-disabled",
        ),
    ];
    for (say, code) in says {
        let mut play = Play::standalone(Trouble::hopeless(HighCpu, 99.1));
        play.until(Stage::Cleaning);
        say(&play);
        assert_eq!(play.until_the_end(), Stage::Withdrawn, "{code}");
        assert_eq!(play.touches(), [Verb::Clean], "{code}");
        let last = play.reports.last().unwrap();
        assert_eq!(last.because.first().map(Reason::code), Some(code));
        assert!(last.told && last.severity() < Severity::Critical, "{code}: {:?}", play.told());
    }
}

#[test]
fn what_never_passes_runs_out_of_time_and_is_told() {
    let play = Play::standalone(Trouble::slight(HighCpu, 99.1)).with_a_silent_agent();
    let mut play = play.with_host(|host| host.sessions = 1);
    assert_eq!(play.until_the_end(), Stage::Expired);
    assert_eq!(play.told(), ["waits, person-present", "needs a person, out-of-time"]);
}

/// A region with a group of `size` members, of which the first `sick` have
/// trouble that only a replacement cures, and agents that are dead.
struct Outbreak {
    region: Region,
    members: Vec<InstanceId>,
    pool: Pool,
    function: Function,
    follow_up: FollowUp,
}

impl Outbreak {
    fn of(symptom: Symptom, sick: usize, size: u32) -> Self {
        let region = Region::new(start());
        let name = GroupName::new("web-asg").unwrap();
        let mut group = Group::behind_load_balancer(size);
        let members: Vec<InstanceId> =
            (0..size).map(|n| InstanceId::new(format!("i-0a{n:06x}")).unwrap()).collect();
        for (n, id) in members.iter().enumerate() {
            let mut host = Host::healthy("eu-central-1a");
            if n < sick {
                host.trouble = Some(Trouble::hopeless(symptom, 99.0));
                host.agent = AgentIs::SilentSince(start() - minutes(60));
                region.add_watch(Watch::new(symptom, id.clone(), start()));
            }
            region.add_host(id.clone(), host);
            group.admit(id.clone());
        }
        region.add_group(name.clone(), group);
        Self {
            region,
            members,
            pool: Pool::Group(name),
            function: Function::new(symptom),
            follow_up: FollowUp::default(),
        }
    }

    fn minute(&self) {
        self.region.pass(minutes(1));
        for event in self.region.transitions() {
            self.function.run(&self.region, &event).unwrap();
        }
        self.follow_up.run(&self.region).unwrap();
        let now = self.region.now();
        let held = self.region.book().leases(&self.pool).iter().filter(|l| now < l.until).count();
        let group = self.region.group(&GroupName::new("web-asg").unwrap()).unwrap();
        let budget = self.pool.budget(group.desired, &self.follow_up.policy);
        assert!(u32::try_from(held).unwrap() <= budget, "{held} of {budget}");
    }

    fn incidents(&self) -> Vec<Incident> {
        self.members.iter().filter_map(|id| self.region.incident(id)).collect()
    }

    /// Who was replaced, in the order of the calls.
    fn replaced(&self) -> Vec<InstanceId> {
        let calls = self.region.calls().into_iter().filter(|call| call.verb == Verb::Replace);
        calls.map(|call| InstanceId::new(call.about).unwrap()).collect()
    }
}

#[test]
fn two_sick_members_are_replaced_one_after_the_other() {
    let outbreak = Outbreak::of(DiskFull, 2, 12);
    for _ in 0..60 {
        outbreak.minute();
    }
    assert_eq!(outbreak.replaced(), outbreak.members[..2]);
    let stages: Vec<Stage> = outbreak.incidents().iter().map(|it| it.stage).collect();
    assert_eq!(stages, [Stage::Resolved; 2]);
    assert!(outbreak.region.book().leases(&outbreak.pool).is_empty(), "every place is given back");
}

#[test]
fn who_waits_longest_is_next_whoever_is_due_first() {
    let outbreak = Outbreak::of(DiskFull, 2, 12);
    let (region, now) = (&outbreak.region, outbreak.region.now());
    let (scope, owner, reason) = (Scope::All, "Anna".to_owned(), "a release".to_owned());
    let pause = Pause { scope, owner, reason, since: now, until: now + minutes(60), harm: false };
    region.with_book(|book| drop(book.pause(&pause)));
    outbreak.minute();
    let now = region.now();
    region.with_book(|book| {
        drop(book.lift(&Scope::All));
        for (id, waits, due) in [(0, 0, 2), (1, 10, 1)] {
            let open = book.latest(&outbreak.members[id]).unwrap().clone();
            let opened_at = open.opened_at - minutes(waits);
            book.put(Incident { opened_at, due_at: now - minutes(due), ..open });
        }
    });
    for _ in 0..60 {
        outbreak.minute();
    }
    assert_eq!(outbreak.replaced(), [outbreak.members[1].clone(), outbreak.members[0].clone()]);
}

#[test]
fn what_many_show_at_once_is_left_alone_and_then_taken_at_the_budgets_pace() {
    let outbreak = Outbreak::of(DiskFull, 4, 12);
    for _ in 0..9 {
        outbreak.minute();
    }
    assert!(outbreak.replaced().len() <= 1, "before it is known that there are many");
    let told = outbreak.region.topic();
    assert!(told.iter().any(|n| n.text.contains("image ami-")), "what they share is named");
    for _ in 0..150 {
        outbreak.minute();
    }
    let open = outbreak.incidents().iter().filter(|it| it.stage.is_open()).count();
    assert_eq!(open, 0, "nobody is frozen");
    // The third finds that two substitutes of the same image were needed.
    assert_eq!(outbreak.replaced().len(), 2);
}

#[test]
fn high_cpu_on_most_of_a_group_is_called_load() {
    let outbreak = Outbreak::of(HighCpu, 4, 6);
    for _ in 0..5 {
        outbreak.minute();
    }
    let reasons: Vec<&str> = outbreak
        .region
        .topic()
        .iter()
        .filter(|told| told.text.contains(Reason::LoadNotFault { count: 0, of: None }.code()))
        .map(|_| "load")
        .collect();
    assert!(!reasons.is_empty(), "{:?}", outbreak.region.topic());
}

#[test]
fn what_an_alarm_asks_does_not_grow_with_the_group() {
    let asked = |size| {
        let outbreak = Outbreak::of(DiskFull, 1, size);
        for _ in 0..15 {
            outbreak.minute();
        }
        assert_eq!(outbreak.replaced().len(), 1);
        let calls = outbreak.region.calls();
        let of_incidents = calls.iter().filter(|call| call.verb != Verb::Due);
        of_incidents.map(|call| call.verb).collect::<Vec<Verb>>()
    };
    let ten = asked(10);
    assert!(ten.len() > 30, "{ten:?}");
    for size in [1_000, 10_000] {
        assert_eq!(asked(size), ten, "{size} members");
    }
}

#[test]
fn an_alarms_own_tag_limits_the_rungs_for_what_it_says() {
    let play = Play::grouped(Trouble::stubborn(HighCpu, 99.1));
    play.region.with_watches(&play.names.web, |watch| {
        watch.tags.insert(MAX_RUNG_TAG.to_owned(), "cleanup".to_owned());
    });
    let mut play = play;
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.touches(), [Verb::Clean]);
    assert_eq!(play.told().last().unwrap(), "needs a person, cleanup-insufficient");
    let limited = play.reports.last().unwrap().because.iter().map(Reason::code);
    assert_eq!(limited.filter(|code| *code == "rung-limited").count(), 2, "reboot and replace");
}
