"""What a migration changes in a file, as a patch that `git apply` takes; secrets are masked."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._masks import Masking, without_word
from brevetti_hydra._text import escape_control
from brevetti_hydra.config.safety.masks import (
    hidden_line,
    is_reference,
    is_secret_name,
    masked_line,
    texts_in,
)
from brevetti_hydra.config.secrets import WrittenSecret, find_secrets
from brevetti_hydra.config.tree.origins import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.migration.migrated_files import MigratedFile
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.tree.origins import Node

__all__ = ["difference"]

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_OPEN_END = "\n\\ No newline at end of file\n"


def difference(migrated: MigratedFile, shape: Shape | None) -> str:
    """Write a unified diff of a file before and after.

    A value that is a secret is hidden on both sides, also under a name that does not look like
    one; a patch that holds a secret does not apply.

    Args:
        migrated: The file.
        shape: What its job's tree is; None: only the look of names tells what is a secret.
    """
    before, after = (_lines(each) for each in (migrated.before, migrated.after))
    name = migrated.file.label
    raw = list(difflib.unified_diff(before, after, _name(f"a/{name}"), _name(f"b/{name}")))
    hidden = _Hidden.of(migrated.trees, shape)
    parts = [line if line.endswith("\n") else f"{line}\n" for line in raw[:2]]
    old = new = 0
    for line in raw[2:]:
        hunk = _HUNK.match(line)
        if hunk is not None:
            old, new = int(hunk[1]), int(hunk[2])
            parts.append(line)
            continue
        is_hidden = line[0] != "+" and old in hidden.lines
        text = line[:1] + hidden.masked(line[1:], is_whole=is_hidden)
        parts.append(text if text.endswith("\n") else text + _OPEN_END)
        old += line[0] != "+"
        new += line[0] != "-"
    return "".join(parts)


class _Hidden(NamedTuple):
    """The secrets of a file.

    Attributes:
        lines: The numbers of the lines of the old text on which one begins.
        texts: What stands for them in either text.
    """

    lines: frozenset[int]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, trees: tuple[Node, ...], shape: Shape | None) -> _Hidden:
        # Of a migrated tree each key still knows the line from which it came.
        found = [secret for tree in trees for secret in _secrets(tree, shape)]
        lines = (secret.origin.line for secret in found)
        texts = {
            line.strip()
            for secret in found
            for text in texts_in(secret.value)
            for line in text.splitlines()
        }
        return cls(frozenset(n for n in lines if n is not None), tuple(sorted(texts - {""})))

    def masked(self, line: str, *, is_whole: bool) -> str:
        text = line.rstrip("\r\n")
        end = line[len(text) :]
        if is_whole:
            return hidden_line(text) + end
        text = Masking(self.texts).text(masked_line(text))
        for secret in self.texts:
            text = without_word(text, secret)
        return text + end


def _secrets(tree: Node, shape: Shape | None) -> Iterator[WrittenSecret]:
    yield from find_secrets(tree, shape)
    for path, node in walk(tree):
        if any(map(is_secret_name, path)) and not is_reference(node.value):
            yield WrittenSecret(node.origin, node.plain())


def _lines(content: bytes) -> list[str]:
    # At line feeds alone, as patches are read; '\r' is a part of its line.
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode())


def _name(path: str) -> str:
    """Write a path as git does: quoted where it would not be one line."""
    if path.isprintable() and not set(path) & {'"', "\\"}:
        return path
    escaped = escape_control(path.replace("\\", "\\\\").replace('"', '\\"'))
    return '"{}"'.format(escaped.replace("\n", "\\n").replace("\t", "\\t"))
