//! The calls that change the world, by name.

use crate::model::incident::{Stage, Standby};

/// One call that changes the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the cleanup document.
    Clean,
    /// Ask the host which disk its full file system lies on.
    Survey,
    /// Take a snapshot of the volume before it grows.
    Snapshot,
    /// Grow the volume.
    Grow,
    /// Have the host extend the file system.
    Extend,
    /// Ask the host what it knows, before it is disrupted.
    Gather,
    /// Take the instance out of service, into Standby.
    LeaveService(Standby),
    /// Reboot the instance.
    Reboot,
    /// Bring the instance back from Standby.
    ComeBack,
    /// Have the group replace the instance.
    Replace,
}

impl Action {
    /// The stage an incident is in while this is asked for and awaited.
    pub fn stage(self) -> Stage {
        match self {
            Self::Clean => Stage::Cleaning,
            Self::Survey => Stage::Surveying,
            Self::Snapshot => Stage::Snapshotting,
            Self::Grow => Stage::Growing,
            Self::Extend => Stage::Extending,
            Self::Gather => Stage::Gathering,
            Self::LeaveService(_) => Stage::Draining,
            Self::Reboot => Stage::Rebooting,
            Self::ComeBack => Stage::Returning,
            Self::Replace => Stage::Replacing,
        }
    }
}
