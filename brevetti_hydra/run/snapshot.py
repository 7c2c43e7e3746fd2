"""The snapshot: all inputs of a run, written before its first step.

A later attempt may find another Python, other packages and other code: it writes its environment
anew, into a file of its own.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import digest_bytes, make_folder, write_whole
from brevetti_hydra._json import encodable, json_bytes
from brevetti_hydra.record import DatasetRef, IneffectiveOverride, Snapshot, SourceFile
from brevetti_hydra.run.environment import describe_environment
from brevetti_hydra.run.git import MOST_PATCH_BYTES, refuse_copy
from brevetti_hydra.run.ignored import begin_ignored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from brevetti_hydra._masks import Masking
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.storage.dataset import Dataset

__all__ = [
    "summarize_environment",
    "take_environment",
    "take_snapshot",
    "write_environment",
    "write_snapshot",
]

# An absolute name, or one from the working directory: a source's label may be any text.
_absolute = os.path.abspath


def take_environment(
    plan: RunPlan, folder: RunFolder, masking: Masking, git: GitProbe, attempt: int
) -> dict[str, Any]:
    """Describe where an attempt takes place, and keep what its code differs in from the commit.

    Args:
        plan: What is to be run.
        folder: Its folder.
        masking: Takes secrets out.
        git: What git was asked, some time ago.
        attempt: The attempt's number.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    make_folder(folder.config_dir, point="config.made")
    environment = describe_environment()
    environment["git"] = _keep_git(plan, folder, masking, git, attempt)
    masked: dict[str, Any] = masking.tree(environment)
    return masked


def summarize_environment(environment: dict[str, Any], path: str) -> dict[str, Any]:
    """Give the fields of an `Attempt` that tell whether its environment is another's."""
    git = environment["git"] or {}
    return {
        "python": environment["python"]["version"],
        "packages_sha256": digest_bytes("\n".join(environment["packages"]).encode()),
        "commit": git.get("commit"),
        "is_dirty": git.get("is_dirty"),
        "environment_path": path,
    }


def take_snapshot(
    plan: RunPlan,
    folder: RunFolder,
    masking: Masking,
    environment: dict[str, Any],
    datasets: list[Dataset],
) -> Snapshot:
    """Gather all inputs, and copy the configuration into the run's folder.

    Args:
        plan: What is to be run.
        folder: Its folder.
        masking: Takes secrets out.
        environment: What `take_environment` gave.
        datasets: The job's datasets; every image is read.

    Raises:
        DatasetNotFoundError: A bucket does not exist.
        StorageReadError: An image cannot be read.
        StorageWriteError: The folder cannot be written.
    """
    ignored = begin_ignored(_absolute(source.label) for source in plan.sources)
    make_folder(folder.sources_dir, point="config.made")
    _write_json(folder.config_dir / "composition.json", masking.tree(plan.config))
    _write_json(folder.config_dir / "overrides.json", masking.tree(list(plan.overrides)))
    return Snapshot(
        config=encodable(masking.tree(plan.config)),
        origins=encodable(masking.tree(plan.origins)),
        choices=encodable(masking.tree(plan.choices)),
        config_version=plan.config_version,
        start_folder=encodable(plan.start_folder),
        short_command=encodable(masking.tree(list(plan.short_command))),
        left_out=tuple(
            IneffectiveOverride(override=encodable(masking.text(override)), reason=reason)
            for override, reason in plan.left_out
        ),
        sources=_copy_sources(plan, folder, masking, ignored.gather()),
        datasets=tuple(_describe(dataset, plan, masking) for dataset in datasets),
        environment=encodable(environment),
    )


def write_snapshot(folder: RunFolder, snapshot: Snapshot) -> str:
    """Write the snapshot, once.

    Returns:
        Its digest, for the record.

    Raises:
        StorageWriteError: The disk did not take it.
    """
    content = json_bytes(snapshot) + b"\n"
    # The record holds its digest: should the machine stop before the disk has it, that shows.
    write_whole(folder.snapshot, content, point="snapshot.written", durable=False)
    return digest_bytes(content)


def _describe(dataset: Dataset, plan: RunPlan, masking: Masking) -> DatasetRef:
    found = dataset.as_ref()
    shown = {"bucket": masking.text(found.bucket), "id": masking.text(plan.recorded_id(dataset))}
    return found.model_copy(update=shown)


def write_environment(folder: RunFolder, environment: dict[str, Any], attempt: int) -> Path:
    """Write what `take_environment` gave for a later attempt.

    Returns:
        The file.

    Raises:
        StorageWriteError: The disk did not take it.
    """
    path = folder.environment_of(attempt)
    _write_json(path, environment)
    return path


def _write_json(path: Path, value: Any) -> None:
    write_whole(path, json_bytes(value, indent=1) + b"\n", point="config.written", durable=False)


def _copy_sources(
    plan: RunPlan, folder: RunFolder, masking: Masking, ignored: Mapping[str, str]
) -> tuple[SourceFile, ...]:
    """Copy the YAML that took part, but what may hold a secret or is very large."""
    found: list[SourceFile] = []
    left_bytes = MOST_PATCH_BYTES
    for number, source in enumerate(plan.sources, start=1):
        label = encodable(masking.text(source.label))
        reason = refuse_copy(source.label, len(source.text), left_bytes)
        reason = reason or ignored.get(_absolute(source.label))
        if reason is not None:
            found.append(SourceFile(label=label, left_out=reason))
            continue
        left_bytes -= len(source.text)
        content = masking.content(source.text)
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", source.label.replace("\\", "/").rpartition("/")[2])
        path = folder.sources_dir / f"{number:02d}-{name[-100:]}"
        write_whole(path, content, point="source.copied", durable=False)
        copy_path = path.relative_to(folder.root).as_posix()
        found.append(SourceFile(label=label, copy_path=copy_path, sha256=digest_bytes(content)))
    return tuple(found)


def _keep_git(
    plan: RunPlan, folder: RunFolder, masking: Masking, git: GitProbe, attempt: int
) -> dict[str, Any] | None:
    yaml_files = [_absolute(source.label) for source in plan.sources if source.is_compared]
    state = git.gather(python_in=plan.package_folders, yaml_files=yaml_files)
    if state is None:
        return None
    fields = state.as_json()
    fields["patch"] = None
    if state.patch:
        content = masking.content(state.patch)
        path = folder.patch_of(attempt)
        write_whole(path, content, point="patch.written", durable=False)
        fields["patch"] = {
            "path": path.relative_to(folder.root).as_posix(),
            "sha256": digest_bytes(content),
            "size_bytes": len(content),
        }
    return fields
