"""Who gets which payload: the template's event patterns on everything in events/, by an
engine that is not ours.

The engine is LocalStack's, whose answers its authors compare with AWS's own. Of its
package one file is loaded, and the one name that file imports is given to it here: the
rest would be LocalStack itself.
"""

import importlib.util
import json
import os
import sys
import types
from pathlib import Path

import pytest

import alarms
import template
import work_in_progress
from conftest import REFERENCES

TABLE = Path(__file__).parent / "deliveries.txt"
HEADING = "# What each payload of events/ sets off: held by test_patterns.py."


class InvalidEventPatternException(Exception):
    """What the engine says of a pattern that AWS would refuse."""

    def __init__(self, reason=None, message=None):
        super().__init__(message or reason)


@pytest.fixture(scope="session")
def engine():
    api = types.ModuleType("localstack.aws.api.events")
    api.InvalidEventPatternException = InvalidEventPatternException
    sys.modules["localstack.aws.api.events"] = api
    file = REFERENCES / "localstack/services/events/event_rule_engine.py"
    found = importlib.util.spec_from_file_location("event_rule_engine", file)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    del sys.modules["localstack.aws.api.events"]
    return module


def patterns(queue=None):
    """The pattern of every rule, by its name, or of those that write to a queue; a document's
    name stands for it."""
    return {
        name: named(rule["EventPattern"])
        for name, rule in template.of_type("AWS::Events::Rule").items()
        if queue in (None, rule["Targets"][0]["Arn"]["Fn::GetAtt"].removesuffix(".Arn"))
    }


def named(pattern):
    if isinstance(pattern, dict):
        return pattern["Ref"] if "Ref" in pattern else {k: named(v) for k, v in pattern.items()}
    return [named(item) for item in pattern] if isinstance(pattern, list) else pattern


def receivers(engine, event):
    """The rules that an event would set off."""
    compiler, matcher = engine.EventPatternCompiler(), engine.EventRuleEngine()
    return [
        rule
        for rule, pattern in patterns().items()
        if isinstance(event, dict)
        and matcher.evaluate_pattern_on_event(
            compiler.compile_event_pattern(json.dumps(pattern)), event
        )
    ]


def delivered(engine):
    """A line for each payload: its name, and the rules it sets off."""
    lines = []
    for name in alarms.names():
        found = receivers(engine, json.loads(alarms.payload(name)))
        lines.append(f"{name:45}{' '.join(found) or '-'}".rstrip())
    return lines


def test_each_payload_goes_where_the_table_says(engine):
    """Whatever an alarm sends to a function itself, or over SNS, sets off no rule; those
    lines have a dash. Payloads that are added or changed change the table with them:
    `UPDATE=1 make aws` writes it, to be read before it is committed."""
    if os.environ.get("UPDATE"):
        TABLE.write_text("\n".join([HEADING, *delivered(engine)]) + "\n")
    table = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    assert delivered(engine) == table


def test_no_payload_sets_off_two_rules_and_each_rule_gets_some(engine):
    found = [line.split()[1:] for line in delivered(engine)]
    assert all(len(rules) == 1 for rules in found)
    alarming = set(patterns("AlarmQueue"))
    assert len(alarming) == 5 and alarming <= {rules[0] for rules in found}


# The samples of the guides ("Monitoring Systems Manager events with EventBridge", "EC2 Auto
# Scaling event reference"), with the parts that a pattern can see.
HINTS = [
    ("aws.ssm", "EC2 Command Invocation Status-change Notification", "Success", "CommandEnded"),
    ("aws.ssm", "EC2 Command Invocation Status-change Notification", "TimedOut", "CommandEnded"),
    ("aws.ssm", "EC2 Command Invocation Status-change Notification", "InProgress", None),
    ("aws.ssm", "EC2 Command Status-change Notification", "Success", None),
    ("aws.autoscaling", "EC2 Instance Terminate Successful", "InProgress", "MemberTerminated"),
    ("aws.autoscaling", "EC2 Instance Launch Successful", "InProgress", None),
]


@pytest.mark.parametrize(("source", "kind", "status", "rule"), HINTS)
def test_a_hint_goes_to_the_follow_up(engine, source, kind, status, rule):
    detail = {
        "command-id": "0c1f3d58-7a4e-4f0b-9a0e-6b1f6a1f4d11",
        "document-name": "DiskFullDocument",
        "instance-id": "i-0123456789abcdef0",
        "status": status,
        "StatusCode": status,
    }
    event = {"source": source, "detail-type": kind, "detail": detail}
    assert receivers(engine, event) == ([f"{rule}Rule"] if rule else [])
    assert set(receivers(engine, event)) <= set(patterns("HintQueue"))
    foreign = event | {"detail": detail | {"document-name": "AWS-RunShellScript"}}
    if source == "aws.ssm":
        assert receivers(engine, foreign) == []


@pytest.mark.parametrize(
    "pattern", [{"source": "aws.ssm"}, {"detail": {"a": [{"like": "b"}]}}]
)
def test_the_engine_refuses_what_aws_refuses(engine, pattern):
    with pytest.raises(InvalidEventPatternException):
        engine.EventPatternCompiler().compile_event_pattern(json.dumps(pattern))


def test_the_example_of_work_in_progress_hears_its_beginnings(engine):
    instance = "i-0a1b2c3d4e5f60718"
    compiler, matcher = engine.EventPatternCompiler(), engine.EventRuleEngine()

    def hear(event):
        rules = work_in_progress.patterns().items()
        compiled = {name: compiler.compile_event_pattern(json.dumps(rule)) for name, rule in rules}
        hears = matcher.evaluate_pattern_on_event
        return [name for name, rule in compiled.items() if hears(rule, event)]

    assert hear(work_in_progress.deployment(instance)) == ["DeploymentBegins"]
    assert hear(work_in_progress.backup(instance)) == ["BackupBegins"]
    for over in ["SUCCESS", "FAILURE"]:
        assert hear(work_in_progress.deployment(instance, over)) == []
    assert hear(work_in_progress.backup(instance, "COMPLETED")) == []
    assert hear(work_in_progress.deployment("on-premises-1")) == []
