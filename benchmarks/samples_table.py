"""A table of 100,000 images in nested folders, beside a bare os.scandir walk over them.

Run it by path: `python benchmarks/samples_table.py`. Both are timed in turn; the medians and their
ratio are printed, and the exit code is 1 when the ratio is above the budget. Importing pandas is
left out: whoever wants a table has it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

BUDGET = 5.0


def main() -> int:
    """Time both, and tell whether the table stays within its budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()

    from brevetti_hydra.interfaces.samples import get_image_samples
    from brevetti_hydra.storage import Dataset

    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), options.images)
        dataset = Dataset("benchmark", folder)
        # The first table pays for the imports, the first walk for the system's cache.
        assert walk(folder) == len(get_image_samples([dataset])) == options.images
        walks, tables = [], []
        for _ in range(options.rounds):
            walks.append(seconds_of(lambda: walk(folder)))
            tables.append(seconds_of(lambda: get_image_samples([dataset])))
    return report(statistics.median(walks), statistics.median(tables), options.images)


def fill(root: Path, images: int) -> None:
    """Make empty image files, 250 in each folder, three levels deep."""
    for number in range(images):
        folder = root / f"line_{number // 10_000}" / f"day_{number // 1_000}" / f"c{number // 250}"
        if number % 250 == 0:
            folder.mkdir(parents=True)
        os.close(os.open(folder / f"image_{number:06d}.png", os.O_CREAT | os.O_WRONLY))


def walk(folder: str) -> int:
    """Count the files below a folder, and do nothing else."""
    count = 0
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    count += 1
    return count


def seconds_of(call: object) -> float:
    """Time one call."""
    assert callable(call)
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def report(walk_s: float, table_s: float, images: int) -> int:
    """Print the figures; give the exit code."""
    ratio = table_s / walk_s
    print(f"{images} images: bare walk {walk_s * 1e3:.1f} ms, table {table_s * 1e3:.1f} ms")
    verdict = "within" if ratio <= BUDGET else "above"
    print(f"ratio {ratio:.2f}, {verdict} the budget of {BUDGET}")
    return int(ratio > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
