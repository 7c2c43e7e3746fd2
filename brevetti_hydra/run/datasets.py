"""The datasets of a run: of its configuration, of info.json, or the job's own defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra.errors import DatasetError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["default_datasets", "planned_datasets", "usable_datasets"]


def planned_datasets(plan: RunPlan) -> tuple[list[Dataset], list[Dataset]]:
    """Give the datasets of the configuration, and those that info.json adds to them.

    A name that the configuration has is not taken from info.json again.
    """
    nodes = plan.job_node.datasets
    sent: list[dict[str, Any]] = (plan.info or {}).get("datasets") or []
    if not nodes and not sent:
        return [], []
    from brevetti_hydra.storage.dataset import Dataset

    shown = {name: node.bucket for name, node in plan.recorded.job.datasets.items()}
    configured = [
        Dataset.from_node(name, node, shown=shown.get(name), base=plan.start_folder)
        for name, node in nodes.items()
    ]
    added = [
        Dataset(
            entry["name"],
            entry["bucket"],
            id=entry.get("id"),
            tags=[tag["name"] for tag in entry.get("tags") or ()],
            reference=entry.get("reference") or "",
        )
        for entry in sent
        if entry["name"] not in nodes and entry.get("bucket")
    ]
    return configured, added


def default_datasets(buckets: Mapping[str, str]) -> list[Dataset]:
    """Make datasets of what `Job.default_datasets` gives."""
    if not buckets:
        return []
    from brevetti_hydra.storage.dataset import Dataset

    return [Dataset(name, bucket) for name, bucket in buckets.items()]


def usable_datasets(
    configured: Iterable[Dataset], sent: Iterable[Dataset]
) -> tuple[list[Dataset], list[str]]:
    """Look whether the datasets are there, before anything is written.

    What the configuration names has to be there. What a platform's info.json names may lie where
    this machine has no access, and the job may do without it.

    Returns:
        The datasets that are there, and warnings: of those that are not, and of class mappings
        that name folders which no dataset has.

    Raises:
        DatasetError: A dataset of the configuration is missing or empty.
    """
    usable = []
    warnings: list[str] = []
    for dataset in configured:
        warnings += dataset.check()
        usable.append(dataset)
    for dataset in sent:
        try:
            warnings += dataset.check()
        except (DatasetError, MissingExtraError) as error:
            warnings.append(f"{error.message}; the run goes on without it")
        else:
            usable.append(dataset)
    return usable, warnings
