//! What nobody has shown us of AWS. The region behaves as docs/aws-questions.md assumes, or
//! otherwise: nothing of ours may rely on the assumption.

use std::collections::BTreeSet;

/// An answer of AWS's that is not the one we assume, by the name of its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Otherwise {
    /// A member that left without a decrement comes back, its group wants no more than
    /// before, and ends one that is too many.
    StandbyReturn,
    /// An agent that fell silent counts as online for longer than `AgentSilentMinutes`.
    SilentAgents,
    /// A reboot of what is stopped is taken, and does nothing.
    RebootStopped,
    /// A replacement of what is in no group is refused with a code that means nothing to us.
    UnknownMember,
}

impl Otherwise {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::StandbyReturn, Self::SilentAgents, Self::RebootStopped, Self::UnknownMember];

    /// The question, as docs/aws-questions.md names it.
    pub fn question(self) -> &'static str {
        match self {
            Self::StandbyReturn => "standby-return",
            Self::SilentAgents => "silent-agents",
            Self::RebootStopped => "reboot-stopped",
            Self::UnknownMember => "unknown-member",
        }
    }
}

/// In which questions a region answers otherwise.
pub(crate) type Otherwises = BTreeSet<Otherwise>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_open_question_that_a_region_can_ask_is_played_either_way() {
        let guide = include_str!("../../docs/aws-questions.md");
        let open = guide.split("## Open").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = open.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| `"));
        let (played, told): (Vec<_>, Vec<_>) = rows
            .map(|row| (row, row.split('`').next().unwrap_or_default()))
            .partition(|(row, _)| row.ends_with("| the drill |"));
        let played: BTreeSet<&str> = played.into_iter().map(|(_, name)| name).collect();
        let ours: BTreeSet<&str> = Otherwise::ALL.into_iter().map(Otherwise::question).collect();
        assert_eq!(played, ours);
        for (row, name) in told {
            let by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            assert!(by.contains("test"), "{name}: what plays the other answer? {by}");
        }
    }
}
