"""A function dies at any call, and the next beats finish what it began.

For every call of a step that changes something, one process is killed with the
call on its way out (it never happens), and another with its answer on its way
back (it happened, and nobody knows). A read changes nothing, so dying at one is
dying before the next change; `--every-call` dies there as well.

A new process then beats until all those incidents have ended, side by side.
Whatever the moment of death was: each ends, no attempt reboots twice, and
nothing stays in Standby.
"""

import pytest

import alarms
import fleet
import later
import proxy as wire
from stack import FOLLOW_UP
from test_follow_up import HEARTBEAT

GOOD = 5.0
# Nothing here but the process goes wrong, so no rung has to reach its deadline.
BEATS_MAX = 20
# As long as the effect of a call may take to show: the moment to ask once more
# for what was never asked, and a wrong one to reboot once more.
MINUTES_PER_BEAT = 3

RELIEVED = {"ssm_output": "cpu-ok"}
NOT_ENOUGH = {"ssm_output": "cpu-insufficient"}
NOWHERE_TO_PUT_IT = {"ssm_upload": "no"}
SILENT = {"agent": "none"}
IN_A_GROUP = {"in_a_group": True}

# The step in which a process dies: how the instance pretends to be, and what
# the follow-up saw before, as (minutes that passed, what was measured then).
# Where it saw nothing, the symptom's own function dies.
STEPS = {
    "a cleanup is sent": ("high-cpu", RELIEVED, []),
    "a reboot is asked for": ("high-cpu", SILENT, []),
    "a member leaves service": ("high-cpu", SILENT | IN_A_GROUP, []),
    "a replacement is asked for": ("disk-full", SILENT | IN_A_GROUP, []),
    "a cleanup has helped": ("high-cpu", RELIEVED, [(2, None)]),
    "a cleanup leads to a reboot": ("high-cpu", NOT_ENOUGH, [(2, None)]),
    "a cleanup leads to Standby": ("high-cpu", NOT_ENOUGH | IN_A_GROUP, [(2, None)]),
    "a cleanup leads to a replacement": (
        "disk-full",
        {"ssm_output": "disk-insufficient"} | IN_A_GROUP,
        [(2, None)],
    ),
    "a host is asked what it knows": ("high-cpu", NOT_ENOUGH | NOWHERE_TO_PUT_IT, [(2, None)]),
    "what it knows leads to a reboot": (
        "high-cpu",
        NOT_ENOUGH | NOWHERE_TO_PUT_IT,
        [(2, None), (2, None)],
    ),
    "a member in Standby is rebooted": ("high-cpu", SILENT | IN_A_GROUP, [(2, None)]),
    "a member leaves Standby": ("high-cpu", SILENT | IN_A_GROUP, [(2, None), (6, None)]),
    "a member is back": ("high-cpu", SILENT | IN_A_GROUP, [(2, None), (6, None), (2, None)]),
    "a substitute is there": ("disk-full", SILENT | IN_A_GROUP, [(2, None)]),
    "an incident is resolved": ("high-cpu", RELIEVED, [(2, None), (2, GOOD), (6, GOOD)]),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_at_any_call_is_followed_up(region, stack, step, pytestconfig):
    crash = Crash(region, stack, *STEPS[step])
    calls = crash.undisturbed()
    assert any(not call.reads_only for call in calls)
    for nth, call in enumerate(calls):
        if call.reads_only and not pytestconfig.getoption("--every-call"):
            continue
        crash.dies(call, nth, wire.CALL_HELD)
        crash.dies(call, nth, wire.ANSWER_HELD)
    crash.is_followed_up()


class Trouble:
    """One instance, and what happened to the process that was to help it."""

    def __init__(self, region, symptom, in_a_group=False, **pretend):
        self.group = fleet.group(region, health_check="ELB", **pretend) if in_a_group else None
        self.instance = self.group.members[0] if in_a_group else fleet.alone(region, **pretend)
        self.event = alarms.alarm(f"{symptom}.state-change", self.instance)
        self.trigger = {"instance_id": self.instance}
        self.death = "nothing died"


class Crash:
    """One step, begun again and again, and each time with another end."""

    def __init__(self, region, stack, symptom, pretend, seen):
        self.region, self.stack, self.symptom = region, stack, symptom
        self.pretend, self.seen = pretend, seen
        self.function, self.follow_up = stack.start(symptom), stack.start(FOLLOW_UP)
        self.troubles = []

    def begun(self):
        """An instance in trouble, the step before it, the step's function and event."""
        trouble = Trouble(self.region, self.symptom, **self.pretend)
        self.troubles.append(trouble)
        # Each of them tells, and can die of it.
        self.stack.forget_repeats()
        if not self.seen:
            return trouble, self.symptom, trouble.event
        self.function.invoke(trouble.event)
        for number, (minutes, value) in enumerate(self.seen):
            if number:
                self.follow_up.invoke(trouble.trigger)
            later.passes(self.stack, minutes, trouble.instance)
            if value is not None:
                later.measured(self.stack, trouble.instance, value)
        return trouble, FOLLOW_UP, trouble.trigger

    def undisturbed(self):
        """The calls of the step when nothing dies."""
        _, name, event = self.begun()
        answer = (self.function if name == self.symptom else self.follow_up).invoke(event)
        assert not answer.failed, answer.body
        return answer.calls

    def dies(self, call, nth, how):
        trouble, name, event = self.begun()
        trouble.death = f"{how}: {call.name}, the {nth + 1}th"
        process = self.stack.start(name)
        with self.region.proxy.fault("*", "*", how, times=1, after=nth) as fault:
            process.send(event)
            assert fault.reached.wait(30), f"there was none: {trouble.death}"
            process.kill()

    def is_followed_up(self):
        if not self.seen:
            for trouble in self.troubles:  # Lambda delivers an event again
                self.function.invoke(trouble.event)
        for _ in range(BEATS_MAX):
            later.passes(self.stack, MINUTES_PER_BEAT)
            for incident in self.stack.open():
                if incident["stage"] == "watching":
                    later.measured(self.stack, incident["instance_id"], GOOD)
            answer = self.follow_up.invoke(HEARTBEAT)
            assert not answer.failed and answer.body["left"] == [], answer.body
            if not self.stack.open():
                break
        for trouble in self.troubles:
            self.judge(trouble)
        assert self.stack.due() == []

    def judge(self, trouble):
        incident = self.stack.incident(trouble.instance)
        rungs = [attempt["rung"] for attempt in incident["attempts"]]
        told = f"{trouble.death}: {incident['stage']} after {rungs}"
        assert incident["stage"] == "resolved", told
        assert len(rungs) == len(set(rungs)), told
        reboots = [
            call
            for call in self.region.proxy.calls
            if call.name == "ec2:RebootInstances" and trouble.instance in call.body and call.status
        ]
        assert len(reboots) <= rungs.count("reboot"), f"{told}, {len(reboots)} reboots"
        if trouble.group:
            found = trouble.group.describe()
            states = [member["LifecycleState"] for member in found["Instances"]]
            assert states == ["InService"] * 2 and found["DesiredCapacity"] == 2, f"{told}: {states}"
            if "replace" in rungs:
                assert trouble.instance not in trouble.group.ids(), told
