//! When a host is asked what it knows, and what its answer leads to.

use remedy::model::alarm::Symptom::HighCpu;
use remedy::model::diagnostics::{Diagnostics, Location};
use remedy::model::host_text::HostText;
use remedy::model::ids::{BucketName, CommandId};
use remedy::model::incident::{Gathering, Incident, Rung, Stage};
use remedy::model::platform::Platform;
use remedy::model::policy::Policy;
use remedy::model::preflight::Preflight;
use remedy::model::testimony::{Testimony, Word};
use remedy::observe::facts::{Fact, Facts};
use remedy::observe::probe::Probe;
use remedy::plan::ask_host::{comes_first, may_say_otherwise};
use remedy::plan::decide::decide;
use remedy::plan::guard::clear_climb;
use remedy::plan::next::next;
use remedy::plan::step::Step;
use remedy::ports::look::Command;

use crate::given::{agent, ago, attempt, facts, incident, now, policy, silence};
use crate::next::said;

fn missing(minutes: i64) -> Diagnostics {
    Diagnostics { at: ago(minutes), kept: Location::Missing { why: "no answer".to_owned() } }
}

fn asked(minutes: i64, count: u32) -> Gathering {
    Gathering { asked_at: ago(minutes), command_id: None, refused: None, asked_again: false, count }
}

fn with_a_bucket() -> Policy {
    let evidence_bucket = BucketName::new("remedy-evidence").ok();
    Policy { evidence_bucket, ..policy() }
}

/// Evidence that the host printed, cut short.
fn printed(minutes: i64) -> Diagnostics {
    let kept = Location::InOutput { command_id: id() };
    Diagnostics { at: ago(minutes), kept }
}

/// The host printed its evidence, because its command was for several hosts.
fn shared_and_printed(incident: &mut Incident) {
    incident.evidence = Some(printed(9));
    incident.attempts[0].shared_comment = Some("batch x".to_owned());
}

type Change = fn(&mut Incident, &mut Facts);

/// Whether the host is asked before the rung after a cleanup of a busy host, or,
/// if a guard holds that back, whether it is asked again.
fn is_asked(change: Change) -> bool {
    let (mut incident, mut facts) = (incident(HighCpu), facts());
    change(&mut incident, &mut facts);
    let decision = decide(HighCpu, &incident.tried(), &facts, &policy());
    match clear_climb(decision, &incident, &facts, &policy()) {
        Ok(cleared) => comes_first(HighCpu, &cleared, Some(&incident), &facts, &with_a_bucket()),
        Err(refusal) => may_say_otherwise(&refusal, &incident, &facts, &policy()),
    }
}

#[test]
fn a_host_is_asked_before_it_is_disrupted() {
    let rows: [(&str, Change, bool); 12] = [
        ("a host that answers is asked", |_, _| {}, true),
        ("one that told a moment ago is not", |it, _| it.evidence = Some(missing(9)), false),
        ("nor one that had to print it", |it, _| it.evidence = Some(printed(9)), false),
        ("unless its command was for others too", |it, _| shared_and_printed(it), true),
        (
            "and it has sent the whole since",
            |it, _| {
                shared_and_printed(it);
                it.gathering = Some(asked(1, 1));
            },
            false,
        ),
        ("what it told is not fresh for ever", |it, _| it.evidence = Some(missing(10)), true),
        ("a silent one cannot be asked", |_, facts| silence(facts), false),
        ("nor one that never had an agent", |_, facts| facts.agent = Fact::Known(None), false),
        (
            "our scripts are for Linux",
            |_, facts| agent(facts).platform = Some(Platform::Windows),
            false,
        ),
        ("nobody is asked for a cleanup", |it, _| it.attempts.clear(), false),
        ("it was asked often", |it, _| it.gathering = Some(asked(60, 23)), true),
        ("and not without end", |it, _| it.gathering = Some(asked(60, 24)), false),
    ];
    for (rule, change, expected) in rows {
        assert_eq!(is_asked(change), expected, "{rule}");
    }
}

#[test]
fn a_host_whose_word_is_in_the_way_is_asked_again() {
    fn found(it: &mut Incident) -> &mut Preflight {
        it.preflight.get_or_insert_default()
    }
    let rows: [(&str, Change, bool); 8] = [
        (
            "a person may have left",
            |it, _| {
                found(it).persons = Some(1);
                it.evidence = Some(missing(5));
            },
            true,
        ),
        (
            "but not at once",
            |it, _| {
                found(it).persons = Some(1);
                it.evidence = Some(missing(4));
            },
            false,
        ),
        ("an installation may be over", |it, _| found(it).packages_busy = Some(true), true),
        ("somebody may have mended fstab", |it, _| found(it).fstab_ok = Some(false), true),
        (
            "what is silent says nothing else",
            |it, facts| {
                found(it).persons = Some(1);
                silence(facts);
            },
            false,
        ),
        (
            "not without end",
            |it, _| {
                found(it).persons = Some(1);
                it.gathering = Some(asked(60, 24));
            },
            false,
        ),
        (
            "nobody is asked whose owner has opted out",
            |it, facts| {
                found(it).persons = Some(1);
                crate::given::instance(facts).tags.clear();
            },
            false,
        ),
        (
            "nor while another guard is in the way as well",
            |it, _| {
                found(it).persons = Some(1);
                it.rests_until = Some(ago(-5));
            },
            false,
        ),
    ];
    for (rule, change, expected) in rows {
        assert_eq!(is_asked(change), expected, "{rule}");
    }
}

fn id() -> CommandId {
    CommandId::new("00000000-0000-4000-a000-000000000000").unwrap()
}

fn seen(found: bool, command: Fact<Option<Command>>) -> Probe {
    Probe::Command { command_id: found.then(id), command }
}

fn ended(status: &str, stdout: &str) -> Probe {
    let command = Command {
        ended: true,
        status: status.to_owned(),
        exit_code: Some(i32::from(status != "Success")),
        stdout: stdout.to_owned(),
        stderr: String::new(),
    };
    seen(true, Fact::Known(Some(command)))
}

fn result(evidence: &str) -> String {
    format!(
        "REMEDIATION_RESULT {{\"v\":1,\"action\":\"cpu-relief\",\"status\":\"report\",\
         \"reason\":\"it looked\",\"preflight\":{{\"boot_id\":\"b\",\"persons\":2}},\
         \"evidence\":{evidence}}}\n== load and pressure\n"
    )
}

fn kept(how: &str) -> String {
    result(&format!("{{\"file\":\"/f\",\"bytes\":9,\"sha256\":\"0f\",\"where\":\"disk\",{how}}}"))
}

/// The step of a question that was asked so many minutes ago.
fn step(minutes: i64, again: bool, probe: &Probe) -> Step {
    let mut gathering = asked(minutes, 2);
    gathering.asked_again = again;
    let preflight = Preflight { persons: Some(7), ..Preflight::default() };
    let incident = Incident {
        stage: Stage::Gathering,
        stage_since: ago(minutes),
        gathering: Some(gathering),
        preflight: Some(preflight),
        ..incident(HighCpu)
    };
    next(&incident, probe, now(), &with_a_bucket())
}

#[test]
fn each_answer_leads_on_and_none_is_waited_for_beyond_its_box() {
    let unobserved = || seen(false, Fact::Known(None));
    let failed = || seen(true, Fact::Unknown(crate::given::unknown("ssm:GetCommandInvocation")));
    let rows = [
        (
            "it was sent to the bucket",
            1,
            false,
            ended("Success", &kept("\"uploaded\":true")),
            "evidence-kept",
        ),
        (
            "it was printed",
            1,
            false,
            ended("Success", &kept("\"uploaded\":false,\"printed\":true")),
            "evidence-in-output",
        ),
        (
            "it stayed on the host",
            1,
            false,
            ended("Success", &kept("\"uploaded\":false")),
            "evidence-missing",
        ),
        ("the disk had no room", 1, false, ended("Success", &result("null")), "evidence-missing"),
        ("it could not start", 1, false, ended("Failed", ""), "evidence-missing"),
        ("nobody fetched it", 1, false, ended("DeliveryTimedOut", ""), "evidence-missing"),
        ("it may not show yet", 0, false, unobserved(), "wait"),
        ("whoever was to ask has died", 1, false, unobserved(), "gather: never-asked"),
        ("it is asked again once", 1, true, unobserved(), "wait"),
        ("how it goes is not known", 2, false, failed(), "wait"),
        ("its time is over", 3, true, unobserved(), "evidence-missing"),
        ("its time is over, whatever is known", 3, false, failed(), "evidence-missing"),
    ];
    for (rule, minutes, again, probe, expected) in rows {
        let step = step(minutes, again, &probe);
        let said = said(&step);
        assert_eq!(said.strip_prefix("climb: ").unwrap_or(&said), expected, "{rule}");
        if let Step::Climb(incident, _) = step {
            let at = incident.evidence.unwrap().at;
            assert_eq!(at, ago(minutes), "{rule}: it is as old as the question");
        }
    }
}

#[test]
fn what_a_host_says_now_outranks_what_it_said_before() {
    let persons = |probe: &Probe| match step(1, false, probe) {
        Step::Climb(incident, _) => incident.preflight.unwrap().persons,
        other => panic!("{other:?}"),
    };
    assert_eq!(persons(&ended("Success", &kept("\"uploaded\":true"))), Some(2));
    assert_eq!(persons(&ended("Failed", "")), Some(7), "silence takes nothing back");
}

/// That a call of ours fails is doubt, and no host that cannot speak.
#[test]
fn an_answer_that_nobody_could_read_is_no_consent() {
    let failed = || seen(true, Fact::Unknown(crate::given::unknown("ssm:GetCommandInvocation")));
    let word = |step| match step {
        Step::Climb(incident, _) => incident.testimony.map(|testimony| testimony.word),
        other => panic!("{other:?}"),
    };
    assert_eq!(word(step(3, true, &failed())), Some(Word::Unsure));
    assert_eq!(word(step(3, true, &seen(false, Fact::Known(None)))), None, "it was never there");
    assert_eq!(word(step(1, false, &ended("DeliveryTimedOut", ""))), None, "it cannot speak");
    assert_eq!(word(step(1, false, &ended("Cancelled", ""))), Some(Word::Unsure), "a person did");
    let refused = |before: Option<Word>| {
        let why = "its words".to_owned();
        let incident = Incident {
            stage: Stage::Gathering,
            gathering: Some(Gathering { refused: Some("throttled".to_owned()), ..asked(1, 2) }),
            testimony: before.map(|word| Testimony { at: ago(9), since: None, word, why }),
            ..incident(HighCpu)
        };
        word(next(&incident, &seen(false, Fact::Known(None)), now(), &policy()))
    };
    assert_eq!(refused(None), Some(Word::Unsure), "it was never asked");
    assert_eq!(refused(Some(Word::InTrouble)), Some(Word::InTrouble), "it was heard before");
}

/// What a script found out before it failed is as true as if it had not.
#[test]
fn a_script_that_fails_has_told_who_works_on_the_host() {
    let line = result("null").replace("\"report\"", "\"error\"");
    let Probe::Command { command: Fact::Known(Some(mut failed)), .. } = ended("Failed", &line)
    else {
        panic!("a command");
    };
    failed.exit_code = Some(3);
    let probe = || seen(true, Fact::Known(Some(failed.clone())));
    let persons = |step| match step {
        Step::Climb(incident, _) => incident.preflight.and_then(|found| found.persons),
        other => panic!("{other:?}"),
    };
    assert_eq!(persons(step(1, false, &probe())), Some(2), "asked");
    let cleaning = Incident { stage: Stage::Cleaning, ..incident(HighCpu) };
    assert_eq!(persons(next(&cleaning, &probe(), now(), &policy())), Some(2), "cleaning");
}

#[test]
fn a_host_that_still_runs_its_old_boot_was_not_rebooted() {
    let rows = [
        ("the reboot was lost", Rung::Reboot, Some("b"), 40, "climb: reboot-failed"),
        ("it booted", Rung::Reboot, Some("a"), 40, "climb: evidence-kept"),
        ("nobody knows what it ran before", Rung::Reboot, None, 40, "climb: evidence-kept"),
        ("what it said came after the reboot", Rung::Reboot, Some("b"), 20, "climb: evidence-kept"),
        ("nobody asked for a reboot", Rung::Cleanup, Some("b"), 40, "climb: evidence-kept"),
    ];
    for (rule, rung, boot_id, spoke, expected) in rows {
        let incident = Incident {
            stage: Stage::Gathering,
            gathering: Some(asked(1, 2)),
            attempts: vec![attempt(rung)],
            evidence: Some(missing(spoke)),
            preflight: Some(Preflight {
                boot_id: boot_id.map(HostText::new),
                ..Preflight::default()
            }),
            ..incident(HighCpu)
        };
        let evidence_bucket = BucketName::new("remedy-evidence").ok();
        let policy = Policy { evidence_bucket, ..policy() };
        let probe = ended("Success", &kept("\"uploaded\":true"));
        assert_eq!(said(&next(&incident, &probe, now(), &policy)), expected, "{rule}");
        let silent = said(&next(&incident, &ended("Failed", ""), now(), &policy));
        assert_eq!(silent, "climb: evidence-missing", "{rule}: silence says nothing of a boot");
    }
}

#[test]
fn a_question_is_told_apart_from_a_cleanup_and_from_other_questions() {
    let bucket = BucketName::new("remedy-evidence").unwrap();
    let cleaning = incident(HighCpu);
    let mut asking = Incident { stage: Stage::Gathering, ..incident(HighCpu) };
    let mut comments = vec![cleaning.comment()];
    let mut keys = vec![cleaning.destination(Some(&bucket)).unwrap().key];
    for count in 1..=24 {
        asking.gathering = Some(asked(1, count));
        comments.push(asking.comment());
        keys.push(asking.destination(Some(&bucket)).unwrap().key);
    }
    assert!(comments.iter().all(|comment| comment.len() <= 100), "SSM takes no more");
    for names in [&mut comments, &mut keys] {
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 25);
    }
}
