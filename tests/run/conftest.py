"""Small jobs and plans for the tests of the lifecycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.record import JobRef
from brevetti_hydra.run import RunContext, RunPlan
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class SmallSettings(JobSettings):
    """Two settings."""

    epochs: int = 3
    name: str = "a"


class SmallJob:
    """A job whose work is a function of its context."""

    def __init__(self, context: RunContext, work: Callable[[RunContext], Any]) -> None:
        self.settings = SmallSettings()
        self._context = context
        self._work = work

    def run(self) -> Any:
        return self._work(self._context)


def make_plan(root: Path, **changes: Any) -> RunPlan:
    """Make a plan; `run=`, `job=` and `platform=` hold keys of those nodes."""
    run = {"root": str(root), **changes.pop("run", {})}
    job = changes.pop("job", {})
    platform = changes.pop("platform", {})
    name = changes.pop("name", "small")
    values: dict[str, Any] = {
        "job": JobRef(name=name, target="tests:SmallJob"),
        "settings": SmallSettings(),
        "settings_json": SmallSettings().model_dump(mode="json"),
        "job_node": JobNode(**job),
        "platform_node": PlatformNode(**platform),
        "run_node": RunNode(**run),
        "overrides": ["epochs=3"],
        "command": ["brevetti-hydra", "job=small"],
        **changes,
    }
    return RunPlan(**values)


class Starter:
    """Starts small jobs below one folder of runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def context(self, *, observers: Any = (), **changes: Any) -> RunContext:
        return RunContext(make_plan(self.root, **changes), observers=observers)

    def start(self, work: Callable[[RunContext], Any], **changes: Any) -> RunContext:
        """Start a job and give its context; what `work` raises is raised."""
        context = self.context(**changes)
        self.run(context, work)
        return context

    def run(self, context: RunContext, work: Callable[[RunContext], Any]) -> Any:
        return context.start(SmallJob(context, work))


@pytest.fixture
def starter(tmp_path: Path) -> Starter:
    """Give what starts small jobs below `tmp_path / "runs"`."""
    return Starter(tmp_path / "runs")
