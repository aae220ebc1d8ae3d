"""The check of every call against AWS's models is awake: each kind of mistake is one that
the functions could make, and that no emulator would notice."""

import json

import cbor2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import boto3
import models
from region import REGION, client


def test_a_filter_that_aws_does_not_have_is_noticed_on_the_wire(region):
    asking = client("ec2", region.proxy.url, key="ASKINGFILTERS")
    with pytest.raises(ClientError) as error:
        asking.describe_instance_status(Filters=[{"Name": "instance-id", "Values": ["i-0"]}])
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
    (found,), region.proxy.misunderstood = region.proxy.misunderstood, []
    assert found.startswith("ec2:DescribeInstanceStatus: ") and "instance-id" in found
    asking.describe_instance_status(
        Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
    )
    assert region.proxy.misunderstood == []


STAT = {
    "Metric": {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": []},
    "Period": 60,
    "Stat": "Average",
}
COMMAND = {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-0123456789abcdef0"]}
KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
STANDBY = {"AutoScalingGroupName": "a", "ShouldDecrementDesiredCapacity": True}
AGENTS = [{"Key": "InstanceIds", "Values": ["i-0123456789abcdef0"]}]

# What an independent client sends, and where a mistake in it is: none in the first of each.
ASKED = [
    ("ec2", "describe_instances", {"Filters": [{"Name": "tag:Name", "Values": ["a"]}]}, None),
    ("ec2", "describe_instances", {"Filters": [{"Name": "label", "Values": ["a"]}]}, "Filters[0]"),
    ("ec2", "describe_instances", {"MaxResults": "many"}, "MaxResults is no integer"),
    ("ec2", "describe_instance_types", {"InstanceTypes": ["m7g.large"]}, None),
    ("ec2", "describe_instance_types", {"InstanceTypes": ["m7g.tiny"]}, "InstanceTypes[0] is none"),
    ("ec2", "reboot_instances", {}, "InstanceIds is required"),
    ("autoscaling", "enter_standby", {**STANDBY, "InstanceIds": ["i-0123456789abcdef0"]}, None),
    ("autoscaling", "enter_standby", {**STANDBY, "InstanceIds": ["i" * 20]}, "InstanceIds[0]: 20"),
    ("autoscaling", "enter_standby", {"AutoScalingGroupName": "a"}, "ShouldDecrement"),
    ("autoscaling", "delete_tags", {"Tags": []}, None),
    ("autoscaling", "exit_standby", {"AutoScalingGroupName": "\n\x01"}, "does not match"),
    ("sns", "publish", {"TopicArn": "a", "Message": "b"}, None),
    ("sns", "publish", {"TopicArn": "a"}, "Message is required"),
    ("ssm", "send_command", {**COMMAND, "TimeoutSeconds": 60}, None),
    ("ssm", "send_command", {**COMMAND, "TimeoutSeconds": 29}, "TimeoutSeconds: 29"),
    ("ssm", "send_command", {**COMMAND, "Comment": "a" * 101}, "Comment: 101 characters"),
    ("ssm", "send_command", {**COMMAND, "DocumentVersion": "newest"}, "DocumentVersion does not"),
    ("ssm", "describe_instance_information", {"Filters": AGENTS, "MaxResults": 50}, None),
    ("ssm", "describe_instance_information", {"MaxResults": 51}, "MaxResults: 51"),
    (
        "ssm",
        "describe_instance_information",
        {"Filters": [{"Key": "Name", "Values": ["a"]}]},
        "Filters[0].Key",
    ),
    ("ssm", "describe_sessions", {"State": "Active"}, None),
    ("ssm", "describe_sessions", {"State": "Open"}, "State is none of"),
    ("dynamodb", "put_item", {"TableName": "abc", "Item": KEY}, None),
    ("dynamodb", "put_item", {"TableName": "abc", "Item": {"pk": {"S": 1}}}, "Item.pk.S is no"),
    ("cloudwatch", "describe_alarms", {"AlarmNames": ["a"]}, None),
    ("cloudwatch", "describe_alarms", {"AlarmNames": ["a" * 256]}, "AlarmNames[0]: 256"),
    ("s3", "put_object", {"Bucket": "bucket", "Key": "a/b", "Body": b"c"}, None),
    ("s3", "put_object", {"Bucket": "bucket", "Key": "a", "StorageClass": "COLD"}, "StorageClass"),
]


@pytest.mark.parametrize(("service", "method", "parameters", "mistake"), ASKED)
def test_a_mistake_in_a_call_is_found_and_nothing_else_is(service, method, parameters, mistake):
    operation = "".join(word.capitalize() for word in method.split("_"))
    found = models.problems(service, operation, *sent(service, method, parameters))
    if mistake is None:
        assert found == []
    else:
        assert len(found) == 1 and mistake in found[0], found


def sent(service, method, parameters):
    """What botocore would send, unchecked: method, path, headers and body."""
    config = Config(parameter_validation=False, s3={"addressing_style": "path"})
    asking = boto3.client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=config,
    )
    caught = []

    def catch(request, **_):
        caught.append(request)
        raise Caught

    asking.meta.events.register("before-send", catch)
    with pytest.raises(Caught):
        getattr(asking, method)(**parameters)
    request = caught[0]
    path = request.url.removeprefix("http://127.0.0.1:1")
    headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    return request.method, path, headers, body if isinstance(body, bytes) else body.encode()


class Caught(Exception):
    """The request is caught and not sent."""


FORM = "Action=RebootInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0"
SSM = "AmazonSSM.DescribeSessions"
CLOUDWATCH = "/service/GraniteServiceVersion20100801/operation/GetMetricData"


@pytest.mark.parametrize(
    ("operation", "path", "headers", "body", "mistake"),
    [
        ("ec2:RebootInstances", "/", {}, FORM, None),
        ("ec2:RebootInstances", "/", {}, f"{FORM}&Force=true", "Force is unknown"),
        ("ec2:RebootInstances", "/", {}, FORM.replace("2016", "2015"), "the version"),
        ("ec2:RestartInstances", "/", {}, FORM, "no operation RestartInstances"),
        ("ssm:DescribeSessions", "/", {"X-Amz-Target": SSM}, {"State": "Active"}, None),
        ("ssm:DescribeSessions", "/", {"X-Amz-Target": SSM}, {"State": "Active", "A": 1}, "A is"),
        ("ssm:DescribeSessions", "/", {"X-Amz-Target": "a"}, {"State": "Active"}, "the target"),
        ("cloudwatch:GetMetricData", CLOUDWATCH, {}, [60, "series"], None),
        ("cloudwatch:GetMetricData", CLOUDWATCH, {}, [-60, "series"], "Period: -60"),
        ("cloudwatch:GetMetricData", CLOUDWATCH, {}, [60, ""], "Id: 0 characters"),
    ],
)
def test_a_mistake_no_other_client_could_make_is_found(operation, path, headers, body, mistake):
    if isinstance(body, list):
        query = {"Id": body[1], "MetricStat": STAT | {"Period": body[0]}}
        body = cbor2.dumps({"MetricDataQueries": [query], "StartTime": 1.0, "EndTime": 2.0})
    elif isinstance(body, dict):
        body = json.dumps(body)
    body = body if isinstance(body, bytes) else body.encode()
    found = models.problems(*operation.split(":"), "POST", path, headers, body)
    if mistake is None:
        assert found == []
    else:
        assert len(found) == 1 and mistake in found[0], found
