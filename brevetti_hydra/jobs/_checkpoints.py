"""Checkpoints of a training: what an attempt needs to go on where another one was cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from upath import UPath

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]


class Checkpoint(NamedTuple):
    """A training between two epochs.

    Attributes:
        epoch: Number of the last epoch that was done.
        seed: The training's seed.
        fingerprint: Of the settings and images that it belongs to.
        weights: The network's arrays.
        history: Metrics of each epoch so far, `epoch` among them.
    """

    epoch: int
    seed: int
    fingerprint: str
    weights: Sequence[NDArray[np.float32]]
    history: Sequence[dict[str, float]]


def save_checkpoint(folder: UPath, checkpoint: Checkpoint) -> None:
    """Write a checkpoint beside the one before it.

    Two files take turns: whenever the process dies, one of them is whole. That needs no rename,
    which object stores do not have.
    """
    import json
    from io import BytesIO

    facts = {
        "epoch": checkpoint.epoch,
        "seed": checkpoint.seed,
        "fingerprint": checkpoint.fingerprint,
        "history": list(checkpoint.history),
    }
    content = BytesIO()
    arrays = {f"array_{index}": array for index, array in enumerate(checkpoint.weights)}
    np.savez(content, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)
    folder.mkdir(parents=True, exist_ok=True)
    _path(folder, checkpoint.epoch % 2).write_bytes(content.getvalue())


def load_checkpoint(folder: UPath) -> Checkpoint | None:
    """Read the newest whole checkpoint; None where there is none."""
    found = [_read(_path(folder, turn)) for turn in (0, 1)]
    whole = [checkpoint for checkpoint in found if checkpoint is not None]
    return max(whole, key=lambda checkpoint: checkpoint.epoch, default=None)


def _path(folder: UPath, turn: int) -> UPath:
    return folder / f"training-{turn}.npz"


def _read(path: UPath) -> Checkpoint | None:
    import json
    import zlib
    from io import BytesIO
    from zipfile import BadZipFile

    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts"]))
            weights = [arrays[f"array_{index}"] for index in range(len(arrays.files) - 1)]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        # Torn: the process died while it was written; the other file is whole.
        return None
    return Checkpoint(weights=weights, **facts)
