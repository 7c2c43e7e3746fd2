"""A process that forks one child per case, which plays a scenario and may be killed in it.

Reads cases as JSON lines `{scenario, root, kill, source}` and answers each with the child's status
and the kill points that it passed. It forks while it has one thread and everything imported, so
that a case takes milliseconds.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import brevetti_hydra.run.session
import brevetti_hydra.storage.access
import brevetti_hydra.storage.transfer  # noqa: F401 - a run would import them, in each child anew
from brevetti_hydra.errors import RunNotFoundError, RunPruned
from brevetti_hydra.record import JobRef, RunRecord, TrialRef
from brevetti_hydra.run import ConfigText, RunContext, RunFolder, RunPlan
from brevetti_hydra.run.annotate import remove_run, set_tags
from brevetti_hydra.run.history import find_run, list_runs, read_record
from brevetti_hydra.run.requests import Request, clear_requests, note_kill, write_request
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
        if isinstance(self.end, FullDiskError):
            size_bytes = context.folder.journal.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
        if self.end is not None:
            raise self.end
        model = context.temp_path / "model.bin"
        model.write_bytes(b"model")
        return model


class FullDiskError(ValueError):
    """The end of a job that leaves no room for its state."""


def trial_of(root: Path) -> RunFolder:
    """Name the folder of a trial; that of its sweep is there."""
    sweep = root / "sweep-20261123T101500Z-work-4f1c9a1200"
    sweep.mkdir(parents=True, exist_ok=True)
    return RunFolder(sweep / "00000-work-1234567890")


def take(folder: RunFolder, source: Path, attempt: int) -> RunRecord:
    """Run one attempt of the trial, with what is left of earlier ones."""
    ref = TrialRef(sweep=folder.runs_root.name, number=0, key="k", objectives=("accuracy",))
    plan = plan_of(folder.runs_root, source, trial=ref)
    context = RunContext(
        plan,
        folder=folder,
        run_id="12345678-90ab-4def-8000-0123456789ab",
        attempt=attempt,
    )
    return context.start(Work(context, None))


def plan_of(root: Path, source: Path, trial: TrialRef | None = None) -> RunPlan:
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
        trial=trial,
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
    elif scenario == "ask":
        folder = find_run("last", root)
        write_request(folder, Request("stop", "on purpose"), attempt=1)
        note_kill(folder, "MemoryLimit", "on purpose", attempt=1)
        clear_requests(folder)
    elif scenario == "trial":
        take(trial_of(root), source, attempt=1)
    elif scenario == "trial again":
        folder = trial_of(root)
        try:
            record = read_record(folder)
        except RunNotFoundError:
            take(folder, source, attempt=1)
        else:
            if record.state.is_resumable:
                take(folder, source, attempt=len(record.attempts) + 1)
    else:
        ends = {
            "fail": ValueError("on purpose"),
            "interrupt": KeyboardInterrupt(),
            "prune": RunPruned("on purpose"),
            "withdraw": FullDiskError("on purpose"),
        }
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
    except (ValueError, KeyboardInterrupt, RunPruned):
        code = 10
    except BaseException:
        code = 11
    os.write(writer, json.dumps(passed).encode())
    os._exit(code)


if __name__ == "__main__":
    main()
