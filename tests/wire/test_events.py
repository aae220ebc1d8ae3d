"""What comes in: events that cannot be read, that are not ours, and every file there is."""

import json

import pytest

import alarms
import fleet
from stack import Stack

SYMPTOMS = ("high-cpu", "memory-pressure", "disk-full")

NOT_OURS = [
    "high-cpu.group-only",
    "high-cpu.configuration-change",
    "high-cpu.foreign-namespace",
    "high-cpu.low",
    "high-cpu.composite",
    "high-cpu.insights-parent",
    "high-cpu.insufficient-data",
    "disk-full.free-space-high",
]

RUBBISH = {
    "empty": b"",
    "not JSON": b"{'detail': None}",
    "half a document": b'{"detail-type": "CloudWatch Alarm State Change", "detail": {',
    "not UTF-8": b'{"instance_id": "\xff\xfe"}',
    "null": b"null",
    "a number": b"42",
    "200 KB of rubbish": b"x" * 200_000,
    "200 KB of a string": json.dumps("x" * 200_000).encode(),
    "200 KB of an object": json.dumps({f"key-{n}": "x" * 90 for n in range(2000)}).encode(),
    "10,000 levels of lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 levels of objects": b'{"detail":' * 10_000 + b"1" + b"}" * 10_000,
}


def unreadable(answer):
    """An invocation error with a name, which a failure destination keeps, and
    not one call to AWS."""
    assert answer.error_type == "UnreadableEvent", answer.body
    assert answer.error_message.strip()
    assert len(answer.error_message) < 2000, "the error quotes the event at length"
    assert answer.calls == [], answer.story()


@pytest.fixture(scope="module")
def functions(region, tmp_path_factory):
    """One process of each function for the whole module: an event that spoils
    a process for the next one should be noticed."""
    stack = Stack(region, tmp_path_factory.mktemp("events"))
    yield {symptom: stack.start(symptom) for symptom in SYMPTOMS}
    stack.stop()


@pytest.mark.parametrize("name", alarms.names("malformed.*"))
@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_malformed_event_is_an_error_and_changes_nothing(functions, symptom, name):
    unreadable(functions[symptom].invoke(alarms.payload(name)))


@pytest.mark.parametrize("what", RUBBISH)
def test_rubbish_is_an_error_and_changes_nothing(functions, what):
    unreadable(functions["high-cpu"].invoke(RUBBISH[what]))


def test_a_function_survives_what_it_cannot_read(region, stack):
    function = stack.start("disk-full")
    for rubbish in RUBBISH.values():
        function.invoke(rubbish)
    answer = function.invoke(alarms.alarm("disk-full.state-change", fleet.standalone(region)))
    assert answer.report["outcome"] == "acted", answer.because()


@pytest.mark.parametrize("name", alarms.names("foreign.*") + NOT_OURS)
def test_an_event_that_is_not_ours_is_ignored_without_a_call(functions, name):
    symptom = name.split(".")[0]
    answer = functions.get(symptom, functions["high-cpu"]).invoke(alarms.alarm(name))
    assert answer.reports == []
    assert answer.ignored and all(item["reason"].strip() for item in answer.ignored)
    assert answer.calls == [], answer.story()


@pytest.mark.parametrize("name", alarms.names())
def test_every_event_has_an_answer_in_every_function(functions, name):
    """The instances in the files do not exist here, so nothing may be touched."""
    for function in functions.values():
        answer = function.invoke(alarms.payload(name))
        assert answer.actions == [], answer.story()
        if answer.failed:
            assert name.startswith("malformed."), answer.body
            assert answer.error_type == "UnreadableEvent"
        else:
            assert answer.reports or answer.ignored
