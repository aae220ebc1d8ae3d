//! 6. An event we cannot read is an error that names the field, and changes
//!    nothing.

use super::{Cause, Moment};

pub(super) fn watch(moment: &Moment<'_>) -> Option<String> {
    for invoked in moment.invoked {
        let Cause::Broken(damage) = invoked.cause else { continue };
        if let Some(effect) = invoked.effects.first() {
            return Some(format!("an event {damage} led to {}", effect.verb.name()));
        }
        let expected = damage.field();
        match (invoked.unreadable(), &invoked.answer) {
            (_, None) => {} // It died before it said anything.
            (Some(error), _) if error.field == expected => {}
            (Some(error), _) => {
                return Some(format!("an event {damage} is blamed on {}", error.field));
            }
            (None, Some(answer)) => return Some(format!("an event {damage} got {answer:?}")),
        }
    }
    None
}
