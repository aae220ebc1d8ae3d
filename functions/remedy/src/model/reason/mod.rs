//! Why: every reason a decision, a refusal or an outcome can give, and its text for
//! people. All else that a reason is stands in its row of the table.

mod table;

pub use self::table::{Row, Severity};

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::model::alarm::{Hint, Symptom};
use crate::model::busy::BUSY_TAG;
use crate::model::ids::{
    CommandId, GroupName, IncidentId, InstanceId, MountPoint, SnapshotId, VolumeId,
};
use crate::model::incident::{HeldBy, Rung, Stage};
use crate::model::managed_node::{MANAGED_TAG, ManagedBy};
use crate::model::obstacle::Obstacle;
use crate::model::pause::Pause;
use crate::model::platform::Platform;
use crate::model::policy::{MAX_RUNG_TAG, OPT_IN_ENABLED, OPT_IN_TAG};
use crate::model::pool::Pool;
use crate::model::question::{ASK_TAG, Question, Silence};
use crate::model::unknown::{LedgerError, Unknown};

/// One typed reason.
#[expect(missing_docs, reason = "each variant's sentence tells its fields")]
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The rung was chosen: it is the lowest that can be carried out.
    LowestRung { rung: Rung, symptom: Symptom },
    /// No agent ever registered with SSM.
    AgentAbsent,
    /// The agent has stopped answering.
    AgentSilent { for_the_last: Option<SignedDuration> },
    /// The cleanup scripts are not written for the platform.
    PlatformUnsupported { platform: Platform },
    /// Nothing of ours can ask a host of the platform before it is disrupted.
    PlatformNotAsked { platform: Platform },
    /// The owner of the instance or of its group wants no more than a lower rung.
    RungLimited { rung: Rung, limit: String, of: &'static str },
    /// Somebody else's scheduler fills the instance, and drains it.
    ManagedNode { by: ManagedBy },
    /// Out of service the member leaves its zone two behind another, so that its group may end
    /// a healthy one there.
    LeavesZoneBehind,
    /// Its owner protects the member from being terminated by its group.
    ScaleInProtected,
    /// A volume of the instance is impaired, and a reboot mends none.
    VolumeImpaired { movable: bool },
    /// EC2 itself may move the instance away from its impaired host.
    Ec2Recovers { movable: bool },
    /// For a service no host is rebooted unless its owner says so.
    ServiceOnly,
    /// Its group has found it out and replaces it.
    GroupReplaces,
    /// Of the two witnesses of a host that answers nobody there is one.
    OneWitness { why: String },
    /// Several hosts of one zone are unreachable: it is the zone.
    ZoneImpaired { zone: String, count: usize },
    /// AWS's own checks find its performance impaired, and a reboot mends none.
    PerformanceImpaired { remediation: Option<String> },
    /// A replacement would lose what is on the full file system.
    DataLost { mount: Option<MountPoint> },
    /// The instance still boots.
    TooYoung { until: Option<Timestamp> },
    /// The alarm's owner has disabled its actions.
    AlarmActionsDisabled,
    /// The alarm itself reboots, stops or recovers the instance.
    AlarmActsItself { action: String },
    /// The host under the instance is impaired, and a reboot stays on it.
    SystemImpaired { movable: bool },
    /// A reboot frees no disk space unless `/tmp` is known to hold it.
    RebootFreesNothing,
    /// The rung ended earlier incidents of the symptom, and it came back.
    DidNotLast { rung: Rung, count: usize },
    /// The same trouble again and again: somebody has to find out why.
    RootCauseNeeded { symptom: Symptom, count: usize },
    /// AWS is going to do something to the instance itself.
    ScheduledEvent { code: String, not_before: Option<Timestamp> },
    /// A replacement would lose the instance's own disks.
    InstanceStoreLost,
    /// There is no Auto Scaling group to replace the instance.
    NotInGroup,
    /// The group's owner has not opted in.
    GroupNotOptedIn { group: GroupName, found: Option<String> },
    /// The group's owner asked for observation only.
    GroupObserved { group: GroupName },
    /// A process that a replacement needs is suspended.
    ProcessSuspended { process: &'static str },
    /// An instance refresh is running and replaces instances itself.
    RefreshRunning { status: String },
    /// The group is gone.
    GroupMissing { group: GroupName },
    /// The instance is not `InService` in its group.
    NotInService { lifecycle: String },
    /// The instance is on its way into service, or somebody has taken it out for a while.
    NotYetInService { lifecycle: String },
    /// The instance is not `running`.
    NotRunning { state: String },
    /// There is no such instance.
    InstanceMissing,
    /// The instance's owner has not opted in.
    NotOptedIn { found: Option<String> },
    /// Somebody asked for observation only.
    Observing { asked_by: &'static str },
    /// The state changed too long ago.
    Stale { age: SignedDuration },
    /// The state changed in the future: the clocks disagree.
    FromTheFuture { ahead: SignedDuration },
    /// An alarm mute rule is active.
    Muted { by: String },
    /// The alarm's actions are suppressed.
    Suppressed { by: String },
    /// The alarm rests on no datapoint.
    Unmeasured { why: String },
    /// It cannot be told whether what was measured is bad.
    Unclear { why: String },
    /// The alarm watches several instances and does not say which one it is.
    WhichInstance { watched: usize },
    /// The volume is not grown.
    NotGrown(Obstacle),
    /// The host said which disk is full.
    DiskNamed { disk: String },
    /// The host did not say which disk is full.
    SurveyFailed { why: String },
    /// A snapshot of the volume is taken, as its owner wants before it grows.
    SnapshotTaken { volume: VolumeId, snapshot: SnapshotId },
    /// No snapshot was taken, so the volume does not grow.
    SnapshotFailed { volume: VolumeId, why: String },
    /// The volume has grown.
    VolumeGrown { volume: VolumeId, to_gib: u32 },
    /// The volume did not grow in time, or at all.
    GrowthFailed { volume: VolumeId, why: String },
    /// Another growth was counted at the same time.
    GrowthContended,
    /// The host has extended the file system.
    Extended { why: String },
    /// The volume has grown, and its file system was not extended.
    NotExtended { why: String },
    /// A fact that is needed could not be read.
    FactUnknown(Unknown),
    /// This transition has been answered already.
    DuplicateDelivery { incident: IncidentId },
    /// A person has paused this.
    Paused { pause: Box<Pause> },
    /// Somebody's pipeline or backup is at work on the instance or on its group.
    Busy { of: &'static str, until: Timestamp },
    /// Somebody meant to say so, and no time can be read.
    BusyUnclear { of: &'static str, value: String },
    /// Its owner protects this member alone from scale-in.
    AtWork,
    /// A change calendar is closed.
    CalendarClosed { calendars: String, until: Option<Timestamp> },
    /// EC2 itself says that the zone is not well.
    ZoneUnwell { zone: String, state: String, says: Option<String> },
    /// People are to be asked first.
    AsksFirst { rung: Rung },
    /// People are asked, and have not answered yet.
    Asked { incident: IncidentId, instance: InstanceId, question: Box<Question> },
    /// Somebody said no.
    RefusedBy { by: String, rung: Rung },
    /// Nobody answered in time.
    NobodyAnswered { rung: Rung, after: SignedDuration },
    /// The symptom was over before anybody answered.
    Overtaken { rung: Rung },
    /// Somebody said yes.
    AllowedBy { by: String, rung: Rung },
    /// The rung rests, after it did not help or did harm.
    Resting { pause: Box<Pause> },
    /// An incident of the instance ended a short while ago.
    CoolingDown { until: Timestamp },
    /// As many members as allowed are out of service through us.
    BudgetSpent { pool: Pool, budget: u32 },
    /// Another incident took the slot of the budget at the same time.
    SlotTaken,
    /// Too few other members are healthy.
    TooFewHealthy { others: u32, needed: u32 },
    /// Many members show the symptom: what they share is to blame.
    CorrelatedFailure { symptom: Symptom, count: usize, of: Option<u32>, shared: String },
    /// High CPU on most of a group is load.
    LoadNotFault { count: usize, of: Option<u32> },
    /// Another incident holds the instance.
    IncidentOpen { incident: IncidentId, symptom: Symptom },
    /// Another incident holds the instance; the alarm waits for its end.
    Queued { behind: IncidentId, symptom: Symptom },
    /// AWS refused the action: it did not happen.
    ActionFailed { call: &'static str, why: String },
    /// The action's answer was lost: it may have happened.
    ActionUncertain { call: &'static str, why: String },
    /// What was done could not be written down.
    NotRecorded(LedgerError),
    /// The rung was tried in this incident already.
    RungTried { rung: Rung },
    /// The reboot needs the instance out of service, and that cannot be had.
    StandbyImpossible { why: &'static str },
    /// The host says that it is not in trouble, or that the trouble is not its own.
    HostObjects { why: String },
    /// The measurement and the host do not agree, and that lasts.
    WitnessesDisagree { host: String, measured: String },
    /// The level is one that its alarm's owner wants to hear of, and no more.
    BelowFloor { level: String, floor: u8 },
    /// What was measured proves no trouble by itself, and the host does not confirm any.
    OnlyAHint { hint: Hint },
    /// The metric and its alarm have disagreed for as long as one may follow the other.
    AlarmDisagrees { what: String },
    /// It was disrupted often enough for one day.
    DisruptedToday { count: usize },
    /// Somebody works on the host.
    PersonPresent { count: u64 },
    /// The host says that a reboot now would do harm.
    UnfitForReboot { why: &'static str },
    /// The host was asked, and could not tell what must be known before a disruption.
    HostUnsure { what: &'static str },
    /// The host's own cleanup did what it may, and that was not enough.
    CleanupInsufficient { why: String },
    /// The cleanup did not do its duty.
    CleanupFailed { why: String },
    /// The cleanup says that the host is relieved.
    CleanupOk { why: String },
    /// The metric is still out of bounds.
    StillThere { what: String },
    /// The metric kept coming back out of bounds.
    NotQuiet { after: SignedDuration },
    /// Nothing shows whether the symptom is over.
    Unverified { why: String },
    /// The symptom stayed gone.
    StayedGone { for_the_last: SignedDuration, measured: Option<String> },
    /// The instance did not come up again in time.
    NotBack { after: SignedDuration, why: &'static str },
    /// The instance left the group, which has its healthy capacity again.
    Substituted,
    /// The group has not replaced the instance in time.
    NotSubstituted { after: SignedDuration },
    /// The instance is no longer there.
    Gone { state: String },
    /// Somebody moved the instance out of our hands.
    TakenAway { state: String },
    /// The instance is in Standby and its group does not take it back.
    StaysInStandby { group: Option<GroupName>, full: Option<u32> },
    /// The incident took longer than an incident may.
    OutOfTime { after: SignedDuration, stage: Stage, held_by: Option<HeldBy> },
    /// The instance is back in service.
    BackInService,
    /// The instance is up again after its reboot.
    UpAgain,
    /// AWS did not carry out the rung's call.
    Refused { why: String },
    /// The reboot in Standby did not bring the instance back to health.
    RebootFailed { why: String },
    /// Nothing shows that the call was ever made.
    NeverAsked,
    /// A command that was for several hosts did not reach this one.
    NotReached { why: String },
    /// The instance has left service and can be rebooted.
    LeftService,
    /// Members that replaced others show the same symptom.
    SubstitutesSickToo { count: usize },
    /// The host is asked what it knows before it is disrupted.
    EvidenceFirst { rung: Rung },
    /// What the host knew is in the bucket.
    EvidenceKept { uri: String },
    /// What the host knew is in a command's output, cut short.
    EvidenceInOutput { command_id: CommandId },
    /// What the host knew is lost.
    EvidenceMissing { why: String },
    /// The alarm went OK; the follow-up verifies that it stays so.
    FollowUpVerifies,
    /// The symptom was over when the next rung was about to be taken.
    SymptomOver,
    /// The alarm went OK, and no open incident is waiting for that.
    NothingOpen,
}

impl fmt::Display for Reason {
    #[expect(clippy::too_many_lines, reason = "a table has a text for each reason")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LowestRung { rung, symptom } => {
                write!(f, "nothing gentler than a {rung} can be done for {symptom}")
            }
            Self::AgentAbsent => f.write_str("no SSM agent on the instance ever registered"),
            Self::AgentSilent { for_the_last: Some(age) } => {
                write!(f, "the SSM agent has not answered for {}", Age(*age))
            }
            Self::AgentSilent { for_the_last: None } => {
                f.write_str("the SSM agent has lost its connection")
            }
            Self::PlatformUnsupported { platform } => write!(
                f,
                "the cleanup scripts are written for Linux, and the instance runs {platform}"
            ),
            Self::PlatformNotAsked { platform } => write!(
                f,
                "nothing of ours can ask a host that runs {platform} whether somebody works on \
                 it or it installs updates, so it is never disrupted"
            ),
            Self::RungLimited { rung, limit, of } => {
                write!(f, "the tag {MAX_RUNG_TAG} of {of} is {limit:?}, which allows no {rung}")
            }
            Self::ManagedNode { by } => write!(
                f,
                "the instance is a node of {by}, which moves its work elsewhere first; no tag \
                 {MANAGED_TAG} = {} allows more than a cleanup",
                by.name()
            ),
            Self::LeavesZoneBehind => f.write_str(
                "while it is out of service its zone has two members fewer than another, and the \
                 group has no room for one more: AZRebalance may end a healthy member there",
            ),
            Self::ScaleInProtected => f.write_str(
                "the instance is protected from scale-in, so its group is not asked to replace it",
            ),
            Self::VolumeImpaired { .. } => {
                f.write_str("an EBS volume of the instance is impaired, and a reboot mends none")
            }
            Self::Ec2Recovers { .. } => f.write_str(
                "the host under the instance is impaired, and EC2's automatic recovery may move \
                 it to another one",
            ),
            Self::ServiceOnly => f.write_str(
                "a service is down, not the host, and the owner's tag allows no reboot for it",
            ),
            Self::GroupReplaces => {
                f.write_str("the group's own health checks have failed it, and it is replaced")
            }
            Self::OneWitness { why } => {
                write!(f, "the alarm alone says that it is unreachable: {why}")
            }
            Self::ZoneImpaired { zone, count } => write!(
                f,
                "{count} instances in {zone} are unreachable at once: that is the zone, and \
                 nothing is done to them"
            ),
            Self::PerformanceImpaired { remediation: Some(what) } => {
                write!(f, "AWS finds the instance's performance impaired, and recommends: {what}")
            }
            Self::PerformanceImpaired { remediation: None } => f.write_str(
                "AWS finds the instance's performance impaired, which a reboot does not mend",
            ),
            Self::DataLost { mount: Some(mount) } => {
                write!(f, "a replacement would lose what is on {mount}")
            }
            Self::DataLost { mount: None } => f.write_str(
                "which file system is full is not known, and a replacement could lose it",
            ),
            Self::TooYoung { until: Some(until) } => write!(
                f,
                "the instance was launched a short while ago; it is left to boot until {}",
                until.strftime("%H:%M:%S UTC")
            ),
            Self::TooYoung { until: None } => {
                f.write_str("the instance boots: its status checks are still initializing")
            }
            Self::AlarmActionsDisabled => f.write_str("the alarm's actions are disabled"),
            Self::AlarmActsItself { action } => {
                write!(f, "the alarm acts on the instance itself ({action}), and is left to it")
            }
            Self::SystemImpaired { .. } => {
                f.write_str("the host under the instance is impaired, and a reboot stays on it")
            }
            Self::RebootFreesNothing => {
                f.write_str("a reboot frees disk space only if /tmp holds it, which is not known")
            }
            Self::DidNotLast { rung, count } => {
                write!(f, "a {rung} ended {} of this lately, and did not last", Incidents(*count))
            }
            Self::RootCauseNeeded { symptom, count } => write!(
                f,
                "this is incident {count} of {symptom} on the instance within days: \
                 the root cause has to be found"
            ),
            Self::ScheduledEvent { code, not_before: Some(at) } => write!(
                f,
                "AWS has scheduled {code} for the instance, not before {}",
                at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            Self::ScheduledEvent { code, not_before: None } => {
                write!(f, "AWS has scheduled {code} for the instance")
            }
            Self::InstanceStoreLost => f.write_str(
                "the instance has instance store volumes, which a replacement would lose",
            ),
            Self::NotInGroup => {
                f.write_str("the instance is in no Auto Scaling group that could replace it")
            }
            Self::GroupNotOptedIn { group, found } => {
                write!(f, "group {group} is not opted in: {}", TagFound(found.as_deref()))
            }
            Self::GroupObserved { group } => {
                write!(f, "group {group} is tagged for observation only")
            }
            Self::ProcessSuspended { process } => {
                write!(f, "the group's {process} process is suspended")
            }
            Self::RefreshRunning { status } => {
                write!(f, "an instance refresh of the group is not finished ({status})")
            }
            Self::GroupMissing { group } => write!(f, "group {group} no longer exists"),
            Self::NotInService { lifecycle } => {
                write!(f, "the instance is {lifecycle} in its group, not InService")
            }
            Self::NotYetInService { lifecycle } => {
                write!(f, "the instance is {lifecycle} in its group, not yet InService")
            }
            Self::NotRunning { state } => write!(f, "the instance is {state}, not running"),
            Self::InstanceMissing => {
                f.write_str("there is no such instance in this account and region")
            }
            Self::RungTried { rung } => write!(f, "a {rung} was tried in this incident already"),
            Self::StandbyImpossible { why } => {
                write!(f, "the instance cannot leave service for a reboot: {why}")
            }
            Self::SubstitutesSickToo { count } => write!(
                f,
                "{count} members of the group were replaced for this lately, and it came back: \
                 what all of them share is to blame"
            ),
            Self::NotOptedIn { found } => {
                write!(f, "the instance is not opted in: {}", TagFound(found.as_deref()))
            }
            Self::Observing { asked_by } => {
                write!(f, "observation only, as {asked_by} asks: nothing was touched")
            }
            Self::Stale { age } => write!(f, "the alarm's state changed {} ago", Age(*age)),
            Self::FromTheFuture { ahead } => {
                write!(f, "the alarm's state changes {} from now: the clocks disagree", Age(*ahead))
            }
            Self::Muted { by } => write!(f, "the alarm is muted by {by}"),
            Self::Suppressed { by } => write!(f, "the alarm's actions are suppressed by {by}"),
            Self::Unmeasured { why } => write!(f, "nothing was measured: {why}"),
            Self::Unclear { why } => {
                write!(f, "whether what was measured is bad cannot be told: {why}")
            }
            Self::WhichInstance { watched } => write!(
                f,
                "the alarm watches {watched} instances and does not say which of them it means"
            ),
            Self::NotGrown(obstacle) => obstacle.fmt(f),
            Self::DiskNamed { disk } => write!(f, "the host says that its disk {disk} is full"),
            Self::SurveyFailed { why } => {
                write!(f, "the host did not say which disk is full: {why}")
            }
            Self::SnapshotTaken { volume, snapshot } => {
                write!(f, "{snapshot} holds {volume} as it is now")
            }
            Self::SnapshotFailed { volume, why } => {
                write!(f, "no snapshot of {volume} was taken, so it does not grow: {why}")
            }
            Self::VolumeGrown { volume, to_gib } => {
                write!(f, "{volume} has {to_gib} GiB, and its file system can be extended")
            }
            Self::GrowthFailed { volume, why } => write!(f, "{volume} did not grow: {why}"),
            Self::GrowthContended => f.write_str(
                "the growth of another volume, or of this one, was counted at the same time",
            ),
            Self::Extended { why } => write!(f, "the host says: {why}"),
            Self::NotExtended { why } => {
                write!(f, "the volume is large enough, but its file system was not extended: {why}")
            }
            Self::FactUnknown(unknown) => write!(f, "a needed fact is unknown: {unknown}"),
            Self::DuplicateDelivery { incident } => {
                write!(f, "this change of state is already answered by incident {incident}")
            }
            Self::Paused { pause } => write!(
                f,
                "{} paused {} until {}: {}",
                pause.owner,
                pause.scope,
                pause.until.strftime("%Y-%m-%d %H:%M UTC"),
                pause.reason
            ),
            Self::Busy { of, until } => write!(
                f,
                "{of} is busy until {}, as its tag {BUSY_TAG} says",
                until.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
            Self::BusyUnclear { of, value } => write!(
                f,
                "the tag {BUSY_TAG} of {of} is {value:?}, which is no time within 12 hours; it \
                 counts as busy until the tag is mended or removed"
            ),
            Self::AtWork => f.write_str(
                "this member alone is protected from scale-in, as one that is at work is; it is \
                 left alone until its protection ends",
            ),
            Self::CalendarClosed { calendars, until: Some(until) } => write!(
                f,
                "the change calendar {calendars} is closed until {}",
                until.strftime("%Y-%m-%d %H:%M UTC")
            ),
            Self::CalendarClosed { calendars, until: None } => {
                write!(f, "the change calendar {calendars} is closed, and tells no end")
            }
            Self::ZoneUnwell { zone, state, says } => {
                write!(
                    f,
                    "EC2 calls zone {zone} {state}; nothing is disrupted there until it is \
                           available"
                )?;
                says.as_ref().map_or(Ok(()), |says| write!(f, ": {says}"))
            }
            Self::AsksFirst { rung } => {
                write!(f, "the owner's tag {ASK_TAG} wants people to be asked before a {rung}")
            }
            Self::Asked { question, .. } => {
                let (rung, until) = (question.rung, question.until.strftime("%H:%M UTC"));
                write!(f, "may a {rung} be done? {}. ", costs(rung))?;
                match question.silence {
                    Silence::HandOver => write!(
                        f,
                        "If nobody answers until {until}, nothing is done and a person has it"
                    ),
                    Silence::Wait => {
                        f.write_str("It waits for an answer until the incident runs out of time")
                    }
                    Silence::Act => {
                        write!(f, "If nobody answers until {until} it is done, as its tag says")
                    }
                }
            }
            Self::RefusedBy { by, rung } => write!(f, "{by} said no to a {rung}"),
            Self::NobodyAnswered { rung, after } => {
                write!(f, "nobody answered within {} whether a {rung} may be done", Age(*after))
            }
            Self::Overtaken { rung } => {
                write!(f, "the symptom was over before anybody answered about a {rung}")
            }
            Self::AllowedBy { by, rung } => write!(f, "{by} said yes to a {rung}"),
            Self::Resting { pause } => write!(
                f,
                "{} rests until {}: {}",
                pause.scope,
                pause.until.strftime("%Y-%m-%d %H:%M UTC"),
                pause.reason
            ),
            Self::CoolingDown { until } => write!(
                f,
                "an incident of the instance ended a short while ago; it is left alone until {}",
                until.strftime("%H:%M:%S UTC")
            ),
            Self::BudgetSpent { pool, budget } => write!(
                f,
                "the disruption budget of {pool} is spent: {budget} out of service through Remedy \
                 already"
            ),
            Self::SlotTaken => f.write_str(
                "another incident took the free place in the disruption budget at the same time",
            ),
            Self::TooFewHealthy { others, needed } => write!(
                f,
                "only {others} other members are healthy, and {needed} are needed to spare this one"
            ),
            Self::CorrelatedFailure { symptom, count, of, shared } => write!(
                f,
                "{} show {symptom} within minutes: a shared cause is likely; they share {shared}",
                Members(*count, *of)
            ),
            Self::LoadNotFault { count, of } => {
                write!(f, "{} have high CPU: that is load. Add capacity", Members(*count, *of))
            }
            Self::IncidentOpen { incident, symptom } => {
                write!(f, "incident {incident} ({symptom}) is open on the instance")
            }
            Self::Queued { behind, symptom } => {
                write!(f, "it waits for the end of incident {behind} ({symptom})")
            }
            Self::HostObjects { why } => {
                write!(f, "the host itself objects: {why}")
            }
            Self::WitnessesDisagree { host, measured } => {
                write!(f, "the metric says \"{measured}\", and the host says \"{host}\"")
            }
            Self::BelowFloor { level, floor } => {
                write!(f, "the level is {level}, and nothing is disrupted below {floor} %")
            }
            Self::OnlyAHint { hint } => write!(f, "nothing is disrupted for it: {hint}"),
            Self::AlarmDisagrees { what } => {
                write!(f, "{what}; one of them follows the other later")
            }
            Self::DisruptedToday { count } => write!(
                f,
                "the instance was disrupted {count} times within a day: another time would not help"
            ),
            Self::PersonPresent { count } => {
                write!(f, "somebody works on the host ({count} logged in or in a session)")
            }
            Self::UnfitForReboot { why } => write!(f, "a reboot now would do harm: {why}"),
            Self::HostUnsure { what } => write!(f, "the host cannot tell {what}"),
            Self::NothingOpen => f.write_str("no incident of this symptom is open on the instance"),
            Self::ActionFailed { call, why } => write!(f, "{call} was refused: {why}"),
            Self::ActionUncertain { call, why } => write!(
                f,
                "the answer of {call} was lost, so it may have happened and is not repeated: {why}"
            ),
            Self::NotRecorded(error) => {
                write!(f, "what was done could not be written to the ledger: {error}")
            }
            Self::CleanupInsufficient { why } => write!(f, "the cleanup was not enough: {why}"),
            Self::CleanupFailed { why } => write!(f, "the cleanup {why}"),
            Self::CleanupOk { why } => write!(f, "the cleanup says: {why}"),
            Self::StillThere { what } => write!(f, "the symptom is still there: {what}"),
            Self::NotQuiet { after } => {
                write!(f, "the metric kept coming back out of bounds for {}", Age(*after))
            }
            Self::Unverified { why } => {
                write!(f, "nothing shows whether the symptom is over: {why}")
            }
            Self::StayedGone { for_the_last, measured } => {
                write!(f, "the symptom has been gone for {}", Age(*for_the_last))?;
                measured.as_ref().map_or(Ok(()), |now| write!(f, ": {now}"))
            }
            Self::NotBack { after, why } => {
                write!(f, "the instance was not back after {}: {why}", Age(*after))
            }
            Self::Substituted => {
                f.write_str("the instance left its group, which has its healthy capacity again")
            }
            Self::NotSubstituted { after } => {
                write!(f, "the group had not replaced the instance after {}", Age(*after))
            }
            Self::Gone { state } => write!(f, "the instance is gone: it is {state}"),
            Self::TakenAway { state } => {
                write!(f, "the instance is {state}: somebody else moved it")
            }
            Self::StaysInStandby { group, full } => {
                f.write_str("the instance is still in Standby and serves nobody: ")?;
                match (group, full) {
                    (Some(group), Some(max)) => {
                        write!(f, "group {group} is full, its maximum is {max}")
                    }
                    (Some(group), None) => write!(f, "group {group} does not take it back"),
                    (None, _) => f.write_str("its group does not take it back"),
                }
            }
            Self::OutOfTime { after, held_by: Some(by), .. } => {
                write!(f, "{}; this lasted for all of the incident's {}", by.text, Age(*after))
            }
            Self::OutOfTime { after, stage, held_by: None } => {
                write!(f, "the incident did not end within {}: {}", Age(*after), stage.doing())
            }
            Self::BackInService => f.write_str("the instance is back in service"),
            Self::UpAgain => f.write_str("the instance is up again after its reboot"),
            Self::RebootFailed { why } => write!(f, "the reboot failed: {why}"),
            Self::Refused { why } => write!(f, "AWS did not carry it out: {why}"),
            Self::NeverAsked => {
                f.write_str("nothing shows that the call was made, so it is made now")
            }
            Self::NotReached { why } => {
                write!(f, "a command for several hosts {why}, so it is sent to this one alone")
            }
            Self::LeftService => f.write_str("the instance has left service"),
            Self::EvidenceFirst { rung } => {
                write!(f, "the host is asked what it knows before a {rung} is tried")
            }
            Self::EvidenceKept { uri } => write!(f, "what the host knew is kept at {uri}"),
            Self::EvidenceInOutput { command_id } => {
                write!(f, "what the host knew is in the output of SSM command {command_id}")
            }
            Self::EvidenceMissing { why } => write!(f, "what the host knew is lost: {why}"),
            Self::FollowUpVerifies => {
                f.write_str("the alarm is OK again; the follow-up verifies that it stays so")
            }
            Self::SymptomOver => f.write_str("the symptom is over before anything was disrupted"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reason = serializer.serialize_struct("Reason", 2)?;
        reason.serialize_field("code", self.code())?;
        reason.serialize_field("text", &self.to_string())?;
        reason.end()
    }
}

/// How long a rung takes its instance out, and what that costs.
fn costs(rung: Rung) -> &'static str {
    match rung {
        Rung::Cleanup | Rung::Grow => "It takes nothing out of service",
        Rung::Reboot => {
            "It is down for some 5 to 10 minutes, a member out of service for as long, and that \
             costs nothing else"
        }
        Rung::Replace => {
            "It is ended with whatever is on its own disks, and its group starts another one, \
             which takes some 5 to 40 minutes and costs an instance for as long"
        }
    }
}

/// A length of time in whole seconds, as people write it: `23m 5s`.
struct Age(SignedDuration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", SignedDuration::from_secs(self.0.as_secs()))
    }
}

/// Some incidents, counted.
struct Incidents(usize);

impl fmt::Display for Incidents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { "incident" } else { "incidents" })
    }
}

/// Some members of a group whose size may be known.
struct Members(usize, Option<u32>);

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(size) => write!(f, "{} of {size} members", self.0),
            None => write!(f, "{} instances", self.0),
        }
    }
}

/// What the opt-in tag says, and what it should say.
struct TagFound<'a>(Option<&'a str>);

impl fmt::Display for TagFound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(
                f,
                "tag {OPT_IN_TAG} is {value:?}, and only {OPT_IN_ENABLED:?} allows actions"
            ),
            None => write!(f, "it has no tag {OPT_IN_TAG} = {OPT_IN_ENABLED}"),
        }
    }
}
