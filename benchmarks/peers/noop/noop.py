"""The harness: a Job that does nothing."""

from __future__ import annotations

from pydantic import BaseModel

from brevetti_hydra import Job, JobSettings


class Model(BaseModel):
    """A nested node."""

    depth: int = 2


class Settings(JobSettings):
    """Five settings, one of them nested."""

    lr: float = 0.1
    epochs: int = 1
    name: str = "nothing"
    shuffle: bool = True
    model: Model = Model()


class Noop(Job):
    """Reads one setting, and does nothing with it."""

    settings: Settings

    def run(self) -> None:
        """Do nothing."""
        _ = self.settings.model.depth
