"""The samples of a job's datasets as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import without_credentials
from brevetti_hydra.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["COLUMNS", "get_image_samples"]

# As users of the platform know them, in this order.
COLUMNS = (
    "path",
    "category",
    "folder",
    "bucket",
    "dataset",
    "dataset_id",
    "reference",
    "url",
)


def get_image_samples(datasets: Iterable[Dataset]) -> pd.DataFrame:
    """List the images of datasets as a table; no image is read.

    Args:
        datasets: In the order of the rows; within each, the dataset's own order.

    Returns:
        One row for each image, numbered from 0, with the columns of ImageSample: path, category (a
        tuple), folder, bucket, dataset, dataset_id, reference, url. Empty datasets add no row.

    Raises:
        DatasetNotFoundError: A bucket does not exist or cannot be listed.
        MissingExtraError: pandas is not installed, or a bucket's file system is not.
        StorageReadError: A folder below a bucket cannot be listed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("pandas", "examples", "the table of samples") from error

    paths: list[str] = []
    urls: list[str] = []
    # One entry for each folder, repeated for its images below: a tenth of the time of row by row.
    per_folder: list[tuple[Any, ...]] = []
    counts: list[int] = []
    for dataset in datasets:
        rest = (without_credentials(dataset.bucket), dataset.name, dataset.id, dataset.reference)
        for folder, category, folder_paths, folder_urls in dataset.iter_folders():
            paths += folder_paths
            urls += folder_urls
            per_folder.append((category, folder, *rest))
            counts.append(len(folder_paths))
    repeated = _repeat(per_folder, counts)
    columns = [pd.Series(paths, dtype="str"), *repeated, pd.Series(urls, dtype="str")]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _repeat(rows: list[tuple[Any, ...]], counts: list[int]) -> list[pd.Series[Any]]:
    """Give the columns category to reference, each folder's row as often as it has images."""
    import numpy as np
    import pandas as pd

    index = np.repeat(np.arange(len(rows)), counts)
    # A tuple in an array of objects must be set by itself, or it becomes a row of its own.
    categories = np.empty(len(rows), dtype=object)
    for at, row in enumerate(rows):
        categories[at] = row[0]
    texts = [pd.Series([row[at] for row in rows], dtype="str") for at in range(1, 6)]
    return [
        pd.Series(categories[index], dtype="object"),
        *(text.take(index).reset_index(drop=True) for text in texts),
    ]
