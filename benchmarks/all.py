"""Run every benchmark of this folder and print one table.

    python benchmarks/all.py [--margin 1.0] [--only noop_run,progress_event]

Exit 1 when a figure is above its budget times the margin, or a benchmark fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
# What the benchmarks share, and this file.
NO_BENCHMARKS = {"all", "figures"}


def benchmarks() -> list[str]:
    """Give the names of all benchmarks."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NO_BENCHMARKS)


def main() -> int:
    """Run them one after the other: two at once would disturb each other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--margin", type=float, default=1.0, help="fail only above budget x margin")
    parser.add_argument("--only", default="", help="names, separated by commas")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else benchmarks()
    failed = []
    for name in chosen:
        command = [sys.executable, str(FOLDER / f"{name}.py"), "--margin", str(arguments.margin)]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"missed or failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
