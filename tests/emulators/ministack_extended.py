#!/usr/bin/env python3
"""MiniStack as the account a stack is deployed to: one endpoint for all services,
with IAM in force and with EC2, Auto Scaling and Systems Manager played by moto.

    MOTO_URL=http://127.0.0.1:PORT AUTH=true GATEWAY_PORT=PORT2 \\
    AWS_ENDPOINT_URL=http://127.0.0.1:PORT2 python ministack_extended.py

What it does beyond MiniStack, whose private functions it overrides (the version
is pinned in requirements.txt):

* `ec2`, `autoscaling` and `ssm` go to moto once IAM has let them through.
* IAM knows the resources and the tags of those calls as the Service
  Authorization Reference lists them: every instance of a call, the document of a
  command and the instances it is sent to, the group of a member.
* EventBridge and SNS invoke a function as AWS does: only where the function's own
  policy lets them, with its retries, and with its failure destination, which
  needs the permission of its role. What a rule makes of an event is what it sends.
* IAM knows the source and the kind of an event that is put.
* EventBridge writes to a queue only where its policy lets the rule, and a function is
  given what is in a queue only where its role may take it: up to as many messages at once
  as its mapping says, and what comes within a second together.
* Events of `aws.*` may be put, which AWS keeps to itself: a test is AWS here.
* A simulated policy hears the context and all resources of its question.
* `AWS::SSM::Document` and alarms on Metrics Insights can be created by
  CloudFormation.
"""

import asyncio
import fnmatch
import itertools
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import botocore.session
from botocore.config import Config
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, iam, lambda_svc, sns, sqs, tagging
from ministack.services.cloudformation import provisioners

MOTO = os.environ["MOTO_URL"].rstrip("/")
PLAYED_BY_MOTO = ("ec2", "autoscaling", "ssm")

_session = botocore.session.get_session()
_clients = {}
_making = threading.Lock()


def moto(service):
    with _making:  # a botocore session is not for several threads at once
        if service not in _clients:
            _clients[service] = _session.create_client(
                service,
                endpoint_url=MOTO,
                region_name=get_region(),
                aws_access_key_id="none",
                aws_secret_access_key="none",
                config=Config(retries={"max_attempts": 0}),
            )
        return _clients[service]


# --- What moto plays ---------------------------------------------------------

NOT_FORWARDED = ("host", "content-length", "connection", "accept-encoding", "expect")
NOT_RETURNED = ("content-length", "connection", "date", "server", "transfer-encoding")


def _forward(method, path, headers, body, query):
    query = urllib.parse.urlencode(query or {}, doseq=True)
    request = urllib.request.Request(
        f"{MOTO}{path or '/'}" + (f"?{query}" if query else ""),
        data=body if method != "GET" else None,
        method=method,
        headers={k: v for k, v in headers.items() if k.lower() not in NOT_FORWARDED},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, returned, content = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, returned, content = error.code, error.headers, error.read()
    kept = {k: v for k, v in returned.items() if k.lower() not in NOT_RETURNED}
    return status, kept, content


async def forward(method, path, headers, body, query):
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, _forward, method, path, headers, body, query)


async def systems_manager(method, path, headers, body, query):
    """SendCommand needs its permission on every instance too; IAM before this
    point has only asked about the document."""
    if app.AUTH and operation(headers, query) == "SendCommand":
        key = app.extract_access_key_id(headers, query)
        for instance in json.loads(body or b"{}").get("InstanceIds") or []:
            arn = instance_arn(instance)
            denied = iam_evaluator.enforce(key, "ssm:SendCommand", "ssm", get_region(), arn)
            if denied:
                return iam_actions.access_denied_response(
                    "ssm",
                    "ssm:SendCommand",
                    denied.principal_arn,
                    str(uuid.uuid4()),
                    headers=headers,
                    resource_arn=arn,
                    explicit_deny=denied.decision == "Deny",
                    resource_policy_arn=denied.resource_policy_arn,
                )
    return await forward(method, path, headers, body, query)


app.SERVICE_HANDLERS.update(ec2=forward, autoscaling=forward, ssm=systems_manager)


# --- IAM: which resource a call is about, and how that is tagged ---------------


def operation(headers, query):
    target = headers.get("x-amz-target", "")
    return target.rsplit(".", 1)[-1] if target else _first(query, "Action")


def _first(query, name):
    value = query.get(name, "")
    return (value[0] if value else "") if isinstance(value, list) else value


def instance_arn(instance):
    return f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance}"


def group_arn(query):
    """The group of a call: the one it names, or the one its instance is in."""
    autoscaling = moto("autoscaling")
    name, instance = _first(query, "AutoScalingGroupName"), _first(query, "InstanceId")
    if not name and instance:
        found = autoscaling.describe_auto_scaling_instances(InstanceIds=[instance])
        name = next((i["AutoScalingGroupName"] for i in found["AutoScalingInstances"]), "")
    found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name or "none"])
    for group in found["AutoScalingGroups"]:
        return group["AutoScalingGroupARN"]
    place = f"arn:aws:autoscaling:{get_region()}:{get_account_id()}"
    return f"{place}:autoScalingGroup:none:autoScalingGroupName/{name or 'none'}"


_action = iam_actions.extract_iam_action
_resource_arn = iam_actions.extract_resource_arn
_more_arns = iam_actions.verified_access_resource_arns
_tags = tagging.resource_tags
_context = iam_actions.request_tag_context


# MiniStack looks for CloudWatch's operation in the body; the Rust SDK has it in
# the path (Smithy RPC v2 CBOR).
CLOUDWATCH = "/service/GraniteServiceVersion20100801/operation/"


def iam_action(service, method, path, headers, body, query):
    """The action of a call of CloudWatch (Service Authorization Reference)."""
    if path.startswith(CLOUDWATCH):
        return f"cloudwatch:{path.rsplit('/', 1)[-1]}"
    return _action(service, method, path, headers, body, query)


def resource_arn(service, method, path, headers, body, query, region, account):
    """What a call is about (Service Authorization Reference, the resource types of each
    action)."""
    action = operation(headers, query)
    if service == "ssm" and action == "SendCommand":
        document = json.loads(body or b"{}").get("DocumentName", "")
        if document.startswith("arn:"):
            return document
        owner = "" if document.startswith("AWS-") else account
        return f"arn:aws:ssm:{region}:{owner}:document/{document}"
    if service in PLAYED_BY_MOTO and action.startswith(("Describe", "List", "GetCommand")):
        return "*"  # none of these has a resource
    if path.startswith(CLOUDWATCH):
        return "*"  # nor has GetMetricData; DescribeAlarms has, and is asked about any
    if service == "autoscaling":
        return group_arn(query)
    return _resource_arn(service, method, path, headers, body, query, region, account)


def more_ec2_arns(query, region, account):
    """The hook MiniStack asks for the resources of an EC2 call but its first: every instance
    of a call is one (Service Authorization Reference)."""
    found = list(_more_arns(query, region, account)) or ["*"]
    if not _first(query, "Action").startswith("Describe"):
        others = [k for k in query if k.startswith("InstanceId.") and k != "InstanceId.1"]
        found += [instance_arn(_first(query, key)) for key in others]
    return found


def resource_tags(arn):
    """What `aws:ResourceTag` is compared with: an instance's tags, a group's (Service
    Authorization Reference)."""
    if arn.startswith("arn:aws:ec2:") and ":instance/" in arn:
        wanted = {"Name": "resource-id", "Values": [arn.rsplit("/", 1)[-1]]}
        found = moto("ec2").describe_tags(Filters=[wanted])
    elif arn.startswith("arn:aws:autoscaling:"):
        wanted = {"Name": "auto-scaling-group", "Values": [arn.rsplit("/", 1)[-1]]}
        found = moto("autoscaling").describe_tags(Filters=[wanted])
    else:
        return _tags(arn)
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def context(service, action, body, query):
    """What else conditions ask about: of events who sends them, and of which kind they are
    (Service Authorization Reference, the condition keys of PutEvents)."""
    found = _context(service, action, body, query)
    if action == "events:PutEvents":
        entries = json.loads(body or b"{}").get("Entries") or [{}]
        found["events:source"] = [entry.get("Source", "") for entry in entries]
        found["events:detail-type"] = entries[0].get("DetailType", "")
    return found


iam_actions.extract_iam_action = iam_action
iam_actions.request_tag_context = context
iam_actions.extract_resource_arn = resource_arn
iam_actions.verified_access_resource_arns = more_ec2_arns
tagging.resource_tags = resource_tags


# --- Who may invoke a function, and what becomes of an event that fails --------


def may_invoke(function, principal, source):
    """Whether the function's own policy lets a service invoke it for `source`."""
    for statement in function["policy"]["Statement"]:
        pattern = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        if (
            statement["Principal"] == {"Service": principal}
            and statement["Action"] == "lambda:InvokeFunction"
            and fnmatch.fnmatchcase(source, pattern)
        ):
            return True
    print(f"{principal} may not invoke {function['config']['FunctionName']}", flush=True)
    return False


_invoke_target = eventbridge._invoke_target
_deliver = sns._deliver_to_lambda
_route_failure = lambda_svc._route_async_failure


def invoke_target(target, event, rule, view=None):
    """A rule invokes where the function's own policy lets it (EventBridge user guide,
    "Using resource-based policies"), and Lambda tries again (Lambda developer guide,
    "Asynchronous invocation")."""
    if ":sqs:" in target["Arn"]:
        if sqs.queue_policy_allows(
            target["Arn"], "events.amazonaws.com", rule["Arn"], get_account_id()
        ):
            return _invoke_target(target, event, rule, view)
        return print(f"{rule['Arn']} may not write to {target['Arn']}", flush=True)
    if ":lambda:" not in target["Arn"]:
        return _invoke_target(target, event, rule, view)
    function, config, _ = lambda_svc._get_func_record_for_ref(target["Arn"])
    if function and may_invoke(function, "events.amazonaws.com", rule["Arn"]):
        view = view or eventbridge._pattern_event_view(event)
        record = lambda_svc._execution_record_for_config(function, config)
        sent = view.event_with_detail()
        if transformer := target.get("InputTransformer"):
            try:
                sent = json.loads(eventbridge._apply_input_transformer(transformer, rule, view))
            except ValueError:
                # EventBridge user guide, "Common issues with transforming input".
                return print(f"{rule['Arn']} makes no JSON of an event", flush=True)
        lambda_svc.invoke_async_with_retry(record, sent)


def deliver(endpoint, envelope, topic_arn, *others):
    """A topic invokes where the function's own policy lets it (Lambda developer guide,
    "Using resource-based policies")."""
    function, _, _ = lambda_svc._get_func_record_for_ref(endpoint)
    if function and may_invoke(function, "sns.amazonaws.com", topic_arn):
        _deliver(endpoint, envelope, topic_arn, *others)


def route_failure(target, name, event, result):
    """As the function's role, which may or may not send there (Lambda developer guide,
    "Adding a destination")."""
    function, config, _ = lambda_svc._get_func_record_for_ref(name)
    key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    if iam_evaluator.enforce(key, "sqs:SendMessage", "sqs", get_region(), target):
        print(f"the role of {name} may not send to {target}", flush=True)
    else:
        _route_failure(target, name, event, result)


# What a role needs for its function to be given a queue's messages (Lambda developer guide,
# "Using Lambda with Amazon SQS").
TO_TAKE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
WINDOW_SECONDS = 1

_concurrency = lambda_svc._sqs_esm_concurrency


def concurrency(mapping, function, config, queue=None):
    """None, where the role may not take what is in the queue (Lambda developer guide, "Using
    Lambda with Amazon SQS")."""
    key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    arn = mapping["EventSourceArn"]
    for action in TO_TAKE:
        if iam_evaluator.enforce(key, action, "sqs", get_region(), arn):
            print(f"the role of {mapping['FunctionName']} may not {action} {arn}", flush=True)
            return 0
    return _concurrency(mapping, function, config, queue)


def receive_batch(url, most):
    """As many as the mapping takes, once there are so many, or the first of them has waited for
    its window (Lambda developer guide, "Batching behavior"). MiniStack takes ten at most, and
    waits for none."""
    with sqs._queues_lock:
        queue = sqs._get_q(url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        for message in queue["messages"]:
            sqs._ensure_msg_fields(message)
        now = time.time()
        since = [m["visible_at"] for m in queue["messages"] if m["visible_at"] <= now]
        if most > 10 and len(since) < most and min(since, default=now) > now - WINDOW_SECONDS:
            return []
        visible_for = int(queue["attributes"].get("VisibilityTimeout", "30"))
        return sqs._collect_msgs(queue, most, visible_for)


lambda_svc._sqs_esm_concurrency = concurrency
sqs._receive_messages_for_esm = receive_batch
eventbridge._invoke_target = invoke_target
sns._deliver_to_lambda = deliver
lambda_svc._route_async_failure = route_failure
eventbridge._put_events.__defaults__ = (True,)
eventbridge._SCHEDULER_TICK_INTERVAL = 1  # a beat is then at most a second late


# --- CloudFormation ------------------------------------------------------------


def create_document(logical_id, properties, stack):
    name = properties.get("Name") or provisioners._physical_name(stack, logical_id)
    moto("ssm").create_document(
        Name=name,
        Content=json.dumps(properties["Content"]),
        DocumentType=properties.get("DocumentType", "Command"),
        DocumentFormat="JSON",
    )
    return name, {}


def update_document(name, before, properties, stack):
    """A new version, which is the default from now on (CloudFormation's UpdateMethod NewVersion).
    On the way back it is the version that had this content: Systems Manager takes none twice
    (UpdateDocument, DuplicateDocumentContent), and what CloudFormation does then nobody has seen."""
    assert properties["UpdateMethod"] == "NewVersion"
    ssm, content = moto("ssm"), json.dumps(properties["Content"])
    if before["Content"] != properties["Content"]:
        latest = int(ssm.describe_document(Name=name)["Document"]["LatestVersion"])
        for version in map(str, range(1, latest + 1)):
            known = ssm.get_document(Name=name, DocumentVersion=version, DocumentFormat="JSON")
            if json.loads(known["Content"]) == properties["Content"]:
                break
        else:
            made = ssm.update_document(Name=name, Content=content, DocumentVersion="$LATEST")
            version = made["DocumentDescription"]["DocumentVersion"]
        ssm.update_document_default_version(Name=name, DocumentVersion=version)
    return name, {}


def delete_document(name, _):
    moto("ssm").delete_document(Name=name)


_alarm_record = provisioners._cw_metric_alarm_record


def alarm_record(name, properties):
    """An alarm on an expression: kept, and evaluated by nobody (that CloudFormation takes one
    that groups: question fleet-alarm)."""
    if "Metrics" not in properties:
        return _alarm_record(name, properties)
    single = {k: v for k, v in properties.items() if k != "Metrics"}
    single |= {"Namespace": "expression", "MetricName": "expression"}
    shape = _session.get_service_model("cloudwatch").shape_for("MetricDataQueries")
    return _alarm_record(name, single) | {"Metrics": typed(shape, properties["Metrics"])}


def typed(shape, value):
    """A template's value as the API has it: CloudFormation takes a number's text for it."""
    if shape.type_name == "structure":
        return {name: typed(shape.members[name], part) for name, part in value.items()}
    if shape.type_name == "list":
        return [typed(shape.member, part) for part in value]
    if shape.type_name == "integer":
        return int(value)
    return str(value).lower() == "true" if shape.type_name == "boolean" else value


_built = iam._build_simulate_results_real


def simulate(p):
    """A simulation of each of its resources, with the context that its caller gives it: MiniStack
    takes the first and hears no context (IAM API reference, SimulatePrincipalPolicy)."""

    def listed(name):
        numbered = (f"{name}.member.{at}" for at in range(1, 100))
        return itertools.takewhile(lambda key: any(k.startswith(key) for k in p), numbered)

    context = {
        iam._p(p, f"{entry}.ContextKeyName").lower(): iam._p(p, f"{entry}.ContextKeyValues.member.1")
        for entry in listed("ContextEntries")
    }
    resources = [iam._p(p, key) for key in listed("ResourceArns")] or ["*"]

    def built(actions, _, principal, account, policies):
        told = ""
        for action, resource in itertools.product(actions, resources):
            asked = iam_evaluator.EvalContext(
                principal_arn=principal,
                principal_type="AssumedRole",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=get_region(),
                service_context=context,
            )
            words = {"Allow": "allowed", "Deny": "explicitDeny"}
            decision = iam_evaluator.evaluate(asked, policies).decision
            told += (
                f"<member><EvalActionName>{action}</EvalActionName>"
                f"<EvalResourceName>{resource}</EvalResourceName>"
                f"<EvalDecision>{words.get(decision, 'implicitDeny')}</EvalDecision></member>"
            )
        return told

    with _simulating:
        iam._build_simulate_results_real = built
        try:
            return iam._simulate_principal_policy(p)
        finally:
            iam._build_simulate_results_real = _built


_simulating = threading.Lock()
iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate


provisioners._RESOURCE_HANDLERS["AWS::SSM::Document"] = {
    "create": create_document,
    "update": update_document,
    "delete": delete_document,
}
provisioners._cw_metric_alarm_record = alarm_record

if __name__ == "__main__":
    app.main()
