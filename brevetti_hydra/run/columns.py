"""Columns of runs: what a dotted key such as `metrics.accuracy` means in a record."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from brevetti_hydra.record import RunRecord

__all__ = [
    "MISSING",
    "Condition",
    "Operator",
    "flat_row",
    "flatten",
    "read_condition",
    "select",
    "short_id",
    "sort_runs",
    "value_of",
]


class _Missing:
    """The value of a column that a record does not have; None is itself a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]

_CONDITION = re.compile(
    r"\s*(?P<key>[^\s=!<>~]+)\s*(?P<operator>!=|<=|>=|==|=|<|>|~)\s*(?P<value>.*?)\s*", re.DOTALL
)
_FOLDED = ("metrics", "progress", "settings")
_FIELDS = (
    *("run_id", "folder", "name", "note", "tags", "parent", "created", "ended", "duration_s"),
    *("seed", "epoch", "overrides", "command", "model", "storage", "unwritten_events"),
)


def short_id(record: RunRecord) -> str:
    """Give the id that people type: the end of the name of the run's folder."""
    return record.folder.rpartition("-")[2]


_SPECIAL: dict[str, Callable[[RunRecord], Any]] = {
    "id": short_id,
    "state": lambda record: record.state.value,
    "job": lambda record: record.job.name,
    "duration": lambda record: record.duration_s,
    "attempts": lambda record: len(record.attempts),
    "sweep": lambda record: record.trial and record.trial.sweep,
    "trial": lambda record: None if record.trial is None else record.trial.number,
}


class Condition(NamedTuple):
    """One comparison of a column with a value, as `--where` takes it.

    Attributes:
        key: The column, `metrics.accuracy`.
        operator: `~` asks whether a text, or an item of a list, contains the value.
        value: The right side, as text.
    """

    key: str
    operator: Operator
    value: str

    def accepts(self, record: RunRecord) -> bool:
        """Tell whether a record fulfils it; a column that it lacks counts as null."""
        found = value_of(record, self.key)
        if isinstance(found, (list, tuple)):
            return self._accepts_items(found)
        return self._accepts_value(None if found is MISSING else found)

    def _accepts_items(self, items: Sequence[Any]) -> bool:
        if self.operator == "!=":
            return all(self._accepts_value(item) for item in items)
        return any(self._accepts_value(item) for item in items)

    def _accepts_value(self, found: Any) -> bool:
        if self.operator == "~":
            return found is not None and self.value.lower() in str(found).lower()
        if self.operator in {"=", "!="}:
            return _equals(found, self.value) is (self.operator == "=")
        if found is None or isinstance(found, (bool, dict)):
            return False
        if isinstance(found, (int, float)):
            return _orders(float(found), self._number(), self.operator)
        return _orders(str(found), self.value, self.operator)

    def _number(self) -> float:
        try:
            return float(self.value)
        except ValueError:
            message = f"'{self.key}' is a number and cannot be compared with '{self.value}'"
            raise UsageError(message, hint=f"write a number after '{self.operator}'") from None


def read_condition(text: str) -> Condition:
    """Read `metrics.accuracy>0.9`.

    Args:
        text: A column, an operator (`=`, `!=`, `<`, `<=`, `>`, `>=`, `~`) and a value, spaces
            around them being allowed. Quotes around the value are taken off.

    Raises:
        UsageError: It is none.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"cannot read the condition '{text}'",
            notes=["a condition is a column, one of = != < <= > >= ~ (contains), and a value"],
            hint="write it in quotes, for instance --where 'metrics.accuracy>0.9'",
        )
    value = match["value"]
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    operator: Any = "=" if match["operator"] == "==" else match["operator"]
    return Condition(match["key"], operator, value)


def select(records: Iterable[RunRecord], where: str | Sequence[str] = ()) -> list[RunRecord]:
    """Keep the records that fulfil every condition, in their order.

    Raises:
        UsageError: A condition cannot be read, or compares a number with a word.
    """
    conditions = [read_condition(text) for text in ([where] if isinstance(where, str) else where)]
    return [record for record in records if all(each.accepts(record) for each in conditions)]


def sort_runs(records: Iterable[RunRecord], key: str) -> list[RunRecord]:
    """Sort records by a column; runs that lack it, or have NaN there, come last.

    Args:
        records: In any order; equal ones keep theirs.
        key: The column, with `-` before it for the greatest first.
    """
    column = key.removeprefix("-")
    keyed = [(_sortable(value_of(record, column)), record) for record in records]
    present = [(value, record) for value, record in keyed if value is not None]
    present.sort(key=lambda pair: pair[0], reverse=key.startswith("-"))
    return [record for _, record in present] + [record for value, record in keyed if value is None]


def value_of(record: RunRecord, key: str) -> Any:
    """Give the value of a column, or MISSING.

    Args:
        record: The run.
        key: `state`, `settings.model.hidden`, ...; a bare name that is no column of its own is
            looked for in the metrics, the progress and the settings.
    """
    if key in _SPECIAL:
        return _SPECIAL[key](record)
    if key in _FIELDS:
        return getattr(record, key)
    head, _, rest = key.partition(".")
    if head in _FOLDED and rest:
        return _reach(getattr(record, head), rest)
    if head == "job" and rest in {"name", "target", "file", "entry"}:
        return getattr(record.job, rest)
    if head == "failure" and rest in {"type", "message"}:
        return MISSING if record.failure is None else getattr(record.failure, rest)
    found = (_reach(getattr(record, each), key) for each in _FOLDED)
    return next((value for value in found if value is not MISSING), MISSING)


def flat_row(record: RunRecord) -> dict[str, Any]:
    """Give a record as one row: `state`, `metrics.accuracy`, `settings.model.hidden`, ..."""
    row: dict[str, Any] = {
        "id": short_id(record),
        "state": record.state.value,
        "job": record.job.name,
        "created": record.created,
        "duration_s": record.duration_s,
        "name": record.name,
        "tags": list(record.tags),
        "note": record.note,
        "seed": record.seed,
        "epoch": record.epoch,
        "attempts": len(record.attempts),
        "overrides": list(record.overrides),
        "target": record.job.target,
        "run_id": record.run_id,
        "folder": record.folder,
        "parent": record.parent,
        "sweep": record.trial and record.trial.sweep,
        "trial": None if record.trial is None else record.trial.number,
        "failure": record.failure and f"{record.failure.type}: {record.failure.message}",
    }
    for head in _FOLDED:
        row.update(flatten(head, getattr(record, head)))
    return row


def flatten(prefix: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """Give a tree as one level of dotted keys, each beginning with `prefix`; "" for none."""
    flat: dict[str, Any] = {}
    for name, value in node.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, dict) and value:
            flat.update(flatten(key, value))
        else:
            flat[key] = value
    return flat


def _reach(node: Any, path: str) -> Any:
    """Walk down; names may hold dots themselves, so the longest one that fits is taken."""
    if not isinstance(node, dict):
        return MISSING
    if path in node:
        return node[path]
    for cut in range(len(path) - 1, 0, -1):
        if path[cut] == "." and path[:cut] in node:
            return _reach(node[path[:cut]], path[cut + 1 :])
    return MISSING


def _equals(found: Any, value: str) -> bool:
    if found is None:
        return value.lower() in {"null", "none", ""}
    if isinstance(found, bool):
        return value.lower() == str(found).lower()
    if isinstance(found, (int, float)):
        try:
            number = float(value)
        except ValueError:
            return False
        return number == found or (math.isnan(number) and math.isnan(found))
    return str(found) == value


def _orders(left: Any, right: Any, operator: str) -> bool:
    """Compare two numbers or two texts; nothing is smaller or greater than NaN."""
    if operator.startswith("<"):
        return bool(left < right or (operator == "<=" and left == right))
    return bool(left > right or (operator == ">=" and left == right))


def _sortable(value: Any) -> tuple[bool, Any] | None:
    if value is MISSING or value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (int, float)):
        return (False, value)
    return (True, " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
