"""A sweep's folder, read: its record and its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from brevetti_hydra._files import Appender, cut_off
from brevetti_hydra.record import unreadable
from brevetti_hydra.sweep.record import Frozen, PlannedTrial, SweepRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = ["OpenSweep", "open_sweep", "read_sweep_record"]


class OpenSweep:
    """A sweep that was planned.

    Attributes:
        folder: Where it lies.
        record: What was planned.
        trials: Its trials, by number; a search adds to them.
    """

    def __init__(
        self, folder: SweepFolder, record: SweepRecord, trials: list[PlannedTrial]
    ) -> None:
        self.folder = folder
        self.record = record
        self.trials = trials
        self._plan_bytes: int | None = None

    def frozen(self, digest: str) -> Frozen:
        """Read a composed configuration.

        Raises:
            RecordUnreadableError: It is missing or damaged.
        """
        path = self.folder.base(digest)
        try:
            return Frozen.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise unreadable(path, error) from error

    def read_more(self) -> list[PlannedTrial]:
        """Add the trials that others have planned meanwhile, and give them.

        Raises:
            RecordUnreadableError: The plan is missing or damaged.
        """
        new: list[PlannedTrial] = []
        try:
            with self.folder.plan.open("rb") as stream:
                stream.seek(self._known_bytes(stream))
                for line in stream:
                    # A last line without its end was never a trial: its writer died.
                    if line.endswith(b"\n"):
                        new.append(PlannedTrial.of_line(line))
                        self._plan_bytes = (self._plan_bytes or 0) + len(line)
        except (OSError, TypeError, ValueError) as error:
            raise unreadable(self.folder.plan, error) from error
        self.trials += new
        return new

    def _known_bytes(self, stream: IO[bytes]) -> int:
        """Give where the plan's lines end that are known: at first, count them."""
        if self._plan_bytes is None:
            self._plan_bytes = sum(len(next(stream)) for _ in self.trials)
        return self._plan_bytes

    def append(self, trial: PlannedTrial) -> None:
        """Add a trial to the plan; the caller holds the sweep's lock and has read it all.

        Raises:
            StorageWriteError: The disk does not take it.
        """
        line = trial.line()
        # What a writer left that died in its line is no trial, and must not become a part of one.
        cut_off(self.folder.plan, self._plan_bytes or 0, point="plan.cut")
        out = Appender(self.folder.plan, point="plan.opened")
        try:
            out.append(line, point="plan.appended", durable=True)
        finally:
            out.close()
        self._plan_bytes = (self._plan_bytes or 0) + len(line)
        self.trials.append(trial)


def open_sweep(folder: SweepFolder) -> OpenSweep:
    """Read a sweep's record and plan.

    Raises:
        RecordUnreadableError: They are missing or damaged, or of another format.
    """
    record = read_sweep_record(folder)
    try:
        trials = list(_read_plan(folder.plan))
    except (OSError, TypeError, ValueError) as error:
        raise unreadable(folder.plan, error) from error
    return OpenSweep(folder, record, trials)


def read_sweep_record(folder: SweepFolder) -> SweepRecord:
    """Read a sweep's record alone: the plan may be long.

    Raises:
        RecordUnreadableError: It is missing or damaged, or of another format.
    """
    try:
        return SweepRecord.model_validate_json(folder.record.read_bytes())
    except (OSError, ValidationError) as error:
        raise unreadable(folder.record, error) from error


def _read_plan(path: Path) -> Iterator[PlannedTrial]:
    with path.open("rb") as stream:
        for line in stream:
            # A last line without its end was never a trial: its writer died.
            if line.endswith(b"\n"):
                yield PlannedTrial.of_line(line)
