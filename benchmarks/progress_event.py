"""A progress event with three metrics, beside a bare write of the same bytes.

Run it by `python benchmarks/progress_event.py`. It prints both times and their ratio, and exits
with 1 if an event takes more than 20 microseconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from brevetti_hydra.record import JobRef
from brevetti_hydra.run import RunContext, RunPlan
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode

MOST_US = 20.0
ROUNDS = 40
EVENTS = 500


class Measured:
    """A job that measures its own reports, and writes the same bytes without the harness."""

    settings = JobSettings()

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.event_us: list[float] = []
        self.write_us: list[float] = []

    def run(self) -> None:
        """Take turns: some events, the same number of writes."""
        self.context.report_progress(0, {"loss": 0.1, "accuracy": 0.2, "learning_rate": 0.3})
        line = self.context.folder.journal.read_bytes().splitlines(keepends=True)[-1]
        path = self.context.folder.root / "bare.jsonl"
        bare = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in range(ROUNDS):
            self.event_us.append(self._report(number))
            self.write_us.append(_write(bare, line))
        os.close(bare)

    def _report(self, number: int) -> float:
        report = self.context.report_progress
        metrics = [
            {"loss": 1 / (1 + step), "accuracy": step / EVENTS, "learning_rate": 1e-3 * number}
            for step in range(EVENTS)
        ]
        begin = time.perf_counter()
        for step in range(EVENTS):
            report(step, metrics[step])
        return (time.perf_counter() - begin) / EVENTS * 1e6


def _write(descriptor: int, line: bytes) -> float:
    begin = time.perf_counter()
    for _ in range(EVENTS):
        os.write(descriptor, line)
    return (time.perf_counter() - begin) / EVENTS * 1e6


def main() -> int:
    """Measure and judge."""
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
        job = Measured(context)
        context.start(job)
    event, write = median(job.event_us), median(job.write_us)
    print(f"progress event {event:.1f} us (at most {MOST_US:.0f})")
    print(f"bare os.write  {write:.1f} us, ratio {event / write:.1f}")
    return 0 if event <= MOST_US else 1


if __name__ == "__main__":
    sys.exit(main())
