"""A person who types `remedy`: the compiled command line, with credentials of the person's own.

What it asks goes through the proxy, which holds each call against AWS's model of it, and has an
access key of its own in the proxy's record.
"""

import json
import os
import subprocess
from dataclasses import dataclass

from function import binary
from region import REGION

# The emulated account's owner; no function signs with it.
PERSON = "test"
# Longer than anybody waits, because emulators are slow where a machine is busy.
SECONDS = 300


@dataclass
class Said:
    """What the command line said."""

    code: int
    text: str
    errors: str

    def json(self):
        return json.loads(self.text)


def remedy(proxy, directory, *arguments, key=PERSON, **environment):
    """Types `remedy ARGUMENTS`, in an environment that has nothing of the tester's own."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "USER": "anna",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "none",
    } | environment
    environment = {name: value for name, value in environment.items() if value is not None}
    ran = subprocess.run(
        [binary("remedy"), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Said(ran.returncode, ran.stdout, ran.stderr)
