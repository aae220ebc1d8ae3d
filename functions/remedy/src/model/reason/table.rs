//! One row for each reason: all that it is, beside its text. A new reason does not
//! compile before it has one. The operations guide shows the same words, and a test
//! holds the two together.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::alarm::Hint;
use crate::model::ids::InstanceId;
use crate::model::incident::HeldBy;
use crate::model::reason::Reason;

/// What a report asks of people. Subscriptions filter by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing: it goes on by itself, it is over, or only observation was
    /// asked for.
    Info,
    /// Something keeps Remedy from acting, and a person can mend it.
    Warning,
    /// A person has the instance now: Remedy does nothing more to it as it is.
    Critical,
}

impl Severity {
    /// The severity's stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct Row {
    /// Its stable name.
    pub code: &'static str,
    /// Whether it may pass by itself: then the incident waits for that. Whatever
    /// else was in the way stays there until somebody acts.
    pub passes: bool,
    /// Whether people hear of what it held. What was answered before, what is not
    /// ours to touch and what somebody silenced on purpose is only logged.
    pub is_news: bool,
    /// Whether it holds back many instances at once.
    pub shared_cause: bool,
    /// Whether the host itself can say something else the next time it is asked.
    pub of_the_host: bool,
    /// Whether the owner has said it, and it ends an incident whose instance serves: nobody
    /// waits for them to say something else.
    pub ends_it: bool,
    /// Whether it tells where the evidence is, and nothing about the symptom.
    pub is_about_evidence: bool,
    /// What it asks of people where it is the first reason for holding something.
    pub severity: Severity,
    /// What a person can do about it, as an order; `None` if nothing is left to do.
    pub advice: Option<&'static str>,
}

const fn row(code: &'static str) -> Row {
    Row {
        code,
        passes: false,
        is_news: true,
        shared_cause: false,
        of_the_host: false,
        ends_it: false,
        is_about_evidence: false,
        severity: Severity::Info,
        advice: None,
    }
}

impl Row {
    const fn passes(self) -> Self {
        Self { passes: true, ..self }
    }

    const fn is_no_news(self) -> Self {
        Self { is_news: false, ..self }
    }

    const fn shared_cause(self) -> Self {
        Self { shared_cause: true, ..self }
    }

    const fn of_the_host(self) -> Self {
        Self { of_the_host: true, ..self }
    }

    const fn ends_it(self) -> Self {
        Self { ends_it: true, ..self }
    }

    const fn about_evidence(self) -> Self {
        Self { is_about_evidence: true, ..self }
    }

    const fn warning(self, advice: &'static str) -> Self {
        Self { severity: Severity::Warning, advice: Some(advice), ..self }
    }
}

impl Reason {
    /// All that the reason is.
    #[expect(clippy::too_many_lines, reason = "a table has a row for each reason")]
    pub fn row(&self) -> Row {
        match self {
            Self::LowestRung { .. } => row("lowest-rung"),
            Self::AgentAbsent => row("agent-absent").warning(
                "install the SSM agent, or give the instance a profile that lets it register",
            ),
            Self::AgentSilent { .. } => {
                row("agent-silent").warning("after the incident, read the SSM agent's log")
            }
            Self::PlatformUnsupported { .. } => row("platform-unsupported"),
            Self::PlatformNotAsked { .. } => {
                row("platform-not-asked").warning("look at the instance yourself")
            }
            Self::RungLimited { .. } => row("rung-limited")
                .warning("look at the instance, or raise the tag auto-remediation-max"),
            Self::ManagedNode { by } => row("managed-node").warning(by.properly()),
            Self::LeavesZoneBehind => row("leaves-zone-behind")
                .warning("raise the group's maximum by one, or suspend AZRebalance meanwhile"),
            Self::ScaleInProtected => row("scale-in-protected")
                .warning("replace the instance yourself, or end its protection"),
            Self::VolumeImpaired { .. } => {
                row("volume-impaired").warning("look at the instance's EBS volumes")
            }
            Self::Ec2Recovers { .. } => row("ec2-recovers").passes().warning(
                "wait for EC2; stop and start the instance if it is still impaired in half an hour",
            ),
            Self::ServiceOnly => row("service-only").warning(
                "look at the service, or tag the instance auto-remediation-service = reboot",
            ),
            Self::GroupReplaces => row("group-replaces").passes(),
            Self::OneWitness { .. } => row("one-witness").passes(),
            Self::ZoneImpaired { .. } => row("zone-impaired")
                .passes()
                .shared_cause()
                .warning("look at the zone in the AWS Health Dashboard, and serve from others"),
            Self::PerformanceImpaired { .. } => {
                row("performance-impaired").warning("do what AWS recommends")
            }
            Self::DataLost { .. } => row("data-lost")
                .warning("free or grow the disk, or say by its tag that it holds nothing"),
            Self::TooYoung { .. } => row("too-young").passes(),
            Self::AlarmActionsDisabled => row("alarm-actions-disabled").is_no_news().ends_it(),
            Self::AlarmActsItself { .. } => row("alarm-acts-itself").passes(),
            Self::SystemImpaired { .. } => row("system-impaired")
                .warning("stop and start the instance, which moves it to another host"),
            Self::RebootFreesNothing => {
                row("reboot-frees-nothing").warning("free or grow the disk")
            }
            Self::DidNotLast { .. } => row("did-not-last"),
            Self::RootCauseNeeded { .. } => {
                row("root-cause-needed").warning("find the root cause; a repair does not last")
            }
            Self::ScheduledEvent { .. } => row("scheduled-event")
                .warning("wait for the event, or replace the instance before it"),
            Self::InstanceStoreLost => row("instance-store-lost").warning(
                "replace the instance yourself, or say by its tag that its disks hold nothing",
            ),
            Self::NotInGroup => {
                row("not-in-group").warning("put the instance into a group, if it can be replaced")
            }
            Self::GroupNotOptedIn { .. } => row("group-not-opted-in")
                .warning("tag the group auto-remediation = enabled, if its members may be moved"),
            Self::GroupObserved { .. } => row("group-observed").warning(
                "set the group's tag auto-remediation to enabled, to let its members be moved",
            ),
            Self::ProcessSuspended { .. } => row("process-suspended")
                .warning("resume the group's process when your work is done"),
            Self::RefreshRunning { .. } => row("refresh-running").passes(),
            Self::GroupMissing { .. } => {
                row("group-missing").warning("find out who deleted the group")
            }
            Self::NotInService { .. } => row("not-in-service"),
            Self::NotYetInService { .. } => row("not-yet-in-service").passes(),
            Self::NotRunning { .. } => row("not-running"),
            Self::InstanceMissing => row("instance-missing")
                .warning("check the alarm's dimensions and its account, or delete the alarm"),
            Self::NotOptedIn { .. } => row("not-opted-in")
                .is_no_news()
                .ends_it()
                .warning("tag the instance auto-remediation = enabled, if it may be touched"),
            Self::Observing { .. } => row("observing").ends_it(),
            Self::Stale { .. } => row("stale").warning("find out why the event came late"),
            Self::FromTheFuture { .. } => row("from-the-future").warning("check the clocks"),
            Self::Muted { .. } => row("muted").is_no_news(),
            Self::Suppressed { .. } => row("suppressed").is_no_news(),
            Self::Unmeasured { .. } => row("unmeasured").warning("find out why the metric stopped"),
            Self::Unclear { .. } => {
                row("unclear").warning("simplify the alarm, so that it watches one metric")
            }
            Self::WhichInstance { .. } => row("which-instance").ends_it().warning(
                "use an alarm for each instance, or one fleet alarm that groups by InstanceId",
            ),
            Self::NotGrown(obstacle) => match obstacle.advice() {
                Some(advice) => row(obstacle.code()).warning(advice),
                None => row(obstacle.code()),
            },
            Self::DiskNamed { .. } => row("disk-named").about_evidence(),
            Self::SurveyFailed { .. } => row("survey-failed").about_evidence(),
            Self::SnapshotTaken { .. } => row("snapshot-taken"),
            Self::SnapshotFailed { .. } => {
                row("snapshot-failed").warning("take a snapshot and grow the volume yourself")
            }
            Self::VolumeGrown { .. } => row("volume-grown"),
            Self::GrowthFailed { .. } => {
                row("growth-failed").warning("read the volume's modification in the EC2 console")
            }
            Self::GrowthContended => row("growth-contended").passes(),
            Self::Extended { .. } => row("extended"),
            Self::NotExtended { .. } => row("not-extended")
                .warning("extend the file system yourself: the volume has the space already"),
            Self::FactUnknown(_) => {
                row("fact-unknown").passes().warning("mend the permission or the quota of the call")
            }
            Self::DuplicateDelivery { .. } => row("duplicate-delivery").is_no_news(),
            Self::Paused { .. } => row("paused").passes(),
            Self::Busy { .. } => row("busy").passes(),
            Self::BusyUnclear { .. } => row("busy-unclear").passes().warning(
                "set the tag auto-remediation-busy-until to a time within 12 hours, such as \
                 2026-11-20T05:00:00Z, or remove it",
            ),
            Self::AtWork => row("at-work").passes(),
            Self::CalendarClosed { .. } => row("calendar-closed").passes(),
            Self::ZoneUnwell { .. } => row("zone-unwell")
                .passes()
                .shared_cause()
                .warning("look at the zone in the AWS Health Dashboard, and serve from others"),
            Self::AsksFirst { .. } => row("asks-first").passes(),
            Self::Asked { .. } => {
                row("asked").passes().warning("answer yes or no by one of the commands")
            }
            Self::RefusedBy { .. } => row("refused-by"),
            Self::NobodyAnswered { .. } => row("nobody-answered")
                .warning("look at the instance; nobody said whether Remedy may act"),
            Self::Overtaken { .. } => row("overtaken"),
            Self::AllowedBy { .. } => row("allowed-by"),
            Self::Resting { .. } => row("resting").warning(
                "find out why it does not help; lift its rest, to have it tried once more",
            ),
            Self::CoolingDown { .. } => row("cooling-down").passes(),
            Self::BudgetSpent { .. } => row("budget-spent").passes(),
            Self::SlotTaken => row("place-taken").passes(),
            Self::TooFewHealthy { .. } => row("too-few-healthy")
                .passes()
                .warning("find out why the other members are not healthy"),
            Self::CorrelatedFailure { .. } => row("correlated-failure")
                .passes()
                .shared_cause()
                .warning("look at what the members share"),
            Self::LoadNotFault { .. } => {
                row("load-not-fault").passes().shared_cause().warning("add capacity")
            }
            Self::IncidentOpen { .. } => row("incident-open").is_no_news(),
            Self::Queued { .. } => row("queued").is_no_news(),
            Self::ActionFailed { .. } => row("action-failed")
                .warning("allow the call that is named, or mend what AWS says of it"),
            Self::ActionUncertain { .. } => row("action-uncertain"),
            Self::NotRecorded(_) => row("not-recorded")
                .warning("mend the permission or the quota of the ledger's table"),
            Self::RungTried { .. } => row("rung-tried"),
            Self::StandbyImpossible { .. } => row("standby-impossible")
                .warning("give the group room between its minimum and its maximum"),
            Self::HostObjects { .. } => row("host-objects").passes().of_the_host(),
            Self::WitnessesDisagree { .. } => row("witnesses-disagree")
                .warning("look at the host and at its metric: one of them is wrong"),
            Self::BelowFloor { .. } => row("below-floor"),
            Self::OnlyAHint { hint: Hint::Amount } => row("only-a-hint")
                .warning("look at the host; an alarm in percent says how bad it is"),
            Self::OnlyAHint { .. } => row("only-a-hint"),
            Self::AlarmDisagrees { .. } => row("alarm-disagrees"),
            Self::DisruptedToday { .. } => {
                row("disrupted-today").warning("find the root cause; a repair does not last")
            }
            Self::PersonPresent { .. } => row("person-present").passes().of_the_host(),
            Self::UnfitForReboot { .. } => row("unfit-for-reboot")
                .passes()
                .of_the_host()
                .warning("let the package installation end, or mend /etc/fstab"),
            Self::HostUnsure { .. } => row("host-unsure")
                .passes()
                .of_the_host()
                .warning("look at the host: its preflight stands in the SSM command's output"),
            Self::CleanupInsufficient { .. } => {
                row("cleanup-insufficient").warning("look at what the host names as the largest")
            }
            Self::CleanupFailed { .. } => {
                row("cleanup-failed").warning("read what the SSM command said")
            }
            Self::CleanupOk { .. } => row("cleanup-ok"),
            Self::StillThere { .. } => row("still-there"),
            Self::NotQuiet { .. } => row("not-quiet"),
            Self::Unverified { .. } => {
                row("unverified").warning("look at the instance and at its metric")
            }
            Self::StayedGone { .. } => row("stayed-gone"),
            Self::NotBack { .. } => row("not-back")
                .warning("look at its console; if it is in a group, whether it is in Standby"),
            Self::Substituted => row("substituted"),
            Self::NotSubstituted { .. } => {
                row("not-substituted").warning("read the group's activity history")
            }
            Self::Gone { .. } => row("instance-gone"),
            Self::TakenAway { .. } => {
                row("taken-away").warning("ask who moved it: it may still be in trouble")
            }
            Self::StaysInStandby { .. } => row("stays-in-standby")
                .warning("give the group room, and bring the instance back into service"),
            Self::OutOfTime { held_by, .. } => {
                row("out-of-time").warning(match held_by.as_ref().map(|by| by.code.as_str()) {
                    Some("load-not-fault") => "add capacity",
                    Some("correlated-failure") => "look at what the members share",
                    Some(_) => "end what held it for so long",
                    None => "find out whether the instance is up",
                })
            }
            Self::BackInService => row("back-in-service"),
            Self::UpAgain => row("up-again"),
            Self::Refused { .. } => {
                row("refused").warning("mend the permission, if the text names one")
            }
            Self::RebootFailed { .. } => row("reboot-failed"),
            Self::NeverAsked => row("never-asked"),
            Self::NotReached { .. } => row("not-reached"),
            Self::LeftService => row("left-service"),
            Self::SubstitutesSickToo { .. } => row("substitutes-sick-too")
                .warning("look at what the members share: image, launch template, load"),
            Self::EvidenceFirst { .. } => row("evidence-first"),
            Self::EvidenceKept { .. } => row("evidence-kept").about_evidence(),
            Self::EvidenceInOutput { .. } => row("evidence-in-output").about_evidence(),
            Self::EvidenceMissing { .. } => row("evidence-missing")
                .about_evidence()
                .warning("let the host reach S3, or read its command"),
            Self::FollowUpVerifies => row("follow-up-verifies"),
            Self::SymptomOver => row("symptom-over"),
            Self::NothingOpen => row("nothing-open").is_no_news(),
        }
    }

    /// The reason, as the row of an incident that it holds back keeps it.
    pub fn held_by(&self) -> HeldBy {
        let Row { code, shared_cause, .. } = self.row();
        HeldBy { code: code.to_owned(), text: self.to_string(), shared_cause, since: None }
    }

    /// What ends it, typed into a shell by whoever may.
    pub fn commands(&self, instance: &InstanceId) -> Vec<String> {
        match self {
            Self::StaysInStandby { group: Some(group), full } => {
                let name = shell_word(group.as_str());
                let widen = full.map(|max| {
                    format!(
                        "aws autoscaling update-auto-scaling-group --auto-scaling-group-name \
                         {name} --max-size {}",
                        max.saturating_add(1)
                    )
                });
                let back = format!(
                    "aws autoscaling exit-standby --instance-ids {instance} \
                     --auto-scaling-group-name {name}"
                );
                widen.into_iter().chain([back]).collect()
            }
            Self::Asked { incident, instance, question } => {
                let answer = |word: &str| {
                    format!(
                        "aws lambda invoke --function-name \"$follow_up\" --cli-binary-format \
                         raw-in-base64-out --payload '{{\"answer\":\"{word}\",\"instance_id\":\
                         \"{instance}\",\"incident\":\"{incident}\",\"attempt\":{},\"nonce\":\
                         \"{}\",\"by\":\"YOUR NAME\"}}' /dev/stdout",
                        question.attempt, question.nonce
                    )
                };
                vec![answer("yes"), answer("no")]
            }
            Self::SystemImpaired { movable: true }
            | Self::VolumeImpaired { movable: true }
            | Self::Ec2Recovers { movable: true } => vec![format!(
                "aws ec2 stop-instances --instance-ids {instance} && \
                 aws ec2 wait instance-stopped --instance-ids {instance} && \
                 aws ec2 start-instances --instance-ids {instance}"
            )],
            _ => Vec::new(),
        }
    }

    /// Until when it holds, where that is known. Something else may end it sooner.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::TooYoung { until } | Self::CalendarClosed { until, .. } => *until,
            Self::Paused { pause } | Self::Resting { pause } => Some(pause.until),
            Self::Busy { until, .. } | Self::CoolingDown { until } => Some(*until),
            Self::Asked { question, .. } => Some(question.until),
            _ => None,
        }
    }

    /// The reason's stable name.
    pub fn code(&self) -> &'static str {
        self.row().code
    }

    /// Whether it may pass by itself.
    pub fn passes(&self) -> bool {
        self.row().passes
    }

    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        self.row().advice
    }
}

/// `word` as a shell takes it whole.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
