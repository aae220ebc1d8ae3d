//! Who is turned away. It depends on nothing but a seed and the call itself,
//! so that a storm comes to the same however its calls interleave.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;

use super::held;
use super::wire::Request;

/// So many calls in a thousand are turned away.
#[derive(Debug, Default)]
pub struct Throttle {
    per_thousand: u64,
    seed: u64,
    asked: Mutex<HashMap<(String, String), u64>>,
}

impl Throttle {
    /// Turns away `per_thousand` of all calls, chosen by `seed`.
    pub fn new(per_thousand: u64, seed: u64) -> Self {
        Self { per_thousand, seed, ..Self::default() }
    }

    /// Whether this call is turned away: the n-th of its operation about its
    /// instance always is, or never.
    pub(crate) fn takes(&self, request: &Request) -> bool {
        if self.per_thousand == 0 {
            return false;
        }
        let what = (request.operation.clone(), request.instance().unwrap_or_default());
        let mut hasher = DefaultHasher::new();
        let mut asked = held(&self.asked);
        let nth = asked.entry(what.clone()).and_modify(|n| *n += 1).or_insert(1);
        (self.seed, what, *nth).hash(&mut hasher);
        hasher.finish() % 1000 < self.per_thousand
    }
}
