"""A stack of the version before becomes one of this version, and goes back, as docs/deploy.md says.

The version before is 0.1.0: its plain template (tests/release/0.1.0.yaml), and the rows it wrote
(functions/remedy/tests/rows), one for each stage that an incident may be in. Its programs are not
kept, so nothing is followed up before the upgrade. Which change of a property makes CloudFormation
replace a resource is told by its own schemas, which cfn-lint brings.
"""

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import fleet
import later
import plain
import template
from deployment import CODE_BUCKET, Account, Plain
from region import REGION

# An account of its own: this stack acts, and one of a region does.
pytestmark = pytest.mark.xdist_group("upgrade")

ROOT = Path(__file__).parent.parent.parent
BEFORE = template.read(ROOT / "tests" / "release" / "0.1.0.yaml")
ROWS = (ROOT / "functions" / "remedy" / "tests" / "rows" / "0.1.0.jsonl").read_text().splitlines()
# What holds something that would be lost with it: incidents, evidence, subscriptions, letters.
HOLDS = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}
# Rows of these are in the ledger, and nobody follows them up.
ENDED = {"resolved", "handed-over", "expired", "withdrawn"}
# When the newest of these rows was written.
WRITTEN = max(re.findall(r'"stage_since":"([^"]+)"', "".join(ROWS)))


def holding(body):
    return {name: r for name, r in body["Resources"].items() if r["Type"] in HOLDS}


def test_nothing_that_holds_something_is_renamed_or_replaced():
    now = plain.plain()
    for name, before in holding(BEFORE).items():
        after = now["Resources"].get(name)
        assert after and after["Type"] == before["Type"], f"{name} would be deleted"
        assert after.get("Condition") == before.get("Condition"), name
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, before["Type"]).schema
        for pointer in schema.get("createOnlyProperties", ()):
            property_ = pointer.removeprefix("/properties/").split("/")[0]
            given = [r.get("Properties", {}).get(property_) for r in (before, after)]
            assert given[0] == given[1], f"{name}.{property_} would replace it"
    assert len(holding(BEFORE)) >= 7


def test_at_most_one_index_of_the_ledger_comes_or_goes_and_none_is_another():
    """DynamoDB makes or removes one index in an update, and changes none (CloudFormation's
    reference, AWS::DynamoDB::Table, "GlobalSecondaryIndexes")."""
    before, after = (
        {
            index["IndexName"]: index
            for index in body["Resources"]["Ledger"]["Properties"]["GlobalSecondaryIndexes"]
        }
        for body in (BEFORE, plain.plain())
    )
    assert len(before.keys() ^ after.keys()) <= 1, (set(before), set(after))
    for name in before.keys() & after.keys():
        assert before[name] == after[name], name


class Before(Plain):
    """The stack of the version before, which may become one of this version."""

    def __init__(self, account):
        super().__init__(account, ChatTopic="yes")

    def body(self):
        return template.read(ROOT / "tests" / "release" / "0.1.0.yaml")

    def becomes(self, body, ends="UPDATE_COMPLETE"):
        """The stack is updated to another template, or that is undone."""
        given = {"Mode": "act", "ChatTopic": "yes"}
        given |= {"CodeBucket": CODE_BUCKET}
        self.account.stacks.update_stack(**self._sent(body, given))
        self._wait(ends)

    def holds(self):
        """What stands for each resource that holds something."""
        pages = self.account.stacks.get_paginator("list_stack_resources")
        found = {
            r["LogicalResourceId"]: r["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for r in page["StackResourceSummaries"]
        }
        self.ids = found
        return {name: found[name] for name in holding(BEFORE)}

    def asks_follow_up(self, event):
        answer = self.account.functions.invoke(
            FunctionName=self.ids["FollowUpFunction"], Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read())


def without_expiry(body):
    body["Resources"]["Ledger"]["Properties"]["TimeToLiveSpecification"]["Enabled"] = False
    return body


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    account = Account(tmp_path_factory.mktemp("upgrade"))
    yield account
    account.stop()


def written_before(account, stack):
    """The rows of the version before, about instances that are there, and now."""
    written = datetime.fromisoformat(WRITTEN)
    passed = (datetime.now(timezone.utc) - written).total_seconds()
    stages = {}
    for line in ROWS:
        instance = fleet.standalone(account)
        incident = json.loads(line)
        text = line.replace(incident["instance_id"], instance)
        incident = later.older(json.loads(text), -passed)
        is_open = incident["stage"] not in ENDED
        row = {
            "pk": {"S": f"instance#{instance}"},
            "sk": {"S": "incident"},
            "is_open": {"BOOL": is_open},
            "expires_at": {"N": later.seconds_of(incident["expires_at"])},
            "incident": {"S": json.dumps(incident)},
        }
        if is_open:
            row |= {"due_shard": {"S": "due"}, "due_at": {"N": later.seconds_of(incident["due_at"])}}
            stages[instance] = incident["stage"]
        stack.region.dynamodb.put_item(TableName=stack.table, Item=row)
    return stages


def test_open_incidents_go_on_after_an_upgrade_and_a_way_back(account):
    stack = Before(account)
    held = stack.holds()
    stages = written_before(account, stack)
    assert len(set(stages.values())) == 8, stages

    broken = plain.plain()
    broken["Resources"]["Alarms"]["Properties"]["KmsMasterKeyId"] = {"Fn::GetAtt": ["Ledger", "No"]}
    stack.becomes(broken, "UPDATE_ROLLBACK_COMPLETE")
    assert stack.holds() == held and len(stack.open()) == len(stages)

    # The guide, "Upgrade a ledger of before the first release": a table's attribute for expiry is
    # changed by disabling expiry first.
    stack.becomes(without_expiry(stack.body()))
    stack.becomes(plain.plain())
    assert stack.holds() == held
    answer = stack.asks_follow_up({"incidents": "open"})
    assert answer["unreadable"] == [], answer
    listed = {incident["instance_id"] for incident in answer["incidents"]}
    # A heartbeat may have come before, and ended some.
    ended = {instance for instance in stages if stack.stage(instance) in ENDED}
    assert listed | ended == set(stages), answer
    later.passes(stack, 30)
    for instance, stage in stages.items():
        answer = stack.asks_follow_up({"instance_id": instance})
        assert "errorType" not in answer and answer["left"] == [], (stage, answer)

    for row in stack.open_rows():
        key = {name: {"S": row[name]} for name in ("pk", "sk")}
        account.dynamodb.delete_item(TableName=stack.table, Key=key)
    stack.becomes(without_expiry(plain.plain()))
    stack.becomes(without_expiry(stack.body()))
    assert stack.holds() == held and stack.open() == [] and stack.incidents() != []
