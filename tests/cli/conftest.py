"""Recorded runs, written as a run writes them, and the command line called in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from brevetti_hydra._clock import parse_utc
from brevetti_hydra.cli.main import main
from brevetti_hydra.record import Attempt, JobRef, RunRecord, RunState, Snapshot
from brevetti_hydra.run.folders import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Answer(NamedTuple):
    """What one command line answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Read the one document of stdout."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """Read a document from each line of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Give a function that runs one command line and returns its answer."""

    def run(*argv: str) -> Answer:
        capfd.readouterr()
        code = main(argv)
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder; give its `runs`, which does not exist yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def make_run(runs_dir: Path) -> Callable[..., RunFolder]:
    """Give a function that records one more finished run; keywords change its record."""
    made = 0

    def make(log: str = "hello\n", **changes: Any) -> RunFolder:
        nonlocal made
        made += 1
        digits = f"{made:02x}ab{made:06d}"
        run_id = f"{digits[:8]}-{digits[8:]}00-4000-8000-000000000000"
        created = f"2026-11-23T10:15:{made:02d}.000Z"
        folder = RunFolder.new(runs_dir, "classifier", run_id, parse_utc(created))
        snapshot = Snapshot(
            config={"lr": 0.01, "job": {"_target_": "my.train:MyJob"}},
            origins={"lr": ["argument 2: lr=0.01", "conf/job/classifier.yaml:4:1"]},
            choices={"job": "classifier"},
            environment={
                "python": "3.11.2",
                "packages": {"numpy": "2.0"},
                "git": {"commit": "abc", "branch": "main", "is_dirty": True, "changed": ["x"]},
            },
        )
        record = RunRecord(
            **{
                "run_id": run_id,
                "folder": folder.name,
                "job": JobRef(name="classifier", target="my.train:MyJob", file="my/train.py"),
                "state": RunState.COMPLETED,
                "created": created,
                "ended": created.replace("10:15", "10:16"),
                "duration_s": 60.0,
                "seed": 0,
                "overrides": ("job=classifier", "lr=0.01"),
                "command": ("brevetti-hydra", "job=classifier", "lr=0.01"),
                "settings": {"lr": 0.01, "epochs": 5, "model": {"hidden": 32}},
                "attempts": (
                    Attempt(
                        number=1,
                        host="here",
                        boot_id="",
                        pid=1,
                        process_started="",
                        started=created,
                        ended=created.replace("10:15", "10:16"),
                        state=changes.get("state", RunState.COMPLETED),
                    ),
                ),
                "storage": "storage",
                **changes,
            }
        )
        folder.record.write_text(record.model_dump_json(), encoding="utf-8")
        folder.snapshot.write_text(snapshot.model_dump_json(), encoding="utf-8")
        folder.artifacts_dir.mkdir(parents=True)
        folder.log.write_text(log, encoding="utf-8")
        return folder

    return make
