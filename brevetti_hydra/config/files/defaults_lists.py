"""The entries of defaults lists: checked before Hydra sees them, found again for its complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.tree.origins import Origin, Via
from brevetti_hydra.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brevetti_hydra.config.tree.documents import Document

__all__ = [
    "Entry",
    "check_entries",
    "choosing_jobs",
    "entries_of",
    "entry_via",
    "find_cycle",
    "named_configs",
    "taking_part",
]


class Entry(NamedTuple):
    """One entry of a defaults list: a group with its options, or a config by its name.

    Attributes:
        group: As written, without keywords, package and slashes at its ends; `""` of a config.
        options: The chosen options, or the config's name alone.
        is_override: Whether the entry says `override`.
        is_absolute: Whether it names its group or config from the top.
        origin: Where it stands; None where a file hides that behind `<<`.
        number: Which of the list it is, from 0.
        is_optional: Whether the entry says `optional`.
    """

    group: str
    options: tuple[str, ...]
    is_override: bool
    is_absolute: bool
    origin: Origin | None
    number: int
    is_optional: bool = False

    def group_from(self, config_path: str) -> str:
        """Give the whole name of the group, where the list stands in some config."""
        holder = config_path.rpartition("/")[0]
        return self.group if self.is_absolute else f"{holder}/{self.group}".strip("/")

    def names(self, config_path: str) -> bool:
        """Whether the entry may mean a config, wherever the list itself stands."""
        return any(
            config_path == path or config_path.endswith(f"/{path}")
            for path in (f"{self.group}/{option}".lstrip("/") for option in self.options)
        )


def check_entries(document: Document) -> None:
    """Refuse a defaults list that is no list of names and choices.

    Raises:
        CompositionError: It is none; the place is that of the wrong entry.
    """
    if document.defaults is None:
        return
    if not isinstance(document.defaults, list):
        raise _wrong("'defaults' must be a list", _origin(document, 0), "- group: option")
    overriding: str | None = None
    for number, entry in enumerate(document.defaults):
        origin = _origin(document, number)
        fault = _fault(entry)
        if fault is not None:
            raise _wrong(fault, origin, "- group: option, or - config")
        if entry == "_self_":
            if "_self_" in document.defaults[:number]:
                raise _misplaced("'_self_' stands twice in one defaults list", origin)
        elif isinstance(entry, dict) and "override" in str(next(iter(entry))).split()[:-1]:
            overriding = str(next(iter(entry)))
        elif overriding is not None:
            raise _misplaced(f"'{overriding}' must stand below this entry", origin)


def entries_of(document: Document) -> Iterator[Entry]:
    """Give the entries of a checked document, `_self_` left out."""
    for number, entry in enumerate(document.defaults or ()):
        origin = _origin(document, number)
        if isinstance(entry, str):
            if entry != "_self_":
                name = entry.partition("@")[0]
                is_absolute = name.startswith("/")
                yield Entry("", (name.strip("/"),), False, is_absolute, origin, number)
            continue
        ((key, value),) = entry.items()
        *keywords, name = str(key).split() or [""]
        name = name.partition("@")[0]
        options = tuple(map(str, value if isinstance(value, list) else [value]))
        yield Entry(
            name.strip("/"),
            options,
            is_override="override" in keywords,
            is_absolute=name.startswith("/"),
            origin=origin,
            number=number,
            is_optional="optional" in keywords,
        )


def entry_via(document: Document, number: int) -> Via:
    """Give an entry as that by which a file takes part, with its place and as it is written."""
    entry = document.defaults[number]
    text = f"- {entry}"
    if isinstance(entry, dict):
        ((key, value),) = entry.items()
        option = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
        text = f"- {key}: {'null' if option is None else option}"
    return Via(_origin(document, number) or Origin("yaml", document.label), text)


def named_configs(documents: Mapping[str, Document]) -> Iterator[str]:
    """Give the config paths that defaults lists name."""
    for path, document in documents.items():
        for entry in entries_of(document):
            group = entry.group_from(path)
            for option in entry.options:
                yield f"{group}/{option}".lstrip("/").removesuffix(".yaml")


def choosing_jobs(documents: Mapping[str, Document]) -> set[str]:
    """Find the configs that may choose a job: by themselves, or by one that their list takes."""
    taken_by: dict[str, list[str]] = {}
    pending: list[str] = []
    for path, document in documents.items():
        chooses = document.tree.at(("job", "_target_")) is not None
        for entry in entries_of(document):
            group = entry.group_from(path)
            chooses |= group == "job" or "${" in f"{group}{entry.options}"
            for option in entry.options:
                taken_by.setdefault(f"{group}/{option}".lstrip("/"), []).append(path)
        if chooses:
            pending.append(path)
    found: set[str] = set()
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending += taken_by.get(path, ())
    return found


def find_cycle(documents: Mapping[str, Document]) -> list[tuple[str, Origin | None]]:
    """Find files whose defaults lists lead back to themselves.

    Returns:
        The files of one such circle with the entries that lead on; empty where there is none.
    """
    finished: set[str] = set()

    def walk(path: str, above: list[tuple[str, Origin | None]]) -> list[tuple[str, Origin | None]]:
        for target, origin in _targets(path, documents[path]):
            trail = [*above, (path, origin)]
            names = [name for name, _ in trail]
            if target in names:
                return trail[names.index(target) :]
            if target in documents and target not in finished:
                found = walk(target, trail)
                if found:
                    return found
        finished.add(path)
        return []

    return next((found for path in documents if (found := walk(path, []))), [])


def taking_part(documents: Mapping[str, Document], chosen: Sequence[str]) -> Mapping[str, Document]:
    """Find the documents that a line may take: what is chosen, and what their lists lead to.

    Where a list names an option by a reference, nobody can tell, and all are given.
    """
    found: dict[str, Document] = {}
    pending = list(chosen)
    while pending:
        path = pending.pop(0)
        document = documents.get(path)
        if document is None or path in found:
            continue
        found[path] = document
        targets = [target for target, _ in _targets(path, document)]
        if any("${" in target for target in targets):
            return documents
        pending += targets
    return found


def _targets(config_path: str, document: Document) -> Iterator[tuple[str, Origin | None]]:
    """Give the configs that a file's entries name."""
    for entry in entries_of(document):
        group = entry.group_from(config_path)
        for option in entry.options:
            yield f"{group}/{option}".lstrip("/"), entry.origin


def _fault(entry: Any) -> str | None:
    if isinstance(entry, str):
        return _interpolation_fault(entry)
    if not isinstance(entry, dict):
        return f"an entry of a defaults list must be a name or a choice, but is {entry!r}"
    if len(entry) != 1:
        keys = ", ".join(f"'{key}'" for key in entry)
        return f"an entry of a defaults list chooses for one group, but has {keys or 'none'}"
    ((key, value),) = entry.items()
    options = value if isinstance(value, list) else [value]
    if all(isinstance(option, str) for option in options):
        return next(filter(None, map(_interpolation_fault, (key, *options))), None)
    if value is None:
        return _interpolation_fault(key)
    return f"the option of '{key}' must be a name or a list of names, but is {value!r}"


def _interpolation_fault(text: str) -> str | None:
    """Say what is wrong with the interpolation in a name; Hydra looks for some in each of them."""
    if "${" not in text:
        return None
    from brevetti_hydra.config._hydra import COMPOSITION_FAULTS
    from brevetti_hydra.config._omegaconf import references

    try:
        references(text)
    except COMPOSITION_FAULTS:
        return f"{text!r} is no interpolation; in a defaults list there is only ${{group}}"
    return None


def _origin(document: Document, number: int) -> Origin | None:
    origins = document.defaults_origins
    return origins[number] if number < len(origins) else None


def _misplaced(message: str, origin: Origin | None) -> CompositionError:
    return CompositionError(
        message,
        where=origin.place() if origin is not None else None,
        hint="a defaults list holds choices first, then those with 'override', '_self_' once",
    )


def _wrong(message: str, origin: Origin | None, form: str) -> CompositionError:
    return CompositionError(
        message,
        where=origin.place() if origin is not None else None,
        hint=f"write each entry as: {form}",
    )
