"""The shipped hello job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.jobs.hello import Hello

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_hello_leaves_its_greetings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reports each epoch, counts, and keeps what it said."""
    monkeypatch.chdir(tmp_path)

    record = Hello.init(argv=["greeting=good day", "--epochs", "2"]).start()

    [said] = tmp_path.glob("runs/*/storage/artifacts/greetings.txt")
    assert "good day 1\ngood day 2\n" == said.read_text(encoding="utf-8")
    assert ({"greetings": 2.0}, {"progress": 1.0}, 2) == (
        record.metrics,
        record.progress,
        record.epoch,
    )
