"""`brevetti-hydra tag`, `note` and `rm`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.run.history import read_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_tags(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`+a` and `a` add, `-b` removes, and the rest stays."""
    folder = make_run(tags=("old", "b"))

    answer = call("tag", "last", "+new", "-b", "plain", "-absent", "--traceback")

    assert (0, "run 01ab000001: old new plain\n", "") == answer
    assert ("old", "new", "plain") == read_record(folder).tags


@pytest.mark.parametrize("change", ["+", "-", "++a", " "])
def test_no_tag(call: Callable[..., Any], make_run: Callable[..., Any], change: str) -> None:
    """A sign without a name is refused."""
    make_run()

    assert 2 == call("tag", "last", change).code


def test_note(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A note is any text; an empty one removes it."""
    folder = make_run()

    assert "run 01ab000001: two words\n" == call("note", "last", "two", "words").out
    assert "two words" == read_record(folder).note
    assert "-x" == call("note", "last", "--json", "--", "-x").document["result"]["run"]["note"]
    assert "run 01ab000001: no note\n" == call("note", "last", "").out
    assert None is read_record(folder).note


def test_remove_needs_consent(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """Without a terminal nothing is removed unless `--yes` says so."""
    folder = make_run()

    refused = call("rm", "last")

    assert (2, "error[usage]: removing 1 run needs to be confirmed") == (
        refused.code,
        refused.err.splitlines()[0],
    )
    assert folder.root.exists()
    assert (0, f"removed 01ab000001  runs/{folder.name}\n", "") == call("rm", "last", "--yes")
    assert not folder.root.exists()


def test_remove_all_or_nothing(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A mistyped id removes nothing; a run named twice is one run."""
    first, second = make_run(), make_run()

    assert 2 == call("rm", "01ab", "ffff", "-y").code
    assert first.root.exists()
    removed = call("rm", "01ab", str(first.root), "02ab", "-y", "--json").document["result"]
    assert 2 == len(removed["removed"])
    assert not second.root.exists()


@pytest.mark.parametrize(("answer", "is_left"), [(b"y\n", False), (b"\n", True), (b"no\n", True)])
def test_remove_asks_on_a_terminal(
    make_run: Callable[..., Any], tmp_path: Path, answer: bytes, is_left: bool
) -> None:
    """A terminal is asked, and only yes removes."""
    folder = make_run()
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "brevetti_hydra", "rm", "last"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    os.close(terminal)
    os.write(controller, answer)
    out, err = process.communicate(timeout=60)
    os.close(controller)

    assert b"Remove 1 run with all files? [y/N]" in err
    assert (is_left, is_left) == (folder.root.exists(), out == b"nothing was removed\n")
