"""The comment line by which a YAML file names its schema to the YAML language server."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from brevetti_hydra.config.tree.documents import is_header

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["modeline", "with_modeline"]

_BOM = b"\xef\xbb\xbf"
_MODELINE = re.compile(rb"#\s+yaml-language-server\s*:")
_SCHEMA = re.compile(rb"\$schema=\S+")


def modeline(file: Path, schema: Path) -> str:
    """Write the line for a file; the schema is named from the file's own folder.

    Returns:
        The line; where the path holds a blank, at which the server would stop reading, a URI.
    """
    try:
        path = os.path.relpath(schema.absolute(), file.absolute().parent).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        path = " "
    return f"# yaml-language-server: $schema={schema.absolute().as_uri() if ' ' in path else path}"


def with_modeline(content: bytes, line: str) -> bytes:
    """Put the line into a file's content, or mend the one that is there; all else stays.

    It goes below `# @package`, which Hydra reads only where no other comment stands above it.
    """
    start = len(_BOM) if content.startswith(_BOM) else 0
    lines = content[start:].splitlines(keepends=True)
    for number, each in enumerate(lines):
        if _MODELINE.match(each):
            lines[number] = _mended(each, line.encode())
            return content[:start] + b"".join(lines)
    place = _below_headers(lines)
    end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    if place and not lines[place - 1].endswith((b"\n", b"\r")):
        lines[place - 1] += end
    lines.insert(place, line.encode() + end)
    return content[:start] + b"".join(lines)


def _mended(old: bytes, line: bytes) -> bytes:
    wanted: bytes = _SCHEMA.findall(line)[0]
    if _SCHEMA.search(old):
        mended: bytes = _SCHEMA.sub(lambda _: wanted, old, count=1)
        return mended
    text = old.rstrip(b"\r\n")
    return text.rstrip() + b" " + wanted + old[len(text) :]


def _below_headers(lines: list[bytes]) -> int:
    """Count the lines from the top to the last header, among which only blank ones may be."""
    place = 0
    for number, each in enumerate(lines):
        text = each.decode("utf-8", "replace").strip()
        if is_header(text):
            place = number + 1
        elif text:
            break
    return place
