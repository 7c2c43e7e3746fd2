"""The job at version 1 of its configuration."""

from brevetti_hydra import Job, JobSettings


class Settings(JobSettings):
    learning_rate: float = 0.1
    momentum: float = 0.0
    timeout_min: float = 1
    mode: str = "quick"
    size: int = 8
    shout: bool = False
    note: str = ""


class Trainer(Job):
    settings: Settings

    def run(self) -> None:
        self.add_output_metric("size", self.settings.size)
