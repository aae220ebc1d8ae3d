"""What happens after: did it work, and if not, what is next? The heartbeat, over
compiled functions; time passes by making the ledger's incidents older (later.py)."""

import json

import pytest

import alarms
import fleet
import later
import proxy as wire
from stack import FOLLOW_UP

HEARTBEAT = json.loads(alarms.payload("foreign.scheduled-event"))
GOOD, BAD = 5.0, 99.0
SILENT = str(3 * 3600)


def opened(stack, symptom, instance, event=None):
    """The symptom's function answers an alarm about the instance."""
    event = event or alarms.alarm(f"{symptom}.state-change", instance)
    answer = stack.start(symptom).invoke(event)
    assert answer.report["outcome"] == "acted", answer.because()
    return answer


def beat(stack, follow_up, minutes=2):
    """Time passes, and the heart beats."""
    later.passes(stack, minutes)
    answer = follow_up.invoke(HEARTBEAT)
    assert not answer.failed, answer.body
    return answer


def watched(stack, follow_up, instance, value=GOOD, beats=12):
    """Beats with this value, until the incident has ended; gives the last answer."""
    for _ in range(beats):
        later.passes(stack, 2)
        later.measured(stack, instance, value)
        answer = follow_up.invoke(HEARTBEAT)
        assert not answer.failed and answer.body["left"] == [], answer.body
        if stack.stage(instance) in ("resolved", "handed-over", "expired"):
            return answer
    raise AssertionError(f"still {stack.incident(instance)}")


def calls_of(answers, name):
    return [call for answer in answers for call in answer.named(name)]


def codes(answer):
    return [reason["code"] for reason in answer.report["because"]]


def outcomes(stack, count):
    told = stack.notifications(count)
    return [n["MessageAttributes"]["outcome"]["Value"] for n in told]


def ended(stack, instance, stage):
    """The incident's end is written down, kept, and out of the index."""
    row = stack.row(f"instance#{instance}", "incident")
    assert stack.stage(instance) == stage and row["is_open"] is False
    kept = stack.row(f"instance#{instance}", f"ended#{row['incident_id']}")
    assert json.loads(kept["incident"])["stage"] == stage
    assert kept["ttl"] - kept["expires_at"] == 90 * 24 * 3600
    assert "due_at" not in row and "due_at" not in kept and stack.due() == []


# --- the heartbeat -------------------------------------------------------------


@pytest.mark.parametrize("event", [{}, HEARTBEAT])
def test_nothing_due_costs_one_call(stack, event):
    answer = stack.start(FOLLOW_UP).invoke(event)
    nothing = {"reports": [], "looked_at": 0, "left": [], "unreadable": [], "lag_seconds": 0}
    assert answer.body == nothing
    (call,) = answer.calls
    assert call.name == "dynamodb:Scan" and json.loads(call.body)["IndexName"] == "open"


def test_what_is_not_due_yet_is_not_looked_at(region, stack):
    opened(stack, "disk-full", fleet.standalone(region))
    answer = stack.start(FOLLOW_UP).invoke(HEARTBEAT)
    assert [call.name for call in answer.calls] == ["dynamodb:Scan"], answer.story()


def test_one_beat_looks_at_all_that_is_due(region, stack):
    instances = [fleet.standalone(region, ssm_output="disk-ok") for _ in range(12)]
    function = stack.start("disk-full")
    for instance in instances:
        function.invoke(alarms.alarm("disk-full.state-change", instance))
    answer = beat(stack, stack.start(FOLLOW_UP))
    assert answer.body["looked_at"] == 12 and answer.body["left"] == []
    assert [stack.stage(instance) for instance in instances] == ["watching"] * 12


def test_two_beats_at_once_take_one_step(region, stack):
    instance = fleet.standalone(region, ssm_result="Failed")
    opened(stack, "high-cpu", instance)
    both = [stack.start(FOLLOW_UP) for _ in range(2)]
    later.passes(stack, 2)
    sent = [follow_up.send(HEARTBEAT) for follow_up in both]
    answers = [follow_up.receive(s) for follow_up, s in zip(both, sent)]
    assert len(calls_of(answers, "ec2:RebootInstances")) == 1
    assert len(stack.incident(instance)["attempts"]) == 2


def test_what_waits_behind_an_incident_is_taken_up_when_it_has_ended(region, stack):
    instance = fleet.standalone(region, ssm_output="disk-ok")
    opened(stack, "disk-full", instance)
    queued = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    assert codes(queued) == ["queued"]
    first, follow_up = stack.incident(instance), stack.start(FOLLOW_UP)
    for _ in range(12):
        later.passes(stack, 2)
        later.measured(stack, instance, GOOD)
        follow_up.invoke(HEARTBEAT)
        if stack.stage(instance) == "waiting":
            break
    second = stack.incident(instance)
    assert second["id"] == queued.report["incident_id"] and second["attempts"] == []
    kept = stack.row(f"instance#{instance}", f"ended#{first['id']}")
    assert json.loads(kept["incident"])["stage"] == "resolved"
    assert stack.due() == [instance]

    later.passes(stack, 30)  # What was done in the first has had its time to show.
    later.measured(stack, instance, BAD)
    answer = follow_up.invoke(HEARTBEAT)
    (report,) = answer.body["reports"]
    assert (report["outcome"], report["rung"]) == ("acted", "cleanup"), answer.body
    assert len(answer.named("ssm:SendCommand")) == 1
    assert stack.stage(instance) == "cleaning"


# --- a cleanup -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("symptom", "said"), [("disk-full", "disk-ok"), ("high-cpu", "cpu-ok"), ("memory-pressure", "memory-ok")]
)
def test_a_cleanup_that_helps_is_watched_and_resolved(region, stack, symptom, said):
    instance = fleet.standalone(region, ssm_output=said)
    opened(stack, symptom, instance)
    follow_up = stack.start(FOLLOW_UP)
    answer = beat(stack, follow_up)
    assert codes(answer) == ["cleanup-ok"] and stack.stage(instance) == "watching"
    assert answer.report["told"] is False, "people hear of the end, not of every step"

    later.passes(stack, 2)
    later.measured(stack, instance, GOOD)
    follow_up.invoke(HEARTBEAT)
    assert stack.stage(instance) == "watching", "gone is not yet gone for good"
    answer = watched(stack, follow_up, instance)
    assert answer.report["outcome"] == "resolved" and codes(answer) == ["stayed-gone"]
    assert answer.actions == []
    ended(stack, instance, "resolved")
    assert sorted(outcomes(stack, 2)) == ["acted", "resolved"]


@pytest.mark.parametrize(
    ("pretend", "code"),
    [
        ({"ssm_output": "cpu-insufficient"}, "cleanup-insufficient"),
        ({"ssm_result": "Failed"}, "cleanup-failed"),
        ({"ssm_result": "Delivery Timed Out"}, "cleanup-failed"),
        ({"ssm_result": "Execution Timed Out"}, "cleanup-failed"),
        ({"ssm_output": "rubbish"}, "cleanup-failed"),
    ],
    ids=["not enough", "cannot start", "not delivered", "ran too long", "rubbish"],
)
def test_a_cleanup_that_does_not_help_leads_to_one_reboot(region, stack, pretend, code):
    """"Cannot start" is a failure without a word: what a full disk looks like."""
    instance = fleet.standalone(region, **pretend)
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    answers = [beat(stack, follow_up)]
    assert code in codes(answers[0]) and answers[0].report["rung"] == "reboot"
    assert stack.stage(instance) == "rebooting"
    answers += [beat(stack, follow_up) for _ in range(3)]
    assert stack.stage(instance) == "watching"
    answers.append(watched(stack, follow_up, instance))
    ended(stack, instance, "resolved")
    assert len(calls_of(answers, "ec2:RebootInstances")) == 1
    assert sorted(outcomes(stack, 3)) == ["acted", "acted", "resolved"]


def test_a_cleanup_in_progress_is_waited_for(region, stack):
    instance = fleet.standalone(region, ssm_output="disk-ok", ssm_delay="3600")
    opened(stack, "disk-full", instance)
    answer = beat(stack, stack.start(FOLLOW_UP))
    assert answer.body["reports"] == [] and stack.stage(instance) == "cleaning"
    answer = beat(stack, stack.start(FOLLOW_UP), minutes=10)
    assert "cleanup-failed" in codes(answer), "and not for ever"


def test_a_cancelled_cleanup_is_left_to_the_person_who_did_it(region, stack):
    instance = fleet.standalone(region, ssm_result="Cancelled")
    opened(stack, "high-cpu", instance)
    answer = beat(stack, stack.start(FOLLOW_UP))
    assert answer.actions == [] and answer.report["handed_over"] is True
    ended(stack, instance, "handed-over")


def test_a_person_on_the_host_holds_back_the_reboot_and_is_told_of_once(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-insufficient-with-a-person")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    answers = [beat(stack, follow_up, minutes=3) for _ in range(8)]
    assert calls_of(answers, "ec2:RebootInstances") == []
    assert all("person-present" in codes(answer) for answer in answers)
    assert [answer.report["told"] for answer in answers].count(True) == 1
    assert sorted(outcomes(stack, 2)) == ["acted", "held"]


def test_a_symptom_that_is_over_is_not_rebooted_for(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-insufficient")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    later.passes(stack, 2)
    later.measured(stack, instance, GOOD)
    answer = follow_up.invoke(HEARTBEAT)
    assert "symptom-over" in codes(answer) and answer.actions == []
    answer = watched(stack, follow_up, instance)
    ended(stack, instance, "resolved")


def test_a_symptom_that_stays_climbs_after_a_relieved_host(region, stack):
    """The script's word is one source; the metric is the other."""
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up)
    answers = []
    while stack.stage(instance) == "watching" and len(answers) < 10:
        later.passes(stack, 2)
        later.measured(stack, instance, BAD)
        answers.append(follow_up.invoke(HEARTBEAT))
    assert "host-objects" in codes(answers[-1]) and len(answers) == 5, "the metric lags 10 minutes"
    assert stack.stage(instance) == "gathering"


def test_an_alarm_that_is_still_in_alarm_objects(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    event = alarms.alarm("high-cpu.state-change", instance)
    event["detail"]["alarmName"] = name = f"cpu-{instance}"
    region.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/EC2",
        MetricName="StatusCheckFailed",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=90,
        ComparisonOperator="GreaterThanThreshold",
    )
    opened(stack, "high-cpu", instance, event)
    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up)
    for state, stage in (("ALARM", "watching"), ("OK", "resolved")):
        later.passes(stack, 8)
        later.measured(stack, instance, GOOD)
        region.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
        answer = follow_up.invoke(HEARTBEAT)
        assert answer.named("cloudwatch:DescribeAlarms"), answer.story()
        assert stack.stage(instance) == stage, state


def test_a_series_that_vanished_proves_nothing(region, stack):
    instance = fleet.standalone(region, ssm_output="disk-ok")
    opened(stack, "disk-full", instance)
    follow_up = stack.start(FOLLOW_UP)
    later.passes(stack, 2, silent=True)
    follow_up.invoke(HEARTBEAT)
    for _ in range(14):
        answer = beat(stack, follow_up)
        assert answer.body["reports"] == [] and stack.stage(instance) == "watching"
    answer = beat(stack, follow_up, minutes=3)
    assert codes(answer) == ["unverified"] and answer.report["handed_over"] is True
    assert answer.actions == []
    ended(stack, instance, "handed-over")
    assert sorted(outcomes(stack, 2)) == ["acted", "held"]


# --- evidence before a disruption ------------------------------------------------


def asked(stack, follow_up, instance):
    """A relieved host whose metric stays bad, up to the question what it knows."""
    beat(stack, follow_up)
    for minutes in (2, 12):
        later.passes(stack, minutes)
        later.measured(stack, instance, BAD)
        answer = follow_up.invoke(HEARTBEAT)
    assert stack.stage(instance) == "gathering", answer.body
    return answer


def test_a_host_is_asked_what_it_knows_before_its_reboot(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    answer = asked(stack, follow_up, instance)
    (call,) = answer.actions
    sent = json.loads(call.body)
    assert call.name == "ssm:SendCommand" and sent["DocumentName"] == stack.document("high-cpu")
    told = {name: value for name, (value,) in sent["Parameters"].items()}
    assert (told["Mode"], told["Deadline"], told["EvidenceOutput"]) == ("report", "60", "yes")
    assert "/1-gathered.txt?" in told["EvidenceUrl"]
    assert codes(answer) == ["host-objects"] and answer.report["told"] is False

    later.measured(stack, instance, BAD)
    answer = beat(stack, follow_up)
    assert [call.name for call in answer.actions] == ["ec2:RebootInstances"], answer.story()
    assert {"still-there", "evidence-kept"} <= set(codes(answer))
    kept = answer.report["evidence"]
    assert kept["uri"].startswith(f"s3://{stack.name}-evidence/evidence/{instance}/")
    assert kept["uri"] in stack.notifications(2)[1]["Message"]


def test_whoever_opted_out_meanwhile_is_left_alone(region, stack):
    """The guards look once more, at what is then."""
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    asked(stack, follow_up, instance)
    fleet.tag(region, instance, {"auto-remediation": "no"})
    later.measured(stack, instance, BAD)
    answer = beat(stack, follow_up)
    assert answer.actions == [] and "not-opted-in" in codes(answer)


def test_a_symptom_that_is_over_by_then_disrupts_nobody(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-insufficient", ssm_upload="no")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up)
    assert stack.stage(instance) == "gathering"
    later.measured(stack, instance, GOOD)
    answer = beat(stack, follow_up)
    assert answer.actions == [] and stack.stage(instance) == "watching"


def test_a_host_without_a_way_to_the_bucket_prints_what_it_knows(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-insufficient", ssm_upload="no")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    (asked,) = beat(stack, follow_up).actions
    answer = beat(stack, follow_up)
    assert "evidence-in-output" in codes(answer) and answer.report["rung"] == "reboot"
    command = json.loads(asked.answer)["Command"]["CommandId"]
    told = stack.notifications(2)[1]["Message"]
    assert f"in the output of SSM command {command}, cut short" in told
    assert f"systems-manager/run-command/{command}/{instance}" in told


@pytest.mark.parametrize("fault", [wire.DENIED, wire.BROKEN])
def test_evidence_that_cannot_be_had_holds_up_nothing(region, stack, fault):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    with region.proxy.fault("ssm", "SendCommand", fault):
        asked(stack, follow_up, instance)
    answers = []
    while stack.stage(instance) == "gathering" and len(answers) < 4:
        later.measured(stack, instance, BAD)
        answers.append(beat(stack, follow_up))
    assert stack.stage(instance) == "rebooting", answers[-1].body
    assert len(calls_of(answers, "ec2:RebootInstances")) == 1


def test_a_person_who_leaves_lets_the_reboot_go_on(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-insufficient-with-a-person")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    assert beat(stack, follow_up).actions == [], "held by what the cleanup has just said"
    answer = beat(stack, follow_up, minutes=4)
    assert [call.name for call in answer.actions] == ["ssm:SendCommand"], "asked again"
    assert "person-present" in codes(answer)
    fleet.tag(region, instance, {"test:ssm-output": "cpu-insufficient"})
    answer = beat(stack, follow_up)
    assert [call.name for call in answer.actions] == ["ec2:RebootInstances"], answer.story()


# --- a reboot ------------------------------------------------------------------


def test_a_reboot_is_over_when_the_agent_answers_from_after_it(region, stack):
    instance = fleet.standalone(region, ssm_ping_age=SILENT)
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up, minutes=10)
    assert stack.stage(instance) == "rebooting", "its agent's last ping is older than the boot"
    fleet.tag(region, instance, {"test:ssm-ping-age": "10"})
    assert codes(beat(stack, follow_up)) == ["up-again"]
    watched(stack, follow_up, instance)
    ended(stack, instance, "resolved")


def test_an_instance_that_does_not_come_back_is_a_persons(region, stack):
    instance = fleet.standalone(region, agent="none")
    opened(stack, "high-cpu", instance)
    fleet.tag(region, instance, {"test:instance-status": "impaired"})
    follow_up = stack.start(FOLLOW_UP)
    answers = [beat(stack, follow_up, minutes=5) for _ in range(3)]
    assert "not-back" in codes(answers[-1]) and answers[-1].report["handed_over"] is True
    assert calls_of(answers, "ec2:RebootInstances") == []
    assert beat(stack, follow_up).reports == [], "it is told once"
    beat(stack, follow_up, minutes=180)
    ended(stack, instance, "expired")


def test_that_one_does_not_come_back_is_told_until_somebody_hears(region, stack):
    instance = fleet.standalone(region, agent="none")
    opened(stack, "high-cpu", instance)
    fleet.tag(region, instance, {"test:instance-status": "impaired"})
    follow_up = stack.start(FOLLOW_UP)
    with region.proxy.fault("sns", "Publish", wire.DENIED):
        answer = beat(stack, follow_up, minutes=16)
    assert "not-back" in codes(answer) and answer.report["told"] is False
    assert beat(stack, follow_up, minutes=10).report["told"] is True
    assert beat(stack, follow_up).reports == []


def test_while_one_does_not_come_back_no_other_of_its_pool_is_rebooted(region, stack):
    pool = fleet.OPTED_IN | {"auto-remediation-pool": "batch"}
    first, second = (fleet.standalone(region, tags=pool, agent="none") for _ in range(2))
    opened(stack, "high-cpu", first)
    fleet.tag(region, first, {"test:instance-status": "impaired"})
    follow_up = stack.start(FOLLOW_UP)
    for _ in range(4):
        later.passes(stack, 5)
        # The hypervisor goes on measuring a host that hangs in its boot.
        later.measured(stack, first, GOOD)
        follow_up.invoke(HEARTBEAT)
    assert stack.stage(first) == "rebooting"
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", second))
    # That it is not back is harm, for which reboots rest in its pool.
    assert answer.actions == [] and "resting" in answer.because(), answer.because()
    fleet.tag(region, first, {"test:instance-status": "ok"})
    later.passes(stack, 2, first)
    follow_up.invoke(HEARTBEAT)
    assert stack.stage(first) == "watching", "it is back after all"


def balanced(region, **pretend):
    """A member that its group would replace for not answering its load balancer."""
    group = fleet.group(region, health_check="ELB", **pretend)
    return group, group.members[0]


@pytest.mark.parametrize("minimum", [1, 2], ids=["fewer meanwhile", "one more meanwhile"])
def test_a_member_goes_to_standby_and_comes_back(region, stack, minimum):
    group, member = balanced(region, ssm_output="cpu-insufficient", minimum=minimum)
    opened(stack, "high-cpu", member)
    follow_up = stack.start(FOLLOW_UP)

    stages, answers = [], []
    for _ in range(8):
        answers.append(beat(stack, follow_up))
        stages.append((stack.stage(member), group.lifecycle_of(member)))
        if stages[-1][0] == "watching":
            break
    assert list(dict.fromkeys(stages)) == [
        ("draining", "Standby"),
        ("rebooting", "Standby"),
        ("returning", "InService"),
        ("watching", "InService"),
    ]
    acted = [call.operation for answer in answers for call in answer.actions]
    assert acted == ["EnterStandby", "RebootInstances", "ExitStandby"]
    assert "standby" not in stack.incident(member)
    watched(stack, follow_up, member)
    ended(stack, member, "resolved")
    assert group.lifecycle_of(member) == "InService"


def test_a_refused_reboot_brings_the_member_back(region, stack):
    group, member = balanced(region, agent="none")
    opened(stack, "high-cpu", member)
    follow_up = stack.start(FOLLOW_UP)
    with region.proxy.fault("ec2", "RebootInstances", wire.DENIED):
        beat(stack, follow_up)
    answer = beat(stack, follow_up)
    assert [call.operation for call in answer.actions] == ["ExitStandby"], answer.story()
    assert group.lifecycle_of(member) == "InService"


def test_a_member_that_does_not_come_back_from_its_reboot_leaves_standby(region, stack):
    """The group's own health check can judge it again, which is the group's job."""
    group, member = balanced(region, agent="none")
    opened(stack, "high-cpu", member)
    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up)
    fleet.tag(region, member, {"test:instance-status": "impaired"})
    beat(stack, follow_up, minutes=16)
    assert group.lifecycle_of(member) == "InService"


# --- a replacement ---------------------------------------------------------------


def test_a_silent_member_is_replaced_and_its_substitute_watched(region, stack):
    group = fleet.group(region, agent="ConnectionLost")
    old = group.members[0]
    opened(stack, "disk-full", old)
    assert len(stack.row(f"group#{group.name}", "replaced#disk-full")["replaced"]) == 1
    follow_up = stack.start(FOLLOW_UP)
    answers = [beat(stack, follow_up)]
    assert codes(answers[0]) == ["substituted"] and stack.stage(old) == "watching"
    answers += [beat(stack, follow_up) for _ in range(4)]
    assert answers[-1].report["outcome"] == "resolved", answers[-1].body
    assert calls_of(answers, "autoscaling:SetInstanceHealth") == []
    ended(stack, old, "resolved")
    assert len(group.ids()) == 2 and old not in group.ids()
    assert sorted(outcomes(stack, 2)) == ["acted", "resolved"]


def test_a_cleanup_that_is_not_enough_for_a_disk_replaces_the_member(region, stack):
    group = fleet.group(region, ssm_output="disk-insufficient")
    old = group.members[0]
    opened(stack, "disk-full", old)
    answer = beat(stack, stack.start(FOLLOW_UP))
    assert [call.operation for call in answer.actions] == ["SetInstanceHealth"]
    assert old not in group.ids() and "core.2211" in answer.because()
    assert len(stack.row(f"group#{group.name}", "replaced#disk-full")["replaced"]) == 1


def test_a_group_whose_substitutes_fall_sick_too_gets_no_third(region, stack):
    group = fleet.group(region, agent="none")
    function = stack.start("disk-full")
    answer = function.invoke(alarms.alarm("disk-full.state-change", group.members[0]))
    assert answer.report["rung"] == "replace", answer.because()
    (first,) = stack.row(f"group#{group.name}", "replaced#disk-full")["replaced"]
    second, _, member = first.partition(" ")
    assert member == group.members[0]
    region.dynamodb.update_item(
        TableName=stack.table,
        Key={"pk": {"S": f"group#{group.name}"}, "sk": {"S": "replaced#disk-full"}},
        UpdateExpression="ADD replaced :before",
        ExpressionAttributeValues={":before": {"SS": [f"{int(second) - 3600} {member}"]}},
    )
    (substitute,) = set(group.ids()) - set(group.members)
    fleet.tag(region, substitute, {"test:ssm": "none"})
    answer = function.invoke(alarms.alarm("disk-full.state-change", substitute))
    assert answer.actions == [] and "substitutes-sick-too" in answer.because()


# --- triggers -----------------------------------------------------------------------


def command_ended(instance):
    return {
        "version": "0",
        "id": "1d6a8b3c-2f51-4a4e-9c1b-0d3f2a7b9c55",
        "detail-type": "EC2 Command Invocation Status-change Notification",
        "source": "aws.ssm",
        "account": "111122223333",
        "time": "2026-11-20T03:13:12Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:ec2:eu-central-1:111122223333:instance/{instance}"],
        "detail": {
            "command-id": "e8d3c0e4-71f7-4491-898f-c9b35bee5f3b",
            "document-name": "remedy-disk-full",
            "instance-id": instance,
            "requested-date-time": "2026-11-20T03:12:50.812Z",
            "status": "Success",
        },
    }


def member_terminated(instance, group="web-asg"):
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": "EC2 Instance Terminate Successful",
        "source": "aws.autoscaling",
        "account": "111122223333",
        "time": "2026-11-20T03:14:02Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:ec2:eu-central-1:111122223333:instance/{instance}"],
        "detail": {
            "StatusCode": "InProgress",
            "AutoScalingGroupName": group,
            "ActivityId": "87654321-4321-4321-4321-210987654321",
            "Details": {"Availability Zone": "eu-central-1a"},
            "RequestId": "12345678-1234-1234-1234-123456789012",
            "EndTime": "2026-11-20T03:14:01Z",
            "EC2InstanceId": instance,
            "StartTime": "2026-11-20T03:13:01Z",
            "Cause": "description-text",
        },
    }


def test_the_end_of_a_command_is_a_hint_to_look_now(region, stack):
    instance = fleet.standalone(region, ssm_output="disk-ok")
    opened(stack, "disk-full", instance)
    answer = stack.start(FOLLOW_UP).invoke(command_ended(instance))
    assert codes(answer) == ["cleanup-ok"], answer.body
    assert answer.named("dynamodb:Scan") == [], "it is not due, and is looked at all the same"


def test_the_end_of_a_member_is_a_hint_to_look_now(region, stack):
    group = fleet.group(region, agent="none")
    opened(stack, "disk-full", group.members[0])
    answer = stack.start(FOLLOW_UP).invoke(member_terminated(group.members[0], group.name))
    assert codes(answer) == ["substituted"], answer.body


def test_an_ok_is_a_hint_that_the_next_beat_takes_up(region, stack):
    instance = fleet.standalone(region, ssm_output="disk-ok")
    opened(stack, "disk-full", instance)
    stack.start("disk-full").invoke(alarms.alarm("disk-full.ok", instance))
    answer = stack.start(FOLLOW_UP).invoke(HEARTBEAT)
    assert codes(answer) == ["cleanup-ok"], answer.body


@pytest.mark.parametrize("trigger", [command_ended, member_terminated])
def test_a_trigger_about_a_stranger_costs_one_call(region, stack, trigger):
    answer = stack.start(FOLLOW_UP).invoke(trigger(fleet.standalone(region)))
    assert answer.body["looked_at"] == 0
    assert [call.name for call in answer.calls] == ["dynamodb:BatchGetItem"]


def test_doubled_and_late_hints_change_nothing(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-insufficient")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    later.passes(stack, 2)
    answers = [follow_up.invoke(command_ended(instance)) for _ in range(4)]
    assert len(calls_of(answers, "ec2:RebootInstances")) == 1
    assert stack.stage(instance) == "rebooting"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"source": "aws.ssm", "detail": {"instance-id": 7}}, "detail.instance-id"),
        ({"source": "aws.autoscaling", "detail": {}}, "detail.EC2InstanceId"),
        ({"source": "aws.s3", "detail": {}}, "event"),
        ({"instance_id": "web-1"}, "instance_id"),
        ([], "event"),
    ],
)
def test_a_malformed_hint_is_an_error_that_names_the_field(stack, event, field):
    answer = stack.start(FOLLOW_UP).invoke(event)
    assert answer.error_type == "UnreadableEvent" and answer.calls == []
    assert field in answer.error_message


# --- a bad day ---------------------------------------------------------------------


@pytest.mark.parametrize("how", [wire.THROTTLED, wire.DENIED])
def test_without_the_index_a_beat_is_an_error(stack, how):
    follow_up = stack.start(FOLLOW_UP)
    with stack.region.proxy.fault("dynamodb", "Scan", how):
        answer = follow_up.invoke(HEARTBEAT)
    assert answer.error_type == "LedgerUnreachable" and "dynamodb:Scan" in answer.error_message


def test_a_throttled_cleanup_is_asked_for_again_and_never_climbs(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    function, follow_up = stack.start("high-cpu"), stack.start(FOLLOW_UP)
    with region.proxy.fault("ssm", "SendCommand", wire.THROTTLED):
        function.invoke(alarms.alarm("high-cpu.state-change", instance))
        assert stack.incident(instance)["attempts"][-1]["refused"]["kind"] == "throttled"
        answers = [beat(stack, follow_up) for _ in range(2)]
    assert stack.stage(instance) == "cleaning"
    answers += [beat(stack, follow_up) for _ in range(2)]
    assert stack.stage(instance) == "watching"
    assert len([c for c in calls_of(answers, "ssm:SendCommand") if c.status == 200]) == 1
    assert calls_of(answers, "ec2:RebootInstances") == []


def test_a_throttled_reboot_is_asked_for_again_and_happens_once(region, stack):
    instance = fleet.standalone(region, agent="none")
    function, follow_up = stack.start("high-cpu"), stack.start(FOLLOW_UP)
    with region.proxy.fault("ec2", "RebootInstances", wire.THROTTLED):
        function.invoke(alarms.alarm("high-cpu.state-change", instance))
    answers = [beat(stack, follow_up) for _ in range(4)]
    done = [call for call in calls_of(answers, "ec2:RebootInstances") if call.status == 200]
    assert len(done) == 1 and len(stack.incident(instance)["attempts"]) == 1


@pytest.mark.parametrize("rung", ["cleanup", "reboot", "replace"])
def test_what_we_may_not_do_is_handed_to_a_person(region, stack, rung):
    """Another rung would only hide a wrong permission."""
    operation = {
        "cleanup": ("ssm", "SendCommand"),
        "reboot": ("ec2", "RebootInstances"),
        "replace": ("autoscaling", "SetInstanceHealth"),
    }[rung]
    symptom = "disk-full" if rung == "replace" else "high-cpu"
    agent = "Online" if rung == "cleanup" else "none"
    if rung == "reboot":
        instance = fleet.standalone(region, agent=agent)
    else:
        instance = fleet.group(region, agent=agent).members[0]
    with region.proxy.fault(*operation, wire.DENIED):
        stack.start(symptom).invoke(alarms.alarm(f"{symptom}.state-change", instance))
    answer = beat(stack, stack.start(FOLLOW_UP))
    assert answer.actions == [] and answer.report["handed_over"] is True, answer.story()
    assert ":".join(operation) in answer.because()
    ended(stack, instance, "handed-over")
    stack.notifications(2)


@pytest.mark.parametrize(
    ("operation", "how", "code"),
    [
        ("GetMetricData", wire.THROTTLED, "Throttling"),
        ("GetMetricData", wire.BROKEN, "InternalServiceFault"),
        ("DescribeAlarms", wire.DENIED, "AccessDenied"),
    ],
)
def test_a_metric_that_cannot_be_read_resolves_nothing(region, stack, operation, how, code):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up)
    with region.proxy.fault("cloudwatch", operation, how) as fault:
        for _ in range(2):
            later.passes(stack, 4)
            later.measured(stack, instance, GOOD)
            follow_up.invoke(HEARTBEAT)
        assert fault.hits and stack.stage(instance) == "watching"
        assert "quiet_since" not in stack.incident(instance)
        answer = beat(stack, follow_up, minutes=30)
    assert codes(answer) == ["unverified"] and code in answer.because()
    assert f"cloudwatch:{operation}" in answer.because()


@pytest.mark.parametrize("how", [wire.THROTTLED, wire.DENIED, wire.BROKEN])
def test_a_command_that_cannot_be_read_is_no_failure_of_the_cleanup(region, stack, how):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    with region.proxy.fault("ssm", "GetCommandInvocation", how):
        answer = beat(stack, stack.start(FOLLOW_UP))
    assert answer.actions == [] and stack.stage(instance) == "cleaning"


def test_an_incident_that_cannot_be_written_stays_due_and_holds_up_no_other(region, stack):
    instances = [fleet.standalone(region, ssm_output="disk-ok") for _ in range(2)]
    function, follow_up = stack.start("disk-full"), stack.start(FOLLOW_UP)
    for instance in instances:
        function.invoke(alarms.alarm("disk-full.state-change", instance))
    with region.proxy.fault("dynamodb", "PutItem", wire.DENIED, times=1):
        answer = beat(stack, follow_up)
    assert len(answer.body["left"]) == 1 and len(answer.reports) == 1
    again = follow_up.invoke(HEARTBEAT)
    assert len(again.reports) >= 1
    assert [stack.stage(instance) for instance in instances] == ["watching"] * 2


def test_a_row_that_cannot_be_read_stays_due_and_holds_up_no_other(region, stack):
    """What a newer version has written, for one that was rolled back."""
    instances = [fleet.standalone(region, ssm_output="disk-ok") for _ in range(2)]
    function, follow_up = stack.start("disk-full"), stack.start(FOLLOW_UP)
    for instance in instances:
        function.invoke(alarms.alarm("disk-full.state-change", instance))
    newer, other = instances
    region.dynamodb.update_item(
        TableName=stack.table,
        Key={"pk": {"S": f"instance#{newer}"}, "sk": {"S": "incident"}},
        UpdateExpression="SET incident = :json",
        ExpressionAttributeValues={
            ":json": {"S": json.dumps(stack.incident(newer) | {"stage": "of-tomorrow"})}
        },
    )
    answer = beat(stack, follow_up)
    (unreadable,) = answer.body["unreadable"]
    assert newer in unreadable["why"] and "of-tomorrow" in unreadable["why"]
    assert ("IncidentsStuck", FOLLOW_UP, 1.0) in follow_up.metrics()
    assert stack.stage(other) == "watching" and newer in stack.due()


def test_rows_that_cannot_be_read_keep_nobody_from_its_turn(region, stack):
    """More of them than a page has, all due before the one that can be."""
    instance = fleet.standalone(region, ssm_output="disk-ok")
    opened(stack, "disk-full", instance)
    rows = []
    for number in range(51):
        row = {"pk": f"instance#i-{number:08x}", "sk": "incident"}
        item = {name: {"S": value} for name, value in row.items()}
        item |= {"due_at": {"N": str(number)}, "incident": {"S": "{}"}, "is_open": {"BOOL": False}}
        rows.append({"PutRequest": {"Item": item}})
    for some in (rows[:25], rows[25:50], rows[50:]):
        region.dynamodb.batch_write_item(RequestItems={stack.table: some})
    answer = beat(stack, stack.start(FOLLOW_UP))
    assert len(answer.body["unreadable"]) == 51
    assert stack.stage(instance) == "watching"


def test_an_end_does_not_wait_for_a_chat_that_cannot_be_told(region, stack):
    instance = fleet.standalone(region, ssm_result="Cancelled")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP, REMEDY_CHAT_TOPIC_ARN=f"{stack.topic}-that-was-deleted")
    answer = beat(stack, follow_up)
    assert answer.body["left"] == [] and answer.report["told"] is True
    assert "the chat was not told" in follow_up.tail()
    ended(stack, instance, "handed-over")


@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_an_end_is_written_although_another_member_takes_a_place(region, stack, operation):
    """The place is given back by the first, the end is written by the second; a
    transaction on one of their rows turns them away."""
    instance = fleet.alone(region, agent="none")
    with region.proxy.fault("ec2", "RebootInstances", wire.DENIED):
        stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    with region.proxy.fault("dynamodb", operation, wire.CONFLICT, times=1) as fault:
        answer = beat(stack, stack.start(FOLLOW_UP))
    assert fault.hits == 1 and answer.body["left"] == [], answer.story()
    ended(stack, instance, "handed-over")
    leases = [row for row in stack.incidents() if row["sk"] == "leases"]
    assert [key for row in leases for key in row if key.startswith("holder_")] == []


def test_an_end_whose_notification_fails_is_told_by_the_next_beat(region, stack):
    instance = fleet.standalone(region, ssm_result="Cancelled")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP)
    with region.proxy.fault("sns", "Publish", wire.DENIED):
        answer = beat(stack, follow_up)
    assert answer.body["left"][0]["why"]["code"] == "end-not-told"
    assert ("NotificationsFailed", FOLLOW_UP, 1.0) in follow_up.metrics()
    assert stack.stage(instance) == "cleaning"
    assert beat(stack, follow_up).report["told"] is True
    ended(stack, instance, "handed-over")


def test_an_end_that_nobody_can_be_told_of_is_an_end_when_time_is_out(region, stack):
    instance = fleet.standalone(region, ssm_result="Cancelled")
    opened(stack, "high-cpu", instance)
    with region.proxy.fault("sns", "Publish", wire.DENIED):
        answer = beat(stack, stack.start(FOLLOW_UP), minutes=3 * 60 + 16)
    assert answer.report["told"] is False
    ended(stack, instance, "expired")


def test_what_takes_too_long_expires_and_is_told(region, stack):
    instance = fleet.standalone(region, ssm_output="disk-ok")
    opened(stack, "disk-full", instance)
    answer = beat(stack, stack.start(FOLLOW_UP), minutes=3 * 60 + 1)
    assert codes(answer) == ["out-of-time"] and answer.report["handed_over"] is True
    ended(stack, instance, "expired")
    assert sorted(outcomes(stack, 2)) == ["acted", "held"]


def test_nothing_expires_in_standby(region, stack):
    group, member = balanced(region, agent="none")
    opened(stack, "high-cpu", member)
    follow_up = stack.start(FOLLOW_UP)
    answers = [beat(stack, follow_up, minutes=3 * 60 + 1)]
    answers += [beat(stack, follow_up, minutes=10) for _ in range(2)]
    assert group.lifecycle_of(member) == "InService"
    assert calls_of(answers, "ec2:RebootInstances") == []
    assert stack.row(f"instance#{member}", "incident")["is_open"] is False
