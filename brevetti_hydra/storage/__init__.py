"""Files, wherever they lie: the only place that knows fsspec and universal_pathlib."""

from __future__ import annotations

from brevetti_hydra.storage.access import guard
from brevetti_hydra.storage.dataset import Dataset, DatasetDigest, ImageSample
from brevetti_hydra.storage.paths import (
    child_path,
    is_remote,
    is_url,
    local_path,
    open_path,
    without_credentials,
)
from brevetti_hydra.storage.transfer import StoredFile, list_artifacts, store_model

__all__ = [
    "Dataset",
    "DatasetDigest",
    "ImageSample",
    "StoredFile",
    "child_path",
    "guard",
    "is_remote",
    "is_url",
    "list_artifacts",
    "local_path",
    "open_path",
    "store_model",
    "without_credentials",
]
