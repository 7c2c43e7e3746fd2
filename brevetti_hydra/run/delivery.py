"""Delivery: what the journal says, sent to the platform; a cursor remembers how far.

Everything is in the journal first. Whatever could not be sent is sent later, by anybody who holds
the run's lock; the platform recognises what it has had (`platform.base`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import write_whole
from brevetti_hydra.platform.base import Completion, Delivery
from brevetti_hydra.record import RunState
from brevetti_hydra.run.journal import read_journal

if TYPE_CHECKING:
    from brevetti_hydra.platform.base import Platform
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["deliver"]

_ENVELOPE = frozenset({"seq", "attempt", "at", "kind"})


def deliver(folder: RunFolder, record: RunRecord, platform: Platform) -> None:
    """Send what the platform has not had: events it wants, and the completion.

    Args:
        folder: The run's folder; the caller holds its lock.
        record: The run as its journal tells it.
        platform: Where to send.

    Raises:
        BrevettiHydraError: The platform did not take something; that, and what follows it, is sent
            the next time.
    """
    done = _cursor(folder)
    last = done
    try:
        for event in read_journal(folder.journal):
            if event["seq"] > done:
                _deliver_one(event, record, platform)
                last = event["seq"]
    finally:
        if last > done:
            content = json.dumps({"seq": last}).encode() + b"\n"
            write_whole(folder.delivered, content, point="delivery.noted", durable=False)


def _deliver_one(event: dict[str, Any], record: RunRecord, platform: Platform) -> None:
    kind = event["kind"]
    if kind in platform.wants:
        payload = {key: value for key, value in event.items() if key not in _ENVELOPE}
        platform.deliver(Delivery(record.run_id, event["seq"], kind, payload))
    is_end = kind == "state" and event["state"] == RunState.COMPLETED.value
    if is_end and record.state is RunState.COMPLETED and event.get("complete_job", True):
        model = None if record.model is None else f"artifacts/{record.model}"
        platform.complete(Completion(record.run_id, event["seq"], event["at"], model))


def _cursor(folder: RunFolder) -> int:
    try:
        seq = json.loads(folder.delivered.read_bytes())["seq"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # what was sent before is recognised
    return seq if isinstance(seq, int) else 0
