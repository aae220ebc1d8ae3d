//! What an operator may tune: numbers with a unit, a default and a reason.

use jiff::SignedDuration;

use crate::model::cleanup_opt_in::CleanupOptIn;
use crate::model::growth::Prices;
use crate::model::ids::{BucketName, UnitName};

use std::collections::{BTreeMap, BTreeSet};

/// The instance and group tag by which an owner opts in.
pub const OPT_IN_TAG: &str = "auto-remediation";

/// The value of [`OPT_IN_TAG`] that allows actions.
pub const OPT_IN_ENABLED: &str = "enabled";

/// The value of [`OPT_IN_TAG`] that asks for thinking and telling only.
pub const OPT_IN_OBSERVE: &str = "observe";

/// The instance tag by which an owner says what its instance store is worth.
/// Without it a replacement never loses one.
pub const INSTANCE_STORE_TAG: &str = "auto-remediation-instance-store";

/// The instance tag by which an owner says what lies on its volumes besides the root. Without
/// it a full one is never replaced with its instance.
pub const DATA_TAG: &str = "auto-remediation-data";

/// The value of [`INSTANCE_STORE_TAG`] and [`DATA_TAG`] that lets a replacement lose it.
pub const DISPOSABLE: &str = "disposable";

/// The tag of an instance, a group or an alarm that names the highest rung that may be taken:
/// `cleanup`, `grow`, `reboot` or `replace`. Without it all may.
pub const MAX_RUNG_TAG: &str = "auto-remediation-max";

/// The instance tag by which an owner says what a service that stays down may cost.
pub const SERVICE_TAG: &str = "auto-remediation-service";

/// The value of [`SERVICE_TAG`] that allows a reboot for it.
pub const SERVICE_REBOOT: &str = "reboot";

/// Whether this deployment touches anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Act where the guards allow it.
    Act,
    /// Think and tell, touch nothing: for the first days with a new fleet.
    #[default]
    Observe,
}

/// Everything an operator may tune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether this deployment touches anything.
    pub mode: Mode,
    /// An alarm whose state changed longer ago is never acted on. 15 minutes:
    /// longer than every retry of a delivery that is still news, shorter than
    /// the hours after which a queue or a mute window may release old alarms.
    pub stale_after: SignedDuration,
    /// How far in the future a state change may lie before the clocks are
    /// taken to disagree too much to judge its age. 2 minutes.
    pub clock_skew: SignedDuration,
    /// An SSM agent that has not pinged for so long does not answer. The agent
    /// pings every 5 minutes and stays `Online` for a while after it died, so
    /// 15 minutes are two missed pings and some slack.
    pub agent_silent_after: SignedDuration,
    /// An instance that was launched less long ago is left to boot. 10 minutes: a boot with
    /// user data, until its agent has registered and its metric has settled.
    pub young_for: SignedDuration,
    /// The longest an incident may take, and so the longest a claim holds its
    /// instance if nobody closes it. Every rung taken to its deadline, Standby
    /// included, takes 2 h 47 min: 180 minutes. A reboot in Standby that begins
    /// late, or whose load balancer takes an hour to drain, has its own time.
    pub claim_lasts: SignedDuration,
    /// When the follow-up first looks at what was done. 60 seconds: a command
    /// takes some seconds, and the heartbeat comes every minute.
    pub first_look_after: SignedDuration,
    /// For how long the symptom must be gone before an incident is resolved.
    /// 5 minutes: one more datapoint of the slowest metric.
    pub quiet_for: SignedDuration,
    /// After an incident in which something was done, its instance is left
    /// alone for so long, whatever the symptom. 15 minutes: what was done shows
    /// in the slowest metric by then, and a loop of repairs shows itself.
    pub cooldown: SignedDuration,
    /// So many incidents of one symptom on one instance within
    /// [`repeats_within`](Self::repeats_within) mean that the rung that ended
    /// them does not last. 3: two may be chance.
    pub repeats: usize,
    /// How far back incidents count as repeats. 7 days: a cause that follows
    /// the week's rhythm is seen.
    pub repeats_within: SignedDuration,
    /// The share of a group that may be out of service through us at once, in
    /// percent of its desired capacity, and at least one member. 10, what Auto
    /// Scaling allows itself when it replaces several unhealthy members.
    pub budget_percent: u8,
    /// How many standalone instances with one pool tag may be out of service
    /// through us at once. 1: nothing is known about how they stand in for
    /// each other.
    pub standalone_budget: u32,
    /// So many members of a group with the same symptom are no coincidence, if
    /// they are [`correlated_percent`](Self::correlated_percent) of it too. 3.
    pub correlated_instances: usize,
    /// The share of a group that makes a failure correlated, in percent. 30.
    pub correlated_percent: u8,
    /// Within this time. 10 minutes: two periods of the slowest metric.
    pub correlated_within: SignedDuration,
    /// The cleanup of a full disk stops at this share of used space, in
    /// percent: 80, so that it does not come back within the hour.
    pub disk_target_percent: u8,
    /// Below this level of a symptom, in percent, nothing is disrupted, whatever an
    /// alarm's owner wants to be warned of.
    pub floor_percent: u8,
    /// By how many GiB all volumes of the region together may be grown in a day.
    /// 1,000: ten ordinary disks doubled; what more ask for in one day is no accident.
    pub grow_gib_a_day: u32,
    /// What a GiB costs, for those who are told of a growth. None by default.
    pub prices: Prices,
    /// The change calendars that every instance is under, by their names or ARNs. None by
    /// default.
    pub calendars: BTreeSet<String>,
    /// What a cleanup may do besides on every instance, whatever its tag says. None by
    /// default: each costs what only an owner can judge.
    pub opt_ins: BTreeSet<CleanupOptIn>,
    /// The systemd units a cleanup may restart. None by default: a restart is
    /// only safe for services whose owner said so.
    pub units: Vec<UnitName>,
    /// Where evidence goes before a host is cleaned or disrupted. None by
    /// default: then it stays in the output of a command.
    pub evidence_bucket: Option<BucketName>,
    /// How long a host may take to say what it knows before it is disrupted. 60
    /// seconds: the script takes some, and more on a host that is in trouble.
    pub gathering_takes: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            stale_after: SignedDuration::from_mins(15),
            clock_skew: SignedDuration::from_mins(2),
            agent_silent_after: SignedDuration::from_mins(15),
            young_for: SignedDuration::from_mins(10),
            claim_lasts: SignedDuration::from_mins(180),
            first_look_after: SignedDuration::from_secs(60),
            quiet_for: SignedDuration::from_mins(5),
            cooldown: SignedDuration::from_mins(15),
            repeats: 3,
            repeats_within: SignedDuration::from_hours(7 * 24),
            budget_percent: 10,
            standalone_budget: 1,
            correlated_instances: 3,
            correlated_percent: 30,
            correlated_within: SignedDuration::from_mins(10),
            disk_target_percent: 80,
            floor_percent: 90,
            grow_gib_a_day: 1_000,
            prices: Prices::default(),
            calendars: BTreeSet::new(),
            opt_ins: BTreeSet::new(),
            units: Vec::new(),
            evidence_bucket: None,
            gathering_takes: SignedDuration::from_mins(1),
        }
    }
}

/// What an owner's tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptIn {
    /// Actions are allowed.
    Enabled,
    /// Think and tell, do not touch.
    Observe,
    /// Not opted in: the tag's value, if there is one.
    No(Option<String>),
}

impl OptIn {
    /// Reads the opt-in tag among `tags`. Values are compared exactly: a value
    /// we do not know is not a yes.
    pub fn of(tags: &BTreeMap<String, String>) -> Self {
        match tags.get(OPT_IN_TAG).map(String::as_str) {
            Some(OPT_IN_ENABLED) => Self::Enabled,
            Some(OPT_IN_OBSERVE) => Self::Observe,
            other => Self::No(other.map(str::to_owned)),
        }
    }
}
