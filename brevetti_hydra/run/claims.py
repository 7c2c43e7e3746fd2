"""Claims: which attempt may write. A newer claim shuts out the older attempt for good."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import cut_off, touch, write_whole
from brevetti_hydra.errors import StaleAttemptError, StorageWriteError
from brevetti_hydra.run.liveness import ProcessMark, is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.run.folders import RunFolder

__all__ = ["Claim", "Heartbeats", "is_claimed", "is_withdrawn", "pending_attempt"]


# Between two looks at what is asked of a trial.
_LOOK_S = 1.0
# Longer than between any two heartbeats that somebody would ask for.
_LONGEST_SILENCE_S = 3600.0


class Claim:
    """The right of one attempt to write into a run's folder.

    Each claim is a file of its own that replaces the one before it; the attempt knows its file by
    inode, which it keeps open so that the number is not given to another.
    """

    def __init__(
        self,
        folder: RunFolder,
        attempt: int,
        *,
        process: ProcessMark | None = None,
        lease_s: float = 60.0,
    ) -> None:
        """Take the claim from whoever had it; the caller holds the run's lock.

        Args:
            folder: The run's folder.
            attempt: The attempt's number.
            process: Whose it is, where it is to begin; None where it is given up.
            lease_s: Seconds of silence after which that process counts as gone elsewhere.

        Raises:
            StorageWriteError: It cannot be written.
        """
        self._folder = folder
        self._path = str(folder.claim)
        self._attempt = attempt
        fields: dict[str, Any] = {"attempt": attempt, "pid": os.getpid()}
        if process is not None:
            fields |= {"process": process._asdict(), "lease_s": lease_s}
        content = json.dumps(fields).encode() + b"\n"
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

    def withdraw(self) -> None:
        """Give the claim back, of an attempt that did not begin or could not write how it ended.

        Its process lives on, and would be taken to be at work. What stays is an empty file: a full
        disk does not hinder that. The caller holds the run's lock.
        """
        with suppress(OSError, StaleAttemptError, StorageWriteError):
            self.check()
            cut_off(self._folder.claim, 0, point="attempt.withdrawn")
        self._file = (-1, -1)

    def close(self) -> None:
        """Close the file; the claim stays."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def is_withdrawn(folder: RunFolder) -> bool:
    """Tell whether the newest attempt has given its claim back: it will write nothing more."""
    try:
        return folder.claim.stat().st_size == 0
    except OSError:
        return False


def is_claimed(folder: RunFolder, now: float) -> bool:
    """Tell, without the record, whether a process may be at work on a run."""
    found = _read(folder)
    if found is None:
        return False
    if "process" in found:
        return _is_alive(folder, found, now)
    return _answers(folder, found, now)


def pending_attempt(folder: RunFolder, now: float) -> int | None:
    """Give the number of the attempt that a living process has claimed, begun or not."""
    found = _read(folder)
    if found is None or "process" not in found or not _is_alive(folder, found, now):
        return None
    number = found.get("attempt")
    return number if isinstance(number, int) else None


def _read(folder: RunFolder) -> dict[str, Any] | None:
    try:
        found = json.loads(folder.claim.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_alive(folder: RunFolder, found: dict[str, Any], now: float) -> bool:
    try:
        mark = ProcessMark(**found["process"])
        beat = folder.claim.stat().st_mtime
        return not is_gone(mark, beat=beat, now=now, lease_s=float(found["lease_s"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _answers(folder: RunFolder, found: dict[str, Any], now: float) -> bool:
    """Judge a claim of a version that wrote nothing but the process's number."""
    try:
        if now - folder.claim.stat().st_mtime > _LONGEST_SILENCE_S:
            return False  # another process has its number by now
        # Signal 0 reaches nobody; it tells whether there is anybody.
        os.kill(found["pid"], 0)
    except PermissionError:
        return True
    except (OSError, KeyError, TypeError, OverflowError):
        return False
    return True


class Heartbeats:
    """Keeps claims alive in one thread: each beats four times in its lease.

    The thread outlives a run, for the next one's sake: `begin` and `end` neither start, wake nor
    wait for it, unless the new claim is in more of a hurry than all before it.

    It can look at something for each, besides: whether the run was asked to stop.
    """

    def __init__(self) -> None:
        """Begin with no claim, and no thread."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._owner = 0
        self._is_closed = False
        self._interval_s: dict[Claim, float] = {}
        self._due: dict[Claim, float] = {}
        self._looks: dict[Claim, Callable[[], object]] = {}
        self._shortest_s = _LONGEST_SILENCE_S
        self._wakes = 0.0

    def begin(self, claim: Claim, lease_s: float, look: Callable[[], object] | None = None) -> None:
        """Begin to beat for a claim.

        Args:
            claim: The claim.
            lease_s: Seconds after which it counts as lost.
            look: Called once a second, from the thread.
        """
        with self._changed:
            interval_s = lease_s / 4
            self._interval_s[claim] = interval_s
            self._due[claim] = due = time.monotonic() + interval_s
            if look is not None:
                self._looks[claim] = look
                interval_s = min(interval_s, _LOOK_S)
                due = time.monotonic() + interval_s
            self._shortest_s = min(self._shortest_s, interval_s)
            if self._thread is None or self._owner != os.getpid():
                self._start()
            elif due < self._wakes:
                self._changed.notify()

    def end(self, claim: Claim) -> None:
        """Beat for it no more; no beat is under way when this returns. A second call is nothing."""
        with self._changed:
            self._interval_s.pop(claim, None)
            self._due.pop(claim, None)
            self._looks.pop(claim, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None and self._owner == os.getpid():
            self._thread.join()
        self._thread = None

    def _start(self) -> None:
        self._owner = os.getpid()
        self._is_closed = False
        self._wakes = time.monotonic() + self._shortest_s
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.name = "brevetti-hydra heartbeat"
        self._thread.start()

    def _beat(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                for claim in [claim for claim, due in self._due.items() if due <= now]:
                    self._due[claim] = now + self._interval_s[claim]
                    # A file system that is away for a while: the next beat may reach it.
                    with suppress(OSError):
                        claim.beat()
                for look in self._looks.values():
                    look()
                # Without any claim it wakes as often: so that a new one need not wake it.
                self._wakes = min(self._due.values(), default=now + self._shortest_s)
                if self._looks:
                    self._wakes = min(self._wakes, now + _LOOK_S)
                self._changed.wait(self._wakes - time.monotonic())
