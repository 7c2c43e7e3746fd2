"""A process that forks one child per case, which plays a scenario and may be killed in it.

Reads cases as JSON lines `{scenario, root, kill, source}` and answers each with the child's status
and the kill points that it passed. It forks while it has one thread and everything imported, so
that a case takes milliseconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import brevetti_hydra.run.session
import brevetti_hydra.storage.access
import brevetti_hydra.storage.transfer  # noqa: F401 - a run would import them, in each child anew
from brevetti_hydra.record import JobRef
from brevetti_hydra.run import ConfigText, RunContext, RunPlan
from brevetti_hydra.run.annotate import remove_run, set_tags
from brevetti_hydra.run.history import find_run, list_runs
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode
from brevetti_hydra.testing.faults import arm, watch_points


class Work:
    """Passes every kill point that a job can pass, then ends as it was told."""

    settings = JobSettings()

    def __init__(self, context: RunContext, end: BaseException | None) -> None:
        self.context = context
        self.end = end

    def run(self) -> Any:
        """Leave a checkpoint, an artifact, progress, a metric, output and a model."""
        context = self.context
        (context.checkpoint_path / "state.txt").write_text("epoch 1")
        context.artifact_path("a", "b.txt").write_text("artifact")
        print("a line of output")
        for epoch in (1, 2):
            context.report_progress(epoch, {"loss": 1 / epoch, "rate": float("nan")})
        context.add_output_metric("accuracy", 0.75)
        time.sleep(0.02)
        if self.end is not None:
            raise self.end
        model = context.temp_path / "model.bin"
        model.write_bytes(b"model")
        return model


def plan_of(root: Path, source: Path) -> RunPlan:
    """Make the plan of the scenario's job, whose source lies in a git tree."""
    return RunPlan(
        job=JobRef(name="work", target="scenario:Work"),
        settings=Work.settings,
        settings_json={},
        job_node=JobNode(),
        platform_node=PlatformNode(),
        # A short lease: a heartbeat each 5 ms.
        run_node=RunNode(root=str(root), lease_s=0.02),
        sources=[ConfigText("conf/job/work.yaml", b"lr: 0.1\n")],
        package_folders=[source],
    )


def failing_observer(_event: object) -> None:
    """Make the run warn."""
    message = "an observer that fails"
    raise ValueError(message)


def play(scenario: str, root: Path, source: Path) -> None:
    """Play one scenario."""
    if scenario == "look":
        list_runs(root)
    elif scenario == "tag":
        set_tags(find_run("last", root), ["tagged"])
    elif scenario == "remove":
        remove_run(find_run("last", root))
    else:
        ends = {"fail": ValueError("on purpose"), "interrupt": KeyboardInterrupt()}
        context = RunContext(plan_of(root, source), observers=[failing_observer])
        context.start(Work(context, ends.get(scenario)))


def main() -> None:
    """Answer cases until the input ends."""
    for line in sys.stdin:
        case = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            play_and_exit(case, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            passed = json.loads(stream.read() or b"null")
        _, status = os.waitpid(child, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "passed": passed}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def play_and_exit(case: dict[str, Any], writer: int) -> None:
    """Be the child: play, tell what was passed, and end without the parent's clean-up."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    code = 0
    passed: list[tuple[str, str]] = []
    try:
        with watch_points() as passed:
            if case["kill"]:
                arm(case["kill"])
            play(case["scenario"], Path(case["root"]), Path(case["source"]))
    except (ValueError, KeyboardInterrupt):
        code = 10
    except BaseException:
        code = 11
    os.write(writer, json.dumps(passed).encode())
    os._exit(code)


if __name__ == "__main__":
    main()
