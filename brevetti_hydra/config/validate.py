"""One validation of the whole tree, before anything else happens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from brevetti_hydra._text import similar_name
from brevetti_hydra.config.models.defaults import with_instance_defaults
from brevetti_hydra.config.models.job_shapes import SWEEP_NODES, settings_class, shape_at
from brevetti_hydra.config.recorded import recorded_at
from brevetti_hydra.config.secrets import hide_secrets
from brevetti_hydra.config.tree.origins import (
    MISSING,
    Node,
    Path,
    dotted,
    is_void,
    node_of,
    put_value,
    walk,
)
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    InvalidSettingError,
    MissingSettingError,
    SettingError,
    UnknownSettingError,
)
from brevetti_hydra.settings import RESERVED_NODES, JobNode, JobSettings, PlatformNode, RunNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.models.fields import Shape

__all__ = ["Validated", "find_mistakes", "validate", "validate_sweep_nodes"]

_NUMBERS = {int: "an integer", float: "a number"}


class Validated(NamedTuple):
    """What a composition is once it is valid.

    Attributes:
        settings: The job's settings.
        job: The `job` node.
        platform: The `platform` node.
        run: The `run` node.
        settings_json: The settings as plain values for records: secrets masked, and what comes
            from the environment left as `${oc.env:X}`.
        warnings: Lines about settings of info.json that were left out.
    """

    settings: JobSettings
    job: JobNode
    platform: PlatformNode
    run: RunNode
    settings_json: dict[str, Any]
    warnings: tuple[str, ...]


def validate(composition: Composition) -> Validated:
    """Validate settings and reserved nodes together.

    Raises:
        ConfigErrors: All mistakes, each with its origin.
    """
    settings, nodes, problems = _judged(composition)
    if problems:
        raise ConfigErrors(_in_reading_order(hide_secrets(problems, composition)))
    return Validated(
        settings=settings,
        job=nodes["job"],
        platform=nodes["platform"],
        run=nodes["run"],
        settings_json=_for_records(settings, composition),
        warnings=tuple(error.message for error in composition.unknown_sent),
    )


def find_mistakes(composition: Composition) -> list[BrevettiHydraError]:
    """Give what `validate` would raise, and make nothing of what is valid."""
    _, _, problems = _judged(composition)
    return _in_reading_order(hide_secrets(problems, composition)) if problems else []


def validate_sweep_nodes(
    composition: Composition,
) -> tuple[dict[str, Any], list[BrevettiHydraError]]:
    """Validate the `sweep`, `search` and `launcher` nodes of a line with `-m`, and nothing else.

    Returns:
        The nodes by name, None where one is wrong, and what is wrong with them.
    """
    problems: list[BrevettiHydraError] = []
    nodes = {
        name: _validated(composition, shape.annotation, (name,), shape, problems)
        for name, shape in composition.shapes.items()
        if name in SWEEP_NODES
    }
    return nodes, _in_reading_order(hide_secrets(problems, composition))


def _judged(
    composition: Composition,
) -> tuple[Any, dict[str, Any], list[BrevettiHydraError]]:
    problems = list(composition.problems)
    settings = _validated(
        composition, settings_class(composition.job_class), (), composition.shape(), problems
    )
    nodes = {
        name: _validated(composition, shape.annotation, (name,), shape, problems)
        for name, shape in composition.shapes.items()
        if name
    }
    problems += _no_settings(composition)
    problems += _left_open(composition, problems)
    problems += _booleans_as_numbers(composition)
    if problems and composition.old_names is not None:
        composition.old_names.settle(problems)
    platform = nodes["platform"]
    if platform is not None and platform.unknown_settings == "error":
        problems += composition.unknown_sent
    return settings, nodes, problems


def _validated(
    composition: Composition,
    model: type[BaseModel],
    prefix: Path,
    shape: Shape,
    problems: list[BrevettiHydraError],
) -> Any:
    filled = composition.filled.at(prefix)
    written = composition.written.at(prefix)
    if filled is None:
        return None
    values = _values(written, prefix, composition) if written is not None else {}
    if not prefix and isinstance(values, dict):
        nodes = written.children or {} if written is not None else {}
        values = {
            key: value
            for key, value in values.items()
            if key not in RESERVED_NODES and (shape.at(key) or not is_void(nodes[key]))
        }
    try:
        return model.model_validate(
            with_instance_defaults(values, shape), extra="forbid", by_alias=True, by_name=True
        )
    except ValidationError as error:
        # Imported here: most configurations are right.
        from brevetti_hydra.config.problems import find_problems

        tree = filled if prefix else _without_reserved(filled)
        known = {problem.message for problem in problems}
        found = find_problems(
            error.errors(include_url=False), tree, shape, prefix, composition.resolution
        )
        problems += [
            _with_header_hint(each, composition)
            for each in found
            if each.message not in known and each.key not in composition.resolution.failed
        ]
        return None


def _with_header_hint(problem: SettingError, composition: Composition) -> SettingError:
    """Name the group that may be meant, and what its file lacks where its keys are unknown."""
    group = "/".join(map(str, problem.key))
    is_nothing_like = (problem.hint or "").startswith("see --help")
    similar = similar_name(group, composition.choices) if is_nothing_like else None
    if similar is not None and isinstance(problem, UnknownSettingError):
        problem.hint = f"a group has a similar name: '{similar}'"
    option = composition.choices.get(group)
    if isinstance(problem, UnknownSettingError) and option is not None:
        problem.hint = (
            f"if the keys of {group}/{option}.yaml belong at the root, "
            "begin it with the line: # @package _global_"
        )
    return problem


def _values(node: Node, path: Path, composition: Composition) -> Any:
    """Give what was written, resolved; keys left at `???` are as good as not written."""
    if path in composition.resolution.values:
        return composition.resolution.values[path]
    if node.children is not None:
        found = {}
        for key, child in node.children.items():
            if not (child.children is None and child.value == MISSING):
                found[key] = _values(child, (*path, key), composition)
        return found
    return node.value


def _without_reserved(tree: Node) -> Node:
    children = tree.children or {}
    kept = {key: child for key, child in children.items() if key not in RESERVED_NODES}
    return Node(tree.origin, children=kept)


def _left_open(
    composition: Composition, problems: list[BrevettiHydraError]
) -> list[BrevettiHydraError]:
    """Ask for what somebody wrote `???` for, although the class has a default."""
    known = {problem.key for problem in problems if isinstance(problem, SettingError)}
    found: list[BrevettiHydraError] = []
    for path, node in walk(composition.written):
        if path and node.children is None and node.value == MISSING:
            name = dotted(path)
            message = f"'{name}' has to be given: it is left open with '???'"
            if path not in known:
                where, hint = node.origin.place(), f"give it: {name}=..."
                found.append(MissingSettingError(message, key=path, where=where, hint=hint))
    return found


def _booleans_as_numbers(composition: Composition) -> list[BrevettiHydraError]:
    """Refuse true and false where a number is wanted; pydantic takes them for 1 and 0."""
    found: list[BrevettiHydraError] = []
    for path, node in walk(composition.written):
        value = composition.resolution.values.get(path, node.value)
        if not isinstance(value, (bool, list)) or not path or path[0] in RESERVED_NODES:
            continue
        shape = shape_at(composition.shape(), path, composition.filled)
        for inside, kind, switch in _switches(value, shape):
            place = ".".join([dotted(path), *map(str, inside)])
            message = f"'{place}' must be {kind}, but is {str(switch).lower()}"
            origin = node.inside(inside) if inside and node.inside is not None else None
            where = (origin or node.origin).place()
            found.append(InvalidSettingError(message, key=(*path, *inside), where=where))
    return found


def _switches(value: Any, shape: Shape | None) -> Iterator[tuple[tuple[int, ...], str, bool]]:
    """Find true and false that stand for a number, in lists as well."""
    if isinstance(value, list) and shape is not None:
        lists = [each for each in (shape, *shape.members) if each.item is not None]
        for number, item in enumerate(value if lists else ()):
            for inside, kind, switch in _switches(item, lists[0].item):
                yield (number, *inside), kind, switch
    elif isinstance(value, bool) and shape is not None:
        annotations = [each.annotation for each in (shape, *shape.members)]
        kinds = [name for kind, name in _NUMBERS.items() if kind in annotations]
        if kinds and bool not in annotations and Any not in annotations:
            yield (), " or ".join(kinds), value


def _no_settings(composition: Composition) -> list[BrevettiHydraError]:
    """Refuse reserved names that are no settings, or that this version has nothing behind."""
    problems: list[BrevettiHydraError] = []
    defaults = composition.written.at(("defaults",))
    if defaults is not None:
        problems.append(
            UnknownSettingError(
                "'defaults' is no setting, but the list of what a YAML file builds on",
                where=defaults.origin.place(),
                hint="choose options by their group: group=option",
            )
        )
    version = composition.written.at(("config_version",))
    if version is not None:
        problems.append(
            UnknownSettingError(
                "'config_version' belongs into a file, whose keys it is about",
                where=version.origin.place(),
                hint="write it at the top of the YAML file, outside of any node",
            )
        )
    for argument in composition.arguments:
        name = re.split(r"[.\[/@]", argument.key, maxsplit=1)[0]
        if name in SWEEP_NODES and name not in composition.shapes:
            problems.append(
                UnknownSettingError(
                    f"'{name}' belongs to sweeps, and this is a single run",
                    where=argument.origin.place(),
                    hint="add -m, or take it out",
                )
            )
    return problems


def _for_records(settings: JobSettings, composition: Composition) -> dict[str, Any]:
    # One rule for records: NaN and the infinities are texts, as in all JSON of the harness.
    plain: dict[str, Any] = to_jsonable_python(
        settings, by_alias=False, inf_nan_mode="strings", serialize_unknown=True
    )
    _write_back(composition.filled, plain)
    for path in composition.resolution.from_environment:
        _put_back(plain, path, composition)
    return plain


def _write_back(node: Node, plain: dict[str, Any]) -> None:
    """Let the tree say what the defaults became: a factory may give another value at each call."""
    for key, child in list((node.children or {}).items()):
        if key not in plain:
            continue
        if child.origin.kind == "default" and child.children is None:
            (node.children or {})[key] = node_of(plain[key], child.origin)
        elif isinstance(plain[key], dict):
            _write_back(child, plain[key])


def _put_back(plain: dict[str, Any], path: Path, composition: Composition) -> None:
    """Put the unresolved text under a key.

    Where the class made something else of the mapping that holds it, of that the whole is put.
    """
    holder: Any = plain
    for depth, key in enumerate(path):
        if not isinstance(holder, dict) or key not in holder:
            if depth:
                put_value(plain, path[:depth], recorded_at(composition, path[:depth]))
            return
        holder = holder[key]
    put_value(plain, path, recorded_at(composition, path))


def _in_reading_order(problems: list[BrevettiHydraError]) -> list[BrevettiHydraError]:
    """Files first, by name and line, then arguments by number, then what has no place."""

    def key(problem: BrevettiHydraError) -> tuple[int, str, int]:
        if problem.where is None:
            return (2, "", 0)
        if problem.where.line is not None:
            return (
                0,
                problem.where.label.rpartition(":")[0].rpartition(":")[0],
                problem.where.line,
            )
        head = problem.where.label.partition(":")[0].split()
        number = int(head[1]) if len(head) > 1 and head[1].isdigit() else 0
        return (1, "", number) if number else (2, problem.where.label, 0)

    return sorted(problems, key=key)
