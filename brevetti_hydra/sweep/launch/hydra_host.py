"""The process that a Hydra launcher works in: `python -m brevetti_hydra.sweep.launch.hydra_host`.

A process of its own, because a launcher belongs to a program of Hydra's: it sets up logging,
replaces resolvers, and blocks until its last task has ended. What it prints goes into a log.
It is sent a JSON line for each batch, and answers with one when the batch is over. When nobody can
send any more, tasks that run go on to their end, and no more begin.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.launch.hydra_task import Batch, TrialTask
from brevetti_hydra.sweep.opened import open_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]


class _Host:
    """Runs batches, one after the other, until there are no more."""

    def __init__(self, folder: SweepFolder) -> None:
        from brevetti_hydra.config.plugins import find_plugins

        self._folder = folder
        self._record = open_sweep(folder).record
        self._batches: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._seen: list[Batch] = []
        find_plugins()

    def read(self) -> None:
        """Read what is to be run; the end of it stops what has not begun."""
        for line in sys.stdin:
            given = json.loads(line)
            self._seen.append(Batch(Path(given["batch"])))
            self._batches.put(given)
        for batch in self._seen:
            with contextlib.suppress(Exception):  # a disk that is full, or a sweep that was removed
                batch.stop()
        self._batches.put(None)

    def serve(self, answer: Callable[[dict[str, Any]], None]) -> None:
        """Run each batch and say that it is over."""
        while (given := self._batches.get()) is not None:
            reason = None
            try:
                self._launch(given)
            except Exception as error:  # noqa: BLE001 - a launcher may raise anything
                traceback.print_exc()
                first = str(error).strip().partition("\n")[0]
                reason = f"{type(error).__name__}: {first}"
            answer({"batch": given["batch"], "reason": reason})

    def _launch(self, given: dict[str, Any]) -> None:
        from brevetti_hydra.config._hydra_plugins import HydraLaunch

        chosen = self._record.hydra_launcher or {}
        launch = HydraLaunch(
            chosen["name"],
            chosen["options"],
            TrialTask(os.fspath(self._folder.root), given["batch"]),
            folder=given["batch"],
            job_name=self._folder.name,
        )
        tasks = [[f"trial={number}", f"attempt={attempt}"] for number, attempt in given["tasks"]]
        launch.run(tasks, given["tasks"][0][0])


def main() -> None:
    """Serve the driver on stdin and stdout."""
    # What the launcher and its workers print goes where stderr goes.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(document: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # the driver has gone
            print(json.dumps(document), file=answers, flush=True)

    host = _Host(SweepFolder(sys.argv[1]))
    threading.Thread(target=host.read, daemon=True).start()
    host.serve(answer)


if __name__ == "__main__":
    main()
