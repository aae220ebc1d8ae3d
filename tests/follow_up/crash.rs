//! The function dies at every call of every story, once before the call takes
//! effect and once after. Later beats finish the incident all the same, and
//! nothing disruptive happens twice.

use remedy::model::alarm::Symptom::{DiskFull, HighCpu, MemoryPressure};
use remedy::model::incident::{Rung, Stage};
use world::calls::Death;
use world::host::Trouble;

use crate::play::Play;

/// A story, how it ends, and how it ends if a reboot was never made: an intent
/// that nobody lived to carry out is not carried out later.
struct Story {
    name: &'static str,
    begin: fn() -> Play,
    ends: Stage,
    without_the_reboot: Stage,
}

const STORIES: [Story; 12] = [
    Story {
        name: "a cleanup helps",
        begin: || Play::grouped(Trouble::slight(DiskFull, 96.4)),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "a cleanup helps, and only the heartbeat sees it",
        begin: || Play::grouped(Trouble::slight(MemoryPressure, 97.0)).without_hints(),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "a reboot helps a server that stands alone",
        begin: || Play::standalone(Trouble::stubborn(HighCpu, 99.1)),
        ends: Stage::Resolved,
        without_the_reboot: Stage::HandedOver,
    },
    Story {
        name: "nothing helps a server that stands alone",
        begin: || Play::standalone(Trouble::hopeless(HighCpu, 99.1)),
        ends: Stage::HandedOver,
        without_the_reboot: Stage::HandedOver,
    },
    Story {
        name: "a silent agent, and a reboot at once",
        begin: || Play::standalone(Trouble::slight(HighCpu, 99.1)).with_a_silent_agent(),
        ends: Stage::Resolved,
        without_the_reboot: Stage::HandedOver,
    },
    Story {
        name: "a reboot in Standby helps",
        begin: || Play::grouped(Trouble::stubborn(HighCpu, 99.1)),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "a reboot in Standby of a group at its minimum helps",
        begin: || {
            let play = Play::grouped(Trouble::stubborn(MemoryPressure, 99.1));
            play.with_group(|group| group.min = group.desired)
        },
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "a reboot in Standby does not help, a replacement does",
        begin: || Play::grouped(Trouble::hopeless(HighCpu, 99.1)).without_hints(),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "a full disk is replaced",
        begin: || Play::grouped(Trouble::hopeless(DiskFull, 96.4)),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "the volume of a full disk grows",
        begin: || Play::standalone(Trouble::hopeless(DiskFull, 96.4)).with_a_cap(200),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "the volume of a full disk grows after a snapshot",
        begin: || {
            let play = Play::standalone(Trouble::hopeless(DiskFull, 96.4)).with_a_cap(200);
            play.with_host(|host| host.disk.snapshot_first = true)
        },
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
    Story {
        name: "a silent agent, and a replacement at once",
        begin: || Play::grouped(Trouble::slight(DiskFull, 96.4)).with_a_silent_agent(),
        ends: Stage::Resolved,
        without_the_reboot: Stage::Resolved,
    },
];

/// Minutes after the end in which nothing more may happen.
const AFTERWARDS: usize = 30;

#[test]
fn every_story_ends_though_the_function_dies_at_any_call() {
    let mut wrong = Vec::new();
    for story in &STORIES {
        let mut swept = 0;
        for takes_effect in [false, true] {
            for at_call in 1.. {
                let death = Death { at_call, takes_effect };
                let mut play = (story.begin)();
                play.region.dies_at(death);
                let ended = play.until_the_end();
                if play.deaths == 0 {
                    break;
                }
                swept += 1;
                play.minutes(AFTERWARDS);
                wrong.extend(findings(story, death, ended, &play));
            }
        }
        assert!(swept > 40, "{}: {swept} deaths are too few to be all", story.name);
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_story_ends_as_it_should_if_nobody_dies() {
    for story in &STORIES {
        let mut play = (story.begin)();
        assert_eq!(play.until_the_end(), story.ends, "{}: {:?}", story.name, play.told());
        play.minutes(AFTERWARDS);
        let promises = promises(&play);
        assert!(promises.is_empty(), "{}: {promises:?}", story.name);
    }
}

/// What is wrong with how `story` ended.
fn findings(story: &Story, death: Death, ended: Stage, play: &Play) -> Vec<String> {
    let fatal = play.fatal_call().unwrap();
    let mut wrong = promises(play);
    let rebooted = play.region.host(&play.names.web).unwrap().boots > 1;
    let expected = if rebooted { story.ends } else { story.without_the_reboot };
    if ended != expected {
        wrong.push(format!("ended as {ended:?}"));
    }
    if play.deaths != 1 {
        wrong.push(format!("{} deaths", play.deaths));
    }
    let effect = if death.takes_effect { "after" } else { "before" };
    let place = format!("{}, died {effect} call {} ({:?})", story.name, death.at_call, fatal.verb);
    wrong.into_iter().map(|what| format!("{place}: {what}; told {:?}", play.told())).collect()
}

/// The promises that do not hold at the end of a play.
fn promises(play: &Play) -> Vec<String> {
    let mut broken = Vec::new();
    let incident = play.incident().unwrap();
    let book = play.region.book();
    let rows = book.ended().iter().filter(|row| row.id == incident.id).count();
    if rows != 1 || book.all_latest().any(|incident| incident.stage.is_open()) {
        broken.push(format!("{rows} rows of an incident that ended once"));
    }
    let attempts = |rung| incident.tried().iter().filter(|tried| **tried == rung).count();
    let boots = play.region.host(&play.names.web).unwrap().boots as usize - 1;
    if boots > attempts(Rung::Reboot) || attempts(Rung::Reboot) > 1 {
        broken.push(format!("{boots} reboots in {:?}", incident.tried()));
    }
    let disk = play.region.host(&play.names.web).unwrap().disk;
    if disk.modified_at.len() > 1 || disk.gib != disk.file_system_gib {
        broken.push(format!("the volume was modified so: {disk:?}"));
    }
    if disk.snapshots.len() != usize::from(disk.snapshot_first) {
        broken.push(format!("its snapshots are {:?}", disk.snapshots));
    }
    if let Some(group) = play.region.group(&play.names.group) {
        let terminated = play.region.hosts().values().filter(|host| !host.runs()).count();
        if terminated > attempts(Rung::Replace) || attempts(Rung::Replace) > 1 {
            broken.push(format!("{terminated} replaced in {:?}", incident.tried()));
        }
        if !group.out_of_service().is_empty() {
            broken.push("somebody is left in Standby".to_owned());
        }
        if group.members.len() < 3 || group.members.values().any(|member| !member.healthy) {
            broken.push(format!("the group is not whole: {:?}", group.members));
        }
        let replacements = book.replaced(&play.names.group, incident.symptom).len();
        if replacements != terminated {
            broken.push(format!("{replacements} replacements noted, {terminated} made"));
        }
    }
    let end = if incident.stage == Stage::Resolved { "resolved" } else { "needs a person" };
    if !play.told().last().is_some_and(|told| told.starts_with(end)) {
        broken.push(format!("{end} was not told"));
    }
    if play.told().iter().filter(|told| told.starts_with(end)).count() > 2 {
        broken.push("the end was told again and again".to_owned());
    }
    broken
}
