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


@cache
def whole():
    return yaml.load(TEMPLATE.read_text(), _Loader)


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


def document(symptom):
    """The content of the SSM document that a symptom's function is given."""
    logical_id = _document_of(symptom)
    return of_type("AWS::SSM::Document")[logical_id]["Content"]


def documents(names):
    """The follow-up's list of documents, as the template writes it: each
    `${...Document}` in it is the name the given documents have here."""
    functions = of_type("AWS::Serverless::Function")
    text = functions["FollowUpFunction"]["Environment"]["Variables"]["REMEDY_DOCUMENTS"]["Fn::Sub"]
    for symptom, name in names.items():
        text = text.replace("${%s}" % _document_of(symptom), name)
    assert "$" not in text, text
    return text


def _document_of(symptom):
    functions = of_type("AWS::Serverless::Function")
    wanted = symptom.replace("-", "")
    for name, properties in functions.items():
        if name.lower().startswith(wanted):
            value = properties["Environment"]["Variables"]["REMEDY_DOCUMENT"]
            return value["Ref"] if isinstance(value, dict) else value
    raise AssertionError(f"no function in the template is about {symptom}: {sorted(functions)}")
