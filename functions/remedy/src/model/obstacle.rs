//! What keeps a volume from being grown: each with its own code, its sentence and its advice.

use std::fmt;

use jiff::Timestamp;

use crate::model::growth::{GROW_TO_TAG, SNAPSHOT_FIRST_TAG};
use crate::model::host_disk::Shape;
use crate::model::ids::VolumeId;

/// Why a volume is not grown.
#[expect(missing_docs, reason = "each variant's sentence tells its fields")]
#[derive(Clone, Debug, PartialEq)]
pub enum Obstacle {
    /// No volume of the instance names a cap.
    NotAllowed,
    /// The cap is no number.
    CapUnreadable { volume: VolumeId, found: String },
    /// Whether a snapshot is wanted first is not to be read.
    SnapshotUnreadable { volume: VolumeId, found: String },
    /// The metric does not tell the share of a file system that is in use.
    NotMeasured,
    /// The host could not be asked, or did not answer.
    HostSilent { why: String },
    /// The host says that there is nothing to grow.
    NotFull { percent: u8 },
    /// The disk is laid out in a way that is not extended.
    Shape { shape: Shape, why: String },
    /// EC2 does not show the disk as a volume of the instance.
    NotAttached { disk: String },
    /// Several instances may write to it.
    MultiAttach { volume: VolumeId },
    /// A service of AWS manages it.
    Managed { volume: VolumeId, by: String },
    /// A volume of the instance does not answer.
    Impaired,
    /// Its type is none of those that are grown.
    OtherType { volume: VolumeId, kind: String },
    /// The last modification of the volume has not ended.
    BeingModified { volume: VolumeId, state: String },
    /// It has its cap.
    CapReached { volume: VolumeId, cap_gib: u32 },
    /// It has the largest size of its type.
    TypeMaximum { volume: VolumeId, kind: String, maximum_gib: u32 },
    /// Its partition table ends at 2 TiB.
    MbrEnds { volume: VolumeId },
    /// What is allowed would not end the trouble.
    TooLittle { volume: VolumeId, to_gib: u32, percent: u8 },
    /// What is new would be full within a day.
    Leak { gib_a_day: u64, full_at: Timestamp },
    /// The metric has been there for too short a time to tell how fast it fills.
    LeakUnknown,
    /// It was grown so often.
    Often { volume: VolumeId, count: usize, within: &'static str },
    /// The region's share of the day is spent.
    RegionSpent { today_gib: u32, maximum_gib: u32 },
}

impl Obstacle {
    /// Its stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "grow-not-allowed",
            Self::CapUnreadable { .. } => "grow-cap-unreadable",
            Self::SnapshotUnreadable { .. } => "grow-snapshot-unreadable",
            Self::NotMeasured => "grow-not-measured",
            Self::HostSilent { .. } => "grow-host-silent",
            Self::NotFull { .. } => "grow-not-full",
            Self::Shape { shape: Shape::Raid, .. } => "grow-raid",
            Self::Shape { shape: Shape::Luks, .. } => "grow-luks",
            Self::Shape { shape: Shape::SeveralPvs, .. } => "grow-several-pvs",
            Self::Shape { shape: Shape::SeveralLvs, .. } => "grow-several-lvs",
            Self::Shape { shape: Shape::GroupHasRoom, .. } => "grow-group-has-room",
            Self::Shape { shape: Shape::PartitionBehind, .. } => "grow-partition-behind",
            Self::Shape { shape: Shape::InstanceStore, .. } => "grow-instance-store",
            Self::Shape { shape: Shape::NoDisk, .. } => "grow-no-disk",
            Self::Shape { shape: Shape::OtherFileSystem, .. } => "grow-other-file-system",
            Self::Shape { shape: Shape::ReadOnly, .. } => "grow-read-only",
            Self::Shape { shape: Shape::ToolMissing, .. } => "grow-tool-missing",
            Self::Shape { shape: Shape::Unknown | Shape::Fit, .. } => "grow-shape-unknown",
            Self::NotAttached { .. } => "grow-not-attached",
            Self::MultiAttach { .. } => "grow-multi-attach",
            Self::Managed { .. } => "grow-managed",
            Self::Impaired => "grow-impaired",
            Self::OtherType { .. } => "grow-other-type",
            Self::BeingModified { .. } => "grow-being-modified",
            Self::CapReached { .. } => "grow-cap-reached",
            Self::TypeMaximum { .. } => "grow-type-maximum",
            Self::MbrEnds { .. } => "grow-mbr-ends",
            Self::TooLittle { .. } => "grow-too-little",
            Self::Leak { .. } => "grow-leak",
            Self::LeakUnknown => "grow-leak-unknown",
            Self::Often { .. } => "grow-often",
            Self::RegionSpent { .. } => "grow-region-spent",
        }
    }

    /// What a person can do about it; `None` if nothing needs to be done.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            // Most owners do not want it.
            Self::NotAllowed | Self::NotFull { .. } => None,
            Self::CapUnreadable { .. } => {
                Some("write a whole number of GiB into the volume's tag auto-remediation-grow-to")
            }
            Self::SnapshotUnreadable { .. } => {
                Some("write yes or no into the volume's tag auto-remediation-snapshot-first")
            }
            Self::NotMeasured => Some("let the alarm watch disk_used_percent of the file system"),
            Self::HostSilent { .. } => Some("grow the volume and its file system yourself"),
            Self::Shape { shape: Shape::GroupHasRoom, .. } => {
                Some("extend the logical volume: its group has room, which costs nothing")
            }
            Self::Shape { shape: Shape::ToolMissing, .. } => {
                Some("install what the host lacks, or grow the file system yourself")
            }
            Self::Shape { .. } | Self::MbrEnds { .. } => {
                Some("grow the disk yourself: its layout needs a person")
            }
            Self::NotAttached { .. } | Self::Impaired => Some("look at the instance's volumes"),
            Self::MultiAttach { .. } | Self::Managed { .. } | Self::OtherType { .. } => {
                Some("grow the volume where it is managed, or move its data")
            }
            Self::BeingModified { .. } => Some("wait until the volume's modification is completed"),
            Self::CapReached { .. } | Self::TooLittle { .. } => {
                Some("free the disk, or raise the volume's tag auto-remediation-grow-to")
            }
            Self::TypeMaximum { .. } => Some("free the disk, or move it to another type of volume"),
            Self::Leak { .. } => Some("find what fills the disk: more space would not last a day"),
            Self::LeakUnknown => Some("look how fast the disk fills, and grow it yourself"),
            Self::Often { .. } | Self::RegionSpent { .. } => {
                Some("find what fills the disk, or grow it yourself")
            }
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => {
                write!(f, "no volume of the instance has a tag {GROW_TO_TAG} that lets it grow")
            }
            Self::CapUnreadable { volume, found } => {
                write!(f, "the tag {GROW_TO_TAG} of {volume} is {found:?}, which is no size in GiB")
            }
            Self::SnapshotUnreadable { volume, found } => {
                let tag = SNAPSHOT_FIRST_TAG;
                write!(f, "the tag {tag} of {volume} is {found:?}, and neither yes nor no")
            }
            Self::NotMeasured => {
                f.write_str("nothing measures how much of the file system is in use, in percent")
            }
            Self::HostSilent { why } => {
                write!(f, "which volume is full is not known: {why}")
            }
            Self::NotFull { percent } => {
                write!(f, "the host says that only {percent} % are in use, so nothing is grown")
            }
            Self::Shape { shape: Shape::Unknown | Shape::Fit, why } => {
                write!(f, "how the full file system lies on its disk is not known: {why}")
            }
            Self::Shape { why, .. } => write!(f, "its disk is not grown: {why}"),
            Self::NotAttached { disk } => {
                write!(f, "EC2 shows no volume of the instance that is the host's disk {disk}")
            }
            Self::MultiAttach { volume } => {
                write!(
                    f,
                    "{volume} may be attached to several instances, which would all see it grow"
                )
            }
            Self::Managed { volume, by } => write!(f, "{volume} is managed by {by}"),
            Self::Impaired => f.write_str("a volume of the instance does not answer its checks"),
            Self::OtherType { volume, kind } => {
                write!(f, "{volume} is of the type {kind}, which is not grown")
            }
            Self::BeingModified { volume, state } => {
                write!(f, "the last modification of {volume} is not completed: it is {state}")
            }
            Self::CapReached { volume, cap_gib } => {
                write!(f, "{volume} has the {cap_gib} GiB that its tag {GROW_TO_TAG} allows")
            }
            Self::TypeMaximum { volume, kind, maximum_gib } => {
                write!(f, "{volume} has the {maximum_gib} GiB that a {kind} volume may have")
            }
            Self::MbrEnds { volume } => {
                write!(f, "the partition table of {volume} is an MBR, which ends at 2 TiB")
            }
            Self::TooLittle { volume, to_gib, percent } => write!(
                f,
                "{volume} may grow to {to_gib} GiB only, which would leave it at {percent} %"
            ),
            Self::Leak { gib_a_day, full_at } => write!(
                f,
                "it fills by {gib_a_day} GiB a day, so that the new space would be full by {}",
                full_at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            Self::LeakUnknown => f.write_str(
                "the metric is less than an hour old, and how fast the disk fills is not known",
            ),
            Self::Often { volume, count, within } => {
                write!(f, "{volume} was grown {count} times {within} already")
            }
            Self::RegionSpent { today_gib, maximum_gib } => write!(
                f,
                "volumes of this region were grown by {today_gib} GiB today, and {maximum_gib} are \
                 allowed"
            ),
        }
    }
}
