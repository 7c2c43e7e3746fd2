"""The embedded platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.errors import StorageReadError, StorageWriteError
from brevetti_hydra.platform import LocalPlatform
from brevetti_hydra.platform.base import Completion
from brevetti_hydra.testing.platform_contract import PlatformContract

if TYPE_CHECKING:
    from pathlib import Path


class TestLocalPlatform(PlatformContract):
    def make(self, tmp_path: Path) -> LocalPlatform:
        return LocalPlatform(tmp_path / "space with 'quotes' and ü")


def test_leaves_a_foreign_description_alone(tmp_path: Path) -> None:
    """An info.json that the platform has not written is read, and never changed."""
    content = b'{"name": "theirs", "settings": {}, "api_key": "K"}'
    (tmp_path / "info.json").write_bytes(content)
    platform = LocalPlatform(tmp_path)

    platform.open({"name": "ours", "settings": {}})
    platform.complete(Completion("id", 9, "2026-11-23T10:15:00.250Z", "artifacts/m"))

    assert content == (tmp_path / "info.json").read_bytes()


def test_keeps_the_first_completion(tmp_path: Path) -> None:
    """The time and model of the first completion stay."""
    platform = LocalPlatform(tmp_path)
    platform.open({"name": "a", "settings": {}})
    platform.complete(Completion("id", 9, "2026-11-23T10:15:00.250Z", "artifacts/m"))
    platform.complete(Completion("id", 9, "2027-01-01T00:00:00.000Z", "artifacts/other"))

    info = json.loads((tmp_path / "info.json").read_text())

    assert ("2026-11-23T10:15:00.250Z", "artifacts/m") == (info["completed"], info["model_path"])


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_says_that_a_description_is_damaged(tmp_path: Path, content: bytes) -> None:
    """A torn info.json is an error that names it."""
    (tmp_path / "info.json").write_bytes(content)

    with pytest.raises(StorageReadError) as caught:
        LocalPlatform(tmp_path).describe()

    assert str(tmp_path / "info.json") in caught.value.message


def test_says_that_the_space_cannot_be_made(tmp_path: Path) -> None:
    """A file in the place of the storage space is an error that names it."""
    (tmp_path / "space").write_text("a file")

    with pytest.raises(StorageWriteError) as caught:
        LocalPlatform(tmp_path / "space").open({"name": "a", "settings": {}})

    assert f"cannot write '{tmp_path}/space/artifacts'" == caught.value.message
