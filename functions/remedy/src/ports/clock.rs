//! Time that passes while work is done.

use jiff::{SignedDuration, Timestamp};

/// Tells the time, and lets it pass.
pub trait Clock {
    /// What time it is now.
    fn time(&self) -> Timestamp;

    /// Waits for so long.
    async fn wait(&self, time: SignedDuration);
}
