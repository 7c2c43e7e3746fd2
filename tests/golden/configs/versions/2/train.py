"""The job at version 2 of its configuration."""

from brevetti_hydra import Job, JobSettings


class Settings(JobSettings):
    lr: float = 0.1
    momentum: float = 0.0
    timeout_s: float = 60
    mode: str = "fast"
    size: int = 8
    note: str = ""


class Trainer(Job):
    settings: Settings

    def run(self) -> None:
        self.add_output_metric("size", self.settings.size)
