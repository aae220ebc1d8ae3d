//! Every call that reaches the region: which one, about what, and what was
//! answered. What can go wrong with a call is here too.

use jiff::Timestamp;

/// The calls the ports can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads an instance.
    Instance,
    /// Reads its status checks.
    Status,
    /// Reads its SSM agent.
    Agent,
    /// Reads its place in a group.
    Membership,
    /// Reads a group.
    Group,
    /// Reads whether an instance refresh runs.
    Refresh,
    /// Reads the ledger.
    History,
    /// Opens an incident in the ledger.
    Open,
    /// Writes a later state of an incident.
    Record,
    /// Sends a cleanup command.
    Clean,
    /// Reboots an instance.
    Reboot,
    /// Has a group replace an instance.
    Replace,
    /// Publishes a notification.
    Tell,
}

/// What a call does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It reads.
    Look,
    /// It writes to the ledger.
    Write,
    /// It changes an instance or a group.
    Touch,
    /// It tells people.
    Tell,
}

impl Verb {
    /// The calls that read facts.
    pub const LOOKS: [Self; 7] = [
        Self::Instance,
        Self::Status,
        Self::Agent,
        Self::Membership,
        Self::Group,
        Self::Refresh,
        Self::History,
    ];

    /// The calls that change an instance or a group.
    pub const TOUCHES: [Self; 3] = [Self::Clean, Self::Reboot, Self::Replace];

    /// The call's name, in IAM's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "ec2:DescribeInstances",
            Self::Status => "ec2:DescribeInstanceStatus",
            Self::Agent => "ssm:DescribeInstanceInformation",
            Self::Membership => "autoscaling:DescribeAutoScalingInstances",
            Self::Group => "autoscaling:DescribeAutoScalingGroups",
            Self::Refresh => "autoscaling:DescribeInstanceRefreshes",
            Self::History => "dynamodb:GetItem",
            Self::Open | Self::Record => "dynamodb:PutItem",
            Self::Clean => "ssm:SendCommand",
            Self::Reboot => "ec2:RebootInstances",
            Self::Replace => "autoscaling:SetInstanceHealth",
            Self::Tell => "sns:Publish",
        }
    }

    /// What the call does to the world.
    pub fn nature(self) -> Nature {
        match self {
            Self::Instance
            | Self::Status
            | Self::Agent
            | Self::Membership
            | Self::Group
            | Self::Refresh
            | Self::History => Nature::Look,
            Self::Open | Self::Record => Nature::Write,
            Self::Clean | Self::Reboot | Self::Replace => Nature::Touch,
            Self::Tell => Nature::Tell,
        }
    }
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// AWS says no, in these words: nothing happens, and the caller knows.
    Refused(&'static str),
    /// The request never arrives: nothing happens, and the caller cannot know.
    RequestLost,
    /// The call takes effect and its answer is lost: the caller cannot know.
    AnswerLost,
}

impl Fault {
    /// What the caller gets to see.
    pub fn says(&self) -> &'static str {
        match self {
            Self::Refused(why) => why,
            Self::RequestLost | Self::AnswerLost => "no answer within 5 s",
        }
    }

    /// Whether the caller can be certain that nothing happened.
    pub fn is_certain(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// One call, as the region saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// Which one.
    pub verb: Verb,
    /// What it was about: an instance, a group, an incident or a subject.
    pub about: String,
    /// What was answered, for people.
    pub answer: String,
}
