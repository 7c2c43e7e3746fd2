"""What users' code infers, by running mypy on files that are never run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_users_code_infers_the_right_types() -> None:
    """A strict mypy finds each inferred type as asserted, and each mistake."""
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "tests/typing/check_inference.py"],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (0, "") == (result.returncode, result.stderr), result.stdout
