"""Pydantic's plugins are looked for in a cheaper way, and found all the same."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from brevetti_hydra.cli.plugins import has_pydantic_plugins

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
class Plugin:
    def new_schema_validator(self, *arguments, **options):
        print("asked", flush=True)
        return None, None, None


plugin = Plugin()
"""

PROGRAM = """
from brevetti_hydra.cli.plugins import spare_plugin_scan
spare_plugin_scan()
from pydantic import BaseModel

class Model(BaseModel):
    x: int

from pydantic.plugin import _loader
print(_loader._plugins is not None)
"""


def install(folder: Path, group: str) -> None:
    """Lay a distribution out that has an entry point."""
    metadata = folder / "speaking-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: speaking\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\nspeaking = speaking:plugin\n")
    (folder / "speaking.py").write_text(PLUGIN)


def run(folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, check=True, capture_output=True, text=True
    )
    return result.stdout


def test_an_installed_plugin_is_still_asked(tmp_path: Path) -> None:
    """Where a distribution declares a plugin, pydantic loads it."""
    install(tmp_path, "pydantic")

    assert (True, "asked\nTrue\n") == (has_pydantic_plugins([str(tmp_path)]), run(tmp_path))


def test_other_entry_points_are_none_of_pydantics(tmp_path: Path) -> None:
    """Entry points of other groups do not make pydantic look."""
    install(tmp_path, "console_scripts")

    assert (False, "True\n") == (has_pydantic_plugins([str(tmp_path)]), run(tmp_path))


def test_a_zip_file_is_left_to_pydantic(tmp_path: Path) -> None:
    """What is no folder may hold a plugin; what does not exist does not."""
    archive = tmp_path / "packages.zip"
    archive.write_bytes(b"")

    assert has_pydantic_plugins([str(archive)])
    assert not has_pydantic_plugins([str(tmp_path / "nothing")])
