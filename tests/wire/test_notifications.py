"""What people, programs and chat channels receive, through SNS itself.

SNS gives each subscriber the rendering for its protocol: a queue gets the one
for programs. An e-mail cannot be subscribed here, so its text is read from the
request. The chat topic is another topic, with one rendering for all.
"""

import json
from urllib.parse import parse_qs

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP
from test_follow_up import GOOD, beat

CONSOLE = "https://eu-central-1.console.aws.amazon.com"


def messages(answer):
    """The messages an invocation published, by topic, as it wrote them."""
    published = [parse_qs(call.body) for call in answer.named("sns:Publish")]
    return {fields["TopicArn"][0]: fields for fields in published}


@pytest.fixture
def acted(region, stack):
    group = fleet.group(region)
    answer = stack.start("disk-full", REMEDY_CHAT_TOPIC_ARN=stack.chat_topic).invoke(
        alarms.alarm("disk-full.state-change", group.members[0])
    )
    assert answer.report["outcome"] == "acted", answer.because()
    return answer


def test_a_program_receives_its_data(stack, acted):
    arrived = stack.notification()
    data, report = json.loads(arrived["Message"]), acted.report
    assert "\n" not in arrived["Message"]
    for name in ("incident_id", "instance_id", "symptom", "outcome", "rung", "group", "command_id"):
        assert data[name] == report[name], name
    assert data["because"] == [reason["code"] for reason in report["because"]]
    assert data["seen"]["unit"] == "percent" and data["seen"]["value"] > data["seen"]["threshold"]
    assert data["times"]["looks_at"] < data["times"]["stage_ends_by"] < data["times"]["ends_by"]
    attributes = {k: v["Value"] for k, v in arrived["MessageAttributes"].items()}
    assert attributes == {
        name: data[name]
        for name in ("symptom", "outcome", "severity", "rung", "instance_id", "group")
    }


def test_a_person_receives_the_text(stack, acted):
    fields = messages(acted)[stack.topic]
    assert fields["MessageStructure"] == ["json"]
    message = json.loads(fields["Message"][0])
    text, report = message["default"], acted.report
    for part in ("Seen\n", "Done\n", "Why\n", "Next\n", "For you\n", "Links\n"):
        assert part in text
    assert report["incident_id"] in text and report["command_id"] in text
    instance = report["instance_id"]
    assert f"{CONSOLE}/ec2/home?region=eu-central-1#InstanceDetails:instanceId={instance}" in text
    assert f"{CONSOLE}/systems-manager/run-command/{report['command_id']}/{instance}" in text
    assert "$252Faws$252Flambda$252Fdisk-full/log-events" in text, "the log group of the function"
    assert message["sqs"] == stack.notification()["Message"]


def test_a_chat_channel_receives_its_schema(stack, acted):
    message = stack.chat_message()
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["textType"] == "client-markdown"
    assert acted.report["instance_id"] in message["content"]["title"]
    assert message["metadata"]["threadId"] == acted.report["incident_id"]


def test_an_incident_is_one_thread(region, stack):
    """What was done, and how it ended."""
    chat = {"REMEDY_CHAT_TOPIC_ARN": stack.chat_topic}
    instance = fleet.standalone(region, ssm_output="cpu-ok")
    event = alarms.alarm("high-cpu.state-change", instance)
    incident = stack.start("high-cpu", **chat).invoke(event).report["incident_id"]
    follow_up = stack.start(FOLLOW_UP, **chat)
    beat(stack, follow_up)
    for _ in range(2):
        later.measured(stack, instance, GOOD)
        beat(stack, follow_up, 6)
    assert stack.stage(instance) == "resolved"
    threads = [message["metadata"]["threadId"] for message in stack.chat_messages(2)]
    assert threads == [incident] * 2


def test_both_topics_are_told_at_once(region, stack):
    """Chat costs no round trip."""
    function = stack.start("high-cpu", REMEDY_CHAT_TOPIC_ARN=stack.chat_topic)
    event = alarms.alarm("high-cpu.state-change", fleet.standalone(region))
    with region.proxy.delayed(0.25):
        answer = function.invoke(event)
    assert len(answer.named("sns:Publish")) == 2
    assert answer.round_trips <= 4, answer.story()


def test_a_subscription_chooses_by_severity(region, stack):
    """Only what asks something of people reaches this queue."""
    chosen = stack.subscribed("chosen", {"severity": ["warning", "critical"]})
    function = stack.start("high-cpu")
    function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region)))
    gone = alarms.alarm("high-cpu.state-change", "i-0123456789abcdef0")
    answer = function.invoke(gone)
    assert answer.report["because"][0]["code"] == "instance-missing"
    stack.notifications(2)
    (only,) = stack.arrived(chosen, 1)
    assert only["MessageAttributes"]["severity"]["Value"] == "warning"


def test_a_hostile_name_reaches_nobody_as_more_than_text(region, stack):
    event = alarms.alarm("high-cpu.state-change", fleet.standalone(region))
    event["detail"]["alarmName"] = '<!channel> \u202e"x"\r\n' + "\U0010ffff" * 10_000
    answer = stack.start("high-cpu", REMEDY_CHAT_TOPIC_ARN=stack.chat_topic).invoke(event)
    assert answer.report["told"] is True
    data = json.loads(stack.notification()["Message"])
    assert data["seen"]["alarm"].startswith('<!channel> ?"x"??')
    chat = json.dumps(stack.chat_message(), ensure_ascii=False)
    assert "<!" not in chat and "\u202e" not in chat


def test_a_chat_topic_that_does_not_answer_is_said(region, stack):
    missing = stack.topic + "-missing"
    function = stack.start("high-cpu", REMEDY_CHAT_TOPIC_ARN=missing)
    answer = function.invoke(alarms.alarm("high-cpu.state-change", fleet.standalone(region)))
    assert answer.report["outcome"] == "acted" and answer.report["told"] is True
    assert answer.report["delivery_error"]["call"] == "sns:Publish"
    assert ("NotificationsFailed", "high-cpu", 1.0) in function.metrics()
    stack.notification()
    assert "the chat was not told" in function.tail()


def test_a_storm_is_told_once_for_its_group_and_cause(region, stack):
    """Eight members at once, in as many processes: who is first is settled by
    the ledger's one atomic write."""
    group = fleet.group(region, size=8)
    functions = [stack.start("high-cpu", REMEDY_MODE="observe") for _ in group.members]
    sent = [
        function.send(alarms.alarm("high-cpu.state-change", member))
        for function, member in zip(functions, group.members)
    ]
    reports = [function.receive(s).report for function, s in zip(functions, sent)]
    assert [report["told"] for report in reports].count(True) == 1
    assert all(report["delivery_error"] is None for report in reports)
    text = json.loads(stack.notification()["Message"])
    assert text["repeats"]["counted_only"] is False
    (row,) = [row for row in stack.incidents() if row["pk"] == f"repeats#group#{group.name}"]
    assert [value for name, value in row.items() if name.startswith("n")] == [8]


def test_another_cause_in_the_group_is_told_too(region, stack):
    group = fleet.group(region, size=2)
    observing = stack.start("high-cpu", REMEDY_MODE="observe")
    acting = stack.start("high-cpu")
    for function, member in zip((observing, acting), group.members):
        function.invoke(alarms.alarm("high-cpu.state-change", member))
    told = stack.notifications(2)
    assert {n["MessageAttributes"]["outcome"]["Value"] for n in told} == {"held", "acted"}
