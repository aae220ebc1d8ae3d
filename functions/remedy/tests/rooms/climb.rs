//! What is refused to the next rung of an open incident.

use remedy::model::alarm::Symptom::{DiskFull, HighCpu};
use remedy::model::incident::{Incident, Rung};
use remedy::model::policy::{Mode, Policy};
use remedy::model::pool::Lease;
use remedy::model::preflight::Preflight;
use remedy::model::reason::Reason;
use remedy::observe::facts::{Fact, Facts};
use remedy::plan::decide::decide;
use remedy::plan::guard::clear_climb;
use remedy::ports::look::InstanceState;

use crate::given::{alone, facts, incident, instance, lease, membership, policy, pool, tags};

type Change = fn(&mut Incident, &mut Facts, &mut Policy);

/// The reasons that refuse the rung after a cleanup of a busy host, and
/// whether a person is to take over; nothing, if it passes.
fn refused(change: Change) -> (Vec<&'static str>, bool) {
    let (mut incident, mut facts, mut policy) = (incident(HighCpu), facts(), policy());
    change(&mut incident, &mut facts, &mut policy);
    let decision = decide(incident.symptom, &incident.tried(), &facts, &policy);
    match clear_climb(decision, &incident, &facts, &policy) {
        Ok(_) => (Vec::new(), false),
        Err(refusal) => {
            let codes = refusal.because.iter().map(Reason::code);
            let of_the_decision = ["lowest-rung", "rung-tried"];
            let codes = codes.filter(|code| !of_the_decision.contains(code)).collect();
            (codes, refusal.handed_over)
        }
    }
}

fn found(incident: &mut Incident) -> &mut Preflight {
    incident.preflight.get_or_insert_with(|| Preflight {
        persons: Some(0),
        packages_busy: Some(false),
        fstab_ok: Some(true),
        ..Preflight::default()
    })
}

#[test]
fn a_climb_has_guards_of_its_own() {
    let rows: [(&str, Change, &[&str]); 12] = [
        ("a host of which nothing is known passes", |_, _, _| {}, &[]),
        ("so does one that nobody is on", |it, _, _| found(it).persons = Some(0), &[]),
        (
            "nobody's shell is torn from under them",
            |it, _, _| found(it).persons = Some(2),
            &["person-present"],
        ),
        (
            "packages are not torn apart",
            |it, _, _| found(it).packages_busy = Some(true),
            &["unfit-for-reboot"],
        ),
        (
            "a host that could not boot is not rebooted",
            |it, _, _| found(it).fstab_ok = Some(false),
            &["unfit-for-reboot"],
        ),
        (
            "but it may be replaced",
            |it, _, _| {
                it.symptom = DiskFull;
                found(it).fstab_ok = Some(false);
            },
            &[],
        ),
        (
            "one of several suspects is not disrupted",
            |it, _, _| it.seen.watched = 2,
            &["which-instance"],
        ),
        (
            "an owner may change their mind",
            |_, facts, _| instance(facts).tags.clear(),
            &["not-opted-in"],
        ),
        (
            "or only want to see",
            |_, facts, _| instance(facts).tags = tags("observe"),
            &["observing"],
        ),
        ("so may the operator", |_, _, policy| policy.mode = Mode::Observe, &["observing"]),
        (
            "a member on its way out is the group's",
            |_, facts, _| membership(facts).lifecycle = "Terminating".to_owned(),
            &["not-in-service"],
        ),
        ("the alarm's age does not matter any more", |it, _, _| it.seen.reason.clear(), &[]),
    ];
    for (rule, change, expected) in rows {
        let (mut codes, _) = refused(change);
        codes.dedup();
        assert_eq!(codes, expected, "{rule}");
    }
}

#[test]
fn what_a_host_cannot_tell_is_no_pass() {
    let rows: [(&str, Change, &[&str]); 5] = [
        ("who is logged in must be known", |it, _, _| found(it).persons = None, &["host-unsure"]),
        (
            "whether packages are being installed must be known",
            |it, _, _| found(it).packages_busy = None,
            &["host-unsure"],
        ),
        (
            "whether it would boot again must be known",
            |it, _, _| found(it).fstab_ok = None,
            &["host-unsure"],
        ),
        (
            "but of who is replaced",
            |it, _, _| {
                it.symptom = DiskFull;
                found(it).fstab_ok = None;
            },
            &[],
        ),
        (
            "and of who does not answer",
            |it, facts, _| {
                found(it).persons = None;
                crate::given::silence(facts);
            },
            &[],
        ),
    ];
    for (rule, change, expected) in rows {
        assert_eq!(refused(change).0, expected, "{rule}");
    }
}

#[test]
fn an_incident_without_a_rung_left_is_handed_over_whatever_became_of_the_instance() {
    let nothing_left: Change = |it, facts, _| {
        it.attempts.push(crate::given::attempt(Rung::Reboot));
        alone(facts);
    };
    assert_eq!(refused(nothing_left), (vec!["not-in-group"], true));
    let gone: Change = |_, facts, _| {
        alone(facts);
        instance(facts).state = InstanceState::Not("terminated".to_owned());
    };
    assert_eq!(refused(gone), (vec!["not-running", "not-in-group"], true));
    let forgotten: Change = |_, facts, _| {
        alone(facts);
        facts.instance = Fact::Known(None);
    };
    assert_eq!(refused(forgotten), (vec!["instance-missing", "not-in-group"], true));
}

#[test]
fn an_incident_disrupts_on_a_place_it_holds_and_on_no_other() {
    let place = |holds: bool, taken: bool| {
        let (mut incident, mut facts) = (incident(HighCpu), facts());
        let own = Lease { incident: incident.id.clone(), ..lease(0) };
        incident.lease = Some(own.clone());
        pool(&mut facts).leases = match (holds, taken) {
            (true, _) => vec![own],
            (false, true) => vec![lease(0)],
            (false, false) => Vec::new(),
        };
        let decision = decide(incident.symptom, &incident.tried(), &facts, &policy());
        let cleared = clear_climb(decision, &incident, &facts, &policy());
        cleared.map(|cleared| cleared.slot().map(|slot| slot.number)).map_err(|it| it.because)
    };
    assert_eq!(place(true, false), Ok(Some(0)), "its own, taken again with the claim");
    assert_eq!(place(false, false), Ok(Some(0)), "it was given back, and is free");
    let spent = place(false, true).unwrap_err();
    assert_eq!(spent[0].code(), "budget-spent", "what it once held is another's now");
}
