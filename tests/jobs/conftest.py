"""Material of the job tests: the digits once for all, and small datasets of drawn shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from brevetti_hydra.jobs.digits import digits_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the digits once, into a cache folder of the tests' own."""
    return digits_folder(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def draw_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that draws category folders: bars that stand or lie, by turns."""

    def draw(categories: Iterable[str] = ("lies", "stands"), count: int = 12) -> Path:
        random = np.random.default_rng(7)
        for turn, category in enumerate(categories):
            folder = tmp_path / "images" / category
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 40, (12, 12), dtype=np.uint8)
                at = 3 + number % 6
                pixels[(slice(2, 10), at) if turn % 2 else (at, slice(2, 10))] = 255
                Image.fromarray(pixels).save(folder / f"{number}.png")
        return tmp_path / "images"

    return draw
