"""docs/examples/hub.yaml and what each account has beside its stack for it, deployed as they are,
with IAM in force: reports are kept and shown, and a pause reaches the ledger of every place.

One account is the hub and the only place here: no emulator has two.
"""

import json
from pathlib import Path

import pytest

from deployment import DEPLOY_SECONDS, until
from region import ACCOUNT, REGION

# One deployment serves all, so one worker runs them all.
pytestmark = pytest.mark.xdist_group("doctor")

EXAMPLES = Path(__file__).parent.parent.parent / "docs/examples"
HERE = f"{ACCOUNT}/{REGION}"
PAUSE = {"pause": "group:of-the-hub", "minutes": 60, "owner": "Anna", "reason": "a <release>"}


class Hub:
    """The hub, and the stack through which it reaches the deployment."""

    def __init__(self, account, deployed):
        self.account, self.deployed = account, deployed
        organization = {"Organization": "o-exampleorg1", "Places": f"{HERE}, 999988887777/eu-west-1"}
        made = self._deploy("hub", organization)
        self.orders, self.reports = made["OrdersFunction"], made["ReportsFunction"]
        follow_up = account.functions.get_function(FunctionName=deployed.ids["FollowUpFunction"])
        arn = follow_up["Configuration"]["FunctionArn"]
        self._deploy("orders-of-a-hub", {"HubRole": made["HubRole"], "FollowUp": arn})

    def _deploy(self, name, parameters):
        """Deploys an example; gives its outputs."""
        self.account.stacks.create_stack(
            StackName=name,
            TemplateBody=(EXAMPLES / f"{name}.yaml").read_text(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
        )

        def ended():
            (stack,) = self.account.stacks.describe_stacks(StackName=name)["Stacks"]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        stack = until(ended, "end of the deployment", DEPLOY_SECONDS)
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        return {it["OutputKey"]: it["OutputValue"] for it in stack.get("Outputs", [])}

    def ask(self, payload, function=None):
        """What the function answers, and how it failed, if it did."""
        said = self.account.functions.invoke(
            FunctionName=function or self.orders, Payload=json.dumps(payload).encode()
        )
        return json.loads(said["Payload"].read()), said.get("FunctionError")

    def page(self):
        """As a dashboard asks: CloudWatch user guide, "Details about custom widgets"."""
        page, error = self.ask({"widgetContext": {"dashboardName": "remedy-hub"}}, self.reports)
        assert error is None, page
        return page

    def report(self, **changed):
        """A report comes, as the pipe of reports-on-a-bus.yaml makes it an event."""
        detail = {
            "incident_id": "disk-full-20261120t031246z-496ea297",
            "instance_id": "i-0a1b2c3d4e5f60718",
            "group": "web",
            "account": "000000000000",
            "region": "elsewhere",
            "stage": "waiting",
            "at": "2026-11-20T03:14:00Z",
            "because": ["paused"],
        } | changed
        said = self.account.events.put_events(
            Entries=[
                {
                    "EventBusName": "remedy-hub",
                    "Source": "remedy",
                    "DetailType": "Report",
                    "Detail": json.dumps(detail),
                }
            ]
        )
        assert said["FailedEntryCount"] == 0, said

    def pauses(self):
        said = self.account.functions.invoke(
            FunctionName=self.deployed.ids["FollowUpFunction"], Payload=b'{"pauses": "list"}'
        )
        return json.loads(said["Payload"].read())["pauses"]


@pytest.fixture(scope="module")
def hub(account, deployed):
    return Hub(account, deployed)


def line(page, *cells):
    """Whether the page has such a line."""
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) in page


def test_what_is_reported_is_shown_by_place(hub):
    place = [HERE, 0, 1, 0, 0, "2026-11-20T03:14:00Z"]
    hub.report()
    until(lambda: line(hub.page(), *place), "report on the page")
    assert line(hub.page(), "999988887777/eu-west-1", 0, 0, 0, 0, "nothing in 8 days")
    # Its place is the one that EventBridge names, whatever the report says.
    assert "elsewhere" not in hub.page()
    # What comes late says nothing of how it stands.
    hub.report(stage="cleaning", at="2026-11-20T03:20:00Z", because=["<b>"])
    until(lambda: line(hub.page(), HERE, 1, 0, 0, 0), "later report")
    hub.report(stage="expired", at="2026-11-20T03:15:00Z")
    hub.report(incident_id="other", stage="replacing", at="2026-11-20T03:16:00Z")
    until(lambda: line(hub.page(), HERE, 2, 0, 0, 0), "report of another incident")
    assert "&lt;b&gt;" in hub.page() and "<b>" not in hub.page()
    hub.report(incident_id="other", stage="handed-over", at="2026-11-20T03:30:00Z")
    hub.report(incident_id="third", because=["resting"], at="2026-11-20T03:30:00Z")
    until(lambda: line(hub.page(), HERE, 1, 0, 1, 1), "rest and handing over")
    for incident in ("disk-full-20261120t031246z-496ea297", "other", "third"):
        hub.report(incident_id=incident, stage="resolved", at="2026-11-20T04:00:00Z", because=[])
    until(lambda: line(hub.page(), HERE, 0, 0, 0, 0), "end of all")


def test_a_pause_reaches_every_place_and_is_lifted_everywhere(hub):
    said, error = hub.ask(PAUSE)
    assert error is None and said["taken"] == [HERE], said
    # No bus is there for orders, in an account that nobody prepared.
    assert list(said["failed"]) == ["999988887777/eu-west-1"], said
    (pause,) = until(hub.pauses, "pause in the ledger")
    assert (pause["scope"], pause["owner"], pause["reason"]) == (
        "group:of-the-hub",
        "Anna",
        "a <release>",
    )
    said, error = hub.ask({"lift": "group:of-the-hub"})
    assert error is None and said["taken"] == [HERE], said
    until(lambda: not hub.pauses(), "lifted pause")


@pytest.mark.parametrize(
    "payload, says",
    [
        (PAUSE | {"minutes": "60"}, "minutes: missing, or no int"),
        (PAUSE | {"reason": ""}, "reason: missing, or no str"),
        (PAUSE | {"instance_id": "i-0a1b2c3d4e5f60718"}, "instance_id: not known"),
        ({"lift": "all", "explain": "i-0a1b2c3d4e5f60718"}, "explain: not known"),
        ({"instance_id": "i-0a1b2c3d4e5f60718", "symptom": "high-cpu"}, "pause: missing"),
    ],
)
def test_what_is_no_pause_and_no_lift_goes_nowhere(hub, payload, says):
    said, error = hub.ask(payload)
    assert error and says in said["errorMessage"], said
    assert hub.pauses() == []


def test_who_may_look_may_not_pause(hub):
    said, error = hub.ask(PAUSE, hub.reports)
    assert error and said["errorMessage"] == "no report, and no dashboard asks", said
    role = hub.account.functions.get_function(FunctionName=hub.reports)["Configuration"]["Role"]
    asked = hub.account.iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["events:PutEvents"]
    )
    assert asked["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"


def test_the_hub_can_ask_for_nothing_else(hub):
    """What comes to the bus of the orders is made a pause or a lift, or nothing: whoever holds
    the hub's role asks the follow-up for no explanation, answer or beat."""
    for kind, detail in [
        ("Pause", {"explain": "i-0a1b2c3d4e5f60718", "symptom": "high-cpu"}),
        ("Lift", {"answer": "yes", "instance_id": "i-0a1b2c3d4e5f60718"}),
        ("Explain", {"explain": "i-0a1b2c3d4e5f60718"}),
        ("Pause", PAUSE | {"answer": "yes"}),
    ]:
        hub.account.events.put_events(
            Entries=[
                {
                    "EventBusName": "remedy-orders",
                    "Source": "remedy.hub",
                    "DetailType": kind,
                    "Detail": json.dumps(detail),
                }
            ]
        )
    (pause,) = until(hub.pauses, "the one that is a pause")
    assert pause["scope"] == "group:of-the-hub"
    hub.ask({"lift": "group:of-the-hub"})
    until(lambda: not hub.pauses(), "lifted pause")
