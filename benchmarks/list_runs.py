"""Listing 10,000 records against reading the same files and their JSON.

    python benchmarks/list_runs.py [--rounds 5] [--margin 1.0]

Listing gives validated records, newest first, after a look whether any run was lost.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import Figure, median, read_options, report

from brevetti_hydra.record import JobRef
from brevetti_hydra.run import RunContext, RunPlan
from brevetti_hydra.run.history import list_runs
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = 10_000
RATIO_AT_MOST = 2.0
SETTINGS = {"lr": 0.01, "epochs": 60, "model": {"hidden": 64, "l2": 1e-4}, "batch_size": 16}


class Listed:
    """A job that leaves what a short training leaves."""

    settings = JobSettings()

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def run(self) -> None:
        """Report a little."""
        for epoch in range(1, 4):
            self.context.report_progress(epoch, {"loss": 1 / epoch, "accuracy": 1 - 1 / epoch})
        self.context.add_output_metric("accuracy", 0.75)


def make_runs(root: Path, count: int) -> None:
    """Run once, then copy what `list_runs` reads under other ids."""
    plan = RunPlan(
        job=JobRef(name="listed", target="list_runs:Listed"),
        settings=Listed.settings,
        settings_json=SETTINGS,
        job_node=JobNode(),
        platform_node=PlatformNode(),
        run_node=RunNode(root=str(root)),
        overrides=["lr=0.01", "model.hidden=64"],
        command=["brevetti-hydra", "job=listed", "lr=0.01", "model.hidden=64"],
    )
    context = RunContext(plan)
    context.start(Listed(context))
    folder = context.folder
    record, journal = json.loads(folder.record.read_bytes()), folder.journal.read_bytes()
    for number in range(1, count):
        short_id = f"{number:010x}"
        copy = root / f"{folder.name[:-10]}{short_id}"
        copy.mkdir()
        changed = {**record, "run_id": f"{short_id[:8]}-{short_id[8:]}", "folder": copy.name}
        (copy / "record.json").write_text(json.dumps(changed), encoding="utf-8")
        (copy / "journal.jsonl").write_bytes(journal)


def read_all(root: Path) -> list[Any]:
    """Read each record's bytes and parse them."""
    return [json.loads(content) for content in read_bytes_all(root)]


def read_bytes_all(root: Path) -> list[Any]:
    """Read each record's bytes, and do nothing else."""
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return [(root / name / "record.json").read_bytes() for name in names]


def seconds_of(call: Callable[[Path], list[Any]], root: Path) -> float:
    """Time one call, which has to find all of them.

    Raises:
        SystemExit: It did not.
    """
    begin = time.perf_counter()
    found = len(call(root))
    taken = time.perf_counter() - begin
    if found != RECORDS:
        sys.exit(f"found {found} of {RECORDS} records")
    return taken


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=5)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "runs"
        make_runs(root, RECORDS)
        seconds_of(list_runs, root)  # pays for the imports and the system's cache
        listed, read, bare = [], [], []
        for _ in range(options.rounds):
            listed.append(seconds_of(list_runs, root))
            read.append(seconds_of(read_all, root))
            bare.append(seconds_of(read_bytes_all, root))
    list_s, read_s, bare_s = median(listed), median(read), median(bare)
    figure = Figure(
        "listing 10,000 records",
        list_s / read_s,
        RATIO_AT_MOST,
        detail=f"{list_s * 1e3:.0f} ms against {read_s * 1e3:.0f} ms for reading and parsing, "
        f"{bare_s * 1e3:.0f} ms for reading alone ({list_s / bare_s:.1f} x)",
    )
    return report([figure], options)


if __name__ == "__main__":
    sys.exit(main())
