"""Optuna's journal in the sweep's folder, written a whole step at a time.

The file has Optuna's own format, a JSON object a line, and opens in its tools as it is. In two
things this backend differs from Optuna's. All lines of a step (a trial with all its values, a
report, an end) are one write, so that a kill leaves all or nothing of it. And the lock is the
system's: it is free at once when its holder dies, where Optuna's lock file makes others wait for
30 s.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from optuna.storages.journal import BaseJournalBackend

from brevetti_hydra._files import Appender, lock
from brevetti_hydra.errors import RecordUnreadableError, StorageWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["StudyLog"]

_LINE_FEED = b"\n"


class StudyLog(BaseJournalBackend):
    """Reads and writes the journal; used from one thread, while other processes do the same.

    Attributes:
        path: The file.
        is_stale: Whether a step was broken off after its reader had seen it: what was read from
            here must be read anew, by another object.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal, making it when it is missing.

        Raises:
            StorageWriteError: It cannot be opened.
        """
        self.path = path
        self.is_stale = False
        self._out = Appender(path, point="search.opened")
        self._file = os.fstat(self._out.fileno()).st_ino
        self._lines = 0
        self._offset = 0
        self._pending: list[dict[str, Any]] | None = None
        self._is_read = False

    @contextmanager
    def step(self, *, durable: bool = False) -> Iterator[None]:
        """Hold the journal's lock, and write what is appended meanwhile all at once.

        Args:
            durable: Wait until the disk has it.

        Raises:
            StorageWriteError: The disk did not take it; nothing of it stands there.
        """
        with lock(self.path, point="search.locked"):
            self._drop_torn_line()
            self._pending, self._is_read = [], False
            try:
                yield
                self._write(self._pending, durable=durable)
            except BaseException:  # whatever it was, what is here is behind the file
                self.is_stale |= bool(self._pending)
                raise
            finally:
                self._pending = None

    def is_replaced(self) -> bool:
        """Tell whether another file stands in the journal's place."""
        try:
            return self.path.stat().st_ino != self._file
        except OSError:
            return True

    def close(self) -> None:
        """Close the file."""
        self._out.close()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines to the step; outside of one, they are one."""
        if self._pending is not None:
            self._pending += logs
            return
        with self.step():
            self.append_logs(logs)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Read lines from a number on, and those of the step that are not written yet.

        Raises:
            RecordUnreadableError: The file is damaged.
        """
        if log_number_from < self._lines:
            self._lines = self._offset = 0
            self._is_read = False
        if not self._is_read:
            # Within a step nobody else writes: what there was, was read by its first reading.
            for line in self._read_lines():
                self._lines += 1
                if self._lines > log_number_from:
                    yield line
            self._is_read = self._pending is not None
        yield from (self._pending or [])[max(log_number_from - self._lines, 0) :]

    def _read_lines(self) -> Iterator[dict[str, Any]]:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._offset)
                content = stream.read()
        except OSError as error:
            raise RecordUnreadableError(
                f"cannot read '{self.path}'", notes=[error.strerror or str(error)]
            ) from error
        *lines, _torn = content.split(_LINE_FEED)
        for line in lines:
            try:
                found = json.loads(line)
            except ValueError as error:
                raise RecordUnreadableError(
                    f"'{self.path}' is damaged",
                    notes=[f"at byte {self._offset} there is no line of Optuna's journal"],
                    hint="move it away: 'sweep resume' makes it anew from the plan and the trials",
                ) from error
            self._offset += len(line) + 1
            yield found

    def _write(self, logs: list[dict[str, Any]], *, durable: bool) -> None:
        if not logs:
            return
        content = b"".join(
            json.dumps(log, separators=(",", ":")).encode() + _LINE_FEED for log in logs
        )
        before = os.fstat(self._out.fileno()).st_size
        try:
            self._out.append(content, point="search.written", durable=durable)
        except StorageWriteError:
            # All or nothing; what cannot be taken back is no whole line, or is completed later.
            with suppress(OSError):
                self._out.cut(before, point="search.cut")
            raise
        if self._is_read and self._offset == before:
            self._lines += len(logs)
            self._offset += len(content)
        elif self._is_read:
            # Somebody without the lock, as Optuna's dashboard, has written between: our reader has
            # seen the lines in another order.
            self.is_stale = True

    def _drop_torn_line(self) -> None:
        """Take away a last line without its end: its writer died, or the disk was full."""
        size = os.fstat(self._out.fileno()).st_size
        if size == self._offset:
            return
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            kept = self._offset + stream.read(size - self._offset).rfind(_LINE_FEED) + 1
        if kept < size:
            self._out.cut(kept, point="search.cut")
