"""What the ledger guards: pauses, the disruption budget and correlated failure,
with real conditional writes and processes that race."""

import json
from datetime import datetime, timedelta

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP
from test_follow_up import HEARTBEAT

ROUNDS = 5
PAUSE = {"pause": "symptom:high-cpu", "minutes": 5, "owner": "Anna", "reason": "release 42"}


def high_cpu(instance):
    return alarms.alarm("high-cpu.state-change", instance)


def codes(answer):
    return [reason["code"] for reason in answer.report["because"]]


def test_a_person_pauses_and_lifts_with_one_command_each(region, stack):
    follow_up, function = stack.start(FOLLOW_UP), stack.start("high-cpu")
    (pause,) = follow_up.invoke(PAUSE).body["pauses"]
    assert (pause["scope"], pause["owner"]) == ("symptom:high-cpu", "Anna")
    held = function.invoke(high_cpu(fleet.standalone(region)))
    assert "paused" in codes(held) and held.actions == [], held.story()
    assert "release 42" in stack.notification()["Message"]
    assert follow_up.invoke({"pauses": "list"}).body["pauses"] == [pause]
    later.passes(stack, 2)
    assert follow_up.invoke(HEARTBEAT).actions == []
    stack.notifications(0)  # told once
    assert follow_up.invoke({"lift": "symptom:high-cpu"}).body["pauses"] == []
    later.passes(stack, 2)
    assert [call.name for call in follow_up.invoke(HEARTBEAT).actions] == ["ssm:SendCommand"]


def test_a_pause_of_another_scope_stops_nothing(region, stack):
    follow_up = stack.start(FOLLOW_UP)
    follow_up.invoke(PAUSE | {"pause": "group:somebody-elses"})
    follow_up.invoke(PAUSE | {"pause": "symptom:disk-full"})
    answer = stack.start("high-cpu").invoke(high_cpu(fleet.standalone(region)))
    assert answer.report["outcome"] == "acted", answer.because()
    pauses = follow_up.invoke({"pauses": "list"}).body["pauses"]
    assert len(pauses) == 2


def test_a_pause_that_is_not_quite_right_is_an_error_that_names_the_field(region, stack):
    answer = stack.start(FOLLOW_UP).invoke(PAUSE | {"minutes": "5"})
    assert answer.error_type == "UnreadableEvent" and "minutes" in answer.error_message
    assert answer.calls == []


def test_of_two_members_at_once_one_is_disrupted(region, stack):
    """The budget of ten is one, and one conditional write decides."""
    functions = [stack.start("high-cpu") for _ in range(2)]
    for _ in range(ROUNDS):
        group = fleet.group(region, size=10)
        for member in group.members[:2]:
            region.ec2.create_tags(
                Resources=[member], Tags=[{"Key": "test:ssm", "Value": "none"}]
            )
        sent = [f.send(high_cpu(m)) for f, m in zip(functions, group.members)]
        answers = [f.receive(s) for f, s in zip(functions, sent)]
        acted = [call.name for answer in answers for call in answer.actions]
        assert acted == ["autoscaling:EnterStandby"], "\n".join(a.story() for a in answers)
        (held,) = [answer for answer in answers if answer.report["outcome"] == "held"]
        assert set(codes(held)) & {"budget-spent", "place-taken"}, held.because()
        assert held.report["stage"] == "waiting"


def test_who_waits_goes_on_when_the_place_is_free(region, stack):
    first, second = (fleet.standalone(region, agent="none") for _ in range(2))
    function, follow_up = stack.start("high-cpu"), stack.start(FOLLOW_UP)
    assert function.invoke(high_cpu(first)).report["outcome"] == "acted"
    assert "budget-spent" in codes(function.invoke(high_cpu(second)))
    later.passes(stack, 2)
    assert follow_up.invoke(HEARTBEAT).actions == []
    later.passes(stack, 3 * 60, first)  # it ran out of time, and ends
    ended = follow_up.invoke(HEARTBEAT)
    assert stack.stage(first) == "expired", ended.body
    assert stack.row("standalone#default", "leases").keys() == {"pk", "sk"}
    later.passes(stack, 2)
    went_on = follow_up.invoke(HEARTBEAT)
    assert [call.name for call in went_on.actions] == ["ec2:RebootInstances"], went_on.body


def test_what_three_of_five_show_is_not_mended_one_by_one(region, stack):
    group = fleet.group(region, size=5)
    function = stack.start("high-cpu")
    for member in group.members[:3]:
        answer = function.invoke(high_cpu(member))
        assert answer.report["outcome"] == "acted", "a cleanup is allowed"
    region.ec2.create_tags(
        Resources=[group.members[3]], Tags=[{"Key": "test:ssm", "Value": "none"}]
    )
    answer = function.invoke(high_cpu(group.members[3]))
    assert answer.actions == [] and "load-not-fault" in codes(answer), answer.because()
    assert answer.report["stage"] == "waiting"


def sightings(region, stack, group, member):
    """The rows that note the member as sick, and when it was seen in each."""
    rows = region.dynamodb.query(
        TableName=stack.table,
        KeyConditionExpression="pk = :pool AND begins_with(sk, :sick)",
        ExpressionAttributeValues={
            ":pool": {"S": f"group#{group.name}"},
            ":sick": {"S": "sick#high-cpu#"},
        },
    )["Items"]
    return [(row, json.loads(row[member]["S"])) for row in rows if member in row]


def test_who_is_held_back_and_still_sick_is_noted_again(region, stack):
    """Else the others would be no reason any more after ten minutes."""
    group = fleet.group(region, size=5)
    held = group.members[3]
    fleet.tag(region, held, {"test:ssm": "none"})
    function = stack.start("high-cpu")
    for member in group.members[:4]:
        function.invoke(high_cpu(member))
    assert stack.stage(held) == "waiting"
    ((row, seen),) = sightings(region, stack, group, held)
    long_ago = datetime.fromisoformat(seen["at"]) - timedelta(minutes=2)
    region.dynamodb.update_item(
        TableName=stack.table,
        Key={"pk": row["pk"], "sk": row["sk"]},
        UpdateExpression="SET #member = :older",
        ExpressionAttributeNames={"#member": held},
        ExpressionAttributeValues={
            ":older": {"S": json.dumps(seen | {"at": long_ago.isoformat()})}
        },
    )
    later.passes(stack, 2, held)
    later.measured(stack, held, 99.0)
    answer = stack.start(FOLLOW_UP).invoke(HEARTBEAT)
    assert answer.actions == [], answer.story()
    newest = max(again["at"] for _, again in sightings(region, stack, group, held))
    assert datetime.fromisoformat(newest) >= datetime.fromisoformat(seen["at"])


def test_an_open_session_is_not_torn_down(region, stack):
    instance = fleet.standalone(region, agent="ConnectionLost", ssm_sessions="1")
    answer = stack.start("high-cpu").invoke(high_cpu(instance))
    assert answer.actions == [] and "person-present" in codes(answer), answer.because()


@pytest.mark.parametrize(("kind", "code"), [("c5d.large", "instance-store-lost"), ("c5.large", None)])
def test_an_instance_store_is_not_lost_to_a_replacement(region, stack, kind, code):
    group = fleet.group(region, agent="none", instance_type=kind)
    event = alarms.alarm("disk-full.state-change", group.members[0])
    answer = stack.start("disk-full").invoke(event)
    acted = [call.name for call in answer.actions]
    assert acted == ([] if code else ["autoscaling:SetInstanceHealth"]), answer.because()
    assert (code in codes(answer)) == bool(code)


@pytest.mark.parametrize("size", [2, 40])
def test_the_calls_of_an_alarm_do_not_grow_with_the_fleet(region, stack, size):
    """And neither does what they ask for. Only the group's own description lists
    its members: AWS gives no count of the healthy ones without them."""
    group = fleet.group(region, size=size, agent="none")
    answer = stack.start("high-cpu").invoke(high_cpu(group.members[0]))
    assert answer.report["outcome"] == "acted", answer.because()
    assert sorted(call.name for call in answer.calls) == [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeInstanceRefreshes",
        "autoscaling:EnterStandby",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "dynamodb:BatchGetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:TransactWriteItems",
        "dynamodb:UpdateItem",
        "dynamodb:UpdateItem",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:GetConsoleOutput",
        "s3:PutObject",
        "sns:Publish",
        "ssm:DescribeInstanceInformation",
        "ssm:DescribeSessions",
    ], answer.story()
