"""Alarms that a queue gives many at once: few calls for all of them, an answer for each, and what
has none comes again by itself."""

import json

import pytest

import alarms
import fleet
import later
import proxy as wire
from stack import FOLLOW_UP, INTAKE
from test_follow_up import GOOD, HEARTBEAT

STORM = 24
# Calls that ask about many at once, and how many of them so many alarms take.
TOGETHER = {
    "ec2:DescribeInstances": 1,
    "ec2:DescribeInstanceStatus": 1,
    "ssm:DescribeInstanceInformation": 1,
    "autoscaling:DescribeAutoScalingInstances": 1,
    "dynamodb:BatchGetItem": 1,
    "ssm:SendCommand": 1,
}


def again(answer):
    """The messages that come again; the others are done with."""
    assert not answer.failed, answer.body
    assert list(answer.body) == ["batchItemFailures"], answer.body
    return [item["itemIdentifier"] for item in answer.body["batchItemFailures"]]


def reported(function):
    """The outcomes that the function has logged up to now."""
    return [line["outcome"] for line in function.lines() if line.get("message") == "report"]


def test_a_storm_is_answered_with_few_calls_and_followed_to_its_end(region, stack):
    """Each event arrives twice, as it may (Amazon SQS developer guide, "At-least-once
    delivery")."""
    hosts = [fleet.alone(region, ssm_output="disk-ok") for _ in range(STORM)]
    events = [alarms.alarm("disk-full.state-change", host) for host in hosts]
    function = stack.start(INTAKE)
    answer = function.invoke(alarms.queued(*events))
    assert again(answer) == [] and reported(function) == ["acted"] * STORM
    made = {name: len(answer.named(name)) for name in TOGETHER}
    assert made == TOGETHER, answer.story()
    once_more = function.invoke(alarms.queued(*reversed(events)))
    assert again(once_more) == [] and once_more.changes == [], once_more.story()
    follow_up = stack.start(FOLLOW_UP)
    for minutes in (2, 8):
        later.passes(stack, minutes)
        for incident in stack.open():
            if incident["stage"] == "watching":
                later.measured(stack, incident["instance_id"], GOOD)
        beat = follow_up.invoke(HEARTBEAT)
        assert beat.body["looked_at"] == STORM and beat.body["left"] == [], beat.body
    assert stack.open() == []
    assert {stack.stage(host) for host in hosts} == {"resolved"}


def test_cleanups_that_are_alike_are_one_command(region, stack):
    hosts = [fleet.alone(region) for _ in range(6)]
    fleet.tag(region, hosts[5], {"auto-remediation-cleanup": "truncate-logs"})
    events = [alarms.alarm("disk-full.state-change", host) for host in hosts]
    answer = stack.start(INTAKE).invoke(alarms.queued(*events))
    assert again(answer) == []
    alone, shared = sorted(
        (json.loads(call.body) for call in answer.named("ssm:SendCommand")),
        key=lambda command: len(command["InstanceIds"]),
    )
    assert sorted(shared["InstanceIds"]) == sorted(hosts[:5])
    assert (shared["MaxErrors"], shared["MaxConcurrency"]) == ("100%", "50")
    assert "EvidenceUrl" not in shared["Parameters"]
    assert shared["Parameters"]["EvidenceOutput"] == ["yes"]
    assert alone["InstanceIds"] == [hosts[5]] and alone["Parameters"]["EvidenceUrl"]
    incidents = [stack.incident(host) for host in hosts]
    assert alone["Comment"] == incidents[5]["id"]
    assert shared["Comment"] in {f"batch {incident['id']}" for incident in incidents[:5]}
    sent = [incident["attempts"][0] for incident in incidents]
    assert {attempt.get("shared_comment") for attempt in sent} == {shared["Comment"], None}
    assert len({attempt["command_id"] for attempt in sent}) == 2


def test_a_shared_command_whose_answer_was_lost_is_found_by_its_comment(region, stack):
    hosts = [fleet.alone(region, ssm_output="disk-ok") for _ in range(3)]
    events = [alarms.alarm("disk-full.state-change", host) for host in hosts]
    with region.proxy.fault("ssm", "SendCommand", wire.ANSWER_LOST, times=1):
        answer = stack.start(INTAKE).invoke(alarms.queued(*events))
    assert again(answer) == [] and len(answer.named("ssm:SendCommand")) == 1, answer.story()
    assert all("command_id" not in stack.incident(host)["attempts"][0] for host in hosts)
    later.passes(stack, 2)
    beat = stack.start(FOLLOW_UP).invoke(HEARTBEAT)
    assert beat.body["left"] == [] and beat.named("ssm:SendCommand") == [], beat.story()
    assert {stack.stage(host) for host in hosts} == {"watching"}


def test_every_symptom_comes_through_one_queue(region, stack):
    events = [
        alarms.alarm(name, fleet.alone(region))
        for name in ("high-cpu.state-change", "memory-pressure.contributor", "disk-full.sns")
    ]
    (record,) = events[2]["Records"]
    events[2] = record["Sns"]
    function = stack.start(INTAKE)
    answer = function.invoke(alarms.queued(*events))
    assert again(answer) == []
    assert {incident["symptom"] for incident in stack.open()} == {
        "high-cpu",
        "memory-pressure",
        "disk-full",
    }
    assert len(answer.named("ssm:SendCommand")) == 3


def test_what_cannot_be_read_comes_again_alone(region, stack):
    instance = fleet.standalone(region)
    good = alarms.alarm("disk-full.state-change", instance)
    function = stack.start(INTAKE)
    broken = alarms.payload("malformed.timestamp").decode()
    answer = function.invoke(alarms.queued(broken, good, "a deployment began"))
    assert again(answer) == ["message-0"]
    assert [call.name for call in answer.actions] == ["ssm:SendCommand"]
    (line,) = (line for line in function.lines() if line.get("message_id") == "message-0")
    assert line["error_type"] == "UnreadableEvent" and line["level"] == "ERROR", line
    assert "detail.state.timestamp" in line["message"], line
    assert ("UnreadableEvents", "intake", 1.0) in function.metrics()
    # When it comes again, the others do not.
    last = function.invoke(alarms.queued(broken))
    assert last.error_type == "UnreadableEvent", "its alarm tells of errors"
    assert "detail.state.timestamp" in last.error_message


def test_what_the_ledger_refuses_comes_again_alone(region, stack):
    hosts = [fleet.alone(region) for _ in range(4)]
    events = [alarms.alarm("disk-full.state-change", host) for host in hosts]
    function = stack.start(INTAKE)
    with region.proxy.fault("dynamodb", "PutItem", wire.DENIED, times=1):
        answer = function.invoke(alarms.queued(*events))
    (failed,) = again(answer)
    place = int(failed.removeprefix("message-"))
    (command,) = (json.loads(call.body) for call in answer.actions)
    assert sorted(command["InstanceIds"]) == sorted(set(hosts) - {hosts[place]})
    assert stack.row(f"instance#{hosts[place]}", "incident") is None
    second = function.invoke(alarms.queued(events[place]))
    assert again(second) == [] and len(second.actions) == 1
    assert len(stack.open()) == 4


@pytest.mark.parametrize("how", [wire.CALL_HELD, wire.ANSWER_HELD])
def test_a_batch_whose_function_dies_is_taken_again(region, stack, how):
    """Of each host one command at most is sent twice: a cleanup may be."""
    hosts = [fleet.alone(region, agent="none") for _ in range(3)]
    events = alarms.queued(*(alarms.alarm("high-cpu.state-change", host) for host in hosts))
    with region.proxy.fault("ec2", "RebootInstances", how, times=1) as fault:
        dying = stack.start(INTAKE)
        dying.send(events)
        assert fault.reached.wait(30), "the call never came"
        dying.kill()
    assert again(stack.start(INTAKE).invoke(events)) == []
    for host in hosts:
        calls = [c for c in region.proxy.calls if c.name == "ec2:RebootInstances" and c.status]
        assert sum(host in call.body for call in calls) <= 1, host
        assert stack.incident(host)["symptom"] == "high-cpu"


def test_hints_come_many_at_once(region, stack):
    """However many events name an instance, its incident is looked at once."""
    hosts = [fleet.alone(region, ssm_output="cpu-ok") for _ in range(3)]
    function = stack.start("high-cpu")
    for host in hosts:
        function.invoke(alarms.alarm("high-cpu.state-change", host))
    ended = [
        {"source": "aws.ssm", "detail": {"instance-id": host, "status": "Success"}}
        for host in (*hosts, hosts[0], fleet.alone(region))
    ]
    follow_up = stack.start(FOLLOW_UP)
    answer = follow_up.invoke(alarms.queued(*ended, {"source": "aws.s3"}))
    assert again(answer) == ["message-5"]
    assert [stack.stage(host) for host in hosts] == ["watching"] * 3
    assert len(answer.named("dynamodb:BatchGetItem")) == 1, answer.story()
    assert len(answer.named("ssm:ListCommandInvocations")) >= 1
    whole = follow_up.invoke(alarms.queued({"source": "aws.s3"}))
    assert whole.error_type == "UnreadableEvent"
