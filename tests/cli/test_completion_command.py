"""`completion SHELL`: the script that a shell loads."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(call: Callable[..., Any], runs_dir: Path, shell: str) -> None:
    """The script names this interpreter, as text and as a document."""
    answer = call("completion", shell)
    document = call("completion", shell, "--json").document

    assert (0, "") == (answer.code, answer.err)
    assert f"'{sys.executable}' -P -m brevetti_hydra.completion {shell} " in answer.out
    assert (shell, answer.out) == (document["result"]["shell"], document["result"]["script"])


def test_bash_takes_the_script(call: Callable[..., Any], runs_dir: Path) -> None:
    """Bash reads it without a word, also when it is strict and loads it twice."""
    script = call("completion", "bash").out
    strict = f"set -eu\n{script}\n{script}\ncomplete -p brevetti-hydra python3.12"
    result = subprocess.run(
        [shutil.which("bash") or "bash", "--norc", "-c", strict],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (result.returncode, result.stderr)
    assert result.stdout == (
        "complete -F _brevetti_hydra brevetti-hydra\n"
        "complete -o bashdefault -o default -F _brevetti_hydra_python python3.12\n"
    )


def test_another_shell_is_refused(call: Callable[..., Any], runs_dir: Path) -> None:
    """A shell that is not served is named with those that are."""
    answer = call("completion", "tcsh")

    assert 2 == answer.code
    assert "invalid choice: 'tcsh'" in answer.err
    assert "bash" in answer.err
