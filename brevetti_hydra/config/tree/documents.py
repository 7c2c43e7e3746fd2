"""YAML files as trees of nodes with the line and column of every key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from brevetti_hydra._masks import MASK
from brevetti_hydra._text import shorten
from brevetti_hydra.config.safety.masks import is_reference
from brevetti_hydra.config.tree.budget import Budget, check_yaml
from brevetti_hydra.config.tree.origins import Node, Origin, Via
from brevetti_hydra.errors import (
    ConfigNotFoundError,
    ConfigSyntaxError,
    InvalidSettingError,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path as FilePath

__all__ = [
    "Document",
    "Version",
    "compose_nodes",
    "is_header",
    "parse_document",
    "read_document",
    "read_header",
    "reads_as_text",
    "scan_tokens",
    "without_values",
]

_HEADER = re.compile(r"#\s*@(\w+)\s+(\S+)\s*$")
_MERGE_TAG = "tag:yaml.org,2002:merge"
_TAGS = "tag:yaml.org,2002:"
_SCALARS_OF = ("null", "bool", "int", "float", "str")
# Python writes no number of more than 4,300 digits.
_MOST_BITS = 14_000
_TEXT_TAG = "tag:yaml.org,2002:str"
# Half sentences of PyYAML.
_PROBLEMS = {"but found another document": "a file holds one document, and here a second begins"}
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Version(NamedTuple):
    """The `config_version` of a file: `3`, or `{project: 3, harness: 1}`.

    Attributes:
        project: The project's number; None: not said.
        harness: The number of the harness's own nodes; None: not said.
        origin: Where it stands.
    """

    project: int | None
    harness: int | None
    origin: Origin


class Document(NamedTuple):
    """One YAML file.

    Attributes:
        label: How places name it: the path from the working directory, or `package:...`.
        text: The whole text.
        package: What its `# @package` header says, or None.
        tree: Its content without `defaults` and `config_version`.
        defaults: Its defaults list as plain values, or None.
        defaults_origins: Where each entry of the defaults list stands; where it is no list, where
            the key stands.
        version: What its `config_version` says, or None.
    """

    label: str
    text: str
    package: str | None
    tree: Node
    defaults: Any
    defaults_origins: tuple[Origin, ...]
    version: Version | None = None


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML as OmegaConf reads it: `1e-3` is a number, dates are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    # The YAML 1.2 notation, which PyYAML's YAML 1.1 lacks: an exponent needs no dot and no sign.
    re.compile(r"[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+\Z"),
    list("-+0123456789."),
)


# The table of what `3`, `yes` and `.inf` mean; it reads no text itself.
_SCALARS: Any = _Loader("")


def read_document(path: FilePath, label: str, budget: Budget) -> Document:
    """Read a YAML file.

    Raises:
        ConfigNotFoundError: It cannot be opened.
        ConfigSyntaxError: It is no YAML, no text, no mapping, or has a key twice.
        OverBudgetError: It is larger, deeper or wider than the budget.
        InvalidSettingError: Its `config_version` is none.
    """
    try:
        with path.open("rb") as stream:
            # One byte more than allowed is enough to see that it is too large.
            content = stream.read(budget.yaml_bytes + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        message = f"cannot read '{label}'"
        raise ConfigNotFoundError(message, notes=[error.strerror or str(error)]) from error
    except UnicodeDecodeError as error:
        message = f"'{label}' is no UTF-8 text"
        raise ConfigSyntaxError(message, where=Place(label), notes=[str(error)]) from error
    return parse_document(text, label, budget)


def parse_document(text: str, label: str, budget: Budget) -> Document:
    """Read YAML text.

    Raises:
        ConfigSyntaxError: It is no YAML, or no mapping.
        OverBudgetError: It is over the budget.
        InvalidSettingError: Its `config_version` is none.
    """
    lines = text.splitlines()

    def excerpt(line: int) -> str:
        return shorten(lines[line - 1], 160) if line <= len(lines) else ""

    def origin(mark: yaml.Mark) -> Origin:
        line, column = mark.line + 1, mark.column + 1
        return Origin("yaml", f"{label}:{line}:{column}", line, excerpt)

    try:
        check_yaml(text, label, budget)
        root = compose_nodes(text)
        tree = _Builder(origin).build(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = origin(mark).place() if mark is not None else Place(label)
        problem = _PROBLEMS.get(error.problem or "", error.problem) or "it cannot be read"
        raise ConfigSyntaxError(
            f"'{label}' is no valid YAML", where=where, notes=[problem]
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigSyntaxError(
            f"'{label}' is no valid YAML",
            where=Place(f"{label}:{line}", line, excerpt(line)),
            notes=[f"the character {chr(error.character)!r} cannot stand in YAML"],
        ) from None
    except yaml.YAMLError as error:
        message = f"'{label}' is no valid YAML"
        raise ConfigSyntaxError(message, where=Place(label), notes=[str(error)]) from None
    if tree is None or (tree.children is None and tree.value is None):
        tree = Node(Origin("yaml", label), children={})
    if tree.children is None:
        raise ConfigSyntaxError(
            f"'{label}' must hold a mapping of keys to values", where=tree.origin.place()
        )
    defaults = tree.children.pop("defaults", None)
    version = _version(tree.children.pop("config_version", None))
    if not (defaults is None and version is None) and not tree.children:
        # Choices and a version alone write no key, and so open no node.
        tree = Node(Origin("yaml", label), children={})
    return Document(
        label=label,
        text=text,
        package=read_header(text),
        tree=tree,
        defaults=None if defaults is None else defaults.plain(),
        defaults_origins=() if defaults is None else _entries(root, origin),
        version=version,
    )


def _version(node: Node | None) -> Version | None:
    if node is None:
        return None
    given = node.plain()
    numbers = given if isinstance(given, dict) else {"project": given}
    is_known = bool(numbers) and set(numbers) <= {"project", "harness"}
    if not is_known or not all(type(each) is int and each >= 1 for each in numbers.values()):
        raise InvalidSettingError(
            f"'config_version' must be an integer from 1, but is {_shown(given)}",
            where=node.origin.place(),
            hint="write the project's number, or {project: 3, harness: 1}",
        )
    return Version(numbers.get("project"), numbers.get("harness"), node.origin)


def _shown(value: Any) -> str:
    """Write a value as YAML does, where Python would not."""
    names = {None: "null", True: "true", False: "false"}
    is_named = value is None or isinstance(value, bool)
    return names[value] if is_named else shorten(repr(value))


def without_values(document: Document, places: Container[str]) -> str:
    """Write a file's text with a mask for the values that stand at some places.

    Args:
        document: The file.
        places: Places of keys, or of elements of lists, as origins name them.
    """
    spans: set[tuple[int, int]] = set()

    def visit(node: yaml.Node, *, is_hidden: bool) -> None:
        if isinstance(node, yaml.ScalarNode):
            if is_hidden and not is_reference(node.value):
                spans.add((node.start_mark.index, node.end_mark.index))
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                visit(item, is_hidden=is_hidden or _place(document, item.start_mark) in places)
        else:
            for key, value in node.value:
                visit(key, is_hidden=is_hidden)
                visit(value, is_hidden=is_hidden or _place(document, key.start_mark) in places)

    root = compose_nodes(document.text)
    if root is not None:
        visit(root, is_hidden=False)
    text = document.text
    for start, end in sorted(spans, reverse=True):
        text = f'{text[:start]}"{MASK}"{text[end:]}'
    return text


def _place(document: Document, mark: yaml.Mark) -> str:
    return f"{document.label}:{mark.line + 1}:{mark.column + 1}"


def read_header(text: str) -> str | None:
    """Read `# @package NAME` from the comment lines at the very top of a file."""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        found = _HEADER.fullmatch(stripped)
        if found is None:
            return None
        if found.group(1) == "package":
            return found.group(2)
    return None


def is_header(line: str) -> bool:
    """Whether a line is one of those that `read_header` reads."""
    return _HEADER.fullmatch(line.strip()) is not None


def reads_as_text(text: str) -> bool:
    """Whether a plain scalar is read as a text, and not as a number, a truth value or nothing."""
    return bool(_SCALARS.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT_TAG)


def compose_nodes(text: str) -> yaml.Node | None:
    """Give YAML's own nodes with their marks; None for an empty text.

    Raises:
        yaml.YAMLError: It is no YAML.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_node()  # type: ignore[no-any-return]
    finally:
        loader.dispose()


def scan_tokens(text: str) -> Iterator[Any]:
    """Give YAML's tokens with their marks; comments stand between them."""
    return iter(yaml.scan(text, Loader=_Loader))


def _entries(root: yaml.Node | None, origin: Callable[[yaml.Mark], Origin]) -> tuple[Origin, ...]:
    if not isinstance(root, yaml.MappingNode):
        return ()
    for key, value in root.value:
        if key.value == "defaults":
            items = value.value if isinstance(value, yaml.SequenceNode) else [key]
            return tuple(origin(item.start_mark) for item in items)
    return ()


class _Builder:
    """Turns YAML's nodes into ours."""

    def __init__(self, origin: Callable[[yaml.Mark], Origin]) -> None:
        self._origin = origin

    def build(self, node: yaml.Node, mark: yaml.Mark | None = None) -> Node:
        """Build a node; its origin is its key's place, else its own."""
        origin = self._origin(mark or node.start_mark)
        if isinstance(node, yaml.MappingNode):
            children = self._children(node)
            if mark is not None and node.start_mark.index < mark.index:
                # `key: *alias`: what is below stands where the anchor is.
                via = (Via(origin, "*"),)
                children = {key: child.copy(via) for key, child in children.items()}
            return Node(origin, children=children)
        if isinstance(node, yaml.SequenceNode):
            return Node(
                origin,
                value=self._plain(node),
                inside=lambda path: self._locate(node, path),
                via=self._anchored(node, mark),
            )
        return Node(origin, value=self._plain(node), via=self._anchored(node, mark))

    def _anchored(self, node: yaml.Node, mark: yaml.Mark | None) -> tuple[Via, ...]:
        """Say where the value of `key: *alias` stands."""
        if mark is None or node.start_mark.index >= mark.index:
            return ()
        return (Via(self._origin(node.start_mark), "&"),)

    def _children(self, node: yaml.MappingNode) -> dict[str, Node]:
        _check_tag(node, "map")
        children: dict[str, Node] = {}
        own: set[str] = set()
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE_TAG:
                via = (Via(self._origin(key_node.start_mark), "<<"),)
                for merged in self._merged(value_node):
                    for key, child in self._children(merged).items():
                        if key not in children:
                            children[key] = child.copy(via)
                continue
            key = self._key(key_node)
            if key in own:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands here a second time", key_node.start_mark
                )
            own.add(key)
            children.pop(key, None)
            children[key] = self.build(value_node, key_node.start_mark)
        return children

    def _merged(self, node: yaml.Node) -> list[yaml.MappingNode]:
        nodes: list[Any] = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for candidate in nodes:
            if not isinstance(candidate, yaml.MappingNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "'<<' takes mappings only", candidate.start_mark
                )
        return nodes

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be a plain text or number", node.start_mark
            )
        return str(node.value)

    def _plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.SequenceNode):
            _check_tag(node, "seq")
            return [self._plain(item) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return {key: child.plain() for key, child in self._children(node).items()}
        _check_tag(node, *_SCALARS_OF)
        try:
            value = _SCALARS.construct_object(node)
        except (ValueError, KeyError, IndexError) as error:
            problem = f"it is no {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            problem = "the number is too long"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value

    def _locate(self, node: yaml.Node, path: tuple[str | int, ...]) -> Origin | None:
        for key in path:
            inner = None
            if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
                inner = node.value[key] if key < len(node.value) else None
            elif isinstance(node, yaml.MappingNode):
                inner = next((value for name, value in node.value if name.value == key), None)
            if inner is None:
                break
            node = inner
        return self._origin(node.start_mark)


def _check_tag(node: yaml.Node, *allowed: str) -> None:
    """Refuse what is no plain value: Python's objects, sets, bytes, a program's own kinds."""
    if node.tag.removeprefix(_TAGS) not in allowed or not node.tag.startswith(_TAGS):
        tag = node.tag.replace(_TAGS, "!!", 1)
        problem = f"the tag '{shorten(tag)}' has no meaning here"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
