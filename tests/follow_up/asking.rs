//! "Ask me first": what people answer, when, and to what.

use jiff::SignedDuration;
use remedy::execute::ask_people;
use remedy::model::alarm::Symptom::HighCpu;
use remedy::model::incident::Stage;
use remedy::model::question::{ASK_TAG, Answered, NoAnswer, Question};
use world::calls::Verb;
use world::drive::finish;
use world::host::Trouble;

use crate::play::Play;

/// A server that only a reboot helps, whose owner wants to be asked.
fn asked(tag: &str) -> Play {
    let tag = tag.to_owned();
    let play = Play::standalone(Trouble::stubborn(HighCpu, 99.1)).with_host(|host| {
        host.instance.tags.insert(ASK_TAG.to_owned(), tag);
    });
    until_asked(play)
}

fn until_asked(mut play: Play) -> Play {
    play.until_it("asks", |incident| incident.open_question().is_some());
    play
}

fn question(play: &Play) -> Question {
    play.incident().unwrap().question.unwrap()
}

fn said(play: &Play, yes: bool) -> Answered {
    let (incident, question) = (play.incident().unwrap(), question(play));
    Answered {
        instance: incident.instance_id,
        incident: incident.id,
        attempt: question.attempt,
        nonce: question.nonce,
        yes,
        by: "Anna".to_owned(),
    }
}

fn answer(play: &Play, said: &Answered) -> Result<(), NoAnswer> {
    finish(ask_people::answer(&play.region, said, play.region.now())).unwrap()
}

#[test]
fn people_are_asked_once_and_reminded_once_and_nothing_is_done_meanwhile() {
    let mut play = asked("reboot");
    let text = play.region.topic().last().unwrap().text.clone();
    for part in [
        "may a reboot be done?",
        "down for some 5 to 10 minutes",
        "If nobody answers until",
        "a person has it",
        "\"answer\":\"yes\"",
        "\"answer\":\"no\"",
        &question(&play).nonce,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    play.minutes(14);
    let asks = |told: &String| told.contains("asked") && told.starts_with("waits");
    assert_eq!(play.told().iter().filter(|told| asks(told)).count(), 2, "{:?}", play.told());
    assert_eq!(play.asked(Verb::Reboot), 0);
    assert!(play.incident().unwrap().evidence.is_some(), "evidence is gathered meanwhile");
}

#[test]
fn a_yes_lets_it_be_done_after_everything_was_decided_again() {
    let mut play = asked("reboot");
    play.minutes(3);
    assert_eq!(answer(&play, &said(&play, true)), Ok(()));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Reboot), 1);

    let play = asked("reboot");
    assert_eq!(answer(&play, &said(&play, true)), Ok(()));
    let mut play = play.with_host(|host| host.sessions = 1);
    play.minutes(10);
    assert_eq!(play.asked(Verb::Reboot), 0, "somebody came meanwhile");
}

#[test]
fn a_no_hands_over_and_says_who_said_so() {
    let mut play = asked("reboot replace");
    assert_eq!(answer(&play, &said(&play, false)), Ok(()));
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.asked(Verb::Reboot), 0);
    assert_eq!(play.told().last().unwrap(), "needs a person, refused-by");
    assert!(play.region.topic().last().unwrap().text.contains("Anna said no to a reboot"));
}

#[test]
fn silence_does_what_the_tag_says() {
    let mut play = asked("reboot");
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.told().last().unwrap(), "needs a person, nobody-answered");
    assert_eq!(play.asked(Verb::Reboot), 0);

    let mut play = asked("reboot 5 wait");
    play.minutes(60);
    assert_eq!((play.asked(Verb::Reboot), play.incident().unwrap().stage.is_open()), (0, true));
    assert_eq!(answer(&play, &said(&play, true)), Ok(()), "however late");
    assert_eq!(play.until_the_end(), Stage::Resolved);

    let mut play = asked("reboot 5 act");
    play.minutes(4);
    assert_eq!(play.asked(Verb::Reboot), 0);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Reboot), 1);
}

#[test]
fn what_is_over_before_anybody_answers_is_overtaken() {
    let mut play = asked("reboot 60").with_host(|host| host.trouble = None);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::Reboot), 0);
    assert_eq!(play.last_reasons()[0], "overtaken");
}

#[test]
fn an_answer_counts_for_its_own_question_alone() {
    let play = asked("reboot");
    let right = said(&play, true);
    let wrong = [
        Answered { attempt: right.attempt + 1, ..right.clone() },
        Answered { attempt: right.attempt - 1, ..right.clone() },
        Answered { nonce: "00000000".to_owned(), ..right.clone() },
    ];
    for wrong in wrong {
        let no = answer(&play, &wrong);
        assert_eq!(no, Err(NoAnswer::AnotherAttempt(right.attempt)), "{wrong:?}");
    }
    let id = remedy::model::ids::IncidentId::new("high-cpu-of-another").unwrap();
    let other = Answered { incident: id, ..right.clone() };
    assert_eq!(answer(&play, &other), Err(NoAnswer::NotAsked));
    assert_eq!(answer(&play, &Answered { yes: false, ..right.clone() }), Ok(()));
    let second = answer(&play, &right);
    assert!(matches!(second, Err(NoAnswer::Answered(ref first)) if !first.yes), "{second:?}");
}

#[test]
fn a_late_answer_counts_for_nothing() {
    let play = asked("reboot");
    let right = said(&play, true);
    play.region.pass(SignedDuration::from_mins(15));
    let no = answer(&play, &right);
    assert_eq!(no, Err(NoAnswer::TooLate(question(&play).until)));
}

#[test]
fn an_old_yes_is_asked_again() {
    let mut play = asked("reboot");
    assert_eq!(answer(&play, &said(&play, true)), Ok(()));
    let before = question(&play).nonce;
    play = play.with_host(|host| host.sessions = 1);
    play.minutes(31);
    let mut play = play.with_host(|host| host.sessions = 0);
    play.until_it("asks again", |incident| {
        incident.question.as_ref().is_some_and(|question| question.nonce != before)
    });
    assert_eq!(play.asked(Verb::Reboot), 0);
}

#[test]
fn an_old_silence_is_no_consent() {
    let mut play = asked("reboot 5 act").with_host(|host| host.sessions = 1);
    play.minutes(36);
    let mut play = play.with_host(|host| host.sessions = 0);
    assert_eq!(play.until_the_end(), Stage::HandedOver);
    assert_eq!(play.last_reasons()[0], "nobody-answered");
    assert_eq!(play.asked(Verb::Reboot), 0);
}

#[test]
fn the_group_and_the_first_rung_are_asked_about_too() {
    let mut play = Play::grouped(Trouble::slight(HighCpu, 99.1)).with_a_silent_agent();
    play = play.with_group(|group| {
        group.tags.insert(ASK_TAG.to_owned(), "reboot 10".to_owned());
    });
    let mut play = until_asked(play);
    assert_eq!(question(&play).attempt, 1);
    assert_eq!(answer(&play, &said(&play, true)), Ok(()));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.asked(Verb::LeaveService), 1);
}
