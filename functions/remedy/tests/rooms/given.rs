//! What the rows start from: an alarm that may be acted on, and facts in good
//! order. Each row changes one thing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use remedy::model::alarm::{Alarm, AlarmState, Envelope, Evidence, Symptom};
use remedy::model::ids::{GroupName, IncidentId, InstanceId, MountPoint, TransitionId};
use remedy::model::incident::{Attempt, Incident, Rung, Stage};
use remedy::model::platform::Platform;
use remedy::model::policy::{Mode, Policy};
use remedy::model::pool::{Lease, Pool, PoolBook, Sighting};
use remedy::model::seen::Seen;
use remedy::model::series::{Bad, Series, Statistic, Unit};
use remedy::model::unknown::{CallFailed, Unknown};
use remedy::observe::facts::{DiskFact, DisruptionFact, Fact, Facts, GroupFact};
use remedy::ports::look::{
    Agent, AlarmSettings, CapacityUnit, Group, History, Instance, InstanceState, Member,
    Membership, StatusChecks, Zone,
};

/// When the facts were read.
pub(crate) fn now() -> Timestamp {
    "2026-11-20T03:14:00Z".parse().unwrap()
}

/// Some minutes before `now`.
pub(crate) fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// An alarm that went off a minute ago, by a datapoint.
pub(crate) fn alarm(symptom: Symptom) -> Alarm {
    Alarm {
        envelope: Envelope::StateChange,
        name: "web-alarm".to_owned(),
        arn: Some("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:web-alarm".to_owned()),
        account: Some("111122223333".to_owned()),
        region: Some("eu-central-1".to_owned()),
        instance_id: InstanceId::new("i-0a1b2c3d4e5f60718").unwrap(),
        watched: 1,
        symptom,
        state: AlarmState::Alarm,
        changed_at: ago(1),
        metric: "CWAgent something_percent".to_owned(),
        unit: Some(Unit::Percent),
        mount: (symptom == Symptom::DiskFull).then(|| MountPoint::new("/var").unwrap()),
        series: Some(Series {
            namespace: "CWAgent".to_owned(),
            name: "something_percent".to_owned(),
            dimensions: BTreeMap::new(),
            exact: true,
            bad: Bad::Up,
            unit: Some(Unit::Percent),
            statistic: Statistic::Average,
            period: 60,
            scope: None,
        }),
        evidence: Evidence::Measured { value: Some(96.4), threshold: Some(90.0) },
        hint: None,
        reason: "Threshold Crossed".to_owned(),
        muted: None,
        suppressed_by: None,
        observe: false,
        limit: None,
        ask: None,
        request_id: None,
    }
}

/// An instance that runs, opted in, with an agent that answers, in service in
/// an opted-in group behind a load balancer, and no incident.
pub(crate) fn facts() -> Facts {
    Facts {
        instance_id: alarm(Symptom::HighCpu).instance_id,
        observed_at: now(),
        instance: Fact::Known(Some(Instance {
            state: InstanceState::Running,
            tags: tags("enabled"),
            zone: "eu-central-1a".to_owned(),
            launched_at: Some(ago(10)),
            image: "ami-0d1e2f3a4b5c6d7e8".to_owned(),
            instance_type: "m7g.large".to_owned(),
            root_is_ebs: true,
            auto_recovers: false,
            platform: Platform::Linux,
        })),
        status: Fact::Known(Some(StatusChecks {
            system_impaired: false,
            instance_impaired: false,
            volume_impaired: false,
            performance: None,
            initializing: false,
            application_impaired: None,
            scheduled: None,
        })),
        agent: Fact::Known(Some(Agent {
            online: true,
            last_ping: Some(ago(4)),
            platform: Some(Platform::Linux),
        })),
        membership: Fact::Known(Some(Membership {
            group: GroupName::new("web-asg").unwrap(),
            lifecycle: "InService".to_owned(),
            healthy: true,
            protected: false,
            launch_template_version: None,
        })),
        group: in_good_order(),
        disruption: DisruptionFact::Read {
            pool: Fact::Known(PoolBook::default()),
            instance_store: Fact::Known(false),
        },
        alarm: Fact::Known(Some(AlarmSettings {
            state: Some(AlarmState::Alarm),
            actions_enabled: true,
            actions: Vec::new(),
        })),
        alarm_limit: None,
        sessions: Fact::Known(0),
        ask: None,
        zones: Fact::Known(zones("available")),
        calendar: Fact::Known(None),
        mount: MountPoint::new("/").ok(),
        history: Fact::Known(History::default()),
        preflight: None,
        disk: DiskFact::Read { volumes: Fact::Known(Vec::new()), named: None },
        survey: None,
    }
}

/// The group of the instance.
fn in_good_order() -> GroupFact {
    GroupFact::Read {
        group: Fact::Known(Some(Group {
            tags: tags("enabled"),
            min: 1,
            max: 4,
            desired: 3,
            unit: CapacityUnit::Units,
            members: members(3, 3),
            receives_traffic: true,
            health_checks: ["EC2", "ELB"].map(str::to_owned).into(),
            suspended: BTreeSet::new(),
            maintenance: None,
            protects_new: false,
        })),
        refresh: Fact::Known(None),
    }
}

/// The zones of the region, of which the second is in this state.
pub(crate) fn zones(of_the_second: &str) -> Vec<Zone> {
    let zone = |name: &str, state: &str| Zone {
        name: name.to_owned(),
        state: state.to_owned(),
        says: Vec::new(),
    };
    vec![
        zone("eu-central-1a", "available"),
        zone("eu-central-1b", of_the_second),
        zone("eu-central-1c", "available"),
    ]
}

/// So many members, the instance first, of which the first are healthy; in three zones by turns.
pub(crate) fn members(count: u32, healthy: u32) -> Vec<Member> {
    (0..count)
        .map(|n| Member {
            instance: match n {
                0 => alarm(Symptom::HighCpu).instance_id,
                _ => InstanceId::new(format!("i-{n:08x}")).unwrap(),
            },
            lifecycle: "InService".to_owned(),
            healthy: n < healthy,
            weight: None,
            zone: format!("eu-central-1{}", ["a", "b", "c"][n as usize % 3]),
        })
        .collect()
}

/// A group that wants so many, and has as many members, of which the first are healthy.
pub(crate) fn serving(facts: &mut Facts, desired: u32, healthy: u32) {
    group(facts).desired = desired;
    group(facts).members = members(desired, healthy);
}

/// The policy as it comes, allowed to act.
pub(crate) fn policy() -> Policy {
    Policy { mode: Mode::Act, ..Policy::default() }
}

/// Tags with the opt-in tag set to `value`.
pub(crate) fn tags(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("auto-remediation".to_owned(), value.to_owned())])
}

/// A gap in the facts.
pub(crate) fn unknown(call: &'static str) -> Unknown {
    call_failed(call).into()
}

/// A call that failed.
pub(crate) fn call_failed(call: &'static str) -> CallFailed {
    CallFailed { call, why: "ThrottlingException: Rate exceeded".to_owned() }
}

/// An incident of another alarm on the instance, opened half an hour ago and
/// still open.
pub(crate) fn incident(symptom: Symptom) -> Incident {
    let other =
        Alarm { name: "other".to_owned(), changed_at: ago(31), arn: None, ..alarm(symptom) };
    Incident {
        id: other.incident_id(),
        transition_id: other.transition_id(),
        answered: Vec::new(),
        instance_id: other.instance_id.clone(),
        symptom,
        seen: Seen::of(&other),
        group: None,
        mount: other.mount.clone(),
        opt_ins: std::collections::BTreeSet::new(),
        stage: Stage::Cleaning,
        stage_since: ago(30),
        quiet_since: None,
        attempts: vec![attempt(Rung::Cleanup)],
        preflight: None,
        testimony: None,
        conflicting_since: None,
        evidence: None,
        gathering: None,
        survey: None,
        question: None,
        standby: None,
        lease: None,
        rests_until: None,
        past: Vec::new(),
        held_back: None,
        stays_out: false,
        queued: Vec::new(),
        dropped: 0,
        ended_since: None,
        closing_until: None,
        timeline: Vec::new(),
        opened_at: ago(30),
        due_at: ago(29),
        expires_at: now() + SignedDuration::from_mins(150),
        version: 2,
    }
}

/// A try at `rung`, half an hour ago.
pub(crate) fn attempt(rung: Rung) -> Attempt {
    Attempt {
        changed_host: None,
        rung,
        claimed_at: ago(30),
        command_id: None,
        refused: None,
        failed: None,
        said: None,
        still_set: None,
        growth: None,
        asked_again: 0,
        asked_at: None,
        shared_comment: None,
        not_back: false,
    }
}

/// The incident `alarm` opened, closed since.
pub(crate) fn its_own(alarm: &Alarm) -> Incident {
    let transition_id: TransitionId = alarm.transition_id();
    Incident { transition_id, stage: Stage::Resolved, ..incident(alarm.symptom) }
}

/// The instance, to be changed.
pub(crate) fn instance(facts: &mut Facts) -> &mut Instance {
    match &mut facts.instance {
        Fact::Known(Some(instance)) => instance,
        other => panic!("no instance: {other:?}"),
    }
}

/// The agent, to be changed.
pub(crate) fn agent(facts: &mut Facts) -> &mut Agent {
    match &mut facts.agent {
        Fact::Known(Some(agent)) => agent,
        other => panic!("no agent: {other:?}"),
    }
}

/// The membership, to be changed.
pub(crate) fn membership(facts: &mut Facts) -> &mut Membership {
    match &mut facts.membership {
        Fact::Known(Some(membership)) => membership,
        other => panic!("no membership: {other:?}"),
    }
}

/// The group, to be changed.
pub(crate) fn group(facts: &mut Facts) -> &mut Group {
    match &mut facts.group {
        GroupFact::Read { group: Fact::Known(Some(group)), .. } => group,
        other => panic!("no group: {other:?}"),
    }
}

/// Makes the agent one that stopped answering.
pub(crate) fn silence(facts: &mut Facts) {
    agent(facts).online = false;
    agent(facts).last_ping = Some(ago(30));
}

/// Takes the instance out of its group.
pub(crate) fn alone(facts: &mut Facts) {
    facts.membership = Fact::Known(None);
    facts.group = GroupFact::NotRead;
}

/// The incident of `alarm`'s instance before this one, which a cleanup ended
/// some minutes ago.
pub(crate) fn before(symptom: Symptom, minutes: i64) -> Incident {
    Incident {
        stage: Stage::Resolved,
        stage_since: ago(minutes),
        opened_at: ago(minutes + 10),
        ..incident(symptom)
    }
}

/// What the ledger holds about the instance, to be changed.
pub(crate) fn history(facts: &mut Facts) -> &mut History {
    match &mut facts.history {
        Fact::Known(history) => history,
        Fact::Unknown(unknown) => panic!("no history: {unknown}"),
    }
}

/// What the ledger holds about the pool, to be changed.
pub(crate) fn pool(facts: &mut Facts) -> &mut PoolBook {
    match &mut facts.disruption {
        DisruptionFact::Read { pool: Fact::Known(pool), .. } => pool,
        other => panic!("no pool: {other:?}"),
    }
}

/// A lease that another incident holds on `slot` of the group, for an hour.
pub(crate) fn lease(slot: u32) -> Lease {
    Lease {
        pool: Pool::Group(GroupName::new("web-asg").unwrap()),
        slot,
        incident: IncidentId::new("disk-full-of-another").unwrap(),
        until: now() + SignedDuration::from_hours(1),
    }
}

/// Sightings of `count` other members a minute ago.
pub(crate) fn sick(count: usize) -> Vec<Sighting> {
    (0..count)
        .map(|n| Sighting {
            instance: InstanceId::new(format!("i-{n:08x}")).unwrap(),
            at: ago(1),
            zone: "eu-central-1a".to_owned(),
            image: "ami-0d1e2f3a4b5c6d7e8".to_owned(),
            launch_template_version: Some("7".to_owned()),
        })
        .collect()
}
