//! Evidence: what a host knew before it was relieved or disrupted, and where
//! that is kept once the host no longer has it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::ids::{BucketName, CommandId, IncidentId, InstanceId};

/// Everything is kept below this, and the functions may write nowhere else in
/// the bucket: the template's policy names it too.
pub const PREFIX: &str = "evidence/";

/// What a host sends has exactly this size, in bytes: the URL it is given is
/// signed for no other. The scripts fill up to it with blank lines
/// (`EVIDENCE_BYTES_MAX` in `evidence.sh`).
pub const HOST_BYTES: usize = 1024 * 1024;

/// Where in the bucket a piece of evidence goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The bucket.
    pub bucket: BucketName,
    /// The object's key, made of what needs no escaping in a URL.
    pub key: String,
}

impl Destination {
    /// Where the piece by that name goes, of what `instance` knew in
    /// `incident`. Asked for again it goes to the same place.
    pub fn of(
        bucket: &BucketName,
        instance: &InstanceId,
        incident: &IncidentId,
        name: &str,
    ) -> Self {
        let key = format!("{PREFIX}{instance}/{incident}/{name}.txt");
        Self { bucket: bucket.clone(), key }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// One piece of evidence, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// When it was asked for.
    pub at: Timestamp,
    /// Where it is.
    #[serde(flatten)]
    pub kept: Location,
}

/// Where evidence is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kept", rename_all = "kebab-case")]
pub enum Location {
    /// The host sent it to the bucket.
    InBucket {
        /// The object, as `s3://bucket/key`.
        uri: String,
    },
    /// The host printed it, cut short: Systems Manager keeps the output for 30
    /// days.
    InOutput {
        /// The command.
        command_id: CommandId,
    },
    /// The host cannot answer: what its console showed is in the bucket.
    Console {
        /// The object, as `s3://bucket/key`.
        uri: String,
    },
    /// What its console showed last stands in the report, and so in the log.
    InLog,
    /// Nowhere.
    Missing {
        /// Why not.
        why: String,
    },
}
