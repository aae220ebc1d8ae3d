"""template.yaml as deployed: rules, roles, destinations and the schedule, with IAM in force.

Most tests share one stack, of the plain template that ships; those that take a permission away
deploy the template itself, through SAM's transform.

What no emulator checks (log retention, expressions, the age of events) is asked
of the template's text: tests/template.
"""

import io
import json
import os
import uuid
import zipfile
from collections import Counter

import pytest
from botocore.exceptions import ClientError

import alarms
import fleet
import later
import template
from deployment import Deployment, Plain, until
from stack import SCRIPTED

# One deployment serves all, so one worker runs them all.
pytestmark = pytest.mark.xdist_group("deployment")

GOOD = 5.0
SEND = "ssm:SendCommand"
# Its place in the budget is its own, whatever other tests have out of service.
HUNG = {"agent": "ConnectionLost", "instance_status": "impaired"}
ALONE = fleet.OPTED_IN | {"auto-remediation-pool": "alone"}


@pytest.fixture(scope="module", autouse=True)
def watched(account, deployed):
    """An instance whose incident can end at the next beat of the heart. That is a
    minute after the deployment, which the other tests use."""
    instance = fleet.standalone(account, ssm_output="disk-ok")
    put(deployed, alarms.alarm("disk-full.state-change", instance))
    opened(deployed, instance)
    put(deployed, command_ended(deployed, instance))
    until(lambda: deployed.stage(instance) == "watching", "step taken for the trigger")
    (message,) = until(lambda: deployed.told(instance), "notification")
    assert outcome_of(message) == "acted"
    later.passes(deployed, 2, instance)
    later.measured(deployed, instance, GOOD)
    answer = ask(deployed, "FollowUpFunction", {"instance_id": instance})
    assert answer["looked_at"] == 1 and answer["left"] == [], answer
    later.passes(deployed, 6, instance)
    later.measured(deployed, instance, GOOD)
    assert deployed.stage(instance) == "watching"
    return instance


def command_ended(deployed, instance):
    """What Systems Manager says when a command is over (its user guide, "Systems
    Manager event examples")."""
    (command,) = commands(deployed, instance)
    return {
        "source": "aws.ssm",
        "detail-type": "EC2 Command Invocation Status-change Notification",
        "detail": {
            "command-id": command["CommandId"],
            "document-name": command["DocumentName"],
            "instance-id": instance,
            "requested-date-time": "2026-11-20T03:12:50Z",
            "status": "Success",
        },
    }


def put(deployed, *events):
    """Events come to the bus, from the AWS service they are from."""
    entries = [
        {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        for event in events
    ]
    while entries:  # ten at most at once (EventBridge API reference, PutEvents)
        answer = deployed.account.events.put_events(Entries=entries[:10])
        assert answer["FailedEntryCount"] == 0, answer
        entries = entries[10:]


def ask(deployed, function, event):
    """A person invokes a function and reads its answer."""
    answer = deployed.account.functions.invoke(
        FunctionName=deployed.ids[function], Payload=json.dumps(event).encode()
    )
    return json.loads(answer["Payload"].read())


def report(deployed, symptom, instance, shape="state-change"):
    """The one report of a symptom's function about an alarm."""
    name = "".join(part.capitalize() for part in symptom.split("-"))
    answer = ask(deployed, f"{name}Function", alarms.alarm(f"{symptom}.{shape}", instance))
    assert "reports" in answer, answer
    (report,) = answer["reports"]
    return report


def because(report):
    return "; ".join(f"{reason['code']}: {reason['text']}" for reason in report["because"])


def commands(deployed, instance):
    return deployed.account.ssm.list_commands(InstanceId=instance)["Commands"]


def dead_letters(deployed):
    answer = deployed.account.sqs.receive_message(
        QueueUrl=deployed.ids["DeadLetters"], MaxNumberOfMessages=10
    )
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def opened(deployed, instance):
    """The instance's incident, once it is written down what came of its first attempt."""

    def found():
        row = deployed.row(f"instance#{instance}", "incident")
        incident = row and json.loads(row["incident"])
        return incident if incident and incident["attempts"] and incident.get("timeline") else None

    return until(found, f"incident of {instance}")


def outcome_of(message):
    return message["MessageAttributes"]["outcome"]["Value"]


# --- the ways in ------------------------------------------------------------------


@pytest.mark.parametrize("symptom", SCRIPTED)
@pytest.mark.parametrize("shape", ["state-change", "contributor"])
def test_an_alarm_on_the_bus_is_answered_by_its_function_alone(account, deployed, symptom, shape):
    # In a group of its own: the same on several standalone instances is told once.
    instance = fleet.group(account, size=1).members[0]
    put(deployed, alarms.alarm(f"{symptom}.{shape}", instance))
    incident = opened(deployed, instance)
    assert (incident["symptom"], incident["stage"]) == (symptom, "cleaning")
    (command,) = commands(deployed, instance)
    assert command["DocumentName"] == deployed.ids[template.document_id(symptom)]


@pytest.mark.parametrize("shape", ["state-change", "contributor"])
def test_an_alarm_about_a_host_that_answers_nobody_leads_to_its_reboot(account, deployed, shape):
    # In a pool of its own; and of the two, one alone is answered for its zone.
    tags = fleet.OPTED_IN | {"auto-remediation-pool": f"hung-{shape}"}
    instance = fleet.standalone(account, tags=tags, **HUNG)
    put(deployed, alarms.alarm(f"unreachable.{shape}", instance))
    row = until(
        lambda: deployed.row(f"instance#{instance}", "incident"), f"incident of {instance}"
    )
    incident = json.loads(row["incident"])
    assert incident["symptom"] == "unreachable"
    assert commands(deployed, instance) == []
    if shape == "state-change":
        (attempt,) = opened(deployed, instance)["attempts"]
        assert (attempt["rung"], attempt.get("refused")) == ("reboot", None), incident
    else:
        # No emulator answers its query, which holds the reboot as the zone does.
        assert incident["held_back"]["by"]["code"] in {"zone-impaired", "fact-unknown"}, incident


@pytest.mark.parametrize("symptom", SCRIPTED)
def test_a_document_is_what_the_file_beside_the_scripts_says(account, deployed, symptom):
    name = deployed.ids[template.document_id(symptom)]
    answer = account.ssm.get_document(Name=name, DocumentFormat="JSON")
    assert json.loads(answer["Content"]) == template.document(symptom)


def test_an_alarms_own_action_is_an_invocation(account, deployed):
    instance = fleet.standalone(account)
    account.functions.invoke(
        FunctionName=deployed.ids["DiskFullFunction"],
        InvocationType="Event",
        Payload=json.dumps(alarms.alarm("disk-full.lambda-action", instance)).encode(),
    )
    assert opened(deployed, instance)["symptom"] == "disk-full"


def test_an_alarm_in_the_topic_is_answered_once(account, deployed):
    instance = fleet.standalone(account)
    (record,) = alarms.alarm("disk-full.sns", instance)["Records"]
    account.sns.publish(TopicArn=deployed.ids["Alarms"], Message=record["Sns"]["Message"])
    assert opened(deployed, instance)["symptom"] == "disk-full"
    assert len(commands(deployed, instance)) == 1


def test_an_alarm_about_something_else_invokes_nobody(account, deployed):
    instance = fleet.standalone(account)
    put(deployed, alarms.alarm("high-cpu.foreign-namespace", instance))
    answered = fleet.standalone(account)
    put(deployed, alarms.alarm("high-cpu.state-change", answered))
    opened(deployed, answered)
    assert deployed.row(f"instance#{instance}", "incident") is None


# --- a storm ------------------------------------------------------------------------

# Each is followed to its end: 500 take half an hour. A call that a busy emulator has no time for is
# made again, as on AWS, so that nothing here is bound to a time but the end.
STORM = int(os.environ.get("REMEDY_STORM", "30"))
STORM_SECONDS = 120 + 4 * STORM


def test_every_alarm_of_a_storm_is_followed_to_its_end(account, deployed):
    """Over the bus, the queue, its mapping and the roles, with each tenth event twice."""
    hosts = fleet.many(account, STORM, ssm_output="disk-ok")
    events = [alarms.alarm("disk-full.state-change", host) for host in hosts]
    put(deployed, *events, *events[::10])

    def stages():
        rows = {row["pk"]: row for row in deployed.incidents() if row["sk"] == "incident"}
        found = (rows.get(f"instance#{host}") for host in hosts)
        return [row and json.loads(row["incident"])["stage"] for row in found]

    def are_resolved_later():
        """Whichever heartbeat comes first, the account's or ours."""
        later.passes(deployed, 2, *hosts)
        for host, stage in zip(hosts, stages()):
            if stage == "watching":
                later.measured(deployed, host, GOOD)
        ask(deployed, "FollowUpFunction", {})
        return set(stages()) == {"resolved"}

    until(lambda: all(stages()), "answer to each", STORM_SECONDS)
    until(are_resolved_later, "end of each", STORM_SECONDS)
    sent = Counter()
    for page in account.ssm.get_paginator("list_commands").paginate():
        for command in page["Commands"]:
            sent.update(command["InstanceIds"])
    # One whose answer came too late may be sent a second time.
    assert {sent[host] for host in hosts} <= {1, 2}
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    for queue in ("AlarmQueue", "HintQueue"):
        url = deployed.ids[queue]
        left = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(counts))
        assert [left["Attributes"][count] for count in counts] == ["0", "0"], queue


# --- what a role may do ------------------------------------------------------------


def test_a_tagged_instance_is_rebooted(account, deployed):
    instance = fleet.standalone(account, tags=ALONE, agent="none")
    put(deployed, alarms.alarm("high-cpu.state-change", instance))
    incident = opened(deployed, instance)
    (attempt,) = incident["attempts"]
    assert (attempt["rung"], attempt.get("refused")) == ("reboot", None), incident


PROBE = """
import boto3, botocore.exceptions

def handler(event, context):
    client = boto3.client(event["service"])
    try:
        getattr(client, event["call"])(**event["arguments"])
        return "done"
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
"""


@pytest.fixture(scope="module")
def attempt(account, deployed):
    """Makes a call as a function's role does, with no code of ours before it that
    would refuse: another function of the same role."""

    def attempt(role, service, call, **arguments):
        name = f"probe-{uuid.uuid4().hex[:8]}"
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("probe.py", PROBE)
        arn = account.iam.get_role(RoleName=deployed.ids[role])["Role"]["Arn"]
        account.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="probe.handler",
            Role=arn,
            Code={"ZipFile": code.getvalue()},
            Timeout=30,
        )
        event = {"service": service, "call": call, "arguments": arguments}
        answer = account.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())

    return attempt


@pytest.mark.parametrize("role", ["HighCpuFunctionRole", "FollowUpFunctionRole"])
def test_iam_refuses_what_is_not_opted_in(account, deployed, attempt, role):
    ours = fleet.standalone(account)
    for tags in ({}, {"auto-remediation": "observe"}):
        theirs = fleet.standalone(account, tags=tags)
        for instances in ([theirs], [ours, theirs]):
            code = attempt(role, "ec2", "reboot_instances", InstanceIds=instances)
            assert code == "UnauthorizedOperation", (tags, instances)
        command = {"InstanceIds": [theirs], "DocumentName": deployed.ids["HighCpuDocument"]}
        assert attempt(role, "ssm", "send_command", **command) == "AccessDeniedException"
    assert attempt(role, "ec2", "reboot_instances", InstanceIds=[ours]) == "done"


def test_iam_refuses_every_document_but_the_functions_own(account, deployed, attempt):
    instance = fleet.standalone(account)
    for document, code in (
        (deployed.ids["HighCpuDocument"], "done"),
        (deployed.ids["DiskFullDocument"], "AccessDeniedException"),
        ("AWS-RunShellScript", "AccessDeniedException"),
    ):
        call = {"InstanceIds": [instance], "DocumentName": document}
        assert attempt("HighCpuFunctionRole", "ssm", "send_command", **call) == code, document


def test_iam_lets_no_command_be_sent_for_who_answers_nobody(account, deployed, attempt):
    instance = fleet.standalone(account)
    for document in (deployed.ids["HighCpuDocument"], "AWS-RunShellScript"):
        call = {"InstanceIds": [instance], "DocumentName": document}
        code = attempt("UnreachableFunctionRole", "ssm", "send_command", **call)
        assert code == "AccessDeniedException", document
    reboot = {"InstanceIds": [instance]}
    assert attempt("UnreachableFunctionRole", "ec2", "reboot_instances", **reboot) == "done"


def test_iam_refuses_members_of_groups_that_are_not_opted_in(account, deployed, attempt):
    theirs = fleet.group(account, tags={})
    fleet.tag(account, theirs.members[0], fleet.OPTED_IN)
    ours = fleet.group(account)
    for group, code in ((theirs, "AccessDenied"), (ours, "done")):
        member = group.members[0]
        call = {"InstanceId": member, "HealthStatus": "Unhealthy"}
        assert attempt("DiskFullFunctionRole", "autoscaling", "set_instance_health", **call) == code


@pytest.mark.parametrize(
    ("tag", "code"), [("enabled", "done"), ("observe", "done"), (None, "AccessDenied")]
)
def test_iam_lets_a_member_come_back_whose_owner_wants_no_more(account, attempt, tag, code):
    group = fleet.group(account)
    member = {"InstanceIds": group.members[:1], "AutoScalingGroupName": group.name}
    account.autoscaling.enter_standby(**member, ShouldDecrementDesiredCapacity=True)
    named = {"ResourceId": group.name, "ResourceType": "auto-scaling-group"}
    named |= {"Key": "auto-remediation"}
    if tag:
        tags = [named | {"Value": tag, "PropagateAtLaunch": False}]
        account.autoscaling.create_or_update_tags(Tags=tags)
    else:
        account.autoscaling.delete_tags(Tags=[named])
    assert attempt("FollowUpFunctionRole", "autoscaling", "exit_standby", **member) == code


def test_the_roles_have_no_managed_policies_but_the_logs_and_our_own(account, deployed):
    shared = ("RoadPolicy", "RebootPolicy", "CleanupPolicy")
    ours = {deployed.ids[policy] for policy in shared}
    roles = [name for logical, name in deployed.ids.items() if logical.endswith("FunctionRole")]
    assert len(roles) == 7
    for role in roles:
        attached = account.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        foreign = {p["PolicyArn"].rsplit("/", 1)[-1] for p in attached if p["PolicyArn"] not in ours}
        assert foreign == {"AWSLambdaBasicExecutionRole"}, role


# --- what fails --------------------------------------------------------------------


@pytest.fixture
def given_again_at_once(account, deployed):
    """A message that has no answer waits for a second in place of six minutes."""
    queue = deployed.ids["AlarmQueue"]

    def invisible_for(seconds):
        attributes = {"VisibilityTimeout": str(seconds)}
        account.sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes)

    invisible_for(1)
    yield
    invisible_for(361)


def test_a_poisoned_event_ends_in_the_dead_letters_and_takes_nobody_along(
    account, deployed, given_again_at_once
):
    """As its queue holds it: the log names the field."""
    instance = fleet.alone(account)
    put(deployed, alarms.alarm("malformed.timestamp"))
    put(deployed, alarms.alarm("disk-full.state-change", instance))
    assert opened(deployed, instance)["symptom"] == "disk-full"
    (letter,) = until(lambda: dead_letters(deployed), "dead letter")
    assert letter["detail"]["alarmName"] == "web-cpu-high"
    said = account.log_groups.filter_log_events(logGroupName=deployed.ids["IntakeLogs"])["events"]
    assert any("UnreadableEvent" in event["message"] for event in said), said
    assert len(commands(deployed, instance)) == 1


def test_a_second_stack_of_the_region_cannot_act_and_may_observe(account, deployed):
    """Its functions are never told to act: CloudFormation makes the parameter first."""
    with pytest.raises(AssertionError) as refused:
        Deployment(account)
    said = str(refused.value)
    assert "Acting" in said and "ParameterAlreadyExists" in said, said
    summaries = account.stacks.describe_stacks()["Stacks"]
    (failed,) = (s for s in summaries if s["StackStatus"].startswith("ROLLBACK"))
    events = account.stacks.describe_stack_events(StackName=failed["StackName"])["StackEvents"]
    assert not [e for e in events if e["LogicalResourceId"].endswith("Function")]
    beside = Deployment(account, Mode="observe")
    try:
        assert mode_of(beside) == "observe" and mode_of(deployed) == "act"
    finally:
        beside.remove()


def test_only_the_plain_template_is_taken_where_no_macro_is(account, deployed):
    """As of StackSets with service-managed permissions, which expand none: the stack that all
    tests share was made with these capabilities."""

    class Unexpanded(Deployment):
        CAPABILITIES = Plain.CAPABILITIES

    with pytest.raises(ClientError) as refused:
        Unexpanded(account, Mode="observe")
    assert "CAPABILITY_AUTO_EXPAND" in str(refused.value)
    assert "CAPABILITY_AUTO_EXPAND" not in deployed.CAPABILITIES


def mode_of(deployment):
    name = deployment.ids["HighCpuFunction"]
    found = deployment.account.functions.get_function_configuration(FunctionName=name)
    return found["Environment"]["Variables"]["REMEDY_MODE"]


def remove(owner, sid, action=None):
    """A change of the template: a statement is not there any more, or one action
    is not in it."""

    def change(resources):
        properties = resources[owner]["Properties"]
        shared = "PolicyDocument" in properties
        policies = [properties["PolicyDocument"]] if shared else properties["Policies"]
        documents = [policy for policy in policies if "Statement" in policy]
        (found,) = [s for d in documents for s in d["Statement"] if s["Sid"] == sid]
        if action:
            found["Action"].remove(action)
            return
        for document in documents:
            document["Statement"] = [s for s in document["Statement"] if s is not found]

    return change


@pytest.fixture
def without(account):
    """Deploys the template without one of its permissions."""
    made = []

    def deploy(*removed):
        changed = remove(*removed)

        def change(resources):
            changed(resources)
            # As in a region of its own: the one that all tests use acts, too.
            resources["Acting"]["Properties"]["Name"] += "/elsewhere"

        made.append(Deployment(account, change))
        return made[0]

    yield deploy
    for deployment in made:
        deployment.remove()


def held_for(answer, call):
    """The report of an answer that IAM stopped: it names the call and AWS's word."""
    assert answer["outcome"] == "held" and call in because(answer), because(answer)
    denied = ("AccessDenied", "UnauthorizedOperation", "not authorized")
    assert any(word in because(answer) for word in denied), because(answer)


@pytest.mark.parametrize(
    ("removed", "symptom", "agent", "call"),
    [
        *(
            ((template.functions()[symptom], sid), symptom, "Online", SEND)
            for symptom in SCRIPTED
            for sid in ("CleanupDocument", "CleanupInstance")
        ),
        (("RebootPolicy", "Reboot"), "high-cpu", "none", "ec2:RebootInstances"),
        (("RoadPolicy", "Look"), "high-cpu", "Online", "ec2:DescribeInstances"),
        (("RoadPolicy", "Verify"), "high-cpu", "none", "cloudwatch:DescribeAlarms"),
    ],
)
def test_without_its_permission_an_answer_names_the_call(
    account, without, removed, symptom, agent, call
):
    instance = fleet.standalone(account, agent=agent)
    held_for(report(without(*removed), symptom, instance), call)


@pytest.mark.parametrize(
    ("removed", "symptom", "health_check", "call"),
    [
        (("RoadPolicy", "Replace"), "disk-full", "EC2", "autoscaling:SetInstanceHealth"),
        (("RebootPolicy", "LeaveService"), "high-cpu", "ELB", "autoscaling:EnterStandby"),
    ],
)
def test_without_its_permission_a_member_stays(
    account, without, removed, symptom, health_check, call
):
    group = fleet.group(account, agent="none", health_check=health_check)
    held_for(report(without(*removed), symptom, group.members[0]), call)
    assert group.ids() == group.members


def followed_up(deployment, instance, call):
    """What the follow-up says about the instance, once it names the call."""
    for _ in range(8):
        later.passes(deployment, 11, instance)
        answer = ask(deployment, "FollowUpFunction", {"instance_id": instance})
        for said in answer["reports"]:
            if call in because(said):
                return said
    raise AssertionError(f"{call} is never named: {deployment.incident(instance)}")


def test_without_its_permission_no_result_of_a_command_is_known(account, without):
    instance = fleet.standalone(account, ssm_output="cpu-ok")
    deployment = without("FollowUpFunction", "Commands")
    report(deployment, "high-cpu", instance)
    said = followed_up(deployment, instance, "ssm:GetCommandInvocation")
    assert "AccessDenied" in because(said) and "cleanup-failed" in because(said)


def test_without_its_permission_a_member_that_does_not_come_back_is_told_of(account, without):
    group = fleet.group(account, agent="none", health_check="ELB")
    member = group.members[0]
    deployment = without("FollowUpFunction", "ComeBack")
    report(deployment, "high-cpu", member)
    said = followed_up(deployment, member, "autoscaling:ExitStandby")
    assert said["outcome"] == "held" and "AccessDenied" in because(said)
    assert group.lifecycle_of(member) == "Standby"


def test_the_doctor_finds_by_a_dry_run_what_its_role_may_not_do(account, without):
    fleet.alone(account)
    deployment = without("RebootPolicy", "Reboot")
    answer = account.functions.invoke(
        FunctionName=deployment.ids["FollowUpFunction"], Payload=b'{"doctor": {}}'
    )
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    missing = [f["about"] for f in told["findings"] if f["code"] == "permission-missing"]
    assert missing == ["ec2:RebootInstances"], told


@pytest.mark.parametrize(("sid", "kept"), [("KeepEvidence", "in-log"), ("ReadConsole", "missing")])
def test_without_its_permission_evidence_holds_nothing_up(account, without, sid, kept):
    instance = fleet.standalone(account, tags=ALONE, agent="none")
    answer = report(without("RoadPolicy", sid), "high-cpu", instance)
    assert (answer["outcome"], answer["rung"]) == ("acted", "reboot"), because(answer)
    assert answer["evidence"]["kept"] == kept, answer["evidence"]


def test_without_its_permission_nobody_is_told(account, without):
    instance = fleet.standalone(account)
    deployment = without("RoadPolicy", "Tell")
    answer = report(deployment, "high-cpu", instance)
    assert answer["outcome"] == "acted" and answer["told"] is False
    assert deployment.told(instance) == []


@pytest.mark.parametrize(
    ("removed", "function", "event", "call"),
    [
        (
            ("RoadPolicy", "Ledger", "dynamodb:BatchGetItem"),
            "HighCpuFunction",
            "high-cpu.state-change",
            "dynamodb:BatchGetItem",
        ),
        (
            ("RoadPolicy", "Ledger", "dynamodb:PutItem"),
            "HighCpuFunction",
            "high-cpu.state-change",
            "dynamodb:PutItem",
        ),
        (
            ("FollowUpFunction", "Due"),
            "FollowUpFunction",
            "foreign.scheduled-event",
            "dynamodb:Scan",
        ),
    ],
)
def test_without_the_ledger_an_event_ends_in_the_dead_letters(
    account, without, removed, function, event, call
):
    deployment = without(*removed)
    instance = fleet.standalone(account)
    account.functions.invoke(
        FunctionName=deployment.ids[function],
        InvocationType="Event",
        Payload=json.dumps(alarms.alarm(event, instance)).encode(),
    )
    letter = until(lambda: dead_letters(deployment), "dead letter")[0]
    assert letter["responsePayload"]["errorType"] == "LedgerUnreachable"
    assert call in letter["responsePayload"]["errorMessage"]
    assert "AccessDenied" in letter["responsePayload"]["errorMessage"]
    assert commands(deployment, instance) == []


# --- afterwards --------------------------------------------------------------------


def test_the_heartbeat_closes_an_incident(deployed, watched):
    until(lambda: deployed.stage(watched) == "resolved", "end by the heartbeat")
    assert [outcome_of(message) for message in deployed.told(watched)] == ["acted", "resolved"]
