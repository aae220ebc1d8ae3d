"""Before the first event: a function that is set up wrong says so at once."""

import time

import pytest

import alarms
import fleet
from function import InitFailed

SYMPTOMS = ("high-cpu", "memory-pressure", "disk-full")


@pytest.mark.parametrize("symptom", SYMPTOMS)
@pytest.mark.parametrize("variable", ["REMEDY_TABLE", "REMEDY_TOPIC_ARN", "REMEDY_DOCUMENT"])
def test_a_missing_variable_is_named(region, stack, symptom, variable):
    started = time.monotonic()
    with pytest.raises(InitFailed) as failure:
        stack.start(symptom, without=[variable])
    assert variable in str(failure.value)
    assert region.proxy.calls_of(stack.functions[-1].key, started) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("REMEDY_MODE", "acting"), ("REMEDY_TABLE", ""), ("REMEDY_UNITS", "app; rm -rf /")],
)
def test_a_variable_that_makes_no_sense_is_named(stack, variable, value):
    with pytest.raises(InitFailed) as failure:
        stack.start("disk-full", **{variable: value})
    assert variable in str(failure.value)


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_function_without_a_mode_only_observes(region, stack, symptom):
    """The safe way to forget a setting."""
    function = stack.start(symptom, without=["REMEDY_MODE"])
    answer = function.invoke(alarms.alarm(f"{symptom}.state-change", fleet.standalone(region)))
    assert answer.actions == [] and answer.report["observe"] is True
