"""Drivers at work on a sweep: a file for each, that tells people and nobody else of them."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock, format_utc
from brevetti_hydra._files import make_folder, remove, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.run.liveness import ProcessMark, is_gone, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = ["DRIVER_LEASE_S", "DriverMark", "drivers_at_work", "sign_on"]

# Silence after which a driver on another machine counts as gone.
DRIVER_LEASE_S = 60.0


class DriverMark(NamedTuple):
    """A process that drives a sweep.

    Attributes:
        process: Which one.
        since: UTC, ISO 8601.
    """

    process: ProcessMark
    since: str


@contextmanager
def sign_on(folder: SweepFolder, clock: Clock = SYSTEM_CLOCK) -> Iterator[None]:
    """Show a sweep's driver while the block runs; a disk that does not take it is no error."""
    mark = DriverMark(this_process(), format_utc(clock.now()))
    path = folder.driver(f"{mark.process.pid}-{os.urandom(4).hex()}")
    fields = {**mark.process._asdict(), "since": mark.since}
    is_over = threading.Event()
    # Where trials run in this process, nothing else comes to it for as long as they take.
    beating = threading.Thread(target=_beat, args=(path, is_over), daemon=True)
    with suppress(StorageWriteError):
        make_folder(folder.drivers_dir, point="driver.folder", parents=False)
        _clear(folder, clock)
        write_whole(path, json_bytes(fields) + b"\n", point="driver.signed", durable=False)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        with suppress(StorageWriteError):
            remove(path, point="driver.removed")


def _beat(path: Path, is_over: threading.Event) -> None:
    while not is_over.wait(DRIVER_LEASE_S / 4):
        with suppress(OSError):
            os.utime(path)


def _clear(folder: SweepFolder, clock: Clock) -> None:
    """Take away what killed drivers have left."""
    for path, mark in _signed(folder):
        if _is_gone(path, mark, clock):
            remove(path, point="driver.removed")


def drivers_at_work(folder: SweepFolder, clock: Clock = SYSTEM_CLOCK) -> list[DriverMark]:
    """Give the drivers of a sweep that are alive."""
    return [mark for path, mark in _signed(folder) if not _is_gone(path, mark, clock)]


def _signed(folder: SweepFolder) -> Iterator[tuple[Path, DriverMark]]:
    try:
        paths = sorted(folder.drivers_dir.glob("*.json"))
    except OSError:
        return
    for path in paths:
        with suppress(OSError, ValueError, TypeError, KeyError):
            fields = json.loads(path.read_bytes())
            since = fields.pop("since")
            yield path, DriverMark(ProcessMark(**fields), since)


def _is_gone(path: Path, mark: DriverMark, clock: Clock) -> bool:
    try:
        beat = path.stat().st_mtime
    except OSError:
        return True
    return is_gone(mark.process, beat=beat, now=clock.now(), lease_s=DRIVER_LEASE_S)
