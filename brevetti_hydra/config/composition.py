"""A composed tree with everything that is known of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import Masking
from brevetti_hydra.config.hydra_node import HydraNode
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.secrets import WrittenSecret, secret_texts
from brevetti_hydra.config.tree.interpolate import Resolution
from brevetti_hydra.config.tree.origins import Dropped, Node, Origin, Path, dotted, walk
from brevetti_hydra.settings import HARNESS_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.files.planned import PlannedDocument
    from brevetti_hydra.config.migration.old_names import OldNames
    from brevetti_hydra.config.migration.versions import VersionedFiles
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.documents import Document
    from brevetti_hydra.errors import BrevettiHydraError, UnknownSettingError

__all__ = ["Composition"]


class Composition:
    """A composed tree that is not validated yet.

    Attributes:
        project: The user's project.
        folder: Where the command was started.
        job_class: The Job class.
        target: Its name, `pkg.mod:Class`.
        job_name: `job.name` unless it comes from the environment, else info.json's name, else the
            option's, else the class's.
        written: What YAML, info.json and arguments say, unresolved.
        filled: The same with the classes' defaults beneath.
        shapes: What each root key may be; the settings' fields and the reserved nodes.
        hydra_values: What `${hydra:...}` serves, by the part after the colon.
        resolution: What the interpolations resolve to.
        choices: Group -> chosen option.
        planned: The YAML files that took part, lowest first, with their packages.
        documents: The same files alone.
        arguments: The overrides.
        hydra: What was taken from the `hydra` node.
        info: The content of info.json, or None.
        unknown_sent: Settings of info.json that no field knows, as errors;
            `platform.unknown_settings` may ask for them.
        notices: Lines for the user: translated keys of the `hydra` node.
        secrets: What files, info.json and arguments wrote of secrets, also what did not last.
        dropped: What was written and is not in the tree: keys of a variant that is not chosen, and
            what `~key` took away.
        problems: Mistakes found while composing; `validate` reports them with its own.
        versions: The versions to which everything was brought, `project` and `harness`.
        migrations: The files that were migrated and how; None: no file states a version, and
            the project names no migrations.
        old_names: What became of names of older versions, likewise.
    """

    def __init__(self, project: Project, folder: FilePath) -> None:
        self.project = project
        self.folder = folder
        self.job_class: type[Any] = object
        self.target = ""
        self.written = Node(Origin("default", "the tree"), children={})
        self.filled = self.written
        self.shapes: dict[str, Shape] = {}
        self.hydra_values: Mapping[str, str] = {}
        self.resolution = Resolution()
        self.choices: dict[str, str | None] = {}
        self.planned: list[PlannedDocument] = []
        self.documents: list[Document] = []
        self.arguments: tuple[Argument, ...] = ()
        self.hydra = HydraNode(verbose=False, notices=(), problems=())
        self.info: Mapping[str, Any] | None = None
        self.unknown_sent: list[UnknownSettingError] = []
        self.notices: list[str] = []
        self.secrets: list[WrittenSecret] = []
        self.dropped: list[Dropped] = []
        self.problems: list[BrevettiHydraError] = []
        self.versions: dict[str, int] = {"project": 1, "harness": HARNESS_VERSION}
        self.migrations: VersionedFiles | None = None
        self.old_names: OldNames | None = None

    @property
    def job_name(self) -> str:
        """What the job is called."""
        path = ("job", "name")
        named = self.written.at(path)
        is_hidden = path in self.resolution.from_environment
        if named is not None and isinstance(named.value, str) and not is_hidden:
            return self._without_secrets(str(self.resolution.values.get(path, named.value)))
        sent = (self.info or {}).get("name")
        if isinstance(sent, str) and sent:
            return self._without_secrets(sent)
        choice = self.choices.get("job")
        if choice and not re.search(r"[.:]", choice):
            return choice.rpartition("/")[2]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.job_class.__name__).lower()

    def _without_secrets(self, name: str) -> str:
        # It becomes the name of a folder, and stands in every record.
        return Masking(secret_texts(self)).text(name)

    @property
    def tree(self) -> dict[str, Any]:
        """The composed tree as plain values: defaults included, interpolations unresolved."""
        plain: dict[str, Any] = self.filled.plain()
        return plain

    def shape(self) -> Shape:
        """Give the shape of the settings."""
        return self.shapes[""]

    def is_secret(self, path: Path) -> bool:
        """Whether a key holds a secret, alone or in a list."""
        shape = shape_at(self.shape(), path, self.filled)
        return shape is not None and shape.holds_secret

    def origins(self) -> dict[str, list[str]]:
        """Give who wrote each key, the winner first; `~key` and what it took away last."""
        found = {
            dotted(path): [origin.label for origin in node.writers()]
            for path, node in walk(self.filled)
            if path
        }
        for taken in self.dropped:
            for path, node in walk(taken.node, taken.path):
                writers = found.get(dotted(path))
                if writers is not None and taken.reason == "deletion":
                    by = [taken.by.origin.label] if taken.by.origin.label not in writers else []
                    writers += [*by, *(origin.label for origin in node.writers())]
        return found
