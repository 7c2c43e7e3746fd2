"""The smallest job: it greets, counts epochs, and needs no package beyond the harness."""

from __future__ import annotations

from pydantic import Field

from brevetti_hydra.job import Job
from brevetti_hydra.settings import JobSettings

__all__ = ["Hello", "HelloSettings"]


class HelloSettings(JobSettings):
    """What the greeting depends on."""

    greeting: str = Field("hello", min_length=1, description="what to say")
    epochs: int = Field(3, ge=1, le=1000, description="how often to say it")


class Hello(Job):
    """Greets once an epoch and leaves the greetings as an artifact."""

    settings: HelloSettings

    def run(self) -> None:
        """Greet, report each epoch, and keep what was said."""
        said = []
        for epoch in range(1, self.settings.epochs + 1):
            said.append(f"{self.settings.greeting} {epoch}")
            print(said[-1])  # noqa: T201 - what a job prints goes to the terminal and run.log
            self.report_progress(epoch, progress=epoch / self.settings.epochs)
        self.artifact_path("greetings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
        self.add_output_metric("greetings", len(said))
