//! Services that are down: started once, believed when they stay up, and never a reason to reboot
//! a host unless its owner says so.

use remedy::model::alarm::Symptom::ServiceDown;
use remedy::model::ids::UnitName;
use remedy::model::incident::Stage;
use remedy::observe::host_report::Code;
use remedy::ports::touch::Relief;
use world::calls::Verb;
use world::host::Trouble;
use world::script::Script;

use crate::play::Play;

fn down() -> Trouble {
    Trouble::slight(ServiceDown, 100.0)
}

/// Whose owner says that a reboot may help.
fn rebootable(play: Play) -> Play {
    play.with_host(|host| {
        host.instance.tags.insert("auto-remediation-service".to_owned(), "reboot".to_owned());
    })
}

#[test]
fn a_service_that_failed_is_started_and_watched() {
    let mut play = Play::grouped(down());
    let units = vec![UnitName::new("nginx.service").unwrap()];
    play.function.policy.units.clone_from(&units);
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.told(), ["cleanup asked for", "resolved"]);
    assert_eq!(play.touches(), [Verb::Clean]);
    let order = play.region.commands()[0].order.clone();
    assert_eq!(
        order.relief,
        Relief::Service { units },
        "the owner's list, and nothing of the alarm"
    );
}

#[test]
fn a_service_that_does_not_stay_up_is_a_persons_and_the_host_is_left_alone() {
    for play in [Play::standalone(Trouble::hopeless(ServiceDown, 100.0)), {
        Play::grouped(Trouble::stubborn(ServiceDown, 100.0))
    }] {
        let mut play = play;
        assert_eq!(play.until_the_end(), Stage::HandedOver);
        assert_eq!(play.last_reasons(), ["cleanup-insufficient", "rung-tried", "service-only"]);
        assert_eq!(play.touches(), [Verb::Clean]);
    }
}

#[test]
fn whoever_allows_it_gets_a_reboot() {
    let mut play = rebootable(Play::standalone(Trouble::stubborn(ServiceDown, 100.0)));
    assert_eq!(play.until_the_end(), Stage::Resolved);
    assert_eq!(play.touches(), [Verb::Clean, Verb::Reboot]);
    let mut play = rebootable(Play::grouped(Trouble::hopeless(ServiceDown, 100.0)));
    assert_eq!(play.until_the_end(), Stage::HandedOver, "and never a replacement");
    assert_eq!(play.asked(Verb::Replace), 0);
    assert_eq!(play.asked(Verb::Reboot), 1);
}

#[test]
fn a_host_whose_agent_is_silent_is_not_rebooted_for_a_service() {
    let mut play = Play::standalone(down()).with_a_silent_agent();
    play.minutes(10);
    assert_eq!(play.touches(), []);
    assert_eq!(play.told(), ["needs a person, agent-silent"]);
}

#[test]
fn what_the_host_says_of_its_services_is_heard() {
    for (code, stage, reason) in [
        (Code::NotListed, Stage::HandedOver, "cleanup-insufficient"),
        (Code::DoneAlready, Stage::HandedOver, "cleanup-insufficient"),
        (Code::NothingToDo, Stage::HandedOver, "cleanup-insufficient"),
        (Code::NeedsAPerson, Stage::HandedOver, "witnesses-disagree"),
        (Code::NotInTrouble, Stage::HandedOver, "witnesses-disagree"),
    ] {
        let mut play = Play::standalone(down()).with_host(|host| host.script = Script::Says(code));
        assert_eq!(play.until_the_end(), stage, "{code:?}");
        assert_eq!(play.last_reasons().first(), Some(&reason), "{code:?}");
        let asked = |verb: &Verb| *verb != Verb::Gather;
        let touches: Vec<Verb> = play.touches().into_iter().filter(asked).collect();
        assert_eq!(touches, [Verb::Clean], "{code:?}");
    }
}
