"""What comes in: events that cannot be read, that are not ours, and every file there is.

What each file means is pinned once, in the snapshot of the `remedy` crate. Here
the compiled functions are held to the same table, through Lambda's own reader.
"""

import json
from pathlib import Path

import pytest

import alarms
import fleet
from stack import FOLLOW_UP, SYMPTOMS, Stack

TABLE = (
    Path(__file__).parent.parent.parent
    / "functions/remedy/tests/snapshots"
    / "events__every_payload_is_read_as_the_table_says.snap"
)

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
    "200 KB of rubbish": b"x" * 200_000,
    "null": b"null",
    "a number": b"42",
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
    try:
        yield {name: stack.start(name) for name in (*SYMPTOMS, FOLLOW_UP)}
    finally:
        stack.stop()


@pytest.mark.parametrize("name", alarms.names("malformed.*"))
@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_malformed_event_is_an_error_and_changes_nothing(functions, symptom, name):
    unreadable(functions[symptom].invoke(alarms.payload(name)))


@pytest.mark.parametrize("what", RUBBISH)
@pytest.mark.parametrize("function", ["high-cpu", FOLLOW_UP])
def test_rubbish_is_an_error_and_changes_nothing(functions, function, what):
    """Lambda turns away what is no JSON before any function sees it. Should it
    come all the same, it is unreadable like the rest."""
    unreadable(functions[function].invoke(RUBBISH[what]))


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
def test_every_function_has_an_answer_to_every_event(functions, name):
    """The instances in the files do not exist here, so nothing may be touched."""
    for function in (functions[symptom] for symptom in SYMPTOMS):
        answer = function.invoke(alarms.payload(name))
        assert answer.actions == [], answer.story()
        if answer.failed:
            assert any(line.startswith("unreadable: ") for line in meanings()[name])
        else:
            assert answer.reports or answer.ignored


@pytest.mark.parametrize("name", alarms.names())
def test_an_event_means_to_the_program_what_the_table_says(functions, name):
    symptom = name.split(".")[0]
    answer = functions.get(symptom, functions["high-cpu"]).invoke(alarms.payload(name))
    assert said(answer) == meanings()[name]


def meanings():
    """The snapshot, as the lines that an answer can show for each event."""
    table, lines = {}, []
    for line in TABLE.read_text().splitlines():
        if line.endswith(".json"):
            lines = table.setdefault(line.removesuffix(".json"), [])
        elif line.startswith("  ") and not line.startswith("   "):
            lines.append(line.strip().removesuffix(" ALARM").removesuffix(" OK"))
    return {name: sorted(lines) for name, lines in table.items()}


def said(answer):
    """An answer, in the words of the snapshot."""
    if answer.failed:
        return [f"unreadable: {answer.error_message}"]
    lines = [f"{r['instance_id']} {r['symptom']}" for r in answer.reports]
    lines += [f"not ours: {i['code']}: {i['reason']}" for i in answer.ignored]
    return sorted(lines)
