"""Where a project begins, and where the shipped configuration lies, found without any import.

The rules are those of `config.project` and `config.files.search`, which a test compares.
"""

from __future__ import annotations

import os

__all__ = ["project_folder", "shipped_folder"]


def project_folder(start: str) -> str:
    """Find the project that a folder belongs to: the nearest with a pyproject.toml or a conf/."""
    folder = start
    while True:
        has_table = os.path.isfile(os.path.join(folder, "pyproject.toml"))
        if has_table or os.path.isdir(os.path.join(folder, "conf")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


def shipped_folder() -> str:
    """Find the configuration that the harness ships: in the wheel, or beside the package."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(package, "conf")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "conf")
