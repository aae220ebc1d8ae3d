"""A month of an account is read and rehearsed, as a person types it: nothing is written, what it
takes is told first, and what may not be read is said.

What no emulator keeps (a history of alarms that goes back, CloudTrail, the activities of a group)
is answered in the shapes of AWS's models, page by page; the rest are the emulators.
"""

import json
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone

import cbor2
import pytest

import fleet
import models
import recorded
from command_line import PERSON, remedy
from proxy import DENIED, READS, THROTTLED

# One deployment serves all, so one worker runs them all.
pytestmark = pytest.mark.xdist_group("deployment")

# What stands in the guide for whoever may do this and nothing else.
POLICY = "docs/examples/rehearse-policy.json"


def ago(**delta):
    return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(**delta)


@pytest.fixture
def past(account, monkeypatch):
    kept, forward = Past(), account.proxy.forward

    def answered(call, method, path, headers, body):
        if call.name in kept.pages:
            return kept.answer(call.service, call.operation, body)
        return forward(call, method, path, headers, body)

    monkeypatch.setattr(account.proxy, "forward", answered)
    return kept


@pytest.fixture
def typed(account, deployed, tmp_path):
    def typed(*arguments, key=PERSON, **environment):
        before = len(account.proxy.calls_of(key))
        report = ["--report", str(tmp_path / "page.html")]
        said = remedy(
            account.proxy,
            tmp_path,
            *("--stack", deployed.name, "rehearse", *report, *arguments),
            key=key,
            **environment,
        )
        typed.calls = account.proxy.calls_of(key)[before:]
        return said

    typed.page = tmp_path / "page.html"
    return typed


class Past:
    """What an account has kept, one item a page: so every list is read to its end."""

    def __init__(self):
        self.history, self.trail, self.activities = [], {}, []
        self.pages = {
            "cloudwatch:DescribeAlarmHistory": self.changes,
            "cloudtrail:LookupEvents": self.calls,
            "autoscaling:DescribeScalingActivities": self.acts,
        }

    def answer(self, service, operation, body):
        asked = self.asked(service, body)
        name, all_ = self.pages[f"{service}:{operation}"](asked)
        start = int(asked.get("NextToken") or 0)
        more = {"NextToken": str(start + 1)} if start + 1 < len(all_) else {}
        said = {name: all_[start : start + 1]} | more
        unlike = models.unlike(service, operation, said)
        assert unlike == [], "no answer of AWS's"
        return recorded.said(service, operation, said)

    @staticmethod
    def asked(service, body):
        if service == "cloudwatch":
            return cbor2.loads(body)
        if service == "cloudtrail":
            return json.loads(body)
        return dict(urllib.parse.parse_qsl(body.decode()))

    def changes(self, asked):
        assert asked["ScanBy"] == "TimestampDescending" and asked["MaxRecords"] == 100
        kinds = asked["HistoryItemType"], asked.get("AlarmName")
        found = [
            item
            for item in self.history
            if item["HistoryItemType"] == kinds[0] and kinds[1] in (None, item["AlarmName"])
        ]
        return "AlarmHistoryItems", sorted(found, key=lambda it: it["Timestamp"], reverse=True)

    def calls(self, asked):
        (attribute,) = asked["LookupAttributes"]
        assert attribute["AttributeKey"] == "EventName"
        return "Events", self.trail.get(attribute["AttributeValue"], [])

    def acts(self, asked):
        group = asked["AutoScalingGroupName"]
        return "Activities", [a for a in self.activities if a["AutoScalingGroupName"] == group]

    def rang(self, alarm, at, minutes=30):
        for when, values in ((at, ("OK", "ALARM")), (at + timedelta(minutes=minutes), ("ALARM", "OK"))):
            self.history.append(change(alarm, when, *values))

    def called(self, at, name, parameters, by="Admin/anna"):
        event = {
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": f"arn:aws:sts::111122223333:assumed-role/{by}",
            },
            "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": "ec2.amazonaws.com",
            "eventName": name,
            "requestParameters": parameters,
        }
        self.trail.setdefault(name, []).append(
            {
                "EventId": str(uuid.uuid4()),
                "EventName": name,
                "EventTime": at,
                "EventSource": event["eventSource"],
                "Username": by.split("/")[1],
                "CloudTrailEvent": json.dumps(event),
            }
        )


def state(value, at):
    level, word = (96.5, "") if value == "ALARM" else (12.0, "not ")
    return {
        "stateValue": value,
        "stateReason": f"Threshold Crossed: 1 out of the last 1 datapoints [{level} "
        f"({at:%d/%m/%y %H:%M:00})] was {word}greater than the threshold (90.0) (minimum 1 "
        "datapoint for a transition).",
    }


def change(alarm, at, before, after):
    data = {"version": "1.0", "oldState": state(before, at), "newState": state(after, at)}
    return {
        "AlarmName": alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": at,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {before} to {after}",
        "HistoryData": json.dumps(data),
    }


def watch(account, instance, at):
    """An alarm on an instance's memory, which was full for half an hour from then on."""
    name = f"memory {instance}"
    dimensions = [{"Name": "InstanceId", "Value": instance}]
    watched = {"MetricName": "mem_used_percent", "Dimensions": dimensions}
    data = [
        watched | {"Timestamp": at + timedelta(minutes=minute), "Value": 96.5}
        for minute in range(-5, 30)
    ]
    account.cloudwatch.put_metric_data(Namespace="CWAgent", MetricData=data)
    account.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="CWAgent",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=90.0,
        ComparisonOperator="GreaterThanThreshold",
        **watched,
    )
    return name


def test_a_month_is_read_rehearsed_and_kept(account, deployed, past, typed, tmp_path):
    web, at = fleet.group(account, size=2), ago(days=2)
    instance = web.members[0]
    past.rang(watch(account, instance, at), at)
    reboot = {"instancesSet": {"items": [{"instanceId": instance}]}}
    past.called(at + timedelta(minutes=12), "RebootInstances", reboot)
    past.called(at + timedelta(minutes=13), "RebootInstances", reboot, by="Admin/berta")
    past.activities.append(
        {
            "ActivityId": str(uuid.uuid4()),
            "AutoScalingGroupName": web.name,
            "Cause": "an instance was taken out of service",
            "Description": f"Terminating EC2 instance: {instance}",
            "StartTime": at + timedelta(minutes=20),
            "StatusCode": "Successful",
        }
    )
    kept = tmp_path / "history.json"
    said = typed("--yes", "--json", "--save", str(kept))
    assert said.code == 0, said
    (line,) = said.json()["rehearsal"]["lines"]
    assert (line["instance"], line["measured"]) == (instance, "CWAgent mem_used_percent 96.5 %")
    done = [(act["call"], act["by"]) for act in line["people"]]
    assert done == [
        ("ec2:RebootInstances", "Admin/anna"),
        ("ec2:RebootInstances", "Admin/berta"),
        ("ec2:TerminateInstances", f"Auto Scaling for the group {web.name}"),
    ]
    assert line["courses"][0]["steps"][0]["rung"] == "cleanup", line["courses"]
    assert said.json()["rehearsal"]["missing"] == []
    # What it takes was told first, and nothing was written.
    assert said.errors.startswith(f"{ago(days=30):%Y-%m-%d}"), said.errors
    assert "cost at most $0.01" in said.errors and "none of which changes anything" in said.errors
    names = {call.name for call in typed.calls}
    assert [name for name in names if not name.split(":")[1].startswith((*READS, "Lookup"))] == []
    lookups = sorted(c.started for c in typed.calls if c.name == "cloudtrail:LookupEvents")
    assert len(lookups) == 11, "two pages of reboots, and one of every other call"
    assert lookups[-1] - lookups[0] > 0.5 * 9, "two a second"
    # What was kept is rehearsed again without a call, to the same bytes.
    first = typed.page.read_bytes()
    again = typed("--history", str(kept), "--json")
    assert typed.calls == [] and again.json() == said.json() and again.errors == ""
    assert typed.page.read_bytes() == first


def test_nothing_is_read_by_somebody_who_did_not_agree(account, past, typed):
    at = ago(days=1)
    past.rang(watch(account, fleet.standalone(account), at), at)
    said = typed()
    assert said.code == 2 and said.text == "", said
    assert "--yes" in said.errors and "About" in said.errors
    told = {"lambda:GetFunctionConfiguration", "cloudformation:DescribeStackResource"}
    told |= {"cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"}
    assert {call.name for call in typed.calls} == told
    assert not typed.page.exists()


def test_what_may_not_be_read_is_said_and_the_rest_is_told(account, past, typed):
    at = ago(days=1)
    past.rang(watch(account, fleet.standalone(account), at), at)
    with account.proxy.fault("cloudtrail", "LookupEvents", DENIED) as fault:
        said = typed("--yes")
    assert said.code == 0 and fault.hits == 1, said
    assert "not read: what people did (cloudtrail:LookupEvents failed: AccessDenied" in said.text
    with account.proxy.fault("cloudtrail", "LookupEvents", THROTTLED, times=1) as fault:
        said = typed("--yes")
    assert fault.hits == 1 and "not read" not in said.text, said
    with account.proxy.fault("cloudwatch", "DescribeAlarmHistory", DENIED):
        said = typed("--yes")
    assert said.code == 2 and "cloudwatch:DescribeAlarmHistory failed" in said.errors


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--days", "31"], "31 is not in 1..=30"),
        (["--days", "0"], "0 is not in 1..=30"),
        (["--history", "x", "--yes"], "cannot be used with"),
        (["--history", "/nowhere/history.json"], "cannot read the history '/nowhere/history.json'"),
        (["--yes", "--with", "budget=20"], "budget is no setting"),
        (["--yes", "--save", "/nowhere/history.json"], "cannot write the history"),
    ],
)
def test_what_cannot_be_done_has_a_code_and_a_sentence(past, typed, arguments, told):
    said = typed(*arguments)
    assert said.code == 2 and said.text == "" and told in said.errors, said
    if "--save" not in arguments:
        assert typed.calls == [], "it is said before anything is asked"


def test_the_policy_of_the_guide_is_all_that_it_needs(account, past, typed, pytestconfig):
    at = ago(days=1)
    web = fleet.group(account, size=1)
    past.rang(watch(account, web.members[0], at), at)
    user = f"rehearses-{uuid.uuid4().hex[:8]}"
    account.iam.create_user(UserName=user)
    made = account.iam.create_access_key(UserName=user)["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    policy = json.loads((pytestconfig.rootpath / POLICY).read_text())
    account.iam.put_user_policy(
        UserName=user, PolicyName="rehearses", PolicyDocument=json.dumps(policy)
    )
    said = typed("--yes", "--json", key=key, AWS_SECRET_ACCESS_KEY=secret)
    assert said.code == 0, said
    assert said.json()["rehearsal"]["missing"] == []
    (line,) = said.json()["rehearsal"]["lines"]
    assert line["instance"] == web.members[0]
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert not any(action.endswith("*") for action in allowed)
    asked = {call.name for call in typed.calls}
    assert asked <= allowed, asked - allowed
