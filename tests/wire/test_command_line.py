"""The command line before the deployed stack, with IAM in force: what people type and read."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

import fleet
from command_line import PERSON, remedy

# One deployment serves all, so one worker runs them all.
pytestmark = pytest.mark.xdist_group("deployment")


@pytest.fixture
def typed(account, deployed, tmp_path):
    """`typed("pauses")` is what a person in a shell gets; their calls are in `typed.calls()`."""

    def typed(*arguments, stack=deployed.name, **environment):
        named = ["--stack", stack] if stack else []
        return remedy(account.proxy, tmp_path, *named, *arguments, **environment)

    before = len(account.proxy.calls_of(PERSON))
    typed.calls = lambda: [
        f"{call.service}:{call.operation}" for call in account.proxy.calls_of(PERSON)[before:]
    ]
    return typed


def test_a_person_pauses_lists_and_lifts(typed, deployed):
    said = typed("pauses")
    assert (said.code, said.text, said.errors) == (0, "Nothing is paused.\n", "")
    said = typed("pause", "group:shop", "--minutes", "90", "--reason", "release 42")
    row = r"group:shop +\d{4}-\d\d-\d\d \d\d:\d\d UTC +1 h 30 min +anna +release 42"
    assert said.code == 0 and re.search(row, said.text), said
    (pause,) = typed("pauses", "--json").json()["pauses"]
    assert (pause["scope"], pause["owner"], pause["reason"]) == ("group:shop", "anna", "release 42")
    row = deployed.row("pauses", "pauses")
    assert "group:shop" in row, row
    assert typed("lift", "group:shop").text == "Nothing is paused.\n"
    # The two permissions that the guide names, and no other.
    asked = ["cloudformation:DescribeStackResource", "lambda:Invoke"]
    assert typed.calls() == asked * 4


def test_the_function_may_be_named_instead_of_the_stack(typed, deployed):
    said = typed("pauses", "--function", deployed.ids["FollowUpFunction"])
    assert said.code == 0 and typed.calls() == ["lambda:Invoke"]


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["pauses"], {"AWS_REGION": None}, "no region is set"),
        (["pauses"], {"AWS_SECRET_ACCESS_KEY": None}, "no AWS credentials are found"),
        (["pauses", "--function", "no-such"], {}, "lambda:InvokeFunction failed: "),
        (["lift", "shop"], {}, "all, group:NAME"),
        (["pause", "all", "--minutes", "0", "--reason", "x"], {}, "0 is not in 1..=10080"),
        (["pause", "all", "--minutes", "5", "--reason", " "], {}, "the follow-up answers: reason"),
        (["pause", "all", "--minutes", "5", "--reason", "x"], {"USER": None}, "--owner"),
    ],
)
def test_what_could_not_be_asked_has_a_code_and_a_sentence(typed, arguments, environment, told):
    said = typed(*arguments, **environment)
    assert said.code == 2 and said.text == "" and told in said.errors, said


def test_what_is_open_is_listed_and_one_story_is_told(account, deployed, typed):
    # In a group of its own: what is told of one standalone instance is not told of the next.
    instance = fleet.group(account, size=1, ssm_output="disk-ok").members[0]
    wish = {"instance_id": instance, "symptom": "disk-full", "mount": "/"}
    asked = account.functions.invoke(
        FunctionName=deployed.ids["DiskFullFunction"], Payload=json.dumps(wish).encode()
    )
    assert "FunctionError" not in asked, asked["Payload"].read()
    incident = deployed.incident(instance)
    said = typed("incidents")
    assert said.code == 0, said
    (line,) = [line for line in said.text.splitlines() if line.startswith(instance)]
    assert "disk-full" in line and incident["id"] in line, said.text
    for name in (instance, incident["id"]):
        told = typed("incidents", name)
        assert told.code == 0 and "tried cleanup, command " in told.text, told
        assert typed("incidents", name, "--json").json()["id"] == incident["id"]
    said = typed("incidents", "i-0123456789abcdef0")
    assert said.code == 2 and "has had no incident" in said.errors
    assert typed("incidents", "web").code == 2
    assert set(typed.calls()) == {"cloudformation:DescribeStackResource", "lambda:Invoke"}


def test_a_person_answers_a_question_once(account, deployed, typed):
    # In a group of its own: what is told of one standalone instance is not told of the next.
    instance = fleet.group(account, size=1, ssm_output="disk-ok").members[0]
    wish = {"instance_id": instance, "symptom": "disk-full", "mount": "/"}
    account.functions.invoke(
        FunctionName=deployed.ids["DiskFullFunction"], Payload=json.dumps(wish).encode()
    )
    asks(deployed, instance, "0a1b2c3d")
    assert "answer" in typed("incidents", instance).text
    other = typed("answer", instance, "yes", "--question", "ffffffff")
    assert other.code == 2 and "has no open question" in other.errors
    said = typed("answer", instance, "no", "--question", "0a1b2c3d", "--by", "Berta")
    assert (said.code, said.errors) == (0, ""), said
    answer = deployed.incident(instance)["question"]["answer"]
    assert (answer["yes"], answer["by"]) == (False, "Berta")
    again = typed("answer", instance, "yes", "--question", "0a1b2c3d")
    assert again.code == 2, again


def asks(deployed, instance, mark):
    """The instance's incident asks people about its next attempt."""
    now = datetime.now(timezone.utc)
    row = deployed.row(f"instance#{instance}", "incident")
    incident = json.loads(row["incident"])
    incident["question"] = {
        "rung": "reboot",
        "attempt": len(incident["attempts"]) + 1,
        "nonce": mark,
        "asked_at": now.isoformat(),
        "until": (now + timedelta(minutes=15)).isoformat(),
        "silence": "hand-over",
    }
    deployed.account.dynamodb.update_item(
        TableName=deployed.table,
        Key={name: {"S": row[name]} for name in ("pk", "sk")},
        UpdateExpression="SET incident = :json",
        ExpressionAttributeValues={":json": {"S": json.dumps(incident)}},
    )


def test_a_stack_that_is_not_there_is_named(typed):
    said = typed("pauses", stack="nobody")
    assert said.code == 2, said
    assert said.errors.startswith("error: cloudformation:DescribeStackResource failed: "), said
    assert "nobody" in said.errors
