"""How long people wait: every round trip to AWS is one more, and independent
questions are asked at once.

Each call takes `DELAY` here, as on a slow network, so that calls issued together
overlap in the record even on a machine that is busy compiling.
"""

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP
from test_follow_up import GOOD, HEARTBEAT, beat, opened

DELAY = 0.25


def answered(region, function, event):
    with region.proxy.delayed(DELAY):
        return function.invoke(event)


def test_a_cleanup_is_on_its_way_after_three_round_trips(region, stack):
    event = alarms.alarm("disk-full.state-change", fleet.standalone(region))
    answer = answered(region, stack.start("disk-full"), event)
    assert answer.layer_of("ssm:SendCommand") <= 3, answer.story()
    assert answer.round_trips <= 4, answer.story()


def test_a_members_cleanup_is_as_quick(region, stack):
    event = alarms.alarm("disk-full.state-change", fleet.group(region).members[0])
    answer = answered(region, stack.start("disk-full"), event)
    assert answer.layer_of("ssm:SendCommand") <= 3, answer.story()


def test_a_reboot_is_told_within_five_round_trips(region, stack):
    event = alarms.alarm("high-cpu.state-change", fleet.standalone(region, agent="none"))
    answer = answered(region, stack.start("high-cpu"), event)
    assert answer.named("ec2:RebootInstances") and answer.named("sns:Publish")
    assert answer.round_trips <= 5, answer.story()


def test_a_replacement_is_told_within_five_round_trips(region, stack):
    group = fleet.group(region, agent="none")
    event = alarms.alarm("disk-full.state-change", group.members[0])
    answer = answered(region, stack.start("disk-full"), event)
    assert answer.named("autoscaling:SetInstanceHealth") and answer.named("sns:Publish")
    assert answer.round_trips <= 5, answer.story()


def test_a_duplicate_costs_one_round_trip(region, stack):
    event = alarms.alarm("disk-full.state-change", fleet.standalone(region))
    function = stack.start("disk-full")
    function.invoke(event)
    assert answered(region, function, event).round_trips == 1


def test_an_instance_that_is_not_ours_costs_one_round_trip(region, stack):
    event = alarms.alarm("disk-full.state-change", fleet.standalone(region, tags={}))
    answer = answered(region, stack.start("disk-full"), event)
    assert answer.round_trips == 1, answer.story()


FEW, MANY = 10, 200


def test_a_large_group_costs_no_more_than_a_small_one(region, stack):
    """Every question names its one instance or its one group. Of the answers only
    DescribeAutoScalingGroups' grows: it lists the members, and no call gives a
    group without them."""
    function = stack.start("disk-full")
    answers = []
    for size in (FEW, MANY):
        member = fleet.group(region, size=size, agent="none").members[0]
        answers.append(function.invoke(alarms.alarm("disk-full.state-change", member)))
    small, large = (sorted(answer.calls, key=lambda c: (c.name, len(c.body))) for answer in answers)
    assert answers[1].named("autoscaling:SetInstanceHealth"), answers[1].because()
    assert [call.name for call in small] == [call.name for call in large]
    # Ids and times are of different lengths; 190 members more would be thousands.
    bodies = [[len(call.body) for call in calls] for calls in (small, large)]
    assert bodies[1] == pytest.approx(bodies[0], rel=0.01, abs=50)
    # The pool's rows are read while the instance is noted: with its note, or without.
    grown = {b.name for a, b in zip(small, large) if len(b.answer) > len(a.answer) + 1000}
    assert grown <= {"autoscaling:DescribeAutoScalingGroups"}


def test_a_beat_that_waits_takes_three_round_trips(region, stack):
    """Who is due; their rows; how the command goes. Nobody writes that nothing has changed."""
    opened(stack, "high-cpu", fleet.standalone(region, ssm_delay="3600"))
    assert followed(region, stack) == 3


def test_a_relieved_host_is_watched_after_four_round_trips(region, stack):
    opened(stack, "high-cpu", fleet.standalone(region, ssm_output="cpu-ok"))
    assert followed(region, stack) == 4


def test_a_watched_metric_is_resolved_in_six_round_trips(region, stack):
    """Who is due; their rows; the metric and the alarm; the turn to tell; the notification;
    the end."""
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    beat(stack, stack.start(FOLLOW_UP))
    assert followed(region, stack, instance) == 6


def test_a_climb_to_a_reboot_takes_eight_round_trips(region, stack):
    """Who is due; their rows; the command; the symptom once more and all facts; what a
    disruption asks about; the intent; the reboot; the record and the notification."""
    opened(stack, "high-cpu", fleet.standalone(region, ssm_result="Failed"))
    assert followed(region, stack) == 8


def test_ten_incidents_take_as_long_as_two(region, stack):
    """What they ask is asked at once, and sixteen are written down at a time."""
    function = stack.start("high-cpu")
    for _ in range(10):
        instance = fleet.standalone(region, ssm_output="cpu-ok")
        function.invoke(alarms.alarm("high-cpu.state-change", instance))
    assert followed(region, stack) <= 1 + 2 * 2


def followed(region, stack, measured=None):
    """The round trips of the next beat."""
    follow_up = stack.start(FOLLOW_UP)
    later.passes(stack, 8)
    if measured:
        later.measured(stack, measured, GOOD)
    answer = answered(region, follow_up, HEARTBEAT)
    assert answer.body["looked_at"] >= 1 and answer.body["left"] == [], answer.body
    # The list holds other tests' commands too: its further pages are not counted.
    pages = [call for call in answer.calls if call.name == "ssm:ListCommandInvocations"]
    return answer.round_trips - max(0, len(pages) - 1)
