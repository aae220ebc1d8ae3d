//! 10. Over any 10 seconds the heartbeat uses at most half of any bucket that it shares with
//!     others of the account.

use super::Moment;

pub(super) fn watch(moment: &Moment<'_>) -> Option<String> {
    let overdrawn = moment.state.quotas.as_ref()?.overdrawn()?;
    Some(format!("it got {overdrawn}"))
}
