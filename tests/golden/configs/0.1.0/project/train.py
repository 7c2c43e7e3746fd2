"""A job with a bit of everything that a configuration of 0.1.0 could hold."""

from typing import Annotated, Literal

from brevetti_hydra import Field, Job, JobSettings, Secret


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: float = Field(1e-3, gt=0, description="step size")


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.1, gt=0, description="step size")
    momentum: float = 0.0


class Settings(JobSettings):
    epochs: int = Field(2, gt=0)
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    layers: list[int] = Field([8, 4])
    weights: dict[str, float] = Field({})
    label: str = "plain"
    note: str = ""
    token: Secret | None = None


class Trainer(Job):
    settings: Settings

    def run(self) -> None:
        for epoch in range(1, self.settings.epochs + 1):
            self.report_progress(epoch, loss=1 / epoch)
        self.add_output_metric("loss", 1 / self.settings.epochs)
