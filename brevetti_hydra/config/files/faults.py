"""What Hydra says about defaults lists and options, said with the place that it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.config import _hydra
from brevetti_hydra.config.files.defaults_lists import (
    Entry,
    entries_of,
    find_cycle,
    taking_part,
)
from brevetti_hydra.config.files.source import FolderSource
from brevetti_hydra.config.tree.origins import Origin
from brevetti_hydra.errors import (
    BrevettiHydraError,
    CompositionError,
    ConfigNotFoundError,
    Place,
    UnknownOptionError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.tree.documents import Document

__all__ = [
    "circle_error",
    "composition_error",
    "config_not_found",
    "no_option",
    "unknown_group",
    "unknown_option",
]


def unknown_option(
    group: str, option: str, origin: Origin, repository: _hydra.Repository
) -> UnknownOptionError:
    """Say which options there are, where one is named that does not exist."""
    if not repository.group_exists(group):
        return _unknown_group(group, origin, repository)
    listed = repository.get_group_options(group)
    # What is listed may be a pipe or a device, which is not read.
    options = [name for name in listed if repository.config_exists(f"{group}/{name}")]
    nearest = similar_name(option, options)
    hint = f"a similar name exists: '{nearest}'" if nearest else None
    if option in options:  # `group=3`: read as a number
        hint = f"quote it: {group}='\"{option}\"'"
    if hint is None and group == "job":
        hint = "or name a class: job=my_package.module:MyJob"
        file = re.fullmatch(r"(?:\./)?([\w/]+)\.py(?::(\w+))?", option)
        if file is not None:
            module, name = file[1].replace("/", "."), file[2] or "MyJob"
            hint = f"name a class by its module: job={module}:{name}"
    return UnknownOptionError(
        f"the group '{group}' has no option '{option}'",
        where=origin.place(),
        notes=[f"it has {quote_all(options)}"] if options else ["it has no options"],
        hint=hint,
    )


def unknown_group(argument: Argument, repository: _hydra.Repository) -> UnknownOptionError:
    """Say which groups there are, where one is named that does not exist."""
    return _unknown_group(argument.key.partition("@")[0], argument.origin, repository)


def _unknown_group(name: str, origin: Origin, repository: _hydra.Repository) -> UnknownOptionError:
    known = sorted(
        {n for s in repository.get_sources() for n in s.list("", _hydra.ObjectType.GROUP)}
    )
    nearest = similar_name(name, known)
    return UnknownOptionError(
        f"there is no group '{name}'",
        where=origin.place(),
        notes=[f"there are {quote_all(known)}"] if known else [],
        hint=f"a similar name exists: '{nearest}'" if nearest else None,
    )


def no_option(argument: Argument) -> UnknownOptionError:
    """Say how a choice is taken away, where `group=null` is written for it."""
    return UnknownOptionError(
        f"the group '{argument.key}' takes the name of an option, not null",
        where=argument.origin.place(),
        hint=f"write ~{argument.key} to take the choice away",
    )


def config_not_found(config_path: str, repository: _hydra.Repository) -> ConfigNotFoundError:
    """Say where a config was looked for."""
    folders = [s.path for s in repository.get_sources() if isinstance(s, FolderSource)]
    return ConfigNotFoundError(
        f"there is no config '{config_path}'",
        notes=["looked in " + ", ".join(f"'{folder}'" for folder in folders)],
    )


def composition_error(
    error: Exception,
    repository: _hydra.Repository,
    primary: str,
    arguments: Sequence[Argument],
) -> BrevettiHydraError:
    """Translate what Hydra says about a defaults list, and find the line that it is about."""
    if isinstance(error, BrevettiHydraError):
        return error
    # Others have been read as well, where many lines are composed over one repository.
    documents = taking_part(_documents(repository), [primary, *_chosen_configs(arguments)])
    if isinstance(error, RecursionError):
        return _without_end(documents)
    missing = getattr(error, "missing_cfg_file", None)
    if missing:
        return _missing(str(missing), documents, repository)
    text = " ".join(line.strip() for line in str(error).splitlines())
    must = re.search(r"You must specify '([^'@]+)(@[^']*)?'", text)
    if must:
        group, package = must.group(1), must.group(2) or ""
        options = repository.get_group_options(group)
        entry = _entry(documents, lambda e: e.group == group and "???" in e.options)
        return UnknownOptionError(
            f"the group '{group}' needs an option",
            where=_place(entry),
            notes=[f"it has {quote_all(options)}"] if options else ["it has no options"],
            hint=f"choose one: {group}{package}={options[0] if options else 'NAME'}",
        )
    for pattern, message, hint in _COMPLAINTS:
        found = re.search(pattern, text)
        if found:
            is_twice = "more than once" in message
            return CompositionError(
                message.format(*found.groups()),
                where=_place_of(found.group(1), arguments, documents, is_twice=is_twice),
                hint=hint.format(*found.groups()),
            )
    return CompositionError(
        "the defaults lists do not compose",
        notes=[line.strip() for line in str(error).splitlines() if line.strip()][:4]
        or [f"{type(error).__name__} in Hydra"],
        hint="see --info for the files that take part",
    )


# What Hydra complains of, what that means, and what mends it.
_COMPLAINTS = (
    (
        r"Could not override '([^']+)'\. Did you mean to override (?:one of )?(.+?)\?",
        "there is no choice of '{0}', but one of '{1}'",
        "override that one, or write +{0}=... to add one",
    ),
    (
        r"Could not override '([^']+)'\. No match",
        "there is no choice of '{0}' that could be overridden",
        "write it without 'override': - {0}: ...",
    ),
    (
        # Hydra 1.4 says so of an entry with 'override'.
        r"Invalid Defaults List override '[^']+'\. No earlier Group Default for '([^']+)'",
        "there is no choice of '{0}' that could be overridden",
        "write it without 'override': - {0}: ...",
    ),
    (
        r"Could not delete '([^']+)'",
        "there is no choice '{0}' that could be taken away",
        "leave it out",
    ),
    (
        r"Multiple values for ([^ ]+)\. To override",
        "the group '{0}' is chosen more than once",
        "write 'override /{0}: ...' for the choice that is to win",
    ),
    (
        r"([^ ]+) appears more than once in the final defaults list",
        "the group '{0}' is chosen more than once",
        "take one choice out, or put it into a package of its own: {0}@package: ...",
    ),
    (
        r"Error resolving interpolation '([^']+)'",
        "'{0}' in a defaults list does not resolve",
        "name a group that is chosen further up in the same list",
    ),
)


def _without_end(documents: Mapping[str, Document]) -> CompositionError:
    circle = find_cycle(documents)
    return circle_error([path for path, _ in circle], circle[-1][1] if circle else None, documents)


def circle_error(
    paths: Sequence[str], closing: Origin | None, documents: Mapping[str, Document]
) -> CompositionError:
    """Say which files include each other in a circle, at the entry that closes it."""
    names = [documents[path].label for path in [*paths, *paths[:1]]]
    return CompositionError(
        "the defaults lists include each other without end",
        where=closing.place() if closing is not None else None,
        notes=[" takes ".join(f"'{name}'" for name in names)] if names else [],
        hint="take this entry out",
    )


def _missing(
    config_path: str, documents: Mapping[str, Document], repository: _hydra.Repository
) -> BrevettiHydraError:
    entry = _entry(documents, lambda e: e.names(config_path))
    group, _, option = config_path.rpartition("/")
    if group and (entry is None or entry.group):
        origin = entry.origin if entry is not None else None
        return unknown_option(group, option, origin or Origin("yaml", config_path), repository)
    error = config_not_found(config_path, repository)
    error.where = _place(entry)
    return error


def _chosen_configs(arguments: Sequence[Argument]) -> Iterator[str]:
    for argument in arguments:
        value = argument.parsed.value() if argument.parsed is not None else None
        for option in value if isinstance(value, list) else [value]:
            yield f"{argument.key.partition('@')[0]}/{option}"


def _place_of(
    about: str,
    arguments: Sequence[Argument],
    documents: Mapping[str, Document],
    *,
    is_twice: bool,
) -> Place | None:
    """Find the argument or the entry that a complaint about a group is about."""
    key, _, option = about.partition("=")
    for argument in arguments:
        if argument.key == key and (not option or argument.value == option):
            return argument.origin.place()
    group = key.partition("@")[0]
    # An override of a choice makes no second one.
    wanted = not is_twice
    override = _entry(documents, lambda e: e.is_override is wanted and group.endswith(e.group))
    return _place(override or _entry(documents, lambda e: group.endswith(e.group or "?")))


def _place(entry: Entry | None) -> Place | None:
    return entry.origin.place() if entry is not None and entry.origin is not None else None


def _entry(documents: Mapping[str, Document], fits: Callable[[Entry], bool]) -> Entry | None:
    """Find the last entry of any list that fits."""
    found = None
    for document in documents.values():
        found = next((e for e in reversed([*entries_of(document)]) if fits(e)), found)
    return found


def _documents(repository: _hydra.Repository) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for source in repository.get_sources():
        found |= getattr(source, "documents", {})
    return found
