//! When two states are one: whatever may happen from here on happens from there, too.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use super::node::Node;
use crate::command::Command;
use crate::happen::Due;
use crate::region::State;

/// How the id of a command begins that the region has taken; its number follows.
const COMMAND: &str = "-4000-a000-";

/// The digits of that number.
const DIGITS: usize = 12;

/// What is written of a state, to be hashed as a whole.
#[derive(Default)]
struct Written(String);

impl Written {
    fn add(&mut self, what: &dyn Debug) {
        // Nothing that is written here can fail.
        let _ = write!(self.0, "{what:?};");
    }

    /// Hashes it, with their places in the order of `commands` for their numbers: which of two
    /// was sent first tells nobody anything.
    fn hash(&self, commands: &[(usize, &Command)], hasher: &mut impl Hasher) {
        let mut parts = self.0.split(COMMAND);
        parts.next().hash(hasher);
        for part in parts {
            let (number, rest) = part.split_at_checked(DIGITS).unwrap_or((part, ""));
            let number = usize::from_str_radix(number, 16).ok();
            number.map(|number| place(number, commands)).hash(hasher);
            rest.hash(hasher);
        }
    }
}

/// The commands in an order of their own: by their instance, then as they were sent.
fn in_order(commands: &[Command]) -> Vec<(usize, &Command)> {
    let mut commands: Vec<_> = commands.iter().enumerate().collect();
    commands.sort_by_key(|(_, command)| &command.order.instance);
    commands
}

fn place(number: usize, commands: &[(usize, &Command)]) -> Option<usize> {
    commands.iter().position(|(other, _)| *other == number)
}

/// What is due, and when. Which of two things of one moment was arranged first makes no
/// difference.
fn due(agenda: &BTreeMap<(Timestamp, u64), Due>, commands: &[(usize, &Command)]) -> Vec<String> {
    let written = |((at, _), due): (&(Timestamp, u64), &Due)| match due {
        Due::CommandEnds(number) => format!("{at} {:?}", place(*number, commands)),
        due => format!("{at} {due:?}"),
    };
    let mut due: Vec<String> = agenda.iter().map(written).collect();
    due.sort();
    due
}

impl Node {
    /// A number that tells this state from others, whatever may still go wrong. Not part of
    /// it is what only counts or was only said: nothing that comes depends on it.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut written = Written::default();
        let state = self.region.state.borrow();
        let State {
            now,
            hosts,
            groups,
            book,
            topic,
            bucket: _,
            calls: _,
            transcribes: _,
            called: _,
            counted: _,
            effects: _,
            at_work: _,
            triggers,
            untold,
            zones,
            closed,
            faults,
            hiccups,
            replica,
            commands,
            watches,
            metrics,
            otherwise,
            launched_with,
            launched: _,
            death: _,
            dead: _,
            choices: _,
            agenda,
            arranged: _,
            invoked: _,
            // Nobody waits between two rounds, and an exploration has no quotas.
            quotas: _,
            sleepers: _,
            slept: _,
            waited: _,
            caller: _,
        } = &*state;
        let commands = in_order(commands);
        let known: [&dyn Debug; 15] = [
            now,
            hosts,
            groups,
            &book.rows(),
            &topic.len(),
            triggers,
            &(untold, zones, closed),
            faults,
            hiccups,
            replica,
            &commands.iter().map(|(_, command)| command).collect::<Vec<_>>(),
            watches,
            otherwise,
            launched_with,
            &(&self.waiting, &self.late, &self.promises, self.quiet_since, self.over),
        ];
        for what in known {
            written.add(what);
        }
        written.add(&due(agenda, &commands));
        let mut hasher = DefaultHasher::new();
        written.hash(&commands, &mut hasher);
        metrics.hash(&mut hasher);
        hasher.finish()
    }
}
