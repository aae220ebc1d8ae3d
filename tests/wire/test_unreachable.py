"""Hosts that answer nobody: EC2's check and one more witness, and never a command."""

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP

HUNG = {"agent": "ConnectionLost", "instance_status": "impaired"}
ALARM = "unreachable.state-change"


def answered(region, stack, instance):
    """The function's answer to the alarm; nothing is ever sent to the host."""
    answer = stack.start("unreachable").invoke(alarms.alarm(ALARM, instance))
    assert answer.named("ssm:SendCommand") == [], answer.story()
    return answer


@pytest.mark.parametrize(
    "witnesses",
    [
        HUNG,
        {"instance_status": "impaired", "ssm_ping_age": str(3 * 3600)},
        {"instance_status": "impaired", "application_status": "impaired"},
    ],
    ids=["lost its connection", "stopped pinging", "its application fails too"],
)
def test_two_witnesses_mean_one_reboot_and_the_console_is_read(region, stack, witnesses):
    answer = answered(region, stack, fleet.alone(region, **witnesses))
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "reboot"), answer.because()
    (call,) = answer.actions
    assert call.name == "ec2:RebootInstances" and call.status == 200
    assert answer.named("ec2:GetConsoleOutput"), answer.story()
    assert stack.notification()["MessageAttributes"]["symptom"]["Value"] == "unreachable"


@pytest.mark.parametrize(
    "witness",
    [
        {"instance_status": "impaired"},
        {"instance_status": "impaired", "agent": "none"},
        {"agent": "ConnectionLost"},
        {"instance_status": "impaired", "application_status": "ok"},
    ],
    ids=["its agent answers", "it never had one", "its check passes", "its application is well"],
)
def test_one_witness_disrupts_nobody(region, stack, witness):
    instance = fleet.alone(region, **witness)
    answer = answered(region, stack, instance)
    assert answer.actions == [], answer.story()
    assert "one-witness" in answer.because(), answer.because()
    assert stack.stage(instance) == "waiting"


def test_a_member_leaves_service_before_its_reboot(region, stack):
    member = fleet.group(region, **HUNG).members[0]
    answer = answered(region, stack, member)
    (call,) = answer.actions
    assert call.name == "autoscaling:EnterStandby", answer.because()


def test_the_second_witness_is_heard_by_the_next_beat(region, stack):
    instance = fleet.alone(region, instance_status="impaired")
    answered(region, stack, instance)
    follow_up = stack.start(FOLLOW_UP)
    later.passes(stack, 2)
    assert follow_up.invoke({}).named("ec2:RebootInstances") == []
    fleet.tag(region, instance, {"test:ssm": "ConnectionLost"})
    later.passes(stack, 2)
    beat = follow_up.invoke({})
    assert len(beat.named("ec2:RebootInstances")) == 1, beat.body
    assert stack.stage(instance) == "rebooting"


@pytest.mark.parametrize("recovers", ["default", "disabled"])
def test_a_bad_host_is_told_with_the_command_and_nothing_is_done(region, stack, recovers):
    pretend = {"system_status": "impaired", "auto_recovery": recovers}
    instance = fleet.alone(region, **HUNG, **pretend)
    answer = answered(region, stack, instance)
    assert answer.actions == [], answer.story()
    code = {"default": "ec2-recovers", "disabled": "system-impaired"}[recovers]
    assert code in answer.because(), answer.because()
    assert f"aws ec2 stop-instances --instance-ids {instance}" in stack.notification()["Message"]


def test_a_member_on_a_bad_host_is_replaced(region, stack):
    member = fleet.group(region, **HUNG, system_status="impaired").members[0]
    answer = answered(region, stack, member)
    (call,) = answer.actions
    assert call.name == "autoscaling:SetInstanceHealth", answer.because()


def test_two_in_one_zone_are_the_zone(region, stack):
    function = stack.start("unreachable")
    first, second = (fleet.alone(region, **HUNG) for _ in range(2))
    assert function.invoke(alarms.alarm(ALARM, first)).report["rung"] == "reboot"
    answer = function.invoke(alarms.alarm(ALARM, second))
    assert answer.actions == [], answer.story()
    assert "zone-impaired" in answer.because(), answer.because()
