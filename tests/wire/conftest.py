"""The compiled functions on the wire: fixtures of the suite.

Run it with `make functions` and then `tests/wire/run`. What stands where:

    region.py       the emulators and boto3, past the proxy
    proxy.py        the address the functions call: the record, and faults
    models.py       what AWS publishes about requests (in tests/emulators)
    recorded.py     answers that AWS gave, to be given again
    protocols.py    what requests and errors look like in each AWS protocol
    function.py     the Lambda Runtime API, and a running function
    template.py     the table and the documents of template.yaml
    stack.py        one test's table, topic, queue, documents and functions
    deployment.py   an account with IAM in force, and template.yaml or the plain one deployed to it
    fleet.py        instances and groups
    alarms.py       the payloads of events/, about them and now
    work_in_progress.py  the example by which CodeDeploy and AWS Backup say that they are at work
    command_line.py a person who types `remedy`
    later.py        time that passes for open incidents, and what is measured then

When a test fails, the functions' and emulators' last words are in its report.
"""

import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "emulators"), str(ROOT / "release")]

from deployment import PARAMETERS, Account, Plain
from function import MissingBinary, binary
from region import Region
from stack import FOLLOW_UP, INTAKE, SYMPTOMS, Stack


def pytest_addoption(parser):
    parser.addoption(
        "--every-call", action="store_true", help="let processes die at reads too (test_crash.py)"
    )


def pytest_configure(config):
    """A suite that cannot find the functions fails at once, and is not skipped.
    One that is told to end (a CI job out of time) still stops its emulators."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
    try:
        for name in (*SYMPTOMS, FOLLOW_UP, INTAKE):
            binary(name)
    except MissingBinary as missing:
        raise pytest.UsageError(str(missing)) from None


@pytest.fixture(scope="session")
def region(tmp_path_factory):
    region = Region(tmp_path_factory.mktemp("region"))
    yield region
    region.stop()


@pytest.fixture(scope="session")
def account(tmp_path_factory):
    account = Account(tmp_path_factory.mktemp("account"))
    yield account
    account.stop()


@pytest.fixture(scope="session")
def deployed(account):
    """The stack, for all who only use it: the template that ships."""
    return Plain(account, **PARAMETERS)


@pytest.fixture(autouse=True)
def _aws_understands_every_call(request):
    """Whatever a test looks at: a call that is not as AWS publishes it fails it."""
    yield
    for name in {"region", "account"} & set(request.fixturenames):
        proxy = request.getfixturevalue(name).proxy
        found, proxy.misunderstood = proxy.misunderstood, []
        assert found == [], "calls that AWS would not understand"


@pytest.fixture
def stack(region, tmp_path):
    stack = Stack(region, tmp_path)
    yield stack
    stack.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for name in ("stack", "region", "account"):
            if name in getattr(item, "funcargs", {}):
                report.sections.append((f"{name} log", item.funcargs[name].logs()))
    return report
