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


def test_a_person_has_an_instance_and_an_incident_explained(account, deployed, typed):
    # In a group of its own: what is told of one standalone instance is not told of the next.
    instance = fleet.group(account, size=1, ssm_output="disk-ok").members[0]
    said = typed("explain", instance, "--symptom", "high-cpu")
    assert (said.code, said.errors) == (0, ""), said
    assert said.text.startswith(f"{instance} at ") and "If an alarm of high-cpu came now" in said.text
    assert "memory-pressure" not in said.text
    for word in ("yes", "unknown"):
        assert re.search(rf"^    {word} ", said.text, re.MULTILINE), (word, said.text)
    told = typed("explain", instance, "--symptom", "disk-full", "--mount", "/", "--json").json()
    (symptom,) = told["symptoms"]
    assert (symptom["symptom"], symptom["would"], symptom["rung"]) == ("disk-full", "act", "cleanup")
    assert len(typed("explain", instance, "--json").json()["symptoms"]) == 5
    wish = {"instance_id": instance, "symptom": "disk-full", "mount": "/"}
    account.functions.invoke(
        FunctionName=deployed.ids["DiskFullFunction"], Payload=json.dumps(wish).encode()
    )
    incident = deployed.incident(instance)["id"]
    for named in ([incident], [incident, "--instance", instance]):
        said = typed("explain", *named)
        assert said.code == 0 and said.text.startswith(f"{incident}: disk-full on {instance}"), said
        assert "lowest-rung" in said.text
    assert set(typed.calls()) == {"cloudformation:DescribeStackResource", "lambda:Invoke"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["web server"], "the follow-up answers: "),
        (["high-cpu-20261120t031246z-496ea297"], "the ledger has no such incident"),
        (["i-0123abcd", "--symptom", "slow"], "--symptom"),
        (["i-0123abcd", "--mount", "tmp"], "--mount"),
        (["high-cpu-1", "--instance", "web"], "--instance"),
        (["high-cpu-1", "--instance", "i-0123abcd", "--symptom", "high-cpu"], "cannot be used with"),
    ],
)
def test_what_cannot_be_explained_has_a_code_and_a_sentence(typed, arguments, told):
    said = typed("explain", *arguments)
    assert said.code == 2 and said.text == "" and told in said.errors, said


def test_every_page_of_what_is_open_is_listed(account, deployed, typed, monkeypatch):
    instances = [fleet.group(account, size=1).members[0] for _ in range(2)]
    for instance in instances:
        wish = {"instance_id": instance, "symptom": "high-cpu"}
        account.functions.invoke(
            FunctionName=deployed.ids["HighCpuFunction"], Payload=json.dumps(wish).encode()
        )
    forward, pages = account.proxy.forward, []

    def cut(call, method, path, headers, body):
        """A page is 1 MB at most; here the first is a row. The index holds nothing but keys."""
        status, headers, answer = forward(call, method, path, headers, body)
        if call.name == "dynamodb:Scan":
            pages.append(call)
            if "ExclusiveStartKey" not in json.loads(body):
                row, *_ = json.loads(answer)["Items"]
                first = {"Items": [row], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": row}
                return status, {"Content-Type": headers["Content-Type"]}, json.dumps(first).encode()
        return status, headers, answer

    monkeypatch.setattr(account.proxy, "forward", cut)
    said = typed("incidents")
    assert all(instance in said.text for instance in instances), said.text
    assert len(pages) > 1 and said.code == 0


def test_a_row_that_nobody_can_read_is_a_finding(account, deployed, typed):
    key = {"pk": {"S": "instance#i-0bad0bad0bad0bad0"}, "sk": {"S": "incident"}}
    # No heartbeat takes it up meanwhile.
    later = str(int((datetime.now(timezone.utc) + timedelta(hours=1)).timestamp()))
    due = {"due_shard": {"S": "due"}, "due_at": {"N": later}, "incident": {"S": "{"}}
    account.dynamodb.put_item(TableName=deployed.table, Item=key | due)
    try:
        said = typed("incidents")
    finally:
        account.dynamodb.delete_item(TableName=deployed.table, Key=key)
    assert said.code == 1 and said.text.startswith("unreadable: "), said
    assert typed("incidents").code == 0


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


def test_an_answer_that_comes_too_late_is_a_finding(account, deployed, typed):
    instance = fleet.group(account, size=1, ssm_output="disk-ok").members[0]
    wish = {"instance_id": instance, "symptom": "disk-full", "mount": "/"}
    account.functions.invoke(
        FunctionName=deployed.ids["DiskFullFunction"], Payload=json.dumps(wish).encode()
    )
    asks(deployed, instance, "0a1b2c3d", minutes=-1)
    said = typed("answer", instance, "yes", "--question", "0a1b2c3d", "--json")
    assert said.code == 1 and said.json()["taken"] is False, said


def asks(deployed, instance, mark, minutes=15):
    """The instance's incident asks people about its next attempt."""
    now = datetime.now(timezone.utc)
    row = deployed.row(f"instance#{instance}", "incident")
    incident = json.loads(row["incident"])
    incident["question"] = {
        "rung": "reboot",
        "attempt": len(incident["attempts"]) + 1,
        "nonce": mark,
        "asked_at": now.isoformat(),
        "until": (now + timedelta(minutes=minutes)).isoformat(),
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
