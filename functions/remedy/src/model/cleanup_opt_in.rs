//! What an owner allows a cleanup besides what is safe anywhere: words of a tag on the
//! instance, and of a setting for all instances.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::alarm::Symptom;

/// The tag of an instance that holds its owner's words, such as `truncate-logs docker`.
pub const CLEANUP_TAG: &str = "auto-remediation-cleanup";

/// Something that costs what only an owner can judge. docs/host-scripts.md says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CleanupOptIn {
    /// Old logs in applications' own directories may go.
    AppLogs,
    /// Caches in homes may go.
    Caches,
    /// Dangling images and the build cache of docker may go.
    Docker,
    /// Those, and old images that no container uses.
    DockerImages,
    /// Heap and core dumps anywhere may go, but for the newest two.
    Dumps,
    /// Old kernels may be removed.
    Kernels,
    /// systemd may be asked to take memory back from a unit.
    MemoryReclaim,
    /// Rotated logs may go that logrotate still keeps.
    RotatedLogs,
    /// PHP's sessions of yesterday may go.
    Sessions,
    /// What was not used in `/tmp` for a day may go.
    Tmp,
    /// Logs that a program is writing may be emptied.
    TruncateLogs,
}

impl CleanupOptIn {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 11] = [
        Self::AppLogs,
        Self::Caches,
        Self::Docker,
        Self::DockerImages,
        Self::Dumps,
        Self::Kernels,
        Self::MemoryReclaim,
        Self::RotatedLogs,
        Self::Sessions,
        Self::Tmp,
        Self::TruncateLogs,
    ];

    /// The word for it, in tags, settings and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppLogs => "app-logs",
            Self::Caches => "caches",
            Self::Docker => "docker",
            Self::DockerImages => "docker-images",
            Self::Dumps => "dumps",
            Self::Kernels => "kernels",
            Self::MemoryReclaim => "memory-reclaim",
            Self::RotatedLogs => "rotated-logs",
            Self::Sessions => "sessions",
            Self::Tmp => "tmp",
            Self::TruncateLogs => "truncate-logs",
        }
    }

    /// The symptom whose document knows the word.
    pub fn symptom(self) -> Symptom {
        match self {
            Self::MemoryReclaim => Symptom::MemoryPressure,
            Self::AppLogs
            | Self::Caches
            | Self::Docker
            | Self::DockerImages
            | Self::Dumps
            | Self::Kernels
            | Self::RotatedLogs
            | Self::Sessions
            | Self::Tmp
            | Self::TruncateLogs => Symptom::DiskFull,
        }
    }

    /// The words of a list. Commas, blanks and whatever else a tag can hold separate them.
    ///
    /// # Errors
    ///
    /// The first word that is none.
    pub fn list(text: &str) -> Result<BTreeSet<Self>, String> {
        words(text).map(|word| Self::from_word(word).ok_or_else(|| word.to_owned())).collect()
    }

    /// What the tags of an instance allow. A word that is none allows nothing.
    pub fn of_tags(tags: &BTreeMap<String, String>) -> BTreeSet<Self> {
        tags.get(CLEANUP_TAG)
            .map_or_else(BTreeSet::new, |text| words(text).filter_map(Self::from_word).collect())
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|opt_in| opt_in.name() == word)
    }
}

impl fmt::Display for CleanupOptIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(text: &str) -> BTreeSet<CleanupOptIn> {
        CleanupOptIn::of_tags(&BTreeMap::from([(CLEANUP_TAG.to_owned(), text.to_owned())]))
    }

    #[test]
    fn a_tag_is_read_word_by_word() {
        let both = BTreeSet::from([CleanupOptIn::Docker, CleanupOptIn::TruncateLogs]);
        for text in
            ["truncate-logs,docker", "docker truncate-logs", " docker: truncate-logs/docker "]
        {
            assert_eq!(tagged(text), both, "{text}");
        }
        assert_eq!(tagged("docker,everything"), BTreeSet::from([CleanupOptIn::Docker]));
        for text in ["", "yes", "Docker", "all", "truncate logs"] {
            assert_eq!(tagged(text), BTreeSet::new(), "{text}");
        }
        assert_eq!(CleanupOptIn::of_tags(&BTreeMap::new()), BTreeSet::new());
    }

    #[test]
    fn a_setting_with_a_word_that_is_none_is_refused() {
        assert_eq!(
            CleanupOptIn::list("docker, dumps"),
            Ok(BTreeSet::from([CleanupOptIn::Docker, CleanupOptIn::Dumps]))
        );
        assert_eq!(CleanupOptIn::list("docker, everything"), Err("everything".to_owned()));
    }

    #[test]
    fn every_word_is_its_name_in_a_record() {
        for opt_in in CleanupOptIn::ALL {
            assert_eq!(serde_json::to_value(opt_in).ok(), Some(opt_in.name().into()));
        }
    }
}
