"""What a host knew is off it before anything is done to it: with a URL that a compiled
function signed, sent by plain curl, verified by an S3 that none of us wrote."""

import json
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import alarms
import evidence
import fleet
import later
import proxy as wire
import template
from region import REGION
from stack import FOLLOW_UP
from test_follow_up import BAD, asked, beat, opened

# What evidence.sh fills up to, and the URL is signed for.
BYTES = 1024 * 1024
CONTENT = b"processes, kernel messages, file systems\n".ljust(BYTES, b"\n")


@pytest.fixture
def bucket(region, stack):
    bucket = evidence.Bucket(region, f"{stack.name}-evidence")
    yield bucket
    bucket.stop()


@pytest.fixture
def signed(region, stack, bucket):
    """A function that signs with its role's session, has sent a command about an instance,
    and the URL in it."""
    role = evidence.session(region, stack.name)
    function = stack.start("disk-full", REMEDY_EVIDENCE_BUCKET=bucket.name, **role)
    instance = fleet.standalone(region)
    answer = function.invoke(alarms.alarm("disk-full.state-change", instance))
    (call,) = answer.actions
    assert call.name == "ssm:SendCommand" and call.status == 200, answer.story()
    (url,) = json.loads(call.body)["Parameters"]["EvidenceUrl"]
    return answer, url, role


def test_a_host_without_credentials_puts_its_evidence_into_the_bucket(bucket, signed):
    answer, url, _ = signed
    assert answer.named("s3:PutObject") == [], "signing asks nobody"
    assert bucket.put(url, CONTENT) == 200
    report = answer.report
    (key,) = bucket.keys()
    assert key == f"evidence/{report['instance_id']}/{report['incident_id']}/1-cleanup.txt"
    assert bucket.get(f"s3://{bucket.name}/{key}") == CONTENT


def test_the_document_takes_the_url_which_outlives_its_command_and_no_more(region, signed):
    """moto refused the command if the URL did not match the document's own pattern. A command
    may be delivered in the last second of its `TimeoutSeconds` and run for all of the
    document's `timeoutSeconds` (Systems Manager user guide, "Understanding command
    statuses"); then the host still has to send."""
    answer, url, _ = signed
    (sent,) = region.ssm.list_commands(InstanceId=answer.report["instance_id"])["Commands"]
    assert sent["Parameters"]["EvidenceUrl"] == [url]
    query = parse_qs(urlsplit(url).query)
    at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    assert abs(datetime.now(timezone.utc) - at) < timedelta(minutes=2)
    (call,) = answer.actions
    asked = json.loads(call.body)
    (deadline,), (timeout,) = (asked["Parameters"][n] for n in ("Deadline", "ExecutionTimeout"))
    (inputs,) = (s["inputs"] for s in template.document("disk-full")["mainSteps"])
    assert inputs["timeoutSeconds"] == "{{ ExecutionTimeout }}"
    assert int(timeout) == int(deadline) + 60
    lives = asked["TimeoutSeconds"] + int(timeout)
    assert lives < int(query["X-Amz-Expires"][0]) <= lives + 60
    assert query["X-Amz-SignedHeaders"] == ["content-length;host"]


@pytest.mark.parametrize(
    ("change", "content"),
    [
        (lambda url: url.replace("1-cleanup", "2-cleanup"), CONTENT),
        (lambda url: url.replace("/evidence/", "/other/"), CONTENT),
        (lambda url: url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"), CONTENT),
        (lambda url: url.replace("content-length%3Bhost", "host"), CONTENT),
        (lambda url: url, CONTENT + b"\n"),
        (lambda url: url, b"short"),
    ],
    ids=["another key", "another prefix", "a longer life", "any size", "too much", "too little"],
)
def test_whoever_has_the_url_can_do_nothing_else_with_it(bucket, signed, change, content):
    _, url, _ = signed
    changed = change(url)
    assert (changed != url) or content != CONTENT
    assert bucket.put(changed, content) == 403
    assert bucket.keys() == []


def test_a_url_is_worth_nothing_when_its_minutes_are_over(bucket, signed):
    """The function's URL, as an independent signer would have made it ten minutes ago; and
    the same signer agrees about the present one."""
    _, url, role = signed
    query = parse_qs(urlsplit(url).query)
    (now,) = query["X-Amz-Date"]
    assert botocore_signs(url, role, now) == query["X-Amz-Signature"][0]
    earlier = datetime.strptime(now, "%Y%m%dT%H%M%SZ") - timedelta(minutes=10)
    earlier = earlier.strftime("%Y%m%dT%H%M%SZ")
    expired = url.replace(now, earlier)
    expired = expired.replace(query["X-Amz-Signature"][0], botocore_signs(url, role, earlier))
    assert bucket.put(expired, CONTENT) == 403
    assert bucket.put(url, CONTENT) == 200


def test_what_is_gathered_before_a_reboot_is_where_the_notification_says(region, stack, bucket):
    """From the alarm to the reboot, with every piece but the host itself."""
    role = evidence.session(region, stack.name)
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP, REMEDY_EVIDENCE_BUCKET=bucket.name, **role)
    (call,) = asked(stack, follow_up, instance).actions
    (url,) = json.loads(call.body)["Parameters"]["EvidenceUrl"]
    assert bucket.put(url, CONTENT) == 200
    later.measured(stack, instance, BAD)
    report = beat(stack, follow_up).report
    assert report["rung"] == "reboot" and bucket.get(report["evidence"]["uri"]) == CONTENT
    assert report["evidence"]["uri"] in stack.notifications(2)[1]["Message"]


def silent(region, stack, bucket, **changed):
    """A function that reboots a host whose agent never registered; its answer."""
    role = evidence.session(region, stack.name)
    environment = {"REMEDY_EVIDENCE_BUCKET": bucket.name} | role | changed
    function = stack.start("high-cpu", **environment)
    instance = fleet.standalone(region, agent="none")
    with region.proxy.delayed(0.25):
        answer = function.invoke(alarms.alarm("high-cpu.state-change", instance))
    assert answer.report["rung"] == "reboot" and answer.report["outcome"] == "acted"
    return answer


def test_the_console_of_a_silent_host_is_kept_while_it_is_rebooted(region, stack, bucket):
    answer = silent(region, stack, bucket)
    (put,) = answer.named("s3:PutObject")
    (shown,) = answer.named("ec2:GetConsoleOutput")
    assert put.status == 200 and "Latest=true" in shown.body, answer.story()
    assert answer.round_trips <= 5, answer.story()
    uri = answer.report["evidence"]["uri"]
    assert uri.endswith("/1-console.txt") and uri in stack.notification()["Message"]
    said = region.ec2.get_console_output(InstanceId=answer.report["instance_id"])["Output"]
    assert said.strip() and bucket.get(uri).decode() == said


@pytest.mark.parametrize(
    "without",
    [{"REMEDY_EVIDENCE_BUCKET": ""}, {"AWS_SECRET_ACCESS_KEY": "stolen"}],
    ids=["no bucket", "a refused upload"],
)
def test_without_a_place_for_it_the_end_of_the_console_is_in_the_log(
    region, stack, bucket, without
):
    answer = silent(region, stack, bucket, **without)
    said = region.ec2.get_console_output(InstanceId=answer.report["instance_id"])["Output"]
    assert 0 < len(answer.report["console"]) <= 2000
    assert answer.report["console"].isascii() and said.rstrip()[-40:] in answer.report["console"]
    assert "is in the log" in stack.notification()["Message"]


def test_a_console_that_cannot_be_read_holds_up_nothing_and_is_told(region, stack, bucket):
    with region.proxy.fault("ec2", "GetConsoleOutput", wire.DENIED):
        answer = silent(region, stack, bucket)
    assert "ec2:GetConsoleOutput failed" in answer.report["evidence"]["why"]
    assert "ec2:GetConsoleOutput failed" in stack.notification()["Message"]


def botocore_signs(url, role, at):
    """The signature botocore gives for the same object, size and time."""
    bare = urlunsplit(urlsplit(url)._replace(query=""))
    request = AWSRequest("PUT", bare, headers={"Content-Length": str(BYTES)})
    request.context["timestamp"] = at
    credentials = Credentials(*role.values())
    signer = S3SigV4QueryAuth(credentials, "s3", REGION, expires=300)
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    return signer.signature(signer.string_to_sign(request, canonical), request)
