"""Once: however often, however concurrently an event is delivered, and whatever
dies or gets lost on the way."""

from datetime import datetime, timezone

import pytest

import alarms
import fleet
import proxy as wire

ROUNDS = 20
PROCESSES = 3


def test_a_second_delivery_acts_no_second_time(region, stack):
    instance = fleet.standalone(region)
    event = alarms.alarm("disk-full.state-change", instance)
    function = stack.start("disk-full")
    first, second = function.invoke(event), function.invoke(event)
    assert [c.name for c in first.actions] == ["ssm:SendCommand"]
    assert second.changes == [], second.story()
    assert second.report["outcome"] == "held"
    assert "duplicate-delivery" in second.because()
    assert second.report["incident_id"] == first.report["incident_id"]
    assert len(stack.open()) == 1


def test_a_second_delivery_in_another_envelope_acts_no_second_time(region, stack):
    """EventBridge, SNS and the Lambda action may all deliver one transition:
    the files are one alarm with one time of change."""
    instance = fleet.standalone(region)
    function = stack.start("high-cpu")
    now = datetime.now(timezone.utc)
    answers = [
        function.invoke(alarms.alarm(f"high-cpu.{shape}", instance, now=now))
        for shape in ("state-change", "sns", "lambda-action")
    ]
    assert [answer.report["outcome"] for answer in answers] == ["acted", "held", "held"]
    assert [len(answer.actions) for answer in answers] == [1, 0, 0]


def test_a_second_delivery_to_another_process_acts_no_second_time(region, stack):
    event = alarms.alarm("disk-full.state-change", fleet.standalone(region))
    answers = [stack.start("disk-full").invoke(event) for _ in range(2)]
    assert [len(answer.actions) for answer in answers] == [1, 0]


@pytest.mark.parametrize(
    ("symptom", "agent", "action"),
    [
        ("disk-full", "Online", "ssm:SendCommand"),
        ("high-cpu", "none", "ec2:RebootInstances"),
    ],
)
def test_concurrent_deliveries_act_once(region, stack, symptom, agent, action):
    functions = [stack.start(symptom) for _ in range(PROCESSES)]
    for _ in range(ROUNDS if agent == "Online" else ROUNDS // 4):
        event = alarms.alarm(f"{symptom}.state-change", fleet.alone(region, agent=agent))
        answers = deliver_at_once(functions, event)
        acted = [call.name for answer in answers for call in answer.actions]
        assert acted == [action], "\n".join(answer.story() for answer in answers)
        outcomes = sorted(answer.report["outcome"] for answer in answers)
        assert outcomes == ["acted"] + ["held"] * (PROCESSES - 1)
        assert len({answer.report["incident_id"] for answer in answers}) == 1


def test_concurrent_alarms_about_one_instance_act_once(region, stack):
    """Two symptoms at once are two different events; the instance is one."""
    functions = [stack.start("disk-full"), stack.start("memory-pressure")]
    for _ in range(ROUNDS // 4):
        instance = fleet.standalone(region)
        sent = [f.send(alarms.alarm(f"{f.symptom}.state-change", instance)) for f in functions]
        answers = [f.receive(s) for f, s in zip(functions, sent)]
        assert sum(len(answer.actions) for answer in answers) == 1


def deliver_at_once(functions, event):
    """The same event to every process before any has answered."""
    sent = [function.send(event) for function in functions]
    return [function.receive(s) for function, s in zip(functions, sent)]


@pytest.mark.parametrize(
    ("symptom", "operation"),
    [
        ("high-cpu", "ec2:RebootInstances"),
        ("disk-full", "autoscaling:SetInstanceHealth"),
        ("memory-pressure", "ssm:SendCommand"),
    ],
)
def test_a_lost_answer_is_not_asked_for_again(region, stack, symptom, operation):
    """A reboot whose answer was lost has happened. Repeating it would reboot a
    machine that is just coming up. Of two commands the second would find the lock
    of the first, and its word would be taken for what became of it."""
    instance = target_of(region, symptom)
    event = alarms.alarm(f"{symptom}.state-change", instance)
    function = stack.start(symptom)
    with region.proxy.fault(*operation.split(":"), wire.ANSWER_LOST) as fault:
        answer = function.invoke(event)
    assert fault.hits == 1, answer.story()
    assert answer.failed or "action-uncertain" in answer.because()
    again = function.invoke(event)
    assert again.actions == []


def target_of(region, symptom):
    """An instance for which the symptom's function does something disruptive."""
    if symptom == "memory-pressure":
        return fleet.standalone(region)
    if symptom == "high-cpu":
        return fleet.standalone(region, agent="none")
    return fleet.group(region, agent="none").members[0]


@pytest.mark.parametrize(
    ("symptom", "operation"),
    [("high-cpu", "ec2:RebootInstances"), ("disk-full", "autoscaling:SetInstanceHealth")],
)
def test_a_function_that_dies_after_the_call_is_not_repeated_by_the_next(
    region, stack, symptom, operation
):
    event = alarms.alarm(f"{symptom}.state-change", target_of(region, symptom))
    with region.proxy.fault(*operation.split(":"), wire.ANSWER_HELD) as fault:
        dying = stack.start(symptom)
        dying.send(event)
        assert fault.reached.wait(30), "the call never came"
        dying.kill()
    answer = stack.start(symptom).invoke(event)
    assert answer.actions == [], answer.story()


def test_a_refused_action_is_the_follow_ups_and_not_the_next_alarms(region, stack):
    """One instance has one incident: it stays open, and says what AWS said."""
    instance = fleet.standalone(region, agent="none")
    function = stack.start("high-cpu")
    with region.proxy.fault("ec2", "RebootInstances", wire.DENIED):
        function.invoke(alarms.alarm("high-cpu.state-change", instance))
    incident = stack.incident(instance)
    assert incident["stage"] == "rebooting"
    assert incident["attempts"][-1]["refused"]["kind"] == "not-permitted"
    assert "UnauthorizedOperation" in incident["attempts"][-1]["refused"]["why"]
    answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    assert answer.actions == [] and "incident-open" in answer.because()
