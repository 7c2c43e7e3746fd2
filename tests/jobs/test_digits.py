"""The default dataset is written once, whole, and in the right place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.jobs.digits import digits_folder

if TYPE_CHECKING:
    from pathlib import Path

WRITE = "import sys; from pathlib import Path; from brevetti_hydra.jobs.digits import digits_folder; print(digits_folder(Path(sys.argv[1])))"


def begin_writing(cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITE, str(cache)], stdout=subprocess.DEVNULL)


def test_the_digits_are_ten_folders_of_images(digits: Path) -> None:
    """There are 1,797 images of 8 x 8 pixels in the folders 0 to 9."""
    files = sorted(digits.rglob("*.png"))
    with Image.open(digits / "0" / "0000.png") as image:
        pixels = np.asarray(image)

    assert (1797, [str(digit) for digit in range(10)]) == (
        len(files),
        sorted(folder.name for folder in digits.iterdir()),
    )
    assert ((8, 8), "uint8", 0) == (pixels.shape, pixels.dtype.name, int(pixels.min()))


def test_a_second_use_writes_nothing(digits: Path) -> None:
    """Digits that are there are taken as they are."""
    before = digits.stat().st_mtime_ns

    assert (digits, before) == (digits_folder(digits.parent), digits.stat().st_mtime_ns)


def test_two_first_uses_at_once_agree(tmp_path: Path) -> None:
    """Two processes that write at the same time leave one whole folder and nothing else."""
    both = [begin_writing(tmp_path), begin_writing(tmp_path)]

    assert [0, 0] == [process.wait() for process in both]
    assert ["digits-1"] == [path.name for path in tmp_path.iterdir()]
    assert 1797 == len(list(tmp_path.rglob("*.png")))


def test_a_killed_first_use_is_made_good(tmp_path: Path) -> None:
    """After kill -9 in the middle nothing passes for the digits, and the next use writes them."""
    process = begin_writing(tmp_path)
    while process.poll() is None and not list(tmp_path.glob(".digits-1.*/3/*.png")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = sorted(path.name for path in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))

    folder = digits_folder(tmp_path)

    assert "digits-1" not in left
    assert 1797 == len(list(folder.rglob("*.png")))
    assert ["digits-1"] == [path.name for path in tmp_path.iterdir()]


def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """Where a file stands in the cache's place, the error says what helps."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StorageWriteError) as caught:
        digits_folder(tmp_path / "file")

    assert "name a folder that can be written with --cache_path DIR" == caught.value.hint
