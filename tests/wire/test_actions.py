"""What Remedy does: one cleanup, one reboot or one replacement, written down and told."""

import json
from datetime import datetime, timezone
from urllib.parse import parse_qs

import pytest

import alarms
import fleet
import later
from stack import SCRIPTED


@pytest.mark.parametrize("symptom", SCRIPTED)
def test_an_agent_that_answers_is_sent_one_cleanup(region, stack, symptom):
    instance = fleet.standalone(region)
    answer = stack.start(symptom).invoke(alarms.alarm(f"{symptom}.state-change", instance))

    report = answer.report
    assert (report["outcome"], report["rung"]) == ("acted", "cleanup"), answer.because()
    assert report["instance_id"] == instance and report["symptom"] == symptom
    assert report["observe"] is False and report["because"]

    (call,) = answer.actions
    assert call.name == "ssm:SendCommand" and call.status == 200
    command = json.loads(call.body)
    assert command["DocumentName"] == stack.document(symptom)
    assert command["InstanceIds"] == [instance]
    assert command["TimeoutSeconds"] == 60
    assert report["incident_id"] in command["Comment"]


@pytest.mark.parametrize("symptom", SCRIPTED)
def test_the_command_reaches_the_instance(region, stack, symptom):
    instance = fleet.standalone(region)
    stack.start(symptom).invoke(alarms.alarm(f"{symptom}.state-change", instance))
    (command,) = region.ssm.list_commands(InstanceId=instance)["Commands"]
    assert command["DocumentName"] == stack.document(symptom)


def test_what_was_done_stands_in_the_ledger(region, stack):
    instance = fleet.standalone(region)
    answer = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    (command,) = region.ssm.list_commands(InstanceId=instance)["Commands"]
    written = json.dumps(stack.incidents())
    assert instance in written
    assert answer.report["incident_id"] in written
    assert command["CommandId"] in written, "the ledger does not know which command was sent"


def test_intent_is_written_before_the_action_and_the_outcome_after(region, stack):
    instance = fleet.standalone(region)
    answer = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    written_or_sent = ("dynamodb:PutItem", "ssm:SendCommand")
    order = [call.name for call in answer.changes if call.name in written_or_sent]
    assert order == ["dynamodb:PutItem", "ssm:SendCommand", "dynamodb:PutItem"], answer.story()


def test_people_are_told_what_was_done(region, stack):
    instance = fleet.standalone(region)
    answer = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    told = stack.notification()
    attributes = {k: v["Value"] for k, v in told["MessageAttributes"].items()}
    assert attributes["symptom"] == "disk-full"
    assert attributes["rung"] == "cleanup"
    assert attributes["outcome"] == "acted"
    assert attributes["instance_id"] == instance
    assert_safe(told["Subject"])
    assert instance in told["Message"] and answer.report["incident_id"] in told["Message"]


def assert_safe(subject):
    """SNS refuses other subjects, and mail programs show them badly."""
    assert subject.isascii() and subject.isprintable() and 0 < len(subject) < 100, repr(subject)


def test_a_hostile_name_cannot_break_the_subject(region, stack):
    hostile = 'Größe\r\nBcc: all@example.org\u202e "x" ' + "A" * 300
    instance = fleet.standalone(region, tags=fleet.OPTED_IN | {"Name": "ü\u202e" * 50})
    event = alarms.alarm("high-cpu.state-change", instance)
    event["detail"]["alarmName"] = hostile
    answer = stack.start("high-cpu").invoke(event)
    assert answer.report["outcome"] == "acted", answer.because()
    assert_safe(stack.notification()["Subject"])


@pytest.mark.parametrize("symptom", ["high-cpu", "memory-pressure"])
@pytest.mark.parametrize("agent", ["ConnectionLost", "none"])
def test_a_silent_agent_outside_a_group_means_one_reboot(region, stack, symptom, agent):
    instance = fleet.standalone(region, agent=agent)
    answer = stack.start(symptom).invoke(alarms.alarm(f"{symptom}.state-change", instance))
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "reboot"), answer.because()
    (call,) = answer.actions
    assert call.name == "ec2:RebootInstances" and call.status == 200
    assert form(call)["InstanceId.1"] == [instance] and "InstanceId.2" not in form(call)
    assert stack.notification()["MessageAttributes"]["rung"]["Value"] == "reboot"


def form(call):
    return parse_qs(call.body)


def test_an_agent_that_stopped_pinging_counts_as_silent(region, stack):
    """`Online` outlives a dead agent, so the age of its last ping counts."""
    instance = fleet.standalone(region, agent="Online", ssm_ping_age=str(3 * 3600))
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    assert answer.report["rung"] == "reboot", answer.because()


def test_a_silent_member_with_a_full_disk_is_replaced(region, stack):
    group = fleet.group(region, agent="ConnectionLost")
    old, other = group.members
    answer = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", old))

    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "replace"), answer.because()
    (call,) = answer.actions
    assert call.name == "autoscaling:SetInstanceHealth" and call.status == 200
    assert form(call)["InstanceId"] == [old] and form(call)["HealthStatus"] == ["Unhealthy"]

    now = group.ids()
    assert old not in now and other in now and len(now) == 2
    assert fleet.state_of(region, old) == "terminated"
    assert stack.notification()["MessageAttributes"]["rung"]["Value"] == "replace"


@pytest.mark.parametrize("checked", [{"health_check": "ELB"}, {"application_status": "ok"}])
def test_a_member_whose_service_is_checked_leaves_service_first(region, stack, checked):
    """Its group would take the reboot for a death, and replace it as well."""
    group = fleet.group(region, agent="none", **checked)
    member = group.members[0]
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", member))
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "reboot"), answer.because()
    (call,) = answer.actions
    assert call.name == "autoscaling:EnterStandby" and call.status == 200
    assert form(call)["ShouldDecrementDesiredCapacity"] == ["true"]
    assert group.lifecycle_of(member) == "Standby" and group.describe()["DesiredCapacity"] == 1
    assert stack.stage(member) == "draining"


def test_a_group_at_its_minimum_starts_one_more_meanwhile(region, stack):
    group = fleet.group(region, agent="none", health_check="ELB", minimum=2)
    member = group.members[0]
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", member))
    (call,) = answer.actions
    assert form(call)["ShouldDecrementDesiredCapacity"] == ["false"]
    assert group.lifecycle_of(member) == "Standby" and len(group.ids()) == 3


@pytest.mark.parametrize(
    "event",
    [
        "high-cpu.contributor",
        "high-cpu.lambda-action",
        "high-cpu.lambda-action-contributor",
        "high-cpu.sns",
        "disk-full.contributor",
        "disk-full.lambda-action",
        "disk-full.sns",
        "memory-pressure.sns",
        "memory-pressure.contributor",
    ],
)
def test_every_envelope_leads_to_the_same_action(region, stack, event):
    symptom = event.split(".")[0]
    instance = fleet.standalone(region)
    answer = stack.start(symptom).invoke(alarms.alarm(event, instance))
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "cleanup"), answer.because()
    assert [call.name for call in answer.actions] == ["ssm:SendCommand"]


def test_two_alarms_in_one_event_are_two_reports(region, stack):
    first, second = fleet.standalone(region), fleet.standalone(region)
    event = alarms.alarm("memory-pressure.sns-two-records", first, second)
    answer = stack.start("memory-pressure").invoke(event)
    assert {r["instance_id"] for r in answer.reports} == {first, second}
    assert len(answer.named("ssm:SendCommand")) == 2


def test_an_ok_makes_the_incident_due_and_closes_nothing(region, stack):
    """The follow-up verifies: an alarm goes OK too when its series vanishes."""
    instance = fleet.standalone(region)
    function = stack.start("disk-full")
    opened = function.invoke(alarms.alarm("disk-full.state-change", instance)).report
    before = stack.row(f"instance#{instance}", "incident")
    answer = function.invoke(alarms.alarm("disk-full.ok", instance))
    assert answer.report["outcome"] == "held"
    assert [reason["code"] for reason in answer.report["because"]] == ["follow-up-verifies"]
    assert answer.report["incident_id"] == opened["incident_id"]
    assert [call.name for call in answer.changes] == ["dynamodb:PutItem"], answer.story()
    after = stack.row(f"instance#{instance}", "incident")
    assert after["is_open"] and after["due_at"] < before["due_at"]
    assert after["due_at"] <= datetime.now(timezone.utc).timestamp()
    assert stack.stage(instance) == "cleaning"
    assert [n["MessageAttributes"]["outcome"]["Value"] for n in stack.notifications(1)] == ["acted"]


def test_an_ok_because_the_series_vanished_resolves_nothing(region, stack):
    instance = fleet.standalone(region)
    function = stack.start("disk-full")
    function.invoke(alarms.alarm("disk-full.state-change", instance))
    answer = function.invoke(alarms.alarm("disk-full.ok-vanished", instance))
    assert answer.report["outcome"] == "held" and answer.actions == []
    assert [reason["code"] for reason in answer.report["because"]] == ["unmeasured"]
    assert stack.stage(instance) == "cleaning"


def test_an_ok_without_an_incident_does_nothing(region, stack):
    answer = stack.start("disk-full").invoke(
        alarms.alarm("disk-full.ok", fleet.standalone(region))
    )
    assert not answer.failed and answer.changes == []


def test_a_new_transition_after_the_end_is_a_new_incident(region, stack):
    """And the old one's occasion stays answered: a late delivery is known."""
    instance = fleet.standalone(region)
    function = stack.start("disk-full")
    event = alarms.alarm("disk-full.state-change", instance)
    first = function.invoke(event).report
    # The heartbeat has failed for so long that nobody ended it, and it rested.
    later.passes(stack, 3 * 60 + 46)
    answer = function.invoke(alarms.alarm("disk-full.state-change", instance))
    second = answer.report
    assert second["outcome"] == "acted", answer.because()
    assert second["incident_id"] != first["incident_id"]
    row = stack.row(f"instance#{instance}", "incident")
    assert row["incident_id"] == second["incident_id"] and len(row["answered"]) == 1
    late = function.invoke(event)
    assert late.actions == [] and "duplicate-delivery" in late.because()


def test_a_request_by_hand_acts_like_an_alarm(region, stack):
    instance = fleet.standalone(region)
    request = {"instance_id": instance, "symptom": "high-cpu"}
    answer = stack.start("high-cpu").invoke(request)
    assert (answer.report["outcome"], answer.report["rung"]) == ("acted", "cleanup"), answer.because()
    now = datetime.now(timezone.utc)
    assert f"{now:%Y}" in json.dumps(stack.incidents()), "the ledger row carries no time"
