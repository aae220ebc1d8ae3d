"""The owner's word where AWS keeps it: change calendars, zones, and work in progress."""

import pytest

import alarms
import fleet
import work_in_progress


def high_cpu(instance):
    return alarms.alarm("high-cpu.state-change", instance)


def test_a_closed_calendar_holds_a_reboot_back_and_says_until_when(region, stack):
    instance = fleet.standalone(region, agent="none")
    function = stack.start("high-cpu", REMEDY_CALENDARS="always,closed-for-now")
    answer = function.invoke(high_cpu(instance))
    assert answer.actions == [], answer.story()
    assert len(answer.named("ssm:GetCalendarState")) == 1, answer.story()
    assert "calendar-closed" in answer.because() and "is closed until 20" in answer.because()
    assert answer.report["stage"] == "waiting"


def test_an_open_one_lets_it_pass(region, stack):
    instance = fleet.standalone(region, agent="none")
    answer = stack.start("high-cpu", REMEDY_CALENDARS="always").invoke(high_cpu(instance))
    assert answer.named("ec2:RebootInstances"), answer.because()


def test_a_tag_names_another(region, stack):
    tags = {"auto-remediation": "enabled", "auto-remediation-calendar": "closed-here"}
    instance = fleet.standalone(region, agent="none", tags=tags)
    answer = stack.start("high-cpu").invoke(high_cpu(instance))
    assert answer.actions == [] and "calendar-closed" in answer.because(), answer.because()


def test_a_calendar_that_is_not_there_holds_it_back(region, stack):
    instance = fleet.standalone(region, agent="none")
    answer = stack.start("high-cpu", REMEDY_CALENDARS="none-such").invoke(high_cpu(instance))
    assert answer.actions == [] and "ssm:GetCalendarState" in answer.because(), answer.because()


def test_a_cleanup_asks_no_calendar(region, stack):
    instance = fleet.standalone(region)
    answer = stack.start("high-cpu", REMEDY_CALENDARS="closed").invoke(high_cpu(instance))
    assert answer.named("ssm:SendCommand") and not answer.named("ssm:GetCalendarState")


@pytest.mark.parametrize("state", ["impaired", "available"])
def test_nothing_is_disrupted_in_a_zone_that_ec2_does_not_call_available(region, stack, state):
    instance = fleet.standalone(region, agent="none")
    fleet.tag(region, instance, {"test:zone": state})
    answer = stack.start("high-cpu").invoke(high_cpu(instance))
    # Other tests have instances in the zone too.
    fleet.tag(region, instance, {"test:zone": "available"})
    assert bool(answer.actions) == (state == "available"), answer.because()
    assert ("Increased error rates" in answer.because()) == (state == "impaired")


@pytest.mark.parametrize("begins", [work_in_progress.deployment, work_in_progress.backup])
def test_codedeploy_and_backup_say_it_by_the_example(region, stack, monkeypatch, begins):
    instance = fleet.standalone(region, agent="none")
    say = work_in_progress.function(region.ec2, monkeypatch, minutes=60)
    say(begins(instance), None)
    answer = stack.start("high-cpu").invoke(high_cpu(instance))
    assert answer.actions == [] and answer.report["stage"] == "waiting"
    assert "busy: the instance is busy until 20" in answer.because(), answer.because()
