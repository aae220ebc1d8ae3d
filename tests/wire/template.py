"""What the deployed stack would hold, taken from template.yaml itself.

The table and the SSM documents of the tests are made from the template's own
properties: a key the ledger needs and the template lacks, or a parameter a
function sends and its document does not declare, then fails here and not in
somebody's account.
"""

from functools import cache
from pathlib import Path

import yaml

TEMPLATE = Path(__file__).parent.parent.parent / "template.yaml"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, kept as their long ones."""


def _intrinsic(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


# The document that belongs to no symptom's function alone.
DISK_GROW = "disk-grow"


def parse(text):
    """A template of CloudFormation's, with its short forms as long ones."""
    return yaml.load(text, _Loader)


def read(file):
    """A template of CloudFormation's, as it is written."""
    return parse(file.read_text())


@cache
def as_written():
    return read(TEMPLATE)


@cache
def whole():
    """The template with what it includes in its place, as CloudFormation reads it."""
    # Without our loader: CloudFormation takes no short forms in what is included.
    return _with_includes(as_written(), lambda file: yaml.safe_load(file.read_text()))


def packaged(upload):
    """The template with the S3 addresses that `upload` gives to the files it includes."""

    def at_its_address(file):
        return {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": upload(file)}}}

    return _with_includes(as_written(), at_its_address)


def _with_includes(part, put):
    """A copy of it, with `put(file)` in the place of each include."""
    if isinstance(part, list):
        return [_with_includes(item, put) for item in part]
    if not isinstance(part, dict):
        return part
    if "Fn::Transform" not in part:
        return {key: _with_includes(value, put) for key, value in part.items()}
    (transform,) = part.values()
    assert transform["Name"] == "AWS::Include", transform
    return put(TEMPLATE.parent / transform["Parameters"]["Location"])


def functions():
    """The logical ids of the functions, by the names of their programs."""
    every = {i: r for i, r in resources().items() if r["Type"] == "AWS::Serverless::Function"}
    return {r["Metadata"]["BuildProperties"]["Binary"]: i for i, r in every.items()}


def resources():
    return whole()["Resources"]


def of_type(kind):
    return {name: r["Properties"] for name, r in resources().items() if r["Type"] == kind}


def table():
    """The ledger table's properties, as CreateTable takes them."""
    tables = of_type("AWS::DynamoDB::Table")
    assert len(tables) == 1, f"the template has {len(tables)} tables, and the ledger is one"
    (properties,) = tables.values()
    wanted = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    return {key: properties[key] for key in wanted if key in properties}


def has_document(symptom):
    """Whether a symptom's function sends a document at all."""
    return "REMEDY_DOCUMENT" in _variables(symptom)


def document_id(symptom):
    """The logical id of the SSM document that a symptom's function is given."""
    if symptom == DISK_GROW:
        return _variables("follow-up")["REMEDY_DISK_DOCUMENT"]["Ref"]
    return _variables(symptom)["REMEDY_DOCUMENT"]["Ref"]


def document(symptom):
    """The content of that document."""
    return of_type("AWS::SSM::Document")[document_id(symptom)]["Content"]


def documents(names):
    """The follow-up's list of documents, as the template writes it: each
    `${...Document}` in it is the name the given documents have here."""
    text = _variables("follow-up")["REMEDY_DOCUMENTS"]["Fn::Sub"]
    for symptom, name in names.items():
        text = text.replace("${%s}" % document_id(symptom), name)
    assert "$" not in text, text
    return text


def _variables(name):
    function = of_type("AWS::Serverless::Function")[functions()[name]]
    return function.get("Environment", {}).get("Variables", {})
