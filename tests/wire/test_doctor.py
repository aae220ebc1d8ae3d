"""The doctor before a deployed stack and a fleet of its own: ten faults are planted, ten are found,
and each is gone once its own mending command was run. Then nothing is left to find."""

import json
import shlex
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

import cbor2
import pytest

import fleet
import models
import recorded
from command_line import PERSON, remedy
from deployment import Account, Deployment
from proxy import DENIED

# An account of its own: what others leave in theirs would be found.
pytestmark = pytest.mark.xdist_group("doctor")

GONE = "i-0dead0dead0dead00"
SWALLOWS = {"severity": ["info"]}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    account = Account(tmp_path_factory.mktemp("doctor"))
    yield account
    account.stop()


@pytest.fixture(scope="module")
def deployed(account):
    deployed = Deployment(account, Units="app.service")
    beats(deployed)
    return deployed


@pytest.fixture
def typed(account, deployed, tmp_path):
    return lambda *arguments: remedy(
        account.proxy, tmp_path, "--stack", deployed.name, *arguments
    )


def beats(deployed):
    """CloudWatch makes metrics of the functions' log lines, which no emulator does."""
    put(deployed.account, f"Remedy/{deployed.name}", "Heartbeats", {"function": "follow-up"}, 1.0)


def put(account, namespace, name, dimensions, value, ago=60):
    account.cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
                "Timestamp": datetime.now(timezone.utc) - timedelta(seconds=ago),
                "Value": value,
            }
        ],
    )


def watch(account, instance, ago=60):
    """An alarm on an instance's memory, and a value of its metric so many seconds ago."""
    name = f"memory {instance}"
    put(account, "CWAgent", "mem_used_percent", {"InstanceId": instance}, 40.0, ago)
    account.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="CWAgent",
        MetricName="mem_used_percent",
        Dimensions=[{"Name": "InstanceId", "Value": instance}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=5,
        Threshold=90.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="missing",
    )
    account.cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="well")
    return name


def settles(account):
    """The alarms of a stack that was just made have looked once, and are well."""
    for page in account.cloudwatch.get_paginator("describe_alarms").paginate():
        for alarm in page["MetricAlarms"]:
            account.cloudwatch.set_alarm_state(
                AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="well"
            )


def plant(account, deployed):
    """A sound fleet with ten faults: the code of each, and whom it is about."""
    sound = fleet.group(account, size=2)
    shut, strange = fleet.group(account, size=1), fleet.group(account, size=1)
    mistyped, limited, bare, lost = [fleet.standalone(account) for _ in range(4)]
    for instance in (*sound.members, *shut.members, *strange.members, mistyped, limited, bare):
        watch(account, instance)
    silent = watch(account, lost, ago=5 * 3600)
    disabled = watch(account, sound.members[0])
    account.cloudwatch.disable_alarm_actions(AlarmNames=[disabled])
    gone = watch(account, GONE)
    fleet.tag(account, mistyped, {"auto-remediation": "yes"})
    fleet.tag(account, limited, {"auto-remediation-max": "restart"})
    account.ec2.delete_tags(Resources=[bare], Tags=[{"Key": "auto-remediation"}])
    account.autoscaling.suspend_processes(
        AutoScalingGroupName=shut.name, ScalingProcesses=["Launch"]
    )
    account.autoscaling.delete_tags(
        Tags=[
            {
                "ResourceId": strange.name,
                "ResourceType": "auto-scaling-group",
                "Key": "auto-remediation",
            }
        ]
    )
    queue = deployed.subscribed("swallowing", SWALLOWS)
    forgotten_pause(deployed, "group:shop")
    return {
        "alarm-metric-silent": silent,
        "alarm-actions-disabled": disabled,
        "alarm-instance-gone": gone,
        "opt-in-unreadable": mistyped,
        "limit-unreadable": limited,
        "instance-not-opted-in": bare,
        "group-launch-suspended": shut.name,
        "group-not-opted-in": strange.name,
        "subscription-filters-critical": account.sqs.get_queue_attributes(
            QueueUrl=queue, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"],
        "pause-forgotten": "group:shop",
    }


def forgotten_pause(deployed, scope):
    now = datetime.now(timezone.utc)
    pause = {
        "scope": scope,
        "reason": "release 42",
        "owner": "Anna",
        "since": (now - timedelta(hours=30)).isoformat(),
        "until": (now + timedelta(hours=30)).isoformat(),
        "harm": False,
    }
    deployed.account.dynamodb.update_item(
        TableName=deployed.table,
        Key={"pk": {"S": "pauses"}, "sk": {"S": "pauses"}},
        UpdateExpression="SET #scope = :pause",
        ExpressionAttributeNames={"#scope": scope},
        ExpressionAttributeValues={":pause": {"S": json.dumps(pause)}},
    )


def mend(account, typed, finding):
    """Does what the doctor says, as a person who copies it."""
    words = shlex.split(finding["mend"])
    if words[0] == "remedy":
        assert typed(*words[1:]).code == 0
    elif words[0] == "aws":
        run(account, words[1], words[2], words[3:])
    else:
        # The agent that is restarted publishes again.
        assert finding["mend"].startswith("sudo systemctl restart amazon-cloudwatch-agent (on i-")
        watch(account, words[-1].removesuffix(")"))


def run(account, service, command, words):
    """`aws SERVICE COMMAND --option value`, by botocore's model of the call, as the AWS CLI
    does (its user guide, "Using shorthand syntax")."""
    operation = "".join(part.capitalize() for part in command.split("-"))
    members = models.service(service).operation_model(operation).input_shape.members
    given, option = {}, None
    for word in words:
        if word.startswith("--"):
            option = "".join(part.capitalize() for part in word[2:].split("-"))
            assert option in members, f"{service} {command} has no {word}"
            given[option] = []
        else:
            given[option].append(word)
    values = {name: value_of(members[name], words) for name, words in given.items()}
    getattr(getattr(account, service), command.replace("-", "_"))(**values)


def value_of(shape, words):
    if shape.type_name == "list" and shape.member.type_name == "structure":
        return [
            {
                name: {"true": True, "false": False}.get(value, value)
                for name, value in (pair.split("=", 1) for pair in word.split(","))
            }
            for word in words
        ]
    if shape.type_name == "list":
        return words
    (word,) = words
    return int(word) if shape.type_name == "integer" else word


def test_ten_planted_faults_are_found_and_mended(account, deployed, typed):
    settles(account)
    well = typed("doctor", "--json")
    assert well.code == 0, well
    assert (well.json()["findings"], well.json()["unknown"]) == ([], [])
    planted = plant(account, deployed)
    assert len(planted) == 10
    said = typed("doctor", "--json")
    findings = said.json()["findings"]
    assert {finding["code"]: finding["about"] for finding in findings} == planted
    assert len(findings) == 10 and said.json()["unknown"] == []
    assert said.code == 1 and said.errors == ""
    text = typed("doctor").text
    assert text.count("\n\n") == 10 and "\x1b" not in text, text
    for finding in findings:
        mend(account, typed, finding)
    mended = typed("doctor")
    assert mended.code == 0 and mended.text.rstrip().endswith("all is well."), mended


def test_the_stack_answers_with_its_own_role(account, deployed, typed):
    """Nothing that it may ask is denied, and what it may not ask is said."""
    watch(account, fleet.alone(account))
    settles(account)
    began = time.monotonic()
    answer = account.functions.invoke(
        FunctionName=deployed.ids["FollowUpFunction"], Payload=b'{"doctor": {}}'
    )
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    # Whether it may reboot is tried without a reboot.
    tried = [c for c in account.proxy.calls if c.started > began and not c.reads_only]
    tried = [dict(urllib.parse.parse_qsl(c.body)) for c in tried if c.service == "ec2"]
    assert [(call["Action"], call["DryRun"]) for call in tried] == [("RebootInstances", "true")]
    assert [unclear["what"] for unclear in told["unknown"]] == [
        "SSM documents",
        "subscriptions",
        "the role's permissions",
    ]
    assert all("only your own credentials" in unclear["why"] for unclear in told["unknown"])
    assert told["findings"] == [] and told["looked_at"]["alarms"] > 10


def test_what_may_not_be_read_is_unknown_and_not_well(account, deployed, typed):
    watch(account, fleet.standalone(account))
    settles(account)
    beats(deployed)
    documents = recorded.replayed(account, "ssm.DescribeDocument.active")
    with documents, account.proxy.fault("ssm", "DescribeInstanceInformation", DENIED):
        said = typed("doctor", "--json")
    assert said.code == 1 and said.json()["findings"] == [], said
    (unclear,) = said.json()["unknown"]
    assert unclear["what"] == "SSM agents", unclear
    assert "ssm:DescribeInstanceInformation" in unclear["why"]


INSTANCES = 1000


class Crowd:
    """A region that is answered page by page as AWS's models have it, as large as the caller asks
    for: an emulator takes minutes for as many."""

    def __init__(self):
        ids = [f"i-{n:017x}" for n in range(INSTANCES)]
        tags = [{"Key": "auto-remediation", "Value": "observe"}]
        now = datetime.now(timezone.utc)
        self.lists = {
            "DescribeInstances": [
                {"InstanceId": i, "State": {"Code": 16, "Name": "running"}, "Tags": tags}
                for i in ids
            ],
            "DescribeInstanceStatus": [{"InstanceId": i} for i in ids],
            "DescribeInstanceInformation": [
                {
                    "InstanceId": i,
                    "PingStatus": "Online",
                    "LastPingDateTime": now,
                    "PlatformType": "Linux",
                    "AgentVersion": "3.3.3572.0",
                }
                for i in ids
            ],
            "DescribeAlarms": [
                {
                    "AlarmName": f"{name} {i}",
                    "Namespace": "CWAgent",
                    "MetricName": name,
                    "Dimensions": [{"Name": "InstanceId", "Value": i}],
                    "Statistic": "Average",
                    "Period": 60,
                    "Threshold": 90.0,
                    "ComparisonOperator": "GreaterThanThreshold",
                    "StateValue": "OK",
                }
                for i in ids
                for name in ("mem_used_percent", "cpu_usage_active", "disk_used_percent")
            ],
        }

    def answer(self, service, operation, body):
        asked = self.asked(service, body)
        if operation == "GetMetricData":
            empty = {"StatusCode": "Complete", "Timestamps": [], "Values": []}
            results = [{"Id": query["Id"]} | empty for query in asked["MetricDataQueries"]]
            return recorded.said(service, operation, {"MetricDataResults": results})
        size = int(asked.get("MaxResults") or asked.get("MaxRecords"))
        start, every = int(asked.get("NextToken") or 0), self.lists[operation]
        page = every[start : start + size]
        said = {
            "DescribeInstances": {"Reservations": [{"Instances": page}]},
            "DescribeInstanceStatus": {"InstanceStatuses": page},
            "DescribeInstanceInformation": {"InstanceInformationList": page},
            "DescribeAlarms": {"MetricAlarms": page},
        }[operation]
        more = {"NextToken": str(start + size)} if start + size < len(every) else {}
        return recorded.said(service, operation, said | more)

    @staticmethod
    def asked(service, body):
        if service == "cloudwatch":
            return cbor2.loads(body)
        if service == "ssm":
            return json.loads(body)
        return dict(urllib.parse.parse_qsl(body.decode()))


def test_a_thousand_instances_and_three_thousand_alarms_are_a_minute(
    account, deployed, typed, monkeypatch
):
    crowd, forward = Crowd(), account.proxy.forward

    def answered(call, method, path, headers, body):
        if call.operation in (*crowd.lists, "GetMetricData"):
            return crowd.answer(call.service, call.operation, body)
        return forward(call, method, path, headers, body)

    monkeypatch.setattr(account.proxy, "forward", answered)
    before, began = len(account.proxy.calls_of(PERSON)), time.monotonic()
    said = typed("doctor", "--json")
    took, calls = time.monotonic() - began, account.proxy.calls_of(PERSON)[before:]
    looked_at = said.json()["looked_at"]
    assert (looked_at["instances"], looked_at["alarms"]) == (INSTANCES, 3 * INSTANCES)
    # Nobody has ever published any of these, so each is asked about twice.
    unknown = [f for f in said.json()["findings"] if f["code"] == "alarm-metric-unknown"]
    assert len(unknown) == 3 * INSTANCES and said.code == 1
    # What a machine's load makes of the proxy is not AWS's time: each call is taken for a fifth
    # of a second.
    own = took - sum(call.ended - call.started for call in calls)
    assert len(calls) <= 250 and own + 0.2 * len(calls) <= 60, (len(calls), took, own)
