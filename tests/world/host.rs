//! An instance and what runs on it: its SSM agent, its trouble and what would
//! cure it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::platform::Platform;
use remedy::model::policy::{OPT_IN_ENABLED, OPT_IN_TAG};
use remedy::ports::look::{Agent, Instance, InstanceState, StatusChecks};

use crate::disk::Disk;
use crate::script::Script;

/// An agent pings this often (amazon-ssm-agent, `HeartbeatFrequencyMinutes`).
const PING_EVERY_SECONDS: i64 = 300;

/// The service takes an agent for connected until it missed two pings. AWS
/// documents no number; what counts is that it is not at once (question silent-agents).
const CONNECTION_LOST_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// From an agent's last ping until it does not count as online any more, if that is longer
/// than a deployment waits for it (question silent-agents).
const CONNECTION_LOST_LATE: SignedDuration = SignedDuration::from_mins(30);

/// What a boot takes, as a rule (ours).
const BOOT_TAKES: SignedDuration = SignedDuration::from_secs(150);

/// Processes of a service that runs (ours).
const PROCESSES: f64 = 3.0;

/// What a metric says when nothing is wrong, in percent (ours).
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
    /// How long a cure lasts; `None` if for good.
    pub comes_back_after: Option<SignedDuration>,
}

impl Trouble {
    /// A trouble that anything cures for good.
    pub fn slight(symptom: Symptom, percent: f64) -> Self {
        Self { symptom, percent, cleanup_helps: true, reboot_helps: true, comes_back_after: None }
    }

    /// A trouble that no cleanup cures, and a reboot does for good.
    pub fn stubborn(symptom: Symptom, percent: f64) -> Self {
        Self { cleanup_helps: false, ..Self::slight(symptom, percent) }
    }

    /// A trouble that neither a cleanup nor a reboot cures.
    pub fn hopeless(symptom: Symptom, percent: f64) -> Self {
        Self { reboot_helps: false, ..Self::stubborn(symptom, percent) }
    }
}

/// What kind of file system it is that fills up, where one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// The root, on a disk.
    Root,
    /// Another one on a disk.
    Data,
    /// A read-only image, such as a snap's: always full.
    Image,
    /// A container's view of another file system.
    Overlay,
    /// In memory.
    Memory,
    /// On another machine.
    Network,
}

impl FileSystem {
    /// Where it is mounted.
    pub fn mount(self) -> &'static str {
        self.labels().0
    }

    /// Where the disk is mounted that is full when it is: a container's overlay lies on the
    /// root. `None` for what lies on no disk that can be cleaned.
    pub(crate) fn disk(self) -> Option<&'static str> {
        match self {
            Self::Root | Self::Data => Some(self.mount()),
            Self::Overlay => Some(Self::Root.mount()),
            Self::Image | Self::Memory | Self::Network => None,
        }
    }

    /// Its mount point, type and device, as the `CloudWatch` agent names them in
    /// the dimensions `path`, `fstype` and `device` of a disk metric (`CloudWatch`
    /// user guide, "Metrics collected by the `CloudWatch` agent").
    pub(crate) fn labels(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Root => ("/", "xfs", "nvme0n1p1"),
            Self::Data => ("/srv/data", "ext4", "nvme1n1"),
            Self::Image => ("/snap/core22/1380", "squashfs", "loop0"),
            Self::Overlay => ("/var/lib/docker/overlay2/4f/merged", "overlay", "overlay"),
            Self::Memory => ("/run", "tmpfs", "tmpfs"),
            Self::Network => ("/mnt/share", "nfs4", "fs-0a1b2c3d:/"),
        }
    }
}

/// An instance and what runs on it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct Host {
    /// What EC2 says about it.
    pub instance: Instance,
    /// What its status checks say while it runs.
    pub status: StatusChecks,
    /// Its SSM agent.
    pub agent: AgentIs,
    /// What is wrong with it, if anything is.
    pub trouble: Option<Trouble>,
    /// The file system that fills up when its disk does.
    pub file_system: FileSystem,
    /// The volume below it.
    pub disk: Disk,
    /// How a cleanup script fares on it.
    pub script: Script,
    /// People who are logged in or in a session.
    pub persons: u64,
    /// Installations of packages that are under way on it.
    pub installations: u64,
    /// Whether its fstab lets it boot.
    pub fstab_ok: bool,
    /// Session Manager sessions that are open on it.
    pub sessions: usize,
    /// What its serial console showed last.
    pub console: Option<String>,
    /// Whether it has a way to the evidence bucket.
    pub reaches_bucket: bool,
    /// Whether its metrics are published.
    pub measured: bool,
    /// How often they are.
    pub period: SignedDuration,
    /// From a reboot's request until the status checks pass again; `None` if it
    /// never comes up again.
    pub boot_takes: Option<SignedDuration>,
    /// How often it was booted.
    pub boots: u32,
    /// Between a shutdown and the end of the boot: nothing on it answers.
    pub(crate) down: bool,
    /// Since when it hangs, as far as that shows, and whether its agent answered before.
    pub(crate) hung: Option<(Timestamp, bool)>,
    /// When it was booted last, if that was in this region's time.
    pub(crate) booted_at: Option<Timestamp>,
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
                launched_at: Some(Timestamp::UNIX_EPOCH),
                image: "ami-0d1e2f3a4b5c6d7e8".to_owned(),
                instance_type: "m7g.large".to_owned(),
                root_is_ebs: true,
                auto_recovers: true,
                platform: Platform::Linux,
            },
            status: StatusChecks {
                system_impaired: false,
                instance_impaired: false,
                volume_impaired: false,
                performance: None,
                initializing: false,
                application_impaired: None,
                scheduled: None,
            },
            agent: AgentIs::Answering,
            trouble: None,
            file_system: FileSystem::Root,
            disk: Disk::default(),
            script: Script::Honest,
            persons: 0,
            installations: 0,
            fstab_ok: true,
            sessions: 0,
            console: Some("Out of memory: Killed process 4711 (java)\n".to_owned()),
            reaches_bucket: true,
            measured: true,
            period: SignedDuration::from_secs(60),
            boot_takes: Some(BOOT_TAKES),
            boots: 1,
            down: false,
            hung: None,
            booted_at: None,
        }
    }

    /// Whether the instance runs.
    pub fn runs(&self) -> bool {
        self.instance.state == InstanceState::Running
    }

    /// It shuts down at `now`, and its agent with it. Its own status check fails until it is
    /// up again (EC2 user guide, "Types of status checks").
    pub(crate) fn go_down(&mut self, now: Timestamp) {
        self.fails_checks(true);
        self.down = true;
        if self.agent == AgentIs::Answering {
            self.agent = AgentIs::SilentSince(now);
        }
    }

    /// What shows of a host that hangs, as often as EC2 checks: a check fails, and the agent
    /// pings no more (EC2 user guide, "Types of status checks"). And what shows when it does not
    /// any more.
    pub(crate) fn show(&mut self, now: Timestamp) {
        let hangs = self.trouble.is_some_and(|trouble| trouble.symptom == Symptom::Unreachable);
        match self.hung {
            None if hangs && self.runs() && !self.down => {
                self.hung = Some((now, self.agent == AgentIs::Answering));
                self.fails_checks(true);
                if self.agent == AgentIs::Answering {
                    self.agent = AgentIs::SilentSince(now);
                }
            }
            Some((_, answered)) if !hangs && !self.down => {
                self.hung = None;
                self.fails_checks(false);
                if answered {
                    self.agent = AgentIs::Answering;
                }
            }
            _ => {}
        }
    }

    /// The check of the instance itself, and those its owner has set up, if there are any (EC2
    /// user guide, "Types of status checks").
    pub(crate) fn fails_checks(&mut self, fails: bool) {
        self.status.instance_impaired = fails;
        self.status.application_impaired = self.status.application_impaired.map(|_| fails);
    }

    /// Whether nothing on it answers, since it shut down or has yet to boot.
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// Whether an agent on it carries out commands now.
    pub(crate) fn obeys(&self) -> bool {
        self.runs() && !self.down && self.hung.is_none() && self.agent == AgentIs::Answering
    }

    /// What the metric of `symptom` says: in percent, 1 for a check that fails, or how many
    /// processes there are; `None` while nothing could measure it.
    pub fn percent(&self, symptom: Symptom) -> Option<f64> {
        if symptom == Symptom::Unreachable {
            let passes = self.status.pass() && !self.status.volume_impaired;
            let value = if passes { 0.0 } else { 1.0 };
            return (self.runs() && self.measured).then_some(value);
        }
        let by_itself = self.is_measured();
        // Its processors the hypervisor measures, also while it hangs in its boot.
        let from_outside = symptom == Symptom::HighCpu && self.runs() && self.measured;
        (by_itself || from_outside).then(|| match self.trouble {
            _ if self.down => AT_REST, // Only what is measured from outside comes here.
            Some(Trouble { symptom: Symptom::ServiceDown, .. })
                if symptom == Symptom::ServiceDown =>
            {
                0.0
            }
            _ if symptom == Symptom::ServiceDown => PROCESSES,
            Some(trouble) if trouble.symptom == symptom => trouble.percent,
            _ => AT_REST,
        })
    }

    /// Whether EC2's own checks find it well.
    pub(crate) fn passes_checks(&self) -> bool {
        self.runs() && !self.down && self.status.pass()
    }

    /// Whether something on it runs that publishes its metrics.
    pub(crate) fn is_measured(&self) -> bool {
        self.runs() && !self.down && self.hung.is_none() && self.measured
    }

    /// What SSM says about the agent at `now`, where one that is silent counts as online for
    /// long if it `stays_online`. `None` if it never registered; SSM forgets instances that
    /// are gone, too.
    pub(crate) fn agent_at(&self, now: Timestamp, stays_online: bool) -> Option<Agent> {
        let last_ping = match self.agent {
            AgentIs::Absent => return None,
            AgentIs::SilentSince(since) => since,
            AgentIs::Answering => {
                let second = now.as_second();
                let ping = now - SignedDuration::from_secs(second.rem_euclid(PING_EVERY_SECONDS));
                // An agent pings when it starts.
                self.booted_at.map_or(ping, |booted_at| ping.max(booted_at))
            }
        };
        let lost_after = if stays_online { CONNECTION_LOST_LATE } else { CONNECTION_LOST_AFTER };
        self.runs().then(|| Agent {
            online: now.duration_since(last_ping) < lost_after,
            last_ping: Some(last_ping),
            platform: Some(self.instance.platform),
        })
    }
}
