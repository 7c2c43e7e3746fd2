"""A no-op run against a plain `hydra.main` app: wall time and peak memory.

Both sides run by turns in a git tree with one changed file, with the same YAML and one override.
The Job is validated and leaves its full record; the peer has all of Hydra's defaults.

    python benchmarks/noop_run.py [--rounds 15] [--margin 1.0]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from figures import Figure, median, read_options, report

PEER = Path(__file__).parent / "peers" / "noop"
WALL_AT_MOST = 1.15
MEMORY_AT_MOST = 1.45

HARNESS = [sys.executable, "-m", "brevetti_hydra", "job=noop", "lr=0.5"]
PLAIN = [sys.executable, "plain.py", "lr=0.5"]


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    peak_bytes: int


# Compiled modules are kept, as on any machine where people work; some containers switch that off.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def make_tree(folder: Path) -> None:
    """Lay out a committed git tree, then change one file of it."""
    shutil.copytree(PEER, folder, dirs_exist_ok=True)
    # Hydra's own output, as any project of Hydra's ignores it; the run folder ignores itself.
    (folder / ".gitignore").write_text("outputs/\n__pycache__/\n", encoding="utf-8")
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    with (folder / "noop.py").open("a", encoding="utf-8") as stream:
        stream.write("# one changed line\n")


def measure(command: list[str], folder: Path) -> Cost:
    """Run one process to its end.

    Raises:
        SystemExit: It failed; what it said is printed.
    """
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        # The peak of the child alone. Linux counts this process's own size at the fork into it,
        # which is why nothing large is imported here.
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.stderr.write(output.read().decode())
            sys.exit(f"{command} ended with {process.returncode}")
    # In KiB on Linux, in bytes on macOS.
    return Cost(wall_s, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=15)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tree(folder)
        for command in (HARNESS, PLAIN):
            measure(command, folder)  # compiles what has to be compiled
        harness, plain = [], []
        for _ in range(options.rounds):
            harness.append(measure(HARNESS, folder))
            plain.append(measure(PLAIN, folder))
    wall = median([cost.wall_s for cost in harness]), median([cost.wall_s for cost in plain])
    peak = (
        median([cost.peak_bytes for cost in harness]),
        median([cost.peak_bytes for cost in plain]),
    )
    return report(
        [
            Figure(
                "no-op run: wall",
                wall[0] / wall[1],
                WALL_AT_MOST,
                detail=f"{wall[0] * 1e3:.0f} ms against {wall[1] * 1e3:.0f} ms",
            ),
            Figure(
                "no-op run: peak memory",
                peak[0] / peak[1],
                MEMORY_AT_MOST,
                detail=f"{peak[0] / 2**20:.1f} MiB against {peak[1] / 2**20:.1f} MiB",
            ),
        ],
        options,
    )


if __name__ == "__main__":
    sys.exit(main())
