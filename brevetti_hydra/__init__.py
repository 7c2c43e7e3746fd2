"""A declarative trainer harness for the Brevetti AI platform, and just as good without it.

Write a job as a class with typed settings, and run it from YAML, the command line, or Python:

    from brevetti_hydra import Field, Job, JobSettings

    class MySettings(JobSettings):
        epochs: int = Field(10, gt=0, description="passes over the training images")

    class MyJob(Job):
        settings: MySettings

        def run(self):
            for epoch in range(self.settings.epochs):
                self.report_progress(epoch, loss=1 / (epoch + 1))

    MyJob.init().start()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import Field

    from brevetti_hydra.errors import BrevettiHydraError, RunInterrupted, RunPruned
    from brevetti_hydra.job import Job
    from brevetti_hydra.record import RunRecord, RunState
    from brevetti_hydra.run.table import load_runs
    from brevetti_hydra.settings import JobSettings, Secret

__all__ = [
    "BrevettiHydraError",
    "Field",
    "Job",
    "JobSettings",
    "RunInterrupted",
    "RunPruned",
    "RunRecord",
    "RunState",
    "Secret",
    "__version__",
    "load_runs",
]

__version__ = "0.1.0"

_HOMES = {
    "BrevettiHydraError": "brevetti_hydra.errors",
    "Field": "pydantic",
    "Job": "brevetti_hydra.job",
    "JobSettings": "brevetti_hydra.settings",
    "RunInterrupted": "brevetti_hydra.errors",
    "RunPruned": "brevetti_hydra.errors",
    "RunRecord": "brevetti_hydra.record",
    "RunState": "brevetti_hydra.record",
    "Secret": "brevetti_hydra.settings",
    "load_runs": "brevetti_hydra.run.table",
}


# Hidden from type checkers: to them a name that is not imported above is a mistake.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first asked for."""
        home = _HOMES.get(name)
        if home is None:
            message = f"module 'brevetti_hydra' has no attribute '{name}'"
            raise AttributeError(message)
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Name what can be imported."""
    return sorted(__all__)
