"""Connections: opened once, before the first event, and to nobody unknown."""

import time

import pytest

import alarms
import fleet
from doors import Doors
from region import free_port

# What a cleanup needs. EC2 and DynamoDB have two calls at once.
AHEAD = {"ec2": 2, "autoscaling": 1, "dynamodb": 2, "sns": 1, "ssm": 1}


@pytest.fixture
def doors(region, tmp_path):
    doors = Doors(region.proxy, tmp_path)
    yield doors
    doors.stop()


def test_the_first_alarm_finds_its_connections_open(region, stack, doors):
    function = stack.start("high-cpu", **doors.environment())
    assert doors.opened() == AHEAD
    answer = function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region)))
    assert answer.report["outcome"] == "acted", answer.because()
    assert stack.notification()
    assert doors.opened() == AHEAD


def test_opening_connections_asks_for_nothing(region, stack, doors):
    """What is not signed is nobody's request: no permission, no record of it."""
    started = time.monotonic()
    function = stack.start("high-cpu", **doors.environment())
    assert [path for path, _ in doors.unsigned()] == ["/"] * sum(AHEAD.values())
    for _, headers in doors.unsigned():
        assert "Authorization" not in headers and "X-Amz-Target" not in headers, headers
    assert region.proxy.calls_of(function.key, started) == []


def test_a_service_that_is_away_keeps_no_function_from_starting(region, stack, doors):
    nobody = f"https://localhost:{free_port()}"
    function = stack.start("high-cpu", **doors.environment() | {"AWS_ENDPOINT_URL_SNS": nobody})
    answer = function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region)))
    assert answer.report["outcome"] == "acted", answer.because()
    assert answer.report["told"] is False


def test_a_certificate_of_an_unknown_authority_is_not_believed(region, stack, doors):
    function = stack.start("high-cpu", without=["SSL_CERT_FILE"], **doors.environment())
    answer = function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region)))
    assert answer.calls == [], answer.story()
    assert "certificate" in answer.error_message
