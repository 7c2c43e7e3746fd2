"""What a type checker infers in a user's code. Checked by mypy --strict, never run.

An `assert_type` that does not hold is an error of mypy; so is an ignore that nothing needs.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Literal, assert_type

import pandas as pd
from pydantic import BaseModel
from upath import UPath

import brevetti_hydra
from brevetti_hydra import Field, Job, JobSettings, RunRecord, RunState, Secret, load_runs
from brevetti_hydra.storage.dataset import Dataset


@dataclasses.dataclass
class Augment:
    """A standard dataclass as a node."""

    flip: bool = False


class Model(BaseModel):
    """A pydantic model as a node."""

    depth: int = 2
    kind: Literal["small", "large"] = "small"


class Settings(JobSettings):
    """A tree."""

    lr: float = Field(0.1, gt=0, description="learning rate")
    epochs: int
    model: Model = Model()
    augment: Augment = Augment()
    token: Secret | None = None


class Training(Job):
    """A user's job."""

    settings: Settings

    def run(self) -> str | None:
        """Use everything that is there to be used."""
        assert_type(self.settings, Settings)
        assert_type(self.settings.lr, float)
        assert_type(self.settings.epochs, int)
        assert_type(self.settings.model.kind, Literal["small", "large"])
        assert_type(self.settings.augment.flip, bool)
        assert_type(self.datasets, list[Dataset])
        assert_type(self.tags, list[str])
        assert_type(self.artifacts_path, UPath)
        assert_type(self.temp_path, UPath)
        assert_type(self.checkpoint_path, UPath)
        assert_type(self.artifact_path("a", "b.txt"), UPath)
        assert_type(self.stop_requested, bool)
        assert_type(self.logger, logging.Logger)
        assert_type(self.get_image_samples(), pd.DataFrame)
        self.report_progress(1, loss=0.5, accuracy=1)
        self.add_output_metric("accuracy", 0.5)

        self.settings.momentum  # type: ignore[attr-defined]  # must be an error
        self.add_output_metric("accuracy", "high")  # type: ignore[arg-type]  # must be an error
        return None


class Returning(Job):
    """What run() returns is a path or None."""

    def run(self) -> int:  # type: ignore[override]  # must be an error
        """Return something that is no path."""
        return 3


def check() -> None:
    """Check what the calls give."""
    job = Training.init(overrides=["epochs=3"], argv=[])
    assert_type(job, Training)
    assert_type(job.settings.model, Model)
    record = job.start()
    assert_type(record, RunRecord)
    assert_type(record.state, RunState)
    assert_type(record.state.is_finished, bool)
    assert_type(record.metrics, dict[str, float])
    assert_type(job.start(complete_job=False), RunRecord)
    assert_type(load_runs(), pd.DataFrame)
    assert_type(brevetti_hydra.__version__, str)

    Training.init(job="x")  # type: ignore[call-arg]  # must be an error
    brevetti_hydra.nothing  # type: ignore[attr-defined]  # must be an error
