"""Alarm events for the wire: the payloads in events/, made to happen now.

The files are not edited: an event sent to a function is a file with its
instance ids and its times replaced, wherever they stand, also inside the JSON
texts that SNS and `reasonData` carry. All times move by the same amount, so
what was five hours older than the others stays five hours old.
"""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

EVENTS = Path(__file__).parent.parent.parent / "events"

# When the alarms in events/ change state (events/README.md). Times on the wire
# are relative to it.
STORY_TIME = datetime(2026, 11, 20, 3, 12, 46, tzinfo=timezone.utc)

_INSTANCE = re.compile(r"(?<![0-9A-Za-z-])i-(?:[0-9a-f]{17}|[0-9a-f]{8})(?![0-9a-z])")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(\+0000|Z)")


def names(pattern="*"):
    """The events whose name matches, without `.json`."""
    return sorted(path.stem for path in EVENTS.glob(f"{pattern}.json"))


def payload(name):
    """A file as it is."""
    return (EVENTS / f"{name}.json").read_bytes()


def alarm(name, *instances, age=timedelta(0), now=None):
    """A file, about these instances, and as if its state had just changed.

    The file's first instance becomes the first given one, its second the
    second; those for which none is given stay as they are.
    """
    text = _about(payload(name).decode(), instances)
    shift = (now or datetime.now(timezone.utc)) - STORY_TIME - age
    return json.loads(_TIME.sub(lambda match: _moved(match, shift), text))


def queued(*events):
    """What Lambda gives a function of a queue with these messages: events, or texts (Lambda
    developer guide, "Using Lambda with Amazon SQS")."""
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return {
        "Records": [
            {"messageId": f"message-{place}", "body": text, "eventSource": "aws:sqs"}
            for place, text in enumerate(texts)
        ]
    }


def instance_of(event):
    """The first instance an event names."""
    return _INSTANCE.search(json.dumps(event)).group()


def _about(text, instances):
    found = list(dict.fromkeys(_INSTANCE.findall(text)))
    new = dict(zip(found, instances))
    return _INSTANCE.sub(lambda match: new.get(match.group(), match.group()), text)


def _moved(match, shift):
    stamp, fraction, zone = match.groups()
    moved = datetime.fromisoformat(stamp) + timedelta(seconds=float(fraction or 0)) + shift
    text = moved.isoformat(timespec="microseconds")
    # AWS writes some times with milliseconds and some without; both stay so.
    seconds = len("2026-11-20T03:12:46")
    return text[: seconds + len(fraction or "")] + zone
