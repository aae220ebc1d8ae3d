"""The Python peer of the bench: the same calls for an alarm as Remedy's function
makes, with boto3, written as such handlers are: clients made once, the calls one
after the other, no checks.

Lambda's own Python runtime is not on every machine, so the few lines of it that
matter stand here too.
"""

import http.client
import json
import os
import time

import boto3
from botocore.config import Config

CONFIG = Config(retries={"mode": "standard", "max_attempts": 3})
autoscaling, dynamodb, ec2, sns, ssm = (
    boto3.client(name, config=CONFIG) for name in ("autoscaling", "dynamodb", "ec2", "sns", "ssm")
)
TABLE = os.environ["REMEDY_TABLE"]
TOPIC = os.environ["REMEDY_TOPIC_ARN"]
DOCUMENT = os.environ["REMEDY_DOCUMENT"]


def handler(event):
    metric = event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    instance = metric["dimensions"]["InstanceId"]
    named = [{"Name": "instance-id", "Values": [instance]}]
    found = ec2.describe_instances(Filters=named)["Reservations"][0]["Instances"][0]
    ec2.describe_instance_status(Filters=named)
    ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance]}])
    autoscaling.describe_auto_scaling_instances(InstanceIds=[instance])
    key = {"pk": {"S": f"instance#{instance}"}, "sk": {"S": "incident"}}
    dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    if tags.get("auto-remediation") != "enabled":
        return {"outcome": "held"}
    row = key | {"opened_at": {"N": str(time.time())}, "version": {"N": "1"}}
    dynamodb.put_item(TableName=TABLE, Item=row, ConditionExpression="attribute_not_exists(pk)")
    command = ssm.send_command(
        InstanceIds=[instance], DocumentName=DOCUMENT, Parameters={"Mode": ["apply"]}
    )["Command"]["CommandId"]
    dynamodb.put_item(TableName=TABLE, Item=row | {"command_id": {"S": command}})
    sns.publish(TopicArn=TOPIC, Subject="cleanup sent", Message=f"{instance}: {command}")
    return {"outcome": "acted", "command_id": command}


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        invocation = api.getresponse()
        event = json.load(invocation)
        answer = json.dumps(handler(event))
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", answer)
        api.getresponse().read()


main()
