"""The errors that the functions tell from others, against AWS's models and recordings.

A code that nobody has seen AWS send is a branch that never runs, however often a test of
our own goes through it.
"""

import gzip
import json
import re
from functools import cache
from pathlib import Path

import botocore
import pytest

import models
import recorded
import template
from conftest import ROOT

SOURCES = ROOT / "functions/remedy-aws/src"
DATA = Path(botocore.__file__).parent / "data"

# Where a code is compared, or listed to be compared with: the list of failure.rs, and what
# stands beside the code of an error or of a part of a transaction.
COMPARED = [
    re.compile(r"const [A-Z_]+: \[&str; \d+\] = \[([^\]]*)\]"),
    re.compile(r"\bcode(?:\(\))?(?: ==|,) Some\(([A-Z\"][^)]*)\)"),
]
CONSTANT = re.compile(r'const ([A-Z_]+): &str = ("[A-Za-z]+");')
LITERAL = re.compile(r'"([A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)?)"')


def matched():
    """Every code the adapters match on, with the file that does."""
    found = {}
    for file in sorted(SOURCES.rglob("*.rs")):
        code = file.read_text().split("#[cfg(test)]")[0]
        code = " ".join(line.split("//")[0].strip() for line in code.splitlines())
        constants = dict(CONSTANT.findall(code))
        for compared in COMPARED:
            for place in compared.findall(code):
                place = re.sub(r"\b[A-Z_]{3,}\b", lambda n: constants.get(n[0], n[0]), place)
                found |= dict.fromkeys(LITERAL.findall(place), file.name)
    assert len(found) > 8, f"the codes are not found any more: {found}"
    return found


@cache
def published(service):
    """All that botocore has on a service, as one text: its model and its waiters."""
    (newest,) = sorted((DATA / service).iterdir())[-1:]
    files = [newest / "service-2.json.gz", newest / "waiters-2.json"]
    texts = [f.read_bytes() for f in files if f.exists()]
    return b"\n".join(gzip.decompress(t) if t[:2] == b"\x1f\x8b" else t for t in texts).decode()


def errors_of(service, operation):
    """The codes that the model of an operation lists."""
    shapes = models.service(service).operation_model(operation).error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


RECORDINGS = {name: recorded.read(name) for name in recorded.names()}
REFUSALS = {name: found for name, found in RECORDINGS.items() if "error" in found}


def test_each_code_that_is_matched_on_was_seen():
    """In a recording, or in what DynamoDB's model says of a cancelled transaction."""
    seen = {refusal["error"]["Code"] for refusal in REFUSALS.values()}
    model = models.service("dynamodb").shape_for("TransactionCanceledException")
    seen |= set(re.findall(r"Code: <code>(\w+)</code>", model.documentation))
    unseen = {code: file for code, file in matched().items() if code not in seen}
    assert unseen == {}, "nobody saw AWS send these"


EMULATORS = ROOT / "tests/emulators"


def test_the_emulated_region_refuses_with_codes_that_aws_has():
    """Those of its extensions: modelled, recorded, or of every service."""
    of_all = {"ValidationException", "ValidationError", "InvalidParameterValue"}
    code = (EMULATORS / "moto_extended.py").read_text()
    named = set(re.findall(r'\bfail\(\s*"(\w+)"', code))
    seen = {refusal["error"]["Code"] for refusal in REFUSALS.values()}
    for service in ("ssm", "autoscaling"):
        for shape in models.service(service).error_shapes:
            seen.add(shape.metadata.get("error", {}).get("code", shape.name))
    assert len(named) > 5 and named - seen - of_all == set()


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_refusal_says_where_it_was_seen(name):
    """A code that the source says is botocore's is there, with its status; the others have
    somebody who met it: a repository, or AWS's own list of codes."""
    service, operation = name.split(".")[:2]
    refusal = REFUSALS[name]
    code, source = refusal["error"]["Code"], refusal["source"]
    assert name == f"{service}.{operation}.{code}"
    if source.startswith("botocore"):
        modelled = errors_of(service, operation)
        assert code in modelled or f'"{code}"' in published(service), modelled
    else:
        assert re.match(r"[\w.-]+/[\w.-]+\b|[A-Z]\w+( \w+)* API reference", source), source


@pytest.mark.parametrize("name", recorded.names())
def test_a_recording_has_a_source_and_fits_the_model(name):
    found = recorded.read(name)
    assert len(found["source"]) > 20
    known = dict.fromkeys("instance group output comment alarm table volume".split(), "i-00000000")
    status, _, body = recorded.answer(name, **known)
    assert status == found["status"] and (body or status == 200)


def test_the_verbs_of_looking_all_have_a_recording():
    """Each call that a function makes to look at the world, by the names in the source. What a
    person has read of the past decides nothing about a host: rehearsal/recorded has what there is.
    """
    functions = [file for file in SOURCES.rglob("*.rs") if "person" not in file.parts]
    code = "".join(file.read_text() for file in functions)
    looking = r'"((?:ec2|ssm|autoscaling|cloudwatch):(?:Describe|Get|List)\w+)"'
    named = set(re.findall(looking, code))
    assert len(named) >= 12, named
    seen = {":".join(name.split(".")[:2]) for name in recorded.names()}
    assert named - seen == set()


def test_the_domains_of_the_partitions_are_botocores():
    code = (SOURCES / "bucket.rs").read_text()
    ours = dict(re.findall(r'\("([a-z-]+-)", "([a-z0-9.-]+)"\)', code))
    partitions = json.loads((DATA / "partitions.json").read_text())["partitions"]
    for partition in partitions:
        domain = partition["outputs"]["dnsSuffix"]
        for region in partition["regions"]:
            if re.fullmatch(r"[a-z-]+-\d", region):
                found = [ours[start] for start in ours if region.startswith(start)]
                assert found == ([] if domain == "amazonaws.com" else [domain]), region


@pytest.mark.parametrize("symptom", ["high-cpu", "memory-pressure", "disk-full"])
def test_a_document_takes_the_bucket_of_every_partition(symptom):
    pattern = template.document(symptom)["parameters"]["EvidenceUrl"]["allowedPattern"]
    partitions = json.loads((DATA / "partitions.json").read_text())["partitions"]
    domains = {partition["outputs"]["dnsSuffix"] for partition in partitions}
    assert len(domains) > 5
    for domain in domains:
        url = f"https://bucket.s3.region-1.{domain}/evidence/i-0/a/1-cleanup.txt?X-Amz-Expires=300"
        assert re.search(pattern, url), url
    for elsewhere in ("example.org", "amazonaws.com.example.org", "amazonaws.de", "gov"):
        assert not re.search(pattern, f"https://bucket.s3.region-1.{elsewhere}/evidence/a")
