//! Everything that can happen to a few incidents, within bounds: in which order the calls of
//! functions that run at once reach AWS, where one dies, which answer is lost, which alarm
//! comes twice and which beat never. The drill draws what is likely; what is rare is found
//! here, by trying all of it. The promises are watched after every round.
//!
//! Between two rounds nothing runs, so each can be played again from a copy of the region:
//! that is how another way is tried. Two rounds that end in the same state are one: of six
//! that are invoked in one minute not all orders are played, but each set of those that were.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::Region;
use crate::drill::promises::Broken;

pub mod command;
pub mod plays;

mod fingerprint;
mod node;
pub(crate) mod script;

use node::Node;
pub use plays::Beginning;
pub use script::Bounds;
use script::Script;

/// What came of an exploration.
#[derive(Debug, Default)]
pub struct Explored {
    /// States that differ.
    pub states: u64,
    /// Rounds that were played, which is how many ways from one state to the next were tried.
    pub rounds: u64,
    /// Plays that came to their end in a state of their own.
    pub ends: u64,
    /// Whether everything within the bounds was tried.
    pub closed: bool,
    /// The story of a promise that does not hold, if there is one.
    pub broken: Option<Story>,
}

/// The story of a promise that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Story {
    /// How many rounds it takes.
    pub rounds: usize,
    /// The story, call by call.
    pub told: String,
}

/// A state, and the way from it that is tried next.
struct Frame {
    node: Node,
    next: Option<Script>,
    /// The way that was tried last.
    tried: Script,
}

impl Frame {
    fn new(node: Node) -> Self {
        Self { node, next: Some(Script::default()), tried: Script::default() }
    }
}

/// Tries everything that can happen from `beginning` within `bounds`, or `rounds_max` rounds of
/// it. `progress` is told of what there is so far, now and then.
pub fn explore(
    beginning: &impl Fn() -> Region,
    bounds: Bounds,
    rounds_max: u64,
    progress: impl Fn(&Explored),
) -> Explored {
    search(beginning, Left { bounds, depth: usize::MAX }, rounds_max, progress)
}

/// What was explored, with the shortest story of a promise that does not hold in the place of
/// the first, if there is one; the shortest that is found in `rounds_max` rounds more, each time.
pub fn shortest(
    beginning: &impl Fn() -> Region,
    bounds: Bounds,
    rounds_max: u64,
    mut explored: Explored,
    progress: impl Fn(&Explored),
) -> Explored {
    while let Some(story) = &explored.broken {
        let left = Left { bounds, depth: story.rounds - 1 };
        let shorter = search(beginning, left, rounds_max, &progress).broken;
        if shorter.is_none() {
            break;
        }
        explored.broken = shorter;
    }
    explored
}

/// What is left of what may go wrong, and of rounds.
#[derive(Clone, Copy, Debug)]
struct Left {
    bounds: Bounds,
    depth: usize,
}

impl Left {
    /// Whether no less is left of anything than of `other`.
    fn covers(self, other: Self) -> bool {
        self.depth >= other.depth && self.bounds.covers(other.bounds)
    }
}

fn search(
    beginning: &impl Fn() -> Region,
    left: Left,
    rounds_max: u64,
    progress: impl Fn(&Explored),
) -> Explored {
    let root = || Node::new(beginning(), left.bounds);
    let mut explored = Explored::default();
    let mut seen: HashMap<u64, Vec<Left>> = HashMap::new();
    let mut stack = vec![Frame::new(root())];
    while let Some(frame) = stack.last_mut() {
        let Some(script) = frame.next.take() else {
            stack.pop();
            continue;
        };
        if explored.rounds == rounds_max {
            return explored;
        }
        let round = frame.node.round(script);
        frame.next = round.script.next();
        frame.tried = round.script.again();
        explored.rounds += 1;
        if explored.rounds.is_multiple_of(1000) {
            progress(&explored);
        }
        if let Some(broken) = round.broken {
            let ways: Vec<Script> = stack.iter().map(|frame| frame.tried.clone()).collect();
            explored.broken = Some(story(root(), &ways, &broken));
            return explored;
        }
        // Without a limit all states are at one depth: none is tried again because it is nearer.
        let depth = if left.depth == usize::MAX { left.depth } else { left.depth - stack.len() };
        if is_new(&mut seen, &round.node, depth) {
            explored.states += 1;
            if round.node.over {
                explored.ends += 1;
            } else if depth > 0 {
                stack.push(Frame::new(round.node));
            }
        }
    }
    explored.closed = true;
    explored
}

/// Whether the state was not seen before with as much left.
fn is_new(seen: &mut HashMap<u64, Vec<Left>>, node: &Node, depth: usize) -> bool {
    let left = Left { bounds: node.left, depth };
    let before = seen.entry(node.fingerprint()).or_default();
    let is_new = !before.iter().any(|earlier| earlier.covers(left));
    if is_new {
        before.retain(|earlier| !left.covers(*earlier));
        before.push(left);
    }
    is_new
}

/// The play that takes these ways, told call by call.
fn story(root: Node, ways: &[Script], broken: &Broken) -> Story {
    let mut told = String::new();
    let mut node = root;
    node.region.transcribe(true);
    for way in ways {
        let round = node.round(way.clone());
        let at = round.node.region.now().strftime("%H:%M");
        // Writing to a text never fails.
        let _ = writeln!(told, "{at} {}", round.invoked.join("; "));
        for call in round.calls {
            let _ = writeln!(told, "      {} {}: {}", call.verb.name(), call.about, call.answer);
        }
        node = round.node;
    }
    let _ = writeln!(told, "\nPromise {}\nbut: {}", broken.promise, broken.how);
    Story { rounds: ways.len(), told }
}
