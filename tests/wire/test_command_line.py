"""The command line before the deployed stack, with IAM in force: what people type and read."""

import re

import pytest

from command_line import PERSON, remedy

# One deployment serves all, so one worker runs them all.
pytestmark = pytest.mark.xdist_group("deployment")


@pytest.fixture
def typed(account, deployed, tmp_path):
    """`typed("pauses")` is what a person in a shell gets; their calls are in `typed.calls()`."""

    def typed(*arguments, stack=deployed.name, **environment):
        named = ["--stack", stack] if stack else []
        return remedy(account.proxy, tmp_path, *named, *arguments, **environment)

    before = len(account.proxy.calls_of(PERSON))
    typed.calls = lambda: [
        f"{call.service}:{call.operation}" for call in account.proxy.calls_of(PERSON)[before:]
    ]
    return typed


def test_a_person_pauses_lists_and_lifts(typed, deployed):
    said = typed("pauses")
    assert (said.code, said.text, said.errors) == (0, "Nothing is paused.\n", "")
    said = typed("pause", "group:shop", "--minutes", "90", "--reason", "release 42")
    row = r"group:shop +\d{4}-\d\d-\d\d \d\d:\d\d UTC +1 h 30 min +anna +release 42"
    assert said.code == 0 and re.search(row, said.text), said
    (pause,) = typed("pauses", "--json").json()["pauses"]
    assert (pause["scope"], pause["owner"], pause["reason"]) == ("group:shop", "anna", "release 42")
    row = deployed.row("pauses", "pauses")
    assert "group:shop" in row, row
    assert typed("lift", "group:shop").text == "Nothing is paused.\n"
    # The two permissions that the guide names, and no other.
    asked = ["cloudformation:DescribeStackResource", "lambda:Invoke"]
    assert typed.calls() == asked * 4


def test_the_function_may_be_named_instead_of_the_stack(typed, deployed):
    said = typed("pauses", "--function", deployed.ids["FollowUpFunction"])
    assert said.code == 0 and typed.calls() == ["lambda:Invoke"]


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["pauses"], {"AWS_REGION": None}, "no region is set"),
        (["pauses"], {"AWS_SECRET_ACCESS_KEY": None}, "no AWS credentials are found"),
        (["pauses", "--function", "no-such"], {}, "lambda:InvokeFunction failed: "),
        (["lift", "shop"], {}, "all, group:NAME"),
        (["pause", "all", "--minutes", "0", "--reason", "x"], {}, "0 is not in 1..=10080"),
        (["pause", "all", "--minutes", "5", "--reason", " "], {}, "the follow-up answers: reason"),
        (["pause", "all", "--minutes", "5", "--reason", "x"], {"USER": None}, "--owner"),
    ],
)
def test_what_could_not_be_asked_has_a_code_and_a_sentence(typed, arguments, environment, told):
    said = typed(*arguments, **environment)
    assert said.code == 2 and said.text == "" and told in said.errors, said


def test_a_stack_that_is_not_there_is_named(typed):
    said = typed("pauses", stack="nobody")
    assert said.code == 2, said
    assert said.errors.startswith("error: cloudformation:DescribeStackResource failed: "), said
    assert "nobody" in said.errors
