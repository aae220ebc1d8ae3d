//! Plays episodes until there were incidents enough, on several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::draw::draw;
use super::episode;
use super::past::{Highlights, Past};
use super::plot::Plot;
use super::promises::Broken;
use super::tally::Tally;

/// Episodes that a thread takes at a time. What is counted is counted in whole
/// lots and in their order, so it is the same on any number of threads.
const LOT: u64 = 16;

/// What is to be played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Incidents, at least.
    pub(super) incidents: u64,
    /// What chance begins with.
    pub(super) seed: u64,
    /// Threads to play on.
    pub(super) threads: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// What was counted.
    pub(super) tally: Tally,
    /// The first promise that did not hold, and in which episode.
    pub(super) broken: Option<(u64, Broken)>,
    /// The incidents worth a look.
    pub(super) highlights: Highlights,
}

/// What came of one lot of episodes.
#[derive(Debug, Default)]
struct Lot {
    tally: Tally,
    broken: Option<(u64, Broken)>,
    past: Vec<Past>,
}

impl Plan {
    /// The plot of one of its episodes.
    pub(super) fn plot(&self, episode: u64) -> Plot {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        draw(rng.u64(..).wrapping_add(episode))
    }

    /// Plays until there were incidents enough, or until a promise does not
    /// hold. `progress` is told of the incidents so far.
    pub(super) fn run(&self, progress: impl Fn(u64)) -> Ran {
        let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
        let (send, played) = mpsc::channel();
        let mut ran = Ran::default();
        thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                let (send, next, enough) = (send.clone(), &next, &enough);
                scope.spawn(move || {
                    while !enough.load(Ordering::Relaxed) {
                        let lot = next.fetch_add(1, Ordering::Relaxed);
                        if send.send((lot, self.lot(lot))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send); // Whoever waits for a thread that is gone waits in vain.
            let mut waiting = BTreeMap::new();
            for wanted in 0.. {
                while !waiting.contains_key(&wanted)
                    && let Ok((lot, played)) = played.recv()
                {
                    waiting.insert(lot, played);
                }
                let Some(lot): Option<Lot> = waiting.remove(&wanted) else { break };
                ran.tally.add(&lot.tally);
                ran.broken = lot.broken;
                for past in lot.past {
                    ran.highlights.consider(past);
                }
                progress(ran.tally.incidents);
                if ran.tally.incidents >= self.incidents || ran.broken.is_some() {
                    break;
                }
            }
            enough.store(true, Ordering::Relaxed);
            drop(played);
        });
        ran
    }

    /// Plays one lot of episodes.
    fn lot(&self, lot: u64) -> Lot {
        let mut ran = Lot::default();
        for number in lot * LOT..(lot + 1) * LOT {
            let played = episode::play(&self.plot(number));
            ran.tally.add(&played.tally);
            ran.past.extend(played.past.into_iter().map(|past| Past { episode: number, ..past }));
            if let Some(broken) = played.broken {
                ran.broken = Some((number, broken));
                break;
            }
        }
        ran
    }
}
