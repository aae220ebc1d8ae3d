//! Reads a plot that a person wrote, or that a drill printed: the words are
//! the same.

use jiff::SignedDuration;
use remedy::model::alarm::Symptom;
use remedy::model::policy::{OPT_IN_ENABLED, OPT_IN_OBSERVE};

use super::plot::{
    CLEANUPS, CODES, Damage, FAULTS, FILE_SYSTEMS, GroupLine, Habit, Line, Manner, OTHERWISE,
    PROCESSES, PauseOf, Plot, QUOTAS, Rings, SETTINGS, SNAPSHOT_FIRST, Trait, UNNAMED, UNWELL,
    What, fails, fares,
};
use crate::calls::{Fault, Verb};
use crate::host::Trouble;
use crate::otherwise::Otherwise;
use crate::region::ZONES;
use crate::script::Script as Cleanup;

/// A line that says nothing a plot can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unclear {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// What it says.
    pub(crate) line: String,
}

/// Reads a plot. Empty lines and lines that begin with `#` say nothing.
pub(crate) fn plot(text: &str) -> Result<Plot, Unclear> {
    let mut plot = Plot::default();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let read = read(line).ok_or(Unclear { number: i + 1, line: line.to_owned() })?;
        plot.lines.push(read);
    }
    Ok(plot)
}

fn read(line: &str) -> Option<Line> {
    if let Some(group) = line.strip_prefix("there is a group ") {
        return group_line(group).map(Line::Group);
    }
    if let Some(server) = line.strip_prefix("there is a server ") {
        return Some(Line::Server(server.to_owned()));
    }
    if let Some(alarm) = line.strip_prefix("the alarm of ") {
        return alarm_line(alarm);
    }
    if let Some(disk) = line.strip_prefix("the disk of ") {
        return disk_line(disk);
    }
    if let Some(question) = line.strip_prefix(OTHERWISE) {
        let mut answers = Otherwise::ALL.into_iter();
        return answers.find(|answer| answer.question() == question).map(Line::Otherwise);
    }
    if let Some(volume) = line.strip_prefix("the volume of ") {
        let without = volume.strip_suffix(SNAPSHOT_FIRST);
        let (of, cap) =
            without.unwrap_or(volume).strip_suffix(" GiB")?.split_once(" may grow to ")?;
        return Some(Line::Grows(of.to_owned(), cap.parse().ok()?, without.is_some()));
    }
    if line == QUOTAS {
        return Some(Line::Quotas);
    }
    let (clock, what) = line.split_once("  ")?;
    Some(Line::Happens(clock_time(clock)?, what_happens(what.trim())?))
}

fn group_line(line: &str) -> Option<GroupLine> {
    let (name, line) = line.split_once(" of ")?;
    let (size, line) = line.split_once(" (at least ")?;
    let (min, line) = line.split_once(", at most ")?;
    let (max, traits) = line.split_once(')')?;
    let traits = traits.split(", ").filter(|word| !word.is_empty());
    let traits = traits.map(|word| Trait::ALL.into_iter().find(|one| one.words() == word));
    Some(GroupLine {
        name: name.to_owned(),
        size: size.parse().ok()?,
        min: min.parse().ok()?,
        max: max.parse().ok()?,
        traits: traits.collect::<Option<_>>()?,
    })
}

fn alarm_line(line: &str) -> Option<Line> {
    let (of, line) = line.split_once(" for ")?;
    if let Some((name, words)) = line.split_once(' ')
        && let Some((setting, _)) = SETTINGS.into_iter().find(|(_, known)| *known == words)
    {
        return Some(Line::Setting(of.to_owned(), symptom(name)?, setting));
    }
    let (name, rings) = line.strip_suffix(" %")?.split_once(" rings ")?;
    let rings = if let Some(threshold) = rings.strip_prefix("above ") {
        Rings::Above(threshold.parse().ok()?)
    } else {
        let (lower, upper) = rings.strip_prefix("outside ")?.split_once(" to ")?;
        Rings::Outside(lower.parse().ok()?, upper.parse().ok()?)
    };
    Some(Line::Alarm(of.to_owned(), symptom(name)?, rings))
}

fn disk_line(line: &str) -> Option<Line> {
    let (of, words) = line.split_once(" that fills up is ")?;
    let unnamed = words.strip_suffix(UNNAMED);
    let words = unnamed.unwrap_or(words);
    let (which, _) = FILE_SYSTEMS.into_iter().find(|(_, known)| *known == words)?;
    Some(Line::Disk(of.to_owned(), which, unnamed.is_none()))
}

fn clock_time(text: &str) -> Option<SignedDuration> {
    let mut seconds = 0;
    for part in text.split(':') {
        seconds = seconds * 60 + part.parse::<i64>().ok()?;
    }
    Some(SignedDuration::from_secs(seconds))
}

fn length(text: &str) -> Option<SignedDuration> {
    match text.split_once(' ')? {
        (number, "min") => Some(SignedDuration::from_mins(number.parse().ok()?)),
        (number, "s") => Some(SignedDuration::from_secs(number.parse().ok()?)),
        _ => None,
    }
}

/// What stands before the last ` for `, and how long that is.
fn lasting(text: &str) -> Option<(&str, SignedDuration)> {
    let (what, lasts) = text.rsplit_once(" for ")?;
    Some((what, length(lasts)?))
}

fn symptom(name: &str) -> Option<Symptom> {
    Symptom::ALL.into_iter().find(|symptom| symptom.name() == name)
}

fn what_happens(text: &str) -> Option<What> {
    let readers = [
        of_the_weather,
        of_an_operator,
        of_a_pipeline,
        of_an_owner,
        of_a_call,
        of_a_function,
        of_a_host,
    ];
    readers.into_iter().find_map(|reader| reader(text))
}

fn trouble(text: &str) -> Option<Trouble> {
    let (name, text) = text.split_once(" at ")?;
    let (percent, helps) = text.split_once(" %, ")?;
    let (symptom, percent) = (symptom(name)?, percent.parse().ok()?);
    let (helps, comes_back_after) = match lasting(helps) {
        Some((helps, lasts)) => (helps, Some(lasts)),
        None => (helps, None),
    };
    let trouble = match helps {
        "a cleanup helps" => Trouble::slight(symptom, percent),
        "only a reboot helps" => Trouble::stubborn(symptom, percent),
        "neither a cleanup nor a reboot helps" => Trouble::hopeless(symptom, percent),
        _ => return None,
    };
    Some(Trouble { comes_back_after, ..trouble })
}

/// What goes on for everybody.
fn of_the_weather(text: &str) -> Option<What> {
    if let Some(sick) = text.strip_prefix("whatever is launched from now on has ") {
        return trouble(sick).map(What::SickImage);
    }
    let text = text.strip_prefix("for ")?;
    let (number, text) = text.split_once(' ')?;
    let (unit, what) = text.split_once(' ')?;
    let lasts = length(&format!("{number} {unit}"))?;
    if let Some(words) = what.strip_prefix("whoever is asked ") {
        let manner = Manner::ALL.into_iter().find(|manner| manner.words() == words)?;
        return Some(What::Answers(manner, lasts));
    }
    Some(match what {
        "no heartbeat comes" => What::NoBeat(lasts),
        "each heartbeat comes twice" => What::TwoBeats(lasts),
        "alarms are delivered in another order" => What::Delivery(Habit::Reordered, lasts),
        "alarms come through the queue" => What::Delivery(Habit::Queued, lasts),
        "best-effort events are lost" => What::Delivery(Habit::TriggersLost, lasts),
        _ => {
            if let Some(after) = what.strip_prefix("alarms are delivered again after ") {
                What::Delivery(Habit::Twice(length(after)?), lasts)
            } else if let Some(by) = what.strip_prefix("alarms are delivered ") {
                What::Delivery(Habit::Late(length(by.strip_suffix(" late")?)?), lasts)
            } else if let Some(behind) = what.strip_prefix("describe calls lag by ") {
                What::Lag { behind: length(behind)?, lasts }
            } else if let Some(off) = what.strip_prefix("the functions' clocks are off by ") {
                What::Clock { ahead: length(off)?, lasts }
            } else {
                let order = what.strip_prefix("whatever is invoked runs at once (order ")?;
                What::AtOnce(order.strip_suffix(')')?.parse().ok()?, lasts)
            }
        }
    })
}

fn of_an_operator(text: &str) -> Option<What> {
    let text = text.strip_prefix("an operator ")?;
    if let Some(it) = text.strip_prefix("terminates ") {
        return Some(What::Terminates(it.to_owned()));
    }
    let (what, lasts) = lasting(text)?;
    if let Some(it) = what.strip_prefix("stops ") {
        Some(What::Stops(it.to_owned(), lasts))
    } else if let Some(to) = what.strip_prefix("works on ") {
        Some(What::LogsIn(to.to_owned(), lasts))
    } else if let Some(it) = what.strip_prefix("refreshes group ") {
        Some(What::Refreshes(it.to_owned(), lasts))
    } else if let Some(of) = what.strip_prefix("mutes the alarms of ") {
        Some(What::Mutes(of.to_owned(), lasts))
    } else if let Some(of) = what.strip_prefix("pauses ") {
        Some(What::Pauses(pause_of(of), lasts))
    } else {
        let (process, of) = what.strip_prefix("suspends ")?.split_once(" of group ")?;
        let process = PROCESSES.into_iter().find(|one| *one == process)?;
        Some(What::Suspends(of.to_owned(), process, lasts))
    }
}

fn of_a_pipeline(text: &str) -> Option<What> {
    let (what, lasts) = lasting(text)?;
    if what == "the change calendar closes" {
        return Some(What::Closes(lasts));
    }
    if let Some(zone) = what.strip_prefix("EC2 calls zone ") {
        let (zone, state) = zone.split_once(' ')?;
        let state = UNWELL.into_iter().find(|one| *one == state)?;
        return Some(What::ZoneUnwell(zone_named(zone)?, state, lasts));
    }
    if let Some(on) = what.strip_suffix(" alone is protected from scale-in") {
        return Some(What::AtWork(on.to_owned(), lasts));
    }
    if let Some(on) = what.strip_prefix("a pipeline's tag on ") {
        let on = on.strip_suffix(" is unclear")?;
        return Some(What::BusyUnclear(on.to_owned(), lasts));
    }
    let on = what.strip_prefix("a pipeline works on ")?;
    Some(match on.strip_prefix("group ") {
        Some(group) => What::GroupBusy(group.to_owned(), lasts),
        None => What::Busy(on.to_owned(), lasts),
    })
}

fn zone_named(text: &str) -> Option<&'static str> {
    ZONES.into_iter().find(|zone| *zone == text)
}

fn pause_of(text: &str) -> PauseOf {
    if let Some(zone) = text.strip_prefix("zone ").and_then(zone_named) {
        return PauseOf::Zone(zone);
    }
    match (text.strip_prefix("group "), symptom(text)) {
        _ if text == "everything" => PauseOf::All,
        (Some(group), _) => PauseOf::Group(group.to_owned()),
        (None, Some(symptom)) => PauseOf::Symptom(symptom),
        (None, None) => PauseOf::Host(text.to_owned()),
    }
}

fn of_an_owner(text: &str) -> Option<What> {
    let text = text.strip_prefix("the owner of ")?;
    let (of, value) = if let Some(of) = text.strip_suffix(" removes the tag") {
        (of, None)
    } else {
        let (of, value) = text.split_once(" tags it ")?;
        let known = [OPT_IN_ENABLED, OPT_IN_OBSERVE].into_iter().find(|one| *one == value);
        (of, Some(known?))
    };
    Some(match of.strip_prefix("group ") {
        Some(group) => What::GroupTag(group.to_owned(), value),
        None => What::Tag(of.to_owned(), value),
    })
}

fn of_a_call(text: &str) -> Option<What> {
    let (verb, text) = text.strip_prefix("the call ")?.split_once(' ')?;
    let verb = Verb::ALL.into_iter().find(|one| format!("{one:?}") == verb)?;
    let fault =
        |words: &str| -> Option<Fault> { FAULTS.into_iter().find(|fault| fails(fault) == words) };
    if let Some(words) = text.strip_suffix(" once") {
        return Some(What::Hiccup(verb, fault(words)?));
    }
    let (words, lasts) = lasting(text)?;
    Some(What::Outage(verb, fault(words)?, lasts))
}

fn of_a_function(text: &str) -> Option<What> {
    if let Some(text) = text.strip_prefix("a function dies ") {
        let (when, text) = text.split_once(" call number ")?;
        let calls = text.strip_suffix(" from now")?.parse().ok()?;
        return Some(What::Death { calls, takes_effect: when == "after" });
    }
    let (name, event) = text.strip_prefix("the ")?.split_once(" function gets an event ")?;
    let damage = Damage::ALL.into_iter().find(|damage| damage.to_string() == event)?;
    Some(What::Broken(symptom(name)?, damage))
}

fn of_a_host(text: &str) -> Option<What> {
    if let Some(on) = text.strip_prefix("the agent on ") {
        return Some(What::AgentDies(on.strip_suffix(" dies")?.to_owned()));
    }
    if let Some(text) = text.strip_prefix("a cleanup on ") {
        let (on, words) = text.split_once(' ')?;
        let said = CODES.into_iter().find(|(_, known)| *known == words);
        let script = match said {
            Some((code, _)) => Cleanup::Says(code),
            None => CLEANUPS.into_iter().find(|script| fares(*script) == words)?,
        };
        return Some(What::Cleanup(on.to_owned(), script));
    }
    if let Some(text) = text.strip_prefix("a boot of ") {
        return match text.split_once(" takes ") {
            Some((on, takes)) => Some(What::Boot(on.to_owned(), Some(length(takes)?))),
            None => Some(What::Boot(text.strip_suffix(" never ends")?.to_owned(), None)),
        };
    }
    if let Some(text) = text.strip_prefix("the host below ") {
        let (what, lasts) = lasting(text)?;
        return Some(What::Impaired(what.strip_suffix(" is impaired")?.to_owned(), lasts));
    }
    if let Some(text) = text.strip_prefix("the metrics of ") {
        let (what, lasts) = lasting(text)?;
        return Some(What::Unmeasured(what.strip_suffix(" stop")?.to_owned(), lasts));
    }
    if let Some(text) = text.strip_prefix("packages are installed on ") {
        let (on, lasts) = lasting(text)?;
        return Some(What::Installs(on.to_owned(), lasts));
    }
    if let Some(text) = text.strip_prefix("AWS schedules ") {
        let (code, on) = text.split_once(" of ")?;
        return Some(What::Scheduled(on.to_owned(), code.to_owned()));
    }
    if let Some(on) = text.strip_prefix("with the fstab of ") {
        return Some(What::BadFstab(on.strip_suffix(" no boot ends")?.to_owned()));
    }
    if let Some(it) = text.strip_prefix("group ") {
        return Some(What::Grows(it.strip_suffix(" grows to its maximum")?.to_owned()));
    }
    if let Some(on) = text.strip_suffix(" was launched just now") {
        return Some(What::Launched(on.to_owned()));
    }
    if let Some(on) = text.strip_suffix(" runs Windows") {
        return Some(What::Windows(on.to_owned()));
    }
    if let Some(it) = text.strip_prefix("the group of ") {
        return Some(What::ScalesIn(it.strip_suffix(" scales it in")?.to_owned()));
    }
    if let Some(on) = text.strip_suffix(" recovers by itself") {
        return Some(What::Recovers(on.to_owned()));
    }
    let (on, text) = text.split_once(" has ")?;
    Some(What::Trouble(on.to_owned(), trouble(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::draw::draw;

    #[test]
    fn what_a_drill_prints_is_read_as_it_was_drawn() {
        for seed in 0..500 {
            let mut drawn = draw(seed);
            drawn.lines.sort_by_key(Line::order);
            let read = plot(&drawn.to_string());
            assert_eq!(read, Ok(drawn), "seed {seed}");
        }
    }

    #[test]
    fn a_line_that_says_nothing_is_named() {
        let text = "# a comment\n\nthere is a server db\n0:00:10  db dances\n";
        let unclear = Unclear { number: 4, line: "0:00:10  db dances".to_owned() };
        assert_eq!(plot(text), Err(unclear));
    }
}
