"""Where shared copies lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.storage.cache import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given stands above BREVETTI_AI_CACHE, that above XDG_CACHE_HOME, that above ~/.cache."""
    found = []
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    found.append(cache_folder())
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    found.append(cache_folder())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    found.append(cache_folder())
    monkeypatch.setenv("BREVETTI_AI_CACHE", str(tmp_path / "own"))
    found.append(cache_folder())

    found.append(cache_folder(tmp_path / "given"))

    home = tmp_path / "home" / ".cache" / "brevetti_hydra"
    named = [tmp_path / "xdg" / "brevetti_hydra", tmp_path / "own", tmp_path / "given"]
    assert [home, home, *named] == found
