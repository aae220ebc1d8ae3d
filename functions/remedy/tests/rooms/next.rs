//! The incident as a state machine, as tables: from its stage and what there
//! is to see to the one next step.

use jiff::SignedDuration;
use remedy::model::action::Action;
use remedy::model::alarm::Symptom::HighCpu;
use remedy::model::diagnostics::Location;
use remedy::model::host_text::HostText;
use remedy::model::ids::{BucketName, CommandId, GroupName, MountPoint};
use remedy::model::incident::{FailedCall, FailureKind, HeldBack, Incident, Rung, Stage, Standby};
use remedy::model::policy::Policy;
use remedy::model::reason::Reason;
use remedy::model::testimony::{Testimony, Word};
use remedy::observe::facts::{Fact, Facts, GroupFact};
use remedy::observe::probe::{Probe, SymptomState};
use remedy::plan::next::next;
use remedy::plan::step::{Need, Step};
use remedy::ports::look::{Command, Group, InstanceState, StatusChecks};

use crate::given::{
    agent, ago, alone, attempt, facts, group, incident, instance, membership, now, policy, serving,
    tags, unknown,
};

/// An incident that came into `stage` some minutes ago.
pub(crate) fn at(stage: Stage, minutes: i64) -> Incident {
    let rung = match stage {
        Stage::Draining | Stage::Rebooting | Stage::Returning => Rung::Reboot,
        Stage::Replacing => Rung::Replace,
        _ => Rung::Cleanup,
    };
    let standby = matches!(stage, Stage::Draining | Stage::Returning);
    Incident {
        stage,
        stage_since: ago(minutes),
        attempts: vec![attempt(rung)],
        standby: standby.then_some(Standby { decremented: true }),
        group: GroupName::new("web-asg").ok(),
        ..incident(HighCpu)
    }
}

/// The step, in short.
pub(crate) fn said(step: &Step) -> String {
    let due = |incident: &Incident| incident.due_at.duration_since(now()).as_mins();
    match step {
        Step::Wait(incident) => {
            let quiet = if incident.quiet_since.is_some() { " quiet" } else { "" };
            assert_eq!(due(incident), 1, "the next beat looks again");
            format!("wait{quiet}")
        }
        Step::Move(incident, reason) => format!("to {:?}: {}", incident.stage, reason.code()),
        Step::Call(action, _, reason) => {
            let action = match action {
                Action::Clean => "clean",
                Action::Survey => "survey",
                Action::Snapshot => "snapshot",
                Action::Grow => "grow",
                Action::Extend => "extend",
                Action::Gather => "gather",
                Action::LeaveService(_) => "leave",
                Action::Reboot => "reboot",
                Action::ComeBack => "come back",
                Action::Replace => "replace",
            };
            format!("{action}: {}", reason.code())
        }
        Step::Climb(_, reason) => format!("climb: {}", reason.code()),
        Step::Tell(_, because) => {
            let codes: Vec<&str> = because.iter().map(Reason::code).collect();
            format!("tell: {}", codes.join(" "))
        }
        Step::End(incident, because) => {
            let codes: Vec<&str> = because.iter().map(Reason::code).collect();
            format!("end {:?}: {}", incident.stage, codes.join(" "))
        }
    }
}

/// The step of `incident` in this probe, in short.
fn step(incident: &Incident, probe: &Probe) -> String {
    let step = next(incident, probe, now(), &policy());
    if let Step::Wait(next) | Step::Move(next, _) | Step::End(next, _) = &step {
        assert_eq!(next.version, incident.version + 1, "each step is one write");
    }
    said(&step)
}

/// What is seen of an instance in good order, with something changed.
fn seen(change: fn(&mut Facts)) -> Probe {
    let mut facts = facts();
    change(&mut facts);
    Probe::Instance(Box::new(facts))
}

fn lifecycle(facts: &mut Facts, lifecycle: &str) {
    lifecycle.clone_into(&mut membership(facts).lifecycle);
}

fn status(facts: &mut Facts, system_impaired: bool, instance_impaired: bool) {
    facts.status = Fact::Known(Some(StatusChecks {
        system_impaired,
        volume_impaired: false,
        performance: None,
        initializing: false,
        instance_impaired,
        application_impaired: None,
        scheduled: None,
    }));
}

/// A rule, the minutes in the stage, what is seen, and the step.
type Row = (&'static str, i64, fn(&mut Facts), &'static str);

fn check(stage: Stage, change: fn(&mut Incident), rows: &[Row]) {
    for (rule, minutes, seen_of_it, expected) in rows {
        let mut incident = at(stage, *minutes);
        change(&mut incident);
        assert_eq!(step(&incident, &seen(*seen_of_it)), *expected, "{stage:?}: {rule}");
    }
}

fn as_it_is(_: &mut Incident) {}

fn command(status: &str, exit_code: i32, stdout: &str) -> Probe {
    Probe::Command {
        command_id: CommandId::new("00000000-0000-4000-a000-000000000000").ok(),
        command: Fact::Known(Some(Command {
            ended: status != "InProgress",
            status: status.to_owned(),
            exit_code: Some(exit_code),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        })),
    }
}

fn result(status: &str) -> String {
    format!(
        "REMEDIATION_RESULT {{\"v\":1,\"action\":\"cpu-relief\",\"status\":\"{status}\",\
         \"reason\":\"it says so\",\"preflight\":{{\"boot_id\":\"b\",\"persons\":2}}}}"
    )
}

/// "There is nothing to do here" is never booked as "tried, and did not help": each way
/// in which a script ends has its step, and its word as a witness.
#[test]
fn each_code_of_the_host_has_its_step_and_its_word() {
    let watched = "to Watching: cleanup-ok";
    let objected = "to Watching: host-objects";
    let insufficient = "climb: cleanup-insufficient";
    let failed = "climb: cleanup-failed";
    let rows = [
        ("ok", "relieved", watched, Word::Well),
        ("ok", "not-in-trouble", watched, Word::Well),
        ("insufficient", "below-alarm", watched, Word::Well),
        ("insufficient", "calmed", watched, Word::Well),
        ("skipped", "lock-held", watched, Word::Unsure),
        ("report", "looked", objected, Word::InTrouble),
        ("refused", "not-its-fault", objected, Word::NotItsOwn),
        ("refused", "waits-for-disk", objected, Word::NotItsOwn),
        ("refused", "shared", objected, Word::NotItsOwn),
        ("refused", "protected", objected, Word::Protected),
        ("refused", "needs-a-person", objected, Word::Protected),
        ("refused", "incomplete", objected, Word::Unsure),
        ("refused", "a-code-of-tomorrow", objected, Word::Unsure),
        ("insufficient", "insufficient", insufficient, Word::InTrouble),
        ("refused", "not-listed", insufficient, Word::InTrouble),
        ("refused", "done-already", insufficient, Word::InTrouble),
        ("refused", "person-present", insufficient, Word::InTrouble),
        ("refused", "packages-busy", insufficient, Word::InTrouble),
        ("failed", "out-of-time", failed, Word::InTrouble),
        ("failed", "failed", failed, Word::InTrouble),
        ("failed", "stopped", failed, Word::InTrouble),
    ];
    for (status, code, expected, word) in rows {
        let line = result(status).replace("\"reason\"", &format!("\"code\":\"{code}\",\"reason\""));
        let next = next(&at(Stage::Cleaning, 1), &command("Success", 0, &line), now(), &policy());
        let (Step::Move(incident, _) | Step::Climb(incident, _)) = &next else {
            panic!("{code}: {next:?}")
        };
        let heard = incident.testimony.as_ref().map(|testimony| testimony.word);
        assert_eq!(heard, Some(word), "{code}");
        assert_eq!(
            step(&at(Stage::Cleaning, 1), &command("Success", 0, &line)),
            expected,
            "{code}"
        );
    }
}

/// What only looked at a disk says no more than how full it is.
#[test]
fn a_disk_without_its_numbers_is_no_witness() {
    let line = result("report").replace("cpu-relief", "disk-clean");
    let full = line.replace("\"reason\"", "\"used_percent_before\":97,\"mount\":\"/\",\"reason\"");
    for (line, word) in [(&line, Word::Unsure), (&full, Word::InTrouble)] {
        let Step::Move(incident, _) =
            next(&at(Stage::Cleaning, 1), &command("Success", 0, line), now(), &policy())
        else {
            panic!("{line}");
        };
        assert_eq!(incident.testimony.map(|testimony| testimony.word), Some(word), "{line}");
    }
}

/// An alarm may warn at any level; what the host says below the floor confirms no trouble.
#[test]
fn a_disk_below_the_floor_is_no_witness_of_trouble_whatever_the_alarm_warns_of() {
    for (threshold, percent, word) in [
        (30.0, 41, Word::Well),
        (30.0, 89, Word::Well),
        (30.0, 90, Word::InTrouble),
        (95.0, 92, Word::Well),
        (95.0, 95, Word::InTrouble),
    ] {
        let told = format!("\"used_percent_before\":{percent},\"mount\":\"/\",\"reason\"");
        let line =
            result("report").replace("cpu-relief", "disk-clean").replace("\"reason\"", &told);
        let mut asked = at(Stage::Cleaning, 1);
        asked.seen.threshold = Some(threshold);
        let next = next(&asked, &command("Success", 0, &line), now(), &policy());
        let Step::Move(incident, _) = next else { panic!("{percent}: {next:?}") };
        let said = incident.testimony.map(|testimony| testimony.word);
        assert_eq!(said, Some(word), "{percent} % of an alarm at {threshold} %");
    }
}

/// An alarm may ring at an amount, or at any level: what a cleanup cannot relieve on a host that
/// is below the floor is no trouble.
#[test]
fn what_cannot_be_relieved_below_the_floor_is_no_trouble() {
    let disk = |before, after| {
        format!("\"used_percent_before\":{before},\"used_percent_after\":{after},\"mount\":\"/\"")
    };
    let busy = |percent| format!("\"busy_percent\":{percent}");
    for (action, numbers, word) in [
        ("disk-clean", disk(85, 85), Word::Well),
        ("disk-clean", disk(95, 89), Word::Well),
        ("disk-clean", disk(95, 90), Word::InTrouble),
        ("disk-clean", disk(80, 97), Word::InTrouble),
        ("cpu-relief", busy(89), Word::Well),
        ("cpu-relief", busy(90), Word::InTrouble),
    ] {
        for code in ["insufficient", "nothing-to-do", "not-listed", "looked", "failed"] {
            let told = format!("\"code\":\"{code}\",{numbers},\"reason\"");
            let line = result("insufficient").replace("cpu-relief", action);
            let line = line.replace("\"reason\"", &told);
            let mut asked = at(Stage::Cleaning, 1);
            asked.seen.threshold = None;
            let next = next(&asked, &command("Success", 0, &line), now(), &policy());
            let (Step::Move(incident, _) | Step::Climb(incident, _)) = next else {
                panic!("{code}: {next:?}")
            };
            let said = incident.testimony.map(|testimony| testimony.word);
            assert_eq!(said, Some(word), "{code}: {numbers}");
        }
    }
}

/// A script that went wrong may have said before how full the disk is, and which: what is not
/// full is neither a reason for a disruption nor what the alarm means.
#[test]
fn a_script_that_went_wrong_is_believed_its_numbers() {
    let failed = result("failed").replace("cpu-relief", "disk-clean");
    let level = |percent: u8| {
        let told = format!("\"used_percent_before\":{percent},\"mount\":\"/\",\"reason\"");
        failed.replace("\"reason\"", &told)
    };
    for (percent, word, mount) in [(41, Word::Well, None), (97, Word::InTrouble, Some("/"))] {
        let mut unnamed = at(Stage::Cleaning, 1);
        unnamed.seen.mount = None;
        let next = next(&unnamed, &command("Failed", 1, &level(percent)), now(), &policy());
        let Step::Climb(incident, _) = next else { panic!("{percent}: {next:?}") };
        assert_eq!(incident.testimony.map(|testimony| testimony.word), Some(word), "{percent} %");
        assert_eq!(incident.seen.mount.as_deref(), mount, "{percent} %");
    }
}

#[test]
fn each_verdict_of_the_host_has_its_step() {
    let rows = [
        ("relieved", command("Success", 0, &result("ok")), "to Watching: cleanup-ok"),
        ("another run", command("Success", 0, &result("skipped")), "to Watching: cleanup-ok"),
        (
            "not enough",
            command("Success", 0, &result("insufficient")),
            "climb: cleanup-insufficient",
        ),
        ("refused", command("Success", 0, &result("refused")), "to Watching: host-objects"),
        ("it looked only", command("Success", 0, &result("report")), "to Watching: host-objects"),
        ("it failed", command("Failed", 1, &result("failed")), "climb: cleanup-failed"),
        ("it crashed", command("Failed", 5, &result("error")), "climb: cleanup-failed"),
        ("it cannot work", command("Failed", 3, &result("error")), "climb: cleanup-failed"),
        ("it cannot start", command("Failed", 1, ""), "climb: cleanup-failed"),
        ("not delivered", command("DeliveryTimedOut", -1, ""), "climb: cleanup-failed"),
        ("it ran too long", command("ExecutionTimedOut", -1, ""), "climb: cleanup-failed"),
        ("it talks nonsense", command("Success", 0, "hello"), "climb: cleanup-failed"),
        ("a person cancelled it", command("Cancelled", -1, ""), "end HandedOver: cleanup-failed"),
        ("we are wrong", command("Failed", 2, &result("error")), "end HandedOver: cleanup-failed"),
        ("it still runs", command("InProgress", -1, ""), "wait"),
    ];
    for (rule, probe, expected) in rows {
        assert_eq!(step(&at(Stage::Cleaning, 1), &probe), expected, "{rule}");
    }
}

#[test]
fn what_the_host_found_is_kept() {
    let probe = command("Success", 0, &result("insufficient"));
    let Step::Climb(incident, _) = next(&at(Stage::Cleaning, 1), &probe, now(), &policy()) else {
        panic!("it climbs");
    };
    let found = incident.preflight.unwrap();
    assert_eq!((found.persons, found.boot_id.as_ref().map(HostText::as_str)), (Some(2), Some("b")));
    assert_eq!((found.packages_busy, found.fstab_ok), (None, None), "nobody said");
    assert!(incident.attempts[0].command_id.is_some(), "a command that was found is kept");
}

#[test]
fn where_the_evidence_went_is_kept() {
    let said = |evidence: &str| {
        let line = result("insufficient");
        let kept = "\"file\":\"/f\",\"bytes\":9,\"sha256\":\"0f\",\"where\":\"disk\"";
        let evidence = format!(",\"evidence\":{{{kept}{evidence}}}}}");
        line.trim_end_matches('}').to_owned() + "}" + &evidence
    };
    let bucket = BucketName::new("remedy-evidence").ok();
    let with_bucket = Policy { evidence_bucket: bucket, ..policy() };
    let uri = |incident: &Incident| {
        let (instance, id) = (&incident.instance_id, &incident.id);
        format!("s3://remedy-evidence/evidence/{instance}/{id}/1-cleanup.txt")
    };
    for (rule, evidence, policy, expected) in [
        ("sent", ",\"uploaded\":true", &with_bucket, "bucket"),
        ("not sent", ",\"uploaded\":false", &with_bucket, "nowhere"),
        ("printed", ",\"uploaded\":false,\"printed\":true", &with_bucket, "output"),
        ("printed without a bucket", ",\"uploaded\":null,\"printed\":true", &policy(), "output"),
        ("kept on the host", ",\"uploaded\":null", &policy(), "nowhere"),
        ("an older script", "", &with_bucket, "nowhere"),
    ] {
        let probe = command("Success", 0, &said(evidence));
        let Step::Climb(incident, _) = next(&at(Stage::Cleaning, 1), &probe, now(), policy) else {
            panic!("{rule}: it climbs");
        };
        let kept = match incident.evidence.as_ref().map(|diagnostics| &diagnostics.kept) {
            Some(Location::InBucket { uri: found }) if *found == uri(&incident) => "bucket",
            Some(Location::InOutput { command_id }) => {
                assert_eq!(Some(command_id), incident.attempts[0].command_id.as_ref(), "{rule}");
                "output"
            }
            None => "nowhere",
            Some(other) => panic!("{rule}: {other:?}"),
        };
        assert_eq!(kept, expected, "{rule}");
    }
}

#[test]
fn a_reboot_frees_a_disk_only_if_the_host_has_reckoned_so() {
    for (rule, after, complete, frees) in [
        ("it brings the disk below its alarm", "89", "true", Some(true)),
        ("it does not", "90", "true", Some(false)),
        ("the list was cut off", "10", "false", None),
        ("nothing is known", "null", "true", None),
    ] {
        let line = format!(
            "REMEDIATION_RESULT {{\"v\":1,\"action\":\"disk-clean\",\"status\":\"insufficient\",\
             \"reason\":\"r\",\"mode\":\"apply\",\"preflight\":{{\"boot_id\":\"b\"}},\
             \"mount\":\"/\",\"used_percent_reboot\":{after},\"complete\":{complete}}}"
        );
        let probe = command("Success", 0, &line);
        let Step::Climb(it, _) = next(&at(Stage::Cleaning, 1), &probe, now(), &policy()) else {
            panic!("{rule}: it climbs");
        };
        assert_eq!(it.preflight.unwrap().reboot_frees, frees, "{rule}");
    }
}

#[test]
fn where_the_alarm_names_no_file_system_the_host_says_which_is_full() {
    for (rule, named, code, expected) in [
        ("the one that the host found full", None, "insufficient", Some("/data")),
        ("also where it was relieved", None, "relieved", Some("/data")),
        ("none where none is in trouble", None, "not-in-trouble", None),
        ("the alarm's own stays", Some("/"), "insufficient", Some("/")),
    ] {
        let mut cleaning = at(Stage::Cleaning, 1);
        cleaning.mount = named.and_then(|path| MountPoint::new(path).ok());
        cleaning.seen.mount = named.map(str::to_owned);
        let line = format!(
            "REMEDIATION_RESULT {{\"v\":1,\"action\":\"disk-clean\",\"status\":\"ok\",\
             \"code\":\"{code}\",\"reason\":\"r\",\"mode\":\"apply\",\"mount\":\"/data\"}}"
        );
        let step = next(&cleaning, &command("Success", 0, &line), now(), &policy());
        let (Step::Climb(it, _) | Step::Move(it, _)) = step else { panic!("{rule}: {step:?}") };
        let found = it.file_system();
        assert_eq!(found.as_ref().map(MountPoint::as_str), expected, "{rule}");
        assert_eq!(it.mount, cleaning.mount, "{rule}: what the alarm is about stays");
    }
}

#[test]
fn a_cleanup_that_nobody_sees_is_sent_again_and_then_given_up() {
    let unobserved = |known: bool, command| Probe::Command {
        command_id: CommandId::new("00000000-0000-4000-a000-000000000000").ok().filter(|_| known),
        command,
    };
    let unknown = || Fact::Unknown(unknown("ssm:GetCommandInvocation"));
    for (rule, minutes, probe, expected) in [
        ("describing lags", 2, unobserved(false, Fact::Known(None)), "wait"),
        ("it was never sent", 3, unobserved(false, Fact::Known(None)), "clean: never-asked"),
        ("it was sent, and is not shown", 3, unobserved(true, Fact::Known(None)), "wait"),
        ("nobody can say", 9, unobserved(false, unknown()), "wait"),
        ("its time is up", 12, unobserved(false, Fact::Known(None)), "climb: cleanup-failed"),
        ("its time is up", 12, unobserved(true, Fact::Known(None)), "climb: cleanup-failed"),
        ("its time is up", 12, unobserved(true, unknown()), "climb: cleanup-failed"),
        ("its time is up", 12, command("InProgress", -1, ""), "climb: cleanup-failed"),
        (
            "late is not too late",
            30,
            command("Success", 0, &result("ok")),
            "to Watching: cleanup-ok",
        ),
    ] {
        assert_eq!(step(&at(Stage::Cleaning, minutes), &probe), expected, "{rule}");
    }
}

/// Systems Manager hands a command for many to one host, to two, to four: one may be in the way
/// of another.
#[test]
fn what_a_command_for_many_did_not_reach_is_no_word_about_the_host() {
    let shared = |minutes| {
        let mut cleaning = at(Stage::Cleaning, minutes);
        cleaning.attempts[0].shared_comment = Some("batch x".to_owned());
        cleaning
    };
    let late = || command("DeliveryTimedOut", -1, "");
    let gone = || command("Undeliverable", -1, "");
    assert_eq!(step(&shared(6), &late()), "clean: not-reached");
    assert_eq!(step(&shared(6), &gone()), "clean: not-reached");
    assert_eq!(step(&at(Stage::Cleaning, 6), &late()), "climb: cleanup-failed", "it was alone");
    assert_eq!(step(&shared(12), &late()), "climb: cleanup-failed", "its time is up");
    let failed = command("Failed", 1, "");
    assert_eq!(step(&shared(6), &failed), "climb: cleanup-failed", "it was reached");
    let Step::Call(_, again, _) = next(&shared(6), &late(), now(), &policy()) else { panic!() };
    assert_eq!(again.shared_comment(), Some("batch x"), "so that it is sent alone");
    let never_run = next(&shared(6), &command("RateExceeded", -1, ""), now(), &policy());
    let Step::Call(_, again, _) = never_run else { panic!() };
    assert_eq!((again.shared_comment(), &again.attempts[0].command_id), (None, &None));
}

#[test]
fn who_drains_is_rebooted_once_out_of_service() {
    check(
        Stage::Draining,
        as_it_is,
        &[
            ("it is out", 1, |it| lifecycle(it, "Standby"), "reboot: left-service"),
            ("out at last", 15, |it| lifecycle(it, "Standby"), "reboot: left-service"),
            ("it drains", 14, |it| lifecycle(it, "EnteringStandby"), "wait"),
            ("describing lags", 2, |_| {}, "wait"),
            ("it was never asked", 3, |_| {}, "leave: never-asked"),
            ("it never left", 15, |_| {}, "come back: not-back"),
            (
                "its group ends it",
                1,
                |it| lifecycle(it, "Terminating"),
                "end Withdrawn: instance-gone",
            ),
            ("it is gone", 1, terminated, "end Withdrawn: instance-gone"),
            ("it left its group and runs on", 1, alone, "end HandedOver: taken-away"),
        ],
    );
}

fn application_fails(facts: &mut Facts) {
    back(facts);
    let Fact::Known(Some(status)) = &mut facts.status else { panic!("it has a status") };
    status.application_impaired = Some(true);
}

/// A group that has grown to its maximum meanwhile, and its member still in Standby.
fn full(facts: &mut Facts) {
    lifecycle(facts, "Standby");
    let of_it = group(facts);
    of_it.desired = of_it.max;
}

#[test]
fn who_stays_in_standby_is_asked_for_on_and_on_and_told_of_with_what_is_full() {
    let late = at(Stage::Returning, 16);
    let Step::Tell(told, because) = next(&late, &seen(full), now(), &policy()) else {
        panic!("a person hears of it");
    };
    assert!(told.stage.is_open() && told.standby.is_some(), "it goes on");
    let group = told.group.clone();
    assert_eq!(because, [Reason::StaysInStandby { group, full: Some(4) }]);
    assert_eq!(
        because[0].commands(&told.instance_id),
        [
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name web-asg \
             --max-size 5",
            "aws autoscaling exit-standby --instance-ids i-0a1b2c3d4e5f60718 \
             --auto-scaling-group-name web-asg",
        ]
    );
    let heard: fn(&mut Incident) = |it| {
        it.stays_out = true;
        it.expires_at = ago(60);
    };
    check(
        Stage::Returning,
        heard,
        &[
            ("it is asked for again, though its time is over", 200, full, "come back: never-asked"),
            ("it comes back at last", 200, |it| lifecycle(it, "Pending"), "wait"),
            ("it serves again", 200, |_| {}, "to Watching: back-in-service"),
        ],
    );
    let for_a_day = Incident { opened_at: ago(24 * 60), ..at(Stage::Returning, 200) };
    let for_a_day = Incident { stays_out: true, ..for_a_day };
    assert_eq!(step(&for_a_day, &seen(full)), "end HandedOver: stays-in-standby");
}

#[test]
fn an_instance_that_is_gone_is_given_to_nobody() {
    let given_up = |stage: Stage| Step::End(at(stage, 30), vec![Reason::NeverAsked]);
    let probe = Probe::Symptom(unobserved());
    for stage in [Stage::HandedOver, Stage::Expired] {
        let incident = at(Stage::Watching, 30);
        assert_eq!(given_up(stage).needs(&incident, &probe), Need::Instance, "{stage:?}");
        assert_eq!(said(&given_up(stage).while_there(None, now())), "end Withdrawn: instance-gone");
        let replaced = Incident { attempts: vec![attempt(Rung::Replace)], ..incident };
        assert_eq!(given_up(stage).needs(&replaced, &probe), Need::Nothing, "our own doing");
    }
    let watched = at(Stage::Watching, 5);
    assert_eq!(step_of_wait(&watched).needs(&watched, &probe), Need::Instance);
}

fn step_of_wait(incident: &Incident) -> Step {
    Step::Wait(incident.clone())
}

#[test]
fn what_a_cleanup_said_and_what_it_has_set_are_kept() {
    let line = |unit: &str| {
        let said = result("ok").replace("it says so", "web.service is held at 75 % of a core");
        let said = said.trim_end_matches('}').to_owned();
        format!("{said}}},\"unit\":\"{unit}\",\"quota_percent\":75}}")
    };
    let last = |unit: &str| {
        let probe = command("Success", 0, &line(unit));
        let Step::Move(moved, _) = next(&at(Stage::Cleaning, 1), &probe, now(), &policy()) else {
            panic!("it is watched");
        };
        let last = moved.attempts.last().unwrap().clone();
        (last.said.unwrap().to_string(), last.still_set.unwrap())
    };
    let (said, set) = last("web.service");
    assert_eq!(said, "web.service is held at 75 % of a core");
    assert_eq!(
        set,
        "the CPU quota of 75 % of web.service stands until the next boot; to lift it: \
         systemctl set-property --runtime -- web.service CPUQuota="
    );
    let (_, set) = last("a; reboot");
    assert!(!set.contains("reboot"), "no command is made of such a name: {set}");
}

/// Answers that come from after a reboot.
fn back(facts: &mut Facts) {
    agent(facts).last_ping = Some(now());
}

fn stopped(facts: &mut Facts) {
    instance(facts).state = InstanceState::Not("stopped".to_owned());
}

fn terminated(facts: &mut Facts) {
    alone(facts);
    instance(facts).state = InstanceState::Not("terminated".to_owned());
}

const REBOOTS: [Row; 8] = [
    ("it may not be down yet", 3, back, "wait"),
    ("its agent has not pinged", 8, |it| agent(it).last_ping = Some(ago(5)), "wait"),
    ("its application fails its check", 8, application_fails, "wait"),
    ("it fails its check", 8, |it| status(it, false, true), "wait"),
    ("the host under it fails", 8, |it| status(it, true, false), "wait"),
    ("its status is unknown", 8, |it| it.status = Fact::Unknown(unknown("x")), "wait"),
    ("it has no status", 8, |it| it.status = Fact::Known(None), "wait"),
    ("its agent is unknown", 8, |it| it.agent = Fact::Unknown(unknown("x")), "wait"),
];

#[test]
fn who_reboots_in_place_is_watched_or_climbs() {
    check(Stage::Rebooting, as_it_is, &REBOOTS);
    check(
        Stage::Rebooting,
        as_it_is,
        &[
            ("somebody stopped it", 8, stopped, "end Withdrawn: instance-gone"),
            (
                "it is no longer there",
                8,
                |it| it.instance = Fact::Known(None),
                "end Withdrawn: instance-gone",
            ),
            ("it is back", 8, back, "to Watching: up-again"),
            (
                "without an agent its checks will do",
                8,
                |it| it.agent = Fact::Known(None),
                "to Watching: up-again",
            ),
            ("it is not back in time", 15, |it| status(it, false, true), "climb: not-back"),
            ("its agent is not", 15, |it| agent(it).last_ping = Some(ago(12)), "climb: not-back"),
        ],
    );
}

#[test]
fn who_stays_out_is_looked_at_and_told_of_once() {
    let told: fn(&mut Incident) = |it| {
        it.group = None;
        it.stays_out = true;
    };
    let still_out: fn(&mut Facts) = |it| status(it, false, true);
    let rows = [
        ("it is still out", 20, still_out, "wait"),
        ("it is back after all", 20, back as fn(&mut Facts), "to Watching: up-again"),
        (
            "its agent alone is silent",
            20,
            |it| agent(it).last_ping = Some(ago(30)),
            "to Watching: up-again",
        ),
    ];
    check(Stage::Rebooting, told, &rows);
    let held_back: fn(&mut Incident) = |it| {
        it.held_back = Some(HeldBack { since: ago(5), told: true, by: None });
    };
    let rows = [("what was held back is tried again", 20, still_out, "climb: not-back")];
    check(Stage::Rebooting, held_back, &rows);
}

#[test]
fn who_reboots_in_standby_comes_back_first() {
    let in_standby: fn(&mut Incident) = |it| it.standby = Some(Standby { decremented: false });
    check(Stage::Rebooting, in_standby, &REBOOTS);
    check(
        Stage::Rebooting,
        in_standby,
        &[
            ("it is up", 8, back, "come back: up-again"),
            ("it is not up in time", 15, |it| status(it, false, true), "come back: not-back"),
        ],
    );
}

#[test]
fn who_returns_is_watched_once_in_service() {
    check(
        Stage::Returning,
        as_it_is,
        &[
            ("it serves", 1, |_| {}, "to Watching: back-in-service"),
            ("it serves at last", 15, |_| {}, "to Watching: back-in-service"),
            ("it registers", 14, |it| lifecycle(it, "Pending"), "wait"),
            ("it waits for a hook", 14, |it| lifecycle(it, "Pending:Wait"), "wait"),
            ("describing lags", 2, |it| lifecycle(it, "Standby"), "wait"),
            ("it was never asked", 3, |it| lifecycle(it, "Standby"), "come back: never-asked"),
            ("nobody can say", 2, |it| it.membership = Fact::Unknown(unknown("x")), "wait"),
            (
                "nobody can say, and it may be out",
                3,
                |it| it.membership = Fact::Unknown(unknown("x")),
                "come back: never-asked",
            ),
            ("it is not back", 15, |it| lifecycle(it, "Standby"), "tell: stays-in-standby"),
            (
                "nor known to be",
                15,
                |it| it.membership = Fact::Unknown(unknown("x")),
                "tell: stays-in-standby",
            ),
            (
                "its group ends it",
                1,
                |it| lifecycle(it, "Terminating"),
                "end Withdrawn: instance-gone",
            ),
            ("it is gone", 1, terminated, "end Withdrawn: instance-gone"),
            ("it left its group and runs on", 1, alone, "end HandedOver: taken-away"),
        ],
    );
    let step = next(&at(Stage::Returning, 1), &seen(|_| {}), now(), &policy());
    assert!(matches!(step, Step::Move(it, _) if it.standby.is_none()), "it is out of Standby");
}

#[test]
fn who_drains_has_the_time_its_load_balancer_takes() {
    let drains: fn(&mut Facts) = |it| lifecycle(it, "EnteringStandby");
    let unknown: fn(&mut Facts) = |it| it.membership = Fact::Unknown(unknown("x"));
    let asked_then: fn(&mut Incident) = |it| it.attempts[0].claimed_at = it.stage_since;
    for (stage, expected) in
        [(Stage::Draining, "come back: not-back"), (Stage::Returning, "tell: stays-in-standby")]
    {
        let rows =
            [("an hour at most", 64, drains, "wait"), ("and no longer", 65, drains, expected)];
        check(stage, asked_then, &rows);
    }
    let rows = [
        ("nobody can say", 64, unknown, "wait"),
        ("nor later", 65, unknown, "come back: not-back"),
    ];
    check(Stage::Draining, asked_then, &rows);
    let drains = seen(drains);
    let step = next(&at(Stage::Returning, 20), &drains, now(), &policy());
    assert!(matches!(step, Step::Wait(it) if it.stage_since == now()), "its time begins when out");
}

#[test]
fn a_reboot_that_failed_in_standby_leads_on_once_the_member_is_back() {
    for (kind, expected) in [
        (FailureKind::InstanceState, "climb: reboot-failed"),
        (FailureKind::Throttled, "climb: reboot-failed"),
        (FailureKind::NotPermitted, "end HandedOver: refused"),
    ] {
        let mut back = at(Stage::Returning, 1);
        let failed = FailedCall { kind, why: "its status checks fail".to_owned() };
        back.attempts.last_mut().unwrap().failed = Some(failed);
        assert_eq!(step(&back, &seen(|_| {})), expected, "{kind:?}");
        let out = seen(|it| lifecycle(it, "Standby"));
        assert_eq!(step(&back, &out), "wait", "{kind:?}: not before it is back");
    }
}

/// The instance has left its group, which still can be read.
fn left(facts: &mut Facts) {
    facts.membership = Fact::Known(None);
}

#[test]
fn who_is_replaced_is_watched_through_its_group() {
    check(
        Stage::Replacing,
        as_it_is,
        &[
            ("it left, and the group is whole", 1, left, "to Watching: substituted"),
            (
                "it is on its way out",
                1,
                |it| lifecycle(it, "Terminating:Wait"),
                "to Watching: substituted",
            ),
            (
                "the group is not whole yet",
                39,
                |it| {
                    left(it);
                    group_lacks_one(it);
                },
                "wait",
            ),
            (
                "nor in time",
                40,
                |it| {
                    left(it);
                    group_lacks_one(it);
                },
                "end HandedOver: not-substituted",
            ),
            ("describing lags", 2, |_| {}, "wait"),
            ("it was never asked", 3, |_| {}, "replace: never-asked"),
            ("it is marked", 39, |it| membership(it).healthy = false, "wait"),
            (
                "it is marked in vain",
                40,
                |it| membership(it).healthy = false,
                "end HandedOver: not-substituted",
            ),
            ("nobody can say", 39, |it| it.membership = Fact::Unknown(unknown("x")), "wait"),
            (
                "nor of the group",
                39,
                |it| {
                    left(it);
                    it.group = GroupFact::NotRead;
                },
                "wait",
            ),
        ],
    );
}

fn group_lacks_one(facts: &mut Facts) {
    serving(facts, 3, 2);
}

#[test]
fn a_substitute_is_watched_like_anybody_else() {
    let replaced: fn(&mut Incident) = |it| it.attempts = vec![attempt(Rung::Replace)];
    check(
        Stage::Watching,
        replaced,
        &[
            ("the group is whole", 1, left, "wait quiet"),
            ("the group lacks one", 9, group_lacks_one, "wait"),
            ("it still does", 10, group_lacks_one, "climb: still-there"),
            ("nobody can say", 29, |it| it.group = GroupFact::NotRead, "wait"),
            ("nor later", 30, |it| it.group = GroupFact::NotRead, "end HandedOver: unverified"),
        ],
    );
}

fn gone() -> SymptomState {
    SymptomState::Cleared { now: None, quiet: None }
}

fn there() -> SymptomState {
    SymptomState::Present { what: "97 %".to_owned(), level: Some(97.0) }
}

fn disputed() -> SymptomState {
    SymptomState::Conflicting { what: "97 %, but the alarm is OK".to_owned() }
}

fn unobserved() -> SymptomState {
    SymptomState::Unobserved { why: "no datapoint".to_owned(), alarm_stands: true }
}

#[test]
fn a_symptom_must_stay_gone() {
    let rows: [(&str, i64, Option<i64>, SymptomState, &str); 16] = [
        ("it is gone", 1, None, gone(), "wait quiet"),
        ("it stays gone", 6, Some(4), gone(), "wait quiet"),
        ("it stayed gone", 6, Some(5), gone(), "end Resolved: stayed-gone"),
        ("late, but gone", 45, Some(5), gone(), "end Resolved: stayed-gone"),
        ("the metric lags", 9, None, there(), "wait"),
        ("it did not help", 10, None, there(), "climb: still-there"),
        ("it comes back", 9, Some(4), there(), "wait"),
        ("it comes and goes", 29, Some(4), there(), "wait"),
        ("it comes and goes on", 30, Some(4), there(), "climb: not-quiet"),
        ("the alarm is OK with it", 10, None, disputed(), "wait"),
        ("though that is not quiet", 20, Some(4), disputed(), "wait"),
        ("one follows the other later", 30, Some(4), disputed(), "wait"),
        ("nothing is seen", 29, None, unobserved(), "wait"),
        ("nothing was ever seen", 30, None, unobserved(), "end HandedOver: unverified"),
        ("quiet is no proof", 29, Some(20), unobserved(), "wait quiet"),
        ("nor in the end", 30, Some(20), unobserved(), "end HandedOver: unverified"),
    ];
    for (rule, minutes, quiet, symptom_state, expected) in rows {
        let incident = Incident { quiet_since: quiet.map(ago), ..at(Stage::Watching, minutes) };
        assert_eq!(step(&incident, &Probe::Symptom(symptom_state)), expected, "{rule}");
    }
}

#[test]
fn what_nothing_shows_while_it_waits_counts_from_its_own_beginning() {
    let doubted = |minutes, since: Option<i64>| {
        let mut incident = at(Stage::Waiting, minutes);
        incident.attempts.clear();
        incident.seen.changed_at = ago(minutes);
        incident.conflicting_since = since.map(ago);
        incident
    };
    let since = |incident: &Incident, symptom_state| match next(
        incident,
        &Probe::Symptom(symptom_state),
        now(),
        &policy(),
    ) {
        Step::Wait(next) | Step::Climb(next, _) => next.conflicting_since,
        other => panic!("{other:?}"),
    };
    for (rule, incident, symptom_state, expected) in [
        ("it begins while the alarm is fresh", doubted(1, None), unobserved(), Some(now())),
        ("it goes on", doubted(14, Some(13)), unobserved(), Some(ago(13))),
        ("it begins late", doubted(90, None), unobserved(), Some(now())),
        ("it goes on late", doubted(90, Some(29)), unobserved(), Some(ago(29))),
        ("the symptom shows again", doubted(90, Some(29)), there(), None),
    ] {
        assert_eq!(since(&incident, symptom_state), expected, "{rule}");
    }
    let lasts = doubted(90, Some(30));
    let said = step(&lasts, &Probe::Symptom(unobserved()));
    assert_eq!(said, "end HandedOver: unverified", "it is a person's to find out");
}

#[test]
fn a_metric_and_its_alarm_may_disagree_for_as_long_as_one_follows_the_other() {
    let rows: [(&str, Option<i64>, u32, bool, &str); 7] = [
        ("it begins", None, 60, true, "wait"),
        ("it goes on", Some(29), 60, true, "wait"),
        ("it lasts", Some(30), 60, true, "end Resolved: alarm-disagrees"),
        ("nothing was done", Some(30), 60, false, "end Withdrawn: alarm-disagrees"),
        ("a slow alarm has more time", Some(74), 900, true, "wait"),
        ("and not for ever", Some(75), 900, true, "end Resolved: alarm-disagrees"),
        ("one that looks at a day, too", Some(90), 86_400, true, "wait"),
    ];
    for (rule, since, period, acted, expected) in rows {
        let mut incident = at(Stage::Watching, 80);
        incident.conflicting_since = since.map(ago);
        incident.seen.series.as_mut().unwrap().period = period;
        if !acted {
            incident.attempts.clear();
        }
        assert_eq!(step(&incident, &Probe::Symptom(disputed())), expected, "{rule}");
        incident.expires_at = now() + SignedDuration::from_secs(60);
        let last = step(&incident, &Probe::Symptom(disputed()));
        assert!(last.ends_with("alarm-disagrees"), "{rule}: it is no end for a person: {last}");
    }
}

/// Where nothing new is measured for an hour the word of a host that was relieved has to do.
#[test]
fn a_slow_metric_is_no_end_for_a_person() {
    let rows: [(&str, i64, u32, Option<Word>, &str); 6] = [
        ("it may come", 29, 3600, Some(Word::Well), "wait"),
        ("it is late", 30, 3600, Some(Word::Well), "end Resolved: alarm-disagrees"),
        ("the host objects for another reason", 30, 3600, Some(Word::Unsure), "wait"),
        ("and was not heard", 119, 3600, None, "wait"),
        ("it does not come", 120, 3600, None, "end HandedOver: unverified"),
        (
            "a metric of each minute has stopped",
            30,
            60,
            Some(Word::Well),
            "end HandedOver: unverified",
        ),
    ];
    for (rule, minutes, period, word, expected) in rows {
        let mut incident = at(Stage::Watching, minutes);
        incident.seen.series.as_mut().unwrap().period = period;
        let why = "its words".to_owned();
        incident.testimony =
            word.map(|word| Testimony { at: ago(minutes), since: None, word, why });
        let seen = SymptomState::Unobserved { why: "no news".to_owned(), alarm_stands: true };
        assert_eq!(step(&incident, &Probe::Symptom(seen)), expected, "{rule}");
    }
}

#[test]
fn a_request_without_a_metric_goes_by_the_hosts_word() {
    let mut asked = at(Stage::Watching, 1);
    asked.seen.series = None;
    assert_eq!(step(&asked, &Probe::Symptom(unobserved())), "wait quiet");
    asked.attempts = vec![attempt(Rung::Reboot)];
    assert_eq!(step(&asked, &Probe::Symptom(unobserved())), "wait", "a reboot says nothing");
}

/// An incident whose last call AWS turned away.
fn turned_away(stage: Stage, minutes: i64, kind: FailureKind) -> Incident {
    let mut incident = at(stage, minutes);
    incident.attempts[0].refused = Some(FailedCall { kind, why: "no".to_owned() });
    incident
}

#[test]
fn a_call_that_was_turned_away_leads_on() {
    use FailureKind::{InstanceState, NotPermitted, Throttled};
    let rows = [
        (Stage::Cleaning, 1, Throttled, "clean: never-asked"),
        (Stage::Cleaning, 12, Throttled, "climb: refused"),
        (Stage::Cleaning, 1, InstanceState, "climb: refused"),
        (Stage::Cleaning, 1, NotPermitted, "end HandedOver: refused"),
        (Stage::Draining, 1, Throttled, "leave: never-asked"),
        (Stage::Draining, 15, Throttled, "climb: refused"),
        (Stage::Draining, 1, InstanceState, "climb: refused"),
        (Stage::Draining, 1, NotPermitted, "end HandedOver: refused"),
        (Stage::Rebooting, 1, Throttled, "reboot: never-asked"),
        (Stage::Rebooting, 15, Throttled, "climb: refused"),
        (Stage::Rebooting, 1, InstanceState, "climb: refused"),
        (Stage::Rebooting, 1, NotPermitted, "end HandedOver: refused"),
        (Stage::Replacing, 1, Throttled, "replace: never-asked"),
        (Stage::Replacing, 40, Throttled, "climb: refused"),
        (Stage::Replacing, 1, InstanceState, "climb: refused"),
        (Stage::Replacing, 1, NotPermitted, "end HandedOver: refused"),
    ];
    for (stage, minutes, no, expected) in rows {
        let incident = turned_away(stage, minutes, no);
        assert_eq!(step(&incident, &seen(|_| {})), expected, "{stage:?} {no:?}");
        let step = next(&incident, &seen(|_| {}), now(), &policy());
        if let Step::Climb(next, _) | Step::End(next, _) = step {
            assert_eq!(next.standby, None, "{stage:?} {no:?}: it never left service");
        }
    }
}

#[test]
fn nobody_is_left_in_standby_by_a_call_that_was_turned_away() {
    use FailureKind::{InstanceState, NotPermitted, Throttled};
    for no in [InstanceState, NotPermitted] {
        let mut rebooting = turned_away(Stage::Rebooting, 1, no);
        rebooting.standby = Some(Standby { decremented: true });
        let out = seen(|it| lifecycle(it, "Standby"));
        assert_eq!(step(&rebooting, &out), "come back: refused", "{no:?}");
    }
    for no in [Throttled, InstanceState, NotPermitted] {
        // The first answer was lost and the second call turned away.
        let draining = turned_away(Stage::Draining, 4, no);
        if no != Throttled {
            let leaving = seen(|it| lifecycle(it, "EnteringStandby"));
            assert_eq!(step(&draining, &leaving), "wait", "{no:?}");
            let unknown = seen(|it| it.membership = Fact::Unknown(unknown("x")));
            assert_eq!(step(&draining, &unknown), "wait", "{no:?}: it may be leaving");
            let out = seen(|it| lifecycle(it, "Standby"));
            assert_eq!(step(&draining, &out), "reboot: left-service", "{no:?}");
        }
        let returning = turned_away(Stage::Returning, 14, no);
        let out = step(&returning, &seen(|it| lifecycle(it, "Standby")));
        assert_eq!(out, "come back: never-asked", "{no:?}");
        let late = turned_away(Stage::Returning, 15, no);
        let late = step(&late, &seen(|it| lifecycle(it, "Standby")));
        assert_eq!(late, "tell: stays-in-standby refused", "{no:?}: told, and why");
    }
}

/// The step to ask for `action` (again), if that is still allowed, in short.
fn still(action: Action, incident: Incident, change: fn(&mut Facts)) -> String {
    let mut facts = facts();
    change(&mut facts);
    let step = Step::Call(action, incident, Reason::NeverAsked);
    said(&step.while_allowed(&facts, now()))
}

fn of_group(facts: &mut Facts, change: fn(&mut Group)) {
    if let GroupFact::Read { group: Fact::Known(Some(group)), .. } = &mut facts.group {
        change(group);
    }
}

fn untagged(facts: &mut Facts) {
    instance(facts).tags.clear();
}

const LEAVE: Action = Action::LeaveService(Standby { decremented: true });

/// An action, the stage it belongs to, what is seen, and the step.
type Carried = (Action, Stage, fn(&mut Facts), &'static str);

#[test]
fn what_was_begun_is_not_carried_on_when_it_is_no_longer_allowed() {
    let rows: [Carried; 18] = [
        (Action::Clean, Stage::Cleaning, |_| {}, "clean: never-asked"),
        (Action::Clean, Stage::Cleaning, untagged, "end HandedOver: not-opted-in"),
        (
            Action::Clean,
            Stage::Cleaning,
            |it| instance(it).tags = tags("observe"),
            "end HandedOver: observing",
        ),
        (Action::Clean, Stage::Cleaning, |it| it.instance = Fact::Unknown(unknown("x")), "wait"),
        (Action::Reboot, Stage::Rebooting, untagged, "end HandedOver: not-opted-in"),
        (LEAVE, Stage::Draining, |_| {}, "leave: never-asked"),
        (LEAVE, Stage::Draining, untagged, "end HandedOver: not-opted-in"),
        (
            LEAVE,
            Stage::Draining,
            |it| {
                untagged(it);
                lifecycle(it, "EnteringStandby");
            },
            "come back: not-opted-in",
        ),
        (
            LEAVE,
            Stage::Draining,
            |it| of_group(it, |group| group.tags.clear()),
            "climb: group-not-opted-in",
        ),
        (
            LEAVE,
            Stage::Draining,
            |it| of_group(it, |group| group.suspended = ["Launch".to_owned()].into()),
            "climb: standby-impossible",
        ),
        (Action::Replace, Stage::Replacing, |_| {}, "replace: never-asked"),
        (Action::Replace, Stage::Replacing, untagged, "end HandedOver: not-opted-in"),
        (
            Action::Replace,
            Stage::Replacing,
            |it| of_group(it, |group| group.suspended = ["Launch".to_owned()].into()),
            "climb: process-suspended",
        ),
        (
            Action::Replace,
            Stage::Replacing,
            |it| of_group(it, |group| group.tags.clear()),
            "climb: group-not-opted-in",
        ),
        (Action::Replace, Stage::Replacing, |it| it.group = GroupFact::NotRead, "wait"),
        (
            Action::Replace,
            Stage::Replacing,
            |it| it.membership = Fact::Unknown(unknown("x")),
            "wait",
        ),
        (LEAVE, Stage::Draining, |it| it.membership = Fact::Unknown(unknown("x")), "wait"),
        (Action::ComeBack, Stage::Returning, untagged, "come back: never-asked"),
    ];
    for (action, stage, change, expected) in rows {
        assert_eq!(still(action, at(stage, 3), change), expected, "{action:?}");
    }
    let standby = Some(Standby { decremented: true });
    let out = Incident { standby, ..at(Stage::Draining, 6) };
    let in_standby = |it: &mut Facts| {
        untagged(it);
        lifecycle(it, "Standby");
    };
    assert_eq!(still(Action::Reboot, out, in_standby), "come back: not-opted-in");
}

#[test]
fn an_incident_that_is_out_of_time_ends_but_not_in_standby() {
    let expired = |incident: Incident| Incident {
        opened_at: now() - SignedDuration::from_mins(180),
        expires_at: now(),
        ..incident
    };
    let open = Stage::ALL.into_iter().filter(|stage| stage.is_open());
    for stage in open {
        for probe in [seen(|_| {}), Probe::Symptom(gone()), command("InProgress", -1, "")] {
            let incident = expired(Incident { standby: None, ..at(stage, 1) });
            assert_eq!(step(&incident, &probe), "end Expired: out-of-time", "{stage:?}");
        }
    }
    for (quiet, there, expected) in [
        (2, gone(), "end Resolved: stayed-gone"),
        (5, gone(), "end Resolved: stayed-gone"),
        (2, there(), "end Expired: out-of-time"),
    ] {
        let watched = Incident { quiet_since: Some(ago(quiet)), ..at(Stage::Watching, 8) };
        assert_eq!(step(&expired(watched), &Probe::Symptom(there)), expected, "{quiet}");
    }
    for stage in [Stage::Draining, Stage::Rebooting, Stage::Watching] {
        let standby = Some(Standby { decremented: true });
        let out = expired(Incident { standby, ..at(stage, 1) });
        assert_eq!(step(&out, &seen(|_| {})), "come back: out-of-time", "{stage:?}");
    }
    let returning = |minutes| expired(at(Stage::Returning, minutes));
    let out = || seen(|it| lifecycle(it, "Standby"));
    assert_eq!(step(&returning(1), &out()), "wait");
    assert_eq!(step(&returning(20), &out()), "tell: stays-in-standby", "that is what is told");
    assert_eq!(step(&returning(1), &seen(|_| {})), "to Watching: back-in-service");
}

#[test]
fn what_waits_is_tried_again_while_something_shows_that_it_is_there() {
    let unknown = || SymptomState::Unknown(unknown("cloudwatch:GetMetricData"));
    let rows = [
        ("it is there", 1, None, there(), "climb: still-there"),
        ("it is there after an hour", 60, None, there(), "climb: still-there"),
        ("it came back", 60, Some(2), there(), "climb: still-there"),
        ("it is gone, and may come back", 60, None, gone(), "wait quiet"),
        ("it is gone long enough", 60, Some(5), gone(), "end Resolved: stayed-gone"),
        ("while it is fresh the alarm is believed", 14, None, unobserved(), "climb: unverified"),
        ("though nobody can say", 14, None, unknown(), "climb: fact-unknown"),
        ("an old alarm is not", 16, None, unobserved(), "wait"),
        ("whoever cannot say", 16, None, unknown(), "wait"),
        ("it has just stopped to show", 60, None, unobserved(), "wait"),
        ("nor is one that is OK", 40, None, disputed(), "wait"),
        ("a peak is not quiet", 40, Some(4), disputed(), "wait"),
        ("a call that fails once ends nothing", 40, None, unknown(), "wait"),
        ("a slow metric is waited for", 40, Some(4), unobserved(), "wait quiet"),
        ("but not for ever", 70, Some(30), unobserved(), "end HandedOver: unverified"),
        ("it was gone when it was last seen", 14, Some(2), unobserved(), "wait quiet"),
    ];
    for (rule, minutes, quiet, symptom_state, expected) in rows {
        let mut incident = at(Stage::Waiting, minutes);
        incident.attempts.clear();
        incident.seen.changed_at = ago(minutes);
        incident.quiet_since = quiet.map(ago);
        assert_eq!(step(&incident, &Probe::Symptom(symptom_state)), expected, "{rule}");
    }
}
