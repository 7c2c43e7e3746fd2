"""JSON Schema of a whole file: the settings of jobs, the reserved nodes, and what each file has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.config.editor.node_schema import REFERENCE_PATTERN, Schema, SchemaWriter, either
from brevetti_hydra.config.models.fields import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.files.packages import Package

__all__ = ["ONE_VERSION", "KnownJob", "KnownVersions", "tree_schema"]

_DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXT: Schema = {"type": "string"}
_FOLDER: Schema = {"properties": {"dir": _TEXT}}
# As hydra_node.py reads it.
_HYDRA: Schema = {
    "description": "of Hydra's own node only these are honoured",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "searchpath": {
            "type": ["array", "string"],
            "items": _TEXT,
            "pattern": REFERENCE_PATTERN,
            "description": "more folders of configuration: paths, file:// and pkg://",
        },
        "verbose": {"description": "whether the harness logs at debug level"},
        "mode": {"enum": ["RUN", "MULTIRUN", None], "description": "one run, or a sweep"},
        "launcher": {
            "type": ["object", "null"],
            "properties": {"_target_": False},
            "description": "options of the launcher of sweeps",
        },
        "sweeper": {
            "type": ["object", "null"],
            "properties": {"_target_": False},
            "description": "`params`: what a sweep varies",
        },
        "run": {**_FOLDER, "additionalProperties": False, "doNotSuggest": True},
        "sweep": {**_FOLDER, "additionalProperties": False, "doNotSuggest": True},
        "job": {
            "properties": {"name": _TEXT},
            "additionalProperties": False,
            "doNotSuggest": True,
        },
    },
}
_NODES = {
    "job": "which class runs, under which name, on which data",
    "platform": "who knows about this job",
    "run": "how a run is executed and what it leaves",
    "sweep": "how the trials of a sweep are made, and when they are enough",
    "search": "what chooses the points of a sweep",
    "launcher": "what the trials of a sweep run in",
}


class KnownVersions(NamedTuple):
    """The versions of the configuration.

    Attributes:
        project: The newest of the project.
        harness: The newest of the harness's own nodes.
        is_old: Whether a file that does not say its own is of an older one, as the primary is.
    """

    project: int
    harness: int
    is_old: bool

    def schema(self) -> Schema:
        """Describe `config_version`."""
        return {
            **_number(self.project),
            "type": ["integer", "object"],
            "properties": {"project": _number(self.project), "harness": _number(self.harness)},
            "additionalProperties": False,
            "minProperties": 1,
            "description": "the version of the configuration that this file was written for",
        }

    def judged(self, body: Schema, own: Schema) -> Schema:
        """Judge a file of today's version alone; others are migrated when they are read."""
        if self.project == 1 and self.harness == 1:
            return body
        today = {
            "anyOf": [{"const": self.project}, {"type": "object", "properties": self._today()}]
        }
        stated: Schema = {"properties": {"config_version": today}}
        if self.is_old:
            stated["required"] = ["config_version"]
        return {"if": stated, "then": body, "else": {"type": "object", "properties": own}}

    def _today(self) -> Schema:
        return {"project": {"const": self.project}, "harness": {"const": self.harness}}


ONE_VERSION = KnownVersions(1, 1, is_old=False)


def _number(newest: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": newest}


class KnownJob(NamedTuple):
    """A job by its option, and the shapes of its reserved nodes and settings (the empty name)."""

    name: str
    shapes: Mapping[str, Shape]

    def has(self, package: Sequence[str]) -> bool:
        """Whether keys may stand in a package."""
        return not package or any(map(_takes_keys, self.inside(package)))

    def inside(self, package: Sequence[str]) -> list[Shape]:
        """Find what a package may be: several shapes where a union lies on the way."""
        first, *rest = package
        reserved = self.shapes.get(first)
        found = [reserved] if reserved is not None else _below(self.shapes[""], first)
        for key in rest:
            found = [below for shape in found for below in _below(shape, key)]
        return found


def tree_schema(
    jobs: Sequence[KnownJob],
    packages: Sequence[Package],
    defaults: Mapping[str, Schema],
    *,
    versions: KnownVersions = ONE_VERSION,
    is_open: bool = False,
) -> Schema:
    """Write the schema of files that go into some packages.

    Args:
        jobs: The jobs that judge them; what one of them takes is right.
        packages: Where the keys may go; () is the root.
        defaults: What describes the defaults list, and what that refers to.
        versions: Which versions there are: keys of older ones are left alone.
        is_open: Whether other keys are left alone, as a job is not known.
    """
    writer = SchemaWriter()
    own = {"defaults": {"$ref": "#/definitions/defaults"}, "config_version": versions.schema()}
    bodies: list[Schema] = []
    for package in packages:
        bodies += _bodies(jobs, package, writer)
    if not bodies:
        place = ".".join(packages[0])
        about = f"no job has settings in '{place}'; for the root begin with: # @package _global_"
        bodies = [{"properties": {}, "additionalProperties": False, "description": about}]
    finished = []
    for body in bodies:
        properties = {**own, **body.get("properties", {})}
        schema = {**body, "type": "object", "properties": properties}
        if is_open:
            schema.pop("additionalProperties", None)
        finished.append(schema)
    return {
        "$schema": _DRAFT,
        **versions.judged(either(finished), own),
        "definitions": {**writer.definitions, **defaults},
    }


def _bodies(jobs: Sequence[KnownJob], package: Package, writer: SchemaWriter) -> list[Schema]:
    if not package:
        return [_root(jobs, writer)]
    if package[0] == "hydra":
        return [_hydra_body(package[1:])]
    return [
        body
        for job in jobs
        for shape in job.inside(package)
        for body in _mapping_bodies(shape, writer)
    ]


def _hydra_body(package: Sequence[str]) -> Schema:
    schema: Schema = _HYDRA
    for key in package:
        schema = schema.get("properties", {}).get(key, {})
    return schema


def _mapping_bodies(shape: Shape, writer: SchemaWriter) -> list[Schema]:
    """Write the mappings that a shape may be."""
    inner = [*shape.variants.values(), *shape.members]
    if inner:
        return [body for each in inner for body in _mapping_bodies(each, writer)]
    if shape.model is not None:
        return [writer.closed_mapping(shape)]
    if shape.value is not None:
        return [writer.open_mapping(shape)]
    return [{}] if _takes_keys(shape) else []


def _takes_keys(shape: Shape) -> bool:
    """Whether a mapping may stand there; what only its own validator knows may be one."""
    if shape.variants or shape.members:
        return any(map(_takes_keys, [*shape.variants.values(), *shape.members]))
    if shape.model is not None or shape.value is not None:
        return True
    return not SchemaWriter().value(shape)


def _below(shape: Shape, key: str) -> list[Shape]:
    inner = [*shape.variants.values(), *shape.members]
    if inner:
        return [below for each in inner for below in _below(each, key)]
    if shape.model is not None:
        field = shape.field(key)
        return [field.shape] if field is not None else []
    if shape.value is not None:
        return [shape.value]
    return [shape] if _takes_keys(shape) else []


def _root(jobs: Sequence[KnownJob], writer: SchemaWriter) -> Schema:
    """Write the root: the settings of every job beside the reserved nodes."""
    found: dict[str, dict[str, Schema]] = {}
    is_closed = True
    for job in jobs:
        body = writer.closed_mapping(job.shapes[""])
        is_closed &= "additionalProperties" in body
        for key, schema in body["properties"].items():
            found.setdefault(key, {})[job.name] = schema
    properties = {key: _agreed(schemas) for key, schemas in found.items()}
    for name, about in _NODES.items():
        shape = next((job.shapes[name] for job in jobs if name in job.shapes), None)
        if shape is not None:
            properties[name] = {**writer.value(shape), "description": about}
    properties["hydra"] = _HYDRA
    body = {"properties": properties}
    return {**body, "additionalProperties": False} if is_closed else body


_ABOUT = ("description", "markdownDescription", "default")


def _agreed(schemas: Mapping[str, Schema]) -> Schema:
    """Join what several jobs say of one setting; a value that one of them takes is right."""
    distinct = either(schemas.values())
    if "anyOf" not in distinct or len(schemas) == 1:
        return distinct
    bare = [{key: value for key, value in s.items() if key not in _ABOUT} for s in schemas.values()]
    joined = either(bare)
    for key, separator in (("description", "; "), ("markdownDescription", "\n\n")):
        lines = [f"{name}: {s[key]}" for name, s in schemas.items() if s.get(key)]
        if lines:
            joined = {**joined, key: separator.join(lines)}
    defaults = [schema["default"] for schema in schemas.values() if "default" in schema]
    if defaults and all(default == defaults[0] for default in defaults):
        joined["default"] = defaults[0]
    return joined
