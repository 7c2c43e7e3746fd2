"""The settings of a Job class as its source says, read without importing or running any of it.

Python's own parser reads the module; annotations, defaults and `Field(...)` that stand there as
literals are taken over, names are followed through the project's modules, and the rest is left out.
So a class that never ran, or that has changed since, is completed as well.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.completion.candidate import Node

__all__ = ["Sources"]

_MOST_BYTES = 500_000
_MOST_DEPTH = 6
_MOST_MODULES = 30
_OPTIONAL = frozenset({"Optional"})
_UNIONS = frozenset({"Union"})
_MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_PATHS = frozenset({"Path", "PurePath", "FilePath", "DirectoryPath", "NewPath"})
_SECRETS = frozenset({"Secret", "SecretStr", "SecretBytes"})
_ENUMS = frozenset({"Enum", "StrEnum", "IntEnum"})
_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class _Module(NamedTuple):
    """A parsed module: its classes, and from where it has other names."""

    file: str
    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str]]
    name: str


class _Found(NamedTuple):
    """A class, and the module that it stands in."""

    definition: ast.ClassDef
    module: _Module


class Sources:
    """Reads the modules of a project.

    Attributes:
        files: Every file that was read.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots
        self._modules: dict[str, _Module | None] = {}
        self.files: list[str] = []

    def keys(self, target: str) -> dict[str, Node] | None:
        """Give the settings of the class `pkg.mod:Class`; None where its source is not found."""
        module, separator, name = target.partition(":")
        if not separator:
            module, _, name = target.rpartition(".")
        job = self._class(module, name)
        if job is None:
            return None
        settings = self._settings_of(job, 0)
        return {} if settings is None else self._fields(settings, 0)

    def job_classes(self, module: str) -> list[tuple[str, str]]:
        """Name the Job classes of a module, each with the first line of its docstring."""
        found = self._module(module)
        return [] if found is None else list(self._jobs(found))

    def modules(self, beginning: str) -> Iterator[tuple[str, bool]]:
        """Name modules and packages of the project that begin so; whether each is a package."""
        parent, _, _ = beginning.rpartition(".")
        for root in self._roots:
            folder = os.path.join(root, *parent.split(".")) if parent else root
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                continue
            for name in names:
                full = f"{parent}.{name}" if parent else name
                is_package = os.path.isfile(os.path.join(folder, name, "__init__.py"))
                stem = full if is_package else full.removesuffix(".py")
                if stem == full and not is_package:
                    continue
                if stem.startswith(beginning) and stem.rpartition(".")[2].isidentifier():
                    yield stem, is_package

    def _jobs(self, module: _Module) -> Iterator[tuple[str, str]]:
        for name, definition in module.classes.items():
            if not name.startswith("_") and self._is_job(_Found(definition, module), 0):
                about = ast.get_docstring(definition) or ""
                yield name, about.partition("\n")[0]

    def _is_job(self, found: _Found, depth: int) -> bool:
        if depth > _MOST_DEPTH:
            return False
        for base in found.definition.bases:
            name = _last_name(base)
            inner = self._resolve(name, found.module) if name else None
            if inner is None:
                if name == "Job" or found.module.imports.get(name, ("", ""))[0].startswith(
                    "brevetti_hydra.jobs"
                ):
                    return True
            elif inner.definition is not found.definition and self._is_job(inner, depth + 1):
                return True
        return False

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = None
            if len(self.files) < _MOST_MODULES:
                self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> _Module | None:
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        for root in self._roots:
            path = os.path.join(root, *parts)
            for file in (f"{path}.py", os.path.join(path, "__init__.py")):
                if os.path.isfile(file):
                    return self._parse(file, name)
        return None

    def _parse(self, file: str, name: str) -> _Module | None:
        try:
            if os.path.getsize(file) > _MOST_BYTES:
                return None
            with open(file, "rb") as stream:
                tree = ast.parse(stream.read())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        self.files.append(file)
        is_package = os.path.basename(file) == "__init__.py"
        classes: dict[str, ast.ClassDef] = {}
        imports: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                source = _imported_module(node, name, is_package=is_package)
                for alias in node.names:
                    imports[alias.asname or alias.name] = (source, alias.name)
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                classes[statement.name] = statement
        return _Module(file, classes, imports, name)

    def _class(self, module: str, name: str, depth: int = 0) -> _Found | None:
        found = self._module(module)
        return None if found is None else self._resolve(name, found, depth)

    def _resolve(self, name: str, module: _Module, depth: int = 0) -> _Found | None:
        if depth > _MOST_DEPTH:
            return None
        definition = module.classes.get(name)
        if definition is not None:
            return _Found(definition, module)
        imported = module.imports.get(name)
        return None if imported is None else self._class(*imported, depth + 1)

    def _settings_of(self, job: _Found, depth: int) -> _Found | None:
        for statement in job.definition.body:
            if _annotated_name(statement) == "settings" and isinstance(statement, ast.AnnAssign):
                return self._resolve(_last_name(_evaluated(statement.annotation)), job.module)
        for base in self._bases(job, depth):
            found = self._settings_of(base, depth + 1)
            if found is not None:
                return found
        return None

    def _bases(self, found: _Found, depth: int) -> Iterator[_Found]:
        if depth < _MOST_DEPTH:
            for base in found.definition.bases:
                inner = self._resolve(_last_name(base), found.module)
                if inner is not None and inner.definition is not found.definition:
                    yield inner

    def _fields(self, found: _Found, depth: int) -> dict[str, Node]:
        keys: dict[str, Node] = {}
        for base in reversed(list(self._bases(found, depth))):
            keys |= self._fields(base, depth + 1)
        for statement in found.definition.body:
            name = _annotated_name(statement)
            if name is None or name.startswith("_") or not isinstance(statement, ast.AnnAssign):
                continue
            annotation = _evaluated(statement.annotation)
            if _last_name(annotation) != "ClassVar":
                node = self._node(annotation, found.module, depth)
                _add_value(node, statement.value)
                keys[name] = node
        return keys

    def _node(self, annotation: ast.expr, module: _Module, depth: int) -> Node:
        node: Node = {"type": ast.unparse(annotation)}
        values: list[str] = []
        members: list[dict[str, Node]] = []
        for part in _members(annotation):
            self._add_member(node, values, members, part, module, depth)
        if members:
            node |= _tagged(members) or {"keys": _all_of(members)}
        if values:
            node["values"] = list(dict.fromkeys(values))
        return node

    def _add_member(
        self,
        node: Node,
        values: list[str],
        members: list[dict[str, Node]],
        part: ast.expr,
        module: _Module,
        depth: int,
    ) -> None:
        name = _last_name(part)
        if isinstance(part, ast.Constant) and part.value is None:
            values.append("null")
        elif name == "Literal" and isinstance(part, ast.Subscript):
            values += [
                plain_text(each.value)
                for each in ast.walk(part.slice)
                if isinstance(each, ast.Constant)
            ]
        elif name == "bool":
            values += ["true", "false"]
        elif name in _PATHS:
            node["path"] = "file"
        elif name in _SECRETS:
            node["secret"] = True
        elif name in _MAPPINGS:
            node["value"] = self._value(part, module, depth)
        elif depth < _MOST_DEPTH and name:
            self._add_class(values, members, self._resolve(name, module), depth)

    def _value(self, part: ast.expr, module: _Module, depth: int) -> Node:
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Tuple):
            return self._node(part.slice.elts[-1], module, depth + 1)
        return {"type": "any"}

    def _add_class(
        self,
        values: list[str],
        members: list[dict[str, Node]],
        found: _Found | None,
        depth: int,
    ) -> None:
        if found is None:
            return
        if any(_last_name(base) in _ENUMS for base in found.definition.bases):
            values += [
                plain_text(statement.value.value)
                for statement in found.definition.body
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
            ]
            return
        members.append(self._fields(found, depth + 1))


def _tagged(members: list[dict[str, Node]]) -> Node:
    """Take a union whose members tell themselves apart by a literal for a discriminated one."""
    if len(members) == 1:
        return {}
    for name in members[0]:
        tags = [member.get(name, {}).get("values", ()) for member in members]
        listed = [tag for each in tags for tag in each]
        if all(tags) and len(listed) == len(set(listed)):
            variants = {tag: m for each, m in zip(tags, members, strict=True) for tag in each}
            return {"tag": name, "variants": variants}
    return {}


def _all_of(members: list[dict[str, Node]]) -> dict[str, Node]:
    return {name: node for member in members for name, node in member.items()}


def _imported_module(node: ast.ImportFrom, name: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _annotated_name(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return None


def _evaluated(annotation: ast.expr) -> ast.expr:
    """Read an annotation that is a text, and look through Annotated."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return annotation
    if isinstance(annotation, ast.Subscript) and _last_name(annotation) == "Annotated":
        inner = annotation.slice
        return inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    return annotation


def _members(annotation: ast.expr) -> Iterator[ast.expr]:
    """Give the members of a union, or the one type."""
    annotation = _evaluated(annotation)
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _members(annotation.left)
        yield from _members(annotation.right)
    elif isinstance(annotation, ast.Subscript) and _last_name(annotation) in _OPTIONAL | _UNIONS:
        inner = annotation.slice
        for part in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
            yield from _members(part)
        if _last_name(annotation) in _OPTIONAL:
            yield ast.Constant(None)
    else:
        yield annotation


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _add_value(node: Node, value: ast.expr | None) -> None:
    """Take over a default, and what `Field(...)` says in plain values."""
    if isinstance(value, ast.Call) and _last_name(value.func) in {"Field", "field"}:
        facts: dict[str, Any] = {
            keyword.arg: keyword.value.value
            for keyword in value.keywords
            if keyword.arg and isinstance(keyword.value, ast.Constant)
        }
        bounds = [f"{sign} {facts[name]}" for name, sign in _BOUNDS.items() if name in facts]
        if bounds:
            node["bounds"] = ", ".join(bounds)
        if isinstance(facts.get("description"), str):
            node["text"] = " ".join(facts["description"].split())
        names = {keyword.arg for keyword in value.keywords}
        given = [keyword.value for keyword in value.keywords if keyword.arg == "default"]
        value = next(iter([*value.args[:1], *given]), None)
        if names & {"default_factory"}:
            return
    if value is None or (isinstance(value, ast.Constant) and value.value is ...):
        node["required"] = True
        return
    if _is_default(value) and "secret" not in node:
        node["default"] = (
            ast.unparse(value) if not isinstance(value, ast.Constant) else plain_text(value.value)
        )


def _is_default(value: ast.expr) -> bool:
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        value = value.operand
    return isinstance(value, ast.Constant) and value.value is not ...
