"""Runs as a pandas table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

import brevetti_hydra
from brevetti_hydra._clock import parse_utc
from brevetti_hydra.record import JobRef, RunRecord, RunState
from brevetti_hydra.run.folders import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def add_run(root: Path, number: int, accuracy: float | None) -> None:
    """Write the record of one finished run."""
    run_id = f"0000000{number}-0000-4000-8000-000000000000"
    created = f"2026-11-23T10:15:0{number}.000Z"
    folder = RunFolder.new(root, "classifier", run_id, parse_utc(created))
    record = RunRecord(
        run_id=run_id,
        folder=folder.name,
        job=JobRef(name="classifier", target="my.train:MyJob"),
        state=RunState.COMPLETED if accuracy is not None else RunState.FAILED,
        created=created,
        seed=0,
        overrides=(),
        command=(),
        settings={"lr": 0.1 * number, "model": {"hidden": 32}},
        metrics={} if accuracy is None else {"accuracy": accuracy},
        storage="storage",
    )
    folder.record.write_text(record.model_dump_json(), encoding="utf-8")


def test_columns(tmp_path: Path) -> None:
    """One row a run, newest first; metrics and settings are flat columns."""
    add_run(tmp_path, 1, 0.5)
    add_run(tmp_path, 2, None)

    table = brevetti_hydra.load_runs(tmp_path)

    assert ["0000000200", "0000000100"] == list(table.index)
    assert [32, 32] == list(table["settings.model.hidden"])
    assert pd.isna(table["metrics.accuracy"].iloc[0])
    assert 0.5 == table["metrics.accuracy"].iloc[1]
    assert pd.Timestamp("2026-11-23T10:15:02Z") == table["created"].iloc[0]


def test_where(tmp_path: Path) -> None:
    """Conditions are those of the command line."""
    for number in range(1, 5):
        add_run(tmp_path, number, number / 10)

    table = brevetti_hydra.load_runs(tmp_path, where=["metrics.accuracy>0.1", "settings.lr<0.35"])

    assert [0.3, 0.2] == list(table["metrics.accuracy"])


def test_default_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder, the environment's is read, else ./runs; none at all is an empty table."""
    add_run(tmp_path / "elsewhere", 1, 0.5)
    monkeypatch.chdir(tmp_path)

    assert 0 == len(brevetti_hydra.load_runs())
    monkeypatch.setenv("BREVETTI_HYDRA_RUNS", str(tmp_path / "elsewhere"))
    assert 1 == len(brevetti_hydra.load_runs())


def test_damaged_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged record is logged and left out."""
    add_run(tmp_path, 1, 0.5)
    add_run(tmp_path, 2, 0.5)
    next(tmp_path.glob("*/record.json")).write_text("{", encoding="utf-8")

    assert 1 == len(brevetti_hydra.load_runs(tmp_path))
    assert "record-unreadable" in caplog.text
