"""Faults on purpose: kill a process at a named write, and see what is left.

Every write of the harness passes a kill point, which has two or three moments: `before` it,
`after` it, and `aside` where a new content stands beside the old one, not yet in its place. To end
a process there by SIGKILL, start it through this module with the environment that `kill_at` gives::

    subprocess.run(
        [sys.executable, "-m", "brevetti_hydra.testing.faults", "train.py", "lr=0.1"],
        env=kill_at("state.completed", "before"),
    )

`-m MODULE` in place of the script works as with Python itself. Nothing listens in ordinary use.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from brevetti_hydra import _files
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["KILL_POINTS", "KILL_VARIABLE", "arm", "kill_at", "main", "watch_points"]

KILL_VARIABLE = "BREVETTI_HYDRA_KILL_AT"

_STEP = ("before", "after")
_WHOLE_FILE = ("before", "aside", "after")

# Each kill point with its moments, in the order in which a run passes them.
KILL_POINTS: dict[str, tuple[str, ...]] = {
    "root.made": _STEP,
    "root.ignored": _WHOLE_FILE,
    "folder.made": _STEP,
    "log.opened": _STEP,
    "run.locked": _STEP,
    "request.cleared": _STEP,
    "attempt.claimed": _WHOLE_FILE,
    "journal.opened": _STEP,
    "state.created": _STEP,
    "record.written": _WHOLE_FILE,
    "attempt.beaten": _STEP,
    "config.made": _STEP,
    "config.written": _WHOLE_FILE,
    "patch.written": _WHOLE_FILE,
    "source.copied": _WHOLE_FILE,
    "snapshot.written": _WHOLE_FILE,
    "storage.made": _STEP,
    "info.written": _WHOLE_FILE,
    "state.running": _STEP,
    "output.written": _WHOLE_FILE,
    "log.written": _STEP,
    "temp.made": _STEP,
    "checkpoints.made": _STEP,
    "artifact.folder": _STEP,
    "progress.written": _STEP,
    "metric.written": _STEP,
    "warned.written": _STEP,
    "model.folder": _STEP,
    "model.stored": _WHOLE_FILE,
    "artifact.written": _STEP,
    "state.completed": _STEP,
    "state.failed": _STEP,
    "state.interrupted": _STEP,
    "state.pruned": _STEP,
    "journal.mended": _STEP,
    "state.lost": _STEP,
    "attempt.withdrawn": _STEP,
    "delivery.noted": _WHOLE_FILE,
    "temp.removed": _STEP,
    "record.annotated": _WHOLE_FILE,
    "request.written": _WHOLE_FILE,
    "kill.noted": _WHOLE_FILE,
    "run.removed": _STEP,
}


def kill_at(
    point: str, moment: str, *, nth: int = 1, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give the environment in which a process that `arm`s itself dies at a kill point.

    Args:
        point: The kill point, of `KILL_POINTS`.
        moment: `before`, `aside` or `after`.
        nth: At which of its passes.
        environment: What to add to; default: this process's own.

    Raises:
        UsageError: There is no such kill point, or it has no such moment.
    """
    if moment not in KILL_POINTS.get(point, ()):
        raise UsageError(f"there is no kill point '{point}' with a moment '{moment}'")
    base = os.environ if environment is None else environment
    return {**base, KILL_VARIABLE: f"{point}:{moment}:{nth}"}


def arm(wanted: str | None = None) -> None:
    """Listen at the kill point that the environment names; without one do nothing.

    Args:
        wanted: `point:moment:nth`; default: what `kill_at` put into the environment.
    """
    text = os.environ.get(KILL_VARIABLE) if wanted is None else wanted
    if not text:
        return
    target, moment, nth = text.split(":")
    left = int(nth)

    def strike(point: str, now: str) -> None:
        nonlocal left
        if (point, now) == (target, moment):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    _files.on_write = strike


@contextmanager
def watch_points() -> Iterator[list[tuple[str, str]]]:
    """Collect the kill points that are passed, with their moments, in any thread."""
    passed: list[tuple[str, str]] = []
    before = _files.on_write
    _files.on_write = lambda point, moment: passed.append((point, moment))
    try:
        yield passed
    finally:
        _files.on_write = before


def main(argv: Sequence[str] | None = None) -> None:
    """Arm the process, then run a script or module as Python does.

    Args:
        argv: `SCRIPT ARGS...` or `-m MODULE ARGS...`; default: the command line.

    Raises:
        UsageError: There is nothing to run.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_module = arguments[:1] == ["-m"]
    del arguments[: int(is_module)]
    if not arguments:
        raise UsageError("there is nothing to run", hint="give a script, or -m and a module")
    sys.argv = arguments
    arm()
    if is_module:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))  # noqa: PTH100, PTH120 - as Python does
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
