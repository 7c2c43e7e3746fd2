"""What goes wrong in the processes of `tests/faults/sweeps.py`: deaths, full disks, lame locks.

`$FAULTS` is JSON: `{"log", "point", "moment", "nth", "victims", "disk", "bullets", "without"}`. A
process that passes a kill point for the nth time, and takes a bullet (a file) doing so, dies by
SIGKILL, alone or with others; or finds a full disk from then on.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
from pathlib import Path
from typing import Any


def bring_in(*, is_driver: bool) -> None:
    """Arm this process as the environment says."""
    faults: dict[str, Any] = json.loads(os.environ["FAULTS"])
    # Whoever hangs is asked where.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    switch_off(faults.get("without"))
    if faults.get("point") and faults.get("in_driver", False) == is_driver:
        from brevetti_hydra import _files

        _files.on_write = Strike(faults)


def switch_off(what: str | None) -> None:
    """Take away what the harness relies on."""
    if what == "lease":
        from brevetti_hydra.run import claims, settling

        for module in (claims, settling):
            setattr(module, "is_gone", lambda *_, **__: True)  # noqa: B010 - not theirs to give
    elif what == "journal":
        from brevetti_hydra.run.journal import JournalWriter

        def append(self: JournalWriter, *_: Any, **__: Any) -> None:
            self.seq += 1

        JournalWriter._append = append  # type: ignore[method-assign]


class Strike:
    """Waits at a kill point."""

    def __init__(self, faults: dict[str, Any]) -> None:
        self.faults = faults
        self.left = faults["nth"]

    def __call__(self, point: str, moment: str) -> None:
        faults = self.faults
        if (point, moment) != (faults["point"], faults["moment"]):
            return
        self.left -= 1
        if self.left or not self.take_bullet():
            return
        if faults.get("disk") is not None:
            log(faults["log"], {"kind": "disk", "pids": [os.getpid()], "point": point})
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (faults["disk"], hard))
            return
        pids = self.victims()
        log(faults["log"], {"kind": faults["kind"], "pids": pids, "point": f"{point}:{moment}"})
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def take_bullet(self) -> bool:
        for bullet in sorted(Path(self.faults["bullets"]).glob("*")):
            try:
                bullet.unlink()
            except FileNotFoundError:
                continue
            return True
        return False

    def victims(self) -> list[int]:
        """Give who dies, this process last."""
        me = os.getpid()
        if self.faults["kind"] == "worker" or self.faults["in_driver"]:
            return [me]
        driver = self.faults["driver"]
        if os.getppid() != driver:
            return [me]  # an orphan, whose driver is dead
        if self.faults["kind"] == "driver":
            return [driver]
        return [driver, *(pid for pid in children_of(driver) if pid != me), me]


def children_of(pid: int) -> list[int]:
    """Give the child processes of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def log(path: str, event: dict[str, Any]) -> None:
    """Append a line, in one write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, json.dumps(event).encode() + b"\n")
    os.close(descriptor)
