"""docs/examples/work-in-progress.yaml, and what CodeDeploy and AWS Backup send when work begins."""

from functools import cache
from pathlib import Path

import template

EXAMPLE = Path(__file__).parent.parent.parent / "docs/examples/work-in-progress.yaml"


@cache
def resources():
    return template.read(EXAMPLE)["Resources"]


def patterns():
    """The event pattern of each of its rules."""
    rules = {name: it for name, it in resources().items() if it["Type"] == "AWS::Events::Rule"}
    return {name: rule["Properties"]["EventPattern"] for name, rule in rules.items()}


def function(client, monkeypatch, minutes):
    """Its function, with that client of EC2."""
    code = resources()["BusyFunction"]["Properties"]["Code"]["ZipFile"]
    monkeypatch.setattr("boto3.client", lambda service: {"ec2": client}[service])
    monkeypatch.setenv("BUSY_MINUTES", str(minutes))
    module = {}
    exec(compile(code, "index.py", "exec"), module)
    return module["handler"]


def deployment(instance, state="START"):
    """As in the CodeDeploy user guide, "Monitoring deployments with Amazon CloudWatch Events"."""
    return _event(
        "aws.codedeploy",
        "CodeDeploy Instance State-change Notification",
        instanceId=instance,
        region="eu-central-1",
        state=state,
        application="shop",
        deploymentId="d-123456789",
        instanceGroupId="8cd3bfa8-9e72-4cbe-a1e5-da4efc7efd49",
        deploymentGroup="shop-web",
    )


def backup(instance, state="RUNNING"):
    """As in the AWS Backup developer guide, "Monitoring AWS Backup events using Amazon
    EventBridge"."""
    return _event(
        "aws.backup",
        "Backup Job State Change",
        backupJobId="4b236aea-ba66-4d4b-9e8f-6a1b0a5f1b2c",
        backupVaultArn="arn:aws:backup:eu-central-1:111122223333:backup-vault:Default",
        backupVaultName="Default",
        resourceArn=f"arn:aws:ec2:eu-central-1:111122223333:instance/{instance}",
        resourceType="EC2",
        state=state,
        creationDate="2026-11-20T03:00:00.000Z",
    )


def _event(source, kind, **detail):
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": kind,
        "source": source,
        "account": "111122223333",
        "time": "2026-11-20T03:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    }
