"""The text of a YAML file at another version: only the lines that must change are touched.

The parser's marks say where each key and value stands, so comments, order, anchors, quotes and
line ends stay what they are. At the end the new text is read again and compared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from brevetti_hydra.config.tree.documents import compose_nodes, scan_tokens
from brevetti_hydra.config.tree.lines import Entry, Lines, UnwritableError
from brevetti_hydra.config.tree.origins import Node, is_same
from brevetti_hydra.config.tree.scalars import flow_text, scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from brevetti_hydra.config.tree.documents import Document

__all__ = ["comments_in", "rewritten"]

_MERGE_TAG = "tag:yaml.org,2002:merge"
_KEPT = ("defaults", "config_version")


class _Edit(NamedTuple):
    """A part of the text, and what is to stand in its place."""

    start: int
    end: int
    text: str


def rewritten(document: Document, tree: Node, made: Iterable[Node], version: Any) -> str:
    """Write a file's text anew.

    Args:
        document: The file as it is.
        tree: Its content as it is to be, without `defaults`; nodes bear the places they came from.
        made: Mappings of the tree that stand in no file yet.
        version: What `config_version` is to be; None leaves it as it is.

    Raises:
        UnwritableError: It cannot be written so; the text says why.
    """
    return _Rewriter(document, made).run(tree, version)


class _Rewriter:
    def __init__(self, document: Document, made: Iterable[Node]) -> None:
        self._text = document.text
        self._lines = Lines(document.text)
        self._label = document.label
        self._old = document.tree
        self._made = {id(node) for node in made}
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        self._edits: list[_Edit] = []
        self._moved: set[str] = set()
        root = compose_nodes(self._text)
        self._root = root if isinstance(root, yaml.MappingNode) else None
        self._entries: dict[str, Entry] = {}
        self._values: dict[str, Node] = {}
        if self._root is not None:
            self._gather(self._root)
        self._remember(self._old)
        self._step = self._indentation()

    def run(self, tree: Node, version: Any) -> str:
        if self._root is not None:
            self._sync(self._root, tree)
        elif tree.children:
            message = "it is empty"
            raise UnwritableError(message)
        if version is not None:
            self._write_version(version)
        return _applied(self._text, self._edits)

    def _gather(self, mapping: yaml.MappingNode) -> None:
        for key, value in mapping.value:
            if key.tag == _MERGE_TAG or not isinstance(key, yaml.ScalarNode):
                continue
            # The node behind an alias is the one that bears the anchor, further up.
            is_alias = value.start_mark.index < key.end_mark.index
            self._entries[self._place(key)] = Entry(key, value, mapping, is_alias)
            if isinstance(value, yaml.MappingNode) and not is_alias:
                self._gather(value)

    def _remember(self, node: Node) -> None:
        for child in (node.children or {}).values():
            self._values.setdefault(child.origin.label, child)
            self._remember(child)

    def _place(self, node: yaml.Node) -> str:
        return f"{self._label}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def _own(self, mapping: yaml.MappingNode) -> dict[str, Entry]:
        return {
            self._place(key): self._entries[self._place(key)]
            for key, _ in mapping.value
            if self._place(key) in self._entries
        }

    def _indentation(self) -> int:
        for entry in self._entries.values():
            value = entry.value
            if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
                step = value.value[0][0].start_mark.column - entry.key.start_mark.column
                if step > 0 and not entry.is_alias:
                    return int(step)
        return 2

    # From the tree to edits.

    def _sync(self, mapping: yaml.MappingNode, node: Node) -> None:
        """Bring one mapping of the text to what the tree says."""
        own = self._own(mapping)
        kept: set[str] = set()
        foreign: list[tuple[str, Node]] = []
        for key, child in (node.children or {}).items():
            place = child.origin.label
            entry = own.get(place)
            if entry is not None and place not in kept and id(child) not in self._made:
                kept.add(place)
                # What else was made of it is written without its comments.
                self._moved.add(place)
                self._sync_entry(entry, key, child)
            elif id(child) in self._made or not self._is_merged(mapping, place):
                foreign.append((key, child))
        gone = [
            entry
            for place, entry in own.items()
            if place not in kept and not (mapping is self._root and str(entry.key.value) in _KEPT)
        ]
        self._insert(mapping, foreign, gone)

    def _is_merged(self, mapping: yaml.MappingNode, place: str) -> bool:
        """Whether a key stands in a mapping that `<<` brings in here."""
        for key, value in mapping.value:
            if key.tag == _MERGE_TAG:
                merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                if any(
                    isinstance(each, yaml.MappingNode)
                    and (place in self._own(each) or self._is_merged(each, place))
                    for each in merged
                ):
                    return True
        return False

    def _sync_entry(self, entry: Entry, key: str, child: Node) -> None:
        if str(entry.key.value) != key:
            self._replace(entry.key, scalar_text(key, entry.key.style, is_key=True))
        old = self._values.get(child.origin.label)
        value = entry.value
        is_open = not entry.is_alias and child.children is not None
        if isinstance(value, yaml.MappingNode) and is_open:
            if not value.value and not entry.holder.flow_style:
                self._fill_empty(entry, value, child)
            else:
                self._sync(value, child)
        elif old is None or not is_same(old.plain(), child.plain()):
            if entry.is_alias:
                start, end = self._lines.alias_span(entry)
                self._edits.append(_Edit(start, end, flow_text(child.plain())))
            else:
                self._sync_value(entry.value, None if old is None else old.plain(), child.plain())

    def _fill_empty(self, entry: Entry, value: yaml.MappingNode, node: Node) -> None:
        """Write lines below a key in the place of its `{}`."""
        if not node.children:
            return
        start, end = entry.key.end_mark.index, value.end_mark.index
        colon = self._text.index(":", start) + 1
        self._edits.append(_Edit(colon, end, ""))
        column = entry.key.start_mark.column + self._step
        below = "".join(self._emitted(key, each, column) for key, each in node.children.items())
        self._append(self._lines.of(entry)[1], below)

    def _append(self, at: int, text: str) -> None:
        """Put lines where others end; the last line of the text may lack its end."""
        if at > 0 and self._text[at - 1] != "\n":
            text = self._newline + text.removesuffix(self._newline)
        self._edits.append(_Edit(at, at, text))

    def _sync_value(self, node: yaml.Node, old: Any, new: Any) -> None:
        """Change the values inside a value, as few as possible."""
        if is_same(old, new):
            return
        if isinstance(node, yaml.SequenceNode) and isinstance(new, list):
            if isinstance(old, list) and len(node.value) == len(old) == len(new):
                for inner, before, after in zip(node.value, old, new, strict=True):
                    self._sync_value(inner, before, after)
                return
        elif isinstance(node, yaml.MappingNode) and isinstance(new, dict):
            keys = [str(key.value) for key, _ in node.value]
            if isinstance(old, dict) and list(new) == list(old) == keys:
                for key, inner in node.value:
                    self._sync_value(inner, old[str(key.value)], new[str(key.value)])
                return
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        self._replace(node, scalar_text(new, style))

    def _replace(self, node: yaml.Node, text: str) -> None:
        start, end = node.start_mark.index, node.end_mark.index
        given = self._text[start:end]
        anchor = re.match(r"((?:[&!]\S*\s+)+)", given)
        if anchor is not None:
            start += anchor.end()
        if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
            end = start + len(self._text[start:end].rstrip())
        elif isinstance(node, yaml.CollectionNode) and not node.flow_style:
            raise UnwritableError("a block of several lines would be written anew")
        self._edits.append(_Edit(start, end, text))

    def _insert(
        self, mapping: yaml.MappingNode, foreign: list[tuple[str, Node]], gone: list[Entry]
    ) -> None:
        if mapping.flow_style:
            self._insert_flow(mapping, foreign, gone)
            return
        column = mapping.start_mark.column
        own = {place: self._lines.of(entry) for place, entry in self._own(mapping).items()}
        spans = {place: own[place] for place in map(self._place, (e.key for e in gone))}
        last = max((end for _, end in own.values()), default=0)
        # In the place of what is gone, else behind what it was made of, else at the end.
        where = {place: end for place, (_, end) in own.items()}
        where |= {place: start for place, (start, _) in spans.items()}
        texts: dict[int, str] = {}
        for key, child in foreign:
            at = next((where[p] for p in self._sources(child) if p in where), last)
            texts[at] = texts.get(at, "") + self._emitted(key, child, column)
        for start, end in spans.values():
            self._edits.append(_Edit(start, end, texts.pop(start, "")))
        for at, text in texts.items():
            self._append(at, text)

    def _insert_flow(
        self, mapping: yaml.MappingNode, foreign: list[tuple[str, Node]], gone: list[Entry]
    ) -> None:
        """Take entries out of `{...}`, put others in the place of the first, or at the end."""
        texts = [self._emitted_flow(key, child) for key, child in foreign]
        starts = [key.start_mark.index for key, _ in mapping.value]
        close = mapping.end_mark.index - 1
        places = [entry.key.start_mark.index for entry in gone]
        runs: list[tuple[int, int]] = []
        for number, start in enumerate(starts):
            if start not in places:
                continue
            is_last = number + 1 == len(starts)
            if not texts and is_last and number:
                previous = mapping.value[number - 1][1].end_mark.index
                runs.append((previous, close))
            else:
                runs.append((start, close if is_last else starts[number + 1]))
        for start, end in runs:
            tail = self._text[start:end]
            text = ""
            if texts:
                text, texts = ", ".join(texts), []
                text += re.search(r"(,\s*|\s*)$", tail)[0]  # type: ignore[index]
            self._edits.append(_Edit(start, end, text))
        if texts:
            inside = self._text[mapping.start_mark.index : close].rstrip()
            at = mapping.start_mark.index + len(inside)
            comma = "" if inside.endswith(("{", ",")) else ", "
            self._edits.append(_Edit(at, at, comma + ", ".join(texts)))

    # From a node to text.

    def _sources(self, node: Node) -> Iterator[str]:
        """Give the places from which a node was made."""
        if id(node) not in self._made:
            yield node.origin.label
        for child in (node.children or {}).values():
            yield from self._sources(child)

    def _emitted(self, key: str, node: Node, column: int) -> str:
        """Write a key with its value as lines, its comments included."""
        indent = " " * column
        entry = self._entries.get(node.origin.label)
        name = scalar_text(key, None, is_key=True)
        if id(node) not in self._made and entry is not None:
            place = self._place(entry.key)
            if place not in self._moved and not entry.holder.flow_style:
                self._moved.add(place)
                return self._carried(entry, key, node, column)
        if node.children:
            below = "".join(
                self._emitted(inner, child, column + self._step)
                for inner, child in node.children.items()
            )
            return f"{indent}{name}:{self._newline}{below}"
        return f"{indent}{name}: {self._value_text(node)}{self._newline}"

    def _carried(self, entry: Entry, key: str, node: Node, column: int) -> str:
        """Carry the lines of an entry over to another column, with what changes in them."""
        start, end = self._lines.of(entry)
        outer, self._edits = self._edits, []
        self._sync_entry(entry, key, node)
        inner, self._edits = self._edits, outer
        moved = [_Edit(e.start - start, e.end - start, e.text) for e in inner]
        text = _applied(self._text[start:end], moved)
        if not text.endswith("\n"):
            text += self._newline
        change = column - entry.key.start_mark.column
        return "".join(_indented(line, change) for line in text.splitlines(keepends=True))

    def _emitted_flow(self, key: str, node: Node) -> str:
        return f"{scalar_text(key, None, is_key=True)}: {self._value_text(node)}"

    def _value_text(self, node: Node) -> str:
        """Write a value on one line: as it stood where it did not change."""
        if id(node) in self._made and node.children:
            inner = ", ".join(self._emitted_flow(key, each) for key, each in node.children.items())
            return f"{{{inner}}}"
        entry = self._entries.get(node.origin.label)
        old = self._values.get(node.origin.label)
        if entry is not None and old is not None and is_same(old.plain(), node.plain()):
            start, end = entry.value.start_mark.index, entry.value.end_mark.index
            if entry.is_alias:
                start, end = self._lines.alias_span(entry)
            text = self._text[start:end].strip()
            if text and "\n" not in text:
                return text
        style = entry.value.style if entry and isinstance(entry.value, yaml.ScalarNode) else None
        return scalar_text(node.plain(), style)

    def _write_version(self, version: Any) -> None:
        """Set the number where it stands, else above the first key."""
        text = flow_text(version)
        for key, value in self._root.value if self._root is not None else ():
            if isinstance(key, yaml.ScalarNode) and key.value == "config_version":
                self._replace(value, text)
                return
        line = f"config_version: {text}"
        if self._root is None:
            is_open = bool(self._text) and not self._text.endswith("\n")
            end = len(self._text)
            given = f"{self._newline if is_open else ''}{line}{self._newline}"
            self._edits.append(_Edit(end, end, given))
        elif self._root.flow_style:
            at = self._root.start_mark.index + 1
            self._edits.insert(0, _Edit(at, at, f"{line}, " if self._root.value else line))
        else:
            first = self._root.value[0][0]
            start = first.start_mark.index - first.start_mark.column
            at = self._lines.with_comments(start, first.start_mark.column)
            self._edits.insert(0, _Edit(at, at, line + self._newline))


def comments_in(text: str) -> list[str]:
    """Give the comments of a YAML text, in order."""
    found: list[str] = []
    position = 0
    for token in scan_tokens(text):
        if token.start_mark.index > position:
            found += re.findall(r"#[^\r\n]*", text[position : token.start_mark.index])
        position = max(position, token.end_mark.index)
    return [comment.rstrip() for comment in found]


def _applied(text: str, edits: list[_Edit]) -> str:
    """Make edits on a text.

    Raises:
        UnwritableError: Two of them are about the same part.
    """
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if edit.start < position:
            raise UnwritableError("two changes are about the same part of the text")
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def _indented(line: str, change: int) -> str:
    if not line.strip():
        return line
    if change >= 0:
        return " " * change + line
    spaces = len(line) - len(line.lstrip(" "))
    return line[min(spaces, -change) :]
