"""What would be done about an instance, and what was recorded of an incident: asked of the
follow-up by a person, and answered from the world without a write."""

import alarms
import fleet
import later
from stack import FOLLOW_UP

WRITES = ("Put", "Update", "Transact", "Send", "Reboot", "Set", "Enter", "Exit", "Modify", "Publish")


def writes(answer):
    return [call.name for call in answer.calls if call.name.split(":")[1].startswith(WRITES)]


def rung(answer, name):
    (symptom,) = answer.body["symptoms"]
    (checks,) = [of["checks"] for of in symptom["rungs"] if of["rung"] == name]
    return {said["check"]: said for said in checks}


def test_what_is_explained_is_what_is_then_done(region, stack):
    instance, follow_up = fleet.standalone(region), stack.start(FOLLOW_UP)
    explained = follow_up.invoke({"explain": instance, "symptom": "high-cpu"})
    assert writes(explained) == [] and stack.incidents() == []
    (symptom,) = explained.body["symptoms"]
    assert (symptom["would"], symptom["rung"]) == ("act", "cleanup"), explained.body
    assert rung(explained, "cleanup")["opted-in"]["answer"] == "yes"
    assert explained.body["text"].startswith(f"{instance} at ")
    done = stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    assert (done.report["outcome"], done.report["rung"]) == ("acted", "cleanup"), done.because()

    again = follow_up.invoke({"explain": instance, "symptom": "high-cpu"})
    assert again.body["symptoms"][0]["would"] == "covered", again.body
    incident = done.report["incident_id"]
    assert again.body["open"]["incident_id"] == incident
    for asked in ({"explain": incident}, {"explain": incident, "instance_id": instance}):
        recorded = follow_up.invoke(asked)
        assert writes(recorded) == []
        assert recorded.body["timeline"][0]["because"] == ["lowest-rung"], recorded.body


def test_a_pause_says_until_when(region, stack):
    instance, follow_up = fleet.standalone(region), stack.start(FOLLOW_UP)
    pause = {"pause": f"instance:{instance}", "minutes": 5, "owner": "Anna", "reason": "r"}
    (set_,) = follow_up.invoke(pause).body["pauses"]
    explained = follow_up.invoke({"explain": instance, "symptom": "unreachable"})
    said = rung(explained, "reboot")["not-paused"]
    assert (said["answer"], said["code"], said["until"]) == ("no", "paused", set_["until"])
    assert explained.body["symptoms"][0]["would"] == "wait"


def test_all_symptoms_of_an_instance_that_is_not_there(region, stack):
    explained = stack.start(FOLLOW_UP).invoke({"explain": "i-0123456789abcdef0"})
    symptoms = explained.body["symptoms"]
    assert len(symptoms) == 5 and writes(explained) == []
    assert {symptom["would"] for symptom in symptoms} == {"refuse"}, symptoms
    assert {symptom["because"][0]["code"] for symptom in symptoms} == {"instance-missing"}


def test_an_incident_that_has_ended_is_found_by_its_id_alone(region, stack):
    instance, follow_up = fleet.alone(region, ssm_output="disk-ok"), stack.start(FOLLOW_UP)
    opened = stack.start("disk-full").invoke(alarms.alarm("disk-full.state-change", instance))
    incident = opened.report["incident_id"]
    for _ in range(12):
        later.passes(stack, 2)
        later.measured(stack, instance, 5.0)
        follow_up.invoke({})
        if stack.stage(instance) == "resolved":
            break
    # Another one stands in its place, so that it is not the instance's newest.
    stack.start("high-cpu").invoke(alarms.alarm("high-cpu.state-change", instance))
    recorded = follow_up.invoke({"explain": incident})
    assert writes(recorded) == []
    told = recorded.body
    assert (told["instance_id"], told["stage"]) == (instance, "resolved"), told
    row = stack.row(f"ended#{incident}", "instance")
    assert row["instance_id"] == instance
    kept = stack.row(f"instance#{instance}", f"ended#{incident}")
    assert row["ttl"] == kept["ttl"], "they are forgotten together"


def test_an_incident_that_is_nowhere(region, stack):
    answer = stack.start(FOLLOW_UP).invoke({"explain": "high-cpu-1"})
    assert "instance_id" in answer.body["text"]
