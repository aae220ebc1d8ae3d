"""The plain template against its source, both ways: nothing is lost on the way and nothing comes
that the source does not ask for.

What SAM documents of its transform is written down here once more, by hand: "Generated
CloudFormation resources for AWS::Serverless::Function", SAM developer guide.
"""

import json
import subprocess
import sys
from pathlib import Path

import plain

FUNCTION = "AWS::Serverless::Function"
LOGS = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}
TRACES = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSXrayWriteOnlyAccess"}
NOTHING = {"Ref": "AWS::NoValue"}
# A function itself sends what it cannot answer to its failure destination.
SEND = {"Action": "sqs:SendMessage", "Effect": "Allow"}
SEND |= {"Resource": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
TO_DEAD_LETTERS = {"Statement": [SEND]}
# The largest template that CloudFormation takes from S3 (its quotas, "Template body size").
LARGEST = 1024 * 1024


def in_long_form(part):
    """`!GetAtt A.B` is `[A, B]` to CloudFormation."""
    if isinstance(part, list):
        return [in_long_form(item) for item in part]
    if not isinstance(part, dict):
        return part
    if set(part) == {"Fn::GetAtt"} and isinstance(part["Fn::GetAtt"], str):
        return {"Fn::GetAtt": part["Fn::GetAtt"].split(".", 1)}
    return {key: in_long_form(value) for key, value in part.items()}


def functions(source):
    """Each function with what `Globals` gives to all of them, as SAM merges."""
    every = source["Globals"]["Function"]
    for name, resource in source["Resources"].items():
        if resource["Type"] == FUNCTION:
            yield name, in_long_form(merged(every, resource["Properties"])), resource


def merged(every, own):
    both = every | own
    for key in every.keys() & own.keys():
        if isinstance(every[key], dict):
            both[key] = merged(every[key], own[key])
    return both


def of_event(function, name):
    """The logical ids that SAM makes of a schedule, with their types."""
    rule = f"{function}{name}"
    return {rule: "AWS::Events::Rule", f"{rule}Permission": "AWS::Lambda::Permission"}


def expected(source):
    """The logical ids that must be there, with their types."""
    ids = {i: r["Type"] for i, r in source["Resources"].items() if r["Type"] != FUNCTION}
    for name, function, _ in functions(source):
        ids[name] = "AWS::Lambda::Function"
        ids[f"{name}Role"] = "AWS::IAM::Role"
        ids[f"{name}EventInvokeConfig"] = "AWS::Lambda::EventInvokeConfig"
        for event in function.get("Events", {}):
            ids |= of_event(name, event)
    return ids


def test_no_macro_is_left(made):
    text = json.dumps(made)
    assert "Transform" not in text and "Globals" not in text and "Serverless" not in text
    assert set(made) == {
        *("AWSTemplateFormatVersion", "Description", "Parameters"),
        *("Conditions", "Resources", "Outputs"),
    }
    assert len(plain.written(made).encode()) < LARGEST


def test_every_resource_of_the_one_is_in_the_other(made, source):
    assert {i: r["Type"] for i, r in made["Resources"].items()} == expected(source)


def test_what_is_no_function_is_as_it_was(made, source):
    for name, resource in source["Resources"].items():
        if resource["Type"] != FUNCTION:
            as_it_was = {k: v for k, v in in_long_form(resource).items() if k != "Metadata"}
            assert in_long_form(made["Resources"][name]) == as_it_was, name


def test_parameters_conditions_and_outputs_are_those_of_the_source(made, source):
    parameters = dict(made["Parameters"])
    assert "Default" not in parameters.pop("CodeBucket"), "who deploys it must say where the code is"
    assert parameters == source["Parameters"]
    tracing = {"HasTracing": {"Fn::Equals": [{"Ref": "Tracing"}, "Active"]}}
    assert made["Conditions"] == source["Conditions"] | tracing
    assert in_long_form(made["Outputs"]) == in_long_form(source["Outputs"])
    assert made["Description"] == source["Description"]


def test_a_function_is_what_the_source_says_and_its_code_is_in_a_bucket(made, source):
    for name, function, resource in functions(source):
        properties = dict(in_long_form(made["Resources"][name]["Properties"]))
        binary = resource["Metadata"]["BuildProperties"]["Binary"]
        assert properties.pop("Code") == {
            "S3Bucket": {"Fn::Sub": "${CodeBucket}-${AWS::Region}"},
            "S3Key": {"Fn::Sub": f"remedy/{plain.version()}/${{Architecture}}/{binary}.zip"},
        }
        assert properties.pop("Role") == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert properties.pop("Tags") == [{"Key": "lambda:createdBy", "Value": "SAM"}]
        traced = {"Fn::If": ["HasTracing", {"Mode": {"Ref": "Tracing"}}, NOTHING]}
        assert properties.pop("TracingConfig") == traced
        elsewhere = (
            *("CodeUri", "Events", "Policies", "EventInvokeConfig"),
            *("PermissionsBoundary", "Tracing"),
        )
        assert properties == {k: v for k, v in function.items() if k not in elsewhere}, name


def test_a_role_has_the_statements_of_the_source_and_no_others(made, source):
    for name, function, _ in functions(source):
        role = in_long_form(made["Resources"][f"{name}Role"]["Properties"])
        inline = [policy for policy in function["Policies"] if "Statement" in policy]
        documents = [policy["PolicyDocument"] for policy in role["Policies"]]
        assert documents == [TO_DEAD_LETTERS, *inline], name
        ours = [policy for policy in function["Policies"] if "Ref" in policy]
        traces = {"Fn::If": ["HasTracing", TRACES, NOTHING]}
        attached = role["ManagedPolicyArns"]
        assert sorted(attached, key=str) == sorted([LOGS, traces, *ours], key=str), name
        assert role["PermissionsBoundary"] == function["PermissionsBoundary"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": ["lambda.amazonaws.com"]}
        assert trust["Action"] == ["sts:AssumeRole"]


def test_an_event_has_its_schedule_its_bounds_and_its_dead_letters(made, source):
    """Rules are resources of their own, but for the heartbeat's."""
    events = 0
    for name, function, _ in functions(source):
        for event, body in function.get("Events", {}).items():
            events += 1
            wanted = body["Properties"]
            rule = in_long_form(made["Resources"][f"{name}{event}"]["Properties"])
            (target,) = rule["Targets"]
            assert target["Arn"] == {"Fn::GetAtt": [name, "Arn"]}
            assert target["RetryPolicy"] == wanted["RetryPolicy"]
            assert target["DeadLetterConfig"] == wanted["DeadLetterConfig"]
            assert body["Type"] == "Schedule", (name, event)
            assert rule["ScheduleExpression"] == wanted["Schedule"], (name, event)
            assert rule.get("State", "ENABLED") == "ENABLED", (name, event)
    assert events == 1, "the heartbeat is elsewhere"



def test_what_cannot_be_answered_goes_to_the_dead_letters(made, source):
    for name, function, _ in functions(source):
        config = in_long_form(made["Resources"][f"{name}EventInvokeConfig"]["Properties"])
        wanted = function["EventInvokeConfig"]
        for bound in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
            assert config[bound] == wanted[bound], name
        failure = wanted["DestinationConfig"]["OnFailure"]
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == failure["Destination"]


def test_no_parameter_but_that_of_traces_is_looked_at_while_it_is_made(source):
    """What a plain template holds must be right for every value of its parameters."""
    template = plain.source("remedy/")
    usual = plain.transformed(template)
    for name, parameter in source["Parameters"].items():
        other = [v for v in parameter.get("AllowedValues", ()) if v != parameter["Default"]]
        for value in other or ["77"]:
            same = plain.transformed(template, **{name: value}) == usual
            assert same or name == "Tracing", f"{name}={value} makes another template"


def test_the_texts_of_scripts_are_as_they_are_in_their_files(made):
    for name, resource in made["Resources"].items():
        if resource["Type"] == "AWS::SSM::Document":
            (step,) = resource["Properties"]["Content"]["mainSteps"]
            (script,) = step["inputs"]["runCommand"]
            assert script.startswith("#!") and script.endswith("\n") and "\t" not in script, name


def test_it_is_the_same_wherever_it_is_made(tmp_path):
    script = Path(plain.__file__)
    made = [
        subprocess.run([sys.executable, script], cwd=folder, capture_output=True, check=True).stdout
        for folder in (tmp_path, script.parent)
    ]
    assert made[0] == made[1] and len(made[0]) > 100_000


def test_the_code_can_be_below_another_key():
    functions = plain.plain("ours/7/")["Resources"].values()
    keys = [f["Properties"]["Code"]["S3Key"] for f in functions if "Code" in f["Properties"]]
    assert keys and all(key["Fn::Sub"].startswith("ours/7/${Architecture}/") for key in keys)
