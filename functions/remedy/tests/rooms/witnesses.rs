//! What the two witnesses of a disruption come to.

use jiff::SignedDuration;
use remedy::model::alarm::Hint;
use remedy::model::alarm::Symptom::{HighCpu, Unreachable};
use remedy::model::incident::{HeldBack, HeldBy, Incident};
use remedy::model::reason::Reason;
use remedy::model::series::{Statistic, Unit};
use remedy::model::testimony::{Testimony, Word};
use remedy::observe::facts::{Fact, Facts};
use remedy::observe::probe::{METRIC_LAGS, SymptomState, Witness};
use remedy::plan::witnesses::{Hearing, hear, lacking};
use remedy::ports::look::StatusChecks;

use crate::given::{agent, ago, facts, incident, now, policy, silence, unknown};

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
        testimony: word.map(|word| Testimony { at: ago(said), since: None, word, why }),
        held_back: Some(HeldBack { since: ago(held), told: false, by: None }),
        ..incident(HighCpu)
    }
}

/// The same, of a host that has objected for so long.
fn objecting(since: i64, held: i64) -> Incident {
    let mut incident = heard(Some(Word::Well), 1, held);
    let testimony = incident.testimony.as_mut().unwrap();
    testimony.since = Some(ago(since));
    incident
}

/// The same, of an alarm that says "unusual" and not "bad".
fn hinted(word: Option<Word>) -> Incident {
    let mut incident = heard(word, 1, 1);
    incident.seen.hint = Some(Hint::Unusual);
    incident
}

/// The same, of an alarm on bytes, of which nobody knows how many there are.
fn amount(word: Option<Word>) -> Incident {
    let mut incident = heard(word, 1, 1);
    incident.seen.unit = Some(Unit::Bytes);
    incident.seen.series.as_mut().unwrap().unit = Some(Unit::Bytes);
    incident
}

/// The same, of a sum of percentages, which is none.
fn sum() -> Incident {
    let mut incident = heard(None, 1, 1);
    incident.seen.series.as_mut().unwrap().statistic = Statistic::Sum;
    incident
}

/// The same, of a request, which names no metric.
fn request() -> Incident {
    let mut incident = heard(None, 1, 1);
    incident.seen.series = None;
    incident
}

fn witness(host_speaks: bool, acted: Option<i64>) -> Witness {
    Witness { host_speaks, acted: acted.map(minutes), lags: METRIC_LAGS }
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

/// How long a host has objected counts, and how long its rung has been held.
fn disputes() -> Vec<Row> {
    let (speaks, bad) = (witness(true, Some(20)), present(97.0));
    vec![
        (
            "something else held it before",
            objecting(29, 60),
            bad.clone(),
            speaks,
            "hold host-objects",
        ),
        ("it was held for less", objecting(60, 29), bad.clone(), speaks, "hold host-objects"),
        ("both last", objecting(30, 30), bad.clone(), speaks, "hand over"),
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

/// A measurement that does not tell how bad it is.
fn amounts() -> Vec<Row> {
    let (speaks, silent) = (witness(true, Some(20)), witness(false, Some(20)));
    let untold = SymptomState::Present { what: "3 GiB are left".to_owned(), level: None };
    vec![
        ("an amount alone", amount(None), untold.clone(), silent, "withdraw only-a-hint"),
        ("an amount of a host that can be asked", amount(None), untold.clone(), speaks, "agreed"),
        (
            "an amount that the host confirms",
            amount(Some(Word::InTrouble)),
            untold.clone(),
            silent,
            "agreed",
        ),
        ("an amount without news", amount(None), unobserved(), silent, "withdraw only-a-hint"),
        ("a sum of shares without news", sum(), unobserved(), silent, "withdraw only-a-hint"),
        ("a person's request", request(), unobserved(), silent, "agreed"),
        (
            "too soon for news of a metric that comes each hour",
            heard(None, 1, 1),
            unobserved(),
            Witness { lags: minutes(120), ..witness(false, Some(119)) },
            "hold unverified",
        ),
    ]
}

#[test]
fn who_objects_again_has_objected_since_then() {
    let says = |minutes, word| Testimony {
        at: ago(minutes),
        since: None,
        word,
        why: "its words".to_owned(),
    };
    let first = says(40, Word::Well).after(None);
    assert_eq!(first.since, Some(ago(40)));
    let again = says(30, Word::Protected).after(Some(&first));
    assert_eq!(again.since, Some(ago(40)));
    let confirms = says(20, Word::InTrouble).after(Some(&again));
    assert_eq!(confirms.since, None);
    assert_eq!(says(10, Word::Well).after(Some(&confirms)).since, Some(ago(10)), "a new dispute");
}

#[test]
fn an_instance_is_disrupted_only_when_both_agree() {
    for (rule, incident, symptom_state, witness, expected) in
        [rows(), disputes(), measured(), amounts()].concat()
    {
        let at = (now(), &policy());
        let said = match hear(&incident, &symptom_state, witness, None, at) {
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

fn status(facts: &mut Facts) -> &mut StatusChecks {
    match &mut facts.status {
        Fact::Known(Some(status)) => status,
        other => panic!("no status: {other:?}"),
    }
}

/// A rule, what is changed of a host whose own check fails and whose agent answers, and what
/// is lacking.
type Lacking = (&'static str, fn(&mut Facts), Option<&'static str>);

#[test]
fn a_host_that_answers_nobody_needs_two_to_say_so() {
    let rows: [Lacking; 12] = [
        ("its agent answers", |_| {}, Some("one-witness")),
        ("its agent is silent", silence, None),
        (
            "silent for a quarter of an hour, and no longer",
            |facts| agent(facts).last_ping = Some(ago(15)),
            Some("one-witness"),
        ),
        ("a ping that is too old", |facts| agent(facts).last_ping = Some(ago(16)), None),
        ("it never had an agent", |facts| facts.agent = Fact::Known(None), Some("one-witness")),
        (
            "its agent is not known",
            |facts| facts.agent = Fact::Unknown(unknown("ssm:DescribeInstanceInformation")),
            Some("fact-unknown"),
        ),
        (
            "its application's own check fails too",
            |facts| status(facts).application_impaired = Some(true),
            None,
        ),
        (
            "its application's own check passes",
            |facts| status(facts).application_impaired = Some(false),
            Some("one-witness"),
        ),
        (
            "EC2's checks pass, whatever the metric said",
            |facts| {
                silence(facts);
                status(facts).instance_impaired = false;
            },
            Some("one-witness"),
        ),
        (
            "its volume's check fails",
            |facts| {
                silence(facts);
                status(facts).instance_impaired = false;
                status(facts).volume_impaired = true;
            },
            None,
        ),
        (
            "its checks are not known",
            |facts| facts.status = Fact::Unknown(unknown("ec2:DescribeInstanceStatus")),
            Some("fact-unknown"),
        ),
        ("it has no checks", |facts| facts.status = Fact::Known(None), Some("fact-unknown")),
    ];
    for (rule, change, expected) in rows {
        let mut facts = facts();
        status(&mut facts).instance_impaired = true;
        change(&mut facts);
        let found = lacking(Unreachable, &facts, &policy());
        assert_eq!(found.as_ref().map(Reason::code), expected, "{rule}");
        assert_eq!(lacking(HighCpu, &facts, &policy()), None, "{rule}: it speaks for itself");
    }
}

#[test]
fn what_held_it_back_before_is_no_part_of_a_dispute() {
    let lacking = Reason::OneWitness { why: "its agent answered".to_owned() };
    let by = |code: &str, since| HeldBy {
        code: code.to_owned(),
        text: String::new(),
        shared_cause: false,
        since,
    };
    for (rule, by, expected) in [
        ("something else held it", by("ec2-recovers", Some(ago(90))), "hold"),
        ("it has just begun", by("one-witness", Some(ago(29))), "hold"),
        ("it lasts", by("one-witness", Some(ago(30))), "hand over"),
        ("a row of an earlier version", by("one-witness", None), "hand over"),
    ] {
        let held = HeldBack { since: ago(90), told: false, by: Some(by) };
        let held = Incident { held_back: Some(held), ..heard(None, 1, 0) };
        let incident = Incident { symptom: Unreachable, ..held };
        let (silent, at) = (witness(false, None), (now(), &policy()));
        let said = match hear(&incident, &present(100.0), silent, Some(lacking.clone()), at) {
            Hearing::Hold(_) => "hold",
            Hearing::HandOver(_) => "hand over",
            Hearing::Agreed | Hearing::Withdraw(_) => "neither",
        };
        assert_eq!(said, expected, "{rule}");
    }
    let first = by("paused", None).after(None, ago(40));
    let again = by("paused", None).after(Some(&first), ago(20));
    let other = by("one-witness", None).after(Some(&again), ago(10));
    let begun = [first.since, again.since, other.since];
    assert_eq!(begun, [Some(ago(40)), Some(ago(40)), Some(ago(10))]);
}

#[test]
fn one_witness_alone_is_a_persons_after_half_an_hour() {
    let lacks = || Some(Reason::OneWitness { why: "its agent answered".to_owned() });
    let doubt = || Some(Reason::FactUnknown(unknown("ec2:DescribeInstanceStatus")));
    let at = (now(), &policy());
    for (rule, lacking, held, expected) in [
        ("both", None, 29, "agreed"),
        ("one", lacks(), 29, "hold one-witness"),
        ("one for long", lacks(), 30, "hand over witnesses-disagree"),
        ("doubt is no disagreement", doubt(), 90, "hold fact-unknown"),
    ] {
        let incident = Incident { symptom: Unreachable, ..heard(None, 1, held) };
        let said = match hear(&incident, &present(100.0), witness(false, None), lacking, at) {
            Hearing::Agreed => "agreed".to_owned(),
            Hearing::Withdraw(reason) => format!("withdraw {}", reason.code()),
            Hearing::Hold(reason) => format!("hold {}", reason.code()),
            Hearing::HandOver(reason) => format!("hand over {}", reason.code()),
        };
        assert_eq!(said, expected, "{rule}");
    }
}
