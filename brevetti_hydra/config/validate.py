"""One validation of the whole tree, before anything else happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from brevetti_hydra._text import escape_control
from brevetti_hydra.config.compose import Composition, settings_class
from brevetti_hydra.config.defaults import with_instance_defaults
from brevetti_hydra.config.layers import node_of, shape_at
from brevetti_hydra.config.masks import masked_argument, masked_text, masked_value, secrets_in
from brevetti_hydra.config.origins import MISSING, Node, Path, dotted, walk
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    OverrideSyntaxError,
    Place,
    UnknownSettingError,
)
from brevetti_hydra.settings import RESERVED_NODES, JobNode, JobSettings, PlatformNode, RunNode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevetti_hydra.config.fields import Shape

__all__ = [
    "Validated",
    "secret_texts",
    "validate",
]

_LATER_NODES = ("sweep", "search", "launcher")


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
    problems = list(composition.problems)
    settings = _validated(
        composition, settings_class(composition.job_class), (), composition.shape(), problems
    )
    nodes = {
        name: _validated(composition, model, (name,), composition.shapes[name], problems)
        for name, model in (("job", JobNode), ("platform", PlatformNode), ("run", RunNode))
    }
    problems += _nodes_of_later(composition)
    platform = nodes["platform"]
    if platform is not None and platform.unknown_settings == "error":
        problems += composition.unknown_sent
    if problems:
        raise ConfigErrors(_in_reading_order(_without_secrets(problems, composition)))
    return Validated(
        settings=settings,
        job=nodes["job"],
        platform=nodes["platform"],
        run=nodes["run"],
        settings_json=_for_records(settings, composition),
        warnings=tuple(error.message for error in composition.unknown_sent),
    )


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
            if key not in RESERVED_NODES and (shape.at(key) or not _is_void(nodes[key]))
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
        unresolved = {dotted(path) for path in _unresolved(composition)}
        for problem in find_problems(error.errors(include_url=False), tree, shape, prefix):
            about = problem.message.split("'")[1] if "'" in problem.message else ""
            if problem.message not in known and about not in unresolved:
                problems.append(problem)
        return None


def _is_void(node: Node) -> bool:
    """Whether a key stands there because an option without any content was chosen, as `g: none`."""
    is_of_file = node.origin.kind == "yaml" and node.origin.line is None
    return is_of_file and node.children is not None and all(map(_is_void, node.children.values()))


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


def _unresolved(composition: Composition) -> Iterable[Path]:
    resolved = composition.resolution.values
    for path, node in walk(composition.written):
        if isinstance(node.value, str) and "${" in node.value and path not in resolved:
            yield path


def _without_reserved(tree: Node) -> Node:
    children = tree.children or {}
    kept = {key: child for key, child in children.items() if key not in RESERVED_NODES}
    return Node(tree.origin, children=kept)


def _nodes_of_later(composition: Composition) -> list[BrevettiHydraError]:
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
    for name in _LATER_NODES:
        node = composition.written.at((name,))
        if node is not None and (node.children or node.value is not None):
            problems.append(
                UnknownSettingError(
                    f"'{name}' belongs to sweeps, and this is a single run",
                    where=node.origin.place(),
                    hint="take it out",
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
        node = composition.filled.at(path)
        if node is not None:
            shape = shape_at(composition.shape(), path, composition.filled)
            _put_back(plain, path, masked_value(node.value, shape, keep_references=True))
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


def _put_back(plain: dict[str, Any], path: Path, value: Any) -> None:
    holder: Any = plain
    for key in path[:-1]:
        holder = holder.get(key) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and path[-1] in holder:
        holder[path[-1]] = value


def _without_secrets(
    problems: list[BrevettiHydraError], composition: Composition
) -> list[BrevettiHydraError]:
    """Mask the values of secret settings in errors and their places."""
    texts = [*secret_texts(composition), *_secret_arguments(composition)]
    for problem in problems:
        problem.message = masked_text(problem.message, texts)
        problem.args = (problem.message,)
        problem.notes = tuple(masked_text(note, texts) for note in problem.notes)
        problem.hint = masked_text(problem.hint, texts) if problem.hint else None
        if problem.where is not None:
            label, excerpt = problem.where.label, masked_text(problem.where.excerpt, texts)
            head, separator, argument = label.partition(": ")
            if separator and head.startswith(("argument", "override")):
                label = f"{head}: {masked_argument(argument, texts)}"
            problem.where = Place(escape_control(label), problem.where.line, excerpt)
    return problems


def secret_texts(composition: Composition) -> list[str]:
    """Give the written values of all settings of secret type."""
    found: list[str] = []
    for path, node in walk(composition.written):
        shape = shape_at(composition.shape(), path, composition.written)
        found += secrets_in(node.value, shape)
        if path in composition.resolution.values:
            found += secrets_in(composition.resolution.values[path], shape)
        covered = node.covered
        while covered is not None:
            found += secrets_in(covered.plain(), shape)
            covered = covered.covered
    return [text for text in dict.fromkeys(found) if text]


def _secret_arguments(composition: Composition) -> Iterable[str]:
    """Give the texts of arguments for secret settings, also of those that cannot be read."""
    from brevetti_hydra.config.overrides import split_key

    for argument in composition.arguments:
        try:
            shape = shape_at(composition.shape(), split_key(argument), composition.written)
        except OverrideSyntaxError:
            continue
        if shape is not None and shape.holds_secret and argument.value:
            yield argument.value


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
