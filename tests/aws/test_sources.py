"""Whatever the emulators' extensions say of AWS names who says so.

An emulator that we extend agrees with our own mistakes: a reboot once could never have
worked, and every test was green. So each function that stands for AWS has a source in
its words, or a question that an account has to answer (docs/aws-questions.md).
"""

import ast
import re
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/account"))
import check

EMULATORS = ROOT / "tests/emulators"
GUIDE = (ROOT / "docs/aws-questions.md").read_text()

# What a source looks like, in brackets at the end of a sentence or in the list above it.
SOURCE = re.compile(
    r"\(([^()]|\([^()]*\))*\b("
    r"API\s+reference|(user|developer)\s+guide|Service\s+Authorization\s+Reference"
    r"|botocore's|Smithy|recorded\b|question\s+[a-z-]+"
    r")",
    re.DOTALL,
)
QUESTION = re.compile(r"question\s+([a-z]+(?:-[a-z]+)+)")


def rules(file):
    """The functions that stand for AWS: those that replace one of an emulator's, and those
    that refuse as AWS would. By name, with what they say of themselves."""
    tree = ast.parse((EMULATORS / file).read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    functions |= {n.name: n for n in tree.body if isinstance(n, ast.AsyncFunctionDef)}
    replacing = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            replacing |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    refusing = {
        name
        for name, node in functions.items()
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("fail", "ValidationError")
    }
    named = (replacing | refusing) & set(functions)
    return {name: ast.get_docstring(functions[name]) or "" for name in sorted(named)}


RULES = {
    (file, name): text
    for file in ("moto_extended.py", "ministack_extended.py")
    for name, text in rules(file).items()
}


@pytest.mark.parametrize(("file", "name"), RULES)
def test_a_rule_of_an_emulator_names_its_source(file, name):
    assert SOURCE.search(RULES[file, name]), f"{file}: who says so of {name}?"


def test_the_rules_are_found():
    assert len(RULES) > 25


# --- The simulated region --------------------------------------------------------

WORLD = ROOT / "tests/world"
FILES = "command disk group happen host metrics region replica watch".split()

# What of the region stands for AWS: its times, and what changes it. Its own choices say so.
RULE = re.compile(
    r"(?P<doc>(?:^ *///.*\n)*)(?:^ *#\[.*\n)*"
    r"^ *(?:pub(?:\(crate\))? )?(?:"
    r"const (?P<const>[A-Z_]+): (?!&str)|fn (?P<fn>\w+)\(\s*&(?P<mut>mut )?self)",
    re.MULTILINE,
)
OURS = re.compile(r"\(ours\b|\bis ours\b|amazon-ssm-agent|Elastic Load Balancing\s+user\s+guide")
# `next_step` only says what a group does; the others are how a play is set up.
SAYING, PLAY = {"next_step"}, {"pass", "note", "arrange"}


def rules_of_the_region():
    found = {}
    for file in FILES:
        code = (WORLD / f"{file}.rs").read_text().split("#[cfg(test)]")[0]
        for rule in RULE.finditer(code):
            name = rule["const"] or rule["fn"]
            stands = rule["const"] or rule["mut"] or name in SAYING
            if stands and name not in PLAY:
                found[file, name] = re.sub(r"\n *///", "", "\n" + rule["doc"])
    return found


OF_THE_REGION = rules_of_the_region()


@pytest.mark.parametrize(("file", "name"), OF_THE_REGION)
def test_a_rule_of_the_simulated_region_names_its_source(file, name):
    said = OF_THE_REGION[file, name]
    assert SOURCE.search(said) or OURS.search(said), f"{file}.rs: who says so of {name}? {said}"
    assert set(QUESTION.findall(said)) <= set(asked()), "a question that nobody asks"


def test_the_rules_of_the_region_are_found():
    assert len(OF_THE_REGION) > 35, sorted(OF_THE_REGION)


def asked():
    """The questions of the guide, with what we assume."""
    return dict(re.findall(r"^\| `([a-z-]+)` \| `([^`]+)` \|", GUIDE, re.MULTILINE))


def test_each_question_of_the_guide_is_asked_in_an_account():
    assert asked() == {name: assumed for name, assumed, _ in check.QUESTIONS}


def test_a_question_that_stands_for_a_source_is_in_the_guide():
    open_ones = GUIDE.split("## Open")[1].split("\n## ")[0]
    named = {q for text in RULES.values() for q in QUESTION.findall(text)}
    assert named and all(f"| `{question}` |" in open_ones for question in named), named
