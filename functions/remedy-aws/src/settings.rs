//! The process environment, read once at the start. The only module that knows
//! the names of the variables.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::tracing::level_filters::LevelFilter;
use remedy::doctor::fleet::{Account, Fleet, Own};
use remedy::model::alarm::Symptom;
use remedy::model::calendar;
use remedy::model::cleanup_opt_in::CleanupOptIn;
use remedy::model::growth::Prices;
use remedy::model::ids::{BucketName, UnitName};
use remedy::model::links::Deployment;
use remedy::model::policy::{Mode, Policy};
use remedy::ports::ledger::Ledger;
use remedy::ports::look_at_all::LookAtAll;

/// What the deployment says, from the environment.
///
/// | variable | needed | meaning |
/// |---|---|---|
/// | `REMEDY_TABLE` | yes | the ledger's `DynamoDB` table |
/// | `REMEDY_TOPIC_ARN` | yes | the SNS topic people subscribe to |
/// | `REMEDY_CHAT_TOPIC_ARN` | no | the SNS topic that chat channels subscribe to |
/// | `REMEDY_NAMESPACE` | no | the namespace of our own metrics (`Remedy`) |
/// | `REMEDY_DOCUMENT` | yes | the SSM Command document of the symptom, if it has scripts |
/// | `REMEDY_DOCUMENTS` | yes | follow-up instead: `symptom=document` for each, by commas |
/// | `REMEDY_DISK_DOCUMENT` | no | the SSM document about disks; without it no volume grows |
/// | `REMEDY_GROW_GIB_PER_DAY` | no | volumes of a region may grow so much (1000; 0 to 100000) |
/// | `REMEDY_PRICES` | no | `type=dollars` of a GiB and month for each type, by commas |
/// | `REMEDY_PRICES_AS_OF` | with prices | when they were written down, such as 2026-11-28 |
/// | `REMEDY_MODE` | no | `act`, or `observe` (the default): think and tell only |
/// | `REMEDY_UNITS` | no | systemd units a cleanup may restart, separated by commas |
/// | `REMEDY_CLEANUP_OPT_INS` | no | what a cleanup may do besides, as in the tag (none) |
/// | `REMEDY_CALENDARS` | no | change calendars for all, by names or ARNs, by commas (none) |
/// | `REMEDY_EVIDENCE_BUCKET` | no | the S3 bucket for what hosts know before they are touched |
/// | `REMEDY_EVIDENCE_SECONDS` | no | a host has so long to say what it knows (60; 20 to 120) |
/// | `REMEDY_STALE_MINUTES` | no | an older alarm is not acted on (15; 1 to 360) |
/// | `REMEDY_YOUNG_MINUTES` | no | an instance is left to boot for so long (10; 0 to 120) |
/// | `REMEDY_AGENT_SILENT_MINUTES` | no | a longer silence means no answer (15; 5 to 120) |
/// | `REMEDY_CLAIM_MINUTES` | no | the longest an incident may take (180; 180 to 1440) |
/// | `REMEDY_COOLDOWN_MINUTES` | no | an instance rests after an incident (15; 0 to 1440) |
/// | `REMEDY_BUDGET_PERCENT` | no | the share of a group that may be out (10; 1 to 50) |
/// | `REMEDY_STANDALONE_BUDGET` | no | so many of a standalone pool may be out (1; 1 to 100) |
/// | `REMEDY_DISK_TARGET_PERCENT` | no | a disk cleanup stops at this use (80; 10 to 95) |
/// | `REMEDY_FLOOR_PERCENT` | no | below this level nothing is disrupted (90; 50 to 100) |
///
/// The SDK's own variables (`AWS_REGION`, credentials, `AWS_ENDPOINT_URL` and
/// its variants for one service) mean what they always mean, and so do
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` (the root certificates to believe) and
/// Lambda's `AWS_LAMBDA_LOG_GROUP_NAME`, `AWS_LAMBDA_FUNCTION_NAME` and `AWS_LAMBDA_LOG_LEVEL`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The ledger's table.
    pub table: String,
    /// The notification topic.
    pub topic_arn: String,
    /// The topic for chat, if there is one.
    pub chat_topic_arn: Option<String>,
    /// The namespace of our own metrics.
    pub namespace: String,
    /// Where the deployment runs: where its notification topic is.
    pub deployment: Deployment,
    /// The function's own name, where Lambda says it.
    pub function: Option<String>,
    /// The document of each symptom the function may send.
    pub documents: BTreeMap<Symptom, String>,
    /// The document about disks, for those who may send it.
    pub disk_document: Option<String>,
    /// Whether root certificates are named, to be believed instead of Amazon's.
    pub names_roots: bool,
    /// What the operator tuned.
    pub policy: Policy,
}

/// A variable that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Missing or empty.
    #[error("environment variable {name} is not set: it names {meaning}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it is for.
        meaning: &'static str,
    },
    /// Not what it should be.
    #[error("environment variable {name} is {found:?}: expected {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
}

/// The least grave line that is logged. Lambda sets the variable where its own
/// logging configuration names a level. Nothing below `INFO` is in the program.
pub(crate) fn log_level() -> LevelFilter {
    match std::env::var("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        // Lambda's `FATAL` is graver than any of ours.
        Ok("FATAL" | "ERROR") => LevelFilter::ERROR,
        Ok("WARN") => LevelFilter::WARN,
        _ => LevelFilter::INFO,
    }
}

impl Settings {
    /// Reads the process environment, for the function that answers for
    /// `symptom`, or for the follow-up, which answers for all.
    pub fn from_env(symptom: Option<Symptom>) -> Result<Self, SettingsError> {
        Self::read(symptom, |name| std::env::var(name).ok())
    }

    /// Reads all there is of the deployment's region, for whoever asks whether it is set up as
    /// it must be.
    pub async fn fleet(
        &self,
        look: &(impl LookAtAll + Ledger),
        account: Account,
        at: Timestamp,
        tell: &impl Fn(&str),
    ) -> Fleet {
        let own = Own {
            namespace: self.namespace.clone(),
            topic_arn: self.topic_arn.clone(),
            function: self.function.clone(),
        };
        Fleet::read(look, own, account, at, tell).await
    }

    /// Reads from `lookup`, which gives a variable's value by its name.
    pub fn read(
        symptom: Option<Symptom>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let needed = |name, meaning| lookup(name).ok_or(SettingsError::Missing { name, meaning });
        let topic_arn = needed("REMEDY_TOPIC_ARN", "the SNS topic for notifications")?;
        let chat_topic_arn = lookup("REMEDY_CHAT_TOPIC_ARN");
        if let Some(arn) = &chat_topic_arn {
            deployment("REMEDY_CHAT_TOPIC_ARN", arn)?;
        }
        Ok(Self {
            table: needed("REMEDY_TABLE", "the ledger's DynamoDB table")?,
            deployment: deployment("REMEDY_TOPIC_ARN", &topic_arn)?
                .logging_to(lookup("AWS_LAMBDA_LOG_GROUP_NAME")),
            topic_arn,
            chat_topic_arn,
            namespace: namespace(lookup("REMEDY_NAMESPACE"))?,
            function: lookup("AWS_LAMBDA_FUNCTION_NAME"),
            documents: match symptom {
                Some(symptom) if !symptom.has_scripts() => BTreeMap::new(),
                Some(symptom) => {
                    let own = needed("REMEDY_DOCUMENT", "the function's own SSM document")?;
                    BTreeMap::from([(symptom, own)])
                }
                None => {
                    documents(&needed("REMEDY_DOCUMENTS", "the SSM document of each symptom")?)?
                }
            },
            disk_document: lookup("REMEDY_DISK_DOCUMENT"),
            names_roots: ["SSL_CERT_FILE", "SSL_CERT_DIR"]
                .iter()
                .any(|name| lookup(name).is_some()),
            policy: policy(&lookup)?,
        })
    }
}

/// Everything an operator may tune, where it is not as it comes.
fn policy(lookup: &impl Fn(&str) -> Option<String>) -> Result<Policy, SettingsError> {
    let default = Policy::default();
    Ok(Policy {
        mode: mode(lookup("REMEDY_MODE").as_deref())?,
        units: units(lookup("REMEDY_UNITS"))?,
        opt_ins: opt_ins(lookup("REMEDY_CLEANUP_OPT_INS"))?,
        grow_gib_a_day: grow_gib_a_day(lookup, default.grow_gib_a_day)?,
        prices: prices(lookup("REMEDY_PRICES"), lookup("REMEDY_PRICES_AS_OF"))?,
        calendars: calendars(lookup("REMEDY_CALENDARS")),
        evidence_bucket: bucket(lookup("REMEDY_EVIDENCE_BUCKET"))?,
        gathering_takes: gathering_takes(lookup, default.gathering_takes)?,
        stale_after: minutes(
            "REMEDY_STALE_MINUTES",
            lookup("REMEDY_STALE_MINUTES"),
            1..=360,
            default.stale_after,
        )?,
        agent_silent_after: minutes(
            "REMEDY_AGENT_SILENT_MINUTES",
            lookup("REMEDY_AGENT_SILENT_MINUTES"),
            5..=120,
            default.agent_silent_after,
        )?,
        young_for: minutes(
            "REMEDY_YOUNG_MINUTES",
            lookup("REMEDY_YOUNG_MINUTES"),
            0..=120,
            default.young_for,
        )?,
        claim_lasts: minutes(
            "REMEDY_CLAIM_MINUTES",
            lookup("REMEDY_CLAIM_MINUTES"),
            180..=1440,
            default.claim_lasts,
        )?,
        cooldown: minutes(
            "REMEDY_COOLDOWN_MINUTES",
            lookup("REMEDY_COOLDOWN_MINUTES"),
            0..=1440,
            default.cooldown,
        )?,
        budget_percent: within(
            "REMEDY_BUDGET_PERCENT",
            lookup("REMEDY_BUDGET_PERCENT"),
            1..=50,
            default.budget_percent,
        )?,
        standalone_budget: within(
            "REMEDY_STANDALONE_BUDGET",
            lookup("REMEDY_STANDALONE_BUDGET"),
            1..=100,
            default.standalone_budget,
        )?,
        disk_target_percent: within(
            "REMEDY_DISK_TARGET_PERCENT",
            lookup("REMEDY_DISK_TARGET_PERCENT"),
            10..=95,
            default.disk_target_percent,
        )?,
        floor_percent: within(
            "REMEDY_FLOOR_PERCENT",
            lookup("REMEDY_FLOOR_PERCENT"),
            50..=100,
            default.floor_percent,
        )?,
        ..default
    })
}

fn grow_gib_a_day(
    lookup: &impl Fn(&str) -> Option<String>,
    default: u32,
) -> Result<u32, SettingsError> {
    let name = "REMEDY_GROW_GIB_PER_DAY";
    within(name, lookup(name), 0..=100_000, default)
}

fn gathering_takes(
    lookup: &impl Fn(&str) -> Option<String>,
    default: SignedDuration,
) -> Result<SignedDuration, SettingsError> {
    let name = "REMEDY_EVIDENCE_SECONDS";
    within(name, lookup(name), 20..=120, default.as_secs()).map(SignedDuration::from_secs)
}

/// `CloudWatch` takes 255 of these characters (its API reference, `MetricDatum`)
/// and keeps names that begin with `AWS/` for AWS.
fn namespace(value: Option<String>) -> Result<String, SettingsError> {
    let found = value.unwrap_or_else(|| "Remedy".to_owned());
    let valid = found.len() <= 255
        && !found.starts_with("AWS/")
        && found.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_#".contains(&b));
    if valid {
        return Ok(found);
    }
    let expected = "up to 255 letters, digits and . / - _ #".to_owned();
    Err(SettingsError::Invalid { name: "REMEDY_NAMESPACE", found, expected })
}

fn deployment(name: &'static str, topic_arn: &str) -> Result<Deployment, SettingsError> {
    Deployment::of_topic(topic_arn).ok_or_else(|| SettingsError::Invalid {
        name,
        found: topic_arn.to_owned(),
        expected: "the ARN of an SNS topic".to_owned(),
    })
}

/// Reads `high-cpu=name,memory-pressure=name,disk-full=name`.
fn documents(value: &str) -> Result<BTreeMap<Symptom, String>, SettingsError> {
    let named: BTreeMap<&str, &str> =
        value.split(',').filter_map(|pair| pair.trim().split_once('=')).collect();
    let scripted = Symptom::ALL.into_iter().filter(|symptom| symptom.has_scripts());
    let all = scripted.map(|symptom| {
        let name = named.get(symptom.name()).filter(|name| !name.is_empty());
        name.map(|name| (symptom, (*name).to_owned())).ok_or_else(|| SettingsError::Invalid {
            name: "REMEDY_DOCUMENTS",
            found: value.to_owned(),
            expected: format!("{symptom}=document among its pairs"),
        })
    });
    all.collect()
}

fn mode(value: Option<&str>) -> Result<Mode, SettingsError> {
    match value {
        None => Ok(Mode::default()),
        Some("act") => Ok(Mode::Act),
        Some("observe") => Ok(Mode::Observe),
        Some(found) => Err(SettingsError::Invalid {
            name: "REMEDY_MODE",
            found: found.to_owned(),
            expected: "act or observe".to_owned(),
        }),
    }
}

fn units(value: Option<String>) -> Result<Vec<UnitName>, SettingsError> {
    let value = value.unwrap_or_default();
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            UnitName::new(name).map_err(|error| SettingsError::Invalid {
                name: "REMEDY_UNITS",
                found: name.to_owned(),
                expected: format!("{} (several are separated by commas)", error.expected),
            })
        })
        .collect()
}

fn calendars(value: Option<String>) -> BTreeSet<String> {
    calendar::names(&value.unwrap_or_default()).map(str::to_owned).collect()
}

fn opt_ins(value: Option<String>) -> Result<BTreeSet<CleanupOptIn>, SettingsError> {
    CleanupOptIn::list(&value.unwrap_or_default()).map_err(|found| SettingsError::Invalid {
        name: "REMEDY_CLEANUP_OPT_INS",
        found,
        expected: format!("some of {}", CleanupOptIn::ALL.map(CleanupOptIn::name).join(", ")),
    })
}

/// Reads `gp3=0.08,gp2=0.10`, in dollars with up to four decimals.
fn prices(value: Option<String>, as_of: Option<String>) -> Result<Prices, SettingsError> {
    let Some(value) = value else { return Ok(Prices::default()) };
    let price = |pair: &str| {
        let (kind, dollars) = pair.trim().split_once('=')?;
        let (whole, part) = dollars.split_once('.').unwrap_or((dollars, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if part.len() > 4 || whole.len() > 3 || !digits(part) || !digits(whole) {
            return None;
        }
        Some((kind.to_owned(), format!("{whole}{part:0<4}").parse().ok()?))
    };
    let by_type: Option<BTreeMap<String, u32>> = value.split(',').map(price).collect();
    match (by_type, as_of) {
        (Some(by_type), Some(as_of)) => Ok(Prices { by_type, as_of: as_of.trim().to_owned() }),
        (Some(_), None) => Err(SettingsError::Missing {
            name: "REMEDY_PRICES_AS_OF",
            meaning: "the day on which the prices were written down",
        }),
        (None, _) => Err(SettingsError::Invalid {
            name: "REMEDY_PRICES",
            found: value,
            expected: "type=dollars for each type, such as gp3=0.08".to_owned(),
        }),
    }
}

fn bucket(value: Option<String>) -> Result<Option<BucketName>, SettingsError> {
    let checked = |found: String| {
        BucketName::new(found.trim()).map_err(|error| SettingsError::Invalid {
            name: "REMEDY_EVIDENCE_BUCKET",
            found,
            expected: error.expected.to_owned(),
        })
    };
    value.map(checked).transpose()
}

fn minutes(
    name: &'static str,
    value: Option<String>,
    range: std::ops::RangeInclusive<i64>,
    default: SignedDuration,
) -> Result<SignedDuration, SettingsError> {
    let minutes = within(name, value, range, default.as_mins())?;
    Ok(SignedDuration::from_mins(minutes))
}

fn within<N: FromStr + PartialOrd + std::fmt::Display>(
    name: &'static str,
    value: Option<String>,
    range: std::ops::RangeInclusive<N>,
    default: N,
) -> Result<N, SettingsError> {
    let Some(found) = value else {
        return Ok(default);
    };
    match found.trim().parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(SettingsError::Invalid {
            name,
            found,
            expected: format!("a whole number from {} to {}", range.start(), range.end()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let mut all = vec![
            ("REMEDY_TABLE", "ledger"),
            ("REMEDY_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:remedy"),
            ("REMEDY_DOCUMENT", "remedy-disk-full"),
        ];
        all.extend_from_slice(more);
        Settings::read(Some(Symptom::DiskFull), |name| {
            all.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_touched_unless_the_mode_says_so() {
        assert_eq!(read(&[]).unwrap().policy, Policy::default());
        assert_eq!(read(&[]).unwrap().policy.mode, Mode::Observe);
        assert_eq!(read(&[("REMEDY_MODE", "act")]).unwrap().policy.mode, Mode::Act);
    }

    #[test]
    fn an_error_names_its_variable() {
        for (name, value) in [
            ("REMEDY_TABLE", ""),
            ("REMEDY_TOPIC_ARN", " "),
            ("REMEDY_TOPIC_ARN", "arn:aws:sqs:eu-central-1:111122223333:remedy"),
            ("REMEDY_CHAT_TOPIC_ARN", "remedy-chat"),
            ("REMEDY_NAMESPACE", "AWS/EC2"),
            ("REMEDY_NAMESPACE", "a b"),
            ("REMEDY_DOCUMENT", ""),
            ("REMEDY_MODE", "ACT"),
            ("REMEDY_MODE", "yes"),
            ("REMEDY_UNITS", "app.service, rm -rf"),
            ("REMEDY_EVIDENCE_BUCKET", "arn:aws:s3:::evidence"),
            ("REMEDY_EVIDENCE_SECONDS", "121"),
            ("REMEDY_STALE_MINUTES", "0"),
            ("REMEDY_STALE_MINUTES", "soon"),
            ("REMEDY_AGENT_SILENT_MINUTES", "121"),
            ("REMEDY_YOUNG_MINUTES", "121"),
            ("REMEDY_CLAIM_MINUTES", "-5"),
            ("REMEDY_DISK_TARGET_PERCENT", "100"),
            ("REMEDY_CLEANUP_OPT_INS", "docker,everything"),
            ("REMEDY_COOLDOWN_MINUTES", "-1"),
            ("REMEDY_BUDGET_PERCENT", "0"),
            ("REMEDY_STANDALONE_BUDGET", "0"),
            ("REMEDY_GROW_GIB_PER_DAY", "-1"),
            ("REMEDY_PRICES", "gp3"),
            ("REMEDY_PRICES", "gp3=0.08001"),
            ("REMEDY_PRICES", "gp3=-0.08"),
            ("REMEDY_PRICES", "gp3=0.08"), // as of when?
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{name}={value}: {error}");
        }
    }

    #[test]
    fn the_follow_up_needs_the_document_of_every_symptom() {
        let read = |value: &str| {
            Settings::read(None, |name| match name {
                "REMEDY_DOCUMENTS" => Some(value.to_owned()),
                "REMEDY_TABLE" => Some("ledger".to_owned()),
                "REMEDY_TOPIC_ARN" => {
                    Some("arn:aws:sns:eu-central-1:111122223333:remedy".to_owned())
                }
                _ => None,
            })
        };
        let all = "high-cpu=a, memory-pressure=b,disk-full=c,service-down=d";
        assert_eq!(read(all).unwrap().documents.len(), 4);
        let empty = "high-cpu=a,memory-pressure=b,disk-full=,service-down=d";
        for missing in ["", "high-cpu=a", empty, "high-cpu=a,memory-pressure=b,disk-full=c"] {
            let error = read(missing).unwrap_err().to_string();
            assert!(error.contains("REMEDY_DOCUMENTS"), "{error}");
        }
    }

    #[test]
    fn numbers_and_units_are_read() {
        let policy = read(&[
            ("REMEDY_UNITS", "app.service, web@1.service,"),
            ("REMEDY_CALENDARS", "freeze,arn:aws:ssm:eu-central-1:111122223333:document/night"),
            ("REMEDY_EVIDENCE_BUCKET", "remedy-evidence-1x2y"),
            ("REMEDY_EVIDENCE_SECONDS", "20"),
            ("REMEDY_STALE_MINUTES", "30"),
            ("REMEDY_YOUNG_MINUTES", "25"),
            ("REMEDY_DISK_TARGET_PERCENT", "70"),
            ("REMEDY_FLOOR_PERCENT", "95"),
            ("REMEDY_GROW_GIB_PER_DAY", "500"),
            ("REMEDY_PRICES", "gp3=0.08, io2=0.125"),
            ("REMEDY_PRICES_AS_OF", "2026-11-28"),
            ("REMEDY_CLEANUP_OPT_INS", "docker,truncate-logs"),
        ])
        .unwrap()
        .policy;
        assert_eq!(policy.units.len(), 2);
        assert_eq!(policy.calendars.len(), 2);
        assert_eq!(policy.gathering_takes, SignedDuration::from_secs(20));
        assert_eq!(policy.evidence_bucket.as_ref().unwrap().as_str(), "remedy-evidence-1x2y");
        assert_eq!(policy.stale_after, SignedDuration::from_mins(30));
        assert_eq!(policy.young_for, SignedDuration::from_mins(25));
        assert_eq!(policy.disk_target_percent, 70);
        assert_eq!(policy.floor_percent, 95);
        assert_eq!(policy.grow_gib_a_day, 500);
        let by_type = [("gp3".to_owned(), 800), ("io2".to_owned(), 1250)].into();
        assert_eq!(policy.prices, Prices { by_type, as_of: "2026-11-28".to_owned() });
        assert_eq!(
            policy.opt_ins,
            BTreeSet::from([CleanupOptIn::Docker, CleanupOptIn::TruncateLogs])
        );
    }
}
