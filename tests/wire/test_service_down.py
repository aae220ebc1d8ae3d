"""Services that are down: one command with the owner's list, and no word of the alarm in it."""

import json

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP

ALARM = "service-down.state-change"
GOOD = 5.0


def answered(region, stack, instance, event=ALARM, **changed):
    return stack.start("service-down", **changed).invoke(alarms.alarm(event, instance))


def test_the_host_gets_the_owners_list_and_nothing_of_the_alarm(region, stack):
    instance = fleet.standalone(region)
    answer = answered(region, stack, instance, REMEDY_UNITS="nginx.service,app.service")
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "cleanup"), answer.because()
    (call,) = answer.actions
    command = json.loads(call.body)
    assert command["DocumentName"] == stack.document("service-down")
    assert command["Parameters"]["Units"] == ["nginx.service,app.service"]
    given = {name: value for name, value in command["Parameters"].items() if name != "EvidenceUrl"}
    assert "web-service-down" not in json.dumps(given), "the alarm's name"
    assert set(given) == {"Mode", "Units", "Deadline", "ExecutionTimeout"}, given


def test_a_hostile_process_name_reaches_no_host(region, stack):
    instance = fleet.standalone(region)
    text = json.dumps(alarms.alarm(ALARM, instance)).replace("nginx", "x.service;reboot")
    answer = stack.start("service-down").invoke(text.encode())
    (call,) = answer.actions
    assert "reboot" not in call.body and json.loads(call.body)["Parameters"]["Units"] == [""]


@pytest.mark.parametrize(
    ("tags", "rung"), [({}, None), ({"auto-remediation-service": "reboot"}, "reboot")]
)
def test_a_host_is_rebooted_for_a_service_only_where_its_owner_says_so(region, stack, tags, rung):
    instance = fleet.alone(region, agent="ConnectionLost")
    fleet.tag(region, instance, tags or {"any": "tag"})
    answer = answered(region, stack, instance)
    assert answer.report["rung"] == rung, answer.because()
    assert [call.name for call in answer.actions] == (["ec2:RebootInstances"] if rung else [])


def test_too_few_processes_are_no_service_that_is_down(region, stack):
    answer = answered(region, stack, fleet.standalone(region), "service-down.few")
    assert answer.actions == [] and "unclear" in answer.because(), answer.because()


def test_a_service_that_runs_again_is_resolved(region, stack):
    instance = fleet.alone(region, ssm_output="service-ok")
    answered(region, stack, instance)
    follow_up = stack.start(FOLLOW_UP)
    # The least of a period counts: one that still says 0 would hide what comes after it.
    later.passes(stack, 2, silent=True)
    follow_up.invoke({})
    assert stack.stage(instance) == "watching"
    for minutes in (2, 6):
        later.passes(stack, minutes)
        later.measured(stack, instance, GOOD)
        follow_up.invoke({})
    assert stack.stage(instance) == "resolved"


def test_a_service_that_does_not_stay_up_is_a_persons(region, stack):
    instance = fleet.alone(region, ssm_output="service-insufficient")
    answered(region, stack, instance)
    later.passes(stack, 2)
    beat = stack.start(FOLLOW_UP).invoke({})
    assert [call.name for call in beat.actions] == []
    assert stack.stage(instance) == "handed-over"
    told = stack.notifications(2)[-1]
    assert "service-only" in told["Message"], told["Message"]
