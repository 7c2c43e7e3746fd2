"""Files, wherever they lie: the only place that knows fsspec and universal_pathlib."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brevetti_hydra.storage.access import guard
    from brevetti_hydra.storage.contents import StoredFile, list_artifacts
    from brevetti_hydra.storage.dataset import Dataset, DatasetDigest, ImageSample
    from brevetti_hydra.storage.paths import (
        child_path,
        is_remote,
        is_url,
        local_path,
        open_path,
    )
    from brevetti_hydra.storage.transfer import store_model

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
]

# A run without datasets and without a model needs one of these modules, or none.
_MODULES = {
    "Dataset": "dataset",
    "DatasetDigest": "dataset",
    "ImageSample": "dataset",
    "StoredFile": "contents",
    "child_path": "paths",
    "guard": "access",
    "is_remote": "paths",
    "is_url": "paths",
    "list_artifacts": "contents",
    "local_path": "paths",
    "open_path": "paths",
    "store_model": "transfer",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
