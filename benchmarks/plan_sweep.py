"""Planning a sweep: time and memory a trial, small and large configurations.

Each sweep is composed, validated and laid over its frozen configuration in a process of its own;
nothing is written, and the time is the processor's. 100,000 trials have to stay below 1 GB and cost
what fewer cost each.

    python benchmarks/plan_sweep.py [--margin 1.0]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from figures import Figure, read_options, report

SMALL_MS, LARGE_MS = 1.0, 10.0
MOST_MB, GROWTH_AT_MOST = 1000.0, 1.5
MANY = 100_000
KEYS, PER_NODE = 300, 10
JOBS = """
from brevetti_hydra import Job, JobSettings
from pydantic import create_model

class Noop(JobSettings):
    lr: float = 0.1
    epochs: int = 3

nodes = {
    f"node{n}": (create_model(f"Node{n}", __base__=JobSettings,
                              **{f"key{k}": (float, 0.5) for k in range(PER_NODE)}), {})
    for n in range(KEYS // PER_NODE)
}
Large = create_model("Large", __base__=Noop, **nodes)

class NoopJob(Job):
    settings: Noop

class LargeJob(Job):
    settings: Large
""".replace("PER_NODE", str(PER_NODE)).replace("KEYS", str(KEYS))

PLANNING = """
import json, resource, sys, time
from pathlib import Path
from brevetti_hydra.config import read_argv
from brevetti_hydra.sweep.planning.plan import plan_sweep

words = sys.argv[1:]
request = read_argv(words)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
plan = plan_sweep(request, folder=Path.cwd(), command=words)
took = time.process_time() - begin
size = sum(len(trial.line()) for trial in plan.trials)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"trials": len(plan.trials), "bases": len(plan.bases), "s": took,
                  "peak_mb": peak / 1024, "grown_mb": (peak - before) / 1024, "bytes": size}))
"""


def make_project(folder: Path) -> None:
    """Write two jobs, and YAML for each key of the larger one."""
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    (folder / "planned_jobs.py").write_text(JOBS, encoding="utf-8")
    (folder / "conf" / "job").mkdir(parents=True)
    keys = ", ".join(f"key{number}: {number}" for number in range(PER_NODE))
    nodes = "".join(f"node{number}: {{{keys}}}\n" for number in range(KEYS // PER_NODE))
    for job, text in (("Noop", ""), ("Large", nodes)):
        header = f"# @package _global_\njob: {{_target_: planned_jobs:{job}Job}}\n"
        (folder / "conf" / "job" / f"{job.lower()}.yaml").write_text(header + text, "utf-8")


def planned(folder: Path, *words: str) -> dict[str, Any]:
    """Plan one sweep in a process of its own, and tell what it took."""
    command = [sys.executable, "-c", PLANNING, "-m", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    found["ms"] = found["s"] / found["trials"] * 1000
    return found


def timed(name: str, found: dict[str, Any], at_most: float) -> Figure:
    """Make a figure of what a trial took."""
    detail = f"{found['trials']:,} trials in {found['s']:.1f} s, {found['bases']} frozen"
    return Figure(f"plan a sweep: {name}", found["ms"], at_most, "ms", detail)


def main() -> int:
    """Plan the sweeps, one after the other."""
    options = read_options(__doc__, rounds=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_project(folder)
        small = planned(folder, "job=noop", "epochs=range(1,1001)")
        large = planned(folder, "job=large", "epochs=range(1,1001)")
        both = planned(folder, "job=noop,large", "epochs=range(1,1001)")
        tenth = planned(folder, "job=noop", f"epochs=range({MANY // 10})")
        many = planned(folder, "job=noop", "lr=range(1,101)", f"epochs=range({MANY // 100})")
    detail = f"{many['bytes'] / many['trials']:.0f} bytes a line of the plan"
    figures = [
        timed("two settings", small, SMALL_MS),
        timed("300 settings", large, LARGE_MS),
        timed("two jobs", both, LARGE_MS),
        timed("two settings, many", many, SMALL_MS),
        Figure("plan a sweep: 100,000 trials", many["peak_mb"], MOST_MB, "MB", detail),
        Figure("plan a sweep: growth", many["ms"] / tenth["ms"], GROWTH_AT_MOST),
    ]
    return report(figures, options)


if __name__ == "__main__":
    sys.exit(main())
