//! The disk below a full file system, as its own host describes it. Nothing of it is
//! believed before EC2 shows that volume attached to that instance.

use serde::{Deserialize, Serialize};

use crate::model::host_text::{HostText, known};

/// What the host's own script found below one file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDisk {
    /// Where the file system is mounted.
    pub mount: HostText,
    /// Its type, such as `xfs`.
    #[serde(default)]
    pub file_system: HostText,
    /// The kernel's name of the disk, such as `nvme1n1`.
    #[serde(default)]
    pub device: HostText,
    /// The serial of an `NVMe` disk, which names its volume, or the name of a Xen disk.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub disk: Option<HostText>,
    /// The number of the partition; `None` where the file system takes the whole disk.
    #[serde(default)]
    pub partition: Option<u32>,
    /// Whether the partition table is an MBR, which ends at 2 TiB.
    #[serde(default)]
    pub mbr: bool,
    /// Whether a logical volume lies between.
    #[serde(default)]
    pub lvm: bool,
    /// The size of the file system, as far as it can be used.
    #[serde(default)]
    pub size_bytes: u64,
    /// How much of that is in use.
    #[serde(default)]
    pub used_bytes: u64,
    /// The size of the disk.
    #[serde(default)]
    pub disk_bytes: u64,
    /// What of the disk the file system could have and has not.
    #[serde(default)]
    pub unused_bytes: u64,
    /// What keeps it from being extended, if anything does.
    #[serde(default)]
    pub shape: Shape,
    /// That, in the script's words.
    #[serde(default)]
    pub why: HostText,
}

impl HostDisk {
    /// How much of the file system is in use, in percent, rounded up as `df` does.
    pub fn used_percent(&self) -> u8 {
        percent(self.used_bytes, self.size_bytes)
    }
}

/// `part` of `whole` in percent, rounded up.
pub fn percent(part: u64, whole: u64) -> u8 {
    let percent = (u128::from(part) * 100).div_ceil(u128::from(whole.max(1)));
    u8::try_from(percent.min(100)).unwrap_or(100)
}

/// Whether a file system lies on its disk in a way that can be extended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// It can: the whole disk, its last partition, or one logical volume on one of those.
    Fit,
    /// Several disks or partitions are one array.
    Raid,
    /// It is encrypted by the host.
    Luks,
    /// Its volume group has several physical volumes.
    SeveralPvs,
    /// Its volume group has several logical volumes.
    SeveralLvs,
    /// Its volume group has room already.
    GroupHasRoom,
    /// Another partition lies behind its own.
    PartitionBehind,
    /// It lies on the instance's own store.
    InstanceStore,
    /// It lies on no disk of EBS: in memory, on another machine, in a file.
    NoDisk,
    /// Its type cannot be extended while it is in use.
    OtherFileSystem,
    /// It is mounted read-only.
    ReadOnly,
    /// The host lacks a program that this takes.
    ToolMissing,
    /// It could not be found out, or the script says what this reader does not know.
    #[default]
    #[serde(other)]
    Unknown,
}
