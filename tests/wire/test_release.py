"""A release in the hands of somebody without Rust: what the README says, typed as it stands there.

The programs are those of the tests; the rest of the folder is what `make release` packs.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import command_line
import package
import plain
from deployment import BUCKET as CODE
from deployment import Account, key_of
from region import ACCOUNT, REGION

# An account of its own: the doctor would find what others leave in theirs.
pytestmark = pytest.mark.xdist_group("release")

AWS = Path(sys.prefix).parent / ".venv-release" / "bin" / "aws"
BUCKET = f"remedy-code-{ACCOUNT}"
# What the doctor says of a stack that was just made: no beat was counted yet, nobody has confirmed
# a mail, and it observes.
NOT_YET = {"heartbeat-missing", "mode-observe", "nobody-subscribed", "subscription-pending"}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    account = Account(tmp_path_factory.mktemp("release"))
    yield account
    account.stop()


@pytest.fixture(scope="module")
def release(account, tmp_path_factory):
    """The folder of a release, with the zips of the tests' programs."""
    folder = package.Folder(tmp_path_factory.mktemp("unpacked") / "remedy")
    for name in package.functions():
        stored = account.s3.get_object(Bucket=CODE, Key=key_of(name))
        folder.put(f"x86_64/{name}.zip", stored["Body"].read())
    folder.put("remedy.yaml", plain.written(plain.plain("remedy/tried/")).encode())
    folder.copy("upload", plain.ROOT / "release" / "upload", package.PROGRAM)
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(folder.sums.items()))
    folder.put(package.SUMS, sums.encode())
    return folder.path


@pytest.fixture
def typed(account, release, tmp_path):
    """A line of the README, typed in the folder of the release."""
    environment = {
        "PATH": f"{AWS.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": account.started[1].url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def typed(*words):
        said = subprocess.run(
            words, cwd=release, env=environment, capture_output=True, text=True, timeout=300
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    return typed


def test_three_commands_lead_to_a_stack_that_observes(account, release, typed, tmp_path):
    said = typed("./upload", BUCKET, REGION)
    assert said == (
        f"https://{BUCKET}-{REGION}.s3.{REGION}.amazonaws.com/remedy/tried/remedy.yaml\n"
    )
    typed(
        *("aws", "cloudformation", "deploy", "--stack-name", "remedy"),
        *("--template-file", "remedy.yaml", "--s3-bucket", f"{BUCKET}-{REGION}"),
        *("--capabilities", "CAPABILITY_IAM"),
        *("--parameter-overrides", f"CodeBucket={BUCKET}", "NotifyEmail=you@example.com"),
    )
    told = command_line.remedy(account.proxy, tmp_path, "doctor", "--json")
    found = {finding["code"] for finding in told.json()["findings"]}
    assert found <= NOT_YET, told.text + told.errors
    function = account.stacks.describe_stack_resource(
        StackName="remedy", LogicalResourceId="HighCpuFunction"
    )["StackResourceDetail"]["PhysicalResourceId"]
    made = account.functions.get_function_configuration(FunctionName=function)
    assert made["Environment"]["Variables"]["REMEDY_MODE"] == "observe"


def test_an_upload_twice_is_an_upload_once(account, release, typed):
    before = typed("./upload", "--organization", "o-a1b2c3d4e5", "twice", REGION, "us-east-1")
    assert typed("./upload", "twice", REGION, "us-east-1") == before
    zips = {f"remedy/tried/x86_64/{name}.zip" for name in package.functions()}
    for region in (REGION, "us-east-1"):
        bucket = f"twice-{region}"
        stored = account.s3.list_objects_v2(Bucket=bucket)["Contents"]
        assert {entry["Key"] for entry in stored} == zips | {"remedy/tried/remedy.yaml"}
        policy = account.s3.get_bucket_policy(Bucket=bucket)["Policy"]
        assert "o-a1b2c3d4e5" in policy and "s3:GetObject" in policy
