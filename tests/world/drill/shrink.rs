//! The shortest story: leaves out line after line for as long as the same
//! promise does not hold.

use super::episode;
use super::plot::{GroupLine, Line, Plot};
use super::promises::Promise;

/// Plays until one gives up. A play takes less than a millisecond, and few
/// plots need half of these.
const PLAYS_MAX: usize = 2_000;

/// The shortest plot found in which `promise` still does not hold.
pub(crate) fn shortest(plot: &Plot, promise: Promise) -> Plot {
    let mut search = Search { best: plot.clone(), promise, plays: 0 };
    loop {
        let before = search.best.clone();
        search.leave_lines_out();
        search.make_groups_smaller();
        if search.best == before || search.plays >= PLAYS_MAX {
            return search.best;
        }
    }
}

struct Search {
    best: Plot,
    promise: Promise,
    plays: usize,
}

impl Search {
    /// Takes `plot` for the best if the promise does not hold in it either.
    fn takes(&mut self, plot: Plot) -> bool {
        self.plays += 1;
        let broken = episode::play(&plot).broken;
        let same = broken.is_some_and(|broken| broken.promise == self.promise);
        if same {
            self.best = plot;
        }
        same
    }

    /// Leaves out many lines at once, then fewer and fewer.
    fn leave_lines_out(&mut self) {
        let mut many = self.best.lines.len().div_ceil(2);
        while many > 0 {
            let mut from = 0;
            while from < self.best.lines.len() && self.plays < PLAYS_MAX {
                let until = (from + many).min(self.best.lines.len());
                let mut shorter = self.best.clone();
                shorter.lines.drain(from..until);
                if !self.takes(shorter) {
                    from = until;
                }
            }
            many /= 2;
        }
    }

    fn make_groups_smaller(&mut self) {
        for place in 0..self.best.lines.len() {
            while self.plays < PLAYS_MAX
                && let Some(Line::Group(group)) = self.best.lines.get(place)
                && group.size > 1
            {
                let smaller = GroupLine {
                    size: group.size - 1,
                    min: group.min.min(group.size - 1),
                    max: group.max - 1,
                    ..group.clone()
                };
                let mut plot = self.best.clone();
                if let Some(line) = plot.lines.get_mut(place) {
                    *line = Line::Group(smaller);
                }
                if !self.takes(plot) {
                    break;
                }
            }
        }
    }
}
