//! Time that passes.

use jiff::{SignedDuration, Timestamp};
use remedy::ports::clock::Clock;

use crate::clients::Aws;

impl Clock for Aws {
    fn time(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn wait(&self, time: SignedDuration) {
        tokio::time::sleep(time.unsigned_abs()).await;
    }
}
