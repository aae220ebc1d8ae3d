"""Before the first event: a function that is set up wrong says so at once."""

import time

import pytest

import alarms
import fleet
from function import InitFailed
from stack import FOLLOW_UP, SCRIPTED, SYMPTOMS

ALL_NEED = ("REMEDY_TABLE", "REMEDY_TOPIC_ARN")


@pytest.mark.parametrize(
    ("symptom", "variable"),
    [
        *((symptom, variable) for symptom in SYMPTOMS for variable in ALL_NEED),
        *((symptom, "REMEDY_DOCUMENT") for symptom in SCRIPTED),
    ],
)
def test_a_missing_variable_is_named(region, stack, symptom, variable):
    started = time.monotonic()
    with pytest.raises(InitFailed) as failure:
        stack.start(symptom, without=[variable])
    assert variable in str(failure.value)
    assert region.proxy.calls_of(stack.functions[-1].key, started) == []


@pytest.mark.parametrize("variable", ["REMEDY_TABLE", "REMEDY_TOPIC_ARN", "REMEDY_DOCUMENTS"])
def test_the_follow_up_names_a_missing_variable(stack, variable):
    with pytest.raises(InitFailed) as failure:
        stack.start(FOLLOW_UP, without=[variable])
    assert variable in str(failure.value)


def test_the_follow_up_wants_the_document_of_every_symptom(stack):
    with pytest.raises(InitFailed) as failure:
        stack.start(FOLLOW_UP, REMEDY_DOCUMENTS="high-cpu=a,disk-full=b")
    assert "memory-pressure" in str(failure.value)


@pytest.mark.parametrize("minutes", ["30", "1441"])
def test_an_incident_may_take_no_less_than_its_stages_do(stack, minutes):
    with pytest.raises(InitFailed) as failure:
        stack.start("disk-full", REMEDY_CLAIM_MINUTES=minutes)
    assert "REMEDY_CLAIM_MINUTES" in str(failure.value) and "180 to 1440" in str(failure.value)


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
