//! What of a host a metric is about: which file system, which processors. A label
//! says it, and whoever drops the label takes one core for the host.

use super::file_system::FileSystem;
use super::metric::{self, Cores, Dimension, Mount};
use super::{NotOurs, Statistic, Symptom};
use crate::alarm::field::quoted;
use crate::model::alarm::Hint;
use crate::model::ids::MountPoint;

/// One series of an instance that an alarm watches.
pub(super) struct Part<'t> {
    pub(super) namespace: &'t str,
    pub(super) name: &'t str,
    pub(super) statistic: &'t Statistic,
    pub(super) dimensions: &'t [Dimension<'t>],
}

/// What an alarm is about, of one host.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The file system, if the alarm names one.
    pub(super) mount: Option<MountPoint>,
    /// Why it cannot be told what is in trouble.
    pub(super) doubt: Option<String>,
    /// Why it proves no trouble of the host.
    pub(super) hint: Option<Hint>,
}

impl Found {
    /// What `parts`, all of one instance, are about; or why that is not the host.
    pub(super) fn of(symptom: Symptom, parts: &[Part<'_>]) -> Result<Self, NotOurs> {
        match symptom {
            Symptom::DiskFull => disk(parts),
            Symptom::HighCpu => processors(parts),
            Symptom::Unreachable | Symptom::ServiceDown => Ok(Self::default()),
            Symptom::MemoryPressure => {
                let swap = parts.iter().any(|part| metric::SWAP.contains(&part.name));
                Ok(Self { hint: swap.then_some(Hint::Swap), ..Self::default() })
            }
        }
    }

    fn unclear(why: &str) -> Self {
        Self { doubt: Some(why.to_owned()), ..Self::default() }
    }
}

fn disk(parts: &[Part<'_>]) -> Result<Found, NotOurs> {
    let mut kinds = parts.iter().map(|part| metric::file_system(part.dimensions));
    let kind = kinds.next().unwrap_or(FileSystem::Local);
    if kinds.any(|other| other != kind) {
        return Ok(Found::unclear("the alarm mixes file systems of different kinds"));
    }
    let what = || parts.first().map(|part| described(part.dimensions)).unwrap_or_default();
    match kind {
        FileSystem::Fixed => Err(NotOurs::CannotFillUp { what: what() }),
        FileSystem::Memory => Err(NotOurs::InMemory { what: what() }),
        FileSystem::Network => Err(NotOurs::OnNetwork { what: what() }),
        // Its path is one container's, and is gone with it. A hundred of them are one full disk,
        // whose own alarm says so.
        FileSystem::Overlay => {
            Ok(Found::unclear("a container's overlay names no disk; the one below it is full"))
        }
        FileSystem::Local => Ok(mount(parts)),
    }
}

/// The one mount that all of `parts` name.
fn mount(parts: &[Part<'_>]) -> Found {
    let mut mounts = parts.iter().map(|part| metric::mount(part.dimensions));
    let first = mounts.next().unwrap_or(Mount::Unnamed);
    let mut found = first.clone();
    for other in mounts {
        match other {
            Mount::Unspeakable(_) => found = other,
            _ if other != first && !matches!(found, Mount::Unspeakable(_)) => {
                found = Mount::Unnamed;
            }
            _ => {}
        }
    }
    match found {
        Mount::At(mount) => Found { mount: Some(mount), ..Found::default() },
        // The host itself says which of its file systems is full.
        Mount::Drive | Mount::Unnamed => Found::default(),
        Mount::Unspeakable(path) => {
            let path = quoted(&path);
            Found::unclear(&format!("the mount point {path} has a name that cannot be passed on"))
        }
    }
}

fn described(dimensions: &[Dimension<'_>]) -> String {
    let of = |names: &[&str]| metric::value_of(dimensions, names);
    let kind = of(&["fstype"]).or(of(&["device", "Filesystem"]));
    match (kind, of(&["path", "MountPath"])) {
        (Some(kind), Some(path)) => format!("{kind} at {path}"),
        (one, other) => one.or(other).unwrap_or_default().to_owned(),
    }
}

fn processors(parts: &[Part<'_>]) -> Result<Found, NotOurs> {
    let cores = || parts.iter().map(|part| metric::cores(part.namespace, part.dimensions));
    let one = cores().find_map(|cores| match cores {
        Cores::One(core) => Some(core.to_owned()),
        Cores::All | Cores::Untold => None,
    });
    match one {
        Some(core) if cores().all(|cores| matches!(cores, Cores::One(_))) => {
            Err(NotOurs::OneCore { core })
        }
        Some(_) => Ok(Found::unclear("the alarm mixes one processor's metric with the host's")),
        None => {
            // The largest of many is one of them; their mean is the host's.
            let untold = parts.iter().any(|part| {
                *part.statistic != Statistic::Average
                    && metric::cores(part.namespace, part.dimensions) == Cores::Untold
            });
            Ok(Found { hint: untold.then_some(Hint::OneCore), ..Found::default() })
        }
    }
}
