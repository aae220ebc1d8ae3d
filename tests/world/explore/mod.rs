//! Everything that can happen to a few incidents, within bounds: in which order the calls of
//! functions that run at once reach AWS, where one dies, which answer is lost, which alarm
//! comes twice and which beat never. The drill draws what is likely; what is rare is found
//! here, by trying all of it. The promises are watched after every round.
//!
//! Between two rounds nothing runs, so each can be played again from a copy of the region:
//! that is how another way is tried. Two rounds that end in the same state are one.

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
    pub broken: Option<String>,
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
    let root = || Node::new(beginning(), bounds);
    let mut explored = Explored::default();
    let mut seen: HashMap<u64, Vec<Bounds>> = HashMap::new();
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
        if is_new(&mut seen, &round.node) {
            explored.states += 1;
            if round.node.over {
                explored.ends += 1;
            } else {
                stack.push(Frame::new(round.node));
            }
        }
    }
    explored.closed = true;
    explored
}

/// Whether the state was not seen before with as much left that may go wrong.
fn is_new(seen: &mut HashMap<u64, Vec<Bounds>>, node: &Node) -> bool {
    let before = seen.entry(node.fingerprint()).or_default();
    let is_new = !before.iter().any(|bounds| bounds.covers(node.left));
    if is_new {
        before.retain(|bounds| !node.left.covers(*bounds));
        before.push(node.left);
    }
    is_new
}

/// The play that takes these ways, told call by call.
fn story(root: Node, ways: &[Script], broken: &Broken) -> String {
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
    told
}
