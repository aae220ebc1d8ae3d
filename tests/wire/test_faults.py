"""AWS having a bad day: throttles, refusals, outages. A fact that is needed and
cannot be had is a refusal, never a pass."""

import json
import time

import pytest

import alarms
import fleet
import proxy as wire

# Every read, with a situation in which the answer decides. The last test here
# fails when the functions begin to read something that is missing.
READS = {
    "ec2:DescribeInstances": "reboot",
    "ec2:DescribeInstanceStatus": "reboot",
    "ssm:DescribeInstanceInformation": "cleanup",
    "autoscaling:DescribeAutoScalingInstances": "replace",
    "autoscaling:DescribeAutoScalingGroups": "replace",
    "autoscaling:DescribeInstanceRefreshes": "replace",
    "cloudwatch:GetMetricData": "reboot",
    "cloudwatch:DescribeAlarms": "replace",
    "ssm:DescribeSessions": "reboot",
    "ec2:DescribeInstanceTypes": "replace",
    "ec2:DescribeAvailabilityZones": "reboot",
    "dynamodb:BatchGetItem": "cleanup",
}

LEDGER = "dynamodb:BatchGetItem"

# The write that claims: what disrupts takes a place in a budget with it.
CLAIMS = {"cleanup": "PutItem", "reboot": "TransactWriteItems", "replace": "TransactWriteItems"}

ACTIONS = {
    "cleanup": "ssm:SendCommand",
    "reboot": "ec2:RebootInstances",
    "replace": "autoscaling:SetInstanceHealth",
}


def situation(region, stack, rung):
    """A function and an event on which it would carry out the rung."""
    if rung == "replace":
        symptom, instance = "disk-full", fleet.group(region, agent="none").members[0]
    elif rung == "reboot":
        symptom, instance = "high-cpu", fleet.standalone(region, agent="none")
    else:
        symptom, instance = "disk-full", fleet.standalone(region)
    return stack.start(symptom), alarms.alarm(f"{symptom}.state-change", instance)


@pytest.mark.parametrize("how", [wire.THROTTLED, wire.DENIED])
@pytest.mark.parametrize("read", [read for read in READS if read != LEDGER])
def test_a_read_that_fails_is_a_refusal_that_names_it(region, stack, read, how):
    function, event = situation(region, stack, READS[read])
    with region.proxy.fault(*read.split(":"), how) as fault:
        answer = function.invoke(event)
    assert fault.hits, f"{read} was never called:\n{answer.story()}"
    assert answer.report["outcome"] == "held", answer.body
    assert answer.actions == [], answer.story()
    assert read in answer.because()
    (waiting,) = stack.open()
    assert (waiting["stage"], waiting["attempts"]) == ("waiting", [])
    assert waiting["held_back"]["told"] is False, "a call that failed once is no news"


@pytest.mark.parametrize("how", [wire.THROTTLED, wire.DENIED])
def test_without_its_history_nothing_is_begun(region, stack, how):
    function, event = situation(region, stack, "cleanup")
    with region.proxy.fault(*LEDGER.split(":"), how) as fault:
        answer = function.invoke(event)
    assert fault.hits and answer.actions == [], answer.story()
    assert answer.error_type == "LedgerUnreachable" and LEDGER in answer.error_message
    assert stack.incidents() == []


@pytest.mark.parametrize("read", READS)
def test_a_read_that_is_throttled_once_is_repeated(region, stack, read):
    function, event = situation(region, stack, READS[read])
    with region.proxy.fault(*read.split(":"), wire.THROTTLED, times=1):
        answer = function.invoke(event)
    failed = [call for call in answer.named(read) if call.status != 200]
    assert len(failed) == 1, answer.story()
    assert answer.report["rung"] == READS[read], answer.because()
    assert answer.report["outcome"] == "acted", answer.because()


PAGED = {"ssm:DescribeInstanceInformation": "cleanup", "ssm:DescribeSessions": "reboot"}


@pytest.mark.parametrize("read", PAGED)
def test_an_empty_page_is_not_the_whole_list(region, stack, read):
    function, event = situation(region, stack, PAGED[read])
    with region.proxy.fault(*read.split(":"), wire.EMPTY_PAGE, times=2):
        answer = function.invoke(event)
    assert [json.loads(c.body).get("NextToken") for c in answer.named(read)] == [None, "more", "more"]
    assert answer.report["rung"] == PAGED[read], answer.because()


@pytest.mark.parametrize("read", PAGED)
def test_empty_pages_without_an_end_are_a_refusal_that_names_the_read(region, stack, read):
    function, event = situation(region, stack, PAGED[read])
    with region.proxy.fault(*read.split(":"), wire.EMPTY_PAGE):
        answer = function.invoke(event)
    assert (answer.report["outcome"], answer.actions) == ("held", []), answer.because()
    assert read in answer.because()


def test_a_person_on_the_second_page_is_seen(region, stack):
    instance = fleet.standalone(region, agent="none", ssm_sessions="1")
    function, event = stack.start("high-cpu"), alarms.alarm("high-cpu.state-change", instance)
    with region.proxy.fault("ssm", "DescribeSessions", wire.EMPTY_PAGE, times=1):
        answer = function.invoke(event)
    assert (answer.report["outcome"], answer.actions) == ("held", []), answer.because()
    assert "session" in answer.because()


def test_a_query_that_failed_is_no_word_on_the_symptom(region, stack):
    function, event = situation(region, stack, "reboot")
    with region.proxy.fault("cloudwatch", "GetMetricData", wire.INCONCLUSIVE):
        answer = function.invoke(event)
    assert (answer.report["outcome"], answer.actions) == ("held", []), answer.because()
    assert "cloudwatch:GetMetricData" in answer.because() and "InternalError" in answer.because()


@pytest.mark.parametrize("rung", ACTIONS)
def test_an_action_that_is_refused_is_reported(region, stack, rung):
    function, event = situation(region, stack, rung)
    with region.proxy.fault(*ACTIONS[rung].split(":"), wire.DENIED):
        answer = function.invoke(event)
    assert not answer.failed, answer.body
    assert answer.report["outcome"] == "held", answer.because()
    assert ACTIONS[rung] in answer.because()
    (row,) = [row for row in stack.incidents() if row["sk"] == "incident"]
    assert row["is_open"] and row["due_at"] <= time.time() + 60, "the follow-up sees it late"
    attempt = json.loads(row["incident"])["attempts"][-1]
    assert attempt["refused"]["kind"] == "not-permitted"
    assert ACTIONS[rung] in stack.notification()["Message"]


@pytest.mark.parametrize("rung", ACTIONS)
def test_an_action_that_is_throttled_once_happens_once(region, stack, rung):
    """A throttle is a certain no: repeating it is safe."""
    function, event = situation(region, stack, rung)
    with region.proxy.fault(*ACTIONS[rung].split(":"), wire.THROTTLED, times=1):
        answer = function.invoke(event)
    done = [call for call in answer.named(ACTIONS[rung]) if call.status == 200]
    outcome = answer.report["outcome"]
    assert (outcome, len(done)) in (("acted", 1), ("held", 0)), answer.because()


@pytest.mark.parametrize("rung", ACTIONS)
@pytest.mark.parametrize("how", [wire.BROKEN, wire.THROTTLED, wire.DENIED])
def test_without_a_claim_nothing_is_done(region, stack, rung, how):
    """An error, so that Lambda delivers the event again; by then it may work."""
    function, event = situation(region, stack, rung)
    with region.proxy.fault("dynamodb", CLAIMS[rung], how) as fault:
        answer = function.invoke(event)
    assert fault.hits and answer.actions == [], answer.story()
    assert answer.error_type == "LedgerUnreachable"
    assert f"dynamodb:{CLAIMS[rung]}" in answer.error_message
    again = function.invoke(event)
    assert (again.report["outcome"], again.report["rung"]) == ("acted", rung), again.because()


def test_without_the_ledger_nothing_is_done(region, stack):
    function, event = situation(region, stack, "cleanup")
    with region.proxy.fault("dynamodb", "*", wire.BROKEN):
        answer = function.invoke(event)
    assert answer.actions == [], answer.story()
    assert answer.failed or "dynamodb:" in answer.because()


@pytest.mark.parametrize("rung", ACTIONS)
def test_a_claim_whose_answer_was_lost_is_known_and_acted_on_once(region, stack, rung):
    """The SDK repeats the conditional write, which then meets its own claim. To
    take that for somebody else's would leave the alarm without any answer."""
    function, event = situation(region, stack, rung)
    with region.proxy.fault("dynamodb", CLAIMS[rung], wire.ANSWER_LOST, times=1):
        first = function.invoke(event)
    assert first.report["outcome"] == "acted", first.because()
    assert [call.name for call in first.actions] == [ACTIONS[rung]]
    assert function.invoke(event).actions == []


@pytest.mark.parametrize("how", [wire.DENIED, wire.BROKEN])
def test_a_notification_that_fails_is_said_in_the_answer(region, stack, how):
    function, event = situation(region, stack, "cleanup")
    with region.proxy.fault("sns", "Publish", how):
        answer = function.invoke(event)
    assert answer.report["outcome"] == "acted", answer.because()
    assert answer.report["told"] is False
    assert [call.status for call in answer.named("ssm:SendCommand")] == [200]
    assert answer.report["command_id"] in str(stack.incidents())
    stack.notifications(0)


def test_an_outcome_that_cannot_be_written_is_said_in_the_answer(region, stack):
    function, event = situation(region, stack, "cleanup")
    with region.proxy.fault("ssm", "SendCommand", wire.ANSWER_HELD) as sent:
        waiting = function.send(event)
        assert sent.reached.wait(30), "no command was sent"
        with region.proxy.fault("dynamodb", "*", wire.BROKEN):
            sent.released.set()
            answer = function.receive(waiting)
    assert answer.report["outcome"] == "acted", answer.body
    assert "dynamodb:" in answer.because()
    assert stack.notification()["MessageAttributes"]["outcome"]["Value"] == "acted"


def test_an_outcome_whose_answer_was_lost_is_not_called_unrecorded(region, stack):
    """The SDK repeats this write as well, and meets what it has just written."""
    function, event = situation(region, stack, "cleanup")
    with region.proxy.fault("ssm", "SendCommand", wire.ANSWER_HELD) as sent:
        waiting = function.send(event)
        assert sent.reached.wait(30), "no command was sent"
        with region.proxy.fault("dynamodb", "PutItem", wire.ANSWER_LOST, times=1):
            sent.released.set()
            answer = function.receive(waiting)
    assert answer.report["command_id"] in str(stack.incidents())
    assert "not-recorded" not in answer.because()


@pytest.mark.parametrize("rung", ACTIONS)
def test_every_read_is_among_those_that_were_broken(region, stack, rung):
    function, event = situation(region, stack, rung)
    answer = function.invoke(event)
    assert answer.report["rung"] == rung, answer.because()
    # What a console showed is evidence, and decides nothing.
    decisive = {call.name for call in answer.calls if call.reads_only} - {"ec2:GetConsoleOutput"}
    assert decisive <= set(READS)
