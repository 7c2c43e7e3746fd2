"""A small project whose job is searched over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
import math
import time
from typing import Annotated, Literal

from pydantic import model_validator

from brevetti_hydra import Field, Job, JobSettings, Secret


class Cnn(JobSettings):
    kind: Literal["cnn"] = "cnn"
    depth: int = Field(2, ge=1, le=8)


class Mlp(JobSettings):
    kind: Literal["mlp"] = "mlp"
    width: int = Field(16, ge=1)


class Settings(JobSettings):
    lr: float = Field(0.1, gt=0)
    epochs: int = 4
    optimizer: str = "adam"
    low: float = 0.0
    high: float = 1.0
    pause_s: float = 0.0
    token: Secret = "none"
    model: Annotated[Cnn | Mlp, Field(discriminator="kind")] = Cnn()

    @model_validator(mode="after")
    def _in_order(self):
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class Train(Job):
    settings: Settings
    objective = "loss"

    def run(self):
        for epoch in range(self.settings.epochs):
            time.sleep(self.settings.pause_s)
            size = getattr(self.settings.model, "depth", 5)
            loss = (math.log10(self.settings.lr) + 2) ** 2 + size / 10 + 1 / (1 + epoch)
            self.report_progress(epoch, loss=loss, size=size)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the project, and go there."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "train.py").write_text(JOB, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # Each test has a module of that name.
    monkeypatch.delitem(sys.modules, "train", raising=False)
    return tmp_path
