//! Kinds of file system, told by what a disk metric's dimensions say.
//!
//! The agent publishes every mount: a snap's image, which is full from the day it was
//! made, a container's overlay, which is the disk below, a share of somebody else's
//! disk. Names of types are those of `/proc/mounts` (Linux kernel documentation,
//! `filesystems/`; of `fuse` in `libfuse`); places are those of the `snapd`, Docker,
//! containerd, Podman, kubelet and systemd manuals.

/// What a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    /// A disk of the host, and whatever nothing is known about.
    Local,
    /// A container's view of a disk of the host.
    Overlay,
    /// An image, or the kernel's own: it does not fill up.
    Fixed,
    /// It lies in the host's memory.
    Memory,
    /// It lies on another machine.
    Network,
}

const FIXED: &[&str] = &[
    "squashfs",
    "iso9660",
    "erofs",
    "cramfs",
    "romfs",
    "squashfuse",
    "fuse.squashfuse",
    "fuse.snapfuse",
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "securityfs",
    "debugfs",
    "tracefs",
    "configfs",
    "bpf",
    "pstore",
    "mqueue",
    "hugetlbfs",
    "autofs",
    "nsfs",
    "efivarfs",
    "binfmt_misc",
    "fusectl",
    "rpc_pipefs",
    "selinuxfs",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.gvfsd-fuse",
];
const MEMORY: &[&str] = &["tmpfs", "devtmpfs", "ramfs", "shm", "udev"];
const OVERLAY: &[&str] = &[
    "overlay",
    "overlay2",
    "overlayfs",
    "aufs",
    "unionfs",
    "fuse-overlayfs",
    "fuse.fuse-overlayfs",
];
const NETWORK: &[&str] = &[
    "nfs",
    "nfs3",
    "nfs4",
    "cifs",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "efs",
    "ceph",
    "lustre",
    "9p",
    "virtiofs",
    "afs",
    "glusterfs",
    "beegfs",
    "gpfs",
    "wekafs",
    "davfs",
    "s3fs",
    "fuse",
];
const LOCAL: &[&str] = &[
    "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "reiserfs", "vfat", "msdos", "exfat", "ntfs",
    "ntfs3", "fuseblk", "udf", "apfs", "hfs", "ufs",
];

impl FileSystem {
    /// The kind of a file system by its type, or else by its device, or else by where
    /// it is mounted. A type says most: a disk that is mounted from a file (`loop0`)
    /// with `ext4` on it does fill up.
    pub(super) fn of(fstype: Option<&str>, device: Option<&str>, path: Option<&str>) -> Self {
        fstype
            .and_then(by_type)
            .or_else(|| device.and_then(by_device))
            .or_else(|| path.and_then(by_path))
            .unwrap_or(Self::Local)
    }
}

fn by_type(fstype: &str) -> Option<FileSystem> {
    let fstype = fstype.to_ascii_lowercase();
    let among = |names: &[&str]| names.contains(&fstype.as_str());
    if among(FIXED) {
        Some(FileSystem::Fixed)
    } else if among(MEMORY) {
        Some(FileSystem::Memory)
    } else if among(OVERLAY) {
        Some(FileSystem::Overlay)
    } else if among(NETWORK) || fstype.starts_with("fuse.") {
        Some(FileSystem::Network)
    } else if among(LOCAL) || fstype.starts_with("ext") {
        Some(FileSystem::Local)
    } else {
        None
    }
}

fn by_device(device: &str) -> Option<FileSystem> {
    let device = device.strip_prefix("/dev/").unwrap_or(device);
    let number = device.strip_prefix("loop").unwrap_or_default();
    if number.starts_with(|c: char| c.is_ascii_digit()) {
        Some(FileSystem::Fixed)
    } else if device.contains(":/") || device.starts_with("//") {
        Some(FileSystem::Network)
    } else {
        // Where there is no device, its place holds the type: `tmpfs`, `overlay`.
        by_type(device).filter(|kind| *kind != FileSystem::Local)
    }
}

fn by_path(path: &str) -> Option<FileSystem> {
    let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    let runtime = below(&["/run/", "/var/run/"]);
    if below(&["/snap/", "/var/lib/snapd/snap/", "/proc/", "/sys/"]) {
        Some(FileSystem::Fixed)
    } else if path.ends_with("/mounts/shm") || path.contains("/volumes/kubernetes.io~projected/") {
        Some(FileSystem::Memory)
    } else if below(&["/var/lib/docker/overlay", "/var/lib/docker/aufs/"])
        || (path.contains("/overlay") && path.ends_with("/merged"))
        || (path.contains("/containerd/") && path.ends_with("/rootfs"))
    {
        Some(FileSystem::Overlay)
    } else if below(&["/run/media/"]) {
        None // What somebody plugged in.
    } else if runtime || matches!(path, "/run" | "/dev") || below(&["/dev/"]) {
        Some(FileSystem::Memory)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::FileSystem::{Fixed, Local, Memory, Network, Overlay};
    use super::*;

    #[test]
    fn a_type_says_what_a_file_system_is() {
        for (types, expected) in [
            ("squashfs iso9660 erofs cramfs SQUASHFS fuse.squashfuse proc cgroup2 autofs", Fixed),
            ("overlay overlay2 fuse-overlayfs fuse.fuse-overlayfs aufs", Overlay),
            ("tmpfs devtmpfs ramfs", Memory),
            (
                "nfs nfs4 cifs smb3 efs ceph lustre 9p fuse.sshfs fuse.mount-s3 fuse.glusterfs",
                Network,
            ),
            ("ext2 ext3 ext4 xfs btrfs zfs vfat fuseblk nobody-knows-this", Local),
        ] {
            for fstype in types.split(' ') {
                let kind = FileSystem::of(Some(fstype), Some("sdb"), Some("/data"));
                assert_eq!(kind, expected, "{fstype}");
            }
        }
        // It outranks what device and place would say.
        assert_eq!(FileSystem::of(Some("ext4"), Some("loop3"), Some("/snap/x/1")), Local);
        assert_eq!(FileSystem::of(Some("xfs"), Some("sdb"), Some("/run/data")), Local);
    }

    #[test]
    fn without_a_type_the_device_says_it_and_else_the_place() {
        for (device, expected) in [
            ("loop0", Fixed),
            ("/dev/loop12", Fixed),
            ("loopback", Local),
            ("tmpfs", Memory),
            ("shm", Memory),
            ("overlay", Overlay),
            ("10.0.0.5:/export", Network),
            ("fs-0123abcd.efs.eu-central-1.amazonaws.com:/", Network),
            ("//server/share", Network),
            ("nvme0n1p1", Local),
            ("mapper/vg-data", Local),
        ] {
            assert_eq!(FileSystem::of(None, Some(device), None), expected, "{device}");
        }
        for (path, expected) in [
            ("/snap/core22/1122", Fixed),
            ("/var/lib/snapd/snap/core22/1122", Fixed),
            ("/sys/fs/cgroup", Fixed),
            ("/dev/shm", Memory),
            ("/run", Memory),
            ("/run/user/1000", Memory),
            ("/var/lib/docker/containers/f03f/mounts/shm", Memory),
            ("/var/lib/docker/overlay2/f03f009abc/merged", Overlay),
            ("/var/lib/containers/storage/overlay/f03f/merged", Overlay),
            ("/run/containerd/io.containerd.runtime.v2.task/k8s.io/f03f/rootfs", Overlay),
            ("/run/media/anna/stick", Local),
            ("/", Local),
            ("/snap", Local),
            ("/snapshots/a", Local),
            ("/data", Local),
            ("/boot/efi", Local),
        ] {
            assert_eq!(FileSystem::of(None, None, Some(path)), expected, "{path}");
        }
    }
}
