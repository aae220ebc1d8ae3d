//! Checked names for the things of the world. A value of one of these types
//! has passed its check once; nothing downstream checks again.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A text that is not the id it was given for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct InvalidId {
    /// What was found, cut to a length fit for a message.
    pub found: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl InvalidId {
    pub(crate) fn new(found: &str, expected: &'static str) -> Self {
        Self { found: found.chars().take(64).collect(), expected }
    }
}

macro_rules! checked_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it as an id.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId::new(&text, $expected))
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_id!(
    /// An EC2 instance: `i-` and 8 or 17 lower-case hexadecimal digits.
    InstanceId,
    "an instance id (i- and 8 or 17 hexadecimal digits)",
    |text| {
        text.strip_prefix("i-").is_some_and(|digits| {
            matches!(digits.len(), 8 | 17)
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    }
);

checked_id!(
    /// An EBS volume: `vol-` and 8 or 17 lower-case hexadecimal digits.
    VolumeId,
    "a volume id (vol- and 8 or 17 hexadecimal digits)",
    |text| {
        text.strip_prefix("vol-").is_some_and(|digits| {
            matches!(digits.len(), 8 | 17)
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    }
);

checked_id!(
    /// The id of a snapshot of a volume.
    SnapshotId,
    "a snapshot id (snap- and 8 or 17 hexadecimal digits)",
    |text| {
        text.strip_prefix("snap-").is_some_and(|digits| {
            matches!(digits.len(), 8 | 17)
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    }
);

checked_id!(
    /// An Auto Scaling group's name: 1 to 255 characters, no control character
    /// (Auto Scaling API reference, `CreateAutoScalingGroup`).
    GroupName,
    "an Auto Scaling group name (1 to 255 characters)",
    |text| (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control)
);

checked_id!(
    /// The name of a systemd unit that may be restarted, such as `app.service`.
    UnitName,
    "a systemd service name such as app.service",
    |text| {
        text.len() <= 120
            && text
                .strip_suffix(".service")
                .is_some_and(|stem| stem.starts_with(|c: char| c.is_ascii_alphanumeric()))
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"@_.-".contains(&b))
    }
);

checked_id!(
    /// An absolute path on a Linux host that names a mount point, in the
    /// characters the disk-full document accepts as a parameter.
    MountPoint,
    "a mount point (an absolute path of letters, digits and / . _ -)",
    |text| {
        text.starts_with('/')
            && text.len() <= 200
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
            && !text.split('/').any(|part| matches!(part, "." | ".."))
    }
);

checked_id!(
    /// One SSM command, as `ssm:SendCommand` named it (a UUID).
    CommandId,
    "an SSM command id (36 characters)",
    |text| text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
);

checked_id!(
    /// An S3 bucket: 3 to 63 lower-case letters, digits and hyphens. S3 allows
    /// dots too, but no certificate fits the host name of such a bucket.
    BucketName,
    "a bucket name (3 to 63 lower-case letters, digits and hyphens)",
    |text| {
        (3..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    }
);

checked_id!(
    /// One incident, and the thread its notifications form. Derived from what
    /// opened it, so a redelivered event names the same incident.
    IncidentId,
    "an incident id",
    |text| {
        (1..=80).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
);

checked_id!(
    /// One occasion to act: alarm, instance and the time its state changed.
    /// Every delivery of one transition, however doubled, has the same id.
    TransitionId,
    "an action id (32 hexadecimal digits)",
    |text| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
);

impl TransitionId {
    /// Digests `parts`, kept apart from one another, into an id.
    pub fn derive(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut hex = String::with_capacity(32);
        for byte in digest.finalize().iter().take(16) {
            hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        Self(hex)
    }

    /// A time below `span`, always the same for one occasion and spread evenly
    /// over all: jitter without chance.
    pub fn spread_over(&self, span: jiff::SignedDuration) -> jiff::SignedDuration {
        let digits = self.0.get(..8).unwrap_or_default();
        let share = i64::from(u32::from_str_radix(digits, 16).unwrap_or_default());
        jiff::SignedDuration::from_secs(share % span.as_secs().max(1))
    }
}

impl IncidentId {
    /// The incident that `action` opens: readable first, unique through the
    /// first 8 digits of the action's digest.
    pub fn derive(symptom: &str, opened_at: jiff::Timestamp, action: &TransitionId) -> Self {
        let stamp = opened_at.strftime("%Y%m%dt%H%M%Sz");
        let digest: String = action.as_str().chars().take(8).collect();
        Self(format!("{symptom}-{stamp}-{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_has_8_or_17_hexadecimal_digits() {
        for good in ["i-0123abcd", "i-0123456789abcdef0"] {
            assert!(InstanceId::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "i-",
            "i-0123abc",
            "i-0123ABCD",
            "i-0123456789abcdef01",
            "i-0123456g",
            "x-0123abcd",
            " i-0123abcd",
            "i-0123abcd\n",
            "ip-10-0-0-1",
        ] {
            assert!(InstanceId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mount_point_cannot_climb_or_carry_shell() {
        for good in ["/", "/var", "/mnt/data-1", "/var/lib/app_2.d"] {
            assert!(MountPoint::new(good).is_ok(), "{good}");
        }
        for bad in ["", "var", "/var/../etc", "/./var", "/a b", "/$(id)", "/a\"b", "/a'b", "/a\nb"]
        {
            assert!(MountPoint::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_unit_is_a_service_by_a_plain_name() {
        for good in ["app.service", "web@1.service"] {
            assert!(UnitName::new(good).is_ok(), "{good}");
        }
        for bad in ["app", ".service", "-H.service", "a b.service", "a.socket", "$(x).service"] {
            assert!(UnitName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bucket_is_named_so_that_it_can_be_a_host() {
        for good in ["abc", "remedy-evidence-1x2y", &"a".repeat(63)] {
            assert!(BucketName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "a.b.c", "Evidence", "-abc", "abc-", "a/b", "a_b", &"a".repeat(64)] {
            assert!(BucketName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_action_id_keeps_its_parts_apart() {
        assert_eq!(TransitionId::derive(&["a", "b"]), TransitionId::derive(&["a", "b"]));
        assert_ne!(TransitionId::derive(&["ab", ""]), TransitionId::derive(&["a", "b"]));
        assert!(TransitionId::new(TransitionId::derive(&["x"]).as_str()).is_ok());
    }

    #[test]
    fn a_refused_id_is_quoted_short() {
        let error = InstanceId::new("x".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
