"""What a release says that it is made of, against Cargo.lock."""

import re
import tomllib

import bill_of_materials
import plain
import pytest

SUM = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def components():
    made = bill_of_materials.bill("x86_64-unknown-linux-gnu")
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.5")
    return {c["bom-ref"]: c for c in made["components"]}


@pytest.fixture(scope="module")
def locked():
    lock = tomllib.loads((plain.ROOT / "Cargo.lock").read_text())
    return {f"pkg:cargo/{p['name']}@{p['version']}": p for p in lock["package"]}


def test_every_crate_is_the_one_that_is_locked(components, locked):
    assert set(components) <= set(locked)
    for name, component in components.items():
        checksum = locked[name].get("checksum")
        said = [h["content"] for h in component.get("hashes", ())]
        assert said == ([checksum] if checksum else []), name
        assert not checksum or SUM.fullmatch(checksum)
        assert component["licenses"][0]["expression"], name


def test_what_is_linked_is_there_and_what_only_tests_need_is_not(components):
    names = {c["name"] for c in components.values()}
    assert {"aws-sdk-ec2", "lambda_runtime", "ring", "remedy-aws", "follow-up", "clap"} <= names
    assert not {"proptest", "insta", "rcgen", "tests", "benches"} & names
    assert len(names) > 150
