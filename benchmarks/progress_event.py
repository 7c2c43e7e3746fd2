"""A progress event with three metrics, beside a bare write of the same bytes.

python benchmarks/progress_event.py [--rounds 40] [--margin 1.0]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, median, read_options, report

from brevetti_hydra.record import JobRef
from brevetti_hydra.run import RunContext, RunPlan
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode

MOST_US = 20.0
EVENTS = 500


class Measured:
    """A job that measures its own reports, and writes the same bytes without the harness."""

    settings = JobSettings()

    def __init__(self, context: RunContext, rounds: int) -> None:
        self.context = context
        self.rounds = rounds
        self.event_us: list[float] = []
        self.write_us: list[float] = []

    def run(self) -> None:
        """Take turns: some events, the same number of writes."""
        self.context.report_progress(0, {"loss": 0.1, "accuracy": 0.2, "learning_rate": 0.3})
        line = self.context.folder.journal.read_bytes().splitlines(keepends=True)[-1]
        path = self.context.folder.root / "bare.jsonl"
        bare = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in range(self.rounds):
            self.event_us.append(self._report(number))
            self.write_us.append(_write(bare, line))
        os.close(bare)

    def _report(self, number: int) -> float:
        progress = self.context.report_progress
        metrics = [
            {"loss": 1 / (1 + step), "accuracy": step / EVENTS, "learning_rate": 1e-3 * number}
            for step in range(EVENTS)
        ]
        begin = time.perf_counter()
        for step in range(EVENTS):
            progress(step, metrics[step])
        return (time.perf_counter() - begin) / EVENTS * 1e6


def _write(descriptor: int, line: bytes) -> float:
    begin = time.perf_counter()
    for _ in range(EVENTS):
        os.write(descriptor, line)
    return (time.perf_counter() - begin) / EVENTS * 1e6


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=40)
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            job=JobRef(name="measured", target="benchmarks:Measured"),
            settings=Measured.settings,
            settings_json={},
            job_node=JobNode(),
            platform_node=PlatformNode(),
            run_node=RunNode(root=str(Path(folder) / "runs")),
        )
        context = RunContext(plan)
        job = Measured(context, options.rounds)
        context.start(job)
    event, write = median(job.event_us), median(job.write_us)
    figure = Figure(
        "progress event with 3 metrics",
        event,
        MOST_US,
        "us",
        f"a bare os.write of the same bytes takes {write:.1f} us",
    )
    return report([figure], options)


if __name__ == "__main__":
    sys.exit(main())
