"""What a sweep that was planned may still be told: limits, and what its trials run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from brevetti_hydra._files import lock, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra._text import similar_name
from brevetti_hydra.errors import InvalidSettingError, Place, UnknownSettingError, UsageError
from brevetti_hydra.sweep.opened import read_sweep_record
from brevetti_hydra.sweep_nodes import LauncherNode, SweepNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import SweepRecord

__all__ = ["change_sweep"]

# Of the `sweep` node, what does not say which trials there are.
_CHANGEABLE = (
    "code",
    "max_failures",
    "max_time_s",
    "max_trials",
    "on_failure",
    "retries",
    "timeout_s",
)


def change_sweep(sweep: OpenSweep, given: Iterable[Argument]) -> list[Argument]:
    """Change the `sweep` and `launcher` nodes of a sweep, for this and later drivers.

    Args:
        sweep: The sweep; its record on the disk is changed as well.
        given: Overrides; `launcher=KIND` begins that node anew.

    Returns:
        The others of them: secrets, perhaps.

    Raises:
        UsageError: The setting says which trials there are, and these are planned.
        UnknownSettingError: There is no such setting.
        InvalidSettingError: A value is wrong.
        StorageWriteError: The record cannot be written.
        RecordUnreadableError: It is gone, or damaged.
    """
    others: list[Argument] = []
    changed: list[Argument] = []
    for argument in given:
        is_of_sweep = argument.key.partition(".")[0] in {"sweep", "launcher"}
        (changed if is_of_sweep else others).append(argument)
    if changed:
        with lock(sweep.folder.lock, point="sweep.locked"):
            # Somebody else may have changed it since it was read.
            sweep.record = _changed(read_sweep_record(sweep.folder), changed)
            content = json_bytes(sweep.record, indent=1) + b"\n"
            write_whole(sweep.folder.record, content, point="sweep.written")
    return others


def _changed(record: SweepRecord, changed: Sequence[Argument]) -> SweepRecord:
    nodes = {"sweep": dict(record.sweep), "launcher": dict(record.launcher)}
    for argument in changed:
        _change(nodes, argument)
    update: dict[str, Any] = {
        "sweep": _validated(SweepNode, nodes["sweep"], changed),
        "launcher": _validated(LauncherNode, nodes["launcher"], changed),
    }
    if any(argument.key in {"launcher", "launcher.kind"} for argument in changed):
        update["hydra_launcher"] = None
    return record.model_copy(update=update)


def _change(nodes: dict[str, dict[str, Any]], argument: Argument) -> None:
    node, _, name = argument.key.partition(".")
    value = argument.value if argument.parsed is None else argument.parsed.value()
    if argument.key == "launcher":
        nodes["launcher"] = {"kind": value}
        return
    known: Sequence[str] = _CHANGEABLE if node == "sweep" else tuple(LauncherNode.model_fields)
    if name in known:
        nodes[node][name] = value
        return
    if node == "sweep" and name in SweepNode.model_fields:
        raise UsageError(
            f"'{argument.key}' cannot be changed: the trials are planned",
            notes=[f"what can: {', '.join(f'sweep.{each}' for each in _CHANGEABLE)}, launcher.*"],
            hint="begin a new sweep",
        )
    near = similar_name(name, known)
    raise UnknownSettingError(
        f"no setting '{argument.key}'",
        where=Place(argument.origin.label),
        hint=f"a similar name exists: '{node}.{near}'" if near else None,
    )


def _validated(model: Any, node: dict[str, Any], changed: Sequence[Argument]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = model.model_validate(node).model_dump(mode="json")
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        key = ".".join(map(str, mistake["loc"][:1]))
        places = [each for each in changed if each.key.rpartition(".")[2] == key] or changed
        raise InvalidSettingError(
            f"'{places[0].key}': {mistake['msg'][:1].lower()}{mistake['msg'][1:]}",
            where=Place(places[0].origin.label),
        ) from error
    return found
