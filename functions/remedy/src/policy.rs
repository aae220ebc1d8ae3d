//! What an operator may tune: numbers with a unit, a default and a reason.

use jiff::SignedDuration;

use crate::ids::{BucketName, UnitName};

/// The instance and group tag by which an owner opts in.
pub const OPT_IN_TAG: &str = "auto-remediation";

/// The value of [`OPT_IN_TAG`] that allows actions.
pub const OPT_IN_ENABLED: &str = "enabled";

/// The value of [`OPT_IN_TAG`] that asks for thinking and telling only.
pub const OPT_IN_OBSERVE: &str = "observe";

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
    /// The longest an incident may take, and so the longest a claim holds its
    /// instance if nobody closes it. Every rung taken to its deadline, Standby
    /// included, takes 2 h 45 min: 180 minutes.
    pub claim_lasts: SignedDuration,
    /// When the follow-up first looks at what was done. 60 seconds: a command
    /// takes some seconds, and the heartbeat comes every minute.
    pub first_look_after: SignedDuration,
    /// For how long the symptom must be gone before an incident is resolved.
    /// 5 minutes: one more datapoint of the slowest metric.
    pub quiet_for: SignedDuration,
    /// The cleanup of a full disk stops at this share of used space, in
    /// percent: 80, so that it does not come back within the hour.
    pub disk_target_percent: u8,
    /// The systemd units a cleanup may restart. None by default: a restart is
    /// only safe for services whose owner said so.
    pub units: Vec<UnitName>,
    /// Where evidence goes before a host is cleaned or disrupted. None by
    /// default: then it stays in the output of a command.
    pub evidence_bucket: Option<BucketName>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            stale_after: SignedDuration::from_mins(15),
            clock_skew: SignedDuration::from_mins(2),
            agent_silent_after: SignedDuration::from_mins(15),
            claim_lasts: SignedDuration::from_mins(180),
            first_look_after: SignedDuration::from_secs(60),
            quiet_for: SignedDuration::from_mins(5),
            disk_target_percent: 80,
            units: Vec::new(),
            evidence_bucket: None,
        }
    }
}
