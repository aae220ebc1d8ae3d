"""The stock moto server, plus the behaviours Remedy meets on AWS and moto lacks.

    python moto_extended.py -H 127.0.0.1 -p 5600        (moto_server's own flags)

Stock moto cannot describe SSM agents, accepts any command for any instance,
never replaces a member marked unhealthy, knows no instance refresh, and
"reboots" a stopped instance into running. A test against that proves little.
Each override says what AWS does instead, and in brackets who says so: a page or a
model of AWS's, a recording, or the question of docs/aws-questions.md that stands for a
source nobody has (tests/aws/test_sources.py). They replace private functions of moto,
so its version is pinned in requirements.txt, and
`tests/wire/test_the_emulated_region.py` holds them to their word.

What a test wants of an instance it says with EC2 tags, which survive the wire:

    test:ssm              Online | ConnectionLost | Inactive | none
                          (default: Online while the instance runs)
    test:ssm-ping-age     seconds since the agent's last ping (default 20)
    test:ssm-platform     Linux | Windows (default Linux)
    test:ssm-result       what a command ends with (default Success); of the ways
                          to time out, the details: "Delivery Timed Out" and the like
    test:ssm-output       what its script prints, by name: host_says.py (default: nothing)
    test:ssm-delay        seconds a command stays in progress (default 0)
    test:ssm-sessions     Session Manager sessions that are open (default 0)
    test:system-status    ok | impaired | insufficient-data | initializing
    test:instance-status  the same, for the instance's own check
    test:application-status  the word of its application status checks (default: none)
    test:zone             impaired: so EC2 calls the zone that the instance is in
    test:auto-recovery    default | disabled (default: nothing is said of it)
"""

import re
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from moto.autoscaling import models as autoscaling
from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.responses.availability_zones_and_regions import AvailabilityZonesAndRegions
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ssm import models as ssm
from moto.ssm.responses import SimpleSystemManagerResponse

import models
from host_says import spoken


class AwsError(ServiceException):
    """A class of our own, because moto looks a bare one up in a service "core"."""


def fail(code, message):
    """The error an AWS client sees, in whatever protocol the service speaks."""
    raise AwsError(code, message)


# One request at a time. moto's models are plain dictionaries without locks, so
# two functions racing each other would at times trip over moto, not over us.

_one_at_a_time = threading.RLock()
_call_action = BaseResponse.call_action

# What AWS calls a request that it does not understand, by service (EC2 API reference,
# "Error codes"; "Common errors" of the others).
NOT_UNDERSTOOD = {"ec2": "InvalidParameterValue", "autoscaling": "ValidationError"}


def call_action(self):
    """AWS refuses what its model does not know or allow; moto takes much of it (botocore's
    models; the code: question status-filter)."""
    body = self.raw_body if isinstance(self.raw_body, bytes) else self.raw_body.encode()
    body = body or urlencode(list(self.form_data.items())).encode()
    service, action = self.service_name, self._get_action()
    with _one_at_a_time:
        found = models.problems(service, action, self.method, self.path, self.headers, body)
        if not found:
            return _call_action(self)
        error = AwsError(NOT_UNDERSTOOD.get(service, "ValidationException"), "; ".join(found))
        return _enriched(self, ActionResult(error))


def _enriched(self, result):
    """A result as moto itself would send it."""
    status, headers, body = self.serialized(result)
    headers["status"] = status
    return status, *self._enrich_response(headers, body)




BaseResponse.call_action = call_action


# --- EC2 ---------------------------------------------------------------------


def tags_of(instance):
    return {tag["key"]: tag["value"] for tag in instance.get_tags()}


def all_instances(account, region):
    reservations = ec2_backends[account][region].reservations.values()
    return [instance for reservation in reservations for instance in reservation.instances]


def status_check(tag):
    """A status check whose answer the instance's tag decides (EC2 API reference,
    InstanceStatusSummary)."""

    def status(self):
        if self.state != "running":
            return {"Status": "not-applicable"}
        wanted = tags_of(self).get(tag, "ok")
        passed = {"ok": "passed", "impaired": "failed"}.get(wanted, wanted)
        return {"Status": wanted, "Details": [{"Name": "reachability", "Status": passed}]}

    return property(status)


Instance.system_status = status_check("test:system-status")
Instance.instance_status = status_check("test:instance-status")


def application_status(self):
    """The word of the owner's own checks; AWS says nothing of it where there are none (EC2
    API reference, ApplicationStatusSummary)."""
    wanted = tags_of(self).get("test:application-status")
    return {"Status": wanted} if wanted and self.state == "running" else None


Instance.application_status = property(application_status)


def maintenance_options(self):
    """Whether EC2 recovers it by itself (EC2 API reference, InstanceMaintenanceOptions)."""
    wanted = tags_of(self).get("test:auto-recovery")
    return {"AutoRecovery": wanted} if wanted else None


Instance.maintenance_options = property(maintenance_options)


_launch = Instance.__init__


def launch(self, *given, **named):
    """An instance that has long booted: none that a test acts on is too young for it. When it
    was launched stands in `launchTime` (EC2 API reference, `Instance`)."""
    _launch(self, *given, **named)
    self.launch_time -= timedelta(hours=1)


Instance.__init__ = launch

_reboot_instances = InstanceBackend.reboot_instances


def reboot_instances(self, instance_ids):
    """AWS reboots only what runs; moto would start a stopped instance (EC2 user guide,
    "Instance lifecycle"; the code: question reboot-stopped)."""
    for instance in self.get_multi_instances_by_id(instance_ids):
        if instance.state != "running":
            fail(
                "IncorrectState",
                f"The instance '{instance.id}' is not in the 'running' state.",
            )
    return _reboot_instances(self, instance_ids)


InstanceBackend.reboot_instances = reboot_instances


# --- Systems Manager ---------------------------------------------------------


def ping_status(instance):
    """What SSM knows of the agent, or None where it knows nothing (Systems Manager user
    guide, "Checking SSM Agent status": no stopped instance is listed)."""
    if instance.state != "running":
        return None
    wanted = tags_of(instance).get("test:ssm", "Online")
    return None if wanted == "none" else wanted


def instance_information(instance):
    """As Systems Manager describes an agent (recorded: ssm.DescribeInstanceInformation)."""
    tags = tags_of(instance)
    platform = tags.get("test:ssm-platform", "Linux")
    names = {"Linux": ("Amazon Linux", "2023"), "Windows": ("Windows Server 2022", "10.0")}
    name, version = names.get(platform, (platform, "1"))
    return {
        "InstanceId": instance.id,
        "PingStatus": ping_status(instance),
        "LastPingDateTime": time.time() - float(tags.get("test:ssm-ping-age", 20)),
        "AgentVersion": "3.3.3572.0",
        "IsLatestVersion": True,
        "PlatformType": platform,
        "PlatformName": name,
        "PlatformVersion": version,
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip or "",
        "ComputerName": instance.id,
    }


def information_filters(response):
    """The two ways to filter, which AWS does not let a caller mix (SSM API reference,
    DescribeInstanceInformation)."""
    filters = {f["Key"]: f["Values"] for f in response._get_param("Filters", []) or []}
    legacy = {
        f["key"]: f["valueSet"]
        for f in response._get_param("InstanceInformationFilterList", []) or []
    }
    if filters and legacy:
        fail("ValidationException", "Filters and InstanceInformationFilterList exclude each other")
    wanted = filters or legacy
    for key in wanted:
        if key not in ("InstanceIds", "PingStatus"):
            fail("InvalidFilterKey", f"The filter key {key} is not emulated here")
    return wanted


def describe_instance_information(self):
    """Registered agents only, stopped ones not (SSM API reference,
    DescribeInstanceInformation)."""
    wanted = information_filters(self)
    known = [
        instance_information(instance)
        for instance in all_instances(self.current_account, self.region)
        if instance.id in wanted.get("InstanceIds", [instance.id])
        and ping_status(instance) is not None
    ]
    found = [
        item
        for item in known
        if item["PingStatus"] in wanted.get("PingStatus", [item["PingStatus"]])
    ]
    return paged(
        self, "InstanceInformationList", found, int(self._get_param("MaxResults") or 10)
    )


def check_parameters(document, given):
    """AWS refuses parameters a document does not declare or allow (SSM API reference,
    SendCommand, InvalidParameters)."""
    declared = document.content_json.get("parameters") or {}
    for name, values in given.items():
        if name not in declared:
            fail("InvalidParameters", f"Parameter {name} is not defined in the document.")
        pattern = declared[name].get("allowedPattern")
        allowed = declared[name].get("allowedValues")
        for value in values:
            if pattern and not re.search(pattern, value):
                fail("InvalidParameters", f"Parameter {name}: {value!r} does not match {pattern}")
            if allowed and value not in allowed:
                fail("InvalidParameters", f"Parameter {name}: {value!r} is not one of {allowed}")
    for name, declaration in declared.items():
        if "default" not in declaration and name not in given:
            fail("InvalidParameters", f"Parameter {name} is required.")


def check_command(response):
    """What SendCommand refuses at once, rather than hours later (botocore's errors of
    SendCommand; recorded: ssm.SendCommand.InvalidInstanceId)."""
    name = (response._get_param("DocumentName") or "").rsplit("document/", 1)[-1]
    documents = response.ssm_backend._documents
    if not name.startswith("AWS-"):
        if name not in documents:
            fail("InvalidDocument", f"Document with name {name} does not exist.")
        version = response._get_param("DocumentVersion")
        document = documents[name].find("$LATEST" if version == "$LATEST" else None)
        check_parameters(document, response._get_param("Parameters", {}) or {})
    by_id = {i.id: i for i in all_instances(response.current_account, response.region)}
    for instance_id in response._get_param("InstanceIds", []) or []:
        if instance_id not in by_id or ping_status(by_id[instance_id]) is None:
            fail(
                "InvalidInstanceId",
                f"Instances [[{instance_id}]] not in a valid state for account "
                f"{response.current_account}",
            )


_send_command = SimpleSystemManagerResponse.send_command


def send_command(self):
    """AWS knows the document, its parameters and the instance before it says yes.
    An agent that was Online once and is silent now is still accepted: such a
    command waits for its delivery timeout (Systems Manager user guide, "Understanding
    command statuses")."""
    check_command(self)
    return _send_command(self)


def list_command_invocations(self):
    """Of an instance, since a time and before one; AWS promises no order, and this is the oldest first (SSM
    API reference, ListCommandInvocations and CommandFilter)."""
    command_id, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
    filters = {f["key"]: f["value"] for f in self._get_param("Filters", []) or []}
    if set(filters) - {"InvokedAfter", "InvokedBefore"}:
        fail("InvalidFilterKey", "Only InvokedAfter and InvokedBefore are emulated here")
    after = datetime.fromisoformat(filters.get("InvokedAfter", "2006-03-14T00:00:00Z"))
    before = datetime.fromisoformat(filters.get("InvokedBefore", "9999-12-31T00:00:00Z"))
    shown = ("CommandId", "InstanceId", "Comment", "DocumentName", "Status", "StatusDetails")
    found = []
    for command in self.ssm_backend.list_commands(command_id, instance_id):
        at = command.requested_date_time.replace(tzinfo=timezone.utc)
        for target in command.instance_ids if after <= at < before else []:
            if instance_id in (None, target):
                invocation = command.get_invocation(target, None)
                known = {key: invocation[key] for key in shown}
                found.append(known | {"RequestedDateTime": at.timestamp()})
    return paged(self, "CommandInvocations", found, 2)


def paged(response, name, found, size):
    """A page: a caller has to follow the token, also where it is shorter than what was asked
    for, which is a maximum (SSM API reference, ListCommandInvocations and
    DescribeInstanceInformation; Auto Scaling API reference, DescribeInstanceRefreshes)."""
    token = response._get_param("NextToken") or "0"
    start = int(token) if token.isdigit() else 0  # Another is that of a page a test put before.
    page = {name: found[start : start + size]}
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return ActionResult(page | more)


def describe_sessions(self):
    """Active sessions by their target; moto knows none (recorded: ssm.DescribeSessions)."""
    filters = {f["key"]: f["value"] for f in self._get_param("Filters", []) or []}
    if self._get_param("State") != "Active" or set(filters) - {"Target"}:
        fail("InvalidFilterKey", "Only active sessions by Target are emulated here")
    found = [
        {"SessionId": f"{instance.id}-{n}", "Target": instance.id, "Status": "Connected"}
        for instance in all_instances(self.current_account, self.region)
        if filters.get("Target", instance.id) == instance.id
        for n in range(int(tags_of(instance).get("test:ssm-sessions", 0)))
    ]
    return ActionResult({"Sessions": found})


def get_calendar_state(self):
    """A calendar's name says what it says: `closed...` is closed until the next full hour, `none...`
    is no calendar, any other is open. Open are several only if all are (SSM API reference,
    GetCalendarState)."""
    names = self._get_param("CalendarNames")
    if any(name.startswith("none") for name in names):
        fail("InvalidDocument", "The specified SSM document doesn't exist.")
    closed = any(name.startswith("closed") for name in names)
    now = datetime.now(timezone.utc)
    until = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return ActionResult(
        {
            "State": "CLOSED" if closed else "OPEN",
            "AtTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "NextTransitionTime": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def describe_availability_zones(self):
    """The zones of the region; EC2 calls one impaired in which an instance says so by a tag
    (EC2 API reference, AvailabilityZone: `State`, `Messages`)."""
    asked = self._get_param("ZoneNames") or []
    zones = self.ec2_backend.describe_availability_zones(filters=[], zone_names=asked, zone_ids=[])
    unwell = {
        instance.placement.zone
        for instance in all_instances(self.current_account, self.region)
        if tags_of(instance).get("test:zone") == "impaired"
    }
    found = [
        {
            "ZoneName": zone.name,
            "ZoneId": zone.zone_id,
            "RegionName": zone.region_name,
            "ZoneType": zone.zone_type,
            "State": "impaired" if zone.name in unwell else "available",
            "Messages": [{"Message": "Increased error rates"}] if zone.name in unwell else [],
        }
        for zone in zones
    ]
    return ActionResult({"AvailabilityZones": found})


AvailabilityZonesAndRegions.describe_availability_zones = describe_availability_zones
SimpleSystemManagerResponse.get_calendar_state = get_calendar_state
SimpleSystemManagerResponse.describe_instance_information = describe_instance_information
SimpleSystemManagerResponse.describe_sessions = describe_sessions
SimpleSystemManagerResponse.list_command_invocations = list_command_invocations
SimpleSystemManagerResponse.send_command = send_command

_targets = ssm.Command._get_instance_ids_from_targets
_get_invocation = ssm.Command.get_invocation


def targets(self):
    """Without Targets moto would run the command on every instance there is (SSM API
    reference, SendCommand: InstanceIds or Targets)."""
    return _targets(self) if self.targets else []


def get_invocation(self, instance_id, plugin_name):
    """A command takes as long, and ends as well, as its instance's tags say; the words for
    it are AWS's (Systems Manager user guide, "Understanding command statuses"; recorded:
    ssm.GetCommandInvocation)."""
    instances = all_instances(self.account_id, self.backend_region)
    tags = next((tags_of(i) for i in instances if i.id == instance_id), {})
    sent = self.requested_date_time.replace(tzinfo=timezone.utc)
    age = (datetime.now(timezone.utc) - sent).total_seconds()
    details = tags.get("test:ssm-result", "Success")
    if age < float(tags.get("test:ssm-delay", 0)):
        details = "InProgress"
    status = "TimedOut" if details.endswith("Timed Out") else details
    ended = status not in ("Pending", "InProgress", "Delayed", "Cancelling")
    code = {"Success": 0, "Failed": 1}.get(status, -1)
    told = ended and "test:ssm-output" in tags
    reaches_bucket = tags.get("test:ssm-upload", "yes") == "yes"
    output = ""
    if told:
        output = spoken(tags["test:ssm-output"], self.parameters or {}, reaches_bucket)
    invocation = dict(_get_invocation(self, instance_id, plugin_name))
    invocation.update(
        Status=status, StatusDetails=details, ResponseCode=code, StandardOutputContent=output
    )
    return invocation


ssm.Command._get_instance_ids_from_targets = targets
ssm.Command.get_invocation = get_invocation


# --- Auto Scaling ------------------------------------------------------------

_Backend = autoscaling.AutoScalingBackend
_enter_standby = _Backend.enter_standby_instances
_exit_standby = _Backend.exit_standby_instances
_terminate = _Backend.terminate_instance
_set_health = _Backend.set_instance_health


def group_named(backend, name):
    """AWS names the group it does not know (recorded in cloud-custodian/cloud-custodian issue
    380)."""
    if name not in backend.autoscaling_groups:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
    return backend.autoscaling_groups[name]


def group_of(backend, instance_id):
    for group in backend.autoscaling_groups.values():
        if any(member.instance.id == instance_id for member in group.instance_states):
            return group
    return None


def suspended(group, *processes):
    names = {process["ProcessName"] for process in group.suspended_processes}
    return bool(names & set(processes))


def check_state(group, instance_ids, wanted):
    """AWS moves only members in the state that a change begins in (recorded:
    autoscaling.EnterStandby.ValidationError)."""
    members = {member.instance.id: member for member in group.instance_states}
    for instance_id in instance_ids:
        if instance_id not in members:
            raise ValidationError(
                f"The instance {instance_id} is not part of Auto Scaling group {group.name}."
            )
        if members[instance_id].lifecycle_state != wanted:
            raise ValidationError(f"The instance {instance_id} is not in {wanted}.")


def sizes(group):
    return (
        f"AutoScalingGroup {group.name} has min-size={group.min_size}, "
        f"max-size={group.max_size}, and desired-size={group.desired_capacity}."
    )


def enter_standby(self, group_name, instance_ids, should_decrement):
    """AWS keeps the group's minimum, and moves only what is in service (recorded:
    autoscaling.EnterStandby.ValidationError)."""
    group = group_named(self, group_name)
    check_state(group, instance_ids, "InService")
    if should_decrement and group.desired_capacity - len(instance_ids) < group.min_size:
        raise ValidationError(
            f"{sizes(group)} To place into standby {len(instance_ids)} instance, "
            "please update the AutoScalingGroup sizes appropriately."
        )
    return _enter_standby(self, group_name, instance_ids, should_decrement)


def exit_standby(self, group_name, instance_ids):
    """AWS keeps the group's maximum, and returns only what is in Standby (Auto Scaling API
    reference, ExitStandby; what becomes of the desired capacity: question standby-return)."""
    group = group_named(self, group_name)
    check_state(group, instance_ids, "Standby")
    if group.desired_capacity + len(instance_ids) > group.max_size:
        raise ValidationError(
            f"{sizes(group)} To bring out of standby {len(instance_ids)} instance, "
            "please update the AutoScalingGroup sizes appropriately."
        )
    return _exit_standby(self, group_name, instance_ids)


def terminate(self, instance_id, should_decrement):
    """AWS names an unknown instance, and keeps the group's minimum (recorded in
    hashicorp/nomad-autoscaler pull request 1290)."""
    group = group_of(self, instance_id)
    if group is None:
        raise ValidationError(
            "Instance Id not found - No managed instance found for instance ID: " + instance_id
        )
    if should_decrement and group.desired_capacity - 1 < group.min_size:
        raise ValidationError(
            f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance "
            "without replacement will violate group's min size constraint. Either set "
            "shouldDecrementDesiredCapacity flag to false or lower group's min size."
        )
    return _terminate(self, instance_id, should_decrement)


def set_instance_health(self, instance_id, health_status):
    """AWS replaces an unhealthy member within a minute, unless the processes
    that do it are suspended. Here it happens at once: tests need not wait (Auto Scaling user
    guide, "Health checks" and "Suspend and resume processes"; what is in no group: question
    unknown-member)."""
    group = group_of(self, instance_id)
    if group is None:
        raise ValidationError(f"Instance {instance_id} is not managed by an Auto Scaling group.")
    _set_health(self, instance_id, health_status)
    if health_status != "Unhealthy":
        return
    if not suspended(group, "ReplaceUnhealthy", "Terminate", "Launch"):
        _terminate(self, instance_id, False)


_Backend.enter_standby_instances = enter_standby
_Backend.exit_standby_instances = exit_standby
_Backend.terminate_instance = terminate
_Backend.set_instance_health = set_instance_health


def refreshes_of(response):
    """A group's instance refreshes, oldest first: AWS promises no order (Auto Scaling API
    reference, DescribeInstanceRefreshes). moto has no such thing."""
    group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
    if not hasattr(group, "instance_refreshes"):
        group.instance_refreshes = []
    return group.instance_refreshes


def start_instance_refresh(self):
    """A refresh stays in progress until it is cancelled: tests move nothing by time. A group
    has one at most (Auto Scaling API reference, StartInstanceRefresh)."""
    refreshes = refreshes_of(self)
    if any(refresh["Status"] == "InProgress" for refresh in refreshes):
        fail("InstanceRefreshInProgress", "An Instance Refresh is already in progress")
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": self._get_param("AutoScalingGroupName"),
        "Status": "InProgress",
        "StartTime": datetime.now(timezone.utc),
        "PercentageComplete": 0,
        "InstancesToUpdate": 1,
    }
    refreshes.append(refresh)
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def cancel_instance_refresh(self):
    """Cancels the one that runs, if any does (Auto Scaling API reference)."""
    for refresh in refreshes_of(self):
        if refresh["Status"] == "InProgress":
            refresh.update(Status="Cancelled", EndTime=datetime.now(timezone.utc))
            return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})
    fail("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found")


def describe_instance_refreshes(self):
    """Of six weeks, in pages (Auto Scaling API reference, DescribeInstanceRefreshes)."""
    wanted = self._get_param("InstanceRefreshIds", []) or []
    found = [r for r in refreshes_of(self) if not wanted or r["InstanceRefreshId"] in wanted]
    return paged(self, "InstanceRefreshes", found, 1)


AutoScalingResponse.start_instance_refresh = start_instance_refresh
AutoScalingResponse.cancel_instance_refresh = cancel_instance_refresh
AutoScalingResponse.describe_instance_refreshes = describe_instance_refreshes


if __name__ == "__main__":
    from moto.server import main

    main(sys.argv[1:])
