//! The volume below a host's full file system: its size, its modifications, and what the
//! host's script says of it and does to it.

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::growth::{GROW_TO_TAG, Growth, SNAPSHOT_FIRST_TAG};
use remedy::model::ids::{InstanceId, SnapshotId, VolumeId};
use remedy::observe::host_report::{Code, MARKER, Mode};
use remedy::ports::look::{Modification, ModificationState, Snapshot, Volume};
use remedy::ports::touch::DiskOrder;
use serde_json::json;

use crate::command::Command;
use crate::happen::Due;
use crate::host::{FileSystem, Host};
use crate::region::State;
use crate::script::{Ending, Script};

/// From the call until the new size can be used: seconds, as a rule (EBS user guide, "Monitor
/// the progress of volume modifications").
const MODIFYING_TAKES: SignedDuration = SignedDuration::from_secs(20);

/// From the call until the modification is completed: minutes to hours (EBS user guide, "Monitor
/// the progress of volume modifications").
const OPTIMIZING_TAKES: SignedDuration = SignedDuration::from_mins(40);

/// EBS modifies a volume so often in 24 hours (EC2 API reference, `ModifyVolume`).
const MODIFICATIONS_MAX: usize = 4;

/// What EC2 counts a volume's size in (EC2 API reference, `Volume`).
const GIB: u64 = 1 << 30;

/// A volume and the file system on it, which takes all of it as a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    /// The volume's size.
    pub gib: u32,
    /// The file system's.
    pub file_system_gib: u32,
    /// The size up to which its owner's tag lets it grow.
    pub cap_gib: Option<u32>,
    /// Whether its owner's tag asks for a snapshot before it grows.
    pub snapshot_first: bool,
    /// The descriptions of its snapshots.
    pub snapshots: Vec<String>,
    /// What its host calls its disk, if it does not tell the truth.
    pub said_to_be: Option<String>,
    /// The last modification, and the size it is for.
    pub modification: Option<(ModificationState, u32)>,
    /// When it was modified.
    pub modified_at: Vec<Timestamp>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            gib: 100,
            file_system_gib: 100,
            cap_gib: None,
            snapshot_first: false,
            snapshots: Vec::new(),
            said_to_be: None,
            modification: None,
            modified_at: Vec::new(),
        }
    }
}

/// The volume of the host `id`.
pub fn volume_of(id: &InstanceId) -> Option<VolumeId> {
    VolumeId::new(id.as_str().replacen("i-", "vol-", 1)).ok()
}

/// The host whose volume `id` is.
pub(crate) fn host_of(id: &VolumeId) -> Option<InstanceId> {
    InstanceId::new(id.as_str().replacen("vol-", "i-", 1)).ok()
}

impl Disk {
    /// What EC2 says of it.
    pub(crate) fn described(&self, id: &InstanceId) -> Option<Volume> {
        let cap = self.cap_gib.map(|cap| (GROW_TO_TAG.to_owned(), cap.to_string()));
        let first = (SNAPSHOT_FIRST_TAG.to_owned(), "yes".to_owned());
        let tags = cap.into_iter().chain(self.snapshot_first.then_some(first));
        Some(Volume {
            id: volume_of(id)?,
            size_gib: self.gib,
            kind: "gp3".to_owned(),
            device: Some("/dev/xvda".to_owned()),
            attachments: 1,
            multi_attach: false,
            managed_by: None,
            tags: tags.collect(),
        })
    }

    /// What EC2 says of its snapshot with that description. It holds the volume from the call
    /// on, while it is `pending` for hours (EBS user guide, "Create Amazon EBS snapshots").
    pub(crate) fn snapshot(&self, description: &str) -> Option<Snapshot> {
        let of = self.snapshots.iter().position(|it| it == description)?;
        let id = SnapshotId::new(format!("snap-{of:017x}")).ok()?;
        Some(Snapshot { id, holds: true, state: "pending".to_owned() })
    }

    /// What EC2 says of its last modification.
    pub(crate) fn last_modification(&self) -> Option<Modification> {
        let (state, target) = self.modification.as_ref()?;
        Some(Modification {
            state: state.clone(),
            target_gib: Some(*target),
            started_at: self.modified_at.last().copied(),
        })
    }
}

impl State {
    /// Takes a snapshot of a volume. However often it is asked for, it is taken anew (EC2 API
    /// reference, `CreateSnapshot`, which has no client token).
    pub(crate) fn take_snapshot(
        &mut self,
        volume: &VolumeId,
        description: &str,
    ) -> Result<(), &'static str> {
        let id = host_of(volume).ok_or("InvalidVolume.NotFound: no such volume")?;
        let host = self.hosts.get_mut(&id).filter(|host| host.runs());
        let disk = &mut host.ok_or("InvalidVolume.NotFound: no such volume")?.disk;
        disk.snapshots.push(description.to_owned());
        Ok(())
    }

    /// Begins to modify a volume: none that is still modified or optimized, and none too often
    /// (EC2 API reference, `ModifyVolume`; recorded: ec2.ModifyVolume).
    pub(crate) fn modify_volume(&mut self, growth: &Growth) -> Result<(), &'static str> {
        let now = self.now;
        let id = host_of(&growth.volume).ok_or("InvalidVolume.NotFound: no such volume")?;
        let host = self.hosts.get_mut(&id).filter(|host| host.runs());
        let disk = &mut host.ok_or("InvalidVolume.NotFound: no such volume")?.disk;
        let under_way = matches!(
            disk.modification,
            Some((ModificationState::Modifying | ModificationState::Optimizing, _))
        );
        let day = SignedDuration::from_hours(24);
        let today = disk.modified_at.iter().filter(|at| now.duration_since(**at) < day).count();
        if under_way {
            return Err("IncorrectModificationState: the volume is being modified");
        } else if today >= MODIFICATIONS_MAX {
            return Err("VolumeModificationRateExceeded: too many modifications");
        } else if growth.to_gib < disk.gib {
            return Err("InvalidParameterValue: a volume does not shrink");
        }
        disk.modification = Some((ModificationState::Modifying, growth.to_gib));
        disk.modified_at.push(now);
        self.arrange(MODIFYING_TAKES, Due::Modified(id.clone(), ModificationState::Optimizing));
        self.arrange(OPTIMIZING_TAKES, Due::Modified(id, ModificationState::Completed));
        Ok(())
    }

    /// A modification comes so far; its size can be used from `optimizing` on (EBS user guide,
    /// "Monitor the progress of volume modifications").
    pub(crate) fn modified(&mut self, id: &InstanceId, to: ModificationState) {
        let Some(disk) = self.hosts.get_mut(id).map(|host| &mut host.disk) else { return };
        if let Some((state, target)) = &mut disk.modification {
            disk.gib = *target;
            *state = to;
        }
    }
}

/// Runs the disk script of `order` on `host`.
pub(crate) fn run(host: &mut Host, command: &Command, order: &DiskOrder) -> Ending {
    let code = match (host.script, command.mode) {
        (Script::CannotStart, _) => return Ending::silent("Failed", 1),
        (Script::RunsTooLong, _) => return Ending::silent("ExecutionTimedOut", -1),
        (Script::IsCancelled, _) => return Ending::silent("Cancelled", -1),
        (Script::Unheard, _) => return Ending::not_delivered(),
        (Script::Crashes, _) => Code::Crashed,
        (Script::Skips, _) => Code::LockHeld,
        (_, Mode::Report) => Code::Looked,
        (_, Mode::Apply) => extend(host),
    };
    let shape = match host.file_system {
        FileSystem::Root | FileSystem::Data => "fit",
        FileSystem::Image | FileSystem::Overlay | FileSystem::Memory | FileSystem::Network => {
            "no-disk"
        }
    };
    let own = volume_of(&order.instance).map(|id| id.as_str().replacen('-', "", 1));
    let serial = host.disk.said_to_be.clone().or(own);
    let size = u64::from(host.disk.file_system_gib) * GIB;
    let (status, exit_code) = crate::script::ends(code);
    let line = json!({
        "v": 1,
        "action": "disk-grow",
        "status": status,
        "code": code,
        "reason": "as the code says",
        "mode": command.mode,
        "mount": host.file_system.mount(),
        "file_system": "xfs",
        "device": "nvme0n1",
        "disk": serial,
        "shape": shape,
        "size_bytes": size,
        "used_bytes": used(host, size),
        "disk_bytes": u64::from(host.disk.gib) * GIB,
        "unused_bytes": u64::from(host.disk.gib.saturating_sub(host.disk.file_system_gib)) * GIB,
        "seconds": 3,
    });
    // What is said of the disk is no word about the trouble.
    Ending {
        uploaded: false,
        status: if exit_code == 0 { "Success" } else { "Failed" },
        exit_code: Some(exit_code),
        stdout: format!("{MARKER}{line}\n"),
        said: None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of some hundred GiB"
)]
fn used(host: &Host, size: u64) -> u64 {
    let percent = host.percent(Symptom::DiskFull).unwrap_or_default();
    (size as f64 / 100.0 * percent) as u64
}

/// The file system takes what the volume has; what is in use is a smaller share of it.
fn extend(host: &mut Host) -> Code {
    let (before, after) = (host.disk.file_system_gib, host.disk.gib);
    host.disk.file_system_gib = after;
    if let Some(trouble) = host.trouble.as_mut().filter(|it| it.symptom == Symptom::DiskFull) {
        trouble.percent *= f64::from(before) / f64::from(after.max(1));
    }
    if after > before { Code::Relieved } else { Code::Insufficient }
}
