"""The contract of a platform: who knows about a job, and is told how it goes.

::

    open(job)                the job's description is known, its storage space is ready
    deliver(event) ...       each event of a wanted kind, in order, at least once
    complete(completion)     the job is done; at least once
    describe()               what the platform knows now

The run calls these from one thread at a time. An event may come twice, after a crash or when an
answer was lost: (run_id, seq) tells it apart, and the second time changes nothing. A platform that
cannot be reached raises; whatever it did not take stays in the run's journal and comes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

__all__ = ["Completion", "Delivery", "Platform"]


class Delivery(NamedTuple):
    """One event of a run's journal on its way to the platform.

    Attributes:
        run_id: The run.
        seq: The event's number in the run's journal.
        kind: `progress`, `metric` or `artifact`.
        payload: The rest of the journal's line, plain JSON values.
    """

    run_id: str
    seq: int
    kind: str
    payload: Mapping[str, Any]


class Completion(NamedTuple):
    """The end of a job.

    Attributes:
        run_id: The run.
        seq: The number of the completing event in the run's journal.
        at: When it completed; UTC, ISO 8601.
        model_path: The stored model, relative to the storage space; None without one.
    """

    run_id: str
    seq: int
    at: str
    model_path: str | None


class Platform(Protocol):
    """One platform, as one job sees it."""

    @property
    def kind(self) -> str:
        """The platform's name in `platform.kind`."""

    @property
    def wants(self) -> frozenset[str]:
        """The kinds of events that it is told."""

    def open(self, job: Mapping[str, Any]) -> None:
        """Get ready for a job; opening it again, in a later attempt, loses nothing.

        Args:
            job: The job in the shape of info.json, without any secret.

        Raises:
            StorageWriteError: The storage space cannot be written.
        """

    def deliver(self, event: Delivery) -> None:
        """Take an event; one that was taken before changes nothing.

        Raises:
            StorageWriteError: It cannot be kept.
        """

    def complete(self, completion: Completion) -> None:
        """Mark the job complete; doing so again changes nothing.

        Raises:
            StorageWriteError: It cannot be kept.
        """

    def describe(self) -> dict[str, Any] | None:
        """Give what the platform knows about the job, in the shape of info.json, or None.

        Raises:
            StorageReadError: It cannot be read.
        """
