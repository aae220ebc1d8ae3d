//! What the two witnesses of a disruption come to.

use jiff::SignedDuration;
use remedy::model::alarm::Hint;
use remedy::model::alarm::Symptom::HighCpu;
use remedy::model::incident::{HeldBack, Incident};
use remedy::model::testimony::{Testimony, Word};
use remedy::observe::probe::{SymptomState, Witness};
use remedy::plan::witnesses::{Hearing, hear};

use crate::given::{ago, incident, now, policy};

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn present(level: f64) -> SymptomState {
    SymptomState::Present { what: format!("{level} %"), level: Some(level) }
}

fn unobserved() -> SymptomState {
    SymptomState::Unobserved { why: "no new datapoint".to_owned(), alarm_stands: true }
}

/// An incident whose host said `word` so many minutes ago, held back for so long.
fn heard(word: Option<Word>, said: i64, held: i64) -> Incident {
    let why = "its words".to_owned();
    Incident {
        testimony: word.map(|word| Testimony { at: ago(said), word, why }),
        held_back: Some(HeldBack { since: ago(held), told: false, by: None }),
        ..incident(HighCpu)
    }
}

/// The same, of an alarm that says "unusual" and not "bad".
fn hinted(word: Option<Word>) -> Incident {
    let mut incident = heard(word, 1, 1);
    incident.seen.hint = Some(Hint::Unusual);
    incident
}

fn witness(host_speaks: bool, acted: Option<i64>) -> Witness {
    Witness { host_speaks, acted: acted.map(minutes) }
}

/// A rule, the incident, what is measured, who can speak, and what it comes to.
type Row = (&'static str, Incident, SymptomState, Witness, &'static str);

fn rows() -> Vec<Row> {
    let (speaks, silent) = (witness(true, Some(20)), witness(false, Some(20)));
    let bad = present(97.0);
    vec![
        ("both say so", heard(Some(Word::InTrouble), 1, 1), bad.clone(), speaks, "agreed"),
        ("the host was not asked yet", heard(None, 1, 1), bad.clone(), speaks, "agreed"),
        (
            "the host is well",
            heard(Some(Word::Well), 1, 1),
            bad.clone(),
            speaks,
            "hold host-objects",
        ),
        (
            "it is not its own",
            heard(Some(Word::NotItsOwn), 1, 1),
            bad.clone(),
            speaks,
            "hold host-objects",
        ),
        (
            "it is protected",
            heard(Some(Word::Protected), 1, 1),
            bad.clone(),
            speaks,
            "hold host-objects",
        ),
        (
            "it cannot tell",
            heard(Some(Word::Unsure), 1, 1),
            bad.clone(),
            speaks,
            "hold host-objects",
        ),
        (
            "it said so long ago and can be asked",
            heard(Some(Word::Well), 29, 1),
            bad.clone(),
            speaks,
            "hold host-objects",
        ),
        (
            "and cannot be asked any more",
            heard(Some(Word::Well), 10, 1),
            bad.clone(),
            silent,
            "agreed",
        ),
        (
            "it fell silent just now",
            heard(Some(Word::Well), 9, 1),
            bad.clone(),
            silent,
            "hold host-objects",
        ),
        (
            "they disagree for long",
            heard(Some(Word::Well), 1, 30),
            bad.clone(),
            speaks,
            "hand over",
        ),
    ]
}

fn measured() -> Vec<Row> {
    let (speaks, silent) = (witness(true, Some(20)), witness(false, Some(20)));
    let (at_once, fresh) = (witness(false, Some(9)), witness(true, None));
    vec![
        (
            "the level is no reason",
            heard(None, 1, 1),
            present(89.9),
            silent,
            "withdraw below-floor",
        ),
        (
            "whatever the host says",
            heard(Some(Word::InTrouble), 1, 1),
            present(60.0),
            speaks,
            "withdraw below-floor",
        ),
        ("a hint alone", hinted(None), present(97.0), silent, "withdraw only-a-hint"),
        ("a hint of a host that can be asked", hinted(None), present(97.0), speaks, "agreed"),
        (
            "a hint that the host confirms",
            hinted(Some(Word::InTrouble)),
            present(97.0),
            speaks,
            "agreed",
        ),
        (
            "a hint that it does not",
            hinted(Some(Word::Well)),
            present(97.0),
            speaks,
            "withdraw only-a-hint",
        ),
        ("no news of a silent host", heard(None, 1, 1), unobserved(), silent, "agreed"),
        (
            "nothing was done, the alarm has measured",
            heard(None, 1, 1),
            unobserved(),
            fresh,
            "agreed",
        ),
        (
            "the metric and its alarm disagree",
            heard(Some(Word::InTrouble), 1, 1),
            SymptomState::Conflicting { what: "20 %, but the alarm rings".to_owned() },
            speaks,
            "hold unverified",
        ),
        (
            "and the host cannot speak",
            heard(None, 1, 1),
            SymptomState::Conflicting { what: "20 %, but the alarm rings".to_owned() },
            silent,
            "hold unverified",
        ),
        ("too soon for news", heard(None, 1, 1), unobserved(), at_once, "hold unverified"),
        (
            "no news of a host that speaks",
            heard(Some(Word::InTrouble), 1, 1),
            unobserved(),
            speaks,
            "hold unverified",
        ),
    ]
}

#[test]
fn an_instance_is_disrupted_only_when_both_agree() {
    for (rule, incident, symptom_state, witness, expected) in [rows(), measured()].concat() {
        let said = match hear(&incident, &symptom_state, witness, now(), &policy()) {
            Hearing::Agreed => "agreed".to_owned(),
            Hearing::Withdraw(reason) => format!("withdraw {}", reason.code()),
            Hearing::Hold(reason) => format!("hold {}", reason.code()),
            Hearing::HandOver(reason) => {
                assert_eq!(reason.code(), "witnesses-disagree", "{rule}");
                let words = reason.to_string();
                assert!(words.contains("97 %") && words.contains("its words"), "{rule}: {words}");
                "hand over".to_owned()
            }
        };
        assert_eq!(said, expected, "{rule}");
    }
}
