"""A job with settings of each kind that a sweep of format 1 may vary."""

from __future__ import annotations

from typing import Annotated, Literal

from brevetti_hydra import Field, Job, JobSettings, Secret


class Adam(JobSettings):
    """One variant."""

    kind: Literal["adam"] = "adam"
    beta: float = 0.9


class Sgd(JobSettings):
    """Another one."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.5


class Settings(JobSettings):
    """What the job needs."""

    lr: float = Field(0.1, gt=0)
    epochs: int = 2
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    token: Secret = "none"


class Train(Job):
    """Reports a loss of its settings alone."""

    settings: Settings
    objective = "loss"

    def run(self) -> None:
        """Report each epoch; a large step diverges."""
        settings = self.settings
        for epoch in range(1, settings.epochs + 1):
            extra = settings.optim.beta if isinstance(settings.optim, Adam) else 0.25
            self.report_progress(epoch, loss=settings.lr / epoch + extra)
        if settings.lr > 0.5:
            message = "it diverged"
            raise ValueError(message)
        self.add_output_metric("loss", settings.lr + extra)
