"""RunContext: the running job's side of a run; a Job delegates to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, SupportsFloat

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra.record import RunRecord, RunState

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Mapping

    from upath import UPath

    from brevetti_hydra.record import Runnable
    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.run.plan import RunPlan

__all__ = ["RunContext"]


class RunContext:
    """What a Job delegates to: its run's folder, record, reports and lifecycle."""

    def __init__(
        self,
        plan: RunPlan,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        stdout_to_stderr: bool = False,
        git: GitProbe | None = None,
    ) -> None:
        """Prepare a new run; nothing is written before `start`.

        Args:
            plan: What to run.
            clock: Tells the time.
            observers: Called with each event, after it was written.
            stdout_to_stderr: Send what the job prints to stderr: stdout belongs to `--json`.
            git: A look at the tree that was begun earlier (`git.begin_git`).
        """

    @classmethod
    def reopen(
        cls,
        folder: RunFolder,
        plan: RunPlan,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        stdout_to_stderr: bool = False,
    ) -> RunContext:
        """Take up an existing run, to browse it or to `start` a new attempt in it."""
        raise NotImplementedError

    plan: RunPlan
    folder: RunFolder  # NotRunningError before the first start
    record: RunRecord
    is_running: bool
    stop_requested: bool
    logger: logging.Logger
    artifacts_path: UPath
    temp_path: UPath
    checkpoint_path: UPath
    storage: UPath

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        return self.record.state

    def start(self, job: Runnable, *, complete_job: bool = True) -> RunRecord:
        """Walk the job through its lifecycle."""
        raise NotImplementedError

    def artifact_path(self, *parts: str | os.PathLike[str]) -> UPath:
        """Give a path under the artifacts, with the folders above it made."""
        raise NotImplementedError

    def report_progress(self, epoch: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Record the metrics of an epoch."""
        raise NotImplementedError

    def add_output_metric(self, name: str, value: SupportsFloat) -> None:
        """Record a metric of the run as a whole."""
        raise NotImplementedError
