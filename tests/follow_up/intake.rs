//! Alarms that come many at once, from a queue: each is answered as if it came alone, with few
//! calls, and none is lost, done twice or done for another's trouble.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use remedy::intake::{Again, NotAnswered, Taken};
use remedy::model::alarm::Symptom::{DiskFull, HighCpu, Unreachable};
use remedy::model::diagnostics::Location;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::incident::{Incident, Rung, Stage};
use remedy::model::pause::{Pause, Scope};
use remedy::model::pool::POOL_TAG;
use remedy::model::reason::Reason;
use remedy::ports::touch::{CleanupOrder, Relief, Touch as _};
use remedy::report::outcome::Outcome;
use remedy::together::Together;
use world::Region;
use world::calls::{Death, Fault, Verb};
use world::drive::{FollowUp, Intake, finish_in, finish_or_die};
use world::group::Group;
use world::host::{AgentIs, Host, Trouble};
use world::watch::Watch;

use crate::play::{MINUTES_MAX, start};

/// A region whose hosts fall ill in the same minute, and the messages about them.
struct Batch {
    region: Region,
    hosts: Vec<InstanceId>,
    messages: Vec<(String, String)>,
}

impl Batch {
    /// So many hosts in this trouble, each in a pool of its own, and changed by `how`.
    fn of(count: usize, trouble: Trouble, how: impl Fn(usize, &mut Host)) -> Self {
        let region = Region::new(start());
        let ids = (1..=count).map(|n| InstanceId::new(format!("i-{n:017x}")).unwrap());
        let hosts: Vec<InstanceId> = ids.collect();
        for (place, id) in hosts.iter().enumerate() {
            let mut host = Host::healthy("eu-central-1a");
            host.instance.tags.insert(POOL_TAG.to_owned(), id.to_string());
            host.trouble = Some(trouble);
            how(place, &mut host);
            region.add_host(id.clone(), host);
            let mut watch = Watch::new(trouble.symptom, id.clone(), start());
            watch.name = format!("{}-{id}", trouble.symptom);
            region.add_watch(watch);
        }
        Self { region, hosts, messages: Vec::new() }.rung()
    }

    /// The same, as the first members of one group of so many.
    fn in_a_group(self, size: usize) -> Self {
        let mut group = Group::behind_load_balancer(u32::try_from(size).unwrap());
        for id in &self.hosts {
            group.admit(id.clone());
        }
        for n in self.hosts.len()..size {
            let id = InstanceId::new(format!("i-f{n:016x}")).unwrap();
            self.region.add_host(id.clone(), Host::healthy("eu-central-1b"));
            group.admit(id);
        }
        self.region.add_group(GroupName::new("web").unwrap(), group);
        self
    }

    /// The same, each as the first member of a group of so many of its own.
    fn each_in_a_group(self, size: usize) -> Self {
        for (place, id) in self.hosts.iter().enumerate() {
            let mut group = Group::behind_load_balancer(u32::try_from(size).unwrap());
            group.admit(id.clone());
            for n in 1..size {
                let id = InstanceId::new(format!("i-f{place:08x}{n:08x}")).unwrap();
                self.region.add_host(id.clone(), Host::healthy("eu-central-1b"));
                group.admit(id);
            }
            self.region.add_group(GroupName::new(format!("web-{place}")).unwrap(), group);
        }
        self
    }

    /// Their alarms go off.
    fn rung(mut self) -> Self {
        for _ in 0..MINUTES_MAX {
            self.region.pass(SignedDuration::from_mins(1));
            self.messages
                .extend(self.region.transitions().into_iter().map(|event| (String::new(), event)));
            if self.messages.len() >= self.hosts.len() {
                break;
            }
        }
        assert_eq!(self.messages.len(), self.hosts.len());
        for (n, (id, _)) in self.messages.iter_mut().enumerate() {
            *id = format!("m{n}");
        }
        self
    }

    fn taken(&self) -> Taken {
        Intake::default().run(&self.region, &self.messages).unwrap()
    }

    fn incidents(&self) -> Vec<Incident> {
        self.hosts.iter().filter_map(|id| self.region.incident(id)).collect()
    }

    /// Beats come until all incidents have ended.
    fn to_its_end(&self) {
        for _ in 0..MINUTES_MAX {
            self.region.pass(SignedDuration::from_mins(1));
            let _later = self.region.transitions();
            FollowUp::default().run(&self.region).unwrap();
            if self.incidents().iter().all(|incident| !incident.stage.is_open()) {
                return;
            }
        }
        panic!("it rages on: {:?}", self.incidents());
    }

    fn reboots(&self) -> Vec<u32> {
        self.hosts.iter().map(|id| self.region.host(id).unwrap().boots - 1).collect()
    }
}

fn silent(host: &mut Host) {
    host.agent = AgentIs::SilentSince(start() - SignedDuration::from_hours(1));
}

fn outcomes(taken: &Taken) -> Vec<Outcome> {
    taken.answer.reports.iter().map(|report| report.outcome).collect()
}

fn codes(taken: &Taken) -> Vec<&'static str> {
    taken
        .answer
        .reports
        .iter()
        .filter_map(|report| report.because.first())
        .map(Reason::code)
        .collect()
}

#[test]
fn a_hundred_alarms_ask_together() {
    let batch = Batch::of(100, Trouble::slight(DiskFull, 96.4), |_, _| {});
    let before = batch.region.counted();
    let taken = batch.taken();
    assert_eq!((taken.messages, taken.again.len()), (100, 0));
    assert_eq!(outcomes(&taken), [Outcome::Acted; 100]);
    let answered: Vec<&InstanceId> =
        taken.answer.reports.iter().map(|report| &report.instance_id).collect();
    assert_eq!(answered, batch.hosts.iter().collect::<Vec<_>>(), "in the order of the messages");
    let counted = batch.region.counted();
    let asked = |verb| counted.get(&verb).copied().unwrap_or(0) - before.get(&verb).unwrap_or(&0);
    for (verb, calls) in [
        (Verb::Instance, 1),
        (Verb::Status, 1),
        (Verb::Agent, 2),
        (Verb::Membership, 2),
        (Verb::History, 2),
        (Verb::Open, 100),
    ] {
        assert_eq!(asked(verb), calls, "{verb:?}");
    }
}

#[test]
fn an_alarm_alone_asks_as_ever() {
    let batch = Batch::of(1, Trouble::slight(DiskFull, 96.4), |_, _| {});
    assert_eq!(outcomes(&batch.taken()), [Outcome::Acted]);
    let asked = |verb| batch.region.calls().iter().filter(|call| call.verb == verb).count();
    for verb in [Verb::Instance, Verb::Status, Verb::Agent, Verb::Membership, Verb::History] {
        assert_eq!(asked(verb), 1, "{verb:?}");
    }
    batch.to_its_end();
    assert_eq!(batch.incidents()[0].stage, Stage::Resolved);
}

/// Alone, the first of them would be rebooted before anybody knew of the others.
#[test]
fn a_batch_that_shares_a_cause_is_known_before_anybody_is_touched() {
    let trouble = Trouble::stubborn(HighCpu, 99.0);
    let batch = Batch::of(4, trouble, |_, host| silent(host)).in_a_group(10);
    let taken = batch.taken();
    assert_eq!(codes(&taken), ["correlated-failure"; 4]);
    assert_eq!(batch.region.touches(), 0);
    let alone = Batch::of(1, trouble, |_, host| silent(host)).in_a_group(10);
    assert_eq!(outcomes(&alone.taken()), [Outcome::Acted]);
    assert_eq!(alone.region.touches(), 1);
}

#[test]
fn two_that_nothing_answers_from_in_one_zone_are_the_zone() {
    let batch = Batch::of(2, Trouble::stubborn(Unreachable, 1.0), |_, host| silent(host));
    assert_eq!(codes(&batch.taken()), ["zone-impaired"; 2]);
    assert_eq!(batch.region.touches(), 0);
}

/// Of standalone instances that share a budget of one, one is rebooted; the others wait for it.
#[test]
fn a_batch_takes_no_more_slots_than_its_pool_has() {
    let batch = Batch::of(2, Trouble::stubborn(HighCpu, 99.0), |_, host| {
        silent(host);
        host.instance.tags.insert(POOL_TAG.to_owned(), "shared".to_owned());
    });
    let taken = batch.taken();
    let mut held = outcomes(&taken);
    held.sort_by_key(|outcome| outcome.name());
    assert_eq!(held, [Outcome::Acted, Outcome::Held]);
    assert_eq!(batch.region.touches(), 1);
    let waits = |incident: &Incident| incident.stage == Stage::Waiting;
    assert_eq!(batch.incidents().iter().filter(|incident| waits(incident)).count(), 1);
}

#[test]
fn what_is_wrong_with_one_message_is_no_word_about_the_others() {
    let mut batch = Batch::of(3, Trouble::slight(DiskFull, 96.4), |_, _| {});
    let whole = batch.messages[1].1.clone();
    batch.messages[1].1 = whole.chars().take(whole.len() / 2).collect();
    batch.messages.push(("words".to_owned(), "a deployment began".to_owned()));
    let taken = batch.taken();
    assert_eq!(outcomes(&taken), [Outcome::Acted; 2]);
    assert_eq!(taken.answer.ignored.len(), 1);
    let again: Vec<&str> = taken.again.iter().map(|again| again.message.as_str()).collect();
    assert_eq!(again, ["m1"]);
    let why = taken.again[0].why.to_string();
    assert!(why.starts_with("Records[1].body: expected JSON"), "{why}");
}

/// A claim that could not be written comes again by itself, and is then made once.
#[test]
fn what_the_ledger_did_not_take_comes_again_alone() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        let mut batch = Batch::of(5, Trouble::slight(DiskFull, 96.4), |_, _| {});
        batch.region.trip_call(Verb::Open, fault.clone());
        let taken = batch.taken();
        assert_eq!(taken.answer.reports.len(), 4, "{fault:?}");
        assert_eq!(sent(&batch.region), (1, 4), "{fault:?}");
        let again: Vec<String> = taken.again.into_iter().map(|again| again.message).collect();
        assert_eq!(again.len(), 1, "{fault:?}");
        batch.messages.retain(|(id, _)| again.contains(id));
        let taken = batch.taken();
        assert_eq!(taken.again.len(), 0, "{fault:?}");
        batch.to_its_end();
        let stages: BTreeSet<Stage> = batch.incidents().iter().map(|it| it.stage).collect();
        assert_eq!(stages, BTreeSet::from([Stage::Resolved]), "{fault:?}");
        let sent = batch.region.commands().len();
        assert_eq!(sent, 5, "{fault:?}: each host was cleaned once");
    }
}

/// Each of them asks about an instance refresh of its own group, and Auto Scaling grants few such
/// questions in the time of a batch. Whose turn does not come has written nothing, and comes again.
#[test]
fn what_a_batch_has_no_time_for_comes_again_and_was_not_begun() {
    let mut batch =
        Batch::of(40, Trouble::stubborn(HighCpu, 99.0), |_, host| silent(host)).each_in_a_group(10);
    let mut rounds = 0;
    while !batch.messages.is_empty() {
        rounds += 1;
        let (before, asked) = (batch.incidents().len(), batch.messages.len());
        let taken = batch.taken();
        let answered = taken.answer.reports.len();
        assert!(answered >= 10, "{answered} of {asked} in round {rounds}");
        assert_eq!(outcomes(&taken), vec![Outcome::Acted; answered]);
        assert_eq!(batch.incidents().len(), before + answered, "of the others nothing is written");
        assert_eq!(batch.region.touches(), before + answered, "nor was anybody else touched");
        let no_time = |again: &Again| matches!(again.why, NotAnswered::NoTime);
        assert!(taken.again.iter().all(no_time), "{:?}", taken.again);
        let again: BTreeSet<String> = taken.again.into_iter().map(|again| again.message).collect();
        assert_eq!(answered + again.len(), asked, "each has an answer or comes again");
        batch.messages.retain(|(id, _)| again.contains(id));
    }
    assert!(rounds > 1, "there was time for all of them");
    batch.to_its_end();
    assert_eq!(batch.reboots(), [1; 40]);
}

#[test]
fn doubled_and_reordered_messages_act_once() {
    let mut batch = Batch::of(6, Trouble::stubborn(HighCpu, 99.0), |place, host| {
        if place % 2 == 0 {
            silent(host);
        }
    });
    let again = batch.messages.clone();
    let doubled = again.iter().map(|(id, event)| (format!("{id} once more"), event.clone()));
    batch.messages.extend(doubled);
    batch.messages.reverse();
    let taken = batch.taken();
    assert_eq!(taken.again.len(), 0);
    let acted = outcomes(&taken).iter().filter(|outcome| **outcome == Outcome::Acted).count();
    assert_eq!((acted, batch.region.touches()), (6, 4), "three reboots, and one command");
    assert_eq!(sent(&batch.region), (1, 3));
    assert_eq!(codes(&taken).iter().filter(|code| **code == "duplicate-delivery").count(), 6);
    batch.messages = again;
    assert_eq!(codes(&batch.taken()), ["duplicate-delivery"; 6], "delivered once more");
    batch.to_its_end();
    assert_eq!(batch.reboots(), [1; 6]);
}

/// Whatever call the function dies at, before the call takes effect or after: the queue gives the
/// batch again, and nothing that disrupts is done twice.
#[test]
fn a_batch_ends_though_the_function_dies_at_any_call() {
    for takes_effect in [false, true] {
        for at_call in 1.. {
            let batch = Batch::of(4, Trouble::stubborn(HighCpu, 99.0), |place, host| {
                if place > 1 {
                    silent(host);
                }
            });
            batch.region.dies_at(Death { at_call, takes_effect });
            let intake = Intake::default();
            let taken = finish_or_die(&batch.region, intake.invoke(&batch.region, &batch.messages));
            if taken.is_some() {
                assert!(at_call > 20, "{at_call} deaths are too few to be all");
                break;
            }
            let taken = batch.taken();
            assert_eq!(taken.again.len(), 0, "at {at_call}: {:?}", taken.again);
            batch.to_its_end();
            for incident in batch.incidents() {
                let reboots = incident.tried().iter().filter(|rung| **rung == Rung::Reboot).count();
                assert!(reboots <= 1, "at {at_call}: {incident:?}");
                let ended = [Stage::Resolved, Stage::HandedOver].contains(&incident.stage);
                assert!(ended, "at {at_call}: {:?}", incident.stage);
            }
            assert!(batch.reboots().iter().all(|boots| *boots <= 1), "at {at_call}");
            assert_eq!(batch.incidents().len(), 4, "at {at_call}: none is lost");
        }
    }
}

/// Two functions take the same batch at once, as after a visibility timeout that ran out too
/// early: what one does the other finds done.
#[test]
fn a_batch_that_two_take_at_once_is_done_once() {
    let batch = Batch::of(4, Trouble::slight(DiskFull, 96.4), |_, _| {});
    let intake = Intake::default();
    for order in [[true, false].repeat(200), [true, true, false].repeat(200)] {
        let both = world::drive::interleave(
            intake.invoke(&batch.region, &batch.messages),
            intake.invoke(&batch.region, &batch.messages),
            order,
        );
        let (first, second) = (both.0.unwrap(), both.1.unwrap());
        assert_eq!((first.again.len(), second.again.len()), (0, 0));
        assert_eq!(sent(&batch.region).1, 4, "each host is cleaned once");
    }
}

/// An OK that comes with its own alarm finds it open, or nothing yet: either way the follow-up
/// verifies.
#[test]
fn an_ok_closes_nothing_by_itself() {
    let mut batch = Batch::of(1, Trouble::slight(DiskFull, 96.4), |_, _| {});
    let ok = batch.messages[0].1.replace(r#""value":"ALARM""#, r#""value":"OK""#);
    assert_ne!(ok, batch.messages[0].1);
    batch.messages.push(("ok".to_owned(), ok));
    let taken = batch.taken();
    assert_eq!(taken.again.len(), 0);
    let open = batch.incidents();
    assert!(open.iter().all(|incident| incident.stage.is_open()), "{open:?}");
    let reason = &taken.answer.reports[1].because[0];
    assert!(
        matches!(
            reason,
            Reason::NothingOpen
                | Reason::FollowUpVerifies
                | Reason::Unclear { .. }
                | Reason::Unmeasured { .. }
        ),
        "{reason:?}"
    );
}

/// How many commands were sent, and to how many hosts.
fn sent(region: &Region) -> (usize, usize) {
    let commands = region.commands();
    let ids: BTreeSet<_> = commands.iter().map(|command| command.id.clone()).collect();
    (ids.len(), commands.len())
}

fn stages(batch: &Batch) -> BTreeSet<Stage> {
    batch.incidents().iter().map(|incident| incident.stage).collect()
}

#[test]
fn cleanups_that_are_alike_are_one_command_for_up_to_fifty_hosts() {
    let batch = Batch::of(120, Trouble::slight(DiskFull, 96.4), |_, _| {});
    assert_eq!(outcomes(&batch.taken()), [Outcome::Acted; 120]);
    assert_eq!(sent(&batch.region), (3, 120));
    batch.to_its_end();
    assert_eq!(stages(&batch), BTreeSet::from([Stage::Resolved]));
    assert_eq!(sent(&batch.region), (3, 120), "each host was cleaned once");
    let printed = |incident: &Incident| {
        let kept = incident.evidence.as_ref().map(|diagnostics| diagnostics.kept.clone());
        let id = incident.attempts[0].command_id.clone().unwrap();
        kept == Some(Location::InOutput { command_id: id })
    };
    assert!(batch.incidents().iter().all(printed), "people are told where its evidence is");
}

#[test]
fn what_differs_between_hosts_is_not_one_command() {
    let batch = Batch::of(4, Trouble::slight(DiskFull, 96.4), |place, host| {
        if place == 0 {
            let tag = "auto-remediation-cleanup".to_owned();
            host.instance.tags.insert(tag, "truncate-logs".to_owned());
        }
    });
    assert_eq!(outcomes(&batch.taken()), [Outcome::Acted; 4]);
    assert_eq!(sent(&batch.region), (2, 4));
    let alone = &batch.incidents()[0];
    assert_eq!(alone.attempts[0].shared_comment, None);
    batch.to_its_end();
    let uploaded = |kept: Location| matches!(kept, Location::InBucket { .. });
    let kept: Vec<bool> =
        batch.incidents().iter().map(|it| uploaded(it.evidence.clone().unwrap().kept)).collect();
    assert_eq!(kept, [true, false, false, false], "one host alone sends its evidence");
}

/// The intents stand in the ledger before the shared call; what became of a lost answer is found
/// out for each by itself.
#[test]
fn a_lost_answer_of_a_shared_command_is_settled_for_each() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let batch = Batch::of(4, Trouble::slight(DiskFull, 96.4), |_, _| {});
        batch.region.trip_call(Verb::Clean, fault.clone());
        assert_eq!(codes(&batch.taken()), ["action-uncertain"; 4], "{fault:?}");
        batch.to_its_end();
        assert_eq!(stages(&batch), BTreeSet::from([Stage::Resolved]), "{fault:?}");
        assert_eq!(sent(&batch.region), (1, 4), "{fault:?}: found by its comment, or sent once");
    }
}

/// A shared command that AWS turned away is a shared command again.
#[test]
fn what_was_turned_away_for_all_is_asked_for_together_again() {
    let batch = Batch::of(4, Trouble::slight(DiskFull, 96.4), |_, _| {});
    batch.region.trip_call(Verb::Clean, Fault::Refused("ThrottlingException: Rate exceeded"));
    assert_eq!(codes(&batch.taken()), ["action-failed"; 4]);
    batch.to_its_end();
    assert_eq!(stages(&batch), BTreeSet::from([Stage::Resolved]));
    assert_eq!(sent(&batch.region), (1, 4));
}

/// AWS refuses a command for all of its hosts because of one.
#[test]
fn one_host_that_cannot_be_sent_a_command_keeps_it_from_nobody() {
    let batch = Batch::of(8, Trouble::slight(DiskFull, 96.4), |place, host| {
        if place == 5 {
            host.agent = AgentIs::Absent;
        }
    });
    let together = &Together::new(&batch.region);
    let order = |id: &InstanceId| CleanupOrder {
        instance: id.clone(),
        comment: "batch".to_owned(),
        symptom: DiskFull,
        relief: Relief::Service { units: Vec::new() },
        evidence: None,
    };
    let orders: Vec<CleanupOrder> = batch.hosts.iter().map(order).collect();
    let work = orders
        .iter()
        .map(|order| async move { (order.instance.clone(), together.clean(order).await.is_ok()) });
    let taken: BTreeMap<InstanceId, bool> =
        finish_in(&batch.region, together.all(work)).into_iter().collect();
    for (place, id) in batch.hosts.iter().enumerate() {
        assert_eq!(taken.get(id), Some(&(place != 5)), "{place}");
    }
    assert_eq!(sent(&batch.region).1, 7);
}

/// What a shared command did not reach is sent again to that host alone, before anything else is
/// thought of: another host of the command may have been in its way.
#[test]
fn who_was_not_reached_by_a_shared_command_is_asked_alone() {
    let batch = Batch::of(3, Trouble::slight(DiskFull, 96.4), |_, _| {});
    let unreached = &batch.hosts[1];
    let now = batch.region.now();
    batch.region.with_host(unreached, |host| host.agent = AgentIs::SilentSince(now));
    assert_eq!(outcomes(&batch.taken()), [Outcome::Acted; 3]);
    assert_eq!(sent(&batch.region), (1, 3));
    while sent(&batch.region).1 == 3 {
        batch.region.pass(SignedDuration::from_mins(1));
        FollowUp::default().run(&batch.region).unwrap();
        assert!(batch.region.now().duration_since(now) < SignedDuration::from_mins(10));
    }
    let incident = batch.region.incident(unreached).unwrap();
    assert_eq!((incident.stage, incident.tried()), (Stage::Cleaning, vec![Rung::Cleanup]));
    let again = batch.region.commands().pop().unwrap();
    assert_eq!((&again.order.instance, again.order.comment), (unreached, incident.id.to_string()));
    assert_eq!(incident.stage_since, again.sent_at, "it has the stage's whole time");
}

/// What one cause held back is free in the same minutes, and then sent together as well.
#[test]
fn what_is_freed_from_a_wait_in_one_beat_is_sent_together() {
    let batch = Batch::of(60, Trouble::slight(DiskFull, 96.4), |_, _| {});
    let now = batch.region.now();
    let pause = Pause {
        scope: Scope::All,
        since: now,
        until: now + SignedDuration::from_mins(5),
        reason: "a release".to_owned(),
        owner: "Anna".to_owned(),
        harm: false,
    };
    batch.region.with_book(|book| {
        book.pause(&pause);
    });
    assert_eq!(codes(&batch.taken()), ["paused"; 60]);
    assert_eq!(sent(&batch.region), (0, 0));
    batch.to_its_end();
    assert_eq!(stages(&batch), BTreeSet::from([Stage::Resolved]));
    let (commands, hosts) = sent(&batch.region);
    assert_eq!(hosts, 60, "each host was cleaned once");
    assert!(commands <= 6, "{commands}: some in each of three minutes");
}
