"""Where a class declares a field: file and line, read off the source when somebody asks.

No part of a run's path. A class is found by its qualified name in the syntax tree of its module's
file; so nothing is imported, and a class that a function or a notebook cell made is simply not
found.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.models.fields import instance_of, model_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.models.fields import Field, Shape

__all__ = ["FieldSource", "default_source", "field_source"]

# They declare no fields of anybody.
_FOREIGN = ("pydantic", "builtins", "typing", "abc")


class FieldSource(NamedTuple):
    """Where a field is declared.

    Attributes:
        owner: The class that declares it, which may be a parent of the one that has it.
        file: The file, absolute; None where there is none, as in a notebook.
        line: Of the field, from 1; None where it was not found.
        module: The module, `my_pkg.train`.
    """

    owner: type
    file: str | None
    line: int | None
    module: str

    def label(self, folder: Path) -> str:
        """Write the place as short as it is clear.

        From a folder where the file lies below it, else from the top of its package; the qualified
        name where there is no file.
        """
        if self.file is None or self.line is None:
            return f"{self.module}:{self.owner.__qualname__}"
        return f"{_shown(self.file, self.module, str(folder))}:{self.line}"


def field_source(field: Field) -> FieldSource:
    """Find the declaration of a field: the first class in its owner's order that has it."""
    return _source(field.owner, field.attribute)


@lru_cache(maxsize=4096)
def _source(owner: type, attribute: str) -> FieldSource:
    for cls in owner.__mro__:
        if cls.__module__.partition(".")[0] in _FOREIGN:
            continue
        file = _file(cls)
        line = None if file is None else _lines(*file).get((cls.__qualname__, attribute))
        if file is not None and line is not None:
            return FieldSource(cls, file[0], line, cls.__module__)
        if file is None and attribute in vars(cls).get("__annotations__", {}):
            break
    else:
        cls = owner
    return FieldSource(cls, None, None, cls.__module__)


def _file(cls: type) -> tuple[str, int] | None:
    """Give a class's file and when it was changed."""
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if path is None or not path.endswith(".py"):
        return None
    try:
        # The module's own path, absolute: the working directory may have changed since.
        return str(Path(path).absolute()), Path(path).stat().st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=256)
def _lines(file: str, changed_ns: int) -> dict[tuple[str, str], int]:
    """Give the line of each annotated name of each class of a file."""
    del changed_ns
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {(owner, name): line for owner, name, line in _declared(tree.body, "")}


def _declared(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, str, int]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            owner = f"{prefix}{statement.name}"
            for each in statement.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                    yield owner, each.target.id, each.lineno
            yield from _declared(statement.body, f"{owner}.")
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _declared(statement.body, f"{prefix}{statement.name}.<locals>.")
        else:
            # `if`, `try`, `with` around a class change nothing about its name.
            for part in ("body", "orelse", "finalbody"):
                yield from _declared(getattr(statement, part, []), prefix)
            for handler in getattr(statement, "handlers", []):
                yield from _declared(handler.body, prefix)


@lru_cache(maxsize=256)
def _shown(file: str, module: str, folder: str) -> str:
    path = Path(file)
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    names = module.split(".")
    tail = [*names, "__init__"] if path.stem == "__init__" else names
    if path.with_suffix("").parts[-len(tail) :] == tuple(tail) and len(names) > 1:
        return "/".join(path.parts[-len(tail) :])
    return path.as_posix()


def default_source(field: Field, below: tuple[str, ...]) -> tuple[FieldSource, str]:
    """Find where a part of a field's default was written.

    Of `model: Model = Model(hidden=64)`, `hidden` was written there; `depth`, which the instance
    leaves alone, in the class Model.

    Args:
        field: The field.
        below: The keys below it.

    Returns:
        The place, and the name of the default there, `Model.depth`.
    """
    found = _declaring(field, below) if below else field
    source = field_source(found)
    return source, f"{source.owner.__name__}.{found.name}"


def _declaring(field: Field, below: tuple[str, ...]) -> Field:
    value = _default_instance(field.owner, field.name)
    for key in below:
        if isinstance(value, Mapping):
            value = value.get(key)
            continue
        kind: Any = type(value)
        inner = _shape_of(kind).field(key)
        if inner is None:
            break
        is_switch = key == field.shape.discriminator
        # Which variant stands there, the instance as a whole says.
        if not is_switch and not _is_given(value, inner):
            field = inner
        value = getattr(value, inner.attribute, None)
    return field


@lru_cache(maxsize=4096)
def _default_instance(owner: type, name: str) -> Any:
    """Give a field's default as it is in Python; made once, a factory may be slow."""
    field = _shape_of(owner).field(name)
    return None if field is None else instance_of(field)


def _is_given(instance: Any, field: Field) -> bool:
    """Whether an instance was made with a value for a field, and did not take the class's."""
    given = getattr(instance, "model_fields_set", None)
    if given is not None:
        return field.attribute in given
    if field.is_required:
        return True
    default = _default_instance(field.owner, field.name)
    return bool(getattr(instance, field.attribute, None) != default)


@lru_cache(maxsize=1024)
def _shape_of(model: type) -> Shape:
    return model_shape(model)
