#!/usr/bin/env python3
"""Asks AWS what this project assumes about it: the first hour in an account.

    make account-check ARGS="--instance i-... --document NAME [--group NAME] ..."

It reads, asks for dry runs, sends one command that only reports to the instance, and
makes, sets off and deletes one alarm of its own, which has no actions. It prints a table
of what differs from what we assume, and writes what AWS answered to --recordings, as
fixtures in the form of tests/wire/recorded: without the account's names and numbers.

Each question is one of docs/aws-questions.md, by its name. Credentials and the region
come from the environment, as for every AWS tool.
"""

import argparse
import base64
import json
import re
import sys
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

NOBODY = "i-00000000000000000"
# Of a command that only looks; tests/wire/recorded has what comes of one.
REPORT = {"Mode": ["report"], "Deadline": ["60"]}
COMMAND_SECONDS = 90
SERVICES = ("autoscaling", "cloudwatch", "ec2", "ssm")


class NotAsked(Exception):
    """A question that what was given on the command line does not allow to ask."""


@dataclass
class Account:
    """The clients, what may be asked about, and what was answered."""

    clients: dict
    given: argparse.Namespace
    recordings: dict = field(default_factory=dict)
    raw: str = ""

    def ask(self, service, operation, case, **parameters):
        """What AWS answers, recorded; an error is an answer too, by its code."""
        client = self.clients[service]
        model = client.meta.service_model.operation_model(operation)
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        name = f"{service}.{operation}.{case}"
        try:
            answer = getattr(client, method)(**parameters)
        except ClientError as error:
            told = error.response["Error"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            told = {"Code": told["Code"], "Message": neutral(told.get("Message", ""))}
            self.recordings[name] = {"source": SOURCE, "status": status, "error": told}
            return told["Code"]
        answer.pop("ResponseMetadata")
        data = nameless(model.output_shape, answer) if model.output_shape else {}
        self.recordings[name] = {"source": SOURCE, "status": 200, "data": data}
        return answer

    def needs(self, option):
        value = getattr(self.given, option)
        if not value:
            raise NotAsked(f"give --{option.replace('_', '-')}")
        return value


SOURCE = "make account-check, in an account"


# --- What is recorded has no names ------------------------------------------------

# Strings with words of AWS's own that no enum of its model lists.
WORDS = {"StatusDetails", "LifecycleState", "HealthStatus", "ProcessName", "HealthCheckType"}
IDS = [
    (re.compile(r"arn:aws[\w-]*:\S+"), "ARN"),
    (re.compile(r"\b[a-z]+-[0-9a-f]{8,17}\b"), "ID"),
    (re.compile(r"\b\d{12}\b"), "ACCOUNT"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"'[^']*'"), "'NAME'"),
]


def neutral(text):
    """A text of AWS's without the ids, numbers and names in it."""
    for pattern, word in IDS:
        text = pattern.sub(word, text)
    return text


def nameless(shape, value, member=""):
    """An answer without what the account's owner has chosen or been given: of strings only
    AWS's own words stay."""
    kind = shape.type_name
    if kind == "structure":
        return {k: nameless(shape.members[k], v, k) for k, v in value.items() if k in shape.members}
    if kind == "list":
        return [nameless(shape.member, item, member) for item in value]
    if kind == "map":
        return {f"KEY{n}": nameless(shape.value, v) for n, v in enumerate(value.values(), 1)}
    if kind == "timestamp":
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    if kind != "string":
        return value if isinstance(value, (int, float, bool)) else "..."
    return value if shape.metadata.get("enum") or member in WORDS else f"${member.upper()}"


# --- The questions -----------------------------------------------------------------


def status_filter(account):
    wrong = [{"Name": "instance-id", "Values": [NOBODY]}]
    return account.ask("ec2", "DescribeInstanceStatus", "wrong-filter", Filters=wrong)


def unknown_instance(account):
    return account.ask("ec2", "DescribeInstanceStatus", "unknown", InstanceIds=[NOBODY])


def unknown_agent(account):
    """A command to an instance there is not; nothing is sent."""
    command = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    return account.ask("ssm", "SendCommand", "unknown", InstanceIds=[NOBODY], **command)


def unknown_member(account):
    """A health nobody has; nothing is replaced."""
    return account.ask(
        "autoscaling", "SetInstanceHealth", "unknown", InstanceId=NOBODY, HealthStatus="Unhealthy"
    )


def reboot_stopped(account):
    """The one call that is no dry run: an instance that is stopped is not rebooted."""
    stopped = account.needs("stopped_instance")
    found = account.ask("ec2", "DescribeInstances", "stopped", InstanceIds=[stopped])
    state = found["Reservations"][0]["Instances"][0]["State"]["Name"]
    if state != "stopped":
        raise NotAsked(f"the instance is {state}")
    return account.ask("ec2", "RebootInstances", "stopped", InstanceIds=[stopped])


def console_lines(account):
    client = account.clients["ec2"]
    raw = []
    client.meta.events.register(
        "before-parse.ec2.GetConsoleOutput", lambda response_dict, **_: raw.append(response_dict)
    )
    instance = account.needs("instance")
    answer = account.ask("ec2", "GetConsoleOutput", "lines", InstanceId=instance)
    if isinstance(answer, str) or not raw:
        return answer if isinstance(answer, str) else "not seen"
    body = raw[0]["body"].decode()
    output = re.search(r"<output>(.*?)</output>", body, re.DOTALL)
    text = output[1].strip() if output else ""
    if not text:
        return "no output"
    base64.b64decode(text)
    return "lines of 76" if max(map(len, text.split())) <= 76 else "one line"


def no_series(account):
    query = f"SELECT AVG(\"CPUUtilization\") FROM \"AWS/EC2\" WHERE \"InstanceId\" = '{NOBODY}'"
    now = datetime.now(timezone.utc)
    answer = account.ask(
        "cloudwatch",
        "GetMetricData",
        "no-series",
        MetricDataQueries=[{"Id": "series", "Expression": query, "Period": 60}],
        StartTime=now - timedelta(minutes=15),
        EndTime=now,
    )
    return answer if isinstance(answer, str) else f"{len(answer['MetricDataResults'])} results"


def command_lifetime(account):
    """One command that only reports; its answers are what later questions look at."""
    comment = f"account-check {uuid.uuid4().hex[:12]}"
    before = datetime.now(timezone.utc) - timedelta(minutes=1)
    answer = account.ask(
        "ssm",
        "SendCommand",
        "report",
        DocumentName=account.needs("document"),
        InstanceIds=[account.needs("instance")],
        TimeoutSeconds=60,
        Comment=comment,
        Parameters=REPORT,
    )
    if isinstance(answer, str):
        return answer
    command = answer["Command"]
    account.sent = (command["CommandId"], comment, before)
    lives = command["ExpiresAfter"] - command["RequestedDateTime"]
    return "TimeoutSeconds + the document's" if lives.total_seconds() > 60 else "TimeoutSeconds"


def found_by_comment(account):
    if not hasattr(account, "sent"):
        raise NotAsked("no command was sent")
    identity, comment, before = account.sent
    deadline = time.monotonic() + COMMAND_SECONDS
    while time.monotonic() < deadline:
        answer = account.ask(
            "ssm",
            "ListCommandInvocations",
            "after",
            InstanceId=account.given.instance,
            Filters=[{"key": "InvokedAfter", "value": before.strftime("%Y-%m-%dT%H:%M:%SZ")}],
        )
        if isinstance(answer, str):
            return answer
        found = [i["CommandId"] for i in answer["CommandInvocations"] if i["Comment"] == comment]
        if found == [identity]:
            return "found"
        time.sleep(1)
    return "not found"


def command_words(account):
    """How a command that ended says so."""
    if not hasattr(account, "sent"):
        raise NotAsked("no command was sent")
    deadline = time.monotonic() + COMMAND_SECONDS
    while time.monotonic() < deadline:
        answer = account.ask(
            "ssm",
            "GetCommandInvocation",
            "report",
            CommandId=account.sent[0],
            InstanceId=account.given.instance,
        )
        waits = answer == "InvocationDoesNotExist" or (
            not isinstance(answer, str) and answer["Status"] in ("Pending", "InProgress", "Delayed")
        )
        if not waits:
            return answer if isinstance(answer, str) else answer["StatusDetails"]
        time.sleep(2)
    return "still under way"


def silent_agents(account):
    """The oldest ping of an agent that counts as online."""
    answer = account.ask("ssm", "DescribeInstanceInformation", "agents", MaxResults=50)
    if isinstance(answer, str):
        return answer
    now = datetime.now(timezone.utc)
    online = [i for i in answer["InstanceInformationList"] if i["PingStatus"] == "Online"]
    if not online:
        raise NotAsked("no agent is online")
    oldest = max(now - agent["LastPingDateTime"] for agent in online)
    return "15 minutes at most" if oldest <= timedelta(minutes=15) else f"{oldest}"


def standby_return(account):
    """What the group's own history says of those that came back."""
    group = account.needs("group")
    answer = account.ask(
        "autoscaling", "DescribeScalingActivities", "history", AutoScalingGroupName=group
    )
    if isinstance(answer, str):
        return answer
    causes = " ".join(activity.get("Cause", "") for activity in answer["Activities"])
    back = re.search(r"moved out of standby[^.]*", causes)
    if not back:
        raise NotAsked("no member of the group came back from Standby lately")
    return "desired rises" if "increasing the capacity" in back[0] else "desired stays"


def fleet_alarm(account):
    """An alarm of ours on a query that groups by instance, without actions, set off once."""
    name = f"remedy-account-check-{uuid.uuid4().hex[:8]}"
    query = 'SELECT AVG(CPUUtilization) FROM "AWS/EC2" GROUP BY InstanceId ORDER BY AVG() DESC'
    refused = account.ask(
        "cloudwatch",
        "PutMetricAlarm",
        "fleet",
        AlarmName=name,
        ActionsEnabled=False,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1e9,
        Metrics=[{"Id": "q", "Expression": query, "Period": 300, "ReturnData": True}],
    )
    if isinstance(refused, str):
        return refused
    try:
        reason = {"StateReason": "account-check", "StateValue": "ALARM"}
        set_off = account.ask("cloudwatch", "SetAlarmState", "fleet", AlarmName=name, **reason)
        seen = account.ask("cloudwatch", "DescribeAlarms", "fleet", AlarmNames=[name])
        if isinstance(set_off, str) or isinstance(seen, str):
            return f"{set_off}, {seen}"
        (alarm,) = seen["MetricAlarms"]
        kept = [metric.get("Expression") for metric in alarm.get("Metrics", [])] == [query]
        return "kept as it is" if kept and alarm["StateValue"] == "ALARM" else "changed"
    finally:
        account.clients["cloudwatch"].delete_alarms(AlarmNames=[name])


def dry_run(account):
    instance = account.needs("instance")
    return account.ask("ec2", "RebootInstances", "dry-run", InstanceIds=[instance], DryRun=True)


# Name, what we assume, and how it is asked. docs/aws-questions.md says what relies on it.
QUESTIONS = [
    ("status-filter", "InvalidParameterValue", status_filter),
    ("unknown-instance", "InvalidInstanceID.NotFound", unknown_instance),
    ("unknown-agent", "InvalidInstanceId", unknown_agent),
    ("unknown-member", "ValidationError", unknown_member),
    ("reboot-stopped", "IncorrectState", reboot_stopped),
    ("console-lines", "lines of 76", console_lines),
    ("no-series", "0 results", no_series),
    ("command-lifetime", "TimeoutSeconds + the document's", command_lifetime),
    ("found-by-comment", "found", found_by_comment),
    ("command-words", "Success", command_words),
    ("silent-agents", "15 minutes at most", silent_agents),
    ("standby-return", "desired rises", standby_return),
    ("fleet-alarm", "kept as it is", fleet_alarm),
    ("dry-run", "DryRunOperation", dry_run),
]


def answered(account):
    """A line for each question: name, what we assume, what AWS says, and the verdict."""
    for name, assumed, ask in QUESTIONS:
        try:
            said = ask(account)
            said = said if isinstance(said, str) else "no refusal"
            verdict = "as assumed" if said == assumed else "DIFFERS"
        except NotAsked as reason:
            said, verdict = str(reason), "not asked"
        except (BotoCoreError, KeyError, IndexError) as error:
            said, verdict = f"{type(error).__name__}: {neutral(str(error))}", "not understood"
        yield name, assumed, said, verdict


def table(lines):
    lines = [("question", "we assume", "AWS says", "verdict"), *lines]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines)


def main(arguments, clients=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--instance", help="a running Linux instance with an SSM agent")
    parser.add_argument("--document", help="one of the stack's documents; it only reports")
    parser.add_argument("--group", help="an Auto Scaling group, whose history is read")
    parser.add_argument("--stopped-instance", help="an instance that is stopped, and stays so")
    parser.add_argument("--recordings", default="account-check", help="the folder for answers")
    given = parser.parse_args(arguments)
    once = Config(retries={"max_attempts": 2})
    clients = clients or {name: boto3.client(name, config=once) for name in SERVICES}
    account = Account(clients, given)
    lines = list(answered(account))
    print(table(lines))
    folder = Path(given.recordings)
    folder.mkdir(parents=True, exist_ok=True)
    for name, recording in account.recordings.items():
        (folder / f"{name}.json").write_text(json.dumps(recording, indent=2) + "\n")
    print(f"\n{len(account.recordings)} answers, without names: {folder}")
    return 1 if any(line[3] in ("DIFFERS", "not understood") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
