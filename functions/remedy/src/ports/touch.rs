//! Changing the world: one verb for each call.

use crate::model::alarm::Symptom;
use crate::model::cleanup_opt_in::CleanupOptIn;
use crate::model::diagnostics::Destination;
use crate::model::growth::Growth;
use crate::model::ids::{CommandId, GroupName, InstanceId, MountPoint, UnitName, VolumeId};
use crate::model::incident::{FailureKind, Standby};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// Changes the world. Every verb is one call.
pub trait Touch {
    /// `ssm:SendCommand` with the function's own document to one instance.
    async fn clean(&self, order: &CleanupOrder) -> Result<CommandId, CallError>;
    /// `ssm:SendCommand` with it to the hosts of several orders that are
    /// [alike](CleanupOrder::is_alike) and have one comment, at most [`HOSTS_MAX`]: none of them
    /// sends its evidence away, and each prints it, cut short. AWS takes it for all of them, or
    /// refuses it for all.
    async fn clean_many(&self, orders: &[CleanupOrder]) -> Result<CommandId, CallError>;
    /// The same document, told to look only and to give what it finds off the
    /// host, within so much time.
    async fn gather(
        &self,
        order: &CleanupOrder,
        within: SignedDuration,
    ) -> Result<CommandId, CallError>;
    /// `ssm:SendCommand` with the document about disks, told to look only.
    async fn survey(&self, order: &DiskOrder) -> Result<CommandId, CallError>;
    /// `ec2:CreateSnapshot` of the volume, with a description by which it is found again.
    /// Never repeated on doubt.
    async fn snapshot(&self, volume: &VolumeId, description: &str) -> Result<(), CallError>;
    /// `ec2:ModifyVolume`: asks for the intended size. Never repeated on doubt.
    async fn grow(&self, growth: &Growth) -> Result<(), CallError>;
    /// `ssm:SendCommand` with the document about disks: the host extends the file system
    /// to what the disk has. It may be sent twice: then there is nothing left to extend.
    async fn extend(&self, order: &DiskOrder) -> Result<CommandId, CallError>;
    /// `s3:PutObject`: keeps a text as evidence.
    async fn keep(&self, destination: &Destination, text: &str) -> Result<(), CallError>;
    /// `ec2:RebootInstances` of one instance. Never repeated on doubt.
    async fn reboot(&self, instance: &InstanceId) -> Result<(), CallError>;
    /// `autoscaling:SetInstanceHealth`: the group replaces the instance the
    /// way its maintenance policy says. Never repeated on doubt.
    async fn replace(&self, instance: &InstanceId) -> Result<(), CallError>;
    /// `autoscaling:EnterStandby`: the instance leaves service and its group
    /// stops judging its health.
    async fn leave_service(
        &self,
        instance: &InstanceId,
        group: &GroupName,
        standby: Standby,
    ) -> Result<(), CallError>;
    /// `autoscaling:ExitStandby`: the instance comes back into service.
    async fn come_back(&self, instance: &InstanceId, group: &GroupName) -> Result<(), CallError>;
}

/// Instances of one `ssm:SendCommand` (SSM API reference).
pub const HOSTS_MAX: usize = 50;

/// What the document of a symptom is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanupOrder {
    /// The host.
    pub instance: InstanceId,
    /// The command's comment, by which it can be found.
    pub comment: String,
    /// Whose document to send.
    pub symptom: Symptom,
    /// What the document of the symptom needs to know.
    pub relief: Relief,
    /// Where the host sends its evidence, before it changes anything.
    pub evidence: Option<Destination>,
}

impl CleanupOrder {
    /// Whether one command can be for both: it has one document and one set of parameters.
    pub fn is_alike(&self, other: &Self) -> bool {
        (self.symptom, &self.relief) == (other.symptom, &other.relief)
    }
}

/// What the document about disks is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOrder {
    /// The host.
    pub instance: InstanceId,
    /// The command's comment, by which it can be found.
    pub comment: String,
    /// The file system. `None`: nobody knows which; the host is asked for the fullest.
    pub mount: Option<MountPoint>,
    /// The disk that it was found on, where the file system is to be extended: on any
    /// other one nothing is changed.
    pub disk: Option<String>,
}

/// What each symptom's document needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relief {
    /// Free space on one file system.
    Disk {
        /// The file system of the alarm. `None`: nobody knows which; the host is
        /// asked for the fullest.
        mount: Option<MountPoint>,
        /// Stop at this share of used space.
        target_percent: u8,
        /// Where the alarm rings, if that is known: below it a missed target is no trouble.
        alarm_percent: Option<u8>,
        /// What may go besides.
        opt_ins: BTreeSet<CleanupOptIn>,
    },
    /// Restart the unit that holds the memory, if it is one of these.
    Memory {
        /// Units that may be restarted.
        units: Vec<UnitName>,
        /// What may be done besides.
        opt_ins: BTreeSet<CleanupOptIn>,
    },
    /// Start what has failed, if it is one of these.
    Service {
        /// Units that may be started.
        units: Vec<UnitName>,
    },
    /// Calm the process that burns the processor; restart it if it is one of
    /// these.
    Cpu {
        /// Units that may be restarted.
        units: Vec<UnitName>,
    },
}

/// A call that did not answer with success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed: {why}")]
pub struct CallError {
    /// The call, in IAM's spelling.
    pub call: &'static str,
    /// What it said.
    pub why: String,
    /// How AWS said no, so that nothing happened. `None` if the answer was lost
    /// and it may have happened.
    pub kind: Option<FailureKind>,
}
