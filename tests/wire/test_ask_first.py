"""People are asked first, and answer by the command that the message holds."""

import json
import re

import pytest

import alarms
import fleet
import later
from stack import FOLLOW_UP
from test_follow_up import BAD, HEARTBEAT, beat, calls_of, codes, ended, opened, watched


def asked(region, stack, ask="reboot"):
    """A host that only a reboot helps, whose owner is asked first, up to the question."""
    tags = {"auto-remediation": "enabled", "auto-remediation-ask": ask}
    instance = fleet.standalone(region, tags=tags, ssm_output="cpu-insufficient")
    opened(stack, "high-cpu", instance)
    follow_up = stack.start(FOLLOW_UP, REMEDY_CHAT_TOPIC_ARN=stack.chat_topic)
    answer = beat(stack, follow_up)
    assert codes(answer)[0] == "asked" and answer.actions == [], answer.story()
    return instance, follow_up


def told(stack, count=2):
    """The last of so many messages, as programs read it."""
    return json.loads(stack.notifications(count)[-1]["Message"])


def payload(steps, word):
    """What the command among the steps hands to the follow-up, with a name filled in."""
    (found,) = re.findall(r"--payload '(\{\"answer\":\"%s\".*?\})'" % word, "\n".join(steps))
    return json.loads(found) | {"by": "Anna"}


def commanded(stack, word):
    """The same, of the question that people have just got."""
    return payload(told(stack)["next_steps"], word)


def goes_on(stack, follow_up, instance, minutes=2):
    """Minutes pass in which the host is as bad as before, and the heart beats."""
    later.passes(stack, minutes)
    later.measured(stack, instance, BAD)
    answer = follow_up.invoke(HEARTBEAT)
    assert not answer.failed and answer.body["left"] == [], answer.body
    return answer


def test_the_message_holds_the_command_that_says_yes(region, stack):
    instance, follow_up = asked(region, stack)
    message = told(stack)
    for part in ["may a reboot be done?", "costs nothing else", "If nobody answers until"]:
        assert part in message["reasons"][0], message
    said = payload(message["next_steps"], "yes")
    question = stack.incident(instance)["question"]
    assert (said["attempt"], said["nonce"]) == (2, question["nonce"])

    answer = follow_up.invoke(said)
    assert answer.body == {
        "taken": True,
        "text": "taken; everything is decided again within a minute",
    }
    assert [call.name for call in answer.changes] == ["dynamodb:PutItem"], "one conditional write"
    assert json.loads(answer.changes[0].body)["ConditionExpression"]
    answer = goes_on(stack, follow_up, instance)
    assert [call.name for call in answer.actions] == ["ec2:RebootInstances"], answer.story()
    assert codes(answer)[0] == "allowed-by" and "Anna said yes" in answer.because()
    watched(stack, follow_up, instance)
    ended(stack, instance, "resolved")


def test_the_chat_asks_in_the_incidents_thread_with_the_same_commands(region, stack):
    instance, follow_up = asked(region, stack)
    message = stack.chat_message()
    assert message["metadata"]["threadId"] == stack.incident(instance)["id"]
    assert "asked" in message["content"]["title"]
    said = payload(message["content"]["nextSteps"], "no")
    assert said == commanded(stack, "no")
    assert follow_up.invoke(said).body["taken"] is True


def test_a_yes_does_not_outrank_a_guard(region, stack):
    instance, follow_up = asked(region, stack)
    assert follow_up.invoke(commanded(stack, "yes")).body["taken"] is True
    fleet.tag(region, instance, {"auto-remediation-busy-until": "when we are done"})
    answer = goes_on(stack, follow_up, instance)
    assert answer.actions == [] and codes(answer)[0] == "busy-unclear", answer.because()


def test_a_no_hands_over_and_tells_who_said_so(region, stack):
    instance, follow_up = asked(region, stack)
    said = commanded(stack, "no")
    assert follow_up.invoke(said).body["taken"] is True
    answer = goes_on(stack, follow_up, instance)
    assert answer.actions == [] and codes(answer)[0] == "refused-by"
    assert "Anna said no to a reboot" in told(stack, 1)["reasons"][0]
    ended(stack, instance, "handed-over")


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"nonce": "00000000"}, "another one, about attempt 2"),
        ({"attempt": 1}, "another one, about attempt 2"),
        ({"attempt": 3}, "another one, about attempt 2"),
        ({"incident": "high-cpu-of-another"}, "no such question is open"),
    ],
    ids=["wrong nonce", "attempt before", "attempt after", "another incident"],
)
def test_an_answer_to_anything_else_counts_for_nothing(region, stack, other, text):
    instance, follow_up = asked(region, stack)
    right = commanded(stack, "yes")
    answer = follow_up.invoke(right | other)
    assert answer.body["taken"] is False and text in answer.body["text"]
    assert answer.changes == []
    assert goes_on(stack, follow_up, instance).actions == []
    assert "answer" not in stack.incident(instance)["question"]


def test_the_first_answer_counts(region, stack):
    instance, follow_up = asked(region, stack)
    steps = told(stack)["next_steps"]
    assert follow_up.invoke(payload(steps, "no")).body["taken"] is True
    second = follow_up.invoke(payload(steps, "yes"))
    assert second.body["taken"] is False and second.body["text"].startswith("Anna has said no")
    assert second.changes == []
    assert goes_on(stack, follow_up, instance).actions == []
    ended(stack, instance, "handed-over")


def test_nobody_answers_and_a_person_has_it(region, stack):
    instance, follow_up = asked(region, stack)
    said = commanded(stack, "yes")
    answers = [goes_on(stack, follow_up, instance, minutes=3) for _ in range(4)]
    assert calls_of(answers, "ec2:RebootInstances") == []
    assert [answer.report["told"] for answer in answers].count(True) == 1
    assert "may a reboot be done?" in told(stack, 1)["reasons"][0], "once more, half-way"
    last = goes_on(stack, follow_up, instance, minutes=4)
    assert last.actions == [] and codes(last)[0] == "nobody-answered"
    assert "nobody answered within 15m" in told(stack, 1)["reasons"][0]
    ended(stack, instance, "handed-over")
    late = follow_up.invoke(said)
    assert late.body["taken"] is False and late.changes == []


def test_silence_is_consent_where_the_owners_tag_says_so(region, stack):
    instance, follow_up = asked(region, stack, ask="reboot 5 act")
    said = commanded(stack, "no")
    assert goes_on(stack, follow_up, instance, minutes=4).actions == []
    later.passes(stack, 2)
    late = follow_up.invoke(said)
    assert late.body["taken"] is False and "comes too late" in late.body["text"]
    answer = goes_on(stack, follow_up, instance, minutes=0)
    assert [call.name for call in answer.actions] == ["ec2:RebootInstances"], answer.story()
    assert codes(answer)[0] == "nobody-answered"


def test_what_is_over_before_anybody_answers_is_overtaken(region, stack):
    instance, follow_up = asked(region, stack, ask="reboot 60")
    answer = watched(stack, follow_up, instance)
    assert codes(answer)[0] == "overtaken" and answer.actions == [], answer.because()
    ended(stack, instance, "resolved")


def test_an_answer_that_is_not_quite_right_is_an_error_that_names_the_field(region, stack):
    instance, follow_up = asked(region, stack)
    said = commanded(stack, "yes")
    answer = follow_up.invoke(said | {"attempt": "2"})
    assert answer.error_type == "UnreadableEvent" and "attempt" in answer.error_message
    assert answer.calls == []
