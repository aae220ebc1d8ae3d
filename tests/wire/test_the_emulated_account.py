"""The stage of the deployed stack: what its tests rely on the account for, beyond
what the emulators do by themselves (tests/emulators/ministack_extended.py)."""

import io
import json
import uuid
import zipfile

from deployment import until

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
FAILS = "def handler(event, context):\n    raise ValueError(event['detail']['word'])\n"


class Failing:
    """A function that fails on every event, and says so in a queue if it can."""

    def __init__(self, account):
        self.account, self.name = account, f"failing-{uuid.uuid4().hex[:8]}"
        role = account.iam.create_role(
            RoleName=self.name, AssumeRolePolicyDocument=json.dumps(TRUST)
        )["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("fails.py", FAILS)
        self.arn = account.functions.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Handler="fails.handler",
            Role=role,
            Code={"ZipFile": code.getvalue()},
        )["FunctionArn"]
        self.queue = account.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.queue_arn = self.queue_attribute("QueueArn")
        account.functions.put_function_event_invoke_config(
            FunctionName=self.name,
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": self.queue_arn}},
        )
        self.rule = account.events.put_rule(
            Name=self.name, EventPattern=json.dumps({"source": [f"test.{self.name}"]})
        )["RuleArn"]
        account.events.put_targets(Rule=self.name, Targets=[{"Id": "1", "Arn": self.arn}])

    def queue_attribute(self, name):
        answer = self.account.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        return answer["Attributes"][name]

    def let_in(self, principal, source):
        self.account.functions.add_permission(
            FunctionName=self.name,
            StatementId="source",
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source,
        )

    def let_role_send(self):
        allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": self.queue_arn}
        self.account.iam.put_role_policy(
            RoleName=self.name,
            PolicyName="send",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
        )

    def put(self, word):
        event = {"Source": f"test.{self.name}", "DetailType": "test"}
        self.account.events.put_events(Entries=[event | {"Detail": json.dumps({"word": word})}])

    def letters(self):
        """The words of the events that ended in the queue."""
        answer = self.account.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        bodies = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        return [body["requestPayload"]["detail"]["word"] for body in bodies]

    def runs(self):
        """How often the function was run to its end."""
        group = f"/aws/lambda/{self.name}"
        groups = self.account.log_groups.describe_log_groups(logGroupNamePrefix=group)
        if not groups["logGroups"]:
            return 0
        events = self.account.log_groups.filter_log_events(logGroupName=group)["events"]
        return sum(event["message"].startswith("END ") for event in events)


def test_a_rule_invokes_a_function_only_where_it_is_let_in(account):
    function = Failing(account)
    function.let_role_send()
    function.put("before")
    function.let_in("events.amazonaws.com", function.rule)
    function.put("after")
    assert until(function.letters, "dead letter") == ["after"]


def test_a_topic_invokes_a_function_only_where_it_is_let_in(account):
    function = Failing(account)
    topic = account.sns.create_topic(Name=function.name)["TopicArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    account.sns.publish(TopicArn=topic, Message="x")
    function.let_in("sns.amazonaws.com", topic)
    account.sns.publish(TopicArn=topic, Message="x")
    assert until(function.runs, "run of the function") == 1


def test_a_failure_is_kept_only_where_the_role_may_send(account):
    function = Failing(account)
    function.let_in("events.amazonaws.com", function.rule)
    function.put("before")
    until(lambda: function.runs() == 2, "try and its repetition")
    function.let_role_send()
    function.put("after")
    assert until(function.letters, "dead letter") == ["after"]
