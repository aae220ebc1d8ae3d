//! A little AWS: it answers what the functions ask, for whatever instance, and
//! keeps the ledger with conditions that are really atomic. It checks no
//! signature and evaluates no alarm; the emulators of the wire tests are the
//! judges of the requests' shapes.

mod answers;
mod dynamodb;
mod expression;
mod server;
mod throttle;
mod wire;

pub use server::{Address, Authority, serve};
pub use throttle::Throttle;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dynamodb::Tables;
use wire::{Reply, Request};

/// One call that crossed the wire.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service and the operation, such as `ec2:DescribeInstances`.
    pub name: String,
    /// When it came in.
    pub started: Instant,
    /// When its answer went out.
    pub ended: Instant,
    /// Whether it was turned away unread.
    pub throttled: bool,
}

/// What was done, by instance.
#[derive(Clone, Debug, Default)]
pub struct Deeds {
    /// Commands sent to the instance.
    pub commands: BTreeMap<String, u32>,
    /// Notifications that name the instance.
    pub notifications: BTreeMap<String, u32>,
}

/// The whole region.
#[derive(Debug, Default)]
pub struct Region {
    tables: Mutex<Tables>,
    actions: Mutex<Deeds>,
    calls: Mutex<Vec<Call>>,
    throttle: Throttle,
    /// The network's delay: calls that are issued together only overlap in
    /// the record if each takes some time.
    delay: Mutex<Duration>,
}

impl Region {
    /// A region that turns calls away as `throttle` says.
    pub fn new(throttle: Throttle) -> Self {
        Self { throttle, ..Self::default() }
    }

    /// Gives every call a delay from now on.
    pub fn delay(&self, delay: Duration) {
        *held(&self.delay) = delay;
    }

    /// Forgets and gives the calls so far.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *held(&self.calls))
    }

    /// What was done so far.
    pub fn actions(&self) -> Deeds {
        held(&self.actions).clone()
    }

    /// The instances with an incident in the ledger.
    pub fn incidents(&self) -> Vec<String> {
        let tables = held(&self.tables);
        let instance = |pk: &str| pk.strip_prefix("instance#").map(str::to_owned);
        tables.keys("incident").iter().filter_map(|pk| instance(pk)).collect()
    }

    async fn answer(&self, request: &Request) -> Reply {
        let started = Instant::now();
        let delay = *held(&self.delay);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let throttled = self.throttle.takes(request);
        let reply = if throttled {
            wire::throttled(&request.service)
        } else if request.service == "dynamodb" {
            dynamodb::answer(&mut held(&self.tables), request)
        } else {
            answers::answer(&mut held(&self.actions), request)
        };
        let name = format!("{}:{}", request.service, request.operation);
        let ended = Instant::now();
        held(&self.calls).push(Call { name, started, ended, throttled });
        reply
    }
}

/// How many calls stand in the longest chain in which each began after the one
/// before had ended, and so may have waited for it.
pub fn round_trips(calls: &[Call]) -> usize {
    let mut calls: Vec<&Call> = calls.iter().collect();
    calls.sort_by_key(|call| call.started);
    let mut placed: Vec<(usize, Instant)> = Vec::new();
    for call in calls {
        let before = placed.iter().filter(|(_, ended)| *ended <= call.started);
        let layer = 1 + before.map(|(layer, _)| *layer).max().unwrap_or(0);
        placed.push((layer, call.ended));
    }
    placed.iter().map(|(layer, _)| *layer).max().unwrap_or(0)
}

/// The lock, also after a panic of somebody else's: a bench has no invariant
/// that such a panic could break.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_one_round_trip() {
        let zero = Instant::now();
        let at = |second: u64| zero + Duration::from_secs(second);
        let call = |started, ended| Call {
            name: String::new(),
            started: at(started),
            ended: at(ended),
            throttled: false,
        };
        let both = [call(0, 2), call(1, 3)];
        assert_eq!(round_trips(&both), 1);
        assert_eq!(round_trips(&[both.to_vec(), vec![call(3, 4), call(2, 5)]].concat()), 2);
        assert_eq!(round_trips(&[call(4, 5), call(2, 3), call(0, 1)]), 3);
        assert_eq!(round_trips(&[]), 0);
    }
}
