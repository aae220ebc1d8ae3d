"""`make account-check` against the emulators: it asks every question, names what differs
from what we assume, and writes nothing down that is the account's own."""

import argparse
import json
import re
import sys
from pathlib import Path

import pytest

import fleet
import models
from region import ACCOUNT

sys.path.insert(0, str(Path(__file__).parent.parent / "account"))
import check

# Where the emulators are not as we assume AWS to be, and the check therefore speaks up.
EMULATORS_DIFFER = {"console-lines", "no-series", "command-lifetime", "fleet-alarm"}
# The group of this test has no history.
NOT_ASKED = {"standby-return"}


@pytest.fixture
def asked(region, stack, tmp_path, capsys):
    """The table by question, the exit code, the recordings, and what no file may name."""
    instance = fleet.standalone(region, ssm_output="disk-ok")
    stopped = fleet.standalone(region)
    region.ec2.stop_instances(InstanceIds=[stopped])
    group = fleet.group(region)
    clients = {name: getattr(region, name) for name in check.SERVICES}
    arguments = ["--instance", instance, "--stopped-instance", stopped, "--group", group.name]
    arguments += ["--document", stack.document("disk-full"), "--recordings", str(tmp_path / "said")]
    code = check.main(arguments, clients)
    lines = [re.split(r"  +", line) for line in capsys.readouterr().out.splitlines()]
    found = {line[0]: line[1:] for line in lines[1:] if len(line) == 4}
    files = {file.stem: file.read_text() for file in (tmp_path / "said").glob("*.json")}
    own = [instance, stopped, group.name, *group.members, stack.name, ACCOUNT]
    return found, code, files, own


def test_every_question_is_asked_and_what_differs_is_named(region, asked):
    found, code, files, own = asked
    assert list(found) == [name for name, _, _ in check.QUESTIONS]
    by_verdict = {verdict: set() for verdict in ("as assumed", "DIFFERS", "not asked")}
    for name, (_, _, verdict) in found.items():
        by_verdict[verdict].add(name)
    assert by_verdict["DIFFERS"] == EMULATORS_DIFFER and by_verdict["not asked"] == NOT_ASKED
    assert code == 1, "a difference is a failure"
    alarms = region.cloudwatch.describe_alarms()["MetricAlarms"]
    assert [a for a in alarms if a["AlarmName"].startswith("remedy-account-check")] == []
    for name, text in files.items():
        assert [word for word in own if word in text] == [], name
        service, operation = name.split(".")[:2]
        assert operation in models.service(service).operation_names


def test_what_was_not_given_is_not_asked(region, tmp_path, capsys):
    clients = {name: getattr(region, name) for name in check.SERVICES}
    check.main(["--recordings", str(tmp_path)], clients)
    told = capsys.readouterr().out
    for option in ("--instance", "--document", "--group", "--stopped-instance"):
        assert f"give {option} " in told
    assert "RebootInstances" not in str(list(tmp_path.iterdir()))


def test_an_instance_that_runs_is_not_rebooted_for_a_question(region):
    running = fleet.standalone(region)
    given = argparse.Namespace(stopped_instance=running)
    account = check.Account({"ec2": region.ec2}, given)
    with pytest.raises(check.NotAsked):
        check.reboot_stopped(account)
    assert list(account.recordings) == ["ec2.DescribeInstances.stopped"]


def test_a_recording_keeps_awss_words_and_no_others():
    shape = models.service("ec2").operation_model("DescribeInstances").output_shape
    instance = {
        "InstanceId": "i-0123456789abcdef0",
        "State": {"Code": 16, "Name": "running"},
        "PrivateIpAddress": "10.0.0.1",
        "Tags": [{"Key": "team", "Value": "secret"}],
    }
    told = {"Reservations": [{"OwnerId": ACCOUNT, "Instances": [instance]}]}
    kept = json.dumps(check.nameless(shape, told))
    assert '"Name": "running"' in kept and '"Code": 16' in kept
    for own in ("0123456789abcdef0", "10.0.0.1", "team", "secret", ACCOUNT):
        assert own not in kept
    said = check.neutral(f"i-0123456789abcdef0 of {ACCOUNT}, arn:aws:ec2:x, 'web', 10.0.0.1")
    assert said == "ID of ACCOUNT, ARN 'NAME', ADDRESS"
