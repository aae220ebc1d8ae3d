"""How long people wait: every round trip to AWS is one more, and independent
questions are asked at once.

Each call takes `DELAY` here, as on a slow network, so that calls issued together
overlap in the record even on a machine that is busy compiling.
"""

import alarms
import fleet

DELAY = 0.25


def answered(region, function, event):
    with region.proxy.delayed(DELAY):
        return function.invoke(event)


def test_a_cleanup_is_on_its_way_after_two_round_trips(region, stack):
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
