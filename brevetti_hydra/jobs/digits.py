"""The default dataset: handwritten digits that scikit-learn ships, as PNG files in folders.

1,797 images of 8 x 8 pixels in ten categories: the test part of the UCI "Optical Recognition of
Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998, https://doi.org/10.24432/C50P49).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra.errors import StorageWriteError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["digits_folder"]

# The number changes with what is written, so that an older cache is not taken for it.
_NAME = "digits-1"

# An unfinished folder of this age belongs to a process that was killed.
_ABANDONED_S = 24 * 3600.0


def digits_folder(cache: Path) -> Path:
    """Give the folder of the digits, writing it on first use.

    It appears as a whole, by a rename, so it is complete whenever it exists; several processes may
    ask at once.

    Args:
        cache: The cache folder.

    Returns:
        A folder that holds the folders `0` to `9`.

    Raises:
        StorageWriteError: The cache folder cannot be written.
    """
    folder = cache / _NAME
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache)
        _write_aside_and_rename(folder)
    except OSError as error:
        raise StorageWriteError(
            f"cannot write the digits into '{cache}'",
            notes=[error.strerror or str(error)],
            hint="name a folder that can be written with --cache_path DIR",
        ) from error
    return folder


def _write_aside_and_rename(folder: Path) -> None:
    import shutil

    aside = folder.with_name(f".{_NAME}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        _write_images(aside)
        aside.rename(folder)
    except OSError:
        # Another process may have been faster; its folder is as good as ours.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_images(folder: Path) -> None:
    import numpy as np
    from sklearn.datasets import load_digits

    from brevetti_hydra.jobs._images import write_png

    digits = load_digits()
    for category in range(10):
        (folder / str(category)).mkdir(parents=True)
    # Sixteen shades, 0 is paper and 16 is ink.
    images = (digits.images * (255 / 16)).round().astype(np.uint8)
    for index, (pixels, category) in enumerate(zip(images, digits.target, strict=True)):
        (folder / str(category) / f"{index:04d}.png").write_bytes(write_png(pixels))


def _remove_abandoned(root: Path) -> None:
    import shutil

    for left in root.glob(f".{_NAME}.*"):
        try:
            age_s = SYSTEM_CLOCK.now() - left.stat().st_mtime
        except FileNotFoundError:
            continue
        if age_s > _ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)
