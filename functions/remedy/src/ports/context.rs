//! What every step is taken with.

use jiff::Timestamp;

use crate::model::policy::Policy;

/// The world, what its owner wants, and the one time that a step is taken at.
#[derive(Debug)]
pub struct Context<'a, W> {
    /// What is read, changed and told.
    pub world: &'a W,
    /// What the owner of the deployment wants.
    pub policy: &'a Policy,
    /// When the step is taken. Every age is measured from here.
    pub now: Timestamp,
}

impl<W> Clone for Context<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Context<'_, W> {}
