//! What AWS grants: a bucket of tokens for each API, and what the ledger's table and its
//! partitions take in a second. Whoever asks for more is turned away.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use remedy::model::incident::Incident;

use crate::calls::Verb;

/// What a bucket holds, and how fast it refills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// Tokens that it holds at most.
    pub bucket: f64,
    /// Tokens that come back in a second.
    pub a_second: f64,
}

const fn grant(bucket: f64, a_second: f64) -> Grant {
    Grant { bucket, a_second }
}

/// The name of what all calls of Auto Scaling draw from: "one shared bucket" (AWS re:Post,
/// "How do I troubleshoot throttled Auto Scaling API calls").
const AUTO_SCALING: &str = "autoscaling:*";

/// The name of what queries of `GetMetricData` draw from besides.
const QUERIES: &str = "cloudwatch:GetMetricData queries";

/// What an account is granted in a region, of what it shares with everybody in it.
const GRANTS: [(&str, Grant); 22] = [
    // EC2 developer guide, "Request throttling for the Amazon EC2 API": each API has a bucket of
    // its own; describe calls with filters or pages, and then the mutating ones.
    ("ec2:DescribeInstances", grant(100.0, 20.0)),
    ("ec2:DescribeInstanceStatus", grant(100.0, 20.0)),
    ("ec2:DescribeInstanceTypes", grant(100.0, 20.0)),
    ("ec2:DescribeAvailabilityZones", grant(100.0, 20.0)),
    ("ec2:DescribeVolumes", grant(100.0, 20.0)),
    ("ec2:DescribeVolumesModifications", grant(100.0, 20.0)),
    ("ec2:DescribeSnapshots", grant(100.0, 20.0)),
    ("ec2:GetConsoleOutput", grant(100.0, 20.0)),
    ("ec2:RebootInstances", grant(50.0, 5.0)),
    ("ec2:CreateSnapshot", grant(50.0, 5.0)),
    ("ec2:ModifyVolume", grant(50.0, 5.0)),
    // Systems Manager publishes no number for any of these (ours: docs/aws-questions.md).
    ("ssm:SendCommand", grant(10.0, 5.0)),
    ("ssm:GetCommandInvocation", grant(20.0, 10.0)),
    ("ssm:ListCommandInvocations", grant(10.0, 5.0)),
    ("ssm:DescribeInstanceInformation", grant(20.0, 10.0)),
    ("ssm:DescribeSessions", grant(10.0, 5.0)),
    ("ssm:GetCalendarState", grant(10.0, 5.0)),
    // Nor does Auto Scaling (ours).
    (AUTO_SCALING, grant(30.0, 5.0)),
    // CloudWatch user guide, "CloudWatch service quotas".
    ("cloudwatch:GetMetricData", grant(500.0, 500.0)),
    (QUERIES, grant(10.0, 10.0)),
    ("cloudwatch:DescribeAlarms", grant(9.0, 9.0)),
    // AWS General Reference, "Amazon SNS endpoints and quotas": messages published in
    // eu-central-1.
    ("sns:Publish", grant(1500.0, 1500.0)),
];

/// A partition of a table or an index, and all of a new one that is paid for by request
/// (`DynamoDB` developer guide, "Designing partition keys" and "On-demand capacity mode").
const PARTITION_WRITES: Grant = grant(1_000.0, 1_000.0);
const PARTITION_READS: Grant = grant(3_000.0, 3_000.0);
const TABLE_WRITES: Grant = grant(4_000.0, 4_000.0);
const TABLE_READS: Grant = grant(12_000.0, 12_000.0);

/// A subscription by mail takes so many messages in a second (AWS General Reference, "Amazon
/// SNS endpoints and quotas").
const MAILS_A_SECOND: f64 = 10.0;

/// Commands that have not ended, on all hosts of an account: beyond a limit that AWS names
/// nowhere a command ends as `Rate Exceeded` (SSM API reference, `Command`, `StatusDetails`; ours:
/// as many as hosts may be managed).
const PENDING_MAX: usize = 2_400;

/// A use of a bucket is looked at over so long.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// What of any bucket is ours: the others in the account have the rest.
pub(crate) const OUR_SHARE: f64 = 0.5;

/// Sums of parts are not exact.
const ROUNDING: f64 = 1e-9;

/// Tries of one call, as the adapter makes them.
pub(crate) const TRIES_MAX: u32 = 3;

/// In whose name a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// Whoever takes alarms, or a person.
    Intake,
    /// The follow-up, at a hint about one instance.
    Hint,
    /// The follow-up, at its heartbeat.
    Beat,
}

/// What a call draws tokens from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bucket {
    /// What an API grants, by its name.
    Api(&'static str),
    /// Writes of all of the table, or of all of an index, by its name.
    Writes(&'static str),
    /// Writes of one partition, by its table or index and key.
    WritesOf(&'static str, String),
    /// Reads of all of the table, or of all of an index.
    Reads(&'static str),
    /// Reads of one partition.
    ReadsOf(&'static str, String),
}

/// Tokens that a call draws.
pub(crate) type Draw = (Bucket, f64);

/// Tokens of a bucket.
#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: f64,
    at: Timestamp,
}

/// What was drawn from one bucket within the last [`WINDOW`].
#[derive(Clone, Debug, Default)]
struct Use {
    draws: VecDeque<(Timestamp, f64)>,
    sum: f64,
}

impl Use {
    /// Adds a draw. Gives the share of all that there was to draw within the window.
    fn add(&mut self, now: Timestamp, tokens: f64, grant: Grant) -> f64 {
        self.draws.push_back((now, tokens));
        self.sum += tokens;
        while let Some((at, tokens)) = self.draws.front().copied()
            && now.duration_since(at) >= WINDOW
        {
            self.sum -= tokens;
            self.draws.pop_front();
        }
        self.sum / (grant.bucket + grant.a_second * WINDOW.as_secs_f64())
    }
}

/// A bucket and how much of it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fullest {
    /// Its name.
    pub name: &'static str,
    /// How much of what it had to give within ten seconds was asked for, or got, at most.
    pub share: f64,
}

impl fmt::Display for Fullest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} % of `{}`", self.share * 100.0, self.name)
    }
}

/// What the ledger was charged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Write units of the table.
    pub write: f64,
    /// Write units of its index.
    pub index: f64,
    /// Read units of both.
    pub read: f64,
}

/// Grants, and what was drawn of them.
#[derive(Clone, Debug)]
pub struct Quotas {
    grants: BTreeMap<&'static str, Grant>,
    levels: BTreeMap<Bucket, Level>,
    used: BTreeMap<(&'static str, Option<Caller>), Use>,
    fullest: BTreeMap<Option<Caller>, Fullest>,
    overdrawn: Option<String>,
    turned_away: usize,
    units: Units,
    mails_until: Option<Timestamp>,
    pub(crate) pending: usize,
    pending_max: usize,
    rng: Rng,
}

impl Default for Quotas {
    /// What an account has that never asked for more.
    fn default() -> Self {
        Self {
            grants: GRANTS.into(),
            levels: BTreeMap::new(),
            used: BTreeMap::new(),
            fullest: BTreeMap::new(),
            overdrawn: None,
            turned_away: 0,
            units: Units::default(),
            mails_until: None,
            pending: 0,
            pending_max: PENDING_MAX,
            rng: Rng::with_seed(1),
        }
    }
}

impl Quotas {
    /// The same with another grant for one API.
    #[must_use]
    pub fn granting(mut self, name: &'static str, grant: Grant) -> Self {
        self.grants.insert(name, grant);
        self
    }

    /// The same with so many commands that may be pending.
    #[must_use]
    pub fn with_pending(mut self, pending_max: usize) -> Self {
        self.pending_max = pending_max;
        self
    }

    /// Whether one more command is too many.
    pub(crate) fn is_rate_exceeded(&self) -> bool {
        self.pending >= self.pending_max
    }

    fn grant(&self, bucket: &Bucket) -> Grant {
        match bucket {
            Bucket::Api(name) => self.grants.get(name).copied().unwrap_or(grant(1.0, 1.0)),
            Bucket::Writes(_) => TABLE_WRITES,
            Bucket::WritesOf(..) => PARTITION_WRITES,
            Bucket::Reads(_) => TABLE_READS,
            Bucket::ReadsOf(..) => PARTITION_READS,
        }
    }

    /// Draws what one try of a call takes, or says why it is turned away.
    pub(crate) fn draw(
        &mut self,
        now: Timestamp,
        (verb, by): (Verb, Caller),
        draws: &[Draw],
    ) -> Result<(), &'static str> {
        let mut lacking = None;
        for (bucket, tokens) in draws {
            let grant = self.grant(bucket);
            if let Bucket::Api(name) = bucket {
                self.note_use(now, (name, None), *tokens, grant);
            }
            let full = Level { tokens: grant.bucket, at: now };
            let level = self.levels.entry(bucket.clone()).or_insert(full);
            let refill = now.duration_since(level.at).as_secs_f64() * grant.a_second;
            *level = Level { tokens: (level.tokens + refill).min(grant.bucket), at: now };
            // One item may take more than is left, and is paid for by those after it.
            if level.tokens < tokens.min(1.0) {
                lacking.get_or_insert_with(|| turned_away(verb));
            }
        }
        if let Some(why) = lacking {
            self.turned_away += 1;
            return Err(why);
        }
        for (bucket, tokens) in draws {
            if let Some(level) = self.levels.get_mut(bucket) {
                level.tokens -= tokens;
            }
            // What is turned away takes nothing from the others: tokens go with what is granted
            // (EC2 developer guide, "Request throttling for the Amazon EC2 API").
            if let Bucket::Api(name) = bucket {
                let grant = self.grant(bucket);
                self.note_use(now, (name, Some(by)), *tokens, grant);
            }
            match bucket {
                Bucket::WritesOf(TABLE, _) => self.units.write += tokens,
                Bucket::WritesOf(..) => self.units.index += tokens,
                Bucket::Reads(_) => self.units.read += tokens,
                Bucket::Api(_) | Bucket::Writes(_) | Bucket::ReadsOf(..) => {}
            }
        }
        Ok(())
    }

    /// Notes tokens that were asked for by anybody, or that one caller got.
    fn note_use(
        &mut self,
        now: Timestamp,
        (name, by): (&'static str, Option<Caller>),
        tokens: f64,
        grant: Grant,
    ) {
        let share = self.used.entry((name, by)).or_default().add(now, tokens, grant);
        let fullest = self.fullest.entry(by).or_default();
        if share > fullest.share {
            *fullest = Fullest { name, share };
        }
        if by == Some(Caller::Beat) && share > OUR_SHARE + ROUNDING {
            self.overdrawn.get_or_insert_with(|| {
                format!("{:.0} % of {name} within 10 s, until {now}", share * 100.0)
            });
        }
    }

    /// The bucket of which most was asked for, by everybody.
    pub fn fullest(&self) -> Fullest {
        self.fullest.get(&None).cloned().unwrap_or_default()
    }

    /// The bucket of which the heartbeat got most.
    pub fn fullest_of_beat(&self) -> Fullest {
        self.fullest.get(&Some(Caller::Beat)).cloned().unwrap_or_default()
    }

    /// The first time that the heartbeat got more than its share.
    pub(crate) fn overdrawn(&self) -> Option<&str> {
        self.overdrawn.as_deref()
    }

    /// How many tries were turned away.
    pub fn turned_away(&self) -> usize {
        self.turned_away
    }

    /// What the ledger was charged.
    pub fn units(&self) -> Units {
        self.units
    }

    /// A message was published, and its mail stands in line.
    pub(crate) fn mail(&mut self, now: Timestamp) {
        let from = self.mails_until.map_or(now, |until| until.max(now));
        self.mails_until = Some(from + seconds(1.0 / MAILS_A_SECOND));
    }

    /// When the last mail so far is delivered.
    pub fn mails_until(&self) -> Option<Timestamp> {
        self.mails_until
    }

    /// How long the SDK waits before the try after this one: up to a second, doubled each
    /// time, by chance (AWS SDKs and Tools reference guide, "Retry behavior").
    pub(crate) fn backs_off(&mut self, tries: u32) -> SignedDuration {
        seconds(self.rng.f64() * f64::from(1_u32 << (tries - 1)))
    }
}

fn seconds(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// In whose words a call is turned away.
fn turned_away(verb: Verb) -> &'static str {
    let name = verb.name();
    if name.starts_with("ec2:") {
        "RequestLimitExceeded: Request limit exceeded."
    } else if name.starts_with("dynamodb:") {
        "ThrottlingException: throughput exceeds the limit of a partition or a table"
    } else {
        "ThrottlingException: Rate exceeded"
    }
}

/// How long a call takes (ours: AWS promises single-digit milliseconds of `DynamoDB`, and nothing
/// of the others).
pub(crate) fn takes(verb: Verb) -> SignedDuration {
    let name = verb.name();
    SignedDuration::from_millis(if name.starts_with("dynamodb:") { 5 } else { 100 })
}

/// What a call draws of its API. The ledger has no limit on requests.
pub(crate) fn of_api(verb: Verb, is_query: bool) -> Vec<Draw> {
    let name = verb.name();
    let name = match name.split(':').next() {
        Some("dynamodb" | "s3") => return Vec::new(),
        Some("autoscaling") => AUTO_SCALING,
        _ => name,
    };
    let queries = is_query.then_some((Bucket::Api(QUERIES), 1.0));
    [(Bucket::Api(name), 1.0)].into_iter().chain(queries).collect()
}

/// The name of the ledger's table.
pub(crate) const TABLE: &str = "ledger";

/// The name of its index of open incidents.
const INDEX: &str = "open";

/// Bytes of a row of the index: the keys of both.
const KEYS: usize = 80;

/// Bytes of an incident's row beside its JSON: names and values of what conditions and the
/// index ask about (`DynamoDB` developer guide, "Item sizes and formats").
const ATTRIBUTES: usize = 256;

/// The size of an incident's row.
pub(crate) fn bytes(incident: &Incident) -> usize {
    ATTRIBUTES + serde_json::to_string(incident).map_or(0, |json| json.len())
}

fn units_of(bytes: usize, unit: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(unit).max(1)).unwrap_or(u32::MAX))
}

/// A write of so many bytes to one key of the table.
pub(crate) fn write(key: String, bytes: usize, times: f64) -> [Draw; 2] {
    let units = units_of(bytes, 1024) * times;
    [(Bucket::Writes(TABLE), units), (Bucket::WritesOf(TABLE, key), units)]
}

/// A consistent read of so many bytes of one key of the table.
pub(crate) fn read(key: String, bytes: usize) -> [Draw; 2] {
    let units = units_of(bytes, 4096);
    [(Bucket::Reads(TABLE), units), (Bucket::ReadsOf(TABLE, key), units)]
}

/// What the index is charged when `after` takes the place of `before`: it holds the keys of open
/// incidents and when they are due, by their instance. One that is due at another time is
/// deleted and written anew; what else changes does not concern it (`DynamoDB` developer guide,
/// "Global secondary indexes").
pub(crate) fn index(before: Option<&Incident>, after: &Incident) -> Vec<Draw> {
    let due = |incident: &Incident| incident.stage.is_open().then_some(incident.due_at.as_second());
    let (before, now) = (before.and_then(due), due(after));
    let writes = match (before, now) {
        (before, now) if before == now => return Vec::new(),
        (Some(_), Some(_)) => 2.0,
        _ => 1.0,
    };
    let key = after.instance_id.to_string();
    vec![(Bucket::Writes(INDEX), writes), (Bucket::WritesOf(INDEX, key), writes)]
}

/// What a look at all of an index with so many rows is charged, which is spread over all of its
/// partitions: half of what a consistent read is.
pub(crate) fn look_at_index(rows: usize) -> [Draw; 1] {
    [(Bucket::Reads(INDEX), units_of(rows * KEYS, 4096) / 2.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis)
    }

    /// So many reboots in a row, so many milliseconds apart; how many were turned away.
    fn reboots(quotas: &mut Quotas, count: i64, apart: i64, by: Caller) -> usize {
        let before = quotas.turned_away();
        for n in 0..count {
            let draws = of_api(Verb::Reboot, false);
            let _turned_away = quotas.draw(at(n * apart), (Verb::Reboot, by), &draws);
        }
        quotas.turned_away() - before
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_comes_back() {
        assert_eq!(reboots(&mut Quotas::default(), 50, 0, Caller::Beat), 0);
        assert_eq!(reboots(&mut Quotas::default(), 53, 0, Caller::Beat), 3);
        assert_eq!(reboots(&mut Quotas::default(), 200, 200, Caller::Beat), 0);
        assert!(reboots(&mut Quotas::default(), 200, 100, Caller::Beat) > 40);
    }

    #[test]
    fn more_than_half_within_ten_seconds_is_told() {
        // Ten seconds give 50 and 10 times 5.
        let told = |count, by| {
            let mut quotas = Quotas::default();
            reboots(&mut quotas, count, 100, by);
            quotas.overdrawn().map(str::to_owned)
        };
        assert_eq!(told(50, Caller::Beat), None);
        let said = told(51, Caller::Beat).unwrap_or_default();
        assert!(said.starts_with("51 % of ec2:RebootInstances"), "{said}");
        assert_eq!(told(51, Caller::Intake), None, "that is its own affair");
        let mut quotas = Quotas::default();
        reboots(&mut quotas, 30, 0, Caller::Intake);
        assert_eq!(reboots(&mut quotas, 90, 1, Caller::Beat), 70, "the others were first");
        assert_eq!(quotas.overdrawn(), None, "what is turned away takes nothing from anybody");
    }

    #[test]
    fn all_of_auto_scaling_draws_from_one_bucket() {
        let mut quotas = Quotas::default();
        for verb in [Verb::Group, Verb::Membership, Verb::Replace] {
            for _ in 0..10 {
                let draws = of_api(verb, false);
                assert_eq!(quotas.draw(at(0), (verb, Caller::Intake), &draws), Ok(()));
            }
        }
        let draws = of_api(Verb::ComeBack, false);
        let answer = quotas.draw(at(0), (Verb::ComeBack, Caller::Intake), &draws);
        assert_eq!(answer, Err("ThrottlingException: Rate exceeded"));
    }

    #[test]
    fn a_partition_takes_a_thousand_units_in_a_second() {
        let mut quotas = Quotas::default();
        let mut wrote = |key: &str, millis| {
            let draws = write(key.to_owned(), 100 * 1024, 1.0);
            quotas.draw(at(millis), (Verb::Record, Caller::Intake), &draws).is_ok()
        };
        assert!((0..10).all(|_| wrote("hot", 0)), "1,000 units");
        assert!(!wrote("hot", 0) && wrote("other", 0) && wrote("hot", 101));
    }
}
