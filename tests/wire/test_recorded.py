"""What AWS once answered, answered again: the compiled functions read recordings.

An emulator answers in the shapes its authors know, and leaves out what they thought
nobody reads. Each verb by which the functions look at the world, and each error they
tell from others, is met here as AWS was seen to send it (recorded/, with its source).
"""

import contextlib
import json

import pytest

import alarms
import fleet
import later
import proxy as wire
import recorded
from host_says import OUTPUTS
import test_grow as grow
from stack import FOLLOW_UP
from test_faults import situation
from test_follow_up import beat, codes, opened

COMMAND = "139fedb0-4913-47da-bb53-c08364f07c22"


def replayed(region, stack, name, instance, **given):
    """A recording about this instance."""
    found = region.autoscaling.describe_auto_scaling_instances(InstanceIds=[instance])
    groups = [member["AutoScalingGroupName"] for member in found["AutoScalingInstances"]]
    known = {"instance": instance, "group": (groups or ["web"])[0], "table": stack.table}
    return recorded.replayed(region, name, **(known | given))


# What the functions make of a reading: the situation it is met in, and then the outcome
# with the rung, or with the reasons.
READINGS = [
    ("cleanup", "ec2.DescribeInstances.running", "acted", "cleanup"),
    ("cleanup", "ec2.DescribeInstances.stopped", "held", "not-running"),
    ("cleanup", "ec2.DescribeInstances.none", "held", "instance-missing"),
    ("reboot", "ec2.DescribeInstanceStatus.ok", "acted", "reboot"),
    ("reboot", "ec2.DescribeInstanceStatus.host-impaired", "held", "system-impaired"),
    ("reboot", "ec2.DescribeInstanceStatus.retiring", "held", "scheduled-event"),
    # What is said of an instance that runs, and has no status.
    ("reboot", "ec2.DescribeInstanceStatus.InvalidInstanceID.NotFound", "held", "fact-unknown"),
    # The zones of another region than the instance's.
    ("reboot", "ec2.DescribeAvailabilityZones.available", "held", "fact-unknown"),
    ("cleanup", "ssm.DescribeInstanceInformation.online", "acted", "cleanup"),
    ("cleanup", "ssm.DescribeInstanceInformation.lost", "held", "agent-silent"),
    ("reboot", "ssm.DescribeSessions.none", "acted", "reboot"),
    ("reboot", "ssm.DescribeSessions.one", "held", "person-present"),
    ("replace", "autoscaling.DescribeAutoScalingInstances.member", "acted", "replace"),
    ("replace", "autoscaling.DescribeAutoScalingInstances.none", "held", "not-in-group"),
    ("replace", "autoscaling.DescribeAutoScalingGroups.three", "acted", "replace"),
    ("replace", "autoscaling.DescribeAutoScalingGroups.suspended", "held", "process-suspended"),
    ("replace", "autoscaling.DescribeInstanceRefreshes.over", "acted", "replace"),
    ("replace", "autoscaling.DescribeInstanceRefreshes.oldest-first", "held", "refresh-running"),
    ("replace", "ec2.DescribeInstanceTypes.ebs-only", "acted", "replace"),
    ("replace", "ec2.DescribeInstanceTypes.instance-store", "held", "instance-store-lost"),
    ("reboot", "cloudwatch.GetMetricData.values", "acted", "reboot"),
    ("reboot", "cloudwatch.GetMetricData.no-values", "acted", "reboot"),
    ("replace", "cloudwatch.DescribeAlarms.ok", "held", "unverified"),
    ("replace", "cloudwatch.DescribeAlarms.insufficient-data", "acted", "replace"),
    ("cleanup", "dynamodb.BatchGetItem.none", "acted", "cleanup"),
]


@pytest.mark.parametrize(("rung", "name", "outcome", "because"), READINGS)
def test_a_reading_means_what_it_meant(region, stack, rung, name, outcome, because):
    function, event = situation(region, stack, rung)
    instance, alarm = alarms.instance_of(event), event["detail"]["alarmName"]
    with replayed(region, stack, name, instance, alarm=alarm) as fault:
        answer = function.invoke(event)
    assert fault.hits, answer.story()
    assert answer.report["outcome"] == outcome, answer.because()
    codes = [reason["code"] for reason in answer.report["because"]]
    assert because in ([answer.report["rung"]] if outcome == "acted" else codes)


def test_a_host_that_publishes_nothing_is_no_failed_call(region, stack):
    """A query that matches no series has no result at all: a host hangs, and the alarm on
    the fleet is to be answered, and not to wait until somebody can read a metric."""
    instance = fleet.standalone(region, agent="none")
    event = alarms.alarm("high-cpu.contributor", instance)
    function = stack.start("high-cpu")
    with replayed(region, stack, "cloudwatch.GetMetricData.no-series", instance) as fault:
        answer = function.invoke(event)
    assert fault.hits, answer.story()
    assert "fact-unknown" not in answer.because()
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "reboot")


# How a refusal is taken: what is asked for, and whose fault it is.
REFUSALS = [
    ("cleanup", "ssm.SendCommand.InvalidInstanceId", "instance-state"),
    ("cleanup", "ssm.SendCommand.UnsupportedPlatformType", "instance-state"),
    ("reboot", "ec2.RebootInstances.InvalidInstanceID.NotFound", "instance-state"),
    ("reboot", "ec2.RebootInstances.IncorrectInstanceState", "instance-state"),
    ("reboot", "ec2.RebootInstances.IncorrectState", "instance-state"),
    ("replace", "autoscaling.SetInstanceHealth.ValidationError", "instance-state"),
    ("replace", "autoscaling.SetInstanceHealth.ResourceContention", "throttled"),
]


@pytest.mark.parametrize(("rung", "name", "fault"), REFUSALS)
def test_a_refusal_is_told_from_others(region, stack, rung, name, fault):
    function, event = situation(region, stack, rung)
    instance = alarms.instance_of(event)
    with replayed(region, stack, name, instance):
        answer = function.invoke(event)
    (attempt,) = stack.incident(instance)["attempts"]
    assert attempt["rung"] == rung and attempt["refused"]["kind"] == fault, answer.because()
    assert len([call for call in answer.actions if call.status != 200]) == 1, answer.story()


def test_a_member_that_may_not_leave_service_is_not_rebooted(region, stack):
    instance = fleet.group(region, agent="none", health_check="ELB").members[0]
    function = stack.start("high-cpu")
    name = "autoscaling.EnterStandby.ValidationError"
    with replayed(region, stack, name, instance) as fault:
        answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    assert fault.hits == 1, answer.story()
    assert answer.named("ec2:RebootInstances") == []
    assert stack.incident(instance)["attempts"][-1]["refused"]["kind"] == "instance-state"


def sent(region, stack):
    """A command is sent, and answered as Systems Manager answers."""
    instance = fleet.standalone(region)
    with replayed(region, stack, "ssm.SendCommand.pending", instance):
        assert opened(stack, "disk-full", instance).report["command_id"] == COMMAND
    return instance


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("ssm.GetCommandInvocation.success", "watching"),
        ("ssm.GetCommandInvocation.InvocationDoesNotExist", "cleaning"),
    ],
)
def test_a_command_goes_as_its_invocation_went(region, stack, name, stage):
    instance = sent(region, stack)
    with replayed(region, stack, name, instance, output=OUTPUTS["disk-ok"]) as fault:
        answer = beat(stack, stack.start(FOLLOW_UP))
    assert fault.hits and stack.stage(instance) == stage, answer.body


def test_a_command_without_an_answer_is_not_told_to_have_never_run(region, stack):
    """Systems Manager says that it was not delivered, whether or not it ran."""
    instance = sent(region, stack)
    name = "ssm.GetCommandInvocation.not-delivered"
    with replayed(region, stack, name, instance) as fault:
        answer = beat(stack, stack.start(FOLLOW_UP))
    assert fault.hits and "it may have run" in json.dumps(answer.body), answer.body


def test_nothing_is_due_as_recorded(region, stack):
    with recorded.replayed(region, "dynamodb.Scan.none"):
        assert stack.start(FOLLOW_UP).invoke({}).body["looked_at"] == 0


def test_a_command_is_found_by_its_comment_wherever_it_stands_in_the_list(region, stack):
    """The function died with the answer, so that only the comment tells which it was."""
    instance = fleet.standalone(region)
    with region.proxy.fault("ssm", "SendCommand", wire.CALL_HELD) as held:
        function = stack.start("disk-full")
        function.send(alarms.alarm("disk-full.state-change", instance))
        assert held.reached.wait(30), "no command was sent"
        comment = json.loads(last_call(region, "SendCommand").body)["Comment"]
        function.kill()
    with contextlib.ExitStack() as stack_of:
        for name in ("ListCommandInvocations.oldest-first", "GetCommandInvocation.success"):
            given = {"comment": comment, "output": OUTPUTS["disk-ok"]}
            stack_of.enter_context(replayed(region, stack, f"ssm.{name}", instance, **given))
        beat(stack, stack.start(FOLLOW_UP))
    asked = json.loads(last_call(region, "ListCommandInvocations").body)
    (after,) = asked["Filters"]
    assert after["key"] == "InvokedAfter" and after["value"].endswith("Z")
    assert json.loads(last_call(region, "GetCommandInvocation").body)["CommandId"] == COMMAND
    assert stack.stage(instance) == "watching"


def last_call(region, operation):
    return [call for call in region.proxy.calls if call.operation == operation][-1]


@pytest.mark.parametrize("live", [True, False])
def test_a_console_is_read_in_the_lines_that_aws_wraps_it_in(region, stack, live):
    """Of an instance without Nitro it is what the last boot left."""
    function = stack.start("high-cpu", REMEDY_EVIDENCE_BUCKET="")
    instance = fleet.standalone(region, agent="none")
    with contextlib.ExitStack() as replays:
        for name, times in [("UnsupportedOperation", 0 if live else 1), ("wrapped", 9)]:
            name = f"ec2.GetConsoleOutput.{name}"
            replays.enter_context(replayed(region, stack, name, instance, times=times))
        answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    asked = ["Latest=true" in call.body for call in answer.named("ec2:GetConsoleOutput")]
    assert asked == ([True] if live else [True, False])
    assert "Linux version 2.6.16-xenU" in answer.report["console"], answer.report


def test_a_volume_is_read_as_it_was_described(region, stack):
    """Of two, the one that the host names by its Xen name, with the tag that is its own."""
    instance, _, follow_up, _ = grow.asked(stack, region)
    with contextlib.ExitStack() as replays:
        for name in ("ec2.DescribeVolumes.two", "ec2.DescribeVolumesModifications.none"):
            replays.enter_context(replayed(region, stack, name, instance))
        answer = grow.hears(stack, region, instance, follow_up, "grow-fit")
    (call,) = answer.actions
    assert call.name == grow.GROW, answer.story()
    assert grow.sent(call)["VolumeId"] == "vol-0073dcd216489ea1b"
    assert grow.sent(call)["Size"] == "64", "not more than double"


def test_a_snapshot_is_known_by_what_it_says_of_itself(region, stack):
    instance, grows, follow_up, _ = grow.asked(stack, region, snapshot="yes")
    grow.hears(stack, region, instance, follow_up, "grow-fit")
    described = last_call(region, "CreateSnapshot")
    given = {"volume": grows, "comment": grow.sent(described)["Description"]}
    with replayed(region, stack, "ec2.DescribeSnapshots.two", instance, **given) as fault:
        answer = grow.hears(stack, region, instance, follow_up, "grow-extended")
    assert fault.hits and [call.name for call in answer.actions] == [grow.GROW], answer.story()
    growth = stack.incident(instance)["attempts"][-1]["growth"]
    assert growth["snapshot"]["id"] == "snap-a55e3c59"


def test_a_volume_that_is_optimizing_is_not_grown(region, stack):
    instance, grows, follow_up, _ = grow.asked(stack, region)
    name = "ec2.DescribeVolumesModifications.optimizing"
    with replayed(region, stack, name, instance, volume=grows) as fault:
        answer = grow.hears(stack, region, instance, follow_up, "grow-fit")
    assert fault.hits and answer.named(grow.GROW) == [], answer.story()
    assert "grow-being-modified" in codes(answer)


@pytest.mark.parametrize(
    "name",
    [
        "ec2.ModifyVolume.IncorrectModificationState",
        "ec2.ModifyVolume.VolumeModificationRateExceeded",
        "ec2.ModifyVolume.InvalidVolume.NotFound",
    ],
)
def test_a_growth_that_is_refused_for_the_volumes_state_is_not_counted(region, stack, name):
    instance, grows, follow_up, _ = grow.asked(stack, region)
    with replayed(region, stack, name, instance) as fault:
        grow.hears(stack, region, instance, follow_up, "grow-fit")
    assert fault.hits == 1, "it is asked for once"
    attempt = stack.incident(instance)["attempts"][-1]
    assert (attempt["rung"], attempt["refused"]["kind"]) == ("grow", "instance-state")
    row = stack.row(f"volume#{grows}", "growths")
    assert not [name for name in row if name.startswith("grown_")], row


def test_an_open_calendar_lets_a_reboot_pass(region, stack):
    instance = fleet.standalone(region, agent="none")
    function = stack.start("high-cpu", REMEDY_CALENDARS="always")
    with replayed(region, stack, "ssm.GetCalendarState.open", instance) as fault:
        answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    assert fault.hits and answer.named("ec2:RebootInstances"), answer.because()


def test_every_recording_is_replayed_here():
    code = (recorded.FILES.parent / "test_recorded.py").read_text()
    named = [name for name in recorded.names() if name in code or name.split(".", 1)[1] in code]
    assert set(recorded.names()) - set(named) <= {
        "ec2.GetConsoleOutput.wrapped",
        "ec2.GetConsoleOutput.UnsupportedOperation",
        "ssm.DescribeDocument.active",  # a person asks it: test_doctor.py
    }
