"""Columns of runs: conditions, sorting, rows."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.errors import UsageError
from brevetti_hydra.record import Failure, JobRef, RunRecord, RunState
from brevetti_hydra.run.columns import (
    MISSING,
    flat_row,
    read_condition,
    select,
    short_id,
    sort_runs,
    value_of,
)


def record(**changes: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "run_id": "4f1c9a0b-1200-4000-8000-000000000000",
        "folder": "20261123T101500Z-classifier-4f1c9a0b12",
        "job": JobRef(name="classifier", target="my.train:MyJob"),
        "state": RunState.COMPLETED,
        "created": "2026-11-23T10:15:00.000Z",
        "duration_s": 12.5,
        "seed": 0,
        "tags": ("good", "paper"),
        "overrides": ("job=classifier", "lr=0.01"),
        "command": (),
        "settings": {"lr": 0.01, "model": {"hidden": 32, "name": "mlp"}, "augment": None},
        "metrics": {"accuracy": 0.97, "val.loss": 0.1},
        "progress": {"loss": 0.2},
        "storage": "storage",
    }
    return RunRecord(**{**fields, **changes})


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("id", "4f1c9a0b12"),
        ("state", "completed"),
        ("job", "classifier"),
        ("job.target", "my.train:MyJob"),
        ("duration", 12.5),
        ("metrics.accuracy", 0.97),
        ("metrics.val.loss", 0.1),
        ("accuracy", 0.97),
        ("loss", 0.2),
        ("lr", 0.01),
        ("settings.model.hidden", 32),
        ("model.hidden", 32),
        ("model", None),
        ("settings.model", {"hidden": 32, "name": "mlp"}),
        ("settings.augment", None),
        ("settings.augment.flip", MISSING),
        ("metrics.f1", MISSING),
        ("nothing", MISSING),
        ("failure.type", MISSING),
    ],
)
def test_value_of_column(key: str, expected: object) -> None:
    """A dotted key names a field, a metric or a setting; a bare one is looked for."""
    assert expected == value_of(record(), key)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("metrics.accuracy>0.9", True),
        ("metrics.accuracy > 0.97", False),
        ("metrics.accuracy>=0.97", True),
        ("metrics.accuracy<1e0", True),
        ("metrics.accuracy<=0.96", False),
        ("metrics.accuracy=0.970", True),
        ("metrics.accuracy==0.97", True),
        ("metrics.accuracy!=0.97", False),
        ("metrics.accuracy=high", False),
        ("metrics.f1>0", False),
        ("metrics.f1=null", True),
        ("metrics.f1!=null", False),
        ("settings.augment=none", True),
        ("state=completed", True),
        ("state!=failed", True),
        ("state='completed'", True),
        ("job~CLASS", True),
        ("tags=good", True),
        ("tags=bad", False),
        ("tags!=bad", True),
        ("tags~pap", True),
        ("overrides~lr=", True),
        ("created>2026-11-01", True),
        ("created<2026-11-01", False),
        ("model.name=mlp", True),
        ("settings.model.hidden>=32", True),
    ],
)
def test_condition(condition: str, expected: bool) -> None:
    """Numbers compare as numbers, texts as texts, lists by their items, absence as null."""
    assert expected is read_condition(condition).accepts(record())


@pytest.mark.parametrize("text", ["", "accuracy", ">0.9", "=", "a b > 1", "  "])
def test_no_condition(text: str) -> None:
    """What has no column, operator and value is refused, and nothing is evaluated."""
    with pytest.raises(UsageError, match="cannot read the condition"):
        read_condition(text)


def test_number_against_word() -> None:
    """The order of a number and a word is a mistake of the question."""
    with pytest.raises(UsageError, match=r"'metrics\.accuracy' is a number"):
        select([record()], "metrics.accuracy>high")


def test_nan_is_no_order() -> None:
    """NaN is neither greater nor smaller than anything, and can be asked for."""
    run = record(metrics={"accuracy": math.nan})

    assert [] == select([run], "metrics.accuracy>0")
    assert [] == select([run], "metrics.accuracy<=0")
    assert [run] == select([run], "metrics.accuracy=nan")


def test_conditions_are_anded() -> None:
    """Several conditions must all hold."""
    runs = [record(metrics={"accuracy": value / 10}) for value in range(10)]

    kept = select(runs, ["accuracy>0.3", "accuracy<0.6"])

    assert [0.4, 0.5] == [run.metrics["accuracy"] for run in kept]


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers()), max_size=12))
def test_sort_puts_absent_last(values: list[float | None]) -> None:
    """Runs sort by a column both ways; what lacks it, or has NaN there, comes last."""
    runs = [record(metrics={} if value is None else {"a": value}) for value in values]
    numbers = sorted(float(v) for v in values if v is not None and not math.isnan(v))

    ascending = [value_of(run, "a") for run in sort_runs(runs, "a")]
    descending = [value_of(run, "a") for run in sort_runs(runs, "-a")]

    assert numbers == ascending[: len(numbers)]
    assert numbers[::-1] == descending[: len(numbers)]
    assert len(runs) == len(ascending) == len(descending)


def test_sort_is_stable() -> None:
    """Equal runs keep their order, newest first, both ways."""
    runs = [record(name=str(number), seed=number % 2) for number in range(4)]

    assert ["0", "2", "1", "3"] == [run.name for run in sort_runs(runs, "seed")]
    assert ["1", "3", "0", "2"] == [run.name for run in sort_runs(runs, "-seed")]


def test_flat_row() -> None:
    """A row has one column per metric and setting, nested ones dotted."""
    row = flat_row(record(failure=Failure(type="ValueError", message="bad")))

    assert 0.97 == row["metrics.accuracy"]
    assert 32 == row["settings.model.hidden"]
    assert "ValueError: bad" == row["failure"]
    assert "4f1c9a0b12" == row["id"] == short_id(record())
