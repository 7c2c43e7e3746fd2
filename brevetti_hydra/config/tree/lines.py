"""Which lines of a YAML text belong to a key: its own, those of its value, its comments."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from brevetti_hydra.config.tree.documents import is_header

__all__ = ["Entry", "Lines", "UnwritableError"]


class UnwritableError(Exception):
    """A text that cannot be changed as it would have to be; it says why."""


class Entry(NamedTuple):
    """A key with its value, and the mapping in which it stands.

    Attributes:
        key: The key.
        value: The value; of an alias, the node that bears the anchor.
        holder: The mapping.
        is_alias: Whether the value is an alias.
    """

    key: yaml.ScalarNode
    value: yaml.Node
    holder: yaml.MappingNode
    is_alias: bool


class Lines:
    """A text, by the lines of its entries; positions count characters from 0."""

    def __init__(self, text: str) -> None:
        self._text = text

    def alias_span(self, entry: Entry) -> tuple[int, int]:
        """Give where an alias stands.

        Raises:
            UnwritableError: It is not behind its key.
        """
        start = entry.key.end_mark.index
        found = re.compile(r"\s*:\s*(\*[^\s,\]}]+)").match(self._text, start)
        if found is None:
            raise UnwritableError("an alias cannot be found in the text")
        return found.span(1)

    def of(self, entry: Entry) -> tuple[int, int]:
        """Give the lines of an entry, with the comments that stand directly above it.

        Raises:
            UnwritableError: It does not begin its line.
        """
        column = entry.key.start_mark.column
        start = entry.key.start_mark.index - column
        if self._text[start : start + column].strip():
            raise UnwritableError(f"'{entry.key.value}' does not begin its line")
        end = _line_end(self._text, self._content_end(entry))
        while end < len(self._text):
            line = self._text[end : _line_end(self._text, end)]
            if not line.strip().startswith("#") or len(line) - len(line.lstrip(" ")) <= column:
                break
            end += len(line)
        return self.with_comments(start, column), end

    def with_comments(self, start: int, column: int) -> int:
        """Give where the comments begin that stand directly above a line, at its column."""
        above = start
        while above > 0:
            before = self._text.rfind("\n", 0, above - 1) + 1
            line = self._text[before:above]
            is_comment = line.lstrip(" ").startswith("#") and not is_header(line)
            if not is_comment or len(line) - len(line.lstrip(" ")) != column:
                break
            above = before
        head = [line for line in self._text[:above].splitlines() if not is_header(line)]
        # A comment at the top of a file is about the file.
        return above if any(line.strip() for line in head) or above == start else start

    def _content_end(self, entry: Entry) -> int:
        if entry.is_alias:
            return self.alias_span(entry)[1]
        value, after_key = entry.value, entry.key.end_mark.index
        if isinstance(value, yaml.CollectionNode) and value.value and not value.flow_style:
            last = value.value[-1]
            if isinstance(last, tuple):
                is_alias = last[1].start_mark.index < last[0].end_mark.index
                key, below = last
                return self._content_end(Entry(key, below, entry.holder, is_alias))
            if last.start_mark.index < value.start_mark.index:
                # An alias as the last element: its line is that of the last dash.
                return len(self._text[: value.end_mark.index].rstrip())
            return self._content_end(Entry(entry.key, last, entry.holder, is_alias=False))
        end = value.end_mark.index
        if isinstance(value, yaml.ScalarNode) and value.style in {"|", ">"}:
            end = len(self._text[:end].rstrip())
        return max(end, after_key)


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1
