"""Files with mistakes, made so that everything else can still be judged.

A run stops at the first file that cannot be read and at the first entry of a defaults list that
leads nowhere. A check of everything tells each of them, then goes on as if the file were empty and
the entry were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.files.defaults_lists import Entry, check_entries, entries_of
from brevetti_hydra.config.files.faults import circle_error, config_not_found, unknown_option
from brevetti_hydra.config.files.plugin_choices import with_plugins
from brevetti_hydra.config.tree.documents import Document
from brevetti_hydra.config.tree.origins import Node, Origin
from brevetti_hydra.errors import BrevettiHydraError, CompositionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.config._hydra import Repository
    from brevetti_hydra.config.files.source import DocumentSource

__all__ = ["break_circles", "empty_document", "read_mended", "without_entries", "without_lost"]


def read_mended(
    source: DocumentSource, config_path: str, label: str
) -> tuple[Document, list[BrevettiHydraError]]:
    """Read a file; what of its defaults list is no entry is left out, or the whole content.

    Returns:
        The document, and what is wrong with the file.
    """
    try:
        document = source.document(config_path)
    except BrevettiHydraError as error:
        return empty_document(label), [error]
    errors: list[BrevettiHydraError] = []
    while True:
        try:
            check_entries(document)
        except CompositionError as error:
            errors.append(error)
            place = "" if error.where is None else error.where.label
            wrong = [n for n, o in enumerate(document.defaults_origins) if o.label == place]
            if not wrong or not isinstance(document.defaults, list):
                return document._replace(defaults=None, defaults_origins=()), errors
            document = without_entries(document, wrong)
        else:
            return with_plugins(config_path, document), errors


def empty_document(label: str) -> Document:
    """Make the document of an empty file."""
    tree = Node(Origin("yaml", label), children={})
    return Document(label, "", None, tree, None, ())


def without_entries(document: Document, numbers: Sequence[int]) -> Document:
    """Take entries out of a defaults list, by their numbers."""
    left_out = set(numbers)
    return document._replace(
        defaults=[e for n, e in enumerate(document.defaults) if n not in left_out],
        defaults_origins=tuple(
            o for n, o in enumerate(document.defaults_origins) if n not in left_out
        ),
    )


def without_lost(
    document: Document, config_path: str, repository: Repository
) -> tuple[Document, list[BrevettiHydraError]]:
    """Leave out the entries of a defaults list that name what does not exist.

    Returns:
        The document, and an error for each of those names.
    """
    errors: list[BrevettiHydraError] = []
    lost: list[int] = []
    for entry in entries_of(document):
        found = [
            error
            for option in entry.options
            if (error := _lost(entry, option, config_path, repository)) is not None
        ]
        if found:
            errors += found
            lost.append(entry.number)
    return (without_entries(document, lost), errors) if lost else (document, errors)


def _lost(
    entry: Entry, option: str, config_path: str, repository: Repository
) -> BrevettiHydraError | None:
    group = entry.group_from(config_path)
    is_open = entry.is_optional or option in {"None", "???"} or "${" in f"{group}{option}"
    if is_open or group.startswith("hydra/") or repository.config_exists(f"{group}/{option}"):
        return None
    origin = entry.origin or Origin("yaml", config_path)
    if not entry.group:
        error = config_not_found(f"{group}/{option}".lstrip("/"), repository)
        error.where = origin.place()
        return error
    if entry.is_override and not repository.group_exists(group):
        # Hydra looks for what is overridden among all choices, wherever the list stands.
        return None
    return unknown_option(group, option, origin, repository)


def break_circles(
    documents: Mapping[str, Document],
) -> dict[str, tuple[Document, CompositionError]]:
    """Find the entries by which defaults lists lead back to themselves.

    Returns:
        By config path: the document without those entries, and the error of the first of them.
    """
    edges = {path: _edges(path, document, documents) for path, document in documents.items()}
    closing: dict[str, list[int]] = {}
    errors: dict[str, CompositionError] = {}
    finished: set[str] = set()
    for start in documents:
        # Without recursion: a chain of ten thousand files is no reason to end.
        trail: list[tuple[str, int]] = [(start, 0)]
        on_trail = {start}
        while trail:
            path, position = trail.pop()
            if path in finished or position >= len(edges[path]):
                finished.add(path)
                on_trail.discard(path)
                continue
            trail.append((path, position + 1))
            target, entry = edges[path][position]
            if target in on_trail:
                closing.setdefault(path, []).append(entry.number)
                names = [name for name, _ in trail]
                circle = names[names.index(target) :]
                errors.setdefault(path, circle_error(circle, entry.origin, documents))
            elif target not in finished:
                trail.append((target, 0))
                on_trail.add(target)
    return {
        path: (without_entries(documents[path], numbers), errors[path])
        for path, numbers in closing.items()
    }


def _edges(
    config_path: str, document: Document, documents: Mapping[str, Document]
) -> list[tuple[str, Entry]]:
    found: list[tuple[str, Entry]] = []
    for entry in entries_of(document):
        group = entry.group_from(config_path)
        targets = (f"{group}/{option}".lstrip("/") for option in entry.options)
        found += [(t, entry) for t in targets if t in documents and not entry.is_override]
    return found
