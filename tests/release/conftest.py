"""What is shipped beside the source: the plain template and what is made of it."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "release"), str(ROOT / "tests" / "wire")]

import plain  # noqa: E402
import template  # noqa: E402


@pytest.fixture(scope="session")
def made():
    """The plain template, as whoever reads the file gets it."""
    return template.parse(plain.written(plain.plain()))


@pytest.fixture(scope="session")
def source():
    """template.yaml with what it includes, read by a loader that shares no code with SAM."""
    return template.whole()
