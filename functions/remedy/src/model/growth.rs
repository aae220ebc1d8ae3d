//! Growing a volume: what its owner allows, what is intended, and what was done before.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::ids::{IncidentId, MountPoint, SnapshotId, VolumeId};

/// The volume tag by which its owner allows it to be grown, and up to how many GiB.
pub const GROW_TO_TAG: &str = "auto-remediation-grow-to";

/// The volume tag by which its owner wants a snapshot of it before it is grown: `yes`, or `no`.
pub const SNAPSHOT_FIRST_TAG: &str = "auto-remediation-snapshot-first";

/// One growth, as it is written down before the call and told afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// The volume.
    pub volume: VolumeId,
    /// What the host calls its disk: the serial of an `NVMe` disk, or the name of a Xen one.
    pub disk: String,
    /// The file system that is full.
    pub mount: MountPoint,
    /// The volume's size before.
    pub from_gib: u32,
    /// The size it is to have. The same as before where the volume is large enough already
    /// and only its file system is not.
    pub to_gib: u32,
    /// The size that its owner allows.
    pub cap_gib: u32,
    /// How much of the file system was in use before, in percent.
    pub used_before: u8,
    /// How much of it will be in use, or is since it was extended, in percent.
    pub used_after: u8,
    /// What the growth costs, where its price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The snapshot that its owner wants before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotFirst>,
}

/// A snapshot that is taken of a volume before it is grown. Nobody of ours deletes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFirst {
    /// Which it is, once EC2 shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SnapshotId>,
    /// What it costs at most, where its price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl SnapshotFirst {
    fn told(&self) -> String {
        let which = match &self.id {
            None => "a snapshot first".to_owned(),
            Some(id) => format!("snapshot {id} holds it as it was"),
        };
        match &self.cost {
            None => format!("; {which}, which costs until you delete it"),
            Some(cost) => {
                let (dollars, as_of) = (cost.dollars(), &cost.as_of);
                format!(
                    "; {which}, at most {dollars} a month until you delete it (prices of {as_of})"
                )
            }
        }
    }
}

impl Growth {
    /// Whether the volume itself grows.
    pub fn grows_volume(&self) -> bool {
        self.to_gib > self.from_gib
    }

    /// By how much the volume grows.
    pub fn added_gib(&self) -> u32 {
        self.to_gib.saturating_sub(self.from_gib)
    }

    /// How the snapshot before it is known again, of all that the volume has: `CreateSnapshot`
    /// takes no token of the caller's (EC2 API reference), so its description is one.
    pub fn description(&self, incident: &IncidentId) -> String {
        let Self { volume, to_gib, .. } = self;
        format!("Remedy {incident}: {volume} before it grows to {to_gib} GiB")
    }

    /// What is done, in words: `vol-... of /data from 100 to 140 GiB (78 % -> 56 % used),
    /// about $3.20 a month more, cap 200 GiB`.
    pub fn told(&self) -> String {
        let Self { volume, mount, from_gib, to_gib, cap_gib, used_before, used_after, .. } = self;
        let used = format!("({used_before} % -> {used_after} % used)");
        let first = self.snapshot.as_ref().map(SnapshotFirst::told).unwrap_or_default();
        if !self.grows_volume() {
            return format!(
                "the file system {mount} to the {to_gib} GiB of {volume} {used}{first}"
            );
        }
        let cost = self.cost.as_ref().map(|cost| format!(", {}", cost.told())).unwrap_or_default();
        format!(
            "{volume} of {mount} from {from_gib} to {to_gib} GiB {used}{cost}, cap {cap_gib} \
             GiB{first}"
        )
    }
}

/// What a growth costs, by a price that somebody has written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Cents more a month, in US dollars.
    pub cents_a_month: u64,
    /// When the price was written down.
    pub as_of: String,
}

impl Cost {
    fn dollars(&self) -> String {
        format!("${}.{:02}", self.cents_a_month / 100, self.cents_a_month % 100)
    }

    fn told(&self) -> String {
        format!("about {} a month more (prices of {})", self.dollars(), self.as_of)
    }
}

/// What a GiB of each type of volume costs a month, and one of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// By the volume's type, in hundredths of a cent.
    pub by_type: BTreeMap<String, u32>,
    /// When they were written down, such as `2026-11-28`.
    pub as_of: String,
}

impl Prices {
    /// What so many GiB more of the type `kind` cost.
    pub fn of(&self, kind: &str, gib: u32) -> Option<Cost> {
        let price = self.by_type.get(kind)?;
        let cents_a_month = (u64::from(*price) * u64::from(gib)).div_ceil(100);
        Some(Cost { cents_a_month, as_of: self.as_of.clone() })
    }

    /// What the snapshot of a volume of so many GiB costs at most: it holds the blocks that were
    /// ever written (EBS user guide, "Amazon EBS snapshots").
    pub fn of_snapshot(&self, gib: u32) -> Option<Cost> {
        self.of("snapshot", gib)
    }
}

/// A growth that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// When its intent was written.
    pub at: Timestamp,
    /// The size the volume was to have, in GiB.
    pub to_gib: u32,
}

/// What the ledger holds about the growth of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrowthBook {
    /// Every growth of the volume that was begun, in its life.
    pub of_volume: Vec<Grown>,
    /// By how many GiB all volumes of the region were grown today, by UTC.
    pub region_today_gib: u32,
}

impl GrowthBook {
    /// How often the volume was grown in the time before `now`.
    pub fn within(&self, time: SignedDuration, now: Timestamp) -> usize {
        self.of_volume.iter().filter(|grown| now.duration_since(grown.at) < time).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth() -> Growth {
        Growth {
            volume: VolumeId::new("vol-0a1b2c3d4e5f60718").unwrap(),
            disk: "vol0a1b2c3d4e5f60718".to_owned(),
            mount: MountPoint::new("/data").unwrap(),
            from_gib: 100,
            to_gib: 140,
            cap_gib: 200,
            used_before: 78,
            used_after: 56,
            cost: None,
            snapshot: None,
        }
    }

    #[test]
    fn a_snapshot_is_told_with_what_it_costs_and_who_deletes_it() {
        let by_type = BTreeMap::from([("snapshot".to_owned(), 500)]);
        let prices = Prices { by_type, as_of: "2026-11-28".to_owned() };
        let told = |snapshot| Growth { snapshot: Some(snapshot), ..growth() }.told();
        let cost = prices.of_snapshot(100);
        let first = told(SnapshotFirst { id: None, cost: cost.clone() });
        let until = "at most $5.00 a month until you delete it (prices of 2026-11-28)";
        assert!(first.ends_with(&format!(", cap 200 GiB; a snapshot first, {until}")), "{first}");
        let id = SnapshotId::new("snap-0a1b2c3d4e5f60718").ok();
        let taken = told(SnapshotFirst { id, cost });
        let is = "snapshot snap-0a1b2c3d4e5f60718 holds it as it was";
        assert!(taken.ends_with(&format!("; {is}, {until}")), "{taken}");
        let unpriced = told(SnapshotFirst::default());
        assert!(unpriced.ends_with("; a snapshot first, which costs until you delete it"));
    }

    #[test]
    fn a_growth_is_told_with_its_cost_and_its_cap() {
        let by_type = BTreeMap::from([("gp3".to_owned(), 800)]);
        let prices = Prices { by_type, as_of: "2026-11-28".to_owned() };
        let told = Growth { cost: prices.of("gp3", 40), ..growth() }.told();
        let expected = "vol-0a1b2c3d4e5f60718 of /data from 100 to 140 GiB (78 % -> 56 % used), \
                        about $3.20 a month more (prices of 2026-11-28), cap 200 GiB";
        assert_eq!(told, expected);
        assert_eq!(prices.of("io2", 40), None, "a price that nobody wrote down is not told");
    }

    #[test]
    fn where_only_the_file_system_grows_no_cost_is_told() {
        let told = Growth { from_gib: 140, ..growth() }.told();
        let expected =
            "the file system /data to the 140 GiB of vol-0a1b2c3d4e5f60718 (78 % -> 56 % used)";
        assert_eq!(told, expected);
    }
}
