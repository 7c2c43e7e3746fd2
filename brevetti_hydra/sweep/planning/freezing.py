"""What trials are run from: composed configurations, and each trial's own values over one of them.

Most trials of a sweep differ in a few values. The first of each kind is frozen as a whole; of the
others the plan holds what is different, as a record would show it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._masks import MASK
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.recorded import recorded_at, recorded_nodes, recorded_tree
from brevetti_hydra.config.secrets import may_hold_secrets, source_text
from brevetti_hydra.config.tree.interpolate import has_reference
from brevetti_hydra.config.tree.origins import Node, Path, dotted, is_same
from brevetti_hydra.errors import MissingSettingError
from brevetti_hydra.job_class import job_ref
from brevetti_hydra.record import Snapshot
from brevetti_hydra.settings import ReservedNodes
from brevetti_hydra.sweep.record import Frozen, SourceText, trial_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path as FilePath

    from brevetti_hydra.config import Argument, Composition, Request, Validated
    from brevetti_hydra.sweep.planning.composing import Composed

__all__ = ["Bases", "Laid", "key_of"]

_Value = tuple[list[str], Any, str]


class Laid(NamedTuple):
    """A trial's configuration.

    Attributes:
        base: Digest of the composed configuration that lies beneath.
        values: Its own values over it, as [[key, ...], value, origin] each.
    """

    base: str
    values: list[_Value]


class _Base(NamedTuple):
    digest: str
    filled: Node


class Bases:
    """The composed configurations of a sweep.

    Attributes:
        frozen: Digest -> configuration.
        secrets: Arguments of the line that no file holds; whoever runs a trial is handed them.
    """

    def __init__(self, request: Request, folder: FilePath) -> None:
        """Begin.

        Args:
            request: The line of the sweep.
            folder: Where it was started.
        """
        self.frozen: dict[str, Frozen] = {}
        self.secrets: dict[str, Argument] = {}
        self._shared: tuple[Argument, ...] = ()
        self._request = request
        self._folder = folder
        self._of_pattern: dict[int, _Base] = {}

    def share(self, arguments: Iterable[Argument]) -> None:
        """Name the arguments that are the same for all trials: these may hold secrets."""
        self._shared = tuple(arguments)

    def lay(self, composed: Composed) -> Laid:
        """Write a trial's configuration as values over a base; a new one where none fits.

        Raises:
            MissingSettingError: It holds a secret, which is written into no file.
        """
        base = self._of_pattern.get(composed.pattern)
        changed = _changed(base.filled, composed.composition.filled) if base is not None else None
        if base is not None and changed is not None:
            values = [_value(path, composed.composition) for path in changed]
            masked = (tuple(path) for path, value, _ in values if _is_masked(value))
            self._keep_secrets(composed.composition, masked)
            return Laid(base.digest, values)
        frozen = self.freeze(composed.composition, composed.validated)
        digest = frozen.digest
        self.frozen.setdefault(digest, frozen)
        self._of_pattern[composed.pattern] = _Base(digest, composed.composition.filled)
        return Laid(digest, [])

    def freeze(self, composition: Composition, validated: Validated) -> Frozen:
        """Take a configuration as trials are run from it.

        Raises:
            MissingSettingError: It holds a secret, which is written into no file.
        """
        info = {k: v for k, v in (composition.info or {}).items() if k != "api_key"}
        notices = [each for each in composition.notices if each not in composition.hydra.for_sweeps]
        config = recorded_tree(composition)
        self._keep_secrets(composition, _masked_paths(config))
        return Frozen(
            job=job_ref(composition, "target"),
            inputs=Snapshot(
                config=config,
                origins=composition.origins(),
                choices=composition.choices,
                config_version=composition.versions,
                start_folder=os.fspath(self._folder),
                environment={},
            ),
            sources=tuple(
                SourceText(
                    label=document.label,
                    text=source_text(document, composition),
                    is_compared=not may_hold_secrets(composition.shape()),
                )
                for document in composition.documents
                if document.text
            ),
            info=info or None,
            cache_path=self._request.container.get("cache_path"),
            warnings=(*notices, *validated.warnings),
        )

    def _keep_secrets(self, composition: Composition, masked: Iterable[Path]) -> None:
        """Refuse secrets that would be lost: but for the class's own, and those of the line."""
        for path in masked:
            node = composition.filled.at(path)
            if node is None or node.origin.kind == "default":
                continue
            shared = next((each for each in self._shared if each.origin is node.origin), None)
            if shared is not None and split_text(shared.key) == path:
                self.secrets[shared.key] = shared
                continue
            name = dotted(path)
            raise MissingSettingError(
                f"'{name}' is a secret, and the plan of a sweep keeps none",
                key=path,
                where=node.origin.place()._replace(excerpt=""),
                notes=["trials are run from files, in which no secret is written"],
                hint=f"let it come from the environment: '{name}=${{oc.env:NAME}}'",
            )


def key_of(composed: Composed, repeat: int) -> str:
    """Give the key of a trial: which point it is, whatever its seed and wherever its folder."""
    composition, validated = composed.composition, composed.validated
    job = validated.job
    if composition.resolution.from_environment:
        nodes = ReservedNodes(job, validated.platform, validated.run)
        job = recorded_nodes(composition, nodes).job
    plain = job.model_dump(mode="json")
    return trial_key(composition.target, validated.settings_json, plain, repeat)


def _changed(base: Node, other: Node) -> list[Path] | None:
    """Find the values that differ; None where more than values does."""
    found: list[Path] = []
    pending: list[tuple[Path, Node, Node]] = [((), base, other)]
    while pending:
        path, one, two = pending.pop()
        if one is two:
            continue
        if one.children is None or two.children is None:
            if one.children is not two.children or one.covered is not two.covered:
                return None
            is_kept = one.value is two.value or is_same(one.value, two.value)
            is_kept = is_kept and one.origin.label == two.origin.label
            if not is_kept or _is_filled_in(two.value):
                found.append(path)
            continue
        if one.children.keys() != two.children.keys():
            return None
        pending += [((*path, k), child, two.children[k]) for k, child in one.children.items()]
    return sorted(found)


def _is_filled_in(value: Any) -> bool:
    """Whether a record writes something of the trial itself in the place of a reference."""
    return has_reference(value) and re.search(r"\$\{(hydra|now):", str(value)) is not None


def _value(path: Path, composition: Composition) -> _Value:
    node = composition.filled.at(path)
    label = node.origin.label if node is not None else ""
    return list(path), recorded_at(composition, path), label


def _masked_paths(config: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _masked_paths(value, (*path, key))
        elif _is_masked(value):
            yield (*path, key)


def _is_masked(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_masked, value))
    if isinstance(value, dict):
        return any(map(_is_masked, value.values()))
    return isinstance(value, str) and MASK in value
