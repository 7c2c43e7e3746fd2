"""The shipped configuration: every file says what it is, and every option composes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CONF = Path(__file__).resolve().parents[2] / "conf"
FILES = sorted(path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_every_file_begins_with_what_it_is(name: str) -> None:
    """The first comment line, after header and schema, is a sentence that help can show."""
    lines = (CONF / name).read_text(encoding="utf-8").splitlines()
    directives = ("# @package", "# yaml-language-server")
    first = next(line for line in lines if not line.startswith(directives))

    assert re.fullmatch(r"# [A-Z`].{10,98}", first)
    assert sum(line.lstrip().startswith("#") for line in lines) >= 2


@pytest.mark.parametrize("job", ["classifier", "hello"])
def test_every_job_composes(job: str, tmp_path: Path) -> None:
    """Each shipped job shows its whole tree, outside of the checkout."""
    result = subprocess.run(
        [sys.executable, "-m", "brevetti_hydra", f"job={job}", "--cfg", "job"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (0, True) == (result.returncode, "epochs: " in result.stdout), result.stderr


@pytest.mark.parametrize("experiment", ["tiny", "strong_augment"])
def test_an_experiment_stands_above_its_job(experiment: str, tmp_path: Path) -> None:
    """An experiment changes what the job says, and the command line changes both."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "brevetti_hydra", "job=classifier"),
            *(f"experiment={experiment}", "batch_size=7", "--cfg", "job"),
        ],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    epochs = {"tiny": 3, "strong_augment": 100}[experiment]
    assert [True, True] == [
        line in result.stdout.splitlines() for line in (f"epochs: {epochs}", "batch_size: 7")
    ], result.stderr
