//! What a person can do about each reason. The operations guide shows the same
//! words, and a test holds the two together.

use crate::model::reason::Reason;

impl Reason {
    /// What a person can do about it, as an order; `None` if nothing is left to
    /// do.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::AgentAbsent => {
                Some("install the SSM agent, or give the instance a profile that lets it register")
            }
            Self::AgentSilent { .. } => Some("after the incident, read the SSM agent's log"),
            Self::SystemImpaired => {
                Some("stop and start the instance, which moves it to another host")
            }
            Self::RebootFreesNothing => Some("free or grow the disk"),
            Self::StandbyImpossible { .. } => {
                Some("give the group room between its minimum and its maximum")
            }
            Self::RootCauseNeeded { .. } => Some("find the root cause; a repair does not last"),
            Self::ScheduledEvent { .. } => {
                Some("wait for the event, or replace the instance before it")
            }
            Self::InstanceStoreLost => {
                Some("replace the instance yourself, or say by its tag that its disks hold nothing")
            }
            Self::TooFewHealthy { .. } => Some("find out why the other members are not healthy"),
            Self::CorrelatedFailure { .. } => Some("look at what the members share"),
            Self::LoadNotFault { .. } => Some("add capacity"),
            Self::NotInGroup => Some("put the instance into a group, if it can be replaced"),
            Self::GroupNotOptedIn { .. } => {
                Some("tag the group auto-remediation = enabled, if its members may be moved")
            }
            Self::GroupObserved { .. } => {
                Some("set the group's tag auto-remediation to enabled, to let its members be moved")
            }
            Self::GroupMissing { .. } => Some("find out who deleted the group"),
            Self::ProcessSuspended { .. } => {
                Some("resume the group's process when your work is done")
            }
            Self::SubstitutesSickToo { .. } => {
                Some("look at what the members share: image, launch template, load")
            }
            Self::NotOptedIn { .. } => {
                Some("tag the instance auto-remediation = enabled, if it may be touched")
            }
            Self::Stale { .. } => Some("find out why the event came late"),
            Self::FromTheFuture { .. } => Some("check the clocks"),
            Self::Unmeasured { .. } => Some("find out why the metric stopped"),
            Self::Unclear { .. } => Some("simplify the alarm, so that its direction can be told"),
            Self::WhichInstance { .. } => {
                Some("use an alarm for each instance, or one fleet alarm that groups by InstanceId")
            }
            Self::InstanceMissing => Some("check the alarm's dimensions, or delete the alarm"),
            Self::UnfitForReboot { .. } => {
                Some("let the package installation end, or mend /etc/fstab")
            }
            Self::FactUnknown(_) => Some("mend the permission or the quota of the call"),
            Self::CleanupInsufficient { .. } => Some("look at what the host names as the largest"),
            Self::CleanupFailed { .. } => Some("read what the SSM command said"),
            Self::Unverified { .. } => Some("look at the instance and at its metric"),
            Self::NotBack { .. } => {
                Some("look at the instance, and whether its group still has it in Standby")
            }
            Self::NotSubstituted { .. } => Some("read the group's activity history"),
            Self::Refused { .. } => Some("mend the permission, if the text names one"),
            Self::OutOfTime { .. } => Some("look at the instance"),
            Self::EvidenceMissing { .. } => Some("let the host reach S3, or read its command"),
            Self::ActionFailed { .. } => Some("mend what the text names"),
            Self::NotRecorded(_) => Some("mend the permission or the quota of the ledger's table"),
            Self::LowestRung { .. }
            | Self::RungTried { .. }
            | Self::DidNotLast { .. }
            | Self::Paused { .. }
            | Self::CoolingDown { .. }
            | Self::BudgetSpent { .. }
            | Self::SlotTaken
            | Self::PlatformUnsupported
            | Self::RefreshRunning { .. }
            | Self::Observing { .. }
            | Self::Muted { .. }
            | Self::Suppressed { .. }
            | Self::NotRunning { .. }
            | Self::NotInService { .. }
            | Self::PersonPresent { .. }
            | Self::DuplicateDelivery { .. }
            | Self::IncidentOpen { .. }
            | Self::Queued { .. }
            | Self::CleanupOk { .. }
            | Self::StillThere { .. }
            | Self::NotQuiet { .. }
            | Self::SymptomOver
            | Self::StayedGone { .. }
            | Self::LeftService
            | Self::EvidenceFirst { .. }
            | Self::EvidenceKept { .. }
            | Self::EvidenceInOutput { .. }
            | Self::BackInService
            | Self::UpAgain
            | Self::Substituted
            | Self::Gone { .. }
            | Self::RebootFailed { .. }
            | Self::NeverAsked
            | Self::FollowUpVerifies
            | Self::NothingOpen
            | Self::ActionUncertain { .. } => None,
        }
    }
}
