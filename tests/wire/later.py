"""Time, for functions that read the real clock.

Nobody waits here for a stage to become overdue. Instead the ledger's open
incidents grow older: every time they carry moves back, in the JSON the functions
read and in the attributes that conditions and the index ask about. To a function
that is the same as a clock that moved on. What the emulators know (a command, a
datapoint, an agent's ping) stays where it is, so a test measures anew after it.
"""

import json
import re
from datetime import datetime, timedelta, timezone

_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)((?:\.\d+)?Z)$")


def passes(stack, minutes, *instances, silent=False):
    """Time passes for every open incident of the stack, or for those of these instances."""
    for row in stack.open_rows():
        if not instances or row["pk"].removeprefix("instance#") in instances:
            while not _made_older(stack, row, round(minutes * 60)):
                row = stack.row(row["pk"], row["sk"])
                if not row["is_open"]:
                    break
            if not silent:
                _goes_on(stack, json.loads(row["incident"]))


# So many seconds ago a host that was cleaned, or asked, published last: as bad as before. What a
# test measures itself is newer.
_JUST_NOW = 20


def _goes_on(stack, incident):
    """A host whose cleanup has just ended goes on publishing what the alarm has seen."""
    series, value = incident["seen"]["series"], incident["seen"]["value"]
    if incident["stage"] in ("cleaning", "gathering") and incident["attempts"] and series:
        measured(stack, incident["instance_id"], value, _JUST_NOW)


def _made_older(stack, row, seconds):
    """Whether the row was made older: not if a function, a heartbeat's perhaps, has
    written it meanwhile, for what it wrote would be undone."""
    aged = older(json.loads(row["incident"]), seconds)
    times = {name: seconds_of(aged[name]) for name in ("due_at", "expires_at")}
    try:
        stack.region.dynamodb.update_item(
            TableName=stack.table,
            Key={name: {"S": row[name]} for name in ("pk", "sk")},
            UpdateExpression="SET incident = :json, due_at = :due, expires_at = :expires",
            ConditionExpression="incident = :was",
            ExpressionAttributeValues={
                ":was": {"S": row["incident"]},
                ":json": {"S": json.dumps(aged)},
                ":due": {"N": times["due_at"]},
                ":expires": {"N": times["expires_at"]},
            },
        )
    except stack.region.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


# A host that publishes has done so for longer than an incident is watched before it is looked at.
_PUBLISHED_MINUTES = 9


def measured(stack, instance, value, ago=5):
    """The series of the instance's incident gets a datapoint, so many seconds ago, and one in each
    of the minutes before: what was read of it earlier is older by now than these."""
    now = datetime.now(timezone.utc) - timedelta(seconds=ago)
    series = stack.incident(instance)["seen"]["series"]
    stack.region.cloudwatch.put_metric_data(
        Namespace=series["namespace"],
        MetricData=[
            {
                "MetricName": series["name"],
                "Dimensions": [{"Name": n, "Value": v} for n, v in series["dimensions"].items()],
                "Timestamp": now - timedelta(minutes=minutes),
                "Value": value,
            }
            for minutes in range(_PUBLISHED_MINUTES)
        ],
    )


def older(value, seconds):
    """A value of an incident as it would be, had it been written so many seconds earlier."""
    if isinstance(value, dict):
        return {key: older(part, seconds) for key, part in value.items()}
    if isinstance(value, list):
        return [older(part, seconds) for part in value]
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    moved = datetime.fromisoformat(match[1]) - timedelta(seconds=seconds)
    return moved.isoformat(timespec="seconds") + match[2]


def seconds_of(text):
    """A time of an incident as the index has it."""
    moment = datetime.fromisoformat(_TIME.match(text)[1]).replace(tzinfo=timezone.utc)
    return str(int(moment.timestamp()))
