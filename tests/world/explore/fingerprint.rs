//! When two states are one: whatever may happen from here on happens from there, too.

use std::fmt::{self, Debug, Write};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::node::Node;
use crate::region::State;

/// Takes what is written for what is hashed.
struct Written(DefaultHasher);

impl Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.hash(&mut self.0);
        Ok(())
    }
}

impl Written {
    fn add(&mut self, what: &dyn Debug) {
        // Nothing that is written here can fail.
        let _ = write!(self, "{what:?};");
    }
}

impl Node {
    /// A number that tells this state from others, whatever may still go wrong. Not part of
    /// it is what only counts or was only said: nothing that comes depends on it.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut written = Written(DefaultHasher::new());
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
        metrics.hash(&mut written.0);
        let due: Vec<_> = agenda.iter().map(|((at, _), due)| (at, due)).collect();
        let known: [&dyn Debug; 16] = [
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
            commands,
            watches,
            otherwise,
            launched_with,
            &due,
            &(&self.late, &self.promises, self.quiet_since, self.over),
        ];
        for what in known {
            written.add(what);
        }
        written.0.finish()
    }
}
