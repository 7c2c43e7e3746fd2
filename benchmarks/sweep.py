"""A sweep of 1,000 no-op trials in two workers against Hydra's own multirun (BasicLauncher).

Both sides run by turns in one git tree with one changed file. Every trial leaves the record of a
single run. Hydra does a tenth of the trials, of which each costs the same (as `--whole` shows).

    python benchmarks/sweep.py [--rounds 1] [--margin 1.0] [--whole] [--disk]
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from figures import Figure, median, read_options, report
from noop_run import ENVIRONMENT, make_tree

TRIALS = 1_000
PEER_TRIALS = 100
FEW_TRIALS = 100
# What a trial of the harness may cost of one of Hydra's.
MOST_PERCENT = 100 / 15
MOST_FIRST_S = 0.5
MOST_GROWTH_KB = 10.0
MOST_SLOWING = 1.25
# So many trials at the beginning and at the end are compared.
COMPARED = 200
NEEDED_BYTES = 1 << 30

HARNESS = [sys.executable, "-m", "brevetti_hydra"]


class Swept(NamedTuple):
    """What one sweep took.

    Attributes:
        wall_s: The whole command.
        drive_kb: Most memory of the driver's process until the last trial had ended.
        peak_kb: The same to the end, the summary included.
        folder: What it left.
    """

    wall_s: float
    drive_kb: float
    peak_kb: float
    folder: Path


def run_harness(tree: Path, trials: int) -> Swept:
    """Run one sweep."""
    command = [*HARNESS, "-m", "job=noop", f"epochs=range(1,{trials + 1})"]
    command += ["launcher=processes", "launcher.workers=2"]
    # What was written or removed before is not this sweep's to wait for.
    os.sync()
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks: list[tuple[float, float]] = [(0.0, 0.0)]
    watch = threading.Thread(target=_watch, args=(process.pid, peaks))
    watch.start()
    if process.wait():
        sys.exit(f"{command} ended with {process.returncode}")
    wall_s = time.perf_counter() - begin
    watch.join()
    folder = max((tree / "runs").glob("sweep-*"), key=os.path.getmtime)
    ended = max(path.stat().st_mtime for path in folder.glob("[0-9]*/record.json"))
    drive_kb = max(peak for at, peak in peaks if at <= ended)
    return Swept(wall_s, drive_kb, peaks[-1][1], folder)


def _watch(pid: int, peaks: list[tuple[float, float]]) -> None:
    """Read the peak of a process, without its children's, until it ends; each with its time."""
    while True:
        try:
            lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return
        found = [float(line.split()[1]) for line in lines if line.startswith("VmHWM")]
        if not found:
            return
        peaks += [(time.time(), peak) for peak in found]
        time.sleep(0.02)


def run_peer(tree: Path, trials: int) -> float:
    """Run Hydra's multirun, and give its time."""
    command = [sys.executable, "plain.py", "-m", f"epochs=range(1,{trials + 1})"]
    os.sync()
    begin = time.perf_counter()
    subprocess.run(
        command,
        cwd=tree,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - begin


def read_records(swept: Swept) -> list[dict[str, Any]]:
    """Read the records of all trials, in the order of their numbers.

    Raises:
        SystemExit: Some are missing, or not completed.
    """
    paths = sorted(swept.folder.glob("[0-9]*/record.json"))
    found = [json.loads(path.read_bytes()) for path in paths]
    if len(found) != TRIALS or {record["state"] for record in found} != {"completed"}:
        sys.exit(f"{len(found)} records in '{swept.folder}', not all completed")
    return found


def check_trial(tree: Path, swept: Swept) -> None:
    """Look at a trial by chance: `show` knows it, and it has every file of a single run.

    Raises:
        SystemExit: It lacks something.
    """
    trial = random.SystemRandom().choice(sorted(swept.folder.glob("[0-9]*/")))
    subprocess.run(
        [*HARNESS, "show", trial.name.rpartition("-")[2]],
        cwd=tree,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    subprocess.run(
        [*HARNESS, "job=noop", "epochs=1"],
        cwd=tree,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    (single,) = single_runs(tree)
    lacking = _files(single) - _files(trial)
    if lacking:
        sys.exit(f"trial '{trial.name}' lacks {sorted(lacking)}")


def single_runs(tree: Path) -> list[Path]:
    """Give the folders of runs that are no trials."""
    return list((tree / "runs").glob("2*/"))


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def first_s(swept: Swept, records: list[dict[str, Any]]) -> float:
    """Give the time between the end of the plan and the first trial."""
    planned = (swept.folder / "sweep.json").stat().st_mtime
    return min(_seconds(record["attempts"][0]["started"]) for record in records) - planned


def slowing(records: list[dict[str, Any]]) -> float:
    """Give the time that the last trials took, in times of the first ones'."""
    ended = sorted(_seconds(record["ended"]) for record in records)
    # The very first ones wait for their workers.
    return _pace_s(ended[-COMPARED:]) / _pace_s(ended[20 : 20 + COMPARED])


def _pace_s(ended: list[float]) -> float:
    """Give the mean time between two ends, but for the longest tenth: other work of the machine."""
    gaps = sorted(after - before for before, after in pairwise(ended))
    return fmean(gaps[: -len(gaps) // 10])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def scratch() -> str | None:
    """Give a folder in memory, where there is room: what a disk takes changes from hour to hour.

    Returns:
        The folder; None for the one of temporary files.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    if not memory.is_dir() or shutil.disk_usage(memory).free < NEEDED_BYTES:
        return None
    return str(memory)


def main() -> int:
    """Measure and report."""
    options = read_options(
        __doc__,
        rounds=1,
        flags={
            "--whole": "let Hydra do 1,000 trials too",
            "--disk": "on the disk of temporary files, whose state then decides",
        },
    )
    peer_trials = TRIALS if "--whole" in options.flags else PEER_TRIALS
    ours: list[float] = []
    peers: list[float] = []
    firsts: list[float] = []
    slowings: list[float] = []
    growths: list[float] = []
    with_summary: list[float] = []
    with tempfile.TemporaryDirectory(dir=None if "--disk" in options.flags else scratch()) as name:
        tree = Path(name)
        make_tree(tree)
        for _ in range(options.rounds):
            few = run_harness(tree, FEW_TRIALS)
            peers.append(run_peer(tree, peer_trials) / peer_trials)
            swept = run_harness(tree, TRIALS)
            records = read_records(swept)
            ours.append(swept.wall_s / TRIALS)
            firsts.append(first_s(swept, records))
            slowings.append(slowing(records))
            growths.append((swept.drive_kb - few.drive_kb) / (TRIALS - FEW_TRIALS))
            with_summary.append((swept.peak_kb - few.peak_kb) / (TRIALS - FEW_TRIALS))
            if not single_runs(tree):
                check_trial(tree, swept)
    our, peer = median(ours), median(peers)
    return report(
        [
            Figure(
                "sweep of 1,000 no-op trials: whole",
                our / peer * 100,
                MOST_PERCENT,
                "%",
                f"{our * 1e3:.1f} ms a trial against {peer * 1e3:.1f} ms: {peer / our:.1f} x",
            ),
            Figure("sweep: first trial after the plan", median(firsts), MOST_FIRST_S, "s"),
            Figure(
                "sweep: last 200 trials to the first",
                median(slowings),
                MOST_SLOWING,
                "x",
            ),
            Figure(
                "sweep: the driver grows by, a trial",
                median(growths),
                MOST_GROWTH_KB,
                "KB",
                f"{median(with_summary):.1f} KB with the summary of all at the end",
            ),
        ],
        options,
    )


if __name__ == "__main__":
    sys.exit(main())
