"""The two set-up lines of the README, each in a fresh clone, in either order."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LINES = re.findall(r"^python3 -m venv \.venv && .*$", README, re.MULTILINE)
RUN_LINE = 'python3 -m venv .venv && .venv/bin/pip install -e ".[examples]" && .venv/bin/python -m '
RUN_LINE += "brevetti_hydra job=classifier lr=0.01"
TEST_LINE = (
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/python -m pytest'
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Clone what is committed into an empty folder."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", REPOSITORY, folder], check=True)
    return folder


def shell(line: str, folder: Path) -> str:
    """Run a line as a person would, without this process's own virtual environment."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "VIRTUAL"))
    }
    result = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        pytest.fail(f"{line} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return result.stdout


def test_the_readme_has_exactly_the_two_lines() -> None:
    """The README sets everything up by two command lines, each by itself."""
    assert [RUN_LINE, TEST_LINE] == [re.sub(r" +", " ", line) for line in LINES]


def test_the_first_run_in_a_fresh_clone(clone: Path) -> None:
    """The first line trains the classifier to a held-out accuracy above 0.95."""
    shell(RUN_LINE, clone)

    [path] = clone.glob("runs/*/record.json")
    record = json.loads(path.read_bytes())
    assert "completed" == record["state"]
    assert record["metrics"]["accuracy"] > 0.95


def test_the_lines_work_in_either_order(clone: Path) -> None:
    """After the line for tests (here with a small part of them), the first line works as well."""
    part = " tests/architecture/test_errors.py -q"

    assert " passed" in shell(TEST_LINE + part, clone)
    assert "" != shell(RUN_LINE + " epochs=1", clone)
