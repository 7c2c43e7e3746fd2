"""A table of 100,000 images in nested folders, beside a bare os.scandir walk over them.

    python benchmarks/samples_table.py [--rounds 9] [--margin 1.0]

Importing pandas is left out: whoever wants a table has it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, median, read_options, report

RATIO_AT_MOST = 5.0
IMAGES = 100_000


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=9)
    from brevetti_hydra.interfaces.samples import get_image_samples
    from brevetti_hydra.storage import Dataset

    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), IMAGES)
        dataset = Dataset("benchmark", folder)
        # The first table pays for the imports, the first walk for the system's cache.
        assert walk(folder) == len(get_image_samples([dataset])) == IMAGES
        walks, tables = [], []
        for _ in range(options.rounds):
            walks.append(seconds_of(lambda: walk(folder)))
            tables.append(seconds_of(lambda: get_image_samples([dataset])))
    table_s, walk_s = median(tables), median(walks)
    figure = Figure(
        "table of 100,000 images",
        table_s / walk_s,
        RATIO_AT_MOST,
        detail=f"{table_s * 1e3:.0f} ms against {walk_s * 1e3:.0f} ms for a bare walk",
    )
    return report([figure], options)


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


if __name__ == "__main__":
    sys.exit(main())
