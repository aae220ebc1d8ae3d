"""A full disk whose volume may grow, over compiled functions."""

import json
from urllib.parse import parse_qs

import fleet
import later
import proxy as wire
from stack import FOLLOW_UP
from test_follow_up import BAD, HEARTBEAT, beat, codes, opened, watched

GROW = "ec2:ModifyVolume"
SNAPSHOT = "ec2:CreateSnapshot"
PRICES = {"REMEDY_PRICES": "gp3=0.08,snapshot=0.05", "REMEDY_PRICES_AS_OF": "2026-11-28"}


def volume(region, instance, cap="200", snapshot=None):
    """A volume of 100 GiB at /dev/sdf of the instance, which may grow to `cap`."""
    tags = [{"Key": "auto-remediation-grow-to", "Value": cap}] if cap else []
    tags += [{"Key": "auto-remediation-snapshot-first", "Value": snapshot}] if snapshot else []
    made = region.ec2.create_volume(
        AvailabilityZone=f"{region.ec2.meta.region_name}a", Size=100, VolumeType="gp3"
    )["VolumeId"]
    if tags:
        region.ec2.create_tags(Resources=[made], Tags=tags)
    region.ec2.attach_volume(VolumeId=made, InstanceId=instance, Device="/dev/sdf")
    return made


def asked(stack, region, cap="200", snapshot=None):
    """A cleanup that was not enough, up to the question which disk is full."""
    instance = fleet.standalone(region, ssm_output="disk-insufficient")
    grows = volume(region, instance, cap, snapshot)
    opened(stack, "disk-full", instance)
    for minutes in range(1, 75):
        later.measured(stack, instance, BAD, minutes * 60)
    follow_up = stack.start(FOLLOW_UP, **PRICES)
    return instance, grows, follow_up, beat(stack, follow_up)


def parameters(call):
    sent = json.loads(call.body)
    return sent["DocumentName"], {name: value for name, (value,) in sent["Parameters"].items()}


def sent(call):
    """What EC2 is asked, by name."""
    return {name: value for name, (value,) in parse_qs(call.body).items()}


def hears(stack, region, instance, follow_up, output):
    """The host says so, its metric is as bad as before, and the heart beats."""
    fleet.tag(region, instance, {"test:ssm-output": output})
    later.passes(stack, 2, silent=True)
    later.measured(stack, instance, BAD)
    answer = follow_up.invoke(HEARTBEAT)
    assert not answer.failed and answer.body["left"] == [], answer.body
    return answer


def test_a_volume_is_grown_once_and_its_file_system_extended(region, stack):
    instance, grows, follow_up, answer = asked(stack, region)
    assert stack.stage(instance) == "surveying", answer.body
    (call,) = answer.actions
    document, told = parameters(call)
    assert document == stack.document("disk-grow")
    assert (told["Mode"], "Disk" in told) == ("report", False)

    answer = hears(stack, region, instance, follow_up, "grow-fit")
    (call,) = answer.actions
    assert call.name == GROW, answer.story()
    asked_for = sent(call)
    assert (asked_for["VolumeId"], asked_for["Size"]) == (grows, "139")
    assert set(asked_for) == {"Action", "Version", "VolumeId", "Size"}, "nothing else is changed"
    growth = stack.incident(instance)["attempts"][-1]["growth"]
    assert (growth["from_gib"], growth["to_gib"], growth["cap_gib"]) == (100, 139, 200)
    row = stack.row(f"volume#{grows}", "growths")
    assert row["n"] == 1 and "ttl" not in row
    (day,) = [row for row in stack.incidents() if row["pk"] == "growths"]
    assert day["gib"] == 39

    answer = hears(stack, region, instance, follow_up, "grow-extended")
    (call,) = answer.actions
    document, told = parameters(call)
    assert document == stack.document("disk-grow")
    assert (told["Mode"], told["Disk"], told["MountPoint"]) == ("apply", "xvdf", "/")

    hears(stack, region, instance, follow_up, "grow-extended")
    assert stack.stage(instance) == "watching"
    answer = watched(stack, follow_up, instance)
    assert answer.report["outcome"] == "resolved"
    told = [json.loads(n["Message"]) for n in stack.notifications(3)]
    assert told[-1]["growth"]["cost"] == {"cents_a_month": 312, "as_of": "2026-11-28"}


def taken(region, grows):
    """The snapshots of the volume."""
    of_it = [{"Name": "volume-id", "Values": [grows]}]
    return region.ec2.describe_snapshots(OwnerIds=["self"], Filters=of_it)["Snapshots"]


def test_a_volume_whose_owner_wants_that_has_one_snapshot_before_it_grows(region, stack):
    instance, grows, follow_up, _ = asked(stack, region, snapshot="yes")
    # One of the same volume that somebody else took is none.
    region.ec2.create_snapshot(VolumeId=grows, Description="nightly")
    answer = hears(stack, region, instance, follow_up, "grow-fit")
    (call,) = answer.actions
    assert call.name == SNAPSHOT and stack.stage(instance) == "snapshotting", answer.story()
    asked_for = sent(call)
    assert set(asked_for) == {"Action", "Version", "VolumeId", "Description"}
    incident = stack.incident(instance)["id"]
    assert asked_for["Description"] == f"Remedy {incident}: {grows} before it grows to 139 GiB"
    assert stack.row(f"volume#{grows}", "growths")["n"] == 1, "counted with the first intent"

    answer = hears(stack, region, instance, follow_up, "grow-extended")
    (call,) = answer.actions
    assert call.name == GROW and sent(call)["Size"] == "139", answer.story()
    (ours,) = [it for it in taken(region, grows) if it["Description"] != "nightly"]
    first = stack.incident(instance)["attempts"][-1]["growth"]["snapshot"]
    assert first["id"] == ours["SnapshotId"] and first["cost"]["cents_a_month"] == 500
    assert stack.row(f"volume#{grows}", "growths")["n"] == 1, "and not once more"


def test_a_snapshot_whose_answer_is_lost_is_found_and_not_taken_again(region, stack):
    instance, grows, follow_up, _ = asked(stack, region, snapshot="yes")
    with region.proxy.fault("ec2", "CreateSnapshot", wire.ANSWER_LOST):
        answer = hears(stack, region, instance, follow_up, "grow-fit")
    assert codes(answer)[0] == "action-uncertain"
    answer = hears(stack, region, instance, follow_up, "grow-extended")
    assert [call.name for call in answer.actions] == [GROW] and len(taken(region, grows)) == 1


def test_without_its_snapshot_a_volume_does_not_grow(region, stack):
    instance, grows, follow_up, _ = asked(stack, region, snapshot="yes")
    with region.proxy.fault("ec2", "CreateSnapshot", wire.DENIED) as fault:
        answer = hears(stack, region, instance, follow_up, "grow-fit")
        assert fault.hits == 1 and "action-failed" in codes(answer), answer.body
        answer = hears(stack, region, instance, follow_up, "grow-extended")
    assert answer.named(GROW) == [] and taken(region, grows) == []
    row = stack.row(f"volume#{grows}", "growths")
    assert row["n"] == 0 and not [name for name in row if name.startswith("grown_")], row


def test_a_volume_without_the_tag_is_left_as_it_is(region, stack):
    instance, _, follow_up, answer = asked(stack, region, cap=None)
    assert "grow-not-allowed" in codes(answer) and answer.named(GROW) == []


def test_a_growth_whose_answer_is_lost_is_found_and_not_repeated(region, stack):
    instance, grows, follow_up, _ = asked(stack, region)
    with region.proxy.fault("ec2", "ModifyVolume", wire.ANSWER_LOST):
        answer = hears(stack, region, instance, follow_up, "grow-fit")
    assert codes(answer)[0] == "action-uncertain"
    answer = hears(stack, region, instance, follow_up, "grow-extended")
    assert answer.named(GROW) == [] and stack.stage(instance) == "extending"
    volumes = region.ec2.describe_volumes_modifications(VolumeIds=[grows])
    assert len(volumes["VolumesModifications"]) == 1


def test_a_growth_that_aws_refuses_counts_neither_for_its_volume_nor_for_the_day(region, stack):
    instance, grows, follow_up, _ = asked(stack, region)
    with region.proxy.fault("ec2", "ModifyVolume", wire.DENIED) as fault:
        answer = hears(stack, region, instance, follow_up, "grow-fit")
    assert fault.hits == 1 and "action-failed" in codes(answer), answer.body
    row = stack.row(f"volume#{grows}", "growths")
    assert row["n"] == 0 and not [name for name in row if name.startswith("grown_")], row
    (day,) = [row for row in stack.incidents() if row["pk"] == "growths"]
    assert day["gib"] == 0


def test_volumes_that_cannot_be_read_stop_the_climb(region, stack):
    """A gap is a doubt: nothing is bought, and nothing is replaced instead."""
    instance = fleet.group(region, ssm_output="disk-insufficient").members[0]
    opened(stack, "disk-full", instance)
    follow_up = stack.start(FOLLOW_UP)
    with region.proxy.fault("ec2", "DescribeVolumes", wire.DENIED) as fault:
        answer = beat(stack, follow_up)
    assert fault.hits and answer.actions == [], answer.story()
    assert "fact-unknown" in codes(answer), answer.body
