"""What Hydra says about defaults lists and options, said with the place that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.config import _hydra
from brevetti_hydra.config.origins import Origin
from brevetti_hydra.config.source import FolderSource
from brevetti_hydra.errors import (
    BrevettiHydraError,
    CompositionError,
    ConfigNotFoundError,
    Place,
    UnknownOptionError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.overrides import Argument

__all__ = ["composition_error", "config_not_found", "unknown_group", "unknown_option"]


def unknown_option(
    group: str, option: str, origin: Origin, repository: _hydra.Repository
) -> UnknownOptionError:
    """Say which options there are, where one is named that does not exist."""
    options = repository.get_group_options(group)
    nearest = similar_name(option, options)
    hint = f"a similar name exists: '{nearest}'" if nearest else None
    if hint is None and group == "job":
        hint = "or name a class: job=my_package.module:MyJob"
    return UnknownOptionError(
        f"the group '{group}' has no option '{option}'",
        where=origin.place(),
        notes=[f"it has {quote_all(options)}"] if options else ["it has no options"],
        hint=hint,
    )


def unknown_group(argument: Argument, repository: _hydra.Repository) -> UnknownOptionError:
    """Say which groups there are, where one is named that does not exist."""
    name = argument.key.partition("@")[0]
    known = sorted(
        {n for s in repository.get_sources() for n in s.list("", _hydra.ObjectType.GROUP)}
    )
    nearest = similar_name(name, known)
    return UnknownOptionError(
        f"there is no group '{name}'",
        where=argument.origin.place(),
        notes=[f"there are {quote_all(known)}"] if known else [],
        hint=f"a similar name exists: '{nearest}'" if nearest else None,
    )


def config_not_found(config_path: str, repository: _hydra.Repository) -> ConfigNotFoundError:
    """Say where a config was looked for."""
    folders = [s.path for s in repository.get_sources() if isinstance(s, FolderSource)]
    return ConfigNotFoundError(
        f"there is no config '{config_path}'",
        notes=["looked in " + ", ".join(f"'{folder}'" for folder in folders)],
    )


def composition_error(
    error: Exception, repository: _hydra.Repository, arguments: Sequence[Argument]
) -> BrevettiHydraError:
    """Translate what Hydra says about a defaults list, and find the line that it is about."""
    if isinstance(error, BrevettiHydraError):
        return error
    missing = getattr(error, "missing_cfg_file", None)
    if missing:
        group, _, option = str(missing).rpartition("/")
        origin = _entry_that_names(group, option, repository)
        if group and origin is not None:
            return unknown_option(group, option, origin, repository)
        if group:
            return unknown_option(group, option, Origin("yaml", str(missing)), repository)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    must = next((line for line in lines if line.startswith("You must specify")), None)
    if must:
        group = must.split("'")[1]
        options = repository.get_group_options(group)
        return UnknownOptionError(
            f"the group '{group}' needs an option",
            notes=[f"it has {quote_all(options)}"],
            hint=f"choose one: {group}={options[0] if options else 'NAME'}",
        )
    return CompositionError(
        "the defaults lists do not compose",
        where=_first_place(lines, arguments),
        notes=lines[:4],
    )


def _first_place(lines: Sequence[str], arguments: Sequence[Argument]) -> Place | None:
    text = " ".join(lines)
    for argument in arguments:
        if argument.parsed is not None and f"'{argument.parsed.key_or_group}'" in text:
            return argument.origin.place()
    return None


def _entry_that_names(group: str, option: str, repository: _hydra.Repository) -> Origin | None:
    for source in repository.get_sources():
        for document in getattr(source, "documents", {}).values():
            entries = document.defaults if isinstance(document.defaults, list) else []
            for entry, origin in zip(entries, document.defaults_origins, strict=False):
                if _names(entry, group, option):
                    return origin  # type: ignore[no-any-return]
    return None


def _names(entry: object, group: str, option: str) -> bool:
    if isinstance(entry, str):
        return entry.partition("@")[0].lstrip("/") in {f"{group}/{option}", option}
    if not isinstance(entry, dict):
        return False
    for key, value in entry.items():
        options = value if isinstance(value, list) else [value]
        if option in options and str(key).split()[-1].partition("@")[0].strip("/") in {
            group,
            group.rpartition("/")[2],
        }:
            return True
    return False
