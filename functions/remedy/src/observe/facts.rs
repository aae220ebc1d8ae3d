//! Everything that is read about an instance before anything is decided, and the
//! time it was read. What could not be read is [`Fact::Unknown`] and says why;
//! no later stage of the pipeline takes it for a "no".

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use jiff::{SignedDuration, Timestamp};

use crate::model::alarm::Symptom;
use crate::model::calendar::{CalendarState, Calendars};
use crate::model::cleanup_opt_in::CleanupOptIn;
use crate::model::growth::GrowthBook;
use crate::model::ids::{GroupName, InstanceId, MountPoint, VolumeId};
use crate::model::incident::{Incident, Past, Rung, Survey, Surveyed};
use crate::model::platform::Platform;
use crate::model::policy::Policy;
use crate::model::pool::{Pool, PoolBook, Sighting};
use crate::model::preflight::Preflight;
use crate::model::question::{ASK_TAG, Ask};
use crate::model::seen::Seen;
use crate::model::unknown::{CallFailed, Unknown};
use crate::ports::look::Agent;
use crate::ports::look::AlarmSettings;
use crate::ports::look::Datapoint;
use crate::ports::look::Group;
use crate::ports::look::History;
use crate::ports::look::Instance;
use crate::ports::look::Look;
use crate::ports::look::Membership;
use crate::ports::look::Modification;
use crate::ports::look::StatusChecks;
use crate::ports::look::Volume;
use crate::ports::look::Zone;

/// Something that was asked and either answered or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<T> {
    /// The answer.
    Known(T),
    /// No answer, and why.
    Unknown(Unknown),
}

impl<T> From<Result<T, CallFailed>> for Fact<T> {
    fn from(answer: Result<T, CallFailed>) -> Self {
        match answer {
            Ok(value) => Self::Known(value),
            Err(failed) => Self::Unknown(failed.into()),
        }
    }
}

/// Everything known about an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Which instance.
    pub instance_id: InstanceId,
    /// When it was read. Every age is measured from here.
    pub observed_at: Timestamp,
    /// The instance; `None` if there is none by that id.
    pub instance: Fact<Option<Instance>>,
    /// Its status checks; `None` while it does not run.
    pub status: Fact<Option<StatusChecks>>,
    /// Its SSM agent; `None` if none ever registered.
    pub agent: Fact<Option<Agent>>,
    /// Its place in an Auto Scaling group; `None` if it has none.
    pub membership: Fact<Option<Membership>>,
    /// The group. Read only when a rung that asks about it is in question.
    pub group: GroupFact,
    /// What else a disruption asks about. Read only when one is in question.
    pub disruption: DisruptionFact,
    /// What the owner of the alarm has set; `None` without an alarm. Read with the
    /// symptom, and so before every disruption.
    pub alarm: Fact<Option<AlarmSettings>>,
    /// The highest rung that the alarm's own tag allows, if it names one.
    pub alarm_limit: Option<String>,
    /// Session Manager sessions that are open on the instance. Read before it is disrupted.
    pub sessions: Fact<usize>,
    /// The zones of the region. Read before it is disrupted.
    pub zones: Fact<Vec<Zone>>,
    /// What the change calendars say that it is under; `None` where it is under none. Read
    /// once something is chosen that they hold back.
    pub calendar: Fact<Option<CalendarState>>,
    /// The file system that is full, where that is the symptom and it is told.
    pub mount: Option<MountPoint>,
    /// For which rungs the alarm's own tag asks people first.
    pub ask: Option<String>,
    /// What the ledger holds about the instance.
    pub history: Fact<History>,
    /// What the host's own script found last, in the incident that is open.
    pub preflight: Option<Preflight>,
    /// What is known of the instance's volumes. Read only when one may be grown.
    pub disk: DiskFact,
    /// What the host said of its disk, in the incident that is open.
    pub survey: Option<Survey>,
}

/// What is known of an instance's volumes, and of the one that is full.
#[derive(Clone, Debug, PartialEq)]
pub enum DiskFact {
    /// Nobody asked yet.
    NotRead,
    /// Asked.
    Read {
        /// The volumes that are attached to the instance.
        volumes: Fact<Vec<Volume>>,
        /// What is known of the one that the host has named, once it has.
        named: Option<Box<NamedVolume>>,
    },
}

/// What is known of the volume that is full.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedVolume {
    /// Which volume.
    pub id: VolumeId,
    /// Its last modification; `None` if it never had one.
    pub modification: Fact<Option<Modification>>,
    /// What the ledger holds about its growth.
    pub book: Fact<GrowthBook>,
    /// How full the file system was in the last hours, in percent; `None` where no metric
    /// tells that.
    pub levels: Option<Fact<Vec<Datapoint>>>,
    /// At which level the alarm rings, in percent, where that is known.
    pub rings_at: Option<f64>,
}

/// What is known about the group of the instance.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupFact {
    /// Nobody asked yet.
    NotRead,
    /// Asked: the group (`None` if it is gone), and the instance refresh that
    /// runs in it, by its status.
    Read {
        /// The group itself.
        group: Fact<Option<Group>>,
        /// The status of an unfinished instance refresh.
        refresh: Fact<Option<String>>,
    },
}

/// What is known beyond the instance and its group before it is disrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum DisruptionFact {
    /// Nobody asked yet.
    NotRead,
    /// Asked.
    Read {
        /// What the ledger holds about the instance's pool and the symptom.
        pool: Fact<PoolBook>,
        /// Whether the instance's type has disks that are lost with it.
        instance_store: Fact<bool>,
    },
}

impl Facts {
    /// Asks everything about `id` that can be asked at once.
    pub async fn read(look: &impl Look, id: &InstanceId, now: Timestamp) -> Self {
        let (instance, status, agent, (membership, history)) = future::join4(
            look.instance(id),
            look.status(id),
            look.agent(id),
            future::join(look.membership(id), look.history(id)),
        )
        .await;
        Self {
            instance_id: id.clone(),
            observed_at: now,
            instance: instance.into(),
            status: status.into(),
            agent: agent.into(),
            membership: membership.into(),
            group: GroupFact::NotRead,
            disruption: DisruptionFact::NotRead,
            alarm: not_asked("cloudwatch:DescribeAlarms", "the alarm"),
            alarm_limit: None,
            sessions: not_asked("ssm:DescribeSessions", "open sessions"),
            zones: not_asked("ec2:DescribeAvailabilityZones", "the zones"),
            calendar: not_asked("ssm:GetCalendarState", "the change calendar"),
            mount: None,
            ask: None,
            history: history.into(),
            preflight: None,
            disk: DiskFact::NotRead,
            survey: None,
        }
    }

    /// Asks which volumes the instance has, and everything about the one that its host
    /// has named as full.
    pub async fn volumes(&self, look: &impl Look, seen: &Seen) -> DiskFact {
        let volumes: Fact<Vec<Volume>> = look.volumes(&self.instance_id).await.into();
        let id = match (&volumes, &self.survey) {
            (Fact::Known(volumes), Some(Survey { said: Some(Surveyed::Disk(disk)), .. })) => {
                disk.disk.as_ref().and_then(|disk| named(volumes, disk.as_str()))
            }
            _ => None,
        };
        let named = match id {
            Some(volume) => Some(Box::new(self.read_volume(look, &volume.id, seen).await)),
            None => None,
        };
        DiskFact::Read { volumes, named }
    }

    async fn read_volume(&self, look: &impl Look, id: &VolumeId, seen: &Seen) -> NamedVolume {
        let (modification, book, levels) = future::join3(
            look.modification(id),
            look.growths(id, self.observed_at),
            levels(look, seen, self.observed_at),
        )
        .await;
        NamedVolume {
            id: id.clone(),
            modification: modification.into(),
            book: book.into(),
            levels,
            rings_at: seen.threshold.and_then(|threshold| seen.level(threshold)),
        }
    }

    /// Asks everything else that a disruption of the instance asks about. Asks
    /// nothing about an instance of which nothing is known.
    pub async fn read_for_disruption(&mut self, look: &impl Look, symptom: Symptom) {
        let Fact::Known(Some(instance)) = &self.instance else { return };
        let name = self.group_name().cloned();
        let pool = Pool::of(name.as_ref(), &instance.tags);
        let (group, (pool, sessions, instance_store, zones)) = future::join(
            group_named(look, name.as_ref()),
            future::join4(
                look.pool(&pool, symptom, self.observed_at),
                look.sessions(&self.instance_id),
                look.instance_store(&instance.instance_type),
                look.zones(),
            ),
        )
        .await;
        self.group = group;
        self.sessions = sessions.into();
        self.zones = zones.into();
        self.disruption =
            DisruptionFact::Read { pool: pool.into(), instance_store: instance_store.into() };
    }

    /// Asks what the owners say about `rung` besides the tags that are read for each: those of
    /// its group where they hold a cleanup back as well, and the change calendars.
    pub async fn read_owners_word(
        &mut self,
        look: &impl Look,
        (rung, symptom): (Option<Rung>, Symptom),
        policy: &Policy,
    ) {
        let cleans = rung.is_some_and(|rung| !rung.is_disruptive());
        let hears_group = symptom.is_mended_by_a_start() || self.calendars(policy).all;
        if cleans
            && hears_group
            && self.group == GroupFact::NotRead
            && let Some(name) = self.group_name().cloned()
        {
            let refresh = not_asked("autoscaling:DescribeInstanceRefreshes", "the refresh");
            self.group = GroupFact::Read { group: look.group(&name).await.into(), refresh };
        }
        self.read_calendar(look, rung, policy).await;
    }

    /// Asks EC2 how it calls the zones.
    pub async fn read_zones(&mut self, look: &impl Look) {
        self.zones = look.zones().await.into();
    }

    async fn read_calendar(&mut self, look: &impl Look, rung: Option<Rung>, policy: &Policy) {
        let calendars = self.calendars(policy);
        let asks = rung.is_some_and(|rung| calendars.all || rung.is_disruptive());
        if asks && calendars.names.is_empty() {
            self.calendar = Fact::Known(None);
        } else if asks {
            self.calendar = look.calendar(&calendars, self.observed_at).await.map(Some).into();
        }
    }

    /// The change calendars that the instance is under, as far as the tags are known.
    pub fn calendars(&self, policy: &Policy) -> Calendars {
        Calendars::of(&policy.calendars, self.owners_tags().into_iter().map(|(_, tags)| tags))
    }

    /// For which rungs the owners of the instance, its group or the alarm want to be asked.
    pub fn asks(&self) -> Ask {
        let tags = self.owners_tags().into_iter().filter_map(|(_, tags)| tags.get(ASK_TAG));
        Ask::of(tags.chain(&self.ask).map(String::as_str))
    }

    /// The tags of the instance and of its group, as far as they are known, and whose they are.
    pub fn owners_tags(&self) -> Vec<(&'static str, &BTreeMap<String, String>)> {
        let of_instance = match &self.instance {
            Fact::Known(Some(instance)) => Some(("the instance", &instance.tags)),
            _ => None,
        };
        let of_group = match &self.group {
            GroupFact::Read { group: Fact::Known(Some(group)), .. } => {
                Some(("its group", &group.tags))
            }
            _ => None,
        };
        [of_instance, of_group].into_iter().flatten().collect()
    }

    /// The instance's Availability Zone, where that is known.
    pub fn zone(&self) -> Option<&str> {
        match &self.instance {
            Fact::Known(Some(instance)) => Some(instance.zone.as_str()),
            _ => None,
        }
    }

    /// Asks whether anybody has a session open on the instance.
    pub async fn read_sessions(&mut self, look: &impl Look) {
        self.sessions = look.sessions(&self.instance_id).await.into();
    }

    /// Asks about the group of that name, which the instance may have left.
    pub async fn read_group_named(&mut self, look: &impl Look, name: Option<&GroupName>) {
        self.group = group_named(look, name).await;
    }

    /// Adds what noting the instance as sick told about others. If it could not
    /// be noted, who is sick is not known.
    pub fn learn_who_is_sick(&mut self, noted: Result<Vec<Sighting>, CallFailed>) {
        let DisruptionFact::Read { pool, .. } = &mut self.disruption else { return };
        match (noted, &mut *pool) {
            (Ok(sick), Fact::Known(book)) => {
                for sighting in sick {
                    if !book.sick.contains(&sighting) {
                        book.sick.push(sighting);
                    }
                }
            }
            (Err(failed), Fact::Known(_)) => *pool = Fact::Unknown(failed.into()),
            (_, Fact::Unknown(_)) => {}
        }
    }

    /// The instance's newest incident, where the ledger could be read.
    pub fn latest(&self) -> Option<&Incident> {
        match &self.history {
            Fact::Known(history) => history.latest.as_ref(),
            Fact::Unknown(_) => None,
        }
    }

    /// The instance's pool, where it is known which that is.
    pub fn pool(&self) -> Option<Pool> {
        match (&self.instance, &self.membership) {
            (Fact::Known(Some(instance)), Fact::Known(_)) => {
                Some(Pool::of(self.group_name(), &instance.tags))
            }
            _ => None,
        }
    }

    /// What the instance's owner allows a cleanup besides, as far as its tags are known.
    pub fn opt_ins(&self) -> BTreeSet<CleanupOptIn> {
        match &self.instance {
            Fact::Known(Some(instance)) => CleanupOptIn::of_tags(&instance.tags),
            _ => BTreeSet::new(),
        }
    }

    /// What others with the same symptom may share with the instance, where
    /// that is known.
    pub fn sighting(&self) -> Option<Sighting> {
        let Fact::Known(Some(instance)) = &self.instance else { return None };
        let version = match &self.membership {
            Fact::Known(Some(membership)) => membership.launch_template_version.clone(),
            _ => None,
        };
        Some(Sighting {
            instance: self.instance_id.clone(),
            at: self.observed_at,
            zone: instance.zone.clone(),
            image: instance.image.clone(),
            launch_template_version: version,
        })
    }

    /// The instance's earlier incidents, where the ledger could be read: without
    /// the one that is open.
    pub fn past(&self) -> Vec<Past> {
        match self.latest() {
            Some(open) if open.holds(self.observed_at) => open.past.clone(),
            Some(latest) => latest.past_so_far(self.observed_at),
            None => Vec::new(),
        }
    }

    /// The name of the instance's group, where that is known.
    pub fn group_name(&self) -> Option<&GroupName> {
        match &self.membership {
            Fact::Known(Some(membership)) => Some(&membership.group),
            _ => None,
        }
    }

    /// The platform: the agent's own word first, then EC2's.
    pub fn platform(&self) -> Option<Platform> {
        let by_agent = match &self.agent {
            Fact::Known(Some(agent)) => agent.platform,
            _ => None,
        };
        by_agent.or(match &self.instance {
            Fact::Known(Some(instance)) => Some(instance.platform),
            _ => None,
        })
    }
}

/// How far back it is looked how fast a disk fills: as far as a query could always look
/// (`CloudWatch` user guide, "`CloudWatch` Metrics Insights service quotas").
const LAST_HOURS: SignedDuration = SignedDuration::from_hours(3);

/// How full the file system was in the last hours.
async fn levels(look: &impl Look, seen: &Seen, now: Timestamp) -> Option<Fact<Vec<Datapoint>>> {
    let series = seen.series.as_ref().filter(|_| seen.level(0.0).is_some())?;
    let level = |datapoint: Datapoint| {
        let value = seen.level(datapoint.value).unwrap_or(datapoint.value);
        Datapoint { value, ..datapoint }
    };
    let values = look.datapoints(series, now - LAST_HOURS, now).await;
    Some(values.map(|values| values.into_iter().map(level).collect()).into())
}

/// Which of the instance's volumes the host's disk is. An `NVMe` disk has the volume's id as its
/// serial, without the hyphen; a Xen disk has the name of the attachment, which may begin
/// with `sd` where the kernel says `xvd` (EBS user guide, "Map Amazon EBS volumes to `NVMe`
/// device names"; EC2 user guide, "Device names for volumes on Amazon EC2 instances").
pub fn named<'a>(volumes: &'a [Volume], disk: &str) -> Option<&'a Volume> {
    let by_serial = |volume: &&Volume| volume.id.as_str().replacen('-', "", 1) == disk;
    let short = |device: &str| {
        let name = device.trim_start_matches("/dev/");
        name.strip_prefix("xvd").or(name.strip_prefix("sd")).map(str::to_owned)
    };
    let by_name = |volume: &&Volume| {
        let attached = volume.device.as_deref().and_then(short);
        attached.is_some() && attached == disk.strip_prefix("xvd").map(str::to_owned)
    };
    volumes.iter().find(by_serial).or_else(|| volumes.iter().find(by_name))
}

fn not_asked<T>(call: &'static str, what: &'static str) -> Fact<T> {
    Fact::Unknown(Unknown::NotAsked { call, what })
}

async fn group_named(look: &impl Look, name: Option<&GroupName>) -> GroupFact {
    let Some(name) = name else { return GroupFact::NotRead };
    let (group, refresh) = future::join(look.group(name), look.refresh(name)).await;
    GroupFact::Read { group: group.into(), refresh: refresh.into() }
}
