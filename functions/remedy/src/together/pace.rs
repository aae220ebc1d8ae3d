//! The pace at which a heartbeat asks and acts: of what AWS grants an account, others have half.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::model::action::Action;

/// Calls that draw from one bucket of the account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Api {
    DescribeInstances,
    DescribeInstanceStatus,
    DescribeInstanceTypes,
    DescribeAvailabilityZones,
    DescribeVolumes,
    DescribeVolumesModifications,
    DescribeSnapshots,
    GetConsoleOutput,
    RebootInstances,
    CreateSnapshot,
    ModifyVolume,
    SendCommand,
    GetCommandInvocation,
    ListCommandInvocations,
    DescribeInstanceInformation,
    DescribeSessions,
    GetCalendarState,
    AutoScaling,
    GetMetricData,
    MetricsInsights,
    DescribeAlarms,
}

/// How many calls may be made at once, and how long after them the next one.
struct Rate {
    at_once: i32,
    every: SignedDuration,
}

const fn rate(at_once: i32, every_millis: i64) -> Rate {
    Rate { at_once, every: SignedDuration::from_millis(every_millis) }
}

impl Api {
    /// What `action` draws from. Whoever comes back into service waits for nobody.
    pub(super) fn of(action: Action) -> Option<Self> {
        match action {
            Action::Clean | Action::Survey | Action::Extend | Action::Gather => {
                Some(Self::SendCommand)
            }
            Action::Reboot => Some(Self::RebootInstances),
            Action::Snapshot => Some(Self::CreateSnapshot),
            Action::Grow => Some(Self::ModifyVolume),
            Action::LeaveService(_) | Action::Replace => Some(Self::AutoScaling),
            Action::ComeBack => None,
        }
    }

    /// Half of what the account is granted, and a sixth of what is asked about every alarm: two
    /// batches of them and the heartbeat may ask at once. Systems Manager and Auto Scaling
    /// publish no number: docs/aws-questions.md has ours.
    fn rate(self) -> Rate {
        match self {
            // A bucket of 100 and 20 a second for each (EC2 developer guide, "Request throttling
            // for the Amazon EC2 API").
            Self::DescribeInstances | Self::DescribeInstanceStatus => rate(16, 300),
            Self::DescribeInstanceTypes
            | Self::DescribeAvailabilityZones
            | Self::DescribeVolumes
            | Self::DescribeVolumesModifications
            | Self::DescribeSnapshots
            | Self::GetConsoleOutput => rate(50, 100),
            // 50 and 5 a second. Reboots come one by one, however many there were before.
            Self::RebootInstances => rate(1, 400),
            Self::ModifyVolume | Self::CreateSnapshot => rate(25, 400),
            Self::DescribeInstanceInformation => rate(3, 600),
            Self::GetCommandInvocation => rate(10, 200),
            // Whoever takes alarms sends first; what is left was turned away there.
            Self::SendCommand
            | Self::ListCommandInvocations
            | Self::DescribeSessions
            | Self::GetCalendarState => rate(5, 400),
            // One bucket for all of its calls.
            Self::AutoScaling => rate(5, 1_200),
            // 500 requests, 10 queries and 9 requests a second (CloudWatch user guide, "CloudWatch
            // service quotas").
            Self::GetMetricData => rate(250, 4),
            Self::MetricsInsights => rate(5, 200),
            Self::DescribeAlarms => rate(4, 223),
        }
    }
}

/// When each API may be asked next.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When all that was asked for would be paid for, at a steady rate.
    paid: RefCell<BTreeMap<Api, Timestamp>>,
}

impl Pace {
    /// When the next call may be made, if that is not later than `until`: then its place is
    /// taken.
    pub(super) fn slot(&self, api: Api, now: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let Rate { at_once, every } = api.rate();
        let mut paid = self.paid.borrow_mut();
        let free = paid.get(&api).map_or(now, |paid| (*paid).max(now));
        let at = (free - every * (at_once - 1)).max(now);
        if at > until {
            return None;
        }
        paid.insert(api, free + every);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn slots(api: Api, count: usize, until: i64) -> Vec<i64> {
        let pace = Pace::default();
        let until = START + SignedDuration::from_millis(until);
        let slots = (0..count).map_while(|_| pace.slot(api, START, until));
        slots.map(Timestamp::as_millisecond).collect()
    }

    #[test]
    fn reboots_come_one_by_one() {
        assert_eq!(slots(Api::RebootInstances, 4, 60_000), [0, 400, 800, 1_200]);
    }

    #[test]
    fn what_may_come_at_once_does_and_the_rest_in_its_time() {
        let slots = slots(Api::ListCommandInvocations, 8, 60_000);
        assert_eq!(slots, [0, 0, 0, 0, 0, 400, 800, 1_200]);
    }

    #[test]
    fn what_would_come_too_late_takes_no_place() {
        assert_eq!(slots(Api::RebootInstances, 9, 1_000), [0, 400, 800]);
        let pace = Pace::default();
        let at = |millis| START + SignedDuration::from_millis(millis);
        let slot = |now, until| pace.slot(Api::RebootInstances, at(now), at(until));
        assert_eq!(slot(0, 0), Some(at(0)));
        assert_eq!(slot(0, 399), None);
        assert_eq!(slot(390, 500), Some(at(400)));
        assert_eq!(slot(5_000, 5_000), Some(at(5_000)), "nothing is owed for long");
    }
}
