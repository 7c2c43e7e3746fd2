"""The job at version 3 of its configuration; its class has moved here."""

from brevetti_hydra import Job, JobSettings


class Optim(JobSettings):
    lr: float = 0.1
    momentum: float = 0.0


class Settings(JobSettings):
    optim: Optim = Optim()
    timeout_s: float = 60
    mode: str = "fast"
    width: int = 8
    height: int = 8
    note: str = ""


class Trainer(Job):
    settings: Settings

    def run(self) -> None:
        self.add_output_metric("size", self.settings.width)
