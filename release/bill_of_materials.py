#!/usr/bin/env python3
"""Prints what the programs of a release are made of, as CycloneDX 1.5.

    bill_of_materials.py [--target TARGET]

What is linked in is Cargo's word (`cargo tree` of the functions and the command line, without what
only tests and builds need), sums are those of Cargo.lock. It has no time and no number of its own,
so that it is the same for the same Cargo.lock.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib

import package
import plain

EXACT = re.compile(r"(?P<name>\S+) v(?P<version>\S+?)(?: \((?P<more>[^)]*)\))*\|(?P<licence>.*)")


def linked(target):
    """Name, version and licence of each crate that is linked into the programs."""
    packages = [f"--package={name}" for name in (*package.functions(), "remedy-cli")]
    said = subprocess.run(
        ["cargo", "tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}|{l}"]
        + [f"--target={target}", *packages],
        cwd=plain.ROOT,
        capture_output=True,
        text=True,
    )
    if said.returncode:
        sys.exit(said.stderr)
    crates = set()
    for line in filter(None, said.stdout.splitlines()):
        crate = EXACT.fullmatch(line.removesuffix(" (*)"))
        assert crate, line
        crates.add((crate["name"], crate["version"], crate["licence"].removesuffix(" (*)")))
    return sorted(crates)


def sums():
    """The sum of each crate from crates.io; ours have none."""
    lock = tomllib.loads((plain.ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def component(name, version, licence, checksum):
    of = f"pkg:cargo/{name}@{version}"
    made = {"type": "library", "bom-ref": of, "name": name, "version": version, "purl": of}
    if licence:
        # Cargo allows the old form `MIT/Apache-2.0`; SPDX does not.
        made["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return made


def bill(target):
    known = sums()
    components = [component(*crate, known[crate[:2]]) for crate in linked(target)]
    program = {"type": "application", "bom-ref": "remedy", "name": "remedy"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program | {"version": plain.version()}},
        "components": components,
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--target", default="x86_64-unknown-linux-gnu")
    json.dump(bill(arguments.parse_args().target), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
