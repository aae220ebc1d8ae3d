"""One test's own deployment: table, topic, documents, and running functions.

Everything has a name of its own, so tests cannot see each other's incidents,
and a queue subscribes to the topic, so that a notification counts only when it
has arrived somewhere.
"""

import json
import time
import uuid
from functools import cached_property

import template
from function import Function

FOLLOW_UP, INTAKE = "follow-up", "intake"
SYMPTOMS = tuple(name for name in template.functions() if name not in (FOLLOW_UP, INTAKE))
# Those whose hosts can be asked.
SCRIPTED = tuple(name for name in SYMPTOMS if template.has_document(name))
ARRIVAL_SECONDS = 10


class Stack:
    def __init__(self, region, directory):
        self.region, self.directory = region, directory
        self.name = f"remedy-{uuid.uuid4().hex[:8]}"
        self.functions = []
        self.documents = {}
        self.table = region.dynamodb.create_table(TableName=self.name, **template.table())[
            "TableDescription"
        ]["TableName"]
        self.topic = region.sns.create_topic(Name=self.name)["TopicArn"]
        self.queue = self.subscribed("all")

    def subscribed(self, name, policy=None, topic=None):
        """A queue that subscribes to the topic, with a filter policy if given."""
        queue = self.region.sqs.create_queue(QueueName=f"{self.name}-{name}")["QueueUrl"]
        attributes = self.region.sqs.get_queue_attributes(
            QueueUrl=queue, AttributeNames=["QueueArn"]
        )
        self.region.sns.subscribe(
            TopicArn=topic or self.topic,
            Protocol="sqs",
            Endpoint=attributes["Attributes"]["QueueArn"],
            Attributes={"FilterPolicy": json.dumps(policy)} if policy else {},
        )
        return queue

    @cached_property
    def chat_topic(self):
        """The topic for chat, with a queue in the place of the channel."""
        topic = self.region.sns.create_topic(Name=f"{self.name}-chat")["TopicArn"]
        self.chat_queue = self.subscribed("chat", topic=topic)
        return topic

    def document(self, symptom):
        """The name of the SSM document for a symptom, made when first asked for."""
        if symptom not in self.documents:
            name = f"{self.name}-{symptom}"
            self.region.ssm.create_document(
                Name=name,
                Content=json.dumps(template.document(symptom)),
                DocumentType="Command",
                DocumentFormat="JSON",
            )
            self.documents[symptom] = name
        return self.documents[symptom]

    def environment(self, name):
        environment = {
            "REMEDY_TABLE": self.table,
            "REMEDY_TOPIC_ARN": self.topic,
            "REMEDY_MODE": "act",
            # Signing a URL for it asks nobody; evidence.py has one to put into.
            "REMEDY_EVIDENCE_BUCKET": f"{self.name}-evidence",
        }
        if name in (FOLLOW_UP, INTAKE):
            names = {symptom: self.document(symptom) for symptom in SCRIPTED}
            environment |= {"REMEDY_DISK_DOCUMENT": self.document(template.DISK_GROW)}
            return environment | {"REMEDY_DOCUMENTS": template.documents(names)}
        if name == "disk-full":
            environment |= {"REMEDY_DISK_DOCUMENT": self.document(template.DISK_GROW)}
        own = {"REMEDY_DOCUMENT": self.document(name)} if name in SCRIPTED else {}
        return environment | own

    def start(self, name, without=(), **changed):
        """Starts a function, by its symptom, or the follow-up, or the intake; `changed` and
        `without` alter its environment."""
        environment = self.environment(name) | changed
        environment = {k: v for k, v in environment.items() if k not in without}
        function = Function(name, environment, self.region.proxy, self.directory)
        self.functions.append(function)
        return function.start()

    def incidents(self):
        """Everything in the ledger, as plain values."""
        items = self.region.dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return [{key: _plain(value) for key, value in item.items()} for item in items]

    def forget_repeats(self):
        """Whatever is told next is no repeat of what was told before."""
        for row in self.incidents():
            if row["pk"].startswith("repeats#"):
                key = {name: {"S": row[name]} for name in ("pk", "sk")}
                self.region.dynamodb.delete_item(TableName=self.table, Key=key)

    def row(self, pk, sk):
        """One row of the ledger, as plain values, or None."""
        answer = self.region.dynamodb.get_item(
            TableName=self.table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
        )
        found = answer.get("Item")
        return found and {key: _plain(value) for key, value in found.items()}

    def incident(self, instance):
        """The instance's newest incident, as it reads its own JSON."""
        return json.loads(self.row(f"instance#{instance}", "incident")["incident"])

    def open_rows(self):
        """The rows of the open incidents."""
        return [row for row in self.incidents() if row["sk"] == "incident" and row["is_open"]]

    def open(self):
        """The open incidents."""
        return [json.loads(row["incident"]) for row in self.open_rows()]

    def stage(self, instance):
        return self.incident(instance)["stage"]

    def due(self):
        """The instances in the index of what is due, now or later."""
        answer = self.region.dynamodb.scan(TableName=self.table, IndexName="open")
        return [item["pk"]["S"].removeprefix("instance#") for item in answer["Items"]]

    def arrived(self, queue, count):
        """What arrived in a queue; fails unless there are `count`."""
        arrived, deadline = [], time.monotonic() + ARRIVAL_SECONDS
        while len(arrived) < max(count, 1) and time.monotonic() < deadline:
            answer = self.region.sqs.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
            arrived += [json.loads(m["Body"]) for m in answer.get("Messages", [])]
            if count == 0:
                break  # the topic delivers while it answers Publish
            if len(arrived) < count:
                time.sleep(0.02)
        assert len(arrived) == count, arrived
        return arrived

    def notifications(self, count):
        """The notifications that arrived; fails unless there are `count`."""
        return self.arrived(self.queue, count)

    def chat_messages(self, count):
        """What a chat channel would get: the body of each message."""
        return [json.loads(told["Message"]) for told in self.arrived(self.chat_queue, count)]

    def chat_message(self):
        return self.chat_messages(1)[0]

    def notification(self):
        return self.notifications(1)[0]

    def logs(self):
        return "\n".join(f"--- {f.log.name}\n{f.tail()}" for f in self.functions)

    def stop(self):
        for function in self.functions:
            function.stop()


def _plain(value):
    """A DynamoDB attribute value without its type tag."""
    ((kind, inner),) = value.items()
    if kind == "M":
        return {key: _plain(part) for key, part in inner.items()}
    if kind == "L":
        return [_plain(part) for part in inner]
    return float(inner) if kind == "N" else inner
