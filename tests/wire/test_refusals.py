"""What Remedy leaves alone, and says why: held is a success with a reason.

Each test breaks exactly one condition of an action that would otherwise happen;
test_actions.py shows that it does.
"""

from datetime import timedelta

import pytest

import alarms
import fleet


def held(answer, *codes):
    """Nothing was touched, and the given reasons are among those told."""
    assert answer.report["outcome"] == "held", answer.body
    assert answer.actions == [], answer.story()
    told = [reason["code"] for reason in answer.report["because"]]
    assert set(codes) <= set(told), answer.because()
    assert all(reason["text"].strip() for reason in answer.report["because"])


@pytest.mark.parametrize("agent", ["Online", "ConnectionLost"])
@pytest.mark.parametrize("value", [None, "Enabled", "true", "enabled ", ""])
def test_an_instance_that_has_not_opted_in_is_left_alone(region, stack, agent, value):
    tags = {} if value is None else {"auto-remediation": value}
    instance = fleet.standalone(region, tags=tags, agent=agent)
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    held(answer, "not-opted-in")
    assert stack.incidents() == []


def test_a_group_that_has_not_opted_in_is_not_asked_to_replace(region, stack):
    group = fleet.group(region, tags={}, agent="none")
    fleet.tag(region, group.members[0], fleet.OPTED_IN)
    answer = stack.start("disk-full").invoke(
        alarms.alarm("disk-full.state-change", group.members[0])
    )
    held(answer, "group-not-opted-in")
    assert group.ids() == group.members


@pytest.mark.parametrize("agent", ["Online", "none"])
def test_an_instance_tagged_observe_is_thought_about_and_not_touched(region, stack, agent):
    instance = fleet.standalone(region, tags={"auto-remediation": "observe"}, agent=agent)
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    held(answer, "observing")
    assert answer.report["observe"] is True
    assert answer.report["rung"] == ("cleanup" if agent == "Online" else "reboot")
    told = stack.notification()
    assert told["MessageAttributes"]["outcome"]["Value"] == "held"


def test_a_deployment_in_observe_mode_touches_nothing(region, stack):
    instance = fleet.standalone(region)
    function = stack.start("high-cpu", REMEDY_MODE="observe")
    answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    held(answer, "observing")
    assert answer.report["observe"] is True and answer.report["rung"] == "cleanup"
    stack.notification()


@pytest.mark.parametrize("symptom", ["high-cpu", "disk-full"])
def test_a_request_to_observe_touches_nothing(region, stack, symptom):
    event = alarms.alarm(f"{symptom}.request", fleet.standalone(region))
    answer = stack.start(symptom).invoke(event | {"observe": True})
    held(answer, "observing")
    assert answer.report["observe"] is True


def test_a_stale_alarm_is_not_acted_on(region, stack):
    event = alarms.alarm("high-cpu.state-change", fleet.standalone(region), age=timedelta(minutes=20))
    held(stack.start("high-cpu").invoke(event), "stale")


def test_the_stale_payload_is_not_acted_on(region, stack):
    event = alarms.alarm("high-cpu.stale", fleet.standalone(region))
    held(stack.start("high-cpu").invoke(event), "stale")


def test_an_alarm_from_the_future_is_not_acted_on(region, stack):
    event = alarms.alarm("high-cpu.state-change", fleet.standalone(region), age=timedelta(hours=-1))
    held(stack.start("high-cpu").invoke(event))


@pytest.mark.parametrize("event", ["high-cpu.muted", "high-cpu.muted-contributor"])
def test_a_muted_alarm_is_not_acted_on(region, stack, event):
    held(stack.start("high-cpu").invoke(alarms.alarm(event, fleet.standalone(region))), "muted")


def test_a_suppressed_alarm_is_not_acted_on(region, stack):
    """No payload of AWS shows a suppressed alarm that names an instance:
    suppression is for composite alarms. Should one come, it is honoured."""
    event = alarms.alarm("high-cpu.state-change", fleet.standalone(region))
    event["detail"]["state"]["actionsSuppressedBy"] = "WaitPeriod"
    held(stack.start("high-cpu").invoke(event), "suppressed")


def test_an_alarm_that_nobody_measured_is_not_acted_on(region, stack):
    event = alarms.alarm("high-cpu.missing-data", fleet.standalone(region))
    held(stack.start("high-cpu").invoke(event), "unmeasured")


@pytest.mark.parametrize("change", ["stop_instances", "terminate_instances"])
def test_an_instance_that_does_not_run_is_left_alone(region, stack, change):
    instance = fleet.standalone(region)
    getattr(region.ec2, change)(InstanceIds=[instance])
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    held(answer, "not-running")


def test_a_member_that_was_stopped_is_not_replaced(region, stack):
    """Somebody stopped it, and will not be pleased to find it gone."""
    group = fleet.group(region)
    region.ec2.stop_instances(InstanceIds=group.members[:1])
    event = alarms.alarm("disk-full.state-change", group.members[0])
    held(stack.start("disk-full").invoke(event), "not-running")


def test_an_instance_that_does_not_exist_is_left_alone(region, stack):
    event = alarms.alarm("high-cpu.state-change", "i-0123456789abcdef0")
    held(stack.start("high-cpu").invoke(event))


@pytest.mark.parametrize("agent", ["Online", "none"])
def test_a_member_in_standby_is_left_alone(region, stack, agent):
    group = fleet.group(region, agent=agent)
    region.autoscaling.enter_standby(
        AutoScalingGroupName=group.name,
        InstanceIds=group.members[:1],
        ShouldDecrementDesiredCapacity=True,
    )
    event = alarms.alarm("disk-full.state-change", group.members[0])
    held(stack.start("disk-full").invoke(event), "not-yet-in-service")


@pytest.mark.parametrize("process", ["Launch", "Terminate", "ReplaceUnhealthy"])
def test_a_suspended_process_refuses_a_replacement(region, stack, process):
    group = fleet.group(region, agent="none")
    region.autoscaling.suspend_processes(
        AutoScalingGroupName=group.name, ScalingProcesses=[process]
    )
    event = alarms.alarm("disk-full.state-change", group.members[0])
    answer = stack.start("disk-full").invoke(event)
    held(answer, "process-suspended")
    assert process in answer.because()


def test_an_instance_refresh_refuses_a_replacement(region, stack):
    group = fleet.group(region, agent="none")
    region.autoscaling.start_instance_refresh(AutoScalingGroupName=group.name)
    event = alarms.alarm("disk-full.state-change", group.members[0])
    held(stack.start("disk-full").invoke(event), "refresh-running")


def test_a_refresh_that_is_over_refuses_nothing(region, stack):
    group = fleet.group(region, agent="none")
    region.autoscaling.start_instance_refresh(AutoScalingGroupName=group.name)
    region.autoscaling.cancel_instance_refresh(AutoScalingGroupName=group.name)
    event = alarms.alarm("disk-full.state-change", group.members[0])
    assert stack.start("disk-full").invoke(event).report["rung"] == "replace"


def test_an_impaired_host_is_not_rebooted(region, stack):
    instance = fleet.standalone(region, agent="none", system_status="impaired")
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    held(answer, "system-impaired")


def test_a_group_without_room_does_not_let_a_member_leave_for_a_reboot(region, stack):
    """The next rung is a replacement, which needs no room."""
    group = fleet.group(region, agent="none", health_check="ELB", minimum=2)
    region.autoscaling.update_auto_scaling_group(AutoScalingGroupName=group.name, MaxSize=2)
    event = alarms.alarm("high-cpu.state-change", group.members[0])
    answer = stack.start("high-cpu").invoke(event)
    assert "standby-impossible" in answer.because()
    assert [call.name for call in answer.actions] == ["autoscaling:SetInstanceHealth"]


def test_a_silent_instance_with_a_full_disk_and_no_group_is_left_to_a_person(region, stack):
    instance = fleet.standalone(region, agent="none")
    answer = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    held(answer)
    stack.notification()


def test_windows_is_not_sent_a_script_for_linux(region, stack):
    instance = fleet.standalone(region, ssm_platform="Windows")
    answer = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    assert answer.named("ssm:SendCommand") == [], answer.story()


def test_one_instance_has_one_incident_at_a_time_and_the_next_waits(region, stack):
    instance = fleet.standalone(region)
    first = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    high_cpu, event = stack.start("high-cpu"), alarms.alarm("high-cpu.state-change", instance)
    with region.proxy.delayed(0.25):
        second = high_cpu.invoke(event)
    held(second, "queued")
    assert first.report["incident_id"] in second.because()
    assert [call.name for call in second.changes] == ["dynamodb:PutItem"], second.story()
    assert second.round_trips == 2
    again = high_cpu.invoke(event)
    held(again, "duplicate-delivery")
    assert again.changes == [], again.story()
    open_incident = stack.incident(instance)
    assert open_incident["id"] == first.report["incident_id"]
    (queued,) = open_incident["queued"]
    assert (queued["symptom"], queued["id"]) == ("high-cpu", second.report["incident_id"])


def test_an_alarm_about_the_same_trouble_belongs_to_the_open_incident(region, stack):
    instance, function = fleet.standalone(region), stack.start("disk-full")
    function.invoke(alarms.alarm("disk-full.state-change", instance))
    second = function.invoke(alarms.alarm("disk-full.state-change", instance))
    held(second, "incident-open")
    assert second.changes == [], second.story()


def test_an_alarm_about_several_instances_disrupts_none(region, stack):
    instances = [fleet.standalone(region, agent="none") for _ in range(3)]
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.metric-math", *instances))
    assert answer.actions == [], answer.story()
