#!/usr/bin/env python3
"""Makes a plain template of template.yaml: one that CloudFormation takes as it is.

    plain.py [--code-prefix PREFIX] > remedy.yaml

SAM's own translator does the transform, as CloudFormation would; the SSM documents are inside;
the code is named by bucket and key. So no macro is left, and whoever deploys it needs neither
`sam`, nor a build, nor CAPABILITY_AUTO_EXPAND, which StackSets with service-managed permissions
do not take (CloudFormation API reference, CreateStackSet, "Capabilities").
"""

import argparse
import copy
import logging
import sys
import tomllib
from pathlib import Path

import yaml
from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "template.yaml"
# The translator asks for a region to know the partition, and nothing else of it.
REGION = "us-east-1"
MANAGED = "arn:aws:iam::aws:policy/"

# The translator leaves the policy that traces need to those who ask for traces, so it looks at
# the parameter's value. No other parameter is looked at: tests/release/test_plain.py.
TRACES = {"HasTracing": {"Fn::Equals": [{"Ref": "Tracing"}, "Active"]}}

# The keys are no parameter: they are the template's own, and a stack keeps its parameters' values
# when it becomes one of another release.
CODE = {
    "CodeBucket": {
        "Description": (
            "What the names of the buckets with the functions' code begin with: a hyphen and the "
            "stack's region follow, because Lambda takes code from its own region only."
        ),
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,40}$",
    },
}


def version():
    """The version that all crates have."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    return manifest["workspace"]["package"]["version"]


def source(prefix):
    """template.yaml with its documents inside, and its code by bucket and key."""
    template = _included(yaml_parse(SOURCE.read_text()))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            name = resource.pop("Metadata")["BuildProperties"]["Binary"]
            resource["Properties"]["CodeUri"] = {
                "Bucket": {"Fn::Sub": "${CodeBucket}-${AWS::Region}"},
                "Key": {"Fn::Sub": f"{prefix}${{Architecture}}/{name}.zip"},
            }
        # What a linter of the source is told says nothing to CloudFormation.
        resource.pop("Metadata", None)
    return template


def plain(code_prefix=None):
    """The plain template, as data."""
    template = source(code_prefix or f"remedy/{version()}/")
    with_traces, without = (transformed(template, Tracing=v) for v in ("Active", "Disabled"))
    made = _either("HasTracing", with_traces, without)
    made["Conditions"] |= TRACES
    made["Parameters"] |= copy.deepcopy(CODE)
    return _in_any_partition(made)


def transformed(template, **parameters):
    """The template as SAM's translator leaves it where the parameters have these values."""
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    return translator.translate(copy.deepcopy(template), parameters)


def _included(part):
    """A copy of it, with each included file in its place."""
    if isinstance(part, list):
        return [_included(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "Fn::Transform" not in part:
        return {key: _included(value) for key, value in part.items()}
    include = part["Fn::Transform"]
    assert include["Name"] == "AWS::Include" and len(part) == 1, part
    # CloudFormation takes no short forms in what is included, and neither does this.
    return yaml.safe_load((ROOT / include["Parameters"]["Location"]).read_text())


def _either(condition, when, otherwise):
    """What is `when` where the condition holds, and `otherwise` where it does not."""
    if when == otherwise:
        return when
    if isinstance(when, dict) and isinstance(otherwise, dict):
        keys = [*when, *(key for key in otherwise if key not in when)]
        return {k: _either(condition, when.get(k), otherwise.get(k)) for k in keys}
    if isinstance(when, list) and isinstance(otherwise, list):
        assert all(item in when for item in otherwise), "the condition only adds to a list"
        return [item if item in otherwise else _only(condition, item) for item in when]
    assert otherwise is None, f"the condition only adds: {otherwise}"
    return _only(condition, when)


def _only(condition, value):
    """The value where the condition holds, and nothing where it does not."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def _in_any_partition(part):
    """A copy of it in which AWS's own policies are those of the stack's partition."""
    if isinstance(part, list):
        return [_in_any_partition(item) for item in part]
    if isinstance(part, dict):
        return {key: _in_any_partition(value) for key, value in part.items()}
    if isinstance(part, str) and part.startswith(MANAGED):
        return {"Fn::Sub": part.replace("arn:aws:", "arn:${AWS::Partition}:", 1)}
    return part


class _Dumper(yaml.SafeDumper):
    """YAML in which a text of several lines, such as a host script, can be read."""

    def ignore_aliases(self, data):
        return True


def _text(dumper, text):
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

HEAD = """\
# Made from template.yaml of Remedy {version} by release/plain.py. It is what CloudFormation makes of that
# template, which has a comment for each permission; change that one.
"""


def written(template):
    """The template as text."""
    body = yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return HEAD.format(version=version()) + body


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--code-prefix", help="what the keys of the code begin with")
    sys.stdout.write(written(plain(arguments.parse_args().code_prefix)))


if __name__ == "__main__":
    main()
