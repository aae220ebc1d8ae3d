//! The choices of one round, one after the other, and what may still go wrong.

use crate::calls::{Nature, Verb};

/// What may go wrong in a play, in all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bounds {
    /// Functions that die, before or after a call of theirs takes effect.
    pub deaths: u8,
    /// Answers that are lost, though the call took effect.
    pub losses: u8,
    /// Turns that another invocation takes while the one at work could go on.
    pub turns: u8,
    /// Alarms that are delivered twice.
    pub doubles: u8,
    /// Beats and triggers that never come.
    pub gaps: u8,
}

impl Bounds {
    /// Whether no less is left of anything than of `other`.
    pub(super) fn covers(self, other: Self) -> bool {
        self.deaths >= other.deaths
            && self.losses >= other.losses
            && self.turns >= other.turns
            && self.doubles >= other.doubles
            && self.gaps >= other.gaps
    }
}

/// Which way was taken at each fork, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    given: Vec<usize>,
    made: Vec<(usize, usize)>,
}

impl Script {
    /// Takes the way that was given, or the first.
    fn choose(&mut self, of: usize) -> usize {
        if of < 2 {
            return 0;
        }
        let chosen = self.given.get(self.made.len()).copied().unwrap_or(0).min(of - 1);
        self.made.push((chosen, of));
        chosen
    }

    /// The ways that were taken, to take them again.
    pub(super) fn again(&self) -> Self {
        Self { given: self.made.iter().map(|(chosen, _)| *chosen).collect(), made: Vec::new() }
    }

    /// The same ways up to the last fork where another one is left, and there the next.
    /// `None` if all were taken.
    pub(super) fn next(&self) -> Option<Self> {
        let place = self.made.iter().rposition(|(chosen, of)| chosen + 1 < *of)?;
        let mut given: Vec<usize> =
            self.made.iter().take(place).map(|(chosen, _)| *chosen).collect();
        given.push(self.made.get(place)?.0 + 1);
        Some(Self { given, made: Vec::new() })
    }
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Answered,
    /// Whoever makes it dies.
    Dies {
        /// Whether it still takes effect.
        takes_effect: bool,
    },
    /// It takes effect, and nobody hears of it.
    AnswerLost,
}

/// The script of the round that is played, and what may still go wrong.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(super) script: Script,
    pub(super) left: Bounds,
}

impl Choices {
    /// What happens to a call. Whoever dies at a call that only looks might as well have
    /// died at the one after it.
    pub(crate) fn fate(&mut self, verb: Verb) -> Fate {
        if verb.nature() == Nature::Look {
            return Fate::Answered;
        }
        let mut fates = vec![Fate::Answered];
        if self.left.deaths > 0 {
            fates.extend([true, false].map(|takes_effect| Fate::Dies { takes_effect }));
        }
        if self.left.losses > 0 {
            fates.push(Fate::AnswerLost);
        }
        let fate = fates.get(self.script.choose(fates.len())).copied();
        match fate {
            Some(Fate::Dies { .. }) => self.left.deaths -= 1,
            Some(Fate::AnswerLost) => self.left.losses -= 1,
            Some(Fate::Answered) | None => {}
        }
        fate.unwrap_or(Fate::Answered)
    }

    /// Whether an alarm is delivered twice.
    pub(super) fn doubles(&mut self) -> bool {
        let doubles = self.left.doubles > 0 && self.script.choose(2) == 1;
        self.left.doubles -= u8::from(doubles);
        doubles
    }

    /// Whether the beat, or a trigger, does not come.
    pub(super) fn misses(&mut self) -> bool {
        let misses = self.left.gaps > 0 && self.script.choose(2) == 1;
        self.left.gaps -= u8::from(misses);
        misses
    }

    /// Who is at work next, of so many, when nobody is.
    pub(super) fn first_of(&mut self, invocations: usize) -> usize {
        self.script.choose(invocations)
    }

    /// How many places further another one takes its turn; 0 if nobody does.
    pub(super) fn turn(&mut self, invocations: usize) -> usize {
        let turn = if self.left.turns > 0 { self.script.choose(invocations) } else { 0 };
        self.left.turns -= u8::from(turn > 0);
        turn
    }
}
