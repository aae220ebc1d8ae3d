"""Answers that AWS gave, in the protocol they came in.

A file of recorded/ is one answer: what botocore made of it, where its shape was
recorded or published, and if AWS refused, the error. Ids, names and times in it are
given by the test that replays it, by the words in capitals:

    "$INSTANCE"     what the test gives as `instance`, and so on
    "$NOW-90"       the time 90 seconds ago

The answer is put into AWS's protocol by moto's serialisers, which go by botocore's
model as AWS's own do; CBOR by cbor2. `replayed` lets the next calls of an operation
be answered so.
"""

import contextlib
import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cbor2
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

import models
import protocols
import proxy as wire

FILES = Path(__file__).parent / "recorded"

_TIME = re.compile(r"\$NOW(-\d+)?$")


def names():
    """Every recording, without `.json`: service, operation, and what it shows."""
    return sorted(path.stem for path in FILES.glob("*.json"))


def read(name):
    return json.loads((FILES / f"{name}.json").read_text())


@contextlib.contextmanager
def replayed(region, name, times=1_000_000, **given):
    """The operation is answered as recorded while the block runs."""
    service, operation = name.split(".")[:2]
    recording = answer(name, **given)
    with region.proxy.fault(
        service, operation, wire.AS_RECORDED, times, recording=recording
    ) as fault:
        yield fault


def answer(name, **given):
    """A recording as status, headers and body."""
    service, operation = name.split(".")[:2]
    recording = read(name)
    if "error" in recording:
        error = recording["error"]
        return protocols.error(service, recording["status"], error["Code"], error["Message"])
    model = models.service(service).operation_model(operation)
    shape = model.output_shape
    return said(service, operation, _timed(shape, _filled(recording["data"], given)) if shape else {})


def said(service, operation, data):
    """What an operation answers with, as status, headers and body."""
    model = models.service(service).operation_model(operation)
    if protocols.PROTOCOLS[service] == "cbor":
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return 200, headers, cbor2.dumps(data, datetime_as_timestamp=True)
    protocol = model.service_model.metadata["protocol"]
    moto_model = get_service_model(service).operation_model(operation)
    sent = get_serializer_class(service, protocol)(moto_model).serialize(data)
    body = sent["body"]
    return 200, sent["headers"], body if isinstance(body, bytes) else body.encode()


def _filled(value, given):
    if isinstance(value, dict):
        return {_filled(key, given): _filled(part, given) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, given) for part in value]
    if not isinstance(value, str) or _TIME.match(value):
        return value
    return re.sub(r"\$([A-Z]+)", lambda word: given[word[1].lower()], value)


def _timed(shape, value):
    """The same with times where the model has some; what it does not know is a mistake."""
    if shape.type_name == "structure":
        return {name: _timed(shape.members[name], part) for name, part in value.items()}
    if shape.type_name == "list":
        return [_timed(shape.member, part) for part in value]
    if shape.type_name == "map":
        return {key: _timed(shape.value, part) for key, part in value.items()}
    if shape.type_name != "timestamp":
        return value
    if match := _TIME.match(value):
        return datetime.now(timezone.utc) + timedelta(seconds=int(match[1] or 0))
    return datetime.fromisoformat(value).replace(tzinfo=timezone.utc)
