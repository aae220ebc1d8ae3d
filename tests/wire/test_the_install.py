"""What tests/emulators/install makes is made again where it was interrupted.

The real thing takes minutes and a way to the package index; here `python` is a stand-in
that writes down what it was asked for, and dies where it is told to.
"""

import os
import subprocess
import sys

import pytest

from region import EMULATORS

PYTHON = """#!/bin/sh
case "$1" in
-c) exec {python} "$@" ;;  # the version and the stamp
esac
echo "$*" >> {log}
case "$*" in
*{dies}*) exit 1 ;;
esac
case "$*" in
"-m venv "*) for at; do :; done; mkdir -p "$at/bin" && cp "$0" "$at/bin/python" ;;
*"--target "*) while [ "$1" != --target ]; do shift; done; mkdir -p "$2" && touch "$2/half" ;;
esac
"""

# What of an installation can be interrupted: a call's own words.
STEPS = {
    ".venv, begun": "/.venv",
    ".venv, filled": "emulators/requirements.txt",
    ".venv, checked": "pip check",
    ".venv-checkov, filled": "emulators/checkov.txt",
    ".references": "emulators/references.txt",
}


def install(folder, dies="nothing"):
    """Runs it; gives its exit code and what was asked of python."""
    stand_in, log = folder / "python", folder / "log"
    stand_in.write_text(PYTHON.format(python=sys.executable, log=log, dies=dies))
    stand_in.chmod(0o755)
    for made in folder.glob("venvs/.venv*/bin/python"):
        made.write_bytes(stand_in.read_bytes())
    log.write_text("")
    environment = os.environ | {"VENVS": str(folder / "venvs"), "PYTHON": str(stand_in)}
    done = subprocess.run([EMULATORS / "install"], env=environment, capture_output=True)
    return done.returncode, log.read_text().splitlines()


def stamps(folder):
    return {path.parent.name for path in folder.glob("venvs/*/made-from")}


@pytest.mark.parametrize("dies", STEPS.values(), ids=STEPS)
def test_what_was_interrupted_is_made_again(tmp_path, dies):
    code, _ = install(tmp_path, dies)
    assert code != 0
    before = stamps(tmp_path)
    assert len(before) < 3, "a stamp says that it is all there"
    code, asked = install(tmp_path)
    assert code == 0 and any(dies in call for call in asked), asked
    assert stamps(tmp_path) == {".venv", ".venv-checkov", ".references"}
    assert install(tmp_path) == (0, []), "and what is right is left alone"


def test_an_old_stamp_does_not_outlive_the_beginning_of_a_new_installation(tmp_path):
    """Else the old requirements, when they come back, find half of what they asked for."""
    assert install(tmp_path)[0] == 0
    for stamp in tmp_path.glob("venvs/*/made-from"):
        stamp.write_text("what an earlier commit asked for\n")
    assert install(tmp_path, "/.venv")[0] != 0
    assert ".venv" not in stamps(tmp_path)
