"""The stage itself: what the other tests rely on the emulators and the proxy for.

A test that passes because an emulator is too kind proves nothing, so each
behaviour of AWS that a guard or an action meets is pinned here, seen through
boto3.
"""

import threading
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

import fleet
import proxy as wire
from region import client


def code_of(error):
    return error.value.response["Error"]["Code"]


def mark_unhealthy(region, instance):
    region.autoscaling.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy")


def test_an_unhealthy_member_is_replaced(region):
    group = fleet.group(region)
    old, other = group.members
    mark_unhealthy(region, old)
    now = group.ids()
    assert old not in now and other in now and len(now) == 2
    assert fleet.state_of(region, old) == "terminated"


def test_a_replacement_carries_the_groups_tags_and_a_healthy_agent(region):
    group = fleet.group(region, agent="none")
    mark_unhealthy(region, group.members[0])
    (new,) = set(group.ids()) - set(group.members)
    tags = region.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [new]}])["Tags"]
    owners = {t["Key"]: t["Value"] for t in tags if not t["Key"].startswith("aws:ec2")}
    assert owners == {"auto-remediation": "enabled", "aws:autoscaling:groupName": group.name}
    assert agents(region, new) == ["Online"]


@pytest.mark.parametrize("process", ["ReplaceUnhealthy", "Launch", "Terminate"])
def test_an_unhealthy_member_stays_while_a_process_is_suspended(region, process):
    group = fleet.group(region)
    region.autoscaling.suspend_processes(
        AutoScalingGroupName=group.name, ScalingProcesses=[process]
    )
    mark_unhealthy(region, group.members[0])
    assert group.ids() == group.members


def test_only_a_member_has_a_health_to_set(region):
    with pytest.raises(ClientError) as error:
        mark_unhealthy(region, fleet.standalone(region))
    assert code_of(error) == "ValidationError"


def test_a_refresh_stays_in_progress_until_it_is_cancelled(region):
    name = fleet.group(region).name
    assert refreshes(region, name) == []
    region.autoscaling.start_instance_refresh(AutoScalingGroupName=name)
    assert refreshes(region, name) == ["InProgress"]
    region.autoscaling.cancel_instance_refresh(AutoScalingGroupName=name)
    assert refreshes(region, name) == ["Cancelled"]


def refreshes(region, name):
    answer = region.autoscaling.describe_instance_refreshes(AutoScalingGroupName=name)
    return [refresh["Status"] for refresh in answer["InstanceRefreshes"]]


def test_standby_keeps_to_the_groups_sizes_and_states(region):
    group = fleet.group(region, size=1)
    for change in (enter_standby, exit_standby):
        with pytest.raises(ClientError) as error:
            change(region, group)
        assert code_of(error) == "ValidationError"


def enter_standby(region, group):
    region.autoscaling.enter_standby(
        AutoScalingGroupName=group.name,
        InstanceIds=group.members[:1],
        ShouldDecrementDesiredCapacity=True,
    )


def exit_standby(region, group):
    region.autoscaling.exit_standby(
        AutoScalingGroupName=group.name, InstanceIds=group.members[:1]
    )


@pytest.mark.parametrize("decrement", [True, False])
def test_a_member_in_standby_is_out_of_service_until_it_comes_back(region, decrement):
    group = fleet.group(region)
    member = group.members[0]
    region.autoscaling.enter_standby(
        AutoScalingGroupName=group.name,
        InstanceIds=[member],
        ShouldDecrementDesiredCapacity=decrement,
    )
    assert group.lifecycle_of(member) == "Standby"
    assert group.describe()["DesiredCapacity"] == (1 if decrement else 2)
    assert len(group.ids()) == (2 if decrement else 3), "the group starts one in its place"
    exit_standby(region, group)
    assert group.lifecycle_of(member) == "InService"
    assert group.describe()["DesiredCapacity"] == (2 if decrement else 3)


def test_a_command_ends_and_speaks_as_its_instances_tags_say(region, stack):
    document = stack.document("disk-full")
    for pretend, status, details, code, said in [
        ({"ssm_output": "disk-ok"}, "Success", "Success", 0, "REMEDIATION_RESULT {"),
        ({"ssm_result": "Failed"}, "Failed", "Failed", 1, ""),
        ({"ssm_result": "Delivery Timed Out"}, "TimedOut", "Delivery Timed Out", -1, ""),
        ({"ssm_output": "disk-ok", "ssm_delay": "60"}, "InProgress", "InProgress", -1, ""),
    ]:
        instance = fleet.standalone(region, **pretend)
        command = region.ssm.send_command(DocumentName=document, InstanceIds=[instance])["Command"]
        found = region.ssm.get_command_invocation(
            CommandId=command["CommandId"], InstanceId=instance
        )
        assert (found["Status"], found["StatusDetails"]) == (status, details)
        assert found["ResponseCode"] == code
        output = found["StandardOutputContent"]
        assert output.startswith(said) if said else output == ""
        listed = region.ssm.list_command_invocations(InstanceId=instance)["CommandInvocations"]
        assert [i["CommandId"] for i in listed] == [command["CommandId"]]


def test_an_unknown_command_has_no_invocation(region):
    with pytest.raises(ClientError) as error:
        region.ssm.get_command_invocation(
            CommandId="0c1f3d58-7a4e-4f0b-9a0e-6b1f6a1f4d11", InstanceId="i-0123456789abcdef0"
        )
    assert code_of(error) in ("InvocationDoesNotExist", "InvalidCommandId")


def test_a_metric_is_read_by_all_its_dimensions_and_within_its_time(region):
    # In the middle of a period, so that the two new values share one.
    period = datetime.now(timezone.utc).timestamp() // 300 * 300
    now = datetime.fromtimestamp(period - 150, timezone.utc)
    name = f"metric-{uuid.uuid4().hex[:8]}"
    dimensions = [{"Name": "InstanceId", "Value": "i-0"}, {"Name": "path", "Value": "/"}]
    for age, value in [(600, 1.0), (5, 2.0), (6, 3.0)]:
        region.cloudwatch.put_metric_data(
            Namespace="Wire",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": dimensions,
                    "Timestamp": now - timedelta(seconds=age),
                    "Value": value,
                }
            ],
        )
    for asked, values in [(dimensions, [3.0]), (dimensions[:1], [])]:
        stat = {
            "Metric": {"Namespace": "Wire", "MetricName": name, "Dimensions": asked},
            "Period": 300,
            "Stat": "Maximum",
        }
        answer = region.cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "series", "MetricStat": stat}],
            StartTime=now - timedelta(seconds=60),
            EndTime=now,
        )
        assert answer["MetricDataResults"][0]["Values"][-1:] == values


@pytest.mark.parametrize(
    ("agent", "known"), [("Online", ["Online"]), ("ConnectionLost", ["ConnectionLost"]), ("none", [])]
)
def test_ssm_knows_agents_as_the_instances_tags_say(region, agent, known):
    assert agents(region, fleet.standalone(region, agent=agent)) == known


def agents(region, instance):
    answer = region.ssm.describe_instance_information(
        Filters=[{"Key": "InstanceIds", "Values": [instance]}]
    )
    return [agent["PingStatus"] for agent in answer["InstanceInformationList"]]


def test_ssm_forgets_an_instance_that_does_not_run(region):
    instance = fleet.standalone(region)
    region.ec2.stop_instances(InstanceIds=[instance])
    assert agents(region, instance) == []


def test_a_stopped_instance_cannot_be_rebooted(region):
    instance = fleet.standalone(region)
    region.ec2.stop_instances(InstanceIds=[instance])
    with pytest.raises(ClientError) as error:
        region.ec2.reboot_instances(InstanceIds=[instance])
    assert code_of(error) == "IncorrectState"


def test_status_checks_are_as_the_instances_tags_say(region):
    instance = fleet.standalone(region, system_status="impaired")
    (status,) = region.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    assert status["SystemStatus"]["Status"] == "impaired"
    assert status["InstanceStatus"]["Status"] == "ok"


def test_status_checks_have_no_filter_by_instance(region):
    instance = fleet.standalone(region)
    for request, code in [
        ({"Filters": [{"Name": "instance-id", "Values": [instance]}]}, "InvalidParameterValue"),
        ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
    ]:
        with pytest.raises(ClientError) as error:
            region.ec2.describe_instance_status(**request)
        assert code_of(error) == code


def test_an_application_status_is_told_where_there_is_one(region):
    checked, unchecked = fleet.standalone(region, application_status="ok"), fleet.standalone(region)
    answer = region.ec2.describe_instance_status(InstanceIds=[checked, unchecked])
    told = {s["InstanceId"]: s.get("ApplicationStatus") for s in answer["InstanceStatuses"]}
    assert told == {checked: {"Status": "ok"}, unchecked: None}


def test_send_command_checks_document_parameters_and_instance(region, stack):
    document = stack.document("disk-full")
    instance, unknown = fleet.standalone(region), fleet.standalone(region, agent="none")
    for request, code in [
        ({"DocumentName": "no-such-document", "InstanceIds": [instance]}, "InvalidDocument"),
        ({"DocumentName": document, "InstanceIds": [unknown]}, "InvalidInstanceId"),
        ({"DocumentName": document, "InstanceIds": ["i-00000000"]}, "InvalidInstanceId"),
        (
            {"DocumentName": document, "InstanceIds": [instance], "Parameters": {"Nope": ["1"]}},
            "InvalidParameters",
        ),
    ]:
        with pytest.raises(ClientError) as error:
            region.ssm.send_command(**request)
        assert code_of(error) == code


def test_conditional_writes_admit_one_of_many(region, stack):
    """The ledger's claims stand on this, and an emulator may well get it wrong."""
    outcomes = []

    def claim(number):
        try:
            region.dynamodb.put_item(
                TableName=stack.table,
                Item={"pk": {"S": "race"}, "sk": {"S": "race"}, "by": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
            outcomes.append("won")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("won") == 1
    assert outcomes.count("ConditionalCheckFailedException") == 15


def test_a_notification_arrives_with_subject_and_attributes(region, stack):
    region.sns.publish(
        TopicArn=stack.topic,
        Subject="a subject",
        Message="a text",
        MessageAttributes={"symptom": {"DataType": "String", "StringValue": "disk-full"}},
    )
    arrived = stack.notification()
    assert (arrived["Subject"], arrived["Message"]) == ("a subject", "a text")
    assert arrived["MessageAttributes"]["symptom"]["Value"] == "disk-full"


QUESTIONS = {
    "ec2": ("DescribeInstances", lambda c: c.describe_instances()),
    "autoscaling": ("DescribeAutoScalingGroups", lambda c: c.describe_auto_scaling_groups()),
    "ssm": ("DescribeInstanceInformation", lambda c: c.describe_instance_information()),
    "dynamodb": ("ListTables", lambda c: c.list_tables()),
    "sns": ("ListTopics", lambda c: c.list_topics()),
}

CODES = {
    "ec2": ("RequestLimitExceeded", "UnauthorizedOperation", "InternalError"),
    "autoscaling": ("Throttling", "AccessDenied", "InternalFailure"),
    "ssm": ("ThrottlingException", "AccessDeniedException", "InternalServerError"),
    "dynamodb": (
        "ProvisionedThroughputExceededException",
        "AccessDeniedException",
        "InternalServerError",
    ),
    "sns": ("Throttling", "AuthorizationError", "InternalFailure"),
}


@pytest.mark.parametrize("service", QUESTIONS)
def test_the_proxy_refuses_in_each_services_own_words(region, service):
    operation, ask = QUESTIONS[service]
    asking = client(service, region.proxy.url, key=f"ASKING{service}")
    for how, code in zip((wire.THROTTLED, wire.DENIED, wire.BROKEN), CODES[service]):
        with region.proxy.fault(service, operation, how, times=1) as fault:
            with pytest.raises(ClientError) as error:
                ask(asking)
            assert code_of(error) == code
            assert fault.hits == 1
            ask(asking)  # the fault was for one call
    names = {call.name for call in region.proxy.calls_of(f"ASKING{service}")}
    assert names == {f"{service}:{operation}"}


def test_a_lost_answer_is_lost_after_the_call_happened(region):
    instance = fleet.standalone(region)
    asking = client("ec2", region.proxy.url, key="ASKINGLOST")
    with region.proxy.fault("ec2", "StopInstances", wire.ANSWER_LOST):
        with pytest.raises(Exception, match="Connection"):
            asking.stop_instances(InstanceIds=[instance])
    assert fleet.state_of(region, instance) == "stopped"


def test_layers_count_what_had_to_wait():
    def call(name, started, ended):
        return wire.Call("me", "ec2", name, "", started, ended)

    together = [call("A", 0, 5), call("B", 1, 4), call("C", 6, 8), call("D", 7, 9), call("E", 8.5, 9)]
    assert [layer for _, layer in wire.layers(together)] == [1, 1, 2, 2, 3]
