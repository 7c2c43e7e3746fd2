"""Workplace: what is the same for all runs that one process does, one after the other.

To ask git, to list packages and to start threads takes a run ten times as long as all of its files.
A process that runs the trials of a sweep does it once: the code that it has loaded does not change
with the files behind it, so what git says of its beginning holds for all of its runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from brevetti_hydra._files import digest_bytes, link, write_whole
from brevetti_hydra.run.claims import Heartbeats
from brevetti_hydra.run.copier import Copier
from brevetti_hydra.run.liveness import ProcessMark, this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Workplace"]

_Found = TypeVar("_Found")

# What fits into a block of the disk is written as quickly as it is linked.
_LEAST_LINKED_BYTES = 4096


class _Placed(NamedTuple):
    """A file that was written whole, and what tells whether it is still the same."""

    path: Path
    mark: tuple[int, int, int]


class Workplace:
    """Keeps what runs of one process share; used by one run at a time.

    Attributes:
        beats: Keeps the claims of the runs alive.
        copier: Copies what they print.
    """

    def __init__(self) -> None:
        """Begin with nothing; each thing is looked at when a run first asks."""
        self.beats = Heartbeats()
        self.copier = Copier()
        self._found: dict[Hashable, Any] = {}
        self._placed: dict[str, _Placed] = {}
        self._process: ProcessMark | None = None

    @property
    def process(self) -> ProcessMark:
        """The mark of this process."""
        if self._process is None or self._process.pid != os.getpid():
            self._process = this_process()
        return self._process

    def once(self, key: Hashable, look: Callable[[], _Found]) -> _Found:
        """Look at something once, and give what was found to all who ask by the same key."""
        try:
            return cast("_Found", self._found[key])
        except KeyError:
            self._found[key] = found = look()
            return found

    def place(self, path: Path, content: bytes, *, point: str, sha256: str | None = None) -> str:
        """Write a file that other runs may have as well: a large one is then one file of two names.

        Nothing of ours ever changes a file in place.

        Args:
            path: The file, not there yet.
            content: All of it.
            point: The kill point.
            sha256: Its digest, where it is known.

        Returns:
            Its digest.

        Raises:
            StorageWriteError: The disk did not take it.
        """
        digest = sha256 or digest_bytes(content)
        if len(content) < _LEAST_LINKED_BYTES:
            write_whole(path, content, point=point, durable=False)
            return digest
        known = self._placed.get(digest)
        is_there = known is not None and _mark_of(known.path) == known.mark
        if not (known and is_there and link(known.path, path, point=point)):
            write_whole(path, content, point=point, durable=False)
            mark = _mark_of(path)
            if mark is not None:
                self._placed[digest] = _Placed(path, mark)
        return digest

    def close(self) -> None:
        """Stop what goes on between the runs."""
        self.beats.close()
        self.copier.close()


def _mark_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - once a file of each run
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
