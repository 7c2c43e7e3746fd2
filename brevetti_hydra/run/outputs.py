"""output.json and the job's description, as the platform reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import write_whole
from brevetti_hydra._json import json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from brevetti_hydra._masks import Masking
    from brevetti_hydra.record import Failure, RunRecord
    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["build_output", "describe_job", "write_output"]

_INFO_KEYS = (
    *("id", "name", "run_id", "api_key", "host_name", "complete_url", "remote_url", "charts_url"),
    *("base_model_url", "settings", "datasets", "models", "parent", "tags", "model_path"),
)


def describe_job(
    plan: RunPlan, record: RunRecord, datasets: Iterable[Dataset], masking: Masking
) -> dict[str, Any]:
    """Describe the job in the shape of info.json: the platform's words, then what the run knows.

    Secrets are masked, the api key among them.

    Args:
        plan: What is run.
        record: The run as it stands.
        datasets: The datasets that the job works with.
        masking: Takes secrets out.
    """
    info = plan.info or {}
    node = plan.recorded.job
    known = {
        "id": plan.recorded.platform.job_id or info.get("id") or record.run_id,
        "name": plan.job.name,
        "run_id": info.get("run_id") or record.folder,
        "settings": plan.settings_json,
        "datasets": _describe_datasets(plan, datasets),
        "models": info.get("models") or [{"id": k, "bucket": v} for k, v in node.models.items()],
        "parent": info.get("parent") or node.parent,
        "tags": info.get("tags") or [{"name": name} for name in node.tags],
        "model_path": _model_path(record.model) or info.get("model_path"),
    }
    described = {key: known.get(key, info.get(key)) for key in _INFO_KEYS}
    masked: dict[str, Any] = masking.tree(described)
    return masked


def _model_path(model: str | None) -> str | None:
    """Give the model's path relative to the job's storage space."""
    return None if model is None else f"artifacts/{model}"


def _describe_datasets(plan: RunPlan, datasets: Iterable[Dataset]) -> list[dict[str, Any]]:
    """Describe the job's datasets; those that the platform sent stay in its own words."""
    sent = [
        entry
        for entry in (plan.info or {}).get("datasets") or []
        if entry["name"] not in plan.job_node.datasets
    ]
    names = {entry["name"] for entry in sent}
    own = [dataset for dataset in datasets if dataset.name not in names]
    return [*(_describe_dataset(plan, dataset) for dataset in own), *sent]


def _describe_dataset(plan: RunPlan, dataset: Dataset) -> dict[str, Any]:
    node = plan.recorded.job.datasets.get(dataset.name)
    tags = dataset.tags if node is None else node.tags
    return {
        "id": plan.recorded_id(dataset),
        "name": dataset.name,
        "bucket": dataset.shown,
        "tags": [{"name": tag} for tag in tags],
    }


def build_output(
    job: Mapping[str, Any],
    record: RunRecord,
    environment: Mapping[str, Any],
    failure: Failure | None = None,
) -> dict[str, Any]:
    """Build output.json: settings stand at `job.settings`, metrics at `output`.

    Args:
        job: What `describe_job` gave.
        record: The record, for its metrics.
        environment: The snapshot's.
        failure: What ended the run; it stands at `error`.
    """
    output: dict[str, Any] = {
        "output": dict(record.metrics),
        "environment": {
            "BUILD_ID": os.environ.get("BUILD_ID"),
            "python": environment.get("python", {}).get("build"),
            "git": _describe_git(environment.get("git")),
            "modules": environment.get("packages", []),
        },
        "job": dict(job),
    }
    if failure is not None:
        output["error"] = failure.model_dump()
    return output


def _describe_git(git: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if git is None:
        return None
    return {
        "active_branch": git["branch"],
        "is_dirty": git["is_dirty"],
        "remote_url": git["remote_url"],
        "branches": git["branches"],
        "untracked_files": git["untracked"],
    }


def write_output(path: Path, output: Mapping[str, Any]) -> None:
    """Replace output.json.

    Raises:
        StorageWriteError: The disk did not take it.
    """
    content = json_bytes(output, indent=1) + b"\n"
    write_whole(path, content, point="output.written", durable=False)
