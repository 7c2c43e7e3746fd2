"""Claims: which attempt may write. A newer claim shuts out the older attempt for good."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from brevetti_hydra._files import touch, write_whole
from brevetti_hydra.errors import StaleAttemptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.run.folders import RunFolder

__all__ = ["Claim", "Heartbeat", "is_claimed"]


# Longer than between any two heartbeats that somebody would ask for.
_LONGEST_SILENCE_S = 3600.0


class Claim:
    """The right of one attempt to write into a run's folder.

    Each claim is a file of its own that replaces the one before it; the attempt knows its file by
    inode, which it keeps open so that the number is not given to another.
    """

    def __init__(self, folder: RunFolder, attempt: int) -> None:
        """Take the claim from whoever had it; the caller holds the run's lock.

        Raises:
            StorageWriteError: It cannot be written.
        """
        self._folder = folder
        self._path = str(folder.claim)
        self._attempt = attempt
        content = json.dumps({"attempt": attempt, "pid": os.getpid()}).encode() + b"\n"
        # Another start of the machine ends the attempt anyway: no need to wait for the disk.
        write_whole(folder.claim, content, point="attempt.claimed", durable=False)
        self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        found = os.fstat(self._descriptor)
        self._file = (found.st_ino, found.st_dev)

    def check(self) -> None:
        """Make sure that no newer attempt has begun; asked before each write.

        Raises:
            StaleAttemptError: Another has the claim, or the run was removed.
        """
        try:
            found = os.stat(self._path)  # noqa: PTH116 - on the path of every progress event
        except FileNotFoundError:
            found = None
        if found is None or (found.st_ino, found.st_dev) != self._file:
            raise self._stale()

    def _stale(self) -> StaleAttemptError:
        return StaleAttemptError(
            f"attempt {self._attempt} may not write any more",
            notes=["it was given up as lost, and the run was sealed, resumed or removed"],
        )

    def beat(self) -> None:
        """Say that the attempt is alive; a stale one beats on its own, removed file."""
        touch(self._descriptor, self._folder.claim, point="attempt.beaten")

    def close(self) -> None:
        """Close the file; the claim stays."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def is_claimed(folder: RunFolder, now: float) -> bool:
    """Tell, without the record, whether a process of this machine may be at work on a run."""
    try:
        if now - folder.claim.stat().st_mtime > _LONGEST_SILENCE_S:
            return False  # another process has its number by now
        pid = json.loads(folder.claim.read_bytes())["pid"]
        # Signal 0 reaches nobody; it tells whether there is anybody.
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return True


class Heartbeat:
    """Beats in a thread of its own, four times in each lease."""

    def __init__(self, claim: Claim, lease_s: float) -> None:
        """Begin to beat."""
        import threading

        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=_beat, args=(claim.beat, self._stopped.wait, lease_s / 4), daemon=True
        )
        self._thread.name = "brevetti-hydra heartbeat"
        self._thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._stopped.set()
        self._thread.join()


def _beat(beat: Callable[[], None], wait: Callable[[float], bool], interval_s: float) -> None:
    while not wait(interval_s):
        try:
            beat()
        except OSError:
            # A file system that is away for a while: the next beat may reach it.
            continue
