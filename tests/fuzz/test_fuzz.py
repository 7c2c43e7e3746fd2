"""The command that makes mutated configurations: some cases pass, and it sees what must not be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are read from Linux' /proc"
)


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    return subprocess.run(
        [sys.executable, str(HERE), *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_some_mutated_configurations_end_well(tmp_path: Path) -> None:
    """Thirty cases with a fixed seed end in results and in errors of ours."""
    done = fuzz("--cases", "30", "--seed", "3", "--keep", str(tmp_path))

    assert "0 failures" in done.stdout
    assert 0 == done.returncode, done.stdout


def test_what_must_not_be_is_seen(tmp_path: Path) -> None:
    """A saved case whose job writes a file when it is imported fails, and says so."""
    sys.path.insert(0, str(HERE))
    try:
        from cases import Case
    finally:
        sys.path.remove(str(HERE))
    case = Case("override", {"pyproject.toml": b"", "src/evil.py": EVIL.encode()}, ["job=evil:E"])
    case.write(tmp_path / "case")
    done = fuzz("--replay", str(tmp_path / "case"))

    assert 1 == done.returncode
    seen = {
        line.rpartition(": ")[2] for line in done.stdout.splitlines() if line.startswith("open: ")
    }
    assert {"written", "network", "environment changed", "process"} <= seen
    assert "memory" in seen


EVIL = """
import os, socket, subprocess
open("left.txt", "w").close()
os.environ["LEFT"] = "x"
subprocess.run(["true"])
try:
    socket.create_connection(("127.0.0.1", 9), 1)
except OSError:
    pass
ballast = b"x" * (300 << 20)
"""
