"""Completing a record from its journal: the journal is always ahead, or equal."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from brevetti_hydra.errors import RecordUnreadableError, WrongStateError
from brevetti_hydra.record import ArtifactRef, RunRecord
from brevetti_hydra.run.states import Step, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["replay", "with_artifact"]


def replay(record: RunRecord | None, events: Iterable[dict[str, Any]]) -> RunRecord | None:
    """Apply events to a record.

    Lines of an attempt that was over when they were written are left out: it had been given up as
    lost and woke up later.

    Args:
        record: The record as far as it is known; None before its first event.
        events: What the journal says beyond it.

    Returns:
        The record after all events; None if nothing says that there is a run.

    Raises:
        RecordUnreadableError: An event is none of this format.
    """
    for event in events:
        try:
            record = _apply(record, event)
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise RecordUnreadableError(
                "a journal holds an event of another format",
                notes=[f"event {event.get('seq')}: {type(error).__name__}: {error}"[:300]],
            ) from error
    return record


def _apply(record: RunRecord | None, event: dict[str, Any]) -> RunRecord | None:
    kind = event["kind"]
    if kind == "state" and "record" in event:
        return RunRecord.model_validate(event["record"]) if record is None else record
    if record is None:
        return None
    if kind == "state":
        try:
            return walk(record, Step.from_json(event))
        except WrongStateError:
            return record  # of a stale attempt
    if event["attempt"] != record.attempts[-1].number or record.state.is_finished:
        return record
    return record.model_copy(update=_change(record, kind, event))


def _change(record: RunRecord, kind: str, event: dict[str, Any]) -> dict[str, Any]:
    if kind == "progress":
        values = {name: float(value) for name, value in event["metrics"].items()}
        return {"epoch": event["epoch"], "progress": {**record.progress, **values}}
    if kind == "metric":
        return {"metrics": {**record.metrics, event["name"]: float(event["value"])}}
    if kind == "artifact":
        new = ArtifactRef(**event["artifact"]) if "artifact" in event else None
        path = event["removed"] if new is None else new.path
        return {"artifacts": with_artifact(record.artifacts, path, new)}
    return {}


def with_artifact(
    artifacts: tuple[ArtifactRef, ...], path: str, new: ArtifactRef | None
) -> tuple[ArtifactRef, ...]:
    """Replace the artifact of a path, or add or remove (None) it; they are sorted by path."""
    # A run may have thousands, and each is an event of its own.
    begin = bisect_left(artifacts, path, key=lambda artifact: artifact.path)
    is_known = begin < len(artifacts) and artifacts[begin].path == path
    added = () if new is None else (new,)
    return (*artifacts[:begin], *added, *artifacts[begin + is_known :])
