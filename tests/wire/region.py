"""A little AWS region on loopback: two emulators and the proxy before them.

moto (with our extensions) plays EC2, Auto Scaling and SSM, because it is the
one whose groups launch real instances. MiniStack plays DynamoDB, SNS and SQS,
because its conditional writes are atomic under concurrency; moto's are not, and
a claim that two functions race for would prove nothing there. It plays S3, whose
pre-signed URLs it verifies, and CloudWatch too, whose CBOR protocol moto does not
speak.

Tests seed and inspect the region with boto3, a client that shares no code with
the functions, and past the proxy, so that its record holds only the functions'
calls.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from proxy import Proxy

# Those of the payloads in events/, so that one story is told in one place.
REGION = "eu-central-1"
ACCOUNT = "111122223333"
EMULATORS = Path(__file__).parent.parent / "emulators"
START_SECONDS = 120  # moto takes 2 s on an idle machine, 15 s on a busy one


class Emulator:
    """One emulator process on a free loopback port."""

    def __init__(self, name, command, environment, health, directory):
        self.name, self.health = name, health
        self.log = directory / f"{name}.log"
        self.port = free_port()
        environment = {k: v.format(port=self.port) for k, v in environment.items()}
        # Nothing is inherited: a developer's own AWS variables must not reach
        # an emulator, nor ours leak into it.
        environment.update(PATH=os.environ["PATH"], HOME=str(directory), TMPDIR=str(directory))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [part.format(port=self.port) for part in command],
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_the_suite if sys.platform == "linux" else None,
            )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait(self):
        """Returns once the emulator answers; fails with its log if it never does."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at start:\n{self.tail()}")
            try:
                urllib.request.urlopen(self.url + self.health, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not answer in {START_SECONDS} s:\n{self.tail()}")

    def tail(self, lines=40):
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _end_with_the_suite():
    """A worker of pytest-xdist that is ended has no last word, so the kernel has
    to end what it started: PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_moto(directory):
    command = [sys.executable, str(EMULATORS / "moto_extended.py"), "-H", "127.0.0.1"]
    return Emulator(
        "moto",
        [*command, "-p", "{port}"],
        {"MOTO_ACCOUNT_ID": ACCOUNT},
        "/moto-api/data.json",
        directory,
    )


def start_ministack(directory):
    environment = {
        "GATEWAY_PORT": "{port}",
        # By default it would listen on every interface, and open two more ports.
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "SERVICES": "cloudwatch,dynamodb,iam,s3,sns,sqs,sts",
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "ministack"]
    return Emulator("ministack", command, environment, "/_ministack/health", directory)


class Region:
    """The emulators, the proxy, and boto3 clients that go past it."""

    def __init__(self, directory):
        self.directory = directory
        self.started = []
        self.proxy = None
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        moto = start_moto(self.directory)
        self.started.append(moto)
        ministack = start_ministack(self.directory)
        self.started.append(ministack)
        for emulator in self.started:
            emulator.wait()
        played_by = {
            "ec2": moto,
            "autoscaling": moto,
            "ssm": moto,
            "cloudwatch": ministack,
            "dynamodb": ministack,
            "iam": ministack,
            "s3": ministack,
            "sns": ministack,
            "sqs": ministack,
            "sts": ministack,
        }
        self.proxy = Proxy({service: e.port for service, e in played_by.items()})
        for service, emulator in played_by.items():
            setattr(self, service, client(service, emulator.url))
        # moto reads its catalogue of images and instance types at the first
        # question: several seconds that would otherwise hit some first test.
        self.ec2.describe_instances()

    def logs(self):
        return "\n".join(f"--- {e.name}\n{e.tail()}" for e in self.started)

    def stop(self):
        if self.proxy:
            self.proxy.stop()
        for emulator in self.started:
            emulator.stop()


def client(service, url, key="SEEDING"):
    """A boto3 client that asks `url`, once and without retries."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key="none",
        config=Config(retries={"max_attempts": 0}, read_timeout=60),
    )
