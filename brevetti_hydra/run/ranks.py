"""Ranks: processes that a job starts from within run(), by torchrun's launcher for instance.

A job that is sent to another process (pickled) is there a view of the same run: it has the same
settings and folders. What rank 0 reports goes to the run's own process, which alone writes; the
other ranks report nothing. Which rank a process is, it finds in RANK, as torchrun sets it; a
process without RANK counts as rank 0.

::

    run's process   RankDoor      accepts a connection of each rank, and answers
    rank            RankContext   asks: progress, metric, is the run asked to stop?
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, SupportsFloat, TypeAlias

from brevetti_hydra.errors import BrevettiHydraError, NotRunningError, RunInterrupted, RunPruned
from brevetti_hydra.run.context import RunContext
from brevetti_hydra.run.metrics import to_epoch, to_metric
from brevetti_hydra.run.stopping import StopCause

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.run.stopping import StopRequests

__all__ = ["RankContext", "RankDoor", "door_of"]

# Address and key.
_Threshold: TypeAlias = tuple[Any, bytes]


class RankDoor:
    """Where the ranks of a run report; in the run's own process, a thread for each.

    Attributes:
        threshold: Where they find it, and what they show to be let in.
    """

    def __init__(self, context: RunContext, stops: StopRequests) -> None:
        """Open the door, on this machine only."""
        from multiprocessing.connection import Listener

        key = os.urandom(32)
        self._context = context
        self._stops = stops
        self._listener = Listener(authkey=key)
        self.threshold: _Threshold = (self._listener.address, key)
        self._is_closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.name = "brevetti-hydra ranks"
        self._thread.start()

    def _accept(self) -> None:
        from multiprocessing import AuthenticationError

        while not self._is_closed:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, OSError, EOFError):
                continue  # a stranger, or a rank that died on the threshold
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection[Any, Any]) -> None:
        with connection, suppress(EOFError, OSError):
            while True:
                asked, *arguments = connection.recv()
                connection.send(self._answer(asked, arguments))

    def _answer(self, asked: str, arguments: list[Any]) -> Any:
        """Do what a rank asks; errors and requests to stop are raised over there."""
        context = self._context
        try:
            if asked == "progress":
                context.report_progress(*arguments)
            elif asked == "metric":
                context.add_output_metric(*arguments)
        except (RunInterrupted, RunPruned):
            return self._stops.cause
        except BrevettiHydraError as error:
            return error
        return context.stop_requested

    def close(self) -> None:
        """Let nobody in any more; ranks that are still there find the run over."""
        self._is_closed = True
        with suppress(OSError, EOFError):
            # The thread waits for a rank: here is one.
            _connect(self.threshold).close()
        self._thread.join()
        self._listener.close()


class RankContext(RunContext):
    """A job's side of its run, in a rank: reads and writes files; rank 0 reports."""

    def __init__(
        self,
        plan: RunPlan,
        folder: RunFolder,
        record: RunRecord,
        defaults: Mapping[str, str],
        threshold: _Threshold,
    ) -> None:
        """Attach to a run; its door is knocked at when there is something to say.

        Args:
            plan: What is run.
            folder: The run's folder.
            record: The run as it stood when the rank was started.
            defaults: The job's own default datasets: name -> bucket.
            threshold: That of the run's `RankDoor`.
        """
        super().__init__(plan, folder=folder, run_id=record.run_id)
        self._record = record
        self._set_default_datasets(defaults)
        self._threshold = threshold
        self._connection: Connection[Any, Any] | None = None
        self._one_at_a_time = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether the job may write: a rank lives as long as its run()."""
        return True

    @property
    def stop_requested(self) -> bool:
        """Whether the run was asked to stop; ranks that ask at different times may differ."""
        return bool(self._ask("stop"))

    def report_progress(self, epoch: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Record the metrics of an epoch, in rank 0; see `RunContext.report_progress`."""
        if _is_first():
            values = {name: to_metric(name, value) for name, value in metrics.items()}
            self._ask("progress", to_epoch(epoch), values)

    def add_output_metric(self, name: str, value: SupportsFloat) -> None:
        """Record a metric of the whole run, in rank 0; see `RunContext.add_output_metric`."""
        if _is_first():
            self._ask("metric", name, to_metric(name, value))

    def _ask(self, *request: Any) -> Any:
        with self._one_at_a_time:
            try:
                if self._connection is None:
                    self._connection = _connect(self._threshold)
                self._connection.send(request)
                answer = self._connection.recv()
            except (EOFError, OSError) as error:
                message = f"the run '{self.folder.name}' is over, or its process is gone"
                raise NotRunningError(message, notes=["this is one of its ranks"]) from error
        if isinstance(answer, StopCause):
            raise answer.exception()
        if isinstance(answer, BrevettiHydraError):
            raise answer
        return answer


def door_of(context: RunContext, stops: StopRequests) -> RankDoor:
    """Open a run's door, when the first rank is about to begin."""
    # An attempt that was asked to end is ended by its ranks, with whatever the launcher raises.
    stops.has_ranks = True
    return RankDoor(context, stops)


def _connect(threshold: _Threshold) -> Connection[Any, Any]:
    from multiprocessing.connection import Client

    address, key = threshold
    return Client(address, authkey=key)


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"
