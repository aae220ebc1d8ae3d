//! Who plays: the hosts and groups of a plot by their names, and what its
//! lines do to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::Symptom;
use remedy::model::busy::BUSY_TAG;
use remedy::model::calendar::CALENDAR_TAG;
use remedy::model::ids::{GroupName, InstanceId};
use remedy::model::incident::Rung;
use remedy::model::managed_node::{MANAGED_TAG, ManagedBy};
use remedy::model::pause::{Pause, Scope};
use remedy::model::platform::Platform;
use remedy::model::policy::{DATA_TAG, DISPOSABLE, MAX_RUNG_TAG, OPT_IN_TAG};
use remedy::model::question::ASK_TAG;
use remedy::ports::look::ScheduledEvent;

use super::plot::{GroupLine, Line, PauseOf, Plot, Rings, Setting, Trait, What};
use crate::Region;
use crate::fleet::REGION;
use crate::group::Group;
use crate::host::{AgentIs, Host};
use crate::quota::Quotas;
use crate::region::ZONES;
use crate::watch::Watch;

/// What a member weighs where weights count.
const WEIGHT: u32 = 4;

/// What a node of a cluster is known by (EKS user guide, "Self-managed nodes").
pub(crate) const NODE_TAG: &str = "kubernetes.io/cluster/shop";

/// What the tag says of those whose owner is asked first.
const ASKS: &str = "reboot replace 10";

/// And where silence is consent.
const ASKS_OR_ACTS: &str = "reboot replace 5 act";

/// The change calendar that some are under.
pub(crate) const CALENDAR: &str = "freeze";

/// Who plays.
#[derive(Debug, Default)]
pub(crate) struct Cast {
    hosts: BTreeMap<String, InstanceId>,
    groups: BTreeMap<String, GroupName>,
}

impl Cast {
    /// Everybody of `plot` enters `region`, with the alarms that watch them.
    pub(crate) fn enters(plot: &Plot, region: &Region) -> Self {
        let mut cast = Self::default();
        let mut fleets = Vec::new();
        for (place, line) in plot.lines.iter().enumerate() {
            match line {
                Line::Group(group) => {
                    cast.group_enters(group, place, region);
                    fleets.extend(group.is(Trait::FleetAlarm).then(|| format!("{}/", group.name)));
                }
                Line::Server(name) => cast.host_enters(name, (place, 0), region),
                Line::Otherwise(answer) => region.answers_otherwise(*answer),
                Line::Quotas => region.grant(Quotas::default()),
                Line::Alarm(..)
                | Line::Setting(..)
                | Line::Disk(..)
                | Line::Grows(..)
                | Line::Happens(..) => {}
            }
        }
        for line in &plot.lines {
            let Line::Grows(name, cap, snapshot) = line else { continue };
            if let Some(id) = cast.hosts.get(name) {
                region.with_host(id, |host| {
                    (host.disk.cap_gib, host.disk.snapshot_first) = (Some(*cap), *snapshot);
                });
                region.measured_before(id);
            }
        }
        let mut watched = Vec::new();
        for line in &plot.lines {
            let Line::Happens(_, What::Trouble(name, trouble)) = line else { continue };
            let Some(id) = cast.hosts.get(name) else { continue };
            if !watched.contains(&(name, trouble.symptom)) {
                watched.push((name, trouble.symptom));
                let fleet = fleets.iter().any(|fleet| name.starts_with(fleet));
                let mut watch = watch(name, id, trouble.symptom, fleet, region);
                plot.lines.iter().for_each(|line| tune(&mut watch, name, line));
                if watch.symptom == Symptom::DiskFull {
                    region.with_host(id, |host| host.file_system = watch.file_system);
                }
                region.add_watch(watch);
            }
        }
        cast
    }

    fn group_enters(&mut self, line: &GroupLine, place: usize, region: &Region) {
        let Ok(name) = GroupName::new(format!("{}-asg", line.name)) else { return };
        let mut group = Group::behind_load_balancer(line.size);
        (group.min, group.max) = (line.min, line.max);
        let checks = [
            ("ELB", Trait::LoadBalancer),
            ("VPC_LATTICE", Trait::Lattice),
            ("EBS", Trait::ChecksDisks),
        ];
        let checks = checks.into_iter().filter(|(_, so)| line.is(*so)).map(|(check, _)| check);
        group.health_checks = checks.chain(["EC2"]).map(str::to_owned).collect();
        let traffic = [Trait::LoadBalancer, Trait::Unasked, Trait::Lattice];
        group.receives_traffic = traffic.into_iter().any(|so| line.is(so));
        if line.is(Trait::Weighted) {
            group.weight = Some(WEIGHT);
            for size in [&mut group.min, &mut group.max, &mut group.desired] {
                *size *= WEIGHT;
            }
        }
        if line.is(Trait::LaunchesFirst) {
            group.maintenance = Some((100, 120));
        }
        if line.is(Trait::NotOptedIn) {
            group.tags.remove(OPT_IN_TAG);
        }
        for number in 1..=line.size {
            let member = format!("{}/{number}", line.name);
            self.host_enters(&member, (place, number), region);
            if let Some(id) = self.hosts.get(&member) {
                group.admit(id.clone());
                let tags = [
                    (DATA_TAG, DISPOSABLE, Trait::Disposable),
                    (MAX_RUNG_TAG, Rung::Reboot.name(), Trait::OnlyReboots),
                    (NODE_TAG, "owned", Trait::Nodes),
                ];
                for (tag, value, _) in tags.into_iter().filter(|(.., so)| line.is(*so)) {
                    region.with_host(id, |host| {
                        host.instance.tags.insert(tag.to_owned(), value.to_owned());
                    });
                }
            }
        }
        if line.is(Trait::NodesLetBe) {
            let kind = ManagedBy::Kubernetes.name();
            group.tags.insert(MANAGED_TAG.to_owned(), kind.to_owned());
        }
        for (asks, value) in [(Trait::Asks, ASKS), (Trait::AsksOrActs, ASKS_OR_ACTS)] {
            if line.is(asks) {
                group.tags.insert(ASK_TAG.to_owned(), value.to_owned());
            }
        }
        if line.is(Trait::Calendar) {
            group.tags.insert(CALENDAR_TAG.to_owned(), CALENDAR.to_owned());
        }
        let protected = line.is(Trait::Protected);
        group.protects_new = protected;
        group.members.values_mut().for_each(|member| member.protected = protected);
        region.add_group(name.clone(), group);
        self.groups.insert(line.name.clone(), name);
    }

    fn host_enters(&mut self, name: &str, (place, number): (usize, u32), region: &Region) {
        let Ok(id) = InstanceId::new(format!("i-0a{place:05x}{number:010x}")) else { return };
        let zone = ZONES.get(number as usize % ZONES.len()).unwrap_or(&"eu-central-1a");
        region.add_host(id.clone(), Host::healthy(zone));
        self.hosts.insert(name.to_owned(), id);
    }

    /// The name of an instance in the plot, if it has one there.
    pub(crate) fn name(&self, id: &InstanceId) -> Option<&str> {
        self.hosts.iter().find(|(_, other)| *other == id).map(|(name, _)| name.as_str())
    }

    /// The names of all instances, by their ids.
    pub(crate) fn names(&self) -> BTreeMap<InstanceId, String> {
        self.hosts.iter().map(|(name, id)| (id.clone(), name.clone())).collect()
    }

    /// What a line says begins. Gives the instances and groups it changes in a
    /// way that Remedy has to respect.
    pub(crate) fn begins(&self, region: &Region, what: &What) -> Vec<String> {
        match what {
            What::Trouble(..)
            | What::Recovers(_)
            | What::AgentDies(_)
            | What::Cleanup(..)
            | What::Boot(..)
            | What::BadFstab(_)
            | What::Windows(_)
            | What::Impaired(..)
            | What::Installs(..)
            | What::Scheduled(..)
            | What::Unmeasured(..) => {
                self.host_changes(region, what);
                Vec::new()
            }
            What::Tag(of, value) => self.host(of, |id| {
                region.with_host(id, |host| tag(&mut host.instance.tags, *value));
            }),
            What::GroupTag(of, value) => self.group(of, |name| {
                region.with_group(name, |group| tag(&mut group.tags, *value));
            }),
            What::LogsIn(to, _) => self.host(to, |id| {
                region.with_host(id, |host| {
                    host.persons += 1;
                    host.sessions += 1;
                });
            }),
            What::Busy(..)
            | What::GroupBusy(..)
            | What::BusyUnclear(..)
            | What::AtWork(..)
            | What::Closes(_)
            | What::ZoneUnwell(..) => self.work(region, what, true),
            What::Stops(it, _) => self.host(it, |id| region.stop(id)),
            What::Terminates(it) => self.host(it, |id| region.terminate(id)),
            What::ScalesIn(it) => self.host(it, |id| region.scale_in(id)),
            What::Launched(on) => self.host(on, |id| region.is_launched(id)),
            What::Grows(it) => self.group(it, |name| region.grow(name)),
            What::Mutes(of, _) => self.host(of, |id| {
                region.with_watches(id, |watch| watch.muted = true);
            }),
            What::Pauses(of, lasts) => {
                if let Some(scope) = self.scope(of) {
                    let pause = pause(scope, region.now(), *lasts);
                    region.with_book(|book| {
                        book.pause(&pause);
                    });
                }
                Vec::new()
            }
            What::Refreshes(it, _) => self.group(it, |name| {
                region.with_group(name, |group| group.refresh = Some("InProgress".to_owned()));
            }),
            What::Suspends(of, process, _) => self.group(of, |name| {
                region.with_group(name, |group| {
                    group.suspended.insert((*process).to_owned());
                });
            }),
            What::SickImage(trouble) => {
                region.launch_with(Some(*trouble));
                Vec::new()
            }
            calls => {
                calls_begin(region, calls);
                Vec::new()
            }
        }
    }

    /// What a line says is over.
    pub(crate) fn ends(&self, region: &Region, what: &What) -> Vec<String> {
        match what {
            What::Impaired(on, _) => {
                self.change(region, on, |host| host.status.system_impaired = false);
                Vec::new()
            }
            What::Installs(on, _) => {
                self.change(region, on, |host| {
                    host.installations = host.installations.saturating_sub(1);
                });
                Vec::new()
            }
            What::Unmeasured(on, _) => {
                self.change(region, on, |host| host.measured = true);
                Vec::new()
            }
            What::LogsIn(to, _) => self.host(to, |id| {
                region.with_host(id, |host| {
                    host.persons = host.persons.saturating_sub(1);
                    host.sessions = host.sessions.saturating_sub(1);
                });
            }),
            What::BusyUnclear(..) | What::AtWork(..) => self.work(region, what, false),
            What::ZoneUnwell(zone, ..) => {
                region.call_zone(zone, "available");
                vec![(*zone).to_owned()]
            }
            What::Stops(it, _) => self.host(it, |id| region.start(id)),
            What::Mutes(of, _) => self.host(of, |id| {
                region.with_watches(id, |watch| watch.muted = false);
            }),
            What::Refreshes(it, _) => self.group(it, |name| {
                region.with_group(name, |group| group.refresh = None);
            }),
            What::Suspends(of, process, _) => self.group(of, |name| {
                region.with_group(name, |group| {
                    group.suspended.remove(*process);
                });
            }),
            What::Outage(verb, ..) => {
                region.mend_call(*verb);
                Vec::new()
            }
            What::Lag { .. } => {
                region.describe_late(None);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn host_changes(&self, region: &Region, what: &What) {
        let now = region.now();
        match what {
            What::Trouble(on, trouble) => {
                self.change(region, on, |host| host.trouble = Some(*trouble));
            }
            What::Recovers(on) => self.change(region, on, |host| host.trouble = None),
            What::AgentDies(on) => self.change(region, on, |host| {
                if host.agent == AgentIs::Answering {
                    host.agent = AgentIs::SilentSince(now);
                }
            }),
            What::Cleanup(on, script) => self.change(region, on, |host| host.script = *script),
            What::BadFstab(on) => self.change(region, on, |host| {
                (host.fstab_ok, host.boot_takes) = (false, None);
            }),
            What::Boot(on, takes) => self.change(region, on, |host| host.boot_takes = *takes),
            What::Impaired(on, _) => {
                self.change(region, on, |host| host.status.system_impaired = true);
            }
            What::Unmeasured(on, _) => self.change(region, on, |host| host.measured = false),
            What::Windows(on) => self.change(region, on, |host| {
                host.instance.platform = Platform::Windows;
            }),
            What::Installs(on, _) => self.change(region, on, |host| host.installations += 1),
            What::Scheduled(on, code) => self.change(region, on, |host| {
                let not_before = Some(now + SignedDuration::from_hours(24));
                host.status.scheduled = Some(ScheduledEvent { code: code.clone(), not_before });
            }),
            _ => {}
        }
    }

    /// Somebody's work begins, or is over, or a window closes. A tag with a time ends by itself.
    fn work(&self, region: &Region, what: &What, begins: bool) -> Vec<String> {
        let now = region.now();
        let until = |lasts: &SignedDuration| Some((now + *lasts).to_string());
        let says = |tags: &mut BTreeMap<String, String>, value: Option<String>| {
            match value {
                Some(value) => tags.insert(BUSY_TAG.to_owned(), value),
                None => tags.remove(BUSY_TAG),
            };
        };
        match what {
            What::Busy(on, lasts) => self.host(on, |id| {
                region.with_host(id, |host| says(&mut host.instance.tags, until(lasts)));
            }),
            What::BusyUnclear(on, _) => self.host(on, |id| {
                let value = begins.then(|| "when we are done".to_owned());
                region.with_host(id, |host| says(&mut host.instance.tags, value));
            }),
            What::GroupBusy(on, lasts) => self.group(on, |name| {
                region.with_group(name, |group| says(&mut group.tags, until(lasts)));
            }),
            What::Closes(lasts) => {
                region.close_calendar(CALENDAR, *lasts);
                vec![CALENDAR.to_owned()]
            }
            What::ZoneUnwell(zone, state, _) => {
                region.call_zone(zone, state);
                vec![(*zone).to_owned()]
            }
            What::AtWork(on, _) => self.host(on, |id| region.protect(id, begins)),
            _ => Vec::new(),
        }
    }

    fn scope(&self, of: &PauseOf) -> Option<Scope> {
        match of {
            PauseOf::All => Some(Scope::All),
            PauseOf::Group(name) => self.groups.get(name).cloned().map(Scope::Group),
            PauseOf::Host(name) => self.hosts.get(name).cloned().map(Scope::Instance),
            PauseOf::Symptom(symptom) => Some(Scope::Symptom(*symptom)),
            PauseOf::Zone(name) => Some(Scope::Zone((*name).to_owned())),
        }
    }

    fn change(&self, region: &Region, name: &str, change: impl FnOnce(&mut Host)) {
        if let Some(id) = self.hosts.get(name) {
            region.with_host(id, change);
        }
    }

    fn host(&self, name: &str, change: impl FnOnce(&InstanceId)) -> Vec<String> {
        let id = self.hosts.get(name);
        id.map(change);
        id.map(InstanceId::to_string).into_iter().collect()
    }

    fn group(&self, name: &str, change: impl FnOnce(&GroupName)) -> Vec<String> {
        let name = self.groups.get(name);
        name.map(change);
        name.map(GroupName::to_string).into_iter().collect()
    }
}

fn pause(scope: Scope, now: Timestamp, lasts: SignedDuration) -> Pause {
    Pause {
        scope,
        reason: "we are working on it".to_owned(),
        owner: "an operator".to_owned(),
        since: now,
        until: now + lasts,
        harm: false,
    }
}

fn watch(name: &str, id: &InstanceId, symptom: Symptom, fleet: bool, region: &Region) -> Watch {
    let mut watch = Watch::new(symptom, id.clone(), region.now() - SignedDuration::from_hours(1));
    watch.name = if fleet {
        format!("fleet-{symptom}")
    } else {
        format!("{}-{symptom}", name.replace('/', "-"))
    };
    watch.fleet = fleet;
    watch
}

/// What a line says about the alarm `watch` of the host. One alarm for a whole
/// fleet is the same for everybody in it, and none on what is unusual can be.
fn tune(watch: &mut Watch, host: &str, line: &Line) {
    match line {
        Line::Alarm(of, symptom, rings)
            if of == host && *symptom == watch.symptom && !watch.fleet =>
        {
            let (lower, upper) = match rings {
                Rings::Above(threshold) => (None, threshold),
                Rings::Outside(lower, upper) => (Some(f64::from(*lower)), upper),
            };
            (watch.unusual_below, watch.threshold) = (lower, f64::from(*upper));
        }
        Line::Setting(of, symptom, setting)
            if of == host && *symptom == watch.symptom && !watch.fleet =>
        {
            match setting {
                Setting::Disabled => watch.actions_enabled = false,
                Setting::Acts(action) => {
                    watch.actions = vec![format!("arn:aws:automate:{REGION}:ec2:{action}")];
                }
                Setting::Comes(comes) => watch.comes = *comes,
                Setting::Minutes(minutes) => watch.period = SignedDuration::from_mins(*minutes),
                Setting::Counts => watch.counts = true,
            }
        }
        Line::Disk(of, which, named) if of == host && watch.symptom == Symptom::DiskFull => {
            (watch.file_system, watch.names_path) = (*which, *named);
        }
        _ => {}
    }
}

fn tag(tags: &mut BTreeMap<String, String>, value: Option<&str>) {
    match value {
        Some(value) => tags.insert(OPT_IN_TAG.to_owned(), value.to_owned()),
        None => tags.remove(OPT_IN_TAG),
    };
}

fn calls_begin(region: &Region, what: &What) {
    match what {
        What::Outage(verb, fault, _) => region.break_call(*verb, fault.clone()),
        What::Hiccup(verb, fault) => region.trip_call(*verb, fault.clone()),
        What::Lag { behind, .. } => region.describe_late(Some(*behind)),
        What::Death { calls, takes_effect } => region.dies_after(*calls, *takes_effect),
        _ => {}
    }
}
