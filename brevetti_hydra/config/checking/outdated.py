"""Files of another version than the newest, and files that do not say theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.checking.findings import Finding
from brevetti_hydra.config.migration.versions import load_tables
from brevetti_hydra.errors import BrevettiHydraError, NewerConfigError, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.documents import Document

__all__ = ["newer_files", "version_findings"]


def newer_files(
    project: Project, documents: Mapping[str, Document]
) -> dict[str, tuple[Document, BrevettiHydraError]]:
    """Find files of a version that the project does not know.

    Returns:
        By config path: the document as if it said no version, and the error.
    """
    try:
        tables = load_tables(project)
    except BrevettiHydraError:
        # Each composition tells of it.
        return {}
    found: dict[str, tuple[Document, BrevettiHydraError]] = {}
    for path, document in documents.items():
        try:
            tables.check(document.version)
        except NewerConfigError as error:
            found[path] = document._replace(version=None), error
    return found


def version_findings(
    project: Project, documents: Mapping[str, Document], primary: Document
) -> Iterator[Finding]:
    """Give the user's files that are old, or do not say how old; none in a project of one version.

    Args:
        project: The project.
        documents: The user's own files.
        primary: The primary config, whose version holds for files that say none.
    """
    try:
        newest = load_tables(project).current.project
    except BrevettiHydraError:
        return
    stated = [d for d in (*documents.values(), primary) if d.version is not None]
    if project.migrations is None and not stated:
        return
    for document in documents.values():
        version = document.version
        if version is not None and version.project is not None:
            if version.project < newest:
                yield _old(document, version.project, newest)
        elif primary.version is None or primary.version.project is None:
            yield Finding(
                "warning",
                "no-version",
                f"'{document.label}' does not say of which version it is",
                Place(document.label),
                ("neither does the primary config, so it counts as the newest",),
                f"write config_version: {newest} into it, or into the primary config",
            )


def _old(document: Document, version: int, newest: int) -> Finding:
    where = None if document.version is None else document.version.origin.place()
    return Finding(
        "warning",
        "old-version",
        f"'{document.label}' is of version {version}, and the newest is {newest}",
        where,
        hint=f"brevetti-hydra config migrate {document.label} --write",
    )
