"""The snapshot: all inputs of a run, written before its first step."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from brevetti_hydra._files import digest_bytes, make_folder, write_whole
from brevetti_hydra.record import DatasetRef, Snapshot, SourceFile
from brevetti_hydra.run.environment import describe_environment
from brevetti_hydra.run.git import MOST_FILE_BYTES, MOST_PATCH_BYTES, is_forbidden

if TYPE_CHECKING:
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.run.masking import Masking
    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["take_snapshot", "write_snapshot"]


def take_snapshot(
    plan: RunPlan, folder: RunFolder, masking: Masking, git: GitProbe, datasets: list[Dataset]
) -> Snapshot:
    """Gather all inputs, and copy the configuration into the run's folder.

    Args:
        plan: What is to be run.
        folder: Its folder.
        masking: Takes secrets out.
        git: What git was asked, some time ago.
        datasets: The job's datasets; every image is read.

    Raises:
        DatasetNotFoundError: A bucket does not exist.
        StorageReadError: An image cannot be read.
        StorageWriteError: The folder cannot be written.
    """
    make_folder(folder.sources_dir, point="config.made")
    _write_json(folder, "composition.json", masking.tree(plan.config))
    _write_json(folder, "overrides.json", masking.tree(list(plan.overrides)))
    environment = describe_environment()
    environment["git"] = _keep_git(plan, folder, masking, git)
    return Snapshot(
        config=masking.tree(plan.config),
        origins=masking.tree(plan.origins),
        choices=masking.tree(plan.choices),
        start_folder=plan.start_folder,
        sources=_copy_sources(plan, folder, masking),
        datasets=tuple(_describe(dataset, masking) for dataset in datasets),
        environment=masking.tree(environment),
    )


def write_snapshot(folder: RunFolder, snapshot: Snapshot) -> str:
    """Write the snapshot, once.

    Returns:
        Its digest, for the record.

    Raises:
        StorageWriteError: The disk did not take it.
    """
    content = snapshot.model_dump_json().encode() + b"\n"
    # The record holds its digest: should the machine stop before the disk has it, that shows.
    write_whole(folder.snapshot, content, point="snapshot.written", durable=False)
    return digest_bytes(content)


def _describe(dataset: Dataset, masking: Masking) -> DatasetRef:
    found = dataset.as_ref()
    return found.model_copy(update={"bucket": masking.text(found.bucket)})


def _write_json(folder: RunFolder, name: str, value: Any) -> None:
    content = to_json(value, indent=1, fallback=str) + b"\n"
    write_whole(folder.config_dir / name, content, point="config.written", durable=False)


def _copy_sources(plan: RunPlan, folder: RunFolder, masking: Masking) -> tuple[SourceFile, ...]:
    """Copy the YAML that took part, but what may hold a secret or is very large."""
    copied: list[SourceFile] = []
    left_bytes = MOST_PATCH_BYTES
    for number, source in enumerate(plan.sources, start=1):
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", source.label.replace("\\", "/").rpartition("/")[2])
        size = len(source.text)
        if is_forbidden(source.label) or size > min(MOST_FILE_BYTES, left_bytes):
            continue
        left_bytes -= size
        content = masking.content(source.text)
        path = folder.sources_dir / f"{number:02d}-{name[-100:]}"
        write_whole(path, content, point="source.copied", durable=False)
        copied.append(
            SourceFile(
                label=masking.text(source.label),
                copy_path=path.relative_to(folder.root).as_posix(),
                sha256=digest_bytes(content),
            )
        )
    return tuple(copied)


def _keep_git(
    plan: RunPlan, folder: RunFolder, masking: Masking, git: GitProbe
) -> dict[str, Any] | None:
    yaml_files = [os.path.abspath(source.label) for source in plan.sources]  # noqa: PTH100 - any text
    state = git.gather(python_in=plan.package_folders, yaml_files=yaml_files)
    if state is None:
        return None
    fields = state.as_json()
    fields["patch"] = None
    if state.patch:
        content = masking.content(state.patch)
        write_whole(folder.patch, content, point="patch.written", durable=False)
        fields["patch"] = {
            "path": folder.patch.relative_to(folder.root).as_posix(),
            "sha256": digest_bytes(content),
            "size_bytes": len(content),
        }
    return fields
