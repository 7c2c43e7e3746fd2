"""The files of a search path, each by itself: read, mended so that the rest is judged, told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.checking.mending import break_circles, read_mended, without_lost
from brevetti_hydra.config.checking.outdated import newer_files, version_findings
from brevetti_hydra.config.checking.written import empty_file, find_by_look
from brevetti_hydra.config.files.source import FolderSource
from brevetti_hydra.config.secrets import hide_by_look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.checking.findings import Ledger
    from brevetti_hydra.config.checking.inventory import Inventory
    from brevetti_hydra.config.files.search import SearchPath
    from brevetti_hydra.config.opened import Opened
    from brevetti_hydra.config.tree.documents import Document
    from brevetti_hydra.errors import BrevettiHydraError

__all__ = ["Files"]


class Files:
    """The files of one check.

    Attributes:
        documents: What is served, by config path.
        mended: Labels of files that are served otherwise than they are written.
        unreadable: Labels of those of which nothing could be read.
    """

    def __init__(self, ledger: Ledger, secrets: list[str]) -> None:
        """Begin; findings go into the ledger, and secrets that are found into the list."""
        self.documents: dict[str, Document] = {}
        self.mended: set[str] = set()
        self.unreadable: set[str] = set()
        self._newer: set[str] = set()
        self._ledger = ledger
        self._secrets = secrets

    def mend_primary(self, search: SearchPath) -> None:
        """Read the primary config, before anything is opened by what it says."""
        source = search.repository.source_of(search.primary)
        if isinstance(source, FolderSource):
            label = source.label_of(search.primary)
            document, errors = read_mended(source, search.primary, label)
            self._keep(search, search.primary, document, errors)

    def read(self, opened: Opened, inventory: Inventory) -> None:
        """Read every file, and tell what is wrong with it and with its defaults list."""
        search, documents = opened.search, self.documents
        for path, file in inventory.files.items():
            self._keep(search, path, *read_mended(file.source, path, file.label))
        for path in inventory.files:
            self._keep(search, path, *without_lost(documents[path], path, search.repository))
        for path, (document, error) in newer_files(opened.project, documents).items():
            self._keep(search, path, document, [error])
            self._newer.add(path)
        for path, (document, error) in break_circles(documents).items():
            self._keep(search, path, document, [error])

    def tell_the_rest(self, opened: Opened, inventory: Inventory) -> None:
        """Tell of secrets by their look, of empty files and of old ones.

        What the types know of secrets has to be told before.
        """
        own = {
            path: self.documents[path]
            for path, file in inventory.files.items()
            if file.is_own and file.label not in self.unreadable
        }
        for document in own.values():
            empty = empty_file(document)
            if empty is not None:
                self._ledger.add(empty)
            for finding, secret in find_by_look(document):
                self._secrets.append(secret)
                self._ledger.add_secret(finding)
        primary = opened.search.document(opened.search.primary)
        told = {path: document for path, document in own.items() if path not in self._newer}
        for finding in version_findings(opened.project, told, primary):
            self._ledger.add(finding)

    def _keep(
        self,
        search: SearchPath,
        path: str,
        document: Document,
        errors: Sequence[BrevettiHydraError],
    ) -> None:
        """Serve the document from now on; what was wrong with it is told."""
        for error in errors:
            hide_by_look(error)
        self._ledger.add_errors(errors)
        if errors:
            self.mended.add(document.label)
        if errors and not document.text:
            self.unreadable.add(document.label)
        self.documents[path] = document
        search.exchange(path, document)
