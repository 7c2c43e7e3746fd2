"""The one function that walks `record.TRANSITIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._clock import parse_utc
from brevetti_hydra.errors import WrongStateError
from brevetti_hydra.record import TRANSITIONS, Attempt, Failure, RunRecord, RunState
from brevetti_hydra.run.liveness import ProcessMark

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Step", "walk"]


class Step(NamedTuple):
    """One step of a run, as the journal tells it.

    Attributes:
        state: The new state.
        at: UTC, ISO 8601.
        attempt: The number of the attempt that takes it, or that is given up.
        process: Its process, where an attempt begins.
        lease_s: Its lease, where an attempt begins.
        failure: Why it did not complete.
        model: The stored model, where it completes.
        snapshot_sha256: The digest of the inputs, once they are written.
        unwritten_events: How many progress events the disk did not take, over all attempts.
        complete_job: Whether the platform is told, where it completes.
        environment: Where the attempt runs, as fields of its `Attempt`, where it is at work.
    """

    state: RunState
    at: str
    attempt: int
    process: ProcessMark | None = None
    lease_s: float = 60.0
    failure: Failure | None = None
    model: str | None = None
    snapshot_sha256: str = ""
    unwritten_events: int = 0
    complete_job: bool = True
    environment: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Give what the journal's line holds beside attempt and time."""
        fields: dict[str, Any] = {"state": self.state.value}
        if self.process is not None:
            fields["process"] = self.process._asdict()
            fields["lease_s"] = self.lease_s
        if self.failure is not None:
            fields["failure"] = self.failure.model_dump()
        fields |= {
            name: getattr(self, name)
            for name in ("model", "snapshot_sha256", "unwritten_events")
            if getattr(self, name)
        }
        if self.environment is not None:
            fields["environment"] = self.environment
        if not self.complete_job:
            fields["complete_job"] = False
        return fields

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Step:
        """Read a line of the journal.

        Raises:
            KeyError, TypeError, ValueError: It is no such line.
        """
        process = line.get("process")
        failure = line.get("failure")
        return cls(
            state=RunState(line["state"]),
            at=line["at"],
            attempt=line["attempt"],
            process=None if process is None else ProcessMark(**process),
            lease_s=line.get("lease_s", 60.0),
            failure=None if failure is None else Failure(**failure),
            model=line.get("model"),
            snapshot_sha256=line.get("snapshot_sha256", ""),
            unwritten_events=line.get("unwritten_events", 0),
            complete_job=line.get("complete_job", True),
            environment=line.get("environment"),
        )


def walk(record: RunRecord, step: Step) -> RunRecord:
    """Take a step, or refuse it.

    Args:
        record: Where the run stands.
        step: Where it goes.

    Returns:
        The record after the step.

    Raises:
        WrongStateError: The table has no such way, or the attempt is not the one that may take it.
    """
    if step.state not in TRANSITIONS[record.state]:
        raise WrongStateError(
            f"run '{record.folder}' is {record.state.value} and cannot become {step.state.value}",
            notes=[_ways(record.state)],
        )
    changes: dict[str, Any] = {"state": step.state, "attempts": _attempts(record, step)}
    if step.snapshot_sha256:
        changes["snapshot_sha256"] = step.snapshot_sha256
    if step.unwritten_events:
        changes["unwritten_events"] = step.unwritten_events
    if step.state.is_finished:
        changes |= {"ended": step.at, "failure": step.failure, "model": step.model}
        changes["duration_s"] = _duration_s(changes["attempts"])
    elif record.state.is_finished:
        changes |= {"ended": None, "failure": None, "duration_s": None}
    return record.model_copy(update=changes)


def _ways(state: RunState) -> str:
    ways = sorted(way.value for way in TRANSITIONS[state])
    return f"from there it can become {' or '.join(ways)}" if ways else "that state is final"


def _attempts(record: RunRecord, step: Step) -> tuple[Attempt, ...]:
    """Begin an attempt, or change the newest one."""
    if step.state is RunState.CREATED or record.state.is_finished:
        return (*record.attempts, _begin(record, step))
    *before, newest = record.attempts
    if step.attempt != newest.number:
        raise WrongStateError(
            f"attempt {step.attempt} of run '{record.folder}' cannot take a step",
            notes=[f"its newest attempt is {newest.number}"],
        )
    changes: dict[str, Any] = {"state": step.state, **(step.environment or {})}
    if step.state.is_finished:
        changes |= {"ended": step.at, "failure": step.failure}
    return (*before, newest.model_copy(update=changes))


def _begin(record: RunRecord, step: Step) -> Attempt:
    process = step.process
    if process is None or step.attempt != len(record.attempts) + 1:
        raise WrongStateError(
            f"attempt {step.attempt} of run '{record.folder}' cannot begin",
            notes=[f"the next attempt is {len(record.attempts) + 1}, of a known process"],
        )
    return Attempt(
        number=step.attempt,
        host=process.host,
        boot_id=process.boot_id,
        pid=process.pid,
        process_started=process.started,
        started=step.at,
        lease_s=step.lease_s,
        state=step.state,
        **(step.environment or {}),
    )


def _duration_s(attempts: tuple[Attempt, ...]) -> float:
    spans = (
        parse_utc(attempt.ended) - parse_utc(attempt.started)
        for attempt in attempts
        if attempt.ended is not None
    )
    return round(sum(spans), 3)
