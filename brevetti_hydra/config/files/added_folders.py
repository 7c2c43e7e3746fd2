"""What `hydra.searchpath` adds to the folders of configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brevetti_hydra.config.command_line.values import json_or_text
from brevetti_hydra.config.files.source import is_kind
from brevetti_hydra.config.safety.targets import locate_package
from brevetti_hydra.errors import ConfigNotFoundError, InvalidSettingError

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.origins import Origin

__all__ = ["added_folder", "listed"]


def listed(argument: Argument) -> object:
    """Read the list that an argument gives; `--hydra.searchpath` takes it as JSON."""
    parsed = argument.parsed
    return json_or_text(argument.value or "") if parsed is None else parsed.value()


def added_folder(item: str, origin: Origin, project: Project, folder: Path) -> Path:
    """Find the folder that an item of `hydra.searchpath` means.

    Raises:
        InvalidSettingError: It is a URL of another scheme.
        ConfigNotFoundError: There is no such folder.
        TargetRefusedError: `pkg://` names no package of the project.
    """
    scheme, separator, rest = item.partition("://")
    if separator and scheme == "pkg":
        path = locate_package(rest.replace("/", "."), project, origin.place())
    elif separator and scheme != "file":
        raise InvalidSettingError(
            f"'hydra.searchpath' does not take '{item}'",
            where=origin.place(),
            notes=["it takes folders, file:// and pkg://"],
        )
    else:
        # Not Path.expanduser, which raises where there is no such user.
        path = folder / os.path.expanduser(rest if separator else item)  # noqa: PTH111
    if not is_kind(path.is_dir):
        raise ConfigNotFoundError(
            f"the folder '{item}' of hydra.searchpath does not exist", where=origin.place()
        )
    return path
