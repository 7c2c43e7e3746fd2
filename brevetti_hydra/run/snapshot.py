"""The snapshot: all inputs of a run, written before its first step.

A later attempt may find another Python, other packages and other code: it writes its environment
anew, into a file of its own.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._files import digest_bytes, make_folder, write_whole
from brevetti_hydra._json import encodable, json_bytes
from brevetti_hydra._masks import Masking
from brevetti_hydra.record import DatasetRef, IneffectiveOverride, Snapshot, SourceFile
from brevetti_hydra.run.environment import describe_environment, describe_process
from brevetti_hydra.run.folders import RunFolder
from brevetti_hydra.run.git import MOST_PATCH_BYTES, GitState, refuse_copy
from brevetti_hydra.run.ignored import begin_ignored
from brevetti_hydra.run.plan import RunPlan
from brevetti_hydra.run.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.storage.dataset import Dataset

__all__ = [
    "Inputs",
    "summarize_environment",
    "take_environment",
    "take_snapshot",
    "write_environment",
    "write_snapshot",
]

# An absolute name, or one from the working directory: a source's label may be any text.
_absolute = os.path.abspath


class Inputs(NamedTuple):
    """Whose inputs are taken, and where they are put.

    Attributes:
        plan: What is to be run.
        folder: Its folder.
        masking: Takes secrets out.
        workplace: Knows what earlier runs of this process have found.
    """

    plan: RunPlan
    folder: RunFolder
    masking: Masking
    workplace: Workplace


def take_environment(inputs: Inputs, git: GitProbe, attempt: int) -> dict[str, Any]:
    """Describe where an attempt takes place, and keep what its code differs in from the commit.

    Args:
        inputs: Whose.
        git: What git was asked, some time ago.
        attempt: The attempt's number.

    Returns:
        Plain values, masked; other runs may have the same: nobody changes them.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    masking, workplace = inputs.masking, inputs.workplace
    make_folder(inputs.folder.config_dir, point="config.made")
    # A job may have changed what may be imported, or what is computed.
    process = workplace.once(("process", tuple(sys.path)), describe_process)
    environment = describe_environment(process)
    patched = _find_patch(inputs, git)
    path = None if patched is None else _keep_patch(inputs, patched, attempt)
    volatile = (environment["hardware"].get("cpus_allowed"), *environment["variables"].items())
    key = ("environment", id(process), id(patched), path, masking.forms, volatile)
    return workplace.once(key, lambda: _masked(environment, patched, path, masking))


class _Patched(NamedTuple):
    """What git says of the code, and what differs, masked."""

    state: GitState
    patch: bytes
    sha256: str


def _find_patch(inputs: Inputs, git: GitProbe) -> _Patched | None:
    plan, masking = inputs.plan, inputs.masking
    yaml_files = [_absolute(source.label) for source in plan.sources if source.is_compared]

    def look() -> _Patched | None:
        state = git.gather(python_in=plan.package_folders, yaml_files=yaml_files)
        if state is None:
            return None
        content = masking.content(state.patch)
        return _Patched(state, content, digest_bytes(content))

    key = ("patch", id(git), *plan.package_folders, *yaml_files, masking.forms)
    return inputs.workplace.once(key, look)


def _keep_patch(inputs: Inputs, patched: _Patched, attempt: int) -> str | None:
    if not patched.patch:
        return None
    path = inputs.folder.patch_of(attempt)
    content, sha256 = patched.patch, patched.sha256
    inputs.workplace.place(path, content, sha256=sha256, point="patch.written")
    return path.relative_to(inputs.folder.root).as_posix()


def _masked(
    environment: dict[str, Any], patched: _Patched | None, path: str | None, masking: Masking
) -> dict[str, Any]:
    git = None if patched is None else patched.state.as_json() | {"patch": None}
    if git is not None and patched is not None and path is not None:
        size_bytes = len(patched.patch)
        git["patch"] = {"path": path, "sha256": patched.sha256, "size_bytes": size_bytes}
    masked: dict[str, Any] = encodable(masking.tree(environment | {"git": git}))
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


def take_snapshot(inputs: Inputs, environment: dict[str, Any], datasets: list[Dataset]) -> Snapshot:
    """Gather all inputs, and copy the configuration into the run's folder.

    Args:
        inputs: Whose.
        environment: What `take_environment` gave.
        datasets: The job's datasets; every image is read.

    Raises:
        DatasetNotFoundError: A bucket does not exist.
        StorageReadError: An image cannot be read.
        StorageWriteError: The folder cannot be written.
    """
    plan, folder, masking, workplace = inputs
    files = tuple(_absolute(source.label) for source in plan.sources)
    probe = workplace.once(("ignored", files), lambda: begin_ignored(files))
    make_folder(folder.sources_dir, point="config.made")
    config = masking.tree(plan.config)
    _write_json(folder.config_dir / "composition.json", config)
    _write_json(folder.config_dir / "overrides.json", masking.tree(list(plan.overrides)))
    ignored = workplace.once(("are ignored", files), probe.gather)
    return Snapshot(
        config=encodable(config),
        origins=encodable(masking.tree(plan.origins)),
        choices=encodable(masking.tree(plan.choices)),
        config_version=plan.config_version,
        start_folder=encodable(plan.start_folder),
        short_command=encodable(masking.tree(list(plan.short_command))),
        left_out=tuple(
            IneffectiveOverride(override=encodable(masking.text(override)), reason=reason)
            for override, reason in plan.left_out
        ),
        sources=_copy_sources(inputs, ignored),
        datasets=tuple(_describe(dataset, plan, masking) for dataset in datasets),
        environment=environment,
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


def _copy_sources(inputs: Inputs, ignored: Mapping[str, str]) -> tuple[SourceFile, ...]:
    """Copy the YAML that took part, but what may hold a secret or is very large."""
    plan, folder, masking, workplace = inputs
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
        sha256 = workplace.place(path, content, point="source.copied")
        copy_path = f"{folder.sources_dir.relative_to(folder.root).as_posix()}/{path.name}"
        found.append(SourceFile(label=label, copy_path=copy_path, sha256=sha256))
    return tuple(found)
