"""What the classifier sees of an image: its pixels and histograms of its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BINS", "describe_images", "feature_count"]

# Directions of a gradient that are told apart, 45 degrees each.
BINS = 8

# Keeps the noise of flat cells from being blown up to full contrast.
_FLAT = 0.01


def feature_count(size_px: int, cells: int) -> int:
    """Give the number of features of an image of `size_px` x `size_px`."""
    return size_px * size_px + cells * cells * BINS


def describe_images(images: NDArray[np.uint8], cells: int) -> NDArray[np.float32]:
    """Turn images into features.

    First come the pixels, in 0 to 1. Then, for each cell of a grid, how strong the edges of each
    of 8 directions are in it (a histogram of gradients, each pixel shared between the two nearest
    directions), divided by the cell's own contrast.

    Args:
        images: uint8 [N, S, S]; S is a multiple of `cells`.
        cells: Cells along each side of the grid.

    Returns:
        float32 [N, S * S + cells * cells * 8].
    """
    import numpy as np

    count, size = images.shape[0], images.shape[1]
    pixels = images.astype(np.float32) / np.float32(255)
    down, right = np.gradient(pixels, axis=(1, 2))
    strength = np.hypot(down, right)
    direction = np.mod(np.arctan2(down, right) / np.float32(2 * np.pi), 1) * BINS
    lower = np.floor(direction)
    upper_share = direction - lower
    first = lower.astype(np.int8) % BINS
    second = (first + 1) % BINS

    cell = size // cells
    histograms = np.empty((count, cells, cells, BINS), np.float32)
    for index in range(BINS):
        share = (first == index) * (1 - upper_share) + (second == index) * upper_share
        edges = (strength * share).reshape(count, cells, cell, cells, cell)
        histograms[..., index] = edges.sum(axis=(2, 4))
    contrast = np.sqrt((histograms**2).sum(axis=-1, keepdims=True) + np.float32(_FLAT))
    flat = (histograms / contrast).reshape(count, -1)
    return np.concatenate([pixels.reshape(count, -1), flat], axis=1)
