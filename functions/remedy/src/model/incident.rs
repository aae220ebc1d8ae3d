//! One instance's trouble from first alarm to its end: the unit of the ledger.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::alarm::{Alarm, Symptom};
use crate::model::cleanup_opt_in::CleanupOptIn;
use crate::model::diagnostics::{Destination, Diagnostics};
use crate::model::growth::Growth;
use crate::model::host_disk::HostDisk;
use crate::model::host_text::HostText;
use crate::model::ids::{
    BucketName, CommandId, GroupName, IncidentId, InstanceId, MountPoint, TransitionId,
};
use crate::model::pool::Lease;
use crate::model::preflight::Preflight;
use crate::model::question::Question;
pub use crate::model::rung::Rung;
use crate::model::seen::Seen;
use crate::model::testimony::Testimony;

/// How far an incident has come. A stage that acts is written *before* its
/// call, so it also stands for "the call may have been made": after a crash the
/// world is asked, and nothing is repeated that would count twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing was done yet: a guard holds the first rung back, for a reason
    /// that may pass.
    Waiting,
    /// A cleanup is sent, or about to be.
    Cleaning,
    /// The host is asked which disk its full file system lies on.
    Surveying,
    /// A snapshot of the volume is asked for, before it grows.
    Snapshotting,
    /// The volume is asked to grow.
    Growing,
    /// The host extends the file system into the space that is new.
    Extending,
    /// The host is asked what it knows, before it is disrupted.
    Gathering,
    /// The instance goes to Standby, so that its group does not replace it
    /// while it reboots.
    Draining,
    /// A reboot is asked for.
    Rebooting,
    /// The instance comes back from Standby.
    Returning,
    /// The group is asked to replace the instance.
    Replacing,
    /// What could be done is done: is the symptom gone, and does it stay gone?
    Watching,
    /// The symptom stayed gone.
    Resolved,
    /// A person has it now.
    HandedOver,
    /// The incident ran out of time. A person has it now.
    Expired,
    /// Nothing was done, and nothing is ours to do any more: while it waited,
    /// the instance was stopped, say, or its owner opted out.
    Withdrawn,
}

impl Stage {
    /// Every stage there is.
    pub const ALL: [Self; 16] = [
        Self::Waiting,
        Self::Cleaning,
        Self::Surveying,
        Self::Snapshotting,
        Self::Growing,
        Self::Extending,
        Self::Gathering,
        Self::Draining,
        Self::Rebooting,
        Self::Returning,
        Self::Replacing,
        Self::Watching,
        Self::Resolved,
        Self::HandedOver,
        Self::Expired,
        Self::Withdrawn,
    ];

    /// What an incident in this stage waits for, in words.
    pub fn doing(self) -> &'static str {
        match self {
            Self::Waiting => "nothing could be done yet",
            Self::Cleaning => "the cleanup had not ended",
            Self::Surveying => "the host was still asked which disk is full",
            Self::Snapshotting => "the snapshot of the volume was not taken",
            Self::Growing => "the volume had not grown",
            Self::Extending => "the file system had not been extended",
            Self::Gathering => "the host was still asked what it knows",
            Self::Draining => "the instance was still leaving service",
            Self::Rebooting => "the instance was still rebooting",
            Self::Returning => "the instance was still coming back into service",
            Self::Replacing => "the group was still replacing the instance",
            Self::Watching => "it was still watched whether the symptom stays gone",
            Self::Resolved | Self::HandedOver | Self::Expired | Self::Withdrawn => "it had ended",
        }
    }

    /// Whether the incident still holds its instance against other incidents.
    pub fn is_open(self) -> bool {
        match self {
            Self::Waiting
            | Self::Cleaning
            | Self::Surveying
            | Self::Snapshotting
            | Self::Growing
            | Self::Extending
            | Self::Gathering
            | Self::Draining
            | Self::Rebooting
            | Self::Returning
            | Self::Replacing
            | Self::Watching => true,
            Self::Resolved | Self::HandedOver | Self::Expired | Self::Withdrawn => false,
        }
    }

    /// Whether a person has the incident now.
    pub fn is_taken_over(self) -> bool {
        match self {
            Self::HandedOver | Self::Expired => true,
            Self::Waiting
            | Self::Cleaning
            | Self::Surveying
            | Self::Snapshotting
            | Self::Growing
            | Self::Extending
            | Self::Gathering
            | Self::Draining
            | Self::Rebooting
            | Self::Returning
            | Self::Replacing
            | Self::Watching
            | Self::Resolved
            | Self::Withdrawn => false,
        }
    }

    /// The longest an incident stays in this stage.
    pub fn deadline(self) -> SignedDuration {
        SignedDuration::from_mins(match self {
            // The longest command removes kernels, or extends a large file system. It may begin
            // up to 7 minutes after it was sent (2 to be delivered, where it is for many, and the
            // 5 that it may run: Systems Manager user guide, "Understanding command statuses")
            // and runs for up to 5.
            Self::Cleaning | Self::Extending => 12,
            // An agent that answers takes a command in seconds, and the script ends within 2
            // minutes. What comes later is not waited for: no answer holds nothing up.
            Self::Gathering | Self::Surveying => 4,
            // It is taken with the answer to the call; what shows of it may lag by seconds.
            Self::Snapshotting => 8,
            // The new size can be used within seconds as a rule; what takes hours is the
            // optimizing after it (EBS user guide, "Monitor the progress of volume
            // modifications"). A target group drains for 5 minutes unless told otherwise. A
            // clean shutdown may take 4 minutes before EC2 forces it, and a
            // slow boot some more. Coming back takes registration and the
            // first health checks of a target group.
            Self::Growing | Self::Draining | Self::Rebooting | Self::Returning => 15,
            // Launch, boot, warm-up, and the old one's draining.
            Self::Replacing => 40,
            // Metrics come every 5 minutes at worst and an alarm looks at
            // several, so trouble may show for 15 minutes after its end.
            Self::Watching => 30,
            // Longer than any incident may last.
            Self::Waiting => 24 * 60,
            Self::Resolved | Self::HandedOver | Self::Expired | Self::Withdrawn => 0,
        })
    }
}

/// One try at one rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The rung tried.
    pub rung: Rung,
    /// When the intent was written.
    pub claimed_at: Timestamp,
    /// The SSM command, once one is known to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// Why the rung's last call did not happen, if AWS said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<FailedCall>,
    /// Why a reboot in Standby is known to have failed, while the instance has
    /// yet to come back into service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedCall>,
    /// Whether it changed anything on the host, where the host said so. What only
    /// looked has neither helped nor failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_host: Option<bool>,
    /// What a cleanup that ended said of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<HostText>,
    /// What a cleanup has set on the host that stands until the next boot, and the
    /// command that lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still_set: Option<String>,
    /// The growth that was intended, with the size that was to be reached: written before
    /// the call, so that it is never made for another size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// How often its present call was asked for again.
    #[serde(default)]
    pub asked_again: u32,
    /// When a call of it was asked for last, if that was later than the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Whether its instance did not come back in time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_back: bool,
    /// The comment of its command, if that was to be for the hosts of other incidents too:
    /// written before the call, so that the command is found by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_comment: Option<String>,
}

impl Attempt {
    /// When it did something last, as far as it was asked for: what was measured before that
    /// says nothing about what it has done.
    pub fn acted_at(&self) -> Timestamp {
        self.asked_at.unwrap_or(self.claimed_at)
    }
}

/// A call that AWS did not carry out, or an instance that did not follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCall {
    /// What kind of failure it was.
    #[serde(alias = "no")]
    pub kind: FailureKind,
    /// What AWS said.
    pub why: String,
}

/// The ways in which AWS says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Not now: too many calls. Asking again is right, another rung is not.
    #[serde(alias = "not-now")]
    Throttled,
    /// Not with this instance as it is: another rung may do.
    #[serde(alias = "not-this-instance")]
    InstanceState,
    /// Not for us: a permission, a document or a parameter is wrong. Another
    /// rung would only hide that; a person has to mend it.
    #[serde(alias = "not-for-us")]
    NotPermitted,
}

/// Our Standby: written before the instance is asked to leave service, and
/// kept until it is known to be back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// Whether the group's desired capacity was lowered meanwhile.
    pub decremented: bool,
}

/// A question to the host: what does it know?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathering {
    /// When the intent to ask was written.
    pub asked_at: Timestamp,
    /// The SSM command, once one is known to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// Why it could not be asked, if AWS said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether the same question was sent again, as nothing showed the first.
    #[serde(default)]
    pub asked_again: bool,
    /// Which question of the incident it is: 1 is the first.
    pub count: u32,
}

/// What the host was asked about its disk, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The question.
    pub question: Gathering,
    /// The answer, once there is one or none can come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Surveyed>,
}

/// What became of the question about the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surveyed {
    /// The host described it.
    Disk(HostDisk),
    /// It did not.
    Nothing {
        /// Why.
        why: String,
    },
}

/// What was reported of an incident at one time: its story, in its own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The outcome's name.
    pub outcome: String,
    /// The stage the incident came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The reasons' codes.
    pub because: Vec<String>,
}

/// An alarm about other trouble that came while an incident was open: `CloudWatch`
/// tells of it once. It is taken up when the incident ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The id its own incident will have.
    pub id: IncidentId,
    /// The occasion.
    #[serde(rename = "action_id")]
    pub transition_id: TransitionId,
    /// The trouble.
    pub symptom: Symptom,
    /// What the alarm said.
    pub seen: Seen,
    /// The file system, for disk alarms that name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<MountPoint>,
}

impl Queued {
    /// What is to be kept of `alarm`.
    pub fn of(alarm: &Alarm) -> Self {
        Self {
            id: alarm.incident_id(),
            transition_id: alarm.transition_id(),
            symptom: alarm.symptom,
            seen: Seen::of(alarm),
            mount: alarm.mount.clone(),
        }
    }

    fn trouble(&self) -> Trouble<'_> {
        Trouble { symptom: self.symptom, mount: self.mount.as_ref(), device: self.seen.device() }
    }
}

/// What tells one trouble of an instance from another.
struct Trouble<'a> {
    symptom: Symptom,
    mount: Option<&'a MountPoint>,
    device: Option<&'a str>,
}

impl Trouble<'_> {
    /// A file system that is not known is no certain one; all that are not known are
    /// one, such as the containers' of one disk. Several mounts of one disk are one.
    fn is(&self, other: &Self) -> bool {
        let one_disk = self.device.is_some() && self.device == other.device;
        self.symptom == other.symptom && (self.mount == other.mount || one_disk)
    }
}

/// Alarms that may wait for an incident's end: more kinds of trouble than a host has, and
/// few enough that a row stays far below the 400 KB of a `DynamoDB` item.
pub const QUEUED_MAX: usize = 16;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none_at_all(count: &u32) -> bool {
    *count == 0
}

/// Entries kept. The ladder has three rungs of some steps each.
const ENTRIES_MAX: usize = 32;

/// One incident, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id, and the thread its notifications form.
    pub id: IncidentId,
    /// The occasion that opened it.
    #[serde(rename = "action_id")]
    pub transition_id: TransitionId,
    /// The occasions that earlier incidents of the instance answered, newest
    /// last, so that a late delivery of an old one is still known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<TransitionId>,
    /// The instance in trouble.
    pub instance_id: InstanceId,
    /// The trouble.
    pub symptom: Symptom,
    /// What the alarm said.
    pub seen: Seen,
    /// The group the instance belonged to, where that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// The file system, for disk alarms that name one. See [`file_system`](Self::file_system).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<MountPoint>,
    /// What the instance's owner allowed a cleanup besides, when it was opened.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub opt_ins: BTreeSet<CleanupOptIn>,
    /// How far it has come.
    pub stage: Stage,
    /// When it came there.
    pub stage_since: Timestamp,
    /// Since when the symptom is known to be gone, without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<Timestamp>,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// What the host's own script found last.
    #[serde(default, alias = "found", skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
    /// What the host itself said last about the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testimony: Option<Testimony>,
    /// Since when nothing certain shows, without a break: the metric and the alarm disagree, or,
    /// while nothing was done yet, neither tells whether the symptom is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicting_since: Option<Timestamp>,
    /// The newest evidence of what the host knew, or why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Diagnostics>,
    /// The newest question to the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathering: Option<Gathering>,
    /// The newest question about the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<Survey>,
    /// The newest question to people: may this be done?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// Our Standby, while the instance may be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Standby>,
    /// The slot of its pool's disruption budget that it took last, to be given
    /// back. Whether it still holds it the pool's row says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Until when the instance is left alone after the incident before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Timestamp>,
    /// The incidents of the instance before this, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
    /// Since when the next rung is held back, and whether people know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
    /// Whether people have heard that its instance did not come back from its reboot, or
    /// from Standby. It goes on for as long as that lasts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays_out: bool,
    /// Alarms about other trouble of the instance, in the order they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queued: Vec<Queued>,
    /// How many older alarms were dropped, because no more of them are kept.
    #[serde(default, skip_serializing_if = "is_none_at_all")]
    pub dropped: u32,
    /// Since when its work has ended, and only the telling of that is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_since: Option<Timestamp>,
    /// Until when others leave it alone, because a beat is about to end it.
    #[serde(default, alias = "taken_until", skip_serializing_if = "Option::is_none")]
    pub closing_until: Option<Timestamp>,
    /// What was reported of it, oldest first.
    #[serde(default, alias = "course", skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Entry>,
    /// When the first claim was written.
    pub opened_at: Timestamp,
    /// When the follow-up is to look at it.
    pub due_at: Timestamp,
    /// The last moment of the incident: it ends by then, and if nobody ended
    /// it, it no longer holds its instance.
    pub expires_at: Timestamp,
    /// Counts the writes, so that two writers cannot both win.
    pub version: u64,
}

/// An incident that has ended, as the ones after it remember it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The trouble.
    pub symptom: Symptom,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The last rung that did something, if one did.
    pub rung: Option<Rung>,
    /// How often it disrupted the instance; 0 in rows of 0.1.0, which did not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub disruptions: usize,
    /// How it ended.
    pub stage: Stage,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Past {
    /// How often it disrupted the instance, at least.
    pub fn disrupted(&self) -> usize {
        self.disruptions.max(usize::from(self.rung.is_some_and(Rung::is_disruptive)))
    }
}

/// Incidents remembered: two a day for a week and some.
const PAST_MAX: usize = 16;

/// How long an incident is remembered by those after it: as far back as
/// repeats are counted at most.
const PAST_LASTS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The next beat ends an incident that ran out of time, though it may take 25 minutes until
/// people can be told, or it is given up. Only when it was not ended for so long may another
/// incident take its place.
pub const UNENDED_MAX: SignedDuration = SignedDuration::from_mins(30);

/// Occasions remembered. A stale alarm is refused after minutes, and no
/// instance has this many incidents in that time.
const ANSWERED_MAX: usize = 32;

/// A rung that waits for a guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// Since when.
    pub since: Timestamp,
    /// Whether people were told.
    pub told: bool,
    /// What was in the way last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<HeldBy>,
}

/// What holds a rung back: a reason, as far as a row keeps one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBy {
    /// Its code.
    pub code: String,
    /// Its words.
    pub text: String,
    /// Whether it holds back many instances at once.
    #[serde(default)]
    pub shared_cause: bool,
    /// Since when it is this that holds it; `None` in rows that an earlier version wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl HeldBy {
    /// The same at `now`, after what was in the way `before`: the same reason holds it since then.
    #[must_use]
    pub fn after(self, before: Option<&Self>, now: Timestamp) -> Self {
        let same = before.filter(|before| before.code == self.code);
        Self { since: Some(same.and_then(|before| before.since).unwrap_or(now)), ..self }
    }
}

impl HeldBack {
    /// Since when the reason with this code holds it, as far as the row tells.
    pub fn since_by(&self, code: &str, now: Timestamp) -> Timestamp {
        match &self.by {
            Some(by) if by.code != code => now,
            Some(by) => by.since.unwrap_or(self.since),
            None => self.since,
        }
    }
}

impl Incident {
    /// Whether the incident holds its instance at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.stage.is_open() && now < self.expires_at + UNENDED_MAX
    }

    /// When the incident ended; `None` while it is open.
    pub fn ended_at(&self) -> Option<Timestamp> {
        (!self.stage.is_open()).then_some(self.stage_since)
    }

    /// What the next incident of the instance remembers of those before it.
    pub fn past_so_far(&self, now: Timestamp) -> Vec<Past> {
        let mut past = self.past.clone();
        past.push(Past {
            symptom: self.symptom,
            opened_at: self.opened_at,
            ended_at: self.ended_at().unwrap_or(self.expires_at),
            rung: self.rung_that_did_something(),
            disruptions: self.disruptions(),
            stage: self.stage,
        });
        past.retain(|past| now.duration_since(past.opened_at) < PAST_LASTS);
        let forgotten = past.len().saturating_sub(PAST_MAX);
        past.split_off(forgotten)
    }

    /// Whether a beat is about to end it.
    pub fn is_closing(&self, now: Timestamp) -> bool {
        self.closing_until.is_some_and(|until| now < until)
    }

    /// Whether this incident, or one before it, answered `action`, or will be
    /// followed by one that does.
    pub fn answers(&self, action: &TransitionId) -> bool {
        self.transition_id == *action
            || self.answered.contains(action)
            || self.queued.iter().any(|queued| queued.transition_id == *action)
    }

    /// Whether nothing but a look, or an alarm that waits, came since `other` was
    /// written: the same call is still awaited.
    pub(crate) fn is_at_the_step_of(&self, other: &Self) -> bool {
        let step = |incident: &Self| {
            let last = incident.attempts.last();
            let (asked, surveyed) = (incident.gathering.as_ref(), incident.survey.as_ref());
            (
                (incident.id.clone(), incident.stage, incident.stage_since, incident.closing_until),
                (incident.attempts.len(), last.map(|last| (last.claimed_at, last.asked_again))),
                asked.map(|asked| (asked.asked_at, asked.asked_again)),
                surveyed.map(|survey| (survey.question.asked_at, survey.question.asked_again)),
            )
        };
        step(self) == step(other)
    }

    /// Whether it says nothing that `other`, an earlier state of it, did not say, but for the
    /// time at which it is looked at next.
    pub fn says_no_more_than(&self, other: &Self) -> bool {
        let Self { due_at, version, .. } = *other;
        Self { due_at, version, ..self.clone() } == *other
    }

    /// Whether `alarm` is about the trouble that the incident is about.
    pub fn is_about(&self, alarm: &Alarm) -> bool {
        self.trouble().is(&Queued::of(alarm).trouble())
    }

    fn trouble(&self) -> Trouble<'_> {
        Trouble { symptom: self.symptom, mount: self.mount.as_ref(), device: self.seen.device() }
    }

    /// The file system that is full: the alarm's, or the one that the host named where the
    /// alarm does not; `None` as long as nobody has said.
    pub fn file_system(&self) -> Option<MountPoint> {
        let told = || MountPoint::new(self.seen.mount.clone()?).ok();
        self.mount.clone().or_else(told)
    }

    /// The next state of this incident: with an alarm that waits for its end. A
    /// newer one about the same trouble replaces an older, and of many the newest stay.
    #[must_use]
    pub fn with_queued(&self, queued: Queued) -> Self {
        let mut next = self.waiting_until(self.due_at);
        next.queued.retain(|other| !other.trouble().is(&queued.trouble()));
        next.queued.push(queued);
        let dropped = next.queued.len().saturating_sub(QUEUED_MAX);
        next.queued.drain(..dropped);
        next.dropped = next.dropped.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
        next
    }

    /// What the next incident of the instance remembers as answered.
    pub fn answered_so_far(&self) -> Vec<TransitionId> {
        let mut answered = self.answered.clone();
        answered.push(self.transition_id.clone());
        let forgotten = answered.len().saturating_sub(ANSWERED_MAX);
        answered.split_off(forgotten)
    }

    /// Adds what is reported of it.
    pub fn note(&mut self, entry: Entry) {
        self.timeline.push(entry);
        let forgotten = self.timeline.len().saturating_sub(ENTRIES_MAX);
        self.timeline.drain(..forgotten);
    }

    /// The rung tried last.
    pub fn rung(&self) -> Option<Rung> {
        self.attempts.last().map(|attempt| attempt.rung)
    }

    /// The rung that did something last: what AWS refused and a cleanup that only
    /// looked are left out.
    pub fn rung_that_did_something(&self) -> Option<Rung> {
        let did =
            |attempt: &&Attempt| attempt.refused.is_none() && attempt.changed_host != Some(false);
        self.attempts.iter().rev().find(did).map(|attempt| attempt.rung)
    }

    /// How often the instance was disrupted, as far as AWS did not refuse it.
    pub fn disruptions(&self) -> usize {
        let disrupts =
            |attempt: &&Attempt| attempt.rung.is_disruptive() && attempt.refused.is_none();
        self.attempts.iter().filter(disrupts).count()
    }

    /// The rungs tried so far.
    pub fn tried(&self) -> Vec<Rung> {
        self.attempts.iter().map(|attempt| attempt.rung).collect()
    }

    /// The question that the host is to answer now, if it is asked one.
    pub fn asks(&self) -> Option<&Gathering> {
        self.gathering.as_ref().filter(|_| self.stage == Stage::Gathering)
    }

    /// The question to people that is about the next attempt, if they are asked.
    pub fn open_question(&self) -> Option<&Question> {
        let next = self.attempts.len() + 1;
        self.question.as_ref().filter(|question| question.attempt == next)
    }

    /// Whether the host has answered its question, or is known not to.
    pub fn is_answered(&self) -> bool {
        let at = self.evidence.as_ref().map(|diagnostics| diagnostics.at);
        self.asks().is_some_and(|gathering| at == Some(gathering.asked_at))
    }

    /// Whether the host has described its disk, or is known not to.
    pub fn is_surveyed(&self) -> bool {
        let said = self.survey.as_ref().is_some_and(|survey| survey.said.is_some());
        self.stage == Stage::Surveying && said
    }

    /// The growth that is intended or done, if there is one.
    pub fn growth(&self) -> Option<&Growth> {
        self.attempts.last()?.growth.as_ref()
    }

    /// The comment of the command that is sent in this stage, by which it is
    /// found again.
    pub fn comment(&self) -> String {
        match (self.stage, self.asks(), &self.survey) {
            (Stage::Surveying, _, Some(Survey { question, .. })) => {
                format!("{} disk {}", self.id, question.count)
            }
            (Stage::Extending, ..) => format!("{} extend", self.id),
            (_, Some(gathering), _) => format!("{} evidence {}", self.id, gathering.count),
            _ => self.shared_comment().map_or_else(|| self.id.to_string(), str::to_owned),
        }
    }

    /// The comment of the last attempt's command, if that was to be for others too.
    pub fn shared_comment(&self) -> Option<&str> {
        self.attempts.last()?.shared_comment.as_deref()
    }

    /// Where what the host is asked for now goes, if there is a bucket.
    pub fn destination(&self, bucket: Option<&BucketName>) -> Option<Destination> {
        let name = match self.asks() {
            Some(gathering) => format!("{}-gathered", gathering.count),
            None => format!("{}-cleanup", self.attempts.len()),
        };
        Some(Destination::of(bucket?, &self.instance_id, &self.id, &name))
    }

    /// Where what the console showed before the present attempt goes.
    pub fn console_destination(&self, bucket: Option<&BucketName>) -> Option<Destination> {
        let name = format!("{}-console", self.attempts.len());
        Some(Destination::of(bucket?, &self.instance_id, &self.id, &name))
    }

    /// How long the incident has been in its stage.
    pub fn in_stage_for(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.stage_since)
    }

    /// The next state of this incident: in `stage` from `now` on, due at once.
    #[must_use]
    pub fn moved_to(&self, stage: Stage, now: Timestamp) -> Self {
        Self {
            stage,
            stage_since: now,
            quiet_since: None,
            held_back: None,
            stays_out: false,
            conflicting_since: None,
            ended_since: None,
            closing_until: None,
            due_at: now,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The next state of this incident: as it is, due again at `due_at`.
    #[must_use]
    pub fn waiting_until(&self, due_at: Timestamp) -> Self {
        Self { due_at, version: self.version + 1, ..self.clone() }
    }
}
