"""The classifier's model as a file: arrays and a description, read back without pickle.

`saved_model.tar.gz` holds `metadata.json` (format, categories, image size, features, producer) and
`weights.npz` (mean, scale, and a weight and bias for each layer). NumPy alone reads it and
predicts.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brevetti_hydra.errors import StorageReadError
from brevetti_hydra.jobs._features import BINS, describe_images, feature_count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FORMAT", "ClassifierModel", "load_model", "pack_model"]

FORMAT = 1

_METADATA = "metadata.json"
_WEIGHTS = "weights.npz"

# A model of 4,096 hidden units on images of 128 x 128 pixels has 0.3 GB.
_MOST_MEMBER_BYTES = 1 << 30


class ClassifierModel:
    """A trained classifier that predicts with NumPy alone.

    Its values are not changed after it was made, so several threads may predict at once.

    Attributes:
        categories: The categories, sorted.
        size_px: Side of the images that it takes, in pixels.
        cells: Cells along each side of the grid of gradient histograms.
        mean: float32 [F], what is taken from each feature.
        scale: float32 [F], what each feature is then divided by.
        weights: float32 [inputs, outputs] for each layer.
        biases: float32 [outputs] for each layer.
    """

    __slots__ = ("biases", "categories", "cells", "mean", "scale", "size_px", "weights")

    def __init__(
        self,
        *,
        categories: Sequence[str],
        size_px: int,
        cells: int,
        mean: NDArray[np.float32],
        scale: NDArray[np.float32],
        weights: Sequence[NDArray[np.float32]],
        biases: Sequence[NDArray[np.float32]],
    ) -> None:
        """Make a model of its parts.

        Raises:
            ValueError: The shapes do not fit each other.
        """
        self.categories = tuple(categories)
        self.size_px = size_px
        self.cells = cells
        self.mean = mean
        self.scale = scale
        self.weights = tuple(weights)
        self.biases = tuple(biases)
        self._check_shapes()

    def _check_shapes(self) -> None:
        widths = [feature_count(self.size_px, self.cells), *(len(bias) for bias in self.biases)]
        expected = list(pairwise(widths))
        shapes = [weight.shape for weight in self.weights]
        if shapes != expected or widths[-1] != len(self.categories) or not shapes:
            raise ValueError(
                f"layers of shape {shapes} do not lead from {widths[0]} features "
                f"to {len(self.categories)} categories"
            )
        if self.mean.shape != (widths[0],) or self.scale.shape != (widths[0],):
            raise ValueError(f"mean and scale are not of {widths[0]} features")

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the probability of each category for each image.

        Args:
            images: uint8 [N, size_px, size_px], grey, 0 is black.

        Returns:
            float32 [N, categories]; each row adds up to 1.

        Raises:
            ValueError: The images are of another type or size.
        """
        import numpy as np

        size = self.size_px
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (size, size):  # noqa: PLR2004 - [N, H, W]
            raise ValueError(
                f"images must be uint8 [N, {size}, {size}], but are {images.dtype} "
                f"{list(images.shape)}"
            )
        return self.probabilities_of(describe_images(images, self.cells))

    def probabilities_of(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities for features that are described already: float32 [N, F]."""
        import numpy as np

        values = (features - self.mean) / self.scale
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ weight + bias, 0)
        scores = values @ self.weights[-1] + self.biases[-1]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        result: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return result

    def predict(self, images: NDArray[np.uint8]) -> list[str]:
        """Give the most probable category of each image.

        Args:
            images: uint8 [N, size_px, size_px], grey, 0 is black.

        Returns:
            N categories.

        Raises:
            ValueError: The images are of another type or size.
        """
        best = self.probabilities(images).argmax(axis=1)
        return [self.categories[index] for index in best]


def pack_model(model: ClassifierModel, *, producer: str) -> bytes:
    """Write a model as the bytes of a `.tar.gz`; the same model gives the same bytes.

    Args:
        model: The model.
        producer: What made it, with its version; kept in the metadata.
    """
    import gzip
    import tarfile
    from io import BytesIO

    metadata = {
        "format": FORMAT,
        "kind": "brevetti_hydra.classifier",
        "producer": producer,
        "categories": list(model.categories),
        "image": {"size_px": model.size_px, "mode": "grey", "dtype": "uint8"},
        "features": {"pixels": True, "gradients": {"cells": model.cells, "bins": BINS}},
        "layers": [list(weight.shape) for weight in model.weights],
    }
    members = {
        _METADATA: json.dumps(metadata, indent=2).encode("ascii") + b"\n",
        _WEIGHTS: _pack_arrays(model),
    }
    tar = BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            # Name and size only: no time, no owner.
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return gzip.compress(tar.getvalue(), compresslevel=6, mtime=0)


def _pack_arrays(model: ClassifierModel) -> bytes:
    from io import BytesIO

    import numpy as np

    arrays = {"mean": model.mean, "scale": model.scale}
    for index, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        arrays |= {f"weight_{index}": weight, f"bias_{index}": bias}
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def load_model(path: str | Path) -> ClassifierModel:
    """Read a model that `pack_model` wrote; nothing in the file is run or unpacked to disk.

    Args:
        path: A `saved_model.tar.gz`; a universal_pathlib path will do as well.

    Raises:
        StorageReadError: The file cannot be read, or is no such model.
    """
    import tarfile
    import zlib
    from pathlib import Path
    from zipfile import BadZipFile

    source = Path(path) if isinstance(path, str) else path
    try:
        return _unpack(source.read_bytes())
    except OSError as error:
        raise _unreadable(source, error.strerror or str(error)) from error
    except KeyError as error:
        raise _unreadable(source, f"{error} is missing") from error
    except (ValueError, EOFError, tarfile.TarError, zlib.error, BadZipFile) as error:
        raise _unreadable(source, str(error)) from error


def _unpack(content: bytes) -> ClassifierModel:
    import tarfile
    from io import BytesIO

    import numpy as np

    with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as archive:
        metadata = json.loads(_read_member(archive, _METADATA))
        if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        if metadata["features"]["gradients"]["bins"] != BINS:
            raise ValueError(f"its gradients have other than {BINS} directions")
        weights = BytesIO(_read_member(archive, _WEIGHTS))
    with np.load(weights, allow_pickle=False) as arrays:
        layers = range(len(metadata["layers"]))
        return ClassifierModel(
            categories=[str(name) for name in metadata["categories"]],
            size_px=int(metadata["image"]["size_px"]),
            cells=int(metadata["features"]["gradients"]["cells"]),
            mean=arrays["mean"],
            scale=arrays["scale"],
            weights=[arrays[f"weight_{index}"] for index in layers],
            biases=[arrays[f"bias_{index}"] for index in layers],
        )


def _read_member(archive: Any, name: str) -> bytes:
    member = archive.getmember(name)
    stream = archive.extractfile(member)
    if stream is None or member.size > _MOST_MEMBER_BYTES:
        raise ValueError(f"'{name}' is no file of a sensible size")
    content: bytes = stream.read()
    return content


def _unreadable(path: Path, reason: str) -> StorageReadError:
    return StorageReadError(
        f"cannot read the model '{path}'",
        notes=[reason],
        hint="give the 'saved_model.tar.gz' of a run of the classifier",
    )
