//! An instance and what runs on it: its SSM agent, its trouble and what would
//! cure it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::alarm::Symptom;
use remedy::facts::{Agent, Instance, InstanceState, Platform, StatusChecks};
use remedy::policy::{OPT_IN_ENABLED, OPT_IN_TAG};

/// An agent pings this often (amazon-ssm-agent, `HeartbeatFrequencyMinutes`).
const PING_EVERY_SECONDS: i64 = 300;

/// The service takes an agent for connected until it missed two pings. AWS
/// documents no number; what counts is that it is not at once.
const CONNECTION_LOST_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What a metric says when nothing is wrong, in percent.
const AT_REST: f64 = 41.0;

/// An SSM agent, as it really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentIs {
    /// Never registered.
    Absent,
    /// Pings, and carries out commands.
    Answering,
    /// Registered once, and dead since.
    SilentSince(Timestamp),
}

/// What is wrong with a host, and what would cure it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// What is wrong.
    pub symptom: Symptom,
    /// What the symptom's metric says meanwhile, in percent.
    pub percent: f64,
    /// Whether a cleanup cures it.
    pub cleanup_helps: bool,
    /// Whether a reboot cures it.
    pub reboot_helps: bool,
}

/// An instance and what runs on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// What EC2 says about it.
    pub instance: Instance,
    /// What its status checks say while it runs.
    pub status: StatusChecks,
    /// Its SSM agent.
    pub agent: AgentIs,
    /// What is wrong with it, if anything is.
    pub trouble: Option<Trouble>,
}

impl Host {
    /// A running, healthy, opted-in Linux host in `zone`.
    pub fn healthy(zone: &str) -> Self {
        Self {
            instance: Instance {
                state: InstanceState::Running,
                tags: BTreeMap::from([
                    ("Name".to_owned(), "web".to_owned()),
                    (OPT_IN_TAG.to_owned(), OPT_IN_ENABLED.to_owned()),
                ]),
                zone: zone.to_owned(),
                image: "ami-0d1e2f3a4b5c6d7e8".to_owned(),
                instance_type: "m7g.large".to_owned(),
                root_is_ebs: true,
                platform: Platform::Linux,
            },
            status: StatusChecks { system_impaired: false, instance_impaired: false },
            agent: AgentIs::Answering,
            trouble: None,
        }
    }

    /// Whether the instance runs.
    pub fn runs(&self) -> bool {
        self.instance.state == InstanceState::Running
    }

    /// What the metric of `symptom` says, in percent; `None` while nothing
    /// runs that could measure it.
    pub fn percent(&self, symptom: Symptom) -> Option<f64> {
        self.runs().then(|| match self.trouble {
            Some(trouble) if trouble.symptom == symptom => trouble.percent,
            _ => AT_REST,
        })
    }

    /// What SSM says about the agent at `now`. `None` if it never registered;
    /// SSM forgets instances that are gone, too.
    pub(crate) fn agent_at(&self, now: Timestamp) -> Option<Agent> {
        let last_ping = match self.agent {
            AgentIs::Absent => return None,
            AgentIs::SilentSince(since) => since,
            AgentIs::Answering => {
                let second = now.as_second();
                now - SignedDuration::from_secs(second.rem_euclid(PING_EVERY_SECONDS))
            }
        };
        self.runs().then(|| Agent {
            online: now.duration_since(last_ping) < CONNECTION_LOST_AFTER,
            last_ping: Some(last_ping),
            platform: Some(self.instance.platform),
        })
    }
}
