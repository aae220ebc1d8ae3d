"""The whole template, deployed as CloudFormation deploys it, with IAM in force.

`Account` is one emulator that takes every call (tests/emulators/
ministack_extended.py), with moto behind it, and the proxy before it for what the
functions call. `Deployment` is template.yaml in it:
transformed by the SAM translator, its functions running from zips as their own
roles, its documents included from S3. The only thing changed is where code and
documents come from, as `sam package` changes it: the code is the binaries of the
tests, because those of a release take too long to build. `Plain` is the template that
release/plain.py makes of it, which needs no transform.
"""

import io
import json
import os
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path

import plain
import template
from function import binary
from proxy import Proxy
from region import ACCOUNT, EMULATORS, REGION, Emulator, client, start_moto
from stack import FOLLOW_UP, INTAKE, SYMPTOMS, Stack

DEPLOY_SECONDS = 120
# What the stack is deployed with that all share.
PARAMETERS = {"ChatTopic": "yes"}
# A beat comes every minute.
ARRIVAL_SECONDS = 90
# Of what a release is uploaded as: a bucket for each region, and keys below one prefix.
CODE_BUCKET, CODE_PREFIX = "remedy-code", f"remedy/{plain.version()}/"
BUCKET = f"{CODE_BUCKET}-{REGION}"
# The release whose zips and template are tried in place of the tests' own.
RELEASE = Path(os.environ["REMEDY_RELEASE"]) if "REMEDY_RELEASE" in os.environ else None
SERVICES = (
    "cloudformation cloudwatch dynamodb ec2 autoscaling events iam kms lambda logs s3 sns sqs "
    "ssm sts"
).split()


class Account:
    """An AWS account with IAM in force, and its owner's clients."""

    def __init__(self, directory):
        self.directory = directory
        self.started = [start_moto(directory)]
        self.proxy = Proxy({})
        try:
            self.started[0].wait()
            self.started.append(self._start_ministack(self.started[0]))
            self.started[1].wait()
            self.proxy.emulators.update(dict.fromkeys(SERVICES, self.started[1].port))
        except BaseException:
            self.stop()
            raise
        for service in SERVICES:
            named = {"lambda": "functions", "cloudformation": "stacks", "logs": "log_groups"}
            found = client(service, self.started[1].url, key="test")
            setattr(self, named.get(service, service), found)
        self.ec2.describe_instances()  # moto reads its catalogue now, not in some test
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for name in (*SYMPTOMS, FOLLOW_UP, INTAKE):
            self.s3.put_object(Bucket=BUCKET, Key=key_of(name), Body=_zip(name, directory))

    def _start_ministack(self, moto):
        environment = {
            "MOTO_URL": moto.url,
            "AUTH": "true",
            "GATEWAY_PORT": "{port}",
            # What a function gets as its endpoint for every service.
            "AWS_ENDPOINT_URL": self.proxy.url,
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "SERVICES": ",".join(SERVICES),
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
            "LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, str(EMULATORS / "ministack_extended.py")]
        return Emulator(
            "ministack", command, environment, "/_ministack/health", self.directory
        )

    def upload(self, file):
        """Puts a file beside the code; gives its address."""
        key = f"{file.parent.parent.name}.{file.name}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        return f"s3://{BUCKET}/{key}"

    def logs(self):
        return "\n".join(f"--- {e.name}\n{e.tail()}" for e in self.started)

    def stop(self):
        self.proxy.stop()
        for emulator in self.started:
            emulator.stop()


def key_of(name):
    """Where the code of a function lies."""
    return f"{CODE_PREFIX}x86_64/{name}.zip"


def _zip(name, directory):
    """A function's code as Lambda wants it; of a release, if it is one that is tried."""
    if RELEASE:
        return (RELEASE / "x86_64" / f"{name}.zip").read_bytes()
    stripped = directory / f"{name}.bootstrap"
    subprocess.run(["strip", "-o", stripped, binary(name)], check=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, stripped.read_bytes())
    stripped.unlink()
    return packed.getvalue()


class Deployment(Stack):
    """template.yaml, deployed; `change` may alter it first, to prove a point."""

    CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")

    def __init__(self, account, change=lambda resources: None, **parameters):
        self.region = self.account = account
        self.name = f"remedy-{uuid.uuid4().hex[:8]}"
        body = self.body()
        change(body["Resources"])
        account.stacks.create_stack(**self._sent(body, {"Mode": "act"} | parameters))
        self._wait("CREATE_COMPLETE")
        summaries = account.stacks.list_stack_resources(StackName=self.name)
        self.ids = {
            r["LogicalResourceId"]: r["PhysicalResourceId"]
            for r in summaries["StackResourceSummaries"]
        }
        self.table, self.topic = self.ids["Ledger"], self.ids["Notifications"]
        self.queue, self.heard = self.subscribed("all"), []

    def body(self):
        """The template with its code and documents in S3, as `sam package` makes it."""
        body = template.packaged(self.account.upload)
        for resource in body["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                name = resource["Metadata"]["BuildProperties"]["Binary"]
                resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/{key_of(name)}"
        return body

    def _sent(self, body, parameters):
        """What CloudFormation is asked for, with the template in S3."""
        key = f"{self.name}.{uuid.uuid4().hex[:8]}.json"
        self.account.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(body).encode())
        return {
            "StackName": self.name,
            "TemplateURL": f"{self.account.started[1].url}/{BUCKET}/{key}",
            "Capabilities": list(self.CAPABILITIES),
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
        }

    def told(self, instance):
        """What people were told about an instance up to now."""
        while True:
            answer = self.account.sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, VisibilityTimeout=600
            )
            messages = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            if not messages:
                break
            self.heard += messages
        about = [m["MessageAttributes"]["instance_id"]["Value"] for m in self.heard]
        return [message for message, whom in zip(self.heard, about) if whom == instance]

    def subscribed(self, name, policy=None, topic=None):
        """As of every stack; a queue lets a topic in by its own policy."""
        queue = super().subscribed(name, policy, topic)
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.account.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document})
        return queue

    def _wait(self, wanted):
        deadline = time.monotonic() + DEPLOY_SECONDS
        while time.monotonic() < deadline:
            (stack,) = self.account.stacks.describe_stacks(StackName=self.name)["Stacks"]
            if stack["StackStatus"] == wanted:
                return
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.2)
        events = self.account.stacks.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [e for e in events if e["ResourceStatus"].endswith("FAILED")]
        raise AssertionError(f"{stack['StackStatus']}: {failed or events}")

    def remove(self):
        self.account.stacks.delete_stack(StackName=self.name)


class Plain(Deployment):
    """The plain template, deployed by those who have no transform: no macro is let in."""

    CAPABILITIES = ("CAPABILITY_IAM",)

    def __init__(self, account, change=lambda resources: None, **parameters):
        super().__init__(account, change, CodeBucket=CODE_BUCKET, **parameters)

    def body(self):
        return template.read(RELEASE / "remedy.yaml") if RELEASE else plain.plain()


def until(found, what, seconds=ARRIVAL_SECONDS):
    """What `found` gives as soon as it is something; fails if it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {seconds} s")
