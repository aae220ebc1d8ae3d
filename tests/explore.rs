//! Everything that can happen to a few incidents within small bounds, and whether it would be
//! noticed if the ledger forgot a condition. `demo explore` takes larger bounds.

use world::Region;
use world::explore::{Beginning, Bounds, Explored, explore, shortest};
use world::ledger::Flaw;

/// More rounds than any of these takes.
const ROUNDS_MAX: u64 = 200_000;

fn region(beginning: Beginning, flaw: Option<Flaw>) -> Region {
    let region = beginning.region();
    region.with_book(|book| flaw.into_iter().for_each(|flaw| book.forget(flaw)));
    region
}

fn explored(beginning: Beginning, bounds: Bounds, flaw: Option<Flaw>) -> Explored {
    explore(&|| region(beginning, flaw), bounds, ROUNDS_MAX, |_| {})
}

#[track_caller]
fn holds(beginning: Beginning, bounds: Bounds, states_min: u64) {
    let explored = explored(beginning, bounds, None);
    assert_eq!(explored.broken, None, "{beginning:?}, {bounds:?}");
    assert!(explored.closed, "{beginning:?}, {bounds:?}: not all was tried: {explored:?}");
    assert!(explored.states >= states_min, "{beginning:?}, {bounds:?}: {explored:?}");
    assert!(explored.ends > 1, "{beginning:?}, {bounds:?}: {explored:?}");
}

#[test]
fn one_that_stands_alone_comes_to_its_end_whoever_dies() {
    holds(Beginning::Alone, Bounds { deaths: 1, turns: 1, ..Bounds::default() }, 1_000);
}

#[test]
fn one_that_stands_alone_comes_to_its_end_whatever_is_lost_or_comes_twice() {
    let bounds = Bounds { losses: 1, doubles: 1, gaps: 1, ..Bounds::default() };
    holds(Beginning::Alone, bounds, 1_000);
}

#[test]
fn two_members_take_turns_in_whatever_order_their_calls_come() {
    holds(Beginning::TwoMembers, Bounds { turns: 1, ..Bounds::default() }, 1_000);
}

#[test]
fn two_that_nothing_answers_from_are_rebooted_one_after_the_other() {
    holds(Beginning::TwoUnreachable, Bounds { turns: 1, ..Bounds::default() }, 500);
}

#[test]
fn two_members_and_one_that_stands_alone_come_to_their_end_in_whatever_order_they_are_answered() {
    holds(Beginning::TwoMembersAndOneAlone, Bounds::default(), 5_000);
}

/// Each mistake, and within which bounds it is noticed.
const FLAWS: [(Flaw, Beginning, Bounds); 7] = {
    use Beginning::{Alone, TwoMembers, TwoUnreachable};
    let none = Bounds { deaths: 0, losses: 0, turns: 0, doubles: 0, gaps: 0 };
    let turn = Bounds { turns: 1, ..none };
    [
        (Flaw::OpensOverAnother, Alone, turn),
        (Flaw::WritesOverAnyVersion, TwoMembers, turn),
        (Flaw::TakesSlotsFromOthers, TwoUnreachable, turn),
        (Flaw::KeepsSlots, TwoUnreachable, none),
        (Flaw::GivesOneSlotToTwo, TwoUnreachable, turn),
        (Flaw::RepeatsLostCalls, Alone, Bounds { losses: 1, ..none }),
        (Flaw::TellsNobody, Alone, none),
    ]
};

#[test]
fn a_mistake_between_remedy_and_aws_is_noticed() {
    for (flaw, beginning, bounds) in FLAWS {
        let explored = explored(beginning, bounds, Some(flaw));
        assert!(explored.broken.is_some(), "{flaw:?}: nobody noticed in {explored:?}");
    }
}

/// The search looks first at what happens last, so the first story that it finds of a lost
/// answer is a late one.
#[test]
fn of_all_stories_of_a_broken_promise_the_shortest_is_told() {
    let bounds = Bounds { losses: 1, ..Bounds::default() };
    let region = || region(Beginning::TwoMembers, Some(Flaw::RepeatsLostCalls));
    let first = explore(&region, bounds, ROUNDS_MAX, |_| {});
    let rounds = |explored: &Explored| explored.broken.as_ref().map(|story| story.rounds);
    let found = rounds(&first);
    let told = rounds(&shortest(&region, bounds, ROUNDS_MAX, first, |_| {}));
    assert!(told.is_some() && told < found, "the first takes {found:?} rounds, this {told:?}");
}
