"""Instances and groups for a test to be about.

An owner's tags are given as they stand in EC2; what the emulator should pretend
(an agent that is silent, an impaired host) goes in by the `test:` tags that
tests/emulators/moto_extended.py documents.
"""

import uuid
from dataclasses import dataclass

OPTED_IN = {"auto-remediation": "enabled"}
IMAGE = "ami-760aaa0f"  # Amazon Linux, in moto's catalogue


def standalone(region, tags=OPTED_IN, agent="Online", **pretend):
    """A running instance outside any group; gives its id."""
    (instance,) = many(region, 1, tags, agent, **pretend)
    return instance


def many(region, count, tags=OPTED_IN, agent="Online", **pretend):
    """So many such instances; gives their ids."""
    answer = region.ec2.run_instances(
        ImageId=IMAGE,
        MinCount=count,
        MaxCount=count,
        InstanceType="m7g.large",
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": _tags(dict(tags) | _pretended(agent, pretend))}
        ],
    )
    return [instance["InstanceId"] for instance in answer["Instances"]]


def alone(region, **pretend):
    """A standalone instance that shares its disruption budget with nobody."""
    pool = {"auto-remediation-pool": uuid.uuid4().hex}
    return standalone(region, tags=OPTED_IN | pool, **pretend)


@dataclass
class Group:
    """An Auto Scaling group and its members at the beginning."""

    region: object
    name: str
    members: list

    def ids(self):
        """The members as they are now."""
        return [i["InstanceId"] for i in self.describe()["Instances"]]

    def lifecycle_of(self, instance):
        """The member's lifecycle state, None outside the group."""
        found = [i for i in self.describe()["Instances"] if i["InstanceId"] == instance]
        return found[0]["LifecycleState"] if found else None

    def describe(self):
        answer = self.region.autoscaling.describe_auto_scaling_groups(
            AutoScalingGroupNames=[self.name]
        )
        return answer["AutoScalingGroups"][0]


def group(
    region,
    size=2,
    tags=OPTED_IN,
    agent="Online",
    health_check="EC2",
    minimum=1,
    instance_type="m7g.large",
    **pretend,
):
    """A group of running members, with room for one more. `tags` are the group's
    and its members'; `agent` is how the first member's agent answers."""
    name = f"group-{uuid.uuid4().hex[:8]}"
    region.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": instance_type},
    )
    region.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"},
        MinSize=minimum,
        MaxSize=size + 1,
        DesiredCapacity=size,
        AvailabilityZones=[f"{region.ec2.meta.region_name}a"],
        HealthCheckType=health_check,
        Tags=[dict(tag, PropagateAtLaunch=True) for tag in _tags(tags)],
    )
    found = Group(region, name, [])
    found.members = found.ids()
    tag(region, found.members[0], _pretended(agent, pretend))
    return found


def tag(region, instance, tags):
    """Changes an instance's tags."""
    region.ec2.create_tags(Resources=[instance], Tags=_tags(tags))


def state_of(region, instance):
    answer = region.ec2.describe_instances(InstanceIds=[instance])
    return answer["Reservations"][0]["Instances"][0]["State"]["Name"]


def _pretended(agent, others):
    named = {f"test:{key.replace('_', '-')}": value for key, value in others.items()}
    return {"test:ssm": agent} | named


def _tags(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]
