"""The brake: what became of each try is a row of the ledger, and a rung that does not help
rests until a person lifts that."""

import json
import uuid

import alarms
import fleet
import later
from stack import FOLLOW_UP
from test_follow_up import BAD, HEARTBEAT

BEATS_MAX = 30


class Pool:
    """Servers of one pool that fall ill one after the other."""

    def __init__(self, region, stack):
        self.region, self.stack, self.name = region, stack, f"pool-{uuid.uuid4().hex[:8]}"
        self.function, self.follow_up = stack.start("high-cpu"), stack.start(FOLLOW_UP)
        self.tags = {"auto-remediation": "enabled", "auto-remediation-pool": self.name}

    def falls_ill(self, boots=True):
        """A server falls ill, and no reboot helps. Gives its incident at its end (None if nothing
        was left to try at once), the calls that touched it, and the reasons of the end."""
        instance = fleet.standalone(self.region, tags=self.tags, agent="none")
        calls = []
        answer = self.function.invoke(alarms.alarm("high-cpu.state-change", instance))
        if not boots:
            fleet.tag(self.region, instance, {"test:instance-status": "impaired"})
        for _ in range(BEATS_MAX):
            calls += answer.actions
            row = self.stack.row(f"instance#{instance}", "incident")
            if row is None or not row["is_open"]:
                reasons = [reason["code"] for reason in answer.report["because"]]
                assert answer.report["handed_over"] is True, answer.because()
                return row and self.stack.incident(instance), calls, reasons
            if self.stack.incident(instance).get("stays_out"):
                fleet.tag(self.region, instance, {"test:instance-status": "ok"})
            self._forget_the_sick()
            later.passes(self.stack, 5)
            later.measured(self.stack, instance, BAD)
            answer = self.follow_up.invoke(HEARTBEAT)
            assert not answer.failed and answer.body["left"] == [], answer.body
        raise AssertionError(f"it never ended: {self.stack.incident(instance)}")

    def _forget_the_sick(self):
        """Who fell ill before is long past: only open incidents grow older (later.py)."""
        for row in self.stack.incidents():
            if row["pk"] == f"standalone#{self.name}" and row["sk"].startswith("sick#"):
                key = {name: {"S": row[name]} for name in ("pk", "sk")}
                self.region.dynamodb.delete_item(TableName=self.stack.table, Key=key)

    def tries(self):
        row = self.stack.row(f"standalone#{self.name}", "tries#high-cpu#reboot")
        return [one["became"] for one in json.loads(row["tries"])]

    def lift(self):
        scope = f"rung:reboot:high-cpu:standalone:{self.name}"
        (pause,) = self.follow_up.invoke({"pauses": "list"}).body["pauses"]
        assert (pause["scope"], pause["owner"]) == (scope, "Remedy")
        assert self.follow_up.invoke({"lift": scope}).body["pauses"] == []


def names(calls):
    return [call.name for call in calls]


def test_the_fourth_in_a_row_that_does_not_help_lets_the_rung_rest(region, stack):
    pool, windows = Pool(region, stack), set()
    for number in range(1, 5):
        incident, calls, reasons = pool.falls_ill()
        windows.add(incident["id"].split("-")[2][: len("20261120t031")])
        assert names(calls) == ["ec2:RebootInstances"] and incident["stage"] == "handed-over"
        assert pool.tries() == ["no-help"] * number
        assert ("resting" in reasons) == (number == 4), reasons
    # Of the reboots one is told in each 10 minutes and the others are counted; every end is told.
    told = stack.notifications(4 + len(windows))[-1]["Message"]
    assert "4 in a row did not help" in told and "rests until" in told, told

    _, calls, reasons = pool.falls_ill()
    assert calls == [] and reasons[0] == "resting"
    assert pool.tries() == ["no-help"] * 4, "what was not tried is no try"

    pool.lift()
    _, calls, reasons = pool.falls_ill()
    assert names(calls) == ["ec2:RebootInstances"] and "resting" in reasons, "one try"
    assert pool.tries() == ["no-help"] * 5
    assert pool.falls_ill()[1] == []


def test_one_that_does_harm_lets_it_rest_at_once(region, stack):
    pool = Pool(region, stack)
    incident, calls, _ = pool.falls_ill(boots=False)
    assert names(calls) == ["ec2:RebootInstances"] and incident["attempts"][0]["not_back"] is True
    assert pool.tries() == ["harm"]
    _, calls, reasons = pool.falls_ill()
    assert calls == [] and reasons[0] == "resting"
