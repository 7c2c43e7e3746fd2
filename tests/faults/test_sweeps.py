"""The command that kills sweeps finds nothing lost; `.ci/run` plays many more, and lame ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SWEEPS = Path(__file__).with_name("sweeps.py")


def play(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SWEEPS), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nothing_is_lost() -> None:
    """A sweep whose processes die is completed by the next drive."""
    result = play("--sweeps", "1", "--seed", "1")

    assert (0, "0 losses") == (result.returncode, result.stdout.splitlines()[-1]), result.stdout


def test_without_a_journal_there_are_losses() -> None:
    """The command notices what is lost: progress of a process that died stands nowhere else."""
    result = play("--sweeps", "1", "--seed", "1", "--without", "journal", "--kind", "worker")

    assert (1, True) == (result.returncode, "lost epoch 3" in result.stdout), result.stdout
