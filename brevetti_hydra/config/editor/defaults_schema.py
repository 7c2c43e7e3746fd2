"""JSON Schema of defaults lists: the groups and options that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brevetti_hydra.config import _hydra
from brevetti_hydra.config.editor.node_schema import REFERENCE, REFERENCE_PATTERN, Schema, literal
from brevetti_hydra.config.files.groups import list_groups

if TYPE_CHECKING:
    from brevetti_hydra.config.files.groups import Group
    from brevetti_hydra.config.files.search import SearchPath

__all__ = ["DefaultsSchemas"]

_PACKAGE = r"(@[\w.]+)?"
# A class in the place of an option of `job`.
_TARGET = r"^[A-Za-z_][\w.]*[.:][A-Za-z_]\w*$"


class DefaultsSchemas:
    """Writes the schema of the defaults lists that stand in a group's files."""

    def __init__(self, search: SearchPath) -> None:
        self._groups = list_groups(search)
        self._primaries = _root_configs(search)

    def of(self, holder: str) -> dict[str, Schema]:
        """Give the definitions that describe `defaults` in the files of a group; "": at the root.

        Returns:
            The definition `defaults`, and those that it refers to.
        """
        definitions: dict[str, Schema] = {}
        properties: dict[str, Schema] = {}
        patterns: dict[str, Schema] = {}
        for group in self._groups:
            label = "options-" + re.sub(r"[^A-Za-z0-9_.-]", "-", group.name)
            while label in definitions:
                label += "-"
            reference = {"$ref": f"#/definitions/{label}"}
            definitions[label] = self._options(group)
            any_name = {"anyOf": [reference, {"type": ["string", "array", "null"]}]}
            names = "|".join(map(literal, _names_of(group.name, holder)))
            patterns[f"^(override )*({names}){_PACKAGE}$"] = reference
            # What is optional may be missing, here or on another machine.
            patterns[f"^(override )*optional (override )*({names}){_PACKAGE}$"] = any_name
            name = group.name if not holder else f"/{group.name}"
            about = f"an option of the group '{group.name}'"
            instead = f"{about}, in the place of the one that is chosen already"
            properties |= {
                name: {**reference, "description": about},
                f"override {name}": {**reference, "description": instead},
                f"optional {name}": {**any_name, "description": f"{about}, if there is that one"},
            }
        # A group that may be missing.
        patterns["^(override )*optional "] = {"type": ["string", "array", "null"]}
        # Groups of Hydra itself.
        patterns["^(optional |override )*/?hydra/"] = {}
        entry = self._entry(holder) | {"properties": properties, "patternProperties": patterns}
        definitions["defaults"] = {
            "type": "array",
            "description": "what this file builds on, lowest first; `_self_` is the file itself",
            "items": entry,
        }
        return definitions

    def _entry(self, holder: str) -> Schema:
        """Describe one entry: a choice, or the name of a config."""
        names = [f"/{group.name}/{o.name}" for group in self._groups for o in group.options]
        names += [f"/{name}" for name in self._primaries]
        siblings: list[str] = []
        for group in self._groups:
            inside = _inside(group.name, holder)
            if inside is not None:
                prefix = f"{inside}/" if inside else ""
                siblings += [f"{prefix}{option.name}" for option in group.options]
        if not holder:
            siblings += self._primaries
        known = "|".join(map(literal, [*siblings, *names]))
        return {
            "type": ["object", "string"],
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "pattern": f"^_self_$|^({known}){_PACKAGE}$|{REFERENCE_PATTERN}",
            "patternErrorMessage": "must be `_self_`, a config's name, or `group: option`",
            "examples": ["_self_", *siblings] if holder else ["_self_"],
        }

    def _options(self, group: Group) -> Schema:
        names = [option.name for option in group.options]
        for other in self._groups:
            inside = _inside(other.name, group.name)
            if inside:
                names += [f"{inside}/{option.name}" for option in other.options]
        texts: list[Schema] = [{"enum": [*names, None]}, REFERENCE]
        single: list[Schema] = [{"enum": names}, REFERENCE]
        if group.name == "job":
            target = {"type": "string", "pattern": _TARGET}
            texts.append(target)
            single.append(target)
        return {"anyOf": [*texts, {"type": "array", "items": {"anyOf": single}}]}


def _names_of(group: str, holder: str) -> list[str]:
    """Give the ways to write a group in the files of another."""
    inside = _inside(group, holder)
    return [f"/{group}", *([inside] if inside else [])]


def _inside(group: str, holder: str) -> str | None:
    """Give the part of a group's name below another; None where it is not below it."""
    if not holder:
        return group
    if group == holder:
        return ""
    return group.removeprefix(f"{holder}/") if group.startswith(f"{holder}/") else None


def _root_configs(search: SearchPath) -> list[str]:
    names = {
        name
        for source in search.repository.get_sources()
        for name in source.list("", _hydra.ObjectType.CONFIG)
    }
    return sorted(names)
