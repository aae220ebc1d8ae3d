"""What the functions write down: the log, and the metrics in it.

On Lambda each line of a process's output is one event of its log group.
"""

import json
from datetime import datetime

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP
from proxy import DENIED
from test_follow_up import GOOD, HEARTBEAT, beat

SECRET = "wJalrXUtnFEMI-not-a-real-secret"


def said(function):
    """The lines of the log that are no metrics."""
    return [line for line in function.lines() if "_aws" not in line]


def test_a_report_is_one_line_with_its_request_and_its_incident(region, stack):
    instance = fleet.standalone(region)
    function = stack.start("high-cpu")
    answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    (line,) = [line for line in said(function) if line["message"] == "report"]
    assert datetime.fromisoformat(line["timestamp"]).utcoffset().total_seconds() == 0
    assert line["level"] == "INFO"
    assert line["span"]["requestId"] == answer.request_id
    assert line["incident_id"] == answer.report["incident_id"]
    assert (line["instance_id"], line["outcome"], line["rung"]) == (instance, "acted", "cleanup")
    assert line["because"] == "lowest-rung" and line["severity"] == "info"
    assert json.loads(line["report"]) == answer.report


def test_why_nothing_was_done_is_one_field(region, stack):
    """The query of docs/operations.md asks for it."""
    function = stack.start("high-cpu")
    function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region, tags={})))
    (line,) = [line for line in said(function) if line["message"] == "report"]
    assert line["outcome"] == "held" and line["because"].split()[0] == "not-opted-in"


def test_neither_secrets_nor_events_stand_in_the_log(region, stack):
    function = stack.start(
        "disk-full", AWS_SECRET_ACCESS_KEY=SECRET, AWS_SESSION_TOKEN=SECRET + "-token"
    )
    event = alarms.alarm("disk-full.state-change", fleet.standalone(region))
    event["detail"]["configuration"]["description"] = "the description " * 50
    function.invoke(event)
    function.invoke(b'{"detail-type": "' + b"x" * 200_000 + b'"}')
    function.invoke(b"x" * 200_000)
    text = function.log.read_text()
    assert SECRET not in text and "the description" not in text
    assert max(len(line) for line in text.splitlines()) < 4_000
    levels = [line["level"] for line in said(function)]
    assert levels.count("ERROR") == 2, "each event that cannot be read is said"


def test_a_call_that_fails_is_said_with_its_incident(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    answer = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    follow_up = stack.start(FOLLOW_UP)
    later.passes(stack, 2)
    with region.proxy.fault("dynamodb", "PutItem", DENIED):
        follow_up.invoke(HEARTBEAT)
    (line,) = [line for line in said(follow_up) if line["level"] == "ERROR"]
    assert line["incident_id"] == answer.report["incident_id"]
    assert "dynamodb:PutItem" in line["message"] and "requestId" in line["span"]
    assert ("IncidentsStuck", FOLLOW_UP, 1.0) in follow_up.metrics()


def test_an_incident_is_counted_from_its_alarm_to_its_end(region, stack):
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    function = stack.start("high-cpu", REMEDY_NAMESPACE="Remedy/prod")
    function.invoke(alarms.alarm("high-cpu.state-change", instance))
    assert function.metrics() == [
        ("Incidents", "high-cpu", 1.0),
        ("Actions", "cleanup", 1.0),
    ]
    (line,) = [line for line in function.lines() if "_aws" in line]
    assert {d["Namespace"] for d in line["_aws"]["CloudWatchMetrics"]} == {"Remedy/prod"}

    follow_up = stack.start(FOLLOW_UP)
    beat(stack, follow_up)
    for _ in range(2):
        later.measured(stack, instance, GOOD)
        beat(stack, follow_up, 6)
    counted = follow_up.metrics()
    assert [name for name, _, _ in counted].count("Heartbeats") == 3
    assert ("IncidentsEnded", "resolved", 1.0) in counted
    (recovery,) = [value for name, _, value in counted if name == "TimeToRecover"]
    assert 12 * 60 <= recovery < 20 * 60
    lags = [value for name, _, value in counted if name == "FollowUpLag"]
    assert lags == [0.0] * 3, "it had time for all"


@pytest.mark.parametrize("function", ["high-cpu", FOLLOW_UP])
def test_an_event_that_cannot_be_read_is_counted(stack, function):
    process = stack.start(function)
    process.invoke(b'{"instance_id": 5}')
    process.invoke(b"rubbish")
    assert process.metrics() == [("UnreadableEvents", function, 1.0)] * 2


def test_a_hint_is_no_heartbeat(region, stack):
    follow_up = stack.start(FOLLOW_UP)
    follow_up.invoke({"instance_id": fleet.standalone(region)})
    assert follow_up.metrics() == []


@pytest.mark.parametrize(("level", "lines"), [("INFO", 1), ("WARN", 0), ("FATAL", 0)])
def test_lambdas_own_level_is_obeyed(region, stack, level, lines):
    function = stack.start("high-cpu", AWS_LAMBDA_LOG_LEVEL=level)
    function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region)))
    assert len(said(function)) == lines
