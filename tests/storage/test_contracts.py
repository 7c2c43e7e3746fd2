"""The shipped contract suites, run against the backends that come with fsspec."""

from __future__ import annotations

import uuid
import zipfile
from typing import TYPE_CHECKING

from brevetti_hydra.storage import open_path
from brevetti_hydra.testing.storage_contract import ArtifactsContract, DatasetContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class TestFolder(ArtifactsContract):
    def fill(self, tmp_path: Path, files: Mapping[str, bytes]) -> str:
        _write(tmp_path / "my bucket::1", files)
        return str(tmp_path / "my bucket::1")


class TestFileUrl(ArtifactsContract):
    def fill(self, tmp_path: Path, files: Mapping[str, bytes]) -> str:
        _write(tmp_path / "b%20 #1", files)
        return f"file://{tmp_path}/b%20 #1"


class TestMemory(ArtifactsContract):
    def fill(self, tmp_path: Path, files: Mapping[str, bytes]) -> str:
        root = open_path(f"memory://{uuid.uuid4().hex}/prefix")
        for name, content in files.items():
            path = root.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return str(root)


def _zip(path: Path, files: Mapping[str, bytes], below: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(below + name, content)
    return path


class TestZip(DatasetContract):
    def fill(self, tmp_path: Path, files: Mapping[str, bytes]) -> str:
        return f"zip://inner/part::{_zip(tmp_path / 'my [d].zip', files, 'inner/part/')}"


class TestZipInMemory(DatasetContract):
    def fill(self, tmp_path: Path, files: Mapping[str, bytes]) -> str:
        target = open_path(f"memory://{uuid.uuid4().hex}/d.zip")
        target.parent.mkdir(parents=True)
        target.write_bytes(_zip(tmp_path / "d.zip", files, "x/").read_bytes())
        return f"zip://x::{target}"
